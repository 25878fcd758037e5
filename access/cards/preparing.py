"""Making the provider ready for a card: the person, the old credential gone, the new one there.

All of this is desired state: it may be looked up after a lost answer, and is never blindly
repeated. Nothing here touches an encoder.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F

from access import waking
from access.cards import calling, checks, gone, outcomes, rows
from access.models import AcsCredential, AcsMembership, AcsUser, EncodeJob
from access.reconciling import facts
from access.states import CardState, Intent, JobKind, JobState, Part, Phase
from accounts import health
from accounts.providers.base import ProviderError, Reach
from accounts.providers.systems import (
    AccessMethod,
    AccessSystems,
    CardFailure,
    ListedCredential,
    ListedUser,
    failure_of,
)
from audit.words import Verb

_LOOK_EVERY_SECONDS = 0.5
#: A step that cannot be finished in this time is not begun.
_LEAST = timedelta(seconds=2)
#: A credential that a lost answer made shows in the listing after so long at the latest.
_SHOWN_WITHIN = timedelta(seconds=15)
#: What may remain between the provider's clock and ours once they are compared.
_SLACK = timedelta(seconds=5)
#: Nobody else takes the job up while a list is read for it.
_LISTING = calling.LIST_SECONDS + 1


class _GivenUp(Exception):  # noqa: N818  not an error: the job was ended, or taken over
    """This job is not to be carried on here."""


def prepare(job: EncodeJob) -> bool:
    """Carry a job from PREPARING to READY. False if it ended, or somebody else carries it on."""
    if job.send_by <= rows.database_now():
        outcomes.blocked(job, outcomes.TOO_LATE)
        return False
    try:
        systems = calling.systems_of(job.system.account)
        if job.user:
            _wait_for_user(job, systems)
        if job.kind == JobKind.ENCODE:
            _make_credential(job, systems)
        elif job.kind == JobKind.ASSIGN:
            _is_ready(job, result=job.result | _tags_of(job, systems))
        else:
            _is_ready(job)
    except ProviderError as error:
        health.note_command_error(job.system.account, error, at=rows.database_now())
        _refused(job, error)
        return False
    except _GivenUp:
        return False
    return True


def _is_ready(job: EncodeJob, **columns: Any) -> None:
    """Store that all is there. Raises _GivenUp where the job ended or was taken over meanwhile."""
    if not rows.move_mine(job, JobState.READY, was=(JobState.PREPARING,), **columns):
        raise _GivenUp


def _refused(job: EncodeJob, error: ProviderError) -> None:
    failure = failure_of(error)
    if failure in (CardFailure.UNKNOWN_ERROR, CardFailure.WAIT_OVER):
        outcomes.blocked(job, f"Nothing was written: {str(error).rstrip('.')}.")
    else:
        gone.see(job, failure)
        outcomes.failed(job, failure, str(error), nothing_sent=True)


def _block(job: EncodeJob, sentence: str, failure: str = "") -> _GivenUp:
    outcomes.blocked(job, sentence, failure=failure)
    return _GivenUp()


def _go_on(job: EncodeJob, seconds: float = calling.READ_SECONDS + 1) -> None:
    """Stay the one who works on it. Raises _GivenUp if it was stopped or taken over."""
    if not rows.renew(job, seconds=seconds):
        raise _GivenUp
    calling.let_go()


def _wait(job: EncodeJob, sentence: str) -> None:
    """Wait a moment for the provider. Raises _GivenUp when the job's time is over."""
    if rows.database_now() + _LEAST > job.send_by:
        raise _block(job, sentence)
    _go_on(job, rows.LEASE_SECONDS)
    calling.pause(_LOOK_EVERY_SECONDS)


# --- the person -----------------------------------------------------------------------


def _wait_for_user(job: EncodeJob, systems: AccessSystems) -> None:
    """Return once the provider has taken in what we wish of this person."""
    is_first = True
    while True:
        user = job.user
        assert user is not None
        if found := checks.of_user(user, rows.database_now()):
            raise _block(job, found.sentence, found.failure)
        if user.remote_id:
            if not _is_behind(user):
                return
            _go_on(job)
            if _is_told(user, job, systems):
                return
        if is_first:
            waking.wake(job.system, at=rows.database_now())
            is_first = False
        name = job.system.name
        _wait(
            job,
            f"{name} has not taken in the latest changes to {user.full_name} yet. Try again in a "
            "moment.",
        )
        # A listing may have brought their id meanwhile.
        job.user = AcsUser.objects.get(pk=user.pk)


def _is_behind(user: AcsUser) -> bool:
    """Tell whether something of ours may not be there yet, by what we know."""
    late = [each for each in user.mutations if not _is_deferred(str(each.get("code", "")))]
    return bool(
        late
        or user.pending
        or user.phase != Phase.LIVE
        or AcsMembership.objects.filter(user=user).exclude(is_wanted=F("is_seen")).exists()
    )


def _is_deferred(code: str) -> bool:
    """Put off by the provider itself until it matters: `deferring_creation` counts as ready."""
    return code.startswith("deferring_")


def _is_told(user: AcsUser, job: EncodeJob, systems: AccessSystems) -> bool:
    """Ask the provider whether it has what we wish of this person."""
    listed = systems.get_acs_user(user.remote_id)
    if listed is None or listed.is_being_deleted:
        raise _block(job, f"{user.full_name} is not in Salto any more.")
    if not _is_as_wished(user, listed):
        return False
    groups = AcsMembership.objects.filter(user=user)
    if not groups.exclude(is_wanted=True, is_seen=True).exists():
        return True
    _go_on(job, _LISTING)
    seen = set(systems.user_group_ids(job.system.remote_id, user.remote_id))
    wanted = groups.filter(is_wanted=True).values_list("group__remote_id", flat=True)
    return seen == set(wanted)


def _is_as_wished(user: AcsUser, listed: ListedUser) -> bool:
    if any(not _is_deferred(each.code) for each in listed.mutations) or listed.is_suspended:
        return False
    if Part.SCHEDULE not in user.pending:
        return True
    return _to_seconds(listed.ends_at) == _to_seconds(user.ends_at) and (
        user.starts_at is None or _to_seconds(listed.starts_at) == _to_seconds(user.starts_at)
    )


def _to_seconds(at: datetime | None) -> datetime | None:
    return at.replace(microsecond=0) if at else None


# --- the tag --------------------------------------------------------------------------


def _tags_of(job: EncodeJob, systems: AccessSystems) -> dict[str, Any]:
    """Say which tags somebody has, so that one of before proves nothing; empty if nobody can."""
    assert job.user is not None
    _go_on(job, _LISTING)
    try:
        listed = systems.list_credentials(job.system.remote_id, user_id=job.user.remote_id)
    except ProviderError:
        return {}
    return {"tags_before": [each.remote_id for each in listed]}


# --- the credential -------------------------------------------------------------------


def _make_credential(job: EncodeJob, systems: AccessSystems) -> None:
    """Have a credential that may be written, and note what the provider says of it."""
    if job.replaces:
        _cancel_old(job, systems)
    card = job.credential
    if card is not None:
        _refuse_withdrawn(job, card)
    if card is not None and card.remote_id and card.is_issued is False:
        _use(job, card)  # a failed try left it; making another would make two
    elif job.intent == Intent.UPDATE:
        _renew_key(job, systems)
    else:
        _new_key(job, systems)


def _refuse_withdrawn(job: EncodeJob, card: AcsCredential) -> None:
    """Raise _GivenUp where the card is to be deleted: it may have been asked for meanwhile."""
    card.refresh_from_db(fields=["delete_asked_at", "phase"])
    if card.delete_asked_at or card.phase in (Phase.DELETING, Phase.GONE):
        raise _block(job, checks.WITHDRAWN, CardFailure.CREDENTIAL_GONE)


def _cancel_old(job: EncodeJob, systems: AccessSystems) -> None:
    """Delete the card that is replaced, and see it gone before a new one is made (CARD-04)."""
    old = job.replaces
    assert old is not None
    asked = 0
    while True:
        old.refresh_from_db(fields=["phase", "remote_id"])
        if old.phase == Phase.GONE or not old.remote_id:
            return
        _go_on(job)
        if asked % 6 == 0:  # deleting what is gone counts as deleted, so it may be asked again
            _quietly(lambda: _delete(old, job, systems))
        asked += 1
        _go_on(job)
        if systems.get_credential(old.remote_id) is None:
            _note_gone(job, old)
            return
        _wait(
            job,
            f"The old card of {job.user} is not cancelled in {job.system.name} yet, so no new one "
            "was made. Try again in a moment.",
        )


def _delete(old: AcsCredential, job: EncodeJob, systems: AccessSystems) -> None:
    systems.delete_credential(
        old.remote_id, budget_seconds=calling.CALL_SECONDS, request_id=str(job.pk)
    )
    AcsCredential.objects.filter(pk=old.pk).update(written_at=rows.database_now())


def _quietly(call: Callable[[], None]) -> None:
    """Make a call whose lost answer is looked up afterwards."""
    try:
        call()
    except ProviderError as error:
        if error.reach != Reach.UNCERTAIN:
            raise


def _note_gone(job: EncodeJob, old: AcsCredential) -> None:
    with transaction.atomic():
        at = rows.database_now()
        gone = AcsCredential.objects.filter(pk=old.pk).exclude(phase=Phase.GONE)
        if gone.update(phase=Phase.GONE, gone_at=at, next_run_at=None, ambiguous_since=None):
            rows.note(job, Verb.CARD_GONE, at=at, last_four=old.last_four)


def _use(job: EncodeJob, card: AcsCredential) -> None:
    """Take this credential for the job, which is ready now; remember when it was last written."""
    _refuse_withdrawn(job, card)
    before = card.issued_at.isoformat() if card.is_issued and card.issued_at else ""
    _is_ready(job, credential=card, result=job.result | {"issued_before": before})


def _renew_key(job: EncodeJob, systems: AccessSystems) -> None:
    """Have the person's current key written again: the provider makes a new row, or the same."""
    card = job.credential
    assert card is not None
    asked_at = rows.database_now()
    _go_on(job, calling.CALL_SECONDS * 2)
    listed: ListedCredential | None
    try:
        listed = _create(job, systems, is_new_key=False)
    except ProviderError as error:
        if error.reach != Reach.UNCERTAIN:
            raise
        _go_on(job, _LISTING)
        listed = _unwritten_of(job, systems, since=asked_at)
        if listed is None:
            _go_on(job)
            listed = systems.get_credential(card.remote_id)
        if listed is None:
            raise _block(job, "This person’s card is gone from Salto. Make a new card.") from None
    if listed.remote_id != card.remote_id:
        card = _row_for(job, listed)
    _store(job, card, listed)


def _new_key(job: EncodeJob, systems: AccessSystems) -> None:
    card = _found_unwritten(job)
    if card is None:
        card = _intend(job)
    elif not card.remote_id:
        if made := _look_up(job, systems, card):
            _store(job, card, made)
            return
        AcsCredential.objects.filter(pk=card.pk).update(ambiguous_since=rows.database_now())
        _go_on(job, calling.CALL_SECONDS * 2)
    else:
        _use(job, card)
        return
    listed: ListedCredential | None
    try:
        listed = _create(job, systems, is_new_key=True)
    except ProviderError as error:
        if error.reach != Reach.UNCERTAIN:
            _give_up(card)
            raise
        card.refresh_from_db()
        listed = _look_up(job, systems, card)
        if listed is None:
            raise _block(
                job,
                f"{job.system.name} did not answer clearly, so nothing was sent. Try again in a "
                "moment.",
            ) from None
    _store(job, card, listed)


def _create(job: EncodeJob, systems: AccessSystems, *, is_new_key: bool) -> ListedCredential:
    assert job.user is not None
    return systems.create_credential(
        job.user.remote_id,
        access_method=AccessMethod.CARD,
        is_new_key=is_new_key,
        budget_seconds=calling.CALL_SECONDS,
        request_id=str(job.pk),
    )


def _found_unwritten(job: EncodeJob) -> AcsCredential | None:
    """Return a credential of this person that was made, or begun, and never written."""
    found: AcsCredential | None = (
        AcsCredential.objects.filter(
            user_id=job.user_id,
            access_method=AccessMethod.CARD,
            is_managed=True,
            delete_asked_at=None,
            phase__in=(Phase.CREATING, Phase.LIVE),
            is_issued=False,  # not: nobody says
            issued_at=None,
            card_number="",
        )
        .exclude(card_state=CardState.IN_USE)  # it was read: somebody has that card
        .exclude(remote_id="", ambiguous_since=None)
        .order_by("-created_at")
        .first()
    )
    return found


def _intend(job: EncodeJob) -> AcsCredential:
    """Commit that a credential is about to be made, before it is asked for.

    Raises _GivenUp, and makes none, where the job was stopped or taken over.
    """
    with transaction.atomic():
        at = rows.database_now()
        card = AcsCredential.objects.create(
            system=job.system,
            user_id=job.user_id,
            access_method=AccessMethod.CARD,
            created_by_id=job.created_by_id,
            created_at=at,
            phase=Phase.CREATING,
            is_new_key=True,
            is_issued=False,
            ambiguous_since=at,
        )
        if not rows.renew(job, seconds=calling.CALL_SECONDS * 2, credential=card):
            raise _GivenUp
    calling.let_go()
    return card


def _give_up(card: AcsCredential) -> None:
    """The provider provably made nothing."""
    at = rows.database_now()
    AcsCredential.objects.filter(pk=card.pk, remote_id="").update(
        phase=Phase.GONE, gone_at=at, ambiguous_since=None
    )


def _look_up(
    job: EncodeJob, systems: AccessSystems, card: AcsCredential
) -> ListedCredential | None:
    """Look for what a lost answer may have made. None: it made nothing, and may be asked again."""
    since = card.ambiguous_since or card.created_at
    while True:
        asked_at = rows.database_now()
        _go_on(job, _LISTING)
        if found := _unwritten_of(job, systems, since=since):
            return found
        if asked_at > since + _SHOWN_WITHIN:
            return None
        _wait(
            job,
            f"{job.system.name} did not answer clearly, so nothing was sent. Try again in a "
            "moment.",
        )


def _unwritten_of(
    job: EncodeJob, systems: AccessSystems, *, since: datetime
) -> ListedCredential | None:
    """Return the person's unwritten card that was made since, by the provider's listing."""
    assert job.user is not None
    skew = job.system.account.clock_skew_seconds
    made_from = facts.made_from(since, skew_seconds=skew, slack=_SLACK)
    listed = systems.list_credentials(job.system.remote_id, user_id=job.user.remote_id)
    known = set(
        AcsCredential.objects.filter(system=job.system, user_id=job.user_id)
        .exclude(remote_id="")
        .exclude(pk=job.credential_id)
        .values_list("remote_id", flat=True)
    )
    return next(
        (
            each
            for each in listed
            if each.access_method == AccessMethod.CARD
            and each.is_issued is not True
            and each.remote_id not in known
            and not each.is_being_deleted
            and (each.created_at is None or each.created_at >= made_from)
        ),
        None,
    )


def _row_for(job: EncodeJob, listed: ListedCredential) -> AcsCredential:
    """Return our row of a credential the provider made, making it where there is none."""
    row, _is_new = AcsCredential.objects.get_or_create(
        system=job.system,
        remote_id=listed.remote_id,
        defaults={
            "user_id": job.user_id,
            "access_method": AccessMethod.CARD,
            "is_new_key": False,
            "created_by": job.created_by,
            "created_at": rows.database_now(),
            "phase": Phase.LIVE,
        },
    )
    return row


def _store(job: EncodeJob, card: AcsCredential, listed: ListedCredential) -> None:
    """Store what the provider made, and take it for the job."""
    at = rows.database_now()
    try:
        with transaction.atomic():
            outcomes.store_seen(
                card,
                listed,
                at=at,
                phase=Phase.LIVE,
                remote_id=listed.remote_id,
                ambiguous_since=None,
            )
    except IntegrityError:  # a listing was quicker and brought it in as a row of its own
        _give_up(card)
        card = AcsCredential.objects.get(system=job.system, remote_id=listed.remote_id)
        outcomes.store_seen(card, listed, at=at)
    _use(job, card)
