import base64
import hashlib
import json
import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from accounts.providers.base import (
    AuthError,
    Code,
    MissingScopeError,
    ProviderError,
    RateLimitError,
    Reach,
    RefusedError,
    Token,
    UncertainError,
    UnexpectedReplyError,
    UnreachableError,
)
from accounts.providers.http import HttpDoor
from accounts.providers.salto_ks import (
    PRODUCTION,
    begin_sign_in,
    discover,
    finish_sign_in,
    sandbox_environment,
)
from accounts.providers.salto_ks.oauth import fetch_token
from tests.accounts.providers.keeper import MemoryTokens
from tests.accounts.providers.salto_ks.answers import TOKEN
from tests.accounts.providers.salto_ks.rigs import PASSWORD, SECRET, RecordedRig, connection_to
from tests.accounts.providers.servers import Answer

NOW = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)


@pytest.fixture
def rig():
    rig = RecordedRig("connect")
    yield rig
    rig.close()


@pytest.fixture
def legacy_rig():
    rig = RecordedRig("legacy")
    yield rig
    rig.close()


def fetch(rig, latest=None, **changes):
    connection = connection_to(rig.origin, rig.dialect, **changes)
    return fetch_token(connection, latest, door=rig.door, now=lambda: NOW, budget_seconds=2)


def answer_with(rig, body=None, status=200, **options):
    rig.cloud.on("POST", rig.token_path, Answer(body, status, **options))


def token(**fields):
    made = {"access_token": "old", "expires_at": NOW, "version": 1, **fields}
    return Token(**made)


# --- what is sent -----------------------------------------------------------------------------


def basic(name, secret):
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


def test_the_password_grant_shows_the_client_in_the_header_and_asks_for_one_scope(rig):
    fetched = fetch(rig)

    asked = rig.cloud.asked[0]
    assert asked.headers["authorization"] == basic("client-1", SECRET)
    assert asked.form == {
        "grant_type": "password",
        "username": "jane@example.com",
        "password": PASSWORD,
        "scope": "user_api.full_access",
    }
    assert fetched == Token(
        access_token=TOKEN["access_token"],
        expires_at=NOW + timedelta(seconds=3600),
        issued_at=NOW,
        scope="user_api.full_access",
    )


def test_a_scope_of_the_connection_is_asked_for_and_a_narrower_one_taken(rig):
    fetched = fetch(rig, scope="user_api.full_access offline_access")

    assert rig.cloud.asked[0].form["scope"] == "user_api.full_access offline_access"
    assert fetched.scope == "user_api.full_access"


def test_the_older_dialect_sends_its_credential_and_four_scopes(legacy_rig):
    fetch(legacy_rig)

    asked = legacy_rig.cloud.asked[0]
    assert asked.headers["authorization"] == basic("client-1", SECRET)
    assert asked.form == {
        "grant_type": "client_credentials",
        "scope": "locks:read locks:write users:read audit:read",
    }


@pytest.mark.parametrize("secret", [SECRET, ""])
def test_a_refresh_token_is_used_where_there_is_one(rig, secret):
    fetched = fetch(rig, token(refresh_token="refresh-1"), client_secret=secret)

    asked = rig.cloud.asked[0]
    public = {} if secret else {"client_id": "client-1"}
    assert asked.form == {
        "grant_type": "refresh_token",
        "refresh_token": "refresh-1",
        **public,
    }
    assert ("authorization" in asked.headers) == bool(secret)
    assert fetched.refresh_token == "refresh-1"  # Salto gave no new one: the old one stays good


def test_a_rotated_refresh_token_replaces_the_old_one(rig):
    answer_with(rig, {**TOKEN, "refresh_token": "refresh-2"})

    assert fetch(rig, token(refresh_token="refresh-1")).refresh_token == "refresh-2"


def test_where_the_refresh_token_has_ended_a_password_signs_in_anew(rig):
    rig.cloud.on("POST", rig.token_path, [Answer({"error": "invalid_grant"}, 400), Answer(TOKEN)])

    assert fetch(rig, token(refresh_token="refresh-1")).access_token == TOKEN["access_token"]
    assert [each.form["grant_type"] for each in rig.cloud.asked] == ["refresh_token", "password"]


def test_where_the_refresh_token_has_ended_a_person_must_sign_in_again(rig):
    answer_with(rig, {"error": "invalid_grant"}, 400)

    with pytest.raises(AuthError):
        fetch(rig, token(refresh_token="refresh-1"), grant="authorization_code")
    with pytest.raises(AuthError):
        fetch(rig, None, grant="authorization_code")

    assert len(rig.cloud.asked) == 1


def test_a_passing_failure_of_a_refresh_does_not_sign_in(rig):
    answer_with(rig, status=503)

    with pytest.raises(UncertainError):
        fetch(rig, token(refresh_token="refresh-1"))

    assert len(rig.cloud.asked) == 1


@pytest.mark.parametrize("char", ["&", "=", "%", "+", " ", "é", "日", '"', ";", "\\"])
def test_any_password_arrives_as_it_was_typed(rig, char):
    fetch(rig, password=f"a{char}b")

    assert rig.cloud.asked[0].form["password"] == f"a{char}b"


# --- what comes back --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("says", "seconds"),
    [
        ({"expires_in": 3600}, 3600),
        ({"expires_in": 3599.9}, 3599),
        ({}, 300),
        ({"expires_in": None}, 300),
        ({"expires_in": 0}, 300),
        ({"expires_in": -1}, 300),
        ({"expires_in": "3600"}, 300),
        ({"expires_in": True}, 300),
        ({"expires_in": [1]}, 300),
        ({"expires_in": 5}, 30),
        ({"expires_in": 10**12}, 86_400),
    ],
)
def test_a_token_lives_as_long_as_can_be_believed(rig, says, seconds):
    without = {key: value for key, value in TOKEN.items() if key != "expires_in"}
    answer_with(rig, {**without, **says})

    assert fetch(rig).expires_at == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "body",
    [
        {**TOKEN, "access_token": "a\nb"},
        {**TOKEN, "access_token": "a b"},
        {**TOKEN, "access_token": ""},
        {**TOKEN, "access_token": None},
        {**TOKEN, "access_token": 7},
        {**TOKEN, "access_token": "é"},
        {**TOKEN, "access_token": "x" * 20_000},
        {**TOKEN, "token_type": "mac"},
        {**TOKEN, "token_type": None},
        {},
        [],
        None,
        "token",
    ],
)
def test_what_is_no_bearer_token_is_an_unexpected_reply(rig, body):
    answer_with(rig, body)

    with pytest.raises(UnexpectedReplyError):
        fetch(rig)


@pytest.mark.parametrize("odd", ["a\nb", 7, None, {"a": 1}])
def test_an_unreadable_refresh_token_is_none(rig, odd):
    answer_with(rig, {**TOKEN, "refresh_token": odd, "token_type": "BEARER", "scope": ["a"]})

    fetched = fetch(rig)

    assert (fetched.refresh_token, fetched.scope) == ("", "")


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, {"error": "invalid_grant"}, AuthError, Code.UNAUTHORIZED),
        (403, {"error": "invalid_grant"}, AuthError, Code.UNAUTHORIZED),
        (200, {"error": "invalid_grant"}, AuthError, Code.UNAUTHORIZED),
        (401, {"error": "invalid_client"}, AuthError, Code.UNAUTHORIZED),
        (500, {"error": "invalid_client"}, AuthError, Code.UNAUTHORIZED),
        (400, {"error": "unauthorized_client"}, AuthError, Code.UNAUTHORIZED),
        (400, {"error": "invalid_scope"}, MissingScopeError, Code.MISSING_SCOPE),
        (400, {"error": "invalid_request"}, UnexpectedReplyError, Code.UNEXPECTED_REPLY),
        (400, {"error": "<b>new\n"}, UnexpectedReplyError, Code.UNEXPECTED_REPLY),
        (401, None, UnexpectedReplyError, Code.UNEXPECTED_REPLY),
        (403, None, UnexpectedReplyError, Code.UNEXPECTED_REPLY),
        (404, None, UnexpectedReplyError, Code.UNEXPECTED_REPLY),
        (429, None, RateLimitError, Code.RATE_LIMITED),
        (408, None, UncertainError, Code.NO_ANSWER),
        (500, {"error": "server_error"}, UncertainError, Code.NO_ANSWER),
        (503, None, UncertainError, Code.NO_ANSWER),
        (302, None, UnexpectedReplyError, Code.UNEXPECTED_REPLY),
    ],
)
def test_acc_03_only_oauths_own_words_ask_for_a_person(rig, status, body, kind, code):
    answer_with(rig, body, status)

    with pytest.raises(kind) as caught:
        fetch(rig)

    assert (type(caught.value), caught.value.code) == (kind, code)


@pytest.mark.parametrize("html", [b"<!doctype html>", b"error=invalid_grant"])
def test_acc_03_a_page_instead_of_a_token_is_no_refusal(rig, html):
    answer_with(rig, raw=html)

    with pytest.raises(UnexpectedReplyError):
        fetch(rig)


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (401, None, AuthError, Code.UNAUTHORIZED),
        (401, {"error": "invalid_client"}, AuthError, Code.UNAUTHORIZED),
        (400, None, RefusedError, Code.ADDON_OFF),
        (400, {"error": "invalid_request"}, RefusedError, Code.ADDON_OFF),
        (400, {"error": "unauthorized_client"}, AuthError, Code.ADDON_OFF),
        (400, {"error": "invalid_scope"}, MissingScopeError, Code.MISSING_SCOPE),
        (403, None, UnexpectedReplyError, Code.UNEXPECTED_REPLY),
        (503, None, UncertainError, Code.NO_ANSWER),
    ],
)
def test_acc_04_the_older_dialects_statuses_have_their_seeds_meaning(
    legacy_rig, status, body, kind, code
):
    answer_with(legacy_rig, body, status)

    with pytest.raises(kind) as caught:
        fetch(legacy_rig)

    assert (type(caught.value), caught.value.code) == (kind, code)


def test_no_secret_is_logged_or_quoted_even_by_the_libraries(rig, caplog):
    answer_with(rig, {**TOKEN, "refresh_token": "canary-refresh"})
    with caplog.at_level(logging.DEBUG):
        fetched = fetch(rig)
        fetch(rig, fetched)
        answer_with(rig, {"error": "invalid_grant", "error_description": PASSWORD}, 400)
        with pytest.raises(AuthError) as caught:
            fetch(rig)

    said = "\n".join([*caplog.messages, repr(fetched), str(caught.value), repr(caught.value)])
    for secret in (SECRET, PASSWORD, "canary-access-1", "canary-refresh"):
        assert secret not in said


# --- one renewal at a time --------------------------------------------------------------------


def test_acc_02_thirty_threads_at_expiry_make_one_token_request(rig):
    expired = token(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    tokens = MemoryTokens(expired)
    drivers = [rig.driver(tokens) for _ in range(30)]
    failures = []

    def work(driver):
        try:
            driver.list_sites()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(driver,)) for driver in drivers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert len(rig.cloud.calls("POST", rig.token_path)) == 1


@pytest.mark.parametrize(
    ("left", "life", "renewals"),
    [(3600, 3600, 0), (61, 3600, 0), (59, 3600, 1), (20, 30, 0), (7, 30, 1), (59, None, 1)],
)
def test_a_token_is_renewed_in_time_and_a_short_one_not_too_often(rig, left, life, renewals):
    now = datetime.now(UTC)
    ends = now + timedelta(seconds=left)
    issued = None if life is None else ends - timedelta(seconds=life)
    tokens = MemoryTokens(token(expires_at=ends, issued_at=issued))

    rig.driver(tokens).ensure_token()

    assert tokens.renewals == renewals


def test_a_refused_token_is_renewed_once_and_the_request_repeated(rig):
    tokens = MemoryTokens(token(expires_at=datetime.now(UTC) + timedelta(hours=1)))
    rig.cloud.on(
        "GET",
        "/connect/v1.2/sites",
        lambda asked: Answer([], 401 if asked.headers["authorization"] == "Bearer old" else 200),
    )

    assert rig.driver(tokens).list_sites() == []
    assert tokens.renewals == 1


def test_a_refused_command_is_sent_again_only_with_a_new_token_and_time(rig):
    tokens = MemoryTokens(token(expires_at=datetime.now(UTC) + timedelta(hours=1)))
    path = f"/connect/v1.2/sites/{rig.site_id}/locks/{rig.lock_id}/locking"
    rig.cloud.on("PATCH", path, Answer(status=401))

    def slow(_):
        time.sleep(0.8)
        return Answer(TOKEN)

    rig.cloud.on("POST", rig.token_path, slow)
    with pytest.raises(ProviderError) as caught:
        rig.driver(tokens).unlock(
            rig.site_id,
            rig.lock_id,
            hub_id=rig.hub_id,
            seconds=None,
            budget_seconds=0.5,
            request_id="r",
        )

    assert caught.value.reach is Reach.NOT_SENT
    assert len(rig.cloud.calls("PATCH", path)) == 1


@pytest.mark.parametrize("answer", [Answer(status=503), Answer(raw=b"<html>"), Answer([])])
def test_a_lost_token_reply_does_not_make_a_command_uncertain(rig, answer):
    rig.cloud.on("POST", rig.token_path, answer)

    with pytest.raises(UncertainError) as caught:
        rig.driver().unlock(
            rig.site_id,
            rig.lock_id,
            hub_id="",
            seconds=None,
            budget_seconds=2,
            request_id="r",
        )

    assert caught.value.reach is Reach.NOT_SENT
    assert rig.count_commands() == 0


# --- signing in as a person -------------------------------------------------------------------


def test_a_sign_in_asks_for_offline_access_with_a_challenge(rig):
    sign_in = begin_sign_in(PRODUCTION, "lockboard-web", "https://lockboard.example/back")

    address, query = sign_in.url.split("?")
    asked = {name: values[0] for name, values in parse_qs(query).items()}
    digest = hashlib.sha256(sign_in.code_verifier.encode()).digest()
    assert address == "https://identity.eu.my-clay.com/connect/authorize"
    assert asked == {
        "response_type": "code",
        "client_id": "lockboard-web",
        "redirect_uri": "https://lockboard.example/back",
        "scope": "user_api.full_access openid profile offline_access",
        "state": sign_in.state,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    assert len(base64.urlsafe_b64decode(sign_in.state + "=")) == 32
    assert sign_in.state not in repr(sign_in)
    assert sign_in.code_verifier not in repr(sign_in)


def test_two_sign_ins_share_nothing():
    first, second = (begin_sign_in(PRODUCTION, "c", "https://l.example/") for _ in range(2))

    assert first.state != second.state
    assert first.code_verifier != second.code_verifier


def test_the_sandboxs_sign_in_page_stays_plain():
    sign_in = begin_sign_in(sandbox_environment("http://127.0.0.1:8001"), "c", "http://l.example/")

    assert sign_in.url.startswith("http://127.0.0.1:8001/identity/connect/authorize?")


@pytest.mark.parametrize("secret", ["", SECRET])
def test_a_code_is_exchanged_with_its_verifier(rig, secret):
    answer_with(rig, {**TOKEN, "refresh_token": "refresh-1"})

    fetched = finish_sign_in(
        sandbox_environment(rig.origin),
        rig.door,
        client_id="lockboard-web",
        client_secret=secret,
        redirect_uri="https://lockboard.example/back",
        code="code-1",
        code_verifier="v" * 43,
    )

    asked = rig.cloud.asked[0]
    public = {} if secret else {"client_id": "lockboard-web"}
    assert asked.form == {
        "grant_type": "authorization_code",
        "code": "code-1",
        "redirect_uri": "https://lockboard.example/back",
        "code_verifier": "v" * 43,
        **public,
    }
    assert ("authorization" in asked.headers) == bool(secret)
    assert (fetched.access_token, fetched.refresh_token) == ("canary-access-1", "refresh-1")


def test_a_used_code_is_an_auth_error(rig):
    answer_with(rig, {"error": "invalid_grant"}, 400)

    with pytest.raises(AuthError):
        finish_sign_in(
            sandbox_environment(rig.origin),
            rig.door,
            client_id="c",
            client_secret="",
            redirect_uri="https://l.example/",
            code="x",
            code_verifier="v" * 43,
        )


DISCOVERY = "/identity/.well-known/openid-configuration"


def test_the_identity_servers_own_addresses_are_discovered(rig):
    environment = sandbox_environment(rig.origin)
    announced = {
        "authorization_endpoint": f"{rig.origin}/identity/v2/authorize",
        "token_endpoint": "https://evil.example/token",
    }
    rig.cloud.on("GET", DISCOVERY, Answer(announced))

    found = discover(environment, rig.door)

    assert found.authorize_url == f"{rig.origin}/identity/v2/authorize"
    assert found.token_url == environment.token_url


@pytest.mark.parametrize("answer", [Answer(status=404), Answer([]), Answer(raw=b"<html>")])
def test_without_discovery_the_known_addresses_stay(rig, answer):
    rig.cloud.on("GET", DISCOVERY, answer)

    assert discover(sandbox_environment(rig.origin), rig.door) == sandbox_environment(rig.origin)


def test_a_token_is_only_ever_fetched_from_an_allowed_address(rig):
    connection = connection_to(rig.origin, auth_url="https://evil.example/token")

    with pytest.raises(UnreachableError):
        fetch_token(connection, None, door=HttpDoor(("connect.my-clay.com",)))


def test_every_address_of_production_is_one_the_door_speaks_to():
    from_settings = HttpDoor(("connect.my-clay.com", "identity.eu.my-clay.com", "clp.my-clay.com"))

    for name, url in vars(PRODUCTION).items():
        if name.endswith(("_url", "_base")):
            from_settings.check_address(url)
    assert urlsplit(PRODUCTION.token_url).scheme == "https"
    assert json.dumps(vars(PRODUCTION))
