"""What an act on somebody will do, told before it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from access import carrying
from access.models import AcsCredential, AcsEntrance, AcsUser
from access.people import words
from access.people.opening import MOST_IN_A_SENTENCE, in_words, is_late
from access.states import Phase
from accounts.providers.systems import AccessMethod


@dataclass(frozen=True)
class Consequence:
    text: str
    #: Doors of which the text says only how many there are.
    more_doors: tuple[str, ...] = ()


#: Inferred: how soon a mobile key follows a change is not published.
PHONE_LAGS = "A phone that is offline may open offline doors until it hears of it."


def of_suspending(
    user: AcsUser, cards: Sequence[AcsCredential], doors: Sequence[AcsEntrance], now: datetime
) -> list[Consequence]:
    brand = words.brand_of(user.system)
    things = f"{words.thing(user.system)}s"
    text = f"{user.full_name} is suspended in {brand}. Groups, schedule and {things} stay."
    said = [Consequence(text)]
    said += _doors_that_follow(user, cards, doors, now)
    said.append(Consequence("You can let them in again at any time."))
    return said


def of_unsuspending(
    user: AcsUser, cards: Sequence[AcsCredential], now: datetime
) -> list[Consequence]:
    brand = words.brand_of(user.system)
    text = f"{user.full_name} is let in again in {brand}, by the same groups and schedule."
    said = [Consequence(text)]
    if user.system.writes_cards and words.holds_card(cards, now):
        said.append(Consequence("If their card is refused, write it again at the desk."))
    return said


def of_deleting(
    user: AcsUser, cards: Sequence[AcsCredential], doors: Sequence[AcsEntrance], now: datetime
) -> list[Consequence]:
    brand = words.brand_of(user.system)
    things = "PIN; their tags can be given to others" if user.system.assigns_tags else "card"
    said = [Consequence(f"{user.full_name} is deleted from {brand}, with every {things}.")]
    said += _doors_that_follow(user, cards, doors, now)
    if user.system.assigns_tags:
        said.append(Consequence("Their seat is free again."))
    text = "This cannot be undone. They stay in this list until they were seen gone."
    said.append(Consequence(text))
    return said


def _doors_that_follow(
    user: AcsUser, cards: Sequence[AcsCredential], doors: Sequence[AcsEntrance], now: datetime
) -> list[Consequence]:
    """Which doors know at once, and which a card in somebody's hand still opens."""
    brand = words.brand_of(user.system)
    if user.system.assigns_tags:
        text = "Doors hear of it from the cloud; one that is not connected, when it is again."
        return [Consequence(text)]
    if not user.system.writes_cards:
        return [Consequence(f"Doors follow when {brand} tells them.")]
    phones = [Consequence(PHONE_LAGS)] if _has_mobile_key(cards) else []
    return [*_doors_that_follow_cards(cards, doors, now, has_phone=bool(phones)), *phones]


def _has_mobile_key(credentials: Sequence[AcsCredential]) -> bool:
    keys = (each for each in credentials if each.access_method == AccessMethod.MOBILE_KEY)
    return any(each.phase != Phase.GONE for each in keys)


def _doors_that_follow_cards(
    cards: Sequence[AcsCredential],
    doors: Sequence[AcsEntrance],
    now: datetime,
    *,
    has_phone: bool,
) -> list[Consequence]:
    carried = words.carried(cards, now)
    if not carried and has_phone:
        return []
    if not carried:
        return [Consequence("They hold no card that was written, so no door has to be told.")]
    late = tuple(door.name for door in doors if is_late(door))
    notes = {carrying.note(card, [door.pk for door in doors]) for card in carried}
    if not late:
        return [Consequence("All their doors are wired: they know as soon as Salto tells them.")]
    return [
        Consequence(
            "Salto is told; the card in their hand is not. Until it is held to a wall reader"
            f" that updates cards, or its time is over, it may still open {in_words(late)}.",
            more_doors=late[MOST_IN_A_SENTENCE:],
        ),
        *(Consequence(text) for text in sorted(notes - {""})),
        Consequence("Take the card back if you can."),
    ]
