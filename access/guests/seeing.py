"""A guest looked at digits: from then on these never change silently."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from access.guests.noting import note
from access.guests.stay import Stay
from access.models import GuestLink
from accounts.limits import Limit, take
from audit.words import Verb
from locks.codes import pins

#: A page that is looked at all day is told of once an hour.
_TOLD = Limit(per_second=1 / 3600, burst=1)


def note_digits(link: GuestLink, stay: Stay, *, at: datetime) -> None:
    """Write down that the page showed digits, if it did."""
    if not any(way.digits for way in stay.ways):
        return
    with transaction.atomic():
        is_first = pins.mark_handed_out(stay.codes, at=at)
        if take(f"guest-saw:{link.pk}", _TOLD) and not is_first:
            return
        note(Verb.GUEST_SAW_CODE, link, at=at)
