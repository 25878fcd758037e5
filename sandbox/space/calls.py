"""The calls about access systems: systems, groups, entrances. Users and cards are elsewhere."""

from collections.abc import Iterable
from typing import Any, TypeVar

from sandbox.ks_system.things import KsCredential
from sandbox.phones.things import MobileKey
from sandbox.seam.http import Ask, call, invalid, not_found
from sandbox.space import keys, shapes, syncing
from sandbox.space.things import SpaceDoor, SpaceGroup, SpaceKey, SpaceSystem, SpaceUser
from sandbox.world import Table

T = TypeVar("T")


# --- finding ------------------------------------------------------------------------------


def systems(ask: Ask) -> list[SpaceSystem]:
    accounts = {account.id for account in ask.accounts()}
    return [row for row in ask.world.space_systems if row.account_id in accounts]


def one(ask: Ask, table: Table[Any], name: str) -> Any:
    """Return the row named by `<name>_id`, if it is of this workspace. Raises 404."""
    row = table.get(ask.get(f"{name}_id"))
    mine = {system.id for system in systems(ask)}
    if row is None or (row.id if isinstance(row, SpaceSystem) else row.system_id) not in mine:
        raise not_found(name)
    return row


def mine(ask: Ask, table: Iterable[T]) -> list[T]:
    """Return the rows of this workspace, of the system named if one is."""
    found = {system.id for system in systems(ask)}
    if ask.get("acs_system_id"):
        found &= {ask.get("acs_system_id")}
    return [row for row in table if row.system_id in found]  # type: ignore[attr-defined]


def is_found(ask: Ask, *texts: str | None) -> bool:
    wanted = str(ask.get("search") or "").lower()
    return any(wanted in (text or "").lower() for text in texts)


def user(ask: Ask) -> SpaceUser:
    """Return the user named by `acs_user_id`, or by `user_identity_id` (and `acs_system_id`)."""
    ask.needs_one_of("acs_user_id", "user_identity_id")
    if ask.get("acs_user_id"):
        found: SpaceUser = one(ask, ask.world.space_users, "acs_user")
        return found
    rows = [
        row
        for row in mine(ask, ask.world.space_users)
        if row.user_identity_id == ask.get("user_identity_id")
    ]
    if not rows:
        raise not_found("acs_user")
    return rows[0]


#: A key of Space on a card, a PIN or a tag of KS, a mobile key of either.
Credential = SpaceKey | KsCredential | MobileKey


def credential(ask: Ask) -> Credential:
    """Return the credential named by `acs_credential_id`."""
    tables: tuple[Table[Any], ...] = (ask.world.ks_credentials, ask.world.mobile_keys)
    holds = (table for table in tables if ask.get("acs_credential_id") in table.rows)
    found: Credential = one(ask, next(holds, ask.world.space_keys), "acs_credential")
    return found


def credentials(ask: Ask) -> list[Credential]:
    rows: list[Credential] = [*mine(ask, ask.world.space_keys)]
    return rows + mine(ask, ask.world.ks_credentials) + mine(ask, ask.world.mobile_keys)


def doors_of(ask: Ask, row: Credential) -> list[str]:
    """Return the doors a credential should open by what its system was told so far."""
    if isinstance(row, SpaceKey):
        doors: list[str] = keys.wanted(ask.world, row)["door_ids"]
        return doors
    owner = ask.world.space_users.get(row.user_id)
    return keys.doors_of(ask.world, owner) if owner else []


def group(ask: Ask) -> SpaceGroup:
    found: SpaceGroup = one(ask, ask.world.space_groups, "acs_access_group")
    return found


def _doors(ask: Ask, ids: Iterable[str]) -> dict[str, Any]:
    wanted = set(ids)
    rows = [door for door in ask.world.space_doors if door.id in wanted]
    return {"acs_entrances": [shapes.entrance(ask.world, row) for row in rows]}


# --- systems ------------------------------------------------------------------------------


def _system_shape(ask: Ask, row: SpaceSystem) -> dict[str, Any]:
    return shapes.system(ask.world, row, ask.request.app.state.base_url)


def list_systems(ask: Ask) -> dict[str, Any]:
    rows = [
        row
        for row in systems(ask)
        if ask.get("connected_account_id", row.account_id) == row.account_id
        and is_found(ask, row.name, row.id)
    ]
    return {"acs_systems": [_system_shape(ask, row) for row in rows]}


def get_system(ask: Ask) -> dict[str, Any]:
    return {"acs_system": _system_shape(ask, one(ask, ask.world.space_systems, "acs_system"))}


# --- groups -------------------------------------------------------------------------------


def list_groups(ask: Ask) -> dict[str, Any]:
    rows = mine(ask, ask.world.space_groups)
    if ask.get("acs_user_id") or ask.get("user_identity_id"):
        ids = user(ask).group_ids
        rows = [row for row in rows if row.id in ids]
    rows = [row for row in rows if is_found(ask, row.name, row.id)]
    return {"acs_access_groups": [shapes.group(ask.world, row) for row in rows]}


def get_group(ask: Ask) -> dict[str, Any]:
    return {"acs_access_group": shapes.group(ask.world, group(ask))}


def delete_group(ask: Ask) -> dict[str, Any]:
    """Delete a group. Its people keep what their cards carry until those are written again."""
    row = group(ask)
    ask.world.space_groups.drop(row.id)
    for member in ask.world.space_users.where(system_id=row.system_id):
        if row.id in member.group_ids:
            member.group_ids = [key for key in member.group_ids if key != row.id]
            syncing.touch(ask.world, member)
    return {}


def list_group_users(ask: Ask) -> dict[str, Any]:
    row = group(ask)
    rows = [
        u for u in ask.world.space_users.where(system_id=row.system_id) if row.id in u.group_ids
    ]
    return {"acs_users": [shapes.user(ask.world, each) for each in rows]}


def list_group_doors(ask: Ask) -> dict[str, Any]:
    return _doors(ask, group(ask).door_ids)


def add_to_group(ask: Ask) -> dict[str, Any]:
    row, member = group(ask), user(ask)
    if row.system_id != member.system_id:
        raise invalid("The user and the access group are not in the same system.")
    if row.id not in member.group_ids:
        member.group_ids = [*member.group_ids, row.id]
        syncing.touch(ask.world, member)
    return {}


def remove_from_group(ask: Ask) -> dict[str, Any]:
    row, member = group(ask), user(ask)
    if row.id in member.group_ids:
        member.group_ids = [key for key in member.group_ids if key != row.id]
        syncing.touch(ask.world, member)
    return {}


# --- entrances ----------------------------------------------------------------------------


def _entrance(ask: Ask) -> SpaceDoor:
    found: SpaceDoor = one(ask, ask.world.space_doors, "acs_entrance")
    return found


def list_entrances(ask: Ask) -> dict[str, Any]:
    rows = [
        row
        for row in mine(ask, ask.world.space_doors)
        if row.id in ask.get("acs_entrance_ids", [row.id])
        and _account_fits(ask, row)
        and is_found(ask, row.name, row.room_name, row.id)
    ]
    if ask.get("acs_credential_id"):
        ids = doors_of(ask, credential(ask))
        rows = [row for row in rows if row.id in ids]
    return ask.page("acs_entrances", rows, lambda row: shapes.entrance(ask.world, row), 900)


def _account_fits(ask: Ask, row: SpaceDoor) -> bool:
    account_id = ask.world.space_systems[row.system_id].account_id
    return bool(ask.get("connected_account_id", account_id) == account_id)


def get_entrance(ask: Ask) -> dict[str, Any]:
    return {"acs_entrance": shapes.entrance(ask.world, _entrance(ask))}


def grant_access(ask: Ask) -> dict[str, Any]:
    door, member = _entrance(ask), user(ask)
    if door.id not in member.door_ids:
        member.door_ids = [*member.door_ids, door.id]
        syncing.touch(ask.world, member)
    return {}


def list_credentials_with_access(ask: Ask) -> dict[str, Any]:
    door = _entrance(ask)
    rows = [
        row
        for row in credentials(ask)
        if row.system_id == door.system_id and door.id in doors_of(ask, row)
    ]
    return {"acs_credentials": [shapes.credential(ask.world, row) for row in rows]}


def list_user_doors(ask: Ask) -> dict[str, Any]:
    """Return the doors a user may open by what is wished, told to Space or not."""
    member = user(ask)
    groups = [ask.world.space_groups.get(key) for key in member.group_ids]
    ids = {door for each in groups if each for door in each.door_ids}
    return _doors(ask, ids | set(member.door_ids))


def list_credential_doors(ask: Ask) -> dict[str, Any]:
    return _doors(ask, doors_of(ask, credential(ask)))


USER = "acs_user_id:uuid user_identity_id:uuid"
GROUP_ID = "acs_access_group_id*:uuid"
GROUPS = "/acs/access_groups"

ROUTES = [
    call(
        "/acs/systems/list",
        "GET",
        "connected_account_id:uuid customer_key:text search:text",
        list_systems,
    ),
    call("/acs/systems/get", "GET", "acs_system_id*:uuid", get_system),
    call(f"{GROUPS}/list", "GET", f"acs_system_id:uuid search:text {USER}", list_groups),
    call(f"{GROUPS}/get", "GET", GROUP_ID, get_group),
    call(f"{GROUPS}/delete", "DELETE", GROUP_ID, delete_group),
    call(f"{GROUPS}/list_users", "GET", GROUP_ID, list_group_users),
    call(f"{GROUPS}/list_accessible_entrances", "GET", GROUP_ID, list_group_doors),
    call(f"{GROUPS}/add_user", "PUT", f"{GROUP_ID} {USER}", add_to_group),
    call(f"{GROUPS}/remove_user", "DELETE", f"{GROUP_ID} {USER}", remove_from_group),
    call("/acs/users/add_to_access_group", "PUT", f"{GROUP_ID} {USER}", add_to_group),
    call("/acs/users/remove_from_access_group", "DELETE", f"{GROUP_ID} {USER}", remove_from_group),
    call(
        "/acs/users/list_accessible_entrances",
        "GET",
        f"acs_system_id:uuid {USER}",
        list_user_doors,
    ),
    call(
        "/acs/entrances/list",
        "GET",
        "acs_system_id:uuid connected_account_id:uuid acs_entrance_ids:uuids"
        " acs_credential_id:uuid customer_key:text search:text limit:number page_cursor?:text",
        list_entrances,
    ),
    call("/acs/entrances/get", "GET", "acs_entrance_id*:uuid", get_entrance),
    call("/acs/entrances/grant_access", "", f"acs_entrance_id*:uuid {USER}", grant_access),
    call(
        "/acs/entrances/list_credentials_with_access",
        "GET",
        "acs_entrance_id*:uuid include_if:texts",
        list_credentials_with_access,
    ),
    call(
        "/acs/credentials/list_accessible_entrances",
        "GET",
        "acs_credential_id*:uuid",
        list_credential_doors,
    ),
]
