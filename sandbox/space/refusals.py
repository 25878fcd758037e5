"""Why an encoder says no: Seam's error types, and when each comes about by itself.

Where Space has a number and Seam has no type, the type is `uncategorized_error` and the
message tells (facts of Seam's schema 1.1038.0; the folding is inferred).
"""

from dataclasses import dataclass

from sandbox.seam.things import Attempt
from sandbox.space import keys
from sandbox.space.things import Card, Encoder, SpaceKey
from sandbox.world import World


@dataclass(frozen=True)
class Refusal:
    kind: str
    message: str


def _other(message: str) -> Refusal:
    return Refusal("uncategorized_error", message)


BUSY = _other("The encoder is busy.")
NO_CARD = Refusal("no_credential_on_encoder", "No card was placed on the encoder in time.")
EXPIRED = Refusal("action_attempt_expired", "The action attempt expired.")
INTERRUPTED = Refusal("encoding_interrupted", "The card was removed while it was written.")
LIFTED = Refusal("no_credential_on_encoder", "The card was removed while it was read.")
DELETED = Refusal("credential_deleted", "The credential was deleted.")
OFFLINE = Refusal("encoder_not_online", "The encoder is not online.")
LOST = Refusal("encoder_communication_timeout", "The encoder stopped answering.")
BRIDGE = Refusal("bridge_disconnected", "Seam Bridge is not connected.")
HAS_KEY = Refusal("credential_cannot_be_reissued", "The user already has a key.")
NO_KEY = Refusal("credential_cannot_be_reissued", "The user has no key to update.")
OTHER_CARD = Refusal("credential_cannot_be_reissued", "The credential is on another card.")
WRONG_CARD = Refusal("incompatible_card_format", "The card technology or data is not recognised.")

#: Mode of an encoder → what it says to any job.
MODES = {
    "offline": OFFLINE,
    "uninitialised": _other("The encoder is not initialised."),
    "auto_update": BUSY,
    "dongle": BUSY,
    "desktop_reader": BUSY,
}


def before(
    world: World, encoder: Encoder, attempt: Attempt, key: SpaceKey | None
) -> Refusal | None:
    """Return why a job cannot even wait for a card; None if it can."""
    system = world.space_systems[encoder.system_id]
    if not system.is_bridge_up:
        return BRIDGE
    if not system.is_server_up:
        return _other("The Salto server does not answer.")
    if encoder.mode in MODES:
        return MODES[encoder.mode]
    if not system.has_licence:
        return _other("The licence does not cover this operation.")
    if attempt.action_type != "ENCODE_CREDENTIAL":
        return None
    return DELETED if key is None or key.deleted_at else _of_key(world, key)


def _of_key(world: World, key: SpaceKey) -> Refusal | None:
    system, user = world.space_systems[key.system_id], world.space_users[key.user_id]
    needs_number = key.key_number is None
    checks = (
        (user.deleted_at is not None, DELETED),
        (user.is_locked, _other("The user is being edited by another process.")),
        (user.is_suspended, _other("Business rule: the user is suspended.")),
        (needs_number and key.assign_new_key and user.key_id not in {None, key.id}, HAS_KEY),
        (needs_number and not key.assign_new_key and user.key_id is None, NO_KEY),
        (
            needs_number and len(system.denylist) >= system.denylist_size,
            _other("Key numbering is exhausted."),
        ),
    )
    return next((refusal for is_so, refusal in checks if is_so), None)


def of_card(
    world: World, encoder: Encoder, attempt: Attempt, key: SpaceKey | None, card: Card
) -> Refusal | None:
    """Return why this card will not do; None if it will."""
    if encoder.is_misplaced:
        return _other("The card is badly placed.")
    if attempt.action_type != "ENCODE_CREDENTIAL":
        return WRONG_READ if card.is_damaged else None
    if key is None or key.deleted_at:
        return DELETED
    content = card.content
    kind = content.get("kind")
    owner_key = world.space_keys.get(content.get("key_id"))
    is_anothers = (
        owner_key is not None
        and owner_key.user_id != key.user_id
        and not owner_key.is_invalid
        and not keys.is_expired(content, world.now())
    )
    is_update = key.written is not None or not key.assign_new_key
    checks = (
        (card.is_damaged or kind == "foreign" or not card.technology, WRONG_CARD),
        (kind == "staff", _other("The card belongs to a valid staff user.")),
        (is_anothers and is_update, OTHER_CARD),
        (is_anothers, _other("The card is already used by another user.")),
        (key.card_id is not None and key.card_id != card.id, OTHER_CARD),
        (
            is_update and content.get("user_id") != key.user_id and not card.is_half_written,
            OTHER_CARD,
        ),
        (
            len(keys.wanted(world, key)["door_ids"]) > card.capacity,
            _other("The data does not fit on the card."),
        ),
    )
    return next((refusal for is_so, refusal in checks if is_so), None)


WRONG_READ = _other("The card cannot be read.")
