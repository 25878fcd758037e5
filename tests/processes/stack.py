"""Everything Lockboard consists of, as real processes that tests may kill.

    with Stack() as stack:
        clicked = stack.click(stack.door())
        assert stack.outcome(clicked)["status"] == "success"

The programs and their environment are those of `bin/run` (config.demo). All of them end with
the process that made the stack; start and restart them from its main thread only, because a
program is tethered to the thread that started it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from html import unescape
from itertools import cycle
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import psycopg
import redis
import requests
from psycopg.rows import dict_row

from config.demo import CHECKOUT, Demo
from config.engines import Engines
from config.starting import LOOPBACK, answers, free_port, wait_until
from config.tether import tethered

#: Shorter than in production (10 s), so that expiring takes less of a test's time.
DEADLINE_SECONDS = 5
#: How long after its deadline an attempt has an outcome at the latest: grace, tick and luck.
SETTLED_SECONDS = DEADLINE_SECONDS + 8
CSRF = "a" * 32

#: For those who click faster than one account's doors may be clicked.
NO_LIMIT = {"LOCKBOARD_PROVIDER_REQUESTS_PER_SECOND": "1000"}

ALL = ("web", "actuator", "worker", "beat")
OPEN = ("queued", "sending")


def until(true: Callable[[], Any], *, seconds: float = 15, every: float = 0.02) -> Any:
    """Return what `true` gives once it is truthy. Raises AssertionError if it takes too long."""
    value = wait_until(true, seconds=seconds, every=every)
    assert value, f"not within {seconds} s"
    return value


@dataclass
class Program:
    """One program that can be started, stopped, killed, and made to hang."""

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    log: Path
    running: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        return self.running is not None and self.running.poll() is None

    @property
    def pid(self) -> int:
        assert self.running is not None
        return self.running.pid

    def start(self) -> None:
        if self.is_running:
            return
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(
                tethered(self.command),
                cwd=CHECKOUT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def tell(self, number: signal.Signals) -> None:
        if self.is_running:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it and its children as a power cut would."""
        if self.is_running:
            os.killpg(self.pid, signal.SIGKILL)
        self.wait()

    def stop(self) -> None:
        """Let it finish what it does, and return once it has ended."""
        self.tell(signal.SIGTERM)
        self.tell(signal.SIGCONT)
        self.wait()

    def pause(self) -> None:
        self.tell(signal.SIGSTOP)

    def resume(self) -> None:
        self.tell(signal.SIGCONT)

    def wait(self, seconds: float = 30) -> None:
        if self.running is not None:
            self.running.wait(seconds)


class Sandbox:
    """The simulated clouds' control API: faults in, facts out."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        answer = requests.request(
            method, f"{self.url}/control{path}", json=body, params=query, timeout=10
        )
        assert answer.ok, answer.text
        return answer.json()

    def fault(self, effect: str, *, times: int | None = 1, **options: Any) -> str:
        """Switch a fault on for unlock commands; `lock_id`, `route` … narrow it down."""
        match = {k: options.pop(k) for k in ("lock_id", "route", "account") if k in options}
        wish = {"match": {"route": "locking"} | match, "effect": effect, "times": times}
        return str(self.ask("POST", "/faults", wish | options)["id"])

    def clear_faults(self) -> None:
        self.ask("DELETE", "/faults")

    def calls(self, after: int = 0) -> list[dict[str, Any]]:
        """Return the unlock commands that arrived, whether or not they were carried out."""
        found: list[dict[str, Any]] = self.ask("GET", "/requests", after=after, route="locking")
        return found

    def openings(self, after: int = 0) -> list[dict[str, Any]]:
        """Return the doors that opened on command."""
        found: list[dict[str, Any]] = self.ask("GET", "/effects", after=after, cause="remote")
        return [effect for effect in found if effect["kind"] == "lock_opened"]

    def calls_of(self, attempt_id: str) -> int:
        return sum(call["request_id"] == attempt_id for call in self.calls())

    def openings_of(self, attempt_id: str) -> int:
        return sum(opening["request_id"] == attempt_id for opening in self.openings())


@dataclass(frozen=True)
class Door:
    id: str
    remote_id: str
    name: str
    account: str
    is_plain: bool = True


@dataclass(frozen=True)
class Clicked:
    """What the web answered to a click."""

    status: int
    attempt_id: str
    seconds: float
    html: str = field(repr=False)


class Stack:
    """Engines, sandbox and the four programs, on ports and in a folder of their own.

    `programs` names those to start with; `durable` as in `Engines`. Without a `world` there is
    no sandbox and no row: whoever wants some makes them.
    """

    def __init__(
        self,
        *,
        programs: Sequence[str] = ALL,
        world: bool = True,
        durable: bool = False,
        environment: dict[str, str] | None = None,
    ) -> None:
        self._durable = durable
        self._usual = programs
        self._has_world = world
        self._environment = environment or {}
        self._cleanup = ExitStack()
        self.programs: dict[str, Program] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lockboard-")))
            folder.chmod(0o711)  # PostgreSQL, started by root, passes through as another user
            self.demo = Demo(folder / "data", free_port(), free_port())
            self.engines = stack.enter_context(Engines(self.demo.folder, durable=self._durable))
            stack.callback(self._end)
            self._make_programs(folder)
            self._start_all()
            self._cleanup = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._cleanup.close()

    def _make_programs(self, folder: Path) -> None:
        engines = self.engines
        self.environment = (
            self.demo.environment(engines)
            | {
                "DATABASE_URL": engines.database_url,
                "REDIS_URL": engines.redis_url,
                "ALLOWED_HOSTS": LOOPBACK,
                "LOCKBOARD_ATTEMPT_DEADLINE_SECONDS": str(DEADLINE_SECONDS),
            }
            | self._environment
        )
        for name, command in self.demo.programs().items():
            log = folder / f"{name}.log"
            self.programs[name] = Program(name, list(command), self.environment, log)
        self.sandbox = Sandbox(self.demo.sandbox_url)

    def _start_all(self) -> None:
        if self._has_world:
            self.programs["sandbox"].start()
            until(lambda: answers(LOOPBACK, self.demo.sandbox_port, "/healthz"))
            self._copy_tables()
            self._take_in(json.loads(self.run("tests.processes.world")))
        self.start(*self._usual)

    def _copy_tables(self) -> None:
        """Begin with what bin/test has migrated: doing it again takes much longer."""
        if dump := os.environ.get("TEST_DATABASE_DUMP"):
            lines = Path(dump).read_text().splitlines(keepends=True)
            # What starts with a backslash is for psql only.
            tables = "".join(line for line in lines if not line.startswith("\\"))
            with psycopg.connect(self.engines.database_url, autocommit=True) as connection:
                connection.execute(tables.encode())

    def _take_in(self, world: dict[str, Any]) -> None:
        self.world = world
        self.doors = [Door(**told) for told in world["doors"]]
        self.people = list(world["sessions"])
        self._unused = {
            account: cycle([d for d in self.doors if d.is_plain and d.account == account])
            for account in {door.account for door in self.doors}
        }

    def _end(self) -> None:
        for program in self.programs.values():
            program.kill()

    def run(self, module: str, *arguments: str) -> str:
        """Run a module in the stack's environment and return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=CHECKOUT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    # --- programs ---

    def start(self, *names: str) -> None:
        """Start what does not run, and return once it does its work."""
        for name in names:
            self.programs[name].start()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        if self.programs["web"].is_running:
            self.wait_for_web()
        until(self._workers_listen, seconds=60)

    def wait_for_web(self) -> None:
        until(lambda: answers(LOOPBACK, self.demo.port, "/readyz"), seconds=60)

    def _workers_listen(self) -> bool:
        wanted = sum(p.is_running for p in self.programs.values() if "worker" in p.command)
        return self.listeners() >= wanted

    def listeners(self) -> int:
        """Return how many workers wait for messages."""
        with self.valkey() as valkey:
            return sum(client["cmd"] == "brpop" for client in valkey.client_list())

    def kill(self, *names: str) -> None:
        for name in names:
            self.programs[name].kill()

    def add(self, name: str, command: Sequence[str], **environment: str) -> Program:
        """Add a program of a test's own, not yet started; `drop` it when done."""
        log = self.programs["sandbox"].log.with_name(f"{name}.log")
        program = Program(name, command, self.environment | environment, log)
        self.programs[name] = program
        return program

    def drop(self, program: Program) -> None:
        program.kill()
        del self.programs[program.name]

    def fragile_actuator(self, odds: str, seed: int = 0) -> Program:
        """Add an actuator that kills itself with these odds; see tests.chaos.fragile."""
        celery = self.programs["actuator"].command
        arguments = list(celery[list(celery).index("-A") :])
        arguments[arguments.index("-n") + 1] = f"fragile-{uuid4().hex[:6]}@%h"
        fragile = [sys.executable, "-m", "tests.chaos.fragile", odds, str(seed)]
        return self.add(f"fragile-{odds}-{seed}", [*fragile, *arguments])

    def heal(self) -> None:
        """Bring back whatever a test took away."""
        for program in self.programs.values():
            program.resume()
        self.engines.valkey.resume()
        for engine in self.engines.started:
            if engine._running is None:
                engine.start()
        self.programs["sandbox"].start()
        self.start(*self._usual)
        self.sandbox.clear_faults()
        open_ones = "SELECT 1 FROM locks_actionattempt WHERE status IN ('queued', 'sending')"
        until(lambda: not self.rows(open_ones), seconds=20)
        self.age()

    def age(self) -> None:
        """Let what was finished be finished an hour ago: no cool-down, no limit per minute."""
        for finished in self.rows(
            "SELECT id FROM locks_actionattempt WHERE finished_at > now() - interval '1 hour'"
        ):
            # One at a time: a feed that is being stored may hold several.
            self.rows(
                "UPDATE locks_actionattempt SET created_at = created_at - interval '1 hour',"
                " sent_at = sent_at - interval '1 hour', opened_at = opened_at - interval '1 hour',"
                " finished_at = finished_at - interval '1 hour' WHERE id = %s",
                finished["id"],
            )

    # --- what people do ---

    @property
    def url(self) -> str:
        return self.demo.origin

    def door(self, account: str = "harbour@example.com") -> Door:
        """Return a door that works and was not used for a while."""
        return next(self._unused[account])

    def cookies(self, person: str) -> dict[str, str]:
        key = self.world["sessions"][person]
        return {self.world["session_cookie"]: key, self.world["csrf_cookie"]: CSRF}

    def get(self, path: str, *, person: str | None = None) -> requests.Response:
        cookies = self.cookies(person or self.people[0])
        return requests.get(f"{self.url}{path}", cookies=cookies, timeout=10)

    def post(self, path: str, *, person: str | None = None, **form: str) -> requests.Response:
        return requests.post(
            f"{self.url}{path}",
            cookies=self.cookies(person or self.people[0]),
            headers={"X-CSRFToken": CSRF, "X-Requested-With": "XMLHttpRequest"},
            data=form,
            timeout=10,
        )

    def click(
        self, door: Door, *, person: str | None = None, key: str = "", again: bool = False
    ) -> Clicked:
        """Click Unlock, twice as the page wants it, as its script sends it."""
        form = {"idempotency_key": key or str(uuid4())} | ({"again": "1"} if again else {})
        began = time.monotonic()
        answer = self.post(f"/doors/{door.id}/unlock/", person=person, **form)
        found = re.search(r'data-attempt="([0-9a-f-]{36})"', answer.text)
        return Clicked(
            answer.status_code,
            found[1] if found else "",
            time.monotonic() - began,
            answer.text,
        )

    def give_time(self, clicked: Clicked) -> None:
        """Put a deadline off, where programs must start before it: a busy machine is slow."""
        self.rows(
            "UPDATE locks_actionattempt SET deadline = deadline + interval '30 s' WHERE id = %s",
            clicked.attempt_id,
        )

    def tile(self, door: Door) -> str:
        """Return what the board says about a door, as text without markup."""
        page = self.get(f"/?q={door.name}").text
        tile = re.search(rf'<article[^>]*data-door="{door.id}".*?</article>', page, re.DOTALL)
        assert tile, page
        return _text(tile[0])

    # --- what became of it ---

    def valkey(self) -> redis.Redis:
        return redis.Redis.from_url(self.engines.redis_url, socket_timeout=5, retry=None)

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Ask the database as its owner."""
        with psycopg.connect(
            self.engines.database_url, autocommit=True, row_factory=dict_row
        ) as connection:
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    def attempt(self, attempt_id: str) -> dict[str, Any]:
        (row,) = self.rows("SELECT * FROM locks_actionattempt WHERE id = %s", attempt_id)
        return row

    def becomes(self, clicked: Clicked, *statuses: str, seconds: float = 15) -> dict[str, Any]:
        """Wait until an attempt has one of these states, and return its row."""
        assert clicked.attempt_id, clicked.html
        row: dict[str, Any] = {}

        def is_there() -> bool:
            row.update(self.attempt(clicked.attempt_id))
            return row["status"] in statuses

        try:
            until(is_there, seconds=seconds)
        except AssertionError:
            raise AssertionError(f"{row} did not become {statuses}") from None
        return row

    def outcome(self, clicked: Clicked, *, seconds: float = SETTLED_SECONDS) -> dict[str, Any]:
        """Wait until an attempt has an outcome, and return its row."""
        ends = ("success", "failed", "expired", "cancelled", "unconfirmed")
        return self.becomes(clicked, *ends, seconds=seconds)


def _text(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())
