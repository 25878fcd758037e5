"""User identities, mobile keys and instant keys in Seam's shapes."""

from typing import Any

from sandbox.clock import format_utc
from sandbox.ks_system.things import KIND as KS
from sandbox.phones.things import InstantKey, MobileKey, UserIdentity
from sandbox.seam.problems import warning
from sandbox.world import World

#: The schema has no type of its own for a mobile key of Salto; which of these is used is inferred.
_TYPES = {
    "salto_space": ("salto_space_key", "Salto Space key"),
    KS: ("salto_ks_credential", "Salto KS credential"),
}


def identity(world: World, row: UserIdentity) -> dict[str, Any]:
    users = world.space_users.where(user_identity_id=row.id)
    return {
        "user_identity_id": row.id,
        "user_identity_key": row.user_identity_key,
        "workspace_id": row.workspace_id,
        "full_name": row.full_name,
        "email_address": row.email_address,
        "phone_number": row.phone_number,
        "display_name": row.full_name or row.email_address or row.phone_number or "SIMULATED",
        "acs_user_ids": [user.id for user in users],
        "merged_user_identity_ids": [],
        "merged_user_identity_keys": [],
        "created_at": format_utc(row.created_at),
        "errors": [],
        "warnings": [],
    }


def credential(world: World, row: MobileKey) -> dict[str, Any]:
    """Return all but the ids of its system."""
    owner = world.space_users.get(row.user_id)
    kind, kind_name = _TYPES[world.space_systems[row.system_id].kind]
    text = "The mobile key is not ready yet."
    shape = {
        "acs_credential_id": row.id,
        "acs_user_id": row.user_id,
        "user_identity_id": owner.user_identity_id if owner else None,
        "access_method": "mobile_key",
        "external_type": kind,
        "external_type_display_name": kind_name,
        "display_name": f"Mobile key of {owner.full_name}" if owner else "Mobile key",
        "card_number": None,
        "code": None,
        "is_issued": row.issued_at is not None,
        "issued_at": format_utc(row.issued_at) if row.issued_at else None,
        "starts_at": format_utc(row.starts_at) if row.starts_at else None,
        "ends_at": format_utc(row.ends_at) if row.ends_at else None,
        "is_managed": True,
        "is_one_time_use": False,
        "is_multi_phone_sync_credential": True,
        "is_latest_desired_state_synced_with_provider": row.issued_at is not None,
        "latest_desired_state_synced_with_provider_at": None,
        "created_at": format_utc(row.created_at),
        "errors": [],
        "warnings": [] if row.issued_at else [warning(world, "waiting_to_be_issued", text)],
    }
    optional = {"user_identity_id", "starts_at", "ends_at"}
    return {k: v for k, v in shape.items() if v is not None or k not in optional}


def address(row: InstantKey, base_url: str) -> str:
    return f"{base_url}/phone/{row.token}"


def instant_key(world: World, row: InstantKey, base_url: str) -> dict[str, Any]:
    return {
        "instant_key_id": row.id,
        "instant_key_url": address(row, base_url),
        "user_identity_id": row.identity_id,
        "workspace_id": world.user_identities[row.identity_id].workspace_id,
        "client_session_id": row.client_session_id,
        "created_at": format_utc(row.created_at),
        "expires_at": format_utc(row.expires_at),
    }
