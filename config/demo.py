"""Everything `bin/run` starts: `python -m config.demo`."""

# ruff: noqa: S603  every program started here is named by us

import base64
import os
import secrets
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from config.engines import Engines
from config.starting import (
    LOOPBACK,
    PREPARED,
    StartError,
    answers,
    is_free,
    kept,
    last_words,
    wait_until,
)
from config.supervise import Supervisor, say, say_stopping
from config.terminal import open_log
from config.tether import tethered

CHECKOUT = Path(__file__).resolve().parent.parent
_READY_SECONDS = 60

_PYTHON = [sys.executable, "-m"]
_PREPARE = [*_PYTHON, "config.prepare"]
_CELERY = [*_PYTHON, "celery", "-q", "-A", "config"]
_QUIET = ("--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "warning")

_SIGN_INS = {
    "admin@lockboard.test": "everything: doors, codes, cards, accounts, people and the log",
    "manager@lockboard.test": "doors, codes, cards, accounts and the log",
    "frontdesk@lockboard.test": "doors, codes, cards and log of Harbour House and Harbour Annex",
    "auditor@lockboard.test": "doors, codes without digits, cards, and the log, to look at only",
}


@dataclass(frozen=True)
class Demo:
    """What the person at the terminal asked for, by the environment."""

    folder: Path
    port: int
    sandbox_port: int

    @classmethod
    def asked_for(cls) -> "Demo":
        folder = Path(os.environ.get("LOCKBOARD_DATA") or CHECKOUT / ".data")
        demo = cls(
            folder.expanduser().absolute(),
            _port("LOCKBOARD_PORT", 8000),
            _port("LOCKBOARD_SANDBOX_PORT", 8001),
        )
        if demo.port == demo.sandbox_port:
            raise StartError("LOCKBOARD_PORT and LOCKBOARD_SANDBOX_PORT must differ.")
        return demo

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def origin(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def sandbox_url(self) -> str:
        return f"http://{LOOPBACK}:{self.sandbox_port}"

    def programs(self) -> dict[str, list[str]]:
        beat = ["--schedule", str(self.folder / "beat-schedule"), "--pidfile="]
        return {
            "web": [
                *(*_PYTHON, "uvicorn", "config.asgi:application"),
                *("--host", LOOPBACK, "--port", str(self.port), "--no-access-log"),
                *("--log-level", "warning", "--timeout-graceful-shutdown", "5"),
            ],
            "actuator": [
                *(*_CELERY, "worker", "-n", "actuate@%h", "-Q", "actuate"),
                *("-P", "threads", "-c", "50", *_QUIET),
            ],
            "worker": [
                *(*_CELERY, "worker", "-n", "work@%h", "-Q", "poll,reconcile,deliver"),
                *("-P", "threads", "-c", "16", *_QUIET),
            ],
            "beat": [*_CELERY, "beat", "-l", "warning", *beat],
            "sandbox": [*_PYTHON, "sandbox"],
        }

    def environment(self, engines: Engines) -> dict[str, str]:
        """Return ours with all the programs need. Made once and kept: keys, password."""
        given = os.environ
        return {
            **given,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "PYTHONUNBUFFERED": "1",
            # It warns of pickles from strangers, which our workers do not accept.
            "PYTHONWARNINGS": "ignore:You're running the worker with superuser",
            # What goes to the sandbox must not take the way out of the house.
            "NO_PROXY": ",".join(filter(None, [given.get("NO_PROXY"), LOOPBACK, "localhost"])),
            "LOCKBOARD_PORT": str(self.port),
            "LOCKBOARD_ORIGIN": self.origin,
            "LOCKBOARD_PLAIN_HTTP": "true",
            "LOCKBOARD_SANDBOX_PORT": str(self.sandbox_port),
            "LOCKBOARD_SANDBOX_URL": self.sandbox_url,
            "LOCKBOARD_SANDBOX_DATA": str(self.folder / "sandbox"),
            "LOCKBOARD_DEMO_PASSWORD": self.password(),
            "STATIC_ROOT": str(self.folder / "static"),
            # Whoever names a mail server wants the mails sent.
            "LOCKBOARD_DEMO_MAIL": "" if _is_given("EMAIL_URL") else str(self.folder / "mail"),
            **_unless_given("ALLOWED_HOSTS", lambda: f"{LOOPBACK},localhost"),
            **_unless_given("SECRET_KEY", lambda: self._kept("secret-key", _secret_key)),
            **_unless_given("FIELD_KEYS", lambda: self._kept("field-keys", _field_keys)),
            **_unless_given("PIN_INDEX_KEY", lambda: self._kept("pin-index-key", _index_key)),
            **_unless_given("DATABASE_URL", lambda: engines.database_url),
            **_unless_given("REDIS_URL", lambda: engines.redis_url),
        }

    def password(self) -> str:
        return os.environ.get("LOCKBOARD_DEMO_PASSWORD") or self._kept("demo-password", _password)

    def _kept(self, name: str, make: Callable[[], str]) -> str:
        return kept(self.folder / name, make)

    def sign_ins(self) -> list[str]:
        people = [f"{address:26}{may}" for address, may in _SIGN_INS.items()]
        return [
            "",
            f"  Lockboard  {self.origin}",
            f"  Sandbox    {self.sandbox_url}  (simulated clouds: jane@example.com, 1234)",
            f"  Sign in    {people[0]}",
            *(f"             {person}" for person in people[1:]),
            f"  Password   {self.password()}",
            f"  Data       {self.folder}",
            "  Stop       Ctrl-C",
            "",
            f"Lockboard is ready: {self.origin}",
        ]


def main() -> int:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        demo = Demo.asked_for()
        status = _guarded(demo)
    except StartError as exc:
        sys.stderr.write(f"Lockboard cannot start. {exc}\n")
        return 1
    say("Stopped.")
    return status


def _stop(number: int, _: object) -> None:
    say_stopping(signal.Signals(number))
    sys.exit(128 + number)


def _guarded(demo: Demo) -> int:
    """Run, and turn what nobody thought of into a sentence. Raises StartError."""
    try:
        return run(demo)
    except StartError:
        raise
    except SystemExit as stop:  # _stop
        return int(stop.code or 0)
    except Exception as exc:
        with open_log(demo.logs / "run.log") as log:
            log.write(traceback.format_exc().encode())
        words = " ".join(f"{type(exc).__name__}: {exc}".split())
        sys.stderr.write(f"{words} (the traceback is in {log.name})\n")
        return 1


def run(demo: Demo) -> int:
    """Run until something ends it. Return the exit status."""
    for name, port in {
        "LOCKBOARD_PORT": demo.port,
        "LOCKBOARD_SANDBOX_PORT": demo.sandbox_port,
    }.items():
        if not is_free(port):
            raise StartError(f"Port {port} is in use: choose another with {name}.")
    wanted = {"postgres": not _is_given("DATABASE_URL"), "valkey": not _is_given("REDIS_URL")}
    with Engines(demo.folder, **wanted) as engines:
        environment = demo.environment(engines)
        with _preparing(demo, environment) as preparation:
            _wait_until_prepared(demo, preparation)
            return _supervise(demo, engines, environment, preparation)


@contextmanager
def _preparing(demo: Demo, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    with open_log(_preparation_log(demo)) as log:
        preparation = subprocess.Popen(
            tethered(_PREPARE),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    try:
        yield preparation
    finally:
        preparation.kill()
        preparation.wait()


def _preparation_log(demo: Demo) -> Path:
    return demo.logs / "prepare.log"


def _why(demo: Demo) -> str:
    log = _preparation_log(demo)
    return f"{last_words(log).rstrip('.')} (see {log})."


def _wait_until_prepared(demo: Demo, preparation: subprocess.Popen[str]) -> None:
    """Return once the programs may start. The preparation then goes on with the demo."""
    assert preparation.stdout is not None
    for line in preparation.stdout:
        if line.strip() == PREPARED:
            return
        say(line.rstrip())
    preparation.wait()
    raise StartError(f"The database could not be prepared: {_why(demo)}")


def _supervise(
    demo: Demo,
    engines: Engines,
    environment: dict[str, str],
    preparation: subprocess.Popen[str],
) -> int:
    supervisor = Supervisor(
        engines.started,
        logs=demo.logs,
        on_started=lambda: _announce(demo, preparation, supervisor),
    )
    for name, program in demo.programs().items():
        supervisor.add_process(name, program, env=environment, cwd=str(CHECKOUT))
    supervisor.loop()
    return supervisor.returncode or 0


def _announce(demo: Demo, preparation: subprocess.Popen[str], supervisor: Supervisor) -> None:
    """Print where to go and how to get in, once both are true."""
    assert preparation.stdout is not None
    for line in preparation.stdout:
        say(line.rstrip())
    if preparation.wait():
        supervisor.stop(f"The demo could not be loaded: {_why(demo)}")
        return
    if not wait_until(lambda: answers(LOOPBACK, demo.port, "/readyz"), seconds=_READY_SECONDS):
        supervisor.stop(f"The web process does not answer at {demo.origin}/readyz.")
        return
    say(*demo.sign_ins())


def _port(name: str, usual: int) -> int:
    text = os.environ.get(name) or str(usual)
    if not (text.isdecimal() and 0 < int(text) < 65536):
        raise StartError(f"{name} must be a port number (1 to 65535), not “{text}”.")
    return int(text)


def _is_given(name: str) -> bool:
    return bool(os.environ.get(name) or os.environ.get(f"{name}_FILE"))


def _unless_given(name: str, value: Callable[[], str]) -> dict[str, str]:
    return {} if _is_given(name) else {name: value()}


def _secret_key() -> str:
    return secrets.token_urlsafe(48)


def _field_keys() -> str:
    return f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}"


def _index_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _password() -> str:
    return secrets.token_urlsafe(12)


if __name__ == "__main__":
    sys.exit(main())
