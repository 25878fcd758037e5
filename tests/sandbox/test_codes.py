"""The oracle of codes, and how changes in a row reach the lock."""

from tests.sandbox.test_people import make_group, make_guest, try_pin


def codes(client, jane, lock="Front Door"):
    rows = client.get(f"/control/codes?lock_id={jane.lock(lock)['id']}").json()
    return {row["name"]: row for row in rows}


def test_the_oracle_tells_what_the_keypad_would_say(client, jane):
    _, digits = make_guest(jane, make_group(jane))

    row = codes(client, jane)["Room 4"]

    assert row["digits"] == digits
    assert (row["opens_now"], row["reason"]) == (True, "opened")
    assert (row["in_cloud"], row["on_lock"]) == (True, True)
    assert try_pin(client, jane, digits)["opened"]
    assert codes(client, jane, "Back Door")["Room 4"]["reason"] == "no_group"


def test_asking_the_oracle_moves_nothing_and_logs_nothing(client, jane):
    make_guest(jane, make_group(jane))
    before = client.latest()

    codes(client, jane)

    assert client.latest() == before


def test_a_lock_without_keypad_has_no_codes(client, jane):
    assert codes(client, jane, "Bike Store") == {}


def test_the_oracle_of_all_locks_names_each(client):
    rows = client.get("/control/codes").json()

    assert {row["lock_name"] for row in rows} > {"Front Door", "Main Entrance"}
    assert {row["digits"] for row in rows} == {"246810", "4711"}


def test_a_code_that_is_gone_in_the_cloud_is_told_until_the_lock_has_heard(client, jane):
    guest, digits = make_guest(jane, make_group(jane))
    client.control("settings", member_sync_seconds=45.0)

    jane.call("DELETE", f"/users/{guest['id']}")

    row = codes(client, jane)["Room 4"]
    assert (row["in_cloud"], row["on_lock"], row["opens_now"]) == (False, True, True)
    assert row["digits"] == digits
    client.pass_time(46)
    assert "Room 4" not in codes(client, jane)


def test_new_digits_are_a_row_of_their_own_until_the_lock_has_heard(client, jane):
    guest, digits = make_guest(jane, make_group(jane))
    client.control("settings", member_sync_seconds=45.0)

    newer = jane.call("PUT", f"/users/{guest['id']}/pin", {}).json()

    path = f"/control/codes?lock_id={jane.lock()['id']}"
    rows = {row["digits"]: row for row in client.get(path).json()}
    assert rows[digits]["opens_now"]
    assert (rows[newer]["opens_now"], rows[newer]["reason"]) == (False, "not_synced")


def test_changes_in_a_row_do_not_put_each_other_off(client, jane):
    path = make_group(jane)
    client.control("settings", member_sync_seconds=45.0)
    _, digits = make_guest(jane, path)

    for _ in range(5):
        client.pass_time(10)
        make_guest(jane, path)

    assert try_pin(client, jane, digits)["opened"]
