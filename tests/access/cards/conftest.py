from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def dispatched(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Collect hints instead of publishing them: a test works on its jobs itself."""
    found: list[Any] = []
    monkeypatch.setattr(import_module("access.cards.working"), "dispatch", found.append)
    return found


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Wait for nothing; and keep the connection that a test's transaction lives on."""
    calling = import_module("access.cards.calling")
    monkeypatch.setattr(calling, "pause", lambda _seconds: None)
    mark = request.node.get_closest_marker("django_db")
    if mark is None or not mark.kwargs.get("transaction"):
        monkeypatch.setattr(calling, "connection", SimpleNamespace(close=lambda: None))


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The one provider every account of this test talks to."""
    fake = import_module("tests.access.cards.fakes").FakeDesk()
    monkeypatch.setattr(
        import_module("access.cards.calling"), "driver_for", lambda _account, **_: fake
    )
    return fake
