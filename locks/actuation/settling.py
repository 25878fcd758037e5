"""Evidence: what the feed or a person says became of a command nobody can vouch for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.actors import Actor
from accounts.models import ConnectedAccount, Dialect
from accounts.permissions import Permission
from audit.matching import EARLY, LATE, causes
from audit.who import Who
from locks.actuation import doors
from locks.actuation.rows import RESULT_OF, hold, note, show
from locks.models import ActionAttempt
from locks.states import Action, AttemptEvidence, AttemptStatus


def settle_from_feed(
    device_id: UUID,
    *,
    person_id: str,
    occurred_at: datetime,
    at: datetime,
    others: Sequence[datetime] = (),
) -> ActionAttempt | None:
    """Take a remote opening in the provider's feed as evidence for one of our attempts (ACT-17).

    `others` are openings of the same door by the same person that were told with this one and
    belong to no attempt yet. Only if exactly one attempt fits in door, time and identity, in
    whatever way these openings are given to attempts in order of time; otherwise nobody is
    credited.
    """
    hold(device_id)
    told = [occurred_at, *others]
    tries = list(
        ActionAttempt.objects.select_for_update(of=("self",))
        .select_related("device__account", "device__property")
        .filter(
            device_id=device_id,
            action=Action.UNLOCK,
            status__in=[
                AttemptStatus.SENDING,
                AttemptStatus.UNCONFIRMED,
                AttemptStatus.SUCCESS,
            ],
            sent_at__gte=min(told) - LATE,
            sent_at__lte=max(told) + EARLY,
        )
        .exclude(evidence=AttemptEvidence.FEED)
        .order_by("sent_at")
    )
    fits = causes([attempt.sent_at for attempt in tries if attempt.sent_at], told)[0]
    if len(fits) != 1 or not _is_ours(tries[fits[0]].device.account, person_id):
        return None
    attempt = tries[fits[0]]
    assert attempt.sent_at is not None  # the filter above compares it
    attempt.opened_at = min(max(occurred_at, attempt.sent_at), at)
    if attempt.status == AttemptStatus.SENDING:
        # Its answer is still to come; whoever stores that finds this evidence.
        attempt.evidence = AttemptEvidence.FEED
        attempt.save(update_fields=["evidence", "opened_at"])
    else:
        settle(attempt, AttemptStatus.SUCCESS, AttemptEvidence.FEED, at=at)
    return attempt


def _is_ours(account: ConnectedAccount, person_id: str) -> bool:
    """Tell whether a remote opening may be this account's. Only the older dialect names nobody."""
    nobody = not person_id and account.dialect == Dialect.LEGACY
    return nobody or person_id == account.remote_id


def settle_by_person(attempt: ActionAttempt, *, opened: bool, actor: Actor, at: datetime) -> bool:
    """Take somebody's word for what the door did. Return False if it was settled already."""
    actor.require(Permission.UNLOCK, attempt.device.property_id)
    with transaction.atomic():
        hold(attempt.device_id)
        row = (
            ActionAttempt.objects.select_for_update(of=("self",))
            .select_related("device__account", "device__property")
            .get(pk=attempt.pk)
        )
        if row.status != AttemptStatus.UNCONFIRMED:
            return False
        status = AttemptStatus.SUCCESS if opened else AttemptStatus.FAILED
        settle(row, status, AttemptEvidence.HUMAN, at=at, who=actor.who)
    return True


def settle_if_told(attempt: ActionAttempt, now: datetime) -> None:
    """Settle what ended unconfirmed, if the feed told of the opening while it was being sent."""
    if (attempt.status, attempt.evidence) == (AttemptStatus.UNCONFIRMED, AttemptEvidence.FEED):
        settle(attempt, AttemptStatus.SUCCESS, AttemptEvidence.FEED, at=now)


def settle(
    attempt: ActionAttempt,
    status: AttemptStatus,
    evidence: AttemptEvidence,
    *,
    at: datetime,
    who: Who | None = None,
) -> None:
    """Store what evidence says, `attempt.opened_at` included, and let the door follow it."""
    was_unsure = attempt.status == AttemptStatus.UNCONFIRMED
    columns: dict[str, Any] = {
        "status": status,
        "evidence": evidence,
        "opened_at": attempt.opened_at,
    }
    if was_unsure:
        columns["settled_at"] = at
    if was_unsure and status == AttemptStatus.SUCCESS:
        # What went wrong on the way to the door is over; the log keeps it.
        seconds = doors.released_seconds(attempt)
        columns |= {"error": "", "error_code": "", "released_seconds": seconds}
    ActionAttempt.objects.filter(pk=attempt.pk).update(**columns)
    for column, value in columns.items():
        setattr(attempt, column, value)
    if was_unsure:
        told = evidence.value
        note(attempt, attempt.device, "settled", RESULT_OF[status], at=at, who=who, evidence=told)
        doors.move(attempt, at)
    elif attempt.is_slow:
        doors.correct(attempt, at)
    show(attempt.device, attempt)
