"""What people wish on the pages, when calls are slow, lost or answered wrongly."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from access.models import AcsAccessGroup, AcsCredential, AcsSystem, AcsUser, SystemsWatch
from access.people import services, wishes
from access.people.services import Wish
from access.syncing import passing
from accounts import upkeep
from accounts.actors import Actor
from accounts.models import ConnectedAccount, Trouble
from accounts.providers.base import RefusedError, UnreachableError
from audit.models import Event
from tests.access.fakes import FakeSystem, FakeSystems, lost
from tests.access.looking import connect, edit_as_shown, look, system_of
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
    user.refresh_from_db()
    edit_as_shown(user, groups, by=by, at=timezone.now())


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
    cloud: FakeSystems, account: ConnectedAccount, mara: AcsUser, boss: Actor,
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

    assert cloud.counts()["remove_from_group"] == 2
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

    def answer_again() -> None:
        cloud.hooks.clear()
        opens.add(office.remote_id)

    def answer_short() -> None:
        cloud.hooks["group_entrance_ids"] = answer_again
        opens.clear()

    cloud.hooks["group_entrance_ids"] = answer_short
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


def test_a_shortened_stay_is_told_although_listing_rests(
    cloud: FakeSystems, house: FakeSystem, account: ConnectedAccount, mara: AcsUser, boss: Actor
) -> None:
    cloud.fail("list_systems", UnreachableError("Away"), times=999)
    for _ in range(8):
        look(account, seconds=100)
    ends_at = timezone.now().replace(microsecond=0) + timedelta(hours=1)
    services.edit(
        mara,
        Wish(full_name="Mara", ends_at=ends_at),
        AcsAccessGroup.objects.filter(name="Staff"),
        version=wishes.version_of(mara, wishes.wanted_ids(mara)),
        by=boss,
        at=timezone.now(),
    )

    look(account, seconds=1)

    assert house.users[mara.remote_id].ends_at == ends_at


# --- whose answer was lost, and who is gone -------------------------------------------------


def test_a_clock_behind_ours_makes_nobody_twice(
    cloud: FakeSystems, house: FakeSystem, account: ConnectedAccount, boss: Actor
) -> None:
    cloud.now = lambda: timezone.now() - timedelta(seconds=30)
    cloud.fail("create_acs_user", lost(), is_after=True)
    _create(account, Wish(full_name="Jane"), boss, "Spa")

    _settle(account)

    assert sorted(user.full_name for user in house.users.values()) == ["Jane", "Mara"]
    assert AcsUser.objects.filter(full_name="Jane").count() == 1


def test_whoever_comes_back_leaves_the_groups_they_had_to_leave(
    cloud: FakeSystems, house: FakeSystem, account: ConnectedAccount, mara: AcsUser, boss: Actor
) -> None:
    cloud.fail("remove_from_group", RefusedError("Not now"), times=2)
    _move(mara, boss)
    look(account)
    kept = dict(house.users)
    house.users.clear()
    for _ in range(4):
        AcsSystem.objects.update(thin_listings=3)
        _list_now(account)
    mara.refresh_from_db()
    assert mara.phase == "gone"

    house.users.update(kept)
    _settle(account)

    mara.refresh_from_db()
    assert mara.phase == "live"
    assert _people_in(house, "Staff") == set()


def test_a_pin_that_was_never_made_ends_with_its_person(
    house: FakeSystem, account: ConnectedAccount, boss: Actor
) -> None:
    house.listed = replace(house.listed, external_type="salto_ks_site")
    AcsSystem.objects.update(external_type="salto_ks_site")
    jane = _create(account, Wish(full_name="Jane"), boss)
    services.ask_for_pin(jane, by=boss, at=timezone.now())
    services.delete(jane, by=boss, at=timezone.now())

    _settle(account)

    pin = AcsCredential.objects.get()
    assert (pin.phase, pin.next_run_at) == ("gone", None)


def test_a_pin_waits_as_long_as_its_person(
    cloud: FakeSystems, house: FakeSystem, account: ConnectedAccount, boss: Actor
) -> None:
    house.listed = replace(house.listed, external_type="salto_ks_site")
    AcsSystem.objects.update(external_type="salto_ks_site")
    cloud.fail("create_acs_user", RefusedError("No seat"), times=2)
    jane = _create(account, Wish(full_name="Jane"), boss)
    services.ask_for_pin(jane, by=boss, at=timezone.now())
    look(account)
    look(account, seconds=5)
    look(account, seconds=3)
    jane.refresh_from_db()
    pin = AcsCredential.objects.get()
    assert jane.next_run_at is not None
    assert pin.next_run_at is not None
    assert pin.next_run_at - timezone.now() > timedelta(seconds=2)

    _settle(account)

    pin.refresh_from_db()
    assert pin.remote_id


def test_a_removal_of_somebody_not_found_is_told_once_and_looked_at(
    cloud: FakeSystems, account: ConnectedAccount, mara: AcsUser, boss: Actor
) -> None:
    cloud.fail("remove_from_group", RefusedError("x", code="not_found", status=404), times=999)
    _move(mara, boss)

    look(account)
    look(account, seconds=2)

    assert cloud.counts()["remove_from_group"] == 1


# --- an account's other systems, its lease, its end -----------------------------------------


def test_a_system_closed_to_us_keeps_no_wish_of_another_waiting(
    cloud: FakeSystems, house: FakeSystem, account: ConnectedAccount, boss: Actor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    closed = cloud.add_system("Old Annex")
    real = cloud.list_encoders

    def refuse(system_id: str) -> Any:
        if system_id == closed.listed.remote_id:
            raise RefusedError("Closed")
        return real(system_id)

    with monkeypatch.context() as patch:
        patch.setattr(cloud, "list_encoders", refuse)
        for _ in range(6):
            look(account, seconds=100)
        annex = AcsSystem.objects.get(name="Old Annex")
        assert [each["code"] for each in annex.errors] == ["closed_to_us"]
        assert annex.trouble_since is not None
        assert not Trouble.objects.exists()
        jane = services.create(
            AcsSystem.objects.get(name="Harbour Annex"),
            Wish(full_name="Jane"),
            [],
            key=uuid4(),
            by=boss,
            at=timezone.now(),
        )
        look(account)
        jane.refresh_from_db()
        assert jane.remote_id

    look(account, seconds=100)

    annex.refresh_from_db()
    assert (annex.errors, annex.trouble_since) == ([], None)
    said = Event.objects.filter(verb="system_health_changed").order_by("pk")
    assert [each.detail["after"] for each in said] == [
        "does not let us see its people and doors",
        "is well again",
    ]


def test_an_account_disconnected_while_it_was_listed_brings_no_system_back(
    cloud: FakeSystems, account: ConnectedAccount, boss: Actor
) -> None:
    def disconnect() -> None:
        cloud.hooks.clear()
        upkeep.disconnect(account, by=boss.who, at=timezone.now())

    cloud.calls.clear()
    cloud.hooks["list_systems"] = disconnect

    look(account, seconds=100)

    assert AcsSystem.objects.get().removed_at is not None
    assert cloud.names() == ["list_systems"]


def _page_by_page(
    cloud: FakeSystems, monkeypatch: pytest.MonkeyPatch, name: str, between: Callable[[], None]
) -> None:
    """Have a list come in two pages, with `between` before the second is asked for."""
    held: list[Callable[[], None]] = []

    def driver_for(account: ConnectedAccount, *, before_each: Any, **_: Any) -> FakeSystems:
        held.append(before_each)
        return cloud

    def turn_page() -> None:
        cloud.hooks.clear()
        between()
        held[0]()

    monkeypatch.setattr(passing, "driver_for", driver_for)
    cloud.hooks[name] = turn_page


def test_the_lease_is_renewed_between_the_pages_of_a_list(
    cloud: FakeSystems, account: ConnectedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passing, "_RENEW_AFTER_SECONDS", 0)
    until = []

    def note() -> None:
        until.append(SystemsWatch.objects.get().lease_until)

    _page_by_page(cloud, monkeypatch, "list_acs_users", note)
    monkeypatch.setattr(cloud, "list_credentials", lambda system_id, **_: note() or [])
    look(account, seconds=61)

    assert until[0] < until[1]


def test_somebody_is_suspended_between_the_pages_of_a_list(
    cloud: FakeSystems, account: ConnectedAccount, mara: AcsUser, boss: Actor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def suspend() -> None:
        services.suspend(mara, by=boss, at=timezone.now())

    _page_by_page(cloud, monkeypatch, "list_acs_users", suspend)
    cloud.calls.clear()
    look(account, seconds=61)

    names = cloud.names()
    assert names.index("set_suspended") == names.index("list_acs_users") + 1
    (house,) = cloud.systems.values()
    assert house.users[mara.remote_id].is_suspended


def test_nothing_more_is_asked_with_the_key_of_an_account_that_went(
    cloud: FakeSystems, account: ConnectedAccount, boss: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def disconnect() -> None:
        upkeep.disconnect(account, by=boss.who, at=timezone.now())

    _page_by_page(cloud, monkeypatch, "list_groups", disconnect)
    cloud.calls.clear()
    look(account, seconds=61)

    assert cloud.names()[-1] == "list_groups"
