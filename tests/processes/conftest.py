"""One stack per worker while it is here; every test finds it whole."""

from collections.abc import Iterator

import pytest

from tests.processes.stack import Stack


# For this package only: idle programs take a tenth of a core from the tests that follow.
@pytest.fixture(scope="package")
def _stack() -> Iterator[Stack]:
    with Stack() as stack:
        stack.sandbox.ask("POST", "/settings", {"preset": "instant"})
        yield stack


@pytest.fixture
def stack(_stack: Stack) -> Iterator[Stack]:
    yield _stack
    _stack.heal()
