"""One site, one account: noticed at the checks, and refused by the service in any case."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import ConnectedAccount, ConnectedSite, Dialect, Role, User
from accounts.onboarding import checking, connecting
from audit.models import Event
from audit.words import Verb
from tests.accounts.walking import LEGACY, Walk, new_property
from tests.make import client_of, make_account, make_property, make_site, make_user, make_workspace
from tests.sandbox.client import Client

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager() -> User:
    return make_user(Role.MANAGER)


@pytest.fixture
def first(manager: User, cloud: Client, first_syncs: list[Any]) -> ConnectedAccount:
    """Mill Lane, connected by jane."""
    Walk.begin(client_of(manager), cloud).to_sync()
    return ConnectedAccount.objects.get()


@pytest.fixture
def walk(first: ConnectedAccount, manager: User, cloud: Client) -> Walk:
    return Walk.begin(client_of(manager), cloud)


def words(response: Any) -> str:
    text = re.sub(r"<[^>]+>", "", response.content.decode())
    return re.sub(r"\s+", " ", text).replace("&#x27;", "'")


def by_legacy(walk: Walk, client_id: str = "legacy-client") -> None:
    walk.to_sign_in().post("sign-in", LEGACY | {"client_id": client_id})
    walk.post("checks")


def test_a_site_of_another_login_is_noticed_at_the_checks(walk: Walk) -> None:
    walk.to_checks("reader@example.com")

    page = words(walk.get("checks"))

    assert "SIMULATED Mill Lane is already operated through Salto KS Mill Lane." in page
    assert "Use this login for Salto KS Mill Lane" in page
    assert "Continue" not in page


def test_a_site_is_the_same_in_the_other_dialect(walk: Walk) -> None:
    by_legacy(walk)

    assert "is already operated through Salto KS Mill Lane" in words(walk.get("checks"))


def test_the_account_can_take_this_login_over(walk: Walk, first: ConnectedAccount) -> None:
    by_legacy(walk)

    answer = walk.post("settle", {"decision": "replace", "account": str(first.pk)})

    row = ConnectedAccount.objects.get()
    assert answer["Location"] == walk.url("done")
    assert (row.pk, row.dialect, row.client_id) == (first.pk, Dialect.LEGACY, "legacy-client")
    assert row.unseal("client_secret") == "legacy-secret"
    assert row.sites.count() == 1
    assert Event.objects.get(verb=Verb.ACCOUNT_RECONNECTED).detail["replaced"] == first.remote_id
    assert "Salto KS Mill Lane is connected again" in words(walk.get("done"))


def test_the_other_sites_can_be_connected_without_it(walk: Walk) -> None:
    by_legacy(walk, "legacy-multisite")
    page = words(walk.get("checks"))
    assert "Or go on and leave this site out." in page
    assert "Continue" in page
    sites = walk.webview.answers["sites"]
    taken = next(n for n, site in enumerate(sites) if "Mill Lane" in site["name"])
    free = 1 - taken
    listing = words(walk.get("sites"))
    assert "It is operated through Salto KS Mill Lane already." in listing

    refused = words(walk.post("sites", new_property(sites[taken]["remote_id"], "Twice")))
    posted = {
        "site": sites[free]["remote_id"],
        f"s{free}-property": "new",
        f"s{free}-name": "Station Road",
        f"s{free}-time_zone": "Europe/London",
    }
    walk.post("sites", posted)
    walk.post("confirm", {"name": "Second"})

    assert "SIMULATED Mill Lane cannot be chosen. It is operated through" in refused
    assert ConnectedAccount.objects.get(name="Second").sites.get().name == sites[free]["name"]


def test_what_was_taken_meanwhile_is_refused_and_nothing_is_half_done(
    manager: User, cloud: Client, first_syncs: list[Any]
) -> None:
    slow = Walk.begin(client_of(manager), cloud)
    by_legacy(slow)
    slow.post("sites", new_property(slow.webview.answers["sites"][0]["remote_id"], "Slow"))
    Walk.begin(client_of(manager), cloud).to_sync()

    answer = slow.post("confirm", {"name": "Slow"})

    assert answer["Location"] == slow.url("checks")
    assert "cannot be connected any more" in words(slow.get("checks"))
    assert ConnectedAccount.objects.count() == 1


def test_the_service_refuses_it_whatever_the_pages_showed(
    manager: User, cloud: Client, first_syncs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Walk.begin(client_of(manager), cloud)
    by_legacy(slow)
    slow.post("sites", new_property(slow.webview.answers["sites"][0]["remote_id"], "Slow"))
    make_site(
        make_account(slow.webview.workspace),
        remote_id=slow.webview.answers["sites"][0]["remote_id"],
    )
    monkeypatch.setattr(checking, "free_sites", checking.sites)

    answer = slow.post("confirm", {"name": "Slow"})

    assert answer["Location"] == slow.url("checks")
    assert "is operated through another account of Acme already" in words(slow.get("checks"))
    assert not ConnectedAccount.objects.filter(name="Slow").exists()
    assert not slow.webview.workspace.spaces.filter(name="Slow").exists()


def test_whoever_gives_a_site_to_an_account_waits_for_the_others(
    manager: User,
) -> None:
    """Of two at once the second one looks only after the first one's transaction has ended."""
    workspace = manager.memberships.get().workspace
    with transaction.atomic(), CaptureQueriesContext(connection) as asked:
        connecting.refuse_unavailable(workspace, "salto_ks", [])

    assert "FOR NO KEY UPDATE" in asked[0]["sql"]


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_gets_the_site() -> None:
    workspace = make_workspace()
    accounts = [make_account(workspace, name=name) for name in ("One", "Two")]
    place = make_property(workspace)
    row = {"remote_id": "s", "name": "Site", "seats_used": None, "seats_total": None}
    both = Barrier(2, timeout=10)

    def take(account: ConnectedAccount) -> str:
        try:
            both.wait()
            with transaction.atomic():
                connecting.refuse_unavailable(workspace, "salto_ks", [row])
                time.sleep(0.2)  # the other one is certainly asking by now
                connecting.add_site(account, row, place)
        except connecting.UnavailableSiteError as error:
            return str(error)
        finally:
            connection.close()
        return "added"

    with ThreadPoolExecutor(2) as pool:
        said = sorted(pool.map(take, accounts))

    assert said[1] == "added"
    assert said[0].startswith("Site cannot be chosen. It is operated through another account")
    assert ConnectedSite.objects.count() == 1


def test_a_disconnected_account_holds_no_site(walk: Walk, first: ConnectedAccount) -> None:
    ConnectedAccount.objects.update(state="disconnected")
    by_legacy(walk)

    assert "already operated" not in words(walk.get("checks"))


def test_another_workspace_may_connect_the_same_site(
    first: ConnectedAccount, cloud: Client, first_syncs: list[Any]
) -> None:
    Walk.begin(client_of(make_user(Role.MANAGER)), cloud).to_sync("reader@example.com")

    assert ConnectedSite.objects.filter(name="SIMULATED Mill Lane").count() == 2


def test_a_link_alone_neither_names_nor_takes_over_another_account(
    walk: Walk, first: ConnectedAccount
) -> None:
    stranger = Walk(Browser(), walk.cloud, walk.token)
    by_legacy(stranger)
    page = words(stranger.get("checks"))

    answer = stranger.post("settle", {"decision": "replace", "account": str(first.pk)})

    assert "is already operated through another account of Acme" in page
    assert first.name not in page
    assert answer.status_code == 404
    assert ConnectedAccount.objects.get().dialect == Dialect.CONNECT


def test_a_manager_of_some_properties_takes_over_nothing_of_the_others(
    first: ConnectedAccount, cloud: Client
) -> None:
    elsewhere = make_property(first.workspace)
    walk = Walk.begin(client_of(make_user(Role.MANAGER, place=elsewhere)), cloud)
    by_legacy(walk)

    page = words(walk.get("checks"))
    answer = walk.post("settle", {"decision": "replace", "account": str(first.pk)})

    assert first.name not in page
    assert answer.status_code == 404


@pytest.mark.parametrize("account", ["", "x", "b1946ac9-2cf4-4bd4-8ee6-8c4a3a5f5d2c"])
def test_only_an_account_of_these_sites_can_be_taken_over(
    walk: Walk, account: str, first: ConnectedAccount
) -> None:
    by_legacy(walk)
    make_account(first.workspace)

    answer = walk.browser.post(
        reverse("connect-settle", args=[walk.token]), {"decision": "replace", "account": account}
    )

    assert answer.status_code == 404
