from datetime import UTC, datetime

import pytest

from accounts.providers.base import EntryHow, EntryKind, LockState
from accounts.providers.salto_ks import connect, legacy, words
from tests.accounts.providers.salto_ks.answers import (
    ENTRY,
    IQ,
    LEGACY_EVENT,
    LEGACY_LOCK,
    LOCK,
    SITE,
    USER,
)

NOW = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)


def lock(**fields):
    return connect.read_lock({**LOCK, **fields}, NOW)


@pytest.mark.parametrize(
    ("level", "percent"),
    [
        ("fresh", 100),
        ("critical", 10),
        (0, 0),
        (80, 80),
        (100, 100),
        (None, None),
        ("", None),
        (-5, None),
        (900, None),
        (True, None),
        (55.5, None),
        ("NaN", None),
        ("low", None),
        ({"a": 1}, None),
    ],
)
def test_a_battery_is_a_percentage_or_nothing(level, percent):
    found = lock(battery_level=level)

    assert found.battery_percent == percent
    assert bool(found.unknown_words) == (percent is None and level not in (None, ""))
    assert legacy.read_lock({**LEGACY_LOCK, "battery_level": level}, NOW).battery_percent == percent


@pytest.mark.parametrize(
    ("word", "state", "office_mode"),
    [
        ("none", LockState.UNKNOWN, None),
        ("locked", LockState.LOCKED, False),
        ("office_mode", LockState.UNLOCKED, True),
        ("uncertain", LockState.UNKNOWN, None),
        ("unlocked", LockState.UNLOCKED, False),
        (None, LockState.UNKNOWN, None),
        (7, LockState.UNKNOWN, None),
    ],
)
def test_a_locks_state_and_office_mode(word, state, office_mode):
    found = lock(locked_state=word)

    assert (found.state, found.office_mode) == (state, office_mode)


@pytest.mark.parametrize("online", ["yes", 1, None, {}])
def test_online_is_a_boolean_or_unknown(online):
    found = lock(online=online)

    assert (found.is_online, found.state) == (None, LockState.LOCKED)


def test_a_lock_behind_an_offline_iq_is_offline():
    found = lock(iq={**LOCK["iq"], "is_online": False}, locked_state="office_mode")

    assert (found.is_online, found.state, found.office_mode) == (False, LockState.UNKNOWN, None)


@pytest.mark.parametrize(
    ("fields", "hears"),
    [
        ({}, True),
        ({"iq": None}, False),
        ({"iq_link_state": "detached"}, False),
        ({"iq_link_state": "attached_pending"}, False),
        ({"iq_link_state": "detached_pending"}, False),
        ({"iq_link_state": "beamed"}, True),
    ],
)
def test_only_an_attached_lock_can_be_told_anything(fields, hears):
    found = lock(**fields)

    assert {found.can_unlock, found.can_office_mode} == {hears}
    assert found.can_lock is False


def test_lock_types_name_keypads_and_unknown_ones_are_kept():
    assert (lock().model, lock().has_keypad) == ("Escutcheon with keypad", True)
    other = lock(lock_type="cylinder")
    assert (other.model, other.has_keypad) == ("cylinder", False)
    assert other.unknown_words == {"lock_type": "cylinder"}
    assert lock(lock_type="padlock_pin").has_keypad


def test_hostile_names_are_cleaned_and_rows_can_be_stored():
    found = lock(customer_reference="Door\x00\u202e\ud800" + "x" * 1_000_000, floor={"a": 1})

    assert found.name == ("Door" + "x" * 196)
    assert found.floor == ""
    assert len(found.raw["customer_reference"]) == 1000


def test_a_site_an_iq_and_a_user():
    site, hub, user = connect.read_site(SITE), connect.read_hub(IQ), connect.read_user(USER)

    assert (site.name, site.uid, site.time_zone) == (
        "Riverside House",
        "DE4520168385",
        "Europe/Berlin",
    )
    assert (site.seats_used, site.seats_total, site.is_released) == (5, 10, True)
    assert (hub.name, hub.is_online, hub.otp_enabled) == ("IQ 01", True, False)
    assert (user.name, user.email, user.roles) == (
        "Jane Example",
        "jane@example.com",
        ("site_admin",),
    )
    assert user.remote_id == USER["id"]
    assert user.person_id == USER["user"]["id"]


@pytest.mark.parametrize("hostile", [None, 7, "x", [], {"user": None, "roles": None}])
def test_a_user_with_odd_parts_is_still_a_user(hostile):
    user = connect.read_user({"id": "u-1", "user": hostile, "roles": [hostile, {"code": 7}]})

    assert (user.person_id, user.name, user.roles) == ("", "", ())


def entry(**fields):
    return connect.read_entry({**ENTRY, **fields})


@pytest.mark.parametrize(
    ("category", "detail", "kind"),
    [
        ("lock_opened", None, EntryKind.OPENED),
        ("lock_opened", "offline", EntryKind.OPENED),
        ("lock_rejected", "no_access", EntryKind.REJECTED),
        ("lock_rejected", "suspended", EntryKind.REJECTED),
        ("easy_office_mode", "start", EntryKind.OFFICE_MODE_STARTED),
        ("easy_office_mode", "end", EntryKind.OFFICE_MODE_ENDED),
        ("office_mode", "start", EntryKind.OFFICE_MODE_STARTED),
        ("office_mode", "end", EntryKind.OFFICE_MODE_ENDED),
        ("privacy_mode", "start", EntryKind.PRIVACY_STARTED),
        ("privacy_mode", "end", EntryKind.PRIVACY_ENDED),
        ("privacy_mode", None, EntryKind.UNKNOWN),
        ("door_melted", "badly", EntryKind.UNKNOWN),
        (None, None, EntryKind.UNKNOWN),
    ],
)
def test_every_documented_entry_is_mapped_and_others_keep_their_word(category, detail, kind):
    found = entry(event_category=category, event_detail=detail)

    assert found.kind is kind
    if kind is EntryKind.UNKNOWN:
        assert found.detail == " ".join(word for word in (category, detail) if word)
    assert found.raw["event_category"] == category


@pytest.mark.parametrize(
    ("category", "access_by", "how"),
    [
        ("lock_opened", "tag", EntryHow.CARD),
        ("lock_opened", "pin_code", EntryHow.CODE),
        ("lock_opened", "inside_handle", EntryHow.INSIDE),
        ("lock_opened", "remote", EntryHow.REMOTE),
        ("lock_opened", "telepathy", EntryHow.UNKNOWN),
        ("lock_opened", None, EntryHow.UNKNOWN),
        ("easy_office_mode", None, EntryHow.SCHEDULE),
    ],
)
def test_every_documented_way_in_is_mapped(category, access_by, how):
    assert entry(event_category=category, access_by=access_by).how is how


@pytest.mark.parametrize(
    ("fields", "detail", "person"),
    [
        (
            {"event_detail": "no_access", "user_id": words.NOBODY},
            "The lock does not know this PIN",
            "",
        ),
        ({"event_detail": None}, "The lock knows this PIN, but not for now", "Jane Example"),
        (
            {"event_detail": "suspended", "user_alias": "Jane"},
            "The subscription of this person is suspended",
            "Jane",
        ),
    ],
)
def test_a_rejected_pin_says_why(fields, detail, person):
    found = entry(event_category="lock_rejected", access_by="pin_code", **fields)

    assert (found.detail, found.person_name) == (detail, person)


def test_an_entry_has_its_own_id_or_a_fingerprint():
    assert entry().remote_id == ENTRY["id"]
    without = {key: value for key, value in ENTRY.items() if key != "id"}
    assert connect.read_entry(without).remote_id.startswith("sha256:")
    assert entry().occurred_at == datetime(2026, 8, 19, 9, 46, 42, tzinfo=UTC)


@pytest.mark.parametrize("word", [*words.INCIDENTS, "door_melted"])
def test_every_documented_incident_is_mapped(word):
    found = connect.read_incident({**ENTRY, "event_category": None, "incident_type": word})

    kind, detail = words.INCIDENTS.get(word, (EntryKind.UNKNOWN, "door_melted"))
    assert (found.kind, found.detail) == (kind, detail)


@pytest.mark.parametrize(
    ("user", "name"),
    [
        ({"id": "p-1", "name": "Jane", "email": "j@example.com"}, "Jane"),
        ({"id": "p-1", "email": "j@example.com"}, "j@example.com"),
        ("j@example.com", "j@example.com"),
        (None, ""),
        (7, ""),
    ],
)
def test_a_legacy_event_names_a_person_in_several_ways(user, name):
    found = legacy.read_event({**LEGACY_EVENT, "user": user})

    assert (found.person_name, found.lock_id) == (name, LEGACY_EVENT["lockId"])


def test_a_legacy_event_of_an_unknown_type_keeps_its_word():
    found = legacy.read_event({**LEGACY_EVENT, "type": "door.opened", "accessBy": "x"})

    assert (found.kind, found.how, found.detail) == (
        EntryKind.UNKNOWN,
        EntryHow.UNKNOWN,
        "door.opened",
    )


@pytest.mark.parametrize(("asked", "seconds"), [(None, 5), (0, 1), (1, 1), (60, 60), (61, 60)])
def test_act_15_the_legacy_duration_is_clamped(asked, seconds):
    assert legacy.unlock_seconds(asked) == seconds
