"""Makers: rows for tests, filled in where the test does not care."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.test import Client
from django.utils import timezone

from access.models import (
    AccessGrant,
    AccessMethod,
    AcsAccessGroup,
    AcsCredential,
    AcsEncoder,
    AcsEntrance,
    AcsMembership,
    AcsSystem,
    AcsUser,
    DoorShare,
    EncodeJob,
    GrantTarget,
    MethodDoor,
    RequestedMethod,
    ReservationFeed,
    UserIdentity,
)
from access.states import Intent, JobKind, Phase
from accounts.actors import Actor, actor_of
from accounts.models import (
    ConnectedAccount,
    ConnectedSite,
    Dialect,
    Grant,
    Membership,
    Role,
    Space,
    SpaceKind,
    User,
    Workspace,
)
from accounts.providers.systems import AccessMethod as Mode
from audit.services import record
from audit.words import Verb
from locks.codes import pins
from locks.models import AccessCode, ActionAttempt, Device
from locks.states import Action, AttemptStatus, Evidence, LockState

PASSWORD = "a long enough password"


def make_workspace(**fields: Any) -> Workspace:
    return Workspace.objects.create(**{"name": "Acme", "is_sandbox": True} | fields)


def make_property(workspace: Workspace | None = None, **fields: Any) -> Space:
    workspace = workspace or make_workspace()
    defaults = {
        "kind": SpaceKind.PROPERTY,
        "name": f"House {uuid4().hex[:6]}",
        "time_zone": "Europe/Amsterdam",
    }
    return Space.objects.create(workspace=workspace, **defaults | fields)


def make_user(
    role: str | None = Role.MANAGER,
    *,
    workspace: Workspace | None = None,
    place: Space | None = None,
    **fields: Any,
) -> User:
    """A person who may sign in, with one role (none if `role` is None)."""
    user = User(
        email=fields.pop("email", f"{uuid4().hex[:8]}@example.org"), **{"name": "Ana"} | fields
    )
    user.set_unusable_password()
    user.save()
    if role is not None:
        workspace = workspace or (place.workspace if place else make_workspace())
        Membership.objects.create(workspace=workspace, user=user, role=role, property=place)
    return user


def actor(user: User) -> Actor:
    found = actor_of(user)
    assert found is not None
    return found


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def make_account(workspace: Workspace | None = None, **fields: Any) -> ConnectedAccount:
    now = timezone.now()
    account = ConnectedAccount(
        **{
            "workspace": workspace or make_workspace(),
            "provider": "salto_ks",
            "dialect": Dialect.CONNECT,
            "grant": Grant.PASSWORD,
            "name": "Test account",
            "remote_id": str(uuid4()),
            "api_base": "http://127.0.0.1:8001/connect",
            "auth_url": "http://127.0.0.1:8001/identity/connect/token",
            "client_id": "lockboard-backend",
            "username": "jane@example.com",
            "state_since": now,
            "connected_at": now,
        }
        | fields
    )
    account.seal("client_secret", "lockboard-backend-secret")
    account.seal("password", "1234")
    account.save()
    return account


def make_site(account: ConnectedAccount | None = None, **fields: Any) -> ConnectedSite:
    account = account or make_account()
    place = fields.pop("property", None) or make_property(account.workspace)
    defaults = {"remote_id": str(uuid4()), "name": "SIMULATED Site"}
    return ConnectedSite.objects.create(account=account, property=place, **defaults | fields)


def make_device(site: ConnectedSite | None = None, **fields: Any) -> Device:
    """A door that is online and seen locked a minute ago."""
    site = site or make_site()
    now = timezone.now()
    device = Device.objects.create(
        workspace=site.account.workspace,
        account=site.account,
        site=site,
        property=site.property,
        **{
            "remote_id": str(uuid4()),
            "name": "Room 204",
            "state": LockState.LOCKED,
            "state_at": now - timedelta(minutes=1),
            "state_evidence": Evidence.POLL,
            "is_online": True,
            "battery_percent": 100,
        }
        | fields,
    )
    device.refresh_from_db()
    return device


def make_attempt(device: Device | None = None, **fields: Any) -> ActionAttempt:
    """An attempt in some state, as if a person of the command line had asked."""
    device = device or make_device()
    now: datetime = fields.pop("now", timezone.now())
    return ActionAttempt.objects.create(
        workspace=device.workspace,
        device=device,
        **{
            "action": Action.UNLOCK,
            "actor_kind": "command",
            "actor_name": "Test",
            "how": "command",
            "idempotency_key": str(uuid4()),
            "request_hash": "0" * 64,
            "status": AttemptStatus.QUEUED,
            "created_at": now,
            "deadline": now + timedelta(seconds=10),
        }
        | fields,
    )


def make_code(device: Device | None = None, *, digits: str = "", **fields: Any) -> AccessCode:
    """An ongoing code, asked for a minute ago, of which no provider has heard."""
    device = device or make_device(has_keypad=True)
    code = AccessCode(
        **{
            "workspace": device.workspace,
            "account": device.account,
            "site": device.site,
            "device": device,
            "created_at": timezone.now() - timedelta(minutes=1),
            "name": "Jane",
            "ref": pins.new_ref(),
        }
        | fields
    )
    pins.store(code, digits)
    code.save()
    return code


def make_system(account: ConnectedAccount | None = None, **fields: Any) -> AcsSystem:
    """A Salto Space installation that was listed a minute ago."""
    account = account or make_account(provider="seam")
    place = fields.pop("property", None) or make_property(account.workspace)
    return AcsSystem.objects.create(
        workspace=account.workspace,
        account=account,
        property=place,
        **{
            "remote_id": str(uuid4()),
            "name": "SIMULATED Salto Space",
            "is_placed": True,
            "external_type": "salto_space_system",
            "listed_at": timezone.now() - timedelta(minutes=1),
        }
        | fields,
    )


def make_group(system: AcsSystem | None = None, **fields: Any) -> AcsAccessGroup:
    entrances = fields.pop("entrances", ())
    group = AcsAccessGroup.objects.create(
        system=system or make_system(),
        **{"remote_id": str(uuid4()), "name": f"Group {uuid4().hex[:6]}", "read_at": timezone.now()}
        | fields,
    )
    group.entrances.set(entrances)
    return group


def make_entrance(system: AcsSystem | None = None, **fields: Any) -> AcsEntrance:
    return AcsEntrance.objects.create(
        system=system or make_system(),
        **{"remote_id": str(uuid4()), "name": f"Room {uuid4().hex[:6]}"} | fields,
    )


def make_encoder(system: AcsSystem | None = None, **fields: Any) -> AcsEncoder:
    return AcsEncoder.objects.create(
        system=system or make_system(),
        **{"remote_id": str(uuid4()), "name": f"Front desk {uuid4().hex[:6]}"} | fields,
    )


def make_acs_user(system: AcsSystem | None = None, **fields: Any) -> AcsUser:
    """A user who is at the provider as wished, in `groups` if given."""
    groups = fields.pop("groups", ())
    now = timezone.now()
    user = AcsUser.objects.create(
        system=system or make_system(),
        **{
            "remote_id": str(uuid4()),
            "full_name": f"Jane {uuid4().hex[:6]}",
            "phase": Phase.LIVE,
            "created_at": now - timedelta(hours=1),
            "seen_at": now - timedelta(minutes=1),
        }
        | fields,
    )
    for group in groups:
        AcsMembership.objects.create(user=user, group=group, is_seen=True)
    return user


def make_credential(user: AcsUser | None = None, **fields: Any) -> AcsCredential:
    """A card, issued an hour ago. `user=None, system=…` makes one of nobody."""
    if user is None and "system" not in fields:
        user = make_acs_user()
    now = timezone.now()
    return AcsCredential.objects.create(
        user=user,
        **{
            "system": user.system if user else None,
            "remote_id": str(uuid4()),
            "access_method": "card",
            "external_type": "salto_space_credential",
            "phase": Phase.LIVE,
            "is_issued": True,
            "issued_at": now - timedelta(hours=1),
            "card_number": f"04{uuid4().hex[:12].upper()}",
            "card_state": "in_use",
            "created_at": now - timedelta(hours=1),
        }
        | fields,
    )


def make_job(
    user: AcsUser | None = None, encoder: AcsEncoder | None = None, **fields: Any
) -> EncodeJob:
    """A first card that is being prepared, as if a person of the command line had asked.

    A reading, if `kind` says so, is of no user unless one is given.
    """
    kind = fields.pop("kind", JobKind.ENCODE)
    if user is None and kind != JobKind.SCAN:
        user = make_acs_user(encoder.system if encoder else None)
    encoder = encoder or make_encoder(user.system if user else None)
    now: datetime = fields.pop("now", timezone.now())
    return EncodeJob.objects.create(
        workspace=encoder.system.workspace,
        system=encoder.system,
        encoder=encoder,
        user=user,
        kind=kind,
        **{
            "intent": Intent.READ if kind == JobKind.SCAN else Intent.FIRST,
            "actor_kind": "command",
            "actor_name": "Test",
            "idempotency_key": str(uuid4()),
            "created_at": now,
            "send_by": now + timedelta(seconds=30),
        }
        | fields,
    )


def make_identity(workspace: Workspace | None = None, **fields: Any) -> UserIdentity:
    return UserIdentity.objects.create(
        workspace=workspace or make_workspace(),
        **{
            "full_name": "Jane Doe",
            "email": f"{uuid4().hex[:8]}@example.org",
            "created_at": timezone.now() - timedelta(hours=1),
        }
        | fields,
    )


def make_grant(
    place: Space | None = None,
    *,
    devices: Iterable[Device] = (),
    entrances: Iterable[AcsEntrance] = (),
    spaces: Iterable[Space] = (),
    modes: Iterable[Mode] = (),
    **fields: Any,
) -> AccessGrant:
    """A stay from an hour ago until in two days, of somebody new, with no method yet."""
    place = place or make_property()
    now: datetime = fields.pop("now", timezone.now())
    grant = AccessGrant.objects.create(
        workspace=place.workspace,
        property=place,
        **{
            "identity": fields.pop("identity", None) or make_identity(place.workspace),
            "starts_at": now - timedelta(hours=1),
            "ends_at": now + timedelta(days=2),
            "created_at": now - timedelta(hours=2),
        }
        | fields,
    )
    targets: list[dict[str, Any]] = [{"space": each} for each in spaces]
    targets += [{"device": each} for each in devices]
    targets += [{"entrance": each} for each in entrances]
    for position, target in enumerate(targets):
        GrantTarget.objects.create(grant=grant, position=position, **target)
    for position, mode in enumerate(modes):
        RequestedMethod.objects.create(
            grant=grant, position=position, mode=mode, created_at=grant.created_at
        )
    return grant


def make_method(
    grant: AccessGrant,
    mode: Mode = Mode.CODE,
    *,
    devices: Iterable[Device] = (),
    entrances: Iterable[AcsEntrance] = (),
    code: dict[str, Any] | None = None,
    has_codes: bool = True,
    user: AcsUser | None = None,
    **fields: Any,
) -> AccessMethod:
    """A way in at these doors, as one grant's carrying leaves it.

    PINs of locks get an access code each, with the columns of `code`, unless `has_codes` is
    false: one that waits. Other ways in at entrances are of `user`, or of somebody made for it
    who is at the provider as wished; a card, a PIN or a key of theirs is made by the test.
    """
    devices, entrances = list(devices), list(entrances)
    system = entrances[0].system if entrances and mode != Mode.CLOUD_KEY else None
    if system is not None and user is None:
        user = make_acs_user(
            system,
            full_name=grant.identity.full_name,
            starts_at=grant.starts_at,
            ends_at=grant.ends_at,
        )
    method = AccessMethod.objects.create(
        workspace=grant.workspace,
        property=grant.property,
        identity=grant.identity,
        mode=mode,
        **{
            "site": devices[0].site if devices and mode != Mode.CLOUD_KEY else None,
            "system": system,
            "acs_user": user,
            "created_at": grant.created_at,
        }
        | fields,
    )
    for device in devices:
        made = None
        if mode == Mode.CODE and has_codes:
            made = _code_of(grant, device, code or {})
        share_door(grant, method, device=device, code=made)
    for entrance in entrances:
        share_door(grant, method, entrance=entrance)
    return method


def _code_of(grant: AccessGrant, device: Device, columns: dict[str, Any]) -> AccessCode:
    window = {"starts_at": grant.starts_at, "ends_at": grant.ends_at}
    if grant.ends_at is None:
        window["starts_at"] = None
    usual = {"name": grant.identity.full_name, "created_at": grant.created_at, "digits": "482913"}
    return make_code(device, **usual | window | {"grant_id": grant.pk} | columns)


def share_door(grant: AccessGrant, method: AccessMethod, **door: Any) -> DoorShare:
    """Let a grant want a method at one more door."""
    window = {"starts_at": grant.starts_at, "ends_at": grant.ends_at}
    made = MethodDoor.objects.create(method=method, **window | door)
    return DoorShare.objects.create(door=made, grant=grant, **window)


def make_event(workspace: Workspace | None = None, **fields: Any) -> Any:
    workspace = workspace or make_workspace()
    at = fields.pop("at", timezone.now())
    verb = fields.pop("verb", Verb.UNLOCK_SUCCEEDED)
    return record(verb, workspace_id=workspace.pk, at=at, **fields)


def make_feed(
    space: Space, address: str = "https://calendars.example.com/x.ics", **fields: Any
) -> ReservationFeed:
    """The calendar of a room, or of a whole property, that was due yesterday."""
    now = timezone.now()
    feed = ReservationFeed(
        **{
            "workspace": space.workspace,
            "property": space.property or space,
            "space": space,
            "kind": "calendar",
            "name": space.name,
            "host": "calendars.example.com",
            "modes": ["code"],
            "created_at": now,
            "next_read_at": now - timedelta(days=1),
        }
        | fields
    )
    feed.seal_address(address)
    feed.save()
    return feed
