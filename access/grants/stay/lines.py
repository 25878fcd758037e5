"""What happened to a stay: its lines of the log, and the moments of its codes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from access.models import AccessGrant
from accounts.actors import Actor
from audit.models import Event
from audit.presenting import lines_of
from locks.models import CodeMoment

MOST = 100


@dataclass(frozen=True)
class Line:
    at: datetime
    text: str
    icon: str
    tone: str
    #: Empty for the whole stay.
    door: str = ""
    who: str = ""


def of(grant: AccessGrant, code_ids: Collection[UUID], actor: Actor) -> list[Line]:
    """Return the last of what happened, newest first. Two queries."""
    found = [*_of_log(grant, actor), *_of_codes(code_ids)]
    return sorted(found, key=lambda each: each.at, reverse=True)[:MOST]


def _of_log(grant: AccessGrant, actor: Actor) -> Iterator[Line]:
    events = Event.objects.in_sight(actor.sight).of_grant(grant.pk).newest_first()[:MOST]
    for each in lines_of(events, grant.property.zone):
        yield Line(at=each.at, text=each.sentence, icon=each.icon, tone=each.tone, door=each.door)


def _of_codes(code_ids: Collection[UUID]) -> Iterator[Line]:
    if not code_ids:
        return
    rows = CodeMoment.objects.filter(code__in=code_ids).select_related("code__device")
    for each in rows.order_by("-at", "-pk")[:MOST]:
        door = each.code.device.name
        yield Line(each.at, each.text, "keypad", "neutral", door=door, who=each.who)
