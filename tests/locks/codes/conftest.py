"""A provider in memory that takes codes, behind the driver contract."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime
from importlib import import_module
from typing import Any

import pytest

from accounts.providers.base import ProviderError
from accounts.providers.codes import AccessCodes, CodeListing, CodeRules, StepDone
from locks.codes import reconciling
from tests.locks.codes.sim.clouds import Cloud, Faults, KeypadCloud, SaltoCloud


class CodesDriver:
    """One of the simulator's clouds as a driver. An exception put into `fails` is raised once."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.steps: list[str] = []
        self.removed: list[str] = []
        #: Locks whose door a shared guest was taken from.
        self.left: list[str] = []
        #: Doors are left in words only.
        self.lies = False
        self.listings = 0
        self.fails: list[tuple[str, ProviderError]] = []
        self.during: Callable[[str], None] = lambda _: None
        self.listing: dict[str, Any] = {}

    def _maybe_fail(self, what: str) -> None:
        for n, (where, error) in enumerate(self.fails):
            if where == what:
                del self.fails[n]
                raise error

    def code_rules(self, lock: Any, site: Any = None) -> CodeRules | None:
        return self.cloud.rules if lock.has_keypad else None

    def why_no_codes(self, lock: Any, site: Any = None) -> str:
        return "" if lock.has_keypad else "This lock has no keypad."

    def list_codes(
        self, site_id: str, *, doors: Any, unsure: Any = (), is_deep: bool = False
    ) -> CodeListing:
        self.listings += 1
        self._maybe_fail("list")
        listing = self.cloud.list_codes(datetime.now().astimezone(), doors, unsure)
        return CodeListing(**{**listing.__dict__, **self.listing})

    def next_step(self, wish: Any, seen: Any, door: Any) -> str:
        return str(self.cloud.next_step(wish, seen, door))

    def creates(self, step: str) -> bool:
        return bool(self.cloud.creates(step))

    def is_of_door(self, step: str) -> bool:
        return bool(self.cloud.is_of_door(step))

    def digits_end(self, seen: Any) -> datetime | None:
        return None

    def is_shared(self, step: str) -> bool:
        return bool(self.cloud.is_shared(step))

    def leave_door(self, site_id: str, seen: Any, door: Any, **_: Any) -> Any:
        self.left.append(str(door["group"]).removeprefix("g-"))
        left = dict(door) if self.lies else self.cloud.leave_door(seen, door)
        self.during("leave")
        self._maybe_fail("leave")
        return left

    def take_step(
        self, step: str, site_id: str, wish: Any, seen: Any, door: Any, **_: Any
    ) -> StepDone:
        self.steps.append(step)
        self._maybe_fail(f"before {step}")
        done = self.cloud.take_step(step, wish, seen, door)
        self.during(step)
        self._maybe_fail(step)
        return done

    def remove_code(self, site_id: str, lock_id: str, remote_id: str, **_: Any) -> None:
        self.removed.append(remote_id)
        self._maybe_fail("remove")
        self.cloud.remove_code(remote_id)
        self.during("remove")


def _driver(kind: type[Cloud], monkeypatch: pytest.MonkeyPatch) -> CodesDriver:
    dice = random.Random(1)  # noqa: S311
    driver = CodesDriver(kind(dice, Faults(), seats=50))
    assert isinstance(driver, AccessCodes)
    monkeypatch.setattr(reconciling, "driver_for", lambda _, **__: driver)
    return driver


@pytest.fixture
def salto(monkeypatch: pytest.MonkeyPatch) -> CodesDriver:
    return _driver(SaltoCloud, monkeypatch)


@pytest.fixture
def keypad(monkeypatch: pytest.MonkeyPatch) -> CodesDriver:
    return _driver(KeypadCloud, monkeypatch)


@pytest.fixture
def brand(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Every door of this test is of one brand whose rules the test may set; nobody is asked."""
    stub = import_module("tests.locks.codes.stub")
    fake = stub.Stub(stub.KEYPAD)
    monkeypatch.setattr(
        import_module("locks.codes.capability"), "open_driver", lambda *_, **__: fake
    )
    return fake
