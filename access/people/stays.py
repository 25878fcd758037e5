"""From and until when a card opens whose person's stay was changed since it was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.dateparse import parse_datetime

from access import carrying
from access.models import AcsCredential
from access.reconciling import facts
from access.states import CardState, Phase
from locks.codes.rules import clock


@dataclass(frozen=True)
class OldEnd:
    """What a card carries where its person's stay ends at another time."""

    #: None: it was written without an end.
    at: datetime | None
    #: Whether it opens longer than it should.
    is_later: bool

    def is_over(self, now: datetime) -> bool:
        return self.at is not None and self.at <= now


def old_end(card: AcsCredential) -> OldEnd | None:
    """Return the end a card was written with, if its person's is another; None where not known.

    Of cards that carry their rights. Asks nobody where `user` is at hand.
    """
    user, carried = card.user, _carried(card)
    if user is None or not carried:
        return None
    ours = _earlier(user.ends_at, card.ends_at)
    theirs = _earlier(_moment(carried, "ends_at"), card.ends_at)
    if facts.is_same_end(ours, theirs):
        return None
    return OldEnd(theirs, is_later=theirs is None or (ours is not None and theirs > ours))


@dataclass(frozen=True)
class OldStart:
    """What a card carries where its person's stay begins at another time."""

    #: None: it was written without a start.
    at: datetime | None
    #: The start it should have; None: none.
    ours: datetime | None

    @property
    def is_earlier(self) -> bool:
        """Whether it opens before it should."""
        return self.at is None or (self.ours is not None and self.at < self.ours)

    def matters(self, now: datetime) -> bool:
        """Tell whether the two differ from now on."""
        later = self.ours if self.is_earlier else self.at
        return later is not None and later > now


def old_start(card: AcsCredential, now: datetime) -> OldStart | None:
    """Return the start a card was written with, if that still makes a difference."""
    user, carried = card.user, _carried(card)
    if user is None or not carried:
        return None
    ours = _later(user.starts_at, card.starts_at)
    theirs = _later(_moment(carried, "starts_at"), card.starts_at)
    end = _earlier(_moment(carried, "ends_at"), card.ends_at)
    found = OldStart(theirs, ours)
    is_over = end is not None and end <= now
    return None if is_over or facts.is_same_end(ours, theirs) or not found.matters(now) else found


def is_of_another(card: AcsCredential, now: datetime) -> bool:
    """Tell whether a card was written for a stay that is not its person's of now."""
    return old_end(card) is not None or old_start(card, now) is not None


def _carried(card: AcsCredential) -> Mapping[str, Any] | None:
    """Return the schedule that a card carries; None where not known, or where nobody has it."""
    is_back = card.card_state == CardState.RETURNED or card.delete_asked_at is not None
    if card.user is None or not card.was_written or is_back or card.phase != Phase.LIVE:
        return None
    found: Mapping[str, Any] | None
    found = card.written_schedule if carrying.is_behind(card) else card.user.reported
    return found or None


def _moment(schedule: Mapping[str, Any], name: str) -> datetime | None:
    return parse_datetime(schedule.get(name) or "")


def _earlier(*ends: datetime | None) -> datetime | None:
    return min((end for end in ends if end is not None), default=None)


def _later(*starts: datetime | None) -> datetime | None:
    return max((start for start in starts if start is not None), default=None)


def in_short(card: AcsCredential, mark: str, zone: ZoneInfo, now: datetime) -> str:
    """Return the words for a list, which does not know the doors; "" where there are none."""
    if start := old_start(card, now):
        at = clock(start.at, zone, now) if start.at and start.at > now else ""
        if start.is_earlier:
            return f"{mark} may open from {at}" if at else f"{mark} may open already"
        return f"{mark} opens from {at}"
    old = old_end(card)
    if old is None or old.is_over(now):
        return ""
    if old.at is None:
        return f"{mark} may open without end"
    at = clock(old.at, zone, now)
    return f"{mark} may open until {at}" if old.is_later else f"{mark} stops at {at}"


def sentence(card: AcsCredential, zone: ZoneInfo, now: datetime) -> str:
    """Say from and until when offline doors open with a card; "" where that is as it should be."""
    start, old = old_start(card, now), old_end(card)
    if start and start.is_earlier:
        return _too_early(start, old, zone, now)
    late = _too_late(clock(start.at, zone, now)) if start and start.at else ""
    return f"{late} {_of_end(card, old, zone, now)}".strip()


def _too_early(start: OldStart, old: OldEnd | None, zone: ZoneInfo, now: datetime) -> str:
    since = f"from {clock(start.at, zone, now)} on" if start.at and start.at > now else "already"
    until = f", until {clock(old.at, zone, now)}" if old and old.at else ""
    ours = clock(start.ours, zone, now) if start.ours else ""
    return (
        f"It was written for another stay: offline doors may open with it {since}{until}, though"
        f" their stay begins {ours}. Update it, or take it back until then."
    )


def _too_late(at: str) -> str:
    return (
        f"It was written for a stay that begins {at}: until then offline doors refuse it, unless it"
        " is updated before."
    )


def _of_end(card: AcsCredential, old: OldEnd | None, zone: ZoneInfo, now: datetime) -> str:
    if old is None or (old.is_later and old.is_over(now)):
        return ""
    at = clock(old.at, zone, now) if old.at else ""
    if old.is_later:
        return _too_long(at, is_over=card.user is not None and card.user.is_over(now))
    if old.is_over(now):
        return (
            f"It was written for a shorter stay, until {at}: offline doors refuse it until it is"
            " updated."
        )
    return (
        f"It was written for a shorter stay: from {at} on offline doors refuse it, unless it is"
        " updated before."
    )


def _too_long(at: str, *, is_over: bool) -> str:
    if is_over:
        until = f"until {at}" if at else "without an end"
        return (
            f"Their stay is over, but it was written {until}: until a wall reader has updated it,"
            " offline doors may still open with it. Take it back if you can."
        )
    if not at:
        return (
            "It was written for a stay without an end: offline doors may still open with it until"
            " it is updated."
        )
    return (
        f"It was written for a longer stay: until {at} offline doors may still open with it, unless"
        " it is updated before."
    )
