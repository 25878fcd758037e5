"""What time does to commands and doors. Called each second."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import DurationField, ExpressionWrapper, F, Q
from django.db.models.functions import Greatest

from accounts.providers.base import Code
from audit.words import Result
from locks import live
from locks.actuation import sending
from locks.actuation.rows import database_now, hold, note, show
from locks.actuation.sending import end_unsent
from locks.actuation.settling import settle_if_told
from locks.models import ActionAttempt, Device
from locks.states import AttemptStatus, Evidence, LockState

#: How long the outcome of a command that went wrong stays on the board.
SHOWN_FOR = timedelta(minutes=2)
#: After the deadline, until an attempt that is still being sent is called unconfirmed.
GRACE = timedelta(seconds=3)
#: An attempt still waiting after this may have lost its hint, and gets another one (Q-01).
LOST_AFTER = timedelta(seconds=1)


def sweep() -> int:
    """Expire what is overdue, give up on answers that did not come, let released doors lock.

    Runs each second on database time. Return how many attempts changed. A backlog after an
    outage is dropped here, never sent (ACT-13); what is still in time is hinted at once more.
    """
    now = database_now()
    _hint_again(now)
    overdue = _due(AttemptStatus.QUEUED, deadline__lte=now)
    for attempt in overdue:
        with transaction.atomic():
            end_unsent(attempt, AttemptStatus.EXPIRED, "Not sent – took too long.", now)
    silent = _due(AttemptStatus.SENDING, deadline__lte=now - GRACE)
    for attempt in silent:
        with transaction.atomic():
            _give_up(attempt, now)
    _let_lock(now)
    _clear_old_outcomes(now)
    return len(overdue) + len(silent)


def _hint_again(now: datetime) -> None:
    """Dispatch what waits although it should not: hints get lost with brokers and workers."""
    waiting = ActionAttempt.objects.filter(
        status=AttemptStatus.QUEUED, created_at__lte=now - LOST_AFTER, deadline__gt=now
    ).values_list("pk", flat=True)[:200]
    for pk in list(waiting):
        transaction.on_commit(partial(sending.dispatch, pk))


def _due(status: AttemptStatus, **due: object) -> list[ActionAttempt]:
    return list(
        ActionAttempt.objects.select_related("device__account", "device__property").filter(
            status=status, **due
        )[:200]
    )


def _give_up(attempt: ActionAttempt, now: datetime) -> None:
    hold(attempt.device_id)
    error = "No answer was stored: the process that sent it stopped."
    given_up = ActionAttempt.objects.filter(pk=attempt.pk, status=AttemptStatus.SENDING).update(
        status=AttemptStatus.UNCONFIRMED,
        finished_at=now,
        error=error,
        error_code=Code.NO_ANSWER,
    )
    if not given_up:
        return
    note(attempt, attempt.device, "unconfirmed", Result.UNCONFIRMED, at=now, error=error)
    Device.objects.filter(pk=attempt.device_id).update(next_poll_at=now)
    show(attempt.device, attempt)
    # Read again under the door's lock: the feed may have told of it since it was found overdue.
    attempt.refresh_from_db(fields=["status", "evidence"])
    settle_if_told(attempt, now)


def _let_lock(now: datetime) -> None:
    """Doors whose opening time is over are assumed locked, until somebody sees them."""
    over = Device.objects.filter(released_until__lte=now)
    for pk, workspace_id in over.values_list("pk", "workspace_id"):
        Device.objects.filter(pk=pk, released_until__lte=now).exclude(office_mode=True).update(
            state=LockState.LOCKED,
            state_at=now,
            state_evidence=Evidence.ASSUMED,
            released_until=None,
            next_poll_at=now + timedelta(seconds=1),
        )
        live.announce(workspace_id, pk)


def _clear_old_outcomes(now: datetime) -> None:
    """Take outcomes off the board that were told long enough; unconfirmed ones stay.

    "Try again in 12 s" is over after 12 s.
    """
    told_at = Greatest("attempt__finished_at", "attempt__settled_at")  # of what is not null
    wait = F("attempt__retry_after_seconds") * timedelta(seconds=1)
    is_told = Q(told_at__lte=now - SHOWN_FOR)
    may_try_again = Q(attempt__finished_at__lte=now - ExpressionWrapper(wait, DurationField()))
    old = (
        Device.objects.filter(attempt__isnull=False)
        .annotate(told_at=told_at)
        .filter(is_told | may_try_again)
        .exclude(attempt__status=AttemptStatus.UNCONFIRMED)
    )
    for pk, workspace_id in old.values_list("pk", "workspace_id"):
        Device.objects.filter(pk=pk).update(attempt=None)
        live.announce(workspace_id, pk)
