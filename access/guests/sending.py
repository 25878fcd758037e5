"""Carrying messages to the mail server. The row is the work; the queue only hints.

A message is tried once per claim. It goes out again by itself only where no server can have it;
where nobody knows, people are told so, and may send it again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.utils import timezone

from access.guests import deliveries, due, facts, links, mailing, message_log, readiness, writing
from access.guests.due import Go, Hold, Over
from access.guests.mailing import Outcome, Sent, Unknown, Unsent
from access.models import AccessGrant, Delivery
from access.models.guests import DeliveryState
from locks.codes import pins

logger = logging.getLogger(__name__)

#: Longer than a conversation with a mail server takes.
LEASE = timedelta(minutes=3)
#: After so many seconds a run ends; what is left is due in the next one.
_RUN_SECONDS = 20.0
#: Between tries of a message that no server has. After the last one it failed.
PAUSES = tuple(timedelta(seconds=each) for each in (30, 120, 600, 1800, 3600, 7200))
INTERRUPTED = "Lockboard was interrupted while it sent this. It may have been sent."

IsReady = Callable[[AccessGrant], bool]


@dataclass(frozen=True)
class Claim:
    """A message that is ours for the length of a lease: `attempt` says which time."""

    delivery: Delivery
    attempt: int


def run(is_ready: IsReady = readiness.is_ready) -> int:
    """Send what is due. Return how many messages were tried."""
    ends = time.monotonic() + _RUN_SECONDS
    tried = 0
    while time.monotonic() < ends:
        claimed = _next(is_ready, at=timezone.now())
        if claimed is None:
            break
        if isinstance(claimed, Claim):
            tried += 1
            if not _carry(claimed):
                break
    return tried


# --- claiming ---------------------------------------------------------------------------------


def _next(is_ready: IsReady, *, at: datetime) -> Claim | Hold | Over | None:
    """Take the message that is due longest, and say what becomes of it. None: nothing is due."""
    with transaction.atomic():
        delivery = (
            Delivery.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(next_run_at__lte=at)
            .select_related("grant__property", "grant__identity", "created_by")
            .order_by("next_run_at")
            .first()
        )
        if delivery is None:
            return None
        if delivery.state == DeliveryState.SENDING:
            unknown = Unknown(INTERRUPTED)
            _settle(Claim(delivery, delivery.attempts), unknown, at=at)
            return Over(INTERRUPTED)
        found = due.look(delivery, is_ready, at=at)
        if isinstance(found, Go):
            return _claim(delivery, at=at)
        _put_off(delivery, found)
        return found


def _claim(delivery: Delivery, *, at: datetime) -> Claim:
    delivery.state = DeliveryState.SENDING
    delivery.attempts += 1
    delivery.next_run_at = at + LEASE
    delivery.save(update_fields=["state", "attempts", "next_run_at"])
    if delivery.has_digits:
        # Before, not after: from now on somebody may know them, so they never change silently.
        pins.mark_handed_out(writing.codes_told(facts.wanted_shares(delivery.grant)), at=at)
    return Claim(delivery, delivery.attempts)


def _put_off(delivery: Delivery, found: Hold | Over) -> None:
    if isinstance(found, Over):
        delivery.state, delivery.next_run_at = DeliveryState.CANCELLED, None
    else:
        delivery.next_run_at = found.until
    is_news = delivery.error != found.why
    delivery.error = found.why
    delivery.save(update_fields=["state", "next_run_at", "error"])
    if is_news:
        deliveries.tell(delivery.grant)


# --- carrying ---------------------------------------------------------------------------------


def _carry(claim: Claim) -> bool:
    """Send one message and store what became of it. Return whether to go on with others."""
    try:
        with mailing.mailbox() as box:
            outcome: Outcome
            message = _written(claim)
            if isinstance(message, EmailMultiAlternatives):
                outcome = mailing.hand_over(message, box)
            else:
                outcome = message
    except mailing.UnreachableError as exc:
        _settle(claim, Unsent(str(exc), may_try_again=True), at=timezone.now())
        return False
    _settle(claim, outcome, at=timezone.now())
    return True


def _written(claim: Claim) -> EmailMultiAlternatives | Unsent:
    """Write the message, with a link of its own."""
    try:
        return writing.mail(claim.delivery, at=timezone.now())
    except writing.UnsettledError:
        return Unsent("The code was changed at this moment.", may_try_again=True)
    except Exception:  # whatever it is, nothing was sent: say so rather than leave it in doubt
        logger.exception("a message to a guest could not be written")
        return Unsent("Lockboard could not write this message.", may_try_again=False)


def _settle(claim: Claim, outcome: Outcome, *, at: datetime) -> None:
    """Store an outcome, unless the message was claimed anew since."""
    delivery = claim.delivery
    delivery.next_run_at = None
    if isinstance(outcome, Sent):
        delivery.state, delivery.sent_at, delivery.error = DeliveryState.SENT, at, ""
    else:
        _note_failure(delivery, outcome, at=at)
    columns = ("state", "sent_at", "error", "next_run_at", "detail")
    with transaction.atomic():
        ours = Delivery.objects.filter(pk=delivery.pk, attempts=claim.attempt)
        if not ours.update(**{name: getattr(delivery, name) for name in columns}):
            return
        if isinstance(outcome, Unsent) and delivery.link is not None:
            links.revoke([delivery.link], at=at)
        if delivery.state in (DeliveryState.SENT, DeliveryState.FAILED):
            message_log.note(delivery, at=at)
        deliveries.tell(delivery.grant)


def _note_failure(delivery: Delivery, outcome: Unsent | Unknown, *, at: datetime) -> None:
    delivery.error = outcome.why
    delivery.state = DeliveryState.FAILED
    if isinstance(outcome, Unknown):
        delivery.detail = delivery.detail | {"is_unknown": True}
    elif outcome.may_try_again and delivery.attempts <= len(PAUSES):
        delivery.state = DeliveryState.WAITING
        delivery.next_run_at = at + PAUSES[delivery.attempts - 1]
