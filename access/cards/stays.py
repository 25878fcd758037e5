"""Cards that were written for another stay than their person's now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from access.cards import doors, intents
from access.models import AcsCredential, AcsUser
from access.people import stays
from access.people.opening import MOST_IN_A_SENTENCE, in_words


@dataclass(frozen=True, kw_only=True)
class Stay:
    """Until when a card opens, where that is not as it should be."""

    card: AcsCredential
    sentence: str
    #: The offline doors, `Office, Room 101 and 3 more`.
    doors: str
    note: str = ""
    #: Doors of which `doors` says only how many there are.
    more_doors: tuple[str, ...] = ()


def of(cards: Iterable[AcsCredential], now: datetime) -> list[Stay]:
    """Return what is to be said of these cards: mostly nothing, and then the database is not asked.

    Needs the rows `system`, with its property, and `user`.
    """
    written = [card for card in cards if card.system.writes_cards]
    return [stay for card in written if stays.is_of_another(card, now) and (stay := _of(card, now))]


def of_user(user: AcsUser, now: datetime) -> list[Stay]:
    """Return what is to be said of the card somebody has. Needs the row `system`."""
    card = intents.issued_card(user)
    if card is None or user.is_suspended or user.delete_asked_at:
        return []
    card.user, card.system = user, user.system
    return of([card], now)


def _of(card: AcsCredential, now: datetime) -> Stay | None:
    late = doors.of_card(card).offline
    said = stays.sentence(card, card.system.property.zone, now)
    if not said or not late:
        return None  # wired doors hear of another end by themselves
    return Stay(
        card=card,
        sentence=said,
        doors=in_words(late),
        note=doors.wiring_note(card.system),
        more_doors=late[MOST_IN_A_SENTENCE:],
    )
