"""What bin/run and bin/test share: a virtual environment with everything in it."""

# ruff: noqa: S603, S606  every program started here is named by us

import fcntl
import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NoReturn

CHECKOUT = Path(__file__).resolve().parent.parent

sys.path.insert(0, str(CHECKOUT))

from config.tether import tethered  # noqa: E402  it needs nothing installed

_PROGRESS_SECONDS = 2


def become(name: str, requirements: str, *arguments: str, install: bool = True) -> NoReturn:
    """Go on as the Python of the environment `name`, made and filled first."""
    try:
        python = _ready(CHECKOUT / name, CHECKOUT / requirements, install=install)
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as exc:
        give_up(f"Cannot write to {exc.filename or CHECKOUT} ({exc.strerror}).")
    if folder := os.environ.get("LOCKBOARD_DATA"):  # as seen from here, before we leave
        os.environ["LOCKBOARD_DATA"] = str(Path(folder).expanduser().absolute())
    os.chdir(CHECKOUT)
    sys.stdout.flush()
    os.execv(python, [str(python), *arguments])


def give_up(sentence: str) -> NoReturn:
    sys.stderr.write(f"Lockboard cannot start. {sentence}\n")
    sys.exit(1)


def _ready(folder: Path, requirements: Path, *, install: bool) -> Path:
    python = folder / "bin" / "python"
    if not install:
        if not python.exists():
            give_up(f"There is no {folder}: leave out --no-install once.")
        return python
    folder.mkdir(exist_ok=True)
    stamp = folder / "lockboard-installed"
    wanted = _fingerprint(requirements)
    if _read(stamp) == wanted and python.exists():
        return python
    with _alone_in(folder):
        if _read(stamp) != wanted or not python.exists():
            _make(folder, python)
            _install(python, requirements, log=folder / "install.log")
            stamp.write_text(wanted)
    return python


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _fingerprint(requirements: Path) -> str:
    """Return a hash of all that says what must be installed, and for which Python."""
    state = hashlib.sha256(f"{sys.version_info[:2]}{CHECKOUT}".encode())
    for path in sorted({requirements, CHECKOUT / "requirements.txt"}):
        state.update(path.read_bytes())
    return state.hexdigest()


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Let one copy install at a time: two may be started side by side."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _make(folder: Path, python: Path) -> None:
    if python.exists() and _runs(python, "-m", "pip", "--version") and _same_version(python):
        return
    print(f"Making a virtual environment in {folder} …", flush=True)
    if not _runs(sys.executable, "-m", "venv", "--clear", folder):
        give_up(
            "This Python cannot make a virtual environment: install its venv module "
            "(Debian, Ubuntu: apt-get install python3-venv)."
        )


def _same_version(python: Path) -> bool:
    major, minor = sys.version_info[:2]
    return _runs(python, "-c", f"import sys; sys.exit(sys.version_info[:2] != ({major}, {minor}))")


def _runs(*command: str | Path) -> bool:
    done = subprocess.run(tethered(command), capture_output=True, check=False)
    return done.returncode == 0


def _install(python: Path, requirements: Path, *, log: Path) -> None:
    print("Installing what Lockboard needs (a minute or two, the first time) …", flush=True)
    pip_install = ["-m", "pip", "install", "--no-input", "--progress-bar=off"]
    options = {"PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    with subprocess.Popen(
        tethered([python, *pip_install, "-r", requirements]),
        env={**os.environ, **options},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as pip:
        assert pip.stdout is not None
        log.write_text("")
        last_error = _follow(pip.stdout, log)
    if pip.returncode:
        give_up(
            f"Installing the packages failed ({last_error}): is there a way to the network? "
            f"All that pip said is in {log}."
        )


def _follow(output: IO[str], log: Path) -> str:
    """Show how far pip is, now and then. Return the last thing it called an error."""
    found, last_error, shown = 0, "no reason given", time.monotonic()
    with log.open("a") as whole:
        for line in output:
            whole.write(line)
            if line.startswith("ERROR: "):
                last_error = line.removeprefix("ERROR: ").strip().rstrip(".")
            if match := re.match(r"Collecting (\S+)", line):
                found += 1
                if time.monotonic() - shown > _PROGRESS_SECONDS:
                    print(f"  {found} packages found, now {match[1]} …", flush=True)
                    shown = time.monotonic()
            if line.startswith("Installing collected"):
                print(f"  {found} packages found, installing them …", flush=True)
    return last_error
