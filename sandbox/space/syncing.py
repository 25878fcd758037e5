"""How wishes about users reach Space: a moment later, and not while the bridge is down.

What is still on its way shows as pending mutations.
"""

from collections.abc import Callable
from typing import Any

from sandbox.clock import format_utc
from sandbox.ks_system import credentials, seats
from sandbox.phones import keys as mobile_keys
from sandbox.seam import events
from sandbox.space import keys
from sandbox.space.things import SpaceKey, SpaceSystem, SpaceUser
from sandbox.things import Timer
from sandbox.world import World

TOLD = ("full_name", "email_address", "phone_number", "starts_at", "ends_at", "is_suspended")
INFORMATION = ("full_name", "email_address", "phone_number")


def wish(user: SpaceUser) -> dict[str, Any]:
    """Return all that Space is to know of a user."""
    told = {name: getattr(user, name) for name in TOLD}
    return told | {"group_ids": sorted(user.group_ids), "door_ids": sorted(user.door_ids)}


def touch(world: World, user: SpaceUser) -> None:
    """Store a changed user and tell Space about them in a moment."""
    world.space_users.put(user)
    seconds = world.settings.space_sync_seconds
    world.schedule(f"space-user:{user.id}", "space-user", seconds, user_id=user.id)


def withdraw(world: World, key: SpaceKey) -> None:
    """Delete a credential, in a moment."""
    key.deleted_at = world.now()
    world.space_keys.put(key)
    seconds = world.settings.space_sync_seconds
    world.schedule(f"space-key:{key.id}", "space-key", seconds, key_id=key.id)


def is_reached(system: SpaceSystem) -> bool:
    return system.is_bridge_up and system.is_server_up


def catch_up(world: World, system: SpaceSystem) -> None:
    """Tell a system that is back what it missed."""
    for key in world.space_keys.where(system_id=system.id):
        if key.deleted_at:
            keys.cancel(world, key)
    for user in world.space_users.where(system_id=system.id):
        if user.deleted_at or user.known != wish(user):
            tell(world, user)


def _tell_user(world: World, timer: Timer) -> None:
    user = world.space_users.get(timer.payload["user_id"])
    if user and is_reached(world.space_systems[user.system_id]):
        tell(world, user)


def _cancel_key(world: World, timer: Timer) -> None:
    key = world.space_keys.get(timer.payload["key_id"])
    if key and is_reached(world.space_systems[key.system_id]):
        keys.cancel(world, key)


def tell(world: World, user: SpaceUser) -> None:
    """Let Space know what is wished of a user, all of it, now."""
    if user.deleted_at:
        for key in world.space_keys.where(user_id=user.id):
            keys.cancel(world, key)
        credentials.release(world, user)
        mobile_keys.release(world, user)
        world.space_users.drop(user.id)
        seats.settle(world, world.space_systems[user.system_id])
        emit(world, user, "acs_user.deleted")
        world.effect("user_deleted", cause="remote", acs_user_id=user.id)
        return
    is_new = user.known is None
    user.known, user.synced_at = wish(user), world.now()
    world.space_users.put(user)
    world.effect("user_created" if is_new else "user_changed", cause="remote", acs_user_id=user.id)
    seats.watch(world, user)
    mobile_keys.go_on(world, user)
    if is_new:
        emit(world, user, "acs_user.created")


def emit(world: World, user: SpaceUser, kind: str) -> None:
    events.emit_of_system(world, user.system_id, kind, acs_user_id=user.id)


TIMERS: dict[str, Callable[[World, Timer], None]] = {
    "space-user": _tell_user,
    "space-key": _cancel_key,
}


# --- what is on its way -------------------------------------------------------------------


def pending(world: World, user: SpaceUser) -> list[dict[str, Any]]:
    """Return the pending mutations of a user: what Space does not know yet."""
    if user.deleted_at:
        found = [{"mutation_code": "deleting"}]
    elif user.known is None:
        found = [{"mutation_code": "creating"}]
    else:
        found = _differences(user, user.known)
    now = format_utc(user.deleted_at or user.synced_at or user.created_at)
    return [{**each, "message": "SIMULATED", "created_at": now} for each in found]


def _differences(user: SpaceUser, known: dict[str, Any]) -> list[dict[str, Any]]:
    now = wish(user)
    parts = (
        ("updating_user_information", INFORMATION),
        ("updating_access_schedule", ("starts_at", "ends_at")),
        ("updating_suspension_state", ("is_suspended",)),
    )
    found = [
        {"mutation_code": code, "from": _plain(known, names), "to": _plain(now, names)}
        for code, names in parts
        if any(known[name] != now[name] for name in names)
    ]
    for group_id in sorted(set(known["group_ids"]) ^ set(now["group_ids"])):
        is_new = group_id in now["group_ids"]
        sides = ({"acs_access_group_id": None}, {"acs_access_group_id": group_id})
        before, after = sides if is_new else sides[::-1]
        found.append({"mutation_code": "updating_group_membership", "from": before, "to": after})
    return found


def _plain(values: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {
        name: format_utc(values[name]) if hasattr(values[name], "isoformat") else values[name]
        for name in names
    }
