"""Cards made while programs die and answers get lost: one write each, and no card too many."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.processes.stack import NO_LIMIT, Stack, until

pytestmark = pytest.mark.processes

ENCODER = "Front desk 1"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack of its own: its installation is taken in as it is, once."""
    with Stack(environment=NO_LIMIT) as stack:
        stack.sandbox.ask("POST", "/settings", {"preset": "instant"})
        stack.run("tests.processes.cards", "connect")
        yield stack


@pytest.fixture
def desk(stack: Stack) -> Iterator["Desk"]:
    stack.sandbox.ask("DELETE", "/scripts")
    stack.heal()
    desk = Desk(stack)
    yield desk
    desk.clear()


class Desk:
    """Somebody at the encoder, with cards of their own."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        Desk.number = getattr(Desk, "number", 0) + 1
        self.name = f"Guest {Desk.number}"
        self.card = stack.sandbox.ask("POST", "/cards", {"label": f"Card {Desk.number}"})
        stack.run("tests.processes.cards", "person", self.name)

    def ask(self, intent: str = "first") -> str:
        return self.stack.run("tests.processes.cards", "ask", self.name, intent)

    def job(self, pk: str) -> dict[str, Any]:
        (row,) = self.stack.rows("SELECT * FROM access_encodejob WHERE id = %s", pk)
        return row

    def becomes(self, pk: str, *states: str, seconds: float = 30) -> dict[str, Any]:
        until(lambda: self.job(pk)["state"] in states, seconds=seconds)
        return self.job(pk)

    def place(self) -> None:
        self.stack.sandbox.ask("POST", f"/cards/{self.card['id']}/place", {"encoder_id": ENCODER})

    def clear(self) -> None:
        self.stack.sandbox.ask("POST", f"/cards/{self.card['id']}/take", {})

    def written(self) -> int:
        effects = self.stack.sandbox.ask("GET", "/effects", kind="card_written")
        return sum(each["detail"].get("card_id") == self.card["id"] for each in effects)

    def is_issued(self, pk: str) -> bool:
        (row,) = self.stack.rows(
            "SELECT c.is_issued FROM access_acscredential c JOIN access_encodejob j"
            " ON j.credential_id = c.id WHERE j.id = %s",
            pk,
        )
        return bool(row["is_issued"])


def test_a_card_is_made(desk: Desk) -> None:
    pk = desk.ask()
    desk.becomes(pk, "waiting")
    desk.place()

    job = desk.becomes(pk, "issued")

    assert (desk.written(), desk.is_issued(pk)) == (1, True)
    assert job["result"]["last_four"] == desk.card["serial"][-4:]


def test_a_worker_that_dies_while_it_waits_is_replaced_in_time(desk: Desk, stack: Stack) -> None:
    pk = desk.ask()
    attempt_id = desk.becomes(pk, "waiting")["attempt_id"]
    stack.kill("actuator")
    desk.place()
    stack.start("actuator")

    job = desk.becomes(pk, "issued")

    assert (desk.written(), job["attempt_id"]) == (1, attempt_id)


def test_an_answer_lost_after_the_write_is_doubt_until_salto_tells(
    desk: Desk, stack: Stack
) -> None:
    script = {
        "action_type": "ENCODE_CREDENTIAL",
        "phase": "after",
        "error": "bridge_disconnected",
        "report_seconds": 6,
    }
    stack.sandbox.ask("POST", "/scripts", script)
    pk = desk.ask()
    desk.becomes(pk, "waiting")
    desk.place()

    doubtful = desk.becomes(pk, "unknown", "issued")

    assert (doubtful["state"], desk.is_issued(pk), desk.written()) == ("unknown", False, 1)
    assert desk.becomes(pk, "issued")["evidence"] == "credential"
    assert desk.written() == 1


def test_a_start_whose_answer_is_lost_is_not_repeated(desk: Desk, stack: Stack) -> None:
    stack.sandbox.ask(
        "POST",
        "/faults",
        {"match": {"route": "seam_encode"}, "effect": "drop_after", "times": 1},
    )
    pk = desk.ask()
    job = desk.becomes(pk, "unknown", "waiting")
    assert (job["state"], job["attempt_id"]) == ("unknown", "")
    desk.place()

    assert desk.becomes(pk, "issued")["evidence"] == "credential"
    assert desk.written() == 1
