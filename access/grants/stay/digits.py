"""The digits of a stay's PIN, shown to one who may see them."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from access.grants.stay.showing import codes_to_show
from access.models import AccessGrant, AccessMethod
from accounts.actors import Actor
from locks.codes import pins
from locks.models import AccessCode, CodeMoment


def reveal(grant: AccessGrant, method: AccessMethod, *, by: Actor, at: datetime) -> str:
    """Return the digits of a PIN, the same at each of its doors; "" where they are not known.

    One line in the log, as somebody looked once; but from now on they count as handed out at
    every door. Raises sealing.UnreadableError.
    """
    rows = AccessCode.objects.filter(
        pk__in=method.doors.filter(shares__grant=grant).values("code")
    ).select_related("device__property", "device__account")
    codes = codes_to_show(rows)
    if not codes:
        return ""
    with transaction.atomic():
        digits = pins.reveal(codes[0], by=by, at=at)
        same = [code for code in codes[1:] if code.digits_index and code.unseal_digits() == digits]
        pins.mark_handed_out(same, at=at)
        CodeMoment.objects.bulk_create(
            CodeMoment(code=code, at=at, what="revealed", text="Digits shown", who=by.who.name)
            for code in same
        )
    return digits
