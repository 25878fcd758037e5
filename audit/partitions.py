"""Months of the log. Each is a table of its own, so that retention is dropping a table."""

from datetime import datetime

from django.db import connection

MONTHS_BACK = 4
MONTHS_AHEAD = 3


def make_ahead(now: datetime) -> None:
    """Create the partitions from some months ago to some months ahead. Idempotent."""
    first = now.year * 12 + now.month - 1 - MONTHS_BACK
    with connection.cursor() as cursor:
        for number in range(first, first + MONTHS_BACK + MONTHS_AHEAD + 1):
            year, month = divmod(number, 12)
            cursor.execute("SELECT audit_make_month(%s, %s)", [year, month + 1])
