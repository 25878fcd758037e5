import pytest

from tests.sandbox.client import refusal

LOCK_FIELDS = [
    "id",
    "customer_reference",
    "mac",
    "floor",
    "locked_state",
    "lock_type",
    "online",
    "iq_link_state",
    "tag_registration_state",
    "battery_level",
    "left_open_alarm",
    "intrusion_alarm",
    "privacy_mode",
    "communication_type",
    "offline_access_keys_limit",
    "offline_access_keys_count",
    "easy_office_mode_schedule",
    "iq",
    "repeater",
    "vendor",
]
SITE_FIELDS = [
    "id",
    "site_uid",
    "customer_reference",
    "active_user_amount",
    "subscribed_user_amount",
    "active_iq_amount",
    "pin_enabled",
    "subscription_valid",
    "country_code",
    "time_zone",
    "installation_state",
    "mkey_compatible",
    "store_events_ttl",
    "owner",
]
IQ_FIELDS = [
    "id",
    "customer_reference",
    "time_zone",
    "mac",
    "operator",
    "state",
    "restore_required",
    "reset_date",
    "online",
    "led_enabled",
    "data_sync_state",
    "signal_strength",
    "revision",
    "otp_enabled",
]


# --- who may ask ---


def test_without_a_token_401_is_empty(client):
    answer = client.get("/connect/v1.2/sites")

    assert (answer.status, answer.body) == (401, b"")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_token_of_the_other_dialect_has_the_wrong_audience(client):
    answer = client.get("/connect/v1.2/sites", token=client.legacy().token)

    assert answer.status == 401
    assert answer.headers["www-authenticate"] == (
        'Bearer error="invalid_token", error_description="The audience \'clp_legacy_api\' is'
        ' invalid"'
    )


def test_a_site_is_addressed_by_uuid_only(client, jane):
    uid = jane.site["site_uid"]
    answer = client.get(f"/connect/v1.2/sites/{uid}/locks", token=jane.token)

    assert refusal(answer)[:2] == (400, "1100")


def test_somebody_elses_site_is_not_found(client, jane):
    other = client.sign_in("harbour").site["id"]
    answer = client.get(f"/connect/v1.2/sites/{other}/locks", token=jane.token)

    assert refusal(answer) == (404, "2202", "Site not found")


def test_an_unknown_path_and_method_answer_as_the_framework_does(client, jane):
    missing = jane.get("/nonsense")
    wrong = jane.call("PATCH", "/locks", {})

    assert (missing.status, missing.json()["title"]) == (404, "Not Found")
    assert (wrong.status, wrong.headers["content-type"]) == (405, "application/problem+json")


def test_v2_roles_are_forbidden_in_rfc_7807(client, jane):
    path = f"/connect/v2/sites/{jane.site['id']}/me/roles"
    answer = client.get(path, token=jane.token)

    assert answer.status == 403
    assert set(answer.json()) == {"type", "title", "status", "traceId"}


def test_a_site_that_is_not_released_answers_2210_but_can_be_looked_at(client):
    somebody = client.sign_in("unreleased")

    assert refusal(somebody.get("/locks"))[:2] == (400, "2210")
    assert somebody.get("").json()["installation_state"] == "in_installation"


def test_an_ended_subscription_stops_commands_with_2212(client):
    somebody = client.sign_in("expired")
    lock = somebody.lock()

    assert refusal(somebody.locking(lock["id"]))[:2] == (403, "2212")
    assert somebody.get("").json()["subscription_valid"] is False


def test_a_reader_sees_doors_but_may_neither_open_them_nor_see_people(client):
    reader = client.sign_in("reader")

    assert len(reader.items("/locks")) == 8
    assert refusal(reader.get("/users"))[:2] == (403, "2203")
    assert refusal(reader.locking(reader.lock()["id"]))[:2] == (403, "2203")
    assert reader.get("/me").json()["remote_access"] is False


@pytest.mark.parametrize(
    ("name", "count"), [("jane", 1), ("multi", 3), ("empty", 0), ("fullseats", 1)]
)
def test_each_account_sees_its_sites(client, name, count):
    token = client.sign_in(name).token
    rows = client.get("/connect/v1.1/sites", token=token).json()["items"]

    assert len(rows) == count
    assert all(row["customer_reference"].startswith("SIMULATED ") for row in rows)


def test_a_body_must_be_json(jane):
    lock = jane.lock()
    path = f"/locks/{lock['id']}/locking"

    plain = jane.call("PATCH", path, headers={"content-type": "text/plain"}, body=b"{}")
    broken = jane.call("PATCH", path, headers={"content-type": "application/json"}, body=b"{")

    assert plain.status == 415
    assert refusal(broken)[:2] == (400, "1100")


# --- shapes ---


def test_shapes_have_every_measured_field_and_nothing_more(jane):
    assert list(jane.get("").json()) == SITE_FIELDS
    assert list(jane.items("/locks")[0]) == LOCK_FIELDS
    assert list(jane.items("/iqs")[0]) == IQ_FIELDS


def test_harbour_house_has_doors_in_every_state(client):
    harbour = client.sign_in("harbour")
    rows = harbour.items("/locks?$top=100")

    assert len(rows) == 24
    assert {row["floor"] for row in rows} == {"Ground", "1", "2", "3"}
    assert {row["lock_type"] for row in rows} == {
        "escutcheon",
        "escutcheon_pin",
        "wall_reader",
        "wall_reader_pin",
        "cylinder",
    }
    states = {row["customer_reference"]: row for row in rows}
    assert states["Room 305"]["online"] is False
    assert states["Room 203"]["battery_level"] == "critical"
    assert states["Lobby"]["locked_state"] == "office_mode"
    assert states["Room 104"]["privacy_mode"] is True
    assert len(harbour.items("/iqs")) == 2


def test_the_subscription_tells_its_seats(client):
    full = client.sign_in("fullseats")
    site = full.get("").json()

    assert site["active_user_amount"] == site["subscribed_user_amount"]
    assert full.get("/subscription").json()["user_amount"] == site["subscribed_user_amount"]


# --- lists ---


def test_lists_come_in_pages_of_twenty(client):
    harbour = client.sign_in("harbour")
    first = harbour.get("/locks?$inlinecount=allpages").json()
    second = client.get(
        first["next_page_link"].removeprefix("http://127.0.0.1:8001"), token=harbour.token
    ).json()

    assert (len(first["items"]), first["count"]) == (20, 24)
    assert (len(second["items"]), second["next_page_link"]) == (4, None)
    ids = {row["id"] for row in first["items"] + second["items"]}
    assert len(ids) == 24


def test_the_last_page_is_never_announced_twice(jane):
    exact = jane.get("/locks?$top=8").json()

    assert (len(exact["items"]), exact["next_page_link"], exact["count"]) == (8, None, None)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("$filter=customer_reference eq 'Flat 1'", ["Flat 1"]),
        ("$filter=contains(customer_reference,'flat') and lock_type eq 'escutcheon'",
         ["Flat 3", "Flat 4"]),
        ("$filter=online eq true and floor ne 'Ground'", ["Flat 1", "Flat 2", "Flat 3", "Flat 4"]),
        ("$filter=iq/is_online eq false", []),
        ("$filter=customer_reference ge 'Flat 4'&$orderby=customer_reference desc",
         ["Plant Room", "Front Door", "Flat 4"]),
        ("$orderby=customer_reference&$top=2&$skip=1", ["Bike Store", "Flat 1"]),
    ],
)  # fmt: skip
def test_lists_can_be_filtered_and_ordered(jane, query, names):
    rows = jane.get(f"/locks?{query}").json()["items"]

    assert [row["customer_reference"] for row in rows] == names


@pytest.mark.parametrize(
    "query",
    [
        "$filter=nonsense eq 'x'",
        "$filter=customer_reference like 'x'",
        "$filter=customer_reference eq 'x' or online eq true",
        "$filter=customer_reference eq 'x",
        "$orderby=nonsense",
        "$orderby=customer_reference sideways",
        "$top=many",
    ],
)
def test_a_wrong_query_is_1102(jane, query):
    assert refusal(jane.get(f"/locks?{query}"))[:2] == (400, "1102")


def test_the_header_switches_to_the_newer_query_style(jane):
    new = {"CLP-disable-odata-v3-conversion": "true"}

    assert jane.get("/locks?$count=true", headers=new).json()["count"] == 8
    assert jane.get("/locks?$inlinecount=allpages", headers=new).json()["count"] is None


def test_lists_can_be_bare_arrays(client, jane):
    client.control("settings", bare_arrays=True)

    assert len(jane.get("/locks").json()) == 8


def test_a_rate_limit_can_be_set(client, jane):
    client.control("settings", rate_limit_per_second=3)
    answers = [jane.get("/locks").status for _ in range(5)]

    assert answers == [200, 200, 200, 429, 429]
