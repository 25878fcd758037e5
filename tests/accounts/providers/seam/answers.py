"""Answers in the shapes of Seam's published schema (document 1.1038.0), with invented values."""

WORKSPACE_ID = "00000000-0000-4000-8000-000000000001"
LOCK_ID = "00000000-0000-4000-8000-0000000000d1"
ACCOUNT_ID = "00000000-0000-4000-8000-0000000000a1"
CODE_ID = "00000000-0000-4000-8000-0000000000c1"
ATTEMPT_ID = "00000000-0000-4000-8000-0000000000aa"

WORKSPACE = {
    "workspace_id": WORKSPACE_ID,
    "name": "Harbour Street",
    "company_name": "Harbour",
    "is_sandbox": True,
    "is_suspended": False,
}
ACCOUNT = {
    "connected_account_id": ACCOUNT_ID,
    "display_name": "jane@example.com",
    "account_type": "august",
    "account_type_display_name": "August",
    "errors": [],
    "warnings": [],
}
LOCK = {
    "device_id": LOCK_ID,
    "workspace_id": WORKSPACE_ID,
    "connected_account_id": ACCOUNT_ID,
    "device_type": "august_lock",
    "display_name": "Front Door",
    "capabilities_supported": ["access_code", "lock"],
    "can_remotely_lock": True,
    "can_remotely_unlock": True,
    "can_program_online_access_codes": True,
    "is_managed": True,
    "custom_metadata": {},
    "created_at": "2026-01-05T10:00:00.000Z",
    "errors": [],
    "warnings": [],
    "properties": {
        "name": "Front Door",
        "online": True,
        "locked": True,
        "manufacturer": "august",
        "model": {"display_name": "Smart Lock Pro", "manufacturer_display_name": "August"},
        "battery": {"level": 0.82, "status": "good"},
        "battery_level": 0.82,
        "supported_code_lengths": [4, 5, 6, 7, 8],
        "max_active_codes_supported": 100,
        "code_constraints": [{"constraint_type": "no_all_same_digits"}],
        "supports_backup_access_code_pool": True,
    },
}
THERMOSTAT = {
    "device_id": "00000000-0000-4000-8000-0000000000d9",
    "device_type": "ecobee_thermostat",
    "display_name": "Hall",
    "capabilities_supported": ["thermostat"],
    "properties": {"online": True},
    "errors": [],
    "warnings": [],
}
CODE = {
    "access_code_id": CODE_ID,
    "device_id": LOCK_ID,
    "name": "K7F3Q2MX Ana Lopez",
    "code": "739146",
    "status": "set",
    "type": "time_bound",
    "starts_at": "2026-11-21T15:00:00.000Z",
    "ends_at": "2026-11-23T10:00:00.000Z",
    "is_managed": True,
    "errors": [],
    "warnings": [],
    "pending_mutations": [],
}
UNMANAGED = {
    "access_code_id": "00000000-0000-4000-8000-0000000000c2",
    "device_id": LOCK_ID,
    "name": None,
    "code": "4455",
    "status": "set",
    "type": "ongoing",
    "is_managed": False,
    "errors": [],
    "warnings": [],
}
USER = {"acs_user_id": "00000000-0000-4000-8000-0000000000b1", "full_name": "Jane Doe"}

_EVENT = {
    "workspace_id": WORKSPACE_ID,
    "connected_account_id": ACCOUNT_ID,
    "device_id": LOCK_ID,
    "created_at": "2026-11-21T15:20:04.000Z",
    "occurred_at": "2026-11-21T15:20:00.000Z",
}
_events = 0


def event(event_type, **more):
    global _events  # noqa: PLW0603  ids must differ
    _events += 1
    event_id = f"00000000-0000-4000-8000-{_events:012x}"
    return _EVENT | {"event_id": event_id, "event_type": event_type} | more


def attempt(status, *, error=None, result=None):
    return {
        "action_attempt_id": ATTEMPT_ID,
        "action_type": "UNLOCK_DOOR",
        "status": status,
        "result": result if result is not None else ({} if status == "success" else None),
        "error": error,
    }


def error(kind, message="No.", **more):
    return {"error": {"type": kind, "message": message, **more}, "ok": False}
