"""Looking at an attempt until it has ended, and what its end means. Looking moves nothing."""

from __future__ import annotations

import time
from datetime import datetime

from django.utils.dateparse import parse_datetime

from access.cards import calling, doubts, evidence, gone, outcomes, pace, rows
from access.models import EncodeJob
from access.states import JobKind, JobState
from accounts import health
from accounts.providers.base import AuthError, ProviderError
from accounts.providers.systems import (
    AttemptState,
    CardFailure,
    EncoderAttempt,
    ListedCredential,
)
from accounts.turns import Work

#: One process works on a job for so long, then lets any take it up again.
SLICE_SECONDS = 8.0
#: How long an attempt that succeeded may be unconfirmed by its credential.
_VERIFY_SECONDS = 10.0
_VERIFY_EVERY_SECONDS = 0.4


def watch(job: EncodeJob) -> bool:
    """Look at a waiting job's attempt until it ends. False when the slice is over."""
    began = looked_at = time.monotonic()
    while looked_at < began + SLICE_SECONDS:
        due_at = looked_at + pace.next_look_seconds(_waited_seconds(job))
        calling.pause(max(0.02, due_at - time.monotonic()))
        looked_at = time.monotonic()
        if not rows.renew_if_short(job):
            return True
        attempt = look(job)
        if attempt is not None and attempt.state != AttemptState.PENDING:
            apply(job, attempt)
            return True
        if job.deadline and rows.database_now() > job.deadline:
            outcomes.unknown(job, CardFailure.WAIT_OVER)
            return True
    return False


def _waited_seconds(job: EncodeJob) -> float:
    since = job.waiting_since or job.requested_at
    return (rows.database_now() - since).total_seconds() if since else 0.0


def look(job: EncodeJob, *, work: Work = Work.WATCH) -> EncoderAttempt | None:
    """Ask how the attempt is doing. None if it could not be asked: that changes nothing."""
    if not job.attempt_id or job.system.removed_at is not None:
        return None
    calling.let_go()
    try:
        systems = calling.systems_of(job.system.account, work=work)
        return systems.get_encoder_attempt(job.attempt_id, budget_seconds=calling.LOOK_SECONDS)
    except ProviderError as error:
        if isinstance(error, AuthError):
            health.note_command_error(job.system.account, error, at=rows.database_now())
        return None


def apply(job: EncodeJob, attempt: EncoderAttempt) -> None:
    """Store how an attempt ended."""
    if attempt.state == AttemptState.ERROR:
        failure = attempt.failure or CardFailure.UNKNOWN_ERROR
        gone.see(job, failure)
        outcomes.failed(job, failure, attempt.message, nothing_sent=False)
    elif job.kind == JobKind.SCAN:
        _read(job, attempt)
    elif job.kind == JobKind.ASSIGN:
        outcomes.assigned(job, attempt.credential)
    else:
        verify(job, attempt.credential)


def _read(job: EncodeJob, attempt: EncoderAttempt) -> None:
    if attempt.scan is None:
        outcomes.failed(job, CardFailure.UNKNOWN_ERROR, attempt.message, nothing_sent=False)
        return
    reading = evidence.read(attempt.scan)
    if outcomes.was_read(job, reading):
        doubts.settle_by_reading(job, reading)


# --- was it written? ------------------------------------------------------------------


def verify(job: EncodeJob, said: ListedCredential | None) -> None:
    """Ask the credential whether it bears out that the attempt succeeded (transitions 11, 12).

    The attempt's own answer carries the credential and is the first look.
    """
    if said and _is_of(job, said) and said.card_number and _confirms(job, said):
        outcomes.issued(job, said, evidence="attempt")
        return
    if job.state == JobState.WAITING and not rows.move(
        job, JobState.VERIFYING, was=(JobState.WAITING,)
    ):
        return
    number = said.card_number if said else ""
    until = time.monotonic() + _VERIFY_SECONDS
    while not _is_proven(job, number):
        if time.monotonic() > until:
            outcomes.unknown(job, CardFailure.WAIT_OVER, has_ended=True)
            return
        calling.pause(_VERIFY_EVERY_SECONDS)
        if not rows.renew_if_short(job):
            return


def _is_proven(job: EncodeJob, number: str) -> bool:
    """Look at the credential once, and store what it proves. `number`: the attempt's card."""
    seen = _credential(job)
    if seen is None:
        return False
    if seen.card_number and number and seen.card_number != number:
        outcomes.mismatch(job, {"fields": "card number"}, evidence="attempt", seen=seen)
        return True
    if _confirms(job, seen):
        outcomes.issued(job, seen, evidence="attempt")
        return True
    return False


def _confirms(job: EncodeJob, seen: ListedCredential) -> bool:
    return evidence.confirms(seen, issued_before=issued_before(job))


def _is_of(job: EncodeJob, seen: ListedCredential) -> bool:
    return job.credential is not None and seen.remote_id == job.credential.remote_id


def issued_before(job: EncodeJob) -> datetime | None:
    """Return when the provider said the credential was written last, before this job."""
    return parse_datetime(str(job.result.get("issued_before", "")))


def _credential(job: EncodeJob) -> ListedCredential | None:
    if job.credential is None or not job.credential.remote_id:
        return None
    calling.let_go()
    try:
        systems = calling.systems_of(job.system.account)
        found = systems.get_credential(job.credential.remote_id)
    except ProviderError:
        return None
    return found if found and _is_of(job, found) else None


# --- looking back ---------------------------------------------------------------------


def look_back(job: EncodeJob) -> None:
    """Look once at what became of a job in doubt, or at an encoder that may still wait."""
    if job.holds_encoder and rows.database_now() > doubts.encoder_is_free_at(job):
        outcomes.free_encoder(job)  # first, so that no answer keeps it
    if job.attempt_id and not job.result.get("ended"):
        attempt = look(job, work=Work.POLL)
        if attempt is not None and attempt.state != AttemptState.PENDING:
            _ended_late(job, attempt)
    job.refresh_from_db(fields=["state", "result", "holds_encoder"])
    if job.state == JobState.UNKNOWN:
        _ask_credential(job)


def _ended_late(job: EncodeJob, attempt: EncoderAttempt) -> None:
    """The encoder is free now, whatever is known of the card."""
    if job.state == JobState.UNKNOWN:
        apply(job, attempt)
    outcomes.free_encoder(job)


def _ask_credential(job: EncodeJob) -> None:
    if job.kind == JobKind.ASSIGN:
        _ask_tags(job)
        return
    seen = _credential(job)
    if seen and evidence.is_new_proof(seen, issued_before=issued_before(job)):
        outcomes.issued(job, seen, evidence="credential")


def _ask_tags(job: EncodeJob) -> None:
    """Look whether the person got a tag since it was asked for."""
    assert job.user is not None
    before = job.result.get("tags_before")
    if before is None:
        return  # nobody could say which tags there were
    try:
        systems = calling.systems_of(job.system.account, work=Work.POLL)
        listed = systems.list_credentials(job.system.remote_id, user_id=job.user.remote_id)
    except ProviderError:
        return
    for each in listed:
        if each.remote_id not in before and each.card_number:
            outcomes.assigned(job, each, evidence="credential")
            return
