"""Writing the log."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from audit import signals
from audit.context import request_facts
from audit.ids import id_at
from audit.models import Event
from audit.who import NOWHERE, SYSTEM, Place, Who
from audit.words import DOOR_VERBS, How, Kind, Result, Source, Verb

#: Salto's own feed was measured to run up to 79 s behind; later than this is worth a mark.
LATE_AFTER = timedelta(minutes=5)

#: Keys whose values never reach the log, whatever a caller passes.
_SECRET_KEYS = (
    "secret",
    "password",
    "token",
    "pin",
    "code_digits",
    "otp",
    "cookie",
    "authorization",
)


def record(
    verb: Verb,
    *,
    workspace_id: UUID,
    at: datetime,
    who: Who = SYSTEM,
    place: Place = NOWHERE,
    attempt_id: UUID | None = None,
    subject: str = "",
    how: How | str = "",
    result: Result = Result.NONE,
    reason: str = "",
    **detail: Any,
) -> Event:
    """Add one line about something done here.

    Call it inside the transaction of the act, so that neither is stored without the other.
    `detail` must be JSON, at most about a kilobyte; values under secret-sounding keys are
    replaced by dots.
    """
    facts = request_facts()
    return Event.objects.create(
        kind=Kind.DOOR if verb in DOOR_VERBS else Kind.CHANGE,
        verb=verb,
        workspace_id=workspace_id,
        occurred_at=at,
        recorded_at=at,
        actor_kind=who.kind,
        actor_id=who.id,
        actor_name=who.name[:200],
        attempt_id=attempt_id,
        subject=subject[:200],
        how=how,
        result=result,
        reason=reason[:300],
        ip=facts.ip or None,
        request_id=facts.request_id,
        detail={key: _redact(key, value) for key, value in detail.items()},
        **_place_columns(place),
    )


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of a provider's feed, in our words."""

    external_id: str
    occurred_at: datetime
    verb: Verb
    how: How | str = ""
    result: Result = Result.NONE
    who: Who = SYSTEM
    place: Place = NOWHERE
    detail: dict[str, Any] = field(default_factory=dict)
    raw: Any = None


def ingest(
    entries: Sequence[Entry],
    *,
    workspace_id: UUID,
    account_id: UUID,
    source: Source,
    at: datetime,
) -> list[Entry]:
    """Store the lines that are new. Return these, oldest first.

    Call it with the account's feed locked (one poll at a time) and inside the transaction
    that moves the watermark. A line is recognised by the provider's id, so fetching the same
    stretch again adds nothing. Times in our future are clamped to `at`, the original kept.
    """
    known = set(
        Event.objects.filter(
            account_id=account_id, external_id__in=[entry.external_id for entry in entries]
        ).values_list("external_id", flat=True)
    )
    new = {e.external_id: e for e in reversed(entries) if e.external_id not in known}
    fresh = sorted(new.values(), key=lambda entry: entry.occurred_at)
    Event.objects.bulk_create(
        [_event(e, workspace_id, account_id, source, at) for e in fresh],
        ignore_conflicts=True,
        batch_size=500,
    )
    if fresh:
        signals.events_ingested.send(sender=Event, account_id=account_id, entries=fresh, at=at)
    return fresh


def _event(
    entry: Entry, workspace_id: UUID, account_id: UUID, source: Source, at: datetime
) -> Event:
    occurred_at = min(entry.occurred_at, at)
    detail = dict(entry.detail)
    if occurred_at != entry.occurred_at:
        detail["provider_time"] = entry.occurred_at.isoformat()
    return Event(
        id=id_at(occurred_at, f"{account_id}:{entry.external_id}"),
        kind=Kind.DOOR if entry.verb in DOOR_VERBS else Kind.CHANGE,
        verb=entry.verb,
        workspace_id=workspace_id,
        occurred_at=occurred_at,
        recorded_at=at,
        actor_kind=entry.who.kind,
        actor_id=entry.who.id[:200],
        actor_name=entry.who.name[:200],
        how=entry.how,
        result=entry.result,
        source=source,
        external_id=entry.external_id,
        is_late=at - occurred_at > LATE_AFTER,
        detail=detail,
        raw=entry.raw,
        **_place_columns(entry.place, account_id=account_id),
    )


def _place_columns(place: Place, *, account_id: UUID | None = None) -> dict[str, Any]:
    return {
        "property_id": place.property_id,
        "property_name": place.property_name[:200],
        "device_id": place.device_id,
        "device_name": place.device_name[:200],
        "account_id": place.account_id or account_id,
        "account_name": place.account_name[:200],
    }


def _redact(key: str, value: Any) -> Any:
    if any(word in key.lower() for word in _SECRET_KEYS):
        return "••••"
    if isinstance(value, dict):
        return {inner: _redact(str(inner), each) for inner, each in value.items()}
    return value
