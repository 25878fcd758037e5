"""What stands on the station's page, with the engine behind it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from access.cards import cards_back, presenting, queue, station
from access.cards.job_view import Stage
from access.models import AcsCredential, AcsEntrance, AcsSystem, AcsUser, EncodeJob
from access.people import services
from access.reconciling import storing
from access.states import Intent
from accounts import upkeep
from accounts.models import Membership, Role
from accounts.providers.systems import CardFailure, CardOnEncoder, ScanResult
from audit.models import Event
from audit.who import Who
from audit.words import Verb
from tests.access.cards.world import House
from tests.make import (
    actor,
    client_of,
    make_credential,
    make_encoder,
    make_entrance,
    make_job,
    make_system,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(desk: Any) -> House:
    return House(desk)


def text(response: Any) -> str:
    return " ".join(re.sub("<[^>]+>", "", response.content.decode()).split())


def test_arrivals_are_of_places_where_one_may_make_cards(house: House) -> None:
    AcsUser.objects.filter(pk=house.jane.pk).update(starts_at=timezone.now())
    elsewhere = make_system(house.system.account).property
    bo = make_user(Role.FRONT_DESK, place=elsewhere)
    Membership.objects.create(
        workspace=house.system.workspace,
        user=bo,
        role=Role.AUDITOR,
        property=house.system.property,
    )

    assert [row.person for row in queue.arrivals(house.ana, now=timezone.now())] == ["Jane Doe"]
    assert queue.arrivals(actor(bo), now=timezone.now()) == []


def test_no_card_in_doubt_is_left_out(house: House) -> None:
    for number in range(12):
        make_job(house.person(f"P{number}"), house.encoder, state="unknown", holds_user=True)

    assert len(station.people(house.ana, "", now=timezone.now()).in_doubt) == 12


def test_what_is_tried_again_goes_on_at_the_browser_it_was_asked_from(
    house: House, desk: Any
) -> None:
    desk.plan = [CardFailure.NO_CARD]
    job = house.make(station="a" * 32)
    ben = house.at_desk("Ben")

    made = house.again(job, by=ben, station="b" * 32)

    assert station.running(ben, "b" * 32, now=timezone.now()) == made


def test_a_pin_is_no_card_that_can_be_lost(house: House) -> None:
    pin = make_credential(house.jane, access_method="code", card_number="")
    client = client_of(house.ana.user)

    assert client.get(reverse("card-lost", args=[pin.pk])).status_code == 404
    assert client.get(reverse("card-returned", args=[pin.pk])).status_code == 404


# --- while the bridge is down ----------------------------------------------------------


BRIDGE = [{"code": f"{kind}bridge_disconnected", "message": "x"} for kind in ("seam_", "")]


def test_the_start_page_says_once_that_the_bridge_is_down(house: House) -> None:
    make_encoder(house.system, name="Back office")
    client = client_of(house.ana.user)
    said = "The link to the Salto server is down (Seam Bridge)."

    assert said not in text(client.get("/cards/?new"))
    AcsSystem.objects.update(errors=BRIDGE)
    assert text(client.get("/cards/?new")).count(said) == 1


@pytest.mark.parametrize("is_known", [True, False])
def test_a_card_is_read_when_the_bridge_is_back(house: House, desk: Any, is_known: bool) -> None:
    desk.plan = [CardFailure.COMMS_TIMEOUT if is_known else CardFailure.BRIDGE_DOWN]
    job = house.make()
    assert job.state == "unknown"
    client = client_of(house.ana.user)
    if is_known:
        AcsSystem.objects.update(errors=BRIDGE)

    cut = client.get(reverse("card-job", args=[job.pk]))
    AcsSystem.objects.update(errors=[], listed_at=timezone.now() + timedelta(minutes=2))
    back = client.get(reverse("card-job", args=[job.pk]))

    assert "Read the card once the link to the Salto server is back." in text(cut)
    assert "once the link" not in text(back)
    assert [focused(page) for page in (cut, back)] == [["step-done"], ["step-read"]]


def focused(response: Any) -> list[str]:
    """The ids of what has the focus at the desk."""
    tags = re.findall(r"<[^>]*\sdata-focus[^>]*>", response.content.decode())
    return [found for tag in tags for found in re.findall(r'\sid="([^"]+)"', tag)]


# --- cards that come back, or do not ---------------------------------------------------


def levels(client: Any) -> list[tuple[str, str]]:
    """The messages of the page that follows, with how they look."""
    response = client.get("/cards/?new")
    return [(each.level_tag, each.message) for each in response.context["messages"]]


def test_what_a_lost_card_may_still_open_is_a_warning_and_stays_on_the_page_of_the_person(
    house: House,
) -> None:
    make_entrance(house.system, name="Room 103", is_wired=False).groups.add(house.group)
    card = house.card_of(house.jane)
    client = client_of(house.ana.user)

    client.post(reverse("card-lost", args=[card.pk]))

    (good, done), (warns, still) = levels(client)
    assert (good, done) == (
        "success",
        f"The card …{card.last_four} is being cancelled in Harbour Annex.",
    )
    assert warns == "warning"
    assert "offline doors may still open with it" in still
    assert "Room 103" in still

    AcsCredential.objects.update(phase="gone", gone_at=timezone.now())
    page = text(client.get(house.jane.get_absolute_url()))
    assert f"The card …{card.last_four} was reported lost" in page
    assert "may still open with it" in page
    assert "No card now." in page
    assert "Make the first card" not in page


@pytest.mark.parametrize(
    "fields",
    [
        {"delete_reason": "returned"},
        {"delete_reason": "cancelled"},
        {"ends_at": timezone.now() - timedelta(hours=1)},
        {"delete_asked_at": timezone.now() - timedelta(days=31)},
        {"is_issued": False, "issued_at": None, "card_number": "", "card_state": ""},
        {"access_method": "code"},
    ],
)
def test_a_card_that_opens_nothing_or_lies_at_the_desk_is_no_warning(
    house: House, fields: dict[str, Any]
) -> None:
    make_entrance(house.system, name="Room 103", is_wired=False).groups.add(house.group)
    lost = {"phase": "gone", "delete_reason": "lost", "delete_asked_at": timezone.now()}
    card = make_credential(house.jane, **lost | fields)

    assert cards_back.still_opening([card], timezone.now()) == []


def test_of_plastic_that_was_written_anew_nothing_is_left_to_open_doors(house: House) -> None:
    make_entrance(house.system, name="Room 103", is_wired=False).groups.add(house.group)
    now = timezone.now()
    lost = make_credential(
        house.jane, phase="gone", delete_reason="lost", delete_asked_at=now, card_number="04A1C0FC"
    )
    assert [each.card for each in cards_back.still_opening([lost], now)] == [lost]

    anew = make_credential(house.jane, card_number="04A1C0FC", created_at=now)

    assert cards_back.still_opening([lost, anew], now) == []
    another = make_credential(house.jane, card_number="04A17777", created_at=now)
    assert [each.card for each in cards_back.still_opening([lost, another], now)] == [lost]


def test_at_the_desk_is_said_what_a_cancelled_card_still_opens(house: House) -> None:
    make_entrance(house.system, name="Room 103", is_wired=False).groups.add(house.group)
    asked_at = timezone.now()
    make_credential(house.jane, phase="gone", delete_reason="replaced", delete_asked_at=asked_at)

    page = text(client_of(house.ana.user).get(f"/cards/?user={house.jane.pk}"))

    assert "was replaced" in page
    assert "Room 103" in page


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"is_suspended": True}, "Suspended"),
        ({"phase": "gone", "gone_at": timezone.now()}, "Gone"),
        ({"phase": "deleting", "delete_asked_at": timezone.now()}, "Being deleted"),
    ],
)
def test_the_card_of_somebody_who_is_shut_out_is_not_forgotten(
    house: House, fields: dict[str, Any], word: str
) -> None:
    make_entrance(house.system, name="Room 103", is_wired=False).groups.add(house.group)
    card = make_credential(house.jane)
    AcsUser.objects.filter(pk=house.jane.pk).update(**fields)

    page = text(client_of(house.ana.user).get(house.jane.get_absolute_url()))

    assert word in page
    assert f"The card …{card.last_four} was not given back." in page
    assert "it may still open Office and Room 103. Take it back if you can." in page
    AcsCredential.objects.update(written_doors=[], card_state="none", is_issued=False)
    unsure = text(client_of(house.ana.user).get(house.jane.get_absolute_url()))
    assert "a wall reader may have updated it since. Take it back if you can." in unsure
    assert "Opens nothing" not in page


def test_the_doors_of_a_deleted_ones_card_are_named_though_their_groups_are_gone(
    house: House,
) -> None:
    make_entrance(house.system, name="Room 103", is_wired=False).groups.add(house.group)
    card = make_credential(house.jane)
    manager = house.at_desk("Max", Role.MANAGER)

    services.delete(house.jane, by=manager, at=timezone.now())
    with transaction.atomic():
        user = AcsUser.objects.select_related("system__property").get(pk=house.jane.pk)
        storing.lose_user(user, at=timezone.now())
        user.save()
    card.refresh_from_db()
    page = text(client_of(house.ana.user).get(house.jane.get_absolute_url()))

    assert not house.jane.memberships.exists()
    assert f"The card …{card.last_four} was not given back." in page
    assert "it may still open Office and Room 103. Take it back if you can." in page


def test_the_card_of_somebody_suspended_is_never_green_in_a_list(house: House) -> None:
    card = make_credential(house.jane)
    AcsUser.objects.filter(pk=house.jane.pk).update(is_suspended=True)

    page = text(client_of(house.ana.user).get(house.system.get_absolute_url()))

    assert f"…{card.last_four} shut out" in page


def test_before_an_account_is_disconnected_everything_that_goes_is_named(house: House) -> None:
    AcsUser.objects.filter(pk=house.jane.pk).update(
        is_suspended=True, pending=["suspension"], next_run_at=timezone.now()
    )
    make_job(house.person("Cat Case"), house.encoder, state="waiting")

    said = upkeep.foretell_disconnection(house.system.account)

    assert said == [
        "1 access system with 2 cardholders leaves Access: Harbour Annex.",
        "1 end of access was wished for and not seen yet (people, groups, cards, PINs, mobile keys): doors may "
        "stay open to them. End them at the provider.",
        "A card for Cat Case is under way at Front desk 1: nobody will hear whether it was "
        "written.",
    ]


@pytest.mark.parametrize("state", ["requesting", "waiting", "verifying", "unknown"])
def test_a_card_under_way_when_its_account_goes_is_not_handed_out(house: House, state: str) -> None:
    card = make_credential(house.jane, is_issued=False, card_number="", issued_at=None)
    job = make_job(
        house.jane,
        house.encoder,
        state=state,
        holds_encoder=True,
        holds_user=True,
        attempt_id="a",
        credential=card,
        created_by=house.ana.user,
        station="a" * 32,
    )
    browser = client_of(house.ana.user)
    browser.cookies["lockboard_station"] = "a" * 32
    name = house.system.account.name

    upkeep.disconnect(house.system.account, by=Who(kind="user", name="Ana"), at=timezone.now())

    for address in (reverse("card-job", args=[job.pk]), reverse("cards")):
        page = text(browser.get(address))
        assert "Don’t hand this card out" in page
        assert f"{name} was disconnected while this was under way" in page
        assert "Read the card" not in page
    card.refresh_from_db()
    assert card.card_state == "suspect"
    assert not EncodeJob.objects.filter(Q(holds_encoder=True) | Q(holds_user=True)).exists()
    lines = Event.objects.filter(verb=Verb.CARD_UNCONFIRMED)
    assert lines.count() == (0 if state == "unknown" else 1)
    stranger = client_of(house.at_desk("Bo").user)
    assert stranger.get(reverse("card-job", args=[job.pk])).status_code == 404


def test_a_card_that_was_not_begun_when_its_account_goes_is_not_made(house: House) -> None:
    job = make_job(house.jane, house.encoder, state="ready", created_by=house.ana.user)

    upkeep.disconnect(house.system.account, by=Who(kind="user", name="Ana"), at=timezone.now())

    page = text(client_of(house.ana.user).get(reverse("card-job", args=[job.pk])))
    assert "Not sent" in page
    assert "was disconnected, so nothing was sent." in page
    assert Event.objects.filter(verb=Verb.CARD_FAILED).count() == 1


def test_somebody_who_is_gone_has_nothing_under_way_and_no_card_to_lose(house: House) -> None:
    card = make_credential(house.jane)
    AcsUser.objects.filter(pk=house.jane.pk).update(
        phase="gone", gone_at=timezone.now(), delete_asked_at=timezone.now()
    )

    page = client_of(house.ana.user).get(house.jane.get_absolute_url())

    assert "Under way" not in text(page)
    assert "Its holder was deleted." in text(page)
    assert reverse("card-lost", args=[card.pk]) not in page.content.decode()


def test_what_was_asked_for_is_true_while_it_is_carried_out_and_after(house: House) -> None:
    manager = client_of(house.at_desk("Max", Role.MANAGER).user)

    page = text(manager.post(reverse("acs-user-suspend", args=[house.jane.pk]), follow=True))

    assert "Asked for. This page says when Salto Space has it." in page


# --- doubts that ended while nobody looked ---------------------------------------------


def in_the_list(client: Any) -> list[tuple[str, bool]]:
    people = client.get("/cards/?new").context["people"]
    return [(each.text, each.is_good) for each in people.settled]


def settled(house: House, state: str, **fields: Any) -> EncodeJob:
    card = make_credential(house.jane, card_number="0411DA5B")
    return make_job(
        house.jane,
        house.encoder,
        **{
            "state": state,
            "credential": card,
            "evidence": "credential",
            "finished_at": timezone.now(),
            "result": {"last_four": "DA5B"},
            "created_by": house.at_desk("Ben").user,
        }
        | fields,
    )


def test_a_doubt_that_ended_unseen_is_told_at_the_desk_until_it_is_looked_at(
    house: House,
) -> None:
    job = settled(house, "issued")
    client = client_of(house.ana.user)
    assert in_the_list(client) == [("The card …DA5B of Jane Doe was written after all.", True)]
    assert "A card is no longer in doubt." in client.get("/cards/?new").content.decode()

    client.get(reverse("card-job", args=[job.pk]))

    assert in_the_list(client) == []
    assert in_the_list(client_of(house.at_desk("Cleo").user)) != []


@pytest.mark.parametrize(
    ("state", "card_state", "said"),
    [
        ("failed", "none", "The card …DA5B of Jane Doe was not written."),
        (
            "failed",
            "suspect",
            "The card …DA5B of Jane Doe is not as it should be. Don’t hand it out.",
        ),
        (
            "mismatch",
            "suspect",
            "The card …DA5B of Jane Doe is not as it should be. Don’t hand it out.",
        ),
        (
            "issued",
            "suspect",
            "The card …DA5B of Jane Doe was written after all. Read it before you hand it out.",
        ),
    ],
)
def test_a_doubt_that_ended_badly_is_told_as_such(
    house: House, state: str, card_state: str, said: str
) -> None:
    job = settled(house, state, evidence="attempt")
    AcsCredential.objects.filter(pk=job.credential_id).update(card_state=card_state)

    assert in_the_list(client_of(house.ana.user)) == [(said, False)]


def test_what_somebody_saw_or_put_aside_or_is_long_over_is_not_told(house: House) -> None:
    settled(house, "issued", evidence="scan")
    settled(house, "failed", evidence="person")
    settled(house, "issued", evidence="")
    settled(house, "issued", finished_at=timezone.now() - timedelta(hours=13))
    withdrawn = settled(house, "issued")
    AcsCredential.objects.filter(pk=withdrawn.credential_id).update(delete_asked_at=timezone.now())
    other = make_encoder(make_system(house.system.account))
    make_job(None, other, state="issued", evidence="credential", finished_at=timezone.now())
    bo = make_user(Role.FRONT_DESK, place=house.system.property)

    assert in_the_list(client_of(bo)) == []


# --- words of the stage ----------------------------------------------------------------


def test_a_replacement_that_failed_says_that_the_old_card_stays_cancelled(
    house: House, desk: Any
) -> None:
    card = house.card_of(house.jane)
    desk.plan = [CardFailure.CARD_OF_OTHER]
    job = house.make(Intent.REPLACE, credential=card)

    page = text(client_of(house.ana.user).get(reverse("card-job", args=[job.pk])))

    said = f"The card …{card.last_four} was cancelled when this began, and stays cancelled."
    assert said in page


def test_a_card_replaced_by_itself_is_not_called_cancelled(house: House, desk: Any) -> None:
    card = house.card_of(house.jane)
    desk.number = card.card_number

    job = house.make(Intent.REPLACE, credential=card)

    view = presenting.view_of(job, house.ana, timezone.now())
    assert view.stage == Stage.DONE
    assert view.sentence == "It is the same piece of plastic: the old right on it is overwritten."


def test_replacing_says_what_stops_once(house: House) -> None:
    card = house.card_of(house.jane)

    address = reverse("cards") + f"?user={house.jane.pk}&intent=replace"
    page = text(client_of(house.ana.user).get(address))

    assert page.count(f"The card …{card.last_four} stops working") == 1


def test_doors_that_are_only_taken_for_offline_are_said_to_be(house: House) -> None:
    card = house.card_of(house.jane)
    client = client_of(house.ana.user)
    pages = [
        reverse("card-lost", args=[card.pk]),
        reverse("cards") + f"?user={house.jane.pk}&intent=replace",
    ]
    said = "Nobody has said which of these doors are wired"

    for page in pages:
        assert said not in text(client.get(page))
    AcsEntrance.objects.update(is_wired=None)
    for page in pages:
        assert said in text(client.get(page))


def test_a_card_nobody_knows_may_be_half_written_and_looks_so(house: House, desk: Any) -> None:
    desk.plan = [ScanResult(card=CardOnEncoder(card_number="0411"), credential=None)]
    job = house.make(Intent.READ)

    response = client_of(house.ana.user).get(reverse("card-job", args=[job.pk]))

    assert response.context["picture"] == Stage.FAILED
    assert "don’t hand it out before it was written again" in text(response)


@pytest.mark.parametrize("page", ["person", "station"])
def test_a_shortened_stay_names_the_offline_doors_that_its_card_still_opens(
    house: House, page: str
) -> None:
    now = timezone.now()
    card = house.card_of(house.jane)
    card.warnings = [{"code": "needs_to_be_reissued", "message": ""}]
    card.written_schedule = {"starts_at": None, "ends_at": (now + timedelta(days=5)).isoformat()}
    card.save()
    house.jane.ends_at = now + timedelta(days=2)
    house.jane.save()
    address = house.jane.get_absolute_url()
    if page == "station":
        address = f"{reverse('cards')}?user={house.jane.pk}"

    shown = text(client_of(house.ana.user).get(address))

    assert f"The card …{card.last_four}. It was written for a longer stay: until " in shown
    assert "The doors: Office." in shown
    AcsEntrance.objects.update(is_wired=True)
    shown = text(client_of(house.ana.user).get(address))
    assert "longer stay" not in shown


def test_without_a_system_nobody_is_said_to_have_a_card(house: House) -> None:
    browser = client_of(house.ana.user)
    assert "Everybody who arrives has one." in text(browser.get(reverse("cards")))

    AcsSystem.objects.update(removed_at=timezone.now())

    shown = text(browser.get(reverse("cards")))
    assert "No access control system is connected, so nobody is known to arrive." in shown
    assert "Everybody who arrives" not in shown
