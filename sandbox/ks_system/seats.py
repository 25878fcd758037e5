"""Seats of a Salto KS subscription: who has one, who waits for one.

A user takes a seat once KS knows them and their schedule has begun, and gives it back when the
schedule ends or they are deleted. Suspending keeps the seat.
"""

from typing import Any

from sandbox.ks_system import credentials
from sandbox.ks_system.things import KIND
from sandbox.phones import keys as mobile_keys
from sandbox.seam.problems import problem, warning
from sandbox.space.things import SpaceSystem, SpaceUser
from sandbox.things import Timer
from sandbox.world import World

ALMOST_PERCENT = 80


def used(world: World, system: SpaceSystem) -> int:
    return len(world.space_users.where(system_id=system.id, is_subscribed=True))


def wants(world: World, user: SpaceUser) -> bool:
    known = user.known
    if known is None or user.deleted_at:
        return False
    now, starts, ends = world.now(), known["starts_at"], known["ends_at"]
    return (starts is None or starts <= now) and (ends is None or now < ends)


def settle(world: World, system: SpaceSystem) -> None:
    """Take seats back from those who need none, and give free ones to who waits longest."""
    if system.kind != KIND:
        return
    users = world.space_users.where(system_id=system.id)
    for user in users:
        if user.is_subscribed and not wants(world, user):
            user.is_subscribed = False
            world.space_users.put(user)
    free = system.seats - sum(user.is_subscribed for user in users)
    waiting = [user for user in users if not user.is_subscribed and wants(world, user)]
    for user in waiting[: max(free, 0)]:
        user.is_subscribed = True
        world.space_users.put(user)
        world.effect("user_subscription_changed", cause="remote", acs_user_id=user.id)
        credentials.make_waiting_pin(world, user)
        mobile_keys.go_on(world, user)


def watch(world: World, user: SpaceUser) -> None:
    """Look again when the user's schedule begins and when it ends."""
    system = world.space_systems[user.system_id]
    settle(world, system)
    for name in ("starts_at", "ends_at") if system.kind == KIND else ():
        at = (user.known or {}).get(name)
        if at and at > world.now():
            seconds = (at - world.now()).total_seconds()
            world.schedule(f"ks-{name}:{user.id}", "ks-seats", seconds, system_id=system.id)


def _look_again(world: World, timer: Timer) -> None:
    system = world.space_systems.get(timer.payload["system_id"])
    if system:
        settle(world, system)


TIMERS = {"ks-seats": _look_again}


# --- what Seam says of it -----------------------------------------------------------------

EXCEEDED = "salto_ks_subscription_limit_exceeded"
ALMOST = "salto_ks_subscription_limit_almost_reached"


def is_exceeded(world: World, system: SpaceSystem) -> bool:
    """Return whether somebody waits for a seat that is not there."""
    users = world.space_users.where(system_id=system.id, is_subscribed=False)
    return system.kind == KIND and any(wants(world, user) for user in users)


def errors(world: World, system: SpaceSystem) -> list[dict[str, Any]]:
    if not is_exceeded(world, system):
        return []
    return [problem(world, EXCEEDED, "The site's subscription has no seat left.")]


def warnings(world: World, system: SpaceSystem) -> list[dict[str, Any]]:
    if system.kind != KIND or used(world, system) * 100 <= system.seats * ALMOST_PERCENT:
        return []
    return [warning(world, ALMOST, "Nearly all seats of the site's subscription are taken.")]


def user_errors(world: World, user: SpaceUser) -> list[dict[str, Any]]:
    if user.is_subscribed or not wants(world, user):
        return []
    return [problem(world, EXCEEDED, "The site's subscription has no seat left for this user.")]


def user_warnings(world: World, user: SpaceUser) -> list[dict[str, Any]]:
    if user.is_subscribed:
        return []
    return [warning(world, "salto_ks_user_not_subscribed", "The user has no seat.")]
