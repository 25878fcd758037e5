"""The line of the log about a message to a guest."""

from __future__ import annotations

from datetime import datetime

from access.guests import writing
from access.models import Delivery
from access.models.guests import DeliveryState
from audit.services import record
from audit.who import SYSTEM, Who
from audit.words import How, Verb


def note(delivery: Delivery, *, at: datetime, who: Who = SYSTEM) -> None:
    """Write down that a message was sent, or why it could not be, for the page of its stay."""
    said = writing.in_words(delivery)
    is_sent = delivery.state == DeliveryState.SENT
    record(
        Verb.MESSAGE_SENT if is_sent else Verb.MESSAGE_FAILED,
        workspace_id=delivery.grant.workspace_id,
        at=at,
        who=who,
        place=delivery.grant.as_place(),
        subject=str(delivery.grant.identity),
        how=How.SYSTEM if who == SYSTEM else How.WEB,
        after=said if is_sent else f"{said}. {delivery.error}",
        grant_id=str(delivery.grant_id),
    )
