"""The simulated cloud inside this process, behind the door all calls leave through."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from accounts.providers.http import HttpDoor, Reply
from locks import first_sync
from tests.sandbox.client import BASE, Client


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Client]:
    settings.SANDBOX_URL = BASE
    simulated = Client()

    def ask(
        door: HttpDoor,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        data: Mapping[str, str] | None = None,
        **_: Any,
    ) -> Reply:
        assert url.startswith(BASE), url
        query = f"?{urlencode(params)}" if params else ""
        answer = simulated.request(
            method,
            url.removeprefix(BASE) + query,
            json=json,
            form=dict(data) if data is not None else None,
            headers={name.lower(): value for name, value in (headers or {}).items()},
        )
        return Reply(
            status=answer.status, host="127.0.0.1", headers=answer.headers, body=answer.body
        )

    monkeypatch.setattr(HttpDoor, "request", ask)
    yield simulated
    simulated.close()


@pytest.fixture
def first_syncs(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Collect the first syncs that are asked for, instead of doing them."""
    asked: list[Any] = []
    monkeypatch.setattr(first_sync, "dispatch", lambda pk, *, here: asked.append((pk, here)))
    return asked
