"""Faults that need no real connection; the others are in test_program."""

import json

import pytest

from tests.sandbox.client import HungUpError, refusal


def fault(client, effect, *, route="*", **more):
    match = {"route": route} | more.pop("match", {})
    return client.control("faults", match=match, effect=effect, **more)


def opened(client):
    return len(client.effects(kind="lock_opened"))


def test_a_fault_hits_as_often_as_it_says_and_no_more(client, jane):
    made = fault(client, "status", route="locks", status=500, times=2)
    answers = [jane.get("/locks").status for _ in range(3)]

    assert answers == [500, 500, 200]
    listed = client.get("/control/faults").json()
    assert [(row["id"], row["hits"], row["times"]) for row in listed] == [(made["id"], 2, 0)]


def test_without_times_a_fault_hits_once_and_with_null_until_deleted(client, jane):
    fault(client, "status", route="locks", status=503)
    once = [jane.get("/locks").status for _ in range(2)]
    lasting = fault(client, "status", route="locks", status=503, times=None)
    ever = [jane.get("/locks").status for _ in range(3)]
    client.delete(f"/control/faults/{lasting['id']}")

    assert (once, ever) == ([503, 200], [503] * 3)
    assert jane.get("/locks").status == 200


def test_a_fault_can_wait(client, jane):
    fault(client, "status", route="locks", after=2)

    assert [jane.get("/locks").status for _ in range(3)] == [200, 200, 500]


@pytest.mark.parametrize(
    ("match", "hit"),
    [
        ({"route": "locks"}, True),
        ({"route": "api"}, True),
        ({"route": "connect"}, True),
        ({"route": "*"}, True),
        ({"route": "lock"}, False),
        ({"route": "identity"}, False),
        ({"route": "legacy"}, False),
        ({"account": "jane@example.com"}, True),
        ({"account": "harbour@example.com"}, False),
        ({"method": "get"}, True),
        ({"method": "PATCH"}, False),
    ],
)
def test_what_a_fault_matches(client, jane, match, hit):
    client.control("faults", match=match, effect="status")

    assert (jane.get("/locks").status == 500) is hit


def test_a_fault_can_be_for_one_lock(client, jane):
    front, back = jane.lock()["id"], jane.lock("Back Door")["id"]
    fault(client, "status", route="locking", match={"lock_id": front}, times=None)

    assert (jane.locking(front).status, jane.locking(back).status) == (500, 200)


def test_token_requests_are_matched_by_who_asks(client):
    fault(client, "status", route="token", match={"account": "jane@example.com"}, status=500)
    fault(client, "status", route="token", match={"account": "legacy-client"}, status=500)

    with pytest.raises(AssertionError):
        client.sign_in("jane")
    with pytest.raises(AssertionError):
        client.legacy()
    assert client.sign_in("harbour").site


def test_an_identity_outage_is_404_on_every_path_of_it(client, jane):
    fault(client, "status", route="identity", status=404, times=None)

    assert client.get("/identity/.well-known/openid-configuration").status == 404
    assert client.get("/identity/connect/authorize").status == 404
    assert jane.get("/locks").status == 200


def test_retry_after_in_every_form(client, jane):
    fault(client, "status", status=429, retry_after=7)
    fault(client, "status", status=429, retry_after_date_in_seconds=30)
    fault(client, "status", status=429, retry_after="soon")
    fault(client, "status", status=429, headers={"X-Extra": "1"}, body={"why": "busy"})
    answers = [jane.get("/locks") for _ in range(4)]

    assert [a.headers.get("retry-after") for a in answers] == [
        "7",
        "Sat, 28 Mar 2026 21:00:30 GMT",
        "soon",
        None,
    ]
    assert (answers[3].headers["x-extra"], answers[3].json()) == ("1", {"why": "busy"})


def test_an_error_of_saltos_own(client, jane):
    fault(client, "error", error_code="3101", message="Hardware gateway", status=500)

    assert refusal(jane.get("/locks")) == (500, "3101", "Hardware gateway")


@pytest.mark.parametrize(
    ("effect", "more", "acts"),
    [
        ("status", {}, 0),
        ("status", {"act": True}, 1),
        ("error", {}, 0),
        ("error", {"act": True}, 1),
        ("html", {}, 0),
        ("html", {"act": True}, 1),
        ("redirect", {}, 0),
        ("bad_json", {}, 1),
        ("bad_json", {"act": False}, 0),
        ("wrong_shape", {}, 1),
        ("big_body", {"bytes": 1000}, 0),
    ],
)
def test_whether_the_door_opens_under_a_fault(client, jane, effect, more, acts):
    lock = jane.lock()["id"]
    fault(client, effect, route="locking", **more)
    jane.locking(lock)

    assert opened(client) == acts


@pytest.mark.parametrize(
    ("effect", "acts"), [("drop_before", 0), ("drop_after", 1), ("late_execute", 1), ("hang", 0)]
)
def test_whether_the_door_opens_when_nobody_answers(client, jane, effect, acts):
    lock = jane.lock()["id"]
    fault(client, effect, route="locking", seconds=0)

    with pytest.raises(HungUpError):
        jane.locking(lock)
    assert opened(client) == acts


def test_html_instead_of_json(client, jane):
    fault(client, "html")
    answer = jane.get("/locks")

    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "SIMULATED" in answer.text


def test_a_redirect_leads_elsewhere(client, jane):
    fault(client, "redirect")
    answer = jane.get("/locks")

    assert (answer.status, answer.headers["location"]) == (302, "http://elsewhere.invalid/")


def test_bad_json_is_cut_off_but_whole_as_http(client, jane):
    fault(client, "bad_json")
    answer = jane.get("/locks")

    assert int(answer.headers["content-length"]) == len(answer.body)
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_a_wrong_shape_can_be_chosen(client, jane):
    fault(client, "wrong_shape", body=[None, 7])

    assert jane.get("/locks").json() == [None, 7]


def test_lists_can_be_empty_or_half(client, jane):
    fault(client, "empty_list", route="locks")
    fault(client, "partial_list", route="locks")
    fault(client, "partial_list", route="locks", keep=1)

    assert [len(jane.items("/locks")) for _ in range(4)] == [0, 4, 1, 8]


def test_list_faults_work_on_bare_arrays_too(client, jane):
    client.control("settings", bare_arrays=True)
    fault(client, "empty_list", route="locks")

    assert jane.get("/locks").json() == []


def test_rows_can_come_twice(client, jane):
    jane.locking(jane.lock()["id"])
    fault(client, "duplicate_rows", route="entries")

    rows = jane.entries()["items"]
    assert rows[0] == rows[1]


def test_poisoned_rows_come_before_the_good_ones_and_keep_their_ids(client, jane):
    jane.locking(jane.lock()["id"])
    fault(client, "poison_rows", route="entries", times=None)
    first, second = jane.entries()["items"], jane.entries()["items"]

    assert len(first) == 7
    names = [row["lock_customer_reference"] for row in first]
    assert names[0] == "SIMULATED \x00 door"
    assert names[1] == "SIMULATED \ud800 door"
    assert len(names[2]) > 1_000_000
    assert names[3] == {"not": "a text"}
    assert first[5]["utc_date_time"].startswith("2099")
    assert first[6]["access_by"] == "remote"
    assert [row["id"] for row in first] == [row["id"] for row in second]


def test_poison_can_be_chosen(client, jane):
    fault(client, "poison_rows", route="locks", kinds=["surrogate"])
    raw = jane.get("/locks").body

    assert b"\\ud800" in raw


def test_a_row_may_be_no_object(client, jane):
    fault(client, "poison_rows", route="entries", kinds=["no_object"])

    assert jane.entries()["items"] == ["SIMULATED: no object at all"]


def test_a_burst_writes_many_rows_of_one_second(client, jane):
    fault(client, "burst", route="entries", count=300)
    rows = jane.entries("$top=1000")["items"]

    assert len(rows) == 300
    assert len({row["utc_date_time"] for row in rows}) == 1


def test_lag_hides_what_is_young(client, jane):
    jane.locking(jane.lock()["id"])
    fault(client, "lag", route="entries", seconds=60, times=None)
    hidden = jane.entries()["items"]
    client.pass_time(61)

    assert (hidden, len(jane.entries()["items"])) == ([], 1)


def test_lag_leaves_rows_without_a_time_alone(client, jane):
    fault(client, "lag", route="locks")

    assert len(jane.items("/locks")) == 8


def test_a_big_body_can_be_a_small_gzip(client, jane):
    fault(client, "big_body", bytes=10_000_000, gzip=True)
    answer = jane.get("/locks")

    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.body) < 100_000


def test_faults_are_written_into_the_request_log(client, jane):
    fault(client, "status", route="locks", status=418)
    fault(client, "drop_before", route="locks")
    jane.get("/locks")
    with pytest.raises(HungUpError):
        jane.get("/locks")

    rows = client.get("/control/requests?route=locks").json()
    assert [(row["status"], row["fault"]) for row in rows] == [
        (418, "status"),
        (None, "drop_before"),
    ]


@pytest.mark.parametrize(
    "wish",
    [
        {"effect": "nonsense"},
        {},
        {"effect": "status", "match": {"route": "nonsense"}},
        {"effect": "status", "match": {"color": "red"}},
        {"effect": "status", "match": [1]},
        {"effect": "slow", "seconds": "long"},
        {"effect": "status", "times": "often"},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(client, wish):
    answer = client.post("/control/faults", wish)

    assert answer.status == 400
    assert answer.json()["error"]


def test_all_faults_go_at_once(client):
    fault(client, "status")
    fault(client, "html")

    assert client.delete("/control/faults").json() == {"deleted": 2}
    assert client.get("/control/faults").json() == []
