"""Run a program so that it ends when the process that started it is gone, killed included.

The program keeps the process id of this one. Standard library only, and no import of
ours: it also runs as a file, under any Python 3.11, before anything is installed.
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

# linux/prctl.h
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def tethered(
    program: Sequence[str | Path],
    *,
    ending: signal.Signals = signal.SIGKILL,
    user: tuple[int, int] | None = None,
) -> list[str]:
    """Return the command that runs `program` tethered to the calling process.

    `ending` is the signal the program gets when we are gone; `user` the uid and gid it
    runs as, which takes root. Start it from a thread that stays: Linux counts the death
    of the starting thread.
    """
    uid, gid = user or (-1, -1)
    options = [os.getpid(), ending.value, uid, gid]
    return [sys.executable, "-I", "-S", __file__, *map(str, options), *map(str, program)]


def end_with_parent(parent: int, ending: signal.Signals) -> None:
    """Arrange for this process to get `ending` when `parent`, which started it, is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, ending.value)
    else:
        _leave_a_watcher(parent, ending)
    if os.getppid() != parent:  # it went before we had asked
        sys.exit(f"tether: process {parent} is gone")


def adopt_orphans() -> None:
    """Become the parent of what our children leave behind, to be able to end it (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _leave_a_watcher(parent: int, ending: signal.Signals) -> None:
    """Fork a process that does what Linux does by itself."""
    program = os.getpid()
    if os.fork():
        return
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # who reads the program's output must see its end
        os.dup2(nowhere, stream)
    while os.getppid() == program:
        if not _is_alive(parent):
            os.kill(program, ending)
            break
        time.sleep(0.2)
    os._exit(0)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _become(arguments: list[str]) -> None:
    parent, ending, uid, gid = map(int, arguments[:4])
    program = arguments[4:]
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)  # before the tether: changing the user cuts it
    end_with_parent(parent, signal.Signals(ending))
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and that is inherited
    try:
        os.execvp(program[0], program)  # noqa: S606  there is to be no shell
    except OSError as exc:
        sys.exit(f"{program[0]}: {exc.strerror}")


if __name__ == "__main__":
    _become(sys.argv[1:])
