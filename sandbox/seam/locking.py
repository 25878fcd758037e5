"""Commands to locks as action attempts, and somebody at the keypad."""

from typing import Any

from sandbox import doors
from sandbox.seam import attempts, events
from sandbox.seam.http import Ask, call
from sandbox.seam.things import Attempt
from sandbox.world import World

#: Seam names no error types for these attempts ("free string"); these are ours.
OFFLINE = ("device_disconnected", "The device is offline.")
PRIVATE = ("privacy_mode", "Somebody inside wants privacy.")
DISCONNECTED = ("account_disconnected", "The account is disconnected.")


def unlock_door(ask: Ask) -> dict[str, Any]:
    return attempts.start(ask, "UNLOCK_DOOR", lock_id=ask.device().id)


def lock_door(ask: Ask) -> dict[str, Any]:
    return attempts.start(ask, "LOCK_DOOR", lock_id=ask.device().id)


def type_code(ask: Ask) -> dict[str, Any]:
    lock_id = ask.device().id
    return attempts.start(ask, "SIMULATE_KEYPAD_CODE_ENTRY", lock_id=lock_id, code=ask.get("code"))


# --- when their time has come -------------------------------------------------------------


def _move(world: World, attempt: Attempt) -> None:
    _try(world, attempt)
    _tell(world, attempt)


def _try(world: World, attempt: Attempt) -> None:
    """Unlock or lock, unless a script or the state of things says otherwise."""
    assert attempt.lock_id
    lock = world.locks[attempt.lock_id]
    device = world.seam_devices[lock.id]
    before = attempts.script_for(world, attempt, "before", lock_id=lock.id)
    if before:
        _end(world, attempt, before.error)
        return
    refused = next(
        (
            words
            for is_so, words in (
                (not world.seam_accounts[device.account_id].is_connected, DISCONNECTED),
                (not doors.can_reach(world, lock), OFFLINE),
                (lock.privacy_mode and attempt.action_type == "UNLOCK_DOOR", PRIVATE),
            )
            if is_so
        ),
        None,
    )
    if refused:
        world.effect("lock_rejected", cause="remote", lock=lock, reason=refused[0])
        attempts.fail(world, attempt, *refused)
        return
    _act(world, attempt)
    after = attempts.script_for(world, attempt, "during", "after", lock_id=lock.id)
    if after:
        _end(world, attempt, after.error)
        return
    attempts.succeed(world, attempt, {"was_confirmed_by_device": True})


def _end(world: World, attempt: Attempt, error: dict[str, str] | None) -> None:
    """End an attempt as a script says: with its error, or never."""
    if error:
        attempts.fail(world, attempt, error["type"], error["message"])


def _act(world: World, attempt: Attempt) -> None:
    lock = world.locks[attempt.lock_id or ""]
    if attempt.action_type == "UNLOCK_DOOR":
        doors.open_door(world, lock, cause="remote")
        kind = "lock.unlocked"
    else:
        doors.lock_now(world, lock, cause="remote")
        kind = "lock.locked"
    events.emit_for_device(world, lock.id, kind, method="remote", action_attempt_id=attempt.id)


def _tell(world: World, attempt: Attempt) -> None:
    """Write how the attempt ended as an event, if it has ended."""
    words = {"success": "succeeded", "error": "failed"}
    if attempt.lock_id and attempt.status in words:
        events.emit_for_device(
            world,
            attempt.lock_id,
            f"action_attempt.{attempt.action_type.lower()}.{words[attempt.status]}",
            action_attempt_id=attempt.id,
            action_type=attempt.action_type,
            status=attempt.status,
        )


def _type(world: World, attempt: Attempt) -> None:
    lock = world.locks[attempt.lock_id or ""]
    doors.type_pin(world, lock, str(attempt.payload["code"]))
    attempts.succeed(world, attempt, {})


attempts.WORK |= {
    "UNLOCK_DOOR": _move,
    "LOCK_DOOR": _move,
    "SIMULATE_KEYPAD_CODE_ENTRY": _type,
}

ROUTES = [
    call("/locks/unlock_door", "", "device_id*:uuid", unlock_door),
    call("/locks/lock_door", "", "device_id*:uuid", lock_door),
    call("/locks/simulate/keypad_code_entry", "", "device_id*:uuid code*:string", type_code),
]
