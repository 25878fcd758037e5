import json
from datetime import UTC, datetime

import pytest

from accounts.providers.base import (
    AuthError,
    Code,
    MissingScopeError,
    RateLimitError,
    Reach,
    RefusedError,
    UncertainError,
    UnsupportedError,
)
from accounts.providers.http import Reply
from accounts.providers.retry_after import retry_after_seconds
from accounts.providers.salto_ks.errors import (
    Asked,
    advice,
    refusal,
    troubleshooting,
)

NOW = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
READ = Asked(scope="locks:read")
COMMAND = Asked(scope="locks:write", is_command=True)


def reply(status, number=None, message="", body=None, **headers):
    if number is not None:
        body = {"ErrorCode": number, "Message": message}
    raw = b"" if body is None else json.dumps(body).encode()
    return Reply(status=status, host="h", headers=headers, body=raw)


EXECUTION = "Request execution failed with code: {}"


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (reply(401), AuthError, Code.UNAUTHORIZED),
        (reply(401, 1500), AuthError, Code.UNAUTHORIZED),
        (reply(403), MissingScopeError, Code.MISSING_SCOPE),
        (reply(403, body={"title": "Forbidden"}), MissingScopeError, Code.MISSING_SCOPE),
        (reply(403, "2203", "User does not have permission"), MissingScopeError, "missing_scope"),
        (
            reply(403, "2203", "Cannot get first secret for an already activated Iq."),
            RefusedError,
            Code.ALREADY_ACTIVATED,
        ),
        (reply(403, "2212", "no valid subscription"), RefusedError, Code.SUBSCRIPTION_ENDED),
        (reply(403, 2212), RefusedError, Code.SUBSCRIPTION_ENDED),
        (
            reply(403, body={"message": "The lock is in privacy mode."}),
            RefusedError,
            "privacy_mode",
        ),
        (reply(400, "2210"), RefusedError, Code.SITE_NOT_RELEASED),
        (reply(400, "1100", "The otp field is required."), RefusedError, Code.OTP_REQUIRED),
        (reply(400, "1100", "bad"), RefusedError, Code.REFUSED),
        (reply(400, "1102"), RefusedError, Code.REFUSED),
        (reply(404), RefusedError, Code.NOT_FOUND),
        (reply(404, "2202", "Site not found"), RefusedError, Code.NOT_FOUND),
        (reply(404, "2202", "Otp is invalid"), RefusedError, Code.OTP_REQUIRED),
        (reply(404, 2202, "Otp is invalid"), RefusedError, Code.OTP_REQUIRED),
        (reply(404, "3104"), RefusedError, Code.NOT_FOUND),
        (reply(405), UnsupportedError, Code.NOT_SUPPORTED),
        (reply(400, "3102", EXECUTION.format("otp_invalid")), RefusedError, Code.OTP_INVALID),
        (reply(403, "3102", EXECUTION.format("otp_blocked")), RefusedError, Code.OTP_BLOCKED),
        (reply(400, "3102", EXECUTION.format("pin_not_changed")), RefusedError, Code.NOT_ACTIVATED),
        (
            reply(403, "3102", EXECUTION.format("command_forbidden")),
            RefusedError,
            Code.COMMAND_FORBIDDEN,
        ),
        (reply(429), RateLimitError, Code.RATE_LIMITED),
        (reply(429, "2203"), RateLimitError, Code.RATE_LIMITED),
        (reply(408), UncertainError, Code.NO_ANSWER),
        (reply(500), UncertainError, Code.NO_ANSWER),
        (reply(503), UncertainError, Code.NO_ANSWER),
        (reply(500, "3101"), UncertainError, Code.NO_ANSWER),
        (reply(400, "3101"), UncertainError, Code.NO_ANSWER),
        (reply(200, "2201"), UncertainError, Code.NO_ANSWER),
        (reply(200, "2211"), RefusedError, Code.REFUSED),
        (reply(200, 2202, "Otp is invalid"), RefusedError, Code.OTP_REQUIRED),
        (reply(200, "1500"), AuthError, Code.UNAUTHORIZED),
        (reply(415), RefusedError, Code.REFUSED),
    ],
)
@pytest.mark.parametrize("asked", [READ, COMMAND])
def test_sks_02_a_refusal_has_a_name(answer, kind, code, asked):
    error = refusal(answer, asked, NOW)

    assert (type(error), error.code) == (kind, code)


@pytest.mark.parametrize(
    ("answer", "code", "reach"),
    [
        (reply(422), Code.OFFLINE_OR_UNSUPPORTED, Reach.REFUSED),
        (reply(409), Code.OFFLINE_OR_UNSUPPORTED, Reach.REFUSED),
        (reply(422, "3102", EXECUTION.format("x")), Code.OFFLINE_OR_UNSUPPORTED, Reach.REFUSED),
        (reply(400, "3102", EXECUTION.format("x")), Code.OFFLINE_OR_UNSUPPORTED, Reach.REFUSED),
        (reply(503), Code.NO_ANSWER, Reach.UNCERTAIN),
    ],
)
def test_a_lock_that_is_not_reached_has_a_name_only_for_commands(answer, code, reach):
    error = refusal(answer, COMMAND, NOW)

    assert (error.code, error.reach) == (code, reach)
    assert refusal(answer, READ, NOW).code != Code.OFFLINE_OR_UNSUPPORTED


@pytest.mark.parametrize(
    "answer",
    [
        reply(200),
        reply(204),
        reply(200, body=[]),
        reply(200, body={"a": 1}),
        reply(200, 0),
        reply(200, "0"),
        reply(200, body={"ErrorCode": None}),
    ],
)
def test_a_yes_is_no_refusal(answer):
    assert refusal(answer, COMMAND, NOW) is None


def test_acc_04_a_missing_scope_names_it():
    error = refusal(reply(403), Asked(scope="audit:read"), NOW)

    assert error.scope == "audit:read"
    assert "audit:read" in troubleshooting(error, dialect="legacy")[0]


def test_no_words_of_the_provider_are_repeated():
    error = refusal(reply(400, "1101", "canary jane@example.com"), READ, NOW)

    assert str(error) == "Salto KS refused (HTTP 400, code 1101)"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        ("7.5", 7.5),
        ("", 60),
        ("soon", 60),
        ("nan", 60),
        ("inf", 60),
        ("0", 1),
        ("-5", 1),
        ("3600", 3600),
        ("9999999", 3600),
        ("9" * 300, 3600),
        ("Sat, 28 Mar 2026 12:00:30 GMT", 30),
        ("Sat, 28 Mar 2026 11:00:00 GMT", 1),
        ("Sun, 29 Mar 2026 12:00:00 GMT", 3600),
        ("Sat, 99 Mar 2026 12:00:30 GMT", 60),
    ],
)
def test_acc_06_retry_after_is_read_in_both_forms(header, seconds):
    assert retry_after_seconds(header, NOW) == seconds


@pytest.mark.parametrize("code", [*Code, "something_new"])
@pytest.mark.parametrize("dialect", ["connect", "legacy", ""])
def test_acc_04_every_code_has_a_title_and_a_fix(code, dialect):
    found = advice(code, dialect=dialect)

    assert found.title
    assert found.fix.endswith(".")


def test_the_seeds_causes_are_told():
    assert "Client id or client secret is wrong" in advice("unauthorized", dialect="legacy").fix
    assert "add-on is probably not enabled" in advice("addon_off", dialect="legacy").fix
    assert "offline" in advice("device_offline", dialect="legacy").title
