"""Why a card could not be made or read: what to say, what it means, what comes next.

The rows and their words are those of facts/salto_space.md 6.1. A failure whose content is not
`UNCHANGED` leaves a card that nobody may hand out before it was read or written again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from access.cards import tag_words
from access.cards.job_view import NextKind as Next
from access.states import JobKind
from accounts.providers.systems import CardFailure as Why


class Content(Enum):
    """What a failure says about the piece of plastic."""

    UNCHANGED = "unchanged"
    #: The same card may be written again; until then it opens nothing for sure.
    HALF_WRITTEN = "half_written"
    #: Only evidence or a person ends the doubt.
    UNKNOWN = "unknown"
    #: Written, and not as the system has it.
    WRONG = "wrong"


@dataclass(frozen=True, kw_only=True)
class Row:
    headline: str
    #: May name {encoder}, {message}, {reference} and {fields}.
    sentence: str
    content: Content = Content.UNCHANGED
    #: In order; the first that is possible is the one with the focus.
    steps: tuple[Next, ...] = (Next.TRY_AGAIN,)
    #: Before "Try again" may be pressed, for the first, second … such failure in a row.
    wait_seconds: tuple[int, ...] = ()
    #: Whether it speaks against the encoder.
    is_of_encoder: bool = False
    #: What "Try again" is called.
    again: str = "Try again"
    #: In a batch: the next person may still work although this one did not.
    stops_batch: bool = True


_UNCERTAIN = (Next.READ, Next.DISCARD)
_NO_ANSWER = "Don’t hand this card out"

ROWS: dict[Why, Row] = {
    Why.NO_CARD: Row(
        headline="No card was found",
        sentence=(
            "No card was placed on {encoder} in time. Press Try again, then put the card flat on "
            "the encoder."
        ),
        stops_batch=False,
    ),
    Why.MISPLACED: Row(
        headline="The card was not lying right",
        sentence="The card was not lying right. Centre one single card and keep still.",
        stops_batch=False,
    ),
    Why.INTERRUPTED: Row(
        headline=_NO_ANSWER,
        sentence=(
            "The card was lifted too early. Don’t hand it out. Put the same card back and try "
            "again."
        ),
        content=Content.HALF_WRITTEN,
        steps=(Next.TRY_AGAIN, Next.DISCARD),
        again="Try again with the same card",
        stops_batch=False,
    ),
    Why.BAD_CARD: Row(
        headline="Take another card",
        sentence=(
            "This card cannot be used here (wrong type, another system’s, or damaged). Take a new "
            "blank."
        ),
        again="Try again with another card",
        stops_batch=False,
    ),
    Why.CARD_FULL: Row(
        headline="It does not fit on the card",
        sentence=(
            "This person’s rights do not fit on this card. Use a larger card or reduce door list."
        ),
        steps=(Next.OPEN_USER, Next.TRY_AGAIN),
        again="Try again with a larger card",
    ),
    Why.CARD_OF_OTHER: Row(
        headline="Take another card",
        sentence=("This card already belongs to someone else. Use another card or erase it first."),
        steps=(Next.TRY_AGAIN, Next.READ),
        again="Try again with another card",
        stops_batch=False,
    ),
    Why.STAFF_CARD: Row(
        headline="Take another card",
        sentence="That is a valid staff card. Take it off and use a guest blank.",
        again="Try again with another card",
        stops_batch=False,
    ),
    Why.HAS_KEY: Row(
        headline="There is a card already",
        sentence=(
            "This person already has a card. Update that card, or report it lost and replace it."
        ),
        steps=(Next.UPDATE, Next.REPLACE),
    ),
    Why.NO_KEY_TO_UPDATE: Row(
        headline="There is nothing to update",
        sentence="There is no current card/stay to update. Make a new card.",
        steps=(Next.FIRST,),
    ),
    Why.OTHER_CARD: Row(
        headline="This is another card",
        sentence=(
            "This person’s right is on another card. Put that card on the encoder, or report it "
            "lost and replace it."
        ),
        steps=(Next.TRY_AGAIN, Next.READ, Next.REPLACE),
        again="Try again with the right card",
    ),
    Why.CREDENTIAL_GONE: Row(
        headline="The request was withdrawn",
        sentence="This card request was withdrawn meanwhile. Start again.",
        again="Start again",
    ),
    Why.ENCODER_OFFLINE: Row(
        headline="The encoder does not answer",
        sentence=(
            "{encoder} encoder is not answering. Check power and network cable, or choose another "
            "encoder."
        ),
        steps=(Next.OTHER_ENCODER, Next.TRY_AGAIN),
        is_of_encoder=True,
    ),
    Why.ENCODER_UNINIT: Row(
        headline="The encoder is not set up",
        sentence=("The encoder must be initialised in ProAccess Space (System > Salto Network)."),
        steps=(Next.OTHER_ENCODER, Next.TRY_AGAIN),
        is_of_encoder=True,
    ),
    Why.ENCODER_MISSING: Row(
        headline="The encoder was removed",
        sentence="That encoder was removed. Choose another.",
        steps=(Next.OTHER_ENCODER,),
        is_of_encoder=True,
    ),
    Why.ENCODER_BUSY: Row(
        headline="The encoder is busy",
        sentence="Encoder is in use by another operation. Wait a few seconds.",
        steps=(Next.TRY_AGAIN, Next.OTHER_ENCODER),
        wait_seconds=(3, 6, 12),
        is_of_encoder=True,
    ),
    Why.COMMS_TIMEOUT: Row(
        headline=_NO_ANSWER,
        sentence=(
            "We lost contact with the encoder while working. Read the card before giving it out."
        ),
        content=Content.UNKNOWN,
        steps=_UNCERTAIN,
        is_of_encoder=True,
    ),
    Why.BRIDGE_DOWN: Row(
        headline="The Salto server cannot be reached",
        sentence=(
            "The link to the Salto server is down (Seam Bridge). Cards can’t be made until it is "
            "back."
        ),
        content=Content.UNKNOWN,
        steps=(Next.READ, Next.DISCARD, Next.TRY_AGAIN),
    ),
    Why.USER_LOCKED: Row(
        headline="Somebody else has this person open",
        sentence="This person is being edited in Salto right now. Try again shortly.",
        wait_seconds=(5,),
    ),
    Why.ROOM_LOCKED: Row(
        headline="Another station is at work",
        sentence="Another station is making a card for this room.",
        wait_seconds=(5,),
    ),
    Why.ROOM_BAD: Row(
        headline="Salto does not know the room",
        sentence="Room unknown / out of service in Salto.",
        steps=(Next.OPEN_USER, Next.TRY_AGAIN),
    ),
    Why.RULE: Row(
        headline="Salto refuses",
        sentence="Salto refuses: dates or access level not allowed for this person.",
        steps=(Next.OPEN_USER, Next.TRY_AGAIN),
    ),
    Why.LICENCE: Row(
        headline="Salto refuses",
        sentence="The Salto licence does not cover this.",
    ),
    Why.POOL_FULL: Row(
        headline="Salto has no keys left",
        sentence=(
            "No more keys can be issued (denylist/number space full). Call your Salto partner."
        ),
    ),
    Why.SERVER_DB: Row(
        headline="The Salto server is in trouble",
        sentence="The Salto server has a database problem.",
    ),
    Why.CANCELLED: Row(
        headline="Cancelled",
        sentence="Cancelled at the encoder/server.",
    ),
    Why.EXPIRED: Row(
        headline=_NO_ANSWER,
        sentence=("The request was not finished in time. Read the card before giving it out."),
        content=Content.UNKNOWN,
        steps=_UNCERTAIN,
    ),
    Why.PROTOCOL: Row(
        headline="Technical error",
        sentence="Technical error, reference {reference}.",
    ),
    Why.UNKNOWN_ERROR: Row(
        headline=_NO_ANSWER,
        sentence=(
            "It did not work: {message}. Read the card; try once more; else call support with "
            "{reference}."
        ),
        content=Content.UNKNOWN,
        steps=_UNCERTAIN,
    ),
    Why.NOT_FOUND: Row(
        headline="The tag is not registered",
        sentence="No registered card has that number. Register it first.",
        steps=(Next.ASSIGN, Next.TRY_AGAIN),
    ),
    Why.WAIT_OVER: Row(
        headline=_NO_ANSWER,
        sentence="Still no answer. Don’t give the card out; we keep checking.",
        content=Content.UNKNOWN,
        steps=_UNCERTAIN,
    ),
    Why.VERIFY_FAIL: Row(
        headline=_NO_ANSWER,
        sentence="Card and system disagree on: {fields}. Re-encode this card.",
        content=Content.WRONG,
        steps=(Next.UPDATE,),
        again="Write this card again",
    ),
    Why.FOREIGN_ON_SCAN: Row(
        headline="Not one of ours",
        sentence="Not one of ours, or made outside this dashboard.",
        steps=(Next.READ,),
    ),
    Why.BLANK_ON_SCAN: Row(
        headline="Blank",
        sentence="This card is blank.",
        steps=(Next.FIRST, Next.READ),
    ),
}

#: In place of the sentence, from the third in a row on.
BUSY_FOR_LONG = (
    "Encoder is in use by another operation. Someone may be using it in Space, or it is in "
    "automatic-update mode."
)
_MANY = 3
#: An unexplained failure is tried so often, then it is for support.
MOST_UNEXPLAINED_TRIES = 3

TIPS = (
    "Keep the encoder away from metal.",
    "Take other cards, phones and readers away from it.",
    "Don’t put a laptop on or under it.",
)
_TIPS_FROM_TRY = 2
_PLASTIC = (Why.NO_CARD, Why.MISPLACED, Why.INTERRUPTED, Why.BAD_CARD, Why.COMMS_TIMEOUT)

#: Reading writes nothing, so nothing is in doubt when it fails.
_READING: dict[str, str] = {
    Why.INTERRUPTED: "The card was lifted too early. Put it back and read it again.",
    Why.COMMS_TIMEOUT: "We lost contact with the encoder. The card was not changed by reading it.",
    Why.EXPIRED: "The reading was not finished in time. The card was not changed by it.",
    Why.WAIT_OVER: "Still no answer. The card was not changed by reading it.",
    Why.UNKNOWN_ERROR: (
        "It did not work: {message}. Try once more; else call support with {reference}."
    ),
    Why.NO_CARD: (
        "No card was placed on {encoder} in time. Press Try again, then put the card flat on the "
        "encoder."
    ),
}


def row_of(failure: str) -> Row:
    """Return the row of a failure; of a word we do not know, the unexplained one."""
    try:
        return ROWS[Why(failure)]
    except ValueError:
        return ROWS[Why.UNKNOWN_ERROR]


def content_of(failure: str, kind: str) -> Content:
    """Tell what a failure says about the card that was to be written or read."""
    return Content.UNCHANGED if kind == JobKind.SCAN else row_of(failure).content


def headline_of(failure: str, kind: str, *, is_tag: bool = False) -> str:
    headline = row_of(failure).headline
    if is_tag:
        headline = tag_words.HEADLINES.get(failure, headline)
        is_reading = kind == JobKind.SCAN
        return tag_words.NOT_READ if is_reading and headline == tag_words.DOUBT else headline
    if kind == JobKind.SCAN and headline == _NO_ANSWER:
        return "The card could not be read"
    return headline


def sentence_of(
    failure: str,
    kind: str,
    *,
    encoder: str,
    reference: str,
    message: str = "",
    fields: str = "",
    in_a_row: int = 1,
    is_tag: bool = False,
    may_be_new: bool = False,
) -> str:
    """Return what the person at the desk is told.

    `is_tag`: of a system where tags are given. `may_be_new`: the reader took no new tags.
    """
    sentence = row_of(failure).sentence
    if is_tag:
        sentence = tag_words.SENTENCES.get(failure, sentence)
    if kind == JobKind.SCAN:
        sentence = (tag_words.READING if is_tag else _READING).get(failure, sentence)
    if failure == Why.ENCODER_BUSY and in_a_row > _MANY and not is_tag:
        sentence = BUSY_FOR_LONG
    if failure == Why.NO_CARD and may_be_new:
        sentence += tag_words.MAY_BE_NEW
    said = message.strip().rstrip(".") or "no reason was given"
    return sentence.format(
        encoder=encoder, reference=reference, message=said, fields=fields or "what is on it"
    )


def may_press_again_at(failure: str, in_a_row: int, finished_at: datetime) -> datetime | None:
    """Return until when "Try again" waits. Nothing is ever sent by itself (ACT-03)."""
    waits = row_of(failure).wait_seconds
    if not waits:
        return None
    seconds = waits[min(max(in_a_row, 1), len(waits)) - 1]
    return finished_at + timedelta(seconds=seconds)


def tips_for(failure: str, tries: int) -> tuple[str, ...]:
    """Return what helps cards that will not be written, once it failed twice."""
    return TIPS if tries >= _TIPS_FROM_TRY and failure in _PLASTIC else ()
