"""Reservation keys: override and joiner, with Seam's conflicts (facts/seam.md 7.6)."""

import pytest

from access.planning.asked import Person, Reservation
from locks.codes.rules import Window
from tests.access.planning.world import CARD, DAY, NOW, Town, lock, room, wish

KEY = "booking-1"
HELD = {"can_belong_to_reservation": True}
A, B = room("A", **HELD), room("B", **HELD)
WINDOW = Window(NOW + DAY, NOW + 3 * DAY)


def problems(asked, *doors):
    return [(each.field, each.status) for each in Town().plan(asked, *doors).problems]


def test_the_first_grant_of_a_key_starts_a_stay():
    assert problems(wish(CARD, reservation_key=KEY), A, lock("Gate", takes_card=True)) == []


def test_another_key_at_the_same_door_overrides_and_says_so():
    door = room("A", **HELD, held_by=frozenset({"booking-0"}))

    done = Town().plan(wish(CARD, reservation_key=KEY), door)

    assert done.notes == ("Starts a new stay: cards of earlier guests stop opening A.",)


def test_a_key_needs_a_door_that_can_belong_to_a_reservation():
    assert problems(wish(CARD, reservation_key=KEY), room("A")) == [("reservation_key", 400)]


def test_a_guest_card_for_such_a_door_needs_a_key():
    assert problems(wish(CARD), A) == [("reservation_key", 400)]


def test_staff_belong_to_no_reservation():
    assert problems(wish(CARD, person=Person(is_staff=True)), A) == []


@pytest.mark.parametrize(
    ("stay", "doors", "expected"),
    [
        (Reservation(door_ids=frozenset({A.id, B.id})), [A], []),
        (Reservation(door_ids=frozenset({A.id, B.id})), [A, B], []),
        (Reservation(door_ids=frozenset({A.id})), [A, B], [("doors", 409)]),
        (Reservation(door_ids=frozenset({A.id}), is_first=True), [A, B], [("doors", 409)]),
        (Reservation(door_ids=frozenset({A.id}), is_first=True), [A], []),
    ],
    ids=["subset", "same", "superset", "first changed", "first the same"],
)
def test_the_first_grant_fixes_the_doors_and_joiners_have_no_more(stay, doors, expected):
    assert problems(wish(CARD, reservation_key=KEY, reservation=stay), *doors) == expected


@pytest.mark.parametrize(
    ("windows", "is_first", "expected"),
    [
        ((WINDOW,), False, []),
        ((Window(NOW + 3 * DAY, NOW + 4 * DAY),), False, [("starts_at", 409)]),
        ((WINDOW, Window(NOW + 9 * DAY, NOW + 10 * DAY)), False, []),
        ((WINDOW, Window(NOW + 9 * DAY, NOW + 10 * DAY)), True, [("starts_at", 409)]),
    ],
    ids=["meets", "only touches", "meets one", "first leaves a joiner"],
)
def test_times_of_a_reservation_must_overlap(windows, is_first, expected):
    stay = Reservation(door_ids=frozenset({A.id}), is_first=is_first, windows=windows)

    assert problems(wish(CARD, reservation_key=KEY, reservation=stay), A) == expected
