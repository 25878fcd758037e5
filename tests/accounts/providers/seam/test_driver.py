"""What is special about Seam, in front of recorded answers."""

import copy
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from accounts.providers.base import (
    AuthError,
    CheckResult,
    Code,
    NotYetError,
    Reach,
    RefusedError,
    TellsTime,
    UncertainError,
    UnexpectedReplyError,
)
from accounts.providers.codes import CodeConstraint
from tests.accounts.providers.contract import lock_of, unlock
from tests.accounts.providers.keeper import CountedTurns
from tests.accounts.providers.seam import answers
from tests.accounts.providers.seam.rigs import KEY, RecordedRig, yes
from tests.accounts.providers.servers import Answer

BUDGET = 2.0


@pytest.fixture
def rig():
    rig = RecordedRig()
    yield rig
    rig.close()


def looks(rig):
    return rig.asked("action_attempts/get")


# --- commands ---


def test_a_command_is_asked_once_and_looked_at_until_it_ends(rig):
    pending, done = answers.attempt("pending"), answers.attempt("success")
    answers_in_turn = [yes(action_attempt=each) for each in (pending, pending, done)]
    rig.cloud.on("POST", "/action_attempts/get", answers_in_turn)

    opening = unlock(rig, rig.driver(), BUDGET)

    assert rig.asked("locks/unlock_door") == [{"device_id": rig.lock_id}]
    assert looks(rig) == [{"action_attempt_id": answers.ATTEMPT_ID}] * 3
    assert opening.provider_ref == answers.ATTEMPT_ID


def test_a_command_that_succeeds_at_once_is_not_looked_at(rig):
    rig.tell("locks/unlock_door", action_attempt=answers.attempt("success"))

    unlock(rig, rig.driver(), BUDGET)

    assert looks(rig) == []


def test_an_attempt_still_pending_at_the_end_is_uncertain(rig):
    rig.tell("action_attempts/get", action_attempt=answers.attempt("pending"))
    started = time.monotonic()

    with pytest.raises(UncertainError):
        unlock(rig, rig.driver(), 0.5)

    assert time.monotonic() - started < 1.5
    assert rig.count_commands() == 1


@pytest.mark.parametrize(
    ("kind", "code", "sentence"),
    [
        (
            "device_disconnected",
            Code.OFFLINE_OR_UNSUPPORTED,
            "The lock is offline, or cannot do this",
        ),
        ("hub_disconnected", Code.OFFLINE_OR_UNSUPPORTED, "The lock is offline, or cannot do this"),
        ("privacy_mode", Code.PRIVACY_MODE, "Somebody inside has set the lock to privacy"),
        ("subscription_required", Code.SUBSCRIPTION_ENDED, "The lock's brand asks for a"),
        ("lock_is_jammed", Code.REFUSED, "Seam says: The bolt is stuck"),
    ],
)
def test_an_attempt_that_failed_is_refused_in_words(rig, kind, code, sentence):
    failed = answers.attempt("error", error={"type": kind, "message": "The bolt is stuck"})
    rig.tell("action_attempts/get", action_attempt=failed)

    with pytest.raises(RefusedError) as caught:
        unlock(rig, rig.driver(), BUDGET)

    assert (caught.value.code, caught.value.reach) == (code, Reach.REFUSED)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    "kind", ["action_attempt_expired", "uncategorized_error", "lock_timeout", "request_timed_out"]
)
def test_an_attempt_whose_end_nobody_knows_is_uncertain(rig, kind):
    failed = answers.attempt("error", error={"type": kind, "message": "No news."})
    rig.tell("action_attempts/get", action_attempt=failed)

    with pytest.raises(UncertainError):
        unlock(rig, rig.driver(), BUDGET)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
def test_a_look_that_is_refused_leaves_the_command_uncertain(rig, status):
    rig.cloud.on("POST", "/action_attempts/get", Answer(answers.error("no"), status))

    with pytest.raises(UncertainError):
        unlock(rig, rig.driver(), BUDGET)

    assert (rig.count_commands(), len(looks(rig))) == (1, 1)


@pytest.mark.parametrize("status", [500, 503])
def test_a_look_that_fails_is_repeated(rig, status):
    done = yes(action_attempt=answers.attempt("success"))
    rig.cloud.on("POST", "/action_attempts/get", [Answer(status=status), done])

    unlock(rig, rig.driver(), BUDGET)

    assert (rig.count_commands(), len(looks(rig))) == (1, 2)


@pytest.mark.parametrize("seconds", ["1", "60"])
def test_a_look_waits_as_long_as_it_is_asked_to_or_gives_up(rig, seconds):
    wait = Answer(status=429, headers={"Retry-After": seconds})
    done = yes(action_attempt=answers.attempt("success"))
    rig.cloud.on("POST", "/action_attempts/get", [wait, done])

    if seconds == "60":
        with pytest.raises(UncertainError):
            unlock(rig, rig.driver(), BUDGET)
    else:
        assert unlock(rig, rig.driver(), 3).provider_ref

    assert rig.count_commands() == 1


def test_turns_that_run_out_between_looks_leave_the_command_uncertain(rig):
    with pytest.raises(UncertainError) as caught:
        unlock(rig, rig.driver(turns=CountedTurns(1)), 0.6)

    assert not isinstance(caught.value, NotYetError)
    assert rig.count_commands() == 1


@pytest.mark.parametrize("attempt", [{}, {"status": "pending"}, {"status": "sideways"}])
def test_a_command_answered_in_another_shape_is_uncertain(rig, attempt):
    rig.tell("locks/unlock_door", action_attempt=attempt)

    with pytest.raises(UncertainError):
        unlock(rig, rig.driver(), BUDGET)

    assert rig.count_commands() == 1


def test_a_yes_that_says_it_is_not_ok_is_none(rig):
    rig.cloud.on("POST", "/workspaces/get", Answer({"ok": False, "workspace": {}}))

    with pytest.raises(UnexpectedReplyError):
        rig.driver().identity()


def test_only_the_command_carries_the_attempts_id(rig):
    unlock(rig, rig.driver(), BUDGET)

    carried = {each.path: each.headers.get("x-request-id") for each in rig.cloud.asked}
    assert carried == {"/locks/unlock_door": rig.request_id, "/action_attempts/get": None}


def test_every_request_takes_a_turn_and_shows_the_key(rig):
    turns = CountedTurns()
    driver = rig.driver(turns=turns)

    driver.list_locks(rig.site_id)
    unlock(rig, driver, BUDGET)

    assert len(turns.budgets) == len(rig.cloud.asked) == 3
    assert {each.headers["authorization"] for each in rig.cloud.asked} == {f"Bearer {KEY}"}


# --- lists ---


def test_lists_are_read_to_their_last_page(rig):
    def page(asked):
        first = "page_cursor" not in asked.json
        following = {"has_next_page": first, "next_page_cursor": "more" if first else None}
        row = copy.deepcopy(answers.LOCK) | {"device_id": f"lock-{1 if first else 2}"}
        return Answer({"devices": [row], "pagination": following, "ok": True})

    rig.cloud.on("POST", "/devices/list", page)

    found = rig.driver().list_locks(rig.site_id)

    assert [lock.remote_id for lock in found] == ["lock-1", "lock-2"]
    assert rig.asked("devices/list") == [{"limit": 100}, {"limit": 100, "page_cursor": "more"}]


@pytest.mark.parametrize(
    "pagination",
    [
        {"has_next_page": True, "next_page_cursor": "the same"},
        {"has_next_page": True, "next_page_cursor": None},
        "more",
    ],
)
def test_half_a_list_is_none(rig, pagination):
    body = {"devices": [answers.LOCK], "pagination": pagination, "ok": True}
    rig.cloud.on("POST", "/devices/list", Answer(body))

    with pytest.raises(UnexpectedReplyError):
        rig.driver().list_locks(rig.site_id)


def test_what_is_no_lock_is_not_listed(rig):
    # Seam's own fake gives thermostats the capabilities of locks.
    thermostat = answers.THERMOSTAT | {"capabilities_supported": ["lock", "access_code"]}
    rig.tell("devices/list", devices=[answers.LOCK, thermostat])

    assert [lock.remote_id for lock in rig.driver().list_locks(rig.site_id)] == [rig.lock_id]


# --- one lock ---


def test_a_lock_is_read_with_all_it_can_do(rig):
    lock = lock_of(rig, rig.driver())

    assert (lock.name, lock.model, lock.battery_percent) == ("Front Door", "Smart Lock Pro", 82)
    assert (lock.can_unlock, lock.can_lock, lock.has_keypad) == (True, True, True)
    assert lock.raw["problems"] == []


@pytest.mark.parametrize(
    ("word", "text", "hinders"),
    [
        ("subscription_required", "Its brand asks for a subscription.", True),
        ("account_disconnected", "Seam has lost its login at the brand.", False),
        ("time_zone_unknown", "Its time zone is not known.", False),
        ("full_moon", "Seam reports: full moon.", False),
        ("device_offline", None, False),
        ("salto_ks_office_mode", None, False),
        ("privacy_mode", None, False),
    ],
)
def test_what_is_wrong_with_a_lock_is_said_in_our_words(rig, word, text, hinders):
    said = {"error_code": word, "message": "Code 739146 is in the way."}
    rig.lock |= {"errors": [said], "warnings": [{"warning_code": word, "message": "No."}]}

    found = lock_of(rig, rig.driver()).troubles

    assert [(each.code, each.text, each.hinders_opening) for each in found] == (
        [(word, text, hinders)] if text else []
    )


@pytest.mark.parametrize(
    "change",
    [
        {"errors": [{"error_code": "account_disconnected", "message": "No."}]},
        {"errors": [{"error_code": "hub_disconnected", "message": "No."}]},
    ],
)
def test_a_lock_that_cannot_be_reached_is_offline_whatever_it_says(rig, change):
    rig.lock |= change

    lock = lock_of(rig, rig.driver())

    assert (lock.is_online, lock.state) == (False, "unknown")


def test_what_a_lock_can_do_is_not_forgotten_while_it_is_away(rig):
    rig.set_lock(online=False)
    rig.lock |= {"can_remotely_unlock": False, "can_remotely_lock": False}
    rig.lock["can_program_online_access_codes"] = False

    lock = lock_of(rig, rig.driver())

    assert (lock.can_unlock, lock.can_lock, lock.has_keypad) == (True, True, True)


def test_what_a_lock_that_is_there_cannot_do_is_believed(rig):
    rig.lock |= {"can_remotely_unlock": False, "can_program_online_access_codes": False}

    lock = lock_of(rig, rig.driver())

    assert (lock.can_unlock, lock.has_keypad) == (False, False)


@pytest.mark.parametrize(
    ("lock_type", "expected"), [("wall_reader", False), ("wall_reader_pin", True)]
)
def test_a_salto_lock_has_a_keypad_if_its_type_says_so(rig, lock_type, expected):
    rig.lock["device_type"] = "salto_lock"
    rig.lock["properties"]["salto_ks_metadata"] = {"lock_type": lock_type}

    assert lock_of(rig, rig.driver()).has_keypad is expected


@pytest.mark.parametrize(
    ("word", "modes"),
    [
        ("privacy_mode", (None, True)),
        ("salto_ks_privacy_mode", (None, True)),
        ("salto_ks_office_mode", (True, None)),
    ],
)
def test_modes_are_told_by_warnings(rig, word, modes):
    rig.lock["warnings"] = [{"warning_code": word, "message": "Careful."}]

    lock = lock_of(rig, rig.driver())

    assert (lock.office_mode, lock.privacy_mode) == modes


@pytest.mark.parametrize(
    ("battery", "percent"),
    [(0, 0), (1, 100), (0.005, 0), (1.4, None), ("full", None), (True, None)],
)
def test_a_battery_is_in_percent_or_not_known(rig, battery, percent):
    rig.lock["properties"]["battery"] = {"level": battery}

    assert lock_of(rig, rig.driver()).battery_percent == percent


# --- what codes it takes ---


def rules(rig):
    driver = rig.driver()
    lock = lock_of(rig, driver)
    return driver.code_rules(lock), driver.why_no_codes(lock)


def test_the_rules_are_the_devices_own(rig):
    rig.lock["properties"]["code_constraints"] = [
        {"constraint_type": "no_zeros"},
        {"constraint_type": "name_length", "min_length": 2, "max_length": 14},
        {"constraint_type": "of_tomorrow"},
        "odd",
    ]

    found, _ = rules(rig)

    assert found.constraints == {CodeConstraint.NO_ZEROS}
    assert (found.name_length, found.slots, found.lengths) == (14, 100, (4, 5, 6, 7, 8))


def test_a_lock_that_names_no_lengths_gets_four_digits(rig):
    del rig.lock["properties"]["supported_code_lengths"]

    assert rules(rig)[0].lengths == (4,)


def test_a_lock_that_lost_its_support_says_so(rig):
    rig.lock["warnings"] = [{"warning_code": "salto_ks_lock_access_code_support_removed"}]

    assert rules(rig) == (None, "Salto KS no longer takes codes for this lock: its hub was reset.")


def test_a_salto_lock_makes_its_digits_and_takes_a_seat(rig):
    rig.lock["device_type"] = "salto_lock"
    rig.lock["properties"]["code_constraints"] = [{"constraint_type": "cannot_specify_pin_code"}]

    found, _ = rules(rig)

    assert (found.digits_by_provider, found.takes_seat, found.native_end) == (True, True, True)


# --- checks ---


def lines(rig):
    return {line.key: line for line in rig.driver().checks()}


def test_all_in_order(rig):
    found = lines(rig)

    assert {key: line.result for key, line in found.items()} == dict.fromkeys(
        ("token", "environment", "locks", "accounts"), CheckResult.OK
    )
    assert found["token"].detail == "Harbour Street"


def test_a_key_that_is_refused_is_the_only_line(rig):
    rig.refuse("workspaces/get", 401, "unauthorized")

    assert list(lines(rig)) == ["token"]
    with pytest.raises(AuthError):
        rig.driver().refresh_token()


def test_a_workspace_with_real_locks_is_refused_by_a_sandbox(rig):
    rig.tell("workspaces/get", workspace=answers.WORKSPACE | {"is_sandbox": False})

    assert lines(rig)["environment"].result is CheckResult.FAILED


def test_a_simulated_workspace_is_refused_by_a_real_one(rig, monkeypatch):
    driver = rig.driver()
    monkeypatch.setattr(driver, "_is_sandbox", lambda: False)
    found = {line.key: line for line in driver.checks()}

    assert found["environment"].detail.startswith("This key belongs to a sandbox workspace of Seam")


def test_trouble_is_told_in_words(rig):
    rig.set_lock(online=False)
    rig.lock["errors"] = [{"error_code": "subscription_required"}]
    account = answers.ACCOUNT | {"errors": [{"error_code": "account_disconnected"}]}
    rig.tell("connected_accounts/list", connected_accounts=[account])

    found = lines(rig)

    assert found["offline"].detail == "1: Front Door"
    assert found["devices"].detail == "its brand asks for a subscription"
    assert found["accounts"].detail == "jane@example.com: Seam has lost its login at the brand"


def test_an_outage_fails_the_lines_it_touches(rig):
    rig.refuse("devices/list", 503, "internal_server_error")

    found = lines(rig)

    assert (found["token"].result, found["locks"].result) == (CheckResult.OK, CheckResult.FAILED)
    assert found["locks"].detail == "Seam does not answer"


# --- its clock ---


@pytest.mark.parametrize("ahead", [-600, 0, 600])
def test_poll_09_seam_s_clock_is_read_from_its_replies(rig, ahead):
    driver = rig.driver()
    assert driver.clock_offset_seconds is None
    stamp = format_datetime(datetime.now(UTC) + timedelta(seconds=ahead), usegmt=True)
    answer = yes(workspace=answers.WORKSPACE)
    answer.headers["Date"] = stamp
    rig.cloud.on("POST", "/workspaces/get", answer)

    driver.list_sites()

    assert isinstance(driver, TellsTime)
    assert driver.clock_offset_seconds == pytest.approx(ahead, abs=1.5)
