"""Which access groups of a system open the entrances of a grant, and nothing besides.

Groups are made at the provider, never here: somebody gets into rooms by being put into some of
them. One that opens more than was granted is never taken.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class AccessGroup:
    """A group of one system, and the entrances that it opens."""

    id: UUID
    name: str
    entrance_ids: frozenset[UUID]


@dataclass(frozen=True, kw_only=True)
class Unreachable:
    """An entrance that no group opens without opening others, which were not granted."""

    entrance_id: UUID
    #: The group that opens the fewest others; None: none opens it at all.
    narrowest: AccessGroup | None = None
    others: frozenset[UUID] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Membership:
    """The groups somebody is to be in for a grant, in the order of their names."""

    groups: tuple[AccessGroup, ...] = ()
    unreachable: tuple[Unreachable, ...] = ()


def choose(
    wanted: Iterable[UUID],
    groups: Iterable[AccessGroup],
    *,
    opened: frozenset[UUID] = frozenset(),
    kept: frozenset[UUID] = frozenset(),
) -> Membership:
    """Return few groups that open together what is wanted, and nothing that is not.

    `opened`: what the person may open anyway, by other grants at least as long: a group may
    open that, too. `kept`: groups they are in for this grant already, taken before others, so
    that a plan made again moves nobody. Which groups are taken does not depend on their order.
    """
    missing = list(dict.fromkeys(wanted))
    allowed = frozenset(missing) | opened
    every = sorted(groups, key=lambda group: (group.name, group.id))
    fitting = [group for group in every if group.entrance_ids and group.entrance_ids <= allowed]
    taken = _covering(frozenset(missing), fitting, kept)
    reached = frozenset().union(*(group.entrance_ids for group in taken))
    return Membership(
        groups=tuple(group for group in every if group in taken),
        unreachable=tuple(_why(each, every, allowed) for each in missing if each not in reached),
    )


def _covering(
    wanted: frozenset[UUID], fitting: list[AccessGroup], kept: frozenset[UUID]
) -> list[AccessGroup]:
    """Take the group that opens most of what is left, again and again; then drop what is spare."""
    left, taken = wanted, list[AccessGroup]()
    while left:
        best = max(fitting, key=lambda group: _worth(group, left, kept), default=None)
        if best is None or not best.entrance_ids & left:
            break
        taken.append(best)
        left -= best.entrance_ids
    for group in list(taken):
        rest = [other.entrance_ids for other in taken if other is not group]
        if group.id not in kept and group.entrance_ids & wanted <= frozenset().union(*rest):
            taken.remove(group)
    return taken


def _worth(
    group: AccessGroup, left: frozenset[UUID], kept: frozenset[UUID]
) -> tuple[bool, int, int]:
    gain = len(group.entrance_ids & left)
    return bool(gain) and group.id in kept, gain, -len(group.entrance_ids)


def _why(entrance_id: UUID, groups: list[AccessGroup], allowed: frozenset[UUID]) -> Unreachable:
    opening = [group for group in groups if entrance_id in group.entrance_ids]
    if not opening:
        return Unreachable(entrance_id=entrance_id)
    narrowest = min(opening, key=lambda group: len(group.entrance_ids - allowed))
    return Unreachable(
        entrance_id=entrance_id,
        narrowest=narrowest,
        others=narrowest.entrance_ids - allowed,
    )
