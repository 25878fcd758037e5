"""Where somebody can be let in: rooms with all their doors, and single doors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Coalesce

from access.grants.asking import Target, TargetKind
from access.models import AcsEntrance
from accounts.actors import Actor
from accounts.models import Space
from accounts.permissions import Permission
from locks.models import Device

#: So many of a kind are offered at once.
_MOST = 8
#: More than this is cut off: so long a name does nothing have.
LONGEST_SEARCH = 100


@dataclass(frozen=True)
class Place:
    """Something that can be chosen."""

    target: Target
    name: str
    property_id: UUID
    #: What tells it from others of its name.
    note: str = ""

    @property
    def key(self) -> str:
        return self.target.key

    @property
    def is_space(self) -> bool:
        return self.target.kind == TargetKind.SPACE


def properties(actor: Actor) -> list[Space]:
    """Return the properties where somebody may let people in, by name."""
    rows = Space.objects.for_actor(actor).properties()
    ids = actor.property_ids_with(Permission.MANAGE_GRANTS)
    if ids is not None:
        rows = rows.filter(pk__in=ids)
    return sorted(rows, key=lambda row: row.name.casefold())


def target_of(key: str) -> Target | None:
    """Read `space:6ba7…`; None where it is no such thing."""
    kind, _, pk = key.partition(":")
    try:
        return Target(TargetKind(kind), UUID(pk))
    except ValueError:
        return None


# --- what is chosen -------------------------------------------------------------------


def chosen(targets: Iterable[Target], actor: Actor) -> list[Place]:
    """Return those of these that are there and seen by this person, in their order."""
    ids: dict[TargetKind, list[UUID]] = defaultdict(list)
    targets = list(dict.fromkeys(targets))
    for each in targets:
        ids[each.kind].append(each.id)
    found: dict[Target, Place] = {}
    if wanted := ids[TargetKind.SPACE]:
        rows = Space.objects.for_actor(actor).filter(pk__in=wanted)
        for space in rows:
            found |= _keyed(_of_space(space.pk, space.name, space.property_id or space.pk))
    if wanted := ids[TargetKind.DEVICE]:
        for device in _devices(actor).filter(pk__in=wanted):
            found |= _keyed(_of_device(device))
    if wanted := ids[TargetKind.ENTRANCE]:
        for entrance in _entrances(actor).filter(pk__in=wanted):
            found |= _keyed(_of_entrance(entrance))
    return [found[each] for each in targets if each in found]


def _keyed(place: Place) -> dict[Target, Place]:
    return {place.target: place}


def counted(places: Sequence[Place]) -> list[Place]:
    """Return the same, spaces with how many doors they have."""
    of = {each.property_id for each in places if each.is_space}
    counts = {pk: n for each in of for pk, n in _doors_inside(each, _inside(each)).items()}
    return [
        _of_space(each.target.id, each.name, each.property_id, counts.get(each.target.id, 0))
        if each.is_space
        else each
        for each in places
    ]


# --- what is offered ------------------------------------------------------------------


def search(actor: Actor, place: Space, text: str) -> list[Place]:
    """Return what fits these words in one property: spaces first, then doors."""
    words = text[:LONGEST_SEARCH].replace("\x00", "").casefold().split()
    named = Q()
    for word in words:
        named &= Q(name__icontains=word)
    devices = _devices(actor).filter(named, property=place).order_by("name", "pk")
    entrances = _entrances(actor).filter(named, system__property=place).order_by("name", "pk")
    return [
        *_spaces(place, words),
        *map(_of_device, devices[:_MOST]),
        *map(_of_entrance, entrances[:_MOST]),
    ]


def _spaces(place: Space, words: Sequence[str]) -> list[Place]:
    rows = _inside(place.pk)
    found = [row for row in rows if all(word in row.name.casefold() for word in words)]
    if not found:
        return []
    found.sort(key=lambda row: _rank(row, words))
    counts = _doors_inside(place.pk, rows)
    return [_of_space(row.pk, row.name, place.pk, counts.get(row.pk, 0)) for row in found[:_MOST]]


def _rank(space: Space, words: Sequence[str]) -> tuple[bool, int, str]:
    """A name that has a word as such goes before one that only has it inside another."""
    name = space.name.casefold()
    is_whole = bool(words) and set(words) <= set(name.split())
    return (not is_whole, len(name), name)


def _inside(property_id: UUID) -> list[Space]:
    """Return a property and the spaces in it."""
    return list(Space.objects.filter(Q(pk=property_id) | Q(property_id=property_id)))


def _doors_inside(property_id: UUID, rows: Sequence[Space]) -> dict[UUID, int]:
    """Return how many doors are inside each space of a property."""
    above = {row.pk: row.parent_id for row in rows}
    counts: dict[UUID, int] = defaultdict(int)
    devices = Device.objects.filter(property_id=property_id, removed_at=None)
    entrances = AcsEntrance.objects.filter(
        space__in=above, removed_at=None, system__removed_at=None, system__is_placed=True
    )
    here = [
        *devices.values_list(Coalesce("space", "property")).annotate(Count("pk")).order_by(),
        *entrances.values_list("space").annotate(Count("pk")).order_by(),
    ]
    for start, count in here:
        pk: UUID | None = start
        while pk is not None:
            counts[pk] += count
            pk = above.get(pk)
    return counts


def _devices(actor: Actor) -> QuerySet[Device]:
    return Device.objects.for_actor(actor).filter(removed_at=None).select_related("space")


def _entrances(actor: Actor) -> QuerySet[AcsEntrance]:
    rows = AcsEntrance.objects.for_actor(actor).filter(
        removed_at=None, system__removed_at=None, system__is_placed=True
    )
    return rows.select_related("space", "system")


def _of_space(pk: UUID, name: str, property_id: UUID, doors: int | None = None) -> Place:
    note = ""
    if doors is not None:
        note = f"{doors} door{'' if doors == 1 else 's'}" if doors else "no doors yet"
    return Place(Target(TargetKind.SPACE, pk), name, property_id, note)


def _of_device(device: Device) -> Place:
    note = f"door · {device.space.name}" if device.space else "door"
    return Place(Target(TargetKind.DEVICE, device.pk), device.name, device.property_id, note)


def _of_entrance(entrance: AcsEntrance) -> Place:
    note = f"door · {entrance.space.name if entrance.space else entrance.system.name}"
    target = Target(TargetKind.ENTRANCE, entrance.pk)
    return Place(target, entrance.name, entrance.system.property_id, note)
