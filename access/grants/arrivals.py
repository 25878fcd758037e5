"""Who arrives today and tomorrow, whoever needs a look first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import reduce
from operator import or_
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet
from django.urls import reverse

from access.grants import listing, readiness, row_words, standing
from access.grants.ranking import ranked
from access.grants.readiness import AMBER, ARRIVED, GREEN, RED, Check
from access.models import AccessGrant, Delivery, GrantTarget
from accounts.actors import Actor
from accounts.models import Space
from locks.codes.listing import uuid_of
from locks.codes.words import State

PAGE = 25
DAYS = {0: "Today", 1: "Tomorrow"}
STATES = {
    RED: State("red", "Not ready", "danger", "x-circle"),
    AMBER: State("amber", "To look at", "warn", "alert"),
    GREEN: State("green", "Ready", "ok", "check"),
    ARRIVED: State("arrived", "Arrived", "ok", "log-in"),
}


@dataclass(frozen=True)
class Filters:
    place: Space | None = None
    page: int = 1

    @classmethod
    def from_query(cls, params: dict[str, str], places: Sequence[Space]) -> Filters:
        wanted, text = uuid_of(params.get("property", "")), params.get("page", "")
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 1
        return cls(next((each for each in places if each.pk == wanted), None), max(1, number))

    def url(self, page: int) -> str:
        told = {"property": str(self.place.pk) if self.place else "", "page": str(page)}
        return f"{reverse('grants-arrivals')}?{urlencode({k: v for k, v in told.items() if v})}"


@dataclass(frozen=True)
class Row:
    grant: AccessGrant
    state: State
    when: str
    places: list[str]
    checks: list[Check]
    #: What of them is not as it should be.
    wrong: list[Check]


@dataclass(frozen=True)
class Day:
    name: str
    counts: list[tuple[State, int]]
    total: int
    rows: list[Row]


@dataclass(frozen=True)
class Arrivals:
    days: list[Day]
    total: int
    has_more: bool


def arrivals(actor: Actor, filters: Filters, places: Sequence[Space], now: datetime) -> Arrivals:
    """Put the page together. A fixed number of queries."""
    shown = [filters.place] if filters.place else list(places)
    found = _found(actor, shown, now)
    begin = (filters.page - 1) * PAGE
    page = found[begin : begin + PAGE]
    grants = {each.pk: each for each in listing.by_id([each.pk for each in page])}
    return Arrivals(
        days=[_day(number, found, page, grants, now) for number in DAYS],
        total=len(found),
        has_more=len(found) > begin + PAGE,
    )


@dataclass(frozen=True)
class _Found:
    """One arrival of all there are."""

    day: int
    rank: int
    starts_at: datetime
    pk: UUID


def _found(actor: Actor, places: Sequence[Space], now: datetime) -> list[_Found]:
    """Return who arrives in these properties, by day, worst first, then by time."""
    zones = {place.pk: place.zone for place in places}
    rows = ranked(_within(actor, zones, now), now)
    values = rows.values_list("property_id", "rank", "starts_at", "pk")
    found = [
        _Found(_day_of(starts_at, zones[place], now), rank, starts_at, pk)
        for place, rank, starts_at, pk in values
    ]
    return sorted(found, key=lambda each: (each.day, each.rank, each.starts_at, each.pk))


def _within(actor: Actor, zones: dict[UUID, ZoneInfo], now: datetime) -> QuerySet[AccessGrant]:
    by_zone: dict[ZoneInfo, list[UUID]] = {}
    for pk, zone in zones.items():
        by_zone.setdefault(zone, []).append(pk)
    grants = AccessGrant.objects.for_actor(actor)
    if not by_zone:
        return grants.none()
    spans = [
        (_midnight(zone, now, 0), _midnight(zone, now, 2), pks) for zone, pks in by_zone.items()
    ]
    each = [
        Q(property_id__in=pks, starts_at__gte=begin, starts_at__lt=end) for begin, end, pks in spans
    ]
    return grants.wanted(now).filter(
        reduce(or_, each),
        # Said once for all zones, so that an index can follow.
        starts_at__gte=min(begin for begin, _, _ in spans),
        starts_at__lt=max(end for _, end, _ in spans),
    )


def _midnight(zone: ZoneInfo, now: datetime, days: int) -> datetime:
    day = now.astimezone(zone).date() + timedelta(days=days)
    return datetime.combine(day, time(), zone)


def _day_of(at: datetime, zone: ZoneInfo, now: datetime) -> int:
    return (at.astimezone(zone).date() - now.astimezone(zone).date()).days


# --- what is shown --------------------------------------------------------------------


def _day(
    number: int,
    found: Sequence[_Found],
    page: Sequence[_Found],
    grants: dict[UUID, AccessGrant],
    now: datetime,
) -> Day:
    counts = Counter(each.rank for each in found if each.day == number)
    rows = [_row(grants[each.pk], now) for each in page if each.day == number and each.pk in grants]
    told = [(state, counts[rank]) for rank, state in STATES.items() if counts[rank]]
    return Day(name=DAYS[number], counts=told, total=sum(counts.values()), rows=rows)


def _row(grant: AccessGrant, now: datetime) -> Row:
    targets: list[GrantTarget] = grant.all_targets  # type: ignore[attr-defined]  # prefetched
    deliveries: list[Delivery] = grant.all_deliveries  # type: ignore[attr-defined]
    found = readiness.checks(standing.of(grant, now), deliveries, now)
    zone = grant.property.zone
    return Row(
        grant=grant,
        state=STATES[readiness.rank(found, grant)],
        when=f"{grant.starts_at.astimezone(zone):%H:%M}",
        places=row_words.places(targets),
        checks=found,
        wrong=[each for each in found if each.tone in ("warn", "danger")],
    )
