"""Dates and times as people type them into a spreadsheet. Nothing is guessed. Pure."""

import re
from datetime import date, datetime, time
from enum import StrEnum

from access.reservations.stays import ReadError, shown


class DayOrder(StrEnum):
    """What 03/04/2026 means where the property is."""

    DAY_FIRST = "day_first"
    MONTH_FIRST = "month_first"


_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")
_OTHER = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})\.?")
_SHORT_YEAR = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{2}\.?")
_SERIAL = re.compile(r"\d{5}(?:[.,]\d+)?")
_CLOCK = re.compile(
    r"(?P<hour>\d{1,2})(?:[:.h](?P<minute>\d{2})(?:[:.](?P<second>\d{2}))?)?"
    r"\s*(?P<half>[ap]\.?m\.?)?(?:\s*(?:uhr|h|u))?",
    re.IGNORECASE,
)
_AFTER_DATE = re.compile(
    r"^(\S+?)(?:[T,]\s*|\s+)(\d{1,2}[:.h]?\S*(?:\s*[ap]\.?m\.?)?)$", re.IGNORECASE
)
_OFFSET = re.compile(r"(?:Z|[+-]\d{2}:?\d{2})$", re.IGNORECASE)

_YEARS = range(2000, 2100)


def read_cell(text: str, order: DayOrder | None) -> date | datetime:
    """Return the date in a cell, or its date and time: aware only where it tells an offset.

    Raises ReadError with what is wrong.
    """
    cell = text.strip()
    match = _AFTER_DATE.match(cell)
    if match is None:
        return read_date(cell, order)
    day, clock = read_date(match[1], order), match[2]
    if _OFFSET.search(clock):
        try:
            return datetime.fromisoformat(f"{day.isoformat()}T{clock.upper()}")
        except ValueError:
            raise ReadError(f"“{shown(text, 40)}” is no date and time.") from None
    return datetime.combine(day, read_clock(clock))


def read_date(text: str, order: DayOrder | None) -> date:
    """Return a date. 2026-04-03 always; 03/04/2026 only where the property says which is which."""
    if match := _ISO.fullmatch(text):
        return _date(text, int(match[1]), int(match[2]), int(match[3]))
    if match := _OTHER.fullmatch(text):
        one, mark, other, year = int(match[1]), match[2], int(match[3]), int(match[4])
        # Nobody who writes dots puts the month first.
        if _order(text, one, other, DayOrder.DAY_FIRST if mark == "." else order):
            return _date(text, year, other, one)
        return _date(text, year, one, other)
    if _SHORT_YEAR.fullmatch(text):
        raise ReadError(f"“{text}”: write the year with four digits.")
    if _SERIAL.fullmatch(text):
        raise ReadError(f"“{text}” is the number of a day: format the column as a date.")
    raise ReadError(f"“{shown(text, 40)}” is no date. Write it like 2026-04-30.")


def _order(text: str, one: int, other: int, order: DayOrder | None) -> bool:
    """Tell whether the day comes first. Raises ReadError where nobody can know."""
    if one == other:
        return True
    if order is None and one <= 12 and other <= 12:
        raise ReadError(f"“{text}” can be read in two ways. Write it like 2026-04-30.")
    if order is None:
        return one > 12
    return order is DayOrder.DAY_FIRST


def _date(text: str, year: int, month: int, day: int) -> date:
    try:
        found = date(year, month, day)
    except ValueError:
        raise ReadError(f"“{text}” is no day of the calendar.") from None
    if year not in _YEARS:
        raise ReadError(f"“{text}” is not between 2000 and 2100.")
    return found


def read_clock(text: str) -> time:
    """Return a time of day: 15:00, 15.00, 15h, 3 pm. Raises ReadError."""
    match = _CLOCK.fullmatch(text.strip())
    if match is None or not (match["minute"] or match["half"] or re.search("[hu]", text, re.I)):
        raise ReadError(f"“{shown(text, 40)}” is no time. Write it like 15:00.")
    hour, half = int(match["hour"]), (match["half"] or "")[:1].lower()
    if half:
        hour = hour % 12 + (12 if half == "p" else 0) if 1 <= hour <= 12 else 99
    try:
        return time(hour, int(match["minute"] or 0))
    except ValueError:
        raise ReadError(f"“{shown(text, 40)}” is no time of the day.") from None
