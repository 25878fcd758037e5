"""What a start on one machine needs: a folder nobody else uses, secrets that stay, a port."""

import fcntl
import http.client
import os
import random
import socket
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

LOOPBACK = "127.0.0.1"

#: What `config.prepare` writes when the programs may start.
PREPARED = "ready for the programs"

# Below the ports that systems hand to outgoing connections (Linux: 32768 and up): while an
# engine is down, a client that keeps knocking could otherwise end up connected to itself.
_PORTS = range(20_000, 32_000)

#: Seconds in which what a killed copy left behind has ended.
_GRACE_SECONDS = 2.0


T = TypeVar("T")


class StartError(Exception):
    """Why something cannot start: one sentence for the person at the terminal."""


class Folder:
    """A data folder, ours alone while inside `with`, whatever happens to the process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = -1

    def __enter__(self) -> Self:
        try:
            self.path.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, exist_ok=True, parents=True)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as exc:
            raise StartError(
                f"Cannot write to the data folder {self.path} ({exc.strerror}): "
                "choose another with LOCKBOARD_DATA."
            ) from exc
        try:
            self._take()
        except BaseException:
            os.close(self._lock)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._lock)

    def _take(self) -> None:
        end = time.monotonic() + _GRACE_SECONDS
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > end:
                    holder = os.pread(self._lock, 20, 0).decode().strip()
                    raise StartError(
                        f"The data folder {self.path} is in use by another running copy "
                        f"(process {holder}): stop that one, or choose another folder "
                        "with LOCKBOARD_DATA."
                    ) from None
                time.sleep(0.05)
            else:
                os.ftruncate(self._lock, 0)
                os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)
                return


def kept(path: Path, make: Callable[[], str]) -> str:
    """Return the secret in the file `path`, made by `make` when there is none yet."""
    if not path.exists():
        draft = path.with_name(f"{path.name}.new")
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
        draft.write_text(make() + "\n")
        draft.rename(path)  # whole or not at all
    return path.read_text().strip()


def free_port() -> int:
    """Return a port of this machine that nobody listens on at this moment."""
    while True:
        port = random.choice(_PORTS)  # noqa: S311  not a secret
        if is_free(port):
            return port


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the servers do: connections that linger after a stop are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def wait_until(true: Callable[[], T], *, seconds: float, every: float = 0.05) -> T:
    """Ask again and again until it is true, but no longer. Return the last answer."""
    end = time.monotonic() + seconds
    while not (answer := true()) and time.monotonic() < end:
        time.sleep(every)
    return answer


def last_words(log: Path) -> str:
    """Return the last line a program wrote, which says best why it ended."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it said nothing"


def answers(host: str, port: int, path: str) -> bool:
    """Say whether GET gives 200. Does not go through a proxy, whatever the environment says."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
