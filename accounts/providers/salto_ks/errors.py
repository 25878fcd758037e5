"""What Salto's refusals mean, and what a person can do about them.

Codes: https://saltoks.com/developers/core/errors (seen November 2026); the codes of 3102 and
the second meaning of 2202 were measured by
https://github.com/ECCdigital/smart-city-booking-backend in August 2026. The older dialect's
statuses: https://docs.harnessautomation.com/gem/admin/integrations/salto_ks.
"""

import re
from dataclasses import dataclass
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
    UnsupportedError,
)
from accounts.providers.http import Reply
from accounts.providers.retry_after import retry_after_seconds

LABEL = "Salto KS"

#: Salto's own failures: it may have acted before it failed.
_INTERNAL = {2201, 3010, 3101}
_EXECUTION_FAILED = 3102
_NOT_FOUND = 2202
_NOT_ALLOWED = 2203

#: 3102 reads "Request execution failed with code: X".
_EXECUTION_CODES: dict[str, Code] = {
    "otp_invalid": Code.OTP_INVALID,
    "otp_blocked": Code.OTP_BLOCKED,
    "pin_not_changed": Code.NOT_ACTIVATED,
    "command_forbidden": Code.COMMAND_FORBIDDEN,
    "privacy_mode": Code.PRIVACY_MODE,
}
_CODES: dict[int, Code] = {
    2202: Code.NOT_FOUND,
    2210: Code.SITE_NOT_RELEASED,
    2212: Code.SUBSCRIPTION_ENDED,
    3104: Code.NOT_FOUND,
}

_SENTENCES: dict[Code, str] = {
    Code.OTP_REQUIRED: "The IQ of this door asks for a one-time code",
    Code.OTP_INVALID: "The IQ refused our one-time code",
    Code.OTP_BLOCKED: "The IQ blocks one-time codes for a while, after too many wrong ones",
    Code.NOT_ACTIVATED: "Our user is not activated on the IQ of this door",
    Code.ALREADY_ACTIVATED: "Our user is activated on this IQ already",
    Code.COMMAND_FORBIDDEN: "The IQ does not allow this command",
    Code.PRIVACY_MODE: "Somebody inside has set the lock to privacy",
    Code.SUBSCRIPTION_ENDED: "The Salto KS subscription of this site has ended",
    Code.SITE_NOT_RELEASED: "The installer has not released this site yet",
    Code.NOT_FOUND: f"{LABEL} does not know this",
    Code.OFFLINE_OR_UNSUPPORTED: "The lock is offline, or cannot do this",
    Code.REFUSED: f"{LABEL} refused",
}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a request asked for, as far as its refusal depends on it."""

    #: The permission it needs, in Salto's word.
    scope: str
    #: True for a command to a lock.
    is_command: bool = False


def refusal(reply: Reply, asked: Asked, now: datetime) -> ProviderError | None:
    """Return the error a reply stands for, or None. Codes inside a 2xx body count too."""
    number, said = _problem(reply)
    if reply.is_success and not number:
        return None
    if reply.status == 429:
        return rate_limited(reply, now)
    if reply.status >= 500 or reply.status == 408 or number in _INTERNAL:
        return UncertainError(f"{LABEL} failed ({_mark(reply, number)})", status=reply.status)
    if reply.status == 401 or number == 1500:
        return AuthError(f"{LABEL} does not accept our token", status=reply.status)
    code = _code(reply, number, said)
    if code is None and (reply.status == 403 or number == _NOT_ALLOWED):
        return MissingScopeError(f"{LABEL} does not allow us: {asked.scope}", scope=asked.scope)
    return _refused(reply, number, code, asked)


def _refused(reply: Reply, number: int, code: Code | None, asked: Asked) -> RefusedError:
    if code is None and reply.status == 405:
        return UnsupportedError(f"{LABEL} has no such function here", status=reply.status)
    if code is None and reply.status == 404:
        code = Code.NOT_FOUND
    # No public page says how Salto answers for an offline lock; the older dialect says 422.
    if (
        code is None
        and asked.is_command
        and (reply.status in {409, 422} or number == _EXECUTION_FAILED)
    ):
        code = Code.OFFLINE_OR_UNSUPPORTED
    sentence = _SENTENCES[code] if code else f"{LABEL} refused ({_mark(reply, number)})"
    return RefusedError(sentence, code=code or Code.REFUSED, status=reply.status)


def _code(reply: Reply, number: int, said: str) -> Code | None:
    if number == _EXECUTION_FAILED:
        return next((code for word, code in _EXECUTION_CODES.items() if word in said), None)
    if number in {1100, _NOT_FOUND} and "otp" in said:
        return Code.OTP_REQUIRED  # "Otp is invalid", "The otp field is required."
    if number == _NOT_ALLOWED and "already activated" in said:
        return Code.ALREADY_ACTIVATED
    if reply.status == 403 and "privacy mode" in said:
        return Code.PRIVACY_MODE
    return _CODES.get(number)


def _problem(reply: Reply) -> tuple[int, str]:
    """Return ErrorCode, 0 for none, and Message in lower case. The code is a word or a number."""
    try:
        body: Any = reply.body_json()
    except UnexpectedReplyError:
        return 0, ""
    if not isinstance(body, dict):
        return 0, ""
    number = re.fullmatch(r"\d{1,9}", str(body.get("ErrorCode", "")))
    said = body.get("Message", body.get("message", ""))  # the latter in the older dialect
    return int(number[0]) if number else 0, str(said)[:500].lower()


def _mark(reply: Reply, number: int) -> str:
    return f"HTTP {reply.status}, code {number}" if number else f"HTTP {reply.status}"


def rate_limited(reply: Reply, now: datetime) -> RateLimitError:
    """Return the error for a 429, with its Retry-After in seconds or as a date."""
    seconds = retry_after_seconds(reply.headers.get("Retry-After", ""), now)
    return RateLimitError(f"{LABEL} asks us to wait {seconds:.0f} s", retry_after_seconds=seconds)


# --- the troubleshooting table --------------------------------------------------------------


_ADVICE: dict[str, Advice] = {
    Code.UNREACHABLE: Advice(
        title="Salto KS cannot be reached",
        fix="Nothing was sent. Check this server's internet connection; we keep trying.",
    ),
    Code.NO_ANSWER: Advice(
        title="Salto KS does not answer",
        fix="Salto may have an outage (see status.saltoks.com). We keep trying.",
    ),
    Code.UNEXPECTED_REPLY: Advice(
        title="Salto KS answers in a way we do not understand",
        fix="Nothing was changed here. Check the addresses of the account; if they are right, "
        "wait: we keep trying.",
    ),
    Code.UNAUTHORIZED: Advice(
        title="Salto KS refuses the sign-in",
        fix="The user name or password has changed, or the sign-in has ended. "
        "Reconnect the account.",
    ),
    Code.ADDON_OFF: Advice(
        title="Salto KS does not give us a token",
        fix="The Connect API add-on is probably not enabled for this customer. "
        "Ask Salto support to enable it.",
    ),
    Code.MISSING_SCOPE: Advice(
        title="The credential is valid, but not for everything",
        fix="Give the user the role Site Admin with remote opening in Salto KS.",
    ),
    Code.RATE_LIMITED: Advice(
        title="Salto KS asks us to slow down",
        fix="We wait as long as it says. If this comes back, poll less often.",
    ),
    Code.HELD_BACK: Advice(
        title="Too many requests at once",
        fix="Lockboard held this one back to stay within the account's share. Try again in a moment.",
    ),
    Code.OFFLINE_OR_UNSUPPORTED: Advice(
        title="The lock is offline or cannot do this",
        fix="Look at the state of the lock. Locks without online module open only by card or PIN.",
    ),
    Code.NOT_SUPPORTED: Advice(
        title="This cannot be done here",
        fix="The lock or the account has no such function.",
    ),
    Code.NOT_FOUND: Advice(
        title="Salto KS does not know this",
        fix="The site or lock may have been removed, or our user can no longer see it.",
    ),
    Code.OTP_REQUIRED: Advice(
        title="The IQ asks for a one-time code",
        fix="Activate remote opening for this IQ on the account page, or ask Salto to switch "
        "the one-time code off for it.",
    ),
    Code.OTP_INVALID: Advice(
        title="The IQ refuses our one-time code",
        fix="Somebody signed in to the Salto app with our user, or the PIN changed. Remove our "
        "user's activation in the app, then activate again here. Check this server's clock.",
    ),
    Code.OTP_BLOCKED: Advice(
        title="The IQ blocks one-time codes",
        fix="Wait 20 minutes. Find out why codes were wrong before the next try.",
    ),
    Code.NOT_ACTIVATED: Advice(
        title="Our user is not activated on the IQ",
        fix="Finish the activation of remote opening for this IQ on the account page.",
    ),
    Code.ALREADY_ACTIVATED: Advice(
        title="Our user is activated on this IQ already",
        fix="Its secret is shown only once. If we do not have it, a site admin must reset our "
        "user's activation in the Salto app.",
    ),
    Code.COMMAND_FORBIDDEN: Advice(
        title="The IQ does not allow this command",
        fix="Check that our user may open remotely, and that it is activated on this IQ.",
    ),
    Code.PRIVACY_MODE: Advice(
        title="The lock is set to privacy",
        fix="Somebody is inside and does not want to be disturbed. Knock.",
    ),
    Code.SUBSCRIPTION_ENDED: Advice(
        title="The Salto KS subscription has ended",
        fix="Renew the subscription of this site with Salto. Until then nothing can be changed.",
    ),
    Code.SITE_NOT_RELEASED: Advice(
        title="The site is not released",
        fix="Ask the installer to release the site to its owner.",
    ),
}
_UNKNOWN_ADVICE = Advice(
    title="Salto KS refused", fix="Try once more. If it comes back, contact Salto support."
)
_LEGACY_ADVICE: dict[str, Advice] = {
    Code.UNAUTHORIZED: Advice(
        title="Salto KS refuses the credential",
        fix="Client id or client secret is wrong, or the credential was disabled in the KS "
        "portal. Make a new one under Account → API Credentials and enter it here.",
    ),
    Code.MISSING_SCOPE: Advice(
        title="The credential is valid, but not for everything",
        fix="Make a new credential with the scopes locks:read, locks:write, users:read and "
        "audit:read.",
    ),
}


def advice(code: str, *, dialect: str = "", scope: str = "") -> Advice:
    """Return what to say and do about an error code; never fails."""
    special = _LEGACY_ADVICE.get(code) if dialect == "legacy" else None
    found = special or _ADVICE.get(code, _UNKNOWN_ADVICE)
    if code == Code.MISSING_SCOPE and scope:
        return Advice(title=f"The credential does not allow: {scope}", fix=found.fix)
    return found


def troubleshooting(error: ProviderError, *, dialect: str = "") -> tuple[str, str]:
    """Return title and fix for an error, in words for a property manager."""
    found = advice(error.code, dialect=dialect, scope=getattr(error, "scope", ""))
    return found.title, found.fix
