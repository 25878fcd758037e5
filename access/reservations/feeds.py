"""What people do with calendars: connect one, change it, pause it, take it away."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction

from access import tasks
from access.models import FeedStay, ReservationFeed
from access.models.feeds import FeedKind
from access.planning.asked import Policy
from access.reservations.fetching import clean_address
from access.reservations.outside import calendar_door
from accounts import sealing
from accounts.actors import Actor
from accounts.models import Space, Workspace
from accounts.permissions import Permission
from audit.services import record
from audit.who import Place
from audit.words import How, Verb
from locks import live
from locks.codes.rules import RuleError
from locks.codes.services import RefusedError

NAME_LONGEST = 100
_TWICE = "this calendar is connected already, as “{}”"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the stays of a feed become grants."""

    name: str
    modes: tuple[str, ...]
    policy: str = Policy.ALL.value
    sends: bool = True
    unclear_are_stays: bool = False

    @classmethod
    def of(cls, feed: ReservationFeed) -> Settings:
        """Return how the stays of a feed become grants now."""
        return cls(
            name=feed.name,
            modes=tuple(feed.modes),
            policy=feed.policy,
            sends=feed.sends,
            unclear_are_stays=feed.unclear_are_stays,
        )

    def put_on(self, feed: ReservationFeed) -> None:
        feed.name = self.name[:NAME_LONGEST]
        feed.modes = list(self.modes)
        feed.policy = self.policy
        feed.sends = self.sends
        feed.unclear_are_stays = self.unclear_are_stays


def cleaned_address(text: str, workspace: Workspace) -> str:
    """Return an address as it is kept. Raises RefusedError."""
    try:
        return clean_address(text, door=calendar_door(workspace))
    except ValueError as error:
        raise RefusedError([RuleError("address", str(error))]) from None


def unsaved(space: Space, settings: Settings, *, workspace: Workspace) -> ReservationFeed:
    """Return a feed as it would be, for a try."""
    feed = ReservationFeed(
        workspace=workspace,
        property=space.property or space,
        space=space,
        kind=FeedKind.CALENDAR,
    )
    settings.put_on(feed)
    return feed


def add(
    space: Space, address: str, settings: Settings, *, by: Actor, at: datetime
) -> ReservationFeed:
    """Connect the calendar of a space; it is read at once. Raises RefusedError."""
    place = space.property or space
    by.require(Permission.MANAGE_RESERVATIONS, place.pk)
    address = cleaned_address(address, by.workspace)
    with transaction.atomic():
        # Two presses at once: the second waits here, and finds the first.
        Space.objects.select_for_update(no_key=True).get(pk=place.pk)
        _refuse_twice(space, address)
        feed = unsaved(space, settings, workspace=by.workspace)
        feed.host = host_of(address)
        feed.created_by, feed.created_at, feed.next_read_at = by.user, at, at
        feed.seal_address(address)
        feed.save(force_insert=True)
        _tell(Verb.FEED_ADDED, feed, by=by, at=at)
        _hint(feed)
    return feed


def host_of(address: str) -> str:
    return (urlsplit(address).hostname or "")[:200]


def _refuse_twice(space: Space, address: str) -> None:
    same = ReservationFeed.objects.filter(
        space=space, kind=FeedKind.CALENDAR, removed_at=None, host=host_of(address)
    )
    for other in same:
        # What was kept with another key says so when it is read.
        with suppress(sealing.UnreadableError):
            if other.unseal_address() == address:
                raise RefusedError([RuleError("address", _TWICE.format(other.name))])


def change(
    feed: ReservationFeed, settings: Settings, *, address: str = "", by: Actor, at: datetime
) -> None:
    """Change how a calendar is read, and for later stays what they get. Raises RefusedError.

    With an address: from there from now on; it is read at once.
    """
    by.require(Permission.MANAGE_RESERVATIONS, feed.property_id)
    address = cleaned_address(address, feed.workspace) if address else ""
    told = []
    with transaction.atomic():
        row = _held(feed)
        before = Settings.of(row)
        settings.put_on(row)
        if before != Settings.of(row):
            told.append("settings")
        if address:
            told.append("address")
            row.seal_address(address)
            row.host = host_of(address)
            row.validators, row.failures, row.error, row.error_since = {}, 0, "", None
        if not told:
            return
        row.read_whole_at = None  # what was skipped may be a stay now
        row.next_read_at = at
        row.lease_until = None  # whoever reads it now, reads what was
        row.save()
        _tell(Verb.FEED_CHANGED, row, by=by, at=at, after=" and ".join(told))
        _hint(row)


def set_paused(
    feed: ReservationFeed,
    is_paused: bool,  # noqa: FBT001  it is the value
    *,
    by: Actor,
    at: datetime,
) -> None:
    """Stop reading a calendar, or go on. Its stays are left as they are."""
    by.require(Permission.MANAGE_RESERVATIONS, feed.property_id)
    with transaction.atomic():
        row = _held(feed)
        if (row.paused_at is not None) == is_paused:
            return
        row.paused_at = at if is_paused else None
        row.next_read_at = at
        row.save(update_fields=["paused_at", "next_read_at"])
        after = "paused" if is_paused else "read again"
        _tell(Verb.FEED_CHANGED, row, by=by, at=at, after=after)
        if not is_paused:
            _hint(row)


def remove(feed: ReservationFeed, *, by: Actor, at: datetime) -> None:
    """Forget a calendar and its address. The stays that came from it go on until they end."""
    by.require(Permission.MANAGE_RESERVATIONS, feed.property_id)
    with transaction.atomic():
        row = _held(feed)
        if row.removed_at is not None:
            return
        row.removed_at, row.next_read_at = at, None
        row.seal_address("")
        row.save(update_fields=["removed_at", "next_read_at", "address_sealed"])
        _tell(Verb.FEED_REMOVED, row, by=by, at=at)


def read_now(feed: ReservationFeed, *, by: Actor, at: datetime) -> bool:
    """Have a calendar read at once, by a worker. Return False where it waits for something else."""
    by.require(Permission.MANAGE_RESERVATIONS, feed.property_id)
    rows = ReservationFeed.objects.filter(
        pk=feed.pk, removed_at=None, paused_at=None, kind=FeedKind.CALENDAR
    )
    with transaction.atomic():
        if not rows.update(next_read_at=at):
            return False
        _hint(feed)
    return True


def going_on(feed: ReservationFeed, at: datetime) -> Sequence[FeedStay]:
    """Return the stays that a feed leaves behind: those with a grant that still opens doors."""
    rows = FeedStay.objects.filter(feed=feed, grant__revoked_at=None, grant__ends_at__gt=at)
    return list(rows.select_related("grant__identity").order_by("grant__starts_at", "pk"))


def _held(feed: ReservationFeed) -> ReservationFeed:
    rows = ReservationFeed.objects.select_for_update(of=("self",), no_key=True)
    found: ReservationFeed = rows.select_related("property", "space").get(pk=feed.pk)
    return found


def _hint(feed: ReservationFeed) -> None:
    pk = str(feed.pk)
    transaction.on_commit(lambda: live.send(tasks.read_feed, expires=30, feed_id=pk) and None)


def _tell(verb: Verb, feed: ReservationFeed, *, by: Actor, at: datetime, **detail: Any) -> None:
    record(
        verb,
        workspace_id=feed.workspace_id,
        at=at,
        who=by.who,
        place=Place(property_id=feed.property_id, property_name=feed.property.name),
        subject=feed.name,
        how=How.WEB,
        **detail,
    )
