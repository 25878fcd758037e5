"""Guests by name, each with the stay they have now or have next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet, Subquery
from django.db.models.functions import Lower

from access.grants import row_words
from access.models import AccessGrant, UserIdentity
from accounts.actors import Actor
from locks.codes.words import State
from locks.paging import CursorError

PAGE = 25


@dataclass(frozen=True)
class Row:
    person: UserIdentity
    #: The stay they have now, else the next one.
    stay: AccessGrant | None
    life: State | None
    span: str


@dataclass(frozen=True)
class Page:
    rows: list[Row]
    #: After whom the next page begins; "" where there is none.
    after: str


def listing(actor: Actor, query: str, *, after: str, now: datetime) -> Page:
    """Return one page. Two queries. Raises CursorError."""
    known = UserIdentity.objects.for_actor(actor)
    found_by_words = known.like(query) if query else known
    people: QuerySet[Any] = found_by_words.annotate(sorted_by=Lower("full_name")).order_by(
        "sorted_by", "pk"
    )
    if after:
        pk = _read(after)
        last = UserIdentity.objects.filter(workspace_id=actor.workspace.pk, pk=pk)
        at = Subquery(last.values(at=Lower("full_name")))
        later = Q(sorted_by__gt=at) | Q(pk__gt=pk)
        people = people.filter(later, Q(sorted_by__gte=at))
    found = list(people[: PAGE + 1])
    page = found[:PAGE]
    return Page(rows=_rows(page, actor, now), after=str(page[-1].pk) if len(found) > PAGE else "")


def _read(cursor: str) -> UUID:
    try:
        return UUID(cursor)
    except ValueError:
        raise CursorError("invalid cursor") from None


def _rows(people: Sequence[UserIdentity], actor: Actor, now: datetime) -> list[Row]:
    grants = AccessGrant.objects.for_actor(actor).wanted(now).filter(identity__in=people)
    first = grants.order_by("identity_id", "starts_at", "pk").distinct("identity_id")
    stays = {each.identity_id: each for each in first.select_related("property")}
    return [_row(person, stays.get(person.pk), now) for person in people]


def _row(person: UserIdentity, stay: AccessGrant | None, now: datetime) -> Row:
    if stay is None:
        return Row(person, None, None, "")
    return Row(person, stay, row_words.life(stay, now), row_words.span(stay, now))
