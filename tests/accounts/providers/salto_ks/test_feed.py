from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.providers.base import Code, RefusedError, UnexpectedReplyError
from accounts.providers.salto_ks import feed
from tests.accounts.providers.salto_ks.answers import ENTRY, LEGACY_EVENT
from tests.accounts.providers.salto_ks.rigs import RecordedRig
from tests.accounts.providers.servers import Answer

START = datetime(2026, 8, 19, 9, 0, tzinfo=UTC)


@pytest.fixture
def rig():
    rig = RecordedRig("connect")
    yield rig
    rig.close()


@pytest.fixture
def legacy():
    rig = RecordedRig("legacy")
    yield rig
    rig.close()


def stamp(seconds):
    return (START + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def entry(number, seconds=None):
    return {**ENTRY, "id": f"e-{number}", "utc_date_time": stamp(seconds or number)}


def event(number, seconds=None):
    at = stamp(number if seconds is None else seconds)
    return {**LEGACY_EVENT, "id": f"e-{number}", "timestamp": at}


def entries_path(rig):
    return f"/connect/v1.1/sites/{rig.site_id}/entries"


def audit_path(rig, route="audit-trails"):
    return f"/legacy/v1.1/sites/{rig.site_id}/{route}"


def read(rig, **options):
    return rig.driver().list_entries(rig.site_id, since=START, **options)


def ids(found):
    return [each.remote_id for each in found.entries]


# --- continuation tokens ------------------------------------------------------------------------


def test_entries_are_asked_for_from_a_moment_on_oldest_first(rig):
    found = read(rig)

    (asked,) = rig.cloud.calls("GET", entries_path(rig))
    assert asked.query == {
        "$top": "100",
        "$orderby": "utc_date_time asc",
        "$filter": "utc_date_time ge DateTime'2026-08-19T09:00:00Z'",
    }
    assert "clp-continuation-token" not in asked.headers
    assert (found.route, found.gap_reason, found.is_complete) == ("entries", "", True)


def test_sks_07_pages_are_read_until_no_token_comes_even_through_empty_ones(rig):
    pages = {
        None: {"items": [entry(1), entry(2)], "continuation_token": '[{"token":"+RID:~a"}]'},
        '[{"token":"+RID:~a"}]': {"items": [], "continuation_token": "b"},
        "b": {"items": [entry(3), entry(2)], "continuation_token": None},
    }
    rig.cloud.on(
        "GET",
        entries_path(rig),
        lambda asked: Answer(pages[asked.headers.get("clp-continuation-token")]),
    )

    found = read(rig)

    assert ids(found) == ["e-1", "e-2", "e-3"]
    assert found.is_complete


@pytest.mark.parametrize("token", [7, {"a": 1}, "a\nb", "é", "x" * 9000])
def test_a_token_that_cannot_be_sent_back_is_an_unexpected_reply(rig, token):
    rig.tell_site("entries", {"items": [], "continuation_token": token}, version="v1.1")

    with pytest.raises(UnexpectedReplyError):
        read(rig)


def test_a_token_that_comes_again_does_not_turn_us_in_circles(rig):
    rig.tell_site("entries", {"items": [entry(1)], "continuation_token": "a"}, version="v1.1")

    with pytest.raises(UnexpectedReplyError):
        read(rig)

    assert len(rig.cloud.calls("GET", entries_path(rig))) == 2


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_feed_that_is_cut_says_so_and_names_a_gap_only_where_there_is_one(
    rig, monkeypatch, newest_first
):
    monkeypatch.setattr(feed, "MAX_PAGES", 3)
    numbers = iter(range(100, 0, -1) if newest_first else range(1, 100))

    def page(_):
        number = next(numbers)
        body = {"items": [entry(number)], "continuation_token": f"t{number}"}
        return Answer(body)

    rig.cloud.on("GET", entries_path(rig), page)

    found = read(rig)

    assert len(found.entries) == 3
    assert not found.is_complete
    assert bool(found.gap_reason) == newest_first
    assert list(found.entries) == sorted(found.entries, key=lambda each: each.occurred_at)


def test_poll_05_one_bad_row_is_set_aside_and_the_rest_goes_on(rig):
    bad = [
        {**ENTRY, "id": "x-1", "utc_date_time": "2026-08-19T09:46:42"},
        {**ENTRY, "id": "x-2", "utc_date_time": 17},
        {**ENTRY, "id": {"a": 1}},
        {**ENTRY, "id": "../x"},
        "text",
        None,
        7,
        {},
    ]
    rig.tell_site("entries", [*bad, entry(1)], version="v1.1")

    found = read(rig)
    again = read(rig)

    assert ids(found) == ["e-1"]
    assert len(found.unreadable) == len(bad)
    assert found.unreadable == again.unreadable
    assert all(each.fingerprint.startswith("sha256:") for each in found.unreadable)
    assert all(len(each.raw_text) <= 4000 for each in found.unreadable)


@pytest.mark.parametrize(
    "fields",
    [
        {"lock_customer_reference": "a\x00b"},
        {"user_first_name": "\ud800", "user_alias": 7},
        {"lock_customer_reference": "x" * 1_000_000},
        {"event_category": {"a": 1}, "event_detail": [1], "access_by": 7, "lock_id": []},
        {"utc_date_time": "2099-01-01T00:00:00Z"},
    ],
)
def test_poll_05_an_odd_row_is_still_a_line(rig, fields):
    rig.tell_site("entries", [{**ENTRY, **fields}], version="v1.1")

    (found,) = read(rig).entries

    assert str(found.raw).encode()
    assert len(str(found)) < 5000


# --- by time ------------------------------------------------------------------------------------


def answer_by_time(rig, rows, *, newest_first=False, route="audit-trails"):
    """Answer as the older dialect does: up to `limit` rows from `since` (inclusive) on."""

    def page(asked):
        since = asked.query["since"]
        found = sorted(
            (row for row in rows if row["timestamp"] >= since), key=lambda row: row["timestamp"]
        )
        if newest_first:
            found.reverse()
        return Answer({"items": found[: int(asked.query["limit"])]})

    rig.cloud.on("GET", audit_path(rig, route), page)


def test_poll_03_full_pages_are_continued_from_the_latest_time(legacy):
    answer_by_time(legacy, [event(number) for number in range(450)])

    found = read(legacy)

    assert ids(found) == [f"e-{number}" for number in range(450)]
    assert (found.gap_reason, found.is_complete, found.route) == ("", True, "audit-trails")
    assert [each.query["limit"] for each in legacy.cloud.calls("GET", audit_path(legacy))] == [
        "200"
    ] * 3


def test_poll_02_lines_of_the_same_second_are_not_lost_at_a_page_end(legacy):
    rows = [event(number, seconds=number // 7) for number in range(60)]
    answer_by_time(legacy, rows)

    found = read(legacy, limit=10)

    assert sorted(ids(found)) == sorted(row["id"] for row in rows)
    assert found.gap_reason == ""


def test_poll_03_a_full_page_of_one_single_time_is_a_gap_and_the_rest_goes_on(legacy):
    rows = [event(number, seconds=5) for number in range(1000)] + [event(2000, seconds=9)]
    answer_by_time(legacy, rows)

    found = read(legacy)

    assert "one and the same time" in found.gap_reason
    assert ids(found)[-1] == "e-2000"


def test_a_feed_that_only_shows_its_newest_lines_is_a_gap_when_full(legacy):
    answer_by_time(legacy, [event(number) for number in range(300)], newest_first=True)

    found = read(legacy)

    assert len(found.entries) == 200
    assert "oldest lines are missing" in found.gap_reason
    assert ids(found)[0] == "e-100"


def test_poll_07_a_line_from_the_future_hides_nothing(legacy):
    future = {**LEGACY_EVENT, "id": "future", "timestamp": "2099-01-01T00:00:00Z"}
    rows = [event(number) for number in range(25)]
    pages = [[future, *rows[:9]], [future, *rows[8:17]], rows[16:]]
    legacy.cloud.on("GET", audit_path(legacy), [Answer(page) for page in pages])

    found = read(legacy, limit=10)

    assert ids(found) == [*(row["id"] for row in rows), "future"]
    assert found.gap_reason == ""


@settings(deadline=None, max_examples=25)
@given(
    times=st.lists(st.integers(0, 40), max_size=60),
    limit=st.integers(1, 12),
)
def test_poll_02_no_line_is_ever_lost_without_a_gap_being_told(times, limit):
    rig = RecordedRig("legacy")
    rows = [event(number, seconds=at) for number, at in enumerate(times)]
    answer_by_time(rig, rows)
    try:
        found = read(rig, limit=limit)
    finally:
        rig.close()

    assert found.gap_reason or sorted(ids(found)) == sorted(row["id"] for row in rows)


# --- routes -------------------------------------------------------------------------------------


def test_poll_04_an_older_tenant_is_read_at_its_own_address_and_that_is_told(legacy):
    legacy.cloud.on("GET", audit_path(legacy), Answer(status=404))
    answer_by_time(legacy, [event(1)], route="audit/log")

    assert read(legacy).route == "audit/log"
    legacy.cloud.asked.clear()
    legacy.driver(feed_route="audit/log").list_entries(legacy.site_id, since=START)
    assert legacy.cloud.calls("GET", audit_path(legacy)) == []


@pytest.mark.parametrize("status", [404, 405])
def test_the_connect_dialect_finds_the_older_feeds_too(rig, status):
    rig.tell_site("entries", Answer(status=status), version="v1.1")
    rig.tell_site("audit/log", [event(1)], version="v1.1")

    assert read(rig).route == "audit/log"


def test_poll_04_no_feed_at_all_is_not_found(rig):
    rig.tell_site("entries", Answer(status=404), version="v1.1")

    with pytest.raises(RefusedError) as caught:
        read(rig)

    assert caught.value.code == Code.NOT_FOUND


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_poll_04_another_refusal_does_not_look_further(rig, status):
    rig.tell_site("entries", Answer(status=status), version="v1.1")

    with pytest.raises(Exception, match="Salto KS"):
        read(rig)

    assert [each for each in rig.cloud.asked if "audit" in each.path] == []


def test_incidents_are_read_like_entries(rig):
    row = {**ENTRY, "incident_type": "lock_connection_lost"}
    rig.tell_site("incidents", [row], version="v1.2")

    found = rig.driver().list_incidents(rig.site_id, since=START)

    assert [each.kind.value for each in found.entries] == ["connection_lost"]
    assert found.route == "incidents"
