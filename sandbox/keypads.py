"""Codes as Keypad Cloud keeps them: digits chosen by the caller, one lock each, ten slots.

An invented brand. It stands for keypads that take any digits, keep short names, show their
list late and know no schedule: docs/sandbox.md.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise

from sandbox.knowledge import Verdict
from sandbox.replies import RefusedError
from sandbox.things import KeypadCode, Lock, Person, Timer
from sandbox.world import World, new_id

BRAND = "keypad"  # of a site
NAME_LENGTH = 12


# --- what a lock takes --------------------------------------------------------------------


def _is_sequence(digits: str) -> bool:
    steps = {int(b) - int(a) for a, b in pairwise(digits)}
    return steps in ({1}, {-1})


#: Word → whether digits break it.
BROKEN: dict[str, Callable[[str], bool]] = {
    "no_zeros": lambda digits: "0" in digits,
    "cannot_start_with_12": lambda digits: digits.startswith("12"),
    "no_ascending_or_descending_sequence": _is_sequence,
    "at_least_three_unique_digits": lambda digits: len(set(digits)) < 3,
    "no_all_same_digits": lambda digits: len(set(digits)) == 1,
}


def _raise_if_wrong(lock: Lock, digits: str) -> None:
    if not digits.isascii() or not digits.isdigit() or len(digits) not in lock.code_lengths:
        raise RefusedError(422, "code_length", "The lock does not take this number of digits.")
    for word in lock.code_constraints:
        if word in BROKEN and BROKEN[word](digits):
            raise RefusedError(422, "code_constraints", f"The lock refuses this code: {word}.")


# --- changing codes -----------------------------------------------------------------------


def create(world: World, lock: Lock, name: str, digits: str) -> KeypadCode:
    """Add a code. A name too long is cut without a word. Raises RefusedError."""
    if not lock.has_keypad:
        raise RefusedError(422, "no_keypad", "The lock has no keypad.")
    _raise_if_wrong(lock, digits)
    kept = [code for code in world.keypad_codes.where(lock_id=lock.id) if code.gone_at is None]
    if digits in {code.digits for code in kept}:
        raise RefusedError(409, "duplicate_code", "The lock has a code with these digits.")
    if len(kept) >= lock.code_slots:
        raise RefusedError(409, "no_space", f"The lock keeps {lock.code_slots} codes.")
    code = KeypadCode(
        id=new_id(),
        site_id=lock.site_id,
        lock_id=lock.id,
        name=name[:NAME_LENGTH],
        digits=digits,
        created_at=world.now(),
    )
    # The feed names whoever opens; a code is its own person.
    world.people.put(Person(id=code.id, first_name=code.name, last_name=""))
    world.effect("code_created", cause="remote", lock=lock, code_id=code.id)
    world.keypad_codes.put(code)
    _later(world, code, "keypad-set", world.settings.keypad_set_seconds)
    return code


def rename(world: World, code: KeypadCode, name: str) -> None:
    code.former_name, code.renamed_at = code.name, world.now()
    code.name = name[:NAME_LENGTH]
    world.people.put(Person(id=code.id, first_name=code.name, last_name=""))
    world.effect("code_changed", cause="remote", lock=world.locks[code.lock_id], code_id=code.id)
    world.keypad_codes.put(code)


def delete(world: World, code: KeypadCode) -> None:
    """Say yes; the lock hears of it after a while, and the listing still later."""
    if code.deleted_at is not None:
        return
    code.deleted_at = world.now()
    world.effect("code_deleted", cause="remote", lock=world.locks[code.lock_id], code_id=code.id)
    world.keypad_codes.put(code)
    _later(world, code, "keypad-gone", world.settings.keypad_removal_seconds)


def _later(world: World, code: KeypadCode, kind: str, seconds: float) -> None:
    if seconds > 0:
        world.schedule(f"{kind}:{code.id}", kind, seconds, code_id=code.id)
    else:
        _reach(world, code)


def _on_timer(world: World, timer: Timer) -> None:
    if code := world.keypad_codes.get(timer.payload["code_id"]):
        _reach(world, code)


def catch_up(world: World, lock: Lock) -> None:
    """Tell a lock that is back what it missed."""
    for code in world.keypad_codes.where(lock_id=lock.id, is_waiting=True):
        _reach(world, code)


def _reach(world: World, code: KeypadCode) -> None:
    """Bring the lock to what is wished of a code, if it can be reached."""
    lock = world.locks[code.lock_id]
    code.is_waiting = not lock.reachable or not world.iqs[lock.iq_id].reachable
    if not code.is_waiting and code.deleted_at is None:
        code.on_lock = True
        world.effect("code_set", cause="remote", lock=lock, code_id=code.id)
    elif not code.is_waiting and code.gone_at is None:
        code.on_lock, code.gone_at = False, world.now()
        world.effect("code_gone", cause="remote", lock=lock, code_id=code.id)
        lag_seconds = world.settings.keypad_listing_lag_seconds
        world.schedule(f"keypad-forget:{code.id}", "keypad-forget", lag_seconds, code_id=code.id)
    world.keypad_codes.put(code)


def _forget(world: World, timer: Timer) -> None:
    world.keypad_codes.drop(timer.payload["code_id"])


TIMERS: dict[str, Callable[[World, Timer], None]] = {
    "keypad-forget": _forget,
    "keypad-set": _on_timer,
    "keypad-gone": _on_timer,
}


# --- what shows ---------------------------------------------------------------------------


def listed(world: World, site_id: str) -> list[tuple[KeypadCode, str, str]]:
    """Return code, name and state as they were a lag ago: new ones miss, gone ones linger."""
    then = world.now() - timedelta(seconds=world.settings.keypad_listing_lag_seconds)
    return [
        (code, _name_at(code, then), _state_at(code, then))
        for code in world.keypad_codes.where(site_id=site_id)
        if code.created_at <= then and (code.gone_at is None or code.gone_at > then)
    ]


def _name_at(code: KeypadCode, then: datetime) -> str:
    return code.former_name if code.renamed_at and code.renamed_at > then else code.name


def _state_at(code: KeypadCode, then: datetime) -> str:
    if code.deleted_at is not None and code.deleted_at <= then:
        return "removing"
    return "set" if code.on_lock else "setting"


def judge(world: World, lock: Lock, digits: str) -> Verdict:
    """Decide whether digits open a lock: the lock looks at its own slots, at no clock."""
    found = [code for code in world.keypad_codes.where(lock_id=lock.id) if code.digits == digits]
    code = next((each for each in found if each.on_lock), None)
    if code is None:
        is_known = any(each.deleted_at is None for each in found)
        return Verdict(opens=False, reason="not_synced" if is_known else "unknown_pin")
    reason = "privacy_mode" if lock.privacy_mode else "opened"
    return Verdict(
        opens=reason == "opened",
        reason=reason,
        person_id=code.id,
        alias=code.name,
        known_to_lock=True,
    )
