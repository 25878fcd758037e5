"""Stays as bars over days of a property, which have no fixed length. Pure.

A day has two halves, split at noon by the property's clock: whoever leaves in the morning and
whoever arrives in the afternoon share a day and a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import zip_longest
from typing import Any
from zoneinfo import ZoneInfo

DAYS = 14
HALVES = 2 * DAYS
_NOON = 12
#: In so many halves no name can be read; in twice as many most can.
_SHORT = 2
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Bar:
    """What lies over some halves: [first, last], both shown."""

    thing: Any
    first: int
    last: int
    #: It began before the first day, it goes on after the last one.
    is_cut_before: bool = False
    is_cut_after: bool = False
    #: So many halves after it are free.
    room: int = 0

    @property
    def fit(self) -> str:
        """How a name fits: `spills-1`, `spills-2` over free halves, `tight`, "" for well."""
        if self.width > _SHORT:
            return ""
        is_free = self.width + self.room >= 2 * _SHORT
        return f"spills-{self.width}" if is_free else "tight"

    @property
    def width(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True)
class Gap:
    """Some halves of one day with nothing over them."""

    day: date
    width: int
    is_day_end: bool

    @property
    def thing(self) -> None:
        return None


def bar(
    thing: Any, starts_at: datetime, ends_at: datetime | None, first: date, zone: ZoneInfo
) -> Bar | None:
    """Return the bar of a window over two weeks from a day on; None where it lies outside."""
    begin = _half(starts_at, first, zone)
    end = _half(ends_at - _MOMENT, first, zone) if ends_at else HALVES
    if end < 0 or begin >= HALVES:
        return None
    return Bar(thing, max(0, begin), min(HALVES - 1, end), begin < 0, end >= HALVES)


def _half(at: datetime, first: date, zone: ZoneInfo) -> int:
    local = at.astimezone(zone)
    return 2 * (local.date() - first).days + (local.hour >= _NOON)


def lanes(bars: Iterable[Bar]) -> list[list[Bar]]:
    """Return the bars in as few lines as they fit in without touching one another."""
    found: list[list[Bar]] = []
    for each in sorted(bars, key=lambda bar: (bar.first, bar.last)):
        free = (lane for lane in found if lane[-1].last < each.first)
        lane = next(free, None)
        if lane is None:
            found.append([each])
        else:
            lane.append(each)
    return found


def cells(lane: Sequence[Bar], first: date) -> list[Bar | Gap]:
    """Return a line of the table: bars, and the gaps between them day by day."""
    row: list[Bar | Gap] = []
    at = 0
    for each, after in zip_longest(lane, lane[1:]):
        row += _gaps(at, each.first, first)
        at = each.last + 1
        row.append(replace(each, room=(after.first if after else HALVES) - at))
    return row + _gaps(at, HALVES, first)


def _gaps(start: int, stop: int, first: date) -> list[Bar | Gap]:
    found: list[Bar | Gap] = []
    at = start
    while at < stop:
        until = min(stop, at - at % 2 + 2)
        found.append(Gap(first + timedelta(days=at // 2), until - at, until % 2 == 0))
        at = until
    return found
