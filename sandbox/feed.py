"""The audit trail and the incidents: rows, how late they arrive, how they are read.

A row is written when the event happens and becomes readable when it arrives: after a lag, or
only once the lock and its IQ can be reached again.
Source of the shapes: https://saltoks.com/developers/connect/entries, measured in August 2026.
"""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.things import Entry, Iq, Lock, Person, Timer
from sandbox.world import World, new_id

#: What Salto puts in `user_id` when a lock did not know the PIN (measured).
UNKNOWN_PERSON_ID = "ee8f17b4-701b-4aa6-9f1c-22f71cc61ca6"

#: What `$filter` and `$orderby` may name.
FIELDS = frozenset(
    [
        "id",
        "event_category",
        "event_detail",
        "utc_date_time",
        "local_date_time",
        "lock_id",
        "lock_mac_address",
        "lock_customer_reference",
        "user_id",
        "user_first_name",
        "user_last_name",
        "user_image_url",
        "user_alias",
        "iq_id",
        "iq_customer_reference",
        "iq_mac_address",
        "iq_revision",
        "exit_requested",
        "access_by",
        "access_detail",
        "ttl_in_seconds",
        "expiration_date_time",
        "incident_type",
    ]
)


def add_entry(
    world: World,
    lock: Lock,
    category: str,
    *,
    detail: str | None = None,
    person: Person | None = None,
    alias: str | None = None,
    access_by: str = "",
    access_detail: str = "",
    exit_requested: bool = False,
    unknown_person: bool = False,
) -> Entry:
    """Write one line of the audit trail about `lock`, now."""
    row = {
        "event_category": category,
        "event_detail": detail,
        **_lock_fields(world, lock),
        "user_id": UNKNOWN_PERSON_ID if unknown_person else (person.id if person else None),
        "user_first_name": person.first_name if person else None,
        "user_last_name": person.last_name if person else None,
        "user_image_url": None,
        "user_alias": alias,
        **_iq_fields(world, lock),
        "exit_requested": exit_requested,
        "access_by": access_by,
        "access_detail": access_detail,
    }
    return _add(world, lock, row)


def add_incident(world: World, lock: Lock, incident_type: str, *, by_cloud: bool = False) -> Entry:
    """Write an incident. `by_cloud`: the cloud noticed it, so it is readable at once."""
    row = {"incident_type": incident_type, **_lock_fields(world, lock), **_iq_fields(world, lock)}
    entry = _add(world, lock, row, is_incident=True)
    if by_cloud:
        entry.arrived_at = world.now()
    return entry


def add_iq_incident(world: World, iq: Iq, incident_type: str) -> None:
    """Write an incident of a hub: the lock's fields are null."""
    for lock in world.locks.where(iq_id=iq.id)[:1]:
        entry = add_incident(world, lock, incident_type, by_cloud=True)
        entry.row |= {name: None for name in entry.row if name.startswith("lock_")}


def deliver(world: World, lock: Lock) -> None:
    """Let the rows that waited in `lock` or its IQ arrive, each after a lag of its own."""
    for entry in world.entries.where(lock_id=lock.id, arrived_at=None):
        entry.arrived_at = world.now() + _lag(world)
        world.entries.put(entry)


def inject(world: World, lock: Lock, changes: dict[str, Any], *, at: datetime) -> Entry:
    """Write a row as the control API wishes it: other fields, other moment, other arrival."""
    entry = add_entry(world, lock, "lock_opened", access_by="tag", access_detail="SIM00000")
    _stamp(world, entry, at)
    entry.row |= changes
    return world.entries.put(entry)


def _add(world: World, lock: Lock, row: dict[str, Any], *, is_incident: bool = False) -> Entry:
    entry = Entry(
        id=new_id(),
        n=world.count("entries"),
        site_id=lock.site_id,
        lock_id=lock.id,
        at=world.now(),
        row={"id": ""} | row,
        is_incident=is_incident,
    )
    entry.row["id"] = entry.id
    _stamp(world, entry, world.now())
    if lock.reachable and world.iqs[lock.iq_id].reachable:
        entry.arrived_at = world.now() + _lag(world)
    return world.entries.put(entry)


def _stamp(world: World, entry: Entry, at: datetime) -> None:
    zone = ZoneInfo(world.sites[entry.site_id].time_zone)
    entry.at = at
    entry.row["utc_date_time"] = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    entry.row["local_date_time"] = at.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S")


def _lag(world: World) -> timedelta:
    low, high = world.settings.entry_lag_min_seconds, world.settings.entry_lag_max_seconds
    return timedelta(seconds=world.chance.uniform(low, max(low, high)))


def _lock_fields(world: World, lock: Lock) -> dict[str, Any]:
    return {
        "utc_date_time": "",
        "local_date_time": "",
        "lock_id": lock.id,
        "lock_mac_address": lock.mac,
        "lock_customer_reference": lock.customer_reference,
    }


def _iq_fields(world: World, lock: Lock) -> dict[str, Any]:
    iq = world.iqs[lock.iq_id]
    return {
        "iq_id": iq.id,
        "iq_customer_reference": iq.customer_reference,
        "iq_mac_address": iq.mac,
        "iq_revision": iq.revision,
    }


# --- reading ------------------------------------------------------------------------------


def readable(world: World, site_id: str, *, is_incident: bool = False) -> list[Entry]:
    """Return what has arrived and is not older than the retention, oldest first."""
    now = world.now()
    oldest = now - timedelta(days=world.settings.retention_days)
    rows = [
        entry
        for entry in world.entries
        if entry.site_id == site_id
        and entry.is_incident == is_incident
        and entry.arrived_at is not None
        and oldest < entry.arrived_at <= now
    ]
    return sorted(rows, key=_by_time)


def shape(world: World, entry: Entry) -> dict[str, Any]:
    """Return the row as clients read it, with the two fields that tell its arrival."""
    ttl_seconds = world.settings.retention_days * 86_400
    expires_at = (entry.arrived_at or entry.at) + timedelta(seconds=ttl_seconds)
    return {
        "ttl_in_seconds": ttl_seconds,
        "expiration_date_time": expires_at.strftime("%Y-%m-%dT%H:%M:%S.")
        + f"{expires_at.microsecond // 1000:03}Z",
    } | entry.row


def order(entries: list[Entry], field: str, *, descending: bool) -> list[Entry]:
    if field == "utc_date_time":
        return sorted(entries, key=_by_time, reverse=descending)
    return sorted(entries, key=lambda e: (str(e.row.get(field) or ""), e.n), reverse=descending)


def _by_time(entry: Entry) -> tuple[str, int]:
    # The row's own text: whole seconds, and whatever a test has injected.
    return (str(entry.row.get("utc_date_time")), entry.n)


class BadTokenError(ValueError):
    """A continuation token that we did not make."""


def page(
    world: World, entries: list[Entry], *, top: int, token: str | None
) -> tuple[list[Entry], str | None]:
    """Return one page of ordered `entries` and the token of the next, or None at the end.

    A full page always carries a token, so that the last page may be empty; with
    `empty_page_every` some pages in between are empty too. Raises BadTokenError.
    """
    start, number = _read_token(entries, token) if token else (0, 1)
    every = world.settings.empty_page_every
    if every and number % every == 0:
        last = entries[start - 1].n if start else 0
        return [], _write_token(last, number + 1, 0)
    rows = entries[start : start + top]
    more = len(rows) == top and top > 0
    return _doubled(world, rows), _write_token(rows[-1].n, number + 1, len(rows)) if more else None


def _doubled(world: World, rows: list[Entry]) -> list[Entry]:
    """Repeat each n-th row, as a feed may that is read while it is written."""
    every = world.settings.duplicate_every
    if not every:
        return rows
    return [row for entry in rows for row in [entry] * (2 if entry.n % every == 0 else 1)]


def _write_token(last: int, number: int, count: int) -> str:
    place = base64.b64encode(f"{last}:{number}".encode()).decode()
    token = {"token": f"+RID:~{place}#RT:{number}#TRC:{count}", "range": {"min": "", "max": "FF"}}
    return json.dumps([token], separators=(",", ":"))


def _read_token(entries: list[Entry], token: str) -> tuple[int, int]:
    try:
        place = json.loads(token)[0]["token"].removeprefix("+RID:~").split("#")[0]
        last, number = map(int, base64.b64decode(place).decode().split(":"))
        found = [i for i, entry in enumerate(entries) if entry.n == last]
        start = found[0] + 1 if last else 0
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise BadTokenError from error
    return start, number


def keep_to_retention(world: World, _timer: Timer) -> None:
    """Forget rows that nobody can read any more; asks itself to come back tomorrow."""
    oldest = world.now() - timedelta(days=world.settings.retention_days + 1)
    for entry in world.entries:
        if entry.arrived_at and entry.arrived_at < oldest:
            world.entries.drop(entry.id)
    world.schedule("retention", "retention", 86_400)


TIMERS: dict[str, Callable[[World, Timer], None]] = {"retention": keep_to_retention}
