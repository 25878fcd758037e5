"""Ids that sort by time: UUID version 7 (RFC 9562)."""

import hashlib
from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7

_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62
_TAIL_MASK = (1 << 76) - 1
_VARIANT_MASK = ~(0b11 << 62)


def new_id() -> UUID:
    """Return a fresh id; later ones sort after earlier ones."""
    return uuid7()


def id_at(moment: datetime, seed: str) -> UUID:
    """Return the id of what happened at `moment` and is recognised by `seed`.

    The same moment (to the millisecond) and seed always give the same id, so inserting a
    provider's row twice meets the primary key.
    """
    tail = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:10]) & _TAIL_MASK
    tail = tail & _VARIANT_MASK | _VARIANT
    milliseconds = int(moment.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | _VERSION_7 | tail)


def moment_of(event_id: UUID) -> datetime | None:
    """Return the moment an id carries, to the millisecond; None if that is no date."""
    try:
        return datetime.fromtimestamp((event_id.int >> 80) / 1000, UTC)
    except (ValueError, OverflowError):
        return None


def moment_floor(moment: datetime) -> UUID:
    """Return the smallest id that something at `moment` or later can have."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
