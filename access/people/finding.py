"""Finding people by what somebody types: how their words begin, or how their card's number ends."""

from __future__ import annotations

from django.db.models.functions import Right, Upper

from access.models import AcsCredential
from access.models.credentials import LAST_SHOWN
from access.models.people import AcsUserQuerySet
from access.states import Phase

#: As pages write it before the digits.
_DOTS = "….*"


def find(users: AcsUserQuerySet, text: str) -> AcsUserQuerySet:
    """Keep those whom a search means. Each way of finding has its index."""
    found = users.like(text)
    ending = text.strip().lstrip(_DOTS)
    if len(ending) != LAST_SHOWN or not (ending.isascii() and ending.isalnum()):
        return found
    cards = AcsCredential.objects.exclude(card_number="").exclude(phase=Phase.GONE)
    holders = cards.alias(end=Upper(Right("card_number", LAST_SHOWN))).filter(end=ending.upper())
    holders = holders.exclude(user=None)
    # A union, as PostgreSQL reads every person for an "or" between two tables.
    return users.filter(pk__in=found.values("pk").union(holders.values("user_id"), all=True))
