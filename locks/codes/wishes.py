"""Writing down what is wanted of a code: the row, its time line, the log, the reconciler's alarm."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from accounts.actors import Actor
from audit.services import record
from audit.words import How, Verb
from locks.codes import waking
from locks.models import AccessCode, CodeMoment


def fresh(code: AccessCode) -> AccessCode:
    """Return the row as it is now, kept from others until this transaction is over."""
    rows = AccessCode.objects.select_related(
        "device__property", "device__account__workspace", "device__site", "device__code_door"
    )
    return rows.select_for_update(of=("self",), no_key=True).get(pk=code.pk)


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
    verb: Verb, code: AccessCode, what: str, text: str, *, by: Actor, at: datetime, **detail: Any
) -> None:
    """Add a line to the log and to the code's own time line."""
    CodeMoment.objects.create(code=code, at=at, what=what, text=text[:300], who=by.who.name)
    record(
        verb,
        workspace_id=code.workspace_id,
        at=at,
        who=by.who,
        place=code.device.as_place(),
        subject=code.name,
        how=How.WEB,
        **detail,
    )
