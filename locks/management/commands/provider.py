"""Asking a provider by hand, for support: `manage.py provider <account> <command> …`."""

import contextlib
import dataclasses
import json
import time
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum
from getpass import getuser
from typing import Any
from uuid import UUID, uuid4

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts.driving import driver_for
from accounts.models import ConnectedAccount, ConnectedSite
from accounts.providers.base import EventFeed, LockDriver, ProviderError
from accounts.sealing import UnreadableError
from audit.who import Who
from audit.words import How
from locks import actuation
from locks.models import ActionAttempt, Device
from locks.states import Action

_LOOK_EVERY_SECONDS = 0.1


class Command(BaseCommand):
    help = "Ask an account's provider, and print its answer as JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("account", help="id or name of a connected account")
        parser.add_argument("what", choices=sorted(_COMMANDS))
        parser.add_argument("address", nargs="?", default="", help="the provider's id of a lock")
        parser.add_argument("--site", default="", help="the provider's id of a site")
        parser.add_argument("--limit", type=int, default=50, help="events, 1–200")
        parser.add_argument("--since", default="", help="RFC 3339 time within 90 days")
        parser.add_argument("--seconds", type=int, default=None, help="open time, 1–60")
        parser.add_argument("--reason", default="", help="stands in the log; unlock and lock")

    def handle(self, *args: Any, **options: Any) -> None:
        account = _account(options["account"])
        try:
            answer = _COMMANDS[options["what"]](account, options)
        except (ProviderError, UnreadableError, actuation.RefusedHere) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(json.dumps(_plain(answer), indent=2, ensure_ascii=False))


def _account(word: str) -> ConnectedAccount:
    named = Q(name=word)
    with contextlib.suppress(ValueError):
        named |= Q(pk=UUID(word))
    found = list(ConnectedAccount.objects.live().filter(named)[:2])
    if len(found) != 1:
        raise CommandError(f"{len(found) or 'No'} connected accounts are called {word!r}.")
    return found[0]


def _site(account: ConnectedAccount, options: dict[str, Any]) -> ConnectedSite:
    sites = list(account.sites.all())
    chosen = [s for s in sites if options["site"] in ("", s.remote_id)]
    if len(chosen) != 1:
        visible = ", ".join(site.remote_id for site in sites)
        raise CommandError(f"this credential cannot see that site; visible sites: {visible}")
    return chosen[0]


def _get_sites(account: ConnectedAccount, options: dict[str, Any]) -> Any:
    return driver_for(account).list_sites()


def _get_locks(account: ConnectedAccount, options: dict[str, Any]) -> Any:
    return driver_for(account).list_locks(_site(account, options).remote_id)


def _get_users(account: ConnectedAccount, options: dict[str, Any]) -> Any:
    return driver_for(account).list_users(_site(account, options).remote_id)


def _get_status(account: ConnectedAccount, options: dict[str, Any]) -> Any:
    device = _device(account, options)
    return driver_for(account).get_lock(device.site.remote_id, device.remote_id)


def _get_events(account: ConnectedAccount, options: dict[str, Any]) -> Any:
    if not 1 <= options["limit"] <= 200:
        raise CommandError("limit 1–200")
    driver: LockDriver = driver_for(account)
    if not isinstance(driver, EventFeed):
        raise CommandError("This provider has no event feed.")
    site = _site(account, options)
    feed = driver.list_entries(site.remote_id, since=_since(options["since"]))
    return feed.entries[-options["limit"] :]


def _since(text: str) -> datetime:
    now = timezone.now()
    if not text:
        return now - timedelta(days=1)
    moment = parse_datetime(text)
    if moment is None or moment.tzinfo is None or not now - timedelta(days=90) <= moment <= now:
        raise CommandError("since: past RFC 3339 time within 90 days")
    return moment


def _refresh_token(account: ConnectedAccount, options: dict[str, Any]) -> Any:
    token = driver_for(account).refresh_token()
    return {"expires_at": token.expires_at, "scope": token.scope}


def _device(account: ConnectedAccount, options: dict[str, Any]) -> Device:
    device = (
        Device.objects.with_tile()
        .select_related("site")
        .filter(account=account, remote_id=options["address"], removed_at=None)
        .first()
    )
    if device is None:
        raise CommandError("device not found: give a lock's id as get_locks prints it")
    return device


def _physical(action: Action) -> Callable[[ConnectedAccount, dict[str, Any]], Any]:
    def act(account: ConnectedAccount, options: dict[str, Any]) -> Any:
        """Go the way every command goes: a row, a claim, one call, a line in the log."""
        if not options["reason"]:
            raise CommandError("--reason required")
        if options["seconds"] is not None and not 1 <= options["seconds"] <= 60:
            raise CommandError("seconds: whole number 1–60")
        order = actuation.Order(
            action=action,
            idempotency_key=str(uuid4()),
            who=Who(kind="command", name=f"{getuser()} at the command line"),
            how=How.COMMAND,
            actor=None,
            reason=options["reason"],
            seconds=options["seconds"],
        )
        attempt = _outcome(actuation.request(_device(account, options), order))
        return {
            "attempt": attempt.pk,
            "status": attempt.status,
            "error": attempt.error,
            "released_seconds": attempt.released_seconds,
        }

    return act


def _outcome(attempt: ActionAttempt) -> ActionAttempt:
    """Wait for the attempt to end; the sweeper ends it if nobody else does."""
    until = time.monotonic() + attempt.ends_within.total_seconds() + 10
    while attempt.is_open and time.monotonic() < until:
        time.sleep(_LOOK_EVERY_SECONDS)
        attempt.refresh_from_db()
    return attempt


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _plain(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if field.repr
        }
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum | UUID):
        return str(value)
    return value


_COMMANDS: dict[str, Callable[[ConnectedAccount, dict[str, Any]], Any]] = {
    "get_sites": _get_sites,
    "get_locks": _get_locks,
    "get_users": _get_users,
    "get_status": _get_status,
    "get_events": _get_events,
    "refresh_token": _refresh_token,
    "unlock": _physical(Action.UNLOCK),
    "lock": _physical(Action.LOCK),
}
