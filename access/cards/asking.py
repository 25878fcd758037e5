"""Asking for a card: one transaction, one row, one line in the log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import IntegrityError, transaction
from django.db.models import Q

from access import credentials, waking
from access.cards import checks, failures, intents, outcomes, pace, rows, working
from access.cards.refusals import BusyError, RefusedError
from access.models import AcsCredential, AcsEncoder, AcsSystem, AcsUser, EncodeJob
from access.states import Intent, JobKind, JobState, Phase
from accounts.actors import Actor
from accounts.providers.systems import AccessMethod, CardFailure
from audit.words import Result, Verb


@dataclass(frozen=True, kw_only=True)
class Order:
    """What the person at the desk wants."""

    intent: Intent
    encoder: AcsEncoder
    #: Whose card; None for reading one.
    user: AcsUser | None = None
    #: The card to write again or to replace, where the person has several.
    credential: AcsCredential | None = None
    #: Made with every form (reliability ACT-06).
    key: str
    #: The browser it is asked from.
    station: str = ""
    #: Salto KS: the tag was never registered.
    detects_new_tags: bool = False
    #: For reading: the job whose card is in doubt.
    settles: EncodeJob | None = None

    @property
    def kind(self) -> JobKind:
        kinds = {Intent.READ: JobKind.SCAN, Intent.TAG: JobKind.ASSIGN}
        return kinds.get(self.intent, JobKind.ENCODE)


def ask(order: Order, *, by: Actor, at: datetime) -> EncodeJob:
    """Ask for one card or one reading. Returns before the encoder was asked.

    The same wish twice (same key, or the same wish at the same encoder while it runs) is the
    running job. Raises RefusedError, BusyError; PermissionDenied when the actor may not.
    """
    return _ask(order, None, by=by, at=at)


def try_again(
    job: EncodeJob,
    *,
    by: Actor,
    key: str,
    station: str,
    encoder: AcsEncoder | None = None,
    at: datetime,
) -> EncodeJob:
    """Ask again for what a finished job did not bring, at the same or another encoder.

    `station`: the browser it is asked from now. A new job with the same wish, counted by `tries`. Raises as `ask`; RefusedError too while
    the job is open, and before its countdown is over.
    """
    _refuse_again(job, at)
    if encoder and encoder.system_id != job.system_id:
        raise RefusedError(f"Choose an encoder of {job.system.name}.", field="encoder")
    is_card = job.kind == JobKind.ENCODE
    order = Order(
        intent=_intent_again(job),
        encoder=encoder or job.encoder,
        user=job.user if job.kind != JobKind.SCAN else None,
        credential=job.credential if is_card else None,
        key=key,
        station=station,
        detects_new_tags=job.detects_new_tags,
        settles=job.settles,
    )
    return _ask(order, job, by=by, at=at)


def _intent_again(job: EncodeJob) -> Intent:
    """A card that was written wrongly is no first card any more: it is written again."""
    is_written = job.credential is not None and job.credential.was_written
    if job.state == JobState.MISMATCH and is_written:
        return Intent.UPDATE
    return Intent(job.intent)


def _what_is_done(system: AcsSystem) -> str:
    return "tag was given" if system.assigns_tags else "card was written"


def _refuse_again(job: EncodeJob, at: datetime) -> None:
    if job.is_open:
        raise RefusedError("It is still under way.")
    if job.state == JobState.UNKNOWN:
        what = _what_is_done(job.system)
        raise RefusedError(f"Nobody knows whether the {what}. Read it, or put it aside, first.")
    in_a_row = int(job.result.get("in_a_row", 1))
    if job.failure == CardFailure.UNKNOWN_ERROR and job.tries >= failures.MOST_UNEXPLAINED_TRIES:
        raise RefusedError(f"It failed {job.tries} times. Call support with {job.reference}.")
    if job.finished_at:
        until = failures.may_press_again_at(job.failure, in_a_row, job.finished_at)
        if until and at < until:
            seconds = max(1, round((until - at).total_seconds()))
            raise RefusedError(f"Try again in {seconds} s.", field="wait")


def _ask(order: Order, before: EncodeJob | None, *, by: Actor, at: datetime) -> EncodeJob:
    checks.require(by, order.intent, order.encoder.system, settles=order.settles)
    try:
        with transaction.atomic():
            return _in_one(order, before, by=by, at=at)
    except RefusedError as refused:
        if refused.field == "system":
            # What we know may be a minute old: look now, so that it need not be asked twice.
            waking.wake_account(order.encoder.system.account_id, at=at)
        raise
    except IntegrityError as error:
        # Two desks in one moment: the index is the second lock.
        if "job_key_once_per_person" in str(error):
            if earlier := _of_key(order, before, by):
                return earlier
            raise
        if "job_one_per_user" in str(error):
            raise BusyError(_being_made(order), field="user") from None
        if "job_one_per_encoder" in str(error):
            raise _busy_encoder(order, by) from None
        raise


def _in_one(order: Order, before: EncodeJob | None, *, by: Actor, at: datetime) -> EncodeJob:
    # One ask at a time per system; then the person, as everybody who changes people does.
    system = (
        AcsSystem.objects.select_for_update(of=("self",), no_key=True)
        .select_related("account", "property")
        .get(pk=order.encoder.system_id)
    )
    user = _locked_user(order)
    if earlier := _of_key(order, before, by) or _running(order, by):
        return earlier
    encoder = AcsEncoder.objects.get(pk=order.encoder.pk)
    if order.settles and order.settles.system_id != system.pk:
        there = order.settles.system.name
        raise RefusedError(
            f"The card in doubt is one of {there}. Read it at an encoder of {there}.",
            field="encoder",
        )
    _refuse_if_in_the_way(order, system, encoder, user, at)
    credential, replaces = _cards_for(order, before, user, at)
    if replaces and replaces.phase == Phase.LIVE and not replaces.delete_asked_at:
        credentials.withdraw(replaces, "replaced", by=by, at=at)
    job = EncodeJob.objects.create(
        workspace_id=system.workspace_id,
        system=system,
        encoder=encoder,
        user=user,
        credential=credential,
        replaces=replaces,
        kind=order.kind,
        intent=order.intent,
        detects_new_tags=order.detects_new_tags,
        settles=order.settles,
        retries=before,
        tries=before.tries + 1 if before else 1,
        created_by=by.user,
        actor_kind=by.who.kind,
        actor_name=by.who.name[:200],
        station=order.station[:64],
        idempotency_key=order.key[:64],
        result=_noted(order, before, credential),
        state=JobState.READY if order.kind == JobKind.SCAN else JobState.PREPARING,
        holds_encoder=True,
        holds_user=user is not None,
        created_at=at,
        send_by=rows.database_now() + pace.SEND_WITHIN,
    )
    rows.note(job, Verb.CARD_REQUESTED, at=at, result=Result.REQUESTED)
    waking.tell(system)  # of the job itself nobody asks yet
    transaction.on_commit(partial(working.dispatch, job.pk))
    return job


def _noted(
    order: Order, before: EncodeJob | None, credential: AcsCredential | None
) -> dict[str, str]:
    """Keep the number of the one card that an update may be written on."""
    if order.intent != Intent.UPDATE or credential is None:
        return {}
    if before and before.state == JobState.MISMATCH:
        return {}  # which of two cards is the right one is not known here
    earlier = before.result.get("card_before", "") if before else ""
    return {"card_before": earlier or credential.card_number}


def _locked_user(order: Order) -> AcsUser | None:
    if order.user is None:
        return None
    found: AcsUser = (
        AcsUser.objects.select_for_update(of=("self",), no_key=True)
        .select_related("system__account", "system__property")
        .get(pk=order.user.pk)
    )
    return found


def _of_key(order: Order, before: EncodeJob | None, by: Actor) -> EncodeJob | None:
    """Return the job this form made before. Raises RefusedError where it was another wish."""
    earlier: EncodeJob | None = EncodeJob.objects.filter(
        created_by=by.user, idempotency_key=order.key
    ).first()
    if earlier is None:
        return None
    is_reading = order.kind == JobKind.SCAN  # whose card it is, is what a reading finds
    is_same = (
        earlier.intent == order.intent
        and earlier.encoder_id == order.encoder.pk
        and earlier.settles_id == (order.settles.pk if order.settles else None)
        and earlier.retries_id == (before.pk if before else None)
        and (is_reading or earlier.user_id == (order.user.pk if order.user else None))
    )
    if not is_same:
        raise RefusedError("This page is from before. Load it again, then ask again.", field="key")
    return earlier


def _running(order: Order, by: Actor) -> EncodeJob | None:
    """Return the job that is this very wish, if it runs. Raises BusyError for any other."""
    _end_overdue(order)
    at_encoder: EncodeJob | None = EncodeJob.objects.filter(
        encoder=order.encoder, holds_encoder=True
    ).first()
    if at_encoder:
        user_id = order.user.pk if order.user else None
        is_same = (at_encoder.intent, at_encoder.user_id) == (order.intent, user_id)
        if is_same and at_encoder.is_open and at_encoder.created_by_id == by.user.pk:
            return at_encoder
        raise _busy(at_encoder, order, by)
    of_user = EncodeJob.objects.filter(user=order.user, holds_user=True).first()
    if order.user and of_user:
        if of_user.state == JobState.UNKNOWN:
            raise RefusedError(
                f"Nobody knows yet whether the card of {order.user.full_name} was written. Read "
                "it, or put it aside, first.",
                field="user",
            )
        raise BusyError(_being_made(order), field="user", by=of_user.actor_name)
    return None


def _end_overdue(order: Order) -> None:
    """End what no worker has taken up in time, so that it holds neither encoder nor person."""
    holders = Q(encoder=order.encoder, holds_encoder=True)
    if order.user:
        holders |= Q(user=order.user, holds_user=True)
    unsent = (JobState.PREPARING, JobState.READY)
    overdue = EncodeJob.objects.filter(
        holders, state__in=unsent, send_by__lt=rows.database_now()
    ).select_related("system__property", "encoder", "user")
    for job in overdue:
        outcomes.blocked(job, outcomes.TOO_LATE)


def _being_made(order: Order) -> str:
    return f"A card for {order.user} is being made already."


def _busy_encoder(order: Order, by: Actor) -> BusyError:
    holder = EncodeJob.objects.filter(encoder=order.encoder, holds_encoder=True).first()
    if holder:
        return _busy(holder, order, by)
    return BusyError(f"{order.encoder.name} is in use.", field="encoder")


def _busy(holder: EncodeJob, order: Order, by: Actor) -> BusyError:
    name = order.encoder.name
    if not holder.is_open or holder.stopped_watching_at:
        sentence = (
            f"{name} may still be waiting for an earlier card. Keep cards off it, or choose "
            "another encoder."
        )
        return BusyError(sentence, field="encoder", by=holder.actor_name)
    is_mine = holder.created_by_id == by.user.pk
    whom = "you" if is_mine else holder.actor_name
    return BusyError(f"{name} is in use by {whom}.", field="encoder", by=holder.actor_name)


def _refuse_if_in_the_way(
    order: Order, system: AcsSystem, encoder: AcsEncoder, user: AcsUser | None, at: datetime
) -> None:
    """Raise what speaks against the wish."""
    if user and user.system_id != system.pk:
        raise RefusedError(
            f"{encoder.name} belongs to {system.name}, {user.full_name} to {user.system.name}. "
            f"Choose an encoder of {user.system.name}.",
            field="encoder",
        )
    found = checks.of_encoder(encoder) or checks.of_system(system)
    if found is None and user:
        found = checks.of_user(user, at) or checks.of_rights(user)
    if found is None and user is None and order.intent != Intent.READ:
        found = checks.Obstacle(sentence="Choose whose card it is.", about="user")
    if found:
        raise RefusedError(found.sentence, field=found.about)


def _cards_for(
    order: Order, before: EncodeJob | None, user: AcsUser | None, at: datetime
) -> tuple[AcsCredential | None, AcsCredential | None]:
    """Return the credential to write, where there is one already, and the one it replaces."""
    if user is None or order.kind != JobKind.ENCODE:
        return None, None
    unwritten = _unwritten(order.credential, user)
    if before and before.intent == Intent.REPLACE:
        _refuse_if_replaced_meanwhile(before.replaces, user)
        return unwritten, before.replaces
    offer = intents.offers(user, at).of(order.intent)
    if before and order.intent == Intent.UPDATE and unwritten:
        return unwritten, None
    if not offer.is_offered:
        raise RefusedError(offer.why_not, field="user")
    card = offer.credential
    if order.credential and not before and order.intent != Intent.FIRST:
        card = _chosen(order.credential, order.intent, user)
    if order.intent == Intent.UPDATE:
        return card, None
    return unwritten, card or _being_cancelled(user)


def _chosen(credential: AcsCredential, intent: Intent, user: AcsUser) -> AcsCredential:
    """Return the card somebody chose to update or to replace, while it is still that."""
    card = intents.cards_of(user).filter(pk=credential.pk).first()
    if card is None:
        raise RefusedError(_REPLACED_MEANWHILE, field="credential")
    if intent == Intent.REPLACE and not card.is_managed:
        raise RefusedError(intents.MADE_OUTSIDE, field="credential")
    return card


_REPLACED_MEANWHILE = "Somebody replaced that card meanwhile. Look at this person again."


def _refuse_if_replaced_meanwhile(old: AcsCredential | None, user: AcsUser) -> None:
    now = intents.issued_card(user)
    if now and (old is None or now.pk != old.pk):
        raise RefusedError(_REPLACED_MEANWHILE, field="credential")


def _being_cancelled(user: AcsUser) -> AcsCredential | None:
    """Return a card that was taken back and is not seen gone: until then there is no new one."""
    # Also one that counts as unwritten: its card may carry the key all the same.
    return (
        AcsCredential.objects.filter(
            user=user, access_method=AccessMethod.CARD, phase=Phase.DELETING
        )
        .exclude(remote_id="")
        .order_by("-created_at")
        .first()
    )


def _unwritten(credential: AcsCredential | None, user: AcsUser) -> AcsCredential | None:
    """Return a credential that a failed try left unwritten, if it still stands."""
    if credential is None or credential.user_id != user.pk:
        return None
    now = AcsCredential.objects.get(pk=credential.pk)
    is_there = now.phase == Phase.LIVE and not now.delete_asked_at
    return now if is_there and now.is_issued is False and not now.was_written else None
