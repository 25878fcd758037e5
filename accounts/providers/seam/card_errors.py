"""Why an encoder said no: Seam's error types, and what Salto means where Seam has no type.

Seam's ten types are fewer than the numbers Salto's host interface knows, so much of what goes
wrong arrives as `uncategorized_error` with a sentence. Those sentences are published nowhere.
One is taken for a known failure only if it holds one of Salto's numbers in brackets, or a plain
phrase of that number's meaning, and nothing that points to another failure or to a job that
was stopped midway. All else stays UNKNOWN_ERROR, the careful answer: it has the card read before it is handed out.
"""

import re
from collections.abc import Mapping

from accounts.providers.systems import CardFailure

#: `error.type` of attempts and refusals. Guides call one differently from the schema.
TYPES: Mapping[str, CardFailure] = {
    "no_credential_on_encoder": CardFailure.NO_CARD,
    "no_card_on_encoder": CardFailure.NO_CARD,
    "incompatible_card_format": CardFailure.BAD_CARD,
    "credential_deleted": CardFailure.CREDENTIAL_GONE,
    "encoding_interrupted": CardFailure.INTERRUPTED,
    "encoder_not_online": CardFailure.ENCODER_OFFLINE,
    "encoder_communication_timeout": CardFailure.COMMS_TIMEOUT,
    "bridge_disconnected": CardFailure.BRIDGE_DOWN,
    "seam_bridge_disconnected": CardFailure.BRIDGE_DOWN,
    "acs_encoder_removed": CardFailure.ENCODER_MISSING,
    "acs_encoder_not_found": CardFailure.ENCODER_MISSING,
    "acs_credential_not_found": CardFailure.CREDENTIAL_GONE,
    "acs_user_not_found": CardFailure.CREDENTIAL_GONE,
    "action_attempt_expired": CardFailure.EXPIRED,
    "credential_not_found": CardFailure.NOT_FOUND,
}
CANNOT_BE_REISSUED = "credential_cannot_be_reissued"
#: Three causes have this type. Where the sentence does not tell, it is taken by its name: the
#: person has a key. What is advised then makes no second card, whichever cause it was.
REISSUE_CAUSES = frozenset(
    {CardFailure.HAS_KEY, CardFailure.NO_KEY_TO_UPDATE, CardFailure.OTHER_CARD}
)

#: Salto's numbers (facts of public clients; Salto's own list is under NDA).
NUMBERS: Mapping[int, CardFailure] = {
    1: CardFailure.SERVER_DB,
    5: CardFailure.CANCELLED,
    6: CardFailure.PROTOCOL,
    7: CardFailure.RULE,
    11: CardFailure.CREDENTIAL_GONE,
    13: CardFailure.LICENCE,
    14: CardFailure.LICENCE,
    100: CardFailure.ROOM_BAD,
    101: CardFailure.ROOM_LOCKED,
    200: CardFailure.CREDENTIAL_GONE,
    201: CardFailure.USER_LOCKED,
    203: CardFailure.CARD_OF_OTHER,
    204: CardFailure.RULE,
    206: CardFailure.RULE,
    300: CardFailure.NO_KEY_TO_UPDATE,
    301: CardFailure.POOL_FULL,
    302: CardFailure.BAD_CARD,
    303: CardFailure.MISPLACED,
    304: CardFailure.CARD_FULL,
    305: CardFailure.HAS_KEY,
    306: CardFailure.BAD_CARD,
    400: CardFailure.ENCODER_MISSING,
    401: CardFailure.ENCODER_OFFLINE,
    402: CardFailure.ENCODER_BUSY,
    403: CardFailure.NO_CARD,
    404: CardFailure.INTERRUPTED,
    405: CardFailure.CANCELLED,
    406: CardFailure.ENCODER_UNINIT,
    407: CardFailure.ENCODER_UNINIT,
    500: CardFailure.PROTOCOL,
    501: CardFailure.PROTOCOL,
    502: CardFailure.PROTOCOL,
    503: CardFailure.PROTOCOL,
}
#: A bare number has three digits: "(2)" may count anything.
_NUMBER = re.compile(r"[(\[](?:\d{3}|(?:ship |error |code |error code )+\d{1,3})[)\]]")
#: A number beside these is a web server's, not Salto's.
_OF_THE_WEB = re.compile(r"\b(https?|status|gateway)\b")

PHRASES: Mapping[CardFailure, str] = {
    CardFailure.MISPLACED: r"badly placed|misplaced|not placed correctly",
    CardFailure.CARD_FULL: r"(does not|do not|doesn't|don't) fit on (the|this) (card|key)",
    CardFailure.CARD_OF_OTHER: r"used by another user|belongs to another user",
    CardFailure.STAFF_CARD: r"valid staff",
    CardFailure.BAD_CARD: (
        r"(card|key|tag|data) (is |was )?not recogni[sz]ed|card cannot be read"
        r"|key structure (is )?(invalid|not valid)"
    ),
    CardFailure.HAS_KEY: r"already has a (key|card)",
    CardFailure.NO_KEY_TO_UPDATE: r"has no (current )?(key|card)|no key to update",
    CardFailure.OTHER_CARD: r"(on|written to|encoded on) another card",
    CardFailure.CREDENTIAL_GONE: r"user (is |was |has been )?(missing|not found|does not exist|deleted)",
    CardFailure.ENCODER_BUSY: r"encoder (is )?(busy|in use)",
    CardFailure.ENCODER_OFFLINE: r"reader is (not online|offline)",
    CardFailure.ENCODER_UNINIT: r"(not|wrongly|incorrectly) initiali[sz]ed",
    CardFailure.NO_CARD: (
        r"waited too long for (a |the )?(card|key)\b|no card (was )?(placed|presented)"
    ),
    CardFailure.USER_LOCKED: r"user is being edited|edited (by another|elsewhere)",
    CardFailure.ROOM_LOCKED: r"(door|room) (is )?(locked|being used) by another process",
    CardFailure.RULE: r"business rule|access level (is )?not allowed",
    CardFailure.LICENCE: r"licen[cs]e",
    CardFailure.POOL_FULL: r"numbering (is )?exhausted|denylist (is )?full",
    CardFailure.SERVER_DB: r"database (problem|error)",
}
#: What stops a job may do so in the middle of writing: only a sentence that is known from its
#: first letter to its last says that the card is unchanged.
SENTENCES: Mapping[str, CardFailure] = {
    "the encoder process was cancelled.": CardFailure.CANCELLED,
}
#: Beside these words no phrase says what became of the card.
_STOPPED_MIDWAY = re.compile(
    r"\b(abort|cancel|interrupt|partial|timed out|timeout)|\b(while|during|half|after|but)\b"
)
_PHRASES = {failure: re.compile(phrase) for failure, phrase in PHRASES.items()}


def card_failure(kind: str, message: str) -> CardFailure:
    """Return which failure an error of an attempt is, by its type and, where needed, its text."""
    if kind in TYPES:
        return TYPES[kind]
    found = _by_text(message.lower())
    if kind == CANNOT_BE_REISSUED:
        return found if found in REISSUE_CAUSES else CardFailure.HAS_KEY
    return found


def _by_text(said: str) -> CardFailure:
    numbers = [] if _OF_THE_WEB.search(said) else _NUMBER.findall(said)
    by_number = {NUMBERS.get(_digits(each), CardFailure.UNKNOWN_ERROR) for each in numbers}
    if by_number:
        return by_number.pop() if len(by_number) == 1 else CardFailure.UNKNOWN_ERROR
    if _STOPPED_MIDWAY.search(said):
        return SENTENCES.get(said.strip(), CardFailure.UNKNOWN_ERROR)
    by_phrase = [failure for failure, phrase in _PHRASES.items() if phrase.search(said)]
    return by_phrase[0] if len(by_phrase) == 1 else CardFailure.UNKNOWN_ERROR


def _digits(number: str) -> int:
    return int("".join(each for each in number if each.isdigit()))
