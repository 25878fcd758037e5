"""Calls to Keypad Cloud: an API key, refusals by name, lists in one piece."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any

from accounts.providers.base import Code, Connection, RefusedError, Turns
from accounts.providers.http import HttpDoor, Reply
from accounts.providers.keypad.errors import LABEL, refusal
from accounts.providers.rows import Row, RowReader
from accounts.providers.text import segment

READ_BUDGET_SECONDS = 10.0

_reader = RowReader(LABEL)
read_rows, read_row, unexpected = _reader.read_rows, _reader.read_row, _reader.unexpected


@dataclass
class KeypadApi:
    """One connection's way to the API. Raises ProviderError and nothing else."""

    connection: Connection
    door: HttpDoor
    now: Callable[[], datetime]
    turns: Turns | None = None
    read_budget_seconds: float = READ_BUDGET_SECONDS

    def url(self, *path: str) -> str:
        """Return an address. What is no id never becomes a path."""
        try:
            parts = [segment(part) for part in path]
        except ValueError:
            raise RefusedError(
                f"{LABEL} cannot know this: it is no id", code=Code.NOT_FOUND
            ) from None
        return "/".join([self.connection.api_base.rstrip("/"), "v1", *parts])

    def call(
        self,
        method: str,
        url: str,
        *,
        budget_seconds: float | None = None,
        request_id: str = "",
        is_command: bool = False,
        **options: Any,
    ) -> Reply:
        """Send one request, once, and return its good reply; raise what any other stands for."""
        headers = {"X-Api-Key": self.connection.client_secret}
        if request_id:
            headers["X-Request-Id"] = request_id
        budget = self.read_budget_seconds if budget_seconds is None else budget_seconds
        deadline = monotonic() + budget
        if self.turns is not None:
            self.turns.take(budget_seconds=budget)
        reply = self.door.request(
            method, url, budget_seconds=deadline - monotonic(), headers=headers, **options
        )
        if problem := refusal(reply, self.now(), is_command=is_command):
            raise problem
        return reply

    def row(self, url: str) -> Row:
        body = self.call("GET", url).body_json()
        if not isinstance(body, dict):
            raise unexpected()
        return body

    def rows(self, url: str) -> list[Row]:
        items = items_of(self.call("GET", url).body_json())
        if not all(isinstance(each, dict) for each in items):
            raise unexpected()
        return items


def items_of(body: Any) -> list[Any]:
    items = body.get("items") if isinstance(body, dict) else None
    if not isinstance(items, list):
        raise unexpected()
    return items
