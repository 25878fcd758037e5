"""What every step of a command does: hold the door, write a line, show it on the boards."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import Q

from audit.services import record
from audit.who import Who
from audit.words import Result, Verb
from locks import live
from locks.models import ActionAttempt, Device
from locks.states import AttemptStatus

RESULT_OF = {
    AttemptStatus.SUCCESS: Result.GRANTED,
    AttemptStatus.FAILED: Result.FAILED,
    AttemptStatus.UNCONFIRMED: Result.UNCONFIRMED,
}


def note(
    attempt: ActionAttempt,
    device: Device,
    what: str,
    result: Result,
    *,
    at: datetime,
    who: Who | None = None,
    **detail: str,
) -> None:
    record(
        Verb(f"{attempt.action}_{what}"),
        workspace_id=attempt.workspace_id,
        at=at,
        who=who or attempt.who,
        place=device.as_place(),
        attempt_id=attempt.pk,
        how=attempt.how,
        result=result,
        reason=attempt.reason,
        **{key: value for key, value in detail.items() if value},
    )


def show(device: Device, attempt: ActionAttempt, *, patience_seconds: float = 0) -> None:
    """Have boards tell of this attempt, unless there is a newer one to tell of."""
    newer = Q(attempt__created_at__gt=attempt.created_at)
    Device.objects.filter(pk=device.pk).exclude(newer).update(attempt_id=attempt.pk)
    live.announce(attempt.workspace_id, device.pk, patience_seconds=patience_seconds)


def hold(device_id: UUID) -> None:
    """Lock the door's row until the transaction ends.

    Whatever touches a door and its attempts takes the door first. In two orders, a stored
    answer and a feed that tells of it would wait for each other.
    """
    list(Device.objects.select_for_update(no_key=True).filter(pk=device_id).values_list("pk"))


def database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now
