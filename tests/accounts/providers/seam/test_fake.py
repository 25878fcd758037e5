"""The driver in front of Seam's own fake: a server that nobody here wrote.

It has readable ids, ignores what it does not know and leaves fields out, so passing proves
that we speak the protocol, not that the world behaves so (see the sandbox for that).
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from accounts.providers.base import (
    AuthError,
    CheckResult,
    Code,
    EntryKind,
    LockState,
    RefusedError,
    UncertainError,
)
from accounts.providers.codes import CodeWish, ListedState
from accounts.providers.http import HttpDoor
from accounts.providers.systems import SystemType, UserWish
from tests.accounts.providers.seam.fake_program import KEY, WORKSPACE_ID, FakeSeam, fetched
from tests.accounts.providers.seam.rigs import driver_at

pytestmark = pytest.mark.sandbox

LOCK_ID = "august_device_1"
COMMAND = {"hub_id": "", "budget_seconds": 10, "request_id": "request-1"}
BUDGET = {"budget_seconds": 10, "request_id": "request-1"}


@pytest.fixture(scope="module")
def fake():
    fake = FakeSeam(fetched())
    yield fake
    fake.close()


@pytest.fixture
def driver(fake):
    door = HttpDoor((), plain_origins=(fake.origin,))
    yield driver_at(fake.origin, door, key=KEY)
    door.close()


def state(driver, lock_id=LOCK_ID):
    return driver.get_lock(WORKSPACE_ID, lock_id).state


def test_a_workspace_with_three_locks_is_found_by_its_key(driver):
    [site] = driver.list_sites()
    locks = driver.list_locks(site.remote_id)

    assert (site.remote_id, site.name) == (WORKSPACE_ID, "My Workspace")
    assert {(lock.remote_id, lock.name) for lock in locks} == {
        ("august_device_1", "Fake August Lock 1"),
        ("august_device_2", "Fake August Lock 2"),
        ("schlage_device_id", "Bathroom Door"),
    }
    assert all(lock.can_unlock and lock.can_lock and lock.has_keypad for lock in locks)


def test_all_checks_are_in_order(driver):
    assert {line.key: line.result for line in driver.checks()} == dict.fromkeys(
        ("token", "environment", "locks", "accounts"), CheckResult.OK
    )


def test_a_wrong_key_is_refused(fake):
    door = HttpDoor((), plain_origins=(fake.origin,))

    with pytest.raises(AuthError):
        driver_at(fake.origin, door, key="seam_wrong").refresh_token()

    door.close()


def test_a_lock_is_opened_and_locked_again(driver):
    opened = driver.unlock(WORKSPACE_ID, LOCK_ID, seconds=5, **COMMAND)
    assert (bool(opened.provider_ref), state(driver)) == (True, LockState.UNLOCKED)

    driver.lock(WORKSPACE_ID, LOCK_ID, **COMMAND)

    assert state(driver) is LockState.LOCKED


def test_a_lock_nobody_knows_is_refused(driver):
    with pytest.raises(RefusedError) as caught:
        driver.unlock(WORKSPACE_ID, "no_such_device", seconds=5, **COMMAND)

    assert caught.value.code == Code.NOT_FOUND


def test_the_feed_holds_what_happened(driver):
    since = datetime.now(UTC) - timedelta(hours=1)

    feed = driver.list_entries(WORKSPACE_ID, since=since)

    assert EntryKind.CONNECTION_RESTORED in {entry.kind for entry in feed.entries}
    assert (feed.unreadable, feed.gap_reason) == ((), "")


@pytest.mark.parametrize("hours", [None, 2])
def test_a_code_is_made_changed_and_deleted(driver, hours):
    now = datetime.now(UTC).replace(microsecond=0)
    wish = CodeWish(
        ref="K7F3Q2MX",
        name="K7F3Q2MX Ana Lopez",
        lock_id=LOCK_ID,
        lock_name="Front Door",
        starts_at=now if hours else None,
        ends_at=now + timedelta(hours=hours) if hours else None,
        digits="739146",
    )
    made = driver.take_step(
        driver.next_step(wish, {}, {}), WORKSPACE_ID, wish, {}, {"ref": "D22R4456"}, **BUDGET
    )

    [code] = codes_of(driver)
    assert (code.remote_id, code.ref, code.digits) == (made.remote_id, "K7F3Q2MX", "739146")
    assert code.ends_at == wish.ends_at
    # The fake never sets a code on its lock.
    assert code.state is ListedState.PENDING
    assert driver.next_step(wish, code.seen, {}) == ""

    with pytest.raises(RefusedError) as caught:
        driver.take_step("create", WORKSPACE_ID, wish, {}, {}, **BUDGET)
    assert caught.value.code == Code.DUPLICATE_CODE

    driver.remove_code(WORKSPACE_ID, LOCK_ID, made.remote_id, **BUDGET)
    assert codes_of(driver) == []
    driver.remove_code(WORKSPACE_ID, LOCK_ID, made.remote_id, **BUDGET)


def codes_of(driver):
    return list(driver.list_codes(WORKSPACE_ID, doors={}).codes)


def test_an_outage_is_uncertain_and_heals(fake, driver):
    fake.fail("/devices/list", "/locks/unlock_door")
    try:
        with pytest.raises(UncertainError):
            driver.list_locks(WORKSPACE_ID)
        with pytest.raises(UncertainError):
            driver.unlock(WORKSPACE_ID, LOCK_ID, seconds=5, **COMMAND)
    finally:
        fake.fail()

    assert len(driver.list_locks(WORKSPACE_ID)) == 3


# --- access control systems: what of them the fake knows ---

SYSTEM_ID = "visionline_acs_system_1"


def test_a_user_of_its_access_system_comes_changes_and_goes(driver):
    [system] = driver.list_systems()
    now = datetime.now(UTC)
    # It refuses the null of the schema with which a schedule is taken away.
    times = {"starts_at": now, "ends_at": now + timedelta(days=1)}
    wish = UserWish(full_name="Jane Doe", email="jane@example.com", **times)

    made = driver.create_acs_user(system.remote_id, wish, **BUDGET)
    listed = driver.list_acs_users(SYSTEM_ID)
    driver.update_acs_user(made.remote_id, replace(wish, full_name="Jane Miller"), **BUDGET)
    changed = driver.get_acs_user(made.remote_id)
    driver.set_suspended(made.remote_id, is_suspended=True, **BUDGET)
    suspended = driver.get_acs_user(made.remote_id)
    driver.delete_acs_user(made.remote_id, **BUDGET)
    driver.delete_acs_user(made.remote_id, **BUDGET)

    assert (system.remote_id, system.type) == (SYSTEM_ID, SystemType.OTHER)
    assert [(each.remote_id, each.full_name) for each in listed] == [(made.remote_id, "Jane Doe")]
    assert changed.full_name == "Jane Miller"
    assert suspended.is_suspended
    assert driver.list_acs_users(SYSTEM_ID) == []
    assert driver.get_acs_user(made.remote_id) is None


def test_its_access_system_has_no_doors_yet(driver):
    assert driver.list_entrances(SYSTEM_ID) == []


def test_a_call_it_does_not_know_says_nothing_of_what_there_is(driver):
    """It answers 404 to whole paths: nothing may count as gone by that."""
    with pytest.raises(RefusedError):
        driver.list_groups(SYSTEM_ID)
    with pytest.raises(RefusedError):
        driver.get_credential("credential-1")
    with pytest.raises(RefusedError):
        driver.delete_credential("credential-1", **BUDGET)
