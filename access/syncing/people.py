"""The users of a system, as listed: 10,000 of them in a few queries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from access import carrying
from access.models import AcsMembership, AcsSystem, AcsUser
from access.reconciling import facts, merging, steps, storing
from access.reconciling.merging import Change
from access.states import Phase
from accounts.providers.systems import ListedUser
from audit.services import record
from audit.words import Verb

BATCH = 500
#: More people of whom the same is told than these become one line of the log.
_MANY = 20
_COLUMNS = (
    "remote_id", "reported", "mutations", "errors", "warnings", "external_number",
    "is_subscribed", "is_managed", "ambiguous_since", "missing_listings", "phase", "gone_at",
    "pending", "told", "full_name", "email", "phone", "starts_at", "ends_at", "is_suspended",
    "seen_at", "next_run_at", "error_code", "error", "identity_remote_id",
    "is_identity_linked",
)  # fmt: skip


def take(
    system: AcsSystem, listed: Sequence[ListedUser], *, asked_at: datetime, is_believed: bool
) -> bool:
    """Store a complete listing of a system's users. Return whether anything changed.

    Users we do not have are added, but for those whom a call with a lost answer has made:
    these are recognised, each once (reliability CODE-04).
    """
    users = {each.remote_id: each for each in listed}
    rows = {row.remote_id: row for row in _rows(system, users)}
    strangers = [each for remote_id, each in users.items() if remote_id not in rows]
    skew = system.account.clock_skew_seconds
    adopted = adopt(_lost(system), strangers, skew_seconds=skew)
    new = {each.remote_id for each in strangers} - {each.remote_id for each in adopted.values()}
    _add(system, [users[remote_id] for remote_id in sorted(new)], asked_at)
    seen: dict[UUID, ListedUser | None] = dict(adopted)
    for row in rows.values():
        each = users.get(row.remote_id)
        if (each is not None or is_believed) and _look(row, each, asked_at).columns:
            seen[row.pk] = each
    notes: list[tuple[Verb, AcsUser, dict[str, str]]] = []
    for chunk in in_batches(seen):
        notes += _store({pk: seen[pk] for pk in chunk}, asked_at)
    if is_believed:
        _conclude(system, asked_at)
    _wake_overlooked(system, asked_at)
    _log(system, notes, asked_at)
    return bool(new or seen)


def in_batches(keys: Iterable[UUID]) -> list[list[UUID]]:
    found = list(keys)
    return [found[n : n + BATCH] for n in range(0, len(found), BATCH)]


def _rows(system: AcsSystem, users: Mapping[str, ListedUser]) -> list[AcsUser]:
    """Return those who are not gone, and those who are and are listed all the same."""
    rows = AcsUser.objects.filter(system=system).exclude(remote_id="")
    here = list(rows.exclude(phase=Phase.GONE))
    strangers = set(users) - {row.remote_id for row in here}
    if strangers:
        gone = rows.filter(phase=Phase.GONE).values_list("remote_id", flat=True)
        back = strangers & set(gone)
        here += rows.filter(remote_id__in=back)
    return here


def _look(row: AcsUser, listed: ListedUser | None, asked_at: datetime) -> Change:
    if listed is None:
        return merging.miss_user(row, asked_at=asked_at)
    return merging.merge_user(row, listed, asked_at=asked_at)


# --- found and lost -------------------------------------------------------------------------


def _lost(system: AcsSystem) -> list[AcsUser]:
    """Return those whom a call may have made, the longest unknown first."""
    rows = AcsUser.objects.filter(system=system, remote_id="", ambiguous_since__isnull=False)
    return list(rows.exclude(phase=Phase.GONE).order_by("ambiguous_since"))


def adopt(
    lost: Sequence[AcsUser], strangers: Sequence[ListedUser], *, skew_seconds: float | None
) -> dict[UUID, ListedUser]:
    """Recognise whom a call has made, by name and address, the first that fits and each once.

    `skew_seconds`: the provider's clock minus ours.
    """
    found: dict[UUID, ListedUser] = {}
    free = sorted(
        (each for each in strangers if each.created_at and not each.is_being_deleted),
        key=lambda each: (each.created_at, each.remote_id),
    )
    for row in lost:
        assert row.ambiguous_since is not None
        since = facts.made_from(row.ambiguous_since, skew_seconds=skew_seconds)
        mine = next((each for each in free if _is_made_for(row, each, since)), None)
        if mine is not None:
            free.remove(mine)
            found[row.pk] = mine
    return found


def _is_made_for(row: AcsUser, listed: ListedUser, since: datetime) -> bool:
    assert listed.created_at is not None
    return (
        facts.is_same_name(row.full_name, listed.full_name)
        and row.email.casefold() == listed.email.casefold()
        and row.phone == listed.phone
        and listed.created_at >= since
    )


def _conclude(system: AcsSystem, asked_at: datetime) -> None:
    """Whoever is not in a listing that was asked late enough was not made, and may be again."""
    AcsUser.objects.filter(
        system=system, remote_id="", ambiguous_since__lte=asked_at - steps.SETTLED_AFTER
    ).update(ambiguous_since=None, next_run_at=asked_at)


def _wake_overlooked(system: AcsSystem, at: datetime) -> None:
    """A wish that nobody would look at is a mistake: look at it."""
    unsettled = AcsMembership.objects.filter(user=OuterRef("pk")).exclude(
        is_wanted=True, is_seen=True
    )
    AcsUser.objects.filter(
        ~Q(pending=[]) | Q(phase__in=(Phase.CREATING, Phase.DELETING)) | Exists(unsettled),
        system=system,
        is_managed=True,
        next_run_at=None,
    ).exclude(phase=Phase.GONE).update(next_run_at=at)


# --- storing --------------------------------------------------------------------------------


def _add(system: AcsSystem, listed: Sequence[ListedUser], asked_at: datetime) -> None:
    rows = []
    for each in listed:
        row = AcsUser(system=system, created_at=each.created_at or asked_at)
        for name, value in merging.merge_user(row, each, asked_at=asked_at).columns.items():
            setattr(row, name, value)
        rows.append(row)
    AcsUser.objects.bulk_create(rows, batch_size=BATCH, ignore_conflicts=True)


@transaction.atomic
def _store(
    seen: Mapping[UUID, ListedUser | None], asked_at: datetime
) -> list[tuple[Verb, AcsUser, dict[str, str]]]:
    """Merge again on the locked rows, as people may have changed them. Return what to log."""
    rows = list(
        AcsUser.objects.select_for_update(of=("self",))
        .filter(pk__in=list(seen))
        .order_by("pk")
        .prefetch_related("memberships__group")
    )
    notes, gone, before = [], [], {}
    for row in rows:
        reported = row.reported
        notes += _merge(row, seen[row.pk], asked_at)
        if carrying.is_schedule_changed(reported, row.reported):
            before[row.pk] = reported
        if row.phase == Phase.GONE:
            gone.append(row.pk)
        elif row.pending or row.delete_asked_at or row.next_run_at:
            step = steps.user_step(row, list(row.memberships.all()), now=asked_at)
            row.next_run_at = step.at if step else None
    carrying.note_schedules_changed(before)
    storing.lose_memberships(gone)
    AcsUser.objects.bulk_update(rows, _COLUMNS, batch_size=BATCH)
    return notes


def _merge(
    row: AcsUser, listed: ListedUser | None, asked_at: datetime
) -> list[tuple[Verb, AcsUser, dict[str, str]]]:
    change = _look(row, listed, asked_at)
    storing.put(row, change)
    notes: list[tuple[Verb, AcsUser, dict[str, str]]] = []
    if change.outside:
        notes.append((Verb.CARDHOLDER_CHANGED_OUTSIDE, row, {"after": change.outside}))
    elif row.phase == Phase.GONE and change.columns:
        notes.append((Verb.CARDHOLDER_GONE, row, {}))
    if change.failure:
        notes.append((Verb.CARDHOLDER_FAILED, row, {"error": change.failure}))
    return notes


def _log(
    system: AcsSystem,
    notes: Sequence[tuple[Verb, AcsUser, dict[str, str]]],
    at: datetime,
) -> None:
    """Write a line for each, or for many of whom the same is told one with their number."""
    same: dict[tuple[Verb, str], list[AcsUser]] = {}
    details: dict[tuple[Verb, str], dict[str, Any]] = {}
    for verb, row, detail in notes:
        key = (verb, str(detail))
        same.setdefault(key, []).append(row)
        details[key] = detail
    for key, rows in same.items():
        verb, detail = key[0], details[key]
        if len(rows) > _MANY:
            log(system, verb, "", at, people=len(rows), **detail)
            continue
        for row in rows:
            log(system, verb, row.full_name, at, **detail)


def log(system: AcsSystem, verb: Verb, subject: str, at: datetime, **detail: Any) -> None:
    record(
        verb,
        workspace_id=system.workspace_id,
        at=at,
        place=system.as_place(),
        subject=subject,
        system=system.name,
        **detail,
    )
