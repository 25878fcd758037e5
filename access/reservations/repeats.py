"""Entries that repeat -> the single ones within a window.

Only plain rules are followed. A hostile or senseless rule (every 30 February, an interval of 0)
keeps the library busy for seconds, or for ever, and no booking system writes any of them.
"""

import re
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any

import recurring_ical_events
from icalendar import Calendar, Event

from access.reservations.properties import when
from access.reservations.stays import ReadError

#: More of one entry than a daily one has in two years.
MAX_OCCURRENCES = 800
MAX_SERIES = 200
#: Of all entries that repeat together.
MAX_TOGETHER = 10_000

_PARTS = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", "BYMONTHDAY"}
_PLAIN_DAY = re.compile(r"MO|TU|WE|TH|FR|SA|SU")
_NTH_DAY = re.compile(r"(?:[+-]?[1-4])?(?:MO|TU|WE|TH|FR|SA|SU)")


def repeats(event: Event) -> bool:
    return "RRULE" in event or "RDATE" in event


def occurrences(series: list[Event], *, since: datetime, until: datetime) -> list[Event]:
    """Return what a repeating entry, and the changes to single ones of it, come to.

    Each has the RECURRENCE-ID it goes by. Raises ReadError for a rule that is not followed.
    """
    for event in series:
        _check(event)
    calendar = Calendar()
    for event in series:
        calendar.add_component(event)
    try:
        found = recurring_ical_events.of(calendar).between(since.astimezone(UTC), until)
        return list(islice(found, MAX_OCCURRENCES))
    except Exception:  # whatever a library makes of text from outside
        raise ReadError("It repeats in a way that cannot be read.") from None


def _check(event: Event) -> None:
    rule = event.get("RRULE")
    if rule is None:
        return
    starts = when(event, "DTSTART")
    is_sound = isinstance(rule, dict) and isinstance(starts, date) and starts.year >= 2000
    if not is_sound or not _is_plain({str(k).upper(): v for k, v in rule.items()}):
        raise ReadError("It repeats in a way that is not read here.")


def _is_plain(rule: dict[str, Any]) -> bool:
    every = _one(rule, "FREQ")
    days = [str(day).upper() for day in _all(rule, "BYDAY")]
    in_month = _all(rule, "BYMONTHDAY")
    interval = _one(rule, "INTERVAL", "1")
    if not rule.keys() <= _PARTS or not interval.isdigit() or not 1 <= int(interval) <= 400:
        return False
    if every in {"DAILY", "WEEKLY"}:
        return not in_month and all(map(_PLAIN_DAY.fullmatch, days))
    if every == "MONTHLY":
        fits = all(isinstance(day, int) and 1 <= abs(day) <= 28 for day in in_month)
        return fits and not (days and in_month) and all(map(_NTH_DAY.fullmatch, days))
    return every == "YEARLY" and not days and not in_month


def _all(rule: dict[str, Any], name: str) -> list[Any]:
    found = rule.get(name, [])
    return found if isinstance(found, list) else [found]


def _one(rule: dict[str, Any], name: str, otherwise: str = "") -> str:
    found = _all(rule, name) or [otherwise]
    return str(found[0]).upper() if len(found) == 1 else ""
