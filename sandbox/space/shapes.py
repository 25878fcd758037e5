"""Salto Space in Seam's shapes: `acs_system`, `acs_user`, `acs_credential` …"""

from datetime import datetime
from typing import Any

from sandbox.clock import format_utc
from sandbox.ks_system import seats
from sandbox.ks_system import shapes as ks_shapes
from sandbox.ks_system.things import KIND as KS
from sandbox.ks_system.things import KsCredential
from sandbox.phones import shapes as phone_shapes
from sandbox.phones.things import MobileKey
from sandbox.seam.problems import problem, warning
from sandbox.space import keys, syncing
from sandbox.space.things import (
    Encoder,
    SpaceDoor,
    SpaceGroup,
    SpaceKey,
    SpaceSystem,
    SpaceUser,
)
from sandbox.world import World

#: What Seam calls a system of a kind, its users and its groups.
TYPES = {
    "salto_space": {
        "system": ("salto_space_system", "Salto Space system"),
        "user": ("salto_space_user", "Salto Space user"),
        "group": ("salto_space_group", "Salto Space group"),
    },
    KS: {
        "system": ("salto_ks_site", "Salto KS site"),
        "user": ("salto_site_user", "Salto KS site user"),
        "group": ("salto_ks_access_group", "Salto KS access group"),
    },
}


def moment(at: datetime | None) -> str | None:
    return format_utc(at) if at else None


def _ids(world: World, system_id: str) -> dict[str, Any]:
    account = world.seam_accounts[world.space_systems[system_id].account_id]
    return {
        "acs_system_id": system_id,
        "connected_account_id": account.id,
        "workspace_id": account.workspace_id,
    }


def _plain(shape: dict[str, Any], *optional: str) -> dict[str, Any]:
    """Leave out those of `optional` that are None: the schema has them absent, not null."""
    return {k: v for k, v in shape.items() if v is not None or k not in optional}


def system(world: World, row: SpaceSystem, base_url: str) -> dict[str, Any]:
    account = world.seam_accounts[row.account_id]
    errors = []
    if not row.is_bridge_up:
        text = "Seam Bridge is not connected."
        errors.append(problem(world, "seam_bridge_disconnected", text))
        errors.append(problem(world, "bridge_disconnected", text, is_bridge_error=True))
    elif not row.is_server_up:
        text = "The Salto server does not answer."
        errors.append(problem(world, "provider_service_unavailable", text))
    if not account.is_connected:
        errors.append(problem(world, "account_disconnected", "The account is disconnected."))
    errors += seats.errors(world, row)
    kind, kind_name = TYPES[row.kind]["system"]
    return {
        **_ids(world, row.id),
        "connected_account_ids": [account.id],
        "name": row.name,
        "external_type": kind,
        "external_type_display_name": kind_name,
        "system_type": kind,
        "system_type_display_name": kind_name,
        "acs_access_group_count": len(world.space_groups.where(system_id=row.id)),
        "acs_user_count": len(world.space_users.where(system_id=row.id)),
        "is_credential_manager": False,
        "location": {"time_zone": row.time_zone},
        "image_url": f"{base_url}/static/sandbox.svg",
        "image_alt_text": "SIMULATED",
        "created_at": format_utc(row.created_at),
        "errors": errors,
        "warnings": seats.warnings(world, row),
    }


def user(world: World, row: SpaceUser) -> dict[str, Any]:
    warnings = []
    if row.deleted_at:
        warnings.append(warning(world, "being_deleted", "The user is being deleted."))
    if row.ends_at and row.ends_at <= world.now():
        warnings.append(warning(world, "acs_user_inactive", "The access schedule has ended."))
    errors: list[dict[str, Any]] = []
    metadata: dict[str, Any] = {
        "salto_space_metadata": {"user_id": row.ext_id, "audit_openings": True}
    }
    kind = world.space_systems[row.system_id].kind
    if kind == KS:
        errors, metadata = (
            seats.user_errors(world, row),
            {"salto_ks_metadata": {"is_subscribed": row.is_subscribed}},
        )
        warnings += seats.user_warnings(world, row)
    schedule = None
    if row.starts_at or row.ends_at:
        starts = row.starts_at or row.created_at
        schedule = {"starts_at": moment(starts), "ends_at": moment(row.ends_at)}
    shape = {
        **_ids(world, row.system_id),
        "acs_user_id": row.id,
        "display_name": row.full_name,
        "full_name": row.full_name,
        "email": row.email_address,
        "email_address": row.email_address,
        "phone_number": row.phone_number,
        "user_identity_id": row.user_identity_id,
        "access_schedule": schedule,
        "external_type": TYPES[kind]["user"][0],
        "external_type_display_name": TYPES[kind]["user"][1],
        "is_managed": True,
        "is_suspended": row.is_suspended,
        **metadata,
        "last_successful_sync_at": moment(row.synced_at),
        "pending_mutations": syncing.pending(world, row),
        "created_at": format_utc(row.created_at),
        "errors": errors,
        "warnings": warnings,
    }
    return _plain(
        shape, "email", "email_address", "phone_number", "user_identity_id", "access_schedule"
    )


def group(world: World, row: SpaceGroup) -> dict[str, Any]:
    words = TYPES[world.space_systems[row.system_id].kind]["group"]
    return {
        **_ids(world, row.system_id),
        "acs_access_group_id": row.id,
        "name": row.name,
        "display_name": row.name,
        "access_group_type": words[0],
        "access_group_type_display_name": words[1],
        "external_type": words[0],
        "external_type_display_name": words[1],
        "is_managed": True,
        "created_at": format_utc(row.created_at),
        "pending_mutations": [],
        "errors": [],
        "warnings": [],
    }


def entrance(world: World, row: SpaceDoor) -> dict[str, Any]:
    ids = _ids(world, row.system_id)
    del ids["workspace_id"]
    is_ks = world.space_systems[row.system_id].kind == KS
    return {
        **ids,
        "acs_entrance_id": row.id,
        "display_name": row.name,
        "can_unlock_with_card": True,
        "can_unlock_with_code": False,
        "can_unlock_with_mobile_key": row.has_bluetooth,
        "can_unlock_with_cloud_key": False,
        "can_belong_to_reservation": False,
        "space_ids": [],
        "created_at": format_utc(row.created_at),
        "errors": [],
        "warnings": [],
        **(ks_shapes.entrance(world, row) if is_ks else _space_door(row)),
    }


def _space_door(row: SpaceDoor) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "door_id": row.id[:8],
        "door_name": row.name,
        "door_description": row.description,
        "audit_on_keys": True,
    }
    if row.room_name:
        metadata |= {"room_name": row.room_name, "room_description": "Guest room"}
    return {"salto_space_metadata": metadata}


def credential(world: World, row: SpaceKey | KsCredential | MobileKey) -> dict[str, Any]:
    if isinstance(row, MobileKey):
        return _ids(world, row.system_id) | phone_shapes.credential(world, row)
    if isinstance(row, KsCredential):
        return _ids(world, row.system_id) | ks_shapes.credential(world, row)
    owner = world.space_users[row.user_id]
    shape = {
        **_ids(world, row.system_id),
        "acs_credential_id": row.id,
        "acs_user_id": row.user_id,
        "user_identity_id": owner.user_identity_id,
        "access_method": "card",
        "external_type": "salto_space_key",
        "external_type_display_name": "Salto Space key",
        "display_name": f"Key of {owner.full_name}",
        "card_number": row.card_number,
        "code": None,
        "is_issued": row.issued_at is not None,
        "issued_at": moment(row.issued_at),
        "starts_at": moment(row.starts_at),
        "ends_at": moment(row.ends_at),
        "is_managed": True,
        "is_one_time_use": False,
        "is_multi_phone_sync_credential": False,
        "is_latest_desired_state_synced_with_provider": row.deleted_at is None,
        "latest_desired_state_synced_with_provider_at": moment(row.written_at),
        "created_at": format_utc(row.created_at),
        "errors": [],
        "warnings": _credential_warnings(world, row),
    }
    return _plain(shape, "user_identity_id", "starts_at", "ends_at")


def _credential_warnings(world: World, row: SpaceKey) -> list[dict[str, Any]]:
    checks = (
        (row.deleted_at is not None, "being_deleted", "The credential is being deleted."),
        (row.issued_at is None, "waiting_to_be_issued", "The card is not written yet."),
        (
            row.issued_at is not None
            and (
                row.is_invalid
                or keys.status(world, row) in {keys.UPDATE_REQUIRED, keys.REEDITION_REQUIRED}
            ),
            "needs_to_be_reissued",
            "Permissions changed: encode the card again.",
        ),
    )
    return [warning(world, code, text) for is_so, code, text in checks if is_so]


def encoder(world: World, row: Encoder) -> dict[str, Any]:
    errors = []
    if row.is_removed:
        errors.append(problem(world, "acs_encoder_removed", "The encoder was removed."))
    return {
        **_ids(world, row.system_id),
        "acs_encoder_id": row.id,
        "display_name": row.name,
        "created_at": format_utc(row.created_at),
        "errors": errors,
    }
