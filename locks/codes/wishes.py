"""Writing down what is wanted of a code: the row, its time line, the log, the reconciler's alarm."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from audit.services import record
from audit.who import Who
from audit.words import How, Verb
from locks.codes import pins, waking
from locks.codes.rules import Window
from locks.models import AccessCode, CodeMoment, Device


def new(
    device: Device,
    name: str,
    window: Window,
    *,
    digits: str,
    user_id: UUID | str | None,
    at: datetime,
) -> AccessCode:
    """Return a code as it is wanted; does not save. Digits that we choose, or ""."""
    code = AccessCode(
        workspace_id=device.workspace_id,
        account_id=device.account_id,
        site_id=device.site_id,
        device=device,
        created_by_id=user_id,
        created_at=at,
        name=name,
        starts_at=window.starts_at,
        ends_at=window.ends_at,
        ref=pins.new_ref(),
    )
    pins.store(code, digits)
    return code


def fresh(code_id: UUID) -> AccessCode:
    """Return the row as it is now, kept from others until this transaction is over."""
    rows = AccessCode.objects.select_related(
        "device__property", "device__account__workspace", "device__site", "device__code_door"
    )
    return rows.select_for_update(of=("self",), no_key=True).get(pk=code_id)


_WISH = (
    *("is_managed", "created_by", "ref", "name", "starts_at", "ends_at", "revoked_at"),
    *("digits_sealed", "digits_index", "secret_state", "delivered_at", "generation"),
)


def save(code: AccessCode, *more: str) -> None:
    """Store what is wanted, as a new generation. What was reported is the reconciler's."""
    code.generation += 1
    code.save(update_fields=[*_WISH, *more])


def wake(codes: Sequence[AccessCode]) -> None:
    by_account: dict[UUID, list[AccessCode]] = defaultdict(list)
    for code in codes:
        by_account[code.account_id].append(code)
    for account_id, some in by_account.items():
        waking.wake(account_id, *(code.pk for code in some))
        waking.announce(some[0].workspace_id, *{code.device_id for code in some})


def facts(code: AccessCode) -> dict[str, str]:
    """What is wanted, as the log keeps it. Never digits."""
    zone = code.device.property.zone

    def said(at: datetime | None) -> str:
        return at.astimezone(zone).isoformat(timespec="minutes") if at else ""

    return {
        "ref": code.ref,
        "name": code.name,
        "starts": said(code.starts_at),
        "ends": said(code.ends_at),
    }


def tell(
    verb: Verb, code: AccessCode, what: str, text: str, *, who: Who, at: datetime, **detail: Any
) -> None:
    """Add a line to the log and to the code's own time line."""
    CodeMoment.objects.create(code=code, at=at, what=what, text=text[:300], who=who.name)
    record(
        verb,
        workspace_id=code.workspace_id,
        at=at,
        who=who,
        place=code.device.as_place(),
        subject=code.name,
        how=How.SYSTEM if who.kind == "system" else How.WEB,
        **detail,
    )


def asked(code: AccessCode, *, who: Who, at: datetime) -> None:
    """Say that a code was asked for."""
    tell(Verb.CODE_CREATED, code, "asked", "Asked for", who=who, at=at, **facts(code))


def changed(
    code: AccessCode, before: dict[str, str], *, new_digits: str = "", who: Who, at: datetime
) -> None:
    """Store a changed wish, and say what is other than `before`; `new_digits` why, if they are."""
    after = facts(code)
    save(code)
    other = {key: [before[key], after[key]] for key in after if before[key] != after[key]}
    tell(Verb.CODE_CHANGED, code, "changed", _what_changed(other), who=who, at=at, **other)
    if new_digits:
        tell(Verb.CODE_DIGITS_CHANGED, code, "digits_changed", new_digits, who=who, at=at)


def _what_changed(changed: dict[str, Any]) -> str:
    words = {"name": "name", "starts": "start", "ends": "end"}
    told = [words[key] for key in changed if key in words]
    return f"Changed: {', '.join(told)}" if told else "Changed"


def revoke(code: AccessCode, *, who: Who, at: datetime, reason: str) -> None:
    """Store that a code shall be gone. Wants the row of `fresh`."""
    code.revoked_at = at
    save(code)
    said = "Revoked" if code.is_managed else "Removal asked for"
    tell(Verb.CODE_REVOKED, code, "revoked", said, who=who, at=at, reason=reason, ref=code.ref)
