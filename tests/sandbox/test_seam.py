"""The simulated Seam: how its calls look. What a driver needs is tested with the driver."""

import pytest

from sandbox.seam import seed

KEY = {"authorization": f"Bearer {seed.KEY}"}
LONG_AGO = "2026-01-01T00:00:00.000Z"

# Required by the published schema, version 1.1038.0.
DEVICE = {
    "capabilities_supported",
    "connected_account_id",
    "created_at",
    "custom_metadata",
    "device_id",
    "device_type",
    "display_name",
    "errors",
    "is_managed",
    "properties",
    "space_ids",
    "warnings",
    "workspace_id",
}
ACCOUNT = {
    "accepted_capabilities",
    "account_type_display_name",
    "automatically_manage_new_devices",
    "connected_account_id",
    "custom_metadata",
    "display_name",
    "errors",
    "warnings",
}
CODE = {
    "access_code_id",
    "code",
    "common_code_key",
    "created_at",
    "device_id",
    "errors",
    "is_backup_access_code_available",
    "is_external_modification_allowed",
    "is_managed",
    "is_offline_access_code",
    "is_one_time_use",
    "name",
    "pending_mutations",
    "status",
    "type",
    "warnings",
    "workspace_id",
}
PAGINATION = {"has_next_page", "next_page_cursor", "next_page_url"}
EVENT = {"event_id", "event_type", "workspace_id", "created_at", "occurred_at"}


@pytest.fixture
def ask(client):
    def ask(path, headers=KEY, **body):
        return client.post(f"/seam{path}", body, headers=headers)

    return ask


@pytest.fixture
def doors(ask):
    rows = ask("/devices/list").json()["devices"]
    return {row["display_name"]: row["device_id"] for row in rows}


def refusal(answer):
    body = answer.json()
    assert body["ok"] is False
    assert isinstance(body["error"]["message"], str)
    return answer.status, body["error"]["type"]


def settled(client, ask, answer):
    client.pass_time(1)
    attempt_id = answer.json()["action_attempt"]["action_attempt_id"]
    return ask("/action_attempts/get", action_attempt_id=attempt_id).json()["action_attempt"]


def event_types(ask):
    rows = ask("/events/list", since=LONG_AGO).json()["events"]
    assert all(set(row) >= EVENT for row in rows)
    return [row["event_type"] for row in rows]


# --- the wire -----------------------------------------------------------------------------


@pytest.mark.parametrize("sent", ["", "Bearer nobody", "Bearer seam_test1_wrong", "Basic x"])
def test_without_a_good_key_nothing_is_told(ask, sent):
    assert refusal(ask("/devices/list", {"authorization": sent})) == (401, "unauthorized")


def test_another_workspace_sees_none_of_it(ask, doors):
    other = {"authorization": f"Bearer {seed.EMPTY_KEY}"}

    assert ask("/devices/list", other).json()["devices"] == []
    answer = ask("/devices/get", other, device_id=doors["Workshop"])
    assert refusal(answer) == (404, "device_not_found")


def test_every_answer_has_a_request_id_and_says_ok(ask):
    answer = ask("/workspaces/get", KEY | {"x-request-id": "01J"})

    assert (answer.headers["seam-request-id"], answer.json()["ok"]) == ("01J", True)
    assert answer.json()["workspace"]["is_sandbox"] is True


def test_a_post_without_a_body_counts_as_an_empty_object(client):
    headers = KEY | {"content-type": "application/json"}

    assert client.request("POST", "/seam/devices/list", headers=headers).status == 200


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 3),
        ("device_type=lockly_lock&_strict=true", 1),
        ("device_types=lockly_lock&device_types=august_lock&_strict=true", 3),
        ("device_types[]=lockly_lock", 1),
        ("device_types=lockly_lock,august_lock", 3),
        ("device_ids=&_strict=true", 0),
        ("limit=2&_strict=true", 2),
        ("page_cursor=&_strict=true", 3),
        ("nobody_knows_this=1", 3),
    ],
)
def test_get_takes_the_parameters_from_the_query_string(client, query, count):
    answer = client.get(f"/seam/devices/list?{query}", headers=KEY)

    assert len(answer.json()["devices"]) == count


@pytest.mark.parametrize(
    ("path", "body", "name", "text"),
    [
        ("/devices/get", {"device_id": "x"}, "device_id", "Invalid uuid"),
        ("/locks/unlock_door", {}, "device_id", "Required"),
        ("/devices/list", {"limit": "3"}, "limit", "Expected number, received string"),
        ("/devices/list", {"device_ids": 3}, "device_ids", "Expected array, received number"),
        ("/devices/list", {"page_cursor": "x"}, "page_cursor", "Invalid"),
    ],
)
def test_a_wrong_parameter_is_named(ask, path, body, name, text):
    answer = ask(path, **body)

    assert refusal(answer) == (400, "invalid_input")
    assert answer.json()["error"]["validation_errors"][name] == {"_errors": [text]}


def test_the_wrong_verb_and_the_wrong_path_are_refused(client, ask):
    answer = client.get("/seam/locks/unlock_door", headers=KEY)

    assert refusal(answer) == (405, "method_not_allowed")
    assert refusal(ask("/locks/explode")) == (404, "not_found")


def test_pages_follow_a_cursor_that_fits_its_parameters(ask):
    first = ask("/devices/list", limit=2).json()
    cursor = first["pagination"]["next_page_cursor"]
    second = ask("/devices/list", limit=2, page_cursor=cursor).json()

    names = [row["display_name"] for row in first["devices"] + second["devices"]]
    assert names == ["Courtyard Door", "Side Entrance", "Workshop"]
    assert set(second["pagination"]) == PAGINATION
    assert second["pagination"]["has_next_page"] is False
    assert refusal(ask("/devices/list", limit=1, page_cursor=cursor)) == (400, "invalid_input")


def test_faults_and_the_request_log_know_it_by_name(client, ask, doors):
    wish = {"route": "seam_unlock", "account": "seam-demo", "lock_id": doors["Workshop"]}
    client.control("faults", match=wish, effect="error", status=503, error_code="internal")

    assert ask("/locks/unlock_door", device_id=doors["Side Entrance"]).status == 200
    assert refusal(ask("/locks/unlock_door", device_id=doors["Workshop"])) == (503, "internal")
    row = client.get("/control/requests").json()[-1]
    assert (row["route"], row["account"], row["fault"]) == ("seam_unlock", "seam-demo", "error")


def test_a_list_can_come_back_empty_under_both_its_names(client, ask):
    client.control("faults", match={"route": "seam_devices"}, effect="empty_list")

    body = ask("/locks/list").json()

    assert (body["locks"], body["devices"], body["ok"]) == ([], [], True)


# --- accounts, devices, commands ----------------------------------------------------------


def test_accounts_and_devices_have_what_the_schema_requires(ask):
    accounts = ask("/connected_accounts/list").json()["connected_accounts"]
    devices = ask("/devices/list").json()["devices"]

    assert all(set(row) >= ACCOUNT for row in accounts)
    assert all(set(row) >= DEVICE for row in devices)
    assert all(
        set(row["properties"]) >= {"online", "name", "appearance", "model"} for row in devices
    )
    assert {row["connected_account_id"] for row in devices} <= {
        row["connected_account_id"] for row in accounts
    }


def test_an_unlock_is_pending_first_and_nothing_has_moved_yet(client, ask, doors):
    headers = KEY | {"x-request-id": "01J-attempt"}
    answer = ask("/locks/unlock_door", headers, device_id=doors["Courtyard Door"])

    assert answer.json()["action_attempt"]["status"] == "pending"
    assert client.effects(kind="lock_opened") == []
    attempt = settled(client, ask, answer)
    assert (attempt["status"], attempt["error"]) == ("success", None)
    [effect] = client.effects(kind="lock_opened")
    assert (effect["cause"], effect["account"]) == ("remote", "seam-demo")
    assert effect["request_id"] == "01J-attempt"
    device = ask("/devices/get", device_id=doors["Courtyard Door"]).json()["device"]
    assert device["properties"]["locked"] is False
    assert "lock.unlocked" in event_types(ask)


def test_a_lock_locks_on_command_or_by_itself(client, ask, doors):
    for name in ("Courtyard Door", "Side Entrance"):
        settled(client, ask, ask("/locks/unlock_door", device_id=doors[name]))
    settled(client, ask, ask("/locks/lock_door", device_id=doors["Courtyard Door"]))
    client.pass_time(60)

    rows = ask("/locks/list").json()["locks"]
    assert {row["properties"]["locked"] for row in rows} == {True}
    assert event_types(ask).count("lock.locked") == 2


def test_an_offline_lock_says_so_and_does_not_open(client, ask, doors):
    ask("/devices/simulate/disconnect", device_id=doors["Workshop"])
    attempt = settled(client, ask, ask("/locks/unlock_door", device_id=doors["Workshop"]))
    device = ask("/devices/get", device_id=doors["Workshop"]).json()["device"]

    assert (attempt["status"], attempt["error"]["type"]) == ("error", "device_disconnected")
    assert device["properties"]["online"] is False
    assert "locked" not in device["properties"]
    assert [row["error_code"] for row in device["errors"]] == ["device_disconnected"]
    assert "device.disconnected" in event_types(ask)


def test_a_disconnected_account_takes_its_locks_along(client, ask, doors):
    device = ask("/devices/get", device_id=doors["Workshop"]).json()["device"]
    account_id = device["connected_account_id"]
    ask("/connected_accounts/simulate/disconnect", connected_account_id=account_id)

    account = ask("/connected_accounts/get", connected_account_id=account_id).json()
    device = ask("/devices/get", device_id=doors["Workshop"]).json()["device"]
    assert account["connected_account"]["errors"][0]["error_code"] == "account_disconnected"
    assert device["errors"][0]["error_code"] == "account_disconnected"
    assert device["can_remotely_unlock"] is False


def test_an_unmanaged_device_is_listed_elsewhere(ask, doors):
    ask("/devices/update", device_id=doors["Workshop"], is_managed=False)

    names = [row["display_name"] for row in ask("/devices/list").json()["devices"]]
    assert "Workshop" not in names
    [row] = ask("/devices/unmanaged/list").json()["devices"]
    assert (row["device_id"], row["is_managed"]) == (doors["Workshop"], False)


def test_events_need_an_interval_and_can_be_narrowed(client, ask, doors):
    settled(client, ask, ask("/locks/unlock_door", device_id=doors["Workshop"]))
    rows = ask("/events/list", since=LONG_AGO, event_types=["lock.unlocked"]).json()["events"]

    assert refusal(ask("/events/list")) == (400, "invalid_input")
    assert [row["device_id"] for row in rows] == [doors["Workshop"]]
    assert ask("/events/list", since=rows[0]["created_at"]).json()["events"] == []
    got = ask("/events/get", event_id=rows[0]["event_id"]).json()["event"]
    assert got == rows[0]


def test_an_older_world_gets_seam_too(client):
    client.world.clients.drop(seed.CLIENT)

    seed.plant(client.world)

    assert client.world.clients.get(seed.CLIENT)


def test_a_script_decides_how_a_command_ends(client, ask, doors):
    wish = {"device_id": doors["Workshop"]}
    for phase, error, opened in (
        ("before", "lock_jammed", 0),
        ("after", "provider_timeout", 1),
        ("after", None, 2),
    ):
        client.control("scripts", action_type="UNLOCK_DOOR", phase=phase, error=error)
        attempt = settled(client, ask, ask("/locks/unlock_door", **wish))

        assert attempt["status"] == ("error" if error else "pending")
        assert attempt["error"] is None or attempt["error"]["type"] == error
        assert len(client.effects(kind="lock_opened")) == opened
    assert event_types(ask).count("action_attempt.unlock_door.failed") == 2
