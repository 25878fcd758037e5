"""How many provider calls 1,000 grants cost, against the fewest that could do.

    python -m tests.bench.grant_calls [--grants 1000] [--accounts 5] [--doors 20]

Grants are made as the form makes them, each for one Salto KS door; rows and reconciler are
real, the provider is in memory and refuses nothing. The fewest calls are the steps of a code
and the set-up of each door. Listings are counted, too: in an hour there are sixty an account
anyway, which is what is added for the hour that this takes in minutes.
"""

import argparse
import threading
import time
from datetime import timedelta
from importlib import import_module
from typing import Any

from tests.bench import inside
from tests.bench.codes import STEPS_OF_A_CODE, STEPS_OF_A_DOOR, Bench
from tests.processes.stack import Stack


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, usual in (("grants", 1000), ("accounts", 5), ("doors", 20), ("rate", 50)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    asked = parser.parse_args()
    with Stack(programs=(), world=False) as stack:
        inside.join(stack)
        _Calls(asked).run()


class _Calls(Bench):
    def run(self) -> None:
        self.make_doors()
        self.let_go()
        workers = [threading.Thread(target=self.work, args=(pk,)) for pk in self.drivers]
        for worker in workers:
            worker.start()
        try:
            self._measure()
        finally:
            self.stop.set()
            for worker in workers:
                worker.join()

    def _measure(self) -> None:
        began = time.monotonic()
        self._let_in(self.asked.grants)
        made = time.monotonic() - began
        states = ["waiting", "setting", "ambiguous"]
        self.until(lambda: not self.count(phase__in=states))
        took = time.monotonic() - began
        doors = self.asked.accounts * self.asked.doors
        fewest = self.asked.grants * STEPS_OF_A_CODE + doors * STEPS_OF_A_DOOR
        hourly = 60 * self.asked.accounts
        calls = self.calls()
        print(f"{self.asked.grants} grants stored in {made:.0f} s, on their way in {took:.0f} s")
        print(f"{calls} calls, the fewest are {fewest}: {calls / fewest:.2f} ×")
        ratio = (calls + hourly) / (fewest + hourly)
        with_listings = (calls + hourly) / fewest
        print(f"with an hour's {hourly} listings: {with_listings:.2f} × (goal 1.15), {ratio:.2f} ×")

    def _let_in(self, count: int) -> None:
        services: Any = import_module("access.grants.services")
        asking: Any = import_module("access.grants.asking")
        planning: Any = import_module("access.planning.asked")
        mode = import_module("accounts.providers.systems").AccessMethod.CODE
        new_id = import_module("audit.ids").new_id
        doors = list(self.models.Device.objects.select_related("property"))
        now = self.now()
        for n in range(count):
            door = doors[n % len(doors)]
            wish = asking.Asked(
                property=door.property,
                guest=asking.Guest(full_name=f"Guest {n}", email=f"guest{n}@example.com"),
                targets=(asking.Target(asking.TargetKind.DEVICE, door.pk),),
                starts_at=now,
                ends_at=now + timedelta(days=2),
                requests=(planning.Request(mode=mode),),
            )
            services.create(wish, pk=new_id(), outline=None, by=asking.Ours(), at=now)


if __name__ == "__main__":
    main()
