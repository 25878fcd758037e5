"""Usual times of a stay, by the clock of its property."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from accounts.models import Space
from locks.codes.rules import offset_words

#: So much sooner is an early check-in, so much later a late check-out.
EARLIER = LATER = timedelta(hours=3)
#: Nights of a stay before somebody says how many.
_NIGHTS = 2
#: Until then a night is the one that began the evening before.
_NIGHT_GOES_ON = timedelta(hours=5)
_LOCAL = "%Y-%m-%dT%H:%M"


@dataclass(frozen=True)
class Preset:
    """A usual stretch of time, as the fields of the form take it."""

    key: str
    label: str
    starts: str
    ends: str


@dataclass(frozen=True)
class Usual:
    """What the form offers for one property."""

    place: Space
    presets: tuple[Preset, ...]
    check_in: str
    check_out: str
    early: str
    late: str


def usual(place: Space, now: datetime) -> Usual:
    local = now.astimezone(place.zone).replace(tzinfo=None, second=0, microsecond=0)
    today = (local - _NIGHT_GOES_ON).date()
    friday = today + timedelta(days=(4 - today.weekday()) % 7)
    begin = max(datetime.combine(today, place.check_in), local)

    def leaving(day: date, nights: int) -> datetime:
        return datetime.combine(day + timedelta(days=nights), place.check_out)

    def preset(key: str, label: str, starts: datetime, ends: datetime) -> Preset:
        return Preset(key, label, starts.strftime(_LOCAL), ends.strftime(_LOCAL))

    return Usual(
        place=place,
        presets=(
            preset("tonight", "Tonight", begin, leaving(today, 1)),
            preset(
                "weekend",
                "Weekend",
                max(datetime.combine(friday, place.check_in), local),
                leaving(friday, 2),
            ),
            preset("stay", "Stay", begin, leaving(today, _NIGHTS)),
        ),
        check_in=f"{place.check_in:%H:%M}",
        check_out=f"{place.check_out:%H:%M}",
        early=moved(place.check_in, -EARLIER),
        late=moved(place.check_out, LATER),
    )


def moved(clock: time, by: timedelta) -> str:
    """Return a time of day so much earlier or later, within its day."""
    day = datetime(2000, 1, 2)  # noqa: DTZ001  any day without a zone
    at = datetime.combine(day, clock) + by
    return f"{min(max(at, day), day + timedelta(hours=23, minutes=59)):%H:%M}"


def later(text: str, nights: int) -> str:
    """Return a local time, as the form has it, so many nights later."""
    try:
        return (datetime.fromisoformat(text) + timedelta(days=nights)).strftime(_LOCAL)
    except (ValueError, OverflowError):
        return text


def at_clock(text: str, clock: str) -> str:
    """Return a local time, as the form has it, at another time of its day."""
    day = text[:10]
    return f"{day}T{clock}" if len(text) >= 16 else text


def change_of_clocks(place: Space, starts_at: datetime, ends_at: datetime | None) -> str:
    """Say what clocks do during a stay; "" where they do nothing."""
    if ends_at is None:
        return ""
    first, last = (each.astimezone(place.zone) for each in (starts_at, ends_at))
    before, after = first.utcoffset(), last.utcoffset()
    if before is None or after is None or before == after:
        return ""
    way = "forward" if after > before else "back"
    return (
        f"Clocks go {way} in between: it starts {first:%H:%M} at {offset_words(first)} and ends"
        f" {last:%H:%M} at {offset_words(last)}, each as clocks there show it."
    )
