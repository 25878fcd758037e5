"""Codes that access grants wish for. Who may, what fits and what is free was judged before.

Call these inside the transaction of the grant's own act.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from accounts.models import ConnectedSite
from accounts.sealing import UnreadableError
from audit.who import Who
from locks.codes import pins, sharing, wishes
from locks.codes.capability import capability_of
from locks.codes.family import GUEST
from locks.codes.rules import NAME_LONGEST, Window
from locks.models import AccessCode, Device


def put(
    device: Device,
    *,
    name: str,
    window: Window,
    digits: str,
    shared_key: str,
    grant_id: UUID,
    who: Who,
    at: datetime,
) -> AccessCode:
    """Wish for a code. Digits: those we choose, or "" where the provider makes them.

    Where one code may open several doors of a site, those with the same `shared_key` are one
    guest there, with one name and one window, the last that were wished. A further door takes
    over its digits.
    """
    name, window = _kept(name, window)
    with transaction.atomic():
        user_id = who.id if who.kind == "user" and who.id else None
        code = wishes.new(device, name, window, digits=digits, user_id=user_id, at=at)
        code.grant_id, code.common_key = grant_id, shared_key
        rules = capability_of(device).rules
        if shared_key and rules is not None and rules.can_share:
            code.shared_key = shared_key
            if other := _join(code, at):
                known: dict[str, Any] = {"digits": None, "new_digits": False}
                change(other, name=name, window=window, who=who, at=at, **known)
        code.save(force_insert=True)
        wishes.asked(code, who=who, at=at)
        wishes.wake([code])
    return code


def _kept(name: str, window: Window) -> tuple[str, Window]:
    """Return what fits a code: locks take both times or neither."""
    starts_at = window.starts_at if window.ends_at else None
    return name[:NAME_LONGEST], Window(starts_at, window.ends_at)


def _join(code: AccessCode, at: datetime) -> AccessCode | None:
    """Take over what is known of the guest, if there is one; return another of its codes."""
    # So that of two doors that come at once, the second finds the first.
    list(ConnectedSite.objects.select_for_update(no_key=True).filter(pk=code.site_id))
    theirs = AccessCode.objects.filter(
        Q(ends_at=None) | Q(ends_at__gt=at),
        site_id=code.site_id,
        shared_key=code.shared_key,
        revoked_at=None,
    )
    guest = list(theirs.managed().order_by("pk").select_for_update(no_key=True))
    if not guest:
        return None
    first = next((each for each in guest if each.remote_id), guest[0])
    code.ref = first.ref
    if first.is_gone:
        return first
    for column in (*GUEST, "missing_listings", "missing_since", "delivered_at"):
        setattr(code, column, getattr(first, column))
    if digits := sharing.digits_of(first.pk):
        state = code.secret_state
        pins.store(code, digits)
        code.secret_state = state
    return first


def change(
    code: AccessCode,
    *,
    name: str,
    window: Window,
    digits: str | None,
    new_digits: bool,
    who: Who,
    at: datetime,
) -> None:
    """Change a wish, and that of every code of the same guest; `digits` None keeps them.

    `new_digits`: the provider shall make others.
    """
    name, window = _kept(name, window)
    with transaction.atomic():
        changed = []
        for pk in _guest_of(code):
            row = wishes.fresh(pk)
            before = wishes.facts(row)
            row.name, row.starts_at, row.ends_at = name, window.starts_at, window.ends_at
            said = _change_digits(row, digits, new_digits=new_digits)
            if said or before != wishes.facts(row):
                wishes.changed(row, before, new_digits=said, who=who, at=at)
                changed.append(row)
        wishes.wake(changed)


def _guest_of(code: AccessCode) -> list[UUID]:
    """Return which codes change with this one, itself included, in the order of locks."""
    sharing.lock(code.pk)
    others = sharing.all_of(code).filter(revoked_at=None).values_list("pk", flat=True)
    return sorted({code.pk, *others})


def _change_digits(code: AccessCode, digits: str | None, *, new_digits: bool) -> str:
    """Return what to say of digits that were changed, or ""."""
    if digits and digits != _digits_of(code):
        pins.store(code, digits)
        code.delivered_at = None
        return "New digits chosen"
    if new_digits and (code.digits_sealed or code.delivered_at):
        pins.drop(code)
        return "New digits asked for"
    return ""


def _digits_of(code: AccessCode) -> str:
    try:
        return code.unseal_digits()
    except UnreadableError:
        return ""


def revoke(codes: Iterable[AccessCode], *, who: Who, at: datetime, reason: str) -> int:
    """Wish codes gone, each from its own door. Return how many were not already."""
    done = []
    with transaction.atomic():
        for code in sorted(codes, key=lambda each: each.pk):
            row = wishes.fresh(code.pk)
            if row.revoked_at is None and not row.is_gone:
                wishes.revoke(row, who=who, at=at, reason=reason)
                done.append(row)
        wishes.wake(done)
    return len(done)
