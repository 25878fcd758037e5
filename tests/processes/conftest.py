"""One stack per test run and worker; every test finds it whole."""

from collections.abc import Iterator

import pytest

from tests.processes.stack import Stack


@pytest.fixture(scope="session")
def _stack() -> Iterator[Stack]:
    with Stack() as stack:
        stack.sandbox.ask("POST", "/settings", {"preset": "instant"})
        yield stack


@pytest.fixture
def stack(_stack: Stack) -> Iterator[Stack]:
    yield _stack
    _stack.heal()
