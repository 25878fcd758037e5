"""Bring database, static files and demo up to date: `python -m config.prepare`.

One process for several of Django's commands, because loading Django takes longer than all
of them. Writes one line when the programs may start, and goes on with the demo.
"""

import hashlib
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import django
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections
from django.db.migrations.executor import MigrationExecutor

from config.starting import PREPARED, answers, wait_until

_SANDBOX_SECONDS = 30


def main() -> None:
    django.setup()
    try:
        _migrate()
    except OperationalError as exc:
        sys.exit(f"The database cannot be used: {str(exc).strip()}")
    _collect_static()
    sys.stdout.write(f"{PREPARED}\n")
    sys.stdout.flush()
    _wait_for_the_sandbox()
    call_command("load_demo")


def _migrate() -> None:
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", interactive=False, verbosity=0)


def _collect_static() -> None:
    """Collect the static files, unless nothing about them has changed."""
    root = Path(settings.STATIC_ROOT)
    stamp = root.with_name(f"{root.name}.stamp")
    state = _state_of_static()
    if not stamp.exists() or stamp.read_text() != state:
        call_command("collectstatic", interactive=False, clear=True, verbosity=0)
        stamp.write_text(state)


def _state_of_static() -> str:
    state = hashlib.sha256(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for finder in get_finders():
        for path, storage in finder.list(ignore_patterns=None):
            status = Path(storage.path(path)).stat()
            state.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return state.hexdigest()


def _wait_for_the_sandbox() -> None:
    where = urlsplit(os.environ["LOCKBOARD_SANDBOX_URL"])
    host, port = where.hostname or "", where.port or 80
    if not wait_until(lambda: answers(host, port, "/healthz"), seconds=_SANDBOX_SECONDS):
        sys.exit(f"The sandbox does not answer at {where.geturl()}.")


if __name__ == "__main__":
    main()
