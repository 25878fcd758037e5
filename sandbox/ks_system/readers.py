"""Salto KS locks and wall readers as tag readers. Nothing is written: a tag is read, or registered.

A tag that is not registered to the site is not seen at all, unless the reader was told to detect
new ones; then it has 120 s to be held there.
"""

from typing import Any

from sandbox.ks_system import credentials
from sandbox.ks_system.things import KIND, KsCredential, KsTag
from sandbox.seam import attempts
from sandbox.seam.attempts import script_for
from sandbox.seam.things import Attempt, Script
from sandbox.space import encoders, refusals, scans
from sandbox.space import shapes as space_shapes
from sandbox.space.encoders import ASSIGN
from sandbox.space.refusals import Refusal
from sandbox.space.things import Encoder
from sandbox.things import Timer
from sandbox.world import World

REGISTRATION_SECONDS = 120.0

OFFLINE_FOR_ASSIGN = refusals.other("The reader is not online.")
OFFICE_MODE = refusals.other("The reader is in office mode.")
SERVER = refusals.other("The Salto KS service does not answer.")
OTHER_SITE = refusals.other("The tag is not recognised: it is registered to another site.")
OTHER_USER = refusals.other("The tag belongs to another user.")
USER_GONE = refusals.other("The user does not exist any more.")


def begin(world: World, attempt: Attempt) -> None:
    """Wait for a tag, unless there is a reason not to."""
    encoder = world.encoders[attempt.payload["encoder_id"]]
    script = script_for(world, attempt, "before", encoder_id=encoder.id)
    if attempt.payload.get("is_busy"):
        encoders.fail(world, encoder, attempt, refusals.BUSY)
    elif script and script.scenario:
        encoders.end(world, encoder, "ok")
        attempts.succeed(world, attempt, _scenario(world, encoder, script))
    elif script:
        encoders.follow(world, encoder, attempt, script)
    elif why := _before(world, encoder, attempt):
        encoders.fail(world, encoder, attempt, why)
    else:
        encoder.state = "waiting"
        world.encoders.put(encoder)
        seconds = attempt.payload.get("wait_seconds") or encoder.wait_seconds
        world.schedule(encoders.timer_of(encoder), "encoder-wait", seconds, encoder_id=encoder.id)


def _before(world: World, encoder: Encoder, attempt: Attempt) -> Refusal | None:
    door = world.space_doors.get(encoder.door_id)
    lock = world.ks_locks.get(encoder.door_id)
    offline = OFFLINE_FOR_ASSIGN if attempt.action_type == ASSIGN else refusals.OFFLINE
    checks = (
        (not world.space_systems[encoder.system_id].is_server_up, SERVER),
        (door is None or not door.is_online or encoder.mode == "offline", offline),
        (lock is not None and lock.bolt == "office_mode", OFFICE_MODE),
        (encoder.mode in refusals.MODES, refusals.MODES.get(encoder.mode, refusals.BUSY)),
    )
    return next((refusal for is_so, refusal in checks if is_so), None)


def hold(world: World, tag: KsTag, encoder: Encoder) -> bool:
    """Hold a tag to a reader; return whether it was seen."""
    attempt = world.attempts.get(encoder.attempt_id)
    if attempt is None or encoder.state != "waiting":
        return False
    row = credentials.of_tag(world, encoder.system_id, tag)
    detects = attempt.payload.get("detect_new_tags", False)
    script = script_for(world, attempt, "placed", encoder_id=encoder.id, card_id=tag.id)
    if script and script.error:
        why = Refusal(script.error["type"], script.error["message"])
        encoders.fail(world, encoder, attempt, why)
    elif row is None and not detects:
        return False
    elif row is None and tag.site:
        encoders.fail(world, encoder, attempt, OTHER_SITE)
    elif row and attempt.action_type == ASSIGN and row.user_id not in {None, _wanted(attempt)}:
        encoders.fail(world, encoder, attempt, OTHER_USER)
    else:
        row = row or credentials.register(world, encoder.system_id, tag)
        _read(world, encoder, row)
    return True


def _wanted(attempt: Attempt) -> str:
    return str(attempt.payload.get("user_id"))


def _read(world: World, encoder: Encoder, row: KsCredential) -> None:
    encoder.state = "processing"
    world.encoders.put(encoder)
    key, seconds = encoders.timer_of(encoder), encoder.write_seconds
    if encoder.mode == "stalled":
        world.timers.drop(key)
        return
    world.schedule(key, "reader-done", seconds, encoder_id=encoder.id, credential_id=row.id)


def _done(world: World, timer: Timer) -> None:
    encoder = world.encoders.get(timer.payload["encoder_id"])
    attempt = world.attempts.get(encoder.attempt_id) if encoder else None
    row = world.ks_credentials.get(timer.payload["credential_id"])
    if encoder and attempt and row and encoder.state == "processing":
        attempts.with_account(world, attempt, lambda w, a: _finish(w, encoder, a, row))


def _finish(world: World, encoder: Encoder, attempt: Attempt, row: KsCredential) -> None:
    during, after = (
        script_for(world, attempt, phase, encoder_id=encoder.id, credential_id=row.id)
        for phase in ("during", "after")
    )
    user = world.space_users.get(_wanted(attempt))
    if attempt.action_type == ASSIGN and (user is None or user.deleted_at):
        encoders.fail(world, encoder, attempt, USER_GONE)
        return
    if user and not during and row.user_id != user.id:
        credentials.assign(world, row, user)
    if after and after.error is None:
        return  # the answer is lost: it expires
    if script := during or after:
        error = script.error or {"type": "uncategorized_error", "message": "SIMULATED"}
        encoders.fail(world, encoder, attempt, Refusal(error["type"], error["message"]))
        return
    encoders.end(world, encoder, "ok")
    is_assigned = attempt.action_type == ASSIGN
    result = space_shapes.credential(world, row) if is_assigned else _scanned(world, row)
    attempts.succeed(world, attempt, result)


def _scanned(world: World, row: KsCredential) -> dict[str, Any]:
    on_reader = {
        "card_number": row.card_number,
        "created_at": None,
        "is_issued": row.issued_at is not None,
        "starts_at": None,
        "ends_at": None,
    }
    return {
        "acs_credential_on_encoder": on_reader,
        "acs_credential_on_seam": space_shapes.credential(world, row),
        "warnings": [],
    }


def _scenario(world: World, encoder: Encoder, script: Script) -> dict[str, Any]:
    """Return a scan as one of Seam's simulate endpoints asked for it.

    Nothing is written on a tag, so that none needs an update.
    """
    tags = world.ks_credentials.where(system_id=encoder.system_id, method="card")
    wish = script.options.get("credential_id")
    row = next((each for each in tags if each.id == wish), next(iter(tags), None))
    is_known = script.scenario in {
        "credential_exists_on_seam",
        "credential_on_encoder_needs_update",
    }
    if row and is_known:
        return _scanned(world, row)
    return scans.scenario(world, encoder.system_id, script.scenario or "", None)


encoders.BEGIN[KIND] = begin
TIMERS = {"reader-done": _done}
