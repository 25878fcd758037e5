"""How a connected account is doing: one place decides, says it once, and says when it heals.

States and edges: reliability E4. An authentication failure is a person's business at once;
anything else must repeat before it is worth a banner.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.dispatch import Signal
from django.utils import timezone

from accounts.models import AccountState, ConnectedAccount
from accounts.providers.base import (
    AuthError,
    Code,
    MissingScopeError,
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


def note_ok(account: ConnectedAccount, *, at: datetime) -> None:
    """A poll succeeded: heal what a poll can heal."""
    if account.failures_in_a_row or account.throttled_until:
        ConnectedAccount.objects.filter(pk=account.pk).update(
            failures_in_a_row=0, throttled_until=None
        )
        account.failures_in_a_row, account.throttled_until = 0, None
    if account.state in (AccountState.DEGRADED, AccountState.THROTTLED) or (
        account.trouble and account.state == AccountState.CONNECTED
    ):
        _change(account, AccountState.CONNECTED, "", "", at=at)


def note_failure(account: ConnectedAccount, error: ProviderError, *, at: datetime) -> None:
    """A poll failed. An expected outcome: it is written down, not raised."""
    if isinstance(error, AuthError):
        _change(account, AccountState.RECONNECT_REQUIRED, error.code, str(error), at=at)
        return
    if isinstance(error, RateLimitError):
        until = at + timedelta(seconds=error.retry_after_seconds)
        ConnectedAccount.objects.filter(pk=account.pk).update(throttled_until=until)
        _change_unless_blocked(account, AccountState.THROTTLED, error, at=at)
        return
    if isinstance(error, MissingScopeError):
        # Only that function is off; the rest of the account works.
        _change_unless_blocked(account, AccountState.CONNECTED, error, at=at)
        return
    ConnectedAccount.objects.filter(pk=account.pk).update(
        failures_in_a_row=F("failures_in_a_row") + 1
    )
    account.failures_in_a_row += 1
    if account.failures_in_a_row >= TROUBLE_AFTER or error.code in _PLAIN_TROUBLE:
        _change_unless_blocked(account, AccountState.DEGRADED, error, at=at)


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


def next_poll_delay(account: ConnectedAccount, interval_ms: int) -> timedelta:
    """Return the usual interval, or longer while polls keep failing (at most ten minutes)."""
    doublings = max(0, account.failures_in_a_row - TROUBLE_AFTER + 1)
    seconds = interval_ms / 1000
    return timedelta(seconds=min(seconds * 2 ** min(doublings, 10), max(600.0, seconds)))


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
