import re
from html.parser import HTMLParser

import pytest

from tests.sandbox.test_identity import follow, hidden_in, sign_in_as, start_sign_in

VOID = {"meta", "link", "input", "br"}


class Checker(HTMLParser):
    """Reads a page strictly: tags closed in order, labels that name their inputs."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open, self.labels, self.inputs, self.attributes = [], set(), set(), []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.attributes += [name for name, _ in attrs]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "label":
            self.labels.add(found["for"])
        if tag == "input" and found.get("type") != "hidden":
            self.inputs.add(found["id"])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def pages(client):
    return {
        "index": client.get("/"),
        "outbox": client.get("/outbox"),
        "doors": client.get("/doors"),
        "login": start_sign_in(client),
        "consent": sign_in_as(client),
        "problem": client.get("/identity/connect/authorize"),
    }


@pytest.mark.parametrize("name", ["index", "outbox", "doors", "login", "consent", "problem"])
def test_every_page_is_whole_labelled_and_says_simulated(client, name):
    page = pages(client)[name]
    checked = Checker(page.text)

    assert "<strong>SIMULATED</strong>" in page.text
    assert checked.inputs == checked.labels
    assert not any(attribute.startswith(("on", "style")) for attribute in checked.attributes)
    assert "<script" not in page.text
    assert re.findall(r'(?:src|href)="(https?:[^"]*)"', page.text) == []
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self';")
    assert "unsafe" not in policy


def test_the_login_form_has_the_agreed_words(client):
    text = start_sign_in(client).text

    assert '<label for="email">E-mail</label>' in text
    assert '<label for="password">Password</label>' in text
    assert '<button type="submit">Sign in</button>' in text


def test_the_consent_form_has_the_agreed_words_and_may_lead_back(client):
    page = sign_in_as(client)

    assert re.findall(r"<button[^>]*>([^<]*)<", page.text) == ["Allow", "Deny"]
    assert page.headers["content-security-policy"].endswith(
        "form-action 'self' http://127.0.0.1:8000"
    )


def test_the_stylesheet_is_our_own(client):
    answer = client.get("/static/sandbox.css")

    assert answer.status == 200
    assert "color-scheme: light dark" in answer.text
    assert "url(" not in answer.text


def test_the_start_page_lists_every_account(client):
    text = client.get("/").text

    for person in client.world.people:
        if person.password:
            assert person.email in text


def test_the_outbox_shows_the_pin_of_an_iq(client):
    otto = client.sign_in("otp")
    iq = otto.items("/iqs")[0]["id"]
    otto.get(f"/iqs/{iq}/secret")
    otto.get(f"/iqs/{iq}/pin")

    mail = client.get("/control/outbox").json()[0]
    assert (mail["kind"], mail["channel"], mail["to"]) == ("iq_pin", "sms", "+0000000000")
    assert mail["pin"] in client.get("/outbox").text


@pytest.mark.parametrize(
    ("act", "code", "words"),
    [
        ("pin", "246810#", "Front Door: the door opens."),
        ("pin", "000000", "Front Door: this lock does not know that PIN."),
        ("tag", "SIM00101", "Front Door: the door opens."),
        ("tag", "<b>", "Front Door: this lock does not know that tag."),
        ("inside", "", "Front Door: the door opens from inside."),
    ],
)
def test_a_person_can_stand_at_a_door(client, jane, act, code, words):
    form = {"lock_id": jane.lock()["id"], "act": act, "code": code}
    answer = client.post("/doors", form=form)
    page = client.get(answer.headers["location"])

    assert answer.status == 303
    assert words in page.text


def test_a_form_from_another_site_opens_nothing(client, jane):
    form = {"lock_id": jane.lock()["id"], "act": "inside"}
    answer = client.post("/doors", form=form, headers={"sec-fetch-site": "cross-site"})

    assert answer.status == 403
    assert client.effects(kind="lock_opened") == []


def test_what_people_type_is_escaped(client):
    key = hidden_in(start_sign_in(client))
    form = {"sign_in": key, "email": '"><script>x</script>', "password": "x"}
    answer = follow(client, "/identity/login", form)

    assert "&lt;script&gt;" in answer.text
    assert "<script" not in answer.text
