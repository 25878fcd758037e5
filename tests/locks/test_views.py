"""The board's buttons: what each answers, with and without scripts (ux 1.1 and 3)."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone

from accounts.limits import Limit
from accounts.models import ConnectedAccount, Role, Space, UnlockPolicy
from audit.models import Event
from locks import services
from locks.actuation import rows
from locks.models import ActionAttempt, Device
from tests.make import (
    client_of,
    make_account,
    make_attempt,
    make_device,
    make_event,
    make_site,
    make_user,
)

pytestmark = pytest.mark.django_db

SCRIPTED = {"X-Requested-With": "XMLHttpRequest"}
KEY = {"idempotency_key": "6f1d"}


@pytest.fixture
def device() -> Device:
    return make_device()


@pytest.fixture
def client(device: Device) -> Client:
    return client_of(make_user(Role.MANAGER, workspace=device.workspace))


@pytest.fixture
def admin(device: Device) -> Client:
    return client_of(make_user(Role.ADMIN, workspace=device.workspace))


def press(client: Client, device: Device, action: str = "unlock", **fields: Any) -> Any:
    """Press as the board's scripts do."""
    return client.post(f"/doors/{device.pk}/{action}/", KEY | fields, headers=SCRIPTED)


def words(response: Any) -> str:
    return " ".join(re.sub("<[^>]+>", " ", response.content.decode()).split())


def notice(response: Any) -> str:
    """What the tile says where the button was."""
    found = re.search(r"<span data-notice-text>(.*?)</span>", response.content.decode())
    assert found
    return found[1].replace("&#x27;", "'")


# --- unlock and lock -----------------------------------------------------------------------------


def test_a_press_answers_with_the_tile(client: Client, device: Device) -> None:
    response = press(client, device, reason=" guest locked out ", seconds="9")

    attempt = ActionAttempt.objects.get()
    assert (response.status_code, response["X-Lockboard-Tile"]) == (200, "1")
    assert f'id="door-{device.pk}"' in response.content.decode()
    assert 'data-state="sending"' in response.content.decode()
    assert (attempt.action, attempt.reason, attempt.seconds, attempt.how) == (
        "unlock",
        "guest locked out",
        9,
        "web",
    )
    assert Event.objects.get(verb="unlock_requested").request_id == response["X-Request-Id"]


def test_htmx_is_answered_with_the_tile_too(client: Client, device: Device) -> None:
    response = client.post(f"/doors/{device.pk}/unlock/", KEY, headers={"HX-Request": "true"})

    assert response["X-Lockboard-Tile"] == "1"


def test_without_scripts_a_press_leads_to_the_door(client: Client, device: Device) -> None:
    response = client.post(f"/doors/{device.pk}/unlock/", KEY)

    assert (response.status_code, response["Location"]) == (302, f"/doors/{device.pk}/")
    assert ActionAttempt.objects.get().status == "queued"


def test_without_scripts_the_first_click_only_asks(client: Client, device: Device) -> None:
    response = client.get(f"/doors/{device.pk}/unlock/")

    html = response.content.decode()
    assert "Unlock <bdi>Room 204</bdi>?" in html
    assert re.search(r'name="idempotency_key" value="[0-9a-f-]{36}"', html)
    assert ActionAttempt.objects.count() == 0


@pytest.mark.parametrize(("asked", "is_new"), [("?again=1", True), ("", False)])
def test_act_12_without_scripts_unlock_again_opens_again(
    client: Client, device: Device, asked: str, is_new: bool
) -> None:
    now = timezone.now()
    until = now + timedelta(seconds=6)
    make_attempt(device, status="success", finished_at=now, released_seconds=7)
    Device.objects.update(released_until=until)
    tile = client.get(f"/doors/{device.pk}/").content.decode()
    assert '<input type="hidden" name="again" value="1">' in tile

    page = client.get(f"/doors/{device.pk}/unlock/{asked}").content.decode()
    assert ("</bdi> again?" in page) == is_new
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    assert client.post(f"/doors/{device.pk}/unlock/", fields | {"reason": ""}).status_code == 302

    assert ActionAttempt.objects.count() == (2 if is_new else 1)


def test_act_06_the_same_press_twice_is_one_attempt(client: Client, device: Device) -> None:
    bodies = [press(client, device).status_code for _ in range(2)]

    assert bodies == [200, 200]
    assert ActionAttempt.objects.count() == 1


BAD = [
    ({"idempotency_key": ""}, "Idempotency-Key: 1–255 printable characters"),
    ({"idempotency_key": "x" * 256}, "Idempotency-Key: 1–255 printable characters"),
    ({"idempotency_key": "schlüssel"}, "Idempotency-Key: 1–255 printable characters"),
    ({"idempotency_key": "a b"}, "Idempotency-Key: 1–255 printable characters"),
    ({"seconds": "0"}, "seconds: whole number 1–60"),
    ({"seconds": "-1"}, "seconds: whole number 1–60"),
    ({"seconds": "61"}, "seconds: whole number 1–60"),
    ({"seconds": "5.5"}, "seconds: whole number 1–60"),
    ({"seconds": "true"}, "seconds: whole number 1–60"),
    ({"seconds": "1e999"}, "seconds: whole number 1–60"),
    ({"seconds": "NaN"}, "seconds: whole number 1–60"),
]


@pytest.mark.parametrize(("fields", "sentence"), BAD, ids=lambda value: str(value)[:30])
def test_what_cannot_be_read_is_refused_in_place(
    client: Client, device: Device, fields: dict[str, str], sentence: str
) -> None:
    response = press(client, device, **fields)

    assert (response.status_code, response["X-Lockboard-Tile"]) == (400, "1")
    assert notice(response) == sentence
    assert ActionAttempt.objects.count() == 0


@pytest.mark.parametrize("text", ["a\x00b", "x" * 301])
def test_a_reason_that_cannot_be_stored_is_refused(
    client: Client, device: Device, text: str
) -> None:
    assert press(client, device, reason=text).status_code == 400


def test_a_door_that_asks_for_a_reason_says_so(client: Client, device: Device) -> None:
    Device.objects.update(unlock_policy=UnlockPolicy.REASON)

    response = press(client, device, reason="  ")

    assert (response.status_code, notice(response)) == (
        400,
        "Give a reason: this door asks for one.",
    )


def test_without_scripts_a_refusal_stands_on_the_page_with_what_was_typed(
    client: Client, device: Device
) -> None:
    Device.objects.update(unlock_policy=UnlockPolicy.REASON)

    response = client.post(f"/doors/{device.pk}/unlock/", KEY)

    assert response.status_code == 400
    assert "Give a reason: this door asks for one." in words(response)
    assert 'value="6f1d"' in response.content.decode()


def test_a_key_used_for_something_else_is_a_conflict(client: Client, device: Device) -> None:
    press(client, device)

    response = press(client, device, reason="other")

    assert (response.status_code, notice(response)) == (
        409,
        "key was used for a different request",
    )


def test_a_busy_door_names_who_is_at_it(client: Client, device: Device) -> None:
    Device.objects.update(can_lock=True)
    make_attempt(device, actor_name="Anna")

    response = press(client, device, "lock")

    assert (response.status_code, notice(response)) == (409, "Anna is unlocking this door.")


def test_a_lock_that_cannot_be_locked_says_so(client: Client, device: Device) -> None:
    response = press(client, device, "lock")

    assert (response.status_code, notice(response)) == (422, "this lock cannot be locked remotely")


def test_without_scripts_a_refused_lock_never_offers_to_open(
    client: Client, device: Device
) -> None:
    response = client.post(f"/doors/{device.pk}/lock/", KEY)

    assert response.status_code == 302
    said = [str(message) for message in get_messages(response.wsgi_request)]
    assert said == ["this lock cannot be locked remotely"]


def test_a_lock_that_can_is_locked(client: Client, device: Device) -> None:
    Device.objects.update(can_lock=True)

    assert press(client, device, "lock").status_code == 200
    assert ActionAttempt.objects.get().action == "lock"


def test_act_16_too_many_presses_say_when_to_try_again(client: Client, device: Device) -> None:
    ago = timezone.now() - timedelta(seconds=20)
    for _ in range(15):
        make_attempt(device, status="failed", created_at=ago, finished_at=ago)

    response = press(client, device)

    assert (response.status_code, response["Retry-After"]) == (429, "60")
    assert notice(response) == "Too many requests; try again in 60 s."


@pytest.mark.parametrize("headers", [SCRIPTED, {}], ids=["scripts", "plain"])
def test_act_09_what_cannot_be_recorded_is_said_and_not_done(
    client: Client, device: Device, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise DatabaseError("disk full")

    monkeypatch.setattr(rows, "record", fail)

    response = client.post(f"/doors/{device.pk}/unlock/", KEY, headers=headers)

    assert response.status_code == 503
    assert "Cannot record actions – unlocking is off. Use keys or the Salto app." in words(response)
    assert "disk full" not in response.content.decode()
    assert ActionAttempt.objects.count() == 0


def test_an_account_to_be_reconnected_is_not_asked(client: Client, device: Device) -> None:
    ConnectedAccount.objects.update(state="reconnect_required")

    response = press(client, device)

    assert response.status_code == 409
    assert notice(response) == (
        "Test account needs to be reconnected first. The door was not asked."
    )


def test_act_08_somebody_who_may_open_elsewhere_may_not_open_here(device: Device) -> None:
    other = make_device()
    user = make_user(Role.AUDITOR, workspace=device.workspace, place=device.property)
    user.memberships.create(workspace=other.workspace, role=Role.MANAGER)
    client = client_of(user)
    session = client.session
    session["workspace_id"] = str(device.workspace_id)
    session.save()

    assert press(client, device).status_code == 403
    assert press(client, other).status_code == 403
    assert ActionAttempt.objects.count() == 0


def test_one_who_only_looks_here_may_not_open_although_they_may_next_door(device: Device) -> None:
    next_door = make_device(make_site(make_account(device.workspace)))
    user = make_user(Role.AUDITOR, workspace=device.workspace, place=device.property)
    user.memberships.create(
        workspace=device.workspace, role=Role.FRONT_DESK, property=next_door.property
    )
    client = client_of(user)
    attempt = make_attempt(device, status="unconfirmed")

    statuses = [press(client, door).status_code for door in (device, next_door)]
    settled = client.post(f"/attempts/{attempt.pk}/settle/", {"outcome": "opened"})

    assert (statuses, settled.status_code) == ([403, 200], 403)


def test_a_removed_door_is_not_there(client: Client, device: Device) -> None:
    Device.objects.update(removed_at=timezone.now())

    assert press(client, device).status_code == 404


def test_the_page_of_a_removed_door_has_its_history_and_leads_to_where_it_is_now(
    client: Client, device: Device
) -> None:
    make_event(device.workspace, place=device.as_place())
    make_attempt(device, status="success", actor_name="Mia")
    Device.objects.update(removed_at=datetime(2026, 11, 21, 23, 30, tzinfo=UTC))
    ConnectedAccount.objects.update(state="disconnected")
    alone = words(client.get(device.get_absolute_url()))
    again = make_device(
        make_site(
            make_account(device.workspace),
            property=device.property,
            remote_id=device.site.remote_id,
        ),
        remote_id=device.remote_id,
    )

    response = client.get(device.get_absolute_url())

    page = words(response)
    assert "Removed on 22 Nov 2026 ." in page  # at the property; a tag ends before the dot
    assert "unlocked Room 204" in page
    assert "Mia · Unlock" in page
    assert ("on the board again" in alone, "on the board again" in page) == (False, True)
    assert again.get_absolute_url() in response.content.decode()
    assert "data-unlock" not in response.content.decode()


def test_a_removed_door_of_another_workspace_or_property_is_not_there(device: Device) -> None:
    Device.objects.update(removed_at=timezone.now())
    elsewhere = make_site(make_account(device.workspace)).property
    strangers = [
        make_user(),
        make_user(Role.MANAGER, workspace=device.workspace, place=elsewhere),
    ]

    answers = [client_of(user).get(device.get_absolute_url()) for user in strangers]

    assert [answer.status_code for answer in answers] == [404, 404]


# --- settling --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("outcome", "status"), [("opened", "success"), ("not_opened", "failed")])
def test_act_04_a_person_says_what_the_door_did(
    client: Client, device: Device, outcome: str, status: str
) -> None:
    attempt = make_attempt(device, status="unconfirmed")

    response = client.post(
        f"/attempts/{attempt.pk}/settle/", {"outcome": outcome}, headers=SCRIPTED
    )

    attempt.refresh_from_db()
    assert (response.status_code, response["X-Lockboard-Tile"]) == (200, "1")
    assert (attempt.status, attempt.evidence) == (status, "human")
    assert notice(response) == "Thank you. It stands in the log with your name."


def test_act_04_without_scripts_somebody_s_word_is_acknowledged_too(
    client: Client, device: Device
) -> None:
    attempt = make_attempt(device, status="unconfirmed")

    response = client.post(f"/attempts/{attempt.pk}/settle/", {"outcome": "opened"})

    said = [str(message) for message in get_messages(response.wsgi_request)]
    assert (response.status_code, said) == (
        302,
        ["Thank you. It stands in the log with your name."],
    )


@pytest.mark.parametrize(
    ("fields", "before", "status", "sentence"),
    [
        ({"outcome": "opened"}, "success", 200, "That was settled already."),
        ({"outcome": "maybe"}, "unconfirmed", 400, "Say whether it opened."),
        ({}, "unconfirmed", 400, "Say whether it opened."),
    ],
)
def test_what_cannot_be_settled_says_why(
    *,
    client: Client,
    device: Device,
    fields: dict[str, str],
    before: str,
    status: int,
    sentence: str,
) -> None:
    attempt = make_attempt(device, status=before)

    response = client.post(f"/attempts/{attempt.pk}/settle/", fields, headers=SCRIPTED)

    assert (response.status_code, notice(response)) == (status, sentence)


# --- a door ------------------------------------------------------------------------------------------


def test_refresh_has_the_door_looked_at(client: Client, device: Device) -> None:
    response = client.post(f"/doors/{device.pk}/refresh/", headers=SCRIPTED)

    device.refresh_from_db()
    assert (response.status_code, notice(response)) == (200, "We are asking the lock again.")
    assert device.next_poll_at is not None


def test_act_16_nobody_has_a_door_looked_at_too_often(client: Client, device: Device) -> None:
    url = f"/doors/{device.pk}/refresh/"
    answers = [client.post(url, headers=SCRIPTED) for _ in range(4)]
    Device.objects.update(next_poll_at=None)

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    wait = answers[3]["Retry-After"]
    assert 15 <= int(wait) <= 20
    assert notice(answers[3]) == f"Too many requests; try again in {wait} s."
    program = client.post(url)
    assert (program.status_code, "try again in" in program.content.decode()) == (429, True)
    assert Device.objects.get(pk=device.pk).next_poll_at is None


def test_act_16_nor_many_doors_one_after_the_other(
    client: Client, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "LOOKS_OF_A_PERSON", Limit(per_second=0.001, burst=2))
    doors = [make_device(device.site) for _ in range(3)]

    statuses = [client.post(f"/doors/{d.pk}/refresh/", headers=SCRIPTED).status_code for d in doors]

    assert statuses == [200, 200, 429]


def test_the_page_of_a_door_tells_what_is_known(admin: Client, device: Device) -> None:
    Device.objects.update(
        unknown_words={"battery_level": "fresh"},
        battery_percent=None,
        raw={"customer_reference": "raw words"},
        model="wall_reader_pin",
        last_event="office_mode_started",
        last_event_user="Jane",
    )
    make_event(device.workspace, place=device.as_place())
    make_attempt(device, status="failed", error="Offline.")

    text = words(admin.get(f"/doors/{device.pk}/"))

    for said in (
        "Room 204",
        "Test account",
        "not known the provider says “fresh”",
        "office mode started by Jane",
        "Wall reader with keypad",
        "This lock relocks by itself; only office mode can be ended.",
        "This lock has no keypad.",
        "Lockboard unlocked Room 204",
        "raw words",
    ):
        assert said in text


@pytest.mark.parametrize(
    ("role", "sees_raw", "may_manage"),
    [(Role.ADMIN, True, True), (Role.MANAGER, False, False), (Role.AUDITOR, False, False)],
)
def test_raw_words_and_policy_are_for_admins(
    device: Device, role: Role, sees_raw: bool, may_manage: bool
) -> None:
    Device.objects.update(raw={"x": "raw words"})

    html = (
        client_of(make_user(role, workspace=device.workspace))
        .get(f"/doors/{device.pk}/")
        .content.decode()
    )

    assert ("raw words" in html, f"/doors/{device.pk}/policy/" in html) == (sees_raw, may_manage)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"can_lock": True}, ""),
        (
            {"can_lock": True, "lock_refused_at": datetime(2026, 1, 1, tzinfo=UTC)},
            "The provider refused it",
        ),
        ({"office_mode": True}, "Ends office mode."),
        ({"can_unlock": False}, "This lock cannot be opened remotely."),
        ({"has_keypad": True}, "Salto chooses the digits."),
    ],
    ids=str,
)
def test_what_a_door_cannot_do_has_a_reason(
    client: Client, device: Device, fields: dict[str, Any], why: str
) -> None:
    Device.objects.update(**fields)

    assert why in words(client.get(f"/doors/{device.pk}/"))


@pytest.mark.parametrize("count", [1, 3])
def test_the_page_of_a_door_costs_the_same_whatever_happened_there(
    client: Client, device: Device, count: int, django_assert_num_queries: Any
) -> None:
    for _ in range(count):
        make_event(device.workspace, place=device.as_place())
        make_attempt(device, status="failed")

    with django_assert_num_queries(7):  # session, user, roles, door, codes, attempts, events
        response = client.get(f"/doors/{device.pk}/")

    assert words(response).count("unlocked Room 204") >= count


def test_the_history_of_a_door_is_its_own(client: Client, device: Device) -> None:
    other = make_device(device.site, name="Other door")
    make_event(device.workspace, place=other.as_place())

    assert "Other door" not in words(client.get(f"/doors/{device.pk}/"))


# --- policies ------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["", *UnlockPolicy.values])
def test_what_is_asked_before_a_door_opens_is_changed_and_logged(
    admin: Client, device: Device, policy: str
) -> None:
    Device.objects.update(unlock_policy=UnlockPolicy.NONE)
    response = admin.post(f"/doors/{device.pk}/policy/", {"unlock_policy": policy})

    device.refresh_from_db()
    event = Event.objects.get(verb="policy_changed")
    assert response["Location"] == f"/doors/{device.pk}/"
    assert device.unlock_policy == policy
    assert (event.device_id, event.detail) == (device.pk, {"before": "none", "after": policy})


@pytest.mark.parametrize("policy", UnlockPolicy.values)
def test_a_property_s_policy_reaches_all_its_tiles(
    admin: Client, device: Device, policy: str
) -> None:
    revision = device.revision

    admin.post(f"/properties/{device.property_id}/policy/", {"unlock_policy": policy})

    device.refresh_from_db()
    assert device.policy == policy
    assert device.revision > revision
    assert Event.objects.get(verb="policy_changed").detail["after"] == policy


@pytest.mark.parametrize(
    ("address", "value"),
    [("/doors/{0.pk}/policy/", "open"), ("/properties/{0.property_id}/policy/", "")],
)
def test_an_unknown_policy_changes_nothing(
    admin: Client, device: Device, address: str, value: str
) -> None:
    response = admin.post(address.format(device), {"unlock_policy": value})

    assert [str(m) for m in get_messages(response.wsgi_request)] == ["Choose one of the three."]
    assert not Event.objects.filter(verb="policy_changed").exists()


def test_a_door_s_page_asks_for_its_own_policy_and_for_its_property_s(
    admin: Client, device: Device
) -> None:
    Device.objects.update(unlock_policy=UnlockPolicy.NONE)
    Space.objects.update(name="Harbour House", unlock_policy=UnlockPolicy.REASON)

    html = admin.get(f"/doors/{device.pk}/").content.decode()

    assert re.findall(r"<label [^>]*>(This door|All doors .*?)</label>", html) == [
        "This door",
        "All doors of Harbour House",
    ]
    assert re.findall(r'<option value="(\w*)" selected', html) == ["none", "reason"]
    assert html.count("As all doors of the property") == 1


@pytest.mark.parametrize("door", ["its own", "a neighbour's", "a stranger's", "nonsense", ""])
def test_a_property_s_policy_leads_back_to_the_door_it_was_set_at(
    admin: Client, device: Device, door: str
) -> None:
    came_from = {
        "its own": str(device.pk),
        "a neighbour's": str(make_device(make_site(make_account(device.workspace))).pk),
        "a stranger's": str(make_device().pk),
        "nonsense": "//evil.example",
        "": "",
    }[door]

    response = admin.post(
        f"/properties/{device.property_id}/policy/",
        {"unlock_policy": UnlockPolicy.REASON, "door": came_from},
    )

    assert response["Location"] == (f"/doors/{device.pk}/" if door == "its own" else "/")


def test_a_floor_has_no_policy(admin: Client, device: Device) -> None:
    floor = device.property.children.create(
        workspace=device.workspace, property=device.property, kind="floor", name="1"
    )

    assert admin.post(f"/properties/{floor.pk}/policy/").status_code == 404


# --- staying signed in ----------------------------------------------------------------------------


def test_auth_04_a_page_that_looks_by_itself_keeps_nobody_signed_in(
    client: Client, device: Device, time_machine: Any
) -> None:
    begin = timezone.now()
    for minute in range(0, 30, 5):
        time_machine.move_to(begin + timedelta(minutes=minute), tick=False)
        response = client.get("/", headers={"HX-Automatic": "1"})
        assert response.status_code == 200

    time_machine.move_to(begin + timedelta(minutes=31), tick=False)
    assert client.get("/").status_code == 302


def test_auth_04_a_person_who_says_so_stays(
    client: Client, device: Device, time_machine: Any
) -> None:
    begin = timezone.now()
    for minute in (20, 40, 60):
        time_machine.move_to(begin + timedelta(minutes=minute), tick=False)
        assert client.post("/stay/").status_code == 204


def test_auth_04_after_twelve_hours_everybody_signs_in_again(
    client: Client, device: Device, time_machine: Any
) -> None:
    begin = timezone.now()
    statuses = []
    for minute in (*range(0, 12 * 60, 20), 12 * 60 + 1):
        time_machine.move_to(begin + timedelta(minutes=minute), tick=False)
        statuses.append(client.get("/").status_code)

    assert statuses == [200] * 36 + [302]


def test_web_03_a_signed_out_htmx_request_is_sent_as_a_page(device: Device) -> None:
    response = Client().get("/", headers={"HX-Request": "true"})

    assert (response.status_code, response["HX-Redirect"]) == (204, "/user/login/?next=%2F")
    assert "HX-Request" in response["Vary"]


def test_the_page_of_a_door_says_what_its_provider_says_is_wrong() -> None:
    trouble = {"code": "x", "text": "Its brand asks for a subscription.", "hinders_opening": True}
    device = make_device(troubles=[trouble])
    browser = client_of(make_user(workspace=device.workspace))

    page = browser.get(device.get_absolute_url()).content.decode()

    assert "Its brand asks for a subscription." in page
    assert "Opening may fail" in page
