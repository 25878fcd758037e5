"""Where a page of a list ended, as addresses carry it."""

from datetime import datetime
from uuid import UUID


class CursorError(ValueError):
    """Somebody wrote an address by hand."""


def moment_cursor(at: datetime, pk: UUID) -> str:
    """Return the cursor of a row in a list by time."""
    return f"{at.isoformat()}_{pk}"


def read_moment(cursor: str) -> tuple[datetime, UUID]:
    """Return the moment and the row a cursor names. Raises CursorError."""
    moment, _, pk = cursor.partition("_")
    try:
        at, last = datetime.fromisoformat(moment), UUID(pk)
    except ValueError:
        raise CursorError("invalid cursor") from None
    if at.tzinfo is None:
        raise CursorError("invalid cursor")
    return at, last
