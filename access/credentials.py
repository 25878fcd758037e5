"""What is wished of credentials: to be taken back. Cards are made in `cards`, others in `people`."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from access import waking
from access.models import AcsCredential
from access.states import Phase
from accounts.actors import Actor
from accounts.permissions import Permission


def withdraw(credential: AcsCredential, reason: str, *, by: Actor, at: datetime) -> bool:
    """Wish a credential away. Return whether it was not wished away before.

    It is gone when it was seen gone (reliability CARD-05); until then, and at offline doors
    for longer, its card opens. Writes no line: whoever asks for it knows why. Raises
    PermissionDenied.
    """
    by.require(Permission.CANCEL_CARDS, credential.system.property_id)
    return wish_away(credential, reason, at=at)


def wish_away(credential: AcsCredential, reason: str, *, at: datetime) -> bool:
    """Wish a credential away as `withdraw` does, for whoever has asked who may."""
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
