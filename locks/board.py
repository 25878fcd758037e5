"""What one person's board shows: which doors, in which order, and what needs attention."""

from __future__ import annotations

import builtins
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.actors import Actor
from accounts.models import AccountState, ConnectedAccount, ConnectedSite, Space
from accounts.permissions import Permission
from accounts.providers import PROVIDERS
from locks.models import Device
from locks.tiles import ALL_PROBLEMS, Audience, Tile, natural, tiles


@dataclass(frozen=True)
class Filters:
    """What the address asks to see."""

    query: str = ""
    show: str = ""
    layout: str = "grid"

    @classmethod
    def from_query(cls, params: dict[str, str]) -> Filters:
        show = params.get("show", "")
        return cls(
            query=params.get("q", "").strip()[:100],
            show=show if show in {p.key for p in ALL_PROBLEMS} else "",
            layout="list" if params.get("layout") == "list" else "grid",
        )

    def keeps(self, tile: Tile) -> bool:
        if self.show and all(problem.key != self.show for problem in tile.problems):
            return False
        return all(word in tile.search for word in self.query.casefold().split())

    def url(self, **changes: str) -> str:
        params = {"q": self.query, "show": self.show, "layout": self.layout} | changes
        asked = {k: v for k, v in params.items() if v and (k, v) != ("layout", "grid")}
        return f"/?{urlencode(asked)}" if asked else "/"

    @property
    def is_on(self) -> bool:
        return bool(self.query or self.show)


@dataclass(frozen=True)
class Floor:
    name: str
    tiles: list[SafeString]


@dataclass(frozen=True)
class Group:
    property: Space
    floors: list[Floor]

    @builtins.property  # `property` is a field here
    def count(self) -> int:
        return sum(len(floor.tiles) for floor in self.floors)


@dataclass(frozen=True)
class Pill:
    key: str
    label: str
    count: int
    is_on: bool
    url: str
    tone: str


@dataclass(frozen=True)
class Banner:
    level: str
    title: str
    text: str
    url: str = ""
    action: str = ""


@dataclass(frozen=True)
class Board:
    """A board at one moment. `cursor` tells a stream where to go on."""

    groups: list[Group]
    pills: list[Pill]
    banners: list[Banner]
    filters: Filters
    total: int
    shown: int
    problem_count: int
    cursor: str
    #: Properties without a door, for those who may connect an account there.
    bare: list[Space]
    polled: dict[str, str] = field(default_factory=dict)


def board_for(actor: Actor, filters: Filters, *, now: datetime | None = None) -> Board:
    """Put one person's board together. A fixed number of queries, whatever the doors."""
    now = now or timezone.now()
    rows = Device.objects.for_actor(actor).values_list("pk", "revision")
    seen = list(tiles.get(rows).values())
    shown = [tile for tile in seen if filters.keeps(tile)]
    accounts = list(ConnectedAccount.objects.for_actor(actor))
    properties = list(Space.objects.for_actor(actor).properties().order_by("name"))
    return Board(
        groups=_groups(actor, shown, properties),
        pills=_pills(seen, filters),
        banners=banners_of(accounts, actor, now=now),
        filters=filters,
        total=len(seen),
        shown=len(shown),
        problem_count=sum(any(p.is_problem for p in tile.problems) for tile in seen),
        cursor=now.isoformat(),
        bare=_bare(actor, seen, properties),
        polled={
            str(account.pk): account.status_polled_at.isoformat()
            for account in accounts
            if account.status_polled_at
        },
    )


def audience_of(actor: Actor, property_id: object) -> Audience:
    ids = actor.unlockable_property_ids
    return Audience.OPERATOR if ids is None or property_id in ids else Audience.VIEWER


def _bare(actor: Actor, seen: list[Tile], properties: list[Space]) -> list[Space]:
    with_doors = {tile.property_id for tile in seen}
    return [
        space
        for space in properties
        if space.pk not in with_doors and actor.may(Permission.MANAGE_ACCOUNTS, space.pk)
    ]


def _groups(actor: Actor, shown: list[Tile], properties: list[Space]) -> list[Group]:
    shown.sort(key=lambda tile: tile.sort_key)
    by_property: dict[object, dict[str, list[SafeString]]] = {}
    for tile in shown:
        floors = by_property.setdefault(tile.property_id, {})
        html = tile.html[audience_of(actor, tile.property_id)]
        floors.setdefault(tile.floor, []).append(html)
    return [
        Group(
            property=space,
            floors=[
                Floor(name=name, tiles=html)
                for name, html in sorted(
                    by_property[space.pk].items(), key=lambda item: _floor_key(item[0])
                )
            ],
        )
        for space in properties
        if space.pk in by_property
    ]


def _floor_key(name: str) -> tuple[int, list[tuple[int, str | int]]]:
    """Ground first, then upwards; doors on no floor at the end."""
    rank = {"": 2, "ground": 0, "ground floor": 0}.get(name.casefold(), 1)
    return rank, natural(name)


def _pills(seen: list[Tile], filters: Filters) -> list[Pill]:
    counts = Counter(problem for tile in seen for problem in tile.problems)
    return [
        Pill(
            key=problem.key,
            label=problem.label,
            count=counts[problem],
            is_on=filters.show == problem.key,
            url=filters.url(show="" if filters.show == problem.key else problem.key),
            tone=problem.tone,
        )
        for problem in ALL_PROBLEMS
        if counts[problem] or filters.show == problem.key
    ]


_SAID = {
    AccountState.RECONNECT_REQUIRED: ("danger", "{brand} refuses our credential since {since}"),
    AccountState.SECRET_UNREADABLE: ("danger", "the stored secret cannot be read"),
    AccountState.ACTUATION_BLOCKED: ("danger", "remote opening is blocked since {since}"),
    AccountState.DEGRADED: ("warn", "{brand} has not answered since {since}"),
    AccountState.THROTTLED: ("warn", "{brand} asks us to slow down"),
}
_WHAT_STILL_WORKS = {
    AccountState.CONNECTED: "Everything else works.",
    AccountState.RECONNECT_REQUIRED: "Its doors show their last known state and cannot be opened from here.",
    AccountState.SECRET_UNREADABLE: "Its doors show their last known state and cannot be opened from here.",
    AccountState.ACTUATION_BLOCKED: "Doors are still shown live.",
    AccountState.DEGRADED: "Showing old data. Unlock may fail.",
    AccountState.THROTTLED: "Doors are updated more slowly. Unlock still works.",
}


def banners_of(
    accounts: list[ConnectedAccount], actor: Actor, *, now: datetime | None = None
) -> list[Banner]:
    """One banner per account in trouble: what broke, since when, what still works, what to do.

    Times are those of the account's property. They name their day where it is not today, and
    their zone where the reader's properties are in more than one.
    """
    now = now or timezone.now()
    may_mend = actor.may(Permission.MANAGE_ACCOUNTS)
    clocks = _Clocks(accounts, actor)
    said = []
    for account in accounts:
        said += _about_clock(account, may_mend=may_mend)
        state = AccountState(account.state)
        if state not in _SAID and not account.trouble:
            continue
        level, title = _SAID.get(state) or ("warn", _what_is_off(account))
        brand, since = _brand(account), clocks.since(account, now)
        said.append(
            Banner(
                level=level,
                title=f"{account.name}: {title.format(brand=brand, since=since)}.",
                text=_text(_WHAT_STILL_WORKS.get(state, ""), account.trouble),
                url=f"/accounts/{account.pk}/" if may_mend else "",
                action="Reconnect" if account.is_silent else "See the account",
            )
        )
    return said


#: What does not work without a permission, by the word the driver has for it in each dialect.
_OFF = {
    "reading the site": "its doors are not shown live",
    "locks:read": "its doors are not shown live",
    "reading the activity log": "what happens at its doors is not in the log",
    "audit:read": "what happens at its doors is not in the log",
    "reading users": "its people are not shown by name",
    "users:read": "its people are not shown by name",
    "remote opening": "its doors cannot be opened from here",
    "locks:write": "its doors cannot be opened from here",
}


def _what_is_off(account: ConnectedAccount) -> str:
    """Of an account that works but for one permission: what that one was for."""
    return _OFF.get(account.trouble.rpartition(": ")[2].rstrip("."), "one function does not work")


def _about_clock(account: ConnectedAccount, *, may_mend: bool) -> list[Banner]:
    clock = account.clock_trouble
    if clock is None or not clock.is_alert:
        return []
    return [
        Banner(
            level="warn",
            title=f"{account.name}: {_brand(account)}'s clock is {clock.short}.",
            text=clock.fix,
            url=f"/accounts/{account.pk}/" if may_mend else "",
            action="See the account",
        )
    ]


def _brand(account: ConnectedAccount) -> str:
    return PROVIDERS[account.provider].label if account.provider in PROVIDERS else "The provider"


class _Clocks:
    """By which clock each account's times are told. Asks the database once there is one to tell."""

    def __init__(self, accounts: list[ConnectedAccount], actor: Actor) -> None:
        self._accounts = accounts
        self._actor = actor

    @cached_property
    def _names(self) -> dict[UUID, str]:
        """The zones of the properties in sight."""
        spaces = Space.objects.for_actor(self._actor).properties()
        return dict(spaces.values_list("pk", "time_zone"))

    @cached_property
    def _zones(self) -> dict[UUID, ZoneInfo]:
        found: dict[UUID, ZoneInfo] = {}
        sites = ConnectedSite.objects.filter(account__in=self._accounts).order_by("name")
        for account_id, property_id in sites.values_list("account_id", "property_id"):
            if property_id in self._names:
                found.setdefault(account_id, ZoneInfo(self._names[property_id]))
        return found

    def since(self, account: ConnectedAccount, now: datetime) -> str:
        zone = self._zones.get(account.pk) or ZoneInfo(self._actor.zone_name)
        at = account.state_since
        if account.state == AccountState.DEGRADED and account.status_polled_at:
            # Trouble is called that after some failures; the doors have been silent for longer.
            at = min(at, account.status_polled_at)
        local = at.astimezone(zone)
        is_today = local.date() == now.astimezone(zone).date()
        clock = f"{local:%H:%M}" if is_today else f"{local:%-d %b, %H:%M}"
        return f"{clock} {local:%Z}" if len(set(self._names.values())) > 1 else clock


def _text(what_still_works: str, trouble: str) -> str:
    sentence = f"{trouble.rstrip('.')}." if trouble else ""
    return f"{what_still_works} {sentence}".strip()
