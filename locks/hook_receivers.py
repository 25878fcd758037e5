"""What a provider's message means for the doors: ask now, not at the next interval."""

from datetime import datetime, timedelta
from typing import Any

from django.dispatch import receiver

from accounts import health
from accounts.models import ConnectedAccount, Operation
from accounts.signals import hook_received

#: However many messages come: a burst of them costs one look more, not one each.
APART = timedelta(seconds=2)


@receiver(hook_received)
def ask_sooner(account: ConnectedAccount, at: datetime, **_: Any) -> None:
    """Make what is asked of the account due, unless it was asked a moment ago or rests."""
    looks = (
        (Operation.STATUS, "next_status_poll_at", account.status_polled_at),
        (Operation.EVENTS, "next_event_poll_at", account.events_polled_at),
    )
    for operation, column, asked_at in looks:
        if health.is_resting(account.pk, operation, at=at):
            continue
        due = max(at, asked_at + APART) if asked_at else at
        later = ConnectedAccount.objects.speaking().filter(pk=account.pk, **{f"{column}__gt": due})
        later.update(**{column: due})
