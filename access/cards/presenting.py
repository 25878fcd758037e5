"""What the station says of a job."""

from __future__ import annotations

from datetime import datetime

from access.cards.job_view import JobView
from access.models import EncodeJob
from accounts.actors import Actor


def view_of(job: EncodeJob, actor: Actor, now: datetime) -> JobView:
    """Return a job as this person may see it. Asks the database, calls nobody."""
    raise NotImplementedError
