"""Keypad Cloud as anybody sees it who has a key; what a driver needs is tested with the driver."""

import pytest

from sandbox import seed

KEY = {"x-api-key": "keypad-demo-key"}


@pytest.fixture
def ask(client):
    def ask(method, path, json=None, headers=KEY):
        return client.request(method, f"/keypad/v1{path}", json=json, headers=headers)

    return ask


@pytest.fixture
def locks(ask):
    [building] = ask("GET", "/buildings").json()["items"]
    rows = ask("GET", f"/buildings/{building['id']}/locks").json()["items"]
    return {row["name"]: row["id"] for row in rows}


def word(answer):
    return answer.status, answer.json()["error"]["code"]


def test_without_a_good_key_nothing_is_told(ask, client):
    client.control("accounts/keypad-demo", disabled=True)

    assert word(ask("GET", "/account", headers={})) == (401, "unauthorized")
    assert word(ask("GET", "/account", headers={"x-api-key": "nobody"})) == (401, "unauthorized")
    assert word(ask("GET", "/account")) == (401, "unauthorized")


def test_another_key_sees_none_of_it(ask, locks):
    other = {"x-api-key": "keypad-empty-key"}

    assert ask("GET", "/buildings", headers=other).json() == {"items": []}
    assert ask("GET", f"/locks/{locks['Main Door']}", headers=other).status == 404


def test_salto_accounts_do_not_see_its_building(client):
    for name in ("jane", "multi"):
        account = client.sign_in(name)
        rows = client.get("/connect/v1.2/sites", token=account.token).json()["items"]
        assert not [row for row in rows if "Willow" in row["customer_reference"]]


@pytest.mark.parametrize("body", [{}, {"name": "x"}, {"name": "", "code": "1234"}, {"code": 1234}])
def test_a_code_needs_a_name_and_digits(ask, locks, body):
    assert word(ask("POST", f"/locks/{locks['Main Door']}/codes", body)) == (400, "invalid")


@pytest.mark.parametrize("digits", ["", "abcd", "12345678901", "٣٤٥٦", "12 34", "-123"])
def test_what_is_no_code_is_refused(ask, locks, digits):
    answer = ask("POST", f"/locks/{locks['Main Door']}/codes", {"name": "Ana", "code": digits})

    assert answer.status in {400, 422}


def test_a_long_name_is_cut_without_a_word(ask, locks):
    wish = {"name": "Ana Maria Lopez", "code": "7391"}

    answer = ask("POST", f"/locks/{locks['Main Door']}/codes", wish)

    assert (answer.status, answer.json()["name"]) == (201, "Ana Maria Lo")


@pytest.mark.parametrize("body", [{}, {"code": "1234"}, {"name": "x", "code": "1234"}])
def test_only_the_name_of_a_code_can_be_changed(ask, locks, body):
    path = f"/locks/{locks['Main Door']}/codes"
    code = ask("POST", path, {"name": "Ana", "code": "7391"}).json()

    assert word(ask("PATCH", f"/codes/{code['id']}", body)) == (400, "invalid")


def test_the_request_log_and_the_faults_know_it_by_name(ask, locks, client):
    ask("POST", f"/locks/{locks['Main Door']}/codes", {"name": "Ana", "code": "7391"})
    row = client.get("/control/requests").json()[-1]
    assert (row["route"], row["account"]) == ("keypad_code", "keypad-demo")

    client.control("faults", match={"route": "keypad", "account": "keypad-demo"}, effect="status")

    assert ask("GET", "/account").status == 500
    assert ask("GET", "/account").status == 200


def test_an_older_world_gets_the_second_brand(client):
    for row in client.world.clients.where(dialect="keypad"):
        client.world.clients.drop(row.id)

    seed.plant_keypad_cloud(client.world)

    assert client.world.clients.get("keypad-demo")


def test_its_doors_page_promises_no_pin_that_does_not_open(client, ask):
    [building] = ask("GET", "/buildings").json()["items"]

    page = client.get(f"/doors?site={building['id']}").text

    assert "nobody has a code here until one is made" in page
    assert "246810" not in page


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "after=x", "since=x"])
def test_a_senseless_question_to_the_feed_is_refused(ask, query):
    [building] = ask("GET", "/buildings").json()["items"]

    assert word(ask("GET", f"/buildings/{building['id']}/events?{query}")) == (400, "invalid")
