"""One world: people, a provider, workers that die; and what must be true in it."""

from __future__ import annotations

import heapq
import itertools
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from accounts.providers.codes import REF_ALPHABET
from accounts.providers.salto_ks import codes as salto
from locks.codes.family import GUEST
from locks.codes.known import KnownCode, KnownDoor
from locks.codes.marks import is_settled
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
        self.db = Database(lambda: self.now)
        self.worker = worker
        self.verdict = Verdict(seed=seed)
        self.crash_odds = self.rng.choice([0.0, 0.004, 0.02])
        self.has_jumps = self.rng.random() < 0.2
        self._queue: list[tuple[float, int, Any]] = []
        self._ids = itertools.count()
        #: Seconds for which each copy outlived its end although it could be removed.
        self.overstay: dict[tuple[str, UUID], float] = {}
        #: Digits as they were handed out, by ref.
        self.told: dict[str, str] = {}
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
        for n in range(3):
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
        doors = list(self.db.doors.values())
        door = rng.choice(doors)
        is_shared = door.lives_by.can_share and rng.random() < 0.5
        chosen = rng.sample(doors, rng.randint(2, 3)) if is_shared else [door]
        starts = ends = None
        if rng.random() < 0.75:
            starts = self.now + timedelta(seconds=rng.uniform(-60, 500))
            ends = starts + timedelta(seconds=rng.uniform(120, 1500))
        ref = "".join(rng.choice(REF_ALPHABET) for _ in range(8))
        late = rng.sample(chosen[1:], rng.randint(0, len(chosen) - 1)) if is_shared else []
        for door in chosen:
            if door not in late:
                self._make_code(door, ref, starts, ends, is_shared=is_shared)
        for door in late:
            self._at(
                self.t + rng.uniform(1, 900),
                lambda door=door: self._person_adds(door, ref),  # type: ignore[misc]
            )
        code = self.db.codes[UUID(int=len(self.db.codes))]
        self._at(self.t + rng.uniform(5, 400), lambda: self._person_reads(code.id))
        if rng.random() < 0.6:
            self._at(self.t + rng.uniform(1, 900), lambda: self._person_changes(code.id))

    def _person_adds(self, door: KnownDoor, ref: str) -> None:
        """A further door for a guest: as locks.codes.granted joins it."""
        guest = [c for c in self._by_ref()[ref] if c.is_wanted(self.now)]
        if not guest or any(c.device_id == door.id for c in guest):
            return
        first = next((c for c in guest if c.remote_id), guest[0])
        joined = {n: getattr(first, n) for n in (*GUEST, "delivered_at", "digits")}
        known = {} if first.is_gone else joined
        self._make_code(
            door, ref, first.starts_at, first.ends_at, is_shared=True, name=first.name, **known
        )

    def _make_code(
        self,
        door: KnownDoor,
        ref: str,
        starts: datetime | None,
        ends: datetime | None,
        *,
        is_shared: bool,
        **known: Any,
    ) -> None:
        rng = self.rng
        digits = "" if door.lives_by.digits_by_provider else f"{len(self.db.codes) + 1000:04d}"
        code = KnownCode(
            id=UUID(int=len(self.db.codes) + 1),
            device_id=door.id,
            created_at=self.now,
            starts_at=starts,
            ends_at=ends,
            ref=ref,
            shared_key=ref if is_shared else "",
            next_run_at=self.now,
            **{
                "name": "Jane Smith",
                "digits": digits,
                "secret_state": SecretState.STORED if digits else SecretState.NONE,
                **known,
            },
        )
        self.db.codes[code.id] = code
        if ends is None or rng.random() < 0.3:
            self._at(
                min(self.t + rng.uniform(1, 1500), BUSY), lambda: self._person_revokes(code.id)
            )

    def _person_reads(self, code_id: UUID) -> None:
        code = self.db.codes[code_id]
        if code.secret_state == SecretState.STORED and not code.is_gone:
            self.told.setdefault(code.ref, code.digits)
            for each in self._by_ref()[code.ref]:
                self._write(each, delivered_at=each.delivered_at or self.now)

    def _person_changes(self, code_id: UUID) -> None:
        code = self.db.codes[code_id]
        if code.revoked_at or code.is_gone or not code.is_wanted(self.now):
            return
        wish: dict[str, Any] = {"name": "Jane Jones"}
        if code.ends_at is not None and code.starts_at is not None:
            ends = max(self.now, code.starts_at) + timedelta(seconds=self.rng.uniform(30, 1200))
            wish = {"ends_at": ends}
        for each in self._by_ref()[code.ref]:
            if each.revoked_at is None:
                raised = each.generation + 1
                self._write(each, generation=raised, next_run_at=self.now, attempts=0, **wish)

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
        self._watch_losses()
        self._at(self.t + EVERY, self._look)

    def _polls(self) -> None:
        if self.cloud.faults.within(self.faults.down, self.t):
            return
        for door in self.db.doors.values():
            self.db.doors[door.id] = replace(door, polled_at=self.now)

    def _by_ref(self) -> dict[str, list[KnownCode]]:
        found: dict[str, list[KnownCode]] = defaultdict(list)
        for code in self.db.codes.values():
            found[code.ref].append(code)
        return found

    def _opens(self, copy: Copy, code: KnownCode) -> bool:
        """Whether it opens the door of this code, and no other code wants it to."""
        mates = [c for c in self._by_ref()[code.ref] if c.device_id == code.device_id and c != code]
        is_others = any(c.is_wanted(self.now) or not c.is_gone for c in mates)
        return not is_others and self._is_open_to(copy, code)

    def _is_open_to(self, copy: Copy, code: KnownCode) -> bool:
        return self.cloud.opens(copy, self.now, self.db.doors[code.device_id].lock_id)

    def _watch_overstays(self) -> None:
        """Count seconds in which a code lived past its end and could have been removed."""
        if self._is_hampered():
            return
        codes = self._by_ref()
        for copy, code in ((c, each) for c in self.cloud.alive for each in codes[c.ref]):
            if not self._ended_for_sure(code) or self.t - copy.lied_at < 90:
                continue
            if code.remote_id != copy.remote_id and self.t - copy.made < 130:
                continue
            if self._opens(copy, code):
                where = copy.remote_id, code.id
                known = self.overstay.get(where, 0.0) + EVERY
                self.overstay[where] = known
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
        for copy, code in ((c, each) for c in self.cloud.alive for each in codes[c.ref]):
            if code.delivered_at is None or copy.ref in self.touched or code.is_gone:
                continue
            digits = {code.digits, self.told.get(code.ref, code.digits)}
            if code.remote_id == copy.remote_id and {copy.now.get("digits")} != digits:
                self._wrong(f"{copy.ref} was handed out with other digits")

    def _watch_claims(self) -> None:
        if self.jumps:
            return
        codes = self._by_ref()
        for copy, code in ((c, each) for c in self.cloud.alive for each in codes[c.ref]):
            if code.is_gone and self._opens(copy, code):
                self._wrong(f"{copy.ref} is said to be gone, and opens the door")

    def _watch_losses(self) -> None:
        """What somebody was given goes on opening its door, whatever becomes of others."""
        alive = {copy.ref: copy for copy in self.cloud.alive}
        for code in self.db.codes.values():
            soon = self.now + salto.TOLERANCE + timedelta(seconds=1)  # ends so near are the same
            if code.ref in self.touched or self.jumps or not code.is_wanted(soon):
                continue
            is_lost = code.error_code == "failed_to_set_on_device"
            if code.phase == CodePhase.BLOCKED and is_lost and code.ref in self.told:
                self._wrong(f"{code.ref} was lost, and nobody had touched it")
            copy = alive.get(code.ref)
            is_due = code.starts_at is None or code.starts_at <= self.now
            is_there = code.phase == CodePhase.ON_LOCK and is_settled(code) and is_due
            if is_there and not (copy and self._is_open_to(copy, code)):
                self._wrong(f"{code.ref} is said to be on the lock, and does not open")

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
            if not any(code.is_wanted(self.now) for code in codes[ref]):
                self._wrong(f"orphan {ref} lives on: {[code.phase for code in codes[ref]]}")
            if len(copies) > 1:
                self._wrong(f"{len(copies)} copies of {ref} live on")
        for code in self.db.codes.values():
            self._judge_code(code, alive.get(code.ref, []))
        self._judge_twins()

    def _judge_code(self, code: KnownCode, copies: list[Copy]) -> None:
        if not code.is_wanted(self.now):
            self._judge_gone(code, copies)
        elif code.phase == CodePhase.BLOCKED:
            self.verdict.seen["blocked"] = 1
        else:
            self._judge_there(code, copies)

    def _judge_gone(self, code: KnownCode, copies: list[Copy]) -> None:
        if not code.is_gone:
            self._wrong(f"{code.ref} never became gone: {code.phase}")
        if any(self._opens(copy, code) for copy in copies):
            self._wrong(f"{code.ref} still opens a door it was taken from")

    def _judge_there(self, code: KnownCode, copies: list[Copy]) -> None:
        due = code.starts_at is None or code.starts_at <= self.now
        if due and code.phase != CodePhase.ON_LOCK:
            self._wrong(f"{code.ref} never got onto the lock: {code.phase} {code.error_code}")
        if due and not copies:
            self._wrong(f"{code.ref} is not there: {code.phase}")
        if due and copies and not self._is_open_to(copies[0], code):
            self._wrong(f"{code.ref} does not open one of its doors: {code.phase}")
        if copies and code.remote_id != copies[0].remote_id:
            self._wrong(f"{code.ref} is known by another id")

    def _judge_twins(self) -> None:
        worst = max([self.cloud.worst_twins, *(self.t - at for at in self.cloud.twins.values())])
        had_hazard = bool(self.jumps or self.pauses)
        limit = 400.0 if had_hazard else 0.0
        if worst > limit:
            self._wrong(f"two copies of a code for {worst:.0f} s")
