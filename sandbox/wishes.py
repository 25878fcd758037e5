"""How the control API takes a wish and answers it.

JSON only. A POST must say `Content-Type: application/json`, which no page of another site
can do behind a person's back.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.replies import Json, RefusedError
from sandbox.things import Lock
from sandbox.world import T, Table, World


class WrongWishError(ValueError):
    """A request to the control API that makes no sense; the text says why."""

    def __init__(self, text: str, *, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


Handler = Callable[[World, dict[str, Any], dict[str, str]], Any]


def endpoint(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Wrap a function of world, body and path; what it returns becomes the JSON answer."""

    async def answer(request: Request) -> Response:
        try:
            body = await _body(request)
            result = handler(request.app.state.world, body, request.path_params)
        except WrongWishError as wrong:
            return Json({"error": str(wrong)}, wrong.status)
        except (ValueError, TypeError, RefusedError) as wrong:
            return Json({"error": str(wrong)}, 400)
        return Json(result)

    return answer


async def _body(request: Request) -> dict[str, Any]:
    if request.method not in {"POST", "PUT", "PATCH"}:
        return dict(request.query_params)
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise WrongWishError("send Content-Type: application/json", status=415)
    try:
        body = json.loads(await request.body() or b"{}")
    except ValueError as wrong:
        raise WrongWishError("the body is no JSON") from wrong
    if not isinstance(body, dict):
        raise WrongWishError("the body must be a JSON object")
    return body


def route(path: str, method: str, handler: Handler) -> Route:
    return Route(path, endpoint(handler), methods=[method])


def find_row(table: Table[T], key: Any, what: str) -> T:
    """Return a thing by its id, in capitals too. Raises WrongWishError."""
    row = table.get(str(key)) or table.get(str(key).lower())
    if row is None:
        raise WrongWishError(f"there is no {what} of this id", status=404)
    return row


def find_lock(world: World, key: Any) -> Lock:
    return find_row(world.locks, key, "lock")
