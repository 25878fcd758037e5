"""The promises of drivers one of whose codes may open several doors, in front of the sandbox.

Subclass `SharedCodeContract` and give it a `rig` of CodeRig with `keypads`.
"""

from dataclasses import replace

import pytest

from accounts.providers.base import UncertainError
from accounts.providers.codes import SharedCodes
from tests.accounts.providers.code_contract import Memory, make_wish

DOOR_REFS = ("D22R4456", "D33R4456", "D44R4456")


class Family:
    """What a caller keeps of one code at several doors: a memory each, what they share alike."""

    def __init__(self, rig, doors=3):
        self.rig, self.steps = rig, []
        self.members = []
        for _ in range(doors):
            self.add()

    def add(self):
        number = len(self.members)
        wish = make_wish(self.rig, lock_id=self.rig.keypads[number], lock_name=f"Door {number}")
        if number:  # all doors of a code have one window, whatever time it is now
            first = self.members[0].wish
            wish = replace(wish, starts_at=first.starts_at, ends_at=first.ends_at)
        self.members.append(Memory(self.rig, wish, door={"ref": DOOR_REFS[number]}))
        if number:
            self.share(self.members[0])
        return self.members[number]

    def share(self, mine):
        for other in self.members:
            other.seen, other.remote_id, other.digits = mine.seen, mine.remote_id, mine.digits
            again = mine.wish.wants_new_digits
            other.wish = replace(other.wish, wants_new_digits=again)

    @property
    def digits(self):
        [digits] = {memory.digits for memory in self.members}
        return digits

    def next(self):
        """Return who takes which step next: in turn, as a caller with one worker would."""
        for memory in self.members:
            if step := memory.next_step():
                return memory, step
        return None, ""

    def settle(self, steps=100):
        for _ in range(steps):
            memory, _ = self.next()
            if memory is None:
                break
            before = len(memory.steps)
            memory.settle(1)
            self.steps += memory.steps[before:]
            self.share(memory)
        return self

    def look(self):
        """Take a listing as the truth, and return what it shows of the code."""
        doors = {memory.wish.lock_id: memory.door for memory in self.members}
        ref = self.members[0].wish.ref
        listing = self.rig.code_driver().list_codes(self.rig.site_id, doors=doors, unsure=[ref])
        found = [code for code in listing.codes if code.ref == ref]
        assert len(found) < 2
        for memory in self.members:
            memory.door = dict(listing.doors[memory.wish.lock_id])
            for code in found:
                memory.seen = {**memory.seen, **code.seen}
                memory.remote_id = code.remote_id
                if code.has_digits and not memory.digits:
                    memory.wish = replace(memory.wish, wants_new_digits=True)
        return found

    def forget(self):
        for memory, ref in zip(self.members, DOOR_REFS, strict=False):
            memory.seen, memory.door, memory.remote_id, memory.digits = {}, {"ref": ref}, "", ""

    def leave(self, number):
        memory = self.members[number]
        memory.door = dict(
            self.rig.code_driver().leave_door(
                self.rig.site_id,
                memory.seen,
                memory.door,
                budget_seconds=5,
                request_id="request-1",
            )
        )

    def open_doors(self):
        self.rig.pass_time(60)
        typed = [self.rig.type_at(m.wish.lock_id, self.digits) for m in self.members]
        return [number for number, opened in enumerate(typed) if opened]


class SharedCodeContract:
    @pytest.fixture
    def rig(self):
        raise NotImplementedError

    def test_it_speaks_the_protocol(self, rig):
        assert isinstance(rig.code_driver(), SharedCodes)

    def test_one_code_opens_every_door_with_one_seat(self, rig):
        before = rig.seats_used()

        family = Family(rig).settle()

        assert family.open_doors() == [0, 1, 2]
        driver = rig.code_driver()
        shared = [step for step in family.steps if driver.is_shared(step)]
        assert len(shared) == len(set(shared))
        assert rig.seats_used() == before + 1
        [code] = family.look()
        assert set(code.lock_ids) == set(rig.keypads[:3])

    def test_a_door_added_later_needs_nothing_of_the_code(self, rig):
        family = Family(rig, doors=2).settle()
        digits = family.digits
        family.steps.clear()

        family.add()
        family.settle()

        shared = [step for step in family.steps if rig.code_driver().is_shared(step)]
        assert shared == [], shared
        assert (family.digits, family.open_doors()) == (digits, [0, 1, 2])

    def test_a_crash_after_any_step_is_made_good_from_the_listing(self, rig):
        for count in range(1, len(Family(rig).settle().steps) + 1):
            end_all(rig)
            family = Family(rig).settle(count)

            family.forget()
            rig.pass_time(60)
            family.look()
            family.settle()

            assert family.open_doors() == [0, 1, 2]
            assert len(rig.codes_alive()) == 1

    def test_a_lost_answer_to_any_step_is_made_good_from_the_listing(self, rig):
        for number in range(len(Family(rig).settle().steps)):
            end_all(rig)
            family = Family(rig).settle(number)
            memory, step = family.next()
            with rig.losing_answers(), pytest.raises(UncertainError):
                memory.step(step)

            rig.pass_time(60)
            family.look()
            family.settle()

            assert family.open_doors() == [0, 1, 2]
            assert len(rig.codes_alive()) == 1

    def test_one_of_its_doors_is_left_and_the_listing_shows_it(self, rig):
        family = Family(rig).settle()
        rig.pass_time(60)

        family.leave(1)

        rig.pass_time(60)
        [code] = family.look()
        assert set(code.lock_ids) == {rig.keypads[0], rig.keypads[2]}
        assert family.open_doors() == [0, 2]

    def test_a_door_that_was_left_is_left_again(self, rig):
        family = Family(rig).settle()
        rig.pass_time(60)

        family.leave(1)
        family.leave(1)

        assert family.open_doors() == [0, 2]

    def test_a_lost_answer_leaves_the_door(self, rig):
        family = Family(rig).settle()
        rig.pass_time(60)

        with rig.losing_answers(), pytest.raises(UncertainError):
            family.leave(2)
        family.look()

        assert family.open_doors() == [0, 1]

    def test_a_door_without_a_set_up_is_left_without_asking(self, rig):
        family = Family(rig, doors=2).settle()
        family.add()
        rig.answer_everything(500)

        family.leave(2)

        assert family.members[2].door == {"ref": DOOR_REFS[2]}

    def test_its_removal_takes_it_from_every_door(self, rig):
        family = Family(rig).settle()
        before = rig.seats_used()

        family.members[1].remove()

        assert family.open_doors() == []
        assert family.look() == []
        assert rig.seats_used() == before - 1

    def test_a_door_left_elsewhere_is_put_right_at_that_door_only(self, rig):
        family = Family(rig).settle()
        rig.pass_time(60)
        door = dict(family.members[1].door)
        family.leave(1)
        family.members[1].door = door
        rig.pass_time(60)
        family.look()
        family.steps.clear()

        family.settle()

        assert len(family.steps) == 1
        assert family.open_doors() == [0, 1, 2]


def end_all(rig):
    """Begin anew: no code of ours is left."""
    for row in rig.codes_alive():
        rig.code_driver().remove_code(
            rig.site_id,
            rig.lock_id,
            rig.remote_id_of(row),
            budget_seconds=5,
            request_id="request-1",
        )
    rig.pass_time(60)
