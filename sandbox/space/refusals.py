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


def other(message: str) -> Refusal:
    return Refusal("uncategorized_error", message)


BUSY = other("The encoder is busy.")
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
MISPLACED = other("The card is badly placed.")
CARD_FULL = other("The data does not fit on the card.")
CARD_OF_OTHER = other("The card is already used by another user.")
STAFF_CARD = other("The card belongs to a valid staff user.")
UNINITIALISED = other("The encoder is not initialised.")
USER_LOCKED = other("The user is being edited by another process.")
ROOM_LOCKED = other("The room is locked by another process.")
ROOM_BAD = other("The room is unknown or out of service (100).")
RULE = other("Business rule: the user is suspended.")
LICENCE = other("The licence does not cover this operation.")
POOL_FULL = other("Key numbering is exhausted.")
NO_SERVER = other("The Salto server does not answer.")
SERVER_DB = other("The Salto server has a database problem.")
CANCELLED = other("The encoder process was cancelled.")
PROTOCOL = other("The message has a syntax error (501).")
UNREADABLE = other("The card cannot be read.")

#: Mode of an encoder → what it says to any job.
MODES = {
    "offline": OFFLINE,
    "uninitialised": UNINITIALISED,
    "garbled": PROTOCOL,
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
        return NO_SERVER
    if encoder.mode in MODES:
        return MODES[encoder.mode]
    if not system.has_database:
        return SERVER_DB
    if not system.has_licence:
        return LICENCE
    if attempt.action_type != "ENCODE_CREDENTIAL":
        return None
    if key is None or key.deleted_at:
        return DELETED
    return _of_key(world, key) or _of_doors(world, key)


def _of_doors(world: World, key: SpaceKey) -> Refusal | None:
    doors = (world.space_doors.get(each) for each in keys.wanted(world, key)["door_ids"])
    return ROOM_LOCKED if any(door and door.is_being_edited for door in doors) else None


def _of_key(world: World, key: SpaceKey) -> Refusal | None:
    system, user = world.space_systems[key.system_id], world.space_users[key.user_id]
    needs_number = key.key_number is None
    checks = (
        (user.deleted_at is not None, DELETED),
        (user.is_locked, USER_LOCKED),
        (user.is_suspended, RULE),
        (needs_number and key.assign_new_key and user.key_id not in {None, key.id}, HAS_KEY),
        (needs_number and not key.assign_new_key and user.key_id is None, NO_KEY),
        (
            needs_number and len(system.denylist) >= system.denylist_size,
            POOL_FULL,
        ),
    )
    return next((refusal for is_so, refusal in checks if is_so), None)


def of_card(
    world: World, encoder: Encoder, attempt: Attempt, key: SpaceKey | None, card: Card
) -> Refusal | None:
    """Return why this card will not do; None if it will."""
    if encoder.is_misplaced:
        return MISPLACED
    if attempt.action_type != "ENCODE_CREDENTIAL":
        return UNREADABLE if card.is_damaged else None
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
        (kind == "staff", STAFF_CARD),
        (is_anothers and is_update, OTHER_CARD),
        (is_anothers, CARD_OF_OTHER),
        (key.card_id is not None and key.card_id != card.id, OTHER_CARD),
        (
            is_update and content.get("user_id") != key.user_id and not card.is_half_written,
            OTHER_CARD,
        ),
        (
            len(keys.wanted(world, key)["door_ids"]) > card.capacity,
            CARD_FULL,
        ),
    )
    return next((refusal for is_so, refusal in checks if is_so), None)


#: Row of facts 6.1 that an encode can end in → what Seam says; scripts may name the row.
ROWS = {
    "no_card": NO_CARD,
    "misplaced": MISPLACED,
    "interrupted": INTERRUPTED,
    "bad_card": WRONG_CARD,
    "card_full": CARD_FULL,
    "card_of_other": CARD_OF_OTHER,
    "staff_card": STAFF_CARD,
    "has_key": HAS_KEY,
    "no_key_to_update": NO_KEY,
    "other_card": OTHER_CARD,
    "credential_gone": DELETED,
    "encoder_offline": OFFLINE,
    "encoder_uninit": UNINITIALISED,
    "encoder_busy": BUSY,
    "comms_timeout": LOST,
    "bridge_down": BRIDGE,
    "user_locked": USER_LOCKED,
    "room_locked": ROOM_LOCKED,
    "room_bad": ROOM_BAD,
    "rule": RULE,
    "licence": LICENCE,
    "pool_full": POOL_FULL,
    "server_db": SERVER_DB,
    "cancelled": CANCELLED,
    "expired": EXPIRED,
    "protocol": PROTOCOL,
    "unknown_error": other("Unspecified error 4."),
}
#: Those that are found out once a card lies there.
OF_CARDS = {
    "misplaced",
    "bad_card",
    "card_full",
    "card_of_other",
    "staff_card",
    "other_card",
}
