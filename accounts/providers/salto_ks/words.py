"""Salto's words and ours.

Each table holds every value somebody has documented or measured, and nothing else. What is
not in a table becomes `unknown` (or None) and its word is kept. "Incomplete" says that Salto
has more values than anybody outside has seen, so unknown ones are to be expected.

Sources, seen in November 2026; `measured` means requests and answers printed by
https://github.com/ECCdigital/smart-city-booking-backend in August 2026:

* https://saltoks.com/developers/connect/entries
* https://my-clay.com/developers/incidents
* https://developer.saltosystems.com/ks/connect-api/
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from accounts.providers.base import EntryHow, EntryKind, LockState
from accounts.providers.text import clean_text, whole

Meaning = TypeVar("Meaning")

#: `locked_state`, complete: quoted from Salto's own API description, measured.
#: `none` and `uncertain` are documented words for "cannot say".
LOCK_STATES: Mapping[str, LockState] = {
    "none": LockState.UNKNOWN,
    "locked": LockState.LOCKED,
    "office_mode": LockState.UNLOCKED,
    "uncertain": LockState.UNKNOWN,
    "unlocked": LockState.UNLOCKED,
}
OFFICE_MODES: Mapping[str, bool | None] = {
    "none": None,
    "locked": False,
    "office_mode": True,
    "uncertain": None,
    "unlocked": False,
}

#: The older dialect's driver calls an open door released:
#: https://docs.harnessautomation.com/gem/admin/integrations/salto_ks
LEGACY_LOCK_STATES: Mapping[str, LockState] = {**LOCK_STATES, "released": LockState.UNLOCKED}

#: `lock_type`, incomplete: the two measured. The ending `_pin` marks a keypad (inferred).
LOCK_TYPES: Mapping[str, str] = {
    "escutcheon_pin": "Escutcheon with keypad",
    "wall_reader_pin": "Wall reader with keypad",
}
KEYPAD_ENDING = "_pin"

#: `battery_level`, incomplete: `fresh` measured, `critical` seen in client code. The percents
#: are ours, chosen so that `critical` is shown as low.
BATTERY_WORDS: Mapping[str, int] = {"fresh": 100, "critical": 10}

#: `iq_link_state`, complete: documented and measured. Only an attached lock hears commands.
LINK_STATES: Mapping[str, bool] = {
    "attached": True,
    "attached_pending": False,
    "detached": False,
    "detached_pending": False,
}

#: `event_category` with `event_detail` where that decides; incomplete: all that was measured.
ENTRY_KINDS: Mapping[tuple[str, str], EntryKind] = {
    ("lock_opened", ""): EntryKind.OPENED,
    ("lock_rejected", ""): EntryKind.REJECTED,
    ("easy_office_mode", "start"): EntryKind.OFFICE_MODE_STARTED,
    ("easy_office_mode", "end"): EntryKind.OFFICE_MODE_ENDED,
    ("office_mode", "start"): EntryKind.OFFICE_MODE_STARTED,
    ("office_mode", "end"): EntryKind.OFFICE_MODE_ENDED,
    ("privacy_mode", "start"): EntryKind.PRIVACY_STARTED,
    ("privacy_mode", "end"): EntryKind.PRIVACY_ENDED,
}
ENTRY_DETAILS: Mapping[str, str] = {
    "no_access": "No right to open this door",
    "suspended": "The subscription of this person is suspended",
    "offline": "The lock was offline",
    "start": "",
    "end": "",
}
#: A PIN the lock has never heard of carries this person.
NOBODY = "ee8f17b4-701b-4aa6-9f1c-22f71cc61ca6"

#: `access_by`, incomplete: three measured, `remote` announced by the entries page.
ENTRY_HOWS: Mapping[str, EntryHow] = {
    "tag": EntryHow.CARD,
    "pin_code": EntryHow.CODE,
    "inside_handle": EntryHow.INSIDE,
    "remote": EntryHow.REMOTE,
}

#: Incident types, complete: https://my-clay.com/developers/incidents
INCIDENTS: Mapping[str, tuple[EntryKind, str]] = {
    "unknown": (EntryKind.UNKNOWN, ""),
    "intrusion_alarm": (EntryKind.ALARM, "Intrusion"),
    "tamper_alarm": (EntryKind.ALARM, "Tampering"),
    "door_left_open_alarm": (EntryKind.ALARM, "Door left open"),
    "end_of_door_left_open_alarm": (EntryKind.ALARM_ENDED, "Door closed again"),
    "end_of_intrusion_alarm": (EntryKind.ALARM_ENDED, "End of intrusion alarm"),
    "end_of_tamper_alarm": (EntryKind.ALARM_ENDED, "End of tampering alarm"),
    "lock_connection_lost": (EntryKind.CONNECTION_LOST, "Lock"),
    "lock_connection_restored": (EntryKind.CONNECTION_RESTORED, "Lock"),
    "low_battery_warning": (EntryKind.LOW_BATTERY, ""),
    "lock_time_set": (EntryKind.NOTICE, "The clock of the lock was set"),
    # The door may stand open: office mode did not end when it should have.
    "easyofficemode_finish_failed": (EntryKind.ALARM, "Office mode did not end"),
    "iq_connection_lost": (EntryKind.CONNECTION_LOST, "IQ"),
    "iq_connection_restored": (EntryKind.CONNECTION_RESTORED, "IQ"),
}

#: Of a site user: may do what only the head of the site may.
SITE_ADMIN = "site_admin"
GUEST_ROLE = "site_guest"
SUSPENDED = "suspended"  # `subscription_state` of a user without a seat
RELEASED = "released"  # `installation_state`


def translate(
    table: Mapping[str, Meaning], word: object, field: str, unknown_words: dict[str, str]
) -> Meaning | None:
    """Look a word up. One we do not know is noted under `field`, and None comes back.

    None and "" mean that the provider does not say: that is not an unknown word.
    """
    if isinstance(word, str) and word in table:
        return table[word]
    if word is not None and word != "":
        unknown_words[field] = clean_text(word if isinstance(word, str) else repr(word))
    return None


def battery_percent(value: object, unknown_words: dict[str, str]) -> int | None:
    """Read a battery level: one of Salto's words, or the older dialect's 0 to 100."""
    percent = whole(value)
    if percent is not None and percent <= 100:
        return percent
    return translate(BATTERY_WORDS, value, "battery_level", unknown_words)


def entry_kind(category: str, detail: str) -> EntryKind:
    """Return what an entry tells; the detail decides only where the table says so."""
    kind = ENTRY_KINDS.get((category, detail)) or ENTRY_KINDS.get((category, ""))
    return kind or EntryKind.UNKNOWN


def why_rejected(row: Mapping[str, Any], detail: str) -> str:
    """Put a rejection into words. The readings of PINs were measured."""
    if row.get("access_by") == "pin_code" and row.get("user_id") == NOBODY:
        return "The lock does not know this PIN"
    if row.get("access_by") == "pin_code" and not detail and row.get("user_id"):
        return "The lock knows this PIN, but not for now"
    return ENTRY_DETAILS.get(detail, detail)


#: A time schedule says of each whether it holds (§3.5).
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
