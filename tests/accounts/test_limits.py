"""Turns: at most so many at once and so many a second, whoever asks."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts import limits
from accounts.limits import Limit, take
from accounts.models import Allowance

LIMIT = Limit(per_second=2, burst=3)


def let_pass(seconds: float) -> None:
    """Turn the clock on, for all keys."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_allowance SET due_at = due_at - make_interval(secs => %s)", [seconds]
        )


@pytest.mark.django_db
def test_a_burst_is_free_and_then_it_goes_on_at_its_pace() -> None:
    taken = [take("a", LIMIT) for _ in range(4)]

    assert taken[:3] == [0, 0, 0]
    assert taken[3] == pytest.approx(0.5, abs=0.2)

    let_pass(0.5)
    assert take("a", LIMIT) == 0
    assert take("a", LIMIT) > 0


@pytest.mark.django_db
def test_being_refused_costs_nothing() -> None:
    for _ in range(30):
        take("a", LIMIT)

    let_pass(0.6)

    assert take("a", LIMIT) == 0


@pytest.mark.django_db
def test_a_long_silence_saves_no_more_than_a_burst() -> None:
    take("a", LIMIT)
    let_pass(3600)

    assert [take("a", LIMIT) == 0 for _ in range(4)] == [True, True, True, False]


@pytest.mark.django_db
def test_keys_do_not_know_each_other_and_some_turns_can_be_left() -> None:
    assert [take("a", LIMIT, leave=1) == 0 for _ in range(3)] == [True, True, False]

    assert take("a", LIMIT) == 0
    assert take("b", LIMIT) == 0


@pytest.mark.django_db
def test_rows_that_say_nothing_any_more_are_forgotten() -> None:
    take("old", LIMIT)
    let_pass(3600)
    take("new", LIMIT)

    limits.forget(timezone.now())

    assert list(Allowance.objects.values_list("key", flat=True)) == ["new"]
    limits.forget(timezone.now() + timedelta(hours=1))
    assert not Allowance.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_many_at_once_get_a_burst_together() -> None:
    slow = Limit(per_second=0.01, burst=5)

    def ask(_: Any) -> float:
        try:
            return take("a", slow)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(ask, range(24)))

    assert taken.count(0.0) == 5


@pytest.mark.django_db
def test_a_turn_is_not_written_to_the_disk() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relpersistence FROM pg_class WHERE relname = 'accounts_allowance'")
        assert cursor.fetchone() == ("u",)
