"""Remote opening on a hub that demands one-time codes."""

import re
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from accounts import activation, driving
from accounts.models import AccountState, ConnectedAccount, Hub, Role, User
from accounts.providers.base import UncertainError
from accounts.providers.salto_ks import SaltoKS
from audit.models import Event
from audit.words import Verb
from locks import first_sync
from tests.accounts.walking import Walk
from tests.make import client_of, make_user
from tests.sandbox.client import Client

pytestmark = pytest.mark.django_db


@pytest.fixture
def walk(cloud: Client, first_syncs: list[Any]) -> Walk:
    """Canal House is connected: its IQ asks for one-time codes."""
    walk = Walk.begin(client_of(make_user(Role.MANAGER)), cloud).to_sync(
        "otp@example.com", "Canal House"
    )
    first_sync.run(walk.webview.pk)
    return walk


def words(response: Any) -> str:
    text = re.sub(r"<[^>]+>", "", response.content.decode())
    return re.sub(r"\s+", " ", text)


def act(walk: Walk, kind: str, pin: str = "", browser: Browser | None = None) -> Any:
    hub = Hub.objects.get(otp_enabled=True)
    url = reverse("account-activate-hub", args=[ConnectedAccount.objects.get().pk, hub.pk])
    posted = {"act": kind, f"h{hub.pk}-pin": pin}
    return (browser or walk.browser).post(url, posted, follow=True)


def sentences_at_the_field(page: Any) -> list[str]:
    return [sentence for row in page.context["hubs"] for sentence in row["form"]["pin"].errors]


def mailed_pin(cloud: Client) -> str:
    return [mail.pin for mail in cloud.world.mails if mail.pin][-1]


def test_the_end_of_onboarding_offers_to_activate(walk: Walk) -> None:
    page = words(walk.get("done"))

    assert "Remote opening needs a one-time code on SIMULATED IQ 01" in page


def test_secret_pin_and_proof_activate_an_iq(walk: Walk, cloud: Client) -> None:
    assert "Salto has mailed a 4-digit PIN" in words(act(walk, "begin"))

    page = act(walk, "confirm", mailed_pin(cloud))

    hub = Hub.objects.get(otp_enabled=True)
    assert "Remote opening works on SIMULATED IQ 01" in words(page)
    assert hub.activated_at is not None
    assert mailed_pin(cloud) not in hub.otp_sealed
    assert Event.objects.filter(verb=Verb.REMOTE_OPENING_ACTIVATED).count() == 1
    assert driving.connection_of(ConnectedAccount.objects.get()).otp_secrets


def test_whoever_holds_the_link_can_activate(walk: Walk, cloud: Client) -> None:
    hub = Hub.objects.get(otp_enabled=True)
    url = reverse("connect-activate-hub", args=[walk.token, hub.pk])
    stranger = Browser()

    stranger.post(url, {"act": "begin"})
    stranger.post(url, {"act": "confirm", f"h{hub.pk}-pin": mailed_pin(cloud)})

    hub.refresh_from_db()
    assert hub.activated_at is not None


def test_the_secret_is_asked_for_once(walk: Walk, cloud: Client) -> None:
    act(walk, "begin")
    before = Hub.objects.get(otp_enabled=True).otp_sealed

    act(walk, "begin")

    issued = [effect for effect in cloud.world.effects if effect.kind == "otp_secret_issued"]
    assert len(issued) == 1
    assert Hub.objects.get(otp_enabled=True).otp_sealed == before


def test_the_secret_is_stored_before_the_mail_is_asked_for(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SaltoKS, "send_otp_pin", _no_answer)

    page = words(act(walk, "begin"))

    assert "The secret is stored, but the PIN was not mailed" in page
    assert activation.is_under_way(Hub.objects.get(otp_enabled=True))


def test_a_lost_reply_says_what_may_have_happened_and_can_be_tried_again(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(SaltoKS, "fetch_otp_secret", _no_answer)
        assert "the secret may be lost" in words(act(walk, "begin"))

    assert "Salto has mailed a 4-digit PIN" in words(act(walk, "begin"))


def _no_answer(*_: Any) -> None:
    raise UncertainError("Salto KS did not answer")


def test_two_people_do_not_ask_for_the_secret_at_once(walk: Walk) -> None:
    hub = Hub.objects.select_related("site__account__workspace").get(otp_enabled=True)
    activation._take(hub, timezone.now())

    assert "Somebody is activating this IQ right now" in words(act(walk, "begin"))


@pytest.mark.parametrize("pin", ["", "12", "12345", "abcd", "１２３４"])
def test_a_pin_is_four_digits(walk: Walk, cloud: Client, pin: str) -> None:
    act(walk, "begin")

    page = act(walk, "confirm", pin)

    assert sentences_at_the_field(page) == ["PIN: the 4 digits from the mail"]
    assert "PIN from the mail (optional)" not in words(page)
    assert not pin or f'value="{pin}"' not in page.content.decode()
    assert not [effect for effect in cloud.world.effects if effect.kind == "otp_failed"]


def test_a_wrong_pin_has_its_sentence_and_is_tried_once(walk: Walk, cloud: Client) -> None:
    act(walk, "begin")
    wrong = f"{(int(mailed_pin(cloud)) + 1) % 10000:04}"

    page = act(walk, "confirm", wrong)

    failed = [effect for effect in cloud.world.effects if effect.kind == "otp_failed"]
    (sentence,) = sentences_at_the_field(page)
    assert sentence.startswith("SIMULATED IQ 01 refused the PIN. Check the digits")
    assert f'value="{wrong}"' not in page.content.decode()
    assert len(failed) == 1
    assert Hub.objects.get(otp_enabled=True).activated_at is None


def test_at_the_end_of_onboarding_too_it_stands_at_the_field(walk: Walk) -> None:
    act(walk, "begin")
    hub = Hub.objects.get(otp_enabled=True)
    url = reverse("connect-activate-hub", args=[walk.token, hub.pk])

    page = walk.browser.post(url, {"act": "confirm", f"h{hub.pk}-pin": "12"})

    assert sentences_at_the_field(page) == ["PIN: the 4 digits from the mail"]
    assert page.content.decode().count("PIN: the 4 digits from the mail") == 1


def test_activation_lets_opening_go_on(walk: Walk, cloud: Client) -> None:
    ConnectedAccount.objects.update(
        state=AccountState.ACTUATION_BLOCKED, trouble_code="otp_required"
    )
    act(walk, "begin")

    act(walk, "confirm", mailed_pin(cloud))

    assert ConnectedAccount.objects.get().state == AccountState.CONNECTED


def test_strangers_and_people_without_permission_are_refused(walk: Walk) -> None:
    workspace = ConnectedAccount.objects.get().workspace
    stranger = client_of(make_user(Role.ADMIN))
    reader: User = make_user(Role.AUDITOR, workspace=workspace)

    assert act(walk, "begin", browser=stranger).status_code == 404
    assert act(walk, "begin", browser=client_of(reader)).status_code == 403


def test_the_doors_of_an_iq_can_be_opened_once_it_is_activated(walk: Walk, cloud: Client) -> None:
    before = walk.browser.get("/").content.decode()
    assert "Remote opening is not activated on its IQ." in before
    act(walk, "begin")

    act(walk, "confirm", mailed_pin(cloud))

    after = walk.browser.get("/").content.decode()
    assert "not activated" not in after
    assert "data-unlock=" in after
