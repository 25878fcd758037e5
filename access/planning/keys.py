"""Which card or key opens which door: one of each kind per system, one web key for all."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from access.planning import joining
from access.planning.groups import Group, Spot
from access.planning.held import HeldMethod, Holding
from accounts.providers.systems import AccessMethod


def place(
    mode: AccessMethod, spots: Iterable[Spot], held: Holding, others: Sequence[HeldMethod]
) -> list[Group]:
    """Return the cards or keys of these doors. Their order makes no difference."""
    by_system: dict[UUID | None, list[Spot]] = {}
    for spot in sorted(spots, key=lambda each: (each.door.name, each.door.id)):
        by_system.setdefault(system_of(mode, spot), []).append(spot)
    return [
        group
        for system, here in sorted(by_system.items(), key=lambda item: str(item[0]))
        for group in _in_system(mode, system, here, held, others)
    ]


def system_of(mode: AccessMethod, spot: Spot) -> UUID | None:
    return None if mode == AccessMethod.CLOUD_KEY else spot.door.system_id


def _in_system(
    mode: AccessMethod,
    system: UUID | None,
    spots: Sequence[Spot],
    held: Holding,
    others: Sequence[HeldMethod],
) -> list[Group]:
    here = {each.id: Group.of_held(each) for each in held.in_system(mode, system)}
    if not here:
        return [_joined(mode, system, spots, others) or _new(mode, system, spots)]
    first = next(iter(here.values()))
    for spot in spots:
        method = held.of(mode, spot.door.id)
        (here.get(method.id, first) if method else first).add(spot)
    return [group for group in here.values() if group.spots]


def _joined(
    mode: AccessMethod, system: UUID | None, spots: Sequence[Spot], others: Sequence[HeldMethod]
) -> Group | None:
    """Return the card that the person has in this system already, if it may serve."""
    if mode != AccessMethod.CARD:
        return None
    cards = [each for each in others if each.mode == mode and each.system_id == system]
    return joining.as_one(spots, cards)


def _new(mode: AccessMethod, system: UUID | None, spots: Sequence[Spot]) -> Group:
    group = Group(mode=mode, system_id=system)
    for spot in spots:
        group.add(spot)
    return group
