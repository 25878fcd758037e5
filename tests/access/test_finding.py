"""Finding people by the end of their card's number."""

import pytest
from django.db import connection
from django.utils import timezone

from access.cards import station
from access.models import AcsCredential, AcsUser
from access.people.finding import find
from access.people.listing import Filters
from accounts.models import Role
from tests.make import actor, make_acs_user, make_credential, make_system, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def jane():
    jane = make_acs_user(full_name="Jane Doe")
    make_credential(jane, card_number="0411223344A1F2")
    make_credential(make_acs_user(jane.system, full_name="A1F3"), card_number="0411223344A1F4")
    return jane


@pytest.mark.parametrize("typed", ["A1F2", "a1f2", "…A1F2", "...a1f2", " A1F2 "])
def test_the_end_of_a_card_finds_its_holder(jane, typed):
    now = timezone.now()
    ana = actor(make_user(Role.FRONT_DESK, workspace=jane.system.workspace))

    assert list(Filters(query=typed.strip()).rows(jane.system, now)) == [jane]
    assert [each.name for each in station.people(ana, typed, now=now).found] == ["Jane Doe"]


@pytest.mark.parametrize("typed", ["1F2", "4A1F2", "F2", "A1 F2", "A1F%"])
def test_only_all_four_find_somebody(jane, typed):
    assert list(find(AcsUser.objects.all(), typed)) == []


def test_four_letters_still_find_by_name_and_a_card_that_is_gone_nobody(jane):
    assert find(AcsUser.objects.all(), "jane").get() == jane
    assert find(AcsUser.objects.all(), "a1f3").get().full_name == "A1F3"
    AcsCredential.objects.update(phase="gone")
    assert list(find(AcsUser.objects.all(), "a1f2")) == []


def test_no_system_is_read_whole_for_four_digits():
    system = make_system()
    people = AcsUser.objects.bulk_create(
        AcsUser(system=system, full_name=f"P{n}", phase="live", created_at=timezone.now())
        for n in range(4000)
    )
    AcsCredential.objects.bulk_create(
        AcsCredential(
            system=system,
            user=user,
            access_method="card",
            phase="live",
            remote_id=str(n),
            card_number=f"0411{n:08X}",
            created_at=timezone.now(),
        )
        for n, user in enumerate(people)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE access_acsuser, access_acscredential")

    plan = Filters(query="0A1F").rows(system, timezone.now()).explain()

    assert "acs_credential_last_four" in plan
    assert "Seq Scan" not in plan
