"""Which accounts' systems are due, and who alone looks at them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from access import tasks
from access.models import SystemsWatch
from accounts.models.connections import SILENT_STATES
from accounts.providers import PROVIDERS
from locks import live

#: Nobody else works on the account for so long; renewed between calls.
LEASE = timedelta(seconds=60)


def queue_due() -> int:
    """Have every account whose systems are due looked at. Return how many.

    Two beats, or ten, only find nothing left to claim.
    """
    _watch_new_accounts()
    claimed = _claim()
    for account_id in claimed:
        if not live.send(tasks.look_at_systems, expires=30, account_id=str(account_id)):
            tasks.look_at_systems(str(account_id))
    return len(claimed)


def _watch_new_accounts() -> None:
    """Make a row, due now, for every account that may have systems and has none."""
    brands = [name for name, provider in PROVIDERS.items() if provider.has_systems]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO access_systemswatch (account_id, next_at, passes, listing_seconds)
            SELECT a.id, now(), 0, 0 FROM accounts_connectedaccount AS a
             WHERE a.provider = ANY(%s) AND a.state <> ALL(%s)
               AND NOT EXISTS (SELECT 1 FROM access_systemswatch AS w WHERE w.account_id = a.id)
            ON CONFLICT DO NOTHING
            """,
            [brands, list(map(str, SILENT_STATES))],
        )


def _claim() -> list[UUID]:
    """Put due accounts off by half a minute, and return them. A pass brings its own next time.

    A time far ahead was written while the clock was wrong.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE access_systemswatch AS w
               SET next_at = now() + interval '30 seconds'
             WHERE w.account_id IN (
                   SELECT due.account_id FROM access_systemswatch AS due
                     JOIN accounts_connectedaccount AS a ON a.id = due.account_id
                    WHERE a.state <> ALL(%s)
                      AND (due.next_at IS NULL OR due.next_at <= now()
                           OR due.next_at > now() + interval '2 hours')
                      AND (due.lease_until IS NULL OR due.lease_until < now()
                           OR due.lease_until > now() + %s * interval '2 seconds')
                    ORDER BY due.next_at FOR UPDATE OF due SKIP LOCKED LIMIT 200)
            RETURNING w.account_id
            """,
            [list(map(str, SILENT_STATES)), LEASE.total_seconds()],
        )
        return [row[0] for row in cursor.fetchall()]


class Lease:
    """One account's systems, for us alone while it is renewed."""

    def __init__(self, account_id: UUID) -> None:
        self._account_id = account_id
        self._until: datetime | None = None

    def take(self) -> bool:
        """Take it if nobody has it. One that lasts too long is none: the clock was wrong."""
        SystemsWatch.objects.get_or_create(account_id=self._account_id)
        return self._write(
            """
            UPDATE access_systemswatch
               SET lease_until = clock_timestamp() + %(lease)s * interval '1 second'
             WHERE account_id = %(account)s
               AND (lease_until IS NULL OR lease_until < clock_timestamp()
                    OR lease_until > clock_timestamp() + %(lease)s * interval '2 seconds')
            RETURNING lease_until
            """
        )

    def renew(self) -> bool:
        """Return False if somebody else has taken it over."""
        return self._write(
            """
            UPDATE access_systemswatch
               SET lease_until = clock_timestamp() + %(lease)s * interval '1 second'
             WHERE account_id = %(account)s AND lease_until = %(until)s
            RETURNING lease_until
            """
        )

    def _write(self, query: str) -> bool:
        values: dict[str, Any] = {
            "lease": LEASE.total_seconds(),
            "account": self._account_id,
            "until": self._until,
        }
        with connection.cursor() as cursor:
            cursor.execute(query, values)
            row = cursor.fetchone()
        self._until = row[0] if row else self._until
        return row is not None

    def release(self, *, next_at: datetime) -> None:
        """Give it back, with the time of the next pass; sooner if somebody woke it meanwhile."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                UPDATE access_systemswatch
                   SET lease_until = NULL, next_at = %s
                 WHERE account_id = %s AND lease_until = %s
                """,
                [next_at, self._account_id, self._until],
            )
