import pytest

from tests.sandbox.client import refusal


def opened(client, **query):
    return client.effects(kind="lock_opened", **query)


def test_a_remote_opening_relocks_by_its_own_timer(client, jane):
    lock = jane.lock()
    answer = jane.locking(lock["id"])
    during = jane.lock()["locked_state"]
    client.pass_time(6.9)
    still = jane.lock()["locked_state"]
    client.pass_time(0.2)

    assert (answer.status, answer.body) == (200, b"")
    assert (during, still, jane.lock()["locked_state"]) == ("unlocked", "unlocked", "locked")
    assert [(e["kind"], e["cause"]) for e in client.effects(lock_id=lock["id"])] == [
        ("lock_opened", "remote"),
        ("lock_relocked", "relock_timer"),
    ]


def test_an_effect_tells_who_what_when_and_by_which_request(client, jane):
    lock = jane.lock()
    jane.call(
        "PATCH",
        f"/locks/{lock['id']}/locking",
        {"locked_state": "unlocked"},
        headers={"X-Request-Id": "attempt-1"},
    )
    effect = opened(client)[0]

    assert list(effect) == [
        "n",
        "at",
        "kind",
        "account",
        "lock_id",
        "lock_name",
        "cause",
        "request_id",
        "detail",
    ]
    assert (effect["account"], effect["lock_id"]) == ("jane@example.com", lock["id"])
    assert (effect["lock_name"], effect["request_id"]) == ("Front Door", "attempt-1")
    assert effect["at"] == "2026-03-28T21:00:00.000Z"


def test_the_relock_effect_bears_the_moment_it_was_due(client, jane):
    jane.locking(jane.lock()["id"])
    client.pass_time(3600)

    assert client.effects(kind="lock_relocked")[0]["at"] == "2026-03-28T21:00:07.000Z"


def test_opening_again_extends_the_time(client, jane):
    lock = jane.lock()
    jane.locking(lock["id"])
    client.pass_time(5)
    jane.locking(lock["id"])
    client.pass_time(5)

    assert jane.lock()["locked_state"] == "unlocked"
    client.pass_time(3)
    assert client.kinds().count("lock_relocked") == 1


def test_the_open_time_is_the_locks_own(client, jane):
    lock = jane.lock()
    client.control(f"locks/{lock['id']}", open_seconds=240)
    jane.locking(lock["id"], seconds=1)
    client.pass_time(239)

    assert jane.lock()["locked_state"] == "unlocked"


def test_office_mode_stays_until_it_is_ended(client, jane):
    lock = jane.lock()
    jane.locking(lock["id"], "office_mode")
    client.pass_time(3000)
    during = jane.lock()["locked_state"]
    jane.locking(lock["id"], "locked")

    assert (during, jane.lock()["locked_state"]) == ("office_mode", "locked")
    assert [e["kind"] for e in client.effects(cause="remote", lock_id=lock["id"])] == [
        "office_mode_started",
        "office_mode_ended",
    ]
    rows = jane.entries()["items"]
    assert [(r["event_category"], r["event_detail"]) for r in rows] == [
        ("office_mode", "start"),
        ("office_mode", "end"),
    ]


def test_locked_only_ends_office_mode(client, jane):
    lock = jane.lock()
    jane.locking(lock["id"])
    answer = jane.locking(lock["id"], "locked")

    assert answer.status == 200
    assert jane.lock()["locked_state"] == "unlocked"


@pytest.mark.parametrize("state", ["none", "uncertain", "open", "", None, [], {}])
def test_other_states_cannot_be_asked_for(jane, state):
    answer = jane.call("PATCH", f"/locks/{jane.lock()['id']}/locking", {"locked_state": state})

    assert refusal(answer)[:2] == (400, "1101")


def test_office_mode_needs_the_right(client):
    client.control("accounts/jane@example.com", role="site_mobile_user")
    jane = client.sign_in("jane")
    for member in client.world.members.where(site_id=jane.site["id"]):
        member.remote_access = True

    assert jane.locking(jane.lock()["id"]).status == 200
    assert refusal(jane.locking(jane.lock()["id"], "office_mode"))[:2] == (403, "2203")


def test_privacy_mode_refuses_remote_opening(client, jane):
    lock = jane.lock()
    client.control(f"locks/{lock['id']}", privacy_mode=True)
    answer = jane.locking(lock["id"])

    assert refusal(answer) == (
        403,
        "3102",
        "Request execution failed with code: command_forbidden",
    )
    assert opened(client) == []
    assert client.effects(kind="lock_rejected")[0]["detail"] == {"reason": "privacy_mode"}


def test_privacy_mode_can_be_overridden(client, jane):
    lock = jane.lock()
    client.control(f"locks/{lock['id']}", privacy_mode=True)
    me = jane.get("/me").json()
    jane.call("PATCH", f"/users/{me['id']}", {"override_privacy_mode": True})

    assert jane.locking(lock["id"]).status == 200


# --- offline ---


@pytest.mark.parametrize(
    ("chosen", "status"), [("422", 422), ("3102", 400), ("503", 503), (None, 422)]
)
def test_an_offline_lock_answers_as_chosen(client, jane, chosen, status):
    lock = jane.lock()
    client.control(f"locks/{lock['id']}", online=False, offline_answer=chosen)
    answer = jane.locking(lock["id"])

    assert answer.status == status
    assert opened(client) == []


def test_the_online_flag_follows_late(client, jane):
    client.control("settings", lock_flag_delay_seconds=300, iq_flag_delay_seconds=1800)
    lock = jane.lock()
    client.control(f"locks/{lock['id']}", online=False, iq_online=False)

    assert (jane.lock()["online"], jane.lock()["iq"]["is_online"]) == (True, True)
    assert jane.locking(lock["id"]).status == 422
    client.pass_time(301)
    assert (jane.lock()["online"], jane.lock()["iq"]["is_online"]) == (False, True)
    client.pass_time(1500)
    assert jane.items("/iqs")[0]["online"] is False


def test_the_cloud_does_not_hear_a_lock_that_is_offline(client, jane):
    lock = jane.lock()
    jane.locking(lock["id"])
    client.control(f"locks/{lock['id']}", online=False)
    client.pass_time(10)

    assert client.kinds().count("lock_relocked") == 1
    assert jane.lock()["locked_state"] == "unlocked"
    client.control(f"locks/{lock['id']}", online=True)
    assert jane.lock()["locked_state"] == "locked"


def test_a_detached_lock_has_no_iq_and_cannot_be_reached(client, jane):
    lock = jane.lock()
    client.control(f"locks/{lock['id']}", iq_link_state="detached")

    assert jane.lock()["iq"] is None
    assert jane.locking(lock["id"]).status == 422


# --- people at the door ---


def test_a_pin_opens_and_is_logged_with_its_person(client, jane):
    lock = jane.lock()
    answer = client.control("keypad", lock_id=lock["id"], code="246810#")

    assert answer == {"opened": True, "reason": "opened"}
    effect = opened(client)[0]
    assert (effect["cause"], effect["account"]) == ("keypad", "SIMULATED Ana Lopez")
    row = jane.entries()["items"][0]
    assert (row["event_category"], row["access_by"]) == ("lock_opened", "pin_code")
    assert (row["user_first_name"], row["user_alias"]) == ("SIMULATED Ana", "Ana")


def test_an_unknown_pin_is_rejected_with_the_sentinel_user(client, jane):
    answer = client.control("keypad", lock_id=jane.lock()["id"], code="000000")

    assert answer == {"opened": False, "reason": "unknown_pin"}
    row = jane.entries()["items"][0]
    assert (row["event_category"], row["event_detail"]) == ("lock_rejected", "no_access")
    assert row["user_id"] == "ee8f17b4-701b-4aa6-9f1c-22f71cc61ca6"
    assert (row["user_first_name"], row["user_alias"]) == (None, None)


def test_a_tag_opens_and_leaves_its_number(client, jane):
    answer = client.control("tag", lock_id=jane.lock("Bike Store")["id"], tag="SIM00102")

    assert answer == {"opened": True, "reason": "opened"}
    row = jane.entries()["items"][0]
    assert (row["access_by"], row["access_detail"]) == ("tag", "SIM00102")


def test_an_unknown_tag_has_no_user(client, jane):
    answer = client.control("tag", lock_id=jane.lock()["id"], tag="99999999")

    assert answer == {"opened": False, "reason": "unknown_tag"}
    row = jane.entries()["items"][0]
    assert (row["event_detail"], row["user_id"]) == ("no_access", None)


def test_a_lock_without_keypad_takes_no_pin(client, jane):
    answer = client.control("keypad", lock_id=jane.lock("Bike Store")["id"], code="246810")

    assert answer == {"opened": False, "reason": "no_keypad"}
    assert jane.entries()["items"] == []


def test_the_inside_handle_always_works(client, jane):
    lock = jane.lock()
    client.control(f"locks/{lock['id']}", privacy_mode=True)
    client.control("inside", lock_id=lock["id"])

    assert jane.lock()["privacy_mode"] is False
    row = jane.entries()["items"][-1]
    assert (row["access_by"], row["exit_requested"]) == ("inside_handle", True)
    assert opened(client)[0]["cause"] == "inside_handle"


def test_pins_do_nothing_in_office_mode(client, jane):
    lock = jane.lock()
    jane.locking(lock["id"], "office_mode")

    assert client.control("keypad", lock_id=lock["id"], code="1") == {
        "opened": True,
        "reason": "office_mode",
    }


def test_an_offline_lock_opens_for_cached_tags_only(client, jane):
    lock = jane.lock()
    client.control(f"locks/{lock['id']}", online=False)

    assert client.control("tag", lock_id=lock["id"], tag="SIM00101")["reason"] == "lock_offline"
    assert client.control("tag", lock_id=lock["id"], tag="SIM00102")["opened"] is True
    assert client.control("keypad", lock_id=lock["id"], code="246810")["opened"] is False


def test_an_offline_iq_still_opens_for_who_it_knows(client, jane):
    lock = jane.lock()
    client.control(f"locks/{lock['id']}", iq_online=False)

    assert client.control("keypad", lock_id=lock["id"], code="246810")["opened"] is True
    assert jane.entries()["items"] == []


def test_easy_office_mode_starts_at_the_first_badge_and_ends_by_schedule(client):
    client.control("clock", set="2026-03-27T09:00:00Z")
    harbour = client.sign_in("harbour")
    lock = harbour.lock("Main Entrance")
    tag = client.world.tags.where(site_id=harbour.site["id"])[0].number
    client.control("tag", lock_id=lock["id"], tag=tag)

    assert harbour.lock("Main Entrance")["locked_state"] == "office_mode"
    client.pass_time(9 * 3600)
    harbour = client.sign_in("harbour")
    assert harbour.lock("Main Entrance")["locked_state"] == "locked"
    assert client.effects(kind="office_mode_ended")[0]["cause"] == "schedule"
    rows = [(r["event_category"], r["event_detail"]) for r in harbour.entries()["items"]]
    assert rows == [
        ("lock_opened", None),
        ("easy_office_mode", "start"),
        ("easy_office_mode", "end"),
    ]


def test_an_easy_office_mode_schedule_can_be_written_and_removed(jane):
    path = f"/locks/{jane.lock()['id']}/easy_office_mode_schedule"
    written = jane.call(
        "PUT", path, {"eom_auto_start": True, "monday": True, "end_time": "18:00"}
    ).json()

    assert (written["monday"], written["tuesday"]) == (True, False)
    assert (written["start_time"], written["end_time"]) == ("00:00:00", "18:00:59")
    assert jane.lock()["easy_office_mode_schedule"] == written
    assert jane.call("DELETE", path).status == 204
    assert refusal(jane.get(path))[:2] == (404, "2202")


def test_time_going_back_leaves_the_seconds_that_were_left(client, jane):
    jane.locking(jane.lock()["id"])
    client.pass_time(-7200)
    client.pass_time(6)
    still = jane.lock()["locked_state"]
    client.pass_time(1.1)

    assert (still, jane.lock()["locked_state"]) == ("unlocked", "locked")
