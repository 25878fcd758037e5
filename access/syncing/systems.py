"""The systems of an account: found, well or in trouble, gone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from access import waking
from access.models import AcsSystem
from access.reconciling import facts
from access.syncing import words
from accounts.models import ConnectedAccount, Space
from accounts.providers.systems import ListedSystem
from audit.services import record
from audit.words import Verb

#: Listings in a row without a system until it is gone here: a bad minute is none.
GONE_AFTER = 3


def take(
    account: ConnectedAccount, listed: Sequence[ListedSystem], *, at: datetime
) -> list[AcsSystem]:
    """Store a listing of an account's systems. Return those that were in it.

    A new one waits where the account has no site yet, and is placed where there can be no doubt
    about its property. Of an account that is being disconnected nothing is stored, so that
    nothing comes back.
    """
    with transaction.atomic():
        row = ConnectedAccount.objects.select_for_update(no_key=True).get(pk=account.pk)
        return [] if row.is_silent else _take(account, listed, at)


def _take(
    account: ConnectedAccount, listed: Sequence[ListedSystem], at: datetime
) -> list[AcsSystem]:
    rows = AcsSystem.objects.filter(account=account).select_related("property", "account")
    known = {row.remote_id: row for row in rows}
    once = {each.remote_id: each for each in listed}
    is_only = len({*known, *once}) == 1
    found = []
    for each in once.values():
        row = known.pop(each.remote_id, None) or _new(account, each, is_only=is_only)
        if row is not None:
            _store(row, each, at)
            found.append(row)
    for row in known.values():
        _miss(row, at)
    return found


def _new(account: ConnectedAccount, listed: ListedSystem, *, is_only: bool) -> AcsSystem | None:
    site = account.sites.select_related("property").order_by("name").first()
    if site is None:
        return None
    return AcsSystem(
        workspace_id=account.workspace_id,
        account=account,
        property=site.property,
        is_placed=_is_clear(account, is_only=is_only),
        remote_id=listed.remote_id,
    )


def _is_clear(account: ConnectedAccount, *, is_only: bool) -> bool:
    """Tell whether a new system can belong to one property only.

    A Seam workspace is one site, whose property was chosen for its locks. Its only system is
    meant with them; of two, one may be the hotel's next door.
    """
    if Space.objects.filter(workspace_id=account.workspace_id).properties().count() == 1:
        return True
    return is_only and account.sites.values("property").distinct().count() == 1


def _store(row: AcsSystem, listed: ListedSystem, at: datetime) -> None:
    errors = facts.problems(listed.errors) + _closed(row)
    columns: dict[str, Any] = {
        "name": listed.name[:200],
        "external_type": listed.external_type[:60],
        "time_zone": listed.time_zone[:64],
        "errors": errors,
        "warnings": facts.problems(listed.warnings),
        "seats_used": listed.seats_used,
        "seats_total": listed.seats_total,
        "trouble_since": (row.trouble_since or at) if errors else None,
        "missing_listings": 0,
        "removed_at": None,
    }
    if all(getattr(row, name) == value for name, value in columns.items()):
        return
    before = words.trouble(row.errors)
    if row.removed_at is not None:
        row.listed_at = None  # found again: its things are told of anew
    for name, value in columns.items():
        setattr(row, name, value)
    after = words.trouble(row.errors)
    with transaction.atomic():
        if row._state.adding:
            row.save(force_insert=True)
        else:
            row.save(update_fields=[*columns, "listed_at"])
        if before != after:
            note_health(row, after or words.WELL, at)
        waking.tell(row)


def _closed(row: AcsSystem) -> list[dict[str, str]]:
    return [each for each in row.errors if each["code"] == words.CLOSED]


def note_closed(row: AcsSystem, *, is_closed: bool, at: datetime) -> None:
    """Write down whether a system refuses to be listed, though the account's others do not."""
    if bool(_closed(row)) == is_closed:
        return
    before = words.trouble(row.errors)
    others = [each for each in row.errors if each["code"] != words.CLOSED]
    row.errors = [*others, {"code": words.CLOSED, "message": ""}] if is_closed else others
    row.trouble_since = (row.trouble_since or at) if row.errors else None
    after = words.trouble(row.errors)
    with transaction.atomic():
        row.save(update_fields=["errors", "trouble_since"])
        if before != after:
            note_health(row, after or words.WELL, at)
        waking.tell(row)


def note_health(row: AcsSystem, after: str, at: datetime) -> None:
    record(
        Verb.SYSTEM_HEALTH_CHANGED,
        workspace_id=row.workspace_id,
        at=at,
        place=row.as_place(),
        subject=row.name,
        after=after,
    )


def _miss(row: AcsSystem, at: datetime) -> None:
    if row.removed_at is not None:
        return
    row.missing_listings += 1
    with transaction.atomic():
        if row.missing_listings >= GONE_AFTER:
            row.removed_at = at
            record(
                Verb.SYSTEM_GONE,
                workspace_id=row.workspace_id,
                at=at,
                place=row.as_place(),
                subject=row.name,
                system=row.name,
            )
            waking.tell(row)
        row.save(update_fields=["missing_listings", "removed_at"])
