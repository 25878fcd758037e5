"""How long a card opens whose person's stay was made shorter or longer since it was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.dateparse import parse_datetime

from access import carrying
from access.models import AcsCredential
from access.states import CardState, Phase
from locks.codes.words import clock

#: Systems round times.
_SAME_MOMENT = timedelta(seconds=60)


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
    user = card.user
    is_back = card.card_state == CardState.RETURNED or card.delete_asked_at is not None
    if user is None or not card.was_written or is_back or card.phase != Phase.LIVE:
        return None
    carried = card.written_schedule if carrying.is_behind(card) else user.reported
    if not carried:
        return None
    ours, theirs = _earlier(user.ends_at, card.ends_at), _earlier(_end(carried), card.ends_at)
    if _is_same(ours, theirs):
        return None
    return OldEnd(theirs, is_later=theirs is None or (ours is not None and theirs > ours))


def _end(schedule: Mapping[str, Any]) -> datetime | None:
    return parse_datetime(schedule.get("ends_at") or "")


def _earlier(*ends: datetime | None) -> datetime | None:
    return min((end for end in ends if end is not None), default=None)


def _is_same(one: datetime | None, other: datetime | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= _SAME_MOMENT


def in_short(card: AcsCredential, mark: str, zone: ZoneInfo, now: datetime) -> str:
    """Return the words for a list, which does not know the doors; "" where there are none."""
    old = old_end(card)
    if old is None or old.is_over(now):
        return ""
    if old.at is None:
        return f"{mark} may open without end"
    at = clock(old.at, zone, now)
    return f"{mark} may open until {at}" if old.is_later else f"{mark} stops at {at}"


def sentence(card: AcsCredential, zone: ZoneInfo, now: datetime) -> str:
    """Say until when offline doors open with a card; "" where that is as it should be."""
    old = old_end(card)
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
