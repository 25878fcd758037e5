"""Users of access systems that access grants make. What is wished was planned and checked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from access import carrying
from access.models import AcsCredential, AcsSystem, AcsUser
from access.people import mobile, wishes
from access.states import Part, Phase
from accounts.models import User
from accounts.providers.systems import AccessMethod
from audit.who import Who
from audit.words import Verb
from locks.codes.rules import Window


def put(
    system: AcsSystem,
    *,
    name: str,
    email: str,
    phone: str,
    window: Window,
    group_ids: Iterable[UUID],
    who: Who,
    at: datetime,
) -> AcsUser:
    """Wish somebody into a system, for a stay.

    An address that another user there has is left out: systems refuse one twice.
    """
    wishes.hold_system(system)
    others = AcsUser.objects.filter(system=system, email__iexact=email).not_gone()
    user: AcsUser = AcsUser.objects.create(
        system=system,
        created_at=at,
        next_run_at=at,
        full_name=name,
        email="" if not email or others.exists() else email,
        phone=phone,
        starts_at=window.starts_at,
        ends_at=window.ends_at,
        pending=[Part.INFORMATION, Part.SCHEDULE],
    )
    wishes.join(user, group_ids, at=at)
    wishes.tell(Verb.CARDHOLDER_CREATED, user, who=who, at=at)
    return user


def is_there(user: AcsUser) -> bool:
    """Tell whether a user can still be changed: nobody deleted them, here or there."""
    return user.delete_asked_at is None and user.phase not in (Phase.DELETING, Phase.GONE)


def change(
    user: AcsUser, *, window: Window, group_ids: Iterable[UUID], who: Who, at: datetime
) -> None:
    """Wish another schedule, or other groups. What stays as it was is no wish."""
    user = wishes.fresh(user)
    held, wanted = wishes.wanted_ids(user), set(group_ids)
    is_moved = user.ends_at != window.ends_at or not _is_same_start(user, window, at)
    if not is_moved and held == wanted:
        return
    if is_moved:
        user.starts_at, user.ends_at = window.starts_at, window.ends_at
    wishes.join(user, wanted - held, at=at)
    wishes.leave(user, held - wanted, at=at)
    parts = [Part.SCHEDULE] if is_moved else []
    wishes.save(user, "starts_at", "ends_at", parts=parts, at=at)
    wishes.tell(Verb.CARDHOLDER_CHANGED, user, who=who, at=at)


def _is_same_start(user: AcsUser, window: Window, at: datetime) -> bool:
    """Two starts that are over are one: nobody's card has to be written again for that."""
    if user.starts_at == window.starts_at:
        return True
    return all(start is None or start <= at for start in (user.starts_at, window.starts_at))


def remove(user: AcsUser, *, who: Who, at: datetime) -> None:
    """Wish somebody gone, with their cards. They stay in the lists until they were seen gone."""
    user = wishes.fresh(user)
    if not is_there(user):
        return
    user.delete_asked_at, user.phase = at, Phase.DELETING
    if user.system.writes_cards:
        carrying.remember_doors([user.pk])
    wishes.save(user, "delete_asked_at", "phase", at=at)
    wishes.tell(Verb.CARDHOLDER_DELETED, user, who=who, at=at)


def want_pin(
    user: AcsUser, *, who: Who, created_by: User | None = None, at: datetime
) -> AcsCredential | None:
    """Wish a PIN that the system makes. None where there is one already."""
    pins = AcsCredential.objects.filter(user=user, access_method=AccessMethod.CODE)
    if pins.filter(delete_asked_at=None).exclude(phase=Phase.GONE).exists():
        return None
    pin: AcsCredential = AcsCredential.objects.create(
        system=user.system,
        user=user,
        access_method=AccessMethod.CODE,
        starts_at=user.starts_at,
        ends_at=user.ends_at,
        created_by=created_by,
        created_at=at,
        next_run_at=at,
    )
    wishes.tell(Verb.PIN_CREATED, user, who=who, at=at)
    return pin


def want_mobile_key(
    user: AcsUser, *, max_use_count: int, who: Who, at: datetime
) -> AcsCredential | None:
    """Wish a mobile key. None where there is one already: a user has one at most."""
    return mobile.wish(user, max_use_count, who=who, created_by=None, at=at)
