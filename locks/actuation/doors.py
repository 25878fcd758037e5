"""What a command means for what is known of its door: assumed, until somebody sees it."""

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from accounts.models import Dialect
from accounts.providers import PROVIDERS
from accounts.providers.base import Opening
from locks.models import ActionAttempt, Device
from locks.states import Action, AttemptStatus, Evidence, LockState

#: Salto's documented default open time; its Connect API has no duration per call (SKS-06).
SALTO_OPEN_SECONDS = 7
#: When to look at a door again after its time is over, or after something happened to it.
_SOON = timedelta(seconds=1)


def released_seconds(attempt: ActionAttempt, opening: Opening | None = None) -> float | None:
    """How long the door stays open if this succeeds: as the provider says, or its known default.

    None where nobody knows: a lock may stay open until somebody locks it.
    """
    if attempt.action != Action.UNLOCK:
        return None
    if opening is not None and opening.released_seconds is not None:
        return opening.released_seconds
    account = attempt.device.account
    if not PROVIDERS[account.provider].closes_doors:
        return None
    if account.dialect == Dialect.LEGACY:
        return float(attempt.seconds or account.released_state_ms / 1000)
    return SALTO_OPEN_SECONDS


def move(attempt: ActionAttempt, now: datetime) -> None:
    """Write what an outcome of `now` means for the door, and have the door looked at soon.

    A door that opened some time before a slow answer is shown open for as long as it may be:
    until the feed tells when it opened, no board calls an open door locked.
    """
    rows = Device.objects.filter(pk=attempt.device_id)
    if not (attempt.status == AttemptStatus.SUCCESS and _moved(attempt, rows, now)):
        rows.update(next_poll_at=now + _SOON)


def _moved(attempt: ActionAttempt, rows: QuerySet[Device], now: datetime) -> int:
    if attempt.action == Action.LOCK:
        return rows.exclude(state_at__gt=attempt.moved_about).update(
            state=LockState.LOCKED,
            state_at=now,
            state_evidence=Evidence.ASSUMED,
            released_until=None,
            office_mode=False,
            next_poll_at=now + _SOON,
        )
    if attempt.released_seconds is None:
        return _opened_for_good(attempt, rows, now)
    until = _open_until(attempt)
    if until <= now:
        return _relocked(attempt, rows, until)
    shorter = Q(released_until=None) | Q(released_until__lt=until)
    return (
        rows.filter(shorter)
        .exclude(office_mode=True)
        .update(
            state=LockState.UNLOCKED,
            state_at=now,
            state_evidence=Evidence.ASSUMED,
            released_until=until,
            next_poll_at=now + _SOON if attempt.is_vague else until + _SOON,
        )
    )


def _relocked(attempt: ActionAttempt, rows: QuerySet[Device], until: datetime) -> int:
    """The opening is over by the time we hear of it: what was seen before it is out of date."""
    return (
        rows.filter(state_at__lt=attempt.moved_about)
        .exclude(Q(office_mode=True) | Q(state=LockState.UNKNOWN))
        .update(
            state=LockState.LOCKED,
            state_at=until,
            state_evidence=Evidence.ASSUMED,
            next_poll_at=until + _SOON,
        )
    )


def _opened_for_good(attempt: ActionAttempt, rows: QuerySet[Device], now: datetime) -> int:
    """Show it open until a look tells otherwise, and look at once."""
    return rows.exclude(state_at__gt=attempt.moved_about).update(
        state=LockState.UNLOCKED,
        state_at=now,
        state_evidence=Evidence.ASSUMED,
        released_until=None,
        next_poll_at=now + _SOON,
    )


def correct(attempt: ActionAttempt, now: datetime) -> None:
    """The feed told when a door opened whose answer was slow: count from then."""
    assert attempt.finished_at is not None
    seconds = timedelta(seconds=attempt.released_seconds or 0)
    rows = Device.objects.filter(
        pk=attempt.device_id, released_until=attempt.finished_at + seconds
    ).exclude(office_mode=True)
    until = _open_until(attempt)
    if until > now:
        rows.update(released_until=until, next_poll_at=until + _SOON)
    else:
        rows.update(
            state=LockState.LOCKED,
            state_at=now,
            state_evidence=Evidence.ASSUMED,
            released_until=None,
            next_poll_at=now,
        )


def _open_until(attempt: ActionAttempt) -> datetime:
    return attempt.moved_about + timedelta(seconds=attempt.released_seconds or 0)
