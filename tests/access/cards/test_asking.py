"""What may be asked for, by whom, and what the station offers."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from access.cards import cards_back, checks, intents, presenting, queue, stopping
from access.cards.job_view import NextKind, Stage
from access.cards.refusals import RefusedError
from access.models import AcsMembership, EncodeJob
from access.states import CardState, Intent, JobKind, JobState, Part, Phase
from accounts.models import AccountState, Membership, Role
from accounts.permissions import PERMISSIONS_OF, Permission
from accounts.providers.base import UncertainError
from accounts.providers.systems import CardFailure, CardOnEncoder, Problem, ScanResult
from audit.models import Event
from tests.access.cards.world import House
from tests.make import (
    actor,
    make_acs_user,
    make_encoder,
    make_entrance,
    make_group,
    make_job,
    make_property,
    make_system,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(desk):
    return House(desk)


def save(row, **fields):
    type(row).objects.filter(pk=row.pk).update(**fields)
    row.refresh_from_db()


# --- who may ---------------------------------------------------------------------------


@pytest.mark.parametrize("intent", [Intent.FIRST, Intent.REPLACE, Intent.READ])
def test_an_auditor_makes_and_reads_no_cards(house, intent):
    with pytest.raises(PermissionDenied):
        house.ask(intent, by=house.at_desk("Eve", Role.AUDITOR))
    assert EncodeJob.objects.count() == 0


def test_a_desk_of_another_property_makes_no_cards_here(house):
    place = make_property(house.system.workspace)
    there = actor(make_user(Role.FRONT_DESK, place=place))

    with pytest.raises(PermissionDenied):
        house.ask(by=there)
    with pytest.raises(PermissionDenied):
        stopping.stop(house.ask(), by=there, at=timezone.now())


# --- what stands in the way -------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "words", "about"),
    [
        ({"is_suspended": True}, "Jane Doe is suspended", "user"),
        ({"phase": Phase.DELETING}, "Jane Doe was deleted", "user"),
        ({"is_managed": False}, "added outside Lockboard", "user"),
        ({"ends_at": timezone.now() - timedelta(hours=1)}, "access is over", "user"),
        ({"errors": [{"code": "deleted_externally", "message": "Gone."}]}, "Gone", "user"),
    ],
)
def test_somebody_who_may_not_come_in_gets_no_card(house, fields, words, about):
    save(house.jane, **fields)

    with pytest.raises(RefusedError, match=words) as refused:
        house.ask()
    assert refused.value.field == about
    assert intents.offers(house.jane, timezone.now()).blocked == refused.value.sentence


def test_somebody_in_no_group_gets_no_card(house):
    AcsMembership.objects.update(is_wanted=False)

    with pytest.raises(RefusedError, match="is in no group"):
        house.ask()


def test_somebody_whose_doors_take_no_cards_gets_none(house):
    for each in (house.office, house.lobby):
        save(each, takes_card=False)

    with pytest.raises(RefusedError, match="takes cards"):
        house.ask()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"errors": [{"code": "bridge_disconnected", "message": "x"}]}, "Seam Bridge"),
        ({"errors": [{"code": "x", "message": "The server sleeps."}]}, "The server sleeps"),
    ],
)
def test_a_system_in_trouble_makes_no_cards_and_is_looked_at(house, fields, words):
    save(house.system, **fields)

    with pytest.raises(RefusedError, match=words):
        house.ask()
    assert house.system.account.systems_watch.next_at is not None


def test_an_account_that_must_be_reconnected_makes_no_cards(house):
    save(house.system.account, state=AccountState.RECONNECT_REQUIRED)

    with pytest.raises(RefusedError, match="reconnected"):
        house.ask(Intent.READ)


def test_an_encoder_of_another_house_is_refused(house):
    other = make_encoder(make_system(house.system.account, name="Mill Lane"), name="Desk 9")

    with pytest.raises(RefusedError, match="Desk 9 belongs to Mill Lane") as refused:
        house.ask(encoder=other)
    assert refused.value.field == "encoder"


def test_a_removed_encoder_is_refused(house):
    save(house.encoder, removed_at=timezone.now())

    with pytest.raises(RefusedError, match="removed"):
        house.ask()


def test_a_second_card_for_somebody_is_refused(house):
    house.card_of(house.jane)

    with pytest.raises(RefusedError, match="already has a card"):
        house.ask()


def test_there_is_nothing_to_update_or_replace_without_a_card(house):
    for intent in (Intent.UPDATE, Intent.REPLACE):
        with pytest.raises(RefusedError, match="no card yet"):
            house.ask(intent)


def test_what_runs_or_is_in_doubt_is_not_tried_again(house, desk):
    job = house.ask()
    with pytest.raises(RefusedError, match="under way"):
        house.again(job)


def test_a_failure_nobody_explains_is_tried_three_times(house, desk):
    desk.plan = [CardFailure.UNKNOWN_ERROR]
    job = house.make()
    save(job, state=JobState.FAILED, holds_user=False, tries=3)

    with pytest.raises(RefusedError, match="Call support"):
        house.again(job)
    view = presenting.view_of(job, house.ana, timezone.now())
    assert NextKind.TRY_AGAIN not in {step.kind for step in view.next_steps}


def test_a_form_that_made_another_wish_is_refused(house):
    bob = house.person("Bob Ray")
    job = house.make(key="one")

    for fields in ({"user": bob}, {"encoder": make_encoder(house.system)}):
        with pytest.raises(RefusedError, match="from before") as refused:
            house.ask(**{"key": "one"} | fields)
        assert refused.value.field == "key"
    with pytest.raises(RefusedError, match="from before"):
        house.ask(Intent.READ, key="one")
    assert house.ask(key="one") == job


def test_a_reading_asked_for_twice_is_one(house, desk):
    card = house.card_of(house.jane)
    job = house.ask(Intent.READ, key="one")
    desk.plan = [
        ScanResult(
            card=CardOnEncoder(card_number=card.card_number),
            credential=desk.cards[card.remote_id],
        )
    ]
    assert house.work(job).user == house.jane

    assert house.ask(Intent.READ, key="one") == job


@pytest.fixture
def elsewhere(house):
    """Another system of the account, at another property."""
    place = make_property(house.system.workspace)
    return make_system(house.system.account, name="Mill Lane", property=place)


def test_a_doubt_is_ended_at_its_own_system_only(house, desk, elsewhere):
    desk.after["start_encode"] = UncertainError("gone quiet")
    job = house.make()

    with pytest.raises(RefusedError, match="one of Harbour Annex"):
        house.ask(Intent.READ, encoder=make_encoder(elsewhere), settles=job)


def test_a_doubt_is_not_ended_by_whoever_may_only_look_there(house, desk, elsewhere):
    desk.after["start_encode"] = UncertainError("gone quiet")
    job = house.make()
    bo = make_user(Role.FRONT_DESK, place=elsewhere.property, name="Bo")
    workspace = house.system.workspace
    Membership.objects.create(
        workspace=workspace, user=bo, role=Role.AUDITOR, property=house.system.property
    )

    with pytest.raises(PermissionDenied):
        house.ask(Intent.READ, encoder=make_encoder(elsewhere), settles=job, by=actor(bo))


@pytest.mark.parametrize("settles", [True, False])
def test_who_ends_a_doubt_must_still_be_allowed_to_when_it_is_sent(
    house, desk, monkeypatch, settles
):
    desk.after["start_encode"] = UncertainError("gone quiet")
    doubtful = house.make()
    house.pass_time(doubtful, 700)
    house.work(doubtful)
    desk.plan = [ScanResult(card=None, credential=None)]
    reading = house.ask(Intent.READ, settles=doubtful if settles else None)
    scans_only = PERMISSIONS_OF[Role.FRONT_DESK] - {Permission.MAKE_CARDS}
    monkeypatch.setitem(PERMISSIONS_OF, Role.FRONT_DESK, scans_only)

    reading = house.work(reading)

    assert reading.state == (JobState.BLOCKED if settles else JobState.DONE)
    assert ("no longer allowed" in reading.provider_message) is settles
    assert house.seen(doubtful).state == JobState.UNKNOWN


def test_a_doubt_is_ended_by_nobody_who_lost_the_property_it_is_in(house, elsewhere):
    bo = make_user(Role.FRONT_DESK, place=elsewhere.property, name="Bo")
    there = {"created_by": bo, "actor_kind": "user", "kind": JobKind.SCAN}
    doubtful = make_job(house.jane, house.encoder)

    allowed = [
        checks.is_still_allowed(make_job(encoder=make_encoder(elsewhere), settles=each, **there))
        for each in (None, doubtful)
    ]

    assert allowed == [True, False]


def test_a_try_does_not_move_to_another_system(house, desk, elsewhere):
    desk.plan = [ScanResult(card=None, credential=None), CardFailure.NO_CARD]
    read, made = house.make(Intent.READ), house.make()

    for job in (read, made):
        with pytest.raises(RefusedError, match="Choose an encoder of Harbour Annex"):
            house.again(job, encoder=make_encoder(elsewhere))


def test_a_card_that_somebody_replaced_meanwhile_is_not_replaced_again(house, desk):
    old = house.card_of(house.jane)
    save(old, phase=Phase.GONE, delete_asked_at=timezone.now())
    new = house.card_of(house.jane)

    with pytest.raises(RefusedError, match="Somebody replaced that card meanwhile"):
        house.ask(Intent.REPLACE, credential=old)
    new.refresh_from_db()
    assert new.delete_asked_at is None


def test_a_replacement_is_not_tried_again_once_there_is_another_card(house, desk):
    house.card_of(house.jane)
    desk.plan = [CardFailure.NO_CARD]
    job = house.make(Intent.REPLACE)
    save(job.credential, phase=Phase.GONE)
    house.card_of(house.jane)

    with pytest.raises(RefusedError, match="Somebody replaced that card meanwhile"):
        house.again(job)


def test_a_card_made_outside_is_not_replaced(house):
    card = house.card_of(house.jane)
    save(card, is_managed=False)

    for chosen in (None, card):
        with pytest.raises(RefusedError, match="made outside Lockboard"):
            house.ask(Intent.REPLACE, credential=chosen)
    card.refresh_from_db()
    assert card.delete_asked_at is None


@pytest.mark.parametrize("is_issued", [False, None])
def test_a_card_that_waits_to_be_written_again_is_still_a_card(house, desk, is_issued):
    card = house.card_of(house.jane)
    save(card, is_issued=is_issued)
    save(house.jane, starts_at=NOON)

    offers = intents.offers(house.jane, timezone.now())

    assert (offers.best, offers.first.is_offered) == (Intent.UPDATE, False)
    assert "Office" in str(cards_back.consequences(card).sentences)
    rows = [(row.user_id, row.intent) for row in queue.arrivals(house.ana, now=NOON)]
    assert rows == ([(house.jane.pk, Intent.UPDATE)] if is_issued is False else [])


# --- what is offered --------------------------------------------------------------------


def test_offers_without_and_with_a_card(house):
    without = intents.offers(house.jane, timezone.now())
    card = house.card_of(house.jane)
    with_card = intents.offers(house.jane, timezone.now())

    assert (without.best, without.first.is_offered, without.replace.is_offered) == (
        Intent.FIRST,
        True,
        False,
    )
    assert (with_card.best, with_card.first.is_offered) == (Intent.UPDATE, False)
    assert with_card.replace.credential == card
    assert with_card.replace.stops == f"The card …{card.last_four} stops working."
    assert with_card.offline_doors == ("Office",)
    assert with_card.of(Intent.TAG).is_offered is False


# --- what is shown ----------------------------------------------------------------------


def shown(house, job, by=None):
    return presenting.view_of(house.seen(job), by or house.ana, timezone.now())


def test_the_screens_of_a_card(house, desk):
    save(house.jane, ends_at=timezone.now() + timedelta(days=2))
    job = house.ask()
    assert (shown(house, job).stage, shown(house, job).can_cancel) == (Stage.PREPARING, True)

    placed = []
    desk.during["get_encoder_attempt"] = lambda: placed.append(shown(house, job))
    house.work(job)

    view = placed[0]
    assert (view.stage, view.headline) == (Stage.PLACE, "Place the card on Front desk 1")
    assert 29 < (view.card_by - view.waiting_since).total_seconds() <= 30
    assert (view.is_moving, view.rooms, view.person) == (True, ("Guests",), "Jane Doe")
    done = shown(house, job)
    assert (done.stage, done.last_four, done.is_moving) == (Stage.DONE, "E5F6", False)
    assert done.valid.startswith("valid until ")
    assert "Guests" not in done.spoken
    assert desk.number not in str(done)


def test_a_stopped_wait_says_to_keep_cards_off(house, desk):
    seen = []
    job = house.ask()

    def stops():
        stopping.stop(job, by=house.ana, at=timezone.now())
        seen.append(shown(house, job))

    desk.during["get_encoder_attempt"] = stops
    house.work(job)

    assert (seen[0].is_stopped, seen[0].can_cancel) == (True, False)
    assert "Keep cards off Front desk 1" in seen[0].sentence


def read(house, desk, card, **fields):
    known = desk.cards[card.remote_id]
    on_it = CardOnEncoder(card_number=card.card_number, is_issued=True, ends_at=timezone.now())
    desk.plan = [ScanResult(**{"card": on_it, "credential": known} | fields)]
    return house.make(Intent.READ)


def test_a_reading_shows_whose_card_it_is_and_that_it_is_right(house, desk):
    card = house.card_of(house.jane)

    view = shown(house, read(house, desk, card))

    assert (view.stage, view.headline) == (Stage.READ, "This card is as it should be")
    assert ("Holder", "Jane Doe") in view.facts
    assert ("Card", f"…{card.last_four}") in view.facts
    assert card.card_number not in str(view)


def test_a_card_that_is_out_of_date_is_to_be_updated(house, desk):
    card = house.card_of(house.jane)
    differs = Problem(code="acs_credential_on_encoder_out_of_sync", message="… access")

    view = shown(house, read(house, desk, card, warnings=(differs,)))

    assert "Card and system disagree on: doors. Re-encode this card." in view.sentence
    assert (view.next_steps[0].kind, view.next_steps[0].target_id) == (
        NextKind.UPDATE,
        house.jane.pk,
    )


def test_a_lost_card_that_turns_up_is_kept(house, desk):
    card = house.card_of(house.jane)
    cards_back.lost(card, by=house.ana, at=timezone.now())

    view = shown(house, read(house, desk, card))

    assert "reported lost. Keep it." in view.sentence
    assert NextKind.UPDATE not in {step.kind for step in view.next_steps}


@pytest.mark.parametrize(
    ("on_it", "headline"),
    [(None, "This card is blank"), (CardOnEncoder(card_number="0499"), "Not one of ours")],
)
def test_a_card_of_nobody(house, desk, on_it, headline):
    desk.plan = [ScanResult(card=on_it, credential=None)]

    assert shown(house, house.make(Intent.READ)).headline == headline


def test_a_card_of_another_property_tells_nothing_more(house, desk):
    other = make_system(house.system.account, property=make_property(house.system.workspace))
    stranger = make_acs_user(other, full_name="Somebody Else")
    card = house.card_of(stranger)
    here = actor(make_user(Role.FRONT_DESK, place=house.system.property))

    view = shown(house, read(house, desk, card), by=here)

    assert (view.headline, view.facts, view.person) == ("A card of another property", (), "")
    assert "Somebody Else" not in str(view)


# --- lost and returned ------------------------------------------------------------------


def test_a_lost_card_names_the_doors_that_hear_of_it_late(house):
    card = house.card_of(house.jane)
    before = cards_back.consequences(card)

    report = cards_back.lost(card, by=house.ana, at=timezone.now())

    assert before.sentences[1:] == report.sentences[1:]
    assert (before.sentences[0], report.sentences[0]) == (
        f"The card …{card.last_four} is cancelled in Harbour Annex.",
        f"The card …{card.last_four} is being cancelled in Harbour Annex.",
    )
    assert (report.offline_doors, report.online_doors) == (("Office",), ("Lobby",))
    assert any("Office" in each and "until a list" in each for each in report.sentences)
    card.refresh_from_db()
    assert (card.card_state, card.phase, card.delete_reason) == (
        CardState.LOST,
        Phase.DELETING,
        "lost",
    )
    assert report.can_replace
    cards_back.lost(card, by=house.ana, at=timezone.now())
    assert Event.objects.filter(verb="card_lost").count() == 1


def test_a_returned_card_is_withdrawn_and_cannot_be_erased_from_here(house):
    card = house.card_of(house.jane)

    report = cards_back.returned(card, by=house.ana, at=timezone.now())

    assert any("cannot be erased from here" in each for each in report.sentences)
    card.refresh_from_db()
    assert (card.card_state, card.delete_reason) == (CardState.RETURNED, "returned")


def test_somebody_who_may_not_cancel_takes_no_card_back(house):
    card = house.card_of(house.jane)

    with pytest.raises(PermissionDenied):
        cards_back.lost(card, by=house.at_desk("Eve", Role.AUDITOR), at=timezone.now())
    card.refresh_from_db()
    assert card.card_state == CardState.IN_USE


# --- the queue --------------------------------------------------------------------------

NOON = timezone.now().replace(hour=11, minute=0, second=0, microsecond=0)


def test_the_queue_is_who_arrives_and_has_no_card(house):
    def guest(name, starts=NOON, **fields):
        return house.person(name, starts_at=starts, ends_at=NOON + timedelta(days=9), **fields)

    guest("Ben", NOON + timedelta(minutes=5))
    guest("Ann")
    guest("Next week", NOON + timedelta(days=7))
    guest("Long here", NOON - timedelta(days=5))
    guest("Suspended", is_suspended=True)
    house.card_of(guest("Has a card"))
    old = house.card_of(guest("Old card", NOON + timedelta(minutes=9)))
    save(old, warnings=[{"code": "needs_to_be_reissued", "message": ""}])
    make_acs_user(house.system, full_name="No group", starts_at=NOON)

    rows = queue.arrivals(house.ana, now=NOON)

    assert [(row.person, row.intent) for row in rows] == [
        ("Ann", Intent.FIRST),
        ("Ben", Intent.FIRST),
        ("Old card", Intent.UPDATE),
    ]
    assert rows[0].groups == ("Guests",)
    following = [queue.after(house.ana, row.user_id, now=NOON).person for row in rows]
    assert following == ["Ben", "Old card", "Ann"]


def test_whose_card_was_cancelled_is_not_said_to_have_had_none(house):
    gone = {"phase": Phase.GONE, "delete_asked_at": NOON, "delete_reason": "replaced"}
    for name, fields in (("Ann", {"access_method": "code"}), ("Ben", {})):
        card = house.card_of(house.person(name, starts_at=NOON))
        save(card, **gone | fields)

    rows = queue.arrivals(house.ana, now=NOON)

    assert [(row.person, row.why) for row in rows] == [
        ("Ann", "no card yet"),
        ("Ben", "card cancelled, no other yet"),
    ]


def test_the_queue_of_another_property_is_not_seen(house):
    house.person("Ann", starts_at=NOON)
    there = actor(make_user(Role.FRONT_DESK, place=make_property(house.system.workspace)))

    assert queue.arrivals(there, now=NOON) == []


@pytest.mark.parametrize("count", [1, 3])
def test_the_queue_costs_three_queries(house, count, django_assert_num_queries):
    for number in range(count):
        house.person(f"Guest {number}", starts_at=NOON)

    with django_assert_num_queries(3):  # systems, users, their groups
        assert len(queue.arrivals(house.ana, now=NOON)) == count


def test_a_wish_that_is_not_told_yet_is_asked_for_at_the_provider(house, desk):
    save(house.jane, pending=[Part.SCHEDULE])

    job = house.make()

    assert (job.state, desk.starts()) == (JobState.BLOCKED, 0)
    assert "not in Salto any more" in job.provider_message


def test_doors_of_several_groups_are_named_once(house):
    more = make_group(house.system, entrances=[house.office, make_entrance(house.system)])
    AcsMembership.objects.create(user=house.jane, group=more, is_seen=True)

    assert cards_back.consequences(house.card_of(house.jane)).offline_doors.count("Office") == 1
