"""How a connected account is doing: one place decides, says it once, and says when it heals.

States and edges: reliability E4. An authentication failure is a person's business at once;
anything else must repeat before it is worth a banner. Failures are counted for each kind of
asking apart, so that a broken feed slows nothing but the feed (ACC-05). Clicks and revocations
are always tried.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.dispatch import Signal
from django.utils import timezone

from accounts.models import AccountState, ConnectedAccount, Operation, Trouble
from accounts.providers.base import (
    AuthError,
    Code,
    MissingScopeError,
    NotYetError,
    ProviderError,
    RateLimitError,
)
from audit.services import record
from audit.words import Verb

#: The state or the trouble of an account changed, or what its hubs allow. Arguments: `account`,
#: `at`. Sent in the transaction that changed it.
account_changed = Signal()

#: Failures in a row until passing trouble is called degraded.
TROUBLE_AFTER = 5
#: One-time codes refused in a row until opening stops and a person must act (ACT-14).
OTP_REFUSALS = 2

_UNREADABLE = "The stored secret cannot be opened with the keys this server has."


def note_ok(account: ConnectedAccount, operation: Operation, *, at: datetime) -> None:
    """A poll succeeded: its kind works again, and the account does unless another kind fails."""
    account.troubles.filter(operation=operation).delete()
    if account.throttled_until:
        ConnectedAccount.objects.filter(pk=account.pk).update(throttled_until=None)
        account.throttled_until = None
    is_passing = account.state in (AccountState.DEGRADED, AccountState.THROTTLED)
    is_told = account.state == AccountState.CONNECTED and bool(account.trouble)
    if (is_passing or is_told) and not _speaks_against(account):
        _change(account, AccountState.CONNECTED, "", "", at=at)


def _speaks_against(account: ConnectedAccount) -> bool:
    """Tell whether a kind of asking fails that would say so when it works again."""
    asked = {Operation.STATUS, Operation.CODES, Operation.SYSTEMS}
    if account.event_poll_interval_ms:
        asked.add(Operation.EVENTS)
    return account.troubles.filter(operation__in=asked).exists()


def note_failure(
    account: ConnectedAccount,
    error: ProviderError,
    *,
    at: datetime,
    operation: Operation | None = None,
    interval_ms: int = 0,
) -> datetime | None:
    """Something asked of a provider failed. An expected outcome: it is written down, not raised.

    Return until when this kind of asking should rest, if it should. `interval_ms` is how often
    it is asked usually. Without an `operation` only what a person or a wait must mend counts.
    """
    if isinstance(error, NotYetError):
        return None
    if isinstance(error, AuthError):
        _change(account, AccountState.RECONNECT_REQUIRED, error.code, str(error), at=at)
        return None
    if isinstance(error, RateLimitError):
        until = at + timedelta(seconds=error.retry_after_seconds)
        ConnectedAccount.objects.filter(pk=account.pk).update(throttled_until=until)
        account.throttled_until = until
        _change_unless_blocked(account, AccountState.THROTTLED, error, at=at)
        return None
    if operation is None:
        return None
    failures = _count(account, operation, 0 if isinstance(error, MissingScopeError) else 1)
    if operation == Operation.DOORS:
        pass  # asked now and then only: the status poll says how the account is doing
    elif isinstance(error, MissingScopeError):
        # Only that function is off; the rest of the account works.
        _change_unless_blocked(account, AccountState.CONNECTED, error, at=at)
    elif failures >= TROUBLE_AFTER or error.code in _PLAIN_TROUBLE:
        _change_unless_blocked(account, AccountState.DEGRADED, error, at=at)
    return _rest(account, operation, failures, interval_ms, at)


def _count(account: ConnectedAccount, operation: Operation, more: int) -> int:
    """Note that a kind of asking fails. Return how often it did, in a row."""
    trouble, is_new = Trouble.objects.get_or_create(
        account=account, operation=operation, defaults={"failures_in_a_row": more}
    )
    if not is_new and more:
        trouble.failures_in_a_row = F("failures_in_a_row") + more
        trouble.save(update_fields=["failures_in_a_row"])
        trouble.refresh_from_db(fields=["failures_in_a_row"])
    return trouble.failures_in_a_row


def _rest(
    account: ConnectedAccount,
    operation: Operation,
    failures: int,
    interval_ms: int,
    at: datetime,
) -> datetime | None:
    if failures < TROUBLE_AFTER:
        return None
    until = at + retry_delay(failures, interval_ms)
    account.troubles.filter(operation=operation).update(retry_at=until)
    return until


def is_resting(account_id: UUID, operation: Operation, *, at: datetime) -> bool:
    """Tell whether this kind of asking keeps failing and rests now. Clicks and revocations don't."""
    return Trouble.objects.resting(operation, at).filter(account_id=account_id).exists()


#: Refusals that will not pass by themselves within five polls.
_PLAIN_TROUBLE = (Code.SUBSCRIPTION_ENDED, Code.SITE_NOT_RELEASED, Code.ADDON_OFF)


def note_unreadable(account: ConnectedAccount) -> None:
    _change(
        account,
        AccountState.SECRET_UNREADABLE,
        "secret_unreadable",
        _UNREADABLE,
        at=timezone.now(),
    )


def note_command_error(account: ConnectedAccount, error: ProviderError, *, at: datetime) -> None:
    """A command was refused: what does that say about the account?"""
    if isinstance(error, AuthError):
        _change(account, AccountState.RECONNECT_REQUIRED, error.code, str(error), at=at)
    elif error.code == Code.OTP_BLOCKED:
        _change(account, AccountState.ACTUATION_BLOCKED, error.code, str(error), at=at)
    elif error.code in (Code.OTP_INVALID, Code.OTP_REQUIRED, Code.NOT_ACTIVATED):
        rows = ConnectedAccount.objects.filter(pk=account.pk)
        rows.update(otp_refusals=F("otp_refusals") + 1)
        if rows.filter(otp_refusals__gte=OTP_REFUSALS).exists():
            _change(account, AccountState.ACTUATION_BLOCKED, error.code, str(error), at=at)


def note_command_ok(account: ConnectedAccount) -> None:
    ConnectedAccount.objects.filter(pk=account.pk).update(otp_refusals=0)


def allow_opening_again(account: ConnectedAccount, *, at: datetime) -> None:
    """A person says the one-time codes are in order again. Call it with its own log line."""
    ConnectedAccount.objects.filter(pk=account.pk).update(otp_refusals=0)
    if account.state == AccountState.ACTUATION_BLOCKED:
        _change(account, AccountState.CONNECTED, "", "", at=at)


#: Where a kind of asking has no interval of its own.
_USUAL_INTERVAL_MS = 15_000
_LONGEST_REST_SECONDS = 600.0


def retry_delay(failures: int, interval_ms: int) -> timedelta:
    """Return how long to wait after so many failures in a row: longer each time, up to 10 min."""
    seconds = (interval_ms or _USUAL_INTERVAL_MS) / 1000
    doublings = min(max(0, failures - TROUBLE_AFTER + 1), 10)
    return timedelta(seconds=min(seconds * 2**doublings, max(_LONGEST_REST_SECONDS, seconds)))


def _change_unless_blocked(
    account: ConnectedAccount, state: AccountState, error: ProviderError, *, at: datetime
) -> None:
    """A poll's trouble must not hide that opening is blocked: that needs a person."""
    if account.state != AccountState.ACTUATION_BLOCKED:
        _change(account, state, error.code, str(error), at=at)


def _change(
    account: ConnectedAccount, state: AccountState, code: str, trouble: str, *, at: datetime
) -> None:
    """Move to a state. One UPDATE decides, so of two workers that see it one speaks."""
    with transaction.atomic():
        moved = (
            ConnectedAccount.objects.filter(pk=account.pk)
            .exclude(state=AccountState.DISCONNECTED)
            .exclude(state=state, trouble_code=code)
            .update(state=state, trouble_code=code, trouble=trouble[:300], state_since=at)
        )
        if not moved:
            return
        before, account.state = account.state, state
        account.trouble_code, account.trouble, account.state_since = code, trouble[:300], at
        record(
            Verb.ACCOUNT_HEALTH_CHANGED,
            workspace_id=account.workspace_id,
            at=at,
            place=account.as_place(),
            before=before,
            after=state.value,
            trouble=trouble,
        )
        account_changed.send(ConnectedAccount, account=account, at=at)
