"""What becomes of a click when one of our own programs dies at the wrong moment."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from config.starting import wait_until
from tests.processes.stack import DEADLINE_SECONDS, Clicked, Stack, until

pytestmark = pytest.mark.processes


def test_worker_killed_around_the_call_leaves_it_unconfirmed_and_unrepeated(stack: Stack) -> None:
    stack.kill("actuator")
    before = _die_with_an_attempt(stack, "after_claim=1")
    after = _die_with_an_attempt(stack, "after_call=1")

    stack.start("actuator")

    for clicked in (before, after):
        assert stack.outcome(clicked)["status"] in ("unconfirmed", "success")
    assert stack.attempt(before.attempt_id)["status"] == "unconfirmed"
    assert stack.sandbox.calls_of(before.attempt_id) == 0
    # The feed knows of the one that was carried out.
    assert stack.becomes(after, "success")["evidence"] == "feed"
    assert stack.sandbox.calls_of(after.attempt_id) == 1
    assert stack.sandbox.openings_of(after.attempt_id) == 1


def _die_with_an_attempt(stack: Stack, odds: str) -> Clicked:
    fragile = stack.fragile_actuator(odds)
    fragile.start()
    stack.wait_until_ready()
    clicked = stack.click(stack.door())
    assert clicked.attempt_id, (clicked.status, clicked.html)
    until(lambda: not fragile.is_running)
    stack.drop(fragile)
    assert stack.attempt(clicked.attempt_id)["status"] == "sending"
    return clicked


def test_click_whose_hint_died_with_a_worker_is_carried_out_in_time(stack: Stack) -> None:
    stack.programs["actuator"].pause()
    clicked = stack.click(stack.door())
    stack.give_time(clicked)
    # The hint is on its way to a worker that hangs; or that hung between two looks for hints.
    if not wait_until(lambda: not _waiting(stack), seconds=3):
        with stack.valkey() as valkey:
            valkey.delete("lockboard:actuate")
    stack.kill("actuator")

    stack.start("actuator")

    row = stack.outcome(clicked)
    assert row["status"] == "success"
    assert stack.sandbox.openings_of(clicked.attempt_id) == 1


def _waiting(stack: Stack) -> int:
    with stack.valkey() as valkey:
        return int(valkey.llen("lockboard:actuate"))


def test_worker_told_to_stop_finishes_its_call(stack: Stack) -> None:
    door = stack.door()
    stack.sandbox.fault("slow", seconds=1.5, lock_id=door.remote_id)
    clicked = stack.click(door)
    until(lambda: stack.sandbox.calls_of(clicked.attempt_id))

    stack.programs["actuator"].stop()

    assert stack.attempt(clicked.attempt_id)["status"] == "success"
    assert stack.sandbox.openings_of(clicked.attempt_id) == 1


def test_worker_that_hung_past_the_deadline_sends_nothing(stack: Stack) -> None:
    actuator = stack.programs["actuator"]
    actuator.pause()
    clicked = stack.click(stack.door())
    time.sleep(DEADLINE_SECONDS)
    stack.sandbox.calls()

    actuator.resume()

    assert stack.outcome(clicked)["status"] == "expired"
    assert stack.sandbox.calls_of(clicked.attempt_id) == 0


def test_killed_web_process_doubles_no_click_and_loses_none_it_answered(stack: Stack) -> None:
    doors = [stack.door() for _ in range(12)]
    keys = [f"key-{door.id}-{time.time_ns()}" for door in doors]

    def click_until_answered(n: int) -> Clicked:
        for _ in range(100):
            try:
                return stack.click(doors[n], key=keys[n])
            except OSError:
                time.sleep(0.1)  # as a person would: the same button once more
        raise AssertionError("the web process did not come back")

    with ThreadPoolExecutor(6) as pool:
        waiting = [pool.submit(click_until_answered, n) for n in range(len(doors))]
        time.sleep(0.05)
        stack.kill("web")
        stack.start("web")
        clicks = [future.result() for future in waiting]

    for clicked in clicks:
        assert stack.outcome(clicked)["status"] == "success"
        assert stack.sandbox.openings_of(clicked.attempt_id) == 1
    rows = stack.rows("SELECT id FROM locks_actionattempt WHERE idempotency_key = ANY(%s)", keys)
    assert len(rows) == len(doors)


def test_second_beat_changes_nothing(stack: Stack) -> None:
    command = list(stack.programs["beat"].command)
    command[command.index("--schedule") + 1] += "-2"
    second = stack.add("beat-2", command)
    second.start()
    after = max((call["n"] for call in stack.sandbox.ask("GET", "/requests", after=0)), default=0)
    stack.rows("UPDATE accounts_connectedaccount SET next_status_poll_at = now()")

    clicks = [stack.click(stack.door()) for _ in range(5)]

    for clicked in clicks:
        assert stack.outcome(clicked)["status"] == "success"
        assert stack.sandbox.calls_of(clicked.attempt_id) == 1
    due = "SELECT 1 FROM accounts_connectedaccount WHERE next_status_poll_at <= now()"
    until(lambda: not stack.rows(due))
    time.sleep(1.2)  # both beats tick once more
    listings = stack.sandbox.ask("GET", "/requests", after=after, route="locks")
    pages = [request for request in listings if "skip" not in request["query"]]
    paths = [request["path"] for request in pages]
    assert len(paths) == len(set(paths))
    stack.drop(second)
