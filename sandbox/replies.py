"""How the simulated clouds say no, and a few shapes of their yes. Measured in August 2026."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

PROBLEM_TITLES = {403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed"}


class Json(JSONResponse):
    """JSON in plain ASCII: it carries lone surrogates and NaN too, where a test wants them."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, separators=(",", ":")).encode()


class RefusedError(Exception):
    """A refusal of the Connect API v1.x: `{"ErrorCode": "2202", "Message": "…"}`."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    def response(self) -> Response:
        return error(self.status, self.code, self.message)


class PlainRefusalError(Exception):
    """A refusal that is a ready response: 401 without a body, RFC 7807, legacy bodies."""

    def __init__(self, response: Response) -> None:
        super().__init__(str(response.status_code))
        self.response = response


class SilenceError(Exception):
    """The cloud will never answer this request."""


def error(status: int, code: str, message: str) -> Response:
    return Json({"ErrorCode": code, "Message": message}, status)


def problem(status: int) -> Response:
    """Return an RFC 7807 body, as v2 and the framework itself answer."""
    body = {
        "type": f"https://httpstatuses.io/{status}",
        "title": PROBLEM_TITLES.get(status, "Error"),
        "status": status,
        "traceId": "00-51a7edc0de51a7edc0de51a7edc0de00-51a7edc0de51a7ed-00",
    }
    return Json(body, status, media_type="application/problem+json")


def unauthorized(detail: str = "") -> Response:
    """Return 401 with an empty body; the header says what is wrong with the token, if sent."""
    challenge = (
        f'Bearer error="invalid_token", error_description="{detail}"' if detail else "Bearer"
    )
    return Response(status_code=401, headers={"WWW-Authenticate": challenge})


async def read_json(request: Request) -> dict[str, Any]:
    """Return the JSON object sent; {} for no body. Raises RefusedError or 415."""
    body = await request.body()
    if not body:
        return {}
    if "json" not in request.headers.get("content-type", ""):
        raise PlainRefusalError(problem(415))
    try:
        parsed = json.loads(body)
        json.dumps(parsed, ensure_ascii=False).encode()  # lone surrogates are no text
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise RefusedError(400, "1100", "The request is invalid.")
    return parsed
