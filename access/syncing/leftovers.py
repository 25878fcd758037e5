"""Credentials that were made for a card and never written on one."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q

from access.models import AcsCredential, AcsSystem, EncodeJob
from access.states import OPEN_STATES, CardState, Intent, JobState, Phase
from accounts.providers.systems import AccessMethod

#: A failed try may be repeated for so long.
_KEPT_FOR = timedelta(hours=1)


def withdraw(system: AcsSystem, at: datetime) -> bool:
    """Wish away what failed tries of this desk left. Return whether there was any.

    One that was made to update a card is left alone: it may be of the same key.
    """
    jobs = EncodeJob.objects.filter(credential=OuterRef("pk"))
    under_way = EncodeJob.objects.filter(
        user=OuterRef("user"), state__in=(*OPEN_STATES, JobState.UNKNOWN)
    )
    written_since = AcsCredential.objects.filter(
        user=OuterRef("user"),
        access_method=AccessMethod.CARD,
        is_issued=True,
        issued_at__gte=OuterRef("created_at"),
    )
    is_old = Q(created_at__lt=at - _KEPT_FOR) & ~Q(card_state=CardState.SUSPECT)
    left = AcsCredential.objects.filter(
        is_old | Exists(written_since),
        Exists(jobs),
        ~Exists(jobs.filter(intent=Intent.UPDATE)),
        ~Exists(under_way),
        system=system,
        access_method=AccessMethod.CARD,
        phase=Phase.LIVE,
        is_issued=False,
        issued_at=None,
        card_number="",
        is_managed=True,
        delete_asked_at=None,
    ).exclude(Q(remote_id="") | Q(card_state=CardState.IN_USE))  # in use: it was read, and is good
    return bool(
        left.update(
            delete_asked_at=at,
            delete_reason="unused",
            phase=Phase.DELETING,
            next_run_at=at,
            attempts=0,
        )
    )
