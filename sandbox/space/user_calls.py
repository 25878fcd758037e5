"""The calls about cardholders. Whatever they change is told to Space a moment later."""

from typing import Any

from sandbox.phones import keys as mobile_keys
from sandbox.seam import params as parameters
from sandbox.seam.http import Ask, call, invalid, not_found
from sandbox.space import encoders, shapes, syncing
from sandbox.space.calls import USER, is_found, mine, one, user
from sandbox.space.numbering import free_numbers
from sandbox.space.things import SpaceSystem, SpaceUser
from sandbox.world import new_id

SCHEDULE = parameters.declare("starts_at:time ends_at?:time")


def create(ask: Ask) -> dict[str, Any]:
    """Make a user. A second one with the same e-mail is refused: a named cause of failing."""
    system: SpaceSystem = one(ask, ask.world.space_systems, "acs_system")
    _raise_if_taken(ask, system.id, ask.get("email_address"))
    _raise_if_no_identity(ask)
    groups = ask.get("acs_access_group_ids") or []
    for key in groups:
        ask.given["acs_access_group_id"] = key
        one(ask, ask.world.space_groups, "acs_access_group")
    row = SpaceUser(
        id=new_id(),
        system_id=system.id,
        ext_id=next(free_numbers(ask.world, system.id)),
        full_name=ask.get("full_name"),
        email_address=ask.get("email_address"),
        phone_number=ask.get("phone_number"),
        user_identity_id=ask.get("user_identity_id"),
        group_ids=list(dict.fromkeys(groups)),
        created_at=ask.world.now(),
    )
    _set_schedule(ask, row)
    syncing.touch(ask.world, row)
    return {"acs_user": shapes.user(ask.world, row)}


def _raise_if_no_identity(ask: Ask) -> None:
    row = ask.world.user_identities.get(ask.get("user_identity_id"))
    if ask.get("user_identity_id") and (row is None or row.workspace_id != ask.workspace_id):
        raise not_found("user_identity")


def _raise_if_taken(ask: Ask, system_id: str, email: str | None, *, but: str = "") -> None:
    others = ask.world.space_users.where(system_id=system_id, email_address=email)
    if email and any(row.id != but for row in others):
        raise invalid("A user of the system has this e-mail address.", email_address="Taken")


def _set_schedule(ask: Ask, row: SpaceUser) -> None:
    """Take over `access_schedule`; null takes the schedule away. It starts now if not told."""
    if "access_schedule" not in ask.given:
        return
    sent = ask.get("access_schedule")
    if sent is None:
        row.starts_at = row.ends_at = None
        return
    given, wrong = parameters.read(SCHEDULE, sent, ask.request.query_params)
    if wrong:
        raise invalid("access_schedule is wrong", **wrong)
    row.starts_at = given.get("starts_at") or row.starts_at or ask.world.now()
    row.ends_at = given.get("ends_at")
    if row.ends_at and row.ends_at <= row.starts_at:
        raise invalid("ends_at must be after starts_at", ends_at="Must be after starts_at")


def update(ask: Ask) -> dict[str, Any]:
    row = user(ask)
    _raise_if_taken(ask, row.system_id, ask.get("email_address"), but=row.id)
    _set_schedule(ask, row)
    for name in ("full_name", "email_address", "phone_number"):
        if ask.get(name) is not None:
            setattr(row, name, ask.get(name))
    syncing.touch(ask.world, row)
    return {}


def get(ask: Ask) -> dict[str, Any]:
    return {"acs_user": shapes.user(ask.world, user(ask))}


def list_users(ask: Ask) -> dict[str, Any]:
    rows = [
        row
        for row in mine(ask, ask.world.space_users)
        if is_found(ask, row.full_name, row.email_address, row.phone_number, row.id)
        and ask.get("user_identity_id", row.user_identity_id) == row.user_identity_id
        and ("created_before" not in ask.given or row.created_at < ask.get("created_before"))
    ]
    return ask.page("acs_users", rows, lambda row: shapes.user(ask.world, row), 500)


def delete(ask: Ask) -> dict[str, Any]:
    """Delete a user with their cards. Offline doors open for those until a list arrives."""
    row = user(ask)
    row.deleted_at = row.deleted_at or ask.world.now()
    for key in ask.world.space_keys.where(user_id=row.id):
        encoders.withdraw(ask.world, key)
    mobile_keys.release(ask.world, row)
    syncing.touch(ask.world, row)
    return {}


def suspend(ask: Ask) -> dict[str, Any]:
    return _suspend(ask, is_suspended=True)


def unsuspend(ask: Ask) -> dict[str, Any]:
    return _suspend(ask, is_suspended=False)


def _suspend(ask: Ask, *, is_suspended: bool) -> dict[str, Any]:
    row = user(ask)
    row.is_suspended = is_suspended
    syncing.touch(ask.world, row)
    return {}


def revoke_all(ask: Ask) -> dict[str, Any]:
    row = user(ask)
    row.group_ids, row.door_ids = [], []
    syncing.touch(ask.world, row)
    return {}


WHO = f"acs_system_id:uuid {USER}"
PERSON = "email_address:email phone_number:text"

ROUTES = [
    call(
        "/acs/users/create",
        "",
        f"acs_system_id*:uuid full_name*:text {PERSON} user_identity_id:uuid"
        " acs_access_group_ids:uuids access_schedule:object",
        create,
    ),
    call("/acs/users/get", "GET", WHO, get),
    call(
        "/acs/users/list",
        "GET",
        "acs_system_id:uuid created_before:time user_identity_id:uuid search:text"
        " limit:number page_cursor?:text",
        list_users,
    ),
    call(
        "/acs/users/update",
        "PATCH",
        f"{WHO} full_name:text {PERSON} access_schedule?:object",
        update,
    ),
    call("/acs/users/delete", "DELETE", WHO, delete),
    call("/acs/users/suspend", "", WHO, suspend),
    call("/acs/users/unsuspend", "", WHO, unsuspend),
    call("/acs/users/revoke_access_to_all_entrances", "", WHO, revoke_all),
]
