"""What a source tells of a guest later, written to the person who is kept here."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction

from access.grants.asking import Ours
from access.models import AccessGrant, UserIdentity
from access.reservations.stays import Guest
from audit.services import record
from audit.words import How, Verb

_CALLED = {"full_name": "name", "email": "e-mail", "phone": "phone"}


def tell(grant: AccessGrant, was: Guest, guest: Guest, *, by: Ours, at: datetime) -> str:
    """Write what changed of a guest. Return a sentence on what could not be, or "".

    Only what the source itself told before is overwritten: a regular's name is not spoilt
    by how a booking site writes it.
    """
    person = grant.identity
    told = {"full_name": guest.name, "email": guest.email, "phone": guest.phone}
    before = {"full_name": was.name, "email": was.email, "phone": was.phone}
    wanted = {
        name: value
        for name, value in told.items()
        if value != before[name] and getattr(person, name) in {"", before[name]}
    }
    if not before["full_name"] and told["full_name"] and not was.email and not was.phone:
        wanted["full_name"] = told["full_name"]  # was called by the booking's number so far
    wanted = {name: value for name, value in wanted.items() if value}
    if not wanted:
        return ""
    try:
        with transaction.atomic():
            UserIdentity.objects.filter(pk=person.pk).update(**wanted)
    except IntegrityError:
        return "Somebody else has this e-mail or phone: the guest's details were left as they are."
    for name, value in wanted.items():
        setattr(person, name, value)
    record(
        Verb.GUEST_CHANGED,
        workspace_id=grant.workspace_id,
        at=at,
        who=by.who,
        place=grant.as_place(),
        subject=str(person),
        how=How.SYSTEM,
        after=", ".join(_CALLED[name] for name in wanted),
        grant_id=str(grant.pk),
    )
    return ""
