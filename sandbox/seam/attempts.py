"""Action attempts: pending at once, settled a moment later, and scripts that decide how.

An attempt does its work when it settles, so that `pending` really means that nothing has
moved yet. Nothing cancels one.
"""

import random
from collections.abc import Callable
from typing import Any

from sandbox.seam.http import Ask, call, not_found
from sandbox.seam.things import Attempt, Script
from sandbox.things import Timer
from sandbox.world import CALL, Call, World, new_id

Work = Callable[[World, Attempt], None]

#: Action type → what it does when its time has come; filled by the modules that know.
WORK: dict[str, Work] = {}


def start(
    ask: Ask, action_type: str, *, lock_id: str | None = None, **payload: Any
) -> dict[str, Any]:
    """Begin an attempt and return its answer: `{"action_attempt": {… pending}}`."""
    attempt = make(ask, action_type, lock_id=lock_id, **payload)
    go(ask.world, attempt)
    return {"action_attempt": shape(attempt)}


def go(world: World, attempt: Attempt) -> None:
    """Let an attempt do its work in a moment; at once where no time is to pass."""
    seconds = world.settings.seam_attempt_seconds
    if seconds > 0:
        world.schedule(f"attempt:{attempt.id}", "attempt", seconds, attempt_id=attempt.id)
    else:
        WORK[attempt.action_type](world, attempt)


def make(ask: Ask, action_type: str, *, lock_id: str | None = None, **payload: Any) -> Attempt:
    asked = CALL.get()
    return ask.world.attempts.put(
        Attempt(
            id=new_id(),
            workspace_id=ask.workspace_id,
            action_type=action_type,
            created_at=ask.world.now(),
            lock_id=lock_id,
            account=ask.client.id,
            request_id=asked.request_id if asked else None,
            payload=payload,
        )
    )


def succeed(world: World, attempt: Attempt, result: dict[str, Any]) -> None:
    if attempt.status == "pending":
        attempt.status, attempt.result = "success", result
        world.attempts.put(attempt)


def fail(world: World, attempt: Attempt, kind: str, message: str) -> None:
    if attempt.status == "pending":
        attempt.status, attempt.error = "error", {"type": kind, "message": message}
        world.attempts.put(attempt)


def shape(attempt: Attempt) -> dict[str, Any]:
    return {
        "action_attempt_id": attempt.id,
        "action_type": attempt.action_type,
        "status": attempt.status,
        "result": attempt.result,
        "error": attempt.error,
    }


# --- working ------------------------------------------------------------------------------


def _work(world: World, timer: Timer) -> None:
    attempt = world.attempts.get(timer.payload["attempt_id"])
    if attempt is None or attempt.status != "pending":
        return
    with_account(world, attempt, WORK[attempt.action_type])


def with_account(world: World, attempt: Attempt, work: Work) -> None:
    """Run `work` so that effects carry the account and request id of whoever asked."""
    asked = Call("POST", "", "", attempt.account, attempt.lock_id, attempt.request_id)
    token = CALL.set(asked)
    try:
        work(world, attempt)
    finally:
        CALL.reset(token)


TIMERS: dict[str, Callable[[World, Timer], None]] = {"attempt": _work}


# --- scripts ------------------------------------------------------------------------------


def script_for(world: World, attempt: Attempt, *phases: str, **facts: str | None) -> Script | None:
    """Return the oldest script that hits this attempt in one of `phases`, and count the hit.

    `facts`: what scripts may match beside the type: lock_id, encoder_id, credential_id, card_id.
    """
    for script in world.scripts:
        if script.times == 0 or script.phase not in phases:
            continue
        if script.action_type not in {None, attempt.action_type}:
            continue
        if any(facts.get(name) != value for name, value in script.match.items()):
            continue
        script.tries += 1
        world.scripts.put(script)
        draw = random.Random(f"{script.seed}:{script.tries}").uniform(0, 100)  # noqa: S311
        if draw >= script.chance_percent:
            continue
        script.hits += 1
        script.times = None if script.times is None else script.times - 1
        return script
    return None


# --- reading ------------------------------------------------------------------------------


def _mine(ask: Ask) -> list[Attempt]:
    return ask.world.attempts.where(workspace_id=ask.workspace_id)


def get_attempt(ask: Ask) -> dict[str, Any]:
    attempt = ask.world.attempts.get(ask.get("action_attempt_id"))
    if attempt is None or attempt.workspace_id != ask.workspace_id:
        raise not_found("action_attempt")
    return {"action_attempt": shape(attempt)}


def list_attempts(ask: Ask) -> dict[str, Any]:
    ids, device_id = ask.get("action_attempt_ids"), ask.get("device_id")
    found = [
        attempt
        for attempt in _mine(ask)
        if (ids is None or attempt.id in ids)
        and (device_id is None or attempt.lock_id == device_id)
    ]
    return ask.page("action_attempts", found, shape, 500)


ROUTES = [
    call("/action_attempts/get", "GET", "action_attempt_id*:uuid", get_attempt),
    call(
        "/action_attempts/list",
        "GET",
        "action_attempt_ids:uuids device_id:uuid limit:number page_cursor?:text",
        list_attempts,
    ),
]
