"""Cards that are lost, and cards that are given back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from access.models import AcsCredential
from accounts.actors import Actor


@dataclass(frozen=True, kw_only=True)
class LostReport:
    """What a lost or returned card still opens, and until when."""

    person: str
    last_four: str
    #: Doors that learn of it late: they decide by what is on the card.
    offline_doors: tuple[str, ...] = ()
    #: Doors that know at once.
    online_doors: tuple[str, ...] = ()
    #: What happens, in whole sentences.
    sentences: tuple[str, ...] = ()
    #: Whether a card in its place can be made now.
    can_replace: bool = False


def consequences(credential: AcsCredential, *, returned: bool = False) -> LostReport:
    """Say what cancelling this card means, before anybody decides. Changes nothing."""
    raise NotImplementedError


def lost(credential: AcsCredential, *, by: Actor, at: datetime) -> LostReport:
    """Report a card lost: its credential is withdrawn. Raises RefusedError, PermissionDenied."""
    raise NotImplementedError


def returned(
    credential: AcsCredential, *, erase: bool = False, by: Actor, at: datetime
) -> LostReport:
    """Take a card back: its credential is withdrawn. Raises RefusedError, PermissionDenied.

    With `erase` where cards cannot be erased from here, the report's sentences say how it is
    done; the card is withdrawn all the same.
    """
    raise NotImplementedError
