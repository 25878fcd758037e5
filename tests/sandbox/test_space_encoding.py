"""Encoders of the simulated Salto Space: every way a card can go wrong, and the right one."""

import pytest

from sandbox.space import refusals
from tests.sandbox.space import Desk, door, group, warnings


@pytest.fixture
def desk(client):
    return Desk(client)


@pytest.fixture
def jane(desk):
    return desk.user("Everybody", "Room 101")


@pytest.fixture
def key(desk, jane):
    return desk.key(jane)


# --- the right way ------------------------------------------------------------------------


def test_a_first_card_opens_the_right_doors_and_no_other(desk, key):
    assert (key["is_issued"], key["card_number"]) == (False, None)
    assert warnings(key) == ["waiting_to_be_issued"]

    assert desk.encode(key) == "success"

    now = desk.seen_key(key)
    assert (now["is_issued"], now["card_number"]) == (True, desk.card("Blank 1")["serial"])
    assert (now["issued_at"] is not None, warnings(now)) == (True, [])
    assert desk.opens() == {"Main Entrance", "Lift", "Room 101"}
    assert desk.events()[-2:] == ["acs_user.created", "acs_credential.issued"]


def test_the_light_shows_where_an_encoder_is(desk, client, key):
    assert desk.light() == "idle"
    desk.start(key)
    client.pass_time(1)
    assert desk.light() == "waiting"
    desk.place()
    assert desk.light() == "processing"
    client.pass_time(1)
    assert desk.light() == "ok"
    client.pass_time(3)
    assert desk.light() == "idle"


def test_a_card_that_lies_there_already_is_written_at_once(desk, client, key):
    desk.place()
    attempt = desk.start(key)
    client.pass_time(2)

    assert desk.outcome(attempt) == "success"
    assert desk.attempt(attempt)["result"]["acs_credential_id"] == key["acs_credential_id"]


def test_an_update_writes_the_same_card_after_a_change_of_groups(desk, client, jane, key):
    desk.encode(key)
    desk.ask(
        "/users/add_to_access_group",
        acs_user_id=jane["acs_user_id"],
        acs_access_group_id=group("Spa guests"),
    )
    client.pass_time(1)
    assert warnings(desk.seen_key(key)) == ["needs_to_be_reissued"]
    assert desk.card("Blank 1")["key_status"] == 3
    assert desk.try_card("Blank 1", "Spa") == "not_allowed_here"

    again = desk.key(jane, is_new=False)
    assert again["acs_credential_id"] == key["acs_credential_id"]
    assert desk.encode(again) == "success"
    assert desk.try_card("Blank 1", "Spa") == "opened"
    assert desk.events()[-1] == "acs_credential.reissued"


def test_a_replacement_leaves_the_old_card_open_until_the_list_arrives(desk, client, jane, key):
    desk.encode(key)
    desk.drop_key(key)
    new = desk.key(jane)
    assert desk.encode(new, "Blank 2") == "success"

    assert desk.try_card("Blank 1", "Room 101") == "opened"
    assert desk.try_card("Blank 1", "Lift") == "cancelled"
    assert desk.try_card("Blank 2", "Room 101") == "opened"  # and brings the list
    assert desk.try_card("Blank 1", "Room 101") == "cancelled"


# --- the ten errors, as they come about ---------------------------------------------------


def test_nobody_lays_a_card_on(desk, client, key):
    attempt = desk.start(key)
    client.pass_time(29)
    assert desk.outcome(attempt) == "pending"
    client.pass_time(3)

    assert desk.outcome(attempt) == "no_credential_on_encoder"
    assert desk.encode(key) == "success"


def test_a_card_lifted_while_it_is_written_is_half_written(desk, client, key):
    attempt = desk.start(key)
    client.pass_time(1)
    desk.place()
    desk.take()

    assert desk.outcome(attempt) == "encoding_interrupted"
    assert desk.card("Blank 1")["is_half_written"] is True
    assert desk.try_card("Blank 1", "Room 101") == "manipulated"
    client.pass_time(5)
    assert desk.encode(key) == "success"
    assert desk.try_card("Blank 1", "Room 101") == "opened"


@pytest.mark.parametrize("label", ["Foreign card", "Damaged card"])
def test_a_card_that_will_not_do(desk, key, label):
    assert desk.encode(key, label) == "incompatible_card_format"


@pytest.mark.parametrize(
    ("label", "more", "words"),
    [
        ("Staff card", {}, "valid staff user"),
        ("Mara's card", {}, "already used by another user"),
        ("Small card", {}, "does not fit"),
        ("Blank 1", {"is_misplaced": True}, "badly placed"),
    ],
)
def test_what_has_no_type_of_its_own_is_uncategorized(desk, key, label, more, words):
    attempt = desk.start(key)
    desk.client.pass_time(1)
    desk.place(label, **more)

    error = desk.attempt(attempt)["error"]
    assert error["type"] == "uncategorized_error"
    assert words in error["message"]


def test_an_old_guest_card_may_be_used_again(desk, key):
    assert desk.encode(key, "Old guest card") == "success"


def test_a_second_key_for_one_user_is_refused(desk, jane, key):
    desk.encode(key)

    assert desk.encode(desk.key(jane), "Blank 2") == "credential_cannot_be_reissued"


def test_there_is_nothing_to_update_without_a_key(desk, jane):
    assert desk.encode(desk.key(jane, is_new=False)) == "credential_cannot_be_reissued"


@pytest.mark.parametrize("label", ["Blank 2", "Mara's card"])
def test_an_update_takes_no_other_card(desk, key, label):
    desk.encode(key)

    assert desk.encode(key, label) == "credential_cannot_be_reissued"


def test_a_credential_deleted_while_it_waits(desk, client, key):
    attempt = desk.start(key)
    client.pass_time(1)
    desk.drop_key(key)

    assert desk.outcome(attempt) == "credential_deleted"


def test_a_user_deleted_while_the_card_is_written(desk, client, jane, key):
    attempt = desk.start(key)
    client.pass_time(1)
    desk.place()
    desk.ask("/users/delete", acs_user_id=jane["acs_user_id"])
    client.pass_time(3)

    assert desk.outcome(attempt) == "credential_deleted"


def test_an_encoder_that_is_off(desk, client, key):
    client.control(f"encoders/{desk.encoder_id}", mode="offline")
    assert desk.encode(key) == "encoder_not_online"

    client.control(f"encoders/{desk.encoder_id}", mode="ready")
    assert desk.encode(key) == "success"


@pytest.mark.parametrize(
    "mode", ["auto_update", "dongle", "desktop_reader", "uninitialised", "garbled"]
)
def test_an_encoder_in_another_mode(desk, client, key, mode):
    client.control(f"encoders/{desk.encoder_id}", mode=mode)

    assert desk.encode(key) == "uncategorized_error"


def test_an_encoder_that_falls_silent_in_the_middle(desk, client, key):
    attempt = desk.start(key)
    client.pass_time(1)
    desk.place()
    client.control(f"encoders/{desk.encoder_id}", mode="offline")

    assert desk.outcome(attempt) == "encoder_communication_timeout"
    assert desk.seen_key(key)["is_issued"] is False
    assert desk.try_card("Blank 1", "Room 101") == "opened"  # it was written, unseen
    client.pass_time(10)
    assert desk.seen_key(key)["is_issued"] is True


@pytest.mark.parametrize("is_started", [True, False])
def test_the_bridge_drops(desk, client, key, is_started):
    if is_started:
        attempt = desk.start(key)
        client.pass_time(1)
    client.control(f"systems/{desk.system_id}", is_bridge_up=False)
    if not is_started:
        attempt = desk.start(key)
        client.pass_time(1)

    assert desk.outcome(attempt) == "bridge_disconnected"
    system = desk.said("/systems/get", "acs_system", acs_system_id=desk.system_id)
    assert [row["error_code"] for row in system["errors"]] == [
        "seam_bridge_disconnected",
        "bridge_disconnected",
    ]


def test_an_encoder_that_stalls_lets_the_attempt_expire(desk, client, key):
    client.control(f"encoders/{desk.encoder_id}", mode="stalled")
    attempt = desk.start(key)
    client.pass_time(1)
    desk.place()
    client.pass_time(50)
    assert desk.outcome(attempt) == "pending"
    client.pass_time(15)

    assert desk.outcome(attempt) == "action_attempt_expired"


def test_of_two_clicks_one_is_told_that_the_encoder_is_busy(desk, client, jane, key):
    first, second = desk.start(key), desk.start(key)
    client.pass_time(1)

    assert (desk.outcome(first), desk.outcome(second)) == ("pending", "uncategorized_error")
    desk.place()
    client.pass_time(2)
    assert desk.outcome(first) == "success"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("systems/{system}", {"is_server_up": False}),
        ("systems/{system}", {"has_licence": False}),
        ("systems/{system}", {"denylist_size": 0}),
        ("systems/{system}", {"has_database": False}),
        ("doors/{room}", {"is_being_edited": True}),
        ("users/{user}", {"is_locked": True}),
    ],
)
def test_space_itself_says_no(desk, jane, key, path, body):
    names = {"system": desk.system_id, "user": jane["acs_user_id"], "room": door("Room 101")}
    desk.client.control(path.format(**names), **body)

    assert desk.encode(key) == "uncategorized_error"


def test_a_removed_encoder_is_not_found(desk, client, key):
    client.control(f"encoders/{desk.encoder_id}", is_removed=True)
    row = desk.said("/encoders/get", "acs_encoder", acs_encoder_id=desk.encoder_id)
    answer = desk.ask(
        "/encoders/encode_credential",
        acs_encoder_id=desk.encoder_id,
        acs_credential_id=key["acs_credential_id"],
    )

    assert row["errors"][0]["error_code"] == "acs_encoder_removed"
    assert (answer.status, answer.json()["error"]["type"]) == (404, "acs_encoder_not_found")


def test_a_job_can_be_cancelled_at_the_server(desk, client, key):
    attempt = desk.start(key)
    client.pass_time(1)
    desk.place()
    client.control(f"encoders/{desk.encoder_id}", cancel=True)

    assert desk.attempt(attempt)["error"]["message"] == "The encoder process was cancelled."
    assert desk.card("Blank 1")["content"] == {}
    client.pass_time(5)
    desk.take()
    assert desk.encode(key) == "success"


# --- scripts ------------------------------------------------------------------------------


@pytest.mark.parametrize("row", sorted(refusals.ROWS))
def test_every_row_of_the_failure_table_can_be_asked_for(desk, key, row):
    desk.client.control("scripts", action_type="ENCODE_CREDENTIAL", error=row)
    attempt = desk.start(key)
    desk.client.pass_time(1)
    state = desk.light()
    desk.place()
    desk.client.pass_time(3)

    wanted = refusals.ROWS[row]
    assert desk.attempt(attempt)["error"] == {"type": wanted.kind, "message": wanted.message}
    assert state == ("waiting" if row in refusals.OF_CARDS else "error")
    assert desk.card("Blank 1")["content"] == {}


def test_no_two_rows_say_the_same():
    said = [(row.kind, row.message) for row in refusals.ROWS.values()]

    assert len(set(said)) == len(said)


@pytest.mark.parametrize(
    "kind",
    [
        "uncategorized_error",
        "action_attempt_expired",
        "no_credential_on_encoder",
        "incompatible_card_format",
        "credential_cannot_be_reissued",
        "encoder_not_online",
        "encoder_communication_timeout",
        "bridge_disconnected",
        "encoding_interrupted",
        "credential_deleted",
    ],
)
@pytest.mark.parametrize("phase", ["before", "during", "after"])
def test_every_error_can_be_asked_for_in_every_phase(desk, client, key, kind, phase):
    client.control("scripts", action_type="ENCODE_CREDENTIAL", phase=phase, error=kind)

    assert desk.encode(key) == kind
    card = desk.card("Blank 1")
    assert card["is_half_written"] is (phase == "during")
    assert bool(card["content"]) is (phase == "after")
    client.pass_time(10)
    assert desk.seen_key(key)["is_issued"] is (phase == "after")


def test_an_answer_may_be_lost_for_ever(desk, client, key):
    client.control("scripts", phase="after", error=None, report_seconds=-1)
    attempt = desk.start(key)
    client.pass_time(1)
    desk.place()
    client.pass_time(30)

    assert desk.outcome(attempt) == "pending"
    client.pass_time(60)
    assert desk.outcome(attempt) == "action_attempt_expired"
    assert desk.seen_key(key)["is_issued"] is False
    desk.take()
    assert desk.scan()["acs_credential_on_seam"]["acs_credential_id"] == key["acs_credential_id"]


def test_a_script_can_count_and_can_mean_one_card(desk, client, key):
    card_id = desk.card("Blank 3")["id"]
    wish = {"match": {"card_id": card_id}, "error": "incompatible_card_format", "times": 2}
    client.control("scripts", **wish)

    outcomes = [desk.encode(key, "Blank 3") for _ in range(3)]
    assert outcomes == ["incompatible_card_format"] * 2 + ["success"]


def test_a_script_can_be_a_matter_of_seeded_chance(desk, client, jane):
    wish = {"error": "encoder_not_online", "times": None, "chance_percent": 50, "seed": 3}
    client.control("scripts", **wish)
    key = desk.key(jane)
    first = [desk.encode(key) for _ in range(8)]
    client.control("reset")
    client.control("settings", preset="instant")
    client.control("scripts", **wish)
    key = desk.key(desk.user("Everybody", "Room 101"))
    again = [desk.encode(key) for _ in range(8)]

    assert set(first) == {"encoder_not_online", "success"}
    assert first == again


def test_a_senseless_script_is_refused(client):
    for wish in ({"phase": "never"}, {"match": {"colour": "red"}}, {"error": 3}):
        assert client.post("/control/scripts", wish).status == 400


def test_doors_are_named_by_their_ids(desk):
    assert desk.card("Mara's card")["content"]["door_ids"] == sorted(
        door(name) for name in ("Main Entrance", "Lift", "Staff Entrance", "Office", "Kitchen")
    )
