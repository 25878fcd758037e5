"""Telling the reconciler that a wish changed, and the pages that a state did."""

from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from accounts.models import ConnectedAccount
from locks import live, tasks
from locks.models import AccessCode


def wake(account_id: UUID, *code_ids: UUID) -> None:
    """Have these codes looked at as soon as this transaction is committed.

    The rows say it; the message is a hint and may be lost. Never raises for the broker.
    """
    AccessCode.objects.filter(pk__in=code_ids).update(next_run_at=Now())
    ConnectedAccount.objects.filter(pk=account_id).update(next_codes_at=Now())
    transaction.on_commit(partial(_hint, account_id))


def _hint(account_id: UUID) -> None:
    live.send(tasks.reconcile_codes, expires=30, account_id=str(account_id))


def announce(workspace_id: UUID, *device_ids: UUID) -> None:
    """Tell pages, once this transaction is committed, that codes of these doors changed."""
    live.publish_on_commit({"w": str(workspace_id), "c": [str(pk) for pk in device_ids]})
