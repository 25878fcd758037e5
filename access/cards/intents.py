"""Which card is right for somebody: first, update or replace; and why the others are not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, QuerySet

from access.cards import checks, doors
from access.models import AcsCredential, AcsUser
from access.models.credentials import ON_A_CARD
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
    #: How sure that is, in a sentence; "" where it is.
    doors_note: str = ""

    def of(self, intent: Intent) -> Offer:
        """Return the offer of one intent. Raises KeyError for reading, which is nobody's."""
        return {each.intent: each for each in (self.first, self.update, self.replace, self.tag)}[
            intent
        ]


def offers(user: AcsUser, now: datetime) -> Offers:
    """Say what the station can do for a user. Asks the database, calls nobody."""
    obstacle = checks.of_system(user.system) or checks.of_user(user, now) or checks.of_rights(user)
    if obstacle:
        return _nothing(obstacle)
    if user.system.assigns_tags:
        return _tags()
    if not user.system.writes_cards:
        sentence = "This kind of system has no cards that can be made here."
        return _nothing(checks.Obstacle(sentence=sentence, about="system"))
    return _cards(user, issued_card(user))


#: Whoever made a card outside is asked to cancel it: we do not touch it.
MADE_OUTSIDE = "This card was made outside Lockboard. Cancel it where it was made."


def cards_of(user: AcsUser) -> QuerySet[AcsCredential]:
    cards: QuerySet[AcsCredential] = AcsCredential.objects.filter(ON_A_CARD, user=user)
    return cards


def issued_card(user: AcsUser) -> AcsCredential | None:
    """Return the card this person has: written, and not taken back."""
    return cards_of(user).order_by(F("issued_at").desc(nulls_last=True), "-created_at").first()


def _nothing(obstacle: checks.Obstacle) -> Offers:
    first, update, replace, tag = (
        Offer(intent=intent, is_offered=False, why_not=obstacle.sentence)
        for intent in (Intent.FIRST, Intent.UPDATE, Intent.REPLACE, Intent.TAG)
    )
    return Offers(
        first=first,
        update=update,
        replace=replace,
        tag=tag,
        blocked=obstacle.sentence,
        blocked_by=obstacle.about,
    )


def _tags() -> Offers:
    why_not = "In Salto KS nothing is written on cards: a tag is given to somebody."
    first, update, replace = (
        Offer(intent=intent, is_offered=False, why_not=why_not)
        for intent in (Intent.FIRST, Intent.UPDATE, Intent.REPLACE)
    )
    tag = Offer(intent=Intent.TAG, is_offered=True)
    return Offers(first=first, update=update, replace=replace, tag=tag, best=Intent.TAG)


def _cards(user: AcsUser, card: AcsCredential | None) -> Offers:
    tag = Offer(
        intent=Intent.TAG, is_offered=False, why_not="In Salto Space cards are written, not given."
    )
    if card is None:
        none = f"{user.full_name} has no card yet."
        return Offers(
            first=Offer(intent=Intent.FIRST, is_offered=True),
            update=Offer(intent=Intent.UPDATE, is_offered=False, why_not=none),
            replace=Offer(intent=Intent.REPLACE, is_offered=False, why_not=none),
            tag=tag,
            best=Intent.FIRST,
        )
    name = f"The card …{card.last_four}" if card.card_number else "The card"
    opened = doors.of_card(card)
    return Offers(
        first=Offer(
            intent=Intent.FIRST,
            is_offered=False,
            why_not=(
                "This person already has a card. Update that card, or report it lost and replace "
                "it."
            ),
            credential=card,
        ),
        update=Offer(intent=Intent.UPDATE, is_offered=True, credential=card),
        replace=Offer(
            intent=Intent.REPLACE,
            is_offered=card.is_managed,
            why_not="" if card.is_managed else MADE_OUTSIDE,
            credential=card,
            stops=f"{name} stops working.",
        ),
        tag=tag,
        best=Intent.UPDATE,
        offline_doors=opened.offline,
        doors_note=opened.note,
    )
