"""Long lists by name, page by page: where a page ended, and what comes after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import CharField, Func, Q, QuerySet, Subquery
from django.db.models.functions import Lower

from access.models import AcsSystem
from locks.paging import CursorError

PAGE = 25


@dataclass(frozen=True)
class Page:
    rows: list[Any]
    #: After whom the next page begins; "" where there is none.
    after: str


class _Unindexed(Func):
    """The same text, of which no index knows."""

    template = "(%(expressions)s || '')"
    output_field = CharField()


def page_by_name(
    rows: QuerySet[Any],
    system: AcsSystem,
    after: str,
    *,
    name: str = "name",
    size: int = PAGE,
    is_narrow: bool = False,
) -> Page:
    """Return one page of a system's rows, by name whatever its case. One query.

    `after` is the id of the last one seen, so that no name stands in an address. `is_narrow`:
    an index finds the rows, and they are sorted afterwards; otherwise PostgreSQL may walk all
    names in their order, in the hope of soon having met a page of those wanted. Raises
    CursorError.
    """
    by = _Unindexed(Lower(name)) if is_narrow else Lower(name)
    rows = rows.annotate(sorted_by=by).order_by("sorted_by", "pk")
    if after:
        pk = _read(after)
        last = rows.model._default_manager.filter(system=system, pk=pk)
        at = Subquery(last.values(at=Lower(name)))
        # The first condition is the one that an index follows.
        rows = rows.filter(Q(sorted_by__gt=at) | Q(pk__gt=pk), sorted_by__gte=at)
    found = list(rows[: size + 1])
    return Page(found[:size], str(found[size - 1].pk) if len(found) > size else "")


def _read(cursor: str) -> UUID:
    try:
        return UUID(cursor)
    except ValueError:
        raise CursorError("invalid cursor") from None
