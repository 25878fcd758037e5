"""The older dialect: client credentials, scopes, camelCase audit rows.

Its one description, https://docs.harnessautomation.com/gem/admin/integrations/salto_ks, names
no JSON shapes; what is not in it is this sandbox's choice and is listed in docs/sandbox.md.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox import doors, feed, identity, tokens
from sandbox.clock import parse_moment
from sandbox.connect import raise_unreachable
from sandbox.replies import Json, PlainRefusalError, RefusedError, read_json
from sandbox.things import Client, Entry, Lock, Member, Site
from sandbox.world import World

MOST_ROWS = 200
SECONDS = range(1, 61)
DEFAULT_SECONDS = 5


def refusal(status: int, error: str, message: str, **more: Any) -> PlainRefusalError:
    return PlainRefusalError(Json({"error": error, "message": message} | more, status))


# --- token --------------------------------------------------------------------------------


async def token(request: Request) -> Response:
    """Answer client_credentials: 401 a wrong secret, 400 the add-on is not enabled."""
    world: World = request.app.state.world
    form = {name: str(value) for name, value in (await request.form()).items()}
    try:
        client = identity.authenticate_client(request, form, dialect="legacy")
        if form.get("grant_type") != "client_credentials":
            raise identity.OAuthError("unsupported_grant_type")
        if not client.addon_enabled:
            raise identity.OAuthError(
                "unauthorized_client", "The Connect API add-on is not enabled for this account."
            )
    except identity.OAuthError as wrong:
        return wrong.response()
    asked = form.get("scope", "").split() or client.scopes
    scopes = [scope for scope in client.scopes if scope in asked]
    issuer = f"{request.app.state.base_url}/legacy"
    claim = tokens.Claim(client=client, issuer=issuer, scopes=scopes)
    return Json(tokens.issue(world, claim))


# --- who may ask --------------------------------------------------------------------------

Handler = Callable[[Request, World, Client], Awaitable[Response]]


def scoped(handler: Handler, scope: str) -> Callable[[Request], Awaitable[Response]]:
    """Wrap a handler: 401 without a good token, 403 without the scope."""

    async def endpoint(request: Request) -> Response:
        world: World = request.app.state.world
        found = identity.find_bearer(request, kind="legacy")
        client = world.clients.get(found.client_id)
        if client is None or client.disabled:
            raise identity.RefusedTokenError("The client is disabled")
        if scope not in found.scopes:
            raise refusal(403, "insufficient_scope", f"The scope {scope} is required.", scope=scope)
        return await handler(request, world, client)

    return endpoint


def _site(request: Request, world: World, client: Client) -> Site:
    site_id = request.path_params["site_id"]
    site = world.sites.get(site_id) if site_id in client.site_ids else None
    if site is None:
        raise refusal(404, "not_found", "Site not found")
    return site


def _lock(request: Request, world: World, client: Client) -> Lock:
    lock = world.locks.get(request.path_params["lock_id"])
    if lock is None or lock.site_id != _site(request, world, client).id:
        raise refusal(404, "not_found", "Lock not found")
    return lock


# --- reading ------------------------------------------------------------------------------


async def sites(_request: Request, world: World, client: Client) -> Response:
    found = [world.sites[key] for key in client.site_ids]
    rows = [{"id": s.id, "name": s.customer_reference, "timezone": s.time_zone} for s in found]
    return Json({"items": rows})


async def locks(request: Request, world: World, client: Client) -> Response:
    site = _site(request, world, client)
    rows = [lock_shape(world, lock) for lock in world.locks.where(site_id=site.id)]
    return Json({"items": rows})


async def lock(request: Request, world: World, client: Client) -> Response:
    """Return one lock with its last event, which the list does not carry."""
    found = _lock(request, world, client)
    rows = [e for e in feed.readable(world, found.site_id) if e.lock_id == found.id]
    last = audit_shape(world, rows[-1]) if rows else None
    return Json(lock_shape(world, found) | {"lastEvent": last})


def lock_shape(world: World, lock: Lock) -> dict[str, Any]:
    return {
        "id": lock.id,
        "name": lock.customer_reference,
        "online": lock.online and world.iqs[lock.iq_id].online,
        "battery_level": lock.battery_percent,
        "locked_state": lock.locked_state,
        "lock_type": lock.lock_type,
    }


async def users(request: Request, world: World, client: Client) -> Response:
    site = _site(request, world, client)
    rows = [_user_shape(world, member) for member in world.members.where(site_id=site.id)]
    return Json({"items": rows})


def _user_shape(world: World, member: Member) -> dict[str, Any]:
    person = world.people[member.person_id]
    return {
        "id": member.id,
        "name": person.name,
        "email": person.email,
        "active": not member.blocked and member.subscription_state == "subscribed",
    }


# --- audit --------------------------------------------------------------------------------


async def audit_trails(request: Request, world: World, client: Client) -> Response:
    return _audit(request, world, client, route="audit-trails")


async def audit_log(request: Request, world: World, client: Client) -> Response:
    return _audit(request, world, client, route="audit/log")


def _audit(request: Request, world: World, client: Client, *, route: str) -> Response:
    """Return up to `limit` rows: from `since` (inclusive) oldest first; without, the newest."""
    if client.audit_route != route:
        raise refusal(404, "not_found", "Not found")
    site = _site(request, world, client)
    limit, since = _limit(request), _since(request)
    rows = feed.readable(world, site.id)
    rows = [row for row in rows if row.at >= since] if since else rows[::-1]
    return Json({"items": [audit_shape(world, row) for row in rows[:limit]]})


def audit_shape(world: World, entry: Entry) -> dict[str, Any]:
    row = entry.row
    person = world.people.get(row.get("user_id"))
    name = f"{row.get('user_first_name') or ''} {row.get('user_last_name') or ''}".strip()
    user = {"id": row.get("user_id"), "name": name, "email": person.email if person else None}
    return {
        "id": row.get("id"),
        "type": row.get("event_category"),
        "detail": row.get("event_detail"),
        "accessBy": row.get("access_by"),
        "timestamp": row.get("utc_date_time"),
        "lockId": row.get("lock_id"),
        "lockName": row.get("lock_customer_reference"),
        "user": user if name else None,
    }


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", "50")
    if not text.isdigit() or not 1 <= int(text) <= MOST_ROWS:
        raise refusal(400, "invalid_request", f"limit must be between 1 and {MOST_ROWS}.")
    return int(text)


def _since(request: Request) -> datetime | None:
    text = request.query_params.get("since")
    try:
        return parse_moment(text) if text else None
    except ValueError as wrong:
        raise refusal(400, "invalid_request", "since must be an ISO time.") from wrong


# --- acting -------------------------------------------------------------------------------


async def locking(request: Request, world: World, client: Client) -> Response:
    """Open for some seconds, or lock where the hardware can."""
    body = await read_json(request)
    wanted = body.get("locked_state")
    if wanted == "unlocked":
        return _open(request, world, client, body)
    if wanted == "locked":
        return _shut(request, world, client)
    raise refusal(400, "invalid_request", "locked_state must be locked or unlocked.")


async def unlock(request: Request, world: World, client: Client) -> Response:
    return _open(request, world, client, await read_json(request))


async def shut(request: Request, world: World, client: Client) -> Response:
    return _shut(request, world, client)


def _open(request: Request, world: World, client: Client, body: dict[str, Any]) -> Response:
    found = _lock(request, world, client)
    seconds = body.get("seconds", DEFAULT_SECONDS)
    if seconds not in SECONDS or isinstance(seconds, bool):
        raise refusal(400, "invalid_request", "seconds must be a whole number from 1 to 60.")
    _raise_if_unreachable(world, found)
    if found.privacy_mode:
        world.effect("lock_rejected", cause="remote", lock=found, reason="privacy_mode")
        raise refusal(403, "forbidden", "The lock is in privacy mode.")
    doors.open_door(world, found, cause="remote", seconds=float(seconds))
    feed.add_entry(world, found, "lock_opened", access_by="remote")
    return Json({"id": found.id, "state": "released", "seconds": seconds})


def _shut(request: Request, world: World, client: Client) -> Response:
    found = _lock(request, world, client)
    if not found.supports_lock:
        raise refusal(422, "unprocessable", "The hardware does not support this operation.")
    _raise_if_unreachable(world, found)
    doors.lock_now(world, found, cause="remote")
    return Json({"id": found.id, "state": "locked"})


def _raise_if_unreachable(world: World, lock: Lock) -> None:
    """Refuse with 422 for an offline lock, unless another answer was chosen for it."""
    if doors.can_reach(world, lock):
        return
    try:
        raise_unreachable(world, lock)
    except RefusedError as wrong:
        raise refusal(422, "unprocessable", "The lock is offline.") from wrong


# --- routes -------------------------------------------------------------------------------

S = "/v1.1/sites/{site_id}"

ROUTES = [
    Route("/oauth2/token", token, methods=["POST"]),
    Route("/v1.1/sites", scoped(sites, "locks:read"), methods=["GET"]),
    Route(S + "/locks", scoped(locks, "locks:read"), methods=["GET"]),
    Route(S + "/locks/{lock_id}", scoped(lock, "locks:read"), methods=["GET"]),
    Route(S + "/locks/{lock_id}/locking", scoped(locking, "locks:write"), methods=["PATCH"]),
    Route(S + "/locks/{lock_id}/unlock", scoped(unlock, "locks:write"), methods=["POST"]),
    Route(S + "/locks/{lock_id}/lock", scoped(shut, "locks:write"), methods=["POST"]),
    Route(S + "/users", scoped(users, "users:read"), methods=["GET"]),
    Route(S + "/audit-trails", scoped(audit_trails, "audit:read"), methods=["GET"]),
    Route(S + "/audit/log", scoped(audit_log, "audit:read"), methods=["GET"]),
]
