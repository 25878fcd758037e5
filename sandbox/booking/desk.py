"""Changing bookings and calendars: by the control API, and by the page for people."""

from datetime import date
from html import escape
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sandbox import pages
from sandbox.booking import feed
from sandbox.booking.things import Booking, Calendar
from sandbox.wishes import WrongWishError, find_row, route
from sandbox.world import World, new_id

#: What may be said of a booking.
BOOKING_CHANGES = ("guest", "email", "phone", "reference", "arrives_on", "leaves_on")


# --- acting -------------------------------------------------------------------------------


def _booking_of(body: dict[str, Any], row: Booking) -> None:
    """Write what was said on a booking. Raises WrongWishError and changes nothing."""
    if unknown := set(body) - {*BOOKING_CHANGES, "is_cancelled"}:
        raise WrongWishError(f"unknown: {', '.join(sorted(unknown))}")
    told = {name: str(body.get(name, getattr(row, name))).strip() for name in BOOKING_CHANGES}
    try:
        nights = date.fromisoformat(told["leaves_on"]) - date.fromisoformat(told["arrives_on"])
    except ValueError as wrong:
        raise WrongWishError("arrives_on and leaves_on must be days, such as 2026-12-01") from wrong
    if nights.days < 1 or not told["guest"]:
        raise WrongWishError("a booking has a guest, and at least one night")
    for name, value in told.items():
        setattr(row, name, value[:200])
    row.is_cancelled = bool(body.get("is_cancelled", row.is_cancelled))
    row.version += 1


def _add(world: World, found: Calendar, body: dict[str, Any]) -> Booking:
    number = world.count("bookings")
    row = Booking(
        id=new_id(),
        calendar_id=found.id,
        guest="",
        arrives_on="",
        leaves_on="",
        reference=f"SIMBK{2000 + number}",
    )
    _booking_of(body, row)
    return world.bookings.put(row)


def _set_mode(world: World, found: Calendar, mode: str) -> None:
    if mode not in feed.MODES:
        raise WrongWishError(f"mode must be one of {', '.join(feed.MODES)}")
    found.mode = mode
    world.calendars.put(found)


# --- the control API ----------------------------------------------------------------------


def list_calendars(world: World, _query: dict[str, str], _path: dict[str, str]) -> Any:
    return [
        vars(found)
        | {
            "path": f"/calendars/{found.id}.ics",
            "bookings": [vars(row) for row in world.bookings.where(calendar_id=found.id)],
        }
        for found in world.calendars
    ]


def change_calendar(world: World, body: dict[str, Any], path: dict[str, str]) -> Any:
    found = _calendar(world, path["token"])
    if unknown := set(body) - {"mode", "slow_seconds"}:
        raise WrongWishError(f"unknown: {', '.join(sorted(unknown))}")
    found.slow_seconds = float(body.get("slow_seconds", found.slow_seconds))
    _set_mode(world, found, str(body.get("mode", found.mode)))
    return vars(found)


def add_booking(world: World, body: dict[str, Any], path: dict[str, str]) -> Any:
    return vars(_add(world, _calendar(world, path["token"]), body))


def change_booking(world: World, body: dict[str, Any], path: dict[str, str]) -> Any:
    row = _booking(world, path["booking_id"])
    _booking_of(body, row)
    return vars(world.bookings.put(row))


def delete_booking(world: World, _query: dict[str, str], path: dict[str, str]) -> Any:
    world.bookings.drop(_booking(world, path["booking_id"]).id)
    return {"deleted": 1}


def _calendar(world: World, token: str) -> Calendar:
    return find_row(world.calendars, token, "calendar")


def _booking(world: World, key: str) -> Booking:
    return find_row(world.bookings, key, "booking")


CONTROL = [
    route("/calendars", "GET", list_calendars),
    route("/calendars/{token}", "POST", change_calendar),
    route("/calendars/{token}/bookings", "POST", add_booking),
    route("/bookings/{booking_id}", "POST", change_booking),
    route("/bookings/{booking_id}", "DELETE", delete_booking),
]


# --- the page -----------------------------------------------------------------------------


async def calendars_page(request: Request) -> Response:
    world: World = request.app.state.world
    said = escape(request.query_params.get("said", "")[:200])
    url = request.app.state.base_url
    parts = "".join(_calendar_part(world, found, url) for found in world.calendars)
    body = f"""    <p class="hint">SIMULATED booking site. Paste an address into the dashboard to connect the
      calendar of a room; then change bookings here.</p>
    <p role="status">{said}</p>
    {parts}"""
    return pages.page("Calendars", body)


async def use_calendars(request: Request) -> Response:
    """Do what a host does at their booking site, and go back to the page."""
    world: World = request.app.state.world
    if refused := pages.refused(request):
        return refused
    form = {name: str(value) for name, value in (await request.form()).items()}
    try:
        said = _act(world, form)
    except WrongWishError as wrong:
        return pages.problem(str(wrong), status=wrong.status)
    return RedirectResponse(f"/calendars?{urlencode({'said': said})}", 303)


def _act(world: World, form: dict[str, str]) -> str:
    act = form.get("act", "")
    told = {name: form[name] for name in BOOKING_CHANGES if name in form}
    if act == "mode":
        found = _calendar(world, form.get("calendar", ""))
        _set_mode(world, found, form.get("mode", ""))
        return f"{found.name}: {feed.MODES[found.mode]}."
    if act == "add":
        return f"Booked for {_add(world, _calendar(world, form.get('calendar', '')), told).guest}."
    row = _booking(world, form.get("booking", ""))
    if act == "delete":
        world.bookings.drop(row.id)
        return f"The booking of {row.guest} is not listed any more."
    if act not in {"change", "cancel"}:
        raise WrongWishError("act must be mode, add, change, cancel or delete")
    _booking_of(told | ({"is_cancelled": True} if act == "cancel" else {}), row)
    world.bookings.put(row)
    return f"The booking of {row.guest} is {'cancelled' if act == 'cancel' else 'changed'}."


def _calendar_part(world: World, found: Calendar, url: str) -> str:
    rows = world.bookings.where(calendar_id=found.id)
    rows.sort(key=lambda row: (row.arrives_on, row.id))
    options = "".join(
        f"<option value='{mode}'{' selected' if mode == found.mode else ''}>{escape(words)}</option>"
        for mode, words in feed.MODES.items()
    )
    key = escape(found.id)
    items = "".join(map(_booking_part, rows))
    return f"""<h2>{escape(found.name)}</h2>
    <p>{escape(url)}/calendars/{key}.ics</p>
    <ul class="doors">{items}
      <li><h3>New booking</h3>
        <form method="post" action="/calendars">
          <input type="hidden" name="calendar" value="{key}">
          {_fields(f"new-{key}", Booking(id="", calendar_id="", guest="", arrives_on="", leaves_on=""))}
          <button name="act" value="add">Book</button>
        </form></li>
      <li><h3>The calendar is</h3>
        <form method="post" action="/calendars">
          <input type="hidden" name="calendar" value="{key}">
          <label for="mode-{key}">Served</label>
          <select id="mode-{key}" name="mode">{options}</select>
          <button name="act" value="mode">Set</button>
        </form></li>
    </ul>"""


def _booking_part(row: Booking) -> str:
    state = " – cancelled" if row.is_cancelled else ""
    return f"""
      <li><h3>{escape(row.guest)}{state}</h3>
        <p class="hint">{escape(row.reference)}</p>
        <form method="post" action="/calendars">
          <input type="hidden" name="booking" value="{escape(row.id)}">
          {_fields(row.id, row)}
          <button name="act" value="change">Change</button>
          <button name="act" value="cancel" class="quiet">Cancel it</button>
          <button name="act" value="delete" class="quiet">Leave it out</button>
        </form></li>"""


def _fields(key: str, row: Booking) -> str:
    words = [("guest", "Guest", "text"), ("email", "E-mail", "email")]
    words += [("arrives_on", "Arrives", "date"), ("leaves_on", "Leaves", "date")]
    return "".join(
        f"""<label for="{name}-{escape(key)}">{label}</label>
          <input id="{name}-{escape(key)}" name="{name}" type="{kind}" maxlength="200"
                 value="{escape(getattr(row, name))}">"""
        for name, label, kind in words
    )
