"""The booking site: calendars as a reader of them gets them, honest and faulty."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from access.reservations import calendars
from access.reservations.stays import House, ReadError
from sandbox.booking import feed, seed
from tests.sandbox.test_docs import WORDS
from tests.sandbox.test_pages import Checker

TOKEN = seed.CALENDARS["Room 205"]
HOUSE = House(zone=ZoneInfo("Europe/Amsterdam"), check_in=time(15), check_out=time(11))
NOW = datetime(2026, 3, 28, 21, tzinfo=UTC)


def get(client, **headers):
    return client.request("GET", f"/calendars/{TOKEN}.ics", headers=headers)


def read(client):
    return calendars.read(get(client).body, house=HOUSE, now=NOW)


def bookings(client):
    return client.get("/control/calendars").json()[0]["bookings"]


def test_a_new_world_has_two_stays_to_come(client):
    first, second = read(client).stays

    assert (first.guest.name, first.guest.email) == (
        "SIMULATED Jane Doe",
        "jane.doe@guests.example.com",
    )
    assert (first.starts_on.isoformat(), first.ends_on.isoformat()) == ("2026-03-29", "2026-04-01")
    assert (second.guest.name, second.guest.email) == ("SIMULATED Max Mustermann", "")


def test_a_booking_is_made_moved_cancelled_and_left_out(client):
    made = client.control(
        f"calendars/{TOKEN}/bookings",
        guest="Zo, the one",
        arrives_on="2026-04-10",
        leaves_on="2026-04-12",
    )
    assert [stay.guest.name for stay in read(client).stays][-1] == "Zo, the one"

    client.control(f"bookings/{made['id']}", leaves_on="2026-04-14")
    assert read(client).stays[-1].ends_on.isoformat() == "2026-04-14"

    client.control(f"bookings/{made['id']}", is_cancelled=True)
    assert read(client).stays[-1].is_cancelled

    client.request("DELETE", f"/control/bookings/{made['id']}")
    assert len(read(client).rows) == 2


@pytest.mark.parametrize(
    "wish",
    [
        {"guest": "", "arrives_on": "2026-04-10", "leaves_on": "2026-04-12"},
        {"guest": "A", "arrives_on": "soon", "leaves_on": "2026-04-12"},
        {"guest": "A", "arrives_on": "2026-04-12", "leaves_on": "2026-04-12"},
        {"guest": "A", "arrives_on": "2026-04-10", "leaves_on": "2026-04-12", "room": "x"},
    ],
)
def test_what_is_no_booking_is_refused(client, wish):
    answer = client.request("POST", f"/control/calendars/{TOKEN}/bookings", json=wish)

    assert (answer.status, len(bookings(client))) == (400, 2)


def test_its_version_is_told_and_not_sent_twice(client):
    version = get(client).headers["etag"]

    assert get(client, **{"if-none-match": version}).status == 304
    client.control(f"bookings/{bookings(client)[0]['id']}", guest="Somebody else")
    assert get(client, **{"if-none-match": version}).status == 200


@pytest.mark.parametrize(("mode", "status"), [("error", 500), ("busy", 429), ("gone", 404)])
def test_it_can_refuse(client, mode, status):
    client.control(f"calendars/{TOKEN}", mode=mode)

    assert get(client).status == status


@pytest.mark.parametrize(("mode", "stays"), [("empty", 0), ("half", 1)])
def test_it_can_lie(client, mode, stays):
    client.control(f"calendars/{TOKEN}", mode=mode)

    reading = read(client)
    assert (len(reading.stays), reading.doubt) == (stays, "")


def test_it_can_break_off_and_answer_nonsense(client):
    client.control(f"calendars/{TOKEN}", mode="cut")
    assert "breaks off" in read(client).doubt

    client.control(f"calendars/{TOKEN}", mode="page")
    with pytest.raises(ReadError, match="web page"):
        read(client)


def test_it_can_be_slow(client):
    client.control(f"calendars/{TOKEN}", mode="slow", slow_seconds=0.01)

    assert get(client).status == 200


def test_modes_are_documented():
    assert set(feed.MODES) <= WORDS


def test_the_page_shows_addresses_and_is_labelled(client):
    page = client.get("/calendars")
    checked = Checker(page.text)

    assert f"/calendars/{TOKEN}.ics" in page.text
    assert checked.inputs == checked.labels
    assert "<strong>SIMULATED</strong>" in page.text


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"act": "mode", "calendar": TOKEN, "mode": "empty"}, "Room+205%3A+empty"),
        (
            {
                "act": "add",
                "calendar": TOKEN,
                "guest": "Zo",
                "email": "",
                "arrives_on": "2026-04-10",
                "leaves_on": "2026-04-11",
            },
            "Booked+for+Zo",
        ),
    ],
)
def test_people_use_the_page(client, form, said):
    answer = client.request("POST", "/calendars", form=form)

    assert (answer.status, said in answer.headers["location"]) == (303, True)


@pytest.mark.parametrize(("act", "left"), [("cancel", 2), ("delete", 1), ("change", 2)])
def test_people_change_a_booking_on_the_page(client, act, left):
    row = bookings(client)[0]
    answer = client.request("POST", "/calendars", form={"act": act, "booking": row["id"]})

    assert (answer.status, len(bookings(client))) == (303, left)


@pytest.mark.parametrize(
    ("form", "headers", "status"),
    [
        ({"act": "add", "calendar": "nowhere"}, {}, 404),
        ({"act": "fly", "booking": "nothing"}, {}, 404),
        ({"act": "mode", "calendar": TOKEN}, {"sec-fetch-site": "cross-site"}, 403),
    ],
)
def test_what_the_page_cannot_do_is_said(client, form, headers, status):
    assert client.request("POST", "/calendars", form=form, headers=headers).status == status


def test_unknown_calendars_are_not_there(client):
    assert client.get("/calendars/nobody.ics").status == 404
