"""Links between the lock and the hand at the door."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from access.grants import progress
from access.grants.standing import DoorStanding
from access.grants.why.of_stay import OF_SCHEDULE, holder_state, is_of_schedule
from access.grants.why.walking import Case, Finding, Fix, Remedy, broken, ok, unsure, worst
from access.models import AcsEntrance
from accounts.models import AccountState, ConnectedAccount, Hub
from accounts.providers.systems import AccessMethod as Mode
from audit.presenting import lines_of
from locks.codes.rules import clock
from locks.models import Device
from locks.tiles import LOW_BATTERY_PERCENT

#: A lock so weak may light up and still not move its bolt.
EMPTY_BATTERY_PERCENT = 5
_SEEN_WITHIN = timedelta(hours=1)
_PASSING = (AccountState.DEGRADED, AccountState.THROTTLED)


# --- on the lock ----------------------------------------------------------------------


def on_lock(case: Case) -> Finding:
    found = [_on_lock(each, case) for each in case.ways]
    kept = [each for each in found if each is not None]
    if not kept:
        return ok("Nothing has to be on the lock for this way in.")
    return worst(kept, kept[0].sentence)


def _on_lock(each: DoorStanding, case: Case) -> Finding | None:
    if each.door.method.mode == Mode.CLOUD_KEY:
        return None
    state, code = each.state, each.door.code
    since = each.progress.since
    at = f" Since {clock(since, case.grant.property.zone, case.now)}." if since else ""
    said = f"{each.name}: {state.word}. {state.note}".strip() + at
    if each.progress.key == "ready" or is_of_schedule(each, case):
        return ok(said)
    if each.progress.key in progress.NEEDS_DESK:
        return None
    if code is not None:
        return broken(said, Fix(Remedy.SYNC, code), Fix(Remedy.PUSH, code))
    return broken(said, Fix(Remedy.HOLDER, each.door.method.acs_user))


# --- online ---------------------------------------------------------------------------


def online(case: Case) -> Finding:
    found = [_online(each, case) for each in case.ways]
    return worst(found, "Seen online within the hour.")


def _online(each: DoorStanding, case: Case) -> Finding:
    thing = each.door.device or each.door.entrance
    assert thing is not None
    if thing.removed_at is not None:
        return broken(f"{each.name} is gone from the provider’s list.", Fix(Remedy.CHANGE))
    if thing.is_online is False:
        return _offline(each, thing, case)
    if isinstance(thing, AcsEntrance):
        return ok(f"{each.name} needs no connection to open by what it knows.")
    seen = thing.account.status_polled_at
    if seen is None or case.now - seen > _SEEN_WITHIN:
        return unsure(f"{each.name} was not looked at within the hour.", Fix(Remedy.LOOK, thing))
    if thing.is_online is None:
        return unsure(f"Nobody says whether {each.name} is online.", Fix(Remedy.LOOK, thing))
    return ok(f"{each.name} is online.")


def _offline(each: DoorStanding, thing: Device | AcsEntrance, case: Case) -> Finding:
    since = thing.online_since if isinstance(thing, Device) else None
    at = f" since {clock(since, case.grant.property.zone, case.now)}" if since else ""
    fixes = (Fix(Remedy.LOOK, thing),) if isinstance(thing, Device) else ()
    if each.door.method.mode == Mode.CLOUD_KEY or each.progress.key != "ready":
        said = f"{each.name} is offline{at}. Wake it: touch its keypad or handle, then look again."
        return broken(said, *fixes, Fix(Remedy.DOOR, thing))
    said = f"{each.name} is offline{at}. What it has already goes on working there."
    return unsure(said, *fixes)


# --- battery --------------------------------------------------------------------------


def battery(case: Case) -> Finding:
    found = [_battery(each) for each in case.things if isinstance(each, Device)]
    if not found:
        return ok("These doors tell of no battery.")
    return worst(found, found[0].sentence)


def _battery(device: Device) -> Finding:
    left = device.battery_percent
    if left is None:
        return ok(f"{device.name} does not tell its battery.")
    if left <= EMPTY_BATTERY_PERCENT:
        said = f"{device.name} has {left} % left: too little to move the bolt surely."
        return broken(f"{said} Change the battery.", Fix(Remedy.DOOR, device))
    if left <= LOW_BATTERY_PERCENT:
        return unsure(f"{device.name} has {left} % left: low, and usually still enough.")
    return ok(f"{device.name} has {left} %.")


# --- modes ----------------------------------------------------------------------------


def modes(case: Case) -> Finding:
    found = [each for thing in case.things for each in _modes(thing)]
    return worst(found, "Neither privacy mode nor a fault is in the way.")


def _modes(thing: Device | AcsEntrance) -> Iterator[Finding]:
    if thing.privacy_mode:
        said = f"{thing.name} is in privacy mode: PINs, phones and remote opening are refused."
        yield broken(f"{said} Whoever is inside ends it.", Fix(Remedy.DOOR, thing))
    if not isinstance(thing, Device):
        return
    for each in thing.troubles:
        if each.get("hinders_opening"):
            yield broken(f"{thing.name}: {each.get('text', '')}", Fix(Remedy.DOOR, thing))
    if thing.office_mode:
        yield unsure(f"{thing.name} is in office mode: it should stand unlocked for everybody.")


# --- account and hub ------------------------------------------------------------------


def account(case: Case) -> Finding:
    has_web_key = any(each.door.method.mode == Mode.CLOUD_KEY for each in case.ways)
    found = [_account(each, has_web_key=has_web_key) for each in case.accounts]
    return worst(found, "Every account is connected.")


def _account(account: ConnectedAccount, *, has_web_key: bool) -> Finding:
    trouble, fix = account.trouble, Fix(Remedy.RECONNECT, account)
    if account.is_silent:
        return broken(f"{account.name} does not let us in any more. {trouble}".strip(), fix)
    if account.state == AccountState.ACTUATION_BLOCKED and has_web_key:
        return broken(f"Opening from here is blocked for {account.name}. {trouble}".strip(), fix)
    if account.state in _PASSING:
        return unsure(f"{account.name} answers badly just now. {trouble}".strip())
    return ok(f"{account.name} is connected.")


def hub(case: Case) -> Finding:
    found = [_hub(each) for each in case.ways]
    kept = [each for each in found if each is not None]
    return worst(kept, "Online." if kept else "No hub is known for these doors.")


def _hub(each: DoorStanding) -> Finding | None:
    device, entrance = each.door.device, each.door.entrance
    if entrance is not None:
        if not entrance.system.is_bridge_down:
            return None
        name, fix = f"The bridge to {entrance.system.name}", Fix(Remedy.DOOR, entrance)
    elif device is not None and device.hub is not None:
        if device.hub.is_online is not False:
            return _needs_activation(each, device.hub, device)
        name, fix = f"The hub {device.hub.name}", Fix(Remedy.LOOK, device)
    else:
        return None
    if each.door.method.mode == Mode.CLOUD_KEY:
        return broken(f"{name} is offline, so nothing from here reaches {each.name}.", fix)
    return unsure(f"{name} is offline. What {each.name} has already goes on working.", fix)


def _needs_activation(each: DoorStanding, hub: Hub, device: Device) -> Finding:
    if each.door.method.mode == Mode.CLOUD_KEY and hub.needs_activation:
        said = f"Remote opening is not activated on {hub.name}."
        return broken(said, Fix(Remedy.RECONNECT, device.account))
    return ok(f"{hub.name} is online.")


# --- schedule and seats ---------------------------------------------------------------


def quota(case: Case) -> Finding:
    found = [each for way in case.ways if (each := _quota(way, case))]
    return worst(found, "No schedule and no seat is in the way.")


def _quota(each: DoorStanding, case: Case) -> Finding | None:
    state, user = holder_state(each, case), each.door.method.acs_user
    if state is None or user is None or state.key not in OF_SCHEDULE:
        return None
    said = f"{user.full_name} in {user.system.name}: {state.word}. {state.note}"
    return broken(said.strip(), Fix(Remedy.HOLDER, user))


# --- the last denial ------------------------------------------------------------------


def denied(case: Case) -> Finding:
    opened = max((code.last_used_at for code in case.codes if code.last_used_at), default=None)
    zone = case.grant.property.zone
    for event in case.denied:
        if opened is not None and event.occurred_at <= opened:
            break
        [line] = lines_of([event], zone)
        at = clock(event.occurred_at, zone, case.now)
        said = f"{at}: {line.sentence}. They may have used something else than what they have here."
        return broken(said, Fix(Remedy.LOG, event.device_id))
    if opened is not None:
        return ok(f"They opened a door {clock(opened, zone, case.now)}, and were not denied since.")
    return ok("Nobody was denied at these doors in the last two hours, as far as was told.")
