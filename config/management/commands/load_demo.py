"""The demo: a sandbox workspace with two properties, one connected, and four people."""

import os
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

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
from accounts.providers.base import ProviderError
from accounts.providers.salto_ks import sandbox_environment
from audit.services import record
from audit.words import Verb
from locks import polling

WORKSPACE = "Demo"
#: E-mail, name, role, and the one property they see (None: all).
PEOPLE = [
    ("admin@lockboard.test", "Ada Admin", Role.ADMIN, None),
    ("manager@lockboard.test", "Mia Manager", Role.MANAGER, None),
    ("frontdesk@lockboard.test", "Finn Front Desk", Role.FRONT_DESK, "Harbour House"),
    ("auditor@lockboard.test", "Aud Auditor", Role.AUDITOR, None),
]
PROPERTIES = [("Harbour House", "Europe/Amsterdam"), ("Mill Lane", "Europe/London")]
#: The sandbox's own test accounts (docs/sandbox.md).
HARBOUR = ("harbour@example.com", "1234")
BACKEND = ("lockboard-backend", "lockboard-backend-secret")


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
            for email, name, role, place in PEOPLE:
                _person(
                    workspace,
                    email,
                    name=name,
                    role=role,
                    place=spaces.get(place or ""),
                    password=password,
                )
        if not options["no_account"]:
            self._connect(workspace, spaces["Harbour House"])

    def _connect(self, workspace: Workspace, harbour: Space) -> None:
        if ConnectedSite.objects.filter(property=harbour).exists():
            return
        account = _account(workspace)
        try:
            with transaction.atomic():
                _add_sites(account, harbour)
        except ProviderError as error:
            account.delete()
            raise CommandError(f"The sandbox did not answer as expected: {error}") from None


def _property(workspace: Workspace, name: str, zone: str) -> Space:
    space, _ = Space.objects.get_or_create(
        workspace=workspace,
        parent=None,
        name=name,
        defaults={"kind": SpaceKind.PROPERTY, "time_zone": zone},
    )
    return space


def _person(
    workspace: Workspace, email: str, *, name: str, role: str, place: Space | None, password: str
) -> None:
    user = User.objects.filter(email=email).first() or User(email=email, name=name)
    if not user.password or not user.check_password(password):
        user.set_password(password)
        user.save()
    Membership.objects.get_or_create(
        workspace=workspace, user=user, property=place, defaults={"role": role}
    )


def _account(workspace: Workspace) -> ConnectedAccount:
    """The login as it would be pasted in onboarding. Saved; nothing is asked of the sandbox yet."""
    environment = sandbox_environment(settings.SANDBOX_URL)
    now = timezone.now()
    account = ConnectedAccount(
        workspace=workspace,
        provider="salto_ks",
        grant=Grant.PASSWORD,
        name="Harbour House",
        remote_id=HARBOUR[0],
        api_base=environment.api_base,
        auth_url=environment.token_url,
        client_id=BACKEND[0],
        username=HARBOUR[0],
        state_since=now,
        secret_set_at=now,
        connected_at=now,
    )
    account.seal("client_secret", BACKEND[1])
    account.seal("password", HARBOUR[1])
    account.save()
    return account


def _add_sites(account: ConnectedAccount, harbour: Space) -> None:
    driver = driver_for(account)
    identity = driver.identity()
    now = timezone.now()
    ConnectedAccount.objects.filter(pk=account.pk).update(
        remote_id=identity.remote_id, next_status_poll_at=now, next_event_poll_at=now
    )
    for remote in driver.list_sites():
        site = ConnectedSite.objects.create(
            account=account, remote_id=remote.remote_id, name=remote.name, property=harbour
        )
        polling.poll_site(driver, site)
    record(
        Verb.ACCOUNT_CONNECTED,
        workspace_id=account.workspace_id,
        at=now,
        place=account.as_place(),
    )
