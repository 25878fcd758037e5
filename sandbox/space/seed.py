"""Salto Space's first day: SIMULATED Harbour Annex, its doors, groups, people, cards.

A house of four rooms and a few offices. Two wall readers update cards; the doors on the
corridors are offline and know what cards tell them.
"""

from datetime import timedelta
from typing import Any

from sandbox import seed
from sandbox.seam.seed import CLIENT
from sandbox.seam.things import SeamAccount
from sandbox.space import keys, syncing
from sandbox.space.things import (
    Card,
    Encoder,
    SpaceDoor,
    SpaceGroup,
    SpaceKey,
    SpaceSystem,
    SpaceUser,
)
from sandbox.world import World

SYSTEM = "Harbour Annex"
SYSTEM_ID = seed.make_id("space-system", SYSTEM)
DOORS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Main Entrance", {"is_online": True, "is_updater": True, "description": "Wall reader"}),
    ("Staff Entrance", {"is_online": True, "is_updater": True, "description": "Wall reader"}),
    ("Car Park Gate", {"is_online": True, "description": "Wall reader"}),
    ("Lift", {"is_online": True, "description": "Reader in the lift"}),
    ("Office", {"description": "Escutcheon, offline"}),
    ("Kitchen", {"description": "Escutcheon, offline"}),
    ("Linen Store", {"description": "Cylinder, offline", "has_bluetooth": False}),
    ("Spa", {"description": "Escutcheon, offline"}),
    *(
        (f"Room {n}", {"room_name": str(n), "description": "Room lock, offline"})
        for n in (101, 102, 103, 104)
    ),
)
GROUPS = {
    "Everybody": ("Main Entrance", "Lift"),
    "Staff": ("Staff Entrance", "Office", "Kitchen"),
    "Housekeeping": ("Linen Store", "Room 101", "Room 102", "Room 103", "Room 104"),
    "Spa guests": ("Spa",),
    "Parking": ("Car Park Gate",),
    "Room 101": ("Room 101",),
    "Room 102": ("Room 102",),
    "Room 103": ("Room 103",),
    "Room 104": ("Room 104",),
}
USERS = {
    "Mara Lindqvist": ("Everybody", "Staff"),
    "Tom Achebe": ("Everybody", "Housekeeping"),
    "Guest Ines Prado": ("Everybody", "Room 102"),
}
ENCODERS = ("Front desk 1", "Back office")


def make_id(*words: str) -> str:
    return seed.make_id("space", SYSTEM, *words)


def plant(world: World) -> None:
    """Add the installation, unless it is there or Seam is not: an older world has neither."""
    if world.space_systems.get(SYSTEM_ID) or not world.clients.get(CLIENT):
        return
    now = world.now()
    account = world.seam_accounts.put(
        SeamAccount(
            id=seed.make_id("seam-account", "salto_space"),
            workspace_id=world.clients[CLIENT].workspace_id,
            account_type="salto_space",
            type_name="Salto Space",
            display_name=f"SIMULATED {SYSTEM}",
            created_at=now,
        )
    )
    world.space_systems.put(
        SpaceSystem(
            id=SYSTEM_ID,
            account_id=account.id,
            name=f"SIMULATED {SYSTEM}",
            time_zone="Europe/London",
            created_at=now,
        )
    )
    _plant_building(world)
    _plant_people(world)
    _plant_cards(world)


def _plant_building(world: World) -> None:
    now = world.now()
    for name, fields in DOORS:
        door = SpaceDoor(id=make_id("door", name), system_id=SYSTEM_ID, name=name, created_at=now)
        for field, value in fields.items():
            setattr(door, field, value)
        world.space_doors.put(door)
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
    for name in ENCODERS:
        world.encoders.put(
            Encoder(id=make_id("encoder", name), system_id=SYSTEM_ID, name=name, created_at=now)
        )


def _plant_people(world: World) -> None:
    """Add people as Space knows them; the first has a card."""
    for number, (name, groups) in enumerate(USERS.items(), 1):
        user = SpaceUser(
            id=make_id("user", name),
            system_id=SYSTEM_ID,
            ext_id=f"SIM-{number:05}",
            full_name=f"SIMULATED {name}",
            created_at=world.now(),
            group_ids=[make_id("group", group) for group in groups],
        )
        user.known, user.synced_at = syncing.wish(user), world.now()
        world.space_users.put(user)
    _plant_issued_card(world, make_id("user", "Mara Lindqvist"), "Mara's card")


def _plant_issued_card(world: World, user_id: str, label: str) -> None:
    card = world.cards.put(Card(id=make_id("card", label), label=label, serial=_serial(label)))
    key = SpaceKey(
        id=make_id("key", user_id),
        system_id=SYSTEM_ID,
        user_id=user_id,
        assign_new_key=True,
        created_at=world.now(),
    )
    world.space_keys.put(key)
    keys.write(world, card, key)
    key.issued_at, key.card_number = world.now(), card.serial


def _plant_cards(world: World) -> None:
    """Add the tray: blanks, and everything that may lie on a desk besides."""
    then = world.now() - timedelta(days=3)
    old = {"door_ids": [make_id("door", "Room 103")], "ends_at": then, "starts_at": None}
    old |= {"system_id": SYSTEM_ID, "revalidate_until": then, "user_name": "a former guest"}
    odd: dict[str, dict[str, Any]] = {
        "Old guest card": {"content": {"kind": "guest", "key_number": 17, **old}},
        "Staff card": {"content": {"kind": "staff", "system_id": SYSTEM_ID}},
        "Foreign card": {"content": {"kind": "foreign"}, "technology": "MIFARE Classic"},
        "Damaged card": {"is_damaged": True},
        "Small card": {"capacity": 2},
    }
    tray: dict[str, dict[str, Any]] = {f"Blank {number}": {} for number in range(1, 7)} | odd
    for label, fields in tray.items():
        card = Card(id=make_id("card", label), label=label, serial=_serial(label))
        for field, value in fields.items():
            setattr(card, field, value)
        world.cards.put(card)


def _serial(label: str) -> str:
    return "51" + make_id("serial", label).replace("-", "")[:12].upper()


seed.PLANTERS.append(plant)
