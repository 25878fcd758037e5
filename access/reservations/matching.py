"""Stays read now, and stays known -> what to do about each. Pure.

A calendar that lacks a stay proves little: booking sites answer with an empty calendar while
they are ill, and with half of one while they are busy (reliability CODE-06). So a stay ends by
absence only when three readings, at least two minutes apart, all lacked it, and never while it
is going on. What a calendar *says* counts at once: other dates, or cancelled.

`Step.after` is all there is to store: whoever stores it and plans again from the same reading
gets nothing more to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from access.reservations.known import Ending, Known, moved
from access.reservations.same import same_stays
from access.reservations.stays import Reading, Row, Stay, Verdict

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

ABSENCES = 3
APART = timedelta(minutes=2)
#: What repeats comes into sight as time goes by, also where the calendar stays as it is.
READ_WHOLE_EVERY = timedelta(hours=24)


class Do(StrEnum):
    CREATE = "create"
    CHANGE = "change"
    KEEP = "keep"
    END = "end"
    SKIP = "skip"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing that is otherwise now. Moments are those in force, hands included."""

    field: str
    was: datetime | str
    becomes: datetime | str


@dataclass(frozen=True, kw_only=True)
class Step:
    """What to do about one stay, and why."""

    do: Do
    sentence: str
    #: The entry it comes from; None where the source has none any more.
    row: Row | None
    before: Known | None
    #: To be stored in place of `before`, also where the step is to keep. None: nothing.
    after: Known | None
    changes: tuple[Change, ...] = ()
    #: A person should decide something.
    needs_look: bool = False
    #: The number belongs to another booking now: nothing of the old guest may go on working.
    is_other_guest: bool = False


@dataclass(frozen=True, kw_only=True)
class Plan:
    steps: tuple[Step, ...]
    #: A sentence on the reading as a whole; "" where it looks as always.
    warning: str = ""


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is decided about a calendar or an upload."""

    zone: ZoneInfo
    #: A calendar lists every stay of its room; a table only what somebody chose.
    lists_all: bool
    #: Take `CLOSED - Not available` of Booking.com for a guest.
    unclear_are_stays: bool


def plan(reading: Reading, known: Iterable[Known], *, source: Source, at: datetime) -> Plan:
    """Say what to do about each stay read, and each known one of this source.

    `known` are all that ever came from it, ended ones too, one for each number.
    """
    planner = _Planner(reading, list(known), source, at)
    steps = tuple(planner.steps())
    return Plan(steps=steps, warning=planner.warning() if source.lists_all else "")


def may_ask_for_changes_only(
    known: Iterable[Known], *, read_whole_at: datetime | None, now: datetime
) -> bool:
    """Tell whether `not modified` would be answer enough.

    Not while a stay is missing, for each absence must be seen; not after a day.
    """
    if read_whole_at is None or now - read_whole_at >= READ_WHOLE_EVERY:
        return False
    return not any(each.absences and each.ending is None for each in known)


class _Planner:
    def __init__(self, reading: Reading, known: list[Known], source: Source, at: datetime) -> None:
        self.reading = reading
        self.source = source
        self.at = at
        self.known = known
        self.same = same_stays(reading, known, at=at)
        matched = {each.stay.uid for each in self.same.values()}
        self.present = matched | {row.uid for row in reading.unreadable if row.uid}
        #: Of what repeats, one that cannot be read stands for all its times.
        self.series = tuple(f"{row.uid}#" for row in reading.unreadable if row.uid)

    def steps(self) -> Iterator[Step]:
        by_uid = {each.stay.uid: each for each in self.known}
        for row in self.reading.rows:
            if row.stay is None:
                is_known = row.verdict is Verdict.UNREADABLE and row.uid in by_uid
                yield _as_it_is(row, by_uid[row.uid] if is_known else None)
            elif (same := self.same.get(row.stay.uid)) is None:
                yield self._new(row, row.stay)
            else:
                yield self._again(row, row.stay, same)
        if self.source.lists_all:
            for each in self.known:
                if self._is_missing(each):
                    yield self._absent(each)

    def warning(self) -> str:
        ahead = [each for each in self.known if self._matters(each)]
        missing = [each for each in ahead if self._is_missing(each)]
        if self.reading.doubt:
            return f"{self.reading.doubt} No stay is ended because it is missing."
        if not missing or len(missing) * 2 <= len(ahead):
            return ""
        return (
            f"Of {len(ahead)} {_stays(len(ahead))} known, {len(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing. They end only if "
            f"{ABSENCES} readings say the same."
        )

    # --- what is in the reading ---

    def _new(self, row: Row, stay: Stay) -> Step:
        def skip(sentence: str) -> Step:
            return Step(do=Do.SKIP, sentence=sentence, row=row, before=None, after=None)

        if stay.is_cancelled:
            return skip("Skipped: it is cancelled.")
        if stay.ends_at <= self.at:
            return skip("Skipped: it is over.")
        if stay.is_unclear and not self.source.unclear_are_stays:
            return skip("Skipped: it may be a booking or closed nights, the calendar does not say.")
        sentence = f"Created: {self._window(stay.starts_at, stay.ends_at)}."
        after = Known(stay=stay)
        return Step(do=Do.CREATE, sentence=sentence, row=row, before=None, after=after)

    def _again(self, row: Row, stay: Stay, known: Known) -> Step:
        if known.ending is Ending.BY_HAND and not known.is_other_booking(stay):
            return _step(Do.SKIP, "Skipped: it was ended here by hand.", row, known, known)
        if known.ending is not None:
            return self._back(row, stay, known)
        if stay.is_cancelled:
            return self._cancelled(row, known)
        return self._compared(row, stay, known)

    def _back(self, row: Row, stay: Stay, known: Known) -> Step:
        after, notes = moved(replace(known, ending=None), stay, at=self.at, zone=self.source.zone)
        if stay.is_cancelled or after.ends_at <= self.at:
            return _step(Do.KEEP, "Ended, as before.", row, known, known)
        sentence = f"Created again, it is back: {self._window(after.starts_at, after.ends_at)}."
        return _step(Do.CREATE, " ".join([sentence, *notes]), row, known, after)

    def _cancelled(self, row: Row, known: Known) -> Step:
        if known.ends_at <= self.at:
            return _step(Do.KEEP, "Kept: it is over.", row, known, known)
        after = replace(known, ending=Ending.BY_SOURCE, absences=0, absent_at=None)
        return _step(Do.END, "Ended: it is cancelled.", row, known, after)

    def _compared(self, row: Row, stay: Stay, known: Known) -> Step:
        after, notes = moved(known, stay, at=self.at, zone=self.source.zone)
        changes = tuple(_changes(known, after))
        is_other = known.is_other_booking(stay)
        told = [self._told(change) for change in changes]
        if is_other:
            told.insert(0, "another booking has its number now")
        if stay.uid != known.stay.uid:
            notes = (*notes, "Its number in the source is another one now.")
        sentence = f"Changed: {', '.join(told)}." if told else "Kept as it is."
        return Step(
            do=Do.CHANGE if told else Do.KEEP,
            sentence=" ".join([sentence, *notes]),
            row=row,
            before=known,
            after=after,
            changes=changes,
            needs_look=bool(notes) and after != known,
            is_other_guest=is_other,
        )

    # --- what is not ---

    def _matters(self, known: Known) -> bool:
        return known.ending is None and known.ends_at > self.at

    def _is_missing(self, known: Known) -> bool:
        is_listed = known.stay.uid in self.present or known.stay.uid.startswith(self.series)
        return self._matters(known) and not is_listed

    def _absent(self, known: Known) -> Step:
        if self.reading.doubt:
            return _step(Do.KEEP, f"Kept: {self.reading.doubt}", None, known, known)
        if known.starts_at <= self.at:
            sentence = (
                "Kept: it is missing, but going on now. End it by hand if the guest has left."
            )
            return replace(_step(Do.KEEP, sentence, None, known, known), needs_look=True)
        after = self._counted(known)
        if after.absences >= ABSENCES:
            sentence = f"Ended: missing in {ABSENCES} readings."
            ended = replace(after, ending=Ending.BY_SOURCE)
            return _step(Do.END, sentence, None, known, ended)
        sentence = f"Kept: missing in {after.absences} of {ABSENCES} readings."
        return _step(Do.KEEP, sentence, None, known, after)

    def _counted(self, known: Known) -> Known:
        if known.absent_at is not None and self.at - known.absent_at < APART:
            return known
        return replace(known, absences=known.absences + 1, absent_at=self.at)

    # --- words ---

    def _window(self, starts_at: datetime, ends_at: datetime) -> str:
        return f"{self._clock(starts_at)} – {self._clock(ends_at)}"

    def _clock(self, at: datetime) -> str:
        return f"{at.astimezone(self.source.zone):%-d %b %Y %H:%M}"

    def _told(self, change: Change) -> str:
        was, becomes = (
            self._clock(each) if isinstance(each, datetime) else each
            for each in (change.was, change.becomes)
        )
        name = {"starts_at": "begins", "ends_at": "ends"}.get(change.field, change.field)
        if change.field in {"email", "phone", "phone_ends"}:
            return {"email": "e-mail", "phone": "phone"}.get(change.field, "end of the phone")
        return f"{name} {becomes} (was {was})" if was else f"{name} {becomes}"


def _step(do: Do, sentence: str, row: Row | None, before: Known, after: Known) -> Step:
    return Step(do=do, sentence=sentence, row=row, before=before, after=after)


def _as_it_is(row: Row, known: Known | None) -> Step:
    """A row that is no stay. It keeps one that has its number and cannot be read now."""
    if known is None:
        sentence = f"Skipped: {row.reason}"
        return Step(do=Do.SKIP, sentence=sentence, row=row, before=None, after=None)
    step = _step(Do.KEEP, f"Kept, but it cannot be read now. {row.reason}", row, known, known)
    return replace(step, needs_look=True)


def _changes(before: Known, after: Known) -> Iterator[Change]:
    was, becomes = _facts(before), _facts(after)
    for name in was:
        if was[name] != becomes[name]:
            yield Change(field=name, was=was[name], becomes=becomes[name])


def _facts(known: Known) -> dict[str, datetime | str]:
    guest = known.stay.guest
    return {
        "starts_at": known.starts_at,
        "ends_at": known.ends_at,
        "name": guest.name,
        "email": guest.email,
        "phone": guest.phone,
        "phone_ends": guest.phone_ends,
        "reference": known.stay.reference,
        "room": known.stay.room,
    }


def _stays(count: int) -> str:
    return "stay" if count == 1 else "stays"
