"""What a source tells of a guest later, written to the person who is kept here."""

from __future__ import annotations

from datetime import datetime

from access.grants import identities
from access.grants.asking import By
from access.grants.asking import Guest as Person
from access.models import AccessGrant
from access.reservations.stays import Guest
from locks.codes.services import RefusedError

TAKEN = "Somebody else has this e-mail or phone: the guest's details were left as they are."


def tell(grant: AccessGrant, was: Guest, guest: Guest, *, by: By, at: datetime) -> str:
    """Write what changed of a guest. Return a sentence on what could not be, or "".

    Only what the source itself told before is overwritten: a regular's name is not spoilt
    by how a booking site writes it.
    """
    person = grant.identity
    told = {"full_name": guest.name, "email": guest.email, "phone": guest.phone}
    before = {"full_name": was.name, "email": was.email, "phone": was.phone}
    details = {name: getattr(person, name) for name in told}
    for name, value in told.items():
        is_sources = details[name] in {"", before[name]}
        # Whoever had no name so far is called by the booking's number, or the room.
        was_nameless = name == "full_name" and not any(before.values())
        if value and value != before[name] and (is_sources or was_nameless):
            details[name] = value
    wish = Person(**details, language=person.language, is_staff=person.is_staff)
    try:
        grant.identity = identities.edit(person, wish, by=by, at=at)
    except RefusedError:
        return TAKEN
    return ""
