"""Which doors somebody's card opens, and which of them hear late that it was taken back."""

from __future__ import annotations

from dataclasses import dataclass

from access.models import AcsEntrance, AcsUser


@dataclass(frozen=True, kw_only=True)
class Doors:
    #: Those that hear of changes by themselves.
    online: tuple[str, ...] = ()
    #: Those that decide by what is on the card; also those nobody said anything about.
    offline: tuple[str, ...] = ()


def of_user(user: AcsUser | None) -> Doors:
    """Return the doors of the groups this person is in or was not yet seen to have left."""
    if user is None:
        return Doors()
    found = list(
        AcsEntrance.objects.filter(
            groups__memberships__user=user, groups__removed_at=None, removed_at=None
        )
        .exclude(takes_card=False)
        .distinct()
        .order_by("name")
        .values_list("name", "is_wired")
    )
    return Doors(
        online=tuple(name for name, is_wired in found if is_wired),
        offline=tuple(name for name, is_wired in found if not is_wired),
    )
