"""How often something may happen, counted over all processes, on the database's clock.

One row per key says when everything taken so far would be due at an even pace; a turn is free
while that is less than a burst ahead. (The "generic cell rate algorithm": a token bucket that
needs no refilling.) PostgreSQL and not Valkey, which may be flushed at any time: then nothing
would hold us back just when everybody tries again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from accounts.models import Allowance

#: How long a row is kept after it stopped to matter.
_KEPT = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Limit:
    """So many at once, and from then on at an even pace."""

    per_second: float
    burst: int

    @property
    def pace_seconds(self) -> float:
        return 1 / self.per_second


def take(key: str, limit: Limit, *, leave: int = 0) -> float:
    """Take one turn under a key. Return 0.0, or in how many seconds there is one to take.

    Where there is none, nothing is taken. `leave` that many for others who use the same key.
    """
    slack = (limit.burst - 1 - leave) * limit.pace_seconds
    values: dict[str, str | float] = {"key": key, "pace": limit.pace_seconds, "slack": slack}
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, values)
        if cursor.fetchone():
            return 0.0
        cursor.execute(_WAIT, values)
        row = cursor.fetchone()
    return max(float(row[0]), 0.001) if row else 0.001


_TAKE = """
INSERT INTO accounts_allowance AS a (key, due_at)
VALUES (%(key)s, clock_timestamp() + make_interval(secs => %(pace)s))
    ON CONFLICT (key) DO UPDATE
   SET due_at = greatest(a.due_at, clock_timestamp()) + make_interval(secs => %(pace)s)
 WHERE a.due_at <= clock_timestamp() + make_interval(secs => %(slack)s)
RETURNING 1
"""
_WAIT = """
SELECT extract(epoch FROM due_at - clock_timestamp()) - %(slack)s
  FROM accounts_allowance WHERE key = %(key)s
"""


def forget(at: datetime) -> None:
    """Remove the rows that no longer say anything."""
    Allowance.objects.filter(due_at__lt=at - _KEPT).delete()
