"""A large access control system: calls of the first sync against the fewest possible, and time.

    python -m tests.bench.systems [--users 10000] [--groups 500] [--entrances 2000]

The rows, the passes and the driver are real, in this process; the provider is the sandbox's
Salto Space, grown. Requests are counted where it gets them. `--pace` lifts our own limit of
requests a second, to see what the machine does by itself.
"""

import argparse
import math
import resource
import time
from collections import Counter
from importlib import import_module
from typing import Any

from tests.bench import inside
from tests.processes.stack import Stack

KEY = "seam_test1_sandboxdemokey"
#: The driver's page sizes (accounts/providers/seam/systems.py).
PAGE, ENTRANCE_PAGE = 500, 900
GOAL = 1.1


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, usual in (("users", 10_000), ("groups", 500), ("entrances", 2_000)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument("--pace", type=float, default=0, help="requests a second; 0: as usual")
    asked = parser.parse_args()
    more = {"LOCKBOARD_PROVIDER_REQUESTS_PER_SECOND": str(asked.pace)} if asked.pace else {}
    with Stack(programs=(), environment=more) as stack:
        inside.join(stack)
        _Bench(stack, asked).run()


class _Bench:
    def __init__(self, stack: Stack, asked: Any) -> None:
        self.stack, self.asked = stack, asked
        self.syncing: Any = import_module("access.syncing")
        self.models: Any = import_module("access.models")
        self.now: Any = import_module("django.utils.timezone").now
        import_module("access.syncing.passing").live.send = lambda *_, **__: True

    def run(self) -> None:
        self._grow()
        account = self._connect()
        self._first(account)
        self._quiet(account)

    def _grow(self) -> None:
        (system,) = (
            each for each in self.stack.sandbox.ask("GET", "/systems") if "Annex" in each["name"]
        )
        began, asked = time.monotonic(), self.asked
        # In shares: one request for all of it may outlast its time.
        for _ in range(10):
            grow = {"users": asked.users // 10, "groups": asked.groups // 10}
            grow |= {"doors": asked.entrances // 10}
            self.stack.sandbox.ask("POST", f"/systems/{system['id']}", {"grow": grow})
        print(f"grown in {time.monotonic() - began:.0f} s")

    def _connect(self) -> Any:
        import_module("tests.processes.systems").connect()
        return import_module("accounts.models").ConnectedAccount.objects.get(provider="seam")

    def _first(self, account: Any) -> None:
        after, began, used = self._newest(), time.monotonic(), _cpu()
        passes = 0
        while not self._is_read(account):
            self.syncing.run(account.pk)
            passes += 1
        took, cpu = time.monotonic() - began, _cpu() - used
        calls = self._calls(after)
        fewest = self._fewest()
        print(f"first sync: {sum(calls.values())} calls, fewest possible {fewest}")
        print(f"ratio {sum(calls.values()) / fewest:.3f} (goal {GOAL})")
        print(f"{took:.0f} s in {passes} passes, {cpu:.1f} s of CPU here")
        print(f"calls by path: {dict(calls.most_common())}")
        models = self.models
        for model in (models.AcsUser, models.AcsCredential, models.AcsAccessGroup):
            print(f"{model.__name__}: {model.objects.count()}")
        print(f"memberships: {models.AcsMembership.objects.count()}")

    def _is_read(self, account: Any) -> bool:
        watch = self.models.SystemsWatch.objects.filter(account=account).first()
        unread = self.models.AcsAccessGroup.objects.filter(read_at=None, removed_at=None)
        return bool(watch and watch.listed_at) and not unread.exists()

    def _fewest(self) -> int:
        models = self.models
        pages = 1  # the systems
        for system in models.AcsSystem.objects.all():
            pages += 1  # its groups come in one answer
            pages += _pages(system.users.count(), PAGE)
            pages += _pages(system.credentials.count(), PAGE)
            pages += _pages(system.encoders.count(), PAGE)
            pages += _pages(system.entrances.count(), ENTRANCE_PAGE)
            pages += 2 * system.groups.count()
        return pages

    def _quiet(self, account: Any) -> None:
        """One listing more, with nothing new in it."""
        rows = self.models.SystemsWatch.objects.filter(account=account)
        seconds = rows.get().listing_seconds
        rows.update(next_listing_at=self.now())
        after, began, used = self._newest(), time.monotonic(), _cpu()
        self.syncing.run(account.pk)
        calls = self._calls(after)
        took, cpu = time.monotonic() - began, _cpu() - used
        print(f"quiet pass: {sum(calls.values())} calls, {took:.1f} s, {cpu:.1f} s of CPU here")
        print(f"the next one {max(60, seconds * 10):.0f} s later")
        print(f"largest memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")

    # --- what the provider got ---

    def _newest(self) -> int:
        found = self.stack.sandbox.ask("GET", "/requests")
        return max((each["n"] for each in found), default=0)

    def _calls(self, after: int) -> Counter[str]:
        found = self.stack.sandbox.ask("GET", "/requests", after=after)
        return Counter(each["path"] for each in found)


def _pages(rows: int, size: int) -> int:
    return max(1, math.ceil(rows / size))


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
