"""The broker is lossy and untrusted: away, hung, emptied or lied to, doors open once or not."""

import base64
import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from tests.processes.stack import Clicked, Stack, until

pytestmark = pytest.mark.processes

QUEUE = "lockboard:actuate"


@pytest.fixture
def without_valkey(stack: Stack) -> Iterator[Stack]:
    stack.engines.valkey.stop()
    return stack


def test_doors_open_without_valkey(without_valkey: Stack) -> None:
    stack = without_valkey
    for _ in range(3):
        clicked = stack.click(stack.door())

        assert clicked.seconds < 2
        assert stack.outcome(clicked)["status"] == "success"
        assert stack.sandbox.openings_of(clicked.attempt_id) == 1


def test_web_process_that_never_met_valkey_opens_doors(without_valkey: Stack) -> None:
    stack = without_valkey
    stack.kill("web")
    stack.programs["web"].start()
    stack.wait_for_web()

    clicked = stack.click(stack.door())

    assert stack.outcome(clicked)["status"] == "success"
    assert stack.sandbox.openings_of(clicked.attempt_id) == 1


def test_beat_goes_on_sweeping_without_valkey(without_valkey: Stack) -> None:
    stack = without_valkey
    _assert_sweeps(stack)

    stack.kill("beat")
    stack.programs["beat"].start()  # it cannot have met a broker now

    _assert_sweeps(stack)


def _assert_sweeps(stack: Stack) -> None:
    """A door whose opening time is over gets locked by the sweep, and by nothing else."""
    door = stack.door()
    stack.rows(
        "UPDATE locks_device SET state = 'unlocked', released_until = now() WHERE id = %s", door.id
    )
    released = "SELECT 1 FROM locks_device WHERE released_until IS NOT NULL AND id = %s"
    until(lambda: not stack.rows(released, door.id), seconds=8)


def test_hung_valkey_holds_no_click(stack: Stack) -> None:
    stack.engines.valkey.pause()

    with ThreadPoolExecutor(4) as pool:
        clicks = list(pool.map(stack.click, [stack.door() for _ in range(4)]))

    assert max(clicked.seconds for clicked in clicks) < 2
    for clicked in clicks:
        assert stack.outcome(clicked)["status"] == "success"
    stack.engines.valkey.resume()  # now the workers get the hints that came too late
    until(lambda: not _waiting(stack))
    time.sleep(0.5)
    for clicked in clicks:
        assert stack.sandbox.calls_of(clicked.attempt_id) == 1


def test_emptied_valkey_loses_no_click(stack: Stack) -> None:
    clicks = []
    for _ in range(15):
        clicks.append(stack.click(stack.door()))
        with stack.valkey() as valkey:
            valkey.flushall()

    for clicked in clicks:
        assert stack.outcome(clicked)["status"] == "success"
        assert stack.sandbox.openings_of(clicked.attempt_id) == 1


def test_doubled_stale_and_forged_messages_open_nothing(stack: Stack) -> None:
    stack.kill("actuator")
    until(lambda: _publishes(stack))
    first = stack.click(stack.door())
    stack.give_time(first)
    genuine = until(lambda: _hint_at(stack, first))
    with stack.valkey() as valkey:
        valkey.lpush(QUEUE, *[genuine] * 50)

    stack.start("actuator")
    assert stack.outcome(first)["status"] == "success"
    finished = stack.rows("SELECT id FROM locks_actionattempt WHERE status <> 'queued' LIMIT 20")
    with stack.valkey() as valkey:
        valkey.lpush(QUEUE, *[genuine] * 20)
        for wrong in (*(str(row["id"]) for row in finished), str(uuid4()), "x", 7, None):
            valkey.lpush(QUEUE, _forged(genuine, kwargs={"attempt_id": wrong}))
        valkey.lpush(QUEUE, _forged(genuine, kwargs={"attempt_id": first.attempt_id, "door": 1}))
        valkey.lpush(QUEUE, _forged(genuine, task="locks.actuation.perform"))
    until(lambda: not _waiting(stack))
    last = stack.click(stack.door())

    assert stack.outcome(last)["status"] == "success"
    calls = Counter(call["request_id"] for call in stack.sandbox.calls())
    assert {calls[str(row["id"])] for row in finished} <= {0, 1}
    assert calls[first.attempt_id] == calls[last.attempt_id] == 1
    assert calls.keys() <= {
        str(row["id"]) for row in stack.rows("SELECT id FROM locks_actionattempt")
    }


def _publishes(stack: Stack) -> bool:
    """Click; say whether a hint went out. After an outage the web does without for a while."""
    clicked = stack.click(stack.door())
    until(lambda: _hint_at(stack, clicked) or stack.attempt(clicked.attempt_id)["sent_at"])
    return _hint_at(stack, clicked) is not None


def _hint_at(stack: Stack, clicked: Clicked) -> bytes | None:
    """Return the message that was published for a click."""
    with stack.valkey() as valkey:
        waiting: list[bytes] = valkey.lrange(QUEUE, 0, -1)
    wanted = clicked.attempt_id.encode()
    return next((m for m in waiting if wanted in base64.b64decode(json.loads(m)["body"])), None)


def _forged(message: bytes, *, kwargs: dict | None = None, task: str = "") -> bytes:
    forged = json.loads(message)
    args, _, embed = json.loads(base64.b64decode(forged["body"]))
    body = json.dumps([args, kwargs or {}, embed])
    forged["body"] = base64.b64encode(body.encode()).decode()
    forged["headers"]["id"] = forged["properties"]["correlation_id"] = str(uuid4())
    forged["headers"]["expires"] = None
    if task:
        forged["headers"]["task"] = task
    return json.dumps(forged).encode()


def _waiting(stack: Stack) -> int:
    with stack.valkey() as valkey:
        return int(valkey.llen(QUEUE))
