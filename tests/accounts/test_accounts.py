"""The Accounts page and what can be done there."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from accounts.models import AccountState, ConnectedAccount, ConnectWebview, Role, User
from accounts.onboarding import webviews
from audit.models import Event
from audit.words import Verb
from tests.make import (
    actor,
    client_of,
    make_account,
    make_device,
    make_property,
    make_site,
    make_user,
)

pytestmark = pytest.mark.django_db

SETTINGS = {
    "name": "Test account",
    "status_interval_ms": "60000",
    "event_poll_interval_ms": "30000",
    "unlock_seconds": "5",
    "released_state_ms": "5000",
}


@pytest.fixture
def manager() -> User:
    return make_user(Role.MANAGER)


@pytest.fixture
def browser(manager: User) -> Browser:
    return client_of(manager)


@pytest.fixture
def account(manager: User) -> ConnectedAccount:
    return make_account(manager.memberships.get().workspace)


def words(response: Any) -> str:
    text = re.sub(r"<[^>]+>", "", response.content.decode())
    return re.sub(r"\s+", " ", text).replace("&#x27;", "'")


# --- list and page ----------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 3])
def test_the_list_asks_a_fixed_number_of_questions(
    browser: Browser, manager: User, count: int, django_assert_num_queries: Any
) -> None:
    workspace = manager.memberships.get().workspace
    for number in range(count):
        row = make_account(workspace, name=f"Account {number}")
        make_device(make_site(row))
        make_site(row)
        webviews.create(actor(manager), at=timezone.now())
    make_account(name="Somebody else's")
    url = reverse("accounts")
    browser.get(url)

    # session, user, actor, accounts, sites, unfinished, zone
    with django_assert_num_queries(7):
        response = browser.get(url)

    rows = response.context["rows"]
    assert [(each.name, each.doors) for each, *_ in rows] == [
        (f"Account {number}", 1) for number in range(count)
    ]
    assert len(response.context["unfinished"]) == count


def test_a_manager_of_some_properties_sees_their_accounts_only(manager: User) -> None:
    workspace = manager.memberships.get().workspace
    mine = make_site(make_account(workspace, name="Mine"))
    make_site(make_account(workspace, name="Not mine"))
    browser = client_of(make_user(Role.MANAGER, place=mine.property))

    rows = browser.get(reverse("accounts")).context["rows"]

    assert [each.name for each, *_ in rows] == ["Mine"]


@pytest.mark.parametrize(
    ("code", "dialect", "title"),
    [
        ("unauthorized", "connect", "Salto KS refuses the sign-in"),
        ("unauthorized", "legacy", "Client id or client secret is wrong"),
        ("addon_off", "legacy", "The Connect API add-on is probably not enabled"),
        ("missing_scope", "legacy", "locks:read, locks:write, users:read and audit:read"),
        ("rate_limited", "connect", "Salto KS asks us to slow down"),
        ("unreachable", "connect", "Salto KS cannot be reached"),
    ],
)
def test_the_page_says_what_the_trouble_is_and_what_to_do(
    browser: Browser, account: ConnectedAccount, code: str, dialect: str, title: str
) -> None:
    ConnectedAccount.objects.update(
        trouble_code=code, dialect=dialect, state=AccountState.RECONNECT_REQUIRED
    )

    page = words(browser.get(reverse("account", args=[account.pk])))

    assert title in page
    assert "Reconnect required" in page


def test_secrets_are_never_shown(browser: Browser, account: ConnectedAccount) -> None:
    page = browser.get(reverse("account", args=[account.pk])).content.decode()

    assert "lockboard-backend-secret" not in page
    assert account.client_secret_sealed not in page
    assert "••••" in page


# --- who may --------------------------------------------------------------------------------------

PAGES = ["account", "account-sites", "account-disconnect"]
ACTS = [
    "account-settings",
    "account-sync",
    "account-sites",
    "account-reconnect",
    "account-disconnect",
    "account-allow-opening",
]


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_404_for_strangers(account: ConnectedAccount, name: str) -> None:
    stranger = client_of(make_user(Role.ADMIN))

    assert stranger.get(reverse(name, args=[account.pk])).status_code == 404


@pytest.mark.parametrize("name", ACTS)
def test_acts_are_404_for_strangers(account: ConnectedAccount, name: str) -> None:
    stranger = client_of(make_user(Role.ADMIN))

    assert stranger.post(reverse(name, args=[account.pk])).status_code == 404


@pytest.mark.parametrize("role", [Role.FRONT_DESK, Role.AUDITOR])
@pytest.mark.parametrize("name", ACTS)
def test_acts_are_403_without_the_permission(
    account: ConnectedAccount, name: str, role: Role
) -> None:
    browser = client_of(make_user(role, workspace=account.workspace))

    assert browser.post(reverse(name, args=[account.pk])).status_code == 403


@pytest.mark.parametrize("name", ["accounts", "connect-new"])
def test_the_list_is_403_without_the_permission(name: str) -> None:
    browser = client_of(make_user(Role.AUDITOR))
    ask = browser.get if name == "accounts" else browser.post

    assert ask(reverse(name)).status_code == 403


@pytest.mark.parametrize("name", [*ACTS, "connect-new"])
def test_acts_are_405_for_other_methods(
    browser: Browser, account: ConnectedAccount, name: str
) -> None:
    args = [] if name == "connect-new" else [account.pk]

    assert browser.put(reverse(name, args=args)).status_code == 405


def test_without_a_sign_in_everything_leads_to_it(account: ConnectedAccount) -> None:
    answer = Browser().get(reverse("account", args=[account.pk]))

    assert answer["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize("name", ACTS)
def test_an_account_of_several_properties_is_changed_by_who_manages_all(
    account: ConnectedAccount, name: str
) -> None:
    mine = make_site(account).property
    make_site(account)
    browser = client_of(make_user(Role.MANAGER, place=mine))

    assert browser.get(reverse("account", args=[account.pk])).status_code == 200
    assert browser.post(reverse(name, args=[account.pk])).status_code == 403


# --- settings -------------------------------------------------------------------------------------


def test_settings_are_stored_and_logged_with_before_and_after(
    browser: Browser, account: ConnectedAccount
) -> None:
    browser.post(
        reverse("account-settings", args=[account.pk]),
        SETTINGS | {"status_interval_ms": "15 000", "event_poll_interval_ms": "0"},
    )

    account.refresh_from_db()
    assert (account.status_interval_ms, account.event_poll_interval_ms) == (15_000, 0)
    assert account.next_event_poll_at is None
    detail = Event.objects.get(verb=Verb.ACCOUNT_CHANGED).detail
    assert detail["before"] == {"status_interval_ms": 60_000, "event_poll_interval_ms": 30_000}
    assert detail["after"] == {"status_interval_ms": 15_000, "event_poll_interval_ms": 0}


STATUS_SPAN = "15\u202f000–3\u202f600\u202f000\u00a0ms"
EVENT_SPAN = "0 (off) or 10\u202f000–3\u202f600\u202f000\u00a0ms"


@pytest.mark.parametrize(
    ("field", "value", "sentence", "filled"),
    [
        ("status_interval_ms", "0", STATUS_SPAN, "15000"),
        ("status_interval_ms", "-1", STATUS_SPAN, "15000"),
        ("status_interval_ms", "100", STATUS_SPAN, "15000"),
        ("status_interval_ms", "1000000000000", STATUS_SPAN, "3600000"),
        ("status_interval_ms", "fast", STATUS_SPAN, "fast"),
        ("status_interval_ms", "", STATUS_SPAN, ""),
        ("status_interval_ms", "1e999", STATUS_SPAN, "1e999"),
        ("status_interval_ms", "NaN", STATUS_SPAN, "NaN"),
        ("event_poll_interval_ms", "1", EVENT_SPAN, "10000"),
        ("event_poll_interval_ms", "9999", EVENT_SPAN, "10000"),
        ("event_poll_interval_ms", "-5", EVENT_SPAN, "10000"),
        ("unlock_seconds", "0", "seconds: whole number 1–60", "0"),
        ("unlock_seconds", "61", "seconds: whole number 1–60", "61"),
        ("unlock_seconds", "5.5", "seconds: whole number 1–60", "5.5"),
        ("unlock_seconds", "true", "seconds: whole number 1–60", "true"),
        ("name", " ", "name: 1–100 visible characters", " "),
        ("name", "a\u202eb", "name: 1–100 visible characters", "a\u202eb"),
    ],
)
def test_bad_settings_have_a_sentence_at_the_field_and_store_nothing(  # noqa: PLR0917
    browser: Browser,
    account: ConnectedAccount,
    field: str,
    value: str,
    sentence: str,
    filled: str,
) -> None:
    ConnectedAccount.objects.update(dialect="legacy")  # the one with all fields
    page = browser.post(
        reverse("account-settings", args=[account.pk]),
        SETTINGS | {"name": "Renamed"} | {field: value},
    )

    form = page.context["form"]
    assert list(form.errors) == [field]
    assert sentence in form.errors[field][0]
    assert form[field].value() == filled
    account.refresh_from_db()
    assert account.name == "Test account"


@pytest.mark.parametrize(
    ("field", "value", "words_of_it"),
    [
        (
            "status_interval_ms",
            "1000000000000",
            "Too much: 15 000–3 600 000 ms. The most, 3 600 000 ms = 1 hour, is filled in now",
        ),
        (
            "status_interval_ms",
            "100",
            "Too little: 15 000–3 600 000 ms. The least, 15 000 ms = 15 seconds, is filled in now",
        ),
        ("status_interval_ms", "fast", "Enter a whole number of milliseconds: 15 000–3 600 000 ms"),
    ],
)
def test_numbers_out_of_range_are_told_in_words(
    browser: Browser, account: ConnectedAccount, field: str, value: str, words_of_it: str
) -> None:
    url = reverse("account-settings", args=[account.pk])

    page = words(browser.post(url, SETTINGS | {field: value}))

    assert words_of_it in page
    assert "Now 60 000 ms = 1 minute." in page


def test_how_long_a_door_is_released_is_asked_where_the_api_takes_it(
    browser: Browser, account: ConnectedAccount
) -> None:
    url = reverse("account", args=[account.pk])
    settings_url = reverse("account-settings", args=[account.pk])
    assert "Time a door stays released" not in words(browser.get(url))
    browser.post(settings_url, SETTINGS | {"unlock_seconds": "9"})
    account.refresh_from_db()
    assert account.unlock_seconds == 5

    ConnectedAccount.objects.update(dialect="legacy")
    assert "Time a door stays released" in words(browser.get(url))
    browser.post(settings_url, SETTINGS | {"unlock_seconds": "9"})

    account.refresh_from_db()
    assert account.unlock_seconds == 9


def test_times_of_an_account_are_those_of_its_property(
    browser: Browser, account: ConnectedAccount
) -> None:
    make_property(account.workspace, name="A first one", time_zone="Europe/London")
    make_site(account, property=make_property(account.workspace, time_zone="Asia/Tokyo"))
    at = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
    ConnectedAccount.objects.update(status_polled_at=at, secret_set_at=at)

    for url in (reverse("accounts"), reverse("account", args=[account.pk])):
        assert "21 Nov 2026, 23:00:00 JST" in words(browser.get(url))


def test_saving_the_same_again_changes_nothing(browser: Browser, account: ConnectedAccount) -> None:
    page = browser.post(reverse("account-settings", args=[account.pk]), SETTINGS, follow=True)

    assert "Nothing was changed" in words(page)
    assert not Event.objects.filter(verb=Verb.ACCOUNT_CHANGED).exists()


# --- acts -----------------------------------------------------------------------------------------


def test_sync_now_makes_both_polls_due(browser: Browser, account: ConnectedAccount) -> None:
    browser.post(reverse("account-sync", args=[account.pk]))

    account.refresh_from_db()
    now = timezone.now()
    assert account.next_status_poll_at is not None
    assert account.next_status_poll_at <= now
    assert account.next_event_poll_at is not None


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"state": AccountState.RECONNECT_REQUIRED}, "needs to be reconnected first"),
        ({"throttled_until": timezone.now() + timedelta(hours=1)}, "asked us to wait"),
    ],
)
def test_sync_now_says_why_it_does_not(
    browser: Browser, account: ConnectedAccount, fields: dict[str, Any], sentence: str
) -> None:
    ConnectedAccount.objects.update(**fields)

    page = browser.post(reverse("account-sync", args=[account.pk]), follow=True)

    assert sentence in words(page)
    account.refresh_from_db()
    assert account.next_status_poll_at is None


def test_opening_is_allowed_again_by_a_person(browser: Browser, account: ConnectedAccount) -> None:
    ConnectedAccount.objects.update(
        state=AccountState.ACTUATION_BLOCKED, trouble_code="otp_invalid", otp_refusals=2
    )

    browser.post(reverse("account-allow-opening", args=[account.pk]))

    account.refresh_from_db()
    assert (account.state, account.otp_refusals) == (AccountState.CONNECTED, 0)
    assert Event.objects.filter(verb=Verb.ACCOUNT_CHANGED, actor_kind="user").count() == 1


def test_disconnecting_erases_secrets_and_takes_doors_off_the_board(
    browser: Browser, account: ConnectedAccount
) -> None:
    door = make_device(make_site(account))
    page = words(browser.get(reverse("account-disconnect", args=[account.pk])))
    assert "1 door leaves the board" in page
    assert "History stays" in page

    browser.post(reverse("account-disconnect", args=[account.pk]), {"name": account.name})

    account.refresh_from_db()
    door.refresh_from_db()
    assert account.state == AccountState.DISCONNECTED
    assert (account.client_secret_sealed, account.password_sealed, account.token_sealed) == (
        "",
        "",
        "",
    )
    assert door.removed_at is not None
    assert Event.objects.filter(verb=Verb.ACCOUNT_DISCONNECTED).count() == 1
    assert browser.get(reverse("account", args=[account.pk])).status_code == 404


@pytest.mark.parametrize("typed", ["", "test account", "Another"])
def test_disconnecting_needs_the_name_typed(
    browser: Browser, account: ConnectedAccount, typed: str
) -> None:
    page = browser.post(reverse("account-disconnect", args=[account.pk]), {"name": typed})

    assert page.context["form"].errors["name"]
    account.refresh_from_db()
    assert account.state == AccountState.CONNECTED


# --- links and unfinished attempts ----------------------------------------------------------------


def test_a_link_to_send_is_shown_once(browser: Browser) -> None:
    page = browser.post(reverse("connect-new"), {"for": "somebody"})

    link = re.search(r'value="([^"]+/connect/[^"]+)"', page.content.decode())[1]
    assert Browser().get(link.removeprefix("http://127.0.0.1:8000"), follow=True).status_code == 200
    assert link.split("/")[-2] not in browser.get(reverse("accounts")).content.decode()


def test_an_unfinished_attempt_is_a_card_that_can_be_cancelled(
    browser: Browser, manager: User
) -> None:
    webview, _ = webviews.create(actor(manager), at=timezone.now())
    page = words(browser.get(reverse("accounts")))
    assert "A new account Step 1 of 7" in page
    assert "NextRead what will happen" in page
    assert "by Ana" in page

    browser.post(reverse("webview-cancel", args=[webview.pk]))

    assert "Unfinished" not in words(browser.get(reverse("accounts")))
    assert Event.objects.filter(verb=Verb.WEBVIEW_CANCELLED).count() == 1


def test_unfinished_attempts_are_told_apart(browser: Browser, manager: User) -> None:
    for email, step in (("jane@example.com", "sites"), ("harbour@example.com", "confirm")):
        webview, _ = webviews.create(actor(manager), at=timezone.now())
        site = {"remote_id": "s", "name": f"Site of {email}"}
        answers = {"identity": {"email": email, "name": ""}, "sites": [site]}
        ConnectWebview.objects.filter(pk=webview.pk).update(
            provider="salto_ks", step=step, answers=answers
        )

    page = words(browser.get(reverse("accounts")))

    assert "NextChoose sites Signed in asjane@example.com SitesSite of jane@example.com" in page
    assert "NextConfirm what will be added Signed in asharbour@example.com" in page


@pytest.mark.parametrize("name", ["webview-resume", "webview-cancel"])
def test_attempts_of_another_workspace_are_404(manager: User, name: str) -> None:
    webview, _ = webviews.create(actor(manager), at=timezone.now())
    stranger = client_of(make_user(Role.ADMIN))

    assert stranger.post(reverse(name, args=[webview.pk])).status_code == 404
    assert ConnectWebview.objects.get().cancelled_at is None


def test_attempts_of_others_are_hidden_from_managers_of_some_properties(manager: User) -> None:
    workspace = manager.memberships.get().workspace
    webview, _ = webviews.create(actor(manager), at=timezone.now())
    browser = client_of(make_user(Role.MANAGER, place=make_property(workspace)))

    assert browser.post(reverse("webview-resume", args=[webview.pk])).status_code == 404
