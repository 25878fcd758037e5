"""How many people, doors and groups: for lists, each by one query for all rows of a page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, Model, Q

from access.models import (
    AcsAccessGroup,
    AcsEncoder,
    AcsEntrance,
    AcsMembership,
    AcsSystem,
    AcsUser,
)
from access.states import Phase


@dataclass
class Counts:
    people: int = 0
    groups: int = 0
    entrances: int = 0
    encoders: int = 0


def counts_of(systems: Sequence[AcsSystem]) -> dict[UUID, Counts]:
    """Return the counts of each system, by four queries."""
    found: dict[UUID, Counts] = defaultdict(Counts)
    kinds: tuple[tuple[str, type[Model], Q], ...] = (
        ("people", AcsUser, ~Q(phase=Phase.GONE)),
        ("groups", AcsAccessGroup, Q(removed_at=None)),
        ("entrances", AcsEntrance, Q(removed_at=None)),
        ("encoders", AcsEncoder, Q(removed_at=None)),
    )
    for name, model, which in kinds:
        rows = model._default_manager.filter(which, system__in=systems)
        for pk, count in rows.values_list("system").annotate(Count("pk")).order_by():
            setattr(found[pk], name, count)
    return found


@dataclass(frozen=True)
class Row:
    """A group or a door in a list, and how many hang on it."""

    thing: Any
    doors: int = 0
    people: int = 0
    groups: int = 0


def of_groups(groups: Sequence[AcsAccessGroup]) -> list[Row]:
    doors = _counted(AcsAccessGroup.entrances.through, "acsaccessgroup_id", groups)
    people = _counted(AcsMembership, "group_id", groups, Q(is_wanted=True) | Q(is_seen=True))
    return [Row(each, doors=doors[each.pk], people=people[each.pk]) for each in groups]


def of_entrances(entrances: Sequence[AcsEntrance]) -> list[Row]:
    groups = _counted(AcsAccessGroup.entrances.through, "acsentrance_id", entrances)
    return [Row(each, groups=groups[each.pk]) for each in entrances]


def _counted(
    model: type[Any], column: str, things: Sequence[Any], which: Q | None = None
) -> dict[UUID, int]:
    rows = model._default_manager.filter(
        which or Q(), **{f"{column}__in": [each.pk for each in things]}
    )
    told = rows.values_list(column).annotate(Count("pk")).order_by()
    return defaultdict(int, dict(told))
