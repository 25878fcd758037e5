"""The audit feed: two ways of paging, and the search for the route that answers.

`entries` goes on by a continuation token, `audit-trails` and `audit/log` by the time of the
latest row. Sources: https://saltoks.com/developers/connect/entries and
https://docs.harnessautomation.com/gem/admin/integrations/salto_ks, seen November 2026.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

from accounts.providers.base import (
    Code,
    Feed,
    FeedEntry,
    RefusedError,
    UnexpectedReplyError,
    UnreadableEntry,
)
from accounts.providers.rows import Row
from accounts.providers.salto_ks.api import Api
from accounts.providers.salto_ks.errors import LABEL, Asked
from accounts.providers.text import MAX_RAW_ROW, clean_raw, fingerprint, row_text

FEED_BUDGET_SECONDS = 60.0
MAX_PAGES = 100
CONTINUATION = "CLP-Continuation-Token"
MAX_TOKEN_LENGTH = 8000


@dataclass(frozen=True, kw_only=True)
class Route:
    """One address a feed may be found at."""

    name: str
    version: str
    read: Callable[[Row], FeedEntry]
    has_token: bool
    #: What the server takes as one page.
    most_rows: int


@dataclass
class Reading:
    """What has been read so far."""

    read: Callable[[Row], FeedEntry]
    entries: dict[str, FeedEntry] = field(default_factory=dict)
    unreadable: dict[str, UnreadableEntry] = field(default_factory=dict)
    gap_reason: str = ""
    is_complete: bool = True

    def add(self, rows: list[Any]) -> list[FeedEntry]:
        """Read the rows of one page; return those that could be, in their order."""
        page = []
        for row in rows:
            try:
                entry = self.read(row if isinstance(row, dict) else {})
            except ValueError as error:
                self._set_aside(row, str(error))
            else:
                page.append(entry)
                self.entries.setdefault(entry.remote_id, entry)
        return page

    def _set_aside(self, row: Any, reason: str) -> None:
        mark = fingerprint(row)
        self.unreadable[mark] = UnreadableEntry(
            fingerprint=mark, reason=reason, raw_text=row_text(clean_raw(row))[:MAX_RAW_ROW]
        )

    def cut(self, *, newest_first: bool) -> None:
        """Stop before the end. Read from the newest down, that leaves a hole in the past."""
        self.is_complete = False
        if newest_first:
            self.gap_reason = "There was more than could be read; the oldest lines are missing"

    def feed(self, route: str) -> Feed:
        return Feed(
            entries=tuple(sorted(self.entries.values(), key=lambda entry: entry.occurred_at)),
            unreadable=tuple(self.unreadable.values()),
            gap_reason=self.gap_reason,
            route=route,
            is_complete=self.is_complete,
        )


@dataclass(frozen=True, kw_only=True)
class FeedReader:
    """Reads one site's feed. `url` makes an address out of version and route."""

    api: Api
    asked: Asked
    url: Callable[[str, str], str]
    since: datetime
    limit: int

    def read(self, routes: tuple[Route, ...], remembered: str) -> Feed:
        """Try the remembered route first, then the others; on to the next only at 404 or 405.

        Any other failure is raised at once, and then nothing is returned: the caller's next
        poll starts from the same moment. If no route exists, the first one's refusal is raised.
        """
        refused: RefusedError | None = None
        for route in sorted(routes, key=lambda each: each.name != remembered):
            try:
                return self._read(route).feed(route.name)
            except RefusedError as error:
                if error.code not in {Code.NOT_FOUND, Code.NOT_SUPPORTED}:
                    raise
                refused = refused or error
        assert refused is not None  # there is at least one route
        raise refused

    def _read(self, route: Route) -> Reading:
        reading = Reading(route.read)
        page_size = min(self.limit, route.most_rows)
        if route.has_token:
            self._read_by_token(reading, self.url(route.version, route.name), page_size)
        else:
            self._read_by_time(reading, self.url(route.version, route.name), page_size)
        return reading

    def _read_by_token(self, reading: Reading, url: str, page_size: int) -> None:
        """Ask until no token comes back. A page may be empty and still carry one."""
        query = {
            "$top": str(page_size),
            "$orderby": "utc_date_time asc",
            "$filter": f"utc_date_time ge DateTime'{_stamp(self.since)}'",
        }
        deadline, tokens, page = monotonic() + FEED_BUDGET_SECONDS, [""], list[FeedEntry]()
        while len(tokens) <= MAX_PAGES and monotonic() < deadline:
            headers = {CONTINUATION: tokens[-1]} if tokens[-1] else {}
            body = self._page(url, query, headers)
            page += reading.add(read_feed_page(body))
            token = body.get("continuation_token") if isinstance(body, dict) else None
            if not token:
                return
            if not _fits_a_header(token) or token in tokens:
                raise UnexpectedReplyError(f"{LABEL} does not say how its feed goes on")
            tokens.append(token)
        reading.cut(newest_first=self._is_newest_first(page))

    def _read_by_time(self, reading: Reading, url: str, page_size: int) -> None:
        """Ask from the time of the latest row on, until a page is not full."""
        deadline, since = monotonic() + FEED_BUDGET_SECONDS, self.since
        for _ in range(MAX_PAGES):
            rows = read_feed_page(
                self._page(url, {"limit": str(page_size), "since": _stamp(since)}, {})
            )
            page = reading.add(rows)
            if len(rows) < page_size:
                return
            if self._is_newest_first(page) or monotonic() > deadline:
                break
            since = self._next_moment(reading, page, since)
        reading.cut(newest_first=self._is_newest_first(page))

    def _next_moment(self, reading: Reading, page: list[FeedEntry], since: datetime) -> datetime:
        # A row dated in the future must not carry us past the present.
        latest = max((entry.occurred_at for entry in page), default=since)
        latest = min(latest, self.api.now())
        if latest > since:
            return latest
        reading.gap_reason = "More lines carry one and the same time than can be read"
        return since + timedelta(milliseconds=1 if since.microsecond else 1000)

    def _is_newest_first(self, page: list[FeedEntry]) -> bool:
        now = self.api.now()
        times = [entry.occurred_at for entry in page if entry.occurred_at <= now]
        return bool(times) and times[0] > times[-1]

    def _page(self, url: str, query: dict[str, str], headers: dict[str, str]) -> Any:
        return self.api.call(self.asked, "GET", url, params=query, headers=headers).body_json()


def read_feed_page(body: Any) -> list[Any]:
    """Return the rows of a page, readable or not. Raises UnexpectedReplyError."""
    rows = body.get("items") if isinstance(body, dict) else body
    if not isinstance(rows, list):
        raise UnexpectedReplyError(f"{LABEL} answered in a shape we do not know")
    return rows


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def _fits_a_header(token: object) -> bool:
    if not isinstance(token, str) or len(token) > MAX_TOKEN_LENGTH:
        return False
    return token.isascii() and token.isprintable()
