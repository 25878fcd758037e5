"""The two subjects of the chaos harness: Lockboard, and a task queue that knows no better."""

import os
import random
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import psutil
import psycopg
from celery import Celery

from tests.chaos.harness import Attempt
from tests.processes.stack import DEADLINE_SECONDS, OPEN, Door, Program, Stack, until

ODDS = "after_claim=0.04,after_call=0.04"
FRAGILE = 2
PATIENCE_SECONDS = 1.5


class Lockboard:
    """The product, clicked through its web pages; its actuators die on purpose."""

    def __init__(self, stack: Stack, seed: int) -> None:
        self.stack = stack
        self.deaths = 0
        self._chance = random.Random(seed)  # noqa: S311  dice, not a secret
        self._seeds = count(seed)
        self._began = datetime.now(UTC)
        self._paused: dict[str, float] = {}
        self._turn = count()
        self.actuators = [self._new_actuator() for _ in range(FRAGILE)]
        self.stack.wait_until_ready()

    def _new_actuator(self) -> Program:
        program = self.stack.fragile_actuator(ODDS, next(self._seeds))
        program.start()
        return program

    def click(self, door: Door) -> None:
        person = self.stack.people[next(self._turn) % len(self.stack.people)]
        key = str(uuid4())
        clicked = self.stack.click(door, person=person, key=key, again=True)
        if self._chance.random() < 0.2:
            self.stack.click(door, person=person, key=key, again=True)  # a finger that trembles
        if clicked.status >= 500:
            raise OSError(clicked.status)
        self._look(clicked.attempt_id)

    def _look(self, attempt_id: str) -> None:
        """See what becomes of it, as long as people are patient."""
        end = time.monotonic() + PATIENCE_SECONDS
        while attempt_id and time.monotonic() < end:
            with suppress(psycopg.Error):
                if self.stack.attempt(attempt_id)["status"] not in OPEN:
                    return
            time.sleep(0.05)

    def nuisances(self) -> Sequence[Callable[[], None]]:
        often = [self.kill_actuator] * 4
        now_and_then = [self.pause_actuator, self.flush_valkey, self.pause_valkey] * 2
        return [*often, *now_and_then, self.kill_beat, self.kill_web, self.restart_postgres]

    def kill_actuator(self) -> None:
        self._chance.choice(self.actuators).kill()

    def pause_actuator(self) -> None:
        if self._hangs(*self.actuators):
            return  # one must go on
        program = self._chance.choice(self.actuators)
        program.pause()
        self._paused[program.name] = time.monotonic() + self._chance.uniform(0.5, 7)

    def _hangs(self, *programs: Program) -> bool:
        return any(self._paused.get(p.name, 0) > time.monotonic() for p in programs)

    def flush_valkey(self) -> None:
        with self.stack.valkey() as valkey:
            valkey.flushall()

    def pause_valkey(self) -> None:
        self.stack.engines.valkey.pause()
        time.sleep(self._chance.uniform(0.2, 1.5))
        self.stack.engines.valkey.resume()

    def kill_beat(self) -> None:
        self.stack.kill("beat")

    def restart_postgres(self) -> None:
        self.stack.engines.postgres.restart(immediate=True)

    def kill_web(self) -> None:
        self.stack.kill("web")

    def repair(self) -> None:
        for program in list(self.actuators):
            if not self._hangs(program):
                program.resume()
            if not program.is_running:
                self.deaths += 1
                self.actuators.remove(program)
                self.stack.drop(program)
                self.actuators.append(self._new_actuator())
        self.stack.programs["beat"].start()
        self.stack.programs["web"].start()
        # Somebody must be there to be killed in the act; a busy machine starts programs slowly.
        until(self._somebody_listens, seconds=60)

    def _somebody_listens(self) -> bool:
        return self.stack.listeners() > 1  # the other workers are one

    def settle(self) -> None:
        for program in self.actuators:
            program.resume()
        self.repair()
        self.stack.wait_until_ready()
        unsettled = "SELECT 1 FROM locks_actionattempt WHERE status IN ('queued', 'sending')"
        until(lambda: not self.stack.rows(unsettled), seconds=30)

    def attempts(self) -> list[Attempt]:
        rows = self.stack.rows(
            "SELECT * FROM locks_actionattempt WHERE created_at > %s", self._began
        )
        return [
            Attempt(str(row["id"]), row["deadline"], row["status"], _detail(row)) for row in rows
        ]


def _detail(row: dict[str, Any]) -> str:
    told = ("device_id", "created_at", "sent_at", "finished_at", "evidence", "error_code")
    return " ".join(f"{name}={row[name]}" for name in told)


class Naive:
    """Clicks go straight into a Celery queue; see tests.chaos.naive."""

    def __init__(self, stack: Stack, seed: int) -> None:
        self.stack = stack
        self._chance = random.Random(seed)  # noqa: S311  dice, not a secret
        self._clicks: list[Attempt] = []
        self._resume_at = 0.0
        self._sites = self._site_of_each_door()
        self._app = Celery("naive", broker=stack.engines.redis_url, set_as_current=False)
        self._app.conf.broker_transport_options = {"global_keyprefix": "naive:"}
        self.worker = stack.add("naive", [*_CELERY, *_PREFORK])
        self.worker.start()
        self._warm_up()

    def _warm_up(self) -> None:
        """Return once the first door opened: the pool takes a while to start."""
        self.click(next(door for door in self.stack.doors if door.is_plain))
        until(self.stack.sandbox.calls, seconds=60)
        self._clicks.clear()

    def _site_of_each_door(self) -> dict[str, str]:
        locks = self.stack.sandbox.ask("GET", "/locks")
        return {lock["id"]: lock["site_id"] for lock in locks}

    def click(self, door: Door) -> None:
        wish = Attempt(str(uuid4()), datetime.now(UTC) + timedelta(seconds=DEADLINE_SECONDS))
        self._clicks.append(wish)
        site = self._sites[door.remote_id]
        path = f"/connect/v1.2/sites/{site}/locks/{door.remote_id}/locking"
        self._app.send_task("tests.chaos.naive.unlock", args=[wish.id, path])

    def nuisances(self) -> Sequence[Callable[[], None]]:
        return (self.kill_a_worker, self.pause_workers)

    def kill_a_worker(self) -> None:
        children = psutil.Process(self.worker.pid).children()
        if children:
            with suppress(ProcessLookupError):
                os.kill(self._chance.choice(children).pid, signal.SIGKILL)

    def pause_workers(self) -> None:
        """Let it hang for longer than anybody at a door waits."""
        if self._resume_at < time.monotonic():
            self.worker.pause()
            self._resume_at = time.monotonic() + DEADLINE_SECONDS + 1

    def repair(self) -> None:
        if self._resume_at < time.monotonic():
            self.worker.resume()

    def settle(self) -> None:
        """Wait until nothing was sent for longer than its usual pause between retries."""
        self.worker.resume()
        seen, since = -1, time.monotonic()
        while time.monotonic() < since + 3:
            if (now := len(self.stack.sandbox.calls())) != seen:
                seen, since = now, time.monotonic()
            time.sleep(0.2)
        self.worker.kill()
        self._app.close()

    def attempts(self) -> list[Attempt]:
        return self._clicks


_CELERY = [sys.executable, "-m", "celery", "-q", "-A", "tests.chaos.naive", "worker"]
_PREFORK = ["-n", "naive@%h", "-P", "prefork", "-c", "4", "-l", "error"]
