from typing import Any

import pytest
from django.conf import settings
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


def test_db_04_a_page_without_its_database_says_what_that_means_for_doors(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise OperationalError("server closed the connection")

    client.raise_request_exception = False
    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", away)
    client.cookies[settings.SESSION_COOKIE_NAME] = "x" * 32

    response = client.get("/")

    assert response.status_code == 503
    assert "Cannot record actions – unlocking is off." in response.content.decode()
