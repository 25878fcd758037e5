"""Opening a driver for a connected account: its secrets, its token, the door out."""

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from functools import cache

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Now
from django.utils.dateparse import parse_datetime

from accounts.models import ConnectedAccount, Hub, Workspace
from accounts.providers import open_driver
from accounts.providers.base import Connection, LockDriver, OtpSecret, Token, UnreachableError
from accounts.providers.http import HttpDoor
from accounts.turns import AccountTurns, Work, share_of

#: A renewal's network call is bounded to 5 s; nobody waits longer for somebody else's.
_LEASE = timedelta(seconds=6)
_LOOK_EVERY_SECONDS = 0.05


def driver_for(
    account: ConnectedAccount,
    *,
    work: Work = Work.ACTUATE,
    before_each: Callable[[], None] | None = None,
) -> LockDriver:
    """Return a driver that speaks for this account, within the share of requests of its work.

    `before_each` is called before each request: to hold on to a lease while a list is read.
    Raises sealing.UnreadableError when its secrets cannot be opened. Nothing is sent yet.
    """
    turns = AccountTurns(account.pk, work, share_of(account.provider), before_each=before_each)
    return open_driver(
        account.provider,
        connection_of(account),
        tokens=StoredTokens(account),
        door=door_for(account.workspace),
        turns=turns,
    )


def door_for(workspace: Workspace) -> HttpDoor:
    """Return the way out for a workspace: simulated clouds for a sandbox, real ones otherwise."""
    return _door(is_sandbox=workspace.is_sandbox, sandbox=settings.SANDBOX_URL)


@cache
def _door(*, is_sandbox: bool, sandbox: str) -> HttpDoor:
    if is_sandbox:
        return HttpDoor(allowed_hosts=(), plain_origins=(sandbox,) if sandbox else ())
    return HttpDoor(allowed_hosts=tuple(settings.PROVIDER_HOSTS))


def connection_of(account: ConnectedAccount) -> Connection:
    # A secret whose PIN was never confirmed computes wrong codes, and two of those block us.
    hubs = Hub.objects.filter(site__account=account, activated_at__isnull=False)
    return Connection(
        dialect=account.dialect,
        grant=account.grant,
        api_base=account.api_base,
        auth_url=account.auth_url,
        client_id=account.client_id,
        client_secret=account.unseal("client_secret"),
        username=account.username,
        password=account.unseal("password"),
        otp_secrets=tuple(_otp_secret(hub) for hub in hubs),
        feed_route=account.feed_route,
    )


def _otp_secret(hub: Hub) -> OtpSecret:
    opened = json.loads(hub.unseal_otp())
    return OtpSecret(hub_id=hub.remote_id, secret=opened["secret"], pin=opened["pin"])


class StoredTokens:
    """Keeps an account's bearer token in its row; one process at a time renews it (ACC-02).

    The lease is a column, not a lock held over the network call, so no transaction is open
    while the provider is asked (reliability DB-01).
    """

    def __init__(self, account: ConnectedAccount) -> None:
        self._account = account
        self._rows = ConnectedAccount.objects.filter(pk=account.pk)

    def current(self) -> Token | None:
        return _token_of(self._account)

    def renew(self, stale: Token | None, fetch: Callable[[Token | None], Token]) -> Token:
        seen = stale.version if stale else 0
        waited = 0.0
        while not self._take_lease():
            if newer := self._newer_than(seen):
                return newer
            if waited > _LEASE.total_seconds():
                raise UnreachableError("Another process is still renewing the sign-in.")
            _pause(_LOOK_EVERY_SECONDS)
            waited += _LOOK_EVERY_SECONDS
        try:
            if newer := self._newer_than(seen):
                return newer
            return self._store(fetch(_token_of(self._account)))
        finally:
            self._rows.update(token_lease_until=None)

    def _take_lease(self) -> bool:
        free = self._rows.filter(token_lease_until=None) | self._rows.filter(
            token_lease_until__lt=Now()
        )
        return free.update(token_lease_until=Now() + _LEASE) == 1

    def _newer_than(self, version: int) -> Token | None:
        self._account.refresh_from_db(fields=["token_sealed", "token_expires_at", "token_version"])
        token = _token_of(self._account)
        return token if token and token.version > version else None

    def _store(self, token: Token) -> Token:
        text = json.dumps(
            {
                "access": token.access_token,
                "refresh": token.refresh_token,
                "scope": token.scope,
                "issued_at": token.issued_at.isoformat() if token.issued_at else "",
            }
        )
        self._account.seal("token", text)
        self._rows.update(
            token_sealed=self._account.token_sealed,
            token_expires_at=token.expires_at,
            token_version=F("token_version") + 1,
        )
        self._account.refresh_from_db(fields=["token_sealed", "token_expires_at", "token_version"])
        stored = _token_of(self._account)
        assert stored is not None
        return stored


def _token_of(account: ConnectedAccount) -> Token | None:
    if not account.token_sealed or account.token_expires_at is None:
        return None
    opened = json.loads(account.unseal("token"))
    return Token(
        access_token=opened["access"],
        refresh_token=opened["refresh"],
        scope=opened["scope"],
        issued_at=parse_datetime(opened.get("issued_at", "")),
        expires_at=account.token_expires_at,
        version=account.token_version,
    )


class HeldToken:
    """Keeps a token in memory: for an onboarding attempt, before there is an account."""

    def __init__(self, token: Token | None = None) -> None:
        self.token = token

    def current(self) -> Token | None:
        return self.token

    def renew(self, stale: Token | None, fetch: Callable[[Token | None], Token]) -> Token:
        self.token = fetch(self.token)
        return self.token


def _pause(seconds: float) -> None:
    threading.Event().wait(seconds)
