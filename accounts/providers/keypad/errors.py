"""What Keypad Cloud's refusals mean. Source: docs/sandbox.md, "Keypad Cloud"."""

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

LABEL = "SIMULATED Keypad Cloud"

_CODES: dict[str, Code] = {
    "duplicate_code": Code.DUPLICATE_CODE,
    "no_space": Code.NO_SPACE,
    "code_length": Code.CONSTRAINTS_VIOLATED,
    "code_constraints": Code.CONSTRAINTS_VIOLATED,
    "no_keypad": Code.NO_KEYPAD,
    "offline": Code.OFFLINE_OR_UNSUPPORTED,
    "privacy": Code.PRIVACY_MODE,
    "not_found": Code.NOT_FOUND,
}
_SENTENCES: dict[Code, str] = {
    Code.DUPLICATE_CODE: "The lock has another code with these digits",
    Code.NO_SPACE: "The lock has no room for another code",
    Code.CONSTRAINTS_VIOLATED: "The lock does not take these digits",
    Code.NO_KEYPAD: "The lock has no keypad",
    Code.OFFLINE_OR_UNSUPPORTED: "The lock is offline, or cannot do this",
    Code.PRIVACY_MODE: "Somebody inside has set the lock to privacy",
    Code.NOT_FOUND: f"{LABEL} does not know this",
}

_ADVICE: dict[str, Advice] = {
    Code.UNREACHABLE: Advice(
        title=f"{LABEL} cannot be reached",
        fix="Nothing was sent. Check that the sandbox is running; we keep trying.",
    ),
    Code.NO_ANSWER: Advice(
        title=f"{LABEL} does not answer", fix="Check the sandbox; we keep trying."
    ),
    Code.UNAUTHORIZED: Advice(
        title=f"{LABEL} refuses the API key",
        fix="The key is wrong, or was disabled or changed. Enter the right one.",
    ),
    Code.RATE_LIMITED: Advice(
        title=f"{LABEL} asks us to slow down", fix="We wait as long as it says."
    ),
}
_UNKNOWN_ADVICE = Advice(
    title=f"{LABEL} refused", fix="Try once more. If it comes back, look at the sandbox."
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
    if status == 401:
        return AuthError(f"{LABEL} does not accept our API key", status=status)
    if status == 403:
        return MissingScopeError(f"{LABEL} does not allow us this", scope="this API key")
    code = _CODES.get(_word(reply)) or _usual(status, is_command=is_command)
    sentence = _SENTENCES.get(code, f"{LABEL} refused (HTTP {status})")
    return RefusedError(sentence, code=code, status=status)


def _usual(status: int, *, is_command: bool) -> Code:
    if status == 404:
        return Code.NOT_FOUND
    return Code.OFFLINE_OR_UNSUPPORTED if is_command and status in {409, 422} else Code.REFUSED


def _word(reply: Reply) -> str:
    """Return the provider's word for a refusal, or ""."""
    try:
        body: Any = reply.body_json()
    except UnexpectedReplyError:
        return ""
    error = body.get("error") if isinstance(body, dict) else None
    return str(error.get("code", "")) if isinstance(error, dict) else ""


def advice(code: str, *, dialect: str = "", scope: str = "") -> Advice:
    """Return what to say and do about an error code; never fails."""
    return _ADVICE.get(code, _UNKNOWN_ADVICE)


def troubleshooting(error: ProviderError) -> tuple[str, str]:
    """Return title and fix for an error."""
    found = advice(error.code)
    return found.title, found.fix
