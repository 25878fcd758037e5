"""The life of a job: facts of Salto Space 6, transitions 1 to 13; reliability A1, CARD."""

import pytest

from access.models import AcsCredential, EncodeJob
from access.states import CardState, Intent, JobState, Phase
from audit.models import Event
from tests.access.cards.world import House

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(desk):
    return House(desk)


def verbs():
    return list(Event.objects.order_by("id").values_list("verb", flat=True))


def test_a_first_card_is_made_written_and_proven(house, desk):
    job = house.make()

    assert job.state == JobState.ISSUED
    assert desk.names() == ["create_credential", "start_encode", "get_encoder_attempt"]
    card = job.credential
    assert (card.is_issued, card.card_number, card.card_state) == (
        True,
        desk.number,
        CardState.IN_USE,
    )
    assert (job.holds_encoder, job.holds_user, job.result["last_four"]) == (False, False, "E5F6")
    assert verbs() == ["card_requested", "card_issued"]
    assert desk.number not in str(list(Event.objects.values_list("detail", flat=True)))
    house.encoder.refresh_from_db()
    assert house.encoder.last_ok_at is not None


def test_an_update_writes_the_card_again(house, desk):
    card = house.card_of(house.jane)

    job = house.make(Intent.UPDATE)

    assert (job.state, job.credential_id) == (JobState.ISSUED, card.pk)
    assert ("create_credential", house.jane.remote_id, False) in desk.calls
    assert AcsCredential.objects.count() == 1


def test_a_replacement_sees_the_old_card_gone_before_it_makes_a_new_one(house, desk):
    old = house.card_of(house.jane)
    desk.keeps_deleted_for = 2

    job = house.make(Intent.REPLACE)

    assert job.state == JobState.ISSUED
    names = desk.names()
    assert names.index("delete_credential") < names.index("create_credential")
    assert names[: names.index("create_credential")].count("get_credential") == 3
    old.refresh_from_db()
    assert (old.phase, old.delete_reason) == (Phase.GONE, "replaced")
    assert job.credential_id != old.pk
    assert EncodeJob.objects.get().replaces == old
