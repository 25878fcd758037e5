"""A stay as an entry for the guest's calendar, without doors or secrets."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _
from icalendar import Calendar, Event

from access.guests.houses import House
from access.models import AccessGrant


def calendar_of(grant: AccessGrant, house: House, *, at: datetime) -> bytes:
    """Return an iCalendar file with one event, in UTC. Without an end: only its start."""
    event = Event()
    event.add("uid", f"{grant.pk}@lockboard")
    event.add("dtstamp", at)
    event.add("sequence", grant.generation)
    event.add("summary", _("Your stay at %(property)s") % {"property": grant.property.name})
    event.add("dtstart", grant.starts_at)
    if grant.ends_at:
        event.add("dtend", grant.ends_at)
    if house.address:
        event.add("location", house.address)
    calendar = Calendar()
    calendar.add("prodid", "-//Lockboard//Guest page//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add_component(event)
    written: bytes = calendar.to_ical()
    return written
