"""The languages guests are spoken to in, and times as these languages write them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import formats, translation
from django.utils.translation import gettext as _

#: Each by its own name.
LANGUAGES = {
    "en": "English",
    "nl": "Nederlands",
    "de": "Deutsch",
    "fr": "Français",
    "es": "Español",
    "pt": "Português",
}
#: From then on the same weekday may mean another day.
_ONE_WEEKDAY = timedelta(days=7)
#: What Django calls them. Plain "en" would write dates as in America.
_DJANGO = {"en": "en-gb"}


def choose(*wishes: str, accepts: str = "") -> str:
    """Return the first of some languages that we speak, else what a browser accepts, else "en"."""
    for wish in (*wishes, *_accepted(accepts)):
        if (language := wish.lower().partition("-")[0]) in LANGUAGES:
            return language
    return "en"


def _accepted(header: str) -> list[str]:
    """Return the languages of an Accept-Language header, the best first."""
    found = []
    for part in header[:500].split(","):
        matched = re.fullmatch(r"\s*([A-Za-z-]{2,20})\s*(?:;\s*q=([01](?:\.\d{1,3})?))?\s*", part)
        if matched:
            found.append((float(matched[2] or 1), matched[1]))
    return [language for weight, language in sorted(found, key=lambda each: -each[0]) if weight]


def speaking(language: str) -> translation.override:
    """Return a context in which texts and dates are in this language."""
    return translation.override(_DJANGO.get(language, language))


def day_and_time(at: datetime, zone: ZoneInfo) -> str:
    """Write a moment out: "Friday 27 Nov 2026, 15:00". Call it `speaking` a language."""
    local = at.astimezone(zone)
    return _("%(weekday)s %(date)s, %(time)s") % {
        "weekday": formats.date_format(local, "l"),
        "date": formats.date_format(local, "DATE_FORMAT"),
        "time": f"{local:%H:%M}",
    }


def short(at: datetime, zone: ZoneInfo, *, now: datetime) -> str:
    """Write a moment of these days by its weekday, "Fri 15:00"; any other one out."""
    local = at.astimezone(zone)
    if abs(local.date() - now.astimezone(zone).date()) >= _ONE_WEEKDAY:
        return day_and_time(at, zone)
    return f"{formats.date_format(local, 'D')} {local:%H:%M}"
