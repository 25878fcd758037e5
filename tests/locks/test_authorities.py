"""Authorities: what an app above says is asked at the press and in the claim."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from audit.who import Who
from audit.words import How
from locks import actuation
from locks.actuation import Authority, authorities
from locks.models import ActionAttempt, Device
from locks.states import Action
from tests.make import make_device

pytestmark = pytest.mark.django_db


@pytest.fixture
def only_204(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An authority that holds for doors of one name."""
    monkeypatch.setattr(authorities, "_CONDITIONS", dict(authorities._CONDITIONS))
    authorities.register(
        "name",
        "EXISTS (SELECT 1 FROM locks_device AS x WHERE x.id = a.device_id AND x.name = 'Room 204')",
    )
    return


def order(kind: str = "name") -> actuation.Order:
    return actuation.Order(
        action=Action.UNLOCK,
        idempotency_key=str(uuid4()),
        who=Who(kind="guest", id="g1", name="Jane"),
        how=How.GUEST,
        actor=None,
        authority=Authority(kind=kind, id=uuid4()),
    )


def test_a_press_needs_an_authority_that_holds(only_204: None) -> None:
    room, other = make_device(name="Room 204"), make_device(name="Room 205")

    attempt = actuation.request(room, order())

    assert (attempt.who.kind, attempt.who.id, attempt.who.name) == ("guest", "g1", "Jane")
    for door, kind in ((other, "name"), (room, "made_up")):
        with pytest.raises(actuation.NotAllowedError):
            actuation.request(door, order(kind))
    assert ActionAttempt.objects.count() == 1


def test_an_authority_is_asked_before_others_presses_are_told(only_204: None) -> None:
    door = make_device(name="Room 204")
    actuation.request(door, order())
    Device.objects.update(name="Room 205")

    with pytest.raises(actuation.NotAllowedError):
        actuation.request(door, order())


def test_without_any_authority_the_claim_stays_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authorities, "_CONDITIONS", {})

    assert authorities.in_claim() == "(FALSE)"
    assert not authorities.holds(Authority(kind="name", id=uuid4()), make_device())
