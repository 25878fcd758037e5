"""Two weeks of one property: a row per room or door that somebody has, stays as bars."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Window
from django.db.models.functions import Lower, RowNumber
from django.urls import reverse

from access.grants import bars, row_words
from access.grants.bars import DAYS, Bar, Gap
from access.models import AccessGrant, AcsEntrance, GrantTarget
from accounts.actors import Actor
from accounts.models import Space
from locks.codes.listing import uuid_of
from locks.codes.words import State
from locks.models import Device
from locks.paging import CursorError

#: Rooms and doors on a page.
PAGE = 20
#: Stays looked at for one of them, and lines drawn; the rest is counted.
MOST_STAYS, MOST_LANES = 12, 3
_WEEK = timedelta(days=7)
_EARLIEST, _LATEST = date(2000, 1, 3), date(2099, 12, 1)
#: Rooms before doors of the same name.
_KINDS: dict[str, Any] = {"space": Space, "device": Device, "entrance": AcsEntrance}


@dataclass(frozen=True)
class Filters:
    first: date
    place: Space | None
    after: str = ""

    def url(self, **more: str) -> str:
        told = {"property": str(self.place.pk) if self.place else "", "from": f"{self.first}"}
        params = {key: value for key, value in (told | more).items() if value}
        return f"{reverse('grants-calendar')}?{urlencode(params)}"


def busy_first(places: list[Space], actor: Actor, now: datetime) -> list[Space]:
    """Return properties with the one first where somebody stays or comes next, if any."""
    stays = AccessGrant.objects.for_actor(actor).wanted(now).order_by("starts_at")
    busy = stays.values_list("property_id", flat=True).first()
    return sorted(places, key=lambda place: place.pk != busy)


def filters_of(params: dict[str, str], places: Sequence[Space], now: datetime) -> Filters:
    """Read an address: a property of those in sight, and a first day; else the present week."""
    wanted = uuid_of(params.get("property", ""))
    place = next((each for each in places if each.pk == wanted), places[0] if places else None)
    return Filters(_first(params.get("from", ""), place, now), place, params.get("after", ""))


def _first(text: str, place: Space | None, now: datetime) -> date:
    try:
        return min(max(date.fromisoformat(text), _EARLIEST), _LATEST)
    except ValueError:
        return monday(today(place, now))


def today(place: Space | None, now: datetime) -> date:
    return (now.astimezone(place.zone) if place else now).date()


def monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


# --- what is shown --------------------------------------------------------------------


@dataclass(frozen=True)
class Day:
    day: date
    is_today: bool

    @property
    def is_weekend(self) -> bool:
        return self.day.weekday() >= 5


@dataclass(frozen=True)
class Stay:
    """One grant at one room or door."""

    grant: AccessGrant
    life: State
    span: str
    #: In the property's time.
    starts_on: date
    ends_on: date | None


@dataclass(frozen=True)
class Line:
    """One room or door, with its stays in as many lines as they need."""

    name: str
    kind: str
    lanes: list[list[Bar | Gap]]
    #: Stays that are not drawn.
    more: int


@dataclass(frozen=True)
class Moves:
    """Who comes and who leaves on one day, for the agenda of a phone."""

    day: Day
    coming: list[tuple[str, Stay]]
    leaving: list[tuple[str, Stay]]
    staying: int

    @property
    def is_shown(self) -> bool:
        return bool(self.coming or self.leaving or self.day.is_today)

    @property
    def rest(self) -> str:
        if self.staying:
            return f"{self.staying} more {'is' if self.staying == 1 else 'are'} staying."
        return "" if self.coming or self.leaving else "Nobody comes or leaves."


@dataclass(frozen=True)
class Calendar:
    days: list[Day]
    lines: list[Line]
    agenda: list[Moves]
    after: str


def calendar(actor: Actor, filters: Filters, now: datetime) -> Calendar:
    """Put two weeks together. A fixed number of queries. Raises CursorError."""
    here = today(filters.place, now)
    days = [filters.first + timedelta(days=n) for n in range(DAYS)]
    shown = [Day(day, is_today=day == here) for day in days]
    if filters.place is None:
        return Calendar(shown, [], [], "")
    grants = _within(actor, filters.place, filters.first)
    things = _things(filters.place, grants, filters.after)
    stays = _stays(things[:PAGE], grants, now)
    more = len(things) > PAGE
    return Calendar(
        days=shown,
        lines=[_line(each, stays[each.pk], filters) for each in things[:PAGE]],
        agenda=[_moves(day, things[:PAGE], stays) for day in shown],
        after=things[PAGE - 1].cursor if more else "",
    )


def _within(actor: Actor, place: Space, first: date) -> QuerySet[AccessGrant]:
    """Return the stays of a property that touch these days, by its clock."""
    begin = datetime.combine(first, time(), place.zone)
    end = datetime.combine(first + timedelta(days=DAYS), time(), place.zone)
    found = AccessGrant.objects.for_actor(actor).filter(property_id=place.pk, revoked_at=None)
    return found.filter(Q(ends_at=None) | Q(ends_at__gt=begin), starts_at__lt=end)


# --- rooms and doors ------------------------------------------------------------------


@dataclass(frozen=True)
class _Thing:
    kind: str
    pk: UUID
    name: str

    @property
    def place(self) -> tuple[str, int, str]:
        return (self.name.lower(), list(_KINDS).index(self.kind), str(self.pk))

    @property
    def cursor(self) -> str:
        return f"{self.kind}_{self.pk}"


def _things(place: Space, grants: QuerySet[AccessGrant], after: str) -> list[_Thing]:
    """Return one page of what somebody has in these days, and one more, by name."""
    last = _read(after, place) if after else None
    found: list[_Thing] = []
    for kind in _KINDS:
        rows = _of_kind(kind, place, grants)
        if last is not None:
            rows = rows.filter(_beyond(kind, last))
        named = rows.values_list("pk", "sorted_by", "name")[: PAGE + 1]
        found += [_Thing(kind, pk, name) for pk, _, name in named]
    return sorted(found, key=lambda each: each.place)[: PAGE + 1]


def _of_kind(kind: str, place: Space, grants: QuerySet[AccessGrant]) -> QuerySet[Any]:
    owner = {"space": Q(property_id=place.pk) | Q(pk=place.pk), "device": Q(property_id=place.pk)}
    mine = owner.get(kind, Q(system__property_id=place.pk))
    held = GrantTarget.objects.filter(**{kind: OuterRef("pk")}, grant__in=grants)
    rows = _KINDS[kind].objects.filter(mine, Exists(held))
    return rows.annotate(sorted_by=Lower("name")).order_by("sorted_by", "pk")  # type: ignore[no-any-return]


def _beyond(kind: str, last: _Thing) -> Q:
    name, rank, pk = last.place
    mine = list(_KINDS).index(kind)
    if mine > rank:
        return Q(sorted_by__gte=name)
    if mine < rank:
        return Q(sorted_by__gt=name)
    return Q(sorted_by__gt=name) | Q(sorted_by=name, pk__gt=UUID(pk))


def _read(cursor: str, place: Space) -> _Thing:
    kind, _, text = cursor.partition("_")
    pk = uuid_of(text)
    if kind not in _KINDS or pk is None:
        raise CursorError("invalid cursor")
    rows = _KINDS[kind].objects.filter(pk=pk)
    mine = "system__property_id" if kind == "entrance" else "property_id"
    rows = rows.filter(Q(pk=place.pk) | Q(**{mine: place.pk}))
    name = rows.values_list("name", flat=True).first()
    if name is None:
        raise CursorError("invalid cursor")
    return _Thing(kind, pk, name)


# --- stays ----------------------------------------------------------------------------


@dataclass
class _Held:
    stays: list[Stay]
    count: int = 0


def _stays(
    things: Sequence[_Thing], grants: QuerySet[AccessGrant], now: datetime
) -> dict[UUID, _Held]:
    """Return the first stays of each room and door, and how many there are in all."""
    ids: dict[str, list[UUID]] = defaultdict(list)
    for each in things:
        ids[each.kind].append(each.pk)
    mine = Q(pk=None)
    for kind, pks in ids.items():
        mine |= Q(**{f"{kind}__in": pks})
    by = [F("space_id"), F("device_id"), F("entrance_id")]
    rows = (
        GrantTarget.objects.filter(mine, grant__in=grants)
        .select_related("grant__identity", "grant__property")
        .annotate(
            number=Window(RowNumber(), partition_by=by, order_by=["grant__starts_at", "grant_id"]),
            count=Window(Count("pk"), partition_by=by),
        )
        .filter(number__lte=MOST_STAYS)
        .order_by("number")
    )
    found: dict[UUID, _Held] = defaultdict(lambda: _Held([]))
    for row in rows:
        pk = row.space_id or row.device_id or row.entrance_id
        assert pk is not None
        found[pk].stays.append(_stay(row.grant, now))
        found[pk].count = row.count
    return found


def _stay(grant: AccessGrant, now: datetime) -> Stay:
    zone = grant.property.zone
    ends = (grant.ends_at - timedelta(microseconds=1)).astimezone(zone) if grant.ends_at else None
    return Stay(
        grant=grant,
        life=row_words.life(grant, now),
        span=row_words.span(grant, now),
        starts_on=grant.starts_at.astimezone(zone).date(),
        ends_on=ends.date() if ends else None,
    )


def _line(thing: _Thing, held: _Held, filters: Filters) -> Line:
    assert filters.place is not None
    zone = filters.place.zone
    drawn = [
        bar
        for each in held.stays
        if (bar := bars.bar(each, each.grant.starts_at, each.grant.ends_at, filters.first, zone))
    ]
    lanes = bars.lanes(drawn)
    shown = lanes[:MOST_LANES]
    return Line(
        name=thing.name,
        kind=thing.kind,
        lanes=[bars.cells(lane, filters.first) for lane in shown],
        more=held.count - sum(len(lane) for lane in shown),
    )


def _moves(day: Day, things: Iterable[_Thing], stays: dict[UUID, _Held]) -> Moves:
    every = [(each.name, stay) for each in things for stay in stays[each.pk].stays]
    coming = [one for one in every if one[1].starts_on == day.day]
    leaving = [one for one in every if one[1].ends_on == day.day and one not in coming]
    staying = [
        stay
        for _, stay in every
        if stay.starts_on < day.day and (stay.ends_on is None or stay.ends_on > day.day)
    ]
    return Moves(day, coming, leaving, len(staying))


def around(filters: Filters) -> dict[str, str]:
    """Return where earlier and later weeks are."""
    return {
        "earlier": filters.url(**{"from": f"{filters.first - _WEEK}"}),
        "later": filters.url(**{"from": f"{filters.first + _WEEK}"}),
        "now": filters.url(**{"from": ""}),
    }
