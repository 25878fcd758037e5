from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access.models import AcsAccessGroup, AcsCredential, AcsMembership, AcsUser
from access.reconciling import refusals, steps, telling
from access.reconciling.steps import Kind
from access.states import Part
from access.syncing import words
from accounts.providers.base import (
    AuthError,
    Code,
    NotYetError,
    ProviderError,
    RateLimitError,
    RefusedError,
    UncertainError,
    UnreachableError,
)

NOW = datetime(2026, 10, 24, 12, 0, tzinfo=UTC)


def _user(**fields: Any) -> AcsUser:
    return AcsUser(**{"remote_id": "u1", "phase": "live", "created_at": NOW} | fields)


def _member(*, is_wanted: bool, is_seen: bool) -> AcsMembership:
    group = AcsAccessGroup(remote_id="g1", name="Staff")
    return AcsMembership(group=group, is_wanted=is_wanted, is_seen=is_seen)


@pytest.mark.parametrize(
    ("fields", "members", "kind"),
    [
        ({}, [], None),
        ({"phase": "gone", "pending": ["suspension"]}, [], None),
        ({"is_managed": False, "pending": ["information"]}, [], None),
        ({"remote_id": "", "phase": "creating"}, [], Kind.CREATE),
        ({"remote_id": "", "ambiguous_since": NOW}, [], Kind.FIND),
        ({"remote_id": "", "delete_asked_at": NOW, "ambiguous_since": NOW}, [], Kind.FIND),
        ({"remote_id": "", "delete_asked_at": NOW}, [], Kind.FORGET),
        ({"delete_asked_at": NOW, "pending": ["suspension"]}, [], Kind.DELETE),
        ({"pending": list(Part), "is_suspended": True}, [], Kind.SUSPEND),
        ({"pending": list(Part)}, [], Kind.UPDATE),
        ({"pending": ["suspension"]}, [], Kind.UNSUSPEND),
        ({"pending": ["information"]}, [(False, True)], Kind.REMOVE),
        ({}, [(True, False), (False, True)], Kind.REMOVE),
        ({}, [(True, False)], Kind.ADD),
        ({}, [(True, True)], None),
        ({}, [(False, False)], Kind.LOOK),
    ],
)
def test_what_is_next_for_a_user(
    fields: dict[str, Any], members: list[tuple[bool, bool]], kind: Kind | None
) -> None:
    rows = [_member(is_wanted=wanted, is_seen=seen) for wanted, seen in members]

    step = steps.user_step(_user(**fields), rows, now=NOW)

    assert (step.kind if step else None) == kind


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({}, None),
        ({"phase": "gone", "delete_asked_at": NOW}, None),
        ({"remote_id": "", "phase": "creating"}, None),
        ({"remote_id": "", "phase": "creating", "access_method": "code"}, Kind.CREATE),
        ({"remote_id": "", "ambiguous_since": NOW}, Kind.FIND),
        ({"remote_id": "", "delete_asked_at": NOW}, Kind.FORGET),
        ({"delete_asked_at": NOW}, Kind.DELETE),
        ({"delete_asked_at": NOW, "written_at": NOW - timedelta(hours=1)}, Kind.DELETE),
        ({"delete_asked_at": NOW - timedelta(seconds=9), "written_at": NOW}, Kind.LOOK),
        (
            {
                "delete_asked_at": NOW - timedelta(hours=1),
                "written_at": NOW - timedelta(minutes=1),
            },
            Kind.DELETE,
        ),
        ({"access_method": "code", "written_at": NOW}, Kind.LOOK),
        ({"access_method": "code", "written_at": NOW, "code_sealed": "x"}, None),
    ],
)
def test_what_is_next_for_a_credential(fields: dict[str, Any], kind: Kind | None) -> None:
    usual = {"remote_id": "c1", "phase": "live", "access_method": "card", "user": _user()}

    step = steps.credential_step(AcsCredential(**usual | fields), now=NOW)

    assert (step.kind if step else None) == kind


@given(tries=st.integers(1, 50), is_taken=st.booleans())
def test_what_has_to_end_is_told_again_within_a_minute(*, tries: int, is_taken: bool) -> None:
    told: dict[str, Any] = {}
    for _ in range(tries):
        told = telling.after_call(
            told, "suspension", 1, at=NOW, is_taken=is_taken, is_revocation=True
        )

    again = telling.next_at(told, "suspension", 1, NOW)
    assert timedelta(0) < again - NOW <= timedelta(seconds=60)


def test_a_new_wish_is_told_at_once() -> None:
    told = telling.after_call({}, "information", 1, at=NOW, is_taken=True)

    assert not telling.is_due(told, "information", 1, NOW)
    assert telling.is_due(told, "information", 2, NOW)
    assert telling.is_due(told, "schedule", 1, NOW)


def test_telling_again_takes_longer_each_time() -> None:
    told, waits = {}, []
    for _ in range(6):
        told = telling.after_call(told, "information", 1, at=NOW, is_taken=False)
        waits.append((telling.next_at(told, "information", 1, NOW) - NOW).total_seconds())

    assert waits == [5, 15, 60, 300, 900, 900]


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (AuthError("No"), None, None),
        (RateLimitError("Slow down", retry_after_seconds=3), None, None),
        (NotYetError(retry_after_seconds=3), None, None),
        (UnreachableError("x"), "unreachable", "Annex cannot be reached. It is tried again."),
        (UncertainError("x"), "no_answer", "Annex did not answer. It is looked at again."),
        (
            RefusedError("x", code=Code.WRONG_PHONE),
            "phone_not_accepted",
            "Annex does not take this phone number.",
        ),
        (
            RefusedError("x", code=Code.WRONG_EMAIL),
            "email_not_accepted",
            "Annex does not take this e-mail address: somebody else there may have it.",
        ),
        (RefusedError("The house is full"), "refused", "Annex refused: The house is full"),
    ],
)
def test_refusals_in_words(error: ProviderError, code: str | None, sentence: str | None) -> None:
    refusal = refusals.refusal_of(error, system="Annex")

    assert (refusal and refusal.code, refusal and refusal.sentence) == (code, sentence)


def test_an_address_that_is_known_to_be_taken_is_said_so() -> None:
    error = RefusedError("x", code=Code.WRONG_EMAIL)

    refusal = refusals.refusal_of(error, system="Annex", is_email_known=True)

    assert refusal is not None
    assert refusal.sentence == "Somebody else in Annex has this e-mail address."


@pytest.mark.parametrize(
    ("codes", "told"),
    [
        ([], ""),
        (["bridge_disconnected", "seam_bridge_disconnected"], "lost its Seam Bridge"),
        (
            ["salto_ks_subscription_limit_exceeded", "seam_bridge_disconnected"],
            "lost its Seam Bridge and has no seats left",
        ),
        (["brand_new_word"], "is in trouble: brand_new_word"),
    ],
)
def test_troubles_of_a_system_in_words(codes: list[str], told: str) -> None:
    assert words.trouble([{"code": code, "message": ""} for code in codes]) == told
