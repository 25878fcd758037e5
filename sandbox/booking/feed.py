"""The calendars as iCal, honest or as the chosen fault has them."""

import asyncio
import hashlib
from datetime import UTC, date

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.booking.things import Booking, Calendar
from sandbox.world import World

#: What a calendar may do wrong, for people.
MODES = {
    "whole": "as it is",
    "empty": "empty: no booking is in it",
    "half": "half: only the first half of the bookings",
    "cut": "cut: breaks off in the middle",
    "error": "error: HTTP 500",
    "busy": "busy: HTTP 429, come back in an hour",
    "page": "page: a web page instead of a calendar",
    "slow": "slow: answers only after a while",
    "gone": "gone: HTTP 404, the address was changed",
}
_REFUSALS = {"error": (500, {}), "busy": (429, {"Retry-After": "3600"}), "gone": (404, {})}
_PAGE = "<!doctype html><title>SIMULATED</title><h1>SIMULATED: sign in, please</h1>"


async def calendar(request: Request) -> Response:
    world: World = request.app.state.world
    found = world.calendars.get(request.path_params["token"])
    if found is None:
        return Response("SIMULATED: no such calendar", 404)
    if found.mode == "slow":
        await asyncio.sleep(found.slow_seconds)
    if found.mode in _REFUSALS:
        status, headers = _REFUSALS[found.mode]
        return Response("SIMULATED", status, headers=headers)
    if found.mode == "page":
        return Response(_PAGE, media_type="text/html")
    content = content_of(world, found)
    version = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    if request.headers.get("if-none-match") == version:
        return Response(status_code=304, headers={"ETag": version})
    return Response(content, media_type="text/calendar; charset=utf-8", headers={"ETag": version})


def content_of(world: World, found: Calendar) -> bytes:
    rows = world.bookings.where(calendar_id=found.id)
    rows.sort(key=lambda row: (row.arrives_on, row.id))
    if found.mode == "empty":
        rows = []
    if found.mode == "half":
        rows = rows[: len(rows) // 2]
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//SIMULATED Booking Site//EN"]
    for row in rows:
        lines += _entry(row)
    text = "\r\n".join([*lines, "END:VCALENDAR", ""])
    return text.encode()[: len(text) // 2 if found.mode == "cut" else None]


def _entry(row: Booking) -> list[str]:
    told = [("Guest", row.guest), ("Email", row.email), ("Phone", row.phone)]
    description = "\\n".join(f"{name}: {_escaped(value)}" for name, value in told if value)
    return [
        "BEGIN:VEVENT",
        f"UID:{row.id}@booking.sandbox.invalid",
        f"DTSTAMP:{_day(row.arrives_on)}T000000Z",
        f"SEQUENCE:{row.version}",
        f"DTSTART;VALUE=DATE:{_day(row.arrives_on)}",
        f"DTEND;VALUE=DATE:{_day(row.leaves_on)}",
        f"SUMMARY:Reserved - {_escaped(row.guest)} ({_escaped(row.reference)})",
        f"DESCRIPTION:{description}",
        f"STATUS:{'CANCELLED' if row.is_cancelled else 'CONFIRMED'}",
        "END:VEVENT",
    ]


def _day(text: str) -> str:
    return date.fromisoformat(text).strftime("%Y%m%d")


def _escaped(text: str) -> str:
    for sign in "\\;,":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())


def today(world: World) -> date:
    return world.now().astimezone(UTC).date()


ROUTES = [Route("/{token}.ics", calendar, methods=["GET"])]
