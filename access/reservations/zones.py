"""What calendars call time zones -> the zones everybody knows. Pure."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo, available_timezones

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

_KNOWN = frozenset(available_timezones())


def zone_called(name: str, told: Mapping[str, str]) -> ZoneInfo | None:
    """Return the zone a feed means, or None where nobody can know.

    `told` are the names that the feed itself explains. Outlook uses names of Windows; other
    programs put a path in front: `/citadel.org/20211207_1/Europe/Amsterdam`.
    """
    for each in (name, told.get(name.strip(' "'), "")):
        bare = each.strip(' "').lstrip("/")
        tail = "/".join(bare.split("/")[-2:])
        for candidate in (bare, WINDOWS_TO_OLSON.get(bare, ""), tail):
            if candidate in _KNOWN:
                return ZoneInfo(candidate)
    return None
