"""Seam: a workspace by its API key, its locks, commands, events. Codes and systems: see there."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from time import monotonic

from accounts.providers.base import (
    AccountIdentity,
    Check,
    CheckResult,
    Code,
    Connection,
    Feed,
    Hub,
    LockSnapshot,
    MadeWebhook,
    Opening,
    ProviderError,
    RateLimitError,
    Reach,
    RefusedError,
    RemoteUser,
    Site,
    Token,
    TokenKeeper,
    Turns,
    UncertainError,
)
from accounts.providers.http import HttpDoor
from accounts.providers.rows import Row, id_of
from accounts.providers.seam import rows, words
from accounts.providers.seam.api import (
    READ_BUDGET_SECONDS,
    SeamApi,
    known_id,
    read_row,
    read_rows,
)
from accounts.providers.seam.codes import SeamCodes
from accounts.providers.seam.errors import LABEL, failed_attempt, troubleshooting
from accounts.providers.seam.feed import PAGE_SIZE, read_feed
from accounts.providers.seam.mobile_keys import SeamMobileKeys
from accounts.providers.seam.systems import SeamSystems
from accounts.providers.text import clean_text, text_of

#: Between looks at an action attempt: soon at first, for locks that are quick.
FIRST_LOOKS_SECONDS = (0.15, 0.25, 0.4)
LOOK_SECONDS = 0.6
#: A look that has less time left is not worth beginning.
LEAST_LOOK_SECONDS = 0.05
MOST_NAMED = 3


def utc_now() -> datetime:
    return datetime.now(UTC)


def _pause(seconds: float) -> None:
    threading.Event().wait(seconds)


class Seam(SeamCodes, SeamSystems, SeamMobileKeys):
    """One workspace, by API key. Implements LockDriver, RemoteUnlock, EventFeed and TellsTime, in
    `codes` AccessCodes, in `systems` AccessSystems, and in `mobile_keys` MobileKeys.
    """

    label = LABEL

    def __init__(
        self,
        connection: Connection,
        *,
        tokens: TokenKeeper,
        door: HttpDoor,
        now: Callable[[], datetime] = utc_now,
        turns: Turns | None = None,
        pause: Callable[[float], None] = _pause,
    ) -> None:
        self.connection = connection
        self.api = SeamApi(connection, door, now, turns)
        self._pause = pause

    @property
    def clock_offset_seconds(self) -> float | None:
        return self.api.clock.offset_seconds

    # --- the account ---

    def ensure_token(self, *, budget_seconds: float = READ_BUDGET_SECONDS) -> None:
        """Do nothing: an API key is always at hand."""

    def refresh_token(self) -> Token:
        """Try the API key. There is no token: what comes back is empty."""
        self._workspace()
        return Token(access_token="", expires_at=self.api.now() + timedelta(days=1))

    def identity(self) -> AccountIdentity:
        site = read_row(self._workspace(), rows.read_site)
        return AccountIdentity(remote_id=site.remote_id, name=site.name)

    def _workspace(self) -> Row:
        return self.api.one("workspaces/get", "workspace", {})

    def checks(self, site_ids: Iterable[str] | None = None) -> Iterator[Check]:
        """Yield whether the key is good, the workspace of our kind, and its locks in order."""
        try:
            workspace = self._workspace()
        except ProviderError as error:
            yield _failed("token", "Signed in", error)
            return
        name = read_row(workspace, rows.read_site).name
        yield Check(key="token", label="Signed in", result=CheckResult.OK, detail=name)
        yield self._environment_check(workspace)
        yield from self._device_checks()
        yield self._accounts_check()

    def _environment_check(self, workspace: Row) -> Check:
        """Compare Seam's word on its workspace with ours: simulated doors stay among themselves."""
        is_theirs, is_ours = workspace.get("is_sandbox") is True, self._is_sandbox()
        label = "Workspace"
        if is_theirs == is_ours:
            said = "Simulated" if is_theirs else "With real locks"
            return Check(key="environment", label=label, result=CheckResult.OK, detail=said)
        if is_theirs:
            detail = "This key belongs to a sandbox workspace of Seam: its locks are simulated."
            fix = "Use a key of the workspace with your real locks."
        else:
            detail = "This key belongs to a workspace with real locks."
            fix = "Connect it in a workspace of yours that is no sandbox."
        failed = CheckResult.FAILED
        return Check(key="environment", label=label, result=failed, detail=detail, fix=fix)

    def _is_sandbox(self) -> bool:
        return self.api.door.is_plain(self.connection.api_base)

    def _device_checks(self) -> Iterator[Check]:
        try:
            found = [row for row in self._devices() if rows.is_door(row)]
            locks = read_rows(found, lambda row: rows.read_lock(row, self.api.now()))
        except ProviderError as error:
            yield _failed("locks", "Locks", error)
            return
        result = CheckResult.OK if locks else CheckResult.WARNING
        fix = "" if locks else "Connect the accounts of your locks' brands in Seam Console."
        detail = f"{len(locks)} found"
        yield Check(key="locks", label="Locks", result=result, detail=detail, fix=fix)
        away = [lock.name for lock in locks if lock.is_online is False]
        if away:
            yield Check(
                key="offline",
                label="Locks offline",
                result=CheckResult.WARNING,
                detail=f"{len(away)}: {_some(away)}",
                consequence="They cannot be opened from here until they are back.",
            )
        if troubles := _troubles(found):
            yield Check(
                key="devices",
                label="Locks with trouble",
                result=CheckResult.WARNING,
                detail=_some(troubles),
                fix="Look at them in Seam Console, or in the brand's own app.",
            )

    def _accounts_check(self) -> Check:
        """Tell of logins at the brands that Seam has lost, or that are not in order."""
        key, label = "accounts", "Accounts at the brands"
        try:
            found = self.api.every("connected_accounts/list", "connected_accounts", {})
        except ProviderError as error:
            return _failed(key, label, error)
        bad = [
            f"{text_of(row, 'display_name') or 'one'}: {_said(problems)}"
            for row in found
            if (problems := rows.problem_words(row))
        ]
        if not bad:
            detail = f"{len(found)} in order"
            return Check(key=key, label=label, result=CheckResult.OK, detail=detail)
        return Check(
            key=key,
            label=label,
            result=CheckResult.WARNING,
            detail=_some(bad),
            fix="Reconnect them in Seam Console.",
            consequence="Their locks cannot be operated until then.",
        )

    def troubleshooting(self, error: ProviderError) -> tuple[str, str]:
        return troubleshooting(error)

    # --- reading ---

    def list_sites(self) -> list[Site]:
        """Return the workspace: Seam operates all of its locks as one."""
        return [read_row(self._workspace(), rows.read_site)]

    def list_hubs(self, site_id: str) -> list[Hub]:
        """Return nothing: Seam tells of bridges only by the errors of their locks."""
        known_id(site_id)
        return []

    def list_locks(self, site_id: str) -> list[LockSnapshot]:
        known_id(site_id)
        found = [row for row in self._devices() if rows.is_door(row)]
        now = self.api.now()
        return read_rows(found, lambda row: rows.read_lock(row, now))

    def _devices(self) -> list[Row]:
        return self.api.every("devices/list", "devices", {})

    def get_lock(self, site_id: str, lock_id: str) -> LockSnapshot:
        row = self.api.one("devices/get", "device", {"device_id": known_id(lock_id)})
        return read_row(row, lambda each: rows.read_lock(each, self.api.now()))

    def list_users(self, site_id: str) -> list[RemoteUser]:
        """Return the users of access control systems. Locks of other brands have none."""
        known_id(site_id)
        return read_rows(self.api.every("acs/users/list", "acs_users", {}), rows.read_user)

    def list_entries(self, site_id: str, *, since: datetime, limit: int = PAGE_SIZE) -> Feed:
        """Return what happened at doors from `since` (inclusive) on, oldest first."""
        known_id(site_id)
        return read_feed(self.api, since=since, limit=limit)

    # --- being told ---

    def create_webhook(self, url: str) -> MadeWebhook:
        """Have every event told to `url`. What earlier tries left there goes first."""
        for row in self.api.whole("webhooks/list", "webhooks", {}):
            if row.get("url") == url:
                self.delete_webhook(read_row(row, lambda each: id_of(each, "webhook_id")))
        row = self.api.one("webhooks/create", "webhook", {"url": url}, fresh=True)
        remote_id = read_row(row, lambda each: id_of(each, "webhook_id"))
        secret = row.get("secret")
        return MadeWebhook(remote_id=remote_id, secret=secret if isinstance(secret, str) else "")

    def delete_webhook(self, remote_id: str) -> None:
        try:
            self.api.call("webhooks/delete", {"webhook_id": known_id(remote_id)})
        except RefusedError as error:
            if error.code != Code.NOT_FOUND:
                raise

    # --- commands ---

    def unlock(
        self,
        site_id: str,
        lock_id: str,
        *,
        hub_id: str,
        seconds: int | None,
        budget_seconds: float,
        request_id: str,
    ) -> Opening:
        """Open a door once, for as long as the lock is set to."""
        return self._command("locks/unlock_door", lock_id, budget_seconds, request_id)

    def lock(
        self, site_id: str, lock_id: str, *, hub_id: str, budget_seconds: float, request_id: str
    ) -> Opening:
        return self._command("locks/lock_door", lock_id, budget_seconds, request_id)

    def _command(self, path: str, lock_id: str, budget_seconds: float, request_id: str) -> Opening:
        """Ask once, then look at the action attempt until it ends or the budget does."""
        deadline = monotonic() + budget_seconds
        attempt = self.api.one(
            path,
            "action_attempt",
            {"device_id": known_id(lock_id)},
            budget_seconds=budget_seconds,
            request_id=request_id,
            fresh=True,
            is_command=True,
        )
        attempt_id = attempt.get("action_attempt_id")
        waits = iter(FIRST_LOOKS_SECONDS)
        while True:
            if (opening := _outcome(attempt)) is not None:
                return opening
            wait = next(waits, LOOK_SECONDS)
            if deadline - monotonic() < wait + LEAST_LOOK_SECONDS:
                raise UncertainError(f"{LABEL} passed it on, but the lock has not answered yet")
            self._pause(wait)
            attempt = self._look(attempt, attempt_id, deadline)

    def _look(self, attempt: Row, attempt_id: object, deadline: float) -> Row:
        """Look at an attempt again. Looking opens nothing, so a look that fails is repeated.

        The command has been taken: whatever goes wrong from here on, the door may open. So no
        refusal of a look may count as one of the command.
        """
        if not isinstance(attempt_id, str):
            raise UncertainError(f"{LABEL} took it, but does not say how to follow it")
        try:
            return self.api.one(
                "action_attempts/get",
                "action_attempt",
                {"action_attempt_id": attempt_id},
                budget_seconds=deadline - monotonic(),
            )
        except RateLimitError as error:
            if monotonic() + error.retry_after_seconds < deadline:
                self._pause(error.retry_after_seconds)
                return attempt
            raise UncertainError(f"{LABEL} took it, and asks us to wait with looking") from None
        except ProviderError as error:
            if error.reach is not Reach.REFUSED:
                return attempt
            raise UncertainError(f"{LABEL} took it, but does not say what came of it") from None


def _outcome(attempt: Row) -> Opening | None:
    """Return the yes of an attempt, None while it is pending; raise what its no means."""
    match attempt.get("status"):
        case "success":
            return Opening(provider_ref=clean_text(attempt.get("action_attempt_id")))
        case "error":
            raise failed_attempt(attempt.get("error"))
        case "pending":
            return None
    raise UncertainError(f"{LABEL} took it, but does not say what came of it")


# --- checks -------------------------------------------------------------------------------


def _failed(key: str, label: str, error: ProviderError) -> Check:
    title, fix = troubleshooting(error)
    return Check(key=key, label=label, result=CheckResult.FAILED, detail=title, fix=fix)


def _troubles(found: Iterable[Row]) -> list[str]:
    """Return each trouble of these locks once, with how many have it; offline is said before."""
    counted = Counter(
        _said([word])
        for row in found
        for word in dict.fromkeys(rows.problem_words(row))
        if word not in words.AWAY | words.OFFICE_WARNINGS | words.PRIVACY_WARNINGS
    )
    return [f"{said} ({count})" if count > 1 else said for said, count in counted.most_common()]


def _said(problems: list[str]) -> str:
    return ", ".join(words.TROUBLES.get(word, word.replace("_", " ")) for word in problems)


def _some(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return "; ".join(names[:MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")
