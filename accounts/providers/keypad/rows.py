"""Keypad Cloud's rows, read into ours. Each raises ValueError for a row without a usable id."""

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
from accounts.providers.codes import ListedCode, ListedState, ref_of
from accounts.providers.rows import Row, id_of
from accounts.providers.text import clean_raw, clean_text, flag, is_id, moment, text_of, whole

LOCK_STATES = {"locked": LockState.LOCKED, "unlocked": LockState.UNLOCKED}
KINDS = {
    "opened": EntryKind.OPENED,
    "denied": EntryKind.REJECTED,
    "office_mode": EntryKind.OFFICE_MODE_STARTED,
    "privacy_on": EntryKind.PRIVACY_STARTED,
    "privacy_off": EntryKind.PRIVACY_ENDED,
}
HOWS = {
    "code": EntryHow.CODE,
    "app": EntryHow.REMOTE,
    "inside": EntryHow.INSIDE,
    "card": EntryHow.CARD,
}
CODE_STATES = {
    "setting": ListedState.PENDING,
    "set": ListedState.SET,
    "removing": ListedState.REMOVING,
}


def read_site(row: Row) -> Site:
    return Site(
        remote_id=id_of(row, "id"),
        name=text_of(row, "name"),
        time_zone=clean_text(row.get("time_zone")),
    )


def read_lock(row: Row, now: datetime) -> LockSnapshot:
    word, is_online = clean_text(row.get("state")), flag(row.get("online"))
    state = LOCK_STATES.get(word, LockState.UNKNOWN)
    percent = whole(row.get("battery_percent"))
    return LockSnapshot(
        remote_id=id_of(row, "id"),
        name=text_of(row, "name"),
        model="Keypad lock" if row.get("code_lengths") else "Lock",
        state=LockState.UNKNOWN if is_online is False else state,
        is_online=is_online,
        battery_percent=percent if percent is not None and percent <= 100 else None,
        observed_at=now,
        privacy_mode=flag(row.get("privacy")),
        has_keypad=bool(row.get("code_lengths")),
        can_lock=True,
        unknown_words={"state": word} if word and word not in LOCK_STATES else {},
        raw=clean_raw(row),
    )


def read_person(row: Row) -> RemoteUser:
    return RemoteUser(
        remote_id=id_of(row, "id"),
        person_id=id_of(row, "id"),
        name=text_of(row, "name"),
        email=clean_text(row.get("email")),
        raw=clean_raw(row),
    )


def read_code(row: Row) -> ListedCode:
    """Read a code. In the feed it is its own person."""
    code_id, name = id_of(row, "id"), clean_text(row.get("name"))
    return ListedCode(
        remote_id=code_id,
        name=name,
        ref=ref_of(name),
        person_id=code_id,
        lock_ids=(id_of(row, "lock_id"),),
        state=CODE_STATES.get(clean_text(row.get("state")), ListedState.UNKNOWN),
        digits=clean_text(row.get("code")),
    )


def read_event(row: Row) -> FeedEntry:
    """Read a line of the feed. Raises ValueError for one without id or time."""
    word, code_id = clean_text(row.get("type")), row.get("code_id")
    kind = KINDS.get(word, EntryKind.UNKNOWN)
    return FeedEntry(
        remote_id=id_of(row, "id"),
        occurred_at=moment(row.get("at")),
        lock_id=str(row["lock_id"]) if is_id(row.get("lock_id")) else "",
        lock_name=text_of(row, "lock_name"),
        kind=kind,
        how=HOWS.get(clean_text(row.get("by")), EntryHow.UNKNOWN),
        person_id=str(code_id) if is_id(code_id) else "",
        person_name=text_of(row, "code_name"),
        detail=word if kind is EntryKind.UNKNOWN else "",
        raw=clean_raw(row),
    )
