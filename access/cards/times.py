"""Moments as a desk reads them, in the property's time."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo


def day_and_clock(at: datetime, zone: ZoneInfo) -> str:
    """Return "Fri 27 Nov 11:00"."""
    return f"{at.astimezone(zone):%a %-d %b %H:%M}"


def until(at: datetime | None, zone: ZoneInfo) -> str:
    """Return "valid until Fri 27 Nov 11:00", or that there is no end."""
    return f"valid until {day_and_clock(at, zone)}" if at else "valid with no end"
