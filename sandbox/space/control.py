"""The control API's hands in Salto Space: cards, encoders, doors, bridges."""

from dataclasses import asdict
from typing import Any

from sandbox.clock import format_utc
from sandbox.control_things import Change, apply_changes, set_field
from sandbox.ks_system import seats
from sandbox.space import doors, encoders, growing, keys, refusals, scans, syncing
from sandbox.space.things import Card, Encoder, SpaceDoor, SpaceSystem
from sandbox.wishes import WrongWishError, find_row, route
from sandbox.world import Table, World


def find(table: Table[Any], value: Any, what: str) -> Any:
    """Return a row by its id, or by its name or label where that is one row's only."""
    row = table.get(str(value).lower()) or table.get(str(value))
    if row is None:
        named = [each for each in table if value in {_name(each)}]
        row = named[0] if len(named) == 1 else None
    if row is None:
        raise WrongWishError(f"there is no {what} of this id", status=404)
    return row


def _name(row: Any) -> str:
    return str(row.label if hasattr(row, "label") else row.name)


# --- cards --------------------------------------------------------------------------------


def card_shape(world: World, card: Card) -> dict[str, Any]:
    """Return the truth about a card, whatever Seam believes of it."""
    content = {k: _plain(v) for k, v in card.content.items() if k != "denylist"}
    key = world.space_keys.get(card.content.get("key_id"))
    return {
        "id": card.id,
        "label": card.label,
        "serial": card.serial,
        "technology": card.technology,
        "capacity": card.capacity,
        "is_damaged": card.is_damaged,
        "is_half_written": card.is_half_written,
        "content": content,
        "carries_denylist": list(card.content.get("denylist", ())),
        "key_status": keys.status(world, key) if key else None,
        "encoder_id": card.encoder_id,
        "trail": [doors.trail_shape(row) for row in card.trail],
    }


def _plain(value: Any) -> Any:
    return format_utc(value) if hasattr(value, "isoformat") else value


def list_cards(world: World, _query: dict[str, str], _path: dict[str, str]) -> Any:
    return [card_shape(world, card) for card in world.cards]


def new_card(world: World, body: dict[str, Any], _path: dict[str, str]) -> Any:
    card = scans.new_card(world, str(body.pop("label", "Blank")))
    apply_changes(world, card, body, CARD_CHANGES)
    return card_shape(world, world.cards.put(card))


def _erase(_world: World, card: Card, value: Any) -> None:
    if value:
        card.content, card.is_half_written = {}, False


CARD_CHANGES: dict[str, Change] = {
    "label": set_field("label", str),
    "technology": set_field("technology", str),
    "capacity": set_field("capacity", int),
    "is_damaged": set_field("is_damaged", bool),
    "is_half_written": set_field("is_half_written", bool),
    "content": set_field("content", dict),
    "erase": _erase,
}


def change_card(world: World, body: dict[str, Any], path: dict[str, str]) -> Any:
    card = find(world.cards, path["card_id"], "card")
    apply_changes(world, card, body, CARD_CHANGES)
    return card_shape(world, world.cards.put(card))


def place(world: World, body: dict[str, Any], path: dict[str, str]) -> Any:
    """Lay a card on `encoder_id`; `is_misplaced`: not where it should lie."""
    card = find(world.cards, path["card_id"], "card")
    encoder = find(world.encoders, body.get("encoder_id"), "encoder")
    encoders.place(world, card, encoder, is_misplaced=bool(body.get("is_misplaced")))
    return encoder_shape(world, encoder)


def take(world: World, _body: dict[str, Any], path: dict[str, str]) -> Any:
    card = find(world.cards, path["card_id"], "card")
    encoders.take(world, card)
    return card_shape(world, card)


def try_card(world: World, body: dict[str, Any], path: dict[str, str]) -> Any:
    """Hold a card to `door_id`; answer `{opened, reason, operation, updated}`."""
    card = find(world.cards, path["card_id"], "card")
    tried = doors.try_card(world, card, find(world.space_doors, body.get("door_id"), "door"))
    operation = doors.OPERATIONS[tried.reason]
    return {
        "opened": tried.opened,
        "reason": tried.reason,
        "operation": operation,
        "updated": tried.updated,
    }


# --- encoders, doors, systems -------------------------------------------------------------


def encoder_shape(world: World, row: Encoder) -> dict[str, Any]:
    shape = asdict(row) | {"created_at": format_utc(row.created_at)}
    shape["started_at"] = format_utc(row.started_at) if row.started_at else None
    shape["light"] = LIGHTS.get(row.mode) or LIGHTS[row.state]
    return shape


#: State (or mode) → light and sound: NCoder where documented, the older encoder elsewhere.
LIGHTS = {
    "idle": "off",
    "waiting": "green, blinking; low beep",
    "processing": "yellow, blinking fast",
    "ok": "green",
    "error": "red",
    "offline": "off",
    "uninitialised": "yellow",
    "desktop_reader": "yellow and green by turns",
}


def list_encoders(world: World, _query: dict[str, str], _path: dict[str, str]) -> Any:
    return [encoder_shape(world, row) for row in world.encoders]


def _mode(world: World, encoder: Encoder, value: Any) -> None:
    if value not in {"ready", "stalled", *refusals.MODES}:
        raise WrongWishError(f"mode cannot be {value!r}")
    encoder.mode = value
    if value == "offline":
        encoders.stop(world, encoder, refusals.LOST)


def _cancel(world: World, encoder: Encoder, value: Any) -> None:
    if value:
        encoders.cancel(world, encoder)


ENCODER_CHANGES: dict[str, Change] = {
    "mode": _mode,
    "cancel": _cancel,
    "name": set_field("name", str),
    "wait_seconds": set_field("wait_seconds", (int, float)),
    "write_seconds": set_field("write_seconds", (int, float)),
    "is_removed": set_field("is_removed", bool),
}


def change_encoder(world: World, body: dict[str, Any], path: dict[str, str]) -> Any:
    encoder = find(world.encoders, path["encoder_id"], "encoder")
    apply_changes(world, encoder, body, ENCODER_CHANGES)
    return encoder_shape(world, world.encoders.put(encoder))


def door_shape(world: World, row: SpaceDoor) -> dict[str, Any]:
    """Return the truth about a door; of Salto KS, its lock's too."""
    lock = world.ks_locks.get(row.id)
    shape = asdict(row) | {"created_at": format_utc(row.created_at)}
    return shape | (asdict(lock) if lock else {})


def list_doors(world: World, _query: dict[str, str], _path: dict[str, str]) -> Any:
    return [door_shape(world, row) for row in world.space_doors]


DOOR_CHANGES: dict[str, Change] = {
    "is_being_edited": set_field("is_being_edited", bool),
    "is_online": set_field("is_online", bool),
}
KS_LOCK_CHANGES: dict[str, Change] = {
    "bolt": set_field("bolt", str, "locked", "unlocked", "office_mode"),
    "battery_level": set_field("battery_level", str),
    "privacy_mode": set_field("privacy_mode", bool),
    "left_open_alarm": set_field("left_open_alarm", bool),
    "intrusion_alarm": set_field("intrusion_alarm", bool),
    "open_seconds": set_field("open_seconds", (int, float)),
}


def change_door(world: World, body: dict[str, Any], path: dict[str, str]) -> Any:
    """Change a door; of Salto KS, its lock too."""
    door = find(world.space_doors, path["door_id"], "door")
    lock = world.ks_locks.get(door.id)
    of_lock = {name: body.pop(name) for name in list(body) if lock and name in KS_LOCK_CHANGES}
    apply_changes(world, door, body, DOOR_CHANGES)
    world.space_doors.put(door)
    if lock:
        apply_changes(world, lock, of_lock, KS_LOCK_CHANGES)
        world.ks_locks.put(lock)
    return door_shape(world, door)


def bring_list(world: World, _body: dict[str, Any], path: dict[str, str]) -> Any:
    """Let somebody carry the denylist to an offline door, as a freshly updated card does."""
    door = find(world.space_doors, path["door_id"], "door")
    door.denylist = list(world.space_systems[door.system_id].denylist)
    return door_shape(world, world.space_doors.put(door))


def system_shape(_world: World, row: SpaceSystem) -> dict[str, Any]:
    return asdict(row) | {"created_at": format_utc(row.created_at)}


def list_systems(world: World, _query: dict[str, str], _path: dict[str, str]) -> Any:
    return [system_shape(world, row) for row in world.space_systems]


def _reach(name: str) -> Change:
    def change(world: World, system: SpaceSystem, value: Any) -> None:
        setattr(system, name, bool(value))
        if syncing.is_reached(system):
            syncing.catch_up(world, system)
            return
        why = refusals.BRIDGE if name == "is_bridge_up" else refusals.LOST
        for encoder in world.encoders.where(system_id=system.id):
            encoders.stop(world, encoder, why)

    return change


def _seats(world: World, system: SpaceSystem, value: Any) -> None:
    if not isinstance(value, int) or value < 0:
        raise WrongWishError(f"seats cannot be {value!r}")
    system.seats = value
    seats.settle(world, system)


SYSTEM_CHANGES: dict[str, Change] = {
    "is_bridge_up": _reach("is_bridge_up"),
    "is_server_up": _reach("is_server_up"),
    "has_database": set_field("has_database", bool),
    "has_licence": set_field("has_licence", bool),
    "revalidation_days": set_field("revalidation_days", int),
    "structure_version": set_field("structure_version", int),
    "denylist_size": set_field("denylist_size", int),
    "seats": _seats,
    "grow": growing.grow,
}


def change_system(world: World, body: dict[str, Any], path: dict[str, str]) -> Any:
    system = find(world.space_systems, path["system_id"], "system")
    apply_changes(world, system, body, SYSTEM_CHANGES)
    return system_shape(world, world.space_systems.put(system))


USER_CHANGES: dict[str, Change] = {"is_locked": set_field("is_locked", bool)}
GROUP_CHANGES: dict[str, Change] = {"door_ids": set_field("door_ids", list)}


def change_user(world: World, body: dict[str, Any], path: dict[str, str]) -> Any:
    """Somebody edits a user in Space (`is_locked`), or has done."""
    user = find_row(world.space_users, path["user_id"], "user")
    apply_changes(world, user, body, USER_CHANGES)
    world.space_users.put(user)
    return {"id": user.id, "is_locked": user.is_locked, "doors": keys.doors_of(world, user)}


def change_group(world: World, body: dict[str, Any], path: dict[str, str]) -> Any:
    """Somebody changes a group's doors in Space."""
    group = find(world.space_groups, path["group_id"], "group")
    apply_changes(world, group, body, GROUP_CHANGES)
    world.space_groups.put(group)
    return {"id": group.id, "name": group.name, "door_ids": group.door_ids}


ROUTES = [
    route("/cards", "GET", list_cards),
    route("/cards", "POST", new_card),
    route("/cards/{card_id}", "POST", change_card),
    route("/cards/{card_id}/place", "POST", place),
    route("/cards/{card_id}/take", "POST", take),
    route("/cards/{card_id}/try", "POST", try_card),
    route("/encoders", "GET", list_encoders),
    route("/encoders/{encoder_id}", "POST", change_encoder),
    route("/doors", "GET", list_doors),
    route("/doors/{door_id}", "POST", change_door),
    route("/doors/{door_id}/denylist", "POST", bring_list),
    route("/systems", "GET", list_systems),
    route("/systems/{system_id}", "POST", change_system),
    route("/users/{user_id}", "POST", change_user),
    route("/groups/{group_id}", "POST", change_group),
]
