"""The preview of a grant over many doors: what the form asks for with every change.

    python -m tests.bench.preview [--doors 40] [--rounds 40]

With rows: the whole answer to one change of the form, for one door and for many, asked in turns
so that what else the machine does hits both; medians count. The planner alone: tests.bench.plan.
"""

import argparse
import statistics
import time
from importlib import import_module
from typing import Any
from uuid import uuid4

from tests.bench import inside
from tests.processes.stack import Stack


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--doors", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=40)
    asked = parser.parse_args()
    with Stack(programs=(), world=False) as stack:
        inside.join(stack)
        one, many = _Room(1), _Room(asked.doors)
        took: dict[int, list[float]] = {1: [], asked.doors: []}
        for _ in range(asked.rounds):
            took[1].append(one.preview())
            took[asked.doors].append(many.preview())
        first, last = (statistics.median(each) for each in took.values())
        print(f"one door    {first:7.1f} ms, {one.queries()} queries")
        print(
            f"{asked.doors} doors    {last:7.1f} ms, {many.queries()} queries  {last / first:.1f} ×"
        )


class _Room:
    """A room with so many keypads, and somebody at the form."""

    def __init__(self, doors: int) -> None:
        make = import_module("tests.make")
        self.workspace = make.make_workspace(name=f"{doors} doors")
        self.place = make.make_property(self.workspace)
        account = make.make_account(self.workspace, provider="keypad", dialect="")
        site = make.make_site(account, property=self.place)
        raw = {"code_lengths": [4, 5, 6], "code_slots": 10}
        for n in range(doors):
            make.make_device(site, name=f"Door {n:02}", has_keypad=True, raw=raw)
        self.client = import_module("django.test").Client()
        self.client.cookies[inside.session_cookie()] = inside.sign_in_somebody(self.workspace)
        self.given = self._given()
        self.preview()

    def _given(self) -> dict[str, Any]:
        return {
            "full_name": "Jane Doe",
            "email": "jane@example.com",
            "place": str(self.place.pk),
            "targets": [f"space:{self.place.pk}"],
            "starts": "2090-07-13T15:00",
            "ends": "2090-07-16T11:00",
            "methods": ["code"],
            "digits": "274983",
            "policy": "all",
            "key": str(uuid4()),
        }

    def preview(self) -> float:
        """Return how long the answer took, in milliseconds."""
        began = time.perf_counter()
        page = self.client.post("/grants/plan/", self.given, headers={"host": "127.0.0.1"})
        assert page.status_code == 200
        return (time.perf_counter() - began) * 1000

    def queries(self) -> int:
        connection = import_module("django.db").connection
        context = import_module("django.test.utils").CaptureQueriesContext(connection)
        with context:
            self.preview()
        return len(context.captured_queries)


if __name__ == "__main__":
    main()
