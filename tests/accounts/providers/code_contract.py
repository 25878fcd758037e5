"""The promises of every driver that makes access codes, kept in front of the sandbox program.

Subclass `CodeContract` and give it a `rig`. `Memory` stands for the caller: it stores what
the driver tells, no more, and can forget as a crash would.
"""

import abc
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from accounts.providers.base import (
    Code,
    ProviderError,
    RefusedError,
    UncertainError,
    UnexpectedReplyError,
)
from accounts.providers.codes import AccessCodes, CodeWish, named
from tests.accounts.providers.contract import WRONG_SHAPES

REF = "K7F3Q2MX"
DOOR_REF = "D22R4456"
MOST_STEPS = 20
READY_AFTER_SECONDS = 10


class CodeRig(abc.ABC):
    """A driver, a lock with a keypad, and somebody who stands in front of it."""

    site_id: str
    lock_id: str
    #: Digits we choose; empty where the provider does.
    digits: str = ""

    @abc.abstractmethod
    def code_driver(self): ...

    @abc.abstractmethod
    def now(self) -> datetime: ...

    @abc.abstractmethod
    def pass_time(self, seconds): ...

    @abc.abstractmethod
    def losing_answers(self):
        """Return a context in which calls that change something are carried out unanswered."""

    @abc.abstractmethod
    def answer_everything(self, status, body=None): ...

    @abc.abstractmethod
    def type(self, digits) -> bool: ...

    @abc.abstractmethod
    def codes_alive(self) -> list[dict]:
        """Return the provider's own codes with our ref, as they really are."""

    @abc.abstractmethod
    def edit_elsewhere(self, remote_id):
        """Have somebody rename a code at the provider, and keep the ref."""


@dataclass
class Memory:
    """What a caller keeps of one code and its door."""

    rig: CodeRig
    wish: CodeWish
    seen: dict = field(default_factory=dict)
    door: dict = field(default_factory=lambda: {"ref": DOOR_REF})
    digits: str = ""
    remote_id: str = ""
    steps: list = field(default_factory=list)
    shown: list = field(default_factory=list)

    @property
    def driver(self):
        return self.rig.code_driver()

    def next_step(self):
        return self.driver.next_step(self.wish, self.seen, self.door)

    def step(self, step):
        done = self.driver.take_step(
            step,
            self.rig.site_id,
            self.wish,
            self.seen,
            self.door,
            budget_seconds=5,
            request_id="request-1",
        )
        self.steps.append(step)
        self.seen, self.door = dict(done.seen), dict(done.door)
        self.remote_id = done.remote_id or self.remote_id
        if done.digits:
            self.digits, self.wish = done.digits, replace(self.wish, wants_new_digits=False)
        elif done.has_digits and not self.digits:
            self.wish = replace(self.wish, wants_new_digits=True)
        self.shown.append(repr(done))
        return done

    def settle(self, steps=MOST_STEPS):
        """Take steps until there is none; wait where the provider has not caught up."""
        enough = len(self.steps) + steps
        for _ in range(10 * MOST_STEPS):
            step = self.next_step()
            if not step or len(self.steps) == enough:
                return self
            try:
                self.step(step)
            except RefusedError as error:
                if error.code != Code.NOT_READY:
                    raise
                self.rig.pass_time(READY_AFTER_SECONDS)
        raise AssertionError(f"it never ends: {self.steps}")

    def forget(self):
        """Crash: all that is left is the wish and the refs."""
        self.seen, self.door, self.remote_id = {}, {"ref": DOOR_REF}, ""

    def look(self):
        """Take a listing as the truth."""
        listing = list_codes(self.rig, self.door, unsure=[self.wish.ref])
        found = [code for code in listing.codes if code.ref == self.wish.ref]
        assert len(found) < 2
        self.door = dict(listing.doors.get(self.wish.lock_id, self.door))
        for code in found:
            self.seen |= code.seen
            self.remote_id = code.remote_id
            if code.has_digits and not self.digits:
                self.wish = replace(self.wish, wants_new_digits=True)
        return found

    def remove(self):
        self.driver.remove_code(
            self.rig.site_id,
            self.wish.lock_id,
            self.remote_id,
            budget_seconds=5,
            request_id="request-1",
        )


def list_codes(rig, door=None, **options):
    doors = {rig.lock_id: door or {"ref": DOOR_REF}}
    return rig.code_driver().list_codes(rig.site_id, doors=doors, **options)


def lock_of(rig):
    locks = rig.code_driver().list_locks(rig.site_id)
    return next(lock for lock in locks if lock.remote_id == rig.lock_id)


def make_wish(rig, *, hours=2, ref=REF, **changes):
    rules = rig.code_driver().code_rules(lock_of(rig))
    now = rig.now().replace(microsecond=0)
    wish = CodeWish(
        ref=ref,
        name=named(ref, "Ana Lopez", rules.name_length),
        lock_id=rig.lock_id,
        lock_name="Front Door",
        starts_at=now if hours else None,
        ends_at=now + timedelta(hours=hours) if hours else None,
        digits=rig.digits,
    )
    return replace(wish, **changes)


def make_code(rig, **changes):
    memory = Memory(rig, make_wish(rig, **changes))
    memory.digits = rig.digits
    return memory.settle()


def all_steps(rig):
    memory = make_code(rig)
    memory.remove()
    return memory.steps


class CodeContract:
    @pytest.fixture
    def rig(self):
        raise NotImplementedError

    def test_it_speaks_the_protocol(self, rig):
        assert isinstance(rig.code_driver(), AccessCodes)

    def test_a_lock_with_a_keypad_has_rules_and_one_without_says_why(self, rig):
        driver, lock = rig.code_driver(), lock_of(rig)

        rules = driver.code_rules(lock)

        assert rules.lengths
        assert driver.why_no_codes(lock) == ""
        without = replace(lock, has_keypad=False)
        assert driver.code_rules(without) is None
        assert driver.why_no_codes(without) == "This lock has no keypad."

    @pytest.mark.parametrize("hours", [None, 2])
    def test_a_code_opens_the_door_until_it_is_removed(self, rig, hours):
        memory = make_code(rig, hours=hours)

        rig.pass_time(60)
        assert rig.type(memory.digits)
        [code] = memory.look()
        assert (code.ref, code.remote_id) == (REF, memory.remote_id)
        assert code.lock_ids == (rig.lock_id,)
        assert memory.next_step() == ""

        memory.remove()
        rig.pass_time(60)
        assert not rig.type(memory.digits)
        assert memory.look() == []
        assert rig.codes_alive() == []

    def test_a_code_does_not_open_before_it_is_due(self, rig):
        memory = make_code(rig, is_due=False)
        rig.pass_time(60)
        early = rig.type(memory.digits)

        memory.wish = replace(memory.wish, is_due=True)
        memory.settle()
        rig.pass_time(60)

        assert (early, rig.type(memory.digits)) == (False, True)

    def test_a_code_whose_start_moved_away_no_longer_opens(self, rig):
        memory = make_code(rig)
        rig.pass_time(60)
        assert rig.type(memory.digits)

        memory.wish = replace(memory.wish, is_due=False)
        memory.settle()
        rig.pass_time(60)

        assert not rig.type(memory.digits)

    def test_two_codes_of_a_door_share_its_set_up(self, rig):
        one = make_code(rig)
        two = Memory(rig, make_wish(rig, ref="B7F3Q2MX", digits=rig.digits[::-1]))
        two.door, two.digits = one.door, rig.digits[::-1]
        two.settle()
        rig.pass_time(60)

        assert not any(map(rig.code_driver().is_of_door, two.steps))
        assert rig.type(one.digits)
        assert rig.type(two.digits)

    # --- crashes and lost answers ---

    def test_a_crash_after_any_step_is_made_good_from_the_listing(self, rig):
        for count in range(1, len(all_steps(rig)) + 1):
            rig.pass_time(60)
            memory = Memory(rig, make_wish(rig))
            memory.digits = rig.digits
            memory.settle(count)

            memory.forget()
            if not rig.digits:
                memory.digits = ""
            rig.pass_time(60)
            memory.look()
            memory.settle()

            rig.pass_time(60)
            assert [code["digits"] for code in rig.codes_alive()] == [memory.digits]
            assert rig.type(memory.digits)
            memory.remove()

    def test_a_lost_answer_to_any_step_is_made_good_from_the_listing(self, rig):
        for number, step in enumerate(all_steps(rig)):
            rig.pass_time(60)
            memory = Memory(rig, make_wish(rig))
            memory.digits = rig.digits
            memory.settle(number)
            with rig.losing_answers(), pytest.raises(UncertainError):
                memory.step(step)

            rig.pass_time(60)
            memory.look()
            memory.settle()

            rig.pass_time(60)
            assert [code["digits"] for code in rig.codes_alive()] == [memory.digits]
            assert rig.type(memory.digits)
            memory.remove()

    def test_a_code_that_is_gone_counts_as_removed(self, rig):
        memory = make_code(rig)

        memory.remove()
        rig.pass_time(60)
        memory.remove()

        assert rig.codes_alive() == []

    def test_a_lost_answer_to_a_removal_leaves_no_code(self, rig):
        memory = make_code(rig)

        with rig.losing_answers(), pytest.raises(UncertainError):
            memory.remove()
        memory.remove()

        rig.pass_time(60)
        assert memory.look() == []

    # --- drift ---

    def test_a_name_changed_elsewhere_is_put_right(self, rig):
        memory = make_code(rig)
        rig.edit_elsewhere(memory.remote_id)
        rig.pass_time(60)
        memory.look()
        assert memory.next_step()

        memory.settle()

        rig.pass_time(60)
        [code] = memory.look()
        assert code.name == memory.wish.name
        assert memory.next_step() == ""
        assert rig.type(memory.digits)

    def test_a_code_deleted_elsewhere_is_made_again(self, rig):
        memory = make_code(rig)
        memory.remove()
        rig.pass_time(60)
        assert memory.look() == []

        memory.seen = {}
        memory.settle()

        rig.pass_time(60)
        assert rig.type(memory.digits)

    # --- errors ---

    @pytest.mark.parametrize("status", [401, 403, 404, 409, 422, 429, 500, 503])
    def test_every_refusal_is_a_provider_error(self, rig, status):
        memory = make_code(rig)
        driver, steps = memory.driver, list(memory.steps)
        rig.answer_everything(status)

        with pytest.raises(ProviderError):
            list_codes(rig)
        for step in steps:
            with pytest.raises(ProviderError) as caught:
                memory.step(step)
            assert memory.digits not in str(caught.value)
        if status != 404:
            with pytest.raises(ProviderError):
                memory.remove()
        assert driver.creates(steps[0])

    @pytest.mark.parametrize("body", WRONG_SHAPES, ids=repr)
    def test_a_wrong_shape_is_a_provider_error_or_no_answer_at_all(self, rig, body):
        memory = make_code(rig)
        steps, digits = list(memory.steps), memory.digits
        rig.answer_everything(200, body)

        with pytest.raises(ProviderError):
            list_codes(rig)
        for step in steps:
            if rig.code_driver().creates(step) and step != "schedule":
                with pytest.raises(UnexpectedReplyError):
                    memory.step(step)
            else:
                with suppress(ProviderError):
                    memory.step(step)
        with suppress(ProviderError):
            memory.remove()
        assert memory.digits == digits

    def test_digits_show_in_no_repr_and_are_not_remembered(self, rig):
        memory = Memory(rig, make_wish(rig))
        memory.digits = rig.digits
        memory.settle()

        shown = [repr(memory.wish), *memory.shown, repr(list_codes(rig))]
        told = f"{shown} {memory.seen} {memory.door}"
        assert memory.digits not in told.replace(memory.remote_id, "")

    def test_an_unknown_step_is_refused(self, rig):
        memory = Memory(rig, make_wish(rig))

        with pytest.raises(RefusedError):
            memory.step("dance")
