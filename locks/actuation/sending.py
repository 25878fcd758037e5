"""Carrying a command out: one claim, one provider call, one outcome."""

from __future__ import annotations

import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Case, Value, When
from django.utils import timezone

from accounts import health
from accounts.driving import driver_for
from accounts.models import AccountState
from accounts.permissions import Permission, roles_with
from accounts.providers import PROVIDERS
from accounts.providers.base import (
    Code,
    MissingScopeError,
    Opening,
    ProviderError,
    RateLimitError,
    Reach,
    RemoteUnlock,
    UnsupportedError,
)
from accounts.sealing import UnreadableError
from audit.words import Result
from locks import live, tasks
from locks.actuation import authorities, doors
from locks.actuation.rows import RESULT_OF, database_now, hold, note, show
from locks.actuation.settling import settle_if_told
from locks.insisting import insist
from locks.models import ActionAttempt, Device
from locks.states import Action, AttemptEvidence, AttemptStatus

logger = logging.getLogger(__name__)

#: A call that cannot finish in this time is not begun.
MINIMUM_BUDGET_SECONDS = 1.0
#: How long a request waits for the broker to take the hint, which it does in one millisecond.
_HEAD_START_SECONDS = 0.005


@cache
def _executor(_pid: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=16, thread_name_prefix="attempt")


def dispatch(attempt_id: UUID) -> None:
    """Have a worker perform an attempt; if the broker does not take the hint, do it here.

    Returns in some milliseconds: neither a hung broker nor a slow provider holds the request.
    """
    sent = _executor(os.getpid()).submit(_dispatch, attempt_id)
    # What this thread does next, writing an answer, would only take the processor from it.
    wait([sent], timeout=_HEAD_START_SECONDS)


def _dispatch(attempt_id: UUID) -> None:
    taken = live.send(
        tasks.perform_attempt,
        expires=settings.ATTEMPT_DEADLINE_SECONDS,
        attempt_id=str(attempt_id),
    )
    if taken:
        return
    try:
        perform(attempt_id, by=f"{live.process_name()}:{attempt_id}")
    except Exception:
        # The row tells the rest: the sweeper ends it as expired or unconfirmed.
        logger.exception("an attempt could not be performed here")
    finally:
        connection.close()


def perform(attempt_id: UUID, *, by: str) -> None:
    """Carry out one attempt, if it is still to be carried out. Safe to call any number of times.

    The token is fetched before the claim, so that a slow sign-in costs nothing but time.
    """
    by = by[-64:]  # as long as the column; its end is what tells processes apart
    attempt = (
        ActionAttempt.objects.select_related(
            "device__account__workspace", "device__property", "device__site", "device__hub"
        )
        .defer("device__raw", "device__unknown_words", "device__hub__raw")
        .filter(pk=attempt_id, status=AttemptStatus.QUEUED)
        .first()
    )
    if attempt is None:
        return
    try:
        driver = driver_for(attempt.device.account)
        if not isinstance(driver, RemoteUnlock):
            raise UnsupportedError("This provider cannot open doors from afar.")
        driver.ensure_token(budget_seconds=settings.ATTEMPT_DEADLINE_SECONDS / 2)
    except UnreadableError:
        health.note_unreadable(attempt.device.account)
        refuse(attempt, "The account's secret cannot be read here.", "secret_unreadable")
        return
    except ProviderError as error:
        health.note_failure(attempt.device.account, error, at=timezone.now())
        refuse(attempt, f"Not sent: {str(error).rstrip('.')}.", error.code)
        return
    # Read before the database computes what is left, so a pause in between only shortens it.
    asked = time.monotonic()
    left_seconds = _claim(attempt, by)
    if left_seconds is not None:
        _call_and_store(attempt, driver, asked + left_seconds, by)


def _claim(attempt: ActionAttempt, by: str) -> float | None:
    """Take the attempt from queued to sending. Return the seconds left, or None if it is not ours.

    Everything that allowed the click is asked again here, on database time (ACT-02, ACT-08).
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM.format(authorities=authorities.in_claim()),
            {
                "id": attempt.pk,
                "by": by,
                "minimum": f"{MINIMUM_BUDGET_SECONDS} seconds",
                "mute": [
                    AccountState.RECONNECT_REQUIRED,
                    AccountState.SECRET_UNREADABLE,
                    AccountState.DISCONNECTED,
                    AccountState.ACTUATION_BLOCKED,
                ],
                "roles": roles_with(Permission.UNLOCK),
            },
        )
        row = cursor.fetchone()
    if row:
        attempt.status, attempt.sent_at, left = AttemptStatus.SENDING, row[0], float(row[1])
        return left
    _drop(attempt)
    return None


_CLAIM = """
UPDATE locks_actionattempt AS a
   SET status = 'sending', sent_at = clock_timestamp(), claimed_by = %(by)s
  FROM locks_device AS d, accounts_connectedaccount AS c
 WHERE a.id = %(id)s
   AND a.status = 'queued'
   AND a.deadline > clock_timestamp() + %(minimum)s::interval
   AND d.id = a.device_id AND d.removed_at IS NULL
   AND c.id = d.account_id AND NOT c.state = ANY(%(mute)s)
   AND (a.actor_kind = 'command' OR EXISTS (
        SELECT 1
          FROM accounts_membership AS m JOIN accounts_user AS u ON u.id = m.user_id
         WHERE m.user_id = a.user_id AND u.is_active
           AND m.workspace_id = a.workspace_id
           AND m.role = ANY(%(roles)s)
           AND (m.property_id IS NULL OR m.property_id = d.property_id))
    OR {authorities})
RETURNING a.sent_at, extract(epoch FROM a.deadline - clock_timestamp())
"""


def _drop(attempt: ActionAttempt) -> None:
    """End an attempt that may not be sent: too late, or no longer allowed."""
    with transaction.atomic():
        now = database_now()
        if attempt.deadline <= now + timedelta(seconds=MINIMUM_BUDGET_SECONDS):
            end_unsent(attempt, AttemptStatus.EXPIRED, "Not sent – took too long.", now)
        else:
            end_unsent(attempt, AttemptStatus.CANCELLED, "Not sent – no longer allowed.", now)


def refuse(attempt: ActionAttempt, error: str, code: str) -> None:
    """End a queued attempt that cannot be sent at all."""
    with transaction.atomic():
        end_unsent(attempt, AttemptStatus.FAILED, error, database_now(), code=code)


def end_unsent(
    attempt: ActionAttempt, status: AttemptStatus, error: str, now: datetime, *, code: str = ""
) -> None:
    hold(attempt.device_id)
    ended = ActionAttempt.objects.filter(pk=attempt.pk, status=AttemptStatus.QUEUED).update(
        status=status, finished_at=now, error=error[:300], error_code=code or status
    )
    if ended:
        note(attempt, attempt.device, status.value, Result.FAILED, at=now, error=error)
        show(attempt.device, attempt)


def _call_and_store(attempt: ActionAttempt, driver: RemoteUnlock, until: float, by: str) -> None:
    connection.close()  # back to the pool: nothing of the database is held during the call
    outcome = _call(attempt, driver, until - time.monotonic())
    insist(lambda: _store(attempt, outcome, by))


@dataclass(frozen=True, kw_only=True)
class Outcome:
    status: AttemptStatus
    opening: Opening | None = None
    error: ProviderError | None = None


def _call(attempt: ActionAttempt, driver: RemoteUnlock, budget_seconds: float) -> Outcome:
    """Make the one call. Whatever goes wrong is an outcome."""
    device = attempt.device
    site_id, lock_id = device.site.remote_id, device.remote_id
    hub_id = device.hub.remote_id if device.hub else ""
    request_id = str(attempt.pk)
    try:
        if attempt.action == Action.UNLOCK:
            opening = driver.unlock(
                site_id,
                lock_id,
                hub_id=hub_id,
                seconds=attempt.seconds or device.account.unlock_seconds,
                budget_seconds=budget_seconds,
                request_id=request_id,
            )
        else:
            opening = driver.lock(
                site_id,
                lock_id,
                hub_id=hub_id,
                budget_seconds=budget_seconds,
                request_id=request_id,
            )
    except ProviderError as error:
        unsure = error.reach == Reach.UNCERTAIN
        return Outcome(
            status=AttemptStatus.UNCONFIRMED if unsure else AttemptStatus.FAILED, error=error
        )
    return Outcome(status=AttemptStatus.SUCCESS, opening=opening)


def _store(attempt: ActionAttempt, outcome: Outcome, by: str) -> None:
    with transaction.atomic():
        hold(attempt.device_id)
        now = database_now()
        error = outcome.error
        said, code = (_sentence(attempt, error), _code(attempt, error)) if error else ("", "")
        columns = {
            "status": outcome.status,
            "finished_at": now,
            "error": said[:300],
            "error_code": code,
            "retry_after_seconds": int(error.retry_after_seconds)
            if isinstance(error, RateLimitError)
            else None,
            "released_seconds": outcome.opening
            and doors.released_seconds(attempt, outcome.opening),
            "evidence": _kept_or(
                AttemptEvidence.REPLY
                if outcome.status == AttemptStatus.SUCCESS
                else AttemptEvidence.NONE
            ),
        }
        mine = ActionAttempt.objects.filter(
            pk=attempt.pk, status=AttemptStatus.SENDING, claimed_by=by
        )
        late = ActionAttempt.objects.filter(pk=attempt.pk, status=AttemptStatus.UNCONFIRMED)
        if not (mine.update(**columns) or (_is_settling(outcome) and late.update(**columns))):
            return
        attempt.refresh_from_db(fields=[*columns, "opened_at"])
        note(
            attempt,
            attempt.device,
            _VERB_OF[outcome.status],
            RESULT_OF[outcome.status],
            at=now,
            error=said,
            code=code,
        )
        doors.move(attempt, now)
        if attempt.action == Action.LOCK and attempt.error_code == Code.OFFLINE_OR_UNSUPPORTED:
            Device.objects.filter(pk=attempt.device_id).update(lock_refused_at=now)
        settle_if_told(attempt, now)
        live.announce(attempt.workspace_id, attempt.device_id)
    if error:
        health.note_command_error(attempt.device.account, error, at=now)
    elif attempt.device.account.otp_refusals:
        health.note_command_ok(attempt.device.account)


_OTP_CODES = (Code.OTP_REQUIRED, Code.OTP_INVALID, Code.OTP_BLOCKED, Code.NOT_ACTIVATED)


def _code(attempt: ActionAttempt, error: ProviderError) -> str:
    """Which word to keep. An IQ forbids commands to a lock that somebody inside has closed."""
    is_private = attempt.device.privacy_mode is True
    return Code.PRIVACY_MODE if is_private and error.code == Code.COMMAND_FORBIDDEN else error.code


def _sentence(attempt: ActionAttempt, error: ProviderError) -> str:
    """Say what went wrong in the words of ux 3: who refused, why, and the status for support."""
    if isinstance(error, RateLimitError):
        return f"Too many requests; try again in {error.retry_after_seconds:.0f} s."
    if _code(attempt, error) == Code.PRIVACY_MODE:
        did = "opened" if attempt.action == Action.UNLOCK else "locked"
        return f"Somebody is inside (privacy mode). Not {did}."
    if _cannot_lock(attempt, error):
        return f"This lock cannot be locked from here ({error.status})."
    said = str(error).rstrip(".")
    if isinstance(error, MissingScopeError) and error.scope:
        said = f"Our login there lacks the permission “{error.scope}”"
    if error.reach == Reach.REFUSED and error.status:
        label = PROVIDERS[attempt.device.account.provider].label
        if not said.startswith(label):
            said = f"Refused by {label}: {said[:1].lower()}{said[1:]}"
        if error.code not in _OTP_CODES:  # Salto's 404 for these means something else to people
            said = f"{said} ({error.status})"
    return f"{said}."


def _cannot_lock(attempt: ActionAttempt, error: ProviderError) -> bool:
    """Whether the refusal of a lock can only mean the hardware: it is there to be heard."""
    if attempt.action != Action.LOCK or error.code != Code.OFFLINE_OR_UNSUPPORTED:
        return False
    return attempt.device.is_online is True and attempt.device.unheard_since is None


def _kept_or(evidence: AttemptEvidence) -> Case:
    """The feed may have told of an opening before its answer came: that is worth more."""
    told = When(evidence=AttemptEvidence.FEED, then=Value(AttemptEvidence.FEED))
    return Case(told, default=Value(evidence))


def _is_settling(outcome: Outcome) -> bool:
    return outcome.status != AttemptStatus.UNCONFIRMED


_VERB_OF = {
    AttemptStatus.SUCCESS: "succeeded",
    AttemptStatus.FAILED: "failed",
    AttemptStatus.UNCONFIRMED: "unconfirmed",
}
