"""The credentials of a system, as listed. Whose they are is known by the provider's user ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from access import carrying
from access.models import AcsCredential, AcsSystem, AcsUser, EncodeJob
from access.reconciling import merging, steps, storing
from access.states import JobState, Phase
from access.syncing.people import BATCH, in_batches
from accounts.providers.systems import ListedCredential

_COLUMNS = (
    "remote_id", "user", "external_type", "is_managed", "is_issued", "issued_at",
    "card_number", "starts_at", "ends_at", "errors", "warnings", "ambiguous_since",
    "missing_listings", "phase", "gone_at", "seen_at", "code_sealed", "next_run_at",
    "instant_key_sealed",
    "error_code", "error", "rights_changed_at", "written_doors",
    "written_schedule",
)  # fmt: skip


def take(
    system: AcsSystem,
    listed: Sequence[ListedCredential],
    *,
    user_ids: Mapping[str, UUID],
    asked_at: datetime,
    is_believed: bool,
) -> bool:
    """Store a complete listing of a system's credentials. Return whether anything changed.

    `user_ids`: our ids of its users, by the provider's.
    """
    found = {each.remote_id: each for each in listed}
    rows = {row.remote_id: row for row in _rows(system, found)}
    strangers = [each for remote_id, each in found.items() if remote_id not in rows]
    adopted = _adopt(system, strangers, user_ids)
    known = {each.remote_id for each in adopted.values()}
    new = [each for each in strangers if each.remote_id not in known]
    busy = _busy(system, {user_ids.get(each.user_id) for each in new})
    new = [each for each in new if user_ids.get(each.user_id) not in busy]
    _add(system, new, user_ids, asked_at)
    seen: dict[UUID, ListedCredential | None] = dict(adopted)
    for row in rows.values():
        each = found.get(row.remote_id)
        if (each is not None or is_believed) and _is_news(row, each, user_ids, asked_at):
            seen[row.pk] = each
    for chunk in in_batches(seen):
        _store({pk: seen[pk] for pk in chunk}, user_ids, asked_at)
    return bool(new or seen)


def take_new(user: AcsUser, listed: ListedCredential, *, asked_at: datetime) -> None:
    """Store a credential that was just made for somebody; one that is known already stays."""
    is_theirs = listed.user_id in {"", user.remote_id}
    if not is_theirs or user.system.credentials.filter(remote_id=listed.remote_id).exists():
        return
    _add(user.system, [listed], {listed.user_id: user.pk}, asked_at)


def _rows(system: AcsSystem, found: Mapping[str, ListedCredential]) -> list[AcsCredential]:
    rows = AcsCredential.objects.filter(system=system).exclude(remote_id="")
    here = list(rows.exclude(phase=Phase.GONE))
    strangers = set(found) - {row.remote_id for row in here}
    if strangers:
        gone = rows.filter(phase=Phase.GONE).values_list("remote_id", flat=True)
        here += rows.filter(remote_id__in=strangers & set(gone))
    return here


def _adopt(
    system: AcsSystem, strangers: Sequence[ListedCredential], user_ids: Mapping[str, UUID]
) -> dict[UUID, ListedCredential]:
    """Recognise what calls with lost answers have made, each once."""
    lost = AcsCredential.objects.filter(
        system=system, remote_id="", ambiguous_since__isnull=False
    ).exclude(phase=Phase.GONE)
    free, adopted, skew = list(strangers), {}, system.account.clock_skew_seconds
    for row in lost.order_by("ambiguous_since"):
        theirs = [each for each in free if user_ids.get(each.user_id) == row.user_id]
        made = storing.made_by(row, theirs, skew_seconds=skew)
        if made is not None:
            free.remove(made)
            adopted[row.pk] = made
    return adopted


def _busy(system: AcsSystem, user_ids: Iterable[UUID | None]) -> set[UUID | None]:
    """Return for whom a credential is being made here, so that a stranger may be that one."""
    among = [each for each in user_ids if each is not None]
    lost = AcsCredential.objects.filter(
        system=system, remote_id="", ambiguous_since__isnull=False, user__in=among
    ).exclude(phase=Phase.GONE)
    jobs = EncodeJob.objects.filter(user__in=among, state=JobState.PREPARING)
    return {*lost.values_list("user_id", flat=True), *jobs.values_list("user_id", flat=True)}


def _look(
    row: AcsCredential,
    listed: ListedCredential | None,
    user_ids: Mapping[str, UUID],
    asked_at: datetime,
) -> merging.Change:
    if listed is None:
        return merging.miss_credential(row, asked_at=asked_at)
    user_id = user_ids.get(listed.user_id)
    if not listed.user_id and row.user and row.user.phase != Phase.LIVE:
        user_id = row.user_id  # they went, and it is told whose card still opens doors
    return merging.merge_credential(row, listed, user_id=user_id, asked_at=asked_at)


def _is_news(
    row: AcsCredential,
    listed: ListedCredential | None,
    user_ids: Mapping[str, UUID],
    asked_at: datetime,
) -> bool:
    if _look(row, listed, user_ids, asked_at).columns:
        return True
    return listed is not None and storing.take_code(row, listed)


def _add(
    system: AcsSystem,
    listed: Sequence[ListedCredential],
    user_ids: Mapping[str, UUID],
    asked_at: datetime,
) -> None:
    rows = []
    for each in listed:
        row = AcsCredential(
            system=system,
            access_method=each.access_method[:20],
            created_at=each.created_at or asked_at,
        )
        _put(row, each, user_ids, asked_at)
        rows.append(row)
    AcsCredential.objects.bulk_create(rows, batch_size=BATCH, ignore_conflicts=True)


def _put(
    row: AcsCredential,
    listed: ListedCredential | None,
    user_ids: Mapping[str, UUID],
    asked_at: datetime,
) -> None:
    for name, value in _look(row, listed, user_ids, asked_at).columns.items():
        setattr(row, name, value)
    if listed is not None:
        storing.take_code(row, listed)


@transaction.atomic
def _store(
    seen: Mapping[UUID, ListedCredential | None], user_ids: Mapping[str, UUID], asked_at: datetime
) -> None:
    rows: list[Any] = list(
        AcsCredential.objects.select_for_update(of=("self",))
        .select_related("user", "system__property", "system__account")
        .filter(pk__in=list(seen))
        .order_by("pk")
    )
    known_at = {row.pk: row.issued_at for row in rows}
    for row in rows:
        was_gone = row.phase == Phase.GONE
        _put(row, seen[row.pk], user_ids, asked_at)
        if row.phase == Phase.GONE and not was_gone:
            storing.log_lost_credential(row, at=asked_at)
        elif _is_ours(row):
            step = steps.credential_step(row, now=asked_at)
            row.next_run_at = step.at if step else None
    carrying.keep_doors(r for r in rows if merging.is_rewritten(known_at[r.pk], r.issued_at))
    AcsCredential.objects.bulk_update(rows, _COLUMNS, batch_size=BATCH)


def _is_ours(row: AcsCredential) -> bool:
    """Tell whether something may be left to do for a credential."""
    has_link = row.wants_instant_key or row.instant_key_id
    return bool(row.next_run_at or row.delete_asked_at or row.rights_changed_at or has_link)
