"""Calls to Seam: an API key, refusals by name, lists to their last page.

Everything is a POST with a JSON body: every path takes that, the official fake takes nothing
else, and no proxy between may repeat it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Any

from accounts.providers.base import (
    Code,
    Connection,
    RefusedError,
    Turns,
    UnexpectedReplyError,
)
from accounts.providers.http import MAX_BODY_BYTES, MAX_LIST_BYTES, HttpDoor
from accounts.providers.rows import Row, RowReader
from accounts.providers.seam.errors import LABEL, refusal
from accounts.providers.text import is_id
from accounts.providers.their_clock import TheirClock

READ_BUDGET_SECONDS = 10.0
#: A device is about 5 kB, and the door reads two megabytes.
PAGE_SIZE = 100
MAX_PAGES = 200

_reader = RowReader(LABEL)
read_rows, read_row, unexpected = _reader.read_rows, _reader.read_row, _reader.unexpected


@dataclass
class SeamApi:
    """One connection's way to the API. Raises ProviderError and nothing else."""

    connection: Connection
    door: HttpDoor
    now: Callable[[], datetime]
    turns: Turns | None = None
    read_budget_seconds: float = READ_BUDGET_SECONDS
    clock: TheirClock = field(init=False)

    def __post_init__(self) -> None:
        self.clock = TheirClock(self.now)

    def call(
        self,
        path: str,
        body: Row,
        *,
        budget_seconds: float | None = None,
        request_id: str = "",
        fresh: bool = False,
        is_command: bool = False,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> Row:
        """Send one request, once, and return the body of its yes; raise what else it stands for."""
        headers = {"Authorization": f"Bearer {self.connection.client_secret}"}
        if request_id:
            headers["X-Request-Id"] = request_id
        budget = self.read_budget_seconds if budget_seconds is None else budget_seconds
        deadline = monotonic() + budget
        if self.turns is not None:
            self.turns.take(budget_seconds=budget)
        sent = monotonic()
        reply = self.door.request(
            "POST",
            f"{self.connection.api_base.rstrip('/')}/{path}",
            headers=headers,
            json=body,
            budget_seconds=deadline - sent,
            fresh=fresh,
            max_body_bytes=max_body_bytes,
        )
        self.clock.read(reply, monotonic() - sent)
        if problem := refusal(reply, self.now(), is_command=is_command):
            raise problem
        answer = reply.body_json()
        if not isinstance(answer, dict) or answer.get("ok") is False:
            raise unexpected()
        return answer

    def one(self, path: str, key: str, body: Row, **options: Any) -> Row:
        """Return the one row an answer holds."""
        row = self.call(path, body, **options).get(key)
        if not isinstance(row, dict):
            raise unexpected()
        return row

    def every(
        self, path: str, key: str, body: Row, *, limit: int = PAGE_SIZE, **options: Any
    ) -> list[Row]:
        """Return a list to its end, or nothing: half a list looks like removed things."""
        found: list[Row] = []
        asked, cursors = {**body, "limit": limit}, set[str]()
        for _ in range(MAX_PAGES):
            page = self.call(path, asked, **options)
            found += rows_of(page, key)
            cursor = _next(page)
            if not cursor:
                return found
            if cursor in cursors:
                raise unexpected()
            cursors.add(cursor)
            asked = {**asked, "page_cursor": cursor}
        raise UnexpectedReplyError(f"{LABEL} lists more than we read")

    def whole(self, path: str, key: str, body: Row) -> list[Row]:
        """Return a list that Seam gives in one piece, however long it is."""
        page = self.call(
            path, body, budget_seconds=3 * self.read_budget_seconds, max_body_bytes=MAX_LIST_BYTES
        )
        if _next(page):
            raise UnexpectedReplyError(f"{LABEL} lists in pages what it listed as a whole")
        return rows_of(page, key)


def _next(page: Row) -> str:
    """Return the cursor of the page that follows. The official fake leaves `pagination` out."""
    told = page.get("pagination")
    if told is None:
        return ""
    if not isinstance(told, dict):
        raise unexpected()
    if not told.get("has_next_page"):
        return ""
    cursor = told.get("next_page_cursor")
    if not isinstance(cursor, str) or not cursor:
        raise unexpected()
    return cursor


def rows_of(body: Row, key: str) -> list[Row]:
    found = body.get(key)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise unexpected()
    return found


def known_id(value: str) -> str:
    """Return an id. Raises RefusedError for what can be none."""
    if not is_id(value):
        raise RefusedError(f"{LABEL} cannot know this: it is no id", code=Code.NOT_FOUND)
    return value
