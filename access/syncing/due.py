"""Which users and credentials are worth a step now: what has to end before everything else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import Case, DateTimeField, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce
from django.db.models.lookups import GreaterThan

from access.models import AcsCredential, AcsMembership, AcsUser
from access.states import Part
from accounts.models import ConnectedAccount

#: A schedule without an end.
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)
#: Rows looked at before asking again what is most urgent.
BATCH = 20


def rows(model: Any, account: ConnectedAccount) -> QuerySet[Any]:
    """Return the rows that the reconciler looks at some time."""
    found: QuerySet[Any] = model.objects.filter(
        system__account=account, system__removed_at=None, next_run_at__isnull=False
    )
    return found


def unwanted(model: Any) -> Q:
    """What still opens doors and shall not."""
    deleted = Q(delete_asked_at__isnull=False)
    if model is AcsCredential:
        return deleted
    leaving = AcsMembership.objects.filter(user=OuterRef("pk"), is_wanted=False, is_seen=True)
    reported = Cast(KeyTextTransform("ends_at", "reported"), DateTimeField())
    is_later = GreaterThan(Coalesce(reported, Value(_NEVER)), F("ends_at"))
    shortened = Q(is_later, pending__contains=[Part.SCHEDULE.value]) & ~Q(remote_id="")
    suspended = Q(is_suspended=True, pending__contains=[Part.SUSPENSION.value])
    return deleted | suspended | shortened | Q(Exists(leaving))


def most_urgent(account: ConnectedAccount, now: datetime, *, only_revocations: bool) -> list[Any]:
    """Return users and credentials that are due, with `has_to_end`: those first."""
    found: list[tuple[bool, datetime, Any, UUID]] = []
    for model in (AcsUser, AcsCredential):
        mine = rows(model, account).filter(next_run_at__lte=now)
        if only_revocations:
            mine = mine.filter(unwanted(model))
        stays = Case(When(unwanted(model), then=False), default=True)
        chosen = mine.annotate(stays=Value(False) if only_revocations else stays)  # noqa: FBT003
        chosen = chosen.order_by("stays", "next_run_at")
        found += [
            (stays, at, model, pk)
            for stays, at, pk in chosen.values_list("stays", "next_run_at", "pk")[:BATCH]
        ]
    found.sort(key=lambda each: each[:2])
    return _whole(found[:BATCH])


def _whole(found: list[tuple[bool, datetime, Any, UUID]]) -> list[Any]:
    """Fetch these rows. Apart from choosing them, as mostly there is none."""
    known: dict[UUID, Any] = {}
    for model, more in ((AcsUser, []), (AcsCredential, ["user"])):
        ids = [pk for _, _, its, pk in found if its is model]
        if ids:
            whole = model.objects.select_related("system__property", "system__account", *more)
            known |= whole.in_bulk(ids)
    for stays, _, _, pk in found:
        if pk in known:
            known[pk].has_to_end = not stays
    return [known[pk] for _, _, _, pk in found if pk in known]


def is_revocation_due(account: ConnectedAccount, now: datetime, *, but: Any) -> bool:
    """Tell whether something else has to end now."""
    for model in (AcsUser, AcsCredential):
        mine = rows(model, account).filter(unwanted(model), next_run_at__lte=now)
        if isinstance(but, model):
            mine = mine.exclude(pk=but.pk)
        if mine.exists():
            return True
    return False
