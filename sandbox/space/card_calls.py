"""The calls about credentials and encoders, and Seam's own simulate endpoints.

What a Salto KS site does with them is in `ks_system.calls`.
"""

from typing import Any

from sandbox.ks_system import calls as ks_calls
from sandbox.ks_system import credentials as ks_credentials
from sandbox.ks_system.things import KIND as KS
from sandbox.ks_system.things import KsCredential
from sandbox.phones import keys as mobile_keys
from sandbox.phones.things import MobileKey
from sandbox.seam import attempts
from sandbox.seam.http import Ask, call, invalid, not_found
from sandbox.seam.things import Script
from sandbox.space import encoders, scans, shapes, syncing
from sandbox.space.calls import (
    USER,
    Credential,
    credential,
    credentials,
    is_found,
    mine,
    one,
    user,
)
from sandbox.space.things import Encoder, SpaceKey, SpaceUser
from sandbox.world import new_id

# --- credentials --------------------------------------------------------------------------


def create(ask: Ask) -> dict[str, Any]:
    """Make a card credential, or a mobile key.

    `assign_new_key` false asks to write the user's current key again: the same credential
    comes back (whether Seam makes a new row is not published). One that cannot be is found
    out at the encoder.
    """
    owner = user(ask)
    if ask.get("access_method") == "mobile_key":
        return _create_mobile_key(ask, owner)
    if ask.world.space_systems[owner.system_id].kind == KS:
        return ks_calls.create(ask, owner)
    if ask.get("access_method") != "card":
        text = "This simulation knows cards and mobile keys only."
        raise invalid(text, access_method="Unsupported")
    metadata = ask.get("salto_space_metadata") or {}
    is_new = metadata.get("assign_new_key", True) is not False
    current = ask.world.space_keys.get(owner.key_id)
    if not is_new and current and current.deleted_at is None:
        current.ends_at = ask.get("ends_at", current.ends_at)
        ask.world.space_keys.put(current)
        return {"acs_credential": shapes.credential(ask.world, current)}
    key = SpaceKey(
        id=new_id(),
        system_id=owner.system_id,
        user_id=owner.id,
        assign_new_key=is_new,
        starts_at=ask.get("starts_at"),
        ends_at=ask.get("ends_at"),
        created_at=ask.world.now(),
    )
    ask.world.space_keys.put(key)
    return {"acs_credential": shapes.credential(ask.world, key)}


def _create_mobile_key(ask: Ask, owner: SpaceUser) -> dict[str, Any]:
    """Make a mobile key. Space knows one per user; of KS it is not published, and here the same."""
    if ask.get("is_multi_phone_sync_credential") is not True:
        text = "A mobile key must be a multi-phone sync credential."
        raise invalid(text, is_multi_phone_sync_credential="Must be true")
    if owner.user_identity_id is None:
        text = "The user is linked to no user identity."
        raise invalid(text, user_identity_id="Required for a mobile key")
    if ask.world.mobile_keys.where(user_id=owner.id):
        raise invalid("The user has a mobile key.", access_method="Taken")
    times = {name: ask.get(name) for name in ("starts_at", "ends_at")}
    row = mobile_keys.make(ask.world, owner, **times)
    return {"acs_credential": shapes.credential(ask.world, row)}


def get(ask: Ask) -> dict[str, Any]:
    return {"acs_credential": shapes.credential(ask.world, credential(ask))}


def list_credentials(ask: Ask) -> dict[str, Any]:
    if not any(ask.get(n) for n in ("acs_user_id", "acs_system_id", "user_identity_id")):
        raise invalid("Must provide one of: acs_user_id, acs_system_id, user_identity_id")
    rows = credentials(ask)
    if ask.get("acs_user_id") or ask.get("user_identity_id"):
        owner = user(ask)
        rows = [row for row in rows if row.user_id == owner.id]
    rows = [
        row
        for row in rows
        if is_found(ask, _number(row), _owner_name(ask, row), row.id)
        and ("created_before" not in ask.given or row.created_at < ask.get("created_before"))
        and ask.get("is_multi_phone_sync_credential") in {None, isinstance(row, MobileKey)}
    ]
    return ask.page("acs_credentials", rows, lambda row: shapes.credential(ask.world, row), 500)


def _number(row: Credential) -> str | None:
    return None if isinstance(row, MobileKey) else row.card_number


def _owner_name(ask: Ask, row: Credential) -> str:
    owner = ask.world.space_users.get(row.user_id)
    return owner.full_name if owner else ""


def update(ask: Ask) -> dict[str, Any]:
    row = credential(ask)
    if isinstance(row, KsCredential):
        ks_calls.refuse_digits(ask)
        row.ends_at = ask.get("ends_at", row.ends_at)
        ask.world.ks_credentials.put(row)
        return {}
    if isinstance(row, MobileKey):
        row.ends_at = ask.get("ends_at", row.ends_at)
        ask.world.mobile_keys.put(row)
        return {}
    row.ends_at = ask.get("ends_at", row.ends_at)
    ask.world.space_keys.put(row)
    return {}


def delete(ask: Ask) -> dict[str, Any]:
    """Take a credential back: its card goes on the denylist, which offline doors hear late.

    Salto KS has no such list: a PIN is gone and a tag is unregistered at once.
    """
    key = credential(ask)
    if isinstance(key, KsCredential):
        ks_credentials.drop(ask.world, key)
        return {}
    if isinstance(key, MobileKey):
        mobile_keys.drop(ask.world, key)
        return {}
    if key.deleted_at is None:
        encoders.withdraw(ask.world, key)
        syncing.withdraw(ask.world, key)
    return {}


# --- encoders -----------------------------------------------------------------------------


def _encoder(ask: Ask) -> Encoder:
    row: Encoder = one(ask, ask.world.encoders, "acs_encoder")
    return row


def get_encoder(ask: Ask) -> dict[str, Any]:
    return {"acs_encoder": shapes.encoder(ask.world, _encoder(ask))}


def list_encoders(ask: Ask) -> dict[str, Any]:
    names = ("acs_system_id", "acs_system_ids", "acs_encoder_ids")
    if sum(ask.get(name) is not None for name in names) != 1:
        raise invalid(f"Must provide exactly one of: {', '.join(names)}")
    rows = [
        row
        for row in mine(ask, ask.world.encoders)
        if row.system_id in ask.get("acs_system_ids", [row.system_id])
        and row.id in ask.get("acs_encoder_ids", [row.id])
    ]
    return ask.page("acs_encoders", rows, lambda row: shapes.encoder(ask.world, row), 500)


def _start(ask: Ask, action_type: str, **payload: Any) -> dict[str, Any]:
    """Begin a job. The encoder is taken at once, so that of two clicks one is told: busy."""
    encoder = _encoder(ask)
    if encoder.is_removed:
        raise not_found("acs_encoder")
    payload |= ks_calls.registration(ask)
    attempt = attempts.make(ask, action_type, encoder_id=encoder.id, **payload)
    encoders.claim(ask.world, encoder, attempt)
    attempts.go(ask.world, attempt)
    return {"action_attempt": attempts.shape(attempt)}


def encode(ask: Ask) -> dict[str, Any]:
    if not ask.get("acs_credential_id"):
        raise invalid("Must provide acs_credential_id: access methods are not simulated.")
    key = credential(ask)
    if isinstance(key, MobileKey):
        raise invalid("A mobile key is on no card.")
    if isinstance(key, KsCredential) or _is_reader(ask):
        raise invalid("Salto KS encodes nothing: use scan_to_assign_credential.")
    return _start(ask, encoders.ENCODE, key_id=key.id)


def _is_reader(ask: Ask) -> bool:
    return ask.world.space_systems[_encoder(ask).system_id].kind == KS


def scan(ask: Ask) -> dict[str, Any]:
    return _start(ask, encoders.SCAN)


def scan_to_assign(ask: Ask) -> dict[str, Any]:
    """Read a tag and give it to somebody. Space has no tags."""
    owner = user(ask)
    if not _is_reader(ask):
        raise invalid("Salto Space writes cards: use encode_credential.")
    if owner.system_id != _encoder(ask).system_id:
        raise invalid("The user and the encoder are not in the same system.")
    return _start(ask, encoders.ASSIGN, user_id=owner.id)


# --- what the next job is to do -----------------------------------------------------------


def _script(ask: Ask, action_type: str, **fields: Any) -> dict[str, Any]:
    """Decide the next job of an encoder, once."""
    encoder = _encoder(ask)
    scans.raise_if_missing(ask.world, ask.get("acs_credential_id"))
    scans.raise_if_missing(ask.world, ask.get("acs_credential_id_on_seam"))
    for old in ask.world.scripts.where(action_type=action_type, times=1):
        if old.match == {"encoder_id": encoder.id}:
            ask.world.scripts.drop(old.id)
    match = {"encoder_id": encoder.id}
    if ask.get("acs_credential_id"):
        match["credential_id"] = ask.get("acs_credential_id")
    ask.world.scripts.put(
        Script(
            id=str(ask.world.count("scripts")),
            action_type=action_type,
            match=match,
            phase="before",
            **fields,
        )
    )
    return {}


def _error(ask: Ask) -> dict[str, str]:
    word = ask.get("error_code", "no_credential_on_encoder")
    return {"type": word, "message": f"SIMULATED: {word.replace('_', ' ')}"}


def encode_will_fail(ask: Ask) -> dict[str, Any]:
    return _script(ask, encoders.ENCODE, error=_error(ask))


def encode_will_succeed(ask: Ask) -> dict[str, Any]:
    return _script(ask, encoders.ENCODE, error=None, scenario="credential_is_issued")


def scan_will_fail(ask: Ask) -> dict[str, Any]:
    return _script(ask, encoders.SCAN, error=_error(ask))


def scan_will_succeed(ask: Ask) -> dict[str, Any]:
    word = ask.get("scenario", "credential_exists_on_seam")
    options = {"credential_id": ask.get("acs_credential_id_on_seam")}
    return _script(ask, encoders.SCAN, error=None, scenario=word, options=options)


# --- routes -------------------------------------------------------------------------------

ENCODER = "acs_encoder_id*:uuid"
CREDENTIAL = "acs_credential_id*:uuid"
SIMULATE = "/acs/encoders/simulate/next_credential"
ENCODE_ERRORS = (
    "no_credential_on_encoder|encoding_interrupted|uncategorized_error|action_attempt_expired"
)
SCAN_ERRORS = "no_credential_on_encoder|uncategorized_error|action_attempt_expired"
SCENARIOS = (
    "credential_exists_on_seam|credential_on_encoder_needs_update"
    "|credential_does_not_exist_on_seam|credential_on_encoder_is_empty"
)

ROUTES = [
    call(
        "/acs/credentials/create",
        "",
        f"access_method*:code|card|mobile_key|cloud_key acs_system_id:uuid {USER}"
        " salto_space_metadata:object code:digits starts_at:time ends_at:time"
        " is_multi_phone_sync_credential:bool",
        create,
    ),
    call("/acs/credentials/assign", "PATCH", f"{CREDENTIAL} {USER}", ks_calls.assign),
    call("/acs/credentials/unassign", "PATCH", f"{CREDENTIAL} {USER}", ks_calls.unassign),
    call("/acs/credentials/get", "GET", CREDENTIAL, get),
    call(
        "/acs/credentials/list",
        "GET",
        f"acs_system_id:uuid {USER} created_before:time is_multi_phone_sync_credential:bool"
        " search:text limit:number page_cursor?:text",
        list_credentials,
    ),
    call("/acs/credentials/update", "PATCH", f"{CREDENTIAL} ends_at:time code:text", update),
    call("/acs/credentials/delete", "DELETE", CREDENTIAL, delete),
    call("/acs/encoders/get", "GET", ENCODER, get_encoder),
    call(
        "/acs/encoders/list",
        "GET",
        "acs_system_id:uuid acs_system_ids:uuids acs_encoder_ids:uuids"
        " limit:number page_cursor?:text",
        list_encoders,
    ),
    call(
        "/acs/encoders/encode_credential",
        "",
        f"{ENCODER} acs_credential_id:uuid access_method_id:uuid",
        encode,
    ),
    call("/acs/encoders/scan_credential", "", f"{ENCODER} salto_ks_metadata:object", scan),
    call(
        "/acs/encoders/scan_to_assign_credential",
        "",
        f"{ENCODER} {USER} salto_ks_metadata:object",
        scan_to_assign,
    ),
    call(
        f"{SIMULATE}_encode_will_fail",
        "",
        f"{ENCODER} acs_credential_id:uuid error_code:{ENCODE_ERRORS}",
        encode_will_fail,
    ),
    call(
        f"{SIMULATE}_encode_will_succeed",
        "",
        f"{ENCODER} scenario:credential_is_issued",
        encode_will_succeed,
    ),
    call(
        f"{SIMULATE}_scan_will_fail",
        "",
        f"{ENCODER} acs_credential_id_on_seam:uuid error_code:{SCAN_ERRORS}",
        scan_will_fail,
    ),
    call(
        f"{SIMULATE}_scan_will_succeed",
        "",
        f"{ENCODER} acs_credential_id_on_seam:uuid scenario:{SCENARIOS}",
        scan_will_succeed,
    ),
]
