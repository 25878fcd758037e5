"""What guests of a property are told, and who decides it."""

from typing import Any

import pytest

from access.guests.houses import House, house_of
from access.models import GuestHouse
from accounts.models import Role, Space
from audit.models import Event
from tests.make import client_of, make_property, make_user

pytestmark = pytest.mark.django_db

FIELDS = {
    "phone": "+31 20 123 4567",
    "email": "desk@example.org",
    "address": "Quay 1, Amsterdam",
    "directions": "Tram 2.\r\nThen left.",
    "wifi_name": "Harbour",
    "wifi_password": " sesame 22",
    "notes": "",
}


@pytest.fixture
def place() -> Space:
    return make_property(name="Harbour House")


@pytest.fixture
def client(place: Space) -> Any:
    return client_of(make_user(Role.MANAGER, workspace=place.workspace))


def path(place: Space) -> str:
    return f"/grants/guest-page/{place.pk}/"


def test_it_is_stored_and_logged_without_the_password(place: Space, client: Any) -> None:
    response = client.post(path(place), FIELDS, follow=True)

    assert "Saved." in response.content.decode()
    assert house_of(place) == House(
        phone="+31 20 123 4567",
        email="desk@example.org",
        address="Quay 1, Amsterdam",
        directions="Tram 2.\nThen left.",
        wifi_name="Harbour",
        wifi_password=" sesame 22",
    )
    event = Event.objects.get(verb="guest_page_changed")
    assert event.detail == {
        "after": "phone, e-mail, address, how to get there, Wi-Fi name, Wi-Fi password"
    }
    assert "sesame" not in response.content.decode()


def test_a_password_that_is_not_typed_stays_until_it_is_dropped(place: Space, client: Any) -> None:
    client.post(path(place), FIELDS)
    left_empty = FIELDS | {"wifi_password": ""}

    response = client.post(path(place), left_empty, follow=True)
    assert "Nothing was changed." in response.content.decode()
    assert house_of(place).wifi_password == " sesame 22"

    client.post(path(place), left_empty | {"drops_wifi_password": "on"})
    assert house_of(place).wifi_password == ""
    assert GuestHouse.objects.get().wifi_password_sealed == ""


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("phone", "0", "phone: international format +33…"),
        ("phone", "call me", "phone: international format +33…"),
        ("email", "desk@nowhere", "e-mail address is not valid"),
        ("email", "a@b.example\nBcc: c@d.example", "e-mail address is not valid"),
        ("address", "Quay \u202e1", "Use visible characters only."),
        ("address", "Quay \u061c1", "Use visible characters only."),
        ("notes", "Ring \u061ctwice", "Use visible characters only."),
        ("notes", "x" * 1501, "at most 1500 characters"),
    ],
)
def test_what_cannot_be_is_refused(
    field: str, value: str, sentence: str, place: Space, client: Any
) -> None:
    response = client.post(path(place), FIELDS | {field: value})

    assert sentence in response.content.decode()
    assert not GuestHouse.objects.exists()


def test_what_is_typed_is_text_and_nothing_else(place: Space, client: Any) -> None:
    client.post(path(place), FIELDS | {"notes": "<img src=x onerror=alert(1)>\n\n{{ 7 }}"})

    html = client.get(f"{path(place)}preview/").content.decode()

    assert "&lt;img src=x onerror=alert(1)&gt;" in html
    assert "<img" not in html
    assert 'href="tel:+31201234567"' in html
    assert 'href="mailto:desk@example.org"' in html


@pytest.mark.parametrize(
    ("phase", "shows", "hides"),
    [
        ("before", "Your code appears here on", "<span>123</span>"),
        ("during", "<span>123</span><span>456</span>", "Thank you for staying"),
        ("after", "Thank you for staying", "<span>123</span>"),
        ("nonsense", "<span>123</span>", "Thank you for staying"),
    ],
)
def test_the_preview_shows_an_invented_stay(
    phase: str, shows: str, hides: str, place: Space, client: Any
) -> None:
    html = client.get(f"{path(place)}preview/?phase={phase}&language=en").content.decode()

    assert shows in html
    assert hides not in html
    assert "nothing here opens a door" in html
    assert "/k/unlock/" not in html
    assert "/k/worker.js" not in html
