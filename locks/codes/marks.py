"""The turns a code takes, as changes of its row. Pure."""

from datetime import datetime, timedelta

from accounts.providers.base import Code
from audit.words import Verb
from locks.codes.actions import Change
from locks.codes.known import KnownCode
from locks.codes.states import CodePhase, CodeStatus
from locks.codes.warn import without_warnings

#: Refusals that pass when somebody makes room: looked at again without a person.
HEALS_BY_ITSELF = (Code.NO_SEAT, Code.NO_SPACE)
ROOM_AGAIN_AFTER = timedelta(minutes=5)

DELAY = "delay_in_setting_on_device"
NOT_REACHED = "lock_not_reached"
SEATS = "salto_ks_subscription_limit_almost_reached"


#: Warnings that only make sense while a code is on its way.
ON_THE_WAY = (DELAY,)

STATUS_OF: dict[str, str] = {
    CodePhase.WAITING: CodeStatus.UNSET,
    CodePhase.SETTING: CodeStatus.SETTING,
    CodePhase.AMBIGUOUS: CodeStatus.SETTING,
    CodePhase.ACCEPTED: CodeStatus.SETTING,
    CodePhase.ON_LOCK: CodeStatus.SET,
    CodePhase.BLOCKED: CodeStatus.UNSET,
    CodePhase.REMOVING: CodeStatus.REMOVING,
    CodePhase.VERIFYING_ABSENT: CodeStatus.REMOVING,
    CodePhase.REMOVED_IN_CLOUD: CodeStatus.REMOVING,
    CodePhase.REMOVED: CodeStatus.UNSET,
    CodePhase.SKIPPED: CodeStatus.UNSET,
}


def is_settled(code: KnownCode) -> bool:
    """Whether all of this wish was once done."""
    is_there = code.phase in (CodePhase.ACCEPTED, CodePhase.ON_LOCK)
    return is_there and code.observed_generation == code.generation


def block(code: KnownCode, error_code: str, said: str, now: datetime) -> Change:
    """Stop: only a person, or room made by one, can mend it."""
    is_news = (code.phase, code.error_code) != (CodePhase.BLOCKED, error_code)
    heals = error_code in HEALS_BY_ITSELF
    return Change(
        code=code,
        facts={},
        marks={
            "phase": CodePhase.BLOCKED,
            "status": STATUS_OF[CodePhase.BLOCKED],
            "observed_generation": code.generation,
            "error_code": str(error_code),
            "error": said[:300],
            "setting_since": None,
            "warnings": without_warnings(code, *ON_THE_WAY),
            "next_run_at": now + ROOM_AGAIN_AFTER if heals else code.ends_at,
        },
        moment=("blocked", said) if is_news else None,
        verb=Verb.CODE_FAILED if is_news else None,
    )


def on_lock(code: KnownCode, evidence: str, at: datetime) -> Change:
    said = {
        "time": "On the lock: the usual delay has gone by, and the lock was online.",
        "listing": "On the lock, as the provider lists it.",
        "used": "On the lock: it opened the door.",
    }[evidence]
    return Change(
        code=code,
        facts={"effective_at": at, "effective_evidence": evidence},
        marks={
            "phase": CodePhase.ON_LOCK,
            "status": STATUS_OF[CodePhase.ON_LOCK],
            "setting_since": None,
            "warnings": without_warnings(code, *ON_THE_WAY, NOT_REACHED),
            "next_run_at": code.ends_at,
        },
        moment=("on_lock", said),
        happened_at=at if evidence == "used" else None,
        verb=Verb.CODE_SET,
    )


def gone(code: KnownCode, phase: CodePhase, now: datetime, said: str) -> Change:
    return Change(
        code=code,
        facts={"overdue_since": None, "ambiguous_since": None},
        marks={
            "phase": phase,
            "status": STATUS_OF[phase],
            "removed_at": now,
            "observed_generation": code.generation,
            "error_code": "",
            "error": "",
            "warnings": (),
            "setting_since": None,
            "next_run_at": None,
        },
        moment=(phase.value, said),
        verb=Verb.CODE_REMOVED if phase == CodePhase.REMOVED else None,
    )
