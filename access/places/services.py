"""What people decide about systems and doors here: where they belong, how they hear of changes."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction

from access import waking
from access.models import AcsEntrance, AcsSystem
from accounts.actors import Actor
from accounts.models import Space
from accounts.permissions import Permission
from audit.services import record
from audit.words import How, Verb
from locks.codes.rules import RuleError
from locks.codes.services import RefusedError

WIRED = {True: "is wired", False: "is offline", None: "wired or not: not known"}


def link_entrance(entrance: AcsEntrance, space: Space | None, *, by: Actor, at: datetime) -> None:
    """Say which room or area a door leads to; None for no link. Raises RefusedError."""
    system = entrance.system
    by.require(Permission.MANAGE_SYSTEMS, system.property_id)
    if space and (space.property_id or space.pk) != system.property_id:
        raise RefusedError([RuleError("space", "choose a place of the same property")])
    with transaction.atomic():
        AcsEntrance.objects.filter(pk=entrance.pk).update(space=space)
        after = f"leads to {space.name}" if space else "leads to no place here"
        _tell(Verb.ENTRANCE_CHANGED, system, entrance.name, by=by, at=at, after=after)


def set_wired(
    system: AcsSystem,
    entrance_ids: Collection[UUID],
    is_wired: bool | None,  # noqa: FBT001  it is the value
    *,
    by: Actor,
    at: datetime,
) -> int:
    """Say whether doors of a system hear of changes by themselves. A line for each that changes.

    Return how many did. Raises RefusedError where the provider tells it.
    """
    by.require(Permission.MANAGE_SYSTEMS, system.property_id)
    if not system.writes_cards:
        raise RefusedError([RuleError("is_wired", "The provider tells this by itself.")])
    with transaction.atomic():
        rows = AcsEntrance.objects.filter(system=system, removed_at=None, pk__in=entrance_ids)
        rows = rows.select_for_update(no_key=True).order_by("pk")
        changed = [entrance for entrance in rows if entrance.is_wired is not is_wired]
        for entrance in changed:
            entrance.is_wired = is_wired
            after = WIRED[is_wired]
            _tell(Verb.ENTRANCE_CHANGED, system, entrance.name, by=by, at=at, after=after)
        AcsEntrance.objects.bulk_update(changed, ["is_wired"])
    return len(changed)


def move_system(system: AcsSystem, place: Space, *, by: Actor, at: datetime) -> bool:
    """Give a system to a property, the first or another; doors lose links to rooms of the old one.

    Return False if it belonged there already. Raises RefusedError.
    """
    by.require(Permission.MANAGE_SYSTEMS, place.pk)
    if place.parent_id or place.workspace_id != system.workspace_id:
        raise RefusedError([RuleError("property", "choose a property")])
    with transaction.atomic():
        system = _held(system, by)
        if system.is_placed and place.pk == system.property_id:
            return False
        waking.tell(system)  # whoever looks at it in the old property
        AcsSystem.objects.filter(pk=system.pk).update(property=place, is_placed=True)
        AcsEntrance.objects.filter(system=system, space__isnull=False).update(space=None)
        system.property, system.is_placed = place, True
        after = f"belongs to {place.name}"
        _tell(Verb.SYSTEM_CHANGED, system, system.name, by=by, at=at, after=after)
    return True


def _held(system: AcsSystem, by: Actor) -> AcsSystem:
    """Return the row as it is now, kept from others. Raises PermissionDenied where it is not `by`'s.

    Somebody else may have placed it a moment ago, where `by` has no say.
    """
    rows = AcsSystem.objects.select_for_update(of=("self",), no_key=True)
    now: AcsSystem = rows.select_related("property", "account").get(pk=system.pk)
    if now.is_placed:
        by.require(Permission.MANAGE_SYSTEMS, now.property_id)
    elif not AcsSystem.objects.to_place_by(by).filter(pk=now.pk).exists():
        raise PermissionDenied(Permission.MANAGE_SYSTEMS)
    return now


def _tell(
    verb: Verb, system: AcsSystem, subject: str, *, by: Actor, at: datetime, **detail: Any
) -> None:
    record(
        verb,
        workspace_id=system.workspace_id,
        at=at,
        who=by.who,
        place=system.as_place(),
        subject=subject,
        how=How.WEB,
        system=system.name,
        **detail,
    )
    waking.tell(system)
