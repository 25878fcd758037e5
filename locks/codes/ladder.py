"""What to try, in this order, when a code does not work; the last rung is a person at the door."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from django.db import transaction

from accounts.actors import Actor
from accounts.models import ConnectedAccount
from accounts.permissions import Permission
from audit.words import Verb
from locks.codes import room, services, wishes
from locks.codes.rules import RuleError
from locks.codes.services import RefusedError, Wish
from locks.models import AccessCode


class Rung(StrEnum):
    """What to try, in this order, when a code does not work."""

    SYNC = "sync"
    PUSH = "push"
    NEW = "new"
    BACKUP = "backup"
    #: Of a code that shall be gone.
    REMOVE = "remove"


def look_now(code: AccessCode, *, by: Actor, at: datetime) -> None:
    """Have the provider's list looked at soon. Changes nothing that is wanted."""
    by.require(Permission.MANAGE_CODES, code.device.property_id)
    with transaction.atomic():
        wishes.tell(
            Verb.CODE_CHANGED,
            code,
            "looked",
            "Asked to look again",
            who=by.who,
            at=at,
            act=Rung.SYNC,
        )
        # Without this the list of a minute ago would do.
        ConnectedAccount.objects.filter(pk=code.account_id).update(codes_listed_at=None)
        wishes.wake([code])


def push_again(code: AccessCode, *, by: Actor, at: datetime) -> AccessCode:
    """Have a code that failed sent again from where it got to, at once. Raises RefusedError."""
    by.require(Permission.MANAGE_CODES, code.device.property_id)
    with transaction.atomic():
        code = wishes.fresh(code.pk)
        services.check_changeable(code, code.generation, at)
        code.attempts = 0
        wishes.save(code, "attempts")
        wishes.tell(
            Verb.CODE_CHANGED,
            code,
            "pushed",
            "Asked to try again",
            who=by.who,
            at=at,
            act=Rung.PUSH,
        )
        wishes.wake([code])
    return code


def remove_now(code: AccessCode, *, by: Actor, at: datetime) -> None:
    """Have a removal tried at once. Tries made so far still count. Raises RefusedError."""
    by.require(Permission.MANAGE_CODES, code.device.property_id)
    with transaction.atomic():
        code = wishes.fresh(code.pk)
        if code.is_gone:
            raise RefusedError([RuleError("", "it is gone already")])
        if code.is_wanted(at):
            raise RefusedError([RuleError("", "it is not being removed")])
        wishes.tell(
            *(Verb.CODE_CHANGED, code, "remove_now", "Asked to try the removal again"),
            who=by.who,
            at=at,
            act=Rung.REMOVE,
        )
        wishes.wake([code])


def replace(code: AccessCode, *, by: Actor, at: datetime) -> AccessCode:
    """Make a new code with the same name and window, and revoke this one. Raises RefusedError."""
    with transaction.atomic():
        room.lock_doors([code.device])
        code = wishes.fresh(code.pk)
        services.check_changeable(code, code.generation, at)
        services.check_no_stay(code)
        starts_at = max(code.starts_at, at) if code.starts_at else None
        wish = Wish(name=code.name, starts_at=starts_at, ends_at=code.ends_at)
        [fresh] = services.create([code.device], wish, by=by, at=at)
        fresh.common_key = code.common_key
        fresh.save(update_fields=["common_key"])
        services.revoke([code], by=by, at=at, reason=f"replaced by {fresh.ref}")
    return fresh


def backup_for(code: AccessCode) -> AccessCode | None:
    """Return a code that waits on the door's lock for such a moment, if there is one."""
    ready = AccessCode.objects.filter(device=code.device, is_backup=True, delivered_at=None)
    return (
        ready.managed().wanted().not_gone().filter(status="set").order_by("created_at").first()
        if code.ends_at
        else None
    )


def use_backup(code: AccessCode, *, by: Actor, at: datetime) -> AccessCode:
    """Hand out a waiting code in place of this one, until the same end. Raises RefusedError."""
    by.require(Permission.MANAGE_CODES, code.device.property_id)
    services.check_no_stay(code)
    with transaction.atomic():
        room.lock_doors([code.device])
        spare = backup_for(code)
        if spare is None:
            sentence = f"{code.device} has no backup code waiting"
            raise RefusedError([RuleError("", sentence)])
        spare = wishes.fresh(spare.pk)
        spare.name, spare.is_backup = code.name, False
        spare.starts_at, spare.ends_at = min(code.starts_at or at, at), code.ends_at
        wishes.save(spare, "is_backup")
        said = f"Taken from the backup codes, in place of {code.ref}"
        wishes.tell(Verb.CODE_CHANGED, spare, "backup", said, who=by.who, at=at, act=Rung.BACKUP)
        services.revoke([code], by=by, at=at, reason=f"replaced by {spare.ref}")
        wishes.wake([spare])
    return spare
