"""The pages of codes: what they say, to whom, and what they never show."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import Membership, Role
from accounts.providers.codes import CodeRules
from audit.ids import new_id
from audit.models import Event
from locks.code_models import CodePhase
from locks.models import AccessCode, CodeDoor, CodeMoment, Device
from tests.locks.codes.stub import SALTO, Stub
from tests.make import client_of, make_code, make_device, make_property, make_site, make_user

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 21, 14, tzinfo=UTC)
SCRIPTED = {"X-Requested-With": "XMLHttpRequest"}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def device(brand: Stub) -> Device:
    return make_device(has_keypad=True)


@pytest.fixture
def client(device: Device) -> Client:
    return client_of(make_user(Role.FRONT_DESK, workspace=device.workspace))


@pytest.fixture
def auditor(device: Device) -> Client:
    return client_of(make_user(Role.AUDITOR, workspace=device.workspace))


def words(response: Any) -> str:
    text = re.sub("<[^>]+>", " ", response.content.decode())
    return " ".join(text.split())


def errors(response: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = response.context["form"].errors
    return {field: list(texts) for field, texts in found.items()}


def form(device: Device, **fields: Any) -> dict[str, Any]:
    return {
        "doors": [str(device.pk)],
        "name": "Jane",
        "kind": "timed",
        "starts": "2027-01-10T15:00",
        "ends": "2027-01-12T11:00",
    } | fields


# --- making -----------------------------------------------------------------------------


def test_a_time_bound_code_is_made_in_the_time_of_the_property(client, device):
    response = client.post("/codes/new/", form(device))

    code = AccessCode.objects.get()
    assert response["Location"] == f"/codes/{code.pk}/"
    assert (code.name, code.device) == ("Jane", device)
    assert code.starts_at == datetime(2027, 1, 10, 14, tzinfo=UTC)
    assert code.ends_at == datetime(2027, 1, 12, 10, tzinfo=UTC)


def test_an_ongoing_code_needs_no_times(client, device):
    client.post("/codes/new/", form(device, kind="ongoing", starts="", ends="nonsense"))
    assert not AccessCode.objects.exists()

    client.post("/codes/new/", form(device, kind="ongoing", starts="", ends=""))

    assert AccessCode.objects.get().is_ongoing


def test_what_was_typed_is_kept_beside_what_is_wrong_with_it(client, device):
    response = client.post(
        "/codes/new/",
        form(device, name="a\u202eb", ends="2027-01-10T15:00", digits="1234"),
    )

    assert response.status_code == 200
    assert errors(response) == {
        "name": [
            "name: 1–60 visible characters;"
            " it has a hidden character that turns the direction of text"
        ],
        "ends": ["end must be after start"],
        "digits": ["code is too easy to guess"],
    }
    text = response.content.decode()
    assert 'value="1234"' in text
    assert 'value="2027-01-10T15:00"' in text
    assert 'aria-invalid="true"' in text


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"name": ""}, "name", "name: 1–60 visible characters"),
        (
            {"name": "a\0b"},
            "name",
            "name: 1–60 visible characters;"
            " it has a control character, such as a tab or a line break",
        ),
        ({"starts": "", "ends": ""}, "starts", "Choose when it starts and ends."),
        ({"doors": []}, "doors", "choose at least one door"),
        (
            {"ends": ""},
            "ends",
            "time-bound codes need both start and end; leave both empty for an ongoing code,"
            " and choose “Ongoing”",
        ),
        (
            {"starts": "2027-03-28T02:30", "ends": "2027-03-29T11:00"},
            "starts",
            "02:30 does not exist on 28 Mar 2027 (clocks go forward). Choose 01:59 or 03:00",
        ),
        (
            {"starts": "13/07/2027"},
            "starts",
            "choose a date and a time between 2000 and 2100, such as 2026-11-21 15:00",
        ),
        ({"digits": "12345"}, "digits", "code is too easy to guess"),
        ({"digits": "80573"}, "digits", "this lock accepts 4 or 6 digits"),
        ({"digits": " 8057"}, "digits", "code: 4–9 digits 0–9"),
        ({"ends": "2033-01-10T15:00"}, "ends", "duration 1 minute – 5 years"),
    ],
)
def test_bad_input_is_answered_where_it_was_typed(client, device, fields, field, sentence):
    response = client.post("/codes/new/", form(device, **fields))

    assert errors(response) == {field: [sentence]}
    assert not AccessCode.objects.exists()


def test_everything_that_is_wrong_is_said_at_once(client, device):
    wrong = {"name": " ", "digits": "12a4"}
    said = {"name": ["name: 1–60 visible characters"], "digits": ["code: 4–9 digits 0–9"]}

    empty = client.post("/codes/new/", form(device, doors=[], starts="", ends="", **wrong))
    nothing = client.post("/codes/new/")
    one_time = client.post("/codes/new/", form(device, starts="", **wrong))
    backwards = client.post("/codes/new/", form(device, doors=[], ends="2027-01-10T15:00", **wrong))

    no_doors = {"doors": ["choose at least one door"]}
    assert errors(empty) == said | no_doors | {"starts": ["Choose when it starts and ends."]}
    assert errors(nothing).keys() == {"doors", "name", "kind"}
    assert errors(one_time).keys() == {"name", "digits", "starts"}
    assert errors(backwards) == said | no_doors | {"ends": ["end must be after start"]}
    assert not AccessCode.objects.exists()


def test_the_summary_names_each_field_once(client, device):
    page = client.post("/codes/new/", form(device, name=" ", digits="12a4", ends="x"))

    lines = re.findall("<li>(.*?)</li>", page.content.decode().split("Please correct this")[1])
    assert [re.sub("<[^>]+>", "", line) for line in lines[:3]] == [
        "name: 1–60 visible characters",
        "Until: choose a date and a time between 2000 and 2100, such as 2026-11-21 15:00",
        "code: 4–9 digits 0–9",
    ]


def test_changing_says_everything_that_is_wrong_at_once(client, device):
    code = make_code(device)
    given = {"name": " ", "kind": "timed", "digits": "1", "generation_seen": 1}

    page = client.post(f"/codes/{code.pk}/edit/", given)

    assert errors(page).keys() == {"name", "starts", "digits"}


@pytest.mark.parametrize("door", ["x", "", "00000000-0000-0000-0000-000000000000", "foreign"])
def test_a_door_that_is_not_there_is_said(client, device, door):
    door = str(make_device(has_keypad=True).pk) if door == "foreign" else door

    assert "That door was not found." in words(client.get("/codes/new/", {"door": door}))
    assert "not found" not in words(client.get("/codes/new/", {"door": str(device.pk)}))
    assert "not found" not in words(client.get("/codes/new/"))


def test_a_time_that_happens_twice_is_asked_back_and_answered(client, device):
    times = {"starts": "2027-10-31T02:30", "ends": "2027-10-31T11:00"}

    asked = client.post("/codes/new/", form(device, **times))
    client.post("/codes/new/", form(device, **times, starts_fold="1"))

    assert errors(asked) == {"starts": ["02:30 happens twice. First (UTC+2) or second (UTC+1)?"]}
    assert "Second (UTC+1)" in words(asked)
    assert AccessCode.objects.get().starts_at == datetime(2027, 10, 31, 1, 30, tzinfo=UTC)


def test_salto_chooses_and_the_form_says_so(client, device, brand):
    brand.rules = SALTO

    page = words(client.get(f"/codes/new/?door={device.pk}"))
    response = client.post("/codes/new/", form(device, digits="805731"))

    assert "6 digits, made by Salto: you cannot choose." in page
    assert "It takes 1 seat at Salto." in page
    assert errors(response) == {"digits": ["Salto chooses the PIN; leave empty"]} or errors(
        response
    ) == {"__all__": ["Salto chooses the PIN; leave empty"]}


def test_several_doors_get_one_each_and_a_list_of_them(client, device):
    other = make_device(device.site, name="Back Door", has_keypad=True)

    response = client.post("/codes/new/", form(device, doors=[str(device.pk), str(other.pk)]))

    assert AccessCode.objects.count() == 2
    assert response["Location"].startswith("/codes/?together=")
    assert words(client.get(response["Location"])).count("Jane") >= 2


def test_doors_in_two_time_zones_are_asked_for_one_by_one(client, device):
    place = make_property(device.workspace, time_zone="Europe/London")
    far = make_device(make_site(device.account, property=place), has_keypad=True)

    response = client.post("/codes/new/", form(device, doors=[str(device.pk), str(far.pk)]))

    assert errors(response) == {
        "doors": ["these doors are in different time zones: make their codes property by property"]
    }


def test_the_rules_follow_the_doors_and_nothing_is_made(client, device, brand):
    brand.rules = CodeRules(lengths=(5,), slots=3)

    response = client.post("/codes/new/?look=rules", form(device, digits="77"), headers=HTMX)
    made = client.post("/codes/new/?look=generate", form(device), headers=HTMX)

    text = words(response)
    assert "5 digits." in text
    assert "Codes on Room 204 0 of 3" in text
    assert "Times in Europe/Amsterdam" in text
    assert 'value="77"' in response.content.decode()
    assert re.search(r'value="\d{5}"', made.content.decode())
    assert not AccessCode.objects.exists()


def test_presets_are_by_the_clock_of_the_property(client, device):
    with time_machine.travel(NOW, tick=False):
        page = client.get(f"/codes/new/?door={device.pk}")

    presets = {p.label: (p.starts, p.ends) for p in page.context["plan"].presets}
    assert presets == {
        "Tonight": ("2026-11-21T15:00", "2026-11-22T11:00"),
        "Weekend": ("2026-11-27T15:00", "2026-11-29T11:00"),
        "1 week": ("2026-11-21T15:00", "2026-11-28T11:00"),
    }


def test_a_door_of_somebody_else_cannot_be_chosen(client):
    stranger = make_device(has_keypad=True)

    response = client.post("/codes/new/", form(stranger))

    assert errors(response) == {"doors": ["one of these doors is not there any more"]}


def test_doors_without_keypad_are_listed_with_the_reason(client, device):
    make_device(device.site, name="Lobby", has_keypad=False)

    assert "Lobby This lock has no keypad." in words(client.get("/codes/new/"))


# --- the list ---------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 3])
def test_the_list_takes_the_same_number_of_queries(
    client, device, count, django_assert_num_queries
):
    for number in range(count):
        make_code(make_device(device.site, has_keypad=True), name=f"Guest {number}")
    make_code(name="Somebody else's")

    with django_assert_num_queries(6):  # session, user, roles, page, counts, properties
        response = client.get("/codes/")

    assert len(response.context["rows"]) == count


@pytest.mark.parametrize("count", [1, 3])
def test_the_codes_of_a_door_take_the_same_number_of_queries(
    client, device, count, django_assert_num_queries
):
    for _ in range(count):
        make_code(device)

    with django_assert_num_queries(6):  # session, user, roles, door, slots, codes
        response = client.get(f"/doors/{device.pk}/codes/", headers=HTMX)

    assert words(response).count("Jane") >= count


def names(client: Client, query: str) -> list[str]:
    return sorted(row.code.name for row in client.get(f"/codes/?{query}").context["rows"])


def test_the_list_is_narrowed_by_state_door_time_and_words(client, device):
    now, hour = timezone.now(), timedelta(hours=1)
    back = make_device(device.site, name="Back Door", has_keypad=True)
    make_code(device, name="on", phase=CodePhase.ON_LOCK)
    make_code(device, name="setting", phase=CodePhase.SETTING)
    make_code(device, name="failed", phase=CodePhase.BLOCKED, error_code="no_space")
    make_code(device, name="later", starts_at=now + 30 * hour, ends_at=now + 40 * hour)
    make_code(back, name="going", phase=CodePhase.REMOVING, revoked_at=now)
    make_code(back, name="gone", phase=CodePhase.REMOVED, revoked_at=now)
    make_code(back, name="found", is_managed=False, remote_id="x", phase=CodePhase.ON_LOCK)
    make_code(back, name="stuck", revoked_at=now, phase=CodePhase.REMOVING, overdue_since=now)

    assert names(client, "") == sorted(["on", "setting", "failed", "later", "going", "stuck"])
    assert names(client, "q=found") == ["found"]
    assert names(client, "state=on") == ["on"]
    assert names(client, "state=setting") == ["setting"]
    assert names(client, "state=trouble") == ["failed", "stuck"]
    assert names(client, "state=scheduled") == ["later"]
    assert names(client, "state=removing") == ["going", "stuck"]
    assert names(client, "state=unmanaged") == ["found"]
    assert names(client, "state=ended") == ["gone"]
    assert names(client, "q=back+going") == ["going"]
    assert names(client, "q=%25") == []
    assert names(client, "when=week") == ["later"]
    assert names(client, "when=ongoing&state=on") == ["on"]
    assert names(client, f"property={make_property(device.workspace).pk}") == []
    pills = {pill.label: pill.count for pill in client.get("/codes/").context["listing"].pills}
    assert pills["need attention"] == 2
    assert pills["Ended"] is None


def test_older_codes_are_a_page_away(client, device, monkeypatch):
    monkeypatch.setattr("locks.codes.listing.PAGE", 2)
    at = timezone.now()
    for number in range(5):
        make_code(device, name=f"Guest {number}", created_at=at - timedelta(minutes=number // 2))
    found, url = [], "/codes/?q=guest"
    while url:
        page = client.get(url).context["listing"]
        found += [row.code.name for row in page.rows]
        url = page.older_url

    assert sorted(found) == [f"Guest {number}" for number in range(5)]


@pytest.mark.parametrize("cursor", ["x", "2026-01-01_x", "2026-01-01T00:00:00_x", "\0"])
def test_a_cursor_somebody_wrote_is_refused(client, cursor):
    response = client.get("/codes/", {"before": cursor})

    assert (response.status_code, response.content) == (400, b"invalid cursor")


def test_the_front_desk_sees_only_its_own_property(device):
    place = make_property(device.workspace)
    near = make_device(make_site(device.account, property=place), has_keypad=True)
    make_code(near, name="Near")
    far = make_code(device, name="Far")
    desk = client_of(make_user(Role.FRONT_DESK, workspace=device.workspace, place=place))

    assert names(desk, "") == ["Near"]
    assert desk.get(f"/codes/{far.pk}/").status_code == 404


# --- one code ---------------------------------------------------------------------------


def test_digits_are_on_no_page_that_did_not_ask(client, device):
    code = make_code(device, digits="805731")

    for url in ("/codes/", f"/codes/{code.pk}/", f"/doors/{device.pk}/", f"/codes/{code.pk}/edit/"):
        assert "805731" not in client.get(url).content.decode()


def test_reveal_answers_once_and_says_to_keep_nothing(client, device):
    code = make_code(device, digits="805731")

    response = client.post(f"/codes/{code.pk}/reveal/", headers=SCRIPTED)

    assert response.json() == {"digits": "805731", "problem": "", "seconds": 20}
    assert response["Cache-Control"] == "no-store"
    assert Event.objects.filter(verb="code_revealed").count() == 1


def test_without_scripts_the_page_with_digits_closes_itself(client, device):
    code = make_code(device, digits="805731")

    response = client.post(f"/codes/{code.pk}/reveal/")

    assert "805731" in words(response)
    assert response["Refresh"] == f"20; url=/codes/{code.pk}/"
    assert response["Cache-Control"] == "no-store"


def test_digits_sealed_with_a_lost_key_are_said_to_be_so(client, device):
    code = make_code(device, digits="805731")
    AccessCode.objects.update(digits_sealed="v1.gone.xyz")

    told = client.post(f"/codes/{code.pk}/reveal/", headers=SCRIPTED).json()

    assert (told["digits"], "cannot be read any more" in told["problem"]) == ("", True)


def test_an_auditor_sees_codes_without_digits_and_without_buttons(auditor, device):
    code = make_code(device, digits="805731", phase=CodePhase.BLOCKED, error="No.", error_code="x")

    for url in ("/codes/", f"/codes/{code.pk}/", f"/doors/{device.pk}/codes/"):
        page = auditor.get(url)
        assert "Jane" in words(page)
        for word in ("Reveal", "Copy", "Revoke", "New code", "Push again", "Change"):
            assert word not in words(page)
    assert auditor.post(f"/codes/{code.pk}/reveal/").status_code == 403


def test_who_manages_next_door_does_not_manage_here(device):
    user = make_user(Role.AUDITOR, workspace=device.workspace)
    Membership.objects.create(
        workspace=device.workspace,
        user=user,
        role=Role.MANAGER,
        property=make_property(device.workspace),
    )
    code, client = make_code(device, digits="805731"), client_of(user)

    for act in ("reveal", "revoke", "again", "adopt"):
        assert client.post(f"/codes/{code.pk}/{act}/").status_code == 403
    assert client.get(f"/codes/{code.pk}/edit/").status_code == 403


def test_the_time_line_is_told_newest_first(client, device):
    code, now = make_code(device), timezone.now()
    for number in range(3):
        CodeMoment.objects.create(
            code=code, at=now + timedelta(seconds=number), what="x", text=f"Step {number}"
        )

    text = words(client.get(f"/codes/{code.pk}/"))

    assert text.index("Step 2") < text.index("Step 1") < text.index("Step 0")


def test_a_failed_one_says_what_happens_next_and_what_to_do(client, device):
    with time_machine.travel(NOW, tick=False):
        code = make_code(
            device,
            phase=CodePhase.SETTING,
            error_code="failed_to_set_on_device",
            error="Salto did not answer.",
            next_run_at=NOW + timedelta(minutes=4),
        )
        text = words(client.get(f"/codes/{code.pk}/"))

    assert "Salto did not answer." in text
    assert "Next try 15:04." in text
    for rung in ("Sync now", "Push again", "New code", "Backup code: none waits", "Open it"):
        assert rung in text


@pytest.mark.parametrize("step", ["sync", "push", "new"])
def test_each_rung_can_be_taken(client, device, step):
    code = make_code(device, phase=CodePhase.BLOCKED, error_code="x", observed_generation=1)

    response = client.post(f"/codes/{code.pk}/again/", {"step": step})

    newest = AccessCode.objects.order_by("-created_at").first()
    assert response["Location"] == f"/codes/{newest.pk if step == 'new' else code.pk}/"


# --- changing and ending ------------------------------------------------------------------


def test_a_change_is_foretold_before_it_is_done(client, device):
    code = make_code(device, digits="805731", phase=CodePhase.ON_LOCK)
    given = {"name": "Jane Doe", "kind": "ongoing", "generation_seen": 1}

    told = client.post(f"/codes/{code.pk}/edit/", given)
    code.refresh_from_db()
    assert code.name == "Jane"
    assert "It is called “Jane Doe” instead of “Jane”. The digits stay the same." in words(told)

    seal = told.context["confirmed"]
    other = client.post(f"/codes/{code.pk}/edit/", given | {"name": "X", "confirmed": seal})
    assert "It is called “X”" in words(other)  # what was confirmed was something else

    done = client.post(f"/codes/{code.pk}/edit/", given | {"confirmed": seal})
    code.refresh_from_db()
    assert (done["Location"], code.name) == (f"/codes/{code.pk}/", "Jane Doe")


def test_an_edit_from_an_old_page_is_not_done(client, device):
    code = make_code(device, generation=3)

    response = client.post(
        f"/codes/{code.pk}/edit/", {"name": "X", "kind": "ongoing", "generation_seen": 2}
    )

    assert "Somebody changed this code a moment ago" in words(response)


def test_revoking_names_its_consequences_first(client, device):
    code = make_code(device, phase=CodePhase.ON_LOCK, remote_id="x")

    asked = words(client.get(f"/codes/{code.pk}/revoke/"))
    code.refresh_from_db()
    assert code.revoked_at is None
    assert "“Jane” stops opening Room 204. This cannot be undone." in asked

    client.post(f"/codes/{code.pk}/revoke/")
    code.refresh_from_db()
    assert code.revoked_at is not None
    assert "Removing" in words(client.get(f"/codes/{code.pk}/"))
    assert client.post(f"/codes/{code.pk}/revoke/").status_code == 302


def stuck(device: Device, **fields: Any) -> AccessCode:
    return make_code(
        device,
        remote_id="x",
        phase=CodePhase.REMOVING,
        revoked_at=timezone.now(),
        overdue_since=timezone.now(),
        attempts=4,
        **fields,
    )


def test_still_active_says_once_where_and_what_a_person_can_do(client, auditor, device):
    late = {"code": "delay_in_removing_from_device", "message": "May still open Room 204."}
    code = stuck(device, error_code="x", error="The keypad said no.", warnings=[late])

    text = words(client.get(f"/codes/{code.pk}/"))

    assert text.count("STILL ACTIVE") == 1
    assert "STILL ACTIVE on Room 204" in text
    assert "May still open" not in text
    assert "The keypad said no." in text
    assert "delete it at the lock or in the provider’s portal." in text
    for page in (text, words(client.get("/codes/"))):
        assert "Try again now" in page
        assert "Sync now" in page
    for url in (f"/codes/{code.pk}/", "/codes/"):
        assert "Try again now" not in words(auditor.get(url))


def test_a_removal_is_tried_again_at_a_press(client, device):
    code = stuck(device, next_run_at=timezone.now() + timedelta(hours=1))

    answer = client.post(f"/codes/{code.pk}/again/", {"step": "remove"}, follow=True)

    code.refresh_from_db()
    assert "The removal is tried again now." in words(answer)
    assert code.next_run_at <= timezone.now()
    assert (code.attempts, code.generation) == (4, 1)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "it is not being removed"),
        ({"phase": CodePhase.REMOVED, "revoked_at": NOW}, "it is gone already"),
    ],
)
def test_only_a_removal_is_tried_again(client, device, fields, sentence):
    code = make_code(device, **fields)

    answer = client.post(f"/codes/{code.pk}/again/", {"step": "remove"}, follow=True)

    assert f"Not done: {sentence}." in words(answer)


def test_a_lock_not_reached_is_explained_once(client, device):
    now = timezone.now()
    code = make_code(device, phase=CodePhase.REMOVED_IN_CLOUD, revoked_at=now, overdue_since=now)

    text = words(client.get(f"/codes/{code.pk}/"))

    assert text.count("lock not reached yet") == 1
    assert text.count("The lock has not heard of it yet") == 1
    assert "Sync now" in text
    assert "Try again now" not in text  # nothing is left to remove at the provider


def test_an_offline_lock_is_told_of_when_revoking(client, device):
    Device.objects.update(is_online=False)
    code = make_code(device, phase=CodePhase.ON_LOCK, remote_id="x")

    assert "The lock is offline now" in words(client.get(f"/codes/{code.pk}/revoke/"))


def test_one_found_at_the_provider_can_be_adopted_or_removed(client, device):
    code = make_code(device, is_managed=False, remote_id="u1", phase=CodePhase.ON_LOCK)

    page = words(client.get(f"/codes/{code.pk}/"))
    client.post(f"/codes/{code.pk}/adopt/")

    code.refresh_from_db()
    assert "Adopt" in page
    assert "Remove…" in page
    assert code.is_managed


def test_a_persons_account_is_never_removed_from_here(client, device):
    code = make_code(
        device, is_managed=False, remote_id="u1", phase=CodePhase.ON_LOCK, seen={"is_person": True}
    )

    assert "neither adopted nor removed from here" in words(client.get(f"/codes/{code.pk}/"))
    client.post(f"/codes/{code.pk}/revoke/")
    client.post(f"/codes/{code.pk}/adopt/")
    code.refresh_from_db()
    assert (code.revoked_at, code.is_managed) == (None, False)


def test_several_are_extended_at_once(client, device):
    ends = datetime(2027, 1, 12, 10, tzinfo=UTC)
    codes = [
        make_code(device, name=f"G{n}", starts_at=ends - timedelta(days=2), ends_at=ends)
        for n in range(2)
    ]
    ids = [str(code.pk) for code in codes]

    asked = words(client.get("/codes/extend/", {"codes": ids}))
    empty = client.post("/codes/extend/", {"codes": ids, "ends": ""})
    client.post("/codes/extend/", {"codes": ids, "ends": "2027-01-15T11:00"})

    assert "Extend 2 codes" in asked
    assert errors(empty) == {"ends": ["choose the new end"]}
    assert set(AccessCode.objects.values_list("ends_at", flat=True)) == {ends + timedelta(days=3)}


def test_nothing_chosen_is_said(client, device):
    foreign = make_code(starts_at=NOW, ends_at=NOW + timedelta(days=900))

    for given in ({}, {"codes": ["x"]}, {"codes": [str(foreign.pk)]}):
        assert "Nothing chosen" in words(client.get("/codes/extend/", given))


# --- doors and exports --------------------------------------------------------------------


def test_the_page_of_a_door_lists_its_codes(client, device):
    make_code(device, phase=CodePhase.ON_LOCK)

    text = words(client.get(f"/doors/{device.pk}/"))

    assert "Jane" in text
    assert "On the lock" in text
    assert "Codes on Room 204 1 of 10" in text
    assert "4 or 6 digits." in text


def test_a_doubted_keypad_is_proposed_to_an_admin(client, device):
    CodeDoor.objects.create(device=device, ref="A" * 8, keypad_doubted_at=timezone.now())
    admin = client_of(make_user(Role.ADMIN, workspace=device.workspace))

    assert "An admin can say which is true." in words(client.get(f"/doors/{device.pk}/"))
    assert "It has no keypad" in words(admin.get(f"/doors/{device.pk}/"))
    admin.post(f"/doors/{device.pk}/keypad/", {"keypad": "no"})

    assert CodeDoor.objects.get().keypad_override is False
    text = words(admin.get(f"/doors/{device.pk}/"))
    assert "An admin said that this lock has no keypad." in text


def test_an_export_has_no_digits_and_no_formulas(client, device):
    make_code(device, name="=CMD()", digits="805731")
    make_code(device, name="Jane", phase=CodePhase.REMOVED, revoked_at=timezone.now())

    response = client.post("/codes/export/", {"q": ""})

    text = response.content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["Name"], row["Door"], row["State"]) for row in rows] == [
        ("'=CMD()", "Room 204", "Setting")
    ]
    assert "805731" not in text
    assert response["Content-Type"].startswith("text/csv")
    assert Event.objects.get(verb="codes_exported").detail == {"rows": 1, "filters": {}}


# --- codes of stays -------------------------------------------------------------------


def test_a_code_of_a_stay_leads_to_it_and_is_not_changed_here(client, device):
    stay, now = new_id(), timezone.now()
    code = make_code(
        device, grant_id=stay, name="Jane", starts_at=now, ends_at=now + timedelta(hours=1)
    )

    page = client.get(code.get_absolute_url())

    assert f'href="/grants/{stay}/"' in page.content.decode()
    assert "Part of the stay of Jane" in words(page)
    for name in ("edit", "revoke"):
        assert f'id="{name}"' not in page.content.decode()
        for method in (client.get, client.post):
            response = method(f"/codes/{code.pk}/{name}/", follow=True)
            assert "This code belongs to a stay: change it there." in words(response)
    row = client.get("/codes/")
    assert f'href="/grants/{stay}/"' in row.content.decode()
    assert f'id="pick-{code.pk}"' not in row.content.decode()
