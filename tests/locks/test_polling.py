"""Asking providers: reliability POLL-01 to POLL-09 and the states of E4."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts import health
from accounts.models import ConnectedAccount, ConnectedSite, Operation, Trouble
from accounts.providers.base import (
    AuthError,
    Code,
    EntryHow,
    EntryKind,
    Feed,
    MissingScopeError,
    NotYetError,
    RateLimitError,
    RefusedError,
    UncertainError,
    UnreadableEntry,
)
from audit.models import Event
from audit.words import How, Source, Verb
from locks import polling, tasks
from locks.models import Device
from locks.polling import DOORS, EVENTS, STATUS
from tests.locks.fakes import FakeDriver, entry, snapshot
from tests.make import make_account, make_attempt, make_device, make_site

pytestmark = pytest.mark.django_db

DOWN = UncertainError("Salto does not answer.")


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def set_account(**columns: Any) -> None:
    ConnectedAccount.objects.update(**columns)


def account() -> ConnectedAccount:
    return ConnectedAccount.objects.get()


def site() -> ConnectedSite:
    return ConnectedSite.objects.get()


@pytest.fixture
def device() -> Device:
    return make_device(remote_id="lock-1")


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What was handed to the broker."""
    hints: list[tuple[str, str]] = []

    def send(task: Any, *, expires: float, account_id: str, what: str) -> bool:
        assert (task, expires) == (tasks.poll_account, 30)
        hints.append((account_id, what))
        return True

    monkeypatch.setattr(polling.live, "send", send)
    return hints


def moves() -> list[tuple[str, str]]:
    """Every change of health that the log tells of."""
    told = Event.objects.filter(verb=Verb.ACCOUNT_HEALTH_CHANGED).order_by("id")
    return [(event.detail["before"], event.detail["after"]) for event in told]


# --- what is due -------------------------------------------------------------------------------


def test_poll_01_what_is_due_is_claimed_once(device: Device, queued: Any) -> None:
    past = timezone.now() - seconds(1)
    set_account(next_status_poll_at=past, next_event_poll_at=past)

    assert [polling.queue_due(), polling.queue_due()] == [2, 0]

    pk = str(device.account_id)
    assert queued == [(pk, STATUS), (pk, EVENTS)]


def test_poll_08_the_next_time_is_one_interval_on_give_or_take_a_tenth(
    device: Device, queued: Any
) -> None:
    set_account(next_status_poll_at=timezone.now() - timedelta(days=3))

    polling.queue_due()

    ahead = (account().next_status_poll_at - timezone.now()).total_seconds()
    assert 53 < ahead < 67


def test_poll_04_an_interval_of_0_turns_the_feed_off(
    device: Device, queued: Any, driver: FakeDriver
) -> None:
    past = timezone.now() - seconds(1)
    set_account(next_event_poll_at=past, event_poll_interval_ms=0)

    assert polling.queue_due() == 0

    polling.poll(device.account_id, EVENTS)
    Device.objects.update(next_poll_at=past)
    driver.locks = [snapshot()]
    polling.poll(device.account_id, DOORS)
    assert driver.names() == ["get_lock"]


@pytest.mark.django_db(transaction=True)
def test_poll_01_a_second_beat_does_not_wait_for_the_first(device: Device, queued: Any) -> None:
    set_account(next_status_poll_at=timezone.now() - seconds(1))
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN; SELECT 1 FROM accounts_connectedaccount FOR UPDATE")

            assert polling.queue_due() == 0
    finally:
        other.close()


@pytest.mark.parametrize(
    "columns",
    [
        {"state": "reconnect_required"},
        {"state": "secret_unreadable"},
        {"state": "disconnected"},
        {"throttled_until": datetime(2099, 1, 1, tzinfo=UTC)},
        {"next_status_poll_at": None, "next_event_poll_at": None},
    ],
    ids=str,
)
def test_an_account_that_must_not_be_asked_is_not(
    device: Device, queued: Any, columns: dict[str, Any]
) -> None:
    past = timezone.now() - seconds(1)
    due = {"next_status_poll_at": past, "next_event_poll_at": past}
    set_account(**due | columns)
    if "next_status_poll_at" not in columns:
        Device.objects.update(next_poll_at=past)

    assert polling.queue_due() == 0


def test_a_door_that_something_happened_to_is_looked_at_soon(device: Device, queued: Any) -> None:
    make_device(make_site(make_account(device.workspace)))
    Device.objects.filter(pk=device.pk).update(next_poll_at=timezone.now() - seconds(1))

    polling.queue_due()

    assert queued == [(str(device.account_id), DOORS)]


def test_without_a_broker_it_is_done_here(
    device: Device, driver: FakeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling.live, "send", lambda *_, **__: False)
    set_account(next_status_poll_at=timezone.now() - seconds(1))
    driver.locks = [snapshot()]

    polling.queue_due()

    assert driver.names() == ["list_locks"]


def test_the_doorbell_rings_through(device: Device, driver: FakeDriver) -> None:
    driver.locks = [snapshot()]

    tasks.poll_account(account_id=str(device.account_id), what=STATUS)

    assert driver.names() == ["list_locks"]


# --- one poll ------------------------------------------------------------------------------------


def test_poll_08_one_poll_at_a_time_per_account(device: Device, driver: FakeDriver) -> None:
    driver.locks = [snapshot()]
    inner: list[bool] = []
    driver.during = lambda: inner.append(polling.poll(device.account_id, STATUS))

    assert polling.poll(device.account_id, STATUS)

    assert inner == [False]
    assert driver.names() == ["list_locks"]
    assert account().poll_lease_until is None


def test_poll_08_what_came_at_the_same_time_is_asked_soon(
    device: Device, driver: FakeDriver
) -> None:
    later = timezone.now() + seconds(60)
    set_account(next_status_poll_at=later, next_event_poll_at=later)
    driver.locks = [snapshot()]
    driver.during = lambda: polling.poll(device.account_id, EVENTS) and None

    polling.poll(device.account_id, STATUS)

    assert account().next_status_poll_at == later
    assert account().next_event_poll_at - timezone.now() <= polling.LOOK_AGAIN_AFTER


def test_poll_08_a_feed_that_is_off_stays_off(device: Device, driver: FakeDriver) -> None:
    set_account(next_event_poll_at=None, poll_lease_until=timezone.now() + seconds(60))

    polling.poll(device.account_id, EVENTS)

    assert account().next_event_poll_at is None


def test_poll_08_a_lease_nobody_gave_back_runs_out(device: Device, driver: FakeDriver) -> None:
    driver.locks = [snapshot()]
    set_account(poll_lease_until=timezone.now() - seconds(1))

    assert polling.poll(device.account_id, STATUS)


def test_the_lease_is_given_back_whatever_happens(device: Device, driver: FakeDriver) -> None:
    driver.locks = RuntimeError("a slip of ours")  # type: ignore[assignment]

    with pytest.raises(RuntimeError):
        polling.poll(device.account_id, STATUS)

    assert account().poll_lease_until is None


@pytest.mark.parametrize("state", ["reconnect_required", "secret_unreadable", "disconnected"])
def test_a_silent_account_is_not_polled_however_it_was_queued(
    device: Device, driver: FakeDriver, state: str
) -> None:
    set_account(state=state)

    assert not polling.poll(device.account_id, STATUS)

    assert driver.calls == []


def test_a_status_poll_updates_the_doors_and_says_when_it_began(
    device: Device, driver: FakeDriver
) -> None:
    driver.locks = [snapshot(name="New name")]
    before = timezone.now()

    polling.poll(device.account_id, STATUS)

    device.refresh_from_db()
    assert device.name == "New name"
    assert before < account().status_polled_at < timezone.now()


@pytest.mark.parametrize("number", [1, 3])
def test_a_poll_in_which_nothing_changed_costs_a_fixed_number_of_queries(
    driver: FakeDriver, number: int, django_assert_num_queries: Any
) -> None:
    place = make_site()
    driver.locks = [snapshot(f"lock-{n}") for n in range(number)]
    polling.poll_site(driver, place)

    with django_assert_num_queries(4):  # savepoint, doors, hubs, savepoint
        polling.poll_site(driver, place)


def test_a_secret_that_cannot_be_opened_closes_the_account(device: Device) -> None:
    set_account(password_sealed="v1.gone.AAAA")

    assert not polling.poll(device.account_id, STATUS)

    assert account().state == "secret_unreadable"


# --- health (E4) -------------------------------------------------------------------------------


def poll_all(device: Device) -> None:
    polling.poll(device.account_id, STATUS)
    polling.poll(device.account_id, EVENTS)


def test_ops_04_trouble_is_said_once_and_healing_once(device: Device, driver: FakeDriver) -> None:
    driver.locks = driver.feed = DOWN
    for _ in range(7):
        poll_all(device)
    assert account().state == "degraded"

    driver.locks, driver.feed = [snapshot()], Feed(entries=())
    for _ in range(3):
        poll_all(device)

    assert account().state == "connected"
    assert moves() == [("connected", "degraded"), ("degraded", "connected")]


def test_acc_03_four_failures_are_no_trouble_yet(device: Device, driver: FakeDriver) -> None:
    driver.locks = DOWN

    for _ in range(4):
        assert not polling.poll(device.account_id, STATUS)

    assert (account().state, Trouble.objects.get().failures_in_a_row) == ("connected", 4)
    assert moves() == []


def test_e4_a_refused_credential_is_a_person_s_business_at_once(
    device: Device, driver: FakeDriver
) -> None:
    driver.locks = AuthError("The password was changed.")

    polling.poll(device.account_id, STATUS)

    assert (account().state, account().trouble) == (
        "reconnect_required",
        "The password was changed.",
    )
    assert moves() == [("connected", "reconnect_required")]


def test_acc_06_too_many_requests_stop_polls_until_they_may_go_on(
    device: Device, driver: FakeDriver
) -> None:
    driver.locks = RateLimitError("Slow down.", retry_after_seconds=90)

    polling.poll(device.account_id, STATUS)

    until = account().throttled_until
    assert account().state == "throttled"
    assert timedelta(seconds=89) < until - timezone.now() <= timedelta(seconds=90)


def test_e4_a_missing_scope_keeps_the_rest_and_is_said_once(
    device: Device, driver: FakeDriver
) -> None:
    driver.locks = [snapshot()]
    driver.feed = MissingScopeError("No right to read entries.", scope="entries")

    for _ in range(4):
        poll_all(device)

    assert (account().state, account().trouble) == ("connected", "No right to read entries.")
    assert moves() == [("connected", "connected")]

    driver.feed = Feed(entries=())
    poll_all(device)
    assert account().trouble == ""


def test_a_feed_that_fails_while_the_doors_answer_is_noticed(
    device: Device, driver: FakeDriver
) -> None:
    driver.locks = [snapshot()]
    driver.feed = DOWN

    for _ in range(6):
        poll_all(device)

    assert (account().state, account().trouble) == ("degraded", "Salto does not answer.")
    assert moves() == [("connected", "degraded")]


def test_a_feed_that_fails_does_not_slow_the_board(device: Device, driver: FakeDriver) -> None:
    soon = timezone.now() + seconds(60)
    set_account(next_status_poll_at=soon, next_event_poll_at=soon)
    Trouble.objects.create(account=account(), operation=EVENTS, failures_in_a_row=9)
    driver.feed = DOWN

    polling.poll(device.account_id, EVENTS)

    assert account().next_status_poll_at == soon
    assert account().next_event_poll_at - timezone.now() > timedelta(minutes=9)


def test_acc_05_what_keeps_failing_is_asked_less_often(device: Device, driver: FakeDriver) -> None:
    driver.locks = DOWN
    delays = []
    for _ in range(10):
        set_account(next_status_poll_at=None)
        polling.poll(device.account_id, STATUS)
        planned = account().next_status_poll_at
        delays.append(planned and round((planned - timezone.now()).total_seconds()))

    assert delays == [None] * 4 + [120, 240, 480, 600, 600, 600]


@pytest.mark.parametrize(
    ("failing", "state"), [(STATUS, "degraded"), (EVENTS, "degraded"), (DOORS, "connected")]
)
def test_acc_05_only_the_kind_that_fails_rests(
    device: Device, driver: FakeDriver, queued: Any, failing: str, state: str
) -> None:
    driver.locks, driver.feed = [snapshot()], Feed(entries=())
    setattr(driver, "feed" if failing == EVENTS else "locks", DOWN)
    for _ in range(health.TROUBLE_AFTER):
        Device.objects.update(next_poll_at=timezone.now() - seconds(1))
        polling.poll(device.account_id, failing)

    past = timezone.now() - seconds(1)
    Device.objects.update(next_poll_at=past)
    for kind, column in polling._NEXT.items():
        if kind != failing:
            set_account(**{column: past})
    polling.queue_due()

    assert {what for _, what in queued} == {STATUS, EVENTS, DOORS} - {failing}
    assert account().state == state
    now = timezone.now()
    assert {op for op in Operation if health.is_resting(device.account_id, op, at=now)} == {failing}


def test_acc_05_a_feed_that_rests_is_not_asked_with_the_doors_either(
    device: Device, driver: FakeDriver
) -> None:
    later = timezone.now() + seconds(60)
    Trouble.objects.create(account=account(), operation=EVENTS, retry_at=later)
    Device.objects.update(next_poll_at=timezone.now() - seconds(1))
    driver.locks = [snapshot()]

    polling.poll(device.account_id, DOORS)

    assert driver.names() == ["get_lock"]


def test_acc_05_after_its_rest_one_probe_decides(device: Device, driver: FakeDriver) -> None:
    past = timezone.now() - seconds(1)
    Trouble.objects.create(account=account(), operation=EVENTS, failures_in_a_row=6, retry_at=past)
    driver.feed = DOWN
    polling.poll(device.account_id, EVENTS)
    assert health.is_resting(device.account_id, EVENTS, at=timezone.now())

    driver.feed = Feed(entries=())
    polling.poll(device.account_id, EVENTS)

    assert not Trouble.objects.exists()


def test_a_door_that_does_not_answer_does_not_keep_the_feed_from_telling(
    device: Device, driver: FakeDriver
) -> None:
    Device.objects.update(next_poll_at=timezone.now() - seconds(1))
    driver.locks = DOWN

    assert not polling.poll(device.account_id, DOORS)

    assert driver.names() == ["get_lock", "list_entries"]


def test_a_feed_that_was_turned_off_keeps_no_account_in_trouble(
    device: Device, driver: FakeDriver
) -> None:
    set_account(state="degraded", event_poll_interval_ms=0)
    Trouble.objects.create(account=account(), operation=EVENTS, failures_in_a_row=9)
    driver.locks = [snapshot()]

    polling.poll(device.account_id, STATUS)

    assert account().state == "connected"


def test_acc_06_what_we_hold_back_ourselves_is_no_trouble_and_asked_again_soon(
    device: Device, driver: FakeDriver
) -> None:
    set_account(next_status_poll_at=timezone.now() + seconds(60))
    Device.objects.update(next_poll_at=timezone.now() - seconds(1))
    driver.locks = NotYetError(retry_after_seconds=2)

    polling.poll(device.account_id, STATUS)
    polling.poll(device.account_id, DOORS)

    device.refresh_from_db()
    for again in (account().next_status_poll_at, device.next_poll_at):
        assert 0 < (again - timezone.now()).total_seconds() <= 2
    assert (account().state, account().throttled_until) == ("connected", None)
    assert not Trouble.objects.exists()


@pytest.mark.parametrize("offset", [None, 0.2, -42.0])
def test_poll_09_a_status_poll_stores_how_far_the_clocks_are_apart(
    device: Device, driver: FakeDriver, offset: float | None
) -> None:
    driver.locks = [snapshot()]
    driver.clock_offset_seconds = offset

    polling.poll(device.account_id, STATUS)

    assert account().clock_skew_seconds == (offset and pytest.approx(offset, abs=0.5))


def test_e4_trouble_with_polls_does_not_hide_that_opening_is_blocked(
    device: Device, driver: FakeDriver
) -> None:
    set_account(state="actuation_blocked", trouble="Two codes were wrong.")
    driver.locks = DOWN
    for _ in range(6):
        polling.poll(device.account_id, STATUS)
    driver.locks = [snapshot()]
    poll_all(device)

    assert (account().state, account().trouble) == ("actuation_blocked", "Two codes were wrong.")


def test_an_ended_subscription_is_said_at_once(device: Device, driver: FakeDriver) -> None:
    driver.locks = RefusedError("It ended.", code=Code.SUBSCRIPTION_ENDED)

    polling.poll(device.account_id, STATUS)

    assert account().state == "degraded"


# --- doors ---------------------------------------------------------------------------------------


def test_due_doors_are_looked_at_one_by_one_and_the_feed_with_them(
    device: Device, driver: FakeDriver
) -> None:
    make_device(device.site, remote_id="lock-2")
    Device.objects.filter(pk=device.pk).update(next_poll_at=timezone.now() - seconds(1))
    driver.locks = [snapshot(name="Looked at")]

    polling.poll(device.account_id, DOORS)

    device.refresh_from_db()
    assert (device.name, device.next_poll_at) == ("Looked at", None)
    assert driver.names() == ["get_lock", "list_entries"]


def test_a_door_that_cannot_be_shown_is_not_asked_for_every_second(
    device: Device, driver: FakeDriver
) -> None:
    Device.objects.update(next_poll_at=timezone.now() - seconds(1))
    driver.locks = RefusedError("Not found.", code=Code.NOT_FOUND, status=404)

    assert polling.poll(device.account_id, DOORS)

    device.refresh_from_db()
    assert device.next_poll_at is None
    assert not Trouble.objects.exists()


# --- the feed ------------------------------------------------------------------------------------


def take(*entries: Any, at: datetime | None = None, **fields: Any) -> int:
    is_rescan = fields.pop("is_rescan", False)
    place = ConnectedSite.objects.select_related("account", "property").get()
    feed = Feed(entries=tuple(entries), **fields)
    return polling.take_feed(place, feed, at=at or timezone.now(), is_rescan=is_rescan)


def test_poll_02_a_line_fetched_twice_is_stored_once(device: Device) -> None:
    line = entry()

    assert [take(line), take(line)] == [1, 0]

    event = Event.objects.get()
    assert (event.verb, event.how, event.result) == ("opened", "card", "granted")
    assert (event.device_id, event.device_name) == (device.pk, "Room 204")
    assert (event.property_id, event.account_id) == (device.property_id, device.account_id)
    assert (event.actor_kind, event.actor_id, event.actor_name) == ("person", "p1", "Jane")
    assert (event.source, event.external_id) == (Source.SALTO_KS, "e1")


def test_poll_02_a_line_twice_on_one_page_is_stored_once(device: Device) -> None:
    line = entry()

    assert take(line, line) == 1


def test_poll_02_lines_of_one_moment_are_all_stored(device: Device) -> None:
    now = timezone.now()

    assert take(*(entry(f"e{n}", occurred_at=now) for n in range(50))) == 50


def test_poll_02_the_watermark_goes_to_the_newest_line_but_never_back(device: Device) -> None:
    now = timezone.now()

    take(entry("a", occurred_at=now - seconds(30)), at=now)
    take(entry("b", occurred_at=now - seconds(300)), at=now)

    assert site().event_watermark == now - seconds(30)


def test_poll_02_a_quiet_feed_moves_the_watermark_all_the_same(device: Device) -> None:
    now = timezone.now()

    take(at=now)

    assert site().event_watermark == now - polling.OVERLAP


def test_poll_07_a_stamp_in_the_future_is_clamped_and_does_not_move_the_watermark_beyond_now(
    device: Device,
) -> None:
    now = timezone.now()
    line = entry(occurred_at=now + timedelta(days=1))

    take(line, at=now)
    take(line, at=now + timedelta(hours=1))

    event = Event.objects.get()
    assert event.occurred_at == now
    assert event.detail["provider_time"] == line.occurred_at.isoformat()
    assert site().event_watermark <= now + timedelta(hours=1)


def test_poll_02_a_feed_that_was_cut_short_is_asked_again_from_its_end(
    device: Device, driver: FakeDriver
) -> None:
    now = timezone.now()
    end = now - timedelta(hours=20)
    driver.feed = Feed(entries=(entry(occurred_at=end),), is_complete=False)

    polling.poll(device.account_id, EVENTS)
    polling.poll(device.account_id, EVENTS)

    assert site().event_watermark == end
    assert driver.calls[1][2] == end - polling.OVERLAP


def test_poll_02_a_rescan_that_was_cut_short_goes_on_where_it_stopped(device: Device) -> None:
    now = timezone.now()
    ConnectedSite.objects.update(event_watermark=now - seconds(20), full_rescan_at=now)
    end = now - timedelta(hours=5)

    take(entry(occurred_at=end), is_complete=False, is_rescan=True)

    assert site().event_watermark == end


def since_of(place: ConnectedSite, now: datetime) -> tuple[timedelta, bool]:
    since, is_rescan = polling._since(place, now)
    return now - since, is_rescan


NOON = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("watermark", "rescanned", "back", "is_rescan"),
    [
        (None, None, timedelta(hours=24), True),
        (seconds(30), timedelta(minutes=59), timedelta(minutes=10, seconds=30), False),
        (seconds(30), timedelta(minutes=61), timedelta(hours=24), True),
        (seconds(30), None, timedelta(hours=24), True),
        (seconds(30), timedelta(hours=13), timedelta(days=7), True),
        (-timedelta(hours=1), seconds(5), timedelta(minutes=10), False),
        (timedelta(days=12), timedelta(days=12), timedelta(days=12, minutes=10), True),
    ],
    ids=["first", "usual", "hourly", "never", "nightly", "future", "after a fortnight"],
)
def test_poll_02_where_a_poll_begins(
    device: Device,
    watermark: timedelta | None,
    rescanned: timedelta | None,
    back: timedelta,
    is_rescan: bool,
) -> None:
    place = site()
    place.event_watermark = None if watermark is None else NOON - watermark
    place.full_rescan_at = None if rescanned is None else NOON - rescanned

    assert since_of(place, NOON) == (back, is_rescan)


def test_sks_07_a_line_that_comes_late_is_marked(device: Device) -> None:
    now = timezone.now()

    take(
        entry("late", occurred_at=now - timedelta(minutes=6)),
        entry("usual", occurred_at=now - seconds(79)),
        at=now,
    )

    late = dict(Event.objects.values_list("external_id", "is_late"))
    assert late == {"late": True, "usual": False}


def test_poll_05_a_line_nobody_can_read_is_told_once(device: Device) -> None:
    line = UnreadableEntry(fingerprint="sha256:1", reason="no time", raw_text="{")

    assert [take(unreadable=(line,)), take(unreadable=(line,))] == [1, 0]

    event = Event.objects.get()
    assert (event.verb, event.detail) == ("unreadable", {"reason": "no time"})
    assert event.property_id == device.property_id


def test_poll_03_a_gap_is_told(device: Device) -> None:
    now = timezone.now()
    ConnectedSite.objects.update(event_watermark=now - seconds(60))

    take(gap_reason="incomplete data", at=now)

    event = Event.objects.get()
    assert (event.verb, event.detail["reason"]) == ("feed_gap", "incomplete data")
    assert event.detail["since"] == (now - seconds(60)).isoformat()
    assert event.detail["until"] == now.isoformat()


def test_a_line_of_a_door_we_do_not_know_keeps_its_name(device: Device) -> None:
    take(entry(lock_id="other", lock_name="Garage"))

    event = Event.objects.get()
    assert (event.device_id, event.device_name) == (None, "Garage")
    assert event.property_id == device.property_id


def test_the_route_that_answered_is_remembered(device: Device) -> None:
    take(route="audit/log")

    assert account().feed_route == "audit/log"


def test_every_word_of_a_driver_is_a_word_of_the_log() -> None:
    assert {kind: polling._VERBS[kind].value for kind in EntryKind} == {
        k: k.value for k in EntryKind
    }
    assert {how: polling._HOWS[how].value for how in EntryHow} == {h: h.value for h in EntryHow}
    assert all(isinstance(how, How) for how in polling._HOWS.values())


def test_poll_02_a_page_is_stored_with_its_watermark_or_not_at_all(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("a power cut")

    monkeypatch.setattr(polling, "_watermark", fail)

    with pytest.raises(RuntimeError):
        take(entry())

    assert Event.objects.count() == 0
    assert site().event_watermark is None


def test_db_01_no_transaction_is_open_while_a_provider_is_asked(
    device: Device, driver: FakeDriver
) -> None:
    outside = len(connection.savepoint_ids)
    inside: list[int] = []
    driver.locks = [snapshot()]
    driver.during = lambda: inside.append(len(connection.savepoint_ids))

    polling.poll(device.account_id, STATUS)

    assert inside == [outside]


# --- what a line does to the door ------------------------------------------------------------------


def test_a_line_of_somebody_s_opening_shows_at_the_door(device: Device) -> None:
    now = timezone.now()

    take(entry(occurred_at=now - seconds(3)), at=now)

    device.refresh_from_db()
    assert (device.state, device.state_evidence) == ("unlocked", "event")
    assert (device.last_event, device.last_event_user) == ("opened", "Jane")


def test_who_was_turned_away_is_not_named_on_the_board(device: Device) -> None:
    take(entry(kind=EntryKind.REJECTED))

    device.refresh_from_db()
    assert (device.state, device.last_event, device.last_event_user) == ("locked", "rejected", "")


@pytest.mark.parametrize(
    ("kind", "column", "value", "state"),
    [
        (EntryKind.OFFICE_MODE_STARTED, "office_mode", True, "unlocked"),
        (EntryKind.OFFICE_MODE_ENDED, "office_mode", False, "locked"),
        (EntryKind.PRIVACY_STARTED, "privacy_mode", True, "locked"),
        (EntryKind.PRIVACY_ENDED, "privacy_mode", False, "locked"),
    ],
)
def test_modes_reach_the_door(
    device: Device, kind: EntryKind, column: str, value: bool, state: str
) -> None:
    take(entry(kind=kind))

    device.refresh_from_db()
    assert (getattr(device, column), device.state) == (value, state)


def test_act_04_a_line_of_our_own_opening_settles_the_attempt(device: Device) -> None:
    now = timezone.now()
    set_account(remote_id="us")
    attempt = make_attempt(device, status="unconfirmed", sent_at=now - seconds(9))

    take(
        entry(how=EntryHow.REMOTE, person_id="us", occurred_at=now - seconds(8)),
        at=now,
    )

    attempt.refresh_from_db()
    assert (attempt.status, attempt.evidence) == ("success", "feed")


def test_act_17_a_card_in_that_minute_settles_nothing(device: Device) -> None:
    now = timezone.now()
    attempt = make_attempt(device, status="unconfirmed", sent_at=now - seconds(9))

    take(entry(how=EntryHow.CARD, person_id="", occurred_at=now - seconds(8)), at=now)

    attempt.refresh_from_db()
    assert attempt.status == "unconfirmed"


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_poll_02_the_end_is_the_same_in_whatever_order_lines_come(
    device: Device, order: tuple[int, ...]
) -> None:
    now = timezone.now()
    lines = [
        entry("a", kind=EntryKind.OFFICE_MODE_STARTED, occurred_at=now - seconds(30)),
        entry("b", kind=EntryKind.OFFICE_MODE_ENDED, occurred_at=now - seconds(20)),
        entry("c", kind=EntryKind.REJECTED, occurred_at=now - seconds(10)),
    ]

    for index in order:
        take(lines[index], at=now)

    device.refresh_from_db()
    assert (device.state, device.office_mode, device.last_event) == ("locked", False, "rejected")


def test_an_account_s_trouble_redraws_its_doors(device: Device, driver: FakeDriver) -> None:
    before = device.revision
    driver.locks = AuthError("The password was changed.")

    polling.poll(device.account_id, STATUS)

    device.refresh_from_db()
    assert device.revision > before


@pytest.mark.parametrize(
    ("failures", "interval_ms", "seconds"),
    [
        (0, 60_000, 60),
        (4, 60_000, 60),
        (5, 60_000, 120),
        (7, 60_000, 480),
        (50, 60_000, 600),
        (50, 3_600_000, 3600),
        (5, 0, 30),
    ],
)
def test_acc_05_rests_grow_up_to_ten_minutes(failures: int, interval_ms: int, seconds: int) -> None:
    assert health.retry_delay(failures, interval_ms) == timedelta(seconds=seconds)
