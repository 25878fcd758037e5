"""Seam's events, as a feed of doors.

`events/list` has no pages: it answers at most `limit` events, and no document says whether the
oldest or the newest of those asked for. So a full answer is taken for a stretch of the whole
with something missing on either side, and those sides are asked for.
"""

from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

from accounts.providers.base import Feed, FeedEntry, ProviderError, UnreadableEntry
from accounts.providers.rows import Row
from accounts.providers.seam import rows
from accounts.providers.seam.api import SeamApi, unexpected
from accounts.providers.text import MAX_RAW_ROW, clean_raw, fingerprint, row_text

FEED_BUDGET_SECONDS = 60.0
MAX_CALLS = 40
PAGE_SIZE = 500
#: Both ends of an interval are exclusive.
TICK = timedelta(milliseconds=1)


def read_feed(api: SeamApi, *, since: datetime, limit: int = PAGE_SIZE) -> Feed:
    """Return what happened at doors from `since` (inclusive) on, oldest first."""
    reading = Reading(api, max(min(limit, PAGE_SIZE), 2))
    reading.read(since.astimezone(UTC) - TICK, None)
    return reading.feed()


class Reading:
    """What has been read so far, and what is missing."""

    def __init__(self, api: SeamApi, limit: int) -> None:
        self.api = api
        self.limit = limit
        self.deadline = monotonic() + FEED_BUDGET_SECONDS
        self.calls = 0
        self.seen: set[str] = set()
        self.entries: dict[str, FeedEntry] = {}
        self.unreadable: dict[str, UnreadableEntry] = {}
        self.created: dict[str, datetime] = {}
        self.gap_reason = ""
        #: From where on events are missing because there was no time, or no answer.
        self.rest_from: datetime | None = None

    def read(self, after: datetime, before: datetime | None) -> None:
        """Read all events of an open interval, stretch by stretch."""
        missing = [(after, before)]
        while missing and self.calls < MAX_CALLS and monotonic() < self.deadline:
            try:
                sides = self._sides(*missing[-1])
            except ProviderError:
                if not self.seen:
                    raise
                break
            missing[-1:] = sides
        self.rest_from = min((each for each, _ in missing), default=None)

    def _sides(
        self, after: datetime, before: datetime | None
    ) -> list[tuple[datetime, datetime | None]]:
        """Read a stretch. Return what of the interval may be missing on its sides."""
        lines = self._ask(after, before)
        has_news = self._add(lines)
        times = [at for line in lines if (at := _created_at(line))]
        if len(lines) < self.limit or not times:
            return []
        # Others may share the time of the outermost ones: those times are asked for once more,
        # unless that was just done in vain.
        more = TICK if has_news else timedelta(0)
        if not has_news:
            self.gap_reason = "Seam has more events of one moment than it tells at once."
        # The last is read first: the older side, so that what is left over is the newer one.
        sides = [(max(times) - more, before), (after, min(times) + more)]
        return [(a, b) for a, b in sides if b is None or b - a > TICK]

    def _ask(self, after: datetime, before: datetime | None) -> list[Any]:
        self.calls += 1
        asked: Row = {"limit": self.limit}
        if before is None:
            asked["since"] = _stamp(after)
        else:
            asked["between"] = [_stamp(after), _stamp(before)]
        lines = self.api.call("events/list", asked).get("events")
        if not isinstance(lines, list):
            raise unexpected()
        return lines

    def _add(self, lines: list[Any]) -> bool:
        """Take lines in. Return whether any of them is new."""
        before = len(self.seen)
        for line in lines:
            row = line if isinstance(line, dict) else {}
            mark = fingerprint(line)
            if mark in self.seen:
                continue
            self.seen.add(mark)
            if not rows.is_of_door(row):
                continue
            try:
                entry = rows.read_event(row)
            except ValueError as error:
                text = row_text(clean_raw(rows.without_digits(line)))[:MAX_RAW_ROW]
                self.unreadable[mark] = UnreadableEntry(
                    fingerprint=mark, reason=str(error), raw_text=text
                )
            else:
                self.entries.setdefault(entry.remote_id, entry)
                self.created[entry.remote_id] = _created_at(row) or entry.occurred_at
        return len(self.seen) > before

    def feed(self) -> Feed:
        """Return what was read without a hole; all of it, and that there is one, if need be."""
        entries, is_complete, gap_reason = list(self.entries.values()), True, self.gap_reason
        if self.rest_from is not None:
            until = self.rest_from + TICK
            whole = [each for each in entries if self.created[each.remote_id] <= until]
            is_complete = not whole
            entries = whole or entries
            gap_reason = gap_reason if whole else "Seam did not tell all of its events."
        return Feed(
            entries=tuple(sorted(entries, key=lambda entry: entry.occurred_at)),
            unreadable=tuple(self.unreadable.values()),
            gap_reason=gap_reason,
            route="events",
            is_complete=is_complete,
        )


def _created_at(line: Any) -> datetime | None:
    return rows.time_of(line, "created_at") if isinstance(line, dict) else None


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
