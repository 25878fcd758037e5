"""One call under a budget: sockets that give each step only the time that is left.

Library timeouts count from one read to the next, so a server that drips a byte per second
holds a caller for ever, in the headers as well as in the body. Here the time is kept where
the bytes are: in the sockets beneath urllib3. They also know, better than any exception
class does, whether a byte of the request can have left.
"""

import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from enum import Enum
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.retry import Retry
from urllib3.util.ssl_ import create_urllib3_context


class Phase(Enum):
    #: Nothing of ours has run yet; or a kept connection is about to be used.
    START = "start"
    #: A new connection is being made: whatever fails now, no request byte has left.
    CONNECTING = "connecting"
    #: Bytes of the request were handed to the operating system.
    SENDING = "sending"


class Call:
    """How much of one call's time is left, and how far it got."""

    def __init__(
        self, budget_seconds: float, *, may_reach: Callable[[str], bool] | None = None
    ) -> None:
        self.started = time.monotonic()
        self.deadline = self.started + budget_seconds
        self.phase = Phase.START
        #: Asked of every IP address of the host, before any of them is connected to.
        self.may_reach = may_reach

    @property
    def seconds(self) -> float:
        """The seconds left; negative when it is over."""
        return self.deadline - time.monotonic()

    def left(self) -> float:
        """Return the seconds left, more than 0. Raises TimeoutError when there are none."""
        seconds = self.seconds
        if seconds <= 0:
            raise TimeoutError
        return seconds

    @property
    def milliseconds(self) -> int:
        return round((time.monotonic() - self.started) * 1000)


class ForbiddenAddressError(OSError):
    """The name of the host leads to an address that this call must not reach."""


#: The call this thread is making. urllib3 offers no other way down to its sockets.
current_call: ContextVar[Call] = ContextVar("call")


class BudgetSocket(socket.socket):
    """Every read and write gets only what is left of the call's budget."""

    def recv_into(self, *args: Any) -> int:
        self.settimeout(current_call.get().left())
        return super().recv_into(*args)

    def sendall(self, *args: Any) -> None:
        call = current_call.get()
        self.settimeout(call.left())
        call.phase = Phase.SENDING
        super().sendall(*args)  # its timeout already covers the whole of it


class BudgetTlsSocket(ssl.SSLSocket):
    def recv_into(self, *args: Any) -> int:
        self.settimeout(current_call.get().left())
        return super().recv_into(*args)

    def send(self, *args: Any) -> int:
        call = current_call.get()
        self.settimeout(call.left())
        call.phase = Phase.SENDING
        return super().send(*args)  # what `sendall` is made of


def _connect(connection: HTTPConnection) -> socket.socket:
    """Open a TCP connection to the first address that answers, within the call's budget."""
    call = current_call.get()
    call.phase = Phase.CONNECTING
    problem: OSError | None = None
    found = _resolve(connection, call)
    if call.may_reach and not all(call.may_reach(str(address[0])) for *_, address in found):
        raise ForbiddenAddressError
    for family, kind, protocol, _, address in found:
        candidate = BudgetSocket(family, kind, protocol)
        try:
            candidate.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            candidate.settimeout(call.left())
            candidate.connect(address)
            candidate.settimeout(call.left())  # what a TLS handshake may take, all in all
        except OSError as error:
            candidate.close()
            problem = error
        else:
            return candidate
    if isinstance(problem, TimeoutError):
        raise ConnectTimeoutError(connection, "no connection in time") from problem
    raise NewConnectionError(connection, "no connection") from problem


def _resolve(connection: HTTPConnection, call: Call) -> list[Any]:
    # getaddrinfo knows no timeout: it gets a thread of its own, which is left behind if late.
    answers: list[Any] = []

    def ask() -> None:
        try:
            answers.append(
                socket.getaddrinfo(connection.host, connection.port, type=socket.SOCK_STREAM)
            )
        except (OSError, UnicodeError) as error:
            answers.append(error)

    thread = threading.Thread(target=ask, name="resolve", daemon=True)
    thread.start()
    thread.join(call.left())
    if not answers:
        raise ConnectTimeoutError(connection, "no address in time") from TimeoutError()
    if isinstance(answers[0], Exception):
        raise NameResolutionError(connection.host, connection, socket.gaierror(0, "not found"))
    found: list[Any] = answers[0]
    return found


class _PlainConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)


class _TlsConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


#: Connections are kept for this many hosts, and for this many threads to one of them.
HOSTS, THREADS = 16, 100


class BudgetAdapter(HTTPAdapter):
    """The way of requests down to our sockets."""

    def __init__(self) -> None:
        # Retry(3) would send a POST twice where its connection dies after the server read it.
        super().__init__(
            max_retries=Retry(0, read=False), pool_connections=HOSTS, pool_maxsize=THREADS
        )

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        context = create_urllib3_context()  # TLS 1.2 or newer
        context.sslsocket_class = BudgetTlsSocket
        super().init_poolmanager(*args, ssl_context=context, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
