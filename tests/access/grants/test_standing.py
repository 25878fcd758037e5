"""How a grant is doing, from the rows of its codes and cards."""

from datetime import timedelta

import pytest
from django.utils import timezone

from access.grants import progress, standing, status, told_as_seam
from access.grants.standing import fetched
from access.models import AccessGrant, AcsMembership
from accounts.providers.systems import AccessMethod as Mode
from tests.make import (
    make_acs_user,
    make_credential,
    make_device,
    make_entrance,
    make_grant,
    make_group,
    make_identity,
    make_method,
    make_system,
    share_door,
)

pytestmark = pytest.mark.django_db

ON_LOCK = {"phase": "on_lock", "status": "set", "effective_evidence": "listing"}


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def device():
    return make_device(has_keypad=True, name="Front Door")


def look(grant, at=None):
    found = fetched(AccessGrant.objects.filter(pk=grant.pk)).get()
    return standing.of(found, at or timezone.now())


def with_code(device, grant=None, **code):
    grant = grant or make_grant(device.property, devices=[device])
    method = make_method(grant, devices=[device], code=ON_LOCK | code)
    return grant, method


# --- PINs -----------------------------------------------------------------------------


def test_a_pin_on_the_lock_is_issued_and_the_grant_is_ready(device):
    grant, _ = with_code(device)

    found = look(grant)

    (method,) = found.methods
    assert (found.state.key, found.state.word) == ("ready", "Ready")
    assert (method.state.word, method.what) == ("On the lock", "PIN")
    assert method.state.note == "The provider lists it on the lock."
    assert method.is_issued
    assert method.is_ready
    assert found.is_ready


@pytest.mark.parametrize(
    ("code", "key", "is_issued", "is_ready"),
    [
        ({"phase": "waiting"}, "setting", False, False),
        ({"phase": "setting"}, "setting", False, False),
        ({"phase": "accepted", "status": "setting"}, "setting", False, False),
        ({"phase": "ambiguous", "status": "setting"}, "unconfirmed", False, False),
        ({"phase": "on_lock", "status": "unknown"}, "unconfirmed", False, False),
        ({"phase": "blocked", "error": "No seat."}, "blocked", False, False),
        (
            {"phase": "setting", "error_code": "x", "error": "It was refused."},
            "failed",
            False,
            False,
        ),
        ({"phase": "on_lock", "status": "set"}, "ready", True, True),
    ],
)
def test_a_pin_is_as_far_as_its_code(device, code, key, is_issued, is_ready):
    grant, _ = with_code(device, **code)

    (method,) = look(grant).methods

    assert (method.state.key, method.is_issued, method.is_ready) == (key, is_issued, is_ready)


@pytest.mark.parametrize(("phase", "is_issued"), [("waiting", False), ("accepted", True)])
def test_a_pin_whose_time_comes_later_is_ready_and_issued_once_the_provider_has_it(
    device, now, phase, is_issued
):
    grant = make_grant(device.property, devices=[device], starts_at=now + timedelta(days=1))
    with_code(device, grant, phase=phase, status="unset")

    found = look(grant)

    assert (found.state.key, found.is_ready) == ("scheduled", True)
    assert found.methods[0].is_issued is is_issued


def test_an_ongoing_pin_waits_for_its_beginning_without_a_code(device, now):
    grant = make_grant(
        device.property, devices=[device], starts_at=now + timedelta(days=1), ends_at=None
    )
    make_method(grant, devices=[device], has_codes=False)

    early, late = look(grant), look(grant, grant.starts_at)

    assert (early.methods[0].state.key, early.is_ready) == ("waiting", True)
    assert early.methods[0].is_issued is False
    assert (late.methods[0].state.key, late.is_ready) == ("setting", False)


def test_the_worst_door_speaks_for_a_pin_and_is_named(device):
    other = make_device(device.site, has_keypad=True, name="Back Door")
    grant, method = with_code(device)
    bad = make_method(grant, devices=[other], code={"phase": "blocked", "error": "Keypad is full."})
    bad.doors.update(method=method)

    found = look(grant)

    assert found.methods[0].state.note == "Back Door: Keypad is full."
    assert found.state.word == "Failed at Back Door"


# --- late -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minutes", "word"),
    [
        (61, "Setting"),
        (42, "Not on the lock yet – guest arrives in 42 min"),
        (-5, "Not on the lock yet – the stay began 5 min ago"),
    ],
)
def test_what_is_not_there_within_the_hour_is_late(device, now, minutes, word):
    starts_at = now + timedelta(minutes=minutes)
    grant = make_grant(device.property, devices=[device], starts_at=starts_at)
    with_code(device, grant, phase="setting", setting_since=now - timedelta(minutes=2))

    assert look(grant, now).state.word == word


def test_what_was_asked_for_a_moment_ago_is_not_late(device, now):
    grant = make_grant(device.property, devices=[device], starts_at=now)
    with_code(device, grant, phase="setting", setting_since=now - timedelta(seconds=119))

    assert look(grant, now).state.key == "setting"


def test_a_grant_of_which_nothing_was_made_is_late_too(device, now):
    grant = make_grant(device.property, devices=[device], identity=None)

    assert look(grant, now).state.word == "Nothing is made yet – the stay began 60 min ago"
    assert not look(grant, now).is_ready


def test_staff_do_not_arrive_as_guests(device, now):
    jane = make_identity(device.workspace, is_staff=True)
    grant = make_grant(device.property, identity=jane, starts_at=now + timedelta(minutes=9))

    assert status.arrives(grant, now) == "they start in 9 min"


# --- ends -----------------------------------------------------------------------------


def revoke(grant, at, **fields):
    columns = {"revoked_at": at, "revoke_due_at": at + timedelta(seconds=10)} | fields
    AccessGrant.objects.filter(pk=grant.pk).update(**columns)


def give_up(grant, at):
    """As the carrying of a revocation leaves the rows."""
    revoke(grant, at, given_up_at=at)
    for share in grant.shares.select_related("door__code"):
        share.ended_at = share.door.ended_at = at
        share.save()
        share.door.save()
        if share.door.code:
            share.door.code.revoked_at = at
            share.door.code.phase = "removing"
            share.door.code.save()


def test_a_revoked_grant_says_so_until_it_is_carried_out(device, now):
    grant, _ = with_code(device)
    revoke(grant, now)

    soon = look(grant, now + timedelta(seconds=9))
    stuck = look(grant, now + timedelta(seconds=10, minutes=2))

    assert (soon.state.word, soon.state.tone, soon.is_ready) == ("Being revoked", "warn", False)
    assert soon.methods[0].state.key == "revoking"
    assert stuck.state.word == "STILL ACTIVE on Front Door"


def test_what_is_being_removed_says_so_and_what_is_overdue_cries(device, now):
    grant, method = with_code(device)
    give_up(grant, now)
    assert look(grant, now).state.word == "Removing"

    code = method.doors.get().code
    code.overdue_since, code.attempts = now, 14
    code.save()

    found = look(grant, now + timedelta(minutes=3))
    assert found.state.word == "STILL ACTIVE on Front Door"
    assert found.state.tone == "danger"
    assert found.state.note.endswith(", 14 tries.")


def test_what_was_seen_gone_is_gone(device, now):
    grant, method = with_code(device)
    give_up(grant, now)
    code = method.doors.get().code
    code.phase, code.removed_at = "removed", now
    code.save()

    found = look(grant, now)

    assert (found.state.key, found.state.word) == ("gone", "Revoked")
    assert found.methods[0].is_past


@pytest.mark.parametrize(("after", "is_wanted"), [(-1, True), (0, False)])
def test_a_stay_ends_on_the_dot(device, now, after, is_wanted):
    grant, _ = with_code(device)
    at = grant.ends_at + timedelta(milliseconds=after)

    (method,) = look(grant, at).methods

    assert bool(method.wanted) is is_wanted


def test_a_pin_that_another_stay_goes_on_with_is_no_concern_of_this_one(device, now):
    grant, method = with_code(device)
    door = method.doors.get()
    door.ends_at = now + timedelta(days=9)
    door.save()

    found = look(grant, grant.ends_at)

    assert found.methods[0].state.key == "kept"
    assert (found.state.word, found.state.tone) == ("Ended", "unknown")


# --- cards ----------------------------------------------------------------------------


@pytest.fixture
def entrance():
    return make_entrance(make_system(), name="Room 204")


def with_card(entrance, **fields):
    grant = make_grant(entrance.system.property, entrances=[entrance], **fields)
    return grant, make_method(grant, Mode.CARD, entrances=[entrance])


def test_a_card_to_be_written_is_ready_for_it_and_does_not_hold_up_the_message(entrance):
    grant, _ = with_card(entrance)

    found = look(grant)

    (method,) = found.methods
    assert (found.state.key, found.state.word) == ("encoding_required", "Needs a card")
    assert (method.is_encoding_required, method.is_ready_for_encoding) == (True, True)
    assert (method.is_issued, method.is_assignment_required) == (False, False)
    assert found.is_ready


def test_a_card_waits_for_the_rights_of_its_person(entrance):
    grant, method = with_card(entrance)
    group = make_group(entrance.system, entrances=[entrance])
    AcsMembership.objects.create(user=method.acs_user, group=group)

    found = look(grant)

    assert found.methods[0].is_encoding_required is False
    assert found.methods[0].state.key == "setting"
    assert not found.is_ready


def test_a_written_card_is_issued(entrance):
    grant, method = with_card(entrance)
    make_credential(method.acs_user)

    found = look(grant)

    assert (found.state.key, found.methods[0].is_issued) == ("ready", True)
    assert found.methods[0].is_encoding_required is False


def test_a_card_behind_its_rights_asks_to_be_written_again(entrance):
    grant, method = with_card(entrance)
    make_credential(method.acs_user, warnings=[{"code": "needs_to_be_reissued", "message": ""}])

    found = look(grant).methods[0]

    assert found.state.key == "card_behind"
    assert (found.is_issued, found.is_encoding_required) == (False, True)


def test_a_tag_is_assigned():
    entrance = make_entrance(make_system(external_type="salto_ks_site"))
    grant, _ = with_card(entrance)

    found = look(grant).methods[0]

    assert (found.what, found.state.word) == ("Tag", "Needs a tag")
    assert (found.is_assignment_required, found.is_ready_for_assignment) == (True, True)
    assert found.is_encoding_required is False


def test_somebody_whom_the_system_refuses_gets_no_card(entrance):
    grant, method = with_card(entrance)
    user = method.acs_user
    user.error_code, user.error = "limit", "No seat is free."
    user.save()

    found = look(grant)

    assert (found.state.word, found.state.note) == ("Not as wished at Room 204", "No seat is free.")


def test_a_card_taken_back_may_still_open_an_offline_door(entrance, now):
    grant, method = with_card(entrance)
    make_credential(method.acs_user)
    give_up(grant, now)
    user = method.acs_user
    user.delete_asked_at, user.phase = now, "deleting"
    user.save()
    assert look(grant, now).state.key == "removing"
    assert look(grant, now + timedelta(minutes=2)).state.word == "STILL ACTIVE on Room 204"

    user.phase = "gone"
    user.save()

    assert look(grant, now).state.key == "card_out"


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        ({}, "gone"),
        ({"is_issued": False}, "card_out"),
        ({"card_state": "suspect"}, "card_out"),
        ({"card_number": "other"}, "card_out"),
        ({"issued_at": timezone.now() - timedelta(days=9)}, "card_out"),
    ],
)
def test_nothing_is_left_of_a_card_that_was_written_for_somebody_else(
    entrance, now, later, expected
):
    grant, method = with_card(entrance)
    make_credential(method.acs_user, card_number="04A1B2C3")
    give_up(grant, now)
    type(method.acs_user).objects.filter(pk=method.acs_user_id).update(phase="gone")
    assert look(grant, now).state.key == "card_out"

    other = make_acs_user(entrance.system)
    make_credential(other, **{"card_number": "04A1B2C3", "issued_at": now} | later)

    assert look(grant, now).state.key == expected
    assert look(grant, grant.ends_at).state.key == "gone"


def test_a_mobile_key_is_pending_until_it_is_issued(entrance):
    grant = make_grant(entrance.system.property, entrances=[entrance])
    method = make_method(grant, Mode.MOBILE_KEY, entrances=[entrance])
    assert look(grant).methods[0].state.key == "mobile_pending"

    key = make_credential(method.acs_user, access_method="mobile_key", is_issued=False)
    assert look(grant).methods[0].state.key == "mobile_pending"

    key.is_issued = True
    key.save()
    assert look(grant).is_ready


def test_a_web_key_needs_only_its_time(device, now):
    grant = make_grant(device.property, devices=[device], starts_at=now + timedelta(hours=1))
    make_method(grant, Mode.CLOUD_KEY, devices=[device])

    early, begun = look(grant, now), look(grant, grant.starts_at)

    assert (early.state.key, early.is_ready) == ("scheduled", True)
    assert (begun.state.key, begun.methods[0].is_issued) == ("ready", True)
    assert not look(grant, grant.ends_at).methods[0].is_issued


# --- Seam's words ---------------------------------------------------------------------


def test_seam_hears_what_could_not_be_issued(device, now):
    grant, _ = with_code(device, phase="blocked", error="Keypad is full.")
    found = look(grant)

    (error,) = told_as_seam.errors_of_method(found.methods[0], now)

    assert (error["error_code"], error["message"]) == (
        "failed_to_issue",
        "Front Door: Keypad is full.",
    )


def test_seam_hears_of_a_delay_only_once_it_is_one(device, now):
    begun = make_grant(device.property, devices=[device], starts_at=now - timedelta(minutes=1))
    grant, _ = with_code(device, begun, phase="setting", setting_since=now - timedelta(seconds=5))

    def told(at):
        found = look(grant, at)
        errors = told_as_seam.errors_of_method(found.methods[0], at)
        warnings = told_as_seam.warnings_of_method(found.methods[0], found.grant, at)
        return errors, [each["warning_code"] for each in warnings]

    assert told(now) == ([], [])
    assert told(now + timedelta(minutes=20)) == ([], ["delay_in_issuing"])


def test_seam_hears_of_provisioning_and_of_revoking(device, now):
    grant, _ = with_code(device, phase="setting")
    found = look(grant)

    (mutation,) = told_as_seam.mutations_of_method(found.methods[0])
    (warning,) = told_as_seam.warnings_of_grant(found)

    assert mutation["mutation_code"] == "provisioning_access"
    assert (mutation["from"], mutation["to"]) == (
        {"device_ids": []},
        {"device_ids": [str(device.pk)]},
    )
    assert warning["warning_code"] == "underprovisioned_access"

    give_up(grant, now)
    found = look(grant)
    codes = [each["mutation_code"] for each in told_as_seam.mutations_of_method(found.methods[0])]
    assert codes == ["revoking_access"]
    assert [each["warning_code"] for each in told_as_seam.warnings_of_grant(found)] == [
        "being_deleted"
    ]


def test_seam_hears_of_times_that_are_being_changed(device, now):
    was = now + timedelta(days=1)
    grant, method = with_code(device, remote_id="x", reported_ends_at=was)
    found = look(grant)

    (mutation,) = told_as_seam.mutations_of_method(found.methods[0])
    (of_grant,) = told_as_seam.mutations_of_grant(found)

    assert mutation["mutation_code"] == "updating_access_times"
    assert mutation["from"]["ends_at"] == was.isoformat()
    assert mutation["to"]["ends_at"] == grant.ends_at.isoformat()
    assert of_grant["access_method_ids"] == [str(method.pk)]


def test_seam_hears_what_the_plan_said_and_what_was_left_out(device, now):
    said = {"code": "device_does_not_support_access_codes", "message": "No.", "device_id": "d"}
    mail = {"code": "user_identity_missing_email_address", "message": "Needs one."}
    out = {"door_id": "d", "name": "Gate", "message": "No keypad.", "is_device": True}
    grant = make_grant(device.property, warnings=[said, mail], left_out=[out])
    found = look(grant)

    (warning,) = told_as_seam.warnings_of_grant(found)
    (error,) = told_as_seam.errors_of_grant(found)

    assert (warning["warning_code"], warning["device_id"]) == (said["code"], "d")
    assert error["missing_device_ids"] == ["d"]


# --- queries --------------------------------------------------------------------------


def test_a_constant_number_of_queries(device, entrance, django_assert_num_queries):
    def make():
        grant, method = with_code(device)
        make_method(grant, Mode.CARD, entrances=[entrance])
        share_door(grant, method, device=make_device(device.site))

    make()
    counts = []
    for _ in range(2):
        with django_assert_num_queries(7) as asked:
            for grant in fetched(AccessGrant.objects.all()):
                standing.of(grant, timezone.now())
        counts.append(len(asked))
        make()
        make()
    assert counts == [7, 7]


def test_every_state_has_its_place_among_the_worst():
    kinds = progress.FAILED | progress.UNDER_WAY | progress.MAY_STILL_OPEN
    assert kinds | progress.NEEDS_DESK | progress.OVER <= set(progress.WORST_FIRST)
