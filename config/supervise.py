"""Several programs run as one: their output in one stream, an end for all.

A program or engine that ran well and then ended by itself is started again, as a service
manager would; one that cannot stay up for some seconds ends everything, with a sentence.
"""

import datetime
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from honcho.manager import Manager
from honcho.printer import Message
from honcho.process import Popen, Process

from config.engines import Engine
from config.starting import StartError
from config.terminal import Terminal
from config.tether import end_with_parent, tethered

#: honcho's exit statuses, by what was received.
_RECEIVED = {128 + number: number for number in (signal.SIGINT, signal.SIGTERM)}
#: Ending sooner than this is not an accident but a fault.
_STEADY_SECONDS = 5.0


class _TetheredPopen(Popen):  # type: ignore[misc]
    def __init__(self, program: Sequence[str], **options: Any) -> None:
        super().__init__(tethered(program), shell=False, **options)


class _Program(Process):  # type: ignore[misc]
    """One program, looked after by a fork of the supervisor; neither outlives it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._child_ctor = _TetheredPopen
        self._supervisor = os.getpid()
        self._is_over = True
        self._began = 0.0
        #: Set once everything is to end; shared with the supervisor.
        self.ending: Any = None

    def run(self, events: Any = None, ignore_signals: bool = False) -> None:  # noqa: FBT001, FBT002
        end_with_parent(self._supervisor, signal.SIGKILL)
        self._is_over = False
        while not self._is_over:
            self._began = time.monotonic()
            super().run(events, ignore_signals)

    def _send_message(self, data: Any, type: str = "line") -> None:  # noqa: A002  honcho's word
        if type == "stop":
            self._is_over = self.ending.is_set() or time.monotonic() - self._began < _STEADY_SECONDS
            if not self._is_over:
                words = f"ended by itself ({_in_words(data['returncode'])}); starting it again\n"
                data, type = words.encode(), "line"  # noqa: A001
        super()._send_message(data, type)


class Supervisor(Manager):  # type: ignore[misc]
    """honcho's manager; it also watches the engines, and says which one ended first."""

    def __init__(
        self, engines: Sequence[Engine], *, logs: Path, on_started: Callable[[], None]
    ) -> None:
        # Its forks must be children of this very process, or they could not be tethered.
        multiprocessing.set_start_method("fork", force=True)
        self._terminal = Terminal(logs)
        super().__init__(self._terminal)
        self._process_ctor = _Program
        self._engines = engines
        self._on_started = on_started
        self._ending = multiprocessing.Event()
        self._engines_began = dict.fromkeys((engine.name for engine in engines), time.monotonic())

    def add_process(self, name: str, cmd: Sequence[str], **options: Any) -> Process:
        program = super().add_process(name, cmd, **options)
        program.ending = self._ending
        return program

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
        self._ending.set()
        if not self._terminating:
            if self.returncode in _RECEIVED:
                say_stopping(_RECEIVED[self.returncode])
            else:
                self._say_who_ended()
        super().terminate()

    def stop(self, sentence: str) -> None:
        """Say why, and end everything; the exit status is 1."""
        if not self._terminating:
            self._ending.set()
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
                say(
                    f"{name} ended by itself ({_in_words(status)}), so everything stops. "
                    f"What it said is in {self._terminal.path(name)}."
                )
                self.returncode = 1

    def _watch(self) -> None:
        while not self._terminating:
            for engine in self._engines:
                if engine.has_ended():
                    self._start_again(engine)
            for name, program in self._processes.items():
                if not program["process"].is_alive() and "returncode" not in program:
                    self._report_loss(name)
            time.sleep(0.2)

    def _start_again(self, engine: Engine) -> None:
        if time.monotonic() - self._engines_began[engine.name] < _STEADY_SECONDS:
            self.stop(f"{engine.name} ended by itself, so everything stops ({engine.log}).")
            return
        say(f"{engine.name} ended by itself; starting it again.")
        self._engines_began[engine.name] = time.monotonic()
        try:
            engine.start()
        except StartError as exc:
            self.stop(f"{engine.name} ended by itself and cannot be started again: {exc}")

    def _report_loss(self, name: str) -> None:
        """Do what the killed fork of `name` can no longer do. Its program went with it."""
        data = {"returncode": -signal.SIGKILL}
        now = datetime.datetime.now()  # noqa: DTZ005  as honcho does
        self.events.put(Message(type="stop", data=data, time=now, name=name, colour=None))


def say(*lines: str) -> None:
    """Write whole lines to the terminal, whoever else is writing."""
    with suppress(OSError):  # nobody reads us any more
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()


def say_stopping(number: signal.Signals) -> None:
    say(f"Stopping: {number.name} received.")


def _in_words(status: int) -> str:
    if status < 0:
        return f"by signal {signal.Signals(-status).name}"
    return f"exit status {status}"
