"""What people wish on the pages, when calls are slow, lost or answered wrongly."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from access.models import AcsAccessGroup, AcsUser, SystemsWatch
from access.people import services
from access.people.services import Wish
from accounts.actors import Actor
from accounts.models import ConnectedAccount, Trouble
from accounts.providers.base import RefusedError
from audit.models import Event
from tests.access.fakes import FakeSystem, FakeSystems, lost
from tests.access.looking import connect, look, system_of
from tests.make import actor, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(cloud: FakeSystems) -> FakeSystem:
    system = cloud.add_system()
    staff = cloud.add_group(system, "Staff")
    cloud.add_group(system, "Spa")
    mara = cloud.add_user(system, "Mara")
    system.people_in[staff.remote_id].add(mara.remote_id)
    look(connect(cloud))
    cloud.calls.clear()
    return system


@pytest.fixture
def account(house: FakeSystem) -> ConnectedAccount:
    return ConnectedAccount.objects.get()


@pytest.fixture
def mara(house: FakeSystem) -> AcsUser:
    return AcsUser.objects.get(full_name="Mara")


@pytest.fixture
def boss(account: ConnectedAccount) -> Actor:
    return actor(make_user(role="admin", workspace=account.workspace))


def _move(user: AcsUser, by: Actor, *names: str) -> None:
    groups = AcsAccessGroup.objects.filter(name__in=names)
    services.set_groups(user, groups, by=by, at=timezone.now())


def _create(account: ConnectedAccount, wish: Wish, by: Actor, *names: str) -> AcsUser:
    groups = AcsAccessGroup.objects.filter(name__in=names)
    system = system_of(account)
    return services.create(system, wish, groups, key=uuid4(), by=by, at=timezone.now())


def _settle(account: ConnectedAccount) -> None:
    for _ in range(25):
        look(account, seconds=15)


def _list_now(account: ConnectedAccount) -> None:
    """Have only the listing be due."""
    later = timezone.now() + timedelta(minutes=5)
    AcsUser.objects.exclude(next_run_at=None).update(next_run_at=later)
    SystemsWatch.objects.update(next_listing_at=timezone.now())
    look(account)


def _people_in(house: FakeSystem, name: str) -> set[str]:
    group = AcsAccessGroup.objects.get(name=name)
    return {house.users[remote_id].full_name for remote_id in house.people_in[group.remote_id]}


# --- groups ---------------------------------------------------------------------------------


def test_a_group_unticked_while_it_is_being_told_is_left(
    cloud: FakeSystems, house: FakeSystem, account: ConnectedAccount, mara: AcsUser, boss: Actor
) -> None:
    _move(mara, boss, "Staff", "Spa")

    def untick() -> None:
        cloud.hooks.clear()
        _move(mara, boss, "Staff")

    cloud.hooks["add_to_group"] = untick
    _settle(account)

    assert _people_in(house, "Spa") == set()
    assert [each.group.name for each in mara.memberships.all()] == ["Staff"]


def test_a_group_unticked_after_a_lost_answer_is_left_however_late_it_lands(
    cloud: FakeSystems, house: FakeSystem, account: ConnectedAccount, mara: AcsUser, boss: Actor
) -> None:
    _move(mara, boss, "Staff", "Spa")
    cloud.fail("add_to_group", lost())
    look(account)
    _move(mara, boss, "Staff")
    look(account, seconds=5)
    spa = AcsAccessGroup.objects.get(name="Spa")
    house.people_in[spa.remote_id].add(mara.remote_id)
    _settle(account)

    assert _people_in(house, "Spa") == set()
    assert [each.group.name for each in mara.memberships.all()] == ["Staff"]


def test_an_empty_list_of_a_group_ends_no_removal_that_was_not_told(
    cloud: FakeSystems, house: FakeSystem, account: ConnectedAccount, mara: AcsUser, boss: Actor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    cloud.fail("remove_from_group", RefusedError("The bridge is away"))
    _move(mara, boss)
    look(account)
    with monkeypatch.context() as patch:
        patch.setattr(cloud, "group_user_ids", lambda group_id: [])
        _list_now(account)
    assert [row.is_pending for row in mara.memberships.all()] == [True]

    _settle(account)

    assert _people_in(house, "Staff") == set()
    assert not mara.memberships.exists()


def test_a_removal_that_others_did_before_us_is_over_by_two_answers(
    cloud: FakeSystems, house: FakeSystem, account: ConnectedAccount, mara: AcsUser, boss: Actor
) -> None:
    cloud.fail("remove_from_group", RefusedError("Not in that group"), times=99)
    _move(mara, boss)
    look(account)
    for people in house.people_in.values():
        people.clear()

    _list_now(account)

    assert not mara.memberships.exists()
    assert cloud.counts()["user_group_ids"] == 1


def test_a_list_that_lacks_most_of_a_group_is_believed_by_a_second_answer_only(
    cloud: FakeSystems, house: FakeSystem, account: ConnectedAccount, mara: AcsUser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    office = cloud.add_entrance(house)
    staff = AcsAccessGroup.objects.get(name="Staff")
    house.opens[staff.remote_id].add(office.remote_id)
    _list_now(account)
    with monkeypatch.context() as patch:
        patch.setattr(cloud, "group_user_ids", lambda group_id: [])
        patch.setitem(house.opens, staff.remote_id, set())
        cloud.hooks["user_group_ids"] = lambda: None
        _list_now(account)
    assert [(row.is_wanted, row.is_seen) for row in mara.memberships.all()] == [(True, True)]

    house.people_in[staff.remote_id].clear()
    _list_now(account)

    assert not mara.memberships.exists()
    assert Event.objects.filter(verb="cardholder_changed_outside").count() == 1


def test_one_short_list_of_entrances_is_asked_for_again(
    cloud: FakeSystems, house: FakeSystem, account: ConnectedAccount
) -> None:
    office = cloud.add_entrance(house)
    staff = AcsAccessGroup.objects.get(name="Staff")
    opens = house.opens[staff.remote_id]
    opens.add(office.remote_id)
    _list_now(account)
    answers = iter([opens.clear, lambda: opens.add(office.remote_id)])
    cloud.hooks["group_entrance_ids"] = lambda: next(answers, lambda: None)()
    AcsAccessGroup.objects.filter(name="Spa").update(removed_at=timezone.now())
    del house.groups[AcsAccessGroup.objects.get(name="Spa").remote_id]

    _list_now(account)

    assert staff.entrances.count() == 1


def test_a_group_that_vanished_while_groups_were_read_keeps_nobody_waiting(
    cloud: FakeSystems, house: FakeSystem, account: ConnectedAccount, boss: Actor
) -> None:
    for number in range(3):
        cloud.add_group(house, f"Group {number}")
    _list_now(account)
    AcsAccessGroup.objects.update(read_at=None)
    first = AcsAccessGroup.objects.order_by("pk").first()
    assert first is not None
    cloud.hooks["group_user_ids"] = lambda: house.groups.pop(first.remote_id, None)
    jane = _create(account, Wish(full_name="Jane"), boss, "Spa")

    look(account)

    jane.refresh_from_db()
    assert jane.remote_id
    assert not AcsAccessGroup.objects.filter(read_at=None).exists()
    assert not Trouble.objects.exists()


# --- schedules ------------------------------------------------------------------------------


def test_a_schedule_that_was_not_taken_with_somebody_new_is_told_again(
    cloud: FakeSystems, house: FakeSystem, account: ConnectedAccount, boss: Actor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    ends_at = timezone.now().replace(microsecond=0) + timedelta(days=3)
    jane = _create(account, Wish(full_name="Jane", ends_at=ends_at), boss, "Spa")
    real = cloud.create_acs_user

    def create(system_id: str, wish: Any, **options: Any) -> Any:
        return real(system_id, replace(wish, starts_at=None, ends_at=None), **options)

    monkeypatch.setattr(cloud, "create_acs_user", create)
    _settle(account)

    jane.refresh_from_db()
    assert (jane.ends_at, jane.pending) == (ends_at, [])
    assert house.users[jane.remote_id].ends_at == ends_at
