"""Every row of facts/salto_space.md 6.1: its words, what it does to the card, the next step."""

import re

import pytest
from django.utils import timezone

from access.cards import failures, presenting
from access.cards.failures import ROWS, Content
from access.cards.job_view import NextKind, Stage
from access.cards.refusals import RefusedError
from access.states import CardState, JobKind, JobState
from accounts.providers.systems import CardFailure
from tests.access.cards.world import House
from tests.make import make_encoder

READ, DISCARD, AGAIN = NextKind.READ, NextKind.DISCARD, NextKind.TRY_AGAIN
OTHER, OPEN = NextKind.OTHER_ENCODER, NextKind.OPEN_USER

#: failure → (how it ends, words of 6.1, next steps)
TABLE = {
    "no_card": ("failed", "No card was placed on Front desk 1 in time. Press Try again", [AGAIN]),
    "misplaced": ("failed", "Centre one single card and keep still.", [AGAIN]),
    "interrupted": (
        "failed",
        "The card was lifted too early. Don’t hand it out. Put the same card back and try again.",
        [AGAIN, DISCARD],
    ),
    "bad_card": (
        "failed",
        "This card cannot be used here (wrong type, another system’s, or damaged). Take a new blank.",
        [AGAIN],
    ),
    "card_full": ("failed", "This person’s rights do not fit on this card.", [AGAIN]),
    "card_of_other": ("failed", "This card already belongs to someone else.", [AGAIN, READ]),
    "staff_card": ("failed", "That is a valid staff card. Take it off and use a guest", [AGAIN]),
    "has_key": (
        "failed",
        "This person already has a card. Update that card, or report it lost and replace it.",
        [NextKind.UPDATE, NextKind.REPLACE],
    ),
    "no_key_to_update": (
        "failed",
        "There is no current card/stay to update. Make a new card.",
        [NextKind.FIRST],
    ),
    "other_card": ("failed", "is on another card", [AGAIN, READ, NextKind.REPLACE]),
    "credential_gone": ("failed", "This card request was withdrawn meanwhile.", [AGAIN]),
    "encoder_offline": (
        "failed",
        "Front desk 1 encoder is not answering. Check power and network cable, or choose another",
        [OTHER, AGAIN],
    ),
    "encoder_uninit": (
        "failed",
        "The encoder must be initialised in ProAccess Space (System > Salto Network).",
        [OTHER, AGAIN],
    ),
    "encoder_missing": ("failed", "That encoder was removed. Choose another.", [OTHER]),
    "encoder_busy": (
        "failed",
        "Encoder is in use by another operation. Wait a few seconds.",
        [AGAIN, OTHER],
    ),
    "comms_timeout": (
        "unknown",
        "We lost contact with the encoder while working. Read the card before giving it out.",
        [READ, DISCARD],
    ),
    "bridge_down": (
        "unknown",
        "The link to the Salto server is down (Seam Bridge). Cards can’t be made until it is back.",
        [READ, DISCARD],
    ),
    "user_locked": ("failed", "This person is being edited in Salto right now.", [AGAIN]),
    "room_locked": ("failed", "Another station is making a card for this room.", [AGAIN]),
    "room_bad": ("failed", "Room unknown / out of service in Salto.", [AGAIN]),
    "rule": ("failed", "Salto refuses: dates or access level not allowed", [AGAIN]),
    "licence": ("failed", "The Salto licence does not cover this.", [AGAIN]),
    "pool_full": ("failed", "No more keys can be issued (denylist/number space full).", [AGAIN]),
    "server_db": ("failed", "The Salto server has a database problem.", [AGAIN]),
    "cancelled": ("failed", "Cancelled at the encoder/server.", [AGAIN]),
    "expired": (
        "unknown",
        "The request was not finished in time. Read the card before giving it out.",
        [READ, DISCARD],
    ),
    "protocol": ("failed", "Technical error, reference ", [AGAIN]),
    "unknown_error": (
        "unknown",
        "It did not work: The provider said so. Read the card; try once more; else call support",
        [READ, DISCARD],
    ),
    "not_found": ("failed", "No registered card has that number.", [NextKind.ASSIGN, AGAIN]),
    "wait_over": (
        "unknown",
        "Still no answer. Don’t give the card out; we keep checking.",
        [READ, DISCARD],
    ),
}
#: These come of a reading or of a proof, not of an attempt that failed.
ELSEWHERE = {CardFailure.VERIFY_FAIL, CardFailure.FOREIGN_ON_SCAN, CardFailure.BLANK_ON_SCAN}


@pytest.fixture
def house(desk):
    return House(desk)


def shown(house, job):
    return presenting.view_of(house.seen(job), house.ana, timezone.now())


def test_the_table_is_whole():
    assert set(TABLE) | ELSEWHERE == set(CardFailure) == set(ROWS)


@pytest.mark.django_db
@pytest.mark.parametrize("failure", TABLE)
def test_a_failure_has_its_words_its_state_and_its_next_step(house, desk, failure):
    other = make_encoder(house.system, name="Back office")
    ends, words, steps = TABLE[failure]
    desk.plan = [CardFailure(failure)]

    job = house.make()
    view = shown(house, job)

    assert job.state == ends
    assert words in view.sentence
    assert [step.kind for step in view.next_steps if step.kind != OPEN] == steps
    assert view.next_steps[0].is_first is (failure != "bridge_down")  # reading needs it, too
    assert view.stage == (Stage.UNKNOWN if ends == "unknown" else Stage.FAILED)
    assert (job.holds_encoder, job.holds_user) == (False, ends == "unknown")
    is_spoilt = failures.content_of(failure, JobKind.ENCODE) is not Content.UNCHANGED
    assert (job.credential.card_state == CardState.SUSPECT) == is_spoilt
    assert job.credential.is_issued is False
    if OTHER in steps:
        assert other.pk in {step.target_id for step in view.next_steps}
    if ends == "unknown":
        assert view.headline == "Don’t hand this card out"


@pytest.mark.django_db
@pytest.mark.parametrize("failure", TABLE)
def test_a_reading_that_fails_leaves_no_card_in_doubt(house, desk, failure):
    desk.plan = [CardFailure(failure)]

    job = house.make("read")
    view = shown(house, job)

    assert job.state == JobState.FAILED
    assert (job.holds_encoder, "{" in view.sentence) == (False, False)
    assert "giving it out" not in view.sentence
    assert DISCARD not in {step.kind for step in view.next_steps}


@pytest.mark.django_db
def test_a_busy_encoder_is_waited_for_longer_each_time_and_never_asked_by_itself(house, desk):
    waits, sentences = [], []
    desk.plan = [CardFailure.ENCODER_BUSY] * 4
    job = house.make()
    for _ in range(4):
        view = shown(house, job)
        waits.append(round((view.try_again_at - job.finished_at).total_seconds()))
        sentences.append(view.sentence)
        with pytest.raises(RefusedError, match="Try again in"):
            house.again(job)
        house.pass_time(job, 20)
        job = house.seen(job)
        if len(waits) < 4:
            job = house.work(house.again(job))

    assert waits == [3, 6, 12, 12]
    assert ["automatic-update mode" in each for each in sentences] == [False, False, False, True]
    assert desk.starts() == 4


@pytest.mark.django_db
def test_tips_come_with_the_second_failure(house, desk):
    desk.plan = [CardFailure.NO_CARD, CardFailure.NO_CARD]
    first = house.make()
    second = house.work(house.again(first))

    assert (shown(house, first).tips, len(shown(house, second).tips)) == ((), 3)


@pytest.mark.django_db
def test_a_tag_that_is_not_registered_may_be_new(desk):
    house = House(desk, external_type="salto_ks_site")
    desk.plan = [CardFailure.NO_CARD]

    job = house.make("tag")

    view = shown(house, job)
    assert view.headline == "No tag was found"
    assert view.sentence == (
        "No tag was held to Front desk 1 in time. Hold the tag to the reader while it blinks. "
        "If the tag is new, press “The tag is new”: the reader then registers it."
    )
    steps = [(step.kind, step.label, step.is_first) for step in view.next_steps]
    assert steps == [
        (NextKind.TRY_AGAIN, "Try again", True),
        (NextKind.ASSIGN, "The tag is new", False),
    ]
    desk.plan = [CardFailure.NO_CARD]
    as_new = shown(house, house.make("tag", detects_new_tags=True))
    assert [step.kind for step in as_new.next_steps] == [NextKind.TRY_AGAIN]
    assert "is new" not in as_new.sentence


#: These come of writing cards for rooms, and of Seam Bridge: nothing of Salto KS.
_OF_WRITING = {"card_full", "has_key", "no_key_to_update", "room_bad", "room_locked", "bridge_down"}


@pytest.mark.django_db
@pytest.mark.parametrize("intent", ["tag", "read"])
@pytest.mark.parametrize("failure", sorted(TABLE.keys() - _OF_WRITING))
def test_salto_ks_speaks_of_tags_and_readers(desk, failure, intent):
    house = House(desk, external_type="salto_ks_site")
    house.encoder.name = "Weir Gate"
    house.encoder.save()
    desk.plan = [CardFailure(failure)]

    view = shown(house, house.make(intent))

    words = " ".join([view.headline, view.sentence, *[step.label for step in view.next_steps]])
    assert not re.search(r"\b(cards?|encoder|erase|room|Space)\b", words), words


@pytest.mark.django_db
def test_card_numbers_in_a_providers_sentence_are_cut_to_their_end(house, desk):
    desk.message = "Card 04A1B2C3D4E5F6 is used by another user"
    desk.plan = [CardFailure.CARD_OF_OTHER]

    view = shown(house, house.make())

    assert view.provider_message == "Card …E5F6 is used by another user"
