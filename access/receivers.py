"""What accounts tell access: an account went, and with it its systems."""

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from access import waking
from access.models import AcsSystem, EncodeJob
from access.states import JobState
from accounts.models import ConnectedAccount
from accounts.signals import account_disconnected


@receiver(account_disconnected)
def take_systems_away(account: ConnectedAccount, at: datetime, **_: Any) -> None:
    """Pages lose the systems; people and cards stay as they were, for the log.

    A card that was not begun is not made. Of one that was, nobody can be asked any more.
    """
    for system in AcsSystem.objects.filter(account=account, removed_at=None):
        jobs = EncodeJob.objects.filter(system=system)
        jobs.filter(state__in=(JobState.PREPARING, JobState.READY)).update(
            state=JobState.BLOCKED, finished_at=at, holds_encoder=False, holds_user=False
        )
        jobs.filter(state__in=(JobState.REQUESTING, JobState.WAITING, JobState.VERIFYING)).update(
            state=JobState.UNKNOWN, watched_until=at, holds_encoder=False, holds_user=False
        )
        AcsSystem.objects.filter(pk=system.pk).update(removed_at=at)
        waking.tell(system)
