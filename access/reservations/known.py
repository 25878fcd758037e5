"""A stay as it is kept: what its source told last, and what people changed here. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from access.reservations.stays import Guest, Stay

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


class Ending(StrEnum):
    #: A person ended it here. It stays ended, whatever its source says.
    BY_HAND = "by_hand"
    #: Cancelled, or missing for long enough. It comes back if its source does.
    BY_SOURCE = "by_source"


@dataclass(frozen=True, kw_only=True)
class Known:
    """One stay that came from a source. `stay` is never changed by hand; the rest holds that."""

    stay: Stay
    #: Early check-in, late check-out, nights added here. They win over what is read.
    starts_by_hand: datetime | None = None
    ends_by_hand: datetime | None = None
    #: Of the guest: `name`, `email`, `phone` that somebody corrected here, already in `stay`.
    corrected: frozenset[str] = frozenset()
    #: Readings that lacked it, since it was last there, and when the latest of them was.
    absences: int = 0
    absent_at: datetime | None = None
    ending: Ending | None = None

    @property
    def starts_at(self) -> datetime:
        return self.starts_by_hand or self.stay.starts_at

    @property
    def ends_at(self) -> datetime:
        return self.ends_by_hand or self.stay.ends_at

    def is_other_booking(self, stay: Stay) -> bool:
        """Tell whether a stay of the same number is provably another booking."""
        mine, other = self.stay.reference, stay.reference
        return bool(mine and other and mine != other)


def moved(
    known: Known, stay: Stay, *, at: datetime, zone: ZoneInfo
) -> tuple[Known, tuple[str, ...]]:
    """Return a stay after its source told it again, and sentences on what was set by hand."""
    if known.is_other_booking(stay):
        return Known(stay=stay), ()
    stay = _as_begun(known, stay, at)
    before = known.stay
    after = replace(
        known,
        stay=_with_what_was_told(known, stay),
        starts_by_hand=_carried(known.starts_by_hand, before.starts_on, stay.starts_on, zone),
        ends_by_hand=_carried(known.ends_by_hand, before.ends_on, stay.ends_on, zone),
        absences=0,
        absent_at=None,
    )
    if after.starts_at >= after.ends_at:
        after = replace(after, starts_by_hand=None, ends_by_hand=None)
        return after, ("The times set by hand do not fit any more and were dropped.",)
    return after, _kept_hands(known, after)


def _as_begun(known: Known, stay: Stay, at: datetime) -> Stay:
    """Keep the start of a stay that has begun: calendars cut off the days that are over."""
    has_begun = known.starts_at <= at
    if has_begun and known.stay.starts_at < stay.starts_at < known.ends_at:
        return replace(stay, starts_at=known.stay.starts_at, starts_on=known.stay.starts_on)
    return stay


def _with_what_was_told(known: Known, stay: Stay) -> Stay:
    """Keep what the source told once and leaves out now, and what people corrected."""
    before = known.stay
    guest = {
        each.name: getattr(before.guest, each.name)
        if each.name in known.corrected or not getattr(stay.guest, each.name)
        else getattr(stay.guest, each.name)
        for each in fields(Guest)
    }
    return replace(
        stay,
        guest=Guest(**guest),
        reference=stay.reference or before.reference,
        url=stay.url or before.url,
        room=stay.room or before.room,
    )


def _carried(hand: datetime | None, was_on: date, is_on: date, zone: ZoneInfo) -> datetime | None:
    """Return a time set by hand after its day moved.

    Another time on the same day goes along to the new day. Another day stays.
    """
    if hand is None or was_on == is_on:
        return hand
    local = hand.astimezone(zone)
    if local.date() != was_on:
        return hand
    return datetime.combine(is_on, local.time(), zone).astimezone(UTC)


def _kept_hands(before: Known, after: Known) -> tuple[str, ...]:
    """Say where the source moved what a hand holds in place."""
    start_is_held = (
        after.starts_by_hand is not None
        and after.starts_by_hand == before.starts_by_hand
        and after.stay.starts_at != before.stay.starts_at
    )
    end_is_held = (
        after.ends_by_hand is not None
        and after.ends_by_hand == before.ends_by_hand
        and after.stay.ends_at != before.stay.ends_at
    )
    told = []
    if start_is_held:
        told.append("The source has another start now; the one set by hand is kept.")
    if end_is_held:
        told.append("The source has another end now; the one set by hand is kept.")
    return tuple(told)
