"""Whether the time of a message has come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from access.guests import deliveries, facts, readiness
from access.guests.letters import Kind
from access.models import AccessGrant, Delivery

REVOKED = "The stay was revoked."
NOT_REVOKED = "Revoking was taken back."
OVER = "The stay is over."
DAY_OVER = "The day of their arrival is over."
NOT_YET = "It goes out at its time."
BEING_REVOKED = "The stay is being revoked."
NOT_READY = "It waits until everything is ready."
NO_DIGITS = "It waits for the code: its digits are told once they can change no more."


@dataclass(frozen=True)
class Go:
    """Send it now."""


@dataclass(frozen=True)
class Hold:
    """Look again at `until`."""

    why: str
    until: datetime


@dataclass(frozen=True)
class Over:
    """Never send it."""

    why: str


def look(
    delivery: Delivery, is_ready: Callable[[AccessGrant], bool], *, at: datetime
) -> Go | Hold | Over:
    """Say what becomes of a waiting message that is due. Needs its row `grant` at hand."""
    grant = delivery.grant
    if delivery.kind == Kind.REVOKED:
        return _of_revoked(delivery, at)
    if grant.revoked_at is not None:
        return _while_revoked(grant, at)
    if grant.is_over(at):
        return Over(OVER)
    if delivery.kind == Kind.REMINDER and _is_day_over(grant, at):
        return Over(DAY_OVER)
    earliest = deliveries.earliest(grant, delivery.kind, delivery.not_before)
    if earliest and at < earliest:
        return Hold(NOT_YET, earliest)
    if delivery.waits_until_ready and not is_ready(grant):
        return Hold(NOT_READY, at + _pause(grant, at))
    if delivery.has_digits and not readiness.are_digits_settled(facts.wanted_shares(grant)):
        return Hold(NO_DIGITS, at + _pause(grant, at))
    return Go()


def _of_revoked(delivery: Delivery, at: datetime) -> Go | Hold | Over:
    grant = delivery.grant
    if grant.revoked_at is None:
        return Over(NOT_REVOKED)
    # While it can be taken back, nobody is told.
    if grant.given_up_at is None and grant.revoke_due_at and at < grant.revoke_due_at:
        return Hold(BEING_REVOKED, grant.revoke_due_at)
    return Go()


def _while_revoked(grant: AccessGrant, at: datetime) -> Hold | Over:
    if grant.given_up_at is None and grant.revoke_due_at and at < grant.revoke_due_at:
        return Hold(BEING_REVOKED, grant.revoke_due_at)
    return Over(REVOKED)


def _is_day_over(grant: AccessGrant, at: datetime) -> bool:
    zone = grant.property.zone
    return at.astimezone(zone).date() > grant.starts_at.astimezone(zone).date()


def _pause(grant: AccessGrant, at: datetime) -> timedelta:
    """Look often where somebody is about to arrive, seldom where it is weeks ahead."""
    ahead = grant.starts_at - at
    if ahead < timedelta(hours=3):
        return timedelta(seconds=10)
    return timedelta(minutes=1) if ahead < timedelta(days=2) else timedelta(minutes=10)
