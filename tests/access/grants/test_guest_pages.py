"""Guests: the list, one of them, changed, and two made one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from access.grants.guests import listing
from access.models import AccessGrant, UserIdentity
from accounts.models import Role
from audit.models import Event
from tests.make import (
    client_of,
    make_grant,
    make_identity,
    make_property,
    make_user,
    make_workspace,
)

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def place() -> Any:
    return make_property(name="Harbour House")


@pytest.fixture
def client(place: Any) -> Client:
    return client_of(make_user(Role.FRONT_DESK, workspace=place.workspace))


def guest(place: Any, name: str, **fields: Any) -> UserIdentity:
    return make_identity(place.workspace, full_name=name, **fields)


def rows(client: Client, **params: str) -> list[Any]:
    found: list[Any] = client.get(reverse("guests"), params).context["page"].rows
    return found


# --- the list -------------------------------------------------------------------------


def test_people_stand_by_name_with_the_stay_they_have_or_have_next(client, place):
    now = timezone.now()
    anna, bo, _ = guest(place, "Anna"), guest(place, "bo"), guest(place, "Cleo")
    make_grant(place, identity=anna, starts_at=now + 5 * DAY, ends_at=now + 6 * DAY)
    current = make_grant(place, identity=anna)
    make_grant(place, identity=bo, starts_at=now - 5 * DAY, ends_at=now - 4 * DAY)

    found = rows(client)

    assert [(str(row.person), row.stay) for row in found] == [
        ("Anna", current),
        ("bo", None),
        ("Cleo", None),
    ]


@pytest.mark.parametrize("query", ["jan", "JANE d", "jane@example", "+3161"])
def test_they_are_found_by_how_a_word_begins(client, place, query):
    guest(place, "Jane Doe", email="jane@example.com", phone="+31612345678")
    guest(place, "Ajan")

    assert [str(row.person) for row in rows(client, q=query)] == ["Jane Doe"]


def test_pages_follow_one_another(client, place, monkeypatch):
    monkeypatch.setattr(listing, "PAGE", 2)
    for name in ("Eve", "ann", "Bob", "Cid", "dan"):
        guest(place, name)

    seen: list[str] = []
    url = reverse("guests")
    while url:
        response = client.get(url)
        seen += [str(row.person) for row in response.context["page"].rows]
        url = response.context["next_url"]

    assert seen == ["ann", "Bob", "Cid", "dan", "Eve"]
    assert client.get(reverse("guests"), {"after": "junk"}).status_code == 400


def test_the_list_costs_the_same_for_one_and_three(client, place):
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            rows(client)
        return len(queries)

    make_grant(place, identity=guest(place, "Anna"))
    rows(client)
    before = cost()
    for name in ("Bo", "Cleo"):
        make_grant(place, identity=guest(place, name))

    assert cost() == before


def test_who_sees_one_property_sees_its_guests_only(place):
    elsewhere = make_property(place.workspace, name="Quay House")
    make_grant(place, identity=guest(place, "Anna"))
    other = guest(place, "Bo")
    make_grant(elsewhere, identity=other)
    client = client_of(make_user(Role.FRONT_DESK, place=place, workspace=place.workspace))

    assert [str(row.person) for row in rows(client)] == ["Anna"]
    assert client.get(reverse("known-guest", args=[other.pk])).status_code == 404


# --- one ------------------------------------------------------------------------------


def test_a_guest_has_their_stays_newest_first(client, place):
    anna, now = guest(place, "Anna"), timezone.now()
    old = make_grant(place, identity=anna, starts_at=now - 5 * DAY, ends_at=now - 4 * DAY)
    new = make_grant(place, identity=anna)

    response = client.get(reverse("known-guest", args=[anna.pk]))

    assert [stay for stay, _, _ in response.context["stays"]] == [new, old]


def test_details_are_changed_and_the_log_says_which(client, place):
    anna = guest(place, "Anna", email="a@example.org")
    url = reverse("guest-edit", args=[anna.pk])

    response = client.post(
        url, {"full_name": "Anna Ek", "email": "a@example.org", "language": "nl"}
    )

    assert response["Location"] == reverse("known-guest", args=[anna.pk])
    anna.refresh_from_db()
    assert (anna.full_name, anna.language) == ("Anna Ek", "nl")
    assert Event.objects.get(verb="guest_changed").detail["after"] == "name, language"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"email": "nonsense"}, "email"),
        ({"email": "taken@example.org"}, "email"),
        ({"phone": "12"}, "phone"),
        ({"full_name": ""}, "full_name"),
        ({"full_name": "x" * 10_000}, "full_name"),
        ({"language": "tlh"}, "language"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_nothing_is_saved(client, place, fields, field):
    guest(place, "Somebody else", email="taken@example.org")
    anna = guest(place, "Anna", email="a@example.org")

    given = {"full_name": "Anna", "email": "a@example.org"} | fields
    response = client.post(reverse("guest-edit", args=[anna.pk]), given)

    assert field in response.context["form"].errors
    anna.refresh_from_db()
    assert (anna.full_name, anna.email) == ("Anna", "a@example.org")


# --- two made one ---------------------------------------------------------------------


def test_merging_is_told_before_and_moves_the_stays(client, place):
    anna = guest(place, "Anna Ek", email="a@example.org", phone="")
    twin = guest(place, "A. Ek", email="other@example.org", phone="+31612345678")
    stay = make_grant(place, identity=twin)
    url = reverse("guest-merge", args=[anna.pk])

    assert [str(each) for each in client.get(url, {"q": "ek"}).context["found"]] == ["A. Ek"]
    will = client.get(url, {"other": str(twin.pk)}).context["will"]
    assert will[:4] == [
        "1 stay goes over to Anna Ek.",
        "Anna Ek keeps the e-mail address a@example.org; other@example.org is not kept.",
        "Anna Ek gets the phone number +31612345678.",
        "The name A. Ek is not kept in the list; the log keeps it.",
    ]
    assert UserIdentity.objects.filter(merged_into__isnull=False).count() == 0

    client.post(url, {"other": str(twin.pk)})

    assert AccessGrant.objects.get(pk=stay.pk).identity == anna
    anna.refresh_from_db()
    assert (anna.email, anna.phone) == ("a@example.org", "+31612345678")
    led = client.get(reverse("known-guest", args=[twin.pk]))
    assert led["Location"] == reverse("known-guest", args=[anna.pk])


def test_nobody_is_merged_with_somebody_of_another_workspace(client, place):
    anna, stranger = guest(place, "Anna"), make_identity(make_workspace(), full_name="Anna")
    url = reverse("guest-merge", args=[anna.pk])

    response = client.post(url, {"other": str(stranger.pk)}, follow=True)

    assert "That person is not there any more." in response.content.decode()
    assert UserIdentity.objects.filter(merged_into__isnull=False).count() == 0
    assert client.get(url, {"other": str(stranger.pk)}).context["other"] is None
