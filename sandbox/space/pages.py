"""The card desk for people: encoders, a tray of cards, doors to try them at.

Plain forms, no scripts. Nothing here is real, and the page says so.
"""

from html import escape

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sandbox import pages
from sandbox.space import control, doors, encoders
from sandbox.space.things import Card, Encoder, SpaceSystem
from sandbox.world import World

#: Reason at a door, for people.
REASONS = {
    "opened": "the door opens.",
    "not_activated": "the card is not valid yet.",
    "expired": "the card has expired.",
    "out_of_date": "the card has not been at an updating reader for too long.",
    "not_allowed_here": "the card has no right here.",
    "cancelled": "the card is cancelled.",
    "manipulated": "the card is half written.",
    "unreadable": "the card cannot be read.",
    "foreign": "the card is of another system.",
    "blank": "the card is blank.",
}
MODES = {
    "ready": "ready",
    "offline": "switched off",
    "uninitialised": "not initialised",
    "auto_update": "busy with automatic updates",
    "dongle": "busy as a dongle",
    "desktop_reader": "busy as a desktop reader",
    "stalled": "stalls while it writes",
}


# --- acting -------------------------------------------------------------------------------


async def cards_page(request: Request) -> Response:
    world: World = request.app.state.world
    system = _system(world, request.query_params.get("system"))
    if system is None:
        return pages.problem("There is no Salto Space installation here.", status=404)
    said = _said(world, request)
    body = f"""    <p class="hint">SIMULATED Salto Space. Start a card job in the dashboard, then lay a card on the
      encoder here. <a href="/cards">Look again</a></p>
    <p role="status">{escape(said)}</p>
    {_bridge(system)}
    <h2>Encoders</h2>
    <ul class="doors">{"".join(_encoder(world, row) for row in _encoders(world, system))}</ul>
    <h2>Cards</h2>
    <ul class="doors">{"".join(_card(world, system, card) for card in world.cards)}</ul>"""
    return pages.page(system.name, body)


def _system(world: World, key: str | None) -> SpaceSystem | None:
    mine = world.space_systems.where(kind="salto_space")
    return next((row for row in mine if row.id == key), next(iter(mine), None))


def _encoders(world: World, system: SpaceSystem) -> list[Encoder]:
    return world.encoders.where(system_id=system.id, is_removed=False)


def _said(world: World, request: Request) -> str:
    """Return what the latest try at a door came to."""
    query = request.query_params
    card, door = world.cards.get(query.get("card")), world.space_doors.get(query.get("door"))
    words = REASONS.get(query.get("reason", ""))
    return f"{card.label} at {door.name}: {words}" if card and door and words else ""


async def use_cards(request: Request) -> Response:
    """Do what a person at the desk does, and go back to the page."""
    world: World = request.app.state.world
    if request.headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
        return pages.problem("This form was sent from somewhere else.", status=403)
    form = await request.form()
    sent = {name: str(value) for name, value in form.items()}
    query = _act(world, sent)
    if query is None:
        return pages.problem("There is no such card, encoder or door.", status=404)
    return RedirectResponse(f"/cards{query}", 303)


def _act(world: World, sent: dict[str, str]) -> str | None:
    """Return the query of the page to show; None if something named is not there."""
    card, encoder = world.cards.get(sent.get("card_id")), world.encoders.get(sent.get("encoder_id"))
    system = world.space_systems.get(sent.get("system_id"))
    door = world.space_doors.get(sent.get("door_id"))
    match sent.get("act"), card, encoder, system, door:
        case "place", Card(), Encoder(), _, _:
            encoders.place(world, card, encoder)
        case "take", Card(), _, _, _:
            encoders.take(world, card)
        case "try", Card(), _, _, found if found:
            reason = doors.try_card(world, card, found).reason
            return f"?card={card.id}&door={found.id}&reason={reason}"
        case "mode", _, Encoder(), _, _ if sent.get("mode") in MODES:
            control.ENCODER_CHANGES["mode"](world, encoder, sent["mode"])
            world.encoders.put(encoder)
        case "bridge", _, _, SpaceSystem(), _:
            control.SYSTEM_CHANGES["is_bridge_up"](world, system, not system.is_bridge_up)
            world.space_systems.put(system)
        case _:
            return None
    return ""


# --- looking ------------------------------------------------------------------------------


def _bridge(system: SpaceSystem) -> str:
    word, button = ("up", "Cut the bridge") if system.is_bridge_up else ("down", "Mend the bridge")
    return f"""<form method="post" action="/cards">
      <p>Seam Bridge is <strong>{word}</strong>.</p>
      <input type="hidden" name="system_id" value="{system.id}">
      <button name="act" value="bridge" class="quiet">{button}</button>
    </form>"""


def _encoder(world: World, row: Encoder) -> str:
    card = world.cards.get(row.card_id)
    light = control.LIGHTS.get(row.mode) or control.LIGHTS[row.state]
    key = f"mode-{row.id}"
    options = "".join(
        f'<option value="{mode}"{" selected" if mode == row.mode else ""}>{text}</option>'
        for mode, text in MODES.items()
    )
    return f"""
      <li>
        <h3>{escape(row.name)}</h3>
        <p><span class="light {row.state}">{escape(_state(world, row))}</span><br>
          Light: {light}<br>On it: {escape(card.label) if card else "nothing"}</p>
        {_take(card) if card else ""}
        <form method="post" action="/cards">
          <input type="hidden" name="encoder_id" value="{row.id}">
          <label for="{key}">{escape(row.name)} is</label>
          <select id="{key}" name="mode">{options}</select>
          <button name="act" value="mode" class="quiet">Set</button>
        </form>
      </li>"""


def _state(world: World, row: Encoder) -> str:
    if row.state == "waiting" and row.started_at:
        timer = world.timers.get(f"encoder:{row.id}")
        left = (timer.due_at - world.now()).total_seconds() if timer else 0
        return f"Waiting for a card, {max(round(left), 0)} s left"
    words = {"idle": "Idle", "processing": "Writing or reading", "ok": "Done", "waiting": "Waiting"}
    return words.get(row.state, f"Error: {row.latest_error}")


def _take(card: Card) -> str:
    return f"""<form method="post" action="/cards">
          <input type="hidden" name="card_id" value="{card.id}">
          <button name="act" value="take">Take {escape(card.label)} off</button>
        </form>"""


def _card(world: World, system: SpaceSystem, card: Card) -> str:
    key = f"door-{card.id}"
    places = "".join(
        f"""<form method="post" action="/cards">
          <input type="hidden" name="card_id" value="{card.id}">
          <input type="hidden" name="encoder_id" value="{row.id}">
          <button name="act" value="place">Lay on {escape(row.name)}</button>
        </form>"""
        for row in _encoders(world, system)
    )
    options = "".join(
        f'<option value="{door.id}">{escape(door.name)}</option>'
        for door in world.space_doors.where(system_id=system.id)
    )
    return f"""
      <li>
        <h3>{escape(card.label)}</h3>
        <p>{escape(describe(world, card))}<br><span class="hint">{card.serial}</span></p>
        {_take(card) if card.encoder_id else places}
        <form method="post" action="/cards">
          <input type="hidden" name="card_id" value="{card.id}">
          <label for="{key}">{escape(card.label)} at</label>
          <select id="{key}" name="door_id">{options}</select>
          <button name="act" value="try" class="quiet">Hold to door</button>
        </form>
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
        return {"guest": "Of a former guest", "staff": "Staff", "foreign": "Another system's"}[kind]
    ids = card.content["door_ids"]
    names = [door.name for door in world.space_doors if door.id in ids]
    return f"{card.content['user_name']}: {', '.join(names) or 'no door'}"
