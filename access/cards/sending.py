"""The one call that starts an attempt at an encoder: claimed, made once, its id stored first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from access.cards import calling, checks, gone, outcomes, pace, rows
from access.cards.refusals import RefusedError
from access.models import EncodeJob
from access.states import JobKind, JobState
from accounts import health
from accounts.providers.base import ProviderError, Reach
from accounts.providers.systems import (
    AccessSystems,
    CardFailure,
    EncoderAttempt,
    failure_of,
)
from locks.insisting import insist

#: The claim holds for the call and a little more; after it nobody knows what became of it.
_CLAIM_SECONDS = pace.START_SECONDS + 3


@dataclass(frozen=True, kw_only=True)
class _Outcome:
    attempt: EncoderAttempt | None = None
    error: ProviderError | None = None


def send(job: EncodeJob) -> EncoderAttempt | None:
    """Start the attempt, if the job may still be sent. Return it, or None.

    At most one call is made per job, ever (ACT-01): only who moves it from READY calls.
    """
    try:
        systems = calling.systems_of(job.system.account)
    except ProviderError as error:
        outcomes.blocked(job, str(error))
        return None
    if not _claim(job):
        return None
    calling.let_go()
    outcome = _start(job, systems)
    insist(lambda: _store(job, outcome))
    return outcome.attempt


def _claim(job: EncodeJob) -> bool:
    """Move the job to REQUESTING, committed before the call; all that allowed it is asked again."""
    with transaction.atomic():
        now_held = rows.held(job.pk)
        at = rows.database_now()
        try:
            _refuse_late(now_held, at)
        except RefusedError as refused:
            outcomes.blocked(now_held, refused.sentence, failure=refused.field)
            return False
        is_new_tag = _is_new_tag(job)
        moved = rows.move(
            job,
            JobState.REQUESTING,
            was=() if now_held.requested_at or not now_held.holds_encoder else (JobState.READY,),
            requested_at=at,
            card_by=at + pace.window_of(is_new_tag=is_new_tag),
            deadline=at + pace.deadline_of(is_new_tag=is_new_tag),
            watched_until=at + pace.WATCHED,
            lease_until=at + timedelta(seconds=_CLAIM_SECONDS),
        )
        if moved:
            rows.mark_used(job, at)
        return moved


def _is_new_tag(job: EncodeJob) -> bool:
    """Whether the reader registers the tag, for which it waits longer."""
    return job.kind != JobKind.ENCODE and job.detects_new_tags


def _refuse_late(job: EncodeJob, at: datetime) -> None:
    """Raise RefusedError where the job may not be sent now. Its field is a CardFailure, or empty."""
    if job.send_by <= at:
        raise RefusedError(outcomes.TOO_LATE)
    if found := checks.of_job(job, at):
        raise RefusedError(found.sentence, field=found.failure)


def _start(job: EncodeJob, systems: AccessSystems) -> _Outcome:
    """Make the one call. Whatever goes wrong is an outcome."""
    request_id, budget = str(job.pk), pace.START_SECONDS
    encoder_id = job.encoder.remote_id
    try:
        if job.kind == JobKind.SCAN:
            attempt = systems.start_scan(
                encoder_id,
                detect_new_tags=job.detects_new_tags,
                budget_seconds=budget,
                request_id=request_id,
            )
        elif job.kind == JobKind.ASSIGN:
            assert job.user is not None
            attempt = systems.start_assign(
                encoder_id,
                job.user.remote_id,
                detect_new_tags=job.detects_new_tags,
                budget_seconds=budget,
                request_id=request_id,
            )
        else:
            assert job.credential is not None
            attempt = systems.start_encode(
                encoder_id,
                job.credential.remote_id,
                budget_seconds=budget,
                request_id=request_id,
            )
    except ProviderError as error:
        return _Outcome(error=error)
    return _Outcome(attempt=attempt)


def _store(job: EncodeJob, outcome: _Outcome) -> None:
    at = rows.database_now()
    if outcome.attempt:
        _store_attempt(job, outcome.attempt, at)
        return
    error = outcome.error
    assert error is not None
    health.note_command_error(job.system.account, error, at=at)
    if error.reach == Reach.UNCERTAIN:
        outcomes.unknown(job, CardFailure.WAIT_OVER, str(error))
    else:
        failure = _failure_of(error)
        gone.see(job, failure)
        outcomes.failed(job, failure, str(error), nothing_sent=True)


def _store_attempt(job: EncodeJob, attempt: EncoderAttempt, at: datetime) -> None:
    """Store the attempt's id before anything else, also where the job was given up meanwhile."""
    columns = {"attempt_id": attempt.remote_id, "waiting_since": at}
    window = pace.window_of(is_new_tag=_is_new_tag(job))
    if rows.move(
        job,
        JobState.WAITING,
        was=(JobState.REQUESTING,),
        card_by=at + window,
        lease_until=at + timedelta(seconds=rows.LEASE_SECONDS),
        **columns,
    ):
        return
    EncodeJob.objects.filter(pk=job.pk, attempt_id="").update(**columns)
    job.attempt_id = attempt.remote_id


def _failure_of(error: ProviderError) -> CardFailure:
    """Return which row of the table it is that nothing was begun."""
    failure = failure_of(error)
    # An unexplained failure has the card read; here no card was touched.
    return CardFailure.PROTOCOL if failure == CardFailure.UNKNOWN_ERROR else failure
