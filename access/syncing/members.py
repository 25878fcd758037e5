"""Who is in a group and which entrances it opens, read group by group in rotation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from access.models import AcsAccessGroup, AcsMembership, AcsSystem, AcsUser
from access.reconciling import facts, merging
from access.states import Phase
from access.syncing.people import BATCH, log
from audit.words import Verb

#: More people than these, changed in one group elsewhere, become one line of the log.
_MANY = 20


@dataclass(frozen=True, kw_only=True)
class Taken:
    has_changed: bool
    #: Users whose groups we changed just now and who are listed otherwise: to be asked again.
    doubtful: tuple[UUID, ...] = ()


def take_people(
    group: AcsAccessGroup,
    remote_ids: Sequence[str],
    *,
    user_ids: Mapping[str, UUID],
    asked_at: datetime,
) -> Taken:
    """Store who is in a group."""
    listed = {user_ids[remote_id] for remote_id in remote_ids if remote_id in user_ids}
    with transaction.atomic():
        rows = group.memberships.select_for_update(of=("self",)).select_related("user")
        here = list(rows.exclude(user__phase=Phase.GONE).order_by("pk"))
        changes = [(row, _merge(row, group, listed, asked_at)) for row in here]
        found = [(row, change) for row, change in changes if change is not None]
        for value in (True, False):
            mine = [
                r.pk for r, c in found if c.columns is not None and c.columns["is_seen"] == value
            ]
            AcsMembership.objects.filter(pk__in=mine).update(is_seen=value)
        over = [row.pk for row, change in found if change.columns is None]
        AcsMembership.objects.filter(pk__in=over).delete()
    outside = [row.user_id for row, change in found if change.outside]
    doubtful = [row.user_id for row, change in found if change.is_doubtful]
    new, unsure = _newcomers(listed - {row.user_id for row in here}, asked_at)
    AcsMembership.objects.bulk_create(
        [AcsMembership(user_id=pk, group=group, is_seen=True) for pk in new],
        batch_size=BATCH,
        ignore_conflicts=True,
    )
    _wake(group, asked_at)
    if group.read_at is not None:
        _log(group, outside + new, asked_at)
    return Taken(has_changed=len(found) > len(doubtful) or bool(new), doubtful=(*doubtful, *unsure))


def witness(group: AcsAccessGroup, remote_ids: Sequence[str]) -> str:
    """Return who is asked before a list is believed that lacks more than half of a group.

    The remote id of one of those it lacks; "" where it may be believed as it is.
    """
    rows = group.memberships.filter(is_wanted=True, is_seen=True).exclude(user__phase=Phase.GONE)
    known = set(rows.values_list("user__remote_id", flat=True))
    missing = known.difference(remote_ids)
    return min(missing) if len(missing) * 2 > len(known) else ""


def _newcomers(user_ids: Iterable[UUID], asked_at: datetime) -> tuple[list[UUID], list[UUID]]:
    """Return who came into a group elsewhere, and of whom that is not sure.

    Whoever left by a call of ours has no row that would say so, only the time of that call.
    """
    rows = AcsUser.objects.filter(pk__in=list(user_ids)).exclude(phase=Phase.GONE)
    new, unsure = [], []
    for pk, written_at in rows.order_by("pk").values_list("pk", "written_at"):
        if not merging.is_settling(written_at, asked_at):
            new.append(pk)
        elif not merging.is_stale(written_at, asked_at):
            unsure.append(pk)
    return new, unsure


def _merge(
    row: AcsMembership, group: AcsAccessGroup, listed: set[UUID], asked_at: datetime
) -> merging.MembershipChange | None:
    is_moving = facts.is_moving(group.remote_id, row.user.mutations)
    return merging.merge_membership(
        row,
        is_listed=row.user_id in listed,
        is_moving=is_moving or row.user.ambiguous_since is not None,
        asked_at=asked_at,
    )


def _wake(group: AcsAccessGroup, at: datetime) -> None:
    """Have those looked at whose wish about this group is not true."""
    pending = group.memberships.exclude(is_wanted=True, is_seen=True).values("user_id")
    users = AcsUser.objects.filter(pk__in=pending, next_run_at=None).exclude(phase=Phase.GONE)
    users.update(next_run_at=at)


def _log(group: AcsAccessGroup, outside: Sequence[UUID], at: datetime) -> None:
    verb, system = Verb.CARDHOLDER_CHANGED_OUTSIDE, group.system
    if len(outside) > _MANY:
        log(system, verb, "", at, after=f"groups: {group.name}", people=len(outside))
        return
    names = AcsUser.objects.filter(pk__in=outside).values_list("full_name", flat=True)
    for name in names:
        log(system, verb, name, at, after=f"groups: {group.name}")


def has_lost_entrances(group: AcsAccessGroup, remote_ids: Sequence[str]) -> bool:
    """Tell whether a list lacks more than half of the entrances that a group opened."""
    known = set(group.entrances.values_list("remote_id", flat=True))
    return len(known.difference(remote_ids)) * 2 > len(known)


def take_entrances(
    group: AcsAccessGroup, remote_ids: Sequence[str], *, entrance_ids: Mapping[str, UUID]
) -> bool:
    listed = {entrance_ids[remote_id] for remote_id in remote_ids if remote_id in entrance_ids}
    through = AcsAccessGroup.entrances.through
    rows = through.objects.filter(acsaccessgroup=group)
    known = set(rows.values_list("acsentrance_id", flat=True))
    if gone := known - listed:
        rows.filter(acsentrance_id__in=gone).delete()
    new = sorted(listed - known)
    through.objects.bulk_create(
        [through(acsaccessgroup_id=group.pk, acsentrance_id=pk) for pk in new],
        batch_size=BATCH,
        ignore_conflicts=True,
    )
    return bool(gone or new)


def ids_of_users(system: AcsSystem, among: Iterable[str] | None = None) -> dict[str, UUID]:
    """Return the ids of those who may be in a group: whoever is gone is in none."""
    rows = AcsUser.objects.filter(system=system).exclude(remote_id="").exclude(phase=Phase.GONE)
    if among is not None:
        rows = rows.filter(remote_id__in=list(among))
    return dict(rows.values_list("remote_id", "pk"))


def ids_of_entrances(system: AcsSystem) -> dict[str, UUID]:
    return dict(system.entrances.values_list("remote_id", "pk"))
