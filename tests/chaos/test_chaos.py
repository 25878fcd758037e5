"""Never two openings for one attempt, none after its deadline; and proof that it would be seen.

A longer run: LOCKBOARD_CHAOS_CLICKS=5000 LOCKBOARD_CHAOS_SECONDS=600 bin/test tests/chaos -s
Another one like it: LOCKBOARD_CHAOS_SEED=… as printed.
"""

import os
import random

import pytest

from tests.chaos import harness
from tests.chaos.subjects import Lockboard, Naive
from tests.processes.stack import NO_LIMIT, Stack

pytestmark = pytest.mark.processes

CLICKS = int(os.environ.get("LOCKBOARD_CHAOS_CLICKS", "140"))
SECONDS = float(os.environ.get("LOCKBOARD_CHAOS_SECONDS", "8"))
SEED = int(os.environ.get("LOCKBOARD_CHAOS_SEED") or random.SystemRandom().randrange(10**6))


def test_chaos_opens_no_door_twice_and_none_too_late(capsys: pytest.CaptureFixture[str]) -> None:
    with Stack(programs=("web", "worker", "beat"), environment=NO_LIMIT) as stack:
        subject = Lockboard(stack, SEED)
        doors = [door for door in stack.doors if door.is_plain]

        report = harness.run(
            subject, stack.sandbox, doors, clicks=CLICKS, seconds=SECONDS, seed=SEED
        )

    _show(capsys, f"{report}, {subject.deaths} actuators died")
    assert report.doubled == []
    assert report.late == []
    assert report.unasked == []
    assert report.untrue == []
    # Sometimes: otherwise this run would have proven nothing.
    assert subject.deaths >= 3
    assert len(report.attempts) >= CLICKS * 0.3  # clicks at a web that was just killed are lost
    assert report.statuses["success"] >= CLICKS * 0.1
    assert report.statuses["unconfirmed"] + report.statuses["failed"] >= 1


def test_naive_task_is_caught_by_the_same_harness(capsys: pytest.CaptureFixture[str]) -> None:
    with Stack(programs=()) as stack:
        doors = [door for door in stack.doors if door.is_plain and "harbour" in door.account]

        report = harness.run(
            Naive(stack, SEED), stack.sandbox, doors, clicks=60, seconds=5, seed=SEED
        )

    _show(capsys, report)
    assert len(report.doubled) >= 3
    assert len(report.late) >= 1


def _show(capsys: pytest.CaptureFixture[str], what: object) -> None:
    with capsys.disabled():
        print(f"\n{what}")  # noqa: T201  whoever has to repeat it needs the seed
