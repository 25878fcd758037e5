"""Reservation keys: who starts a stay, who joins it, whose cards it ends (facts/seam.md 7.6).

Seam has 400 for what can never be, and 409 for what another grant of the key stands against.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from uuid import UUID

from access.planning.asked import Reservation, Wish
from access.planning.choosing import Choice
from access.planning.outcome import Problem
from accounts.providers.systems import AccessMethod
from locks.codes.rules import Window, overlap

FIELD = "reservation_key"


def problems_of(wish: Wish, choices: Sequence[Choice]) -> Iterator[Problem]:
    """Yield what stands against the reservation, or against having none."""
    doors = {each.door.id: each.door for each in choices if each.door.can_belong_to_reservation}
    if not wish.reservation_key:
        cards = [each for each in choices if AccessMethod.CARD in each.modes]
        if not wish.person.is_staff and any(each.door.id in doors for each in cards):
            sentence = "a guest’s card for these doors needs a reservation key"
            yield Problem(field=FIELD, sentence=sentence)
        return
    if not doors:
        yield Problem(field=FIELD, sentence="none of these doors can belong to a reservation")
    elif wish.reservation:
        yield from _conflicts(wish.reservation, wish.window, frozenset(doors))


def _conflicts(stay: Reservation, window: Window, doors: frozenset[UUID]) -> Iterator[Problem]:
    if stay.is_first and stay.door_ids and doors != stay.door_ids:
        sentence = "the first grant of a reservation fixes its doors: they cannot be changed"
        yield Problem(field="doors", sentence=sentence, status=409)
    if not stay.is_first and not doors <= stay.door_ids:
        sentence = "a grant that joins a reservation cannot have more doors than its first one"
        yield Problem(field="doors", sentence=sentence, status=409)
    meets = [overlap(window, each, apart=timedelta(0)) for each in stay.windows]
    # Who joins has to meet the stay; its first grant has to go on meeting all who joined.
    if meets and not (all(meets) if stay.is_first else any(meets)):
        sentence = "times must overlap with the other grants of this reservation"
        yield Problem(field="starts_at", sentence=sentence, status=409)


def notes_of(wish: Wish, choices: Sequence[Choice]) -> Iterator[str]:
    """Yield whose cards stop working once this one is used."""
    if not wish.reservation_key:
        return
    ended = [
        each.door.name
        for each in choices
        if each.door.can_belong_to_reservation and each.door.held_by - {wish.reservation_key}
    ]
    if ended:
        names = ", ".join(sorted(ended))
        yield f"Starts a new stay: cards of earlier guests stop opening {names}."
