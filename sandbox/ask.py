"""One request about one site: who asks, may they, and how a list is given out.

Conventions measured in August 2026: docs/sandbox.md, Sources. What is asked for is in `connect`, `connect_people` and `connect_trail`.
"""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox import identity, odata
from sandbox.replies import Json, RefusedError, read_json
from sandbox.things import Iq, Lock, Member, Person, Site
from sandbox.world import World

V4_HEADER = "clp-disable-odata-v3-conversion"
MOST_ROWS = 1000
SITE = "/sites/{site_id}"


@dataclass
class Ask:
    """One request about one site, by somebody who may see it."""

    world: World
    request: Request
    person: Person
    site: Site
    member: Member
    body: dict[str, Any]

    @property
    def params(self) -> dict[str, str]:
        return self.request.path_params

    @property
    def is_admin(self) -> bool:
        return "site_admin" in self.member.role_codes

    def lock(self) -> Lock:
        lock = self.world.locks.get(checked_id(self.params["lock_id"]))
        if lock is None or lock.site_id != self.site.id:
            raise RefusedError(404, "2202", "Lock not found")
        return lock

    def iq(self) -> Iq:
        iq = self.world.iqs.get(checked_id(self.params["iq_id"]))
        if iq is None or iq.site_id != self.site.id:
            raise RefusedError(404, "2202", "Iq not found")
        return iq


Endpoint = Callable[[Request], Awaitable[Response]]
Handler = Callable[[Ask], Response]


def site_call(handler: Handler, *, admin: bool = False, always: bool = False) -> Endpoint:
    """Wrap a handler with the questions asked of every call about a site.

    Token, UUID (never the readable uid), membership, released, subscription for whatever
    changes something, role. `always`: answered before the site is released too.
    """

    async def endpoint(request: Request) -> Response:
        ask = _ask(request, await read_json(request))
        if not always and ask.site.installation_state != "released":
            raise RefusedError(400, "2210", "The site is not released yet.")
        if request.method not in {"GET", "HEAD"} and not ask.site.subscription_valid:
            raise RefusedError(403, "2212", "The site has no valid subscription.")
        if admin and not ask.is_admin:
            raise RefusedError(403, "2203", "User does not have permission for this operation")
        return handler(ask)

    return endpoint


def _ask(request: Request, body: dict[str, Any]) -> Ask:
    world: World = request.app.state.world
    person, _token = identity.bearer(request)
    site = world.sites.get(checked_id(request.path_params["site_id"]))
    members = world.members.where(site_id=site.id, person_id=person.id) if site else []
    if site is None or not members or members[0].blocked:
        raise RefusedError(404, "2202", "Site not found")
    return Ask(world, request, person, site, members[0], body)


def checked_id(text: str) -> str:
    """Return a UUID as we write it. Anything else is refused: 400 1100."""
    try:
        return str(uuid.UUID(text))
    except ValueError as wrong:
        raise RefusedError(400, "1100", f"The value '{text}' is not valid.") from wrong


def id_list(value: Any) -> list[str]:
    return [checked_id(str(key)) for key in value] if isinstance(value, list) else []


# --- lists --------------------------------------------------------------------------------


def listing(world: World, request: Request, rows: list[dict[str, Any]]) -> Response:
    """Return `rows` filtered, ordered and paged, in the envelope or bare as the setting says."""
    query, v4 = request.query_params, V4_HEADER in request.headers
    fields = odata.known_fields(rows)
    if text := query.get("$filter"):
        matches = odata.parse_filter(text, fields, v4=v4)
        rows = [row for row in rows if matches(row)]
    if (text := query.get("$orderby")) and fields:
        field, descending = odata.parse_orderby(text, fields)
        rows = sorted(
            rows, key=lambda row: str(odata.value_at(row, field) or ""), reverse=descending
        )
    skip = odata.parse_number(query, "$skip", 0)
    top = min(odata.parse_number(query, "$top", world.settings.page_size), MOST_ROWS)
    page = rows[skip : skip + top]
    if world.settings.bare_arrays:
        return Json(page)
    more = skip + top < len(rows)
    return Json(
        {
            "items": page,
            "next_page_link": _next_link(request, skip + top) if more else None,
            "count": len(rows) if odata.wants_count(query, v4=v4) else None,
        }
    )


def _next_link(request: Request, skip: int) -> str:
    query = dict(request.query_params) | {"$skip": str(skip)}
    return f"{request.app.state.base_url}{request.url.path}?{urlencode(query)}"


def site_route(path: str, method: str, handler: Handler, **needs: bool) -> Route:
    return Route(SITE + path, site_call(handler, **needs), methods=[method])
