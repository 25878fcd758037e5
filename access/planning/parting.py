"""When a method that two grants share cannot serve this one any longer.

Two stays that followed one another share a PIN or a card. If one of them moves away, the time
between them must open nothing: it leaves the method to the other, and gets one of its own.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from access.planning import windows
from access.planning.asked import Wish
from access.planning.choosing import Choice
from access.planning.doors import Door
from access.planning.held import HeldDoor, HeldMethod
from accounts.providers.systems import AccessMethod


def parted(
    methods: Sequence[HeldMethod], choices: Sequence[Choice], wish: Wish, *, now: datetime
) -> frozenset[UUID]:
    """Return the methods that this grant leaves to others."""
    wanted = {(mode, choice.door.id): choice.door for choice in choices for mode in choice.modes}
    return frozenset(
        method.id for method in methods if method.is_shared and _parts(method, wanted, wish, now)
    )


def left_to_others(method: HeldMethod) -> HeldMethod:
    """Return a method as it is without this grant."""
    doors = (replace(door, window=door.also, also=None) for door in method.doors if door.also)
    return replace(method, doors=tuple(doors))


def _parts(
    method: HeldMethod,
    wanted: dict[tuple[AccessMethod, UUID], Door],
    wish: Wish,
    now: datetime,
) -> bool:
    if method.has_one_schedule and _doors(method, wanted) != method.door_ids:
        return True
    return any(
        not _still_meets(there, wanted[method.mode, there.door_id], method, wish, now)
        for there in method.doors
        if there.also and (method.mode, there.door_id) in wanted
    )


def _doors(method: HeldMethod, wanted: dict[tuple[AccessMethod, UUID], Door]) -> Collection[UUID]:
    return frozenset(
        door.id
        for (mode, _), door in wanted.items()
        if mode == method.mode
        and door.system_id == method.system_id
        and (mode != AccessMethod.CODE or door.makes_digits or door.id in method.door_ids)
    )


def _still_meets(
    there: HeldDoor, door: Door, method: HeldMethod, wish: Wish, now: datetime
) -> bool:
    own = windows.window_at(door, method.mode, wish.window, replace(there, also=None), now=now)
    return there.also is not None and windows.touch(own, there.also)
