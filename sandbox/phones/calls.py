"""The calls about user identities and instant keys.

What Seam answers where a key, an e-mail or a phone number is taken is not published: here it is
400 `invalid_input`, with the parameter named.
"""

import secrets
from datetime import timedelta
from typing import Any

from sandbox.phones import keys, shapes
from sandbox.phones.things import InstantKey, UserIdentity
from sandbox.seam.http import Ask, call, invalid, not_found
from sandbox.space import calls, encoders, syncing
from sandbox.space import shapes as space_shapes
from sandbox.space.things import SpaceUser
from sandbox.world import new_id

UNIQUE = ("user_identity_key", "email_address", "phone_number")
DETAILS = (*UNIQUE, "full_name")
LARGEST_USE_COUNT = 1000


# --- identities ---------------------------------------------------------------------------


def _mine(ask: Ask) -> list[UserIdentity]:
    return ask.world.user_identities.where(workspace_id=ask.workspace_id)


def _find(ask: Ask) -> UserIdentity | None:
    """Return the identity named by its id, or by its key."""
    ask.needs_one_of("user_identity_id", "user_identity_key")
    name = "user_identity_id" if ask.get("user_identity_id") else "user_identity_key"
    field = "id" if name == "user_identity_id" else name
    return next((row for row in _mine(ask) if getattr(row, field) == ask.get(name)), None)


def _one(ask: Ask) -> UserIdentity:
    found = _find(ask)
    if found is None:
        raise not_found("user_identity")
    return found


def _raise_if_taken(ask: Ask, given: dict[str, Any], *, but: str = "") -> None:
    for name in UNIQUE:
        value = given.get(name)
        others = [row for row in _mine(ask) if row.id != but and getattr(row, name) == value]
        if value is not None and others:
            words = name.replace("_", " ")
            raise invalid(f"A user identity with this {words} exists.", **{name: "Taken"})


def _new(ask: Ask, given: dict[str, Any]) -> UserIdentity:
    _raise_if_taken(ask, given)
    row = UserIdentity(
        id=new_id(), workspace_id=ask.workspace_id, created_at=ask.world.now(), **given
    )
    ask.world.effect("identity_created", cause="remote", user_identity_id=row.id)
    return ask.world.user_identities.put(row)


def create(ask: Ask) -> dict[str, Any]:
    """Make an identity. Users of the systems named in `acs_system_ids` are not made here."""
    row = _new(ask, {name: ask.get(name) for name in DETAILS})
    return {"user_identity": shapes.identity(ask.world, row)}


def get(ask: Ask) -> dict[str, Any]:
    return {"user_identity": shapes.identity(ask.world, _one(ask))}


def list_identities(ask: Ask) -> dict[str, Any]:
    rows = [
        row
        for row in _mine(ask)
        if row.id in ask.get("user_identity_ids", [row.id])
        and calls.is_found(ask, row.full_name, row.phone_number, row.email_address, row.id)
        and ("created_before" not in ask.given or row.created_at < ask.get("created_before"))
    ]
    return ask.page("user_identities", rows, lambda row: shapes.identity(ask.world, row), 500)


def update(ask: Ask) -> dict[str, Any]:
    row = next((row for row in _mine(ask) if row.id == ask.get("user_identity_id")), None)
    if row is None:
        raise not_found("user_identity")
    given = {name: ask.get(name) for name in DETAILS if name in ask.given}
    _raise_if_taken(ask, given, but=row.id)
    for name, value in given.items():
        setattr(row, name, value)
    ask.world.user_identities.put(row)
    return {}


def delete(ask: Ask) -> dict[str, Any]:
    """Delete an identity with all that is theirs: users of systems, credentials, links."""
    row = _one(ask)
    for member in ask.world.space_users.where(user_identity_id=row.id):
        member.deleted_at = member.deleted_at or ask.world.now()
        for key in ask.world.space_keys.where(user_id=member.id):
            encoders.withdraw(ask.world, key)
        keys.release(ask.world, member)
        syncing.touch(ask.world, member)
    for link in ask.world.instant_keys.where(identity_id=row.id):
        _drop(ask, link)
    ask.world.user_identities.drop(row.id)
    return {}


def _member(ask: Ask) -> SpaceUser:
    found: SpaceUser = calls.one(ask, ask.world.space_users, "acs_user")
    return found


def add_user(ask: Ask) -> dict[str, Any]:
    """Link a user to an identity; one that is named by a new key is made of what the user has."""
    member, found = _member(ask), _find(ask)
    if found is None and not ask.get("user_identity_key"):
        raise not_found("user_identity")
    if member.user_identity_id not in {None, found.id if found else None}:
        raise invalid("The user belongs to another user identity.")
    if found is None:
        names = ("full_name", "email_address", "phone_number")
        of_member = {name: getattr(member, name) for name in names}
        found = _new(ask, of_member | {"user_identity_key": ask.get("user_identity_key")})
    member.user_identity_id = found.id
    ask.world.space_users.put(member)
    return {}


def remove_user(ask: Ask) -> dict[str, Any]:
    row, member = _one(ask), _member(ask)
    if member.user_identity_id == row.id:
        member.user_identity_id = None
        ask.world.space_users.put(member)
    return {}


def list_users(ask: Ask) -> dict[str, Any]:
    rows = ask.world.space_users.where(user_identity_id=_one(ask).id)
    return {"acs_users": [space_shapes.user(ask.world, row) for row in rows]}


# --- instant keys -------------------------------------------------------------------------


def generate(ask: Ask) -> dict[str, Any]:
    """Make a link. How long one lasts is not published: here `instant_key_seconds`."""
    row, count = _one(ask), ask.get("max_use_count", 1)
    if count != int(count) or not 1 <= count <= LARGEST_USE_COUNT:
        raise invalid("max_use_count is wrong", max_use_count="Number must be a whole one from 1")
    now = ask.world.now()
    made = ask.world.instant_keys.put(
        InstantKey(
            id=new_id(),
            identity_id=row.id,
            token=secrets.token_urlsafe(12),
            created_at=now,
            expires_at=now + timedelta(seconds=ask.world.settings.instant_key_seconds),
            client_session_id=new_id(),
            max_use_count=int(count),
        )
    )
    ask.world.effect("instant_key_created", cause="remote", user_identity_id=row.id)
    return {"instant_key": _shape(ask, made)}


def _shape(ask: Ask, row: InstantKey) -> dict[str, Any]:
    return shapes.instant_key(ask.world, row, ask.request.app.state.base_url)


def _links(ask: Ask) -> list[InstantKey]:
    ids = {row.id for row in _mine(ask)}
    return [row for row in ask.world.instant_keys if row.identity_id in ids]


def _link(ask: Ask) -> InstantKey:
    ask.needs_one_of("instant_key_id", "instant_key_url")
    wanted = (ask.get("instant_key_id"), ask.get("instant_key_url"))
    for row in _links(ask):
        if wanted[0] == row.id or wanted[1] == _shape(ask, row)["instant_key_url"]:
            return row
    raise not_found("instant_key")


def get_link(ask: Ask) -> dict[str, Any]:
    return {"instant_key": _shape(ask, _link(ask))}


def list_links(ask: Ask) -> dict[str, Any]:
    wanted = ask.get("user_identity_id")
    rows = [row for row in _links(ask) if wanted in {None, row.identity_id}]
    return {"instant_keys": [_shape(ask, row) for row in rows]}


def delete_link(ask: Ask) -> dict[str, Any]:
    _drop(ask, _link(ask))
    return {}


def _drop(ask: Ask, row: InstantKey) -> None:
    """Delete a link: the phones that were set up by it keep nothing they can show."""
    ask.world.instant_keys.drop(row.id)
    ask.world.effect("instant_key_deleted", cause="remote", user_identity_id=row.identity_id)


IDENTITY = "user_identity_id:uuid user_identity_key:text"
NAMED = "user_identity_id*:uuid"
PERSON = "full_name?:text email_address?:email phone_number?:text user_identity_key?:text"
IDENTITIES, LINKS = "/user_identities", "/instant_keys"

ROUTES = [
    call(f"{IDENTITIES}/create", "", f"{PERSON} acs_system_ids:uuids", create),
    call(f"{IDENTITIES}/get", "GET", IDENTITY, get),
    call(
        f"{IDENTITIES}/list",
        "GET",
        "user_identity_ids:uuids created_before:time search:text limit:number page_cursor?:text",
        list_identities,
    ),
    call(f"{IDENTITIES}/update", "PATCH", f"{NAMED} {PERSON}", update),
    call(f"{IDENTITIES}/delete", "DELETE", NAMED, delete),
    call(f"{IDENTITIES}/add_acs_user", "PUT", f"acs_user_id*:uuid {IDENTITY}", add_user),
    call(f"{IDENTITIES}/remove_acs_user", "DELETE", f"acs_user_id*:uuid {NAMED}", remove_user),
    call(f"{IDENTITIES}/list_acs_users", "GET", NAMED, list_users),
    call(f"{IDENTITIES}/generate_instant_key", "", f"{NAMED} max_use_count:number", generate),
    call(f"{LINKS}/get", "GET", "instant_key_id:uuid instant_key_url:text", get_link),
    call(f"{LINKS}/list", "GET", "user_identity_id:uuid", list_links),
    call(f"{LINKS}/delete", "DELETE", "instant_key_id*:uuid", delete_link),
]
