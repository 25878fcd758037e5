"""What became of a reading, kept for people: a FeedReading with a line for each row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from access.models import FeedReading, ReservationFeed
from access.reservations.applying import FAILED, Line
from access.reservations.matching import Do
from accounts.models import User
from audit.services import record
from audit.who import SYSTEM, Place, Who
from audit.words import How, Verb

#: Reports kept for a feed.
KEPT = 50
_LONGEST = 300


def report(
    feed: ReservationFeed,
    *,
    at: datetime,
    lines: Sequence[Line] = (),
    warning: str = "",
    error: str = "",
    by: User | None = None,
) -> FeedReading:
    """Keep a report. One that says the same as the one before takes its place."""
    counts = {
        "created": _count(lines, Do.CREATE),
        "changed": _count(lines, Do.CHANGE),
        "ended": _count(lines, Do.END),
        "skipped": _count(lines, Do.SKIP, FAILED),
    }
    told = FeedReading(
        feed=feed,
        at=at,
        by=by,
        warning=warning[:_LONGEST],
        error=error[:_LONGEST],
        lines=[line.as_json() for line in lines],
        **counts,
    )
    latest = feed.readings.order_by("-at").first()
    if latest is not None and by is None and _say_the_same(latest, told):
        latest.at = at
        latest.save(update_fields=["at"])
        return latest
    told.save(force_insert=True)
    _forget_old(feed)
    _record(feed, told, at=at)
    return told


def in_words(reading: FeedReading) -> str:
    """Return `2 created, 1 changed`, or what else can be said in short."""
    if reading.error:
        return reading.error
    failed = sum(line["do"] == FAILED for line in reading.lines)
    counted = [
        (reading.created, "created"),
        (reading.changed, "changed"),
        (reading.ended, "ended"),
        (failed, "not done"),
        (reading.skipped - failed, "skipped"),
    ]
    told = [f"{count} {word}" for count, word in counted if count]
    return ", ".join(told) or "nothing changed"


def _count(lines: Sequence[Line], *done: str) -> int:
    return sum(line.do in done for line in lines)


def _say_the_same(latest: FeedReading, told: FeedReading) -> bool:
    names = ("error", "warning", "lines")
    does_nothing = not (told.created or told.changed or told.ended)
    return does_nothing and all(getattr(latest, each) == getattr(told, each) for each in names)


def _forget_old(feed: ReservationFeed) -> None:
    kept = feed.readings.order_by("-at").values("pk")[:KEPT]
    feed.readings.exclude(pk__in=list(kept.values_list("pk", flat=True))).delete()


def _record(feed: ReservationFeed, told: FeedReading, *, at: datetime) -> None:
    failed = any(line["do"] == FAILED for line in told.lines)
    if not (told.created or told.changed or told.ended or failed):
        return
    who: Who = told.by.as_who() if told.by else SYSTEM
    record(
        Verb.RESERVATIONS_READ,
        workspace_id=feed.workspace_id,
        at=at,
        who=who,
        place=Place(property_id=feed.property_id, property_name=feed.property.name),
        subject=feed.name,
        how=How.WEB if told.by else How.SYSTEM,
        after=in_words(told),
    )
