"""One request to a simulated cloud, and what can be done with it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Receive, Scope, Send

from sandbox.things import Fault, RequestRow
from sandbox.world import CALL, Call, World

SILENT = 599  # a status that never leaves: the application wishes not to answer at all
LONGEST_SILENCE_SECONDS = 300.0


@dataclass
class Reply:
    """An answer before it is sent."""

    status: int
    body: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)

    @classmethod
    def of(cls, status: int, body: Any = b"", **headers: str) -> "Reply":
        """Return a reply; a body that is not bytes becomes JSON."""
        kind = "text/html; charset=utf-8" if isinstance(body, bytes) else "application/json"
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        pairs = {"content-type": kind} | headers
        return cls(status, raw, [(k.encode(), v.encode()) for k, v in pairs.items()])

    def with_body(self, body: bytes) -> "Reply":
        return Reply(self.status, body, self.headers)


@dataclass
class Exchange:
    """One request and what can be done with it; what faults work on."""

    world: World
    ask_application: Callable[[Scope, bytes], Awaitable[Reply]]
    scope: Scope
    receive: Receive
    send: Send
    body: bytes
    call: Call
    row: RequestRow
    fault: Fault | None

    async def act(self) -> Reply:
        """Let the application do what was asked, store it, and return its answer."""
        self.world.settle()
        token = CALL.set(self.call)
        try:
            return await self.ask_application(self.scope, self.body)
        finally:
            CALL.reset(token)
            self.world.commit()

    async def deliver(self, reply: Reply) -> None:
        """Send `reply`, or hold the line in silence if that is what it says."""
        if reply.status == SILENT:
            await self.hold(LONGEST_SILENCE_SECONDS)
            return
        await self.begin(reply)
        await self.send({"type": "http.response.body", "body": reply.body})

    async def begin(self, reply: Reply, *, length: int | None = None) -> None:
        """Send status and headers. `length` -1: leave the length out."""
        self.note(reply.status)
        size = len(reply.body) if length is None else length
        headers = [pair for pair in reply.headers if pair[0].lower() != b"content-length"]
        if size >= 0 and reply.status not in {204, 304}:
            headers.append((b"content-length", str(size).encode()))
        await self.send({"type": "http.response.start", "status": reply.status, "headers": headers})

    async def hold(self, seconds: float) -> None:
        """Say nothing until the client goes, or for `seconds`; then hang up."""
        try:
            await asyncio.wait_for(self.gone(), seconds)
        except TimeoutError:
            await self.drop()

    async def gone(self) -> None:
        """Return once the client has hung up."""
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def drop(self, *, reset: bool = False, flush: bool = False) -> None:
        """Close the TCP connection: FIN, or RST with `reset`; `flush` sends what waits first."""
        self.scope["extensions"]["sandbox.drop"](reset=reset, flush=flush)
        await self.gone()

    def note(self, status: int | None) -> None:
        self.row.status = status
        if self.world.requests.get(self.row.id):  # not if the world was made new meanwhile
            self.world.requests.put(self.row)
