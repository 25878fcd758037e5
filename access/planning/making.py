"""New digits, the same for as many doors as their rules allow."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from access.planning.asked import MakeDigits
from access.planning.groups import Spot
from accounts.providers.codes import CodeRules
from locks.codes.rules import RuleError

#: Tries to find digits that are free on all of several doors.
_TRIES = 50
#: What counts where a lock does not say what it takes, as when it is offline.
_ANY = CodeRules(lengths=tuple(range(4, 10)))


def rules_of(spot: Spot) -> CodeRules:
    return spot.door.codes or _ANY


def alike(spots: Sequence[Spot]) -> list[list[Spot]]:
    """Return the doors in few parts, each with digits that all of it takes."""
    parts: list[list[Spot]] = []
    for spot in spots:
        fitting = (part for part in parts if _together([*part, spot]))
        part = next(fitting, None)
        if part is None:
            parts.append([spot])
        else:
            part.append(spot)
    return parts


def _together(spots: Sequence[Spot]) -> CodeRules | None:
    """Return rules that satisfy all of these, or None where no number of digits does."""
    accepted = [rules_of(spot) for spot in spots]
    lengths = set(accepted[0].lengths).intersection(*(each.lengths for each in accepted))
    if not lengths:
        return None
    constraints = frozenset().union(*(each.constraints for each in accepted))
    return replace(accepted[0], lengths=tuple(sorted(lengths)), constraints=constraints)


def made(spots: Sequence[Spot], make: MakeDigits, fits: Callable[[Spot, str], bool]) -> str:
    """Return new digits that fit all of these doors, or ""."""
    accepted = _together(spots)
    if accepted is None:
        return ""
    with suppress(RuleError):
        for _ in range(_TRIES):
            digits = make(accepted)
            if all(fits(spot, digits) for spot in spots):
                return digits
    return ""
