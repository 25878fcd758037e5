"""From a calendar to the codes of locks: nothing in between is pretended but the host."""

from __future__ import annotations

import pytest

from access.models import AccessGrant
from access.reservations import importing, trying
from access.reservations.importing import ImportRefusedError
from accounts.models import Role, Space
from locks.models import AccessCode, Device
from tests.access.grants.house import House
from tests.access.reservations.conftest import Desk
from tests.access.reservations.samples import NOW, calendar, nights
from tests.access.reservations.test_importing import HEAD, JANE, upload
from tests.make import actor, make_feed, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def house():
    return House()


@pytest.fixture
def room(house):
    room = house.room("Room 204")
    Device.objects.filter(pk=house.gate.pk).update(space=room)
    return room


@pytest.fixture
def desk(cloud, room, travel):
    return Desk(cloud, room, travel)


def live_codes(house):
    return AccessCode.objects.filter(device=house.gate, revoked_at=None)


def test_a_booking_is_a_code_of_the_room_s_lock(desk, house):
    desk.read(calendar(nights()))

    (code,), (row,) = live_codes(house), desk.stays
    assert (code.name, code.grant_id, row.error) == ("Jane Doe", row.grant_id, "")


def test_two_nameless_guests_have_digits_of_their_own(desk, house):
    desk.read(
        calendar(
            nights("n1", summary="Reserved"),
            nights("n2", "20261203", "20261207", summary="Reserved"),
        )
    )

    assert [row.error for row in desk.stays] == ["", ""]
    assert len({code.unseal_digits() for code in live_codes(house)}) == 2


def test_other_dates_move_the_code(desk, house):
    desk.read(calendar(nights()))
    desk.read(calendar(nights(ends="20261205")))

    (row,) = desk.stays
    assert live_codes(house).latest("created_at").ends_at == row.grant.ends_at
    assert desk.said()[0].startswith("Changed: ends 5 Dec 2026 11:00")


def test_a_time_set_by_hand_is_seen_without_being_told(desk, house):
    desk.read(calendar(nights()))
    grant = AccessGrant.objects.get()
    later = grant.ends_at.replace(hour=13)
    AccessGrant.objects.update(ends_at=later, generation=2)
    desk.read(calendar(nights()))

    assert AccessGrant.objects.get().ends_at == later
    assert desk.said() == ["Kept as it is."]


def test_a_name_told_later_is_the_guest_s(desk):
    desk.read(calendar(nights(summary="Reserved")))
    desk.read(calendar(nights(summary="Reserved - Jane Doe")))

    assert str(AccessGrant.objects.get().identity) == "Jane Doe"


def test_a_regular_with_another_phone_gets_in_without_it(desk):
    told = "DESCRIPTION:Email: jane@example.com\\nPhone: +3161234567{}"
    desk.read(calendar(nights("n1", "20261201", "20261203", told.format(8))))
    desk.read(
        calendar(
            nights("n1", "20261201", "20261203", told.format(8)),
            nights("n2", "20261205", "20261207", told.format(9)),
        )
    )

    first, second = desk.stays
    assert (first.grant.identity_id, second.error) == (second.grant.identity_id, "")
    assert desk.said()[1].endswith("The phone was left out: somebody else here has it.")


def test_a_room_without_a_keypad_is_said_before_and_after(desk, house):
    Device.objects.update(has_keypad=False)
    feed = make_feed(desk.room)
    desk.serves(calendar(nights()))

    tried = trying.try_calendar(desk.feed.unseal_address(), feed, (), at=NOW)
    desk.read()

    assert "But: " in tried.lines[0].sentence
    (row,) = desk.stays
    assert (row.grant is None) == bool(row.error)


def test_a_cancelled_stay_ends_and_its_code_goes(desk, house):
    desk.read(calendar(nights()))
    desk.read(calendar(nights("n1", "20261201", "20261203", "STATUS:CANCELLED")))

    grant = AccessGrant.objects.get()
    assert (grant.revoked_at is not None, grant.revoked_by_name) == (True, "Calendar of Room 204")


def test_a_table_makes_codes(room, house):
    by = actor(make_user(Role.FRONT_DESK, workspace=room.workspace))

    importing.do(upload(room, HEAD + JANE), by=by, at=NOW)

    assert [code.name for code in live_codes(house)] == ["Jane Doe"]
    assert AccessGrant.objects.get().created_by == by.user


def test_a_table_for_a_door_without_a_keypad_is_refused_before_it_is_imported(room, house):
    by = actor(make_user(Role.FRONT_DESK, workspace=room.workspace))
    Device.objects.filter(pk__in=[house.gate.pk, house.shed.pk]).update(has_keypad=False)
    text = HEAD + JANE + JANE.replace("Room 204", "Shed") + JANE.replace("Room 204", "Back Door")

    tried = importing.look(upload(room, text), by=by, at=NOW)
    with pytest.raises(ImportRefusedError) as caught:
        importing.do(upload(room, text), by=by, at=NOW)

    said = "none of these doors can be opened in any of these ways"
    assert [(each.do, said in each.sentence) for each in tried.lines] == [
        ("failed", True),
        ("failed", True),
        ("create", False),
    ]
    assert [each.do for each in caught.value.tried.lines] == ["failed", "failed", "create"]
    assert "2 lines cannot be done as things are now" in tried.error


def test_a_door_that_is_to_get_a_room_is_looked_at_itself(desk, house):
    unsaved = make_feed(desk.room)
    unsaved.space = Space(name="Shed", property=house.place, workspace=house.workspace)
    desk.serves(calendar(nights()))

    address = desk.feed.unseal_address()
    tried = trying.try_calendar(address, unsaved, (), at=NOW, door=house.shed)

    assert "But: " not in tried.lines[0].sentence
