"""Handing one message to a mail server, and knowing whether it took it.

A message may be tried again only where no server can have it: it was never reached, or it said
no. Once the text of a message is on its way, silence means that nobody knows.
"""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.errors import HeaderParseError
from typing import Any

from django.conf import settings
from django.core.mail import BadHeaderError, EmailMultiAlternatives, get_connection
from django.core.mail.backends import smtp
from django.core.mail.backends.base import BaseEmailBackend

#: Of each step of the conversation; all of them together stay below the lease of a message.
_SECONDS = 10
#: Writes mails where logs go: a guest's link must not stand there.
_NO_SERVER = "django.core.mail.backends.console.EmailBackend"
_OURS = {"django.core.mail.backends.smtp.EmailBackend": "access.guests.mailing.Backend"}


@dataclass(frozen=True)
class Sent:
    """A mail server has taken it over."""


@dataclass(frozen=True)
class Unsent:
    """No mail server has it. `why`: a sentence for staff."""

    why: str
    may_try_again: bool


@dataclass(frozen=True)
class Unknown:
    """It may have been sent, or not."""

    why: str


Outcome = Sent | Unsent | Unknown

_LOST = "The connection to the mail server broke while it took the message."


class UnreachableError(Exception):
    """The mail server could not be talked to. `args[0]`: a sentence for staff."""


class _Noting:
    """Notes when the text of a message begins to leave."""

    is_handing_over = False

    def data(self, msg: Any) -> Any:
        self.is_handing_over = True
        return super().data(msg)  # type: ignore[misc]


class _Client(_Noting, smtplib.SMTP):
    pass


class _TlsClient(_Noting, smtplib.SMTP_SSL):
    pass


class Backend(smtp.EmailBackend):
    """Django's own, which also knows how far it came."""

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return _TlsClient if self.use_ssl else _Client

    @property
    def is_handing_over(self) -> bool:
        return bool(getattr(self.connection, "is_handing_over", False))


@contextmanager
def mailbox() -> Iterator[BaseEmailBackend]:
    """Connect to the mail server. Raises UnreachableError."""
    if settings.EMAIL_BACKEND == _NO_SERVER:
        raise UnreachableError("No mail server is set up (EMAIL_URL).")
    found = get_connection(
        _OURS.get(settings.EMAIL_BACKEND, settings.EMAIL_BACKEND), timeout=_SECONDS
    )
    try:
        found.open()
    except smtplib.SMTPAuthenticationError:
        raise UnreachableError("The mail server refuses Lockboard’s login.") from None
    except OSError:  # smtplib's errors are OSErrors too
        raise UnreachableError("The mail server does not answer.") from None
    try:
        yield found
    finally:
        with suppress(OSError):
            found.close()


def hand_over(message: EmailMultiAlternatives, box: BaseEmailBackend) -> Outcome:
    """Send a message to one address, once. Never raises what mail servers do."""
    message.connection = box
    try:
        taken = message.send()
    except smtplib.SMTPRecipientsRefused as refusal:
        status, said = next(iter(refusal.recipients.values()))
        return _refused("The mail server refuses this address", status, _words(said))
    except smtplib.SMTPSenderRefused as refusal:
        return _refused("The mail server refuses Lockboard’s own address", refusal.smtp_code)
    except smtplib.SMTPDataError as refusal:
        # Not in its words: filters repeat what they dislike, and that may be the link.
        return _refused("The mail server refuses this message", refusal.smtp_code)
    except smtplib.SMTPNotSupportedError:
        return Unsent("The mail server cannot write to this address.", may_try_again=False)
    except (BadHeaderError, HeaderParseError, ValueError):
        return Unsent("Nobody can write to this address.", may_try_again=False)
    except OSError:
        return _broken(box)
    return Sent() if taken else Unsent("There is nobody to write to.", may_try_again=False)


def _broken(box: BaseEmailBackend) -> Outcome:
    if isinstance(box, Backend) and not box.is_handing_over:
        why = "The connection to the mail server broke before it took the message."
        return Unsent(why, may_try_again=True)
    return Unknown(_LOST)


def _refused(what: str, status: int, said: str = "") -> Unsent:
    told = f"{what} ({status}{': ' if said else ''}{said})."
    return Unsent(told, may_try_again=not 500 <= status < 600)


def _words(said: bytes | str) -> str:
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())[:120]
