"""“Why can't they get in?”: every link of the walk, and what mends it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from access.grants.why.links import LINKS
from access.models import AccessGrant, AccessMethod, Delivery
from accounts.models import AccountState, Hub, Role
from accounts.providers.systems import AccessMethod as Mode
from audit.ids import id_at
from audit.models import Event
from audit.words import Kind, Verb
from locks.models import AccessCode
from tests.access.grants.house import NOW, House
from tests.access.grants.test_standing import ON_LOCK
from tests.make import (
    client_of,
    make_acs_user,
    make_grant,
    make_identity,
    make_method,
    make_user,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

HOUR = timedelta(hours=1)
KEYS = [key for key, _, _ in LINKS]


class Case:
    """A stay that works in every respect: each test breaks one link of it."""

    def __init__(self) -> None:
        self.house = House()
        self.gate = self.house.gate
        self.gate.is_online, self.gate.battery_percent = True, 80
        self.gate.hub = Hub.objects.create(
            site=self.gate.site, remote_id="iq", name="IQ", is_online=True
        )
        self.gate.save()
        self.account = self.gate.account
        self.account.status_polled_at = NOW
        self.account.save()
        self.grant = make_grant(self.house.place, devices=[self.gate])
        self.method = make_method(
            self.grant, devices=[self.gate], code=ON_LOCK | {"delivered_at": NOW}
        )
        self.client = client_of(self.house.by.user)

    @property
    def code(self) -> AccessCode:
        return AccessCode.objects.get()

    def web_key(self) -> AccessMethod:
        """Let them open by their page instead."""
        self.method.doors.update(code=None)
        AccessMethod.objects.filter(pk=self.method.pk).update(mode=Mode.CLOUD_KEY, site=None)
        Delivery.objects.create(
            grant=self.grant,
            channel="email",
            language="en",
            created_at=NOW,
            state="sent",
            sent_at=NOW,
            opened_at=NOW,
        )
        return self.method

    def card(self, **user: Any) -> Any:
        """Let them have a card of a system instead."""
        AccessMethod.objects.all().update(mode=Mode.CLOUD_KEY)
        system, [room] = self.house.system("Room 1")
        grant = make_grant(self.house.place, entrances=[room])
        person = make_acs_user(system, full_name="Jane Doe", **user)
        make_method(grant, Mode.CARD, entrances=[room], user=person)
        self.grant = grant
        return person

    def walk(self, client: Client | None = None, **params: str) -> dict[str, dict[str, Any]]:
        url = reverse("grant-why", args=[self.grant.pk])
        response = (client or self.client).get(url, params)
        self.text = " ".join(re.sub("<[^>]+>", " ", response.content.decode()).split())
        return {step["key"]: step for step in response.context["steps"]}

    def breaks_at(self, key: str, **params: str) -> dict[str, Any]:
        """Check that this link is the first broken one, and return it."""
        steps = self.walk(**params)
        at = KEYS.index(key)
        marks = [steps[each]["mark"] for each in KEYS]
        assert steps[key]["mark"] == "broken", {k: steps[k]["sentence"] for k in KEYS[: at + 1]}
        assert all(mark in ("ok", "unsure") for mark in marks[:at]), marks
        assert marks[at + 1 :] == ["unchecked"] * (len(KEYS) - at - 1)
        return steps[key]


@pytest.fixture
def case() -> Case:
    return Case()


def save(thing: Any, **columns: Any) -> None:
    type(thing).objects.filter(pk=thing.pk).update(**columns)


def labels(step: dict[str, Any]) -> list[str]:
    return [way.label for way in step["ways"]]


# --- nothing is wrong -----------------------------------------------------------------


def test_where_nothing_is_wrong_it_says_so_and_how_it_knows(case):
    steps = case.walk()

    assert {step["mark"] for step in steps.values()} == {"ok"}
    assert "Nothing is broken as far as is known here." in case.text
    assert "Gate: On the lock. The provider lists it on the lock." in steps["on_lock"]["sentence"]
    assert "Open it for them from here" in case.text


# --- the stay -------------------------------------------------------------------------


def test_their_time_has_not_begun(case):
    save(case.grant, starts_at=NOW + 3 * HOUR)

    step = case.breaks_at("time")

    assert step["sentence"] == (
        "Their time begins 18:00, in 3 h, by the clock of Harbour House (Europe/Amsterdam)."
    )


def test_their_time_is_over(case):
    save(case.grant, starts_at=NOW - 9 * HOUR, ends_at=NOW - 2 * HOUR)

    step = case.breaks_at("time")

    assert step["sentence"].startswith("Their time ended 13:00, 2 h ago, by the clock of")


@pytest.mark.parametrize(
    ("given_up", "label"), [(None, ["Undo"]), (NOW, [])], ids=["in time", "too late"]
)
def test_it_was_revoked(case, given_up, label):
    save(
        case.grant,
        revoked_at=NOW,
        given_up_at=given_up,
        revoked_by_name="Ana",
        revoke_reason="left early",
    )

    step = case.breaks_at("standing")

    assert step["sentence"] == "It was revoked 15:00 by Ana: left early."
    assert [each for each in labels(step) if each != "Make a new stay"] == label


def test_nothing_was_made(case):
    case.grant.shares.all().delete()

    assert case.breaks_at("made")["sentence"] == "No way in was made."


def test_this_door_was_left_out(case):
    left = {"door_id": str(case.house.shed.pk), "name": "Shed", "message": "It has no keypad."}
    save(case.grant, left_out=[left | {"is_device": True}])

    step = case.breaks_at("made", door=str(case.house.shed.pk))

    assert step["sentence"] == "Nothing opens Shed. It has no keypad."
    assert {each["mark"] for each in case.walk(door=str(case.gate.pk)).values()} == {"ok"}


def test_a_card_was_not_written(case):
    person = case.card()

    step = case.breaks_at("made")

    assert labels(step) == ["Encode card"]
    assert step["ways"][0].url == f"/cards/?user={person.pk}&intent=first"


def test_the_code_failed(case):
    save(case.code, phase="blocked", error_code="no_space", error="The lock is full.")

    step = case.breaks_at("made")

    assert "The lock is full." in step["sentence"]
    assert labels(step)[0] == "Try again"


def test_nobody_told_them(case):
    save(case.code, delivered_at=None)

    step = case.breaks_at("told")

    assert "nobody looked at the digits" in step["sentence"]


@pytest.mark.parametrize(
    ("state", "opened", "mark", "said"),
    [
        ("failed", None, "broken", "The message was not delivered. Mailbox full."),
        ("waiting", None, "broken", "The message was not sent yet."),
        ("sent", None, "unsure", "nobody opened it yet"),
        ("sent", NOW, "ok", "They opened their message 15:00."),
    ],
)
def test_the_message_did_not_reach_them(case, state, opened, mark, said):
    save(case.code, delivered_at=None)
    Delivery.objects.create(
        grant=case.grant,
        channel="email",
        language="en",
        created_at=NOW,
        state=state,
        sent_at=NOW,
        opened_at=opened,
        error="Mailbox full." if state == "failed" else "",
    )

    step = case.walk()["told"]

    assert step["mark"] == mark
    assert said in step["sentence"]


# --- the lock -------------------------------------------------------------------------


def test_it_is_not_on_the_lock_yet(case):
    save(case.code, phase="accepted", status="setting", effective_at=None, accepted_at=NOW)

    step = case.breaks_at("on_lock")

    assert "Gate: Accepted by" in step["sentence"]
    assert "Since 15:00." in step["sentence"]
    assert labels(step) == ["Look again", "Try again"]
    fields = step["ways"][0].fields
    assert fields == {"code": str(case.code.pk), "step": "sync", "back": "why"}
    done = case.client.post(step["ways"][0].url, fields)
    assert done["Location"] == reverse("grant-why", args=[case.grant.pk])


def test_an_offline_lock_breaks_a_web_key_and_makes_a_pin_doubtful(case):
    save(case.gate, is_online=False, online_since=NOW - HOUR)

    step = case.walk()["online"]
    assert step["mark"] == "unsure"
    assert "Gate is offline since 14:00. What it has already goes on working" in step["sentence"]

    case.web_key()
    step = case.breaks_at("online")
    assert labels(step) == ["Look at the lock again", "Go to the door"]
    done = case.client.post(step["ways"][0].url, step["ways"][0].fields, follow=True)
    assert "Gate: the lock is asked again." in done.content.decode()


def test_a_lock_nobody_looked_at_is_not_called_online(case):
    save(case.account, status_polled_at=NOW - 2 * HOUR)

    assert case.walk()["online"]["mark"] == "unsure"


def test_a_door_that_is_gone(case):
    save(case.gate, removed_at=NOW)

    assert "gone from the provider" in case.breaks_at("online")["sentence"]


@pytest.mark.parametrize(
    ("left", "mark"), [(80, "ok"), (25, "unsure"), (6, "unsure"), (5, "broken"), (None, "ok")]
)
def test_the_battery(case, left, mark):
    save(case.gate, battery_percent=left)

    assert case.walk()["battery"]["mark"] == mark


def test_privacy_mode(case):
    save(case.gate, privacy_mode=True)

    assert "Whoever is inside ends it." in case.breaks_at("modes")["sentence"]


def test_a_fault_of_the_lock(case):
    trouble = {"code": "jammed", "text": "The bolt is stuck.", "hinders_opening": True}
    save(case.gate, troubles=[trouble])

    assert "The bolt is stuck." in case.breaks_at("modes")["sentence"]


def test_office_mode_is_told_and_hinders_nobody(case):
    save(case.gate, office_mode=True)

    assert case.walk()["modes"]["mark"] == "unsure"


# --- what stands behind the lock ------------------------------------------------------


def test_the_account_needs_to_be_reconnected(case):
    save(case.account, state=AccountState.RECONNECT_REQUIRED, trouble="The key was withdrawn.")

    step = case.breaks_at("account")

    assert "The key was withdrawn." in step["sentence"]
    assert labels(step) == ["Reconnect the account: a manager can do this"]
    manager = client_of(make_user(Role.MANAGER, workspace=case.house.workspace))
    way = case.walk(manager)["account"]["ways"][0]
    assert (way.label, way.url) == ("Reconnect the account", f"/accounts/{case.account.pk}/")


def test_a_blocked_account_breaks_web_keys_only(case):
    save(case.account, state=AccountState.ACTUATION_BLOCKED)
    assert case.walk()["account"]["mark"] == "ok"

    case.web_key()
    assert "Opening from here is blocked" in case.breaks_at("account")["sentence"]


def test_an_account_that_answers_badly_is_doubtful(case):
    save(case.account, state=AccountState.DEGRADED)

    assert case.walk()["account"]["mark"] == "unsure"


def test_a_hub_that_is_offline(case):
    save(case.gate.hub, is_online=False)
    assert case.walk()["hub"]["mark"] == "unsure"

    case.web_key()
    assert "The hub IQ is offline" in case.breaks_at("hub")["sentence"]


def test_a_hub_that_was_never_activated(case):
    case.web_key()
    save(case.gate.hub, otp_enabled=True)

    assert "Remote opening is not activated on IQ." in case.breaks_at("hub")["sentence"]


def test_somebody_without_a_seat(case):
    case.card(is_subscribed=False)

    step = case.breaks_at("quota")

    assert "No seat" in step["sentence"]
    assert labels(step) == ["Their page in the system"]


def test_somebody_suspended_at_the_desk(case):
    case.card(is_suspended=True)

    assert "Suspended" in case.breaks_at("quota")["sentence"]


# --- the hand at the door -------------------------------------------------------------


def denial(case: Case, at: datetime) -> None:
    """A line of the feed; its id carries the moved clock."""
    Event.objects.create(
        id=id_at(at, "denied"),
        kind=Kind.DOOR,
        verb=Verb.REJECTED,
        workspace_id=case.house.workspace.pk,
        occurred_at=at,
        recorded_at=at,
        property_id=case.house.place.pk,
        device_id=case.gate.pk,
        device_name=case.gate.name,
        detail={"detail": "wrong_pin"},
    )


def test_the_last_denial_is_the_last_link(case):
    denial(case, NOW - timedelta(minutes=3))

    step = case.breaks_at("denied")

    assert "14:57" in step["sentence"]
    assert "denied at Gate (wrong pin)" in step["sentence"]
    assert labels(step) == ["What happened at this door"]


@pytest.mark.parametrize("ago", [timedelta(hours=3), timedelta(minutes=3)])
def test_a_denial_long_ago_or_before_they_got_in_is_over(case, ago):
    denial(case, NOW - ago)
    if ago < HOUR:
        save(case.code, last_used_at=NOW - timedelta(minutes=1))

    assert case.walk()["denied"]["mark"] == "ok"


# --- around the walk ------------------------------------------------------------------


def test_who_may_only_look_is_told_who_can_mend_it(case):
    auditor = client_of(make_user(Role.AUDITOR, workspace=case.house.workspace))
    save(case.code, phase="accepted", status="setting", effective_at=None)

    step = case.walk(auditor)["on_lock"]

    assert labels(step)[0] == "Look again: somebody at the desk can do this"
    assert not any(way.url for way in step["ways"])


def test_the_walk_costs_the_same_for_one_door_and_for_three(case):
    def cost(*things: Any) -> int:
        case.grant = make_grant(case.house.place, devices=things)
        make_method(case.grant, devices=things, code=ON_LOCK)
        case.walk()
        with CaptureQueriesContext(connection) as queries:
            case.walk()
        return len(queries)

    doors = [case.house.keypad(f"Door {n}") for n in range(4)]
    assert cost(doors[0]) == cost(*doors[1:])


def test_nobody_is_asked_to_open_for_somebody_revoked(case):
    save(case.grant, revoked_at=NOW)

    case.walk()

    assert "Open it for them from here" not in case.text


@pytest.mark.parametrize("junk", ["nonsense", "\0", "0" * 5000])
def test_a_door_that_is_none_is_no_error(case, junk):
    assert case.walk(door=junk)["made"]["mark"] == "broken"


def search(client: Client, text: str, **more: Any) -> Any:
    return client.get(reverse("grants-why"), {"q": text}, **more)


@pytest.mark.parametrize("text", ["jane", "gate", "Jane Gate"])
def test_one_stay_that_fits_is_walked_at_once(case, text):
    response = search(case.client, text)

    assert response["Location"] == reverse("grant-why", args=[case.grant.pk])


def test_of_several_somebody_chooses(case):
    other = make_grant(
        case.house.place, devices=[case.gate], starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR
    )

    response = search(case.client, "gate")

    assert [grant.pk for grant, _, _ in response.context["found"]] == [case.grant.pk, other.pk]


def test_nobody_fits(case):
    make_identity(case.house.workspace, full_name="Nobody Here")
    auditor = client_of(make_user(Role.AUDITOR, workspace=case.house.workspace))

    for client, is_offered in ((case.client, True), (auditor, False)):
        found = search(client, "nobody").content.decode()
        assert "No stay fits" in found
        assert (reverse("grant-new") in found) == is_offered
    assert "Digits are not searched for" in search(case.client, "").content.decode()


def test_stays_of_other_workspaces_are_not_found(case):
    make_grant(name="Jane’s")
    assert AccessGrant.objects.count() == 2

    assert search(case.client, "jane").status_code == 302
