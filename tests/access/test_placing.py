"""Which property a found system belongs to, and that nobody sees one of which nobody knows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.utils import timezone

from access import waking
from access.cards import queue, station
from access.models import AcsSystem, AcsUser
from access.places import services
from accounts.models import ConnectedAccount, Membership, Role, Space
from audit.models import Event
from audit.words import Verb
from locks import live
from tests.access.fakes import FakeSystems
from tests.access.looking import connect, look
from tests.access.test_people_views import words
from tests.make import (
    actor,
    client_of,
    make_acs_user,
    make_encoder,
    make_group,
    make_property,
    make_site,
    make_system,
    make_user,
)

pytestmark = pytest.mark.django_db

UNSAID = "Nobody has said yet which property this belongs to."


def placed() -> dict[str, bool]:
    return dict(AcsSystem.objects.values_list("name", "is_placed"))


# --- where there is no doubt ------------------------------------------------------------


def test_the_only_system_belongs_to_the_property_its_workspace_was_connected_for(
    cloud: FakeSystems,
) -> None:
    cloud.add_system("Mill")
    account = connect(cloud)
    make_property(account.workspace)

    look(account)

    assert AcsSystem.objects.get().property == account.sites.get().property
    assert placed() == {"Mill": True}


def test_of_two_systems_somebody_has_to_say_it(cloud: FakeSystems) -> None:
    cloud.add_system("Mill")
    cloud.add_system("Weir")
    account = connect(cloud)
    make_property(account.workspace)

    look(account)
    look(account, seconds=61)

    assert placed() == {"Mill": False, "Weir": False}


def test_one_that_comes_later_is_not_taken_for_a_neighbour_of_the_first(
    cloud: FakeSystems,
) -> None:
    cloud.add_system("Mill")
    account = connect(cloud)
    make_property(account.workspace)
    look(account)
    cloud.add_system("Weir")

    look(account, seconds=61)

    assert placed() == {"Mill": True, "Weir": False}


def test_in_a_workspace_of_one_property_nobody_is_asked(cloud: FakeSystems) -> None:
    cloud.add_system("Mill")
    cloud.add_system("Weir")

    look(connect(cloud))

    assert placed() == {"Mill": True, "Weir": True}


def test_an_account_of_two_properties_says_nothing(cloud: FakeSystems) -> None:
    cloud.add_system("Mill")
    account = connect(cloud)
    make_site(account)

    look(account)

    assert placed() == {"Mill": False}


# --- who sees one of which nobody knows -------------------------------------------------


@pytest.fixture
def weir() -> AcsSystem:
    """A system with somebody who arrives today, not placed. Its account is of one property."""
    system = make_system(name="Weir House", is_placed=False)
    make_site(system.account, property=system.property)
    now = timezone.now()
    make_acs_user(system, full_name="Jane Doe", groups=[make_group(system)], starts_at=now)
    make_encoder(system)
    return system


def client_as(system: AcsSystem, role: str, place: Space | None = None) -> Client:
    return client_of(make_user(role, workspace=system.workspace, place=place))


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MANAGER])
def test_who_looks_after_systems_is_told_and_asked(weir: AcsSystem, role: str) -> None:
    response = client_as(weir, role).get("/access/")

    text = words(response)
    assert UNSAID in text
    assert "1 cardholder " in text
    assert f'href="/access/{weir.pk}/settings/"' in response.content.decode()
    assert f'href="/access/{weir.pk}/"' not in response.content.decode()


@pytest.mark.parametrize("role", [Role.FRONT_DESK, Role.AUDITOR])
def test_nobody_else_learns_of_it(weir: AcsSystem, role: str) -> None:
    assert "No access control system yet" in words(client_as(weir, role).get("/access/"))


def test_nor_does_whoever_looks_after_a_part_of_the_properties(weir: AcsSystem) -> None:
    user = make_user(Role.MANAGER, workspace=weir.workspace, place=weir.property)
    assert UNSAID in words(client_of(user).get("/access/"))

    elsewhere = make_property(weir.workspace)

    assert UNSAID not in words(client_of(user).get("/access/"))
    assert client_of(user).get(f"/access/{weir.pk}/settings/").status_code == 404
    Membership.objects.create(
        workspace=weir.workspace, user=user, role=Role.MANAGER, property=elsewhere
    )
    assert UNSAID in words(client_of(user).get("/access/"))


def test_who_sees_all_and_manages_elsewhere_only_is_not_asked(weir: AcsSystem) -> None:
    user = make_user(Role.AUDITOR, workspace=weir.workspace)
    elsewhere = make_property(weir.workspace)
    Membership.objects.create(
        workspace=weir.workspace, user=user, role=Role.MANAGER, property=elsewhere
    )

    assert UNSAID not in words(client_of(user).get("/access/"))


@pytest.mark.parametrize("count", [1, 3])
def test_systems_without_a_property_take_the_same_number_of_queries(
    weir: AcsSystem, count: int, django_assert_num_queries: Any
) -> None:
    for _ in range(count - 1):
        make_system(weir.account, is_placed=False)
    manager = client_as(weir, Role.MANAGER)

    with django_assert_num_queries(9):  # session, user, roles, systems, four counts, the zone
        manager.get("/access/")


def test_the_station_knows_nobody_of_it(weir: AcsSystem) -> None:
    now = timezone.now()
    ana = actor(make_user(Role.MANAGER, workspace=weir.workspace))

    def seen() -> tuple[int, int, int]:
        found = station.people(ana, "jane", now=now).found
        return len(found), len(list(queue.arrivals(ana, now=now))), len(station.encoders(ana))

    assert seen() == (0, 0, 0)

    services.move_system(weir, weir.property, by=ana, at=now)

    assert seen() == (1, 1, 1)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The property of each word to pages."""
    found: list[Any] = []
    monkeypatch.setattr(live, "announce_topic", lambda _, place, *__: found.append(place))
    return found


def test_no_page_hears_of_it(weir: AcsSystem, told: list[Any]) -> None:
    waking.tell(weir)
    waking.wake(weir, at=timezone.now())

    assert told == []


def test_what_happens_in_it_is_logged_at_no_property(cloud: FakeSystems, told: list[Any]) -> None:
    mill, _ = cloud.add_system("Mill"), cloud.add_system("Weir")
    account = connect(cloud)
    make_property(account.workspace)
    jane = cloud.add_user(mill, "Jane Doe")
    look(account)
    cloud.change_user(jane.remote_id, full_name="Jane Roe")

    look(account, seconds=61)

    verbs = [Verb.SYSTEM_FOUND, Verb.SYSTEM_FOUND, Verb.CARDHOLDER_CHANGED_OUTSIDE]
    events = Event.objects.order_by("id")
    assert [(event.verb, event.property_id) for event in events] == [(v, None) for v in verbs]
    assert told == []
    assert _reads_of(account, "Jane Roe", place=account.sites.get().property) is False
    assert _reads_of(account, "Jane Roe", place=None) is True


def _reads_of(account: ConnectedAccount, name: str, *, place: Space | None) -> bool:
    user = make_user(Role.AUDITOR, workspace=account.workspace, place=place)
    return name in words(client_of(user).get("/log/"))


# --- saying it --------------------------------------------------------------------------


def test_the_page_that_asks_chooses_nothing_by_itself(weir: AcsSystem) -> None:
    make_property(weir.workspace)

    response = client_as(weir, Role.MANAGER).get(f"/access/{weir.pk}/settings/")

    html, text = response.content.decode(), words(response)
    assert UNSAID in text
    assert "1 cardholder " in text
    assert '<option value="">Choose a property</option>' in html
    assert " selected>" not in html
    assert "access-tabs" not in html


def test_without_a_choice_nothing_is_placed(weir: AcsSystem) -> None:
    response = client_as(weir, Role.MANAGER).post(f"/access/{weir.pk}/settings/")

    assert "Choose a property." in words(response)
    assert placed() == {"Weir House": False}


@pytest.mark.parametrize("is_guess_right", [True, False])
def test_once_it_is_said_the_people_of_that_property_see_it(
    weir: AcsSystem, told: list[Any], is_guess_right: bool
) -> None:
    guessed, other = weir.property, make_property(weir.workspace)
    right, wrong = (guessed, other) if is_guess_right else (other, guessed)

    response = client_as(weir, Role.MANAGER).post(
        f"/access/{weir.pk}/settings/", {"property": right.pk}
    )

    assert response["Location"] == f"/access/{weir.pk}/"
    assert client_as(weir, Role.FRONT_DESK, right).get(f"/access/{weir.pk}/").status_code == 200
    assert client_as(weir, Role.FRONT_DESK, wrong).get(f"/access/{weir.pk}/").status_code == 404
    assert set(told) == {right.pk}
    event = Event.objects.get(verb=Verb.SYSTEM_CHANGED)
    assert (event.property_id, event.detail["after"]) == (right.pk, f"belongs to {right.name}")


def _of_another(system: AcsSystem) -> Any:
    """Somebody who looks after systems, but not in this account's property."""
    elsewhere = make_property(system.workspace)
    return actor(make_user(Role.MANAGER, workspace=system.workspace, place=elsewhere)), elsewhere


def _of_all(system: AcsSystem) -> Any:
    """Somebody who might have placed it, had nobody else done so elsewhere meanwhile."""
    user = make_user(Role.MANAGER, workspace=system.workspace, place=system.property)
    theirs = system.property
    elsewhere = make_property(system.workspace)
    AcsSystem.objects.filter(pk=system.pk).update(is_placed=True, property=elsewhere)
    return actor(user), theirs


@pytest.mark.parametrize("whom", [_of_another, _of_all])
def test_it_is_taken_by_nobody_without_a_say(
    weir: AcsSystem, whom: Callable[[AcsSystem], Any]
) -> None:
    by, place = whom(weir)

    with pytest.raises(PermissionDenied):
        services.move_system(weir, place, by=by, at=timezone.now())

    assert AcsSystem.objects.get(pk=weir.pk).property != place


def test_syncing_goes_on_before_and_undoes_nothing_after(cloud: FakeSystems) -> None:
    mill, _ = cloud.add_system("Mill"), cloud.add_system("Weir")
    account = connect(cloud)
    make_property(account.workspace)
    cloud.add_user(mill, "Jane Doe")
    look(account)
    system = AcsSystem.objects.get(name="Mill")
    assert AcsUser.objects.get().system == system
    boss = actor(make_user(Role.ADMIN, workspace=account.workspace))
    elsewhere = Space.objects.exclude(pk=system.property_id).get()
    services.move_system(system, elsewhere, by=boss, at=timezone.now() + timedelta(seconds=1))

    look(account, seconds=61)

    system.refresh_from_db()
    assert (system.property, system.is_placed) == (elsewhere, True)
