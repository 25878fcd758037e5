"""What every step of a job does: take it, hold it, move it, write a line, tell pages."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q

from access import waking
from access.models import AcsCredential, AcsEncoder, AcsSystem, AcsUser, EncodeJob
from access.states import OPEN_STATES, JobState
from audit.services import record
from audit.who import Who
from audit.words import How, Result, Verb
from locks import live
from locks.actuation.rows import database_now

__all__ = ["database_now"]

#: A process that says nothing for so long is taken for dead.
LEASE_SECONDS = 2.5
#: Something is still to be done, or to be found out.
UNFINISHED = Q(state__in=(*OPEN_STATES, JobState.UNKNOWN)) | Q(holds_encoder=True)


def load(job_id: UUID) -> EncodeJob | None:
    """Return a job with all that is said of it."""
    of_job = EncodeJob.objects.select_related("encoder", "user", "credential", "replaces")
    job: EncodeJob | None = of_job.filter(pk=job_id).first()
    if job:
        # Two small joins: planning one of all these tables takes longer than both.
        systems = AcsSystem.objects.select_related("account__workspace", "property")
        job.system = systems.get(pk=job.system_id)
    return job


def held(job_id: UUID) -> EncodeJob:
    """Lock the job's user, credentials and the job, in this order, and return it as it is now."""
    of_job = EncodeJob.objects.filter(pk=job_id)
    lock(AcsUser, of_job.values("user_id"))
    lock(AcsCredential, of_job.values("credential_id").union(of_job.values("replaces_id")))
    lock(EncodeJob, [job_id])
    job = load(job_id)
    assert job is not None
    return job


def lock(model: Any, ids: Any) -> None:
    """Lock rows until the transaction ends. Users come before credentials, these before jobs."""
    rows = model.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")
    list(rows.values_list("pk"))


# --- who works on it ------------------------------------------------------------------


def take(job_id: UUID) -> EncodeJob | None:
    """Become the one process that works on a job. None if another one does, or it has ended."""
    now = database_now()
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    until = now + timedelta(seconds=LEASE_SECONDS)
    if not EncodeJob.objects.filter(free, UNFINISHED, pk=job_id).update(lease_until=until):
        return None
    return load(job_id)


def renew(job: EncodeJob, *, seconds: float = LEASE_SECONDS, **columns: Any) -> bool:
    """Go on working on it, and store these columns. False if it was taken over, or has moved on."""
    until = database_now() + timedelta(seconds=seconds)
    mine = EncodeJob.objects.filter(pk=job.pk, lease_until=job.lease_until, state=job.state)
    if not mine.update(lease_until=until, **columns):
        return False
    _set(job, lease_until=until, **columns)
    return True


def renew_if_short(job: EncodeJob) -> bool:
    """Renew once half of the lease is over, so that a look costs no write of its own."""
    half = timedelta(seconds=LEASE_SECONDS / 2)
    is_long = job.lease_until is not None and job.lease_until - database_now() > half
    if not is_long:
        return renew(job)
    return EncodeJob.objects.filter(
        pk=job.pk, lease_until=job.lease_until, state=job.state
    ).exists()


def leave(job: EncodeJob, *, seconds: float = 0) -> None:
    """Let others work on it, from so many seconds on."""
    until = database_now() + timedelta(seconds=seconds) if seconds else None
    EncodeJob.objects.filter(pk=job.pk, lease_until=job.lease_until).update(lease_until=until)


# --- how it goes on -------------------------------------------------------------------


#: The page says the same before and after a move to these: "getting it ready" goes on until the
#: provider has the attempt, a moment later. Whoever looks meanwhile sees them.
_UNTOLD = (JobState.READY, JobState.REQUESTING)


def move(job: EncodeJob, to: JobState, *, was: Iterable[str], **columns: Any) -> bool:
    """Move a job by one UPDATE that can lose. Return whether it moved; tells pages if so."""
    return _move(EncodeJob.objects.filter(state__in=list(was)), job, to, columns)


def move_mine(job: EncodeJob, to: JobState, *, was: Iterable[str], **columns: Any) -> bool:
    """Move a job, only while nobody else has taken it up."""
    mine = EncodeJob.objects.filter(state__in=list(was), lease_until=job.lease_until)
    return _move(mine, job, to, columns)


def _move(found: Any, job: EncodeJob, to: JobState, columns: dict[str, Any]) -> bool:
    columns["state"] = to
    if not found.filter(pk=job.pk).update(**columns):
        return False
    _set(job, **columns)
    if to not in _UNTOLD:
        tell(job)
    return True


def _set(job: EncodeJob, **columns: Any) -> None:
    for name, value in columns.items():
        setattr(job, name, value)


def tell(job: EncodeJob) -> None:
    live.announce_topic(job.workspace_id, job.system.property_id, "card", job.pk)


def tell_all(job: EncodeJob) -> None:
    """Tell pages of the job, and those of its system."""
    tell(job)
    waking.tell(job.system)


def note(
    job: EncodeJob,
    verb: Verb,
    *,
    at: datetime,
    result: Result = Result.NONE,
    who: Who | None = None,
    subject: str | None = None,
    **detail: str,
) -> None:
    """Write one line about a job. Numbers of cards go in by their last four only."""
    record(
        verb,
        workspace_id=job.workspace_id,
        at=at,
        who=who or job.who,
        place=job.system.as_place(),
        attempt_id=job.pk,
        subject=str(job.user or "") if subject is None else subject,
        how=How.WEB,
        result=result,
        system=job.system.name,
        encoder=job.encoder.name,
        intent=job.intent,
        **{key: value for key, value in detail.items() if value},
    )


def mark_used(job: EncodeJob, at: datetime) -> None:
    AcsEncoder.objects.filter(pk=job.encoder_id).update(last_used_at=at)


def mark_ok(job: EncodeJob, at: datetime) -> None:
    AcsEncoder.objects.filter(pk=job.encoder_id).update(
        last_used_at=at, last_ok_at=at, last_error="", last_error_at=None
    )


def mark_error(job: EncodeJob, failure: str, at: datetime) -> None:
    AcsEncoder.objects.filter(pk=job.encoder_id).update(
        last_used_at=at, last_error=failure, last_error_at=at
    )
