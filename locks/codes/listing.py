"""The list of codes: what to show, how many there are of which kind, page by page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, Q, QuerySet
from django.urls import reverse

from accounts.actors import Actor
from accounts.models import Space
from accounts.permissions import Permission
from locks.code_models import GONE_PHASES, CodePhase, SecretState
from locks.codes.capability import capability_of, door_of
from locks.codes.room import rooms
from locks.codes.words import State, span, state_of
from locks.models import AccessCode, Device
from locks.paging import moment_cursor, read_moment

PAGE = 50
MOST_AT_A_DOOR = 100
MOST_EXPORTED = 50_000

_GONE = Q(phase__in=GONE_PHASES)
_MADE_HERE = Q(is_managed=True)


def _wanted(now: datetime) -> Q:
    return Q(revoked_at=None) & (Q(ends_at=None) | Q(ends_at__gt=now))


def _begun(now: datetime) -> Q:
    return Q(starts_at=None) | Q(starts_at__lte=now)


def groups(now: datetime) -> dict[str, tuple[str, str, Q]]:
    """What a list can be narrowed to: label, tone and the rows. They may overlap."""
    here = _MADE_HERE & _wanted(now)
    trouble = Q(phase=CodePhase.BLOCKED) | ~Q(error_code="") | Q(overdue_since__isnull=False)
    on_its_way = [CodePhase.WAITING, CodePhase.SETTING, CodePhase.AMBIGUOUS, CodePhase.ACCEPTED]
    setting = here & _begun(now) & Q(phase__in=on_its_way, error_code="")
    return {
        "trouble": ("need attention", "danger", trouble & ~_GONE),
        "setting": ("being set", "info", setting),
        "on": ("on the lock", "ok", here & _begun(now) & Q(phase=CodePhase.ON_LOCK)),
        "scheduled": ("scheduled", "info", here & Q(starts_at__gt=now)),
        "removing": ("being removed", "warn", ~_wanted(now) & ~_GONE),
        "unmanaged": ("not made here", "unknown", Q(is_managed=False, revoked_at=None) & ~_GONE),
    }


WHEN = {
    "": "Any time",
    "now": "Valid now",
    "today": "Starts or ends today",
    "week": "Starts or ends within 7 days",
    "ongoing": "Ongoing",
}


@dataclass(frozen=True)
class Filters:
    """What the address asks to see."""

    query: str = ""
    state: str = ""
    when: str = ""
    place: UUID | None = None
    #: Codes made in one go (common_key).
    together: str = ""

    @classmethod
    def from_query(cls, params: dict[str, str]) -> Filters:
        def known(key: str, values: Iterable[str]) -> str:
            return params.get(key, "") if params.get(key, "") in set(values) else ""

        return cls(
            query=params.get("q", "").replace("\0", "").strip()[:100],
            state=known("state", [*groups(datetime.now(UTC)), "ended"]),
            when=known("when", WHEN),
            place=uuid_of(params.get("property", "")),
            together=params.get("together", "").replace("\0", "")[:64],
        )

    def params(self) -> dict[str, str]:
        told = {
            "q": self.query,
            "state": self.state,
            "when": self.when,
            "property": str(self.place or ""),
            "together": self.together,
        }
        return {key: value for key, value in told.items() if value}

    def url(self, **more: str) -> str:
        params = self.params() | more
        return f"{reverse('codes')}?{urlencode(params)}" if params else reverse("codes")

    @property
    def is_on(self) -> bool:
        return bool(self.params())

    def rows(self, actor: Actor, now: datetime) -> QuerySet[AccessCode]:
        """Return what this asks for, of what the actor may see, newest first."""
        found = self._kept(actor, now)
        if self.state == "ended":
            found = found.filter(_GONE)
        elif self.state:
            found = found.filter(groups(now)[self.state][2])
        elif not self.together:
            found = found.exclude(_GONE)
            if not self.query:  # staff of the provider's own are many, and have a pill
                found = found.filter(_MADE_HERE | Q(revoked_at__isnull=False))
        return found.order_by("-created_at", "-pk")

    def _kept(self, actor: Actor, now: datetime) -> QuerySet[AccessCode]:
        found = AccessCode.objects.for_actor(actor)
        for word in self.query.split():
            found = found.filter(
                Q(name__icontains=word) | Q(device__name__icontains=word) | Q(ref__iexact=word)
            )
        if self.place:
            found = found.filter(device__property_id=self.place)
        if self.together:
            found = found.filter(common_key=self.together)
        return (
            found.filter(_when(self.when, now, ZoneInfo(actor.zone_name))) if self.when else found
        )


def _when(word: str, now: datetime, zone: ZoneInfo) -> Q:
    if word == "ongoing":
        return Q(ends_at=None)
    if word == "now":
        return _begun(now) & _wanted(now)
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    until = midnight + timedelta(days=1 if word == "today" else 7)
    stretch = (midnight, until)
    return Q(starts_at__range=stretch) | Q(ends_at__range=stretch)


def uuid_of(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


# --- rows -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One code as a list shows it."""

    code: AccessCode
    state: State
    span: str
    has_digits: bool
    may_reveal: bool
    may_manage: bool
    can_extend: bool


def with_rows(codes: QuerySet[AccessCode]) -> QuerySet[AccessCode]:
    """Fetch along what words and rows need."""
    return codes.select_related("account", "device__property")


def with_all(codes: QuerySet[AccessCode]) -> QuerySet[AccessCode]:
    """Fetch along what the page of one code, and every act on it, needs."""
    return codes.select_related(
        *("account", "site", "created_by", "device__property", "device__site", "device__hub"),
        *("device__account__workspace", "device__code_door"),
    )


def rows_of(codes: Iterable[AccessCode], actor: Actor, now: datetime) -> list[Row]:
    return [row_of(code, actor, now) for code in codes]


def row_of(code: AccessCode, actor: Actor, now: datetime) -> Row:
    place = code.device.property_id
    may_manage = actor.may(Permission.MANAGE_CODES, place)
    has_end = code.is_managed and code.ends_at is not None and code.is_wanted(now)
    return Row(
        code=code,
        state=state_of(code, now),
        span=span(code, now=now),
        has_digits=code.secret_state == SecretState.STORED,
        may_reveal=actor.may(Permission.REVEAL_CODES, place),
        may_manage=may_manage,
        can_extend=may_manage and has_end and code.grant_id is None,
    )


@dataclass(frozen=True)
class Pill:
    label: str
    tone: str
    count: int | None
    url: str
    is_on: bool


@dataclass(frozen=True)
class Listing:
    """One page of the list."""

    rows: list[Row]
    pills: list[Pill]
    older_url: str
    properties: list[Space]


def listing(actor: Actor, filters: Filters, *, before: str, now: datetime) -> Listing:
    """Put a page together. A fixed number of queries. Raises CursorError."""
    found = with_rows(filters.rows(actor, now))
    if before:
        found = found.filter(_older_than(before))
    page = list(found[: PAGE + 1])
    more = page[PAGE - 1] if len(page) > PAGE else None
    return Listing(
        rows=rows_of(page[:PAGE], actor, now),
        pills=_pills(actor, filters, now),
        older_url=filters.url(before=moment_cursor(more.created_at, more.pk)) if more else "",
        properties=list(Space.objects.for_actor(actor).properties().order_by("name")),
    )


def _older_than(cursor: str) -> Q:
    at, last = read_moment(cursor)
    return Q(created_at__lt=at) | Q(created_at=at, pk__lt=last)


def _pills(actor: Actor, filters: Filters, now: datetime) -> list[Pill]:
    """Count each kind among what the other filters leave. Ended ones are many: not counted."""
    kinds = groups(now)
    rows = replace(filters, state="")._kept(actor, now).exclude(_GONE)
    counts: dict[str, Any] = rows.aggregate(
        **{key: Count("pk", filter=each) for key, (_, _, each) in kinds.items()}
    )
    pills = [
        _pill(filters, key, label, tone, counts[key])
        for key, (label, tone, _) in kinds.items()
        if counts[key] or filters.state == key
    ]
    return [*pills, _pill(filters, "ended", "Ended", "unknown", None)]


def _pill(filters: Filters, key: str, label: str, tone: str, count: int | None) -> Pill:
    is_on = filters.state == key
    url = replace(filters, state="" if is_on else key).url()
    return Pill(label=label, tone=tone, count=count, url=url, is_on=is_on)


# --- doors ----------------------------------------------------------------------------


def doors_for(actor: Actor, permission: Permission) -> QuerySet[Device]:
    """Return the doors where somebody holds a permission, with all that capability needs."""
    ids = actor.property_ids_with(permission)
    doors = Device.objects.for_actor(actor)
    if ids is not None:
        doors = doors.filter(property_id__in=ids)
    return doors.select_related("account__workspace", "site", "property", "space", "code_door")


def of_door(actor: Actor, device: Device, *, now: datetime) -> dict[str, Any]:
    """Return what the page of a door tells of its codes."""
    door, capability, place = door_of(device), capability_of(device), device.property_id
    found = AccessCode.objects.for_actor(actor).filter(device=device).not_gone()
    return {
        "rows": rows_of(
            with_rows(found).order_by("-is_managed", "-created_at")[:MOST_AT_A_DOOR], actor, now
        ),
        "capability": capability,
        "rooms": rooms(device, capability.rules),
        "may_manage": actor.may(Permission.MANAGE_CODES, place),
        "may_override": actor.may(Permission.MANAGE_DOORS, place),
        "doubted_at": door.keypad_doubted_at if door else None,
        "override": door.keypad_override if door else None,
    }
