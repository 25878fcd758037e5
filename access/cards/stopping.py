"""Not waiting for a card any more."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from access.cards import checks, rows
from access.models import EncodeJob
from access.states import Intent, JobState
from accounts.actors import Actor
from audit.words import Verb

_UNSENT = (JobState.PREPARING, JobState.READY)
_SENT = (JobState.REQUESTING, JobState.WAITING, JobState.VERIFYING)


def stop(job: EncodeJob, *, by: Actor, at: datetime) -> EncodeJob:
    """Cancel what was not sent; of what was, only stop watching.

    There is no taking back an attempt: its encoder stays held until it ends, and the page
    says to keep cards off it. Nothing happens to a job that has ended. Raises PermissionDenied.
    """
    checks.require(by, Intent(job.intent), job.system)
    with transaction.atomic():
        job = rows.held(job.pk)
        if rows.move(
            job,
            JobState.CANCELLED,
            was=_UNSENT,
            finished_at=at,
            holds_encoder=False,
            holds_user=False,
            lease_until=None,
        ) or _stop_watching(job, at):
            rows.note(job, Verb.CARD_CANCELLED, at=at, who=by.who)
            rows.tell_all(job)
        return job


def _stop_watching(job: EncodeJob, at: datetime) -> bool:
    stopped = EncodeJob.objects.filter(pk=job.pk, state__in=_SENT, stopped_watching_at=None)
    if not stopped.update(stopped_watching_at=at):
        return False
    job.stopped_watching_at = at
    return True
