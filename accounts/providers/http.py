"""The one door out: every call to a provider leaves through `HttpDoor`.

What it promises, and libraries do not:

* The whole call ends within its budget (how: `budget.py`).
* Only addresses on a list are spoken to (`addresses.py`). No redirect is followed, no proxy,
  `.netrc` or cookie is used, nothing is sent twice.
* A failure says whether a byte of the request can have left: `UnreachableError` if not,
  `UncertainError` if so.
* Bodies are bounded after decompression, and never logged. Neither are headers and queries.
"""

import http.client
import io
import logging
import math
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from json import dumps, loads
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import requests
from urllib3.exceptions import DecodeError, HTTPError, NameResolutionError
from urllib3.exceptions import SSLError as TlsError

from accounts.providers.addresses import check_address, rest_after_plain_origin
from accounts.providers.base import UncertainError, UnexpectedReplyError, UnreachableError
from accounts.providers.budget import (
    BudgetAdapter,
    Call,
    ForbiddenAddressError,
    Phase,
    current_call,
)

__all__ = ["HttpDoor", "Reply", "check_address"]

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 2 * 1024 * 1024
#: For lists that a provider gives whole, however long: 10,000 people of a kilobyte, and room.
MAX_LIST_BYTES = 32 * 1024 * 1024
MAX_JSON_DEPTH = 32
CHUNK_BYTES = 64 * 1024

# --- replies ------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a provider answered: any status but a redirect, and the whole decoded body."""

    status: int
    host: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def body_json(self) -> Any:
        """Return the body read as JSON; None for an empty one.

        Raises UnexpectedReplyError for anything else, and for nesting deeper than
        MAX_JSON_DEPTH. Of a key given twice the last wins. NaN, Infinity and numbers beyond a
        double, which are no JSON, become their own text: one odd row must not cost a list,
        and no such number gets in. Strings may hold NUL and lone surrogates: see `text`.
        """
        if not self.body.strip():
            return None
        try:
            value = loads(self.body.decode("utf-8-sig"), parse_constant=str, parse_float=_number)
        except (ValueError, RecursionError):
            value = self
        if value is self or _is_deeper_than(value, MAX_JSON_DEPTH):
            raise UnexpectedReplyError(f"{self.host} did not answer in JSON", status=self.status)
        return value


def _number(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) else text


def _is_deeper_than(value: Any, depth: int) -> bool:
    level = [value]
    while level and depth >= 0:
        children = [
            each.values() if isinstance(each, dict) else each
            for each in level
            if isinstance(each, dict | list)
        ]
        level = [each for child in children for each in child]
        depth -= 1
    return bool(level)


# --- the door -----------------------------------------------------------------------------

#: What can only be raised before a request is sent, whatever lies beneath us.
_BEFORE_SENDING = (
    requests.exceptions.ConnectTimeout,
    requests.exceptions.SSLError,
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidHeader,
    requests.exceptions.MissingSchema,
)
_HEADERS = {"User-Agent": "Lockboard", "Accept": "application/json", "Accept-Encoding": "gzip"}
_FAILURES = (
    requests.RequestException,
    HTTPError,
    http.client.HTTPException,
    OSError,
    ValueError,
)


class HttpDoor:
    """Sends requests to the hosts it was made for, and to nobody else.

    May be shared by threads and accounts: it keeps connections, but no cookies and no
    credentials. `ca_file` names a PEM file of further trust, for an installation's own server.
    """

    def __init__(
        self,
        allowed_hosts: tuple[str, ...],
        plain_origins: tuple[str, ...] = (),
        *,
        ca_file: str = "",
    ) -> None:
        self.allowed_hosts = allowed_hosts
        self.plain_origins = plain_origins
        self._verify: str | bool = ca_file or True
        # An adapter without a Session around it: it is sessions that follow redirects, keep
        # cookies and read proxies and .netrc from the environment.
        self._kept = BudgetAdapter()

    def check_address(self, url: str, *, query_allowed: bool = False) -> None:
        """Raise ValueError with a sentence unless `url` is an address this door speaks to."""
        check_address(url, self.allowed_hosts, self.plain_origins, query_allowed=query_allowed)

    def is_plain(self, url: str) -> bool:
        """Tell whether `url` belongs to one of the plain origins: the sandbox."""
        return rest_after_plain_origin(url, self.plain_origins) is not None

    def close(self) -> None:
        """Close the kept connections. The door stays usable."""
        self._kept.close()

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        data: Mapping[str, str] | None = None,
        budget_seconds: float,
        fresh: bool = False,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> Reply:
        """Send one request, once, and return the reply of whatever status but a redirect.

        `budget_seconds` bounds all of it: name, connection, TLS, sending, headers and body.
        `fresh` uses a connection of its own, closed afterwards: a kept one may be dead
        already, which would turn a command that was never sent into an uncertain one.
        `max_body_bytes`: more of a body is not read. Only lists without pages need more.

        Raises UnreachableError where no byte of the request left, UncertainError where one
        may have; of these UnexpectedReplyError for a redirect or an oversized body.
        """
        call = self._call(url, budget_seconds)
        self._refuse_other_addresses(url)
        prepared = _prepare(
            method, url, headers=headers, params=params, json=json, data=data, fresh=fresh
        )
        outcome = self._attempt(prepared, call, fresh=fresh, most=max_body_bytes)
        log.debug(
            "%s %s %s %d ms",
            method,
            self._shown(url),
            outcome.status if isinstance(outcome, Reply) else outcome.code,
            call.milliseconds,
        )
        if isinstance(outcome, Reply):
            return outcome
        raise outcome.with_traceback(
            None
        )  # here, outside any `except`: no chain leads back to the request's headers

    # --- what another kind of door does otherwise (`public.py`) ---

    def _call(self, url: str, budget_seconds: float) -> Call:
        return Call(budget_seconds)

    def _shown(self, url: str) -> str:
        """Return what a log may know of an address."""
        return urlsplit(url).netloc + urlsplit(url).path

    def _is_an_answer(self, status: int) -> bool:
        return 200 <= status < 300 or status >= 400

    # --- one request ---

    def _refuse_other_addresses(self, url: str) -> None:
        try:
            self.check_address(url, query_allowed=True)
        except ValueError as error:
            problem = str(error)
        else:
            return
        raise UnreachableError(f"not called: {problem}")

    def _attempt(
        self, prepared: requests.PreparedRequest, call: Call, *, fresh: bool, most: int
    ) -> Reply | UnreachableError | UncertainError:
        host = urlsplit(prepared.url or "").netloc
        if call.seconds <= 0:
            return UnreachableError(f"{host} was not called: no time was left")
        adapter = BudgetAdapter() if fresh else self._kept
        reset = current_call.set(call)
        try:
            return self._send(adapter, prepared, call, host, most)
        except UncertainError as error:
            return error
        except _FAILURES as error:
            return _judge(error, call, host)
        finally:
            current_call.reset(reset)
            if fresh:
                adapter.close()

    def _send(
        self,
        adapter: BudgetAdapter,
        prepared: requests.PreparedRequest,
        call: Call,
        host: str,
        most: int,
    ) -> Reply:
        # Our sockets keep the time; this is for the few places where urllib3 sets its own.
        left = (call.seconds, call.seconds)
        response = adapter.send(prepared, stream=True, timeout=left, verify=self._verify)
        try:
            if not self._is_an_answer(response.status_code):
                raise UnexpectedReplyError(
                    f"{host} sent us elsewhere, which we do not follow",
                    status=response.status_code,
                )
            body = _read_body(response, call, host, most)
        except BaseException:
            response.raw.close()
            raise
        return Reply(status=response.status_code, host=host, headers=response.headers, body=body)


def _prepare(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None,
    params: Mapping[str, str] | None,
    json: Any,
    data: Mapping[str, str] | None,
    fresh: bool,
) -> requests.PreparedRequest:
    """Write the request down. Raises UnreachableError where it cannot be written."""
    if params:
        url += ("&" if "?" in url else "?") + urlencode(params, quote_via=quote, safe="$'")
    body, kind = _body(json, data)
    sent = {**_HEADERS, **kind, **(headers or {}), **({"Connection": "close"} if fresh else {})}
    try:
        return requests.Request(method, url, headers=sent, data=body).prepare()
    except (requests.RequestException, ValueError):
        pass  # its words would quote the header that cannot be written: perhaps a token
    raise UnreachableError("not called: the request cannot be written")


def _body(json: Any, data: Mapping[str, str] | None) -> tuple[bytes | None, dict[str, str]]:
    if json is not None:
        return dumps(json).encode(), {"Content-Type": "application/json"}
    if data is not None:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return urlencode(data).encode(), form
    return None, {}


def _read_body(response: requests.Response, call: Call, host: str, most: int) -> bytes:
    body = io.BytesIO()
    while chunk := response.raw.read(CHUNK_BYTES, decode_content=True):
        body.write(chunk)
        call.left()
        if body.tell() > most:
            raise UnexpectedReplyError(
                f"{host} answered more than we read", status=response.status_code
            )
    return body.getvalue()


def _judge(error: Exception, call: Call, host: str) -> UnreachableError | UncertainError:
    """Name a failure by how far the request got. In doubt it may have left."""
    if call.phase is Phase.CONNECTING or (
        call.phase is Phase.START and isinstance(error, _BEFORE_SENDING)
    ):
        return UnreachableError(f"{host} cannot be reached ({_reason(error)})")
    return UncertainError(f"{host} did not answer ({_reason(error)})")


_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (ForbiddenAddressError, "its address is not a public one"),
    (NameResolutionError, "its name is not known"),
    (TimeoutError, "it took too long"),
    (TlsError, "its certificate or encryption is not in order"),
    (ssl.SSLError, "its certificate or encryption is not in order"),
    (ConnectionRefusedError, "it refuses connections"),
    (DecodeError, "its answer is damaged"),
)


def _reason(error: BaseException) -> str:
    inside = _unfold(error)
    for kind, words in _REASONS:
        if any(isinstance(each, kind) for each in inside):
            return words
    return "the connection was closed"


def _unfold(error: BaseException) -> list[BaseException]:
    """Return an error and those inside it: requests wraps urllib3's, which wrap the system's."""
    found: list[BaseException] = []
    queue = [error]
    while queue:
        each = queue.pop()
        if not any(each is known for known in found):
            found.append(each)
            inner = [*each.args, getattr(each, "reason", None), each.__cause__, each.__context__]
            queue.extend(part for part in inner if isinstance(part, BaseException))
    return found
