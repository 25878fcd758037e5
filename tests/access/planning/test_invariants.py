"""What holds of every plan, whatever is asked of whichever doors."""

from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from access.planning.asked import Policy, Request, Wish
from access.planning.doors import Door, Seats, Slots, TimeLimits
from access.planning.fingerprints import differences, fingerprint, outline
from access.planning.held import HeldMethod
from access.planning.outcome import Action
from access.planning.planner import plan_end
from access.planning.windows import hull, is_within, touch
from accounts.providers.codes import CodeConstraint
from accounts.providers.systems import AccessMethod
from locks.codes import rules
from locks.codes.rules import Window
from tests.access.planning.world import (
    CODE,
    DAY,
    KEYPAD,
    NOW,
    ZONE,
    Town,
    carried_out,
    digits_at,
    lock,
    room,
    salto,
    wish,
)

DOORS = (
    lock("A"),
    lock("B", codes=replace(KEYPAD, lengths=(4,)), slots=Slots(free=1, total=5)),
    lock("C", codes=replace(KEYPAD, lengths=(6,), granularity_seconds=3600)),
    lock("D", codes=None),
    lock("E", limits=TimeLimits(longest=3 * DAY, takes_ongoing=False)),
    lock("F", codes=replace(KEYPAD, constraints=frozenset([CodeConstraint.NO_ZEROS]))),
    lock("G", codes=replace(KEYPAD, constraints=frozenset([CodeConstraint.START_DATE_IN_FUTURE]))),
    salto("Lobby", seats=Seats(free=1, total=9), takes_card=True),
    salto("Gym", seats=Seats(free=1, total=9)),
    salto("Cellar", codes=replace(KEYPAD, lengths=(6,)), seats=Seats(free=1, total=9)),
    room("101"),
    room("Pool"),
)
DIGITS = ("", "2749", "836152", "5028")
MINUTES = st.integers(-3 * 1440, 5 * 1440).map(lambda n: NOW + timedelta(minutes=n, seconds=n % 60))


@st.composite
def wishes(draw: st.DrawFn) -> Wish:
    modes = draw(st.lists(st.sampled_from(AccessMethod), min_size=1, max_size=4, unique=True))
    digits = draw(st.sampled_from(DIGITS))
    lasts = draw(st.none() | st.integers(1, 6 * 1440).map(lambda n: timedelta(minutes=n)))
    starts_at = draw(MINUTES)
    return wish(
        *modes,
        digits=digits,
        policy=draw(st.sampled_from(Policy)),
        starts_at=starts_at,
        ends_at=None if lasts is None else max(starts_at, NOW) + lasts,
    )


doors = st.lists(st.sampled_from(DOORS), min_size=1, max_size=8, unique=True)
taken = st.lists(st.tuples(st.sampled_from(DOORS), st.sampled_from(DIGITS[1:]), MINUTES))


@dataclass(frozen=True)
class Case:
    town: Town
    asked: Wish
    doors: list[Door]
    others: list[HeldMethod]

    def plan(self, held=None, asked=None, among=None):
        return self.town.plan(
            asked or self.asked, *(among or self.doors), held=held, others=self.others
        )


@st.composite
def cases(draw: st.DrawFn, *, with_others: bool = True) -> Case:
    town, others = Town(), []
    for door, digits, at in draw(taken):
        town.take(door, digits, Window(at, at + DAY))
    for _ in range(draw(st.integers(0, 2)) if with_others else 0):
        before, where = draw(wishes()), draw(doors)
        done = town.plan(before, *where, others=others)
        fields = {"is_issued": draw(st.booleans())}
        made = carried_out(done, before, where, others, **fields)
        others = [each for each in others if each.id not in {m.id for m in made}] + made
    return Case(town, draw(wishes()), draw(doors), others)


def codes_of(done):
    return [
        (line, row) for row in done.rows if row.mode == CODE for line in row.lines if line.opens
    ]


def check_codes_are_apart(case, done, held=()):
    own = {method.id for method in held}
    codes = codes_of(done)
    assert len({line.door_id for line, _ in codes}) == len(codes)
    for line, row in codes:
        if not row.digits or row.is_joined or row.source == "provider":
            continue
        if row.action != Action.KEEP:
            assert case.town.is_free(line.door_id, row.digits, line.window)
        for other in case.others:
            there = other.at(line.door_id) if other.digits == row.digits else None
            if there and other.id not in own:
                assert not rules.overlap(there.window, line.window)


def check_no_window_is_wider(case, asked, among, done):
    steps = {door.id: door.codes.granularity_seconds if door.codes else 60 for door in among}
    for line in (each for each in done.lines if each.opens):
        step = steps[line.door_id] if line.mode == CODE else 60
        most = Window(
            rules.rounded(asked.starts_at, step),
            asked.ends_at and rules.rounded(asked.ends_at, step, up=True),
        )
        if line.also:
            assert touch(most, line.also)
        assert is_within(line.window, hull(most, line.also) if line.also else most)


@given(case=cases())
def test_no_two_codes_with_the_same_digits_overlap_at_a_door(case):
    check_codes_are_apart(case, case.plan())


@given(case=cases())
def test_no_window_is_wider_than_asked_but_for_rounding(case):
    check_no_window_is_wider(case, case.asked, case.doors, case.plan())


@given(case=cases())
def test_a_plan_carried_out_and_planned_again_keeps_everything(case):
    held = carried_out(case.plan(), case.asked, case.doors, case.others)

    again = case.plan(held)

    assert again.changes_nothing
    for method in held:
        assert {row.digits for row in again.rows if row.method_id == method.id} == {method.digits}


@given(case=cases(), seed=st.integers())
def test_a_fingerprint_does_not_depend_on_any_order(case, seed):
    held = carried_out(case.plan(), case.asked, case.doors, case.others)
    later = replace(case.asked, ends_at=None)
    shuffled = Random(seed)  # noqa: S311
    lists = [list(each) for each in (case.doors, held, case.others, later.requests)]
    for each in lists:
        shuffled.shuffle(each)
    among, kept, others, requests = lists
    if later.policy == Policy.ALL:
        later = replace(later, requests=tuple(requests))

    one = case.plan(held, later)
    other = case.town.plan(later, *among, held=kept, others=others)

    assert fingerprint(one) == fingerprint(other)
    assert differences(outline(one), other, ZONE, now=NOW) == []


@given(case=cases(with_others=False), is_issued=st.booleans())
def test_revoking_leaves_nothing_but_revocations(case, is_issued):
    held = carried_out(case.plan(), case.asked, case.doors, is_issued=is_issued)

    done = plan_end(held, now=NOW)

    assert {line.action for line in done.lines} <= {Action.REVOKE}
    assert len(list(done.lines)) == sum(len(method.doors) for method in held)
    assert carried_out(done, case.asked, case.doors, held) == []


@given(case=cases())
def test_revoking_gives_other_stays_back_exactly_what_they_had(case):
    held = carried_out(case.plan(), case.asked, case.doors, case.others)
    before = {
        (method.id, door.door_id): door.window for method in case.others for door in method.doors
    }

    for row in plan_end(held, now=NOW).rows:
        for line in row.lines:
            had = before.get((row.method_id, line.door_id))
            assert line.action == Action.REVOKE or line.window == had


@given(
    case=cases(),
    steps=st.lists(st.tuples(wishes(), doors), min_size=1, max_size=3),
    is_used=st.booleans(),
)
@settings(max_examples=60)
def test_over_any_changes_used_digits_stay_and_every_door_has_one_sentence(case, steps, is_used):
    fields = {"is_issued": True, "is_delivered": True, "is_used": is_used}
    held = carried_out(case.plan(), case.asked, case.doors, case.others, **fields)
    for asked, among in steps:
        done = case.plan(held, asked, among)
        assert all(line.sentence.endswith(".") for line in done.lines)
        assert all(row.action != Action.CREATE or row.method_id is None for row in done.rows)
        if not done.is_savable:
            continue
        check_no_window_is_wider(case, asked, among, done)
        check_codes_are_apart(case, done, held)
        for line, row in codes_of(done):
            was = next((m for m in held if m.mode == CODE and m.at(line.door_id)), None)
            if is_used and was and not was.is_shared:
                assert (row.method_id, row.digits) == (was.id, was.digits)
        every = {door.id: door for door in [*case.doors, *among, *DOORS]}
        held = carried_out(done, asked, list(every.values()), held, **fields)
        assert case.plan(held, asked, among).changes_nothing


@given(case=cases(), digits=st.sampled_from(DIGITS[1:]))
def test_what_was_asked_for_is_given_or_a_warning_says_why(case, digits):
    asked = replace(case.asked, requests=(Request(mode=CODE, digits=digits),))

    done = case.plan(asked=asked)

    warned = {each.device_id for each in done.warnings}
    for door in case.doors:
        has_code = any(line.door_id == door.id for line, _ in codes_of(done))
        if door.is_device and not (has_code and digits_at(done, door) == digits):
            assert str(door.id) in warned or done.problems
