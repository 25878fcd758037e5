import re
from html.parser import HTMLParser

import pytest

from sandbox.space import doors as space_doors
from sandbox.space import pages as cards
from tests.sandbox.space import Desk, door
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
        if tag == "select" or (tag == "input" and found.get("type") != "hidden"):
            self.inputs.add(found["id"])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def pages(client):
    return {
        "index": client.get("/"),
        "outbox": client.get("/outbox"),
        "doors": client.get("/doors"),
        "cards": client.get("/cards"),
        "tags": client.get("/tags"),
        "phones": client.get("/phones"),
        "login": start_sign_in(client),
        "consent": sign_in_as(client),
        "problem": client.get("/identity/connect/authorize"),
    }


@pytest.mark.parametrize(
    "name",
    ["index", "outbox", "doors", "cards", "tags", "phones", "login", "consent", "problem"],
)
def test_every_page_is_whole_labelled_and_says_simulated(client, name):
    page = pages(client)[name]
    checked = Checker(page.text)

    assert "<strong>SIMULATED</strong>" in page.text
    assert checked.inputs == checked.labels
    assert not any(attribute.startswith(("on", "style")) for attribute in checked.attributes)
    assert page.text.count("<script") == (name in {"cards", "tags"})
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


def test_a_person_can_make_a_card_and_try_it(client):
    desk = Desk(client)
    attempt = desk.start(desk.key(desk.user("Everybody")))
    client.pass_time(1)
    assert "Waiting for a card, 29 s left" in client.get("/cards").text
    card_id = desk.card("Blank 1")["id"]

    use(client, act="place", card_id=card_id, encoder_id=desk.encoder_id)
    assert "Writing or reading" in client.get("/cards").text
    client.pass_time(2)
    use(client, act="take", card_id=card_id)

    assert desk.outcome(attempt) == "success"
    said = use(client, act="try", card_id=card_id, door_id=door("Lift"))
    assert "Blank 1 at Lift: the door opens (17)." in said
    assert "Jane Doe: Main Entrance, Lift" in said
    said = use(client, act="try", card_id=card_id, door_id=door("Spa"))
    assert "Blank 1 at Spa: the card has no right here (84)." in said


def test_encoders_and_the_bridge_can_fail_by_hand(client):
    desk = Desk(client)
    use(client, act="mode", encoder_id=desk.encoder_id, mode="offline")
    key = desk.key(desk.user("Everybody"))
    assert desk.encode(key) == "encoder_not_online"

    assert "is <strong>down</strong>" in use(client, act="bridge", system_id=desk.system_id)
    assert desk.encode(key) == "bridge_disconnected"


@pytest.mark.parametrize("form", [{}, {"act": "place", "card_id": "x"}, {"act": "mode"}])
def test_what_is_not_on_the_desk_is_not_found(client, form):
    assert client.post("/cards", form=form).status == 404


def test_a_form_from_another_site_moves_no_card(client):
    card_id = Desk(client).card("Blank 1")["id"]
    form = {"act": "take", "card_id": card_id}

    answer = client.post("/cards", form=form, headers={"sec-fetch-site": "cross-site"})

    assert answer.status == 403


def test_every_reason_at_a_door_has_words():
    assert set(cards.REASONS) == set(space_doors.OPERATIONS)


def use(client, **form):
    answer = client.post("/cards", form=form)
    assert answer.status == 303
    return client.get(answer.headers["location"]).text


def test_the_lights_of_encoders_can_be_asked_for(client):
    desk = Desk(client)
    desk.start(desk.key(desk.user("Everybody")))
    client.pass_time(1)
    rows = {row["id"]: row for row in client.get("/cards/live").json()}

    assert rows[desk.encoder_id] == {
        "id": desk.encoder_id,
        "state": "waiting",
        "words": "Waiting for a card, 29 s left",
        "light": "green, blinking; low beep",
        "on_it": "",
    }
    desk.place()
    [first, _second] = client.get("/cards/live").json()
    assert (first["words"], first["on_it"]) == ("Writing or reading", desk.card("Blank 1")["id"])


def test_the_page_offers_the_next_blank_or_the_card_that_was_lifted_too_early(client):
    desk = Desk(client)
    desk.encode(desk.key(desk.user("Everybody")))
    assert chosen(client.get("/cards").text) == ["Blank 2", "Blank 2"]

    client.pass_time(5)
    desk.start(desk.key(desk.user("Everybody")))
    client.pass_time(1)
    desk.place("Blank 4")
    page = use(client, act="take", card_id=desk.card("Blank 4")["id"])
    assert chosen(page) == ["Blank 4", "Blank 4"]


def test_a_card_can_be_laid_badly(client):
    desk = Desk(client)
    attempt = desk.start(desk.key(desk.user("Everybody")))
    client.pass_time(1)
    card_id = desk.card("Blank 1")["id"]
    page = use(client, act="place", card_id=card_id, encoder_id=desk.encoder_id, is_misplaced="on")

    assert "<strong>Blank 1</strong>, badly placed" in page
    assert desk.attempt(attempt)["error"]["message"] == "The card is badly placed."


def chosen(page):
    """Return the cards that the encoders' forms offer."""
    forms = re.findall(r'<select id="card-[^>]*>(.*?)</select>', page)
    return [re.search(r" selected>([^<]*)<", form)[1] for form in forms]
