"""The acts of people on codes: each a wish, written once, refused whole."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import ConnectedAccount, Role
from accounts.providers.codes import CodeConstraint, CodeRules
from audit.ids import new_id
from audit.models import Event
from locks.code_models import CodePhase, SecretState
from locks.codes import foretelling, ladder, room, rules, services, waking
from locks.codes.services import RefusedError, Wish
from locks.models import AccessCode, CodeDoor, CodeMoment, Device
from tests.locks.codes.stub import KEYPAD, SALTO, Stub
from tests.make import (
    actor,
    make_account,
    make_code,
    make_device,
    make_property,
    make_site,
    make_user,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 21, 14, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def device(brand: Stub) -> Device:
    return make_device(has_keypad=True)


@pytest.fixture
def by(device: Device) -> Any:
    return actor(make_user(Role.FRONT_DESK, workspace=device.workspace))


def wish(**fields: Any) -> Wish:
    return Wish(**{"name": "Jane"} | fields)


def timed(hours: int = 0, length: int = 2, **fields: Any) -> Wish:
    starts = NOW + hours * HOUR
    return wish(starts_at=starts, ends_at=starts + length * HOUR, **fields)


def told(refusal: Any) -> list[tuple[str, str]]:
    return [(problem.field, problem.sentence) for problem in refusal.value.problems]


def create(device: Device, by: Any, **fields: Any) -> AccessCode:
    [code] = services.create([device], wish(**fields), by=by, at=NOW)
    return code


def neighbours(device: Device, count: int = 2) -> list[Device]:
    more = [make_device(device.site, name=f"Door {n}", has_keypad=True) for n in range(count - 1)]
    return [device, *more]


# --- making -----------------------------------------------------------------------------


def test_a_code_is_a_wish_and_a_line_and_an_alarm(device, by):
    [code] = services.create([device], timed(digits="805731"), by=by, at=NOW)

    code.refresh_from_db()
    assert (code.phase, code.status, code.generation) == ("waiting", "unset", 1)
    assert (code.created_by, code.created_at) == (by.user, NOW)
    assert (code.unseal_digits(), code.secret_state) == ("805731", "stored")
    assert code.next_run_at is not None
    assert ConnectedAccount.objects.get().next_codes_at is not None
    assert CodeMoment.objects.get().text == "Asked for"
    event = Event.objects.get(verb="code_created")
    assert (event.subject, event.device_id, event.actor_name) == ("Jane", device.pk, "Ana")
    assert event.detail["ends"] == "2026-11-21T17:00+01:00"
    assert "805731" not in str(event.detail)


def test_empty_digits_are_made_for_locks_that_take_ours(device, by):
    digits = create(device, by).unseal_digits()

    rules.check_digits(digits, KEYPAD)
    assert len(digits) == 6


def test_salto_makes_its_own(device, by, brand):
    brand.rules = SALTO

    code = create(device, by)

    assert (code.digits_sealed, code.digits_index, code.secret_state) == ("", "", "none")


def test_times_are_rounded_before_they_are_kept(device, by):
    at = NOW.replace(second=42)
    [code] = services.create([device], wish(starts_at=at, ends_at=at + HOUR), by=by, at=NOW)

    assert (code.starts_at, code.ends_at) == (NOW, NOW + HOUR + timedelta(minutes=1))


def test_everything_that_is_wrong_is_said_at_once(device, by):
    with pytest.raises(RefusedError) as refusal:
        services.create(
            [device],
            Wish(name=" ", starts_at=NOW, ends_at=NOW, digits="1234"),
            by=by,
            at=NOW,
        )

    assert told(refusal) == [
        ("name", "name: 1–60 visible characters"),
        ("digits", "code is too easy to guess"),
        ("ends_at", "end must be after start"),
    ]
    assert not AccessCode.objects.exists()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"has_keypad": False}, "Room 204: This lock has no keypad."),
    ],
)
def test_a_door_that_takes_none_says_why(by, brand, device, fields, sentence):
    Device.objects.update(**fields)
    device.refresh_from_db()

    with pytest.raises(RefusedError) as refusal:
        create(device, by)

    assert told(refusal) == [("doors", sentence)]


def test_several_doors_share_digits_that_are_free_on_each(device, by):
    doors = neighbours(device, 3)
    make_code(doors[1], digits="111111")

    codes = services.create(doors, timed(), by=by, at=NOW)

    assert len({code.unseal_digits() for code in codes}) == 1
    assert len({code.common_key for code in codes}) == 1
    assert codes[0].common_key
    assert len({code.ref for code in codes}) == 3


def test_of_several_doors_all_get_one_or_none(device, by):
    doors = neighbours(device, 3)
    make_code(doors[2], digits="805731")

    with pytest.raises(RefusedError, match="PIN already in use on Door 1"):
        services.create(doors, timed(digits="805731"), by=by, at=NOW)

    assert AccessCode.objects.count() == 1


def test_locks_that_have_no_length_in_common_are_named(device, by, brand):
    with pytest.raises(RefusedError, match="different numbers of digits"):
        services.combined([CodeRules(lengths=(4,)), CodeRules(lengths=(6,))])


def test_no_door_and_too_many_are_refused(by, device, brand):
    with pytest.raises(RefusedError, match="choose at least one door"):
        services.create([], wish(), by=by, at=NOW)
    with pytest.raises(RefusedError, match="at most 100 doors"):
        services.create(
            [Device(property=device.property) for _ in range(101)], wish(), by=by, at=NOW
        )


def test_who_may_not_here_may_not(device):
    elsewhere = make_property(device.workspace)
    for user in (
        make_user(Role.AUDITOR, workspace=device.workspace),
        make_user(Role.FRONT_DESK, workspace=device.workspace, place=elsewhere),
    ):
        with pytest.raises(PermissionDenied):
            create(device, actor(user))


# --- room -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "is_free"),
    [
        (timed(2), False),
        (timed(4), True),
        (wish(), False),
        (timed(-3), True),
    ],
    ids=["within a quarter of an hour", "later", "ongoing", "before"],
)
def test_code_09_the_same_digits_do_not_meet_on_a_door(device, by, other, is_free):
    make_code(device, digits="805731", starts_at=NOW, ends_at=NOW + 2 * HOUR - timedelta(minutes=5))
    other = Wish(name="Joe", starts_at=other.starts_at, ends_at=other.ends_at, digits="805731")
    at = NOW - 9 * HOUR

    if is_free:
        assert services.create([device], other, by=by, at=at)
        return
    with pytest.raises(RefusedError) as refusal:
        services.create([device], other, by=by, at=at)
    [(field, sentence)] = told(refusal)
    assert (field, sentence) == (
        "digits",
        "PIN already in use on Room 204 until 21 Nov 2026, 16:55",
    )


def test_the_sentence_never_says_whose(device, by):
    make_code(device, name="Secret Guest", digits="805731")

    with pytest.raises(RefusedError) as refusal:
        create(device, by, digits="805731")

    assert told(refusal) == [("digits", "PIN already in use on Room 204")]


def test_digits_of_an_unconfirmed_removal_are_reserved(device, by):
    code = make_code(device, digits="805731", revoked_at=NOW, phase=CodePhase.REMOVED_IN_CLOUD)

    with pytest.raises(RefusedError, match="until its removal is confirmed"):
        create(device, by, digits="805731")

    AccessCode.objects.filter(pk=code.pk).update(phase=CodePhase.REMOVED)
    assert create(device, by, digits="805731")


def test_codes_found_at_the_provider_count_where_their_digits_are_known(device, by):
    make_code(device, digits="805731", is_managed=False, remote_id="x")

    with pytest.raises(RefusedError, match="already in use"):
        create(device, by, digits="805731")


def test_the_same_digits_on_another_door_are_fine(device, by):
    make_code(make_device(device.site, has_keypad=True), digits="805731")

    assert create(device, by, digits="805731")


def test_first_four_digits_differ_where_the_lock_wants_that(device, by, brand):
    make_code(device, digits="805731")
    assert create(device, by, digits="805794")

    brand.rules = CodeRules(
        lengths=(6,), constraints=frozenset({CodeConstraint.UNIQUE_FIRST_FOUR_DIGITS})
    )
    with pytest.raises(RefusedError, match="first four digits"):
        create(device, by, digits="805796")


def test_digits_are_judged_under_the_doors_lock(device, by):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        create(device, by)

    statements = [each["sql"] for each in queries]
    locked = next(n for n, sql in enumerate(statements) if "FOR NO KEY UPDATE" in sql)
    judged = next(n for n, sql in enumerate(statements) if '"digits_index" = ' in sql)
    assert "locks_codedoor" in statements[locked]
    assert locked < judged
    assert CodeDoor.objects.get().seen == {"ref": CodeDoor.objects.get().ref}


def test_a_full_lock_is_said_before_anything_is_sent(device, by):
    for _ in range(10):
        make_code(device)

    with pytest.raises(RefusedError) as refusal:
        create(device, by)

    assert told(refusal) == [
        ("doors", "Room 204 holds 10 codes and all are taken: revoke one first")
    ]


def test_code_12_a_full_site_is_refused_before_the_attempt(device, by, brand):
    brand.rules = SALTO
    site = device.site
    site.seats_used, site.seats_total = 8, 10
    site.save()
    make_code(device)  # on its way: it will take a seat

    assert create(device, by)
    with pytest.raises(RefusedError) as refusal:
        create(device, by)

    assert told(refusal) == [
        (
            "doors",
            "SIMULATED Site has 0 of 10 seats free and 1 would be needed:"
            " revoke codes there, or remove users in Salto",
        )
    ]


def test_a_site_that_names_no_number_is_never_full(device, by, brand):
    brand.rules = SALTO

    assert create(device, by)


@pytest.mark.parametrize(("used", "tone"), [(7, "ok"), (8, "warn"), (10, "danger")])
def test_room_warns_at_eighty_percent(used, tone):
    assert room.Room("Seats", used, 10).tone == tone


# --- changing ---------------------------------------------------------------------------


def change(code: AccessCode, by: Any, wanted: Wish, **more: Any) -> AccessCode:
    return services.change(code, wanted, by=by, at=NOW, **{"generation": code.generation} | more)


def test_a_change_raises_the_generation_and_tells_before_and_after(device, by):
    [code] = services.create([device], timed(), by=by, at=NOW)
    digits = code.unseal_digits()

    changed = change(code, by, timed(length=5, name="Jane Doe"))

    changed.refresh_from_db()
    assert (changed.generation, changed.name, changed.ends_at) == (2, "Jane Doe", NOW + 5 * HOUR)
    assert changed.unseal_digits() == digits
    event = Event.objects.get(verb="code_changed")
    assert event.detail == {
        "name": ["Jane", "Jane Doe"],
        "ends": ["2026-11-21T17:00+01:00", "2026-11-21T20:00+01:00"],
    }


def test_nothing_new_changes_nothing(device, by):
    code = create(device, by)

    assert change(code, by, wish()).generation == 1
    assert not Event.objects.filter(verb="code_changed").exists()


def test_who_looked_at_an_older_one_is_told(device, by):
    code = create(device, by)
    change(code, by, wish(name="First"))

    with pytest.raises(RefusedError, match="Somebody changed this code a moment ago"):
        change(code, by, wish(name="Second"))


def test_digits_change_in_place_where_the_lock_can(device, by, brand):
    code = create(device, by, digits="805731")
    AccessCode.objects.update(delivered_at=NOW)

    changed = change(code, by, wish(digits="904182"))

    assert (changed.unseal_digits(), changed.delivered_at) == ("904182", None)
    assert Event.objects.filter(verb="code_digits_changed").count() == 1
    brand.rules = CodeRules(lengths=(6,))
    with pytest.raises(RefusedError, match="this lock cannot change digits"):
        change(changed, by, wish(digits="805731"))


def test_a_later_end_still_keeps_digits_apart(device, by):
    [code] = services.create([device], timed(digits="805731"), by=by, at=NOW)
    make_code(device, digits="805731", starts_at=NOW + 4 * HOUR, ends_at=NOW + 6 * HOUR)

    with pytest.raises(RefusedError, match="already in use"):
        change(code, by, timed(length=5))


def test_code_08_beyond_the_digits_own_end_new_ones_are_made_and_told_of(device, by, brand):
    brand.rules, brand.end = SALTO, NOW + 30 * HOUR
    [code] = services.create([device], timed(), by=by, at=NOW)
    code.seal_digits("805731")
    code.secret_state, code.delivered_at = SecretState.STORED, NOW
    code.save()
    within, beyond = timed(length=30), timed(length=31)

    kept = services.rehearse(code, within, generation=1, by=by, at=NOW)
    after = services.rehearse(code, beyond, generation=1, by=by, at=NOW)
    sentences = foretelling.of_change(code, after, beyond, at=NOW)
    changed = change(code, by, beyond)

    assert kept.secret_state == "stored"
    assert any("The digits change" in line and "tell them" in line for line in sentences)
    assert (changed.secret_state, changed.digits_sealed, changed.delivered_at) == ("lost", "", None)
    assert Event.objects.filter(verb="code_digits_changed").count() == 1


def test_a_rehearsal_does_nothing(device, by):
    code = create(device, by)
    events = Event.objects.count()

    after = services.rehearse(code, wish(name="Other"), generation=1, by=by, at=NOW)

    code.refresh_from_db()
    assert (after.name, code.name, code.generation) == ("Other", "Jane", 1)
    assert Event.objects.count() == events


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"revoked_at": NOW}, "This code has ended"),
        ({"is_managed": False}, "Adopt it first"),
    ],
)
def test_what_has_ended_or_is_not_ours_is_not_changed(device, by, fields, sentence):
    code = make_code(device, **fields)

    with pytest.raises(RefusedError, match=sentence):
        change(code, by, wish(name="Other"))


def test_what_has_begun_does_not_begin_later(device, by):
    code = create(device, by)

    with pytest.raises(RefusedError, match="this code has begun"):
        change(code, by, timed(1))


def test_several_get_a_new_end_or_none(device, by):
    one, two = (
        services.create([device], timed(digits=digits), by=by, at=NOW)[0]
        for digits in ("805731", "904182")
    )
    make_code(device, digits="904182", starts_at=NOW + 5 * HOUR, ends_at=NOW + 6 * HOUR)
    late = NOW + 9 * HOUR

    with pytest.raises(RefusedError, match="Jane on Room 204: PIN already in use"):
        services.extend([(one, late), (two, late)], by=by, at=NOW)
    one.refresh_from_db()
    assert one.ends_at == NOW + 2 * HOUR

    services.extend([(one, late)], by=by, at=NOW)
    one.refresh_from_db()
    assert one.ends_at == late


def test_extending_never_shortens(device, by):
    soon, late = (
        services.create([device], timed(length=end, name=name), by=by, at=NOW)[0]
        for name, end in (("Soon", 2), ("Late", 7))
    )

    with pytest.raises(RefusedError) as refusal:
        services.extend([(code, NOW + 5 * HOUR) for code in (soon, late)], by=by, at=NOW)

    assert told(refusal) == [("ends_at", "Late on Room 204: ends later already: 22:00")]
    ends = AccessCode.objects.order_by("ends_at").values_list("ends_at", flat=True)
    assert list(ends) == [NOW + 2 * HOUR, NOW + 7 * HOUR]


def test_code_08_digits_are_never_changed_for_several_at_once(device, by, brand):
    [code] = services.create([device], timed(), by=by, at=NOW)
    brand.end = NOW + 5 * HOUR

    with pytest.raises(RefusedError, match="its digits end before that"):
        services.extend([(code, NOW + 9 * HOUR)], by=by, at=NOW)


# --- ending and adopting ------------------------------------------------------------------


def test_code_05_revoking_is_a_wish_and_the_row_stays(device, by):
    code = create(device, by, digits="805731")

    assert services.revoke([code], by=by, at=NOW) == 1
    assert services.revoke([code], by=by, at=NOW) == 0

    code.refresh_from_db()
    assert (code.revoked_at, code.generation, code.phase) == (NOW, 2, "waiting")
    assert code.unseal_digits() == "805731"
    assert Event.objects.filter(verb="code_revoked").count() == 1


def test_an_adopted_code_keeps_its_digits_out_there(device, by):
    found = make_code(
        device,
        is_managed=False,
        remote_id="u-1",
        ref="",
        name="Cleaner",
        reported_ends_at=NOW + HOUR,
        phase=CodePhase.ON_LOCK,
    )

    ours = services.adopt(found, by=by, at=NOW)

    ours.refresh_from_db()
    assert (ours.is_managed, ours.remote_id, ours.phase) == (True, "u-1", "on_lock")
    assert (len(ours.ref), ours.name) == (8, "Cleaner")
    assert (ours.secret_state, ours.delivered_at) == ("lost", NOW)  # never rotated silently
    assert ours.ends_at == NOW + HOUR
    assert ours.starts_at is not None
    assert services.adopt(ours, by=by, at=NOW).generation == ours.generation


def test_one_that_is_being_removed_is_not_adopted(device, by):
    found = make_code(device, is_managed=False, remote_id="u-1", revoked_at=NOW)

    with pytest.raises(RefusedError, match="being removed"):
        services.adopt(found, by=by, at=NOW)


def test_somebodys_account_is_neither_adopted_nor_removed(device, by):
    person = make_code(device, is_managed=False, remote_id="u-1", seen={"is_person": True})

    with pytest.raises(RefusedError, match="somebody’s account"):
        services.adopt(person, by=by, at=NOW)
    with pytest.raises(RefusedError, match="somebody’s account"):
        services.revoke([person], by=by, at=NOW)


# --- the ladder ---------------------------------------------------------------------------


def test_sync_wants_nothing_new_and_asks_for_a_new_list(device, by):
    code = create(device, by)
    ConnectedAccount.objects.update(codes_listed_at=NOW)

    ladder.look_now(code, by=by, at=NOW)

    code.refresh_from_db()
    assert code.generation == 1
    assert ConnectedAccount.objects.get().codes_listed_at is None
    assert Event.objects.get(verb="code_changed").detail == {"act": "sync"}


def test_push_again_is_a_new_generation_with_tries_from_the_start(device, by):
    code = make_code(device, phase=CodePhase.BLOCKED, attempts=7, observed_generation=1)

    ladder.push_again(code, by=by, at=NOW)

    code.refresh_from_db()
    assert (code.generation, code.attempts) == (2, 0)


def test_a_new_code_takes_the_place_of_the_old(device, by):
    [old] = services.create([device], timed(digits="805731"), by=by, at=NOW)

    fresh = ladder.replace(old, by=by, at=NOW + HOUR)

    old.refresh_from_db()
    assert old.revoked_at == NOW + HOUR
    assert (fresh.name, fresh.starts_at, fresh.ends_at) == ("Jane", NOW + HOUR, NOW + 2 * HOUR)
    assert fresh.unseal_digits() != "805731"
    assert Event.objects.get(verb="code_revoked").reason == f"replaced by {fresh.ref}"


def test_a_backup_code_that_waits_is_handed_out(device, by):
    [old] = services.create([device], timed(), by=by, at=NOW)
    spare = make_code(device, is_backup=True, status="set", digits="904182", name="Backup 1")

    got = ladder.use_backup(old, by=by, at=NOW)

    assert (got.pk, got.name, got.ends_at, got.is_backup) == (spare.pk, "Jane", old.ends_at, False)
    old.refresh_from_db()
    assert old.revoked_at == NOW


def test_where_none_waits_that_is_said(device, by):
    [old] = services.create([device], timed(), by=by, at=NOW)

    with pytest.raises(RefusedError, match="no backup code waiting"):
        ladder.use_backup(old, by=by, at=NOW)


# --- keypads ------------------------------------------------------------------------------


def test_an_admin_knows_better_than_a_listing(device, by, brand):
    admin = actor(make_user(Role.ADMIN, workspace=device.workspace))
    CodeDoor.objects.create(device=device, ref="A" * 8, keypad_doubted_at=NOW)

    services.override_keypad(device, has_keypad=False, by=admin, at=NOW)

    door = CodeDoor.objects.get()
    assert (door.keypad_override, door.keypad_doubted_at) == (False, None)
    event = Event.objects.get(verb="keypad_overridden")
    assert (event.detail["before"], event.detail["after"]) == (
        "as the provider says",
        "has no keypad",
    )
    with pytest.raises(RefusedError, match="An admin said that this lock has no keypad"):
        create(Device.objects.get(), by)
    with pytest.raises(PermissionDenied):
        services.override_keypad(device, has_keypad=True, by=by, at=NOW)


def test_an_admins_yes_makes_a_lock_take_codes(device, by, brand):
    Device.objects.update(has_keypad=False)
    admin = actor(make_user(Role.ADMIN, workspace=device.workspace))
    services.override_keypad(device, has_keypad=True, by=admin, at=NOW)

    assert create(Device.objects.get(), by)


# --- told ---------------------------------------------------------------------------------


def test_pages_are_told_of_every_act(device, by, monkeypatch):
    told = []
    monkeypatch.setattr(waking, "announce", lambda *args: told.append(args))
    code = create(device, by)
    services.revoke([code], by=by, at=NOW)

    assert told == [(device.workspace_id, device.pk)] * 2


def test_accounts_whose_secret_cannot_be_read_still_have_rules(device, by, settings):
    account = make_account(device.workspace)
    other = make_device(make_site(account), has_keypad=True)
    ConnectedAccount.objects.filter(pk=account.pk).update(
        client_secret_sealed="v1.gone.x", password_sealed="v1.gone.x", state="secret_unreadable"
    )
    other.refresh_from_db()

    assert create(other, by)


# --- codes of stays ---------------------------------------------------------------------


@pytest.mark.parametrize("act", ["change", "revoke", "replace", "use_backup", "extend"])
def test_a_code_of_a_stay_is_not_changed_here(device, by, act):
    code = make_code(device, grant_id=new_id(), starts_at=NOW, ends_at=NOW + HOUR)
    acts = {
        "change": lambda: services.change(code, timed(), generation=1, by=by, at=NOW),
        "revoke": lambda: services.revoke([code], by=by, at=NOW),
        "replace": lambda: ladder.replace(code, by=by, at=NOW),
        "use_backup": lambda: ladder.use_backup(code, by=by, at=NOW),
        "extend": lambda: services.extend([(code, NOW + 2 * HOUR)], by=by, at=NOW),
    }

    with pytest.raises(RefusedError, match="This code belongs to a stay: change it there"):
        acts[act]()

    code.refresh_from_db()
    assert (code.generation, code.revoked_at, AccessCode.objects.count()) == (1, None, 1)


def test_a_code_of_a_stay_is_tried_again_here(device, by):
    code = make_code(device, grant_id=new_id(), ends_at=NOW + HOUR, starts_at=NOW, attempts=3)

    ladder.push_again(code, by=by, at=NOW)
    ladder.look_now(code, by=by, at=NOW)

    code.refresh_from_db()
    assert code.attempts == 0
