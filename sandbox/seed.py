"""The world on its first day: accounts, sites, doors, people, groups.

Every id is derived from its name, so that it is the same after every reset. Door names are
those of two demo buildings; everything else that is made up begins with SIMULATED.
"""

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sandbox import keypads, knowledge, people
from sandbox.things import (
    Client,
    Group,
    Iq,
    Keepsake,
    Lock,
    Member,
    Person,
    Schedule,
    Settings,
    Site,
    Tag,
    Token,
)
from sandbox.world import World

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:lockboard:sandbox:simulated-salto-ks")
PASSWORD = "1234"  # noqa: S105 - every simulated account has it, and says so on its front page
DEMO_PIN = "246810"
FEATURES = ["pods", "smart_tag_assignment", "nfc", "events_storage", "activity_log"]

MILL_LANE_DOORS = (
    # name, lock type, floor
    ("Front Door", "wall_reader_pin", "Ground"),
    ("Back Door", "escutcheon_pin", "Ground"),
    ("Flat 1", "escutcheon_pin", "1"),
    ("Flat 2", "escutcheon_pin", "1"),
    ("Flat 3", "escutcheon", "2"),
    ("Flat 4", "escutcheon", "2"),
    ("Bike Store", "cylinder", "Ground"),
    ("Plant Room", "cylinder", "Ground"),
)
SMALL_DOORS = MILL_LANE_DOORS[:4]
HARBOUR_DOORS = (
    ("Main Entrance", "wall_reader_pin", "Ground"),
    ("Staff Entrance", "escutcheon_pin", "Ground"),
    ("Lobby", "wall_reader", "Ground"),
    ("Luggage Room", "cylinder", "Ground"),
    ("Kitchen", "escutcheon", "Ground"),
    ("Delivery Gate", "wall_reader_pin", "Ground"),
    *(
        (f"Room {floor}0{number}", "escutcheon_pin" if number % 2 else "escutcheon", str(floor))
        for floor in (1, 2, 3)
        for number in range(1, 7)
    ),
)

KEYPAD_CLIENT = "keypad-demo"
KEYPAD_SLOTS = 10
KEYPAD_DOORS = (
    # name, numbers of digits it takes, what it refuses
    ("Main Door", (4, 5, 6, 7, 8, 9), ()),
    ("Garden Gate", (4, 6), ("no_zeros", "cannot_start_with_12")),
    ("Store Room", (6,), ("no_ascending_or_descending_sequence", "at_least_three_unique_digits")),
    ("Boiler Room", (), ()),
)

#: What each account is for; shown on the front page and in docs/sandbox.md.
ACCOUNTS = {
    "jane@example.com": "Mill Lane: 8 doors, remote opening without one-time codes",
    "harbour@example.com": "Harbour House: 24 doors on 4 floors, two IQs, doors in every state",
    "otp@example.com": "Canal House: 4 doors, the IQ asks for one-time codes",
    "reader@example.com": "Mill Lane, but no admin role and no remote access",
    "accept@example.com": "belongs to the accept (test) environment",
    "unreleased@example.com": "the site is not released yet (2210)",
    "expired@example.com": "the subscription has ended (2212)",
    "multi@example.com": "three sites",
    "empty@example.com": "no site at all",
    "fullseats@example.com": "every seat of the subscription is taken",
}


def make_id(*words: str) -> str:
    return str(uuid.uuid5(NAMESPACE, "/".join(words)))


def plant(world: World) -> None:
    """Fill an empty world."""
    world.settings_table.put(Settings(id="settings"))
    world.schedule("retention", "retention", 86_400)
    for email in ACCOUNTS:
        _plant_account(world, email)
    mill_lane = _plant_site(world, "Mill Lane", "jane@example.com", "GB", MILL_LANE_DOORS)
    _plant_harbour(world)
    _plant_otp(world)
    _plant_reader(world, mill_lane)
    _plant_failures(world)
    stations = [
        _plant_site(world, name, "multi@example.com", "GB", SMALL_DOORS)
        for name in ("Station Road", "Church Street", "Castle Street")
    ]
    _plant_clients(world, mill_lane.id, stations[0].id)
    for iq in world.iqs:
        knowledge.tell_everything(world, iq)
    plant_keypad_cloud(world)


#: What else makes a new world whole; other brands add themselves.
PLANTERS: list[Callable[[World], None]] = []


def start_over(world: World, *, keep_sign_ins: bool) -> None:
    """Make the world new. Log numbers go on; tokens stay good unless told otherwise."""
    kept: list[Token | Keepsake] = [*world.keepsakes]
    kept += [*world.tokens] if keep_sign_ins else []
    for table in world.tables:
        table.clear()
    plant(world)
    for plant_more in PLANTERS:
        plant_more(world)
    for row in kept:
        if isinstance(row, Token):
            world.tokens.put(row)
        else:
            world.keepsakes.put(row)


def _plant_account(world: World, email: str) -> None:
    first = email.partition("@")[0].capitalize()
    world.people.put(
        Person(
            id=make_id("person", email),
            email=email,
            password=PASSWORD,
            first_name=f"SIMULATED {first}",
            last_name="Example",
            phone="+0000000000",
            environment="accept" if email.startswith("accept") else "production",
        )
    )


def _plant_site(
    world: World,
    name: str,
    owner_email: str,
    country: str,
    doors: tuple[tuple[str, str, str], ...],
    **fields: Any,
) -> Site:
    """Add a site with its IQ, doors, owner, two people and a group for everything."""
    number = f"{uuid.UUID(make_id('site', name)).int % 10**8:08}"
    site = Site(
        id=make_id("site", name),
        site_uid=f"SIM{country}{number}",
        customer_reference=f"SIMULATED {name}",
        country_code=country,
        time_zone="Europe/London" if country == "GB" else "Europe/Amsterdam",
        owner_id=make_id("person", owner_email),
        features=list(FEATURES),
    )
    world.sites.put(replace(site, **fields))
    iq = _plant_iq(world, site, "IQ 01")
    for position, door in enumerate(doors, 1):
        _plant_lock(world, site, iq, position, door)
    _plant_member(world, site, site.owner_id, ["site_admin"], remote_access=True)
    _plant_people(world, site)
    return world.sites[site.id]


def _plant_iq(world: World, site: Site, name: str, **fields: Any) -> Iq:
    tail = make_id("iq", site.id, name)[:4].upper()
    return world.iqs.put(
        Iq(
            id=make_id("iq", site.id, name),
            site_id=site.id,
            customer_reference=f"SIMULATED {name}",
            mac=f"51.{tail[:2]}.{tail[2:]}",
            time_zone=site.time_zone,
            **fields,
        )
    )


def _plant_lock(
    world: World, site: Site, iq: Iq, position: int, door: tuple[str, str, str]
) -> Lock:
    name, lock_type, floor = door
    return world.locks.put(
        Lock(
            id=make_id("lock", site.id, name),
            site_id=site.id,
            iq_id=iq.id,
            customer_reference=name,
            mac=f"51A7{make_id('mac', site.id)[:6].upper()}{position:04}",
            lock_type=lock_type,
            floor=floor,
            battery_percent=97 - 2 * position,
            # The older hardware of the seed document: it cannot lock on command.
            supports_lock=lock_type != "cylinder",
        )
    )


def _plant_member(
    world: World, site: Site, person_id: str, roles: list[str], **fields: Any
) -> Member:
    member = Member(
        id=make_id("member", site.id, person_id),
        site_id=site.id,
        person_id=person_id,
        role_codes=roles,
    )
    return world.members.put(replace(member, **fields))


def _plant_people(world: World, site: Site) -> None:
    """Add Ana, who has a PIN and a tag, and Ben, who has a tag; both may pass everywhere."""
    ids = []
    for number, (first, last, pin) in enumerate(
        (("Ana", "Lopez", DEMO_PIN), ("Ben", "Okafor", None)), 1
    ):
        person_id = make_id("person", site.id, first)
        tag = f"SIM{len(world.sites):03}{number:02}"
        world.people.put(
            Person(id=person_id, first_name=f"SIMULATED {first}", last_name=last, tag_number=tag)
        )
        _plant_member(
            world, site, person_id, ["site_user"], pin=pin, use_pin=pin is not None, alias=first
        )
        world.tags.put(
            Tag(
                id=make_id("tag", tag),
                site_id=site.id,
                number=tag,
                person_id=person_id,
                offline_access=number == 2,
            )
        )
        ids.append(person_id)
    _plant_group(world, site, ids)


def _plant_group(world: World, site: Site, person_ids: list[str]) -> None:
    group = Group(
        id=make_id("group", site.id),
        site_id=site.id,
        customer_reference="SIMULATED All doors",
        lock_ids=[lock.id for lock in world.locks.where(site_id=site.id)],
        person_ids=person_ids,
    )
    world.groups.put(group)
    every_day = people.schedule_body(dict.fromkeys(knowledge.DAYS, True))
    world.schedules.put(
        Schedule(id=make_id("schedule", site.id), group_id=group.id, body=every_day)
    )


def _plant_harbour(world: World) -> None:
    """Add Harbour House, where one door each is offline, low, open, private, scheduled."""
    site = _plant_site(
        world,
        "Harbour House",
        "harbour@example.com",
        "NL",
        HARBOUR_DOORS,
        features=[*FEATURES, "custom_pin"],
        subscribed_user_amount=100,
    )
    second = _plant_iq(world, site, "IQ 02", revision="2.0")
    doors = {lock.customer_reference: lock for lock in world.locks.where(site_id=site.id)}
    for lock in doors.values():
        if lock.floor in {"2", "3"}:
            lock.iq_id = second.id
    doors["Room 305"].reachable = doors["Room 305"].online = False
    doors["Room 203"].battery_level, doors["Room 203"].battery_percent = "critical", 6
    doors["Lobby"].bolt = doors["Lobby"].locked_state = "office_mode"
    doors["Room 104"].privacy_mode = True
    every_day = people.schedule_body(
        dict.fromkeys(knowledge.DAYS, True) | {"start_time": "08:00", "end_time": "18:00"}
    )
    doors["Main Entrance"].open_seconds = 12.0
    doors["Main Entrance"].easy_office_mode_schedule = {"eom_auto_start": True} | every_day


def _plant_otp(world: World) -> None:
    site = _plant_site(world, "Canal House", "otp@example.com", "NL", SMALL_DOORS)
    for iq in world.iqs.where(site_id=site.id):
        iq.otp_enabled = True


def _plant_reader(world: World, site: Site) -> None:
    _plant_member(world, site, make_id("person", "reader@example.com"), ["site_user"])


def _plant_failures(world: World) -> None:
    """Add the sites on which something is wrong from the start."""
    accept = _plant_site(world, "Accept House", "accept@example.com", "NL", SMALL_DOORS)
    accept.site_uid = accept.site_uid.replace("SIMNL", "SIMACCNL")
    accept.customer_reference += " (accept environment)"
    _plant_site(
        world,
        "Garden Court",
        "unreleased@example.com",
        "GB",
        SMALL_DOORS,
        installation_state="in_installation",
    )
    ended = _plant_site(
        world, "Tower View", "expired@example.com", "GB", SMALL_DOORS, subscription_valid=False
    )
    for member in world.members.where(site_id=ended.id):
        member.subscription_state = "suspended"
    full = _plant_site(world, "Full House", "fullseats@example.com", "GB", SMALL_DOORS)
    full.subscribed_user_amount = people.seats_used(world, full.id)


def plant_keypad_cloud(world: World) -> None:
    """Add the second brand, unless it is there: an older world has none."""
    if world.clients.get(KEYPAD_CLIENT):
        return
    site = Site(
        id=make_id("site", "Willow Court"),
        site_uid="SIMKC00000001",
        customer_reference="SIMULATED Willow Court",
        country_code="GB",
        time_zone="Europe/London",
        owner_id=make_id("person", "jane@example.com"),
        brand=keypads.BRAND,
    )
    world.sites.put(site)
    bridge = _plant_iq(world, site, "Bridge")
    for position, (name, lengths, constraints) in enumerate(KEYPAD_DOORS, 1):
        lock_type = "deadbolt_pin" if lengths else "deadbolt"
        lock = _plant_lock(world, site, bridge, position, (name, lock_type, "Ground"))
        lock.code_lengths, lock.code_constraints = list(lengths), list(constraints)
        lock.code_slots = KEYPAD_SLOTS
    world.clients.put(
        Client(
            id=KEYPAD_CLIENT,
            secret="keypad-demo-key",  # noqa: S106
            dialect="keypad",
            grants=["api key"],
            site_ids=[site.id],
        )
    )
    world.clients.put(
        Client(
            id="keypad-empty",
            secret="keypad-empty-key",  # noqa: S106
            dialect="keypad",
            grants=["api key"],
        )
    )


def _plant_clients(world: World, mill_lane_id: str, other_id: str) -> None:
    world.clients.put(
        Client(
            id="lockboard-web",
            secret="lockboard-web-secret",  # noqa: S106 - public by design, see docs/sandbox.md
            grants=["authorization_code", "refresh_token"],
            scopes=["user_api.full_access", "openid", "profile", "offline_access"],
            is_public=True,
        )
    )
    world.clients.put(
        Client(
            id="lockboard-backend",
            secret="lockboard-backend-secret",  # noqa: S106
            grants=["password", "refresh_token"],
            scopes=["user_api.full_access", "offline_access"],
        )
    )
    reading = ["locks:read", "audit:read"]
    everything = [*reading, "locks:write", "users:read"]
    for name, fields in (
        ("legacy-client", {}),
        ("legacy-readonly", {"scopes": reading}),
        ("legacy-noaddon", {"addon_enabled": False}),
        ("legacy-oldtenant", {"audit_route": "audit/log"}),
        ("legacy-multisite", {"site_ids": [mill_lane_id, other_id]}),
    ):
        client = Client(
            id=name,
            secret="legacy-secret",  # noqa: S106
            dialect="legacy",
            grants=["client_credentials"],
            scopes=everything,
            site_ids=[mill_lane_id],
        )
        world.clients.put(replace(client, **fields))
