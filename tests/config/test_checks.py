from typing import Any

import pytest

from config import checks


def ids(check: Any) -> list[str]:
    return [message.id for message in check()]


@pytest.mark.parametrize(
    ("plain", "origin", "first", "second"),
    [
        (False, "https://locks.example.org", [], []),
        (True, "http://127.0.0.1:8000", ["config.E001"], []),
        (True, "http://localhost:8000", ["config.E001"], []),
        (True, "http://[::1]:8000", ["config.E001"], []),
        (True, "http://127.0.0.1.example.org", ["config.E001"], ["config.E002"]),
    ],
)
def test_plain_http_is_for_this_machine(
    settings: Any, plain: bool, origin: str, first: list[str], second: list[str]
) -> None:
    settings.LOCKBOARD_PLAIN_HTTP, settings.LOCKBOARD_ORIGIN = plain, origin

    assert ids(checks.no_plain_http_for_strangers) == first
    assert ids(checks.plain_http_only_on_loopback) == second


def test_the_demos_mail_stays_in_the_demo(settings: Any) -> None:
    assert ids(checks.demo_mail_is_for_the_demo) == []

    settings.DEMO_MAIL_FOLDER = "/somewhere"

    assert ids(checks.demo_mail_is_for_the_demo) == ["config.E005"]


@pytest.mark.parametrize(
    ("address", "first", "second"),
    [
        ("", [], []),
        ("http://127.0.0.1:8001", [], ["config.W001"]),
        ("http://10.0.0.7:8001", ["config.E003"], ["config.W001"]),
    ],
)
def test_the_sandbox_is_for_this_machine(
    settings: Any, address: str, first: list[str], second: list[str]
) -> None:
    settings.SANDBOX_URL = address

    assert ids(checks.sandbox_only_on_loopback) == first
    assert ids(checks.sandbox_is_for_trying) == second
