"""Makers of stays for tests about messages."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from access.guests import deliveries
from access.guests.deliveries import Wanted
from access.models import (
    AccessGrant,
    AccessMethod,
    Delivery,
    DoorShare,
    GrantTarget,
    MethodDoor,
    RequestedMethod,
    UserIdentity,
)
from accounts.models import Role, Space
from locks.codes.states import CodePhase
from locks.models import Device
from tests.make import (
    actor,
    make_account,
    make_code,
    make_device,
    make_property,
    make_site,
    make_user,
)

#: Winter time in Amsterdam; the stays begin at 15:00 there.
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
DIGITS = "482913"


def make_stay(place: Space | None = None, **fields: Any) -> AccessGrant:
    """Jane, from Friday 27 November 2026, 15:00, to Monday, 11:00."""
    place = place or make_property(name="Harbour House")
    identity = fields.pop("identity", None) or UserIdentity.objects.create(
        workspace=place.workspace,
        full_name=fields.pop("full_name", "Jane Doe"),
        email=fields.pop("email", "jane@example.org"),
        language=fields.pop("language", ""),
        created_at=NOW,
    )
    starts = datetime(2026, 11, 27, 14, 0, tzinfo=UTC)
    return AccessGrant.objects.create(
        workspace=place.workspace,
        property=place,
        identity=identity,
        **{
            "starts_at": starts,
            "ends_at": starts + timedelta(days=2, hours=20),
            "created_at": NOW,
        }
        | fields,
    )


def make_door(place: Space, name: str = "Room 204") -> Device:
    site = make_site(make_account(place.workspace), property=place)
    return make_device(site, name=name)


def give_way(
    grant: AccessGrant,
    device: Device,
    mode: str = "code",
    *,
    digits: str = DIGITS,
    phase: str = CodePhase.ON_LOCK,
) -> AccessMethod:
    """Give the grant one way in at one door, and ask for it."""
    RequestedMethod.objects.get_or_create(
        grant=grant, mode=mode, defaults={"position": grant.requests.count(), "created_at": NOW}
    )
    GrantTarget.objects.get_or_create(
        grant=grant, device=device, defaults={"position": grant.targets.count()}
    )
    method = AccessMethod.objects.create(
        workspace=grant.workspace,
        property=grant.property,
        identity=grant.identity,
        mode=mode,
        created_at=NOW,
    )
    window = {"starts_at": grant.starts_at, "ends_at": grant.ends_at}
    code = make_code(device, digits=digits, phase=phase, **window) if mode == "code" else None
    door = MethodDoor.objects.create(method=method, device=device, code=code, **window)
    DoorShare.objects.create(door=door, grant=grant, **window)
    return method


def ask(grant: AccessGrant, **wanted: Any) -> Delivery:
    by = actor(make_user(Role.FRONT_DESK, workspace=grant.workspace, name="Ana"))
    at = wanted.pop("at", NOW)
    wanted = {"waits_until_ready": False} | wanted
    return deliveries.send(grant, Wanted(**wanted), pk=uuid4(), by=by, at=at)
