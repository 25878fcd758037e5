"""The calls about access codes, managed and unmanaged, in Seam's shapes."""

from datetime import datetime
from typing import Any

from sandbox.seam import attempts, backups, codes, events
from sandbox.seam.code_shapes import shape
from sandbox.seam.http import Ask, call, invalid, not_found, refusal
from sandbox.seam.things import SeamCode
from sandbox.things import Lock
from sandbox.world import World, new_id


def _legacy(ask: Ask, action_type: str, **result: Any) -> dict[str, Any]:
    """Return the action attempt that these calls still carry; nobody needs to poll it."""
    attempt = attempts.make(ask, action_type)
    attempts.succeed(ask.world, attempt, result)
    return attempts.shape(attempt)


# --- finding ------------------------------------------------------------------------------


def _all(ask: Ask, *, is_managed: bool) -> list[SeamCode]:
    """Return codes of the key's devices; spares of a pool show only once they are pulled."""
    devices = {device.id for device in ask.devices()}
    return [
        code
        for code in ask.world.seam_codes.where(is_managed=is_managed)
        if code.lock_id in devices and (not code.is_backup or code.backs_up)
    ]


def _one(ask: Ask, *, is_managed: bool = True) -> SeamCode:
    """Return the code named by `access_code_id`, or by `device_id` and `code`."""
    if not ask.get("access_code_id") and not (ask.get("device_id") and ask.get("code")):
        raise invalid("Must provide access_code_id, or device_id and code")
    for code in _all(ask, is_managed=is_managed):
        if ask.get("access_code_id", code.id) != code.id:
            continue
        if ask.get("access_code_id") or (
            (code.lock_id, code.digits) == (ask.get("device_id"), ask.get("code"))
        ):
            return code
    raise not_found("access_code")


def list_codes(ask: Ask) -> dict[str, Any]:
    names = ("device_id", "access_code_ids", "customer_key", "search", "user_identifier_key")
    ask.needs_one_of(*names, "access_method_id", "access_grant_id", "access_grant_key")
    rows = [code for code in _all(ask, is_managed=True) if _is_wanted(ask, code)]
    return ask.page("access_codes", rows, lambda code: shape(ask.world, code), 55_000)


def _is_wanted(ask: Ask, code: SeamCode) -> bool:
    foreign = ("customer_key", "user_identifier_key", "access_method_id", "access_grant_id")
    return (
        ask.get("device_id", code.lock_id) == code.lock_id
        and code.id in ask.get("access_code_ids", [code.id])
        and str(ask.get("search", "")).lower() in f"{code.name} {code.digits}".lower()
        and not any(ask.get(name) for name in foreign)
    )


def list_unmanaged(ask: Ask) -> dict[str, Any]:
    ask.device()
    rows = [code for code in _all(ask, is_managed=False) if _is_wanted(ask, code)]
    return ask.page("access_codes", rows, lambda code: shape(ask.world, code), 300_000)


def get_code(ask: Ask) -> dict[str, Any]:
    return {"access_code": shape(ask.world, _one(ask))}


def get_unmanaged(ask: Ask) -> dict[str, Any]:
    return {"access_code": shape(ask.world, _one(ask, is_managed=False))}


# --- making -------------------------------------------------------------------------------


def create(ask: Ask) -> dict[str, Any]:
    code = _make(ask, ask.lock(), ask.get("code"), ask.get("common_code_key"))
    body = shape(ask.world, code)
    attempt = _legacy(ask, "CREATE_ACCESS_CODE", access_code={"access_code_id": code.id})
    return {"access_code": body, "action_attempt": attempt}


def create_multiple(ask: Ask) -> dict[str, Any]:
    """Make one code on several devices. `common_code_key` is null if the caller chose digits."""
    locks = []
    for device_id in ask.get("device_ids"):
        ask.given["device_id"] = device_id
        locks.append(ask.lock())
    del ask.given["device_id"]
    if not locks:
        raise invalid("device_ids is empty", device_ids="Must not be empty")
    digits = ask.get("code") or codes.generate(ask.world, locks[0], _length(ask))
    key = None if ask.get("code") else new_id()
    made = [_make(ask, lock, digits, key) for lock in locks]
    return {"access_codes": [shape(ask.world, code) for code in made]}


def _length(ask: Ask) -> int | None:
    return int(ask.get("preferred_code_length") or 0) or None


def _make(ask: Ask, lock: Lock, digits: str | None, key: str | None) -> SeamCode:
    starts_at, ends_at = _frame(ask.get("starts_at"), ask.get("ends_at"))
    if not lock.has_keypad:
        raise invalid("The device does not support access codes.")
    digits = digits or codes.generate(ask.world, lock, _length(ask))
    _raise_if_taken(ask.world, lock, digits, starts_at, ends_at)
    wants_backup = bool(ask.get("use_backup_access_code_pool"))
    if wants_backup and (ends_at is None or not ask.world.seam_devices[lock.id].has_backup_pool):
        raise invalid("Backup access codes need a time-bound code and a device with a pool.")
    code = codes.make(
        ask.world,
        lock,
        name=ask.get("name"),
        digits=digits,
        starts_at=starts_at,
        ends_at=ends_at,
        common_code_key=key,
        is_native=ask.get("prefer_native_scheduling", True) and ends_at is not None,
        is_external_modification_allowed=_may_change(ask),
        wants_backup=wants_backup,
    )
    if wants_backup:
        backups.refill(ask.world, lock)
    return code


def _may_change(ask: Ask) -> bool:
    names = ("allow_external_modification", "is_external_modification_allowed")
    return any(ask.get(name) for name in names)


def _frame(
    starts_at: datetime | None, ends_at: datetime | None
) -> tuple[datetime | None, datetime | None]:
    """Return the times. A time-bound code needs both, in order."""
    if (starts_at is None) != (ends_at is None):
        raise invalid("A time bound access code needs both starts_at and ends_at")
    if starts_at and ends_at and ends_at <= starts_at:
        raise invalid("ends_at must be after starts_at", ends_at="Must be after starts_at")
    return starts_at, ends_at


def _raise_if_taken(
    world: World,
    lock: Lock,
    digits: str,
    starts_at: datetime | None,
    ends_at: datetime | None,
    *,
    but: str = "",
) -> None:
    """Refuse digits that another code of the device has at an overlapping time: 409."""
    for other in world.seam_codes.where(lock_id=lock.id, digits=digits, deleted_at=None):
        is_before = ends_at and other.starts_at and ends_at <= other.starts_at
        is_after = starts_at and other.ends_at and starts_at >= other.ends_at
        if other.id != but and not is_before and not is_after:
            raise refusal(409, "duplicate_access_code", "The device has this access code.")


def generate(ask: Ask) -> dict[str, Any]:
    lock = ask.lock()
    if not lock.has_keypad:
        raise invalid("The device does not support access codes.")
    # The schema calls what comes back an access code. It is one that was not made.
    return {"generated_code": shape(ask.world, codes.idea(ask.world, lock))}


# --- changing -----------------------------------------------------------------------------


def update(ask: Ask) -> dict[str, Any]:
    """Change what was sent. `ends_at` alone will do for a time-bound code."""
    code = _one(ask)
    if ask.get("is_managed") is False:
        code.is_managed = False
        ask.world.seam_codes.put(code)
    else:
        _change(ask, code)
    return {"action_attempt": _legacy(ask, "UPDATE_ACCESS_CODE")}


def _change(ask: Ask, code: SeamCode) -> None:
    lock = ask.world.locks[code.lock_id]
    frame = (ask.get("starts_at", code.starts_at), ask.get("ends_at", code.ends_at))
    starts_at, ends_at = (None, None) if ask.get("type") == "ongoing" else _frame(*frame)
    if ask.get("type") == "time_bound" and ends_at is None:
        raise invalid("A time bound access code needs both starts_at and ends_at")
    digits = ask.get("code", code.digits)
    _raise_if_taken(ask.world, lock, digits, starts_at, ends_at, but=code.id)
    is_native = ends_at is not None and (code.is_native or not code.is_time_bound)
    codes.change(
        ask.world,
        code,
        digits=digits,
        name=ask.get("name", code.name),
        starts_at=starts_at,
        ends_at=ends_at,
        is_native=is_native and ask.world.seam_devices[lock.id].has_native_scheduling,
    )


def update_multiple(ask: Ask) -> dict[str, Any]:
    key = ask.get("common_code_key")
    found = [code for code in _all(ask, is_managed=True) if code.common_code_key == key]
    if not found:
        raise not_found("access_code")
    for code in found:
        _change(ask, code)
    return {}


def delete(ask: Ask) -> dict[str, Any]:
    codes.delete(ask.world, _one(ask))
    return {"action_attempt": _legacy(ask, "DELETE_ACCESS_CODE")}


def delete_unmanaged(ask: Ask) -> dict[str, Any]:
    codes.delete(ask.world, _one(ask, is_managed=False))
    return {"action_attempt": _legacy(ask, "DELETE_ACCESS_CODE")}


def convert(ask: Ask) -> dict[str, Any]:
    code = _one(ask, is_managed=False)
    code.is_managed, code.was_set = True, True
    code.is_external_modification_allowed = _may_change(ask)
    ask.world.seam_codes.put(code)
    events.emit_for_device(
        ask.world,
        code.lock_id,
        "access_code.unmanaged.converted_to_managed",
        access_code_id=code.id,
    )
    return {}


def pull_backup(ask: Ask) -> dict[str, Any]:
    code = _one(ask)
    if not code.is_time_bound:
        raise invalid("Backup access codes are for time-bound access codes only.")
    spare = backups.pull(ask.world, code) if code.wants_backup else None
    if spare is None:
        raise invalid("There is no backup access code for this access code.")
    body = shape(ask.world, spare)
    return {"access_code": body, "backup_access_code": body}


def simulate_unmanaged(ask: Ask) -> dict[str, Any]:
    """Let somebody type a code into the lock, past Seam."""
    lock = ask.lock()
    _raise_if_taken(ask.world, lock, ask.get("code"), None, None)
    code = codes.make(
        ask.world, lock, name=ask.get("name"), digits=ask.get("code"), is_managed=False
    )
    events.emit_for_device(
        ask.world, lock.id, "access_code.unmanaged.created", access_code_id=code.id
    )
    return {"access_code": shape(ask.world, code)}


# --- routes -------------------------------------------------------------------------------

MAKING = (
    "code:digits name:text starts_at?:time ends_at?:time allow_external_modification:bool"
    " is_external_modification_allowed:bool prefer_native_scheduling:bool"
    " preferred_code_length:number use_backup_access_code_pool:bool"
    " attempt_for_offline_device:bool"
)
NAMED = "access_code_id:uuid device_id:uuid code:text"
ID = "access_code_id*:uuid"
ADOPTING = f"{ID} force:bool allow_external_modification:bool is_external_modification_allowed:bool"
FILTERS = (
    "device_id:uuid access_code_ids:uuids access_grant_id:uuid access_grant_key:text"
    " access_method_id:uuid customer_key:text search:text user_identifier_key:text"
    " limit:number page_cursor?:text"
)
CHANGING = (
    f"{ID} device_id:uuid code:digits name:text starts_at:time ends_at:time is_managed:bool"
    " type:ongoing|time_bound"
)
UNMANAGED = "/access_codes/unmanaged"

ROUTES = [
    call("/access_codes/create", "", f"device_id*:uuid common_code_key:text {MAKING}", create),
    call("/access_codes/create_multiple", "PUT", f"device_ids*:uuids {MAKING}", create_multiple),
    call("/access_codes/generate_code", "GET", "device_id*:uuid", generate),
    call("/access_codes/get", "GET", NAMED, get_code),
    call("/access_codes/list", "GET", FILTERS, list_codes),
    call("/access_codes/update", "PATCH PUT", CHANGING, update),
    call(
        "/access_codes/update_multiple",
        "PATCH",
        "common_code_key*:text name:text starts_at:time ends_at:time",
        update_multiple,
    ),
    call("/access_codes/delete", "DELETE", f"{ID} device_id:uuid", delete),
    call("/access_codes/pull_backup_access_code", "", ID, pull_backup),
    call(
        "/access_codes/simulate/create_unmanaged_access_code",
        "",
        "device_id*:uuid name*:text code*:digits",
        simulate_unmanaged,
    ),
    call(f"{UNMANAGED}/get", "GET", NAMED, get_unmanaged),
    call(
        f"{UNMANAGED}/list",
        "GET",
        "device_id*:uuid search:text user_identifier_key:text limit:number page_cursor?:text",
        list_unmanaged,
    ),
    call(f"{UNMANAGED}/delete", "DELETE", ID, delete_unmanaged),
    call(f"{UNMANAGED}/convert_to_managed", "PATCH", ADOPTING, convert),
    call(f"{UNMANAGED}/update", "PATCH", f"{ADOPTING} is_managed*:bool", convert),
]
