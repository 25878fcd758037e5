"""Groups, entrances and encoders: synced as they are listed, never invented."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from access.models import AcsAccessGroup, AcsEncoder, AcsEntrance, AcsSystem
from access.reconciling import facts
from accounts.providers.systems import ListedEncoder, ListedEntrance, ListedGroup

#: Complete listings without a thing until it is removed here.
ABSENT_LISTINGS = 2
_BATCH = 500


def take_groups(
    system: AcsSystem, listed: Sequence[ListedGroup], *, at: datetime, is_believed: bool
) -> bool:
    return _take(AcsAccessGroup, system, listed, _group, at=at, is_believed=is_believed)


def take_entrances(
    system: AcsSystem, listed: Sequence[ListedEntrance], *, at: datetime, is_believed: bool
) -> bool:
    changed = _take(AcsEntrance, system, listed, _entrance, at=at, is_believed=is_believed)
    if system.assigns_tags:  # Salto KS: all its locks hear of changes by themselves
        system.entrances.filter(is_wired=None).update(is_wired=True)
    return changed


def take_encoders(
    system: AcsSystem, listed: Sequence[ListedEncoder], *, at: datetime, is_believed: bool
) -> bool:
    def columns(each: ListedEncoder) -> dict[str, Any]:
        return _shared(each) | {"removed_at": at} if each.is_removed else _shared(each)

    return _take(AcsEncoder, system, listed, columns, at=at, is_believed=is_believed)


def _shared(each: ListedGroup | ListedEntrance | ListedEncoder) -> dict[str, Any]:
    return {
        "name": each.name[:200],
        "errors": facts.problems(each.errors),
        "missing_listings": 0,
        "removed_at": None,
    }


def _group(each: ListedGroup) -> dict[str, Any]:
    return _shared(each) | {
        "warnings": facts.problems(each.warnings),
        "mutations": facts.mutations(each.mutations),
    }


def _entrance(each: ListedEntrance) -> dict[str, Any]:
    return _shared(each) | {
        "warnings": facts.problems(each.warnings),
        "room_name": each.room_name[:200],
        "description": each.description[:300],
        "is_online": each.is_online,
        "battery": each.battery[:40],
        "privacy_mode": each.privacy_mode,
        "takes_code": each.takes_code,
        "takes_card": each.takes_card,
        "takes_mobile_key": each.takes_mobile_key,
        "can_belong_to_reservation": each.can_belong_to_reservation,
    }


def _take(
    model: Any,
    system: AcsSystem,
    listed: Sequence[Any],
    columns_of: Callable[[Any], dict[str, Any]],
    *,
    at: datetime,
    is_believed: bool,
) -> bool:
    """Store a complete listing of one kind. Return whether anything changed."""
    known = {row.remote_id: row for row in model.objects.filter(system=system)}
    new, changed = [], []
    for remote_id, each in {each.remote_id: each for each in listed}.items():
        row = known.pop(remote_id, None)
        if row is None:
            new.append(model(system=system, remote_id=remote_id, **columns_of(each)))
        elif _change(row, columns_of(each)):
            changed.append(row)
    if is_believed:
        changed += _miss(known.values(), at)
    model.objects.bulk_create(new, batch_size=_BATCH, ignore_conflicts=True)
    if changed:
        model.objects.bulk_update(changed, _names(model), batch_size=_BATCH)
    return bool(new or changed)


def _change(row: Any, columns: dict[str, Any]) -> bool:
    """Put columns into a row. Return whether any was another."""
    if row.removed_at is not None and columns["removed_at"] is not None:
        columns["removed_at"] = row.removed_at
    differing = {name: value for name, value in columns.items() if getattr(row, name) != value}
    for name, value in differing.items():
        setattr(row, name, value)
    return bool(differing)


def _miss(rows: Iterable[Any], at: datetime) -> list[Any]:
    missing = [row for row in rows if row.removed_at is None]
    for row in missing:
        row.missing_listings += 1
        row.removed_at = at if row.missing_listings >= ABSENT_LISTINGS else None
    return missing


#: Ours, and never written by a listing.
_OURS = (
    "id",
    "system",
    "remote_id",
    "created_at",
    "space",
    "read_at",
    "news_wanted_at",
    "is_wired",
)
_OF_ATTEMPTS = ("last_used_at", "last_ok_at", "last_error", "last_error_at")


def _names(model: Any) -> list[str]:
    fields = [field.name for field in model._meta.concrete_fields]
    return [name for name in fields if name not in _OURS + _OF_ATTEMPTS]
