"""Every list of a large access control system against the same list of a small one.

    python -m tests.bench.lists [--users 10000] [--groups 500] [--entrances 2000] [--times 30]
    python -m tests.bench.lists --explain "without a card" "in trouble"

Rows are stored as syncing leaves them, and analysed as autovacuum does it. The small system has
30 people, groups and entrances, so that its lists fill a page of 25 as well and go on on the
next; everybody in it is of every kind that a list can be narrowed to. The tiny one has 10. The
three are asked in turns, so that what else the machine does hits all of them; medians count.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any
from uuid import uuid4

from tests.bench import inside
from tests.processes.stack import Stack

GOAL = 2.0
TINY, SMALL = 10, 30
FIRST_NAMES = [
    "Jane",
    "John",
    "Anna",
    "Ben",
    "Carla",
    "Dora",
    "Emil",
    "Fay",
    "Gus",
    "Hana",
    "Ida",
    "Jon",
    "Kim",
    "Lea",
    "Mia",
    "Noa",
    "Oli",
    "Pia",
]
LAST_NAMES = [
    "Doe",
    "Smith",
    "Meyer",
    "Rossi",
    "Novak",
    "Dubois",
    "Silva",
    "Larsen",
    "Kaya",
    "Ito",
    "Khan",
    "Nagy",
    "Popov",
    "Weir",
]
#: Of so many people in a large system, one is like that.
ONE_IN = {"arriving": 40, "suspended": 20, "pending": 100, "trouble": 200, "without": 3}


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, usual in (("users", 10_000), ("groups", 500), ("entrances", 2_000), ("times", 30)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument("--explain", nargs="*", default=[], help="lists, by their names")
    asked = parser.parse_args()
    with Stack(programs=(), world=False) as stack:
        inside.join(stack)
        large = _System("large", asked.users, asked.groups, asked.entrances)
        small = _System("small", SMALL, SMALL, SMALL, is_all_kinds=True)
        tiny = _System("tiny", TINY, TINY, TINY, is_all_kinds=True)
        _analyse()
        if asked.explain:
            for name in asked.explain:
                _explain(large, name)
        else:
            _compare(large, small, tiny, times=asked.times)


# --- what is there --------------------------------------------------------------------


class _System:
    """A system of a workspace of its own, and somebody who looks at it."""

    def __init__(
        self, name: str, users: int, groups: int, doors: int, *, is_all_kinds: bool = False
    ) -> None:
        make, self.models = import_module("tests.make"), import_module("access.models")
        self.now = import_module("django.utils.timezone").now()
        self.random, self.is_all_kinds = random.Random(1), is_all_kinds
        account = make.make_account(make.make_workspace(name=name), provider="seam")
        self.row = make.make_system(account, name=f"SIMULATED {name}")
        self._store("AcsEncoder", 5, lambda n: {"name": f"Desk {n}"})
        self.doors = self._store("AcsEntrance", doors, lambda n: {"name": f"Room {n:05}"})
        self.groups = self._store("AcsAccessGroup", groups, lambda n: {"name": f"Floor {n:04}"})
        self.people = self._store("AcsUser", users, self._person)
        self._connect()
        self._give_cards()
        self.client = import_module("django.test").Client()
        self.client.cookies[inside.session_cookie()] = inside.sign_in_somebody(account.workspace)

    def _store(self, model: str, number: int, columns: Callable[[int], dict[str, Any]]) -> Any:
        kind = getattr(self.models, model)
        return kind.objects.bulk_create(
            [kind(system=self.row, remote_id=str(uuid4()), **columns(n)) for n in range(number)],
            batch_size=1000,
        )

    def _is(self, kind: str) -> bool:
        return self.is_all_kinds or self.random.randrange(ONE_IN[kind]) == 0

    def _name(self) -> tuple[str, str]:
        if self.is_all_kinds:
            return "Jane", "Doe"
        return self.random.choice(FIRST_NAMES), self.random.choice(LAST_NAMES)

    def _person(self, n: int) -> dict[str, Any]:
        first, last = self._name()
        begins = self.now if self._is("arriving") else self.now - timedelta(days=n % 300 + 2)
        is_in_trouble = self._is("trouble")
        return {
            "full_name": f"{first} {last} {n}",
            "email": f"{first}.{last}.{n}@example.com".lower(),
            "phone": f"+336{n:08}",
            "external_number": str(70_000 + n),
            "phase": "live",
            "created_at": self.now,
            "seen_at": self.now,
            "starts_at": begins,
            "ends_at": begins + timedelta(days=400),
            "is_suspended": self._is("suspended"),
            "pending": ["information"] if self._is("pending") else [],
            "error_code": "refused" if is_in_trouble else "",
            "error": "Salto Space refused it." if is_in_trouble else "",
        }

    def _connect(self) -> None:
        """Put people in two groups each, all of the small ones in one; groups open seven doors."""
        opens = self.models.AcsAccessGroup.entrances.through
        opens.objects.bulk_create(
            opens(acsaccessgroup_id=group.pk, acsentrance_id=door.pk)
            for group in self.groups
            for door in self.random.sample(self.doors, 7)
        )
        member = self.models.AcsMembership
        member.objects.bulk_create(
            (
                member(user=user, group=group, is_seen=True)
                for user in self.people
                for group in self._two_groups()
            ),
            batch_size=2000,
        )

    def _two_groups(self) -> list[Any]:
        if self.is_all_kinds:
            return [self.groups[0], self.random.choice(self.groups[1:])]
        return self.random.sample(self.groups, 2)

    def _give_cards(self) -> None:
        """Give everybody a card; who is to be without one has lost it."""
        lost = [self._is("without") for _ in self.people]
        cards = [self._card(n, user=user, is_lost=lost[n]) for n, user in enumerate(self.people)]
        cards += [self._card(n, card_state="suspect") for n in range(SMALL)]
        self.models.AcsCredential.objects.bulk_create(cards, batch_size=1000)

    def _card(self, n: int, *, is_lost: bool = False, **columns: Any) -> Any:
        old = [{"code": "needs_to_be_reissued", "message": ""}]
        return self.models.AcsCredential(
            system=self.row,
            remote_id=str(uuid4()),
            access_method="card",
            phase="live",
            is_issued=True,
            issued_at=self.now,
            created_at=self.now - timedelta(minutes=n),
            card_number=f"04{n:012X}",
            warnings=old if self.is_all_kinds or n % 50 == 0 else [],
            **{"card_state": "lost" if is_lost else "in_use"} | columns,
        )

    # --- its lists ---

    def lists(self) -> dict[str, str]:
        """Return every list, and where it is."""
        home = self.row.get_absolute_url()
        lists = {
            "systems": "/access/",
            "people": home,
            "arriving": f"{home}?show=arriving",
            "without a card": f"{home}?show=without",
            "suspended": f"{home}?show=suspended",
            "being changed": f"{home}?show=pending",
            "in trouble": f"{home}?show=trouble",
            "people, a common word": f"{home}?q=ja",
            "people, two words": f"{home}?q=jan+do",
            "people, an e-mail": f"{home}?q={self.people[-1].email}",
            "people, a number": f"{home}?q={self.people[-1].external_number}",
            "people, everybody": f"{home}?q=e",
            "people, nobody": f"{home}?q=zzz",
            "without a card, a word": f"{home}?show=without&q=ja",
            "groups, a word": f"{home}groups/?q=floor",
            "groups, none": f"{home}groups/?q=zzz",
            "entrances, a word": f"{home}entrances/?q=room",
            "entrances, none": f"{home}entrances/?q=zzz",
            "encoders": f"{home}encoders/",
            "people of a group": self.groups[0].get_absolute_url(),
            "people of a door": self._some_door().get_absolute_url(),
        }
        for name in ("groups", "entrances"):
            lists[name] = f"{home}{name}/"
            lists[f"{name}, middle"] = f"{home}{name}/?after={self._middle(name).pk}"
        for name in ("", *import_module("access.places.credentials").SHOW):
            lists[f"credentials {name}".strip()] = f"{home}credentials/?show={name}"
        for show in ("", "without", "arriving"):
            middle = self._middle("people")
            lists[f"people {show}, middle".replace(" ,", ",")] = (
                f"{home}?show={show}&after={middle.pk}"
            )
        lists["credentials, middle"] = f"{home}credentials/?before={self._middle_card()}"
        return dict(sorted(lists.items()))

    def _some_door(self) -> Any:
        return self.groups[0].entrances.first()

    def _middle(self, name: str) -> Any:
        """Return after whom a page of 25 from the middle begins; of few, what fills it best."""
        named = "full_name" if name == "people" else "name"
        rows = sorted(
            getattr(self, name if name != "entrances" else "doors"),
            key=lambda row: getattr(row, named).lower(),
        )
        return rows[min(len(rows) // 2, max(0, len(rows) - 26))]

    def _middle_card(self) -> str:
        cards = self.row.credentials.order_by("-created_at", "id")
        card = cards[min(cards.count() // 2, max(0, cards.count() - 26))]
        return f"{card.created_at.isoformat().replace('+', '%2B')}_{card.pk}"

    def get(self, url: str) -> Any:
        answer = self.client.get(url, headers={"host": "127.0.0.1"})
        assert answer.status_code == 200, (url, answer.content)
        return answer


def _analyse() -> None:
    with import_module("django.db").connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


# --- measuring ------------------------------------------------------------------------


def _compare(large: _System, small: _System, tiny: _System, *, times: int) -> None:
    print(f"{'ms: large, small, tiny':41} against {SMALL} and {TINY} rows; rows shown")
    ratios = {}
    for name in large.lists():
        took = _in_turns([(each, each.lists()[name]) for each in (large, small, tiny)], times)
        shown = "/".join(str(_shown(each, each.lists()[name])) for each in (large, small, tiny))
        ratios[name] = took[0] / took[1]
        told = " ".join(f"{each:5.1f}" for each in took)
        print(f"{name:23} {told}   {ratios[name]:4.2f} × {took[0] / took[2]:4.2f} ×   {shown}")
    worst = max(ratios, key=lambda name: ratios[name])
    over = sum(ratio > GOAL for ratio in ratios.values())
    print(f"worst: {worst}, {ratios[worst]:.2f} × (goal {GOAL} ×); {over} of {len(ratios)} over it")


def _in_turns(asked: list[tuple[_System, str]], times: int) -> list[float]:
    """Return the median of each, in milliseconds."""
    took: list[list[float]] = [[] for _ in asked]
    for turn in range(times + 3):
        for n, (system, url) in enumerate(asked):
            began = time.perf_counter()
            system.get(url)
            if turn >= 3:  # warm
                took[n].append((time.perf_counter() - began) * 1000)
    return [statistics.median(each) for each in took]


def _shown(system: _System, url: str) -> int:
    return int(system.get(url).content.count(b"data-row="))


def _explain(system: _System, name: str) -> None:
    print(f"=== {name}")
    connection = import_module("django.db").connection
    capture = import_module("django.test.utils").CaptureQueriesContext
    url = system.lists()[name]
    for _ in range(10):  # by then PostgreSQL has a plan for all of its kind
        system.get(url)
    with capture(connection) as seen:
        system.get(url)
    for query in seen:
        print(f"--- {float(query['time']) * 1000:.1f} ms: {query['sql'][:1500]}")
        if query["sql"].startswith("SELECT") and '"access_' in query["sql"]:
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {query['sql']}")
                print("\n".join(row[0] for row in cursor.fetchall()))


if __name__ == "__main__":
    main()
