from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from access.cards import cards_back
from access.credentials import withdraw
from access.models import (
    AcsAccessGroup,
    AcsCredential,
    AcsEntrance,
    AcsMembership,
    AcsSystem,
    AcsUser,
    EncodeJob,
    SystemsWatch,
)
from access.models.credentials import OUT_OF_DATE
from access.people import stays
from access.people.services import ask_for_pin
from access.states import Part
from access.syncing import leftovers, members
from accounts.models import ConnectedAccount
from accounts.providers.base import RateLimitError, RefusedError, UnreachableError
from accounts.providers.systems import Mutation, Problem
from audit.models import Event
from tests.access.fakes import FakeSystems, lost
from tests.access.looking import (
    connect,
    look,
    system_of,
    wish,
    wish_deleted,
    wish_group,
)
from tests.make import actor, make_acs_user, make_credential, make_job, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(cloud: FakeSystems) -> Any:
    system = cloud.add_system()
    cloud.add_group(system, "Staff")
    cloud.add_group(system, "Spa")
    mara = cloud.add_user(system, "Mara")
    system.people_in[next(iter(system.groups))].add(mara.remote_id)
    account = connect(cloud)
    look(account)
    cloud.calls.clear()
    return system


@pytest.fixture
def account(house: Any) -> ConnectedAccount:
    return ConnectedAccount.objects.get()


@pytest.fixture
def mara(house: Any) -> AcsUser:
    return AcsUser.objects.get(full_name="Mara")


def _wished(account: ConnectedAccount, name: str = "Jane Doe", **fields: Any) -> AcsUser:
    """A user whom somebody has just asked for."""
    groups = fields.pop("groups", ())
    user = make_acs_user(
        system_of(account),
        full_name=name,
        remote_id="",
        phase="creating",
        pending=list(Part),
        **fields,
    )
    for group in groups:
        AcsMembership.objects.create(user=user, group=group, wanted_at=timezone.now())
    return wish(user)


def _group(name: str) -> AcsAccessGroup:
    return AcsAccessGroup.objects.get(name=name)


def _settle(account: ConnectedAccount, seconds: int = 60, *, step: int = 5) -> None:
    for _ in range(0, seconds, step):
        look(account, seconds=step)


def _verbs() -> list[str]:
    return list(Event.objects.order_by("id").values_list("verb", flat=True))


# --- creating -------------------------------------------------------------------------------


def test_a_wished_user_is_made_with_their_groups_and_seen(
    cloud: FakeSystems, house: Any, account: ConnectedAccount
) -> None:
    jane = _wished(account, email="jane@example.com", groups=[_group("Staff")])

    look(account)
    look(account, seconds=2)

    jane.refresh_from_db()
    assert (jane.phase, jane.pending, jane.next_run_at) == ("live", [], None)
    assert jane.remote_id in house.people_in[_group("Staff").remote_id]
    assert jane.memberships.get().is_seen
    assert cloud.names() == ["create_acs_user", "get_acs_user", "user_group_ids"]


@pytest.mark.parametrize("is_after", [True, False])
def test_a_lost_answer_makes_one_user_never_two(
    cloud: FakeSystems, house: Any, account: ConnectedAccount, *, is_after: bool
) -> None:
    jane = _wished(account, groups=[_group("Spa")])
    cloud.fail("create_acs_user", lost(), is_after=is_after)

    look(account)
    jane.refresh_from_db()
    assert jane.ambiguous_since is not None
    _settle(account)

    made = [user for user in house.users.values() if user.full_name == "Jane Doe"]
    jane.refresh_from_db()
    assert [user.remote_id for user in made] == [jane.remote_id]
    assert cloud.counts()["create_acs_user"] == (1 if is_after else 2)
    assert AcsUser.objects.filter(full_name="Jane Doe").count() == 1
    assert jane.memberships.get().is_seen
    assert jane.remote_id in house.people_in[_group("Spa").remote_id]


def _is_ahead(cloud: FakeSystems, account: ConnectedAccount, minutes: int) -> None:
    """Let the provider's clock be so far ahead of ours, and that be known of its account."""
    ahead = timedelta(minutes=minutes)
    cloud.now = lambda: timezone.now() + ahead
    ConnectedAccount.objects.filter(pk=account.pk).update(clock_skew_seconds=ahead.total_seconds())


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_clock_far_off_makes_nobody_twice(
    cloud: FakeSystems, house: Any, account: ConnectedAccount, minutes: int
) -> None:
    _is_ahead(cloud, account, minutes)
    jane = _wished(account)
    cloud.fail("create_acs_user", lost(), is_after=True)

    _settle(account)

    jane.refresh_from_db()
    made = [user for user in house.users.values() if user.full_name == "Jane Doe"]
    assert [user.remote_id for user in made] == [jane.remote_id]
    assert AcsUser.objects.filter(full_name="Jane Doe").count() == 1


@pytest.mark.parametrize("minutes", [-10, 0, 10])
def test_whoever_was_there_minutes_before_is_not_who_was_asked_for(
    cloud: FakeSystems, house: Any, account: ConnectedAccount, minutes: int
) -> None:
    _is_ahead(cloud, account, minutes)
    namesake = cloud.add_user(house, "Jane Doe", created_at=cloud.now() - timedelta(minutes=5))
    jane = _wished(account)
    cloud.fail("create_acs_user", lost(), is_after=True)

    _settle(account)

    jane.refresh_from_db()
    assert jane.remote_id in house.users
    assert jane.remote_id != namesake.remote_id


def test_nothing_is_made_again_before_a_listing_has_settled_it(
    cloud: FakeSystems, account: ConnectedAccount
) -> None:
    _wished(account)
    cloud.fail("create_acs_user", lost(), times=1)
    look(account)
    cloud.fail("list_acs_users", lost(), times=100)

    _settle(account, 300, step=30)

    assert cloud.counts()["create_acs_user"] == 1


def test_two_of_one_name_with_lost_answers_become_two(
    cloud: FakeSystems, house: Any, account: ConnectedAccount
) -> None:
    _wished(account)
    _wished(account)
    cloud.fail("create_acs_user", lost(), is_after=True, times=2)

    _settle(account)

    made = {u.remote_id for u in house.users.values() if u.full_name == "Jane Doe"}
    rows = AcsUser.objects.filter(full_name="Jane Doe")
    assert len(made) == 2
    assert {row.remote_id for row in rows} == made


def test_a_process_that_dies_before_its_call_makes_them_later(
    cloud: FakeSystems, house: Any, account: ConnectedAccount
) -> None:
    jane = _wished(account)
    cloud.fail("create_acs_user", KeyboardInterrupt())  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        look(account)

    _settle(account)

    jane.refresh_from_db()
    assert jane.remote_id in house.users


def test_somebody_else_of_the_same_name_is_not_taken_for_them(
    cloud: FakeSystems, house: Any, account: ConnectedAccount
) -> None:
    cloud.add_user(house, "Jane Doe", created_at=timezone.now() - timedelta(days=3))
    jane = _wished(account)
    cloud.fail("create_acs_user", lost())

    _settle(account)

    jane.refresh_from_db()
    assert len([u for u in house.users.values() if u.full_name == "Jane Doe"]) == 2
    assert AcsUser.objects.filter(full_name="Jane Doe").count() == 2
    assert jane.phase == "live"


def test_a_refused_email_is_said_in_words_and_once_in_the_log(
    cloud: FakeSystems, account: ConnectedAccount
) -> None:
    cloud.add_user(next(iter(cloud.systems.values())), "Tom", email="jane@example.com")
    look(account, seconds=61)
    jane = _wished(account, email="jane@example.com")

    _settle(account, 60)

    jane.refresh_from_db()
    assert jane.error_code == "duplicate_email"
    assert jane.error == "Somebody else in Harbour Annex has this e-mail address."
    assert _verbs().count("cardholder_failed") == 1
    assert 2 <= cloud.counts()["create_acs_user"] <= 4

    wish(jane, email="jane.doe@example.com")
    look(account)
    look(account, seconds=2)
    jane.refresh_from_db()
    assert (jane.phase, jane.error_code, jane.error) == ("live", "", "")


def test_a_value_that_the_provider_keeps_is_said_so(
    cloud: FakeSystems, account: ConnectedAccount, mara: AcsUser
) -> None:
    """Seam cannot empty an e-mail address or a phone number."""
    cloud.hooks["get_acs_user"] = lambda: cloud.change_user(mara.remote_id, phone="+33123456789")
    wish(mara, Part.INFORMATION, phone="")

    _settle(account, 150)

    mara.refresh_from_db()
    assert (mara.error_code, mara.pending) == ("failed_to_update", ["information"])
    assert mara.error == (
        "Harbour Annex accepted the change and still shows another name, e-mail or phone."
    )


def test_whoever_was_never_made_is_gone_without_a_call(
    cloud: FakeSystems, account: ConnectedAccount
) -> None:
    jane = _wished(account)
    wish_deleted(jane)

    look(account)

    jane.refresh_from_db()
    assert jane.phase == "gone"
    assert cloud.names() == []


def test_whoever_may_have_been_made_is_found_and_deleted(
    cloud: FakeSystems, house: Any, account: ConnectedAccount
) -> None:
    jane = _wished(account)
    cloud.fail("create_acs_user", lost(), is_after=True)
    look(account)
    wish_deleted(jane)

    _settle(account)

    jane.refresh_from_db()
    assert jane.phase == "gone"
    assert [user.full_name for user in house.users.values()] == ["Mara"]


def test_two_passes_at_once_make_one_user(
    cloud: FakeSystems, house: Any, account: ConnectedAccount
) -> None:
    _wished(account)

    def meanwhile() -> None:
        cloud.hooks.clear()
        SystemsWatch.objects.update(lease_until=None)
        look(account)

    cloud.hooks["create_acs_user"] = meanwhile
    look(account)

    assert [u.full_name for u in house.users.values()].count("Jane Doe") == 1


def test_a_group_that_is_unwished_while_they_are_made_is_taken_away(
    cloud: FakeSystems, house: Any, account: ConnectedAccount
) -> None:
    jane = _wished(account, groups=[_group("Spa")])

    def meanwhile() -> None:
        cloud.hooks.clear()
        wish_group(jane, _group("Spa"), is_wanted=False)

    cloud.hooks["create_acs_user"] = meanwhile
    _settle(account, 20)

    assert house.people_in[_group("Spa").remote_id] == set()
    assert not jane.memberships.exists()


# --- changing -------------------------------------------------------------------------------


def test_a_change_is_told_seen_and_forgotten(
    cloud: FakeSystems, house: Any, account: ConnectedAccount, mara: AcsUser
) -> None:
    ends_at = timezone.now() + timedelta(days=2)
    wish(mara, Part.INFORMATION, Part.SCHEDULE, full_name="Mara L", ends_at=ends_at)

    look(account)
    look(account, seconds=2)

    mara.refresh_from_db()
    assert (mara.pending, mara.told, mara.next_run_at) == ([], {}, None)
    assert house.users[mara.remote_id].full_name == "Mara L"
    assert cloud.names() == ["update_acs_user", "get_acs_user"]


def test_a_wish_survives_what_is_listed_meanwhile(
    cloud: FakeSystems, house: Any, account: ConnectedAccount, mara: AcsUser
) -> None:
    wish(mara, Part.INFORMATION, full_name="Mara L")
    cloud.fail("update_acs_user", RefusedError("Not now"))
    cloud.change_user(mara.remote_id, phone="+33123456789")

    look(account, seconds=61)
    mara.refresh_from_db()
    assert mara.full_name == "Mara L"
    _settle(account, 30)

    mara.refresh_from_db()
    assert mara.pending == []
    assert house.users[mara.remote_id].full_name == "Mara L"


def test_a_part_stays_pending_while_the_provider_carries_it(
    cloud: FakeSystems, account: ConnectedAccount, mara: AcsUser
) -> None:
    wish(mara, Part.SUSPENSION, is_suspended=True)
    look(account)
    moving = (Mutation(code="updating_suspension_state"),)
    cloud.change_user(mara.remote_id, mutations=moving)

    look(account, seconds=2)
    mara.refresh_from_db()
    assert mara.pending == ["suspension"]
    assert [each["code"] for each in mara.mutations] == ["updating_suspension_state"]

    cloud.change_user(mara.remote_id, mutations=())
    _settle(account, 20)
    mara.refresh_from_db()
    assert mara.pending == []


def test_groups_are_given_and_taken(
    cloud: FakeSystems, house: Any, account: ConnectedAccount, mara: AcsUser
) -> None:
    wish_group(mara, _group("Spa"))
    wish_group(mara, _group("Staff"), is_wanted=False)

    look(account)
    look(account, seconds=2)

    assert cloud.names()[:2] == ["remove_from_group", "add_to_group"]
    assert house.people_in[_group("Spa").remote_id] == {mara.remote_id}
    assert house.people_in[_group("Staff").remote_id] == set()
    assert [row.group.name for row in mara.memberships.all()] == ["Spa"]
    assert _verbs().count("cardholder_changed_outside") == 0


def test_a_membership_is_over_only_once_the_system_was_told(
    cloud: FakeSystems, account: ConnectedAccount, mara: AcsUser
) -> None:
    staff = _group("Staff")
    moving = (Mutation(code="updating_group_membership", group_id=staff.remote_id),)
    cloud.hooks["remove_from_group"] = lambda: cloud.change_user(mara.remote_id, mutations=moving)
    wish_group(mara, staff, is_wanted=False)

    _settle(account, 40)
    row = mara.memberships.get()
    assert (row.is_wanted, row.is_seen) == (False, True)

    cloud.change_user(mara.remote_id, mutations=())
    _settle(account, 40)
    assert not mara.memberships.exists()


def test_a_refused_part_holds_up_no_other(
    cloud: FakeSystems, house: Any, account: ConnectedAccount, mara: AcsUser
) -> None:
    cloud.fail("update_acs_user", RefusedError("No"), times=100)
    wish_group(mara, _group("Spa"))
    wish(mara, Part.INFORMATION, phone="+33123456789")

    look(account)

    assert house.people_in[_group("Spa").remote_id] == {mara.remote_id}


def test_a_wish_made_during_a_call_is_not_lost(
    cloud: FakeSystems, house: Any, account: ConnectedAccount, mara: AcsUser
) -> None:
    wish(mara, Part.INFORMATION, full_name="Mara One")

    def meanwhile() -> None:
        cloud.hooks.clear()
        wish(mara, Part.INFORMATION, full_name="Mara Two")

    cloud.hooks["update_acs_user"] = meanwhile
    _settle(account, 20)

    mara.refresh_from_db()
    assert (mara.full_name, mara.pending) == ("Mara Two", [])
    assert house.users[mara.remote_id].full_name == "Mara Two"


def test_an_unmanaged_user_is_never_changed(
    cloud: FakeSystems, account: ConnectedAccount, mara: AcsUser
) -> None:
    AcsUser.objects.update(is_managed=False)
    wish(mara, Part.INFORMATION, full_name="Other")

    look(account)

    assert cloud.names() == []


# --- what has to end ------------------------------------------------------------------------


def test_what_has_to_end_comes_before_everything_else(
    cloud: FakeSystems, house: Any, account: ConnectedAccount, mara: AcsUser
) -> None:
    for n in range(3):
        _wished(account, f"Guest {n}")
    wish(mara, Part.SUSPENSION, is_suspended=True)

    look(account)

    assert cloud.names()[0] == "set_suspended"
    assert cloud.counts()["create_acs_user"] == 3


def test_what_comes_up_during_a_listing_does_not_wait_for_its_end(
    cloud: FakeSystems, account: ConnectedAccount, mara: AcsUser
) -> None:
    cloud.hooks["list_encoders"] = lambda: wish(mara, Part.SUSPENSION, is_suspended=True) and None

    look(account, seconds=61)

    names = cloud.names()
    assert names.index("set_suspended") == names.index("list_encoders") + 1
    mara.refresh_from_db()
    assert mara.is_suspended


def test_a_deletion_is_proven(cloud: FakeSystems, account: ConnectedAccount, mara: AcsUser) -> None:
    wish_deleted(mara)

    look(account)
    mara.refresh_from_db()
    assert mara.phase == "deleting"
    look(account, seconds=2)

    mara.refresh_from_db()
    assert mara.phase == "gone"
    assert not mara.memberships.exists()
    assert _verbs().count("cardholder_gone") == 1


@pytest.mark.parametrize("error", [lost(), UnreachableError("away")])
def test_a_revocation_is_tried_until_the_provider_is_back(
    cloud: FakeSystems, house: Any, account: ConnectedAccount, mara: AcsUser, error: Exception
) -> None:
    wish_deleted(mara)
    cloud.fail("*", error, times=10_000)

    _settle(account, 600, step=30)
    mara.refresh_from_db()
    assert mara.phase == "deleting"
    tries = cloud.counts()["delete_acs_user"]
    assert tries >= 8
    cloud.faults.clear()
    _settle(account, 90)

    mara.refresh_from_db()
    assert mara.phase == "gone"
    assert mara.remote_id not in house.users


def test_a_suspension_is_tried_although_listing_rests(
    cloud: FakeSystems, house: Any, account: ConnectedAccount, mara: AcsUser
) -> None:
    cloud.fail("list_systems", lost(), times=10_000)
    _settle(account, 400, step=20)
    _wished(account)
    wish(mara, Part.SUSPENSION, is_suspended=True)

    look(account)

    assert house.users[mara.remote_id].is_suspended
    assert "create_acs_user" not in cloud.names()


def test_a_listing_asked_before_a_suspension_does_not_undo_it(
    cloud: FakeSystems, account: ConnectedAccount, mara: AcsUser
) -> None:
    """The listing is fetched, somebody is suspended, and only then is the listing stored."""
    cloud.hooks["list_credentials"] = lambda: (
        cloud.hooks.clear(),
        wish(mara, Part.SUSPENSION, is_suspended=True),
    )  # type: ignore[assignment]

    look(account, seconds=61)
    _settle(account, 10)

    mara.refresh_from_db()
    assert mara.is_suspended
    assert "cardholder_changed_outside" not in _verbs()


def test_a_rate_limit_during_a_wish_is_obeyed(
    cloud: FakeSystems, account: ConnectedAccount, mara: AcsUser
) -> None:
    cloud.fail("set_suspended", RateLimitError("Slow down", retry_after_seconds=40))
    wish(mara, Part.SUSPENSION, is_suspended=True)
    look(account)

    look(account)

    assert cloud.counts()["set_suspended"] == 1
    _settle(account, 60, step=20)
    assert cloud.counts()["set_suspended"] == 2


def test_a_yes_that_changes_nothing_is_told_again_later(
    cloud: FakeSystems, house: Any, account: ConnectedAccount, mara: AcsUser
) -> None:
    wish(mara, Part.SUSPENSION, is_suspended=True)
    look(account)
    cloud.change_user(mara.remote_id, is_suspended=False)

    _settle(account, 90)

    assert cloud.counts()["set_suspended"] == 2
    assert house.users[mara.remote_id].is_suspended


def test_two_who_both_have_to_go_do_not_wait_for_each_other(
    cloud: FakeSystems, house: Any, account: ConnectedAccount, mara: AcsUser
) -> None:
    cloud.add_user(house, "Tom")
    look(account, seconds=61)
    for user in AcsUser.objects.all():
        wish_deleted(user)

    look(account)
    look(account, seconds=2)

    assert [user.phase for user in AcsUser.objects.all()] == ["gone", "gone"]


# --- credentials ----------------------------------------------------------------------------


def _ask_for_pin(user: AcsUser, cloud: FakeSystems) -> None:
    """Ask for one in a Salto KS site: nothing else makes PINs."""
    for each in cloud.systems.values():
        each.listed = replace(each.listed, external_type="salto_ks_site")
    AcsSystem.objects.update(external_type="salto_ks_site")
    by = actor(make_user(workspace=user.system.workspace))
    ask_for_pin(user, by=by, at=timezone.now())


def test_a_pin_is_made_and_its_digits_are_sealed(
    cloud: FakeSystems, account: ConnectedAccount, mara: AcsUser
) -> None:
    _ask_for_pin(mara, cloud)

    look(account)

    pin = AcsCredential.objects.get()
    assert (pin.phase, pin.unseal_code(), pin.next_run_at) == ("live", "482913", None)
    assert "482913" not in str(list(Event.objects.values()))
    assert _verbs()[-1] == "pin_created"


@pytest.mark.parametrize("is_after", [True, False])
def test_a_lost_answer_makes_one_pin(
    cloud: FakeSystems, house: Any, account: ConnectedAccount, mara: AcsUser, *, is_after: bool
) -> None:
    _ask_for_pin(mara, cloud)
    cloud.fail("create_credential", lost(), is_after=is_after)

    _settle(account, 60)

    (made,) = house.credentials.values()
    pin = AcsCredential.objects.get()
    assert (pin.remote_id, pin.phase) == (made.remote_id, "live")


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_clock_far_off_makes_no_second_pin(
    cloud: FakeSystems, house: Any, account: ConnectedAccount, mara: AcsUser, minutes: int
) -> None:
    _is_ahead(cloud, account, minutes)
    _ask_for_pin(mara, cloud)
    cloud.fail("create_credential", lost(), is_after=True)

    _settle(account, 60)

    (made,) = house.credentials.values()
    assert AcsCredential.objects.get().remote_id == made.remote_id


def test_a_pin_waits_for_its_person(
    cloud: FakeSystems, house: Any, account: ConnectedAccount
) -> None:
    jane = _wished(account)
    cloud.fail("create_acs_user", RefusedError("Not yet"))
    _ask_for_pin(jane, cloud)

    _settle(account, 30)

    assert AcsCredential.objects.get().phase == "live"


def test_a_withdrawn_credential_is_deleted_first_and_proven(
    cloud: FakeSystems, house: Any, account: ConnectedAccount, mara: AcsUser
) -> None:
    cloud.add_credential(house, mara.remote_id, created_at=timezone.now() - timedelta(hours=1))
    look(account, seconds=61)
    card = AcsCredential.objects.get()
    cloud.fail("delete_credential", lost(), times=2)

    withdraw(card, "lost", by=actor(make_user(workspace=account.workspace)), at=timezone.now())
    look(account)
    card.refresh_from_db()
    assert (card.phase, card.delete_reason) == ("deleting", "lost")
    _settle(account, 60)

    card.refresh_from_db()
    assert card.phase == "gone"
    assert house.credentials == {}
    assert "card_gone" in _verbs()


def test_a_credential_that_somebody_is_making_is_not_synced_twice(
    cloud: FakeSystems, house: Any, account: ConnectedAccount, mara: AcsUser
) -> None:
    """The engine of the station has asked for a card, and its answer is not stored yet."""
    card = AcsCredential.objects.create(
        system=mara.system,
        user=mara,
        access_method="card",
        created_at=timezone.now(),
        ambiguous_since=timezone.now(),
    )
    made = cloud.add_credential(house, mara.remote_id)

    look(account, seconds=61)

    card.refresh_from_db()
    assert AcsCredential.objects.get() == card
    assert card.remote_id == made.remote_id


# --- while groups are being read ------------------------------------------------------------


def _on_call(cloud: FakeSystems, name: str, number: int, do: Any) -> None:
    """Run something while the n-th call of a name is under way."""
    count = iter(range(1, 99))
    cloud.hooks[name] = lambda: do() if next(count) == number else None


def _due(user: AcsUser) -> None:
    AcsUser.objects.filter(pk=user.pk).update(next_run_at=timezone.now())


def test_somebody_made_while_groups_are_read_is_in_all_of_theirs(
    cloud: FakeSystems, house: Any, account: ConnectedAccount
) -> None:
    """The later group's list has somebody who was not known when the reading began."""
    cloud.add_group(house, "Pool")
    look(account, seconds=61)
    groups = list(AcsAccessGroup.objects.order_by("read_at"))

    _on_call(cloud, "group_entrance_ids", 1, lambda: _wished(account, groups=groups))
    _on_call(cloud, "group_user_ids", 2, lambda: _due(AcsUser.objects.get(full_name="Jane Doe")))
    look(account, seconds=61)

    jane = AcsUser.objects.get(full_name="Jane Doe")
    assert [row.is_pending for row in jane.memberships.all()] == [False] * 3
    assert "cardholder_changed_outside" not in _verbs()


def test_a_list_against_our_last_call_is_asked_for_twice(
    cloud: FakeSystems, house: Any, account: ConnectedAccount, mara: AcsUser
) -> None:
    """The group's list lags behind: by the user's own they are in, and nothing happened."""
    spa = _group("Spa")
    wish_group(mara, spa)
    look(account)
    look(account, seconds=2)
    row = AcsMembership.objects.get(user=mara, group=spa)
    assert not row.is_pending
    in_spa = house.people_in[spa.remote_id]
    SystemsWatch.objects.update(next_listing_at=timezone.now())

    cloud.hooks["group_user_ids"] = in_spa.clear
    cloud.hooks["group_entrance_ids"] = lambda: in_spa.add(mara.remote_id)
    look(account, seconds=2)

    row.refresh_from_db()
    assert (row.is_wanted, row.is_seen) == (True, True)
    assert "cardholder_changed_outside" not in _verbs()

    cloud.hooks.clear()
    in_spa.clear()
    SystemsWatch.objects.update(next_listing_at=timezone.now())
    look(account, seconds=2)
    assert not AcsMembership.objects.filter(pk=row.pk).exists()
    assert _verbs()[-1] == "cardholder_changed_outside"


def test_a_list_asked_before_somebody_left_does_not_bring_them_back(
    cloud: FakeSystems, house: Any, account: ConnectedAccount, mara: AcsUser
) -> None:
    """The row of a membership that is over is gone, and cannot say when it was told."""
    staff, asked_at = _group("Staff"), timezone.now()
    wish_group(mara, staff, is_wanted=False)
    look(account)
    _due(mara)
    look(account)
    assert not AcsMembership.objects.filter(user=mara).exists()
    listed: Any = {"remote_ids": [mara.remote_id], "user_ids": {mara.remote_id: mara.pk}}

    stale = members.take_people(staff, **listed, asked_at=asked_at)
    lagging = members.take_people(staff, **listed, asked_at=timezone.now())

    assert (stale.doubtful, lagging.doubtful) == ((), (mara.pk,))
    assert not AcsMembership.objects.filter(user=mara).exists()
    assert "cardholder_changed_outside" not in _verbs()


# --- cards that carry their rights ----------------------------------------------------------


@pytest.fixture
def card(cloud: FakeSystems, house: Any, account: ConnectedAccount, mara: AcsUser) -> AcsCredential:
    """Mara's card, written for the office."""
    office = cloud.add_entrance(house, "Office")
    house.opens[_group("Staff").remote_id] = {office.remote_id}
    cloud.add_entrance(house, "Pool")
    cloud.add_credential(
        house,
        mara.remote_id,
        is_issued=True,
        issued_at=timezone.now() - timedelta(hours=2),
        card_number="0411223344A1F2",
    )
    look(account, seconds=61)
    return AcsCredential.objects.get()


def test_a_card_is_out_of_date_from_the_moment_its_rights_are_changed(
    cloud: FakeSystems,
    house: Any,
    account: ConnectedAccount,
    mara: AcsUser,
    card: AcsCredential,
) -> None:
    assert not card.needs_to_be_reissued
    wish_group(mara, _group("Spa"))
    look(account)
    card.refresh_from_db()
    assert card.needs_to_be_reissued
    assert AcsCredential.objects.filter(OUT_OF_DATE).exists()
    warning = Problem(code="needs_to_be_reissued", message="")
    house.credentials[card.remote_id] = replace(
        house.credentials[card.remote_id], warnings=(warning,)
    )

    look(account, seconds=2)
    look(account, seconds=2)

    card.refresh_from_db()
    assert cloud.counts()["get_credential"] == 1
    assert (card.rights_changed_at, card.needs_to_be_reissued) == (None, True)
    assert card.next_run_at is None


def test_a_change_that_the_card_need_not_know_leaves_it_as_it_was(
    account: ConnectedAccount, mara: AcsUser, card: AcsCredential
) -> None:
    wish_group(mara, _group("Spa"))
    for _ in range(3):
        look(account, seconds=2)
    card.refresh_from_db()
    assert not card.needs_to_be_reissued

    wish(mara, Part.INFORMATION, full_name="Mara L")
    look(account)
    card.refresh_from_db()
    assert not card.needs_to_be_reissued


def test_what_a_card_was_written_for_is_kept_when_its_rights_change(
    account: ConnectedAccount, mara: AcsUser, card: AcsCredential
) -> None:
    staff, spa = _group("Staff"), _group("Spa")
    spa.entrances.set(AcsEntrance.objects.filter(name="Pool"))
    wish_group(mara, staff, is_wanted=False)
    wish_group(mara, spa)
    for _ in range(3):
        look(account, seconds=2)

    card = AcsCredential.objects.select_related("system", "user").get()
    assert card.written_doors == [str(AcsEntrance.objects.get(name="Office").pk)]
    report = cards_back.consequences(card)
    assert report.offline_doors == ("Office", "Pool")
    assert any("written for" in each for each in report.sentences)


def _ends(at: datetime | None) -> dict[str, str | None]:
    return {"starts_at": None, "ends_at": at.isoformat() if at else None}


def test_the_end_a_card_was_written_with_is_kept_when_ours_is_told(
    house: Any, account: ConnectedAccount, mara: AcsUser, card: AcsCredential
) -> None:
    day = timezone.now().replace(microsecond=0) + timedelta(days=1)
    wish(mara, Part.SCHEDULE, ends_at=day)
    look(account, seconds=2)
    seen = house.credentials[card.remote_id]
    warning = Problem(code="needs_to_be_reissued")
    house.credentials[card.remote_id] = replace(seen, warnings=(warning,))
    for _ in range(2):
        look(account, seconds=2)
    wish(mara, Part.SCHEDULE, ends_at=day + timedelta(days=1))
    for _ in range(3):
        look(account, seconds=2)

    card = AcsCredential.objects.select_related("user").get()
    assert card.written_schedule == _ends(None)
    assert stays.old_end(card) == stays.OldEnd(None, is_later=True)


@pytest.mark.parametrize("by_listing", [True, False])
def test_the_end_a_card_was_written_with_is_kept_when_somebody_else_changes_it(
    house: Any, account: ConnectedAccount, mara: AcsUser, card: AcsCredential, by_listing: bool
) -> None:
    ends_at = timezone.now() + timedelta(days=1)
    house.users[mara.remote_id] = replace(house.users[mara.remote_id], ends_at=ends_at)
    house.credentials[card.remote_id] = replace(
        house.credentials[card.remote_id], warnings=(Problem(code="needs_to_be_reissued"),)
    )
    if not by_listing:
        AcsUser.objects.filter(pk=mara.pk).update(next_run_at=timezone.now())
        look(account, seconds=2)
    look(account, seconds=61)

    card = AcsCredential.objects.select_related("user").get()
    assert card.written_schedule == _ends(None)
    assert stays.old_end(card) == stays.OldEnd(None, is_later=True)


def test_a_card_that_is_written_again_carries_the_rights_of_now(
    house: Any, account: ConnectedAccount, mara: AcsUser, card: AcsCredential
) -> None:
    seen = house.credentials[card.remote_id]
    house.credentials[card.remote_id] = replace(seen, issued_at=timezone.now())

    look(account, seconds=61)

    card.refresh_from_db()
    assert card.written_doors == [str(AcsEntrance.objects.get(name="Office").pk)]


@pytest.mark.parametrize(
    ("intent", "sibling", "hours", "phase"),
    [
        ("first", True, 0.5, "deleting"),
        ("first", False, 0.5, "live"),
        ("first", False, 2, "deleting"),
        ("update", True, 2, "live"),
    ],
)
def test_what_a_failed_try_left_is_taken_back(
    mara: AcsUser, *, intent: str, sibling: bool, hours: float, phase: str
) -> None:
    made_at = timezone.now() - timedelta(hours=hours)
    left = make_credential(
        mara, is_issued=False, issued_at=None, card_number="", card_state="", created_at=made_at
    )
    job = make_job(mara, credential=left, intent=intent, state="unknown")
    if sibling:
        make_credential(mara, issued_at=made_at + timedelta(minutes=1))
    system = AcsSystem.objects.get()

    assert not leftovers.withdraw(system, timezone.now())
    EncodeJob.objects.filter(pk=job.pk).update(state="failed")
    leftovers.withdraw(system, timezone.now())

    left.refresh_from_db()
    assert left.phase == phase
