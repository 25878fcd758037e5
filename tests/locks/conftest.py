from importlib import import_module
from typing import Any

import pytest


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The one provider every account of this test talks to."""
    fake = import_module("tests.locks.fakes").FakeDriver()
    for module in ("actuation.sending", "polling", "first_sync"):
        monkeypatch.setattr(import_module(f"locks.{module}"), "driver_for", lambda _, **__: fake)
    return fake
