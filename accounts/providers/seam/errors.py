"""What Seam's refusals mean, and what a person can do. Source: https://docs.seam.co, Aug 2026."""

from datetime import datetime
from typing import Any

from accounts.providers.base import (
    Advice,
    AuthError,
    Code,
    MissingScopeError,
    ProviderError,
    RateLimitError,
    RefusedError,
    UncertainError,
    UnexpectedReplyError,
)
from accounts.providers.http import Reply
from accounts.providers.retry_after import retry_after_seconds
from accounts.providers.seam import words
from accounts.providers.text import clean_text

LABEL = "Seam"
MAX_SAID = 500

SENTENCES: dict[str, str] = {
    Code.DUPLICATE_CODE: "The lock has another code with these digits",
    Code.NO_SPACE: "The lock has no room for another code",
    Code.NO_SEAT: "All seats of the Salto KS subscription are taken",
    Code.CONSTRAINTS_VIOLATED: "The lock does not take these digits",
    Code.OFFLINE_OR_UNSUPPORTED: "The lock is offline, or cannot do this",
    Code.COMMAND_FORBIDDEN: "Seam's login at the lock's brand may not do this",
    Code.SUBSCRIPTION_ENDED: "The lock's brand asks for a subscription",
    Code.PRIVACY_MODE: "Somebody inside has set the lock to privacy",
    Code.NOT_FOUND: f"{LABEL} does not know this",
    Code.WRONG_NAME: f"{LABEL} does not take this name",
    Code.WRONG_EMAIL: f"{LABEL} does not take this e-mail address: another user may have it",
    Code.WRONG_PHONE: f"{LABEL} does not take this phone number",
    Code.WRONG_TIMES: f"{LABEL} does not take these times",
}

_ADVICE: dict[str, Advice] = {
    Code.UNREACHABLE: Advice(
        title=f"{LABEL} cannot be reached",
        fix="Nothing was sent. Check this server's internet connection; we keep trying.",
    ),
    Code.NO_ANSWER: Advice(
        title=f"{LABEL} does not answer",
        fix="It may be down for a while. Nothing is to be done here; we keep trying.",
    ),
    Code.UNEXPECTED_REPLY: Advice(
        title=f"{LABEL} answers in a way we do not know",
        fix="We keep trying. If it stays, tell whoever runs this server.",
    ),
    Code.UNAUTHORIZED: Advice(
        title=f"{LABEL} refuses the API key",
        fix=(
            "The key is wrong, or was deleted in Seam Console. Make a new one there, and enter "
            "it here."
        ),
    ),
    Code.MISSING_SCOPE: Advice(
        title=f"The API key may not do this at {LABEL}",
        fix="Use a key of the workspace made in Seam Console.",
    ),
    Code.RATE_LIMITED: Advice(
        title=f"{LABEL} asks us to slow down", fix="We wait as long as it says."
    ),
}
_UNKNOWN_ADVICE = Advice(
    title=f"{LABEL} refused",
    fix="Try once more. If it comes back, look at the workspace in Seam Console.",
)


def refusal(reply: Reply, now: datetime, *, is_command: bool = False) -> ProviderError | None:
    """Return the error a reply stands for, or None for a yes."""
    if reply.is_success:
        return None
    status = reply.status
    if status == 429:
        seconds = retry_after_seconds(reply.headers.get("Retry-After", ""), now)
        return RateLimitError(f"{LABEL} asks us to wait", retry_after_seconds=seconds)
    if status >= 500 or status == 408:
        return UncertainError(f"{LABEL} failed (HTTP {status})", status=status)
    error = _error_of(reply)
    word = clean_text(error.get("type"))
    if status == 401 or word in words.NO_KEY:
        return AuthError(f"{LABEL} does not accept our API key", status=status)
    if status == 403:
        return MissingScopeError(f"{LABEL} does not allow us this", scope="this API key")
    code = words.REFUSALS.get(word) or _usual(status, word, error, is_command)
    sentence = SENTENCES.get(code, f"{LABEL} refused (HTTP {status})")
    said = clean_text(error.get("message"), MAX_SAID)
    return SeamRefusedError(sentence, code=code, status=status, word=word, said=said)


class SeamRefusedError(RefusedError):
    """A no with Seam's own word and sentence, for those parts of the driver that read them.

    They stay out of what is shown and logged: of codes, they may quote digits.
    """

    def __init__(
        self, message: str, *, code: str, status: int | None, word: str, said: str
    ) -> None:
        super().__init__(message, code=code, status=status)
        self.word, self.said = word, said


def _usual(
    status: int,
    word: str,
    error: dict[str, Any],
    is_command: bool,  # noqa: FBT001
) -> Code:
    """Return what a refusal means whose word says nothing more.

    A 404 without Seam's word for a missing thing may be any proxy's, of a path.
    """
    if status == 404:
        return Code.NOT_FOUND if words.is_thing_missing(word) else Code.REFUSED
    for parameter, code in words.COMPLAINTS.items():
        if _complains_of(error, parameter):
            return code
    return Code.OFFLINE_OR_UNSUPPORTED if is_command and status in {409, 422} else Code.REFUSED


def _complains_of(error: dict[str, Any], parameter: str) -> bool:
    problems = error.get("validation_errors")
    return isinstance(problems, dict) and parameter in problems


def _error_of(reply: Reply) -> dict[str, Any]:
    try:
        body: Any = reply.body_json()
    except UnexpectedReplyError:
        return {}
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}


def failed_attempt(error: Any) -> ProviderError:
    """Return what a failed action attempt means for the door."""
    told = error if isinstance(error, dict) else {}
    word, said = clean_text(told.get("type")), clean_text(told.get("message"))
    if word in words.UNSURE or any(part in word for part in words.UNSURE_PARTS):
        return UncertainError(f"{LABEL} could not tell whether the lock did it")
    code = words.REFUSALS.get(word, Code.REFUSED)
    quoted = f"{LABEL} says: {said}" if said else f"{LABEL} could not do it"
    return RefusedError(SENTENCES.get(code, quoted), code=code)


def advice(code: str, *, dialect: str = "", scope: str = "") -> Advice:
    """Return what to say and do about an error code; never fails."""
    return _ADVICE.get(code, _UNKNOWN_ADVICE)


def troubleshooting(error: ProviderError) -> tuple[str, str]:
    """Return title and fix for an error."""
    found = advice(error.code)
    return found.title, found.fix
