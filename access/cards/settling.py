"""Ending the doubt about a card."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from access import credentials
from access.cards import outcomes, rows, worth
from access.cards.refusals import RefusedError
from access.models import EncodeJob
from access.states import CardState, JobState
from accounts.actors import Actor
from accounts.permissions import Permission


def discard(job: EncodeJob, *, by: Actor, at: datetime) -> EncodeJob:
    """Put a card in doubt aside: its credential is withdrawn, the job ends as failed.

    Raises RefusedError unless the job is in doubt or its card is suspect; PermissionDenied.
    """
    by.require(Permission.MAKE_CARDS, job.system.property_id)
    by.require(Permission.CANCEL_CARDS, job.system.property_id)
    with transaction.atomic():
        job = rows.held(job.pk)
        card = job.credential
        is_suspect = card is not None and card.card_state == CardState.SUSPECT
        if job.is_open or not (job.state == JobState.UNKNOWN or is_suspect):
            raise RefusedError("There is nothing in doubt about this card.")
        if card and worth.is_being_written(card):
            raise RefusedError("This card is being written again. Wait until that has ended.")
        if card:
            credentials.withdraw(card, "cancelled", by=by, at=at)
        if job.state == JobState.UNKNOWN:
            outcomes.settled_as_failed(
                job,
                evidence="person",
                after="it was put aside, and its right withdrawn",
                who=by.who,
            )
    found = rows.load(job.pk)
    assert found is not None
    return found
