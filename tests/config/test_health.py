from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from config import health


def test_ops_01_a_process_is_alive_whatever_the_database(client: Client) -> None:
    response = client.get("/livez")

    assert (response.status_code, response.content) == (200, b"ok")


@pytest.mark.django_db
def test_ops_01_it_can_serve_while_the_database_answers(client: Client) -> None:
    assert client.get("/readyz").status_code == 200


def test_ops_01_without_the_database_it_cannot(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Away:
        def cursor(self) -> Any:
            raise OperationalError("password=CANARY")

    monkeypatch.setattr(health, "connection", Away())

    response = client.get("/readyz")

    assert (response.status_code, response.content) == (503, b"no database")
