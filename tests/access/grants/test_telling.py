"""Guests who were written to are told what becomes of their stay."""

from typing import Any

import pytest
from django.urls import reverse

from access.models import AccessGrant, Delivery
from access.models.guests import Channel, DeliveryState
from tests.access.grants.house import LEAVES, NOW, House, create, target
from tests.access.grants.pages.test_change import look, press
from tests.access.grants.pages.test_form import text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


def write_to(grant: AccessGrant) -> None:
    Delivery.objects.create(
        grant=grant,
        channel=Channel.EMAIL,
        address="jane@example.com",
        language="nl",
        kind="invitation",
        state=DeliveryState.SENT,
        created_at=NOW,
        sent_at=NOW,
    )


def waiting() -> list[tuple[str, str, list[str]]]:
    rows = Delivery.objects.filter(state=DeliveryState.WAITING)
    return [(row.kind, row.language, row.detail.get("changes", [])) for row in rows]


def test_one_more_night_is_told_in_their_language(client: Any, house: House) -> None:
    grant = create(house, house.gate)
    write_to(grant)

    press(client, "grant-extend", grant, look(client, "grant-extend", grant))

    assert waiting() == [("changed", "nl", ["times"])]


def test_another_door_is_told(client: Any, house: House) -> None:
    grant = create(house, house.gate)
    write_to(grant)
    page = look(client, "grant-move", grant)

    press(client, "grant-move", grant, page, targets=[target(house.gate).key])
    assert waiting() == []
    page = look(client, "grant-change", grant)
    given = {"targets": [target(house.gate).key, target(house.shed).key], "outline": ""}
    shown = press(client, "grant-change", grant, page, **given)
    press(client, "grant-change", grant, shown)

    assert waiting() == [("changed", "nl", ["doors"])]


def test_who_was_never_written_to_is_told_nothing(client: Any, house: House) -> None:
    grant = create(house, house.gate)

    press(client, "grant-extend", grant, look(client, "grant-extend", grant))
    client.post(reverse("grant-revoke", args=[grant.pk]), {"tell": "on"})

    grant.refresh_from_db()
    assert (grant.ends_at != LEAVES, grant.revoked_at) == (True, NOW)
    assert waiting() == []


@pytest.mark.parametrize("wished", [True, False])
def test_a_cancelled_stay_is_told_if_that_is_wished(
    client: Any, house: House, *, wished: bool
) -> None:
    grant = create(house, house.gate)
    write_to(grant)
    asked = client.get(reverse("grant-revoke", args=[grant.pk]))
    assert "Write to Jane Doe that the stay is cancelled" in text_of(asked)

    client.post(reverse("grant-revoke", args=[grant.pk]), {"tell": "on"} if wished else {})

    assert waiting() == ([("revoked", "nl", [])] if wished else [])
    message = Delivery.objects.filter(kind="revoked").first()
    grant.refresh_from_db()
    assert message is None or message.not_before == grant.revoke_due_at


def test_of_many_only_those_who_were_written_to_are_told(client: Any, house: House) -> None:
    told = create(house, house.gate)
    write_to(told)
    other = create(house, house.shed, full_name="Bo", email="bo@example.com")
    ids = [str(told.pk), str(other.pk)]
    asked = client.post(reverse("grants-revoke"), {"ids": ids})
    assert "Write to Jane Doe that the stay is cancelled" in text_of(asked)

    client.post(reverse("grants-revoke"), {"ids": ids, "confirmed": "yes", "tell": "on"})

    assert [row.grant for row in Delivery.objects.filter(kind="revoked")] == [told]
