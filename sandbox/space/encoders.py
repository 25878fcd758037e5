"""Encoders: one job at a time, a window for the card, a second or so of writing.

The card is laid on and taken off by somebody (`place`, `take`); everything else follows.
A job ends as its action attempt does. Which fault gives which type is in docs/sandbox.md.
"""

from collections.abc import Callable

from sandbox.seam import attempts
from sandbox.seam.attempts import script_for
from sandbox.seam.things import Attempt, Script
from sandbox.space import keys, refusals, scans, shapes, syncing
from sandbox.space.refusals import Refusal
from sandbox.space.things import Card, Encoder, SpaceKey
from sandbox.things import Timer
from sandbox.world import World

ENCODE, SCAN, ASSIGN = "ENCODE_CREDENTIAL", "SCAN_CREDENTIAL", "SCAN_TO_ASSIGN_CREDENTIAL"
REST_SECONDS = 2.0  # the light shows green or red for so long


# --- the job ------------------------------------------------------------------------------


def claim(world: World, encoder: Encoder, attempt: Attempt) -> None:
    """Take the encoder for an attempt; one that is taken makes the attempt fail as busy."""
    if encoder.attempt_id:
        attempt.payload["is_busy"] = True
        world.attempts.put(attempt)
        return
    encoder.attempt_id, encoder.started_at = attempt.id, world.now()
    world.encoders.put(encoder)
    seconds = world.settings.attempt_expires_seconds + attempt.payload.get("wait_seconds", 0.0)
    world.schedule(f"encoder-expire:{attempt.id}", "encoder-expire", seconds, id=attempt.id)


def _start(world: World, attempt: Attempt) -> None:
    encoder = world.encoders[attempt.payload["encoder_id"]]
    BEGIN[world.space_systems[encoder.system_id].kind](world, attempt)


def _begin(world: World, attempt: Attempt) -> None:
    """Wait for a card, unless there is a reason not to."""
    encoder = world.encoders[attempt.payload["encoder_id"]]
    key = world.space_keys.get(attempt.payload.get("key_id"))
    if key:
        _force_sync(world, key)
    if attempt.payload.get("is_busy"):
        fail(world, encoder, attempt, refusals.BUSY)
        return
    script = script_for(
        world, attempt, "before", encoder_id=encoder.id, credential_id=attempt.payload.get("key_id")
    )
    if script:
        follow(world, encoder, attempt, script)
        return
    if why := refusals.before(world, encoder, attempt, key):
        fail(world, encoder, attempt, why)
        return
    encoder.state = "waiting"
    world.encoders.put(encoder)
    world.schedule(timer_of(encoder), "encoder-wait", encoder.wait_seconds, encoder_id=encoder.id)
    if encoder.card_id:
        _card_is_there(world, encoder)


def _force_sync(world: World, key: SpaceKey) -> None:
    """Users are told to Space before their card is written."""
    user, system = world.space_users[key.user_id], world.space_systems[key.system_id]
    is_behind = user.known != syncing.wish(user) and not user.deleted_at
    if is_behind and syncing.is_reached(system):
        syncing.tell(world, user)


def follow(world: World, encoder: Encoder, attempt: Attempt, script: Script) -> None:
    """Do what a script says instead of waiting for a card."""
    if script.error:
        fail(world, encoder, attempt, Refusal(script.error["type"], script.error["message"]))
    elif script.scenario == "credential_is_issued":
        card = scans.new_card(world, "SIMULATED card of a scenario")
        keys.write(world, card, world.space_keys[attempt.payload["key_id"]])
        _succeed(world, encoder, attempt, card)
    elif script.scenario:
        wish = script.options.get("credential_id")
        result = scans.scenario(world, encoder.system_id, script.scenario, wish)
        end(world, encoder, "ok")
        attempts.succeed(world, attempt, result)
    # else: it hangs until it expires


def _card_is_there(world: World, encoder: Encoder) -> None:
    attempt = world.attempts[encoder.attempt_id or ""]
    card = world.cards[encoder.card_id or ""]
    key = world.space_keys.get(attempt.payload.get("key_id"))
    script = script_for(world, attempt, "placed", encoder_id=encoder.id, card_id=card.id)
    if script and script.error:
        fail(world, encoder, attempt, Refusal(script.error["type"], script.error["message"]))
    elif why := refusals.of_card(world, encoder, attempt, key, card):
        fail(world, encoder, attempt, why)
    else:
        encoder.state = "processing"
        world.encoders.put(encoder)
        if encoder.mode == "stalled":
            world.timers.drop(timer_of(encoder))
            return
        seconds = encoder.write_seconds
        world.schedule(timer_of(encoder), "encoder-done", seconds, encoder_id=encoder.id)


def _done(world: World, timer: Timer) -> None:
    encoder = world.encoders.get(timer.payload["encoder_id"])
    attempt = world.attempts.get(encoder.attempt_id) if encoder else None
    if encoder and attempt and encoder.state == "processing":
        attempts.with_account(world, attempt, lambda w, a: _finish(w, encoder, a))


def _finish(world: World, encoder: Encoder, attempt: Attempt) -> None:
    card = world.cards[encoder.card_id or ""]
    facts = {
        "encoder_id": encoder.id,
        "credential_id": attempt.payload.get("key_id"),
        "card_id": card.id,
    }
    if attempt.action_type != ENCODE:
        end(world, encoder, "ok")
        attempts.succeed(world, attempt, scans.result(world, encoder.system_id, card))
        return
    if attempt.payload["key_id"] not in world.space_keys.rows:  # deleted while it was written
        card.is_half_written = True
        world.cards.put(card)
        fail(world, encoder, attempt, refusals.DELETED)
        return
    if during := script_for(world, attempt, "during", **facts):
        card.is_half_written = True
        world.cards.put(card)
        error = during.error or {"type": "uncategorized_error", "message": "SIMULATED"}
        fail(world, encoder, attempt, Refusal(error["type"], error["message"]))
        return
    after = script_for(world, attempt, "after", **facts)
    _write(world, encoder, attempt, card, after)


def _write(
    world: World, encoder: Encoder, attempt: Attempt, card: Card, after: Script | None
) -> None:
    """Write the card. With `after` the answer is lost: Seam learns of it later, or never."""
    key = world.space_keys[attempt.payload["key_id"]]
    keys.write(world, card, key)
    world.effect("card_written", cause="encoder", card_id=card.id, key_number=key.key_number)
    if after is None and attempt.status == "pending":
        _succeed(world, encoder, attempt, card)
        return
    lose_answer(world, key, None if after is None else after.options.get("report_seconds", ...))
    if after and after.error:
        fail(world, encoder, attempt, Refusal(after.error["type"], after.error["message"]))
    elif attempt.status != "pending":
        end(world, encoder, "ok")


def lose_answer(world: World, key: SpaceKey, seconds: object = ...) -> None:
    """Let Seam hear of a written card only in a while; never with None."""
    key.is_reported = False
    world.space_keys.put(key)
    wait = world.settings.space_report_seconds if seconds is ... or seconds is None else seconds
    if isinstance(wait, int | float) and wait >= 0:
        world.schedule(f"space-report:{key.id}", "space-report", wait, key_id=key.id)


def _succeed(world: World, encoder: Encoder, attempt: Attempt, card: Card) -> None:
    key = world.space_keys[attempt.payload["key_id"]]
    report(world, key)
    end(world, encoder, "ok")
    attempts.succeed(world, attempt, shapes.credential(world, key))


def report(world: World, key: SpaceKey) -> None:
    """Let Seam know that a card carries the credential."""
    card = world.cards.get(key.card_id)
    is_first = key.issued_at is None
    key.issued_at, key.is_reported = key.written_at, True
    key.card_number = card.serial if card else key.card_number
    world.space_keys.put(key)
    keys.emit(world, key, "acs_credential.issued" if is_first else "acs_credential.reissued")


def _report_late(world: World, timer: Timer) -> None:
    key = world.space_keys.get(timer.payload["key_id"])
    if key and not key.is_reported:
        report(world, key)


# --- ends ---------------------------------------------------------------------------------


def fail(world: World, encoder: Encoder, attempt: Attempt, why: Refusal) -> None:
    if encoder.attempt_id == attempt.id:
        encoder.latest_error = why.kind
        end(world, encoder, "error")
    attempts.fail(world, attempt, why.kind, why.message)


def end(world: World, encoder: Encoder, state: str) -> None:
    """Free the encoder; its light shows how it went for a moment."""
    world.timers.drop(f"encoder-expire:{encoder.attempt_id}")
    world.timers.drop(timer_of(encoder))
    encoder.state, encoder.attempt_id = state, None
    world.encoders.put(encoder)
    world.schedule(timer_of(encoder), "encoder-rest", REST_SECONDS, encoder_id=encoder.id)


def _rest(world: World, timer: Timer) -> None:
    encoder = world.encoders.get(timer.payload["encoder_id"])
    if encoder and encoder.attempt_id is None:
        encoder.state = "idle"
        world.encoders.put(encoder)


def _nobody_came(world: World, timer: Timer) -> None:
    encoder = world.encoders.get(timer.payload["encoder_id"])
    if encoder and encoder.attempt_id and encoder.state == "waiting":
        fail(world, encoder, world.attempts[encoder.attempt_id], refusals.NO_CARD)


def _expire(world: World, timer: Timer) -> None:
    attempt = world.attempts.get(timer.payload["id"])
    if attempt:
        encoder = world.encoders[attempt.payload["encoder_id"]]
        fail(world, encoder, attempt, refusals.EXPIRED)


def stop(world: World, encoder: Encoder, why: Refusal) -> None:
    """End the running job from outside: the bridge dropped, the cable was pulled.

    A card that is being written right then is written to its end all the same, unseen.
    """
    attempt = world.attempts.get(encoder.attempt_id)
    if attempt is None:
        return
    card = world.cards.get(encoder.card_id)
    key = world.space_keys.get(attempt.payload.get("key_id"))
    if encoder.state == "processing" and card and key and attempt.action_type == ENCODE:
        keys.write(world, card, key)
        world.effect("card_written", cause="encoder", card_id=card.id, key_number=key.key_number)
        lose_answer(world, key)
    fail(world, encoder, attempt, why)


def cancel(world: World, encoder: Encoder) -> None:
    """Somebody presses cancel at the server; the card stays as it was."""
    attempt = world.attempts.get(encoder.attempt_id)
    if attempt:
        fail(world, encoder, attempt, refusals.CANCELLED)


def withdraw(world: World, key: SpaceKey) -> None:
    """End the job that waits for a card for this credential: it is deleted."""
    for encoder in world.encoders.where(system_id=key.system_id, state="waiting"):
        attempt = world.attempts.get(encoder.attempt_id)
        if attempt and attempt.payload.get("key_id") == key.id:
            fail(world, encoder, attempt, refusals.DELETED)


# --- hands --------------------------------------------------------------------------------


def place(world: World, card: Card, encoder: Encoder, *, is_misplaced: bool = False) -> None:
    """Lay a card on an encoder; another one that lies there is taken off."""
    if encoder.card_id:
        take(world, world.cards[encoder.card_id])
    if card.encoder_id:
        take(world, card)
    card.encoder_id, encoder.card_id = encoder.id, card.id
    encoder.is_misplaced = is_misplaced
    world.cards.put(card)
    world.encoders.put(encoder)
    if encoder.state == "waiting":
        attempt = world.attempts[encoder.attempt_id or ""]
        attempts.with_account(world, attempt, lambda w, _a: _card_is_there(w, encoder))


def take(world: World, card: Card) -> None:
    """Take a card off. One that was being written is half written now."""
    encoder = world.encoders.get(card.encoder_id)
    card.encoder_id = None
    if encoder:
        encoder.card_id = None
        attempt = world.attempts.get(encoder.attempt_id)
        if attempt and encoder.state == "processing":
            is_encoding = attempt.action_type == ENCODE
            card.is_half_written = card.is_half_written or is_encoding
            why = refusals.INTERRUPTED if is_encoding else refusals.LIFTED
            fail(world, encoder, attempt, why)
        world.encoders.put(encoder)
    world.cards.put(card)


def timer_of(encoder: Encoder) -> str:
    return f"encoder:{encoder.id}"


#: Kind of system → how its encoders begin a job; other kinds add theirs.
BEGIN: dict[str, attempts.Work] = {"salto_space": _begin}
attempts.WORK |= {ENCODE: _start, SCAN: _start, ASSIGN: _start}

TIMERS: dict[str, Callable[[World, Timer], None]] = {
    "encoder-wait": _nobody_came,
    "encoder-done": _done,
    "encoder-rest": _rest,
    "encoder-expire": _expire,
    "space-report": _report_late,
}
