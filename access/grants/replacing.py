"""Other digits for a door that turned out to have these already.

Codes that were made at the lock, and whose digits nobody tells, are found only when the lock
refuses ours. Nobody was told ours yet, so that door gets others (facts/seam.md 7.5, rule 2).
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F

from access.grants import services
from access.grants.asking import Ours
from access.grants.freedom import freedom
from access.models import AccessGrant, AccessMethod, DoorShare, MethodDoor
from access.planning.outcome import WarningCode
from accounts.providers.base import Code
from accounts.providers.systems import AccessMethod as Mode
from audit.words import Verb
from locks.codes import granted as codes
from locks.codes import pins, room
from locks.codes.capability import capability_of
from locks.codes.rules import RuleError
from locks.codes.states import CodePhase

_LOCKBOARD = Ours()
#: Tries to find digits that are free on the door.
_TRIES = 50
_MOST = 50


def refused() -> list[MethodDoor]:
    """Return doors whose lock has another code with these digits, of which nobody was told."""
    rows = MethodDoor.objects.filter(
        method__mode=Mode.CODE,
        method__by_provider=False,
        ended_at=None,
        code__phase=CodePhase.BLOCKED,
        code__error_code=Code.DUPLICATE_CODE,
        code__revoked_at=None,
        code__delivered_at=None,
        # Of the digits that are wished now: others may be on their way.
        code__observed_generation=F("code__generation"),
    )
    return list(rows[:_MOST])


def replace(door: MethodDoor, at: datetime) -> None:
    """Wish other digits at this door, and say so on the grants that want it."""
    rows = MethodDoor.objects.select_related(
        "method", "code", "device__property", "device__site", "device__account__workspace"
    )
    with transaction.atomic():
        shares = list(DoorShare.objects.filter(door=door, ended_at=None).order_by("grant"))
        grants = [services.fresh(share.grant) for share in shares]
        for grant in grants[:1]:
            services.hold(grant.identity_id)
        door = rows.select_for_update(of=("self",), no_key=True).get(pk=door.pk)
        if not grants or door.device is None or door.code is None or door.ended_at:
            return
        room.lock_doors([door.device])
        digits = _free(door, grants[0], at)
        if not digits:
            return
        _part(door, digits, at)
        codes.change(
            door.code,
            name=door.code.name,
            window=door.window,
            digits=digits,
            new_digits=False,
            who=_LOCKBOARD.who,
            at=at,
        )
        for grant in grants:
            _warn(grant, door, at)


def _free(door: MethodDoor, grant: AccessGrant, at: datetime) -> str:
    """Return digits that nobody has at this door, or ""."""
    assert door.device is not None
    rules = capability_of(door.device).rules
    if rules is None:
        return ""
    is_free = freedom([door.device], grant.identity, at)
    try:
        tries = (pins.make(rules) for _ in range(_TRIES))
        return next((each for each in tries if is_free(door.door_id, each, door.window)), "")
    except RuleError:
        return ""


def _part(door: MethodDoor, digits: str, at: datetime) -> None:
    """Give the door a method of its own: a method is one PIN."""
    old = door.method
    new = AccessMethod(
        workspace_id=old.workspace_id,
        property_id=old.property_id,
        identity_id=old.identity_id,
        mode=old.mode,
        created_at=at,
    )
    new.seal_asked(old.unseal_asked())  # a later change does not try these again
    new.seal_digits(digits)
    new.save(force_insert=True)
    door.method = new
    door.save(update_fields=["method"])
    if not MethodDoor.objects.filter(method=old, ended_at=None).exists():
        AccessMethod.objects.filter(pk=old.pk).update(revoked_at=at)


def _warn(grant: AccessGrant, door: MethodDoor, at: datetime) -> None:
    sentence = f"{door.device} gets another PIN: the lock has one with these digits already."
    told = {
        "code": WarningCode.REQUESTED_CODE_UNAVAILABLE.value,
        "message": sentence,
        "at": at.isoformat(),
        "device_id": str(door.door_id),
    }
    grant.warnings = [*grant.warnings, told]
    grant.save(update_fields=["warnings"])
    services.tell(Verb.GRANT_CHANGED, grant, by=_LOCKBOARD, at=at, after=sentence)
