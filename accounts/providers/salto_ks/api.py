"""Calls to Salto's resource API: token, one renewal after a 401, refusals by name, paging."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from accounts.providers.base import (
    Connection,
    ProviderError,
    Reach,
    Token,
    TokenKeeper,
    Turns,
    UncertainError,
    UnexpectedReplyError,
)
from accounts.providers.http import HttpDoor, Reply
from accounts.providers.rows import Row, RowReader
from accounts.providers.salto_ks.errors import LABEL, Asked, refusal
from accounts.providers.salto_ks.oauth import TOKEN_BUDGET_SECONDS, Clock, fetch_token
from accounts.providers.text import whole
from accounts.providers.their_clock import TheirClock

READ_BUDGET_SECONDS = 10.0
LIST_BUDGET_SECONDS = 60.0
PAGE_SIZE = 100
#: Salto's own page is this long where it does not care for our $top, so a list whose length
#: is a multiple of it may be just a page.
SMALLEST_PAGE = 20
MAX_PAGES = 200

#: A token is renewed this long before it ends, or in the last quarter of a shorter life.
RENEW_BEFORE = timedelta(seconds=60)

_reader = RowReader(LABEL)
read_rows, read_row, unexpected = _reader.read_rows, _reader.read_row, _reader.unexpected


@dataclass
class Api:
    """One connection's way to the resource API. Raises ProviderError and nothing else."""

    connection: Connection
    tokens: TokenKeeper
    door: HttpDoor
    now: Clock
    turns: Turns | None = None
    read_budget_seconds: float = READ_BUDGET_SECONDS
    clock: TheirClock = field(init=False)

    def __post_init__(self) -> None:
        self.clock = TheirClock(self.now)

    # --- tokens ---

    def token(self, budget_seconds: float = TOKEN_BUDGET_SECONDS) -> Token:
        """Return a token with life left, renewing the stored one if need be."""
        token = self.tokens.current()
        if token is not None and token.expires_at - self.now() > _margin(token):
            return token
        return self.renewed(token, budget_seconds)

    def renewed(self, stale: Token | None, budget_seconds: float = TOKEN_BUDGET_SECONDS) -> Token:
        """Return a token newer than `stale`: fetched by us, or by another process meanwhile."""
        deadline = monotonic() + min(budget_seconds, TOKEN_BUDGET_SECONDS)

        def fetch(latest: Token | None) -> Token:
            left = deadline - monotonic()
            return fetch_token(
                self.connection, latest, door=self.door, now=self.now, budget_seconds=left
            )

        try:
            return self.tokens.renew(stale, fetch)
        except ProviderError as error:
            if error.reach is Reach.UNCERTAIN:
                # Asking for a token moves no bolt: whatever it was for has not been sent.
                error.reach = Reach.NOT_SENT
            raise

    # --- calls ---

    def call(
        self,
        asked: Asked,
        method: str,
        url: str,
        *,
        budget_seconds: float | None = None,
        **options: Any,
    ) -> Reply:
        """Send one request and return its good reply; raise what any other one stands for.

        A 401 is a refusal before anything happened, so the request is sent once more with a
        renewed token, if there is time. A second 401 is an AuthError. Nothing else is repeated.
        """
        budget = self.read_budget_seconds if budget_seconds is None else budget_seconds
        deadline = monotonic() + budget
        token = self.token(budget)
        reply = self._send(token, method, url, deadline, options)
        if reply.status == 401:
            token = self.renewed(token, deadline - monotonic())
            reply = self._send(token, method, url, deadline, options)
        if problem := refusal(reply, asked, self.now()):
            raise problem
        return reply

    def _send(
        self, token: Token, method: str, url: str, deadline: float, options: Mapping[str, Any]
    ) -> Reply:
        if self.turns is not None:
            self.turns.take(budget_seconds=deadline - monotonic())
        authorization = {"Authorization": f"Bearer {token.access_token}"}
        sent = monotonic()
        reply = self.door.request(
            method,
            url,
            budget_seconds=deadline - sent,
            **{**options, "headers": {**options.get("headers", {}), **authorization}},
        )
        self.clock.read(reply, monotonic() - sent)
        return reply

    def row(self, asked: Asked, url: str, *, fresh: bool = False) -> Row:
        """Return one object; UnexpectedReplyError if it is none."""
        body = self.call(asked, "GET", url, fresh=fresh).body_json()
        if not isinstance(body, dict):
            raise unexpected()
        return body

    def rows(self, asked: Asked, url: str) -> list[Row]:
        """Return all rows of a list, as `counted_rows` does."""
        return self.counted_rows(asked, url)[0]

    def counted_rows(self, asked: Asked, url: str, **query: str) -> tuple[list[Row], int | None]:
        """Return all rows of a list, from all its pages; nothing where a page is missing.

        With them how many there are by Salto's own count, the largest said on the way; None
        where it does not say (it does for `$inlinecount`).

        A list is `{items, next_page_link, count}` or a bare array; both were seen on the same
        address on two days: https://github.com/ECCdigital/smart-city-booking-backend (August
        2026). Raises UnexpectedReplyError for other shapes and for pages that never end.
        """
        deadline = monotonic() + LIST_BUDGET_SECONDS
        found: dict[Any, Row] = {}
        first = {**query, "$top": str(PAGE_SIZE)}
        seen, next_url, query = 0, url, first
        count: int | None = None
        for _ in range(MAX_PAGES):
            body = self._page(asked, next_url, query, deadline)
            page, link = read_page(body)
            count = _largest(count, body)
            seen += len(page)
            has_news = _add(found, page)
            if link:
                next_url, query = self._same_origin(url, link), {}
            elif has_news and len(page) % SMALLEST_PAGE == 0 and len(found) != count:
                next_url, query = url, {**first, "$skip": str(seen)}
            else:  # a short page, an empty one, or a server that does not care for $skip
                return list(found.values()), count
        raise UnexpectedReplyError(f"{LABEL} lists pages without end")

    def _page(self, asked: Asked, url: str, query: dict[str, str], deadline: float) -> Any:
        left = min(self.read_budget_seconds, deadline - monotonic())
        if left <= 0:
            raise UncertainError(f"{LABEL} took too long to list everything")
        reply = self.call(asked, "GET", url, params=query, budget_seconds=left)
        return reply.body_json()

    @staticmethod
    def _same_origin(url: str, link: str) -> str:
        ours, theirs = urlsplit(url), urlsplit(link)
        if (ours.scheme, ours.netloc) != (theirs.scheme, theirs.netloc):
            raise UnexpectedReplyError(f"{LABEL} continues its list somewhere else")
        return link


def _add(found: dict[Any, Row], page: list[Row]) -> bool:
    """Add the rows that are new; tell whether any was. The first of two with one id stays."""
    before = len(found)
    for row in page:
        key = row.get("id")
        found.setdefault(key if isinstance(key, str) else id(row), row)
    return len(found) > before


def _largest(count: int | None, body: Any) -> int | None:
    said = whole(body.get("count")) if isinstance(body, dict) else None
    return said if count is None else max(count, said or 0)


def _margin(token: Token) -> timedelta:
    if token.issued_at is None:
        return RENEW_BEFORE
    return min(RENEW_BEFORE, (token.expires_at - token.issued_at) / 4)


def read_page(body: Any) -> tuple[list[Row], str]:
    """Return the rows of one page, and the link to the next or "". Raises UnexpectedReplyError."""
    link: Any = None
    if isinstance(body, dict):
        body, link = body.get("items"), body.get("next_page_link")
    good = isinstance(body, list) and all(isinstance(row, dict) for row in body)
    if not good or not (link is None or isinstance(link, str)):
        raise unexpected()
    return body, link or ""
