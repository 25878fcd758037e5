"""What happened to a stay: its lines of the log, openings, and the moments of its codes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from access.guests import authority
from access.models import AccessGrant, GuestLink
from accounts.actors import Actor
from audit.models import Event
from audit.presenting import lines_of
from locks.models import ActionAttempt, CodeMoment

MOST = 100
_MOST_OPENINGS = 50


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
    found = [*_of_log(grant, code_ids, actor), *_of_codes(code_ids)]
    return sorted(found, key=lambda each: each.at, reverse=True)[:MOST]


def _of_log(grant: AccessGrant, code_ids: Collection[UUID], actor: Actor) -> Iterator[Line]:
    """What was done to it, and each try at a door that is known to be of this stay.

    Each part by an index of its own. A PIN that goes on over several stays of somebody tells
    of all of them.
    """
    seen = Event.objects.in_sight(actor.sight)
    links = GuestLink.objects.filter(grant=grant).values("pk")
    presses = ActionAttempt.objects.filter(authority=authority.KIND, authority_id__in=links)
    events = (
        seen.of_grant(grant.pk)
        .newest_first()[:MOST]
        .union(
            seen.of_codes(code_ids).newest_first()[:_MOST_OPENINGS],
            seen.filter(attempt_id__in=presses.values("pk")).newest_first()[:_MOST_OPENINGS],
            all=True,
        )
    )
    for each in lines_of(events.order_by("-id"), grant.property.zone):
        door = "" if each.door in each.sentence else each.door
        yield Line(at=each.at, text=each.sentence, icon=each.icon, tone=each.tone, door=door)


def _of_codes(code_ids: Collection[UUID]) -> Iterator[Line]:
    if not code_ids:
        return
    rows = CodeMoment.objects.filter(code__in=code_ids).select_related("code__device")
    for each in rows.order_by("-at", "-pk")[:MOST]:
        door = each.code.device.name
        yield Line(each.at, each.text, "keypad", "neutral", door=door, who=each.who)
