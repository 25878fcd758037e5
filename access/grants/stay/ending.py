"""What revoking stays ends, told before it is done: door by door, in plain words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from access.grants import row_words, services, ways
from access.models import AccessGrant, AccessMethod
from access.planning.outcome import Plan


@dataclass(frozen=True)
class Door:
    name: str
    way: str
    sentence: str
    notes: tuple[str, ...]

    @property
    def is_late(self) -> bool:
        """It may go on opening for a while."""
        return bool(self.notes)


@dataclass(frozen=True)
class Ending:
    """One stay, and what ends with it."""

    grant: AccessGrant
    span: str
    doors: tuple[Door, ...]

    @property
    def late(self) -> list[str]:
        """The doors that hear of it later."""
        return list(dict.fromkeys(each.name for each in self.doors if each.is_late))


def endings(grants: Iterable[AccessGrant], now: datetime) -> list[Ending]:
    plans = [(each, services.preview_end(each, at=now)) for each in grants]
    ids = [row.method_id for _, plan in plans for row in plan.rows if row.method_id]
    methods = AccessMethod.objects.filter(pk__in=ids).select_related("system").in_bulk()
    return [_ending(each, plan, methods, now) for each, plan in plans]


def _ending(
    grant: AccessGrant, plan: Plan, methods: dict[UUID, AccessMethod], now: datetime
) -> Ending:
    doors = [
        Door(line.door_name, ways.name(methods[row.method_id]), line.sentence, line.notes)
        for row in plan.rows
        if row.method_id
        for line in row.lines
    ]
    return Ending(grant=grant, span=row_words.span(grant, now), doors=tuple(doors))
