"""The demo: a sandbox workspace with three properties, two connected, and four people."""

import os
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from access.models import AcsSystem, ReservationFeed
from access.models.feeds import FeedKind
from access.reservations.rooms import room_around
from access.syncing import systems
from accounts.driving import driver_for
from accounts.models import (
    ConnectedAccount,
    ConnectedSite,
    Grant,
    Membership,
    Role,
    Space,
    SpaceKind,
    User,
    Workspace,
)
from accounts.providers import PROVIDERS
from accounts.providers.base import ProviderError
from accounts.providers.salto_ks import sandbox_environment
from accounts.providers.systems import AccessSystems
from audit.services import record
from audit.words import Verb
from locks import polling
from locks.models import Device

WORKSPACE = "Demo"
#: E-mail, name, role, and the properties they see (none named: all).
PEOPLE: list[tuple[str, str, str, tuple[str, ...]]] = [
    ("admin@lockboard.test", "Ada Admin", Role.ADMIN, ()),
    ("manager@lockboard.test", "Mia Manager", Role.MANAGER, ()),
    (
        "frontdesk@lockboard.test",
        "Finn Front Desk",
        Role.FRONT_DESK,
        ("Harbour House", "Harbour Annex"),
    ),
    ("auditor@lockboard.test", "Aud Auditor", Role.AUDITOR, ()),
]
PROPERTIES = [
    ("Harbour House", "Europe/Amsterdam"),
    ("Harbour Annex", "Europe/London"),
    ("Mill Lane", "Europe/London"),
]
#: The sandbox's own test accounts (docs/sandbox.md).
HARBOUR = ("harbour@example.com", "1234")
BACKEND = ("lockboard-backend", "lockboard-backend-secret")
#: A room, and its calendar at the simulated booking site.
CALENDAR = ("Room 205", "/calendars/sim-room-205-4f1d2c.ics")


class Command(BaseCommand):
    help = "Load the demo workspace. Run again, it adds what is missing and sets the password."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-account", action="store_true", help="leave Harbour House out")

    def handle(self, *args: Any, **options: Any) -> None:
        password = os.environ.get("LOCKBOARD_DEMO_PASSWORD", "")
        if not settings.SANDBOX_URL:
            raise CommandError("LOCKBOARD_SANDBOX_URL is empty: the demo needs the sandbox.")
        if not password:
            raise CommandError("LOCKBOARD_DEMO_PASSWORD is empty.")
        with transaction.atomic():
            workspace, _ = Workspace.objects.get_or_create(name=WORKSPACE, is_sandbox=True)
            spaces = {name: _property(workspace, name, zone) for name, zone in PROPERTIES}
            for email, name, role, places in PEOPLE:
                user = _person(email, name, password)
                seen: list[Space | None] = [spaces[each] for each in places]
                for place in seen or [None]:
                    Membership.objects.get_or_create(
                        workspace=workspace, user=user, property=place, defaults={"role": role}
                    )
        if not options["no_account"]:
            for account in (_salto(workspace), _seam(workspace)):
                _connect(account, spaces[account.name])
            _connect_calendar(spaces["Harbour House"])


def _connect(account: ConnectedAccount, place: Space) -> None:
    """Save an account with its sites and doors, unless the property has one already."""
    if ConnectedSite.objects.filter(property=place).exists():
        return
    account.save(force_insert=True)
    try:
        with transaction.atomic():
            _add_sites(account, place)
    except ProviderError as error:
        account.delete()
        raise CommandError(f"The sandbox did not answer as expected: {error}") from None


def _connect_calendar(place: Space) -> None:
    """Connect the calendar of one room. The worker reads it, and makes grants of its stays."""
    name, path = CALENDAR
    door = Device.objects.filter(property=place, name=name).select_related("space").first()
    if door is None or ReservationFeed.objects.filter(property=place).exists():
        return
    now = timezone.now()
    feed = ReservationFeed(
        workspace=place.workspace,
        property=place,
        space=room_around(door),
        kind=FeedKind.CALENDAR,
        name=name,
        host="127.0.0.1",
        modes=["code"],
        created_at=now,
        next_read_at=now,
    )
    feed.seal_address(f"{settings.SANDBOX_URL}{path}")
    feed.save()


def _property(workspace: Workspace, name: str, zone: str) -> Space:
    space, _ = Space.objects.get_or_create(
        workspace=workspace,
        parent=None,
        name=name,
        defaults={"kind": SpaceKind.PROPERTY, "time_zone": zone},
    )
    return space


def _person(email: str, name: str, password: str) -> User:
    user = User.objects.filter(email=email).first() or User(email=email, name=name)
    if not user.password or not user.check_password(password):
        user.set_password(password)
        user.save()
    return user


def _salto(workspace: Workspace) -> ConnectedAccount:
    """The login as it would be pasted in onboarding. Nothing is asked of the sandbox yet."""
    environment = sandbox_environment(settings.SANDBOX_URL)
    account = _account(
        workspace,
        provider="salto_ks",
        grant=Grant.PASSWORD,
        name="Harbour House",
        remote_id=HARBOUR[0],
        api_base=environment.api_base,
        auth_url=environment.token_url,
        client_id=BACKEND[0],
        username=HARBOUR[0],
    )
    account.seal("client_secret", BACKEND[1])
    account.seal("password", HARBOUR[1])
    return account


def _seam(workspace: Workspace) -> ConnectedAccount:
    """Three locks of other brands, and the Salto Space whose cards the front desk makes."""
    base = f"{settings.SANDBOX_URL.rstrip('/')}/seam"
    account = _account(
        workspace,
        provider="seam",
        grant=Grant.API_KEY,
        name="Harbour Annex",
        remote_id="Harbour Annex",
        api_base=base,
        auth_url=base,
    )
    account.seal("client_secret", PROVIDERS["seam"].sandbox_key)
    return account


def _account(workspace: Workspace, **fields: Any) -> ConnectedAccount:
    now = timezone.now()
    return ConnectedAccount(
        workspace=workspace, state_since=now, secret_set_at=now, connected_at=now, **fields
    )


def _add_sites(account: ConnectedAccount, place: Space) -> None:
    driver = driver_for(account)
    identity = driver.identity()
    now = timezone.now()
    ConnectedAccount.objects.filter(pk=account.pk).update(
        remote_id=identity.remote_id, next_status_poll_at=now, next_event_poll_at=now
    )
    for remote in driver.list_sites():
        site = ConnectedSite.objects.create(
            account=account, remote_id=remote.remote_id, name=remote.name, property=place
        )
        polling.poll_site(driver, site)
    if isinstance(driver, AccessSystems):
        # Both systems of the demo's Seam are that property's: nobody need be asked.
        systems.take(account, driver.list_systems(), at=now)
        AcsSystem.objects.filter(account=account).update(is_placed=True)
    record(
        Verb.ACCOUNT_CONNECTED,
        workspace_id=account.workspace_id,
        at=now,
        place=account.as_place(),
    )
