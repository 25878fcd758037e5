"""Taking in what providers say about doors. Older knowledge never overwrites newer."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import ConnectedSite, Hub, Space, SpaceKind
from accounts.providers import PROVIDERS
from accounts.providers.base import Hub as RemoteHub
from accounts.providers.base import LockSnapshot
from audit.services import record
from audit.who import Place
from audit.words import Verb
from locks import live
from locks.models import Device
from locks.states import Evidence, LockState

#: Polls in a row without a door until it is called missing; one good poll brings it back.
MISSING_AFTER = 2
#: A door that one look finds offline is looked at again this soon, and believed then.
DOUBTED_FOR = timedelta(seconds=5)
#: A listing this much shorter than what we know is not believed at once (CODE-06).
SHRUNK_BELOW = 0.5
THIN_LISTINGS_BELIEVED = 3

#: Columns of a door that a snapshot fills without a question of what is newer.
_PLAIN = (
    "name",
    "model",
    "door_open",
    "privacy_mode",
    "left_open_alarm",
    "intrusion_alarm",
    "has_keypad",
    "can_unlock",
    "can_lock",
    "unknown_words",
)


def take_hubs(site: ConnectedSite, hubs: list[RemoteHub]) -> None:
    """Store what is said of a site's hubs. Unchanged ones are not written."""
    known = {hub.remote_id: hub for hub in site.hubs.all()} if hubs else {}
    for hub in hubs:
        columns = {
            "name": hub.name[:200],
            "is_online": hub.is_online,
            "otp_enabled": hub.otp_enabled,
            "raw": hub.raw,
        }
        row = known.get(hub.remote_id)
        if row is None:
            Hub.objects.update_or_create(site=site, remote_id=hub.remote_id, defaults=columns)
        elif any(getattr(row, column) != value for column, value in columns.items()):
            Hub.objects.filter(pk=row.pk).update(**columns)
            if row.otp_enabled != hub.otp_enabled:
                _redraw(Device.objects.filter(hub=row, removed_at=None))  # they say it


def _redraw(doors: QuerySet[Device]) -> None:
    doors.update(changed_at=timezone.now())
    for workspace_id, pk in doors.values_list("workspace_id", "pk"):
        live.announce(workspace_id, pk)


def take_listing(site: ConnectedSite, seen: list[LockSnapshot], *, at: datetime) -> bool:
    """Store a complete listing of one site's locks. Return False if it was not believed.

    An empty or halved listing is treated as no listing until it has come three times: a
    provider's bad minute must not make a building disappear.
    """
    known = {
        device.remote_id: device
        for device in site.devices.filter(removed_at=None).select_related(
            "account", "property", "hub"
        )
    }
    if _is_thin(site, len(seen), len(known)):
        return False
    hubs = {hub.remote_id: hub for hub in site.hubs.all()}
    is_first = not known and not site.devices.exists()
    added = []
    for snapshot in {snapshot.remote_id: snapshot for snapshot in seen}.values():
        device = known.pop(snapshot.remote_id, None)
        if device is None:
            added.append(_add(site, snapshot, hubs.get(snapshot.hub_remote_id)))
        else:
            take_snapshot(device, snapshot, hubs.get(snapshot.hub_remote_id), at=at)
    _record_added(site, added, at, is_first=is_first)
    for device in known.values():
        _miss(device, at)
    return True


def _is_thin(site: ConnectedSite, seen: int, known: int) -> bool:
    if seen >= known * SHRUNK_BELOW and (seen or not known):
        if site.thin_listings:
            ConnectedSite.objects.filter(pk=site.pk).update(thin_listings=0)
        return False
    site.thin_listings += 1
    ConnectedSite.objects.filter(pk=site.pk).update(thin_listings=site.thin_listings)
    return site.thin_listings < THIN_LISTINGS_BELIEVED


def take_snapshot(device: Device, snapshot: LockSnapshot, hub: Hub | None, *, at: datetime) -> bool:
    """Store what one look at one door showed. Return whether anything changed.

    Unchanged doors are not written: that the account was polled says as much.
    """
    if not _news(device, snapshot, hub, at):
        return False
    with transaction.atomic():
        # A command may have moved the door since it was read: its row says what is newer.
        row = Device.objects.select_for_update(no_key=True)
        device.refresh_from_db(fields=_COMPARED, from_queryset=row)
        changed = _news(device, snapshot, hub, at)
        if changed:
            _store(device, changed, snapshot, at)
    return bool(changed)


#: Columns of a door that decide what of a snapshot is news, besides the plain ones.
_COMPARED = [
    *_PLAIN,
    "troubles",
    "state",
    "state_at",
    "state_evidence",
    "released_until",
    "office_mode",
    "is_online",
    "online_since",
    "unheard_since",
    "battery_percent",
    "battery_at",
    "missing_polls",
    "missing_since",
    "next_poll_at",
]


def _news(device: Device, snapshot: LockSnapshot, hub: Hub | None, at: datetime) -> dict[str, Any]:
    """Return the columns that a look changes, as far as they are known."""
    now = {name: getattr(snapshot, name) for name in _PLAIN}
    now["name"], now["model"] = snapshot.name[:200], snapshot.model[:100]
    now["troubles"] = [asdict(each) for each in snapshot.troubles]
    now["hub_id"] = hub.pk if hub else device.hub_id
    now |= _state(device, snapshot) | _connection(device, snapshot) | _battery(device, snapshot)
    if device.missing_polls:
        now |= {"missing_polls": 0, "missing_since": None}
    if device.next_poll_at and device.next_poll_at <= at:
        now["next_poll_at"] = None
    changed = {column: value for column, value in now.items() if getattr(device, column) != value}
    if changed.get("state") == LockState.UNLOCKED and snapshot.office_mode is not True:
        # Locks of this kind relock by themselves: a board must not say "unlocked" for a minute.
        changed["next_poll_at"] = at + OPEN_FOR
    if changed.get("unheard_since") and not (hub and hub.is_online is False):
        # Where a whole hub is away, the next listing tells of all its doors at once.
        changed["next_poll_at"] = at + DOUBTED_FOR
    return changed


def _store(device: Device, changed: dict[str, Any], snapshot: LockSnapshot, at: datetime) -> None:
    was_missing = device.missing_since is not None
    Device.objects.filter(pk=device.pk).update(**changed, raw=snapshot.raw)
    for column, value in changed.items():
        setattr(device, column, value)
    if was_missing:
        _record_door(Verb.DOOR_RETURNED, device, at)
    live.announce(device.workspace_id, device.pk)


def _state(device: Device, snapshot: LockSnapshot) -> dict[str, Any]:
    """Which state to believe. A look begun before the latest news is older than it."""
    seen_at = snapshot.observed_at
    if _is_first_doubt(device, snapshot) or (device.state_at and seen_at < device.state_at):
        return {}
    office = {"office_mode": snapshot.office_mode}
    is_released = device.released_until is not None and seen_at < device.released_until
    state = LockState(snapshot.state.value)
    if is_released and state != LockState.UNLOCKED:
        # During a momentary opening some locks go on reading "locked"; the countdown knows better.
        return {}
    confirms = state == device.state and device.state_evidence != Evidence.ASSUMED
    if confirms and office["office_mode"] == device.office_mode:
        return {}
    if snapshot.office_mode is True:
        office["released_until"] = None  # it stays open: no countdown says otherwise
    return office | {
        "state": state,
        "state_at": seen_at,
        "state_evidence": Evidence.POLL,
    }


def _connection(device: Device, snapshot: LockSnapshot) -> dict[str, Any]:
    """Offline is believed the second time in a row, online at once."""
    if _is_first_doubt(device, snapshot):
        return {"unheard_since": snapshot.observed_at}
    heard = {"unheard_since": None}
    if snapshot.is_online == device.is_online:
        return heard
    since = device.unheard_since or snapshot.observed_at
    return heard | {"is_online": snapshot.is_online, "online_since": since}


def _is_first_doubt(device: Device, snapshot: LockSnapshot) -> bool:
    is_heard = device.is_online is not False and device.unheard_since is None
    return snapshot.is_online is False and is_heard


def _battery(device: Device, snapshot: LockSnapshot) -> dict[str, Any]:
    """The last value stays, with its age, while the provider says nothing."""
    if snapshot.battery_percent is None or snapshot.battery_percent == device.battery_percent:
        return {}
    return {"battery_percent": snapshot.battery_percent, "battery_at": snapshot.observed_at}


def _add(site: ConnectedSite, snapshot: LockSnapshot, hub: Hub | None) -> Device:
    """Take up a door this site had not: a new one, or one that was elsewhere or put away."""
    seen_at = snapshot.observed_at
    columns = {name: getattr(snapshot, name) for name in _PLAIN} | {
        "site": site,
        "property": site.property,
        "space": _floor(site, snapshot.floor),
        "hub": hub,
        "name": snapshot.name[:200],
        "model": snapshot.model[:100],
        "state": LockState(snapshot.state.value),
        "state_at": seen_at,
        "state_evidence": Evidence.POLL,
        "is_online": snapshot.is_online,
        "online_since": seen_at,
        "unheard_since": None,
        "battery_percent": snapshot.battery_percent,
        "battery_at": seen_at if snapshot.battery_percent is not None else None,
        "office_mode": snapshot.office_mode,
        "troubles": [asdict(each) for each in snapshot.troubles],
        "raw": snapshot.raw,
        "removed_at": None,
        "released_until": None,
        "missing_polls": 0,
        "missing_since": None,
    }
    device, _ = Device.objects.update_or_create(
        account=site.account,
        remote_id=snapshot.remote_id,
        defaults=columns,
        create_defaults=columns | {"workspace_id": site.account.workspace_id},
    )
    live.announce(device.workspace_id, device.pk)
    return device


def _record_added(
    site: ConnectedSite, doors: list[Device], at: datetime, *, is_first: bool
) -> None:
    """One line for all doors of a site that is new, and one for each that appears later."""
    if not is_first:
        for door in doors:
            _record_door(Verb.DOOR_ADDED, door, at)
    elif doors:
        record(
            Verb.DOORS_FOUND,
            workspace_id=site.account.workspace_id,
            at=at,
            place=place_of(site),
            subject=site.name,
            count=len(doors),
            doors=_some_names(doors),
        )


def place_of(site: ConnectedSite, door_name: str = "") -> Place:
    """Return where something of a site happened, at a door we may not know."""
    return Place(
        property_id=site.property_id,
        property_name=site.property.name,
        device_name=door_name,
        account_id=site.account_id,
        account_name=site.account.name,
    )


#: A line's details hold about a kilobyte.
_NAMED = 20


def _some_names(doors: list[Device]) -> str:
    names = sorted(door.name[:40] for door in doors)
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _floor(site: ConnectedSite, word: str) -> Space | None:
    """The floor a provider names, made if it is new. `1` becomes `Floor 1`."""
    word = word.strip()
    if not word:
        return None
    name = f"Floor {word}" if word.lstrip("-").isdigit() else word
    floor, _ = Space.objects.get_or_create(
        workspace_id=site.property.workspace_id,
        parent=site.property,
        name=name[:100],
        defaults={"kind": SpaceKind.FLOOR, "property": site.property, "time_zone": ""},
    )
    return floor


def _miss(device: Device, at: datetime) -> None:
    """A good listing came without this door: unknown after the second time, never deleted."""
    polls = device.missing_polls + 1
    columns: dict[str, Any] = {"missing_polls": polls}
    if polls == MISSING_AFTER:
        columns |= {"missing_since": at, "state": LockState.UNKNOWN, "is_online": None}
        columns |= {"unheard_since": None}
        columns |= {"state_at": at, "state_evidence": Evidence.POLL}
    elif polls > MISSING_AFTER:
        return
    Device.objects.filter(pk=device.pk).update(**columns)
    if polls == MISSING_AFTER:
        _record_door(Verb.DOOR_VANISHED, device, at)
        live.announce(device.workspace_id, device.pk)


def _record_door(verb: Verb, device: Device, at: datetime) -> None:
    record(verb, workspace_id=device.workspace_id, at=at, place=device.as_place())


# --- events -------------------------------------------------------------------------------------

#: How long a door stays open after somebody opened it, where nothing tells more (Salto's default).
OPEN_FOR = timedelta(seconds=7)


def take_opening(device_id: UUID, *, occurred_at: datetime, at: datetime) -> None:
    """Somebody opened this door. Show it while it lasts; afterwards it is assumed locked.

    Where nobody knows how long it lasts, look at it now instead.
    """
    if not _closes_by_itself(device_id):
        Device.objects.filter(pk=device_id).update(next_poll_at=at)
        return
    ends = occurred_at + OPEN_FOR
    if ends <= at:
        return
    with transaction.atomic():
        Device.objects.filter(pk=device_id, released_until=None).exclude(
            state_at__gt=occurred_at
        ).exclude(office_mode=True).update(
            state=LockState.UNLOCKED,
            state_at=occurred_at,
            state_evidence=Evidence.EVENT,
            released_until=ends,
            next_poll_at=ends + timedelta(seconds=1),
        )


def _closes_by_itself(device_id: UUID) -> bool:
    """Tell it of a door's brand. A door that is not there moves nothing either way."""
    found = Device.objects.filter(pk=device_id).values_list("account__provider", flat=True).first()
    return found is None or PROVIDERS[found].closes_doors


def take_mode(device_id: UUID, *, occurred_at: datetime, **columns: object) -> None:
    """A mode began or ended, as an event told. `state` moves with it where given."""
    rows = Device.objects.filter(pk=device_id).exclude(state_at__gt=occurred_at)
    if "state" in columns:
        columns |= {
            "state_at": occurred_at,
            "state_evidence": Evidence.EVENT,
            "released_until": None,
        }
    rows.update(**columns)


def take_last_event(device_id: UUID, *, word: str, person: str, occurred_at: datetime) -> None:
    """Remember the latest event of a door; a late one does not replace a newer."""
    Device.objects.filter(pk=device_id).exclude(last_event_at__gt=occurred_at).update(
        last_event=word[:40], last_event_at=occurred_at, last_event_user=person[:200]
    )
