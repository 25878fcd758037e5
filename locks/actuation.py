"""Commands to the physical world: a row, a claim, one provider call, one outcome.

Rules: reliability A1 and E1. The row is the command. Messages carry its id and may be lost,
doubled or late without harm, because only the UPDATE in `_claim` lets anybody call.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial
from uuid import UUID

from django.conf import settings
from django.db import (
    IntegrityError,
    InterfaceError,
    OperationalError,
    connection,
    transaction,
)
from django.db.models import Case, Count, DateTimeField, Func, Q, Value, When
from django.utils import timezone

from accounts import health
from accounts.actors import Actor
from accounts.driving import driver_for
from accounts.models import AccountState, ConnectedAccount, Dialect, UnlockPolicy, User
from accounts.permissions import Permission, roles_with
from accounts.providers import PROVIDERS
from accounts.providers.base import (
    Code,
    Opening,
    ProviderError,
    RateLimitError,
    Reach,
    RemoteUnlock,
    UnsupportedError,
)
from accounts.sealing import UnreadableError
from audit.services import record
from audit.who import Who
from audit.words import How, Result, Verb
from locks import live, tasks
from locks.models import ActionAttempt, Device
from locks.states import Action, AttemptEvidence, AttemptStatus, Evidence, LockState

logger = logging.getLogger(__name__)

#: A call that cannot finish in this time is not begun.
MINIMUM_BUDGET_SECONDS = 1.0
#: A repeat this soon after a success is the same wish, not a second one (ACT-12).
COOL_DOWN_SECONDS = 3
#: Seam's published guardrail, per device and minute (ACT-16); and ours, per person.
PER_DEVICE_AND_MINUTE = 15
PER_PERSON_AND_MINUTE = 60
#: Salto's documented default open time; its Connect API has no duration per call (SKS-06).
SALTO_OPEN_SECONDS = 7
#: How long the outcome of a command that went wrong stays on the board.
SHOWN_FOR = timedelta(minutes=2)
#: After the deadline, until an attempt that is still being sent is called unconfirmed.
GRACE = timedelta(seconds=3)
#: An attempt still waiting after this may have lost its hint, and gets another one (Q-01).
LOST_AFTER = timedelta(seconds=1)

_LABEL = {Action.UNLOCK: "unlocking", Action.LOCK: "locking"}


class RefusedHere(Exception):  # noqa: N818  reads as what happened
    """We did not even try. `str()` is the sentence for people."""

    status = 409
    code = "refused"


class BusyError(RefusedHere):
    """Another command to this door is under way."""

    code = "busy"


class KeyReusedError(RefusedHere):
    code = "idempotency_key_reused"


class ReasonMissingError(RefusedHere):
    status = 400
    code = "reason_required"


class NotSupportedError(RefusedHere):
    status = 422
    code = "not_supported"


class AccountSilentError(RefusedHere):
    code = "account_not_usable"


class TooManyError(RefusedHere):
    status = 429
    code = "rate_limited"

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class _ClockTimestamp(Func):
    """The database's clock now, not when its transaction began."""

    template = "clock_timestamp()"
    output_field = DateTimeField()


@dataclass(frozen=True, kw_only=True)
class Order:
    """What somebody wants of a door, before it is allowed."""

    action: Action
    idempotency_key: str
    who: Who
    how: How
    #: None for the command line, which has the machine's own authority.
    actor: Actor | None
    reason: str = ""
    seconds: int | None = None
    #: An explicit second opening during the cool-down.
    again: bool = False

    @property
    def user(self) -> User | None:
        return self.actor.user if self.actor else None

    def hash_for(self, device: Device) -> str:
        asked = f"{device.pk}:{self.action}:{self.seconds}:{self.reason}"
        return hashlib.sha256(asked.encode()).hexdigest()


def request(device: Device, order: Order) -> ActionAttempt:
    """Write the command down, and have it carried out once that is committed.

    Return the attempt: a new one, or the one this wish already led to (same key; the same
    action under way; a success a moment ago). Returns before the door moves.

    Raises RefusedHere and its kin; PermissionDenied when the actor may not.
    """
    if order.actor:
        order.actor.require(Permission.UNLOCK, device.property_id)
    try:
        return _request(device, order)
    except IntegrityError as error:
        # One key, two doors, one moment: each look at the keys came before the other's row.
        if "attempt_key_once_per_user" in str(error):
            raise KeyReusedError("key was used for a different request") from None
        raise


def _request(device: Device, order: Order) -> ActionAttempt:
    with transaction.atomic():
        # One click at a time per door decides; the unique index is the second lock on it.
        locked = (
            Device.objects.select_for_update(of=("self",))
            .select_related("account", "property")
            .defer("raw", "unknown_words")
            .annotate(database_now=_ClockTimestamp())
            .get(pk=device.pk)
        )
        now: datetime = locked.database_now  # type: ignore[attr-defined]  # annotated above
        if earlier := _earlier(locked, order, now):
            return earlier
        _refuse_if(locked, order, now)
        return _write(locked, order, now)


def _earlier(device: Device, order: Order, now: datetime) -> ActionAttempt | None:
    """Return the attempt that already stands for this order, if any."""
    same_key = ActionAttempt.objects.filter(
        user=order.user, idempotency_key=order.idempotency_key
    ).first()
    if same_key:
        if same_key.request_hash != order.hash_for(device):
            raise KeyReusedError("key was used for a different request")
        return same_key
    latest = device.attempts.order_by("-created_at").first()
    if latest is None:
        return None
    if latest.is_open:
        if latest.action == order.action:
            return latest
        raise BusyError(f"{latest.actor_name} is {_LABEL[Action(latest.action)]} this door.")
    cool_until = (latest.finished_at or now) + timedelta(
        seconds=max(latest.released_seconds or 0, COOL_DOWN_SECONDS)
    )
    is_repeat = latest.status == AttemptStatus.SUCCESS and latest.action == order.action
    return latest if is_repeat and now < cool_until and not order.again else None


def _refuse_if(device: Device, order: Order, now: datetime) -> None:
    """Raise what stands in the way of a new attempt."""
    account = device.account
    if device.removed_at:
        raise RefusedHere(f"device is not active since {device.removed_at:%-d %b %Y}")
    if account.is_silent:
        raise AccountSilentError(
            f"{account.name} needs to be reconnected first. The door was not asked."
        )
    if account.state == AccountState.ACTUATION_BLOCKED:
        raise AccountSilentError(
            f"Remote opening is blocked for {account.name}: {account.trouble.rstrip('.')}. "
            "The door was not asked."
        )
    if order.action == Action.LOCK and not device.is_lockable:
        raise NotSupportedError("this lock cannot be locked remotely")
    if order.action == Action.UNLOCK and not device.can_unlock:
        raise NotSupportedError("this lock cannot be opened remotely")
    if order.action == Action.UNLOCK and device.policy == UnlockPolicy.REASON and not order.reason:
        raise ReasonMissingError("Give a reason: this door asks for one.")
    _refuse_too_many(device, order, now)


def _refuse_too_many(device: Device, order: Order, now: datetime) -> None:
    of_door = Q(device=device, action=order.action)
    of_person = Q(user=order.user, actor_kind=order.who.kind)
    recent = ActionAttempt.objects.filter(
        of_door | of_person, created_at__gt=now - timedelta(minutes=1)
    ).aggregate(door=Count("pk", filter=of_door), person=Count("pk", filter=of_person))
    if recent["door"] >= PER_DEVICE_AND_MINUTE or recent["person"] >= PER_PERSON_AND_MINUTE:
        raise TooManyError("Too many requests; try again in 60 s.", 60)


def _write(device: Device, order: Order, now: datetime) -> ActionAttempt:
    attempt = ActionAttempt.objects.create(
        workspace_id=device.workspace_id,
        device=device,
        action=order.action,
        seconds=order.seconds,
        reason=order.reason,
        user=order.user,
        actor_kind=order.who.kind,
        actor_name=order.who.name[:200],
        how=order.how,
        idempotency_key=order.idempotency_key,
        request_hash=order.hash_for(device),
        created_at=now,
        deadline=now + timedelta(seconds=settings.ATTEMPT_DEADLINE_SECONDS),
    )
    transaction.on_commit(lambda: dispatch(attempt.pk))  # before the boards: the door waits
    _record(attempt, device, "requested", Result.REQUESTED, at=now)
    _show(device, attempt)
    return attempt


# --- carrying it out --------------------------------------------------------------------


@cache
def _executor(_pid: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=16, thread_name_prefix="attempt")


def dispatch(attempt_id: UUID) -> None:
    """Have a worker perform an attempt; if the broker does not take the hint, do it here.

    Returns at once: neither a hung broker nor a slow provider holds the request.
    """
    _executor(os.getpid()).submit(_dispatch, attempt_id)


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
            _CLAIM,
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
           AND (m.property_id IS NULL OR m.property_id = d.property_id)))
RETURNING a.sent_at, extract(epoch FROM a.deadline - clock_timestamp())
"""


def _drop(attempt: ActionAttempt) -> None:
    """End an attempt that may not be sent: too late, or no longer allowed."""
    with transaction.atomic():
        now = _database_now()
        if attempt.deadline <= now + timedelta(seconds=MINIMUM_BUDGET_SECONDS):
            _end_unsent(attempt, AttemptStatus.EXPIRED, "Not sent – took too long.", now)
        else:
            _end_unsent(attempt, AttemptStatus.CANCELLED, "Not sent – no longer allowed.", now)


def refuse(attempt: ActionAttempt, error: str, code: str) -> None:
    """End a queued attempt that cannot be sent at all."""
    with transaction.atomic():
        _end_unsent(attempt, AttemptStatus.FAILED, error, _database_now(), code=code)


def _end_unsent(
    attempt: ActionAttempt, status: AttemptStatus, error: str, now: datetime, *, code: str = ""
) -> None:
    _hold(attempt.device_id)
    ended = ActionAttempt.objects.filter(pk=attempt.pk, status=AttemptStatus.QUEUED).update(
        status=status, finished_at=now, error=error[:300], error_code=code or status
    )
    if ended:
        _record(attempt, attempt.device, status.value, Result.FAILED, at=now, error=error)
        _show(attempt.device, attempt)


def _call_and_store(attempt: ActionAttempt, driver: RemoteUnlock, until: float, by: str) -> None:
    connection.close()  # back to the pool: nothing of the database is held during the call
    outcome = _call(attempt, driver, until - time.monotonic())
    _insist(lambda: _store(attempt, outcome, by))


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


def _insist(store: Callable[[], None], *, seconds: float = 30) -> None:
    """Store a result although the database may be away for a moment (DB-02).

    What cannot be stored in time is found by the sweeper, and becomes unconfirmed.
    """
    until = time.monotonic() + seconds
    while True:
        try:
            store()
        except (OperationalError, InterfaceError):
            connection.close()
            if time.monotonic() > until:
                raise
            threading.Event().wait(0.5)
        else:
            return


def _store(attempt: ActionAttempt, outcome: Outcome, by: str) -> None:
    with transaction.atomic():
        _hold(attempt.device_id)
        now = _database_now()
        error = outcome.error
        said = _sentence(attempt, error) if error else ""
        released = _released_seconds(attempt, outcome)
        columns = {
            "status": outcome.status,
            "finished_at": now,
            "error": said[:300],
            "error_code": error.code if error else "",
            "retry_after_seconds": int(error.retry_after_seconds)
            if isinstance(error, RateLimitError)
            else None,
            "released_seconds": released,
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
        attempt.refresh_from_db(fields=[*columns])
        attempt.device.refresh_from_db(fields=["office_mode"])  # it may have begun meanwhile
        _record(
            attempt,
            attempt.device,
            _VERB_OF[outcome.status],
            _RESULT_OF[outcome.status],
            at=now,
            error=said,
            code=error.code if error else "",
        )
        _move(attempt, outcome, now)
        _settle_if_told(attempt, now)
    if error:
        health.note_command_error(attempt.device.account, error, at=now)
    elif attempt.device.account.otp_refusals:
        health.note_command_ok(attempt.device.account)


def _sentence(attempt: ActionAttempt, error: ProviderError) -> str:
    """Say what went wrong in the words of ux 3: who refused, why, and the status for support."""
    if isinstance(error, RateLimitError):
        return f"Too many requests; try again in {error.retry_after_seconds:.0f} s."
    said = str(error).rstrip(".")
    if error.reach == Reach.REFUSED and error.status:
        label = PROVIDERS[attempt.device.account.provider].label
        if not said.startswith(label):
            said = f"Refused by {label}: {said[:1].lower()}{said[1:]}"
        said = f"{said} ({error.status})"
    return f"{said}."


def _kept_or(evidence: AttemptEvidence) -> Case:
    """The feed may have told of an opening before its answer came: that is worth more."""
    told = When(evidence=AttemptEvidence.FEED, then=Value(AttemptEvidence.FEED))
    return Case(told, default=Value(evidence))


def _settle_if_told(attempt: ActionAttempt, now: datetime) -> None:
    """Settle what ended unconfirmed, if the feed told of the opening while it was being sent."""
    if (attempt.status, attempt.evidence) == (AttemptStatus.UNCONFIRMED, AttemptEvidence.FEED):
        _settle(attempt, AttemptStatus.SUCCESS, AttemptEvidence.FEED, at=now)


def _is_settling(outcome: Outcome) -> bool:
    return outcome.status != AttemptStatus.UNCONFIRMED


_VERB_OF = {
    AttemptStatus.SUCCESS: "succeeded",
    AttemptStatus.FAILED: "failed",
    AttemptStatus.UNCONFIRMED: "unconfirmed",
}
_RESULT_OF = {
    AttemptStatus.SUCCESS: Result.GRANTED,
    AttemptStatus.FAILED: Result.FAILED,
    AttemptStatus.UNCONFIRMED: Result.UNCONFIRMED,
}


def _released_seconds(attempt: ActionAttempt, outcome: Outcome) -> float | None:
    """How long the door stays open after this success: from the provider, or its known default."""
    if outcome.opening is None or attempt.action != Action.UNLOCK:
        return None
    if outcome.opening.released_seconds is not None:
        return outcome.opening.released_seconds
    account = attempt.device.account
    if account.dialect == "legacy":
        return float(attempt.seconds or account.released_state_ms / 1000)
    return SALTO_OPEN_SECONDS


def _move(attempt: ActionAttempt, outcome: Outcome, now: datetime) -> None:
    """Write what follows for the door: assumed until somebody sees it, and looked at soon."""
    columns: dict[str, object] = {}
    soon = now + timedelta(seconds=1)
    if outcome.status == AttemptStatus.SUCCESS and attempt.action == Action.LOCK:
        columns |= {
            "state": LockState.LOCKED,
            "state_at": now,
            "state_evidence": Evidence.ASSUMED,
            "released_until": None,
            "office_mode": False,
        }
    elif outcome.status == AttemptStatus.SUCCESS and not attempt.device.office_mode:
        released_until = now + timedelta(seconds=attempt.released_seconds or 0)
        columns |= {
            "state": LockState.UNLOCKED,
            "state_at": now,
            "state_evidence": Evidence.ASSUMED,
            "released_until": released_until,
        }
        soon = released_until + timedelta(seconds=1)
    if attempt.action == Action.LOCK and attempt.error_code == Code.OFFLINE_OR_UNSUPPORTED:
        columns["lock_refused_at"] = now
    columns["next_poll_at"] = soon
    Device.objects.filter(pk=attempt.device_id).update(**columns)
    live.announce(attempt.workspace_id, attempt.device_id)


# --- what time and evidence do -------------------------------------------------------------


def sweep() -> int:
    """Expire what is overdue, give up on answers that did not come, let released doors lock.

    Runs each second on database time. Return how many attempts changed. A backlog after an
    outage is dropped here, never sent (ACT-13); what is still in time is hinted at once more.
    """
    now = _database_now()
    _hint_again(now)
    overdue = _due(AttemptStatus.QUEUED, deadline__lte=now)
    for attempt in overdue:
        with transaction.atomic():
            _end_unsent(attempt, AttemptStatus.EXPIRED, "Not sent – took too long.", now)
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
        transaction.on_commit(partial(dispatch, pk))


def _due(status: AttemptStatus, **due: object) -> list[ActionAttempt]:
    return list(
        ActionAttempt.objects.select_related("device__account", "device__property").filter(
            status=status, **due
        )[:200]
    )


def _give_up(attempt: ActionAttempt, now: datetime) -> None:
    _hold(attempt.device_id)
    error = "No answer was stored: the process that sent it stopped."
    given_up = ActionAttempt.objects.filter(pk=attempt.pk, status=AttemptStatus.SENDING).update(
        status=AttemptStatus.UNCONFIRMED,
        finished_at=now,
        error=error,
        error_code=Code.NO_ANSWER,
    )
    if not given_up:
        return
    _record(attempt, attempt.device, "unconfirmed", Result.UNCONFIRMED, at=now, error=error)
    Device.objects.filter(pk=attempt.device_id).update(next_poll_at=now)
    _show(attempt.device, attempt)
    # Read again under the door's lock: the feed may have told of it since it was found overdue.
    attempt.refresh_from_db(fields=["status", "evidence"])
    _settle_if_told(attempt, now)


def _let_lock(now: datetime) -> None:
    """Doors whose opening time is over are assumed locked, until somebody sees them."""
    over = Device.objects.filter(released_until__lte=now)
    for pk, workspace_id in over.values_list("pk", "workspace_id"):
        Device.objects.filter(pk=pk, released_until__lte=now).exclude(office_mode=True).update(
            state=LockState.LOCKED,
            state_at=now,
            state_evidence=Evidence.ASSUMED,
            released_until=None,
        )
        live.announce(workspace_id, pk)


def _clear_old_outcomes(now: datetime) -> None:
    """Take outcomes off the board that were told long enough; unconfirmed ones stay."""
    old = Device.objects.filter(
        attempt__isnull=False, attempt__finished_at__lte=now - SHOWN_FOR
    ).exclude(attempt__status=AttemptStatus.UNCONFIRMED)
    for pk, workspace_id in old.values_list("pk", "workspace_id"):
        Device.objects.filter(pk=pk).update(attempt=None)
        live.announce(workspace_id, pk)


def settle_from_feed(
    device_id: UUID, *, person_id: str, occurred_at: datetime, at: datetime
) -> ActionAttempt | None:
    """Take a remote opening in the provider's feed as evidence for one of our attempts (ACT-17).

    Only if exactly one attempt fits in door, time and identity; otherwise nobody is credited.
    """
    _hold(device_id)
    fits = list(
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
            sent_at__gte=occurred_at - timedelta(seconds=60),
            sent_at__lte=occurred_at + timedelta(seconds=5),
        )
        .exclude(evidence=AttemptEvidence.FEED)[:2]
    )
    if len(fits) != 1 or not _is_ours(fits[0].device.account, person_id):
        return None
    if fits[0].status == AttemptStatus.SENDING:
        # Its answer is still to come; whoever stores that finds this evidence.
        fits[0].evidence = AttemptEvidence.FEED
        fits[0].save(update_fields=["evidence"])
    else:
        _settle(fits[0], AttemptStatus.SUCCESS, AttemptEvidence.FEED, at=at)
    return fits[0]


def _is_ours(account: ConnectedAccount, person_id: str) -> bool:
    """Tell whether a remote opening may be this account's. Only the older dialect names nobody."""
    nobody = not person_id and account.dialect == Dialect.LEGACY
    return nobody or person_id == account.remote_id


def settle_by_person(attempt: ActionAttempt, *, opened: bool, actor: Actor, at: datetime) -> bool:
    """Take somebody's word for what the door did. Return False if it was settled already."""
    actor.require(Permission.UNLOCK, attempt.device.property_id)
    with transaction.atomic():
        _hold(attempt.device_id)
        row = (
            ActionAttempt.objects.select_for_update(of=("self",))
            .select_related("device__account", "device__property")
            .get(pk=attempt.pk)
        )
        if row.status != AttemptStatus.UNCONFIRMED:
            return False
        status = AttemptStatus.SUCCESS if opened else AttemptStatus.FAILED
        _settle(row, status, AttemptEvidence.HUMAN, at=at, who=actor.who)
    return True


def _settle(
    attempt: ActionAttempt,
    status: AttemptStatus,
    evidence: AttemptEvidence,
    *,
    at: datetime,
    who: Who | None = None,
) -> None:
    was_unsure = attempt.status == AttemptStatus.UNCONFIRMED
    ActionAttempt.objects.filter(pk=attempt.pk).update(
        status=status, evidence=evidence, settled_at=at
    )
    if was_unsure:
        _record(
            attempt,
            attempt.device,
            "settled",
            _RESULT_OF[status],
            at=at,
            who=who,
            evidence=evidence.value,
        )
    _show(attempt.device, attempt)


# --- shared ------------------------------------------------------------------------------------


def _record(
    attempt: ActionAttempt,
    device: Device,
    what: str,
    result: Result,
    *,
    at: datetime,
    who: Who | None = None,
    **detail: str,
) -> None:
    record(
        Verb(f"{attempt.action}_{what}"),
        workspace_id=attempt.workspace_id,
        at=at,
        who=who or attempt.who,
        place=device.as_place(),
        attempt_id=attempt.pk,
        how=attempt.how,
        result=result,
        reason=attempt.reason,
        **{key: value for key, value in detail.items() if value},
    )


def _show(device: Device, attempt: ActionAttempt) -> None:
    """Have boards tell of this attempt, unless there is a newer one to tell of."""
    newer = Q(attempt__created_at__gt=attempt.created_at)
    Device.objects.filter(pk=device.pk).exclude(newer).update(attempt_id=attempt.pk)
    live.announce(attempt.workspace_id, device.pk)


def _hold(device_id: UUID) -> None:
    """Lock the door's row until the transaction ends.

    Whatever touches a door and its attempts takes the door first. In two orders, a stored
    answer and a feed that tells of it would wait for each other.
    """
    list(Device.objects.select_for_update(no_key=True).filter(pk=device_id).values_list("pk"))


def _database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now
