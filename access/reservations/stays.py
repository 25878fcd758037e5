"""What a calendar or a table of a booking system says: stays, and a row per line of it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from access.people import rules as people
from locks.codes.rules import LONGEST, SHORTEST, RuleError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

#: Nobody books further ahead. What begins later is told, and left out.
AHEAD = timedelta(days=730)
#: A stay that ended longer ago is of no interest to any door.
BEHIND = timedelta(days=1)

#: Characters of a text from outside that a page or a report shows.
TEXT_LONGEST = 200


class ReadError(Exception):
    """Nothing of it can be read. `str(error)` is a sentence for people, without any content."""


@dataclass(frozen=True, kw_only=True)
class House:
    """What is needed of a property to make moments out of dates."""

    zone: ZoneInfo
    check_in: time
    check_out: time

    def arrival(self, on: date) -> datetime:
        return datetime.combine(on, self.check_in, self.zone).astimezone(UTC)

    def departure(self, on: date) -> datetime:
        # Of an hour that happens twice the later: nobody is locked out an hour early.
        clock = self.check_out.replace(fold=1)
        return datetime.combine(on, clock, self.zone).astimezone(UTC)


@dataclass(frozen=True, kw_only=True)
class Guest:
    """What is told of who comes; empty where nothing is. Cleaned as people are typed in."""

    name: str = ""
    email: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    #: All that Airbnb tells of a phone.
    phone_ends: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class Stay:
    """One booking, as its source tells it now.

    Half-open in UTC, whole minutes. The dates are those of the property's clock.
    """

    #: The source's own number, stable while the booking is; see `calendars` and `tables`.
    uid: str
    starts_at: datetime
    ends_at: datetime
    starts_on: date
    ends_on: date
    #: Only dates were told: the times are the property's check-in and check-out.
    by_date: bool
    guest: Guest = Guest()
    #: The number a guest knows, such as Airbnb's HM3KTNNJQ5.
    reference: str = ""
    #: Where the host sees the booking. Only of hosts we know; never fetched.
    url: str = field(default="", repr=False)
    #: As the source calls it. A calendar is of one room already and says nothing.
    room: str = ""
    is_cancelled: bool = False
    #: The source does not tell bookings from closed nights: Booking.com.
    is_unclear: bool = False


class Verdict(StrEnum):
    STAY = "stay"
    #: Nights the host closed. No guest comes.
    BLOCKED = "blocked"
    #: Understood, and no concern of ours: over, twice in the file, too far ahead.
    LEFT_OUT = "left_out"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One entry of a calendar, or one line of a table, and what became of it."""

    #: Counted from 1; in a table the line as spreadsheets number it.
    number: int
    #: What a person recognises it by.
    text: str
    verdict: Verdict
    #: A sentence: why it is no stay, or what was assumed of it. May be empty for a stay.
    reason: str = ""
    uid: str = ""
    stay: Stay | None = None


@dataclass(frozen=True, kw_only=True)
class Reading:
    """All rows of one calendar or table, in its own order."""

    rows: tuple[Row, ...]
    #: Why something may be missing from it; "" where it is whole. Of what is not whole
    #: nobody may conclude that a stay is gone.
    doubt: str = ""

    @property
    def stays(self) -> tuple[Stay, ...]:
        return tuple(row.stay for row in self.rows if row.stay)

    @property
    def unreadable(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.verdict is Verdict.UNREADABLE)

    @property
    def may_be_imported(self) -> bool:
        """Tell whether a table is fit to be stored: whole, or not at all (reliability C)."""
        return bool(self.stays) and not self.unreadable


# --- what both kinds of source need ---------------------------------------------------


def shown(text: str, longest: int = TEXT_LONGEST) -> str:
    """Return a text from outside on one line, without characters nobody sees."""
    visible = "".join(letter if letter.isprintable() else " " for letter in text[: 8 * longest])
    return " ".join(visible.split())[:longest].rstrip()


def guest_of(*, name: str = "", email: str = "", phone: str = "", phone_ends: str = "") -> Guest:
    """Return what of this can be kept of a person. What cannot is as if it were not told."""
    return Guest(
        name=_or_nothing(people.clean_full_name, shown(name, people.NAME_LONGEST)),
        email=_or_nothing(people.clean_email, email),
        phone=_or_nothing(people.clean_phone, phone),
        phone_ends=phone_ends,
    )


def _or_nothing(clean: Callable[[str], str], text: str) -> str:
    try:
        return clean(text) if text else ""
    except RuleError:
        return ""


def check_window(starts_at: datetime, ends_at: datetime) -> None:
    """Raise ReadError with the sentence of the row unless somebody can stay so long."""
    if ends_at <= starts_at:
        raise ReadError("It ends before it begins.")
    if not SHORTEST <= ends_at - starts_at <= LONGEST:
        raise ReadError("It lasts less than 1 minute or more than 5 years.")


def left_out(stay: Stay, *, now: datetime) -> str:
    """Say why a stay is of no interest now; "" where it is."""
    if stay.ends_at <= now - BEHIND:
        return "It is over."
    if stay.starts_at > now + AHEAD:
        return "It begins more than two years from now."
    return ""
