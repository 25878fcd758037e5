"""Arrivals without a card."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet

from access.cards.times import day_and_clock
from access.models import AcsCredential, AcsMembership, AcsSystem, AcsUser, EncodeJob
from access.models.credentials import ON_A_CARD, OUT_OF_DATE, WAS_WRITTEN
from access.states import CardState, Intent, Phase
from accounts.actors import Actor
from accounts.permissions import Permission
from accounts.providers.systems import AccessMethod, SystemType

#: Who should have come so long ago may still come.
_LATE = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class QueueRow:
    """Somebody who arrives and has no card that is up to date."""

    user_id: UUID
    person: str
    system_id: UUID
    system: str
    groups: tuple[str, ...] = ()
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    #: In the property's time: "Fri 15:00".
    arrives: str = ""
    leaves: str = ""
    #: FIRST, or UPDATE for a card that is out of date.
    intent: Intent
    #: "no card yet", "card cancelled, no other yet", "card is out of date", "card in doubt".
    why: str


def arrivals(
    actor: Actor, system: AcsSystem | None = None, *, now: datetime, limit: int = 50
) -> list[QueueRow]:
    """Return who comes around today, is in a group, and has no card that is up to date.

    Ordered by arrival, then name. Of the systems that write cards and where the actor may
    make some.
    Three queries, however many there are.
    """
    systems = _systems(actor, system)
    return [_row(user, systems) for user in _waiting(systems, now)[:limit]]


def after(
    actor: Actor, user_id: UUID, system: AcsSystem | None = None, *, now: datetime
) -> QueueRow | None:
    """Return the next in the queue after somebody, whether or not they are still in it.

    After the last one comes the first again; None when nobody else waits.
    """
    systems = _systems(actor, system)
    waiting = _waiting(systems, now).exclude(pk=user_id)
    last = AcsUser.objects.filter(pk=user_id).first()
    found = None
    if last and last.starts_at:
        found = waiting.filter(
            Q(starts_at__gt=last.starts_at)
            | Q(starts_at=last.starts_at, full_name__gt=last.full_name)
            | Q(starts_at=last.starts_at, full_name=last.full_name, pk__gt=last.pk)
        ).first()
    found = found or waiting.first()
    return _row(found, systems) if found else None


def _systems(actor: Actor, system: AcsSystem | None) -> dict[UUID, AcsSystem]:
    found = AcsSystem.objects.for_actor(actor).filter(external_type=SystemType.SALTO_SPACE)
    properties = actor.property_ids_with(Permission.MAKE_CARDS)
    if properties is not None:
        found = found.filter(property_id__in=properties)
    if system:
        found = found.filter(pk=system.pk)
    return {each.pk: each for each in found.select_related("property")}


def _waiting(systems: dict[UUID, AcsSystem], now: datetime) -> QuerySet[Any]:
    today = Q(pk__in=())
    for each in systems.values():
        start, end = _today(each.property.zone, now)
        today |= Q(system=each, starts_at__gte=start - _LATE, starts_at__lt=end)
    groups = AcsMembership.objects.filter(is_wanted=True, group__removed_at=None)
    cards = AcsCredential.objects.filter(ON_A_CARD, user=OuterRef("pk"))
    in_doubt = AcsCredential.objects.filter(
        access_method=AccessMethod.CARD,
        phase=Phase.LIVE,
        delete_asked_at=None,
        card_state=CardState.SUSPECT,
        user=OuterRef("pk"),
    )
    waiting: QuerySet[Any] = (
        AcsUser.objects.filter(
            today,
            Q(ends_at=None) | Q(ends_at__gt=now),
            is_suspended=False,
            is_managed=True,
            delete_asked_at=None,
            phase__in=(Phase.CREATING, Phase.LIVE),
        )
        .annotate(
            has_card=Exists(cards),
            had_card=Exists(AcsCredential.objects.filter(WAS_WRITTEN, user=OuterRef("pk"))),
            has_doubt=Exists(in_doubt),
        )
        .filter(
            Exists(groups.filter(user=OuterRef("pk"))),
            ~Exists(cards.exclude(OUT_OF_DATE)),
            ~Exists(EncodeJob.objects.filter(user=OuterRef("pk"), holds_user=True)),
        )
        .prefetch_related(
            Prefetch("memberships", groups.select_related("group").order_by("group__name"))
        )
        .order_by("starts_at", "full_name", "pk")
    )
    return waiting


def _today(zone: ZoneInfo, now: datetime) -> tuple[datetime, datetime]:
    day = now.astimezone(zone).date()
    start = datetime.combine(day, time(), zone)
    return start, datetime.combine(day + timedelta(days=1), time(), zone)


def _why(user: Any) -> str:
    if user.has_doubt:
        return "card in doubt"
    if user.has_card:
        return "card is out of date"
    return "card cancelled, no other yet" if user.had_card else "no card yet"


def _row(user: Any, systems: dict[UUID, AcsSystem]) -> QueueRow:
    system = systems[user.system_id]
    zone = system.property.zone
    return QueueRow(
        user_id=user.pk,
        person=user.full_name,
        system_id=system.pk,
        system=system.name,
        groups=tuple(each.group.name for each in user.memberships.all()),
        starts_at=user.starts_at,
        ends_at=user.ends_at,
        arrives=day_and_clock(user.starts_at, zone) if user.starts_at else "",
        leaves=day_and_clock(user.ends_at, zone) if user.ends_at else "no end",
        intent=Intent.UPDATE if user.has_card else Intent.FIRST,
        why=_why(user),
    )
