"""The pages of systems and their people: what they say, to whom, and what they never show."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from access.models import AcsEntrance, AcsMembership, AcsSystem, AcsUser
from accounts.models import Role, Space, SpaceKind
from audit.models import Event
from audit.words import Verb
from tests.make import (
    client_of,
    make_acs_user,
    make_credential,
    make_encoder,
    make_entrance,
    make_group,
    make_property,
    make_system,
    make_user,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 21, 14, tzinfo=UTC)
HTMX = {"HX-Request": "true"}
SCRIPTED = {"X-Requested-With": "XMLHttpRequest"}


@pytest.fixture
def system() -> AcsSystem:
    return make_system(name="SIMULATED Annex")


@pytest.fixture
def ks(system: AcsSystem) -> AcsSystem:
    return make_system(
        system.account,
        property=system.property,
        external_type="salto_ks_site",
        seats_used=41,
        seats_total=50,
    )


@pytest.fixture
def client(system: AcsSystem) -> Client:
    return client_of(make_user(Role.FRONT_DESK, workspace=system.workspace))


@pytest.fixture
def manager(system: AcsSystem) -> Client:
    return client_of(make_user(Role.MANAGER, workspace=system.workspace))


@pytest.fixture
def auditor(system: AcsSystem) -> Client:
    return client_of(make_user(Role.AUDITOR, workspace=system.workspace))


def words(response: Any) -> str:
    text = re.sub("<[^>]+>", " ", response.content.decode())
    return " ".join(text.split())


def names(response: Any) -> list[str]:
    return [row.user.full_name for row in response.context["people"].rows]


# --- lists ------------------------------------------------------------------------------


def test_without_a_system_it_is_said_how_one_comes(manager, auditor):
    AcsSystem.objects.all().delete()

    assert "Connect Seam" in words(manager.get("/access/"))
    assert "Ask a manager" in words(auditor.get("/access/"))


def test_a_system_says_what_is_wrong_with_it_and_since_when(client, system):
    system.errors = [{"code": "seam_bridge_disconnected", "message": "raw"}]
    system.trouble_since = NOW
    system.save()
    make_acs_user(system)

    text = words(client.get("/access/"))

    assert "Bridge down" in text
    assert (
        "The link to the Salto server is down (Seam Bridge) since 21 Nov 2026, 15:00:00 CET ."
        in text
    )
    assert "1 cardholder" in text


def test_seats_of_salto_ks_are_told(client, ks):
    assert "41 of 50 taken" in words(client.get("/access/"))
    assert "9 seats of the Salto KS subscription left." in words(
        client.get(f"/access/{ks.pk}/new/")
    )


@pytest.mark.parametrize("count", [1, 3])
def test_systems_take_the_same_number_of_queries(client, system, count, django_assert_num_queries):
    for _ in range(count - 1):
        make_system(make_system(system.account).account)
    make_acs_user(system)

    with django_assert_num_queries(8):  # session, user, roles, systems, four counts
        client.get("/access/")


@pytest.mark.parametrize("count", [1, 3])
def test_people_take_the_same_number_of_queries(client, system, count, django_assert_num_queries):
    groups = [make_group(system) for _ in range(count)]
    for _ in range(count):
        make_credential(make_acs_user(system, groups=groups))

    with django_assert_num_queries(7):  # session, user, roles, system, people, groups, cards
        response = client.get(f"/access/{system.pk}/")

    assert len(names(response)) == count


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("page", ["groups 7", "entrances 6", "credentials 5", "encoders 5"])
def test_other_lists_take_the_same_number_of_queries(
    client, system, page, count, django_assert_num_queries
):
    for _ in range(count):
        group = make_group(system, entrances=[make_entrance(system)])
        make_credential(make_acs_user(system, groups=[group]))
        make_encoder(system)

    name, queries = page.split()
    with django_assert_num_queries(int(queries)):
        client.get(f"/access/{system.pk}/{name}/")


@pytest.mark.parametrize("count", [1, 3])
def test_a_group_and_a_door_take_the_same_number_of_queries(
    client, system, count, django_assert_num_queries
):
    doors = [make_entrance(system) for _ in range(count)]
    group = make_group(system, entrances=doors)
    for _ in range(count):
        make_credential(make_acs_user(system, groups=[group]))

    with django_assert_num_queries(9):
        client.get(group.get_absolute_url())
    with django_assert_num_queries(9):
        client.get(doors[0].get_absolute_url())


@pytest.mark.parametrize("count", [1, 3])
def test_one_person_takes_the_same_number_of_queries(
    client, system, count, django_assert_num_queries
):
    groups = [make_group(system, entrances=[make_entrance(system)]) for _ in range(count)]
    user = make_acs_user(system, groups=groups)
    for _ in range(count):
        make_credential(user)

    with django_assert_num_queries(8):  # session, user, roles, person, groups, news, cards, doors
        client.get(user.get_absolute_url())


def test_people_are_found_by_how_a_word_begins(client, system):
    make_acs_user(
        system,
        full_name="Anne-Marie O’Neil",
        email="amo@example.org",
        phone="+33612345678",
        external_number="1042",
    )
    make_acs_user(system, full_name="Éva Nagy")
    make_acs_user(full_name="Anne Elsewhere")

    def found(query: str) -> list[str]:
        return names(client.get(f"/access/{system.pk}/", {"q": query}))

    for query in (
        "anne",
        "MARIE",
        "neil",
        "o’ne",
        "amo@",
        "example",
        "+336",
        "336",
        "1042",
        "ann nei",
    ):
        assert (query, found(query)) == (query, ["Anne-Marie O’Neil"])
    assert found("éva") == found("ÉVA") == ["Éva Nagy"]
    for query in ("nne", "nobody", "'", "\\", "' | 'a", "a & b", "%", "_", ":*", "x" * 5000):
        assert (query, found(query)) == (query, [])


@pytest.mark.parametrize("query", ["", "?q=gue"])
def test_people_come_page_by_page_by_name(client, system, query):
    for number in range(60):
        make_acs_user(system, full_name=f"{'gG'[number % 2]}uest {number:02}")
    make_acs_user(system, full_name="Guest 00")  # the same name twice

    seen, url = [], f"/access/{system.pk}/{query}"
    while url:
        response = client.get(url)
        seen += [row.user for row in response.context["people"].rows]
        url = response.context["next_url"]

    assert len({user.pk for user in seen}) == len(seen) == 61
    assert [u.full_name.lower() for u in seen] == sorted(u.full_name.lower() for u in seen)
    assert client.get(f"/access/{system.pk}/?after=nonsense").status_code == 400


@time_machine.travel(NOW, tick=False)
def test_each_filter_shows_its_kind(client, system):
    group = make_group(system)
    make_credential(make_acs_user(system, full_name="Fine"))
    make_credential(make_acs_user(system, full_name="Late", starts_at=NOW + timedelta(hours=10)))
    make_credential(make_acs_user(system, full_name="Today", starts_at=NOW + timedelta(hours=8)))
    make_credential(make_acs_user(system, full_name="Out", is_suspended=True))
    make_credential(make_acs_user(system, full_name="Bad", errors=[{"code": "x"}]))
    make_credential(make_acs_user(system, full_name="Moving", pending=["schedule"]))
    joining = make_acs_user(system, full_name="Joining")
    AcsMembership.objects.create(user=joining, group=group)
    make_credential(joining, card_state="lost")

    def shown(show: str) -> list[str]:
        return names(client.get(f"/access/{system.pk}/?show={show}"))

    assert shown("arriving") == ["Today"]  # until midnight in Amsterdam
    assert shown("without") == ["Joining"]
    assert shown("suspended") == ["Out"]
    assert shown("pending") == ["Joining", "Moving"]
    assert shown("trouble") == ["Bad"]
    assert len(shown("nonsense")) == 7


def test_names_are_only_text(client, system):
    user = make_acs_user(system, full_name="<b>Bold</b>")

    for url in (f"/access/{system.pk}/", user.get_absolute_url()):
        text = client.get(url).content.decode()
        assert "<b>Bold" not in text
        assert "&lt;b&gt;Bold&lt;/b&gt;" in text


def test_a_part_is_the_part_alone(client, system):
    user = make_acs_user(system, groups=[make_group(system)])

    for url in (f"/access/{system.pk}/", user.get_absolute_url(), "/access/"):
        text = client.get(url, headers=HTMX).content.decode()
        assert text.strip().startswith('<div id="access-live"')


# --- one person -------------------------------------------------------------------------


def test_cards_are_shown_by_their_last_four(client, auditor, system):
    user = make_acs_user(system)
    make_credential(user, card_number="04A1B2C3D4E580")

    for who in (client, auditor):
        text = who.get(user.get_absolute_url()).content.decode()
        assert "…E580" in text
        assert "04A1B2" not in text
    assert "04A1B2" not in client.get(f"/access/{system.pk}/credentials/").content.decode()


def test_after_a_change_of_groups_the_page_says_what_to_do_with_the_card(client, system):
    group = make_group(system)
    user = make_acs_user(system)
    make_credential(user)
    assert "out of date" not in words(client.get(user.get_absolute_url()))

    AcsMembership.objects.create(user=user, group=group)
    text = words(client.get(user.get_absolute_url()))

    assert "The card is out of date." in text
    assert (
        "hold the card to a wall reader that updates cards, or write it again at the desk" in text
    )
    assert f"Being put into “{group.name}”." in text


def test_a_group_being_left_still_opens_its_doors(client, system):
    group = make_group(system, entrances=[make_entrance(system, name="Vault")])
    user = make_acs_user(system, groups=[group])
    user.memberships.update(is_wanted=False)

    text = words(client.get(user.get_absolute_url()))

    assert "being taken out" in text
    assert "It still opens doors until then." in text
    assert "Vault" in text


def test_a_pin_is_shown_only_on_a_press_that_is_written_down(client, auditor, ks):
    user = make_acs_user(ks)
    pin = make_credential(user, access_method="code")
    pin.seal_code("480213")
    pin.save()
    url = f"/access/credentials/{pin.pk}/reveal/"

    assert "480213" not in client.get(user.get_absolute_url()).content.decode()
    assert "Reveal" not in words(auditor.get(user.get_absolute_url()))
    told = client.post(url, headers=SCRIPTED)
    plain = client.post(url)

    assert told.json() == {"digits": "480213", "problem": "", "seconds": 20}
    assert told["Cache-Control"] == "no-store"
    assert "480213" in words(plain)
    assert plain["Refresh"] == f"20; url={user.get_absolute_url()}"
    assert Event.objects.filter(verb=Verb.PIN_REVEALED).count() == 2


def test_a_card_has_no_pin_to_reveal(client, system):
    card = make_credential(make_acs_user(system))

    assert client.post(f"/access/credentials/{card.pk}/reveal/").status_code == 404


# --- making and changing ----------------------------------------------------------------


def form(**fields: Any) -> dict[str, Any]:
    return {"full_name": "Jane Doe", "email": "", "phone": "", "kind": "ongoing"} | fields


def test_somebody_is_added_in_property_time(client, system):
    group = make_group(system)

    response = client.post(
        f"/access/{system.pk}/new/",
        form(kind="timed", starts="2027-01-10T15:00", ends="", groups=[str(group.pk)]),
    )

    user = AcsUser.objects.get()
    assert response["Location"] == user.get_absolute_url()
    assert (user.starts_at, user.ends_at) == (datetime(2027, 1, 10, 14, tzinfo=UTC), None)
    assert user.memberships.get().group == group


def test_the_same_form_twice_is_one_person(client, system):
    page = client.get(f"/access/{system.pk}/new/")
    key = page.context["form"].initial["key"]

    for _ in range(2):
        client.post(f"/access/{system.pk}/new/", form(key=key))

    assert str(AcsUser.objects.get().pk) == key


def test_what_was_typed_is_kept_beside_what_is_wrong(client, system):
    group = make_group(system)

    response = client.post(
        f"/access/{system.pk}/new/",
        form(full_name="", phone="12", kind="timed", starts="", ends="", groups=[str(group.pk)]),
    )

    assert response.context["form"].errors == {
        "full_name": ["name: 1–100 characters"],
        "phone": ["phone: international format +33…"],
        "starts": ["Choose when it starts or when it ends; or choose “Always”."],
    }
    text = response.content.decode()
    assert 'value="12"' in text
    assert re.search(rf'value="{group.pk}"[^>]* checked', text)


def test_a_time_nobody_touched_stays_to_the_second(client, system):
    starts = datetime(2026, 1, 10, 14, 0, 42, tzinfo=UTC)
    user = make_acs_user(system, full_name="Jane", starts_at=starts)
    page = client.get(f"{user.get_absolute_url()}edit/").context["form"].initial

    client.post(f"{user.get_absolute_url()}edit/", page | {"full_name": "Jane B."})

    user.refresh_from_db()
    assert (user.full_name, user.starts_at, user.pending) == ("Jane B.", starts, ["information"])


def test_a_change_over_a_change_is_refused_and_what_was_typed_is_kept(client, system):
    user = make_acs_user(system, full_name="Jane")
    page = client.get(f"{user.get_absolute_url()}edit/").context["form"].initial
    AcsUser.objects.filter(pk=user.pk).update(email="new@example.org")

    response = client.post(f"{user.get_absolute_url()}edit/", page | {"full_name": "Mine"})

    assert "Somebody changed this person a moment ago." in words(response)
    assert 'value="Mine"' in response.content.decode()


def test_the_form_names_the_doors_that_groups_open(client, system):
    both = make_entrance(system, name="Hall", is_wired=True)
    groups = [
        make_group(system, entrances=[both]),
        make_group(system, entrances=[both, make_entrance(system, name="Attic", is_wired=False)]),
    ]
    stranger = make_group(entrances=[make_entrance(name="Elsewhere")])
    url = f"/access/{system.pk}/opens/"

    text = words(client.post(url, {"groups": [g.pk for g in groups]}))

    assert "This opens these 2 doors Attic offline Hall" in text
    assert "This opens no door." in words(client.post(url, {"groups": [stranger.pk, "x"]}))
    unread = make_group(system, read_at=None)
    assert "was not read yet" in words(client.post(url, {"groups": [unread.pk]}))
    assert "nothing opens" in words(client.post(url))


@pytest.mark.parametrize(
    ("act", "says"),
    [
        ("suspend", "is suspended in Salto Space"),
        ("delete", "is deleted from Salto Space"),
    ],
)
def test_before_somebody_is_shut_out_the_doors_that_follow_later_are_named(
    client, system, act, says
):
    doors = [
        make_entrance(system, name="Hall", is_wired=True),
        make_entrance(system, name="Attic", is_wired=False),
        make_entrance(system, name="Cellar"),
    ]
    user = make_acs_user(system, groups=[make_group(system, entrances=doors)])
    url = f"{user.get_absolute_url()}{act}/"
    assert "no door has to be told" in words(client.get(url))

    make_credential(user)
    text = words(client.get(url))

    assert says in text
    assert "the card in their hand is not" in text
    assert "it may still open Attic and Cellar." in text
    client.post(url)
    user.refresh_from_db()
    assert user.is_suspended or user.delete_asked_at


def test_of_many_doors_that_follow_later_six_are_named_and_the_rest_is_below(client, system):
    doors = [make_entrance(system, name=f"Room {number}") for number in range(8)]
    user = make_acs_user(system, groups=[make_group(system, entrances=doors)])
    make_credential(user)

    text = words(client.get(f"{user.get_absolute_url()}delete/"))

    assert "Room 0, Room 1, Room 2, Room 3, Room 4, Room 5 and 2 more." in text
    assert "The other 2 Room 6 Room 7" in text


def test_a_cloud_system_speaks_of_tags_and_never_of_writing(client, ks):
    user = make_acs_user(ks, groups=[make_group(ks, entrances=[make_entrance(ks)])])
    make_credential(user, external_type="salto_ks_tag")
    make_credential(system=ks, external_type="salto_ks_tag", is_issued=False)
    make_encoder(ks)
    base = f"/access/{ks.pk}/"
    person = user.get_absolute_url()
    pages = [base, f"{base}credentials/", f"{base}encoders/", person]
    pages += [f"{person}{act}/" for act in ("suspend", "delete")]

    texts = [re.split(r"\bMain\b", words(client.get(url)))[-1] for url in pages]

    for url, text in zip(pages, texts, strict=True):
        assert re.findall(r"written|[Ee]ncoder|wall reader|offline doors", text) == [], url
    assert "Without a tag" in texts[0]
    assert "Not assigned" in texts[1]
    assert "tags stay" in texts[4]


@pytest.mark.parametrize("is_full", [True, False])
def test_without_a_seat_the_page_says_once_that_nothing_opens(client, ks, is_full):
    gone = "salto_ks_subscription_limit_exceeded"
    user = make_acs_user(
        ks,
        is_subscribed=False,
        errors=[{"code": gone}] if is_full else [],
        warnings=[{"code": "salto_ks_user_not_subscribed"}],
    )
    make_credential(user, access_method="code", is_issued=False)

    text = words(client.get(user.get_absolute_url()))

    assert ("nothing opens for them until one is free" in text) == is_full
    assert ("They have no seat" in text) == (not is_full)
    assert "Salto KS makes the digits once they have a seat." in text
    assert "In use" not in text


def test_somebody_is_let_in_again(client, system):
    user = make_acs_user(system, is_suspended=True)

    client.post(f"{user.get_absolute_url()}unsuspend/")

    user.refresh_from_db()
    assert not user.is_suspended


def test_salto_ks_is_asked_for_a_pin_from_the_page(client, ks):
    user = make_acs_user(ks)
    assert "Ask for a PIN" in words(client.get(user.get_absolute_url()))

    client.post(f"{user.get_absolute_url()}pin/")

    assert user.credentials.get().access_method == "code"
    assert "Ask for a PIN" not in words(client.get(user.get_absolute_url()))


# --- doors and settings -----------------------------------------------------------------


def test_who_can_open_this_door(client, system):
    door = make_entrance(system, name="Hall")
    group = make_group(system, entrances=[door])
    make_acs_user(system, full_name="Inside", groups=[group])
    make_acs_user(system, full_name="Outside", groups=[make_group(system)])
    leaving = make_acs_user(system, full_name="Leaving", groups=[group])
    leaving.memberships.update(is_wanted=False)

    assert names(client.get(door.get_absolute_url())) == ["Inside", "Leaving"]
    assert names(client.get(group.get_absolute_url())) == ["Inside", "Leaving"]


def test_a_door_is_linked_to_a_place_of_its_property_only(manager, system):
    door = make_entrance(system)
    room = Space.objects.create(
        workspace=system.workspace,
        parent=system.property,
        property=system.property,
        kind=SpaceKind.ROOM,
        name="Room 101",
    )
    elsewhere = make_property(system.workspace)

    manager.post(f"{door.get_absolute_url()}link/", {"space": room.pk})
    manager.post(f"{door.get_absolute_url()}link/", {"space": elsewhere.pk})

    door.refresh_from_db()
    assert door.space == room
    assert Event.objects.latest("occurred_at").detail["after"] == "leads to Room 101"
    assert "Room 101" in words(manager.get(door.get_absolute_url()))


def test_people_say_whether_a_door_of_salto_space_is_wired(manager, client, system, ks):
    door, theirs = make_entrance(system), make_entrance(ks, is_wired=True)

    manager.post(f"{door.get_absolute_url()}wired/", {"wired": "no"})
    manager.post(f"{theirs.get_absolute_url()}wired/", {"wired": "no"})

    told = dict(AcsEntrance.objects.values_list("pk", "is_wired"))
    assert told == {door.pk: False, theirs.pk: True}
    assert client.post(f"{door.get_absolute_url()}wired/", {"wired": "yes"}).status_code == 403


def test_a_manager_says_of_several_doors_at_once_that_they_are_wired(manager, client, system, ks):
    known = make_entrance(system, name="Known", is_wired=True)
    doors = [make_entrance(system, name=f"Door {n}") for n in range(3)]
    theirs = make_entrance(ks)
    url = f"/access/{system.pk}/entrances/wired/"
    ticked = [door.pk for door in (known, *doors[:2], theirs)]

    response = manager.post(url, {"doors": [*ticked, "x"], "wired": "yes", "q": "do or"})

    assert response.url == f"/access/{system.pk}/entrances/?q=do+or"
    wired = AcsEntrance.objects.filter(is_wired=True).order_by("name")
    assert [door.name for door in wired] == ["Door 0", "Door 1", "Known"]
    told = Event.objects.filter(verb=Verb.ENTRANCE_CHANGED).values_list("subject", flat=True)
    assert sorted(told) == ["Door 0", "Door 1"]  # nothing of what was so already
    for wrong in ({"wired": "yes"}, {"doors": ticked, "wired": "perhaps"}):
        manager.post(url, wrong)
    assert AcsEntrance.objects.filter(is_wired=True).count() == 3
    manager.post(f"/access/{ks.pk}/entrances/wired/", {"doors": [theirs.pk], "wired": "yes"})
    theirs.refresh_from_db()
    assert theirs.is_wired is None


def test_doors_are_ticked_only_where_somebody_may_say_it(manager, client, system, ks):
    make_entrance(system)
    make_entrance(ks)

    def has_boxes(who: Client, of: AcsSystem) -> bool:
        return 'name="doors"' in who.get(f"/access/{of.pk}/entrances/").content.decode()

    assert has_boxes(manager, system)
    assert not has_boxes(client, system)
    assert not has_boxes(manager, ks)


def test_a_system_moves_to_another_property_and_leaves_the_rooms_of_the_old(manager, system):
    new = make_property(system.workspace)
    door = make_entrance(system, space=system.property)

    manager.post(f"/access/{system.pk}/settings/", {"property": new.pk})

    system.refresh_from_db()
    door.refresh_from_db()
    assert (system.property, door.space) == (new, None)
    assert Event.objects.latest("occurred_at").verb == Verb.SYSTEM_CHANGED


def test_a_manager_of_one_property_gives_no_system_away(system):
    theirs = client_of(make_user(Role.MANAGER, workspace=system.workspace, place=system.property))
    elsewhere = make_property(system.workspace)

    theirs.post(f"/access/{system.pk}/settings/", {"property": elsewhere.pk})

    system.refresh_from_db()
    assert system.property != elsewhere


def test_encoders_say_how_they_did(client, system):
    now = timezone.now()
    make_encoder(system, name="Good", last_ok_at=now)
    make_encoder(system, name="Bad", last_error="encoder_offline", last_error_at=now)
    make_encoder(system, name="Odd", last_error="something_new", last_error_at=now)
    make_encoder(system, name="New")

    text = words(client.get(f"/access/{system.pk}/encoders/"))

    for said in ("Worked last time", "It did not answer.", "Something new", "Not used yet"):
        assert said in text


def test_credentials_are_narrowed_to_what_needs_a_person(client, system):
    make_credential(make_acs_user(system, full_name="Fine"))
    make_credential(
        make_acs_user(system, full_name="Stale"), warnings=[{"code": "needs_to_be_reissued"}]
    )
    make_credential(make_acs_user(system, full_name="Broken"), card_state="suspect")
    make_credential(make_acs_user(system, full_name="Loser"), phase="gone", delete_reason="lost")
    make_credential(system=system)

    def shown(show: str) -> list[str]:
        rows = client.get(f"/access/{system.pk}/credentials/?show={show}").context["page"].rows
        return sorted(row.credential.user.full_name if row.credential.user else "" for row in rows)

    assert shown("update") == ["Stale"]
    assert shown("suspect") == ["Broken"]
    assert shown("lost") == ["Loser"]
    assert shown("nobody") == [""]
    assert shown("") == ["", "Broken", "Fine", "Stale"]
    assert client.get(f"/access/{system.pk}/credentials/?before=x").status_code == 400


def test_older_credentials_come_page_by_page(client, system):
    user = make_acs_user(system)
    for _ in range(30):
        make_credential(user, created_at=NOW)

    first = client.get(f"/access/{system.pk}/credentials/").context["page"]
    second = client.get(f"/access/{system.pk}/credentials/", {"before": first.before}).context[
        "page"
    ]

    ids = {row.credential.pk for row in [*first.rows, *second.rows]}
    assert (len(ids), len(second.rows), second.before) == (30, 5, "")


def test_cardholders_are_not_the_people_of_the_menu(client: Client, system: AcsSystem) -> None:
    """A page's own names must not decide what its frame shows."""
    page = client.get(system.get_absolute_url()).text

    assert "New cardholder" in page
    assert 'href="/people/"' not in page


def test_who_may_not_make_cards_is_not_led_to_the_station(
    auditor: Client, system: AcsSystem
) -> None:
    make_encoder(system)

    for address in (system.get_absolute_url(), reverse("acs-encoders", args=[system.pk])):
        page = auditor.get(address).content.decode()
        assert f'href="{reverse("cards")}' not in page


def test_a_pin_that_is_gone_is_revealed_to_nobody(client: Client, system: AcsSystem) -> None:
    pin = make_credential(make_acs_user(system), access_method="code", phase="gone")
    pin.seal_code("482913")
    pin.save()

    response = client.post(reverse("acs-credential-reveal", args=[pin.pk]))

    assert response.status_code == 404


def test_a_search_from_the_second_page_lets_the_page_go(client: Client, system: AcsSystem) -> None:
    for number in range(60):
        make_acs_user(system, full_name=f"Guest {number:02d}")
    make_acs_user(system, full_name="Adele Guest")
    address = system.get_absolute_url()
    after = client.get(address).context["people"].after

    second = client.get(address, {"after": after}).content.decode()
    searched = client.get(address, {"q": "adele"}, HTTP_HX_REQUEST="true").content.decode()

    # What the live place sends along goes with the part that a search puts in its stead.
    assert second.index('id="access-live"') < second.index('id="after"')
    assert "Adele Guest" in searched
    assert 'id="after"' not in searched


def test_the_room_of_somebody_stands_before_what_everybody_opens(client, system):
    doors = [make_entrance(system) for _ in range(4)]
    everybody = make_group(system, name="Everybody", entrances=doors)
    room = make_group(system, name="Room 104", entrances=doors[:1])
    pool = make_group(system, name="A pool", entrances=doors[:2])
    gym = make_group(system, name="A gym", entrances=doors[:3])
    make_acs_user(system, full_name="Jane", groups=[everybody, room, pool, gym])

    row = client.get(f"/access/{system.pk}/").context["people"].rows[0]

    assert [each.group.name for each in row.groups] == ["Room 104", "A pool", "A gym"]
    assert row.more_groups == 1
