"""Doorbells: an id comes in, a service is called."""

from typing import Any
from uuid import uuid4

import pytest

from audit import partitions
from audit.tasks import make_partitions
from locks import actuation, polling, tasks


def test_act_07_a_message_carries_an_id_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Any] = []
    monkeypatch.setattr(actuation, "perform", lambda pk, by: heard.append((pk, by)))
    attempt_id = uuid4()

    tasks.perform_attempt(attempt_id=str(attempt_id))

    [(pk, by)] = heard
    assert pk == attempt_id
    assert len(by) <= 64


@pytest.mark.parametrize(
    "message",
    [{}, {"attempt_id": "7"}, {"attempt_id": "934290e6-b2fc-4993-9655-9c4882e7da5f", "door": "x"}],
    ids=str,
)
def test_act_07_a_message_of_another_shape_opens_nothing(
    monkeypatch: pytest.MonkeyPatch, message: dict[str, str]
) -> None:
    heard: list[Any] = []
    monkeypatch.setattr(actuation, "perform", lambda *words, **_: heard.append(words))

    with pytest.raises((TypeError, ValueError)):
        tasks.perform_attempt(**message)

    assert heard == []


def test_ticks_call_their_service(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    monkeypatch.setattr(actuation, "sweep", lambda: heard.append("sweep"))
    monkeypatch.setattr(polling, "queue_due", lambda: heard.append("queue_due"))
    monkeypatch.setattr(partitions, "make_ahead", lambda now: heard.append("make_ahead"))

    tasks.sweep()
    tasks.queue_due_polls()
    make_partitions()

    assert heard == ["sweep", "queue_due", "make_ahead"]
