"""When a method of another grant of the same person serves this grant, too.

A lock holds digits once, and a person has one card in a system. So where two stays follow one
another at a door, its PIN goes on instead of a second one beside it.
"""

from collections.abc import Iterable, Sequence

from access.planning.groups import Group, Spot
from access.planning.held import HeldMethod
from access.planning.windows import hull, touch


def newest_first(methods: Iterable[HeldMethod]) -> list[HeldMethod]:
    return sorted(methods, key=lambda each: (each.created_at, each.id), reverse=True)


def joined(spot: Spot, method: HeldMethod) -> Spot | None:
    """Return the spot as both grants want it; None where their windows leave a gap."""
    there = method.at(spot.door.id)
    if there is None or not touch(there.window, spot.window):
        return None
    return Spot(spot.door, hull(there.window, spot.window), also=there.window)


def as_one(spots: Sequence[Spot], others: Iterable[HeldMethod]) -> Group | None:
    """Return the method that may serve all these doors, where one window counts for all.

    That is a card, or a PIN that the provider makes: its person has one schedule. It must
    open just these doors, so that none of them gets a longer window than was asked for it.
    """
    doors = {spot.door.id for spot in spots}
    for other in newest_first(others):
        both = [each for each in (joined(spot, other) for spot in spots) if each]
        if len(both) != len(spots) or other.door_ids != doors or _outlives(other, both):
            continue
        group = Group.of_held(other, is_joined=True)
        for spot in both:
            group.add(spot)
        return group
    return None


def _outlives(method: HeldMethod, spots: Sequence[Spot]) -> bool:
    """Tell whether a window goes beyond the digits' own end."""
    end = method.digits_end_at
    return end is not None and any(
        spot.window.ends_at is None or spot.window.ends_at > end for spot in spots
    )
