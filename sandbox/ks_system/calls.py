"""The calls about credentials that Salto KS answers in its own way."""

from typing import Any

from sandbox.ks_system import credentials, readers
from sandbox.ks_system.things import KsCredential
from sandbox.seam.http import Ask, invalid
from sandbox.space import calls, shapes
from sandbox.space.things import SpaceUser


def refuse_digits(ask: Ask) -> None:
    if ask.get("code") is not None:
        raise invalid("Salto KS chooses the digits.", code="Unsupported")


def create(ask: Ask, owner: SpaceUser) -> dict[str, Any]:
    """Ask for a PIN: it is pending until Salto has made the digits."""
    method = ask.get("access_method")
    if method == "card":
        text = "Tags are given with scan_to_assign_credential, or with credentials/assign."
        raise invalid(text, access_method="Unsupported")
    if method != "code":
        raise invalid("This simulation knows PINs and tags only.", access_method="Unsupported")
    refuse_digits(ask)
    if ask.world.ks_credentials.where(user_id=owner.id, method="code"):
        raise invalid("The user has a PIN. Salto KS knows one per user.", access_method="Taken")
    times = {name: ask.get(name) for name in ("starts_at", "ends_at")}
    row = credentials.new_pin(ask.world, owner, **times)
    return {"acs_credential": shapes.credential(ask.world, row)}


def _tag(ask: Ask) -> KsCredential:
    row = calls.credential(ask)
    if not isinstance(row, KsCredential) or row.method != "card":
        raise invalid("Only tags of Salto KS can be given to somebody else.")
    return row


def assign(ask: Ask) -> dict[str, Any]:
    """Give a registered tag to somebody, without holding it anywhere."""
    row, owner = _tag(ask), calls.user(ask)
    if row.system_id != owner.system_id:
        raise invalid("The user and the credential are not in the same system.")
    if row.user_id not in {None, owner.id}:
        raise invalid("The credential belongs to another user.")
    if row.user_id is None:
        credentials.assign(ask.world, row, owner)
    return {"acs_credential": shapes.credential(ask.world, row)}


def unassign(ask: Ask) -> dict[str, Any]:
    """Take a tag from its user. It stays registered."""
    row, owner = _tag(ask), calls.user(ask)
    if row.user_id != owner.id:
        raise invalid("The credential does not belong to this user.")
    credentials.assign(ask.world, row, None)
    return {"acs_credential": shapes.credential(ask.world, row)}


def registration(ask: Ask) -> dict[str, Any]:
    """Return what `salto_ks_metadata` says about new tags, for the payload of an attempt."""
    metadata = ask.get("salto_ks_metadata") or {}
    if metadata.get("detect_new_tags") not in {True, "true"}:
        return {}
    return {"detect_new_tags": True, "wait_seconds": readers.REGISTRATION_SECONDS}
