"""Many open boards in one process: plain sockets that wait for a door's tile."""

import asyncio
import re
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Listener(asyncio.Protocol):
    """One open board. Notes when what it waits for arrived."""

    def __init__(self, boards: "Listeners", cookie: str) -> None:
        self._boards = boards
        self._request = (
            f"GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n\r\n"
        ).encode()
        self._tail = b""
        self.is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self.is_open and b"retry:" in data:
            self.is_open = True
            self._boards.opened()
        wanted = self._boards.wanted
        if wanted and wanted.search(self._tail + data):
            self._tail = b""
            self._boards.arrived(self)
        else:
            self._tail = data[-2000:]

    def close(self) -> None:
        self._transport.close()


class Listeners:
    def __init__(self, port: int, cookies: list[str]) -> None:
        self._port, self._cookies = port, cookies
        self._all: list[Listener] = []
        self._waiting: set[Listener] = set()
        self._open = 0
        self.wanted: re.Pattern[bytes] | None = None
        self._done = asyncio.Event()
        self._all_open = asyncio.Event()
        self.last = 0.0

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for cookie in self._cookies:
            _, listener = await loop.create_connection(
                lambda cookie=cookie: Listener(self, cookie), "127.0.0.1", self._port
            )
            self._all.append(listener)
        await asyncio.wait_for(self._all_open.wait(), 60)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for listener in self._all:
            listener.close()

    def opened(self) -> None:
        self._open += 1
        if self._open == len(self._cookies):
            self._all_open.set()

    def expect(self, pattern: str) -> None:
        """Begin to wait until every board has got what looks like this."""
        self.wanted = re.compile(pattern.encode())
        self._waiting = set(self._all)
        self._done.clear()

    def arrived(self, listener: Listener) -> None:
        self._waiting.discard(listener)
        if not self._waiting and not self._done.is_set():
            self.last = time.monotonic()
            self.wanted = None
            self._done.set()

    async def wait(self, seconds: float = 10) -> float:
        """Return when the last board got it, on the clock of `time.monotonic`."""
        await asyncio.wait_for(self._done.wait(), seconds)
        return self.last

    async def time_of(self, change: Callable[[], Callable[[], object]]) -> float:
        """Make a change, which returns how to tell of it; tell. Return the seconds until all know."""
        await asyncio.sleep(0.3)
        tell = await asyncio.to_thread(change)
        self.expect('id="door-')
        began = time.monotonic()
        tell()
        return await self.wait() - began
