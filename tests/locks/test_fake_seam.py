"""The main job in front of Seam's own fake: connected by key, on the board, opened, coded."""

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from accounts.models import AccountState, ConnectedAccount, Role
from accounts.views import connect_key
from audit.words import How
from locks import actuation, first_sync, polling
from locks.actuation import Order, rows, sending
from locks.codes import reconciling, services
from locks.codes.services import Wish
from locks.codes.states import CodePhase
from locks.models import AccessCode, Device
from locks.states import Action, AttemptStatus, LockState
from tests.accounts.providers.seam.fake_program import KEY, FakeSeam, fetched
from tests.accounts.walking import Walk, new_property
from tests.make import actor, client_of, make_account, make_device, make_site, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.sandbox]

FAILURES_UNTIL_TROUBLE = 5


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeSeam]:
    fake = FakeSeam(fetched())
    yield fake
    fake.close()


@pytest.fixture(autouse=True)
def wired(fake: FakeSeam, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a sandbox workspace find the fake where the sandbox's Seam would be."""
    settings.SANDBOX_URL = fake.origin
    settings.PROVIDER_REQUESTS_PER_SECOND = 1000.0
    monkeypatch.setattr(connect_key, "_address", lambda _: fake.origin)
    monkeypatch.setattr(first_sync, "dispatch", lambda *_, **__: None)
    stand_in = SimpleNamespace(cursor=connection.cursor, close=lambda: None)
    for module in (rows, sending):
        monkeypatch.setattr(module, "connection", stand_in)


@pytest.fixture
def user() -> Any:
    return make_user(Role.ADMIN)


@pytest.fixture
def account(user: Any, django_capture_on_commit_callbacks: Any) -> ConnectedAccount:
    walk = Walk.begin(client_of(user), None)
    walk.post("intro")
    walk.post("brand", {"provider": "seam"})
    walk.post("sign-in", {"api_key": KEY})
    walk.post("checks")
    site = walk.webview.answers["sites"][0]
    walk.post("sites", new_property(site["remote_id"], "Harbour Street"))
    with django_capture_on_commit_callbacks(execute=True):
        walk.post("confirm", {"name": "Seam"})
    first_sync.run(walk.webview.pk)
    return ConnectedAccount.objects.get(provider="seam")


def door_of(account: ConnectedAccount, name: str) -> Device:
    return Device.objects.get(account=account, name=name)


def board(user: Any) -> Any:
    return client_of(user).get(reverse("board"))


def press(device: Device, user: Any, action: Action) -> AttemptStatus:
    who = actor(user)
    order = Order(action=action, idempotency_key=str(action), who=who.who, how=How.WEB, actor=who)
    attempt = actuation.request(device, order)
    actuation.perform(attempt.pk, by="me")
    attempt.refresh_from_db()
    device.refresh_from_db()
    return AttemptStatus(attempt.status)


def test_three_locks_stand_on_the_board_next_to_saltos(user: Any, account: Any) -> None:
    make_device(make_site(make_account(account.workspace)), name="Salto Door")

    page = board(user).content.decode()

    for name in ("Fake August Lock 1", "Fake August Lock 2", "Bathroom Door", "Salto Door"):
        assert name in page


def test_unlock_and_lock_are_confirmed(user: Any, account: Any) -> None:
    door = door_of(account, "Bathroom Door")

    assert press(door, user, Action.UNLOCK) is AttemptStatus.SUCCESS
    # Nobody knows whether it closes by itself, so no countdown says that it does.
    assert (door.state, door.released_until) == (LockState.UNLOCKED, None)
    assert polling.poll(account.pk, polling.STATUS)
    door.refresh_from_db()
    assert door.state == LockState.UNLOCKED

    assert press(door, user, Action.LOCK) is AttemptStatus.SUCCESS
    assert polling.poll(account.pk, polling.STATUS)
    door.refresh_from_db()
    assert door.state == LockState.LOCKED


def test_a_code_is_created_and_deleted(fake: FakeSeam, user: Any, account: Any) -> None:
    door, now = door_of(account, "Fake August Lock 2"), timezone.now()
    wish = Wish(name="Ana", starts_at=now, ends_at=now + timedelta(hours=4), digits="7391")
    [code] = services.create([door], wish, by=actor(user), at=now)

    code = passed(code)
    [made] = fake.ask("access_codes/list", device_id=door.remote_id)["access_codes"]
    assert (made["access_code_id"], made["code"]) == (code.remote_id, "7391")
    assert made["name"].startswith(code.ref)
    assert code.phase == CodePhase.ACCEPTED  # the fake never sets a code on its lock

    services.revoke([code], by=actor(user), at=timezone.now())
    code = passed(code)
    assert fake.ask("access_codes/list", device_id=door.remote_id)["access_codes"] == []
    assert code.phase == CodePhase.VERIFYING_ABSENT


def passed(code: AccessCode) -> AccessCode:
    AccessCode.objects.filter(pk=code.pk).update(next_run_at=timezone.now())
    reconciling.run(code.account_id)
    code.refresh_from_db()
    return code


def test_an_outage_is_one_banner_and_heals(fake: FakeSeam, user: Any, account: Any) -> None:
    fake.fail("/devices/list", "/events/list")
    try:
        for _ in range(FAILURES_UNTIL_TROUBLE):
            polling.poll(account.pk, polling.STATUS)
        account.refresh_from_db()
        assert account.state == AccountState.DEGRADED
        [banner] = board(user).context["board"].banners
        assert banner.title.startswith("Seam: Seam")
    finally:
        fake.fail()

    assert polling.poll(account.pk, polling.STATUS)
    account.refresh_from_db()
    assert account.state == AccountState.CONNECTED
    assert board(user).context["board"].banners == []


def test_a_wrong_key_is_refused_in_words(user: Any) -> None:
    walk = Walk.begin(client_of(user), None)
    walk.post("intro")
    walk.post("brand", {"provider": "seam"})

    page = walk.post("sign-in", {"api_key": "seam_not_this_one"})

    assert "Seam refuses the API key" in page.content.decode()
