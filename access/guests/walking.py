"""Doors in the order in which a guest comes to them: gate, lobby, room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from access.models import AccessGrant, GrantTarget, MethodDoor
from accounts.models import Space
from locks.tiles import natural

_Rank = tuple[int, int, list[tuple[int, str | int]]]


def in_walking_order(grant: AccessGrant, rows: Sequence[MethodDoor]) -> list[MethodDoor]:
    """Sort doors as the grant names them; those of one space from its outside to the inside."""
    parents = dict(Space.objects.filter(property=grant.property_id).values_list("pk", "parent_id"))
    targets = list(grant.targets.order_by("position"))

    def rank(row: MethodDoor) -> _Rank:
        above = _spaces_above(row, parents)
        position = next(
            (number for number, each in enumerate(targets) if _leads_to(each, row, above)),
            len(targets),
        )
        return position, len(above), natural(str(row.device or row.entrance))

    return sorted(rows, key=rank)


def _spaces_above(row: MethodDoor, parents: Mapping[UUID, UUID | None]) -> list[UUID]:
    """Return the space a door is in and those around it, the property among them."""
    door = row.device or row.entrance
    assert door is not None
    space_id = door.space_id
    above: list[UUID] = []
    while space_id is not None and space_id not in above:
        above.append(space_id)
        space_id = parents.get(space_id)
    owner = (
        row.device.property_id if row.device else row.entrance and row.entrance.system.property_id
    )
    if owner and owner not in above:
        above.append(owner)
    return above


def _leads_to(target: GrantTarget, row: MethodDoor, above: Sequence[UUID]) -> bool:
    if target.space_id:
        return target.space_id in above
    if target.device_id:
        return target.device_id == row.device_id
    return target.entrance_id == row.entrance_id
