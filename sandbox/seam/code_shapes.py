"""An access code in Seam's shape: status, errors and warnings worked out from what is so."""

from typing import Any

from sandbox.seam import backups, codes
from sandbox.seam.problems import problem, warning
from sandbox.seam.things import SeamCode
from sandbox.world import World

WRONG = {
    "code_constraints_violated": "SIMULATED: the lock does not take these digits.",
    "duplicate_code_on_device": "SIMULATED: another code on the lock has these digits.",
    "no_space_for_access_code_on_device": "SIMULATED: the lock is full.",
    "failed_to_set_on_device": "SIMULATED: the code could not be set; still trying.",
    "failed_to_remove_from_device": "SIMULATED: the code could not be removed; still trying.",
}


# --- shapes -------------------------------------------------------------------------------


def shape(world: World, code: SeamCode) -> dict[str, Any]:
    account = world.seam_accounts[world.seam_devices[code.lock_id].account_id]
    word = codes.status(world, code)
    body = {
        "access_code_id": code.id,
        "device_id": code.lock_id,
        "workspace_id": account.workspace_id,
        "name": code.name,
        "code": code.digits,
        "type": "time_bound" if code.is_time_bound else "ongoing",
        "starts_at": codes.moment(code.starts_at),
        "ends_at": codes.moment(code.ends_at),
        "created_at": codes.moment(code.created_at),
        "is_managed": code.is_managed,
        "errors": _errors(world, code),
        "warnings": _warnings(world, code),
    }
    if not code.is_managed:
        return body | {"status": "set" if word == "set" else "unset"}
    pending = [
        {**each, "message": "SIMULATED", "created_at": codes.moment(code.asked_at)}
        for each in code.changes
    ]
    return body | {
        "status": word,
        "common_code_key": code.common_code_key,
        "is_backup": code.is_backup,
        "is_backup_access_code_available": code.wants_backup
        and bool(backups.spares(world, world.locks[code.lock_id])),
        "is_external_modification_allowed": code.is_external_modification_allowed,
        "is_offline_access_code": False,
        "is_one_time_use": False,
        "is_scheduled_on_device": word == "unset" and code.on_lock is not None,
        "is_waiting_for_code_assignment": False,
        "pending_mutations": pending,
        "pulled_backup_access_code_id": code.pulled_backup_id,
    }


def _errors(world: World, code: SeamCode) -> list[dict[str, Any]]:
    word = code.wrong
    if code.is_waiting and world.now() - code.asked_at >= codes.FAILED_AFTER:
        word = "failed_to_remove_from_device" if code.deleted_at else "failed_to_set_on_device"
    if not word:
        return []
    return [problem(world, word, WRONG[word], is_access_code_error=True)]


def _warnings(world: World, code: SeamCode) -> list[dict[str, Any]]:
    found = []
    if code.is_waiting:
        word = "removing_from" if code.deleted_at else "setting_on"
        found.append(warning(world, f"delay_in_{word}_device", "SIMULATED: the lock is offline."))
    if code.deleted_at:
        found.append(warning(world, "being_deleted", "The code is being deleted."))
    if code.pulled_backup_id:
        found.append(warning(world, "using_backup_access_code", "A backup code is in use."))
    return found
