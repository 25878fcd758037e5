"""The Connect API's rows, read into ours.

Shapes as measured in August 2026 by
https://github.com/ECCdigital/smart-city-booking-backend (docs/research). Each function raises
ValueError for a row without a usable id, or, for feed rows, without a time.
"""

from datetime import datetime
from typing import Any

from accounts.providers.base import (
    EntryHow,
    EntryKind,
    FeedEntry,
    Hub,
    LockSnapshot,
    LockState,
    RemoteUser,
    Site,
)
from accounts.providers.rows import Row, id_of
from accounts.providers.salto_ks import words
from accounts.providers.text import (
    clean_raw,
    clean_text,
    fingerprint,
    flag,
    is_id,
    moment,
    text_of,
    whole,
)


def read_site(row: Row) -> Site:
    installed = row.get("installation_state")
    return Site(
        remote_id=id_of(row, "id"),
        name=text_of(row, "customer_reference", "site_uid"),
        uid=clean_text(row.get("site_uid")),
        time_zone=clean_text(row.get("time_zone")),
        country_code=clean_text(row.get("country_code")),
        is_released=installed == words.RELEASED if isinstance(installed, str) else None,
        subscription_valid=flag(row.get("subscription_valid")),
        pin_enabled=flag(row.get("pin_enabled")),
        seats_used=whole(row.get("active_user_amount")),
        seats_total=whole(row.get("subscribed_user_amount")),
    )


def read_hub(row: Row) -> Hub:
    return Hub(
        remote_id=id_of(row, "id"),
        name=text_of(row, "customer_reference"),
        is_online=flag(row.get("online")),
        otp_enabled=flag(row.get("otp_enabled")),
        raw=clean_raw(row),
    )


def read_lock(row: Row, now: datetime) -> LockSnapshot:
    """Read a lock. One that cannot be reached has an unknown state: what the cloud says of it
    is what it last heard. It cannot be reached either while its IQ is offline.
    """
    unknown: dict[str, str] = {}
    hub = _object(row.get("iq"))
    linked = words.translate(words.LINK_STATES, row.get("iq_link_state"), "iq_link_state", unknown)
    is_online = False if hub.get("is_online") is False else flag(row.get("online"))
    word = row.get("locked_state")
    state = words.translate(words.LOCK_STATES, word, "locked_state", unknown)
    hears = bool(hub) and linked is not False
    model = clean_text(row.get("lock_type"))
    return LockSnapshot(
        remote_id=id_of(row, "id"),
        name=text_of(row, "customer_reference", "mac"),
        model=words.translate(words.LOCK_TYPES, model, "lock_type", unknown) or model,
        state=state if state and is_online is not False else LockState.UNKNOWN,
        is_online=is_online,
        battery_percent=words.battery_percent(row.get("battery_level"), unknown),
        observed_at=now,
        office_mode=None if is_online is False else words.OFFICE_MODES.get(clean_text(word)),
        privacy_mode=flag(row.get("privacy_mode")),
        left_open_alarm=flag(row.get("left_open_alarm")),
        intrusion_alarm=flag(row.get("intrusion_alarm")),
        has_keypad=model.endswith(words.KEYPAD_ENDING),
        can_unlock=hears,
        # `locked` only ends office mode (§3.2), which `office_mode` itself tells.
        can_lock=False,
        can_office_mode=hears,
        hub_remote_id=hub["id"] if is_id(hub.get("id")) else "",
        hub_name=text_of(hub, "customer_reference"),
        floor=clean_text(row.get("floor")),
        unknown_words=unknown,
        raw=clean_raw(row),
    )


def _object(value: Any) -> Row:
    return value if isinstance(value, dict) else {}


def read_user(row: Row) -> RemoteUser:
    """Read a site user. `remote_id` names the membership, `person_id` the person: entries and
    access groups know people by the latter.
    """
    person = _object(row.get("user"))
    return RemoteUser(
        remote_id=id_of(row, "id"),
        person_id=person["id"] if is_id(person.get("id")) else "",
        name=clean_text(row.get("alias")) or _full_name(person, ""),
        email=clean_text(person.get("email")),
        roles=tuple(_role_codes(row)),
        subscription_state=clean_text(row.get("subscription_state")),
        is_blocked=flag(row.get("blocked")),
        can_open_remotely=flag(row.get("remote_access")),
        raw=clean_raw(row),
    )


def _role_codes(row: Row) -> list[str]:
    roles = row.get("roles")
    listed = roles if isinstance(roles, list) else []
    codes = (clean_text(role.get("code")) for role in listed if isinstance(role, dict))
    return [code for code in codes if code]


def _full_name(row: Row, prefix: str) -> str:
    parts = (text_of(row, f"{prefix}first_name"), text_of(row, f"{prefix}last_name"))
    return " ".join(part for part in parts if part)


# --- feed -----------------------------------------------------------------------------------


def read_entry(row: Row) -> FeedEntry:
    """Read a line of `entries`."""
    category, detail = clean_text(row.get("event_category")), clean_text(row.get("event_detail"))
    kind = words.entry_kind(category, detail)
    refused = kind is EntryKind.REJECTED
    return _feed_entry(
        row,
        kind=kind,
        how=_how(category, row.get("access_by")),
        detail=words.why_rejected(row, detail) if refused else _detail(kind, category, detail),
    )


def read_incident(row: Row) -> FeedEntry:
    """Read a line of `incidents`: the same fields, but for the one that names its kind."""
    word = text_of(row, "incident_type", "event_category", "type")
    kind, detail = words.INCIDENTS.get(word, (EntryKind.UNKNOWN, word))
    return _feed_entry(row, kind=kind, how=EntryHow.UNKNOWN, detail=detail)


def _feed_entry(row: Row, *, kind: EntryKind, how: EntryHow, detail: str) -> FeedEntry:
    person = row.get("user_id")
    known = is_id(person) and person != words.NOBODY
    return FeedEntry(
        remote_id=id_of(row, "id") if row.get("id") is not None else fingerprint(row),
        occurred_at=moment(row.get("utc_date_time")),
        lock_id=row["lock_id"] if is_id(row.get("lock_id")) else "",
        lock_name=text_of(row, "lock_customer_reference"),
        kind=kind,
        how=how,
        person_id=str(person) if known else "",
        person_name=(clean_text(row.get("user_alias")) or _full_name(row, "user_"))
        if known
        else "",
        detail=detail,
        raw=clean_raw(row),
    )


def _how(category: str, access_by: object) -> EntryHow:
    # Easy office mode is the one that follows a schedule; nobody opens by it.
    if category == "easy_office_mode" and not access_by:
        return EntryHow.SCHEDULE
    return words.ENTRY_HOWS.get(clean_text(access_by), EntryHow.UNKNOWN)


def _detail(kind: EntryKind, category: str, detail: str) -> str:
    if kind is EntryKind.UNKNOWN:
        return " ".join(part for part in (category, detail) if part)
    return words.ENTRY_DETAILS.get(detail, detail)
