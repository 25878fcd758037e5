"""Makers of stays: a grant, its methods door by door, and links to its page."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.test import Client
from django.utils import timezone

from access.guests import links
from access.models import (
    AccessGrant,
    AccessMethod,
    DoorShare,
    GrantTarget,
    GuestLink,
    MethodDoor,
    UserIdentity,
)
from accounts.models import Space
from locks.models import AccessCode, Device
from tests.make import make_account, make_code, make_device, make_property, make_site

PHONE = "+31612340987"


def make_stay(place: Space | None = None, **fields: Any) -> AccessGrant:
    """A stay that began an hour ago and goes on for a day."""
    place = place or make_property()
    now = timezone.now()
    identity = fields.pop("identity", None) or UserIdentity.objects.create(
        workspace=place.workspace,
        full_name="Jane Doe",
        phone=fields.pop("phone", ""),
        language=fields.pop("language", ""),
        created_at=now,
    )
    return AccessGrant.objects.create(
        workspace=place.workspace,
        property=place,
        identity=identity,
        **{
            "starts_at": now - timedelta(hours=1),
            "ends_at": now + timedelta(days=1),
            "created_at": now - timedelta(days=1),
        }
        | fields,
    )


def give(grant: AccessGrant, mode: str, *doors: Any, **fields: Any) -> AccessMethod:
    """A method of a grant at some doors. A code as a door stands for the code on its lock."""
    method = AccessMethod.objects.create(
        workspace=grant.workspace,
        property=grant.property,
        identity=grant.identity,
        mode=mode,
        created_at=grant.created_at,
        **fields,
    )
    window = {"starts_at": grant.starts_at, "ends_at": grant.ends_at}
    for each in doors:
        where = {"entrance": each}
        if isinstance(each, Device):
            where = {"device": each}
        elif isinstance(each, AccessCode):
            where = {"device": each.device, "code": each}
        door = MethodDoor.objects.create(method=method, **where, **window)
        DoorShare.objects.create(door=door, grant=grant, **window)
    return method


def make_door(grant: AccessGrant, name: str = "Room 204", **fields: Any) -> Device:
    site = make_site(make_account(grant.workspace), property=grant.property)
    return make_device(site, name=name, **fields)


def give_code(
    grant: AccessGrant, door: Device, digits: str = "714208", **fields: Any
) -> AccessCode:
    code = make_code(door, digits=digits, **{"phase": "on_lock", "status": "set"} | fields)
    give(grant, "code", code)
    return code


def aim(grant: AccessGrant, *targets: Any) -> None:
    """Say where a grant leads, in order."""
    for position, each in enumerate(targets):
        kind = {Device: "device", Space: "space"}.get(type(each), "entrance")
        GrantTarget.objects.create(grant=grant, position=position, **{kind: each})


def link_to(grant: AccessGrant) -> tuple[GuestLink, str]:
    """A link, and its path."""
    link, url = links.make(grant, by_name="Ana", at=timezone.now())
    return link, url.removeprefix("http://127.0.0.1:8000")


def guest_of(path: str, **headers: str) -> Client:
    """A browser that came by a link."""
    client = Client(REMOTE_ADDR=f"2001:db8::{uuid4().hex[:4]}", **headers)
    assert client.get(path).status_code == 303
    return client


def key_of(client: Client) -> str:
    return str(client.get("/k/").context["key"])


def prove(client: Client, link: GuestLink, code: str = "") -> Any:
    return client.post("/k/code/", {"key": key_of(client), "code": code or link.unseal_code()})
