"""Reading the times in a provider's headers."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

RETRY_AFTER_DEFAULT_SECONDS = 60.0
RETRY_AFTER_MAX_SECONDS = 3600.0
RETRY_AFTER_MIN_SECONDS = 1.0


def retry_after_seconds(header: str, now: datetime) -> float:
    """Read a Retry-After: 1 s to 1 h, and a minute where it says nothing readable."""
    if re.fullmatch(r"\s*-?\d{1,300}(\.\d{1,9})?\s*", header):
        seconds = float(header)
    else:
        at = http_date(header)
        if at is None:
            return RETRY_AFTER_DEFAULT_SECONDS
        seconds = (at - now).total_seconds()
    return min(max(seconds, RETRY_AFTER_MIN_SECONDS), RETRY_AFTER_MAX_SECONDS)


def http_date(header: str) -> datetime | None:
    """Read the time in a header; None where it is no time."""
    try:
        at = parsedate_to_datetime(header)
    except (ValueError, TypeError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
