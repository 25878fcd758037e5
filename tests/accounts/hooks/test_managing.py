"""The section of the account's page about being told, and what it does at Seam."""

import re
import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import driving, upkeep
from accounts.hooks import managing
from accounts.models import ConnectedAccount, IncomingHook, Role, User
from accounts.providers.http import HttpDoor
from audit.models import Event
from audit.who import Who
from audit.words import Verb
from locks import live, polling
from locks.models import Device
from locks.states import LockState
from tests.accounts.hooks.test_signature import SECRET
from tests.accounts.providers.salto_ks.rigs import SandboxProgram
from tests.accounts.providers.seam.rigs import RecordedRig
from tests.accounts.providers.servers import Answer
from tests.make import client_of, make_account, make_site, make_user

pytestmark = pytest.mark.django_db

ORIGIN = "https://lockboard.example.com"
ME = Who(kind="user", id="1", name="Ana")


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A Seam that makes webhooks; it stands for the real one."""
    rig: Any = RecordedRig()
    rig.hooks = {}

    def create(asked: Any) -> Answer:
        rig.hooks[f"webhook-{len(rig.hooks)}"] = asked.json["url"]
        made = {"webhook_id": list(rig.hooks)[-1], "url": asked.json["url"], "secret": SECRET}
        return Answer({"webhook": made, "ok": True})

    def delete(asked: Any) -> Answer:
        rig.hooks.pop(asked.json["webhook_id"], None)
        return Answer({"ok": True})

    def listed(_: Any) -> Answer:
        rows = [{"webhook_id": key, "url": url} for key, url in rig.hooks.items()]
        return Answer({"webhooks": rows, "ok": True})

    rig.cloud.on("POST", "/webhooks/create", create)
    rig.cloud.on("POST", "/webhooks/delete", delete)
    rig.cloud.on("POST", "/webhooks/list", listed)
    door = HttpDoor((), plain_origins=(rig.cloud.origin,))
    monkeypatch.setattr(driving, "door_for", lambda _: door)
    yield rig
    door.close()
    rig.close()


@pytest.fixture
def user() -> User:
    return make_user(Role.MANAGER)


@pytest.fixture
def account(rig: Any, user: User, settings: Any) -> ConnectedAccount:
    settings.LOCKBOARD_ORIGIN = ORIGIN
    workspace = user.memberships.get().workspace
    workspace.is_sandbox = False
    workspace.save()
    origin = rig.cloud.origin
    return make_account(
        workspace, provider="seam", name="Seam", api_base=origin, auth_url=origin, grant="api_key"
    )


def page(user: User, account: ConnectedAccount) -> str:
    html = client_of(user).get(reverse("account", args=[account.pk])).content.decode()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def press(user: User, account: ConnectedAccount, name: str) -> str:
    response = client_of(user).post(reverse(name, args=[account.pk]), follow=True)
    assert response.status_code == 200
    return re.sub(r"\s+", " ", response.content.decode())


def verbs(account: ConnectedAccount) -> list[str]:
    told = Event.objects.filter(account_id=account.pk).order_by("recorded_at", "id")
    return [each.verb for each in told if "webhook" in each.verb]


def test_it_is_switched_on_and_off_and_written_down(
    rig: Any, user: User, account: ConnectedAccount
) -> None:
    assert "Let Seam tell us at once" in page(user, account)

    assert "Seam tells us of changes at once now." in press(user, account, "account-hook-add")

    hook = IncomingHook.objects.get(account=account)
    assert rig.hooks == {hook.remote_id: f"{ORIGIN}/hooks/{hook.pk}/"}
    assert hook.unseal_secret() == SECRET
    shown = page(user, account)
    assert "Last message none yet" in shown
    assert SECRET not in shown
    IncomingHook.objects.update(last_message_at=timezone.now())
    assert "none yet" not in page(user, account).partition("Last message")[2]

    assert "no longer tells us" in press(user, account, "account-hook-remove")

    assert rig.hooks == {}
    assert not IncomingHook.objects.exists()
    assert verbs(account) == [Verb.WEBHOOK_ADDED, Verb.WEBHOOK_REMOVED]


def test_switching_on_twice_leaves_one(rig: Any, user: User, account: ConnectedAccount) -> None:
    press(user, account, "account-hook-add")
    press(user, account, "account-hook-add")

    assert len(rig.hooks) == 1
    assert verbs(account) == [Verb.WEBHOOK_ADDED]


def test_of_two_clicks_at_once_one_makes_it(
    rig: Any, user: User, account: ConnectedAccount
) -> None:
    IncomingHook.objects.create(account=account, made_at=timezone.now())
    assert "Somebody else is doing that right now." in press(user, account, "account-hook-add")
    IncomingHook.objects.update(made_at=timezone.now() - 2 * managing.MAKING)

    press(user, account, "account-hook-add")

    assert len(rig.hooks) == 1
    assert managing.hook_of(account) is not None


def test_one_whose_making_got_lost_is_replaced(
    rig: Any, user: User, account: ConnectedAccount
) -> None:
    made = rig.cloud.scripts["POST", "/webhooks/create"]

    def lose(asked: Any) -> Answer:
        made(asked)
        return Answer({}, 502)

    rig.cloud.on("POST", "/webhooks/create", lose)
    assert "was not asked to tell us" in press(user, account, "account-hook-add")
    assert managing.hook_of(account) is None
    rig.cloud.on("POST", "/webhooks/create", made)
    rig.hooks["another"] = "https://elsewhere.example.com/"

    press(user, account, "account-hook-add")

    assert sorted(rig.hooks.values()) == [
        "https://elsewhere.example.com/",
        managing.address_of(IncomingHook.objects.get()),
    ]


@pytest.mark.parametrize("secret", [None, "", "whsec_", 7])
def test_without_a_secret_nobody_could_be_believed(
    rig: Any, user: User, account: ConnectedAccount, secret: Any
) -> None:
    rig.tell("webhooks/create", webhook={"webhook_id": "webhook-1", "secret": secret})

    assert "was not asked to tell us" in press(user, account, "account-hook-add")

    assert managing.hook_of(account) is None
    assert rig.asked("webhooks/delete") == [{"webhook_id": "webhook-1"}]


def test_seam_that_cannot_be_asked_goes_on_telling(
    rig: Any, user: User, account: ConnectedAccount
) -> None:
    press(user, account, "account-hook-add")
    rig.cloud.on("POST", "/webhooks/delete", Answer({}, 503))

    assert "Seam still tells us of changes." in press(user, account, "account-hook-remove")

    assert managing.hook_of(account) is not None


@pytest.mark.parametrize("status", [200, 404, 401, 503])
def test_disconnecting_removes_it_as_well_as_can_be(
    rig: Any, user: User, account: ConnectedAccount, status: int
) -> None:
    press(user, account, "account-hook-add")
    body = {"ok": True} if status == 200 else {"error": {"type": "webhook_not_found"}}
    rig.cloud.on("POST", "/webhooks/delete", Answer(body, status))

    upkeep.disconnect(account, by=ME, at=timezone.now())

    assert not IncomingHook.objects.exists()
    assert len(rig.asked("webhooks/delete")) == 1


@pytest.mark.parametrize(
    ("origin", "is_reached"),
    [
        ("https://lockboard.example.com", True),
        ("https://8.8.8.8", True),
        ("http://lockboard.example.com", False),
        ("https://lockboard", False),
        ("https://lockboard.local", False),
        ("https://192.168.1.5", False),
        ("https://[::1]", False),
        ("http://127.0.0.1:8000", False),
    ],
)
def test_where_seam_cannot_reach_us_the_page_says_so(
    user: User, account: ConnectedAccount, settings: Any, origin: str, is_reached: bool
) -> None:
    settings.LOCKBOARD_ORIGIN = origin
    sentence = f"Seam cannot reach this server: its address, {origin}, is no public https address."

    assert (sentence in page(user, account)) is not is_reached
    if not is_reached:
        assert sentence in press(user, account, "account-hook-add")
        assert not IncomingHook.objects.exists()


def test_a_provider_that_tells_nothing_has_no_such_section(user: User) -> None:
    account = make_account(user.memberships.get().workspace)

    assert "tell us at once" not in page(user, account)


# --- from end to end ---


@pytest.mark.sandbox
@pytest.mark.django_db(transaction=True)
def test_a_changed_lock_is_on_the_board_before_its_next_poll(
    tmp_path: Any, live_server: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = SandboxProgram(tmp_path)
    try:
        _told_and_looked(program, live_server.url, settings, monkeypatch)
    finally:
        program.close()


def _told_and_looked(
    program: SandboxProgram, origin: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LOCKBOARD_ORIGIN, settings.SANDBOX_URL = origin, program.origin
    monkeypatch.setattr(live, "send", lambda *_, **__: False)  # so that polls run here
    user = make_user(Role.ADMIN)
    account, door = _connected(program, user)
    assert Client().post(reverse("hook", args=[account.pk])).status_code == 404
    press(user, account, "account-hook-add")
    assert door.state == LockState.LOCKED
    program.control("POST", "inside", lock_id=door.remote_id)

    deadline = time.monotonic() + 30
    while door.state == LockState.LOCKED and time.monotonic() < deadline:
        polling.queue_due()
        door.refresh_from_db()
        time.sleep(0.1)

    assert door.state == LockState.UNLOCKED
    assert IncomingHook.objects.get().last_message_at is not None


def _connected(program: SandboxProgram, user: User) -> tuple[ConnectedAccount, Device]:
    """Seam as it is long after its first sync: nothing is due for an hour."""
    workspace = user.memberships.get().workspace
    assert workspace.is_sandbox
    hour = timezone.now() + timedelta(hours=1)
    base = f"{program.origin}/seam"
    account = make_account(
        workspace,
        provider="seam",
        api_base=base,
        auth_url=base,
        grant="api_key",
        next_status_poll_at=hour,
        next_event_poll_at=hour,
        status_interval_ms=3_600_000,
        event_poll_interval_ms=3_600_000,
    )
    account.seal("client_secret", "seam_test1_sandboxdemokey")
    account.save()
    driver = driving.driver_for(account)
    [place] = driver.list_sites()
    site = make_site(account, remote_id=place.remote_id)
    polling.poll_site(driver, site)
    return account, Device.objects.get(name="Courtyard Door")
