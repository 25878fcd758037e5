"""ACT-17: an opening is given to a command only where no pairing says otherwise."""

from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.matching import causes

BEGAN = datetime(2026, 3, 28, 22, 30, tzinfo=UTC)


def at(*seconds: float) -> list[datetime]:
    return [BEGAN + timedelta(seconds=each) for each in seconds]


@pytest.mark.parametrize(
    ("sent", "told", "found"),
    [
        ([], [1], [[]]),
        ([0], [1], [[0]]),
        ([0], [-6], [[]]),
        ([0], [61], [[]]),
        # Two commands, each with its opening: minutes or seconds apart, and told in any order.
        ([0, 14], [1, 15], [[0], [1]]),
        ([14, 0], [15, 1], [[0], [1]]),
        ([0, 3], [1, 4], [[0], [1]]),
        # The nearer one, where only one of them can still be under way.
        ([0, 14], [15], [[1]]),
        # Two seconds apart, and only one opened: nobody can tell which.
        ([0, 3], [4], [[0, 1]]),
        # Two openings after one command: one of them is somebody else's.
        ([0], [1, 3], [[], []]),
        ([0, 30], [1, 12, 31], [[0], [], [1]]),
    ],
)
def test_which_commands_an_opening_may_belong_to(
    sent: list[float], told: list[float], found: list[list[int]]
) -> None:
    assert causes(at(*sent), at(*told)) == found


SECONDS = st.lists(st.integers(0, 90), max_size=4, unique=True)


@given(sent=SECONDS, told=SECONDS)
def test_only_what_every_largest_pairing_says_is_told(sent: list[int], told: list[int]) -> None:
    pairings = _pairings(sorted(sent), sorted(told))
    most = max(len(pairing) for pairing in pairings)
    largest = [dict(pairing) for pairing in pairings if len(pairing) == most]

    found = dict(zip(told, causes(at(*sent), at(*told)), strict=True))

    for row in told:
        said = {pairing.get(row) for pairing in largest}
        assert {sent[index] for index in found[row]} == (set() if None in said else said)


def _pairings(sent: list[int], told: list[int]) -> list[list[tuple[int, int]]]:
    """Every pairing in order of time, by trying them all."""
    found: list[list[tuple[int, int]]] = []
    for size in range(min(len(sent), len(told)) + 1):
        for rows in combinations(told, size):
            for commands in combinations(sent, size):
                pairing = list(zip(rows, commands, strict=True))
                if all(_fits(row, command, sent, told) for row, command in pairing):
                    found.append(pairing)
    return found


def _fits(row: int, command: int, sent: list[int], told: list[int]) -> bool:
    has_nearer = any(-5 <= row - each <= 10 for each in sent) or any(
        -5 <= each - command <= 10 for each in told
    )
    return -5 <= row - command <= (10 if has_nearer else 60)
