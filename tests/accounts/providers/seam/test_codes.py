"""Codes at Seam, in front of recorded answers: brands that make the digits, errors, windows."""

import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from accounts.providers.base import Code, RefusedError, UncertainError
from accounts.providers.codes import CodeWish, ListedState
from accounts.providers.seam import words
from tests.accounts.providers.seam import answers
from tests.accounts.providers.seam.rigs import RecordedRig
from tests.accounts.providers.servers import Answer

START = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)
END = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
BUDGET = {"budget_seconds": 3, "request_id": "request-1"}
WISH = CodeWish(
    ref="K7F3Q2MX",
    name="K7F3Q2MX Ana Lopez",
    lock_id=answers.LOCK_ID,
    lock_name="Front Door",
    starts_at=START,
    ends_at=END,
    digits="739146",
)
SALTO = replace(WISH, digits="")


@pytest.fixture
def rig():
    rig = RecordedRig()
    yield rig
    rig.close()


def listed(rig, *codes, unmanaged=()):
    rig.tell("access_codes/list", access_codes=list(codes))
    rig.tell("access_codes/unmanaged/list", access_codes=list(unmanaged))
    return rig.driver().list_codes(rig.site_id, doors={})


def one(rig, **changes):
    [code] = listed(rig, answers.CODE | changes).codes
    return code


def take(rig, step, wish=WISH, seen=None):
    known = {"id": answers.CODE_ID} if seen is None else seen
    return rig.driver().take_step(step, rig.site_id, wish, known, {"ref": "D22R4456"}, **BUDGET)


def step_after(rig, wish=WISH, **changes):
    return rig.driver().next_step(wish, one(rig, **changes).seen, {})


# --- the listing ---


def test_codes_are_listed_lock_by_lock_ours_and_others(rig):
    listing = listed(rig, answers.CODE, unmanaged=[answers.UNMANAGED])

    assert [each.ref for each in listing.codes] == ["K7F3Q2MX", ""]
    assert [each.digits for each in listing.codes] == ["739146", "4455"]
    assert (listing.lines, listing.unreadable, listing.is_complete) == (2, 0, True)
    assert rig.asked("access_codes/list") == [{"device_id": rig.lock_id, "limit": 500}]


def test_a_lock_that_can_do_nothing_for_now_is_listed_all_the_same(rig):
    rig.lock |= {"can_program_online_access_codes": False, "can_remotely_unlock": False}

    assert len(listed(rig, answers.CODE).codes) == 1


def test_a_lock_whose_codes_cannot_be_read_spoils_the_list(rig):
    rig.cloud.on("POST", "/access_codes/unmanaged/list", Answer(status=503))

    with pytest.raises(UncertainError):
        rig.driver().list_codes(rig.site_id, doors={})


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"status": "set"}, ListedState.SET),
        ({"status": "setting"}, ListedState.PENDING),
        ({"status": "unset"}, ListedState.PENDING),
        ({"status": "unset", "is_scheduled_on_device": True}, ListedState.SET),
        (
            {
                "status": "unset",
                "is_scheduled_on_device": True,
                "pending_mutations": [{"mutation_code": "deferring_creation"}],
            },
            ListedState.PENDING,
        ),
        ({"status": "removing"}, ListedState.REMOVING),
        (
            {"status": "set", "pending_mutations": [{"mutation_code": "deleting"}]},
            ListedState.REMOVING,
        ),
        ({"status": "unknown"}, ListedState.UNKNOWN),
        ({"status": "elsewhere"}, ListedState.UNKNOWN),
    ],
)
def test_every_status_is_mapped(rig, changes, state):
    assert one(rig, **changes).state is state


@pytest.mark.parametrize(("word", "code"), words.FINAL_ERRORS.items())
def test_errors_that_stay_fail_the_code_in_our_words(rig, word, code):
    told = [{"error_code": word, "message": "Code 739146 is no good."}]

    found = one(rig, status="unset", errors=told)

    assert (found.state, found.error_code) == (ListedState.FAILED, code)
    assert found.error == words.CODE_TROUBLES[word]
    assert "739146" not in found.error


def test_errors_that_seam_works_on_leave_it_pending(rig):
    told = [{"error_code": "failed_to_set_on_device", "message": "No answer."}]

    found = one(rig, status="setting", errors=told)

    assert found.state is ListedState.PENDING
    assert found.error == "The lock did not take it yet; Seam keeps trying."


def test_an_error_nobody_has_documented_is_named(rig):
    found = one(rig, errors=[{"error_code": "full_moon", "message": "739146"}])

    assert found.error == "Seam reports trouble with it (full_moon)."


def test_a_code_without_a_seat_opens_nothing(rig):
    told = [{"error_code": "salto_ks_subscription_limit_exceeded", "message": "No."}]

    assert one(rig, errors=told).is_suspended


# --- steps ---


def test_a_code_is_made_with_its_ref_digits_and_window(rig):
    rig.tell("access_codes/create", access_code=answers.CODE)

    done = take(rig, "create", seen={})

    assert rig.asked("access_codes/create") == [
        {
            "device_id": rig.lock_id,
            "name": "K7F3Q2MX Ana Lopez",
            "code": "739146",
            "starts_at": "2026-11-21T15:00:00.000Z",
            "ends_at": "2026-11-23T10:00:00.000Z",
        }
    ]
    assert (done.remote_id, done.person_id, done.digits) == (answers.CODE_ID,) * 2 + ("",)
    assert rig.driver().next_step(WISH, done.seen, done.door) == ""


@pytest.mark.parametrize(
    ("wish", "changes", "step"),
    [
        (WISH, {}, ""),
        (WISH, {"name": "K7F3Q2MX Bob"}, "rename"),
        (WISH, {"ends_at": "2026-11-23T10:00:40.000Z"}, ""),
        (WISH, {"ends_at": "2026-11-23T11:00:00.000Z"}, "set_times"),
        (WISH, {"starts_at": None, "ends_at": None, "type": "ongoing"}, "set_times"),
        (WISH, {"starts_at": "2026-11-21T14:00:00.000Z", "name": "Bob"}, "set_times"),
        (replace(WISH, starts_at=None, ends_at=None), {}, "set_times"),
        (replace(WISH, starts_at=None), {}, ""),
        (replace(WISH, ends_at=None), {}, "set_times"),
        (replace(WISH, ends_at=None), {"ends_at": "2031-11-20T15:00:00.000Z"}, ""),
        (replace(WISH, is_due=False), {}, "withdraw"),
        (WISH, {"status": "removing", "name": "Bob"}, ""),
    ],
)
def test_the_next_step_is_what_differs_and_matters_most(rig, wish, changes, step):
    assert step_after(rig, wish, **changes) == step


def test_times_a_brand_moved_on_purpose_are_left_alone(rig):
    warning = {"warning_code": "time_frame_adjusted_for_unknown_time_zone", "message": "An hour."}

    found = step_after(rig, ends_at="2026-11-23T11:00:00.000Z", warnings=[warning])

    assert found == ""


@pytest.mark.parametrize(
    ("wish", "given"),
    [
        (
            WISH,
            {"starts_at": "2026-11-21T15:00:00.000Z", "ends_at": "2026-11-23T10:00:00.000Z"},
        ),
        (replace(WISH, starts_at=None, ends_at=None), {"type": "ongoing"}),
        (
            replace(WISH, ends_at=None),
            {"starts_at": "2026-11-21T15:00:00.000Z", "ends_at": "2031-11-20T15:00:00.000Z"},
        ),
    ],
)
def test_a_window_is_sent_with_both_ends_or_none(rig, wish, given):
    rig.tell("access_codes/update")
    seen = one(rig, ends_at="2026-12-24T10:00:00.000Z").seen

    done = take(rig, "set_times", wish, seen)

    assert rig.asked("access_codes/update") == [{"access_code_id": answers.CODE_ID, **given}]
    assert rig.driver().next_step(wish, done.seen, {}) == ""


@pytest.mark.parametrize(
    ("status", "kind", "more", "code"),
    [
        (409, "duplicate_access_code", {}, Code.DUPLICATE_CODE),
        (
            400,
            "invalid_input",
            {"validation_errors": {"_errors": [], "code": {"_errors": ["Invalid"]}}},
            Code.CONSTRAINTS_VIOLATED,
        ),
        (400, "invalid_input", {}, Code.REFUSED),
        (404, "device_not_found", {}, Code.NOT_FOUND),
        (400, "max_access_codes_reached", {}, Code.NO_SPACE),
    ],
)
def test_a_refused_code_says_why_and_quotes_no_digits(rig, status, kind, more, code):
    rig.refuse("access_codes/create", status, kind, "739146 cannot be used", **more)

    with pytest.raises(RefusedError) as caught:
        take(rig, "create", seen={})

    assert caught.value.code == code
    assert "739146" not in str(caught.value)


# --- digits that the brand makes ---


def test_digits_the_brand_makes_are_waited_for_and_told_once(rig):
    waiting = answers.CODE | {"code": None, "is_waiting_for_code_assignment": True}
    rig.tell("access_codes/create", access_code=waiting)
    rig.tell("access_codes/get", access_code=waiting)
    driver = rig.driver()

    made = take(rig, "create", SALTO, {})
    assert "code" not in rig.asked("access_codes/create")[0]
    assert driver.next_step(SALTO, made.seen, {}) == "read"
    with pytest.raises(RefusedError) as caught:
        take(rig, "read", SALTO, made.seen)
    assert caught.value.code == Code.NOT_READY

    rig.tell("access_codes/get", access_code=answers.CODE)
    told = take(rig, "read", SALTO, made.seen)
    assert told.digits == "739146"
    assert "739146" not in str(told.seen)
    assert driver.next_step(SALTO, told.seen, {}) == ""
    # A listing goes over what is known, key by key, and must not make it ask again.
    assert driver.next_step(SALTO, {**told.seen, **one(rig).seen}, {}) == ""


def test_digits_that_were_lost_are_read_again_and_not_made_anew(rig):
    seen = {**one(rig).seen, "are_digits_told": True}
    wish = replace(SALTO, wants_new_digits=True)

    assert rig.driver().next_step(wish, seen, {}) == "read"


def test_digits_of_our_choosing_are_never_asked_for(rig):
    assert step_after(rig, is_waiting_for_code_assignment=True) == ""


# --- removal ---


def gone(rig, path):
    rig.refuse(path, 404, "access_code_not_found")


def remove(rig):
    rig.driver().remove_code(rig.site_id, rig.lock_id, answers.CODE_ID, **BUDGET)
    return [each.path.removeprefix("/access_codes/") for each in rig.cloud.asked]


def test_a_code_of_seam_is_deleted_in_one_call(rig):
    rig.tell("access_codes/delete")

    assert remove(rig) == ["delete"]


def test_a_code_seam_does_not_manage_is_deleted_where_those_are(rig):
    gone(rig, "access_codes/delete")
    rig.tell("access_codes/unmanaged/delete")

    assert remove(rig) == ["delete", "unmanaged/delete"]


def test_a_code_that_is_gone_counts_as_removed(rig):
    gone(rig, "access_codes/delete")
    gone(rig, "access_codes/unmanaged/delete")

    assert remove(rig) == ["delete", "unmanaged/delete"]


@pytest.mark.parametrize("status", [400, 409])
def test_a_removal_that_is_refused_says_so(rig, status):
    rig.refuse("access_codes/delete", status, "cannot")

    with pytest.raises(RefusedError):
        remove(rig)


def test_a_brand_without_calendar_gets_its_codes_an_hour_before(rig):
    native = rig.driver().code_rules(rig.driver().get_lock(rig.site_id, rig.lock_id))
    rig.lock = copy.deepcopy(rig.lock) | {"device_type": "smartthings_lock"}
    just_in_time = rig.driver().code_rules(rig.driver().get_lock(rig.site_id, rig.lock_id))

    assert (native.lead, native.native_end) == (timedelta(hours=72), True)
    assert (just_in_time.lead, just_in_time.native_end) == (timedelta(hours=1), False)
