"""What locks do: open for a moment, relock by themselves, stay open, refuse, fall silent.

Every act here is physical and therefore logged as an effect. `lock.bolt` is the truth;
`lock.locked_state` is what the cloud was last told. Sources: docs/sandbox.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sandbox import feed, keypads, knowledge
from sandbox.seam import codes as seam_codes
from sandbox.things import Iq, Lock, Person, Timer
from sandbox.world import World


def open_door(
    world: World,
    lock: Lock,
    *,
    cause: str,
    seconds: float | None = None,
    account: str | None = None,
) -> None:
    """Open for `seconds` (the lock's own time without), or not at all if it stands open.

    In office mode the opening is logged, and nothing moves. Returns at once; the lock
    relocks by its own timer.
    """
    open_seconds = seconds or lock.open_seconds
    world.effect("lock_opened", cause=cause, lock=lock, account=account, seconds=open_seconds)
    if lock.bolt != "office_mode":
        _set_bolt(world, lock, "unlocked")
        if lock.relocks:
            world.schedule(_relock_key(lock), "relock", open_seconds, lock_id=lock.id)


def lock_now(world: World, lock: Lock, *, cause: str) -> None:
    """Throw the bolt before its time; the legacy dialect's lock command."""
    if lock.bolt == "office_mode":
        end_office_mode(world, lock, cause=cause)
        return
    world.timers.drop(_relock_key(lock))
    _set_bolt(world, lock, "locked")
    world.effect("lock_locked", cause=cause, lock=lock)


def start_office_mode(
    world: World, lock: Lock, *, cause: str, person: Person | None, category: str = "office_mode"
) -> None:
    """Open until somebody or something ends it."""
    world.timers.drop(_relock_key(lock))
    _set_bolt(world, lock, "office_mode")
    world.effect("office_mode_started", cause=cause, lock=lock)
    access_by = "remote" if cause == "remote" else ""
    feed.add_entry(world, lock, category, detail="start", person=person, access_by=access_by)


def end_office_mode(
    world: World,
    lock: Lock,
    *,
    cause: str,
    person: Person | None = None,
    category: str = "office_mode",
) -> None:
    """Lock again. Nothing happens if the lock is not in office mode."""
    if lock.bolt != "office_mode":
        return
    world.timers.drop(f"eom-end:{lock.id}")
    _set_bolt(world, lock, "locked")
    world.effect("office_mode_ended", cause=cause, lock=lock)
    access_by = "remote" if cause == "remote" else ""
    feed.add_entry(world, lock, category, detail="end", person=person, access_by=access_by)


def set_privacy(world: World, lock: Lock, *, on: bool) -> None:
    """Somebody inside wants to be left alone, or no longer."""
    if lock.privacy_mode == on:
        return
    lock.privacy_mode = on
    world.locks.put(lock)
    world.effect("privacy_started" if on else "privacy_ended", cause="inside_handle", lock=lock)
    feed.add_entry(world, lock, "privacy_mode", detail="start" if on else "end")


# --- people at the door -------------------------------------------------------------------


def use_inside_handle(world: World, lock: Lock) -> None:
    """Somebody leaves. Always possible; ends privacy mode."""
    set_privacy(world, lock, on=False)
    open_door(world, lock, cause="inside_handle", account=None)
    feed.add_entry(world, lock, "lock_opened", access_by="inside_handle", exit_requested=True)


def type_pin(world: World, lock: Lock, code: str) -> dict[str, Any]:
    """Somebody types `code`; a trailing # is the enter key. Return `{opened, reason}`."""
    if not lock.has_keypad:
        return {"opened": False, "reason": "no_keypad"}
    if lock.bolt == "office_mode":
        return {"opened": True, "reason": "office_mode"}  # the door stands open anyway
    verdict = judge_code(world, lock, code.removesuffix("#"))
    if verdict.reason == "lock_offline":
        _note_offline_attempt(world, lock, cause="keypad", access_by="pin_code")
        return {"opened": False, "reason": verdict.reason}
    return _pass_or_not(world, lock, verdict, Means(cause="keypad", access_by="pin_code"))


def judge_code(world: World, lock: Lock, digits: str) -> knowledge.Verdict:
    """Decide whether digits would open a lock now. Nothing moves, nothing is logged."""
    if not lock.reachable:
        return knowledge.Verdict(opens=False, reason="lock_offline")
    judges = {keypads.BRAND: keypads.judge, seam_codes.BRAND: seam_codes.judge}
    judge = judges.get(world.sites[lock.site_id].brand, knowledge.judge_pin)
    return judge(world, lock, digits)


def hold_tag(world: World, lock: Lock, number: str) -> dict[str, Any]:
    """Somebody holds a tag to the reader. Return `{opened, reason}`."""
    verdict = knowledge.judge_tag(world, lock, number)
    means = Means(cause="tag", access_by="tag", access_detail=number)
    return _pass_or_not(world, lock, verdict, means)


@dataclass(frozen=True, kw_only=True)
class Means:
    """How somebody asks to pass: `cause` in effects, the other two in entries."""

    cause: str
    access_by: str
    access_detail: str = ""


def _pass_or_not(
    world: World, lock: Lock, verdict: knowledge.Verdict, means: Means
) -> dict[str, Any]:
    # The lock's own knowledge counts: the cloud may have forgotten this person already.
    person = world.people.get(verdict.person_id)
    if verdict.opens and person:
        open_door(world, lock, cause=means.cause, account=person.account)
        feed.add_entry(
            world,
            lock,
            "lock_opened",
            person=person,
            alias=verdict.alias,
            access_by=means.access_by,
            access_detail=means.access_detail,
        )
        _start_easy_office_mode(world, lock, person)
    else:
        world.effect("lock_rejected", cause=means.cause, lock=lock, reason=verdict.reason)
        _add_rejection(world, lock, verdict, means)
    return {"opened": verdict.opens, "reason": verdict.reason}


def _add_rejection(world: World, lock: Lock, verdict: knowledge.Verdict, means: Means) -> None:
    """Write the rejection in the shapes measured in August 2026.

    A PIN the lock does not know: `no_access` and the sentinel user. An unknown tag: no user.
    Suspended: the user without alias. Known but denied: the user, and no detail.
    """
    known = verdict.known_to_lock or verdict.reason == "lock_offline"
    detail = {"suspended": "suspended", "lock_offline": "offline"}.get(verdict.reason)
    feed.add_entry(
        world,
        lock,
        "lock_rejected",
        detail=detail if known else "no_access",
        person=world.people.get(verdict.person_id) if known else None,
        alias=verdict.alias if known and verdict.reason != "suspended" else None,
        access_by=means.access_by,
        access_detail=means.access_detail,
        unknown_person=not known and means.access_by == "pin_code",
    )


def _note_offline_attempt(world: World, lock: Lock, *, cause: str, access_by: str) -> None:
    world.effect("lock_rejected", cause=cause, lock=lock, reason="lock_offline")
    feed.add_entry(world, lock, "lock_rejected", detail="offline", access_by=access_by)


# --- easy office mode ---------------------------------------------------------------------


def _start_easy_office_mode(world: World, lock: Lock, person: Person) -> None:
    """Start at the first valid badge inside the schedule, if the schedule says so."""
    schedule = lock.easy_office_mode_schedule
    if not schedule or not schedule["eom_auto_start"] or lock.bolt == "office_mode":
        return
    if knowledge.is_open(world, lock.site_id, schedule):
        start_office_mode(
            world, lock, cause="office_mode", person=person, category="easy_office_mode"
        )
        seconds = _seconds_to_end(world, lock, schedule["end_time"])
        world.schedule(f"eom-end:{lock.id}", "eom-end", seconds, lock_id=lock.id)


def _seconds_to_end(world: World, lock: Lock, end_time: str) -> float:
    local = world.now().astimezone(ZoneInfo(world.sites[lock.site_id].time_zone))
    end = datetime.combine(
        local.date(),
        time.fromisoformat(end_time),
        local.tzinfo,
    )
    return (end - local + timedelta(seconds=1)).total_seconds()


def _end_easy_office_mode(world: World, timer: Timer) -> None:
    if lock := world.locks.get(timer.payload["lock_id"]):
        end_office_mode(world, lock, cause="schedule", category="easy_office_mode")


# --- the bolt, and what the cloud hears of it ---------------------------------------------


def _relock_key(lock: Lock) -> str:
    return f"relock:{lock.id}"


def _relock(world: World, timer: Timer) -> None:
    lock = world.locks.get(timer.payload["lock_id"])
    if lock and lock.bolt == "unlocked":
        _set_bolt(world, lock, "locked")
        world.effect("lock_relocked", cause="relock_timer", lock=lock)
        if world.sites[lock.site_id].brand == seam_codes.BRAND:  # others do not tell
            feed.add_entry(world, lock, "lock_relocked")


def _set_bolt(world: World, lock: Lock, bolt: str) -> None:
    lock.bolt = bolt
    _report(world, lock)


def _report(world: World, lock: Lock) -> None:
    if can_reach(world, lock):
        lock.locked_state = lock.bolt
    world.locks.put(lock)


def can_reach(world: World, lock: Lock) -> bool:
    """Tell whether a command from the cloud would get to the lock; not what `online` says."""
    return lock.reachable and lock.iq_link_state == "attached" and world.iqs[lock.iq_id].reachable


def set_lock_reachable(world: World, lock: Lock, *, reachable: bool) -> None:
    """Take a lock off the air or back. The cloud's `online` follows after a delay."""
    if lock.reachable == reachable:
        return
    lock.reachable = reachable
    world.effect(
        "lock_connection_restored" if reachable else "lock_connection_lost",
        cause="control",
        lock=lock,
    )
    if can_reach(world, lock):
        feed.deliver(world, lock)
        keypads.catch_up(world, lock)
        seam_codes.catch_up(world, lock)
    _report(world, lock)
    delay = 0.0 if reachable else world.settings.lock_flag_delay_seconds
    world.schedule(f"flag:{lock.id}", "lock-flag", delay, lock_id=lock.id)


def set_iq_reachable(world: World, iq: Iq, *, reachable: bool) -> None:
    """Take an IQ off the air or back. The cloud may believe in it for up to half an hour."""
    if iq.reachable == reachable:
        return
    iq.reachable = reachable
    world.effect(
        "iq_connection_restored" if reachable else "iq_connection_lost",
        cause="control",
        iq_id=iq.id,
    )
    if reachable:
        knowledge.catch_up(world, iq)
        for lock in world.locks.where(iq_id=iq.id, reachable=True):
            feed.deliver(world, lock)
            keypads.catch_up(world, lock)
            seam_codes.catch_up(world, lock)
            _report(world, lock)
    world.iqs.put(iq)
    delay = 0.0 if reachable else world.settings.iq_flag_delay_seconds
    world.schedule(f"flag:{iq.id}", "iq-flag", delay, iq_id=iq.id)


def _flag_lock(world: World, timer: Timer) -> None:
    lock = world.locks.get(timer.payload["lock_id"])
    if lock is None or lock.online == lock.reachable:
        return
    lock.online = lock.reachable
    world.locks.put(lock)
    word = "lock_connection_restored" if lock.online else "lock_connection_lost"
    feed.add_incident(world, lock, word, by_cloud=True)


def _flag_iq(world: World, timer: Timer) -> None:
    iq = world.iqs.get(timer.payload["iq_id"])
    if iq is None or iq.online == iq.reachable:
        return
    iq.online = iq.reachable
    world.iqs.put(iq)
    word = "iq_connection_restored" if iq.online else "iq_connection_lost"
    feed.add_iq_incident(world, iq, word)


TIMERS: dict[str, Callable[[World, Timer], None]] = {
    "relock": _relock,
    "eom-end": _end_easy_office_mode,
    "lock-flag": _flag_lock,
    "iq-flag": _flag_iq,
}
