"""Hints: lost without harm, and never in the way."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from redis.exceptions import ConnectionError as RedisConnectionError

from locks import live, tasks


@pytest.fixture(autouse=True)
def unbroken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_broken", live._Broken())


class Task:
    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[dict[str, Any]] = []
        self.error = error

    def apply_async(self, **options: Any) -> None:
        self.asked.append(options)
        if self.error:
            raise self.error


def test_q_03_a_hint_carries_ids_expires_and_is_not_retried() -> None:
    task = Task()

    assert live.send(task, expires=10, attempt_id="7")

    assert task.asked == [
        {"kwargs": {"attempt_id": "7"}, "expires": 10, "retry": False, "ignore_result": True}
    ]


@pytest.mark.parametrize("error", [OSError("gone"), RedisConnectionError("gone"), ValueError("?")])
def test_q_04_a_broker_that_fails_is_left_alone_for_a_while(error: Exception) -> None:
    broken, sound = Task(error), Task()

    assert [live.send(broken, expires=1), live.send(sound, expires=1)] == [False, False]

    assert (len(broken.asked), sound.asked) == (1, [])


def test_an_outage_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    live._broken.note()
    live._broken.note()

    assert [record.message for record in caplog.records] == [
        "Valkey does not answer; hints are off, everything still runs"
    ]


def test_after_a_rest_the_broker_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: now[0])
    live._broken.note()
    task = Task()

    assert not live.send(task, expires=1)
    now[0] += 3.1
    assert live.send(task, expires=1)


@pytest.mark.django_db
def test_boards_are_told_after_the_commit_and_not_before(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    said: list[Any] = []
    monkeypatch.setattr(live, "_publish", lambda message: said.append(json.loads(message)))
    workspace, device, account = uuid4(), uuid4(), uuid4()

    with django_capture_on_commit_callbacks(execute=True):
        live.announce(workspace, device)
        live.announce_account(workspace, account)
        assert said == []

    assert said == [
        {"w": str(workspace), "d": [str(device)]},
        {"w": str(workspace), "a": str(account)},
    ]


def test_valkey_away_stops_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    class Away:
        def publish(self, *_: Any) -> None:
            raise RedisConnectionError("gone")

    monkeypatch.setattr(live, "client", Away)

    live._publish("{}")
    live._publish("{}")

    assert live._broken


def subscribe() -> live.Subscription:
    heard = live.Subscription()
    heard.gather(1, 0.01)  # the word that we are subscribed
    return heard


@pytest.mark.django_db
def test_what_is_published_is_heard_together() -> None:
    heard = subscribe()
    try:
        for number in range(3):
            live.client().publish(live.channel(), json.dumps({"w": "x", "d": [str(number)]}))

        assert [hint["d"] for hint in heard.gather(2, 0.05)] == [["0"], ["1"], ["2"]]
        assert heard.gather(0.01, 0.01) == []
    finally:
        heard.close()


@pytest.mark.django_db
@pytest.mark.parametrize("garbage", [b"\xff\xfe", b"{", b"[1]", b'"x"', b"7"])
def test_act_07_what_is_no_hint_is_not_heard(garbage: bytes) -> None:
    heard = subscribe()
    try:
        live.client().publish(live.channel(), garbage)
        live.client().publish(live.channel(), json.dumps({"w": "x"}))

        assert heard.gather(2, 0.05) == [{"w": "x"}]
    finally:
        heard.close()


@pytest.mark.django_db
def test_databases_do_not_share_a_channel() -> None:
    assert live.channel().split(":")[1:] == [connection.settings_dict["NAME"], "board"]


def test_a_real_task_is_known_to_the_runner() -> None:
    assert tasks.perform_attempt.name == "locks.tasks.perform_attempt"
