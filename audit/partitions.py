"""Months of the log. Each is a table of its own, so that retention is dropping a table."""

import logging
from datetime import datetime

from django.db import DatabaseError, connection, transaction

logger = logging.getLogger(__name__)

MONTHS_BACK = 4
MONTHS_AHEAD = 3


def make_ahead(now: datetime) -> None:
    """Create the partitions from some months ago to some months ahead. Idempotent.

    Lines that came before their month was made move into it. A month that cannot be made now
    is left to the next time: its lines are kept, and shown, where they are.
    """
    first = now.year * 12 + now.month - 1 - MONTHS_BACK
    for number in range(first, first + MONTHS_BACK + MONTHS_AHEAD + 1):
        year, month = divmod(number, 12)
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT audit_make_month(%s, %s)", [year, month + 1])
        except DatabaseError as error:
            logger.error("the log's table of %04d-%02d was not made: %s", year, month + 1, error)
