"""Remote opening with one-time codes."""

from datetime import timedelta
from hashlib import md5

import pytest

from sandbox.otp import apply_delta, one_time_code
from tests.sandbox.client import refusal
from tests.sandbox.conftest import NOW


@pytest.fixture
def otto(client):
    return client.sign_in("otp")


@pytest.fixture
def iq(otto):
    return otto.items("/iqs")[0]


def activate(client, otto, iq):
    """Go the proven way: secret, PIN by mail, prove both. Return secret and PIN."""
    secret = otto.get(f"/iqs/{iq['id']}/secret").json()["secret"]
    assert otto.get(f"/iqs/{iq['id']}/pin?send_email=true").status == 204
    pin = client.get("/control/outbox").json()[-1]["pin"]
    change_pin(client, otto, iq, secret, pin)
    return secret, pin


def change_pin(client, otto, iq, secret, pin, *, delta="0000"):
    code = one_time_code(client.world.now(), secret, pin)
    answer = otto.call("PUT", f"/iqs/{iq['id']}/pin", {"otp": code, "delta": delta})
    assert answer.status == 204, answer.text


def test_the_code_is_five_hex_characters_of_an_md5():
    text = "20260328210000" + "ABCDEFGHIJKLMNOP" + "0451"
    hashed = md5(text.encode(), usedforsecurity=False).hexdigest()

    assert one_time_code(NOW, "ABCDEFGHIJKLMNOP", "0451") == hashed[:5]


@pytest.mark.parametrize(
    ("old", "delta", "new"),
    [("6596", "6995", "0601"), ("1234", "0000", "1234"), ("0000", "0001", "0009")],
)
def test_delta_is_taken_off_digit_by_digit(old, delta, new):
    assert apply_delta(old, delta) == new


def test_activation_by_api_alone_opens_the_door(client, otto, iq):
    secret, pin = activate(client, otto, iq)
    code = one_time_code(client.world.now(), secret, pin)

    assert (len(secret), len(pin)) == (16, 4)
    assert otto.locking(otto.lock()["id"], otp=code).status == 200
    assert client.effects(kind="lock_opened")[0]["account"] == "otp@example.com"


def test_the_secret_is_shown_once(otto, iq):
    first = otto.get(f"/iqs/{iq['id']}/secret")
    again = otto.get(f"/iqs/{iq['id']}/secret")

    assert first.status == 200
    assert refusal(again) == (
        403,
        "2203",
        "Cannot get first secret for an already activated Iq.",
    )


def test_activation_is_told_by_me(client, otto, iq):
    path = f"/connect/v1.2/me/{otto.site['id']}/activated_iqs"
    otto.get(f"/iqs/{iq['id']}/secret")
    before = client.get(path, token=otto.token).json()["items"]
    client.world.activations.clear()
    activate(client, otto, iq)
    after = client.get(path, token=otto.token).json()["items"]

    assert before == [{"iq_id": iq["id"], "activated": False, "activation_date": None}]
    assert after == [
        {"iq_id": iq["id"], "activated": True, "activation_date": "2026-03-28T21:00:00Z"}
    ]
    member = otto.get("/me").json()["id"]
    assert otto.items(f"/users/{member}/activated_iqs")[0]["id"] == iq["id"]


def test_no_code_is_not_found(otto):
    answer = otto.locking(otto.lock()["id"])

    assert refusal(answer) == (404, "2202", "Otp is invalid")


def test_before_activation_any_code_is_pin_not_changed(otto):
    answer = otto.locking(otto.lock()["id"], otp="abcde")

    assert refusal(answer) == (400, "3102", "Request execution failed with code: pin_not_changed")


@pytest.mark.parametrize(("seconds", "status"), [(-179, 200), (0, 200), (179, 200), (-182, 400)])
def test_a_code_is_good_for_three_minutes_either_way(client, otto, iq, seconds, status):
    secret, pin = activate(client, otto, iq)
    code = one_time_code(client.world.now() + timedelta(seconds=seconds), secret, pin)

    assert otto.locking(otto.lock()["id"], otp=code).status == status


def test_a_code_may_be_used_again(client, otto, iq):
    secret, pin = activate(client, otto, iq)
    code = one_time_code(client.world.now(), secret, pin)

    assert [otto.locking(otto.lock()["id"], otp=code).status for _ in range(3)] == [200] * 3


def test_wrong_codes_block_that_command_for_twenty_minutes(client, otto, iq):
    secret, pin = activate(client, otto, iq)
    client.control("settings", otp_block_after=3)
    lock = otto.lock()["id"]
    words = [refusal(otto.locking(lock, otp="zzzzz"))[2].rsplit(" ")[-1] for _ in range(4)]
    good = one_time_code(client.world.now(), secret, pin)
    blocked = refusal(otto.locking(lock, otp=good))

    assert words == ["otp_invalid", "otp_invalid", "otp_blocked", "otp_blocked"]
    assert blocked[:2] == (403, "3102")
    change_pin(client, otto, iq, secret, pin)  # another command is not blocked
    client.pass_time(1201)
    good = one_time_code(client.world.now(), secret, pin)
    assert otto.locking(lock, otp=good).status == 200


def test_failed_codes_are_effects_but_never_entries(client, otto, iq):
    activate(client, otto, iq)
    otto.locking(otto.lock()["id"], otp="zzzzz")

    assert client.effects(kind="otp_failed")[0]["detail"]["failures"] == 1
    assert otto.entries()["items"] == []


def test_a_delta_moves_the_pin(client, otto, iq):
    secret, pin = activate(client, otto, iq)
    change_pin(client, otto, iq, secret, pin, delta="1111")
    new = one_time_code(client.world.now(), secret, apply_delta(pin, "1111"))

    assert otto.locking(otto.lock()["id"], otp=new).status == 200


@pytest.mark.parametrize("body", [{}, {"otp": "abcde"}, {"delta": "0000"}, {"delta": "12"}])
def test_changing_the_pin_needs_both_fields(otto, iq, body):
    answer = otto.call("PUT", f"/iqs/{iq['id']}/pin", body)

    assert refusal(answer)[:2] == (400, "1100")


def test_after_activation_no_pin_is_sent_any_more(client, otto, iq):
    activate(client, otto, iq)
    answer = otto.get(f"/iqs/{iq['id']}/pin")

    assert refusal(answer) == (
        403,
        "3102",
        "Request execution failed with code: command_forbidden",
    )


def test_the_mobile_app_silently_spoils_the_secret(client, otto, iq):
    secret, pin = activate(client, otto, iq)
    path = f"/connect/v1.2/me/{otto.site['id']}/activated_iqs"
    before = client.get(path, token=otto.token).json()
    client.control(f"iqs/{iq['id']}", app_activation="otp@example.com")
    code = one_time_code(client.world.now(), secret, pin)

    answer = otto.locking(otto.lock()["id"], otp=code)
    assert refusal(answer)[2] == "Request execution failed with code: otp_invalid"
    assert client.get(path, token=otto.token).json() == before


def test_deleting_an_activation_needs_a_code(client, otto, iq):
    secret, pin = activate(client, otto, iq)
    me = otto.get("/me").json()["id"]
    path = f"/iqs/{iq['id']}/pin/{me}"

    assert refusal(otto.call("DELETE", path)) == (400, "1100", "The otp field is required.")
    code = one_time_code(client.world.now(), secret, pin)
    assert otto.call("DELETE", path, {"otp": code}).status == 204
    assert otto.get(f"/iqs/{iq['id']}/secret").status == 200


def test_an_iq_without_codes_ignores_them(client, otto, iq):
    client.control(f"iqs/{iq['id']}", otp_enabled=False)

    assert otto.locking(otto.lock()["id"], otp="whatever").status == 200


def test_the_digits_and_the_secret_are_in_no_log(client, otto, iq):
    secret, pin = activate(client, otto, iq)
    logs = client.get("/control/effects").text + client.get("/control/requests").text

    assert secret not in logs
    assert f'"{pin}"' not in logs
