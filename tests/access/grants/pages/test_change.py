"""Changing a stay: what the preview says, and what is saved."""

import re
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from django.http import HttpResponse
from django.urls import reverse

from access.grants import services
from access.grants.pages import views
from access.models import AccessGrant
from access.reservations import storing
from accounts.models import Role
from accounts.sealing import UnreadableError
from locks.codes.states import CodePhase
from locks.models import AccessCode
from tests.access.grants.house import LEAVES, NOW, House, create, target
from tests.access.grants.pages.test_form import outline_of, text_of
from tests.make import client_of, make_code, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
DAY = timedelta(days=1)


def as_posted(page: HttpResponse) -> dict[str, Any]:
    """What the form on a page would post."""
    given: dict[str, Any] = {
        name: page.context["sheet"].given.getlist(name) for name in page.context["sheet"].given
    }
    return given | {"outline": outline_of(page)}


def press(client: Any, name: str, grant: AccessGrant, page: HttpResponse, **more: Any) -> Any:
    return client.post(reverse(name, args=[grant.pk]), as_posted(page) | {"save": "change"} | more)


def look(client: Any, name: str, grant: AccessGrant, query: str = "") -> HttpResponse:
    page: HttpResponse = client.get(reverse(name, args=[grant.pk]) + query)
    assert page.status_code == 200
    return page


def tags(page: HttpResponse) -> list[tuple[str, str]]:
    return [(door.name, way.tag) for door in page.context["shown"].doors for way in door.ways]


def test_unchanged_it_says_so(client: Any, house: House) -> None:
    grant = create(house, house.gate)

    page = look(client, "grant-change", grant)

    assert "Nothing changes: this is how it is already." in text_of(page)
    assert "Jane Doe" in text_of(page)


def test_one_more_night_is_shown_at_once_and_saved_by_one_press(client: Any, house: House) -> None:
    grant = create(house, house.gate)
    page = look(client, "grant-extend", grant)
    assert tags(page) == [("Gate", "Changes")]
    assert "The PIN stays the same and opens it from 16:00 until 27 Nov, 12:00." in text_of(page)

    answer = press(client, "grant-extend", grant, page)

    grant.refresh_from_db()
    assert answer.status_code == 302
    assert grant.ends_at == LEAVES + DAY
    assert AccessCode.objects.get().ends_at == LEAVES + DAY


def test_a_code_that_reaches_its_lock_meanwhile_is_no_news(client: Any, house: House) -> None:
    grant = create(house, house.gate)
    page = look(client, "grant-extend", grant)
    AccessCode.objects.update(phase=CodePhase.ON_LOCK)

    assert press(client, "grant-extend", grant, page).status_code == 302


def test_a_late_check_out_is_on_the_last_day(client: Any, house: House) -> None:
    grant = create(house, house.gate)

    page = look(client, "grant-extend", grant, "?late")

    assert page.context["sheet"].given["ends"] == "2026-11-26T14:00"


def test_without_an_end_there_is_nothing_to_extend(client: Any, house: House) -> None:
    grant = create(house, house.gate, ends_at=None)

    assert "It has no end" in text_of(look(client, "grant-extend", grant))


def test_moving_leaves_the_last_room_and_keeps_the_way_to_it(client: Any, house: House) -> None:
    grant = create(house, house.gate, house.shed)
    page = look(client, "grant-move", grant)
    assert "They leave Shed" in text_of(page)
    assert page.context["leaves"] == ["Shed"]

    lobby = f"device:{house.lobby.pk}"
    targets = [*page.context["sheet"].given.getlist("targets"), lobby]
    preview = client.post(
        reverse("grant-plan"), as_posted(page) | {"targets": targets, "grant": grant.pk}
    )
    assert tags(preview) == [("Gate", "Stays"), ("Lobby", "New"), ("Shed", "Ends")]
    press(client, "grant-move", grant, preview, targets=targets)

    assert [services.target_of(row) for row in grant.targets.all()] == [
        target(house.gate),
        target(house.lobby),
    ]


@pytest.mark.parametrize("doors", [["gate"], ["gate", "shed"]])
def test_a_move_goes_nowhere_before_a_room_is_chosen(
    client: Any, house: House, doors: list[str]
) -> None:
    grant = create(house, *(getattr(house, name) for name in doors))
    page = look(client, "grant-move", grant)
    assert not page.context["form"].errors
    assert "Still needed: the room they move to." in text_of(page)
    assert outline_of(page) == ""
    preview = client.post(reverse("grant-plan"), as_posted(page) | {"grant": grant.pk})
    assert preview.context["shown"].summary == "Still needed: the room they move to."

    refused = press(client, "grant-move", grant, page)

    assert refused.status_code == 200
    assert refused.context["form"].problems_at("doors") == ["choose the room they move to"]
    assert grant.targets.count() == len(doors)


def test_a_form_without_any_door_shows_no_end_of_all(client: Any, house: House) -> None:
    grant = create(house, house.gate)
    page = look(client, "grant-change", grant)

    preview = client.post(
        reverse("grant-plan"), as_posted(page) | {"grant": grant.pk, "targets": []}
    )

    assert preview.context["shown"].summary == "Still needed: a room or a door."


def test_adding_a_door_keeps_the_others(client: Any, house: House) -> None:
    grant = create(house, house.gate)

    page = look(client, "grant-move", grant, "?add")

    assert page.context["leaves"] == []
    assert tags(page) == [("Gate", "Stays")]


def test_digits_asked_for_stay_and_are_not_on_the_page(client: Any, house: House) -> None:
    grant = create(house, house.gate, digits="274983")
    page = look(client, "grant-change", grant)
    assert "274983" not in page.content.decode()

    press(
        client,
        "grant-change",
        grant,
        page,
        ends="2026-11-27T12:00",
        outline=outline_of(
            client.post(
                reverse("grant-plan"),
                as_posted(page) | {"ends": "2026-11-27T12:00", "grant": grant.pk},
            )
        ),
    )

    assert services.asked_of(AccessGrant.objects.get()).requests[0].digits == "274983"
    assert AccessCode.objects.get().unseal_digits() == "274983"


def test_what_somebody_else_changed_is_not_undone_unseen(client: Any, house: House) -> None:
    grant = create(house, house.gate)
    page = look(client, "grant-extend", grant)
    AccessGrant.objects.filter(pk=grant.pk).update(generation=2)

    refused = press(client, "grant-extend", grant, page)

    assert refused.url == reverse("grant-extend", args=[grant.pk])
    again = client.get(refused.url)
    assert views.STALE in text_of(again)
    assert AccessGrant.objects.get().ends_at == LEAVES
    press(client, "grant-extend", grant, again)
    assert AccessGrant.objects.get().ends_at == LEAVES + DAY


def test_an_old_page_to_move_by_does_not_take_a_night_away(client: Any, house: House) -> None:
    grant = create(house, house.gate)
    old = look(client, "grant-move", grant)
    press(client, "grant-extend", grant, look(client, "grant-extend", grant))

    press(client, "grant-move", grant, old, targets=[target(house.shed).key])
    page = look(client, "grant-move", grant)
    given = {"targets": [target(house.shed).key], "outline": ""}
    press(client, "grant-move", grant, press(client, "grant-move", grant, page, **given))

    grant.refresh_from_db()
    assert grant.ends_at == LEAVES + DAY
    assert AccessCode.objects.get(revoked_at=None).device == house.shed


def test_digits_taken_meanwhile_are_said_before_saving(client: Any, house: House) -> None:
    grant = create(house, house.gate)
    page = look(client, "grant-extend", grant)
    digits = AccessCode.objects.get().unseal_digits()
    make_code(house.gate, digits=digits, starts_at=LEAVES + DAY / 2, ends_at=LEAVES + 2 * DAY)

    refused = press(client, "grant-extend", grant, page)

    assert refused.status_code == 200
    assert refused.context["sheet"].differences
    assert AccessGrant.objects.get().ends_at == LEAVES


@pytest.mark.parametrize("name", ["grant-change", "grant-extend", "grant-move"])
def test_what_is_over_is_not_changed(client: Any, house: House, name: str) -> None:
    grant = create(house, house.gate)
    services.revoke([grant], by=house.by, at=NOW)

    answer = client.get(reverse(name, args=[grant.pk]))

    assert answer.status_code == 302


@pytest.mark.parametrize("name", ["grant-change", "grant-extend", "grant-move"])
def test_strangers_learn_nothing(house: House, name: str) -> None:
    grant = create(house, house.gate)
    other = House()
    assert other.by.user
    stranger = client_of(other.by.user)

    assert stranger.get(reverse(name, args=[grant.pk])).status_code == 404
    assert stranger.post(reverse("grant-plan"), {"grant": grant.pk}).status_code == 404
    auditor = client_of(make_user(Role.AUDITOR, workspace=house.workspace))
    assert auditor.get(reverse(name, args=[grant.pk])).status_code == 403


def test_without_a_plan_the_form_hears_why(
    client: Any, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = create(house, house.gate, digits="274983")
    given = as_posted(look(client, "grant-extend", grant))
    monkeypatch.setattr(services, "asked_of", Mock(side_effect=UnreadableError))

    answer = client.post(reverse("grant-plan"), given | {"grant": grant.pk})

    assert answer.status_code == 409
    assert answer.content.decode() == views.UNREADABLE


def test_the_person_cannot_be_exchanged(client: Any, house: House) -> None:
    grant = create(house, house.gate)
    other = create(house, house.shed, email="john@example.com", full_name="John").identity
    page = look(client, "grant-extend", grant)

    press(client, "grant-extend", grant, page, person=str(other.pk), full_name="Eve")

    assert AccessGrant.objects.get(pk=grant.pk).identity == grant.identity
    assert re.search("Jane Doe", text_of(page))


def test_times_that_a_person_set_are_theirs(
    client: Any, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[AccessGrant] = []
    monkeypatch.setattr(storing, "note_changed_by_hand", noted.append)
    grant = create(house, house.gate)

    press(client, "grant-extend", grant, look(client, "grant-extend", grant))

    assert [each.ends_at for each in noted] == [LEAVES + DAY]
