"""1,000 doors in 20 accounts, polled at the defaults: CPU of all our processes.

python -m tests.bench.polling
"""

import os
import time
from importlib import import_module

import psutil

from config.starting import free_port
from tests.bench import inside
from tests.processes.stack import ALL, Stack

ACCOUNTS, DOORS = 20, 50
SECONDS = 60


def main() -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with Stack(programs=(), world=False, environment={"LOCKBOARD_SANDBOX_URL": url}) as stack:
        inside.start_provider(stack, port, sites=ACCOUNTS, doors=DOORS)
        inside.join(stack)
        inside.connect_accounts(ACCOUNTS)
        models, doors = import_module("accounts.models"), import_module("locks.models")
        assert doors.Device.objects.count() == ACCOUNTS * DOORS
        stack.start(*ALL)
        time.sleep(10)  # the first polls are over
        began, before = time.monotonic(), _seconds(stack)
        time.sleep(SECONDS)
        took, after = time.monotonic() - began, _seconds(stack)
        accounts = models.ConnectedAccount.objects.values_list("status_polled_at", "state")
        assert all(polled and state == "connected" for polled, state in accounts)
    shares = {name: (after[name] - before[name]) / took for name in after}
    for name, share in shares.items():
        print(f"{name:10} {share:6.1%} of a core")
    print(f"{'together':10} {sum(shares.values()):6.1%}")


def _seconds(stack: Stack) -> dict[str, float]:
    """Return the CPU seconds that each of our programs and engines has used."""
    roots = {name: stack.programs[name].pid for name in ALL}
    roots |= {engine.program: engine.pid for engine in stack.engines.started}
    return {name: _tree_seconds(psutil.Process(pid)) for name, pid in roots.items()}


def _tree_seconds(root: psutil.Process) -> float:
    """Count children that have ended too: PostgreSQL's come and go."""
    total = 0.0
    for process in (root, *root.children(recursive=True)):
        times = process.cpu_times()
        total += times.user + times.system
    return total + root.cpu_times().children_user + root.cpu_times().children_system


if __name__ == "__main__":
    os.environ.setdefault("LOCKBOARD_LOG_LEVEL", "ERROR")
    main()
