"""Who may watch which doors: asked anew for as long as a stream lives."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from accounts.middleware import ACTIVE_AT, SIGNED_IN_AT
from accounts.models import Membership, Role, User
from locks.models import Device
from locks.tiles import Audience, make_tile
from locks.watching import watches
from tests.make import client_of, make_account, make_device, make_site, make_user, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return make_user(Role.MANAGER)


def key_of(client: Client) -> str:
    return str(client.cookies[settings.SESSION_COOKIE_NAME].value)


def may_watch(client: Client) -> bool:
    return key_of(client) in watches([key_of(client)])


def change(client: Client, **values: Any) -> None:
    session = client.session
    for name, value in values.items():
        session[name] = value
    session.save()


def test_a_person_who_signed_in_may_watch(user: User) -> None:
    client = client_of(user)

    [watch] = watches([key_of(client)]).values()

    assert (watch.actor.user, watch.workspace_id) == (user, user.memberships.get().workspace_id)


def test_auth_04_watching_does_not_count_as_being_active(user: User) -> None:
    client = client_of(user)
    before = Session.objects.get().session_data

    may_watch(client)

    assert Session.objects.get().session_data == before


@pytest.mark.parametrize("seconds_more", [-5, 5])
def test_auth_04_after_half_an_hour_without_a_person_nobody_watches(
    user: User, seconds_more: int
) -> None:
    client = client_of(user)
    idle = settings.SESSION_IDLE_SECONDS + seconds_more
    change(client, **{ACTIVE_AT: timezone.now().timestamp() - idle})

    assert may_watch(client) == (seconds_more < 0)


def test_auth_04_after_twelve_hours_nobody_watches(user: User) -> None:
    client = client_of(user)
    long_ago = timezone.now().timestamp() - settings.SESSION_COOKIE_AGE - 5
    change(client, **{SIGNED_IN_AT: long_ago})

    assert not may_watch(client)


def expire(client: Client, user: User) -> None:
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))


def sign_out(client: Client, user: User) -> None:
    Session.objects.all().delete()


def change_password(client: Client, user: User) -> None:
    user.set_password("another long password")
    user.save()


def deactivate(client: Client, user: User) -> None:
    User.objects.update(is_active=False)


def remove_memberships(client: Client, user: User) -> None:
    Membership.objects.all().delete()


def delete_person(client: Client, user: User) -> None:
    Membership.objects.all().delete()
    User.objects.all().delete()


@pytest.mark.parametrize(
    "meanwhile",
    [expire, sign_out, change_password, deactivate, remove_memberships, delete_person],
    ids=lambda change: change.__name__,
)
def test_auth_05_what_ends_a_session_ends_watching(user: User, meanwhile: Any) -> None:
    client = client_of(user)
    key = key_of(client)
    assert watches([key])

    meanwhile(client, user)

    assert watches([key]) == {}


@pytest.mark.parametrize("key", ["", "nonsense", "x" * 500, "a'b"])
def test_a_key_of_no_session_watches_nothing(key: str) -> None:
    assert watches([key]) == {}


def test_a_session_of_nobody_watches_nothing() -> None:
    client = Client()
    session = client.session
    session["x"] = 1
    session.save()

    assert watches([session.session_key]) == {}


def test_any_number_of_sessions_costs_three_queries(django_assert_num_queries: Any) -> None:
    keys = [key_of(client_of(make_user())) for _ in range(3)]

    with django_assert_num_queries(3):
        found = watches(keys)

    assert set(found) == set(keys)


def test_a_person_of_two_workspaces_watches_the_one_they_chose(user: User) -> None:
    other = make_workspace()
    Membership.objects.create(user=user, workspace=other, role=Role.AUDITOR)
    client = client_of(user)
    change(client, workspace_id=str(other.pk))

    [watch] = watches([key_of(client)]).values()

    assert watch.workspace_id == other.pk
    assert watch.actor.role_words == "Auditor"


def test_a_chosen_workspace_one_has_left_is_not_watched(user: User) -> None:
    client = client_of(user)
    change(client, workspace_id=str(make_workspace().pk))

    [watch] = watches([key_of(client)]).values()

    assert watch.workspace_id == user.memberships.get().workspace_id


@pytest.mark.parametrize(
    ("role", "place", "audience"),
    [
        (Role.MANAGER, None, Audience.OPERATOR),
        (Role.AUDITOR, None, Audience.VIEWER),
        (Role.FRONT_DESK, "here", Audience.OPERATOR),
        (Role.FRONT_DESK, "elsewhere", None),
        (Role.AUDITOR, "here", Audience.VIEWER),
    ],
)
def test_a_tile_is_shown_as_the_person_may_act(
    role: Role, place: str | None, audience: Audience | None
) -> None:
    device = make_device()
    other = make_site(make_account(device.workspace)).property
    where = {"here": device.property, "elsewhere": other, None: None}[place]
    client = client_of(make_user(role, workspace=device.workspace, place=where))
    tile = make_tile(Device.objects.with_tile().get())

    [watch] = watches([key_of(client)]).values()

    assert watch.audience(tile) == audience


def test_nobody_sees_another_workspace_s_tile(user: User) -> None:
    make_device()
    [watch] = watches([key_of(client_of(user))]).values()

    assert watch.audience(make_tile(Device.objects.with_tile().get())) is None
