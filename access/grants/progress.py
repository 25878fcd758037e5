"""How far a way in is at one door, in words. From rows at hand; asks nobody."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from access.models import DoorShare
from locks.code_models import CodePhase, SecretState
from locks.codes.overdue import ALERT_AFTER
from locks.codes.words import State, state_of
from locks.models import AccessCode

#: Keys, worst first. What opens a door and should not comes before what should and does not.
WORST_FIRST: Final = (
    "still_active",
    "failed",
    "blocked",
    "suspect",
    "unconfirmed",
    "card_out",
    "removed_in_cloud",
    "revoking",
    "removing",
    "setting",
    "mobile_pending",
    "assignment_required",
    "encoding_required",
    "card_behind",
    "waiting",
    "scheduled",
    "ready",
    "ended",
    "kept",
    "gone",
)
#: It should open a door, and a person has to look why it does not.
FAILED: Final = frozenset({"failed", "blocked", "suspect"})
#: On its way: nobody has to do anything yet.
UNDER_WAY: Final = frozenset({"setting", "mobile_pending", "unconfirmed"})
#: It shall not open a door any more, and may still do.
MAY_STILL_OPEN: Final = frozenset(
    {"still_active", "card_out", "removed_in_cloud", "revoking", "removing"}
)
#: A person at the desk has to write or assign a card.
NEEDS_DESK: Final = frozenset({"assignment_required", "encoding_required", "card_behind"})
#: Nothing is left of it.
OVER: Final = frozenset({"ended", "kept", "gone"})


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far it is. `state.note`: how we know, or what is missing."""

    state: State
    since: datetime | None = None
    #: Its person can use it, or can once its time has come, without anything more from us.
    is_issued: bool = False
    #: All that can be done now, by us or the provider, is done: what is missing is time, or a
    #: card that somebody has to write.
    is_done: bool = False

    @property
    def key(self) -> str:
        return self.state.key


def worse_first(progress: Progress) -> int:
    return WORST_FIRST.index(progress.key)


# --- PINs of locks --------------------------------------------------------------------

_KEYS = {
    "on_lock": "ready",
    "accepted": "setting",
    "setting": "setting",
    "scheduled": "scheduled",
    "ambiguous": "unconfirmed",
    "unknown": "unconfirmed",
    "unmanaged": "unconfirmed",
    "removed": "gone",
    "expired": "gone",
}
_THERE = (CodePhase.ACCEPTED, CodePhase.ON_LOCK)


def of_code(code: AccessCode, at: datetime) -> Progress:
    """Return how far a code is, in the words of codes. Needs its `account` and its door at hand."""
    state = state_of(code, at)
    key = _KEYS.get(state.key, state.key)
    if state.key == "failed" and code.phase == CodePhase.BLOCKED:
        key = "blocked"
    is_ahead = key == "scheduled"
    return Progress(
        state=replace(state, key=key),
        since=_since(code, key),
        is_issued=key == "ready" or (is_ahead and code.phase in _THERE and _has_digits(code)),
        is_done=key == "ready" or is_ahead,
    )


def _has_digits(code: AccessCode) -> bool:
    return code.secret_state == SecretState.STORED


def _since(code: AccessCode, key: str) -> datetime | None:
    if key == "ready":
        return code.effective_at
    if key == "gone":
        return code.removed_at
    if key == "still_active":
        return code.overdue_since
    if key in ("removing", "removed_in_cloud", "ended"):
        return code.removed_in_cloud_at or code.revoked_at or code.ends_at
    return code.setting_since or code.accepted_at or code.created_at


_DEFERRED = State(
    "waiting",
    "Made when it begins",
    "info",
    "calendar",
    "A PIN without an end is given to the lock when its time begins.",
)
_MADE_SOON = State("setting", "Setting", "info", "hourglass", "It is made in a moment.")


def of_no_code(share: DoorShare, at: datetime) -> Progress:
    """Return how far a PIN is that has no code yet: one without an end, before it begins."""
    if at < share.starts_at:
        return Progress(state=_DEFERRED, since=share.door.method.created_at, is_done=True)
    return Progress(state=_MADE_SOON, since=share.starts_at)


def of_ended_code(code: AccessCode | None, at: datetime) -> Progress:
    """Return what is left of a PIN that no grant wants at its door any more."""
    if code is None:
        return GONE
    found = of_code(code, at)
    if found.key in MAY_STILL_OPEN or found.key in OVER:
        return found
    return Progress(state=_REMOVING, since=code.revoked_at)


# --- web keys -------------------------------------------------------------------------


def of_web_key(share: DoorShare, at: datetime) -> Progress:
    """Return how far a button on a guest's page is: it needs nothing but its time."""
    begun, note = at >= share.starts_at, "They open the door by the button on their page."
    if begun and share.door.device is not None and share.door.device.is_online is False:
        note = "The lock is offline now: the button works once it is online."
    word, key, icon = (
        ("Ready", "ready", "check") if begun else ("Scheduled", "scheduled", "calendar")
    )
    state = State(key, word, "ok" if begun else "info", icon, note)
    return Progress(state=state, since=share.door.method.created_at, is_issued=True, is_done=True)


# --- what ends ------------------------------------------------------------------------

_REMOVING = State("removing", "Removing", "warn", "hourglass", "It may still open the door.")
GONE: Final = Progress(state=State("gone", "Gone", "unknown", "check", "Nothing is left of it."))
KEPT: Final = Progress(
    state=State("kept", "Goes on", "unknown", "arrow-right", "Another stay of theirs has it, too.")
)


def of_revoking(share: DoorShare, at: datetime) -> Progress:
    """Return how far a revoked grant is that is carried out in some seconds."""
    grant = share.grant
    due = grant.revoke_due_at or grant.revoked_at
    if due is not None and at - due >= ALERT_AFTER:
        zone = grant.property.zone
        note = f"Revoked at {due.astimezone(zone):%H:%M on %-d %b}, and not carried out yet."
        return Progress(
            state=State("still_active", "STILL ACTIVE", "danger", "alert", note), since=due
        )
    note = "It is taken back within seconds. Until then it may open the door."
    state = State("revoking", "Being revoked", "warn", "hourglass", note)
    return Progress(state=state, since=grant.revoked_at)
