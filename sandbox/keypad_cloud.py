"""Keypad Cloud's API: an invented second brand, so that not everything is Salto's way.

An API key in `X-Api-Key`, no tokens; `{"items": [...]}`; `{"error": {"code", "message"}}`.
Documented in docs/sandbox.md.
"""

import hmac
from collections.abc import Callable
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox import doors, feed, keypads
from sandbox.clock import format_utc, parse_moment
from sandbox.replies import Json, PlainRefusalError, RefusedError, SilenceError, read_json
from sandbox.things import Client, Entry, KeypadCode, Lock, Site
from sandbox.world import World

MOST_ROWS = 100
SECONDS = range(1, 61)

#: What the provider calls a line of its feed, by category and detail of the sandbox's own.
EVENT_TYPES = {
    ("lock_opened", None): "opened",
    ("lock_rejected", "offline"): "denied",
    ("lock_rejected", "no_access"): "denied",
    ("lock_rejected", None): "denied",
    ("privacy_mode", "start"): "privacy_on",
    ("privacy_mode", "end"): "privacy_off",
}
WAYS = {"pin_code": "code", "remote": "app", "inside_handle": "inside", "tag": "card"}


def refusal(status: int, code: str, message: str) -> PlainRefusalError:
    return PlainRefusalError(Json({"error": {"code": code, "message": message}}, status))


# --- who may ask --------------------------------------------------------------------------


def find_client(world: World, key: str) -> Client | None:
    """Return whose API key this is; None for nobody's, and for a disabled one."""
    clients = world.clients.where(dialect="keypad", disabled=False)
    sent = key.encode("utf-8", "replace")
    return next((each for each in clients if hmac.compare_digest(each.secret.encode(), sent)), None)


class Ask:
    """One request of somebody with a good key."""

    def __init__(self, request: Request, client: Client, body: dict[str, Any]) -> None:
        self.world: World = request.app.state.world
        self.request, self.client, self.body = request, client, body

    def building(self) -> Site:
        site = self.world.sites.get(self.request.path_params["building_id"])
        if site is None or site.id not in self.client.site_ids:
            raise refusal(404, "not_found", "There is no such building.")
        return site

    def lock(self) -> Lock:
        lock = self.world.locks.get(self.request.path_params["lock_id"])
        if lock is None or lock.site_id not in self.client.site_ids:
            raise refusal(404, "not_found", "There is no such lock.")
        return lock

    def code(self) -> KeypadCode:
        code = self.world.keypad_codes.get(self.request.path_params["code_id"])
        if code is None or code.gone_at or code.site_id not in self.client.site_ids:
            raise refusal(404, "not_found", "There is no such code.")
        return code


def keyed(handler: Callable[[Ask], Response]) -> Callable[..., Any]:
    """Wrap a handler: 401 without a good key; refusals in this brand's words."""

    async def endpoint(request: Request) -> Response:
        world: World = request.app.state.world
        client = find_client(world, request.headers.get("x-api-key", ""))
        if client is None:
            raise refusal(401, "unauthorized", "The API key is not valid.")
        try:
            return handler(Ask(request, client, await read_json(request)))
        except RefusedError as wrong:
            raise refusal(wrong.status, wrong.code, wrong.message) from wrong

    return endpoint


# --- reading ------------------------------------------------------------------------------


def account(ask: Ask) -> Response:
    return Json({"id": ask.client.id, "name": f"SIMULATED {ask.client.id}"})


def buildings(ask: Ask) -> Response:
    found = [ask.world.sites[key] for key in ask.client.site_ids]
    return _items(
        [{"id": s.id, "name": s.customer_reference, "time_zone": s.time_zone} for s in found]
    )


def people(ask: Ask) -> Response:
    """Return who runs the building; codes have no people."""
    owner = ask.world.people[ask.building().owner_id]
    return _items([{"id": owner.id, "name": owner.name, "email": owner.email}])


def locks(ask: Ask) -> Response:
    found = ask.world.locks.where(site_id=ask.building().id)
    return _items([lock_shape(lock) for lock in found])


def lock(ask: Ask) -> Response:
    return Json(lock_shape(ask.lock()))


def lock_shape(lock: Lock) -> dict[str, Any]:
    word = lock.locked_state
    return {
        "id": lock.id,
        "name": lock.customer_reference,
        "state": "unlocked" if word == "office_mode" else word,
        "online": lock.online,
        "battery_percent": lock.battery_percent,
        "privacy": lock.privacy_mode,
        "code_lengths": lock.code_lengths if lock.has_keypad else [],
        "code_constraints": lock.code_constraints,
        "code_slots": lock.code_slots,
    }


def codes(ask: Ask) -> Response:
    """Return the codes of a building as they were a while ago."""
    return _items(
        [
            code_shape(*each, world=ask.world)
            for each in keypads.listed(ask.world, ask.building().id)
        ]
    )


def code_shape(code: KeypadCode, name: str, state: str, *, world: World) -> dict[str, Any]:
    return {
        "id": code.id,
        "lock_id": code.lock_id,
        "lock_name": world.locks[code.lock_id].customer_reference,
        "name": name,
        "code": code.digits,
        "state": state,
        "created_at": format_utc(code.created_at),
    }


def events(ask: Ask) -> Response:
    """Return up to `limit` lines from `since` (inclusive), oldest first; `next` if more wait."""
    query = ask.request.query_params
    after, limit = query.get("after", "0"), query.get("limit", str(MOST_ROWS))
    if not after.isdigit() or not limit.isdigit() or not 1 <= int(limit) <= MOST_ROWS:
        raise refusal(400, "invalid", f"after is a number, limit 1 to {MOST_ROWS}.")
    since = _since(query.get("since", ""))
    rows = [
        row
        for row in feed.readable(ask.world, ask.building().id)
        if row.n > int(after) and (since is None or row.at >= since)
    ]
    page = rows[: int(limit)]
    more = len(rows) > len(page)
    items = [event_shape(row) for row in page]
    return Json({"items": items, "next": str(page[-1].n) if more else None})


def _since(text: str) -> datetime | None:
    try:
        return parse_moment(text) if text else None
    except ValueError as wrong:
        raise refusal(400, "invalid", "since must be an ISO time.") from wrong


def event_shape(entry: Entry) -> dict[str, Any]:
    row = entry.row
    word = (str(row.get("event_category")), row.get("event_detail"))
    is_code = row.get("access_by") == "pin_code" and row.get("user_id") != feed.UNKNOWN_PERSON_ID
    return {
        "id": row.get("id"),
        "at": row.get("utc_date_time"),
        "lock_id": row.get("lock_id"),
        "lock_name": row.get("lock_customer_reference"),
        "type": EVENT_TYPES.get(word, word[0]),
        "by": WAYS.get(str(row.get("access_by")), row.get("access_by")),
        "code_id": row.get("user_id") if is_code else None,
        "code_name": row.get("user_alias") if is_code else None,
    }


def _items(rows: list[dict[str, Any]]) -> Response:
    return Json({"items": rows})


# --- acting -------------------------------------------------------------------------------


def unlock(ask: Ask) -> Response:
    """Open for `seconds`, 1 to 60; 5 without."""
    lock, seconds = ask.lock(), ask.body.get("seconds", 5)
    if seconds not in SECONDS or isinstance(seconds, bool):
        raise refusal(400, "invalid", "seconds must be a whole number from 1 to 60.")
    _raise_if_unreachable(ask.world, lock)
    if lock.privacy_mode:
        ask.world.effect("lock_rejected", cause="remote", lock=lock, reason="privacy_mode")
        raise refusal(423, "privacy", "Somebody inside wants privacy.")
    doors.open_door(ask.world, lock, cause="remote", seconds=float(seconds))
    feed.add_entry(ask.world, lock, "lock_opened", access_by="remote")
    return Json({"id": lock.id, "state": "unlocked", "seconds": seconds})


def shut(ask: Ask) -> Response:
    lock = ask.lock()
    _raise_if_unreachable(ask.world, lock)
    doors.lock_now(ask.world, lock, cause="remote")
    return Json({"id": lock.id, "state": "locked"})


def _raise_if_unreachable(world: World, lock: Lock) -> None:
    if doors.can_reach(world, lock):
        return
    world.effect("lock_rejected", cause="remote", lock=lock, reason="offline")
    if lock.offline_answer == "timeout":
        raise SilenceError
    raise refusal(422, "offline", "The lock is offline.")


def create_code(ask: Ask) -> Response:
    name, digits = ask.body.get("name"), ask.body.get("code")
    if not isinstance(name, str) or not name.strip() or not isinstance(digits, str):
        raise refusal(400, "invalid", "name and code are required.")
    code = keypads.create(ask.world, ask.lock(), name, digits)
    state = "set" if code.on_lock else "setting"
    return Json(code_shape(code, code.name, state, world=ask.world), 201)


def change_code(ask: Ask) -> Response:
    """Change the name; digits cannot be changed."""
    name = ask.body.get("name")
    if not isinstance(name, str) or not name.strip() or set(ask.body) != {"name"}:
        raise refusal(400, "invalid", "Only the name can be changed.")
    code = ask.code()
    keypads.rename(ask.world, code, name)
    state = "set" if code.on_lock else "setting"
    return Json(code_shape(code, code.name, state, world=ask.world))


def delete_code(ask: Ask) -> Response:
    keypads.delete(ask.world, ask.code())
    return Json({"deleted": True})


# --- routes -------------------------------------------------------------------------------

BUILDING = "/buildings/{building_id}"
LOCK = "/locks/{lock_id}"
CODE = "/codes/{code_id}"

ROUTES = [
    Route("/account", keyed(account), methods=["GET"]),
    Route("/buildings", keyed(buildings), methods=["GET"]),
    Route(BUILDING + "/people", keyed(people), methods=["GET"]),
    Route(BUILDING + "/locks", keyed(locks), methods=["GET"]),
    Route(BUILDING + "/codes", keyed(codes), methods=["GET"]),
    Route(BUILDING + "/events", keyed(events), methods=["GET"]),
    Route(LOCK, keyed(lock), methods=["GET"]),
    Route(LOCK + "/unlock", keyed(unlock), methods=["POST"]),
    Route(LOCK + "/lock", keyed(shut), methods=["POST"]),
    Route(LOCK + "/codes", keyed(create_code), methods=["POST"]),
    Route(CODE, keyed(change_code), methods=["PATCH"]),
    Route(CODE, keyed(delete_code), methods=["DELETE"]),
]
