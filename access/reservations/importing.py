"""A table of reservations: looked at, shown, and then stored whole or not at all."""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import transaction

from access.models import FeedReading, FeedStay, ReservationFeed
from access.models.feeds import FeedKind
from access.planning.asked import Policy
from access.reservations import applying, outside, reporting, storing, tables, trying
from access.reservations.applying import HalfDoneError
from access.reservations.dates import DayOrder
from access.reservations.matching import Do
from access.reservations.rooms import Rooms
from access.reservations.stays import ReadError, Reading, Verdict
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
FORETOLD = (
    "{} cannot be done as things are now, and a table is imported whole or not at all. See below"
    " what is in the way; then choose the file again."
)
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


@dataclass(frozen=True, kw_only=True)
class _Met:
    """An upload, and what is here already: read once, so that what is decided on is changed."""

    feed: ReservationFeed
    rows: list[FeedStay]
    reading: Reading
    rooms: Rooms

    def planned(self, ways: Ways, at: datetime) -> Tried:
        known = [storing.with_hands(row) for row in self.rows]
        return trying.planned(self.reading, known, ways, lists_all=False, at=at)


def _met(upload: Upload, *, by: Actor, at: datetime) -> _Met:
    """Raises ReadError."""
    by.require(Permission.MANAGE_GRANTS, upload.place.pk)
    house = outside.house_of(upload.place)
    reading = tables.read(upload.content, house=house, now=at, order=upload.order)
    rooms = Rooms(upload.place, usual=upload.usual)
    feed = _feed_of(upload)
    return _Met(
        feed=feed or _new_feed(upload, by),
        rows=storing.stays_of(feed) if feed else [],
        reading=rooms.checked(reading),
        rooms=rooms,
    )


def look(upload: Upload, *, by: Actor, at: datetime) -> Tried:
    """Say what would happen, and what is in the way. Nothing is written."""
    try:
        met = _met(upload, by=by, at=at)
    except ReadError as error:
        return Tried(error=str(error))
    met.feed.modes = list(upload.modes)
    ways = Ways(feed=met.feed, rooms=met.rooms.places())
    tried = _judged(met.planned(ways, at), met.reading)
    if tried.error:
        return tried
    return _foretold(trying.doubted(tried, met.rows, ways, at=at, is_whole=True))


def _judged(tried: Tried, reading: Reading) -> Tried:
    deeds = tried.count(Do.CREATE, Do.CHANGE, Do.END)
    for step, line in zip(tried.steps, tried.lines, strict=True):
        if step.row and step.row.verdict is Verdict.UNREADABLE:
            line.do, line.sentence = applying.FAILED, step.row.reason
    error = ""
    if unreadable := len(reading.unreadable):
        error = f"{_lines(unreadable)} cannot be read. Correct the file and choose it again."
    elif not reading.may_be_imported:
        error = "No line of the file is a stay to come."
    elif deeds > MOST_AT_ONCE:
        error = TOO_MANY.format(deeds, MOST_AT_ONCE)
    elif not deeds:
        error = "Everything in the file is here already."
    return replace(tried, error=error, is_refused=bool(error))


def _foretold(tried: Tried) -> Tried:
    failed = sum(line.do == applying.FAILED for line in tried.lines)
    return (
        replace(tried, error=FORETOLD.format(_lines(failed)), is_refused=True) if failed else tried
    )


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"


def do(upload: Upload, *, by: Actor, at: datetime) -> FeedReading:
    """Import a table in one transaction. Raises ImportRefusedError; then nothing was done."""
    try:
        with transaction.atomic():
            # One import at a time in a property.
            Space.objects.select_for_update(no_key=True).get(pk=upload.place.pk)
            met = _met(upload, by=by, at=at)
            ways = Ways(feed=met.feed, rooms={}, person=by)
            tried = _judged(met.planned(ways, at), met.reading)
            if tried.error:
                raise ImportRefusedError(tried.error, tried)
            _save(met.feed, upload, at)
            names = [step.after.stay.room for step in tried.steps if step.after]
            ways = replace(ways, rooms=met.rooms.spaces_called(names))
            outcome = applying.apply_whole(tried.steps, met.rows, ways, at=at)
            return reporting.report(met.feed, at=at, lines=outcome.lines, by=by.user)
    except ReadError as error:
        raise ImportRefusedError(str(error), Tried(error=str(error))) from None
    except HalfDoneError as error:
        failed = sum(line.do == applying.FAILED for line in error.lines)
        for line in error.lines:
            line.sentence = trying.would(line.sentence)
        sentence = REFUSED.format(failed)
        told = Tried(lines=tuple(error.lines), error=sentence, is_refused=True)
        raise ImportRefusedError(sentence, told) from None


def _save(feed: ReservationFeed, upload: Upload, at: datetime) -> None:
    feed.modes, feed.sends = list(upload.modes), upload.sends
    if feed._state.adding:
        feed.created_at = at
    feed.read_at = at
    feed.save()


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
