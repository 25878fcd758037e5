"""What Space knows of keys: what a card should carry, and what is cancelled.

Rights are data on cards. A change here does nothing at an offline door until the card is
written again, at an encoder or at a wall reader that updates cards.
"""

from datetime import datetime, timedelta
from typing import Any

from sandbox.seam import events
from sandbox.space.things import Card, SpaceKey, SpaceSystem, SpaceUser
from sandbox.world import World

UP_TO_DATE, UPDATE_REQUIRED, REEDITION_REQUIRED, EXPIRED = 1, 3, 4, 5


# --- rights -------------------------------------------------------------------------------


def doors_of(world: World, user: SpaceUser) -> list[str]:
    """Return the doors that Space lets this user open, by what it was told so far."""
    known = user.known
    if known is None or known["is_suspended"] or user.deleted_at:
        return []
    groups = [world.space_groups.get(key) for key in known["group_ids"]]
    doors = {door for group in groups if group for door in group.door_ids}
    return sorted(doors | set(known["door_ids"]))


def wanted(world: World, key: SpaceKey) -> dict[str, Any]:
    """Return what the card of `key` should carry now."""
    user = world.space_users[key.user_id]
    known = user.known or {"starts_at": None, "ends_at": None}
    ends = [at for at in (key.ends_at, known["ends_at"]) if at]
    return {
        "user_id": user.id,
        "user_name": user.full_name,
        "door_ids": doors_of(world, user),
        "starts_at": key.starts_at or known["starts_at"],
        "ends_at": min(ends) if ends else None,
        "structure_version": world.space_systems[key.system_id].structure_version,
    }


def status(world: World, key: SpaceKey) -> int:
    """Return Space's key status, 1 to 5; 0 for a key that is on no card."""
    if key.written is None:
        return 0
    now_wanted = wanted(world, key)
    if key.written["structure_version"] != now_wanted["structure_version"]:
        return REEDITION_REQUIRED
    fields = ("door_ids", "starts_at", "ends_at")
    if any(key.written[name] != now_wanted[name] for name in fields):
        return UPDATE_REQUIRED
    ends = [at for at in (key.written["ends_at"], key.written["revalidate_until"]) if at]
    return EXPIRED if ends and world.now() >= min(ends) else UP_TO_DATE


def write(world: World, card: Card, key: SpaceKey) -> None:
    """Put the key on the card, whole. What was on it before is lost."""
    system = world.space_systems[key.system_id]
    _orphan(world, card, key)
    if key.key_number is None:
        system.latest_key_number += 1
        key.key_number = system.latest_key_number
        world.space_systems.put(system)
    _fill(world, system, card, key)
    user = world.space_users[key.user_id]
    user.key_id, key.card_id, key.is_invalid = key.id, card.id, False
    world.space_users.put(user)
    world.space_keys.put(key)


def _fill(world: World, system: SpaceSystem, card: Card, key: SpaceKey) -> None:
    body = wanted(world, key)
    until = world.now() + timedelta(days=system.revalidation_days)
    body["revalidate_until"] = min(until, body["ends_at"]) if body["ends_at"] else until
    key.written, key.written_at = body, world.now()
    card.content = {
        "kind": "user",
        "system_id": system.id,
        "key_id": key.id,
        "key_number": key.key_number,
        "denylist": list(system.denylist),
        **body,
    }
    card.is_half_written = False
    world.cards.put(card)
    world.space_keys.put(key)


def _orphan(world: World, card: Card, key: SpaceKey) -> None:
    """Say so if another credential was on the card: it is on none now."""
    former = world.space_keys.get(card.content.get("key_id"))
    if former is None or former.id == key.id:
        return
    former.is_invalid, former.card_id = True, None
    owner = world.space_users.get(former.user_id)
    if owner and owner.key_id == former.id:
        owner.key_id = None
        world.space_users.put(owner)
    world.space_keys.put(former)
    emit(world, former, "acs_credential.invalidated")


# --- cancelling ---------------------------------------------------------------------------


def cancel(world: World, key: SpaceKey) -> None:
    """Delete a credential. A card that could still open something goes on the denylist."""
    system = world.space_systems[key.system_id]
    written = key.written or {}
    ends = [at for at in (written.get("ends_at"), written.get("revalidate_until")) if at]
    is_live = key.key_number is not None and (not ends or world.now() < min(ends))
    if is_live and len(system.denylist) < system.denylist_size:
        system.denylist.append(key.key_number or 0)
        world.space_systems.put(system)
    user = world.space_users.get(key.user_id)
    if user and user.key_id == key.id:
        user.key_id = None
        world.space_users.put(user)
    world.space_keys.drop(key.id)
    world.effect("key_cancelled", cause="remote", key_number=key.key_number, denylisted=is_live)
    emit(world, key, "acs_credential.deleted")


def emit(world: World, key: SpaceKey, kind: str) -> None:
    events.emit_of_system(world, key.system_id, kind, acs_credential_id=key.id)


# --- wall readers that update -------------------------------------------------------------


def refresh(world: World, system: SpaceSystem, card: Card) -> str:
    """Let an updater look at a card: `updated`, `unchanged`, or `erased` if it is cancelled."""
    key = world.space_keys.get(card.content.get("key_id"))
    if card.content.get("key_number") in system.denylist:
        card.content = {}
        world.cards.put(card)
        return "erased"
    if key is None or key.is_invalid or status(world, key) == REEDITION_REQUIRED:
        return "unchanged"
    _fill(world, system, card, key)
    return "updated"


def is_expired(content: dict[str, Any], now: datetime) -> bool:
    ends = [at for at in (content.get("ends_at"), content.get("revalidate_until")) if at]
    return bool(ends) and now >= min(ends)
