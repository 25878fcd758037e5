"""Older knowledge never overwrites newer, and a bad minute makes nothing disappear."""

from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Hub, Space
from accounts.providers.base import Hub as RemoteHub
from accounts.providers.base import LockState as Remote
from accounts.providers.base import LockTrouble
from audit.models import Event
from audit.words import Verb
from locks import observing
from locks.models import Device
from tests.locks.fakes import snapshot
from tests.make import make_device, make_site

pytestmark = pytest.mark.django_db


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@pytest.fixture
def device() -> Device:
    return make_device(remote_id="lock-1", is_online=True)


def look(device: Device, **fields: Any) -> bool:
    """Take one look at the door, and read back what is known."""
    changed = observing.take_snapshot(device, snapshot(**fields), device.hub, at=timezone.now())
    device.refresh_from_db()
    return changed


def said(device: Device) -> tuple[str, str]:
    return device.state, device.state_evidence


def listed(device_or_site: Any, *snapshots: Any) -> bool:
    site = getattr(device_or_site, "site", device_or_site)
    site.refresh_from_db()
    return observing.take_listing(site, list(snapshots), at=timezone.now())


def verbs() -> list[str]:
    return list(Event.objects.order_by("id").values_list("verb", flat=True))


# --- one look ------------------------------------------------------------------------------------


def test_a_look_moves_the_state(device: Device) -> None:
    now = timezone.now()

    assert look(device, state=Remote.UNLOCKED, observed_at=now)

    assert said(device) == ("unlocked", "poll")
    assert device.state_at == now


def test_a_look_that_began_before_the_latest_news_changes_nothing(device: Device) -> None:
    Device.objects.update(state="unlocked", state_evidence="event", state_at=timezone.now())
    device.refresh_from_db()

    assert not look(device, state=Remote.LOCKED, observed_at=timezone.now() - seconds(5))

    assert said(device) == ("unlocked", "event")


def release(device: Device, **fields: Any) -> None:
    now = timezone.now()
    defaults = {
        "state": "unlocked",
        "state_evidence": "assumed",
        "state_at": now,
        "released_until": now + seconds(7),
    }
    Device.objects.filter(pk=device.pk).update(**defaults | fields)
    device.refresh_from_db()


def test_a_lock_that_reads_locked_while_it_is_released_is_not_believed(device: Device) -> None:
    release(device)

    assert not look(device, state=Remote.LOCKED, observed_at=timezone.now() + seconds(1))

    assert said(device) == ("unlocked", "assumed")


def test_a_look_that_sees_it_open_confirms_and_the_countdown_goes_on(device: Device) -> None:
    release(device)
    until = device.released_until

    assert look(device, state=Remote.UNLOCKED, observed_at=timezone.now() + seconds(1))

    assert said(device) == ("unlocked", "poll")
    assert device.released_until == until


def test_after_the_release_a_look_is_believed_again(device: Device) -> None:
    release(device)

    look(device, state=Remote.LOCKED, observed_at=timezone.now() + seconds(8))

    assert said(device) == ("locked", "poll")


def test_sks_11_office_mode_that_begins_during_a_release_stops_the_countdown(
    device: Device,
) -> None:
    release(device)

    look(device, state=Remote.UNLOCKED, office_mode=True, observed_at=timezone.now() + seconds(1))

    assert (device.office_mode, device.released_until) == (True, None)


def test_act_15_an_assumed_lock_is_confirmed_by_a_look(device: Device) -> None:
    Device.objects.update(state_evidence="assumed")
    device.refresh_from_db()

    assert look(device)

    assert said(device) == ("locked", "poll")


def test_an_unchanged_door_is_not_written(device: Device, django_assert_num_queries: Any) -> None:
    look(device)
    before = device.revision

    with django_assert_num_queries(0):
        changed = observing.take_snapshot(device, snapshot(), None, at=timezone.now())

    device.refresh_from_db()
    assert (changed, device.revision) == (False, before)


def test_a_battery_keeps_its_last_value_while_nobody_tells_another(device: Device) -> None:
    seen_at = timezone.now()
    look(device, battery_percent=40, observed_at=seen_at)
    look(device, battery_percent=None)

    assert (device.battery_percent, device.battery_at) == (40, seen_at)


OFFLINE = {"is_online": False, "state": Remote.UNKNOWN}


def test_a_door_that_one_look_finds_offline_is_in_doubt_and_looked_at_again(
    device: Device,
) -> None:
    seen_at = timezone.now()
    look(device, observed_at=seen_at, **OFFLINE)

    assert (device.is_online, device.state, device.unheard_since) == (True, "locked", seen_at)
    assert device.next_poll_at is not None


def test_a_door_that_is_offline_twice_in_a_row_is_offline_since_the_first_time(
    device: Device,
) -> None:
    seen_at = timezone.now()
    for later in (0, 5, 10):
        look(device, observed_at=seen_at + seconds(later), **OFFLINE)

    assert (device.is_online, device.online_since) == (False, seen_at)
    assert (device.state, device.unheard_since) == ("unknown", None)


def test_a_door_that_flaps_is_never_shown_offline_and_one_that_is_back_is_so_at_once(
    device: Device,
) -> None:
    for _ in range(3):
        look(device, **OFFLINE)
        look(device)
        assert (device.is_online, device.state, device.unheard_since) == (True, "locked", None)
    look(device, **OFFLINE)
    look(device, **OFFLINE)

    look(device)

    assert (device.is_online, device.state) == (True, "locked")


def test_the_doors_of_a_hub_that_is_away_wait_for_the_next_listing(device: Device) -> None:
    device.hub = Hub.objects.create(site=device.site, remote_id="iq", name="IQ", is_online=False)

    look(device, **OFFLINE)

    assert (device.unheard_since is not None, device.next_poll_at) == (True, None)


def test_a_look_does_not_undo_what_a_command_did_after_the_door_was_read(device: Device) -> None:
    read_before = Device.objects.get()
    release(device)

    observing.take_snapshot(
        read_before,
        snapshot(state=Remote.UNKNOWN, battery_percent=40),
        None,
        at=timezone.now(),
    )

    device.refresh_from_db()
    assert said(device) == ("unlocked", "assumed")
    assert device.battery_percent == 40


def test_what_a_provider_says_is_wrong_comes_and_goes(device: Device) -> None:
    trouble = LockTrouble(code="subscription_required", text="Pay.", hinders_opening=True)

    assert look(device, troubles=(trouble,))
    assert device.troubles == [asdict(trouble)]
    assert look(device)
    assert device.troubles == []


def test_a_new_door_comes_with_what_is_wrong_with_it(device: Device) -> None:
    trouble = LockTrouble(code="time_zone_unknown", text="Its time zone is not known.")

    listed(device, snapshot(), snapshot("lock-2", troubles=(trouble,)))

    assert Device.objects.get(remote_id="lock-2").troubles == [asdict(trouble)]


def test_a_look_answers_the_wish_for_one(device: Device) -> None:
    Device.objects.update(next_poll_at=timezone.now() - seconds(1))
    device.refresh_from_db()

    look(device)

    assert device.next_poll_at is None


def test_a_door_goes_on_to_the_boards_with_a_higher_revision(device: Device) -> None:
    before = device.revision

    look(device, name="Room 205")

    assert device.revision > before


# --- a listing -----------------------------------------------------------------------------------


def test_a_new_lock_becomes_a_door_of_the_site_s_property(device: Device) -> None:
    assert listed(device, snapshot("lock-1"), snapshot("lock-2", name="Sauna", floor="1"))

    door = Device.objects.get(remote_id="lock-2")
    assert (door.name, door.property, door.site) == ("Sauna", device.property, device.site)
    assert (door.space.name, door.space.parent) == ("Floor 1", device.property)
    assert door.workspace_id == device.workspace_id
    assert verbs() == ["door_added"]


def test_the_doors_of_a_new_site_are_one_line_of_the_log_and_later_ones_their_own() -> None:
    site = make_site(name="Mill Lane")
    locks = [snapshot(f"lock-{n}", name=f"Room {n:02}") for n in range(22)]

    listed(site, *locks)
    listed(site, *locks, snapshot("lock-late", name="Sauna"))

    first, later = Event.objects.order_by("id")
    assert (first.verb, first.property_id) == (Verb.DOORS_FOUND, site.property_id)
    assert first.subject == "Mill Lane"
    assert first.detail["count"] == 22
    assert first.detail["doors"].startswith("Room 00, Room 01, ")
    assert first.detail["doors"].endswith("Room 19 and 2 more")
    assert (later.verb, later.device_name) == (Verb.DOOR_ADDED, "Sauna")


def test_a_floor_is_made_once(device: Device) -> None:
    listed(
        device, snapshot("a", floor="1"), snapshot("b", floor=" 1 "), snapshot("c", floor="Attic")
    )

    floors = Space.objects.filter(kind="floor").order_by("name")
    assert list(floors.values_list("name", flat=True)) == ["Attic", "Floor 1"]


def test_a_lock_listed_twice_is_one_door(device: Device) -> None:
    listed(device, snapshot("lock-1"), snapshot("lock-2"), snapshot("lock-2", name="Again"))

    assert list(Device.objects.order_by("name").values_list("name", flat=True)) == [
        "Again",
        "Room 204",
    ]


def test_a_lock_that_moved_to_another_site_goes_with_it(device: Device) -> None:
    other = make_site(device.account)

    assert listed(other, snapshot("lock-1"))

    device.refresh_from_db()
    assert (device.site, device.property) == (other, other.property)
    assert Device.objects.count() == 1


def test_a_door_that_was_put_away_comes_back_with_its_history(device: Device) -> None:
    Device.objects.update(removed_at=timezone.now())

    listed(device, snapshot("lock-1"))

    assert Device.objects.get().removed_at is None


def test_poll_06_a_door_missing_twice_is_unknown_and_not_deleted(device: Device) -> None:
    other = snapshot("lock-2")
    listed(device, snapshot("lock-1"), other)

    listed(device, other)
    device.refresh_from_db()
    assert (device.state, device.missing_since, device.missing_polls) == ("locked", None, 1)

    listed(device, other)
    device.refresh_from_db()
    assert (device.state, device.is_online, device.missing_polls) == ("unknown", None, 2)
    assert device.missing_since is not None
    listed(device, other)
    assert verbs() == ["door_added", "door_vanished"]


def test_poll_06_one_good_listing_brings_it_back(device: Device) -> None:
    other = snapshot("lock-2")
    listed(device, snapshot("lock-1"), other)
    listed(device, other)
    listed(device, other)

    listed(device, snapshot("lock-1"), other)

    device.refresh_from_db()
    assert (device.state, device.missing_since, device.missing_polls) == ("locked", None, 0)
    assert verbs() == ["door_added", "door_vanished", "door_returned"]


@pytest.mark.parametrize("left", [0, 1], ids=["empty", "less than half"])
def test_code_06_a_listing_that_shrank_is_believed_only_the_third_time(left: int) -> None:
    site = make_site()
    all_locks = [snapshot(f"lock-{n}") for n in range(3)]
    listed(site, *all_locks)

    believed = [listed(site, *all_locks[:left]) for _ in range(4)]

    assert believed == [False, False, True, True]
    assert verbs().count("door_vanished") == 3 - left


def test_code_06_a_good_listing_in_between_starts_the_count_anew() -> None:
    site = make_site()
    lock = snapshot()
    listed(site, lock)

    believed = [listed(site, *locks) for locks in ([], [], [lock], [], [])]

    assert believed == [False, False, True, False, False]
    assert Device.objects.get().missing_polls == 0


def test_a_site_without_locks_is_simply_empty() -> None:
    assert listed(make_site())


def test_half_of_the_doors_is_not_suspicious() -> None:
    site = make_site()
    listed(site, snapshot("a"), snapshot("b"))

    assert listed(site, snapshot("a"))


def test_hubs_are_kept_up_to_date(device: Device) -> None:
    hub = RemoteHub(remote_id="iq", name="IQ", is_online=True, otp_enabled=False)
    observing.take_hubs(device.site, [hub])

    observing.take_hubs(
        device.site, [RemoteHub(remote_id="iq", name="IQ 2", is_online=False, otp_enabled=True)]
    )
    listed(device, snapshot("lock-1", hub_remote_id="iq"))

    known = Hub.objects.get()
    device.refresh_from_db()
    assert (known.name, known.is_online, known.otp_enabled) == ("IQ 2", False, True)
    assert device.hub == known


def test_doors_are_redrawn_when_their_hub_begins_or_ends_to_want_codes(device: Device) -> None:
    hub = RemoteHub(remote_id="iq", name="IQ", is_online=True, otp_enabled=False)
    observing.take_hubs(device.site, [hub])
    listed(device, snapshot("lock-1", hub_remote_id="iq"))
    device.refresh_from_db()
    before = device.revision

    observing.take_hubs(device.site, [hub])
    device.refresh_from_db()
    assert device.revision == before
    observing.take_hubs(device.site, [replace(hub, otp_enabled=True)])

    device.refresh_from_db()
    assert device.revision > before


# --- events --------------------------------------------------------------------------------------


def test_a_door_that_may_stay_open_is_looked_at_when_somebody_opened_it(device: Device) -> None:
    device.account.provider = "seam"
    device.account.save()
    now, before = timezone.now(), said(device)

    observing.take_opening(device.pk, occurred_at=now - seconds(2), at=now)

    device.refresh_from_db()
    assert (said(device), device.released_until) == (before, None)
    assert device.next_poll_at == now


def test_an_opening_shows_while_it_lasts(device: Device) -> None:
    now = timezone.now()

    observing.take_opening(device.pk, occurred_at=now - seconds(2), at=now)

    device.refresh_from_db()
    assert said(device) == ("unlocked", "event")
    assert device.state_at == now - seconds(2)
    assert device.released_until == now + seconds(5)
    assert device.next_poll_at == now + seconds(6)


@pytest.mark.parametrize(
    ("fields", "ago"),
    [
        ({}, 7),
        ({"state_at": timezone.now() + timedelta(days=1)}, 1),
        ({"office_mode": True}, 1),
    ],
    ids=["over", "older than what is known", "office mode"],
)
def test_an_opening_that_tells_nothing_new_moves_nothing(
    device: Device, fields: Any, ago: float
) -> None:
    Device.objects.update(**fields)
    now = timezone.now()

    observing.take_opening(device.pk, occurred_at=now - seconds(ago), at=now)

    device.refresh_from_db()
    assert (device.state, device.released_until) == ("locked", None)


def test_office_mode_during_an_opening_stops_the_countdown(device: Device) -> None:
    release(device)

    observing.take_mode(device.pk, occurred_at=timezone.now(), office_mode=True, state="unlocked")

    device.refresh_from_db()
    assert (device.state, device.state_evidence) == ("unlocked", "event")
    assert (device.office_mode, device.released_until) == (True, None)


def test_a_late_word_of_a_mode_does_not_undo_a_newer_one(device: Device) -> None:
    observing.take_mode(
        device.pk,
        occurred_at=device.state_at - seconds(1),
        office_mode=True,
        state="unlocked",
    )

    device.refresh_from_db()
    assert (device.state, device.office_mode) == ("locked", None)


def test_the_latest_event_by_time_is_remembered(device: Device) -> None:
    now = timezone.now()
    observing.take_last_event(device.pk, word="opened", person="Jane", occurred_at=now)

    observing.take_last_event(device.pk, word="rejected", person="", occurred_at=now - seconds(1))

    device.refresh_from_db()
    assert (device.last_event, device.last_event_user, device.last_event_at) == (
        "opened",
        "Jane",
        now,
    )
