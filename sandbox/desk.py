"""The front desk: every request passes here first.

It checks the Host header, settles what is due, writes the request log, asks whether a fault
is on, and only then lets the application answer. Answers are held until everything they
changed is stored, so that a kill never forgets what a client was told.
"""

import asyncio
from collections import defaultdict, deque
from email.utils import format_datetime
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox import faults, identity, keypad_cloud, routes, tokens
from sandbox.exchange import Exchange, Reply
from sandbox.seam import http as seam
from sandbox.world import Call, World

LOCAL_HOSTS = {"127.0.0.1", "localhost", "[::1]"}
LARGEST_BODY = 1_000_000


class Desk:
    """The ASGI application that `sandbox.app` hands to the server."""

    def __init__(self, application: ASGIApp, world: World, hosts: set[str]) -> None:
        self.application = application
        self.world = world
        self.hosts = LOCAL_HOSTS | hosts
        self.recent: dict[str, deque[float]] = defaultdict(deque)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        send = self._dated(send)
        if _host(scope) not in self.hosts:
            await _send_now(send, 421, b"SIMULATED: this sandbox answers on its own address only.")
            return
        body = await _read(receive)
        if body is None:
            await _send_now(send, 413, b"SIMULATED: too large.")
            return
        self.world.settle()
        if routes.is_cloud(scope["path"]):
            await self._answer_as_cloud(scope, receive, send, body)
        else:
            reply = await self.ask_application(scope, body)
            self.world.commit()
            await _relay(send, reply)

    async def _answer_as_cloud(
        self, scope: Scope, receive: Receive, send: Send, body: bytes
    ) -> None:
        call = self._describe(scope, body)
        row = self.world.log_request(call, scope["query_string"].decode("latin-1"))
        fault = faults.take(self.world, call)
        row.fault = fault.effect if fault else None
        self.world.commit()
        exchange = Exchange(
            self.world, self.ask_application, scope, receive, send, body, call, row, fault
        )
        try:
            if fault:
                await faults.EFFECTS[fault.effect](exchange)
            elif self._is_too_much(call):
                await exchange.deliver(Reply.of(429, _too_many(call.path)))
            else:
                await exchange.deliver(await exchange.act())
        finally:
            self.world.commit()

    async def ask_application(self, scope: Scope, body: bytes) -> Reply:
        """Run the application on a request that was read already; collect its answer."""
        reply = Reply(500)
        bodies = [body]

        async def receive() -> Message:
            if not bodies:  # whoever asks again waits for the client to go, which it never does
                await asyncio.Future()
            return {"type": "http.request", "body": bodies.pop(), "more_body": False}

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                reply.status, reply.headers = message["status"], list(message["headers"])
            else:
                reply.body += message.get("body", b"")

        await self.application(dict(scope), receive, collect)
        return reply

    def _describe(self, scope: Scope, body: bytes) -> Call:
        path = scope["path"]
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        return Call(
            method=scope["method"],
            path=path,
            route=routes.name_of(path),
            account=self._account(headers, body),
            lock_id=routes.lock_in(path, scope["query_string"].decode("latin-1"), body),
            request_id=headers.get(b"x-request-id"),
        )

    def _account(self, headers: dict[bytes, str], body: bytes) -> str | None:
        """Return who asks, by bearer token or by what a token request says of itself."""
        if key := headers.get(b"x-api-key"):
            client = keypad_cloud.find_client(self.world, key)
            return client.id if client else None
        scheme, _, text = headers.get(b"authorization", "").partition(" ")
        if scheme.lower() == "bearer" and text.startswith("seam_"):
            client = seam.find_client(self.world, headers[b"authorization"])
            return client.id if client else None
        if scheme.lower() == "bearer":
            found = self.world.tokens.get(tokens.digest(text.strip()))
            return tokens.account_of(self.world, found) if found else None
        if not headers.get(b"content-type", "").startswith("application/x-www-form-urlencoded"):
            return None
        form = {name: values[0] for name, values in parse_qs(body.decode("latin-1")).items()}
        if refresh := form.get("refresh_token"):
            found = self.world.tokens.get(tokens.digest(refresh))
            return tokens.account_of(self.world, found) if found else None
        basic = identity.basic_credentials(headers.get(b"authorization", ""))
        return form.get("username") or form.get("client_id") or (basic[0] if basic else None)

    def _is_too_much(self, call: Call) -> bool:
        """Tell whether an account asked more often within a second than it may."""
        limit = self.world.settings.rate_limit_per_second
        if not limit or "api" not in routes.families_of(call.path):
            return False
        times, now = self.recent[call.account or ""], asyncio.get_running_loop().time()
        while times and times[0] < now - 1.0:
            times.popleft()
        times.append(now)
        return len(times) > limit

    def _dated(self, send: Send) -> Send:
        """Return a `send` that adds the sandbox's own Date, which may be moved."""

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = format_datetime(self.world.clock.now(), usegmt=True).encode()
                message["headers"] = [*message["headers"], (b"date", date)]
            await send(message)

        return dated


def _too_many(path: str) -> dict[str, object]:
    if path.startswith("/seam/"):
        return seam.error_body("too_many_requests", "Too Many Requests")
    return {"ErrorCode": "429", "Message": "Too many"}


def _host(scope: Scope) -> str:
    host = next((value.decode() for name, value in scope["headers"] if name == b"host"), "")
    return host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host


async def _read(receive: Receive) -> bytes | None:
    """Return the whole body; None if it is larger than anything we are sent."""
    body: bytes = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > LARGEST_BODY:
            return None
        if not message.get("more_body"):
            return body


async def _relay(send: Send, reply: Reply) -> None:
    await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
    await send({"type": "http.response.body", "body": reply.body})


async def _send_now(send: Send, status: int, text: bytes) -> None:
    await _relay(send, Reply(status, text, [(b"content-type", b"text/plain")]))
