"""What a message's state is called, and what staff can do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from zoneinfo import ZoneInfo

from access.guests import deliveries, writing
from access.guests.letters import Kind
from access.models import AccessGrant, Delivery
from access.models.guests import Channel, DeliveryState
from accounts.providers.systems import AccessMethod as Mode
from locks.codes.rules import clock
from locks.codes.words import State

KIND_WORDS = {
    Kind.INVITATION: "Invitation",
    Kind.CHANGED: "Change",
    Kind.REMINDER: "Reminder on the day",
    Kind.REVOKED: "Cancellation",
}
_HANDED = {
    Channel.COPIED: ("Copied", "copy", "{by} took its text, to send it by a messenger."),
    Channel.PRINTED: ("Made for paper", "log-out", "{by} made a sheet to print."),
}
_SCANNED = "Its link was fetched, perhaps by a mail scanner only."
_LOCKED = "Its link is locked: a wrong code was typed five times."
_UNKNOWN = "Nobody knows whether it arrived. Ask the guest, or send it again."


@dataclass(frozen=True, kw_only=True)
class Row:
    """One message, as a list shows it."""

    delivery: Delivery
    what: str
    how: str
    state: State
    at: datetime
    may_wait_no_more: bool
    may_cancel: bool
    may_repeat: bool
    has_link_code: bool
    is_mail: bool


def rows_of(grant: AccessGrant, *, at: datetime) -> list[Row]:
    """Return all messages of a stay, newest first. Two queries."""
    found = Delivery.objects.filter(grant=grant).select_related("link", "created_by")
    asks_code = grant.requests.filter(mode=Mode.CLOUD_KEY).exists()
    rows = []
    for delivery in found.order_by("-created_at", "-pk"):
        delivery.grant = grant
        rows.append(_row(delivery, at, asks_code=asks_code))
    return rows


def locked_of(rows: Sequence[Row]) -> Row | None:
    """Return the message whose link is locked, unless a new link was sent or is asked for since."""
    standing = [
        (row, row.delivery.link)
        for row in rows
        if row.delivery.link and row.delivery.link.revoked_at is None
    ]
    locked = max(
        ((link.locked_at, row) for row, link in standing if link.locked_at),
        key=itemgetter(0),
        default=None,
    )
    if locked is None or any(_is_on_its_way(row.delivery) for row in rows):
        return None
    since, found = locked
    return None if any(link.created_at > since for _, link in standing) else found


def _is_on_its_way(delivery: Delivery) -> bool:
    is_open = delivery.state in (DeliveryState.WAITING, DeliveryState.SENDING)
    return is_open and delivery.kind != Kind.REMINDER


def _row(delivery: Delivery, at: datetime, *, asks_code: bool) -> Row:
    grant = delivery.grant
    is_waiting = delivery.state == DeliveryState.WAITING
    is_done = delivery.state in (DeliveryState.SENT, DeliveryState.FAILED)
    is_for_now = (delivery.kind == Kind.REVOKED) == (grant.revoked_at is not None)
    may_tell = is_for_now and (delivery.kind == Kind.REVOKED or not grant.is_over(at))
    link = delivery.link
    is_link_good = link is not None and link.revoked_at is None and link.locked_at is None
    return Row(
        delivery=delivery,
        what=KIND_WORDS[Kind(delivery.kind)],
        how=_how(delivery),
        state=state_of(delivery, at),
        at=delivery.opened_at or delivery.sent_at or delivery.created_at,
        may_wait_no_more=is_waiting and may_tell and not _is_before_its_day(delivery, at),
        may_cancel=is_waiting,
        may_repeat=is_done and may_tell and delivery.channel == Channel.EMAIL,
        is_mail=delivery.channel == Channel.EMAIL and delivery.state == DeliveryState.SENT,
        has_link_code=is_link_good and asks_code and may_tell and grant.revoked_at is None,
    )


def _is_before_its_day(delivery: Delivery, at: datetime) -> bool:
    """A reminder is of use on its day only, whoever presses *Send now*."""
    return delivery.kind == Kind.REMINDER and at < deliveries.reminded_at(delivery.grant)


def state_of(delivery: Delivery, at: datetime) -> State:
    """Return how far a message is. Needs its rows `grant` (with `property`) and `link` at hand."""
    zone = delivery.grant.property.zone
    match delivery.state:
        case DeliveryState.WAITING:
            return _waiting(delivery, at, zone)
        case DeliveryState.SENDING:
            return State("sending", "Sending", "info", "send", "The mail server is being told.")
        case DeliveryState.SENT:
            return _sent(delivery, at, zone)
        case DeliveryState.CANCELLED:
            return State("cancelled", "Not sent", "unknown", "ban", delivery.error)
    if delivery.detail.get("is_unknown"):
        note = f"{delivery.error} {_UNKNOWN}"
        return State("unconfirmed", "Not confirmed", "warn", "question", note)
    return State("failed", "Failed", "danger", "x-circle", delivery.error)


def _waiting(delivery: Delivery, at: datetime, zone: ZoneInfo) -> State:
    if delivery.attempts:
        ahead = delivery.next_run_at
        next_try = f" Next try at {clock(ahead, zone, at)}." if ahead and ahead > at else ""
        return State("retrying", "Not sent yet", "warn", "alert", f"{delivery.error}{next_try}")
    if deliveries.is_late(delivery, at):
        starts_at = delivery.grant.starts_at
        begins = "begins" if starts_at > at else "began"
        note = f"{delivery.error} The stay {begins} {clock(starts_at, zone, at)}."
        return State("late", "Still waiting", "warn", "alert", note.strip())
    if delivery.error:
        return State("waiting", "Waiting", "info", "hourglass", _waits_for(delivery, at, zone))
    if _is_ahead(delivery, at):
        return State("waiting", "Waiting", "info", "calendar", _waits_for(delivery, at, zone))
    return State("waiting", "On its way", "info", "hourglass", "It goes out in a moment.")


def _waits_for(delivery: Delivery, at: datetime, zone: ZoneInfo) -> str:
    earliest = deliveries.earliest(delivery.grant, delivery.kind, delivery.not_before)
    if earliest and earliest > at:
        return f"It goes out not before {clock(earliest, zone, at)}."
    return delivery.error


def _is_ahead(delivery: Delivery, at: datetime) -> bool:
    return delivery.next_run_at is not None and delivery.next_run_at > at


def _sent(delivery: Delivery, at: datetime, zone: ZoneInfo) -> State:
    if delivery.link is not None and delivery.link.locked_at is not None:
        return State("locked", "Link locked", "warn", "lock", _LOCKED)
    if delivery.opened_at:
        note = f"Somebody looked at the page behind it, {clock(delivery.opened_at, zone, at)}."
        return State("opened", "Opened", "ok", "eye", note)
    if delivery.channel != Channel.EMAIL:
        word, icon, note = _HANDED[Channel(delivery.channel)]
        by = delivery.detail.get("by") or "Somebody"
        return State("handed", word, "ok", icon, note.format(by=by))
    is_fetched = delivery.link is not None and delivery.link.fetched_at is not None
    return State("sent", "Sent", "ok", "check", _SCANNED if is_fetched else "")


def _how(delivery: Delivery) -> str:
    parts = [writing.english_name(delivery.language)]
    if delivery.has_digits:
        parts.append("with the code")
    return " · ".join(filter(None, [delivery.address, *parts]))
