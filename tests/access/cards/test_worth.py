"""Cards that were written, and that nobody may have: their right went, or it is another card."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import connection
from django.utils import timezone

from access.cards import cards_back, outcomes, presenting, rows, settling
from access.cards.job_view import NextKind, Stage
from access.cards.refusals import RefusedError
from access.models import AcsCredential, AcsUser
from access.states import CardState, Intent, JobState, Phase
from accounts.providers.base import UncertainError
from accounts.providers.systems import CardFailure, CardOnEncoder, ScanResult
from audit.models import Event
from tests.access.cards.world import House

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(desk):
    return House(desk)


def view(house, job):
    return presenting.view_of(house.seen(job), house.ana, timezone.now())


def steps(house, job):
    return [step.kind for step in view(house, job).next_steps]


def while_waiting(desk, act):
    """Do something once, while the encoder waits for the card."""
    done = []

    def once():
        if not done:
            done.append(1)
            act()

    desk.looks_until_end = 2
    desk.during["get_encoder_attempt"] = once


def test_a_card_that_is_being_written_is_not_reported_lost(house, desk):
    card = house.card_of(house.jane)

    def loses():
        with pytest.raises(RefusedError, match="being written now"):
            cards_back.lost(card, by=house.ana, at=timezone.now())

    while_waiting(desk, loses)
    job = house.make(Intent.UPDATE)

    card.refresh_from_db()
    assert (job.state, card.delete_asked_at, card.card_state) == (
        JobState.ISSUED,
        None,
        CardState.IN_USE,
    )
    assert not Event.objects.filter(verb="card_lost").exists()


def test_a_card_reported_lost_before_it_is_sent_is_not_written(house, desk):
    card = house.card_of(house.jane)
    desk.during["create_credential"] = lambda: cards_back.lost(
        card, by=house.ana, at=timezone.now()
    )

    job = house.make(Intent.UPDATE)

    card.refresh_from_db()
    assert (job.state, desk.starts()) == (JobState.BLOCKED, 0)
    assert (card.phase, card.written_at) == (Phase.DELETING, None)
    assert card.next_run_at is not None


def test_a_card_that_is_written_again_is_not_put_aside(house, desk):
    desk.plan = [CardFailure.INTERRUPTED, None]
    first = house.make()

    def puts_aside():
        with pytest.raises(RefusedError, match="being written again"):
            settling.discard(house.seen(first), by=house.ana, at=timezone.now())

    while_waiting(desk, puts_aside)

    assert house.work(house.again(first)).state == JobState.ISSUED


GONE = {
    "suspended": lambda job: AcsUser.objects.update(is_suspended=True),
    "deleted": lambda job: AcsUser.objects.update(delete_asked_at=timezone.now()),
    "withdrawn": lambda job: AcsCredential.objects.update(
        delete_asked_at=timezone.now(), phase=Phase.DELETING, next_run_at=timezone.now()
    ),
}


@pytest.mark.parametrize("word", GONE)
def test_a_card_whose_right_went_while_it_was_written_is_not_done(house, desk, word):
    job = house.ask()
    while_waiting(desk, lambda: GONE[word](job))

    job = house.work(job)

    shown, card = view(house, job), job.credential
    assert (job.state, shown.stage, shown.headline) == (
        JobState.MISMATCH,
        Stage.FAILED,
        "Don’t hand this card out",
    )
    assert f"{word} meanwhile" in shown.sentence
    assert (card.card_state, card.is_issued) == (CardState.SUSPECT, True)
    assert NextKind.TRY_AGAIN not in steps(house, job)
    # What the reconciler takes for the moment its deletion was told stays free.
    assert not card.delete_asked_at or card.written_at < card.delete_asked_at


def test_a_reading_does_not_make_good_a_card_whose_person_was_suspended(house, desk):
    desk.after["start_encode"] = UncertainError("gone quiet")
    job = house.make()
    house.pass_time(job, 700)
    house.work(job)
    AcsUser.objects.update(is_suspended=True)
    known = desk.cards[job.credential.remote_id]
    desk.plan = [ScanResult(card=CardOnEncoder(card_number=desk.number), credential=known)]

    house.make(Intent.READ, settles=job)

    assert (house.seen(job).state, house.seen(job).evidence) == (JobState.MISMATCH, "scan")


def test_an_update_on_another_card_names_the_one_that_still_opens(house, desk):
    card = house.card_of(house.jane)
    old = card.card_number
    desk.puts_down_another = True

    job = house.make(Intent.UPDATE)

    shown = view(house, job)
    assert (job.state, shown.headline) == (JobState.MISMATCH, "Don’t hand this card out")
    assert f"not the card …{old[-4:]}" in shown.sentence
    assert steps(house, job) == [NextKind.TRY_AGAIN, NextKind.REPLACE]
    assert old not in str(job.result)
    assert house.work(house.again(job)).state == JobState.ISSUED


def test_an_update_that_failed_remembers_its_card(house, desk):
    house.card_of(house.jane)
    desk.plan = [CardFailure.NO_CARD, None]
    job = house.make(Intent.UPDATE)
    desk.puts_down_another = True

    assert house.work(house.again(job)).state == JobState.MISMATCH


def in_thread(pool, act):
    def run():
        try:
            return act()
        finally:
            connection.close()

    return pool.submit(run)


@pytest.mark.django_db(transaction=True)
def test_reporting_a_card_lost_and_proving_it_do_not_block_each_other(house, desk, monkeypatch):
    desk.after["start_encode"] = UncertainError("gone quiet")
    job = house.make()
    seen = desk.write(job.credential.remote_id)
    has_user, go_on, lock = threading.Event(), threading.Event(), rows.lock

    def locks_slowly(model, ids):
        lock(model, ids)
        if model is AcsUser and not has_user.is_set():
            has_user.set()
            go_on.wait(5)

    monkeypatch.setattr(rows, "lock", locks_slowly)
    proves = partial(outcomes.issued, rows.load(job.pk), seen, evidence="credential")
    loses = partial(cards_back.lost, job.credential, by=house.ana, at=timezone.now())

    with ThreadPoolExecutor(2) as pool:
        proof = in_thread(pool, proves)
        has_user.wait(5)
        loss = in_thread(pool, loses)
        time.sleep(0.3)
        go_on.set()

    assert proof.result()
    assert loss.result().person == "Jane Doe"
    assert house.seen(job).credential.card_state == CardState.LOST
