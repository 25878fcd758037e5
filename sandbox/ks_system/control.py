"""The control API's hands at Salto KS as an access system: tags, PINs at doors, the truth."""

from dataclasses import asdict
from typing import Any

from sandbox.clock import format_utc
from sandbox.ks_system import doors, readers
from sandbox.ks_system.things import KsCredential, KsTag
from sandbox.space.control import find
from sandbox.space.things import SpaceDoor
from sandbox.wishes import WrongWishError, route
from sandbox.world import World, new_id


def tag_shape(world: World, tag: KsTag) -> dict[str, Any]:
    """Return the truth about a tag: where it is registered and whose it is."""
    row = next(iter(world.ks_credentials.where(tag_id=tag.id)), None)
    owner = world.space_users.get(row.user_id) if row else None
    return asdict(tag) | {
        "system_id": row.system_id if row else None,
        "credential_id": row.id if row else None,
        "user_id": owner.id if owner else None,
        "user_name": owner.full_name if owner else None,
    }


def list_tags(world: World, _query: dict[str, str], _path: dict[str, str]) -> Any:
    return [tag_shape(world, tag) for tag in world.ks_tags]


def new_tag(world: World, body: dict[str, Any], _path: dict[str, str]) -> Any:
    """Make a tag: `label`, `number`, `site` (the name of another site it belongs to)."""
    if unknown := set(body) - {"label", "number", "site"}:
        raise WrongWishError(f"unknown: {', '.join(sorted(unknown))}; known: label, number, site")
    number = str(body.get("number") or f"SIM09{len(world.ks_tags) + 1:03}")
    if world.ks_tags.where(number=number):
        raise WrongWishError(f"there is a tag with the number {number}")
    label = str(body.get("label", number))
    tag = KsTag(id=new_id(), label=label, number=number, site=str(body.get("site", "")))
    return tag_shape(world, world.ks_tags.put(tag))


def hold(world: World, body: dict[str, Any], path: dict[str, str]) -> Any:
    """Hold a tag to a reader (`encoder_id`); answer `{seen}`."""
    tag = find(world.ks_tags, path["tag_id"], "tag")
    return {
        "seen": readers.hold(world, tag, find(world.encoders, body.get("encoder_id"), "encoder"))
    }


def try_tag(world: World, body: dict[str, Any], path: dict[str, str]) -> Any:
    """Hold a tag to `door_id`; answer `{opened, reason}`."""
    tag = find(world.ks_tags, path["tag_id"], "tag")
    tried = doors.try_tag(world, tag, find_door(world, body.get("door_id")))
    return {"opened": tried.opened, "reason": tried.reason}


def type_pin(world: World, body: dict[str, Any], path: dict[str, str]) -> Any:
    tried = doors.type_pin(world, str(body.get("code", "")), find_door(world, path["door_id"]))
    return {"opened": tried.opened, "reason": tried.reason}


def find_door(world: World, key: Any) -> SpaceDoor:
    door: SpaceDoor = find(world.space_doors, key, "door")
    if door.id not in world.ks_locks.rows:
        raise WrongWishError("this door is of Salto Space: hold a card to it")
    return door


def credential_shape(world: World, row: KsCredential) -> dict[str, Any]:
    owner = world.space_users.get(row.user_id)
    moments = ("created_at", "issued_at", "starts_at", "ends_at")
    shape = asdict(row)
    shape |= {name: format_utc(shape[name]) if shape[name] else None for name in moments}
    return shape | {"user_name": owner.full_name if owner else None}


def list_credentials(world: World, _query: dict[str, str], _path: dict[str, str]) -> Any:
    return [credential_shape(world, row) for row in world.ks_credentials]


ROUTES = [
    route("/tags", "GET", list_tags),
    route("/tags", "POST", new_tag),
    route("/tags/{tag_id}/hold", "POST", hold),
    route("/tags/{tag_id}/try", "POST", try_tag),
    route("/doors/{door_id}/pin", "POST", type_pin),
    route("/credentials", "GET", list_credentials),
]
