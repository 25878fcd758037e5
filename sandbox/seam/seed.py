"""Seam's first day: one workspace, two accounts of lock brands, three locks.

The brands are real ones, the locks are not: everything says SIMULATED. What a brand can do
is in the facts of docs/sandbox.md, "Seam".
"""

from dataclasses import dataclass

from sandbox import seed
from sandbox.seam import codes
from sandbox.seam.things import SeamAccount, SeamCode, SeamDevice, Workspace
from sandbox.things import Client, Iq, Lock, Person, Site
from sandbox.world import World

CLIENT = "seam-demo"
KEY = "seam_test1_sandboxdemokey"
EMPTY_KEY = "seam_test1_sandboxemptykey"
UNMANAGED_CODE = "4711"
SITE_ID = seed.make_id("site", "Station Yard")


@dataclass(frozen=True, kw_only=True)
class _Model:
    door: str
    brand: str
    brand_name: str
    model: str
    lengths: tuple[int, ...] = ()
    constraints: tuple[str, ...] = ()
    slots: int = 0
    is_native: bool = False
    has_pool: bool = False
    relocks: bool = True


LOCKS = (
    _Model(
        door="Courtyard Door",
        brand="august",
        brand_name="August",
        model="SIMULATED August Lock with keypad",
        lengths=(4, 5, 6, 7, 8),
        slots=100,
        is_native=True,
        relocks=False,
    ),
    _Model(
        door="Side Entrance",
        brand="lockly",  # knows no calendar, says Seam's table of natively scheduling brands
        brand_name="Lockly",
        model="SIMULATED Lockly",
        lengths=(4,),
        constraints=("no_zeros", "cannot_start_with_12"),
        slots=30,
        has_pool=True,
    ),
    _Model(
        door="Workshop",
        brand="august",
        brand_name="August",
        model="SIMULATED August Lock",
    ),
)


def plant(world: World) -> None:
    """Add the simulated Seam, unless it is there: an older world has none."""
    if world.clients.get(CLIENT):
        return
    workspace = _plant_workspace(world, "SIMULATED Seam workspace", CLIENT, KEY)
    _plant_workspace(world, "SIMULATED empty workspace", "seam-empty", EMPTY_KEY)
    for brand, name in (("august", "August"), ("lockly", "Lockly")):
        world.seam_accounts.put(
            SeamAccount(
                id=seed.make_id("seam-account", brand),
                workspace_id=workspace.id,
                account_type=brand,
                type_name=name,
                display_name=f"SIMULATED {name} account",
                created_at=world.now(),
            )
        )
    _plant_locks(world)


def _plant_workspace(world: World, name: str, client_id: str, key: str) -> Workspace:
    workspace = Workspace(id=seed.make_id("workspace", name), name=name, created_at=world.now())
    world.clients.put(
        Client(
            id=client_id,
            secret=key,
            dialect="seam",
            grants=["api key"],
            workspace_id=workspace.id,
        )
    )
    return world.workspaces.put(workspace)


def _plant_locks(world: World) -> None:
    site = world.sites.put(
        Site(
            id=SITE_ID,
            site_uid="SIMSE00000001",
            customer_reference="SIMULATED Station Yard",
            country_code="GB",
            time_zone="Europe/London",
            owner_id=seed.make_id("person", "jane@example.com"),
            brand=codes.BRAND,
        )
    )
    hub = world.iqs.put(
        Iq(
            id=seed.make_id("iq", site.id, "Hub"),
            site_id=site.id,
            customer_reference="SIMULATED Hub",
            mac="51.5E.A0",
            time_zone=site.time_zone,
        )
    )
    for position, model in enumerate(LOCKS, 1):
        _plant_lock(world, site, hub, position, model)
    _plant_cleaner(world, world.locks[seed.make_id("lock", site.id, LOCKS[0].door)])


def _plant_cleaner(world: World, lock: Lock) -> None:
    """Add a code that somebody typed into the lock, past Seam. The world's first day is no event."""
    code = SeamCode(
        id=seed.make_id("seam-code", lock.id),
        lock_id=lock.id,
        name="SIMULATED cleaner",
        digits=UNMANAGED_CODE,
        created_at=world.now(),
        asked_at=world.now(),
        is_managed=False,
        on_lock=UNMANAGED_CODE,
        was_set=True,
    )
    world.seam_codes.put(code)
    world.people.put(Person(id=code.id, first_name="SIMULATED cleaner", last_name=""))


def _plant_lock(world: World, site: Site, hub: Iq, position: int, model: _Model) -> None:
    lock = world.locks.put(
        Lock(
            id=seed.make_id("lock", site.id, model.door),
            site_id=site.id,
            iq_id=hub.id,
            customer_reference=model.door,
            mac=f"51A75EA{position:05}",
            lock_type="deadbolt_pin" if model.lengths else "deadbolt",
            battery_percent=97 - 9 * position,
            open_seconds=30.0,
            relocks=model.relocks,
            code_lengths=list(model.lengths),
            code_constraints=list(model.constraints),
            code_slots=model.slots,
        )
    )
    world.seam_devices.put(
        SeamDevice(
            id=lock.id,
            account_id=seed.make_id("seam-account", model.brand),
            device_type=f"{model.brand}_lock",
            manufacturer=model.brand,
            manufacturer_name=model.brand_name,
            model=model.model,
            created_at=world.now(),
            has_native_scheduling=model.is_native,
            has_backup_pool=model.has_pool,
        )
    )


seed.PLANTERS.append(plant)
