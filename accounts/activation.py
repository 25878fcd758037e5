"""Remote opening on a hub that demands one-time codes: secret, mailed PIN, proof.

The secret is shown once in its life (facts: salto_ks §4.1). So it is asked for by whoever
takes the hub first, stored before anything else happens, and never asked for again.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any, Protocol, runtime_checkable

from django.db import transaction

from accounts import health
from accounts.driving import driver_for
from accounts.models import ConnectedAccount, Hub
from accounts.providers.base import Code, OtpSecret, ProviderError, Reach, UnsupportedError
from accounts.providers.salto_ks import advice
from accounts.sealing import UnreadableError
from audit.services import record
from audit.who import Place, Who
from audit.words import How, Verb

PIN_LENGTH = 4

#: Whoever asked for the secret and says nothing for this long has gone.
_ASKING_TAKES_AT_MOST = timedelta(minutes=1)
_BUSY = "Somebody is activating this IQ right now. Look again in a moment."


class ActivationError(Exception):
    """It did not work. `str()` is the sentence for people."""


class PinError(ActivationError):
    """The PIN itself is wrong: the sentence belongs where it was typed."""


@runtime_checkable
class Activates(Protocol):
    """A driver whose hubs demand one-time codes."""

    def fetch_otp_secret(self, site_id: str, hub_id: str) -> OtpSecret: ...
    def send_otp_pin(self, site_id: str, hub_id: str) -> None: ...
    def confirm_otp(self, site_id: str, secret: OtpSecret) -> None: ...


def is_under_way(hub: Hub) -> bool:
    """Whether the secret is ours and the PIN is still to come."""
    return bool(_kept(hub).get("secret")) and not hub.activated_at


def begin(hub: Hub, *, by: Who, at: datetime) -> None:
    """Ask for the secret unless we have it, store it, and have the PIN mailed.

    Raises ActivationError. Where only the mail failed, the secret is stored: try again.
    """
    driver = _driver(hub)
    if not is_under_way(hub):
        _fetch_secret(hub, driver, by, at)
    try:
        driver.send_otp_pin(hub.site.remote_id, hub.remote_id)
    except ProviderError as error:
        raise ActivationError(
            f"The secret is stored, but the PIN was not mailed. {_sentence(error, hub)}"
        ) from None


def confirm(hub: Hub, pin: str, *, by: Who, at: datetime) -> None:
    """Prove secret and PIN to the hub, and keep both. One try per call: wrong ones are counted.

    Raises ActivationError; PinError for a PIN that cannot be, or that the hub refuses.
    """
    if not re.fullmatch(rf"[0-9]{{{PIN_LENGTH}}}", pin):
        raise PinError("PIN: the 4 digits from the mail")
    secret = _kept(hub).get("secret")
    if not secret:
        raise ActivationError("Ask for the PIN first.")
    proof = OtpSecret(hub_id=hub.remote_id, secret=secret, pin=pin)
    try:
        _driver(hub).confirm_otp(hub.site.remote_id, proof)
    except ProviderError as error:
        kind = PinError if error.code == Code.OTP_INVALID else ActivationError
        raise kind(_sentence(error, hub)) from None
    _store_activation(hub, proof, by=by, at=at)


def _fetch_secret(hub: Hub, driver: Activates, by: Who, at: datetime) -> None:
    before = hub.otp_sealed
    if not hub.activated_at:  # an activation that may still be good is kept until a new one is
        _take(hub, at)
    try:
        secret = driver.fetch_otp_secret(hub.site.remote_id, hub.remote_id).secret
    except ProviderError as error:
        Hub.objects.filter(pk=hub.pk).update(otp_sealed=before if hub.activated_at else "")
        raise ActivationError(_sentence(error, hub, asked_for_secret=True)) from None
    # First of all it is stored; that somebody asked for it is told in the same transaction.
    with transaction.atomic():
        _seal(hub, {"secret": secret, "pin": ""})
        Hub.objects.filter(pk=hub.pk).update(otp_sealed=hub.otp_sealed, activated_at=None)
        _record(Verb.ACCOUNT_CHANGED, hub, by, at, activation="begun")
        _tell(hub, at)


def _take(hub: Hub, at: datetime) -> None:
    """Mark that the secret is being asked for. One UPDATE decides who asks."""
    before, asked_at = hub.otp_sealed, _kept(hub).get("asked_at")
    if asked_at and at - datetime.fromisoformat(asked_at) < _ASKING_TAKES_AT_MOST:
        raise ActivationError(_BUSY)
    _seal(hub, {"secret": "", "pin": "", "asked_at": at.isoformat()})
    if not Hub.objects.filter(pk=hub.pk, otp_sealed=before).update(otp_sealed=hub.otp_sealed):
        raise ActivationError(_BUSY)


def _store_activation(hub: Hub, proof: OtpSecret, *, by: Who, at: datetime) -> None:
    account = hub.site.account
    with transaction.atomic():
        _seal(hub, {"secret": proof.secret, "pin": proof.pin})
        Hub.objects.filter(pk=hub.pk).update(otp_sealed=hub.otp_sealed, activated_at=at)
        _record(Verb.REMOTE_OPENING_ACTIVATED, hub, by, at)
        health.allow_opening_again(account, at=at)
        _tell(hub, at)
    hub.activated_at = at


def _tell(hub: Hub, at: datetime) -> None:
    """Every tile of the hub's doors says whether it is activated."""
    account = hub.site.account
    health.account_changed.send(ConnectedAccount, account=account, at=at)


def _record(verb: Verb, hub: Hub, by: Who, at: datetime, **detail: Any) -> None:
    site = hub.site
    record(
        verb,
        workspace_id=site.account.workspace_id,
        at=at,
        who=by,
        how=How.WEB,
        subject=hub.name,
        place=Place(
            property_id=site.property_id,
            property_name=site.property.name,
            account_id=site.account_id,
            account_name=site.account.name,
        ),
        **detail,
    )


def _driver(hub: Hub) -> Activates:
    try:
        driver = driver_for(hub.site.account)
    except UnreadableError:
        health.note_unreadable(hub.site.account)
        raise ActivationError("The stored secret cannot be read. Reconnect the account.") from None
    if not isinstance(driver, Activates):
        raise ActivationError("This provider knows no one-time codes.")
    return driver


def _kept(hub: Hub) -> dict[str, str]:
    try:
        text = hub.unseal_otp()
    except UnreadableError:
        return {}
    opened: dict[str, str] = json.loads(text) if text else {}
    return opened


def _seal(hub: Hub, parts: dict[str, str]) -> None:
    hub.seal_otp(json.dumps(parts))


def _sentence(error: ProviderError, hub: Hub, *, asked_for_secret: bool = False) -> str:
    if isinstance(error, UnsupportedError):
        return f"{error}."
    if error.code == Code.OTP_INVALID:
        return f"{hub.name} refused the PIN. Check the digits; too many wrong ones block it for 20 minutes."
    if asked_for_secret and error.reach is Reach.UNCERTAIN:
        return (
            "Salto did not answer, so the secret may be lost. Try again; if Salto then says that "
            "our user is activated already, a site admin must reset it in the Salto app."
        )
    found = advice(error.code, dialect=hub.site.account.dialect)
    return f"{found.title}. {found.fix}"
