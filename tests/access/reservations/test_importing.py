"""A table of reservations: shown first, then stored whole or not at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from access.grants import services
from access.models import AccessGrant, FeedStay, ReservationFeed, UserIdentity
from access.reservations import foreseeing, importing, storing
from access.reservations.importing import ImportRefusedError, Upload
from accounts.models import Role, Space
from locks.codes.rules import RuleError
from locks.models import Device
from tests.access.reservations.conftest import make_room
from tests.make import actor, make_device, make_site, make_user

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HEAD = "Name,E-mail,Room,Arrival,Departure\n"
JANE = "Jane Doe,jane@example.com,Room 204,2026-12-01,2026-12-03\n"
MAX = "Max Mustermann,,Room 204,2026-12-05,2026-12-07\n"


@pytest.fixture
def room(place):
    return make_room(place)


@pytest.fixture
def by(room):
    return actor(make_user(Role.FRONT_DESK, workspace=room.workspace))


def upload(room, text, **fields):
    content = text if isinstance(text, bytes) else text.encode()
    given = {"order": None, "usual": "", "modes": ("code",), "sends": False}
    return Upload(place=room.property, content=content, **given | fields)


def test_looking_writes_nothing(room, by, grants):
    tried = importing.look(upload(room, HEAD + JANE + MAX), by=by, at=NOW)

    assert (tried.created, tried.error) == (2, "")
    assert tried.lines[0].text == "Jane Doe · Room 204"
    assert tried.lines[0].sentence == "Would be created: 1 Dec 2026 15:00 – 3 Dec 2026 11:00."
    assert (ReservationFeed.objects.count(), grants.created) == (0, [])


def test_it_is_stored_with_a_report(room, by, grants):
    reading = importing.do(upload(room, HEAD + JANE + MAX), by=by, at=NOW)

    assert (reading.created, reading.by) == (2, by.user)
    assert {(str(g.identity), g.source) for g in AccessGrant.objects.all()} == {
        ("Jane Doe", "file"),
        ("Max Mustermann", "file"),
    }
    feed = ReservationFeed.objects.get()
    assert (feed.kind, feed.name, feed.next_read_at) == ("table", "Tables of Harbour House", None)


def test_twice_is_once(room, by, grants):
    importing.do(upload(room, HEAD + JANE), by=by, at=NOW)

    with pytest.raises(ImportRefusedError, match="Everything in the file is here already"):
        importing.do(upload(room, HEAD + JANE), by=by, at=NOW)
    assert len(grants.created) == 1


def test_what_is_not_in_the_next_file_is_left_alone(room, by, grants):
    importing.do(upload(room, HEAD + JANE), by=by, at=NOW)
    importing.do(upload(room, HEAD + MAX), by=by, at=NOW)

    assert (len(grants.created), grants.revoked) == (2, [])


def test_one_bad_line_and_nothing_is_imported(room, by, grants):
    text = HEAD + JANE + "Bad,,Room 204,soon,later\n"

    with pytest.raises(ImportRefusedError, match="1 line cannot be read") as caught:
        importing.do(upload(room, text), by=by, at=NOW)
    bad = caught.value.tried.lines[1]
    assert (bad.do, bad.needs_look, bad.sentence.startswith("Would")) == ("failed", True, False)
    assert (grants.created, FeedStay.objects.count()) == ([], 0)


def test_one_refused_stay_and_nothing_is_imported(room, by, grants):
    grants.refused["Max Mustermann"] = RuleError("doors", "Room 204 has no keypad")

    with pytest.raises(ImportRefusedError, match="Nothing was imported: 1 of its") as caught:
        importing.do(upload(room, HEAD + JANE + MAX), by=by, at=NOW)

    assert [line.sentence for line in caught.value.tried.lines] == [
        "Would be created: 1 Dec 2026 15:00 – 3 Dec 2026 11:00.",
        "Not created: Room 204 has no keypad.",
    ]
    assert (AccessGrant.objects.count(), ReservationFeed.objects.count()) == (0, 0)


def test_what_will_be_refused_is_said_when_it_is_shown(room, by, grants):
    grants.refused["Jane Doe"] = RuleError("doors", "Room 204 has no keypad")

    tried = importing.look(upload(room, HEAD + JANE), by=by, at=NOW)

    assert tried.lines[0].sentence.endswith("But: room 204 has no keypad.")
    assert tried.lines[0].needs_look


def test_every_line_of_a_room_that_nothing_opens_says_so_however_many(
    room, by, grants, monkeypatch
):
    for name in ("Jane Doe", "Max Mustermann"):
        grants.refused[name] = RuleError("doors", "Room 204 has no keypad")
    make_room(room.property, "Room 205")
    clock = iter([0.0, 1.0, 2.0])  # two are looked at
    monkeypatch.setattr(foreseeing.time, "monotonic", lambda: next(clock, 99.0))
    elsewhere = MAX.replace("204", "205").replace("Max", "Mia")

    tried = importing.look(
        upload(room, HEAD + JANE + MAX.replace(",,", ",max@example.com,") + elsewhere),
        by=by,
        at=NOW,
    )

    assert [(line.row, line.do) for line in tried.lines] == [
        (2, "failed"),
        (3, "failed"),
        (4, "create"),
    ]
    assert "2 lines cannot be done as things are now" in tried.error


def test_a_phone_that_somebody_else_has_is_no_refusal(room, by, grants):
    grants.refused["Jane Doe"] = RuleError("phone", "this phone number belongs to somebody else")
    text = (
        "Name,Phone,Room,Arrival,Departure\nJane Doe,+31612345678,Room 204,2026-12-01,2026-12-03\n"
    )

    tried = importing.look(upload(room, text), by=by, at=NOW)

    assert tried.error == ""
    assert tried.lines[0].sentence.endswith(
        "The phone would be left out: somebody else here has it."
    )


def test_whose_e_mail_it_is_that_two_guests_share_is_said(room, by, grants):
    olaf = "Other Olaf,JANE@example.com,Room 204,2026-12-05,2026-12-07\n"
    said = "The e-mail or phone is that of Jane Doe, who gets this stay and keeps their name."

    tried = importing.look(upload(room, HEAD + JANE + olaf), by=by, at=NOW)
    assert [said in line.sentence for line in tried.lines] == [False, True]

    UserIdentity.objects.create(
        workspace=room.workspace, full_name="Jane Doe", email="jane@example.com", created_at=NOW
    )
    alone = importing.look(upload(room, HEAD + olaf), by=by, at=NOW)
    assert said in alone.lines[0].sentence
    assert said not in importing.look(upload(room, HEAD + JANE), by=by, at=NOW).lines[0].sentence


def test_a_change_that_would_be_refused_is_said(room, by, grants):
    importing.do(upload(room, HEAD + JANE), by=by, at=NOW)
    grants.refused["Jane Doe"] = RuleError("doors", "Room 204 has no keypad")

    tried = importing.look(upload(room, HEAD + JANE.replace("12-03", "12-04")), by=by, at=NOW)

    assert tried.lines[0].sentence == (
        "Would be changed: ends 4 Dec 2026 11:00 (was 3 Dec 2026 11:00)."
        " But: room 204 has no keypad."
    )
    assert (tried.lines[0].do, tried.is_refused) == ("failed", True)


def test_what_a_person_changes_during_an_import_is_not_undone(room, by, grants, monkeypatch):
    importing.do(upload(room, HEAD + JANE), by=by, at=NOW)
    stays_of = storing.stays_of
    by_hand = datetime(2026, 12, 3, 13, tzinfo=UTC)

    def and_then_somebody_comes(feed):
        rows = stays_of(feed)
        monkeypatch.setattr(storing, "stays_of", stays_of)
        grant = AccessGrant.objects.get()
        grant.ends_at, grant.generation = by_hand, grant.generation + 1
        grant.save()
        storing.note_changed_by_hand(grant)
        return rows

    monkeypatch.setattr(storing, "stays_of", and_then_somebody_comes)
    with pytest.raises(ImportRefusedError, match="Nothing was imported") as caught:
        importing.do(upload(room, HEAD + JANE.replace("12-03", "12-04")), by=by, at=NOW)

    assert caught.value.tried.lines[0].sentence == (
        "Not changed: Somebody changed it at the same moment."
    )
    assert grants.changed == []


def test_doors_are_looked_at_before_the_confirmation_only(room, by, grants, monkeypatch):
    monkeypatch.setattr(services, "preview", None)

    assert importing.do(upload(room, HEAD + JANE), by=by, at=NOW).created == 1


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("Room 999", "No room or door of Harbour House is called “Room 999”."),
        ("", "It names no room."),
    ],
)
def test_a_room_that_nobody_knows_is_a_bad_line(room, by, grants, name, sentence):
    text = HEAD + JANE.replace("Room 204", name)

    tried = importing.look(upload(room, text), by=by, at=NOW)

    assert sentence in tried.lines[0].sentence


def test_the_usual_room_is_called_as_it_was_typed(room, by, grants):
    text = HEAD + JANE.replace("Room 204", "")

    tried = importing.look(upload(room, text, usual="Suite 9"), by=by, at=NOW)

    assert tried.lines[0].sentence == "No room or door of Harbour House is called “Suite 9”."


def test_two_rooms_of_one_name_are_nobody_s_guess(room, by, grants):
    floor = Space.objects.create(
        workspace=room.workspace,
        parent=room.property,
        property=room.property,
        kind="floor",
        name="1",
    )
    Space.objects.create(
        workspace=room.workspace, parent=floor, property=room.property, kind="room", name="room 204"
    )

    tried = importing.look(upload(room, HEAD + JANE), by=by, at=NOW)

    assert "2 rooms or doors are called" in tried.lines[0].sentence


def test_lines_without_a_room_go_where_somebody_said(room, by, grants):
    importing.do(upload(room, HEAD + JANE.replace("Room 204", ""), usual=room.name), by=by, at=NOW)

    assert AccessGrant.objects.get().targets.get().space == room


def test_a_door_gets_a_room_of_its_own(room, by, grants):
    site = make_site(property=room.property)
    door = make_device(site, name="Suite 9")

    importing.do(upload(room, HEAD + JANE.replace("Room 204", "suite 9")), by=by, at=NOW)

    space = AccessGrant.objects.get().targets.get().space
    assert (space.name, space.kind, space.parent) == ("Suite 9", "room", room.property)
    assert Device.objects.get(pk=door.pk).space == space


def test_a_formula_is_text(room, by, grants):
    text = HEAD + '"=HYPERLINK(""x"")",,Room 204,2026-12-01,2026-12-03\n'

    tried = importing.look(upload(room, text), by=by, at=NOW)

    assert tried.lines[0].text == '=HYPERLINK("x") · Room 204'


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (HEAD.encode() + b"x" * (5 * 1024 * 1024), "larger than 5 MB"),
        ((HEAD + JANE * 10_001).encode(), "more than 10,000 lines"),
        (b"PK\x03\x04rest", "workbook of Excel"),
        (b"", "empty"),
        (b"\xff\xfe\x00\xd8", "no table of text"),
    ],
)
def test_what_is_no_table_is_said(room, by, grants, content, sentence):
    assert sentence in importing.look(upload(room, content), by=by, at=NOW).error


def test_more_than_can_be_one_transaction_is_refused(room, by, grants, monkeypatch):
    monkeypatch.setattr(importing, "MOST_AT_ONCE", 1)

    assert (
        "Import at most 1 at a time"
        in importing.look(upload(room, HEAD + JANE + MAX), by=by, at=NOW).error
    )


# --- the form in between ------------------------------------------------------------------


def test_what_was_shown_comes_back_only_to_whom_it_was_shown(room, by):
    text = importing.packed(upload(room, HEAD + JANE), by=by, at=NOW)
    other = actor(make_user(Role.FRONT_DESK, workspace=room.workspace))

    assert "Jane" not in text
    assert importing.unpacked(text, room.property, by=by, at=NOW) == (HEAD + JANE).encode()
    for who, at, what in [
        (other, NOW, text),
        (by, NOW + timedelta(hours=2), text),
        (by, NOW, text[:-4]),
        (by, NOW, "junk"),
    ]:
        with pytest.raises(ImportRefusedError, match="Choose the file again"):
            importing.unpacked(what, room.property, by=who, at=at)
