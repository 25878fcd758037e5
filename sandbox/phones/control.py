"""The control API's hands on simulated phones."""

from typing import Any
from urllib.parse import urlsplit

from sandbox.clock import format_utc
from sandbox.control_things import Change, apply_changes, set_field
from sandbox.phones import doors
from sandbox.phones.things import Phone
from sandbox.space.control import find
from sandbox.wishes import WrongWishError, find_row, route
from sandbox.world import World

NO_LINK = {
    "gone": "there is no such link",
    "expired": "the link has expired",
    "used": "the link was used as often as it may be",
}


def phone_shape(world: World, phone: Phone) -> dict[str, Any]:
    """Return what is really on a phone."""
    copies = {
        key: copy | {n: format_utc(copy[n]) if copy[n] else None for n in ("starts_at", "ends_at")}
        for key, copy in phone.copies.items()
    }
    return {
        "id": phone.id,
        "user_identity_id": phone.identity_id,
        "instant_key_id": phone.instant_key_id,
        "has_network": phone.has_network,
        "keys": copies,
        "created_at": format_utc(phone.created_at),
    }


def list_phones(world: World, _query: dict[str, str], _path: dict[str, str]) -> Any:
    for phone in world.phones:
        doors.refresh(world, phone)
    return [phone_shape(world, phone) for phone in world.phones]


def set_up(world: World, body: dict[str, Any], _path: dict[str, str]) -> Any:
    """Open `instant_key_url` on a new phone, as somebody does who follows the link."""
    token = urlsplit(str(body.get("instant_key_url", ""))).path.rpartition("/")[2]
    link = next(iter(world.instant_keys.where(token=token)), None)
    if why := doors.why_not(world, link):
        raise WrongWishError(NO_LINK[why], status=404 if why == "gone" else 400)
    assert link
    return phone_shape(world, doors.set_up(world, link))


CHANGES: dict[str, Change] = {"has_network": set_field("has_network", bool)}


def change_phone(world: World, body: dict[str, Any], path: dict[str, str]) -> Any:
    """Take a phone off the network (`has_network`), or bring it back."""
    phone = _phone(world, path)
    apply_changes(world, phone, body, CHANGES)
    world.phones.put(phone)
    doors.refresh(world, phone)
    return phone_shape(world, phone)


def try_phone(world: World, body: dict[str, Any], path: dict[str, str]) -> Any:
    """Hold a phone to `door_id`; answer `{opened, reason}`."""
    door = find(world.space_doors, body.get("door_id"), "door")
    tried = doors.hold(world, _phone(world, path), door)
    return {"opened": tried.opened, "reason": tried.reason}


def _phone(world: World, path: dict[str, str]) -> Phone:
    return find_row(world.phones, path["phone_id"], "phone")


ROUTES = [
    route("/phones", "GET", list_phones),
    route("/phones", "POST", set_up),
    route("/phones/{phone_id}", "POST", change_phone),
    route("/phones/{phone_id}/try", "POST", try_phone),
]
