"""What is known of codes, read from rows; what was decided, written to them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q

from accounts.models import ConnectedSite
from accounts.providers.codes import AccessCodes
from accounts.sealing import UnreadableError
from audit.services import record
from locks.codes import alerts, family, pins, sharing
from locks.codes.actions import Action, Change, DoorChange, Shares
from locks.codes.capability import is_reached, site_of, snapshot_of
from locks.codes.known import KnownCode, KnownDoor, KnownSite
from locks.codes.states import GONE_PHASES
from locks.codes.waking import announce
from locks.models import AccessCode, CodeDoor, CodeMoment, Device

_NOT_COLUMNS = ("digits", "warnings", "others")
_COLUMNS = tuple(f.name for f in fields(KnownCode) if f.name not in _NOT_COLUMNS)

#: Columns whose change nobody sees.
_INNER = frozenset(
    {"next_run_at", "last_seen_at", "seen", "written_at", "missing_listings", "missing_since"}
)

NO_KEYPAD_HERE = "An admin said that this lock has no keypad."


# --- read ----------------------------------------------------------------------------------------


def known_code(row: AccessCode, door: KnownDoor | None) -> KnownCode:
    """Return a row as it is decided about, alone; its digits only where we choose them."""
    columns = {name: getattr(row, name) for name in _COLUMNS}
    is_ours = door is not None and door.rules is not None and not door.rules.digits_by_provider
    digits = _digits_of(row) if is_ours else ""
    return KnownCode(**columns, digits=digits, warnings=tuple(row.warnings))


def known_with_others(row: AccessCode, door: KnownDoor | None) -> KnownCode:
    """Return a code with the others of its guest, where it shares one."""
    code = known_code(row, door)
    if not code.shared_key:
        return code
    guest = [code, *(known_code(other, None) for other in sharing.others_of(row))]
    return family.gather({each.id: each for each in guest})[code.id]


def _digits_of(row: AccessCode) -> str:
    try:
        return row.unseal_digits()
    except UnreadableError:
        return ""  # decide stops before it would send none


def known_site(row: ConnectedSite, *, label: str, is_silent: bool) -> KnownSite:
    return KnownSite(
        id=row.pk,
        remote_id=row.remote_id,
        label=label,
        is_silent=is_silent,
        seats_used=row.seats_used,
        seats_total=row.seats_total,
        codes_listed=row.codes_listed,
        thin_code_listings=row.thin_code_listings,
        thin_codes_since=row.thin_codes_since,
    )


def known_doors(devices: Iterable[Device], driver: AccessCodes | None) -> dict[UUID, KnownDoor]:
    """Return the doors, with a row for the set-up of each that is new to codes.

    Wants `account`, `site` and `hub` fetched along.
    """
    doors = list(devices)
    rows = {row.device_id: row for row in CodeDoor.objects.filter(device__in=doors)}
    known = {d.pk: _known_door(d, rows.get(d.pk), driver) for d in doors}
    return _with_counts(known)


def set_up_row(door: KnownDoor) -> KnownDoor:
    """Return a door with its row in the database, made if there was none."""
    row, _ = CodeDoor.objects.get_or_create(device_id=door.id, defaults=_new_door())
    return replace(door, seen=row.seen)


def _new_door() -> dict[str, Any]:
    ref = pins.new_ref()
    return {"ref": ref, "seen": {"ref": ref}}


def _known_door(device: Device, row: CodeDoor | None, driver: AccessCodes | None) -> KnownDoor:
    override = row.keypad_override if row else None
    lock, site = snapshot_of(device, has_keypad=override), site_of(device.site)
    rules = driver.code_rules(lock, site) if driver and override is not False else None
    why = NO_KEYPAD_HERE if override is False else ""
    if rules is None and driver and not why:
        why = driver.why_no_codes(lock, site)
    return KnownDoor(
        id=device.pk,
        lock_id=device.remote_id,
        lock_name=device.name,
        rules=rules,
        why_no_codes=why,
        seen=row.seen if row else {},
        ambiguous_since=row.ambiguous_since if row else None,
        written_at=row.written_at if row else None,
        ready_at=row.ready_at if row else None,
        looked_at=row.looked_at if row else None,
        is_online=is_reached(device),
        online_since=device.online_since,
        polled_at=device.account.status_polled_at,
    )


def _with_counts(doors: dict[UUID, KnownDoor]) -> dict[UUID, KnownDoor]:
    """Add how full the locks are that hold a number of codes only."""
    counted = [door.id for door in doors.values() if door.rules and door.rules.slots is not None]
    if not counted:
        return doors
    there = AccessCode.objects.filter(device_id__in=counted).exclude(phase__in=GONE_PHASES)
    there = there.exclude(remote_id="")
    counts = there.values("device_id").annotate(n=Count("pk")).values_list("device_id", "n")
    return doors | {pk: replace(doors[pk], codes_on_it=n) for pk, n in counts}


# --- write ---------------------------------------------------------------------------------------


def store(change: Change, *, at: datetime) -> bool:
    """Write one change, with its line in the time line and in the log, in one transaction.

    Return False, with nothing written, where it answers an intent that no longer stands.
    What only holds for an older wish is left out (see Change).
    """
    is_plain = not (change.marks or change.moment or change.verb or change.digits)
    is_shared = bool(change.code.shared_key) and change.shares != Shares.NOTHING
    if is_plain and not is_shared and change.answers is None and not set(change.facts) - _INNER:
        if change.facts:
            AccessCode.objects.filter(pk=change.code.id).update(**change.facts)
        return True
    with transaction.atomic():
        if change.code.shared_key:
            sharing.lock(change.code.id)
        row = (
            AccessCode.objects.select_for_update(of=("self",))
            .select_related("device__property", "device__account", "workspace")
            .defer("device__raw")
            .get(pk=change.code.id)
        )
        if change.answers is not None and row.ambiguous_since != change.answers:
            return False
        is_current = row.generation == change.code.generation
        columns = dict(change.facts) | (dict(change.marks) if is_current else {})
        _write(row, columns, change.digits or sharing.digits_of(change.digits_of))
        if is_shared:
            sharing.write(change, row, at)
        if is_current or not change.marks:
            _tell(row, change, at)
        if set(columns) - _INNER:
            announce(row.workspace_id, row.device_id)
    return True


def _write(row: AccessCode, columns: dict[str, Any], digits: str) -> None:
    for name, value in columns.items():
        setattr(row, name, list(value) if name == "warnings" else value)
    names = set(columns)
    if digits:
        pins.store(row, digits)
        names |= {"digits_sealed", "digits_index", "secret_state"}
    if names:
        row.save(update_fields=sorted(names))


def _tell(row: AccessCode, change: Change, at: datetime) -> None:
    if change.moment:
        what, text = change.moment
        happened_at = change.happened_at or at
        CodeMoment.objects.create(code=row, at=happened_at, what=what[:40], text=text[:300])
    if change.verb:
        record(
            change.verb,
            workspace_id=row.workspace_id,
            at=at,
            place=row.device.as_place(),
            subject=row.name,
            code_id=str(row.pk),
            told=change.moment[1] if change.moment else "",
        )
    if change.escalates:
        transaction.on_commit(lambda: alerts.escalate(row))


def intend(changes: Iterable[Change | DoorChange], *, at: datetime) -> bool:
    """Commit what is about to be asked. Return False if something has changed meanwhile."""
    with transaction.atomic():
        for change in changes:
            if not (_intend(change, at) if isinstance(change, Change) else _intend_door(change)):
                transaction.set_rollback(True)
                return False
    return True


def _intend(change: Change, at: datetime) -> bool:
    code = change.code
    columns = dict(change.facts) | dict(change.marks)
    if code.shared_key:
        sharing.lock(code.id)
    rows = AccessCode.objects.filter(
        pk=code.id,
        generation=code.generation,
        ambiguous_since=code.ambiguous_since,
        remote_id=code.remote_id,
        written_at=code.written_at,
    )
    is_ours = bool(rows.update(**columns))
    if is_ours and code.shared_key and change.shares != Shares.NOTHING:
        sharing.write(change, AccessCode.objects.get(pk=code.id), at)
    return is_ours


def _intend_door(change: DoorChange) -> bool:
    rows = CodeDoor.objects.filter(device_id=change.door.id, ambiguous_since=None)
    return bool(rows.update(**change.columns))


def store_sights(actions: Iterable[Action]) -> list[Action]:
    """Write in one go that codes were seen as they were. Return the other actions."""
    seen: dict[datetime, list[UUID]] = defaultdict(list)
    rest: list[Action] = []
    for action in actions:
        is_sight = isinstance(action, Change) and set(action.facts) == {"last_seen_at"}
        if is_sight and isinstance(action, Change) and not (action.marks or action.moment):
            seen[action.facts["last_seen_at"]].append(action.code.id)
        else:
            rest.append(action)
    for at, ids in seen.items():
        AccessCode.objects.filter(pk__in=ids).update(last_seen_at=at)
    return rest


def store_door(change: DoorChange) -> bool:
    """Write what is known of a door's set-up. Return False as `store` does."""
    rows = CodeDoor.objects.filter(device_id=change.door.id)
    if change.answers is not None:
        rows = rows.filter(ambiguous_since=change.answers)
    return bool(rows.update(**change.columns))


def put_right(codes: Mapping[UUID, KnownCode], overlooked: Iterable[UUID], now: datetime) -> None:
    """Wake codes that nobody would look at in time."""
    ids = [pk for pk in overlooked if pk in codes]
    if ids:
        not_due = Q(next_run_at=None) | Q(next_run_at__gt=now)
        AccessCode.objects.filter(not_due, pk__in=ids).update(next_run_at=now)
