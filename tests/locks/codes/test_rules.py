"""Every row of reliability C about digits, names, windows and local times."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from accounts.providers.codes import CodeConstraint, CodeRules
from locks.codes import rules
from locks.codes.rules import RuleError, TwiceError, Window

NOW = datetime(2026, 3, 28, 12, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")
ANY = CodeRules(lengths=(4, 5, 6, 7, 8, 9))
SALTO = CodeRules(lengths=(6,), constraints=frozenset({CodeConstraint.CANNOT_SPECIFY_PIN_CODE}))


def lock(*constraints: CodeConstraint, lengths: tuple[int, ...] = (4, 6)) -> CodeRules:
    return CodeRules(lengths=lengths, constraints=frozenset(constraints))


# --- digits -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "digits",
    ["123", "1234567890", "12a4", " 1234", "1234\n", "１２３４", "+123", "-123", "١٢٣٤", "1 23"],
)
def test_digits_are_four_to_nine_of_ascii(digits):
    with pytest.raises(RuleError, match=r"^code: 4–9 digits 0–9$") as caught:
        rules.check_digits(digits, ANY)

    assert caught.value.field == "digits"


@pytest.mark.parametrize(
    "digits",
    [
        *("1234", "4321", "0000", "1111", "2024", "1999", "0123", "7890", "0987"),
        *("123456", "654321", "999999", "121212", "474747", "3456789"),
    ],
)
def test_what_everybody_tries_first_is_refused(digits):
    with pytest.raises(RuleError, match=r"^code is too easy to guess$"):
        rules.check_digits(digits, ANY)


@pytest.mark.parametrize("phone", ["+31612348057", "8057"])
def test_the_end_of_their_phone_number_is_refused(phone):
    with pytest.raises(RuleError, match="too easy"):
        rules.check_digits("8057", ANY, phone=phone)


@pytest.mark.parametrize("digits", ["8057", "2124", "1235", "104729", "908172635", ""])
def test_other_digits_are_taken(digits):
    rules.check_digits(digits, ANY)


@pytest.mark.parametrize(
    ("lengths", "sentence"),
    [
        ((6,), "this lock accepts 6 digits"),
        ((4, 6), "this lock accepts 4 or 6 digits"),
        ((4, 6, 8), "this lock accepts 4, 6 or 8 digits"),
        ((6, 7, 8, 9), "this lock accepts 6–9 digits"),
    ],
)
def test_a_length_the_lock_does_not_take_is_named(lengths, sentence):
    with pytest.raises(RuleError) as caught:
        rules.check_digits("80573", lock(lengths=lengths))

    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("constraint", "digits", "sentence"),
    [
        (CodeConstraint.NO_ZEROS, "8057", "this lock does not accept the digit 0"),
        (
            CodeConstraint.CANNOT_START_WITH_12,
            "1275",
            "this lock does not accept digits that start with 12",
        ),
        (
            CodeConstraint.NO_TRIPLE_CONSECUTIVE_INTS,
            "9345",
            "this lock does not accept three in a row such as 345, 543 or 555",
        ),
        (
            CodeConstraint.NO_TRIPLE_CONSECUTIVE_INTS,
            "9555",
            "this lock does not accept three in a row such as 345, 543 or 555",
        ),
        (
            CodeConstraint.AT_LEAST_THREE_UNIQUE_DIGITS,
            "7747",
            "this lock wants at least three different digits",
        ),
        (
            CodeConstraint.CANNOT_CONTAIN_089,
            "1493",
            "this lock does not accept the digits 0, 8 and 9",
        ),
        (
            CodeConstraint.CANNOT_CONTAIN_0789,
            "1473",
            "this lock does not accept the digits 0, 7, 8 and 9",
        ),
    ],
)
def test_what_a_lock_does_not_accept_is_said(constraint, digits, sentence):
    rules.check_digits(digits, lock())
    with pytest.raises(RuleError) as caught:
        rules.check_digits(digits, lock(constraint))

    assert str(caught.value) == sentence


def test_digits_given_for_salto_are_not_silently_dropped():
    rules.check_digits("", SALTO)
    with pytest.raises(RuleError, match=r"^Salto chooses the PIN; leave empty$"):
        rules.check_digits("805731", SALTO)


def test_the_form_says_what_a_lock_takes():
    assert rules.in_words(SALTO, "Salto") == ["6 digits, made by Salto: you cannot choose."]
    assert rules.in_words(SALTO, "Acme") == ["6 digits, made by Acme: you cannot choose."]
    assert rules.in_words(lock(CodeConstraint.NO_ZEROS), "Acme") == [
        "4 or 6 digits.",
        "This lock does not accept the digit 0.",
    ]


# --- names ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *("", "   ", "\u3000", "x" * 61, "x" * 200, "a\u0000b", "a\u202eb", "a\u2066b", "a\nb"),
        *("a\tb", "\u200b", "\u3164", "\ufeffa", "a\u2028b", "\udc00"),
    ],
)
def test_names_are_visible(name):
    with pytest.raises(RuleError, match=r"^name: 1–60 visible characters\b") as caught:
        rules.clean_name(name)

    assert caught.value.field == "name"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a\tb", "; it has a control character, such as a tab or a line break"),
        ("a\u2028b", "; it has a control character, such as a tab or a line break"),
        ("a\u202eb", "; it has a hidden character that turns the direction of text"),
        ("a\u200bb", "; it has a hidden character"),
        ("a\ue000b", "; it has a character that cannot be shown"),
        ("", ""),
        ("x" * 61, ""),
    ],
)
def test_a_name_is_told_which_kind_of_character_it_cannot_have(name, kind):
    with pytest.raises(RuleError) as caught:
        rules.clean_name(name)

    assert caught.value.sentence == f"name: 1–60 visible characters{kind}"


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("  Jane  ", "Jane"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("=CMD()", "=CMD()"),
        ("Family 👨\u200d👩\u200d👧", "Family 👨\u200d👩\u200d👧"),
        ("Zoe\u0308", "Zoë"),
        ("x" * 60, "x" * 60),
        ("ژانه", "ژانه"),
    ],
)
def test_markup_formulas_and_any_script_are_only_text(name, kept):
    assert rules.clean_name(name) == kept


# --- windows ----------------------------------------------------------------------------

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "field", "sentence"),
    [
        (NOW, NOW, "ends_at", "end must be after start"),
        (NOW + HOUR, NOW, "ends_at", "end must be after start"),
        (NOW - 2 * HOUR, NOW - HOUR, "ends_at", "end is already over"),
        (NOW - HOUR, NOW, "ends_at", "end is already over"),
        (
            NOW,
            None,
            "ends_at",
            "time-bound codes need both start and end; leave both empty for an ongoing code",
        ),
        (
            None,
            NOW + HOUR,
            "starts_at",
            "time-bound codes need both start and end; leave both empty for an ongoing code",
        ),
        (NOW, NOW + timedelta(seconds=59), "ends_at", "duration 1 minute – 5 years"),
        (NOW, NOW + timedelta(days=1900), "ends_at", "duration 1 minute – 5 years"),
    ],
)
def test_a_window_that_cannot_be_is_refused(starts_at, ends_at, field, sentence):
    with pytest.raises(RuleError) as caught:
        rules.window(starts_at, ends_at, now=NOW)

    assert (caught.value.field, str(caught.value)) == (field, sentence)


def test_a_lock_that_wants_a_start_to_come_gets_one():
    with pytest.raises(RuleError, match="still to come"):
        rules.window(NOW, NOW + HOUR, now=NOW, must_start_later=True)


def test_both_empty_is_an_ongoing_code():
    assert rules.window(None, None, now=NOW) == Window()


@pytest.mark.parametrize(
    ("seconds", "starts", "ends"),
    [(60, "12:00:00", "13:01:00"), (3600, "12:00:00", "14:00:00"), (1, "12:00:42", "13:00:42")],
)
def test_starts_are_rounded_down_and_ends_up(seconds, starts, ends):
    at = NOW.replace(second=42)

    found = rules.window(at, at + HOUR, now=NOW, granularity_seconds=seconds)

    assert found.starts_at
    assert found.ends_at
    assert (f"{found.starts_at:%H:%M:%S}", f"{found.ends_at:%H:%M:%S}") == (starts, ends)


@pytest.mark.parametrize(
    ("minutes", "meets"), [(0, True), (14, True), (15, False), (16, False), (-60, True)]
)
def test_windows_keep_a_quarter_of_an_hour_apart(minutes, meets):
    first = Window(NOW, NOW + HOUR)
    second = Window(NOW + HOUR + timedelta(minutes=minutes), NOW + 9 * HOUR)

    assert rules.overlap(first, second) is rules.overlap(second, first) is meets


def test_an_ongoing_code_meets_every_other():
    assert rules.overlap(Window(), Window(NOW, NOW + HOUR))
    assert rules.overlap(Window(), Window())


# --- moments in JSON --------------------------------------------------------------------


def test_a_moment_needs_its_offset():
    with pytest.raises(RuleError) as caught:
        rules.read_moment("starts_at", "2025-07-13T15:00:00")

    assert str(caught.value) == "starts_at: needs a timezone, e.g. 2025-07-13T15:00:00Z"


@pytest.mark.parametrize(
    "text",
    [
        *("2025-W28-7", "20250713", "13/07/2025", "now", 1752418800, "2025-02-30T10:00:00Z"),
        *("2025-07-13T25:00:00Z", "2025-07-13T23:59:60Z", "0001-01-01T00:00:00Z", "", None),
        *("9999-12-31T23:59:59Z", "1999-12-31T23:59:59Z", "2100-01-01T00:00:00Z"),
    ],
)
def test_other_ways_to_write_a_moment_are_refused(text):
    with pytest.raises(RuleError) as caught:
        rules.read_moment("starts_at", text)

    assert str(caught.value) == "starts_at: RFC 3339 date-time between 2000 and 2100"


def test_a_moment_with_seconds_is_read():
    assert rules.read_moment("ends_at", "2026-03-28T14:00:42+02:00") == NOW.replace(second=42)


# --- local times ------------------------------------------------------------------------


def local(text: str, zone: ZoneInfo = PARIS, fold: int | None = None) -> datetime:
    day, clock = text.split(" ")
    return rules.local_moment(
        "starts_at", date.fromisoformat(day), time.fromisoformat(clock), zone, fold=fold
    )


def test_a_local_time_is_that_of_the_property():
    assert local("2026-03-28 13:00") == NOW
    assert local("2026-07-01 14:00") == datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "zone", "sentence"),
    [
        (
            "2027-03-28 02:30",
            "Europe/Paris",
            "02:30 does not exist on 28 Mar 2027 (clocks go forward). Choose 01:59 or 03:00",
        ),
        (
            "2027-03-28 02:00",
            "Europe/Paris",
            "02:00 does not exist on 28 Mar 2027 (clocks go forward). Choose 01:59 or 03:00",
        ),
        (
            "2026-10-04 02:15",
            "Australia/Lord_Howe",
            "02:15 does not exist on 4 Oct 2026 (clocks go forward). Choose 01:59 or 02:30",
        ),
        (
            "2011-12-30 12:00",
            "Pacific/Apia",
            "12:00 does not exist on 30 Dec 2011 (clocks go forward)."
            " Choose 23:59 on 29 Dec or 00:00 on 31 Dec",
        ),
    ],
)
def test_a_time_that_clocks_skip_is_refused_with_its_neighbours(text, zone, sentence):
    with pytest.raises(RuleError) as caught:
        local(text, ZoneInfo(zone))

    assert str(caught.value) == sentence


@pytest.mark.parametrize("text", ["2027-03-28 01:59", "2027-03-28 03:00"])
def test_the_neighbours_exist(text):
    assert local(text)


def test_a_time_that_happens_twice_is_asked_back():
    with pytest.raises(TwiceError) as caught:
        local("2026-10-25 02:30")

    assert str(caught.value) == "02:30 happens twice. First (UTC+2) or second (UTC+1)?"
    assert caught.value.choices == ("UTC+2", "UTC+1")
    assert local("2026-10-25 02:30", fold=0) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert local("2026-10-25 02:30", fold=1) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_a_choice_that_is_not_needed_does_no_harm():
    assert local("2026-10-25 12:00", fold=1) == local("2026-10-25 12:00")


@pytest.mark.parametrize(
    ("zone", "word"),
    [("Asia/Kolkata", "UTC+5:30"), ("America/St_Johns", "UTC−3:30"), ("Africa/Abidjan", "UTC")],
)
def test_offsets_are_words(zone, word):
    assert rules.offset_words(datetime(2026, 1, 1, tzinfo=ZoneInfo(zone))) == word
