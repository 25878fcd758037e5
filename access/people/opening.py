"""Which doors some groups open: shown before and after they are chosen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from access.models import AcsAccessGroup, AcsEntrance, AcsSystem

#: Doors named one by one; the rest is counted.
MOST_NAMED = 60
#: Doors named in a sentence; whoever wants all of them opens a list below it.
MOST_IN_A_SENTENCE = 6


@dataclass(frozen=True)
class Doors:
    """The doors of some groups together, by name."""

    named: list[AcsEntrance]
    count: int
    #: Doors that do not hear of changes by themselves, or of which nobody knows.
    offline: int
    #: Whether of any of them somebody said how it hears of changes.
    is_anything_known: bool = True
    #: Whether there may be some, in groups whose doors were not read yet.
    is_unread: bool = False

    @property
    def more(self) -> int:
        return self.count - len(self.named)

    @property
    def words(self) -> str:
        """`7 doors`."""
        return f"{self.count} door{'' if self.count == 1 else 's'}"


def doors_of(system: AcsSystem, group_ids: Iterable[UUID]) -> Doors:
    """Return the doors these groups of a system open, each once."""
    ids = list(group_ids)
    if not ids:
        return Doors([], 0, 0)
    rows = AcsEntrance.objects.filter(system=system, removed_at=None, groups__in=ids).distinct()
    # Two thousand at most, of which the names are all that is read.
    found = sorted(rows, key=lambda door: door.name.casefold())
    if not found:
        unread = AcsAccessGroup.objects.filter(system=system, pk__in=ids, read_at=None)
        return Doors([], 0, 0, is_unread=unread.exists())
    offline = sum(is_late(door) for door in found) if system.writes_cards else 0
    is_known = any(door.is_wired is not None for door in found)
    return Doors(found[:MOST_NAMED], len(found), offline, is_known)


def is_late(entrance: AcsEntrance) -> bool:
    """Tell whether a door may learn of a change late. What is not known is taken for offline."""
    return entrance.is_wired is not True


def in_words(names: Sequence[str]) -> str:
    """`Room 1, Room 2 and Room 3`; of many the first, `and 3 more`."""
    told, last = names[:MOST_IN_A_SENTENCE], f"{len(names) - MOST_IN_A_SENTENCE} more"
    if len(names) <= MOST_IN_A_SENTENCE:
        told, last = names[:-1], names[-1] if names else ""
    return " and ".join(filter(None, [", ".join(told), last]))
