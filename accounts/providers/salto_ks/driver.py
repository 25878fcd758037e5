"""Salto KS: one driver, two dialects.

`connect` is the Connect API of today (https://developer.saltosystems.com/ks/connect-api/),
`legacy` the one described at
https://docs.harnessautomation.com/gem/admin/integrations/salto_ks and nowhere else. Which of
them an account speaks is in `Connection.dialect`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from accounts.providers.base import (
    AccountIdentity,
    Check,
    Code,
    Connection,
    Feed,
    Hub,
    LockSnapshot,
    Opening,
    OtpSecret,
    ProviderError,
    RefusedError,
    RemoteUser,
    Site,
    Token,
    TokenKeeper,
    Turns,
    UnexpectedReplyError,
    UnsupportedError,
)
from accounts.providers.http import HttpDoor
from accounts.providers.rows import Row, id_of
from accounts.providers.salto_ks import connect, legacy, onboarding
from accounts.providers.salto_ks.api import Api, read_row, read_rows
from accounts.providers.salto_ks.codes import SaltoCodes
from accounts.providers.salto_ks.environments import LEGACY, api_root, environment_name
from accounts.providers.salto_ks.errors import LABEL, Asked, troubleshooting
from accounts.providers.salto_ks.feed import FeedReader, Route
from accounts.providers.salto_ks.oauth import TOKEN_BUDGET_SECONDS, Clock, utc_now
from accounts.providers.salto_ks.otp import KEEP_THE_PIN, one_time_code
from accounts.providers.text import clean_text, segment

ENTRY_PAGE = 100
AUDIT_PAGE = 200

ENTRIES = Route(
    name="entries", version="v1.1", read=connect.read_entry, has_token=True, most_rows=ENTRY_PAGE
)
#: Some older tenants have the one, some the other.
AUDIT_ROUTES = tuple(
    Route(name=name, version="v1.1", read=legacy.read_event, has_token=False, most_rows=AUDIT_PAGE)
    for name in ("audit-trails", "audit/log")
)
#: Their version on the Connect API has not been measured.
INCIDENT_ROUTES = tuple(
    replace(ENTRIES, name="incidents", version=version, read=connect.read_incident)
    for version in ("v1.1", "v1.2")
)


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """In what the dialects differ, besides commands."""

    #: Stands between the address and the resource, but for the feed.
    version: str
    read_site: Callable[[Row], Site]
    read_lock: Callable[[Row, datetime], LockSnapshot]
    read_user: Callable[[Row], RemoteUser]
    feed_routes: tuple[Route, ...]
    reading: Asked
    users: Asked
    audit: Asked
    commands: Asked


CONNECT_DIALECT = Dialect(
    version="v1.2",
    read_site=connect.read_site,
    read_lock=connect.read_lock,
    read_user=connect.read_user,
    feed_routes=(ENTRIES, *AUDIT_ROUTES),
    reading=Asked(scope="reading the site"),
    users=Asked(scope="reading users"),
    audit=Asked(scope="reading the activity log"),
    commands=Asked(scope="remote opening", is_command=True),
)
LEGACY_DIALECT = Dialect(
    version="",
    read_site=legacy.read_site,
    read_lock=legacy.read_lock,
    read_user=legacy.read_user,
    feed_routes=AUDIT_ROUTES,
    reading=Asked(scope="locks:read"),
    users=Asked(scope="users:read"),
    audit=Asked(scope="audit:read"),
    commands=Asked(scope="locks:write", is_command=True),
)


class SaltoKS(SaltoCodes):
    """One Salto KS account.

    Implements LockDriver, RemoteUnlock, OfficeMode, EventFeed, TellsTime and (in `codes`) AccessCodes.

    Reads take at most 10 s a request and 60 s a list; commands keep to their budget.
    Everything raises ProviderError kin and nothing else.
    """

    label = LABEL

    def __init__(
        self,
        connection: Connection,
        *,
        tokens: TokenKeeper,
        door: HttpDoor,
        now: Clock = utc_now,
        turns: Turns | None = None,
    ) -> None:
        self.connection = connection
        self.api = Api(connection, tokens, door, now, turns)
        self.dialect = LEGACY_DIALECT if connection.dialect == LEGACY else CONNECT_DIALECT
        self.now = now

    # --- the account ---

    def ensure_token(self, *, budget_seconds: float = TOKEN_BUDGET_SECONDS) -> None:
        """Renew the token if it ends soon. Call it before claiming a command."""
        self.api.token(budget_seconds)

    def refresh_token(self) -> Token:
        """Discard the stored token and fetch a new one."""
        return self.api.renewed(self.api.tokens.current())

    def identity(self) -> AccountIdentity:
        """Return who this is at Salto: the person signed in, or in the older dialect the client.

        `remote_id` is the same whenever the same account is connected again.
        """
        if self.is_legacy:
            return AccountIdentity(remote_id=self.connection.client_id)
        row = self.api.row(self.dialect.reading, self._url("v1.2", "me"))
        names = (clean_text(row.get("first_name")), clean_text(row.get("last_name")))
        return AccountIdentity(
            remote_id=read_row(row, lambda each: id_of(each, "id")),
            name=" ".join(name for name in names if name),
            email=clean_text(row.get("email")),
        )

    def checks(self, site_ids: Iterable[str] | None = None) -> Iterator[Check]:
        """Yield the live checks one at a time, as they are made; see `onboarding.checks`."""
        return onboarding.checks(self, site_ids)

    def troubleshooting(self, error: ProviderError) -> tuple[str, str]:
        """Return title and fix for an error, in this dialect's words."""
        return troubleshooting(error, dialect=self.connection.dialect)

    @property
    def is_legacy(self) -> bool:
        return self.dialect is LEGACY_DIALECT

    @property
    def clock_offset_seconds(self) -> float | None:
        return self.api.clock.offset_seconds

    @property
    def environment(self) -> str:
        """Where this account lives: production, accept, sandbox, mixed or other."""
        token = self.api.tokens.current()
        issued = token.access_token if token else ""
        return environment_name(self.connection, self.api.door, issued)

    # --- reading ---

    def list_sites(self) -> list[Site]:
        rows = self.api.rows(self.dialect.reading, self._url(self.dialect.version, "sites"))
        return read_rows(rows, self.dialect.read_site)

    def list_hubs(self, site_id: str) -> list[Hub]:
        """Return the site's IQs; the older dialect knows none."""
        if self.is_legacy:
            return []
        return read_rows(self._site_rows(site_id, "iqs"), connect.read_hub)

    def list_locks(self, site_id: str) -> list[LockSnapshot]:
        asked_at = self.now()  # what is told later may be no newer than this
        rows = self._site_rows(site_id, "locks")
        return read_rows(rows, lambda row: self.dialect.read_lock(row, asked_at))

    def get_lock(self, site_id: str, lock_id: str) -> LockSnapshot:
        asked_at = self.now()
        row = self.api.row(self.dialect.reading, self._site_url(site_id, "locks", lock_id))
        return read_row(row, lambda each: self.dialect.read_lock(each, asked_at))

    def list_users(self, site_id: str) -> list[RemoteUser]:
        rows = self.api.rows(self.dialect.users, self._site_url(site_id, "users"))
        return read_rows(rows, self.dialect.read_user)

    def get_me(self, site_id: str) -> RemoteUser:
        """Return our own user as a member of a site. Not in the older dialect."""
        self._connect_only("say who we are on a site")
        row = self.api.row(self.dialect.reading, self._site_url(site_id, "me"))
        return read_row(row, self.dialect.read_user)

    def list_entries(self, site_id: str, *, since: datetime, limit: int = AUDIT_PAGE) -> Feed:
        """Return what the feed holds from `since` (inclusive) on, oldest first.

        `limit` is the size of a page, not of the answer: pages are read to the end, up to 100
        of them or 60 s. `Feed.is_complete` is False if that was not enough. Lines arrive up to
        80 s late, those of an offline lock days later (measured, August 2026), and are kept
        for 90 days.
        """
        reader = self._feed_reader(site_id, since, limit)
        return reader.read(self.dialect.feed_routes, self.connection.feed_route)

    def list_incidents(self, site_id: str, *, since: datetime, limit: int = AUDIT_PAGE) -> Feed:
        """Return alarms, lost connections and low batteries, in the manner of `list_entries`."""
        self._connect_only("list incidents")
        return self._feed_reader(site_id, since, limit).read(INCIDENT_ROUTES, "")

    def _feed_reader(self, site_id: str, since: datetime, limit: int) -> FeedReader:
        def url(version: str, route: str) -> str:
            where = "" if self.is_legacy else version
            return f"{self._site_url(site_id, version=where)}/{route}"

        return FeedReader(
            api=self.api, asked=self.dialect.audit, url=url, since=since, limit=max(limit, 1)
        )

    # --- commands: one call each, on a connection of its own ---

    def unlock(
        self,
        site_id: str,
        lock_id: str,
        *,
        hub_id: str,
        seconds: int | None,
        budget_seconds: float,
        request_id: str,
        hub_wants_otp: bool | None = None,
    ) -> Opening:
        """Open a door once.

        A yes means that the IQ took the command, not that the bolt moved. Today's API knows no
        duration: the lock stays open as long as it is set to (7 s by default, 1 to 240), and
        `released_seconds` is None. The older dialect releases it for `seconds`, 1 to 60.

        A one-time code is sent where we hold a secret for `hub_id`. Without one, RefusedError
        `otp_required`: at once if `hub_wants_otp` says so, else in Salto's words. Two wrong
        codes are reason enough to stop: more of them block remote opening for 20 minutes.
        """
        body: dict[str, Any] = {"locked_state": "unlocked"}
        released = None
        if self.is_legacy:
            released = body["seconds"] = legacy.unlock_seconds(seconds)
        code = self._one_time_code(hub_id, wanted=hub_wants_otp)
        self._command(site_id, lock_id, body | code, budget_seconds, request_id)
        return Opening(released_seconds=released)

    def lock(
        self,
        site_id: str,
        lock_id: str,
        *,
        hub_id: str,
        budget_seconds: float,
        request_id: str,
        hub_wants_otp: bool | None = None,
    ) -> Opening:
        """End office mode; in the older dialect lock the door, which old strikes refuse (422)."""
        code = self._one_time_code(hub_id, wanted=hub_wants_otp)
        body = {"locked_state": "locked"} | code
        self._command(site_id, lock_id, body, budget_seconds, request_id)
        return Opening()

    def set_office_mode(
        self,
        site_id: str,
        lock_id: str,
        *,
        on: bool,
        hub_id: str,
        budget_seconds: float,
        request_id: str,
        hub_wants_otp: bool | None = None,
    ) -> Opening:
        """Keep a door open until told otherwise, or end that. Needs the office mode right."""
        self._connect_only("keep doors open")
        code = self._one_time_code(hub_id, wanted=hub_wants_otp)
        body = {"locked_state": "office_mode" if on else "locked"} | code
        self._command(site_id, lock_id, body, budget_seconds, request_id)
        return Opening()

    def _command(
        self,
        site_id: str,
        lock_id: str,
        body: dict[str, Any],
        budget_seconds: float,
        request_id: str,
    ) -> None:
        reply = self.api.call(
            self.dialect.commands,
            "PATCH",
            f"{self._site_url(site_id, 'locks', lock_id)}/locking",
            json=body,
            headers={"X-Request-Id": request_id},
            budget_seconds=budget_seconds,
            fresh=True,
        )
        # Nobody has published the body of this yes: nothing or an object will do.
        if not isinstance(reply.body_json(), dict | None):
            raise UnexpectedReplyError(f"{LABEL} said neither yes nor no", status=reply.status)

    def _one_time_code(self, hub_id: str, *, wanted: bool | None) -> dict[str, str]:
        if self.is_legacy or wanted is False:
            return {}
        # One without PIN is of an activation that was not finished: its codes would be wrong.
        ready = (each for each in self.connection.otp_secrets if each.secret and each.pin)
        secret = next((each for each in ready if each.hub_id == hub_id), None)
        if secret is None and wanted:
            raise RefusedError(
                "The IQ of this door asks for a one-time code, and we are not activated on it",
                code=Code.OTP_REQUIRED,
            )
        return {"otp": one_time_code(secret, self.now())} if secret else {}

    # --- activation on an IQ ---

    def fetch_otp_secret(self, site_id: str, hub_id: str) -> OtpSecret:
        """Return the secret of our user on an IQ, its PIN still "". Salto shows it only once:
        store it before anything else. RefusedError `otp_already_activated` if it is too late.
        """
        self._connect_only("activate one-time codes")
        url = f"{self._hub_url(site_id, hub_id)}/secret"
        row = self.api.row(self.dialect.commands, url, fresh=True)
        secret = row.get("secret")
        if not isinstance(secret, str) or not secret:
            raise UnexpectedReplyError(f"{LABEL} gave no secret")
        return OtpSecret(hub_id=hub_id, secret=secret, pin="")

    def send_otp_pin(self, site_id: str, hub_id: str) -> None:
        """Have the 4-digit PIN of an IQ mailed to our user. Only before it is activated."""
        self._connect_only("activate one-time codes")
        url = f"{self._hub_url(site_id, hub_id)}/pin"
        self.api.call(self.dialect.commands, "GET", url, params={"send_email": "true"})

    def confirm_otp(self, site_id: str, secret: OtpSecret) -> None:
        """Activate our user on an IQ with secret and PIN, keeping the PIN as it is.

        Later on, the same call tells whether both are still good; not more than once a day,
        because wrong codes are counted. Raises RefusedError `otp_invalid`, `otp_blocked`.
        """
        self._connect_only("activate one-time codes")
        body = {"otp": one_time_code(secret, self.now()), "delta": KEEP_THE_PIN}
        url = f"{self._hub_url(site_id, secret.hub_id)}/pin"
        self.api.call(self.dialect.commands, "PUT", url, json=body, fresh=True)

    # --- addresses ---

    def _url(self, version: str, *path: str) -> str:
        return "/".join(part for part in (api_root(self.connection), version, *path) if part)

    def _site_url(self, site_id: str, *path: str, version: str | None = None) -> str:
        """Return the address of something in a site. What is no id never becomes a path."""
        used = self.dialect.version if version is None else version
        try:
            parts = [segment(part) for part in (site_id, *path)]
        except ValueError:
            parts = []
        if not parts:
            raise RefusedError(f"{LABEL} cannot know this: it is no id", code=Code.NOT_FOUND)
        return self._url(used, "sites", *parts)

    def _hub_url(self, site_id: str, hub_id: str) -> str:
        return self._site_url(site_id, "iqs", hub_id)

    def _site_rows(self, site_id: str, *path: str) -> list[Row]:
        return self.api.rows(self.dialect.reading, self._site_url(site_id, *path))

    def _connect_only(self, what: str) -> None:
        if self.is_legacy:
            raise UnsupportedError(f"The older Salto dialect cannot {what}")
