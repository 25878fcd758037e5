"""One property of an entry, of whatever shape the library made of it. Pure."""

from datetime import UTC, datetime
from typing import Any

from icalendar import Event
from icalendar.prop import vBroken

from access.reservations.stays import shown


def first(event: Event | None, name: str) -> Any:
    """Return a property; of several of one name the first."""
    found = event.get(name) if event is not None else None
    return found[0] if isinstance(found, list) and found else found


def when(event: Event | None, name: str) -> Any:
    """Return the date, moment or length in a property; None where there is none to be read."""
    found = first(event, name)
    # A broken one raises an error of its own at every attribute.
    return None if isinstance(found, vBroken) else getattr(found, "dt", None)


def title(event: Event, name: str) -> str:
    return shown(str(first(event, name) or ""))


def long_text(event: Event, name: str) -> str:
    return str(first(event, name) or "")


def revision(event: Event | None) -> tuple[int, datetime]:
    """Return what grows when an entry is changed."""
    sequence, at = first(event, "SEQUENCE"), when(event, "LAST-MODIFIED")
    if not isinstance(at, datetime):
        at = datetime.min.replace(tzinfo=UTC)
    return (
        int(sequence) if isinstance(sequence, int) else 0,
        at if at.tzinfo else at.replace(tzinfo=UTC),
    )
