"""PINs that Salto makes and tags that are registered to a site. Doors ask the cloud for both."""

from typing import Any

from sandbox.ks_system.things import KsCredential, KsTag
from sandbox.seam import events
from sandbox.space.things import SpaceUser
from sandbox.things import Timer
from sandbox.world import World, new_id

DIGITS = 6


def emit(world: World, row: KsCredential, kind: str) -> None:
    kind = f"acs_credential.{kind}"
    events.emit_of_system(world, row.system_id, kind, acs_credential_id=row.id)


def drop(world: World, row: KsCredential) -> None:
    """Take a PIN off its user, or a tag off the site; doors refuse it from now on."""
    world.ks_credentials.drop(row.id)
    word = "tag_removed" if row.method == "card" else "pin_removed"
    world.effect(word, cause="remote", acs_user_id=row.user_id, tag_number=row.card_number)
    emit(world, row, "deleted")


def release(world: World, user: SpaceUser) -> None:
    """A deleted user loses their PIN; their tags stay the site's, and are nobody's."""
    for row in world.ks_credentials.where(user_id=user.id):
        if row.method == "card":
            assign(world, row, None)
        else:
            drop(world, row)


# --- PINs ---------------------------------------------------------------------------------


def new_pin(world: World, user: SpaceUser, **fields: Any) -> KsCredential:
    """Ask Salto for a PIN. The digits come a moment after the user has a seat."""
    row = world.ks_credentials.put(
        KsCredential(
            id=new_id(),
            system_id=user.system_id,
            user_id=user.id,
            method="code",
            created_at=world.now(),
            **fields,
        )
    )
    make_waiting_pin(world, user)
    return row


def make_waiting_pin(world: World, user: SpaceUser) -> None:
    for row in world.ks_credentials.where(user_id=user.id, method="code", code=None):
        seconds = world.settings.seam_code_seconds
        world.schedule(f"ks-pin:{row.id}", "ks-pin", seconds, credential_id=row.id)


def _make_pin(world: World, timer: Timer) -> None:
    row = world.ks_credentials.get(timer.payload["credential_id"])
    user = world.space_users.get(row.user_id) if row else None
    if row is None or row.code or user is None or not user.is_subscribed:
        return
    taken = {each.code for each in world.ks_credentials.where(system_id=row.system_id)}
    while row.code is None or row.code in taken:
        row.code = f"{world.chance.randrange(10**DIGITS):0{DIGITS}}"
    row.issued_at = world.now()
    world.ks_credentials.put(row)
    world.effect("pin_issued", cause="remote", acs_user_id=user.id, rotated=False)
    emit(world, row, "issued")


TIMERS = {"ks-pin": _make_pin}


# --- tags ---------------------------------------------------------------------------------


def of_tag(world: World, system_id: str, tag: KsTag) -> KsCredential | None:
    """Return the credential that a tag is at a site; None if it is not registered there."""
    found = world.ks_credentials.where(system_id=system_id, tag_id=tag.id)
    return next(iter(found), None)


def register(world: World, system_id: str, tag: KsTag) -> KsCredential:
    world.effect("tag_registered", cause="reader", tag_number=tag.number)
    return world.ks_credentials.put(tag_row(world, system_id, tag, new_id()))


def tag_row(
    world: World, system_id: str, tag: KsTag, key: str, user_id: str | None = None
) -> KsCredential:
    """Return a registered tag, not stored."""
    return KsCredential(
        id=key,
        system_id=system_id,
        method="card",
        user_id=user_id,
        tag_id=tag.id,
        card_number=tag.number,
        created_at=world.now(),
        issued_at=world.now() if user_id else None,
    )


def assign(world: World, row: KsCredential, user: SpaceUser | None) -> None:
    """Give a registered tag to somebody; to nobody with None."""
    former, row.user_id = row.user_id, user.id if user else None
    is_first, row.issued_at = row.issued_at is None, world.now() if user else None
    world.ks_credentials.put(row)
    word = "tag_assigned" if user else "tag_unassigned"
    owner = row.user_id or former
    world.effect(word, cause="remote", acs_user_id=owner, tag_number=row.card_number)
    if user:
        emit(world, row, "issued" if is_first else "reissued")
