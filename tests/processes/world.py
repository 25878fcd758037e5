"""Fills a stack's database: `python -m tests.processes.world`, with the stack's environment.

Prints who may sign in and which doors there are, as JSON.
"""

import json
import sys

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts.driving import driver_for  # noqa: E402
from accounts.middleware import ACTIVE_AT, SIGNED_IN_AT  # noqa: E402
from accounts.models import ConnectedAccount, User, Workspace  # noqa: E402
from config import prepare  # noqa: E402
from locks import polling  # noqa: E402
from locks.models import Device  # noqa: E402
from tests.make import make_account, make_property, make_site, make_user, make_workspace  # noqa: E402

PEOPLE = 10
#: Sandbox accounts that sign in with a password, and one of the older dialect.
LOGINS = ("jane@example.com", "harbour@example.com", "multi@example.com")
LEGACY_LOGIN = "legacy-client"


def main() -> None:
    prepare._migrate()
    prepare._collect_static()
    workspace = make_workspace()
    people = [make_user(workspace=workspace, name=f"Person {n}") for n in range(PEOPLE)]
    for account in [*(_account(workspace, login) for login in LOGINS), _legacy(workspace)]:
        _connect(account)
    told = {
        "workspace": str(workspace.pk),
        "sessions": {str(person.pk): sign_in(person) for person in people},
        "session_cookie": settings.SESSION_COOKIE_NAME,
        "csrf_cookie": settings.CSRF_COOKIE_NAME,
        "doors": [_told(door) for door in Device.objects.select_related("account").order_by("id")],
    }
    sys.stdout.write(json.dumps(told))


def _account(workspace: Workspace, login: str) -> ConnectedAccount:
    origin = settings.SANDBOX_URL
    return make_account(
        workspace,
        name=login,
        username=login,
        api_base=f"{origin}/connect",
        auth_url=f"{origin}/identity/connect/token",
    )


def _legacy(workspace: Workspace) -> ConnectedAccount:
    origin = settings.SANDBOX_URL
    account = make_account(
        workspace,
        name=LEGACY_LOGIN,
        dialect="legacy",
        grant="client_credentials",
        client_id=LEGACY_LOGIN,
        username="",
        api_base=f"{origin}/legacy/v1.1",
        auth_url=f"{origin}/legacy/oauth2/token",
    )
    account.seal("client_secret", "legacy-secret")
    account.save()
    return account


def _connect(account: ConnectedAccount) -> None:
    driver = driver_for(account)
    account.remote_id = driver.identity().remote_id
    account.next_status_poll_at = account.next_event_poll_at = timezone.now()
    account.save()
    for site in driver.list_sites():
        place = make_property(account.workspace, name=f"{site.name} ({account.name})")
        known = make_site(account, property=place, remote_id=site.remote_id, name=site.name)
        polling.poll_site(driver, known)


def sign_in(person: User) -> str:
    """Return the key of a session in which this person is signed in."""
    now = timezone.now().timestamp()
    session = SessionStore()
    session[SESSION_KEY] = str(person.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = person.get_session_auth_hash()
    session[ACTIVE_AT] = session[SIGNED_IN_AT] = now
    session.create()
    return str(session.session_key)


def _told(door: Device) -> dict[str, str | bool]:
    is_plain = not door.privacy_mode and not door.office_mode and door.is_online
    return {
        "id": str(door.pk),
        "remote_id": door.remote_id,
        "name": door.name,
        "account": door.account.name,
        "is_plain": bool(is_plain),
    }


if __name__ == "__main__":
    main()
