"""The demo's outbox: the invitations it did not mail, for a sandbox workspace alone."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.test import Client as Browser
from django.urls import reverse

from accounts.models import Role, User
from tests.make import client_of, make_user, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = settings.DEMO_MAIL_FOLDER = str(tmp_path / "mail")
    return tmp_path / "mail"


@pytest.fixture
def admin() -> User:
    return make_user(Role.ADMIN, name="Ada")


@pytest.fixture
def browser(admin: User) -> Browser:
    return client_of(admin)


def invite(browser: Browser, email: str = "new@example.org") -> Any:
    posted = {"email": email, "name": "Zoë", "role": Role.FRONT_DESK, "where": "all"}
    return browser.post(reverse("person-invite"), posted, follow=True)


def links(page: Any) -> list[str]:
    return re.findall(r'href="https?://[^/"]+(/invitation/[^"]+)"', page.content.decode())


def test_after_inviting_the_mail_is_shown_and_its_link_works(browser: Browser) -> None:
    page = invite(browser)

    html = page.content.decode()
    assert "This demo sends no mail" in html
    assert "Hello Zoë," in html
    assert "To <bdi>new@example.org</bdi>" in html
    (link,) = links(page)
    assert Browser().get(link).status_code == 200


def test_the_newest_is_first_and_links_that_ended_are_marked(browser: Browser) -> None:
    invite(browser, "a@example.org")
    invite(browser, "b@example.org")
    page = invite(browser, "a@example.org")

    to = re.findall(r"To <bdi>(\w)@", page.content.decode())
    assert to == ["a", "b", "a"]
    assert page.content.decode().count("the link no longer works") == 1


def test_only_the_invitations_of_ones_own_workspace_are_shown(browser: Browser) -> None:
    invite(client_of(make_user(Role.ADMIN, workspace=make_workspace(name="Other"))))
    EmailMessage("Password reset", "a link of somebody's", to=["new@example.org"]).send()

    page = browser.get(reverse("outbox"))

    assert links(page) == []
    assert "Nothing yet" in page.content.decode()
    assert "Password reset" not in page.content.decode()


def test_without_the_demo_there_is_no_outbox(browser: Browser, settings: Any) -> None:
    settings.DEMO_MAIL_FOLDER = ""

    assert browser.get(reverse("outbox")).status_code == 404
    assert "Outbox" not in browser.get(reverse("people")).content.decode()


def test_a_workspace_with_real_doors_has_none(browser: Browser, admin: User) -> None:
    admin.memberships.get().workspace.__class__.objects.update(is_sandbox=False)

    assert browser.get(reverse("outbox")).status_code == 404
    assert "is on its way to" in invite(browser).content.decode()


def test_what_is_no_mail_harms_nothing(browser: Browser, folder: Path) -> None:
    folder.mkdir()
    (folder / "x.log").write_bytes(b"\xff\x00 no mail\n" + b"-" * 79)

    assert browser.get(reverse("outbox")).status_code == 200
