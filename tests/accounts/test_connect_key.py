"""Connecting a brand that asks for an API key: Keypad Cloud, in a sandbox only."""

import re
from typing import Any

import pytest
from django.conf import LazySettings
from django.urls import reverse

from accounts.models import AccountState, ConnectedAccount, Grant, Role, User
from accounts.providers.base import UnreachableError
from accounts.providers.http import HttpDoor
from accounts.providers.seam.systems import SeamSystems
from accounts.views.accounts import Health
from audit.models import Event
from locks import first_sync, polling
from locks.models import Device
from tests.accounts.walking import Walk, new_property
from tests.make import client_of, make_account, make_property, make_user
from tests.sandbox.client import BASE, Client

pytestmark = pytest.mark.django_db
KEY = "keypad-demo-key"


@pytest.fixture
def manager() -> User:
    return make_user(Role.MANAGER)


@pytest.fixture
def walk(manager: User, cloud: Client, first_syncs: list[Any]) -> Walk:
    walk = Walk.begin(client_of(manager), cloud)
    walk.post("intro")
    return walk


def words(response: Any) -> str:
    text = re.sub(r"<[^>]+>", "", response.content.decode())
    return re.sub(r"\s+", " ", text)


def to_sign_in(walk: Walk) -> Walk:
    walk.post("brand", {"provider": "keypad"})
    return walk


def test_an_account_is_connected_by_its_key(
    walk: Walk, django_capture_on_commit_callbacks: Any
) -> None:
    to_sign_in(walk)
    page = walk.get("sign-in")
    assert "API key of SIMULATED Keypad Cloud" in words(page)

    assert walk.post("sign-in", {"api_key": f" {KEY}\n"})["Location"] == walk.url("checks")
    walk.post("checks")
    site = walk.webview.answers["sites"][0]
    walk.post("sites", new_property(site["remote_id"], "Willow Court"))
    with django_capture_on_commit_callbacks(execute=True):
        walk.post("confirm", {"name": "Keypads"})
    first_sync.run(walk.webview.pk)

    account = ConnectedAccount.objects.get()
    assert (account.provider, account.grant) == ("keypad", Grant.API_KEY)
    assert account.api_base == f"{BASE}/keypad"
    assert account.unseal("client_secret") == KEY
    names = Device.objects.order_by("name").values_list("name", "has_keypad")
    assert list(names) == [
        ("Boiler Room", False),
        ("Garden Gate", True),
        ("Main Door", True),
        ("Store Room", True),
    ]
    assert KEY not in str(walk.webview.answers)


def test_its_doors_and_their_lines_are_polled(
    walk: Walk, django_capture_on_commit_callbacks: Any
) -> None:
    test_an_account_is_connected_by_its_key(walk, django_capture_on_commit_callbacks)
    account, door = ConnectedAccount.objects.get(), Device.objects.get(name="Main Door")
    walk.cloud.control("settings", preset="instant")
    walk.cloud.control("keypad", lock_id=door.remote_id, code="7391")
    walk.cloud.control("settings", preset="instant")

    assert polling.poll(account.pk, polling.EVENTS)

    line = Event.objects.get(account_id=account.pk, kind="door")
    assert (line.source, line.device_name, line.how) == ("keypad", "Main Door", "code")


def test_a_wrong_key_is_refused_in_words_and_not_shown_again(walk: Walk) -> None:
    to_sign_in(walk)

    page = walk.post("sign-in", {"api_key": "not-the-key"})

    assert page.status_code == 200
    assert "SIMULATED Keypad Cloud refuses the API key" in words(page)
    assert "not-the-key" not in page.content.decode()
    assert "credentials" not in walk.webview.answers


@pytest.mark.parametrize("typed", ["", "ключ", "x" * 201])
def test_what_is_no_key_is_refused_before_anybody_is_asked(walk: Walk, typed: str) -> None:
    to_sign_in(walk)
    before = len(walk.cloud.world.requests)

    page = walk.post("sign-in", {"api_key": typed})

    assert page.status_code == 200
    assert page.context["form"].errors["api_key"]
    assert len(walk.cloud.world.requests) == before


def test_a_real_workspace_is_not_offered_the_simulated_brand(
    walk: Walk, settings: LazySettings
) -> None:
    workspace = walk.webview.workspace
    workspace.is_sandbox = False
    workspace.save()

    assert "Keypad Cloud" not in words(walk.get("brand"))
    walk.post("brand", {"provider": "keypad"})
    assert walk.webview.provider == ""


SEAM_KEY = "seam_test1_sandboxdemokey"


def to_seam(walk: Walk) -> Walk:
    walk.post("brand", {"provider": "seam"})
    return walk


def test_seam_is_connected_by_its_key(walk: Walk, django_capture_on_commit_callbacks: Any) -> None:
    page = to_seam(walk).get("sign-in")
    assert "API key of Seam" in words(page)
    assert SEAM_KEY in words(page)

    assert walk.post("sign-in", {"api_key": SEAM_KEY})["Location"] == walk.url("checks")
    assert "We are asking Seam what this sign-in may see" in words(walk.get("checks"))
    walk.post("checks")
    assert "SIMULATED Seam workspace" in words(walk.get("checks"))
    site = walk.webview.answers["sites"][0]
    walk.post("sites", new_property(site["remote_id"], "Station Yard"))
    page = walk.get("confirm")
    assert "Nothing is changed at Seam" in words(page)
    assert 'value="Seam workspace"' in page.content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        walk.post("confirm", {"name": "Seam"})
    first_sync.run(walk.webview.pk)

    account = ConnectedAccount.objects.get()
    assert (account.provider, account.grant) == ("seam", Grant.API_KEY)
    assert account.api_base == f"{BASE}/seam"
    names = Device.objects.order_by("name").values_list("name", "has_keypad")
    assert list(names) == [("Courtyard Door", True), ("Side Entrance", True), ("Workshop", False)]


def test_what_comes_with_seam_is_counted_before_it_is_added(walk: Walk) -> None:
    assert "Salto Space, and locks" in words(walk.get("brand", q="salto space"))
    to_seam(walk).post("sign-in", {"api_key": SEAM_KEY})
    walk.post("checks")
    site = walk.webview.answers["sites"][0]
    walk.post("sites", new_property(site["remote_id"], "Harbour"))

    named = "SIMULATED Harbour Annex, SIMULATED Weir House"
    assert f"Access control systems OK 2 found: {named}." in words(walk.get("checks"))
    asked = words(walk.get("confirm"))
    assert (
        "3 doors, 2 access control systems with their cardholders, groups, entrances, credentials "
        f"and encoders {named}" in asked
    )


@pytest.mark.parametrize("has_another", [True, False])
def test_where_properties_must_be_told_apart_is_said_before_and_after(
    walk: Walk, *, has_another: bool
) -> None:
    if has_another:
        make_property(walk.webview.workspace, name="Elsewhere")
    to_seam(walk).post("sign-in", {"api_key": SEAM_KEY})
    walk.post("checks")
    site = walk.webview.answers["sites"][0]
    walk.post("sites", new_property(site["remote_id"], "Harbour"))

    assert ("belongs to is asked afterwards" in words(walk.get("confirm"))) is has_another
    walk.post("confirm", {"name": "Seam"})
    first_sync.run(walk.webview.pk)
    said = words(walk.get("done"))
    assert ("Nobody sees anything in them yet." in said) is has_another
    assert ("appear under Access as they are read" in said) is not has_another


def test_systems_that_could_not_be_counted_are_not_left_out(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_driver: Any) -> None:
        raise UnreachableError("Seam cannot be reached.")

    monkeypatch.setattr(SeamSystems, "list_systems", refuse)
    to_seam(walk).post("sign-in", {"api_key": SEAM_KEY})
    walk.post("checks")
    site = walk.webview.answers["sites"][0]
    walk.post("sites", new_property(site["remote_id"], "Harbour"))

    asked = words(walk.get("confirm"))
    assert "3 doors, and the access control systems it has, which could not be counted" in asked
    assert "Access control systems Not checked Seam cannot be reached." in words(walk.get("checks"))


def test_the_page_of_a_seam_account_shows_what_it_has(
    walk: Walk, django_capture_on_commit_callbacks: Any
) -> None:
    test_seam_is_connected_by_its_key(walk, django_capture_on_commit_callbacks)
    account = ConnectedAccount.objects.get()

    page = words(walk.browser.get(reverse("account", args=[account.pk])))

    assert f"{BASE}/seam" in page
    for absent in ("Client id", "Token address", "Salto", "Time a door is shown as released"):
        assert absent not in page


def test_seams_doors_and_their_lines_are_polled(
    walk: Walk, django_capture_on_commit_callbacks: Any
) -> None:
    test_seam_is_connected_by_its_key(walk, django_capture_on_commit_callbacks)
    account, door = ConnectedAccount.objects.get(), Device.objects.get(name="Courtyard Door")
    walk.cloud.control("settings", preset="instant")
    walk.cloud.control("keypad", lock_id=door.remote_id, code="4711")
    walk.cloud.pass_time(1)

    assert polling.poll(account.pk, polling.STATUS)
    assert polling.poll(account.pk, polling.EVENTS)

    line = Event.objects.get(account_id=account.pk, kind="door", verb="opened")
    assert (line.source, line.device_name, line.how) == ("seam", "Courtyard Door", "code")


def test_a_real_workspace_asks_seam_itself_for_a_real_key(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = walk.webview.workspace
    workspace.is_sandbox = False
    workspace.save()
    asked: list[str] = []

    def refuse(*args: Any, **_: Any) -> None:
        asked.append(args[2])
        raise UnreachableError("connect.getseam.com cannot be reached (it took too long)")

    monkeypatch.setattr(HttpDoor, "request", refuse)
    page = to_seam(walk).get("sign-in")
    assert "You find it in Seam Console." in words(page)
    assert "Sandbox" not in words(page)

    refused = walk.post("sign-in", {"api_key": "seam_canary_key"})

    assert asked == ["https://connect.getseam.com/workspaces/get"]
    assert "Seam cannot be reached" in words(refused)
    assert "seam_canary_key" not in refused.content.decode()


def test_its_troubles_are_told_in_its_own_name() -> None:
    account = make_account(
        provider="keypad", state=AccountState.DEGRADED, trouble_code="unreachable"
    )

    trouble = Health.of(account).trouble

    assert trouble.title == "SIMULATED Keypad Cloud cannot be reached"


def test_a_new_key_reconnects_the_account(
    walk: Walk, manager: User, django_capture_on_commit_callbacks: Any
) -> None:
    test_an_account_is_connected_by_its_key(walk, django_capture_on_commit_callbacks)
    account = ConnectedAccount.objects.get()
    answer = walk.browser.post(reverse("account-reconnect", args=[account.pk]))
    walk.token = answer["Location"].split("/")[2]
    assert "Reconnect Keypads" in words(walk.get("sign-in"))

    walk.post("sign-in", {"api_key": KEY})
    walk.post("checks")
    walk.post("settle", {"decision": "reconnect"})

    account.refresh_from_db()
    assert (account.state, ConnectedAccount.objects.count()) == (AccountState.CONNECTED, 1)


def test_its_pages_speak_of_its_own_brand(
    walk: Walk, manager: User, django_capture_on_commit_callbacks: Any
) -> None:
    to_sign_in(walk)
    walk.post("sign-in", {"api_key": KEY})
    assert "We are asking SIMULATED Keypad Cloud" in words(walk.get("checks"))
    walk.post("checks")
    site = walk.webview.answers["sites"][0]
    walk.post("sites", new_property(site["remote_id"], "Willow Court"))
    page = words(walk.get("confirm"))
    assert "Nothing is changed at SIMULATED Keypad Cloud" in page
    assert "Salto" not in page
    with django_capture_on_commit_callbacks(execute=True):
        walk.post("confirm", {"name": "Keypads"})
    first_sync.run(walk.webview.pk)

    account = ConnectedAccount.objects.get()
    page = words(client_of(manager).get(reverse("account", args=[account.pk])))

    assert "How often SIMULATED Keypad Cloud is asked" in page
    assert "Time a door stays released" in page
    for foreign in ("Salto", "Connect API", "Client id", "Token address"):
        assert foreign not in page
