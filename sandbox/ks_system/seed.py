"""Salto KS's first day as an access system: SIMULATED Weir House, its doors, people and tags.

Six seats, four people, eight doors. Two of the doors' readers and two locks read tags.
"""

from datetime import timedelta
from typing import Any

from sandbox import seed
from sandbox.ks_system import credentials, seats
from sandbox.ks_system.things import KIND, KsLock, KsTag
from sandbox.seam.seed import CLIENT
from sandbox.seam.things import SeamAccount
from sandbox.space import seed as space_seed
from sandbox.space import syncing
from sandbox.space.things import Encoder, SpaceDoor, SpaceGroup, SpaceSystem, SpaceUser
from sandbox.world import World

SYSTEM = "Weir House"
SYSTEM_ID = seed.make_id("ks-system", SYSTEM)
SEATS = 6
DOORS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Weir Gate", {"lock_type": "wall_reader_pin", "has_keypad": True}),
    ("Mill Door", {"lock_type": "wall_reader_pin", "has_keypad": True}),
    ("Loading Bay", {"lock_type": "wall_reader", "battery_level": "low"}),
    ("Studio 1", {"lock_type": "escutcheon_pin", "has_keypad": True}),
    ("Studio 2", {"lock_type": "escutcheon_pin", "has_keypad": True, "privacy_mode": True}),
    ("Studio 3", {"lock_type": "escutcheon"}),
    ("Archive", {"lock_type": "cylinder"}),
    ("Café", {"lock_type": "escutcheon", "bolt": "office_mode"}),
)
OFFLINE = {"Archive"}
READERS = ("Weir Gate", "Mill Door", "Studio 1", "Archive")
GROUPS = {
    "Tenants": ("Weir Gate", "Mill Door"),
    "Studios": ("Studio 1", "Studio 2", "Studio 3"),
    "Deliveries": ("Weir Gate", "Loading Bay"),
    "Caretakers": tuple(name for name, _fields in DOORS),
}
USERS = {
    "Noor Haddad": ("Tenants", "Studios"),
    "Piet Jansen": ("Caretakers",),
    "Lena Sørensen": ("Tenants",),
    "Ravi Menon": ("Tenants", "Deliveries"),
}
BEGINS_LATER = "Ravi Menon"
LATER_DAYS = 30
#: Label → whose it is; "" is registered and nobody's, None is not registered.
TAGS: dict[str, str | None] = {
    "Noor's tag": "Noor Haddad",
    "Piet's tag": "Piet Jansen",
    "Spare tag": "",
    "New tag 1": None,
    "New tag 2": None,
    "New tag 3": None,
    "Tag of another site": None,
}
OTHER_SITE = "SIMULATED Mill Lane"


def make_id(*words: str) -> str:
    return seed.make_id("ks-system", SYSTEM, *words)


def plant(world: World) -> None:
    """Add the site beside Salto Space's installation, unless it is there already."""
    if (
        SYSTEM_ID in world.space_systems.rows
        or space_seed.SYSTEM_ID not in world.space_systems.rows
    ):
        return
    now = world.now()
    account = world.seam_accounts.put(
        SeamAccount(
            id=seed.make_id("seam-account", KIND),
            workspace_id=world.clients[CLIENT].workspace_id,
            account_type=KIND,
            type_name="Salto KS",
            display_name=f"SIMULATED {SYSTEM}",
            created_at=now,
        )
    )
    world.space_systems.put(
        SpaceSystem(
            id=SYSTEM_ID,
            account_id=account.id,
            name=f"SIMULATED {SYSTEM}",
            time_zone="Europe/Amsterdam",
            created_at=now,
            kind=KIND,
            seats=SEATS,
        )
    )
    _plant_doors(world)
    _plant_people(world)
    _plant_tags(world)


def _plant_doors(world: World) -> None:
    now = world.now()
    for name, fields in DOORS:
        key = make_id("door", name)
        is_online = name not in OFFLINE
        world.space_doors.put(
            SpaceDoor(id=key, system_id=SYSTEM_ID, name=name, created_at=now, is_online=is_online)
        )
        world.ks_locks.put(KsLock(id=key, **fields))
    for name in READERS:
        world.encoders.put(
            Encoder(
                id=make_id("reader", name),
                system_id=SYSTEM_ID,
                name=name,
                created_at=now,
                door_id=make_id("door", name),
                write_seconds=0.5,
            )
        )
    for name, doors in GROUPS.items():
        world.space_groups.put(
            SpaceGroup(
                id=make_id("group", name),
                system_id=SYSTEM_ID,
                name=f"SIMULATED {name}",
                created_at=now,
                door_ids=[make_id("door", door) for door in doors],
            )
        )


def _plant_people(world: World) -> None:
    """Add people as KS knows them: all have a seat but the one whose time has not come."""
    for number, (name, groups) in enumerate(USERS.items(), 1):
        starts = world.now() + timedelta(days=LATER_DAYS) if name == BEGINS_LATER else None
        user = SpaceUser(
            id=make_id("user", name),
            system_id=SYSTEM_ID,
            ext_id=f"SIM-KS-{number:03}",
            full_name=f"SIMULATED {name}",
            created_at=world.now(),
            starts_at=starts,
            group_ids=[make_id("group", group) for group in groups],
        )
        user.known, user.synced_at = syncing.wish(user), world.now()
        user.is_subscribed = seats.wants(world, user)
        world.space_users.put(user)
        seats.watch(world, user)


def _plant_tags(world: World) -> None:
    """Add tags. The world's first day is no event, so that rows are made by hand."""
    for number, (label, owner) in enumerate(TAGS.items(), 1):
        site = OTHER_SITE if label == "Tag of another site" else ""
        tag = world.ks_tags.put(
            KsTag(id=make_id("tag", label), label=label, number=f"SIM09{number:03}", site=site)
        )
        if owner is not None:
            user_id = make_id("user", owner) if owner else None
            world.ks_credentials.put(
                credentials.tag_row(world, SYSTEM_ID, tag, make_id("credential", label), user_id)
            )


seed.PLANTERS.append(plant)
