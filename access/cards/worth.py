"""Whether a card that was written is worth what was wished: asked when its writing is proven."""

from __future__ import annotations

from typing import Any

from access.models import AcsCredential, EncodeJob
from access.states import MOVING, JobKind, JobState, Phase

#: Something of this job may be on its way onto a card now.
_BEING_WRITTEN = (*MOVING, JobState.VERIFYING)


def is_being_written(credential: AcsCredential) -> bool:
    """Tell whether a job has been sent that writes this credential. Asks the database."""
    jobs = EncodeJob.objects.filter(credential=credential, state__in=_BEING_WRITTEN)
    return jobs.exclude(kind=JobKind.SCAN).exists()


def faults(job: EncodeJob, number: str) -> dict[str, Any]:
    """Return what is wrong with a card that was just proven written; empty where nothing is.

    `number`: of the card it was written on, or its end; "" where nobody says.
    """
    if said := _void(job):
        return {"void": said}
    before = str(job.result.get("card_before", ""))
    if before and number and not before.endswith(number):
        return {"fields": "card number", "was_on": before[-4:]}
    return {}


def _void(job: EncodeJob) -> str:
    """Say why the right on this card is none any more."""
    card, user = job.credential, job.user
    if user and (user.delete_asked_at or user.phase in (Phase.DELETING, Phase.GONE)):
        return f"{user.full_name} was deleted meanwhile."
    if user and user.is_suspended:
        return f"{user.full_name} was suspended meanwhile."
    if card and (card.delete_asked_at or card.phase in (Phase.DELETING, Phase.GONE)):
        return "Its right was withdrawn meanwhile."
    return ""
