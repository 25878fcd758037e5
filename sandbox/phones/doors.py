"""What a door does with a phone that is held to it.

A door of Salto KS asks the cloud. One of Salto Space that is wired asks the server; an offline one
believes what is on the phone, its clock and nothing else. That is as it is with cards; how soon a
real mobile key follows a change is not published.
"""

from dataclasses import dataclass
from typing import Any

from sandbox.ks_system import doors as ks_doors
from sandbox.ks_system.things import KIND as KS
from sandbox.phones.things import InstantKey, MobileKey, Phone
from sandbox.space import doors as space_doors
from sandbox.space import keys, syncing
from sandbox.space.things import SpaceDoor, SpaceSystem
from sandbox.world import World, new_id

#: Reason → for people.
REASONS = ks_doors.REASONS | {
    "not_activated": "the key is not valid yet.",
    "not_allowed_here": "the key has no right here.",
    "cancelled": "the key was taken back.",
    "no_key": "there is no key for this house on the phone.",
    "no_bluetooth": "this door takes no phones.",
}


@dataclass(frozen=True)
class Tried:
    reason: str

    @property
    def opened(self) -> bool:
        return self.reason in ks_doors.UNLOCKED


# --- setting a phone up -------------------------------------------------------------------


def why_not(world: World, link: InstantKey | None) -> str:
    """Return why a link sets up no phone: `gone`, `expired` or `used`; empty if it does."""
    if link is None:
        return "gone"
    if world.now() >= link.expires_at:
        return "expired"
    return "used" if link.use_count >= link.max_use_count else ""


def set_up(world: World, link: InstantKey) -> Phone:
    """Use a link once. What counts as one use is not published: here, a phone that is set up."""
    link.use_count += 1
    world.instant_keys.put(link)
    phone = Phone(
        id=new_id(),
        instant_key_id=link.id,
        identity_id=link.identity_id,
        created_at=world.now(),
    )
    world.phones.put(phone)
    world.effect("phone_set_up", cause="phone", user_identity_id=link.identity_id)
    refresh(world, phone)
    return phone


def refresh(world: World, phone: Phone) -> None:
    """Bring what is on a phone up to date, if it has a network and its systems answer."""
    if not phone.has_network:
        return
    copies = {}
    for row in _keys(world, phone):
        if syncing.is_reached(world.space_systems[row.system_id]):
            copies[row.id] = _content(world, row)
        elif row.id in phone.copies:
            copies[row.id] = phone.copies[row.id]
    if copies != phone.copies:
        phone.copies = copies
        world.phones.put(phone)


def _is_linked(world: World, phone: Phone) -> bool:
    return phone.instant_key_id in world.instant_keys.rows


def _keys(world: World, phone: Phone) -> list[MobileKey]:
    """Return the keys a phone should have: all of its person that are issued."""
    if not _is_linked(world, phone):
        return []
    users = {user.id for user in world.space_users.where(user_identity_id=phone.identity_id)}
    return [row for row in world.mobile_keys if row.user_id in users and row.issued_at]


def _content(world: World, row: MobileKey) -> dict[str, Any]:
    """Return what a system tells a phone of a key: as what would be written on a card."""
    user = world.space_users[row.user_id]
    known = user.known or {"starts_at": None, "ends_at": None}
    ends = [at for at in (row.ends_at, known["ends_at"]) if at]
    return {
        "system_id": row.system_id,
        "user_id": user.id,
        "door_ids": keys.doors_of(world, user),
        "starts_at": row.starts_at or known["starts_at"],
        "ends_at": min(ends) if ends else None,
    }


# --- at a door ----------------------------------------------------------------------------


def hold(world: World, phone: Phone, door: SpaceDoor) -> Tried:
    """Hold a phone to a door. Only a wired door tells Seam."""
    if not door.has_bluetooth:
        return Tried("no_bluetooth")
    refresh(world, phone)
    system = world.space_systems[door.system_id]
    key_id = next((k for k, c in phone.copies.items() if c["system_id"] == system.id), "")
    if system.kind == KS:
        return _at_ks(world, phone, door, world.mobile_keys.get(key_id))
    reason = _decide(world, phone, door, key_id)
    world.effect(
        "lock_opened" if reason == "opened" else "lock_rejected",
        cause="phone",
        door_id=door.id,
        door_name=door.name,
        phone_id=phone.id,
        reason=reason,
    )
    if _asks(system, door):
        user_id = phone.copies.get(key_id, {}).get("user_id")
        space_doors.report(
            world, door, reason, user_id=user_id, method="unknown", is_open=reason == "opened",
            user_identity_id=phone.identity_id, is_via_bluetooth=True,
        )  # fmt: skip
    return Tried(reason)


def _at_ks(world: World, phone: Phone, door: SpaceDoor, row: MobileKey | None) -> Tried:
    if row is not None and row.issued_at is None:
        row = None
    tried = ks_doors.hold_phone(
        world, row, door, phone_id=phone.id, user_identity_id=phone.identity_id
    )
    return Tried(tried.reason)


def _decide(world: World, phone: Phone, door: SpaceDoor, key_id: str) -> str:
    content = phone.copies.get(key_id)
    if content is None:
        return "no_key"
    if _asks(world.space_systems[door.system_id], door):
        row = world.mobile_keys.get(key_id)
        if row is None or not _is_linked(world, phone):
            return "cancelled"
        content = _content(world, row)
    return space_doors.judge(content, door, world.now())


def _asks(system: SpaceSystem, door: SpaceDoor) -> bool:
    return door.is_online and system.is_server_up
