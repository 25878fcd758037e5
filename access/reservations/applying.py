"""Carrying out what a plan says: grants made, changed and ended, and a line for each row.

What a source told is stored with its grant in one transaction. Where the grant is refused, the
stay is stored with the reason, and tried again at the next reading: its guest must not depend
on another's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import DatabaseError, transaction

from access.grants import services
from access.grants.asking import Asked
from access.models import AccessGrant, FeedStay
from access.models.feeds import FeedKind
from access.reservations import greeting, people, storing
from access.reservations.known import Ending, Known
from access.reservations.matching import Do, Step
from access.reservations.stays import Verdict, shown
from access.reservations.wishes import Ways, changed_wish, wish
from accounts import sealing
from audit.ids import new_id
from locks.codes.rules import RuleError
from locks.codes.services import RefusedError

logger = logging.getLogger(__name__)

FAILED = "failed"
NO_ROOM = "Nobody knows which room it is for."
MEANWHILE = "Somebody changed it at the same moment."
_AGAIN = "It is looked at again at the next reading."
NO_KEY = "Its PIN was kept with a key that this installation does not have any more."
NOT_STORED = "It could not be stored just now."
_LONGEST = 300
_NOT_DONE = {
    Do.CREATE: "Not created",
    Do.CHANGE: "Not changed",
    Do.END: "Not ended",
    Do.KEEP: "Still not done",
    Do.SKIP: "Skipped",
}


class MeanwhileError(Exception):
    """Somebody changed the stay while we did."""


class HalfDoneError(Exception):
    """Of what is done whole or not at all something cannot be done. `lines` say what."""

    def __init__(self, lines: Sequence[Line]) -> None:
        super().__init__("something was refused")
        self.lines = list(lines)


@dataclass(kw_only=True)
class Line:
    """What became of one row, as FeedReading keeps it."""

    #: The source's own count; None where the stay is in it no more.
    row: int | None
    text: str
    uid: str
    #: Of `matching.Do`, or FAILED.
    do: str
    sentence: str
    grant_id: str = ""
    needs_look: bool = False

    def as_json(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass
class Outcome:
    lines: list[Line] = field(default_factory=list)
    #: Others have taken over, or the process was told to stop.
    is_cut_short: bool = False

    def count(self, *done: str) -> int:
        return sum(line.do in done for line in self.lines)


def line_of(step: Step, sentence: str = "") -> Line:
    known = step.after or step.before
    row = step.row
    is_unreadable = row is not None and row.verdict is Verdict.UNREADABLE
    return Line(
        row=row.number if row else None,
        text=_with_room(row.text if row else shown(_text(known)), known),
        uid=known.stay.uid if known else (row.uid if row else ""),
        do=step.do.value,
        sentence=sentence or step.sentence,
        needs_look=step.needs_look or is_unreadable,
    )


def _with_room(text: str, known: Known | None) -> str:
    return f"{text} · {known.stay.room}" if known and known.stay.room else text


def _text(known: Known | None) -> str:
    if known is None:
        return ""
    return known.stay.guest.name or known.stay.reference or "A stay without a name"


def apply(
    steps: Iterable[Step],
    rows: Iterable[FeedStay],
    ways: Ways,
    *,
    at: datetime,
    goes_on: Callable[[], bool] = lambda: True,
) -> Outcome:
    """Carry out steps one by one; what is refused is told and does not stop the others.

    `rows` are those that the steps were planned from. `goes_on` is asked before each.
    """
    applier, outcome = _Applier(rows, ways, at), Outcome()
    for step in steps:
        if not goes_on():
            outcome.is_cut_short = True
            break
        outcome.lines.append(applier.line(step))
    return outcome


def apply_whole(
    steps: Iterable[Step], rows: Iterable[FeedStay], ways: Ways, *, at: datetime
) -> Outcome:
    """Carry out all steps, or none. Raises HalfDoneError with a line for each."""
    applier = _Applier(rows, ways, at)
    with transaction.atomic():
        lines = [applier.line(step) for step in steps]
        if any(line.do == FAILED for line in lines):
            raise HalfDoneError(lines)
    return Outcome(lines=lines)


class _Applier:
    def __init__(self, rows: Iterable[FeedStay], ways: Ways, at: datetime) -> None:
        self.rows = {row.uid: row for row in rows}
        self.ways = ways
        self.at = at
        is_calendar = ways.feed.kind == FeedKind.CALENDAR
        self.meanwhile = f"{MEANWHILE} {_AGAIN}" if is_calendar else MEANWHILE

    def line(self, step: Step) -> Line:
        row = self.rows.get(step.before.stay.uid) if step.before else None
        line = line_of(step)
        line.grant_id = str(row.grant_id or "") if row else ""
        if step.after is None:
            return line
        try:
            return self._done(step, step.after, row, line)
        except (MeanwhileError, services.ChangedMeanwhileError):
            problem, is_kept = self.meanwhile, False
        except RefusedError as error:
            is_kept = services.CHANGED_MEANWHILE not in map(_said, error.problems)
            problem = _sentence(error) if is_kept else self.meanwhile
        except sealing.UnreadableError:
            problem, is_kept = NO_KEY, True
        except DatabaseError:
            # Its text may hold what was to be stored.
            logger.warning("a stay of feed %s could not be stored", self.ways.feed.pk)
            problem, is_kept = NOT_STORED, False
        if is_kept:
            self._keep_refused(step.after, row, problem)
        line.do, line.needs_look = FAILED, True
        line.sentence = f"{_NOT_DONE[step.do]}: {problem}"
        return line

    def _done(self, step: Step, after: Known, row: FeedStay | None, line: Line) -> Line:
        if step.is_other_guest and row is not None and row.grant is not None:
            row = self._let_go(after, row)
        is_wanted = step.do in {Do.CREATE, Do.CHANGE, Do.END}
        is_owed = row is not None and bool(row.error) and self._matters(after)
        with transaction.atomic():
            grant, notes = row.grant if row else None, ""
            if is_wanted or is_owed:
                grant, notes = self._grant(step, after, row)
            self._store(after, row, grant, error="")
        if is_owed and not is_wanted:
            line.sentence = f"Done now. {line.sentence}"
            line.do = Do.CHANGE.value
        line.sentence = " ".join(filter(None, [line.sentence, notes]))
        line.grant_id = str(grant.pk) if grant else ""
        return line

    def _matters(self, known: Known) -> bool:
        return known.ending is Ending.BY_SOURCE or (
            known.ending is None and known.ends_at > self.at
        )

    def _let_go(self, after: Known, row: FeedStay) -> FeedStay:
        """End the grant of whom the number belonged to, whatever becomes of the new one."""
        with transaction.atomic():
            self._revoke(row.grant, "Another booking has its number now.")
            self._store(after, row, None, error="Another booking has its number now.")
        return row

    # --- the grant ---

    def _grant(
        self, step: Step, after: Known, row: FeedStay | None
    ) -> tuple[AccessGrant | None, str]:
        """Make the grant be as the stay is now. Return it, and a sentence on what was left out."""
        grant = row.grant if row else None
        if after.ending is not None:
            if after.ending is Ending.BY_SOURCE:
                self._revoke(grant, step.sentence)
            return grant, ""
        if grant is None or grant.is_over(self.at):
            return self._create(after)
        return self._change(step, after, grant)

    def _create(self, after: Known) -> tuple[AccessGrant, str]:
        asked = self._wish(after)
        *tries, last = with_fewer_details(asked)
        for each in tries:
            try:
                with transaction.atomic():
                    return self._noted(asked, each)
            except RefusedError as error:
                if not {problem.field for problem in error.problems} <= {"email", "phone"}:
                    raise
        return self._noted(asked, last)

    def _noted(self, asked: Asked, each: Asked) -> tuple[AccessGrant, str]:
        grant = self._made(each)
        notes = [left_out(asked, each), known_as(asked.guest.full_name, str(grant.identity))]
        return grant, " ".join(filter(None, notes))

    def _made(self, asked: Asked) -> AccessGrant:
        grant = services.create(asked, pk=new_id(), outline=None, by=self.ways.by, at=self.at)
        greeting.invite(grant, self.ways.feed, by=self.ways.by, at=self.at)
        return grant

    def _wish(self, after: Known) -> Asked:
        place = self.ways.place_of(after)
        if place is None:
            raise RefusedError([RuleError("room", NO_ROOM)])
        return wish(after, self.ways, place)

    def _change(self, step: Step, after: Known, grant: AccessGrant) -> tuple[AccessGrant, str]:
        by, notes = self.ways.by, ""
        if step.before and step.before.stay.guest != after.stay.guest:
            notes = people.tell(grant, step.before.stay.guest, after.stay.guest, by=by, at=self.at)
        if (grant.starts_at, grant.ends_at) == (after.starts_at, after.ends_at):
            return grant, notes
        asked = changed_wish(services.asked_of(grant), after)
        grant = services.change(
            grant,
            asked,
            generation=grant.generation,
            outline=None,
            by=by,
            at=self.at,
            is_told=True,
        )
        greeting.tell_times(grant, self.ways.feed, by=by, at=self.at)
        return grant, notes

    def _revoke(self, grant: AccessGrant | None, reason: str) -> None:
        if grant is not None and not grant.is_over(self.at):
            services.revoke(
                [grant],
                by=self.ways.by,
                at=self.at,
                reason=reason.rstrip(".")[:_LONGEST],
                is_told=True,
            )
            greeting.tell_end(grant, self.ways.feed, by=self.ways.by, at=self.at)

    # --- the row ---

    def _store(
        self, after: Known, row: FeedStay | None, grant: AccessGrant | None, *, error: str
    ) -> None:
        """Store a stay, unless somebody changed it since it was read. Raises MeanwhileError.

        Written after the grant is: whoever changes a grant by hand locks the two in this order.
        """
        kept = storing.as_json(after)
        columns = {"uid": after.stay.uid, "known": kept, "grant": grant, "error": error[:_LONGEST]}
        if row is None:
            self.rows[after.stay.uid] = FeedStay.objects.create(
                feed=self.ways.feed, created_at=self.at, changed_at=self.at, **columns
            )
            return
        was = (row.uid, row.known, row.grant_id, row.error)
        if was == (after.stay.uid, kept, grant.pk if grant else None, columns["error"]):
            return
        unchanged = FeedStay.objects.filter(pk=row.pk, known=row.known)
        if not unchanged.update(**columns, changed_at=self.at):
            raise MeanwhileError
        for name, value in columns.items():
            setattr(row, name, value)

    def _keep_refused(self, after: Known, row: FeedStay | None, problem: str) -> None:
        try:
            with transaction.atomic():
                self._store(after, row, row.grant if row else None, error=problem)
        except (MeanwhileError, DatabaseError):
            logger.warning("a refused stay of feed %s could not be stored", self.ways.feed.pk)


def with_fewer_details(asked: Asked) -> list[Asked]:
    """Return the wish, then as it is without what may be somebody else's already."""
    guest = asked.guest
    fewer = [guest, replace(guest, phone=""), replace(guest, email="", phone="")]
    distinct = list(dict.fromkeys((each.email, each.phone) for each in fewer))
    return [
        replace(asked, guest=replace(guest, email=email, phone=phone)) for email, phone in distinct
    ]


def left_out(asked: Asked, done: Asked, was: str = "was") -> str:
    """Say which details of a guest are missing from what was done; "" where none are."""
    missing = [
        word
        for word, name in (("e-mail", "email"), ("phone", "phone"))
        if getattr(asked.guest, name) != getattr(done.guest, name)
    ]
    if not missing:
        return ""
    return f"The {' and '.join(missing)} {was} left out: somebody else here has it."


def known_as(typed: str, name: str) -> str:
    """Say that what a table tells of somebody is somebody else's; "" where it is not."""
    if not typed or typed.casefold() == name.casefold():
        return ""
    return f"The e-mail or phone is that of {name}, who gets this stay and keeps their name."


def _said(problem: RuleError) -> str:
    return problem.sentence


def _sentence(error: RefusedError) -> str:
    """Return what is wrong, as sentences."""
    told = [problem.sentence.strip() for problem in error.problems] or ["It was refused"]
    return " ".join(f"{each[:1].upper()}{each[1:].rstrip('.')}." for each in told)
