"""Two designs that look right and are not (reliability M11): the simulator must say so.

A simulator that lets these pass would prove nothing about ours.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from accounts.providers.base import ProviderError
from locks.codes.actions import Remove
from locks.codes.known import wish_of
from locks.codes.states import CodePhase
from tests.locks.codes.sim.worker import Worker
from tests.locks.codes.sim.world import World


class ByStoredId(Worker):
    """Send, remember the id of the answer, delete by that id. No listing, no intent."""

    def run(self) -> Iterator[float]:
        while True:
            for code in list(self.db.codes.values()):
                yield from self._towards(code.id)
            yield 5.0

    def _towards(self, code_id) -> Iterator[float]:  # type: ignore[no-untyped-def]
        code = self.db.codes[code_id]
        door = self.db.doors[code.device_id]
        if code.is_gone:
            return
        try:
            if not code.is_wanted(self.world.now):
                if code.remote_id:
                    self.cloud.remove_code(code.remote_id)
                yield 0.2
                self.db.codes[code_id] = replace(self.db.codes[code_id], phase=CodePhase.REMOVED)
                return
            wish = wish_of(code, door, self.world.now)
            step = self.cloud.next_step(wish, code.seen, door.seen)
            if not step:
                if wish.is_due:
                    self.db.codes[code_id] = replace(code, phase=CodePhase.ON_LOCK)
                return
            done = self.cloud.take_step(step, wish, code.seen, door.seen)
            yield 0.2
        except ProviderError:
            yield 0.2
            return
        fresh = self.db.codes[code_id]
        self.db.codes[code_id] = replace(
            fresh,
            seen=done.seen,
            remote_id=done.remote_id or fresh.remote_id,
            digits=done.digits or fresh.digits,
            secret_state="stored" if done.digits else fresh.secret_state,
        )
        self.db.doors[door.id] = replace(self.db.doors[door.id], seen=done.door)


class FirstListing(Worker):
    """List and match by ref, but believe the first listing, and never look for second copies."""

    def _make(self, call):  # type: ignore[no-untyped-def]
        if isinstance(call, Remove) and call.is_extra:
            return True
        return (yield from super()._make(call))


def by_stored_id(seed: int) -> World:
    return World(seed, ByStoredId, is_harsh=True)


def without_settling(seed: int) -> World:
    return World(seed, FirstListing, is_harsh=True, settle=timedelta(seconds=-10))


def ours(seed: int) -> World:
    """The control: our design in the same worlds."""
    return World(seed, is_harsh=True)
