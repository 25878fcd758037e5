"""The pages of all grants of a large workspace against the same pages of a small one.

    python -m tests.bench.grants [--grants 10000] [--doors 2000] [--times 30]
    python -m tests.bench.grants --explain "active" "arrivals"

Rows are stored as the carrying of grants leaves them: a person, a target, a PIN on the lock and
a message each. The small workspace has 100 grants on 20 doors, so spread over time that its
pages are full, too, as those of the large one are. The two are asked in turns, so that what
else the machine does hits both; medians count.
"""

import argparse
import random
from datetime import timedelta
from importlib import import_module
from typing import Any
from uuid import uuid4

from tests.bench import inside, lists
from tests.processes.stack import Stack

GOAL = 2.0
SMALL_GRANTS, SMALL_DOORS = 100, 20
#: Of a hundred grants, so many arrive these two days, are active, come later; the rest is over.
LARGE_SPREAD, SMALL_SPREAD = (3, 10, 27), (28, 28, 12)
FIRST_NAMES, LAST_NAMES = lists.FIRST_NAMES, lists.LAST_NAMES


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, usual in (("grants", 10_000), ("doors", 2_000), ("times", 30)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument("--explain", nargs="*", default=[], help="pages, by their names")
    asked = parser.parse_args()
    with Stack(programs=(), world=False) as stack:
        inside.join(stack)
        large = _World("large", asked.grants, asked.doors, LARGE_SPREAD, places=4)
        small = _World("small", SMALL_GRANTS, SMALL_DOORS, SMALL_SPREAD, places=1)
        lists._analyse()
        if asked.explain:
            for name in asked.explain:
                lists._explain(large, name)  # type: ignore[arg-type]  # it only asks for lists
        else:
            _compare(large, small, times=asked.times)


class _World:
    """A workspace with guests, and somebody who looks at it."""

    def __init__(
        self, name: str, grants: int, doors: int, spread: tuple[int, int, int], *, places: int
    ) -> None:
        self.models = import_module("access.models")
        self.make = import_module("tests.make")
        self.now = import_module("django.utils.timezone").now()
        self.random, self.spread = random.Random(1), spread
        self.is_small = grants <= SMALL_GRANTS
        self.workspace = self.make.make_workspace(name=name)
        self.doors = self._make_doors(doors, places)
        self._make_grants(grants)
        client = import_module("django.test").Client()
        client.cookies[inside.session_cookie()] = inside.sign_in_somebody(self.workspace)
        self.client = client

    def _make_doors(self, number: int, places: int) -> list[Any]:
        inside.make_doors(number, workspace=self.workspace, properties=places)
        devices = import_module("locks.models").Device.objects.filter(workspace=self.workspace)
        import_module("accounts.models").ConnectedAccount.objects.update(status_polled_at=self.now)
        return list(devices.select_related("site", "account", "property"))

    def _window(self, n: int) -> Any:
        arriving, active, later = self.spread
        at, day = n % 100, timedelta(days=1)
        some = timedelta(minutes=self.random.randrange(24 * 60))
        if at < arriving:
            starts = self.now + some
        elif at < arriving + active:
            starts = self.now - day - some
        elif at < arriving + active + later:
            starts = self.now + day * self.random.randrange(3, 200) + some
        else:
            starts = self.now - day * self.random.randrange(5, 400) - some
        return starts, starts + day * 3

    def _make_grants(self, number: int) -> None:
        rows: dict[str, list[Any]] = {}
        for n in range(number):
            for name, row in self._rows_of(n).items():
                rows.setdefault(name, []).append(row)
        codes = rows.pop("code")
        order = ("identity", "grant", "target", "method", "door", "share", "delivery")
        for name in order[:4]:
            self._store(rows[name])
        self._store(codes)
        for name in order[4:]:
            self._store(rows[name])

    def _store(self, rows: list[Any]) -> None:
        type(rows[0]).objects.bulk_create(rows, batch_size=1000)

    def _name(self) -> tuple[str, str]:
        """Return a name; of few, all are found by the words that are searched for."""
        if self.is_small:
            return "Jane", "Doe"
        return self.random.choice(FIRST_NAMES), self.random.choice(LAST_NAMES)

    def _rows_of(self, n: int) -> dict[str, Any]:
        models, now, device = self.models, self.now, self.doors[n % len(self.doors)]
        starts, ends = self._window(n)
        first, last = self._name()
        is_over = ends <= now
        here = {"workspace": self.workspace, "property": device.property}
        window = {"starts_at": starts, "ends_at": ends}
        done = {"ended_at": ends if is_over else None}
        identity = models.UserIdentity(
            workspace=self.workspace,
            full_name=f"{first} {last} {n}",
            email=f"{first}.{last}.{n}@example.com".lower(),
            created_at=now,
        )
        grant = models.AccessGrant(
            **here | window,
            identity=identity,
            created_at=min(now, starts) - timedelta(days=1),
            arrived_at=starts if starts < now and n % 3 else None,
            given_up_at=ends if is_over else None,
            gone_at=ends if is_over else None,
        )
        method = models.AccessMethod(
            **here, identity=identity, mode="code", site=device.site, created_at=now
        )
        code = self._code(grant, device, is_over=is_over)
        door = models.MethodDoor(method=method, device=device, code=code, **window | done)
        return {
            "identity": identity,
            "grant": grant,
            "target": models.GrantTarget(grant=grant, position=0, device=device),
            "method": method,
            "code": code,
            "door": door,
            "share": models.DoorShare(door=door, grant=grant, **window | done),
            "delivery": models.Delivery(
                grant=grant,
                channel="email",
                language="en",
                created_at=now,
                state="sent",
                sent_at=now,
                opened_at=now if n % 2 else None,
            ),
        }

    def _code(self, grant: Any, device: Any, *, is_over: bool) -> Any:
        return import_module("locks.models").AccessCode(
            workspace=self.workspace,
            account=device.account,
            site=device.site,
            device=device,
            grant_id=grant.pk,
            name=grant.identity.full_name[:60],
            starts_at=grant.starts_at,
            ends_at=grant.ends_at,
            created_at=self.now - timedelta(days=1),
            ref=uuid4().hex[:8],
            phase="removed" if is_over else "on_lock",
            status="unset" if is_over else "set",
            effective_evidence="listing",
            removed_at=grant.ends_at if is_over else None,
        )

    # --- its pages ---

    def lists(self) -> dict[str, str]:
        """Return every page, and where it is."""
        place = self.doors[0].property_id
        # One door of many has as many stays as all doors of few.
        door = "room" if self.is_small else self.doors[5].name.replace(" ", "+")
        home = "/grants/"
        return {
            "upcoming": f"{home}?tab=upcoming",
            "active": home,
            "arrived": f"{home}?state=arrived",
            "ended": f"{home}?tab=ended",
            "no-shows": f"{home}?tab=ended&state=no_show",
            "cancelled: none": f"{home}?tab=ended&state=cancelled",
            "lingering: none": f"{home}?tab=ended&state=lingering",
            "active, a property": f"{home}?property={place}",
            "ended, a property": f"{home}?tab=ended&property={place}",
            "active, a common word": f"{home}?q=ja",
            "ended, two words": f"{home}?tab=ended&q=ja+do",
            "active, a door": f"{home}?q={door}",
            "active, nobody": f"{home}?q=zzz",
            "calendar": f"{home}calendar/?property={place}",
            "arrivals": f"{home}arrivals/",
            "arrivals, a property": f"{home}arrivals/?property={place}",
        }

    def get(self, url: str) -> Any:
        answer = self.client.get(url, headers={"host": "127.0.0.1"})
        assert answer.status_code == 200, (url, answer.content)
        return answer


def _compare(large: _World, small: _World, *, times: int) -> None:
    print(f"{'ms: large, small':37} rows shown")
    ratios = {}
    for name in large.lists():
        pair = [(each, each.lists()[name]) for each in (large, small)]
        took = lists._in_turns(pair, times)  # type: ignore[arg-type]  # they only ask for pages
        shown = "/".join(str(_shown(each, url)) for each, url in pair)
        ratios[name] = took[0] / took[1]
        print(f"{name:22} {took[0]:6.1f} {took[1]:6.1f}   {ratios[name]:4.2f} ×   {shown}")
    worst = max(ratios, key=lambda name: ratios[name])
    over = sum(ratio > GOAL for ratio in ratios.values())
    print(f"worst: {worst}, {ratios[worst]:.2f} × (goal {GOAL} ×); {over} of {len(ratios)} over it")


def _shown(world: _World, url: str) -> int:
    html = world.get(url).content
    return int(html.count(b"data-row=") or html.count(b"is-stay"))


if __name__ == "__main__":
    main()
