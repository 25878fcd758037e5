"""How a feed is doing, and what its reports say, in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Q

from access.models import FeedReading, FeedStay, ReservationFeed
from access.models.feeds import FeedKind
from access.reservations.applying import FAILED
from access.reservations.matching import ABSENCES, Do
from access.reservations.reporting import in_words

#: Lines of a report that a page shows.
MOST_LINES = 300
_MARKS = {
    FAILED: ("danger", "x-circle", "Not done"),
    Do.CREATE.value: ("ok", "plus", "Created"),
    Do.CHANGE.value: ("info", "pencil", "Changed"),
    Do.END.value: ("warn", "ban", "Ended"),
    Do.KEEP.value: ("", "check", "Kept"),
    Do.SKIP.value: ("", "chevron-right", "Skipped"),
}
_WOULD = {
    FAILED: "Not possible",
    Do.CREATE.value: "New",
    Do.CHANGE.value: "Changes",
    Do.END.value: "Ends",
    Do.KEEP.value: "Stays",
    Do.SKIP.value: "Skipped",
}


@dataclass(frozen=True)
class Health:
    tone: str
    icon: str
    word: str
    #: What is wrong, and what to do.
    note: str = ""


@dataclass(frozen=True)
class FeedRow:
    feed: ReservationFeed
    health: Health
    #: Stays that open doors now or later; and those with a reason why they do not.
    stays: int
    unsettled: int
    latest: FeedReading | None

    @property
    def latest_words(self) -> str:
        return in_words(self.latest) if self.latest else ""


@dataclass(frozen=True)
class ReportLine:
    #: `Line 7`, of a table; "" where that is its name already.
    number: str
    text: str
    sentence: str
    tone: str
    icon: str
    word: str
    grant_id: str
    needs_look: bool


def rows_of(feeds: Sequence[ReservationFeed], now: datetime) -> list[FeedRow]:
    """Return feeds as their list shows them, in three queries however many there are."""
    counts = _counts(feeds, now)
    latest = {
        row.feed_id: row
        for row in FeedReading.objects.filter(feed__in=feeds)
        .order_by("feed_id", "-at")
        .distinct("feed_id")
    }
    rows = []
    for feed in feeds:
        stays, unsettled, missing = counts.get(feed.pk, (0, 0, 0))
        health = health_of(feed, now, unsettled=unsettled, missing=missing)
        rows.append(FeedRow(feed, health, stays, unsettled, latest.get(feed.pk)))
    return rows


def _counts(feeds: Iterable[ReservationFeed], now: datetime) -> dict[UUID, tuple[int, int, int]]:
    is_live = Q(grant__revoked_at=None, grant__ends_at__gt=now)
    found = (
        FeedStay.objects.filter(feed__in=feeds)
        .values("feed")
        .annotate(
            live=Count("pk", filter=is_live),
            unsettled=Count("pk", filter=~Q(error="") & _ahead(now)),
            missing=Count("pk", filter=Q(known__absences__gt=0) & is_live),
        )
    )
    return {row["feed"]: (row["live"], row["unsettled"], row["missing"]) for row in found}


def _ahead(now: datetime) -> Q:
    # Of the same shape as it is kept: such texts compare as their moments do.
    at = now.astimezone(UTC).replace(microsecond=0)
    return Q(known__stay__ends_at__gt=at.isoformat())


def health_of(
    feed: ReservationFeed, now: datetime, *, unsettled: int = 0, missing: int = 0
) -> Health:
    if feed.kind == FeedKind.TABLE:
        return _of_stays(unsettled) or Health("", "list", "Tables")
    if feed.paused_at is not None:
        return Health("warn", "clock", "Paused", "It is not read. Its stays go on as they are.")
    if feed.error and feed.next_read_at is None:
        return Health("danger", "alert", "Needs a new address", feed.error)
    if feed.error:
        return Health("warn", "alert", "Cannot be read", feed.error)
    if feed.read_at is None:
        return Health("info", "hourglass", "Not read yet", "It is read within a minute.")
    usual = timedelta(seconds=settings.RESERVATIONS_EVERY_SECONDS)
    if now - feed.read_at > 3 * usual:
        note = "Nobody has read it for long. Are the workers running?"
        return Health("warn", "alert", "Late", note)
    return _of_stays(unsettled) or _of_missing(missing) or Health("ok", "check", "Up to date")


def _of_missing(missing: int) -> Health | None:
    if not missing:
        return None
    word = "1 stay is missing" if missing == 1 else f"{missing} stays are missing"
    note = f"They end once {ABSENCES} readings in a row lack them."
    return Health("warn", "alert", word, note)


def _of_stays(unsettled: int) -> Health | None:
    if not unsettled:
        return None
    if unsettled == 1:
        return Health("danger", "alert", "1 stay needs a look")
    return Health("danger", "alert", f"{unsettled} stays need a look")


def unsettled_of(feed: ReservationFeed, now: datetime) -> list[FeedStay]:
    rows = FeedStay.objects.filter(_ahead(now), feed=feed).exclude(error="")
    return list(rows.order_by("known__stay__starts_at", "pk")[:MOST_LINES])


def lines_of(
    lines: Sequence[dict[str, Any]], *, is_done: bool = True, is_table: bool = False
) -> list[ReportLine]:
    """Return lines of a report: what needs a look first, then what was done.

    Those of a table have their number in it; a calendar is not counted by anybody.
    """
    ranked = sorted(lines, key=_rank)[:MOST_LINES]
    return [_line(each, is_done=is_done, is_table=is_table) for each in ranked]


def _rank(line: dict[str, Any]) -> tuple[bool, int]:
    order = [FAILED, Do.CREATE, Do.CHANGE, Do.END, Do.SKIP, Do.KEEP]
    return (not line["needs_look"], order.index(line["do"]))


def _line(line: dict[str, Any], *, is_done: bool, is_table: bool) -> ReportLine:
    tone, icon, word = _MARKS[line["do"]]
    if not is_done:
        word = _WOULD.get(line["do"], word)
    if line["needs_look"] and line["do"] != FAILED:
        tone, icon = "warn", "alert"
    number = f"Line {line['row']}" if is_table and line["row"] else ""
    return ReportLine(
        number="" if line["text"].startswith(number) else number,
        text=line["text"] or "A stay without a name",
        sentence=line["sentence"],
        tone=tone,
        icon=icon,
        word=word,
        grant_id=line["grant_id"],
        needs_look=line["needs_look"],
    )
