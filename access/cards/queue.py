"""Arrivals without a card."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from access.models import AcsSystem
from access.states import Intent
from accounts.actors import Actor


@dataclass(frozen=True, kw_only=True)
class QueueRow:
    """Somebody who arrives and has no card that is up to date."""

    user_id: UUID
    person: str
    system_id: UUID
    system: str
    groups: tuple[str, ...] = ()
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    #: In the property's time: "Fri 15:00".
    arrives: str = ""
    leaves: str = ""
    #: FIRST, or UPDATE for a card that is out of date.
    intent: Intent
    #: "no card yet", "card is out of date".
    why: str


def arrivals(
    actor: Actor, system: AcsSystem | None = None, *, now: datetime, limit: int = 50
) -> list[QueueRow]:
    """Return who comes around today, is in a group, and has no card that is up to date.

    Ordered by arrival, then name. Of the systems that write cards and that the actor may see.
    """
    raise NotImplementedError


def after(
    actor: Actor, user_id: UUID, system: AcsSystem | None = None, *, now: datetime
) -> QueueRow | None:
    """Return the next in the queue after somebody, whether or not they are still in it."""
    raise NotImplementedError
