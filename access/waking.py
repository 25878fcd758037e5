"""Saying that there is work at a system, in the transaction that makes it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from access import tasks
from access.models import AcsAccessGroup, AcsSystem, SystemsWatch
from locks import live

#: A listing that somebody hinted at does not follow the one before at once …
_AFTER_SECONDS = 10.0
#: … and after one that took long only this many times as long later.
_SHARE = 3.0


def wake(system: AcsSystem, *, at: datetime) -> None:
    """Have wishes about the system looked at now, and pages told that something changed."""
    SystemsWatch.objects.update_or_create(account_id=system.account_id, defaults={"next_at": at})
    _hint(system.account_id)
    tell(system)


def wake_account(account_id: UUID, *, at: datetime) -> None:
    """Have an account's systems listed soon: somebody says that something changed there.

    The row is the wish; the message is a hint.
    """
    with transaction.atomic():
        SystemsWatch.objects.get_or_create(account_id=account_id)
        watch = SystemsWatch.objects.select_for_update().get(pk=account_id)
        watch.next_at = watch.next_listing_at = _listing_at(watch, at)
        watch.save(update_fields=["next_at", "next_listing_at"])
        if watch.next_at <= at:
            _hint(account_id)


def _listing_at(watch: SystemsWatch, at: datetime) -> datetime:
    if watch.listed_at is None or watch.next_listing_at is None:
        return at
    seconds = max(_AFTER_SECONDS, watch.listing_seconds * _SHARE)
    soon: datetime = max(at, watch.listed_at + timedelta(seconds=seconds))
    return min(soon, max(at, watch.next_listing_at))


def want_news(group_ids: Collection[UUID], *, at: datetime) -> None:
    """Have groups that somebody looks at read before others, with the next listing.

    Asks for no listing and for no call more: of large systems a few groups are read with each.
    """
    groups = AcsAccessGroup.objects.filter(pk__in=group_ids, news_wanted_at=None)
    groups.update(news_wanted_at=at)


def _hint(account_id: UUID) -> None:
    transaction.on_commit(
        lambda: live.send(tasks.look_at_systems, expires=30, account_id=str(account_id))
    )


def tell(system: AcsSystem) -> None:
    """Tell pages, once this transaction is committed, that something of a system changed.

    Of one not placed no page of a property hears: who is to place it asks now and then.
    """
    if not system.is_placed:
        return
    live.announce_topic(system.workspace_id, system.property_id, "access", system.pk)
