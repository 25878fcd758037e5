"""A guest says that they cannot get in."""

from __future__ import annotations

from datetime import datetime

from access.guests.noting import note
from access.models import GuestLink
from accounts.limits import Limit, take
from audit.words import Verb

#: Pressed again and again, it is the same trouble.
_TOLD = Limit(per_second=1 / 120, burst=1)

#: What may be wrong, as the form sends it, and as the log says it.
TROUBLES = {
    "code": "the code does not work",
    "card": "the card does not work",
    "mobile": "the mobile key does not work",
    "page": "the page does not open the door",
    "door": "they cannot find the door",
    "other": "something else",
}


def take_down(link: GuestLink, what: str, *, at: datetime) -> bool:
    """Write it into the log, where staff see it. Return False if that was done a moment ago."""
    if take(f"guest-help:{link.pk}", _TOLD):
        return False
    note(Verb.GUEST_ASKED_FOR_HELP, link, at=at, after=TROUBLES.get(what, ""))
    return True
