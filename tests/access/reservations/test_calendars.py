import contextlib
import time as clock
from dataclasses import replace
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from access.reservations import calendars
from access.reservations.lines import MAX_BYTES, MAX_ENTRIES
from access.reservations.stays import ReadError, Verdict
from tests.access.reservations.samples import (
    AIRBNB,
    BOOKING,
    CHANNEL_MANAGER,
    GOOGLE,
    HOUSE,
    NOW,
    VRBO,
    calendar,
    event,
    nights,
)


def read(content, **options):
    return calendars.read(content, **{"house": HOUSE, "now": NOW, **options})


def the_row(*events, **options):
    (row,) = read(calendar(*events), **options).rows
    return row


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


# --- what booking systems send ------------------------------------------------------------


def test_airbnb_tells_bookings_from_closed_nights_and_gives_digits_and_a_number():
    reading = read(AIRBNB)

    booked, closed = reading.rows
    assert (booked.verdict, closed.verdict) == (Verdict.STAY, Verdict.BLOCKED)
    stay = booked.stay
    assert (stay.starts_on, stay.ends_on, stay.by_date) == (
        date(2026, 11, 22),
        date(2026, 11, 25),
        True,
    )
    assert (stay.starts_at, stay.ends_at) == (utc(2026, 11, 22, 14), utc(2026, 11, 25, 10))
    assert (stay.guest.name, stay.guest.phone_ends) == ("", "2833")
    assert stay.reference == "HM3KTNNJQ5"
    assert stay.url == "https://www.airbnb.com/hosting/reservations/details/HM3KTNNJQ5"
    assert reading.doubt == ""


def test_booking_com_does_not_tell_and_older_feeds_have_a_name():
    unclear, named = read(BOOKING).stays

    assert (unclear.is_unclear, unclear.guest.name) == (True, "")
    assert (named.is_unclear, named.guest.name) == (False, "Jane Doe")


def test_vrbo_names_guests():
    booked, closed = read(VRBO).rows

    assert booked.stay.guest.name == "Zoë van Dam"
    assert closed.verdict is Verdict.BLOCKED


def test_google_repeats_with_days_left_out_and_moved():
    first, moved, cancelled = read(GOOGLE).rows

    assert first.uid == "clean@google.com#2026-11-22T13:00:00+00:00"
    assert first.stay.starts_at == utc(2026, 11, 22, 13)
    assert moved.uid == "clean@google.com#2026-12-06T13:00:00+00:00"
    assert moved.stay.starts_at == utc(2026, 12, 6, 14)
    assert cancelled.stay.is_cancelled
    assert first.stay.guest.name == "Ann the cleaner"


def test_a_channel_manager_tells_who_comes():
    full, masked, closed = read(CHANNEL_MANAGER).rows

    guest = full.stay.guest
    assert (guest.name, guest.email, guest.phone) == (
        "Jane Doe",
        "Jane@example.com",
        "+31612345678",
    )
    assert full.stay.reference == "4711-A"
    assert masked.stay.guest.name == ""
    assert closed.verdict is Verdict.BLOCKED


@pytest.mark.parametrize(
    ("summary", "name"),
    [
        ("Jane Doe", "Jane Doe"),
        ("Reserved - Jane Doe - HMABCDEF12", "Jane Doe"),
        ("Jane Doe (HMABCDEF12)", "Jane Doe"),
        ("Airbnb - Reserved: Jane Doe", "Jane Doe"),
        ("Tripadvisor: Jane Doe", "Jane Doe"),
        ("Guest Worthington", "Guest Worthington"),
        ("Reserviert", ""),
        ("Réservé", ""),
        ("Reserved", ""),
        ("=CMD()", "=CMD()"),
        ("<b>Jane</b>", "<b>Jane</b>"),
        ("4711", ""),
        ("Mary-Jane O'Neil", "Mary-Jane O'Neil"),
    ],
)
def test_names_are_taken_out_of_titles(summary, name):
    assert the_row(nights(summary=summary)).stay.guest.name == name


@pytest.mark.parametrize(
    "summary", ["Not available", "BLOCKED", "Nicht verfügbar", "Geblokkeerd", "Owner's stay"]
)
def test_closed_nights_are_no_stay(summary):
    assert the_row(nights(summary=summary)).verdict is Verdict.BLOCKED


def test_what_guesty_blocks_may_be_a_booking():
    assert the_row(nights(summary="Blocked By Guesty")).stay.is_unclear


def test_only_addresses_of_airbnb_are_kept():
    link = "https://airbnb.evil.example/hosting/reservations/details/HM3KTNNJQ5"

    stay = the_row(nights("n1", "20261201", "20261203", f"DESCRIPTION:{link}")).stay

    assert (stay.url, stay.reference) == ("", "HM3KTNNJQ5")


# --- times --------------------------------------------------------------------------------


def timed(starts, ends, *more, head="", **options):
    content = calendar(
        event("UID:t", f"DTSTART{starts}", *([f"DTEND{ends}"] if ends else []), *more),
        head=(head,) if head else (),
    )
    (row,) = read(content, **options).rows
    return row


@pytest.mark.parametrize(
    ("starts", "head", "expected"),
    [
        (":20261201T160000Z", "", 16),
        (":20261201T160000", "", 15),  # floating: the property's clock
        (":20261201T160000", "X-WR-TIMEZONE:Europe/London", 16),
        (":20261201T160000", "X-WR-TIMEZONE:Mars/Phobos", 15),
        (";TZID=Europe/Paris:20261201T160000", "", 15),
        (';TZID="Europe/Paris":20261201T160000', "", 15),
        (";TZID=/citadel.org/20211207_1/Europe/Paris:20261201T160000", "", 15),
        (";TZID=W. Europe Standard Time:20261201T160000", "", 15),
        (";TZID=America/New_York:20261201T160000", "", 21),
    ],
)
def test_times_are_those_of_their_zone(starts, head, expected):
    row = timed(starts, ":20261203T100000Z", head=head)

    assert row.stay.starts_at == utc(2026, 12, 1, expected)
    assert not row.stay.by_date


def test_a_feed_may_explain_a_zone_of_its_own():
    zone = "BEGIN:VTIMEZONE\r\nTZID:Home\r\nX-LIC-LOCATION:America/New_York\r\nEND:VTIMEZONE"

    (row,) = read(
        calendar(
            zone,
            event("UID:t", "DTSTART;TZID=Home:20261201T160000", "DTEND:20261203T100000Z"),
        )
    ).rows

    assert row.stay.starts_at == utc(2026, 12, 1, 21)


def test_an_unknown_zone_is_not_guessed():
    row = timed(";TZID=Mars/Phobos:20261201T160000", ":20261203T100000Z")

    assert row.verdict is Verdict.UNREADABLE
    assert row.reason == "Its time zone, “Mars/Phobos”, is not known."


def test_seconds_are_rounded_outwards():
    stay = timed(":20261201T160042Z", ":20261203T100001Z").stay

    assert (stay.starts_at, stay.ends_at) == (utc(2026, 12, 1, 16), utc(2026, 12, 3, 10, 1))


@pytest.mark.parametrize("ends", ["", ";VALUE=DATE:20261201"])
def test_a_day_without_an_end_is_one_night(ends):
    row = timed(";VALUE=DATE:20261201", ends)

    assert row.stay.ends_on == date(2026, 12, 2)
    assert row.reason == "It tells no last day: one night is assumed."


def test_a_duration_is_an_end():
    assert timed(";VALUE=DATE:20261201", "", "DURATION:P3D").stay.ends_on == date(2026, 12, 4)


def test_midnights_are_days():
    stay = timed(":20261201T000000Z", ":20261203T000000Z").stay

    assert stay.by_date
    assert (stay.starts_at, stay.ends_at) == (utc(2026, 12, 1, 14), utc(2026, 12, 3, 10))


@pytest.mark.parametrize(
    ("starts", "ends", "reason"),
    [
        (":20261201T160000Z", "", "It does not say when it ends."),
        (":20261201T160000Z", ":20261201T160000Z", "It does not say when it ends."),
        (":20261203T160000Z", ":20261201T160000Z", "It ends before it begins."),
        (";VALUE=DATE:20261203", ";VALUE=DATE:20261201", "It ends before it begins."),
        (":never", ":20261201T160000Z", "Its dates cannot be read."),
        (":20261301", ":20261401", "Its dates cannot be read."),
        (":00010101T000000Z", ":99991231T000000Z", "Its dates cannot be read."),
        (
            ";VALUE=DATE:20261201",
            ";VALUE=DATE:20361201",
            "It lasts less than 1 minute or more than 5 years.",
        ),
    ],
)
def test_what_cannot_be_a_stay_is_a_row_with_a_reason(starts, ends, reason):
    row = timed(starts, ends)

    assert (row.verdict, row.reason, row.stay) == (Verdict.UNREADABLE, reason, None)
    assert row.uid == "t"


def test_an_entry_without_a_start_says_so():
    row = the_row(event("UID:t", "SUMMARY:Jane"))

    assert row.reason == "It does not say when it begins."


@pytest.mark.parametrize(
    ("zone", "day", "arrives", "leaves"),
    [
        # Clocks go forward in the night of the stay.
        ("Europe/Amsterdam", "20270327", utc(2027, 3, 27, 14), utc(2027, 3, 28, 9)),
        ("Europe/London", "20270327", utc(2027, 3, 27, 15), utc(2027, 3, 28, 10)),
        # And back.
        ("Europe/Amsterdam", "20271030", utc(2027, 10, 30, 13), utc(2027, 10, 31, 10)),
        ("Australia/Lord_Howe", "20270403", utc(2027, 4, 3, 4), utc(2027, 4, 4, 0, 30)),
    ],
)
def test_check_in_and_check_out_are_on_the_property_s_clock(zone, day, arrives, leaves):
    stay = timed(f";VALUE=DATE:{day}", "", house=replace(HOUSE, zone=ZoneInfo(zone))).stay

    assert (stay.starts_at, stay.ends_at) == (arrives, leaves)


def test_a_check_out_in_the_hour_that_happens_twice_is_the_later_one():
    house = replace(HOUSE, check_out=time(2, 30))

    stay = timed(";VALUE=DATE:20271030", "", house=house).stay

    assert stay.ends_at == utc(2027, 10, 31, 1, 30)


def test_what_is_over_or_far_ahead_is_left_out():
    old, far = read(
        calendar(nights("a", "20261101", "20261103"), nights("b", "20290101", "20290103"))
    ).rows

    assert (old.verdict, old.reason) == (Verdict.LEFT_OUT, "It is over.")
    assert (far.verdict, far.reason) == (
        Verdict.LEFT_OUT,
        "It begins more than two years from now.",
    )


# --- numbers ------------------------------------------------------------------------------


def test_a_stay_without_a_number_gets_the_same_one_each_time():
    lines = ("DTSTART;VALUE=DATE:20261201", "DTEND;VALUE=DATE:20261203", "SUMMARY:Jane")

    one, again = (the_row(event(*lines)) for _ in range(2))

    assert one.uid == again.uid == one.stay.uid
    assert one.uid.startswith("made:")
    assert one.reason == "It has no number of its own."


def test_the_same_entry_twice_counts_once():
    first, second = read(calendar(nights(), nights())).rows

    assert (first.verdict, second.verdict) == (Verdict.STAY, Verdict.LEFT_OUT)
    assert second.reason == "It is in the calendar twice."


def test_of_two_versions_the_newer_one_counts():
    old, new = read(
        calendar(
            nights("a", "20261201", "20261203", "SEQUENCE:1"),
            nights("a", "20261201", "20261204", "SEQUENCE:2"),
        )
    ).rows

    assert (old.verdict, new.stay.ends_on) == (Verdict.LEFT_OUT, date(2026, 12, 4))


def test_stays_that_share_a_number_are_told_apart():
    reading = read(
        calendar(nights("a", "20261201", "20261203"), nights("a", "20261205", "20261206"))
    )

    assert [row.uid for row in reading.rows] == ["a#2026-12-01", "a#2026-12-05"]


def test_entries_that_contradict_one_another_are_refused():
    reading = read(
        calendar(nights("a", "20261201", "20261203"), nights("a", "20261201", "20261204"))
    )

    assert reading.stays == ()
    assert {row.reason for row in reading.rows} == {
        "Two entries with the same number contradict one another."
    }


# --- what is wrong with real feeds --------------------------------------------------------


@pytest.mark.parametrize("ends", [b"\n", b"\r\n", b"\r", b"\r\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_marks_do_not_matter(ends, mark):
    assert read(mark + AIRBNB.replace(b"\r\n", ends)).stays == read(AIRBNB).stays


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252", "utf-16"])
def test_letters_are_read_in_what_they_are_written_in(encoding):
    content = calendar(nights(summary="Jürgen Größe")).decode().encode(encoding)

    assert read(content).stays[0].guest.name == "Jürgen Größe"


def test_a_fold_inside_of_a_letter_is_mended():
    content = calendar(nights(summary="Zoë")).replace("ë".encode(), b"\xc3\r\n \xab")

    assert read(content).stays[0].guest.name == "Zoë"


def test_line_breaks_in_a_description_are_mended():
    broken = nights("n", "20261201", "20261203", "DESCRIPTION:Hello", "Phone: +31612345678", "bye")

    assert the_row(broken).stay.guest.phone == "+31612345678"


def test_control_characters_go():
    row = the_row(nights(summary="Ja\x00ne\x1b Doe\u202e"))

    assert row.stay.guest.name == "Jane Doe"
    assert row.text == "Jane Doe"


def test_a_huge_text_is_shortened():
    row = the_row(nights("n", "20261201", "20261203", "DESCRIPTION:" + "x" * 1_000_000))

    assert row.verdict is Verdict.STAY
    assert len(the_row(nights(summary="J" * 100_000)).text) == 200


def test_a_feed_that_breaks_off_is_in_doubt_and_its_last_entry_unreadable():
    reading = read(AIRBNB[: AIRBNB.index(b"SUMMARY:Airbnb")])

    assert [row.verdict for row in reading.rows] == [Verdict.STAY, Verdict.UNREADABLE]
    assert reading.doubt == "The calendar breaks off before its end."


def test_an_unreadable_entry_without_a_number_leaves_the_reading_in_doubt():
    assert read(calendar(event("DTSTART:x"))).doubt != ""
    assert read(calendar(event("UID:known", "DTSTART:x"))).doubt == ""


def test_an_entry_that_forgot_its_end_costs_no_other():
    content = calendar(nights("a"), nights("b")).replace(b"END:VEVENT\r\nBEGIN", b"BEGIN")

    assert [stay.uid for stay in read(content).stays] == ["a", "b"]


def test_a_calendar_may_be_empty():
    reading = read(calendar())

    assert (reading.rows, reading.doubt) == ((), "")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The address answered with nothing at all instead of a calendar."),
        (b"\x00\r\n ", "The address answered with nothing at all instead of a calendar."),
        (
            b"<!DOCTYPE html><html>Sign in, secret-canary</html>",
            "The address answered with a web page instead of a calendar.",
        ),
        (b'{"error": 1}', "The address answered with something that is no calendar."),
        (b"x" * (MAX_BYTES + 1), "The calendar is larger than 5 MB. It was not read."),
        (
            calendar(*["BEGIN:VEVENT"] * (MAX_ENTRIES + 1)),
            "The calendar has more than 5,000 entries. It was not read.",
        ),
    ],
)
def test_what_is_no_calendar_is_refused_whole(content, sentence):
    with pytest.raises(ReadError) as caught:
        read(content)

    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=SECONDLY",
        "FREQ=MONTHLY;BYMONTHDAY=31;BYDAY=5MO",
        "FREQ=YEARLY;BYDAY=54MO;COUNT=3",
        "FREQ=DAILY;INTERVAL=99999999999999999999",
        "FREQ=MONTHLY;BYMONTHDAY=99",
        "COUNT=3",
        "nonsense",
    ],
)
def test_senseless_repetitions_cost_no_time(rule):
    started = clock.monotonic()

    row = the_row(event("UID:r", "DTSTART:20261201T100000Z", "DURATION:PT1H", f"RRULE:{rule}"))

    assert row.verdict is Verdict.UNREADABLE
    assert clock.monotonic() - started < 1


def test_what_repeats_for_ever_ends_in_two_years():
    lines = ("DTSTART:20200101T100000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY")

    rows = read(calendar(event("UID:r", *lines))).rows

    assert 729 <= len(rows) <= 733


def test_what_repeats_is_bounded_all_together():
    lines = ("DTSTART:20261101T100000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY")

    rows = read(calendar(*[event(f"UID:{i}", *lines) for i in range(20)])).rows

    assert len(rows) < 12_000
    assert rows[-1].reason == "The calendar has too much that repeats."


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_nothing_else_is_raised(content):
    for each in (content, calendar(nights()) + content, calendar(content.decode("latin-1"))):
        with contextlib.suppress(ReadError):
            read(each)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [
                    "UID",
                    "DTSTART",
                    "DTEND",
                    "DURATION",
                    "SUMMARY",
                    "RRULE",
                    "RDATE",
                    "EXDATE",
                    "RECURRENCE-ID",
                    "STATUS",
                    "SEQUENCE",
                    "LAST-MODIFIED",
                    "DESCRIPTION",
                    "DTSTART;VALUE=DATE",
                    "DTSTART;TZID=Europe/Paris",
                    "DTEND;VALUE=PERIOD",
                    "RDATE;VALUE=PERIOD",
                ]
            ),
            st.sampled_from(
                [
                    "x;a",
                    "1",
                    "20261201",
                    "20261201T100000",
                    "20261201T100000Z",
                    "P1D",
                    "PT0S",
                    "-P3D",
                    "FREQ=DAILY;COUNT=2",
                    "20261201T100000Z/PT1H",
                    "CANCELLED",
                    "99991231T235959Z",
                    "\\",
                    ",",
                    ";",
                    ":",
                    "é",
                ]
            )
            | st.text(max_size=12),
        ),
        max_size=10,
    )
)
def test_no_mix_of_properties_raises(properties):
    lines = [f"{name}:{value}" for name, value in properties]

    read(calendar(event(*lines), event(*lines[::-1])))
