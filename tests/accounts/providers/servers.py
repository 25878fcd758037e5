"""Servers for tests: one that misbehaves byte by byte, one that answers what it is told."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@contextlib.contextmanager
def raw_server(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """Yield the origin of a server that treats each connection as `behave` says."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def one(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(10)
            behave(connection)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                thread = threading.Thread(target=one, args=(connection,), daemon=True)
                threads.append(thread)
                thread.start()

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in [acceptor, *threads]:
            thread.join(5)


def read_request(connection: socket.socket) -> bytes:
    """Read one request: its head, and the body its Content-Length promises."""
    received = b""
    while b"\r\n\r\n" not in received:
        more = connection.recv(65536)
        if not more:
            return received
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    ]
    while lengths and len(body) < lengths[0]:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def http_answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass
class Asked:
    """One request a `Cloud` has received."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


@dataclass
class Answer:
    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None

    def text(self) -> bytes:
        if self.raw is not None:
            return self.raw
        return b"" if self.body is None else json.dumps(self.body).encode()


Script = Answer | list[Answer] | Callable[[Asked], Answer]


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of callers that leave early: that is what some tests are about."""


class Cloud:
    """A server that answers recorded answers by method and path, and remembers what it got.

    A list of answers is used up one by one; its last one stays.
    """

    def __init__(self) -> None:
        self.scripts: dict[tuple[str, str], Script] = {}
        self.asked: list[Asked] = []
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def _reply(self) -> None:
                cloud._reply(self)

            do_GET = do_POST = do_PATCH = do_PUT = _reply  # noqa: N815 (the names are theirs)

            def log_message(self, *_: Any) -> None: ...

        self._server = _QuietServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def on(self, method: str, path: str, script: Script) -> None:
        self.scripts[method, path] = script

    def calls(self, method: str, path: str) -> list[Asked]:
        return [each for each in self.asked if (each.method, each.path) == (method, path)]

    def _reply(self, handler: BaseHTTPRequestHandler) -> None:
        asked = _read(handler)
        self.asked.append(asked)
        script = self.scripts.get((asked.method, asked.path), Answer(status=404))
        if callable(script):
            answer = script(asked)
        elif isinstance(script, list):
            answer = script.pop(0) if len(script) > 1 else script[0]
        else:
            answer = script
        text = answer.text()
        with contextlib.suppress(OSError):
            own_date = "Date" in answer.headers  # else the server tells the time
            (handler.send_response_only if own_date else handler.send_response)(answer.status)
            for name, value in answer.headers.items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(text)))
            handler.end_headers()
            handler.wfile.write(text)


def _read(handler: BaseHTTPRequestHandler) -> Asked:
    url = urlsplit(handler.path)
    length = int(handler.headers.get("Content-Length", "0"))
    return Asked(
        method=handler.command,
        path=url.path,
        query={name: values[0] for name, values in parse_qs(url.query).items()},
        headers={name.lower(): value for name, value in handler.headers.items()},
        body=handler.rfile.read(length),
    )
