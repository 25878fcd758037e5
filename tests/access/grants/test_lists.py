"""The pages of all grants: the list, the calendar, who arrives."""

from datetime import UTC, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from access.grants import arrivals, readiness
from access.grants.arrivals import _found
from access.models import AccessGrant, AcsMembership, Delivery
from accounts.models import Role, Space
from accounts.providers.systems import AccessMethod as Mode
from tests.access.grants.test_standing import ON_LOCK
from tests.make import (
    actor,
    client_of,
    make_account,
    make_credential,
    make_device,
    make_entrance,
    make_grant,
    make_group,
    make_identity,
    make_method,
    make_property,
    make_site,
    make_system,
    make_user,
)

pytestmark = pytest.mark.django_db

#: A Saturday, 12:00 in Amsterdam.
NOON = datetime(2026, 11, 21, 11, tzinfo=UTC)
_numbers = count()


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def device():
    found = make_device(has_keypad=True, name="Front Door")
    found.account.status_polled_at = timezone.now()
    found.account.save()
    return found


@pytest.fixture
def user(device):
    return make_user(Role.FRONT_DESK, workspace=device.workspace)


@pytest.fixture
def client(user):
    return client_of(user)


def stay(device, *, starts=timedelta(hours=-1), ends=timedelta(days=1), name="Jane Doe", **fields):
    """A stay with a PIN on the lock, of somebody new."""
    now = timezone.now()
    guest = make_identity(device.workspace, full_name=name, email=f"{next(_numbers)}@example.org")
    grant = make_grant(
        device.property,
        devices=[device],
        identity=guest,
        starts_at=now + starts,
        ends_at=None if ends is None else now + ends,
        **fields,
    )
    make_method(grant, devices=[device], code=ON_LOCK)
    return grant


def names(response):
    return [str(row.grant.identity) for row in response.context["rows"]]


def page(client, **params):
    return client.get(reverse("grants"), params)


# --- the list -------------------------------------------------------------------------


@pytest.fixture
def one_of_each(device):
    day = timedelta(days=1)
    stay(device, name="Upcoming", starts=day, ends=2 * day)
    stay(device, name="Active")
    stay(device, name="Arrived", arrived_at=NOON, ends=2 * day)
    stay(device, name="Ongoing", ends=None)
    stay(device, name="Ended", starts=-2 * day, ends=-day, arrived_at=NOON, gone_at=NOON)
    stay(device, name="No-show", starts=-3 * day, ends=-2 * day, gone_at=NOON)
    stay(device, name="Cancelled", starts=day, ends=2 * day, revoked_at=NOON - 3 * day)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, ["Active", "Arrived", "Ongoing"]),
        ({"tab": "upcoming"}, ["Upcoming"]),
        ({"tab": "active"}, ["Active", "Arrived", "Ongoing"]),
        ({"tab": "ended"}, ["Ended", "No-show", "Cancelled"]),
        ({"state": "arrived"}, ["Arrived"]),
        ({"state": "active"}, ["Active", "Ongoing"]),
        ({"tab": "ended", "state": "ended"}, ["Ended"]),
        ({"tab": "ended", "state": "no_show"}, ["No-show"]),
        ({"tab": "ended", "state": "cancelled"}, ["Cancelled"]),
        ({"tab": "ended", "state": "lingering"}, ["Cancelled"]),
        ({"tab": "active", "state": "cancelled"}, ["Active", "Arrived", "Ongoing"]),
        ({"tab": "nonsense"}, ["Active", "Arrived", "Ongoing"]),
        ({"q": "arr"}, ["Arrived"]),
        ({"q": "ont door"}, ["Active", "Arrived", "Ongoing"]),
        ({"q": "arrived front"}, ["Arrived"]),
        ({"q": "arrived back"}, []),
    ],
)
def test_the_list_shows_what_is_asked_for(client, one_of_each, params, expected):
    assert names(page(client, **params)) == expected


def test_tabs_are_counted(client, one_of_each):
    tabs = page(client).context["listing"].tabs

    assert [(each.label, each.count) for each in tabs] == [
        ("Upcoming", "1"),
        ("Active", "3"),
        ("Ended", "3"),
    ]


@pytest.mark.parametrize(
    ("milliseconds", "tab"),
    [(-1, "upcoming"), (0, "active"), (86_399_999, "active"), (86_400_000, "ended")],
)
def test_a_stay_changes_its_tab_on_the_dot(client, device, milliseconds, tab):
    grant = stay(device, starts=timedelta(0), ends=timedelta(days=1))

    with time_machine.travel(NOON + timedelta(milliseconds=milliseconds), tick=False):
        assert names(page(client_of(make_user(workspace=device.workspace)), tab=tab)) == [
            str(grant.identity)
        ]


def test_what_a_search_finds_is_counted_in_each_tab(client, one_of_each):
    listing = page(client, q="front").context["listing"]

    assert [each.count for each in listing.tabs] == ["1", "3", "3"]
    assert listing.lingering == "1"
    assert page(client, q="zzz").context["listing"].lingering == ""


def test_a_search_goes_to_the_tab_where_something_fits(client, device):
    stay(device, name="Una", starts=timedelta(hours=9))
    stay(device, name="Ella", starts=timedelta(days=-2), ends=timedelta(days=-1))
    stay(device, name="Andy")

    shown = {q: names(page(client, q=q)) for q in ("una", "ella", "andy", "front", "nobody")}

    assert shown == {
        "una": ["Una"],
        "ella": ["Ella"],
        "andy": ["Andy"],
        "front": ["Andy"],
        "nobody": [],
    }
    assert names(page(client, q="una", tab="ended")) == ["Una"]
    assert names(page(client, q="una", state="arrived")) == []


@pytest.mark.parametrize(("most", "expected"), [(3, "3"), (2, "2+")])
def test_nobody_counts_for_ever(client, one_of_each, monkeypatch, most, expected):
    monkeypatch.setattr("access.grants.listing.MOST_COUNTED", most)

    for query in ("", "front"):
        assert page(client, q=query).context["listing"].tabs[1].count == expected


def test_what_is_over_and_lingers_is_said_on_every_tab(client, device):
    stay(device, starts=timedelta(days=-2), ends=timedelta(days=-1))

    html = page(client).content.decode()

    assert "1 stay is over and not yet seen gone from every door." in html


def test_a_page_ends_and_the_next_one_goes_on(client, device, monkeypatch):
    monkeypatch.setattr("access.grants.listing.PAGE", 2)
    for number in range(3):
        stay(device, name=f"Guest {number}", ends=timedelta(days=number + 1))
    for number in (3, 4):
        stay(device, name=f"Guest {number}", ends=None)

    seen, address = [], reverse("grants")
    while address:
        response = client.get(address)
        seen += names(response)
        address = response.context["next_url"]

    assert seen == [f"Guest {number}" for number in range(5)]


@pytest.mark.parametrize("tab", ["upcoming", "ended"])
def test_pages_of_other_tabs_go_on_too(client, device, monkeypatch, tab):
    monkeypatch.setattr("access.grants.listing.PAGE", 2)
    sign = 1 if tab == "upcoming" else -1
    for number in range(5):
        one, other = sorted(sign * timedelta(days=each) for each in (number + 1, number + 2))
        stay(device, name=f"Guest {number}", starts=one, ends=other)

    seen, address = [], f"{reverse('grants')}?tab={tab}"
    while address:
        response = client.get(address)
        seen += names(response)
        address = response.context["next_url"]

    assert seen == [f"Guest {number}" for number in range(5)]


@pytest.mark.parametrize("cursor", ["x", "never_x", "2026-01-01_x", "2026-01-01T00:00:00_x"])
def test_a_cursor_written_by_hand_is_refused(client, cursor):
    assert page(client, after=cursor).status_code == 400


def test_a_row_says_what_matters(client, device):
    grant = stay(device, name="Jane Doe", created_by=make_user(workspace=device.workspace))
    Delivery.objects.create(
        grant=grant, channel="email", language="en", created_at=NOON, state="failed", error="Gone."
    )

    html = page(client).content.decode()

    for said in ("Jane Doe", "Front Door", "PIN: On the lock", "by Ana", "Message: not delivered"):
        assert said in html
    assert "Sat 21 Nov, 11:00 – Sun 22 Nov, 12:00" in html


def test_strangers_see_no_stay(device):
    stay(device)
    elsewhere = make_user(
        Role.MANAGER, workspace=device.workspace, place=make_property(device.workspace)
    )

    for each in (make_user(Role.ADMIN), elsewhere):
        assert names(page(client_of(each))) == []


@pytest.mark.parametrize("tab", ["upcoming", "active", "ended"])
def test_a_list_costs_the_same_for_one_and_three(client, device, django_assert_num_queries, tab):
    starts = {"upcoming": 1, "active": -1, "ended": -3}[tab]
    counts = []
    for more in (1, 2):
        for _ in range(more):
            stay(device, starts=timedelta(days=starts), ends=timedelta(days=starts + 2))
        with django_assert_num_queries(20, exact=False) as asked:
            assert page(client, tab=tab).status_code == 200
        counts.append(len(asked))

    assert len(set(counts)) == 1


@pytest.mark.parametrize(
    ("tab", "said"),
    [
        ("upcoming", "Nobody is expected"),
        ("active", "Nobody has a stay now"),
        ("ended", "Nothing has ended"),
    ],
)
def test_an_empty_list_says_what_to_do(client, tab, said):
    assert said in page(client, tab=tab).content.decode()
    assert "No stay fits" in page(client, tab=tab, q="zzz").content.decode()


def test_a_fragment_is_the_list_alone(client, device):
    stay(device)

    html = client.get(reverse("grants"), headers={"HX-Request": "true"}).content.decode()

    assert "<html" not in html
    assert 'id="grants-list"' in html


# --- the calendar ---------------------------------------------------------------------


def bars_of(response):
    """Each line as letters: . for half a day with nothing, a letter for one of a stay."""
    found = {}
    for line in response.context["calendar"].lines:
        lanes = []
        for lane in line.lanes:
            lanes.append(
                "".join(
                    (str(c.thing.grant.identity)[0] if c.thing else ".") * c.width for c in lane
                )
            )
        found[line.name] = lanes
    return found


def calendar(client, **params):
    return client.get(reverse("grants-calendar"), params)


def local(device, day, hour):
    return datetime(2026, 11, day, hour, tzinfo=ZoneInfo(device.property.time_zone))


def between(device, name, one, other):
    guest = make_identity(device.workspace, full_name=name)
    return make_grant(
        device.property, devices=[device], identity=guest, starts_at=one, ends_at=other
    )


def test_stays_lie_in_the_halves_of_days_by_the_clock_of_the_property(client, device):
    between(device, "Ann", local(device, 16, 15), local(device, 18, 11))
    between(device, "Ben", local(device, 18, 15), local(device, 19, 0))

    response = calendar(client)

    assert response.context["filters"].first.isoformat() == "2026-11-16"
    assert bars_of(response) == {"Front Door": [".AAAAB" + "." * 22]}


def test_stays_at_the_same_time_have_lines_of_their_own_and_the_rest_is_counted(client, device):
    for name in "ABCDE":
        between(device, name, local(device, 16, 15), local(device, 18, 11))

    response = calendar(client)

    (line,) = response.context["calendar"].lines
    assert len(line.lanes) == 3
    assert line.more == 2
    assert "+2 more" in response.content.decode()


@pytest.mark.parametrize(
    ("ends", "next_starts", "expected"),
    [
        ((16, 11), None, "spills-1"),
        ((16, 11), (18, 11), "spills-1"),
        ((16, 11), (17, 15), "tight"),
        ((16, 11), (16, 15), "tight"),
        ((16, 15), (18, 9), "spills-2"),
        ((16, 15), (17, 15), "tight"),
        ((17, 11), (17, 15), ""),
    ],
)
def test_the_name_of_a_short_stay_goes_on_where_it_is_free(
    client, device, ends, next_starts, expected
):
    between(device, "Ann", local(device, 15, 15), local(device, *ends))
    if next_starts:
        between(device, "Ben", local(device, *next_starts), local(device, 25, 11))

    ((lane,),) = (line.lanes for line in calendar(client).context["calendar"].lines)

    assert lane[0].fit == expected


def test_stays_that_go_on_beyond_the_weeks_are_cut(client, device):
    between(device, "Ann", local(device, 1, 15), None)

    ((lane,),) = (line.lanes for line in calendar(client).context["calendar"].lines)

    assert [(cell.width, cell.is_cut_before, cell.is_cut_after) for cell in lane] == [
        (28, True, True)
    ]


@pytest.mark.parametrize(
    ("zone", "window", "expected"),
    [
        # The night clocks go back in Amsterdam: 25 Oct 2026 has 25 hours.
        ("Europe/Amsterdam", ("2026-10-24T15:00+02:00", "2026-10-25T11:00+01:00"), ".AA."),
        ("Europe/Amsterdam", ("2026-10-25T00:30+02:00", "2026-10-26T00:00+01:00"), "..AA"),
        ("Europe/London", ("2026-10-24T15:00+01:00", "2026-10-25T11:00+00:00"), ".AA."),
        # Half an hour forward.
        ("Australia/Lord_Howe", ("2026-10-03T15:00+10:30", "2026-10-04T11:00+11:00"), ".AA."),
    ],
)
def test_bars_keep_to_days_that_are_longer_or_shorter(client, device, zone, window, expected):
    Space.objects.filter(pk=device.property_id).update(time_zone=zone)
    between(device, "Ann", *map(datetime.fromisoformat, window))

    first = datetime.fromisoformat(window[0]).replace(day=3 if "Lord" in zone else 24).date()
    found = bars_of(calendar(client, **{"from": first.isoformat()}))

    assert found["Front Door"][0][:4] == expected


def test_rooms_and_doors_stand_by_name_and_go_on_on_the_next_page(client, device, monkeypatch):
    monkeypatch.setattr("access.grants.calendar.PAGE", 2)
    place, now = device.property, timezone.now()
    room = Space.objects.create(
        workspace=device.workspace, parent=place, property=place, kind="room", name="attic"
    )
    entrance = make_entrance(make_system(device.account, property=place), name="Zoo")
    other = make_device(device.site, name="Barn")
    for target in ({"spaces": [room]}, {"devices": [device, other]}, {"entrances": [entrance]}):
        make_grant(place, **target, now=now)

    seen, address = [], reverse("grants-calendar")
    while address:
        response = client.get(address)
        seen += [line.name for line in response.context["calendar"].lines]
        address = response.context["more_url"]

    assert seen == ["attic", "Barn", "Front Door", "Zoo"]


@pytest.mark.parametrize("cursor", ["x", "device_x", "device_00000000-0000-0000-0000-000000000000"])
def test_a_cursor_of_the_calendar_written_by_hand_is_refused(client, device, cursor):
    assert calendar(client, after=cursor).status_code == 400


@pytest.mark.parametrize("first", ["", "x", "0001-01-01", "9999-12-31", "2026-02-30"])
def test_any_first_day_is_answered(client, device, first):
    assert calendar(client, **{"from": first}).status_code == 200


def test_revoked_stays_and_those_of_others_are_not_in_the_calendar(client, device):
    stay(device, revoked_at=NOON)
    stranger = make_user(
        Role.MANAGER, workspace=device.workspace, place=make_property(device.workspace)
    )
    stay(device, name="Ann")

    mine = calendar(client, property=str(device.property_id))
    assert bars_of(mine)["Front Door"][0].count("A") == 3
    response = calendar(client_of(stranger), property=str(device.property_id))
    assert response.context["calendar"].lines == []


@pytest.mark.parametrize("role", [Role.FRONT_DESK, Role.AUDITOR])
@pytest.mark.parametrize(("name", "query"), [("grants-calendar", {}), ("grants-why", {"q": "x"})])
def test_only_who_may_is_offered_a_new_guest_where_nobody_is(device, role, name, query):
    someone = client_of(make_user(role, workspace=device.workspace))

    page = someone.get(reverse(name), query).content.decode()

    assert (reverse("grant-new") in page) == (role == Role.FRONT_DESK)


def test_the_calendar_opens_where_somebody_looked_last(client, device):
    stay(device)
    other = make_property(device.workspace, name="Another House")

    def opened():
        return calendar(client).context["filters"].place

    assert opened() == device.property  # there is a stay, though it is not the first by name
    calendar(client, property=str(other.pk))
    assert opened() == other
    news = {"property": str(device.property_id)}
    client.get(reverse("grants-calendar"), news, headers={"HX-Request": "true"})
    assert opened() == other
    other.delete()
    assert opened() == device.property


def test_a_calendar_costs_the_same_for_one_and_three(client, device, django_assert_num_queries):
    counts = []
    for more in (1, 2):
        for _ in range(more):
            stay(make_device(device.site, name=f"Room {next(_numbers)}"))
        with django_assert_num_queries(14, exact=False) as asked:
            assert calendar(client).status_code == 200
        counts.append(len(asked))

    assert len(set(counts)) == 1


def test_an_agenda_says_who_comes_and_who_leaves(client, device):
    between(device, "Ann", local(device, 20, 15), local(device, 21, 11))
    between(device, "Ben", local(device, 21, 15), local(device, 23, 11))

    agenda = {str(each.day.day): each for each in calendar(client).context["calendar"].agenda}

    today = agenda["2026-11-21"]
    assert [str(stay.grant.identity) for _, stay in today.coming] == ["Ben"]
    assert [str(stay.grant.identity) for _, stay in today.leaving] == ["Ann"]
    assert agenda["2026-11-22"].staying == 1
    assert today.day.is_today


# --- arrivals -------------------------------------------------------------------------


def told(grant, **fields):
    usual = {"channel": "email", "language": "en", "created_at": NOON, "state": "sent"}
    Delivery.objects.create(grant=grant, **usual | {"opened_at": NOON, "sent_at": NOON} | fields)
    return grant


def ranks(user):
    """Return the rank of every arrival in SQL, after seeing that the page says the same."""
    places = list(Space.objects.filter(workspace=user.memberships.get().workspace, parent=None))
    found = {each.pk: each.rank for each in _found(actor(user), places, timezone.now())}
    shown = arrivals.arrivals(actor(user), arrivals.Filters(), places, timezone.now())
    states = {row.grant.pk: row.state.key for day in shown.days for row in day.rows}
    assert states == {pk: arrivals.STATES[rank].key for pk, rank in found.items()}
    return [arrivals.STATES[rank].key for rank in found.values()]


SOON, LATER = timedelta(minutes=30), timedelta(hours=5)


@pytest.mark.parametrize(
    ("starts", "code", "expected"),
    [
        (SOON, {}, "green"),
        (LATER, {"phase": "waiting", "status": "unset"}, "green"),
        (LATER, {"phase": "setting"}, "amber"),
        (SOON, {"phase": "setting"}, "red"),
        (-SOON, {"phase": "waiting", "status": "unset"}, "red"),
        (-SOON, {"phase": "accepted", "status": "setting", "accepted_at": NOON}, "amber"),
        (LATER, {"phase": "ambiguous"}, "amber"),
        (SOON, {"phase": "ambiguous"}, "red"),
        (LATER, {"status": "unknown"}, "amber"),
        (LATER, {"phase": "blocked", "error": "Full."}, "red"),
        (LATER, {"phase": "waiting", "error_code": "x", "error": "No."}, "red"),
        (-SOON, {"missing_since": NOON}, "red"),
    ],
)
def test_an_arrival_is_as_ready_as_its_pin(user, device, starts, code, expected):
    grant = make_grant(device.property, devices=[device], starts_at=NOON + starts)
    make_method(grant, devices=[device], code=ON_LOCK | code)
    told(grant)

    assert ranks(user) == [expected]


@pytest.mark.parametrize(
    ("starts", "door", "expected"),
    [
        (LATER, {"is_online": False}, "amber"),
        (SOON, {"is_online": False}, "red"),
        (LATER, {"is_online": None}, "green"),
        (LATER, {"battery_percent": 25}, "amber"),
        (LATER, {"battery_percent": 26}, "green"),
        (LATER, {"battery_percent": None}, "green"),
        (LATER, {"removed_at": NOON}, "red"),
    ],
)
def test_an_arrival_is_as_ready_as_its_door(user, device, starts, door, expected):
    told(stay(device, starts=starts))
    type(device).objects.filter(pk=device.pk).update(**door)

    assert ranks(user) == [expected]


@pytest.mark.parametrize(
    ("starts", "account", "expected"),
    [
        (LATER, {"status_polled_at": NOON - timedelta(minutes=61)}, "amber"),
        (LATER, {"status_polled_at": NOON - timedelta(minutes=60)}, "green"),
        (LATER, {"status_polled_at": None}, "amber"),
        (LATER, {"state": "reconnect_required"}, "amber"),
        (SOON, {"state": "reconnect_required"}, "red"),
    ],
)
def test_an_arrival_wants_a_door_seen_within_the_hour(user, device, starts, account, expected):
    told(stay(device, starts=starts))
    type(device.account).objects.filter(pk=device.account_id).update(**account)

    assert ranks(user) == [expected]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({}, "green"),
        ({"opened_at": None}, "amber"),
        ({"opened_at": None, "channel": "copied"}, "green"),
        ({"opened_at": None, "state": "failed"}, "amber"),
        ({"opened_at": None, "state": "waiting"}, "amber"),
        ({"state": "cancelled"}, "amber"),
    ],
)
def test_an_arrival_is_as_ready_as_its_message(user, device, message, expected):
    told(stay(device, starts=LATER), **message)

    assert ranks(user) == [expected]


def test_whoever_has_no_address_needs_no_message(user, device):
    grant = stay(device, starts=LATER)
    grant.identity.email = ""
    grant.identity.save()

    assert ranks(user) == ["green"]


@pytest.mark.parametrize(
    ("card", "columns", "expected"),
    [
        (None, {}, "amber"),
        ({}, {}, "green"),
        ({"is_issued": False, "card_number": "", "card_state": "", "issued_at": None}, {}, "amber"),
        ({"rights_changed_at": NOON}, {}, "amber"),
        ({"card_state": "suspect"}, {}, "red"),
        (None, {"error_code": "limit", "error": "No seat."}, "red"),
        ({}, {"is_suspended": True}, "red"),
        ({}, {"is_suspended": True, "pending": ["suspension"]}, "red"),
        ({}, {"is_suspended": True, "pending": ["schedule"]}, "red"),
        (None, {"is_suspended": True, "pending": ["schedule"]}, "amber"),
        ({}, {"starts_at": None, "ends_at": NOON}, "red"),
        ({}, {"is_subscribed": False, "starts_at": NOON}, "red"),
        ({}, {"is_subscribed": False}, "green"),
        ({}, {"pending": ["schedule"]}, "amber"),
        ({}, {"phase": "creating"}, "amber"),
        ({}, {"phase": "creating", "is_suspended": True, "pending": ["suspension"]}, "red"),
        ({}, {"mutations": [{"code": "updating_group_membership"}]}, "amber"),
        ({}, {"mutations": [{"code": "deferring_creation", "group_id": None}]}, "green"),
        ({"phase": "creating"}, {}, "green"),
        ({"ends_at": NOON}, {}, "amber"),
        ({"delete_asked_at": NOON}, {}, "amber"),
        ({"delete_asked_at": NOON, "card_state": "suspect"}, {}, "red"),
        ({"phase": "gone", "card_state": "suspect"}, {}, "amber"),
        ({"error_code": "x", "error": "No."}, {"pending": ["schedule"]}, "red"),
    ],
)
def test_an_arrival_is_as_ready_as_its_card(user, device, card, columns, expected):
    system = make_system(device.account, property=device.property)
    entrance = make_entrance(system, name="Room 204")
    grant = make_grant(device.property, entrances=[entrance], starts_at=NOON + LATER)
    method = make_method(grant, Mode.CARD, entrances=[entrance])
    type(method.acs_user).objects.filter(pk=method.acs_user_id).update(**columns)
    if card is not None:
        make_credential(method.acs_user, **card)
    told(grant)

    assert ranks(user) == [expected]


def holder(device, mode=Mode.CARD, **fields):
    """Somebody who arrives and has a way in through a system."""
    system = make_system(device.account, property=device.property, **fields)
    entrance = make_entrance(system, name="Room 204")
    grant = make_grant(device.property, entrances=[entrance], starts_at=NOON + LATER)
    told(grant)
    return make_method(grant, mode, entrances=[entrance]).acs_user


@pytest.mark.parametrize(
    ("kind", "other", "expected"),
    [
        ("salto_space_system", {}, "green"),
        ("salto_space_system", {"rights_changed_at": NOON}, "amber"),
        ("salto_space_system", {"is_issued": False}, "amber"),
        ("salto_space_system", {"is_issued": None, "card_number": ""}, "amber"),
        ("salto_ks_site", {"is_issued": False}, "green"),
        ("salto_ks_site", {"rights_changed_at": NOON}, "amber"),
    ],
)
def test_an_arrival_is_as_ready_as_the_worse_of_two_cards(user, device, kind, other, expected):
    guest = holder(device, external_type=kind)
    make_credential(guest)
    make_credential(guest, **other)

    assert ranks(user) == [expected]


@pytest.mark.parametrize(
    ("is_wanted", "is_seen", "expected"),
    [(True, True, "green"), (True, False, "amber"), (False, True, "amber")],
)
def test_an_arrival_is_as_ready_as_its_groups(user, device, is_wanted, is_seen, expected):
    guest = holder(device)
    make_credential(guest)
    group = make_group(guest.system)
    AcsMembership.objects.create(user=guest, group=group, is_wanted=is_wanted, is_seen=is_seen)

    assert ranks(user) == [expected]


@pytest.mark.parametrize(
    ("mode", "key", "expected"),
    [
        (Mode.CODE, {"code_sealed": "x"}, "green"),
        (Mode.CODE, {"code_sealed": "x", "is_issued": None}, "green"),
        (Mode.CODE, {"code_sealed": ""}, "amber"),
        (Mode.CODE, {"code_sealed": "x", "is_issued": False}, "amber"),
        (Mode.CODE, {"code_sealed": "x", "errors": [{"code": "x"}]}, "red"),
        (Mode.CODE, {"code_sealed": "x", "phase": "deleting"}, "amber"),
        (Mode.CODE, {"code_sealed": "x", "ends_at": NOON}, "amber"),
        (Mode.MOBILE_KEY, {}, "green"),
        (Mode.MOBILE_KEY, {"is_issued": None}, "amber"),
        (Mode.MOBILE_KEY, {"phase": "creating"}, "amber"),
        (Mode.MOBILE_KEY, {"rights_changed_at": NOON}, "green"),
    ],
)
def test_an_arrival_is_as_ready_as_the_newest_key_of_a_system(user, device, mode, key, expected):
    guest = holder(device, mode)
    old = NOON - timedelta(days=1)
    make_credential(guest, access_method=mode, phase="creating", created_at=old)
    make_credential(guest, access_method=mode, card_state="", card_number="", **key)

    assert ranks(user) == [expected]


@pytest.mark.parametrize(("starts", "expected"), [(SOON, "red"), (LATER, "amber")])
def test_an_arrival_without_any_way_in_is_not_ready(user, device, starts, expected):
    told(make_grant(device.property, devices=[device], starts_at=NOON + starts))

    assert ranks(user) == [expected]


def test_who_needs_a_look_comes_first_and_who_arrived_last(client, user, device):
    told(stay(device, name="Green", starts=timedelta(hours=2)))
    stay(device, name="Amber", starts=timedelta(hours=3))
    told(stay(device, name="Arrived", starts=timedelta(hours=-3), arrived_at=NOON))
    told(stay(device, name="Tomorrow", starts=timedelta(hours=12)))
    told(stay(device, name="Too late", starts=timedelta(hours=36), ends=timedelta(days=3)))

    today, tomorrow = client.get(reverse("grants-arrivals")).context["arrivals"].days

    assert [str(row.grant.identity) for row in today.rows] == ["Amber", "Green", "Arrived"]
    assert [(state.key, number) for state, number in today.counts] == [
        ("amber", 1),
        ("green", 1),
        ("arrived", 1),
    ]
    assert [str(row.grant.identity) for row in tomorrow.rows] == ["Tomorrow"]


def test_days_are_those_of_each_property(client, user, device):
    """At noon in Amsterdam it is Sunday already in Auckland, and will be until 11:00 UTC."""
    far = make_property(device.workspace, name="Far", time_zone="Pacific/Auckland")
    early = datetime(2026, 11, 22, 1, tzinfo=ZoneInfo("Pacific/Auckland"))
    for starts_at in (early, early + timedelta(days=1), early + timedelta(days=2)):
        make_grant(far, starts_at=starts_at, ends_at=early + timedelta(days=9))

    today, tomorrow = client.get(reverse("grants-arrivals")).context["arrivals"].days

    assert [row.when for row in today.rows] == ["01:00"]
    assert [row.when for row in tomorrow.rows] == ["01:00"]


def test_arrivals_cost_the_same_for_one_and_three(client, device, django_assert_num_queries):
    counts = []
    for more in (1, 2):
        for _ in range(more):
            far = make_device(
                make_site(make_account(device.workspace), property=device.property), has_keypad=True
            )
            told(stay(far, starts=LATER))
        with django_assert_num_queries(18, exact=False) as asked:
            assert client.get(reverse("grants-arrivals")).status_code == 200
        counts.append(len(asked))

    assert len(set(counts)) == 1


def test_a_revoked_stay_does_not_arrive(client, device):
    stay(device, starts=LATER, revoked_at=NOON)

    response = client.get(reverse("grants-arrivals"))

    assert "Nobody arrives today or tomorrow" in response.content.decode()


def test_every_tone_has_its_picture():
    assert {"ok", "warn", "danger", "unknown"} <= set(readiness._ICONS)
    assert AccessGrant.objects.count() == 0
