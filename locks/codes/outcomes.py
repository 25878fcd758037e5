"""What to write down before a call and after its answer. Pure.

The intent is committed before a call that makes something, the answer with all that it brought
in one transaction. Between the two the provider may have acted and nobody knows: that is
`ambiguous_since`, and only a later listing ends it (reliability CODE-04).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from accounts.providers.base import Code, ProviderError, RateLimitError, Reach
from accounts.providers.codes import StepDone
from audit.words import Verb
from locks.codes.actions import Change, DoorChange, Remove, Shares, TakeStep
from locks.codes.known import CALL, Planner
from locks.codes.marks import STATUS_OF, block
from locks.codes.states import CodePhase, CodeStatus, SecretState

#: A refusal that only a person, or room made by one, can mend.
NEEDS_A_PERSON = (
    Code.NO_SEAT,
    Code.NO_SPACE,
    Code.DUPLICATE_CODE,
    Code.CONSTRAINTS_VIOLATED,
    Code.NO_KEYPAD,
    Code.NOT_SUPPORTED,
    Code.MISSING_SCOPE,
)
NOT_READY_AGAIN = timedelta(seconds=5)
#: Removals are tried for ever, at least each minute; the rest ever more seldom.
REMOVE_AT_MOST = 60.0
SET_AT_MOST = 900.0
#: After so many refusals in a row the log tells.
WORTH_A_LINE = 3

_REMOVING = (CodePhase.REMOVING, CodePhase.VERIFYING_ABSENT, CodePhase.REMOVED_IN_CLOUD)


def again_after(attempts: int, at_most: float) -> timedelta:
    """Return how long to wait after so many failures."""
    return timedelta(seconds=min(2.0 * 2 ** min(attempts, 12), at_most))


# --- setting -------------------------------------------------------------------------------------


def intend(call: TakeStep, now: datetime) -> Sequence[Change | DoorChange]:
    """Return what to commit before the call is made."""
    code = call.code
    marks: dict[str, Any] = {"phase": CodePhase.SETTING, "status": CodeStatus.SETTING}
    if code.setting_since is None:
        marks["setting_since"] = now
    facts: dict[str, Any] = {"next_run_at": now + CALL + CALL}
    if call.creates and not call.is_of_door:
        facts["ambiguous_since"] = now
    changes: list[Change | DoorChange] = [
        Change(code=code, facts=facts, marks=marks, shares=_shared(call))
    ]
    if call.creates and call.is_of_door:
        changes.append(DoorChange(door=call.door, columns={"ambiguous_since": now}))
    return changes


def _shared(call: TakeStep) -> Shares:
    return Shares.GUEST if call.is_of_guest else Shares.NOTHING


def stepped(
    call: TakeStep, done: StepDone, *, intended_at: datetime, now: datetime, planner: Planner
) -> Sequence[Change | DoorChange]:
    """Return what to write down after a step that was taken."""
    code, is_of_door = call.code, call.is_of_door
    facts: dict[str, Any] = {"seen": dict(done.seen), "next_run_at": now}
    if not is_of_door:
        facts |= {"written_at": now, "ambiguous_since": None}
    if done.remote_id:
        facts["remote_id"] = done.remote_id
    if done.person_id:
        facts["person_id"] = done.person_id
    if done.digits:
        facts["secret_state"] = SecretState.STORED
    elif done.has_digits and code.secret_state == SecretState.NONE:
        facts["secret_state"] = SecretState.LOST
    renewed = bool(done.digits) and code.secret_state == SecretState.LOST
    makes_code = call.creates and not is_of_door
    change = Change(
        code=code,
        facts=facts,
        marks={"attempts": 0, "error_code": "", "error": ""},
        moment=_told(call, done),
        verb=Verb.CODE_DIGITS_CHANGED if renewed else None,
        digits=done.digits,
        answers=intended_at if makes_code else None,
        shares=_shared(call),
    )
    if not is_of_door and done.door == call.door.seen:
        return [change]
    return [change, _door_after(call, done, intended_at, now, planner)]


def _told(call: TakeStep, done: StepDone) -> tuple[str, str]:
    if done.is_suspended:
        return "no_seat", "The provider took it, but gave it no seat: it opens nothing yet."
    if done.digits:
        return "digits", "The provider made its digits."
    said = _SAID.get(call.step) or f"The provider said yes: {call.step.replace('_', ' ')}."
    return f"step_{call.step}"[:40], said


#: What a time line says of a driver's steps (providers.codes); others are named as they are.
_SAID = {
    "create": "The provider took it.",
    "guest": "A guest was made for it, under its reference.",
    "use_pin": "The guest may use a PIN.",
    "keys": "Looked whether the guest has a PIN already.",
    "group": "An access group for the door was made.",
    "group_lock": "The lock is in its access group.",
    "schedule": "The group is open at all hours; the code's own times decide.",
    "member": "The guest is in the door's access group.",
    "leave": "The guest is out of the door's access group until its time comes.",
    "seat": "The guest got a seat of the subscription.",
    "unblock": "The guest is no longer blocked.",
    "rename": "The provider has its new name.",
    "set_end": "The provider has its new end.",
}


def _door_after(
    call: TakeStep, done: StepDone, intended_at: datetime, now: datetime, planner: Planner
) -> DoorChange:
    door = call.door
    columns: dict[str, Any] = {"seen": dict(done.door), "written_at": now}
    if call.is_of_door:
        columns["ambiguous_since"] = None
        is_ready = not planner.is_of_door(planner.next_step(call.wish, done.seen, done.door))
        if is_ready:
            columns["ready_at"] = now
    answers = intended_at if call.creates and call.is_of_door else None
    return DoorChange(door=door, columns=columns, answers=answers)


def lost_digits(call: TakeStep, now: datetime) -> Change:
    """Digits came too late: another worker took over. Whose are valid, nobody knows."""
    code = call.code
    return Change(
        code=code,
        facts={"secret_state": SecretState.LOST, "next_run_at": now},
        moment=("digits_lost", "Two workers asked for digits: new ones are needed."),
        shares=_shared(call),
    )


def step_failed(
    call: TakeStep, error: ProviderError, *, intended_at: datetime, now: datetime
) -> Sequence[Change | DoorChange]:
    """Return what to write down after a step that was refused, or had no clear answer."""
    is_unclear = error.reach == Reach.UNCERTAIN
    doors: list[DoorChange] = []
    facts: dict[str, Any] = {}
    if call.creates and call.is_of_door and not is_unclear:
        doors = [DoorChange(door=call.door, columns={"ambiguous_since": None}, answers=intended_at)]
    elif call.creates and not is_unclear:
        facts["ambiguous_since"] = None
    answers = intended_at if call.creates and not call.is_of_door else None
    if error.code == Code.NO_KEYPAD:
        doors.append(DoorChange(door=call.door, columns={"keypad_doubted_at": now}))
    failed = _after_refusal(call, error, facts, answers, now)
    shares = Shares.FAILURE if call.is_of_guest else Shares.NOTHING
    return [replace(failed, shares=shares), *doors]


def _after_refusal(
    call: TakeStep,
    error: ProviderError,
    facts: dict[str, Any],
    answers: datetime | None,
    now: datetime,
) -> Change:
    code = call.code
    if error.code == Code.NOT_READY:
        facts["next_run_at"] = now + NOT_READY_AGAIN
        return Change(code=code, facts=facts, answers=answers)
    if error.code == Code.HELD_BACK:  # by ourselves: nobody was asked, so nothing failed
        facts["next_run_at"] = now + _wait(error, 0, SET_AT_MOST)
        return Change(code=code, facts=facts, answers=answers)
    if error.code in NEEDS_A_PERSON:
        blocked = block(code, error.code, str(error), now)
        return Change(
            code=code,
            facts=facts,
            marks=blocked.marks,
            moment=blocked.moment,
            verb=blocked.verb,
            answers=answers,
        )
    attempts = code.attempts + 1
    marks: dict[str, Any] = {
        "attempts": attempts,
        "error_code": _word_of(error),
        "error": str(error)[:300],
    }
    if error.reach == Reach.UNCERTAIN and call.creates and not call.is_of_door:
        marks |= {"phase": CodePhase.AMBIGUOUS, "status": STATUS_OF[CodePhase.AMBIGUOUS]}
    facts["next_run_at"] = now + _wait(error, attempts, SET_AT_MOST)
    return Change(
        code=code,
        facts=facts,
        marks=marks,
        moment=("failed", str(error)[:300]) if attempts <= WORTH_A_LINE else None,
        verb=Verb.CODE_FAILED if attempts == WORTH_A_LINE else None,
        answers=answers,
    )


def _wait(error: ProviderError, attempts: int, at_most: float) -> timedelta:
    if isinstance(error, RateLimitError):
        return timedelta(seconds=error.retry_after_seconds)
    if error.reach == Reach.NOT_SENT:
        at_most = min(at_most, 30.0)  # nobody was asked: it is the provider that is away
    return again_after(attempts, at_most)


def _word_of(error: ProviderError) -> str:
    if error.reach != Reach.REFUSED or error.code in (Code.RATE_LIMITED, Code.UNAUTHORIZED):
        return str(error.code)[:60]
    return "failed_to_set_on_device"


# --- removing ------------------------------------------------------------------------------------


def intend_removal(call: Remove, now: datetime) -> Change:
    code = call.code
    if call.is_extra:
        return Change(code=code)
    is_first = code.phase not in _REMOVING
    facts: dict[str, Any] = {
        "phase": CodePhase.REMOVING,
        "status": CodeStatus.REMOVING,
        "next_run_at": now + CALL + CALL,
    }
    if is_first:
        facts |= {"attempts": 0, "error_code": "", "error": "", "setting_since": None}
    return Change(
        code=code,
        facts=facts,
        moment=("removing", "It is being removed.") if is_first else None,
    )


def removal_accepted(call: Remove, now: datetime) -> Change:
    """The provider said yes. Only a listing proves it."""
    if call.is_extra:
        said = "A second copy of it was taken away."
        return Change(code=call.code, moment=("copy_removed", said))
    return Change(
        code=call.code,
        facts={
            "phase": CodePhase.VERIFYING_ABSENT,
            "status": CodeStatus.REMOVING,
            "removal_accepted_at": now,
            "attempts": call.code.attempts + 1,
            "error_code": "",
            "error": "",
            "next_run_at": now + timedelta(seconds=5),
        },
        moment=("removal_accepted", "The provider accepted its removal."),
        shares=Shares.NOTHING if call.only_here else Shares.REMOVAL,
    )


def left_door(call: Remove, seen: Mapping[str, Any], now: datetime) -> DoorChange:
    """What is known of a door that a guest has left."""
    return DoorChange(door=call.door, columns={"seen": dict(seen), "written_at": now})


def removal_failed(call: Remove, error: ProviderError, now: datetime) -> Change:
    code = call.code
    if call.is_extra:
        return Change(code=code)
    if error.code == Code.HELD_BACK:
        return Change(code=code, facts={"next_run_at": now + _wait(error, 0, REMOVE_AT_MOST)})
    attempts = code.attempts + 1
    return Change(
        code=code,
        facts={
            "attempts": attempts,
            "error_code": "failed_to_remove_from_device",
            "error": str(error)[:300],
            "next_run_at": now + _wait(error, attempts, REMOVE_AT_MOST),
        },
        moment=("removal_failed", str(error)[:300]) if attempts <= WORTH_A_LINE else None,
        verb=Verb.CODE_FAILED if attempts == WORTH_A_LINE else None,
    )
