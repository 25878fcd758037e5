"""The promises of every driver, and some more, kept in front of the sandbox program."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import pytest

from accounts.providers.base import (
    AuthError,
    CheckResult,
    Code,
    EntryHow,
    EntryKind,
    LockState,
    MissingScopeError,
    ProviderError,
    Reach,
    RefusedError,
)
from accounts.providers.salto_ks import (
    begin_sign_in,
    discover,
    finish_sign_in,
    sandbox_environment,
)
from tests.accounts.providers.contract import DriverContract, lock_of, unlock
from tests.accounts.providers.keeper import MemoryTokens
from tests.accounts.providers.salto_ks.rigs import SandboxProgram, SandboxRig

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    program = SandboxProgram(tmp_path_factory.mktemp("sandbox"))
    yield program
    program.close()


class TestConnect(DriverContract):
    @pytest.fixture
    def rig(self, program):
        rig = SandboxRig(program, "connect")
        yield rig
        rig.close()


class TestLegacy(DriverContract):
    @pytest.fixture
    def rig(self, program):
        rig = SandboxRig(program, "legacy")
        yield rig
        rig.close()


@pytest.fixture
def rig(program):
    rig = SandboxRig(program, "connect")
    yield rig
    rig.close()


@pytest.fixture
def legacy(program):
    rig = SandboxRig(program, "legacy")
    yield rig
    rig.close()


def checks(driver):
    return {line.key: line.result for line in driver.checks()}


OK, WARNING, FAILED = CheckResult.OK, CheckResult.WARNING, CheckResult.FAILED

# --- doors --------------------------------------------------------------------------------------


def effects(rig, kind):
    return [row for row in rig.program.control("GET", "effects") if row["kind"] == kind]


def test_an_unlock_opens_the_door_and_the_feed_tells_of_it(rig):
    driver, start = rig.driver(), datetime.now(UTC) - timedelta(seconds=2)
    rig.program.control("POST", "settings", preset="instant")

    unlock(rig, driver)
    found = driver.list_entries(rig.site_id, since=start)

    assert lock_of(rig, driver).state is LockState.UNLOCKED
    assert [(each.kind, each.how, each.lock_id) for each in found.entries] == [
        (EntryKind.OPENED, EntryHow.REMOTE, rig.lock_id)
    ]
    assert found.entries[0].person_id == driver.identity().remote_id
    assert [row["request_id"] for row in effects(rig, "lock_opened")] == [rig.request_id]


def test_office_mode_is_switched_on_and_ended(rig):
    driver = rig.driver()
    options = {"hub_id": rig.hub_id, "budget_seconds": 3, "request_id": "r"}

    driver.set_office_mode(rig.site_id, rig.lock_id, on=True, **options)
    on = lock_of(rig, driver)
    driver.lock(rig.site_id, rig.lock_id, **options)
    ended = lock_of(rig, driver)

    assert (on.state, on.office_mode) == (LockState.UNLOCKED, True)
    assert (ended.state, ended.office_mode) == (LockState.LOCKED, False)


@pytest.mark.parametrize(
    ("answer", "code", "reach"),
    [
        ("422", Code.OFFLINE_OR_UNSUPPORTED, Reach.REFUSED),
        ("3102", Code.OFFLINE_OR_UNSUPPORTED, Reach.REFUSED),
        ("503", Code.NO_ANSWER, Reach.UNCERTAIN),
        ("timeout", Code.NO_ANSWER, Reach.UNCERTAIN),
    ],
)
def test_a_lock_off_the_air_is_told_from_one_that_may_have_opened(rig, answer, code, reach):
    rig.program.control("POST", f"locks/{rig.lock_id}", online=False, offline_answer=answer)

    with pytest.raises(ProviderError) as caught:
        unlock(rig, rig.driver(), budget_seconds=0.5 if answer == "timeout" else 5)

    assert (caught.value.code, caught.value.reach) == (code, reach)


@pytest.mark.parametrize(
    "fault",
    [
        {"effect": "drop_before"},
        {"effect": "drop_before", "reset": True},
        {"effect": "drop_after"},
        {"effect": "drop_after", "reset": True},
        {"effect": "late_execute", "seconds": 0.1},
        {"effect": "status", "status": 502, "act": True},
        {"effect": "redirect"},
        {"effect": "html"},
        {"effect": "big_body", "bytes": 10_000_000},
        {"effect": "big_body", "bytes": 50_000_000, "gzip": True},
    ],
)
def test_act_03_whatever_the_provider_does_to_us_is_uncertain_and_asked_once(rig, fault):
    driver = rig.driver()
    driver.ensure_token()
    rig.program.control("POST", "faults", match={"route": "locking"}, times=None, **fault)

    with pytest.raises(ProviderError) as caught:
        unlock(rig, driver, budget_seconds=1)

    assert caught.value.reach is Reach.UNCERTAIN
    assert rig.count_commands() == 1


def test_privacy_is_a_refusal(legacy, rig):
    rig.program.control("POST", f"locks/{rig.lock_id}", privacy_mode=True)

    for each, code in ((rig, Code.COMMAND_FORBIDDEN), (legacy, Code.PRIVACY_MODE)):
        with pytest.raises(RefusedError) as caught:
            unlock(each, each.driver())
        assert caught.value.code == code


def test_an_old_strike_refuses_to_lock(legacy):
    legacy.program.control("POST", f"locks/{legacy.lock_id}", supports_lock=False)

    with pytest.raises(RefusedError) as caught:
        legacy.driver().lock(
            legacy.site_id, legacy.lock_id, hub_id="", budget_seconds=5, request_id="r"
        )

    assert caught.value.status == 422


# --- one-time codes -----------------------------------------------------------------------------


def test_an_activation_by_mail_opens_a_door_that_wants_codes(rig):
    driver = rig.driver(username="otp@example.com")
    site = driver.list_sites()[0].remote_id
    hub = driver.list_hubs(site)[0]
    lock = driver.list_locks(site)[0]
    here = {"hub_id": hub.remote_id, "seconds": None, "budget_seconds": 5, "request_id": "r"}
    with pytest.raises(RefusedError) as without:
        driver.unlock(site, lock.remote_id, **here)

    secret = driver.fetch_otp_secret(site, hub.remote_id)
    driver.send_otp_pin(site, hub.remote_id)
    mails = rig.program.control("GET", "outbox")
    ready = replace(secret, pin=mails[-1]["pin"])
    driver.confirm_otp(site, ready)
    with pytest.raises(RefusedError) as again:
        driver.fetch_otp_secret(site, hub.remote_id)
    activated = rig.driver(username="otp@example.com", otp_secrets=(ready,))

    assert without.value.code == Code.OTP_REQUIRED
    assert again.value.code == Code.ALREADY_ACTIVATED
    assert activated.unlock(site, lock.remote_id, **here)
    assert checks(activated)["remote_opening"] is OK
    assert checks(driver)["remote_opening"] is WARNING

    wrong = rig.driver(username="otp@example.com", otp_secrets=(replace(ready, pin="9999"),))
    with pytest.raises(RefusedError) as refused:
        wrong.unlock(site, lock.remote_id, **here)
    assert refused.value.code == Code.OTP_INVALID


# --- feed ---------------------------------------------------------------------------------------


def test_poisoned_rows_are_set_aside_and_the_rest_goes_on(rig):
    driver, start = rig.driver(), datetime.now(UTC) - timedelta(minutes=5)
    rig.program.control("POST", "entries", lock_id=rig.lock_id, count=3)
    readable, unreadable = ["nul", "surrogate", "huge", "future"], ["wrong_types", "not_a_number"]
    rig.program.control(
        "POST",
        "faults",
        match={"route": "entries"},
        effect="poison_rows",
        times=None,
        kinds=readable + unreadable,
    )

    found = driver.list_entries(rig.site_id, since=start)
    again = driver.list_entries(rig.site_id, since=start)

    assert len(found.unreadable) == len(unreadable)
    assert {each.fingerprint for each in found.unreadable} == {
        each.fingerprint for each in again.unreadable
    }
    assert len(found.entries) == len(readable) + 3
    assert str([each.raw for each in found.entries]).encode()


@pytest.mark.parametrize("dialect", ["connect", "legacy"])
def test_a_thousand_events_in_one_second_are_all_read_or_a_gap_is_told(program, dialect):
    rig = SandboxRig(program, dialect)
    start = datetime.now(UTC) - timedelta(minutes=5)
    rig.program.control("POST", "entries", lock_id=rig.lock_id, count=1000, age_seconds=60)
    rig.program.control("POST", "entries", lock_id=rig.lock_id, count=1, age_seconds=30)
    rig.program.control("POST", "settings", empty_page_every=3)

    found = rig.driver().list_entries(rig.site_id, since=start)
    rig.close()

    if dialect == "connect":
        assert (len(found.entries), found.gap_reason) == (1001, "")
    else:
        assert "one and the same time" in found.gap_reason
        assert len(found.entries) == 201


def test_an_older_tenant_is_read_at_its_own_route(legacy):
    driver = legacy.driver(client_id="legacy-oldtenant")

    assert driver.list_entries(legacy.site_id, since=datetime.now(UTC)).route == "audit/log"


# --- accounts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "key", "result"),
    [
        ("jane@example.com", "seats", OK),
        ("harbour@example.com", "locks", WARNING),
        ("otp@example.com", "remote_opening", WARNING),
        ("reader@example.com", "role", FAILED),
        ("reader@example.com", "remote_opening", FAILED),
        ("accept@example.com", "environment", FAILED),
        ("unreleased@example.com", "released", FAILED),
        ("expired@example.com", "subscription", FAILED),
        ("multi@example.com", "role", OK),
        ("empty@example.com", "role", FAILED),
        ("fullseats@example.com", "seats", WARNING),
    ],
)
def test_the_live_checks_see_what_is_wrong_with_each_account(rig, who, key, result):
    assert checks(rig.driver(username=who))[key] is result


def test_every_lock_of_a_large_house_is_listed_once(rig):
    driver = rig.driver(username="harbour@example.com")
    site = driver.list_sites()[0].remote_id
    for bare in (False, True):
        rig.program.control("POST", "settings", bare_arrays=bare)

        locks = driver.list_locks(site)

        assert len(locks) == len({lock.remote_id for lock in locks}) == 24


def test_a_subscription_that_has_ended_refuses_commands(rig):
    driver = rig.driver(username="expired@example.com")
    site = driver.list_sites()[0].remote_id
    lock = driver.list_locks(site)[0]

    with pytest.raises(RefusedError) as caught:
        driver.unlock(
            site,
            lock.remote_id,
            hub_id=lock.hub_remote_id,
            seconds=None,
            budget_seconds=5,
            request_id="r",
        )

    assert caught.value.code == Code.SUBSCRIPTION_ENDED


@pytest.mark.parametrize(
    ("changes", "kind", "code"),
    [
        ({"client_secret": "wrong"}, AuthError, Code.UNAUTHORIZED),
        ({"client_id": "legacy-noaddon"}, AuthError, Code.ADDON_OFF),
        ({"client_id": "nobody"}, AuthError, Code.UNAUTHORIZED),
    ],
)
def test_acc_04_a_refused_credential_has_its_cause(legacy, changes, kind, code):
    with pytest.raises(kind) as caught:
        legacy.driver(**changes).list_sites()

    assert caught.value.code == code


def test_acc_04_a_missing_scope_is_named(legacy):
    with pytest.raises(MissingScopeError) as caught:
        unlock(legacy, legacy.driver(client_id="legacy-readonly"))

    assert caught.value.scope == "locks:write"


def test_a_revoked_token_is_renewed_once_and_the_call_goes_on(rig):
    tokens = MemoryTokens()
    driver = rig.driver(tokens)
    driver.ensure_token()
    rig.program.control("POST", "accounts/jane@example.com", revoke_tokens=True)

    assert unlock(rig, driver)
    assert tokens.renewals == 2


# --- signing in as a person ---------------------------------------------------------------------


class Browser:
    """Just enough of one to sign in: fetches a page, fills in its form, presses a button."""

    def __init__(self, origin):
        self.origin = origin

    def ask(self, method, url, form=None):
        parts = urlsplit(urljoin(self.origin, url))
        connection = HTTPConnection(parts.hostname, parts.port, timeout=5)
        path = f"{parts.path}?{parts.query}"
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
        connection.request(method, path, urlencode(form) if form else None, headers)
        reply = connection.getresponse()
        text, place = reply.read().decode(), reply.getheader("Location", "")
        connection.close()
        return text, place

    def submit(self, page, at, **fields):
        action = re.search(r'<form[^>]*action="([^"]+)"', page)[1]
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page))
        return self.ask("POST", urljoin(at, action), hidden | fields)


@pytest.mark.parametrize("secret", ["", "lockboard-web-secret"])
def test_a_person_signs_in_and_the_token_is_renewed_later(rig, secret):
    environment = discover(sandbox_environment(rig.origin), rig.door)
    back = "http://127.0.0.1:8000/connect/back"
    sign_in = begin_sign_in(environment, "lockboard-web", back)
    browser = Browser(rig.origin)

    page, _ = browser.ask("GET", sign_in.url)
    _, place = browser.submit(page, sign_in.url, email="jane@example.com", password="1234")
    page, _ = browser.ask("GET", place)
    _, place = browser.submit(page, sign_in.url, decision="allow")
    answer = {name: values[0] for name, values in parse_qs(urlsplit(place).query).items()}
    token = finish_sign_in(
        environment,
        rig.door,
        client_id="lockboard-web",
        client_secret=secret,
        redirect_uri=back,
        code=answer["code"],
        code_verifier=sign_in.code_verifier,
    )
    driver = rig.driver(
        MemoryTokens(token),
        grant="authorization_code",
        client_id="lockboard-web",
        client_secret=secret,
        username="",
        password="",
    )

    assert answer["state"] == sign_in.state
    assert driver.identity().email == "jane@example.com"
    assert driver.refresh_token().refresh_token
    assert driver.list_sites()
