"""What there is to tell a guest of a stay: when, which doors, which ways in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import F

from access.guests import contacts, walking
from access.guests.contacts import Contact
from access.models import AccessGrant, AcsCredential, DoorShare, MethodDoor
from accounts.providers.systems import AccessMethod as Mode
from locks.models import AccessCode

_RELATED = (
    "door__method",
    "door__device",
    "door__entrance__system",
    "door__code",
    "door__code__account",
)


@dataclass(frozen=True, kw_only=True)
class Pin:
    """Digits, and the doors they open, in walking order."""

    digits: str = field(repr=False)
    doors: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A stay as its guest is told of it."""

    guest: str
    house: str
    zone: ZoneInfo
    starts_at: datetime
    ends_at: datetime | None
    doors: tuple[str, ...] = ()
    modes: frozenset[str] = frozenset()
    contact: Contact = field(default_factory=Contact)
    #: What the grant has at each door, in walking order.
    shares: tuple[DoorShare, ...] = field(default=(), repr=False)


def facts_of(grant: AccessGrant) -> Facts:
    """Return what is true now."""
    shares = wanted_shares(grant)
    return Facts(
        guest=grant.identity.full_name,
        house=grant.property.name,
        zone=grant.property.zone,
        starts_at=grant.starts_at,
        ends_at=grant.ends_at,
        doors=tuple(_names(shares)),
        modes=frozenset(share.door.method.mode for share in shares),
        contact=contacts.contact_of(grant.property),
        shares=tuple(shares),
    )


def wanted_shares(grant: AccessGrant) -> list[DoorShare]:
    """Return what the grant has at each door, doors in walking order."""
    shares = DoorShare.objects.filter(grant=grant, ended_at=None).select_related(*_RELATED)
    found: dict[UUID, DoorShare] = {share.door_id: share for share in shares}
    doors = walking.in_walking_order(grant, [share.door for share in found.values()])
    return [found[door.pk] for door in doors]


def pins_of(shares: Iterable[DoorShare]) -> list[Pin]:
    """Return digits with the doors each opens. Raises sealing.UnreadableError.

    A door whose digits are not known yet is left out: ask `codes_of` first.
    """
    wanted = list(shares)
    made = system_pins(wanted)
    doors: dict[str, list[str]] = {}
    for share in wanted:
        if digits := _digits(share.door, made):
            doors.setdefault(digits, []).append(name_of(share))
    return [Pin(digits=each, doors=tuple(dict.fromkeys(names))) for each, names in doors.items()]


def codes_of(shares: Iterable[DoorShare]) -> list[AccessCode | None]:
    """Return the code at each door that one shall open; None where it is not made yet."""
    return [
        share.door.code
        for share in shares
        if share.door.method.mode == Mode.CODE and share.door.method.acs_user_id is None
    ]


def system_pins(shares: Iterable[DoorShare]) -> dict[UUID, AcsCredential | None]:
    """Return the PIN of each person in an access system; None where it is not made yet."""
    people = {
        share.door.method.acs_user_id
        for share in shares
        if share.door.method.mode == Mode.CODE and share.door.method.acs_user_id
    }
    found = credentials_of(people)
    return {person: found.get((person, Mode.CODE)) for person in people}


def credentials_of(people: Iterable[UUID | None]) -> dict[tuple[UUID | None, Mode], AcsCredential]:
    """Return what people have in access systems; of two of a kind, the one issued last."""
    wanted = {each for each in people if each}
    if not wanted:
        return {}
    found = AcsCredential.objects.filter(
        user_id__in=wanted, access_method__in=list(Mode), delete_asked_at=None, gone_at=None
    ).order_by(F("issued_at").asc(nulls_first=True), "created_at", "pk")
    return {(each.user_id, Mode(each.access_method)): each for each in found}


def _digits(door: MethodDoor, made: dict[UUID, AcsCredential | None]) -> str:
    if door.method.mode != Mode.CODE:
        return ""
    if door.code is not None:
        return door.code.unseal_digits()
    person = door.method.acs_user_id
    pin = made.get(person) if person else None
    return pin.unseal_code() if pin else ""


def _names(shares: Iterable[DoorShare]) -> list[str]:
    return list(dict.fromkeys(name_of(share) for share in shares))


def name_of(share: DoorShare) -> str:
    return str((share.door.device or share.door.entrance).name)  # type: ignore[union-attr]
