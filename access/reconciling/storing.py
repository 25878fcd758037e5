"""What a look at one row changes in it: the pure merges, their log lines, and PINs sealed.

The functions change the row they are given, locked by whoever calls, and do not save it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from access import carrying
from access.models import AcsCredential, AcsMembership, AcsSystem, AcsUser
from access.reconciling import facts, merging, telling
from access.reconciling.merging import Change
from access.states import Phase
from accounts.providers.systems import AccessMethod, ListedCredential, ListedUser
from accounts.sealing import UnreadableError
from audit.services import record
from audit.words import Verb


def take_user(row: AcsUser, listed: ListedUser, *, asked_at: datetime) -> Change:
    """Put what was listed into a user's row, and what people did elsewhere into the log."""
    change, before = merging.merge_user(row, listed, asked_at=asked_at), row.reported
    put(row, change)
    if carrying.is_schedule_changed(before, row.reported):
        carrying.note_schedules_changed({row.pk: before})
    if change.outside:
        _record(Verb.CARDHOLDER_CHANGED_OUTSIDE, row, asked_at, after=change.outside)
    if change.failure:
        _record(Verb.CARDHOLDER_FAILED, row, asked_at, error=change.failure)
    return change


def put(row: AcsUser, change: Change) -> None:
    """Put a change into a row, and forget what was told of the parts that are seen as wished."""
    _set(row, change)
    row.told = {
        key: entry
        for key, entry in row.told.items()
        if key in row.pending or key == telling.DELETION or key.startswith("group:")
    }


def _set(row: Any, change: Change) -> None:
    for name, value in change.columns.items():
        setattr(row, name, value)


def _record(verb: Verb, row: AcsUser, at: datetime, **detail: Any) -> None:
    record(
        verb,
        workspace_id=row.system.workspace_id,
        at=at,
        place=row.system.as_place(),
        subject=row.full_name,
        system=row.system.name,
        **detail,
    )


def lose_user(row: AcsUser, *, at: datetime) -> None:
    """A user is not there: proven gone. Their groups are, and their cards open nothing new."""
    if row.phase == Phase.GONE:
        return
    if row.delete_asked_at is not None:
        _record(Verb.CARDHOLDER_GONE, row, at)
    else:
        _record(Verb.CARDHOLDER_CHANGED_OUTSIDE, row, at, after="deleted")
    _set(row, Change(columns=merging.gone(at)))
    row.told = {}
    lose_memberships([row.pk])


def lose_memberships(user_ids: Iterable[UUID]) -> None:
    """Whoever is gone is in no group; should they come back, those they had to leave they leave.

    What their cards open is kept: those may be in a pocket.
    """
    ids = list(user_ids)
    if not ids:
        return
    carrying.remember_doors(ids)
    rows = AcsMembership.objects.filter(user__in=ids)
    rows.filter(is_wanted=True).delete()
    rows.update(is_seen=False)


def take_groups_of(
    row: AcsUser, group_ids: Iterable[str], *, asked_at: datetime, is_second_look: bool = False
) -> None:
    """Compare one user's groups, as listed (remote ids), with what we know and wish.

    `is_second_look`: their groups were just listed the same way by the other side.
    """
    listed, outside = set(group_ids), ""
    for each in row.memberships.select_related("group"):
        remote_id = each.group.remote_id
        change = merging.merge_membership(
            each,
            is_listed=remote_id in listed,
            is_moving=facts.is_moving(remote_id, row.mutations),
            asked_at=asked_at,
            is_second_look=is_second_look,
        )
        listed.discard(remote_id)
        if change is not None:
            store_membership(each, change)
            outside = outside or change.outside
    if merging.is_settling(row.written_at, asked_at) and not is_second_look:
        listed.clear()  # they may have left by a call of ours, and the list lag behind
    found = row.system.groups.filter(remote_id__in=listed)
    new = [AcsMembership(user=row, group=group, is_seen=True) for group in found]
    AcsMembership.objects.bulk_create(new, ignore_conflicts=True)
    if outside or new:
        _record(Verb.CARDHOLDER_CHANGED_OUTSIDE, row, asked_at, after="groups")


def store_membership(row: AcsMembership, change: merging.MembershipChange) -> None:
    if change.columns is None:
        AcsMembership.objects.filter(pk=row.pk).delete()
    else:
        AcsMembership.objects.filter(pk=row.pk).update(**change.columns)


# --- credentials ----------------------------------------------------------------------------


def take_credential(
    row: AcsCredential, listed: ListedCredential, *, asked_at: datetime, is_settled: bool = False
) -> Change:
    known_at = row.issued_at
    change = merging.merge_credential(
        row, listed, user_id=row.user_id, asked_at=asked_at, is_settled=is_settled
    )
    _set(row, change)
    if merging.is_rewritten(known_at, row.issued_at):
        carrying.keep_doors([row])
    take_code(row, listed)
    return change


def take_code(row: AcsCredential, listed: ListedCredential) -> bool:
    """Seal a PIN that the provider shows. Return whether it is another than before."""
    if not listed.code:
        return False
    try:
        is_known = row.unseal_code() == listed.code
    except UnreadableError:
        is_known = False
    if not is_known:
        row.seal_code(listed.code)
    return not is_known


def lose_credential(row: AcsCredential, *, at: datetime) -> None:
    if row.phase == Phase.GONE:
        return
    _set(row, Change(columns=merging.gone(at) | merging.without_secrets(row, at)))
    log_lost_credential(row, at=at)


def log_lost_credential(row: AcsCredential, *, at: datetime) -> None:
    """Say that a card's right is gone; a PIN's end is the end of its line on the page."""
    if row.access_method != AccessMethod.CARD or row.delete_reason == "unused":
        return
    system: AcsSystem = row.system
    record(
        Verb.CARD_GONE,
        workspace_id=system.workspace_id,
        at=at,
        place=system.as_place(),
        subject=row.user.full_name if row.user else "",
        system=system.name,
        last_four=row.last_four,
    )


def made_by(
    row: AcsCredential, listed: Sequence[ListedCredential], *, skew_seconds: float | None
) -> ListedCredential | None:
    """Return the credential that a call with a lost answer has made: the first that fits.

    `skew_seconds`: the provider's clock minus ours.
    """
    if row.ambiguous_since is None:
        return None
    since = facts.made_from(row.ambiguous_since, skew_seconds=skew_seconds)
    fitting = [
        each
        for each in listed
        if each.access_method == row.access_method
        and not each.is_being_deleted
        and each.created_at is not None
        and each.created_at >= since
    ]
    return min(fitting, key=_age, default=None)


def _age(listed: ListedCredential) -> datetime:
    assert listed.created_at is not None
    return listed.created_at
