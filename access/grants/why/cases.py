"""What the walk looks at, read from rows. A fixed number of queries; no provider is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import prefetch_related_objects

from access.grants import listing, standing
from access.grants.standing import GrantStanding, Standing
from access.grants.why.walking import LOOKS_BACK, Case
from accounts.actors import Actor
from audit.ids import moment_floor
from audit.models import Event
from audit.words import Verb
from locks.models import Device

_MOST_DENIALS = 20


@dataclass(frozen=True)
class Choice:
    """A door, or a way in, that the walk can be narrowed to."""

    key: str
    label: str
    is_on: bool


@dataclass(frozen=True)
class Asked:
    """What the address narrows the walk to; "" for everything."""

    door: str = ""
    way: str = ""


@dataclass(frozen=True)
class Opened:
    case: Case
    doors: list[Choice]
    ways: list[Choice]


def open_case(pk: UUID, asked: Asked, actor: Actor, now: datetime) -> Opened:
    """Return all that is known about a stay of which somebody says it does not work."""
    [grant] = listing.by_id([pk])
    found = standing.of(grant, now)
    every = [each for way in found.methods for each in way.doors if each.is_wanted]
    if not every and grant.is_over(now):  # of what is over, all of it is looked at
        every = [each for way in found.methods for each in way.doors]
    kept = [
        each
        for each in every
        if asked.door in ("", str(each.door.door_id))
        and asked.way in ("", str(each.door.method_id))
    ]
    left = [each for each in grant.left_out if asked.door in ("", str(each["door_id"]))]
    case = Case(
        standing=found,
        ways=kept,
        left_out=[(each["name"], each["message"]) for each in left],
        deliveries=grant.all_deliveries,  # type: ignore[attr-defined]  # prefetched
        denied=[],
        now=now,
    )
    devices = [each for each in case.things if isinstance(each, Device)]
    entrances = [each for each in case.things if not isinstance(each, Device)]
    prefetch_related_objects(devices, "hub")
    prefetch_related_objects(entrances, "system__account")
    case = Case(**{**case.__dict__, "denied": _denied(devices, actor, now)})
    return Opened(case=case, doors=_doors(found, asked), ways=_ways(found, asked))


def _denied(devices: list[Device], actor: Actor, now: datetime) -> list[Event]:
    rows = Event.objects.in_sight(actor.sight).filter(
        device_id__in=[each.pk for each in devices],
        verb=Verb.REJECTED,
        id__gte=moment_floor(now - LOOKS_BACK),
        occurred_at__lte=now,
    )
    return list(rows.newest_first()[:_MOST_DENIALS])


def _doors(found: GrantStanding, asked: Asked) -> list[Choice]:
    names = {
        str(each.door.door_id): each.name
        for way in found.methods
        for each in way.doors
        if each.is_wanted
    }
    names |= {str(each["door_id"]): each["name"] for each in found.grant.left_out}
    return [Choice(key, name, key == asked.door) for key, name in names.items()]


def _ways(found: GrantStanding, asked: Asked) -> list[Choice]:
    kept = [each for each in found.methods if each.wanted]
    return [
        Choice(str(each.method.pk), _label(each, kept), str(each.method.pk) == asked.way)
        for each in kept
    ]


def _label(way: Standing, ways: Sequence[Standing]) -> str:
    """`PIN`; of several PINs, with the doors that tell them apart."""
    if sum(each.what == way.what for each in ways) == 1:
        return way.what
    return f"{way.what}: {', '.join(each.name for each in way.wanted)}"
