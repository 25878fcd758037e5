"""Not waiting for a card any more."""

from __future__ import annotations

from datetime import datetime

from access.models import EncodeJob
from accounts.actors import Actor


def stop(job: EncodeJob, *, by: Actor, at: datetime) -> EncodeJob:
    """Cancel what was not sent; of what was, only stop watching.

    There is no taking back an attempt: its encoder stays held until it ends, and the page
    says to keep cards off it. Nothing happens to a job that has ended. Raises PermissionDenied.
    """
    raise NotImplementedError
