"""What happened, as Seam tells it: `events/list`.

Two sources: rows that Seam writes itself (codes, commands, credentials), and the locks' own
feed, which arrives when it arrives (`sandbox.feed`).
"""

from datetime import datetime
from typing import Any

from sandbox import feed
from sandbox.clock import format_utc
from sandbox.seam.http import Ask, call, invalid, not_found
from sandbox.seam.things import SeamEvent
from sandbox.things import Entry
from sandbox.world import World, new_id

KEPT = 20_000
WAYS = {"pin_code": "keycode", "remote": "remote", "inside_handle": "manual", "tag": "card"}
INCIDENTS = {
    "lock_connection_lost": "device.disconnected",
    "lock_connection_restored": "device.connected",
    "low_battery_warning": "device.low_battery",
}
#: Why a lock said no → the reason_code. Seam has no word for the others.
REASONS = {"no_access": "unknown_code"}


DISCONNECTED = {"error_code": "device_disconnected"}


def issues(*more: str) -> dict[str, list[Any]]:
    """Return the arrays that events of trouble must carry; what the trouble was is not kept."""
    sides = ("connected_account", "device", *more)
    return {f"{side}_{word}": [] for side in sides for word in ("errors", "warnings")}


def emit(world: World, workspace_id: str, event_type: str, **fields: Any) -> SeamEvent:
    """Write one event, now. Keys with the value None are left out."""
    n = world.count("seam_events")
    if n > KEPT:
        oldest = next(iter(world.seam_events), None)
        if oldest:
            world.seam_events.drop(oldest.id)
    return world.seam_events.put(
        SeamEvent(
            id=new_id(),
            n=n,
            workspace_id=workspace_id,
            event_type=event_type,
            occurred_at=world.now(),
            created_at=world.now(),
            fields={name: value for name, value in fields.items() if value is not None},
        )
    )


def emit_for_device(world: World, device_id: str, event_type: str, **fields: Any) -> SeamEvent:
    account = world.seam_accounts[world.seam_devices[device_id].account_id]
    meta = {"device_id": device_id, "connected_account_id": account.id}
    return emit(world, account.workspace_id, event_type, **meta, **fields)


def emit_of_system(world: World, system_id: str, event_type: str, **fields: Any) -> SeamEvent:
    """Write an event of an access system, with its id and its account's."""
    account = world.seam_accounts[world.space_systems[system_id].account_id]
    meta = {"acs_system_id": system_id, "connected_account_id": account.id}
    return emit(world, account.workspace_id, event_type, **meta, **fields)


# --- the locks' own feed ------------------------------------------------------------------


def _from_entry(world: World, entry: Entry) -> SeamEvent | None:
    """Return a line of the feed as an event; None for what Seam does not tell."""
    device = world.seam_devices.get(entry.lock_id)
    if device is None or entry.arrived_at is None:
        return None
    kind, fields = _words(world, entry)
    if not kind:
        return None
    account = world.seam_accounts[device.account_id]
    meta = {"device_id": device.id, "connected_account_id": account.id}
    return SeamEvent(
        id=str(entry.row.get("id") or entry.id),
        n=entry.n,
        workspace_id=account.workspace_id,
        event_type=kind,
        occurred_at=entry.at,
        created_at=entry.arrived_at,
        fields=meta | fields,
    )


def _words(world: World, entry: Entry) -> tuple[str, dict[str, Any]]:
    row = entry.row
    if entry.is_incident:
        kind = INCIDENTS.get(str(row.get("incident_type")), "")
        lost = DISCONNECTED | issues() if kind == "device.disconnected" else {}
        low = {"battery_level": world.locks[entry.lock_id].battery_percent / 100}
        return kind, low if kind == "device.low_battery" else lost
    category = str(row.get("event_category"))
    if category == "lock_opened":
        return "lock.unlocked", {"method": WAYS.get(str(row.get("access_by")), "unknown")} | _code(
            world, row
        )
    if category == "lock_relocked":
        return "lock.locked", {"method": "automatic"}
    if category == "lock_rejected":
        return "lock.access_denied", _reason(row)
    return "", {}


def _code(world: World, row: dict[str, Any]) -> dict[str, Any]:
    code = world.seam_codes.get(row.get("user_id"))
    if row.get("access_by") != "pin_code" or code is None:
        return {}
    return {"access_code_id": code.id, "access_code_is_managed": code.is_managed}


def _reason(row: dict[str, Any]) -> dict[str, Any]:
    word = REASONS.get(str(row.get("event_detail")))
    return {"reason": {"reason_code": word, "message": "SIMULATED: unknown code"}} if word else {}


# --- reading ------------------------------------------------------------------------------


def listed(world: World, workspace_id: str) -> list[SeamEvent]:
    """Return all events of a workspace that Seam knows by now, in the order it heard of them."""
    now = world.now()
    sites = {world.locks[device.id].site_id for device in world.seam_devices}
    entries = [
        event
        for site_id in sites
        for is_incident in (False, True)
        for entry in feed.readable(world, site_id, is_incident=is_incident)
        if (event := _from_entry(world, entry)) and event.workspace_id == workspace_id
    ]
    own = world.seam_events.where(workspace_id=workspace_id)
    found = [event for event in own + entries if event.created_at <= now]
    return sorted(found, key=lambda event: (event.created_at, event.n))


def shape(event: SeamEvent) -> dict[str, Any]:
    return {
        "event_id": event.id,
        "event_type": event.event_type,
        "workspace_id": event.workspace_id,
        "created_at": format_utc(event.created_at),
        "occurred_at": format_utc(event.occurred_at),
    } | event.fields


FILTERS = (
    "access_code_id",
    "acs_access_group_id",
    "acs_credential_id",
    "acs_encoder_id",
    "acs_entrance_id",
    "acs_system_id",
    "acs_user_id",
    "connected_account_id",
    "device_id",
)
LIST_FILTERS = {
    "device_ids": "device_id",
    "access_code_ids": "access_code_id",
    "acs_system_ids": "acs_system_id",
}


def _limits(ask: Ask) -> tuple[datetime | None, datetime | None]:
    """Return the two ends of the interval, both exclusive."""
    between = ask.get("between")
    if (ask.get("since") is None) == (between is None):
        raise invalid("Must provide since or between, and not both")
    if between is None:
        return ask.get("since"), None
    if len(between) != 2:
        raise invalid("between must hold two times", between="Expected two times")
    try:
        return datetime.fromisoformat(between[0]), datetime.fromisoformat(between[1])
    except ValueError as wrong:
        raise invalid("between must hold times", between="Invalid date") from wrong


def list_events(ask: Ask) -> dict[str, Any]:
    """Return events that Seam wrote in the interval, oldest first, `limit` of them.

    Whether the real interval means `created_at` or `occurred_at`, and in which order the
    rows come, is not published; here it is `created_at`, ascending.
    """
    after, before = _limits(ask)
    types = set(ask.get("event_types") or []) - {"*"}
    types |= {ask.get("event_type")} if ask.get("event_type") else set()
    found = [
        event
        for event in listed(ask.world, ask.workspace_id)
        if (after is None or event.created_at > after)
        and (before is None or event.created_at < before)
        and (not types or event.event_type in types)
        and (not ask.get("event_ids") or event.id in ask.get("event_ids"))
        and _matches(ask, event)
    ]
    start = int(ask.get("unstable_offset") or 0)
    limit = int(ask.get("limit") or 500)
    return {"events": [shape(event) for event in found[start : start + limit]]}


def _matches(ask: Ask, event: SeamEvent) -> bool:
    single = all(
        event.fields.get(name) == ask.get(name) for name in FILTERS if ask.get(name) is not None
    )
    return single and all(
        event.fields.get(name) in ask.get(many)
        for many, name in LIST_FILTERS.items()
        if ask.get(many) is not None
    )


def get_event(ask: Ask) -> dict[str, Any]:
    """Return one by `event_id`, or the latest of an `event_type` or a `device_id`."""
    ask.needs_one_of("event_id", "event_type", "device_id")
    found = [
        event
        for event in listed(ask.world, ask.workspace_id)
        if ask.get("event_id", event.id) == event.id
        and ask.get("event_type", event.event_type) == event.event_type
        and ask.get("device_id", event.fields.get("device_id")) == event.fields.get("device_id")
    ]
    if not found:
        raise not_found("event")
    body = shape(found[-1])
    return {"event": body, "message": "SIMULATED"}


IDS = " ".join(f"{name}:uuid" for name in FILTERS)
MANY = " ".join(f"{name}:uuids" for name in LIST_FILTERS)

ROUTES = [
    call(
        "/events/list",
        "GET",
        f"since:time between:texts event_type:text event_types:texts event_ids:uuids"
        f" limit:number unstable_offset:number {IDS} {MANY}",
        list_events,
    ),
    call("/events/get", "GET", "event_id:uuid event_type:text device_id:uuid", get_event),
]
