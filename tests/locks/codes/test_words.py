"""What a state is called (ux 1.6) and what happens next."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.models import ConnectedAccount
from locks.code_models import CodePhase, CodeStatus, SecretState
from locks.codes import words
from locks.models import AccessCode, Device
from tests.make import make_device, make_site

NOW = datetime(2026, 11, 21, 14, tzinfo=UTC)
HOUR = timedelta(hours=1)
PAST = {"starts_at": NOW - 2 * HOUR, "ends_at": NOW - HOUR}
AHEAD = {"starts_at": NOW + HOUR, "ends_at": NOW + 2 * HOUR}

pytestmark = pytest.mark.django_db


@pytest.fixture
def device() -> Device:
    return make_device(make_site())


def code(device: Device, **fields: Any) -> AccessCode:
    return AccessCode(
        device=device, account=device.account, site=device.site, name="Jane", **fields
    )


@pytest.mark.parametrize(
    ("fields", "word", "tone"),
    [
        ({}, "Setting", "info"),
        (AHEAD, "Scheduled", "info"),
        (AHEAD | {"phase": CodePhase.ACCEPTED}, "Scheduled", "info"),
        (AHEAD | {"phase": CodePhase.SETTING}, "Setting", "info"),
        ({"phase": CodePhase.SETTING}, "Setting", "info"),
        ({"phase": CodePhase.ACCEPTED}, "Accepted by Salto", "info"),
        ({"phase": CodePhase.ON_LOCK}, "On the lock", "ok"),
        ({"phase": CodePhase.AMBIGUOUS}, "Not confirmed", "warn"),
        ({"phase": CodePhase.BLOCKED}, "Failed", "danger"),
        ({"phase": CodePhase.SETTING, "error_code": "x"}, "Failed", "danger"),
        ({"phase": CodePhase.ON_LOCK, "error_code": "x"}, "On the lock", "ok"),
        ({"phase": CodePhase.ON_LOCK, "status": CodeStatus.UNKNOWN}, "Not confirmed", "unknown"),
        ({"phase": CodePhase.REMOVING, "revoked_at": NOW}, "Removing", "warn"),
        ({"phase": CodePhase.ON_LOCK} | PAST, "Removing", "warn"),
        ({"phase": CodePhase.VERIFYING_ABSENT, "revoked_at": NOW}, "Removing", "warn"),
        (
            {"phase": CodePhase.REMOVING, "revoked_at": NOW, "overdue_since": NOW},
            "STILL ACTIVE",
            "danger",
        ),
        (
            {"phase": CodePhase.REMOVED_IN_CLOUD, "revoked_at": NOW, "overdue_since": NOW},
            "Removed in Salto – lock not reached yet",
            "warn",
        ),
        (
            PAST
            | {
                "phase": CodePhase.REMOVING,
                "overdue_since": NOW,
                "has_native_end": True,
                "reported_ends_at": NOW - HOUR,
            },
            "Ended",
            "unknown",
        ),
        ({"phase": CodePhase.ON_LOCK, "missing_since": NOW}, "Not confirmed", "warn"),
        ({"phase": CodePhase.REMOVED, "revoked_at": NOW}, "Removed", "unknown"),
        ({"phase": CodePhase.REMOVED} | PAST, "Expired", "unknown"),
        ({"phase": CodePhase.SKIPPED} | PAST, "Expired", "unknown"),
        ({"is_managed": False, "phase": CodePhase.ON_LOCK}, "Not made here", "unknown"),
        (
            {"is_managed": False, "phase": CodePhase.ON_LOCK, "revoked_at": NOW},
            "Removing",
            "warn",
        ),
    ],
)
def test_every_state_has_its_word(device, fields, word, tone):
    state = words.state_of(code(device, **fields), NOW)

    assert (state.word, state.tone) == (word, tone)


@pytest.mark.parametrize("phase", list(CodePhase))
def test_code_02_removed_is_never_claimed_before_it_was_seen(device, phase):
    state = words.state_of(code(device, phase=phase, revoked_at=NOW), NOW)

    is_gone = phase in (CodePhase.REMOVED, CodePhase.SKIPPED)
    assert (state.word in ("Removed", "Expired")) is is_gone


@pytest.mark.parametrize(
    ("evidence", "said"), [("listing", "lists it"), ("time", "Known by time"), ("used", "opened")]
)
def test_on_the_lock_says_how_that_is_known(device, evidence, said):
    state = words.state_of(code(device, phase=CodePhase.ON_LOCK, effective_evidence=evidence), NOW)

    assert said in state.note


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, ""),
        ({"error_code": "x", "next_run_at": NOW + timedelta(minutes=4)}, "Next try 15:04."),
        ({"error_code": "x", "next_run_at": NOW + 24 * HOUR}, "Next try 22 Nov, 15:00."),
        (
            {"error_code": "x", "next_run_at": NOW + timedelta(days=60)},
            "Next try 20 Jan 2027, 15:00.",
        ),
        ({"error_code": "x", "next_run_at": NOW}, "Next try in a moment."),
        (
            {"phase": CodePhase.BLOCKED, "observed_generation": 1},
            "Lockboard does not try again by itself. Choose what to do:",
        ),
        ({"phase": CodePhase.BLOCKED, "observed_generation": 0}, "Next try in a moment."),
    ],
)
def test_what_happens_next_is_said_with_its_time(device, fields, sentence):
    assert words.next_step(code(device, **fields), NOW) == sentence


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"secret_state": SecretState.STORED}, ""),
        ({}, "Salto has not made them yet."),
        ({"secret_state": SecretState.LOST}, "Salto is asked for new ones."),
        ({"secret_state": SecretState.LOST, "delivered_at": NOW}, "Not known here"),
        ({"is_managed": False}, "Not known here"),
    ],
)
def test_why_there_are_no_digits_is_said(device, fields, said):
    note = words.digits_note(code(device, **fields))

    assert note.startswith(said)
    assert bool(note) is bool(said)


@pytest.mark.parametrize(
    ("starts", "ends", "said"),
    [
        (None, None, "Ongoing"),
        (NOW, NOW + 2 * HOUR, "21 Nov, 15:00 – 17:00"),
        (NOW, NOW + 48 * HOUR, "21 Nov, 15:00 – 23 Nov, 15:00"),
        (NOW, NOW + timedelta(days=60), "21 Nov 2026, 15:00 – 20 Jan 2027, 15:00"),
    ],
)
def test_windows_are_read_in_the_time_of_the_property(device, starts, ends, said):
    assert words.span(code(device, starts_at=starts, ends_at=ends), now=NOW) == said


def test_an_account_of_no_brand_we_know_still_has_words(device):
    ConnectedAccount.objects.update(provider="gone")
    device.account.refresh_from_db()

    state = words.state_of(code(device, phase=CodePhase.ACCEPTED), NOW)

    assert state.word.startswith("Accepted by")
