"""Whom a guest asks."""

from __future__ import annotations

from dataclasses import dataclass

from access.models import GuestHouse
from accounts.models import Space


@dataclass(frozen=True, kw_only=True)
class Contact:
    """Empty where nobody said."""

    phone: str = ""
    email: str = ""


def contact_of(house: Space) -> Contact:
    """Return how the house can be reached."""
    row = GuestHouse.objects.filter(house=house).only("phone", "email").first()
    return Contact(phone=row.phone, email=row.email) if row else Contact()
