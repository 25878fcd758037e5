"""People, groups, doors and cards of the simulated Salto Space."""

import pytest

from sandbox.space import seed
from tests.sandbox.space import KEY, Desk, door, group, mutations, warnings
from tests.sandbox.test_seam import PAGINATION, refusal

# Required by the published schema, version 1.1038.0.
SYSTEM = {
    "acs_system_id",
    "connected_account_id",
    "connected_account_ids",
    "created_at",
    "errors",
    "image_alt_text",
    "image_url",
    "is_credential_manager",
    "location",
    "name",
    "warnings",
    "workspace_id",
}
USER = {
    "acs_system_id",
    "acs_user_id",
    "connected_account_id",
    "created_at",
    "display_name",
    "errors",
    "is_managed",
    "last_successful_sync_at",
    "warnings",
    "workspace_id",
}
GROUP = {
    "access_group_type",
    "access_group_type_display_name",
    "acs_access_group_id",
    "acs_system_id",
    "connected_account_id",
    "created_at",
    "display_name",
    "errors",
    "external_type",
    "external_type_display_name",
    "is_managed",
    "name",
    "pending_mutations",
    "warnings",
    "workspace_id",
}
ENTRANCE = {
    "acs_entrance_id",
    "acs_system_id",
    "connected_account_id",
    "created_at",
    "display_name",
    "errors",
    "space_ids",
    "warnings",
}
CREDENTIAL = {
    "access_method",
    "acs_credential_id",
    "acs_system_id",
    "connected_account_id",
    "created_at",
    "display_name",
    "errors",
    "is_managed",
    "warnings",
    "workspace_id",
}
ENCODER = {
    "acs_encoder_id",
    "acs_system_id",
    "connected_account_id",
    "created_at",
    "display_name",
    "errors",
    "workspace_id",
}
IN_SYSTEM = {"acs_system_id": seed.SYSTEM_ID}
LISTS = [
    ("/systems/list", {"search": "annex"}, "acs_systems", SYSTEM, 1),
    ("/users/list", IN_SYSTEM, "acs_users", USER, 3),
    ("/access_groups/list", IN_SYSTEM, "acs_access_groups", GROUP, 9),
    ("/entrances/list", IN_SYSTEM, "acs_entrances", ENTRANCE, 12),
    ("/credentials/list", IN_SYSTEM, "acs_credentials", CREDENTIAL, 1),
    ("/encoders/list", IN_SYSTEM, "acs_encoders", ENCODER, 2),
]


@pytest.fixture
def desk(client):
    return Desk(client)


def seen(desk, user):
    return desk.said("/users/get", "acs_user", acs_user_id=user["acs_user_id"])


@pytest.mark.parametrize("each", LISTS)
def test_every_list_has_what_the_schema_requires(desk, each):
    path, body, key, required, count = each
    rows = desk.said(path, key, **body)

    assert len(rows) == count
    assert all(set(row) >= required for row in rows)
    assert all(row["acs_system_id"] == seed.SYSTEM_ID for row in rows)


@pytest.mark.parametrize("what", ["users", "entrances", "credentials", "encoders"])
def test_long_lists_come_in_pages(desk, client, what):
    client.control(f"systems/{seed.SYSTEM_ID}", grow={"users": 5, "groups": 2, "doors": 3})
    body = desk.ask(f"/{what}/list", **IN_SYSTEM, limit=1).json()

    assert len(body[f"acs_{what}"]) == 1
    assert set(body["pagination"]) == PAGINATION
    assert body["pagination"]["has_next_page"] is True


def test_one_of_each_can_be_read_alone(desk):
    for path, body, key, required, _count in LISTS:
        first, name = desk.said(path, key, **body)[0], key.removesuffix("s")
        got = desk.said(path.replace("list", "get"), name, **{f"{name}_id": first[f"{name}_id"]})
        assert set(got) >= required


@pytest.mark.parametrize(("path", "name"), [(row[0], row[2].removesuffix("s")) for row in LISTS])
def test_what_is_not_there_is_not_found(desk, path, name):
    wish = {f"{name}_id": "00000000-0000-4000-8000-000000000000"}

    assert refusal(desk.ask(path.replace("list", "get"), **wish)) == (404, f"{name}_not_found")


def test_get_and_delete_take_query_strings(desk, client):
    user = desk.user("Everybody")
    client.get(f"/seam/acs/users/list?acs_system_id={seed.SYSTEM_ID}&_strict=true", headers=KEY)
    path = f"/seam/acs/users/delete?acs_user_id={user['acs_user_id']}&_strict=true"

    assert client.delete(path, headers=KEY).json() == {"ok": True}


# --- people -------------------------------------------------------------------------------


def test_no_two_users_of_a_system_have_one_number(desk, client):
    for name in ("Jane", "Bo", "Cem"):
        desk.user("Everybody", full_name=name)
    client.control(f"systems/{desk.system_id}", grow={"users": 3})
    for name in ("Dana", "Eve"):
        desk.user("Everybody", full_name=name)

    rows = desk.said("/users/list", "acs_users", acs_system_id=desk.system_id)

    numbers = [row["salto_space_metadata"]["user_id"] for row in rows]
    assert len(numbers) == 11
    assert len(set(numbers)) == 11


def test_a_new_user_is_pending_until_space_has_heard(desk, client):
    user = desk.user("Everybody", email_address="jane@example.com", phone_number="+44")

    assert mutations(user) == ["creating"]
    assert user["salto_space_metadata"]["user_id"].startswith("SIM-")
    now = seen(desk, user)
    assert (mutations(now), now["last_successful_sync_at"] is not None) == ([], True)
    assert [
        r["name"]
        for r in desk.said(
            "/access_groups/list", "acs_access_groups", acs_user_id=user["acs_user_id"]
        )
    ] == ["SIMULATED Everybody"]


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/users/update", {"full_name": "Jane Roe"}, "updating_user_information"),
        (
            "/users/update",
            {"access_schedule": {"ends_at": "2026-05-01T11:00:00Z"}},
            "updating_access_schedule",
        ),
        ("/users/suspend", {}, "updating_suspension_state"),
        (
            "/users/add_to_access_group",
            {"acs_access_group_id": group("Spa guests")},
            "updating_group_membership",
        ),
        (
            "/access_groups/remove_user",
            {"acs_access_group_id": group("Everybody")},
            "updating_group_membership",
        ),
        ("/users/revoke_access_to_all_entrances", {}, "updating_group_membership"),
        ("/users/delete", {}, "deleting"),
    ],
)
def test_a_change_is_pending_and_waits_for_the_bridge(desk, client, path, body, code):
    user = desk.user("Everybody")
    client.control(f"systems/{seed.SYSTEM_ID}", is_bridge_up=False)
    desk.ask(path, acs_user_id=user["acs_user_id"], **body)
    client.pass_time(60)

    assert mutations(seen(desk, user)) == [code]
    client.control(f"systems/{seed.SYSTEM_ID}", is_bridge_up=True)
    if code == "deleting":
        answer = desk.ask("/users/get", acs_user_id=user["acs_user_id"])
        assert refusal(answer) == (404, "acs_user_not_found")
    else:
        assert mutations(seen(desk, user)) == []


@pytest.mark.parametrize(
    "body",
    [
        {"email_address": "jane@example.com"},
        {"email_address": "no address"},
        {"access_schedule": {"ends_at": "2020-01-01T00:00:00Z"}},
        {"access_schedule": {"ends_at": "never"}},
    ],
)
def test_a_user_that_makes_no_sense_is_refused(desk, body):
    desk.user("Everybody", email_address="jane@example.com")
    answer = desk.ask("/users/create", acs_system_id=seed.SYSTEM_ID, full_name="Jane", **body)

    assert refusal(answer) == (400, "invalid_input")


def test_an_unknown_group_makes_no_user(desk):
    wish = {"acs_access_group_ids": [door("Lift")], "full_name": "Jane"}

    answer = desk.ask("/users/create", acs_system_id=seed.SYSTEM_ID, **wish)

    assert refusal(answer) == (404, "acs_access_group_not_found")
    assert len(desk.said("/users/list", "acs_users", **IN_SYSTEM)) == 3


def test_users_are_found_by_what_they_are_called(desk):
    desk.user("Everybody", email_address="jane@example.com")

    for words in ("jane d", "JANE@EXAMPLE"):
        [row] = desk.said("/users/list", "acs_users", search=words)
        assert row["full_name"] == "Jane Doe"


def test_what_a_user_a_group_and_a_key_open(desk):
    user = desk.user("Everybody", "Room 101")
    key = desk.key(user)
    ids = {door("Main Entrance"), door("Lift"), door("Room 101")}
    paths = {
        "/users/list_accessible_entrances": ("acs_user_id", user["acs_user_id"], ids),
        "/credentials/list_accessible_entrances": (
            "acs_credential_id",
            key["acs_credential_id"],
            ids,
        ),
        "/entrances/list": ("acs_credential_id", key["acs_credential_id"], ids),
        "/access_groups/list_accessible_entrances": (
            "acs_access_group_id",
            group("Room 101"),
            {door("Room 101")},
        ),
    }
    for path, (name, value, wanted) in paths.items():
        rows = desk.said(path, "acs_entrances", **{name: value})
        assert {row["acs_entrance_id"] for row in rows} == wanted

    wish = {"acs_entrance_id": door("Room 101")}
    rows = desk.said("/entrances/list_credentials_with_access", "acs_credentials", **wish)
    assert [row["acs_credential_id"] for row in rows] == [key["acs_credential_id"]]
    rows = desk.said(
        "/access_groups/list_users", "acs_users", acs_access_group_id=group("Room 101")
    )
    assert [row["acs_user_id"] for row in rows] == [user["acs_user_id"]]


def test_a_single_door_can_be_granted(desk, client):
    user = desk.user()
    wish = {"acs_entrance_id": door("Spa"), "acs_user_id": user["acs_user_id"]}
    desk.ask("/entrances/grant_access", **wish)
    client.pass_time(1)

    assert desk.encode(desk.key(user)) == "success"
    assert desk.opens() == {"Spa"}


def test_a_deleted_group_takes_its_doors_from_cards_written_later(desk, client):
    user = desk.user("Everybody", "Spa guests")
    key = desk.key(user)
    desk.encode(key)
    desk.ask("/access_groups/delete", acs_access_group_id=group("Spa guests"))
    client.pass_time(1)

    assert desk.try_card("Blank 1", "Spa") == "opened"
    assert warnings(desk.seen_key(key)) == ["needs_to_be_reissued"]


# --- doors --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("Blank 1", "blank"),
        ("Foreign card", "foreign"),
        ("Damaged card", "unreadable"),
        ("Staff card", "not_allowed_here"),
        ("Old guest card", "expired"),
        ("Mara's card", "not_allowed_here"),
    ],
)
def test_a_room_says_why_it_stays_shut(desk, client, label, reason):
    assert desk.try_card(label, "Room 103") == reason
    [effect] = client.effects(kind="lock_rejected")
    assert (effect["cause"], effect["detail"]["reason"]) == ("card", reason)
    assert desk.card(label)["trail"][-1]["door"] == "Room 103"


def test_a_card_keeps_to_its_times(desk, client):
    user = desk.user(
        "Everybody",
        "Room 101",
        access_schedule={"starts_at": "2026-03-29T10:00:00Z", "ends_at": "2026-03-31T10:00:00Z"},
    )
    desk.encode(desk.key(user))

    assert desk.try_card("Blank 1", "Room 101") == "not_activated"
    client.pass_time(14 * 3600)
    assert desk.try_card("Blank 1", "Room 101") == "opened"
    client.pass_time(48 * 3600)
    assert desk.try_card("Blank 1", "Room 101") == "expired"
    assert "acs_user_inactive" in warnings(seen(desk, user))


def test_a_card_that_saw_no_updater_for_too_long_stops(desk, client):
    client.control(f"systems/{seed.SYSTEM_ID}", revalidation_days=7)
    desk.encode(desk.key(desk.user("Everybody", "Room 101")))
    client.pass_time(8 * 86_400)

    assert desk.try_card("Blank 1", "Room 101") == "out_of_date"
    assert desk.card("Blank 1")["key_status"] == 5
    assert desk.try_card("Blank 1", "Main Entrance") == "opened"
    assert desk.try_card("Blank 1", "Room 101") == "opened"


def test_an_updater_brings_new_rights_and_the_end_of_old_ones(desk, client):
    user = desk.user("Everybody", "Room 101")
    desk.encode(desk.key(user))
    who = {"acs_user_id": user["acs_user_id"]}
    desk.ask("/users/add_to_access_group", acs_access_group_id=group("Spa guests"), **who)
    client.pass_time(1)
    assert desk.try_card("Blank 1", "Spa") == "not_allowed_here"

    assert desk.try_card("Blank 1", "Main Entrance") == "opened"
    assert desk.try_card("Blank 1", "Spa") == "opened"
    desk.ask("/users/suspend", **who)
    client.pass_time(1)
    assert desk.try_card("Blank 1", "Spa") == "opened"
    assert desk.try_card("Blank 1", "Main Entrance") == "not_allowed_here"
    assert desk.try_card("Blank 1", "Spa") == "not_allowed_here"


def test_a_change_of_structure_needs_the_encoder(desk, client):
    key = desk.key(desk.user("Everybody"))
    desk.encode(key)
    client.control(f"systems/{seed.SYSTEM_ID}", structure_version=2)
    desk.try_card("Blank 1", "Main Entrance")

    assert desk.card("Blank 1")["key_status"] == 4
    assert warnings(desk.seen_key(key)) == ["needs_to_be_reissued"]
    assert desk.encode(key) == "success"
    assert desk.card("Blank 1")["key_status"] == 1


def test_a_deleted_users_card_opens_offline_doors_until_the_list_arrives(desk, client):
    user = desk.user("Everybody", "Room 101")
    desk.encode(desk.key(user))
    desk.ask("/users/delete", acs_user_id=user["acs_user_id"])
    client.pass_time(1)

    assert desk.try_card("Blank 1", "Room 101") == "opened"
    client.control(f"doors/{door('Room 101')}/denylist")
    assert desk.try_card("Blank 1", "Room 101") == "cancelled"
    assert desk.try_card("Blank 1", "Main Entrance") == "cancelled"
    assert desk.card("Blank 1")["content"] == {}


def test_online_doors_tell_seam_who_came(desk, client):
    desk.try_card("Mara's card", "Main Entrance")
    desk.try_card("Mara's card", "Office")
    desk.try_card("Blank 1", "Lift")

    body = {"since": "2026-01-01T00:00:00Z", "acs_system_id": seed.SYSTEM_ID}
    rows = client.post("/seam/events/list", body, headers=KEY).json()["events"]
    assert [(row["event_type"], row["acs_entrance_id"]) for row in rows] == [
        ("lock.unlocked", door("Main Entrance")),
        ("lock.access_denied", door("Lift")),
    ]


# --- reading cards ------------------------------------------------------------------------


def test_a_blank_card_says_nothing(desk):
    result = desk.scan()

    assert result == {
        "acs_credential_on_encoder": None,
        "acs_credential_on_seam": None,
        "warnings": [],
    }


def test_a_card_of_ours_is_in_sync_until_something_changes(desk, client):
    user = desk.user("Everybody")
    key = desk.key(user)
    desk.encode(key)
    result = desk.scan()
    assert result["warnings"] == []
    assert result["acs_credential_on_seam"]["acs_credential_id"] == key["acs_credential_id"]
    assert result["acs_credential_on_encoder"]["card_number"] == desk.card("Blank 1")["serial"]

    desk.ask(
        "/users/update",
        acs_user_id=user["acs_user_id"],
        access_schedule={"ends_at": "2026-04-03T10:00:00Z"},
    )
    client.pass_time(1)
    [warning] = desk.scan()["warnings"]
    assert warning["warning_code"] == "acs_credential_on_encoder_out_of_sync"
    assert "ends_at" in warning["warning_message"]


@pytest.mark.parametrize("label", ["Foreign card", "Staff card", "Old guest card"])
def test_a_card_that_seam_does_not_know(desk, label):
    result = desk.scan(label)

    assert result["acs_credential_on_seam"] is None
    assert warning_codes(result) == ["acs_credential_on_seam_not_found"]


def test_a_half_written_card_says_so(desk, client):
    key = desk.key(desk.user("Everybody"))
    desk.encode(key)
    desk.start(key)
    client.pass_time(1)
    desk.place()
    desk.take()
    client.pass_time(3)

    assert "incomplete" in desk.scan()["warnings"][0]["warning_message"]


def warning_codes(result):
    return [row["warning_code"] for row in result["warnings"]]


def test_a_scan_without_a_card_ends(desk, client):
    attempt = desk.start_scan()
    client.pass_time(40)

    assert desk.outcome(attempt) == "no_credential_on_encoder"


# --- Seam's own simulate endpoints --------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({}, "no_credential_on_encoder"),
        ({"error_code": "encoding_interrupted"}, "encoding_interrupted"),
        ({"error_code": "uncategorized_error"}, "uncategorized_error"),
        ({"error_code": "action_attempt_expired"}, "action_attempt_expired"),
    ],
)
def test_the_next_encode_fails_as_wished_and_the_one_after_does_not(desk, body, kind):
    key = desk.key(desk.user("Everybody"))
    desk.ask(f"{SIMULATE}_encode_will_fail", acs_encoder_id=desk.encoder_id, **body)

    assert desk.encode(key) == kind
    assert desk.encode(key) == "success"


def test_the_next_encode_succeeds_without_a_card(desk, client):
    key = desk.key(desk.user("Everybody"))
    desk.ask(f"{SIMULATE}_encode_will_succeed", acs_encoder_id=desk.encoder_id)
    attempt = desk.start(key)
    client.pass_time(1)

    assert desk.outcome(attempt) == "success"
    assert desk.seen_key(key)["is_issued"] is True


@pytest.mark.parametrize(
    ("scenario", "on_seam", "codes"),
    [
        ("credential_exists_on_seam", True, []),
        (
            "credential_on_encoder_needs_update",
            True,
            ["acs_credential_on_encoder_out_of_sync"],
        ),
        ("credential_does_not_exist_on_seam", False, ["acs_credential_on_seam_not_found"]),
        ("credential_on_encoder_is_empty", False, []),
    ],
)
def test_the_next_scan_finds_what_was_wished(desk, scenario, on_seam, codes):
    wish = {"acs_encoder_id": desk.encoder_id, "scenario": scenario}
    desk.ask(f"{SIMULATE}_scan_will_succeed", **wish)
    attempt = desk.start_scan()
    desk.client.pass_time(1)
    result = desk.attempt(attempt)["result"]

    assert (result["acs_credential_on_seam"] is not None) is on_seam
    assert warning_codes(result) == codes


def test_the_next_scan_fails_as_wished(desk):
    wish = {"acs_encoder_id": desk.encoder_id, "error_code": "uncategorized_error"}
    desk.ask(f"{SIMULATE}_scan_will_fail", **wish)
    attempt = desk.start_scan()
    desk.client.pass_time(1)

    assert desk.outcome(attempt) == "uncategorized_error"


SIMULATE = "/encoders/simulate/next_credential"


# --- what it does not do ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/encoders/list", {}),
        ("/encoders/list", {"acs_system_id": seed.SYSTEM_ID, "acs_encoder_ids": []}),
        ("/credentials/list", {}),
        ("/encoders/encode_credential", {"acs_encoder_id": seed.make_id("encoder", "Back office")}),
        ("/users/get", {}),
    ],
)
def test_what_makes_no_sense_is_refused(desk, path, body):
    assert refusal(desk.ask(path, **body)) == (400, "invalid_input")


@pytest.mark.parametrize(
    ("path", "wish"),
    [
        ("cards/nobody/take", {}),
        ("cards/Blank 1/place", {"encoder_id": "nowhere"}),
        ("cards/Blank 1", {"colour": "red"}),
        ("encoders/Front desk 1", {"mode": "sleepy"}),
        ("users/nobody", {"is_locked": True}),
    ],
)
def test_a_senseless_wish_is_refused(client, path, wish):
    assert client.post(f"/control/{path.replace(' ', '%20')}", wish).status in {400, 404}


def test_new_cards_can_be_made_and_erased(client):
    card = client.control("cards", label="Tin", capacity=3)
    changed = client.control(f"cards/{card['id']}", content={"kind": "staff"})
    erased = client.control(f"cards/{card['id']}", erase=True)

    assert (card["capacity"], changed["content"], erased["content"]) == (3, {"kind": "staff"}, {})
