"""The checks and tests behind bin/test, cheapest first; all run even if one fails."""

# ruff: noqa: S603  every program started here is named by us

import base64
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

import psutil  # type: ignore[import-untyped]  # noqa: E402

from config.engines import Engines  # noqa: E402
from config.starting import StartError  # noqa: E402
from config.tether import adopt_orphans, tethered  # noqa: E402

_CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_CHROMIUM_PLACES = (
    "/usr/lib/chromium/chromium",
    "/usr/lib64/chromium-browser/chromium-browser",
    "/opt/google/chrome/chrome",
    "/snap/bin/chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
#: What would otherwise come from the developer's shell and change what the tests mean.
_OURS = (
    "LOCKBOARD_",
    "DATABASE_",
    "REDIS_",
    "SECRET_KEY",
    "FIELD_KEYS",
    "PIN_INDEX_KEY",
    "ALLOWED_HOSTS",
    "EMAIL_URL",
    "SALTO_",
)
#: Of these, what asks for a longer run.
_LONGER = ("LOCKBOARD_CHAOS_", "LOCKBOARD_SIM_")


@dataclass(frozen=True)
class Check:
    name: str
    command: Sequence[str]
    environment: dict[str, str] = field(default_factory=dict)


def checks(browser: Path | None, tables: Sequence[Check]) -> list[Check]:
    templates = [str(p) for p in sorted(CHECKOUT.glob("**/templates/**/*.html")) if _is_ours(p)]
    manage = [sys.executable, "manage.py"]
    return [
        Check("ruff format", [_tool("ruff"), "format", "--check", "."]),
        Check("ruff check", [_tool("ruff"), "check", "."]),
        Check("djade", [_tool("djade"), "--check", "--target-version", "5.2", *templates]),
        Check("djlint", [_tool("djlint"), "--lint", "--quiet", "templates"]),
        Check("import contracts", [_tool("lint-imports")]),
        Check("mypy", [_tool("mypy"), "."]),
        Check("migrations", [*manage, "makemigrations", "--check", "--dry-run"]),
        Check("deployment", [*manage, "check", "--deploy", "--fail-level", "WARNING"], _PRODUCTION),
        *tables,
        # More than cores: four rows of tests start programs or drive a browser, and mostly wait.
        pytest(["-n", "4"], browser),
    ]


def pytest(arguments: Sequence[str], browser: Path | None) -> Check:
    known = {"LOCKBOARD_CHROMIUM": str(browser)} if browser else {}
    return Check("pytest", [sys.executable, "-m", "pytest", *arguments], known)


def tables(engines: Engines, dump: Path) -> list[Check]:
    """Fill the database that workers of pytest copy, and dump it for servers of a test's own.

    Migrating takes much longer than either.
    """
    whose = urlsplit(engines.database_url)
    where = {
        "PGHOST": str(whose.hostname),
        "PGPORT": str(whose.port),
        "PGUSER": str(whose.username),
        "PGPASSWORD": str(whose.password),
        "PGDATABASE": whose.path.strip("/"),
    }
    pg_dump = engines.postgres._programs / "bin" / "pg_dump"
    return [
        Check("tables", [sys.executable, "manage.py", "migrate", "--verbosity", "0"]),
        Check("dump", [str(pg_dump), "--inserts", f"--file={dump}"], where),
    ]


#: As it would be served to strangers.
_PRODUCTION = {
    "LOCKBOARD_PLAIN_HTTP": "false",
    "ALLOWED_HOSTS": "lockboard.example.com",
    "LOCKBOARD_ORIGIN": "https://lockboard.example.com",
}


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    adopt_orphans()
    install = "--no-install" not in arguments
    selection = [argument for argument in arguments if argument != "--no-install"]
    try:
        browser = find_chromium() or (install_chromium() if install and not selection else None)
        with _engines() as engines:
            dump = engines.folder / "tables.sql"
            os.environ.update(_environment(engines) | {"TEST_DATABASE_DUMP": str(dump)})
            spared = {engine.pid for engine in engines.started}
            first = tables(engines, dump)
            if selection:
                todo = [*first, pytest(selection, browser)]
                return next((status for check in todo if (status := _run(check, spared))), 0)
            return _run_all(checks(browser, first), browser, spared)
    except StartError as exc:
        sys.stderr.write(f"The tests cannot start. {exc}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def _run_all(todo: Sequence[Check], browser: Path | None, spared: set[int]) -> int:
    began = time.monotonic()
    failed = [check.name for check in todo if _run(check, spared)]
    if not browser:
        print(
            "No Chromium was found or could be installed: install one, or set LOCKBOARD_CHROMIUM."
        )
        failed.append("browser")
    outcome = f"FAILED: {', '.join(failed)}" if failed else "all passed"
    took = round(time.monotonic() - began)
    print(f"bin/test: {len(todo)} checks in {took} s, {outcome}", flush=True)
    return 1 if failed else 0


def _run(check: Check, spared: set[int]) -> int:
    """Run one check in the foreground, and leave nothing of it behind."""
    print(f"=== {check.name}", flush=True)
    began = time.monotonic()
    environment = {**os.environ, **check.environment}
    running = subprocess.Popen(tethered(check.command), cwd=CHECKOUT, env=environment)
    try:
        status = _wait(running)
    finally:
        _end_children(spared)
    if status:
        took = time.monotonic() - began
        print(f"=== {check.name} FAILED after {took:.1f} s", flush=True)
    return status


def _wait(running: subprocess.Popen[bytes]) -> int:
    try:
        return running.wait()
    except KeyboardInterrupt:  # the terminal told the program too: let it say what it did
        with suppress(subprocess.TimeoutExpired):
            running.wait(10)
        raise


def _end_children(spared: set[int]) -> None:
    """End all processes below us but the engines: what a test forgot, or an interruption left."""
    children = [p for p in psutil.Process().children() if p.pid not in spared]
    left = children + [below for child in children for below in child.children(recursive=True)]
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, stubborn = psutil.wait_procs(left, timeout=5)
    for process in stubborn:
        with suppress(psutil.NoSuchProcess):
            process.kill()


@contextmanager
def _engines() -> Iterator[Engines]:
    with tempfile.TemporaryDirectory(prefix="lockboard-test-") as folder:
        Path(folder).chmod(0o711)  # PostgreSQL, started by root, passes through as `nobody`
        with Engines(Path(folder) / "data", durable=False) as engines:
            yield engines


def _environment(engines: Engines) -> dict[str, str]:
    for name in list(os.environ):
        if name.startswith(_OURS) and not name.startswith(_LONGER):
            del os.environ[name]
    # Containers like to set it. We start a hundred programs: each would compile all it imports,
    # and each of pytest's workers rewrite the asserts of every test.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    return {
        "DATABASE_URL": engines.database_url,
        "REDIS_URL": engines.redis_url,
        "TEST_DATABASE_TEMPLATE": "lockboard",
        "SECRET_KEY": secrets.token_urlsafe(48),
        "FIELD_KEYS": f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
        "PIN_INDEX_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "ALLOWED_HOSTS": "127.0.0.1,localhost,testserver",
        "LOCKBOARD_ORIGIN": "http://127.0.0.1:8000",
        "LOCKBOARD_PLAIN_HTTP": "true",
    }


def find_chromium() -> Path | None:
    """Return the browser the tests drive: the one named, one on PATH, in the usual places."""
    named = os.environ.get("LOCKBOARD_CHROMIUM")
    on_path = (shutil.which(name) for name in _CHROMIUMS)
    for candidate in (named, *on_path, *_CHROMIUM_PLACES, *_playwrights_own()):
        if candidate and os.access(candidate, os.X_OK):
            return Path(candidate)
    return None


def install_chromium() -> Path | None:
    """Install one as a package where we may, otherwise where playwright keeps its own."""
    print("=== installing Chromium, for the browser tests", flush=True)
    if os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for step in (["update", "-qq"], ["install", "-y", "-qq", "chromium"]):
            subprocess.run(tethered(["apt-get", *step]), env=quiet, check=False)
    if not find_chromium():
        subprocess.run(tethered([_tool("playwright"), "install", "chromium"]), check=False)
    return find_chromium()


def _playwrights_own() -> Iterator[str]:
    usual = ("~/.cache/ms-playwright", "~/Library/Caches/ms-playwright")
    for folder in (os.environ.get("PLAYWRIGHT_BROWSERS_PATH"), *usual):
        if folder:
            found = Path(folder).expanduser().glob("chromium-*/chrome-*/*")
            yield from sorted(str(p) for p in found if p.name in ("chrome", "Chromium"))


def _tool(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _is_ours(template: Path) -> bool:
    return not any(part.startswith(".") for part in template.relative_to(CHECKOUT).parts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
