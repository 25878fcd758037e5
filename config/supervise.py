"""Several programs run as one: their output in one stream, and when one ends, all end."""

import datetime
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from honcho.manager import Manager
from honcho.printer import Message
from honcho.process import Popen, Process

from config.engines import Engine
from config.tether import end_with_parent, tethered


class _TetheredPopen(Popen):  # type: ignore[misc]
    def __init__(self, program: Sequence[str], **options: Any) -> None:
        super().__init__(tethered(program), shell=False, **options)


class _Program(Process):  # type: ignore[misc]
    """One program, looked after by a fork of the supervisor; neither outlives it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._child_ctor = _TetheredPopen
        self._supervisor = os.getpid()

    def run(self, events: Any = None, ignore_signals: bool = False) -> None:  # noqa: FBT001, FBT002
        end_with_parent(self._supervisor, signal.SIGKILL)
        super().run(events, ignore_signals)


class Supervisor(Manager):  # type: ignore[misc]
    """honcho's manager; it also watches the engines, and says which one ended first."""

    def __init__(self, engines: Sequence[Engine], *, on_started: Callable[[], None]) -> None:
        # Its forks must be children of this very process, or they could not be tethered.
        multiprocessing.set_start_method("fork", force=True)
        super().__init__()
        self._process_ctor = _Program
        self._engines = engines
        self._on_started = on_started

    def loop(self) -> None:
        """Run all programs; return when all have ended. `returncode` is the exit status then."""
        # A closed terminal is a reason to stop like any other.
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
        try:
            super().loop()
        except BrokenPipeError:  # nobody reads us any more
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self.returncode = 1
        finally:
            self.kill()

    def terminate(self) -> None:
        if not self._terminating and self.returncode not in (130, 143):
            self._say_who_ended()
        super().terminate()

    def stop(self, sentence: str) -> None:
        """Say why, and end everything; the exit status is 1."""
        if not self._terminating:
            say(sentence)
            self.returncode = 1
            super().terminate()

    def _start(self) -> None:
        super()._start()
        # After the forks: a fork of a process with threads inherits their locks.
        for job in (self._watch, self._on_started):
            threading.Thread(target=job, daemon=True).start()

    def _system_print(self, data: str) -> None:
        """Say nothing of what goes as it should."""

    def _say_who_ended(self) -> None:
        for name, program in self._processes.items():
            if (status := program.get("returncode")) is not None:
                say(f"{name} ended by itself ({_in_words(status)}), so everything stops.")
                self.returncode = 1

    def _watch(self) -> None:
        while not self._terminating:
            for engine in self._engines:
                if engine.has_ended():
                    self.stop(f"{engine.name} ended by itself, so everything stops ({engine.log}).")
            for name, program in self._processes.items():
                if not program["process"].is_alive() and "returncode" not in program:
                    self._report_loss(name)
            time.sleep(0.2)

    def _report_loss(self, name: str) -> None:
        """Do what the killed fork of `name` can no longer do. Its program went with it."""
        data = {"returncode": -signal.SIGKILL}
        now = datetime.datetime.now()  # noqa: DTZ005  as honcho does
        self.events.put(Message(type="stop", data=data, time=now, name=name, colour=None))


def say(*lines: str) -> None:
    """Write whole lines to the terminal, whoever else is writing."""
    with suppress(BrokenPipeError):
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()


def _in_words(status: int) -> str:
    if status < 0:
        return f"by signal {signal.Signals(-status).name}"
    return f"exit status {status}"
