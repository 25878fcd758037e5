"""The executor as a model: the points of commit of locks.codes.reconciling, in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from accounts.providers.base import ProviderError, Reach
from accounts.providers.codes import CodeListing
from locks.codes import decide, family, outcomes, timing
from locks.codes.actions import Action, Change, DoorChange, Remove, SiteChange, TakeStep
from locks.codes.known import KnownCode, KnownDoor, KnownSite
from locks.codes.sighting import after

if TYPE_CHECKING:
    from tests.locks.codes.sim.world import World

#: A lease lasts so long unless it is renewed.
LEASE = timedelta(seconds=30)
PASS = timedelta(seconds=25)
#: An intent so old is not followed by its call: the process was paused meanwhile.
STALE = 5.0


class Database:
    """The rows, with the guards that real UPDATEs have."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.codes: dict[UUID, KnownCode] = {}
        self.doors: dict[UUID, KnownDoor] = {}
        self.site = KnownSite(id=UUID(int=0), label="SIMULATED")
        self.listed_at: datetime | None = None
        self.lease_until: datetime | None = None
        self.lease_of = ""
        self.seen: dict[str, int] = {}

    def apply(self, action: Action) -> bool:
        """Write a change as production does. Return False where another intent stands."""
        if isinstance(action, SiteChange):
            self.site = replace(self.site, **action.columns)
        elif isinstance(action, DoorChange):
            door = self.doors[action.door.id]
            if action.answers is not None and door.ambiguous_since != action.answers:
                return False
            self.doors[door.id] = replace(door, **action.columns)
        elif isinstance(action, Change):
            return self._code(action)
        return True

    def _code(self, change: Change) -> bool:
        code = self.codes[change.code.id]
        if change.answers is not None and code.ambiguous_since != change.answers:
            return False
        if change.moment:
            self.seen[change.moment[0]] = self.seen.get(change.moment[0], 0) + 1
        code = after(code, change)
        digits = change.digits or (
            self.codes[change.digits_of].digits if change.digits_of else code.digits
        )
        self.codes[code.id] = code = replace(code, digits=digits)
        if change.shares and code.shared_key:
            self._share(change, code)
        return True

    def _share(self, change: Change, mine: KnownCode) -> None:
        for other in family.gather(self.codes)[mine.id].others:
            now = self.now()
            columns = {} if other.is_gone else family.for_other(change, mine, other, now)
            if change.digits:
                columns["digits"] = change.digits
            self.codes[other.id] = replace(self.codes[other.id], **columns)

    def living(self) -> dict[UUID, KnownCode]:
        return {pk: code for pk, code in family.gather(self.codes).items() if not code.is_gone}

    def worth_a_look(self, listing: CodeListing) -> dict[UUID, KnownCode]:
        """Return what production loads for a listing: gone codes only where they are listed."""
        living = self.living()
        refs = {code.ref for code in living.values()}
        places = {(code.ref, code.device_id) for code in living.values()}
        at = {(c.ref, lock_id) for c in listing.codes for lock_id in c.lock_ids or ()}
        gone = {
            pk: code
            for pk, code in self.codes.items()
            if code.is_gone
            and (
                code.ref not in refs
                or (
                    (code.ref, self.doors[code.device_id].lock_id) in at
                    and (code.ref, code.device_id) not in places
                )
            )
        }
        return family.gather(living | gone)


class Worker:
    """One worker: takes the lease, lists, decides, calls. Every `yield` is a place to die."""

    def __init__(self, name: str, world: World) -> None:
        self.name, self.world, self.db, self.cloud = name, world, world.db, world.cloud

    def run(self) -> Iterator[float]:
        while True:
            now = self.world.now
            if self.db.lease_until is not None and now < self.db.lease_until <= now + LEASE:
                yield 2.0
                continue
            self.db.lease_until, self.db.lease_of = now + LEASE, self.name
            yield 0.0
            yield from self._pass(now + PASS)
            if self.db.lease_of == self.name:
                self.db.lease_until = None
            yield self._nap()

    def _nap(self) -> float:
        due = [c.next_run_at for c in self.db.codes.values() if c.next_run_at is not None]
        listing = self._listing_at()
        seconds = (min([*due, listing]) - self.world.now).total_seconds()
        return min(max(seconds, 0.5), 60.0)

    def _listing_at(self) -> datetime:
        return timing.listing_due_at(
            self.db.codes.values(), self.db.doors, self.db.listed_at, self.world.now
        )

    def _holds(self) -> bool:
        if self.db.lease_of != self.name or self.db.lease_until is None:
            return False
        self.db.lease_until = self.world.now + LEASE
        return True

    def _pass(self, until: datetime) -> Iterator[float]:
        self._catch_what_was_missed()
        failures = 0
        for _ in range(200):  # a clock that is put back must not hold it for ever
            if self.world.now >= until or not self._holds() or failures >= 2:
                return
            if self._listing_at() <= self.world.now:
                ok = yield from self._list()
                failures += not ok
                continue
            call = self._next()
            if call is None:
                return
            failures += not (yield from self._make(call))

    def _catch_what_was_missed(self) -> None:
        now = self.world.now
        for code in list(self.db.codes.values()):
            if change := decide.put_right(code, now):
                self.db.apply(change)
        for code in list(self.db.codes.values()):
            if decide.is_overlooked(code, now):
                self.db.codes[code.id] = replace(code, next_run_at=now)

    def _next(self) -> TakeStep | Remove | None:
        """Write down what needs no call, and return the most urgent call."""
        for _ in range(100):
            actions = decide.decide(
                self._due(),
                self.db.doors,
                None,
                site=self.db.site,
                now=self.world.now,
                planner=self.cloud,
            )
            calls = [a for a in actions if isinstance(a, TakeStep | Remove)]
            for action in actions:
                if not isinstance(action, TakeStep | Remove):
                    self.db.apply(action)
            if calls or not actions:
                return calls[0] if calls else None
        raise AssertionError("deciding does not come to an end")

    def _due(self) -> dict[UUID, KnownCode]:
        now = self.world.now
        return {
            pk: code
            for pk, code in family.gather(self.db.codes).items()
            if decide.is_due(code, now)
        }

    def _list(self) -> Iterator[float]:
        asked_at = self.world.now
        unsure = {c.ref for c in self.db.codes.values() if c.ambiguous_since is not None}
        doors = {d.lock_id: d.seen for d in self.db.doors.values()}
        yield self.world.rng.uniform(0.1, 1.0)
        try:
            listing = self.cloud.list_codes(asked_at, doors, unsure)
        except ProviderError:
            self.db.listed_at = self.world.now - timing.USUAL + timedelta(seconds=10)
            return False
        yield self.world.rng.uniform(0.0, 0.2)
        actions = decide.decide(
            self.db.worth_a_look(listing),
            self.db.doors,
            listing,
            site=self.db.site,
            now=self.world.now,
            planner=self.cloud,
        )
        self.db.listed_at = asked_at
        extras = []
        for action in actions:
            if isinstance(action, Remove) and action.is_extra:
                extras.append(action)
            elif not isinstance(action, TakeStep | Remove):
                self.db.apply(action)
        for extra in extras:
            yield from self._make(extra)
        return True

    def _make(self, call: TakeStep | Remove) -> Iterator[float]:
        if isinstance(call, Remove):
            return (yield from self._remove(call))
        return (yield from self._step(call))

    def _remove(self, call: Remove) -> Iterator[float]:
        self.db.apply(outcomes.intend_removal(call, self.world.now))
        yield self.world.rng.uniform(0.0, 0.3)
        call = replace(call, code=self.db.codes[call.code.id])
        left = None
        try:
            if call.only_here:
                left = self.cloud.leave_door(call.code.seen, call.door.seen)
            else:
                self.cloud.remove_code(call.remote_id)
        except ProviderError as error:
            yield 0.1
            self.db.apply(outcomes.removal_failed(call, error, self.world.now))
            return error.reach == Reach.REFUSED
        yield self.world.rng.uniform(0.0, 0.3)
        self.db.apply(outcomes.removal_accepted(call, self.world.now))
        if left is not None:
            self.db.apply(outcomes.left_door(call, left, self.world.now))
        return True

    def _step(self, call: TakeStep) -> Iterator[float]:
        intended_at, began = self.world.now, self.world.t
        for change in outcomes.intend(call, intended_at):
            self.db.apply(change)
        yield self.world.rng.uniform(0.0, 0.3)
        if self.world.t - began > STALE:
            return True
        try:
            done = self.cloud.take_step(call.step, call.wish, call.code.seen, call.door.seen)
        except ProviderError as error:
            yield 0.1
            failed = outcomes.step_failed(call, error, intended_at=intended_at, now=self.world.now)
            self._apply_all(failed)
            return error.reach == Reach.REFUSED
        yield self.world.rng.uniform(0.0, 0.5)
        self._apply_all(
            outcomes.stepped(
                call, done, intended_at=intended_at, now=self.world.now, planner=self.cloud
            ),
            lost=outcomes.lost_digits(call, self.world.now) if done.digits else None,
        )
        return True

    def _apply_all(self, changes: Any, lost: Change | None = None) -> None:
        for change in changes:
            if not self.db.apply(change) and isinstance(change, Change):
                told = family.gather(self.db.codes)[change.code.id].was_told
                if lost is not None and not told:
                    self.db.apply(lost)
                return
