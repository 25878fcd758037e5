"""Keypad Cloud in front of the sandbox program: the promises of every driver, and its own."""

from dataclasses import replace
from datetime import timedelta

import pytest

from accounts.providers import open_driver
from accounts.providers.base import (
    AuthError,
    CheckResult,
    Code,
    Connection,
    EntryHow,
    EntryKind,
    LockState,
    RefusedError,
)
from accounts.providers.codes import CodeConstraint, ListedState
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
from tests.accounts.providers.keeper import MemoryTokens
from tests.accounts.providers.salto_ks.rigs import SandboxProgram
from tests.accounts.providers.sandbox_rigs import KeyRig

pytestmark = pytest.mark.sandbox

KEY = "keypad-demo-key"


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    program = SandboxProgram(tmp_path_factory.mktemp("sandbox"))
    yield program
    program.close()


class KeypadRig(KeyRig):
    """Willow Court and its Main Door."""

    secrets = (KEY,)
    code_calls = tuple(
        {"route": "keypad_code", "method": method} for method in ("POST", "PATCH", "DELETE")
    )

    def __init__(self, program):
        super().__init__(program)
        [site] = [row for row in program.control("GET", "sites") if "Willow" in row["name"]]
        self.site_id = site["id"]
        locks = program.control("GET", f"locks?site_id={self.site_id}")
        self.locks = {row["name"]: row["id"] for row in locks}
        self.lock_id = self.locks["Main Door"]

    def driver(self, *, read_seconds=READ_SECONDS, key=KEY):
        connection = Connection(
            dialect="connect",
            grant="api_key",
            api_base=f"{self.program.origin}/keypad",
            auth_url=f"{self.program.origin}/keypad",
            client_secret=key,
        )
        driver = open_driver("keypad", connection, tokens=MemoryTokens(), door=self.door)
        driver.api.read_budget_seconds, driver.api.now = read_seconds, self.now
        return driver

    def empty_driver(self):
        return self.driver(key="keypad-empty-key")

    def edit_elsewhere(self, remote_id):
        api = self.code_driver().api
        api.call("PATCH", api.url("codes", remote_id), json={"name": f"{REF} X"})


@pytest.fixture
def rig(program):
    rig = KeypadRig(program)
    yield rig
    rig.close()


class TestDriver(DriverContract):
    @pytest.fixture
    def rig(self, program):
        rig = KeypadRig(program)
        yield rig
        rig.close()


class TestCodes(CodeContract):
    @pytest.fixture
    def rig(self, program):
        rig = KeypadRig(program)
        yield rig
        rig.close()


class TestCodesInRealLife(CodeContract):
    """With a late list, and locks that take their time."""

    @pytest.fixture
    def rig(self, program):
        rig = KeypadRig(program)
        program.control("POST", "settings", preset="realistic")
        yield rig
        rig.close()


# --- the lock ---


def test_an_unlock_opens_the_door_for_as_long_as_asked(rig):
    opening = unlock(rig, rig.driver())

    [effect] = rig.program.control("GET", f"effects?request_id={rig.request_id}")
    assert (effect["kind"], effect["detail"]["seconds"]) == ("lock_opened", 5.0)
    assert opening.released_seconds == 5


def test_it_can_be_locked_again(rig):
    unlock(rig, rig.driver())

    rig.driver().lock(rig.site_id, rig.lock_id, hub_id="", budget_seconds=2, request_id="r")

    assert lock_of(rig).state is LockState.LOCKED


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"online": False}, Code.OFFLINE_OR_UNSUPPORTED),
        ({"privacy_mode": True}, Code.PRIVACY_MODE),
    ],
)
def test_a_refused_unlock_says_why(rig, change, code):
    rig.program.control("POST", f"locks/{rig.lock_id}", **change)

    with pytest.raises(RefusedError) as caught:
        unlock(rig, rig.driver())

    assert caught.value.code == code


def test_the_feed_names_the_code_that_opened(rig):
    rig.program.control("POST", "settings", preset="instant")
    memory, since = make_code(rig), rig.now() - timedelta(seconds=5)
    rig.type(memory.digits)
    rig.type("111111")
    unlock(rig, rig.driver())

    feed = rig.driver().list_entries(rig.site_id, since=since, limit=1)

    assert sorted((each.kind, each.how, each.person_id) for each in feed.entries) == [
        (EntryKind.OPENED, EntryHow.CODE, memory.remote_id),
        (EntryKind.OPENED, EntryHow.REMOTE, ""),
        (EntryKind.REJECTED, EntryHow.CODE, ""),
    ]
    assert feed.is_complete


def test_the_checks_name_the_key_and_the_locks(rig):
    lines = {line.key: (line.result, line.detail) for line in rig.driver().checks()}

    assert lines == {
        "token": (CheckResult.OK, "SIMULATED keypad-demo"),
        "locks": (CheckResult.OK, "4 found"),
    }


def test_a_wrong_key_is_an_auth_error_and_the_only_line(rig):
    driver = rig.driver(key="wrong")

    with pytest.raises(AuthError):
        driver.refresh_token()
    [line] = driver.checks()
    assert (line.key, line.result) == ("token", CheckResult.FAILED)


class CountedTurns:
    def __init__(self):
        self.taken = 0

    def take(self, *, budget_seconds):
        self.taken += 1


def test_every_request_takes_a_turn(rig):
    driver = rig.driver()
    driver.api.turns = CountedTurns()

    driver.list_locks(rig.site_id)
    unlock(rig, driver)

    assert driver.api.turns.taken == 2


# --- codes ---


def rules_of(rig, name):
    locks = {lock.name: lock for lock in rig.driver().list_locks(rig.site_id)}
    return rig.driver().code_rules(locks[name])


def test_the_rules_are_the_locks_own(rig):
    main, gate = rules_of(rig, "Main Door"), rules_of(rig, "Garden Gate")

    assert (main.lengths, main.constraints) == ((4, 5, 6, 7, 8, 9), frozenset())
    assert gate.lengths == (4, 6)
    assert gate.constraints == {CodeConstraint.NO_ZEROS, CodeConstraint.CANNOT_START_WITH_12}
    assert (main.slots, main.name_length) == (10, 12)
    assert [main.native_start, main.native_end, main.digits_by_provider] == [False] * 3
    assert rules_of(rig, "Boiler Room") is None


@pytest.mark.parametrize(
    ("door", "digits", "code"),
    [
        ("Main Door", "123", Code.CONSTRAINTS_VIOLATED),
        ("Garden Gate", "7701", Code.CONSTRAINTS_VIOLATED),
        ("Garden Gate", "1277", Code.CONSTRAINTS_VIOLATED),
        ("Store Room", "345678", Code.CONSTRAINTS_VIOLATED),
        ("Store Room", "771717", Code.CONSTRAINTS_VIOLATED),
        ("Boiler Room", "7391", Code.NO_KEYPAD),
    ],
)
def test_digits_a_lock_does_not_take_are_refused_by_name(rig, door, digits, code):
    wish = make_wish(rig, lock_id=rig.locks[door], digits=digits)

    with pytest.raises(RefusedError) as caught:
        Memory(rig, wish).step("create")

    assert caught.value.code == code


def test_the_same_digits_twice_are_refused(rig):
    make_code(rig)

    with pytest.raises(RefusedError) as caught:
        make_code(rig, ref="B7F3Q2MX")

    assert caught.value.code == Code.DUPLICATE_CODE


def test_an_eleventh_code_has_no_room(rig):
    for number in range(10):
        make_code(rig, ref=f"B7F3Q2M{number or 'X'}", digits=f"55500{number}")

    with pytest.raises(RefusedError) as caught:
        make_code(rig)

    assert caught.value.code == Code.NO_SPACE


def test_names_are_short_and_begin_with_the_ref(rig):
    make_code(rig)

    [code] = list_codes(rig).codes
    assert (code.name, code.ref) == (f"{REF} Ana", REF)
    assert code.digits == rig.digits


def test_the_listing_is_late_both_ways(rig):
    rig.program.control("POST", "settings", keypad_listing_lag_seconds=30.0)
    memory = make_code(rig)
    fresh = list_codes(rig).codes
    rig.pass_time(31)
    settled = list_codes(rig).codes
    memory.remove()
    lingering = list_codes(rig).codes
    rig.pass_time(31)

    assert [len(codes) for codes in (fresh, settled, lingering)] == [0, 1, 1]
    assert list_codes(rig).codes == ()


def test_a_deleted_code_opens_until_the_lock_has_heard(rig):
    rig.program.control("POST", "settings", keypad_removal_seconds=20.0)
    memory = make_code(rig)
    memory.remove()

    [code] = list_codes(rig).codes
    assert code.state is ListedState.REMOVING
    assert memory.driver.next_step(memory.wish, code.seen, {}) == ""
    assert rig.type(memory.digits)
    rig.pass_time(21)
    assert not rig.type(memory.digits)


def test_a_lock_that_is_away_keeps_a_deleted_code(rig):
    memory = make_code(rig)
    rig.program.control("POST", f"locks/{rig.lock_id}", online=False)
    memory.remove()

    [alive] = rig.codes_alive()
    assert (alive["in_cloud"], alive["on_lock"]) == (False, True)
    rig.program.control("POST", f"locks/{rig.lock_id}", online=True)

    assert rig.codes_alive() == []


def test_a_code_for_a_lock_that_is_away_waits_for_it(rig):
    rig.program.control("POST", f"locks/{rig.lock_id}", iq_online=False)
    memory = make_code(rig)
    [code] = list_codes(rig).codes
    assert code.state is ListedState.PENDING

    rig.program.control("POST", f"locks/{rig.lock_id}", iq_online=True)

    [code] = list_codes(rig).codes
    assert code.state is ListedState.SET
    assert rig.type(memory.digits)


def test_a_keypad_an_admin_insists_on_is_tried(rig):
    locks = {lock.name: lock for lock in rig.driver().list_locks(rig.site_id)}
    insisted = replace(locks["Boiler Room"], has_keypad=True)

    assert rig.driver().code_rules(insisted).lengths == (4,)
