"""What reading a card tells: what is on it, what Seam knows of it, and where they differ."""

from typing import Any

from sandbox.seam.http import not_found
from sandbox.space import keys, shapes
from sandbox.space.things import Card, SpaceKey
from sandbox.world import World, new_id

OUT_OF_SYNC = "acs_credential_on_encoder_out_of_sync"
NOT_ON_SEAM = "acs_credential_on_seam_not_found"


def result(world: World, system_id: str, card: Card) -> dict[str, Any]:
    """Return what a scan of `card` finds. A blank card gives null on both sides."""
    key = _key_of(world, system_id, card)
    on_card = _on_card(card)
    warnings = []
    if key is None and on_card:
        text = "The credential on the encoder was not found on Seam."
        warnings.append({"warning_code": NOT_ON_SEAM, "warning_message": text})
    elif key and (fields := _differences(world, key, card)):
        text = f"The credential on the encoder is out of sync: {', '.join(fields)}"
        warnings.append({"warning_code": OUT_OF_SYNC, "warning_message": text})
    return {
        "acs_credential_on_encoder": on_card,
        "acs_credential_on_seam": shapes.credential(world, key) if key else None,
        "warnings": warnings,
    }


def _key_of(world: World, system_id: str, card: Card) -> SpaceKey | None:
    """Return the credential on a card, or the one that a half-written card was to carry."""
    key = world.space_keys.get(card.content.get("key_id"))
    return key if key and key.system_id == system_id else None


def _on_card(card: Card) -> dict[str, Any] | None:
    if not card.content and not card.is_half_written:
        return None
    is_ours = card.content.get("kind") == "user" and not card.is_half_written
    return {
        "card_number": card.serial,
        "created_at": None,
        "is_issued": True if is_ours else None,
        "starts_at": shapes.moment(card.content.get("starts_at")),
        "ends_at": shapes.moment(card.content.get("ends_at")),
    }


def _differences(world: World, key: SpaceKey, card: Card) -> list[str]:
    now = keys.wanted(world, key)
    names = {"starts_at": "starts_at", "ends_at": "ends_at", "door_ids": "access"}
    fields = [word for name, word in names.items() if card.content.get(name) != now[name]]
    if card.content.get("structure_version") != now["structure_version"]:
        fields.append("structure")
    if card.is_half_written:
        fields.append("incomplete")
    return fields if not key.is_invalid else [*fields, "overwritten"]


def scenario(world: World, system_id: str, word: str, key_id: str | None) -> dict[str, Any]:
    """Return a scan as one of Seam's simulate endpoints asked for it; no card is needed."""
    if word == "credential_on_encoder_is_empty":
        return {"acs_credential_on_encoder": None, "acs_credential_on_seam": None, "warnings": []}
    mine = world.space_keys.where(system_id=system_id)
    key = world.space_keys.get(key_id) or next(iter(mine), None)
    is_known = word != "credential_does_not_exist_on_seam"
    card = Card(id="", label="", serial=_serial(world), content={"kind": "user"})
    if is_known and key:
        card.content |= keys.wanted(world, key) | {"key_id": key.id}
        card.serial = key.card_number or card.serial
    if word == "credential_on_encoder_needs_update":
        card.content["ends_at"] = world.now()
    return result(world, system_id, card)


def raise_if_missing(world: World, key_id: str | None) -> None:
    if key_id and not (world.space_keys.get(key_id) or world.ks_credentials.get(key_id)):
        raise not_found("acs_credential")


def new_card(world: World, label: str, **fields: Any) -> Card:
    """Make a piece of plastic out of nothing."""
    return world.cards.put(Card(id=new_id(), label=label, serial=_serial(world), **fields))


def _serial(world: World) -> str:
    """Return a serial of seven bytes that begins with 51: no manufacturer's."""
    return f"51{world.chance.randrange(16**12):012X}"
