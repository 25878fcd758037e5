"""Which card is right for somebody: first, update or replace; and why the others are not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from access.models import AcsCredential, AcsUser
from access.states import Intent


@dataclass(frozen=True, kw_only=True)
class Offer:
    """One of the station's buttons."""

    intent: Intent
    is_offered: bool
    #: A sentence, where it is not offered.
    why_not: str = ""
    #: The card it is about: the one written again, or the one that stops working.
    credential: AcsCredential | None = None
    #: What stops working, in a sentence.
    stops: str = ""


@dataclass(frozen=True, kw_only=True)
class Offers:
    """What can be done for one person now."""

    first: Offer
    update: Offer
    replace: Offer
    tag: Offer
    #: Why nothing can be done at all; "" where something can.
    blocked: str = ""
    #: Where it is put right: "user", "groups", "system", "entrances" or "".
    blocked_by: str = ""
    #: The one to have the focus: never the destructive one.
    best: Intent | None = None
    #: Offline doors that the card which stops working opens until a list reaches them.
    offline_doors: tuple[str, ...] = ()

    def of(self, intent: Intent) -> Offer:
        """Return the offer of one intent. Raises KeyError for reading, which is nobody's."""
        return {each.intent: each for each in (self.first, self.update, self.replace, self.tag)}[
            intent
        ]


def offers(user: AcsUser, now: datetime) -> Offers:
    """Say what the station can do for a user. Asks the database, calls nobody."""
    raise NotImplementedError
