"""What the page tells, and when."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.utils import timezone
from icalendar import Calendar

from access.guests import facts, languages, wording
from access.guests.houses import House, change
from access.guests.stay import Phase, phase_of, stay_of
from access.models import GuestHouse
from accounts.models import Role, SpaceKind
from audit.models import Event
from locks.models import AccessCode
from tests.access.guests.stays import (
    aim,
    give,
    give_code,
    guest_of,
    key_of,
    link_to,
    make_door,
    make_stay,
)
from tests.make import (
    actor,
    make_acs_user,
    make_code,
    make_credential,
    make_device,
    make_entrance,
    make_property,
    make_system,
    make_user,
)

pytestmark = pytest.mark.django_db

MS = timedelta(milliseconds=1)


def test_gst_03_the_window_is_half_open_to_the_millisecond() -> None:
    grant = make_stay()
    give_code(grant, make_door(grant, "Room 204"))
    assert grant.ends_at is not None

    def told(at: datetime) -> tuple[Phase, bool, bool]:
        stay = stay_of(grant, at=at)
        return stay.phase, bool(stay.doors), any(way.digits for way in stay.ways)

    assert told(grant.starts_at - MS) == (Phase.BEFORE, False, False)
    assert told(grant.starts_at) == (Phase.DURING, True, True)
    assert told(grant.ends_at - MS) == (Phase.DURING, True, True)
    assert told(grant.ends_at) == (Phase.AFTER, False, False)
    assert phase_of(grant, grant.ends_at + MS) == Phase.AFTER


def page_of(grant: Any, **headers: str) -> str:
    _, path = link_to(grant)
    return str(guest_of(path, **headers).get("/k/").content.decode())


def shifted(**by: float) -> dict[str, Any]:
    now = timezone.now()
    return {
        "starts_at": now + timedelta(**by),
        "ends_at": now + timedelta(**by) + timedelta(hours=20),
    }


def test_gst_03_before_the_stay_the_page_says_when_and_names_no_door() -> None:
    grant = make_stay(starts_at=datetime(2026, 11, 27, 14, tzinfo=UTC), ends_at=None)
    change(
        grant.property,
        House(phone="+31 20 123 4567", wifi_name="Harbour", wifi_password="sesame-22"),
        by=actor(make_user(Role.ADMIN, workspace=grant.workspace)),
        at=timezone.now(),
    )
    give_code(grant, make_door(grant, "Room 204"))
    give(grant, "cloud_key", make_door(grant, "Gate"))

    with time_machine.travel(datetime(2026, 11, 25, 9, tzinfo=UTC), tick=False):
        html = page_of(grant)

    assert "Your code appears here on Fri 15:00." in html
    assert "Friday 27 Nov 2026, 15:00" in html
    assert "Times are those of the property (Europe/Amsterdam)." in html
    assert "+31 20 123 4567" in html
    for secret in ("Room 204", "Gate", "714208", "sesame-22", "Link code"):
        assert secret not in html


def test_after_the_stay_the_page_thanks_and_holds_nothing() -> None:
    grant = make_stay(**shifted(days=-3))
    give_code(grant, make_door(grant, "Room 204"))

    html = page_of(grant)

    assert "Thank you for staying with us" in html
    assert "Room 204" not in html
    assert "714208" not in html


def test_in_the_window_the_code_stands_in_groups_over_its_doors() -> None:
    grant = make_stay()
    room = make_door(grant, "Room 204")
    code = give_code(grant, room)
    give_code(grant, make_door(grant, "Gate"))
    aim(grant, room)

    html = page_of(grant)

    assert "<span>714</span><span>208</span>" in html
    assert html.count("data-digits") == 1  # one code for both
    assert html.index(">Room 204<") < html.index(">Gate<")
    code.refresh_from_db()
    assert code.delivered_at is not None


def test_a_code_of_several_doors_counts_as_told_at_each_of_them() -> None:
    grant = make_stay()
    seen = give_code(grant, make_door(grant, "Room 204"), shared_key="one")
    gate, shed = (make_device(seen.site, name=each) for each in ("Gate", "Shed"))
    same = {"ref": seen.ref, "digits": "714208", "phase": "on_lock"}
    other = make_code(gate, shared_key="one", **same)
    elsewhere = make_code(shed, shared_key="two", **same)

    page_of(grant)

    told = AccessCode.objects.filter(delivered_at__isnull=False)
    assert set(told) == {seen, other}
    assert elsewhere not in told


def test_who_looks_all_day_is_told_of_once() -> None:
    grant = make_stay()
    give_code(grant, make_door(grant))
    _, path = link_to(grant)
    client = guest_of(path)

    client.head("/k/")
    assert not Event.objects.filter(verb="guest_saw_code").exists()
    for _ in range(3):
        client.get("/k/")

    event = Event.objects.get(verb="guest_saw_code")
    assert (event.actor_kind, event.actor_name, event.how) == ("guest", "Jane Doe", "guest")
    assert event.actor_id == str(grant.identity_id)


@pytest.mark.parametrize(
    ("phase", "delivered", "shows"),
    [
        ("waiting", False, False),
        ("setting", False, False),
        ("setting", True, True),  # longer: the digits that were told go on working
        ("accepted", False, True),
        ("on_lock", False, True),
        ("blocked", False, False),
    ],
)
def test_digits_are_shown_when_a_lock_knows_them(phase: str, delivered: bool, shows: bool) -> None:
    grant = make_stay()
    told_at = timezone.now() if delivered else None
    give_code(grant, make_door(grant), phase=phase, delivered_at=told_at)

    html = page_of(grant)

    assert ("<span>714</span>" in html) == shows
    if phase == "accepted":
        assert "is being put on the lock" in html
        assert "Your code is not on the lock yet" in html
    assert ("Your code is on the lock" in html) == (shows and phase != "accepted")
    if not shows:
        assert ("is being put on the lock" in html) == (phase != "blocked")
        assert ("There is a problem with your code" in html) == (phase == "blocked")


def test_cards_say_where_they_are() -> None:
    grant = make_stay()
    system = make_system(property=grant.property)
    user = make_acs_user(system)
    give(grant, "card", make_entrance(system, name="Lobby"), system=system, acs_user=user)
    assert "Pick up your card at the desk." in page_of(grant)

    make_credential(user)

    html = page_of(grant)
    assert "Your card is ready." in html
    assert ">Lobby<" in html


def test_pins_of_access_systems_are_shown_as_well() -> None:
    grant = make_stay()
    system = make_system(property=grant.property)
    user = make_acs_user(system)
    pin = make_credential(user, access_method="code", is_issued=True, card_number="")
    pin.seal_code("482913")
    pin.save()
    give(grant, "code", make_entrance(system), system=system, acs_user=user)

    assert "<span>482</span><span>913</span>" in page_of(grant)


def test_of_two_pins_mail_and_page_tell_the_one_issued_last() -> None:
    grant = make_stay()
    system = make_system(property=grant.property)
    user = make_acs_user(system)
    give(grant, "code", make_entrance(system), system=system, acs_user=user)
    for digits, hours in (("111222", 1), ("482913", 0), ("333444", 2)):
        issued_at = timezone.now() - timedelta(hours=hours)
        pin = make_credential(
            user, access_method="code", is_issued=True, card_number="", issued_at=issued_at
        )
        pin.seal_code(digits)
        pin.save()

    assert "<span>482</span><span>913</span>" in page_of(grant)
    assert [each.digits for each in facts.pins_of(facts.wanted_shares(grant))] == ["482913"]


def test_a_mobile_key_is_a_link_until_that_is_over() -> None:
    grant = make_stay()
    system = make_system(property=grant.property)
    user = make_acs_user(system)
    give(grant, "mobile_key", make_entrance(system), system=system, acs_user=user)
    assert "Your mobile key is being made." in page_of(grant)
    key = make_credential(user, access_method="mobile_key", card_number="")
    key.seal_instant_key("https://keys.example.org/ik/CANARY")
    key.instant_key_expires_at = timezone.now() + timedelta(hours=1)
    key.save()
    assert 'href="https://keys.example.org/ik/CANARY" rel="noreferrer noopener"' in page_of(grant)

    key.instant_key_expires_at = timezone.now()
    key.save()

    html = page_of(grant)
    assert "The link to your mobile key is over." in html
    assert "CANARY" not in html


def test_doors_of_a_space_come_from_the_outside_in() -> None:
    place = make_property()
    building = place.children.create(
        workspace=place.workspace,
        property=place,
        kind=SpaceKind.BUILDING,
        name="East",
        time_zone="",
    )
    room = building.children.create(
        workspace=place.workspace, property=place, kind=SpaceKind.ROOM, name="101", time_zone=""
    )
    grant = make_stay(place)
    doors = [
        make_door(grant, "A bedroom", space=room),
        make_door(grant, "Hall", space=building),
        make_door(grant, "Yard gate"),
        make_door(grant, "Sauna 10"),
        make_door(grant, "Sauna 9"),
    ]
    give(grant, "cloud_key", *doors)
    aim(grant, place)

    names = stay_of(grant, at=timezone.now()).doors

    assert names == ("Sauna 9", "Sauna 10", "Yard gate", "Hall", "A bedroom")


def test_wifi_is_for_those_who_stay_and_sealed() -> None:
    grant = make_stay()
    by = actor(make_user(Role.MANAGER, workspace=grant.workspace))
    change(
        grant.property,
        House(wifi_name="Harbour", wifi_password="sesame-22"),
        by=by,
        at=timezone.now(),
    )

    assert "sesame-22" in page_of(grant)
    row = GuestHouse.objects.get()
    assert "sesame-22" not in row.wifi_password_sealed
    assert "sesame" not in str(Event.objects.get(verb="guest_page_changed").detail)


# --- languages ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hour", "said"),
    [
        (0, "Hello"),
        (4, "Hello"),
        (5, "Good morning"),
        (12, "Good afternoon"),
        (18, "Good evening"),
        (23, "Good evening"),
    ],
)
def test_the_greeting_is_of_the_time_of_day(hour: int, said: str) -> None:
    assert wording.greeting("", hour) == said
    assert wording.greeting("Jane", hour) == f"{said}, Jane"


def test_the_language_is_theirs_then_the_browsers_then_english() -> None:
    assert "Freitag" not in page_of(make_stay())
    assert 'lang="de"' in page_of(make_stay(language="de"))
    assert 'lang="fr"' in page_of(make_stay(), HTTP_ACCEPT_LANGUAGE="ja, fr-CH;q=0.9, en;q=0.8")
    assert 'lang="nl"' in page_of(make_stay(language="nl"), HTTP_ACCEPT_LANGUAGE="fr")
    assert languages.choose("xx", accepts="en;q=0, pt;q=0.5, es;q=1") == "es"
    assert languages.choose(accepts="🙂;q=x, , *") == "en"


def test_days_are_written_as_the_language_does() -> None:
    at = datetime(2026, 11, 27, 14, tzinfo=UTC)
    zone = make_property().zone

    written = {}
    for language in languages.LANGUAGES:
        with languages.speaking(language):
            written[language] = languages.day_and_time(at, zone)

    assert written["en"] == "Friday 27 Nov 2026, 15:00"
    assert "27. November 2026" in written["de"]
    assert "27 novembre 2026" in written["fr"]
    assert "27 de noviembre de 2026" in written["es"]


def test_somebody_may_choose_another_language_and_it_stays() -> None:
    _, path = link_to(make_stay(language="nl"))
    client = guest_of(path)

    response = client.get("/k/?language=es")

    assert (response.status_code, response["Location"]) == (302, "/k/")
    assert 'lang="es"' in client.get("/k/help/").content.decode()
    assert 'lang="es"' in client.get("/k/?language=xx").content.decode()


# --- besides ------------------------------------------------------------------------------


def test_the_calendar_file_holds_times_and_no_secret() -> None:
    grant = make_stay()
    give_code(grant, make_door(grant, "Room 204"))
    _, path = link_to(grant)

    response = guest_of(path).get("/k/stay.ics")

    assert response["Content-Type"] == "text/calendar; charset=utf-8"
    (event,) = Calendar.from_ical(response.content).walk("VEVENT")
    assert event.decoded("dtstart") == grant.starts_at.replace(microsecond=0)
    assert event["summary"] == f"Your stay at {grant.property.name}"
    assert b"Room" not in response.content
    assert b"714208" not in response.content


def test_the_offline_page_opens_nothing() -> None:
    grant = make_stay()
    give_code(grant, make_door(grant, "Room 204"))
    by = actor(make_user(Role.MANAGER, workspace=grant.workspace))
    told = House(address="Quay 1", phone="+31201", wifi_name="Harbour", wifi_password="sesame-22")
    change(grant.property, told, by=by, at=timezone.now())
    _, path = link_to(grant)

    html = guest_of(path).get("/k/offline/").content.decode()

    assert "Quay 1" in html
    for secret in ("Room 204", "714208", "sesame-22", "Harbour<"):
        assert secret not in html


def test_the_copy_for_offline_keeps_every_look_of_the_page() -> None:
    _, path = link_to(make_stay())
    client = guest_of(path)
    page = client.get("/k/offline/").content.decode()
    worker = client.get("/k/worker.js").content.decode()

    looks = re.findall(r'<link rel="stylesheet" href="([^"]+)">', page)

    assert looks
    assert [each for each in looks if f'"{each}"' not in worker] == []


def test_asking_for_help_gives_advice_and_a_line_in_the_log() -> None:
    grant = make_stay()
    give_code(grant, make_door(grant))
    _, path = link_to(grant)
    client = guest_of(path)
    assert "Wake the keypad" in client.get("/k/help/").content.decode()
    assert not Event.objects.filter(verb="guest_asked_for_help").exists()
    key = key_of(client)

    for what in ("code", "code", "<script>"):
        response = client.post("/k/help/", {"key": key, "what": what})

    assert "We wrote it down" in response.content.decode()
    event = Event.objects.get(verb="guest_asked_for_help")
    assert event.detail["after"] == "the code does not work"
    assert UUID(event.detail["grant_id"]) == grant.pk


@pytest.mark.parametrize("count", [1, 3])
def test_the_page_costs_the_same_for_any_number_of_doors(
    count: int, django_assert_num_queries: Any
) -> None:
    grant = make_stay()
    for number in range(count):
        door = make_door(grant, f"Room {number}")
        give_code(grant, door, str(714208 + number))
        give(grant, "cloud_key", door)
    _, path = link_to(grant)
    client = guest_of(path)
    client.get("/k/")

    with django_assert_num_queries(12):
        client.get("/k/")
