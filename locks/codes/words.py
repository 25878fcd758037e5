"""What a code's state is called, and what happens next, in the words of ux 1.6 and 3."""

from dataclasses import dataclass
from datetime import datetime

from locks.code_models import CodePhase, CodeStatus, SecretState
from locks.codes.capability import brand_of
from locks.codes.rules import clock
from locks.models import AccessCode


@dataclass(frozen=True)
class State:
    """How a code is doing. `note`: how we know, or what is missing."""

    key: str
    word: str
    tone: str
    icon: str
    note: str = ""


_ON_ITS_WAY = frozenset({CodePhase.WAITING, CodePhase.SETTING, CodePhase.AMBIGUOUS})
_EVIDENCE = {
    "listing": "The provider lists it on the lock.",
    "time": "Known by time: it usually reaches a lock that is online within a minute.",
    "used": "It has opened the door.",
}


def state_of(code: AccessCode, at: datetime) -> State:
    """Return the state in words. Needs the row `account` at hand."""
    if not code.is_managed and code.revoked_at is None and not code.is_gone:
        return State("unmanaged", "Not made here", "unknown", "question", _found(code))
    if code.is_wanted(at):
        return _wanted(code, at)
    return _ending(code, at)


def _wanted(code: AccessCode, at: datetime) -> State:
    brand = brand_of(code.account)
    if code.phase == CodePhase.BLOCKED or (code.phase in _ON_ITS_WAY and code.error_code):
        return State("failed", "Failed", "danger", "x-circle", code.error)
    if code.status == CodeStatus.UNKNOWN:
        note = f"{brand} cannot be asked just now."
        return State("unknown", "Not confirmed", "unknown", "question", note)
    if code.phase == CodePhase.AMBIGUOUS:
        note = f"{brand} gave no clear answer. Its list is looked at before anything is repeated."
        return State("ambiguous", "Not confirmed", "warn", "question", note)
    if code.starts_at and code.starts_at > at and code.phase != CodePhase.SETTING:
        return State("scheduled", "Scheduled", "info", "calendar", _ahead(code, brand))
    if code.missing_since is not None and code.phase in (CodePhase.ON_LOCK, CodePhase.ACCEPTED):
        note = f"{brand} did not list it when last asked. It is looked for once more, then mended."
        return State("ambiguous", "Not confirmed", "warn", "question", note)
    if code.phase == CodePhase.ON_LOCK:
        note = _EVIDENCE.get(code.effective_evidence, "")
        return State("on_lock", "On the lock", "ok", "check", note)
    if code.phase == CodePhase.ACCEPTED:
        note = (
            "The lock takes a minute to hear of it, four for the first code of a door, and longer"
            " while it is offline."
        )
        return State("accepted", f"Accepted by {brand}", "info", "hourglass", note)
    return State("setting", "Setting", "info", "hourglass", f"{brand} is being told.")


def _ahead(code: AccessCode, brand: str) -> str:
    if code.phase in (CodePhase.ACCEPTED, CodePhase.ON_LOCK):
        return f"{brand} has it and starts it by itself."
    return "It is given to the lock shortly before it starts."


def _ending(code: AccessCode, at: datetime) -> State:
    brand = brand_of(code.account)
    if code.is_gone:
        return _gone(code)
    if code.phase == CodePhase.REMOVED_IN_CLOUD:
        note = "The lock has not heard of it yet: the PIN may still work there."
        return State(
            "removed_in_cloud", f"Removed in {brand} – lock not reached yet", "warn", "alert", note
        )
    if _ended_alone(code, at):
        return State("ended", "Ended", "unknown", "clock", "It is being cleared away.")
    if is_overdue(code, at):
        return State("still_active", "STILL ACTIVE", "danger", "alert", overdue_note(code))
    return State("removing", "Removing", "warn", "hourglass", "It may still open the door.")


def _gone(code: AccessCode) -> State:
    if code.phase == CodePhase.SKIPPED:
        return State("expired", "Expired", "unknown", "clock", "It was never set.")
    if code.revoked_at:
        return State("removed", "Removed", "unknown", "check", "Seen gone.")
    return State("expired", "Expired", "unknown", "clock", "Seen gone.")


def is_overdue(code: AccessCode, at: datetime) -> bool:
    """Whether it should have been gone for some minutes, and no lock ended it by itself."""
    return code.overdue_since is not None and not _ended_alone(code, at)


def _ended_alone(code: AccessCode, at: datetime) -> bool:
    ends_at = code.reported_ends_at if code.has_native_end else None
    return ends_at is not None and ends_at <= at


def is_stuck(code: AccessCode, at: datetime) -> bool:
    """Whether a removal does not get on by itself, so that a person may want to act."""
    is_ending = not code.is_wanted(at) and not code.is_gone
    return is_ending and (is_overdue(code, at) or bool(code.error_code))


def overdue_note(code: AccessCode) -> str:
    zone = code.device.property.zone
    since = code.overdue_since.astimezone(zone) if code.overdue_since else None
    tries = f", {code.attempts} tries" if code.attempts > 1 else ""
    return f"Removing since {since:%H:%M on %-d %b}{tries}." if since else ""


def _found(code: AccessCode) -> str:
    return f"Found at {brand_of(code.account)}. It is shown, and left alone."


def next_step(code: AccessCode, at: datetime) -> str:
    """Say what happens next to a code in trouble, and when."""
    if not code.error_code and code.phase != CodePhase.BLOCKED:
        return ""
    if code.phase == CodePhase.BLOCKED and code.generation == code.observed_generation:
        return "Lockboard does not try again by itself. Choose what to do:"
    if code.next_run_at is None or code.next_run_at <= at:
        return "Next try in a moment."
    return f"Next try {clock(code.next_run_at, code.device.property.zone, at)}."


def digits_note(code: AccessCode) -> str:
    """Say why there are no digits to show; "" where there are."""
    if code.secret_state == SecretState.STORED:
        return ""
    if code.secret_state == SecretState.NONE and code.is_managed:
        return f"{brand_of(code.account)} has not made them yet."
    if code.secret_state == SecretState.LOST and code.is_managed and not code.delivered_at:
        return f"{brand_of(code.account)} is asked for new ones."
    return "Not known here: they were made elsewhere, or their answer was lost."


# --- times ----------------------------------------------------------------------------


def span(code: AccessCode, *, now: datetime) -> str:
    """`Ongoing`; `20 Nov, 15:00 – 27 Nov, 11:00`, the year where it is not this one."""
    if code.starts_at is None or code.ends_at is None:
        return "Ongoing"
    zone = code.device.property.zone
    starts, ends, this = (each.astimezone(zone) for each in (code.starts_at, code.ends_at, now))
    years = {starts.year, ends.year} != {this.year}
    shape = "%-d %b %Y, %H:%M" if years else "%-d %b, %H:%M"
    until = "%H:%M" if starts.date() == ends.date() else shape
    return f"{starts:{shape}} – {ends:{until}}"
