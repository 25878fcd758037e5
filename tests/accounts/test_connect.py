"""Connecting an account, screen by screen, against the simulated cloud."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from accounts.models import (
    AccountState,
    ConnectedAccount,
    ConnectWebview,
    Grant,
    Role,
    Space,
    User,
    WebviewStep,
)
from accounts.onboarding import checking, connecting, sign_in, webviews
from accounts.onboarding.connecting import UnavailableSiteError
from accounts.providers.base import UncertainError
from audit.models import Event
from audit.words import Verb
from locks import first_sync
from locks.models import Device
from tests.accounts.walking import BACK_END, LEGACY, Walk, new_property, sign_in_at
from tests.make import actor, client_of, make_account, make_property, make_user
from tests.sandbox.client import BASE, Client

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager() -> User:
    return make_user(Role.MANAGER)


@pytest.fixture
def walk(manager: User, cloud: Client, first_syncs: list[Any]) -> Walk:
    return Walk.begin(client_of(manager), cloud)


def words(response: Any) -> str:
    text = re.sub(r"<[^>]+>", "", response.content.decode())
    return re.sub(r"\s+", " ", text).replace("&#x27;", "'")


# --- the whole way ----------------------------------------------------------------------------


def test_an_account_is_connected_from_intro_to_doors(
    walk: Walk, first_syncs: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        walk.to_sync()
    assert first_syncs == [(walk.webview.pk, False)]
    assert "Fetching your doors" in words(walk.get("sync"))

    first_sync.run(walk.webview.pk)
    done = walk.browser.get(reverse("connect", args=[walk.token]), follow=True)

    account = ConnectedAccount.objects.get()
    assert "SIMULATED Mill Lane: 8 doors found" in words(done)
    assert Device.objects.filter(account=account, property__name="Mill Lane").count() == 8
    assert account.state == AccountState.CONNECTED
    assert account.status_polled_at is not None
    assert account.next_status_poll_at <= timezone.now()
    assert walk.webview.secrets_sealed == ""
    verbs = Event.objects.filter(kind="change").values_list("verb", flat=True)
    assert {Verb.WEBVIEW_CREATED, Verb.ACCOUNT_CONNECTED, Verb.PROPERTY_CREATED} <= set(verbs)


def test_every_page_says_which_step_it_is(walk: Walk) -> None:
    assert "Step 1 of 7" in words(walk.get("intro"))
    walk.post("intro")
    assert "Step 2 of 7" in words(walk.get("brand"))
    walk.post("brand", {"provider": "salto_ks"})
    assert "Step 3 of 7" in words(walk.get("sign-in"))
    walk.sign_in()
    assert "Step 4 of 7" in words(walk.get("checks"))
    walk.post("checks")
    assert "Step 5 of 7" in words(walk.get("sites"))
    walk.post("sites", new_property(walk.webview.answers["sites"][0]["remote_id"], "Mill Lane"))
    assert "Step 6 of 7" in words(walk.get("confirm"))
    walk.post("confirm", {"name": "Mill Lane"})
    assert "Step 7 of 7" in words(walk.get("sync"))


@pytest.mark.parametrize("credentials", [BACK_END, LEGACY])
def test_back_end_credentials_connect_as_well(walk: Walk, credentials: dict[str, str]) -> None:
    walk.to_sign_in().post("sign-in", credentials)
    walk.post("checks")
    site = walk.webview.answers["sites"][0]
    walk.post("sites", new_property(site["remote_id"], "Mill Lane"))
    walk.post("confirm", {"name": "Mill Lane"})

    account = ConnectedAccount.objects.get()
    first_sync.run(walk.webview.pk)

    assert account.unseal("client_secret") == credentials["client_secret"]
    assert Device.objects.filter(account=account).count() == 8


def test_somebody_without_a_login_here_can_walk_the_whole_way(walk: Walk) -> None:
    stranger = Walk(Browser(), walk.cloud, walk.token)

    stranger.to_sync()

    page = stranger.get("sync")
    account = ConnectedAccount.objects.get()
    event = Event.objects.get(verb=Verb.ACCOUNT_CONNECTED)
    assert event.actor_kind == "webview"
    assert account.workspace == walk.webview.workspace
    assert "Sign out" not in words(page)
    assert page["Referrer-Policy"] == "no-referrer"
    assert page["Cache-Control"] == "no-store"


def test_forms_work_without_a_csrf_cookie_because_the_link_is_the_authority(walk: Walk) -> None:
    strict = Browser(enforce_csrf_checks=True, headers={"Origin": "null"})

    Walk(strict, walk.cloud, walk.token).post("intro")

    assert walk.webview.step == WebviewStep.BRAND


def test_its_maker_sees_the_dashboard_around_it(walk: Walk) -> None:
    page = walk.get("intro")

    assert "Sign out" in words(page)
    assert page["Referrer-Policy"] == "same-origin"


def test_a_site_becomes_the_property_of_the_same_name(walk: Walk) -> None:
    place = make_property(walk.webview.workspace, name="Mill Lane")
    walk.to_checks()

    form = walk.get("sites").context["form"].forms[0]
    site_id = form.site["remote_id"]
    walk.post("sites", {"site": site_id, "s0-property": str(place.pk)})
    walk.post("confirm", {"name": "Mill Lane"})

    assert form["property"].value() == str(place.pk)
    assert ConnectedAccount.objects.get().sites.get().property == place


def test_a_new_property_is_offered_with_the_sites_zone_and_no_simulated_in_its_name(
    walk: Walk,
) -> None:
    walk.to_checks("harbour@example.com")

    form = walk.get("sites").context["form"].forms[0]

    assert form["property"].value() == "new"
    assert form["name"].value() == "Harbour House"
    assert form["time_zone"].value() == "Europe/Amsterdam"


def test_the_first_sync_tells_of_a_site_that_cannot_be_fetched_and_ends(
    walk: Walk, cloud: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk.to_sync()
    cloud.request("POST", "/control/reset", json={})  # every token is forgotten
    monkeypatch.setattr(
        first_sync, "poll_site", _raising("Salto KS did not answer (it took too long)")
    )

    first_sync.run(walk.webview.pk)

    page = walk.get("done")
    assert "did not answer" in words(page)
    assert walk.webview.finished_at is not None


def _raising(sentence: str) -> Any:
    def poll_site(*_: Any) -> int:
        raise UncertainError(sentence)

    return poll_site


def test_a_lost_hint_is_followed_by_the_web_process_itself(
    walk: Walk, first_syncs: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    walk.to_sync()
    with (
        time_machine.travel(timezone.now() + timedelta(seconds=5), tick=False),
        django_capture_on_commit_callbacks(execute=True),
    ):
        walk.get("sync")
        walk.get("sync")

    assert first_syncs == [(walk.webview.pk, True)]


def test_two_workers_do_not_fetch_the_same_doors_twice(walk: Walk) -> None:
    walk.to_sync()

    first_sync.run(walk.webview.pk)
    first_sync.run(walk.webview.pk)

    [found] = Event.objects.filter(verb__in=[Verb.DOORS_FOUND, Verb.DOOR_ADDED])
    assert (found.verb, found.detail["count"]) == (Verb.DOORS_FOUND, 8)


# --- signing in -------------------------------------------------------------------------------


def test_the_provider_is_asked_with_pkce_and_a_state_that_is_stored_hashed(walk: Walk) -> None:
    address = walk.to_sign_in().leave()

    assert address.startswith(f"{BASE}/identity/connect/authorize?")
    assert "code_challenge_method=S256" in address
    state = re.search(r"state=([^&]+)", address)[1]
    assert len(state) >= 43
    assert state not in str(ConnectWebview.objects.values().get())


def test_the_sign_in_page_may_post_to_salto_only(walk: Walk) -> None:
    policy = walk.to_sign_in().get("sign-in")["Content-Security-Policy"]

    assert f"form-action 'self' {BASE}" in policy


def test_denied_consent_has_its_sentence_and_loses_nothing(walk: Walk) -> None:
    answer = walk.to_sign_in().sign_in(allow=False)

    assert answer["Location"] == walk.url("sign-in")
    assert "You did not allow access at Salto" in words(walk.get("sign-in"))
    assert walk.webview.step == WebviewStep.SIGN_IN


def test_a_state_older_than_ten_minutes_has_its_sentence(walk: Walk) -> None:
    back = sign_in_at(walk.cloud, walk.to_sign_in().leave(), "jane@example.com")

    with time_machine.travel(timezone.now() + timedelta(minutes=11), tick=False):
        walk.come_back(back)

    assert "has expired" in words(walk.get("sign-in"))


def test_a_state_counts_once(walk: Walk) -> None:
    back = sign_in_at(walk.cloud, walk.to_sign_in().leave(), "jane@example.com")
    walk.come_back(back)

    again = walk.come_back(back)

    assert again["Location"] == walk.url("checks")


def test_a_newer_sign_in_replaces_the_one_in_another_tab(walk: Walk) -> None:
    first = sign_in_at(walk.cloud, walk.to_sign_in().leave(), "jane@example.com")
    walk.leave()

    walk.come_back(first)

    assert "a newer one replaced it" in words(walk.get("sign-in"))


def test_a_denial_in_an_older_tab_is_told_as_what_it_is(walk: Walk) -> None:
    older = sign_in_at(walk.cloud, walk.to_sign_in().leave(), "jane@example.com", allow=False)
    walk.sign_in()

    answer = walk.come_back(older)

    assert answer["Location"] == walk.url("checks")
    page = words(walk.get("checks"))
    assert "You did not allow access at Salto in an older tab." in page
    assert "so it changed nothing" in page


@pytest.mark.parametrize("state", ["", "unknown", "x" * 5000])
def test_a_state_nobody_knows_is_refused(walk: Walk, state: str) -> None:
    answer = walk.browser.get(reverse("connect-callback"), {"state": state, "code": "x"})

    assert answer.status_code == 400
    assert "was not finished" in words(answer)


def test_a_sign_in_ends_in_the_browser_it_began_in(walk: Walk) -> None:
    back = sign_in_at(walk.cloud, walk.to_sign_in().leave(), "jane@example.com")

    answer = Walk(Browser(), walk.cloud, walk.token).come_back(back)

    assert sign_in.OTHER_BROWSER in words(answer)
    assert walk.webview.step == WebviewStep.SIGN_IN


def test_a_forged_code_is_refused_in_words(walk: Walk) -> None:
    address = walk.to_sign_in().leave()
    state = re.search(r"state=([^&]+)", address)[1]

    walk.browser.get(reverse("connect-callback"), {"state": state, "code": "forged"})

    assert "Salto did not accept the sign-in" in words(walk.get("sign-in"))


def test_an_error_word_from_the_address_bar_is_not_repeated_as_it_is(walk: Walk) -> None:
    state = re.search(r"state=([^&]+)", walk.to_sign_in().leave())[1]

    walk.browser.get(reverse("connect-callback"), {"state": state, "error": "<b>Call 0900</b>"})

    assert "0900" not in words(walk.get("sign-in"))


def test_a_wrong_password_has_its_sentence_and_secrets_are_not_echoed(walk: Walk) -> None:
    page = walk.to_sign_in().post("sign-in", BACK_END | {"password": "hunter2-wrong"})

    assert "client id, client secret, user name or password is wrong" in words(page)
    assert b"hunter2-wrong" not in page.content
    assert b"lockboard-backend-secret" not in page.content
    assert b'value="jane@example.com"' in page.content
    assert walk.webview.step == WebviewStep.SIGN_IN


def test_an_add_on_that_is_off_says_whom_to_ask(walk: Walk) -> None:
    page = walk.to_sign_in().post("sign-in", LEGACY | {"client_id": "legacy-noaddon"})

    assert "The Connect API add-on is probably not enabled" in words(page)


def test_without_a_client_the_button_says_why_and_credentials_remain(
    cloud: Client, first_syncs: list[Any]
) -> None:
    manager = make_user(Role.MANAGER)
    manager.memberships.get().workspace.__class__.objects.update(is_sandbox=False)
    walk = Walk.begin(client_of(manager), cloud).to_sign_in()

    page = words(walk.get("sign-in"))

    assert "Salto has not issued a client to this installation yet" in page
    assert "Use these credentials" in page
    assert "jane@example.com" not in page


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("api_base", "http://connect.my-clay.com", "must start with https://"),
        ("api_base", "https://evil.example/v1.1", "host is not on the allowed list"),
        ("api_base", "https://clp.my-clay.com@evil.example", "address is not allowed"),
        ("api_base", "https://clp.my-clay.com.evil.example", " is not "),
        ("api_base", "https://127.1", "address is not allowed"),
        ("api_base", "https://[::1]", "address is not allowed"),
        ("api_base", "https://2130706433", "address is not allowed"),
        ("api_base", "https://①②⑦.⓪.⓪.①", "address is not allowed"),
        ("api_base", "https://clp.my-clay.com:22", "address is not allowed"),
        ("api_base", "https://clp.my-clay.com/../../x", "address is not allowed"),
        ("api_base", "https://clp.my-clay.com/\tx", "address is not allowed"),
        ("auth_url", "http://evil.example/token", "must start with https://"),
        ("auth_url", "https://evil.example/token", "host is not on the allowed list"),
        ("client_id", "", "Enter the client id."),
        ("client_id", "   ", "Enter the client id."),
        ("client_id", "idé", "client id: printable ASCII"),
        ("client_secret", "geheim€", "client secret: printable ASCII"),
        ("client_secret", "x" * 513, "client secret: at most 512 characters"),
        ("client_secret", "", "Enter the client secret."),
        ("username", "", "Enter the user name."),
        ("password", "", "Enter the password."),
        ("api_base", "", "Enter the address."),
    ],
)
def test_bad_credentials_have_a_sentence_at_the_field(
    cloud: Client, first_syncs: list[Any], field: str, value: str, sentence: str
) -> None:
    manager = make_user(Role.MANAGER)
    manager.memberships.get().workspace.__class__.objects.update(is_sandbox=False)
    walk = Walk.begin(client_of(manager), cloud).to_sign_in()
    typed = BACK_END | {
        "api_base": "https://connect.my-clay.com",
        "auth_url": "https://identity.eu.my-clay.com/connect/token",
    }

    page = walk.post("sign-in", typed | {field: value})

    assert list(page.context["form"].errors) == [field]
    assert sentence in " ".join(page.context["form"].errors[field])
    assert page.context["form"]["username"].value() == (typed | {field: value})["username"]
    assert walk.webview.step == WebviewStep.SIGN_IN


@pytest.mark.parametrize(
    "address", ["https://connect.my-clay.com", "http://evil.example", "https://127.1", "x"]
)
def test_a_sandbox_workspace_says_that_it_talks_only_to_the_sandbox(
    walk: Walk, address: str
) -> None:
    page = walk.to_sign_in().post("sign-in", BACK_END | {"api_base": address})

    assert "A sandbox workspace talks only to the sandbox." in words(page)


def test_pasted_spaces_are_removed_with_a_notice(walk: Walk) -> None:
    walk.to_sign_in().post(
        "sign-in",
        BACK_END
        | {"client_id": " lockboard-backend\n", "client_secret": "lockboard-backend-secret "},
    )

    page = words(walk.get("checks"))
    assert "Client id: removed spaces." in page
    assert "Client secret: removed spaces." in page


# --- checks -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("email", "key", "result"),
    [
        ("jane@example.com", "role", "ok"),
        ("reader@example.com", "role", "failed"),
        ("reader@example.com", "remote_opening", "failed"),
        ("otp@example.com", "remote_opening", "warning"),
        ("unreleased@example.com", "released", "failed"),
        ("expired@example.com", "subscription", "failed"),
        ("harbour@example.com", "locks", "warning"),
        ("fullseats@example.com", "seats", "warning"),
    ],
)
def test_checks_are_lines_with_their_fix(walk: Walk, email: str, key: str, result: str) -> None:
    walk.to_checks(email)

    lines = {line["key"]: line for line in walk.webview.answers["checks"]}
    page = walk.get("checks")

    assert lines[key]["result"] == result
    assert (lines[key]["fix"] != "") == (result != "ok")
    assert lines[key]["fix"] in words(page)


def test_a_login_without_sites_cannot_go_on(walk: Walk) -> None:
    walk.to_checks("empty@example.com")

    page = words(walk.get("checks"))
    results = {line["key"]: line["result"] for line in walk.webview.answers["checks"]}
    assert "this login sees no site" in page
    assert walk.get("sites")["Location"] == walk.url("checks")
    assert {key for key, result in results.items() if result == "ok"} == {"token", "environment"}
    assert "Remote opening Not checked This login sees no site." in page


def test_an_account_of_the_test_system_is_told_that_this_is_why(walk: Walk) -> None:
    walk.to_checks("accept@example.com")

    page = words(walk.get("checks"))
    assert "This is Salto's test system, not your doors. Sign in to the production" in page
    assert "sees no site" not in page
    assert walk.get("sites")["Location"] == walk.url("checks")


@pytest.mark.parametrize(
    ("email", "why"),
    [
        ("unreleased@example.com", "It is not released"),
        ("expired@example.com", "Its Salto KS subscription has ended"),
    ],
)
def test_a_site_that_could_not_be_operated_cannot_be_connected(
    walk: Walk, email: str, why: str
) -> None:
    walk.to_checks(email)
    site = walk.webview.answers["sites"][0]

    checks = words(walk.get("checks"))
    refused = walk.post("sites", new_property(site["remote_id"], "Nowhere"))

    assert f"{site['name']} cannot be connected. {why}" in checks
    assert "Continue" not in checks
    assert refused["Location"] == walk.url("checks")
    assert walk.webview.step == WebviewStep.SITES


def test_a_site_that_was_given_up_meanwhile_is_refused_at_the_end(walk: Walk) -> None:
    walk.to_confirm()
    answers = walk.webview.answers
    answers["sites"][0]["blocked"] = "Its Salto KS subscription has ended."
    ConnectWebview.objects.update(answers=answers)

    with pytest.raises(UnavailableSiteError, match="subscription has ended"):
        connecting.confirm(
            walk.webview, name="X", by=webviews.visitor(walk.webview), at=timezone.now()
        )

    assert not ConnectedAccount.objects.exists()


def test_what_will_not_work_is_repeated_and_has_to_be_accepted(walk: Walk) -> None:
    walk.to_confirm("reader@example.com")
    page = words(walk.get("confirm"))
    assert "Role is site admin Not in order" in page
    assert "Doors are shown, but none can be opened from here." in page
    assert "Allow remote opening for this user in Salto KS, under Users." in page

    refused = words(walk.post("confirm", {"name": "Mill Lane"}))

    assert "Tick this to add it nevertheless, or go back." in refused
    assert not ConnectedAccount.objects.exists()
    walk.post("confirm", {"name": "Mill Lane", "understood": "on"})
    assert ConnectedAccount.objects.count() == 1


@pytest.mark.parametrize(
    ("email", "note"),
    [
        ("jane@example.com", ""),
        ("otp@example.com", "cannot be opened from here before remote opening is activated."),
        ("fullseats@example.com", "new guests are suspended without a word from Salto"),
    ],
)
def test_notes_are_repeated_and_ask_for_nothing(walk: Walk, email: str, note: str) -> None:
    walk.to_confirm(email)

    page = words(walk.get("confirm"))

    assert ("What is not in order" in page) == bool(note)
    assert note in page
    walk.post("confirm", {"name": "Mill Lane"})
    assert ConnectedAccount.objects.count() == 1


def test_only_the_troubles_of_chosen_sites_are_repeated(walk: Walk, cloud: Client) -> None:
    sites = {site["name"]: site["id"] for site in cloud.get("/control/sites").json()}
    full, other = sites["SIMULATED Castle Street"], sites["SIMULATED Station Road"]
    cloud.control(f"sites/{full}", subscribed_user_amount=3)
    walk.to_checks("multi@example.com")

    def choose(*chosen: str) -> str:
        seen = [site["remote_id"] for site in walk.webview.answers["sites"]]
        posted: dict[str, Any] = {"site": list(chosen)}
        for site_id in chosen:
            number = seen.index(site_id)
            posted |= {
                f"s{number}-property": "new",
                f"s{number}-name": f"Street {number}",
                f"s{number}-time_zone": "Europe/London",
            }
        walk.post("sites", posted)
        return words(walk.get("confirm"))

    assert "What is not in order" not in choose(other)
    both = choose(full, other)
    assert "Seats Note At SIMULATED Castle Street. Once a site is full" in both


def test_a_credential_without_the_scope_to_open_says_so(walk: Walk) -> None:
    walk.to_sign_in().post("sign-in", LEGACY | {"client_id": "legacy-readonly"})
    walk.post("checks")

    page = words(walk.get("checks"))

    assert "Remote opening Not in order The credential has no scope locks:write." in page
    assert "Without users:read. The names of people at doors are not known here." in page
    assert "Seats Not checked The legacy API does not say." in page


# --- choosing ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"site": ""}, "this credential cannot see that site; visible sites: SIMULATED Mill Lane"),
        (
            {"site": "somebody-elses"},
            "this credential cannot see that site; visible sites: SIMULATED Mill Lane",
        ),
        ({"s0-time_zone": "CEST"}, "timezone: IANA name such as Europe/Paris"),
        ({"s0-time_zone": "Mars/Phobos"}, "timezone: IANA name such as Europe/Paris"),
        ({"s0-time_zone": "+02:00"}, "timezone: IANA name such as Europe/Paris"),
        ({"s0-name": "  "}, "name: 1–100 visible characters"),
        ({"s0-name": "a\u202eb"}, "name: 1–100 visible characters"),
        ({"s0-name": "x" * 101}, "name: 1–100 visible characters"),
        ({"s0-property": "b1946ac9-2cf4-4bd4-8ee6-8c4a3a5f5d2c"}, "is not one of the available"),
    ],
)
def test_bad_choices_have_a_sentence(walk: Walk, change: dict[str, str], sentence: str) -> None:
    walk.to_checks()
    good = new_property(walk.webview.answers["sites"][0]["remote_id"], "Mill Lane")

    page = walk.post("sites", good | change)

    assert sentence.lower() in words(page).lower()
    assert walk.webview.step == WebviewStep.SITES


def test_choosing_nothing_has_a_sentence(walk: Walk) -> None:
    assert "Choose at least one site" in words(walk.to_checks().post("sites", {}))


def test_a_new_property_may_not_have_the_name_of_one_that_is_there(walk: Walk) -> None:
    make_property(walk.webview.workspace, name="Mill Lane")
    walk.to_checks()
    site_id = walk.webview.answers["sites"][0]["remote_id"]

    page = walk.post("sites", new_property(site_id, "mill lane"))

    assert "There is a property called mill lane" in words(page)


def test_two_sites_can_be_one_new_property(walk: Walk) -> None:
    walk.to_checks("multi@example.com")
    sites = walk.webview.answers["sites"]
    posted: dict[str, Any] = {"site": [sites[0]["remote_id"], sites[1]["remote_id"]]}
    for number in (0, 1):
        posted |= {
            f"s{number}-property": "new",
            f"s{number}-name": "High Street",
            f"s{number}-time_zone": "Europe/London",
        }
    walk.post("sites", posted)
    walk.post("confirm", {"name": "High Street"})

    assert Space.objects.filter(name="High Street").count() == 1
    assert ConnectedAccount.objects.get().sites.count() == 2


def test_back_loses_nothing(walk: Walk) -> None:
    walk.to_confirm(name="The Mill")

    assert b'value="The Mill"' in walk.get("sites").content
    assert "Continue" in words(walk.get("intro"))
    assert walk.webview.step == WebviewStep.CONFIRM


def test_a_step_that_was_not_reached_leads_to_the_one_that_was(walk: Walk) -> None:
    assert walk.get("confirm")["Location"] == walk.url("intro")


def test_a_second_tab_adds_no_second_account(walk: Walk) -> None:
    walk.to_sync()

    again = walk.post("confirm", {"name": "Twice"})

    assert again["Location"] == walk.url("sync")
    assert "This step was completed in another tab" in words(walk.get("sync"))
    assert ConnectedAccount.objects.count() == 1


# --- the same account, another account --------------------------------------------------------


def test_the_same_account_twice_is_offered_to_be_reconnected(walk: Walk) -> None:
    walk.to_sync()
    account = ConnectedAccount.objects.get()
    ConnectedAccount.objects.update(state=AccountState.RECONNECT_REQUIRED)
    second = Walk.begin(walk.browser, walk.cloud).to_checks()
    assert "This account is already connected" in words(second.get("checks"))

    second.post("settle", {"decision": "reconnect"})

    row = ConnectedAccount.objects.get()
    assert row.pk == account.pk
    assert row.state == AccountState.CONNECTED
    assert row.token_version > account.token_version
    assert Event.objects.filter(verb=Verb.ACCOUNT_RECONNECTED).count() == 1


def test_the_same_account_in_two_tabs_at_once_becomes_one(walk: Walk) -> None:
    first = walk.to_confirm()
    second = Walk.begin(walk.browser, walk.cloud).to_confirm(name="Other")
    Walk(walk.browser, walk.cloud, first.token).post("confirm", {"name": "First"})

    answer = second.post("confirm", {"name": "Second"})

    assert answer["Location"] == second.url("checks")
    assert [account.name for account in ConnectedAccount.objects.all()] == ["First"]


def test_the_database_keeps_the_promise_of_one_account_per_login(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk.to_sync()
    monkeypatch.setattr(checking, "operators_of", lambda *_: {})
    second = Walk.begin(walk.browser, walk.cloud).to_confirm(name="Other")
    monkeypatch.setattr(checking, "twin_of", lambda webview: None)

    answer = second.post("confirm", {"name": "Second"})

    assert answer["Location"] == second.url("checks")
    assert ConnectedAccount.objects.count() == 1
    assert not Space.objects.filter(name="Other").exists()


def reconnecting(walk: Walk) -> tuple[Walk, ConnectedAccount]:
    account = ConnectedAccount.objects.get()
    answer = walk.browser.post(reverse("account-reconnect", args=[account.pk]))
    return Walk(walk.browser, walk.cloud, answer["Location"].split("/")[2]), account


def test_reconnecting_asks_for_the_login_alone(walk: Walk) -> None:
    again, account = reconnecting(walk.to_sync())
    ConnectedAccount.objects.update(state=AccountState.RECONNECT_REQUIRED)
    page = words(again.get("sign-in"))
    assert "Reconnect Salto KS Mill Lane" in page
    assert "Step 1 of 2" in page

    again.sign_in()
    again.post("checks")
    again.post("settle", {"decision": "reconnect"})

    account.refresh_from_db()
    assert account.state == AccountState.CONNECTED
    assert "is connected again" in words(again.get("done"))


def test_another_account_at_reconnect_is_asked_about(walk: Walk) -> None:
    again, account = reconnecting(walk.to_sync())
    again.sign_in("harbour@example.com")
    again.post("checks")

    page = words(again.get("checks"))

    assert "This is a different account – replace Salto KS Mill Lane or add?" in page
    assert "The login of Salto KS Mill Lane is jane@example.com." in page
    assert "The one you signed in with cannot see SIMULATED Mill Lane" in page
    assert "Sign in again as jane@example.com" in page
    again.post("settle", {"decision": "replace"})
    account.refresh_from_db()
    assert account.remote_id == ConnectedAccount.objects.get().remote_id
    assert again.webview.finished_at is None


def test_the_login_of_another_account_at_reconnect_is_told_apart(walk: Walk) -> None:
    workspace, (again, account) = walk.webview.workspace, reconnecting(walk.to_sync())
    again.sign_in("harbour@example.com")
    again.post("checks")
    given = again.webview.answers
    other = make_account(
        workspace,
        name="Salto KS Harbour House",
        remote_id=given["identity"]["remote_id"],
        api_base=given["credentials"]["api_base"],
    )

    page = words(again.get("checks"))

    assert (
        "This is not the login of Salto KS Mill Lane, which is jane@example.com. "
        "It belongs to Salto KS Harbour House, which is already connected."
    ) in page
    first, second = "Sign in again as jane@example.com", f"Reconnect {other.name} instead"
    assert 0 < page.index(first) < page.index(second)
    account.refresh_from_db()
    assert account.remote_id != other.remote_id


def test_another_login_of_the_same_site_can_replace(walk: Walk) -> None:
    again, account = reconnecting(walk.to_sync())
    again.sign_in("reader@example.com")
    again.post("checks")

    again.post("settle", {"decision": "replace"})

    before = account.remote_id
    account.refresh_from_db()
    assert account.remote_id != before
    assert Event.objects.get(verb=Verb.ACCOUNT_RECONNECTED).detail["replaced"] == before


def test_another_account_at_reconnect_can_be_added(walk: Walk) -> None:
    again, _ = reconnecting(walk.to_sync())
    again.sign_in("harbour@example.com")
    again.post("checks")

    answer = again.post("settle", {"decision": "add"})
    site_id = again.webview.answers["sites"][0]["remote_id"]
    again.post("sites", new_property(site_id, "Harbour House"))
    again.post("confirm", {"name": "Harbour"})

    assert answer["Location"] == again.url("sites")
    assert ConnectedAccount.objects.count() == 2


def test_a_changed_address_asks_for_the_secret_again(walk: Walk) -> None:
    account = make_account(walk.webview.workspace, api_base=f"{BASE}/connect", grant=Grant.PASSWORD)
    again, _ = reconnecting(walk)
    kept = BACK_END | {"client_secret": "", "password": ""}

    page = again.post("sign-in", kept | {"api_base": f"{BASE}/accept/connect"})

    assert "enter the client secret again when changing the address" in words(page)
    account.refresh_from_db()
    assert account.api_base == f"{BASE}/connect"


def test_secrets_left_empty_stay_as_they_are(walk: Walk) -> None:
    make_account(
        walk.webview.workspace,
        api_base=f"{BASE}/connect",
        auth_url=f"{BASE}/identity/connect/token",
    )
    again, _ = reconnecting(walk)

    answer = again.post("sign-in", BACK_END | {"client_secret": "", "password": ""})

    assert answer["Location"] == again.url("checks")


# --- links ------------------------------------------------------------------------------------


def test_unknown_expired_and_cancelled_links_show_the_same_page(walk: Walk) -> None:
    unknown = walk.browser.get(reverse("connect", args=["x" * 43]))
    with time_machine.travel(timezone.now() + timedelta(hours=25), tick=False):
        expired = Browser().get(reverse("connect", args=[walk.token]))
    ConnectWebview.objects.update(cancelled_at=timezone.now())
    cancelled = Browser().get(reverse("connect", args=[walk.token]))

    assert [page.status_code for page in (unknown, expired, cancelled)] == [404, 404, 404]
    assert words(unknown) == words(expired) == words(cancelled)
    assert "This link is not valid (any more)" in words(unknown)


def test_a_link_ends_with_the_right_of_whoever_made_it(walk: Walk, manager: User) -> None:
    manager.memberships.update(role=Role.FRONT_DESK)

    assert Browser().get(reverse("connect", args=[walk.token])).status_code == 404


def test_resuming_makes_a_new_link_and_ends_the_old_one(walk: Walk) -> None:
    walk.to_sign_in()

    answer = walk.browser.post(reverse("webview-resume", args=[walk.webview.pk]))

    page = walk.browser.get(answer["Location"], follow=True)
    assert "Step 3 of 7" in words(page)
    assert walk.get("sign-in").status_code == 404


def test_the_token_is_stored_nowhere(walk: Walk) -> None:
    assert walk.token not in str(ConnectWebview.objects.values().get())
    assert len(walk.token) >= 43


def test_secrets_of_attempts_that_ended_are_forgotten(walk: Walk) -> None:
    walk.to_checks()
    assert walk.webview.secrets_sealed

    webviews.forget_expired(timezone.now() + timedelta(hours=25))

    assert walk.webview.secrets_sealed == ""


# --- a manager of some properties -------------------------------------------------------------


def test_a_manager_of_some_properties_connects_only_to_these(
    cloud: Client, first_syncs: list[Any]
) -> None:
    mine = make_property(name="Mill Lane")
    make_property(mine.workspace, name="Not mine")
    walk = Walk.begin(client_of(make_user(Role.MANAGER, place=mine)), cloud).to_checks()
    site_id = walk.webview.answers["sites"][0]["remote_id"]

    choices = walk.get("sites").context["form"].forms[0].fields["property"].choices
    refused = walk.post("sites", new_property(site_id, "New one"))

    assert choices == [(str(mine.pk), "Mill Lane")]
    assert refused.status_code == 200
    assert "is not one of the available choices" in words(refused)


# --- methods ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("connect", "post"),
        ("connect-sign-in-go", "get"),
        ("connect-settle", "get"),
        ("connect-sync", "post"),
        ("connect-done", "post"),
        ("connect-intro", "delete"),
        ("connect-brand", "put"),
        ("connect-checks", "patch"),
    ],
)
def test_other_methods_are_refused(walk: Walk, name: str, method: str) -> None:
    answer = getattr(walk.browser, method)(reverse(name, args=[walk.token]))

    assert answer.status_code == 405


def test_the_callback_is_only_read(client: Browser) -> None:
    assert client.post(reverse("connect-callback")).status_code == 405


def test_the_actor_behind_a_link_is_its_maker(walk: Walk, manager: User) -> None:
    assert webviews.authority(walk.webview) == actor(manager)
