"""Stays as rows: what a source told last, and what people changed here.

Imports nothing of grants' services: those call `note_…` inside the transaction of a change
that a person made, so that the next reading does not take it back.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields, replace
from datetime import date, datetime
from typing import Any

from access.models import AccessGrant, FeedStay, ReservationFeed
from access.reservations.known import Ending, Known
from access.reservations.stays import Guest, Stay

CORRECTABLE = frozenset({"name", "email", "phone"})
_MOMENTS = {"starts_at", "ends_at"}
_DATES = {"starts_on", "ends_on"}


def as_json(known: Known) -> dict[str, Any]:
    """Return a stay as FeedStay.known keeps it."""
    return {
        "stay": {each.name: _plain(getattr(known.stay, each.name)) for each in fields(Stay)},
        "starts_by_hand": _plain(known.starts_by_hand),
        "ends_by_hand": _plain(known.ends_by_hand),
        "corrected": sorted(known.corrected),
        "absences": known.absences,
        "absent_at": _plain(known.absent_at),
        "ending": known.ending.value if known.ending else None,
    }


def from_json(kept: dict[str, Any]) -> Known:
    """Return what `as_json` was given. Fields that are not kept yet have their defaults."""
    told = {
        each.name: kept["stay"][each.name] for each in fields(Stay) if each.name in kept["stay"]
    }
    told |= {name: datetime.fromisoformat(told[name]) for name in _MOMENTS}
    told |= {name: date.fromisoformat(told[name]) for name in _DATES}
    return Known(
        stay=Stay(**told | {"guest": Guest(**told.get("guest", {}))}),
        starts_by_hand=_moment(kept.get("starts_by_hand")),
        ends_by_hand=_moment(kept.get("ends_by_hand")),
        corrected=frozenset(kept.get("corrected", ())),
        absences=kept.get("absences", 0),
        absent_at=_moment(kept.get("absent_at")),
        ending=Ending(kept["ending"]) if kept.get("ending") else None,
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Guest):
        return {each.name: getattr(value, each.name) for each in fields(Guest)}
    return value.isoformat() if isinstance(value, date) else value


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def stays_of(feed: ReservationFeed) -> list[FeedStay]:
    """Return all that a feed ever told of, with their grants."""
    rows = FeedStay.objects.filter(feed=feed).select_related("grant__identity", "grant__property")
    return list(rows.order_by("created_at", "pk"))


# --- what people do with a grant ------------------------------------------------------


def note_changed_by_hand(grant: AccessGrant, *, corrected: Collection[str] = ()) -> None:
    """Keep the times of a grant that a person set: its source no longer decides them.

    Call it in the transaction of the change, with the grant as it is now. A time that is the
    source's own again is the source's to move again. `corrected`: which of `name`, `email` and
    `phone` of the guest the person set right.
    """
    for row in _rows(grant):
        known = from_json(row.known)
        after = replace(
            by_hand(known, grant.starts_at, grant.ends_at or known.ends_at),
            stay=_corrected(known.stay, grant, corrected),
            corrected=known.corrected | (CORRECTABLE & set(corrected)),
        )
        _keep(row, after)


def by_hand(known: Known, starts_at: datetime, ends_at: datetime) -> Known:
    """Return a stay with times of a person's choice. Pure."""
    return replace(
        known,
        starts_by_hand=None if starts_at == known.stay.starts_at else starts_at,
        ends_by_hand=None if ends_at == known.stay.ends_at else ends_at,
    )


def note_revoked_by_hand(grant: AccessGrant) -> None:
    """Keep that a person ended a stay: no source brings it back."""
    for row in _rows(grant):
        known = from_json(row.known)
        if known.ending is None:
            _keep(row, replace(known, ending=Ending.BY_HAND))


def note_undone_by_hand(grant: AccessGrant) -> None:
    """Forget that a person ended a stay: they took it back."""
    for row in _rows(grant):
        known = from_json(row.known)
        if known.ending is Ending.BY_HAND:
            _keep(row, replace(known, ending=None))


def with_hands(row: FeedStay) -> Known:
    """Return a stay with what a person did to its grant, also where nobody noted it.

    A grant has the times that were asked for. Other ones, without a refusal that explains
    them, are somebody's; and what a person ended must stay ended.
    """
    known, grant = from_json(row.known), row.grant
    if grant is None or known.ending is Ending.BY_SOURCE:
        return known
    if grant.revoked_at is not None:
        return replace(known, ending=known.ending or Ending.BY_HAND)
    known = replace(known, ending=None)
    return known if row.error else by_hand(known, grant.starts_at, grant.ends_at or known.ends_at)


def _rows(grant: AccessGrant) -> list[FeedStay]:
    return list(FeedStay.objects.select_for_update().filter(grant=grant))


def _keep(row: FeedStay, known: Known) -> None:
    row.known = as_json(known)
    row.save(update_fields=["known"])


def _corrected(stay: Stay, grant: AccessGrant, names: Collection[str]) -> Stay:
    person = grant.identity
    right = {"name": person.full_name, "email": person.email, "phone": person.phone}
    now = {name: right[name] for name in CORRECTABLE & set(names)}
    return replace(stay, guest=replace(stay.guest, **now))
