"""Whether digits are free on doors: everybody's codes read once, asked of many times."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from access.models import MethodDoor, UserIdentity
from access.planning.asked import IsFree
from accounts import sealing
from accounts.providers.codes import CodeConstraint
from locks.codes import pins
from locks.codes.capability import capability_of
from locks.codes.room import window_of
from locks.codes.rules import Window, overlap
from locks.models import AccessCode, Device


@dataclass(frozen=True)
class _Taken:
    index: str
    window: Window
    #: Shall be gone, and is not: it may open whenever.
    is_leaving: bool
    first_four: str = ""


def freedom(devices: Iterable[Device], identity: UserIdentity | None, at: datetime) -> IsFree:
    """Return a function that tells whether nobody else has these digits on a door around then.

    As `room.check_free`, without a query each: a plan asks for every door. What this person
    has by grants of theirs does not count, unless it is leaving.
    """
    doors = {device.pk: device for device in devices}
    taken = _taken(doors, _own(doors, identity), at)

    def is_free(door_id: UUID, digits: str, window: Window) -> bool:
        device = doors.get(door_id)
        if device is None:
            return True  # an entrance: its system makes the digits
        index = pins.blind_index(device.site_id, digits)
        return not any(
            (each.is_leaving or overlap(each.window, window))
            and (each.index == index or (each.first_four and each.first_four == digits[:4]))
            for each in taken[door_id]
        )

    return is_free


def _own(doors: dict[UUID, Device], identity: UserIdentity | None) -> set[UUID]:
    if identity is None or identity._state.adding:
        return set()
    rows = MethodDoor.objects.filter(method__identity=identity, device__in=doors, ended_at=None)
    return set(rows.exclude(code=None).values_list("code_id", flat=True))


def _taken(doors: dict[UUID, Device], own: set[UUID], at: datetime) -> dict[UUID, list[_Taken]]:
    rows = AccessCode.objects.filter(device__in=doors).not_gone().exclude(digits_index="")
    found: dict[UUID, list[_Taken]] = defaultdict(list)
    by_four = {pk for pk, device in doors.items() if _compares_four(device)}
    leaving = Q(revoked_at__isnull=False) | Q(ends_at__lte=at)
    for row in rows.filter(~Q(pk__in=own) | leaving):
        is_leaving = not row.is_wanted(at)
        first = _first_four(row) if row.device_id in by_four else ""
        found[row.device_id].append(_Taken(row.digits_index, window_of(row), is_leaving, first))
    return found


def _compares_four(device: Device) -> bool:
    rules = capability_of(device).rules
    return rules is not None and CodeConstraint.UNIQUE_FIRST_FOUR_DIGITS in rules.constraints


def _first_four(row: AccessCode) -> str:
    try:
        return row.unseal_digits()[:4]
    except sealing.UnreadableError:
        return ""
