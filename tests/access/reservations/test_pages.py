"""The pages of reservations, as people meet them."""

from __future__ import annotations

import csv
import io
import re
from html import unescape

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from access import tasks
from access.models import AccessGrant, FeedReading, ReservationFeed
from access.reservations import polling, presenting, reporting, tables
from access.reservations.dates import DayOrder
from access.reservations.presenting import health_of
from accounts.models import Role
from audit.models import Event
from locks import live
from locks.codes.rules import RuleError
from tests.access.reservations.conftest import PATH, make_room
from tests.access.reservations.samples import BOOKING, HOUSE, NOW, calendar, nights
from tests.access.reservations.test_importing import HEAD, JANE, MAX
from tests.make import client_of, make_device, make_feed, make_site, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def room(place):
    return make_room(place)


@pytest.fixture
def manager(room):
    return client_of(make_user(Role.MANAGER, workspace=room.workspace))


@pytest.fixture
def sent(monkeypatch):
    found = []
    monkeypatch.setattr(live, "send", lambda task, **kwargs: found.append((task, kwargs)) or True)
    return found


def text_of(response):
    plain = re.sub(r"<svg.*?</svg>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL)
    return " ".join(unescape(plain).split())


def post(client, address, /, *args, **fields):
    return client.post(reverse(address, args=args), fields)


# --- the list -----------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 3])
def test_the_list_asks_as_often_for_many_as_for_one(
    room, manager, count, django_assert_num_queries
):
    for number in range(count):
        feed = make_feed(room, name=f"Calendar {number}")
        reporting.report(feed, at=NOW, error="It is ill.")
    manager.get(reverse("feeds"))

    with django_assert_num_queries(6):
        response = manager.get(reverse("feeds"))

    assert len(response.context["rows"]) == count


def test_without_any_it_says_what_to_do(room, manager):
    assert "No reservations come in yet" in text_of(manager.get(reverse("feeds")))


def test_a_removed_one_is_not_there(room, manager):
    feed = make_feed(room, removed_at=NOW)

    assert manager.get(reverse("reservation-feed", args=[feed.pk])).status_code == 404
    assert manager.get(reverse("feeds")).context["rows"] == []


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"paused_at": NOW}, "Paused"),
        ({"error": "Gone.", "next_read_at": None}, "Needs a new address"),
        ({"error": "HTTP 500."}, "Cannot be read"),
        ({}, "Not read yet"),
        ({"read_at": NOW.replace(hour=9)}, "Late"),
        ({"read_at": NOW}, "Up to date"),
        ({"kind": "table"}, "Tables"),
    ],
)
def test_how_it_is_doing_is_a_word(room, fields, word):
    assert health_of(make_feed(room, **fields), NOW).word == word


def test_stays_that_are_not_done_are_counted(room):
    feed = make_feed(room, read_at=NOW)

    assert health_of(feed, NOW, unsettled=1).word == "1 stay needs a look"
    assert health_of(feed, NOW, unsettled=2).word == "2 stays need a look"


# --- connecting one -----------------------------------------------------------------------


@pytest.fixture
def form(room, cloud):
    return {
        "room": str(room.pk),
        "address": f"{cloud.origin}{PATH}",
        "name": "",
        "modes": ["code"],
        "policy": "all",
        "sends": "on",
    }


def test_what_would_happen_is_shown_before_anything_does(desk, manager, form, sent):
    ReservationFeed.objects.all().delete()
    desk.serves(calendar(nights()))

    shown = post(manager, "reservation-feed-new", **form)
    assert "Would be created: 1 Dec 2026 15:00 – 3 Dec 2026 11:00." in text_of(shown)
    assert (ReservationFeed.objects.count(), AccessGrant.objects.count()) == (0, 0)

    answer = post(manager, "reservation-feed-new", **form, shown=shown.context["shown"])
    feed = ReservationFeed.objects.get()
    assert answer["Location"] == reverse("reservation-feed", args=[feed.pk])
    assert (feed.name, feed.space, feed.host) == ("Room 204", desk.room, "127.0.0.1")
    assert feed.unseal_address() == form["address"]
    assert Event.objects.filter(verb="feed_added").count() == 1


def test_what_was_changed_after_it_was_shown_is_shown_again(desk, manager, form):
    desk.serves(calendar(nights()))
    shown = post(manager, "reservation-feed-new", **form).context["shown"]

    again = post(manager, "reservation-feed-new", **form | {"modes": ["card"]}, shown=shown)

    assert (again.status_code, again.context["tried"].created) == (200, 1)


def test_the_same_calendar_twice_is_refused(desk, manager, form):
    desk.serves(calendar(nights()))
    shown = post(manager, "reservation-feed-new", **form).context["shown"]

    answer = post(manager, "reservation-feed-new", **form, shown=shown)

    assert "This calendar is connected already, as “Room 204”." in text_of(answer)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://calendars.example.com/x.ics", "https://"),
        ("https://127.0.0.1/x.ics", "not allowed"),
        ("https://[::1]/x.ics", "not allowed"),
        ("", "Enter the address of the calendar."),
    ],
)
def test_ssrf_02_what_is_no_address_of_the_internet_is_refused(desk, manager, form, address, said):
    answer = post(manager, "reservation-feed-new", **form | {"address": address})

    assert said in text_of(answer)
    assert desk.cloud.asked == []


def test_a_calendar_that_cannot_be_read_cannot_be_connected(desk, manager, form):
    desk.serves(status=500)

    answer = post(manager, "reservation-feed-new", **form)

    assert "answered with HTTP 500" in text_of(answer)
    assert not answer.context["shown"]


def test_a_door_gets_a_room_only_when_it_is_connected(desk, manager, form, sent):
    door = make_device(make_site(property=desk.room.property), name="Suite 9")
    desk.serves(calendar(nights()))
    form |= {"room": str(door.pk), "address": f"{form['address']}?x=2"}

    shown = post(manager, "reservation-feed-new", **form).context["shown"]
    door.refresh_from_db()
    assert door.space is None
    post(manager, "reservation-feed-new", **form, shown=shown)

    door.refresh_from_db()
    assert (door.space.name, ReservationFeed.objects.get(space=door.space).name) == ("Suite 9",) * 2


def test_rooms_of_others_cannot_be_chosen(desk, manager, form):
    other = make_room(make_feed(make_site().property).property, "Elsewhere")

    answer = post(manager, "reservation-feed-new", **form | {"room": str(other.pk)})

    assert "tried" not in answer.context


# --- one of them --------------------------------------------------------------------------


def test_its_page_tells_every_line_and_why(desk, manager):
    desk.read(BOOKING)

    text = text_of(manager.get(reverse("reservation-feed", args=[desk.feed.pk])))

    assert "Skipped: it may be a booking or closed nights, the calendar does not say." in text
    assert "Created: 10 Dec 2026 15:00 – 12 Dec 2026 11:00." in text
    assert "Up to date" in text
    assert "canary" not in text


def test_an_earlier_report_can_be_read(desk, manager):
    desk.read(calendar(nights()))
    desk.read(calendar(nights(ends="20261204")))
    first = FeedReading.objects.order_by("at")[0]

    url = reverse("reservation-feed", args=[desk.feed.pk])
    text = text_of(manager.get(url, {"report": str(first.pk)}))

    assert "Created: 1 Dec 2026 15:00 – 3 Dec 2026 11:00." in text


def test_stays_that_are_not_done_stand_on_top(desk, manager, grants):
    grants.refused["Jane Doe"] = RuleError("doors", "Room 204 has no keypad")
    desk.read(calendar(nights()))

    response = manager.get(reverse("reservation-feed", args=[desk.feed.pk]))

    assert "2026-12-01 – 2026-12-03: Room 204 has no keypad." in text_of(response)
    assert response.context["row"].health.word == "1 stay needs a look"


def test_read_now_only_asks_for_it(room, manager, sent, django_capture_on_commit_callbacks):
    feed = make_feed(room, next_read_at=None)

    with django_capture_on_commit_callbacks(execute=True):
        post(manager, "reservation-feed-read", feed.pk)

    feed.refresh_from_db()
    assert feed.next_read_at is not None
    assert sent == [(tasks.read_feed, {"expires": 30, "feed_id": str(feed.pk)})]


def test_it_is_paused_and_read_again(room, manager, sent):
    feed = make_feed(room)

    post(manager, "reservation-feed-pause", feed.pk, pause="yes")
    feed.refresh_from_db()
    assert feed.paused_at is not None
    text = text_of(post(manager, "reservation-feed-read", feed.pk))
    assert text == ""
    post(manager, "reservation-feed-pause", feed.pk, pause="no")

    feed.refresh_from_db()
    assert feed.paused_at is None
    assert Event.objects.filter(verb="feed_changed").count() == 2


def test_a_new_address_starts_anew(room, manager, sent):
    feed = make_feed(room, failures=3, error="Gone.", error_since=NOW, next_read_at=None)
    form = {"name": "Room 204", "modes": ["code"], "policy": "all"}

    post(
        manager,
        "reservation-feed-edit",
        feed.pk,
        **form,
        address="webcal://calendars.example.com/new.ics",
    )

    feed.refresh_from_db()
    assert feed.unseal_address() == "https://calendars.example.com/new.ics"
    assert (feed.failures, feed.error, feed.next_read_at is not None) == (0, "", True)


def test_settings_are_changed_without_a_new_address(room, manager, sent):
    feed = make_feed(room)
    page = manager.get(reverse("reservation-feed-edit", args=[feed.pk]))
    assert "x.ics" not in page.content.decode()

    post(
        manager,
        "reservation-feed-edit",
        feed.pk,
        name="Airbnb",
        modes=["code", "card"],
        policy="first",
        address="",
    )

    feed.refresh_from_db()
    assert (feed.name, feed.modes, feed.policy, feed.sends) == (
        "Airbnb",
        ["code", "card"],
        "first",
        False,
    )
    assert feed.unseal_address() == "https://calendars.example.com/x.ics"


def test_what_becomes_of_its_stays_is_said_before_it_is_removed(desk, manager, grants):
    desk.read(calendar(nights()))

    text = text_of(manager.get(reverse("reservation-feed-remove", args=[desk.feed.pk])))
    assert "1 stay that came from it goes on until it ends: Jane Doe (until 3 Dec 2026 )" in text

    post(manager, "reservation-feed-remove", desk.feed.pk)
    feed = ReservationFeed.objects.get()
    assert (feed.address_sealed, feed.next_read_at, grants.revoked) == ("", None, [])
    assert feed.removed_at is not None


@pytest.mark.parametrize("page", ["read", "pause", "remove"])
def test_tables_are_neither_read_nor_paused_nor_disconnected(room, manager, page):
    feed = make_feed(room, kind="table", next_read_at=None)

    answer = post(manager, f"reservation-feed-{page}", feed.pk, pause="yes")

    feed.refresh_from_db()
    assert answer.status_code == 404
    assert (feed.paused_at, feed.removed_at, feed.next_read_at) == (None, None, None)


def test_one_whose_address_cannot_be_opened_does_not_prevent_another(desk, manager, form, sent):
    ReservationFeed.objects.update(address_sealed="junk", next_read_at=NOW)
    desk.serves(calendar(nights()))
    shown = post(manager, "reservation-feed-new", **form).context["shown"]

    post(manager, "reservation-feed-new", **form, shown=shown)

    assert ReservationFeed.objects.count() == 2


def test_an_address_that_cannot_be_opened_is_said_on_its_page(desk, manager):
    ReservationFeed.objects.update(address_sealed="junk")
    desk.read(calendar(nights()))

    text = text_of(manager.get(reverse("reservation-feed", args=[desk.feed.pk])))

    assert "Needs a new address" in text
    assert polling.NO_KEY in text


# --- tables -------------------------------------------------------------------------------


def upload(client, place, text, **fields):
    table = SimpleUploadedFile("stays.csv", text if isinstance(text, bytes) else text.encode())
    form = {"place": str(place.pk), "modes": ["code"], "table": table, "order": "", "usual": ""}
    return client.post(reverse("reservations-import"), form | fields)


def confirm(client, shown):
    told = shown.context["form"].cleaned_data
    form = {"packed": shown.context["packed"], "place": told["place"], "modes": told["modes"]}
    return client.post(reverse("reservations-import"), form | {"order": "", "usual": told["usual"]})


def test_a_table_is_shown_and_then_imported(room, manager, grants):
    shown = upload(manager, room.property, HEAD + JANE + MAX)
    assert AccessGrant.objects.count() == 0
    assert "Import 2 stays" in text_of(shown)

    answer = confirm(manager, shown)

    assert AccessGrant.objects.count() == 2
    feed = ReservationFeed.objects.get(kind="table")
    assert answer["Location"] == reverse("reservation-feed", args=[feed.pk])
    assert "Created: 1 Dec 2026 15:00" in text_of(manager.get(answer["Location"]))


def test_a_table_with_a_bad_line_has_no_button(room, manager, grants):
    shown = upload(manager, room.property, HEAD + JANE + "Bad,,Room 204,soon,later\n")

    assert not shown.context["packed"]
    assert "1 line cannot be read. Correct the file and choose it again." in text_of(shown)


def test_a_refusal_at_the_last_moment_is_shown_line_by_line(room, manager, grants):
    shown = upload(manager, room.property, HEAD + JANE + MAX)
    grants.refused["Jane Doe"] = RuleError("doors", "Room 204 has no keypad")

    text = text_of(confirm(manager, shown))

    assert "Nothing was imported: 1 of its lines cannot be done." in text
    assert "Not created: Room 204 has no keypad." in text
    assert AccessGrant.objects.count() == 0
    assert text.count("of its lines cannot be done") == 1
    assert "Line 2 Jane Doe" in text


def test_what_cannot_be_imported_is_shown_without_a_button(room, manager, grants):
    grants.refused["Jane Doe"] = RuleError("doors", "Room 204 has no keypad")

    shown = upload(manager, room.property, HEAD + MAX + JANE)

    text = text_of(shown)
    assert not shown.context["packed"]
    assert "1 line cannot be done as things are now" in text
    assert text.index("Not possible Line 3 Jane Doe") < text.index("New Line 2 Max Mustermann")


def test_an_imported_line_has_its_number_in_the_report(room, manager, grants):
    answer = confirm(manager, upload(manager, room.property, HEAD + JANE))

    assert "Created Line 2 Jane Doe" in text_of(manager.get(answer["Location"]))


def test_a_million_lines_are_refused_by_their_size(room, manager, grants):
    shown = upload(manager, room.property, (HEAD + JANE * 1_000_000).encode()[: 6 * 1024 * 1024])

    assert "The file is larger than 5 MB. Nothing was imported." in text_of(shown)


def test_what_somebody_else_was_shown_cannot_be_confirmed(room, manager, grants):
    shown = upload(manager, room.property, HEAD + JANE)
    other = client_of(make_user(Role.FRONT_DESK, workspace=room.workspace))

    text = text_of(confirm(other, shown))

    assert "Choose the file again." in text
    assert AccessGrant.objects.count() == 0


def test_the_sample_can_be_imported(room, manager):
    answer = manager.get(reverse("reservations-sample"))
    reading = tables.read(answer.content, house=HOUSE, now=NOW, order=DayOrder.DAY_FIRST)

    assert next(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))[0] == "Name"
    assert [row.stay is not None or row.reason for row in reading.rows] == [True, True]


def test_only_so_many_lines_are_shown(monkeypatch):
    monkeypatch.setattr(presenting, "MOST_LINES", 1)
    line = {"text": "", "sentence": "x", "do": "keep", "grant_id": "", "needs_look": False}

    (shown,) = presenting.lines_of([line, line | {"do": "failed", "needs_look": True}])

    assert (shown.word, shown.text) == ("Not done", "A stay without a name")
