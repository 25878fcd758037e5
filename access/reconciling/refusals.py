"""Why a wish is not true yet, in a word for programs and a sentence for people."""

from __future__ import annotations

from dataclasses import dataclass

from access.states import Part
from accounts.providers.base import AuthError, Code, ProviderError, RateLimitError, Reach


@dataclass(frozen=True, kw_only=True)
class Refusal:
    code: str
    sentence: str
    #: The provider said no: worth a line in the log. Otherwise it will pass.
    is_final: bool


DUPLICATE_EMAIL = "duplicate_email"
#: It said yes, and shows the old value all the same.
NOT_UPDATED = Code.NOT_UPDATED.value
_PARTS = {
    Part.INFORMATION: "name, e-mail or phone",
    Part.SCHEDULE: "access schedule",
    Part.SUSPENSION: "suspension",
}


def not_updated(part: Part, *, system: str) -> Refusal:
    """Return what is said of a part that was told twice and is still as it was."""
    sentence = f"{system} accepted the change and still shows another {_PARTS[part]}."
    return Refusal(code=NOT_UPDATED, sentence=sentence, is_final=True)


def refusal_of(
    error: ProviderError, *, system: str, is_email_known: bool = False
) -> Refusal | None:
    """Return what a page and the log say about an error; None: it says nothing of the wish.

    `system` is its name; `is_email_known`: somebody else in it has this e-mail address.
    """
    if isinstance(error, AuthError | RateLimitError):
        return None  # the account's own business
    if error.reach == Reach.NOT_SENT:
        return Refusal(
            code=error.code,
            sentence=f"{system} cannot be reached. It is tried again.",
            is_final=False,
        )
    if error.reach == Reach.UNCERTAIN:
        return Refusal(
            code=error.code,
            sentence=f"{system} did not answer. It is looked at again.",
            is_final=False,
        )
    if error.code == Code.WRONG_EMAIL and is_email_known:
        sentence = f"Somebody else in {system} has this e-mail address."
        return Refusal(code=DUPLICATE_EMAIL, sentence=sentence, is_final=True)
    return Refusal(code=error.code[:60], sentence=_plain(error, system)[:300], is_final=True)


_SENTENCES = {
    Code.NO_SEAT: "All seats of {system} are taken.",
    Code.NOT_FOUND: "{system} does not know this person, group or credential any more.",
    Code.WRONG_NAME: "{system} does not take this name.",
    Code.WRONG_EMAIL: "{system} does not take this e-mail address: somebody else there may have it.",
    Code.WRONG_PHONE: "{system} does not take this phone number.",
    Code.WRONG_TIMES: "{system} does not take these times.",
    Code.MISSING_SCOPE: "Our login may not change people in {system}.",
}


def _plain(error: ProviderError, system: str) -> str:
    known = {code.value: sentence for code, sentence in _SENTENCES.items()}
    if error.code in known:
        return known[error.code].format(system=system)
    return f"{system} refused: {error}"
