"""Every type and sentence of an encoder's no, and which failure it is taken for."""

import pytest

from accounts.providers.base import (
    AuthError,
    Code,
    RateLimitError,
    RefusedError,
    UncertainError,
    UnreachableError,
)
from accounts.providers.seam.card_errors import CANNOT_BE_REISSUED, NUMBERS, card_failure
from accounts.providers.systems import CardFailure, failure_of

OTHER = "uncategorized_error"


@pytest.mark.parametrize(
    ("kind", "failure"),
    [
        ("no_credential_on_encoder", CardFailure.NO_CARD),
        ("no_card_on_encoder", CardFailure.NO_CARD),
        ("incompatible_card_format", CardFailure.BAD_CARD),
        ("credential_deleted", CardFailure.CREDENTIAL_GONE),
        ("encoding_interrupted", CardFailure.INTERRUPTED),
        ("encoder_not_online", CardFailure.ENCODER_OFFLINE),
        ("encoder_communication_timeout", CardFailure.COMMS_TIMEOUT),
        ("bridge_disconnected", CardFailure.BRIDGE_DOWN),
        ("action_attempt_expired", CardFailure.EXPIRED),
        ("credential_not_found", CardFailure.NOT_FOUND),
        ("acs_encoder_not_found", CardFailure.ENCODER_MISSING),
        ("acs_encoder_removed", CardFailure.ENCODER_MISSING),
        (OTHER, CardFailure.UNKNOWN_ERROR),
        ("full_moon", CardFailure.UNKNOWN_ERROR),
        ("", CardFailure.UNKNOWN_ERROR),
    ],
)
def test_a_type_says_enough_by_itself(kind, failure):
    assert card_failure(kind, "") is failure
    assert card_failure(kind, "Something went wrong.") is failure


#: What the sandbox says (sandbox/space/refusals.py), and the like.
SENTENCES = [
    ("The encoder is busy.", CardFailure.ENCODER_BUSY),
    ("Encoder busy", CardFailure.ENCODER_BUSY),
    ("The encoder is not initialised.", CardFailure.ENCODER_UNINIT),
    ("The encoder is wrongly initialized", CardFailure.ENCODER_UNINIT),
    ("The licence does not cover this operation.", CardFailure.LICENCE),
    ("The user is being edited by another process.", CardFailure.USER_LOCKED),
    ("Business rule: the user is suspended.", CardFailure.RULE),
    ("Key numbering is exhausted.", CardFailure.POOL_FULL),
    ("The card is badly placed.", CardFailure.MISPLACED),
    ("The card belongs to a valid staff user.", CardFailure.STAFF_CARD),
    ("The card is already used by another user.", CardFailure.CARD_OF_OTHER),
    ("The data does not fit on the card.", CardFailure.CARD_FULL),
    ("The card cannot be read.", CardFailure.BAD_CARD),
    ("The encoder process was cancelled.", CardFailure.CANCELLED),
    ("Database error", CardFailure.SERVER_DB),
    ("SHIP error (304)", CardFailure.CARD_FULL),
    ("Encoding failed [402].", CardFailure.ENCODER_BUSY),
    ("Encoding failed (error code 13).", CardFailure.LICENCE),
    ("Encoding failed (ERROR 7)", CardFailure.RULE),
    # A number says more than the words beside it.
    ("Database error (303)", CardFailure.MISPLACED),
    ("The operation was aborted (405)", CardFailure.CANCELLED),
    ("Cancelled at the server [error code 5]", CardFailure.CANCELLED),
    ("The card was removed; operation aborted (404)", CardFailure.INTERRUPTED),
]


@pytest.mark.parametrize(("said", "failure"), SENTENCES)
def test_a_folded_failure_is_known_by_its_number_or_a_plain_phrase(said, failure):
    assert card_failure(OTHER, said) is failure


@pytest.mark.parametrize(
    "said",
    [
        "Something unexpected happened",
        "The Salto server does not answer.",
        "Attempt (2) failed",
        "Room (7)",
        "HTTP error (403)",
        "The server answered with status (500)",
        "Failed (303), then failed (304)",
        "Failed (999)",
        "The encoder is busy: database problem",
        "304",
        "The operation was aborted.",
        "Encoding was cancelled",
        "The encoder process was cancelled. The card was removed.",
        "Write aborted by the reader while processing card",
        "Failed: no card placed, encoding aborted",
        "Interrupted: the card is badly placed",
        "The card was written, but database error",
        "Waited too long for the encoder to answer",
        "No communication with encoder",
        "The encoder's answer is not recognised",
        "No card detected any more",
    ],
)
def test_whatever_may_mean_something_else_stays_unknown(said):
    assert card_failure(OTHER, said) is CardFailure.UNKNOWN_ERROR


@pytest.mark.parametrize("number", NUMBERS)
def test_every_number_is_known_in_brackets(number):
    assert card_failure(OTHER, f"Failed (code {number}).") is NUMBERS[number]


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        ("The user already has a key.", CardFailure.HAS_KEY),
        ("Failed (305)", CardFailure.HAS_KEY),
        ("The user has no key to update.", CardFailure.NO_KEY_TO_UPDATE),
        ("Failed (300)", CardFailure.NO_KEY_TO_UPDATE),
        ("The credential is on another card.", CardFailure.OTHER_CARD),
        ("", CardFailure.HAS_KEY),
        ("The encoder is busy.", CardFailure.HAS_KEY),
    ],
)
def test_a_credential_that_cannot_be_written_again_has_three_causes(said, failure):
    assert card_failure(CANNOT_BE_REISSUED, said) is failure


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (RefusedError("No.", code=CardFailure.ENCODER_BUSY), CardFailure.ENCODER_BUSY),
        (RefusedError("No.", code=Code.NOT_FOUND), CardFailure.UNKNOWN_ERROR),
        (RefusedError("No.", code="not_found"), CardFailure.UNKNOWN_ERROR),
        (RefusedError("No.", code=CardFailure.NOT_FOUND), CardFailure.NOT_FOUND),
        (RefusedError("No."), CardFailure.UNKNOWN_ERROR),
        (UncertainError("?"), CardFailure.WAIT_OVER),
        (UncertainError("?", code=CardFailure.ENCODER_BUSY), CardFailure.WAIT_OVER),
        (UnreachableError("Nobody there."), CardFailure.UNKNOWN_ERROR),
        (AuthError("No."), CardFailure.UNKNOWN_ERROR),
        (RateLimitError("Wait.", retry_after_seconds=1), CardFailure.UNKNOWN_ERROR),
    ],
)
def test_what_kept_an_attempt_from_starting_is_a_row_of_the_same_table(error, failure):
    assert failure_of(error) is failure
