"""Messages to guests whose stay came from a source: rows of the outbox, sent by `access.guests`."""

from __future__ import annotations

from datetime import datetime

from access.models import AccessGrant, Delivery, ReservationFeed
from access.models.guests import Channel

_LANGUAGE = "en"


def write_to(grant: AccessGrant, feed: ReservationFeed, *, at: datetime, kind: str) -> bool:
    """Have the guest written to, once everything is ready. Return whether there is an address.

    The message carries a link, never digits.
    """
    person = grant.identity
    if not (feed.sends and person.email):
        return False
    Delivery.objects.create(
        grant=grant,
        channel=Channel.EMAIL,
        address=person.email,
        language=person.language or _LANGUAGE,
        kind=kind,
        created_at=at,
        next_run_at=at,
    )
    return True
