"""A stay, as a grant that somebody asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from access.grants.asking import Asked, By, Guest, Ours, Target, TargetKind
from access.models import ReservationFeed
from access.models.feeds import FeedKind
from access.models.grants import Source
from access.planning.asked import Policy, Request
from access.reservations.known import Known
from accounts.models import Space
from accounts.providers.systems import AccessMethod
from locks.models import Device

_NAME_LONGEST = 100
_NOTE_LONGEST = 500


@dataclass(frozen=True, kw_only=True)
class Ways:
    """How the guests of a feed get in, where it leads, and whether they are written to."""

    feed: ReservationFeed
    #: What the name of a table's room means: for a look perhaps a door that is to get a room
    #: around it. A calendar is of one room.
    rooms: Mapping[str, Space | Device]
    #: For a look at a calendar: such a door.
    door: Device | None = None
    #: Who imports a table; nobody for a calendar.
    person: By | None = None

    def place_of(self, known: Known) -> Space | Device | None:
        if self.feed.kind == FeedKind.CALENDAR:
            return self.door or self.feed.space
        return self.rooms.get(known.stay.room.casefold())

    @property
    def by(self) -> By:
        return self.person or Ours(f"Calendar of {self.feed.name}"[:200])


def wish(known: Known, ways: Ways, place: Space | Device) -> Asked:
    """Return the grant that a stay wants."""
    feed = ways.feed
    reference = known.stay.reference
    return Asked(
        property=feed.property,
        guest=guest_of(known, place),
        targets=(_target(place),),
        starts_at=known.starts_at,
        ends_at=known.ends_at,
        requests=tuple(Request(mode=AccessMethod(mode)) for mode in feed.modes),
        policy=Policy(feed.policy),
        note=f"Booking {reference}"[:_NOTE_LONGEST] if reference else "",
        source=Source.FEED if feed.kind == FeedKind.CALENDAR else Source.FILE,
    )


def _target(place: Space | Device) -> Target:
    kind = TargetKind.DEVICE if isinstance(place, Device) else TargetKind.SPACE
    return Target(kind, place.pk)


def guest_of(known: Known, place: Space | Device) -> Guest:
    """Return who comes. Without e-mail and phone it is somebody new, with digits of their own."""
    told = known.stay.guest
    name = told.name or known.stay.reference or f"Guest of {place.name}"
    return Guest(full_name=name[:_NAME_LONGEST], email=told.email, phone=told.phone)


def changed_wish(asked: Asked, known: Known) -> Asked:
    """Return a grant as it stands, with the times of the stay. Doors stay as people set them."""
    return replace(asked, starts_at=known.starts_at, ends_at=known.ends_at)
