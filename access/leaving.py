"""What becomes of an account's systems when it is disconnected."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import QuerySet

from access import waking
from access.cards import outcomes, rows
from access.models import AcsCredential, AcsSystem, AcsUser, EncodeJob
from access.people.opening import in_words
from access.states import OPEN_STATES, JobState, Phase
from access.syncing import due
from accounts.models import ConnectedAccount


def foretell(account: ConnectedAccount) -> list[str]:
    """Return what goes with an account, and what stays undone, a sentence each."""
    systems = list(_systems(account).order_by("name"))
    if not systems:
        return []
    people = AcsUser.objects.filter(system__in=systems).not_gone().count()
    names = in_words([system.name for system in systems])
    said = [
        f"{_count(len(systems), 'access system')} with {_count(people, 'cardholder')} "
        f"{'leaves' if len(systems) == 1 else 'leave'} Access: {names}."
    ]
    return [*said, *_undone(systems), *_at_encoders(systems)]


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _undone(systems: Sequence[AcsSystem]) -> list[str]:
    """Say whose access was to end, and nobody is told any more."""
    users = AcsUser.objects.filter(due.unwanted(AcsUser), system__in=systems).not_gone()
    cards = AcsCredential.objects.filter(due.unwanted(AcsCredential), system__in=systems)
    left = cards.exclude(phase=Phase.GONE).exclude(user__in=users).count()
    number = users.count() + left
    if not number:
        return []
    each = "1 end of access was" if number == 1 else f"{number} ends of access were"
    return [
        f"{each} wished for and not seen yet (people, groups, cards, PINs, mobile keys): doors may stay open "
        "to them. End them at the provider."
    ]


def _at_encoders(systems: Sequence[AcsSystem]) -> list[str]:
    jobs = EncodeJob.objects.filter(system__in=systems, state__in=OPEN_STATES)
    return [
        f"A card {f'for {job.user} ' if job.user else ''}is under way at {job.encoder.name}: "
        "nobody will hear whether it was written."
        for job in jobs.select_related("user", "encoder").order_by("created_at")[:20]
    ]


def take_away(account: ConnectedAccount, *, at: datetime) -> None:
    """Pages lose the systems; people and cards stay as they were, for the log.

    A card that was not begun is not made. Of one that was, nobody can be asked any more.
    """
    for system in _systems(account):
        jobs = EncodeJob.objects.filter(system=system)
        unfinished = jobs.filter(rows.UNFINISHED).order_by("pk")
        for job_id in list(unfinished.values_list("pk", flat=True)):
            _cut_off(rows.held(job_id), account.name)
        AcsSystem.objects.filter(pk=system.pk).update(removed_at=at)
        waking.tell(system)


def _cut_off(job: EncodeJob, account: str) -> None:
    if job.state in (JobState.PREPARING, JobState.READY):
        outcomes.blocked(job, f"{account} was disconnected, so nothing was sent.")
    else:
        outcomes.cut_off(job, account)


def _systems(account: ConnectedAccount) -> QuerySet[AcsSystem]:
    return AcsSystem.objects.filter(account=account, removed_at=None)
