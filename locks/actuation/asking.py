"""Somebody wants a door to move: what stands in the way, or a row that is the command."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, DateTimeField, Func, Q

from accounts.actors import Actor
from accounts.models import AccountState, UnlockPolicy, User
from accounts.permissions import Permission
from audit.who import Who
from audit.words import How, Result
from locks.actuation import authorities, sending
from locks.actuation.authorities import Authority
from locks.actuation.rows import note, show
from locks.models import ActionAttempt, Device
from locks.states import Action, AttemptStatus

#: A repeat this soon after a success is the same wish, not a second one (ACT-12).
COOL_DOWN_SECONDS = 3
#: Seam's published guardrail, per device and minute (ACT-16); and ours, per person.
PER_DEVICE_AND_MINUTE = 15
PER_PERSON_AND_MINUTE = 60

#: Most outcomes come before this. Whoever clicked is told at once; other boards need not be
#: told twice, at the very moment when the machine is busy with the click itself.
OUTCOME_MAY_FOLLOW_SECONDS = 0.1

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


class NotActivatedError(RefusedHere):
    """The door's hub wants one-time codes, and we have none to give."""

    code = "otp_not_activated"


class NotAllowedError(RefusedHere):
    """The authority given does not hold for this door now."""

    status = 403
    code = "not_allowed"


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
    #: None for the command line, which has the machine's own authority; and for an `authority`.
    actor: Actor | None
    #: For people without a role here: what gives them this door now.
    authority: Authority | None = None
    #: SHA-256 of what a guest's browser calls itself, for the log.
    agent_hash: str = ""
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
            .select_related("account", "property", "hub")
            .defer("raw", "unknown_words", "hub__raw")
            .annotate(database_now=_ClockTimestamp())
            .get(pk=device.pk)
        )
        now: datetime = locked.database_now  # type: ignore[attr-defined]  # annotated above
        if order.authority and not authorities.holds(order.authority, locked):
            raise NotAllowedError("You may not open this door now.")
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
        is_mine = order.user is not None and latest.user_id == order.user.pk
        who = "You are" if is_mine else f"{latest.actor_name} is"
        raise BusyError(f"{who} {_LABEL[Action(latest.action)]} this door.")
    cool_until = max(
        (latest.finished_at or now) + timedelta(seconds=COOL_DOWN_SECONDS),
        latest.moved_about + timedelta(seconds=latest.released_seconds or 0),
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
    if device.hub and device.hub.needs_activation:
        raise NotActivatedError(
            f"Remote opening is not activated on {device.hub.name}. The door was not asked."
        )
    if order.action == Action.LOCK and not device.is_lockable:
        raise NotSupportedError("this lock cannot be locked remotely")
    if order.action == Action.UNLOCK and not device.can_unlock:
        raise NotSupportedError("this lock cannot be opened remotely")
    # A guest's reason is their stay.
    wants_reason = device.policy == UnlockPolicy.REASON and order.authority is None
    if order.action == Action.UNLOCK and wants_reason and not order.reason:
        raise ReasonMissingError("Give a reason: this door asks for one.")
    _refuse_too_many(device, order, now)


def _refuse_too_many(device: Device, order: Order, now: datetime) -> None:
    of_door = Q(device=device, action=order.action)
    of_person = Q(user=order.user, actor_kind=order.who.kind)
    if order.authority:
        of_person = Q(authority=order.authority.kind, authority_id=order.authority.id)
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
        actor_id="" if order.user else order.who.id,
        authority=order.authority.kind if order.authority else "",
        authority_id=order.authority.id if order.authority else None,
        how=order.how,
        idempotency_key=order.idempotency_key,
        request_hash=order.hash_for(device),
        created_at=now,
        deadline=now + timedelta(seconds=settings.ATTEMPT_DEADLINE_SECONDS),
    )
    transaction.on_commit(lambda: sending.dispatch(attempt.pk))  # before the boards: the door waits
    agent = order.agent_hash
    note(attempt, device, "requested", Result.REQUESTED, at=now, agent_hash=agent)
    show(device, attempt, patience_seconds=OUTCOME_MAY_FOLLOW_SECONDS)
    return attempt
