"""Each rule of a grant, by an example (seeds 004, facts/seam.md 7.5)."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from access.planning.asked import Person, Policy, Request
from access.planning.doors import Seats, Slots, TimeLimits
from access.planning.outcome import Action, Need, Source
from access.planning.planner import plan_end
from accounts.providers.codes import CodeConstraint, CodeRules
from locks.codes.rules import Window
from tests.access.planning.world import (
    CARD,
    CLOUD,
    CODE,
    DAY,
    HOUR,
    KEYPAD,
    MOBILE,
    NOW,
    SALTO,
    Town,
    carried_out,
    digits_at,
    lock,
    room,
    salto,
    told,
    wish,
)


@pytest.fixture
def town() -> Town:
    return Town()


def sentences(done):
    return [each.sentence for each in done.warnings]


def held_of(town, asked, *doors, **fields):
    return carried_out(town.plan(asked, *doors), asked, list(doors), **fields)


def test_a_single_lock_gets_one_new_pin_for_the_window(town):
    done = town.plan(wish(), lock())

    (row,) = done.rows
    (line,) = row.lines
    assert done.is_savable
    assert (row.action, row.source, len(row.digits)) == (Action.CREATE, Source.MADE, 6)
    assert line.window == Window(NOW + DAY, NOW + 3 * DAY)
    assert line.sentence == "A new PIN opens it from 28 Mar, 14:00 until 30 Mar, 14:00."


def test_several_doors_share_one_pin(town):
    done = town.plan(wish(), lock("A"), lock("B"), lock("C"))

    (row,) = done.rows
    assert len(row.door_ids) == 3
    assert "the same at 3 doors" in row.lines[0].sentence


def test_a_requested_code_that_is_free_is_used(town):
    done = town.plan(wish(digits="2749"), lock())

    assert (done.rows[0].digits, done.rows[0].source) == ("2749", Source.ASKED)
    assert done.warnings == ()


def test_a_requested_code_that_is_taken_on_one_door_is_another_there_and_a_warning(town):
    one, two = lock("A"), lock("B")
    town.take(two, "2749")

    done = town.plan(wish(digits="2749"), one, two)

    other = digits_at(done, two)
    assert digits_at(done, one) == "2749"
    assert other != "2749"
    (warning,) = done.warnings
    assert warning.as_seam() == {
        "warning_code": "requested_code_unavailable",
        "message": "B gets another PIN: the one asked for cannot be used there at that time.",
        "device_id": str(two.id),
        "original_code": "2749",
        "new_code": other,
    }


def test_a_requested_code_of_the_wrong_length_becomes_a_fitting_one(town):
    six = replace(KEYPAD, lengths=(6,))

    done = town.plan(wish(digits="2749"), lock("A"), lock("B", codes=six))

    assert digits_at(done, lock("A")) == "2749"
    assert len(digits_at(done, lock("B"))) == 6
    assert sentences(done) == ["B gets another PIN: it accepts 6 digits."]


def test_several_salto_doors_ignore_the_requested_code_and_share_one(town):
    done = town.plan(wish(digits="2749"), salto("Lobby"), salto("Gym"), lock("Room"))

    theirs = next(row for row in done.rows if row.source == Source.PROVIDER)
    assert {line.door_name for line in theirs.lines} == {"Lobby", "Gym"}
    assert theirs.digits == ""
    assert digits_at(done, lock("Room")) == "2749"
    assert [each.awaits_digits for each in done.warnings] == [True, True]
    assert sentences(done) == [
        "Lobby: several Salto locks share a PIN that is made for them.",
        "Gym: several Salto locks share a PIN that is made for them.",
    ]


def test_several_salto_doors_that_take_digits_share_a_made_one(town):
    doors = [salto(name, codes=KEYPAD) for name in ("Lobby", "Gym")]

    done = town.plan(wish(digits="2749"), *doors)

    (row,) = done.rows
    assert row.source == Source.MADE
    assert row.digits != "2749"
    assert len(done.warnings) == 2


def test_one_salto_door_says_that_salto_chooses(town):
    done = town.plan(wish(digits="2749"), salto())

    assert sentences(done) == ["Lobby: Salto chooses the PIN."]
    line = done.rows[0].lines[0]
    assert line.sentence.startswith("Salto chooses the PIN. It opens the door from 28 Mar")
    assert "Salto ends it by itself, even while the lock is offline." in line.notes


def test_a_door_without_keypad_is_left_out_with_a_warning(town):
    bare = lock("B", codes=None, why_not={CODE: "This lock has no keypad."})

    done = town.plan(wish(), lock("A"), bare)

    assert done.is_savable
    assert told(done) == {("A", CODE): Action.CREATE}
    (warning,) = done.warnings
    assert warning.as_seam() == {
        "warning_code": "device_does_not_support_access_codes",
        "message": "B gets no PIN. This lock has no keypad.",
        "device_id": str(bare.id),
    }
    assert [each.door_name for each in done.left_out] == ["B"]
    assert done.missing_device_ids == (bare.id,)


def test_a_grant_that_opens_nothing_cannot_be_saved(town):
    done = town.plan(wish(), lock(codes=None))

    assert [(each.field, each.status) for each in done.problems] == [
        ("requested_access_methods", 400)
    ]


@pytest.mark.parametrize(
    ("limits", "fields", "reason", "sentence"),
    [
        (
            TimeLimits(longest=DAY),
            {},
            "duration_exceeds_max",
            "Its codes last 24 hours at most.",
        ),
        (
            TimeLimits(slots=(((15, 0), (11, 0)),)),
            {},
            "times_do_not_match_slots",
            "Its codes go from 15:00 to 11:00 only.",
        ),
        (
            TimeLimits(same_time=True),
            {"ends_at": NOW + 2 * DAY + HOUR},
            "times_do_not_match_slots",
            "Its codes must end at the time of day they start.",
        ),
        (
            TimeLimits(takes_ongoing=False),
            {"ends_at": None},
            "ongoing_not_supported",
            "Its codes must have an end.",
        ),
    ],
)
def test_a_window_that_a_lock_does_not_take_is_said_with_its_reason(
    town, limits, fields, reason, sentence
):
    done = town.plan(wish(**fields), lock("A"), lock("B", limits=limits))

    (warning,) = done.warnings
    assert dict(warning.fields) == {"device_id": str(lock("B").id), "reason": reason}
    assert warning.code == "device_time_constraints_violated"
    assert warning.sentence == f"B gets no PIN for these times. {sentence}"
    assert told(done) == {("A", CODE): Action.CREATE}


def test_slots_are_met_in_local_time_over_the_change_of_clocks(town):
    """15:00 before the change and 11:00 after it, in Amsterdam."""
    slots = TimeLimits(slots=(((15, 0), (11, 0)),))
    starts_at = NOW + 2 * HOUR  # 15:00 CET; at 11:00 CEST it is 9:00 UTC

    done = town.plan(wish(starts_at=starts_at, ends_at=NOW + DAY - 3 * HOUR), lock(limits=slots))

    assert done.warnings == ()


def test_no_free_slot_is_said_before_saving(town):
    done = town.plan(wish(), lock(slots=Slots(free=0, total=20)))

    assert [each.sentence for each in done.problems] == [
        "Room 1: It holds 20 codes and all are taken: revoke one first"
    ]


def test_no_free_seat_is_said_before_saving_and_once(town):
    seats = Seats(free=0, total=10)

    done = town.plan(wish(), salto("Lobby", seats=seats), salto("Gym", seats=seats))

    assert [(each.field, each.sentence) for each in done.problems] == [
        (
            "doors",
            "Canal House has 0 of 10 seats free and 1 would be needed: revoke codes there, or"
            " remove users in Salto",
        )
    ]


def test_one_seat_serves_all_doors_of_a_site(town):
    seats = Seats(free=1, total=10)

    done = town.plan(wish(), salto("Lobby", seats=seats), salto("Gym", seats=seats))

    assert done.is_savable


def test_each_code_takes_a_seat_where_seats_are_not_shared(town):
    seats = Seats(free=1, total=10, is_shared=False)

    done = town.plan(wish(), salto("Lobby", seats=seats), salto("Gym", seats=seats))

    assert "2 would be needed" in done.problems[0].sentence


def test_without_a_seat_the_next_method_is_taken_if_the_first_that_works_is_enough(town):
    door = salto(seats=Seats(free=0, total=10))

    done = town.plan(wish(CODE, CLOUD, policy=Policy.FIRST), door)

    assert done.is_savable
    assert told(done) == {("Lobby", CLOUD): Action.CREATE}
    assert done.notes[0].startswith("Lobby: Canal House has 0 of 10 seats free")


def test_first_that_works_goes_by_the_order_of_the_methods_at_each_door(town):
    done = town.plan(wish(CARD, CODE, policy=Policy.FIRST), lock("A"), room("B"))

    assert told(done) == {("A", CODE): Action.CREATE, ("B", CARD): Action.CREATE}


def test_what_a_door_has_is_not_swapped_for_a_method_that_works_meanwhile(town):
    asked = wish(CODE, CLOUD, policy=Policy.FIRST)
    held = held_of(town, asked, lock(codes=None))

    assert town.plan(asked, lock(), held=held).changes_nothing


def test_two_gives_two_of_three(town):
    door = lock("A", takes_card=True)

    done = town.plan(wish(CODE, CARD, CLOUD, policy=Policy.TWO), door)

    assert set(told(done)) == {("A", CODE), ("A", CARD)}


def test_two_methods_at_once(town):
    done = town.plan(wish(CODE, CLOUD), lock())

    assert set(told(done)) == {("Room 1", CODE), ("Room 1", CLOUD)}


def test_one_grant_over_salto_ks_salto_space_and_a_seam_lock(town):
    done = town.plan(wish(CODE, CARD, policy=Policy.FIRST), salto(), room(), lock())

    assert told(done) == {
        ("Lobby", CODE): Action.CREATE,
        ("Room 101", CARD): Action.CREATE,
        ("Room 1", CODE): Action.CREATE,
    }
    needs = {row.mode: row.need for row in done.rows}
    assert needs[CARD] == Need.ENCODING


def test_a_tag_is_assigned_not_written(town):
    done = town.plan(wish(CARD), salto(takes_card=True))

    assert done.rows[0].need == Need.ASSIGNMENT
    assert "once one was assigned at the desk" in done.rows[0].lines[0].sentence


def test_a_system_gets_one_card_for_all_its_doors(town):
    done = town.plan(wish(CARD), room("101"), room("Pool"))

    (row,) = done.rows
    assert len(row.lines) == 2


def test_a_mobile_key_says_what_its_person_lacks(town):
    nobody = Person(id=None)

    done = town.plan(wish(MOBILE, person=nobody), room(mobile_key_needs="email"))

    assert [each.code for each in done.warnings] == ["user_identity_missing_email_address"]
    assert done.rows[0].instant_key_max_use_count == 1


def test_seconds_are_rounded_and_said(town):
    odd = timedelta(seconds=42)

    done = town.plan(wish(starts_at=NOW + DAY + odd, ends_at=NOW + 2 * DAY + odd), lock())

    line = done.rows[0].lines[0]
    assert line.window == Window(NOW + DAY, NOW + 2 * DAY + timedelta(minutes=1))
    assert line.notes[:2] == (
        "The start is rounded down to 14:00.",
        "The end is rounded up to 14:01.",
    )


def test_a_lock_that_wants_a_start_to_come_gets_the_next_one_and_keeps_it(town):
    later = replace(KEYPAD, constraints=frozenset([CodeConstraint.START_DATE_IN_FUTURE]))
    door, asked = lock(codes=later), wish(starts_at=NOW - HOUR)

    done = town.plan(asked, door)
    again = town.plan(asked, door, held=carried_out(done, asked, [door]), now=NOW + HOUR)

    assert done.rows[0].lines[0].window.starts_at == NOW + timedelta(minutes=1)
    assert again.changes_nothing


def test_a_lock_that_ends_nothing_by_itself_has_to_be_online_then(town):
    door = lock(codes=CodeRules(lengths=(4,)), is_online=False)

    notes = town.plan(wish(), door).rows[0].lines[0].notes

    assert notes == (
        "It is offline now: it hears of this when it is online again.",
        "Lockboard removes it 30 Mar, 14:00: the lock has to be online then.",
    )


# --- the same person ------------------------------------------------------------------


def test_the_same_person_keeps_the_same_pin_over_grants(town):
    before = wish(digits="2749", starts_at=NOW - 9 * DAY, ends_at=NOW - 8 * DAY)
    past = town.plan(before, lock("A"), now=NOW - 10 * DAY)
    theirs = carried_out(past, before, [lock("A")])

    done = town.plan(wish(), lock("A"), lock("B"), others=theirs)

    assert [(row.digits, row.source) for row in done.rows] == [("2749", Source.REUSED)]
    assert done.rows[0].method_id is None


def test_a_pin_that_is_taken_there_is_not_reused(town):
    asked = wish(digits="2749")
    theirs = carried_out(town.plan(asked, lock("A")), asked, [lock("A")])
    town.take(lock("B"), "2749")

    done = town.plan(wish(), lock("B"), others=theirs)

    assert done.rows[0].source == Source.MADE


def test_a_stay_that_follows_on_at_the_same_door_goes_on_with_the_same_pin(town):
    first = wish(digits="2749")
    theirs = carried_out(town.plan(first, lock()), first, [lock()], is_issued=True)
    asked = wish(starts_at=first.ends_at, ends_at=first.ends_at + 2 * DAY)

    done = town.plan(asked, lock(), others=theirs)

    (row,) = done.rows
    (line,) = row.lines
    assert (row.method_id, row.digits, row.is_joined) == (theirs[0].id, "2749", True)
    assert (line.action, line.window) == (
        Action.REISSUE,
        Window(first.starts_at, asked.ends_at),
    )
    held = carried_out(done, asked, [lock()], theirs)
    assert town.plan(asked, lock(), held=held, others=theirs).changes_nothing


def test_revoking_one_of_two_stays_leaves_the_pin_to_the_other(town):
    first = wish(digits="2749")
    theirs = carried_out(town.plan(first, lock()), first, [lock()])
    asked = wish(starts_at=first.ends_at, ends_at=first.ends_at + 2 * DAY)
    held = carried_out(town.plan(asked, lock(), others=theirs), asked, [lock()], theirs)

    done = plan_end(held, now=NOW)

    (line,) = done.lines
    assert (line.action, line.window) == (Action.CHANGE, Window(first.starts_at, first.ends_at))
    assert line.is_left
    assert done.rows[0].door_ids == frozenset()


def joined_stays(town, mode=CODE, door=None):
    """Two stays that follow one another, on one PIN or card: the second one's methods."""
    door = door or lock()
    first = wish(mode)
    theirs = held_of(town, first, door, is_issued=True)
    asked = wish(mode, starts_at=first.ends_at, ends_at=first.ends_at + DAY)
    done = town.plan(asked, door, others=theirs)
    assert done.rows[0].is_joined
    return asked, theirs, carried_out(done, asked, [door], theirs)


def test_a_stay_that_moves_away_leaves_the_pin_and_opens_nothing_between(town):
    asked, theirs, held = joined_stays(town)
    later = replace(asked, starts_at=asked.starts_at + DAY, ends_at=asked.ends_at + DAY)

    done = town.plan(later, lock(), held=held, others=theirs)

    new, old = done.rows
    assert (new.action, new.digits, new.source) == (Action.CREATE, held[0].digits, Source.REUSED)
    assert new.lines[0].window == Window(later.starts_at, later.ends_at)
    assert (old.lines[0].is_left, old.lines[0].window) == (True, theirs[0].doors[0].window)


def test_a_shared_card_is_left_to_the_other_stay_when_doors_are_added(town):
    asked, theirs, held = joined_stays(town, CARD, room("101"))

    done = town.plan(asked, room("101"), room("Pool"), held=held, others=theirs)

    new, old = done.rows
    assert (new.method_id, new.need, len(new.lines)) == (None, Need.ENCODING, 2)
    assert old.lines[0].is_left


def test_a_stay_extended_into_another_one_becomes_one_with_its_pin(town):
    first = wish(digits="2749")
    held = held_of(town, first, lock())
    second = wish(starts_at=first.ends_at + DAY, ends_at=first.ends_at + 2 * DAY)
    others = carried_out(town.plan(second, lock(), others=held), second, [lock()])
    assert others[0].digits == "2749"

    done = town.plan(replace(first, ends_at=second.ends_at), lock(), held=held, others=others)

    both, old = done.rows
    assert (both.digits, both.method_id) == ("2749", others[0].id)
    assert both.lines[0].window == Window(first.starts_at, second.ends_at)
    assert (old.method_id, old.action) == (held[0].id, Action.REVOKE)
    assert old.lines[0].sentence == (
        "It becomes one with the PIN of their other stay, with the same digits."
    )


def test_a_gap_of_minutes_between_two_stays_means_another_pin(town):
    """One lock would take the same digits twice, too near to one another (CODE-09)."""
    first = wish(digits="2749")
    theirs = carried_out(town.plan(first, lock()), first, [lock()])
    starts_at = first.ends_at + timedelta(minutes=5)

    done = town.plan(wish(starts_at=starts_at, ends_at=starts_at + DAY), lock(), others=theirs)

    assert done.rows[0].digits != "2749"


def test_the_card_of_a_stay_that_follows_on_is_written_again(town):
    first = wish(CARD)
    theirs = carried_out(town.plan(first, room()), first, [room()], is_issued=True)
    asked = wish(CARD, starts_at=first.ends_at, ends_at=first.ends_at + DAY)

    done = town.plan(asked, room(), others=theirs)

    (row,) = done.rows
    assert (row.method_id, row.need, row.is_joined) == (theirs[0].id, Need.ENCODING, True)


def test_a_card_of_other_doors_is_not_joined_as_they_would_open_longer(town):
    first = wish(CARD)
    theirs = carried_out(town.plan(first, room("101")), first, [room("101")], is_issued=True)
    asked = wish(CARD, starts_at=first.ends_at, ends_at=first.ends_at + DAY)

    done = town.plan(asked, room("102"), others=theirs)

    assert done.rows[0].method_id is None


def test_a_card_of_more_doors_is_not_joined_either(town):
    first = wish(CARD)
    theirs = held_of(town, first, room("101"), room("102"), is_issued=True)
    asked = wish(CARD, starts_at=first.ends_at, ends_at=first.ends_at + DAY)

    done = town.plan(asked, room("101"), others=theirs)

    assert done.rows[0].method_id is None


# --- changes --------------------------------------------------------------------------


def test_extending_an_issued_code_reissues_it_with_the_same_digits(town):
    asked = wish(digits="2749")
    held = held_of(town, asked, lock(), is_issued=True)

    done = town.plan(replace(asked, ends_at=NOW + 4 * DAY), lock(), held=held)

    (row,) = done.rows
    assert (row.action, row.digits, row.method_id) == (Action.REISSUE, "2749", held[0].id)
    assert row.lines[0].sentence == (
        "The PIN stays the same and opens it from 28 Mar, 14:00 until 31 Mar, 14:00."
    )
    assert [each.as_seam()["access_method_ids"] for each in done.warnings] == [[str(held[0].id)]]


def test_extending_what_nobody_has_yet_only_changes_it(town):
    asked = wish()
    held = held_of(town, asked, lock())

    done = town.plan(replace(asked, ends_at=NOW + 4 * DAY), lock(), held=held)

    assert done.rows[0].action == Action.CHANGE


def test_extending_asks_for_a_card_to_be_written_again(town):
    asked = wish(CARD)
    held = held_of(town, asked, room(), is_issued=True)

    done = town.plan(replace(asked, ends_at=NOW + 4 * DAY), room(), held=held)

    assert (done.rows[0].action, done.rows[0].need) == (Action.REISSUE, Need.ENCODING)
    assert "once it was written again; until then as before" in done.rows[0].lines[0].sentence


def test_a_key_on_the_web_is_given_out_again_by_itself(town):
    asked = wish(CLOUD)
    held = held_of(town, asked, lock(), is_issued=True)

    done = town.plan(replace(asked, ends_at=NOW + 4 * DAY), lock(), held=held)

    assert (done.rows[0].action, done.rows[0].need) == (Action.REISSUE, Need.NOTHING)


def test_adding_a_door_gives_it_the_same_pin_and_leaves_the_others_alone(town):
    asked = wish()
    held = held_of(town, asked, lock("A"), is_issued=True)

    done = town.plan(asked, lock("A"), lock("B"), held=held)

    assert told(done) == {("A", CODE): Action.KEEP, ("B", CODE): Action.CREATE}
    assert [row.digits for row in done.rows] == [held[0].digits]
    assert done.devices_before < done.devices_after


def test_adding_a_door_to_a_written_card_means_writing_it_again(town):
    asked = wish(CARD)
    held = held_of(town, asked, room("101"), is_issued=True)

    done = town.plan(asked, room("101"), room("Pool"), held=held)

    assert (done.rows[0].action, done.rows[0].need) == (Action.REISSUE, Need.ENCODING)
    assert told(done) == {("101", CARD): Action.KEEP, ("Pool", CARD): Action.CREATE}


def test_moving_room_keeps_the_pin(town):
    asked = wish()
    held = held_of(town, asked, lock("101"), is_issued=True)

    done = town.plan(asked, lock("102"), held=held)

    assert told(done) == {("101", CODE): Action.REVOKE, ("102", CODE): Action.CREATE}
    assert digits_at(done, lock("102")) == held[0].digits


def test_moving_room_within_a_card_system_rewrites_the_same_card(town):
    asked = wish(CARD)
    held = held_of(town, asked, room("101"), is_issued=True)

    done = town.plan(asked, room("102"), held=held)

    (row,) = done.rows
    assert (row.method_id, row.action, row.need) == (held[0].id, Action.REISSUE, Need.ENCODING)


def test_a_method_that_is_not_asked_for_any_more_is_revoked(town):
    held = held_of(town, wish(CODE, CLOUD), lock())

    done = town.plan(wish(CODE), lock(), held=held)

    assert told(done) == {("Room 1", CODE): Action.KEEP, ("Room 1", CLOUD): Action.REVOKE}


def test_digits_nobody_used_may_change_when_others_are_asked_for(town):
    held = held_of(town, wish(digits="2749"), lock(), is_delivered=True)

    done = town.plan(wish(digits="8361"), lock(), held=held)

    assert digits_at(done, lock()) == "8361"
    assert {row.action for row in done.rows} == {Action.CREATE, Action.REVOKE}
    assert done.notes == (
        "The PIN of Room 1 changes. They were told the old one: tell them the new one.",
    )


def test_digits_never_change_after_first_use(town):
    held = held_of(town, wish(digits="2749"), lock(), is_used=True)

    done = town.plan(wish(digits="8361"), lock(), held=held)

    assert done.changes_nothing
    assert sentences(done) == ["Room 1: the PIN in use there is not changed."]


def test_a_used_pin_that_meets_another_when_extended_prevents_saving(town):
    asked = wish(digits="2749")
    held = held_of(town, asked, lock(), is_used=True)
    town.take(lock(), "2749", Window(asked.ends_at + HOUR, asked.ends_at + DAY))

    done = town.plan(replace(asked, ends_at=asked.ends_at + DAY), lock(), held=held)

    assert [(each.field, each.status) for each in done.problems] == [("ends_at", 409)]
    assert done.status == 409
    assert digits_at(done, lock()) == "2749"


def test_an_unused_pin_that_meets_another_when_extended_is_another(town):
    asked = wish(digits="2749")
    held = held_of(town, asked, lock())
    town.take(lock(), "2749", Window(asked.ends_at + HOUR, asked.ends_at + DAY))

    done = town.plan(replace(asked, ends_at=asked.ends_at + DAY), lock(), held=held)

    assert done.is_savable
    assert digits_at(done, lock()) != "2749"


@pytest.mark.parametrize(("is_used", "problems"), [(False, 0), (True, 1)])
def test_salto_ends_a_pin_by_itself_so_extending_further_needs_a_new_one(town, is_used, problems):
    asked = wish()
    ends = {"digits_end_at": asked.ends_at, "digits": "482913", "is_used": is_used}
    held = held_of(town, asked, salto(), **ends)

    done = town.plan(replace(asked, ends_at=asked.ends_at + DAY), salto(), held=held)

    assert len(done.problems) == problems
    assert done.rows[0].wants_new_digits is not is_used


def test_a_salto_pin_that_ends_too_soon_for_the_new_door_is_made_anew(town):
    asked = wish()
    held = held_of(town, asked, salto("Lobby"), digits_end_at=asked.ends_at, digits="482913")

    done = town.plan(replace(asked, ends_at=asked.ends_at + DAY), salto("Gym"), held=held)

    assert done.rows[0].wants_new_digits


def test_a_lock_that_takes_no_longer_code_keeps_the_one_it_has(town):
    door, asked = lock(limits=TimeLimits(longest=2 * DAY)), wish()
    held = held_of(town, asked, door)

    done = town.plan(replace(asked, ends_at=asked.ends_at + DAY), door, held=held)

    assert told(done) == {("Room 1", CODE): Action.KEEP}
    assert [each.code for each in done.warnings] == ["device_time_constraints_violated"]


def test_what_is_there_stays_though_the_lock_shows_no_capability_while_offline(town):
    asked = wish(CODE, CLOUD)
    held = held_of(town, asked, lock())
    away = lock(codes=None, takes_cloud_key=False, is_online=False)

    assert town.plan(asked, away, held=held).changes_nothing


def test_a_stay_that_has_begun_cannot_begin_later(town):
    asked = wish(starts_at=NOW - HOUR)
    held = held_of(town, asked, lock())

    done = town.plan(replace(asked, starts_at=NOW + HOUR), lock(), held=held)

    assert [each.field for each in done.problems] == ["starts_at"]


def test_revoking_takes_everything_back_and_says_what_is_late(town):
    doors = [lock(is_online=False), room()]
    held = held_of(town, wish(CODE, CARD), *doors)

    done = plan_end(held, now=NOW)

    assert {line.action for line in done.lines} == {Action.REVOKE}
    said = {line.door_name: (line.sentence, *line.notes) for line in done.lines}
    assert said == {
        "Room 1": (
            "The PIN stops opening it.",
            "It is offline now: it may go on opening until it is online again.",
        ),
        "Room 101": (
            "The card stops opening it once the card is updated, or the door hears of it.",
        ),
    }


# --- what cannot be saved (reliability C) ---------------------------------------------


@pytest.mark.parametrize(
    ("asked", "doors", "field", "sentence"),
    [
        (wish(), [], "doors", "choose at least one door"),
        (wish(), [lock(str(n)) for n in range(101)], "doors", "choose at most 100 doors"),
        (
            wish(),
            [lock("A"), lock("B", property_id=UUID(int=77))],
            "doors",
            "doors belong to different sites",
        ),
        (wish(ends_at=NOW), [lock()], "ends_at", "end must be after start"),
        (
            wish(starts_at=NOW - DAY, ends_at=NOW - HOUR),
            [lock()],
            "ends_at",
            "end is already over",
        ),
        (
            wish(ends_at=NOW + 2000 * DAY),
            [lock()],
            "ends_at",
            "duration 1 minute – 5 years",
        ),
        (wish(digits="123"), [lock()], "digits", "code: 4–9 digits 0–9"),
        (wish(digits="12a4"), [lock()], "digits", "code: 4–9 digits 0–9"),
        (wish(digits="1234"), [lock()], "digits", "code is too easy to guess"),
        (
            wish(digits="2749", person=Person(phone="+31612342749")),
            [lock()],
            "digits",
            "code is too easy to guess",
        ),
        (
            wish(CODE, CODE),
            [lock()],
            "requested_access_methods",
            "choose 1–4 of code, mobile_key, card, cloud_key",
        ),
        (
            replace(wish(), requests=()),
            [lock()],
            "requested_access_methods",
            "choose 1–4 of code, mobile_key, card, cloud_key",
        ),
        (
            replace(wish(), requests=(Request(mode=CARD, digits="2749"),)),
            [room()],
            "digits",
            "digits are for codes only",
        ),
    ],
)
def test_bad_input_is_told_with_its_field(town, asked, doors, field, sentence):
    done = town.plan(asked, *doors)

    assert (field, sentence) in [(each.field, each.sentence) for each in done.problems]


def test_a_door_chosen_twice_counts_once(town):
    assert len(list(town.plan(wish(), lock(), lock()).lines)) == 1


def test_a_key_in_use_is_a_conflict_that_names_the_other_grant(town):
    done = town.plan(wish(key_taken_by=UUID(int=5)), lock())

    assert [(each.field, each.status) for each in done.problems] == [("access_grant_key", 409)]
    assert str(UUID(int=5)) in done.problems[0].sentence


def test_a_lock_without_free_digits_is_said(town):
    town.is_free = lambda *asked: False

    done = town.plan(wish(), lock(), lock("B", codes=SALTO, is_salto=True))

    assert [each.sentence for each in done.problems] == [
        "Room 1: no free digits are left that this lock takes"
    ]


def test_locks_whose_lengths_do_not_go_together_get_two_pins(town):
    four, six = replace(KEYPAD, lengths=(4,)), replace(KEYPAD, lengths=(6,))

    done = town.plan(wish(), lock("A", codes=four), lock("B", codes=six), lock("C", codes=four))

    assert [len(row.door_ids) for row in done.rows] == [2, 1]
