"""Makes a Space installation large, as a client's real one is: for measuring, not for looking.

Each group opens 4 to 10 doors, each user is in one to three groups, and six users in ten have a
card. Those cards are in people's pockets: no piece of plastic lies in the tray for them.
"""

from datetime import timedelta
from typing import Any

from sandbox.ks_system import seats
from sandbox.space import keys, syncing
from sandbox.space.numbering import free_numbers
from sandbox.space.things import SpaceDoor, SpaceGroup, SpaceKey, SpaceSystem, SpaceUser
from sandbox.world import Table, World, new_id

FEWEST_DOORS, DOOR_SPREAD = 4, 7
MOST_GROUPS = 3
DOOR, GROUP = "Door", "SIMULATED Group"
WITH_CARD_IN_TEN = 6


def grow(world: World, system: SpaceSystem, wish: dict[str, Any]) -> None:
    """Add `{"users", "groups", "doors"}`."""
    counts = {word: int(wish.get(word, 0)) for word in ("doors", "groups", "users")}
    door_ids = _grow_doors(world, system, counts["doors"])
    group_ids = _grow_groups(world, system, counts["groups"], door_ids)
    _grow_users(world, system, counts["users"], group_ids)
    seats.settle(world, system)


def _count(table: Table[Any], system: SpaceSystem, name: str) -> int:
    """Return how many rows of a system were grown before."""
    return sum(row.name.startswith(f"{name} ") for row in table.where(system_id=system.id))


def _grow_doors(world: World, system: SpaceSystem, count: int) -> list[str]:
    start = _count(world.space_doors, system, DOOR)
    doors = [
        SpaceDoor(
            id=new_id(),
            system_id=system.id,
            name=f"{DOOR} {start + number}",
            created_at=world.now(),
        )
        for number in range(count)
    ]
    return [world.space_doors.put(door).id for door in doors]


def _grow_groups(world: World, system: SpaceSystem, count: int, door_ids: list[str]) -> list[str]:
    """Add groups that together open every new door, where there are enough of them."""
    start = _count(world.space_groups, system, GROUP)
    ids = []
    for number in range(count):
        wanted = min(FEWEST_DOORS + number % DOOR_SPREAD, len(door_ids))
        first = number * FEWEST_DOORS
        mine = [door_ids[(first + step) % len(door_ids)] for step in range(wanted)]
        group = SpaceGroup(
            id=new_id(),
            system_id=system.id,
            name=f"{GROUP} {start + number}",
            created_at=world.now(),
            door_ids=mine,
        )
        ids.append(world.space_groups.put(group).id)
    return ids


def _grow_users(world: World, system: SpaceSystem, count: int, group_ids: list[str]) -> None:
    start, now = len(world.space_users) + 1, world.now()
    numbers = free_numbers(world, system.id)
    for number in range(count):
        wanted = min(1 + number % MOST_GROUPS, len(group_ids))
        user = SpaceUser(
            id=new_id(),
            system_id=system.id,
            ext_id=next(numbers),
            full_name=f"SIMULATED Person {start + number}",
            created_at=now,
            synced_at=now,
            group_ids=[group_ids[(number + step) % len(group_ids)] for step in range(wanted)],
        )
        user.known = syncing.wish(user)
        world.space_users.put(user)
        if number % 10 < WITH_CARD_IN_TEN and system.kind == "salto_space":
            _give_card(world, system, user)


def _give_card(world: World, system: SpaceSystem, user: SpaceUser) -> None:
    """Let the user carry a card that was written just now."""
    now = world.now()
    system.latest_key_number += 1
    key = SpaceKey(
        id=new_id(),
        system_id=system.id,
        user_id=user.id,
        created_at=now,
        assign_new_key=True,
        key_number=system.latest_key_number,
        card_id=new_id(),
        card_number=f"51{system.latest_key_number:012X}",
        issued_at=now,
        written_at=now,
    )
    until = now + timedelta(days=system.revalidation_days)
    key.written = keys.wanted(world, key) | {"revalidate_until": until}
    user.key_id = key.id
    world.space_keys.put(key)
