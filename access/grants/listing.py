"""The list of grants: one page of it, what each row says, and how many there are in each tab."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.db.models import Count, F, Prefetch, Q

from access.grants import row_words, standing
from access.grants.finding import (
    ACTIVE,
    ENDED,
    LINGERING,
    OVER_AT,
    STATES,
    TABS,
    UPCOMING,
    Filters,
    in_tab,
    lingering,
)
from access.grants.standing import GrantStanding, Standing
from access.models import AccessGrant, Delivery, GrantTarget
from access.models.grants import AccessGrantQuerySet, GrantState
from accounts.actors import Actor
from accounts.models import Space
from accounts.permissions import Permission
from locks.codes.words import State
from locks.paging import CursorError, moment_cursor, read_moment

PAGE = 25
#: Nobody counts further.
MOST_COUNTED = 99
_MOST_PLACES = 3
#: Instead of a moment, in the cursor of a grant that has no end.
_NEVER = "never"
#: The tab is called Active, too.
_NOT_ARRIVED = "Not arrived yet"


@dataclass(frozen=True)
class Row:
    """One grant as a list shows it."""

    grant: AccessGrant
    standing: GrantStanding
    life: State
    kind: State
    span: str
    places: list[str]
    more_places: int
    delivery: State
    created_by: str
    may_manage: bool
    can_revoke: bool

    @property
    def methods(self) -> tuple[Standing, ...]:
        return self.standing.shown


@dataclass(frozen=True)
class Tab:
    label: str
    count: str
    url: str
    is_on: bool


@dataclass(frozen=True)
class Listing:
    """One page of the list."""

    rows: list[Row]
    tabs: list[Tab]
    states: list[Tab]
    #: What was asked for, in the tab that is shown.
    filters: Filters
    #: How many are over and may still open a door; "" where none.
    lingering: str
    after: str
    properties: list[Space]


def listing(actor: Actor, filters: Filters, *, after: str, now: datetime) -> Listing:
    """Put a page together. A fixed number of queries. Raises CursorError."""
    kept = filters.kept(actor)
    numbers = _numbers(filters, kept, now)
    filters = _where_found(filters, numbers)
    ids = _page(filters, kept, after, now)
    more = len(ids) > PAGE
    grants = by_id(ids[:PAGE])
    return Listing(
        rows=rows_of(grants, actor, now),
        tabs=[_tab(filters, key, numbers[key]) for key in TABS],
        states=_states(filters),
        filters=filters,
        lingering=numbers[LINGERING],
        after=_cursor(grants[-1], filters) if more else "",
        properties=list(Space.objects.for_actor(actor).properties().order_by("name")),
    )


def _where_found(filters: Filters, numbers: dict[str, str]) -> Filters:
    """Go to the first tab with something of what is searched for, where its own has nothing."""
    if not filters.query or filters.state or numbers[filters.tab]:
        return filters
    return replace(filters, tab=next((key for key in TABS if numbers[key]), filters.tab))


def _numbers(filters: Filters, kept: AccessGrantQuerySet, now: datetime) -> dict[str, str]:
    """Count each tab, and what lingers: `7`, `99+`; "" for none.

    Each is counted by an index of its own. What a search finds is found once for all of them.
    """
    if filters.query:
        told = kept.annotate(over_at=OVER_AT).aggregate(**_counts(now))
        return {key: _capped(number) for key, number in told.items()}
    parts = {key: in_tab(kept, key, now) for key in TABS} | {LINGERING: lingering(kept, now)}
    return {key: _capped(rows[: MOST_COUNTED + 1].count()) for key, rows in parts.items()}


def _counts(now: datetime) -> dict[str, Count]:
    is_over = Q(over_at__lte=now)
    lasting = Q(over_at=None) | Q(over_at__gt=now)
    kinds = {
        UPCOMING: Q(revoked_at=None, starts_at__gt=now),
        ACTIVE: lasting & Q(revoked_at=None, starts_at__lte=now),
        ENDED: is_over,
        LINGERING: is_over & Q(gone_at=None),
    }
    return {key: Count("pk", filter=each) for key, each in kinds.items()}


def _capped(number: int) -> str:
    if not number:
        return ""
    return f"{MOST_COUNTED}+" if number > MOST_COUNTED else str(number)


def _tab(filters: Filters, key: str, number: str) -> Tab:
    is_on = filters.tab == key
    return Tab(label=TABS[key], count=number or "0", url=filters.to(key), is_on=is_on)


def _states(filters: Filters) -> list[Tab]:
    found = []
    for each in STATES[filters.tab]:
        is_on = filters.state == each
        url = filters.to(filters.tab, "" if is_on else each)
        label = _NOT_ARRIVED if each == GrantState.ACTIVE else each.label.capitalize()
        found.append(Tab(label=label, count="", url=url, is_on=is_on))
    return found


# --- a page ---------------------------------------------------------------------------


def _page(filters: Filters, kept: AccessGrantQuerySet, after: str, now: datetime) -> list[UUID]:
    """Return the ids of one page, and of one row more where there is one."""
    found = filters.rows(kept, now)
    if filters.tab == UPCOMING:
        return _by_start(found, after)
    if filters.tab == ACTIVE:
        return _by_end(found, after, now)
    return _by_over(found, after)


def _by_start(found: AccessGrantQuerySet, after: str) -> list[UUID]:
    """Whoever comes next, first."""
    if after:
        at, pk = read_moment(after)
        found = found.filter(Q(starts_at__gt=at) | Q(pk__gt=pk), starts_at__gte=at)
    return list(found.order_by("starts_at", "pk").values_list("pk", flat=True)[: PAGE + 1])


def _by_end(found: AccessGrantQuerySet, after: str, now: datetime) -> list[UUID]:
    """Whoever leaves next, first; then those without an end. Each by an index of its own."""
    ids: list[UUID] = []
    ending, lasting = found.filter(ends_at__gt=now), found.filter(ends_at=None)
    if after.startswith(_NEVER):
        lasting = lasting.filter(pk__gt=_after_never(after))
    else:
        if after:
            at, pk = read_moment(after)
            ending = ending.filter(Q(ends_at__gt=at) | Q(pk__gt=pk), ends_at__gte=at)
        rows = ending.order_by("ends_at", "pk").values_list("pk", flat=True)
        ids = list(rows[: PAGE + 1])
    if len(ids) <= PAGE:
        rows = lasting.order_by("pk").values_list("pk", flat=True)
        ids += rows[: PAGE + 1 - len(ids)]
    return ids


def _by_over(found: AccessGrantQuerySet, after: str) -> list[UUID]:
    """Whatever ended last, first."""
    over = found.annotate(over_at=OVER_AT)
    if after:
        at, pk = read_moment(after)
        over = over.filter(Q(over_at__lt=at) | Q(pk__gt=pk), over_at__lte=at)
    rows = over.order_by(F("over_at").desc(), "pk").values_list("pk", flat=True)
    return list(rows[: PAGE + 1])


def _after_never(after: str) -> UUID:
    try:
        return UUID(after.removeprefix(f"{_NEVER}_"))
    except ValueError:
        raise CursorError("invalid cursor") from None


def _cursor(last: AccessGrant, filters: Filters) -> str:
    if filters.tab == UPCOMING:
        return moment_cursor(last.starts_at, last.pk)
    if filters.tab == ACTIVE:
        return moment_cursor(last.ends_at, last.pk) if last.ends_at else f"{_NEVER}_{last.pk}"
    over_at = min(each for each in (last.ends_at, last.revoked_at) if each)
    return moment_cursor(over_at, last.pk)


def by_id(ids: Sequence[UUID]) -> list[AccessGrant]:
    """Return these grants in this order, with all that their rows say."""
    targets = GrantTarget.objects.select_related("device", "space", "entrance")
    deliveries = Delivery.objects.order_by("-created_at", "-pk")
    found = standing.fetched(AccessGrant.objects.filter(pk__in=ids)).select_related("created_by")
    rows = found.prefetch_related(
        Prefetch("targets", targets, to_attr="all_targets"),
        Prefetch("deliveries", deliveries, to_attr="all_deliveries"),
    )
    known = {each.pk: each for each in rows}
    return [known[pk] for pk in ids if pk in known]


# --- rows -----------------------------------------------------------------------------


def rows_of(grants: Iterable[AccessGrant], actor: Actor, now: datetime) -> list[Row]:
    return [_row(grant, actor, now) for grant in grants]


def _row(grant: AccessGrant, actor: Actor, now: datetime) -> Row:
    targets: list[GrantTarget] = grant.all_targets  # type: ignore[attr-defined]  # prefetched
    deliveries: list[Delivery] = grant.all_deliveries  # type: ignore[attr-defined]
    names = row_words.places(targets)
    may_manage = actor.may(Permission.MANAGE_GRANTS, grant.property_id)
    return Row(
        grant=grant,
        standing=standing.of(grant, now),
        life=row_words.life(grant, now),
        kind=row_words.kind(grant),
        span=row_words.span(grant, now),
        places=names[:_MOST_PLACES],
        more_places=max(0, len(names) - _MOST_PLACES),
        delivery=row_words.delivery(deliveries, grant, now),
        created_by=row_words.created_by(grant),
        may_manage=may_manage,
        can_revoke=may_manage and not grant.is_over(now),
    )
