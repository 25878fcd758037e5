"""Which doors somebody's card opens, and which of them hear late that it was taken back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from django.db.models import Q

from access import carrying
from access.models import AcsCredential, AcsEntrance, AcsSystem, AcsUser

_UNSAID = "Nobody has said which of these doors are wired, so all are taken for offline."


@dataclass(frozen=True, kw_only=True)
class Doors:
    #: Those that hear of changes by themselves.
    online: tuple[str, ...] = ()
    #: Those that decide by what is on the card; also those nobody said anything about.
    offline: tuple[str, ...] = ()
    ids: tuple[UUID, ...] = ()
    #: How sure that is, in a sentence; "" where it is.
    note: str = ""


def of_user(user: AcsUser | None) -> Doors:
    """Return the doors of the groups this person is in or was not yet seen to have left."""
    return _doors(_of_groups(user)) if user else Doors()


def of_card(card: AcsCredential) -> Doors:
    """Return the doors a card was written for and those of its person's groups now.

    A card that carries its rights opens the former until it is written again, and a wall
    reader may have given it the latter.
    """
    if not card.system.writes_cards:
        return of_user(card.user)
    opened = Q(pk__in=card.written_doors or ())
    if card.user:
        opened |= _of_groups(card.user)
    found = _doors(opened)
    return replace(found, note=carrying.note(card, found.ids))


def _of_groups(user: AcsUser) -> Q:
    return Q(groups__memberships__user=user, groups__removed_at=None, removed_at=None)


def _doors(opened: Q) -> Doors:
    rows = AcsEntrance.objects.filter(opened).exclude(takes_card=False).distinct()
    found = list(rows.order_by("name").values_list("name", "is_wired", "pk"))
    return Doors(
        ids=tuple(pk for _, _, pk in found),
        online=tuple(name for name, is_wired, _ in found if is_wired),
        offline=tuple(name for name, is_wired, _ in found if not is_wired),
    )


def wiring_note(system: AcsSystem) -> str:
    """Return what to add where offline doors are named; "" where somebody said of any."""
    known = AcsEntrance.objects.filter(system=system, removed_at=None, is_wired__isnull=False)
    return "" if known.exists() else _UNSAID
