"""Users, guests, seats, PINs and what a keypad makes of them."""

import pytest

from tests.sandbox.client import refusal

EVERY_DAY = dict.fromkeys(
    ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"), True
)
USER_FIELDS = [
    "id",
    "user",
    "roles",
    "alias",
    "toggle_easy_office_mode",
    "toggle_manual_office_mode",
    "remote_access",
    "blocked",
    "tag_owned_by_this_site",
    "subscription_state",
    "override_privacy_mode",
    "use_pin",
    "data_removal_expires_at",
    "expires_at",
]


def make_group(jane, *, schedule=EVERY_DAY, lock="Front Door"):
    group = jane.call("POST", "/access_groups", {"customer_reference": "Guests"}).json()
    path = f"/access_groups/{group['id']}"
    assert jane.call("POST", f"{path}/locks", {"lock_id": jane.lock(lock)["id"]}).status == 200
    if schedule:
        body = schedule | {"start_time": "00:00", "end_time": "23:59"}
        assert jane.call("POST", f"{path}/time_schedules", body).status == 200
    return path


def make_guest(jane, path, **fields):
    """Go the proven way (group, schedule, guest, use_pin, membership, PIN); return the guest and the digits."""
    guest = jane.call("POST", "/guests", {"alias": "Room 4"} | fields).json()
    assert jane.call("PATCH", f"/users/{guest['id']}", {"use_pin": True}).status == 200
    joined = jane.call("POST", f"{path}/users", {"user_id": guest["user"]["id"]})
    assert joined.status == 200
    return guest, jane.call("PUT", f"/users/{guest['id']}/pin", {}).json()


def try_pin(client, jane, code, lock="Front Door"):
    return client.control("keypad", lock_id=jane.lock(lock)["id"], code=code)


# --- users ---


def test_a_guest_starts_without_pin_and_sends_no_mail(client, jane):
    answer = jane.call("POST", "/guests", {"alias": "Room 4", "expires_at": "2026-04-01T10:00:00Z"})

    guest = answer.json()
    assert answer.status == 201
    assert list(guest) == USER_FIELDS
    assert [role["code"] for role in guest["roles"]] == ["site_guest"]
    assert (guest["use_pin"], guest["subscription_state"]) == (False, "subscribed")
    assert guest["id"] != guest["user"]["id"]
    assert client.get("/control/outbox").json() == []


def test_a_user_with_email_is_invited(client, jane):
    body = {"first_name": "Eve", "last_name": "Ash", "email": "eve@example.com", "role_ids": []}
    user = jane.call("POST", "/users", body).json()

    assert user["user"]["email"] == "eve@example.com"
    mail = client.get("/control/outbox").json()[0]
    assert (mail["kind"], mail["to"]) == ("invite", "eve@example.com")
    found = jane.items("/users?$filter=user/email eq 'eve@example.com'")
    assert [row["id"] for row in found] == [user["id"]]


def test_an_empty_email_is_refused(jane):
    answer = jane.call("POST", "/users", {"first_name": "Eve", "email": ""})

    assert refusal(answer) == (400, "1101", "Email '' is not valid")


def test_roles_have_their_fixed_ids(jane):
    codes = {role["code"]: role["id"] for role in jane.items("/roles")}

    assert codes["site_user"] == "8f6081a3-80fb-11e8-a892-000d3a221c5b"
    assert codes["site_admin"] == "7d53b0b3-3ef7-11e8-9f1c-0050568d6e36"


def test_a_deleted_user_is_accepted_then_gone(client, jane):
    guest = jane.call("POST", "/guests", {"alias": "Room 4"}).json()
    client.control("settings", user_delete_seconds=10)
    answer = jane.call("DELETE", f"/users/{guest['id']}")
    still = jane.get(f"/users/{guest['id']}").status
    client.pass_time(10)

    assert (answer.status, still) == (202, 200)
    assert refusal(jane.get(f"/users/{guest['id']}")) == (404, "2202", "User not found")


def test_the_owner_cannot_be_deleted(jane):
    me = jane.get("/me").json()

    assert refusal(jane.call("DELETE", f"/users/{me['id']}"))[:2] == (403, "2203")


def test_the_platform_id_finds_no_site_user(jane):
    me = jane.get("/me").json()

    assert refusal(jane.get(f"/users/{me['user']['id']}"))[:2] == (404, "2202")


# --- seats ---


def test_a_full_site_says_yes_and_suspends(client):
    full = client.sign_in("fullseats")
    answer = full.call("POST", "/guests", {"alias": "One too many"})
    guest = answer.json()

    assert (answer.status, guest["subscription_state"]) == (201, "suspended")
    pin = full.call("PUT", f"/users/{guest['id']}/pin", {})
    assert (pin.status, len(pin.json())) == (200, 6)


def test_deleting_or_suspending_frees_a_seat_but_expiry_does_not(client, jane):
    guest = jane.call(
        "POST", "/guests", {"alias": "Short", "expires_at": "2026-03-28T21:00:01Z"}
    ).json()
    other = jane.call("POST", "/guests", {"alias": "Other"}).json()
    client.pass_time(60)

    def used():
        return jane.get("").json()["active_user_amount"]

    before = used()
    jane.call("PATCH", f"/users/{other['id']}/subscription", {"state": "suspended"})
    suspended = used()
    jane.call("DELETE", f"/users/{guest['id']}")
    assert (before, suspended, used()) == (6, 5, 4)


def test_the_subscription_field_is_called_state(jane):
    guest = jane.call("POST", "/guests", {"alias": "G"}).json()
    path = f"/users/{guest['id']}/subscription"

    wrong = jane.call("PATCH", path, {"subscription_state": "suspended"})
    right = jane.call("PATCH", path, {"state": "suspended"})
    assert refusal(wrong)[:2] == (400, "1101")
    assert right.json()["subscription_state"] == "suspended"


def test_no_seat_can_be_given_that_is_not_there(client):
    full = client.sign_in("fullseats")
    guest = full.call("POST", "/guests", {"alias": "G"}).json()
    answer = full.call("PATCH", f"/users/{guest['id']}/subscription", {"state": "subscribed"})

    assert refusal(answer)[:2] == (403, "2203")


# --- PINs ---


def test_a_pin_is_a_bare_string_of_six_digits_and_rotates(client, jane):
    guest, first = make_guest(jane, make_group(jane))
    second = jane.call("PUT", f"/users/{guest['id']}/pin", {}).json()

    assert len(first) == 6
    assert first.isdigit()
    assert try_pin(client, jane, second)["opened"] is True
    assert first == second or try_pin(client, jane, first)["reason"] == "unknown_pin"


def test_leading_zeros_are_kept(client, jane, monkeypatch):
    monkeypatch.setattr("sandbox.people.secrets.randbelow", lambda _: 42)
    guest, digits = make_guest(jane, make_group(jane))

    assert digits == "000042"
    assert try_pin(client, jane, "000042#")["opened"] is True
    assert guest["id"] in str(client.effects(kind="pin_issued"))


def test_nothing_reads_a_pin_back(client, jane):
    guest, digits = make_guest(jane, make_group(jane))
    shown = jane.get(f"/users/{guest['id']}").text + jane.get(f"/users/{guest['id']}/keys").text
    logs = client.get("/control/effects").text + client.get("/control/requests").text

    assert digits not in shown
    assert f'"{digits}"' not in logs


def test_keys_list_one_row_for_the_pin(jane):
    guest, _ = make_guest(jane, make_group(jane))
    keys = jane.items(f"/users/{guest['id']}/keys")

    assert keys == [
        {
            "type": "pin",
            "key_identifier": "pin",
            "expiry_date": "2026-06-26T21:00:00.000Z",
            "offline_access": False,
        }
    ]


def test_a_pin_ends_with_its_expiry_date(client, jane):
    guest, _ = make_guest(jane, make_group(jane))
    body = {"expiry_date": "2026-03-28T21:30:00Z"}
    digits = jane.call("PUT", f"/users/{guest['id']}/pin", body).json()
    before = try_pin(client, jane, digits)
    client.pass_time(1801)

    assert (before["opened"], try_pin(client, jane, digits)["reason"]) == (True, "expired")


def test_custom_pins_need_the_feature(client, jane):
    guest, _ = make_guest(jane, make_group(jane))
    answer = jane.call("PUT", f"/users/{guest['id']}/pin/custom", {"pin": "1357"})

    assert refusal(answer)[:2] == (403, "2203")


def test_custom_pins_may_collide_and_open_both_sets(client):
    harbour = client.sign_in("harbour")
    one, _ = make_guest(harbour, make_group(harbour, lock="Main Entrance"))
    two, _ = make_guest(harbour, make_group(harbour, lock="Staff Entrance"))
    for guest in (one, two):
        path = f"/users/{guest['id']}/pin/custom"
        assert harbour.call("PUT", path, {"pin": "13579"}).json() == "13579"

    for name in ("Main Entrance", "Staff Entrance"):
        assert try_pin(client, harbour, "13579", name)["opened"] is True
    bad = harbour.call("PUT", f"/users/{one['id']}/pin/custom", {"pin": "12"})
    assert refusal(bad)[:2] == (400, "1101")


# --- the sum at the keypad ---


def test_the_proven_recipe_opens_that_door_and_no_other(client, jane):
    _, digits = make_guest(jane, make_group(jane))

    assert try_pin(client, jane, digits) == {"opened": True, "reason": "opened"}
    assert try_pin(client, jane, digits, "Back Door")["opened"] is False


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"use_pin": False}, "use_pin_off"),
        ({"blocked": True}, "blocked"),
        ({"expires_at": "2026-03-28T20:00:00Z"}, "expired"),
    ],
)
def test_a_known_person_who_is_denied_is_named(client, jane, change, reason):
    guest, digits = make_guest(jane, make_group(jane))
    jane.call("PATCH", f"/users/{guest['id']}", change)

    assert try_pin(client, jane, digits) == {"opened": False, "reason": reason}
    row = jane.entries("$orderby=utc_date_time desc")["items"][0]
    assert (row["event_category"], row["event_detail"]) == ("lock_rejected", None)
    assert row["user_id"] == guest["user"]["id"]


def test_a_suspended_person_is_named_without_alias(client, jane):
    guest, digits = make_guest(jane, make_group(jane))
    jane.call("PATCH", f"/users/{guest['id']}/subscription", {"state": "suspended"})

    assert try_pin(client, jane, digits)["reason"] == "suspended"
    row = jane.entries()["items"][-1]
    assert (row["event_detail"], row["user_alias"]) == ("suspended", None)
    assert row["user_id"] == guest["user"]["id"]


def test_a_group_without_schedule_is_never_sent_to_the_lock(client, jane):
    _, digits = make_guest(jane, make_group(jane, schedule=None))

    assert try_pin(client, jane, digits)["reason"] == "no_schedule"
    row = jane.entries()["items"][-1]
    assert row["event_detail"] == "no_access"
    assert row["user_id"] == "ee8f17b4-701b-4aa6-9f1c-22f71cc61ca6"


def test_a_site_without_pins_opens_for_none(client, jane):
    _, digits = make_guest(jane, make_group(jane))
    client.control(f"sites/{jane.site['id']}", pin_enabled=False)

    assert try_pin(client, jane, digits)["reason"] == "pin_disabled"


def test_a_removed_user_does_not_open(client, jane):
    guest, digits = make_guest(jane, make_group(jane))
    jane.call("DELETE", f"/users/{guest['id']}")

    assert try_pin(client, jane, digits)["opened"] is False


@pytest.mark.parametrize(
    ("schedule", "opens"),
    [
        ({"saturday": True}, True),
        ({"sunday": True}, False),
        ({"saturday": True, "end_time": "20:59"}, False),
        ({"saturday": True, "start_time": "21:00", "end_time": "21:00"}, True),
        ({"saturday": True, "start_date": "2026-03-28T21:00:00"}, True),
        ({"saturday": True, "start_date": "2026-03-28T21:00:01"}, False),
        ({"saturday": True, "end_date": "2026-03-28T20:59:59"}, False),
    ],
)
def test_a_schedule_decides_by_the_sites_own_time(client, jane, schedule, opens):
    path = make_group(jane, schedule=None)
    jane.call("POST", f"{path}/time_schedules", schedule)
    _, digits = make_guest(jane, path)

    verdict = try_pin(client, jane, digits)
    assert verdict == {"opened": opens, "reason": "opened" if opens else "outside_schedule"}


# --- groups and schedules ---


def test_a_schedule_comes_back_in_salto_spelling(jane):
    path = make_group(jane, schedule=None)
    body = EVERY_DAY | {"start_time": "08:00", "end_time": "18:00"}
    made = jane.call("POST", f"{path}/time_schedules", body).json()
    changed = jane.call("PATCH", f"{path}/time_schedules/{made['id']}", {"monday": False}).json()

    assert (made["start_time"], made["end_time"]) == ("08:00:00", "18:00:59")
    assert (changed["monday"], changed["end_time"]) == (False, "18:00:59")
    assert jane.call("DELETE", f"{path}/time_schedules/{made['id']}").status == 204
    assert jane.items(f"{path}/time_schedules") == []


@pytest.mark.parametrize("body", [{}, {"days": ["monday"]}, {"monday": "yes"}])
def test_a_schedule_needs_a_day(jane, body):
    path = make_group(jane, schedule=None)
    answer = jane.call("POST", f"{path}/time_schedules", body)

    assert refusal(answer) == (400, "1101", "At least one day should be selected")


def test_groups_take_platform_ids_never_site_user_ids(jane):
    path = make_group(jane)
    guest = jane.call("POST", "/guests", {"alias": "G"}).json()

    wrong = jane.call("POST", f"{path}/users", {"user_id": guest["id"]})
    right = jane.call("POST", f"{path}/users", {"user_id": guest["user"]["id"]})
    assert refusal(wrong) == (404, "2202", "User not found")
    assert right.status == 200
    assert [row["id"] for row in jane.items(f"{path}/users")] == [guest["user"]["id"]]


def test_members_can_be_changed_in_bulk_and_removed_one_by_one(jane):
    path = make_group(jane)
    ids = [jane.call("POST", "/guests", {"alias": name}).json()["user"]["id"] for name in "abc"]
    jane.call("PATCH", f"{path}/users", {"add_ids": ids, "remove_ids": []})
    jane.call("PATCH", f"{path}/users", {"add_ids": [], "remove_ids": ids[:1]})
    assert jane.call("DELETE", f"{path}/users/{ids[1]}").status == 204

    assert [row["id"] for row in jane.items(f"{path}/users")] == ids[2:]


def test_a_group_can_be_renamed_and_deleted(client, jane):
    path = make_group(jane)
    _, digits = make_guest(jane, path)
    renamed = jane.call("PATCH", path, {"customer_reference": "Others"}).json()

    assert renamed["customer_reference"] == "Others"
    assert jane.call("DELETE", path).status == 204
    assert jane.get(path).status == 404
    assert try_pin(client, jane, digits)["opened"] is False


def test_another_sites_lock_cannot_join(client, jane):
    other = client.sign_in("harbour").items("/locks")[0]["id"]
    answer = jane.call("POST", f"{make_group(jane)}/locks", {"lock_id": other})

    assert refusal(answer) == (404, "2202", "Lock not found")


# --- how long it takes ---


def test_a_new_guest_is_known_only_after_a_while(client, jane):
    path = make_group(jane)
    client.control("settings", replication_min_seconds=60, replication_max_seconds=60)
    guest = jane.call("POST", "/guests", {"alias": "New"}).json()
    user = f"/users/{guest['id']}"

    assert guest["roles"] == []
    assert refusal(jane.call("PUT", f"{user}/pin", {}))[:2] == (403, "2203")
    assert refusal(jane.call("PATCH", user, {"use_pin": True}))[:2] == (404, "2202")
    join = {"user_id": guest["user"]["id"]}
    assert refusal(jane.call("POST", f"{path}/users", join))[:2] == (404, "2202")
    client.pass_time(61)
    assert jane.call("POST", f"{path}/users", join).status == 200
    assert [role["code"] for role in jane.get(user).json()["roles"]] == ["site_guest"]


def test_schedules_and_members_reach_the_lock_after_their_own_delays(client, jane):
    client.control("settings", schedule_sync_seconds=214, member_sync_seconds=45)
    _, digits = make_guest(jane, make_group(jane))

    assert try_pin(client, jane, digits)["reason"] == "not_synced"
    client.pass_time(46)
    assert try_pin(client, jane, digits)["reason"] == "no_schedule"
    client.pass_time(170)
    assert try_pin(client, jane, digits)["opened"] is True


def test_while_the_iq_is_offline_grants_and_revocations_wait(client, jane):
    path = make_group(jane)
    old, old_digits = make_guest(jane, path)
    iq = jane.items("/iqs")[0]["id"]
    client.control(f"iqs/{iq}", online=False)
    jane.call("DELETE", f"/users/{old['id']}")
    _, new_digits = make_guest(jane, path)

    assert try_pin(client, jane, new_digits)["reason"] == "not_synced"
    assert try_pin(client, jane, old_digits)["opened"] is True
    client.control(f"iqs/{iq}", online=True)
    assert try_pin(client, jane, new_digits)["opened"] is True
    assert try_pin(client, jane, old_digits)["opened"] is False
