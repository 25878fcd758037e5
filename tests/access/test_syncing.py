from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from access import syncing, waking
from access.models import (
    AcsAccessGroup,
    AcsCredential,
    AcsEncoder,
    AcsEntrance,
    AcsMembership,
    AcsSystem,
    AcsUser,
    EncodeJob,
    SystemsWatch,
)
from access.states import Phase
from access.syncing import listing
from accounts import upkeep
from accounts.models import Role, Trouble
from accounts.providers.base import AuthError, RateLimitError, RefusedError
from accounts.providers.systems import Problem
from audit.models import Event
from audit.presenting import PRESENTERS
from audit.who import Who
from audit.words import Verb
from tests.access.fakes import FakeSystems, lost
from tests.access.looking import age, connect, look, system_of
from tests.make import client_of, make_account, make_encoder, make_job, make_user

pytestmark = pytest.mark.django_db


def _harbour(cloud: FakeSystems) -> Any:
    system = cloud.add_system()
    office = cloud.add_entrance(system, "Office", is_online=True)
    kitchen = cloud.add_entrance(system, "Kitchen")
    cloud.add_encoder(system)
    staff = cloud.add_group(system, "Staff", (office.remote_id, kitchen.remote_id))
    mara = cloud.add_user(system, "Mara Lindqvist", email="mara@example.com")
    system.people_in[staff.remote_id].add(mara.remote_id)
    cloud.add_credential(
        system,
        mara.remote_id,
        is_issued=True,
        card_number="0411223344A1F2",
    )
    return system


def _events(verb: str) -> list[Event]:
    return list(Event.objects.filter(verb=verb).order_by("id"))


def test_what_is_done_between_its_calls_is_no_share_of_a_listing(
    cloud: FakeSystems, monkeypatch: pytest.MonkeyPatch
) -> None:
    _harbour(cloud)
    account = connect(cloud)
    now = [0.0]
    monkeypatch.setattr("access.syncing.listing.time.monotonic", lambda: now[0])
    SystemsWatch.objects.create(account=account)

    for _ in listing.look(account, cloud, lambda: None):
        now[0] += 100

    assert SystemsWatch.objects.get().listing_seconds == 0


def test_the_first_pass_finds_everything(cloud: FakeSystems) -> None:
    _harbour(cloud)
    account = connect(cloud)

    look(account)

    system = system_of(account)
    mara = AcsUser.objects.get()
    assert system.property == account.sites.get().property
    assert (mara.full_name, mara.email, mara.phase) == (
        "Mara Lindqvist",
        "mara@example.com",
        "live",
    )
    (group,) = system.groups.all()
    assert [each.name for each in group.entrances.order_by("name")] == ["Kitchen", "Office"]
    membership = AcsMembership.objects.get()
    assert (membership.user, membership.is_wanted, membership.is_seen) == (mara, True, True)
    card = AcsCredential.objects.get()
    assert (card.user, card.is_issued, card.last_four) == (mara, True, "A1F2")
    (found,) = _events("system_found")
    assert found.detail["counts"] == {
        "encoders": 1,
        "groups": 1,
        "entrances": 2,
        "users": 1,
        "credentials": 1,
    }
    assert _events("cardholder_changed_outside") == []


def test_the_first_pass_makes_no_call_twice(cloud: FakeSystems) -> None:
    _harbour(cloud)

    look(connect(cloud))

    assert cloud.names() == [
        "list_systems",
        "list_encoders",
        "list_groups",
        "list_entrances",
        "list_acs_users",
        "list_credentials",
        "group_user_ids",
        "group_entrance_ids",
    ]


def test_a_quiet_minute_asks_nothing_and_the_next_one_writes_nothing(cloud: FakeSystems) -> None:
    _harbour(cloud)
    account = connect(cloud)
    look(account)
    cloud.calls.clear()

    look(account, seconds=30)
    assert cloud.names() == []

    before = list(AcsUser.objects.values())
    look(account, seconds=31)

    assert cloud.names()[0] == "list_systems"
    after = list(AcsUser.objects.values())
    assert after == before


@pytest.mark.parametrize("count", [3, 30])
def test_a_listing_takes_as_many_queries_for_few_as_for_many(
    cloud: FakeSystems, count: int
) -> None:
    system = cloud.add_system()
    for n in range(count):
        user = cloud.add_user(system, f"Person {n}")
        cloud.add_credential(system, user.remote_id, created_at=user.created_at - timedelta(1))
        cloud.add_entrance(system, f"Door {n}")
    account = connect(cloud)

    with CaptureQueriesContext(connection) as queries:
        look(account)
    assert len(queries) == 79

    for user_id in list(system.users):
        cloud.change_user(user_id, external_number="7", is_subscribed=True)
    age(timedelta(seconds=61))
    with CaptureQueriesContext(connection) as queries:
        look(account)
    assert len(queries) == 70
    assert AcsUser.objects.filter(external_number="7").count() == count


def test_an_empty_listing_is_believed_the_third_time(cloud: FakeSystems) -> None:
    system = _harbour(cloud)
    account = connect(cloud)
    look(account)
    system.users.clear()
    system.credentials.clear()

    for _ in range(2):
        look(account, seconds=61)
        assert AcsUser.objects.get().missing_listings == 0
    for _ in range(2):
        look(account, seconds=61)

    assert AcsUser.objects.get().phase == "gone"
    assert AcsCredential.objects.get().phase == "gone"
    assert [event.detail["after"] for event in _events("cardholder_changed_outside")] == ["deleted"]


def test_whoever_is_gone_and_comes_back_is_the_same_person(cloud: FakeSystems) -> None:
    system = _harbour(cloud)
    for n in range(5):
        cloud.add_user(system, f"Person {n}")
    account = connect(cloud)
    look(account)
    mara = AcsUser.objects.get(full_name="Mara Lindqvist")
    gone = system.users.pop(mara.remote_id)
    look(account, seconds=61)
    look(account, seconds=61)
    assert AcsUser.objects.get(pk=mara.pk).phase == "gone"

    system.users[mara.remote_id] = gone
    look(account, seconds=61)

    assert AcsUser.objects.get(full_name="Mara Lindqvist").phase == "live"


def test_things_go_after_two_listings_without_them(cloud: FakeSystems) -> None:
    system = _harbour(cloud)
    lost_door = cloud.add_entrance(system, "Old door")
    lost_encoder = cloud.add_encoder(system, "Back office")
    account = connect(cloud)
    look(account)
    del system.entrances[lost_door.remote_id]
    del system.encoders[lost_encoder.remote_id]

    look(account, seconds=61)
    assert AcsEntrance.objects.get(name="Old door").removed_at is None
    look(account, seconds=61)

    assert AcsEntrance.objects.get(name="Old door").removed_at is not None
    assert AcsEncoder.objects.get(name="Back office").removed_at is not None
    assert AcsEntrance.objects.filter(removed_at=None).count() == 2


def test_what_people_know_of_an_entrance_stays(cloud: FakeSystems) -> None:
    system = _harbour(cloud)
    account = connect(cloud)
    look(account)
    AcsEntrance.objects.filter(name="Office").update(is_wired=True)
    for remote_id, door in list(system.entrances.items()):
        system.entrances[remote_id] = type(door)(remote_id=remote_id, name=f"{door.name} 2")

    look(account, seconds=61)

    assert AcsEntrance.objects.get(name="Office 2").is_wired is True


def test_a_bridge_that_is_lost_is_said_once_and_so_is_its_return(cloud: FakeSystems) -> None:
    system = _harbour(cloud)
    account = connect(cloud)
    look(account)
    well = system.listed
    errors = (Problem(code="seam_bridge_disconnected"), Problem(code="bridge_disconnected"))
    system.listed = type(well)(
        remote_id=well.remote_id, name=well.name, external_type=well.external_type, errors=errors
    )

    look(account, seconds=61)
    look(account, seconds=61)
    row = system_of(account)
    assert row.is_bridge_down
    assert row.trouble_since is not None
    system.listed = well
    look(account, seconds=61)

    assert system_of(account).trouble_since is None
    told = [event.detail["after"] for event in _events("system_health_changed")]
    assert told == ["lost its Seam Bridge", "is well again"]


def test_a_change_elsewhere_is_taken_over_and_told_once(cloud: FakeSystems) -> None:
    system = _harbour(cloud)
    account = connect(cloud)
    look(account)
    (user_id,) = system.users
    cloud.change_user(user_id, full_name="Mara Achebe", is_suspended=True)

    look(account, seconds=61)
    look(account, seconds=61)

    mara = AcsUser.objects.get()
    assert (mara.full_name, mara.is_suspended, mara.pending) == ("Mara Achebe", True, [])
    (event,) = _events("cardholder_changed_outside")
    assert event.detail["after"] == "name, e-mail or phone, suspension"


def test_a_person_put_into_a_group_elsewhere_is_told(cloud: FakeSystems) -> None:
    system = _harbour(cloud)
    account = connect(cloud)
    look(account)
    (group_id,) = system.people_in
    tom = cloud.add_user(system, "Tom Achebe")
    system.people_in[group_id].add(tom.remote_id)

    look(account, seconds=61)

    row = AcsMembership.objects.get(user__full_name="Tom Achebe")
    assert (row.is_wanted, row.is_seen) == (True, True)
    assert [e.subject for e in _events("cardholder_changed_outside")] == ["Tom Achebe"]


def test_a_failing_listing_is_the_accounts_trouble_and_changes_no_row(cloud: FakeSystems) -> None:
    _harbour(cloud)
    account = connect(cloud)
    look(account)
    cloud.fail("list_acs_users", lost(), times=5)

    for _ in range(5):
        look(account, seconds=61)

    assert Trouble.objects.get(operation="systems").failures_in_a_row == 5
    account.refresh_from_db()
    assert account.state == "degraded"
    look(account, seconds=700)
    account.refresh_from_db()
    assert account.state == "connected"
    assert not Trouble.objects.filter(operation="systems").exists()


def test_one_system_that_is_closed_to_us_hides_no_other(cloud: FakeSystems) -> None:
    cloud.add_system("A closed one")
    _harbour(cloud)
    cloud.fail("list_encoders", RefusedError("Not for you", status=403))
    account = connect(cloud)

    look(account)

    assert AcsUser.objects.get().system.name == "Harbour Annex"


def test_a_rate_limit_is_obeyed(cloud: FakeSystems) -> None:
    _harbour(cloud)
    cloud.fail("list_systems", RateLimitError("Too many", retry_after_seconds=90))
    account = connect(cloud)

    look(account)
    cloud.calls.clear()
    look(account)

    assert cloud.names() == []
    watch = SystemsWatch.objects.get(account=account)
    assert watch.next_at is not None
    assert watch.next_at > timezone.now() + timedelta(seconds=60)


def test_a_refused_sign_in_stops_everything(cloud: FakeSystems) -> None:
    _harbour(cloud)
    cloud.fail("list_systems", AuthError("No"))
    account = connect(cloud)

    look(account)
    cloud.calls.clear()
    look(account, seconds=1000)
    assert cloud.names() == []

    account.refresh_from_db()
    assert account.state == "reconnect_required"


def test_every_account_that_may_have_systems_is_found_and_queued_once(
    cloud: FakeSystems, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = connect(cloud)
    make_account(account.workspace, provider="salto_ks")
    make_account(account.workspace, provider="seam", state="reconnect_required")
    sent: list[str] = []
    monkeypatch.setattr(
        syncing.claiming.live,
        "send",
        lambda *_, account_id, **__: bool(sent.append(account_id)) or True,
    )

    assert [syncing.queue_due(), syncing.queue_due()] == [1, 0]
    assert sent == [str(account.pk)]


def test_two_passes_do_not_run_at_once(cloud: FakeSystems) -> None:
    _harbour(cloud)
    account = connect(cloud)
    calls: list[int] = []

    def meanwhile() -> None:
        cloud.hooks.clear()
        before = len(cloud.calls)
        syncing.run(account.pk)
        calls.append(len(cloud.calls) - before)

    cloud.hooks["list_acs_users"] = meanwhile
    look(account)

    assert calls == [0]
    assert AcsUser.objects.count() == 1


def test_a_hint_brings_the_next_listing_forward_but_never_in_a_row(cloud: FakeSystems) -> None:
    _harbour(cloud)
    account = connect(cloud)
    look(account)
    listed_at = SystemsWatch.objects.get().listed_at
    assert listed_at is not None

    for _ in range(3):
        waking.wake_account(account.pk, at=timezone.now())
    assert SystemsWatch.objects.get().next_listing_at == listed_at + timedelta(seconds=10)

    cloud.calls.clear()
    look(account, seconds=11)
    assert "list_acs_users" in cloud.names()


def test_a_disconnected_account_takes_its_systems_along(cloud: FakeSystems) -> None:
    _harbour(cloud)
    account = connect(cloud)
    look(account)
    system = system_of(account)
    job = make_job(AcsUser.objects.get(), make_encoder(system), holds_encoder=True)
    begun = make_job(None, make_encoder(system), kind="scan", state="waiting", holds_encoder=True)

    upkeep.disconnect(account, by=Who(kind="user", name="Ana"), at=timezone.now())

    assert AcsSystem.objects.get().removed_at is not None
    told = dict(EncodeJob.objects.values_list("pk", "state"))
    assert told == {job.pk: "blocked", begun.pk: "failed"}
    assert not EncodeJob.objects.filter(holds_encoder=True).exists()


def test_a_card_number_or_pin_is_in_no_log(
    cloud: FakeSystems, caplog: pytest.LogCaptureFixture
) -> None:
    system = _harbour(cloud)
    (user_id,) = system.users
    cloud.add_credential(
        system, user_id, "code", code="482913", created_at=timezone.now() - timedelta(days=1)
    )

    look(connect(cloud))

    pin = AcsCredential.objects.get(access_method="code")
    assert pin.unseal_code() == "482913"
    assert "482913" not in pin.code_sealed
    everything = caplog.text + str(list(Event.objects.values()))
    assert "482913" not in everything
    assert "0411223344A1F2" not in everything


def test_the_digits_of_a_pin_go_with_it(cloud: FakeSystems) -> None:
    system = _harbour(cloud)
    (user_id,) = system.users
    cloud.add_credential(
        system, user_id, "code", code="482913", created_at=timezone.now() - timedelta(days=1)
    )
    account = connect(cloud)
    look(account)
    pins = AcsCredential.objects.filter(access_method="code")
    assert pins.get().code_sealed

    del system.credentials[pins.get().remote_id]
    look(account, seconds=120)
    look(account, seconds=120)

    pin = pins.get()
    assert (pin.phase, pin.code_sealed) == (Phase.GONE, "")


@pytest.mark.parametrize("is_going", [False, True])
def test_a_card_taken_from_somebody_at_the_provider_is_nobodys(
    cloud: FakeSystems, is_going: bool
) -> None:
    system = _harbour(cloud)
    (card,) = system.credentials.values()
    account = connect(cloud)
    look(account)
    if is_going:
        at = timezone.now()
        AcsUser.objects.update(
            phase="deleting", delete_asked_at=at, next_run_at=at + timedelta(hours=1)
        )

    system.credentials[card.remote_id] = replace(card, user_id="")
    look(account, seconds=120)

    assert (AcsCredential.objects.get().user is not None) == is_going


def test_what_is_told_of_many_people_at_once_is_one_line(cloud: FakeSystems) -> None:
    system = _harbour(cloud)
    for number in range(30):
        cloud.add_user(system, f"Guest {number}")
    account = connect(cloud)
    look(account)
    told = (Problem(code="salto_ks_subscription_limit_exceeded", message="No seats."),)
    for remote_id, user in list(system.users.items()):
        system.users[remote_id] = replace(user, errors=told)

    look(account, seconds=120)

    (line,) = Event.objects.filter(verb=Verb.CARDHOLDER_FAILED)
    sentence = PRESENTERS[line.verb][0](line)
    assert sentence == f"31 people are not at {system_of(account).name} as wished: No seats."


@pytest.mark.parametrize("page", ["groups", "people"])
def test_groups_that_somebody_looks_at_are_read_before_others(
    cloud: FakeSystems, page: str
) -> None:
    there = cloud.add_system()
    groups = [
        cloud.add_group(there, f"Group {n:02}") for n in range(listing.GROUPS_IN_ROTATION * 3)
    ]
    last = groups[-1].remote_id
    mara, tom = (cloud.add_user(there, name) for name in ("Mara", "Tom"))
    there.people_in[last].add(mara.remote_id)
    account = connect(cloud)
    look(account)
    there.people_in[last] = {tom.remote_id}
    AcsAccessGroup.objects.filter(remote_id=last).update(read_at=timezone.now())
    seen = AcsAccessGroup.objects.get(remote_id=last)
    shown = {"groups": seen.pk, "people": AcsUser.objects.get(full_name="Mara").pk}
    cloud.calls.clear()

    look(account, seconds=61)
    assert list(seen.memberships.values_list("user__full_name", flat=True)) == ["Mara"]

    auditor = client_of(make_user(Role.AUDITOR, workspace=account.workspace))
    assert auditor.get(f"/access/{page}/{shown[page]}/").status_code == 200
    look(account, seconds=61)

    assert list(seen.memberships.values_list("user__full_name", flat=True)) == ["Tom"]
    assert cloud.counts()["group_user_ids"] == 2 * listing.GROUPS_IN_ROTATION
    seen.refresh_from_db()
    assert seen.news_wanted_at is None


def test_looking_at_many_groups_keeps_no_other_from_its_turn(cloud: FakeSystems) -> None:
    there = cloud.add_system()
    for n in range(listing.GROUPS_IN_ROTATION * 3):
        cloud.add_group(there, f"Group {n:02}")
    account = connect(cloud)
    look(account)
    looked_at = set(
        AcsAccessGroup.objects.order_by("-read_at", "pk").values_list("pk", flat=True)[:10]
    )
    asleep = AcsAccessGroup.objects.exclude(pk__in=looked_at)
    before = timezone.now()

    for _ in range(4):
        waking.want_news(looked_at, at=timezone.now())
        look(account, seconds=61)

    assert not asleep.filter(read_at__lt=before - timedelta(seconds=4 * 61)).exists()
