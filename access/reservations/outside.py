"""The way out to calendars, and what is needed of a property to read one."""

from __future__ import annotations

from datetime import datetime
from functools import cache

from django.conf import settings

from access.models import ReservationFeed
from access.reservations import calendars
from access.reservations.fetching import BUDGET_SECONDS, Fetched, Validators, fetch
from access.reservations.matching import Source
from access.reservations.stays import House, Reading
from accounts.models import Space, Workspace
from accounts.providers.public import PublicDoor


def calendar_door(workspace: Workspace) -> PublicDoor:
    """Return the way to any host of the internet; for a sandbox also to its simulated one."""
    return _door(settings.SANDBOX_URL if workspace.is_sandbox else "")


@cache
def _door(sandbox: str) -> PublicDoor:
    return PublicDoor((sandbox,) if sandbox else ())


def house_of(place: Space) -> House:
    return House(zone=place.zone, check_in=place.check_in, check_out=place.check_out)


def source_of(feed: ReservationFeed, *, lists_all: bool = True) -> Source:
    return Source(
        zone=feed.property.zone, lists_all=lists_all, unclear_are_stays=feed.unclear_are_stays
    )


def fetched(
    address: str,
    workspace: Workspace,
    *,
    seen: Validators | None = None,
    budget_seconds: float = BUDGET_SECONDS,
) -> Fetched:
    """Return the calendar at an address. Raises FetchError."""
    return fetch(address, door=calendar_door(workspace), seen=seen, budget_seconds=budget_seconds)


def reading_of(content: bytes, place: Space, *, now: datetime) -> Reading:
    """Raises ReadError."""
    return calendars.read(content, house=house_of(place), now=now)
