"""How mobile keys come and go. A key is issued by itself once its system knows its user.

How soon the real Seam issues one is not published for Salto; in its sandbox it is "almost at once".
"""

from typing import Any

from sandbox.ks_system.things import KIND as KS
from sandbox.phones.things import MobileKey
from sandbox.seam import events
from sandbox.space.things import SpaceUser
from sandbox.things import Timer
from sandbox.world import World, new_id


def make(world: World, user: SpaceUser, **fields: Any) -> MobileKey:
    row = world.mobile_keys.put(
        MobileKey(
            id=new_id(),
            system_id=user.system_id,
            user_id=user.id,
            created_at=world.now(),
            **fields,
        )
    )
    go_on(world, user)
    return row


def go_on(world: World, user: SpaceUser) -> None:
    """Have the keys issued in a moment that wait for their user."""
    for row in world.mobile_keys.where(user_id=user.id, issued_at=None):
        seconds = world.settings.seam_code_seconds
        world.schedule(f"mobile-key:{row.id}", "mobile-key", seconds, key_id=row.id)


def _issue(world: World, timer: Timer) -> None:
    row = world.mobile_keys.get(timer.payload["key_id"])
    user = world.space_users.get(row.user_id) if row else None
    if row is None or row.issued_at or user is None or not _may_have(world, user):
        return
    row.issued_at = world.now()
    world.mobile_keys.put(row)
    world.effect("mobile_key_issued", cause="remote", acs_user_id=user.id)
    emit(world, row, "issued")


def _may_have(world: World, user: SpaceUser) -> bool:
    """Tell whether a user is known to their system; in Salto KS, whether they have a seat."""
    is_ks = world.space_systems[user.system_id].kind == KS
    return user.known is not None and (user.is_subscribed or not is_ks)


TIMERS = {"mobile-key": _issue}


def drop(world: World, row: MobileKey) -> None:
    """Take a key back: a phone with a network loses it at once, another when it has one."""
    world.mobile_keys.drop(row.id)
    world.effect("mobile_key_removed", cause="remote", acs_user_id=row.user_id)
    emit(world, row, "deleted")


def release(world: World, user: SpaceUser) -> None:
    for row in world.mobile_keys.where(user_id=user.id):
        drop(world, row)


def emit(world: World, row: MobileKey, kind: str) -> None:
    kind = f"acs_credential.{kind}"
    events.emit_of_system(world, row.system_id, kind, acs_credential_id=row.id)
