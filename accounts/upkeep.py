"""What people do with a connected account after it is connected."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from accounts import health
from accounts.actors import Actor
from accounts.hooks import managing
from accounts.models import AccountState, ConnectedAccount, ConnectWebview, Hub
from accounts.noting import note_change
from accounts.permissions import Permission
from accounts.signals import account_disconnected, disconnection_foretold
from audit.who import Who
from audit.words import Verb

#: Milliseconds, as in the settings of the account.
STATUS_INTERVAL_MS = (15_000, 3_600_000)
EVENT_INTERVAL_MS = (10_000, 3_600_000)
RELEASED_STATE_MS = (1_000, 60_000)
UNLOCK_SECONDS = (1, 60)


def may_change(actor: Actor, account: ConnectedAccount) -> bool:
    """Tell whether this person manages every property the account operates."""
    places = {site.property_id for site in account.sites.all()}
    return all(actor.may(Permission.MANAGE_ACCOUNTS, place) for place in places)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What may be changed about an account without signing in again."""

    name: str
    status_interval_ms: int
    #: 0 turns the feed off.
    event_poll_interval_ms: int
    unlock_seconds: int
    released_state_ms: int

    @classmethod
    def of(cls, account: ConnectedAccount) -> Settings:
        return cls(**{name: getattr(account, name) for name in cls.__dataclass_fields__})


def change_settings(
    account: ConnectedAccount, wanted: Settings, *, by: Who, at: datetime
) -> list[str]:
    """Store what differs. Return the names of what did; a new interval counts from now."""
    with transaction.atomic():
        row = ConnectedAccount.objects.select_for_update().get(pk=account.pk)
        before, after = vars(Settings.of(row)), vars(wanted)
        changed = [name for name in before if before[name] != after[name]]
        if not changed:
            return []
        for name in changed:
            setattr(row, name, after[name])
        row.next_status_poll_at = at
        row.next_event_poll_at = at if row.event_poll_interval_ms else None
        row.save(update_fields=[*changed, "next_status_poll_at", "next_event_poll_at"])
        note_change(
            Verb.ACCOUNT_CHANGED,
            row,
            by=by,
            at=at,
            before={name: before[name] for name in changed},
            after={name: after[name] for name in changed},
        )
        health.account_changed.send(ConnectedAccount, account=row, at=at)
    return changed


def sync_now(account: ConnectedAccount, *, at: datetime) -> bool:
    """Have the account asked at the next tick. Return False where it is not asked at all."""
    waits = account.throttled_until is not None and account.throttled_until > at
    if account.is_silent or waits:
        return False
    columns = {"next_status_poll_at": at}
    if account.event_poll_interval_ms:
        columns["next_event_poll_at"] = at
    ConnectedAccount.objects.filter(pk=account.pk).update(**columns)
    return True


def allow_opening_again(account: ConnectedAccount, *, by: Who, at: datetime) -> None:
    """A person says the one-time codes are in order again."""
    with transaction.atomic():
        note_change(
            Verb.ACCOUNT_CHANGED,
            account,
            by=by,
            at=at,
            before={"opening": "blocked"},
            after={"opening": "allowed"},
        )
        health.allow_opening_again(account, at=at)


def foretell_disconnection(account: ConnectedAccount) -> list[str]:
    """Return what else goes with an account than its doors, a sentence each."""
    answers = disconnection_foretold.send(ConnectedAccount, account=account)
    return [sentence for _, sentences in answers for sentence in sentences or ()]


def disconnect(account: ConnectedAccount, *, by: Who, at: datetime) -> None:
    """Stop asking, erase every secret, and take the doors off the board. History stays.

    Safe to repeat: the second time does nothing.
    """
    managing.drop(account)
    with transaction.atomic():
        row = ConnectedAccount.objects.select_for_update().get(pk=account.pk)
        if row.state == AccountState.DISCONNECTED:
            return
        before = row.state
        for column in ("client_secret", "password", "token"):
            row.seal(column, "")
        row.token_expires_at = row.next_status_poll_at = row.next_event_poll_at = None
        row.state, row.state_since = AccountState.DISCONNECTED, at
        row.trouble_code = row.trouble = ""
        row.disconnected_at = at
        row.save()
        Hub.objects.filter(site__account=row).update(otp_sealed="", activated_at=None)
        ConnectWebview.objects.filter(reconnects=row, finished_at=None).update(
            cancelled_at=at, secrets_sealed="", state_hash=""
        )
        note_change(
            Verb.ACCOUNT_DISCONNECTED,
            row,
            by=by,
            at=at,
            before=before,
            after=row.state,
            sites=[site.name for site in row.sites.all()][:10],
        )
        account_disconnected.send(ConnectedAccount, account=row, at=at)
        health.account_changed.send(ConnectedAccount, account=row, at=at)
