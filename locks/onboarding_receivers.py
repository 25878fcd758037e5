"""What onboarding tells the doors: an account came, an account went."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.dispatch import receiver

from accounts.models import ConnectedAccount
from accounts.signals import account_disconnected, first_sync_requested
from locks import first_sync, live
from locks.models import Device


@receiver(first_sync_requested)
def fetch_doors(webview_id: UUID, *, here: bool, **_: Any) -> None:
    transaction.on_commit(lambda: first_sync.dispatch(webview_id, here=here))


@receiver(account_disconnected)
def take_doors_off_the_board(account: ConnectedAccount, at: datetime, **_: Any) -> None:
    """The doors keep their history; they are only no longer ours to operate."""
    doors = Device.objects.filter(account=account, removed_at=None)
    gone = list(doors.values_list("pk", flat=True))
    doors.update(removed_at=at, next_poll_at=None)
    live.announce(account.workspace_id, *gone)
    live.announce_account(account.workspace_id, account.pk)
