"""How far away a time is, as people say it, in the property's time."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from access.models import AccessGrant

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def length(span: timedelta) -> str:
    """`42 min`, `3 h`, `5 days`. Never less than a minute."""
    seconds = max(_MINUTE, int(span.total_seconds()))
    if seconds < 2 * _HOUR:
        return f"{seconds // _MINUTE} min"
    return f"{seconds // _HOUR} h" if seconds < 2 * _DAY else f"{seconds // _DAY} days"


def day_and_clock(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    """`11:00`, `tomorrow 11:00`, `yesterday 11:00`, `Fri 13 Nov, 11:00`."""
    local, today = at.astimezone(zone), now.astimezone(zone)
    days = (local.date() - today.date()).days
    if days in _NEAR:
        return f"{_NEAR[days]}{local:%H:%M}"
    return f"{local:%a %-d %b, %H:%M}" if local.year == today.year else f"{local:%-d %b %Y, %H:%M}"


_NEAR = {-1: "yesterday ", 0: "", 1: "tomorrow "}


def far(grant: AccessGrant, now: datetime) -> str:
    """`in 3 h`; `until tomorrow 11:00`, `for 4 days more`; `over for 2 h`; `no end`."""
    if now < grant.starts_at:
        return f"in {length(grant.starts_at - now)}"
    if grant.ends_at is None:
        return "no end"
    if now < grant.ends_at:
        zone = grant.property.zone
        if (grant.ends_at.astimezone(zone).date() - now.astimezone(zone).date()).days in _NEAR:
            return f"until {day_and_clock(grant.ends_at, zone, now)}"
        return f"for {length(grant.ends_at - now)} more"
    return f"over for {length(now - grant.ends_at)}"
