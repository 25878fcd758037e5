"""What stands on the station's page, with the engine behind it."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from access.cards import queue, station
from access.models import AcsUser
from accounts.models import Membership, Role
from accounts.providers.systems import CardFailure
from tests.access.cards.world import House
from tests.make import actor, client_of, make_credential, make_job, make_system, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(desk: Any) -> House:
    return House(desk)


def test_arrivals_are_of_places_where_one_may_make_cards(house: House) -> None:
    AcsUser.objects.filter(pk=house.jane.pk).update(starts_at=timezone.now())
    elsewhere = make_system(house.system.account).property
    bo = make_user(Role.FRONT_DESK, place=elsewhere)
    Membership.objects.create(
        workspace=house.system.workspace,
        user=bo,
        role=Role.AUDITOR,
        property=house.system.property,
    )

    assert [row.person for row in queue.arrivals(house.ana, now=timezone.now())] == ["Jane Doe"]
    assert queue.arrivals(actor(bo), now=timezone.now()) == []


def test_no_card_in_doubt_is_left_out(house: House) -> None:
    for number in range(12):
        make_job(house.person(f"P{number}"), house.encoder, state="unknown", holds_user=True)

    assert len(station.people(house.ana, "", now=timezone.now()).in_doubt) == 12


def test_what_is_tried_again_goes_on_at_the_browser_it_was_asked_from(
    house: House, desk: Any
) -> None:
    desk.plan = [CardFailure.NO_CARD]
    job = house.make(station="a" * 32)
    ben = house.at_desk("Ben")

    made = house.again(job, by=ben, station="b" * 32)

    assert station.running(ben, "b" * 32, now=timezone.now()) == made


def test_a_pin_is_no_card_that_can_be_lost(house: House) -> None:
    pin = make_credential(house.jane, access_method="code", card_number="")
    client = client_of(house.ana.user)

    assert client.get(reverse("card-lost", args=[pin.pk])).status_code == 404
    assert client.get(reverse("card-returned", args=[pin.pk])).status_code == 404
