"""Workspace, connected accounts and devices, in Seam's shapes."""

from collections.abc import Callable
from typing import Any

from sandbox import doors
from sandbox.clock import format_utc
from sandbox.ks_system import seats
from sandbox.seam.http import Ask, call, not_found
from sandbox.seam.problems import problem, warning
from sandbox.seam.things import SeamAccount, SeamDevice, Workspace
from sandbox.things import Lock
from sandbox.world import World

#: What the lock reports → `properties.locked`; a word of the control API's goes out as it is.
LOCKED = {"locked": True, "unlocked": False, "office_mode": False}
#: Percent below which a battery is critical, low, good; at or above the last it is full.
BATTERY = ((10, "critical"), (25, "low"), (90, "good"), (101, "full"))


# --- workspace and accounts ---------------------------------------------------------------


def get_workspace(ask: Ask) -> dict[str, Any]:
    """Return the key's workspace. The cut schema has no `workspace`; the names are Seam's SDK's."""
    workspace: Workspace = ask.world.workspaces[ask.workspace_id]
    shape = {
        "workspace_id": workspace.id,
        "name": workspace.name,
        "company_name": "SIMULATED",
        "connect_partner_name": "SIMULATED",
        "connect_webview_customization": {},
        "is_sandbox": True,
        "is_suspended": False,
        "is_publishable_key_auth_enabled": False,
    }
    return {"workspace": shape}


def account_shape(world: World, account: SeamAccount) -> dict[str, Any]:
    has_systems = account.account_type in {"salto_space", "salto_ks"}
    return {
        "connected_account_id": account.id,
        "account_type": account.account_type,
        "account_type_display_name": account.type_name,
        "display_name": account.display_name,
        "accepted_capabilities": ["access_control"] if has_systems else ["lock"],
        "automatically_manage_new_devices": True,
        "custom_metadata": account.custom_metadata,
        "created_at": format_utc(account.created_at),
        "errors": account_errors(world, account),
        "warnings": [
            each
            for system in world.space_systems.where(account_id=account.id)
            for each in seats.warnings(world, system)
        ],
    }


def account_errors(world: World, account: SeamAccount) -> list[dict[str, Any]]:
    errors = []
    if not account.is_connected:
        flags = {"is_connected_account_error": True, "is_bridge_error": False}
        text = "SIMULATED: the account is disconnected."
        errors.append(problem(world, "account_disconnected", text, **flags))
    for system in world.space_systems.where(account_id=account.id):
        if not system.is_bridge_up:
            flags = {"is_connected_account_error": True, "is_bridge_error": True}
            text = f"Seam Bridge of {system.name} is not connected."
            errors.append(problem(world, "bridge_disconnected", text, **flags))
        flags = {"is_connected_account_error": True}
        errors += [each | flags for each in seats.errors(world, system)]
    return errors


def get_account(ask: Ask) -> dict[str, Any]:
    found = [a for a in ask.accounts() if a.id == ask.get("connected_account_id")]
    if not found:
        raise not_found("connected_account")
    return {"connected_account": account_shape(ask.world, found[0])}


def list_accounts(ask: Ask) -> dict[str, Any]:
    found = [a for a in ask.accounts() if _is_found(ask, a.display_name, a.id)]
    return ask.page("connected_accounts", found, lambda a: account_shape(ask.world, a), 11_000)


def _is_found(ask: Ask, *texts: str | None) -> bool:
    """Tell whether `search`, if sent, is in one of the texts."""
    wanted = str(ask.get("search") or "").lower()
    return any(wanted in (text or "").lower() for text in texts)


def disconnect_account(ask: Ask) -> dict[str, Any]:
    found = [a for a in ask.accounts() if a.id == ask.get("connected_account_id")]
    if not found:
        raise not_found("connected_account")
    found[0].is_connected = False
    ask.world.seam_accounts.put(found[0])
    return {}


# --- devices ------------------------------------------------------------------------------


def device_shape(world: World, device: SeamDevice) -> dict[str, Any]:
    lock = world.locks[device.id]
    is_live = lock.online and world.seam_accounts[device.account_id].is_connected
    account = world.seam_accounts[device.account_id]
    name = device.name or lock.customer_reference
    shape = {
        "device_id": device.id,
        "device_type": device.device_type,
        "display_name": name,
        "nickname": device.name,
        "workspace_id": account.workspace_id,
        "connected_account_id": account.id,
        "capabilities_supported": ["lock", "battery"]
        + (["access_code"] if lock.has_keypad else []),
        "created_at": format_utc(device.created_at),
        "custom_metadata": device.custom_metadata,
        "is_managed": device.is_managed,
        "space_ids": [],
        "location": {"time_zone": world.sites[lock.site_id].time_zone},
        "device_manufacturer": {
            "manufacturer": device.manufacturer,
            "display_name": device.manufacturer_name,
        },
        "can_remotely_unlock": is_live,
        "can_remotely_lock": is_live and lock.supports_lock,
        "can_program_online_access_codes": is_live and lock.has_keypad,
        "can_program_offline_access_codes": False,
        "can_unlock_with_code": lock.has_keypad,
        "can_simulate_connection": not lock.reachable,
        "can_simulate_disconnection": lock.reachable,
        "errors": _errors(world, lock, account),
        "warnings": _warnings(world, lock),
        "properties": _properties(lock, device, is_live=is_live),
    }
    return {k: v for k, v in shape.items() if v is not None}


def _properties(lock: Lock, device: SeamDevice, *, is_live: bool) -> dict[str, Any]:
    """Return the lock's properties. What an offline lock does not say is left out."""
    shape = {
        "name": device.name or lock.customer_reference,
        "appearance": {"name": lock.customer_reference},
        "manufacturer": device.manufacturer,
        "model": {
            "display_name": device.model,
            "manufacturer_display_name": device.manufacturer_name,
            "has_built_in_keypad": lock.has_keypad,
        },
        "online": is_live,
        "has_native_entry_events": True,
        "serial_number": f"SIM-{lock.mac}",
    }
    if is_live:
        level = lock.battery_percent / 100
        word = next(word for limit, word in BATTERY if lock.battery_percent < limit)
        shape |= {
            "locked": LOCKED.get(lock.locked_state, lock.locked_state),
            "battery_level": level,
            "battery": {"level": level, "status": word},
        }
    if lock.has_keypad:
        shape |= {
            "supported_code_lengths": lock.code_lengths,
            "max_active_codes_supported": lock.code_slots,
            "code_constraints": [{"constraint_type": word} for word in lock.code_constraints],
            "supports_backup_access_code_pool": device.has_backup_pool,
            "backup_access_code_pool_enabled": device.is_backup_pool_on,
        }
    return shape


def _errors(world: World, lock: Lock, account: SeamAccount) -> list[dict[str, Any]]:
    if not account.is_connected:
        flags = {"is_connected_account_error": True, "is_device_error": False}
        return [problem(world, "account_disconnected", "The account is disconnected.", **flags)]
    if not lock.online:
        flags = {"is_device_error": True}
        return [problem(world, "device_disconnected", "The device is disconnected.", **flags)]
    return []


def _warnings(world: World, lock: Lock) -> list[dict[str, Any]]:
    if lock.privacy_mode:
        return [warning(world, "privacy_mode", "Somebody inside wants privacy.")]
    return []


def _wanted(ask: Ask, *, is_managed: bool) -> list[SeamDevice]:
    tests: dict[str, Callable[[SeamDevice, Any], bool]] = {
        "device_ids": lambda device, value: device.id in value,
        "connected_account_id": lambda device, value: device.account_id == value,
        "connected_account_ids": lambda device, value: device.account_id in value,
        "device_type": lambda device, value: device.device_type == value,
        "device_types": lambda device, value: device.device_type in value,
        "manufacturer": lambda device, value: device.manufacturer == value,
        "created_before": lambda device, value: device.created_at < value,
    }
    return [
        device
        for device in ask.devices(is_managed=is_managed)
        if all(test(device, ask.get(k)) for k, test in tests.items() if ask.get(k) is not None)
        and _is_found(ask, device.name, ask.world.locks[device.id].customer_reference, device.id)
    ]


def list_devices(ask: Ask) -> dict[str, Any]:
    rows = _wanted(ask, is_managed=True)
    return ask.page("devices", rows, lambda d: device_shape(ask.world, d), 500)


def list_unmanaged(ask: Ask) -> dict[str, Any]:
    """Return the smaller shape of what Seam sees and does not manage."""
    rows = _wanted(ask, is_managed=False)
    return ask.page("devices", rows, lambda d: _small_shape(ask.world, d), 22_900)


def _small_shape(world: World, device: SeamDevice) -> dict[str, Any]:
    shape = device_shape(world, device)
    names = {"name", "online", "manufacturer", "model", "battery", "battery_level"}
    shape["properties"] = {k: v for k, v in shape["properties"].items() if k in names}
    return shape


def list_locks(ask: Ask) -> dict[str, Any]:
    rows = [device_shape(ask.world, device) for device in _wanted(ask, is_managed=True)]
    return {"locks": rows, "devices": rows}


def get_device(ask: Ask) -> dict[str, Any]:
    return {"device": device_shape(ask.world, _named(ask))}


def get_lock(ask: Ask) -> dict[str, Any]:
    body = device_shape(ask.world, _named(ask))
    return {"lock": body, "device": body}


def _named(ask: Ask) -> SeamDevice:
    ask.needs_one_of("device_id", "name")
    if ask.get("device_id"):
        return ask.device()
    found = [
        d for d in ask.devices() if ask.world.locks[d.id].customer_reference == ask.get("name")
    ]
    if not found:
        raise not_found("device")
    return found[0]


def get_unmanaged(ask: Ask) -> dict[str, Any]:
    return {"device": _small_shape(ask.world, ask.device(is_managed=False))}


def update_device(ask: Ask) -> dict[str, Any]:
    """Change name, metadata or management. An unmanaged device's codes are unmanaged too."""
    device = ask.device(is_managed=None)
    if "name" in ask.given:
        device.name = ask.get("name")
    device.custom_metadata |= ask.get("custom_metadata") or {}
    if ask.get("is_managed") is not None:
        device.is_managed = ask.get("is_managed")
        for code in ask.world.seam_codes.where(lock_id=device.id):
            code.is_managed = device.is_managed and code.is_managed
            ask.world.seam_codes.put(code)
    ask.world.seam_devices.put(device)
    return {}


def connect(ask: Ask) -> dict[str, Any]:
    doors.set_lock_reachable(ask.world, ask.lock(), reachable=True)
    return {}


def disconnect(ask: Ask) -> dict[str, Any]:
    doors.set_lock_reachable(ask.world, ask.lock(), reachable=False)
    return {}


WANTED = (
    "connected_account_id:uuid connected_account_ids:uuids device_ids:uuids device_type:text"
    " device_types:texts manufacturer:text created_before:time search:text customer_key:text"
    " limit:number page_cursor?:text"
)
CHANGES = "device_id*:uuid name?:text custom_metadata:object is_managed:bool"

ROUTES = [
    call("/workspaces/get", "GET", "", get_workspace),
    call("/connected_accounts/get", "GET", "connected_account_id*:uuid", get_account),
    call(
        "/connected_accounts/list",
        "GET",
        "search:text limit:number page_cursor?:text customer_key:text",
        list_accounts,
    ),
    call(
        "/connected_accounts/simulate/disconnect",
        "",
        "connected_account_id*:uuid",
        disconnect_account,
    ),
    call("/devices/get", "GET", "device_id:uuid name:text", get_device),
    call("/devices/list", "GET", WANTED, list_devices),
    call("/devices/update", "PATCH", CHANGES, update_device),
    call("/devices/unmanaged/get", "GET", "device_id*:uuid", get_unmanaged),
    call("/devices/unmanaged/list", "GET", WANTED, list_unmanaged),
    call("/devices/unmanaged/update", "PATCH", CHANGES, update_device),
    call("/devices/simulate/connect", "", "device_id*:uuid", connect),
    call("/devices/simulate/disconnect", "", "device_id*:uuid", disconnect),
    call("/locks/get", "GET", "device_id:uuid name:text", get_lock),
    call("/locks/list", "GET", WANTED, list_locks),
]
