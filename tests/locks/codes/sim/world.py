"""One world: people, a provider, workers that die; and what must be true in it."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from accounts.providers.codes import REF_ALPHABET
from locks.codes.known import KnownCode, KnownDoor
from locks.codes.states import CodePhase, SecretState
from tests.locks.codes.sim.clouds import EPOCH, Cloud, Copy, Faults, KeypadCloud, SaltoCloud
from tests.locks.codes.sim.worker import Database, Worker

#: Seconds: people and faults act in the first part; then all has time to settle.
BUSY, CALM = 3000.0, 2400.0
#: How long a code may outlive its end while its provider can be reached.
OVERSTAY = 60.0
EVERY = 5.0


@dataclass
class Verdict:
    """What was wrong in a world, and how often what happened in it."""

    seed: int
    wrong: list[str] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)
    calls: int = 0


class World:
    """A seed's whole life. `run` returns the verdict."""

    def __init__(
        self,
        seed: int,
        worker: Callable[..., Any] = Worker,
        *,
        is_harsh: bool = False,
        **changes: Any,
    ) -> None:
        self.seed, self.rng = seed, random.Random(seed)
        self.t = 0.0
        self.offset = 0.0
        self.jumps: list[float] = []
        self.crashes: list[float] = []
        self.pauses: list[float] = []
        self.faults = self._faults()
        if is_harsh:
            self.faults.lost_reply, self.faults.lag = 0.3, 60.0
        kind = SaltoCloud if seed % 2 else KeypadCloud
        seats = self.rng.choice([4, 8, 50])
        self.cloud: Cloud = kind(self.rng, self.faults, seats=seats)
        if changes:
            self.cloud.rules = replace(self.cloud.rules, **changes)
        self.db = Database()
        self.worker = worker
        self.verdict = Verdict(seed=seed)
        self.crash_odds = self.rng.choice([0.0, 0.004, 0.02])
        self.has_jumps = self.rng.random() < 0.2
        self._queue: list[tuple[float, int, Any]] = []
        self._ids = itertools.count()
        #: Seconds for which each copy outlived its end although it could be removed.
        self.overstay: dict[str, float] = {}
        #: Somebody else changed it at the provider.
        self.touched: set[str] = set()
        self._make_doors()

    def _faults(self) -> Faults:
        rng = self.rng

        def spans(odds: float, longest: float) -> list[tuple[float, float]]:
            if rng.random() > odds:
                return []
            begins = rng.uniform(100, BUSY - 700)
            return [(begins, begins + rng.uniform(20, longest))]

        return Faults(
            lost_reply=rng.choice([0, 0.05, 0.2]),
            not_ready=rng.choice([0, 0.5]),
            server_error=rng.choice([0, 0.05]),
            lag=rng.choice([0, 20, 60]),
            lying_removals=rng.choice([0, 0, 0.2]),
            down=spans(0.4, 600),
            empty=spans(0.4, 100),
            cut=spans(0.3, 100),
            until=BUSY,
        )

    def _make_doors(self) -> None:
        for n in range(2):
            door_id = UUID(int=1000 + n)
            self.db.doors[door_id] = KnownDoor(
                id=door_id,
                lock_id=f"lock-{n}",
                lock_name=f"Door {n}",
                rules=self.cloud.rules,
                seen={"ref": f"DRREF{n}22"},
                is_online=True,
                online_since=EPOCH - timedelta(days=1),
                polled_at=EPOCH,
            )

    @property
    def now(self) -> datetime:
        """The database's clock, which may be wrong."""
        return EPOCH + timedelta(seconds=self.t + self.offset)

    # --- running ---

    def run(self) -> Verdict:
        for name in ("one", "two"):
            self._spawn(name, self.rng.uniform(0, 5))
        for _ in range(self.rng.randint(4, 9)):
            self._at(self.rng.uniform(0, BUSY * 0.7), self._person_creates)
        for _ in range(self.rng.randint(0, 4)):
            self._at(self.rng.uniform(BUSY * 0.1, BUSY), self._stranger)
        if self.has_jumps:
            self._at(self.rng.uniform(200, BUSY - 900), self._clock_jumps)
        self._at(EVERY, self._look)
        while self._queue and self._queue[0][0] < BUSY + CALM:
            self.t, _, act = heapq.heappop(self._queue)
            self.cloud.t = self.t
            act()
        self._judge()
        self.verdict.calls = self.cloud.calls
        self.verdict.seen |= self.db.seen
        return self.verdict

    def _at(self, t: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (t, next(self._ids), act))

    def _spawn(self, name: str, delay: float) -> None:
        process = self.worker(name, self).run()
        self._at(self.t + delay, lambda: self._step(name, process))

    def _step(self, name: str, process: Iterator[float]) -> None:
        wait = next(process)
        busy = self.t < BUSY
        if busy and wait < 1.5 and self.rng.random() < self.crash_odds:
            self.crashes.append(self.t)
            self.verdict.seen["crashed"] = 1
            self._spawn(name, self.rng.uniform(1, 20))  # another one is started
            return
        if busy and wait < 1.5 and self.rng.random() < 0.001:
            wait += self.rng.uniform(5, 90)  # the process is paused
            self.pauses.append(self.t + wait)
            self.crashes.append(self.t + wait)
        self._at(self.t + wait, lambda: self._step(name, process))

    # --- people ---

    def _person_creates(self) -> None:
        rng = self.rng
        door = rng.choice(list(self.db.doors.values()))
        starts = ends = None
        if rng.random() < 0.75:
            starts = self.now + timedelta(seconds=rng.uniform(-60, 500))
            ends = starts + timedelta(seconds=rng.uniform(120, 1500))
        digits = "" if door.lives_by.digits_by_provider else f"{len(self.db.codes) + 1000:04d}"
        code = KnownCode(
            id=UUID(int=len(self.db.codes) + 1),
            device_id=door.id,
            created_at=self.now,
            name="Jane Smith",
            starts_at=starts,
            ends_at=ends,
            digits=digits,
            secret_state=SecretState.STORED if digits else SecretState.NONE,
            ref="".join(rng.choice(REF_ALPHABET) for _ in range(8)),
            next_run_at=self.now,
        )
        self.db.codes[code.id] = code
        self._at(self.t + rng.uniform(5, 400), lambda: self._person_reads(code.id))
        if rng.random() < 0.6:
            self._at(self.t + rng.uniform(1, 900), lambda: self._person_changes(code.id))
        if ends is None or rng.random() < 0.3:
            self._at(
                min(self.t + rng.uniform(1, 1500), BUSY), lambda: self._person_revokes(code.id)
            )

    def _person_reads(self, code_id: UUID) -> None:
        code = self.db.codes[code_id]
        if code.secret_state == SecretState.STORED and not code.is_gone:
            self._write(code, delivered_at=code.delivered_at or self.now)

    def _person_changes(self, code_id: UUID) -> None:
        code = self.db.codes[code_id]
        if code.revoked_at or code.is_gone or not code.is_wanted(self.now):
            return
        wish: dict[str, Any] = {"name": "Jane Jones"}
        if code.ends_at is not None and code.starts_at is not None:
            ends = max(self.now, code.starts_at) + timedelta(seconds=self.rng.uniform(30, 1200))
            wish = {"ends_at": ends}
        self._write(code, generation=code.generation + 1, next_run_at=self.now, attempts=0, **wish)

    def _person_revokes(self, code_id: UUID) -> None:
        code = self.db.codes[code_id]
        if code.revoked_at is None:
            self._write(
                code, generation=code.generation + 1, revoked_at=self.now, next_run_at=self.now
            )

    def _write(self, code: KnownCode, **columns: Any) -> None:
        self.db.codes[code.id] = replace(code, **columns)

    def _stranger(self) -> None:
        """Somebody works at the provider directly."""
        ours = [copy for copy in self.cloud.alive if copy.ref]
        act = self.rng.choice(["add", "copy", "delete", "rename"])
        if act == "add" or not ours:
            lock_id = self.rng.choice(list(self.db.doors.values())).lock_id
            copy = self.cloud.add("", lock_id)
            copy.versions = [
                (
                    self.t,
                    {
                        "id": copy.remote_id,
                        "person": f"p-{copy.remote_id}",
                        "name": "Cleaner",
                        "use_pin": True,
                        "pin": True,
                        "digits": "999999",
                        "expires_at": None,
                        "is_suspended": False,
                        "is_blocked": False,
                        "pin_expires_at": None,
                    },
                )
            ]
            return
        copy = self.rng.choice(ours)
        self.touched.add(copy.ref)
        if act == "delete":
            self.cloud.end(copy)
        elif act == "copy":
            self.cloud.copied.add(copy.ref)
            self.cloud.twins.pop(copy.ref, None)
            twin = self.cloud.add("", copy.lock_id, **copy.now)
            twin.ref = copy.ref
            twin.versions[0][1].update(id=twin.remote_id, person=f"p-{twin.remote_id}")
        else:
            copy.change(self.t, name=f"{copy.ref} Bob")

    def _clock_jumps(self) -> None:
        self.offset = self.rng.choice([-7200.0, -90.0, 90.0, 7200.0])
        self.jumps.append(self.t)

        def back() -> None:
            self.offset = 0.0
            self.jumps.append(self.t)

        self._at(self.t + self.rng.uniform(30, 600), back)

    # --- what must be true ---

    def _look(self) -> None:
        self._polls()
        self._watch_overstays()
        self._watch_digits()
        self._watch_claims()
        self._at(self.t + EVERY, self._look)

    def _polls(self) -> None:
        if self.cloud.faults.within(self.faults.down, self.t):
            return
        for door in self.db.doors.values():
            self.db.doors[door.id] = replace(door, polled_at=self.now)

    def _by_ref(self) -> dict[str, KnownCode]:
        return {code.ref: code for code in self.db.codes.values()}

    def _watch_overstays(self) -> None:
        """Count seconds in which a code lived past its end and could have been removed."""
        if self._is_hampered():
            return
        codes = self._by_ref()
        for copy in self.cloud.alive:
            code = codes.get(copy.ref)
            if code is None or not self._ended_for_sure(code) or self.t - copy.lied_at < 90:
                continue
            if code.remote_id != copy.remote_id and self.t - copy.made < 130:
                continue
            if self.cloud.opens(copy, self.now):
                known = self.overstay.get(copy.remote_id, 0.0) + EVERY
                self.overstay[copy.remote_id] = known
                if known > OVERSTAY + EVERY + self._unknown_for(copy, code):
                    self._wrong(f"{copy.ref} opens {known:.0f} s after its end: {code.phase}")

    def _unknown_for(self, copy: Copy, code: KnownCode) -> float:
        """A copy whose making was never answered is found by a listing, and those may be old."""
        return 0.0 if code.remote_id == copy.remote_id else 60.0 + self.faults.lag

    def _ended_for_sure(self, code: KnownCode) -> bool:
        """Ended by the database's clock and by the true one."""
        true = EPOCH + timedelta(seconds=self.t)
        return not code.is_wanted(self.now) and not code.is_wanted(true)

    def _is_hampered(self) -> bool:
        f = self.faults
        recently = [t for t in [*self.crashes, *self.jumps] if self.t - 45 < t <= self.t + 90]
        down = any(a <= self.t < b + 45 for a, b in f.down)
        blind = any(a <= self.t < b + 75 for a, b in [*f.empty, *f.cut])
        return bool(recently or down or blind)

    def _watch_digits(self) -> None:
        """Digits that were handed out are those at the provider, or it is said that they are not."""
        codes = self._by_ref()
        for copy in self.cloud.alive:
            code = codes.get(copy.ref)
            if code is None or code.delivered_at is None or copy.ref in self.touched:
                continue
            if code.remote_id == copy.remote_id and copy.now.get("digits") != code.digits:
                self._wrong(f"{copy.ref} was handed out with other digits")

    def _watch_claims(self) -> None:
        if self.jumps:
            return
        gone = {code.ref for code in self.db.codes.values() if code.is_gone}
        for copy in self.cloud.alive:
            if copy.ref in gone and self.cloud.opens(copy, self.now):
                self._wrong(f"{copy.ref} is said to be gone, and opens the door")

    def _wrong(self, said: str) -> None:
        if said not in self.verdict.wrong and len(self.verdict.wrong) < 10:
            self.verdict.wrong.append(said)

    def _judge(self) -> None:
        """After the calm: what is there is what is wished, once each."""
        codes = self._by_ref()
        alive: dict[str, list[Copy]] = {}
        for copy in self.cloud.alive:
            if copy.ref:
                alive.setdefault(copy.ref, []).append(copy)
        for ref, copies in alive.items():
            code = codes[ref]
            if not code.is_wanted(self.now):
                self._wrong(f"orphan {ref} lives on: {code.phase}")
            if len(copies) > 1:
                self._wrong(f"{len(copies)} copies of {ref} live on")
        for code in codes.values():
            self._judge_code(code, alive.get(code.ref, []))
        self._judge_twins()

    def _judge_code(self, code: KnownCode, copies: list[Copy]) -> None:
        if not code.is_wanted(self.now):
            if not code.is_gone:
                self._wrong(f"{code.ref} never became gone: {code.phase}")
            return
        if code.phase == CodePhase.BLOCKED:
            self.verdict.seen["blocked"] = 1
            return
        due = code.starts_at is None or code.starts_at <= self.now
        if due and code.phase != CodePhase.ON_LOCK:
            self._wrong(f"{code.ref} never got onto the lock: {code.phase} {code.error_code}")
        if due and not copies:
            self._wrong(f"{code.ref} is not there: {code.phase}")
        if copies and code.remote_id != copies[0].remote_id:
            self._wrong(f"{code.ref} is known by another id")

    def _judge_twins(self) -> None:
        worst = max([self.cloud.worst_twins, *(self.t - at for at in self.cloud.twins.values())])
        had_hazard = bool(self.jumps or self.pauses)
        limit = 400.0 if had_hazard else 0.0
        if worst > limit:
            self._wrong(f"two copies of a code for {worst:.0f} s")
