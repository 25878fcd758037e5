"""Doors opened by a guest's page (reliability A1, A11): every rule once at the press, once more
when the attempt is claimed."""

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from access.guests import authority, links, opening
from access.models import AccessGrant, AccessMethod, DoorShare, GuestDevice, GuestLink, MethodDoor
from accounts.models import AccountState, Role
from accounts.providers.base import Code, UncertainError
from audit.models import Event
from locks import actuation
from locks.actuation import authorities, rows, sending
from locks.models import ActionAttempt, Device
from tests.access.guests.stays import (
    PHONE,
    give,
    give_code,
    guest_of,
    key_of,
    link_to,
    make_door,
    make_stay,
    prove,
)
from tests.make import make_attempt, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def kept_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """`perform` gives its connection back before it calls; a test's transaction lives on it."""
    stand_in = SimpleNamespace(cursor=connection.cursor, close=lambda: None)
    for module in (rows, sending):
        monkeypatch.setattr(module, "connection", stand_in)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody holds a button in a test."""
    monkeypatch.setattr(opening, "SHORTEST_HOLD_SECONDS", 0)


class Scene:
    """A stay with a web key of one door, and a browser that came by its link."""

    def __init__(self, **fields: Any) -> None:
        self.grant = make_stay(phone=PHONE, **fields)
        self.door = make_door(self.grant, "Room 204")
        self.method = give(self.grant, "cloud_key", self.door)
        self.link, self.path = link_to(self.grant)
        self.client = guest_of(self.path, HTTP_USER_AGENT="A phone")

    def proven(self) -> "Scene":
        assert prove(self.client, self.link).status_code == 302
        return self

    def nonce(self, door: Device | None = None) -> str:
        fields = {"key": key_of(self.client), "door": str((door or self.door).pk)}
        response = self.client.post("/k/hold/", fields)
        assert response.status_code == 200, response.content
        return str(response.content.decode())

    def press(self, nonce: str | None = None, door: Device | None = None) -> Any:
        door = door or self.door
        nonce = self.nonce(door) if nonce is None else nonce
        key = key_of(self.client)
        return self.client.post("/k/unlock/", {"key": key, "door": str(door.pk), "nonce": nonce})

    def attempt(self) -> ActionAttempt:
        return ActionAttempt.objects.get(device=self.door)


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Any:
    from tests.locks.fakes import FakeDriver  # noqa: PLC0415

    fake = FakeDriver()
    monkeypatch.setattr(sending, "driver_for", lambda _, **__: fake)
    return fake


def told(response: Any) -> str:
    return " ".join(response.content.decode().split())


# --- the flow -----------------------------------------------------------------------------


def test_a_guest_types_the_code_holds_the_button_and_the_door_opens(driver: Any) -> None:
    scene = Scene().proven()

    response = scene.press()

    attempt = scene.attempt()
    assert "Sending…" in told(response)
    assert f"/k/attempt/{attempt.pk}/" in told(response)
    actuation.perform(attempt.pk, by="me")
    assert driver.names() == ["unlock"]
    after = told(scene.client.get(f"/k/attempt/{attempt.pk}/"))
    assert "Door released" in after
    assert "data-poll" not in after


def test_following_an_attempt_asks_for_nothing_else_of_the_page() -> None:
    scene = Scene().proven()
    scene.press()

    with CaptureQueriesContext(connection) as asked:
        scene.client.get(f"/k/attempt/{scene.attempt().pk}/")

    queries = [each["sql"] for each in asked]
    assert not [each for each in queries if "access_guesthouse" in each]
    assert not [each for each in queries if each.startswith("UPDATE")]


def test_gst_06_the_log_names_the_guest_with_address_and_browser(driver: Any) -> None:
    scene = Scene().proven()
    scene.press()
    actuation.perform(scene.attempt().pk, by="me")

    requested, succeeded = Event.objects.filter(attempt_id=scene.attempt().pk).order_by("id")

    for event in (requested, succeeded):
        assert (event.actor_kind, event.actor_name, event.how) == ("guest", "Jane Doe", "guest")
        assert event.actor_id == str(scene.grant.identity_id)
        assert event.device_id == scene.door.pk
    assert requested.ip.startswith("2001:db8::")
    assert len(requested.detail["agent_hash"]) == 64
    assert "A phone" not in str(requested.detail)


def test_what_nobody_confirmed_is_said_so_and_may_still_be(driver: Any) -> None:
    scene = Scene().proven()
    scene.press()
    driver.opening = UncertainError("No answer came.")
    actuation.perform(scene.attempt().pk, by="me")

    after = told(scene.client.get(f"/k/attempt/{scene.attempt().pk}/"))

    assert "Sent, not confirmed." in after
    assert "The door may have opened. Check the door." in after
    assert "data-poll" in after


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"status": "expired"}, "Not sent – took too long.</strong> Nothing happened."),
        ({"status": "cancelled"}, "Not sent – no longer allowed.</strong> Nothing happened."),
        (
            {
                "status": "failed",
                "error_code": Code.OFFLINE_OR_UNSUPPORTED,
                "error": "Refused by Salto",
            },
            "The lock cannot be reached at the moment.</strong> The door did not open.",
        ),
        (
            {"status": "failed", "retry_after_seconds": 12},
            "Too many requests; try again in 12 seconds.</strong> The door did not open.",
        ),
        (
            {"status": "failed", "error": "Refused by Salto KS: no"},
            "The lock refused.</strong> The door did not open.",
        ),
    ],
)
def test_gst_07_outcomes_are_said_in_true_words(fields: dict[str, Any], sentence: str) -> None:
    scene = Scene().proven()
    attempt = make_attempt(scene.door, finished_at=timezone.now(), **fields)

    after = told(scene.client.get(f"/k/attempt/{attempt.pk}/"))

    assert sentence in after
    assert "Salto" not in after


# --- what has to come first ---------------------------------------------------------------


def test_gst_01_without_the_link_code_there_is_no_button_and_no_way() -> None:
    scene = Scene()

    html = told(scene.client.get("/k/"))

    assert "guest-hold" not in html
    key = key_of(scene.client)
    for address in ("/k/hold/", "/k/unlock/"):
        response = scene.client.post(address, {"key": key, "door": str(scene.door.pk)})
        assert response.status_code == 403
        assert "Type your link code first." in told(response)
    assert not ActionAttempt.objects.exists()


def test_another_browser_has_to_prove_itself_too() -> None:
    scene = Scene().proven()

    other = guest_of(scene.path)

    assert "Link code" in told(other.get("/k/"))
    assert scene.client.cookies["stay-device-8000"].value not in str(
        list(GuestDevice.objects.values())
    )


def test_another_link_of_the_same_stay_goes_on_in_a_proven_browser() -> None:
    scene = Scene().proven()
    _, path = link_to(scene.grant)

    scene.client.get(path)

    assert "Hold to open" in told(scene.client.get("/k/"))


def test_the_last_digits_of_the_phone_on_the_booking_will_do() -> None:
    scene = Scene()

    assert prove(scene.client, scene.link, "0987").status_code == 302


def test_who_has_no_phone_has_no_last_digits() -> None:
    grant = make_stay()
    give(grant, "cloud_key", make_door(grant))
    link, path = link_to(grant)
    client = guest_of(path)

    assert prove(client, link, "0000").status_code == 400
    assert "phone" not in told(client.get("/k/"))


def test_five_wrong_codes_lock_the_link(django_capture_on_commit_callbacks: Any) -> None:
    scene = Scene()
    admin = make_user(Role.ADMIN, workspace=scene.grant.workspace)
    right = scene.link.unseal_code()
    wrong = f"{(int(right) + 1) % 10**6:06}"

    answers = [prove(scene.client, scene.link, wrong) for _ in range(4)]
    with django_capture_on_commit_callbacks(execute=True):
        last = prove(scene.client, scene.link, wrong)

    assert [each.status_code for each in answers] == [400] * 4
    assert "You have 4 more tries." in told(answers[0])
    assert "One more try, then the link is locked." in told(answers[3])
    assert last.status_code == 403
    assert "Link locked: a wrong code was typed five times." in told(last)
    assert Event.objects.get(verb="guest_link_locked").actor_kind == "guest"
    assert mail.outbox[0].bcc == [admin.email]
    assert right not in mail.outbox[0].body
    for client in (scene.client, guest_of(scene.path)):
        response = client.post("/k/code/", {"code": right})
        assert response.status_code == 403
        assert "This link is locked" in told(response)


def test_wrong_codes_of_a_stranger_lock_nobody_out_who_was_in(driver: Any) -> None:
    scene = Scene().proven()
    stranger = guest_of(scene.path)
    wrong = f"{(int(scene.link.unseal_code()) + 1) % 10**6:06}"

    for _ in range(5):
        last = prove(stranger, scene.link, wrong)

    assert last.status_code == 403
    assert "This link is locked" in told(stranger.get("/k/"))
    assert "This link is locked" in told(guest_of(scene.path).get("/k/"))
    assert "Hold to open" in told(scene.client.get("/k/"))
    scene.press()
    actuation.perform(scene.attempt().pk, by="me")
    assert scene.attempt().status == "success"
    assert driver.names() == ["unlock"]


def test_who_was_in_by_a_locked_link_is_in_by_its_successor() -> None:
    scene = Scene().proven()
    GuestLink.objects.update(locked_at=timezone.now())
    _, path = link_to(scene.grant)

    scene.client.get(path)

    assert "Hold to open" in told(scene.client.get("/k/"))
    assert "Link code" in told(guest_of(path).get("/k/"))


@pytest.mark.parametrize("typed", ["", "abc", "12345", "1234567", "💥"])
def test_what_cannot_be_a_code_counts_for_nothing(typed: str) -> None:
    scene = Scene()

    for _ in range(7):
        response = scene.client.post("/k/code/", {"key": key_of(scene.client), "code": typed})
        assert "A link code has six digits." in told(response)

    scene.link.refresh_from_db()
    assert scene.link.wrong_codes == 0


def test_blanks_in_a_code_do_not_matter() -> None:
    scene = Scene()

    assert prove(scene.client, scene.link, links.code_for_staff(scene.link)).status_code == 302


def test_gst_04_one_address_guesses_slowly_over_all_links() -> None:
    statuses = []
    for _ in range(4):
        scene = Scene()
        scene.client.defaults["REMOTE_ADDR"] = "2001:db8::bad"
        wrong = f"{(int(scene.link.unseal_code()) + 1) % 10**6:06}"
        statuses += [prove(scene.client, scene.link, wrong).status_code for _ in range(4)]

    assert statuses[:10] == [400] * 10
    assert set(statuses[10:]) == {429}


def test_gst_04_many_devices_are_told_of(django_capture_on_commit_callbacks: Any) -> None:
    scene = Scene()
    make_user(Role.MANAGER, workspace=scene.grant.workspace)
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(5):
            prove(guest_of(scene.path), scene.link)

    details = [
        event.detail.get("after") for event in Event.objects.filter(verb="guest_device_added")
    ]
    assert sorted(filter(None, details)) == ["2 in all", "3 in all", "4 in all", "5 in all"]
    assert [each.subject for each in mail.outbox] == [
        "The link of Jane Doe is used on 4 phones or browsers"
    ]


# --- the press ----------------------------------------------------------------------------


def test_a_press_that_was_not_held_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene().proven()
    monkeypatch.setattr(opening, "SHORTEST_HOLD_SECONDS", 0.9)

    response = scene.press()

    assert (response.status_code, told(response).count("hold the button for a second")) == (400, 1)
    assert not ActionAttempt.objects.exists()


@pytest.mark.parametrize("seconds", [-0.1, 30.1])
def test_a_hold_is_measured_by_the_database(seconds: float, monkeypatch: Any) -> None:
    scene = Scene().proven()
    nonce = scene.nonce()
    at = rows.database_now() + timedelta(seconds=seconds)
    monkeypatch.setattr(opening, "database_now", lambda: at)

    assert scene.press(nonce).status_code == 400


def test_a_nonce_is_of_one_browser_one_link_and_one_door() -> None:
    scene, other = Scene().proven(), Scene().proven()
    second = make_door(scene.grant, "Gate")
    give(scene.grant, "cloud_key", second)

    assert scene.press(other.nonce()).status_code == 400
    assert scene.press(scene.nonce(second)).status_code == 400
    assert scene.press("").status_code == 400
    assert scene.press("forged:nonce").status_code == 400
    assert not ActionAttempt.objects.exists()


def test_act_06_the_same_press_sent_twice_is_one_attempt(driver: Any) -> None:
    scene = Scene().proven()
    nonce = scene.nonce()

    scene.press(nonce)
    actuation.perform(scene.attempt().pk, by="me")
    ActionAttempt.objects.update(finished_at=timezone.now() - timedelta(minutes=5))
    scene.press(nonce)

    assert ActionAttempt.objects.count() == 1
    assert driver.names() == ["unlock"]


def test_act_05_two_presses_while_one_is_under_way_are_one_attempt() -> None:
    scene = Scene().proven()

    for _ in range(3):
        scene.press()

    assert ActionAttempt.objects.count() == 1


def test_a_door_that_somebody_locks_at_that_moment_is_busy_without_names() -> None:
    scene = Scene().proven()
    make_attempt(scene.door, action="lock", actor_name="Ana Secret")

    response = scene.press()

    assert response.status_code == 409
    assert "Somebody else is using this door" in told(response)
    assert "Ana" not in told(response)


def test_a_door_that_asks_staff_for_a_reason_asks_guests_for_none() -> None:
    scene = Scene().proven()
    Device.objects.update(unlock_policy="reason")

    assert scene.press().status_code == 200


@pytest.mark.parametrize(("most", "age"), [(10, timedelta(minutes=30)), (40, timedelta(hours=20))])
def test_gst_04_a_link_opens_so_often_and_no_more(most: int, age: timedelta) -> None:
    scene = Scene().proven()
    fields = {
        "status": "success",
        "authority": authority.KIND,
        "authority_id": scene.link.pk,
        "actor_kind": "guest",
    }
    then = timezone.now() - age
    for _ in range(most - 1):
        make_attempt(scene.door, now=then, finished_at=then, **fields)
    nonce = scene.nonce()
    assert scene.press(nonce).status_code == 200
    ActionAttempt.objects.filter(status="queued").update(
        status="expired", finished_at=timezone.now()
    )

    response = scene.press()

    assert response.status_code == 429
    assert "opened doors very often" in told(response)
    assert scene.press(nonce).status_code == 200  # the press that was made already
    assert ActionAttempt.objects.count() == most


def test_guests_have_no_limit_in_common() -> None:
    scene, now = Scene().proven(), timezone.now()
    other = Scene()
    for _ in range(60):
        make_attempt(
            other.door,
            status="failed",
            actor_kind="guest",
            authority=authority.KIND,
            authority_id=other.link.pk,
            now=now,
            finished_at=now,
        )

    assert scene.press().status_code == 200


# --- the window and the doors -------------------------------------------------------------


def test_only_doors_of_the_web_key_open() -> None:
    scene = Scene().proven()
    with_code, elsewhere = make_door(scene.grant, "Lobby"), Scene().door
    give_code(scene.grant, with_code)
    key = key_of(scene.client)

    for door in (with_code.pk, elsewhere.pk, "", "x"):
        response = scene.client.post("/k/hold/", {"key": key, "door": str(door)})
        assert response.status_code == 403
        assert "Your stay does not open this door." in told(response)


def test_before_and_after_the_window_the_press_says_when() -> None:
    scene = Scene().proven()
    nonce, key = scene.nonce(), key_of(scene.client)
    now = timezone.now()
    fields = {"key": key, "door": str(scene.door.pk), "nonce": nonce}

    AccessGrant.objects.update(starts_at=now + timedelta(hours=2))
    early = scene.client.post("/k/unlock/", fields)
    AccessGrant.objects.update(starts_at=now - timedelta(hours=2), ends_at=now)
    late = scene.client.post("/k/unlock/", fields)

    assert (early.status_code, late.status_code) == (403, 403)
    assert "Access from " in told(early)
    assert "(Europe/Amsterdam)." in told(early)
    assert "Access ended." in told(late)
    assert not ActionAttempt.objects.exists()


MS = timedelta(milliseconds=1)


def holds(scene: Scene, at: datetime) -> bool:
    """Ask the condition of the claim as if the database's clock showed `at`."""
    sql = authority._HOLDS.replace("clock_timestamp()", f"'{at.isoformat()}'::timestamptz")
    was = authorities._CONDITIONS[authority.KIND]
    authorities.register(authority.KIND, sql)
    try:
        return authorities.holds(authority.of(scene.link), scene.door)
    finally:
        authorities.register(authority.KIND, was)


def test_gst_03_the_claim_knows_the_window_to_the_millisecond() -> None:
    scene = Scene()
    starts, ends = scene.grant.starts_at, scene.grant.ends_at
    assert ends is not None

    assert not holds(scene, starts - MS)
    assert holds(scene, starts)
    assert holds(scene, ends - MS)
    assert not holds(scene, ends)
    AccessGrant.objects.update(ends_at=None)
    DoorShare.objects.update(ends_at=None)
    assert holds(scene, ends + timedelta(days=365))


def _grant(**fields: Any) -> Any:
    return lambda scene: AccessGrant.objects.filter(pk=scene.grant.pk).update(**fields)


_NOW = timezone.now()
WITHDRAWN = {
    "the grant is revoked": _grant(revoked_at=_NOW),
    "its end moved to the past": _grant(
        starts_at=_NOW - timedelta(days=2), ends_at=_NOW - timedelta(days=1)
    ),
    "its start moved away": _grant(starts_at=_NOW + timedelta(days=1), ends_at=None),
    "the link is revoked": lambda scene: links.revoke([scene.link], at=_NOW),
    "the share ended": lambda _: DoorShare.objects.update(ended_at=_NOW),
    "the share is over": lambda _: DoorShare.objects.update(ends_at=_NOW - timedelta(hours=1)),
    "the door was given up": lambda _: MethodDoor.objects.update(ended_at=_NOW),
    "the method was given up": lambda _: AccessMethod.objects.update(revoked_at=_NOW),
    "the method became another": lambda _: AccessMethod.objects.update(mode="code"),
    "the lock is gone": lambda _: Device.objects.update(removed_at=_NOW),
    "the account needs a person": lambda scene: type(scene.door.account).objects.update(
        state=AccountState.RECONNECT_REQUIRED
    ),
}


@pytest.mark.parametrize("what", WITHDRAWN)
def test_gst_05_act_08_what_is_withdrawn_between_press_and_claim_is_cancelled(
    what: str, driver: Any
) -> None:
    scene = Scene().proven()
    scene.press()
    WITHDRAWN[what](scene)

    actuation.perform(scene.attempt().pk, by="me")

    assert scene.attempt().status == "cancelled"
    assert driver.names() == []


@pytest.mark.parametrize("what", WITHDRAWN)
def test_gst_03_what_is_withdrawn_before_the_press_is_refused(what: str) -> None:
    scene = Scene().proven()
    nonce, key = scene.nonce(), key_of(scene.client)
    WITHDRAWN[what](scene)

    fields = {"key": key, "door": str(scene.door.pk), "nonce": nonce}
    response = scene.client.post("/k/unlock/", fields)

    assert response.status_code in (403, 404, 409)
    assert not ActionAttempt.objects.exists()


def test_act_07_an_attempt_by_an_authority_nobody_knows_is_cancelled(driver: Any) -> None:
    scene = Scene()
    attempt = make_attempt(
        scene.door, actor_kind="guest", authority="made_up", authority_id=scene.link.pk
    )

    actuation.perform(attempt.pk, by="me")

    attempt.refresh_from_db()
    assert attempt.status == "cancelled"
    assert driver.names() == []


def test_an_attempt_elsewhere_is_not_told_of() -> None:
    scene, other = Scene().proven(), Scene().proven()
    other.press()

    assert scene.client.get(f"/k/attempt/{other.attempt().pk}/").status_code == 404
    assert Client().get(f"/k/attempt/{other.attempt().pk}/").status_code == 404
