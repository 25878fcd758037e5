"""What guests are told, in their language."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation

from access.guests import letters
from access.guests.contacts import Contact
from access.guests.facts import Facts, Pin
from access.guests.letters import Change, Kind
from tests.access.guests.written_to import NOW

LANGUAGES = ["en", "nl", "de", "fr", "es", "pt"]


def facts(**fields: Any) -> Facts:
    return Facts(
        **{
            "guest": "Jane Doe",
            "house": "Harbour House",
            "zone": ZoneInfo("Europe/Amsterdam"),
            "starts_at": NOW,
            "ends_at": NOW + timedelta(days=2),
            "doors": ("Front door", "Room 204"),
            "modes": frozenset({"code"}),
        }
        | fields
    )


def mail(kind: Kind = Kind.INVITATION, language: str = "en", **fields: Any) -> letters.Letter:
    more = {
        name: fields.pop(name) for name in ("url", "pins", "changes", "address") if name in fields
    }
    return letters.as_mail(letters.compose(kind, facts(**fields), language=language, **more))


def test_an_invitation_carries_a_link_and_times_of_the_property() -> None:
    letter = mail(url="https://x.example/k/abc/", address="jane@example.org")

    assert letter.subject == "Your access to Harbour House"
    assert letter.text == (
        "Hello Jane Doe,\n"
        "\n"
        "Here is your access to Harbour House.\n"
        "\n"
        "From: Saturday 21 Nov 2026, 10:00\n"
        "Until: Monday 23 Nov 2026, 10:00\n"
        "All times are local times at Harbour House.\n"
        "\n"
        "Your page shows how you get in. Doors and codes appear there once your access begins.\n"
        "Open your page: https://x.example/k/abc/\n"
        "\n"
        "Please keep the link to yourself: whoever has it can see your page.\n"
        "\n"
        "-- \n"
        "This message was sent to jane@example.org on behalf of Harbour House. If it is not for"
        " you, please delete it.\n"
    )
    assert '<a class="open" href="https://x.example/k/abc/">Open your page</a>' in letter.html


def test_a_mail_names_no_doors_as_it_lies_around() -> None:
    letter = mail(url="https://x.example/k/abc/")

    assert "Room 204" not in letter.text + letter.html


def test_digits_stand_there_by_wish_with_their_doors() -> None:
    letter = mail(pins=[Pin(digits="482 913", doors=("Room 204",))])

    assert "\nYour code: 482 913\n- Room 204\n" in letter.text
    assert '<p class="code">482 913</p>' in letter.html


def test_a_change_says_what_changed() -> None:
    text = mail(Kind.CHANGED, changes=[Change.TIMES, Change.CODE]).text

    assert "The times have changed.\n" in text
    assert "The code has changed: please do not use the old one any more.\n" in text
    assert "doors have" not in text


def test_a_cancellation_has_no_link_no_code_and_no_way_in() -> None:
    letter = mail(
        Kind.REVOKED, url="https://x.example/k/abc/", pins=[Pin(digits="482 913", doors=())]
    )

    assert "cancelled" in letter.subject
    assert not [each for each in ("/k/", "482", "page") if each in letter.text + letter.html]


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("cloud_key", "To open a door from your page you need a link code."),
        ("card", "Please collect your card at the desk."),
        ("mobile_key", "The key for your phone is on your page, too."),
    ],
)
def test_each_way_in_has_its_sentence(mode: str, said: str) -> None:
    assert said in mail(modes=frozenset({mode})).text


def test_a_stay_without_end_and_a_guest_without_name() -> None:
    text = mail(ends_at=None, guest="").text

    assert text.startswith("Hello,\n")
    assert "Until: no end is set\n" in text


def test_whoever_is_to_be_asked_is_named() -> None:
    phone, email = "+31 20 555 0100", "desk@example.org"

    assert f"Questions? Call {phone}." in mail(contact=Contact(phone=phone)).text
    assert f"Questions? Write to {email}." in mail(contact=Contact(email=email)).text
    both = mail(contact=Contact(phone=phone, email=email)).text
    assert f"Questions? Call {phone}, or write to {email}." in both


def test_names_cannot_write_headers_or_markup() -> None:
    letter = mail(house="House\r\nBcc: all@example.org\u202e", guest="<b>Jane</b>")

    assert letter.subject == "Your access to House Bcc: all@example.org"
    assert "<b>Jane" not in letter.html
    assert "&lt;b&gt;Jane" in letter.html


def test_a_mail_has_nothing_that_others_could_count() -> None:
    html = mail(url="https://x.example/k/abc/").html

    assert "<img" not in html
    assert "<script" not in html
    assert html.count("http") == 2  # the link, and its text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", list(Kind))
def test_every_message_is_wholly_in_its_language(kind: Kind, language: str) -> None:
    every = frozenset({"code", "card", "mobile_key", "cloud_key"})
    contact = Contact(phone="+31 20 555 0100")
    body = letters.compose(
        kind,
        facts(modes=every, contact=contact, ends_at=None),
        language=language,
        url="https://x.example/k/abc/",
        address="jane@example.org",
        pins=[Pin(digits="482 913", doors=("Deur 1",))],
        changes=list(Change),
    )
    english = letters.compose(
        kind,
        facts(modes=every, contact=contact, ends_at=None),
        language="en",
        url="https://x.example/k/abc/",
        address="jane@example.org",
        pins=[Pin(digits="482 913", doors=("Deur 1",))],
        changes=list(Change),
    )
    said, plain = (_sentences(each) for each in (body, english))

    assert len(said) == len(plain)
    if language != "en":
        assert [(one, other) for one, other in zip(said, plain, strict=True) if one == other] == []


def _sentences(body: letters.Body) -> list[str]:
    parts = [
        *(body.subject, body.greeting, *body.leads, body.clock, body.page, body.page_label),
        *(body.pin_label, body.door_label, *body.notes, body.contact, body.footer),
        *(part for pair in body.times for part in pair),
    ]
    return [part for part in parts if part]


def test_the_page_around_a_message_keeps_its_language() -> None:
    before = translation.get_language()

    mail(language="nl")

    assert translation.get_language() == before
