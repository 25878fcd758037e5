"""What the simulator finds, and that it would find what is wrong.

More worlds: LOCKBOARD_SIM_WORLDS=1000 bin/test tests/locks/codes/test_sim.py
"""

import os
from collections import Counter
from collections.abc import Callable

import pytest

from tests.locks.codes.sim import naive
from tests.locks.codes.sim.world import World

WORLDS = int(os.environ.get("LOCKBOARD_SIM_WORLDS", "60"))


def test_worlds_of_faults_end_as_wished_and_nothing_lives_too_long() -> None:
    seen: Counter[str] = Counter()

    wrong = {}
    for seed in range(WORLDS):
        verdict = World(seed).run()
        seen.update(verdict.seen)
        if verdict.wrong:
            wrong[seed] = verdict.wrong

    assert wrong == {}  # python -m tests.locks.codes.sim --seed N
    # A run in which these never happened has proved nothing.
    for word in (
        "found",
        "not_made",
        "settled",
        "copy_removed",
        "drifted",
        "vanished",
        "blocked",
        "overdue",
        "removal_failed",
        "removed",
        "crashed",
    ):
        assert seen[word], (word, seen)


HARSH = 20


def test_harsh_worlds_end_as_wished_too() -> None:
    wrong = {v.seed: v.wrong for v in (naive.ours(seed).run() for seed in range(HARSH)) if v.wrong}

    assert wrong == {}


@pytest.mark.parametrize("design", [naive.by_stored_id, naive.without_settling])
def test_the_same_worlds_find_what_is_wrong_with_naive_designs(
    design: Callable[[int], World],
) -> None:
    bad = [seed for seed in range(HARSH) if design(seed).run().wrong]

    assert len(bad) > HARSH / 4, bad
