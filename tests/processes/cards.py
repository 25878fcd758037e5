"""Cards in the simulated Salto Space: `python -m tests.processes.cards VERB …`.

With a stack's environment. `connect` takes in the sandbox's installation as it is, `person NAME`
adds somebody there and here, `ask NAME INTENT` asks for a card as a desk does and prints the
job's id, `read` asks for a reading.
"""

import sys
from typing import Any
from uuid import uuid4

import django

if __name__ == "__main__":
    django.setup()

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from access.cards import asking
from access.models import AcsEncoder, AcsSystem, AcsUser, EncodeJob
from access.states import Intent
from accounts.actors import Actor
from accounts.driving import driver_for
from accounts.models import User, Workspace
from accounts.providers.systems import UserWish
from tests.make import (
    actor,
    make_account,
    make_acs_user,
    make_encoder,
    make_entrance,
    make_group,
    make_property,
    make_system,
)

KEY = "seam_test1_sandboxdemokey"
GROUP = "Everybody"


@transaction.atomic
def connect() -> AcsSystem:
    """Make all of it at once: what a worker saw of it, it would list and make, too."""
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
    driver: Any = driver_for(account)
    listed = next(s for s in driver.list_systems() if s.external_type == "salto_space_system")
    system = make_system(
        account,
        property=make_property(workspace, name="Harbour Annex"),
        remote_id=listed.remote_id,
        name=listed.name,
    )
    for each in driver.list_encoders(listed.remote_id):
        make_encoder(system, remote_id=each.remote_id, name=each.name)
    doors = {
        each.remote_id: make_entrance(system, remote_id=each.remote_id, name=each.name)
        for each in driver.list_entrances(listed.remote_id)
    }
    for each in driver.list_groups(listed.remote_id):
        opened = [doors[pk] for pk in driver.group_entrance_ids(each.remote_id)]
        make_group(system, remote_id=each.remote_id, name=each.name, entrances=opened)
    return system


def person(name: str) -> AcsUser:
    system = AcsSystem.objects.select_related("account").get()
    group = system.groups.get(name__endswith=GROUP)
    driver: Any = driver_for(system.account)
    made = driver.create_acs_user(
        system.remote_id,
        UserWish(full_name=name),
        group_ids=(group.remote_id,),
        budget_seconds=10,
        request_id=str(uuid4()),
    )
    return make_acs_user(system, remote_id=made.remote_id, full_name=name, groups=[group])


def at_desk() -> Actor:
    return actor(User.objects.filter(name="Person 0").get())


def order(intent: str, name: str = "", encoder: str = "Front desk 1") -> asking.Order:
    return asking.Order(
        intent=Intent(intent),
        encoder=AcsEncoder.objects.get(name__endswith=encoder),
        user=AcsUser.objects.get(full_name=name) if name else None,
        key=str(uuid4()),
    )


def ask(name: str, intent: str = "first") -> EncodeJob:
    return asking.ask(order(intent, name), by=at_desk(), at=timezone.now())


def read() -> EncodeJob:
    return asking.ask(order("read"), by=at_desk(), at=timezone.now())


if __name__ == "__main__":
    made = globals()[sys.argv[1]](*sys.argv[2:])
    sys.stdout.write(str(made.pk))
