"""Openings by code name the code, and prove that it is on its lock."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.providers.base import EntryHow, EntryKind, Feed
from audit.models import Event
from audit.words import Verb
from locks import polling
from locks.codes.states import CodePhase, CodeStatus
from tests.locks.codes.test_reconciling import make_code
from tests.locks.fakes import entry
from tests.make import make_device

pytestmark = pytest.mark.django_db


def typed(code, remote_id: str = "e1", **fields):  # type: ignore[no-untyped-def]
    return entry(
        remote_id,
        **{
            "lock_id": code.device.remote_id,
            "how": EntryHow.CODE,
            "person_id": "p-7",
            "person_name": f"{code.ref} Jane",
        }
        | fields,
    )


def take(code, *entries) -> None:  # type: ignore[no-untyped-def]
    polling.take_feed(code.site, Feed(entries=entries), at=timezone.now())
    code.refresh_from_db()


def test_an_opening_by_code_names_the_code_and_proves_it() -> None:
    code = make_code(person_id="p-7", phase=CodePhase.ACCEPTED, status=CodeStatus.SETTING)
    told = typed(code)

    take(code, told)

    event = Event.objects.get(verb=Verb.OPENED)
    assert event.actor_name == "Jane"
    assert event.detail == {"code": "Jane", "code_id": str(code.pk)}
    assert (code.phase, code.effective_evidence) == (CodePhase.ON_LOCK, "used")
    assert code.last_used_at == told.occurred_at


def test_a_rejection_names_the_code_and_proves_nothing() -> None:
    code = make_code(person_id="p-7", phase=CodePhase.ACCEPTED)

    take(code, typed(code, kind=EntryKind.REJECTED))

    assert Event.objects.get(verb=Verb.REJECTED).actor_name == "Jane"
    assert (code.phase, code.last_used_at) == (CodePhase.ACCEPTED, None)


def test_the_same_person_at_another_door_or_by_card_is_no_code() -> None:
    code = make_code(person_id="p-7")
    other = make_device(code.site)

    take(code, typed(code, lock_id=other.remote_id), typed(code, "e2", how=EntryHow.CARD))

    assert {event.actor_name for event in Event.objects.all()} == {f"{code.ref} Jane"}
    assert code.last_used_at is None


def test_a_code_that_opens_after_it_was_removed_is_not_gone() -> None:
    removed_at = timezone.now() - timedelta(minutes=5)
    code = make_code(
        person_id="p-7",
        phase=CodePhase.REMOVED,
        status=CodeStatus.UNSET,
        remote_id="r1",
        revoked_at=removed_at,
        removed_in_cloud_at=removed_at,
        removed_at=removed_at,
        next_run_at=None,
    )

    take(code, typed(code))

    assert (code.phase, code.removed_at) == (CodePhase.REMOVED_IN_CLOUD, None)
    assert code.next_run_at is not None
    [moment] = code.moments.all()
    assert (moment.what, moment.at) == ("still_alive", code.last_used_at)


def test_an_opening_from_before_the_removal_told_late_changes_nothing() -> None:
    removed_at = timezone.now() - timedelta(minutes=5)
    code = make_code(
        person_id="p-7", phase=CodePhase.REMOVED, revoked_at=removed_at, removed_at=removed_at
    )

    take(code, typed(code, occurred_at=removed_at - timedelta(minutes=1)))

    assert code.phase == CodePhase.REMOVED
