"""Taking a message: checked, known copies dropped, then nothing but a hint to look.

Nothing of the body is read: whoever signed it may still be wrong, and what is true is asked of
the provider as ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from django.db import transaction

from accounts.hooks import signature
from accounts.limits import Limit, take
from accounts.models import ConnectedAccount, HookMessage, IncomingHook
from accounts.signals import hook_received

#: A copy is known for so long; Seam's last attempt comes within a day and a half.
KEPT = timedelta(days=8)
#: For one address, good messages and bad ones together.
PACE = Limit(per_second=20, burst=200)


class Outcome(StrEnum):
    TAKEN = "taken"
    REPEATED = "repeated"
    UNKNOWN = "unknown"
    MALFORMED = "malformed"
    NOT_SIGNED = "not_signed"
    TOO_MANY = "too_many"


def receive(hook_id: UUID, headers: Mapping[str, str], body: bytes, *, at: datetime) -> Outcome:
    """Take a message for an address. Raises sealing.UnreadableError where its secret is lost."""
    hook = IncomingHook.objects.select_related("account").filter(pk=hook_id).first()
    if hook is None or not hook.is_made or hook.account.disconnected_at:
        return Outcome.UNKNOWN
    if take(f"hook:{hook.pk}", PACE):
        return Outcome.TOO_MANY
    try:
        message_id = signature.verify(hook.unseal_secret(), headers, body, now=at)
    except signature.MalformedError:
        return Outcome.MALFORMED
    except signature.NotSignedError:
        return Outcome.NOT_SIGNED
    with transaction.atomic():
        _, is_new = HookMessage.objects.get_or_create(
            hook=hook, message_id=message_id, defaults={"received_at": at}
        )
        if not is_new:
            return Outcome.REPEATED
        IncomingHook.objects.filter(pk=hook.pk).update(last_message_at=at)
        hook_received.send(ConnectedAccount, account=hook.account, event_type="", at=at)
    return Outcome.TAKEN


def forget(at: datetime) -> None:
    """Remove messages too old to come again."""
    HookMessage.objects.filter(received_at__lt=at - KEPT).delete()
