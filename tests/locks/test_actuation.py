"""Commands to the physical world: reliability A1 and E1."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction
from django.utils import timezone

from accounts.models import AccountState, ConnectedAccount, Hub, Membership, Role, UnlockPolicy
from accounts.providers.base import (
    AuthError,
    Code,
    MissingScopeError,
    NotYetError,
    Opening,
    RateLimitError,
    RefusedError,
    UncertainError,
    UnexpectedReplyError,
    UnreachableError,
    UnsupportedError,
)
from audit.models import Event
from audit.who import Who
from audit.words import How
from locks import actuation, insisting, models
from locks.actuation import Order, rows, sending, sweeping
from locks.models import ActionAttempt, Device
from locks.states import Action, AttemptEvidence, AttemptStatus, Evidence, LockState
from tests.locks.fakes import FakeDriver
from tests.make import (
    actor,
    make_account,
    make_attempt,
    make_device,
    make_property,
    make_site,
    make_user,
    make_workspace,
)

pytestmark = pytest.mark.django_db

_keys = count()


@pytest.fixture(autouse=True)
def kept_connection(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """`perform` gives its connection back before it calls; a test's transaction lives on it."""
    mark = request.node.get_closest_marker("django_db")
    if not mark.kwargs.get("transaction"):
        stand_in = SimpleNamespace(cursor=connection.cursor, close=lambda: None)
        for module in (rows, sending):
            monkeypatch.setattr(module, "connection", stand_in)


@pytest.fixture
def user(device: Device) -> Any:
    return make_user(Role.MANAGER, workspace=device.workspace)


@pytest.fixture
def device() -> Device:
    return make_device()


def colleague_of(device: Device) -> Any:
    return make_user(Role.MANAGER, workspace=device.workspace)


def order_of(user: Any, action: Action = Action.UNLOCK, **fields: Any) -> Order:
    who = actor(user)
    defaults = {
        "action": action,
        "idempotency_key": f"key-{next(_keys)}",
        "who": who.who,
        "how": How.WEB,
        "actor": who,
    }
    return Order(**defaults | fields)


def order_of_command(**fields: Any) -> Order:
    defaults = {
        "action": Action.UNLOCK,
        "idempotency_key": f"key-{next(_keys)}",
        "who": Who(kind="command", name="root"),
        "how": How.COMMAND,
        "actor": None,
        "reason": "test",
    }
    return Order(**defaults | fields)


def told(attempt: ActionAttempt) -> list[tuple[str, str]]:
    """What the log says about an attempt, in order."""
    events = Event.objects.filter(attempt_id=attempt.pk).order_by("id")
    return list(events.values_list("verb", "result"))


def performed(device: Device, order: Order) -> ActionAttempt:
    attempt = actuation.request(device, order)
    actuation.perform(attempt.pk, by="me")
    attempt.refresh_from_db()
    device.refresh_from_db()
    return attempt


def queued(user: Any, device: Device, **fields: Any) -> ActionAttempt:
    defaults = {"user": user, "actor_kind": "user", "actor_name": "Ana", "how": "web"}
    return make_attempt(device, **defaults | fields)


def unconfirmed(device: Device, **fields: Any) -> ActionAttempt:
    now = timezone.now()
    return make_attempt(
        device,
        **{"status": AttemptStatus.UNCONFIRMED, "sent_at": now, "finished_at": now} | fields,
    )


# --- asking --------------------------------------------------------------------------------------


def test_act_09_a_request_is_a_row_and_a_line_in_the_log_and_then_a_hint(
    device: Device, user: Any, no_broker: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        attempt = actuation.request(device, order_of(user, reason="guest locked out", seconds=9))
        assert no_broker == []

    attempt.refresh_from_db()
    device.refresh_from_db()
    assert (attempt.status, attempt.action, attempt.seconds) == ("queued", "unlock", 9)
    assert (attempt.user, attempt.actor_kind, attempt.actor_name) == (user, "user", "Ana")
    assert attempt.deadline - attempt.created_at == timedelta(seconds=10)
    assert device.attempt_id == attempt.pk
    event = Event.objects.get(attempt_id=attempt.pk)
    assert (event.verb, event.result, event.how) == ("unlock_requested", "requested", "web")
    assert (event.device_id, event.property_id) == (device.pk, device.property_id)
    assert (event.actor_id, event.reason) == (str(user.pk), "guest locked out")
    assert no_broker == [attempt.pk]


def test_act_09_what_cannot_be_recorded_is_not_done(
    device: Device, user: Any, monkeypatch: pytest.MonkeyPatch, no_broker: list[Any]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise DatabaseError("the log is full")

    monkeypatch.setattr(rows, "record", fail)

    with pytest.raises(DatabaseError):
        actuation.request(device, order_of(user))

    assert list(ActionAttempt.objects.all()) == []
    assert no_broker == []


def test_act_06_the_same_key_and_wish_lead_to_the_same_attempt_even_when_it_is_over(
    device: Device, user: Any
) -> None:
    first = actuation.request(device, order_of(user, idempotency_key="k"))
    ActionAttempt.objects.update(status="failed", finished_at=timezone.now())

    second = actuation.request(device, order_of(user, idempotency_key="k"))

    assert second == first
    assert ActionAttempt.objects.count() == 1


@pytest.mark.parametrize(
    "other", [{"reason": "other"}, {"seconds": 3}, {"action": Action.LOCK}], ids=str
)
def test_act_06_a_key_used_for_another_wish_is_refused(
    device: Device, user: Any, other: dict[str, Any]
) -> None:
    Device.objects.update(can_lock=True)
    actuation.request(device, order_of(user, idempotency_key="k"))

    with pytest.raises(actuation.KeyReusedError, match=r"^key was used for a different request$"):
        actuation.request(device, order_of(user, idempotency_key="k", **other))


def test_act_06_a_key_used_for_another_door_is_refused(device: Device, user: Any) -> None:
    actuation.request(device, order_of(user, idempotency_key="k"))

    with pytest.raises(actuation.KeyReusedError) as refusal:
        actuation.request(make_device(device.site), order_of(user, idempotency_key="k"))

    assert refusal.value.status == 409


def test_act_06_keys_belong_to_one_person(device: Device, user: Any) -> None:
    colleague = make_user(Role.MANAGER, workspace=device.workspace)
    first = actuation.request(device, order_of(user, idempotency_key="k"))

    second = actuation.request(make_device(device.site), order_of(colleague, idempotency_key="k"))

    assert first != second


def test_act_05_a_second_click_follows_the_first(device: Device, user: Any) -> None:
    colleague = make_user(Role.FRONT_DESK, workspace=device.workspace)
    first = actuation.request(device, order_of(user))

    second = actuation.request(device, order_of(colleague))

    assert second == first
    assert told(first) == [("unlock_requested", "requested")]


@pytest.mark.parametrize("status", ["queued", "sending"])
def test_act_05_another_action_meanwhile_is_busy_and_says_with_whom(
    device: Device, user: Any, status: str
) -> None:
    Device.objects.update(can_lock=True)
    queued(colleague_of(device), device, status=status, actor_name="Anna")

    with pytest.raises(actuation.BusyError, match=r"^Anna is unlocking this door\.$") as refusal:
        actuation.request(device, order_of(user, Action.LOCK))

    assert (refusal.value.status, refusal.value.code) == (409, "busy")


def test_act_05_who_is_at_it_already_is_told_so(device: Device, user: Any) -> None:
    Device.objects.update(can_lock=True)
    queued(user, device)

    with pytest.raises(actuation.BusyError, match=r"^You are unlocking this door\.$"):
        actuation.request(device, order_of(user, Action.LOCK))


def test_the_database_itself_allows_one_open_attempt_per_door(device: Device) -> None:
    make_attempt(device, status="sending")

    with pytest.raises(IntegrityError, match="attempt_one_open_per_device"):
        make_attempt(device)


def test_act_12_a_repeat_within_the_cool_down_is_the_same_wish(device: Device, user: Any) -> None:
    now = timezone.now()
    done = make_attempt(device, status="success", finished_at=now - timedelta(seconds=2))

    assert actuation.request(device, order_of(user)) == done


def test_act_12_the_cool_down_lasts_while_the_door_is_open(device: Device, user: Any) -> None:
    ago = timezone.now() - timedelta(seconds=5)
    done = make_attempt(device, status="success", finished_at=ago, released_seconds=7)

    assert actuation.request(device, order_of(user)) == done


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({"status": "success", "released_seconds": 7}, {"again": True}),
        ({"status": "failed"}, {}),
        ({"status": "unconfirmed"}, {}),
        ({"status": "success", "action": Action.LOCK}, {}),
        ({"status": "success", "created_ago": 20}, {}),
    ],
    ids=["again", "failed", "unconfirmed", "other action", "over"],
)
def test_act_12_a_new_wish_is_a_new_attempt(
    device: Device, user: Any, fields: dict[str, Any], asked: dict[str, Any]
) -> None:
    ago = timezone.now() - timedelta(seconds=fields.pop("created_ago", 1))
    done = make_attempt(device, created_at=ago, finished_at=ago, **fields)

    attempt = actuation.request(device, order_of(user, **asked))

    assert attempt != done
    assert attempt.status == "queued"


def test_a_door_that_asks_for_a_reason_gets_one(device: Device, user: Any) -> None:
    device.property.unlock_policy = UnlockPolicy.REASON
    device.property.save()

    with pytest.raises(actuation.ReasonMissingError) as refusal:
        actuation.request(device, order_of(user))

    assert refusal.value.status == 400
    assert actuation.request(device, order_of(user, reason="delivery")).reason == "delivery"


def test_a_door_s_own_policy_goes_before_its_property_s(device: Device, user: Any) -> None:
    device.property.unlock_policy = UnlockPolicy.REASON
    device.property.save()
    Device.objects.update(unlock_policy=UnlockPolicy.NONE)

    assert actuation.request(device, order_of(user)).status == "queued"


@pytest.mark.parametrize(
    ("change", "action", "status", "sentence"),
    [
        (
            {"removed_at": datetime.fromisoformat("2026-03-05T10:00:00+00:00")},
            Action.UNLOCK,
            409,
            "device is not active since 5 Mar 2026",
        ),
        ({}, Action.LOCK, 422, "this lock cannot be locked remotely"),
        (
            {"can_lock": True, "lock_refused_at": timezone.now()},
            Action.LOCK,
            422,
            "this lock cannot be locked remotely",
        ),
        ({"can_unlock": False}, Action.UNLOCK, 422, "this lock cannot be opened remotely"),
    ],
)
def test_act_15_what_a_lock_cannot_do_is_not_asked(
    *,
    device: Device,
    user: Any,
    change: dict[str, Any],
    action: Action,
    status: int,
    sentence: str,
) -> None:
    Device.objects.update(**change)

    with pytest.raises(actuation.RefusedHere) as refusal:
        actuation.request(device, order_of(user, action))

    assert (refusal.value.status, str(refusal.value)) == (status, sentence)
    assert ActionAttempt.objects.count() == 0


def test_a_door_in_office_mode_can_be_locked_whatever_its_brand(device: Device, user: Any) -> None:
    Device.objects.update(can_lock=False, office_mode=True)

    assert actuation.request(device, order_of(user, Action.LOCK)).status == "queued"


@pytest.mark.parametrize(
    "state", ["reconnect_required", "secret_unreadable", "disconnected", "actuation_blocked"]
)
def test_act_14_an_account_that_must_not_be_used_is_not_asked(
    device: Device, user: Any, state: str
) -> None:
    ConnectedAccount.objects.update(state=state, trouble="Two codes were wrong.")

    with pytest.raises(actuation.AccountSilentError, match=r"The door was not asked\.$") as refusal:
        actuation.request(device, order_of(user))

    assert refusal.value.status == 409


def behind_a_hub(device: Device, **fields: Any) -> None:
    hub = Hub.objects.create(site=device.site, remote_id="iq", name="IQ 01", **fields)
    Device.objects.filter(pk=device.pk).update(hub=hub)


@pytest.mark.parametrize("action", list(Action))
def test_act_14_a_hub_that_is_not_activated_is_not_asked(
    device: Device, user: Any, action: Action
) -> None:
    Device.objects.update(can_lock=True)
    behind_a_hub(device, otp_enabled=True)

    with pytest.raises(actuation.NotActivatedError) as refusal:
        actuation.request(device, order_of(user, action))

    assert (refusal.value.status, refusal.value.code) == (409, "otp_not_activated")
    assert str(refusal.value) == (
        "Remote opening is not activated on IQ 01. The door was not asked."
    )


@pytest.mark.parametrize(
    "fields", [{"otp_enabled": None}, {"otp_enabled": True, "activated_at": timezone.now()}]
)
def test_a_hub_that_wants_no_code_or_gets_one_is_asked(
    device: Device, user: Any, fields: dict[str, Any]
) -> None:
    behind_a_hub(device, **fields)

    assert actuation.request(device, order_of(user)).status == "queued"


@pytest.mark.parametrize("state", ["degraded", "throttled"])
def test_passing_trouble_does_not_stop_a_click(device: Device, user: Any, state: str) -> None:
    ConnectedAccount.objects.update(state=state)

    assert actuation.request(device, order_of(user)).status == "queued"


def many(device: Device, number: int, **fields: Any) -> None:
    ago = timezone.now() - timedelta(seconds=50)
    for _ in range(number):
        make_attempt(device, **{"status": "failed", "created_at": ago, "finished_at": ago} | fields)


def test_act_16_a_door_is_asked_fifteen_times_a_minute(device: Device, user: Any) -> None:
    many(device, 14)
    actuation.request(device, order_of(user))
    ActionAttempt.objects.update(status="failed")

    with pytest.raises(actuation.TooManyError) as refusal:
        actuation.request(device, order_of(user))

    assert (refusal.value.status, refusal.value.retry_after_seconds) == (429, 60)
    assert str(refusal.value) == "Too many requests; try again in 60 s."


def test_act_16_locking_and_unlocking_are_counted_apart(device: Device, user: Any) -> None:
    Device.objects.update(can_lock=True)
    many(device, 15)

    assert actuation.request(device, order_of(user, Action.LOCK)).status == "queued"


def test_act_16_what_was_asked_over_a_minute_ago_is_forgotten(device: Device, user: Any) -> None:
    many(device, 15, created_at=timezone.now() - timedelta(seconds=61))

    assert actuation.request(device, order_of(user)).status == "queued"


def test_act_16_a_person_asks_sixty_times_a_minute_and_nobody_else_is_stopped(
    device: Device, user: Any
) -> None:
    for _ in range(4):
        many(make_device(device.site), 15, user=user, actor_kind="user")

    with pytest.raises(actuation.TooManyError):
        actuation.request(device, order_of(user))
    colleague = make_user(Role.MANAGER, workspace=device.workspace)
    assert actuation.request(device, order_of(colleague)).status == "queued"


def test_act_08_who_may_not_open_is_refused_before_anything_is_written(device: Device) -> None:
    elsewhere = make_property(device.workspace)
    auditor = make_user(Role.AUDITOR, workspace=device.workspace)
    neighbour = make_user(Role.FRONT_DESK, workspace=device.workspace, place=elsewhere)

    for person in (auditor, neighbour):
        with pytest.raises(PermissionDenied):
            actuation.request(device, order_of(person))
    assert ActionAttempt.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_act_05_twenty_clicks_make_one_attempt_and_one_call(driver: FakeDriver) -> None:
    device = make_device()
    user = make_user(Role.MANAGER, workspace=device.workspace)
    orders = [order_of(user) for _ in range(20)]
    start = threading.Barrier(10)

    def click(order: Order) -> Any:
        try:
            connection.ensure_connection()
            start.wait(10)
            attempt = actuation.request(device, order)
            actuation.perform(attempt.pk, by=str(uuid4()))
            return attempt.pk
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        ids = set(pool.map(click, orders))

    assert [str(pk) for pk in ids] == [str(ActionAttempt.objects.get().pk)]
    assert driver.names() == ["unlock"]


# --- claiming ------------------------------------------------------------------------------------


def withdraw_role(user: Any, device: Device) -> None:
    Membership.objects.filter(user=user).update(role=Role.AUDITOR)


def remove_membership(user: Any, device: Device) -> None:
    Membership.objects.filter(user=user).delete()


def move_to_another_property(user: Any, device: Device) -> None:
    place = make_property(device.workspace)
    Membership.objects.filter(user=user).update(property=place, role=Role.FRONT_DESK)


def move_to_another_workspace(user: Any, device: Device) -> None:
    Membership.objects.filter(user=user).update(workspace=make_workspace())


def deactivate(user: Any, device: Device) -> None:
    user.is_active = False
    user.save()


def remove_door(user: Any, device: Device) -> None:
    Device.objects.filter(pk=device.pk).update(removed_at=timezone.now())


def silence(user: Any, device: Device) -> None:
    ConnectedAccount.objects.update(state=AccountState.RECONNECT_REQUIRED)


def block(user: Any, device: Device) -> None:
    ConnectedAccount.objects.update(state=AccountState.ACTUATION_BLOCKED)


@pytest.mark.parametrize(
    "meanwhile",
    [
        withdraw_role,
        remove_membership,
        move_to_another_property,
        move_to_another_workspace,
        deactivate,
        remove_door,
        silence,
        block,
    ],
    ids=lambda change: change.__name__,
)
def test_act_08_what_allowed_the_click_is_asked_again_before_the_call(
    device: Device, user: Any, driver: FakeDriver, meanwhile: Any
) -> None:
    attempt = actuation.request(device, order_of(user))
    meanwhile(user, device)

    actuation.perform(attempt.pk, by="me")

    attempt.refresh_from_db()
    assert (attempt.status, attempt.error) == ("cancelled", "Not sent – no longer allowed.")
    assert attempt.finished_at is not None
    assert told(attempt) == [("unlock_requested", "requested"), ("unlock_cancelled", "failed")]
    assert driver.calls == []


def test_act_08_a_role_for_the_door_s_own_property_is_enough(
    device: Device, driver: FakeDriver
) -> None:
    desk = make_user(Role.FRONT_DESK, workspace=device.workspace, place=device.property)

    assert performed(device, order_of(desk)).status == "success"


@pytest.mark.parametrize("left_seconds", [-5, 0.5])
def test_act_02_nothing_is_sent_after_the_deadline_or_too_close_to_it(
    device: Device, user: Any, driver: FakeDriver, left_seconds: float
) -> None:
    attempt = queued(user, device, deadline=timezone.now() + timedelta(seconds=left_seconds))

    actuation.perform(attempt.pk, by="me")

    attempt.refresh_from_db()
    assert (attempt.status, attempt.error) == ("expired", "Not sent – took too long.")
    assert told(attempt) == [("unlock_expired", "failed")]
    assert driver.calls == []


@pytest.mark.parametrize(
    "status", ["sending", "success", "failed", "expired", "cancelled", "unconfirmed"]
)
def test_act_01_only_a_queued_attempt_is_ever_sent(
    device: Device, driver: FakeDriver, status: str
) -> None:
    attempt = make_attempt(device, status=status)

    actuation.perform(attempt.pk, by="me")

    attempt.refresh_from_db()
    assert attempt.status == status
    assert driver.calls == []


def test_act_07_a_forged_message_opens_nothing(driver: FakeDriver) -> None:
    actuation.perform(uuid4(), by="somebody")

    assert driver.calls == []


def test_act_01_an_attempt_claimed_by_somebody_else_meanwhile_is_left_to_them(
    device: Device, driver: FakeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = make_attempt(device)
    rows = ActionAttempt.objects.filter(pk=attempt.pk)
    driver.ensure_token = lambda **_: rows.update(status="sending", claimed_by="other")  # type: ignore[method-assign]

    actuation.perform(attempt.pk, by="me")

    attempt.refresh_from_db()
    assert (attempt.status, attempt.claimed_by) == ("sending", "other")
    assert driver.calls == []
    assert told(attempt) == []


def test_a_claimant_with_a_long_name_can_claim(device: Device, driver: FakeDriver) -> None:
    attempt = make_attempt(device)

    actuation.perform(attempt.pk, by=f"{'host' * 30}:1:{attempt.pk}")

    attempt.refresh_from_db()
    assert (attempt.status, len(attempt.claimed_by)) == ("success", 64)
    assert attempt.claimed_by.endswith(str(attempt.pk))


def test_the_call_says_which_door_how_long_and_by_when(
    device: Device, user: Any, driver: FakeDriver
) -> None:
    attempt = performed(device, order_of(user, seconds=9))

    [(verb, lock_id, options)] = driver.calls
    budget = options.pop("budget_seconds")
    assert (verb, lock_id) == ("unlock", device.remote_id)
    assert options == {"hub_id": "", "seconds": 9, "request_id": str(attempt.pk)}
    assert 8 < budget <= 10
    assert attempt.claimed_by == "me"
    assert attempt.sent_at is not None


def test_without_seconds_the_account_s_are_sent(
    device: Device, user: Any, driver: FakeDriver
) -> None:
    performed(device, order_of(user))

    assert driver.calls[0][2]["seconds"] == device.account.unlock_seconds


@pytest.mark.parametrize(
    ("error", "code", "state"),
    [
        (UnreachableError("No answer."), "unreachable", "connected"),
        (AuthError("The password was changed."), "unauthorized", "reconnect_required"),
        (RateLimitError("Slow down.", retry_after_seconds=9), "rate_limited", "throttled"),
        (UnsupportedError("It cannot."), "not_supported", "connected"),
    ],
    ids=["unreachable", "auth", "rate", "unsupported"],
)
def test_a_sign_in_that_fails_means_nothing_was_sent(
    *, device: Device, user: Any, driver: FakeDriver, error: Any, code: str, state: str
) -> None:
    driver.token = error

    attempt = performed(device, order_of(user))

    device.account.refresh_from_db()
    assert (attempt.status, attempt.error_code) == ("failed", code)
    assert attempt.error == f"Not sent: {error}"
    assert told(attempt) == [("unlock_requested", "requested"), ("unlock_failed", "failed")]
    assert device.account.state == state
    assert driver.calls == []


def test_an_account_whose_secret_cannot_be_read_says_so(device: Device, user: Any) -> None:
    ConnectedAccount.objects.update(password_sealed="v1.gone.AAAA")
    device = Device.objects.get(pk=device.pk)

    attempt = performed(device, order_of(user))

    assert (attempt.status, attempt.error_code) == ("failed", "secret_unreadable")
    assert Device.objects.get().account.state == "secret_unreadable"


# --- outcomes ------------------------------------------------------------------------------------

#: What the provider did, and what an attempt is called after it (reliability ACT-03, E1).
OUTCOMES = [
    (UnreachableError("No way there."), "failed", "unreachable"),
    (UncertainError("No answer in time."), "unconfirmed", "no_answer"),
    (UnexpectedReplyError("Strange."), "unconfirmed", "unexpected_reply"),
    (AuthError("Refused twice.", status=401), "failed", "unauthorized"),
    (MissingScopeError("Not for this.", scope="x"), "failed", "missing_scope"),
    (RateLimitError("Slow down.", retry_after_seconds=12.7), "failed", "rate_limited"),
    (NotYetError(retry_after_seconds=0.4), "failed", "held_back"),
    (RefusedError("No.", status=404, code=Code.NOT_FOUND), "failed", "not_found"),
    (RefusedError("No.", status=409), "failed", "refused"),
    (RefusedError("Offline.", code=Code.OFFLINE_OR_UNSUPPORTED), "failed", "device_offline"),
    (RefusedError("Inside.", code=Code.PRIVACY_MODE), "failed", "privacy_mode"),
    (UnsupportedError("Cannot."), "failed", "not_supported"),
]


@pytest.mark.parametrize(("error", "status", "code"), OUTCOMES, ids=lambda x: str(x)[:20])
@pytest.mark.parametrize("action", list(Action))
def test_act_03_every_failure_has_one_name_and_one_call(
    *,
    device: Device,
    user: Any,
    driver: FakeDriver,
    action: Action,
    error: Any,
    status: str,
    code: str,
) -> None:
    Device.objects.update(can_lock=True)
    driver.opening = error

    attempt = performed(device, order_of(user, action))

    assert (attempt.status, attempt.error_code) == (status, code)
    assert attempt.error.endswith(".")
    assert attempt.finished_at is not None
    assert attempt.evidence == ""
    result = "unconfirmed" if status == "unconfirmed" else "failed"
    assert told(attempt) == [
        (f"{action}_requested", "requested"),
        (f"{action}_{status}", result),
    ]
    assert driver.names() == [action]


def test_every_kind_of_provider_error_has_an_outcome_here() -> None:
    def kin(of: type) -> Iterator[type]:
        for child in of.__subclasses__():
            yield child
            yield from kin(child)

    base = UnreachableError.__mro__[1]
    named = {child for child in kin(base) if child.__module__ == base.__module__}
    assert {type(error) for error, _, _ in OUTCOMES} == named


def test_a_failure_leaves_the_door_as_it_was_seen(
    device: Device, user: Any, driver: FakeDriver
) -> None:
    driver.opening = UncertainError("No answer.")

    attempt = performed(device, order_of(user))

    assert (device.state, device.state_evidence, device.released_until) == ("locked", "poll", None)
    assert device.attempt_id == attempt.pk
    assert device.next_poll_at is not None


def test_a_rate_limit_says_when_to_try_again(device: Device, user: Any, driver: FakeDriver) -> None:
    driver.opening = RateLimitError("Slow down.", retry_after_seconds=12.7)

    assert performed(device, order_of(user)).retry_after_seconds == 12


def test_act_15_a_released_door_is_assumed_open_until_its_time_is_over(
    device: Device, user: Any, driver: FakeDriver
) -> None:
    driver.opening = Opening(released_seconds=4)

    attempt = performed(device, order_of(user))

    assert (attempt.status, attempt.evidence) == ("success", "reply")
    assert told(attempt)[-1] == ("unlock_succeeded", "granted")
    assert (device.state, device.state_evidence) == ("unlocked", "assumed")
    assert device.state_at == attempt.finished_at
    assert device.released_until == attempt.finished_at + timedelta(seconds=4)
    assert device.next_poll_at == device.released_until + timedelta(seconds=1)


def test_sks_06_without_a_word_about_it_salto_s_default_time_is_shown(
    device: Device, user: Any, driver: FakeDriver
) -> None:
    assert performed(device, order_of(user, seconds=30)).released_seconds == 7


@pytest.mark.parametrize(("asked", "shown"), [(9, 9), (None, 5.5)])
def test_act_15_the_legacy_dialect_releases_for_the_seconds_asked(
    device: Device, user: Any, driver: FakeDriver, asked: int | None, shown: float
) -> None:
    ConnectedAccount.objects.update(dialect="legacy", released_state_ms=5_500)

    assert performed(device, order_of(user, seconds=asked)).released_seconds == shown


# --- slow answers: the door opened between two moments ---------------------------------------------


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every answer is too slow to tell when the door opened."""
    monkeypatch.setattr(models, "PROMPT", timedelta(0))


@pytest.mark.usefixtures("slow")
def test_a_door_whose_answer_was_slow_is_not_called_locked_while_it_may_be_open(
    device: Device, user: Any, driver: FakeDriver
) -> None:
    driver.opening = Opening(released_seconds=4)

    attempt = performed(device, order_of(user))

    assert attempt.is_vague
    assert device.released_until == attempt.finished_at + timedelta(seconds=4)
    assert device.next_poll_at == attempt.finished_at + timedelta(seconds=1)


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize(
    ("seconds_after", "state"), [(3, "unlocked"), (-5, "unlocked"), (-30, "locked")]
)
def test_when_it_opened_is_counted_from_what_the_feed_tells(
    device: Device, user: Any, driver: FakeDriver, seconds_after: float, state: str
) -> None:
    attempt = performed(device, order_of(user))
    sent_at = attempt.sent_at + timedelta(seconds=min(seconds_after, 0))
    ActionAttempt.objects.update(sent_at=sent_at)

    settle(device, seconds_after=0)

    device.refresh_from_db()
    attempt.refresh_from_db()
    until = sent_at + timedelta(seconds=7)
    assert (attempt.opened_at, attempt.is_vague, attempt.settled_at) == (sent_at, False, None)
    assert (device.state, device.state_evidence) == (state, "assumed")
    assert device.released_until == (until if state == "unlocked" else None)


@pytest.mark.usefixtures("slow")
def test_the_feed_s_word_on_an_old_opening_does_not_end_somebody_else_s(
    device: Device, user: Any, driver: FakeDriver
) -> None:
    attempt = performed(device, order_of(user))
    ActionAttempt.objects.update(sent_at=attempt.sent_at - timedelta(seconds=20))
    until = timezone.now() + timedelta(seconds=5)
    Device.objects.update(released_until=until)  # a card, later

    settle(device, seconds_after=0)

    device.refresh_from_db()
    assert (device.state, device.released_until) == ("unlocked", until)


def test_a_prompt_answer_is_not_corrected_by_another_clock(
    device: Device, user: Any, driver: FakeDriver
) -> None:
    performed(device, order_of(user))
    until = device.released_until

    settle(device, seconds_after=-3)

    device.refresh_from_db()
    assert device.released_until == until


def test_what_the_feed_told_before_a_slow_answer_counts_at_once(
    device: Device, user: Any, driver: FakeDriver
) -> None:
    def tell_of_long_ago() -> None:
        ago = timezone.now() - timedelta(seconds=30)
        ActionAttempt.objects.update(evidence="feed", opened_at=ago)

    driver.during = tell_of_long_ago

    attempt = performed(device, order_of(user))

    assert (attempt.status, attempt.is_vague) == ("success", False)
    assert (device.state, device.released_until) == ("locked", None)


def test_act_12_a_door_that_has_relocked_after_a_slow_answer_can_be_opened_again(
    device: Device, user: Any
) -> None:
    now = timezone.now()
    done = make_attempt(
        device,
        status="success",
        opened_at=now - timedelta(seconds=11),
        finished_at=now - timedelta(seconds=4),
        released_seconds=7,
    )

    assert actuation.request(device, order_of(user)) != done


def test_sks_11_an_opening_does_not_end_office_mode(
    device: Device, user: Any, driver: FakeDriver
) -> None:
    Device.objects.update(office_mode=True, state="unlocked")

    performed(device, order_of(user))

    assert (device.state, device.office_mode, device.released_until) == ("unlocked", True, None)


def test_sks_11_locking_ends_office_mode(device: Device, user: Any, driver: FakeDriver) -> None:
    Device.objects.update(office_mode=True, state="unlocked")

    performed(device, order_of(user, Action.LOCK))

    assert (device.state, device.state_evidence, device.office_mode) == ("locked", "assumed", False)


def test_act_15_a_lock_that_refuses_to_be_locked_is_not_asked_again(
    device: Device, user: Any, driver: FakeDriver
) -> None:
    Device.objects.update(can_lock=True)
    driver.opening = RefusedError("422", code=Code.OFFLINE_OR_UNSUPPORTED)

    performed(device, order_of(user, Action.LOCK))

    assert device.lock_refused_at is not None
    assert not device.is_lockable


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"is_online": True}, "This lock cannot be locked from here (422)."),
        (
            {"is_online": False},
            "Refused by Salto KS: the lock is offline, or cannot do this (422).",
        ),
        (
            {"is_online": True, "unheard_since": timezone.now()},
            "Refused by Salto KS: the lock is offline, or cannot do this (422).",
        ),
    ],
    ids=["heard", "offline", "in doubt"],
)
def test_a_lock_that_is_heard_is_not_called_offline_when_it_cannot_be_locked(
    *, device: Device, user: Any, driver: FakeDriver, fields: dict[str, Any], sentence: str
) -> None:
    Device.objects.update(can_lock=True, **fields)
    driver.opening = RefusedError(
        "The lock is offline, or cannot do this", code=Code.OFFLINE_OR_UNSUPPORTED, status=422
    )

    assert performed(device, order_of(user, Action.LOCK)).error == sentence


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("locked", "assumed", -23)),
        ({"state": "unlocked"}, ("locked", "assumed", -23)),
        ({"state": "unlocked", "office_mode": True}, ("unlocked", "poll", -60)),
        ({"state": "unknown"}, ("unknown", "poll", -60)),
        ({"state_at": -10}, ("locked", "poll", -10)),
    ],
    ids=["locked", "unlocked", "office mode", "unknown", "seen since"],
)
def test_what_was_seen_before_a_confirmed_opening_is_no_evidence_any_more(
    device: Device, fields: dict[str, Any], expected: tuple[str, str, int]
) -> None:
    now = timezone.now()
    state_at = now + timedelta(seconds=fields.pop("state_at", -60))
    Device.objects.update(**{"state_evidence": "poll", "state_at": state_at} | fields)
    sent_at = now - timedelta(seconds=31)
    make_attempt(device, status="unconfirmed", created_at=sent_at, sent_at=sent_at)

    actuation.settle_from_feed(
        device.pk,
        person_id=device.account.remote_id,
        occurred_at=now - timedelta(seconds=30),
        at=now,
    )

    device.refresh_from_db()
    state, evidence, seconds = expected
    assert (device.state, device.state_evidence) == (state, evidence)
    assert device.state_at == now + timedelta(seconds=seconds)


def test_a_refused_credential_closes_the_account_at_once(
    device: Device, user: Any, driver: FakeDriver
) -> None:
    driver.opening = AuthError("Refused twice.")

    performed(device, order_of(user))

    assert device.account.state == "reconnect_required"


def test_act_14_two_refused_one_time_codes_stop_opening_until_a_person_acts(
    device: Device, user: Any, driver: FakeDriver
) -> None:
    driver.opening = RefusedError("The code was wrong.", code=Code.OTP_INVALID)
    assert performed(device, order_of(user)).status == "failed"
    assert performed(device, order_of(user)).status == "failed"

    with pytest.raises(actuation.AccountSilentError):
        actuation.request(device, order_of(user))

    assert driver.names() == ["unlock", "unlock"]
    assert ConnectedAccount.objects.get().state == "actuation_blocked"


def test_act_14_a_good_code_in_between_starts_the_count_anew(
    device: Device, user: Any, driver: FakeDriver
) -> None:
    wrong = RefusedError("The code was wrong.", code=Code.OTP_INVALID)
    for driver.opening in (wrong, Opening(released_seconds=0), wrong):
        performed(Device.objects.get(), order_of(user, again=True))

    account = ConnectedAccount.objects.get()
    assert (account.otp_refusals, account.state) == (1, "connected")


def test_a_late_answer_settles_what_the_sweeper_gave_up(
    device: Device, user: Any, driver: FakeDriver
) -> None:
    def give_up() -> None:
        past = timezone.now() - timedelta(minutes=1)
        ActionAttempt.objects.update(deadline=past)
        actuation.sweep()

    driver.during = give_up

    attempt = performed(device, order_of(user))

    assert (attempt.status, attempt.evidence) == ("success", "reply")
    assert told(attempt) == [
        ("unlock_requested", "requested"),
        ("unlock_unconfirmed", "unconfirmed"),
        ("unlock_succeeded", "granted"),
    ]


def test_act_01_only_who_claimed_it_stores_its_outcome(device: Device) -> None:
    attempt = make_attempt(device, status="sending", claimed_by="somebody else")
    outcome = actuation.Outcome(status=AttemptStatus.FAILED, error=RefusedError("No."))

    sending._store(attempt, outcome, "me")

    attempt.refresh_from_db()
    assert (attempt.status, told(attempt)) == ("sending", [])


def test_a_late_shrug_adds_nothing(device: Device, user: Any, driver: FakeDriver) -> None:
    driver.opening = UncertainError("No answer.")
    driver.during = lambda: (
        ActionAttempt.objects.update(status="unconfirmed", error="first") and None  # type: ignore[func-returns-value]
    )

    attempt = performed(device, order_of(user))

    assert (attempt.status, attempt.error) == ("unconfirmed", "first")
    assert told(attempt) == [("unlock_requested", "requested")]


def test_a_late_answer_does_not_hide_a_newer_attempt(
    device: Device, user: Any, driver: FakeDriver
) -> None:
    newer: list[ActionAttempt] = []

    def give_up_and_try_again() -> None:
        ActionAttempt.objects.update(status="unconfirmed", finished_at=timezone.now())
        newer.append(actuation.request(device, order_of(user, again=True)))

    driver.during = give_up_and_try_again

    performed(device, order_of(user))

    assert device.attempt == newer[0]


def test_db_02_an_outcome_is_stored_although_the_database_was_away_for_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = iter([OperationalError("gone"), OperationalError("gone"), None])
    monkeypatch.setattr(
        insisting.threading, "Event", lambda: SimpleNamespace(wait=lambda seconds: None)
    )

    def store() -> None:
        if error := next(answers):
            raise error

    insisting.insist(store)

    assert list(answers) == []


def test_db_02_after_half_a_minute_it_is_left_to_the_sweeper() -> None:
    def store() -> None:
        raise OperationalError("gone")

    with pytest.raises(OperationalError):
        insisting.insist(store, seconds=-1)


def test_a_provider_that_cannot_open_from_afar_is_not_asked_to(
    device: Device, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "driver_for", lambda _: object())

    attempt = performed(device, order_of(user))

    assert (attempt.status, attempt.error_code) == ("failed", "not_supported")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            RefusedError("Lock is offline.", status=422),
            "Refused by Salto KS: lock is offline (422).",
        ),
        (RefusedError("Salto KS says no.", status=403), "Salto KS says no (403)."),
        (
            RefusedError("The IQ asks for a code", status=404, code=Code.OTP_REQUIRED),
            "Refused by Salto KS: the IQ asks for a code.",
        ),
        (
            MissingScopeError("Salto KS does not allow us: locks:write", scope="locks:write"),
            "Refused by Salto KS: our login there lacks the permission “locks:write” (403).",
        ),
        (
            RefusedError("Somebody inside has set it", status=403, code=Code.PRIVACY_MODE),
            "Somebody is inside (privacy mode). Not opened.",
        ),
        (RateLimitError("x", retry_after_seconds=12.4), "Too many requests; try again in 12 s."),
        (UncertainError("No answer in time."), "No answer in time."),
        (RefusedError("x" * 400), "x" * 300),
    ],
    ids=["status", "named", "one-time code", "scope", "privacy", "rate", "uncertain", "long"],
)
def test_a_refusal_is_said_in_words_for_people(
    device: Device, user: Any, driver: FakeDriver, error: Any, sentence: str
) -> None:
    driver.opening = error

    assert performed(device, order_of(user)).error == sentence


@pytest.mark.parametrize(
    ("is_private", "code", "sentence"),
    [
        (True, "privacy_mode", "Somebody is inside (privacy mode). Not opened."),
        (None, "command_forbidden", "Refused by Salto KS: no command (403)."),
    ],
)
def test_a_forbidden_command_to_a_door_in_privacy_mode_is_called_that(
    *, device: Device, user: Any, driver: FakeDriver, is_private: Any, code: str, sentence: str
) -> None:
    Device.objects.update(privacy_mode=is_private)
    driver.opening = RefusedError("No command", status=403, code=Code.COMMAND_FORBIDDEN)

    attempt = performed(device, order_of(user))

    assert (attempt.error_code, attempt.error) == (code, sentence)
    assert attempt.says_it_all == (code == "privacy_mode")


# --- dispatch ------------------------------------------------------------------------------------


@pytest.mark.parametrize("taken", [True, False])
def test_act_10_what_the_broker_does_not_take_is_done_here(
    device: Device, driver: FakeDriver, monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(
        sending.live, "send", lambda task, **fields: sent.append((task.name, fields)) or taken
    )
    attempt = make_attempt(device)

    sending._dispatch(attempt.pk)

    fields = {"expires": 10, "attempt_id": str(attempt.pk)}
    assert sent == [("locks.tasks.perform_attempt", fields)]
    assert driver.names() == ([] if taken else ["unlock"])


def test_act_10_a_failure_while_doing_it_here_is_left_to_the_sweeper(
    device: Device, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("a slip of ours")

    monkeypatch.setattr(sending.live, "send", lambda *_, **__: False)
    monkeypatch.setattr(sending, "perform", fail)

    sending._dispatch(make_attempt(device).pk)

    assert [record.message for record in caplog.records] == [
        "an attempt could not be performed here"
    ]


def test_act_10_a_click_does_not_wait_for_its_dispatch(
    monkeypatch: pytest.MonkeyPatch, device: Device
) -> None:
    monkeypatch.undo()  # the real dispatch
    began, may_end, ended = (threading.Event() for _ in range(3))

    def slow(_: Any) -> None:
        began.set()
        may_end.wait(5)
        ended.set()

    monkeypatch.setattr(sending, "_dispatch", slow)

    actuation.dispatch(device.pk)

    assert began.wait(5)
    assert not ended.is_set()
    may_end.set()
    assert ended.wait(5)


# --- the sweeper ---------------------------------------------------------------------------------


def test_act_13_a_backlog_is_dropped_never_sent(driver: FakeDriver) -> None:
    past = timezone.now() - timedelta(seconds=1)
    site = make_site()
    attempts = [make_attempt(make_device(site), deadline=past) for _ in range(3)]

    assert actuation.sweep() == 3

    assert set(ActionAttempt.objects.values_list("status", "error")) == {
        ("expired", "Not sent – took too long.")
    }
    assert [told(attempt) for attempt in attempts] == [[("unlock_expired", "failed")]] * 3
    assert driver.calls == []


@pytest.mark.parametrize(("ago_seconds", "is_hinted"), [(0, False), (5, True)])
def test_q_01_a_queued_attempt_in_time_is_hinted_at_again_if_its_hint_was_lost(
    device: Device,
    no_broker: list[Any],
    django_capture_on_commit_callbacks: Any,
    ago_seconds: int,
    is_hinted: bool,
) -> None:
    attempt = make_attempt(device, created_at=timezone.now() - timedelta(seconds=ago_seconds))

    with django_capture_on_commit_callbacks(execute=True):
        assert actuation.sweep() == 0

    attempt.refresh_from_db()
    assert attempt.status == "queued"
    assert no_broker == ([attempt.pk] if is_hinted else [])


@pytest.mark.parametrize(("late_seconds", "status"), [(2, "sending"), (4, "unconfirmed")])
def test_an_answer_that_does_not_come_is_unconfirmed_after_a_grace(
    device: Device, late_seconds: int, status: str
) -> None:
    deadline = timezone.now() - timedelta(seconds=late_seconds)
    attempt = make_attempt(device, status="sending", deadline=deadline)

    actuation.sweep()

    attempt.refresh_from_db()
    assert attempt.status == status
    expected = [("unlock_unconfirmed", "unconfirmed")] if status == "unconfirmed" else []
    assert told(attempt) == expected


def test_act_15_a_door_whose_time_is_over_is_assumed_locked(device: Device) -> None:
    past = timezone.now() - timedelta(seconds=1)
    open_still = make_device(
        device.site, state="unlocked", released_until=timezone.now() + timedelta(seconds=9)
    )
    Device.objects.filter(pk=device.pk).update(state="unlocked", released_until=past)

    actuation.sweep()

    device.refresh_from_db()
    open_still.refresh_from_db()
    assert (device.state, device.state_evidence, device.released_until) == (
        LockState.LOCKED,
        Evidence.ASSUMED,
        None,
    )
    assert open_still.state == "unlocked"


def test_sks_11_a_door_in_office_mode_does_not_lock_by_itself(device: Device) -> None:
    past = timezone.now() - timedelta(seconds=1)
    Device.objects.update(state="unlocked", office_mode=True, released_until=past)

    actuation.sweep()

    device.refresh_from_db()
    assert (device.state, device.office_mode) == ("unlocked", True)


@pytest.mark.parametrize(
    ("status", "seconds_ago", "stays"),
    [
        ("failed", 119, True),
        ("failed", 121, False),
        ("success", 121, False),
        ("expired", 121, False),
        ("unconfirmed", 10_000, True),
    ],
)
def test_old_outcomes_leave_the_board_but_unconfirmed_ones_stay(
    device: Device, status: str, seconds_ago: int, stays: bool
) -> None:
    ago = timezone.now() - timedelta(seconds=seconds_ago)
    attempt = make_attempt(device, status=status, finished_at=ago, created_at=ago)
    Device.objects.update(attempt=attempt)

    actuation.sweep()

    device.refresh_from_db()
    assert device.attempt_id == (attempt.pk if stays else None)


@pytest.mark.parametrize(("seconds_ago", "stays"), [(11, True), (13, False)])
def test_a_wait_leaves_the_board_when_it_is_over(
    device: Device, seconds_ago: int, stays: bool
) -> None:
    ago = timezone.now() - timedelta(seconds=seconds_ago)
    attempt = make_attempt(
        device, status="failed", finished_at=ago, created_at=ago, retry_after_seconds=12
    )
    Device.objects.update(attempt=attempt)

    actuation.sweep()

    device.refresh_from_db()
    assert device.attempt_id == (attempt.pk if stays else None)


def test_what_was_settled_late_is_told_as_long_as_any_outcome(device: Device) -> None:
    now = timezone.now()
    ago = now - timedelta(minutes=10)
    attempt = make_attempt(device, status="success", finished_at=ago, settled_at=now)
    Device.objects.update(attempt=attempt)

    actuation.sweep()

    device.refresh_from_db()
    assert device.attempt_id == attempt.pk


# --- evidence ------------------------------------------------------------------------------------


def settle(device: Device, *, seconds_after: float = 1, person: str | None = None) -> Any:
    """Have the feed tell of an opening by us, some time after the first attempt was sent."""
    sent_at = device.attempts.order_by("created_at").first().sent_at
    return actuation.settle_from_feed(
        device.pk,
        person_id=device.account.remote_id if person is None else person,
        occurred_at=sent_at + timedelta(seconds=seconds_after),
        at=timezone.now(),
    )


@pytest.mark.parametrize(
    ("seconds_after", "is_ours"), [(-5.1, False), (-5, True), (0, True), (60, True), (60.1, False)]
)
def test_act_17_the_feed_settles_an_attempt_of_that_minute(
    device: Device, seconds_after: float, is_ours: bool
) -> None:
    attempt = unconfirmed(device)

    found = settle(device, seconds_after=seconds_after)

    attempt.refresh_from_db()
    assert found == (attempt if is_ours else None)
    assert attempt.status == ("success" if is_ours else "unconfirmed")
    assert told(attempt) == ([("unlock_settled", "granted")] if is_ours else [])
    assert attempt.evidence == ("feed" if is_ours else "")


@pytest.mark.parametrize(
    ("dialect", "person", "is_ours"),
    [
        ("connect", "us", True),
        ("connect", "jane", False),
        ("connect", "", False),
        ("legacy", "us", True),
        ("legacy", "jane", False),
        ("legacy", "", True),
    ],
)
def test_act_17_only_our_own_identity_counts(
    device: Device, dialect: str, person: str, is_ours: bool
) -> None:
    ConnectedAccount.objects.update(remote_id="us", dialect=dialect)
    attempt = unconfirmed(device)

    assert settle(device, person=person) == (attempt if is_ours else None)


def test_act_17_two_that_fit_mean_nobody_is_credited(device: Device) -> None:
    unconfirmed(device)
    unconfirmed(device)

    assert settle(device) is None
    assert set(ActionAttempt.objects.values_list("status", flat=True)) == {"unconfirmed"}


def test_act_17_one_line_of_the_feed_is_evidence_once(device: Device) -> None:
    attempt = unconfirmed(device)

    assert settle(device) == attempt
    assert settle(device) is None


@pytest.mark.parametrize(
    "fields", [{"action": Action.LOCK}, {"status": AttemptStatus.FAILED}], ids=["lock", "failed"]
)
def test_act_17_what_was_no_opening_is_not_credited(device: Device, fields: Any) -> None:
    unconfirmed(device, **fields)

    assert settle(device) is None


def test_act_17_another_door_s_attempt_does_not_fit(device: Device) -> None:
    attempt = unconfirmed(make_device(device.site))

    assert (
        actuation.settle_from_feed(
            device.pk,
            person_id=device.account.remote_id,
            occurred_at=attempt.sent_at,
            at=timezone.now(),
        )
        is None
    )


def feed_tells(device: Device) -> Any:
    """A `during` of a driver: the feed tells of the opening before the answer comes."""
    return lambda: settle(device)


@pytest.mark.parametrize(
    ("answer", "verbs"),
    [
        (Opening(), ["unlock_requested", "unlock_succeeded"]),
        (
            UncertainError("No answer."),
            ["unlock_requested", "unlock_unconfirmed", "unlock_settled"],
        ),
    ],
    ids=["yes", "no answer"],
)
def test_act_17_a_feed_that_is_faster_than_the_answer_is_evidence(
    device: Device, user: Any, driver: FakeDriver, answer: Any, verbs: list[str]
) -> None:
    driver.opening = answer
    driver.during = feed_tells(device)

    attempt = performed(device, order_of(user))

    assert (attempt.status, attempt.evidence) == ("success", "feed")
    assert [verb for verb, _ in told(attempt)] == verbs


def test_act_17_a_feed_that_told_settles_what_the_sweeper_gives_up(device: Device) -> None:
    past = timezone.now() - timedelta(seconds=20)
    attempt = make_attempt(device, status="sending", evidence="feed", sent_at=past, deadline=past)

    actuation.sweep()

    attempt.refresh_from_db()
    assert (attempt.status, attempt.evidence) == ("success", "feed")
    assert [verb for verb, _ in told(attempt)] == ["unlock_unconfirmed", "unlock_settled"]


def test_act_04_a_success_is_confirmed_by_the_feed_without_a_second_line(device: Device) -> None:
    attempt = unconfirmed(device, status="success", evidence="reply")

    assert settle(device) == attempt

    attempt.refresh_from_db()
    assert (attempt.status, attempt.evidence) == ("success", "feed")
    assert told(attempt) == []


@pytest.mark.parametrize(("seconds_ago", "is_open"), [(3, True), (20, False)])
def test_act_04_a_door_is_shown_open_for_the_rest_of_its_time_once_it_is_confirmed(
    device: Device, seconds_ago: int, is_open: bool
) -> None:
    ago = timezone.now() - timedelta(seconds=seconds_ago)
    attempt = unconfirmed(
        device, sent_at=ago, created_at=ago, error="No answer.", error_code="no_answer"
    )

    settle(device, seconds_after=1)

    attempt.refresh_from_db()
    device.refresh_from_db()
    opened_at = ago + timedelta(seconds=1)
    assert (attempt.opened_at, attempt.error, attempt.error_code) == (opened_at, "", "")
    assert attempt.settled_at is not None
    assert device.attempt_id == attempt.pk
    assert device.released_until == (opened_at + timedelta(seconds=7) if is_open else None)
    assert device.state == ("unlocked" if is_open else "locked")


@pytest.mark.parametrize("opened", [True, False])
def test_act_04_a_person_s_word_moves_the_door(device: Device, user: Any, opened: bool) -> None:
    attempt = unconfirmed(device)

    actuation.settle_by_person(attempt, opened=opened, actor=actor(user), at=timezone.now())

    device.refresh_from_db()
    until = attempt.sent_at + timedelta(seconds=7)
    assert device.released_until == (until if opened else None)
    assert device.next_poll_at is not None


def test_a_lock_that_somebody_saw_lock_is_locked(device: Device, user: Any) -> None:
    Device.objects.update(state="unlocked")
    attempt = unconfirmed(device, action=Action.LOCK)

    actuation.settle_by_person(attempt, opened=True, actor=actor(user), at=timezone.now())

    device.refresh_from_db()
    assert (device.state, device.state_evidence, device.released_until) == (
        "locked",
        "assumed",
        None,
    )


@pytest.mark.parametrize(
    ("opened", "status", "result"), [(True, "success", "granted"), (False, "failed", "failed")]
)
def test_act_04_a_person_settles_what_nobody_knows_once(
    device: Device, user: Any, opened: bool, status: str, result: str
) -> None:
    attempt = unconfirmed(device, actor_name="Somebody else")
    at = timezone.now()

    first = actuation.settle_by_person(attempt, opened=opened, actor=actor(user), at=at)
    second = actuation.settle_by_person(attempt, opened=not opened, actor=actor(user), at=at)

    attempt.refresh_from_db()
    assert (first, second) == (True, False)
    assert (attempt.status, attempt.evidence) == (status, AttemptEvidence.HUMAN)
    assert told(attempt) == [("unlock_settled", result)]
    assert Event.objects.get(attempt_id=attempt.pk).actor_id == str(user.pk)


def test_who_may_not_open_may_not_say_that_it_opened(device: Device) -> None:
    auditor = make_user(Role.AUDITOR, workspace=device.workspace)
    attempt = unconfirmed(device)

    with pytest.raises(PermissionDenied):
        actuation.settle_by_person(attempt, opened=True, actor=actor(auditor), at=timezone.now())


def test_an_old_attempt_that_is_settled_does_not_hide_a_newer_one(
    device: Device, user: Any
) -> None:
    old = unconfirmed(device, created_at=timezone.now() - timedelta(seconds=30))
    newer = actuation.request(device, order_of(user))

    settle(device, seconds_after=0)

    device.refresh_from_db()
    old.refresh_from_db()
    assert (old.status, device.attempt) == ("success", newer)


# --- what the database promises ----------------------------------------------------------------

ALLOWED = {
    ("queued", "sending"),
    ("queued", "expired"),
    ("queued", "cancelled"),
    ("queued", "failed"),
    ("sending", "success"),
    ("sending", "failed"),
    ("sending", "unconfirmed"),
    ("unconfirmed", "success"),
    ("unconfirmed", "failed"),
} | {(status, status) for status in AttemptStatus.values}


def test_act_01_no_edge_but_these_exists(device: Device) -> None:
    possible = set()
    for before in AttemptStatus.values:
        for after in AttemptStatus.values:
            try:
                with transaction.atomic():
                    attempt = make_attempt(device, status=before)
                    ActionAttempt.objects.filter(pk=attempt.pk).update(status=after)
                    possible.add((before, after))
                    raise RollBackError
            except (RollBackError, DatabaseError):
                pass

    assert possible == ALLOWED


class RollBackError(Exception):
    pass


def test_act_19_attempts_are_never_deleted(device: Device) -> None:
    make_attempt(device)

    with pytest.raises(DatabaseError, match="never deleted"), transaction.atomic():
        ActionAttempt.objects.all()._raw_delete("default")


@pytest.mark.parametrize("seconds", [0, 61])
def test_act_15_the_database_takes_1_to_60_seconds(device: Device, seconds: int) -> None:
    with pytest.raises(IntegrityError, match="attempt_seconds_1_to_60"):
        make_attempt(device, seconds=seconds)


def test_an_attempt_tells_who_and_how_long_it_took(device: Device, user: Any) -> None:
    now = timezone.now()
    attempt = queued(user, device, now=now)
    assert attempt.took_seconds() is None
    attempt.finished_at = now + timedelta(seconds=2)

    assert attempt.took_seconds() == 2
    assert attempt.ends_within == timedelta(seconds=10)
    assert attempt.who == Who(kind="user", id=str(user.pk), name="Ana")
    assert attempt.is_open


def test_the_command_line_needs_no_role(device: Device, driver: FakeDriver) -> None:
    attempt = performed(device, order_of_command())

    assert (attempt.status, attempt.user, attempt.actor_kind) == ("success", None, "command")


def test_accounts_and_sites_with_attempts_stay(device: Device) -> None:
    make_attempt(device)
    account = make_account(device.workspace)

    assert str(ActionAttempt.objects.get()) == f"unlock {device.pk} queued"
    assert account.pk != device.account_id


def test_act_04_evidence_stored_while_the_sweeper_looks_away_still_settles(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    attempt = make_attempt(
        device,
        status=AttemptStatus.SENDING,
        created_at=now - timedelta(seconds=30),
        deadline=now - timedelta(seconds=20),
        sent_at=now - timedelta(seconds=29),
    )
    found = sweeping._due

    def found_before_the_feed_told(*args: Any, **due: Any) -> list[ActionAttempt]:
        overdue = found(*args, **due)
        ActionAttempt.objects.filter(pk=attempt.pk).update(evidence=AttemptEvidence.FEED)
        return overdue

    monkeypatch.setattr(sweeping, "_due", found_before_the_feed_told)

    actuation.sweep()

    attempt.refresh_from_db()
    assert (attempt.status, attempt.evidence) == ("success", "feed")


def test_a_door_that_may_stay_open_is_shown_open_until_somebody_looks(
    driver: FakeDriver, device: Device, user: Any
) -> None:
    ConnectedAccount.objects.filter(pk=device.account_id).update(provider="seam")
    device = Device.objects.get(pk=device.pk)
    driver.opening = Opening()

    attempt = performed(device, order_of(user))

    assert (attempt.status, attempt.released_seconds) == (AttemptStatus.SUCCESS, None)
    assert (device.state, device.released_until) == (LockState.UNLOCKED, None)
    assert device.next_poll_at is not None
    sweeping.sweep()
    device.refresh_from_db()
    assert device.state == LockState.UNLOCKED
