"""Sites added to an account that is there already."""

import re
from typing import Any

import pytest
from django.urls import reverse

from accounts.models import ConnectedAccount, Role, Space, User
from audit.models import Event
from audit.words import Verb
from locks import polling
from locks.models import Device
from tests.accounts.walking import Walk, new_property
from tests.make import client_of, make_account, make_site, make_user
from tests.sandbox.client import Client

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager() -> User:
    return make_user(Role.MANAGER)


@pytest.fixture
def account(manager: User, cloud: Client, first_syncs: list[Any]) -> ConnectedAccount:
    """multi@ sees three sites; the first one is operated."""
    Walk.begin(client_of(manager), cloud).to_sync("multi@example.com", "First")
    return ConnectedAccount.objects.get()


@pytest.fixture
def page(account: ConnectedAccount, manager: User) -> "Page":
    return Page(client_of(manager), reverse("account-sites", args=[account.pk]))


class Page:
    def __init__(self, browser: Any, url: str) -> None:
        self.browser, self.url = browser, url

    def get(self) -> Any:
        return self.browser.get(self.url)

    def sites(self) -> list[dict[str, Any]]:
        return [form.site for form in self.get().context["form"].forms]

    def add(self, site: dict[str, Any], **more: str) -> Any:
        number = self.sites().index(site)
        posted = new_property(site["remote_id"], "Second")
        posted = {name.replace("s0-", f"s{number}-"): text for name, text in posted.items()}
        return self.browser.post(self.url, posted | more, follow=True)


def words(response: Any) -> str:
    text = re.sub(r"<[^>]+>", "", response.content.decode())
    return re.sub(r"\s+", " ", text).replace("&#x27;", "'")


def test_a_site_the_login_sees_is_added_with_its_property(
    page: Page, account: ConnectedAccount, manager: User
) -> None:
    operated = account.sites.get().name
    assert len(page.sites()) == 2
    assert operated not in [site["name"] for site in page.sites()]
    assert f"{operated}First, Europe/London" in words(page.get())
    site = page.sites()[0]

    said = words(page.add(site))

    row = account.sites.get(remote_id=site["remote_id"])
    account.refresh_from_db()
    event = Event.objects.get(verb=Verb.ACCOUNT_CHANGED)
    assert f"{site['name']}: added." in said
    assert (row.property.name, row.property.time_zone) == ("Second", "Europe/London")
    assert event.actor_name == str(manager)
    assert event.detail["after"]["sites"] == [operated, site["name"]]
    polling.poll(account.pk, "status")
    assert Device.objects.filter(site=row).count() == 4


def test_what_another_account_operates_cannot_be_added(
    page: Page, account: ConnectedAccount
) -> None:
    site = page.sites()[0]
    make_site(make_account(account.workspace, name="Other"), remote_id=site["remote_id"])

    said = words(page.add(site))

    assert f"{site['name']} cannot be chosen. It is operated through Other already." in said
    assert account.sites.count() == 1


def test_a_site_whose_subscription_has_ended_cannot_be_added(
    page: Page, account: ConnectedAccount, cloud: Client
) -> None:
    site = page.sites()[0]
    cloud.control(f"sites/{site['remote_id']}", subscription_valid=False)

    said = words(page.browser.post(page.url, new_property(site["remote_id"], "Second")))

    assert "Its Salto KS subscription has ended" in said
    assert account.sites.count() == 1


def test_what_will_not_work_there_has_to_be_accepted(
    page: Page, account: ConnectedAccount, cloud: Client
) -> None:
    cloud.control("accounts/multi@example.com", drop_role=True)
    site = page.sites()[0]

    asked = words(page.add(site))

    assert "Role is site admin Not in order" in asked
    assert "I have read what will not work" in asked
    assert account.sites.count() == 1
    page.add(site, understood="on")
    assert account.sites.count() == 2


def test_nothing_chosen_and_half_filled_in_have_their_sentences(
    page: Page, account: ConnectedAccount
) -> None:
    site = page.sites()[0]

    nothing = words(page.browser.post(page.url, {}))
    no_zone = words(page.browser.post(page.url, new_property(site["remote_id"], "Second", "CEST")))

    assert "Choose at least one site." in nothing
    assert "IANA name such as Europe/Paris" in no_zone
    assert account.sites.count() == 1
    assert not Space.objects.filter(name="Second").exists()


def test_a_login_that_cannot_be_asked_says_why(
    page: Page, account: ConnectedAccount, cloud: Client
) -> None:
    cloud.control("accounts/multi@example.com", revoke_tokens=True, disabled=True)

    said = words(page.get())

    assert "We could not ask which sites this login sees." in said
    assert "Try again" in said
