"""Messages to guests whose stay came from a source."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from access.grants.asking import By
from access.guests import deliveries
from access.guests.deliveries import Wanted
from access.guests.letters import Change
from access.models import AccessGrant, ReservationFeed
from audit.ids import new_id
from locks.codes.services import RefusedError


def invite(grant: AccessGrant, feed: ReservationFeed, *, by: By, at: datetime) -> None:
    """Have the guest written to, once everything is ready, if there is an address.

    The message carries a link, never digits. An address that takes no mail is no reason to let
    nobody in.
    """
    if feed.sends and grant.identity.email:
        with suppress(RefusedError):
            deliveries.send(grant, Wanted(), pk=new_id(), by=by, at=at)


def tell_times(grant: AccessGrant, feed: ReservationFeed, *, by: By, at: datetime) -> None:
    """Have a guest who was written to told that the times of their stay changed."""
    if feed.sends:
        with suppress(RefusedError):
            deliveries.tell_change(grant, [Change.TIMES], pk=new_id(), by=by, at=at)
    else:
        deliveries.look_again(grant, at=at)  # what somebody sent by hand follows the times, too


def tell_end(grant: AccessGrant, feed: ReservationFeed, *, by: By, at: datetime) -> None:
    """Have a guest who was written to told that their stay is cancelled."""
    if feed.sends:
        grant.refresh_from_db()
        with suppress(RefusedError):
            deliveries.tell_revoked(grant, pk=new_id(), by=by, at=at)
