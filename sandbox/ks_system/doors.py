"""What a door of Salto KS does with a tag or a PIN: it asks the cloud, at once."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.ks_system import credentials
from sandbox.ks_system.things import KsCredential, KsLock, KsTag
from sandbox.phones.things import MobileKey
from sandbox.space import keys
from sandbox.space.doors import report
from sandbox.space.things import SpaceDoor, SpaceUser
from sandbox.things import Timer
from sandbox.world import World

#: Reason → for people.
REASONS = {
    "opened": "the door opens.",
    "office_mode": "the door stands open already.",
    "lock_offline": "the lock is offline.",
    "no_keypad": "this lock has no keypad.",
    "privacy_mode": "somebody inside wants privacy.",
    "unknown_tag": "the tag is not registered here.",
    "unassigned": "the tag is nobody's.",
    "unknown_pin": "nobody has this PIN.",
    "unknown_key": "nobody has this mobile key.",
    "suspended": "this person is suspended.",
    "not_started": "it is too early.",
    "expired": "it is too late.",
    "not_subscribed": "this person has no seat in the subscription.",
    "no_group": "this person has no access here.",
}
UNLOCKED = {"opened", "office_mode"}


@dataclass(frozen=True)
class Tried:
    reason: str

    @property
    def opened(self) -> bool:
        return self.reason in UNLOCKED


def try_tag(world: World, tag: KsTag, door: SpaceDoor) -> Tried:
    row = credentials.of_tag(world, door.system_id, tag)
    return _try(world, door, row, "tag", tag_id=tag.id)


def type_pin(world: World, digits: str, door: SpaceDoor) -> Tried:
    found = world.ks_credentials.where(system_id=door.system_id, code=digits, method="code")
    return _try(world, door, next(iter(found), None) if digits else None, "keypad")


def hold_phone(
    world: World, row: MobileKey | None, door: SpaceDoor, *, phone_id: str, user_identity_id: str
) -> Tried:
    told = {"user_identity_id": user_identity_id, "is_via_bluetooth": True}
    return _try(world, door, row, "phone", told=told, phone_id=phone_id)


#: Cause → what Seam calls it. It has no word for a phone, but says that it came by Bluetooth.
METHODS = {"keypad": "keycode", "tag": "card", "phone": "unknown"}
UNKNOWN = {"keypad": "unknown_pin", "tag": "unknown_tag", "phone": "unknown_key"}


def _try(
    world: World,
    door: SpaceDoor,
    row: KsCredential | MobileKey | None,
    cause: str,
    *,
    told: dict[str, Any] | None = None,
    **facts: Any,
) -> Tried:
    lock = world.ks_locks[door.id]
    reason = _of_lock(world, door, lock, is_pin=cause == "keypad")
    reason = reason or (_of_credential(world, door, row) if row else UNKNOWN[cause])
    tried = Tried(reason)
    world.effect(
        "lock_opened" if tried.opened else "lock_rejected",
        cause=cause,
        door_id=door.id,
        door_name=door.name,
        reason=reason,
        **facts,
    )
    if reason == "opened":
        _open(world, lock)
    if door.is_online:
        user_id, method = row.user_id if row else None, METHODS[cause]
        more = told or {}
        report(world, door, reason, user_id=user_id, method=method, is_open=tried.opened, **more)
    return tried


def _of_lock(world: World, door: SpaceDoor, lock: KsLock, *, is_pin: bool) -> str:
    checks = (
        (
            not door.is_online or not world.space_systems[door.system_id].is_server_up,
            "lock_offline",
        ),
        (lock.bolt == "office_mode", "office_mode"),
        (is_pin and not lock.has_keypad, "no_keypad"),
        (lock.privacy_mode, "privacy_mode"),
    )
    return next((reason for is_so, reason in checks if is_so), "")


def _of_credential(world: World, door: SpaceDoor, row: KsCredential | MobileKey) -> str:
    user = world.space_users.get(row.user_id)
    if user is None or user.known is None:
        return "unassigned"
    now, known = world.now(), user.known
    checks = (
        (known["is_suspended"], "suspended"),
        (_is_early(known["starts_at"], now) or _is_early(row.starts_at, now), "not_started"),
        (_is_late(known["ends_at"], now) or _is_late(row.ends_at, now), "expired"),
        (not user.is_subscribed, "not_subscribed"),
        (not _may(world, user, door), "no_group"),
    )
    return next((reason for is_so, reason in checks if is_so), "opened")


def _is_early(starts_at: datetime | None, now: datetime) -> bool:
    return starts_at is not None and now < starts_at


def _is_late(ends_at: datetime | None, now: datetime) -> bool:
    return ends_at is not None and now >= ends_at


def _may(world: World, user: SpaceUser, door: SpaceDoor) -> bool:
    return door.id in keys.doors_of(world, user)


def _open(world: World, lock: KsLock) -> None:
    lock.bolt = "unlocked"
    world.ks_locks.put(lock)
    world.schedule(f"ks-relock:{lock.id}", "ks-relock", lock.open_seconds, door_id=lock.id)


def _relock(world: World, timer: Timer) -> None:
    lock, door = (
        table.get(timer.payload["door_id"]) for table in (world.ks_locks, world.space_doors)
    )
    if isinstance(lock, KsLock) and isinstance(door, SpaceDoor) and lock.bolt == "unlocked":
        lock.bolt = "locked"
        world.ks_locks.put(lock)
        world.effect("lock_relocked", cause="relock_timer", door_id=door.id, door_name=door.name)


TIMERS = {"ks-relock": _relock}
