"""How a grant is doing: one word for all of it, and one for each way in at each door.

Everything is read from the rows that are kept true elsewhere: access codes, people of access
control systems with their credentials. `fetched` brings them along in a constant number of
queries; nothing here asks again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Prefetch, QuerySet, prefetch_related_objects
from django.db.models.functions import Coalesce

from access.grants import progress, status, system_progress, ways
from access.grants.progress import Progress
from access.grants.system_progress import Holder
from access.models import (
    AccessGrant,
    AccessMethod,
    AcsCredential,
    AcsMembership,
    DoorShare,
    MethodDoor,
)
from access.states import CardState
from accounts.providers.systems import AccessMethod as Mode
from locks.codes.words import State
from locks.models import Device

# --- fetching -------------------------------------------------------------------------


def _lookups() -> list[Any]:
    shares = DoorShare.objects.select_related("door__code", "door__entrance")
    methods = AccessMethod.objects.select_related("acs_user", "system__property")
    devices = Device.objects.select_related("property", "account")
    cards = AcsCredential.objects.order_by("-created_at", "pk")
    cards = cards.annotate(is_overwritten=Exists(_written_over_it()))
    way = "all_shares__door__method"
    return [
        Prefetch("shares", shares.order_by("starts_at", "pk"), to_attr="all_shares"),
        Prefetch(way, methods),
        Prefetch("all_shares__door__device", devices),
        "all_shares__door__code__account",
        Prefetch(f"{way}__acs_user__memberships", AcsMembership.objects.all(), to_attr="held"),
        Prefetch(f"{way}__acs_user__credentials", cards, to_attr="all_credentials"),
    ]


def _written_over_it() -> QuerySet[AcsCredential]:
    """What was written later on the same piece of plastic, whose number names it."""
    since = Coalesce(OuterRef("issued_at"), OuterRef("created_at"))
    same = AcsCredential.objects.exclude(card_number="").exclude(card_state=CardState.SUSPECT)
    return same.filter(
        system=OuterRef("system"),
        card_number=OuterRef("card_number"),
        is_issued=True,
        issued_at__gt=since,
    )


def fetched(grants: QuerySet[AccessGrant]) -> QuerySet[AccessGrant]:
    """Fetch along all that `of` needs: six queries more, however many grants."""
    return grants.select_related("property", "identity").prefetch_related(*_lookups())


def fetch(grants: Sequence[AccessGrant]) -> None:
    """Fetch the same for grants at hand."""
    prefetch_related_objects(grants, "property", "identity", *_lookups())


def _shares(grant: AccessGrant) -> list[DoorShare]:
    found: list[DoorShare] = grant.all_shares  # type: ignore[attr-defined]  # prefetched
    return found


def _holder(method: AccessMethod) -> Holder | None:
    user, system = method.acs_user, method.system
    if user is None or system is None:
        return None
    user.system = system  # is it, and has its property at hand
    held: list[AcsMembership] = user.held  # type: ignore[attr-defined]  # prefetched
    cards: list[AcsCredential] = user.all_credentials  # type: ignore[attr-defined]
    return Holder(user=user, system=system, memberships=held, credentials=cards)


# --- what is told ---------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class DoorStanding:
    """One way in at one door, for one grant."""

    share: DoorShare
    progress: Progress
    #: The grant wants it, now or later.
    is_wanted: bool

    @property
    def door(self) -> MethodDoor:
        return self.share.door

    @property
    def name(self) -> str:
        found = self.door.device or self.door.entrance
        assert found is not None
        return found.name

    @property
    def state(self) -> State:
        return self.progress.state


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One access method, for one grant. The flags are Seam's (facts/seam.md 7.5, rule 6)."""

    method: AccessMethod
    doors: tuple[DoorStanding, ...]
    state: State
    since: datetime | None
    is_issued: bool
    is_encoding_required: bool
    is_ready_for_encoding: bool
    is_assignment_required: bool
    is_ready_for_assignment: bool
    #: Nothing is missing but time, or a person who writes a card.
    is_ready: bool

    @property
    def mode(self) -> Mode:
        return Mode(self.method.mode)

    @property
    def wanted(self) -> tuple[DoorStanding, ...]:
        return tuple(each for each in self.doors if each.is_wanted)

    @property
    def is_past(self) -> bool:
        """The grant had it, and nothing of it is left."""
        return not self.wanted and self.state.key in progress.OVER

    @property
    def what(self) -> str:
        return ways.name(self.method)

    @property
    def icon(self) -> str:
        return ways.icon(self.method)


@dataclass(frozen=True, kw_only=True)
class GrantStanding:
    """One grant: one word for all of it (`state`), and its methods."""

    grant: AccessGrant
    methods: tuple[Standing, ...]
    state: State
    #: Everything that can be ready without a person at the desk is.
    is_ready: bool

    @property
    def shown(self) -> tuple[Standing, ...]:
        """The methods that matter: those that are past only where there are no others."""
        return tuple(each for each in self.methods if not each.is_past) or self.methods


def of(grant: AccessGrant, at: datetime) -> GrantStanding:
    """Return how a grant is doing. Needs it fetched."""
    methods = _methods(grant, at)
    wanted = [each for method in methods for each in method.wanted]
    is_ready = bool(wanted) and all(each.is_ready for each in methods if each.wanted)
    doors = [
        (each.name, each.progress, each.is_wanted) for method in methods for each in method.doors
    ]
    state = status.of(grant, doors, at, is_ready=is_ready)
    return GrantStanding(grant=grant, methods=methods, state=state, is_ready=is_ready)


def cards_in_hand(grant: AccessGrant, at: datetime) -> list[AcsCredential]:
    """Return cards that somebody says are back, and that offline doors still go by. Fetched."""
    shares = [each for each in _shares(grant) if system_progress.goes_by_card(each, at)]
    holders = filter(None, (_holder(each.door.method) for each in shares))
    found = {
        card.pk: card
        for holder in holders
        for card in system_progress.handed_back(holder.credentials, at)
    }
    return list(found.values())


def is_ready(grant: AccessGrant, at: datetime) -> bool:
    """Tell whether all that can be ready without a person at the desk is. Fetches what it needs.

    A card that somebody still has to write does not count; one whose rights are not in the
    system yet does. Never true of a grant that is over.
    """
    if not hasattr(grant, "all_shares"):
        fetch([grant])
    return of(grant, at).is_ready


def _methods(grant: AccessGrant, at: datetime) -> tuple[Standing, ...]:
    by_method: dict[UUID, list[DoorShare]] = {}
    for share in _shares(grant):
        share.grant = grant
        by_method.setdefault(share.door.method_id, []).append(share)
    found = [_standing(_latest(shares), at) for shares in by_method.values()]
    order = list(Mode)
    return tuple(
        sorted(
            found, key=lambda each: (order.index(each.mode), each.method.created_at, each.method.pk)
        )
    )


def _latest(shares: Iterable[DoorShare]) -> list[DoorShare]:
    """Keep one share per door: a door given up and taken again counts as it is now."""
    by_door: dict[UUID, DoorShare] = {}
    for share in shares:
        known = by_door.get(share.door.door_id)
        if known is None or known.ended_at is not None:
            by_door[share.door.door_id] = share
    return list(by_door.values())


def _standing(shares: Sequence[DoorShare], at: datetime) -> Standing:
    method = shares[0].door.method
    holder = _holder(method)
    doors = tuple(_at_door(share, holder, at) for share in shares)
    worst = min(doors, key=lambda each: progress.worse_first(each.progress))
    wanted = [each.progress for each in doors if each.is_wanted]
    keys = {each.key for each in wanted}
    is_done = bool(wanted) and all(each.is_done for each in wanted)
    tags = method.system is not None and method.system.assigns_tags
    needs = bool(keys & progress.NEEDS_DESK)
    return Standing(
        method=method,
        doors=doors,
        state=_named(worst, len(doors)),
        since=worst.progress.since,
        is_issued=bool(wanted) and all(each.is_issued for each in wanted),
        is_encoding_required=needs and not tags,
        is_ready_for_encoding=needs and not tags and is_done,
        is_assignment_required=needs and tags,
        is_ready_for_assignment=needs and tags and is_done,
        is_ready=is_done,
    )


def _named(worst: DoorStanding, count: int) -> State:
    """Say which door a word is about, where there are several."""
    state = worst.state
    is_of_one = state.tone in ("danger", "warn") and state.key not in progress.NEEDS_DESK
    if count == 1 or not is_of_one or not state.note:
        return state
    return replace(state, note=f"{worst.name}: {state.note}")


def _at_door(share: DoorShare, holder: Holder | None, at: datetime) -> DoorStanding:
    door = share.door
    if door.code is not None and door.device is not None:
        door.code.device = door.device  # is it, and has its property at hand
    is_wanted = share.grant.revoked_at is None and share.is_wanted(at) and door.ended_at is None
    found = _wanted(share, holder, at) if is_wanted else _ending(share, holder, at)
    return DoorStanding(share=share, progress=found, is_wanted=is_wanted)


def _wanted(share: DoorShare, holder: Holder | None, at: datetime) -> Progress:
    door, mode = share.door, Mode(share.door.method.mode)
    if mode == Mode.CLOUD_KEY:
        return progress.of_web_key(share, at)
    if mode == Mode.CODE and door.device is not None:
        return progress.of_code(door.code, at) if door.code else progress.of_no_code(share, at)
    return system_progress.of_holder(holder, mode, at)


def _ending(share: DoorShare, holder: Holder | None, at: datetime) -> Progress:
    door, grant = share.door, share.grant
    mode = Mode(door.method.mode)
    if mode == Mode.CLOUD_KEY:
        return progress.GONE  # each press is checked: links of a revoked grant stop at once
    is_of_lock = mode == Mode.CODE and door.device is not None
    is_waiting = grant.revoked_at is not None and grant.given_up_at is None
    if is_waiting and share.ended_at is None and not (is_of_lock and door.code is None):
        return progress.of_revoking(share, at)
    if door.ended_at is None and (share.ended_at is not None or _outlives(door, at)):
        return progress.KEPT
    if is_of_lock:
        return progress.of_ended_code(door.code, at)
    return system_progress.of_ended(holder, share, at)


def _outlives(door: MethodDoor, at: datetime) -> bool:
    return door.ends_at is None or door.ends_at > at
