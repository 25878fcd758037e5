"""Mobile keys on the page of a person: given, shown behind a press, taken back."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from access.models import AcsCredential, AcsSystem, AcsUser
from accounts.models import Role
from audit.models import Event
from audit.words import Verb
from tests.make import client_of, make_acs_user, make_credential, make_system, make_user

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 21, 14, tzinfo=UTC)
SCRIPTED = {"X-Requested-With": "XMLHttpRequest"}
URL = "https://ik.seam.co/ABC123"


@pytest.fixture(autouse=True)
def _now() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def system() -> AcsSystem:
    return make_system(name="SIMULATED Annex")


@pytest.fixture
def user(system: AcsSystem) -> AcsUser:
    return make_acs_user(system)


@pytest.fixture
def client(system: AcsSystem) -> Client:
    return client_of(make_user(Role.FRONT_DESK, workspace=system.workspace))


@pytest.fixture
def auditor(system: AcsSystem) -> Client:
    return client_of(make_user(Role.AUDITOR, workspace=system.workspace))


def make_key(user: AcsUser, **fields: Any) -> AcsCredential:
    shape = {
        "access_method": "mobile_key",
        "card_number": "",
        "card_state": "",
        "wants_instant_key": True,
        "instant_key_id": "link-1",
        "instant_key_expires_at": NOW + timedelta(days=7),
    }
    key = make_credential(user, **shape | fields)
    if key.instant_key_id:
        key.seal_instant_key(URL)
        key.save()
    return key


def words(response: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def page(client: Client, user: AcsUser) -> str:
    return words(client.get(user.get_absolute_url()))


def test_a_mobile_key_is_given_from_the_page(
    client: Client, auditor: Client, user: AcsUser
) -> None:
    assert "Give a mobile key" in page(client, user)
    assert "Give a mobile key" not in page(auditor, user)

    client.post(f"{user.get_absolute_url()}mobile-key/")

    key = user.credentials.get()
    assert (key.access_method, key.wants_instant_key, key.next_run_at) == ("mobile_key", True, NOW)
    told = page(client, user)
    assert "The link appears here once the key is ready." in told
    assert "Give a mobile key" not in told
    again = client.post(f"{user.get_absolute_url()}mobile-key/", follow=True)
    assert "They have a mobile key already." in words(again)


def test_a_system_that_gives_none_offers_none(client: Client, system: AcsSystem) -> None:
    other = make_system(system.account, property=system.property, external_type="brivo_account")
    user = make_acs_user(other)

    assert "Give a mobile key" not in page(client, user)
    told = client.post(f"{user.get_absolute_url()}mobile-key/", follow=True)
    assert "This system gives no mobile keys." in words(told)


def test_the_link_is_shown_only_on_a_press_that_is_written_down(
    client: Client, auditor: Client, user: AcsUser
) -> None:
    key = make_key(user)
    url = f"/access/credentials/{key.pk}/link/"

    assert URL not in client.get(user.get_absolute_url()).content.decode()
    assert "Reveal link" in page(client, user)
    assert "Reveal link" not in page(auditor, user)
    told, plain = client.post(url, headers=SCRIPTED), client.post(url)

    assert told.json() == {"digits": URL, "problem": "", "seconds": 20}
    assert told["Cache-Control"] == plain["Cache-Control"] == "no-store"
    assert f'href="{URL}"' in plain.content.decode()
    assert plain["Refresh"] == f"20; url={user.get_absolute_url()}"
    assert Event.objects.filter(verb=Verb.MOBILE_KEY_REVEALED).count() == 2
    assert auditor.post(url).status_code == 403


def test_where_there_is_no_link_yet_that_is_said(client: Client, user: AcsUser) -> None:
    key = make_key(user, instant_key_id="")

    told = client.post(f"/access/credentials/{key.pk}/link/", headers=SCRIPTED)

    assert told.json()["problem"] == "The link is not made yet."
    assert not Event.objects.filter(verb=Verb.MOBILE_KEY_REVEALED).exists()


def test_a_link_that_cannot_be_read_is_said(client: Client, user: AcsUser) -> None:
    key = make_key(user)
    AcsCredential.objects.filter(pk=key.pk).update(instant_key_sealed="v1:nonsense")

    told = client.post(f"/access/credentials/{key.pk}/link/", headers=SCRIPTED).json()

    assert told["digits"] == ""
    assert told["problem"]


@pytest.mark.parametrize("change", [{"phase": "gone"}, {"access_method": "card"}])
def test_what_is_no_mobile_key_has_no_link(
    client: Client, user: AcsUser, change: dict[str, Any]
) -> None:
    key = make_key(user)
    AcsCredential.objects.filter(pk=key.pk).update(**change)

    for path in ("link", "link/new", "back"):
        assert client.post(f"/access/credentials/{key.pk}/{path}/").status_code == 404


def test_a_link_that_is_over_is_not_offered_and_a_new_one_is(client: Client, user: AcsUser) -> None:
    key = make_key(user, instant_key_expires_at=NOW)
    told = page(client, user)
    assert "The link is over. A phone that has the key keeps it." in told
    assert "Reveal link" not in told

    client.post(f"/access/credentials/{key.pk}/link/new/")

    key.refresh_from_db()
    assert (key.instant_key_sealed, key.instant_key_id, key.next_run_at) == ("", "link-1", NOW)
    again = client.post(f"/access/credentials/{key.pk}/link/new/", follow=True)
    assert "A link is being made already." in words(again)


def test_taking_back_is_asked_once_more(client: Client, user: AcsUser) -> None:
    key = make_key(user)
    url = f"/access/credentials/{key.pk}/back/"
    assert "A phone that is offline may not hear of it at once" in words(client.get(url))
    key.refresh_from_db()
    assert key.delete_asked_at is None

    told = client.post(url, follow=True)

    key.refresh_from_db()
    assert (key.delete_asked_at, key.phase) == (NOW, "deleting")
    assert "It is being taken back." in words(told)
    assert "Reveal link" not in words(told)
    assert "It is being taken back already." in words(client.get(url, follow=True))


@pytest.mark.parametrize("act", ["suspend", "delete"])
def test_before_somebody_with_a_phone_is_shut_out_it_is_said_what_follows_late(
    client: Client, user: AcsUser, act: str
) -> None:
    make_key(user)

    told = words(client.get(f"{user.get_absolute_url()}{act}/"))

    assert "A phone that is offline may open offline doors until it hears of it." in told
    assert "no door has to be told" not in told


def test_nothing_is_offered_for_somebody_who_has_to_go(client: Client, user: AcsUser) -> None:
    make_key(user)
    AcsUser.objects.update(delete_asked_at=NOW, phase="deleting")

    told = page(client, user)
    assert "New link" not in told
    assert "Take back…" not in told
