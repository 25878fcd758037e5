"""Seam in front of the sandbox program: the promises of every driver, and its own."""

from datetime import timedelta

import pytest

from accounts.providers.base import (
    CheckResult,
    Code,
    EntryHow,
    EntryKind,
    LockState,
    RefusedError,
    UncertainError,
)
from accounts.providers.codes import CodeConstraint, ListedState
from config.starting import wait_until
from tests.accounts.providers.code_contract import (
    REF,
    CodeContract,
    Memory,
    list_codes,
    lock_of,
    make_code,
    make_wish,
)
from tests.accounts.providers.contract import (
    READ_SECONDS,
    DriverContract,
    unlock,
)
from tests.accounts.providers.salto_ks.rigs import SandboxProgram
from tests.accounts.providers.sandbox_rigs import KeyRig
from tests.accounts.providers.seam.rigs import driver_at

pytestmark = pytest.mark.sandbox

KEY = "seam_test1_sandboxdemokey"
EMPTY_KEY = "seam_test1_sandboxemptykey"


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    program = SandboxProgram(tmp_path_factory.mktemp("sandbox"))
    yield program
    program.close()


class SeamRig(KeyRig):
    """Station Yard behind Seam."""

    secrets = (KEY,)
    code_calls = ({"route": "seam_code"},)

    def __init__(self, program, name="Courtyard Door"):
        super().__init__(program)
        [site] = self.driver().list_sites()
        self.site_id = site.remote_id
        found = self.driver().list_locks(self.site_id)
        self.locks = {lock.name: lock for lock in found}
        self.lock_id = self.locks[name].remote_id

    def driver(self, *, read_seconds=READ_SECONDS, key=KEY):
        driver = driver_at(f"{self.program.origin}/seam", self.door, key=key)
        driver.api.read_budget_seconds, driver.api.now = read_seconds, self.now
        return driver

    def empty_driver(self):
        return self.driver(key=EMPTY_KEY)

    def edit_elsewhere(self, remote_id):
        api = self.code_driver().api
        api.call("access_codes/update", {"access_code_id": remote_id, "name": f"{REF} X"})


@pytest.fixture
def rig(program):
    rig = SeamRig(program)
    yield rig
    rig.close()


class TestDriver(DriverContract):
    @pytest.fixture
    def rig(self, program):
        rig = SeamRig(program)
        yield rig
        rig.close()

    def test_an_empty_account_is_no_error(self, rig):
        driver = rig.empty_driver()

        [site] = driver.list_sites()
        assert driver.list_locks(site.remote_id) == []


class TestCodes(CodeContract):
    """A lock that knows a calendar."""

    @pytest.fixture
    def rig(self, program):
        rig = SeamRig(program)
        yield rig
        rig.close()


class TestCodesWithoutCalendar(CodeContract):
    """A lock that Seam has to tell each start and end."""

    @pytest.fixture
    def rig(self, program):
        rig = SeamRig(program, "Side Entrance")
        rig.digits = "7391"
        yield rig
        rig.close()


class TestCodesInRealLife(CodeContract):
    """With locks that take their time."""

    @pytest.fixture
    def rig(self, program):
        rig = SeamRig(program)
        program.control("POST", "settings", preset="realistic")
        yield rig
        rig.close()


# --- locks ---


def test_an_unlock_opens_the_door_once(rig):
    opening = unlock(rig, rig.driver(), budget_seconds=READ_SECONDS)

    [effect] = rig.program.control("GET", f"effects?request_id={rig.request_id}")
    assert effect["kind"] == "lock_opened"
    assert opening.provider_ref
    assert lock_of(rig).state is LockState.UNLOCKED


def test_it_can_be_locked_again(rig):
    unlock(rig, rig.driver(), budget_seconds=READ_SECONDS)

    budget = {"budget_seconds": READ_SECONDS, "request_id": "r"}
    rig.driver().lock(rig.site_id, rig.lock_id, hub_id="", **budget)

    assert lock_of(rig).state is LockState.LOCKED


def test_a_lock_that_is_away_refuses_by_name(rig):
    rig.program.control("POST", f"locks/{rig.lock_id}", online=False)

    with pytest.raises(RefusedError) as caught:
        unlock(rig, rig.driver(), budget_seconds=READ_SECONDS)

    assert caught.value.code == Code.OFFLINE_OR_UNSUPPORTED


def test_an_attempt_that_outlasts_the_budget_is_uncertain_and_was_asked_once(rig):
    rig.program.control("POST", "settings", seam_attempt_seconds=30.0)

    with pytest.raises(UncertainError):
        unlock(rig, rig.driver(), budget_seconds=1)

    assert rig.count_commands() == 1
    rig.pass_time(31)
    assert lock_of(rig).state is LockState.UNLOCKED


def test_looks_that_fail_do_not_change_what_the_command_was(rig):
    match = {"route": "seam_attempt"}
    rig.program.control("POST", "faults", effect="status", status=503, times=2, match=match)

    opening = unlock(rig, rig.driver(), budget_seconds=READ_SECONDS)

    assert opening.provider_ref
    assert rig.count_commands() == 1


def test_the_feed_tells_who_opened_and_keeps_no_digits(rig):
    memory, since = make_code(rig), rig.now() - timedelta(seconds=5)
    rig.pass_time(60)
    assert wait_until(lambda: rig.type(memory.digits), seconds=15)  # it comes onto the lock
    rig.type("11119999")
    unlock(rig, rig.driver(), budget_seconds=READ_SECONDS)
    rig.pass_time(5)  # the cloud tells of doors up to 1.5 s later

    feed = rig.driver().list_entries(rig.site_id, since=since, limit=3)

    told = {(each.kind, each.how, each.person_id) for each in feed.entries}
    assert (EntryKind.OPENED, EntryHow.CODE, memory.remote_id) in told
    assert (EntryKind.OPENED, EntryHow.REMOTE, rig.driver().identity().remote_id) in told
    assert (EntryKind.REJECTED, EntryHow.CODE, "") in told
    assert not any(memory.digits in str(each.raw) for each in feed.entries)
    assert feed.gap_reason == ""


def test_the_checks_name_the_workspace_and_its_locks(rig):
    lines = {line.key: (line.result, line.detail) for line in rig.driver().checks()}

    assert lines["token"] == (CheckResult.OK, "SIMULATED Seam workspace")
    assert lines["environment"] == (CheckResult.OK, "Simulated")
    assert lines["locks"] == (CheckResult.OK, "3 found")


# --- codes ---


def rules_of(rig, name):
    return rig.driver().code_rules(rig.locks[name])


def test_the_rules_are_the_locks_own(rig):
    august, lockly = rules_of(rig, "Courtyard Door"), rules_of(rig, "Side Entrance")

    assert august.lengths == (4, 5, 6, 7, 8)
    assert (august.native_start, august.native_end, august.slots) == (True, True, 100)
    assert lockly.lengths == (4,)
    assert lockly.constraints == {CodeConstraint.NO_ZEROS, CodeConstraint.CANNOT_START_WITH_12}
    assert (lockly.native_start, lockly.native_end, lockly.slots) == (False, False, 30)
    assert rules_of(rig, "Workshop") is None


def test_a_code_put_there_early_is_on_its_lock_and_opens_at_its_hour(rig):
    starts_at = rig.now().replace(microsecond=0) + timedelta(hours=5)
    memory = Memory(rig, make_wish(rig, starts_at=starts_at, ends_at=starts_at + timedelta(days=1)))
    memory.settle()
    rig.pass_time(60)

    [code] = memory.look()
    early = rig.type(rig.digits)
    rig.pass_time(5 * 3600)

    assert code.state is ListedState.SET
    assert (early, rig.type(rig.digits)) == (False, True)


@pytest.mark.parametrize("hours", [1, 48])
def test_a_moved_end_is_moved_there(rig, hours):
    memory = make_code(rig, hours=4)
    ends_at = rig.now().replace(microsecond=0) + timedelta(hours=hours)
    memory.wish = make_wish(rig, starts_at=memory.wish.starts_at, ends_at=ends_at)
    assert memory.next_step() == "set_times"

    memory.settle()

    rig.pass_time(60)
    [code] = memory.look()
    assert code.ends_at == ends_at
    assert memory.next_step() == ""


def test_a_code_becomes_ongoing_and_time_bound_again(rig):
    memory = make_code(rig, hours=4)
    bound = memory.wish
    memory.wish = make_wish(rig, hours=None)
    memory.settle()
    rig.pass_time(60)
    [ongoing] = memory.look()
    memory.wish = bound
    memory.settle()
    rig.pass_time(60)
    [again] = memory.look()

    assert (ongoing.starts_at, ongoing.ends_at) == (None, None)
    assert again.ends_at == bound.ends_at


def test_the_same_digits_twice_are_refused(rig):
    make_code(rig)

    with pytest.raises(RefusedError) as caught:
        make_code(rig, ref="B7F3Q2MX")

    assert caught.value.code == Code.DUPLICATE_CODE


def test_digits_the_lock_does_not_take_are_told_by_the_listing(rig):
    memory = make_code(rig, digits="333333333")

    rig.pass_time(60)
    [code] = memory.look()

    assert (code.state, code.error_code) == (ListedState.FAILED, Code.CONSTRAINTS_VIOLATED)
    assert code.error == "The lock does not take these digits."


def unmanaged(rig):
    return [each for each in list_codes(rig).codes if not each.seen["is_managed"]]


def test_a_code_made_past_seam_is_listed_and_can_be_taken_away(rig):
    [foreign] = unmanaged(rig)
    assert (foreign.ref, foreign.digits) == ("", "4711")

    budget = {"budget_seconds": READ_SECONDS, "request_id": "r"}
    rig.driver().remove_code(rig.site_id, rig.lock_id, foreign.remote_id, **budget)

    rig.pass_time(60)
    assert unmanaged(rig) == []


def test_a_code_made_past_seam_can_be_adopted(rig):
    [foreign] = unmanaged(rig)
    memory = Memory(rig, make_wish(rig, hours=None, digits="4711"))
    memory.seen = dict(foreign.seen)

    memory.settle()

    rig.pass_time(60)
    assert memory.steps[:2] == ["adopt", "rename"]
    assert unmanaged(rig) == []
    assert [each.ref for each in list_codes(rig).codes] == [REF]
