"""Mobile keys as a wish: identity, key, link; each call lost, each crash between two of them."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from access.credentials import withdraw
from access.models import AcsCredential, AcsUser
from access.people import mobile, services
from access.reconciling.mobile import identity_key
from access.states import Phase
from accounts.actors import Actor
from accounts.models import ConnectedAccount
from accounts.providers.base import RefusedError as ProviderRefusedError
from accounts.providers.base import UnreachableError
from accounts.providers.systems import Identity
from audit.models import Event
from audit.words import Verb
from locks.codes.services import RefusedError
from tests.access.fakes import FakeSystems, lost
from tests.access.looking import connect, look, wish_deleted
from tests.make import actor, make_acs_user, make_system, make_user

pytestmark = pytest.mark.django_db

CALLS = ["find_identity", "create_identity", "link_identity", "create_credential"]


@pytest.fixture
def house(cloud: FakeSystems) -> Any:
    system = cloud.add_system()
    cloud.add_user(system, "Mara")
    look(connect(cloud))
    cloud.calls.clear()
    return system


@pytest.fixture
def account(house: Any) -> ConnectedAccount:
    return ConnectedAccount.objects.get()


@pytest.fixture
def mara(house: Any) -> AcsUser:
    return AcsUser.objects.get(full_name="Mara")


@pytest.fixture
def boss(mara: AcsUser) -> Actor:
    return actor(make_user(workspace=mara.system.workspace))


def _ask(user: AcsUser, boss: Actor, **options: Any) -> AcsCredential:
    made = mobile.ask_for_mobile_key(user, by=boss, at=timezone.now(), **options)
    assert made is not None
    return made


def _settle(
    account: ConnectedAccount, cloud: FakeSystems, seconds: int = 100, *, step: int = 20
) -> None:
    for _ in range(0, seconds, step):
        look(account, seconds=step)
        cloud.issue_mobile_keys()


def _key() -> AcsCredential:
    return AcsCredential.objects.get(access_method="mobile_key")


def _links(cloud: FakeSystems) -> list[str]:
    return [each.remote_id for links in cloud.links.values() for each in links]


# --- giving -------------------------------------------------------------------------------


def test_a_mobile_key_is_given_step_by_step_with_a_link_at_its_end(
    cloud: FakeSystems, house: Any, account: ConnectedAccount, mara: AcsUser, boss: Actor
) -> None:
    _ask(mara, boss)

    look(account)
    assert cloud.names() == CALLS
    assert (_key().phase, _key().is_issued, _key().instant_key_id) == ("live", False, "")
    cloud.issue_mobile_keys()
    look(account, seconds=5)

    key, (made,) = _key(), _links(cloud)
    mara.refresh_from_db()
    assert (key.is_issued, key.instant_key_id, key.next_run_at) == (True, made, None)
    assert key.unseal_instant_key() == f"https://ik.seam.co/{made[:8]}"
    assert key.instant_key_expires_at is not None
    assert mara.identity_remote_id == cloud.identities[identity_key(mara)].remote_id
    assert mara.is_identity_linked
    assert cloud.names()[4:] == ["get_credential", "create_instant_key"]


def test_the_link_is_in_no_log_and_not_readable_in_the_row(
    cloud: FakeSystems, account: ConnectedAccount, mara: AcsUser, boss: Actor
) -> None:
    _ask(mara, boss)
    _settle(account, cloud)
    url = _key().unseal_instant_key()

    assert url
    assert url not in str(list(AcsCredential.objects.values()))
    assert mobile.reveal_link(_key(), by=boss, at=timezone.now()) == url
    assert url not in str(list(Event.objects.values()))
    verbs = list(Event.objects.order_by("id").values_list("verb", flat=True))
    assert verbs[-2:] == [Verb.MOBILE_KEY_CREATED, Verb.MOBILE_KEY_REVEALED]


def test_who_is_linked_already_gets_no_other_identity(
    cloud: FakeSystems, house: Any, account: ConnectedAccount, mara: AcsUser, boss: Actor
) -> None:
    theirs = Identity(remote_id="theirs")
    cloud.identities["elsewhere"], cloud.links["theirs"] = theirs, []
    cloud.change_user(mara.remote_id, identity_id="theirs")
    look(account, seconds=61)
    cloud.calls.clear()
    mara.refresh_from_db()
    _ask(mara, boss)
    _settle(account, cloud)

    assert len(cloud.links["theirs"]) == 1
    assert "create_identity" not in cloud.names()
    assert "link_identity" not in cloud.names()


def test_a_mobile_key_waits_for_its_person(
    cloud: FakeSystems, house: Any, account: ConnectedAccount, boss: Actor
) -> None:
    system = AcsUser.objects.get().system
    jane = services.create(
        system, services.Wish(full_name="Jane"), [], key=system.pk, by=boss, at=timezone.now()
    )
    _ask(jane, boss)
    _settle(account, cloud)

    assert _key().instant_key_sealed
    assert _key().user_id == jane.pk


# --- lost answers and crashes -------------------------------------------------------------


@pytest.mark.parametrize("is_after", [True, False])
@pytest.mark.parametrize("call", [*CALLS, "create_instant_key", "get_credential"])
def test_a_lost_answer_makes_one_of_each(
    cloud: FakeSystems,
    house: Any,
    mara: AcsUser,
    boss: Actor,
    call: str,
    *,
    is_after: bool,
) -> None:
    account = mara.system.account
    _ask(mara, boss)
    cloud.fail(call, lost(), is_after=is_after)
    _settle(account, cloud)

    assert len(cloud.identities) == 1
    assert len(house.credentials) == 1
    (made,) = _links(cloud)
    key = _key()
    assert (key.phase, key.instant_key_id, key.error_code) == ("live", made, "")
    assert key.unseal_instant_key()


@pytest.mark.parametrize("call", [*CALLS, "create_instant_key"])
def test_a_refusal_is_said_and_tried_again(
    cloud: FakeSystems, account: ConnectedAccount, mara: AcsUser, boss: Actor, call: str
) -> None:
    _ask(mara, boss)
    cloud.fail(call, ProviderRefusedError("No, not like this"))
    look(account)
    cloud.issue_mobile_keys()
    look(account, seconds=5)
    said = AcsCredential.objects.filter(error__contains="No, not like this").exists()
    _settle(account, cloud)

    assert said or call != "create_instant_key"
    assert len(_links(cloud)) == 1
    assert _key().error_code == ""


class CrashError(Exception):
    """The process dies."""


@pytest.mark.parametrize("is_after", [True, False])
@pytest.mark.parametrize("call", [*CALLS, "create_instant_key"])
def test_a_crash_around_any_call_ends_with_one_of_each(
    cloud: FakeSystems,
    house: Any,
    mara: AcsUser,
    boss: Actor,
    call: str,
    *,
    is_after: bool,
) -> None:
    account = mara.system.account
    _ask(mara, boss)
    cloud.fail(call, CrashError(), is_after=is_after)
    _settle(account, cloud, 300, step=20)

    assert len(cloud.identities) == 1
    assert len(house.credentials) == 1
    assert _links(cloud) == [_key().instant_key_id]


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_clock_far_off_makes_no_second_link(
    cloud: FakeSystems, account: ConnectedAccount, mara: AcsUser, boss: Actor, minutes: int
) -> None:
    ConnectedAccount.objects.update(clock_skew_seconds=minutes * 60)
    cloud.now = lambda: timezone.now() + timedelta(minutes=minutes)
    _ask(mara, boss)
    cloud.fail("create_instant_key", lost(), is_after=True)
    _settle(account, cloud)

    assert _links(cloud) == [_key().instant_key_id]


def test_a_link_that_somebody_else_made_before_is_not_taken_for_ours(
    cloud: FakeSystems, account: ConnectedAccount, mara: AcsUser, boss: Actor
) -> None:
    _ask(mara, boss)
    _settle(account, cloud, 30)
    identity = cloud.identities[identity_key(mara)].remote_id
    (first,) = _links(cloud)
    mobile.ask_for_link(_key(), by=boss, at=timezone.now())
    other = cloud.create_instant_key(identity, budget_seconds=1, request_id="x")
    cloud.links[identity][-1] = type(other)(
        remote_id=other.remote_id, url=other.url, created_at=timezone.now() - timedelta(hours=1)
    )
    cloud.fail("create_instant_key", lost(), is_after=True)
    _settle(account, cloud)

    assert first not in _links(cloud)
    assert len(_links(cloud)) == 2
    assert _key().instant_key_id not in {first, other.remote_id, ""}


def test_an_identity_that_vanished_is_made_again(
    cloud: FakeSystems, house: Any, account: ConnectedAccount, mara: AcsUser, boss: Actor
) -> None:
    AcsUser.objects.update(identity_remote_id="gone", is_identity_linked=False)
    mara.refresh_from_db()
    _ask(mara, boss)
    _settle(account, cloud)

    assert _key().instant_key_sealed
    assert len(_links(cloud)) == 1


def test_what_was_unlinked_elsewhere_is_linked_for_the_next_key(
    cloud: FakeSystems, house: Any, account: ConnectedAccount, mara: AcsUser, boss: Actor
) -> None:
    _ask(mara, boss)
    _settle(account, cloud, 60)
    withdraw(_key(), "cancelled", by=boss, at=timezone.now())
    _settle(account, cloud, 60)
    cloud.change_user(mara.remote_id, identity_id="")
    look(account, seconds=61)
    mara.refresh_from_db()
    assert not mara.is_identity_linked
    _ask(mara, boss)
    _settle(account, cloud)

    assert len(cloud.identities) == 1
    assert [each.access_method for each in house.credentials.values()] == ["mobile_key"]


# --- taking back --------------------------------------------------------------------------


def test_a_key_that_is_taken_back_goes_first_and_its_link_with_it(
    cloud: FakeSystems, house: Any, account: ConnectedAccount, mara: AcsUser, boss: Actor
) -> None:
    _ask(mara, boss)
    _settle(account, cloud)
    cloud.calls.clear()
    assert mobile.take_back(_key(), by=boss, at=timezone.now())
    assert not mobile.take_back(_key(), by=boss, at=timezone.now())
    _settle(account, cloud, 30)

    key = _key()
    assert cloud.names()[:2] == ["delete_credential", "delete_instant_key"]
    assert (key.phase, key.instant_key_id, key.instant_key_sealed) == ("gone", "", "")
    assert (house.credentials, _links(cloud), key.next_run_at) == ({}, [], None)
    assert Event.objects.filter(verb=Verb.MOBILE_KEY_WITHDRAWN).count() == 1


@pytest.mark.parametrize("is_after", [True, False])
@pytest.mark.parametrize("call", ["delete_credential", "delete_instant_key"])
def test_a_lost_answer_leaves_neither_key_nor_link(
    cloud: FakeSystems,
    house: Any,
    mara: AcsUser,
    boss: Actor,
    call: str,
    *,
    is_after: bool,
) -> None:
    account = mara.system.account
    _ask(mara, boss)
    _settle(account, cloud)
    mobile.take_back(_key(), by=boss, at=timezone.now())
    cloud.fail(call, lost(), is_after=is_after)
    _settle(account, cloud, 180)

    assert (_key().phase, house.credentials, _links(cloud)) == ("gone", {}, [])


def test_a_key_that_is_gone_elsewhere_takes_its_link_along(
    cloud: FakeSystems, house: Any, account: ConnectedAccount, mara: AcsUser, boss: Actor
) -> None:
    _ask(mara, boss)
    _settle(account, cloud)
    house.credentials.clear()
    _settle(account, cloud, 300, step=61)

    assert (_key().phase, _key().instant_key_sealed, _links(cloud)) == ("gone", "", [])
    assert _key().next_run_at is None


def test_who_is_deleted_loses_key_and_link(
    cloud: FakeSystems, house: Any, account: ConnectedAccount, mara: AcsUser, boss: Actor
) -> None:
    _ask(mara, boss)
    _settle(account, cloud)
    mara.refresh_from_db()
    wish_deleted(mara)
    _settle(account, cloud, 300, step=61)

    assert (_key().phase, _links(cloud)) == ("gone", [])


def test_a_key_taken_back_while_its_link_is_in_doubt_leaves_no_link(
    cloud: FakeSystems, house: Any, account: ConnectedAccount, mara: AcsUser, boss: Actor
) -> None:
    _ask(mara, boss)
    look(account)
    cloud.issue_mobile_keys()
    cloud.fail("create_instant_key", lost(), is_after=True)
    look(account, seconds=5)
    assert _key().instant_key_asked_at is not None
    mobile.take_back(_key(), by=boss, at=timezone.now())
    _settle(account, cloud, 180)

    assert (_key().phase, house.credentials, _links(cloud)) == ("gone", {}, [])


def test_a_key_never_made_is_forgotten_without_a_call(
    cloud: FakeSystems, house: Any, account: ConnectedAccount, mara: AcsUser, boss: Actor
) -> None:
    mobile.take_back(_ask(mara, boss), by=boss, at=timezone.now())
    look(account)

    assert (_key().phase, cloud.names()) == ("gone", [])


def test_while_nobody_answers_no_link_is_called_gone(
    cloud: FakeSystems, account: ConnectedAccount, mara: AcsUser, boss: Actor
) -> None:
    _ask(mara, boss)
    _settle(account, cloud)
    mobile.take_back(_key(), by=boss, at=timezone.now())
    cloud.fail("*", UnreachableError("Down"), times=100)
    _settle(account, cloud, 60, step=20)
    assert (_key().phase, _key().instant_key_id != "") == ("deleting", True)

    cloud.faults.clear()
    _settle(account, cloud, 180, step=20)
    assert (_key().phase, _links(cloud)) == ("gone", [])


# --- asking -------------------------------------------------------------------------------


def test_somebody_is_given_one_key(mara: AcsUser, boss: Actor) -> None:
    key = _ask(mara, boss, max_use_count=3)

    assert (key.phase, key.wants_instant_key, key.instant_key_max_use_count) == (
        Phase.CREATING, True, 3,
    )  # fmt: skip
    assert services.ask_for_mobile_key(mara, by=boss, at=timezone.now()) is None
    assert AcsCredential.objects.count() == 1


@pytest.mark.parametrize("count", [0, -1, 51])
def test_a_link_serves_a_sensible_number_of_phones(mara: AcsUser, boss: Actor, count: int) -> None:
    with pytest.raises(RefusedError, match="1 to 50"):
        _ask(mara, boss, max_use_count=count)


def test_other_systems_give_none(mara: AcsUser, boss: Actor) -> None:
    other = make_system(
        mara.system.account, property=mara.system.property, external_type="brivo_account"
    )
    with pytest.raises(RefusedError, match="gives no mobile keys"):
        _ask(make_acs_user(other), boss)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"is_managed": False}, "not made through Seam"),
        ({"phase": "gone"}, "gone"),
        ({"delete_asked_at": timezone.now()}, "being deleted"),
    ],
)
def test_who_has_to_go_gets_none(
    mara: AcsUser, boss: Actor, change: dict[str, Any], sentence: str
) -> None:
    AcsUser.objects.update(**change)
    with pytest.raises(RefusedError, match=sentence):
        _ask(mara, boss)


def test_a_new_link_takes_the_place_of_the_old_one(
    cloud: FakeSystems, account: ConnectedAccount, mara: AcsUser, boss: Actor
) -> None:
    _ask(mara, boss)
    _settle(account, cloud)
    (old,) = _links(cloud)
    assert mobile.ask_for_link(_key(), max_use_count=2, by=boss, at=timezone.now())
    assert not mobile.ask_for_link(_key(), by=boss, at=timezone.now())
    _settle(account, cloud, 30)

    (new,) = _links(cloud)
    assert new != old
    assert (_key().instant_key_id, _key().phase) == (new, "live")
    assert cloud.counts()["create_credential"] == 1
