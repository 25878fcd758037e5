"""Access codes: how near the reconciler comes to a provider's own limit, and how fast it removes.

    python -m tests.bench.codes [--accounts 2] [--doors 10] [--codes 100] [--rate 5]

The rows and the reconciler are real, in one process with a thread per account; the provider is
in memory, answers after 50 ms and is asked at most `rate` times a second per account. The
issue's figures: --accounts 10 --doors 50 --codes 500 (codes and doors are per account).
"""

import argparse
import random
import resource
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from importlib import import_module
from typing import Any

from tests.bench import inside
from tests.processes.stack import Stack

ANSWER_SECONDS = 0.05
STEPS_OF_A_CODE, STEPS_OF_A_DOOR = 4, 3


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, usual in (("accounts", 2), ("doors", 10), ("codes", 100), ("rate", 5)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument("--steady", type=int, default=65, help="seconds of the steady state")
    parser.add_argument("--outage", type=int, default=60, help="seconds the provider is away")
    asked = parser.parse_args()
    with Stack(programs=(), world=False) as stack:
        inside.join(stack)
        Bench(asked).run()


class Bench:
    def __init__(self, asked: Any) -> None:
        self.asked = asked
        self.reconciling: Any = import_module("locks.codes.reconciling")
        self.models: Any = import_module("locks.models")
        self.accounts: Any = import_module("accounts.models")
        self.now: Callable[[], Any] = import_module("django.utils.timezone").now
        self.drivers: dict[Any, Any] = {}
        self.stop = threading.Event()

    def run(self) -> None:
        self.make_doors()
        self.let_go()
        workers = [threading.Thread(target=self.work, args=(pk,)) for pk in self.drivers]
        codes = self._wish(self.asked.codes)
        for worker in workers:
            worker.start()
        try:
            self._measure_setting(codes)
            self._measure_steady()
            self._measure_removing()
            self._measure_outage()
        finally:
            self.stop.set()
            for worker in workers:
                worker.join()

    def let_go(self) -> None:
        """Have the reconciler ask the providers of this bench, as fast as these allow."""
        self.reconciling.driver_for = lambda account, **_: self.drivers[account.pk]
        self.reconciling.CALLS_PER_SECOND = 1e6  # the provider here holds us back by itself
        self.reconciling.live.send = lambda *args, **kwargs: True

    def make_doors(self) -> None:
        make, codes = import_module("tests.make"), import_module("tests.locks.codes.conftest")
        clouds = import_module("tests.locks.codes.sim.clouds")
        workspace = make.make_workspace()
        for n in range(self.asked.accounts):
            account = make.make_account(
                workspace, name=f"Account {n}", status_polled_at=self.now() + timedelta(days=1)
            )
            site = make.make_site(account)
            for d in range(self.asked.doors):
                make.make_device(site, name=f"Door {d}", has_keypad=True)
            cloud = clouds.SaltoCloud(random.Random(n), clouds.Faults(), seats=10**6)
            driver = codes.CodesDriver(cloud)
            pace = _Pace(self.asked.rate)
            for name in ("take_step", "remove_code", "list_codes"):
                setattr(driver, name, _slow(getattr(driver, name), pace))
            self.drivers[account.pk] = driver

    def _wish(self, count: int) -> list[Any]:
        pins = import_module("locks.codes.pins")
        wishes = []
        for account in self.accounts.ConnectedAccount.objects.all():
            doors = list(self.models.Device.objects.filter(account=account).select_related("site"))
            wishes += [
                self.models.AccessCode(
                    workspace_id=account.workspace_id, account=account, site=door.site,
                    device=door, created_at=self.now(), name=f"Guest {n}", ref=pins.new_ref(),
                    next_run_at=self.now(),
                )
                for n in range(count)
                for door in [doors[n % len(doors)]]
            ]  # fmt: skip
        return list(self.models.AccessCode.objects.bulk_create(wishes))

    def work(self, account_id: Any) -> None:
        """Do passes whenever the account is due, as beat and a worker do."""
        rows = self.accounts.ConnectedAccount.objects.filter(pk=account_id)
        while not self.stop.is_set():
            due = rows.values_list("next_codes_at", flat=True)[0]
            if due is None or due <= self.now():
                self.reconciling.run(account_id)
            else:
                self.stop.wait(1.0)
        import_module("django.db").connection.close()

    def calls(self) -> int:
        return sum(len(d.steps) + len(d.removed) for d in self.drivers.values())

    def _listings(self) -> int:
        return sum(driver.listings for driver in self.drivers.values())

    # --- figures ---

    def _measure_setting(self, codes: Sequence[Any]) -> None:
        began = time.monotonic()
        self.until(lambda: not self.count(phase__in=["waiting", "setting", "ambiguous"]))
        took = time.monotonic() - began
        asked = self.asked
        needed = asked.codes * STEPS_OF_A_CODE + asked.doors * STEPS_OF_A_DOOR
        ideal = needed / asked.rate
        print(f"{len(codes)} codes accepted in {took:.0f} s; a perfect client needs {ideal:.0f} s")
        print(f"ratio {took / ideal:.2f} (goal 1.15)")
        print(f"calls per code {self.calls() / len(codes):.2f}, listings {self._listings()}")

    def _measure_steady(self) -> None:
        self.models.AccessCode.objects.update(
            phase="on_lock", status="set", next_run_at=None, accepted_at=self.now()
        )
        listings, used, began = self._listings(), _cpu(), time.monotonic()
        time.sleep(self.asked.steady)
        minutes = (time.monotonic() - began) / 60
        share = (_cpu() - used) / (minutes * 60)
        per_minute = (self._listings() - listings) / minutes / self.asked.accounts
        print(f"steady: {per_minute:.2f} listings per account and minute, {share:.1%} of a core")

    def _measure_removing(self) -> None:
        """Let codes end while each account is busy making others."""
        busy = self._wish(self.asked.codes)
        self.accounts.ConnectedAccount.objects.update(next_codes_at=self.now())
        time.sleep(3)
        ending = list(self.models.AccessCode.objects.filter(phase="on_lock")[:20])
        late: list[float] = []
        for code in ending:
            driver = self.drivers[code.account_id]
            ends_at = self.now()
            self.models.AccessCode.objects.filter(pk=code.pk).update(
                revoked_at=ends_at, generation=2, next_run_at=ends_at
            )
            began = time.monotonic()
            self.until(lambda d=driver, c=code: c.remote_id in d.removed, every=0.02)
            late.append(time.monotonic() - began)
        print(
            f"removed while {len(busy)} are being made: median {statistics.median(late):.2f} s, "
            f"worst {max(late):.2f} s (goal 5 s)"
        )

    def _measure_outage(self) -> None:
        """Let codes end while the provider is away, and see how soon after its return they go."""
        clouds = [driver.cloud for driver in self.drivers.values()]
        for cloud in clouds:
            cloud.faults.down = [(-1.0, 1.0)]  # these clouds' own clock stands at 0
        ending = list(self.models.AccessCode.objects.filter(phase="on_lock")[:20])
        now = self.now()
        self.models.AccessCode.objects.filter(pk__in=[code.pk for code in ending]).update(
            revoked_at=now, generation=2, next_run_at=now
        )
        time.sleep(self.asked.outage)
        for cloud in clouds:
            cloud.faults.down = []
        back = time.monotonic()
        gone = {code.remote_id for code in ending}
        self.until(
            lambda: not any(copy.remote_id in gone for c in clouds for copy in c.alive), every=0.1
        )
        print(
            f"{len(gone)} codes that ended during an outage of {self.asked.outage} s are gone "
            f"{time.monotonic() - back:.0f} s after it (goal 60 s)"
        )

    def count(self, **which: Any) -> int:
        return int(self.models.AccessCode.objects.filter(**which).count())

    def until(self, true: Callable[[], bool], *, every: float = 0.5) -> None:
        while not true():
            time.sleep(every)


class _Pace:
    """So many calls a second, one after the other; the account's own limit."""

    def __init__(self, rate: float) -> None:
        self._apart, self._next = 1 / rate, 0.0

    def wait(self) -> None:
        now = time.monotonic()
        time.sleep(max(0.0, self._next - now))
        self._next = max(now, self._next) + self._apart


def _slow(call: Callable[..., Any], pace: _Pace) -> Callable[..., Any]:
    def slowly(*args: Any, **kwargs: Any) -> Any:
        pace.wait()
        time.sleep(ANSWER_SECONDS)
        return call(*args, **kwargs)

    return slowly


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
