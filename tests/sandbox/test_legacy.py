"""The dialect of the older driver document: same doors, other words."""

import pytest

from tests.sandbox.client import Answer


@pytest.fixture
def old(client):
    return client.legacy()


def ask_token(client, name="legacy-client", **form) -> Answer:
    fields = {
        "grant_type": "client_credentials",
        "client_id": name,
        "client_secret": "legacy-secret",
        "scope": "locks:read locks:write users:read audit:read",
    }
    return client.post("/legacy/oauth2/token", form=fields | form)


def test_a_token_carries_the_four_scopes(client):
    body = ask_token(client).json()

    assert set(body["scope"].split()) == {"locks:read", "locks:write", "users:read", "audit:read"}
    assert "refresh_token" not in body


def test_a_wrong_secret_is_401_and_a_missing_addon_400(client):
    wrong = ask_token(client, client_secret="wrong")
    without = ask_token(client, "legacy-noaddon")

    assert (wrong.status, wrong.json()["error"]) == (401, "invalid_client")
    assert (without.status, without.json()["error"]) == (400, "unauthorized_client")


def test_both_dialects_see_the_same_eight_doors(client, old, jane):
    theirs = old.items("/locks")

    assert [row["id"] for row in theirs] == [row["id"] for row in jane.items("/locks")]
    assert [row["name"] for row in theirs][:2] == ["Front Door", "Back Door"]
    assert all(isinstance(row["battery_level"], int) for row in theirs)


def test_one_lock_tells_its_last_event(client, old):
    lock = old.lock()["id"]
    client.control("keypad", lock_id=lock, code="246810")
    last = old.get(f"/locks/{lock}").json()["lastEvent"]

    assert (last["lockId"], last["type"], last["accessBy"]) == (lock, "lock_opened", "pin_code")
    assert last["user"]["name"] == "SIMULATED Ana Lopez"


def test_unlock_takes_seconds_and_five_without(client, old):
    lock = old.lock()["id"]
    answer = old.locking(lock, seconds=3)
    client.pass_time(3.1)
    after = old.lock()["locked_state"]
    default = old.locking(lock)

    assert answer.json() == {"id": lock, "state": "released", "seconds": 3}
    assert after == "locked"
    assert default.json()["seconds"] == 5
    assert [e["account"] for e in client.effects(kind="lock_opened")] == ["legacy-client"] * 2


@pytest.mark.parametrize("seconds", [0, 61, -1, "5", 2.5, True, None, []])
def test_seconds_must_be_whole_and_between_1_and_60(client, old, seconds):
    answer = old.locking(old.lock()["id"], seconds=seconds)

    assert (answer.status, answer.json()["error"]) == (400, "invalid_request")
    assert client.effects(kind="lock_opened") == []


def test_lock_works_where_the_hardware_can(client, old):
    front, store = old.lock()["id"], old.lock("Bike Store")["id"]
    old.locking(front, seconds=60)
    locked = old.locking(front, "locked")
    refused = old.locking(store, "locked")

    assert (locked.status, old.lock()["locked_state"]) == (200, "locked")
    assert client.kinds()[-1] == "lock_locked"
    assert (refused.status, refused.json()["error"]) == (422, "unprocessable")


def test_the_short_paths_do_the_same(client, old):
    lock = old.lock()["id"]

    assert old.call("POST", f"/locks/{lock}/unlock", {"seconds": 9}).json()["seconds"] == 9
    assert old.call("POST", f"/locks/{lock}/lock").json()["state"] == "locked"


def test_an_offline_lock_is_422(client, old):
    lock = old.lock()["id"]
    client.control(f"locks/{lock}", online=False)

    assert old.locking(lock).status == 422
    assert old.lock()["online"] is False


def test_a_missing_scope_is_403_and_named(client):
    reader = client.legacy("legacy-readonly")
    users, opening = reader.get("/users"), reader.locking(reader.lock()["id"])

    assert (users.status, users.json()["scope"]) == (403, "users:read")
    assert (opening.status, opening.json()["scope"]) == (403, "locks:write")
    assert reader.get("/audit-trails").status == 200


def test_asking_for_less_gives_less(client):
    token = ask_token(client, scope="locks:read").json()["access_token"]
    answer = client.get("/legacy/v1.1/sites", token=token)
    site = answer.json()["items"][0]["id"]

    assert client.get(f"/legacy/v1.1/sites/{site}/users", token=token).status == 403


def test_old_tenants_have_the_other_audit_route(client, old):
    tenant = client.legacy("legacy-oldtenant")

    assert (tenant.get("/audit-trails").status, tenant.get("/audit/log").status) == (404, 200)
    assert (old.get("/audit-trails").status, old.get("/audit/log").status) == (200, 404)


def test_a_multi_site_client_sees_two_sites(client):
    token = client.legacy("legacy-multisite").token

    assert len(client.get("/legacy/v1.1/sites", token=token).json()["items"]) == 2


def test_the_audit_tail_is_newest_first_and_since_is_oldest_first(client, old):
    lock = old.lock()["id"]
    for _ in range(3):
        old.locking(lock)
        client.pass_time(10)

    tail = old.items("/audit-trails?limit=2")
    since = old.items("/audit-trails?limit=2&since=2026-03-28T21:00:10Z")
    assert [row["timestamp"][14:19] for row in tail] == ["00:20", "00:10"]
    assert [row["timestamp"][14:19] for row in since] == ["00:10", "00:20"]


@pytest.mark.parametrize("query", ["limit=201", "limit=0", "limit=x", "since=yesterday"])
def test_a_wrong_audit_query_is_400(old, query):
    assert old.get(f"/audit-trails?{query}").json()["error"] == "invalid_request"


def test_users_have_names_and_addresses(old):
    names = {row["name"]: row["email"] for row in old.items("/users")}

    assert names["SIMULATED Jane Example"] == "jane@example.com"


def test_without_or_with_the_other_token_401(client, old, jane):
    assert client.get("/legacy/v1.1/sites").status == 401
    assert client.get("/legacy/v1.1/sites", token=jane.token).status == 401


def test_somebody_elses_site_is_404(client, old):
    other = client.sign_in("harbour").site["id"]
    answer = client.get(f"/legacy/v1.1/sites/{other}/locks", token=old.token)

    assert answer.status == 404
