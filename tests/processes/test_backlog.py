"""What waited too long, or is not allowed any more, is dropped and never sent."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.processes.stack import Clicked, Stack

pytestmark = pytest.mark.processes


def test_backlog_after_an_outage_is_dropped_not_drained(stack: Stack) -> None:
    doors = [door for door in stack.doors if door.is_plain]
    waiting = [(door, stack.people[n % 10]) for n, door in enumerate(doors)] + [
        (door, stack.people[0]) for door in doors[: 50 - len(doors)]
    ]
    stack.kill("actuator")

    def click(wish: tuple) -> Clicked:
        return stack.click(wish[0], person=wish[1], again=True)

    with ThreadPoolExecutor(8) as pool:
        clicks = list(pool.map(click, waiting))
    before = stack.sandbox.calls()[-1]["n"] if stack.sandbox.calls() else 0
    assert len(clicks) == 50
    stack.rows("SELECT pg_sleep(extract(epoch FROM max(deadline) - clock_timestamp()))"
               " FROM locks_actionattempt")  # fmt: skip
    stack.start("actuator")

    outcomes = {stack.outcome(clicked)["status"] for clicked in clicks}

    assert outcomes == {"expired"}
    assert stack.sandbox.calls(after=before) == []
    assert "Not sent – took too long. Nothing happened." in stack.tile(doors[0])


def test_person_deactivated_between_click_and_claim_opens_nothing(stack: Stack) -> None:
    person = stack.people[-1]
    stack.kill("actuator")
    clicked = stack.click(stack.door(), person=person)
    stack.give_time(clicked)
    stack.rows("UPDATE accounts_user SET is_active = false WHERE id = %s", person)

    stack.start("actuator")

    assert stack.outcome(clicked)["status"] == "cancelled"
    assert stack.sandbox.calls_of(clicked.attempt_id) == 0
    stack.rows("UPDATE accounts_user SET is_active = true WHERE id = %s", person)
