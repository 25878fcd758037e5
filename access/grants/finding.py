"""Which grants are meant: by guest, door or room, by property, and by where they stand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Least
from django.urls import reverse

from access.models import (
    AccessGrant,
    AcsEntrance,
    DoorShare,
    GrantTarget,
    UserIdentity,
)
from access.models.grants import AccessGrantQuerySet, GrantState
from accounts.actors import Actor
from accounts.models import Space
from locks.codes.listing import uuid_of
from locks.models import Device

#: Words of a search beyond these are not looked for.
_MOST_WORDS = 4
_FEW = 500
#: When a grant was over: null of one that has no end and was not revoked.
OVER_AT = Least("ends_at", "revoked_at")

UPCOMING, ACTIVE, ENDED = "upcoming", "active", "ended"
TABS = {UPCOMING: "Upcoming", ACTIVE: "Active", ENDED: "Ended"}
#: What each tab can be narrowed to.
STATES: dict[str, tuple[GrantState, ...]] = {
    UPCOMING: (),
    ACTIVE: (GrantState.ACTIVE, GrantState.ARRIVED),
    ENDED: (GrantState.ENDED, GrantState.NO_SHOW, GrantState.CANCELLED),
}
#: Over, and not seen gone everywhere.
LINGERING = "lingering"


@dataclass(frozen=True)
class Filters:
    """What the address asks to see."""

    tab: str = ACTIVE
    state: str = ""
    query: str = ""
    place: UUID | None = None

    @classmethod
    def from_query(cls, params: dict[str, str]) -> Filters:
        tab = params.get("tab", "") if params.get("tab", "") in TABS else ACTIVE
        known = {*STATES[tab], LINGERING} if tab == ENDED else {*STATES[tab]}
        state = params.get("state", "")
        return cls(
            tab=tab,
            state=state if state in {str(each) for each in known} else "",
            query=params.get("q", "").replace("\0", "").strip()[:100],
            place=uuid_of(params.get("property", "")),
        )

    def params(self) -> dict[str, str]:
        told = {
            "tab": "" if self.tab == ACTIVE else self.tab,
            "state": self.state,
            "q": self.query,
            "property": str(self.place or ""),
        }
        return {key: value for key, value in told.items() if value}

    def url(self, **more: str) -> str:
        params = self.params() | more
        return f"{reverse('grants')}?{urlencode(params)}" if params else reverse("grants")

    def to(self, tab: str, state: str = "") -> str:
        return replace(self, tab=tab, state=state).url()

    @property
    def is_on(self) -> bool:
        return bool(self.query or self.place or self.state)

    def rows(self, found: AccessGrantQuerySet, now: datetime) -> AccessGrantQuerySet:
        """Return those that this asks for of what `kept` left, in no order."""
        if self.state == LINGERING:
            return lingering(found, now)
        if self.state:
            return found.in_state(GrantState(self.state), now)
        return in_tab(found, self.tab, now)

    def kept(self, actor: Actor) -> AccessGrantQuerySet:
        """Return those of every tab that search and property leave."""
        found = AccessGrant.objects.for_actor(actor)
        if self.place:
            found = found.filter(property_id=self.place)
        for word in self.query.split()[:_MOST_WORDS]:
            found = found.filter(pk__in=_named(word, actor))
        return _once(found) if self.query else found


def _once(found: AccessGrantQuerySet) -> AccessGrantQuerySet:
    """Find few now, so that a page and its counts do not find them again."""
    ids = list(found.values_list("pk", flat=True)[: _FEW + 1])
    return found if len(ids) > _FEW else AccessGrant.objects.filter(pk__in=ids)


def in_tab(grants: AccessGrantQuerySet, tab: str, now: datetime) -> AccessGrantQuerySet:
    if tab == UPCOMING:
        return grants.filter(revoked_at=None, starts_at__gt=now)
    if tab == ACTIVE:
        lasting = Q(ends_at=None) | Q(ends_at__gt=now)
        return grants.filter(lasting, revoked_at=None, starts_at__lte=now)
    return grants.alias(over_at=OVER_AT).filter(over_at__lte=now)


def lingering(grants: AccessGrantQuerySet, now: datetime) -> AccessGrantQuerySet:
    """Keep what is over, and was not seen gone everywhere."""
    is_over = Q(revoked_at__isnull=False) | Q(ends_at__lte=now)
    return grants.filter(is_over, gone_at=None)


def _named(word: str, actor: Actor) -> QuerySet[Any, Any]:
    """Return the ids of grants whose guest, room or door has this word."""
    workspace = actor.workspace.pk
    grants = AccessGrant.objects.filter(workspace_id=workspace)
    devices = Device.objects.filter(workspace_id=workspace, name__icontains=word).values("pk")
    spaces = Space.objects.filter(workspace_id=workspace, name__icontains=word).values("pk")
    entrances = AcsEntrance.objects.filter(
        system__workspace_id=workspace, name__icontains=word
    ).values("pk")
    people = UserIdentity.objects.filter(workspace_id=workspace).like(word).values("pk")
    targets, shares = GrantTarget.objects, DoorShare.objects
    by_place: list[QuerySet[Any, Any]] = [
        targets.filter(space__in=spaces).values("grant_id"),
        targets.filter(device__in=devices).values("grant_id"),
        targets.filter(entrance__in=entrances).values("grant_id"),
        shares.filter(door__device__in=devices).values("grant_id"),
        shares.filter(door__entrance__in=entrances).values("grant_id"),
    ]
    by_guest = grants.filter(identity__in=people).values("pk")
    return by_guest.union(*by_place)
