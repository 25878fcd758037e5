"""Stays that are over and of which something may still open a door: said in the log, once."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from access.grants import services, standing
from access.grants.asking import By
from access.models import AccessGrant, DoorShare
from access.states import Phase
from audit.words import Verb
from locks.codes.overdue import ALERT_AFTER
from locks.codes.states import GONE_PHASES

#: So many in one tick; the rest waits for the next.
_MOST = 100


def due(at: datetime) -> list[AccessGrant]:
    """Return stays of which a code, or somebody in a system, should have been gone for minutes."""
    code = Q(door__code__overdue_since__isnull=False) & ~Q(door__code__phase__in=GONE_PHASES)
    user = Q(door__method__acs_user__delete_asked_at__lte=at - ALERT_AFTER)
    user &= ~Q(door__method__acs_user__phase=Phase.GONE)
    late = DoorShare.objects.filter(code | user, grant=OuterRef("pk"), door__ended_at__isnull=False)
    rows = AccessGrant.objects.filter(
        Exists(late), given_up_at__isnull=False, gone_at=None, overdue_at=None
    )
    return list(rows.select_related("property", "identity").order_by("given_up_at")[:_MOST])


def note(grant: AccessGrant, *, by: By, at: datetime) -> None:
    """Write down at which doors, if any: a code that its lock ended by itself opens nothing."""
    standing.fetch([grant])
    names = dict.fromkeys(
        door.name
        for way in standing.of(grant, at).methods
        for door in way.doors
        if door.progress.key == "still_active"
    )
    if not names:
        return
    with transaction.atomic():
        rows = AccessGrant.objects.filter(pk=grant.pk, gone_at=None, overdue_at=None)
        if rows.update(overdue_at=at):
            after = ", ".join(names)[:300]
            services.tell(Verb.GRANT_OVERDUE, grant, by=by, at=at, after=after)
