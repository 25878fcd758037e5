"""Salto KS in Seam's shapes: what differs from Space's."""

from typing import Any

from sandbox.clock import format_utc
from sandbox.ks_system.things import KsCredential, KsLock
from sandbox.seam.problems import warning
from sandbox.space.things import SpaceDoor
from sandbox.world import World

TYPES = {"code": ("salto_ks_credential", "Salto KS PIN"), "card": ("salto_ks_tag", "Salto KS tag")}
LOCKED = {"locked": True, "unlocked": False, "office_mode": False}


def entrance(world: World, door: SpaceDoor) -> dict[str, Any]:
    lock: KsLock = world.ks_locks[door.id]
    warnings = []
    if lock.privacy_mode:
        warnings.append(warning(world, "privacy_mode", "Privacy mode is on."))
    return {
        "can_unlock_with_code": lock.has_keypad,
        "is_locked": LOCKED.get(lock.bolt),
        "salto_ks_metadata": {
            "door_name": door.name,
            "lock_type": lock.lock_type,
            "locked_state": lock.bolt,
            "online": door.is_online,
            "battery_level": lock.battery_level,
            "privacy_mode": lock.privacy_mode,
            "left_open_alarm": lock.left_open_alarm,
            "intrusion_alarm": lock.intrusion_alarm,
        },
        "warnings": warnings,
    }


def credential(world: World, row: KsCredential) -> dict[str, Any]:
    """Return all but the ids. A PIN has no digits, and a tag no user, before it has them."""
    owner = world.space_users.get(row.user_id)
    kind, kind_name = TYPES[row.method]
    waits = row.method == "code" and row.code is None
    text = "Salto has not made the PIN yet."
    what = "PIN" if row.method == "code" else f"Tag {row.card_number}"
    shape = {
        "acs_credential_id": row.id,
        "acs_user_id": row.user_id,
        "user_identity_id": owner.user_identity_id if owner else None,
        "access_method": row.method,
        "external_type": kind,
        "external_type_display_name": kind_name,
        "display_name": f"{what} of {owner.full_name}" if owner else what,
        "card_number": row.card_number,
        "code": row.code,
        "is_issued": row.issued_at is not None,
        "issued_at": format_utc(row.issued_at) if row.issued_at else None,
        "starts_at": format_utc(row.starts_at) if row.starts_at else None,
        "ends_at": format_utc(row.ends_at) if row.ends_at else None,
        "is_managed": True,
        "is_one_time_use": False,
        "is_multi_phone_sync_credential": False,
        "is_latest_desired_state_synced_with_provider": not waits,
        "latest_desired_state_synced_with_provider_at": None,
        "created_at": format_utc(row.created_at),
        "errors": [],
        "warnings": [warning(world, "waiting_to_be_issued", text)] if waits else [],
    }
    optional = {"acs_user_id", "user_identity_id", "starts_at", "ends_at"}
    return {k: v for k, v in shape.items() if v is not None or k not in optional}
