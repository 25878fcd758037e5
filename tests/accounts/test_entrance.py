"""The forms of signing in and of passwords: each thing is said once."""

import re

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.models import Role, User
from tests.make import client_of, make_user

pytestmark = pytest.mark.django_db

OLD, NEW = "correct horse battery", "staple correct horse"
FORGOTTEN = reverse("account_reset_password")


@pytest.fixture
def user() -> User:
    user = make_user(Role.MANAGER)
    user.set_password(OLD)
    user.save()
    return user


def labels(html: str) -> list[str]:
    return re.findall(r"<label [^>]*>(.*?)</label>", html)


def test_the_sign_in_form_says_each_thing_once() -> None:
    html = Client().get(reverse("account_login")).content.decode()

    assert labels(html) == ["E-mail", "Password"]
    assert html.count(f'href="{FORGOTTEN}"') == 1
    assert "placeholder" not in html
    assert "_helptext" not in html


def test_changing_the_password_says_each_thing_once(user: User) -> None:
    html = client_of(user).get(reverse("account_change_password")).content.decode()

    assert labels(html) == ["Current password", "New password", "New password, once more"]
    assert html.count(f'href="{FORGOTTEN}"') == 1
    assert "placeholder" not in html


def test_confirming_it_is_you_says_each_thing_once(user: User) -> None:
    html = client_of(user).get(reverse("account_reauthenticate")).content.decode()

    assert labels(html) == ["Password"]
    assert html.count(f'href="{FORGOTTEN}"') == 1
    assert "placeholder" not in html


def test_a_changed_password_leads_back_to_your_settings(user: User) -> None:
    client = client_of(user)
    response = client.post(
        reverse("account_change_password"),
        {"oldpassword": OLD, "password1": NEW, "password2": NEW},
    )

    user.refresh_from_db()
    assert (response["Location"], user.check_password(NEW)) == (reverse("you"), True)


def test_a_wrong_old_password_changes_nothing(user: User) -> None:
    response = client_of(user).post(
        reverse("account_change_password"),
        {"oldpassword": "wrong", "password1": NEW, "password2": NEW},
    )

    user.refresh_from_db()
    assert (response.status_code, user.check_password(OLD)) == (200, True)


def test_a_forgotten_password_is_replaced_through_a_mailed_link(user: User) -> None:
    client = Client()
    asking = client.get(FORGOTTEN).content.decode()
    client.post(FORGOTTEN, {"email": user.email})
    [link] = re.findall(r"http://[^/]+(/\S+)", mail.outbox[-1].body)

    page = client.get(link, follow=True)
    address = page.redirect_chain[-1][0]
    client.post(address, {"password1": NEW, "password2": NEW})

    user.refresh_from_db()
    assert labels(asking) == ["E-mail"]
    assert labels(page.content.decode()) == ["New password", "New password, once more"]
    assert "placeholder" not in asking + page.content.decode()
    assert user.check_password(NEW)
