"""A stay that was made shorter or longer than the card of it: what lists and pages say."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from access.models import AcsCredential, AcsUser
from access.people import stays, words
from access.states import CardState, Phase
from tests.access.test_people_words import system

NOW = datetime(2026, 11, 21, 14, tzinfo=UTC)
DAY = timedelta(days=1)
ZONE = ZoneInfo("Europe/Amsterdam")
BEHIND = [{"code": "needs_to_be_reissued", "message": ""}]


def schedule(ends_at, starts_at=None):
    moments = {"starts_at": starts_at, "ends_at": ends_at}
    return {name: at.isoformat() if at else None for name, at in moments.items()}


def card(*, was, ends_at, **fields):
    """A card written until `was`, of somebody who stays until `ends_at`."""
    user = AcsUser(system=system(), full_name="Jane", phase=Phase.LIVE, ends_at=ends_at)
    user.reported = schedule(ends_at)
    live = {"access_method": "card", "phase": Phase.LIVE, "is_issued": True, "warnings": BEHIND}
    known = {"card_number": "04A1E580", "written_schedule": schedule(was)}
    return AcsCredential(user=user, **live | known | fields)


@pytest.mark.parametrize(
    ("was", "ends_at", "short", "begins"),
    [
        (3 * DAY, DAY, "…E580 may open until 24 Nov, 15:00", "It was written for a longer stay"),
        (None, DAY, "…E580 may open without end", "It was written for a stay without an end"),
        (DAY, 3 * DAY, "…E580 stops at 22 Nov, 15:00", "It was written for a shorter stay: from"),
        (DAY, None, "…E580 stops at 22 Nov, 15:00", "It was written for a shorter stay: from"),
        (-DAY, DAY, "…E580 to be updated", "It was written for a shorter stay, until"),
        (DAY, -DAY, "…E580 may open until 22 Nov, 15:00", "Their stay is over, but"),
        (-DAY, -2 * DAY, "…E580 to be updated", ""),
        (DAY, DAY, "…E580 to be updated", ""),
    ],
)
def test_a_card_of_another_stay_says_until_when_it_opens(was, ends_at, short, begins):
    written = card(was=was and NOW + was, ends_at=ends_at and NOW + ends_at)

    assert words.card_state(written, NOW, zone=ZONE).word == short
    said = stays.sentence(written, ZONE, NOW)
    assert said.startswith(begins)
    assert bool(said) == bool(begins)


@pytest.mark.parametrize(
    ("began", "begins", "short", "said"),
    [
        (None, DAY, "…E580 may open already", "may open with it already, until 24 Nov, 15:00"),
        (-DAY, DAY, "…E580 may open already", "though their stay begins 22 Nov, 15:00."),
        (DAY, 2 * DAY, "…E580 may open from 22 Nov, 15:00", "with it from 22 Nov, 15:00 on"),
        (2 * DAY, DAY, "…E580 opens from 23 Nov, 15:00", "a stay that begins 23 Nov, 15:00:"),
        (2 * DAY, None, "…E580 opens from 23 Nov, 15:00", "until then offline doors refuse it"),
        (-2 * DAY, -DAY, "…E580 stops at 24 Nov, 15:00", "It was written for a shorter stay"),
    ],
)
def test_a_card_of_a_stay_that_was_moved_says_from_when_it_opens(began, begins, short, said):
    written = card(was=NOW + 3 * DAY, ends_at=NOW + 5 * DAY)
    written.written_schedule = schedule(NOW + 3 * DAY, began and NOW + began)
    written.user.starts_at = begins and NOW + begins

    assert words.card_state(written, NOW, zone=ZONE).word == short
    assert said in stays.sentence(written, ZONE, NOW)


def test_a_card_of_a_stay_that_is_over_opens_nothing_too_early():
    written = card(was=NOW - DAY, ends_at=NOW + 5 * DAY)
    written.user.starts_at = NOW + DAY

    assert words.card_state(written, NOW, zone=ZONE).word == "…E580 to be updated"
    assert "offline doors refuse it until it is updated" in stays.sentence(written, ZONE, NOW)


def test_while_the_new_end_is_on_its_way_the_card_has_the_one_that_was_seen():
    written = card(was=None, ends_at=NOW + DAY, warnings=[], written_schedule=None)
    written.user.reported = schedule(NOW + 3 * DAY)

    assert words.card_state(written, NOW, zone=ZONE).word == "…E580 may open until 24 Nov, 15:00"


@pytest.mark.parametrize(
    "fields",
    [
        {"written_schedule": None},  # nobody knows what is on it
        {"card_state": CardState.RETURNED},
        {"delete_asked_at": NOW},
        {"phase": Phase.GONE},
        {"is_issued": None, "card_number": ""},
    ],
)
def test_nothing_is_said_of_what_is_not_known_or_not_carried(fields):
    assert stays.old_end(card(was=NOW + 3 * DAY, ends_at=NOW + DAY, **fields)) is None


def test_what_the_card_itself_ends_with_counts_where_it_is_earlier():
    written = card(was=NOW + 3 * DAY, ends_at=NOW + 2 * DAY)
    written.ends_at = NOW + DAY

    assert stays.old_end(written) is None
