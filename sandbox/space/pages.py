"""The card desk for people: encoders with their lights, a tray of cards, doors to try them at.

Plain forms that work without scripts; one script only keeps the lights fresh. Nothing here is
real, and the page says so.
"""

from html import escape
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sandbox import pages
from sandbox.replies import Json
from sandbox.space import control, doors, encoders
from sandbox.space.things import Card, Encoder, SpaceSystem
from sandbox.world import World

#: Reason at a door, for people.
REASONS = {
    "opened": "the door opens",
    "not_activated": "the card is not valid yet",
    "expired": "the card has expired",
    "out_of_date": "the card has not been at an updating reader for too long",
    "not_allowed_here": "the card has no right here",
    "cancelled": "the card is cancelled",
    "manipulated": "the card is half written",
    "unreadable": "the card cannot be read",
    "foreign": "the card is of another system",
    "blank": "the card is blank",
}
MODES = {
    "ready": "ready",
    "offline": "switched off",
    "uninitialised": "not initialised",
    "auto_update": "busy with automatic updates",
    "dongle": "busy as a dongle",
    "desktop_reader": "busy as a desktop reader",
    "garbled": "answering nonsense",
    "stalled": "stalling while it writes",
}
KIND = "salto_space"


# --- acting -------------------------------------------------------------------------------


async def cards_page(request: Request) -> Response:
    world: World = request.app.state.world
    system = _system(world, request.query_params.get("system"))
    if system is None:
        return pages.problem("There is no Salto Space installation here.", status=404)
    query = dict(request.query_params)
    body = f"""    <p class="hint">SIMULATED Salto Space. Start a card job in the dashboard, then lay a card on the
      encoder here.</p>
    {said(_said(world, query))}
    <h2>Encoders</h2>
    <ul class="doors">{"".join(_encoder(world, row, query) for row in _encoders(world, system))}</ul>
    <h2>Hold a card to a door</h2>
    {_door_form(world, system, query)}
    <h2>Cards</h2>
    <ul class="tray">{"".join(_card(world, card) for card in world.cards)}</ul>
    <h2>Seam Bridge</h2>
    {_bridge(system, query)}"""
    return pages.page(system.name, body, live=f"/cards/live?system={system.id}")


async def lights(request: Request) -> Response:
    """Answer what the lights show now: `[{id, state, words, light, on_it}]`."""
    world: World = request.app.state.world
    system = _system(world, request.query_params.get("system"))
    return Json([_light(world, row) for row in _encoders(world, system)] if system else [])


def _system(world: World, key: str | None) -> SpaceSystem | None:
    mine = world.space_systems.where(kind=KIND)
    return next((row for row in mine if row.id == key), next(iter(mine), None))


def _encoders(world: World, system: SpaceSystem) -> list[Encoder]:
    return world.encoders.where(system_id=system.id, is_removed=False)


def said(words: str) -> str:
    return f'<p role="status">{escape(words)}</p>'


def _said(world: World, query: dict[str, str]) -> str:
    """Return what the latest try at a door came to, with the number of Space's audit trail."""
    card, door = world.cards.get(query.get("card")), world.space_doors.get(query.get("door"))
    reason = query.get("reason", "")
    if not card or not door or reason not in REASONS:
        return ""
    return f"{card.label} at {door.name}: {REASONS[reason]} ({doors.OPERATIONS[reason]})."


async def use_cards(request: Request) -> Response:
    """Do what a person at the desk does, and go back to the page."""
    world: World = request.app.state.world
    if refused := pages.refused(request):
        return refused
    form = await request.form()
    sent = {name: str(value) for name, value in form.items()}
    query = _act(world, sent)
    if query is None:
        return pages.problem("There is no such card, encoder or door.", status=404)
    return RedirectResponse(f"/cards?{urlencode(query)}", 303)


def _act(world: World, sent: dict[str, str]) -> dict[str, str] | None:
    """Return the query of the page to show, with `at`: what to go on with there.

    None if something named is not there.
    """
    card, encoder = world.cards.get(sent.get("card_id")), world.encoders.get(sent.get("encoder_id"))
    system = world.space_systems.get(sent.get("system_id"))
    door = world.space_doors.get(sent.get("door_id"))
    match sent.get("act"), card, encoder, system, door:
        case "place", Card(), Encoder(), _, _:
            encoders.place(world, card, encoder, is_misplaced="is_misplaced" in sent)
            return {"system": encoder.system_id, "at": encoder.id}
        case "take", Card(), _, _, _:
            lay_on = world.encoders.get(card.encoder_id)
            encoders.take(world, card)
            if lay_on is None:
                return {}
            return {"system": lay_on.system_id, "at": lay_on.id, "card": card.id}
        case "try", Card(), _, _, found if found:
            reason = doors.try_card(world, card, found).reason
            query = {"card": card.id, "door": found.id, "reason": reason, "at": "door"}
            return query | {"system": found.system_id}
        case "mode", _, Encoder(), _, _ if sent.get("mode") in MODES:
            control.ENCODER_CHANGES["mode"](world, encoder, sent["mode"])
            world.encoders.put(encoder)
            return {"system": encoder.system_id, "at": f"mode-{encoder.id}"}
        case "bridge", _, _, SpaceSystem(), _:
            control.SYSTEM_CHANGES["is_bridge_up"](world, system, not system.is_bridge_up)
            world.space_systems.put(system)
            return {"system": system.id, "at": "bridge"}
    return None


# --- encoders -----------------------------------------------------------------------------


def _encoder(world: World, row: Encoder, query: dict[str, str]) -> str:
    card = world.cards.get(row.card_id)
    key = f"mode-{row.id}"
    focus = autofocus(query, key)
    is_open = " open" if focus or row.mode != "ready" else ""
    return f"""
      <li>
        <h3>{escape(row.name)}</h3>
        {lamp(_light(world, row))}
        {_take(row, card, query) if card else _place(world, row, query)}
        <details{is_open}>
          <summary>Trouble</summary>
          <form method="post" action="/cards">
            <input type="hidden" name="encoder_id" value="{row.id}">
            <label for="{key}">{escape(row.name)} is</label>
            <select id="{key}" name="mode"{focus}>{options(MODES.items(), row.mode)}</select>
            <button name="act" value="mode" class="quiet">Set</button>
          </form>
        </details>
      </li>"""


def lamp(light: dict[str, Any]) -> str:
    """Return an encoder's lamp with its words; the script on the page keeps them fresh."""
    return f"""<div data-light="{light["id"]}" data-on-it="{light["on_it"]}">
          <p class="light"><span class="lamp {light["state"]}" data-lamp></span>
            <span data-words>{escape(light["words"])}</span></p>
          <p class="hint">Light: <span data-says>{escape(light["light"])}</span></p>
        </div>"""


def autofocus(query: dict[str, str], key: str) -> str:
    return " autofocus" if query.get("at") == key else ""


def options(pairs: Any, chosen: str | None) -> str:
    return "".join(
        f'<option value="{key}"{" selected" if key == chosen else ""}>{escape(text)}</option>'
        for key, text in pairs
    )


def _light(world: World, row: Encoder) -> dict[str, Any]:
    return {
        "id": row.id,
        "state": row.mode if row.mode in {"offline", "uninitialised"} else row.state,
        "words": state_words(world, row, "Waiting for a card", "Writing or reading"),
        "light": control.LIGHTS.get(row.mode) or control.LIGHTS[row.state],
        "on_it": row.card_id or "",
    }


def state_words(world: World, row: Encoder, waiting: str, working: str) -> str:
    if row.state == "waiting":
        timer = world.timers.get(encoders.timer_of(row))
        left = (timer.due_at - world.now()).total_seconds() if timer else 0
        return f"{waiting}, {max(round(left), 0)} s left"
    if row.state == "idle":
        return MODES[row.mode].capitalize() if row.mode != "ready" else "Idle"
    words = {"processing": working, "ok": "Done"}
    return words.get(row.state, f"Error: {row.latest_error}")


def _take(row: Encoder, card: Card, query: dict[str, str]) -> str:
    lies = ", badly placed" if row.is_misplaced else ""
    return f"""<form method="post" action="/cards">
          <p>On it: <strong>{escape(card.label)}</strong>{lies}</p>
          <input type="hidden" name="card_id" value="{card.id}">
          <button name="act" value="take"{autofocus(query, row.id)}>Take {escape(card.label)} off</button>
        </form>"""


def _place(world: World, row: Encoder, query: dict[str, str]) -> str:
    key, wrong = f"card-{row.id}", f"wrong-{row.id}"
    cards = [card for card in world.cards if not card.encoder_id]
    chosen = _next_card(world, cards, query)
    choice = options(((card.id, card.label) for card in cards), chosen)
    return f"""<form method="post" action="/cards">
          <input type="hidden" name="encoder_id" value="{row.id}">
          <label for="{key}">Card for {escape(row.name)}</label>
          <select id="{key}" name="card_id">{choice}</select>
          <p class="check"><input id="{wrong}" name="is_misplaced" type="checkbox">
            <label for="{wrong}">Badly placed</label></p>
          <button name="act" value="place"{autofocus(query, row.id)}>Lay on {escape(row.name)}</button>
        </form>"""


def _next_card(world: World, cards: list[Card], query: dict[str, str]) -> str | None:
    """Return the card that is likely laid on next: one lifted too early, or the first blank."""
    latest = world.cards.get(query.get("card"))
    if latest and latest.is_half_written:
        return latest.id
    return next((card.id for card in cards if not card.content and not card.is_damaged), None)


# --- doors, cards, bridge -----------------------------------------------------------------


def _door_form(world: World, system: SpaceSystem, query: dict[str, str]) -> str:
    rows = world.space_doors.where(system_id=system.id)
    cards = options(((card.id, card.label) for card in world.cards), query.get("card"))
    places = options(((door.id, _door_name(door)) for door in rows), query.get("door"))
    return f"""<form method="post" action="/cards" class="row">
      <p><label for="try-card">Card</label>
        <select id="try-card" name="card_id">{cards}</select></p>
      <p><label for="try-door">Door</label>
        <select id="try-door" name="door_id">{places}</select></p>
      <p><button name="act" value="try"{autofocus(query, "door")}>Hold to the door</button></p>
    </form>"""


def _door_name(door: Any) -> str:
    if door.is_updater:
        return f"{door.name} (updates cards)"
    return door.name if door.is_online else f"{door.name} (offline)"


def _card(world: World, card: Card) -> str:
    encoder = world.encoders.get(card.encoder_id)
    place = f"<br><strong>On {escape(encoder.name)}</strong>" if encoder else ""
    return f"""
      <li>
        <h3>{escape(card.label)}</h3>
        <p>{escape(describe(world, card))}<br><span class="hint">{card.serial}</span>{place}</p>
      </li>"""


def describe(world: World, card: Card) -> str:
    """Return what is on a card, in words."""
    if card.is_damaged:
        return "Damaged"
    if card.is_half_written:
        return "Half written"
    kind = card.content.get("kind")
    if not kind:
        return "Blank"
    if kind != "user":
        words = {"guest": "Of a former guest", "staff": "Staff", "foreign": "Another system's"}
        return words.get(kind, "Something unknown")
    ids = set(card.content["door_ids"])
    names = [door.name for door in world.space_doors if door.id in ids]
    return f"{card.content['user_name']}: {', '.join(names) or 'no door'}"


def _bridge(system: SpaceSystem, query: dict[str, str]) -> str:
    word, button = ("up", "Cut the bridge") if system.is_bridge_up else ("down", "Mend the bridge")
    return f"""<form method="post" action="/cards">
      <p>Seam Bridge is <strong>{word}</strong>.</p>
      <input type="hidden" name="system_id" value="{system.id}">
      <button name="act" value="bridge" class="quiet"{autofocus(query, "bridge")}>{button}</button>
    </form>"""
