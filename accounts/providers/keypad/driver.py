"""Keypad Cloud: an account by API key, its locks, its feed. Codes are in `codes`."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

from accounts.providers.base import (
    AccountIdentity,
    Check,
    CheckResult,
    Connection,
    Feed,
    FeedEntry,
    Hub,
    LockSnapshot,
    Opening,
    ProviderError,
    RemoteUser,
    Site,
    Token,
    TokenKeeper,
    Turns,
    UnreadableEntry,
)
from accounts.providers.http import HttpDoor
from accounts.providers.keypad import rows
from accounts.providers.keypad.api import (
    READ_BUDGET_SECONDS,
    KeypadApi,
    items_of,
    read_row,
    read_rows,
    unexpected,
)
from accounts.providers.keypad.codes import KeypadCodes
from accounts.providers.keypad.errors import LABEL, troubleshooting
from accounts.providers.rows import id_of
from accounts.providers.text import MAX_RAW_ROW, clean_raw, clean_text, fingerprint, row_text

FEED_BUDGET_SECONDS = 60.0
MAX_PAGES = 100
PAGE_SIZE = 100
DEFAULT_OPEN_SECONDS = 5


def utc_now() -> datetime:
    return datetime.now(UTC)


class KeypadCloud(KeypadCodes):
    """One account, by API key. Implements LockDriver, RemoteUnlock, EventFeed and
    (in `codes`) AccessCodes."""

    label = LABEL

    def __init__(
        self,
        connection: Connection,
        *,
        tokens: TokenKeeper,
        door: HttpDoor,
        now: Callable[[], datetime] = utc_now,
        turns: Turns | None = None,
    ) -> None:
        self.connection = connection
        self.api = KeypadApi(connection, door, now, turns)

    # --- the account ---

    def ensure_token(self, *, budget_seconds: float = READ_BUDGET_SECONDS) -> None:
        """Do nothing: an API key is always at hand."""

    def refresh_token(self) -> Token:
        """Try the API key. There is no token: what comes back is empty."""
        self.identity()
        return Token(access_token="", expires_at=self.api.now() + timedelta(days=1))

    def identity(self) -> AccountIdentity:
        row = self.api.row(self.api.url("account"))
        return AccountIdentity(
            remote_id=read_row(row, lambda each: id_of(each, "id")),
            name=clean_text(row.get("name")),
        )

    def checks(self, site_ids: Iterable[str] | None = None) -> Iterator[Check]:
        """Yield whether the key is good, and whether there are locks."""
        try:
            who = self.identity()
        except ProviderError as error:
            title, fix = troubleshooting(error)
            yield Check(
                key="token", label="Signed in", result=CheckResult.FAILED, detail=title, fix=fix
            )
            return
        yield Check(key="token", label="Signed in", result=CheckResult.OK, detail=who.name)
        yield self._locks_check(None if site_ids is None else set(site_ids))

    def _locks_check(self, site_ids: set[str] | None) -> Check:
        try:
            sites = [each.remote_id for each in self.list_sites()]
            chosen = [each for each in sites if site_ids is None or each in site_ids]
            count = sum(len(self.list_locks(each)) for each in chosen)
        except ProviderError as error:
            title, fix = troubleshooting(error)
            return Check(
                key="locks", label="Locks", result=CheckResult.FAILED, detail=title, fix=fix
            )
        result = CheckResult.OK if count else CheckResult.WARNING
        return Check(key="locks", label="Locks", result=result, detail=f"{count} found")

    def troubleshooting(self, error: ProviderError) -> tuple[str, str]:
        return troubleshooting(error)

    # --- reading ---

    def list_sites(self) -> list[Site]:
        return read_rows(self.api.rows(self.api.url("buildings")), rows.read_site)

    def list_hubs(self, site_id: str) -> list[Hub]:
        """Return nothing: its bridges are not told of."""
        return []

    def list_locks(self, site_id: str) -> list[LockSnapshot]:
        asked_at = self.api.now()
        found = self.api.rows(self.api.url("buildings", site_id, "locks"))
        return read_rows(found, lambda row: rows.read_lock(row, asked_at))

    def get_lock(self, site_id: str, lock_id: str) -> LockSnapshot:
        asked_at = self.api.now()
        row = self.api.row(self.api.url("locks", lock_id))
        return read_row(row, lambda each: rows.read_lock(each, asked_at))

    def list_users(self, site_id: str) -> list[RemoteUser]:
        return read_rows(
            self.api.rows(self.api.url("buildings", site_id, "people")), rows.read_person
        )

    def list_entries(self, site_id: str, *, since: datetime, limit: int = PAGE_SIZE) -> Feed:
        """Return what the feed holds from `since` (inclusive) on, oldest first."""
        url, deadline = (
            self.api.url("buildings", site_id, "events"),
            monotonic() + FEED_BUDGET_SECONDS,
        )
        query = {
            "since": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "limit": str(min(max(limit, 1), PAGE_SIZE)),
        }
        reading, after = Reading(), ""
        for _ in range(MAX_PAGES):
            page = query | ({"after": after} if after else {})
            body = self.api.call("GET", url, params=page).body_json()
            reading.add(items_of(body))
            following = body.get("next")
            after = following if isinstance(following, str) and following.isdigit() else ""
            if not after or monotonic() > deadline:
                break
        return reading.feed(is_complete=not after)

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
        """Open a door once, for `seconds` (1 to 60)."""
        released = min(max(seconds or DEFAULT_OPEN_SECONDS, 1), 60)
        url = self.api.url("locks", lock_id, "unlock")
        self._command(url, {"seconds": released}, budget_seconds, request_id)
        return Opening(released_seconds=released)

    def lock(
        self, site_id: str, lock_id: str, *, hub_id: str, budget_seconds: float, request_id: str
    ) -> Opening:
        self._command(self.api.url("locks", lock_id, "lock"), {}, budget_seconds, request_id)
        return Opening()

    def _command(
        self, url: str, body: dict[str, Any], budget_seconds: float, request_id: str
    ) -> None:
        reply = self.api.call(
            "POST",
            url,
            json=body,
            request_id=request_id,
            budget_seconds=budget_seconds,
            fresh=True,
            is_command=True,
        )
        if not isinstance(reply.body_json(), dict):
            raise unexpected()


class Reading:
    """What has been read of the feed so far."""

    def __init__(self) -> None:
        self.entries: dict[str, FeedEntry] = {}
        self.unreadable: dict[str, UnreadableEntry] = {}

    def add(self, lines: list[Any]) -> None:
        for line in lines:
            try:
                entry = rows.read_event(line if isinstance(line, dict) else {})
            except ValueError as error:
                mark, text = fingerprint(line), row_text(clean_raw(line))[:MAX_RAW_ROW]
                self.unreadable[mark] = UnreadableEntry(
                    fingerprint=mark, reason=str(error), raw_text=text
                )
            else:
                self.entries.setdefault(entry.remote_id, entry)

    def feed(self, *, is_complete: bool) -> Feed:
        return Feed(
            entries=tuple(sorted(self.entries.values(), key=lambda entry: entry.occurred_at)),
            unreadable=tuple(self.unreadable.values()),
            route="events",
            is_complete=is_complete,
        )
