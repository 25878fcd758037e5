"""Workers are killed while codes come and go; then what is there is what is wished."""

import os
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.processes.stack import NO_LIMIT, Program, Stack, until

pytestmark = pytest.mark.processes

#: Of killing; longer by hand: CODES_SECONDS=60 CODES_COUNT=200.
SECONDS = float(os.environ.get("CODES_SECONDS", "8"))
CODES = int(os.environ.get("CODES_COUNT", "12"))
SETTLED_SECONDS = 60 + CODES

GONE = ("removed", "skipped")


@pytest.fixture
def brisk(stack: Stack) -> Iterator[Program]:
    """The stack with a worker that does not wait long, in the place of the usual one."""
    stack.kill("worker")
    command = list(stack.programs["worker"].command)
    command[: command.index("-A")] = [command[0], "-m", "tests.chaos.brisk"]
    program = stack.add("brisk", command, **NO_LIMIT)
    stack.rows("UPDATE accounts_connectedsite SET seats_total = NULL")
    program.start()
    stack.wait_until_ready()
    yield program
    stack.drop(program)
    stack.rows("DELETE FROM locks_codemoment")
    stack.rows("DELETE FROM locks_accesscode")
    stack.rows("DELETE FROM locks_codedoor")


def test_codes_come_out_as_wished_although_workers_are_killed(stack: Stack, brisk: Program) -> None:
    chance = random.Random(7)  # noqa: S311
    for site in stack.sandbox.ask("GET", "/sites"):
        stack.sandbox.ask("POST", f"/sites/{site['id']}", {"subscribed_user_amount": 1000})
    stack.run("tests.processes.codes", str(CODES), "1")
    kills, end = 0, time.monotonic() + SECONDS
    while time.monotonic() < end:
        time.sleep(chance.uniform(1.0, 3.0))
        brisk.kill()
        kills += 1
        brisk.start()
        _revoke_some(stack, chance)

    until(lambda: not _unsettled(stack), seconds=SETTLED_SECONDS, every=0.5)

    assert kills >= 2
    assert _wished(stack) == _there(stack)


def _revoke_some(stack: Stack, chance: random.Random) -> None:
    rows = stack.rows("SELECT id FROM locks_accesscode WHERE revoked_at IS NULL AND is_managed")
    for row in chance.sample(rows, min(len(rows), max(1, CODES // 12))):
        stack.rows(
            "UPDATE locks_accesscode SET revoked_at = now(), generation = generation + 1,"
            " next_run_at = now() WHERE id = %s",
            row["id"],
        )
    stack.rows("UPDATE accounts_connectedaccount SET next_codes_at = now()")


def _unsettled(stack: Stack) -> list[dict[str, Any]]:
    """Return codes that are neither gone nor on the lock although they shall be."""
    return stack.rows(
        "SELECT ref, phase, error FROM locks_accesscode WHERE is_managed AND CASE"
        " WHEN revoked_at IS NOT NULL OR ends_at <= now()"
        " THEN phase NOT IN ('removed_in_cloud', 'removed', 'skipped')"
        " ELSE phase NOT IN ('accepted', 'on_lock') END"
    )


def _wished(stack: Stack) -> set[tuple[str, str]]:
    rows = stack.rows(
        "SELECT c.ref, d.remote_id FROM locks_accesscode c JOIN locks_device d ON d.id = c.device_id"
        " WHERE c.is_managed AND c.revoked_at IS NULL AND (c.ends_at IS NULL OR c.ends_at > now())"
    )
    return {(row["ref"], row["remote_id"]) for row in rows}


def _there(stack: Stack) -> set[tuple[str, str]]:
    """Return our codes that the cloud has, by mark and lock; each must be there once."""
    refs = {row["ref"] for row in stack.rows("SELECT ref FROM locks_accesscode WHERE is_managed")}
    codes = stack.sandbox.ask("GET", "/codes")
    # A PIN is known to the whole site; at a door of no group of its own it opens nothing.
    here = ("opened", "not_synced")
    ours = [c for c in codes if c["in_cloud"] and c["name"][:8] in refs and c["reason"] in here]
    found = [(code["name"][:8], code["lock_id"]) for code in ours]
    assert len(found) == len(set(found)), found
    return set(found)
