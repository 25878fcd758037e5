"""A sandbox whose clock stands still, and a real program for what needs a connection."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sandbox import seed
from tests.sandbox.client import Account, Client
from tests.sandbox.program import Program

#: The evening before Europe's clocks go forward, a Saturday.
NOW = datetime(2026, 3, 28, 21, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def no_broker() -> None:
    """Replace the project's own: the sandbox knows nothing of brokers."""


@pytest.fixture(scope="session")
def one_client() -> Iterator[Client]:
    client = Client()
    yield client
    client.close()


@pytest.fixture
def client(one_client: Client) -> Client:
    """A new world at NOW, where entries arrive at once and time stands still."""
    world = one_client.world
    world.clock.reset()
    world.clock.freeze()
    world.clock.set(NOW)
    seed.start_over(world, keep_sign_ins=False)
    one_client.control("settings", preset="instant")
    return one_client


@pytest.fixture
def jane(client: Client) -> Account:
    return client.sign_in("jane")


@pytest.fixture(scope="session")
def shared_program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    program = Program(tmp_path_factory.mktemp("sandbox"))
    program.start()
    yield program
    program.kill()


@pytest.fixture
def program(shared_program: Program) -> Program:
    shared_program.control("reset")
    return shared_program


@pytest.fixture
def own_program(tmp_path: Path) -> Iterator[Program]:
    """A program that a test may kill."""
    program = Program(tmp_path)
    program.start()
    yield program
    program.kill()
