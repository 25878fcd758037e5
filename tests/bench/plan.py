"""The plan of a grant over many doors: the form shows it with every change.

    python -m tests.bench.plan [--doors 40] [--rounds 200]

Nothing but the planner runs: no rows, no programs. The doors are of all kinds, a third of them
hold the PIN that is asked for, and the person has other grants. Read the ratio to one door;
a plan asked for again after it was carried out comes last.
"""

import argparse
import statistics
import time
from collections.abc import Callable

from access.planning.doors import Door
from access.planning.fingerprints import fingerprint
from tests.access.planning.world import (
    CARD,
    CLOUD,
    CODE,
    DAY,
    NOW,
    Town,
    carried_out,
    lock,
    room,
    salto,
    wish,
)

GOAL_MS = 50


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--doors", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=200)
    asked = parser.parse_args()
    one, many, again = _cases(asked.doors, asked.rounds)
    print(f"one door    {one:7.2f} ms")
    print(f"{asked.doors} doors    {many:7.2f} ms  {many / one:5.1f} ×  (goal {GOAL_MS} ms)")
    print(f"and again   {again:7.2f} ms  {again / one:5.1f} ×")


def _cases(count: int, rounds: int) -> tuple[float, float, float]:
    town, hope = Town(), wish(CODE, CARD, CLOUD, digits="274983")
    doors = [_door(n) for n in range(count)]
    for door in doors[::3]:
        town.take(door, "274983")
    past = wish(starts_at=NOW - 9 * DAY, ends_at=NOW - 8 * DAY)
    others = [
        method
        for _ in range(10)
        for method in carried_out(town.plan(past, *doors, now=NOW - 10 * DAY), past, doors)
    ]
    held = carried_out(town.plan(hope, *doors, others=others), hope, doors)
    return (
        _median(lambda: fingerprint(town.plan(hope, doors[0], others=others)), rounds),
        _median(lambda: fingerprint(town.plan(hope, *doors, others=others)), rounds),
        _median(lambda: fingerprint(town.plan(hope, *doors, others=others, held=held)), rounds),
    )


def _door(n: int) -> Door:
    return (lock, salto, room, lock)[n % 4](f"Door {n:02}")


def _median(act: Callable[[], object], rounds: int) -> float:
    """Return the median in milliseconds."""
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        act()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


if __name__ == "__main__":
    main()
