"""The form of a grant: what it shows, what it refuses in which words, and what it saves."""

import json
import re
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.http import HttpResponse
from django.urls import reverse

from access.grants.pages import seals
from access.models import AccessGrant, AcsUser, Delivery, UserIdentity
from accounts.models import Role
from locks.models import AccessCode
from tests.access.grants.house import ARRIVES, LEAVES, NOW, House, create
from tests.make import (
    client_of,
    make_code,
    make_device,
    make_property,
    make_site,
    make_user,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


def answers(house: House, *things: Any, **fields: Any) -> dict[str, Any]:
    """A form as it is filled in. Times are those of Amsterdam."""
    kinds = {"Device": "device", "Space": "space", "AcsEntrance": "entrance"}
    given = {
        "full_name": "Jane Doe",
        "email": "jane@example.com",
        "place": str(house.place.pk),
        "targets": [f"{kinds[type(each).__name__]}:{each.pk}" for each in things],
        "starts": "2026-11-23T16:00",
        "ends": "2026-11-26T12:00",
        "methods": ["code"],
        "order": ["code", "card", "mobile_key", "cloud_key"],
        "policy": "all",
        "key": str(uuid4()),
    }
    return given | fields


def outline_of(page: HttpResponse) -> str:
    found = re.search(r'name="outline" value="([^"]+)"', page.content.decode())
    return found[1] if found else ""


def text_of(page: HttpResponse) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.content.decode()).split())


def preview(client: Any, given: dict[str, Any]) -> HttpResponse:
    page: HttpResponse = client.post(reverse("grant-plan"), given)
    assert page.status_code == 200
    return page


def save(client: Any, given: dict[str, Any], wish: str = "plain", **more: Any) -> HttpResponse:
    """Look at the plan, then press."""
    outline = outline_of(preview(client, given))
    page: HttpResponse = client.post(
        reverse("grant-new"), given | {"outline": outline, "save": wish} | more
    )
    return page


# --- what it shows ----------------------------------------------------------------------


def test_a_fresh_form_is_for_tonight_with_a_pin(client: Any) -> None:
    page = client.get(reverse("grant-new"))

    given = page.context["sheet"].given
    assert (given["starts"], given["ends"]) == ("2026-11-23T15:00", "2026-11-24T11:00")
    assert given.getlist("methods") == ["code"]
    assert not page.context["form"].errors
    assert "Still needed: a name, a room or a door." in text_of(page)


def test_the_plan_says_what_happens_at_each_door(client: Any, house: House) -> None:
    page = preview(client, answers(house, house.gate, house.lobby))

    said = text_of(page)
    assert "2 doors open." in said
    assert "A new PIN opens it from 16:00 until 26 Nov, 12:00." in said
    assert "chooses the PIN" in said
    assert "This gives 2 doors." in said


def test_without_any_property_the_form_hears_why(client: Any, house: House) -> None:
    given = answers(house, house.gate)
    given.pop("place")
    empty = client_of(make_user(Role.ADMIN))

    answer = empty.post(reverse("grant-plan"), given)

    assert answer.status_code == 409
    assert answer.content.decode() == "There is no property any more to let somebody into."


@pytest.mark.parametrize(
    "wrong",
    [
        {"starts": "2026-11-20T15:00", "ends": "2026-11-22T15:00"},
        {"ends": "2026-11-23T15:00"},
        {"ends": "2032-11-23T15:00"},
    ],
    ids=["past", "before it starts", "too long"],
)
def test_no_plan_stands_beside_times_that_cannot_be(
    client: Any, house: House, wrong: dict[str, Any]
) -> None:
    page = preview(client, answers(house, house.gate) | wrong)

    assert page.context["shown"].summary == "No plan for these times."
    assert not page.context["shown"].doors
    assert page.context["form"].errors


def test_a_plan_stands_beside_other_errors(client: Any, house: House) -> None:
    page = preview(client, answers(house, house.gate, email="not an address"))

    assert page.context["shown"].summary == "1 door opens."
    assert page.context["form"].problems_at("email")
    assert outline_of(page) == ""


def test_digits_are_nowhere_in_a_plan(client: Any, house: House) -> None:
    given = answers(house, house.gate, house.shed, digits="274983")
    make_code(house.shed, digits="274983", starts_at=NOW, ends_at=LEAVES)

    page = preview(client, given)

    assert "274983" not in page.content.decode().replace('value="274983"', "")
    told = told_in(page, house, given)
    assert "274983" not in json.dumps(told)
    assert "gets another PIN" in text_of(page)


def test_digits_are_in_no_log_and_no_session(
    client: Any, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    given = answers(house, house.gate, digits="274983")

    save(client, given | {"ends": "x"})
    save(client, given)

    assert AccessGrant.objects.count() == 1
    assert "274983" not in "".join(map(str, (record.__dict__ for record in caplog.records)))
    assert "274983" not in str(dict(client.session))


def told_in(page: HttpResponse, house: House, given: dict[str, Any]) -> Any:
    assert house.by.user
    told = seals.unseal(outline_of(page), f"{house.by.user.pk}:{given['key']}")
    assert told
    return told


def test_a_way_in_that_no_door_takes_says_why(client: Any, house: House) -> None:
    page = preview(client, answers(house, house.gate))

    assert "It takes no card." in text_of(page)
    [card] = [each for each in page.context["options"] if each.mode == "card"]
    assert card.why_not == "It takes no card."


def test_an_address_that_is_known_names_its_owner(client: Any, house: House) -> None:
    create(house, house.gate)

    page = preview(client, answers(house, house.shed, full_name="J. D."))

    assert "Known guest: Jane Doe – keeps their name." in text_of(page)


def test_rooms_come_before_doors_with_how_many_they_have(client: Any, house: House) -> None:
    room = house.room("Gate House")
    house.keypad("Side Gate", space=room)

    page = client.get(reverse("grants-places"), {"q": "gate", "place": house.place.pk})

    names = [(each.name, each.note) for each in page.context["places"]]
    assert names == [("Gate House", "1 door"), ("Gate", "door"), ("Side Gate", "door · Gate House")]


def test_people_are_found_by_the_beginnings_of_words(client: Any, house: House) -> None:
    create(house, house.gate)

    page = client.get(reverse("grants-people"), {"q": "doe ja"})

    assert [str(each) for each in page.context["people"]] == ["Jane Doe"]
    assert list(client.get(reverse("grants-people"), {"q": ""}).context["people"]) == []


@pytest.mark.parametrize("text", ["\x00", "'", "\\", "%", "x" * 10_000, "& | !", ":*"])
def test_whatever_is_searched_is_only_text(client: Any, house: House, text: str) -> None:
    for name in ("grants-people", "grants-places"):
        page = client.get(reverse(name), {"q": text, "place": house.place.pk})
        assert page.status_code == 200


# --- saving -----------------------------------------------------------------------------


def test_what_was_shown_is_saved(client: Any, house: House) -> None:
    given = answers(house, house.gate)

    page = save(client, given)

    grant = AccessGrant.objects.get()
    assert page.status_code == 302
    assert str(grant.pk) == given["key"]
    assert (grant.starts_at, grant.ends_at) == (ARRIVES, LEAVES)
    assert grant.identity.email == "jane@example.com"
    assert AccessCode.objects.get().device == house.gate


def test_pressed_twice_it_is_one_stay(client: Any, house: House, clock: Any) -> None:
    given = answers(house, house.gate)
    save(client, given)
    clock.shift(1)

    page = save(client, given)

    assert page.status_code == 302
    assert AccessGrant.objects.count() == 1


def test_nothing_is_saved_that_was_not_shown(client: Any, house: House) -> None:
    given = answers(house, house.gate)

    page = client.post(reverse("grant-new"), given | {"save": "plain"})

    assert AccessGrant.objects.count() == 0
    assert "Nothing was shown yet: this is what it will do." in text_of(page)
    client.post(reverse("grant-new"), given | {"save": "plain", "outline": outline_of(page)})
    assert AccessGrant.objects.count() == 1


@pytest.mark.parametrize("forged", ["x", "e30:x:y", '{"doors": []}', "\x00", "a" * 10_000])
def test_a_forged_outline_shows_the_plan_again(client: Any, house: House, forged: str) -> None:
    given = answers(house, house.gate)

    page = client.post(reverse("grant-new"), given | {"save": "plain", "outline": forged})

    assert page.status_code == 200
    assert AccessGrant.objects.count() == 0


def test_an_outline_of_another_form_does_not_count(client: Any, house: House) -> None:
    outline = outline_of(preview(client, answers(house, house.gate)))

    client.post(
        reverse("grant-new"), answers(house, house.gate) | {"save": "plain", "outline": outline}
    )

    assert AccessGrant.objects.count() == 0


def test_what_changed_meanwhile_is_said_and_the_second_press_saves(
    client: Any, house: House
) -> None:
    given = answers(house, house.gate, digits="274983")
    outline = outline_of(preview(client, given))
    make_code(house.gate, digits="274983", starts_at=NOW, ends_at=LEAVES)

    page = client.post(reverse("grant-new"), given | {"outline": outline, "save": "plain"})

    assert "the PIN asked for is not free any more, so it has another." in text_of(page)
    assert page.context["sheet"].given["full_name"] == "Jane Doe"
    again = given | {"outline": outline_of(page), "save": "plain"}
    assert client.post(reverse("grant-new"), again).status_code == 302
    assert AccessGrant.objects.count() == 1


def test_create_and_send_writes_to_them_once(client: Any, house: House) -> None:
    given = answers(house, house.gate)

    page = save(client, given, "send")
    save(client, given, "send")

    message = Delivery.objects.get()
    assert page.status_code == 302
    assert (message.address, message.has_digits) == ("jane@example.com", False)
    assert message.waits_until_ready


def test_without_an_address_nothing_is_sent_and_that_is_said(client: Any, house: House) -> None:
    save(client, answers(house, house.gate, email=""), "send")

    assert Delivery.objects.count() == 0
    assert AccessGrant.objects.count() == 1


def test_create_and_encode_goes_to_the_station_with_them(client: Any, house: House) -> None:
    _, [room] = house.system("Room 1")

    page = save(client, answers(house, room, methods=["card"]), "card")

    assert page["Location"] == f"{reverse('cards')}?user={AcsUser.objects.get().pk}"


def test_somebody_known_is_chosen_by_id(client: Any, house: House) -> None:
    jane = create(house, house.gate).identity

    save(client, answers(house, house.shed, full_name="", email="", person=str(jane.pk)))

    assert AccessGrant.objects.filter(identity=jane).count() == 2
    assert UserIdentity.objects.count() == 1


# --- bad input --------------------------------------------------------------------------

LONG = "x" * 10_000
WINDOW = "duration 1 minute – 5 years"
BOTH_TIMES = "time-bound stays need both start and end; tick “No end” for an ongoing one"
BETWEEN = "choose a date and a time between 2000 and 2100, such as 2026-11-21 15:00"

BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"full_name": ""}, "full_name", "name: 1–100 characters"),
    ({"full_name": "   "}, "full_name", "name: 1–100 characters"),
    ({"full_name": LONG}, "full_name", "name: 1–100 characters"),
    ({"full_name": "a\x00b"}, "full_name", "name: 1–100 characters"),
    ({"full_name": "a\u202eb"}, "full_name", "name: 1–100 characters"),
    ({"email": "a@b"}, "email", "e-mail address is not valid"),
    ({"email": "x@y.z\nBcc: q@y.z"}, "email", "e-mail address is not valid"),
    ({"email": f"{LONG}@example.com"}, "email", "e-mail address is not valid"),
    ({"phone": "0"}, "phone", "phone: international format +33…"),
    ({"phone": LONG}, "phone", "phone: international format +33…"),
    ({"starts": ""}, "starts", "choose when it starts"),
    ({"starts": "now"}, "starts", BETWEEN),
    ({"starts": "2026-W48-1"}, "starts", BETWEEN),
    ({"starts": "0001-01-01T00:00"}, "starts", BETWEEN),
    ({"starts": "9999-01-01T00:00"}, "starts", BETWEEN),
    ({"starts": LONG}, "starts", BETWEEN),
    ({"starts": "2026-02-30T10:00"}, "starts", BETWEEN),
    ({"ends": ""}, "ends", BOTH_TIMES),
    ({"ends": "2026-11-23T16:00"}, "ends", "end must be after start"),
    ({"ends": "2026-11-22T15:00"}, "ends", "end must be after start"),
    (
        {"starts": "2026-11-20T15:00", "ends": "2026-11-22T15:00"},
        "ends",
        "end is already over",
    ),
    ({"ends": "2032-11-23T15:00"}, "ends", WINDOW),
    (
        {"starts": "2027-03-28T02:30", "ends": "2027-03-29T11:00"},
        "starts",
        "02:30 does not exist on 28 Mar 2027 (clocks go forward). Choose 01:59 or 03:00",
    ),
    (
        {"starts": "2027-10-31T02:30", "ends": "2027-11-02T11:00"},
        "starts",
        "02:30 happens twice. First (UTC+2) or second (UTC+1)?",
    ),
    ({"targets": []}, "doors", "choose at least one door"),
    ({"targets": ["device:x"]}, "doors", "one of these doors is not there any more"),
    ({"targets": ["door"]}, "doors", "one of these doors is not there any more"),
    ({"targets": [f"space:{uuid4()}"]}, "doors", "one of these doors is not there any more"),
    ({"targets": [LONG]}, "doors", "one of these doors is not there any more"),
    ({"methods": []}, "methods", "choose 1–4 of code, mobile_key, card, cloud_key"),
    ({"methods": ["code", "wand"]}, "methods", "choose 1–4 of code, mobile_key, card, cloud_key"),
    (
        {"methods": ["card"]},
        "methods",
        "none of these doors can be opened in any of these ways",
    ),
    ({"digits": "123"}, "digits", "code: 4–9 digits 0–9"),
    ({"digits": "１２３４"}, "digits", "code: 4–9 digits 0–9"),
    ({"digits": LONG}, "digits", "code: 4–9 digits 0–9"),
    ({"digits": "1234"}, "digits", "code is too easy to guess"),
    ({"person": str(uuid4())}, "full_name", "this person is not there any more"),
    ({"person": LONG}, "full_name", "this person is not there any more"),
    ({"place": str(uuid4())}, "place", "this property is not there any more"),
]


@pytest.mark.parametrize(("wrong", "field", "sentence"), BAD)
def test_bad_input_is_refused_in_its_words_at_its_field(
    client: Any, house: House, wrong: dict[str, Any], field: str, sentence: str
) -> None:
    given = answers(house, house.gate) | wrong

    page = client.post(reverse("grant-new"), given | {"save": "plain"})

    assert page.status_code == 200
    assert AccessGrant.objects.count() == 0
    said = page.context["form"].problems_at(field)
    assert any(each.startswith(sentence) for each in said), said
    # What was typed stays, and nothing is shown that could be saved.
    kept = page.context["sheet"].given
    assert all(kept.getlist(name) == given[name] for name in ("methods", "order"))
    assert kept["full_name"] == given["full_name"]
    assert outline_of(page) == ""
    assert client.post(reverse("grant-plan"), given).status_code == 200


def test_a_time_that_happens_twice_is_asked_about_and_taken(client: Any, house: House) -> None:
    given = answers(house, house.gate, starts="2027-10-31T02:30", ends="2027-11-02T11:00")
    page = preview(client, given)
    assert "First (UTC+2)" in text_of(page)

    given["starts_fold"] = "1"
    assert "Second (UTC+1)" in text_of(preview(client, given))  # it can still be answered otherwise
    save(client, given)

    assert AccessGrant.objects.get().starts_at == datetime(2027, 10, 31, 1, 30, tzinfo=UTC)


def test_what_clocks_do_in_between_is_said(client: Any, house: House) -> None:
    page = preview(
        client, answers(house, house.gate, starts="2027-03-27T15:00", ends="2027-03-29T11:00")
    )

    assert "Clocks go forward in between: it starts 15:00 at UTC+1 and ends 11:00 at UTC+2" in (
        text_of(page)
    )


def test_no_end_needs_no_end(client: Any, house: House) -> None:
    save(client, answers(house, house.gate, ends="", has_no_end="on"))

    assert AccessGrant.objects.get().ends_at is None


def test_things_of_another_workspace_are_not_there(client: Any, house: House) -> None:
    other = House()
    theirs = create(other, other.gate).identity

    for wrong, field in (
        ({"targets": [f"device:{other.gate.pk}"]}, "doors"),
        ({"targets": [f"space:{other.place.pk}"]}, "doors"),
        ({"person": str(theirs.pk)}, "full_name"),
        ({"place": str(other.place.pk)}, "place"),
    ):
        given = answers(house, house.gate) | wrong | {"save": "plain"}
        page = client.post(reverse("grant-new"), given)
        [*_, said] = page.context["form"].problems_at(field)
        assert said.endswith("not there any more")
        assert other.gate.name not in page.content.decode() or other.gate.name == house.gate.name
    found = client.get(reverse("grants-places"), {"q": "gate", "place": other.place.pk})
    assert list(found.context["places"]) == []
    assert list(client.get(reverse("grants-people"), {"q": "jane"}).context["people"]) == []


def test_doors_of_two_properties_are_not_one_stay(house: House) -> None:
    admin = client_of(make_user(Role.ADMIN, workspace=house.workspace))
    annex = make_property(house.workspace, name="Annex")
    site = make_site(house.gate.account, property=annex, name="Annex gates")
    door = make_device(site, name="Annex Gate", has_keypad=True)

    page = admin.post(reverse("grant-new"), answers(house, house.gate, door) | {"save": "plain"})

    assert "doors belong to different sites" in page.context["form"].problems_at("doors")


def test_more_doors_than_go_into_one_stay(client: Any, house: House) -> None:
    room = house.room("Hall")
    for n in range(101):
        house.keypad(f"Locker {n}", space=room)

    page = client.post(reverse("grant-new"), answers(house, room) | {"save": "plain"})

    assert "choose at most 100 doors" in page.context["form"].problems_at("doors")


# --- without scripts --------------------------------------------------------------------


def test_every_button_works_without_scripts(client: Any, house: House) -> None:
    room = house.room("Room 7")
    house.keypad("Door 7", space=room)
    given = answers(house, house.gate)

    def press(do: str, **more: Any) -> Any:
        page = client.post(reverse("grant-new"), given | more | {"do": do})
        assert page.status_code == 200
        return page.context["sheet"].given, page

    gate, door = f"device:{house.gate.pk}", f"space:{room.pk}"
    _, page = press("find", where_q="room")
    assert [each.key for each in page.context["found_places"]] == [door]
    now, _ = press(f"add:{door}")
    assert now.getlist("targets") == [gate, door]
    now, _ = press(f"up:{door}", targets=[gate, door])
    assert now.getlist("targets") == [door, gate]
    now, _ = press(f"drop:{gate}")
    assert now.getlist("targets") == []
    now, _ = press("later:code")
    assert now.getlist("order")[:2] == ["card", "code"]
    now, _ = press("when:weekend")
    assert (now["starts"], now["ends"]) == ("2026-11-27T15:00", "2026-11-29T11:00")
    now, _ = press("nights:1")
    assert now["ends"] == "2026-11-27T12:00"
    now, _ = press("ends:14:00")
    assert now["ends"] == "2026-11-26T14:00"
    _, page = press("plan")
    assert outline_of(page)
    for odd in ("", "up:", "drop:x", "nights:99", "when:", "starts:x", "who"):
        press(odd or "plan", starts="x")
    assert AccessGrant.objects.count() == 0


# --- questions asked of the database ----------------------------------------------------


@pytest.mark.parametrize("count", [1, 40])
def test_a_plan_asks_the_same_few_questions_for_however_many_doors(
    client: Any, house: House, count: int, django_assert_max_num_queries: Any
) -> None:
    room = house.room("Hall")
    for n in range(count):
        house.keypad(f"Locker {n}", space=room)
    given = answers(house, room)
    preview(client, given)

    with django_assert_max_num_queries(25):
        preview(client, given)


def test_a_room_of_reservations_asks_for_a_key_and_takes_it(client: Any, house: House) -> None:
    _, [room] = house.system("Room 1")
    room.can_belong_to_reservation = True
    room.save()
    given = answers(house, room, methods=["card"])

    refused = save(client, given)
    assert "a guest’s card for these doors needs a reservation key" in text_of(refused)
    assert not AccessGrant.objects.exists()

    assert save(client, given | {"reservation_key": "R-1"}).status_code == 302
    assert AccessGrant.objects.get().reservation_key == "R-1"
