"""Ending the doubt about a card."""

from __future__ import annotations

from datetime import datetime

from access.models import EncodeJob
from accounts.actors import Actor


def discard(job: EncodeJob, *, by: Actor, at: datetime) -> EncodeJob:
    """Put a card in doubt aside: its credential is withdrawn, the job ends as failed.

    Raises RefusedError unless the job is in doubt or its card is suspect; PermissionDenied.
    """
    raise NotImplementedError
