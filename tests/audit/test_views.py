"""The log page."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Role
from audit.ids import id_at
from audit.models import Event
from audit.services import Entry, ingest
from audit.views import PAGE
from audit.who import Place, Who
from audit.words import How, Source, Verb
from tests.make import client_of, make_account, make_event, make_property, make_user, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> Any:
    return make_user(Role.ADMIN)


@pytest.fixture
def workspace(user: Any) -> Any:
    return user.memberships.get().workspace


@pytest.fixture
def client(user: Any) -> Client:
    return client_of(user)


def happen(workspace: Any, door: str, **fields: Any) -> Event:
    place = Place(property_id=fields.pop("property_id", None), device_name=door)
    event: Event = make_event(workspace, place=place, **fields)
    return event


def doors(response: Any) -> list[str]:
    """The doors of the lines shown, top to bottom."""
    html = response.content.decode()
    return re.findall(r'<td role="cell" class="log-door"><bdi>(.*?)</bdi>', html)


def older(response: Any) -> str:
    found = re.search(r'href="([^"]+)"[^>]* data-older', response.content.decode())
    return found[1].replace("&amp;", "&") if found else ""


def test_the_log_is_read_newest_first(client: Client, workspace: Any) -> None:
    for number in range(3):
        happen(workspace, f"Room {number}")

    assert doors(client.get("/log/?kind=door")) == ["Room 2", "Room 1", "Room 0"]


@pytest.mark.parametrize("number", [1, 3])
def test_a_page_costs_the_same_whatever_is_on_it(
    client: Client, workspace: Any, number: int, django_assert_num_queries: Any
) -> None:
    for n in range(number):
        happen(workspace, f"Room {n}")

    with django_assert_num_queries(5):  # session, user, roles, events, zone
        response = client.get("/log/?kind=door")

    assert len(doors(response)) == number


def at_one_moment(workspace: Any, number: int) -> list[UUID]:
    """Store lines of one and the same millisecond."""
    now = timezone.now()
    ids = [id_at(now, str(n)) for n in range(number)]
    Event.objects.bulk_create(
        Event(
            id=each,
            kind="door",
            verb="opened",
            workspace_id=workspace.pk,
            occurred_at=now,
            recorded_at=now,
            device_name=str(each),
        )
        for each in ids
    )
    return sorted(ids, reverse=True)


def test_aud_05_lines_of_one_moment_are_each_on_one_page(client: Client, workspace: Any) -> None:
    ids = at_one_moment(workspace, 2 * PAGE + 10)

    pages, where = [], "?kind=door"
    while where:
        response = client.get(f"/log/{where}")
        pages.append(doors(response))
        where = older(response)

    assert [len(page) for page in pages] == [PAGE, PAGE, 10]
    assert [door for page in pages for door in page] == [str(each) for each in ids]


def test_aud_05_new_lines_do_not_move_a_page_that_is_being_read(
    client: Client, workspace: Any
) -> None:
    at_one_moment(workspace, PAGE + 1)
    where = older(client.get("/log/?kind=door"))
    before = doors(client.get(f"/log/{where}"))

    happen(workspace, "New")

    assert doors(client.get(f"/log/{where}")) == before
    assert len(before) == 1


def days(response: Any) -> int:
    return response.content.decode().count('class="log-day"')


def test_an_older_part_does_not_name_the_day_again_but_a_page_does(
    client: Client, workspace: Any
) -> None:
    at_one_moment(workspace, PAGE + 1)
    first = client.get("/log/?kind=door")
    where = f"/log/{older(first)}"

    part = client.get(where, headers={"HX-Request": "true"})

    assert [days(first), days(part), days(client.get(where))] == [1, 0, 1]


@pytest.mark.parametrize("pk", [UUID(int=0), UUID(int=2**128 - 1)])
def test_a_cursor_that_carries_no_date_is_a_place_all_the_same(client: Client, pk: UUID) -> None:
    part = client.get(f"/log/?before={pk}", headers={"HX-Request": "true"})

    assert part.status_code == 200


def test_an_opening_of_ours_in_the_feed_costs_one_query_more(
    client: Client, workspace: Any, django_assert_num_queries: Any
) -> None:
    account = make_account(workspace, remote_id="we")
    device_id, now = uuid4(), timezone.now()
    place = Place(device_id=device_id, device_name="Room 1", account_id=account.pk)
    make_event(workspace, at=now, place=place, attempt_id=uuid4(), who=Who(kind="user", name="Ana"))
    entry = Entry(
        external_id="1",
        occurred_at=now,
        verb=Verb.OPENED,
        how=How.REMOTE,
        who=Who(kind="person", id="we", name="Our login"),
        place=place,
    )
    ingest(
        [entry], workspace_id=workspace.pk, account_id=account.pk, source=Source.SALTO_KS, at=now
    )

    with django_assert_num_queries(6):  # session, user, roles, events, zone, accounts
        html = client.get("/log/?kind=door").content.decode()

    assert "Room 1 opened for Ana" in html


def test_a_full_page_with_nothing_behind_it_ends(client: Client, workspace: Any) -> None:
    at_one_moment(workspace, PAGE)

    assert older(client.get("/log/?kind=door")) == ""


@pytest.mark.parametrize("cursor", ["x", "-1", "9" * 9, "' OR 1=1", "00000000-0000-0000"])
def test_a_cursor_that_is_none_is_refused(client: Client, cursor: str) -> None:
    response = client.get("/log/", {"before": cursor})

    assert (response.status_code, response.content) == (400, b"invalid cursor")


def test_a_cursor_of_no_line_is_a_place_all_the_same(client: Client, workspace: Any) -> None:
    happen(workspace, "Room 1")
    later = id_at(timezone.now() + timedelta(minutes=1), "")

    assert doors(client.get(f"/log/?kind=door&before={later}")) == ["Room 1"]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", {"Signed in", "Door"}),
        ("?kind=door", {"Door"}),
        ("?kind=change", {"Signed in"}),
        ("?kind=password", {"Signed in", "Door"}),
    ],
)
def test_tabs_tell_doors_from_changes(
    client: Client, workspace: Any, query: str, shown: set[str]
) -> None:
    happen(workspace, "Door")
    happen(workspace, "Signed in", verb=Verb.SIGNED_IN)

    assert set(doors(client.get(f"/log/{query}"))) - {"–"} == shown


def test_a_workspace_s_log_is_its_own(client: Client, workspace: Any) -> None:
    happen(make_workspace(), "Foreign")
    happen(workspace, "Ours")

    assert doors(client.get("/log/?kind=door")) == ["Ours"]


def test_who_works_at_one_property_reads_of_that_one(workspace: Any) -> None:
    here, there = make_property(workspace), make_property(workspace)
    happen(workspace, "Here", property_id=here.pk)
    happen(workspace, "There", property_id=there.pk)
    happen(workspace, "Nowhere")
    desk = client_of(make_user(Role.FRONT_DESK, workspace=workspace, place=here))

    assert doors(desk.get("/log/")) == ["Here"]


def test_htmx_gets_rows_alone_but_the_whole_page_back_in_history(
    client: Client, workspace: Any
) -> None:
    happen(workspace, "Room 1")
    part = client.get("/log/", headers={"HX-Request": "true"}).content.decode()
    whole = client.get(
        "/log/", headers={"HX-Request": "true", "HX-History-Restore-Request": "true"}
    ).content.decode()

    assert "<html" not in part
    assert "Room 1" in part
    assert "<html" in whole


def test_an_empty_log_is_a_page_too(client: Client, workspace: Any) -> None:
    assert "Nothing here yet" in client.get("/log/?kind=door").content.decode()


def test_what_others_wrote_is_only_text(client: Client, workspace: Any) -> None:
    happen(
        workspace,
        "<script>alert(1)</script>",
        who=Who(kind="user", name="<b>Bold</b>"),
        reason="<img src=x>",
        note="{{7*7}}</dd>",
        attempt_id=uuid4(),
    )

    html = client.get("/log/?kind=door").content.decode()

    assert "<script>alert" not in html
    assert "<b>Bold" not in html
    assert "<img" not in html
    assert "{{7*7}}&lt;/dd&gt;" in html
