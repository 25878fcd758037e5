"""Links: hashed, exchanged for a cookie, and the same answer for all that lead nowhere."""

import logging
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import serializers
from django.test import Client
from django.utils import timezone

from access.guests import links
from access.models import Delivery, GuestLink, UserIdentity
from audit.models import Event
from tests.access.guests.stays import (
    give,
    give_code,
    guest_of,
    key_of,
    link_to,
    make_door,
    make_stay,
)

pytestmark = pytest.mark.django_db

SCARCE = {"Content-Security-Policy", "Referrer-Policy", "X-Robots-Tag", "Cache-Control"}


def test_gst_02_a_token_is_256_bits_and_only_its_hash_is_kept() -> None:
    link, path = link_to(make_stay())
    token = path.split("/")[2]

    assert len(token) >= 43
    stored = serializers.serialize("json", GuestLink.objects.all())
    assert token not in stored
    assert link.unseal_code() not in stored
    assert re.fullmatch(r"\d{6}", link.unseal_code())
    assert re.fullmatch(r"\d{3} \d{3}", links.code_for_staff(link))
    event = Event.objects.get(verb="guest_link_made")
    assert (event.actor_name, event.subject) == ("Ana", "Jane Doe")
    assert token not in str(event.detail)


def test_gst_02_a_token_is_exchanged_for_an_address_without_it() -> None:
    link, path = link_to(make_stay())

    response = Client().get(path)

    assert (response.status_code, response["Location"]) == (303, "/k/")
    cookie = response.cookies["stay-8000"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert path.split("/")[2] not in str(response.headers) + cookie.value
    assert response["Referrer-Policy"] == "no-referrer"
    link.refresh_from_db()
    assert link.fetched_at is not None


def test_links_of_one_stay_share_a_code_until_one_is_locked() -> None:
    grant = make_stay()
    first, _ = link_to(grant)
    second, _ = link_to(grant)
    assert second.unseal_code() == first.unseal_code()

    GuestLink.objects.filter(pk=first.pk).update(locked_at=timezone.now())
    third, _ = link_to(grant)
    fourth, _ = link_to(grant)

    assert third.unseal_code() != first.unseal_code()
    assert fourth.unseal_code() == third.unseal_code()


def _ended(link: GuestLink) -> None:
    long_ago = timezone.now() - timedelta(days=8)
    link.grant.starts_at, link.grant.ends_at = long_ago - timedelta(days=1), long_ago
    link.grant.save()


def _revoked(link: GuestLink) -> None:
    link.grant.revoked_at = timezone.now()
    link.grant.save()


def _taken_back(link: GuestLink) -> None:
    links.revoke([link], at=timezone.now())


@pytest.mark.parametrize("end", [_ended, _revoked, _taken_back])
def test_gst_04_unknown_over_and_revoked_read_the_same(end: Any) -> None:
    link, path = link_to(make_stay())
    came_before = guest_of(path)
    end(link)

    unknown = Client().get(f"/k/{'x' * 43}/")
    answers = [
        Client().get(path),
        Client().get(path[:-5] + "/"),
        Client().get(path.upper().replace("/K/", "/k/")),
        Client().get("/k/"),
        came_before.get("/k/"),
        came_before.post("/k/unlock/", {}),
        came_before.get("/k/stay.ics"),
    ]

    assert unknown.status_code == 404
    assert "This link is not valid (any more)" in unknown.content.decode()
    assert {(each.status_code, each.content) for each in answers} == {(404, unknown.content)}


def test_guessing_at_tokens_is_slowed_down() -> None:
    client = Client()

    answers = {client.get(f"/k/{'x' * 40}{n}/").status_code for n in range(40)}

    assert answers == {404, 429}


def test_every_page_is_private_and_unreferred() -> None:
    _, path = link_to(make_stay())
    client = guest_of(path)

    for address in ("/k/", "/k/help/", "/k/offline/", "/k/stay.ics", "/k/nowhere-at-all/"):
        response = client.get(address)
        assert response["Referrer-Policy"] == "no-referrer", address
        assert response["Cache-Control"] == "no-store"
        assert response["X-Robots-Tag"] == "noindex, nofollow"
        assert "default-src 'none'" in response["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in response["Content-Security-Policy"]


def test_forms_take_no_post_without_the_key_of_the_same_link() -> None:
    grant = make_stay()
    give(grant, "cloud_key", make_door(grant))
    link, path = link_to(grant)
    _, others_path = link_to(make_stay())
    client, other = guest_of(path), guest_of(others_path)

    for key in ("", "forged", key_of(other)):
        response = client.post("/k/code/", {"key": key, "code": link.unseal_code()})
        assert response.status_code == 403
        assert "This page is too old" in response.content.decode()


def test_sec_04_neither_token_nor_digits_nor_code_reach_logs_or_the_database(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    grant = make_stay()
    give_code(grant, make_door(grant), "714208")
    link, path = link_to(grant)
    token, code = path.split("/")[2], link.unseal_code()
    client = guest_of(path)

    page = client.get("/k/")
    client.get("/k/help/")
    client.post("/k/code/", {"key": page.context["key"], "code": code})

    assert "714208" in page.content.decode()
    from config.logs import redact  # noqa: PLC0415

    said = redact(caplog.text) + serializers.serialize("json", Event.objects.all())
    rows = serializers.serialize("json", [*GuestLink.objects.all(), *UserIdentity.objects.all()])
    for secret in (token, "714208", code):
        assert secret not in said + rows


def test_a_hand_on_the_page_says_that_its_message_was_opened() -> None:
    grant = make_stay()
    link, path = link_to(grant)
    delivery = Delivery.objects.create(
        grant=grant, link=link, channel="email", language="en", created_at=timezone.now()
    )
    client = guest_of(path)
    client.get("/k/")
    delivery.refresh_from_db()
    assert delivery.opened_at is None

    assert client.post("/k/seen/", {"key": key_of(client)}).status_code == 204

    delivery.refresh_from_db()
    assert delivery.opened_at is not None
