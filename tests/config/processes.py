"""Start programs as a person would, and find whatever of them is still at work."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from config.starting import wait_until

CHECKOUT = Path(__file__).resolve().parent.parent.parent


def at_work_for(folder: Path) -> list[str]:
    """Return the names of the processes that have to do with a data folder."""
    places = {str(folder), str(folder.resolve())}
    if (folder / "postgres").is_symlink():
        places.add(str((folder / "postgres").resolve()))
    return [p.name() for p in psutil.process_iter() if _has_to_do_with(p, places)]


def _has_to_do_with(process: psutil.Process, places: set[str]) -> bool:
    try:
        if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
            return False
        words = [process.cwd(), *process.cmdline(), process.environ().get("LOCKBOARD_DATA", "")]
    except psutil.Error:
        return False
    return any(word.startswith(place) for word in words for place in places)


def until(true: Callable[[], bool], *, seconds: float = 10) -> bool:
    """Say whether it became true in time."""
    return wait_until(true, seconds=seconds, every=0.02)


@contextmanager
def running(*command: str | Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program; whatever the test does, it is gone afterwards."""
    program = subprocess.Popen(
        [sys.executable, *map(str, command)],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield program
    finally:
        program.send_signal(signal.SIGKILL)
        program.wait()
        program.stdout.close()


def read_until(program: subprocess.Popen[str], beginning: str) -> list[str]:
    """Return its lines up to and with the first that begins so, or to its end."""
    lines = []
    for line in program.stdout:
        lines.append(line.rstrip("\n"))
        if line.startswith(beginning):
            break
    return lines
