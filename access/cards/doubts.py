"""Ending doubt by what we hear: a reading of the card, or a listing of the credential."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.dateparse import parse_datetime

from access.cards import outcomes, pace, rows, worth
from access.cards.evidence import Finding, Reading
from access.models import AcsCredential, EncodeJob
from access.states import CardState, Intent, JobState
from accounts.providers.systems import CardFailure, ListedCredential
from audit.words import Result, Verb


def encoder_is_free_at(job: EncodeJob) -> datetime:
    """Return when nobody at an encoder waits for this job's card any more, for all we know."""
    # Also without an id: such an attempt may wait for a card like any other.
    return job.watched_until or job.created_at + pace.WATCHED


def settle_by_reading(scan: EncodeJob, reading: Reading) -> None:
    """Take a reading as evidence for the job whose card it is (facts §6, transition 13)."""
    job = _job_of(scan, reading)
    if job is None:
        return
    if reading.finding == Finding.BLANK:
        # Of an update it says only that this is not the card: that one was written before.
        if job.state == JobState.UNKNOWN and job.intent != Intent.UPDATE:
            outcomes.settled_as_failed(
                job,
                evidence="scan",
                after="the card is blank: nothing was written",
                failure=CardFailure.BLANK_ON_SCAN,
            )
    elif reading.finding == Finding.OURS and _is_its_card(job, reading):
        _by_its_card(job, reading)


def _job_of(scan: EncodeJob, reading: Reading) -> EncodeJob | None:
    """Return the job in doubt that this card belongs to."""
    if scan.settles_id:
        job = rows.load(scan.settles_id)
        return job if job and job.system_id == scan.system_id else None
    if not reading.credential_id:
        return None
    found = EncodeJob.objects.filter(
        system=scan.system,
        credential__remote_id=reading.credential_id,
        state=JobState.UNKNOWN,
    ).first()
    return rows.load(found.pk) if found else None


def _is_its_card(job: EncodeJob, reading: Reading) -> bool:
    return job.credential is not None and job.credential.remote_id == reading.credential_id


def _by_its_card(job: EncodeJob, reading: Reading) -> None:
    if not reading.is_in_sync:
        if job.state == JobState.UNKNOWN:
            outcomes.mismatch(job, {"fields": ", ".join(reading.fields)}, evidence="scan")
        return
    if job.state == JobState.UNKNOWN:
        _written(job, reading)
    elif job.credential_id:  # it was lifted too early, and is whole after all
        AcsCredential.objects.filter(
            pk=job.credential_id,
            card_state=CardState.SUSPECT,
            is_issued=True,
            delete_asked_at=None,
        ).update(card_state=CardState.IN_USE)


def _written(job: EncodeJob, reading: Reading) -> None:
    """The card carries what it should. Whether it is *issued* tells the credential alone."""
    with transaction.atomic():
        job = rows.held(job.pk)
        if faults := worth.faults(job, reading.last_four):
            outcomes.mismatch(job, faults, evidence="scan")
            return
        at = rows.database_now()
        if not rows.move(
            job,
            JobState.ISSUED,
            was=(JobState.UNKNOWN,),
            finished_at=at,
            evidence="scan",
            holds_user=False,
            result=job.result | {"last_four": reading.last_four},
        ):
            return
        if job.credential:
            AcsCredential.objects.filter(pk=job.credential.pk, card_state=CardState.SUSPECT).update(
                card_state=CardState.IN_USE
            )
        rows.note(
            job,
            Verb.CARD_SETTLED,
            at=at,
            result=Result.GRANTED,
            last_four=reading.last_four,
            after="it was read, and is as it should be",
        )
        rows.tell_all(job)


def settle_by_listings() -> int:
    """Settle jobs nobody watches any more by what syncing has brought. Return how many."""
    waiting = (
        EncodeJob.objects.select_related("credential")
        .filter(
            state=JobState.UNKNOWN,
            watched_until__lt=rows.database_now(),
            credential__is_issued=True,
        )
        .order_by("-created_at")[:200]
    )
    return sum(_by_row(job) for job in waiting)


def _by_row(job: EncodeJob) -> bool:
    card = job.credential
    before = parse_datetime(str(job.result.get("issued_before", "")))
    if card is None or (before and (card.issued_at is None or card.issued_at <= before)):
        return False
    seen = ListedCredential(
        remote_id=card.remote_id,
        access_method=card.access_method,
        card_number=card.card_number,
        is_issued=card.is_issued,
        issued_at=card.issued_at,
        starts_at=card.starts_at,
        ends_at=card.ends_at,
    )
    return outcomes.issued(job, seen, evidence="credential")
