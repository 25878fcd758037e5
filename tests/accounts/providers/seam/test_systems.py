"""Rows and attempts of access control systems, in front of recorded answers."""

from datetime import UTC, datetime

import pytest

from accounts.providers.base import (
    Code,
    RefusedError,
    UncertainError,
    UnexpectedReplyError,
)
from accounts.providers.systems import (
    AccessMethod,
    AttemptState,
    CardFailure,
    SystemType,
    UserWish,
    failure_of,
)
from tests.accounts.providers.seam.rigs import RecordedRig
from tests.accounts.providers.servers import Answer

SYSTEM_ID = "00000000-0000-4000-8000-0000000000e1"
USER_ID = "00000000-0000-4000-8000-0000000000e2"
CREDENTIAL_ID = "00000000-0000-4000-8000-0000000000e3"
ENCODER_ID = "00000000-0000-4000-8000-0000000000e4"
GROUP_ID = "00000000-0000-4000-8000-0000000000e5"
ATTEMPT_ID = "00000000-0000-4000-8000-0000000000e6"
BUDGET = {"budget_seconds": 3, "request_id": "request-1"}
CREDENTIAL = {
    "acs_credential_id": CREDENTIAL_ID,
    "acs_system_id": SYSTEM_ID,
    "acs_user_id": USER_ID,
    "access_method": "card",
    "card_number": "51AB",
    "is_issued": True,
    "issued_at": "2026-11-21T15:00:00.000Z",
    "errors": [],
    "warnings": [],
}


@pytest.fixture
def rig():
    rig = RecordedRig()
    yield rig
    rig.close()


def listed(rig, kind, *rows):
    rig.tell(f"acs/{kind}/list", **{f"acs_{kind.removeprefix('access_')}": list(rows)})


def user(rig, **row):
    listed(rig, "users", {"acs_user_id": USER_ID, "full_name": "Jane Doe", **row})
    [found] = rig.driver().list_acs_users(SYSTEM_ID)
    return found


def credential(rig, **row):
    listed(rig, "credentials", CREDENTIAL | row)
    [found] = rig.driver().list_credentials(SYSTEM_ID)
    return found


# --- rows ---


def test_a_salto_ks_site_tells_its_seats_where_they_run_out(rig):
    seats = {"site_user_subscription_limit": 20, "subscribed_site_user_count": 20}
    full = {"error_code": "salto_ks_subscription_limit_exceeded", "message": "Full."}
    sites = [{"site_name": "Elsewhere"}, {"site_name": "Harbour Street", **seats}, "odd"]
    account = {
        "connected_account_id": "account-1",
        "errors": [full | {"salto_ks_metadata": {"sites": sites}}, full],
        "warnings": [],
    }
    rig.tell("connected_accounts/list", connected_accounts=[account])
    row = {
        "acs_system_id": SYSTEM_ID,
        "connected_account_id": "account-1",
        "name": "Harbour Street",
        "external_type": "salto_ks_site",
        "location": {"time_zone": "Europe/London"},
        "errors": [full],
        "warnings": [{"warning_code": "setup_required", "message": "Do."}],
    }
    rig.tell("acs/systems/list", acs_systems=[row])

    [system] = rig.driver().list_systems()

    assert (system.type, system.time_zone) == (SystemType.SALTO_KS, "Europe/London")
    assert (system.seats_used, system.seats_total) == (20, 20)
    assert [each.code for each in system.errors] == ["salto_ks_subscription_limit_exceeded"]
    assert [each.code for each in system.warnings] == ["setup_required"]


def test_seats_are_not_asked_for_where_there_are_enough(rig):
    rig.tell("acs/systems/list", acs_systems=[{"acs_system_id": SYSTEM_ID}])

    [system] = rig.driver().list_systems()

    assert (system.seats_used, system.seats_total) == (None, None)
    assert rig.asked("connected_accounts/list") == []


def test_a_system_of_a_type_nobody_has_told_us_is_another(rig):
    row = {"acs_system_id": SYSTEM_ID, "external_type": "moon_base"}
    rig.tell("acs/systems/list", acs_systems=[row])

    [system] = rig.driver().list_systems()

    assert (system.type, system.external_type) == (SystemType.OTHER, "moon_base")


def test_a_warning_is_read_by_whichever_name_its_fields_have(rig):
    found = credential(
        rig,
        warnings=[
            {"warning_code": "needs_to_be_reissued", "message": "Again."},
            {"error_code": "being_deleted", "warning_message": "Going."},
            {"message": "no word"},
            "nonsense",
            None,
        ],
    )

    assert [(each.code, each.message) for each in found.warnings] == [
        ("needs_to_be_reissued", "Again."),
        ("being_deleted", "Going."),
    ]
    assert found.needs_to_be_reissued
    assert found.is_being_deleted


def test_what_seam_says_of_a_pin_quotes_no_digits(rig):
    warning = {
        "warning_code": "requested_code_unavailable",
        "message": "Used 739146, not 123456.",
        "original_code": "123456",
    }

    found = credential(rig, access_method="code", code="739146", warnings=[warning])

    assert found.code == "739146"
    assert "739146" not in repr(found)
    assert [each.message for each in found.warnings] == ["Used …, not …."]


def test_pending_mutations_tell_which_group_and_when(rig):
    def sides(before, after):
        ids = {"from": before, "to": after}
        return {side: {"acs_access_group_id": each} for side, each in ids.items()}

    found = user(
        rig,
        pending_mutations=[
            {"mutation_code": "updating_group_membership", **sides(None, GROUP_ID)},
            {"mutation_code": "updating_group_membership", **sides(GROUP_ID, None)},
            {
                "mutation_code": "deferring_group_membership_update",
                "acs_access_group_id": GROUP_ID,
                "variant": "adding",
            },
            {"mutation_code": "deferring_creation", "scheduled_at": "2026-11-21T15:00:00.000Z"},
            {"mutation_code": "word_of_tomorrow"},
            {},
        ],
    )

    assert [(each.code, each.group_id) for each in found.mutations] == [
        ("updating_group_membership", GROUP_ID),
        ("updating_group_membership", GROUP_ID),
        ("deferring_group_membership_update", GROUP_ID),
        ("deferring_creation", ""),
        ("word_of_tomorrow", ""),
    ]
    assert found.mutations[3].scheduled_at == datetime(2026, 11, 21, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("row", "is_subscribed"),
    [
        ({}, None),
        ({"salto_ks_metadata": {"is_subscribed": True}}, True),
        ({"salto_ks_metadata": {"is_subscribed": False}}, False),
        ({"salto_ks_metadata": "odd"}, None),
        ({"warnings": [{"warning_code": "salto_ks_user_not_subscribed"}]}, False),
    ],
)
def test_whether_a_user_has_a_seat_is_told_or_not(rig, row, is_subscribed):
    assert user(rig, **row).is_subscribed is is_subscribed


def test_an_entrance_of_each_salto_system_is_read(rig):
    space = {"door_name": "101", "room_name": "Room 101", "door_description": "Escutcheon"}
    ks = {"online": False, "battery_level": "fresh", "privacy_mode": True}
    listed(
        rig,
        "entrances",
        {"acs_entrance_id": "e1", "display_name": "", "salto_space_metadata": space},
        {
            "acs_entrance_id": "e2",
            "display_name": "Gate",
            "can_unlock_with_code": True,
            "salto_ks_metadata": ks,
        },
        {"acs_entrance_id": "e3", "warnings": [{"warning_code": "privacy_mode"}]},
        {"display_name": "no id"},
    )

    first, second, third = rig.driver().list_entrances(SYSTEM_ID)

    assert (first.name, first.room_name, first.description) == ("101", "Room 101", "Escutcheon")
    assert (first.is_online, first.privacy_mode, first.takes_card) == (None, None, None)
    assert (second.is_online, second.battery, second.privacy_mode) == (False, "fresh", True)
    assert (second.takes_code, third.privacy_mode) == (True, True)


def test_rows_of_another_system_than_was_asked_for_are_left_out(rig):
    other = {"acs_user_id": "u2", "acs_system_id": "00000000-0000-4000-8000-0000000000ff"}
    listed(rig, "users", {"acs_user_id": USER_ID, "acs_system_id": SYSTEM_ID}, other)

    assert [each.remote_id for each in rig.driver().list_acs_users(SYSTEM_ID)] == [USER_ID]


def test_a_row_that_moves_to_the_next_page_meanwhile_is_listed_once(rig):
    pages = iter([True, False])

    def answer(_):
        more = next(pages)
        told = {"has_next_page": more, "next_page_cursor": "c" if more else None}
        return Answer({"acs_users": [{"acs_user_id": USER_ID}], "pagination": told, "ok": True})

    rig.cloud.on("POST", "/acs/users/list", answer)

    assert len(rig.driver().list_acs_users(SYSTEM_ID)) == 1


@pytest.mark.parametrize("rows", [None, {}, ["x"], [{"acs_user_id": ""}], [{"acs_user_id": 5}]])
def test_a_listing_in_a_shape_we_do_not_know_is_an_error(rig, rows):
    rig.tell("acs/users/list", acs_users=rows)

    with pytest.raises(UnexpectedReplyError):
        rig.driver().list_acs_users(SYSTEM_ID)


def test_a_list_without_pages_that_has_one_more_all_the_same_is_an_error(rig):
    told = {"has_next_page": True, "next_page_cursor": "c"}
    answer = Answer({"acs_access_groups": [], "pagination": told, "ok": True})
    rig.cloud.on("POST", "/acs/access_groups/list", answer)

    with pytest.raises(UnexpectedReplyError):
        rig.driver().list_groups(SYSTEM_ID)


def test_a_404_that_is_not_seams_says_nothing_about_a_user(rig):
    rig.cloud.on("POST", "/acs/users/get", Answer({"message": "no route"}, 404))
    rig.cloud.on("POST", "/acs/users/delete", Answer({"message": "no route"}, 404))

    with pytest.raises(RefusedError):
        rig.driver().get_acs_user(USER_ID)
    with pytest.raises(RefusedError):
        rig.driver().delete_acs_user(USER_ID, **BUDGET)


# --- what makes a thing gone, and what does not ---

WISH = UserWish(full_name="Jane Doe")
#: Every write that is answered by a yes and nothing else, by its path.
CHANGES = {
    "acs/users/update": lambda driver: driver.update_acs_user(USER_ID, WISH, **BUDGET),
    "acs/users/suspend": lambda driver: driver.set_suspended(USER_ID, is_suspended=True, **BUDGET),
    "acs/users/unsuspend": lambda driver: driver.set_suspended(
        USER_ID, is_suspended=False, **BUDGET
    ),
    "acs/users/delete": lambda driver: driver.delete_acs_user(USER_ID, **BUDGET),
    "acs/users/add_to_access_group": lambda driver: driver.add_to_group(
        GROUP_ID, USER_ID, **BUDGET
    ),
    "acs/users/remove_from_access_group": lambda driver: driver.remove_from_group(
        GROUP_ID, USER_ID, **BUDGET
    ),
    "acs/credentials/delete": lambda driver: driver.delete_credential(CREDENTIAL_ID, **BUDGET),
}
LOOKS = {
    "acs/users/get": lambda driver: driver.get_acs_user(USER_ID),
    "acs/credentials/get": lambda driver: driver.get_credential(CREDENTIAL_ID),
}
#: Every write that makes or starts something, by its path.
STARTS = {
    "acs/users/create": lambda driver: driver.create_acs_user(SYSTEM_ID, WISH, **BUDGET),
    "acs/credentials/create": lambda driver: driver.create_credential(
        USER_ID, access_method=AccessMethod.CARD, **BUDGET
    ),
    "acs/encoders/encode_credential": lambda driver: driver.start_encode(
        ENCODER_ID, CREDENTIAL_ID, **BUDGET
    ),
    "acs/encoders/scan_credential": lambda driver: driver.start_scan(ENCODER_ID, **BUDGET),
    "acs/encoders/scan_to_assign_credential": lambda driver: driver.start_assign(
        ENCODER_ID, USER_ID, **BUDGET
    ),
}


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("acs/users/get", ["acs_user_not_found"]),
        ("acs/credentials/get", ["acs_credential_not_found"]),
        ("acs/users/suspend", ["acs_user_not_found"]),
        ("acs/users/delete", ["acs_user_not_found"]),
        (
            "acs/users/remove_from_access_group",
            ["acs_user_not_found", "acs_access_group_not_found"],
        ),
        ("acs/credentials/delete", ["acs_credential_not_found"]),
    ],
)
def test_only_seams_word_about_the_thing_itself_makes_it_gone(rig, path, words):
    for word in words:
        rig.refuse(path, 404, word)
        assert (LOOKS | CHANGES)[path](rig.driver()) is None


@pytest.mark.parametrize("path", LOOKS | CHANGES)
@pytest.mark.parametrize(
    "word",
    [
        "acs_system_not_found",
        "connected_account_not_found",
        "workspace_not_found",
        "route_not_found",
        "not_found",
        "acs_entrance_not_found",
        "",
    ],
)
def test_a_404_about_anything_else_is_an_error(rig, path, word):
    rig.refuse(path, 404, word)

    with pytest.raises(RefusedError):
        (LOOKS | CHANGES)[path](rig.driver())


@pytest.mark.parametrize("path", LOOKS | CHANGES)
def test_seams_word_without_a_404_is_an_error(rig, path):
    rig.refuse(path, 400, "acs_user_not_found")

    with pytest.raises(RefusedError):
        (LOOKS | CHANGES)[path](rig.driver())


@pytest.mark.parametrize("word", ["", "route_not_found", "connected_account_not_found"])
@pytest.mark.parametrize("path", [*CHANGES, *STARTS])
def test_a_404_of_the_way_there_says_of_nothing_that_it_is_gone(rig, path, word):
    rig.refuse(path, 404, word)

    with pytest.raises(RefusedError) as caught:
        (CHANGES | STARTS)[path](rig.driver())

    assert caught.value.code != Code.NOT_FOUND
    assert failure_of(caught.value) is CardFailure.UNKNOWN_ERROR


# --- answers that are not Seam's, or not whole ---


@pytest.mark.parametrize("body", [b"<!doctype html><h1>Hello</h1>", b"", b"{}", b'{"a": "up"}'])
@pytest.mark.parametrize("path", [*LOOKS, *CHANGES, *STARTS])
def test_a_yes_that_is_not_seams_is_uncertain(rig, path, body):
    answer = Answer({})
    answer.raw = body
    rig.cloud.on("POST", f"/{path}", answer)

    with pytest.raises(UncertainError):
        (LOOKS | CHANGES | STARTS)[path](rig.driver())

    assert len(rig.asked(path)) == 1


OTHER_ID = "00000000-0000-4000-8000-0000000000ff"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("acs/users/get", {"acs_user": {"acs_user_id": OTHER_ID}}),
        ("acs/credentials/get", {"acs_credential": CREDENTIAL | {"acs_credential_id": OTHER_ID}}),
        ("acs/users/create", {"acs_user": {"acs_user_id": USER_ID, "acs_system_id": OTHER_ID}}),
        ("acs/credentials/create", {"acs_credential": CREDENTIAL | {"acs_user_id": OTHER_ID}}),
        ("acs/users/create", {"acs_user": {}}),
        ("acs/credentials/create", {"acs_credential": {"access_method": "card"}}),
    ],
)
def test_an_answer_about_something_else_is_uncertain(rig, path, body):
    rig.tell(path, **body)

    with pytest.raises(UncertainError):
        (LOOKS | STARTS)[path](rig.driver())


@pytest.mark.parametrize(
    ("method", "is_new", "more"),
    [
        (AccessMethod.CARD, True, {"salto_space_metadata": {"assign_new_key": True}}),
        (AccessMethod.CARD, False, {"salto_space_metadata": {"assign_new_key": False}}),
        (AccessMethod.CODE, True, {}),
        (AccessMethod.MOBILE_KEY, True, {"is_multi_phone_sync_credential": True}),
    ],
)
def test_a_credential_is_asked_for_in_the_schemas_words(rig, method, is_new, more):
    rig.tell("acs/credentials/create", acs_credential=CREDENTIAL)

    rig.driver().create_credential(USER_ID, access_method=method, is_new_key=is_new, **BUDGET)

    asked = {"acs_user_id": USER_ID, "access_method": method, **more}
    assert rig.asked("acs/credentials/create") == [asked]


# --- attempts ---


def test_a_look_at_one_attempt_is_not_answered_by_another(rig):
    with pytest.raises(UncertainError):
        look(rig, attempt("success", result=CREDENTIAL) | {"action_attempt_id": OTHER_ID})


def attempt(status, **more):
    nothing = {"result": None, "error": None}
    return {"action_attempt_id": ATTEMPT_ID, "status": status, **nothing, **more}


def look(rig, told):
    rig.tell("action_attempts/get", action_attempt=told)
    return rig.driver().get_encoder_attempt(ATTEMPT_ID, budget_seconds=3)


def test_a_scan_tells_of_a_blank_card_only_where_both_halves_are_null(rig):
    halves = {"acs_credential_on_encoder": None, "acs_credential_on_seam": None}

    blank = look(rig, attempt("success", result={**halves, "warnings": []})).scan
    silent = look(rig, attempt("success", result={})).scan

    assert (blank.card, blank.credential) == (None, None)
    assert silent is None
    with pytest.raises(UnexpectedReplyError):
        look(rig, attempt("success", result={**halves, "acs_credential_on_encoder": "a card"}))


def test_a_scan_tells_of_a_card_that_differs(rig):
    warning = {
        "warning_code": "acs_credential_on_encoder_out_of_sync",
        "warning_message": "… ends_at",
    }
    result = {
        "acs_credential_on_encoder": {"card_number": "51AB", "is_issued": True},
        "acs_credential_on_seam": CREDENTIAL | {"is_managed": False},
        "warnings": [warning],
    }

    scan = look(rig, attempt("success", result=result)).scan

    assert scan.is_out_of_sync
    assert scan.warnings[0].message == "… ends_at"
    assert (scan.card.card_number, scan.credential.is_managed) == ("51AB", False)


def test_an_encode_that_ends_well_brings_its_credential(rig):
    ended = look(rig, attempt("success", result=CREDENTIAL))

    assert (ended.state, ended.scan) == (AttemptState.SUCCESS, None)
    assert (ended.credential.remote_id, ended.credential.card_number) == (CREDENTIAL_ID, "51AB")


def test_a_no_keeps_seams_own_word_and_sentence(rig):
    error = {"type": "uncategorized_error", "message": "Ein Fehler."}

    ended = look(rig, attempt("error", error=error))

    assert (ended.failure, ended.error_type) == (CardFailure.UNKNOWN_ERROR, error["type"])
    assert ended.message == "Ein Fehler."


@pytest.mark.parametrize(
    "told",
    [attempt("paused"), attempt(None), attempt("pending") | {"action_attempt_id": None}],
)
def test_an_attempt_that_cannot_be_followed_is_uncertain(rig, told):
    rig.tell("acs/encoders/encode_credential", action_attempt=told)

    with pytest.raises(UncertainError):
        rig.driver().start_encode(ENCODER_ID, CREDENTIAL_ID, **BUDGET)


@pytest.mark.parametrize("status", [408, 500, 502, 503])
def test_a_start_that_seam_fails_at_is_uncertain_and_never_repeated(rig, status):
    rig.cloud.on("POST", "/acs/encoders/encode_credential", Answer({}, status))

    with pytest.raises(UncertainError):
        rig.driver().start_encode(ENCODER_ID, CREDENTIAL_ID, **BUDGET)

    assert len(rig.asked("acs/encoders/encode_credential")) == 1


@pytest.mark.parametrize(
    ("status", "kind", "message", "failure"),
    [
        (404, "acs_encoder_not_found", "Gone.", CardFailure.ENCODER_MISSING),
        (404, "acs_credential_not_found", "Gone.", CardFailure.CREDENTIAL_GONE),
        (409, "conflict", "The encoder is busy.", CardFailure.ENCODER_BUSY),
        (400, "encoder_not_online", "Off.", CardFailure.ENCODER_OFFLINE),
        (400, "invalid_input", "Odd.", CardFailure.UNKNOWN_ERROR),
    ],
)
def test_a_start_that_is_refused_says_which_failure_it_is(rig, status, kind, message, failure):
    rig.refuse("acs/encoders/encode_credential", status, kind, message)

    with pytest.raises(RefusedError) as caught:
        rig.driver().start_encode(ENCODER_ID, CREDENTIAL_ID, **BUDGET)

    assert failure_of(caught.value) is failure
    assert str(caught.value) == f"Seam says: {message}"


@pytest.mark.parametrize(
    "kind", ["encoding_interrupted", "encoder_communication_timeout", "action_attempt_expired"]
)
def test_a_refusal_that_tells_of_something_broken_off_is_uncertain(rig, kind):
    rig.refuse("acs/encoders/encode_credential", 400, kind)

    with pytest.raises(UncertainError):
        rig.driver().start_encode(ENCODER_ID, CREDENTIAL_ID, **BUDGET)


@pytest.mark.parametrize(("detects", "more"), [(False, {}), (True, {"detect_new_tags": True})])
def test_tags_are_registered_only_where_that_is_wished(rig, detects, more):
    for path in ("scan_credential", "scan_to_assign_credential"):
        rig.tell(f"acs/encoders/{path}", action_attempt=attempt("pending"))
    driver, metadata = rig.driver(), {"salto_ks_metadata": more} if more else {}

    driver.start_scan(ENCODER_ID, detect_new_tags=detects, **BUDGET)
    driver.start_assign(ENCODER_ID, USER_ID, detect_new_tags=detects, **BUDGET)

    [scan] = rig.asked("acs/encoders/scan_credential")
    [assign] = rig.asked("acs/encoders/scan_to_assign_credential")
    assert scan == {"acs_encoder_id": ENCODER_ID, **metadata}
    assert assign == {"acs_encoder_id": ENCODER_ID, "acs_user_id": USER_ID, **metadata}
