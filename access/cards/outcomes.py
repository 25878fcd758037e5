"""Storing what became of a job: each is one transaction, and each can lose."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Case, F, Value, When

from access import carrying, waking
from access.cards import rows, worth
from access.cards.evidence import Finding, Reading, without_numbers
from access.cards.failures import Content, content_of, row_of, sentence_of
from access.models import AcsCredential, AcsUser, EncodeJob
from access.people.words import thing
from access.states import OPEN_STATES, CardState, JobKind, JobState, Phase
from access.syncing import cards as listing
from accounts.providers.systems import CardFailure, ListedCredential, Problem
from audit.words import Result, Verb

_UNSETTLED = (*OPEN_STATES, JobState.UNKNOWN)
TOO_LATE = "Not sent – took too long."
_FREE = {"holds_encoder": False, "holds_user": False, "lease_until": None}


# --- never sent -----------------------------------------------------------------------


def blocked(
    job: EncodeJob, sentence: str, *, failure: str = "", state: JobState = JobState.BLOCKED
) -> bool:
    """End a job that was never sent, and say what stood in the way."""
    with transaction.atomic():
        job = rows.held(job.pk)
        at = rows.database_now()
        if not rows.move(
            job,
            state,
            was=(JobState.PREPARING, JobState.READY),
            finished_at=at,
            failure=failure,
            provider_message=sentence[:300],
            **_FREE,
        ):
            return False
        rows.note(job, Verb.CARD_FAILED, at=at, result=Result.FAILED, error=sentence)
        return True


# --- written --------------------------------------------------------------------------


def issued(job: EncodeJob, seen: ListedCredential, *, evidence: str = "") -> bool:
    """The provider's own credential says that the card is written (CARD-01).

    A card whose right went meanwhile, or another than was to be written, ends as a mismatch.
    """
    with transaction.atomic():
        job = rows.held(job.pk)
        if job.credential and seen.remote_id != job.credential.remote_id:
            return False  # of another credential
        if faults := worth.faults(job, seen.card_number):
            return mismatch(job, faults, evidence=evidence, seen=seen)
        at = rows.database_now()
        was_in_doubt = job.state == JobState.UNKNOWN
        last_four = seen.card_number[-4:]
        if not rows.move(
            job,
            JobState.ISSUED,
            was=(JobState.WAITING, JobState.VERIFYING, JobState.UNKNOWN),
            finished_at=at,
            evidence=evidence if was_in_doubt else "",
            result=_without_before(job) | {"last_four": last_four},
            **_freed(job, is_over=_is_over(job, evidence)),
        ):
            return False
        if job.credential:
            store_seen(job.credential, seen, at=at, card_state=CardState.IN_USE)
            carrying.note_written(job.credential, begun_at=job.requested_at)
        rows.mark_ok(job, at)
        verb, after = (
            (Verb.CARD_SETTLED, "it was written after all")
            if was_in_doubt
            else (Verb.CARD_ISSUED, "")
        )
        rows.note(job, verb, at=at, result=Result.GRANTED, last_four=last_four, after=after)
        rows.tell_all(job)
        return True


def _is_over(job: EncodeJob, evidence: str) -> bool:
    """Whether the attempt at the encoder has ended, by what is known now."""
    return evidence != "credential" or not job.attempt_id or bool(job.result.get("ended"))


def _freed(job: EncodeJob, *, is_over: bool) -> dict[str, Any]:
    """Free the person; and the encoder, unless its attempt may still wait for a card."""
    return _FREE | {"holds_encoder": job.holds_encoder and not is_over}


def assigned(job: EncodeJob, seen: ListedCredential | None, *, evidence: str = "") -> bool:
    """A tag was given to somebody."""
    with transaction.atomic():
        job = rows.held(job.pk)
        at = rows.database_now()
        last_four = seen.card_number[-4:] if seen else ""
        if not rows.move(
            job,
            JobState.DONE,
            was=_UNSETTLED,
            finished_at=at,
            evidence=evidence,
            result=job.result | {"last_four": last_four},
            **_freed(job, is_over=_is_over(job, evidence)),
        ):
            return False
        rows.mark_ok(job, at)
        rows.note(job, Verb.TAG_ASSIGNED, at=at, result=Result.GRANTED, last_four=last_four)
        if seen and job.user:
            listing.take_new(job.user, seen, asked_at=at)
        waking.wake(job.system, at=at)  # whose the tag was before comes with the next listing
        return True


def mismatch(
    job: EncodeJob,
    faults: dict[str, Any],
    *,
    evidence: str,
    seen: ListedCredential | None = None,
) -> bool:
    """The card was written, and nobody may have it as it is. `seen`: what the provider just said.

    `faults`: the `fields` in which card and system differ, or what `worth.faults` found.
    """
    with transaction.atomic():
        job = rows.held(job.pk)
        at = rows.database_now()
        was_in_doubt = job.state == JobState.UNKNOWN
        if not rows.move(
            job,
            JobState.MISMATCH,
            was=(JobState.WAITING, JobState.VERIFYING, JobState.UNKNOWN),
            finished_at=at,
            failure=CardFailure.VERIFY_FAIL,
            evidence=evidence if was_in_doubt else "",
            result=_without_before(job) | faults,
            **_freed(job, is_over=_is_over(job, evidence)),
        ):
            return False
        if seen and job.credential:
            store_seen(job.credential, seen, at=at)
        _suspect(job)
        error = sentence_for(job)
        verb = Verb.CARD_SETTLED if was_in_doubt else Verb.CARD_FAILED
        after = _after_mismatch(faults) if was_in_doubt else ""
        rows.note(job, verb, at=at, result=Result.FAILED, error=error, after=after)
        rows.tell_all(job)
        return True


def _after_mismatch(faults: dict[str, Any]) -> str:
    if faults.get("void"):
        return "it was written, and its right is gone"
    return "card and system disagree"


def _without_before(job: EncodeJob) -> dict[str, Any]:
    """Return a job's result without the number that only its proof needed."""
    return {key: value for key, value in job.result.items() if key != "card_before"}


# --- not written, or nobody knows -----------------------------------------------------


def failed(job: EncodeJob, failure: CardFailure, message: str = "", *, nothing_sent: bool) -> bool:
    """Store why it did not work. What leaves the card in doubt becomes *unknown* instead.

    `nothing_sent`: the provider provably began nothing, so the card is as it was.
    """
    content = Content.UNCHANGED if nothing_sent else content_of(failure, job.kind)
    if content is Content.UNKNOWN:
        return unknown(job, failure, message, has_ended=True)
    with transaction.atomic():
        job = rows.held(job.pk)
        at = rows.database_now()
        was_in_doubt = job.state == JobState.UNKNOWN
        if not rows.move(
            job,
            JobState.FAILED,
            was=_UNSETTLED,
            finished_at=at,
            failure=failure,
            provider_message=without_numbers(message),
            evidence="attempt" if was_in_doubt else "",
            result=job.result | {"in_a_row": _in_a_row(job, failure)},
            **_FREE,
        ):
            return False
        _after_failure(job, failure, content, at)
        error = sentence_for(job)
        verb = Verb.CARD_SETTLED if was_in_doubt else Verb.CARD_FAILED
        after = "it was not written" if was_in_doubt else ""
        rows.note(job, verb, at=at, result=Result.FAILED, error=error, after=after)
        rows.tell_all(job)
        return True


def _after_failure(job: EncodeJob, failure: CardFailure, content: Content, at: datetime) -> None:
    if content is Content.HALF_WRITTEN:
        _suspect(job)
    if row_of(failure).is_of_encoder:
        rows.mark_error(job, failure, at)
    if failure in _STALE:
        waking.wake_account(job.system.account_id, at=at)


#: These say that what we know of people, cards or encoders is out of date.
_STALE = (
    CardFailure.CREDENTIAL_GONE,
    CardFailure.HAS_KEY,
    CardFailure.NO_KEY_TO_UPDATE,
    CardFailure.ENCODER_MISSING,
    CardFailure.BRIDGE_DOWN,
)


def _in_a_row(job: EncodeJob, failure: CardFailure) -> int:
    before = EncodeJob.objects.filter(pk__in=[job.retries_id], failure=failure).first()
    return int(before.result.get("in_a_row", 1)) + 1 if before else 1


def unknown(
    job: EncodeJob, failure: CardFailure, message: str = "", *, has_ended: bool = False
) -> bool:
    """Nobody knows whether the card was written. Of a reading: it failed, and changed nothing.

    `has_ended`: the attempt is over, so the encoder is free.
    """
    is_reading = job.kind == JobKind.SCAN
    with transaction.atomic():
        job = rows.held(job.pk)
        at = rows.database_now()
        already = job.state == JobState.UNKNOWN
        if not rows.move(
            job,
            JobState.FAILED if is_reading else JobState.UNKNOWN,
            was=(JobState.REQUESTING, JobState.WAITING, JobState.VERIFYING, JobState.UNKNOWN),
            finished_at=at if is_reading else None,
            failure=failure,
            provider_message=without_numbers(message),
            holds_encoder=job.holds_encoder and not has_ended,
            holds_user=not is_reading and job.user_id is not None,
            lease_until=None,
            result=job.result | ({"ended": True} if has_ended else {}),
        ):
            return False
        _suspect(job)
        if row_of(failure).is_of_encoder:
            rows.mark_error(job, failure, at)
        if not already:
            verb = Verb.CARD_FAILED if is_reading else Verb.CARD_UNCONFIRMED
            result = Result.FAILED if is_reading else Result.UNCONFIRMED
            rows.note(job, verb, at=at, result=result, error=sentence_for(job))
        rows.tell_all(job)
        return True


def cut_off(job: EncodeJob, account: str) -> bool:
    """The account went while a card was under way: nobody can be asked about it any more."""
    is_reading = job.kind == JobKind.SCAN
    with transaction.atomic():
        job = rows.held(job.pk)
        at = rows.database_now()
        already = job.state == JobState.UNKNOWN
        if job.state not in _UNSETTLED:
            free_encoder(job)
            return False
        rows.move(
            job,
            JobState.FAILED if is_reading else JobState.UNKNOWN,
            was=_UNSETTLED,
            finished_at=at,
            watched_until=at,
            failure=job.failure or CardFailure.WAIT_OVER,
            result=job.result | {"cut_off": account, "ended": True},
            **_FREE,
        )
        _suspect(job)
        if not already:
            verb = Verb.CARD_FAILED if is_reading else Verb.CARD_UNCONFIRMED
            result = Result.FAILED if is_reading else Result.UNCONFIRMED
            rows.note(job, verb, at=at, result=result, error=sentence_for(job))
        return True


def settled_as_failed(
    job: EncodeJob, *, evidence: str, after: str, failure: str = "", who: Any = None
) -> bool:
    """End the doubt about a card: nothing was written, or it was put aside."""
    with transaction.atomic():
        job = rows.held(job.pk)
        at = rows.database_now()
        if not rows.move(
            job,
            JobState.FAILED,
            was=(JobState.UNKNOWN,),
            finished_at=at,
            evidence=evidence,
            failure=failure or job.failure,
            **_freed(job, is_over=not job.attempt_id or bool(job.result.get("ended"))),
        ):
            return False
        if evidence == "scan" and job.credential:
            AcsCredential.objects.filter(
                pk=job.credential.pk, card_state=CardState.SUSPECT, is_issued=False
            ).update(card_state=CardState.NONE)
        rows.note(job, Verb.CARD_SETTLED, at=at, result=Result.FAILED, after=after, who=who)
        rows.tell_all(job)
        return True


def free_encoder(job: EncodeJob) -> None:
    """Nobody waits for a card at this encoder any more."""
    changed = EncodeJob.objects.filter(pk=job.pk, holds_encoder=True).update(
        holds_encoder=False, result=job.result | {"ended": True}
    )
    if changed:
        job.holds_encoder, job.result = False, job.result | {"ended": True}
        rows.tell(job)


# --- read -----------------------------------------------------------------------------


def was_read(job: EncodeJob, reading: Reading) -> bool:
    """Store what a reading found, with the last four of the number only."""
    with transaction.atomic():
        job = rows.held(job.pk)
        at = rows.database_now()
        credential = _credential_of(job, reading)
        holder = (credential.user if credential else None) or _user_of(job, reading)
        if not rows.move(
            job,
            JobState.DONE,
            was=_UNSETTLED,
            finished_at=at,
            user=holder,
            credential=credential,
            result=_facts(reading),
            **_FREE,
        ):
            return False
        rows.mark_ok(job, at)
        is_of_other = is_of_other_property(job)
        # The log of this property is no place for the people of another.
        subject = "" if is_of_other or not holder else str(holder)
        last_four = "" if is_of_other else reading.last_four
        rows.note(job, Verb.CARD_READ, at=at, subject=subject, last_four=last_four)
        return True


def _credential_of(job: EncodeJob, reading: Reading) -> AcsCredential | None:
    if reading.finding != Finding.OURS:
        return None
    found: AcsCredential | None = (
        AcsCredential.objects.select_related("user")
        .filter(system__account_id=job.system.account_id, remote_id=reading.credential_id)
        .first()
    )
    return found


def _user_of(job: EncodeJob, reading: Reading) -> AcsUser | None:
    if not reading.user_id:
        return None
    found: AcsUser | None = AcsUser.objects.filter(
        system__account_id=job.system.account_id, remote_id=reading.user_id
    ).first()
    return found


def is_of_other_property(job: EncodeJob) -> bool:
    """Tell whether a card that was read belongs to another property than its reader."""
    here = job.system.property_id
    return any(each.system.property_id != here for each in (job.credential, job.user) if each)


def _facts(reading: Reading) -> dict[str, Any]:
    return {
        "finding": reading.finding.value,
        "last_four": reading.last_four,
        "starts_at": reading.starts_at.isoformat() if reading.starts_at else None,
        "ends_at": reading.ends_at.isoformat() if reading.ends_at else None,
        "is_in_sync": reading.is_in_sync,
        "fields": list(reading.fields),
    }


#: What a provider says may be longer than any card's; a job that cannot be stored never ends.
_LONGEST_NUMBER, _LONGEST_TYPE = 64, 60

# --- the credential's row -------------------------------------------------------------


def store_seen(
    credential: AcsCredential,
    seen: ListedCredential,
    *,
    at: datetime,
    card_state: CardState | None = None,
    phase: Phase | None = None,
    **more: Any,
) -> None:
    """Store what the provider just said of a credential. Its deletion, if wished, stays wished.

    `phase` is left alone then. `more`: columns to store with it.
    """
    columns: dict[str, Any] = more | {
        "is_issued": seen.is_issued,
        "issued_at": seen.issued_at,
        "card_number": seen.card_number[:_LONGEST_NUMBER],
        "external_type": (seen.external_type or credential.external_type)[:_LONGEST_TYPE],
        "starts_at": seen.starts_at,
        "ends_at": seen.ends_at,
        "errors": as_json(seen.errors),
        "warnings": as_json(seen.warnings),
        "seen_at": at,
        "missing_listings": 0,
    }
    if card_state is not None and credential.card_state not in (CardState.LOST, CardState.RETURNED):
        columns["card_state"] = card_state
    # Of a credential that shall go, "written" is the moment its deletion was told.
    wanted: dict[str, Any] = {"written_at": at} | ({"phase": phase} if phase else {})
    AcsCredential.objects.filter(pk=credential.pk).update(
        **columns,
        **{
            name: Case(When(delete_asked_at=None, then=Value(value)), default=F(name))
            for name, value in wanted.items()
        },
    )
    columns |= wanted if credential.delete_asked_at is None else {}
    for name, value in columns.items():
        setattr(credential, name, value)


def as_json(problems: tuple[Problem, ...]) -> list[dict[str, str]]:
    return [{"code": each.code, "message": each.message} for each in problems]


def _suspect(job: EncodeJob) -> None:
    if job.kind == JobKind.ENCODE and job.credential_id:
        AcsCredential.objects.filter(pk=job.credential_id).exclude(
            card_state__in=(CardState.LOST, CardState.RETURNED)
        ).update(card_state=CardState.SUSPECT)


def store_gone(credential: AcsCredential) -> None:
    """Store that the provider, asked for this credential, has none (CARD-05)."""
    at = rows.database_now()
    AcsCredential.objects.filter(pk=credential.pk).exclude(phase=Phase.GONE).update(
        phase=Phase.GONE, gone_at=at, next_run_at=None, ambiguous_since=None
    )


def sentence_for(job: EncodeJob) -> str:
    """Return what is said of a job that went wrong."""
    if job.state == JobState.BLOCKED:
        return job.provider_message
    if account := job.result.get("cut_off"):
        return _cut_off_words(job, account)
    if void := job.result.get("void"):
        return f"Don’t hand this {thing(job.system)} out. {void}"
    if was_on := job.result.get("was_on"):
        return (
            f"This is not the card …{was_on}, which still opens doors. Put that card on the encoder "
            "and write it again, or report it lost and replace it. Don’t hand this one out."
        )
    return sentence_of(
        job.failure,
        job.kind,
        encoder=job.encoder.name,
        reference=job.reference,
        message=job.provider_message,
        fields=str(job.result.get("fields", "")),
        in_a_row=int(job.result.get("in_a_row", 1)),
        is_tag=job.system.assigns_tags,
        may_be_new=job.kind == JobKind.ASSIGN and not job.detects_new_tags,
    )


def _cut_off_words(job: EncodeJob, account: str) -> str:
    what = thing(job.system)
    if job.kind == JobKind.SCAN:
        return f"{account} was disconnected. The {what} was not changed by reading it."
    done = "given" if job.kind == JobKind.ASSIGN else "written"
    return (
        f"{account} was disconnected while this was under way, so nobody can be asked whether it "
        f"was {done}. Don’t hand this {what} out."
    )
