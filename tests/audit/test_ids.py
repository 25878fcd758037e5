from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from audit.ids import id_at, moment_floor, new_id

MOMENTS = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001  hypothesis wants it naive
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@given(MOMENTS, st.text())
def test_the_same_moment_and_seed_give_the_same_id(moment: datetime, seed: str) -> None:
    assert id_at(moment, seed) == id_at(moment, seed)


@given(MOMENTS, st.text())
def test_an_id_is_a_uuid_of_version_7(moment: datetime, seed: str) -> None:
    made = id_at(moment, seed)

    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 80 == int(moment.timestamp() * 1000)


@given(MOMENTS, st.text(), st.text())
def test_ids_sort_by_time_whatever_the_seed(moment: datetime, seed: str, other: str) -> None:
    later = moment + timedelta(milliseconds=1)

    assert moment_floor(moment) <= id_at(moment, seed) < id_at(later, other)


def test_other_seeds_give_other_ids() -> None:
    moment = datetime(2026, 3, 1, tzinfo=UTC)

    assert len({id_at(moment, str(seed)) for seed in range(1000)}) == 1000


def test_fresh_ids_sort_in_the_order_they_were_made() -> None:
    made = [new_id() for _ in range(1000)]

    assert made == sorted(made)
    assert len(set(made)) == 1000
