"""What is next for one user or one credential: at most one call, revocations first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from access.models import AcsCredential, AcsMembership, AcsUser
from access.reconciling import facts, telling
from access.states import Part, Phase
from accounts.providers.systems import AccessMethod

#: A listing asked so long after the beginning of a call whose answer was lost shows what came
#: of it: the call lasts 10 s at most, and listings lag 15 s.
SETTLED_AFTER = timedelta(seconds=25)
_LOOK_FOR_LOST = timedelta(seconds=3)


class Kind(StrEnum):
    DELETE = "delete"
    SUSPEND = "suspend"
    REMOVE = "remove"
    CREATE = "create"
    UPDATE = "update"
    UNSUSPEND = "unsuspend"
    ADD = "add"
    #: Ask what they are like now: something was told and not yet seen.
    LOOK = "look"
    #: A call that made them lost its answer: a listing tells.
    FIND = "find"
    #: They were never made: there is nothing to delete.
    FORGET = "forget"
    # --- of mobile keys: see `mobile` ---
    #: Have a person across systems, to hold the key, and tell that the user is that one.
    IDENTIFY = "identify"
    LINK = "link"
    #: The link that brings the key onto a phone.
    OFFER = "offer"
    FIND_OFFER = "find_offer"
    UNOFFER = "unoffer"


REVOCATIONS = (Kind.DELETE, Kind.SUSPEND, Kind.REMOVE, Kind.FORGET, Kind.UNOFFER)
OF_MOBILE_KEYS = (Kind.IDENTIFY, Kind.LINK, Kind.OFFER, Kind.FIND_OFFER, Kind.UNOFFER)
#: What is worth doing although it is not yet time, once the row is looked at.
LOOKS = (Kind.LOOK, Kind.FIND, Kind.FIND_OFFER)


@dataclass(frozen=True, kw_only=True)
class Step:
    kind: Kind
    #: Entries of `telling` that it answers for.
    keys: tuple[str, ...] = ()
    membership: AcsMembership | None = None
    #: Not before.
    at: datetime
    #: An earlier end of somebody's schedule.
    is_shortening: bool = False

    @property
    def is_revocation(self) -> bool:
        return self.kind in REVOCATIONS or self.is_shortening


def user_step(user: AcsUser, memberships: Sequence[AcsMembership], *, now: datetime) -> Step | None:
    """Return the next step, which may lie ahead, or None where everything is as wished."""
    if user.phase == Phase.GONE:
        return None
    if user.ambiguous_since is not None and not user.remote_id:
        return Step(kind=Kind.FIND, at=_find_at(user.ambiguous_since, now))
    steps = list(_steps(user, memberships, now))
    return min(steps, key=lambda step: step.at) if steps else None


def _find_at(since: datetime, now: datetime) -> datetime:
    """Look soon, for it may be there; and again once it would be there."""
    first = since + _LOOK_FOR_LOST
    return first if now < first else max(since + SETTLED_AFTER, now)


def _steps(user: AcsUser, memberships: Sequence[AcsMembership], now: datetime) -> Sequence[Step]:
    if user.delete_asked_at is not None:
        if not user.remote_id:
            return [Step(kind=Kind.FORGET, at=now)]
        return _told(user, Kind.DELETE, (telling.DELETION,), now)
    if not user.is_managed:
        return []
    if not user.remote_id:
        steps = _told(user, Kind.CREATE, ("create",), now)
        return [step for step in steps if step.kind == Kind.CREATE]
    return [*_revocations(user, memberships, now), *_others(user, memberships, now)]


def _told(
    user: AcsUser,
    kind: Kind,
    keys: tuple[str, ...],
    now: datetime,
    membership: AcsMembership | None = None,
) -> list[Step]:
    """Return the call, when it is due, and a look at what came of the one before."""
    at = min(telling.next_at(user.told, key, user.generation, now) for key in keys)
    steps = [Step(kind=kind, keys=keys, membership=membership, at=at)]
    if at > now and user.written_at is not None:
        steps.append(Step(kind=Kind.LOOK, at=look_at(user, now)))
    return steps


def _revocations(user: AcsUser, memberships: Sequence[AcsMembership], now: datetime) -> list[Step]:
    steps = []
    if Part.SUSPENSION in user.pending and user.is_suspended:
        steps += _told(user, Kind.SUSPEND, (Part.SUSPENSION,), now)
    if facts.is_shortened(user):
        steps += _updates(user, now)
    for row in memberships:
        if row.is_seen and not row.is_wanted:
            steps += _told(user, Kind.REMOVE, (telling.key_of_group(row.group_id),), now, row)
    return steps


def _updates(user: AcsUser, now: datetime) -> list[Step]:
    details = tuple(p for p in (Part.INFORMATION, Part.SCHEDULE) if p in user.pending)
    if not details:
        return []
    found = _told(user, Kind.UPDATE, details, now)
    if not facts.is_shortened(user):
        return found
    return [replace(each, is_shortening=each.kind == Kind.UPDATE) for each in found]


def _others(user: AcsUser, memberships: Sequence[AcsMembership], now: datetime) -> list[Step]:
    steps = []
    steps += _updates(user, now) if not facts.is_shortened(user) else []
    if Part.SUSPENSION in user.pending and not user.is_suspended:
        steps += _told(user, Kind.UNSUSPEND, (Part.SUSPENSION,), now)
    for row in memberships:
        if row.is_wanted and not row.is_seen:
            steps += _told(user, Kind.ADD, (telling.key_of_group(row.group_id),), now, row)
        elif not row.is_wanted and not row.is_seen:  # unwished while a call was telling it
            steps.append(Step(kind=Kind.LOOK, at=look_at(user, now)))
    return steps


def look_at(row: Any, now: datetime) -> datetime:
    """Return when a look is worth a call: soon after our call, then less and less often.

    When it was looked at last is not kept: the wait grows with the time since the call.
    """
    return look_since(row.written_at or row.created_at, now)


def look_since(at: datetime, now: datetime) -> datetime:
    age = (now - at).total_seconds()
    for until, seconds in ((4, 1), (20, 4), (120, 15)):
        if age < until:
            return now + timedelta(seconds=seconds)
    return now + timedelta(seconds=60)


def credential_step(row: AcsCredential, *, now: datetime) -> Step | None:
    """Return the next step of a credential that is the reconciler's business, or None."""
    if row.phase == Phase.GONE:
        return _end_of_offer(row, now)
    if not row.remote_id and row.user is not None and row.user.phase == Phase.GONE:
        return Step(kind=Kind.FORGET, at=now)
    if row.ambiguous_since is not None and not row.remote_id:
        return Step(kind=Kind.FIND, at=_find_at(row.ambiguous_since, now))
    if row.delete_asked_at is not None:
        return _credential_deletion(row, now)
    if not row.remote_id:
        return _credential_creation(row, now)
    return _live_credential(row, now)


def _live_credential(row: AcsCredential, now: datetime) -> Step | None:
    if row.rights_changed_at is not None:
        return Step(kind=Kind.LOOK, at=look_since(row.rights_changed_at, now))
    if row.access_method == AccessMethod.MOBILE_KEY:
        return _of_mobile_key(row, now)
    is_waiting = row.access_method == AccessMethod.CODE and not row.code_sealed
    if is_waiting and row.written_at is not None:
        return Step(kind=Kind.LOOK, at=look_at(row, now))
    return None


def _credential_creation(row: AcsCredential, now: datetime) -> Step | None:
    """PINs and mobile keys are made here, cards at encoders; for somebody who has to go, none."""
    is_mobile = row.access_method == AccessMethod.MOBILE_KEY
    if row.user is None or not (is_mobile or row.access_method == AccessMethod.CODE):
        return None
    if row.user.delete_asked_at is not None:
        return Step(kind=Kind.FORGET, at=now)
    if is_mobile and row.user.remote_id:
        if not row.user.identity_remote_id:
            return Step(kind=Kind.IDENTIFY, at=now)
        if not row.user.is_identity_linked:
            return Step(kind=Kind.LINK, at=now)
    return Step(kind=Kind.CREATE, at=now)


def _of_mobile_key(row: AcsCredential, now: datetime) -> Step | None:
    """A key that is issued gets its link; before that, the link would lead to nothing."""
    if row.is_issued is False:
        return Step(kind=Kind.LOOK, at=look_at(row, now))
    if row.instant_key_id and not (row.wants_instant_key and row.instant_key_sealed):
        return Step(kind=Kind.UNOFFER, at=now)
    if not row.wants_instant_key or row.instant_key_id or row.user is None:
        return None
    if row.user.delete_asked_at is not None or not row.user.identity_remote_id:
        return None
    if row.instant_key_asked_at is not None:
        return Step(kind=Kind.FIND_OFFER, at=_find_at(row.instant_key_asked_at, now))
    return Step(kind=Kind.OFFER, at=now)


def _end_of_offer(row: AcsCredential, now: datetime) -> Step | None:
    """The link to a key that is gone, or may have been made for it, goes too."""
    if row.instant_key_id:
        return Step(kind=Kind.UNOFFER, at=now)
    if row.instant_key_asked_at is not None:
        return Step(kind=Kind.FIND_OFFER, at=_find_at(row.instant_key_asked_at, now))
    return None


def _credential_deletion(row: AcsCredential, now: datetime) -> Step:
    if not row.remote_id:
        return Step(kind=Kind.FORGET, at=now)
    assert row.delete_asked_at is not None
    if row.written_at is None or row.written_at < row.delete_asked_at:
        return Step(kind=Kind.DELETE, at=now)
    if row.instant_key_id:
        return Step(kind=Kind.UNOFFER, at=now)
    if now - row.written_at >= timedelta(seconds=60):
        return Step(kind=Kind.DELETE, at=now)
    return Step(kind=Kind.LOOK, at=look_at(row, now))
