"""What is said where tags are given and nothing is written (Salto KS). Pure."""

from __future__ import annotations

from accounts.providers.systems import CardFailure as Why

DOUBT = "Don’t hand this tag out"
NOT_READ = "The tag could not be read"

HEADLINES: dict[str, str] = {
    Why.NO_CARD: "No tag was found",
    Why.MISPLACED: "The tag was not held right",
    Why.INTERRUPTED: DOUBT,
    Why.BAD_CARD: "Take another tag",
    Why.CARD_OF_OTHER: "Take another tag",
    Why.STAFF_CARD: "Take another tag",
    Why.OTHER_CARD: "This is another tag",
    Why.ENCODER_OFFLINE: "The reader does not answer",
    Why.ENCODER_UNINIT: "The reader is not set up",
    Why.ENCODER_MISSING: "The reader was removed",
    Why.ENCODER_BUSY: "The reader is busy",
    Why.COMMS_TIMEOUT: DOUBT,
    Why.EXPIRED: DOUBT,
    Why.UNKNOWN_ERROR: DOUBT,
    Why.WAIT_OVER: DOUBT,
    Why.VERIFY_FAIL: DOUBT,
}

#: In place of the sentences about cards and encoders.
SENTENCES: dict[str, str] = {
    Why.NO_CARD: (
        "No tag was held to {encoder} in time. Hold the tag to the reader while it blinks."
    ),
    Why.MISPLACED: "The tag was not held right. Hold one single tag to {encoder} and keep still.",
    Why.INTERRUPTED: "The tag was taken away too early. Hold the same tag there again.",
    Why.BAD_CARD: (
        "This tag cannot be used here (wrong type, another site’s, or damaged). Take another one."
    ),
    Why.CARD_OF_OTHER: "This tag already belongs to someone else. Use another tag.",
    Why.STAFF_CARD: "That tag is a member of staff’s. Use another tag.",
    Why.OTHER_CARD: "This person’s tag is another one. Use that tag.",
    Why.CREDENTIAL_GONE: "This request was withdrawn meanwhile. Start again.",
    Why.ENCODER_OFFLINE: (
        "{encoder} is not answering. Check that it is online, or choose another reader."
    ),
    Why.ENCODER_UNINIT: "{encoder} must be set up in Salto KS first.",
    Why.ENCODER_MISSING: "That reader was removed. Choose another.",
    Why.ENCODER_BUSY: "{encoder} is in use by another operation. Wait a few seconds.",
    Why.COMMS_TIMEOUT: (
        "We lost contact with {encoder} while it worked. Read the tag before giving it out."
    ),
    Why.CANCELLED: "Cancelled at the reader or in Salto KS.",
    Why.EXPIRED: "The request was not finished in time. Read the tag before giving it out.",
    Why.UNKNOWN_ERROR: (
        "It did not work: {message}. Read the tag; try once more; else call support with "
        "{reference}."
    ),
    Why.NOT_FOUND: "No registered tag has that number. Register it first.",
    Why.WAIT_OVER: "Still no answer. Don’t give the tag out; we keep checking.",
    Why.VERIFY_FAIL: "Tag and system disagree on: {fields}. Give it to the person again.",
    Why.BLANK_ON_SCAN: "This tag is not registered.",
}

#: Reading gives nothing to anybody, so nothing is in doubt when it fails.
READING: dict[str, str] = {
    Why.INTERRUPTED: "The tag was taken away too early. Hold it there again.",
    Why.COMMS_TIMEOUT: "We lost contact with {encoder}. Nothing was changed by reading.",
    Why.EXPIRED: "The reading was not finished in time. Nothing was changed by it.",
    Why.WAIT_OVER: "Still no answer. Nothing was changed by reading.",
    Why.UNKNOWN_ERROR: (
        "It did not work: {message}. Try once more; else call support with {reference}."
    ),
}

MAY_BE_NEW = " If the tag is new, press “The tag is new”: the reader then registers it."
