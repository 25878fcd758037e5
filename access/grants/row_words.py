"""What a list says of a grant besides how it is doing: where, when, who, and what was sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from access.models import AccessGrant, Delivery, GrantTarget
from access.models.grants import GrantState, Source
from access.models.guests import Channel, DeliveryState
from locks.codes.rules import clock
from locks.codes.words import State

_STATES = {
    GrantState.UPCOMING: State("upcoming", "Upcoming", "info", "calendar"),
    GrantState.ACTIVE: State("active", "Active", "ok", "clock"),
    GrantState.ARRIVED: State("arrived", "Arrived", "ok", "log-in"),
    GrantState.ENDED: State("ended", "Ended", "unknown", "log-out"),
    GrantState.NO_SHOW: State("no_show", "No-show", "unknown", "dashed"),
    GrantState.CANCELLED: State("cancelled", "Cancelled", "unknown", "x"),
}
#: Somebody with a room for a time, and somebody who belongs here.
TEMPORARY = State("temporary", "Temporary", "unknown", "clock")
STAFF = State("staff", "Staff", "unknown", "briefcase")


def life(grant: AccessGrant, now: datetime) -> State:
    """Return where the stay stands."""
    return _STATES[grant.state(now)]


def kind(grant: AccessGrant) -> State:
    return STAFF if grant.identity.is_staff else TEMPORARY


def span(grant: AccessGrant, now: datetime) -> str:
    """`13 Jul, 15:00 – 16 Jul, 11:00`; `From 13 Jul, 15:00`. In the property's time."""
    zone = grant.property.zone
    starts = _day_and_clock(grant.starts_at, grant, now)
    if grant.ends_at is None:
        return f"From {starts}"
    one, other = (at.astimezone(zone) for at in (grant.starts_at, grant.ends_at))
    if one.date() == other.date():
        return f"{starts} – {other:%H:%M}"
    return f"{starts} – {_day_and_clock(grant.ends_at, grant, now)}"


def _day_and_clock(at: datetime, grant: AccessGrant, now: datetime) -> str:
    local, today = at.astimezone(grant.property.zone), now.astimezone(grant.property.zone)
    return f"{local:%a %-d %b, %H:%M}" if local.year == today.year else f"{local:%-d %b %Y, %H:%M}"


def places(targets: Sequence[GrantTarget]) -> list[str]:
    return [str(each) for each in targets]


def created_by(grant: AccessGrant) -> str:
    if grant.created_by is not None:
        return f"by {grant.created_by.name}"
    return {
        Source.FEED: "by a calendar",
        Source.FILE: "by a table",
        Source.API: "by the API",
    }.get(Source(grant.source), "")


# --- messages -------------------------------------------------------------------------

NOT_SENT = State("none", "Nothing sent", "unknown", "dashed", "No message was made for them.")
_VERBS = {Channel.COPIED: "Copied", Channel.PRINTED: "Printed"}


def delivery(deliveries: Sequence[Delivery], grant: AccessGrant, now: datetime) -> State:
    """Return what became of the latest message that counts. `deliveries`: newest first."""
    found = next((each for each in deliveries if each.state != DeliveryState.CANCELLED), None)
    if found is None:
        return NOT_SENT
    zone = grant.property.zone
    if found.opened_at is not None:
        when = clock(found.opened_at, zone, now)
        return State("opened", "Opened", "ok", "eye", f"They looked at their page {when}.")
    match found.state:
        case DeliveryState.FAILED:
            return State("failed", "Not delivered", "danger", "x-circle", found.error)
        case DeliveryState.SENT:
            verb = _VERBS.get(Channel(found.channel), "Sent")
            when = clock(found.sent_at, zone, now) if found.sent_at else ""
            return State("sent", verb, "info", "send", f"{verb} {when}, not opened yet.")
        case DeliveryState.SENDING:
            return State("sending", "Sending", "info", "hourglass", "It is being handed over.")
    return State("waiting", "Waiting", "info", "hourglass", _waits_for(found, grant, now))


def _waits_for(found: Delivery, grant: AccessGrant, now: datetime) -> str:
    if found.error:
        return found.error
    if found.not_before is not None and found.not_before > now:
        return f"It is sent {clock(found.not_before, grant.property.zone, now)}."
    return "It is sent when everything is ready." if found.waits_until_ready else ""
