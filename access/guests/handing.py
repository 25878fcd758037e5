"""Messages that people carry themselves: text for a messenger, and paper."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import segno
from django.db import transaction

from access.guests import deliveries, facts, languages, letters, links, message_log, writing
from access.guests.deliveries import Wanted
from access.guests.facts import Facts, Pin
from access.guests.letters import Body
from access.models import AccessGrant, Delivery
from access.models.guests import Channel, DeliveryState
from accounts.actors import Actor
from accounts.permissions import Permission
from accounts.providers.systems import AccessMethod as Mode
from locks.codes import pins
from locks.codes.rules import RuleError
from locks.codes.services import RefusedError

UNSETTLED = "the code may still change: its digits are told once its provider has it"


@dataclass(frozen=True, kw_only=True)
class Handed:
    """What somebody carries to a guest; shown this once, as its link is known this once."""

    delivery: Delivery
    body: Body = field(repr=False)
    #: To be said, never to be sent with the link; empty where no door opens by the page.
    link_code: str = field(repr=False)

    @property
    def text(self) -> str:
        return letters.as_short_text(self.body)

    @property
    def sheet(self) -> str:
        return letters.as_sheet(self.body, picture=_picture(self.body.url))


def hand(
    grant: AccessGrant, wanted: Wanted, channel: Channel, *, by: Actor, at: datetime
) -> Handed:
    """Make a message, with a link of its own, for somebody to carry, and write down who did.

    Digits are shown to whoever may see them only. Raises RefusedError.
    """
    by.require(Permission.MANAGE_GRANTS, grant.property_id)
    with transaction.atomic():
        AccessGrant.objects.select_for_update().get(pk=grant.pk)
        deliveries.check(grant, wanted.kind, at)
        has_digits = wanted.has_digits and deliveries.has_code(grant)
        told = facts.facts_of(grant)
        shown = _shown(grant, told, by=by, at=at) if has_digits else []
        delivery = Delivery.objects.create(
            grant=grant,
            channel=channel,
            language=languages.choose(wanted.language, grant.identity.language),
            kind=wanted.kind,
            has_digits=has_digits,
            waits_until_ready=False,
            created_by=by.user,
            created_at=at,
            state=DeliveryState.SENT,
            sent_at=at,
            detail={"by": by.who.name},
        )
        url = writing.attach_link(delivery, at=at)
        message_log.note(delivery, at=at, who=by.who)
        deliveries.tell(grant)
    return Handed(
        delivery=delivery,
        body=writing.body_of(delivery, told, url=url, pins=shown),
        link_code=link_code_of(delivery),
    )


def link_code_of(delivery: Delivery) -> str:
    """Return the link code where the guest will be asked for one, else ""."""
    is_asked = delivery.grant.requests.filter(mode=Mode.CLOUD_KEY).exists()
    return links.code_for_staff(delivery.link) if delivery.link and is_asked else ""


def _shown(grant: AccessGrant, told: Facts, *, by: Actor, at: datetime) -> list[Pin]:
    by.require(Permission.REVEAL_CODES, grant.property_id)
    try:
        found = writing.pins_told(told)
    except writing.UnsettledError:
        raise RefusedError([RuleError("has_digits", UNSETTLED)]) from None
    for code in writing.codes_told(told.shares):
        pins.reveal(code, by=by, at=at)
    return found


def _picture(url: str) -> str:
    """Return the link as something that phones scan. White ground: dark pages are scanned too."""
    return str(segno.make(url, error="m").svg_data_uri(dark="#000", light="#fff", border=4))
