"""The audit trail: shape, paging, lateness."""

from urllib.parse import quote

import pytest

from tests.sandbox.client import refusal

ENTRY_FIELDS = {
    "id",
    "event_category",
    "event_detail",
    "utc_date_time",
    "local_date_time",
    "lock_id",
    "lock_mac_address",
    "lock_customer_reference",
    "user_id",
    "user_first_name",
    "user_last_name",
    "user_image_url",
    "user_alias",
    "iq_id",
    "iq_customer_reference",
    "iq_mac_address",
    "iq_revision",
    "exit_requested",
    "access_by",
    "access_detail",
    "ttl_in_seconds",
    "expiration_date_time",
}


def open_often(client, jane, count, *, apart=1):
    lock = jane.lock()["id"]
    for _ in range(count):
        assert jane.locking(lock).status == 200
        client.pass_time(apart)


def read_all(jane, query):
    """Follow the continuation tokens; return the rows and the sizes of the pages."""
    rows, sizes, headers = [], [], {}
    while True:
        page = jane.entries(query, **headers)
        rows += page["items"]
        sizes.append(len(page["items"]))
        if not page["continuation_token"]:
            return rows, sizes
        headers = {"CLP-Continuation-Token": page["continuation_token"]}


def test_an_entry_has_the_measured_fields(client, jane):
    jane.locking(jane.lock()["id"])
    row = jane.entries()["items"][0]

    assert set(row) == ENTRY_FIELDS
    assert (row["event_category"], row["access_by"]) == ("lock_opened", "remote")
    assert row["utc_date_time"] == "2026-03-28T21:00:00Z"
    assert row["local_date_time"] == "2026-03-28T21:00:00"
    assert (row["ttl_in_seconds"], row["expiration_date_time"]) == (
        7_776_000,
        "2026-06-26T21:00:00.000Z",
    )
    assert row["user_id"] != jane.get("/me").json()["id"]
    assert row["user_id"] == jane.get("/me").json()["user"]["id"]


def test_local_time_follows_the_zone_and_its_summer_time(client):
    client.control("clock", set="2026-03-29T12:00:00Z")
    harbour = client.sign_in("harbour")
    harbour.locking(harbour.lock("Kitchen")["id"])

    assert harbour.entries()["items"][0]["local_date_time"] == "2026-03-29T14:00:00"


def test_entries_exist_on_v1_1_only(jane):
    assert jane.get("/entries").status == 405


def test_pages_go_on_by_token_until_there_is_none(client, jane):
    open_often(client, jane, 7)
    rows, sizes = read_all(jane, "$top=3&$orderby=utc_date_time desc")

    assert sizes == [3, 3, 1]
    times = [row["utc_date_time"] for row in rows]
    assert times == sorted(times, reverse=True)
    assert len({row["id"] for row in rows}) == 7


def test_the_last_page_may_be_empty(client, jane):
    open_often(client, jane, 6)

    assert read_all(jane, "$top=3")[1] == [3, 3, 0]


def test_pages_in_between_may_be_empty(client, jane):
    client.control("settings", empty_page_every=2)
    open_often(client, jane, 4)
    rows, sizes = read_all(jane, "$top=2")

    assert sizes == [2, 0, 2, 0, 0]
    assert len({row["id"] for row in rows}) == 4


def test_rows_that_arrive_between_pages_do_not_shift_them(client, jane):
    open_often(client, jane, 4)
    first = jane.entries("$top=2&$orderby=utc_date_time desc")
    open_often(client, jane, 1)
    second = jane.entries(
        "$top=2&$orderby=utc_date_time desc",
        **{"CLP-Continuation-Token": first["continuation_token"]},
    )

    ids = {row["id"] for row in first["items"] + second["items"]}
    assert len(ids) == 4


def test_the_token_has_the_measured_form(client, jane):
    open_often(client, jane, 2)
    token = jane.entries("$top=1")["continuation_token"]

    assert token.startswith('[{"token":"+RID:~')
    assert token.endswith('","range":{"min":"","max":"FF"}}]')


@pytest.mark.parametrize("token", ["nonsense", "[]", '[{"token":"+RID:~###"}]', "{}", "[1]"])
def test_a_made_up_token_is_refused(jane, token):
    path = jane.root.replace("v1.2", "v1.1") + "/entries"
    answer = jane.client.get(path, token=jane.token, headers={"CLP-Continuation-Token": token})

    assert refusal(answer)[:2] == (400, "1100")


def test_filter_by_time_is_inclusive(client, jane):
    open_often(client, jane, 5)
    query = "$filter=utc_date_time ge DateTime'2026-03-28T21:00:03Z'"

    assert len(jane.entries(query)["items"]) == 2
    bare = "$filter=" + quote("utc_date_time ge 2026-03-28T21:00:03Z")
    assert len(jane.entries(bare)["items"]) == 2


def test_the_old_literal_is_refused_in_the_newer_style(jane):
    path = jane.root.replace("v1.2", "v1.1")
    query = "$filter=utc_date_time ge DateTime'2026-01-01T00:00:00Z'"
    headers = {"CLP-disable-odata-v3-conversion": "true"}
    answer = jane.client.get(f"{path}/entries?{query}", token=jane.token, headers=headers)

    assert refusal(answer)[:2] == (400, "1102")


def test_an_unknown_order_is_1102_even_without_rows(jane):
    path = jane.root.replace("v1.2", "v1.1")
    answer = jane.client.get(f"{path}/entries?$orderby=nonsense", token=jane.token)

    assert refusal(answer)[:2] == (400, "1102")


def test_entries_arrive_late(client, jane):
    client.control("settings", entry_lag_min_seconds=30, entry_lag_max_seconds=79)
    jane.locking(jane.lock()["id"])
    client.pass_time(29)
    early = jane.entries()["items"]
    client.pass_time(51)

    assert early == []
    row = jane.entries()["items"][0]
    assert row["utc_date_time"] == "2026-03-28T21:00:00Z"


def test_an_offline_lock_delivers_its_rows_when_it_is_back(client, jane):
    lock = jane.lock()["id"]
    client.control(f"locks/{lock}", online=False)
    client.control("tag", lock_id=lock, tag="SIM00102")
    client.pass_time(600)
    open_door = jane.lock("Back Door")["id"]
    jane.locking(open_door)
    before = [row["lock_customer_reference"] for row in jane.entries()["items"]]
    client.control(f"locks/{lock}", online=True)
    after = [row["lock_customer_reference"] for row in jane.entries()["items"]]

    assert before == ["Back Door"]
    assert after == ["Front Door", "Back Door"]


def test_duplicates_can_be_switched_on(client, jane):
    client.control("settings", duplicate_every=1)
    jane.locking(jane.lock()["id"])
    rows = jane.entries()["items"]

    assert len(rows) == 2
    assert rows[0] == rows[1]


def test_rows_are_kept_for_ninety_days(client, jane):
    jane.locking(jane.lock()["id"])
    client.pass_time(89 * 86_400)
    assert len(client.sign_in("jane").entries()["items"]) == 1
    client.pass_time(2 * 86_400)

    assert client.sign_in("jane").entries()["items"] == []


def test_rows_of_any_kind_can_be_written(client, jane):
    lock = jane.lock()["id"]
    client.control("entries", lock_id=lock, age_seconds=3 * 86_400, arrive_in_seconds=60)
    client.control("entries", lock_id=lock, row={"event_category": "brand_new"})
    client.control("entries", lock_id=lock, raw={"nothing": "known"})
    rows = jane.entries()["items"]
    client.pass_time(61)
    late = jane.entries()["items"][0]

    assert [row.get("event_category") for row in rows] == ["brand_new", None]
    assert late["utc_date_time"] == "2026-03-25T21:00:00Z"


def test_a_thousand_rows_of_one_second_are_all_readable(client, jane):
    client.control("entries", lock_id=jane.lock()["id"], count=1000)
    rows, _ = read_all(jane, "$top=200")

    assert len({row["id"] for row in rows}) == 1000
    assert len({row["utc_date_time"] for row in rows}) == 1


def test_the_export_is_semicolon_separated(client, jane):
    jane.locking(jane.lock()["id"])
    lines = jane.get("/entries/export?from_date=2026-03-01").text.splitlines()

    assert lines[0].split(";")[1:4] == ["Event Category", "Event Detail", "Lock Name"]
    assert lines[1] == (
        "03/28/2026 21:00:00;lock_opened;;Front Door;SIMULATED Jane;Example;remote;"
    )
    assert len(jane.get("/entries/export?to_date=2026-03-01").text.splitlines()) == 1


def test_incidents_tell_of_connections_batteries_and_alarms(client, jane):
    lock = jane.lock()["id"]
    client.control(f"locks/{lock}", online=False)
    client.control(f"locks/{lock}", online=True)
    client.control(f"locks/{lock}", battery_level="critical", left_open_alarm=True)
    client.control(f"locks/{lock}", left_open_alarm=False)
    rows = jane.get("/incidents").json()["items"]

    assert [row["incident_type"] for row in rows] == [
        "lock_connection_lost",
        "lock_connection_restored",
        "low_battery_warning",
        "door_left_open_alarm",
        "end_of_door_left_open_alarm",
    ]
    assert jane.entries()["items"] == []
