from importlib import import_module
from typing import Any

import pytest


@pytest.fixture
def brand(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Every door of this test is of one brand whose rules the test may set."""
    stub = import_module("tests.locks.codes.stub")
    fake = stub.Stub(stub.KEYPAD)
    capability = import_module("locks.codes.capability")
    monkeypatch.setattr(capability, "open_driver", lambda *_, **__: fake)
    return fake
