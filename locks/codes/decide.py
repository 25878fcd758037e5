"""What to do next about access codes. Pure: no database, no network, no clock of its own.

Level-triggered (reliability A2, E2): looks at what is wished and what is known, never at what
was done before. So it makes no difference which worker asks, how often, or after which crash.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from accounts.providers.base import Code
from accounts.providers.codes import CodeListing, CodeRules, SharedCodes
from locks.codes import family, sighting
from locks.codes.actions import Action, Call, Change, Codes, Doors, Remove, TakeStep
from locks.codes.known import (
    CALL,
    KnownCode,
    KnownDoor,
    KnownSite,
    Planner,
    wish_of,
)
from locks.codes.marks import (
    DELAY,
    HEALS_BY_ITSELF,
    NOT_REACHED,
    ON_THE_WAY,
    SEATS,
    STATUS_OF,
    block,
    gone,
    is_settled,
    on_lock,
)
from locks.codes.overdue import overdue
from locks.codes.states import CodePhase, CodeStatus, SecretState
from locks.codes.warn import has_warning, with_warning, without_warnings

#: A fresh set-up of a door takes so long to reach the lock (facts/salto_ks.md 4.4: 3 min 34 s).
FRESH_DOOR = timedelta(seconds=214)
#: A code that is being set for so long, or so near its start, may lock a guest out (CODE-07).
SLOW_AFTER = timedelta(minutes=10)
NEAR_START = timedelta(minutes=60)
SLOW_NEAR_START = timedelta(minutes=2)
#: How often a lock is looked at while it is away or has yet to hear of something.
LOOK_AGAIN = timedelta(seconds=15)
#: Failures are waited out for at most a quarter of an hour (outcomes), with some to spare.
LONGEST_WAIT = timedelta(minutes=20)
CLOCK_TOLERANCE = timedelta(seconds=5)
UNREADABLE = "Its digits cannot be opened with the keys this server has."
#: Nothing that shall be gone waits longer than this for another look.
A_WHILE = timedelta(minutes=2)


def decide(
    codes: Codes,
    doors: Doors,
    listing: CodeListing | None,
    *,
    site: KnownSite,
    now: datetime,
    planner: Planner,
) -> list[Action]:
    """Return what to write down and which calls to make, the most urgent call first.

    With a listing, what it shows is taken in first. Calls are the next one of each code that
    is due; after making one, ask again.
    """
    noted: list[Action] = []
    if listing is not None:
        noted = list(sighting.take_in(codes, doors, listing, site=site, now=now, planner=planner))
        codes, doors = sighting.applied(codes, doors, noted)
        codes = family.gather(codes)
    for code in codes.values():
        if is_due(code, now):
            noted += next_for(code, doors[code.device_id], site=site, now=now, planner=planner)
    calls = [action for action in noted if isinstance(action, TakeStep | Remove)]
    rest = [action for action in noted if not isinstance(action, TakeStep | Remove)]
    return [*rest, *most_urgent_first(calls)]


def is_due(code: KnownCode, now: datetime) -> bool:
    return code.next_run_at is not None and code.next_run_at <= now


def most_urgent_first(calls: Iterable[Call]) -> list[Call]:
    """Sort: removals before all else, by how long they are due; then what starts soonest."""

    def urgency(call: Call) -> tuple[bool, bool, datetime]:
        code = call.code
        if isinstance(call, Remove):
            return False, call.is_extra, code.unwanted_since or code.created_at
        return True, False, code.starts_at or code.created_at

    return sorted(calls, key=urgency)


def next_for(
    code: KnownCode, door: KnownDoor, *, site: KnownSite, now: datetime, planner: Planner
) -> Sequence[Action]:
    """Return what is next for one code: something to write down, or one call, or nothing."""
    is_wanted = code.is_wanted(now)
    if not code.is_ours_to_change or (code.is_gone and not is_wanted):
        return _rest(code)
    alarm = overdue(code, door, now=now) if not is_wanted else None
    if site.is_silent:
        return [alarm] if alarm else _while_silent(code, now)
    if alarm:
        return [alarm]  # written down first; the removal is next
    if is_wanted:
        return _towards_presence(code, door, site, now, planner)
    return _towards_absence(code, door, now)


def _rest(code: KnownCode, until: datetime | None = None) -> Sequence[Action]:
    """Nothing is to be done until something changes."""
    return [Change(code=code, facts={"next_run_at": until})] if code.next_run_at != until else ()


def _while_silent(code: KnownCode, now: datetime) -> Sequence[Action]:
    """Nobody can be asked: what is there is unknown, what is wished stays."""
    again = code.ends_at if code.is_wanted(now) else now + timedelta(seconds=60)
    facts = {"status": CodeStatus.UNKNOWN, "next_run_at": again}
    return [Change(code=code, facts=facts)]


# --- it shall be gone ----------------------------------------------------------------------------


def _towards_absence(code: KnownCode, door: KnownDoor, now: datetime) -> Sequence[Action]:
    if code.phase == CodePhase.REMOVED_IN_CLOUD:
        return [_once_the_lock_heard(code, door, now)]
    if code.is_kept_for_others(now):
        return [_off_this_door(code, door, now)]
    if not code.remote_id:
        if code.ambiguous_since is None:
            return [_never_was(code, now)]
        return [_wait_for_listing(code, CodePhase.REMOVING, door.lives_by, now)]
    if code.phase == CodePhase.VERIFYING_ABSENT:
        return [_wait_for_proof(code, door, now)]
    return [Remove(code=code, door=door, remote_id=code.remote_id)]


def _off_this_door(code: KnownCode, door: KnownDoor, now: datetime) -> Action:
    """Its guest stays at other doors, and waits for none of them to leave this one.

    Whether the guest is known to be at the door makes no difference: a call without an answer
    may have put it there.
    """
    if any(o.device_id == code.device_id and o.is_wanted(now) for o in code.others):
        said = "Another code for the same guest opens this door now."
        return gone(code, CodePhase.REMOVED, now, said)
    if not code.remote_id or not door.seen:
        return _never_was(code, now)
    if code.phase == CodePhase.VERIFYING_ABSENT:
        return _wait_for_proof(code, door, now)
    return Remove(code=code, door=door, remote_id=code.remote_id, only_here=True)


def _wait_for_proof(code: KnownCode, door: KnownDoor, now: datetime) -> Change:
    """Its removal was accepted; what came of it, a listing tells (sighting.take_in)."""
    proof_at = (code.removal_accepted_at or now) + sighting.proof_after(code, door)
    return Change(code=code, facts={"next_run_at": max(proof_at, now + LOOK_AGAIN)})


def _never_was(code: KnownCode, now: datetime) -> Change:
    """Nothing was made for it, or what was made is gone."""
    was_set = code.accepted_at is not None
    is_skipped = code.revoked_at is None and not was_set
    phase = CodePhase.SKIPPED if is_skipped else CodePhase.REMOVED
    said = "Its time was over before it was set." if is_skipped else "It was not at the provider."
    return gone(code, phase, now, said)


def _once_the_lock_heard(code: KnownCode, door: KnownDoor, now: datetime) -> Change:
    """Gone at the provider: is it gone from the lock too? (reliability SKS-03)"""
    if code.ended_by_itself(now):
        return gone(code, CodePhase.REMOVED, now, "The lock ended it by itself.")
    if door.lives_by.propagation is None:
        return gone(code, CodePhase.REMOVED, now, "The lock no longer has it.")
    heard_at = _heard_at(code.removed_in_cloud_at or now, code, door)
    if door.is_online is True and door.polled_at is not None and door.polled_at >= heard_at:
        return gone(code, CodePhase.REMOVED, now, "The lock was online since and has heard of it.")
    facts: dict[str, Any] = {"next_run_at": now + LOOK_AGAIN}
    if door.is_online is False:
        said = "Removed, but the lock has not heard of it yet: the code may still work."
        facts["warnings"] = with_warning(code, NOT_REACHED, said, now)
    return Change(code=code, facts=facts)


def _heard_at(since: datetime, code: KnownCode, door: KnownDoor) -> datetime:
    """From when a lock knows of what the provider knows since `since`, if it stays online."""
    away = [datetime.fromisoformat(w["at"]) for w in code.warnings if w["code"] == NOT_REACHED]
    online = [door.online_since] if door.online_since else []
    return max([since, *away, *online]) + (door.lives_by.propagation or timedelta(0))


# --- it shall be there ---------------------------------------------------------------------------


def _towards_presence(
    code: KnownCode, door: KnownDoor, site: KnownSite, now: datetime, planner: Planner
) -> Sequence[Action]:
    if (wait := _not_now(code, door, now)) is not None:
        return wait
    if join := family.joined(code, now):
        return [join]
    wish = wish_of(code, door, now)
    step = planner.next_step(wish, code.seen, door.seen)
    if not step:
        return _all_done(code, door, site, is_due=wish.is_due, now=now)
    if code.allows_external_modification and is_settled(code):
        return _rest_until_end(code)
    if hindrance := _obstacle(code, door, site, now) or _slow(code, now):
        return [hindrance]
    is_of_door = planner.is_of_door(step)
    if is_of_door and door.ambiguous_since is not None:
        until = door.ambiguous_since + CALL + door.lives_by.settle
        return [Change(code=code, facts={"next_run_at": max(until, now + LOOK_AGAIN)})]
    return [
        TakeStep(
            code=code,
            door=door,
            wish=wish,
            step=step,
            creates=planner.creates(step),
            is_of_door=is_of_door,
            is_of_guest=bool(code.shared_key) and cast("SharedCodes", planner).is_shared(step),
        )
    ]


def _not_now(code: KnownCode, door: KnownDoor, now: datetime) -> Sequence[Action] | None:
    """Return what is to be done instead of a step, or None if a step may be taken."""
    if code.is_gone or code.phase == CodePhase.REMOVED_IN_CLOUD:
        return [_again(code, door, now)]
    if code.phase == CodePhase.VERIFYING_ABSENT:
        return [_wait_for_proof(code, door, now)]
    if _waits_for_a_person(code):
        return _rest(code, until=code.ends_at)
    if door.rules is None:
        return [block(code, Code.NO_KEYPAD, door.why_no_codes or "This lock takes no codes.", now)]
    if code.ambiguous_since is not None:
        return [_wait_for_listing(code, CodePhase.AMBIGUOUS, door.rules, now)]
    is_stored = code.secret_state == SecretState.STORED
    if is_stored and not code.digits and not door.rules.digits_by_provider:
        return [block(code, "secret_unreadable", UNREADABLE, now)]
    return None


def _again(code: KnownCode, door: KnownDoor, now: datetime) -> Change:
    """It was gone and is wanted again: its window was moved, or a clock was wrong."""
    facts: dict[str, Any] = {
        "remote_id": "",
        "seen": {},
        "removal_accepted_at": None,
        "removed_in_cloud_at": None,
        "removed_at": None,
        "has_native_end": False,
        "reported_ends_at": None,
        "missing_listings": 0,
        "missing_since": None,
        "next_run_at": now,
    }
    if door.lives_by.digits_by_provider and not code.was_told:
        facts["secret_state"] = SecretState.NONE
    return Change(
        code=code,
        facts=facts,
        marks={"phase": CodePhase.WAITING, "status": CodeStatus.UNSET},
        moment=("again", "It is wanted again."),
    )


def _waits_for_a_person(code: KnownCode) -> bool:
    return (
        code.phase == CodePhase.BLOCKED
        and code.observed_generation == code.generation
        and code.error_code not in HEALS_BY_ITSELF
    )


def _wait_for_listing(code: KnownCode, phase: CodePhase, rules: CodeRules, now: datetime) -> Change:
    """A call that makes something had no clear answer: only a later listing tells."""
    assert code.ambiguous_since is not None
    until = code.ambiguous_since + CALL + rules.settle
    marks = {} if code.phase == phase else {"phase": phase, "status": STATUS_OF[phase]}
    return Change(code=code, facts={"next_run_at": max(until, now + LOOK_AGAIN)}, marks=marks)


def _obstacle(code: KnownCode, door: KnownDoor, site: KnownSite, now: datetime) -> Change | None:
    """Refuse here what the provider would refuse, or do badly (reliability CODE-12)."""
    rules = door.lives_by
    if code.remote_id:
        return None
    if rules.digits_by_provider and code.was_told:
        said = (
            f"It is no longer at {site.label}. Its digits were handed out and cannot be made "
            "again: make a new code."
        )
        return block(code, "failed_to_set_on_device", said, now)
    if rules.takes_seat and site.is_full:
        said = f"All {site.seats_total} seats of the {site.label} subscription are taken."
        return block(code, Code.NO_SEAT, said, now)
    if rules.slots is not None and door.codes_on_it >= rules.slots:
        return block(code, Code.NO_SPACE, f"The lock is full: it holds {rules.slots} codes.", now)
    return None


def _slow(code: KnownCode, now: datetime) -> Change | None:
    """Warn once that a guest may stand before a closed door (reliability CODE-07)."""
    if code.setting_since is None or has_warning(code, DELAY):
        return None
    taken = now - code.setting_since
    is_near = code.starts_at is None or code.starts_at - now < NEAR_START
    if taken < (SLOW_NEAR_START if is_near and code.starts_at else SLOW_AFTER):
        return None
    said = "Not on the lock yet: it takes longer than usual."
    return Change(
        code=code,
        facts={"warnings": with_warning(code, DELAY, said, now)},
        moment=("slow", said),
    )


# --- all of it was done --------------------------------------------------------------------------


def _all_done(
    code: KnownCode, door: KnownDoor, site: KnownSite, *, is_due: bool, now: datetime
) -> Sequence[Action]:
    if not is_due:
        return _until_its_time(code, door)
    if not is_settled(code):
        return [_accepted(code, door, site, now)]
    if code.phase == CodePhase.ON_LOCK:
        return _rest_until_end(code)
    if _is_on_lock_by_time(code, door, now):
        return [on_lock(code, "time", now)]
    return [Change(code=code, facts={"next_run_at": now + LOOK_AGAIN})]


def _until_its_time(code: KnownCode, door: KnownDoor) -> Sequence[Action]:
    assert code.starts_at is not None
    is_news = code.phase != CodePhase.WAITING or code.observed_generation != code.generation
    return [
        Change(
            code=code,
            marks={
                "phase": CodePhase.WAITING,
                "status": CodeStatus.UNSET,
                "observed_generation": code.generation,
                "setting_since": None,
                "attempts": 0,
                "error_code": "",
                "error": "",
                "warnings": without_warnings(code, *ON_THE_WAY),
                "next_run_at": code.starts_at - door.lives_by.lead,
            },
            moment=("prepared", "Ready; it goes to the lock in time.") if is_news else None,
        )
    ]


def _accepted(code: KnownCode, door: KnownDoor, site: KnownSite, now: datetime) -> Change:
    rules = door.lives_by
    warnings = without_warnings(code, SEATS)
    if rules.takes_seat and site.is_nearly_full:
        said = f"{site.seats_used} of {site.seats_total} seats at {site.label} are taken."
        warnings = with_warning(code, SEATS, said, now)
    ends = rules.native_end and code.ends_at is not None
    wait = rules.propagation if rules.propagation is not None else LOOK_AGAIN
    return Change(
        code=code,
        facts={
            "has_native_end": ends,
            "reported_starts_at": code.starts_at,
            "reported_ends_at": code.ends_at if ends else None,
            "effective_at": None,
            "effective_evidence": "",
            "warnings": warnings,
        },
        marks={
            "phase": CodePhase.ACCEPTED,
            "status": STATUS_OF[CodePhase.ACCEPTED],
            "observed_generation": code.generation,
            "accepted_at": now,
            "attempts": 0,
            "error_code": "",
            "error": "",
            "next_run_at": now + wait,
        },
        moment=("accepted", "All of it is at the provider; the lock is next."),
    )


def _is_on_lock_by_time(code: KnownCode, door: KnownDoor, now: datetime) -> bool:
    """Where no listing tells, the usual delay must have gone by with the lock online."""
    propagation = door.lives_by.propagation
    if propagation is None or code.accepted_at is None or door.is_online is False:
        return False
    since = code.accepted_at
    if door.ready_at is not None:
        since = max(since, door.ready_at + FRESH_DOOR - propagation)
    is_heard = door.polled_at is not None and door.polled_at >= code.accepted_at
    return is_heard and now >= _heard_at(since, code, door)


def _rest_until_end(code: KnownCode) -> Sequence[Action]:
    status = STATUS_OF[code.phase]
    if code.next_run_at == code.ends_at and code.status == status:
        return ()
    return [Change(code=code, facts={"next_run_at": code.ends_at, "status": status})]


def is_overlooked(code: KnownCode, now: datetime) -> bool:
    """Whether something is to be done about a code that nobody is going to look at in time.

    Whoever writes a wish wakes its code. This is for what was written by other means, and for
    times written while the clock was wrong.
    """
    next_at = code.next_run_at
    if not code.is_ours_to_change or (next_at is not None and next_at <= now):
        return False
    if not code.is_wanted(now):
        return not code.is_gone and (next_at is None or next_at > now + A_WHILE)
    if next_at is not None:
        is_under_way = code.phase in (CodePhase.SETTING, CodePhase.AMBIGUOUS, CodePhase.ACCEPTED)
        return is_under_way and next_at > now + LONGEST_WAIT
    return code.is_gone or code.observed_generation != code.generation


#: Moments that are compared with the clock: none can be in the future.
_PAST = (
    "ambiguous_since",
    "written_at",
    "setting_since",
    "accepted_at",
    "missing_since",
    "removal_accepted_at",
    "removed_in_cloud_at",
)


def put_right(code: KnownCode, now: datetime) -> Change | None:
    """Return moments that a wrong clock wrote as if they were now, or None if all are past."""
    wrong = {
        name: now
        for name in _PAST
        if (at := getattr(code, name)) is not None and at > now + CLOCK_TOLERANCE
    }
    return Change(code=code, facts=wrong) if wrong else None
