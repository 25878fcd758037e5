"""The one place where making a grant meets telling its guest."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import uuid5

from access.grants.asking import By
from access.grants.services import target_of
from access.guests import deliveries
from access.guests.deliveries import Wanted
from access.guests.letters import Change
from access.models import AccessGrant
from audit.ids import new_id
from locks.codes.services import RefusedError


def send(grant: AccessGrant, *, by: By, at: datetime) -> bool:
    """Have the guest told of their stay once all is ready. Asked for twice, it is one message.

    Returns whether it is on its way; somebody without an e-mail address gets none.
    """
    if not grant.identity.email:
        return False
    try:
        deliveries.send(grant, Wanted(), pk=uuid5(grant.pk, "invitation"), by=by, at=at)
    except RefusedError:
        return False
    return True


def tell_change(was: AccessGrant, now: AccessGrant, *, by: By, at: datetime) -> bool:
    """Have a guest who was written to told what of their stay changed. Return whether they are.

    `was` is the grant as it was read before, with its targets.
    """
    changes = list(_changes(was, now))
    if not changes:
        return False
    try:
        return deliveries.tell_change(now, changes, pk=new_id(), by=by, at=at) is not None
    except RefusedError:
        return False


def _changes(was: AccessGrant, now: AccessGrant) -> Iterator[Change]:
    if was.window != now.window:
        yield Change.TIMES
    fresh = now.targets.model.objects.filter(grant=now)
    if {target_of(each) for each in was.targets.all()} != {target_of(each) for each in fresh}:
        yield Change.DOORS
