"""Access codes at the simulated Seam, and what its locks make of them."""

from datetime import timedelta

import pytest

from tests.sandbox.conftest import NOW
from tests.sandbox.test_seam import CODE, ask, doors, event_types, refusal

__all__ = ["ask", "doors"]  # fixtures


def iso(hours):
    return (NOW + timedelta(hours=hours)).isoformat()


@pytest.fixture
def make(client, ask, doors):
    def make(door="Courtyard Door", **body):
        answer = ask("/access_codes/create", device_id=doors[door], **body)
        assert answer.status == 200, answer.text
        client.pass_time(1)
        return answer.json()["access_code"]

    return make


@pytest.fixture
def try_code(client, doors):
    def try_code(digits, door="Courtyard Door"):
        answer = client.control("keypad", lock_id=doors[door], code=digits)
        return answer["opened"], answer["reason"]

    return try_code


def seen(ask, code):
    return ask("/access_codes/get", access_code_id=code["access_code_id"]).json()["access_code"]


def test_a_code_is_setting_then_set_and_opens(client, ask, make, try_code, doors):
    code = make(code="2846", name="Ana")

    assert code["status"] == "setting"
    assert code["pending_mutations"][0]["mutation_code"] == "creating"
    assert set(code) >= CODE
    now = seen(ask, code)
    assert (now["status"], now["pending_mutations"]) == ("set", [])
    assert try_code("2846#") == (True, "opened")
    assert event_types(ask)[-3:] == [
        "access_code.created",
        "access_code.set_on_device",
        "lock.unlocked",
    ]
    [row] = [
        row
        for row in client.get(f"/control/codes?lock_id={doors['Courtyard Door']}").json()
        if row["remote_id"] == code["access_code_id"]
    ]
    assert (row["digits"], row["opens_now"], row["in_cloud"]) == ("2846", True, True)


def test_the_cloud_chooses_digits_if_the_caller_does_not(make):
    assert len(make(preferred_code_length=6)["code"]) == 6
    assert len(make("Side Entrance", preferred_code_length=6)["code"]) == 4


def test_a_wrong_pin_is_an_event_with_its_reason(ask, try_code):
    assert try_code("0000") == (False, "unknown_pin")

    [row] = ask("/events/list", since=iso(-1), event_type="lock.access_denied").json()["events"]
    assert row["reason"]["reason_code"] == "unknown_code"


def test_a_lock_with_a_calendar_is_told_early_and_keeps_to_the_times(client, ask, make, try_code):
    code = make(code="2846", starts_at=iso(80), ends_at=iso(100))

    assert seen(ask, code)["status"] == "unset"
    assert seen(ask, code)["pending_mutations"][0]["mutation_code"] == "deferring_creation"
    client.pass_time(20 * 3600)
    assert seen(ask, code)["is_scheduled_on_device"] is True
    assert try_code("2846") == (False, "outside_schedule")
    client.pass_time(60 * 3600 + 5)
    assert seen(ask, code)["status"] == "set"
    assert try_code("2846") == (True, "opened")
    client.pass_time(20 * 3600 + 5)
    answer = ask("/access_codes/get", access_code_id=code["access_code_id"])
    assert refusal(answer) == (404, "access_code_not_found")
    assert try_code("2846") == (False, "unknown_pin")


def test_a_lock_without_a_calendar_opens_from_an_hour_before(client, ask, make, try_code):
    code = make("Side Entrance", code="2846", starts_at=iso(3), ends_at=iso(5))

    assert try_code("2846", "Side Entrance") == (False, "not_synced")
    client.pass_time(2 * 3600 + 5)
    assert try_code("2846", "Side Entrance") == (True, "opened")
    assert seen(ask, code)["status"] == "set"


@pytest.mark.parametrize(
    "body",
    [
        {"code": "12"},
        {"code": "abcd"},
        {"starts_at": "2026-04-01T00:00:00Z"},
        {"starts_at": "2026-04-02T00:00:00Z", "ends_at": "2026-04-01T00:00:00Z"},
        {"use_backup_access_code_pool": True},
    ],
)
def test_what_makes_no_sense_is_refused(ask, doors, body):
    answer = ask("/access_codes/create", device_id=doors["Courtyard Door"], **body)

    assert refusal(answer) == (400, "invalid_input")


def test_a_lock_without_keypad_takes_no_code(ask, doors):
    answer = ask("/access_codes/create", device_id=doors["Workshop"], code="2846")

    assert refusal(answer) == (400, "invalid_input")


def test_digits_against_the_rules_get_an_error_and_never_open(ask, make, try_code):
    code = make("Side Entrance", code="1256")

    assert [row["error_code"] for row in seen(ask, code)["errors"]] == ["code_constraints_violated"]
    assert try_code("1256", "Side Entrance") == (False, "not_synced")


def test_the_same_digits_at_the_same_time_are_a_duplicate(ask, make, doors):
    make(code="2846", starts_at=iso(1), ends_at=iso(2))
    where = {"device_id": doors["Courtyard Door"], "code": "2846"}

    assert refusal(ask("/access_codes/create", **where)) == (409, "duplicate_access_code")
    later = ask("/access_codes/create", **where, starts_at=iso(2), ends_at=iso(3))
    assert later.status == 200


def test_a_full_lock_says_so(client, ask, make, doors):
    client.control(f"locks/{doors['Side Entrance']}", code_slots=1)
    make("Side Entrance", code="2846")
    second = make("Side Entrance", code="3957")

    [error] = seen(ask, second)["errors"]
    assert error["error_code"] == "no_space_for_access_code_on_device"


def test_new_digits_replace_the_old_ones(client, ask, make, try_code):
    code = make(code="2846")
    answer = ask("/access_codes/update", access_code_id=code["access_code_id"], code="3957")

    assert answer.json()["ok"] is True
    assert seen(ask, code)["pending_mutations"][0]["to"] == {"code": "3957"}
    assert try_code("2846") == (True, "opened")
    client.pass_time(1)
    assert try_code("2846") == (False, "unknown_pin")
    assert try_code("3957") == (True, "opened")


def test_only_the_end_of_a_time_bound_code_may_be_moved(ask, make):
    code = make(code="2846", starts_at=iso(-1), ends_at=iso(2))
    ask("/access_codes/update", access_code_id=code["access_code_id"], ends_at=iso(4))

    assert seen(ask, code)["ends_at"].startswith("2026-03-29T01:00")
    ask("/access_codes/update", access_code_id=code["access_code_id"], type="ongoing")
    now = seen(ask, code)
    assert (now["type"], now["starts_at"], now["ends_at"]) == ("ongoing", None, None)


def test_a_deleted_code_is_removing_until_the_lock_has_heard(client, ask, make, try_code, doors):
    code = make(code="2846")
    ask("/devices/simulate/disconnect", device_id=doors["Courtyard Door"])
    ask("/access_codes/delete", access_code_id=code["access_code_id"])
    client.pass_time(700)

    now = seen(ask, code)
    assert now["status"] == "removing"
    assert [row["error_code"] for row in now["errors"]] == ["failed_to_remove_from_device"]
    ask("/devices/simulate/connect", device_id=doors["Courtyard Door"])
    client.pass_time(1)
    answer = ask("/access_codes/get", access_code_id=code["access_code_id"])
    assert refusal(answer) == (404, "access_code_not_found")
    assert try_code("2846") == (False, "unknown_pin")


def test_one_pin_for_several_doors(ask, doors):
    ids = [doors["Courtyard Door"], doors["Side Entrance"]]
    rows = ask("/access_codes/create_multiple", device_ids=ids).json()["access_codes"]

    assert len({row["code"] for row in rows}) == 2 - 1
    assert len({row["common_code_key"] for row in rows} - {None}) == 1
    chosen = ask("/access_codes/create_multiple", device_ids=ids, code="4958").json()
    assert {row["common_code_key"] for row in chosen["access_codes"]} == {None}


def test_a_backup_is_pulled_once_and_ends_with_its_code(client, ask, make, try_code):
    code = make(
        "Side Entrance",
        code="2846",
        starts_at=iso(-1),
        ends_at=iso(2),
        use_backup_access_code_pool=True,
    )
    assert seen(ask, code)["is_backup_access_code_available"] is True
    wish = {"access_code_id": code["access_code_id"]}
    backup = ask("/access_codes/pull_backup_access_code", **wish).json()["backup_access_code"]
    again = ask("/access_codes/pull_backup_access_code", **wish).json()["access_code"]

    assert backup["access_code_id"] == again["access_code_id"]
    assert (backup["is_backup"], backup["ends_at"]) == (True, code["ends_at"])
    assert try_code(backup["code"], "Side Entrance") == (True, "opened")
    client.pass_time(2 * 3600 + 5)
    assert try_code(backup["code"], "Side Entrance") == (False, "unknown_pin")


def test_a_code_typed_into_the_lock_can_be_adopted_or_deleted(client, ask, try_code, doors):
    where = {"device_id": doors["Courtyard Door"]}
    [row] = ask("/access_codes/unmanaged/list", **where).json()["access_codes"]

    assert (row["code"], row["is_managed"], row["status"]) == ("4711", False, "set")
    assert try_code("4711") == (True, "opened")
    one = {"access_code_id": row["access_code_id"]}
    ask("/access_codes/unmanaged/convert_to_managed", **one)
    assert [r["code"] for r in ask("/access_codes/list", **where).json()["access_codes"]] == [
        "4711"
    ]
    made = ask(
        "/access_codes/simulate/create_unmanaged_access_code", **where, name="x", code="5566"
    ).json()["access_code"]
    ask("/access_codes/unmanaged/delete", access_code_id=made["access_code_id"])
    client.pass_time(1)
    assert ask("/access_codes/unmanaged/list", **where).json()["access_codes"] == []


def test_a_list_of_codes_needs_a_filter(ask):
    assert refusal(ask("/access_codes/list")) == (400, "invalid_input")


def test_digits_can_be_asked_for_without_making_a_code(ask, doors):
    where = {"device_id": doors["Side Entrance"]}
    made = ask("/access_codes/generate_code", **where).json()["generated_code"]

    assert (len(made["code"]), "0" in made["code"]) == (4, False)
    assert set(made) >= CODE
    assert ask("/access_codes/list", **where).json()["access_codes"] == []


def test_events_of_codes_carry_what_the_schema_requires(client, ask, make, doors):
    ask("/devices/simulate/disconnect", device_id=doors["Courtyard Door"])
    code = make(code="2846")
    ask("/devices/simulate/connect", device_id=doors["Courtyard Door"])
    client.pass_time(1)
    ask("/access_codes/delete", access_code_id=code["access_code_id"])
    client.pass_time(1)

    rows = ask("/events/list", since=iso(-1)).json()["events"]
    of_type = {row["event_type"]: row for row in rows}
    sides = ("connected_account", "device", "access_code")
    delayed = of_type["access_code.delay_in_setting_on_device"]
    assert all(delayed[f"{side}_{word}"] == [] for side in sides for word in ("errors", "warnings"))
    assert of_type["device.disconnected"]["error_code"] == "device_disconnected"
    assert of_type["access_code.deleted"]["code"] == "2846"
