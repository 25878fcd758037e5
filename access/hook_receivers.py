"""What a provider's message means for access control systems: look now."""

from datetime import datetime, timedelta
from typing import Any

from django.dispatch import receiver

from access import waking
from accounts.limits import Limit, take
from accounts.models import ConnectedAccount
from accounts.providers import PROVIDERS
from accounts.signals import hook_received

#: A burst of messages is one look now and one after it.
PACE = Limit(per_second=0.5, burst=1)


@receiver(hook_received)
def look_sooner(account: ConnectedAccount, at: datetime, **_: Any) -> None:
    provider = PROVIDERS.get(account.provider)
    if provider and provider.has_systems and not account.is_silent:
        wait = take(f"hook:{account.pk}:systems", PACE)
        waking.wake_account(account.pk, at=at + timedelta(seconds=wait))
