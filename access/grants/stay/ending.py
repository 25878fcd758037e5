"""What revoking stays ends, told before it is done: door by door, in plain words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from access.grants import row_words, services
from access.models import AccessGrant
from access.planning.outcome import Plan
from accounts.providers.systems import AccessMethod as Mode

_WAYS = {
    Mode.CODE: "PIN",
    Mode.CARD: "Card",
    Mode.MOBILE_KEY: "Mobile key",
    Mode.CLOUD_KEY: "Web key",
}


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
    return [_ending(each, services.preview_end(each, at=now), now) for each in grants]


def _ending(grant: AccessGrant, plan: Plan, now: datetime) -> Ending:
    doors = [
        Door(line.door_name, _WAYS[line.mode], line.sentence, line.notes) for line in plan.lines
    ]
    return Ending(grant=grant, span=row_words.span(grant, now), doors=tuple(doors))
