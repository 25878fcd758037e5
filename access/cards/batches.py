"""Several people one after another. Kept in the session: one person's, at one browser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.sessions.backends.base import SessionBase

_KEY = "cards_batch"
MOST = 100
#: A shift. What is left of an older batch is not of today's desk.
_KEPT = timedelta(hours=12)


@dataclass(frozen=True)
class Batch:
    """The chosen, in order. Who of them has a card by now is read from the jobs."""

    people: tuple[UUID, ...]
    begun_at: datetime

    @property
    def total(self) -> int:
        return len(self.people)

    def number_of(self, user_id: UUID | None) -> int:
        """Return which card of the batch somebody's is, from 1; 0: none of it."""
        return self.people.index(user_id) + 1 if user_id in self.people else 0

    def order_after(self, user_id: UUID) -> tuple[UUID, ...]:
        """Return the others, going on from somebody; those before them come last."""
        at = self.number_of(user_id)
        return (*self.people[at:], *self.people[: max(at - 1, 0)])


def load(session: SessionBase, *, now: datetime) -> Batch | None:
    """Return the batch of this shift; None where there is none."""
    kept: dict[str, Any] | None = session.get(_KEY)
    if not kept:
        return None
    begun_at = datetime.fromisoformat(kept["begun_at"])
    if begun_at < now - _KEPT:
        return None
    return Batch(tuple(UUID(pk) for pk in kept["people"]), begun_at)


def begin(session: SessionBase, people: Sequence[UUID], *, at: datetime) -> Batch:
    batch = Batch(tuple(dict.fromkeys(people))[:MOST], at)
    people_now = [str(pk) for pk in batch.people]
    session[_KEY] = {"people": people_now, "begun_at": at.isoformat()}
    return batch


def end(session: SessionBase) -> None:
    session.pop(_KEY, None)
