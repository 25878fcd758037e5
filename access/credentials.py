"""What is wished of credentials: a PIN to be made, a credential to be taken back."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from access import waking
from access.models import AcsCredential, AcsUser
from access.states import Phase
from accounts.actors import Actor
from accounts.permissions import Permission
from accounts.providers.systems import AccessMethod
from audit.services import record
from audit.words import Verb


def withdraw(credential: AcsCredential, reason: str, *, by: Actor, at: datetime) -> bool:
    """Wish a credential away. Return whether it was not wished away before.

    It is gone when it was seen gone (reliability CARD-05); until then, and at offline doors
    for longer, its card opens. Writes no line: whoever asks for it knows why. Raises
    PermissionDenied.
    """
    by.require(Permission.CANCEL_CARDS, credential.system.property_id)
    with transaction.atomic():
        wished = AcsCredential.objects.filter(pk=credential.pk, delete_asked_at=None).exclude(
            phase=Phase.GONE
        )
        if not wished.update(
            delete_asked_at=at,
            delete_reason=reason,
            phase=Phase.DELETING,
            next_run_at=at,
            attempts=0,
            error_code="",
            error="",
        ):
            return False
        credential.refresh_from_db(fields=["delete_asked_at", "delete_reason", "phase"])
        waking.wake(credential.system, at=at)
        return True


class CannotCreateError(Exception):
    """A PIN cannot be asked for. `str()` says why."""


def create_pin(user: AcsUser, *, by: Actor, at: datetime) -> AcsCredential:
    """Wish for a PIN, whose digits the provider makes. Returns before it is there.

    Asked for twice it is the same one: a person has one PIN. Raises PermissionDenied,
    CannotCreateError.
    """
    by.require(Permission.MANAGE_CARDHOLDERS, user.system.property_id)
    with transaction.atomic():
        row = AcsUser.objects.select_for_update().get(pk=user.pk)
        if row.delete_asked_at is not None or row.phase == Phase.GONE or not row.is_managed:
            raise CannotCreateError(f"{row.full_name} cannot be given a PIN.")
        pins = AcsCredential.objects.filter(user=row, access_method=AccessMethod.CODE)
        running: AcsCredential | None = (
            pins.filter(delete_asked_at=None).exclude(phase=Phase.GONE).first()
        )
        if running is not None:
            return running
        pin = AcsCredential.objects.create(
            system_id=row.system_id,
            user=row,
            access_method=AccessMethod.CODE,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            created_by=by.user,
            created_at=at,
            next_run_at=at,
        )
        record(
            Verb.PIN_CREATED,
            workspace_id=user.system.workspace_id,
            at=at,
            who=by.who,
            place=user.system.as_place(),
            subject=row.full_name,
            system=user.system.name,
        )
        waking.wake(user.system, at=at)
    return pin
