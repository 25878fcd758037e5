"""The simulated phones for people: a link sets one up, then it is held to doors.

Looking at a link uses nothing up: mail scanners look at every link. Pressing its button does.
"""

from datetime import UTC, datetime
from html import escape
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sandbox import pages
from sandbox.phones import doors
from sandbox.phones.things import InstantKey, Phone
from sandbox.space.things import SpaceDoor
from sandbox.world import World

#: Names the phone that this browser set up last.
COOKIE = "sandbox-phone"
COOKIE_SECONDS = 30 * 86400

WHY_NOT = {
    "gone": "This link is not good any more: it was taken back, or there never was one.",
    "expired": "This link has expired.",
    "used": "This link was used already, on another phone.",
}


# --- the link -----------------------------------------------------------------------------


def _link(request: Request) -> InstantKey | None:
    world: World = request.app.state.world
    rows = world.instant_keys.where(token=request.path_params["token"])
    return next(iter(rows), None)


def _own_phone(request: Request, link: InstantKey | None) -> Phone | None:
    """Return the phone that this browser set up by this very link."""
    phone = request.app.state.world.phones.get(request.cookies.get(COOKIE))
    return phone if phone and link and phone.instant_key_id == link.id else None


async def link_page(request: Request) -> Response:
    world: World = request.app.state.world
    link = _link(request)
    if phone := _own_phone(request, link):
        return RedirectResponse(f"/phones/{phone.id}", 303)
    if why := doors.why_not(world, link):
        return pages.problem(WHY_NOT[why], status=404 if why == "gone" else 410)
    assert link
    person = world.user_identities[link.identity_id]
    left = link.max_use_count - link.use_count
    phones = "one phone" if left == 1 else f"{left} phones"
    body = f"""    <p>Mobile keys for <strong>{escape(person.full_name or "you")}</strong>.</p>
    <form method="post" action="/phone/{escape(link.token)}">
      <button type="submit">Put the keys on this phone</button>
    </form>
    <p class="hint">The link is good for {phones}, until {_clock(link.expires_at)}. This browser
      plays the phone.</p>"""
    return pages.page("Your keys", body)


async def use_link(request: Request) -> Response:
    if refused := pages.refused(request):
        return refused
    world: World = request.app.state.world
    link = _link(request)
    phone = _own_phone(request, link)
    if phone is None:
        if why := doors.why_not(world, link):
            return pages.problem(WHY_NOT[why], status=404 if why == "gone" else 410)
        assert link
        phone = doors.set_up(world, link)
    answer = RedirectResponse(f"/phones/{phone.id}", 303)
    answer.set_cookie(COOKIE, phone.id, max_age=COOKIE_SECONDS, httponly=True, samesite="lax")
    return answer


# --- all phones ---------------------------------------------------------------------------


async def phones_page(request: Request) -> Response:
    world: World = request.app.state.world
    phones = "".join(_listed(world, phone) for phone in world.phones)
    links = "".join(_offered(world, link) for link in world.instant_keys)
    body = f"""    <p class="hint">SIMULATED phones. A mobile key comes by a link, which the dashboard shows.</p>
    <h2>Phones</h2>
    {_tray(phones, "No phone was set up yet.")}
    <h2>Links</h2>
    {_tray(links, "No link was made yet.")}"""
    return pages.page("Phones", body)


def _tray(items: str, nothing: str) -> str:
    return f'<ul class="tray">{items}</ul>' if items else f"<p>{nothing}</p>"


def _name(world: World, identity_id: str) -> str:
    person = world.user_identities.get(identity_id)
    return (person and person.full_name) or "Somebody"


def _listed(world: World, phone: Phone) -> str:
    doors.refresh(world, phone)
    count = len(phone.copies)
    keys = "1 key" if count == 1 else f"{count or 'no'} keys"
    name = escape(_name(world, phone.identity_id))
    return f"""
      <li><h3><a href="/phones/{phone.id}">Phone of {name}</a></h3><p>{keys}</p></li>"""


def _offered(world: World, link: InstantKey) -> str:
    words = {"": "open", "expired": "expired", "used": "used"}[doors.why_not(world, link)]
    name = escape(_name(world, link.identity_id))
    return f"""
      <li><h3><a href="/phone/{escape(link.token)}">Link of {name}</a></h3>
        <p>{words}, {link.use_count} of {link.max_use_count} used</p></li>"""


# --- one phone ----------------------------------------------------------------------------


def _phone(request: Request) -> Phone | None:
    found: Phone | None = request.app.state.world.phones.get(request.path_params["phone_id"])
    return found


async def phone_page(request: Request) -> Response:
    world: World = request.app.state.world
    phone = _phone(request)
    if phone is None:
        return pages.problem("There is no such phone.", status=404)
    doors.refresh(world, phone)
    query = dict(request.query_params)
    systems = "".join(_system(world, phone, copy, query) for copy in phone.copies.values())
    nothing = "<p>There is no key on this phone: it is not ready yet, or was taken back.</p>"
    word, button = ("on", "Take it off the network") if phone.has_network else (
        "off", "Bring it back",
    )  # fmt: skip
    body = f"""    <p class="hint">SIMULATED phone. Hold it to a door, and the door decides.</p>
    {systems or nothing}
    <h2>Network</h2>
    <form method="post" action="/phones/{phone.id}">
      <p>The network is <strong>{word}</strong>. Without it the phone does not hear that a key changed.</p>
      <button name="act" value="network" class="quiet">{button}</button>
    </form>"""
    return pages.page(f"Phone of {_name(world, phone.identity_id)}", body)


def _said(door: SpaceDoor, query: dict[str, str]) -> str:
    """Return what came of holding the phone to this door, next to its button."""
    reason = query.get("reason", "")
    if query.get("door") != door.id or reason not in doors.REASONS:
        return ""
    kind = "good" if doors.Tried(reason).opened else "bad"
    words = f"{door.name}: {doors.REASONS[reason]}"
    return f'<p role="status" class="verdict {kind}">{escape(words)}</p>'


def _system(world: World, phone: Phone, copy: dict[str, Any], query: dict[str, str]) -> str:
    system = world.space_systems[copy["system_id"]]
    rows = world.space_doors.where(system_id=system.id)
    mine = [door for door in rows if door.id in copy["door_ids"]]
    others = [door for door in rows if door.id not in copy["door_ids"]]
    shown = "".join(_door(phone, door, query) for door in mine)
    rest = "".join(_door(phone, door, query) for door in others)
    is_open = " open" if query.get("door") in {door.id for door in others} else ""
    return f"""<h2>{escape(system.name)}</h2>
    <p>{escape(_window(copy))}</p>
    {f'<ul class="doors near">{shown}</ul>' if shown else "<p>This key opens no door.</p>"}
    <details{is_open}>
      <summary>Other doors of the house ({len(others)})</summary>
      <ul class="doors near">{rest}</ul>
    </details>"""


def _window(copy: dict[str, Any]) -> str:
    starts, ends = copy["starts_at"], copy["ends_at"]
    said = [f"from {_clock(starts)}"] if starts else []
    said += [f"until {_clock(ends)}"] if ends else []
    return f"Good {' '.join(said)}." if said else "Good always."


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%-d %b %Y, %H:%M} UTC"


def _door(phone: Phone, door: SpaceDoor, query: dict[str, str]) -> str:
    focus = " autofocus" if query.get("door") == door.id else ""
    place = "wired" if door.is_online else "offline"
    return f"""
      <li>
        <h3>{escape(door.name)}</h3>
        <p class="hint">{place}</p>
        {_said(door, query)}
        <form method="post" action="/phones/{phone.id}">
          <input type="hidden" name="door_id" value="{door.id}">
          <button name="act" value="hold" aria-label="Hold near {escape(door.name)}"{focus}>Hold near the door</button>
        </form>
      </li>"""


async def use_phone(request: Request) -> Response:
    """Do what a person with the phone does, and go back to it."""
    if refused := pages.refused(request):
        return refused
    world: World = request.app.state.world
    phone, form = _phone(request), await request.form()
    door = world.space_doors.get(str(form.get("door_id")))
    query = {}
    match str(form.get("act")), phone, door:
        case "hold", Phone(), SpaceDoor():
            reason = doors.hold(world, phone, door).reason
            query = {"door": door.id, "reason": reason}
        case "network", Phone(), _:
            phone.has_network = not phone.has_network
            world.phones.put(phone)
        case _:
            return pages.problem("There is no such phone or door.", status=404)
    return RedirectResponse(f"/phones/{phone.id}?{urlencode(query)}", 303)
