"""The password once more before what would hurt most (reliability AUTH-06)."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from accounts.models import ConnectedAccount, ConnectWebview, Invitation, Role, User
from accounts.onboarding import webviews
from tests.accounts.walking import Walk
from tests.make import PASSWORD, actor, client_of, make_account, make_user
from tests.sandbox.client import Client

pytestmark = pytest.mark.django_db

ASKED = "/user/reauthenticate/"


@pytest.fixture
def admin() -> User:
    user = make_user(Role.ADMIN, name="Ada")
    user.set_password(PASSWORD)
    user.save()
    return user


@pytest.fixture
def browser(admin: User) -> Browser:
    """Signed in six minutes ago."""
    browser = client_of(admin)
    session = browser.session
    session["signed_in_at"] -= 6 * 60
    session.save()
    return browser


def words(response: Any) -> str:
    text = re.sub(r"<[^>]+>", "", response.content.decode())
    return re.sub(r"\s+", " ", text).replace("&#x27;", "'")


def invitation(role: str = Role.ADMIN) -> dict[str, str]:
    return {"email": "new@example.org", "name": "Ben", "role": role, "where": "all"}


def confirm(browser: Browser, password: str = PASSWORD, **query: str) -> Any:
    return browser.post(ASKED, {"password": password} | query)


def test_inviting_an_admin_asks_and_then_does_what_was_typed(browser: Browser) -> None:
    asked = browser.post(reverse("person-invite"), invitation())
    assert asked["Location"].partition("?")[0] == ASKED
    assert not Invitation.objects.exists()
    assert "Confirm it is you" in words(browser.get(ASKED))

    done = confirm(browser)

    row = Invitation.objects.get()
    assert done["Location"] == reverse("people")
    assert (row.email, row.name, row.role) == ("new@example.org", "Ben", Role.ADMIN)


def test_a_wrong_password_does_nothing_and_loses_nothing(browser: Browser) -> None:
    browser.post(reverse("person-invite"), invitation())

    wrong = confirm(browser, "not the password")
    assert wrong.status_code == 200
    assert not Invitation.objects.exists()
    confirm(browser)

    assert Invitation.objects.count() == 1


def test_a_confirmation_counts_for_five_minutes(browser: Browser) -> None:
    browser.post(reverse("person-invite"), invitation())
    confirm(browser)

    again = browser.post(reverse("person-invite"), invitation() | {"email": "b@example.org"})
    assert again["Location"] == reverse("people")
    with time_machine.travel(timezone.now() + timedelta(minutes=5, seconds=1)):
        later = browser.post(reverse("person-invite"), invitation() | {"email": "c@example.org"})

    assert later["Location"].partition("?")[0] == ASKED


def test_a_sign_in_counts_as_a_confirmation(admin: User) -> None:
    answer = client_of(admin).post(reverse("person-invite"), invitation())

    assert answer["Location"] == reverse("people")


@pytest.mark.parametrize("role", [Role.MANAGER, Role.FRONT_DESK, Role.AUDITOR])
def test_inviting_others_asks_for_nothing(browser: Browser, role: str) -> None:
    answer = browser.post(reverse("person-invite"), invitation(role))

    assert answer["Location"] == reverse("people")


def test_a_mistake_in_the_form_is_told_before_the_password_is_asked(browser: Browser) -> None:
    page = browser.post(reverse("person-invite"), invitation() | {"email": "nobody"})

    assert page.status_code == 200
    assert "Enter a valid email address" in words(page)


def test_promoting_somebody_to_admin_asks(browser: Browser, admin: User) -> None:
    workspace = admin.memberships.get().workspace
    other = make_user(Role.AUDITOR, workspace=workspace)
    url = reverse("person", args=[other.pk])

    asked = browser.post(url, {"role": Role.ADMIN, "where": "all"})
    assert asked["Location"].partition("?")[0] == ASKED
    assert other.memberships.get().role == Role.AUDITOR
    confirm(browser)

    assert other.memberships.get().role == Role.ADMIN


def test_the_right_is_looked_at_again_after_the_password(browser: Browser, admin: User) -> None:
    browser.post(reverse("person-invite"), invitation())
    admin.memberships.update(role=Role.MANAGER)

    assert confirm(browser).status_code == 403
    assert not Invitation.objects.exists()


def test_inviting_an_admin_again_and_reactivating_one_ask(browser: Browser, admin: User) -> None:
    workspace = admin.memberships.get().workspace
    now = timezone.now()
    row = Invitation.objects.create(
        workspace=workspace,
        email="new@example.org",
        role=Role.ADMIN,
        token_hash="x",
        created_at=now,
        expires_at=now + timedelta(days=1),
    )
    gone = make_user(Role.ADMIN, workspace=workspace, is_active=False)

    for url in (
        reverse("invitation-again", args=[row.pk]),
        reverse("person-reactivate", args=[gone.pk]),
    ):
        assert browser.post(url)["Location"].partition("?")[0] == ASKED
    confirm(browser)

    gone.refresh_from_db()
    assert gone.is_active
    assert Invitation.objects.count() == 1  # only what was wanted last is done


def test_what_waited_too_long_is_given_up(browser: Browser) -> None:
    browser.post(reverse("person-invite"), invitation())

    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        answer = confirm(browser)

    assert answer["Location"] == reverse("board")
    assert not Invitation.objects.exists()


def test_reconnecting_an_account_asks(browser: Browser, admin: User) -> None:
    account = make_account(admin.memberships.get().workspace)
    url = reverse("account-reconnect", args=[account.pk])

    assert browser.post(url)["Location"].partition("?")[0] == ASKED
    assert not ConnectWebview.objects.exists()
    done = confirm(browser)

    assert done["Location"].startswith("/connect/")


def test_resuming_an_attempt_to_reconnect_asks_and_another_does_not(
    browser: Browser, admin: User
) -> None:
    account = make_account(admin.memberships.get().workspace)
    plain, _ = webviews.create(actor(admin), at=timezone.now())
    renewal, _ = webviews.create(actor(admin), at=timezone.now(), reconnects=account)

    answers = [
        browser.post(reverse("webview-resume", args=[webview.pk]))["Location"]
        for webview in (plain, renewal)
    ]

    assert answers[0].startswith("/connect/")
    assert answers[1].partition("?")[0] == ASKED


def test_the_secret_of_an_account_changes_only_after_the_password(
    admin: User, cloud: Client, first_syncs: list[Any]
) -> None:
    browser = client_of(admin)
    Walk.begin(browser, cloud).to_sync()
    second = Walk.begin(browser, cloud).to_checks()
    session = browser.session
    session["signed_in_at"] -= 6 * 60
    session.save()
    before = ConnectedAccount.objects.get().token_version

    asked = second.post("settle", {"decision": "reconnect"})
    assert asked["Location"].partition("?")[0] == ASKED
    assert ConnectedAccount.objects.get().token_version == before
    assert second.token not in str(browser.session.items())
    back = browser.post(asked["Location"], {"password": PASSWORD, "next": second.url("checks")})
    assert back["Location"] == second.url("checks")
    second.post("settle", {"decision": "reconnect"})

    assert ConnectedAccount.objects.get().token_version > before


def test_the_session_gets_a_new_key_and_no_cookie_of_the_browser(browser: Browser) -> None:
    browser.post(reverse("person-invite"), invitation())
    key = browser.session.session_key
    assert key not in str(dict(browser.session.items()))

    confirm(browser)

    assert browser.session.session_key != key


def test_guessing_the_password_is_stopped_with_a_page_of_ours(browser: Browser) -> None:
    browser.post(reverse("person-invite"), invitation())

    answers = [confirm(browser, f"guess number {number}") for number in range(12)]

    assert answers[-1].status_code == 429
    assert "Please wait a moment" in words(answers[-1])
    assert not Invitation.objects.exists()
