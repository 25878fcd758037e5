"""Many clicks, a provider that fails, programs that die, and a judge who asks the provider.

The harness knows nothing of how doors are opened: it drives a `Subject`. One is Lockboard, one
is a naive task queue; what catches the second must let the first pass.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from tests.processes.stack import Door, Sandbox

#: What the provider does to a command, and how often in a hundred.
FAULTS: list[tuple[int, dict[str, Any]]] = [
    (10, {"effect": "drop_after"}),
    (6, {"effect": "drop_before", "reset": True}),
    (6, {"effect": "status", "status": 500}),
    (4, {"effect": "status", "status": 500, "act": True}),
    (4, {"effect": "status", "status": 429, "retry_after": 1}),
    (8, {"effect": "slow", "seconds": 0.8}),
    (3, {"effect": "truncate"}),
]
CLICKERS = 10


@dataclass(frozen=True)
class Attempt:
    """One wish of one person, however it was carried out."""

    id: str
    deadline: datetime
    #: What people were told; empty where the subject tells nothing.
    status: str = ""
    detail: str = ""


class Subject(Protocol):
    """Something that opens doors when asked."""

    def click(self, door: Door) -> None:
        """Ask once. Raises OSError where nobody answered."""

    def nuisances(self) -> Sequence[Callable[[], None]]:
        """Return what may be done to its programs. Each returns soon."""

    def repair(self) -> None:
        """Bring back what died."""

    def settle(self) -> None:
        """Return once nothing will happen any more."""

    def attempts(self) -> list[Attempt]: ...


@dataclass
class Report:
    """What came of it."""

    seed: int
    attempts: list[Attempt]
    calls: list[dict[str, Any]]
    openings: list[dict[str, Any]]
    nuisances: Counter[str] = field(default_factory=Counter)

    @property
    def statuses(self) -> Counter[str]:
        return Counter(attempt.status for attempt in self.attempts)

    @property
    def doubled(self) -> list[str]:
        """Attempts for which the provider was asked, or the door opened, more than once."""
        calls = Counter(call["request_id"] for call in self.calls)
        openings = Counter(opening["request_id"] for opening in self.openings)
        return sorted(name for name, n in (calls | openings).items() if n > 1)

    @property
    def late(self) -> list[str]:
        """Attempts for which the provider was asked after their deadline."""
        deadlines = {attempt.id: attempt.deadline for attempt in self.attempts}
        return sorted(
            call["request_id"]
            for call in self.calls
            if call["request_id"] in deadlines
            and moment(call["at"]) > deadlines[call["request_id"]]
        )

    @property
    def unasked(self) -> list[str]:
        """Calls and openings that nobody asked for."""
        known = {attempt.id for attempt in self.attempts}
        seen = [*self.calls, *self.openings]
        return sorted(str(one["request_id"]) for one in seen if one["request_id"] not in known)

    @property
    def untrue(self) -> list[str]:
        """Attempts whose outcome is not what happened to the door; `unconfirmed` may be either."""
        opened = {opening["request_id"] for opening in self.openings}
        wrong = [
            attempt
            for attempt in self.attempts
            if (attempt.status == "success" and attempt.id not in opened)
            or (attempt.status in ("failed", "expired", "cancelled") and attempt.id in opened)
        ]
        return sorted(f"{attempt.id} {attempt.status} {attempt.detail}" for attempt in wrong)

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: {len(self.attempts)} attempts, {len(self.calls)} calls, "
            f"{len(self.openings)} openings, {dict(self.statuses)}, {dict(self.nuisances)}; "
            f"doubled {len(self.doubled)}, late {len(self.late)}, untrue {len(self.untrue)}"
        )


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def run(
    subject: Subject,
    sandbox: Sandbox,
    doors: Sequence[Door],
    *,
    clicks: int,
    seconds: float,
    seed: int,
) -> Report:
    """Click at an even pace while things go wrong; then let it settle, and look.

    Nuisances run in the calling thread, because the programs they start end with it.
    """
    chance = random.Random(seed)  # noqa: S311  dice, not a secret
    after = _newest(sandbox)
    done: Counter[str] = Counter()
    wishes = [(chance.choice(doors), _fault(chance)) for _ in range(clicks)]
    began = time.monotonic()
    with ThreadPoolExecutor(CLICKERS) as pool:
        clicking = [
            pool.submit(_click, subject, sandbox, *wish, at=began + seconds * n / clicks)
            for n, wish in enumerate(wishes)
        ]
        while not all(future.done() for future in clicking):
            nuisance = chance.choice(subject.nuisances())
            nuisance()
            done[nuisance.__name__] += 1
            time.sleep(chance.uniform(0.2, 1.2))
            subject.repair()
        for future in clicking:
            future.result()
    subject.settle()
    calls, effects = sandbox.calls(after["calls"]), sandbox.openings(after["openings"])
    return Report(seed, subject.attempts(), calls, effects, done)


def _newest(sandbox: Sandbox) -> dict[str, int]:
    calls, openings = sandbox.calls(), sandbox.openings()
    return {
        "calls": calls[-1]["n"] if calls else 0,
        "openings": openings[-1]["n"] if openings else 0,
    }


def _fault(chance: random.Random) -> dict[str, Any] | None:
    dice = chance.uniform(0, 100)
    for odds, fault in FAULTS:
        if dice < odds:
            return fault
        dice -= odds
    return None


def _click(
    subject: Subject, sandbox: Sandbox, door: Door, fault: dict[str, Any] | None, *, at: float
) -> None:
    time.sleep(max(0.0, at - time.monotonic()))
    if fault:
        sandbox.fault(**fault, lock_id=door.remote_id)
    for _ in range(40):
        try:
            subject.click(door)
        except OSError:
            time.sleep(0.25)
        else:
            return
