"""What is believed of a card: gone, blank, another's, too long to store."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import DataError
from django.utils import timezone

from access.cards import cards_back, evidence, outcomes, presenting, working
from access.cards.job_view import NextKind
from access.models import AcsCredential, AcsUser
from access.states import Intent, JobState, Phase
from accounts.models import Role
from accounts.providers.base import Code, RefusedError, UncertainError
from accounts.providers.systems import CardFailure, CardOnEncoder, ScanResult
from audit.models import Event
from tests.access.cards.world import House
from tests.make import (
    actor,
    make_acs_user,
    make_credential,
    make_property,
    make_system,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(desk):
    return House(desk)


def view(house, job, by=None):
    return presenting.view_of(house.seen(job), by or house.ana, timezone.now())


def steps(house, job):
    return [step.kind for step in view(house, job).next_steps]


# --- gone -----------------------------------------------------------------------------


@pytest.mark.parametrize("code", [Code.NOT_FOUND, CardFailure.CREDENTIAL_GONE])
def test_a_card_is_gone_once_it_was_asked_for_and_not_there(house, desk, code):
    card = house.card_of(house.jane)
    desk.before["create_credential"] = RefusedError("Seam does not know this", code=code)
    job = house.make(Intent.UPDATE)
    card.refresh_from_db()
    assert (card.phase, desk.starts()) == (Phase.LIVE, 0)

    del desk.cards[card.remote_id]
    desk.before["create_credential"] = RefusedError("It is gone", code=CardFailure.CREDENTIAL_GONE)
    job = house.work(house.again(job))

    card.refresh_from_db()
    assert (job.state, card.phase) == (JobState.FAILED, Phase.GONE)
    assert steps(house, job) == [NextKind.FIRST]
    assert house.make().state == JobState.ISSUED


def test_a_withdrawal_goes_on_although_something_was_not_found(house, desk):
    card = house.card_of(house.jane)

    def loses():
        cards_back.lost(card, by=house.ana, at=timezone.now())

    desk.during["create_credential"] = loses
    desk.before["create_credential"] = RefusedError("?", code=CardFailure.CREDENTIAL_GONE)
    house.make(Intent.UPDATE)

    card.refresh_from_db()
    assert (card.phase, card.next_run_at is not None) == (Phase.DELETING, True)


def test_an_attempt_that_found_no_credential_has_it_looked_for(house, desk):
    card = house.card_of(house.jane)
    desk.plan = [CardFailure.CREDENTIAL_GONE, None]
    job = house.make(Intent.UPDATE)

    card.refresh_from_db()
    assert (card.phase, steps(house, job)[0]) == (Phase.LIVE, NextKind.TRY_AGAIN)
    assert house.work(house.again(job)).state == JobState.ISSUED


def test_nothing_to_update_leads_to_a_card_in_its_place(house, desk):
    house.card_of(house.jane)
    desk.plan = [CardFailure.NO_KEY_TO_UPDATE]

    assert steps(house, house.make(Intent.UPDATE)) == [NextKind.REPLACE, NextKind.OPEN_USER]


# --- blank ----------------------------------------------------------------------------


def test_a_blank_card_is_not_the_one_that_was_to_be_updated(house, desk):
    house.card_of(house.jane)
    desk.after["start_encode"] = UncertainError("gone quiet")
    job = house.make(Intent.UPDATE)
    house.pass_time(job, 700)
    house.work(job)
    desk.plan = [ScanResult(card=None, credential=None)]

    reading = house.make(Intent.READ, settles=job)

    assert house.seen(job).state == JobState.UNKNOWN
    assert "not the card of Jane Doe in doubt" in view(house, reading).sentence
    assert steps(house, reading) == [NextKind.READ]


# --- another's ------------------------------------------------------------------------


@pytest.mark.parametrize("has_holder", [True, False])
def test_a_card_of_another_property_leaves_no_name_in_this_ones_log(house, desk, has_holder):
    there = make_system(
        house.system.account, property=make_property(house.system.workspace), name="Mill Lane"
    )
    bill = make_acs_user(there, full_name="Bill Secret") if has_holder else None
    card = make_credential(bill, system=there)
    known = desk.put_card(
        bill.remote_id if bill else "", remote_id=card.remote_id, card_number=card.card_number
    )
    desk.plan = [ScanResult(card=CardOnEncoder(card_number=card.card_number), credential=known)]
    ana = actor(make_user(Role.FRONT_DESK, place=house.system.property))

    job = house.make(Intent.READ, by=ana)

    line = Event.objects.get(verb="card_read")
    assert (line.subject, card.last_four in str(line.detail)) == ("", False)
    shown = view(house, job, ana)
    assert (shown.headline, shown.facts) == ("A card of another property", ())


# --- stored ---------------------------------------------------------------------------


def test_what_a_card_is_valid_until_is_what_was_written(house, desk):
    later = timezone.now() + timedelta(days=9)
    card = house.card_of(house.jane)
    AcsCredential.objects.update(ends_at=timezone.now() + timedelta(days=1))
    AcsUser.objects.update(ends_at=later)
    desk.cards[card.remote_id] = replace(desk.cards[card.remote_id], ends_at=later)

    job = house.make(Intent.UPDATE)

    assert job.credential.ends_at == later


def test_a_number_longer_than_any_is_cut(house, desk):
    desk.number = "04" + "A" * 90

    job = house.make()

    assert (job.state, len(job.credential.card_number)) == (JobState.ISSUED, 64)


def test_a_job_whose_end_cannot_be_stored_ends_by_its_deadline(house, desk, monkeypatch):
    def breaks(*_args, **_options):
        raise DataError("too long")

    monkeypatch.setattr(outcomes, "issued", breaks)
    job = house.ask()
    with pytest.raises(DataError):
        working.work(job.pk)
    house.pass_time(job, 100)
    job = house.work(job)
    assert (job.state, job.holds_encoder) == (JobState.UNKNOWN, True)

    house.pass_time(job, 600)
    with pytest.raises(DataError):
        working.work(job.pk)

    assert house.seen(job).holds_encoder is False


# --- tags -----------------------------------------------------------------------------


def test_a_tag_of_before_proves_no_assignment(desk):
    house = House(desk, external_type="salto_ks_site")
    tag = {"is_issued": True, "card_number": "04AA", "warnings": ()}
    ahead = timezone.now() + timedelta(seconds=60)
    desk.put_card(house.jane.remote_id, issued_at=ahead, **tag)
    desk.after["start_assign"] = UncertainError("gone quiet")
    job = house.make(Intent.TAG)
    house.pass_time(job, 6)
    assert house.work(job).state == JobState.UNKNOWN

    desk.put_card(house.jane.remote_id, **tag | {"card_number": "04BB"})
    house.pass_time(job, 6)

    assert house.work(job).state == JobState.DONE


# --- numbers --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number",
    [
        "04A1B2C3D4E5F6",
        "0x04A1B2C3D4E5F6",
        "serial_04A1B2C3D4E5F6",
        "04:A1:B2:C3:D4:E5:F6",
        "04-a1-b2-c3-d4-e5-f6",
        "04 A1 B2 C3 D4 E5 F6",
    ],
)
def test_a_number_is_cut_however_it_is_written(number):
    said = evidence.without_numbers(f"card {number} bad")

    assert said.lower().endswith("…e5f6 bad")
    assert "a1" not in said.lower()
