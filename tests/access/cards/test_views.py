"""The station's pages: what they ask of the engine, and what they show of it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from access.cards import asking, batches, intents, presenting, queue, station
from access.cards.asking import Order
from access.cards.batches import Batch
from access.cards.intents import Offer, Offers
from access.cards.job_view import JobView, NextKind, NextStep, Stage
from access.cards.queue import QueueRow
from access.cards.refusals import RefusedError
from access.models import AcsUser, EncodeJob
from access.states import Intent, JobState
from accounts.models import Role
from tests.make import (
    actor,
    client_of,
    make_acs_user,
    make_credential,
    make_encoder,
    make_group,
    make_job,
    make_property,
    make_system,
    make_user,
)

pytestmark = pytest.mark.django_db

#: An id of nothing.
NOBODY = "01a1ff54-0000-7000-8000-000000000000"

HTMX = {"HTTP_HX_REQUEST": "true"}


class Desk:
    """One system, one encoder, one person at it, and an engine that remembers its orders."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.system = make_system(name="SIMULATED Annex")
        self.encoder = make_encoder(self.system, name="Front desk 1")
        self.jane = make_acs_user(
            self.system, full_name="Jane Doe", groups=[make_group(self.system, name="Room 102")]
        )
        self.me = make_user(Role.FRONT_DESK, workspace=self.system.workspace)
        self.client = client_of(self.me)
        self.orders: list[Order] = []
        self.refusal: RefusedError | None = None
        self.stage: dict[str, Any] = {"stage": Stage.PLACE, "is_moving": True}
        self.arrivals: list[QueueRow] = []
        self.offers: dict[str, Any] = {}
        monkeypatch.setattr(asking, "ask", self._ask)
        monkeypatch.setattr(presenting, "view_of", self._view)
        monkeypatch.setattr(intents, "offers", self._offers)
        monkeypatch.setattr(queue, "arrivals", lambda *_a, **_k: self.arrivals)
        monkeypatch.setattr(queue, "after", lambda *_a, **_k: next(iter(self.arrivals), None))

    def _ask(self, order: Order, *, by: Any, at: Any) -> EncodeJob:
        if self.refusal:
            raise self.refusal
        self.orders.append(order)
        return make_job(
            order.user,
            order.encoder,
            intent=order.intent,
            created_by=by.user,
            station=order.station,
            idempotency_key=order.key,
            **({"kind": "scan"} if order.user is None else {}),
        )

    def _view(self, job: EncodeJob, _actor: Any, _now: Any) -> JobView:
        defaults = {
            "headline": "Place the card on Front desk 1",
            "person": job.user.full_name if job.user else "",
        }
        return JobView(
            id=job.pk,
            encoder_id=job.encoder_id,
            encoder_name=job.encoder.name,
            intent=job.intent,
            **defaults | self.stage,
        )

    def _offers(self, _user: AcsUser, _now: Any) -> Offers:
        first, update, replace, tag = (
            Offer(intent=each, is_offered=each == Intent.FIRST)
            for each in (Intent.FIRST, Intent.UPDATE, Intent.REPLACE, Intent.TAG)
        )
        made = {"first": first, "update": update, "replace": replace, "tag": tag}
        return Offers(**{**made, "best": Intent.FIRST} | self.offers)

    def wish(self, **fields: Any) -> dict[str, Any]:
        return {
            "user": self.jane.pk,
            "encoder": self.encoder.pk,
            "intent": "first",
            "key": uuid4().hex,
        } | fields

    def ask(self, **fields: Any) -> Any:
        return self.client.post(reverse("card-ask"), self.wish(**fields), **HTMX)

    def job(self, **fields: Any) -> EncodeJob:
        return make_job(self.jane, self.encoder, created_by=self.me, **fields)

    def row(self, user: AcsUser, intent: Intent = Intent.FIRST) -> QueueRow:
        return QueueRow(
            user_id=user.pk,
            person=user.full_name,
            system_id=user.system_id,
            system="SIMULATED Annex",
            intent=intent,
            why="no card yet",
        )


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(monkeypatch)


def picks(*ids: Any) -> dict[str, str]:
    """What a browser posts of ticked boxes."""
    return {f"pick-{pk}": "on" for pk in ids}


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


# --- who ------------------------------------------------------------------------------


def test_letters_find_people_in_sight_only(desk: Desk) -> None:
    make_acs_user(full_name="Jane Stranger")
    make_acs_user(desk.system, full_name="John Roe")

    response = desk.client.get(reverse("cards-people"), {"q": "doe jan"}, **HTMX)

    assert [each.name for each in response.context["people"].found] == ["Jane Doe"]


@pytest.mark.parametrize("letters", ["j", "DOE", "jane@exa", "example", "A-17", "doe a-1"])
def test_letters_are_how_a_word_of_somebody_begins(desk: Desk, letters: str) -> None:
    AcsUser.objects.filter(pk=desk.jane.pk).update(
        email="jane@example.test", external_number="A-17"
    )

    response = desk.client.get(reverse("cards-people"), {"q": letters}, **HTMX)

    assert [each.name for each in response.context["people"].found] == ["Jane Doe"]


def test_somebody_who_may_make_cards_elsewhere_does_not_find_people_here(desk: Desk) -> None:
    elsewhere = make_property(desk.system.workspace)
    porter = make_user(Role.FRONT_DESK, workspace=desk.system.workspace, place=elsewhere)

    client = client_of(porter)

    found = client.get(reverse("cards-people"), {"q": "jane"}, **HTMX).context["people"].found
    assert found == ()
    assert client.get(reverse("cards"), {"user": desk.jane.pk}).status_code == 404


@pytest.mark.parametrize("wrong", ["", "x", NOBODY, "\0"])
def test_a_user_who_is_not_there_is_not_found(desk: Desk, wrong: str) -> None:
    assert desk.client.get(reverse("cards"), {"user": wrong}).status_code == 404


def test_the_best_card_has_the_focus_and_the_only_encoder_is_chosen(desk: Desk) -> None:
    response = desk.client.get(reverse("cards"), {"user": desk.jane.pk})

    html = text(response)
    assert 'id="step-first" class="button is-large is-main" data-focus' in html
    assert [each.is_chosen for each in response.context["encoders"]] == [True]
    assert "Room 102" in html


def test_what_stands_in_the_way_is_said_and_only_reading_is_left(desk: Desk) -> None:
    no = Offer(intent=Intent.FIRST, is_offered=False)
    desk.offers = {"first": no, "best": None, "blocked": "This person is in no group."}

    html = text(desk.client.get(reverse("cards"), {"user": desk.jane.pk}))

    assert "This person is in no group." in html
    assert 'id="step-first"' not in html
    assert 'id="step-read"' in html


@pytest.mark.parametrize("count", [1, 3])
def test_the_lists_cost_the_same_for_one_and_for_three(
    desk: Desk, count: int, django_assert_num_queries: Any
) -> None:
    for _ in range(count):
        user = make_acs_user(desk.system, groups=[make_group(desk.system)])
        make_encoder(desk.system)
        make_job(user, desk.encoder, created_by=desk.me, state=JobState.ISSUED)
        make_job(user, desk.encoder, state=JobState.UNKNOWN)
        make_job(
            user,
            desk.encoder,
            state=JobState.ISSUED,
            evidence="credential",
            finished_at=timezone.now(),
        )
        desk.arrivals.append(desk.row(user))

    desk.client.get(reverse("cards"))
    # session, user, memberships; what runs; encoders, who holds them; systems; who was here
    # last, they themselves, their groups; cards in doubt, and no longer in doubt
    with django_assert_num_queries(12):
        desk.client.get(reverse("cards"))
    # session, user, memberships; systems; who fits, their groups
    with django_assert_num_queries(6):
        desk.client.get(reverse("cards-people"), {"q": "jane"}, **HTMX)


# --- asking ---------------------------------------------------------------------------


def test_a_wish_reaches_the_engine_whole(desk: Desk) -> None:
    desk.client.get(reverse("cards"))  # the browser gets its name
    card = make_credential(desk.jane)

    response = desk.ask(
        intent="update", credential=card.pk, key="k1", new_tags="on", user=desk.jane.pk
    )

    (order,) = desk.orders
    station = desk.client.cookies["lockboard_station"].value
    assert order == Order(
        intent=Intent.UPDATE,
        encoder=desk.encoder,
        user=desk.jane,
        credential=card,
        key="k1",
        station=station,
        detects_new_tags=True,
    )
    assert response["HX-Replace-Url"] == reverse("card-job", args=[response.context["job"].pk])
    assert "Place the card on Front desk 1" in text(response)


def test_without_scripts_a_wish_leads_to_the_page_of_its_job(desk: Desk) -> None:
    response = desk.client.post(reverse("card-ask"), desk.wish())

    job = EncodeJob.objects.get()
    assert response.status_code == 302
    assert response["Location"] == reverse("card-job", args=[job.pk])
    assert "Look again" in text(desk.client.get(response["Location"]))


def test_reading_is_of_nobody(desk: Desk) -> None:
    desk.ask(intent="read")

    assert desk.orders[0].user is None


def test_a_reading_settles_the_job_it_was_asked_from(desk: Desk) -> None:
    doubtful = desk.job(state=JobState.UNKNOWN)

    desk.ask(intent="read", settles=doubtful.pk)

    assert desk.orders[0].settles == doubtful


def test_replacing_asks_once_and_names_what_stops(desk: Desk) -> None:
    card = make_credential(desk.jane, card_number="0411223344554F2A")
    offer = Offer(intent=Intent.REPLACE, is_offered=True, credential=card)
    desk.offers = {"replace": offer, "offline_doors": ("Office", "Kitchen <b>")}

    html = text(desk.ask(intent="replace"))

    assert desk.orders == []
    assert "The card …4F2A stops working" in html
    assert "open with it until a list reaches them" in html
    assert "Kitchen &lt;b&gt;" in html
    assert f'name="credential" value="{card.pk}"' in html

    desk.ask(intent="replace", confirmed="on", credential=card.pk)
    assert [(each.intent, each.credential) for each in desk.orders] == [(Intent.REPLACE, card)]


def test_a_card_number_is_never_in_the_page(desk: Desk) -> None:
    card = make_credential(desk.jane, card_number="0411223344554F2A")
    desk.offers = {"update": Offer(intent=Intent.UPDATE, is_offered=True, credential=card)}

    html = text(desk.client.get(reverse("cards"), {"user": desk.jane.pk}))

    assert "…4F2A" in html
    assert "0411223344554F2A" not in html


def test_a_refusal_is_said_where_the_buttons_are(desk: Desk) -> None:
    desk.refusal = RefusedError("Front desk 1 is in use by Ben.", field="encoder")

    response = desk.ask()

    assert "Front desk 1 is in use by Ben." in text(response)
    assert 'id="step-first"' in text(response)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"encoder": ""}, "Choose an encoder."),
        ({"encoder": "x"}, "Choose an encoder."),
        ({"user": ""}, "Choose somebody first."),
        ({"user": NOBODY}, "That person was not found. Choose somebody from the list."),
        ({"intent": "steal"}, "That could not be read. Load the page again."),
        ({"key": ""}, "That could not be read. Load the page again."),
        ({"key": "k" * 65}, "That could not be read. Load the page again."),
        ({"credential": NOBODY}, "That could not be read. Load the page again."),
    ],
)
def test_what_does_not_fit_is_said_and_nothing_is_asked(
    desk: Desk, fields: dict[str, str], said: str
) -> None:
    assert said in text(desk.ask(**fields))
    assert desk.orders == []


def test_an_encoder_of_a_stranger_does_not_exist(desk: Desk) -> None:
    assert "Choose an encoder." in text(desk.ask(encoder=make_encoder().pk))


# --- this browser ---------------------------------------------------------------------


def test_the_encoder_used_last_is_chosen_next_time(desk: Desk) -> None:
    other = make_encoder(desk.system, name="A back office")

    desk.ask(encoder=desk.encoder.pk)
    desk.ask(encoder=other.pk)

    response = desk.client.get(reverse("cards"), {"user": desk.jane.pk})
    chosen = [each.encoder for each in response.context["encoders"] if each.is_chosen]
    assert chosen == [other]


def test_an_encoder_named_by_the_address_is_this_desk_s_from_now_on(desk: Desk) -> None:
    other = make_encoder(desk.system, name="Z")

    desk.client.get(reverse("cards"), {"encoder": other.pk})

    response = desk.client.get(reverse("cards"), {"user": desk.jane.pk})
    assert [each.encoder for each in response.context["encoders"] if each.is_chosen] == [other]


@pytest.mark.parametrize("kept", ["", "x.y", "\x7f", "." * 500, NOBODY])
def test_a_cookie_that_says_nonsense_chooses_nothing(desk: Desk, kept: str) -> None:
    make_encoder(desk.system)
    desk.client.cookies["lockboard_encoders"] = kept
    desk.client.cookies["lockboard_station"] = kept

    response = desk.client.get(reverse("cards"))

    assert response.context["is_encoder_chosen"] is False
    assert len(response.cookies["lockboard_station"].value) == 32


def test_an_encoder_in_use_says_by_whom_and_one_with_a_fault_says_which(desk: Desk) -> None:
    make_encoder(desk.system, name="Z", last_error="encoder_offline", last_error_at=timezone.now())
    make_job(desk.jane, desk.encoder, holds_encoder=True, actor_name="Ben <i>")

    html = text(desk.client.get(reverse("cards")))

    assert "in use by Ben &lt;i&gt;" in html
    assert "did not answer" in html


def test_a_reload_shows_what_runs_at_this_browser_and_not_at_another(desk: Desk) -> None:
    desk.client.get(reverse("cards"))
    running = desk.ask().context["job"]
    other = Client()
    other.force_login(desk.me)

    assert desk.client.get(reverse("cards")).context["job"] == running
    assert other.get(reverse("cards")).context.get("job") is None
    assert desk.client.get(reverse("cards"), {"new": ""}).context.get("job") is None


def test_a_card_just_left_in_doubt_is_shown_again_and_an_old_one_waits_in_the_list(
    desk: Desk,
) -> None:
    desk.client.get(reverse("cards"))
    station = desk.client.cookies["lockboard_station"].value
    doubtful = desk.job(state=JobState.UNKNOWN, station=station)

    assert desk.client.get(reverse("cards")).context["job"] == doubtful

    EncodeJob.objects.update(created_at=timezone.now() - timedelta(minutes=11))
    response = desk.client.get(reverse("cards"))
    assert response.context.get("job") is None
    assert list(response.context["people"].in_doubt) == [doubtful]


# --- a job ----------------------------------------------------------------------------


def test_a_page_that_saw_it_all_gets_nothing(desk: Desk) -> None:
    address = reverse("card-job", args=[desk.job().pk])

    version = desk.client.get(address, **HTMX).context["version"]

    assert desk.client.get(address, {"seen": version}, **HTMX).status_code == 204
    desk.stage["headline"] = "Something else"
    assert desk.client.get(address, {"seen": version}, **HTMX).status_code == 200


def test_the_next_of_the_arrivals_is_one_key_away(desk: Desk) -> None:
    ben = make_acs_user(desk.system, full_name="Ben")
    desk.arrivals = [desk.row(ben, Intent.UPDATE)]
    desk.stage = {"stage": Stage.DONE, "last_four": "4F2A", "valid": "valid until Fri 11:00"}

    html = text(desk.client.get(reverse("card-job", args=[desk.job().pk]), **HTMX))

    assert "valid until Fri 11:00" in html
    assert f'name="user" value="{ben.pk}"' in html
    assert 'name="intent" value="update"' in html
    assert 'id="step-next" class="button is-large is-main" data-focus' in html


def test_somebody_of_another_system_is_shown_first(desk: Desk) -> None:
    other = make_system(desk.system.account, property=desk.system.property)
    desk.arrivals = [desk.row(make_acs_user(other))]
    desk.stage = {"stage": Stage.DONE}

    html = text(desk.client.get(reverse("card-job", args=[desk.job().pk]), **HTMX))

    assert f'href="/cards/?user={desk.arrivals[0].user_id}"' in html
    assert 'action="/cards/ask/"' not in html


def test_every_next_step_is_a_way_somewhere(desk: Desk) -> None:
    other = make_encoder(desk.system, name="Back office")
    target = {NextKind.OTHER_ENCODER: other.pk, NextKind.FIRST: desk.jane.pk}
    url = {NextKind.OPEN_USER: "/u"}
    desk.stage = {
        "stage": Stage.FAILED,
        "failure": "no_card",
        "next_steps": tuple(
            NextStep(
                kind=kind, label=f"Do {kind}", url=url.get(kind, ""), target_id=target.get(kind)
            )
            for kind in NextKind
        ),
    }

    html = text(desk.client.get(reverse("card-job", args=[desk.job().pk]), **HTMX))

    for kind in NextKind:
        assert f"Do {kind}" in html


def test_pressing_try_again_passes_the_key_and_the_encoder(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed, other = desk.job(state=JobState.FAILED), make_encoder(desk.system)
    asked: list[Any] = []

    def try_again(job: EncodeJob, *, by: Any, key: str, encoder: Any = None, **_: Any) -> EncodeJob:
        asked.append((job, key, encoder))
        return desk.job()

    monkeypatch.setattr(asking, "try_again", try_again)
    address = reverse("card-again", args=[failed.pk])

    desk.client.post(address, {"key": "k"}, **HTMX)
    desk.client.post(address, {"key": "k", "encoder": other.pk}, **HTMX)
    desk.client.post(address, {"key": "k", "encoder": make_encoder().pk}, **HTMX)

    assert asked == [(failed, "k", None), (failed, "k", other)]


# --- several people -------------------------------------------------------------------


def test_a_batch_goes_through_the_chosen_in_order(desk: Desk) -> None:
    ben, cleo = (make_acs_user(desk.system, full_name=name) for name in ("Ben", "Cleo"))
    chosen = [desk.jane.pk, ben.pk, cleo.pk, make_acs_user().pk]

    response = desk.client.post(reverse("cards-batch"), picks(*chosen, "x"))

    assert response["Location"] == f"/cards/?user={desk.jane.pk}"
    assert "Card 1 of 3" in text(desk.client.get(response["Location"]))

    desk.stage = {"stage": Stage.DONE}
    done = desk.job(state=JobState.ISSUED)
    html = text(desk.client.get(reverse("card-job", args=[done.pk]), **HTMX))
    assert "Card 1 of 3" in html
    assert "Next: <bdi>Ben</bdi>" in html


def test_a_batch_stops_at_what_cannot_be_tried_again_and_says_who_is_left(desk: Desk) -> None:
    others = [make_acs_user(desk.system, full_name=name) for name in ("Ben", "Cleo")]
    desk.client.post(reverse("cards-batch"), picks(desk.jane.pk, *(each.pk for each in others)))
    desk.stage = {"stage": Stage.FAILED, "failure": "licence", "next_steps": ()}

    html = text(desk.client.get(reverse("card-job", args=[desk.job(state="failed").pk]), **HTMX))

    assert "Still without a card: <bdi>Ben</bdi>, <bdi>Cleo</bdi>." in html


def test_whoever_got_a_card_before_the_batch_began_is_not_counted(desk: Desk) -> None:
    ben = make_acs_user(desk.system, full_name="Ben")
    make_job(ben, desk.encoder, state="issued", now=timezone.now() - timedelta(hours=1))
    desk.client.post(reverse("cards-batch"), picks(desk.jane.pk, ben.pk))
    desk.stage = {"stage": Stage.DONE}

    done = desk.client.get(reverse("card-job", args=[desk.job(state="issued").pk]), **HTMX)

    assert done.context["progress"].left == ("Ben",)
    assert done.context["next"].person == "Ben"


def test_whoever_has_a_card_of_the_batch_is_no_number_of_it_any_more(desk: Desk) -> None:
    ben = make_acs_user(desk.system, full_name="Ben")
    desk.client.post(reverse("cards-batch"), picks(desk.jane.pk, ben.pk))
    address = f"/cards/?user={desk.jane.pk}"
    assert "Card 1 of 2" in text(desk.client.get(address))

    desk.job(state=JobState.ISSUED)

    assert "Card 1 of 2" not in text(desk.client.get(address))


def test_choosing_nobody_lets_the_batch_go(desk: Desk) -> None:
    desk.client.post(reverse("cards-batch"), picks(desk.jane.pk))
    desk.client.post(reverse("cards-batch"), {})

    assert "Card 1 of" not in text(desk.client.get(reverse("cards"), {"user": desk.jane.pk}))


def test_a_batch_is_no_longer_than_people_can_stand() -> None:
    session = SessionStore()

    batch = batches.begin(session, [uuid4() for _ in range(200)], at=timezone.now())

    assert batch.total == batches.MOST
    assert batches.load(session, now=timezone.now()) == batch
    assert batches.load(session, now=timezone.now() + timedelta(hours=13)) is None


def test_ticked_is_who_was_chosen_and_has_no_card_yet(desk: Desk) -> None:
    ben, cleo = (make_acs_user(desk.system, full_name=name) for name in ("Ben", "Cleo"))
    desk.client.post(reverse("cards-batch"), picks(desk.jane.pk, ben.pk))
    desk.job(state=JobState.ISSUED)
    desk.arrivals = [desk.row(ben), desk.row(cleo)]

    html = text(desk.client.get(reverse("cards")))

    assert re.findall(r'<input type="checkbox" [^>]*>', html) == [
        f'<input type="checkbox" name="pick-{ben.pk}" id="pick-{ben.pk}" autocomplete="off"'
        ' aria-label="Choose Ben" checked>',
        f'<input type="checkbox" name="pick-{cleo.pk}" id="pick-{cleo.pk}" autocomplete="off"'
        ' aria-label="Choose Cleo">',
    ]


def test_who_comes_next_costs_the_same_for_two_and_for_twelve(
    desk: Desk, django_assert_num_queries: Any
) -> None:
    job = desk.job(state=JobState.ISSUED)
    me = actor(desk.me)
    for count in (2, 12):
        others = [make_acs_user(desk.system).pk for _ in range(count)]
        chosen = Batch((desk.jane.pk, *others), timezone.now())
        # who has one by now; those who are left, their groups
        with django_assert_num_queries(3):
            assert station.following(job, chosen, me, now=timezone.now()) is not None


def test_a_card_that_was_only_read_does_not_count_as_made(desk: Desk) -> None:
    ben = make_acs_user(desk.system, full_name="Ben")
    desk.client.post(reverse("cards-batch"), picks(desk.jane.pk, ben.pk))
    make_job(ben, desk.encoder, kind="scan", intent="read", state=JobState.DONE)

    response = desk.client.get(reverse("cards"), {"user": desk.jane.pk})

    assert response.context["progress"].left == ("Ben",)


def test_what_is_safe_stands_before_the_next_of_the_batch(desk: Desk) -> None:
    ben = make_acs_user(desk.system, full_name="Ben")
    desk.client.post(reverse("cards-batch"), picks(desk.jane.pk, ben.pk))
    again = NextStep(kind=NextKind.TRY_AGAIN, label="Try again with the same card", is_first=True)
    desk.stage = {"stage": Stage.FAILED, "failure": "interrupted", "next_steps": (again,)}

    html = text(desk.client.get(reverse("card-job", args=[desk.job(state="failed").pk]), **HTMX))

    assert 0 < html.index('id="step-try_again"') < html.index('id="step-next"')


def test_no_two_forms_of_a_page_share_a_key(desk: Desk) -> None:
    desk.arrivals = [desk.row(make_acs_user(desk.system, full_name="Ben"))]
    desk.stage = {
        "stage": Stage.UNKNOWN,
        "next_steps": tuple(
            NextStep(kind=kind, label=kind) for kind in (NextKind.READ, NextKind.TRY_AGAIN)
        ),
    }

    html = text(desk.client.get(reverse("card-job", args=[desk.job().pk]), **HTMX))

    keys = re.findall(r'name="key" value="([0-9a-f]{32})"', html)
    assert len(keys) == len(set(keys)) == 2
