"""`manage.py provider`: asking by hand, and opening only with a reason in the log."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import ConnectedAccount
from accounts.providers.base import AuthError, Feed, Opening
from accounts.sealing import UnreadableError
from audit.models import Event
from locks import actuation
from locks.management.commands import provider
from locks.models import ActionAttempt, Device
from tests.locks.fakes import FakeDriver, entry, snapshot
from tests.make import make_account, make_device, make_site

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def asked(driver: FakeDriver, monkeypatch: pytest.MonkeyPatch) -> FakeDriver:
    monkeypatch.setattr(provider, "driver_for", lambda _: driver)
    return driver


@pytest.fixture
def device() -> Device:
    account = make_account(name="Harbour")
    return make_device(make_site(account, remote_id="site-1"), remote_id="lock-1")


@pytest.fixture
def done_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have attempts end as they are made: no worker runs here."""
    ask = actuation.request

    def request(device: Device, order: actuation.Order) -> ActionAttempt:
        attempt = ask(device, order)
        ActionAttempt.objects.filter(pk=attempt.pk).update(status="sending")
        ActionAttempt.objects.filter(pk=attempt.pk).update(status="success", released_seconds=7)
        return attempt

    monkeypatch.setattr(actuation, "request", request)
    monkeypatch.setattr(provider.time, "sleep", lambda _: None)


def run(*words: str) -> Any:
    out = StringIO()
    call_command("provider", *words, stdout=out)
    return json.loads(out.getvalue())


def refusal(*words: str) -> str:
    with pytest.raises(CommandError) as error:
        run(*words)
    return str(error.value)


def test_sites_are_listed(device: Device) -> None:
    [site] = run("Harbour", "get_sites")

    assert (site["remote_id"], site["name"]) == ("site-1", "Harbour")


def test_locks_are_listed_without_their_raw_rows(device: Device, driver: FakeDriver) -> None:
    driver.locks = [snapshot(raw={"x": "raw words"})]

    [lock] = run(str(device.account_id), "get_locks")

    assert (lock["remote_id"], lock["state"]) == ("lock-1", "locked")
    assert "raw" not in lock


def test_users_are_listed(device: Device) -> None:
    assert [user["name"] for user in run("Harbour", "get_users")] == ["Jane"]


def test_the_status_of_one_lock_is_asked(device: Device, driver: FakeDriver) -> None:
    driver.locks = [snapshot()]

    assert run("Harbour", "get_status", "lock-1")["is_online"] is True
    assert driver.calls == [("get_lock", "site-1", "lock-1")]


def test_events_are_the_latest_ones(device: Device, driver: FakeDriver) -> None:
    now = timezone.now()
    lines = tuple(entry(f"e{n}", occurred_at=now + timedelta(seconds=n)) for n in range(5))
    driver.feed = Feed(entries=lines)

    assert [e["remote_id"] for e in run("Harbour", "get_events", "--limit", "2")] == ["e3", "e4"]


@pytest.mark.parametrize("limit", ["0", "201", "-1"])
def test_events_have_a_limit(device: Device, limit: str) -> None:
    assert refusal("Harbour", "get_events", f"--limit={limit}") == "limit 1–200"


@pytest.mark.parametrize(
    "since",
    [
        "tomorrow",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "1970-01-01T00:00:00Z",
        "2999-01-01T00:00:00Z",
    ],
)
def test_events_begin_at_a_past_moment_within_ninety_days(device: Device, since: str) -> None:
    assert refusal("Harbour", "get_events", "--since", since) == (
        "since: past RFC 3339 time within 90 days"
    )


def test_events_begin_where_they_are_asked_to(device: Device, driver: FakeDriver) -> None:
    since = timezone.now() - timedelta(days=89)
    run("Harbour", "get_events", "--since", since.isoformat())

    assert driver.calls == [("list_entries", "site-1", since)]


def test_sec_03_a_token_is_renewed_and_never_shown(device: Device) -> None:
    assert run("Harbour", "refresh_token") == {
        "expires_at": "2027-01-01T00:00:00+00:00",
        "scope": "all",
    }


@pytest.mark.parametrize("what", ["unlock", "lock"])
def test_a_door_is_moved_only_for_a_reason(device: Device, what: str) -> None:
    assert refusal("Harbour", what, "lock-1") == "--reason required"
    assert ActionAttempt.objects.count() == 0


def test_a_door_is_opened_the_way_every_door_is(device: Device, done_at_once: None) -> None:
    told = run("Harbour", "unlock", "lock-1", "--reason", "alarm test", "--seconds", "9")

    attempt = ActionAttempt.objects.get()
    event = Event.objects.get()
    assert told == {
        "attempt": str(attempt.pk),
        "status": "success",
        "error": "",
        "released_seconds": 7.0,
    }
    assert (attempt.actor_kind, attempt.seconds, attempt.user) == ("command", 9, None)
    assert (event.verb, event.how, event.reason) == ("unlock_requested", "command", "alarm test")
    assert event.actor_name.endswith(" at the command line")


def test_a_lock_that_cannot_be_locked_says_so(device: Device) -> None:
    assert refusal("Harbour", "lock", "lock-1", "--reason", "x") == (
        "this lock cannot be locked remotely"
    )


@pytest.mark.parametrize("seconds", ["0", "61"])
def test_seconds_have_limits(device: Device, seconds: str) -> None:
    words = ("Harbour", "unlock", "lock-1", "--reason", "x", f"--seconds={seconds}")

    assert refusal(*words) == "seconds: whole number 1–60"


def test_an_unknown_lock_is_named_so(device: Device) -> None:
    assert refusal("Harbour", "unlock", "lock-9", "--reason", "x").startswith("device not found")


def test_an_unknown_account_is_named_so(device: Device) -> None:
    assert refusal("Mill", "get_sites") == "No connected accounts are called 'Mill'."


def test_a_disconnected_account_is_not_asked(device: Device) -> None:
    ConnectedAccount.objects.update(state="disconnected")

    assert refusal("Harbour", "get_sites") == "No connected accounts are called 'Harbour'."


def test_a_name_of_two_accounts_is_not_enough(device: Device) -> None:
    make_account(name="Harbour")

    assert refusal("Harbour", "get_sites") == "2 connected accounts are called 'Harbour'."


def test_of_several_sites_one_is_chosen(device: Device, driver: FakeDriver) -> None:
    make_site(device.account, remote_id="site-2")
    driver.locks = []

    assert refusal("Harbour", "get_locks") == (
        "this credential cannot see that site; visible sites: site-1, site-2"
    )
    assert run("Harbour", "get_locks", "--site", "site-2") == []
    assert driver.calls == [("list_locks", "site-2")]


@pytest.mark.parametrize(
    "error", [AuthError("The password was changed."), UnreadableError("sealed with another key")]
)
def test_what_a_provider_refuses_is_a_sentence(
    device: Device, driver: FakeDriver, error: Any
) -> None:
    driver.locks = error

    assert refusal("Harbour", "get_locks") == str(error)


def test_acc_05_trouble_by_hand_is_not_trouble_of_the_account(
    device: Device, driver: FakeDriver
) -> None:
    driver.locks = AuthError("Refused.")
    refusal("Harbour", "get_locks")

    assert ConnectedAccount.objects.get().state == "connected"


def test_an_outcome_that_does_not_come_is_not_waited_for_for_ever(
    device: Device, driver: FakeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(provider.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(
        provider.time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds)
    )
    driver.opening = Opening()

    told = run("Harbour", "unlock", "lock-1", "--reason", "x")

    assert told["status"] == "queued"
    assert 19 < clock[0] < 21
