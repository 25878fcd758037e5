"""One word for a whole grant: of all that can be said, what matters most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from access.grants import progress
from access.grants.progress import Progress
from access.models import AccessGrant
from locks.codes.decide import NEAR_START, SLOW_NEAR_START
from locks.codes.words import State

#: A door's name, how far the way in is there, and whether the grant wants it.
Door = tuple[str, Progress, bool]


def of(grant: AccessGrant, doors: Sequence[Door], at: datetime, *, is_ready: bool) -> State:
    """Return the state of a grant, worst first. `doors`: every way in at every door."""
    ordered = sorted(doors, key=lambda each: progress.worse_first(each[1]))
    for key in ("still_active", *progress.FAILED):
        if found := [each for each in ordered if each[1].key == key]:
            return _at(found)
    if grant.is_over(at):
        return _over(grant, ordered)
    return _late(grant, ordered, at) or _under_way(grant, ordered, is_ready=is_ready)


def _at(doors: Sequence[Door]) -> State:
    """`STILL ACTIVE on Front Door`, with what is known there."""
    names = list(dict.fromkeys(name for name, _, _ in doors))
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    state = doors[0][1].state
    place = "on" if state.key == "still_active" else "at"
    return replace(state, word=f"{state.word} {place} {names[0]}{more}")


def _over(grant: AccessGrant, doors: Sequence[Door]) -> State:
    left = [each for each in doors if each[1].key in progress.MAY_STILL_OPEN]
    if left:
        state = left[0][1].state
        return replace(state, note=f"{left[0][0]}: {state.note}")
    if grant.revoked_at is not None:
        return State("gone", "Revoked", "unknown", "check", "Nothing of it opens a door.")
    return State("gone", "Ended", "unknown", "check", "Nothing of it opens a door.")


# --- late -----------------------------------------------------------------------------


def _late(grant: AccessGrant, doors: Sequence[Door], at: datetime) -> State | None:
    """Say that something is not there although its person is about to need it."""
    if grant.starts_at - at > NEAR_START:
        return None
    wanted = [(name, each) for name, each, is_wanted in doors if is_wanted]
    late = [
        (name, each)
        for name, each in wanted
        if each.key in progress.UNDER_WAY and is_slow(each.since or grant.created_at, at)
    ]
    if late:
        name, first = late[0]
        word = f"{_missing(first)} – {arrives(grant, at)}"
        return State("late", word, "danger", "alert", f"{name}: {first.state.note}")
    if not wanted and is_slow(grant.created_at, at):
        word = f"Nothing is made yet – {arrives(grant, at)}"
        return State("late", word, "danger", "alert", grant.plan_error)
    return None


def is_slow(since: datetime, at: datetime) -> bool:
    return at - since >= SLOW_NEAR_START


def _missing(late: Progress) -> str:
    if late.key == "unconfirmed":
        return "Not confirmed yet"
    return "No mobile key yet" if late.key == "mobile_pending" else "Not on the lock yet"


def arrives(grant: AccessGrant, at: datetime) -> str:
    """`guest arrives in 42 min`; `the stay began 5 min ago`."""
    who = "they start" if grant.identity.is_staff else "guest arrives"
    if at < grant.starts_at:
        return f"{who} in {_ago(grant.starts_at - at)}"
    what = "their time" if grant.identity.is_staff else "the stay"
    return f"{what} began {_ago(at - grant.starts_at)} ago"


def _ago(span: timedelta) -> str:
    minutes = max(1, -(-int(span.total_seconds()) // 60))
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"


# --- as it should go ------------------------------------------------------------------


def _under_way(grant: AccessGrant, doors: Sequence[Door], *, is_ready: bool) -> State:
    if grant.plan_error:
        return State("plan", "A new door is not in it", "warn", "alert", grant.plan_error)
    for key in ("unconfirmed", "card_out", "removed_in_cloud", "revoking", "removing"):
        if found := [each for each in doors if each[1].key == key]:
            state = found[0][1].state
            return replace(state, note=f"{found[0][0]}: {state.note}")
    wanted = [each for _, each, is_wanted in doors if is_wanted]
    if not wanted:
        note = "Its ways in are being prepared."
        return State("setting", "Setting", "info", "hourglass", note)
    if not is_ready:
        return replace(
            min(wanted, key=progress.worse_first).state, word="Setting", icon="hourglass"
        )
    if needing := [each for each in wanted if each.key in progress.NEEDS_DESK]:
        return needing[0].state
    if all(each.key == "ready" for each in wanted):
        return State("ready", "Ready", "ok", "check", "Every way in works as far as is known.")
    note = "Everything is prepared. What is missing is its time."
    return State("scheduled", "Prepared", "ok", "calendar", note)
