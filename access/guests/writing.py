"""Messages of rows: what a delivery says, as mail, as text, on paper."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives

from access.guests import facts, letters, links, readiness
from access.guests.facts import Facts, Pin
from access.guests.letters import Body, Kind
from access.models import AccessGrant, Delivery, DoorShare
from access.models.guests import Channel
from accounts.providers.systems import AccessMethod as Mode
from locks.models import AccessCode

#: Says which message a mail is; the demo's outbox reads it.
HEADER = "X-Lockboard-Message"
#: What stands for digits where nobody asked to see them.
DOTS = "••••••"
_KINDS = {
    Kind.INVITATION: "invitation",
    Kind.CHANGED: "change",
    Kind.REMINDER: "reminder",
    Kind.REVOKED: "cancellation",
}
_WAYS = {
    Channel.EMAIL: "by e-mail",
    Channel.COPIED: "as text for a messenger",
    Channel.PRINTED: "on paper",
}


class UnsettledError(Exception):
    """The digits that were to be told may still change."""


def mail(delivery: Delivery, *, at: datetime) -> EmailMultiAlternatives:
    """Return a mail with a link made for it, of which only a hash is kept.

    Writes the link to the row. Raises UnsettledError, sealing.UnreadableError.
    """
    told = facts.facts_of(delivery.grant)
    pins = pins_told(told) if delivery.has_digits else []
    url = "" if delivery.kind == Kind.REVOKED else attach_link(delivery, at=at)
    letter = letters.as_mail(body_of(delivery, told, url=url, pins=pins))
    message = EmailMultiAlternatives(
        subject=letter.subject,
        body=letter.text,
        to=[delivery.address],
        reply_to=[told.contact.email] if told.contact.email else None,
        headers={
            HEADER: str(delivery.pk),
            "Message-ID": f"<{delivery.pk}@{urlsplit(settings.LOCKBOARD_ORIGIN).hostname}>",
            "Content-Language": delivery.language,
            "Auto-Submitted": "auto-generated",
        },
    )
    message.attach_alternative(letter.html, "text/html")
    return message


def attach_link(delivery: Delivery, *, at: datetime) -> str:
    """Make a link for a message and return its address: this once it is known."""
    made, url = links.make(delivery.grant, by_name=delivery.detail.get("by", ""), at=at)
    delivery.link = made
    delivery.save(update_fields=["link"])
    return url


def body_of(delivery: Delivery, told: Facts, *, url: str, pins: list[Pin]) -> Body:
    return letters.compose(
        Kind(delivery.kind),
        told,
        language=delivery.language,
        url=url,
        address=delivery.address,
        pins=pins,
        changes=delivery.detail.get("changes", ()),
    )


def pins_told(told: Facts) -> list[Pin]:
    """Return the digits as people read them. Raises UnsettledError, sealing.UnreadableError."""
    if not readiness.are_digits_settled(told.shares):
        raise UnsettledError
    return [Pin(digits=_grouped(pin.digits), doors=pin.doors) for pin in facts.pins_of(told.shares)]


def codes_told(shares: Sequence[DoorShare]) -> list[AccessCode]:
    """Return the codes whose digits `pins_told` tells."""
    if not readiness.are_digits_settled(shares):
        return []
    return [code for code in facts.codes_of(shares) if code is not None]


def _dotted(told: Facts) -> list[Pin]:
    """Return what a preview shows for digits: where they will stand, not what they are."""
    doors = [share for share in told.shares if share.door.method.mode == Mode.CODE]
    names = tuple(dict.fromkeys(facts.name_of(share) for share in doors))
    return [Pin(digits=DOTS, doors=names)] if names else []


def preview(grant: AccessGrant, *, kind: Kind, language: str, has_digits: bool) -> Body:
    """Return a message as it would be now, without link and digits."""
    told = facts.facts_of(grant)
    return letters.compose(
        kind,
        told,
        language=language,
        url=letters.NO_LINK_YET,
        pins=_dotted(told) if has_digits else (),
    )


def in_words(delivery: Delivery) -> str:
    """`invitation by e-mail, in Dutch, with the code`: for the log."""
    parts = [
        f"{_KINDS[Kind(delivery.kind)]} {_WAYS[Channel(delivery.channel)]}",
        f"in {english_name(delivery.language)}",
    ]
    return ", ".join([*parts, *(["with the code"] if delivery.has_digits else [])])


def english_name(language: str) -> str:
    """Return what staff call a language."""
    return dict(settings.LANGUAGES)[language]


def _grouped(digits: str) -> str:
    """`482 913`, `48 29`, `482 91`: as people say them."""
    size = 2 if len(digits) == 4 else 3
    return " ".join(digits[at : at + size] for at in range(0, len(digits), size))
