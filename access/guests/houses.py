"""What guests of a property are told, and changing that."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from access.models import GuestHouse
from accounts.actors import Actor
from accounts.models import Space
from accounts.permissions import Permission
from accounts.sealing import UnreadableError
from audit.services import record
from audit.who import Place
from audit.words import How, Verb

#: What stands in a column as it was typed.
PLAIN = ("phone", "email", "address", "directions", "wifi_name", "notes")
_LABELS = {
    "phone": "phone",
    "email": "e-mail",
    "address": "address",
    "directions": "how to get there",
    "wifi_name": "Wi-Fi name",
    "wifi_password": "Wi-Fi password",
    "notes": "notes",
}


@dataclass(frozen=True, kw_only=True)
class House:
    """What guests are told, as typed."""

    phone: str = ""
    email: str = ""
    address: str = ""
    directions: str = ""
    wifi_name: str = ""
    wifi_password: str = field(default="", repr=False)
    notes: str = ""


def house_of(space: Space) -> House:
    """Return what guests of a property are told; empty where nobody said anything yet."""
    row = GuestHouse.objects.filter(house=space).first()
    if row is None:
        return House()
    try:
        password = row.unseal_wifi_password()
    except UnreadableError:
        password = ""
    return House(wifi_password=password, **{name: getattr(row, name) for name in PLAIN})


def change(space: Space, told: House, *, by: Actor, at: datetime) -> bool:
    """Store what guests are told from now on. Return whether anything changed."""
    by.require(Permission.MANAGE_RESERVATIONS, space.pk)
    with transaction.atomic():
        Space.objects.select_for_update().get(pk=space.pk)
        before = house_of(space)
        changed = [
            _LABELS[name] for name in _LABELS if getattr(before, name) != getattr(told, name)
        ]
        if not changed:
            return False
        row = GuestHouse.objects.filter(house=space).first() or GuestHouse(house=space)
        for name in PLAIN:
            setattr(row, name, getattr(told, name))
        row.seal_wifi_password(told.wifi_password)
        row.changed_at = at
        row.save()
        record(
            Verb.GUEST_PAGE_CHANGED,
            workspace_id=space.workspace_id,
            at=at,
            who=by.who,
            place=Place(property_id=space.pk, property_name=space.name),
            how=How.WEB,
            after=", ".join(changed),
        )
    return True
