"""What a door of Space does with a card.

An offline door knows what the card carries, its own clock and the denylist that cards have
brought it. An online one asks the server. The numbers are those of Space's audit trail.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.clock import format_utc
from sandbox.seam import events
from sandbox.space import keys
from sandbox.space.things import Card, SpaceDoor
from sandbox.world import World

#: Reason → operation in the audit trail.
OPERATIONS = {
    "opened": 17,
    "not_activated": 81,
    "expired": 82,
    "out_of_date": 83,
    "not_allowed_here": 84,
    "cancelled": 96,
    "manipulated": 107,
    "unreadable": 107,
    "foreign": 107,
    "blank": 107,
}


@dataclass(frozen=True)
class Tried:
    reason: str
    updated: str = ""  # updated | unchanged | erased, at an updater

    @property
    def opened(self) -> bool:
        return self.reason == "opened"


def try_card(world: World, card: Card, door: SpaceDoor) -> Tried:
    """Hold a card to a door. The card remembers it; an offline door tells nobody."""
    tried = _decide(world, card, door)
    trail = {
        "at": world.now(),
        "door": door.name,
        "reason": tried.reason,
        "operation": OPERATIONS[tried.reason],
    }
    card.trail = [*card.trail[-19:], trail]
    world.cards.put(card)
    world.effect(
        "lock_opened" if tried.opened else "lock_rejected",
        cause="card",
        door_id=door.id,
        door_name=door.name,
        card_id=card.id,
        reason=tried.reason,
        key_number=card.content.get("key_number"),
    )
    if door.is_online and world.space_systems[door.system_id].is_server_up:
        user_id = card.content.get("user_id")
        report(world, door, tried.reason, user_id=user_id, method="card", is_open=tried.opened)
    return tried


def _decide(world: World, card: Card, door: SpaceDoor) -> Tried:
    if why := _unreadable(card, door):
        return Tried(why)
    system = world.space_systems[door.system_id]
    is_connected = door.is_online and system.is_server_up
    key_number = card.content["key_number"]
    _learn(world, card, door)
    denied = {*door.denylist, *(system.denylist if is_connected else ())}
    updated = ""
    if is_connected and door.is_updater:
        updated = keys.refresh(world, system, card)
    if key_number in denied or updated == "erased":
        return Tried("cancelled", updated)
    return Tried(judge(card.content, door, world.now()), updated)


def _unreadable(card: Card, door: SpaceDoor) -> str:
    content = card.content
    checks = (
        (card.is_damaged, "unreadable"),
        (card.is_half_written, "manipulated"),
        (not content, "blank"),
        (content.get("kind") == "foreign", "foreign"),
        (content.get("system_id", door.system_id) != door.system_id, "foreign"),
        ("key_number" not in content, "not_allowed_here"),
    )
    return next((reason for is_so, reason in checks if is_so), "")


def _learn(world: World, card: Card, door: SpaceDoor) -> None:
    """Take over what the card carries of the denylist."""
    news = set(card.content.get("denylist", ())) - set(door.denylist)
    if news:
        door.denylist = [*door.denylist, *sorted(news)]
        world.space_doors.put(door)


def judge(content: dict[str, Any], door: SpaceDoor, now: datetime) -> str:
    starts, ends = content.get("starts_at"), content.get("ends_at")
    until = content.get("revalidate_until")
    if starts and now < starts:
        return "not_activated"
    if ends and now >= ends:
        return "expired"
    if until and now >= until:
        return "out_of_date"
    return "opened" if door.id in content.get("door_ids", ()) else "not_allowed_here"


def report(
    world: World,
    door: SpaceDoor,
    reason: str,
    *,
    user_id: str | None,
    method: str,
    is_open: bool,
    user_identity_id: str | None = None,
    is_via_bluetooth: bool = False,
) -> None:
    """Tell Seam who came to an online door and what it said."""
    more: dict[str, Any] = {"method": method}
    if is_via_bluetooth:
        more["is_via_bluetooth"] = True
    if not is_open:
        text = f"SIMULATED: {reason}"
        more = {"reason": {"reason_code": "credential_error", "message": text}}
    events.emit_of_system(
        world,
        door.system_id,
        "lock.unlocked" if is_open else "lock.access_denied",
        acs_entrance_id=door.id,
        acs_user_id=user_id,
        **({"user_identity_id": user_identity_id} if user_identity_id else {}),
        **more,
    )


def trail_shape(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"at": format_utc(row["at"])}
