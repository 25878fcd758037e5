"""Carrying jobs on: called by hints, and each second."""

from __future__ import annotations

import logging
import os
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from functools import cache
from uuid import UUID

from django.db import connection
from django.db.models import Q

from access import tasks
from access.cards import doubts, outcomes, preparing, rows, sending, watching
from access.models import EncodeJob
from access.states import OPEN_STATES, JobState
from accounts.providers.systems import AttemptState, CardFailure
from locks import live

logger = logging.getLogger(__name__)

#: A message that was not taken up by then is not needed: the sweep hints again.
_HINT_SECONDS = 10
#: How long a request waits for the broker to take the hint, which it does in one millisecond.
_HEAD_START_SECONDS = 0.005
#: How often a job in doubt is looked at.
_LOOK_BACK_SECONDS = 5.0
#: A job that nobody took up after this may have lost its hint.
_LOST_AFTER = timedelta(seconds=1)


@cache
def _executor(_pid: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=16, thread_name_prefix="card")


def dispatch(job_id: UUID) -> None:
    """Have a worker carry a job on; if the broker does not take the hint, do it here."""
    sent = _executor(os.getpid()).submit(_dispatch, job_id)
    wait([sent], timeout=_HEAD_START_SECONDS)


def _dispatch(job_id: UUID) -> None:
    if live.send(tasks.work_on_job, expires=_HINT_SECONDS, job_id=str(job_id)):
        return
    try:
        work(job_id)
    except Exception:
        # The row tells the rest: the sweep takes it up again, and sends nothing twice.
        logger.exception("a card job could not be carried on here")
    finally:
        connection.close()


def work(job_id: UUID) -> None:
    """Carry one job as far as it goes. Safe to call any number of times.

    One process at a time works on a job, under a lease that it renews; what a process left
    behind when it died is taken up where it stands, and nothing is sent twice.
    """
    job = rows.take(job_id)
    if job is None:
        return
    if _carry_on(job):
        dispatch(job_id)


def _carry_on(job: EncodeJob) -> bool:
    """Work on a job. True if there is more to do at once."""
    if job.state == JobState.REQUESTING:
        # Whoever claimed it died over the call: an attempt may be under way.
        outcomes.unknown(job, CardFailure.WAIT_OVER)
        return False
    if _is_overdue(job):
        # Before another look: whatever keeps us from storing what it shows, the job ends.
        outcomes.unknown(job, CardFailure.WAIT_OVER)
        return False
    if job.state == JobState.PREPARING and not preparing.prepare(job):
        return False
    if job.state == JobState.READY:
        attempt = sending.send(job)
        if attempt is None:
            return False
        if attempt.state != AttemptState.PENDING:
            watching.apply(job, attempt)
            return False
    return _watch(job)


def _is_overdue(job: EncodeJob) -> bool:
    is_waiting = job.state in (JobState.WAITING, JobState.VERIFYING)
    return is_waiting and job.deadline is not None and rows.database_now() > job.deadline


def _watch(job: EncodeJob) -> bool:
    if job.state == JobState.VERIFYING:
        attempt = watching.look(job)
        watching.verify(job, attempt.credential if attempt else None)
    elif job.state == JobState.WAITING:
        if not watching.watch(job):
            rows.leave(job)
            return True
    elif job.state == JobState.UNKNOWN or job.holds_encoder:
        watching.look_back(job)
        job.refresh_from_db(fields=["lease_until"])
        rows.leave(job, seconds=_LOOK_BACK_SECONDS)
    return False


def sweep() -> None:
    """Take up what nobody works on. Called each second, on database time."""
    now = rows.database_now()
    free = Q(lease_until__lt=now) | Q(lease_until=None, created_at__lt=now - _LOST_AFTER)
    watched = Q(state=JobState.UNKNOWN) & (Q(watched_until__gte=now) | Q(watched_until=None))
    due = EncodeJob.objects.filter(
        Q(state__in=OPEN_STATES) | watched | Q(holds_encoder=True), free
    ).values_list("pk", flat=True)[:200]
    for pk in list(due):
        dispatch(pk)
    doubts.settle_by_listings()
