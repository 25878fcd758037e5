"""Access codes at Salto KS: the promises of every driver, and what is Salto's own."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from accounts.providers.base import (
    Code,
    EntryHow,
    RefusedError,
    UnexpectedReplyError,
    UnsupportedError,
)
from tests.accounts.providers.code_contract import (
    DOOR_REF,
    REF,
    CodeContract,
    CodeRig,
    Memory,
    list_codes,
    lock_of,
    make_code,
    make_wish,
)
from tests.accounts.providers.salto_ks.rigs import SandboxProgram, SandboxRig
from tests.accounts.providers.shared_code_contract import SharedCodeContract

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    program = SandboxProgram(tmp_path_factory.mktemp("sandbox"))
    yield program
    program.close()


class SaltoCodeRig(SandboxRig, CodeRig):
    """Mill Lane, whose clock the driver reads."""

    def __init__(self, program, dialect="connect"):
        super().__init__(program, dialect)
        self.moved = timedelta(0)
        self.driver_ = None

    def now(self):
        return datetime.now(UTC) + self.moved

    def code_driver(self):
        if self.driver_ is None:
            self.driver_ = self.driver()
            self.driver_.now = self.driver_.api.now = self.now
        return self.driver_

    def pass_time(self, seconds):
        self.moved += timedelta(seconds=seconds)
        self.program.control("POST", "clock", advance_seconds=seconds)

    @contextmanager
    def losing_answers(self):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            self.fault("drop_after", times=None, match={"route": "api", "method": method})
        yield
        self.program.control("DELETE", "faults")

    def fault(self, effect, **options):
        self.program.control("POST", "faults", **({"effect": effect} | options))

    def answer_everything(self, status, body=None):
        self.fault("status", match={"route": "api"}, times=None, status=status, body=body)

    def type(self, digits):
        return self.type_at(self.lock_id, digits)

    def type_at(self, lock_id, digits):
        asked = {"lock_id": lock_id, "code": f"{digits}#"}
        return self.program.control("POST", "keypad", **asked)["opened"]

    @property
    def keypads(self):
        locks = self.code_driver().list_locks(self.site_id)
        return [lock.remote_id for lock in locks if lock.has_keypad]

    def remote_id_of(self, row):
        return users(self)[row["name"]]["id"]

    def codes_alive(self):
        rows = self.program.control("GET", f"codes?lock_id={self.lock_id}")
        return [row for row in rows if row["name"].startswith(REF)]

    def edit_elsewhere(self, remote_id):
        driver = self.code_driver()
        url = driver._site_url(self.site_id, "users", remote_id)
        driver.api.call(driver.dialect.users, "PATCH", url, json={"alias": f"{REF} Somebody"})

    def set_seats(self, seats):
        self.program.control("POST", f"sites/{self.site_id}", subscribed_user_amount=seats)

    def seats_used(self):
        sites = self.program.control("GET", "sites")
        return next(row["seats_used"] for row in sites if row["id"] == self.site_id)


class TestAgainstTheSandbox(CodeContract):
    @pytest.fixture
    def rig(self, program):
        rig = SaltoCodeRig(program)
        yield rig
        rig.close()


class TestInRealLife(CodeContract):
    """With the delays of real life: replication, propagation, late deletions."""

    @pytest.fixture
    def rig(self, program):
        rig = SaltoCodeRig(program)
        program.control("POST", "settings", preset="realistic")
        real = rig.type

        def type_when_told(digits):
            rig.pass_time(214)
            return real(digits)

        rig.type = type_when_told
        yield rig
        rig.close()


class TestSharedAgainstTheSandbox(SharedCodeContract):
    @pytest.fixture
    def rig(self, program):
        rig = SaltoCodeRig(program)
        yield rig
        rig.close()


class TestSharedInRealLife(SharedCodeContract):
    """With the delays of real life."""

    @pytest.fixture
    def rig(self, program):
        rig = SaltoCodeRig(program)
        program.control("POST", "settings", preset="realistic")
        real = rig.type_at

        def type_when_told(lock_id, digits):
            rig.pass_time(214)
            return real(lock_id, digits)

        rig.type_at = type_when_told
        yield rig
        rig.close()


@pytest.fixture
def rig(program):
    rig = SaltoCodeRig(program)
    yield rig
    rig.close()


# --- the saga --------------------------------------------------------------------------------


def users(rig):
    driver = rig.code_driver()
    rows = driver.api.rows(driver.dialect.users, driver._site_url(rig.site_id, "users"))
    return {row["alias"]: row for row in rows}


def ana(rig):
    """The member of staff with a PIN that Mill Lane has from the start."""
    return users(rig)["Ana"]


def code_of(rig, ref=REF, **options):
    return next(code for code in list_codes(rig, **options).codes if code.ref == ref)


def requests(rig, method, **query):
    wanted = "&".join(f"{name}={value}" for name, value in {"method": method, **query}.items())
    return rig.program.control("GET", f"requests?{wanted}")


def test_the_calls_are_the_proven_ones_in_their_order(rig):
    memory = make_code(rig)

    assert memory.steps == ["guest", "group", "group_lock", "schedule", "use_pin", "pin", "member"]


def test_everything_but_membership_is_done_ahead(rig):
    memory = make_code(rig, is_due=False)

    assert memory.steps == ["guest", "group", "group_lock", "schedule", "use_pin", "pin"]
    assert memory.digits
    assert code_of(rig).lock_ids == ()


def test_the_guest_ends_with_the_window_and_the_pin_thirty_days_later(rig):
    memory = make_code(rig)

    ends_at = memory.wish.ends_at
    assert code_of(rig).ends_at == ends_at
    assert rig.code_driver().digits_end(memory.seen) == ends_at + timedelta(days=30)


def test_an_ongoing_code_ends_in_no_ninety_days(rig):
    memory = make_code(rig, hours=None)

    assert code_of(rig).ends_at is None
    rig.pass_time(200 * 86400)
    assert rig.type(memory.digits)


def test_the_lock_ends_a_code_by_itself_while_its_iq_is_off(rig):
    memory = make_code(rig, hours=1)
    rig.program.control("POST", f"locks/{rig.lock_id}", iq_online=False)
    before = rig.type(memory.digits)

    rig.pass_time(3601)

    assert (before, rig.type(memory.digits)) == (True, False)


def test_an_iq_that_is_away_goes_on_opening_for_a_removed_code(rig):
    memory = make_code(rig)
    rig.program.control("POST", f"locks/{rig.lock_id}", iq_online=False)

    memory.remove()

    assert memory.look() == []
    assert rig.type(memory.digits)
    [alive] = rig.codes_alive()
    assert (alive["in_cloud"], alive["on_lock"], alive["opens_now"]) == (False, True, True)
    rig.program.control("POST", f"locks/{rig.lock_id}", iq_online=True)
    assert not rig.type(memory.digits)
    assert rig.codes_alive() == []


def test_a_later_end_keeps_the_digits(rig):
    memory = make_code(rig)
    digits, steps = memory.digits, len(memory.steps)

    memory.wish = replace(memory.wish, ends_at=memory.wish.ends_at + timedelta(days=20))
    memory.settle()

    assert memory.steps[steps:] == ["set_end"]
    rig.pass_time(19 * 86400)
    assert rig.type(digits)


def test_an_end_that_differs_by_seconds_is_left_alone(rig):
    memory = make_code(rig)

    memory.wish = replace(memory.wish, ends_at=memory.wish.ends_at + timedelta(seconds=59))

    assert memory.next_step() == ""


def test_an_end_that_salto_did_not_take_is_an_error_in_words(rig):
    memory = make_code(rig)
    memory.wish = replace(memory.wish, ends_at=memory.wish.ends_at + timedelta(days=1))
    shown = users(rig)[memory.wish.name]
    match = {"route": "user", "method": "PATCH"}
    rig.fault("status", match=match, status=200, body=shown)

    with pytest.raises(RefusedError) as caught:
        memory.step(memory.next_step())

    assert caught.value.code == Code.NOT_UPDATED
    assert memory.next_step() == "set_end"


# --- digits ---


def test_digits_are_asked_for_once_and_anew_only_on_purpose(rig):
    memory = make_code(rig)
    first = memory.digits
    assert len(requests(rig, "PUT", route="pin")) == 1

    memory.wish = replace(memory.wish, wants_new_digits=True)
    assert memory.next_step() == "pin"
    memory.step("pin")

    assert memory.next_step() == ""
    assert not rig.type(first)
    assert rig.type(memory.digits)


def test_lost_digits_are_found_out_by_a_close_look_only(rig):
    memory = make_code(rig)

    hasty, close = code_of(rig), code_of(rig, unsure=[REF])

    assert (hasty.has_digits, close.has_digits) == (None, True)
    assert "pin" not in hasty.seen
    assert close.seen["pin_expires_at"] == memory.seen["pin_expires_at"]


def test_what_is_not_known_of_a_pin_is_looked_up_before_any_is_made(rig):
    memory = make_code(rig)
    memory.forget()
    listing = list_codes(rig)
    memory.seen = dict(listing.codes[-1].seen)
    memory.door = dict(listing.doors[rig.lock_id])
    assert memory.next_step() == "keys"

    done = memory.step("keys")

    assert done.has_digits
    memory.wish = replace(memory.wish, wants_new_digits=False)
    assert memory.next_step() == ""
    assert len(requests(rig, "PUT", route="pin")) == 1


@pytest.mark.parametrize("body", ["", "12", 123456, {"pin": "123456"}, None, ["123456"]])
def test_an_answer_without_digits_is_unclear(rig, body):
    memory = make_code(rig)
    rig.fault("status", match={"route": "pin"}, status=200, body=body)

    with pytest.raises(UnexpectedReplyError) as caught:
        memory.step("pin")

    assert "123456" not in str(caught.value)


def test_digits_keep_their_leading_zeros(rig):
    memory = make_code(rig)
    rig.fault("status", match={"route": "pin"}, status=200, body="001234")

    assert memory.step("pin").digits == "001234"


# --- a cloud that has not caught up ---


def test_a_new_guest_is_not_ready_for_a_while(rig):
    rig.program.control(
        "POST", "settings", replication_min_seconds=30.0, replication_max_seconds=30.0
    )
    memory = Memory(rig, make_wish(rig)).settle(4)
    assert memory.seen["has_roles"] is False

    for step in ("use_pin", "pin", "member"):
        with pytest.raises(RefusedError) as caught:
            memory.step(step)
        assert caught.value.code == Code.NOT_READY
    rig.pass_time(31)
    memory.settle()

    assert rig.type(memory.digits)


def test_a_guest_who_went_long_ago_is_not_waited_for(rig):
    memory = make_code(rig)
    memory.remove()
    rig.pass_time(600)

    with pytest.raises(RefusedError) as caught:
        memory.step("use_pin")

    assert caught.value.code == Code.NOT_FOUND


# --- seats ---


def test_a_full_site_says_yes_and_gives_no_seat(rig):
    rig.set_seats(rig.seats_used())
    memory = Memory(rig, make_wish(rig))

    done = memory.step("guest")

    assert (done.is_suspended, memory.seen["is_suspended"]) == (True, True)
    listing = list_codes(rig)
    code = next(code for code in listing.codes if code.ref == REF)
    assert (code.is_suspended, code.error_code) == (True, Code.NO_SEAT)
    assert listing.seats_used == listing.seats_total
    with pytest.raises(RefusedError) as caught:
        memory.settle()
    assert caught.value.code == Code.NO_SEAT
    assert memory.next_step() == "seat"


def test_a_seat_that_became_free_is_taken(rig):
    rig.set_seats(rig.seats_used())
    memory = Memory(rig, make_wish(rig)).settle(4)

    rig.set_seats(rig.seats_used() + 1)
    memory.settle()

    assert "seat" in memory.steps
    assert rig.type(memory.digits)


def test_somebody_suspended_elsewhere_is_seen_and_subscribed_again(rig):
    memory = make_code(rig)
    driver = rig.code_driver()
    url = driver._site_url(rig.site_id, "users", memory.remote_id, "subscription")
    driver.api.call(driver.dialect.users, "PATCH", url, json={"state": "suspended"})
    assert not rig.type(memory.digits)

    [code] = memory.look()

    assert (code.is_suspended, code.error_code) == (True, "salto_ks_user_not_subscribed")
    memory.settle()
    assert rig.type(memory.digits)


def test_somebody_blocked_elsewhere_is_unblocked(rig):
    memory = make_code(rig)
    driver = rig.code_driver()
    url = driver._site_url(rig.site_id, "users", memory.remote_id)
    driver.api.call(driver.dialect.users, "PATCH", url, json={"blocked": True})
    memory.look()

    memory.settle()

    assert memory.steps[-1] == "unblock"
    assert rig.type(memory.digits)


# --- listings ---


def test_staff_with_a_pin_are_listed_and_staff_without_are_not(rig):
    listing = list_codes(rig)

    [code] = listing.codes
    assert (code.name, code.ref, code.is_person) == ("Ana", "", True)
    assert (code.remote_id, code.person_id) == (ana(rig)["id"], ana(rig)["user"]["id"])
    assert code.lock_ids == ()
    assert (listing.is_complete, listing.unreadable) == (True, 0)


def test_a_deep_look_tells_which_doors_the_codes_of_others_open(rig):
    make_code(rig)
    locks = rig.code_driver().list_locks(rig.site_id)

    listing = rig.code_driver().list_codes(rig.site_id, doors={}, is_deep=True)

    opened = {code.name: code.lock_ids for code in listing.codes}
    assert sorted(opened["Ana"]) == sorted(lock.remote_id for lock in locks)
    hasty = rig.code_driver().list_codes(rig.site_id, doors={})
    assert {code.lock_ids for code in hasty.codes} == {None}


def test_who_vanishes_while_we_look_spoils_no_listing(rig):
    make_code(rig)
    gone = {"status": 404, "error_code": "2202", "message": "not found"}
    rig.fault("error", match={"route": "keys"}, **gone)
    rig.fault("error", match={"route": "group_locks"}, after=1, **gone)

    listing = list_codes(rig, unsure=[REF], is_deep=True)

    code = next(code for code in listing.codes if code.ref == REF)
    assert (code.has_digits, code.lock_ids) == (None, (rig.lock_id,))


def test_a_steady_state_costs_the_users_and_the_site(rig):
    driver = rig.code_driver()
    driver.ensure_token()
    rig.program.control("POST", "reset")
    before = len(requests(rig, "GET"))

    driver.list_codes(rig.site_id, doors={})

    assert [row["route"] for row in requests(rig, "GET")[before:]] == ["users", "site"]


def test_part_of_a_list_is_known_as_such(rig):
    make_code(rig)
    match = {"route": "users", "method": "GET"}
    rig.fault("partial_list", match=match, keep=2)

    assert not list_codes(rig).is_complete
    assert list_codes(rig).is_complete


def test_an_empty_list_is_not_complete(rig):
    rig.fault("empty_list", match={"route": "users", "method": "GET"})

    listing = list_codes(rig)

    assert (listing.codes, listing.is_complete) == ((), False)


def test_rows_that_cannot_be_read_are_counted(rig):
    rig.fault("poison_rows", match={"route": "users", "method": "GET"}, kinds=["wrong_types"])
    rows = [*users(rig).values()]
    broken = [{**rows[0], "id": "broken", "user": None}, *rows[1:]]
    rig.program.control("DELETE", "faults")
    body = {"items": broken, "next_page_link": None, "count": len(broken)}
    rig.fault("status", match={"route": "users", "method": "GET"}, status=200, body=body)

    assert list_codes(rig).unreadable == 1


def test_a_group_that_somebody_deleted_is_made_again(rig):
    memory = make_code(rig)
    driver = rig.code_driver()
    url = driver._site_url(rig.site_id, "access_groups", memory.door["group"])
    driver.api.call(driver.dialect.users, "DELETE", url)
    assert not rig.type(memory.digits)

    memory.look()
    assert memory.door == {"ref": DOOR_REF}
    memory.settle()

    assert rig.type(memory.digits)


def test_members_are_persons_and_not_site_users(rig):
    memory = make_code(rig)

    members = list_codes(rig, memory.door).doors[rig.lock_id]["members"]

    assert members == [memory.seen["person"]]
    assert memory.seen["person"] != memory.remote_id


def test_the_feed_names_whose_code_opened(rig):
    rig.program.control("POST", "settings", preset="instant")
    memory, since = make_code(rig), rig.now() - timedelta(seconds=5)
    person_id = code_of(rig).person_id

    rig.type(memory.digits)

    [entry] = rig.code_driver().list_entries(rig.site_id, since=since).entries
    assert (entry.how, entry.person_id) == (EntryHow.CODE, person_id)
    assert entry.person_name == memory.wish.name


# --- what takes no codes ---


def test_a_site_without_pins_says_so(rig):
    driver = rig.code_driver()
    rig.program.control("POST", f"sites/{rig.site_id}", pin_enabled=False)
    [site] = driver.list_sites()

    assert driver.code_rules(lock_of(rig), site) is None
    assert (
        driver.why_no_codes(lock_of(rig), site)
        == "PINs are switched off for this site in Salto KS."
    )


def test_the_older_dialect_has_none(program):
    rig = SaltoCodeRig(program, "legacy")
    driver = rig.code_driver()
    lock = replace(driver.list_locks(rig.site_id)[0], has_keypad=True)

    assert driver.code_rules(lock) is None
    assert "older interface" in driver.why_no_codes(lock)
    with pytest.raises(UnsupportedError):
        driver.list_codes(rig.site_id, doors={})
    with pytest.raises(UnsupportedError):
        driver.remove_code(rig.site_id, "x", "y", budget_seconds=1, request_id="r")
    rig.close()
