"""Whatever is sent, the clouds answer in their own words and never with a crash."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox import odata
from sandbox.replies import RefusedError

ODD = [None, True, 7, -1.5, "", "x" * 300, "\x00", "\ud800", [], [[]], {}, {"a": 1}]
CALLS = [
    ("PATCH", "/locks/{lock}/locking", ["locked_state", "otp"]),
    ("PUT", "/locks/{lock}/easy_office_mode_schedule", ["monday", "start_time", "end_date"]),
    ("PATCH", "/locks/{lock}/offline_keys", ["add_ids", "remove_ids"]),
    ("PUT", "/iqs/{iq}/pin", ["otp", "delta"]),
    ("POST", "/users", ["first_name", "last_name", "email", "role_ids", "alias", "use_pin"]),
    ("POST", "/guests", ["alias", "expires_at"]),
    ("PATCH", "/users/{user}", ["first_name", "alias", "expires_at", "role_ids", "blocked"]),
    ("PATCH", "/users/{user}/subscription", ["state"]),
    ("PUT", "/users/{user}/pin", ["expiry_date"]),
    ("PUT", "/users/{user}/pin/custom", ["pin"]),
    ("POST", "/access_groups", ["customer_reference"]),
    ("POST", "/access_groups/{group}/locks", ["lock_id"]),
    ("PATCH", "/access_groups/{group}/users", ["add_ids", "remove_ids"]),
    ("POST", "/access_groups/{group}/time_schedules", ["monday", "start_time", "start_date"]),
]


@pytest.mark.parametrize(("method", "path", "fields"), CALLS)
def test_odd_values_are_refused_not_crashed_on(client, method, path, fields):
    harbour = client.sign_in("harbour")
    guest = harbour.call("POST", "/guests", {"alias": "G"}).json()["id"]
    group = harbour.items("/access_groups")[0]["id"]
    ids = {
        "lock": harbour.items("/locks")[0]["id"],
        "iq": harbour.items("/iqs")[0]["id"],
        "user": guest,
        "group": group,
    }
    for field in fields:
        for value in ODD:
            answer = harbour.call(method, path.format(**ids), {"monday": True, field: value})

            assert answer.status < 500, (field, value)


@pytest.mark.parametrize("odd", ["x", "%00", "..", "%ud800", "0" * 36, "🚪"])
def test_odd_ids_are_refused(jane, odd):
    for path in (f"/locks/{odd}", f"/iqs/{odd}", f"/users/{odd}", f"/access_groups/{odd}/locks"):
        assert jane.get(path).status in {400, 404}


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=60))
def test_any_filter_is_read_or_refused(text):
    try:
        matches = odata.parse_filter(text, {"a", "b/c"}, v4=False)
    except RefusedError as refusal:
        code = refusal.code
    else:
        code = "1102"
        assert matches({"a": 1, "b": {"c": "x"}}) in {True, False}
    assert code == "1102"


@pytest.mark.parametrize(
    "text", ["a eq ''''", "a eq 'it''s'", "contains(a,'it''s') and b/c ne null"]
)
def test_quotes_are_doubled_inside_quotes(text):
    assert odata.parse_filter(text, {"a", "b/c"}, v4=True)({"a": "it's", "b": {"c": 1}}) is (
        "it" in text
    )


def test_a_request_that_is_far_too_long_is_turned_away(client, jane):
    answer = client.request("POST", jane.root + "/guests", token=jane.token, body=b"x" * 1_000_001)

    assert answer.status == 413
