"""One call of the simulated Seam API: who asks, with which parameters, how the answer looks.

Every path takes POST with JSON; some take a semantic verb too. Answers are
`{<key>: …, "ok": true}`, refusals `{"error": {"type", "message"}, "ok": false}`.
Source: Seam's published schema, version 1.1038.0 (August 2026).
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.replies import Json, PlainRefusalError, RefusedError, read_json
from sandbox.seam import params as parameters
from sandbox.seam.things import SeamAccount, SeamDevice
from sandbox.things import Client, Lock
from sandbox.world import CALL, World, new_id

DIALECT = "seam"  # of a client: an API key of one workspace
VERBS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
Rows = Sequence[Any]


def error_body(kind: str, message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"type": kind, "message": message, **more}, "ok": False}


def refusal(status: int, kind: str, message: str, **more: Any) -> PlainRefusalError:
    return PlainRefusalError(Json(error_body(kind, message, **more), status))


def not_found(what: str) -> PlainRefusalError:
    """Return 404 `<what>_not_found`."""
    words = what.replace("_", " ").capitalize()
    return refusal(404, f"{what}_not_found", f"{words} not found.")


def invalid(message: str, **wrong: str) -> PlainRefusalError:
    """Return 400 `invalid_input`; `wrong` names parameters and what is wrong with each."""
    tree: dict[str, Any] = {"_errors": []}
    tree |= {name: {"_errors": [text]} for name, text in wrong.items()}
    return refusal(400, "invalid_input", message, validation_errors=tree)


# --- who may ask --------------------------------------------------------------------------


def find_client(world: World, authorization: str) -> Client | None:
    """Return whose API key this header carries; None for nobody's, and for a disabled one."""
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "bearer" or not key.startswith("seam_"):
        return None
    sent = key.strip().encode("utf-8", "replace")
    clients = world.clients.where(dialect=DIALECT, disabled=False)
    return next((each for each in clients if hmac.compare_digest(each.secret.encode(), sent)), None)


class Ask:
    """One call of somebody with a good key. `given` holds the parameters that were sent."""

    def __init__(self, request: Request, client: Client, given: dict[str, Any]) -> None:
        self.world: World = request.app.state.world
        self.request, self.client, self.given = request, client, given

    @property
    def workspace_id(self) -> str:
        return self.client.workspace_id

    def get(self, name: str, default: Any = None) -> Any:
        return self.given.get(name, default)

    def needs_one_of(self, *names: str) -> None:
        if not any(self.given.get(name) is not None for name in names):
            raise invalid(f"Must provide one of: {', '.join(names)}")

    def accounts(self) -> list[SeamAccount]:
        return self.world.seam_accounts.where(workspace_id=self.workspace_id)

    def devices(self, *, is_managed: bool = True) -> list[SeamDevice]:
        accounts = {account.id for account in self.accounts()}
        return [
            device
            for device in self.world.seam_devices.where(is_managed=is_managed)
            if device.account_id in accounts
        ]

    def device(self, *, is_managed: bool | None = True) -> SeamDevice:
        """Return the device named by `device_id`. Raises 404 `device_not_found`."""
        device = self.world.seam_devices.get(self.get("device_id"))
        account = self.world.seam_accounts.get(device.account_id) if device else None
        if device is None or account is None or account.workspace_id != self.workspace_id:
            raise not_found("device")
        if is_managed is not None and device.is_managed != is_managed:
            raise not_found("device")
        return device

    def lock(self) -> Lock:
        return self.world.locks[self.device().id]

    def page(
        self, key: str, rows: Rows, shape: Callable[[Any], Any], default: int
    ) -> dict[str, Any]:
        """Return one page of `rows` under `key`. Raises 400 for a cursor that does not fit.

        A cursor carries a hash of the parameters: following pages must repeat them.
        """
        limit = int(self.get("limit") or default)
        if limit < 1:
            raise invalid("limit must be positive", limit="Number must be greater than 0")
        same = {k: str(v) for k, v in self.given.items() if k not in {"page_cursor"}}
        digest = hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()[:16]
        start = _read_cursor(self.get("page_cursor"), digest)
        more = start + limit < len(rows)
        cursor = _write_cursor(start + limit, digest) if more else None
        url = f"{self.request.app.state.base_url}{self.request.url.path}?page_cursor={cursor}"
        return {
            key: [shape(row) for row in rows[start : start + limit]],
            "pagination": {
                "has_next_page": more,
                "next_page_cursor": cursor,
                "next_page_url": url if more else None,
            },
        }


def _write_cursor(start: int, digest: str) -> str:
    return base64.urlsafe_b64encode(f"{start}:{digest}".encode()).decode()


def _read_cursor(cursor: str | None, digest: str) -> int:
    if not cursor:
        return 0
    try:
        start, _, sent = base64.urlsafe_b64decode(cursor).decode().partition(":")
        if sent == digest:
            return int(start)
    except ValueError:
        pass
    raise invalid("The page_cursor does not belong to these parameters.", page_cursor="Invalid")


# --- endpoints ----------------------------------------------------------------------------

Handler = Callable[[Ask], dict[str, Any]]


def call(path: str, verbs: str, params: str, handler: Handler) -> Route:
    """Return a route: POST and `verbs`, with the parameters declared (see `params`)."""
    declared = parameters.declare(params)
    allowed = {"POST", *verbs.split()}

    async def act(request: Request) -> dict[str, Any]:
        client = find_client(request.app.state.world, request.headers.get("authorization", ""))
        if client is None:
            raise refusal(401, "unauthorized", "Unauthorized")
        if request.method not in allowed:
            words = ",".join(sorted(allowed))
            raise refusal(405, "method_not_allowed", f"Method not allowed, only {words} accepted")
        given, wrong = parameters.read(declared, await _body(request), request.query_params)
        if wrong:
            raise invalid("; ".join(f"{k}: {v}" for k, v in wrong.items()), **wrong)
        return handler(Ask(request, client, given))

    return Route(path, _answering(act), methods=VERBS)


async def _body(request: Request) -> dict[str, Any]:
    if request.method in {"GET", "DELETE"}:
        return {}
    try:
        return await read_json(request)
    except RefusedError as wrong:
        raise invalid(wrong.message) from wrong


def _answering(
    act: Callable[[Request], Awaitable[dict[str, Any]]],
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            response: Response = Json({**await act(request), "ok": True})
        except PlainRefusalError as refused:
            response = refused.response
        response.headers["seam-request-id"] = _request_id()
        return response

    return endpoint


def _request_id() -> str:
    asked = CALL.get()
    return (asked and asked.request_id) or new_id()


async def _health(_request: Request) -> dict[str, Any]:
    return {"simulated": True}


async def _unknown(_request: Request) -> dict[str, Any]:
    raise refusal(404, "not_found", "There is no such endpoint in this simulation.")


HEALTH = Route("/health", _answering(_health), methods=["GET"])
UNKNOWN = Route("/{rest:path}", _answering(_unknown), methods=VERBS)
