"""ACC-06: one account's share of requests, and who may use the last of it."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import OperationalError

from accounts import turns
from accounts.providers.base import NotYetError, Reach
from accounts.turns import AccountTurns, Share, Work, next_turn, share_of
from tests.accounts.test_limits import let_pass

pytestmark = pytest.mark.django_db

USUAL = Share()
QUICK = Share(10.0)


@pytest.fixture
def account_id() -> UUID:
    return uuid4()


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waiting turns the clock on instead."""
    waits: list[float] = []

    def pause(seconds: float) -> None:
        waits.append(seconds)
        let_pass(seconds)

    monkeypatch.setattr(turns, "_pause", pause)
    return waits


def use_up(account_id: UUID, work: Work, share: Share = USUAL) -> int:
    number = 0
    while next_turn(account_id, work, share) == 0:
        number += 1
    return number


def test_each_provider_has_its_own_pace_and_the_operator_has_the_last_word(settings: Any) -> None:
    assert [share_of(name).per_second for name in ("salto_ks", "seam", "gone")] == [4, 10, 4]

    settings.PROVIDER_REQUESTS_PER_SECOND = 2.0
    assert {share_of(name).per_second for name in ("salto_ks", "seam", "gone")} == {2}


@pytest.mark.parametrize(
    ("rate", "burst", "reserve"),
    [(0.1, 6, 3), (4.0, 6, 3), (10.0, 15, 7), (1000.0, 15, 7)],
)
def test_a_burst_grows_with_the_pace_within_bounds(rate: float, burst: int, reserve: int) -> None:
    assert (Share(rate).burst, Share(rate).reserve) == (burst, reserve)


def test_acc_06_looking_at_a_card_five_times_a_second_leaves_room_for_work(
    account_id: UUID,
) -> None:
    use_up(account_id, Work.RECONCILE, QUICK)
    use_up(account_id, Work.ACTUATE, QUICK)
    looks = work = 0
    for _ in range(50):
        let_pass(0.2)
        looks += next_turn(account_id, Work.ACTUATE, QUICK) == 0
        work += use_up(account_id, Work.RECONCILE, QUICK)

    assert looks == 50
    assert work >= 30


@pytest.mark.parametrize("background", [Work.POLL, Work.RECONCILE, Work.WATCH])
@pytest.mark.parametrize("urgent", [Work.ACTUATE, Work.REVOKE])
def test_acc_06_background_work_leaves_a_reserve_for_what_is_urgent(
    background: Work, urgent: Work
) -> None:
    for share in (USUAL, QUICK):
        account_id = uuid4()
        assert use_up(account_id, background, share) == share.burst - share.reserve

        assert use_up(account_id, urgent, share) == share.reserve


def test_acc_06_what_is_urgent_may_use_everything(account_id: UUID) -> None:
    assert use_up(account_id, Work.ACTUATE) == USUAL.burst
    assert next_turn(account_id, Work.POLL, USUAL) > 0


def test_acc_06_in_the_long_run_polls_get_three_a_second_and_all_together_four(
    account_id: UUID,
) -> None:
    use_up(account_id, Work.POLL)
    use_up(account_id, Work.ACTUATE)
    polls = clicks = 0
    for _ in range(100):
        let_pass(0.1)
        polls += next_turn(account_id, Work.POLL, USUAL) == 0
    assert 26 <= polls <= 31

    for _ in range(100):
        let_pass(0.1)
        polls += next_turn(account_id, Work.POLL, USUAL) == 0
        clicks += next_turn(account_id, Work.ACTUATE, USUAL) == 0
    assert polls + clicks <= 31 + 40 + USUAL.burst
    assert clicks >= 10


def test_accounts_do_not_share(account_id: UUID) -> None:
    use_up(account_id, Work.ACTUATE)

    assert next_turn(uuid4(), Work.ACTUATE, USUAL) == 0


def test_a_poll_waits_for_its_turn(account_id: UUID, waited: list[float]) -> None:
    use_up(account_id, Work.POLL)

    AccountTurns(account_id, Work.POLL).take(budget_seconds=10)

    assert 0.2 < sum(waited) < 0.5


def test_a_click_does_not_wait_while_there_is_a_reserve(
    account_id: UUID, waited: list[float]
) -> None:
    use_up(account_id, Work.POLL)

    AccountTurns(account_id, Work.ACTUATE).take(budget_seconds=10)

    assert waited == []


@pytest.mark.parametrize(("budget", "patient"), [(10.0, True), (1.1, False), (-1.0, False)])
def test_a_click_that_finds_nothing_waits_if_its_budget_allows_it(
    account_id: UUID, waited: list[float], budget: float, patient: bool
) -> None:
    use_up(account_id, Work.ACTUATE)

    if patient:
        AccountTurns(account_id, Work.ACTUATE).take(budget_seconds=budget)
        assert 0 < sum(waited) < 0.5
        return
    with pytest.raises(NotYetError) as caught:
        AccountTurns(account_id, Work.ACTUATE).take(budget_seconds=budget)
    assert (caught.value.reach, caught.value.retry_after_seconds) == (Reach.NOT_SENT, 1)
    assert waited == []


def test_a_click_goes_out_uncounted_where_the_database_is_away(
    account_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(turns, "next_turn", fail)

    AccountTurns(account_id, Work.ACTUATE).take(budget_seconds=10)
    with pytest.raises(OperationalError):
        AccountTurns(account_id, Work.POLL).take(budget_seconds=10)


def test_whoever_asks_for_long_may_do_something_before_each_request(account_id: UUID) -> None:
    done = []

    def note() -> None:
        done.append(1)

    long = AccountTurns(account_id, Work.RECONCILE, QUICK, before_each=note)
    long.take(budget_seconds=10)
    long.take(budget_seconds=10)

    assert len(done) == 2


def test_what_stops_before_a_request_takes_no_turn(account_id: UUID) -> None:
    def stop() -> None:
        raise KeyError("lease")

    with pytest.raises(KeyError):
        AccountTurns(account_id, Work.ACTUATE, before_each=stop).take(budget_seconds=10)

    assert use_up(account_id, Work.ACTUATE) == USUAL.burst
