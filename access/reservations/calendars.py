"""The iCal feed of a room -> stays, with a row for each of its entries. Pure.

A day of departure: calendars write the day after the last night, and so do booking sites;
it is the day on which a guest leaves. Nothing but ReadError leaves `read`.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from icalendar import Event

from access.reservations.lines import Entries, Entry, entries_of
from access.reservations.properties import first, long_text, revision, title, when
from access.reservations.repeats import MAX_SERIES, MAX_TOGETHER, occurrences, repeats
from access.reservations.sources import Kind, told
from access.reservations.stays import (
    AHEAD,
    BEHIND,
    House,
    ReadError,
    Reading,
    Row,
    Stay,
    Verdict,
    check_window,
    left_out,
    shown,
)
from access.reservations.zones import zone_called
from locks.codes.rules import rounded

#: Of a number that a source gives. Real ones have some 80 characters.
UID_LONGEST = 255
_YEARS = range(2000, 2100)
_ZONE = re.compile(
    r"(?P<before>(?:DTSTART|DTEND|RECURRENCE-ID|EXDATE|RDATE)[^:]*?)"
    r";TZID=(?P<zone>\"[^\"]*\"|[^;:]*)",
    re.IGNORECASE,
)

_BROKEN_OFF = "The calendar breaks off before its end."
_NAMELESS = "An entry that cannot be read does not tell its number either."


def read(content: bytes, *, house: House, now: datetime) -> Reading:
    """Read a feed. Raises ReadError where it is no calendar; a bad entry is a row with a reason.

    `house` is the property: its zone is that of times without one, and its check-in and
    check-out those of dates.
    """
    found = entries_of(content)
    reader = _Reader(found, house, now)
    rows = _told_apart(_once_each([reader.opened(entry) for entry in found.entries], reader))
    nameless = any(row.verdict is Verdict.UNREADABLE and not row.uid for row in rows)
    doubt = "" if found.is_whole else _BROKEN_OFF
    return Reading(rows=tuple(rows), doubt=doubt or (_NAMELESS if nameless else ""))


@dataclass(frozen=True, kw_only=True)
class _Opened:
    """An entry as the library reads it, or why it cannot."""

    number: int
    uid: str
    text: str
    event: Event | None = None
    problem: str = ""

    def row(self, verdict: Verdict, reason: str) -> Row:
        return Row(number=self.number, uid=self.uid, text=self.text, verdict=verdict, reason=reason)


class _Span(NamedTuple):
    starts: date | datetime
    ends: date | datetime
    notes: tuple[str, ...]


class _Reader:
    """Reads entries of one feed for one property."""

    def __init__(self, found: Entries, house: House, now: datetime) -> None:
        self.found = found
        self.house = house
        self.now = now
        self.floating = zone_called(found.zone_name, found.zone_names) or house.zone
        self.series = 0
        self.repeated = 0

    def opened(self, entry: Entry) -> _Opened:
        raw = {line.partition(":")[0].partition(";")[0].upper(): line for line in entry.lines}
        uid = raw.get("UID", "").partition(":")[2].strip()[:UID_LONGEST]
        text = shown(raw.get("SUMMARY", "").partition(":")[2]) or f"Entry {entry.number}"
        opened = _Opened(number=entry.number, uid=shown(uid, UID_LONGEST), text=text)
        if entry.is_cut:
            return replace(opened, problem=_BROKEN_OFF)
        try:
            lines = [self._with_known_zone(line) for line in entry.lines]
            event = Event.from_ical(replace(entry, lines=lines).text)
        except ReadError as error:
            return replace(opened, problem=str(error))
        except Exception:  # noqa: BLE001, RUF100  whatever a library makes of text from outside
            return replace(opened, problem="It is not written as calendars are.")
        assert isinstance(event, Event)
        return replace(opened, event=event, text=title(event, "SUMMARY") or text)

    def _with_known_zone(self, line: str) -> str:
        """Return a line with the name of its time zone as the library needs it."""
        called = _ZONE.match(line)
        if called is None:
            return line
        zone = zone_called(called["zone"], self.found.zone_names)
        if zone is None:
            raise ReadError(f"Its time zone, “{shown(called['zone'], 60)}”, is not known.")
        return f"{called['before']};TZID={zone.key}{line[called.end() :]}"

    def rows(self, opened: _Opened, changes: list[_Opened]) -> Iterator[Row]:
        """Yield the row of an entry, or a row for each time it repeats."""
        assert opened.event is not None
        if not repeats(opened.event):
            yield self.row(opened, opened.event)
            return
        try:
            self.series += 1
            if self.series > MAX_SERIES or self.repeated > MAX_TOGETHER:
                raise ReadError("The calendar has too much that repeats.")
            single = occurrences(
                [opened.event, *(each.event for each in changes if each.event)],
                since=self.now - BEHIND,
                until=self.now + AHEAD,
            )
        except ReadError as error:
            yield opened.row(Verdict.UNREADABLE, str(error))
            return
        self.repeated += len(single)
        if not single:
            yield opened.row(Verdict.LEFT_OUT, "It does not happen in the next two years.")
        for event in single:
            yield self.row(replace(opened, uid=_uid_of_one(opened.uid, event)), event)

    def row(self, opened: _Opened, event: Event) -> Row:
        try:
            stay, notes = self._stay(opened, event)
        except ReadError as error:
            return opened.row(Verdict.UNREADABLE, str(error))
        except (OverflowError, ValueError, TypeError, AttributeError):
            return opened.row(Verdict.UNREADABLE, "Its dates cannot be read.")
        if reason := left_out(stay, now=self.now):
            return opened.row(Verdict.LEFT_OUT, reason)
        if notes[:1] == (Kind.BLOCK,):
            return opened.row(Verdict.BLOCKED, "These nights are closed: no guest comes.")
        row = opened.row(Verdict.STAY, " ".join(notes))
        return replace(row, uid=stay.uid, stay=stay)

    def _stay(self, opened: _Opened, event: Event) -> tuple[Stay, tuple[str, ...]]:
        span = self._span(event)
        starts_at, starts_on = self._moment(span.starts, self.house.arrival, up=False)
        ends_at, ends_on = self._moment(span.ends, self.house.departure, up=True)
        check_window(starts_at, ends_at)
        says = told(
            summary=title(event, "SUMMARY"),
            description=long_text(event, "DESCRIPTION"),
            uid=opened.uid,
            product=self.found.product,
        )
        stay = Stay(
            uid=opened.uid or _made_uid(opened.text, starts_on, ends_on),
            starts_at=starts_at,
            ends_at=ends_at,
            starts_on=starts_on,
            ends_on=ends_on,
            by_date=not isinstance(span.starts, datetime) and not isinstance(span.ends, datetime),
            guest=says.guest,
            reference=says.reference,
            url=says.url,
            is_cancelled=title(event, "STATUS").upper() == "CANCELLED",
            is_unclear=says.kind is Kind.UNCLEAR,
        )
        if says.kind is Kind.BLOCK:
            return stay, (Kind.BLOCK,)
        unnamed = () if opened.uid else ("It has no number of its own.",)
        return stay, (*span.notes, *unnamed)

    def _span(self, event: Event) -> _Span:
        starts = self._time(event, "DTSTART")
        if starts is None:
            raise ReadError("It does not say when it begins.")
        ends = self._time(event, "DTEND")
        if ends is None and (lasts := when(event, "DURATION")):
            ends = starts + lasts
        if isinstance(starts, datetime):
            if ends is None or ends == starts:
                raise ReadError("It does not say when it ends.")
        elif ends is None or ends == starts:
            return _Span(
                starts, starts + timedelta(days=1), ("It tells no last day: one night is assumed.",)
            )
        if isinstance(starts, datetime) and isinstance(ends, datetime):
            return _days_of_midnights(starts, ends)
        return _Span(starts, ends, ())

    def _time(self, event: Event, name: str) -> date | datetime | None:
        """Return a date, an aware moment, or None where nothing is said."""
        if first(event, name) is None:
            return None
        at = when(event, name)
        if not isinstance(at, date) or at.year not in _YEARS:
            raise ReadError("Its dates cannot be read.")
        if not isinstance(at, datetime):
            return at
        return at if at.tzinfo else at.replace(tzinfo=self.floating)

    def _moment(
        self, at: date | datetime, clock: Callable[[date], datetime], *, up: bool
    ) -> tuple[datetime, date]:
        moment = rounded(at, 60, up=up) if isinstance(at, datetime) else clock(at)
        return moment, moment.astimezone(self.house.zone).date()


def _days_of_midnights(starts: datetime, ends: datetime) -> _Span:
    """Read midnight to midnight as dates: nobody arrives or leaves then."""
    if starts.time() == ends.time() == time() and ends.date() > starts.date():
        return _Span(starts.date(), ends.date(), ("Midnights are read as whole days.",))
    return _Span(starts, ends, ())


# --- entries with one number ----------------------------------------------------------


def _once_each(all_opened: list[_Opened], reader: _Reader) -> list[Row]:
    """Return rows in order: changes to single ones with their series, old versions left out."""
    groups: dict[str, list[_Opened]] = {}
    rows: list[Row] = []
    for opened in all_opened:
        if opened.problem:
            rows.append(opened.row(Verdict.UNREADABLE, opened.problem))
        else:
            key = opened.uid or f"entry {opened.number}"
            groups.setdefault(key, []).append(opened)
    for group in groups.values():
        rows.extend(_rows_of_group(group, reader))
    return sorted(rows, key=lambda row: row.number)


def _rows_of_group(group: list[_Opened], reader: _Reader) -> Iterator[Row]:
    changes = [each for each in group if each.event is not None and "RECURRENCE-ID" in each.event]
    masters = [each for each in group if each not in changes]
    newest = max((revision(each.event) for each in masters), default=None)
    for each in masters:
        if revision(each.event) != newest:
            yield each.row(Verdict.LEFT_OUT, "It is an older version of another entry.")
        else:
            yield from reader.rows(each, changes)
    if not any(each.event is not None and repeats(each.event) for each in masters):
        for each in changes:
            if each.event is not None:
                yield reader.row(replace(each, uid=_uid_of_one(each.uid, each.event)), each.event)


def _told_apart(rows: list[Row]) -> list[Row]:
    """Give a number of its own to each of several stays that share one."""
    by_uid: dict[str, list[Stay]] = {}
    for row in rows:
        if row.stay:
            by_uid.setdefault(row.stay.uid, []).append(row.stay)
    return list(_apart(rows, by_uid))


def _apart(rows: list[Row], by_uid: dict[str, list[Stay]]) -> Iterator[Row]:
    seen: set[Stay] = set()
    for row in rows:
        stay = row.stay
        if stay is None or len(by_uid[stay.uid]) == 1:
            yield row
        elif stay in seen:
            yield replace(
                row, stay=None, verdict=Verdict.LEFT_OUT, reason="It is in the calendar twice."
            )
        else:
            seen.add(stay)
            yield _numbered(row, stay, by_uid[stay.uid])


def _numbered(row: Row, stay: Stay, same: list[Stay]) -> Row:
    others = [each for each in same if each != stay]
    if not others:
        return row
    if any(each.starts_on == stay.starts_on for each in others):
        return replace(
            row,
            stay=None,
            verdict=Verdict.UNREADABLE,
            reason="Two entries with the same number contradict one another.",
        )
    uid = f"{stay.uid}#{stay.starts_on.isoformat()}"
    reason = f"{row.reason} It shares its number with another entry.".strip()
    return replace(row, uid=uid, reason=reason, stay=replace(stay, uid=uid))


def _uid_of_one(uid: str, event: Event) -> str:
    at = when(event, "RECURRENCE-ID")
    if isinstance(at, datetime) and at.tzinfo:
        at = at.astimezone(UTC)
    return f"{uid}#{at.isoformat()}" if isinstance(at, date) else uid


def _made_uid(text: str, starts_on: date, ends_on: date) -> str:
    """Return a number for a stay that has none: the same while its name and dates are."""
    told_of = f"{text}\n{starts_on}\n{ends_on}"
    return f"made:{hashlib.sha256(told_of.encode()).hexdigest()[:32]}"
