"""For benchmarks that look from inside: this process becomes one of the stack's.

`join(stack)` sets Django up with the stack's environment; what needs models is imported there.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import django

from config.starting import LOOPBACK, answers
from tests.processes.stack import Stack, until


def join(stack: Stack) -> None:
    os.environ.update(stack.environment)
    django.setup()
    prepare = import_module("config.prepare")
    prepare._migrate()
    prepare._collect_static()


def make_doors(number: int, *, workspace: Any = None, properties: int = 4, floors: int = 5) -> Any:
    """Store that many doors, as they are on an ordinary day. Return their workspace."""
    make, models = import_module("tests.make"), import_module("locks.models")
    places = import_module("accounts.models")
    workspace = workspace or make.make_workspace(name=f"{number} doors")
    for p in range(properties if number else 0):
        place = make.make_property(workspace, name=f"House {p + 1}")
        site = make.make_site(make.make_account(workspace, name=f"Account {p + 1}"), property=place)
        levels = [
            places.Space.objects.create(
                workspace=workspace, parent=place, property=place, kind="floor", name=f"Floor {f}"
            )
            for f in range(floors)
        ]
        models.Device.objects.bulk_create(
            _door(models.Device, site, levels, n) for n in range(number // properties)
        )
    return workspace


def _door(kind: Any, site: Any, levels: Sequence[Any], n: int) -> Any:
    now = import_module("django.utils.timezone").now()
    level = levels[n % len(levels)]
    return kind(
        workspace_id=site.account.workspace_id,
        account=site.account,
        site=site,
        property=site.property,
        space=level,
        remote_id=f"lock-{site.pk}-{n}",
        name=f"Room {n % len(levels)}{n // len(levels):02}",
        state="unknown" if n % 50 == 7 else "locked",
        state_at=now,
        state_evidence="poll",
        is_online=n % 50 != 7,
        online_since=now,
        battery_percent=12 if n % 40 == 3 else 90,
        battery_at=now,
    )


def sign_in_somebody(workspace: Any, role: str = "manager") -> str:
    """Return the session key of somebody new."""
    make, world = import_module("tests.make"), import_module("tests.processes.world")
    return str(world.sign_in(make.make_user(role, workspace=workspace)))


def milliseconds(act: Callable[[], Any], *, times: int = 40) -> float:
    """Return the median of how long it takes, once it is warm."""
    for _ in range(3):
        act()
    took = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def percentile(values: Sequence[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def start_provider(stack: Stack, port: int, *, sites: int, doors: int) -> None:
    """Start the cheap provider on a port; the stack's programs know it as their sandbox."""
    sizes = (str(port), str(sites), str(doors))
    program = stack.add("provider", [sys.executable, "-m", "tests.bench.provider", *sizes])
    program.start()
    until(lambda: answers(LOOPBACK, port, "/log"))


def connect_accounts(number: int) -> Any:
    """Connect that many accounts of the cheap provider, one site each. Return the workspace."""
    world = import_module("tests.processes.world")
    workspace = import_module("tests.make").make_workspace(name=f"{number} accounts")
    for n in range(number):
        world._connect(world._account(workspace, f"{n}@example.com"))
    return workspace


def session_cookie() -> str:
    return str(import_module("django.conf").settings.SESSION_COOKIE_NAME)
