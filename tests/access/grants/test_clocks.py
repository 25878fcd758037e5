"""Stays by the clock of their property: while clocks change, over midnight, months and years."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.urls import reverse

from access.grants import keeping, services
from access.models import AccessGrant, Delivery
from access.models.grants import GrantState
from accounts.models import Space
from audit.ids import new_id
from locks.models import AccessCode
from tests.access.grants.house import NOW, House, create
from tests.access.grants.pages.test_form import answers, save
from tests.make import client_of

pytestmark = pytest.mark.django_db

#: The nights before and after clocks change in each zone, and the end of the year.
WEEKS = [
    ("Europe/Amsterdam", date(2027, 3, 26)),
    ("Europe/Amsterdam", date(2027, 10, 29)),
    ("Europe/London", date(2027, 3, 26)),
    ("Europe/London", date(2027, 10, 29)),
    ("Australia/Lord_Howe", date(2027, 4, 2)),
    ("Australia/Lord_Howe", date(2027, 10, 1)),
    ("Europe/Amsterdam", date(2026, 12, 30)),
    ("Europe/London", date(2028, 2, 27)),
]
INSTANT = timedelta(milliseconds=1)


def house_in(zone: str) -> House:
    house = House()
    Space.objects.filter(pk=house.place.pk).update(time_zone=zone)
    house.place.refresh_from_db()
    return house


@pytest.mark.parametrize(("zone", "first"), WEEKS)
def test_each_night_lasts_from_check_in_to_check_out_as_clocks_show(zone: str, first: date) -> None:
    with time_machine.travel(NOW, tick=False):
        house = house_in(zone)
        assert house.by.user
        client = client_of(house.by.user)
        for n in range(4):
            day, local = first + timedelta(days=n), ZoneInfo(zone)
            starts = datetime.combine(day, time(15))
            ends = datetime.combine(day + timedelta(days=1), time(11))
            given = answers(
                house,
                house.gate,
                starts=f"{starts:%Y-%m-%dT%H:%M}",
                ends=f"{ends:%Y-%m-%dT%H:%M}",
            )

            assert save(client, given).status_code == 302

            grant = AccessGrant.objects.get(pk=given["key"])
            assert grant.starts_at == starts.replace(tzinfo=local).astimezone(UTC)
            assert grant.ends_at == ends.replace(tzinfo=local).astimezone(UTC)
            code = AccessCode.objects.filter(device=house.gate, grant_id=grant.pk).get()
            assert (code.starts_at, code.ends_at) == (grant.starts_at, grant.ends_at)


@pytest.mark.parametrize(("zone", "first"), WEEKS)
def test_one_more_night_ends_at_the_same_clock(zone: str, first: date) -> None:
    house, local = house_in(zone), ZoneInfo(zone)
    starts_at = datetime.combine(first, time(15), local)
    ends_at = datetime.combine(first + timedelta(days=1), time(11), local)
    with time_machine.travel(NOW, tick=False):
        grant = create(house, house.gate, starts_at=starts_at, ends_at=ends_at)
        assert house.by.user
        desk = client_of(house.by.user)
        for n in range(2, 4):
            page = desk.get(reverse("grant-extend", args=[grant.pk]))
            given = page.context["sheet"].given
            assert given["ends"] == f"{first + timedelta(days=n)}T11:00"
            grant = services.change(
                grant,
                page.context["sheet"].scene.asked,
                generation=grant.generation,
                outline=None,
                by=house.by,
                at=NOW,
            )
            assert grant.ends_at == datetime.combine(first + timedelta(days=n), time(11), local)


@pytest.mark.parametrize(("zone", "first"), WEEKS)
def test_a_stay_is_half_open_to_the_instant(zone: str, first: date) -> None:
    house, local = house_in(zone), ZoneInfo(zone)
    starts_at = datetime.combine(first + timedelta(days=1), time(23, 30), local)
    ends_at = datetime.combine(first + timedelta(days=2), time(4, 30), local)
    grant = create(house, house.gate, starts_at=starts_at, ends_at=ends_at)
    grant.refresh_from_db()
    code = AccessCode.objects.get()

    assert grant.state(starts_at - INSTANT) == GrantState.UPCOMING
    assert grant.state(starts_at) == GrantState.ACTIVE
    assert grant.state(ends_at - INSTANT) == GrantState.ACTIVE
    assert grant.state(ends_at) == GrantState.NO_SHOW
    assert code.is_wanted(ends_at - INSTANT)
    assert not code.is_wanted(ends_at)
    keeping.tick(ends_at - INSTANT)
    assert AccessGrant.objects.get().given_up_at is None
    keeping.tick(ends_at)
    assert AccessGrant.objects.get().given_up_at == ends_at


@pytest.mark.parametrize(
    ("zone", "starts", "sentence"),
    [
        ("Europe/Amsterdam", "2027-03-28T02:30", "02:30 does not exist on 28 Mar 2027"),
        ("Europe/London", "2027-03-28T01:30", "01:30 does not exist on 28 Mar 2027"),
        ("Australia/Lord_Howe", "2027-10-03T02:15", "02:15 does not exist on 3 Oct 2027"),
        ("Europe/Amsterdam", "2027-10-31T02:30", "02:30 happens twice"),
        ("Australia/Lord_Howe", "2027-04-04T01:45", "01:45 happens twice"),
    ],
)
def test_a_clock_that_is_not_there_or_twice_is_asked_about(
    zone: str, starts: str, sentence: str
) -> None:
    with time_machine.travel(NOW, tick=False):
        house = house_in(zone)
        assert house.by.user
        ends = f"{datetime.fromisoformat(starts) + timedelta(days=2):%Y-%m-%dT%H:%M}"
        given = answers(house, house.gate, starts=starts, ends=ends, key=str(new_id()))

        page = client_of(house.by.user).post(reverse("grant-new"), given | {"save": "plain"})

        assert sentence in page.content.decode()
        assert not AccessGrant.objects.exists()
        assert not Delivery.objects.exists()
