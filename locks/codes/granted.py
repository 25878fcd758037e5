"""Codes of access grants. What is wished was planned and checked by whoever calls this."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import cast
from uuid import UUID

from accounts.actors import Actor
from audit.who import Who
from audit.words import Verb
from locks.code_models import SecretState
from locks.codes import pins, wishes
from locks.codes.rules import NAME_LONGEST, Window
from locks.models import AccessCode, Device


class _By:
    def __init__(self, who: Who) -> None:
        self.who = who


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
    """Wish a code on a lock. Empty digits: the provider makes them."""
    code = AccessCode(
        workspace_id=device.workspace_id,
        account=device.account,
        site=device.site,
        device=device,
        created_at=at,
        name=name[:NAME_LONGEST],
        starts_at=window.starts_at if window.ends_at else None,
        ends_at=window.ends_at,
        ref=pins.new_ref(),
        common_key=shared_key,
        grant_id=grant_id,
    )
    pins.store(code, digits)
    code.save(force_insert=True)
    wishes.tell(
        Verb.CODE_CREATED,
        code,
        "asked",
        "Asked for",
        by=cast(Actor, _By(who)),
        at=at,
        **wishes.facts(code),
    )
    wishes.wake([code])
    return code


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
    """Wish another name, window or other digits; None keeps them."""
    code = wishes.fresh(code)
    before = wishes.facts(code)
    code.name = name[:NAME_LONGEST]
    code.starts_at = window.starts_at if window.ends_at else None
    code.ends_at = window.ends_at
    if digits is not None:
        pins.store(code, digits)
        code.delivered_at = None
    elif new_digits:
        code.digits_sealed = code.digits_index = ""
        code.secret_state = SecretState.LOST
        code.delivered_at = None
    after = wishes.facts(code)
    if before == after and digits is None and not new_digits:
        return
    wishes.save(code)
    changed = {key: [before[key], after[key]] for key in after if before[key] != after[key]}
    wishes.tell(
        Verb.CODE_CHANGED, code, "changed", "Changed", by=cast(Actor, _By(who)), at=at, **changed
    )
    wishes.wake([code])


def revoke(codes: Iterable[AccessCode], *, who: Who, at: datetime, reason: str) -> int:
    """Wish codes gone. Returns how many were not already."""
    done = []
    for code in codes:
        fresh = wishes.fresh(code)
        if fresh.revoked_at or fresh.is_gone:
            continue
        fresh.revoked_at = at
        wishes.save(fresh)
        wishes.tell(
            Verb.CODE_REVOKED,
            fresh,
            "revoked",
            "Revoked",
            by=cast(Actor, _By(who)),
            at=at,
            reason=reason,
            ref=fresh.ref,
        )
        done.append(fresh)
    wishes.wake(done)
    return len(done)
