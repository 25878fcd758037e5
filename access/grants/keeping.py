"""What happens to grants as time goes by: ends carried out, arrivals noticed, new doors followed.

Everything is found in rows, so a tick that was missed is made up for by the next one, and two
at once do no harm.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, Min, OuterRef, Q
from django.db.models.functions import Coalesce

from access.grants import overdue, replacing, services, standing
from access.grants.asking import Ours
from access.grants.freedom import freedom
from access.grants.progress import MAY_STILL_OPEN
from access.grants.storing import put_code
from access.guests import authority
from access.models import (
    AccessGrant,
    AccessMethod,
    AcsEntrance,
    DoorShare,
    GrantTarget,
    GuestLink,
    MethodDoor,
)
from access.models.credentials import WAS_WRITTEN, AcsCredential
from access.states import Phase
from accounts.models import Space
from accounts.providers.systems import AccessMethod as Mode
from audit.words import Verb
from locks.codes import room
from locks.codes.states import GONE_PHASES, CodePhase
from locks.models import ActionAttempt, Device
from locks.states import AttemptStatus

_log = logging.getLogger(__name__)

#: So many of a kind in one tick; the rest waits for the next.
_MOST = 100
_LOCKBOARD = Ours()

Thing = TypeVar("Thing", AccessGrant, MethodDoor)


def tick(at: datetime) -> None:
    """Do all that is due. One grant that fails stops no other."""
    _each(_over(at), lambda grant: services.give_up(grant, by=_LOCKBOARD, at=at))
    _each(_begun(at), lambda door: _begin(door, at))
    _each(replacing.refused(), lambda door: replacing.replace(door, at))
    note_arrivals(at)
    note_issued(at)
    _each(overdue.due(at), lambda grant: overdue.note(grant, by=_LOCKBOARD, at=at))
    _each(_gone(at), lambda grant: note_gone(grant, at))


def follow_spaces(at: datetime) -> None:
    """Plan again what opens spaces whose doors are others now (Seam: updating_spaces)."""
    _each(_moved(at), lambda grant: services.follow(grant, by=_LOCKBOARD, at=at))


def _each(things: Iterable[Thing], act: Callable[[Thing], None]) -> None:
    for thing in things:
        try:
            act(thing)
        except Exception:
            _log.exception("grant work failed", extra={"thing": str(thing.pk)})


# --- ending ---------------------------------------------------------------------------


def _over(at: datetime) -> list[AccessGrant]:
    revoked = Q(revoke_due_at__lte=at)
    ended = Q(revoked_at=None, ends_at__lte=at)
    rows = AccessGrant.objects.filter(revoked | ended, given_up_at=None, gone_at=None)
    return list(rows.order_by(F("revoke_due_at").asc(nulls_last=True), "ends_at")[:_MOST])


def _gone(at: datetime) -> list[AccessGrant]:
    """Return what was given up, and of which nothing opens a door any more.

    Offline doors go by what is on a card, whatever its system says; so this asks how each way
    in stands, as the page of the stay does.
    """
    found = _perhaps_gone()
    standing.fetch(found)
    return [
        grant
        for grant in found
        if not any(
            door.progress.key in MAY_STILL_OPEN
            for way in standing.of(grant, at).methods
            for door in way.doors
        )
    ]


def _perhaps_gone() -> list[AccessGrant]:
    """Return what was given up, and of which nothing is known to be left."""
    left = DoorShare.objects.filter(grant=OuterRef("pk")).filter(may_open())
    rows = AccessGrant.objects.filter(~Exists(left), given_up_at__isnull=False, gone_at=None)
    # In no order: a card that opens an offline door for weeks must not keep others waiting.
    return list(rows.select_related("property", "identity").order_by("?")[:_MOST])


def may_open() -> Q:
    """Return which shares have a part that may still open a door, though no grant wants it."""
    code = Q(door__code__isnull=False) & ~Q(door__code__phase__in=GONE_PHASES)
    user = Q(door__entrance__isnull=False, door__method__acs_user__isnull=False)
    user &= Q(door__method__revoked_at__isnull=False)
    user &= ~Q(door__method__acs_user__phase=Phase.GONE)
    return Q(door__ended_at__isnull=False) & (code | user)


def note_gone(grant: AccessGrant, at: datetime) -> None:
    """Write down that nothing of a grant opens a door any more, and how late that is."""
    with transaction.atomic():
        rows = AccessGrant.objects.filter(pk=grant.pk, gone_at=None)
        if not rows.update(gone_at=at):
            return
        due = grant.revoke_due_at or grant.ends_at or at
        services.tell(
            Verb.GRANT_GONE,
            grant,
            by=_LOCKBOARD,
            at=at,
            after=f"{lateness(at - due)} after its end{_but_for_cards(grant, at)}",
        )


def _but_for_cards(grant: AccessGrant, at: datetime) -> str:
    """Name the cards that lie at the desk as somebody says, and would open if they did not."""
    told = [f"…{card.last_four}" for card in standing.cards_in_hand(grant, at)]
    if not told:
        return ""
    noun, are = ("card", "is") if len(told) == 1 else ("cards", "are")
    return f". But the {noun} {', '.join(told)} that {are} back, until written again"


def lateness(late: timedelta) -> str:
    """`40 s`, `9 min 40 s`, `3 h 5 min`."""
    seconds = max(0, int(late.total_seconds()))
    minutes, hours = seconds // 60, seconds // 3600
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"


# --- beginning ------------------------------------------------------------------------


def _begun(at: datetime) -> list[MethodDoor]:
    """Return doors whose PIN has no end and waited for its start."""
    rows = MethodDoor.objects.filter(
        method__mode=Mode.CODE, device__isnull=False, code=None, ended_at=None, starts_at__lte=at
    )
    return list(rows[:_MOST])


def _begin(door: MethodDoor, at: datetime) -> None:
    with transaction.atomic():
        share = (
            DoorShare.objects.filter(door=door, ended_at=None, grant__revoked_at=None)
            .select_related("grant__identity", "grant__property")
            .first()
        )
        if share is None:
            return
        services.fresh(share.grant)
        services.hold(share.grant.identity_id)
        rows = MethodDoor.objects.select_related(
            "method", "device__account", "device__site", "device__property"
        )
        door = rows.select_for_update(of=("self",), no_key=True).get(pk=door.pk)
        if door.code_id is not None or door.ended_at is not None or door.device is None:
            return
        room.lock_doors([door.device])
        digits = "" if door.method.by_provider else door.method.unseal_digits()
        if digits and not _is_free(door, digits, share.grant, at):
            return
        door.code = put_code(door, digits, share.grant, who=_LOCKBOARD.who, at=at)
        door.save(update_fields=["code"])


def _is_free(door: MethodDoor, digits: str, grant: AccessGrant, at: datetime) -> bool:
    """Tell whether nobody took these digits while they waited; if so, say it on the grant."""
    assert door.device is not None
    is_free = freedom([door.device], grant.identity, at)(door.door_id, digits, door.window)
    error = "" if is_free else f"PIN already in use on {door.device}: choose another one"
    if error and grant.plan_error != error:
        AccessGrant.objects.filter(pk=grant.pk).update(plan_error=error)
        services.tell(Verb.GRANT_FAILED, grant, by=_LOCKBOARD, at=at, after=error)
    return is_free


def note_arrivals(at: datetime) -> None:
    """Write down the first opening of each stay: by a PIN of a lock, or from the guest's page."""
    used = DoorShare.objects.filter(
        grant=OuterRef("pk"), door__code__last_used_at__gte=OuterRef("starts_at")
    )
    links = GuestLink.objects.filter(grant=OuterRef(OuterRef("pk")))
    opened = ActionAttempt.objects.filter(
        authority=authority.KIND, authority_id__in=links.values("pk"), status=AttemptStatus.SUCCESS
    )
    rows = AccessGrant.objects.filter(
        Exists(used) | Exists(opened), arrived_at=None, starts_at__lte=at, gone_at=None
    ).select_related("property", "identity")
    for grant in rows[:_MOST]:
        with transaction.atomic():
            first = _first_opening(grant) or at
            if AccessGrant.objects.filter(pk=grant.pk, arrived_at=None).update(arrived_at=first):
                services.tell(Verb.GUEST_ARRIVED, grant, by=_LOCKBOARD, at=first)


def _first_opening(grant: AccessGrant) -> datetime | None:
    codes = DoorShare.objects.filter(grant=grant, door__code__last_used_at__gte=grant.starts_at)
    by_code = codes.aggregate(at=Min("door__code__last_used_at"))["at"]
    presses = ActionAttempt.objects.filter(
        authority=authority.KIND,
        authority_id__in=GuestLink.objects.filter(grant=grant).values("pk"),
        status=AttemptStatus.SUCCESS,
    )
    by_press = presses.aggregate(at=Min("finished_at"))["at"]
    return min(filter(None, (by_code, by_press)), default=None)


def note_issued(at: datetime) -> None:
    """Write down when methods were first ready for their people."""
    waiting = AccessMethod.objects.filter(issued_at=None, revoked_at=None)
    doors_of = MethodDoor.objects.filter(method=OuterRef("pk"), ended_at=None)
    pending = doors_of.filter(device__isnull=False).exclude(code__phase=CodePhase.ON_LOCK)
    codes = waiting.filter(
        Exists(doors_of.filter(code__phase=CodePhase.ON_LOCK)), ~Exists(pending), mode=Mode.CODE
    )
    codes.update(issued_at=at)
    written = AcsCredential.objects.filter(WAS_WRITTEN, user=OuterRef("acs_user"))
    waiting.filter(Exists(written), mode=Mode.CARD).update(issued_at=at)


# --- spaces ---------------------------------------------------------------------------


def _moved(at: datetime) -> list[AccessGrant]:
    """Return grants of spaces that have other doors than when they were planned."""
    targets = GrantTarget.objects.filter(
        Q(grant__ends_at=None) | Q(grant__ends_at__gt=at),
        space__isnull=False,
        grant__revoked_at=None,
    )
    by_grant: dict[UUID, list[UUID]] = defaultdict(list)
    for grant_id, space_id in targets.values_list("grant_id", "space_id"):
        by_grant[grant_id].append(space_id)
    if not by_grant:
        return []
    inside = _doors_inside({pk for ids in by_grant.values() for pk in ids})
    fixed: dict[UUID, set[str]] = defaultdict(set)
    others = GrantTarget.objects.filter(grant__in=by_grant, space=None)
    for grant_id, door_id in others.values_list("grant", Coalesce("device", "entrance")):
        fixed[grant_id].add(str(door_id))
    planned = dict(AccessGrant.objects.filter(pk__in=by_grant).values_list("pk", "doors_planned"))
    moved = [
        pk
        for pk, spaces in by_grant.items()
        if set(planned[pk]) - fixed[pk]
        != set().union(*(inside[space] for space in spaces)) - fixed[pk]
    ]
    return list(AccessGrant.objects.filter(pk__in=moved[:_MOST]))


def _doors_inside(space_ids: set[UUID]) -> dict[UUID, set[str]]:
    """Return the doors inside spaces now, as `doors.found` sees them."""
    spaces = {row.pk: row for row in Space.objects.filter(pk__in=space_ids)}
    places = {row.property_id or row.pk for row in spaces.values()}
    tree = Space.objects.filter(Q(pk__in=places) | Q(property__in=places))
    above = dict(tree.values_list("pk", "parent"))
    found: dict[UUID, set[str]] = defaultdict(set)

    def put(space_id: UUID | None, door_id: UUID) -> None:
        while space_id is not None:
            found[space_id].add(str(door_id))
            space_id = above.get(space_id)

    devices = Device.objects.filter(property__in=places, removed_at=None)
    for pk, space_id in devices.values_list("pk", Coalesce("space", "property")):
        put(space_id, pk)
    entrances = AcsEntrance.objects.filter(
        space__in=above, removed_at=None, system__removed_at=None, system__is_placed=True
    )
    for pk, space_id in entrances.values_list("pk", "space"):
        put(space_id, pk)
    return found
