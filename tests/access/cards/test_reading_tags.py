"""What a reader of Salto KS tells: a tag is somebody's or nobody's, and nothing is written on it."""

import re

import pytest
from django.utils import timezone

from access.cards import cards_back, presenting, settling
from access.cards.job_view import NextKind
from access.models import AcsUser
from access.states import Intent
from accounts.providers.systems import CardFailure, CardOnEncoder, ScanResult
from tests.access.cards.world import House

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(desk):
    return House(desk, external_type="salto_ks_site")


def view_of(house, job):
    return presenting.view_of(house.seen(job), house.ana, timezone.now())


def read(house, desk, tag=None):
    on_it = CardOnEncoder(card_number=tag.card_number, is_issued=True) if tag else None
    desk.plan = [ScanResult(card=on_it, credential=desk.cards[tag.remote_id] if tag else None)]
    return view_of(house, house.make(Intent.READ))


def said(view):
    steps = [step.label for step in view.next_steps]
    return " ".join([view.headline, view.sentence, view.spoken, str(view.facts), *steps])


def test_a_tag_is_its_holders(house, desk):
    view = read(house, desk, house.card_of(house.jane))

    assert view.headline == "This is Jane Doe’s tag"
    assert [label for label, _ in view.facts][:2] == ["Holder", "Tag"]
    assert not re.search(r"\b(cards?|written|Same as)\b", said(view)), said(view)


def test_a_tag_of_nobody(house, desk):
    view = read(house, desk)

    assert view.headline == "This tag is nobody’s"
    assert [step.label for step in view.next_steps] == ["Read another tag"]


@pytest.mark.parametrize("what", ["suspended", "over", "lost"])
def test_a_tag_that_opens_nothing(house, desk, what):
    tag = house.card_of(house.jane)
    if what == "lost":
        cards_back.lost(tag, by=house.ana, at=timezone.now())
    fields = {"is_suspended": True} if what == "suspended" else {"ends_at": timezone.now()}
    AcsUser.objects.filter(pk=house.jane.pk).update(**({} if what == "lost" else fields))

    view = read(house, desk, tag)

    headlines = {
        "suspended": "This person is suspended",
        "over": "This tag’s time is over",
        "lost": "This tag was taken back",
    }
    assert view.headline == headlines[what]
    assert not re.search(r"\bcards?\b", said(view)), said(view)


def test_after_a_tag_was_put_aside_another_is_given(house, desk):
    desk.plan = [CardFailure.COMMS_TIMEOUT]
    job = house.make(Intent.TAG)
    assert "Put it aside and take another" in said(view_of(house, job))

    settling.discard(house.seen(job), by=house.ana, at=timezone.now())

    view = view_of(house, job)
    assert [(step.kind, step.label) for step in view.next_steps] == [
        (NextKind.TRY_AGAIN, "Give another tag")
    ]
    assert not re.search(r"\bcards?\b", said(view)), said(view)
    assert house.work(house.again(house.seen(job))).state == "done"
