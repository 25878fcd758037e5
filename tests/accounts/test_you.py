"""What people set for themselves."""

from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Role, User, Workspace
from audit.models import Event
from audit.words import Verb
from tests.make import client_of, make_user, make_workspace

pytestmark = pytest.mark.django_db

YOU = "/you/"


@pytest.fixture
def user() -> User:
    return make_user(Role.AUDITOR, name="Ana")


@pytest.fixture
def client(user: User) -> Client:
    return client_of(user)


@pytest.fixture
def other(user: User) -> Workspace:
    """A second workspace of the same person, with an id after that of the first."""
    workspace = make_workspace(name="Second")
    user.memberships.create(workspace=workspace, role=Role.FRONT_DESK)
    return workspace


def html(client: Client, path: str = YOU) -> str:
    return client.get(path).content.decode()


def shown_workspace(client: Client) -> str:
    return str(client.get(YOU).context["actor"].workspace)


def test_the_menu_leads_there_and_the_page_to_the_password(client: Client) -> None:
    assert f'href="{YOU}"' in html(client, "/")
    assert f'href="{reverse("account_change_password")}"' in html(client)


def test_a_dialog_is_asked_for_and_no_longer(client: Client, user: User) -> None:
    found = []
    for chosen in ({"confirms_in_dialog": "on"}, {}):
        client.post(YOU, {"name": "Ana"} | chosen)
        user.refresh_from_db()
        found.append((user.confirms_in_dialog, "data-confirms-in-dialog" in html(client, "/")))

    assert found == [(True, True), (False, False)]


def test_a_new_name_stands_in_the_log_of_every_workspace(
    client: Client, user: User, other: Workspace
) -> None:
    response = client.post(YOU, {"name": " Ana Silva "})

    user.refresh_from_db()
    events = Event.objects.filter(verb=Verb.NAME_CHANGED)
    assert (response.status_code, response["Location"], user.name) == (302, YOU, "Ana Silva")
    assert {e.workspace_id for e in events} == {w.pk for w in Workspace.objects.of(user)}
    assert {(e.actor_name, e.subject) for e in events} == {("Ana Silva", "Ana")}


def test_the_same_name_is_no_news(client: Client) -> None:
    client.post(YOU, {"name": "Ana", "confirms_in_dialog": "on"})

    assert not Event.objects.filter(verb=Verb.NAME_CHANGED).exists()


@pytest.mark.parametrize("name", ["", " ", "x" * 101, "Ana\u202e", "A\nB"])
def test_a_name_that_cannot_be_read_is_refused(client: Client, user: User, name: str) -> None:
    response = client.post(YOU, {"name": name})

    user.refresh_from_db()
    assert (response.status_code, user.name) == (200, "Ana")
    assert "name: 1–100 visible characters" in response.content.decode()


def test_who_belongs_to_one_workspace_has_nothing_to_choose(client: Client) -> None:
    assert reverse("you-workspace") not in html(client)


def test_who_belongs_to_several_chooses_one(client: Client, other: Workspace) -> None:
    first = shown_workspace(client)

    response = client.post("/you/workspace/", {"workspace": str(other.pk)})

    assert (first, response["Location"], shown_workspace(client)) == ("Acme", "/", "Second")
    assert f'value="{other.pk}" checked' in html(client)


@pytest.mark.parametrize("chosen", ["", "x", str(UUID(int=1)), "stranger"])
def test_nobody_chooses_a_workspace_that_is_not_theirs(
    client: Client, other: Workspace, chosen: str
) -> None:
    stranger = make_workspace(name="Stranger")

    response = client.post(
        "/you/workspace/", {"workspace": str(stranger.pk) if chosen == "stranger" else chosen}
    )

    assert (response["Location"], shown_workspace(client)) == (YOU, "Acme")


@pytest.mark.parametrize("count", [1, 3])
def test_the_page_costs_the_same_whatever_the_workspaces(
    client: Client, user: User, count: int, django_assert_num_queries: Any
) -> None:
    for _ in range(count - 1):
        user.memberships.create(workspace=make_workspace(), role=Role.AUDITOR)

    with django_assert_num_queries(4):  # session, user, roles, workspaces
        client.get(YOU)
