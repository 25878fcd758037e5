"""The one place where making a grant meets telling its guest."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid5

from access.grants.asking import By
from access.guests import deliveries
from access.guests.deliveries import Wanted
from access.models import AccessGrant
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
