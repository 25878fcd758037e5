"""Reading calendars when it is their time: who does it, and when again."""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils import timezone

from access import tasks
from access.models import ReservationFeed
from access.models.feeds import FeedKind
from access.reservations import applying, matching, outside, reporting, storing
from access.reservations.fetching import Fetched, FetchError, Validators
from access.reservations.stays import ReadError, Reading
from access.reservations.wishes import Ways
from accounts import sealing
from locks import live

logger = logging.getLogger(__name__)

#: Nobody else reads the calendar for so long; renewed before each stay.
LEASE = timedelta(seconds=120)
JITTER = 0.1
#: The first failures are looked at again soon, the later ones ever less often.
FIRST_AGAIN = timedelta(minutes=2)
LONGEST_PAUSE = timedelta(hours=6)
NO_KEY = (
    "The address was kept with a key that this installation does not have any more. Enter it anew."
)
_chance = random.SystemRandom()


# --- whose turn it is -----------------------------------------------------------------


def queue_due() -> int:
    """Have every calendar read that is due. Return how many.

    Two beats, or ten, only find nothing left to claim.
    """
    claimed = _claim()
    for feed_id in claimed:
        if not live.send(tasks.read_feed, expires=30, feed_id=str(feed_id)):
            tasks.read_feed(str(feed_id))
    return len(claimed)


def _claim() -> list[UUID]:
    """Put due calendars off by a minute, and return them. A reading brings its own next time."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE access_reservationfeed AS f
               SET next_read_at = now() + interval '1 minute'
             WHERE f.id IN (
                   SELECT due.id FROM access_reservationfeed AS due
                    WHERE due.next_read_at <= now() AND due.removed_at IS NULL
                      AND due.paused_at IS NULL AND due.kind = %s
                      AND (due.lease_until IS NULL OR due.lease_until < now()
                           OR due.lease_until > now() + %s * interval '2 seconds')
                    ORDER BY due.next_read_at FOR UPDATE SKIP LOCKED LIMIT 50)
            RETURNING f.id
            """,
            [FeedKind.CALENDAR, LEASE.total_seconds()],
        )
        return [row[0] for row in cursor.fetchall()]


class Lease:
    """One calendar, for us alone while it is renewed."""

    def __init__(self, feed_id: UUID) -> None:
        self._feed_id = feed_id
        self._until: datetime | None = None

    def take(self) -> bool:
        """Take it if nobody has it. One that lasts too long is none: the clock was wrong.

        Should we die, the calendar is due again when the lease is over.
        """
        return self._write(
            """
            UPDATE access_reservationfeed
               SET lease_until = clock_timestamp() + %(lease)s * interval '1 second',
                   next_read_at = clock_timestamp() + %(lease)s * interval '1 second'
             WHERE id = %(feed)s AND removed_at IS NULL AND paused_at IS NULL
               AND next_read_at IS NOT NULL AND kind = %(kind)s
               AND (lease_until IS NULL OR lease_until < clock_timestamp()
                    OR lease_until > clock_timestamp() + %(lease)s * interval '2 seconds')
            RETURNING lease_until
            """
        )

    def renew(self) -> bool:
        """Return False if it is not ours any more, or the feed was paused or removed meanwhile."""
        return self._write(
            """
            UPDATE access_reservationfeed
               SET lease_until = clock_timestamp() + %(lease)s * interval '1 second'
             WHERE id = %(feed)s AND lease_until = %(until)s
               AND removed_at IS NULL AND paused_at IS NULL
            RETURNING lease_until
            """
        )

    def _write(self, query: str) -> bool:
        values: dict[str, Any] = {
            "lease": LEASE.total_seconds(),
            "feed": self._feed_id,
            "until": self._until,
            "kind": FeedKind.CALENDAR.value,
        }
        with connection.cursor() as cursor:
            cursor.execute(query, values)
            row = cursor.fetchone()
        self._until = row[0] if row else self._until
        return row is not None

    def note(self, **columns: Any) -> bool:
        """Write what became of a reading. Return False, with nothing written, if it is not ours.

        A change of the address takes the lease away: what was read before it is of another
        calendar.
        """
        ours = ReservationFeed.objects.filter(pk=self._feed_id, lease_until=self._until)
        return bool(ours.update(**columns))

    def release(self, *, next_at: datetime | None) -> None:
        """Give it back, with the time of the next reading; at once if somebody asked meanwhile."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                UPDATE access_reservationfeed
                   SET next_read_at = CASE
                           WHEN next_read_at <= clock_timestamp() THEN next_read_at
                           ELSE %s::timestamptz END,
                       lease_until = NULL
                 WHERE id = %s AND lease_until = %s
                """,
                [next_at, self._feed_id, self._until],
            )


# --- one reading ----------------------------------------------------------------------


def read(feed_id: UUID) -> bool:
    """Read a calendar, do what it says, and keep what became of it. Return whether we did."""
    lease = Lease(feed_id)
    if not lease.take():
        return False
    feed = ReservationFeed.objects.select_related("property", "space", "workspace").get(pk=feed_id)
    next_at: datetime | None = timezone.now() + FIRST_AGAIN
    try:
        next_at = _Turn(feed, lease, timezone.now()).take()
    finally:
        lease.release(next_at=next_at)
    return True


@dataclass
class _Turn:
    feed: ReservationFeed
    lease: Lease
    at: datetime

    def take(self) -> datetime | None:
        """Return when to read again; None where somebody has to do something first."""
        self.rows = storing.stays_of(self.feed)
        self.known = [storing.with_hands(row) for row in self.rows]
        try:
            fetched = self._fetched()
            if fetched.content is None:
                return self._nothing_new()
            reading = outside.reading_of(fetched.content, self.feed.property, now=self.at)
        except FetchError as error:
            return self._failed(
                str(error), is_lasting=error.is_lasting, wait=error.retry_after_seconds
            )
        except ReadError as error:
            return self._failed(str(error), is_lasting=False)
        except sealing.UnreadableError:
            return self._failed(NO_KEY, is_lasting=True)
        return self._carry_out(reading, fetched.validators)

    def _fetched(self) -> Fetched:
        may = matching.may_ask_for_changes_only(
            self.known, read_whole_at=self.feed.read_whole_at, now=self.at
        )
        owes = any(row.error for row in self.rows)
        seen = Validators(**self.feed.validators) if may and not owes else None
        address = self.feed.unseal_address()
        return outside.fetched(address, self.feed.workspace, seen=seen)

    def _carry_out(self, reading: Reading, validators: Validators) -> datetime:
        plan = matching.plan(reading, self.known, source=outside.source_of(self.feed), at=self.at)
        ways = Ways(feed=self.feed, rooms={})
        outcome = applying.apply(plan.steps, self.rows, ways, at=self.at, goes_on=self.lease.renew)
        if outcome.is_cut_short:
            return self.at + FIRST_AGAIN
        self._note(
            read_whole_at=self.at,
            validators={"etag": validators.etag, "last_modified": validators.last_modified},
        )
        # Also of a calendar that is another one by now: these things were done.
        reporting.report(self.feed, at=self.at, lines=outcome.lines, warning=plan.warning)
        return usual(self.at)

    def _nothing_new(self) -> datetime:
        self._note()
        return usual(self.at)

    def _note(self, **columns: Any) -> None:
        self.lease.note(read_at=self.at, failures=0, error="", error_since=None, **columns)

    def _failed(
        self,
        sentence: str,
        *,
        is_lasting: bool,
        wait: int | None = None,
    ) -> datetime | None:
        failures = self.feed.failures + 1
        is_ours = self.lease.note(
            failures=failures,
            error=sentence[:300],
            error_since=self.feed.error_since or self.at,
        )
        if is_ours:
            reporting.report(self.feed, at=self.at, error=sentence)
        if is_ours and failures == 1:
            logger.warning("feed %s cannot be read: %s", self.feed.pk, sentence)
        return None if is_lasting else again(self.at, failures, wait_seconds=wait)


def usual(at: datetime) -> datetime:
    """Return when to read again after all went well: not all calendars at the same moment."""
    seconds = settings.RESERVATIONS_EVERY_SECONDS
    return at + timedelta(seconds=seconds * _chance.uniform(1 - JITTER, 1 + JITTER))


def again(at: datetime, failures: int, *, wait_seconds: int | None = None) -> datetime:
    """Return when to try again; not before the host said so."""
    pause = min(FIRST_AGAIN * 2 ** min(failures - 1, 12), LONGEST_PAUSE)
    seconds = pause.total_seconds() * _chance.uniform(1 - JITTER, 1 + JITTER)
    return at + timedelta(seconds=max(seconds, wait_seconds or 0))
