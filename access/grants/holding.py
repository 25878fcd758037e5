"""The methods people have, read from rows into what the planner takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Prefetch

from access.models import AccessGrant, AccessMethod, DoorShare, MethodDoor, UserIdentity
from access.models.credentials import WAS_WRITTEN, AcsCredential
from access.planning.held import HeldDoor, HeldMethod
from access.planning.windows import hull
from accounts.providers.systems import AccessMethod as Mode
from accounts.sealing import UnreadableError
from locks.codes.capability import driver_of
from locks.codes.rules import Window
from locks.codes.states import CodePhase
from locks.models import AccessCode

#: A PIN that somebody had so long ago is not offered to them again.
_REMEMBERED = timedelta(days=2 * 365)
#: So many PINs of stays that are over are tried, newest first.
_MOST_REMEMBERED = 20


@dataclass(frozen=True, kw_only=True)
class Holdings:
    """What somebody has: for this grant, and for their others."""

    held: tuple[HeldMethod, ...] = ()
    others: tuple[HeldMethod, ...] = ()
    #: The same as rows, by id.
    rows: dict[UUID, AccessMethod] | None = None


def holdings(identity: UserIdentity | None, grant: AccessGrant | None, at: datetime) -> Holdings:
    """Return what a person has. Nobody known has nothing."""
    if identity is None or identity._state.adding:
        return Holdings()
    rows = list(_rows(identity))
    held, others = [], []
    for method in rows:
        if grant and any(_share_of(door, grant) for door in _live(method)):
            held.append(_held(method, grant=grant))
        else:
            others.append(_held(method))
    others += [_held(method) for method in _remembered(identity, at)]
    return Holdings(
        held=tuple(held),
        others=tuple(others),
        rows={method.pk: method for method in rows},
    )


def held_by(grant: AccessGrant, at: datetime) -> Holdings:
    """Return what a grant has: enough to end it."""
    return holdings(grant.identity, grant, at)


def _rows(identity: UserIdentity) -> Iterable[AccessMethod]:
    """Return all that somebody has: what is not among them would never be ended."""
    codes = Prefetch(
        "doors",
        MethodDoor.objects.select_related(
            "device__property", "device__hub", "entrance__system__property", "code__device__account"
        )
        .filter(ended_at=None)
        .order_by("starts_at", "pk"),
    )
    shares = Prefetch("doors__shares", DoorShare.objects.filter(ended_at=None))
    cards = Prefetch(
        "acs_user__credentials",
        AcsCredential.objects.filter(WAS_WRITTEN, delete_asked_at=None),
        to_attr="written_cards",
    )
    return (
        AccessMethod.objects.filter(identity=identity, revoked_at=None)
        .select_related("site", "system", "acs_user")
        .prefetch_related(codes, shares, cards)
    )


def _remembered(identity: UserIdentity, at: datetime) -> Iterable[AccessMethod]:
    """Return methods that are over and whose PIN somebody knows: they open no door."""
    over = AccessMethod.objects.filter(
        identity=identity, mode=Mode.CODE, revoked_at__gt=at - _REMEMBERED
    ).exclude(digits_sealed="")
    none = Prefetch("doors", MethodDoor.objects.none())
    return over.prefetch_related(none).order_by("-created_at", "pk")[:_MOST_REMEMBERED]


def _live(method: AccessMethod) -> list[MethodDoor]:
    """Return the doors that are wanted of it: no others were fetched."""
    return list(method.doors.all())


def _share_of(door: MethodDoor, grant: AccessGrant) -> DoorShare | None:
    return next((each for each in door.shares.all() if each.grant_id == grant.pk), None)


def _held(method: AccessMethod, grant: AccessGrant | None = None) -> HeldMethod:
    """Return a method as this grant has it; with no grant, as its other grants have it."""
    doors = [
        _door(door, grant) for door in _live(method) if grant is None or _share_of(door, grant)
    ]
    codes = [door.code for door in _live(method) if door.code]
    return HeldMethod(
        id=method.pk,
        mode=Mode(method.mode),
        doors=tuple(doors),
        created_at=method.created_at,
        system_id=method.system_key if method.mode != Mode.CODE or method.by_provider else None,
        digits=digits_of(codes) or _planned(method),
        by_provider=method.by_provider,
        asked_digits=_asked(method),
        digits_end_at=_digits_end(codes),
        is_issued=is_issued(method),
        is_delivered=any(code.delivered_at for code in codes),
        is_used=any(code.last_used_at for code in codes),
    )


def _door(door: MethodDoor, grant: AccessGrant | None) -> HeldDoor:
    place = door.device or door.entrance
    assert place is not None
    home = door.device.property if door.device else door.entrance.system.property  # type: ignore[union-attr]
    others = [
        share.window for share in door.shares.all() if grant is None or share.grant_id != grant.pk
    ]
    return HeldDoor(
        door_id=door.door_id,
        door_name=place.name,
        zone=home.zone,
        window=door.window,
        also=_together(others) if grant is not None else None,
        is_device=door.device_id is not None,
        is_online=place.is_online,
        writes_cards=door.entrance is not None and door.entrance.system.writes_cards,
    )


def _together(windows: Sequence[Window]) -> Window | None:
    found: Window | None = None
    for window in windows:
        found = hull(found, window) if found else window
    return found


def digits_of(codes: Iterable[AccessCode]) -> str:
    """Return the digits of codes that share them, or ""."""
    for code in codes:
        with suppress(UnreadableError):
            if digits := code.unseal_digits():
                return digits
    return ""


def _planned(method: AccessMethod) -> str:
    try:
        return method.unseal_digits()
    except UnreadableError:
        return ""


def _asked(method: AccessMethod) -> str:
    try:
        return method.unseal_asked()
    except UnreadableError:
        return ""


def _digits_end(codes: Iterable[AccessCode]) -> datetime | None:
    ends = []
    for code in codes:
        driver = driver_of(code.device.account)
        end = driver.digits_end(code.seen) if driver and code.seen else None
        if end:
            ends.append(end)
    return min(ends, default=None)


def is_issued(method: AccessMethod) -> bool:
    """Tell whether something of a method is with its person, or on a lock, by now."""
    if method.mode == Mode.CARD:
        return bool(method.acs_user and method.acs_user.written_cards)  # type: ignore[attr-defined]
    if method.mode == Mode.CODE:
        codes = [door.code for door in _live(method) if door.code]
        if codes:
            return any(code.phase != CodePhase.WAITING for code in codes)
    return method.issued_at is not None
