"""Feeds in the shape that booking systems send, with invented guests: see `sources`."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from access.reservations.stays import House

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
HOUSE = House(zone=AMSTERDAM, check_in=time(15), check_out=time(11))


def event(*lines):
    return "\r\n".join(["BEGIN:VEVENT", *lines, "END:VEVENT"])


def calendar(*events, head=("VERSION:2.0", "PRODID:-//Test//EN")):
    return "\r\n".join(["BEGIN:VCALENDAR", *head, *events, "END:VCALENDAR", ""]).encode()


def nights(uid="n1", starts="20261201", ends="20261203", *more, summary="Jane Doe"):
    return event(
        f"UID:{uid}",
        f"DTSTART;VALUE=DATE:{starts}",
        f"DTEND;VALUE=DATE:{ends}",
        f"SUMMARY:{summary}",
        *more,
    )


AIRBNB = b"""BEGIN:VCALENDAR\r
PRODID;X-RICAL-TZSOURCE=TZINFO:-//Airbnb Inc//Hosting Calendar 0.8.8//EN\r
CALSCALE:GREGORIAN\r
VERSION:2.0\r
BEGIN:VEVENT\r
DTEND;VALUE=DATE:20261125\r
DTSTART;VALUE=DATE:20261122\r
UID:1418fb94e984-72fae6599063c1b9fd22785f45589162@airbnb.com\r
DESCRIPTION:Reservation URL: https://www.airbnb.com/hosting/reservations/de\r
 tails/HM3KTNNJQ5\\nPhone Number (Last 4 Digits): 2833\r
SUMMARY:Reserved\r
END:VEVENT\r
BEGIN:VEVENT\r
DTEND;VALUE=DATE:20261201\r
DTSTART;VALUE=DATE:20261128\r
UID:7f662ec65913-03d0040717723bca53b011541cb6e189@airbnb.com\r
SUMMARY:Airbnb (Not available)\r
END:VEVENT\r
END:VCALENDAR\r
"""

BOOKING = b"""BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//admin.booking.com\\, b.v.//NONSGML v1.0//EN
CALSCALE:GREGORIAN
METHOD:PUBLISH
BEGIN:VEVENT
DTSTAMP:20261121T153617Z
DTSTART;VALUE=DATE:20261208
DTEND;VALUE=DATE:20261209
UID:ab8907e00fb0089a06e5acfdea101250@booking.com
SUMMARY:CLOSED - Not available
END:VEVENT
BEGIN:VEVENT
DTSTART;VALUE=DATE:20261210
DTEND;VALUE=DATE:20261212
UID:13bcc16d5d6b88c6aa2ea272d6f674a4@booking.com
SUMMARY:CLOSED - Jane Doe
END:VEVENT
END:VCALENDAR
"""

VRBO = b"""BEGIN:VCALENDAR\r
PRODID:-//HomeAway.com\\, Inc.//EN\r
VERSION:2.0\r
BEGIN:VEVENT\r
UID:0c2b9e0a-5b0e-4f6c-9d2a-1f2e3d4c5b6a\r
DTSTAMP:20261120T101010Z\r
DTSTART;VALUE=DATE:20261224\r
DTEND;VALUE=DATE:20261227\r
SUMMARY:Reserved - Zo\xc3\xab van Dam\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:1c2b9e0a-5b0e-4f6c-9d2a-1f2e3d4c5b6b\r
DTSTART;VALUE=DATE:20261228\r
DTEND;VALUE=DATE:20261230\r
SUMMARY:Blocked\r
END:VEVENT\r
END:VCALENDAR\r
"""

GOOGLE = b"""BEGIN:VCALENDAR\r
PRODID:-//Google Inc//Google Calendar 70.9054//EN\r
VERSION:2.0\r
X-WR-CALNAME:Lakehouse\r
X-WR-TIMEZONE:Europe/Amsterdam\r
BEGIN:VTIMEZONE\r
TZID:Europe/Amsterdam\r
X-LIC-LOCATION:Europe/Amsterdam\r
BEGIN:DAYLIGHT\r
TZOFFSETFROM:+0100\r
TZOFFSETTO:+0200\r
DTSTART:19700329T020000\r
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\r
END:DAYLIGHT\r
END:VTIMEZONE\r
BEGIN:VEVENT\r
DTSTART;TZID=Europe/Amsterdam:20261122T140000\r
DTEND;TZID=Europe/Amsterdam:20261122T160000\r
RRULE:FREQ=WEEKLY;COUNT=3;BYDAY=SU\r
EXDATE;TZID=Europe/Amsterdam:20261129T140000\r
UID:clean@google.com\r
SEQUENCE:1\r
SUMMARY:Ann the cleaner\r
BEGIN:VALARM\r
ACTION:DISPLAY\r
DESCRIPTION:This is no guest\r
TRIGGER:-P0DT0H30M0S\r
END:VALARM\r
END:VEVENT\r
BEGIN:VEVENT\r
DTSTART;TZID=Europe/Amsterdam:20261206T150000\r
DTEND;TZID=Europe/Amsterdam:20261206T170000\r
UID:clean@google.com\r
RECURRENCE-ID;TZID=Europe/Amsterdam:20261206T140000\r
SUMMARY:Ann the cleaner\r
END:VEVENT\r
BEGIN:VEVENT\r
DTSTART:20261201T140000Z\r
DTEND:20261203T100000Z\r
UID:one@google.com\r
STATUS:CANCELLED\r
SUMMARY:Jane Doe\r
END:VEVENT\r
END:VCALENDAR\r
"""

CHANNEL_MANAGER = b"""BEGIN:VCALENDAR\r
PRODID:-//Channel//Manager//EN\r
VERSION:2.0\r
BEGIN:VEVENT\r
UID:4711@manager.example\r
DTSTART;VALUE=DATE:20261204\r
DTEND;VALUE=DATE:20261206\r
SUMMARY:Booking: Jane Doe (Direct)\r
DESCRIPTION:Guest name: Jane Doe\\nEmail: Jane@Example.com\\nPhone: +31 6 1234\r
 5678\\nBooking ID: 4711-A\\nAdults: 2\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:4712@manager.example\r
DTSTART;VALUE=DATE:20261207\r
DTEND;VALUE=DATE:20261208\r
SUMMARY:J*** D**\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:4713@manager.example\r
DTSTART;VALUE=DATE:20261209\r
DTEND;VALUE=DATE:20261210\r
SUMMARY:Closed Period\r
END:VEVENT\r
END:VCALENDAR\r
"""
