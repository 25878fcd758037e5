"""Saying that there is work at a system, in the transaction that makes it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from access import tasks
from access.models import AcsSystem, SystemsWatch
from locks import live


def wake(system: AcsSystem, *, at: datetime) -> None:
    """Have the system's account looked at now, and pages told that something changed."""
    wake_account(system.account_id, at=at)
    tell(system)


def wake_account(account_id: UUID, *, at: datetime) -> None:
    """Make an account's systems due. The row is the wish; the message is a hint."""
    SystemsWatch.objects.update_or_create(account_id=account_id, defaults={"next_at": at})
    transaction.on_commit(
        lambda: live.send(tasks.look_at_systems, expires=30, account_id=str(account_id))
    )


def tell(system: AcsSystem) -> None:
    """Tell pages, once this transaction is committed, that something of a system changed."""
    live.announce_topic(system.workspace_id, system.property_id, "access", system.pk)
