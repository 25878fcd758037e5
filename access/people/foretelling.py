"""What an act on somebody will do, told before it is done."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from access.models import AcsCredential, AcsEntrance, AcsUser
from access.people import words
from access.people.opening import is_late, names


def of_suspending(
    user: AcsUser, cards: Sequence[AcsCredential], doors: Sequence[AcsEntrance], now: datetime
) -> list[str]:
    brand = words.brand_of(user.system)
    said = [f"{user.full_name} is suspended in {brand}. Groups, schedule and cards stay."]
    said += _doors_that_follow(user, cards, doors, now)
    said.append("You can let them in again at any time.")
    return said


def of_unsuspending(user: AcsUser, cards: Sequence[AcsCredential], now: datetime) -> list[str]:
    brand = words.brand_of(user.system)
    said = [f"{user.full_name} is let in again in {brand}, by the same groups and schedule."]
    if user.system.writes_cards and words.holds_card(cards, now):
        said.append("If their card is refused, write it again at the desk.")
    return said


def of_deleting(
    user: AcsUser, cards: Sequence[AcsCredential], doors: Sequence[AcsEntrance], now: datetime
) -> list[str]:
    brand = words.brand_of(user.system)
    said = [f"{user.full_name} is deleted from {brand}, with every card and PIN."]
    said += _doors_that_follow(user, cards, doors, now)
    if user.system.assigns_tags:
        said.append("Their seat is free again.")
    said.append("This cannot be undone. They stay in this list until they were seen gone.")
    return said


def _doors_that_follow(
    user: AcsUser, cards: Sequence[AcsCredential], doors: Sequence[AcsEntrance], now: datetime
) -> list[str]:
    """Which doors know at once, and which a card in somebody's hand still opens."""
    brand = words.brand_of(user.system)
    if user.system.assigns_tags:
        return ["Doors hear of it through the IQ, the ones that are offline when they are back."]
    if not user.system.writes_cards:
        return [f"Doors follow when {brand} tells them."]
    if not words.holds_card(cards, now):
        return ["They hold no card that was written, so no door has to be told."]
    late = [door for door in doors if is_late(door)]
    if not late:
        return ["All their doors are wired: they know as soon as Salto tells them."]
    return [
        f"The card is cancelled in Salto; offline doors follow when they are updated. Until then"
        f" it may still open {names(late)}.",
        "Take the card back if you can.",
    ]
