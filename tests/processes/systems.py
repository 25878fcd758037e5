"""Wishes about people in access control systems: `python -m tests.processes.systems VERB …`.

With the stack's environment. `connect` adds the sandbox's Seam workspace; `create NAME`,
`suspend NAME`, `delete NAME` and `pin NAME` write what the services behind the pages write.
"""

import sys

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.utils import timezone  # noqa: E402

from access import waking  # noqa: E402
from access.models import AcsCredential, AcsMembership, AcsSystem, AcsUser  # noqa: E402
from access.states import Part, Phase  # noqa: E402
from accounts.models import Workspace  # noqa: E402
from tests.make import make_account, make_property, make_site  # noqa: E402

KEY = "seam_test1_sandboxdemokey"


def connect() -> None:
    workspace = Workspace.objects.get(is_sandbox=True, name="Acme")
    account = make_account(
        workspace,
        provider="seam",
        grant="api_key",
        name="Seam",
        api_base=f"{settings.SANDBOX_URL}/seam",
        auth_url="",
    )
    account.seal("client_secret", KEY)
    account.save()
    make_site(account, property=make_property(workspace, name="Harbour Annex"))


def create(name: str) -> None:
    now = timezone.now()
    system = AcsSystem.objects.get(name__endswith="Harbour Annex")
    user = AcsUser.objects.create(
        system=system, full_name=name, created_at=now, pending=list(Part), next_run_at=now
    )
    group = system.groups.get(name="SIMULATED Everybody")
    AcsMembership.objects.create(user=user, group=group, wanted_at=now)
    waking.wake(system, at=now)


def suspend(name: str) -> None:
    _change(name, is_suspended=True, pending=[Part.SUSPENSION])


def delete(name: str) -> None:
    _change(name, delete_asked_at=timezone.now(), phase=Phase.DELETING)


def pin(name: str) -> None:
    """Wish for a PIN for somebody of the simulated Salto KS."""
    now = timezone.now()
    user = AcsUser.objects.get(full_name=name)
    AcsCredential.objects.create(
        system=user.system, user=user, access_method="code", created_at=now, next_run_at=now
    )
    waking.wake(user.system, at=now)


def _change(name: str, **columns: object) -> None:
    now = timezone.now()
    user = AcsUser.objects.get(full_name=name)
    AcsUser.objects.filter(pk=user.pk).update(
        **columns, generation=user.generation + 1, next_run_at=now
    )
    waking.wake(user.system, at=now)


VERBS = {"connect": connect, "create": create, "suspend": suspend, "delete": delete, "pin": pin}

if __name__ == "__main__":
    VERBS[sys.argv[1]](*sys.argv[2:])
