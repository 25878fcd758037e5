"""Seam's rows, read into ours. Each raises ValueError for a row without a usable id."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from accounts.providers.base import (
    EntryHow,
    EntryKind,
    FeedEntry,
    LockSnapshot,
    LockState,
    LockTrouble,
    RemoteUser,
    Site,
)
from accounts.providers.codes import ListedCode, ListedState, ref_of
from accounts.providers.rows import Row, id_of
from accounts.providers.seam import words
from accounts.providers.text import clean_raw, clean_text, flag, is_id, moment, text_of

#: What of a device is worth keeping: what code_rules reads, and what an admin would look for.
_KEPT = (
    "device_type",
    "connected_account_id",
    "capabilities_supported",
    "can_remotely_lock",
    "can_remotely_unlock",
    "can_program_online_access_codes",
    "can_program_offline_access_codes",
    "can_unlock_with_code",
    "location",
)
_KEPT_PROPERTIES = (
    "online",
    "locked",
    "door_open",
    "manufacturer",
    "serial_number",
    "model",
    "battery",
    "battery_level",
    "keypad_battery",
    "accessory_keypad",
    "supported_code_lengths",
    "code_constraints",
    "max_active_codes_supported",
    "supports_backup_access_code_pool",
    "backup_access_code_pool_enabled",
    "online_time_frame_options",
    "salto_ks_metadata",
)


def part(row: Mapping[str, Any], key: str) -> Row:
    """Return an object inside a row; an empty one where there is none."""
    value = row.get(key)
    return value if isinstance(value, dict) else {}


def problem_words(row: Mapping[str, Any], *lists: str) -> list[str]:
    """Return the codes of a row's errors and warnings."""
    found = []
    for name in lists or ("errors", "warnings"):
        listed = row.get(name)
        for each in listed if isinstance(listed, list) else ():
            if isinstance(each, dict):
                # One published document calls a warning's code `error_code` too.
                word = text_of(each, "error_code", "warning_code")
                found += [word] if word else []
    return found


# --- workspace and devices ----------------------------------------------------------------


def read_site(row: Row) -> Site:
    return Site(remote_id=id_of(row, "workspace_id"), name=text_of(row, "name", "company_name"))


def is_door(row: Row) -> bool:
    """Tell whether a device is a lock: thermostats, sensors, cameras and phones are not."""
    kind = clean_text(row.get("device_type"))
    if kind in words.NO_DOORS or "thermostat" in kind:
        return False
    capabilities = row.get("capabilities_supported")
    can = capabilities if isinstance(capabilities, list) else []
    flags = ("can_remotely_unlock", "can_program_online_access_codes", "can_unlock_with_code")
    return kind.endswith(("_lock", "_door")) or "lock" in can or any(row.get(f) for f in flags)


def read_lock(row: Row, now: datetime) -> LockSnapshot:
    device_id, properties = id_of(row, "device_id"), part(row, "properties")
    problems = problem_words(row)
    is_online = flag(properties.get("online"))
    if words.AWAY & set(problem_words(row, "errors")):
        is_online = False
    state, unknown = _state(properties, is_online)
    model = part(properties, "model")
    # What Seam cannot do now because the lock is away, it can do when it is back.
    can = row.get("capabilities_supported")
    is_lock = "lock" in can if isinstance(can, list) else False
    return LockSnapshot(
        remote_id=device_id,
        name=text_of(row, "nickname")
        or text_of(properties, "name")
        or text_of(row, "display_name"),
        model=text_of(model, "display_name") or clean_text(row.get("device_type")),
        state=state,
        is_online=is_online,
        battery_percent=_percent(properties),
        observed_at=now,
        office_mode=True if words.OFFICE_WARNINGS & set(problems) else None,
        privacy_mode=True if words.PRIVACY_WARNINGS & set(problems) else None,
        door_open=flag(properties.get("door_open")),
        troubles=tuple(_troubles(problems)),
        has_keypad=_has_keypad(row, properties, is_online=is_online),
        can_unlock=_can(row, "can_remotely_unlock", is_online=is_online, usually=is_lock),
        can_lock=_can(row, "can_remotely_lock", is_online=is_online, usually=is_lock),
        unknown_words=unknown,
        raw=_raw(row, properties, problems),
    )


def _troubles(problems: list[str]) -> Iterator[LockTrouble]:
    """Yield what is wrong and is not shown otherwise. Seam's own texts may quote digits."""
    shown = words.PLAINLY_AWAY | words.OFFICE_WARNINGS | words.PRIVACY_WARNINGS
    for word in dict.fromkeys(problems):
        if word not in shown:
            said = words.TROUBLES.get(word, f"Seam reports: {word.replace('_', ' ')}")
            text = f"{said[0].upper()}{said[1:]}."
            yield LockTrouble(code=word, text=text, hinders_opening=word in words.HINDRANCES)


def _state(properties: Row, is_online: bool | None) -> tuple[LockState, dict[str, str]]:  # noqa: FBT001
    told = properties.get("locked")
    if told is None or isinstance(told, bool):
        state = words.LOCK_STATES.get(told, LockState.UNKNOWN)
        return (LockState.UNKNOWN if is_online is False else state), {}
    return LockState.UNKNOWN, {"locked": clean_text(told) or type(told).__name__}


def _percent(properties: Row) -> int | None:
    level = part(properties, "battery").get("level", properties.get("battery_level"))
    if isinstance(level, int | float) and not isinstance(level, bool) and 0 <= level <= 1:
        return round(level * 100)
    return None


def _can(row: Row, name: str, *, is_online: bool | None, usually: bool) -> bool:
    told = flag(row.get(name))
    return usually if told is None or (is_online is False and not told) else told


def _has_keypad(row: Row, properties: Row, *, is_online: bool | None) -> bool:
    """Tell whether codes can be put on this lock. The flags are live: off while it is away.

    Seam has called Salto locks without a keypad able to take codes
    (https://github.com/seamapi/public-tracker/issues/136), so there Salto's own type counts.
    """
    if properties.get("salto_ks_metadata"):
        lock_type = text_of(part(properties, "salto_ks_metadata"), "lock_type", "model")
        if lock_type and not lock_type.endswith("_pin"):
            return False
    told = flag(row.get("can_program_online_access_codes"))
    if told is not None and (told or is_online is not False):
        return told
    capabilities = row.get("capabilities_supported")
    return isinstance(capabilities, list) and "access_code" in capabilities


def _raw(row: Row, properties: Row, problems: list[str]) -> Row:
    kept = {key: row[key] for key in _KEPT if key in row}
    kept |= {key: properties[key] for key in _KEPT_PROPERTIES if key in properties}
    raw: Row = clean_raw(kept | {"problems": problems})
    return raw


def read_user(row: Row) -> RemoteUser:
    user_id = id_of(row, "acs_user_id")
    return RemoteUser(
        remote_id=user_id,
        person_id=user_id,
        name=text_of(row, "full_name", "display_name"),
        email=text_of(row, "email_address"),
        is_blocked=flag(row.get("is_suspended")),
        raw=clean_raw({key: row[key] for key in ("external_type", "acs_system_id") if key in row}),
    )


# --- codes --------------------------------------------------------------------------------


def read_code(row: Row, *, is_managed: bool) -> ListedCode:
    """Read a code with what `next_step` needs to know of it. In the feed it is its own person."""
    code_id, name = id_of(row, "access_code_id"), clean_text(row.get("name"))
    state = code_state(row)
    starts_at, ends_at = time_of(row, "starts_at"), time_of(row, "ends_at")
    troubles, warned = problem_words(row, "errors"), problem_words(row)
    final = next((word for word in troubles if word in words.FINAL_ERRORS), "")
    seen = {
        "id": code_id,
        "name": name,
        "starts_at": starts_at.isoformat() if starts_at else None,
        "ends_at": ends_at.isoformat() if ends_at else None,
        "is_removing": state is ListedState.REMOVING,
        "is_managed": is_managed,
        "are_times_theirs": bool(words.TIMES_ADJUSTED & set(warned)),
    }
    return ListedCode(
        remote_id=code_id,
        name=name,
        ref=ref_of(name),
        person_id=code_id,
        lock_ids=(id_of(row, "device_id"),),
        state=ListedState.FAILED if final and state is not ListedState.REMOVING else state,
        starts_at=starts_at,
        ends_at=ends_at,
        is_suspended=bool(words.SUSPENDING & set(warned)),
        digits=digits_of(row),
        error_code=str(words.FINAL_ERRORS[final]) if final else (troubles or [""])[0],
        error=next(_sentences([final, *troubles] if final else troubles), ""),
        seen=seen,
    )


def _sentences(troubles: list[str]) -> Iterator[str]:
    """Yield what errors mean. Seam's own texts may quote digits, so none is shown."""
    for word in troubles:
        yield words.CODE_TROUBLES.get(word, f"Seam reports trouble with it ({word}).")


def code_state(row: Row) -> ListedState:
    """Read how far a code is. One that waits on its lock for its hour is there, though `unset`."""
    state = words.CODE_STATES.get(clean_text(row.get("status")), ListedState.UNKNOWN)
    mutations = row.get("pending_mutations")
    pending = {
        clean_text(each.get("mutation_code"))
        for each in (mutations if isinstance(mutations, list) else [])
        if isinstance(each, dict)
    }
    if "deleting" in pending:
        return ListedState.REMOVING
    is_loaded = row.get("is_scheduled_on_device") is True and not pending & words.ON_ITS_WAY
    if row.get("status") == "unset" and is_loaded:
        return ListedState.SET
    return state


def digits_of(row: Row) -> str:
    code = row.get("code")
    return code if isinstance(code, str) and code.isascii() and code.isdigit() else ""


def time_of(row: Row, key: str) -> datetime | None:
    try:
        return moment(row.get(key))
    except ValueError:
        return None


def stamp(at: datetime) -> str:
    """Return a time as Seam writes it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# --- events -------------------------------------------------------------------------------


def is_of_door(row: Row) -> bool:
    """Tell whether an event belongs in a door's log. What nobody has documented does."""
    return not clean_text(row.get("event_type")).startswith(words.NOT_OF_DOORS)


def read_event(row: Row) -> FeedEntry:
    """Read a line of the feed. Raises ValueError for one without id or time."""
    word = clean_text(row.get("event_type"))
    kind = words.KINDS.get(word, EntryKind.UNKNOWN)
    how, said = _how(row, word)
    return FeedEntry(
        remote_id=id_of(row, "event_id"),
        occurred_at=moment(row.get("occurred_at", row.get("created_at"))),
        lock_id=str(row["device_id"]) if is_id(row.get("device_id")) else "",
        lock_name=text_of(row, "device_name"),
        kind=kind,
        how=how,
        person_id=_person_id(row, how),
        detail=said or words.DETAILS.get(word, word if kind is EntryKind.UNKNOWN else ""),
        raw=clean_raw(without_digits(row)),
    )


def _how(row: Row, word: str) -> tuple[EntryHow, str]:
    """Return by what a door was opened, locked or kept closed, and what else to say of it."""
    if word == "lock.access_denied":
        reason = clean_text(part(row, "reason").get("reason_code"))
        return words.DENIALS.get(reason, (EntryHow.UNKNOWN, reason))
    if flag(row.get("is_via_bluetooth")) or flag(row.get("is_via_nfc")):
        return EntryHow.MOBILE_KEY, ""
    method = clean_text(row.get("method"))
    how = words.HOWS.get(method, EntryHow.UNKNOWN)
    unknown = method if method not in words.HOWS else ""
    return how, words.METHODS.get(method, unknown)


def _person_id(row: Row, how: EntryHow) -> str:
    """Return whose doing it was: a code, an ACS user; the workspace, where its API was used."""
    if how is EntryHow.REMOTE:
        return _id(row, "workspace_id") if row.get("action_attempt_id") else ""
    if how is EntryHow.CODE:
        return _id(row, "access_code_id")
    return _id(row, "acs_user_id") or _id(row, "user_identity_id")


def _id(row: Row, key: str) -> str:
    value = row.get(key)
    return value if isinstance(value, str) and is_id(value) else ""


def without_digits(value: Any) -> Any:
    """Return a row without the digits of codes: events quote them, and logs must not."""
    if isinstance(value, dict):
        return {
            key: without_digits(each)
            for key, each in value.items()
            if key not in {"code", "from", "to", "changed_properties"}
        }
    if isinstance(value, list):
        return [without_digits(each) for each in value]
    return value
