"""Serves the sandbox on the loopback, with connections that can be dropped on purpose."""

import ipaddress
import socket
import struct
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sandbox.app import Sandbox


class DroppableProtocol(HttpToolsProtocol):
    """Gives the application a way to hang up without an answer.

    ASGI has none: an application that returns nothing is answered for with a 500. The scope
    extension `sandbox.drop` closes the connection underneath instead.
    """

    def on_message_begin(self) -> None:
        super().on_message_begin()
        extensions: dict[str, Any] = {"sandbox.drop": self.drop}
        self.scope["extensions"] = extensions

    def drop(self, *, reset: bool = False, flush: bool = False) -> None:
        """Close now: FIN, or RST with `reset`; with `flush` send what waits first."""
        if reset:
            peer: socket.socket = self.transport.get_extra_info("socket")
            # Lingering zero seconds makes close() send RST rather than FIN.
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if flush:
            self.transport.close()
        else:
            self.transport.abort()


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def serve(sandbox: Sandbox, *, host: str, port: int) -> None:
    """Serve until told to stop. Returns after the open requests are answered or dropped."""
    uvicorn.run(
        sandbox,
        host=host,
        port=port,
        http=DroppableProtocol,
        ws="none",
        access_log=False,
        log_level="warning",
        date_header=False,  # the desk adds the sandbox's own, movable date
        server_header=False,
        timeout_graceful_shutdown=2,
    )
