"""One provider in memory that every account of a test talks to."""

from importlib import import_module
from typing import Any

import pytest


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Any:
    fake = import_module("tests.access.fakes").FakeSystems()
    passing = import_module("access.syncing.passing")
    monkeypatch.setattr(passing, "driver_for", lambda account, **_: fake)
    monkeypatch.setattr(passing.live, "send", lambda *_, **__: True)
    return fake
