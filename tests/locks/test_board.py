import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import ConnectedAccount, Role, Space, SpaceKind, User
from accounts.providers.salto_ks.driver import CONNECT_DIALECT, LEGACY_DIALECT
from locks import board
from locks.board import Filters, audience_of, board_for
from locks.models import Device
from locks.tiles import Audience
from tests.make import (
    actor,
    client_of,
    make_account,
    make_device,
    make_property,
    make_site,
    make_user,
    make_workspace,
)

pytestmark = pytest.mark.django_db


def names(html: str) -> list[str]:
    return re.findall(r'data-name="([^"]+)" data-search', html)


def board_of(user: User, **params: str) -> Any:
    return board_for(actor(user), Filters.from_query(params))


def shown(user: User, **params: str) -> list[str]:
    groups = board_of(user, **params).groups
    return [name for g in groups for f in g.floors for tile in f.tiles for name in names(tile)]


@pytest.mark.parametrize("count", [1, 3])
def test_the_board_costs_the_same_whatever_the_doors(
    count: int, django_assert_num_queries: Any
) -> None:
    site = make_site()
    for number in range(count):
        make_device(site, name=f"Room {number}")
    client = client_of(make_user(workspace=site.account.workspace))
    client.get("/")

    with django_assert_num_queries(6):  # session, user, roles, doors, accounts, properties
        response = client.get("/")

    assert names(response.content.decode()) == [f"Room {number}" for number in range(count)]


@pytest.mark.parametrize("count", [1, 3])
def test_a_board_that_nobody_has_seen_yet_costs_one_query_more(
    count: int, django_assert_num_queries: Any
) -> None:
    site = make_site()
    for number in range(count):
        make_device(site, name=f"Room {number}")
    client = client_of(make_user(workspace=site.account.workspace))

    with django_assert_num_queries(7):
        client.get("/")


def test_a_manager_sees_every_door_of_the_workspace_and_no_other() -> None:
    workspace = make_workspace()
    for place in ("Alpha", "Beta"):
        account = make_account(workspace)
        site = make_site(account, property=make_property(workspace, name=place))
        make_device(site, name=f"Door of {place}")
    make_device(name="Foreign")
    make_device(site, name="Removed", removed_at=timezone.now())

    assert shown(make_user(Role.MANAGER, workspace=workspace)) == ["Door of Alpha", "Door of Beta"]


def test_the_front_desk_sees_its_own_property_only() -> None:
    workspace = make_workspace()
    mine, other = (make_device(make_site(make_account(workspace)), name=n) for n in "AB")
    desk = make_user(Role.FRONT_DESK, workspace=workspace, place=mine.property)

    board = board_of(desk)

    assert shown(desk) == ["A"]
    assert (board.total, [g.property for g in board.groups]) == (1, [mine.property])
    assert set(board.polled) <= {str(mine.account_id)}
    assert other.name == "B"


@pytest.mark.parametrize(
    ("role", "controls"),
    [
        (Role.ADMIN, {"name", "unlock"}),
        (Role.MANAGER, {"name", "unlock"}),
        (Role.FRONT_DESK, {"name", "unlock"}),
        (Role.AUDITOR, {"name"}),
    ],
)
def test_who_may_not_open_has_no_button(role: Role, controls: set[str]) -> None:
    device = make_device()
    html = client_of(make_user(role, workspace=device.workspace)).get("/").content.decode()

    assert set(re.findall(r'data-control="(\w+)"', html)) == controls


def test_one_person_may_open_here_and_only_look_there() -> None:
    workspace = make_workspace()
    here, there = (make_property(workspace) for _ in range(2))
    user = make_user(Role.FRONT_DESK, workspace=workspace, place=here)
    user.memberships.create(workspace=workspace, role=Role.AUDITOR, property=there)

    who = actor(user)

    assert [audience_of(who, p.pk) for p in (here, there)] == [Audience.OPERATOR, Audience.VIEWER]


# --- filters -------------------------------------------------------------------------------------


@pytest.fixture
def house() -> User:
    account = make_account()
    place = make_property(account.workspace, name="Harbour House")
    site = make_site(account, property=place)
    floor = Space.objects.create(
        workspace=site.account.workspace,
        parent=site.property,
        property=site.property,
        kind=SpaceKind.FLOOR,
        name="Floor 1",
    )
    make_device(site, name="Sauna 100%", space=floor)
    make_device(site, name="Room 10", is_online=False)
    make_device(site, name="Room 9")
    return make_user(workspace=site.account.workspace)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["Sauna 100%", "Room 10", "Room 9"]),
        ("sauna", ["Sauna 100%"]),
        ("SAUNA", ["Sauna 100%"]),
        ("floor sauna", ["Sauna 100%"]),
        ("room", ["Room 10", "Room 9"]),
        ("house", ["Sauna 100%", "Room 10", "Room 9"]),
        ("%", ["Sauna 100%"]),
        ("_", []),
        (".*", []),
        ("' OR 1=1 --", []),
        ("  room   9 ", ["Room 9"]),
        ("x" * 10_000, []),
    ],
    ids=lambda value: str(value)[:20],
)
def test_search_takes_what_people_type_as_it_is(house: User, query: str, found: list[str]) -> None:
    assert shown(house, q=query) == found


def test_a_search_is_cut_at_a_hundred_characters() -> None:
    assert len(Filters.from_query({"q": "x" * 10_000}).query) == 100


@pytest.mark.parametrize(
    ("show", "found"), [("offline", ["Room 10"]), ("battery", []), ("unknown_word", None)]
)
def test_an_unknown_filter_filters_nothing(house: User, show: str, found: Any) -> None:
    everything = shown(house)

    assert shown(house, show=show) == (everything if found is None else found)


def test_pills_count_what_is_not_normal_and_switch_the_filter(house: User) -> None:
    [pill] = board_of(house, q="room").pills
    assert (pill.key, pill.count, pill.is_on, pill.url) == (
        "offline",
        1,
        False,
        "/?q=room&show=offline",
    )

    [pill] = board_of(house, q="room", show="offline").pills
    assert (pill.is_on, pill.url) == (True, "/?q=room")


def test_a_pill_that_is_on_stays_when_nothing_is_left_of_it(house: User) -> None:
    pills = board_of(house, show="battery").pills

    assert [(p.key, p.count, p.is_on) for p in pills] == [
        ("offline", 1, False),
        ("battery", 0, True),
    ]


def test_the_board_counts_problems_of_all_doors_whatever_is_shown(house: User) -> None:
    board = board_of(house, q="sauna")

    assert (board.total, board.shown, board.problem_count) == (3, 1, 1)


@pytest.mark.parametrize(
    ("params", "url"),
    [
        ({}, "/"),
        ({"layout": "grid"}, "/"),
        ({"layout": "list"}, "/?layout=list"),
        ({"layout": "spiral", "q": "a b&c"}, "/?q=a+b%26c"),
    ],
)
def test_an_address_says_no_more_than_is_asked(params: dict[str, str], url: str) -> None:
    assert Filters.from_query(params).url() == url


def test_what_was_typed_is_shown_as_text(house: User) -> None:
    html = client_of(house).get("/", {"q": '"><script>alert(1)</script>'}).content.decode()

    assert "<script>alert" not in html


def test_floors_come_ground_first_and_doors_on_no_floor_last(house: User) -> None:
    place = Space.objects.properties().get()
    site = Device.objects.first().site
    for name in ("Floor 10", "Floor 2", "Ground floor"):
        floor = Space.objects.create(
            workspace=place.workspace, parent=place, property=place, kind="floor", name=name
        )
        make_device(site, name=f"On {name}", space=floor)

    [group] = board_of(house).groups

    assert [f.name for f in group.floors] == ["Ground floor", "Floor 1", "Floor 2", "Floor 10", ""]
    assert group.count == 6


# --- banners -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "level", "title", "text"),
    [
        (
            "reconnect_required",
            "danger",
            "Harbour: Salto KS refuses our credential since 11:31.",
            "Its doors show their last known state and cannot be opened from here. Why.",
        ),
        (
            "secret_unreadable",
            "danger",
            "Harbour: the stored secret cannot be read.",
            "Its doors show their last known state and cannot be opened from here. Why.",
        ),
        (
            "actuation_blocked",
            "danger",
            "Harbour: remote opening is blocked since 11:31.",
            "Doors are still shown live. Why.",
        ),
        (
            "degraded",
            "warn",
            "Harbour: Salto KS has not answered since 11:31.",
            "Showing old data. Unlock may fail. Why.",
        ),
        (
            "throttled",
            "warn",
            "Harbour: Salto KS asks us to slow down.",
            "Doors are updated more slowly. Unlock still works. Why.",
        ),
        (
            "connected",
            "warn",
            "Harbour: one function does not work.",
            "Everything else works. Why.",
        ),
    ],
)
def test_ux_04_one_banner_says_what_broke_since_when_and_what_still_works(
    state: str, level: str, title: str, text: str
) -> None:
    now = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    device = make_device()  # in Amsterdam
    since = now.replace(hour=10, minute=31)
    ConnectedAccount.objects.update(name="Harbour", state=state, state_since=since, trouble="Why.")
    user = make_user(Role.MANAGER, workspace=device.workspace)

    [banner] = board_for(actor(user), Filters(), now=now).banners

    assert (banner.level, banner.title, banner.text) == (level, title, text)
    assert banner.url == f"/accounts/{device.account_id}/"
    assert title.partition(" since")[0] in client_of(user).get("/").content.decode()


def test_ux_04_silence_is_told_from_when_a_poll_last_succeeded() -> None:
    now = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    device = make_device()
    ConnectedAccount.objects.update(
        name="Harbour",
        state="degraded",
        state_since=now.replace(hour=10, minute=31),
        status_polled_at=now.replace(hour=10, minute=28),
    )
    user = make_user(Role.MANAGER, workspace=device.workspace)

    [banner] = board_for(actor(user), Filters(), now=now).banners

    assert banner.title == "Harbour: Salto KS has not answered since 11:28."


def test_ux_04_a_missing_permission_is_told_by_what_does_not_work() -> None:
    device = make_device()
    ConnectedAccount.objects.update(
        name="Harbour", trouble="Salto KS does not allow us: reading the activity log"
    )

    [banner] = board_of(make_user(workspace=device.workspace)).banners

    assert banner.title == "Harbour: what happens at its doors is not in the log."
    assert banner.text == (
        "Everything else works. Salto KS does not allow us: reading the activity log."
    )


def test_every_permission_a_driver_asks_for_has_words_for_its_absence() -> None:
    scopes = {
        asked.scope
        for dialect in (CONNECT_DIALECT, LEGACY_DIALECT)
        for asked in (dialect.reading, dialect.users, dialect.audit, dialect.commands)
    }

    assert scopes == set(board._OFF)


def test_a_banner_tells_the_time_at_the_account_and_names_the_zone_among_several() -> None:
    device = make_device()
    make_property(device.workspace, name="A first one", time_zone="Asia/Tokyo")
    ConnectedAccount.objects.update(
        state="degraded", state_since=datetime(2026, 11, 21, 10, 31, tzinfo=UTC)
    )
    everywhere = make_user(workspace=device.workspace)
    here = make_user(workspace=device.workspace, place=device.property)
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)

    told = [
        board_for(actor(user), Filters(), now=now).banners[0].title for user in (everywhere, here)
    ]

    assert [title.partition("since ")[2] for title in told] == ["11:31 CET.", "11:31."]


def test_a_banner_of_another_day_says_which() -> None:
    device = make_device()
    ConnectedAccount.objects.update(
        state="degraded", state_since=datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    )
    who = actor(make_user(workspace=device.workspace))

    titles = [
        board_for(who, Filters(), now=datetime(2026, 11, day, 12, tzinfo=UTC)).banners[0].title
        for day in (21, 22)
    ]

    assert [title.partition("since ")[2] for title in titles] == ["00:30.", "21 Nov, 00:30."]


def test_who_cannot_mend_an_account_is_not_sent_there() -> None:
    device = make_device()
    ConnectedAccount.objects.update(state="degraded", name="{name} {0}")

    [banner] = board_of(make_user(Role.AUDITOR, workspace=device.workspace)).banners

    assert (banner.url, banner.title.split(":")[0]) == ("", "{name} {0}")


def test_an_account_in_order_has_no_banner() -> None:
    device = make_device()

    assert board_of(make_user(workspace=device.workspace)).banners == []


def test_htmx_gets_the_doors_alone_but_the_whole_page_back_in_history(house: User) -> None:
    client = client_of(house)
    part = client.get("/", headers={"HX-Request": "true"}).content.decode()
    whole = client.get(
        "/", headers={"HX-Request": "true", "HX-History-Restore-Request": "true"}
    ).content.decode()

    assert part.lstrip().startswith('<div id="doors"')
    assert "<html" in whole


@pytest.mark.parametrize(
    ("asked", "address"),
    [("/?q=", "/"), ("/?q=&layout=list", "/?layout=list"), ("/?q=room+1&show=", "/?q=room+1")],
)
def test_the_address_of_a_search_says_only_what_was_asked(
    house: User, asked: str, address: str
) -> None:
    response = client_of(house).get(asked, headers={"HX-Request": "true"})

    assert response["HX-Push-Url"] == address


@pytest.mark.parametrize("role", [Role.MANAGER, Role.AUDITOR])
def test_an_empty_board_is_a_page_too(role: Role) -> None:
    response = client_of(make_user(role)).get(reverse("board"))

    assert "No doors yet" in response.content.decode()


@pytest.mark.parametrize("role", list(Role))
def test_a_property_without_doors_is_told_to_whoever_may_connect(role: Role) -> None:
    site = make_site()
    make_device(site)
    make_property(site.account.workspace, name="Mill Lane")
    make_property(name="Foreign")
    client = client_of(make_user(role, workspace=site.account.workspace))

    page = client.get("/")

    is_told = role in (Role.ADMIN, Role.MANAGER)
    assert [space.name for space in page.context["bare"]] == (["Mill Lane"] if is_told else [])
    assert ("<bdi>Mill Lane</bdi>:</strong> no doors yet." in page.content.decode()) == is_told
    assert "no doors yet" not in client.get("/?q=nothing").content.decode()
