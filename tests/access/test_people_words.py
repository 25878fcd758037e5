"""How somebody and their card are called, in every state they can be in."""

from datetime import UTC, datetime, timedelta

import pytest

from access.models import AcsCredential, AcsEntrance, AcsSystem, AcsUser
from access.people import foretelling, words
from access.people.opening import in_words
from access.places.health import health_of
from access.states import CardState, Part, Phase
from accounts.models import ConnectedAccount, Space

NOW = datetime(2026, 11, 21, 14, tzinfo=UTC)
HOUR = timedelta(hours=1)


def system(**fields):
    place = Space(name="House", time_zone="Europe/Amsterdam")
    kind = fields.pop("external_type", "salto_space_system")
    account = ConnectedAccount(trouble=fields.pop("trouble", ""))
    return AcsSystem(property=place, account=account, external_type=kind, **fields)


def user(**fields):
    return AcsUser(**{"system": system(), "full_name": "Jane", "phase": Phase.LIVE} | fields)


def card(**fields):
    live = {"phase": Phase.LIVE, "is_issued": True, "card_number": "04A1E580"}
    return AcsCredential(access_method="card", **live | fields)


@pytest.mark.parametrize(
    ("fields", "word", "tone"),
    [
        ({}, "Active", "ok"),
        ({"phase": Phase.GONE}, "Gone", "unknown"),
        ({"phase": Phase.DELETING, "delete_asked_at": NOW}, "Being deleted", "warn"),
        ({"delete_asked_at": NOW, "error_code": "x"}, "Still there", "danger"),
        ({"error_code": "x", "error": "No."}, "Not as wished", "danger"),
        ({"errors": [{"code": "deleted_externally"}]}, "Trouble", "danger"),
        ({"phase": Phase.CREATING}, "Being added", "info"),
        ({"is_suspended": True, "pending": [Part.SUSPENSION]}, "Being suspended", "warn"),
        ({"pending": [Part.SUSPENSION]}, "Being let in", "info"),
        ({"pending": [Part.SCHEDULE]}, "Being changed", "info"),
        ({"mutations": [{"code": "updating_user_information"}]}, "Being changed", "info"),
        ({"mutations": [{"code": "deferring_creation"}]}, "Ready for a card", "info"),
        ({"is_suspended": True}, "Suspended", "warn"),
        ({"ends_at": NOW}, "Ended", "unknown"),
        ({"starts_at": NOW + HOUR}, "Scheduled", "info"),
        ({"is_subscribed": False}, "No seat", "warn"),
    ],
)
def test_every_state_of_somebody_has_a_word(fields, word, tone):
    state = words.state_of(user(**fields), NOW)

    assert (state.word, state.tone) == (word, tone)


@pytest.mark.parametrize(
    "fields",
    [
        {"delete_asked_at": NOW},
        {"delete_asked_at": NOW, "error_code": "x", "error": "No."},
        {"is_suspended": True, "pending": [Part.SUSPENSION]},
        {"is_suspended": True, "pending": [Part.SUSPENSION], "error_code": "x", "error": "No."},
    ],
)
def test_until_it_is_seen_done_the_page_says_that_doors_may_open(fields):
    assert words.state_of(user(**fields), NOW).note.endswith("They may still open doors.")


def test_what_is_under_way_is_said_in_sentences():
    wished = user(pending=[Part.INFORMATION], mutations=[{"code": "updating_access_schedule"}])

    assert words.under_way(wished, []) == [
        "Name, e-mail and phone: being told to Salto Space.",
        "Seam is changing the schedule.",
    ]
    refused = user(pending=[Part.SCHEDULE], error_code="x")
    assert words.under_way(refused, []) == ["The schedule: not taken yet by Salto Space."]
    assert words.under_way(user(), []) == []


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "…E580"),
        ({"warnings": [{"code": "needs_to_be_reissued"}]}, "…E580 to be updated"),
        ({"card_state": CardState.SUSPECT}, "…E580 in doubt"),
        ({"card_state": CardState.SUSPECT, "delete_asked_at": NOW}, "…E580 in doubt"),
        ({"delete_asked_at": NOW}, "…E580 being cancelled"),
        ({"error_code": "x"}, "…E580 in trouble"),
        ({"is_issued": None, "card_number": ""}, "Not written yet"),
        (
            {"is_issued": False, "card_number": "", "card_state": CardState.IN_USE},
            "card not confirmed",
        ),
        ({"ends_at": NOW}, "…E580 ended"),
        ({"is_issued": False}, "…E580 to be updated"),
        ({"user": user(is_suspended=True)}, "…E580 shut out"),
        ({"user": user(delete_asked_at=NOW, phase=Phase.DELETING)}, "…E580 shut out"),
        ({"phase": Phase.GONE, "delete_reason": "lost"}, "…E580 cancelled"),
    ],
)
def test_every_state_of_a_card_has_words(fields, word):
    assert words.card_state(card(**fields), NOW).word == word


@pytest.mark.parametrize(
    "fields",
    [
        {"is_issued": False, "warnings": [{"code": "needs_to_be_reissued"}]},
        {"errors": [{"code": "failed", "message": "No."}]},
        {"user": user(is_suspended=True)},
        {"delete_asked_at": NOW, "phase": Phase.DELETING, "delete_reason": "lost"},
        {"phase": Phase.GONE, "gone_at": NOW, "delete_reason": "lost"},
    ],
)
def test_before_somebody_is_shut_out_every_written_card_in_a_pocket_counts(fields):
    doors = [AcsEntrance(name="Attic")]

    said = foretelling.of_suspending(user(), [card(**fields)], doors, NOW)

    assert "it may still open Attic." in said[1].text


@pytest.mark.parametrize(
    "fields",
    [
        {"is_issued": False, "card_number": ""},
        {"delete_asked_at": NOW, "delete_reason": "returned"},
        {"card_state": CardState.RETURNED},
        {"ends_at": NOW},
        {"phase": Phase.GONE, "gone_at": NOW - timedelta(days=40)},
    ],
)
def test_a_card_that_nobody_carries_opens_nothing_late(fields):
    said = foretelling.of_suspending(user(), [card(**fields)], [AcsEntrance(name="Attic")], NOW)

    assert said[1].text.startswith("They hold no card that was written")


def test_the_card_that_needs_a_person_speaks_for_all():
    cards = [card(), card(ends_at=NOW), card(card_state=CardState.SUSPECT)]

    assert words.card_word(system(), cards, NOW).key == "suspect"
    assert words.card_word(system(), [card(phase=Phase.GONE)], NOW).word == "No card"
    assert words.card_word(system(external_type="salto_ks_site"), [], NOW).word == "No tag"


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "said"),
    [
        (None, None, "Always"),
        (NOW, NOW + 24 * HOUR, "15:00 – 22 Nov, 15:00"),
        (NOW + 24 * HOUR, None, "From 22 Nov, 15:00"),
        (None, NOW + HOUR, "Until 16:00"),
    ],
)
def test_times_are_those_of_the_property(starts_at, ends_at, said):
    assert words.window(user(starts_at=starts_at, ends_at=ends_at), NOW) == said


def test_a_word_of_the_provider_that_is_new_is_shown_as_it_comes():
    assert words.trouble([{"code": "new", "message": "Odd thing."}]) == "Odd thing."
    assert words.trouble([{"code": "new", "message": ""}]) == "new"
    health = health_of(system(errors=[{"code": "new", "message": "Odd thing."}], listed_at=NOW))
    assert (health.word, health.troubles[0].title) == ("Trouble", "Odd thing")


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"listed_at": NOW}, "In order"),
        ({}, "Being read"),
        ({"errors": [{"code": "bridge_disconnected"}]}, "Bridge down"),
        ({"errors": [{"code": "account_disconnected"}]}, "Trouble"),
        ({"warnings": [{"code": "setup_required"}]}, "Look at this"),
        ({"trouble": "Seam refuses the key."}, "Trouble"),
    ],
)
def test_every_health_of_a_system_has_a_word(fields, word):
    assert health_of(system(**fields)).word == word


def test_names_of_doors_are_a_sentence():
    doors = [str(number) for number in range(8)]

    assert in_words(doors[:1]) == "0"
    assert in_words(doors[:3]) == "0, 1 and 2"
    assert in_words(doors[:6]) == "0, 1, 2, 3, 4 and 5"
    assert in_words(doors) == "0, 1, 2, 3, 4, 5 and 2 more"


def test_a_credential_that_was_never_written_is_no_card_beside_one_that_was() -> None:
    left = AcsCredential(access_method="card", is_issued=False, created_at=NOW - HOUR)
    card = AcsCredential(access_method="card", is_issued=True, issued_at=NOW)

    assert words.is_left_over(left, [left, card])
    assert not words.is_left_over(left, [left])
    assert not words.is_left_over(card, [left, card])
    left.card_state = "suspect"
    assert not words.is_left_over(left, [left, card])


def test_what_seam_says_with_two_codes_is_said_once():
    codes = ("seam_bridge_disconnected", "bridge_disconnected")

    health = health_of(system(errors=[{"code": code} for code in codes]))

    assert len(health.troubles) == 1


def test_a_pin_without_digits_is_not_in_use():
    pin = AcsCredential(access_method="code", phase=Phase.LIVE, is_issued=True)
    ks = system(external_type="salto_ks_site")

    assert words.credential_state(pin, ks, NOW).word == "No digits yet"
    pin.code_sealed = "sealed"
    assert words.credential_state(pin, ks, NOW).word == "In use"
