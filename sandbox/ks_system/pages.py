"""Salto KS as an access system for people: tag readers, a tray of tags, doors to try them at."""

from html import escape
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sandbox import pages
from sandbox.ks_system import doors, readers, seats
from sandbox.ks_system.control import tag_shape
from sandbox.ks_system.things import KIND, KsTag
from sandbox.replies import Json
from sandbox.space.pages import autofocus, lamp, options, said, state_words
from sandbox.space.things import Encoder, SpaceDoor, SpaceSystem
from sandbox.world import World

LIGHTS = {
    "waiting": "blinking",
    "processing": "red, blinking",
    "ok": "green",
    "error": "red",
}
SEEN = {"seen": "the reader sees it.", "unseen": "nothing happens."}


# --- acting -------------------------------------------------------------------------------


async def tags_page(request: Request) -> Response:
    world: World = request.app.state.world
    system = _system(world)
    if system is None:
        return pages.problem("There is no Salto KS access system here.", status=404)
    query = dict(request.query_params)
    taken = f"{seats.used(world, system)} of {system.seats} seats are taken."
    body = f"""    <p class="hint">SIMULATED Salto KS. Start reading a tag in the dashboard, then hold one to the
      reader here. {taken}</p>
    {said(_said(world, query))}
    <h2>Tag readers</h2>
    <ul class="doors">{"".join(_reader(world, row, query) for row in _readers(world, system))}</ul>
    <h2>Stand at a door</h2>
    {_door_form(world, system, query)}
    <h2>Tags</h2>
    <ul class="tray">{"".join(_tag(world, tag) for tag in world.ks_tags)}</ul>
    <h2>Doors</h2>
    <ul class="tray">{"".join(_door(world, door) for door in _doors(world, system))}</ul>"""
    return pages.page(system.name, body, live="/tags/live")


async def lights(request: Request) -> Response:
    world: World = request.app.state.world
    system = _system(world)
    return Json([_light(world, row) for row in _readers(world, system)] if system else [])


def _system(world: World) -> SpaceSystem | None:
    return next(iter(world.space_systems.where(kind=KIND)), None)


def _readers(world: World, system: SpaceSystem) -> list[Encoder]:
    return world.encoders.where(system_id=system.id, is_removed=False)


def _doors(world: World, system: SpaceSystem) -> list[SpaceDoor]:
    return [door for door in world.space_doors.where(system_id=system.id) if _lock(world, door)]


def _lock(world: World, door: SpaceDoor) -> Any:
    return world.ks_locks.get(door.id)


def _said(world: World, query: dict[str, str]) -> str:
    tag, door = world.ks_tags.get(query.get("tag")), world.space_doors.get(query.get("door"))
    reader, reason = world.encoders.get(query.get("reader")), query.get("reason", "")
    what = tag.label if tag else "PIN"
    if reader and reason in SEEN:
        return f"{what} at {reader.name}: {SEEN[reason]}"
    return (
        f"{what} at {door.name}: {doors.REASONS[reason]}"
        if door and reason in doors.REASONS
        else ""
    )


async def use_tags(request: Request) -> Response:
    """Do what a person with a tag or a PIN does, and go back to the page."""
    world: World = request.app.state.world
    if refused := pages.refused(request):
        return refused
    form = await request.form()
    query = _act(world, {name: str(value) for name, value in form.items()})
    if query is None:
        return pages.problem("There is no such tag, reader or door.", status=404)
    return RedirectResponse(f"/tags?{urlencode(query)}", 303)


def _act(world: World, sent: dict[str, str]) -> dict[str, str] | None:
    tag, reader = world.ks_tags.get(sent.get("tag_id")), world.encoders.get(sent.get("encoder_id"))
    door = world.space_doors.get(sent.get("door_id"))
    is_door = door is not None and _lock(world, door) is not None
    match sent.get("act"), tag, reader, door:
        case "hold", KsTag(), Encoder(), _:
            word = "seen" if readers.hold(world, tag, reader) else "unseen"
            return {"tag": tag.id, "reader": reader.id, "reason": word, "at": reader.id}
        case "tag", KsTag(), _, SpaceDoor() if is_door:
            reason = doors.try_tag(world, tag, door).reason
            return {"tag": tag.id, "door": door.id, "reason": reason, "at": "tag"}
        case "pin", _, _, SpaceDoor() if is_door:
            reason = doors.type_pin(world, sent.get("code", "").strip(), door).reason
            return {"door": door.id, "reason": reason, "at": "pin"}
    return None


# --- looking ------------------------------------------------------------------------------


def _reader(world: World, row: Encoder, query: dict[str, str]) -> str:
    key = f"tag-{row.id}"
    tags = options(((tag.id, tag.label) for tag in world.ks_tags), query.get("tag"))
    return f"""
      <li>
        <h3>{escape(row.name)}</h3>
        {lamp(_light(world, row))}
        <form method="post" action="/tags">
          <input type="hidden" name="encoder_id" value="{row.id}">
          <label for="{key}">Tag for {escape(row.name)}</label>
          <select id="{key}" name="tag_id">{tags}</select>
          <button name="act" value="hold"{autofocus(query, row.id)}>Hold to {escape(row.name)}</button>
        </form>
      </li>"""


def _light(world: World, row: Encoder) -> dict[str, Any]:
    door = world.space_doors.get(row.door_id)
    is_offline = door is None or not door.is_online or row.mode == "offline"
    words = state_words(world, row, "Waiting for a tag", "Reading")
    is_idle = row.state == "idle"
    return {
        "id": row.id,
        "state": "offline" if is_offline and is_idle else row.state,
        "words": "Offline" if is_offline and is_idle else words,
        "light": LIGHTS.get(row.state, "off"),
        "on_it": "",
    }


def _door_form(world: World, system: SpaceSystem, query: dict[str, str]) -> str:
    tags = options(((tag.id, tag.label) for tag in world.ks_tags), query.get("tag"))
    places = options(((door.id, door.name) for door in _doors(world, system)), query.get("door"))
    return f"""<form method="post" action="/tags" class="row">
      <p><label for="try-door">Door</label>
        <select id="try-door" name="door_id">{places}</select></p>
      <p><label for="try-tag">Tag</label>
        <select id="try-tag" name="tag_id">{tags}</select></p>
      <p><button name="act" value="tag"{autofocus(query, "tag")}>Hold to the door</button></p>
      <p><label for="try-pin">PIN</label>
        <input id="try-pin" name="code" autocomplete="off" inputmode="numeric" maxlength="10"></p>
      <p><button name="act" value="pin"{autofocus(query, "pin")}>Type the PIN</button></p>
    </form>"""


def _tag(world: World, tag: KsTag) -> str:
    truth = tag_shape(world, tag)
    words = "Not registered"
    if tag.site:
        words = f"Registered to {tag.site}"
    elif truth["user_name"]:
        words = f"Of {truth['user_name']}"
    elif truth["system_id"]:
        words = "Registered, nobody's"
    return f"""
      <li>
        <h3>{escape(tag.label)}</h3>
        <p>{escape(words)}<br><span class="hint">{escape(tag.number)}</span></p>
      </li>"""


def _door(world: World, door: SpaceDoor) -> str:
    lock = _lock(world, door)
    states = [
        {"office_mode": "Office mode"}.get(lock.bolt, lock.bolt.capitalize()),
        "" if door.is_online else "offline",
        "privacy mode" if lock.privacy_mode else "",
        f"battery {lock.battery_level}" if lock.battery_level != "fresh" else "",
        "" if lock.has_keypad else "no keypad",
    ]
    words = ", ".join(state for state in states if state)
    return f"""
      <li>
        <h3>{escape(door.name)}</h3>
        <p><span class="state {lock.bolt}">{escape(words)}</span></p>
      </li>"""
