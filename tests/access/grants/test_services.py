"""Grants asked for, changed and ended: what becomes of codes, and of people in systems."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied

from access.grants import identities, keeping, services
from access.grants.asking import Guest
from access.guests import links
from access.models import (
    AccessGrant,
    AccessMethod,
    AcsCredential,
    AcsMembership,
    AcsUser,
    DoorShare,
    MethodDoor,
    UserIdentity,
)
from access.planning import fingerprints
from access.states import Phase
from accounts.models import Role
from accounts.providers.systems import AccessMethod as Mode
from audit.ids import new_id
from audit.models import Event
from locks.codes.services import RefusedError
from locks.codes.states import CodePhase
from locks.models import AccessCode
from locks.states import AttemptStatus
from tests.access.grants.house import ARRIVES, DAY, LEAVES, NOW, House, asked, create
from tests.make import (
    actor,
    make_acs_user,
    make_attempt,
    make_code,
    make_credential,
    make_group,
    make_user,
)

pytestmark = pytest.mark.django_db
SOON = timedelta(seconds=11)


def code_at(door: Any) -> AccessCode:
    return AccessCode.objects.get(device=door, revoked_at=None)


def change(grant: AccessGrant, by: Any, at: Any = NOW, **fields: Any) -> AccessGrant:
    wish = replace(services.asked_of(grant), **fields)
    return services.change(grant, wish, generation=grant.generation, outline=None, by=by, at=at)


def told(refusal: Any) -> list[tuple[str, str]]:
    return [(problem.field, problem.sentence) for problem in refusal.value.problems]


# --- making -----------------------------------------------------------------------------


def test_a_grant_of_a_keypad_is_a_code_with_the_guests_name(house: House) -> None:
    grant = create(house, house.gate)

    code = code_at(house.gate)
    assert (code.name, code.starts_at, code.ends_at) == ("Jane Doe", ARRIVES, LEAVES)
    assert code.grant_id == grant.pk
    assert len(code.unseal_digits()) == 6
    assert UserIdentity.objects.get().email == "jane@example.com"
    assert Event.objects.get(verb="grant_created").subject == "Jane Doe"


def test_several_keypads_have_the_same_digits(house: House) -> None:
    create(house, house.gate, house.shed)

    assert code_at(house.gate).unseal_digits() == code_at(house.shed).unseal_digits()
    assert AccessMethod.objects.count() == 1


def test_digits_asked_for_are_used_where_they_are_free(house: House) -> None:
    make_code(house.shed, digits="4711", starts_at=NOW, ends_at=LEAVES)

    grant = create(house, house.gate, house.shed, digits="4711")

    assert code_at(house.gate).unseal_digits() == "4711"
    other = AccessCode.objects.get(device=house.shed, grant_id=grant.pk)
    assert other.unseal_digits() != "4711"
    [warning] = grant.warnings
    assert warning["code"] == "requested_code_unavailable"
    assert warning["device_id"] == str(house.shed.pk)
    assert "4711" not in str(grant.warnings)


def test_several_salto_doors_share_one_pin_that_salto_makes(house: House) -> None:
    grant = create(house, house.lobby, house.back, digits="471147")

    method = AccessMethod.objects.get()
    assert method.by_provider
    codes = [code_at(house.lobby), code_at(house.back)]
    assert {code.shared_key for code in codes} == {method.pk.hex}
    assert [each["code"] for each in grant.warnings] == ["requested_code_unavailable"] * 2


def test_a_card_is_a_user_in_the_group_that_opens_just_that_room(house: House) -> None:
    system, [room, other] = house.system("Room 1", "Room 2")
    make_group(system, name="A whole floor", entrances=[room, other])

    create(house, room, modes=(Mode.CARD,))

    user = AcsUser.objects.get()
    assert (user.full_name, user.starts_at, user.ends_at) == ("Jane Doe", ARRIVES, LEAVES)
    assert [each.group.name for each in AcsMembership.objects.all()] == ["Only Room 1"]
    assert AccessMethod.objects.get().acs_user == user


def test_a_room_that_only_a_larger_group_opens_is_refused_in_words(house: House) -> None:
    system, [room, other] = house.system("Room 1", "Room 2")
    system.groups.all().delete()
    make_group(system, name="A whole floor", entrances=[room, other])

    with pytest.raises(RefusedError) as refusal:
        create(house, room, modes=(Mode.CARD,))

    assert told(refusal)[0][0] == "requested_access_methods"
    plan = services.preview(asked(house, room, modes=(Mode.CARD,)), at=NOW)
    assert "A whole floor also opens 1 other door." in plan.left_out[0].sentence


@pytest.mark.parametrize(
    ("others", "remedy"),
    [
        (1, "Add Room 2 too, or make a group in Salto that opens it alone."),
        (3, "Add Room 2, Room 3 and Room 4 too, or make a group in Salto that opens it alone."),
        (4, "Make a group in Salto that opens it alone."),
    ],
)
def test_a_group_that_opens_more_says_which_doors_to_add(
    house: House, others: int, remedy: str
) -> None:
    system, [room, *more] = house.system(*(f"Room {n}" for n in range(1, others + 2)))
    system.groups.all().delete()
    make_group(system, name="A whole floor", entrances=[room, *more])

    plan = services.preview(asked(house, room, modes=(Mode.CARD,)), at=NOW)
    whole = services.preview(asked(house, room, *more, modes=(Mode.CARD,)), at=NOW)

    assert plan.left_out[0].sentence.endswith(remedy)
    assert not whole.left_out


def test_one_form_over_three_brands(house: House) -> None:
    _, [room] = house.system("Room 1")

    create(house, house.gate, house.lobby, room, modes=(Mode.CODE, Mode.CARD))

    assert AccessCode.objects.count() == 2
    assert AcsUser.objects.count() == 1
    assert sorted(AccessMethod.objects.values_list("mode", flat=True)) == ["card", "code", "code"]


def test_pressed_twice_it_is_one_grant(house: House) -> None:
    pk = new_id()
    assert create(house, house.gate, pk=pk) == create(house, house.gate, pk=pk)
    assert AccessCode.objects.count() == 1


def test_everything_that_is_wrong_is_told_at_once(house: House) -> None:
    with pytest.raises(RefusedError) as refusal:
        create(house, full_name="", email="no", ends_at=ARRIVES, digits="12")

    assert {field for field, _ in told(refusal)} >= {"full_name", "email", "doors", "ends_at"}
    assert not AccessGrant.objects.exists()
    assert not UserIdentity.objects.exists()


def test_what_is_stored_is_what_was_shown_or_it_is_said(house: House) -> None:
    wish = asked(house, house.gate, digits="4711")
    shown = fingerprints.outline(services.preview(wish, at=NOW))
    make_code(house.gate, digits="4711", starts_at=NOW, ends_at=LEAVES)

    with pytest.raises(services.ChangedMeanwhileError) as error:
        services.create(wish, pk=new_id(), outline=shown, by=house.by, at=NOW)

    assert error.value.differences[0] == (
        "Gate: the PIN asked for is not free any more, so it has another."
    )
    assert not AccessGrant.objects.exists()


def test_auditors_let_nobody_in(house: House) -> None:
    house.by = actor(make_user(Role.AUDITOR, workspace=house.workspace))
    with pytest.raises(PermissionDenied):
        create(house, house.gate)


# --- people -----------------------------------------------------------------------------


def test_the_same_person_keeps_their_pin_over_stays(house: House) -> None:
    first = create(house, house.gate)
    digits = code_at(house.gate).unseal_digits()

    later = create(house, house.shed, starts_at=ARRIVES + 9 * DAY, ends_at=LEAVES + 9 * DAY)

    assert later.identity == first.identity
    assert code_at(house.shed).unseal_digits() == digits


LATER = {"starts_at": LEAVES + 9 * DAY, "ends_at": LEAVES + 12 * DAY, "at": LEAVES + DAY}


def test_the_same_person_gets_the_pin_of_a_stay_that_is_over(house: House) -> None:
    create(house, house.gate)
    digits = code_at(house.gate).unseal_digits()
    keeping.tick(LEAVES)
    AccessCode.objects.update(phase=CodePhase.REMOVED)

    later = create(house, house.gate, house.shed, **LATER)

    codes = AccessCode.objects.filter(grant_id=later.pk)
    assert [code.unseal_digits() for code in codes] == [digits, digits]


def test_digits_that_were_not_seen_gone_are_reserved_from_their_own_person_too(
    house: House,
) -> None:
    create(house, house.gate)
    digits = code_at(house.gate).unseal_digits()
    keeping.tick(LEAVES)

    later = create(house, house.gate, **LATER)

    assert AccessCode.objects.get(grant_id=later.pk).unseal_digits() != digits


def test_of_a_person_with_many_stays_each_is_ended(house: House) -> None:
    nights = [ARRIVES + n * 2 * DAY for n in range(60)]
    first, *_ = [
        create(house, house.lobby, modes=(Mode.CLOUD_KEY,), starts_at=at, ends_at=at + DAY)
        for at in nights
    ]
    services.revoke([first], by=house.by, at=NOW)

    keeping.tick(NOW + SOON)

    assert not DoorShare.objects.filter(grant=first, ended_at=None).exists()
    assert AccessMethod.objects.filter(revoked_at=None).count() == 59


def test_a_phone_of_somebody_else_is_refused(house: House) -> None:
    create(house, house.gate, phone="+31612345678")

    with pytest.raises(RefusedError) as refusal:
        create(house, house.shed, full_name="Bob", email="bob@example.com", phone="+31612345678")

    assert told(refusal)[0][0] == "email"  # that phone is Jane's, who has another address


def test_merged_people_keep_their_grants(house: House) -> None:
    one = create(house, house.gate)
    two = create(house, house.shed, full_name="J. Doe", email="j.doe@example.com")

    identities.merge(one.identity, [two.identity], by=house.by, at=NOW)

    assert AccessGrant.objects.filter(identity=one.identity).count() == 2
    again = services.preview(asked(house, house.gate, email="j.doe@example.com"), at=NOW)
    assert again.is_savable
    found = UserIdentity.objects.get(pk=two.identity_id)
    assert found.merged_into == one.identity


# --- changing ---------------------------------------------------------------------------


def test_extending_keeps_the_digits(house: House) -> None:
    grant = create(house, house.gate)
    digits = code_at(house.gate).unseal_digits()

    change(grant, house.by, ends_at=LEAVES + DAY)

    code = code_at(house.gate)
    assert (code.ends_at, code.unseal_digits()) == (LEAVES + DAY, digits)
    assert AccessCode.objects.count() == 1
    assert DoorShare.objects.get().ends_at == LEAVES + DAY


def test_moving_ends_the_old_door_first(house: House) -> None:
    grant = create(house, house.gate)

    change(grant, house.by, targets=asked(house, house.shed).targets)

    old = AccessCode.objects.get(device=house.gate)
    assert old.revoked_at == NOW
    assert code_at(house.shed).unseal_digits() == old.unseal_digits()
    assert AccessMethod.objects.get().revoked_at is None


def test_moving_to_another_room_changes_the_groups_of_the_card(house: House) -> None:
    _, [one, two] = house.system("Room 1", "Room 2")
    grant = create(house, one, modes=(Mode.CARD,))
    user = AcsUser.objects.get()

    change(grant, house.by, targets=asked(house, two).targets)

    assert AcsUser.objects.get() == user
    wanted = AcsMembership.objects.filter(is_wanted=True)
    assert [each.group.name for each in wanted] == ["Only Room 2"]


def test_somebody_was_quicker(house: House) -> None:
    grant = create(house, house.gate)
    wish = replace(services.asked_of(grant), ends_at=LEAVES + DAY)
    services.change(grant, wish, generation=1, outline=None, by=house.by, at=NOW)

    with pytest.raises(RefusedError, match="a moment ago"):
        services.change(grant, wish, generation=1, outline=None, by=house.by, at=NOW)


def test_a_method_that_is_not_asked_for_any_more_ends(house: House) -> None:
    _, [room] = house.system("Room 1")
    grant = create(house, house.gate, room, modes=(Mode.CODE, Mode.CARD))

    requests = tuple(r for r in services.asked_of(grant).requests if r.mode == Mode.CODE)
    change(grant, house.by, requests=requests)

    assert AcsUser.objects.get().delete_asked_at == NOW
    assert AccessMethod.objects.get(mode="card").revoked_at == NOW
    assert code_at(house.gate).revoked_at is None


def test_a_way_in_that_ends_takes_its_credential_along(house: House) -> None:
    _, [room] = house.system("Room 1")
    room.takes_mobile_key = True
    room.save()
    grant = create(house, room, modes=(Mode.CARD, Mode.MOBILE_KEY))
    user = AcsUser.objects.get()
    card, key = make_credential(user), AcsCredential.objects.get(access_method="mobile_key")

    requests = tuple(r for r in services.asked_of(grant).requests if r.mode == Mode.CARD)
    change(grant, house.by, requests=requests)

    key.refresh_from_db()
    card.refresh_from_db()
    assert key.delete_asked_at == NOW
    assert card.delete_asked_at is None
    assert AcsUser.objects.get().delete_asked_at is None


# --- ending -----------------------------------------------------------------------------


def test_revoking_is_carried_out_after_ten_seconds(house: House) -> None:
    grant = create(house, house.gate)

    assert services.revoke([grant], by=house.by, at=NOW) == 1
    keeping.tick(NOW + timedelta(seconds=9))
    assert code_at(house.gate).revoked_at is None

    keeping.tick(NOW + SOON)
    assert AccessCode.objects.get().revoked_at == NOW + SOON
    grant.refresh_from_db()
    assert grant.given_up_at == NOW + SOON
    assert grant.gone_at is None


def test_revoking_can_be_taken_back(house: House) -> None:
    grant = create(house, house.gate)
    services.revoke([grant], by=house.by, at=NOW)

    assert services.undo([grant], by=house.by, at=NOW + timedelta(seconds=5)) == 1
    keeping.tick(NOW + SOON)

    assert code_at(house.gate).revoked_at is None
    grant.refresh_from_db()
    assert not grant.is_over(NOW + SOON)


def test_what_was_carried_out_cannot_be_taken_back(house: House) -> None:
    grant = create(house, house.gate)
    services.revoke([grant], by=house.by, at=NOW)
    keeping.tick(NOW + SOON)

    assert services.undo([grant], by=house.by, at=NOW + SOON) == 0


def test_a_grant_is_gone_when_all_of_it_was_seen_gone(house: House) -> None:
    _, [room] = house.system("Room 1")
    grant = create(house, house.gate, room, modes=(Mode.CODE, Mode.CARD))
    services.revoke([grant], by=house.by, at=NOW)
    keeping.tick(NOW + SOON)
    AccessCode.objects.update(phase=CodePhase.REMOVED)

    keeping.tick(NOW + 2 * SOON)
    grant.refresh_from_db()
    assert grant.gone_at is None

    AcsUser.objects.update(phase=Phase.GONE)
    late = NOW + timedelta(minutes=10)
    keeping.tick(late)
    grant.refresh_from_db()
    assert grant.gone_at == late
    assert Event.objects.get(verb="grant_gone").detail["after"] == "9 min 50 s after its end"


def test_somebody_whom_a_system_keeps_too_long_is_told_of_once(house: House) -> None:
    _, [room] = house.system("Room 1")
    grant = create(house, house.gate, room, modes=(Mode.CODE, Mode.CARD))
    services.revoke([grant], by=house.by, at=NOW)
    keeping.tick(NOW + SOON)
    told = Event.objects.filter(verb="grant_overdue")

    keeping.tick(NOW + timedelta(minutes=2))
    assert not told.exists()
    for minutes in (3, 4):
        keeping.tick(NOW + timedelta(minutes=minutes))

    assert [(each.subject, each.detail["after"]) for each in told] == [("Jane Doe", "Room 1")]


def test_an_end_by_time_takes_people_out_of_systems(house: House) -> None:
    _, [room] = house.system("Room 1")
    create(house, house.gate, room, modes=(Mode.CODE, Mode.CARD))

    keeping.tick(LEAVES - timedelta(milliseconds=1))
    assert AcsUser.objects.get().delete_asked_at is None

    keeping.tick(LEAVES)
    assert AcsUser.objects.get().delete_asked_at == LEAVES
    assert AccessCode.objects.get().revoked_at is None  # its own window has ended it


def test_of_two_stays_in_a_row_the_first_leaves_the_code_to_the_second(house: House) -> None:
    first = create(house, house.gate)
    second = create(house, house.gate, starts_at=LEAVES, ends_at=LEAVES + DAY)
    code = code_at(house.gate)
    assert (code.starts_at, code.ends_at) == (ARRIVES, LEAVES + DAY)
    assert DoorShare.objects.count() == 2

    services.revoke([first], by=house.by, at=NOW)
    keeping.tick(NOW + SOON)

    code.refresh_from_db()
    assert (code.revoked_at, code.starts_at, code.ends_at) == (None, LEAVES, LEAVES + DAY)
    services.revoke([second], by=house.by, at=NOW + SOON)
    keeping.tick(NOW + 3 * SOON)
    code.refresh_from_db()
    assert code.revoked_at is not None


def test_a_card_goes_on_into_the_next_stay_without_writing_it_again(house: House) -> None:
    _, [room] = house.system("Room 1")
    create(house, room, modes=(Mode.CARD,))
    create(house, room, modes=(Mode.CARD,), starts_at=LEAVES, ends_at=LEAVES + DAY)
    user = AcsUser.objects.get()
    generation = user.generation

    keeping.tick(LEAVES + timedelta(minutes=1))

    user.refresh_from_db()
    assert user.delete_asked_at is None
    assert (user.generation, user.ends_at) == (generation, LEAVES + DAY)


def test_who_was_deleted_at_the_desk_is_added_again_by_a_change(house: House) -> None:
    _, [room] = house.system("Room 1")
    grant = create(house, room, modes=(Mode.CARD,))
    AcsUser.objects.update(delete_asked_at=NOW, phase=Phase.DELETING)

    change(grant, house.by, ends_at=LEAVES + DAY)

    user = AcsUser.objects.get(delete_asked_at=None)
    assert AccessMethod.objects.get().acs_user == user


# --- as time goes by --------------------------------------------------------------------


def test_an_ongoing_code_is_made_when_it_begins(house: House) -> None:
    create(house, house.gate, ends_at=None)
    assert not AccessCode.objects.exists()
    door = MethodDoor.objects.get()

    keeping.tick(ARRIVES - timedelta(seconds=1))
    assert not AccessCode.objects.exists()
    keeping.tick(ARRIVES)

    code = code_at(house.gate)
    assert (code.starts_at, code.ends_at) == (None, None)
    assert code.unseal_digits() == door.method.unseal_digits() != ""


def test_digits_that_were_taken_while_they_waited_are_not_put_twice(house: House) -> None:
    grant = create(house, house.gate, ends_at=None)
    digits = AccessMethod.objects.get().unseal_digits()
    make_code(house.gate, digits=digits)

    keeping.tick(ARRIVES)

    assert AccessCode.objects.filter(grant_id=grant.pk).count() == 0
    grant.refresh_from_db()
    assert grant.plan_error == "PIN already in use on Gate: choose another one"


def test_the_first_opening_is_an_arrival(house: House) -> None:
    grant = create(house, house.gate)
    used_at = ARRIVES + timedelta(minutes=3)
    AccessCode.objects.update(last_used_at=used_at)

    keeping.tick(ARRIVES + timedelta(minutes=4))

    grant.refresh_from_db()
    assert grant.arrived_at == used_at
    assert Event.objects.filter(verb="guest_arrived").count() == 1


def test_a_press_on_the_guests_page_is_an_arrival(house: House) -> None:
    grant = create(house, house.lobby, modes=(Mode.CLOUD_KEY,))
    link, _ = links.make(grant, by_name="Ana", at=NOW)
    opened_at = ARRIVES + timedelta(minutes=2)
    fields = {"authority": "guest_link", "authority_id": link.pk, "finished_at": opened_at}
    make_attempt(house.lobby, status=AttemptStatus.FAILED, **fields)
    keeping.tick(ARRIVES + timedelta(minutes=3))
    grant.refresh_from_db()
    assert grant.arrived_at is None

    make_attempt(house.lobby, status=AttemptStatus.SUCCESS, **fields)
    keeping.tick(ARRIVES + timedelta(minutes=3))
    grant.refresh_from_db()
    assert grant.arrived_at == opened_at


def test_an_opening_of_the_stay_before_is_no_arrival(house: House) -> None:
    create(house, house.gate)
    second = create(house, house.gate, starts_at=LEAVES, ends_at=LEAVES + DAY)
    AccessCode.objects.update(last_used_at=ARRIVES)

    keeping.tick(LEAVES + timedelta(minutes=1))

    second.refresh_from_db()
    assert second.arrived_at is None


def test_a_written_card_is_issued(house: House) -> None:
    _, [room] = house.system("Room 1")
    create(house, room, modes=(Mode.CARD,))
    make_credential(AcsUser.objects.get())

    keeping.tick(NOW)

    assert AccessMethod.objects.get().issued_at == NOW


# --- spaces -----------------------------------------------------------------------------


def test_a_space_is_all_doors_inside_now_and_later(house: House) -> None:
    room = house.room("Suite")
    house.gate.space = room
    house.gate.save()
    grant = create(house, room)
    assert AccessCode.objects.count() == 1

    house.shed.space = room
    house.shed.save()
    keeping.follow_spaces(NOW)

    assert code_at(house.shed).unseal_digits() == code_at(house.gate).unseal_digits()
    event = Event.objects.get(verb="grant_followed")
    assert event.detail["grant_id"] == str(grant.pk)

    house.gate.space = None
    house.gate.save()
    keeping.follow_spaces(NOW)
    assert AccessCode.objects.get(device=house.gate).revoked_at == NOW
    keeping.follow_spaces(NOW)
    assert Event.objects.filter(verb="grant_followed").count() == 2


def test_a_property_is_every_lock_of_it(house: House) -> None:
    create(house, house.place, modes=(Mode.CODE,))

    assert AccessCode.objects.count() == 4


def test_a_new_door_that_cannot_be_planned_is_said_once(house: House) -> None:
    room = house.room("Suite")
    house.gate.space = room
    house.gate.save()
    grant = create(house, room)
    full = house.keypad("Full", space=room, raw={"code_lengths": [6], "code_slots": 1})
    make_code(full, digits="473829")

    keeping.follow_spaces(NOW)
    keeping.follow_spaces(NOW)

    grant.refresh_from_db()
    assert "Full" in grant.plan_error
    assert Event.objects.filter(verb="grant_failed").count() == 1
    assert code_at(house.gate)


def test_what_is_known_of_somebody_is_not_overwritten(house: House) -> None:
    first = create(house, house.gate)
    wish = asked(house, house.shed)
    wish = replace(
        wish, guest=Guest(full_name="Somebody", email="JANE@example.com", phone="+31612345678")
    )

    second = services.create(wish, pk=new_id(), outline=None, by=house.by, at=NOW)

    assert second.identity == first.identity
    assert (second.identity.full_name, second.identity.phone) == ("Jane Doe", "+31612345678")


def test_users_of_the_desk_are_left_alone(house: House) -> None:
    system, [room] = house.system("Room 1")
    staff = make_acs_user(system, email="jane@example.com", full_name="Jane at work")

    create(house, room, modes=(Mode.CARD,))

    guest = AcsUser.objects.exclude(pk=staff.pk).get()
    assert guest.email == ""  # a system has an address once


# --- reservations -----------------------------------------------------------------------


def test_a_guests_card_at_such_doors_needs_a_reservation_key(house: House) -> None:
    _, [room] = house.system("Room 1")
    room.can_belong_to_reservation = True
    room.save()
    with pytest.raises(RefusedError) as refusal:
        create(house, room, modes=(Mode.CARD,))
    assert told(refusal) == [
        ("reservation_key", "a guest’s card for these doors needs a reservation key")
    ]

    create(house, room, modes=(Mode.CARD,), reservation_key="R1")
    wish = asked(house, room, modes=(Mode.CARD,), reservation_key="R2", email="bo@example.com")
    assert services.preview(wish, at=NOW).notes == (
        "Starts a new stay: cards of earlier guests stop opening Room 1.",
    )


def test_who_joins_a_reservation_has_no_more_doors_than_its_first_grant(house: House) -> None:
    _, rooms = house.system("Room 1", "Room 2")
    for room in rooms:
        room.can_belong_to_reservation = True
        room.save()
    create(house, rooms[0], modes=(Mode.CARD,), reservation_key="R1")

    more = {"modes": (Mode.CARD,), "reservation_key": "R1", "email": "bo@example.com"}
    with pytest.raises(RefusedError, match="cannot have more doors"):
        create(house, *rooms, **more)
    with pytest.raises(RefusedError, match="times must overlap"):
        create(house, rooms[0], starts_at=LEAVES + DAY, ends_at=LEAVES + 2 * DAY, **more)
    create(house, rooms[0], **more)
    assert AccessGrant.objects.filter(reservation_key="R1").count() == 2


def test_a_key_leads_to_one_grant(house: House) -> None:
    first = create(house, house.gate, key="booking-1")
    with pytest.raises(RefusedError) as refusal:
        create(house, house.shed, key="booking-1")
    assert told(refusal) == [
        ("access_grant_key", f"access_grant_key is taken by the grant {first.pk}")
    ]


# --- what only the lock knew ------------------------------------------------------------


def test_digits_that_the_lock_has_already_are_replaced_at_that_door(house: House) -> None:
    grant = create(house, house.gate, house.shed, digits="4711")
    codes = AccessCode.objects.filter(device=house.gate)
    codes.update(
        phase=CodePhase.BLOCKED, error_code="duplicate_code_on_device", observed_generation=1
    )

    keeping.tick(NOW)
    keeping.tick(NOW)

    gate, shed = code_at(house.gate), code_at(house.shed)
    assert shed.unseal_digits() == "4711" != gate.unseal_digits()
    assert gate.generation == 2
    grant.refresh_from_db()
    [warning] = grant.warnings
    assert warning["code"] == "requested_code_unavailable"
    assert warning["device_id"] == str(house.gate.pk)
    assert AccessMethod.objects.filter(revoked_at=None).count() == 2
    assert services.preview(services.asked_of(grant), at=NOW, grant=grant).changes_nothing


def test_digits_that_somebody_was_told_are_never_replaced(house: House) -> None:
    create(house, house.gate, digits="4711")
    AccessCode.objects.update(
        phase=CodePhase.BLOCKED,
        error_code="duplicate_code_on_device",
        observed_generation=1,
        delivered_at=NOW,
    )

    keeping.tick(NOW)

    assert code_at(house.gate).unseal_digits() == "4711"


def test_a_card_that_may_still_open_an_offline_door_keeps_a_stay_from_being_gone(
    house: House,
) -> None:
    _, [room] = house.system("Room 1")
    room.is_wired = False
    room.save()
    grant = create(house, room, modes=(Mode.CARD,))
    card = make_credential(AcsUser.objects.get())
    services.revoke([grant], by=house.by, at=ARRIVES)
    keeping.tick(ARRIVES + SOON)
    AcsUser.objects.update(phase=Phase.GONE)
    AcsCredential.objects.update(phase=Phase.GONE, gone_at=ARRIVES + SOON)

    keeping.tick(ARRIVES + 2 * SOON)
    grant.refresh_from_db()
    assert grant.gone_at is None

    AcsCredential.objects.filter(pk=card.pk).update(card_state="returned")
    keeping.tick(ARRIVES + 3 * SOON)
    grant.refresh_from_db()
    assert grant.gone_at == ARRIVES + 3 * SOON
    said = Event.objects.get(verb="grant_gone").detail["after"]
    assert said.endswith(f"But the card …{card.last_four} that is back, until written again")
