"""The page of one stay, and what ends stays."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from access.grants import keeping, services
from access.grants.stay import lines, when
from access.guests import authority, links
from access.models import AccessGrant
from accounts.models import Membership, Role
from accounts.providers.systems import AccessMethod as Mode
from audit.models import Event
from audit.who import Who
from audit.words import How, Verb
from locks.models import AccessCode, CodeMoment
from tests.access.grants.house import ARRIVES, LEAVES, NOW, create
from tests.access.grants.test_standing import ON_LOCK
from tests.make import (
    client_of,
    make_attempt,
    make_credential,
    make_entrance,
    make_event,
    make_grant,
    make_method,
    make_property,
    make_system,
    make_user,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

HOUR = timedelta(hours=1)


def words(response: Any) -> str:
    text = re.sub("<[^>]+>", " ", response.content.decode())
    return " ".join(text.replace("&nbsp;", " ").split())


def page(client: Client, grant: AccessGrant) -> str:
    return words(client.get(grant.get_absolute_url()))


# --- what it says ---------------------------------------------------------------------


def test_everything_about_a_stay_is_in_one_place(house, client):
    _, [room] = house.system("Room 1")
    grant = create(house, house.gate, room, modes=(Mode.CODE, Mode.CARD), name="Honeymoon")

    text = page(client, grant)

    for said in (
        "Jane Doe",
        "Upcoming",
        "in 60 min",
        "Times in Europe/Amsterdam",
        "Gate → Room 1",
        "Honeymoon",
        "jane@example.com",
        "PIN",
        "Card",
        "Ana let Jane Doe in",
        "Asked for",
        "Why can’t they get in?",
    ):
        assert said in text, said


def test_a_written_card_is_asked_for_at_the_station(house, client):
    _, [room] = house.system("Room 1")
    grant = make_grant(house.place, entrances=[room])
    method = make_method(grant, Mode.CARD, entrances=[room])

    html = client.get(grant.get_absolute_url()).content.decode()

    assert f"/cards/?user={method.acs_user_id}&amp;intent=first" in html
    assert "Encode card" in html
    make_credential(method.acs_user, card_state="issued", issued_at=NOW)
    assert method.acs_user.get_absolute_url() in html


def test_a_card_that_is_back_is_said_to_open_until_it_is_written_again(house, client):
    _, [room] = house.system("Room 1")
    grant = make_grant(house.place, entrances=[room])
    method = make_method(grant, Mode.CARD, entrances=[room])
    card = make_credential(method.acs_user, card_state="returned", issued_at=NOW)
    AccessGrant.objects.filter(pk=grant.pk).update(revoked_at=NOW, given_up_at=NOW, gone_at=NOW)
    words = f"offline doors may open with the card …{card.last_four}."

    assert words in page(client, grant)
    assert "Nothing of it opens a door: seen" not in page(client, grant)

    room.is_wired = True
    room.save()
    assert "Nothing of it opens a door: seen" in page(client, grant)


def test_a_pin_of_a_system_is_revealed_and_copied(house, client):
    system = make_system(house.lobby.account, property=house.place, external_type="salto_ks_site")
    grant = make_grant(house.place, entrances=[door := make_entrance(system)])
    method = make_method(grant, Mode.CODE, entrances=[door])
    pin = make_credential(method.acs_user, access_method="code", code_sealed="sealed")

    html = client_of(make_user(Role.MANAGER, workspace=house.workspace)).get(
        grant.get_absolute_url()
    )

    address = reverse("acs-credential-reveal", args=[pin.pk])
    forms = re.findall(f'action="{address}" data-digits="([a-z]+)"', html.content.decode())
    assert forms == ["show", "copy"]


def test_doors_left_out_and_what_the_plan_warned_of_are_said_with_seams_word(house, client):
    grant = create(house, house.lobby, house.back, digits="4711")
    AccessGrant.objects.update(
        left_out=[
            {"door_id": str(house.shed.pk), "name": "Shed", "message": "No keypad.", "is_device": 1}
        ],
        plan_error="PIN already in use on Gate: choose another one",
    )

    text = page(client, grant)

    assert "several Salto locks share a PIN that is made for them. requested_code_unavailable" in (
        text
    )
    assert "Doors that nothing opens Shed No keypad." in text
    assert "A door that was added since is not in it: PIN already in use on Gate" in text


def test_what_may_still_open_says_so_with_whom_to_call(house, client):
    make_user(Role.MANAGER, workspace=house.workspace, name="Mara", email="mara@example.org")
    grant = make_grant(
        house.place, devices=[house.gate], starts_at=NOW - 9 * HOUR, ends_at=NOW - HOUR
    )
    code = {"phase": "removing", "status": "removing", "overdue_since": NOW - HOUR, "attempts": 14}
    made = make_method(grant, devices=[house.gate], code=ON_LOCK | code)

    response = client.get(grant.get_absolute_url())

    text = words(response)
    assert "STILL ACTIVE on Gate – removing since 14:00, 14 tries" in text
    assert "Mara manager mara@example.org" in text.replace("Manager", "manager")
    assert "Try again" in text
    client.post(
        reverse("grant-again", args=[grant.pk]),
        {"code": made.doors.get().code_id, "step": "remove"},
    )
    assert CodeMoment.objects.filter(what="remove_now").exists()


def test_another_stays_code_is_not_tried_again_from_here(house, client):
    one, other = create(house, house.gate), create(house, house.shed, email="o@example.com")
    code = AccessCode.objects.get(grant_id=other.pk)

    response = client.post(reverse("grant-again", args=[one.pk]), {"code": code.pk, "step": "push"})

    assert response.status_code == 404


def test_one_who_sees_no_stays_of_this_property_sees_none_of_their_other_ones(house, client):
    grant = create(house, house.gate)
    elsewhere = make_property(house.workspace, name="Elsewhere")
    other = make_grant(elsewhere, identity=grant.identity)
    user = house.by.user
    assert str(other.pk) in client.get(grant.get_absolute_url()).content.decode()

    Membership.objects.filter(user=user).update(property=house.place)

    assert str(other.pk) not in client.get(grant.get_absolute_url()).content.decode()


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (ARRIVES - 3 * HOUR, "in 3 h"),
        (ARRIVES - timedelta(minutes=25), "in 25 min"),
        (ARRIVES, "for 2 days more"),
        (LEAVES - timedelta(days=1), "until tomorrow 12:00"),
        (LEAVES - timedelta(seconds=1), "until 12:00"),
        (LEAVES, "over for 1 min"),
        (LEAVES + 50 * HOUR, "over for 2 days"),
    ],
)
def test_how_far_away_a_stay_is(house, at, said):
    grant = create(house, house.gate)

    assert when.far(grant, at) == said


def test_the_page_costs_the_same_for_one_door_and_for_three(house, client):
    def cost(*things: Any) -> int:
        grant = make_grant(house.place, devices=things)
        make_method(grant, devices=things, code=ON_LOCK)
        client.get(grant.get_absolute_url())
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get(grant.get_absolute_url())
        return len(queries)

    doors = [house.keypad(f"Door {n}") for n in range(4)]
    assert cost(doors[0]) == cost(*doors[1:])


# --- digits ---------------------------------------------------------------------------


def test_digits_are_shown_once_asked_for_and_count_as_handed_out_everywhere(house, client):
    grant = create(house, house.gate, house.shed, digits="471199")
    method = grant.shares.first().door.method

    assert "471199" not in client.get(grant.get_absolute_url()).content.decode()
    response = client.post(
        reverse("grant-reveal", args=[grant.pk, method.pk]),
        headers={"X-Requested-With": "XMLHttpRequest"},
    )

    assert response.json()["digits"] == "471199"
    assert response["Cache-Control"] == "no-store"
    assert {code.delivered_at for code in AccessCode.objects.all()} == {NOW}
    assert Event.objects.filter(verb=Verb.CODE_REVEALED).count() == 1


def test_without_scripts_digits_have_a_page_that_goes_by_itself(house, client):
    grant = create(house, house.gate, digits="471199")
    method = grant.shares.first().door.method

    response = client.post(reverse("grant-reveal", args=[grant.pk, method.pk]))

    assert "471199" in words(response)
    assert response["Refresh"] == f"20; url=/grants/{grant.pk}/"


def test_a_way_in_of_another_stay_is_not_revealed(house, client):
    one, other = create(house, house.gate), create(house, house.shed, email="o@example.com")
    method = other.shares.first().door.method

    response = client.post(reverse("grant-reveal", args=[one.pk, method.pk]))

    assert response.status_code == 404
    assert AccessCode.objects.filter(delivered_at__isnull=False).count() == 0


# --- revoking -------------------------------------------------------------------------


def test_what_ends_is_said_before(house, client):
    house.gate.is_online = False
    house.gate.save()
    grant = create(house, house.gate, house.shed)

    text = words(client.get(reverse("grant-revoke", args=[grant.pk])))

    assert "Gate PIN The PIN stops opening it." in text
    assert "It is offline now: it may go on opening until it is online again." in text
    assert "autofocus" in client.get(reverse("grant-revoke", args=[grant.pk])).content.decode()


def test_revoking_can_be_undone_for_ten_seconds(house, client, clock):
    grant = create(house, house.gate)
    url = reverse("grant-revoke", args=[grant.pk])

    html = client.post(url, {"reason": "left early"}, follow=True).content.decode()

    assert 'id="undo"' in html
    assert "left early" in html
    clock.shift(timedelta(seconds=9))
    keeping.tick(timezone.now())
    text = words(client.post(reverse("grant-undo", args=[grant.pk]), follow=True))
    assert "Taken back. Nothing changed at any door." in text
    grant.refresh_from_db()
    assert grant.revoked_at is None
    assert AccessCode.objects.get().revoked_at is None


def test_undo_after_the_doors_were_told_is_too_late(house, client, clock):
    grant = create(house, house.gate)
    client.post(reverse("grant-revoke", args=[grant.pk]))
    clock.shift(timedelta(seconds=10))
    keeping.tick(timezone.now())

    text = words(client.post(reverse("grant-undo", args=[grant.pk]), follow=True))

    assert "Too late: it is being carried out already." in text
    grant.refresh_from_db()
    assert grant.revoked_at == NOW
    assert 'id="undo"' not in client.get(grant.get_absolute_url()).content.decode()


@pytest.mark.parametrize(
    ("phase", "is_told"), [("removed_in_cloud", False), ("removing", False), ("removed", True)]
)
def test_doors_count_as_told_once_they_were(house, client, clock, phase, is_told):
    grant = create(house, house.gate)
    services.revoke([grant], by=house.by, at=NOW)
    clock.shift(timedelta(seconds=10))
    keeping.tick(timezone.now())
    AccessCode.objects.update(phase=phase)

    text = page(client, grant)

    assert ("The doors have been told." in text) == is_told
    assert ("It is being carried out." in text) != is_told


@pytest.mark.parametrize(
    ("given", "told"),
    [("Left early.", "Left early."), ("Left early", "Left early."), ("And so…", "And so….")],
)
def test_a_reason_ends_with_one_full_stop(house, client, given, told):
    grant = create(house, house.gate)

    answer = client.post(reverse("grant-revoke", args=[grant.pk]), {"reason": given}, follow=True)

    assert f"by Ana : {told} " in words(answer).replace(" .", ".")


def test_a_tag_is_called_a_tag_before_it_is_taken_back(house, client):
    system = make_system(house.lobby.account, property=house.place, external_type="salto_ks_site")
    grant = make_grant(house.place, entrances=[door := make_entrance(system, name="Attic")])
    make_method(grant, Mode.CARD, entrances=[door])

    assert "Attic Tag" in words(client.get(reverse("grant-revoke", args=[grant.pk])))


def test_a_stay_that_is_over_is_not_revoked_again(house, client):
    grant = create(house, house.gate)
    services.revoke([grant], by=house.by, at=NOW)

    text = words(client.post(reverse("grant-revoke", args=[grant.pk]), follow=True))

    assert "This stay is over already." in text
    assert Event.objects.filter(verb=Verb.GRANT_REVOKED).count() == 1


# --- several --------------------------------------------------------------------------


def ask(client: Client, *grants: AccessGrant, **more: str) -> Any:
    ids = [str(each.pk) for each in grants]
    return client.post(reverse("grants-revoke"), {"ids": ids} | more, follow=True)


def test_several_are_shown_then_revoked_then_had_back(house, client):
    one, other = create(house, house.gate), create(house, house.shed, email="o@example.com")

    shown = ask(client, one, other)
    assert "Revoke 2 stays?" in words(shown)
    assert not AccessGrant.objects.filter(revoked_at__isnull=False).exists()

    done = ask(client, one, other, confirmed="yes", reason="fire")
    assert "2 stays revoked" in words(done)
    assert AccessGrant.objects.filter(revoked_at=NOW, revoke_reason="fire").count() == 2

    ids = [str(one.pk), str(other.pk)]
    back = client.post(reverse("grants-undo"), {"ids": ids}, follow=True)
    assert "Taken back: 2 stays." in words(back)
    assert not AccessGrant.objects.filter(revoked_at__isnull=False).exists()


@pytest.mark.parametrize(("count", "said"), [(1, "until it is online"), (2, "until they are")])
def test_doors_that_hear_of_it_late_are_named(house, client, count, said):
    doors = [house.keypad(name, is_online=False) for name in ("Room 201", "Room 202")[:count]]

    assert f"{said} " in words(ask(client, create(house, *doors)))


def test_of_several_all_are_revoked_or_none(house, client):
    one = create(house, house.gate)
    elsewhere = make_grant(make_property(name="Another workspace"))

    response = ask(client, one, elsewhere, confirmed="yes")

    assert "One of these stays is not there any more. Nothing was revoked." in words(response)
    assert not AccessGrant.objects.filter(revoked_at__isnull=False).exists()


def test_who_may_not_end_one_of_them_ends_none(house):
    one = create(house, house.gate)
    there = make_property(house.workspace, name="Quay House")
    other = make_grant(there)
    user = make_user(Role.FRONT_DESK, workspace=house.workspace, place=house.place)
    Membership.objects.create(
        user=user, workspace=house.workspace, property=there, role=Role.AUDITOR
    )

    response = ask(client_of(user), one, other, confirmed="yes")

    assert response.status_code == 403
    assert not AccessGrant.objects.filter(revoked_at__isnull=False).exists()


@pytest.mark.parametrize("ids", [[], ["nonsense"], ["nonsense", "\0"]])
def test_nothing_sensible_chosen_is_said(client, ids):
    response = client.post(reverse("grants-revoke"), {"ids": ids}, follow=True)

    assert response.status_code == 200
    assert ("Choose at least one stay." in words(response)) or (
        "Nothing was revoked." in words(response)
    )


def test_undo_of_several_says_for_how_many_it_was_too_late(house, client, clock):
    one = create(house, house.gate)
    ask(client, one, confirmed="yes")
    clock.shift(timedelta(seconds=5))
    other = create(house, house.shed, email="o@example.com", at=timezone.now())
    ask(client, other, confirmed="yes")
    clock.shift(timedelta(seconds=6))
    keeping.tick(timezone.now())

    ids = [str(one.pk), str(other.pk)]
    back = client.post(reverse("grants-undo"), {"ids": ids}, follow=True)

    assert "Taken back: 1 stay. For 1 it was too late." in words(back)


# --- what happened --------------------------------------------------------------------


def opening(grant: AccessGrant, code: AccessCode, verb: Verb, **fields: Any) -> Event:
    """What a feed tells of a PIN that was typed."""
    return make_event(
        grant.workspace,
        verb=verb,
        who=Who(kind="provider", name="Jane Doe"),
        place=code.device.as_place(),
        how=How.CODE,
        code_id=str(code.pk),
        **fields,
    )


def pressed(grant: AccessGrant, device: Any) -> None:
    """Jane opens a door from her page."""
    link, _ = links.make(grant, by_name="", at=NOW)
    attempt = make_attempt(
        device, status="success", authority=authority.KIND, authority_id=link.pk, how="guest"
    )
    told = {"place": device.as_place(), "who": Who(kind="guest", name="Jane Doe"), "how": How.GUEST}
    for verb in (Verb.UNLOCK_REQUESTED, Verb.UNLOCK_SUCCEEDED):
        make_event(grant.workspace, verb=verb, attempt_id=attempt.pk, **told)


def test_openings_and_denials_of_a_stay_are_among_what_happened(house, client):
    grant, other = create(house, house.gate), create(house, house.shed, email="o@example.com")
    mine, theirs = (AccessCode.objects.get(grant_id=each.pk) for each in (grant, other))
    opening(grant, mine, Verb.OPENED)
    opening(grant, mine, Verb.REJECTED, detail="wrong_pin")
    opening(other, theirs, Verb.OPENED)
    pressed(grant, house.lobby)
    pressed(other, house.back)

    response = client.get(grant.get_absolute_url())
    told = [each.text for each in response.context["lines"]]

    assert "Jane Doe opened Gate with a code" in told
    assert "Jane Doe was denied at Gate (wrong pin)" in told
    assert [text for text in told if "Lobby" in text] == ["Jane Doe unlocked Lobby"]
    assert not [text for text in told if "Shed" in text or "Back" in text]


def test_what_happened_costs_the_same_for_one_opening_and_three(house, client):
    grant = create(house, house.gate)
    code = AccessCode.objects.get(grant_id=grant.pk)

    def cost() -> int:
        opening(grant, code, Verb.OPENED)
        pressed(grant, house.gate)
        client.get(grant.get_absolute_url())
        with CaptureQueriesContext(connection) as queries:
            client.get(grant.get_absolute_url())
        return len(queries)

    assert len({cost() for _ in range(3)}) == 1


def test_of_many_openings_the_newest_are_told(house, client, monkeypatch):
    monkeypatch.setattr(lines, "_MOST_OPENINGS", 2)
    grant = create(house, house.gate)
    code = AccessCode.objects.get(grant_id=grant.pk)
    for minutes in range(4):
        opening(grant, code, Verb.OPENED, at=NOW + timedelta(minutes=minutes))

    told = client.get(grant.get_absolute_url()).context["lines"]

    assert [each.at for each in told if "opened" in each.text] == [
        NOW + timedelta(minutes=minutes) for minutes in (3, 2)
    ]
