"""What each IQ has been told about people, groups and schedules, and whether a door opens.

The cloud and the hardware know different things: a change reaches the IQ after a delay, and
not at all while the IQ is offline. Doors decide by what their IQ knows.
Sources: docs/sandbox.md.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.things import Iq, Lock, Timer
from sandbox.world import World

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True)
class Verdict:
    """What a door decided. `reason` is for the control API; the entry says less."""

    opens: bool
    reason: str
    person_id: str | None = None
    alias: str | None = None
    known_to_lock: bool = False


# --- telling the hubs ---------------------------------------------------------------------


def tell_member(world: World, site_id: str, member_id: str) -> None:
    _tell(world, site_id, f"member:{member_id}", world.settings.member_sync_seconds)


def tell_group(world: World, site_id: str, group_id: str) -> None:
    _tell(world, site_id, f"group:{group_id}", world.settings.member_sync_seconds)


def tell_schedules(world: World, site_id: str, group_id: str) -> None:
    _tell(world, site_id, f"schedules:{group_id}", world.settings.schedule_sync_seconds)


def tell_everything(world: World, iq: Iq) -> None:
    """Tell `iq` at once all there is; for the seed and for an IQ that was restored."""
    iq.known, iq.waiting = {}, []
    for member in world.members.where(site_id=iq.site_id):
        _learn(world, iq, f"member:{member.id}")
    for group in world.groups.where(site_id=iq.site_id):
        _learn(world, iq, f"group:{group.id}")
        _learn(world, iq, f"schedules:{group.id}")
    world.iqs.put(iq)


def catch_up(world: World, iq: Iq) -> None:
    """Tell an IQ that is back what it missed."""
    for item in iq.waiting:
        _learn(world, iq, item)
    iq.waiting = []
    world.iqs.put(iq)


def _tell(world: World, site_id: str, item: str, delay_seconds: float) -> None:
    for iq in world.iqs.where(site_id=site_id):
        if delay_seconds <= 0:
            _hear(world, iq, item)
        elif world.timers.get(key := f"sync:{iq.id}:{item}") is None:
            # One under way carries whatever is true when it arrives: changes in a row do not
            # put each other off.
            world.schedule(key, "sync", delay_seconds, iq_id=iq.id, item=item)


def _sync(world: World, timer: Timer) -> None:
    if iq := world.iqs.get(timer.payload["iq_id"]):
        _hear(world, iq, timer.payload["item"])


def _hear(world: World, iq: Iq, item: str) -> None:
    if iq.reachable:
        _learn(world, iq, item)
    elif item not in iq.waiting:
        iq.waiting.append(item)
    world.iqs.put(iq)


def _learn(world: World, iq: Iq, item: str) -> None:
    """Copy what the cloud says of `item` now; an item that is gone is forgotten."""
    copy = _in_the_cloud(world, item)
    if copy is None:
        iq.known.pop(item, None)
    else:
        iq.known[item] = copy


def _in_the_cloud(world: World, item: str) -> Any:
    kind, _, key = item.partition(":")
    if kind == "schedules":
        bodies = [schedule.body for schedule in world.schedules.where(group_id=key)]
        return bodies or None
    if kind == "group":
        group = world.groups.get(key)
        return group and {"locks": list(group.lock_ids), "people": list(group.person_ids)}
    member = world.members.get(key)
    return member and {
        "id": member.id,
        "person": member.person_id,
        "alias": member.alias,
        "pin": member.pin,
        "pin_expires_at": member.pin_expires_at,
        "use_pin": member.use_pin,
        "blocked": member.blocked,
        "subscribed": member.subscription_state == "subscribed",
        "expires_at": member.expires_at,
        "override_privacy_mode": member.override_privacy_mode,
    }


TIMERS: dict[str, Callable[[World, Timer], None]] = {"sync": _sync}


# --- deciding at the door -----------------------------------------------------------------


def judge_pin(world: World, lock: Lock, code: str) -> Verdict:
    """Decide whether `code` opens `lock` now.

    Custom PINs may collide between people; then it opens if it opens for any of them.
    """
    iq = world.iqs[lock.iq_id]
    owners = [m for m in members_known(iq) if m["pin"] and m["pin"] == code]
    verdicts = [_judge_member(world, iq, lock, member, by_pin=True) for member in owners]
    if not verdicts:
        return Verdict(opens=False, reason=_why_unknown(world, lock, code))
    return max(verdicts, key=lambda verdict: (verdict.opens, verdict.known_to_lock))


def judge_tag(world: World, lock: Lock, number: str) -> Verdict:
    """Decide whether a tag opens `lock` now. Without the lock online only cached ones do."""
    iq = world.iqs[lock.iq_id]
    tags = world.tags.where(site_id=lock.site_id, number=number)
    owners = [m for m in members_known(iq) if tags and m["person"] == tags[0].person_id]
    if not owners:
        return Verdict(opens=False, reason="unknown_tag")
    if not lock.reachable and not tags[0].offline_access:
        return _refused(owners[0], "lock_offline")
    return _judge_member(world, iq, lock, owners[0], by_pin=False)


def members_known(iq: Iq) -> list[dict[str, Any]]:
    """Return what a hub was told of each site user."""
    return [fact for item, fact in iq.known.items() if item.startswith("member:")]


def _judge_member(
    world: World, iq: Iq, lock: Lock, member: dict[str, Any], *, by_pin: bool
) -> Verdict:
    groups = _groups_of(iq, lock, member["person"])
    schedules = [body for group in groups for body in iq.known.get(f"schedules:{group}", [])]
    refusal = _refusal(world, lock, member, by_pin=by_pin)
    if not groups:
        return _refused(member, "no_group")
    if not schedules:  # a group without a schedule is never sent to the lock
        return _refused(member, "no_schedule")
    if not refusal and not any(is_open(world, lock.site_id, body) for body in schedules):
        refusal = "outside_schedule"
    verdict = _refused(member, refusal or "opened")
    return replace(verdict, opens=not refusal, known_to_lock=True)


def _refused(member: dict[str, Any], reason: str) -> Verdict:
    return Verdict(opens=False, reason=reason, person_id=member["person"], alias=member["alias"])


def _groups_of(iq: Iq, lock: Lock, person_id: str) -> list[str]:
    return [
        item.partition(":")[2]
        for item, fact in iq.known.items()
        if item.startswith("group:") and lock.id in fact["locks"] and person_id in fact["people"]
    ]


def _refusal(world: World, lock: Lock, member: dict[str, Any], *, by_pin: bool) -> str:
    """Return why this person may not pass, whatever the hour; empty if they may."""
    now = world.now()
    expired = any(
        moment and moment <= now
        for moment in (member["expires_at"], member["pin_expires_at"] if by_pin else None)
    )
    checks = (
        (not member["subscribed"], "suspended"),
        (member["blocked"], "blocked"),
        (expired, "expired"),
        (by_pin and not member["use_pin"], "use_pin_off"),
        (by_pin and not world.sites[lock.site_id].pin_enabled, "pin_disabled"),
        (lock.privacy_mode and not member["override_privacy_mode"], "privacy_mode"),
    )
    return next((reason for is_so, reason in checks if is_so), "")


def _why_unknown(world: World, lock: Lock, code: str) -> str:
    """Tell a PIN that nobody has from one that has not reached the lock."""
    owners = [m for m in world.members.where(site_id=lock.site_id) if m.pin == code]
    return "not_synced" if owners else "unknown_pin"


def is_open(world: World, site_id: str, body: dict[str, Any]) -> bool:
    """Tell whether a schedule matches now, in the site's zone.

    Start and end dates that carry a time act as check-in and check-out moments.
    """
    local = world.now().astimezone(ZoneInfo(world.sites[site_id].time_zone)).replace(tzinfo=None)
    starts, ends = _naive(body.get("start_date")), _naive(body.get("end_date"))
    if (starts and local < starts) or (ends and local > ends):
        return False
    return bool(body[DAYS[local.weekday()]]) and (
        body["start_time"] <= local.strftime("%H:%M:%S") <= body["end_time"]
    )


def _naive(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=None) if text else None
