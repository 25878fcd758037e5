"""POLL-09: more than 5 s apart is worth a word, more than a minute a banner."""

import pytest
from django.urls import reverse

from accounts.clocks import ClockTrouble
from tests.make import client_of, make_account, make_site, make_user


@pytest.mark.parametrize("skew", [None, 0.0, 5.0, -4.9])
def test_clocks_that_agree_are_no_trouble(skew: float | None) -> None:
    assert ClockTrouble.of(skew) is None


@pytest.mark.parametrize(
    ("skew", "short", "is_alert"),
    [
        (5.6, "6\u00a0s ahead of ours", False),
        (-59.0, "59\u00a0s behind ours", False),
        (61.0, "61\u00a0s ahead of ours", True),
        (-3600.0, "60\u00a0min behind ours", True),
        (7201.0, "2\u00a0h ahead of ours", True),
    ],
)
def test_clocks_that_do_not_agree(skew: float, short: str, is_alert: bool) -> None:
    trouble = ClockTrouble.of(skew)

    assert trouble is not None
    assert (trouble.short, trouble.is_alert) == (short, is_alert)
    assert "NTP" in trouble.fix


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("skew", "on_page", "on_board"),
    [
        (0.3, "agrees with ours", False),
        (8.0, "8\u00a0s ahead of ours", False),
        (-90.0, "90\u00a0s behind ours", True),
    ],
)
def test_the_account_page_tells_and_the_board_warns(
    skew: float, on_page: str, on_board: bool
) -> None:
    account = make_account(clock_skew_seconds=skew)
    make_site(account)
    client = client_of(make_user(workspace=account.workspace))

    assert on_page in client.get(reverse("account", args=[account.pk])).content.decode()
    board = client.get(reverse("board")).content.decode()
    # What stands in the page is escaped.
    assert ("Salto KS&#x27;s clock is 90\u00a0s behind ours." in board) == on_board
