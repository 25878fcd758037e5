import json
import logging
from typing import Any

import pytest

from config.logs import OneLine, Redact, redact

SECRETS = [
    "Authorization: Bearer eyJhbGciOi.CANARY.x",
    "Authorization: Basic Q0FOQVJZ-CANARY==",
    "{'Authorization': 'Bearer CANARY'}",
    'password="CANARY with spaces and, commas"',
    '{"password": "CANARY \\" CANARY"}',
    "{'password': 'CANARY and more CANARY'}",
    "client_id=us&client_secret=CANARY&grant_type=password",
    '{"client_secret": "CANARY"}',
    "access_token=CANARY",
    '{"access_token":"CANARY","refresh_token":"CANARY","expires_in":3600}',
    "https://app.example/connect/return?code=CANARY&state=x",
    "code_verifier=CANARY",
    "otp: CANARY",
    '{"otp": "CANARY", "pin": "CANARY"}',
    "pin=CANARY",
    "Cookie: sid=CANARY; csrf=CANARY; other=CANARY",
    "Set-Cookie: __Host-sid=CANARY; Path=/; HttpOnly",
    "{'cookie': 'sid=CANARY; csrf=CANARY'}",
    "csrfmiddlewaretoken=CANARY",
    "got Bearer CANARY-CANARY back",
    "GET /connect/CANARYCANARYCANARYCANARY/sites/ 200",
    "GET /invitation/CANARYCANARYCANARYCANARY/ 200",
    "PASSWORD = CANARY",
    "TOKEN: CANARY",
    "secret=CANARY",
]


@pytest.mark.parametrize("text", SECRETS)
def test_sec_05_what_looks_like_a_secret_is_dots(text: str) -> None:
    assert "CANARY" not in redact(text)
    assert "••••" in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "Salto answered 404 with error_code=2202",
        "status_code=503",
        "Valkey does not answer; hints are off, everything still runs",
        "GET /connect/return 302",
        "GET /doors/0198d2f0-0000-7000-8000-000000000000/unlock/ 200",
        "Room 204: pinned, passwordless, tokens",
        "the postcode is 1012 AB",
    ],
)
def test_what_helps_support_is_kept(text: str) -> None:
    assert redact(text) == text


def log(message: str, *args: Any, **fields: Any) -> dict[str, Any]:
    """Send a record the way it goes to the terminal, and read the line."""
    record = logging.LogRecord("a.b", logging.WARNING, "x.py", 1, message, args, None)
    for name, value in fields.items():
        setattr(record, name, value)
    assert Redact().filter(record)
    line = OneLine().format(record)
    assert "\n" not in line
    told: dict[str, Any] = json.loads(line)
    return told


def test_a_record_is_one_line_of_json_in_utc() -> None:
    told = log("a\r\nb %s", "c", created=0.5)

    assert told == {
        "at": "1970-01-01T00:00:00.500+00:00",
        "level": "warning",
        "logger": "a.b",
        "message": "a\r\nb c",
    }


def test_secrets_in_arguments_are_dots_too() -> None:
    assert log("asked with %s", {"password": "CANARY"})["message"] == (
        "asked with {'password': ••••}"
    )


def test_a_slip_in_a_log_line_stops_nothing() -> None:
    assert log("%d doors", "three")["message"] == "%d doors"


def test_an_exception_is_told_without_its_secrets() -> None:
    try:
        raise ValueError("password=CANARY")
    except ValueError as error:
        told = log("it broke", exc_info=(type(error), error, error.__traceback__))

    assert "CANARY" not in told["exception"]
    assert "ValueError: password=••••" in told["exception"]


def test_a_long_traceback_keeps_its_end() -> None:
    try:
        raise ValueError("x" * 9000 + "the end")
    except ValueError as error:
        told = log("it broke", exc_info=(type(error), error, error.__traceback__))

    assert len(told["exception"]) == 4000
    assert told["exception"].endswith("the end")
