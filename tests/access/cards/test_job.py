"""The life of a job: facts of Salto Space 6, transitions 1 to 13; reliability A1, CARD."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection
from django.utils import timezone

from access import carrying
from access.cards import (
    cards_back,
    intents,
    outcomes,
    pace,
    preparing,
    queue,
    sending,
    settling,
    stopping,
    watching,
    working,
)
from access.cards.refusals import BusyError
from access.cards.refusals import RefusedError as CardRefused
from access.models import AcsCredential, AcsMembership, AcsSystem, AcsUser, EncodeJob
from access.states import CardState, Intent, JobState, Phase
from access.syncing import leftovers
from accounts.models import ConnectedAccount, Membership
from accounts.providers.base import (
    RateLimitError,
    RefusedError,
    UncertainError,
    UnreachableError,
)
from accounts.providers.systems import (
    AttemptState,
    CardFailure,
    CardOnEncoder,
    ListedUser,
    Mutation,
    Problem,
    ScanResult,
)
from audit.models import Event
from tests.access.cards.world import House
from tests.make import make_credential, make_encoder, make_group, make_job

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


def test_a_reading_tells_whose_card_it_is(house, desk):
    card = house.card_of(house.jane)
    known = desk.cards[card.remote_id]
    on_it = CardOnEncoder(card_number=card.card_number, is_issued=True)
    desk.plan = [ScanResult(card=on_it, credential=known)]

    job = house.make(Intent.READ)

    assert (job.state, job.user, job.credential) == (JobState.DONE, house.jane, card)
    assert job.result["last_four"] == card.card_number[-4:]
    assert card.card_number not in str(job.result)
    assert verbs() == ["card_requested", "card_read"]


def test_a_tag_is_given_to_somebody(desk):
    house = House(desk, external_type="salto_ks_site")

    job = house.make(Intent.TAG)

    assert (job.state, job.result["last_four"]) == (JobState.DONE, "E5F6")
    assert verbs() == ["card_requested", "tag_assigned"]
    tag = AcsCredential.objects.get(user=house.jane)
    assert (tag.last_four, tag.phase) == ("E5F6", Phase.LIVE)


def test_a_card_that_was_lifted_early_is_in_doubt_among_the_arrivals(house, desk):
    AcsUser.objects.filter(pk=house.jane.pk).update(starts_at=timezone.now())
    desk.plan = [CardFailure.INTERRUPTED]
    house.make()

    rows = queue.arrivals(house.ana, now=timezone.now())

    assert [(row.why, row.intent) for row in rows] == [("card in doubt", Intent.FIRST)]


@pytest.mark.parametrize(("is_new", "window", "deadline"), [(False, 30, 90), (True, 120, 180)])
@pytest.mark.parametrize("intent", [Intent.TAG, Intent.READ])
def test_only_for_a_new_tag_a_reader_waits_for_two_minutes(desk, intent, is_new, window, deadline):
    house = House(desk, external_type="salto_ks_site")
    desk.plan = [CardFailure.NO_CARD]

    job = house.make(intent, detects_new_tags=is_new)

    assert job.card_by - job.waiting_since == timedelta(seconds=window)
    assert job.deadline - job.requested_at == timedelta(seconds=deadline)


# --- being made ready -----------------------------------------------------------------


def test_what_is_left_of_a_failed_try_is_written_instead_of_another(house, desk):
    desk.plan = [CardFailure.NO_CARD, None]
    first = house.make()

    second = house.work(house.again(first))

    assert (first.state, second.state, second.tries) == (JobState.FAILED, JobState.ISSUED, 2)
    assert second.credential_id == first.credential_id
    assert desk.names().count("create_credential") == 1


def test_a_credential_whose_answer_was_lost_is_found_and_not_made_twice(house, desk):
    desk.after["create_credential"] = UncertainError("no answer")

    job = house.make()

    assert job.state == JobState.ISSUED
    assert (desk.names().count("create_credential"), len(desk.cards)) == (1, 1)


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_clock_far_off_makes_no_second_credential(house, desk, minutes):
    desk.ahead = timedelta(minutes=minutes)
    ConnectedAccount.objects.update(clock_skew_seconds=desk.ahead.total_seconds())
    desk.after["create_credential"] = UncertainError("no answer")

    job = house.make()

    assert job.state == JobState.ISSUED
    assert (desk.names().count("create_credential"), len(desk.cards)) == (1, 1)


def test_a_credential_that_was_not_made_is_asked_for_once_only(house, desk):
    desk.before["create_credential"] = UncertainError("no answer")
    job = house.ask()
    EncodeJob.objects.update(send_by=timezone.now() + timedelta(seconds=3))
    job = house.work(job)
    assert (job.state, desk.starts()) == (JobState.BLOCKED, 0)
    assert "did not answer clearly" in job.provider_message

    AcsCredential.objects.update(ambiguous_since=timezone.now() - timedelta(seconds=20))
    again = house.work(house.again(job))

    assert again.state == JobState.ISSUED
    assert AcsCredential.objects.exclude(phase=Phase.GONE).count() == 1


def test_a_listing_that_was_quicker_is_no_second_credential(house, desk):
    job = house.ask()
    made = desk.put_card(house.jane.remote_id)

    def create(*_args, **_options):
        make_credential(
            house.jane, remote_id=made.remote_id, is_issued=False, issued_at=None, card_number=""
        )
        return made

    desk.create_credential = create
    job = house.work(job)

    assert job.state == JobState.ISSUED
    assert job.credential.remote_id == made.remote_id
    assert AcsCredential.objects.exclude(phase=Phase.GONE).count() == 1


def test_a_card_waits_for_changes_that_are_still_on_their_way(house, desk):
    other = make_group(house.system)
    AcsMembership.objects.create(user=house.jane, group=other, is_seen=False)
    desk.users[house.jane.remote_id] = ListedUser(
        remote_id=house.jane.remote_id, full_name="Jane Doe"
    )
    looks = []

    def joins_at_the_third_look():
        looks.append(1)
        ids = [house.group.remote_id] + ([other.remote_id] if len(looks) > 2 else [])
        desk.groups_of[house.jane.remote_id] = ids

    desk.during["user_group_ids"] = joins_at_the_third_look

    assert house.make().state == JobState.ISSUED
    assert len(looks) == 3


def test_a_preparation_that_was_taken_over_sends_nothing(house, desk):
    job = house.ask()

    def is_taken_over():
        EncodeJob.objects.update(lease_until=timezone.now() + timedelta(seconds=9))

    desk.during["create_credential"] = is_taken_over
    job = house.work(job)

    assert (job.state, desk.starts()) == (JobState.PREPARING, 0)


def test_what_is_not_taken_in_in_time_is_not_sent(house, desk):
    AcsUser.objects.update(mutations=[{"code": "updating_access_schedule"}])
    desk.users[house.jane.remote_id] = ListedUser(
        remote_id=house.jane.remote_id,
        full_name="Jane Doe",
        mutations=(Mutation(code="updating_access_schedule"),),
    )
    job = house.ask()
    EncodeJob.objects.update(send_by=timezone.now() + timedelta(seconds=3))

    job = house.work(job)

    assert (job.state, desk.starts(), job.holds_encoder) == (JobState.BLOCKED, 0, False)
    assert "has not taken in" in job.provider_message


def test_somebody_the_provider_puts_off_making_is_ready(house, desk):
    AcsUser.objects.update(mutations=[{"code": "deferring_creation"}])

    assert house.make().state == JobState.ISSUED
    assert "get_acs_user" not in desk.names()


def test_an_old_card_that_does_not_go_keeps_the_new_one_from_being_made(house, desk):
    house.card_of(house.jane)
    desk.keeps_deleted_for = 10_000
    job = house.ask(Intent.REPLACE)
    EncodeJob.objects.update(send_by=timezone.now() + timedelta(seconds=3))

    job = house.work(job)

    assert (job.state, desk.starts()) == (JobState.BLOCKED, 0)
    assert "create_credential" not in desk.names()
    assert "not cancelled" in job.provider_message


# --- sent once ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "state", "failure"),
    [
        (UncertainError("gone quiet"), JobState.UNKNOWN, "wait_over"),
        (UnreachableError("not there"), JobState.FAILED, "protocol"),
        (RefusedError("no", code=CardFailure.ENCODER_MISSING), JobState.FAILED, "encoder_missing"),
        (RefusedError("no", code=CardFailure.BRIDGE_DOWN), JobState.FAILED, "bridge_down"),
        (RefusedError("no", code="not_found", status=404), JobState.FAILED, "protocol"),
        (RateLimitError("too many", retry_after_seconds=3), JobState.FAILED, "protocol"),
    ],
)
def test_a_start_is_never_repeated(house, desk, error, state, failure):
    desk.before["start_encode"] = error

    job = house.make()
    house.work(job)

    assert (job.state, job.failure, desk.starts()) == (state, failure, 1)
    assert job.holds_encoder == (state == JobState.UNKNOWN)


@pytest.mark.parametrize("is_issued", [False, True])
def test_a_try_again_goes_on_with_no_card_that_is_withdrawn_meanwhile(house, desk, is_issued):
    intent = Intent.UPDATE if is_issued else Intent.FIRST
    if is_issued:
        house.card_of(house.jane)
    desk.plan = [CardFailure.NO_CARD]
    job = house.again(house.make(intent))
    made = desk.names().count("create_credential")
    starts = desk.starts()
    assert job.credential_id
    AcsCredential.objects.update(delete_asked_at=timezone.now())

    job = house.work(job)

    assert (job.state, job.failure) == (JobState.BLOCKED, CardFailure.CREDENTIAL_GONE)
    assert (desk.names().count("create_credential"), desk.starts()) == (made, starts)


def test_a_claim_whose_process_died_is_in_doubt_and_never_sent_again(house, desk):
    def dies():
        raise KeyboardInterrupt

    desk.during["start_encode"] = dies
    job = house.ask()
    with pytest.raises(KeyboardInterrupt):
        working.work(job.pk)
    assert house.seen(job).state == JobState.REQUESTING
    desk.during.clear()

    working.work(job.pk)
    assert house.seen(job).state == JobState.REQUESTING  # its lease still runs
    house.pass_time(job, 14)
    job = house.work(job)

    assert (job.state, job.failure) == (JobState.UNKNOWN, "wait_over")
    assert desk.starts() == 1
    assert job.credential.card_state == CardState.SUSPECT


def test_an_answer_that_could_not_be_stored_is_in_doubt(house, desk, monkeypatch):
    def breaks(*_args):
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(sending, "_store_attempt", breaks)
    job = house.ask()
    with pytest.raises(RuntimeError):
        working.work(job.pk)
    house.pass_time(job, 14)

    assert house.work(job).state == JobState.UNKNOWN
    assert desk.starts() == 1


def test_a_wait_is_taken_up_where_a_dead_process_left_it(house, desk):
    def dies():
        raise KeyboardInterrupt

    desk.during["get_encoder_attempt"] = dies
    job = house.ask()
    with pytest.raises(KeyboardInterrupt):
        working.work(job.pk)
    desk.during.clear()
    assert house.seen(job).attempt_id
    house.pass_time(job, 3)

    assert house.work(job).state == JobState.ISSUED
    assert desk.starts() == 1


def test_a_proof_is_taken_up_where_a_dead_process_left_it(house, desk, monkeypatch):
    real = outcomes.issued

    def dies(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(outcomes, "issued", dies)
    real_end = desk._end

    def tells_no_credential(attempt_id):
        return replace(real_end(attempt_id), credential=None)

    desk._end = tells_no_credential
    job = house.ask()
    with pytest.raises(KeyboardInterrupt):
        working.work(job.pk)
    assert house.seen(job).state == JobState.VERIFYING
    monkeypatch.setattr(outcomes, "issued", real)
    house.pass_time(job, 3)

    assert house.work(job).state == JobState.ISSUED


@pytest.mark.parametrize("wrong", ["suspended", "dismissed", "bridge", "withdrawn", "late"])
def test_what_allowed_it_is_asked_again_in_the_claim(house, desk, wrong):
    def changes():
        if wrong == "suspended":
            AcsUser.objects.update(is_suspended=True)
        if wrong == "dismissed":
            Membership.objects.all().delete()
        if wrong == "bridge":
            AcsSystem.objects.update(errors=[{"code": "bridge_disconnected", "message": ""}])
        if wrong == "withdrawn":
            AcsCredential.objects.update(delete_asked_at=timezone.now())
        if wrong == "late":
            EncodeJob.objects.update(send_by=timezone.now())

    job = house.ask()
    desk.during["create_credential"] = changes

    job = house.work(job)

    assert (job.state, desk.starts()) == (JobState.BLOCKED, 0)
    assert (job.holds_encoder, job.holds_user) == (False, False)


def test_messages_about_no_job_or_an_ended_one_do_nothing(house, desk):
    job = house.make()
    calls = len(desk.calls)

    working.work(job.pk)
    working.work(uuid4())

    assert len(desk.calls) == calls


# --- doubt ----------------------------------------------------------------------------


@pytest.fixture
def lost(house, desk):
    """A job whose start was answered by silence. Whether a card is written is up to the test."""
    desk.after["start_encode"] = UncertainError("gone quiet")
    job = house.make()
    assert (job.state, job.attempt_id) == (JobState.UNKNOWN, "")
    return job


@pytest.fixture
def overdue(house, desk, monkeypatch):
    """A job whose attempt is still pending when our patience ends."""
    monkeypatch.setattr(pace, "DEADLINE", timedelta(0))
    desk.plan = [AttemptState.PENDING]
    return house.make()


def look_again(house, job):
    house.pass_time(job, 6)
    return house.work(job)


def test_a_lost_answer_is_never_shown_as_issued_and_settles_by_the_credential(house, desk, lost):
    assert look_again(house, lost).state == JobState.UNKNOWN
    desk.write(lost.credential.remote_id)

    job = look_again(house, lost)

    assert (job.state, job.evidence) == (JobState.ISSUED, "credential")
    assert verbs() == ["card_requested", "card_unconfirmed", "card_settled"]
    assert desk.starts() == 1


def test_an_update_in_doubt_is_not_settled_by_its_first_writing(house, desk):
    card = house.card_of(house.jane)
    desk.after["start_encode"] = UncertainError("gone quiet")
    job = house.make(Intent.UPDATE)
    assert look_again(house, job).state == JobState.UNKNOWN

    desk.write(card.remote_id)

    assert look_again(house, job).state == JobState.ISSUED


def test_a_wait_that_is_over_keeps_its_encoder_until_the_attempt_ends(house, desk, overdue):
    job = overdue
    assert (job.state, job.failure, job.holds_encoder) == (JobState.UNKNOWN, "wait_over", True)
    with pytest.raises(BusyError, match="may still be waiting"):
        house.ask(Intent.READ)

    desk.end_now(job.attempt_id, CardFailure.NO_CARD)
    job = look_again(house, job)

    assert (job.state, job.failure, job.evidence) == (JobState.FAILED, "no_card", "attempt")
    assert (job.holds_encoder, job.holds_user) == (False, False)


def test_a_wait_that_is_over_may_end_well(house, desk, overdue):
    job = overdue
    desk.end_now(job.attempt_id)

    job = look_again(house, job)

    assert (job.state, job.evidence, job.holds_encoder) == (JobState.ISSUED, "attempt", False)


def test_an_encoder_is_free_after_ten_minutes_and_the_card_still_in_doubt(house, overdue):
    job = overdue
    house.pass_time(job, 601)

    job = house.work(job)

    assert (job.state, job.holds_encoder, job.holds_user) == (JobState.UNKNOWN, False, True)


def test_what_nobody_watches_any_more_is_settled_by_syncing(house, desk, lost):
    house.pass_time(lost, 700)
    AcsCredential.objects.update(is_issued=True, issued_at=timezone.now(), card_number=desk.number)

    working.sweep()

    assert house.seen(lost).state == JobState.ISSUED


def scan_of(desk, job, **fields):
    known = desk.cards[job.credential.remote_id]
    return ScanResult(
        **{"card": CardOnEncoder(card_number=desk.number, is_issued=True), "credential": known}
        | fields
    )


def read(house, desk, job, scan):
    house.pass_time(job, 601)
    house.work(job)  # the encoder is free again
    desk.plan = [scan]
    reading = house.make(Intent.READ, settles=job)
    assert reading.state == JobState.DONE
    return house.seen(job)


def test_a_reading_proves_a_card(house, desk, lost):
    desk.during["get_credential"] = lambda: None
    job = read(house, desk, lost, scan_of(desk, lost))

    assert (job.state, job.evidence) == (JobState.ISSUED, "scan")
    assert job.credential.is_issued is False  # the provider's word alone (CARD-01)


def test_a_card_read_as_good_is_a_card_though_the_provider_never_says_so(house, desk, lost):
    AcsUser.objects.filter(pk=house.jane.pk).update(starts_at=timezone.now())
    desk.during["get_credential"] = lambda: None
    card = read(house, desk, lost, scan_of(desk, lost)).credential
    EncodeJob.objects.update(created_at=timezone.now() - timedelta(days=2))
    AcsCredential.objects.update(created_at=timezone.now() - timedelta(days=2))

    offers = intents.offers(house.jane, timezone.now())

    assert (offers.best, offers.first.is_offered) == (Intent.UPDATE, False)
    assert (offers.update.credential, card.was_written) == (card, True)
    assert queue.arrivals(house.ana, now=timezone.now()) == []
    assert not leftovers.withdraw(house.system, timezone.now())
    carrying.note_rights_changed(house.jane, at=timezone.now())
    assert [row.intent for row in queue.arrivals(house.ana, now=timezone.now())] == [Intent.UPDATE]


def test_a_blank_card_proves_that_nothing_was_written(house, desk, lost):
    job = read(house, desk, lost, ScanResult(card=None, credential=None))

    assert (job.state, job.evidence, job.holds_user) == (JobState.FAILED, "scan", False)
    assert house.work(house.again(job)).state == JobState.ISSUED


def test_a_card_that_differs_is_to_be_written_again(house, desk, lost):
    out_of_sync = Problem(
        code="acs_credential_on_encoder_out_of_sync", message="out of sync: ends_at, access"
    )

    job = read(house, desk, lost, scan_of(desk, lost, warnings=(out_of_sync,)))

    assert (job.state, job.result["fields"]) == (JobState.MISMATCH, "end, doors")
    assert house.work(house.again(job)).state == JobState.ISSUED


def test_a_reading_that_waits_to_be_written_again_proves_no_update(house, desk):
    card = house.card_of(house.jane)
    desk.after["start_encode"] = UncertainError("gone quiet")
    job = house.make(Intent.UPDATE)
    waiting = replace(desk.cards[card.remote_id], warnings=(Problem(code="needs_to_be_reissued"),))
    on_it = CardOnEncoder(card_number=card.card_number, is_issued=True)

    job = read(house, desk, job, ScanResult(card=on_it, credential=waiting))

    assert (job.state, job.credential.card_state) == (JobState.MISMATCH, CardState.SUSPECT)


def test_another_card_proves_nothing(house, desk, lost):
    other = house.person("John")
    card = house.card_of(other)
    scan = ScanResult(
        card=CardOnEncoder(card_number=card.card_number), credential=desk.cards[card.remote_id]
    )

    assert read(house, desk, lost, scan).state == JobState.UNKNOWN


def test_a_card_in_doubt_may_be_put_aside(house, desk, lost):
    with pytest.raises(CardRefused, match="Nobody knows"):
        house.again(lost)
    with pytest.raises(CardRefused):
        house.ask()
    house.pass_time(lost, 601)
    house.work(lost)

    job = settling.discard(lost, by=house.ana, at=timezone.now())

    assert (job.state, job.evidence, job.holds_user) == (JobState.FAILED, "person", False)
    assert job.credential.phase == Phase.DELETING
    new = house.make()
    assert (new.state, new.credential_id != job.credential_id) == (JobState.ISSUED, True)


def test_a_card_with_another_number_is_a_mismatch(house, desk):
    desk.number = "04FFFFFFFFFFFF"

    def writes_another():
        for attempt in desk.attempts.values():
            if attempt.state == AttemptState.SUCCESS:
                card = replace(attempt.credential, is_issued=None)
                desk.attempts[attempt.remote_id] = replace(attempt, credential=card)
        for pk in desk.cards:
            desk.cards[pk] = replace(desk.cards[pk], card_number="0400000000000000")

    desk.during["get_credential"] = writes_another
    real = desk._end

    def end(attempt_id):
        attempt = real(attempt_id)
        return replace(attempt, credential=replace(attempt.credential, is_issued=None))

    desk._end = end

    job = house.make()

    assert (job.state, job.result["fields"]) == (JobState.MISMATCH, "card number")
    assert (job.credential.is_issued, job.credential.card_state) == (True, CardState.SUSPECT)
    del desk.during["get_credential"], desk._end
    again = house.work(house.again(job))
    assert (again.state, again.intent, again.credential) == (
        JobState.ISSUED,
        Intent.UPDATE,
        job.credential,
    )


def test_a_success_that_the_credential_does_not_bear_out_is_in_doubt(house, desk, monkeypatch):
    monkeypatch.setattr(watching, "_VERIFY_SECONDS", 0.05)
    desk.write = lambda credential_id, **_: desk.cards[credential_id]

    job = house.make()

    assert (job.state, job.holds_encoder) == (JobState.UNKNOWN, False)


# --- stopping -------------------------------------------------------------------------


def test_what_was_not_sent_is_cancelled(house, desk):
    job = stopping.stop(house.ask(), by=house.ana, at=timezone.now())

    assert (job.state, job.holds_encoder) == (JobState.CANCELLED, False)
    assert house.work(job).state == JobState.CANCELLED
    assert desk.calls == []
    assert verbs() == ["card_requested", "card_cancelled"]


def test_a_job_stopped_while_it_is_prepared_is_not_sent(house, desk):
    job = house.ask()
    desk.during["create_credential"] = lambda: stopping.stop(job, by=house.ana, at=timezone.now())

    assert house.work(job).state == JobState.CANCELLED
    assert desk.starts() == 0
    card = AcsCredential.objects.get()  # what was made meanwhile is known, for the next try
    assert (card.remote_id != "", card.phase, card.is_issued) == (True, Phase.LIVE, False)


def test_a_job_stopped_before_its_credential_is_asked_for_leaves_none(house, desk, monkeypatch):
    job = house.ask()

    def stop_and_find_none(_job):
        stopping.stop(job, by=house.ana, at=timezone.now())

    monkeypatch.setattr(preparing, "_found_unwritten", stop_and_find_none)

    assert house.work(job).state == JobState.CANCELLED
    assert desk.names() == []
    assert not AcsCredential.objects.exists()


def test_what_was_sent_is_only_not_waited_for(house, desk):
    job = house.ask()
    desk.during["get_encoder_attempt"] = lambda: stopping.stop(job, by=house.ana, at=timezone.now())

    job = house.work(job)

    assert (job.state, job.stopped_watching_at is not None) == (JobState.ISSUED, True)
    assert verbs() == ["card_requested", "card_cancelled", "card_issued"]


# --- one at a time --------------------------------------------------------------------


def test_two_desks_cannot_use_one_encoder(house):
    house.ask()
    john, ben = house.person("John"), house.at_desk("Ben")

    with pytest.raises(BusyError, match=r"^Front desk 1 is in use by Ana\.$") as refused:
        house.ask(user=john, by=ben)
    assert (refused.value.field, refused.value.by) == ("encoder", "Ana")


def test_a_double_click_is_the_running_job(house):
    job = house.ask(key="one")

    assert house.ask(key="one") == job
    assert house.ask(key="two") == job
    assert EncodeJob.objects.count() == 1


def test_two_encoders_cannot_write_for_one_person(house):
    house.ask()

    with pytest.raises(BusyError, match="being made already"):
        house.ask(encoder=make_encoder(house.system))


def test_the_database_keeps_one_job_per_encoder(house):
    job = house.ask()

    with pytest.raises(IntegrityError, match="job_one_per_encoder"):
        make_job(house.person("John"), house.encoder, holds_encoder=True)
    assert job.holds_encoder


@pytest.mark.django_db(transaction=True)
def test_twenty_clicks_at_one_encoder_are_one_call(house, desk):
    people = [house.person(f"Guest {number}") for number in range(20)]

    def click(person):
        try:
            job = house.ask(user=person)
            working.work(job.pk)
        except BusyError:
            return None
        finally:
            connection.close()
        return job.pk

    started = threading.Event()
    desk.during["start_encode"] = lambda: started.wait(2)
    with ThreadPoolExecutor(20) as pool:
        clicks = [pool.submit(click, person) for person in people]
        until = time.monotonic() + 20
        while sum(each.done() for each in clicks) < 19 and time.monotonic() < until:
            time.sleep(0.02)
        started.set()
        made = [each.result() for each in clicks]

    assert len([pk for pk in made if pk]) == 1
    assert desk.starts() == 1


@pytest.mark.django_db(transaction=True)
def test_many_messages_about_one_job_are_one_call(house, desk):
    job = house.ask()

    def ring(_number):
        working.work(job.pk)
        connection.close()

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(ring, range(10)))

    assert (house.seen(job).state, desk.starts()) == (JobState.ISSUED, 1)
    assert desk.names().count("create_credential") == 1


def test_what_no_worker_took_up_in_time_stands_in_nobodys_way(house, desk):
    old = house.ask()
    house.pass_time(old, 31)

    job = house.make(Intent.READ)

    assert (house.seen(old).state, job.state) == (JobState.BLOCKED, JobState.DONE)
    assert house.work(old).state == JobState.BLOCKED
    assert "start_encode" not in desk.names()


def test_a_job_that_is_too_late_makes_no_credential(house, desk):
    job = house.ask()
    house.pass_time(job, 31)

    assert house.work(job).state == JobState.BLOCKED
    assert desk.calls == []


def test_a_card_after_a_lost_one_waits_until_that_is_gone(house, desk):
    old = house.card_of(house.jane)
    cards_back.lost(old, by=house.ana, at=timezone.now())
    desk.keeps_deleted_for = 1

    job = house.make()

    assert (job.state, job.replaces) == (JobState.ISSUED, old)
    assert desk.names().index("get_credential") < desk.names().index("create_credential")
    old.refresh_from_db()
    assert (old.phase, old.card_state) == (Phase.GONE, CardState.LOST)


def test_a_card_in_doubt_that_is_reported_lost_is_in_doubt_no_more(house, desk, lost):
    cards_back.lost(lost.credential, by=house.ana, at=timezone.now())

    job = house.seen(lost)
    assert (job.state, job.evidence, job.holds_user) == (JobState.FAILED, "person", False)
