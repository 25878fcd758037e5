"""A house, somebody at its desk, and a clock that stands."""

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.test import Client

from tests.access.grants.house import NOW, House
from tests.make import client_of


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def client(house: House) -> Client:
    assert house.by.user
    return client_of(house.by.user)
