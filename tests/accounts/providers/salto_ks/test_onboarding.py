import base64
import json

import pytest

from accounts.providers.base import CheckResult, OtpSecret
from accounts.providers.salto_ks import ACCEPT, PRODUCTION, onboarding
from accounts.providers.salto_ks.environments import environment_name
from tests.accounts.providers.salto_ks import answers
from tests.accounts.providers.salto_ks.rigs import RecordedRig, connection_to
from tests.accounts.providers.servers import Answer

OK, WARNING, FAILED = CheckResult.OK, CheckResult.WARNING, CheckResult.FAILED
NOT_CHECKED = CheckResult.NOT_CHECKED
KEYS = [
    "token",
    "environment",
    "role",
    "remote_opening",
    "released",
    "subscription",
    "locks",
    "seats",
]


@pytest.fixture
def rig():
    rig = RecordedRig("connect")
    yield rig
    rig.close()


def check(rig, **changes):
    return {line.key: line for line in rig.driver(**changes).checks()}


def test_a_good_account_passes_every_check_in_order(rig):
    lines = list(rig.driver().checks())

    assert [(line.key, line.result) for line in lines] == [(key, OK) for key in KEYS]
    assert {line.fix for line in lines} == {""}
    assert lines[0].detail == "Jane Example"
    assert lines[-2].detail == "1 found, all online"
    assert lines[-1].detail == "Riverside House: 5 of 10 used"


def test_checks_come_one_at_a_time(rig):
    lines = rig.driver().checks()

    assert next(lines).key == "token"
    assert [each.path for each in rig.cloud.asked] == [rig.token_path, "/connect/v1.2/me"]


@pytest.mark.parametrize("amount", [2, 5])
def test_several_names_are_shortened(rig, amount):
    sites = [
        {**answers.SITE, "id": f"s-{number}", "customer_reference": f"House {number}"}
        for number in range(amount)
    ]
    rig.tell("sites", [{**site, "subscription_valid": False} for site in sites])

    detail = check(rig)["subscription"].detail

    assert (
        detail
        == {
            2: "Ended: House 0, House 1",
            5: "Ended: House 0, House 1, House 2 and 2 more",
        }[amount]
    )


@pytest.mark.parametrize(
    ("api_base", "result", "detail"),
    [
        ("{origin}/connect", OK, "Sandbox: simulated doors"),
        (PRODUCTION.api_base, FAILED, "Sign-in and API belong to different environments"),
    ],
)
def test_the_environment_is_told(rig, api_base, result, detail):
    connection = {"api_base": api_base.format(origin=rig.origin)}
    driver = rig.driver(**connection)

    found = onboarding._Look(driver, None).environment()

    assert found[:2] == (result, detail)


@pytest.mark.parametrize(
    ("api_base", "auth_url", "result", "detail"),
    [
        (PRODUCTION.api_base, PRODUCTION.token_url, OK, "Salto KS"),
        (
            "https://api.regional.saltoks.com/v1.1",
            "https://api.regional.saltoks.com/token",
            NOT_CHECKED,
            "This is no address of Salto's; your administrator has allowed it",
        ),
    ],
)
def test_real_environments_are_told(rig, api_base, auth_url, result, detail):
    driver = rig.driver(api_base=api_base, auth_url=auth_url)

    assert onboarding._Look(driver, None).environment()[:2] == (result, detail)


@pytest.mark.parametrize("path", ["token", "me"])
def test_without_a_token_nothing_else_is_tried(rig, path):
    if path == "token":
        rig.cloud.on("POST", rig.token_path, Answer({"error": "invalid_grant"}, 400))
    else:
        rig.tell("me", Answer(status=401))

    (line,) = rig.driver().checks()

    assert (line.key, line.result) == ("token", FAILED)
    assert line.detail == "Salto KS refuses the sign-in"
    assert "Reconnect the account" in line.fix


def user(**fields):
    return {**answers.USER, **fields}


def with_otp(rig):
    rig.tell_site("iqs", [{**answers.IQ, "otp_enabled": True}])


TROUBLES = {
    "role": (
        lambda rig: rig.tell_site("me", user(roles=[{"code": "site_user"}])),
        FAILED,
        "Not a site admin of Riverside House",
    ),
    "remote_opening": (
        lambda rig: rig.tell_site("me", user(remote_access=False)),
        FAILED,
        "Not allowed on Riverside House",
    ),
    "released": (
        lambda rig: rig.tell("sites", [{**answers.SITE, "installation_state": "in_progress"}]),
        FAILED,
        "Not released: Riverside House",
    ),
    "subscription": (
        lambda rig: rig.tell("sites", [{**answers.SITE, "subscription_valid": False}]),
        FAILED,
        "Ended: Riverside House",
    ),
    "locks": (
        lambda rig: rig.set_lock(online=False),
        WARNING,
        "1 found, 1 offline: Front door",
    ),
    "seats": (
        lambda rig: rig.tell("sites", [{**answers.SITE, "active_user_amount": 8}]),
        WARNING,
        "Riverside House: 8 of 10 used",
    ),
}


@pytest.mark.parametrize("key", TROUBLES)
def test_a_trouble_is_told_with_its_fix_and_the_other_checks_go_on(rig, key):
    trouble, result, detail = TROUBLES[key]
    trouble(rig)

    lines = check(rig)

    assert (lines[key].result, lines[key].detail) == (result, detail)
    assert lines[key].fix
    assert lines[key].consequence
    assert lines[key].site_ids == (answers.SITE_ID,)
    # Salto refuses to say more of a site that is not released, so nobody asks.
    skipped = {"remote_opening", "locks"} if key == "released" else set()
    others = {other.key: other.result for other in lines.values() if other.key != key}
    assert {name for name, result in others.items() if result is NOT_CHECKED} == skipped
    assert {result for name, result in others.items() if name not in skipped} == {OK}


@pytest.mark.parametrize(
    ("secrets", "result"),
    [
        ((), WARNING),
        ((OtpSecret(hub_id=answers.IQ_ID, secret="s", pin=""),), WARNING),
        ((OtpSecret(hub_id="other", secret="s", pin="1"),), WARNING),
        ((OtpSecret(hub_id=answers.IQ_ID, secret="s", pin="1"),), OK),
    ],
)
def test_an_iq_that_wants_codes_needs_an_activation(rig, secrets, result):
    with_otp(rig)

    assert check(rig, otp_secrets=secrets)["remote_opening"].result is result


def test_a_full_site_is_a_warning(rig):
    rig.tell("sites", [{**answers.SITE, "active_user_amount": 10}])

    assert check(rig)["seats"].result is WARNING


def test_an_account_that_sees_no_site_fails(rig):
    rig.tell("sites", [])

    lines = check(rig)

    assert (lines["role"].result, lines["role"].detail) == (FAILED, "This user sees no site")
    assert {key for key, line in lines.items() if line.result is NOT_CHECKED} == {
        "remote_opening",
        "released",
        "subscription",
        "locks",
        "seats",
    }


def test_only_chosen_sites_are_looked_at(rig):
    other = {**answers.SITE, "id": answers.OTHER_SITE_ID, "subscription_valid": False}
    rig.tell("sites", [answers.SITE, other])

    lines = {line.key: line for line in rig.driver().checks([answers.SITE_ID])}

    assert lines["subscription"].result is OK
    assert [each.path for each in rig.cloud.asked if answers.OTHER_SITE_ID in each.path] == []


def test_a_check_that_fails_on_the_way_says_what_happened(rig):
    rig.tell_site("locks", Answer(status=403))

    lines = check(rig)

    assert (lines["locks"].result, lines["seats"].result) == (FAILED, OK)
    assert lines["locks"].detail == "The credential does not allow: reading the site"


@pytest.mark.parametrize("field", ["remote_access", "roles"])
def test_what_salto_does_not_say_is_not_called_good(rig, field):
    if field == "remote_access":
        rig.tell_site("me", user(remote_access=None))
        assert check(rig)["remote_opening"].result is NOT_CHECKED
    else:
        unsaid = {"installation_state": None, "subscription_valid": None}
        rig.tell("sites", [{**answers.SITE, **unsaid, "subscribed_user_amount": None}])
        lines = check(rig)
        for key in ("released", "subscription", "seats"):
            assert (lines[key].result, lines[key].detail) == (NOT_CHECKED, "Salto does not say")


ALL_SCOPES = "locks:read locks:write users:read audit:read"


@pytest.mark.parametrize(
    ("scope", "rights", "opening"),
    [
        (ALL_SCOPES, OK, OK),
        ("", NOT_CHECKED, NOT_CHECKED),
        ("locks:read audit:read", WARNING, FAILED),
        ("locks:read users:read audit:read", OK, FAILED),
        ("locks:read locks:write", WARNING, OK),
    ],
)
def test_the_older_dialect_tells_by_scopes_what_the_credential_may(scope, rights, opening):
    rig = RecordedRig("legacy")
    rig.cloud.on("POST", rig.token_path, Answer({**answers.TOKEN, "scope": scope}))
    try:
        lines = {line.key: line for line in rig.driver().checks()}
    finally:
        rig.close()

    assert {key: line.result for key, line in lines.items()} == {
        "token": OK,
        "environment": OK,
        "scopes": rights,
        "remote_opening": opening,
        "released": NOT_CHECKED,
        "subscription": NOT_CHECKED,
        "locks": OK,
        "seats": NOT_CHECKED,
    }
    assert (lines["remote_opening"].consequence != "") == (opening is FAILED)


# --- environments -------------------------------------------------------------------------------


def jwt(issuer):
    payload = base64.urlsafe_b64encode(json.dumps({"iss": issuer}).encode()).decode().rstrip("=")
    return f"e30.{payload}.x"


@pytest.mark.parametrize(
    ("api_base", "auth_url", "name"),
    [
        (PRODUCTION.api_base, PRODUCTION.token_url, "production"),
        (PRODUCTION.legacy_api_base, PRODUCTION.legacy_token_url, "production"),
        (ACCEPT.api_base, ACCEPT.token_url, "accept"),
        ("https://clp-accept-user.saltoks.com", ACCEPT.token_url, "accept"),
        (ACCEPT.api_base, PRODUCTION.token_url, "mixed"),
        ("https://api.regional.saltoks.com/v1.1", "https://api.regional.saltoks.com/t", "other"),
        ("{origin}/connect", "{origin}/identity/connect/token", "sandbox"),
        ("{origin}/accept/connect", "{origin}/accept/identity/connect/token", "accept"),
        ("{origin}/connect", PRODUCTION.token_url, "mixed"),
        ("https://[", "https://[", "other"),
    ],
)
def test_an_environment_is_recognised_by_its_addresses(rig, api_base, auth_url, name):
    connection = connection_to(
        rig.origin,
        api_base=api_base.format(origin=rig.origin),
        auth_url=auth_url.format(origin=rig.origin),
    )

    assert environment_name(connection, rig.door) == name


@pytest.mark.parametrize(
    ("token", "name"),
    [
        (jwt(ACCEPT.identity_base), "accept"),
        (jwt(PRODUCTION.identity_base), "production"),
        (jwt("https://new.example"), "production"),
        (jwt(7), "production"),
        ("opaque", "production"),
        ("a.b.c", "production"),
        ("a.é.c", "production"),
        ("a.W10.c", "production"),
    ],
)
def test_an_account_of_the_test_system_is_found_out_by_its_token(rig, token, name):
    connection = connection_to(
        rig.origin, api_base=PRODUCTION.api_base, auth_url=PRODUCTION.token_url
    )

    assert environment_name(connection, rig.door, token) == name


def test_an_account_of_the_test_system_fails_the_check(rig):
    rig.cloud.on(
        "POST",
        rig.token_path,
        Answer({**answers.TOKEN, "access_token": jwt(f"{rig.origin}/accept/identity")}),
    )

    line = check(rig)["environment"]

    assert (line.result, line.detail) == (FAILED, "This is Salto's test system, not your doors")
    assert "production" in line.fix
