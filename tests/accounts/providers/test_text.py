import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.providers.text import (
    clean_raw,
    clean_text,
    fingerprint,
    flag,
    is_id,
    moment,
    segment,
    whole,
)

ANYTHING = st.text(st.characters(codec=None))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Front door", "Front door"),
        ("  Front\tdoor\r\n", "Front door"),
        ("a\x00b\x07c\x9fd", "abcd"),
        ("a\ud800b", "ab"),
        ("door\u202egpj\u2066", "doorgpj"),
        ("Zu\u0308rich", "Zürich"),
        ("<img onerror=x>", "<img onerror=x>"),
        ("{{7*7}}", "{{7*7}}"),
        ("x" * 1_000_000, "x" * 200),
        (None, ""),
        (7, ""),
        ({"a": 1}, ""),
    ],
)
def test_names_become_one_visible_line(value, text):
    assert clean_text(value) == text


@given(ANYTHING)
def test_no_text_gets_through_that_cannot_be_stored_or_shown(value):
    text = clean_text(value)

    assert len(text) <= 200
    text.encode()
    assert not {unicodedata.category(each) for each in text} & {"Cc", "Cs"}
    assert clean_text(text) == text


@given(
    st.recursive(ANYTHING | st.none() | st.integers(), lambda inner: st.lists(inner, max_size=3))
)
def test_no_row_gets_through_that_cannot_be_stored(row):
    text = str(clean_raw({"row": row}))

    text.encode()
    assert "\x00" not in text


def test_a_row_keeps_no_megabytes():
    assert clean_raw({"a": ["x" * 5000, 1, None]}) == {"a": ["x" * 1000, 1, None]}


@pytest.mark.parametrize("value", ["1c3c0f6e-9f0e-4d5c-8d8c-0f6c2d1b1a11", "A_1~(2)", "x" * 200])
def test_ids_are_ids(value):
    assert is_id(value)


@pytest.mark.parametrize(
    "value", ["", ".", "..", "a/b", "../x", "a\\b", "a b", "a\n", "é", "x" * 201, None, 5, [], {}]
)
def test_other_things_are_no_ids(value):
    assert not is_id(value)


def test_an_id_is_encoded_in_a_path():
    assert segment("a?b#c%2f") == "a%3Fb%23c%252f"
    with pytest.raises(ValueError, match="not an id"):
        segment("..")


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("2026-08-19T09:46:42Z", datetime(2026, 8, 19, 9, 46, 42, tzinfo=UTC)),
        ("2026-08-19T11:46:42+02:00", datetime(2026, 8, 19, 9, 46, 42, tzinfo=UTC)),
        ("2026-08-19T09:46:42.5Z", datetime(2026, 8, 19, 9, 46, 42, 500_000, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_into_utc(value, at):
    assert moment(value) == at


@pytest.mark.parametrize(
    "value",
    [
        None,
        1752418800,
        "",
        "now",
        "2026-08-19T09:46:42",
        "2026-08-19",
        "2026-W28-7",
        "20260819T094642Z",
        "2026-02-30T00:00:00Z",
        "2026-08-19T25:00:00Z",
        "0001-01-01T00:00:00+14:00",
    ],
)
def test_what_is_no_time_with_an_offset_is_refused(value):
    with pytest.raises(ValueError, match="not a time with an offset"):
        moment(value)


def test_the_same_row_has_the_same_fingerprint_in_any_order():
    assert fingerprint({"a": 1, "b": "\ud800"}) == fingerprint({"b": "\ud800", "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})


def test_only_booleans_are_flags_and_only_counts_are_numbers():
    assert [flag(each) for each in (True, False, None, "yes", 1)] == [True, False, None, None, None]
    assert [whole(each) for each in (0, 7, -1, True, "7", 1.5)] == [0, 7, None, None, None, None]
