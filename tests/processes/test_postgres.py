"""PostgreSQL is the only truth. Cut off in the middle, it loses nothing and doubles nothing."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.processes.stack import Stack, until

pytestmark = pytest.mark.processes


def test_restarted_database_loses_nothing_and_doubles_nothing(stack: Stack) -> None:
    doors = [stack.door() for _ in range(12)]
    for door in doors[:6]:
        stack.sandbox.fault("slow", seconds=1, lock_id=door.remote_id)
    with ThreadPoolExecutor(6) as pool:
        early = list(pool.map(stack.click, doors[:6]))
    until(lambda: all(stack.sandbox.calls_of(c.attempt_id) for c in early))

    stack.engines.postgres.restart(immediate=True)

    late = [stack.click(door) for door in doors[6:]]
    answered = [clicked for clicked in early + late if clicked.status == 200]
    assert len(answered) > len(early)
    for clicked in answered:
        # Their outcome was stored once the database was back.
        assert stack.outcome(clicked)["status"] == "success"
        assert stack.sandbox.calls_of(clicked.attempt_id) == 1
        assert _log_of(stack, clicked.attempt_id) == ["unlock_requested", "unlock_succeeded"]


def _log_of(stack: Stack, attempt_id: str) -> list[str]:
    rows = stack.rows(
        "SELECT verb FROM audit_event WHERE attempt_id = %s ORDER BY recorded_at", attempt_id
    )
    return [row["verb"] for row in rows]


def test_nothing_is_sent_while_nothing_can_be_recorded(stack: Stack) -> None:
    door = stack.door()
    calls = len(stack.sandbox.calls())
    stack.engines.postgres.stop()

    clicked = stack.click(door)

    assert clicked.status == 503
    assert clicked.seconds < 6
    stack.engines.postgres.start()
    assert len(stack.sandbox.calls()) == calls
