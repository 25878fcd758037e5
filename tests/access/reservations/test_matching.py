from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from access.reservations import calendars, matching
from access.reservations.known import Ending, Known
from access.reservations.matching import ABSENCES, APART, Do, Source
from access.reservations.stays import Guest, Reading, Row, Stay, Verdict
from tests.access.reservations.samples import AIRBNB, AMSTERDAM, BOOKING, HOUSE, NOW, calendar

CALENDAR = Source(zone=AMSTERDAM, lists_all=True, unclear_are_stays=False)
TABLE = replace(CALENDAR, lists_all=False)
BROKEN_OFF = "The calendar breaks off before its end."


def make_stay(uid="a", starts=date(2026, 12, 1), ends=date(2026, 12, 3), **options):
    return Stay(
        **{
            "uid": uid,
            "starts_at": HOUSE.arrival(starts),
            "ends_at": HOUSE.departure(ends),
            "starts_on": starts,
            "ends_on": ends,
            "by_date": True,
            "guest": Guest(name="Jane Doe"),
            **options,
        }
    )


def reading_of(*stays, doubt="", others=()):
    rows = [
        Row(number=i, text="x", verdict=Verdict.STAY, uid=stay.uid, stay=stay)
        for i, stay in enumerate(stays, 1)
    ]
    return Reading(rows=(*rows, *others), doubt=doubt)


def plan(reading, *known, source=CALENDAR, at=NOW):
    return matching.plan(reading, known, source=source, at=at)


def the_step(reading, *known, **options):
    (step,) = plan(reading, *known, **options).steps
    return step


def stored(known, steps):
    """Do what a plan says, as whoever stores it does."""
    kept = {each.stay.uid: each for each in known}
    for step in steps:
        if step.before:
            del kept[step.before.stay.uid]
        if step.after:
            kept[step.after.stay.uid] = step.after
    return list(kept.values())


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


# --- what is read -------------------------------------------------------------------------


def test_a_new_stay_is_created_and_then_kept():
    stay = make_stay()

    step = the_step(reading_of(stay))
    again = the_step(reading_of(stay), step.after)

    assert (step.do, step.after) == (Do.CREATE, Known(stay=stay))
    assert step.sentence == "Created: 1 Dec 2026 15:00 – 3 Dec 2026 11:00."
    assert (again.do, again.after, again.sentence) == (Do.KEEP, step.after, "Kept as it is.")


@pytest.mark.parametrize(
    ("stay", "sentence"),
    [
        (make_stay(is_cancelled=True), "Skipped: it is cancelled."),
        (make_stay(starts=date(2026, 11, 20), ends=date(2026, 11, 21)), "Skipped: it is over."),
        (
            make_stay(is_unclear=True),
            "Skipped: it may be a booking or closed nights, the calendar does not say.",
        ),
    ],
)
def test_what_is_no_guest_to_come_is_skipped(stay, sentence):
    step = the_step(reading_of(stay))

    assert (step.do, step.after, step.sentence) == (Do.SKIP, None, sentence)


def test_whether_closed_nights_of_booking_com_are_guests_is_decided_per_calendar():
    source = replace(CALENDAR, unclear_are_stays=True)

    assert the_step(reading_of(make_stay(is_unclear=True)), source=source).do is Do.CREATE


def test_other_dates_change_a_stay():
    known = Known(stay=make_stay(), absences=2, absent_at=NOW)
    later = make_stay(ends=date(2026, 12, 4))

    step = the_step(reading_of(later), known)

    assert (step.do, step.after) == (Do.CHANGE, Known(stay=later))
    (change,) = step.changes
    assert (change.field, change.was, change.becomes) == (
        "ends_at",
        utc(2026, 12, 3, 10),
        utc(2026, 12, 4, 10),
    )
    assert step.sentence == "Changed: ends 4 Dec 2026 11:00 (was 3 Dec 2026 11:00)."


def test_what_a_source_tells_no_more_is_not_forgotten():
    known = Known(stay=make_stay(reference="HM1", guest=Guest(name="Jane", phone_ends="1234")))

    step = the_step(reading_of(make_stay(guest=Guest())), known)

    assert (step.do, step.after) == (Do.KEEP, known)


def test_a_name_corrected_by_hand_survives_and_an_e_mail_is_not_in_the_sentence():
    known = Known(stay=make_stay(guest=Guest(name="Jane Roe")), corrected=frozenset({"name"}))
    told = make_stay(guest=Guest(name="J. Doe", email="jane@example.com"))

    step = the_step(reading_of(told), known)

    assert step.after.stay.guest == Guest(name="Jane Roe", email="jane@example.com")
    assert step.sentence == "Changed: e-mail."


def test_a_cancelled_stay_ends_at_once_also_while_it_is_going_on():
    known = Known(stay=make_stay())
    cancelled = make_stay(is_cancelled=True)

    step = the_step(reading_of(cancelled), known, at=utc(2026, 12, 2))
    again = the_step(reading_of(cancelled), step.after, at=utc(2026, 12, 2))

    assert (step.do, step.after.ending) == (Do.END, Ending.BY_SOURCE)
    assert (again.do, again.after) == (Do.KEEP, step.after)


def test_what_comes_back_has_what_a_person_set():
    stay = make_stay(guest=Guest(name="Jane Roe"))
    by_hand = Known(
        stay=stay,
        starts_by_hand=utc(2026, 12, 1, 9),
        corrected=frozenset({"name"}),
        absences=3,
        absent_at=NOW,
        ending=Ending.BY_SOURCE,
    )

    back = the_step(reading_of(make_stay(ends=date(2026, 12, 4))), by_hand)

    assert (back.do, back.after.starts_at, back.after.ending) == (
        Do.CREATE,
        utc(2026, 12, 1, 9),
        None,
    )
    assert (back.after.stay.guest.name, back.after.absences) == ("Jane Roe", 0)
    assert back.sentence == "Created again, it is back: 1 Dec 2026 10:00 – 4 Dec 2026 11:00."


def test_what_comes_back_after_the_end_that_a_person_set_stays_ended():
    over = Known(stay=make_stay(), ends_by_hand=utc(2026, 12, 2), ending=Ending.BY_SOURCE)

    step = the_step(reading_of(make_stay()), over, at=utc(2026, 12, 2, 12))

    assert (step.do, step.after) == (Do.KEEP, over)


def test_what_a_person_ended_stays_ended_and_what_the_source_ended_comes_back():
    stay = make_stay()
    by_hand, by_source = (Known(stay=stay, ending=each) for each in Ending)

    assert the_step(reading_of(stay), by_hand).do is Do.SKIP
    back = the_step(reading_of(stay), by_source)
    assert (back.do, back.after) == (Do.CREATE, Known(stay=stay))


def test_a_number_that_passed_to_another_booking_says_so():
    known = Known(stay=make_stay(reference="HM1"), starts_by_hand=utc(2026, 12, 1, 11))
    other = make_stay(reference="HM2", guest=Guest())

    step = the_step(reading_of(other), known)

    assert (step.do, step.is_other_guest, step.after) == (Do.CHANGE, True, Known(stay=other))


# --- set by hand --------------------------------------------------------------------------


def test_early_check_in_and_late_check_out_survive():
    known = Known(
        stay=make_stay(),
        starts_by_hand=utc(2026, 12, 1, 11),
        ends_by_hand=utc(2026, 12, 3, 13),
    )

    step = the_step(reading_of(make_stay()), known)

    assert (step.do, step.after) == (Do.KEEP, known)


def test_a_time_set_by_hand_moves_along_with_its_day():
    known = Known(stay=make_stay(), ends_by_hand=utc(2026, 12, 3, 13))

    step = the_step(reading_of(make_stay(ends=date(2026, 12, 5))), known)

    assert step.after.ends_by_hand == utc(2026, 12, 5, 13)
    assert [(each.field, each.becomes) for each in step.changes] == [
        ("ends_at", utc(2026, 12, 5, 13))
    ]


def test_a_time_set_by_hand_is_the_same_on_the_clock_after_it_changes():
    known = Known(
        stay=make_stay(starts=date(2027, 3, 26), ends=date(2027, 3, 27)),
        ends_by_hand=utc(2027, 3, 27, 13),
    )

    step = the_step(reading_of(make_stay(starts=date(2027, 3, 26), ends=date(2027, 3, 28))), known)

    assert step.after.ends_by_hand == utc(2027, 3, 28, 12)  # 14:00, in summer time now


def test_a_night_added_by_hand_is_kept_and_somebody_should_look():
    known = Known(stay=make_stay(), ends_by_hand=utc(2026, 12, 6, 10))
    told = reading_of(make_stay(ends=date(2026, 12, 4)))

    step = the_step(told, known)
    again = the_step(told, step.after)

    assert (step.do, step.after.ends_at, step.needs_look) == (Do.KEEP, known.ends_at, True)
    assert step.sentence == (
        "Kept as it is. The source has another end now; the one set by hand is kept."
    )
    assert (again.needs_look, again.after) == (False, step.after)


def test_hands_that_do_not_fit_new_dates_go():
    known = Known(stay=make_stay(), ends_by_hand=utc(2026, 12, 6, 10))
    moved = make_stay(starts=date(2026, 12, 10), ends=date(2026, 12, 12))

    step = the_step(reading_of(moved), known)

    assert (step.after, step.needs_look) == (Known(stay=moved), True)


def test_a_stay_that_has_begun_keeps_its_start_where_a_calendar_cuts_off_the_past():
    known = Known(stay=make_stay())
    cut = make_stay(starts=date(2026, 12, 2))

    step = the_step(reading_of(cut), known, at=utc(2026, 12, 2, 8))

    assert (step.do, step.after) == (Do.KEEP, known)


# --- another number -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"reference": "HM1"}, {"reference": "HM1", "ends": date(2026, 12, 5), "guest": Guest()}),
        ({}, {}),
    ],
)
def test_a_stay_keeps_its_identity_under_another_number(before, after):
    known = Known(stay=make_stay("old", **before), starts_by_hand=utc(2026, 12, 1, 11))

    step = the_step(reading_of(make_stay("new", **after)), known)

    assert (step.before, step.after.stay.uid) == (known, "new")
    assert step.after.starts_by_hand == known.starts_by_hand


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"guest": Guest()}, {"guest": Guest()}),  # the same nights, nobody named
        ({"guest": Guest(name="Jim")}, {}),
        ({"reference": "HM1"}, {"reference": "HM2"}),
        ({}, {"ends": date(2026, 12, 5)}),
    ],
)
def test_the_nights_alone_do_not_make_it_the_same_stay(before, after):
    known = Known(stay=make_stay("old", **before))

    new, old = plan(reading_of(make_stay("new", **after)), known).steps

    assert (new.do, old.do, old.after.absences) == (Do.CREATE, Do.KEEP, 1)


@pytest.mark.parametrize(("reference", "expected"), [("HM1", Do.SKIP), ("", Do.CREATE)])
def test_what_a_person_ended_stays_ended_under_another_number(reference, expected):
    known = Known(stay=make_stay("old", reference=reference), ending=Ending.BY_HAND)

    step = plan(reading_of(make_stay("new", reference=reference)), known).steps[0]

    assert step.do is expected


def test_two_that_could_be_meant_are_left_alone():
    known = [Known(stay=make_stay(uid)) for uid in ("one", "two")]

    assert plan(reading_of(make_stay("new")), *known).steps[0].do is Do.CREATE


# --- what is missing ----------------------------------------------------------------------


def test_code_06_two_empty_readings_end_nothing_and_the_third_does():
    known = Known(stay=make_stay())
    sentences = []

    for turn in range(3):
        step = the_step(reading_of(), known, at=NOW + turn * APART)
        sentences.append(step.sentence)
        known = step.after

    assert sentences == [
        "Kept: missing in 1 of 3 readings.",
        "Kept: missing in 2 of 3 readings.",
        "Ended: missing in 3 readings.",
    ]
    assert known.ending is Ending.BY_SOURCE


def test_code_06_readings_close_together_count_once():
    known = Known(stay=make_stay())

    for seconds in range(0, 119, 10):
        known = the_step(reading_of(), known, at=NOW + timedelta(seconds=seconds)).after

    assert known.absences == 1


def test_a_stay_that_is_there_again_starts_from_nothing():
    known = Known(stay=make_stay(), absences=2, absent_at=NOW)

    assert the_step(reading_of(make_stay()), known).after.absences == 0


def test_a_stay_that_is_going_on_is_reported_and_never_ended():
    known = Known(stay=make_stay(), absences=2, absent_at=NOW)

    step = the_step(reading_of(), known, at=utc(2026, 12, 2))

    assert (step.do, step.after, step.needs_look) == (Do.KEEP, known, True)


def test_an_early_check_in_counts_as_going_on():
    known = Known(stay=make_stay(), absences=2, starts_by_hand=utc(2026, 12, 1, 8))

    assert the_step(reading_of(), known, at=utc(2026, 12, 1, 9)).do is Do.KEEP


def test_a_reading_in_doubt_proves_no_absence():
    known = Known(stay=make_stay(), absences=2)

    whole = plan(reading_of(doubt=BROKEN_OFF), known)

    (step,) = whole.steps
    assert (step.do, step.after) == (Do.KEEP, known)
    assert whole.warning == f"{BROKEN_OFF} No stay is ended because it is missing."


def test_an_entry_that_cannot_be_read_is_not_missing():
    known = Known(stay=make_stay(), absences=2)
    row = Row(number=1, text="x", verdict=Verdict.UNREADABLE, uid="a", reason="Bad.")

    step = the_step(reading_of(others=[row]), known)

    assert (step.do, step.after) == (Do.KEEP, known)
    assert step.sentence == "Kept, but it cannot be read now. Bad."


def test_the_times_of_a_series_that_cannot_be_read_are_not_missing():
    known = Known(stay=make_stay("r#2026-12-01"), absences=2)
    row = Row(number=1, text="x", verdict=Verdict.UNREADABLE, uid="r", reason="Bad.")

    assert [step.do for step in plan(reading_of(others=[row]), known).steps] == [Do.SKIP]


def test_a_stay_that_became_closed_nights_is_missing():
    known = Known(stay=make_stay())
    row = Row(number=1, text="x", verdict=Verdict.BLOCKED, uid="a", reason="Closed.")

    skipped, missing = plan(reading_of(others=[row]), known).steps

    assert (skipped.do, missing.after.absences) == (Do.SKIP, 1)


@pytest.mark.parametrize("ending", Ending)
def test_what_is_over_or_ended_is_not_missing(ending):
    over = Known(stay=make_stay("b", date(2026, 11, 1), date(2026, 11, 3)))

    assert plan(reading_of(), over, Known(stay=make_stay(), ending=ending)).steps == ()


def test_a_table_proves_no_absence():
    assert plan(reading_of(), Known(stay=make_stay(), absences=2), source=TABLE).steps == ()


@pytest.mark.parametrize(
    ("count", "listed", "warning"),
    [
        (
            4,
            0,
            "Of 4 stays known, 4 are missing. They end only if 3 readings say the same.",
        ),
        (1, 0, "Of 1 stay known, 1 is missing. They end only if 3 readings say the same."),
        (4, 2, ""),
        (4, 4, ""),
    ],
)
def test_a_sudden_drop_is_told(count, listed, warning):
    stays = [make_stay(str(i), guest=Guest(name=f"Jane {i}")) for i in range(count)]

    result = plan(reading_of(*stays[:listed]), *(Known(stay=stay) for stay in stays))

    assert result.warning == warning


@pytest.mark.parametrize(
    ("known", "hours", "expected"),
    [
        ([], 1, True),
        ([Known(stay=make_stay())], 1, True),
        ([Known(stay=make_stay(), absences=1)], 1, False),
        ([Known(stay=make_stay(), absences=3, ending=Ending.BY_SOURCE)], 1, True),
        ([], 24, False),
        ([], None, False),
    ],
)
def test_not_modified_is_no_answer_while_a_stay_is_missing(known, hours, expected):
    read_whole_at = None if hours is None else NOW - timedelta(hours=hours)

    answer = matching.may_ask_for_changes_only(known, read_whole_at=read_whole_at, now=NOW)

    assert answer is expected


# --- for any story ------------------------------------------------------------------------

DAYS = st.integers(0, 12).map(lambda n: date(2026, 11, 18) + timedelta(days=n))


@st.composite
def stays(draw):
    starts = draw(DAYS)
    return make_stay(
        draw(st.sampled_from("abcd")),
        starts,
        starts + timedelta(days=draw(st.integers(1, 5))),
        guest=Guest(name=draw(st.sampled_from(["", "Jane", "Jim"]))),
        reference=draw(st.sampled_from(["", "", "HM1", "HM2"])),
        is_cancelled=draw(st.sampled_from([False, False, False, True])),
        is_unclear=draw(st.booleans()),
    )


@st.composite
def readings(draw):
    found = draw(st.lists(stays(), max_size=4, unique_by=lambda stay: stay.uid))
    return reading_of(*found, doubt=draw(st.sampled_from(["", "", "", BROKEN_OFF])))


HANDS = st.none() | st.integers(0, 400).map(
    lambda hours: utc(2026, 11, 18) + timedelta(hours=hours)
)
STORIES = st.lists(
    st.tuples(readings(), st.integers(0, 3600 * 12), HANDS, HANDS), min_size=1, max_size=12
)


def by_hand(known, starts, ends):
    """Let somebody set times of the first stay, where they make sense."""
    if not known:
        return known
    first = replace(known[0], starts_by_hand=starts, ends_by_hand=ends)
    return [first, *known[1:]] if first.starts_at < first.ends_at else known


@settings(deadline=None)
@given(STORIES)
def test_nothing_ends_by_absence_before_three_readings_lacked_it(story):
    known, at, lacked = [], NOW, {}
    for reading, seconds, starts, ends in story:
        at += timedelta(seconds=seconds)
        steps = plan(reading, *known, at=at).steps
        listed = {stay.uid for stay in reading.stays}
        for uid in listed:
            lacked[uid] = []
        for step in steps:
            if step.before and step.row is None and not reading.doubt:
                moments = lacked.setdefault(step.before.stay.uid, [])
                if not moments or at - moments[-1] >= APART:
                    moments.append(at)
            if step.do is Do.END and step.row is None:
                assert len(lacked[step.before.stay.uid]) >= ABSENCES
                assert step.before.starts_at > at
                assert not reading.doubt
        known = by_hand(stored(known, steps), starts, ends)


@settings(deadline=None)
@given(STORIES)
def test_whoever_stores_a_plan_has_nothing_more_to_do(story):
    known, at = [], NOW
    for reading, seconds, starts, ends in story:
        at += timedelta(seconds=seconds)
        known = stored(known, plan(reading, *known, at=at).steps)

        again = plan(reading, *known, at=at).steps

        assert {step.do for step in again} <= {Do.KEEP, Do.SKIP}
        assert all(step.after == step.before for step in again)
        assert all(each.starts_at < each.ends_at for each in known)
        known = by_hand(known, starts, ends)


@settings(deadline=None)
@given(STORIES)
def test_what_a_hand_ended_stays_ended(story):
    known = [Known(stay=make_stay("a", guest=Guest(name="Jane")), ending=Ending.BY_HAND)]
    for reading, *_ in story:
        for step in plan(reading, *known).steps:
            if step.before and step.before.ending is Ending.BY_HAND:
                other = step.row.stay.reference and step.before.stay.reference
                assert step.do is Do.SKIP or other
        known = stored(known, plan(reading, *known).steps)


def test_real_feeds_go_all_the_way():
    known = []
    for content in (AIRBNB, BOOKING, calendar()):
        reading = calendars.read(content, house=HOUSE, now=NOW)
        known = stored(known, plan(reading, *known).steps)

    assert sorted(each.absences for each in known) == [1, 1]
