"""The older dialect's rows, read into ours.

Its only public description is
https://docs.harnessautomation.com/gem/admin/integrations/salto_ks (seen November 2026), which
names routes, statuses and a few fields (`lockId`, battery 0 to 100, online) but prints no
answer. So several spellings are read, and the Connect API's own are among them.
"""

from datetime import datetime

from accounts.providers.base import (
    EntryHow,
    EntryKind,
    FeedEntry,
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
)

UNLOCK_SECONDS_DEFAULT = 5
UNLOCK_SECONDS_MAX = 60


def unlock_seconds(seconds: int | None) -> int:
    """Return how long to release a door: 1 to 60 s, 5 where nobody says."""
    wanted = UNLOCK_SECONDS_DEFAULT if seconds is None else seconds
    return min(max(wanted, 1), UNLOCK_SECONDS_MAX)


def read_site(row: Row) -> Site:
    return Site(
        remote_id=id_of(row, "id", "site_id", "siteId"),
        name=text_of(row, "name", "customer_reference"),
        uid=text_of(row, "site_uid", "uid"),
        time_zone=text_of(row, "time_zone", "timezone", "timeZone"),
    )


def read_lock(row: Row, now: datetime) -> LockSnapshot:
    """Read a lock; every one may be told to lock, and answers 422 where it cannot."""
    unknown: dict[str, str] = {}
    is_online = flag(row.get("online"))
    word = row.get("locked_state", row.get("state"))
    model = text_of(row, "model", "lock_type", "type")
    state = words.translate(words.LEGACY_LOCK_STATES, word, "state", unknown)
    level = row.get("battery_level", row.get("battery", row.get("batteryLevel")))
    return LockSnapshot(
        remote_id=id_of(row, "id", "lockId", "lock_id"),
        name=text_of(row, "name", "customer_reference"),
        model=words.LOCK_TYPES.get(model, model),
        state=state if state and is_online is not False else LockState.UNKNOWN,
        is_online=is_online,
        battery_percent=words.battery_percent(level, unknown),
        observed_at=now,
        office_mode=None if is_online is False else words.OFFICE_MODES.get(clean_text(word)),
        has_keypad=model.endswith(words.KEYPAD_ENDING),
        can_unlock=True,
        can_lock=True,
        unknown_words=unknown,
        raw=clean_raw(row),
    )


def read_user(row: Row) -> RemoteUser:
    remote_id = id_of(row, "id", "userId", "user_id")
    return RemoteUser(
        remote_id=remote_id,
        person_id=remote_id,
        name=text_of(row, "name", "full_name", "alias"),
        email=text_of(row, "email"),
        raw=clean_raw(row),
    )


def read_event(row: Row) -> FeedEntry:
    """Read a line of `audit-trails` or `audit/log`. No list of its words is public: the
    Connect API's are looked for, and any other becomes the detail of an unknown kind.
    """
    person_id, person_name = _person(row)
    word, detail = text_of(row, "type", "action", "event_category"), text_of(row, "detail")
    kind = words.entry_kind(word, detail)
    return FeedEntry(
        remote_id=id_of(row, "id") if row.get("id") is not None else fingerprint(row),
        occurred_at=moment(row.get("timestamp") or row.get("utc_date_time")),
        lock_id=next((row[key] for key in ("lockId", "lock_id") if is_id(row.get(key))), ""),
        lock_name=text_of(row, "lockName", "lock_customer_reference"),
        kind=kind,
        how=words.ENTRY_HOWS.get(text_of(row, "accessBy", "access_by"), EntryHow.UNKNOWN),
        person_id=person_id,
        person_name=person_name,
        detail=word if kind is EntryKind.UNKNOWN else words.ENTRY_DETAILS.get(detail, detail),
        raw=clean_raw(row),
    )


def _person(row: Row) -> tuple[str, str]:
    """Return id and name: `user` is an object, or a name or e-mail address, or absent."""
    user = row.get("user")
    if not isinstance(user, dict):
        user = {"id": row.get("userId"), "name": user or row.get("userName")}
    person_id = user.get("id")
    name = text_of(user, "name") or clean_text(user.get("email"))
    return person_id if isinstance(person_id, str) and is_id(person_id) else "", name
