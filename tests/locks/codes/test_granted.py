"""What access grants wish of codes, and several doors that are one guest at the provider."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from accounts.models import ConnectedAccount
from accounts.providers.base import Code, ProviderError, RefusedError, UncertainError
from audit.models import Event
from audit.who import SYSTEM, Who
from audit.words import How, Verb
from locks.codes import granted, pins, reconciling, room, services
from locks.codes.evidence import codes_of
from locks.codes.rules import Window
from locks.codes.states import CodePhase, SecretState
from locks.models import AccessCode, CodeDoor, Device
from tests.locks.codes.conftest import CodesDriver
from tests.make import actor, make_device, make_user

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
GRANT = UUID(int=7)
STEPS = ("guest", "group", "group_lock", "schedule", "use_pin", "pin", "member")


@pytest.fixture(autouse=True)
def _takes_what_the_cloud_takes(monkeypatch: pytest.MonkeyPatch, request: Any) -> None:
    """Judge a door's rules by the provider in memory."""
    name = next((each for each in ("salto", "keypad") if each in request.fixturenames), None)
    if name:
        driver = request.getfixturevalue(name)
        monkeypatch.setattr("locks.codes.capability.driver_of", lambda _: driver)


def three_doors() -> list[Device]:
    first = make_device(has_keypad=True)
    more = [make_device(first.site, name=f"Door {n}", has_keypad=True) for n in (2, 3)]
    return [first, *more]


def put(device: Device, **wish: Any) -> AccessCode:
    now = timezone.now()
    return granted.put(
        device,
        **{
            "name": "Jane",
            "window": Window(),
            "digits": "",
            "shared_key": "method-1",
            "grant_id": GRANT,
            "who": SYSTEM,
            "at": now,
        }
        | wish,
    )


def run(*codes: AccessCode) -> None:
    reconciling.run(codes[0].account_id)
    for code in codes:
        code.refresh_from_db()


def later(*codes: AccessCode, **ago: float) -> None:
    """Let so much time go by for these codes, and the lock be heard of."""
    past = timedelta(**ago)
    names = ("ambiguous_since", "written_at", "accepted_at", "removal_accepted_at")
    names += ("removed_in_cloud_at", "missing_since", "setting_since", "next_run_at")
    for code in codes:
        code.refresh_from_db()
        for name in names:
            if at := getattr(code, name):
                setattr(code, name, at - past)
        code.save()
    for door in CodeDoor.objects.all():
        for name in ("ambiguous_since", "written_at", "ready_at"):
            if at := getattr(door, name):
                setattr(door, name, at - past)
        door.save()
    ConnectedAccount.objects.update(codes_listed_at=None, status_polled_at=timezone.now())


def settle(*codes: AccessCode, turns: int = 6) -> None:
    for _ in range(turns):
        later(*codes, minutes=3)
        run(*codes)


def open_doors(salto: CodesDriver) -> set[str]:
    """Return the locks that the one guest opens now."""
    [guest] = salto.cloud.alive
    now = datetime.now().astimezone()
    return {lock for lock in salto.cloud.doors if salto.cloud.opens(guest, now, lock)}


def locks_of(*codes: AccessCode) -> set[str]:
    return {code.device.remote_id for code in codes}


def revoke(*codes: AccessCode) -> int:
    return granted.revoke(codes, who=SYSTEM, at=timezone.now(), reason="grant revoked")


# --- wishes --------------------------------------------------------------------------------------


def test_a_wish_is_a_row_a_line_and_an_alarm(salto: CodesDriver) -> None:
    [device, *_] = three_doors()
    user = make_user("admin", workspace=device.workspace)

    code = put(device, who=Who(kind="user", id=str(user.pk), name="Ana"))

    code.refresh_from_db()
    assert (code.grant_id, code.shared_key, code.created_by) == (GRANT, "method-1", user)
    assert code.next_run_at is not None
    assert [(m.what, m.who) for m in code.moments.all()] == [("asked", "Ana")]
    event = Event.objects.get(verb=Verb.CODE_CREATED)
    assert (event.actor_name, event.how) == ("Ana", How.WEB)


def test_what_nobody_asked_for_is_done_by_the_system(salto: CodesDriver) -> None:
    code = put(three_doors()[0])

    event = Event.objects.get(verb=Verb.CODE_CREATED)
    assert (code.created_by, event.actor_kind, event.how) == (None, "system", How.SYSTEM)


def test_locks_that_take_our_digits_share_no_guest(keypad: CodesDriver) -> None:
    one, two, _ = [put(device, digits="274951") for device in three_doors()]

    assert one.shared_key == ""
    assert one.ref != two.ref
    assert one.unseal_digits() == two.unseal_digits() == "274951"


def test_codes_of_one_guest_have_one_name_and_one_window(salto: CodesDriver) -> None:
    now = timezone.now()
    one, two, _ = three_doors()
    first = put(one)
    run(first)

    second = put(two, name="Joan", window=Window(now, now + HOUR))
    run(first, second)

    assert (first.name, first.ends_at, first.generation) == ("Joan", now + HOUR, 2)
    assert (salto.steps.count("rename"), salto.steps.count("set_end")) == (1, 1)
    assert first.unseal_digits() == second.unseal_digits() != ""


def test_a_person_changes_a_shared_code_by_its_grant(salto: CodesDriver) -> None:
    code = put(three_doors()[0])
    by = actor(make_user("admin", workspace=code.workspace))

    with pytest.raises(services.RefusedError, match="belongs to a stay"):
        services.change(code, services.Wish(name="Joan"), generation=1, by=by, at=timezone.now())


def test_a_guest_takes_one_seat_however_many_doors(salto: CodesDriver) -> None:
    codes = [put(device) for device in three_doors()]
    site = codes[0].site
    site.seats_used, site.seats_total = 3, 10

    found = room.seats(site)

    assert found is not None
    assert found.used == 4


# --- making --------------------------------------------------------------------------------------


def test_several_doors_are_one_guest_with_one_pin(salto: CodesDriver) -> None:
    codes = [put(device) for device in three_doors()]

    run(*codes)

    assert salto.steps.count("guest") == salto.steps.count("pin") == 1
    assert salto.steps.count("use_pin") == 1
    assert salto.steps.count("member") == 3
    [guest] = salto.cloud.alive
    assert {code.remote_id for code in codes} == {guest.remote_id}
    assert {code.unseal_digits() for code in codes} == {guest.now["digits"]}
    assert len({code.digits_index for code in codes}) == 1
    assert {code.phase for code in codes} == {CodePhase.ACCEPTED}
    assert open_doors(salto) == locks_of(*codes)


def test_a_door_added_later_takes_over_guest_and_digits(salto: CodesDriver) -> None:
    one, two, three = three_doors()
    codes = [put(one), put(two)]
    run(*codes)
    pins.reveal(
        codes[0],
        by=actor(make_user("admin", workspace=one.workspace)),
        at=(told_at := timezone.now()),
    )
    salto.steps.clear()

    codes.append(put(three))
    run(*codes)

    assert salto.steps == ["group", "group_lock", "schedule", "member"]
    assert {code.unseal_digits() for code in codes} == {salto.cloud.alive[0].now["digits"]}
    assert {code.delivered_at for code in codes} == {told_at}
    assert open_doors(salto) == locks_of(*codes)


def test_the_window_of_a_guest_is_changed_in_one_call(salto: CodesDriver) -> None:
    now = timezone.now()
    window = Window(now, now + HOUR)
    codes = [put(device, window=window) for device in three_doors()]
    run(*codes)
    salto.steps.clear()

    for code in codes:
        granted.change(
            code,
            name="Jane",
            window=Window(now, now + 2 * HOUR),
            digits=None,
            new_digits=False,
            who=SYSTEM,
            at=now,
        )
    run(*codes)

    assert salto.steps == ["set_end"]
    assert {code.ends_at for code in codes} == {now + 2 * HOUR}
    assert {(code.generation, code.observed_generation) for code in codes} == {(2, 2)}


def test_new_digits_are_made_once(salto: CodesDriver) -> None:
    codes = [put(device) for device in three_doors()]
    run(*codes)
    old = codes[0].unseal_digits()
    salto.steps.clear()

    granted.change(
        codes[1],
        name="Jane",
        window=Window(),
        digits=None,
        new_digits=True,
        who=SYSTEM,
        at=timezone.now(),
    )
    run(*codes)

    assert salto.steps == ["pin"]
    assert {code.unseal_digits() for code in codes} == {salto.cloud.alive[0].now["digits"]}
    assert old not in {code.unseal_digits() for code in codes}


def test_a_full_site_is_not_asked_for_any_of_them(salto: CodesDriver) -> None:
    salto.cloud.seats = 0
    codes = [put(device) for device in three_doors()]
    run(*codes)
    assert salto.steps == []
    assert {code.error_code for code in codes} == {Code.NO_SEAT}

    salto.cloud.seats = 1
    settle(*codes)

    assert salto.steps.count("guest") == 1
    assert open_doors(salto) == locks_of(*codes)


def test_a_refused_guest_is_asked_for_once_and_not_once_a_door(salto: CodesDriver) -> None:
    codes = [put(device) for device in three_doors()]
    salto.fails = [("before guest", RefusedError("busy", status=503))]

    run(*codes)

    assert salto.steps == ["guest"]
    settle(*codes, turns=1)
    assert open_doors(salto) == locks_of(*codes)


def test_a_door_that_takes_no_codes_holds_up_no_other(salto: CodesDriver) -> None:
    codes = [put(device) for device in three_doors()]
    Device.objects.filter(pk=codes[0].device_id).update(has_keypad=False)

    run(*codes)

    assert [code.phase for code in codes] == [
        CodePhase.BLOCKED,
        CodePhase.ACCEPTED,
        CodePhase.ACCEPTED,
    ]
    assert open_doors(salto) == locks_of(*codes[1:])


# --- crashes and lost answers --------------------------------------------------------------------


def crash_after(salto: CodesDriver, count: int) -> None:
    def during(_: str) -> None:
        if len(salto.steps) + len(salto.removed) == count:
            salto.during = lambda _: None
            raise KeyboardInterrupt

    salto.during = during


@pytest.mark.parametrize("count", range(1, 16))
def test_a_crash_after_any_step_leaves_one_guest_and_every_door(
    salto: CodesDriver, count: int
) -> None:
    codes = [put(device) for device in three_doors()]
    crash_after(salto, count)
    with pytest.raises(KeyboardInterrupt):
        run(*codes)

    settle(*codes)

    assert salto.steps.count("guest") == 1
    assert salto.steps.count("pin") <= 2  # digits that were lost are made once more
    assert open_doors(salto) == locks_of(*codes)
    assert {code.unseal_digits() for code in codes} == {salto.cloud.alive[0].now["digits"]}
    assert {code.phase for code in codes} == {CodePhase.ON_LOCK}


@pytest.mark.parametrize("step", STEPS)
def test_a_lost_answer_to_any_step_is_made_good(salto: CodesDriver, step: str) -> None:
    codes = [put(device) for device in three_doors()]
    salto.fails = [(step, UncertainError("no answer"))]
    run(*codes)

    settle(*codes)

    assert salto.steps.count("guest") == 1
    assert salto.steps.count("pin") == (2 if step == "pin" else 1)
    assert open_doors(salto) == locks_of(*codes)
    assert {code.unseal_digits() for code in codes} == {salto.cloud.alive[0].now["digits"]}
    assert {code.secret_state for code in codes} == {SecretState.STORED}


# --- ending --------------------------------------------------------------------------------------


def ready(salto: CodesDriver) -> list[AccessCode]:
    codes = [put(device) for device in three_doors()]
    run(*codes)
    settle(*codes, turns=2)
    salto.steps.clear()
    salto.removed.clear()
    return codes


def test_one_door_is_taken_away_and_the_guest_stays(salto: CodesDriver) -> None:
    codes = ready(salto)
    digits = codes[1].unseal_digits()

    assert revoke(codes[0]) == 1
    run(*codes)
    assert codes[0].phase == CodePhase.VERIFYING_ABSENT
    assert (salto.left, salto.removed) == ([codes[0].device.remote_id], [])
    settle(*codes, turns=3)

    assert codes[0].phase == CodePhase.REMOVED
    assert open_doors(salto) == locks_of(*codes[1:])
    assert {code.phase for code in codes[1:]} == {CodePhase.ON_LOCK}
    assert salto.cloud.alive[0].now["digits"] == digits
    assert salto.steps == []


def test_a_door_counts_as_left_only_once_a_listing_shows_it(salto: CodesDriver) -> None:
    codes = ready(salto)
    salto.lies = True
    revoke(codes[0])
    run(*codes)

    later(*codes, seconds=75)
    run(*codes)
    assert codes[0].phase in (CodePhase.REMOVING, CodePhase.VERIFYING_ABSENT)
    assert codes[0].device.remote_id in open_doors(salto)
    assert "still_there" in codes[0].moments.values_list("what", flat=True)

    salto.lies = False
    settle(*codes, turns=4)
    assert codes[0].phase == CodePhase.REMOVED
    assert open_doors(salto) == locks_of(*codes[1:])


@pytest.mark.parametrize(
    "error", [UncertainError("no answer"), RefusedError("busy", status=502)], ids=str
)
def test_a_door_is_left_although_the_call_fails(salto: CodesDriver, error: ProviderError) -> None:
    codes = ready(salto)
    salto.fails = [("leave", error)]
    revoke(codes[0])
    run(*codes)
    settle(*codes, turns=4)

    assert codes[0].phase == CodePhase.REMOVED
    assert open_doors(salto) == locks_of(*codes[1:])


def test_a_broken_sibling_holds_up_no_removal(salto: CodesDriver) -> None:
    codes = ready(salto)
    AccessCode.objects.filter(pk=codes[1].pk).update(
        phase=CodePhase.BLOCKED, error_code="failed_to_set_on_device", generation=2
    )
    revoke(codes[0])

    run(*codes)

    assert salto.left == [codes[0].device.remote_id]
    assert codes[0].device.remote_id not in open_doors(salto)


def test_a_lock_that_is_away_has_not_heard_of_it(salto: CodesDriver) -> None:
    codes = ready(salto)
    Device.objects.filter(pk=codes[0].device_id).update(is_online=False)
    revoke(*codes[:2])
    run(*codes)
    settle(*codes, turns=3)

    assert codes[0].phase == CodePhase.REMOVED_IN_CLOUD
    assert [each["code"] for each in codes[0].warnings if "reached" in each["code"]]
    assert (codes[1].phase, codes[2].phase) == (CodePhase.REMOVED, CodePhase.ON_LOCK)


def test_the_last_one_takes_the_guest_with_it(salto: CodesDriver) -> None:
    codes = ready(salto)
    revoke(codes[0])
    run(*codes)
    revoke(*codes[1:])
    run(*codes)

    assert salto.removed == [codes[1].remote_id]  # one call for all that are left
    assert salto.cloud.alive == []
    salto.listing = {"lines": 4}
    settle(*codes, turns=3)
    assert {code.phase for code in codes} == {CodePhase.REMOVED}


def test_all_of_them_at_once_are_one_call(salto: CodesDriver) -> None:
    codes = ready(salto)

    assert revoke(*codes) == 3
    run(*codes)
    salto.listing = {"lines": 4}
    settle(*codes, turns=3)

    assert (len(salto.removed), salto.left) == (1, [])
    assert {code.phase for code in codes} == {CodePhase.REMOVED}


def test_a_door_given_again_while_it_is_being_left_stays_open(salto: CodesDriver) -> None:
    codes = ready(salto)
    revoke(codes[0])
    run(*codes)

    again = put(codes[0].device)
    run(*codes, again)
    settle(*codes, again, turns=3)

    assert codes[0].phase == CodePhase.REMOVED
    assert again.phase == CodePhase.ON_LOCK
    assert again.unseal_digits() == salto.cloud.alive[0].now["digits"]
    assert open_doors(salto) == locks_of(*codes)


# --- what others do ------------------------------------------------------------------------------


def test_a_membership_taken_away_outside_is_put_back(salto: CodesDriver) -> None:
    codes = ready(salto)
    [guest] = salto.cloud.alive
    lock_id = codes[1].device.remote_id
    salto.cloud._in_group(lock_id, guest.now["person"], is_in=False)

    settle(*codes, turns=4)

    assert open_doors(salto) == locks_of(*codes)
    assert salto.steps == ["member"]
    drifted = [code.moments.filter(what="drifted").exists() for code in codes]
    assert drifted == [False, True, False]


def test_a_guest_put_back_at_a_door_it_was_taken_from_is_taken_off_again(
    salto: CodesDriver,
) -> None:
    codes = ready(salto)
    [guest] = salto.cloud.alive
    revoke(codes[0])
    run(*codes)
    settle(*codes, turns=3)
    assert codes[0].phase == CodePhase.REMOVED

    put(codes[0].device, shared_key="")  # doors with codes are looked at in turn
    salto.cloud._in_group(codes[0].device.remote_id, guest.now["person"], is_in=True)
    settle(*codes, turns=8)

    now = datetime.now().astimezone()
    assert not salto.cloud.opens(guest, now, codes[0].device.remote_id)
    assert salto.cloud.opens(guest, now, codes[1].device.remote_id)
    assert codes[0].phase == CodePhase.REMOVED


def test_a_guest_deleted_outside_is_made_again_once(salto: CodesDriver) -> None:
    codes = ready(salto)
    salto.cloud.end(salto.cloud.alive[0])
    salto.listing = {"lines": 4}

    settle(*codes)

    assert (salto.steps.count("guest"), salto.steps.count("pin")) == (1, 1)
    assert open_doors(salto) == locks_of(*codes)
    assert {code.unseal_digits() for code in codes} == {salto.cloud.alive[0].now["digits"]}


def test_digits_that_somebody_has_are_not_made_anew_at_any_door(salto: CodesDriver) -> None:
    codes = ready(salto)
    AccessCode.objects.filter(pk=codes[0].pk).update(delivered_at=timezone.now())
    salto.cloud.end(salto.cloud.alive[0])
    salto.listing = {"lines": 4}

    settle(*codes)

    assert salto.steps == []
    assert {code.error_code for code in codes} == {"failed_to_set_on_device"}


def test_an_opening_is_evidence_for_its_own_door_only(salto: CodesDriver) -> None:
    codes = ready(salto)
    person = codes[0].person_id

    found = codes_of(codes[0].site, [_Opening(person)])  # type: ignore[list-item]

    assert {key: code.pk for key, code in found.items()} == {
        (person, code.device.remote_id): code.pk for code in codes
    }


class _Opening:
    def __init__(self, person_id: str) -> None:
        self.how, self.person_id = "code", person_id
