"""The reconciler with real rows and a provider in memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import OperationalError
from django.utils import timezone

from accounts.models import AccountState, ConnectedAccount, Operation
from accounts.providers.base import (
    AuthError,
    Code,
    RateLimitError,
    RefusedError,
    UncertainError,
    UnreachableError,
)
from audit.models import Event
from audit.words import Verb
from locks import insisting
from locks.codes import alerts, decide, pins, reconciling, storing
from locks.codes.states import CodePhase, CodeStatus, SecretState
from locks.codes.waking import wake
from locks.models import AccessCode, CodeDoor, Device
from tests.locks.codes.conftest import CodesDriver
from tests.make import actor, make_device, make_user

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def make_code(device: Device | None = None, *, digits: str = "", **fields: Any) -> AccessCode:
    device = device or make_device(has_keypad=True)
    code = AccessCode(
        workspace=device.workspace,
        account=device.account,
        site=device.site,
        device=device,
        **{
            "created_at": timezone.now(),
            "name": "Jane",
            "ref": pins.new_ref(),
            "next_run_at": timezone.now(),
        }
        | fields,
    )
    if digits:
        pins.store(code, digits)
    code.save()
    return code


def run(code: AccessCode) -> AccessCode:
    reconciling.run(code.account_id)
    code.refresh_from_db()
    return code


def later(code: AccessCode, **ago: float) -> AccessCode:
    """Let everything written about a code have been written so much earlier."""
    past = timedelta(**ago)
    code.refresh_from_db()
    for name in (
        "ambiguous_since",
        "written_at",
        "accepted_at",
        "removal_accepted_at",
        "removed_in_cloud_at",
        "missing_since",
        "setting_since",
        "next_run_at",
    ):
        if at := getattr(code, name):
            setattr(code, name, at - past)
    code.save()
    ConnectedAccount.objects.filter(pk=code.account_id).update(codes_listed_at=None)
    return code


def polled(code: AccessCode, at: datetime | None = None) -> None:
    ConnectedAccount.objects.filter(pk=code.account_id).update(
        status_polled_at=at or timezone.now()
    )


def moments(code: AccessCode) -> list[str]:
    return list(code.moments.order_by("at", "id").values_list("what", flat=True))


def verbs(code: AccessCode) -> list[str]:
    return list(
        Event.objects.filter(subject=code.name).order_by("id").values_list("verb", flat=True)
    )


# --- setting -------------------------------------------------------------------------------------


def test_a_code_at_salto_is_built_up_and_its_digits_are_stored(salto: CodesDriver) -> None:
    code = run(make_code(ends_at=timezone.now() + HOUR, starts_at=timezone.now()))

    assert salto.steps == [
        "guest", "group", "group_lock", "schedule", "use_pin", "pin", "member",
    ]  # fmt: skip
    assert (code.phase, code.status) == (CodePhase.ACCEPTED, CodeStatus.SETTING)
    copy = salto.cloud.alive[0]
    assert code.remote_id == copy.remote_id
    assert code.unseal_digits() == copy.now["digits"]
    assert code.secret_state == SecretState.STORED
    assert code.digits_index == pins.blind_index(code.site_id, copy.now["digits"])
    assert code.has_native_end
    assert CodeDoor.objects.get(device=code.device).ready_at is not None


def test_it_is_on_the_lock_once_the_delay_went_by_with_the_lock_online(
    salto: CodesDriver,
) -> None:
    code = run(make_code())
    later(code, minutes=10)
    CodeDoor.objects.update(ready_at=timezone.now() - HOUR)
    assert run(code).phase == CodePhase.ACCEPTED  # nobody has seen the lock since

    polled(code)
    later(code, minutes=1)
    run(code)

    assert (code.phase, code.status) == (CodePhase.ON_LOCK, CodeStatus.SET)
    assert code.effective_evidence == "time"
    assert verbs(code) == [Verb.CODE_SET]
    assert code.next_run_at is None


def test_digits_are_ready_before_the_code_may_open(salto: CodesDriver) -> None:
    starts_at = timezone.now() + HOUR
    code = run(make_code(starts_at=starts_at, ends_at=starts_at + HOUR))

    assert "pin" in salto.steps
    assert "member" not in salto.steps
    assert (code.phase, code.status) == (CodePhase.WAITING, CodeStatus.UNSET)
    assert code.next_run_at == starts_at - salto.cloud.rules.lead
    assert code.secret_state == SecretState.STORED


def test_a_keypad_gets_our_digits_an_hour_before(keypad: CodesDriver) -> None:
    now = timezone.now()
    early = run(make_code(digits="274951", starts_at=now + 2 * HOUR, ends_at=now + 3 * HOUR))
    assert keypad.steps == []

    soon = run(make_code(early.device, digits="274952", starts_at=now, ends_at=now + HOUR))

    assert keypad.steps == ["create"]
    assert [copy.now["digits"] for copy in keypad.cloud.alive] == ["274952"]
    assert len(keypad.cloud.alive[0].now["name"]) <= 12
    assert early.phase == CodePhase.WAITING
    assert run(later(soon, minutes=1)).phase == CodePhase.ON_LOCK
    assert soon.effective_evidence == "listing"


def test_code_04_a_create_without_an_answer_is_adopted_and_not_repeated(
    keypad: CodesDriver,
) -> None:
    keypad.fails = [("create", UncertainError("no answer"))]
    code = run(make_code(digits="274951"))
    assert (code.phase, code.remote_id) == (CodePhase.AMBIGUOUS, "")

    run(later(code, seconds=6))

    assert keypad.steps == ["create"]
    assert code.remote_id == keypad.cloud.alive[0].remote_id
    assert "found" in moments(code)


def test_code_04_what_never_arrived_is_asked_again_only_after_the_listing_has_settled(
    keypad: CodesDriver,
) -> None:
    keypad.fails = [("before create", UncertainError("no answer"))]
    keypad.listing = {"lines": 1}  # not an empty answer
    code = run(make_code(digits="274951"))

    run(later(code, seconds=30))
    assert keypad.steps == ["create"]
    run(later(code, seconds=60))

    assert keypad.steps == ["create", "create"]
    assert len(keypad.cloud.alive) == 1


def test_sks_01_digits_lost_before_anybody_had_them_are_made_anew(salto: CodesDriver) -> None:
    salto.fails = [("pin", UncertainError("no answer"))]
    code = run(make_code())
    assert code.unseal_digits() == ""

    run(later(code, minutes=2))

    assert salto.steps.count("pin") == 2
    assert code.unseal_digits() == salto.cloud.alive[0].now["digits"]
    assert Verb.CODE_DIGITS_CHANGED in verbs(code)


def test_sks_01_digits_that_somebody_has_are_never_made_anew(salto: CodesDriver) -> None:
    code = run(make_code())
    AccessCode.objects.update(delivered_at=timezone.now())
    salto.cloud.end(salto.cloud.alive[0])  # somebody deletes the guest at Salto

    run(later(code, minutes=5))
    run(later(code, minutes=5))
    run(later(code, minutes=5))

    assert salto.steps.count("pin") == 1
    assert (code.phase, code.error_code) == (CodePhase.BLOCKED, "failed_to_set_on_device")
    assert "make a new code" in code.error
    assert Verb.CODE_CHANGED_OUTSIDE in verbs(code)


def test_code_15_a_late_result_does_not_mark_a_newer_wish_as_done(salto: CodesDriver) -> None:
    code = make_code()

    def change(step: str) -> None:
        if step == "member":
            AccessCode.objects.update(generation=2, name="Joan")

    salto.during = change
    run(code)

    assert "rename" in salto.steps
    assert salto.cloud.alive[0].now["name"].endswith("Joan")
    assert code.observed_generation == 2


def test_code_12_a_full_site_is_not_asked(salto: CodesDriver) -> None:
    device = make_device(has_keypad=True)
    salto.cloud.seats = 0

    code = run(make_code(device))

    assert salto.steps == []
    assert (code.phase, code.error_code) == (CodePhase.BLOCKED, Code.NO_SEAT)
    assert verbs(code) == [Verb.CODE_FAILED]

    salto.cloud.seats = 5
    assert run(later(code, minutes=6)).phase == CodePhase.ACCEPTED


def test_a_refusal_only_a_person_can_mend_waits_for_one(keypad: CodesDriver) -> None:
    code = make_code(digits="274951")
    keypad.fails = [("before create", RefusedError("Taken", code=Code.DUPLICATE_CODE))]
    run(code)
    assert (code.phase, code.error) == (CodePhase.BLOCKED, "Taken")

    run(later(code, hours=1))
    assert keypad.steps == ["create"]
    AccessCode.objects.update(generation=2)  # “Push again”
    wake(code.account_id, code.pk)
    run(code)

    assert keypad.steps == ["create", "create"]
    assert code.phase == CodePhase.ACCEPTED


def test_a_lock_without_a_keypad_says_so(salto: CodesDriver) -> None:
    code = run(make_code(make_device(has_keypad=False)))

    assert (code.phase, code.error_code) == (CodePhase.BLOCKED, Code.NO_KEYPAD)
    assert code.error == "This lock has no keypad."


def test_not_ready_is_waited_out_and_no_failure(salto: CodesDriver) -> None:
    salto.fails = [("before use_pin", RefusedError("not yet", code=Code.NOT_READY))]

    code = run(make_code())

    assert (code.attempts, code.error_code) == (0, "")
    assert code.phase == CodePhase.SETTING
    assert run(later(code, seconds=10)).phase == CodePhase.ACCEPTED


# --- removing ------------------------------------------------------------------------------------


def revoke(code: AccessCode) -> None:
    AccessCode.objects.filter(pk=code.pk).update(
        revoked_at=timezone.now(), generation=code.generation + 1
    )
    wake(code.account_id, code.pk)


def test_code_02_removed_is_said_only_once_it_was_seen(salto: CodesDriver) -> None:
    code = run(make_code())
    revoke(code)
    run(code)
    assert salto.removed == [code.remote_id]
    assert (code.phase, code.status) == (CodePhase.VERIFYING_ABSENT, CodeStatus.REMOVING)

    salto.listing = {"lines": 4}
    run(later(code, minutes=2))
    assert code.phase == CodePhase.REMOVED_IN_CLOUD
    assert code.removed_at is None

    later(code, minutes=5)
    polled(code)
    run(code)

    assert (code.phase, code.status) == (CodePhase.REMOVED, CodeStatus.UNSET)
    assert verbs(code)[-1] == Verb.CODE_REMOVED


def test_sks_03_a_lock_that_is_away_has_not_heard_of_a_removal(salto: CodesDriver) -> None:
    code = run(make_code())
    revoke(code)
    run(code)
    Device.objects.update(is_online=False)
    salto.listing = {"lines": 4}
    run(later(code, minutes=2))
    polled(code)
    run(later(code, minutes=5))

    assert code.phase == CodePhase.REMOVED_IN_CLOUD
    assert [warning["code"] for warning in code.warnings] == ["lock_not_reached"]


def test_code_02_a_removal_is_tried_again_for_ever_and_told(salto: CodesDriver) -> None:
    make_user("admin", workspace=(device := make_device(has_keypad=True)).workspace)
    code = run(make_code(device))
    revoke(code)
    for _ in range(6):
        salto.fails = [("remove", RefusedError("busy", status=502))]
        run(later(code, minutes=2))
    assert code.attempts == 6
    assert code.next_run_at is not None
    assert code.next_run_at <= timezone.now() + timedelta(seconds=61)

    AccessCode.objects.update(revoked_at=timezone.now() - timedelta(minutes=3))
    salto.fails = [("remove", RefusedError("busy", status=502))]
    run(later(code, minutes=2))

    assert code.overdue_since == code.revoked_at
    assert code.alerted_at is not None
    assert verbs(code)[-1] == Verb.CODE_OVERDUE
    assert list(alerts.overdue_for(actor(make_user("admin", workspace=code.workspace)))) == [code]


@pytest.mark.django_db(transaction=True)
def test_after_a_quarter_of_an_hour_the_admins_get_mail(
    salto: CodesDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AccessCode, "get_absolute_url", lambda self: f"/codes/{self.pk}/")
    device = make_device(has_keypad=True)
    admin = make_user("admin", workspace=device.workspace)
    make_user("front_desk", workspace=device.workspace)
    code = run(make_code(device))
    AccessCode.objects.update(
        revoked_at=timezone.now() - timedelta(minutes=16), next_run_at=timezone.now()
    )
    salto.fails = [("remove", RefusedError("busy", status=502))]

    run(code)

    assert [message.bcc for message in mail.outbox] == [[admin.email]]
    assert code.name in mail.outbox[0].body
    assert code.escalated_at is not None


def test_code_06_an_empty_listing_proves_nothing(keypad: CodesDriver) -> None:
    code = run(make_code(digits="274951"))
    run(later(code, minutes=2))
    keypad.listing = {"codes": (), "lines": 0}

    for _ in range(2):
        run(later(code, minutes=2))

    assert code.phase == CodePhase.ON_LOCK
    assert keypad.steps == ["create"]


def test_a_window_over_before_it_was_set_is_skipped(keypad: CodesDriver) -> None:
    now = timezone.now()

    code = run(make_code(digits="274951", starts_at=now - 2 * HOUR, ends_at=now - HOUR))

    assert (code.phase, keypad.steps) == (CodePhase.SKIPPED, [])


def test_removals_go_before_everything_else(keypad: CodesDriver) -> None:
    device = make_device(has_keypad=True)
    ending = run(make_code(device, digits="274951"))
    revoke(ending)
    for n in range(3):
        make_code(device, digits=f"27496{n}")
    order: list[str] = []
    keypad.during = order.append

    run(ending)

    assert order[0] == "remove"
    assert order[1:] == ["create"] * 3


def test_a_removal_that_becomes_due_among_creates_is_next(keypad: CodesDriver) -> None:
    device = make_device(has_keypad=True)
    ending = run(make_code(device, digits="274951"))
    for n in range(5):
        make_code(device, digits=f"27496{n}")
    order: list[str] = []

    def note(step: str) -> None:
        order.append(step)
        if len(order) == 2:
            revoke(ending)

    keypad.during = note
    run(ending)

    assert order == ["create", "create", "remove", "create", "create", "create"]


# --- what others do ------------------------------------------------------------------------------


def test_code_11_an_edit_outside_is_found_shown_and_undone(keypad: CodesDriver) -> None:
    code = run(later(run(make_code(digits="274951")), minutes=2))
    keypad.cloud.alive[0].change(0, digits="999999")

    run(later(code, minutes=2))

    assert keypad.cloud.alive[0].now["digits"] == "274951"
    assert Verb.CODE_CHANGED_OUTSIDE in verbs(code)
    assert [w["code"] for w in code.warnings] == ["code_modified_external_to_seam"]


def test_code_11_an_edit_outside_is_left_alone_where_that_is_allowed(keypad: CodesDriver) -> None:
    code = run(make_code(digits="274951", allows_external_modification=True))
    run(later(code, minutes=2))
    keypad.cloud.alive[0].change(0, digits="999999")

    run(later(code, minutes=2))

    assert keypad.cloud.alive[0].now["digits"] == "999999"
    assert code.phase == CodePhase.ON_LOCK


def test_codes_that_nobody_made_here_are_shown_and_left_alone(keypad: CodesDriver) -> None:
    device = make_device(has_keypad=True)
    keypad.cloud.add("", device.remote_id, name="Cleaner", digits="111222")

    reconciling.run(device.account_id)

    found = AccessCode.objects.get()
    assert (found.name, found.is_managed, found.status) == ("Cleaner", False, CodeStatus.SET)
    assert found.unseal_digits() == ""
    assert keypad.removed == []

    AccessCode.objects.update(revoked_at=timezone.now())
    wake(device.account_id, found.pk)
    run(found)
    assert keypad.removed == [found.remote_id]


def test_a_pin_of_the_site_is_shown_only_at_doors_with_a_keypad(keypad: CodesDriver) -> None:
    plain = make_device(has_keypad=False)
    keypad.cloud.add("", plain.remote_id, name="Cleaner", digits="111222")

    reconciling.run(plain.account_id)

    assert not AccessCode.objects.exists()


def test_a_second_copy_by_our_mark_is_taken_away(keypad: CodesDriver) -> None:
    code = run(make_code(digits="274951"))
    copy = keypad.cloud.alive[0]
    keypad.cloud.add(code.ref, copy.lock_id, **copy.now)

    run(later(code, minutes=2))

    assert [each.remote_id for each in keypad.cloud.alive] == [code.remote_id]


# --- the account ---------------------------------------------------------------------------------


def test_two_workers_do_not_work_on_one_account(keypad: CodesDriver) -> None:
    code = make_code(digits="274951")
    keypad.during = lambda _: reconciling.run(code.account_id)

    run(code)

    assert keypad.steps == ["create"]
    assert keypad.listings == 1


def test_an_account_that_needs_a_person_leaves_everything_unknown(keypad: CodesDriver) -> None:
    code = run(later(run(make_code(digits="274951")), minutes=2))
    ConnectedAccount.objects.update(state=AccountState.RECONNECT_REQUIRED)

    run(code)
    assert (code.status, code.phase) == (CodeStatus.UNKNOWN, CodePhase.ON_LOCK)

    ConnectedAccount.objects.update(state=AccountState.CONNECTED)
    assert run(code).status == CodeStatus.SET


def test_refused_credentials_stop_the_pass_and_ask_for_a_person(keypad: CodesDriver) -> None:
    code = make_code(digits="274951")
    make_code(code.device, digits="274952")
    keypad.fails = [("before create", AuthError("refused"))]

    run(code)

    assert keypad.steps == ["create"]
    account = ConnectedAccount.objects.get()
    assert account.state == AccountState.RECONNECT_REQUIRED


def test_too_many_requests_stop_the_pass(keypad: CodesDriver) -> None:
    code = make_code(digits="274951")
    make_code(code.device, digits="274952")
    keypad.fails = [("before create", RateLimitError("slow down", retry_after_seconds=40))]

    run(code)

    account = ConnectedAccount.objects.get()
    assert keypad.steps == ["create"]
    assert account.throttled_until is not None
    assert account.next_codes_at is not None
    assert account.next_codes_at > timezone.now() + timedelta(seconds=30)


def test_a_provider_that_is_away_is_given_a_rest(keypad: CodesDriver) -> None:
    codes = [make_code(digits="274951")]
    codes += [make_code(codes[0].device, digits=f"27496{n}") for n in range(3)]
    keypad.fails = [("before create", UnreachableError("away")) for _ in range(4)]

    run(codes[0])

    assert keypad.steps == ["create", "create"]
    assert {code.ambiguous_since for code in AccessCode.objects.all()} == {None}


def test_acc_05_a_list_that_keeps_failing_rests_while_removals_are_tried(
    keypad: CodesDriver,
) -> None:
    gone = run(make_code(digits="274951"))
    waiting = make_code(gone.device, digits="274962")
    revoke(gone)
    gone.account.troubles.create(
        operation=Operation.CODES, failures_in_a_row=5, retry_at=timezone.now() + HOUR
    )
    keypad.steps.clear()
    keypad.fails = [("remove", UnreachableError("away"))]

    run(gone)

    waiting.refresh_from_db()
    assert (len(keypad.removed), keypad.steps, waiting.phase) == (1, [], CodePhase.WAITING)
    assert gone.account.troubles.exists()


def test_acc_05_a_provider_that_takes_a_removal_is_listed_again(keypad: CodesDriver) -> None:
    gone = run(make_code(digits="274951"))
    revoke(gone)
    gone.account.troubles.create(
        operation=Operation.CODES, failures_in_a_row=5, retry_at=timezone.now() + HOUR
    )

    run(gone)

    assert len(keypad.removed) == 1
    assert not gone.account.troubles.exists()


def test_acc_05_a_list_that_fails_is_counted(keypad: CodesDriver) -> None:
    code = make_code(digits="274951")
    keypad.fails = [("list", UncertainError("no answer"))]

    run(code)

    assert code.account.troubles.get().operation == Operation.CODES


def test_a_code_that_cannot_be_handled_holds_up_no_removal(
    keypad: CodesDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = run(make_code(digits="274951"))
    odd = make_code(ending.device, digits="274952", revoked_at=timezone.now() - HOUR)
    revoke(ending)
    decided = decide.next_for

    def fail(code: Any, *args: Any, **kwargs: Any) -> Any:
        if code.id == odd.pk:
            raise KeyError("nobody thought of this")
        return decided(code, *args, **kwargs)

    monkeypatch.setattr(decide, "next_for", fail)
    run(ending)

    assert keypad.removed == [ending.remote_id]
    odd.refresh_from_db()
    assert odd.next_run_at is not None
    assert odd.next_run_at > timezone.now()


def test_digits_are_stored_although_the_database_is_away_for_a_moment(
    salto: CodesDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored, fails = storing.store, [OperationalError("away")]

    def store(change: Any, **kwargs: Any) -> bool:
        if change.digits and fails:
            raise fails.pop()
        return stored(change, **kwargs)

    monkeypatch.setattr(storing, "store", store)
    monkeypatch.setattr(insisting.connection, "close", lambda: None)

    code = run(make_code())

    assert salto.steps.count("pin") == 1
    assert code.unseal_digits() == salto.cloud.alive[0].now["digits"]


def test_a_steady_account_costs_one_listing_a_minute(
    salto: CodesDriver, django_assert_max_num_queries: Any
) -> None:
    code = run(make_code())
    polled(code)
    CodeDoor.objects.update(ready_at=timezone.now() - HOUR)
    code = run(later(code, minutes=10))
    assert code.phase == CodePhase.ON_LOCK
    salto.listings = 0

    with django_assert_max_num_queries(16):
        reconciling.run(code.account_id)

    assert salto.listings == 0
    ConnectedAccount.objects.update(codes_listed_at=timezone.now() - timedelta(seconds=61))
    reconciling.run(code.account_id)
    assert salto.listings == 1
    account = ConnectedAccount.objects.get()
    assert account.next_codes_at is not None
    assert account.next_codes_at > timezone.now() + timedelta(seconds=50)


def test_due_accounts_are_claimed_once(
    keypad: CodesDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = make_code(digits="274951")
    asked: list[str] = []
    monkeypatch.setattr(
        reconciling.live, "send", lambda task, **kw: asked.append(kw["account_id"]) or True
    )

    assert reconciling.queue_due() == 1
    assert reconciling.queue_due() == 0
    assert asked == [str(code.account_id)]


# --- a listing that takes long -------------------------------------------------------------------


def long_listing(
    driver: CodesDriver, monkeypatch: pytest.MonkeyPatch, during: Callable[[], None]
) -> None:
    """Let a listing make a request while it lasts, as one that goes lock by lock does."""
    asked: dict[str, Callable[[], None]] = {}

    def driver_for(_: Any, before_each: Any = None, **__: Any) -> CodesDriver:
        if before_each:
            asked["before"] = before_each
        return driver

    listed = driver.list_codes

    def list_codes(*args: Any, **options: Any) -> Any:
        during()
        asked["before"]()
        return listed(*args, **options)

    monkeypatch.setattr(reconciling, "driver_for", driver_for)
    monkeypatch.setattr(reconciling, "_RENEW_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(driver, "list_codes", list_codes)


def test_a_listing_that_takes_long_holds_on_to_its_lease(
    salto: CodesDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, leases = make_code(), []

    def look() -> None:
        account = ConnectedAccount.objects.get(pk=code.account_id)
        leases.append(account.codes_lease_until)

    long_listing(salto, monkeypatch, look)
    before = salto.during

    def again(step: str) -> None:
        look()
        before(step)

    salto.during = again
    run(code)

    assert salto.listings
    assert all(leases)
    assert leases == sorted(leases)
    assert leases[-1] > leases[0]


def test_a_listing_whose_lease_was_lost_is_not_taken_in(
    salto: CodesDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = make_code()
    others = timezone.now() + timedelta(seconds=20)

    def lose() -> None:
        ConnectedAccount.objects.update(codes_lease_until=others)

    long_listing(salto, monkeypatch, lose)
    run(code)

    account = ConnectedAccount.objects.get(pk=code.account_id)
    assert (salto.listings, account.codes_listed_at) == (0, None)
    assert account.codes_lease_until == others
