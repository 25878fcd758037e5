"""Letting time pass for the reconciler: rows become due, listings are worth repeating."""

from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from access import syncing, waking
from access.models import (
    AcsAccessGroup,
    AcsCredential,
    AcsMembership,
    AcsSystem,
    AcsUser,
    SystemsWatch,
)
from access.people import services, wishes
from access.people.services import Wish
from access.states import Part
from accounts.actors import Actor
from accounts.models import ConnectedAccount, Trouble
from tests.make import make_account, make_site


def connect(cloud: Any) -> ConnectedAccount:
    """An account with one site whose systems are those of the cloud."""
    account = make_account(provider="seam")
    make_site(account, name="SIMULATED Station Yard")
    return account


def system_of(account: ConnectedAccount) -> AcsSystem:
    return AcsSystem.objects.get(account=account)


def look(account: ConnectedAccount, *, seconds: float = 0) -> None:
    """Do a pass `seconds` later than the last one: all stored times move back by them."""
    if seconds:
        age(timedelta(seconds=seconds))
    syncing.run(account.pk)


def age(by: timedelta) -> None:
    """Let everything have happened longer ago."""
    _move(SystemsWatch, by, "next_at", "listed_at", "next_listing_at", "lease_until")
    _move(AcsUser, by, "next_run_at", "ambiguous_since", "written_at", "delete_asked_at")
    _move(AcsCredential, by, "next_run_at", "ambiguous_since", "written_at", "delete_asked_at")
    _move(AcsCredential, by, "instant_key_asked_at")
    _move(AcsMembership, by, "wanted_at", "written_at")
    _move(AcsAccessGroup, by, "read_at")
    _move(Trouble, by, "retry_at")
    for row in AcsUser.objects.exclude(told={}):
        for entry in row.told.values():
            moved = datetime.fromisoformat(entry["again_at"]) - by
            entry["again_at"] = moved.isoformat()
        AcsUser.objects.filter(pk=row.pk).update(told=row.told)
    ConnectedAccount.objects.update(throttled_until=None)


def _move(model: Any, by: timedelta, *columns: str) -> None:
    model.objects.update(**{column: F(column) - by for column in columns})


def wish(user: AcsUser, *parts: str, **columns: Any) -> AcsUser:
    """Change what is wished of a user, as the services behind the pages do."""
    at = timezone.now()
    with transaction.atomic():
        row = wishes.fresh(user)
        for name, value in columns.items():
            setattr(row, name, value)
        wishes.save(row, *columns, parts=[Part(part) for part in parts], at=at)
        waking.wake(row.system, at=at)
    return row


def wish_group(user: AcsUser, group: AcsAccessGroup, *, is_wanted: bool = True) -> None:
    with transaction.atomic():
        move = wishes.join if is_wanted else wishes.leave
        move(wishes.fresh(user), [group.pk], at=timezone.now())
        wish(user)


def wish_deleted(user: AcsUser) -> AcsUser:
    return wish(user, delete_asked_at=timezone.now(), phase="deleting")


def edit_as_shown(
    user: AcsUser, groups: Iterable[AcsAccessGroup] | None, *, by: Actor, at: datetime, **wish: Any
) -> AcsUser:
    """Change somebody as the form does: what is not named, and with None the groups, stays."""
    kept = {each.name: getattr(user, each.name) for each in fields(Wish)}
    if groups is None:
        groups = [each.group for each in user.memberships.filter(is_wanted=True)]
    version = wishes.version_of(user, wishes.wanted_ids(user))
    return services.edit(user, Wish(**kept | wish), groups, version=version, by=by, at=at)
