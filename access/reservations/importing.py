"""A table of reservations: looked at, shown, and then stored whole or not at all."""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from access.models import FeedReading, ReservationFeed
from access.models.feeds import FeedKind
from access.planning.asked import Policy
from access.reservations import applying, outside, reporting, storing, tables, trying
from access.reservations.applying import HalfDoneError
from access.reservations.dates import DayOrder
from access.reservations.known import Known
from access.reservations.matching import Do
from access.reservations.rooms import Rooms
from access.reservations.stays import ReadError, Verdict
from access.reservations.trying import Tried
from access.reservations.wishes import Ways
from accounts import sealing
from accounts.actors import Actor
from accounts.models import Space
from accounts.permissions import Permission

#: Stays that one import makes or changes: all of it is one transaction.
MOST_AT_ONCE = 500
#: How long what was shown may be confirmed.
GOOD_FOR = timedelta(hours=1)
#: Of a packed table, in characters; the form with it must get in.
PACKED_LONGEST = 900_000

TOO_MANY = (
    "It would create or change {} stays. Import at most {} at a time: split the file in parts."
)
TOO_LARGE = "The file is too large to be confirmed in one go: split it in parts."
TOO_LATE = "What was shown is older than an hour. Choose the file again."
NOT_OURS = "What was shown cannot be read any more. Choose the file again."
REFUSED = "Nothing was imported: {} of its lines cannot be done. They are marked below."


class ImportRefusedError(Exception):
    """It cannot be imported. `str()` is a sentence for people; `tried` what to show with it."""

    def __init__(self, sentence: str, tried: Tried | None = None) -> None:
        super().__init__(sentence)
        self.tried = tried


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A table, and what somebody chose for it."""

    place: Space
    content: bytes
    order: DayOrder | None
    #: The room of lines that name none.
    usual: str
    modes: tuple[str, ...]
    sends: bool


def look(upload: Upload, *, by: Actor, at: datetime) -> Tried:
    """Say what would happen. Nothing is written."""
    by.require(Permission.MANAGE_GRANTS, upload.place.pk)
    rooms = Rooms(upload.place, usual=upload.usual)
    feed = _feed_of(upload) or _new_feed(upload, by)
    try:
        reading = tables.read(
            upload.content, house=outside.house_of(upload.place), now=at, order=upload.order
        )
    except ReadError as error:
        return Tried(error=str(error))
    reading = rooms.checked(reading)
    known = _known(feed)
    ways = Ways(feed=feed, rooms=rooms.spaces_known())
    tried = trying.planned(reading, known, ways, lists_all=False, at=at)
    return _judged(tried, is_sound=reading.may_be_imported, unreadable=len(reading.unreadable))


def _judged(tried: Tried, *, is_sound: bool, unreadable: int) -> Tried:
    deeds = tried.count(Do.CREATE, Do.CHANGE, Do.END)
    for step, line in zip(tried.steps, tried.lines, strict=True):
        if step.row and step.row.verdict is Verdict.UNREADABLE:
            line.do, line.sentence = applying.FAILED, step.row.reason
    error = ""
    if unreadable:
        lines = "1 line" if unreadable == 1 else f"{unreadable} lines"
        error = f"{lines} cannot be read. Correct the file and choose it again."
    elif not is_sound:
        error = "No line of the file is a stay to come."
    elif deeds > MOST_AT_ONCE:
        error = TOO_MANY.format(deeds, MOST_AT_ONCE)
    elif not deeds:
        error = "Everything in the file is here already."
    return Tried(
        lines=tried.lines,
        warning=tried.warning,
        steps=tried.steps,
        error=error,
        is_refused=bool(error),
    )


def do(upload: Upload, *, by: Actor, at: datetime) -> FeedReading:
    """Import a table in one transaction. Raises ImportRefusedError; then nothing was done."""
    try:
        with transaction.atomic():
            # One import at a time in a property.
            Space.objects.select_for_update(no_key=True).get(pk=upload.place.pk)
            tried = look(upload, by=by, at=at)
            if tried.error:
                raise ImportRefusedError(tried.error, tried)
            feed = _feed_of(upload) or _new_feed(upload, by)
            feed.modes, feed.sends = list(upload.modes), upload.sends
            if feed._state.adding:
                feed.created_at = at
            feed.read_at = at
            feed.save()
            names = [step.after.stay.room for step in tried.steps if step.after]
            rooms = Rooms(upload.place, usual=upload.usual).spaces_called(names)
            ways = Ways(feed=feed, rooms=rooms, person=by)
            rows = storing.stays_of(feed)
            outcome = applying.apply_whole(tried.steps, rows, ways, at=at)
            return reporting.report(feed, at=at, lines=outcome.lines, by=by.user)
    except HalfDoneError as error:
        failed = sum(line.do == applying.FAILED for line in error.lines)
        for line in error.lines:
            line.sentence = trying.would(line.sentence)
        told = Tried(lines=tuple(error.lines), is_refused=True)
        raise ImportRefusedError(REFUSED.format(failed), told) from None


def _feed_of(upload: Upload) -> ReservationFeed | None:
    """Return what holds the tables of a property."""
    rows = ReservationFeed.objects.filter(
        property=upload.place, kind=FeedKind.TABLE, removed_at=None
    )
    return rows.select_related("property", "workspace").order_by("created_at").first()


def _new_feed(upload: Upload, by: Actor) -> ReservationFeed:
    return ReservationFeed(
        workspace=by.workspace,
        property=upload.place,
        kind=FeedKind.TABLE,
        name=f"Tables of {upload.place.name}"[:100],
        modes=list(upload.modes),
        policy=Policy.ALL.value,
        sends=upload.sends,
        created_by=by.user,
    )


def _known(feed: ReservationFeed) -> list[Known]:
    if feed._state.adding:
        return []
    return [storing.with_hands(row) for row in storing.stays_of(feed)]


# --- between what was shown and its confirmation --------------------------------------


def packed(upload: Upload, *, by: Actor, at: datetime) -> str:
    """Return a table as a form carries it until it is confirmed: nothing of it is stored here.

    Raises ImportRefusedError where that is too much for a form.
    """
    content = base64.b85encode(zlib.compress(upload.content, 9)).decode()
    text = sealing.seal(f"{at.isoformat()} {content}", _bound_to(upload.place, by))
    if len(text) > PACKED_LONGEST:
        raise ImportRefusedError(TOO_LARGE)
    return text


def unpacked(text: str, place: Space, *, by: Actor, at: datetime) -> bytes:
    """Return the table that this very person was shown for this property.

    Raises ImportRefusedError.
    """
    try:
        opened = sealing.unseal(text, _bound_to(place, by))
        moment, _, content = opened.partition(" ")
        if not timedelta(0) <= at - datetime.fromisoformat(moment) <= GOOD_FOR:
            raise ImportRefusedError(TOO_LATE)
        return zlib.decompress(base64.b85decode(content))
    except (sealing.UnreadableError, ValueError, zlib.error, binascii.Error):
        raise ImportRefusedError(NOT_OURS) from None


def _bound_to(place: Space, by: Actor) -> str:
    return f"table:{place.pk}:{by.user.pk}"
