"""Access codes: from a wish at Seam to digits on a lock and away again.

The lock decides by what is on it. One that knows a calendar (native scheduling) is told a
code 72 hours before its start and refuses it outside its times; any other is told an hour
before the start, and then takes the code until it is taken off.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sandbox import keypads
from sandbox.clock import format_utc
from sandbox.knowledge import Verdict
from sandbox.seam import events
from sandbox.seam.things import SeamCode
from sandbox.things import Lock, Person, Timer
from sandbox.world import World, new_id

BRAND = "seam"  # of a site
NATIVE_AHEAD = timedelta(hours=72)
AHEAD = timedelta(minutes=60)
FAILED_AFTER = timedelta(minutes=10)  # of waiting a delay is called a failure; chosen


# --- wishes -------------------------------------------------------------------------------


def make(world: World, lock: Lock, **fields: Any) -> SeamCode:
    """Add a code and set out to bring it to the lock."""
    code = SeamCode(
        id=new_id(), lock_id=lock.id, created_at=world.now(), asked_at=world.now(), **fields
    )
    code.is_native = world.seam_devices[lock.id].has_native_scheduling and code.is_native
    code.wrong = "code_constraints_violated" if breaks_rules(lock, code.digits) else ""
    # The feed names whoever opens; a code is its own person.
    world.people.put(Person(id=code.id, first_name=code.name or "", last_name=""))
    if _is_ours(code):
        code.changes = [_creation(world, code)]
        events.emit_for_device(world, lock.id, "access_code.created", access_code_id=code.id)
    world.effect("code_created", cause="remote", lock=lock, code_id=code.id)
    plan(world, code)
    return code


def _creation(world: World, code: SeamCode) -> dict[str, Any]:
    begins = _from(code)
    if begins is None or begins <= world.now():
        return {"mutation_code": "creating"}
    return {"mutation_code": "deferring_creation", "scheduled_at": moment(begins)}


def breaks_rules(lock: Lock, digits: str) -> bool:
    return len(digits) not in lock.code_lengths or any(
        keypads.BROKEN[word](digits) for word in lock.code_constraints if word in keypads.BROKEN
    )


def change(world: World, code: SeamCode, **fields: Any) -> None:
    """Change digits, name or times; pending until the lock has heard."""
    before = {"code": code.digits, **_times(code)}
    for name, value in fields.items():
        setattr(code, name, value)
    lock = world.locks[code.lock_id]
    after = {"code": code.digits, **_times(code)}
    for names, word in ((("code",), "code"), (("starts_at", "ends_at"), "time_frame")):
        old, new = ({k: side[k] for k in names} for side in (before, after))
        if old != new:
            code.changes.append({"mutation_code": f"updating_{word}", "from": old, "to": new})
    code.asked_at, code.was_set = world.now(), False
    code.wrong = "code_constraints_violated" if breaks_rules(lock, code.digits) else ""
    world.people.put(Person(id=code.id, first_name=code.name or "", last_name=""))
    world.effect("code_changed", cause="remote", lock=lock, code_id=code.id)
    events.emit_for_device(world, lock.id, "access_code.changed", access_code_id=code.id)
    plan(world, code)


def _times(code: SeamCode) -> dict[str, str | None]:
    return {"starts_at": moment(code.starts_at), "ends_at": moment(code.ends_at)}


def moment(at: datetime | None) -> str | None:
    return format_utc(at) if at else None


def delete(world: World, code: SeamCode) -> None:
    """Take a code back. It is gone once the lock has heard of it."""
    if code.deleted_at:
        return
    code.deleted_at = code.asked_at = world.now()
    code.changes = [{"mutation_code": "deleting"}]
    lock = world.locks[code.lock_id]
    world.effect("code_deleted", cause="remote", lock=lock, code_id=code.id)
    plan(world, code)


def generate(world: World, lock: Lock, length: int | None = None) -> str:
    """Return digits that the lock takes and nobody has on it."""
    size = length if length in lock.code_lengths else lock.code_lengths[0]
    taken = {code.digits for code in world.seam_codes.where(lock_id=lock.id)}
    while True:
        digits = "".join(str(world.chance.randrange(10)) for _ in range(size))
        if digits not in taken and not breaks_rules(lock, digits):
            return digits


def idea(world: World, lock: Lock) -> SeamCode:
    """Return a code with good digits that is not kept."""
    now = world.now()
    digits = generate(world, lock)
    return SeamCode(
        id=new_id(), lock_id=lock.id, name=None, digits=digits, created_at=now, asked_at=now
    )


# --- bringing the lock to it --------------------------------------------------------------


def _from(code: SeamCode) -> datetime | None:
    """Return from when the code is to be on the lock; None: always."""
    if code.starts_at is None:
        return None
    return code.starts_at - (NATIVE_AHEAD if code.is_native else AHEAD)


def _wanted(world: World, code: SeamCode) -> str | None:
    """Return the digits that should be on the lock now."""
    now, begins = world.now(), _from(code)
    is_early = begins is not None and now < begins
    is_late = code.ends_at is not None and now >= code.ends_at
    return None if code.deleted_at or code.wrong or is_early or is_late else code.digits


def _is_right(world: World, code: SeamCode) -> bool:
    """Tell whether the lock holds what it should."""
    wanted = _wanted(world, code)
    told = (code.lock_starts_at, code.lock_ends_at)
    return code.on_lock == wanted and (
        wanted is None or not code.is_native or told == (code.starts_at, code.ends_at)
    )


def plan(world: World, code: SeamCode) -> None:
    """Go to the lock in a moment if it must change, and look again when a time is reached."""
    world.seam_codes.put(code)
    seconds = world.settings.seam_code_seconds
    if _is_right(world, code) and not code.deleted_at and not _is_over(world, code):
        world.schedule(f"seam-code-go:{code.id}", "seam-code-go", 0.0, code_id=code.id)
    else:
        world.schedule(f"seam-code-go:{code.id}", "seam-code-go", seconds, code_id=code.id)
    now = world.now()
    ahead = [at for at in (_from(code), code.starts_at, code.ends_at) if at and at > now]
    if ahead:
        left = (min(ahead) - now).total_seconds()
        world.schedule(f"seam-code-look:{code.id}", "seam-code-look", left, code_id=code.id)


def _is_over(world: World, code: SeamCode) -> bool:
    return code.ends_at is not None and world.now() >= code.ends_at


def _look(world: World, timer: Timer) -> None:
    if code := world.seam_codes.get(timer.payload["code_id"]):
        plan(world, code)


def _go(world: World, timer: Timer) -> None:
    if code := world.seam_codes.get(timer.payload["code_id"]):
        _reach(world, code)


def catch_up(world: World, lock: Lock) -> None:
    """Tell a lock that is back what it missed."""
    for code in world.seam_codes.where(lock_id=lock.id, is_waiting=True):
        _reach(world, code)


def _reach(world: World, code: SeamCode) -> None:
    lock = world.locks[code.lock_id]
    is_out = not lock.reachable or not world.iqs[lock.iq_id].reachable
    if not _is_right(world, code) and is_out:
        if not code.is_waiting:
            word = "removing_from" if code.deleted_at else "setting_on"
            kind = f"access_code.delay_in_{word}_device"
            more = events.issues("access_code")
            events.emit_for_device(world, lock.id, kind, access_code_id=code.id, **more)
        code.is_waiting = True
        world.seam_codes.put(code)
        return
    code.is_waiting = False
    if not _is_right(world, code):
        _write(world, lock, code)
    if code.deleted_at or _is_over(world, code):
        _forget(world, code)
        return
    _note_set(world, lock, code)
    world.seam_codes.put(code)


def _write(world: World, lock: Lock, code: SeamCode) -> None:
    """Put on the lock what should be there, if it takes it."""
    wanted = _wanted(world, code)
    if wanted is None:
        code.on_lock = None
        return
    others = [c for c in world.seam_codes.where(lock_id=lock.id) if c.on_lock and c is not code]
    if wanted in {other.on_lock for other in others}:
        code.wrong = "duplicate_code_on_device"
    elif len(others) >= lock.code_slots:
        code.wrong = "no_space_for_access_code_on_device"
    else:
        code.on_lock = wanted
        code.lock_starts_at, code.lock_ends_at = code.starts_at, code.ends_at
        world.effect("code_set", cause="remote", lock=lock, code_id=code.id)
        if code.is_native and code.starts_at and code.starts_at > world.now():
            kind = "access_code.scheduled_on_device"
            events.emit_for_device(world, lock.id, kind, access_code_id=code.id, code=code.digits)


def _is_ours(code: SeamCode) -> bool:
    """Tell whether events are written of it: not of spares, nor of what is unmanaged."""
    return code.is_managed and (not code.is_backup or code.backs_up is not None)


def _note_set(world: World, lock: Lock, code: SeamCode) -> None:
    """Say that a code is set, once; or that it waits on the lock for its time."""
    if code.on_lock:
        code.changes = []
    if status(world, code) == "set" and not code.was_set and _is_ours(code):
        code.was_set = True
        events.emit_for_device(
            world, lock.id, "access_code.set_on_device", access_code_id=code.id, code=code.digits
        )


def _tell(world: World, row: SeamCode, word: str, **more: Any) -> None:
    kind = f"access_code.{word}"
    events.emit_for_device(world, row.lock_id, kind, access_code_id=row.id, **more)


def _forget(world: World, code: SeamCode) -> None:
    lock = world.locks[code.lock_id]
    world.effect("code_gone", cause="remote", lock=lock, code_id=code.id)
    if code.is_managed:
        _tell(world, code, "removed_from_device")
        _tell(world, code, "deleted", code=code.digits)
    else:
        _tell(world, code, "unmanaged.removed")
    world.seam_codes.drop(code.id)
    world.people.drop(code.id)


TIMERS: dict[str, Callable[[World, Timer], None]] = {"seam-code-go": _go, "seam-code-look": _look}


# --- what shows ---------------------------------------------------------------------------


def status(world: World, code: SeamCode) -> str:
    """Return Seam's word. A natively scheduled code is `unset` until its start."""
    account = world.seam_accounts[world.seam_devices[code.lock_id].account_id]
    now, begins = world.now(), _from(code)
    if not account.is_connected:
        return "unknown"
    if code.deleted_at or _is_over(world, code):
        return "removing"
    is_early = begins is not None and now < begins
    is_scheduled = code.is_native and code.starts_at is not None and now < code.starts_at
    if code.wrong or is_early or is_scheduled:
        return "unset"
    return "set" if _is_right(world, code) else "setting"


# --- deciding at the door -----------------------------------------------------------------


def judge(world: World, lock: Lock, digits: str) -> Verdict:
    """Decide whether digits open a lock: only what is on it counts."""
    found = [code for code in world.seam_codes.where(lock_id=lock.id) if code.on_lock == digits]
    if not found:
        is_known = bool(world.seam_codes.where(lock_id=lock.id, digits=digits, deleted_at=None))
        return Verdict(opens=False, reason="not_synced" if is_known else "unknown_pin")
    code = found[0]
    reason = _why_not(world, lock, code) or "opened"
    return Verdict(
        opens=reason == "opened",
        reason=reason,
        person_id=code.id,
        alias=code.name,
        known_to_lock=True,
    )


def _why_not(world: World, lock: Lock, code: SeamCode) -> str:
    if lock.privacy_mode:
        return "privacy_mode"
    if not code.is_native:
        return ""
    if code.lock_starts_at and world.now() < code.lock_starts_at:
        return "outside_schedule"
    return "expired" if code.lock_ends_at and world.now() >= code.lock_ends_at else ""
