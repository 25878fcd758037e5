"""Whether what is saved is what was shown."""

import json
from dataclasses import replace
from datetime import timedelta

from access.planning.doors import Seats
from access.planning.fingerprints import differences, fingerprint, outline
from tests.access.planning.world import (
    CARD,
    CLOUD,
    CODE,
    DAY,
    NOW,
    ZONE,
    Town,
    carried_out,
    lock,
    room,
    salto,
    wish,
)


def between(before, after):
    shown = json.loads(json.dumps(outline(before)))
    return differences(shown, after, ZONE, now=NOW)


def test_newly_made_digits_are_the_same_plan():
    one, other = Town(seed=1).plan(wish(), lock()), Town(seed=2).plan(wish(), lock())

    assert one.rows[0].digits != other.rows[0].digits
    assert fingerprint(one) == fingerprint(other)
    assert between(one, other) == []


def test_no_digits_can_be_guessed_from_a_fingerprint():
    """Digits of two people, both free: their plans look the same."""
    plans = [Town().plan(wish(digits=digits), lock()) for digits in ("2749", "8361")]

    assert fingerprint(plans[0]) == fingerprint(plans[1])


def test_digits_are_in_no_repr():
    done = Town().plan(wish(digits="2749"), lock(), salto())

    assert "2749" not in repr(done)
    assert "2749" not in repr(wish(digits="2749"))


def test_a_pin_that_was_taken_meanwhile_is_said():
    town, asked = Town(), wish(digits="2749")
    shown = town.plan(asked, lock())
    town.take(lock(), "2749")

    now = town.plan(asked, lock())

    assert fingerprint(shown) != fingerprint(now)
    assert between(shown, now) == [
        "Room 1: the PIN asked for is not free any more, so it has another.",
        "Room 1 gets another PIN: the one asked for cannot be used there at that time.",
    ]


def test_other_times_are_said():
    asked = wish()
    later = replace(asked, ends_at=asked.ends_at + timedelta(hours=1))

    assert between(Town().plan(asked, lock()), Town().plan(later, lock())) == [
        "Room 1: now from 28 Mar, 14:00 until 30 Mar, 15:00."
    ]


def test_a_door_that_takes_no_pin_any_more_is_said():
    asked = wish(CODE, CLOUD)

    said = between(Town().plan(asked, lock()), Town().plan(asked, lock(codes=None)))

    assert said == ["Room 1: no PIN.", "Room 1 gets no PIN. It takes no PIN."]


def test_seats_that_are_gone_meanwhile_are_said():
    shown = Town().plan(wish(), salto(seats=Seats(free=1, total=2)))
    now = Town().plan(wish(), salto(seats=Seats(free=0, total=2)))

    assert between(shown, now)[-1].startswith("Canal House has 0 of 2 seats free")


def test_a_card_written_meanwhile_is_said():
    asked, town = wish(CARD), Town()
    held = carried_out(town.plan(asked, room()), asked, [room()])
    later = replace(asked, ends_at=asked.ends_at + DAY)
    shown = town.plan(later, room(), held=held)

    now = town.plan(later, room(), held=[replace(held[0], is_issued=True)])

    assert between(shown, now)[0].startswith("Room 101: The card opens it from")


def test_an_outline_holds_no_digits_whatever_happens_to_them():
    town, asked = Town(), wish(digits="274936")
    held = carried_out(town.plan(asked, lock()), asked, [lock()], is_delivered=True)
    town.take(lock("B"), "836152")

    done = town.plan(wish(digits="836152"), lock(), lock("B"), salto(), held=held)

    made = {row.digits for row in done.rows} - {""}
    assert {"274936", "836152"} <= made
    assert not any(digits in json.dumps(outline(done)) for digits in made)
