"""Lists of people: of a system, of a group, of a door."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Count, F, Prefetch, Q, QuerySet

from access.models import AcsCredential, AcsMembership, AcsSystem, AcsUser
from access.models.credentials import ON_A_CARD
from access.models.people import IN_TROUBLE, UNSETTLED
from access.people import words
from access.people.finding import find
from access.places.paging import page_by_name
from access.states import CardState, Phase
from accounts.providers.systems import AccessMethod
from locks.codes.words import State

MOST_GROUPS_IN_A_ROW = 3

SHOW = {
    "arriving": "Arriving today",
    "without": "Without a card",
    "suspended": "Suspended",
    "pending": "Being changed",
    "trouble": "In trouble",
}


def shows_of(system: AcsSystem) -> dict[str, str]:
    """Return what a system's list can be narrowed to, as it calls the plastic."""
    return SHOW | {"without": f"Without a {words.thing(system)}"}


@dataclass(frozen=True)
class Filters:
    """What the address asks to see."""

    query: str = ""
    show: str = ""

    @classmethod
    def from_query(cls, params: dict[str, str]) -> Filters:
        show = params.get("show", "")
        query = params.get("q", "").replace("\0", "").strip()[:100]
        return cls(query=query, show=show if show in SHOW else "")

    def url(self, base: str, **more: str) -> str:
        params = {"q": self.query, "show": self.show} | more
        told = {key: value for key, value in params.items() if value}
        return f"{base}?{urlencode(told)}" if told else base

    def rows(self, system: AcsSystem, now: datetime) -> QuerySet[AcsUser]:
        found = AcsUser.objects.filter(system=system).not_gone()
        if self.query:
            found = find(found, self.query)
        match self.show:
            case "arriving":
                day = now.astimezone(system.property.zone).replace(
                    hour=0, minute=0, second=0, microsecond=0
                )
                until = day + timedelta(days=1)
                found = found.filter(starts_at__gte=day, starts_at__lt=until, delete_asked_at=None)
            case "without":
                found = found.exclude(pk__in=_holders(system)).filter(delete_asked_at=None)
            case "suspended":
                found = found.filter(is_suspended=True)
            case "pending":
                moving = AcsMembership.objects.filter(~Q(is_wanted=F("is_seen")))
                unsettled = AcsUser.objects.filter(UNSETTLED, system=system)
                found = found.filter(
                    pk__in=unsettled.values("pk").union(moving.values("user_id"), all=True)
                )
            case "trouble":
                found = found.filter(IN_TROUBLE)
        return found


def _holders(system: AcsSystem) -> QuerySet[AcsCredential, Any]:
    """Return who of a system walks around with a card, by an index of just these."""
    cards = AcsCredential.objects.filter(ON_A_CARD, system=system, user__isnull=False)
    gone = [CardState.LOST, CardState.RETURNED]
    return cards.exclude(card_state__in=gone).values("user_id")


# --- rows -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One person as a list shows them."""

    user: AcsUser
    groups: list[AcsMembership]
    more_groups: int
    window: str
    card: State
    state: State


@dataclass(frozen=True)
class People:
    rows: list[Row]
    #: Where the next page begins; "" where there is none.
    after: str


def people(
    users: QuerySet[AcsUser],
    system: AcsSystem,
    *,
    after: str,
    now: datetime,
    is_narrow: bool = False,
) -> People:
    """Return one page of people. Three queries, however many. Raises CursorError.

    `is_narrow`: whether an index finds just these (`paging.page_by_name`).
    """
    # What opens few doors says most of somebody: their room stands before "Everybody".
    held = (
        AcsMembership.objects.select_related("group")
        .annotate(doors=Count("group__entrances"))
        .order_by("doors", "group__name")
    )
    cards = AcsCredential.objects.exclude(phase=Phase.GONE).filter(access_method=AccessMethod.CARD)
    found = users.prefetch_related(
        Prefetch("memberships", held, to_attr="held"),
        Prefetch("credentials", cards, to_attr="cards"),
    )
    page = page_by_name(found, system, after, name="full_name", is_narrow=is_narrow)
    for user in page.rows:
        user.system = system  # is it, and has its property at hand
    return People(rows_of(page.rows, now), page.after)


def rows_of(users: Iterable[AcsUser], now: datetime) -> list[Row]:
    return [_row(user, now) for user in users]


def _row(user: AcsUser, now: datetime) -> Row:
    held: list[AcsMembership] = user.held  # type: ignore[attr-defined]  # prefetched
    cards: list[AcsCredential] = user.cards  # type: ignore[attr-defined]  # prefetched
    is_moving = any(each.is_pending for each in held)
    shown = [each for each in held if each.is_wanted or each.is_seen]
    return Row(
        user=user,
        groups=shown[:MOST_GROUPS_IN_A_ROW],
        more_groups=max(0, len(shown) - MOST_GROUPS_IN_A_ROW),
        window=words.window(user, now),
        card=words.card_word(user.system, cards, now),
        state=words.state_of(user, now, is_moving=is_moving),
    )


def in_groups(group_ids: Collection[UUID]) -> QuerySet[AcsUser]:
    """Return who is in one of these groups, or is being put in or taken out.

    Takes ids, not a query of them: only then does the database know how many people to expect.
    Does not name the system, which groups and their people share: the database would read all
    of its people instead.
    """
    members = AcsMembership.objects.filter(Q(is_wanted=True) | Q(is_seen=True))
    users = members.filter(group_id__in=list(group_ids)).values("user_id")
    return AcsUser.objects.filter(pk__in=users).not_gone()
