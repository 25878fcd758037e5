"""Cards one after another: how long we add to what encoder and hand take.

    python -m tests.bench.cards [--cards 50] [--write 1.0]

The workers, the database, Valkey and the sandbox are real. A card is laid on as soon as the
encoder waits for one, which is some time after the cloud took the attempt; from then the encoder
writes for `write` seconds. What is left of the time between asking and *issued* is ours:
preparing and starting; then hearing of it and proving it.
"""

import argparse
import statistics
import time
from importlib import import_module
from typing import Any

from tests.bench import inside
from tests.processes.stack import Stack, until

ENCODER = "Front desk 1"
#: 95 of 100 cards.
GOAL_SECONDS = 0.3


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cards", type=int, default=50)
    parser.add_argument("--write", type=float, default=1.0, help="seconds an encoder writes")
    asked = parser.parse_args()
    with Stack(programs=("actuator", "beat")) as stack:
        inside.join(stack)
        _Bench(stack, asked.write).run(asked.cards)


class _Bench:
    def __init__(self, stack: Stack, write_seconds: float) -> None:
        self.stack = stack
        self.write_seconds = write_seconds
        self.cards: Any = import_module("tests.processes.cards")

    def run(self, count: int) -> None:
        self.control("/settings", preset="instant")
        self.cards.connect()
        self.control(f"/encoders/{ENCODER}", write_seconds=self.write_seconds)
        for n in range(count):
            self.cards.person(f"Guest {n}")
            self.control("/cards", label=f"Card {n}")
        phases = [self.make(f"Guest {n}", f"Card {n}") for n in range(count)]
        before = [ready for ready, _after in phases]
        after = [late for _ready, late in phases]
        print(f"{count} cards, an encoder that writes for {self.write_seconds:g} s")
        _tell("from asked to started", before)
        _tell("from written to issued", after)
        _tell(f"added by us (goal: p95 ≤ {GOAL_SECONDS:g} s)", [sum(each) for each in phases])

    def make(self, person: str, card: str) -> tuple[float, float]:
        """Make one card. Return the seconds until the cloud had it, and after it was written."""
        began = time.perf_counter()
        pk = self.cards.ask(person).pk
        self.wait_for(lambda: self.state(pk) == "waiting")
        ready = time.perf_counter()
        self.wait_for(lambda: self.light() == "waiting")
        self.control(f"/cards/{card}/place", encoder_id=ENCODER)
        placed = time.perf_counter()
        self.wait_for(lambda: self.state(pk) == "issued")
        done = time.perf_counter()
        self.control(f"/cards/{card}/take")
        return ready - began, done - placed - self.write_seconds

    def wait_for(self, true: Any) -> None:
        until(true, seconds=30, every=0.005)

    def light(self) -> str:
        rows = self.stack.sandbox.ask("GET", "/encoders")
        return next(str(row["state"]) for row in rows if row["name"] == ENCODER)

    def state(self, pk: Any) -> str:
        model: Any = import_module("access.models").EncodeJob
        return str(model.objects.values_list("state", flat=True).get(pk=pk))

    def control(self, path: str, **body: Any) -> None:
        self.stack.sandbox.ask("POST", path, body)


def _tell(what: str, seconds: list[float]) -> None:
    ordered = sorted(seconds)
    p95 = ordered[max(0, round(len(ordered) * 0.95) - 1)]
    middle = statistics.median(ordered)
    print(f"{what:38} p50 {middle * 1000:5.0f} ms   p95 {p95 * 1000:5.0f} ms")


if __name__ == "__main__":
    main()
