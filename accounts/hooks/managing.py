"""Having a provider tell us of changes at once, and no longer."""

from __future__ import annotations

import ipaddress
import logging
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from accounts.driving import driver_for
from accounts.hooks.signature import is_secret
from accounts.models import ConnectedAccount, IncomingHook
from accounts.noting import note_change
from accounts.providers import PROVIDERS
from accounts.providers.base import (
    MadeWebhook,
    ProviderError,
    TellsChanges,
    UnexpectedReplyError,
)
from accounts.sealing import UnreadableError
from audit.who import Who
from audit.words import Verb

logger = logging.getLogger(__name__)


#: Making one takes no longer; whoever began before that has gone.
MAKING = timedelta(minutes=1)


class CannotBeToldError(Exception):
    """The provider cannot reach us, or cannot tell anything. `str(error)` is a sentence."""


def can_tell(account: ConnectedAccount) -> bool:
    """Tell whether this provider tells of changes at all."""
    provider = PROVIDERS.get(account.provider)
    return provider is not None and provider.tells_changes


def hook_of(account: ConnectedAccount) -> IncomingHook | None:
    """Return the address that the provider knows, if it knows one."""
    hook = IncomingHook.objects.filter(account=account).first()
    return hook if hook and hook.is_made else None


def why_not(account: ConnectedAccount) -> str:
    """Return why the provider cannot reach this server: a sentence, "" if it can."""
    origin = urlsplit(settings.LOCKBOARD_ORIGIN)
    label, host = PROVIDERS[account.provider].label, origin.hostname or ""
    if account.workspace.is_sandbox:
        if origin.scheme == "http" and _is_loopback(host):
            return ""
        return "The sandbox tells only a Lockboard on its own machine."
    if origin.scheme == "https" and _is_public(host):
        return ""
    return (
        f"{label} cannot reach this server: its address, {settings.LOCKBOARD_ORIGIN}, is no "
        "public https address."
    )


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_number(host) and ipaddress.ip_address(host).is_loopback)


def _is_public(host: str) -> bool:
    if _is_number(host):
        return ipaddress.ip_address(host).is_global
    return "." in host and not host.endswith((".local", ".internal", ".lan", ".localhost", ".test"))


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def address_of(hook: IncomingHook) -> str:
    origin: str = settings.LOCKBOARD_ORIGIN
    if hook.account.workspace.is_sandbox:
        # The sandbox sends to addresses, not to names.
        origin = origin.replace("//localhost", "//127.0.0.1", 1)
    return origin + reverse("hook", args=[hook.pk])


def add(account: ConnectedAccount, *, by: Who, at: datetime) -> None:
    """Have the provider tell us. Asking twice leaves one.

    Raises CannotBeToldError; ProviderError and UnreadableError where the provider cannot be
    asked or says no.
    """
    driver = driver_for(account)
    if not isinstance(driver, TellsChanges):
        raise CannotBeToldError(f"{PROVIDERS[account.provider].label} cannot tell of changes.")
    if problem := why_not(account):
        raise CannotBeToldError(problem)
    hook = _claim(account, at)
    if hook.is_made:
        return
    try:
        made = _make(driver, address_of(hook))
    except ProviderError:
        IncomingHook.objects.filter(pk=hook.pk, remote_id="").update(made_at=at - 2 * MAKING)
        raise
    with transaction.atomic():
        hook.remote_id, hook.made_at = made.remote_id, at
        hook.seal_secret(made.secret)
        hook.save()
        note_change(Verb.WEBHOOK_ADDED, account, by=by, at=at)


def _claim(account: ConnectedAccount, at: datetime) -> IncomingHook:
    """Return the account's address, ours to have made. Of two clicks one gets it.

    Two that make one each would remove each other's at the provider.
    """
    hook, is_new = IncomingHook.objects.get_or_create(account=account, defaults={"made_at": at})
    free = IncomingHook.objects.filter(pk=hook.pk, remote_id="", made_at__lt=at - MAKING)
    if is_new or hook.is_made or free.update(made_at=at):
        return hook
    raise CannotBeToldError("Somebody else is doing that right now.")


def _make(driver: TellsChanges, address: str) -> MadeWebhook:
    made = driver.create_webhook(address)
    if not is_secret(made.secret):
        driver.delete_webhook(made.remote_id)
        raise UnexpectedReplyError("The provider gave no secret to know its messages by")
    return made


def remove(account: ConnectedAccount, *, by: Who, at: datetime) -> None:
    """Have the provider tell us no more. Raises ProviderError; nothing has changed then."""
    hook = hook_of(account)
    if hook is None:
        return
    driver = driver_for(account)
    if isinstance(driver, TellsChanges):
        driver.delete_webhook(hook.remote_id)
    with transaction.atomic():
        if hook.delete()[0]:
            note_change(Verb.WEBHOOK_REMOVED, account, by=by, at=at)


def drop(account: ConnectedAccount) -> None:
    """Remove the address of an account that is about to be disconnected.

    A provider that cannot be told now goes on sending for a while to an address that is not
    there any more.
    """
    hook = IncomingHook.objects.filter(account=account).first()
    if hook is None:
        return
    try:
        driver = driver_for(account)
        if hook.remote_id and isinstance(driver, TellsChanges):
            driver.delete_webhook(hook.remote_id)
    except (ProviderError, UnreadableError) as error:
        logger.info("a webhook could not be removed at its provider: %s", error)
    hook.delete()
