"""Whatever order things happen in: no wish is lost, none is undone, and it comes to rest."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access.models import AcsCredential, AcsMembership, AcsUser
from access.reconciling import facts, merging
from access.states import Part
from accounts.providers.systems import ListedCredential, ListedUser, Mutation, Problem

NOW = datetime(2026, 10, 24, 12, 0, tzinfo=UTC)

names = st.sampled_from(["Mara", "Mara  L", "Jane Doe", "J" * 150])
emails = st.sampled_from(["", "a@example.com", "A@Example.com", "b@example.com"])
moments = st.one_of(st.none(), st.integers(-5, 5).map(lambda n: NOW + timedelta(hours=n)))
mutations = st.lists(
    st.sampled_from(list(facts.MUTATIONS.values())).map(lambda code: Mutation(code=code)),
    max_size=2,
).map(tuple)


@st.composite
def listed_users(draw: Any) -> ListedUser:
    return ListedUser(
        remote_id="u1",
        full_name=draw(names),
        email=draw(emails),
        phone=draw(st.sampled_from(["", "+33123456789"])),
        starts_at=draw(moments),
        ends_at=draw(moments),
        is_suspended=draw(st.booleans()),
        mutations=draw(mutations),
    )


@st.composite
def rows(draw: Any) -> AcsUser:
    """A user in any state of wishing and seeing."""
    listed = draw(listed_users())
    seen = facts.reported(listed)
    row = AcsUser(remote_id="u1", created_at=NOW, phase="live", reported=seen)
    for part in Part:
        for name, value in facts.columns_of(part, seen).items():
            setattr(row, name, value)
    wish = facts.reported(draw(listed_users()))
    row.pending = sorted(draw(st.sets(st.sampled_from(list(Part)))))
    for part in row.pending:
        for name, value in facts.columns_of(Part(part), wish).items():
            setattr(row, name, value)
    row.written_at = draw(st.sampled_from([None, NOW - timedelta(seconds=30), NOW]))
    return row


def _take(row: AcsUser, listed: ListedUser, asked_at: datetime) -> merging.Change:
    change = merging.merge_user(row, listed, asked_at=asked_at)
    for name, value in change.columns.items():
        setattr(row, name, value)
    return change


def _wish(row: AcsUser, part: Part) -> dict[str, Any]:
    return {name: getattr(row, name) for name in facts.COLUMNS[part]}


ASKED = st.sampled_from([NOW - timedelta(minutes=1), NOW + timedelta(seconds=1)])


@given(rows(), listed_users(), ASKED)
def test_nothing_pending_is_overwritten(row: AcsUser, listed: ListedUser, asked: datetime) -> None:
    wished = {part: _wish(row, Part(part)) for part in row.pending}

    _take(row, listed, asked)

    for part, wish in wished.items():
        assert _wish(row, Part(part)) == wish


@given(rows(), listed_users(), ASKED)
def test_a_wish_is_forgotten_only_once_it_is_seen(
    row: AcsUser, listed: ListedUser, asked: datetime
) -> None:
    before = set(row.pending)

    _take(row, listed, asked)

    assert set(row.pending) <= before
    for part in before - set(row.pending):
        assert facts.is_as_wished(part, row, facts.reported(listed), at=asked)
        assert facts.MUTATIONS[part] not in {each.code for each in listed.mutations}


@given(rows(), listed_users(), ASKED)
def test_the_same_listing_again_changes_nothing(
    row: AcsUser, listed: ListedUser, asked: datetime
) -> None:
    _take(row, listed, asked)

    assert _take(row, listed, asked) == merging.NOTHING


@given(rows(), listed_users())
def test_a_listing_asked_before_our_call_says_nothing(row: AcsUser, listed: ListedUser) -> None:
    row.written_at = NOW

    assert _take(row, listed, NOW) == merging.NOTHING


@given(rows())
def test_what_is_listed_as_wished_settles_everything(row: AcsUser) -> None:
    listed = ListedUser(
        remote_id="u1",
        full_name=row.full_name,
        email=row.email,
        phone=row.phone,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        is_suspended=row.is_suspended,
    )

    _take(row, listed, NOW + timedelta(seconds=1))

    assert row.pending == []


@given(rows(), listed_users())
def test_without_a_wish_the_columns_are_what_the_table_takes(
    row: AcsUser, listed: ListedUser
) -> None:
    row.pending, row.starts_at, row.ends_at = [], None, None

    _take(row, listed, NOW + timedelta(seconds=1))

    assert row.starts_at is None or row.ends_at is None or row.starts_at < row.ends_at
    assert len(row.full_name) <= 100


@given(rows(), listed_users())
def test_only_what_is_not_wished_counts_as_changed_elsewhere(
    row: AcsUser, listed: ListedUser
) -> None:
    row.pending = sorted(Part)

    assert _take(row, listed, NOW + timedelta(seconds=1)).outside == ""


@given(
    is_wanted=st.booleans(),
    is_seen=st.booleans(),
    is_listed=st.booleans(),
    is_moving=st.booleans(),
    wanted_at=st.sampled_from([None, NOW - timedelta(seconds=9), NOW]),
    written_at=st.sampled_from([None, NOW - timedelta(seconds=9), NOW]),
    asked_at=st.sampled_from([NOW - timedelta(seconds=5), NOW + timedelta(seconds=5)]),
)
def test_a_membership_is_over_only_when_it_is_neither_wished_nor_listed(
    *,
    is_wanted: bool,
    is_seen: bool,
    is_listed: bool,
    is_moving: bool,
    wanted_at: datetime | None,
    written_at: datetime | None,
    asked_at: datetime,
) -> None:
    row = AcsMembership(
        is_wanted=is_wanted, is_seen=is_seen, wanted_at=wanted_at, written_at=written_at
    )

    change = merging.merge_membership(
        row, is_listed=is_listed, is_moving=is_moving, asked_at=asked_at
    )

    if written_at is not None and asked_at <= written_at:
        assert change is None
    elif change is not None and change.columns is None:
        assert not is_listed  # never over while it is listed
        assert not is_moving or is_seen is is_wanted is True
        assert not (is_wanted and not is_seen)  # a wish to be in is never dropped
    elif change is not None:
        assert set(change.columns or {}) == {"is_seen"}  # the wish is people's alone


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        (None, None, True),
        (None, NOW - timedelta(days=1), True),
        (None, NOW + timedelta(days=1), False),
        (NOW - timedelta(days=3), NOW - timedelta(hours=1), True),
        (NOW + timedelta(hours=3), NOW + timedelta(hours=3, seconds=40), True),
        (NOW + timedelta(hours=3), NOW + timedelta(hours=4), False),
        (NOW + timedelta(hours=3), None, False),
    ],
)
def test_a_start_that_is_over_is_a_start_now(
    ours: datetime | None, theirs: datetime | None, *, same: bool
) -> None:
    row = AcsUser(full_name="Mara", starts_at=ours)
    seen = facts.reported(ListedUser(remote_id="u1", full_name="Mara", starts_at=theirs))

    assert facts.is_as_wished(Part.SCHEDULE, row, seen, at=NOW) is same


def test_a_user_who_is_absent_once_is_not_gone() -> None:
    row = AcsUser(remote_id="u1", phase="live")

    assert merging.miss_user(row, asked_at=NOW).columns == {"missing_listings": 1}
    row.missing_listings = 1
    assert merging.miss_user(row, asked_at=NOW).outside == "deleted"
    row.delete_asked_at = NOW - timedelta(minutes=1)
    assert merging.miss_user(row, asked_at=NOW).outside == ""
    assert merging.miss_user(row, asked_at=NOW).columns["phase"] == "gone"


def test_one_who_is_gone_and_listed_again_is_deleted_again() -> None:
    row = AcsUser(remote_id="u1", phase="gone", delete_asked_at=NOW - timedelta(hours=1))
    listed = ListedUser(remote_id="u1", full_name="Mara")

    assert merging.merge_user(row, listed, asked_at=NOW).columns["phase"] == "deleting"


def test_a_providers_error_is_told_once() -> None:
    error = Problem(code="failed_to_create_on_acs_system", message="Taken e-mail")
    listed = ListedUser(remote_id="u1", full_name="Mara", errors=(error,))
    row = AcsUser(remote_id="u1", full_name="Mara", phase="live")

    assert _take(row, listed, NOW).failure == "Taken e-mail"
    assert _take(row, replace(listed, phone="+33123456789"), NOW).failure == ""


def test_a_card_is_issued_by_the_providers_word_only() -> None:
    row = AcsCredential(remote_id="c1", access_method="card", is_issued=False, phase="live")
    listed = ListedCredential(remote_id="c1", access_method="card", is_issued=True)

    row.written_at = NOW
    assert merging.merge_credential(row, listed, user_id=None, asked_at=NOW) == merging.NOTHING
    later = NOW + timedelta(seconds=1)
    change = merging.merge_credential(row, listed, user_id=None, asked_at=later)
    assert change.columns["is_issued"] is True
