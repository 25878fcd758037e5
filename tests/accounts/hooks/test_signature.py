"""HOOK-05: which messages are believed to come from whom we gave the address to."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from accounts.hooks.signature import MalformedError, NotSignedError, is_secret, verify

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
KEY = bytes(range(24))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
OTHER = "whsec_" + base64.b64encode(bytes(24)).decode()
BODY = '{"event_type": "lock.unlocked", "name": "Zürich"}'.encode()


def signature(secret=SECRET, *, message_id="msg_1", at=NOW, body=BODY):
    """Sign as a library does that nobody here wrote."""
    return Webhook(secret).sign(message_id, at, body.decode())


def headers(signed=None, *, message_id="msg_1", at=NOW, prefix="svix", **sign):
    signed = signature(message_id=message_id, at=at, **sign) if signed is None else signed
    seconds = str(int(at.timestamp()))
    return {
        f"{prefix}-id": message_id,
        f"{prefix}-timestamp": seconds,
        f"{prefix}-signature": signed,
    }


def check(sent, *, secret=SECRET, body=BODY, now=NOW):
    return verify(secret, sent, body, now=now)


@pytest.mark.parametrize("prefix", ["svix", "webhook"])
def test_a_message_signed_with_our_secret_is_believed(prefix):
    assert check(headers(prefix=prefix)) == "msg_1"


def test_the_vector_of_the_documentation():
    """https://docs.svix.com/receiving/verifying-payloads/how-manual"""
    sent = {
        "svix-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "svix-timestamp": "1614265330",
        "svix-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    now = datetime.fromtimestamp(1614265330, UTC)

    found = check(
        sent,
        secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        body=b'{"test": 2432232314}',
        now=now,
    )

    assert found == "msg_p5jXN8AQM9LWM0D4loKWxJek"


@pytest.mark.parametrize("seconds", [-300, -299, 0, 299, 300])
def test_five_minutes_either_way_are_forgiven(seconds):
    assert check(headers(), now=NOW + timedelta(seconds=seconds)) == "msg_1"


@pytest.mark.parametrize("seconds", [-3600, -301, 301, 86400])
def test_a_message_from_another_time_is_not_believed(seconds):
    with pytest.raises(NotSignedError):
        check(headers(), now=NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    "sent",
    [
        headers() | {"svix-id": "msg_2"},
        headers() | {"svix-timestamp": str(int(NOW.timestamp()) + 1)},
        headers(secret=OTHER),
        headers(body=b"{}"),
        headers("v1,"),
        headers("v1," + base64.b64encode(b"short").decode()),
        headers("v2," + signature().removeprefix("v1,")),
        headers("v1a,abc"),
    ],
)
def test_a_message_that_was_changed_or_signed_by_others_is_not_believed(sent):
    with pytest.raises(NotSignedError):
        check(sent)


def test_the_body_counts_byte_by_byte():
    with pytest.raises(NotSignedError):
        check(headers(), body=b" " + BODY)


def test_one_good_signature_of_several_is_enough_while_a_secret_is_replaced():
    assert check(headers(f"v1a,zzz {signature(OTHER)} {signature()}")) == "msg_1"
    with pytest.raises(NotSignedError):
        check(headers(f"{signature(OTHER)} {signature(OTHER)}"))


MALFORMED = [
    {},
    {"svix-id": "msg_1"},
    {name: value for name, value in headers().items() if name != "svix-signature"},
    {name: value for name, value in headers().items() if name != "svix-timestamp"},
    {name: value for name, value in headers().items() if name != "svix-id"},
    headers() | {"svix-timestamp": "now"},
    headers() | {"svix-timestamp": "-1"},
    headers() | {"svix-timestamp": "1.5"},
    headers() | {"svix-timestamp": "1e9"},
    headers() | {"svix-timestamp": "nan"},
    headers() | {"svix-timestamp": "9" * 40},
    headers() | {"svix-timestamp": "١٢٣"},
    headers() | {"svix-id": "a b"},
    headers() | {"svix-id": "x" * 201},
    headers() | {"svix-id": "m\x00"},
    headers("nonsense"),
    headers("v1"),
    headers("v1,="),
    headers("v1,a"),
    headers("v1,not base64!"),
    headers("v1,ä"),
    headers(" "),
    headers(" ".join(["v1,AAAA"] * 11)),
    headers(f"{signature()}  "),
]


@pytest.mark.parametrize("sent", MALFORMED)
def test_malformed_headers_are_called_so(sent):
    with pytest.raises(MalformedError):
        check(sent)


@given(
    st.dictionaries(
        st.sampled_from(["svix-id", "svix-timestamp", "svix-signature", "webhook-id"]), st.text()
    ),
    st.binary(max_size=50),
)
def test_whatever_is_sent_it_is_a_yes_or_a_no(sent, body):
    with pytest.raises((MalformedError, NotSignedError)):
        check(sent, body=body)


def test_a_body_that_is_no_text_can_be_signed_too():
    body = b"\xff\xfe"
    seconds = int(NOW.timestamp())
    digest = hmac.new(KEY, f"msg_1.{seconds}.".encode() + body, hashlib.sha256).digest()

    assert check(headers("v1," + base64.b64encode(digest).decode()), body=body) == "msg_1"


@pytest.mark.parametrize(
    ("value", "is_one"),
    [
        (SECRET, True),
        (SECRET.rstrip("="), True),
        ("", False),
        ("whsec_", False),
        ("whsec_AAAA", False),
        ("whsec_not base64", False),
        (SECRET.removeprefix("whsec_"), False),
    ],
)
def test_what_can_be_a_secret(value, is_one):
    assert is_secret(value) is is_one
