"""HOOK-05 at the address: what is answered, what is kept, and who hears of it."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from access import hook_receivers as systems_receivers
from access.models import SystemsWatch
from accounts import tasks
from accounts.hooks import receiving
from accounts.limits import Limit
from accounts.models import AccountState, HookMessage, IncomingHook
from accounts.signals import hook_received
from accounts.views import hooks as views
from locks import hook_receivers
from tests.accounts.hooks.test_signature import BODY, MALFORMED, OTHER, SECRET, headers
from tests.make import make_account

pytestmark = pytest.mark.django_db


@pytest.fixture
def hook() -> IncomingHook:
    return make_hook()


def make_hook(**fields: Any) -> IncomingHook:
    account = make_account(provider="seam", **fields)
    hook = IncomingHook(account=account, remote_id="webhook-1", made_at=timezone.now())
    hook.seal_secret(SECRET)
    hook.save()
    return hook


@pytest.fixture
def heard() -> Any:
    got: list[Any] = []

    def listen(account: Any, event_type: str, **_: Any) -> None:
        got.append((account.pk, event_type))

    hook_received.connect(listen)
    yield got
    hook_received.disconnect(listen)


def send(hook: Any, sent: Any = None, body: bytes = BODY, client: Client | None = None) -> Any:
    url = reverse("hook", args=[getattr(hook, "pk", hook)])
    sent = headers(at=timezone.now()) if sent is None else sent
    client = client or Client(enforce_csrf_checks=True)
    return client.post(url, body, content_type="application/json", headers=sent)


def test_a_good_message_is_a_hint_and_nothing_else(hook: IncomingHook, heard: list[Any]) -> None:
    response = send(hook)

    hook.refresh_from_db()
    assert (response.status_code, response.content) == (200, b"")
    assert heard == [(hook.account_id, "")]
    assert hook.last_message_at is not None
    assert "sessionid" not in response.cookies
    assert not any("session" in name for name in response.cookies)


def test_a_replay_is_thanked_for_and_nothing_happens(hook: IncomingHook, heard: list[Any]) -> None:
    sent = headers(at=timezone.now())

    assert [send(hook, sent).status_code for _ in range(3)] == [200, 200, 200]
    assert len(heard) == 1
    assert send(hook, headers(at=timezone.now(), message_id="msg_2")).status_code == 200
    assert len(heard) == 2


def test_the_same_message_for_two_accounts_is_two(hook: IncomingHook, heard: list[Any]) -> None:
    other, sent = make_hook(), headers(at=timezone.now())

    send(hook, sent)
    send(other, sent)

    assert [account for account, _ in heard] == [hook.account_id, other.account_id]


@pytest.mark.parametrize("sent", MALFORMED[:-1])
def test_malformed_headers_are_400(hook: IncomingHook, heard: list[Any], sent: Any) -> None:
    sent = {k: v for k, v in sent.items() if v.isascii() and "\x00" not in v}

    assert send(hook, sent).status_code == 400
    assert heard == []


@pytest.mark.parametrize(
    "make",
    [
        lambda now: headers(at=now, secret=OTHER),
        lambda now: headers(at=now - timedelta(minutes=6)),
        lambda now: headers(at=now + timedelta(minutes=6)),
        lambda now: headers(at=now, body=b"{}"),
        lambda now: headers(at=now) | {"svix-id": "msg_9"},
    ],
)
def test_what_is_not_signed_or_not_of_now_is_401(
    hook: IncomingHook, heard: list[Any], make: Any
) -> None:
    assert send(hook, make(timezone.now())).status_code == 401
    assert heard == []
    assert not HookMessage.objects.exists()


def test_an_address_nobody_made_is_404() -> None:
    assert send(uuid4()).status_code == 404


def test_an_address_that_is_only_being_made_believes_nobody(hook: IncomingHook) -> None:
    IncomingHook.objects.update(remote_id="")

    assert send(hook).status_code == 404


def test_a_lost_key_is_our_trouble_and_the_sender_tries_again(hook: IncomingHook) -> None:
    IncomingHook.objects.update(secret_sealed="v1.gone.AAAA")

    assert send(hook).status_code == 503


def test_a_body_without_end_is_not_read(hook: IncomingHook) -> None:
    assert send(hook, body=b"x" * (views.MAX_BYTES + 1)).status_code == 413


def test_a_flood_is_slowed(hook: IncomingHook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "PACE", Limit(per_second=0.1, burst=2))

    answers = [send(hook, {"svix-id": "x"}) for _ in range(3)]

    assert [each.status_code for each in answers] == [400, 400, 429]
    assert answers[-1]["Retry-After"] == "1"


def test_nothing_of_a_message_is_logged_or_kept(
    hook: IncomingHook, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    send(hook)
    send(hook, headers(at=timezone.now(), secret=OTHER))

    assert "lock.unlocked" not in caplog.text
    assert SECRET not in caplog.text
    [kept] = HookMessage.objects.values()
    assert set(kept) == {"id", "hook_id", "message_id", "received_at"}


def test_a_copy_is_known_for_more_than_a_week(hook: IncomingHook) -> None:
    now = timezone.now()
    for days in (0, 7, 9):
        HookMessage.objects.create(
            hook=hook, message_id=str(days), received_at=now - timedelta(days=days)
        )

    tasks.clear_expired()

    assert set(HookMessage.objects.values_list("message_id", flat=True)) == {"0", "7"}


# --- who hears of it ---


def due(hook: IncomingHook) -> tuple[datetime | None, datetime | None]:
    hook.account.refresh_from_db()
    return hook.account.next_status_poll_at, hook.account.next_event_poll_at


NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


def ask_sooner(hook: IncomingHook, at: datetime = NOW) -> None:
    hook.account.refresh_from_db()
    hook_receivers.ask_sooner(account=hook.account, at=at)


def test_doors_are_asked_now_and_not_at_the_next_interval() -> None:
    hook = make_hook(next_status_poll_at=LATER, next_event_poll_at=LATER)

    ask_sooner(hook)

    assert due(hook) == (NOW, NOW)


def test_a_burst_of_messages_costs_one_look_more_and_loses_none() -> None:
    asked_at = NOW - timedelta(seconds=0.5)
    hook = make_hook(
        next_status_poll_at=LATER,
        next_event_poll_at=LATER,
        status_polled_at=asked_at,
        events_polled_at=asked_at,
    )

    for tenths in range(5):
        ask_sooner(hook, NOW + timedelta(seconds=tenths / 10))

    soon = asked_at + hook_receivers.APART
    assert due(hook) == (soon, soon)


def test_what_is_due_earlier_stays_so_and_what_is_off_stays_off() -> None:
    earlier = NOW - timedelta(seconds=1)
    hook = make_hook(next_status_poll_at=earlier, next_event_poll_at=None)

    ask_sooner(hook)

    assert due(hook) == (earlier, None)


def test_an_account_that_is_not_asked_at_all_is_not_asked_now() -> None:
    state = AccountState.RECONNECT_REQUIRED
    hook = make_hook(state=state, next_status_poll_at=LATER, next_event_poll_at=LATER)

    ask_sooner(hook)

    assert due(hook) == (LATER, LATER)


def test_what_keeps_failing_keeps_its_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    hook = make_hook(next_status_poll_at=LATER, next_event_poll_at=LATER)
    monkeypatch.setattr(
        hook_receivers.health, "is_resting", lambda _pk, what, **_: what == "status"
    )

    ask_sooner(hook)

    assert due(hook) == (LATER, NOW)


def test_access_control_systems_are_looked_at_now_and_once_more_after_a_burst() -> None:
    hook = make_hook()
    other = make_account()

    for _ in range(3):
        systems_receivers.look_sooner(account=hook.account, at=NOW)
    systems_receivers.look_sooner(account=other, at=NOW)

    [watch] = SystemsWatch.objects.all()
    assert watch.account_id == hook.account_id
    assert watch.next_at is not None
    assert NOW < watch.next_at <= NOW + timedelta(seconds=2)
