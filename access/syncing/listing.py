"""Listing an account's systems, and believing what is listed.

Small systems are listed whole each minute, large ones less often, by how long it took. Who is
in which group takes two calls for each group: all are read at first, and a few in rotation
with each listing, first those that somebody looks at.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Case, QuerySet, Value, When
from django.utils import timezone

from access import waking
from access.models import AcsAccessGroup, AcsCredential, AcsSystem, AcsUser, SystemsWatch
from access.reconciling import making, steps, storing
from access.states import Phase
from access.syncing import cards, leftovers, members, parts, people, systems
from accounts import health
from accounts.models import ConnectedAccount, Operation
from accounts.providers.base import AuthError, ProviderError, RateLimitError, Reach
from accounts.providers.systems import AccessSystems
from audit.services import record
from audit.words import Verb

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

EVERY_SECONDS = 60.0
#: A listing that took long is repeated after so many times as long.
_SHARE = 10.0
#: Groups read again with each listing.
GROUPS_IN_ROTATION = 10
#: The first reading of a large system is not interrupted by a second listing for so long.
_FIRST_READING = timedelta(minutes=10)
#: A listing with less than this share of what we know is not believed until its third time.
_SHRUNK_BELOW = 0.5
_THIN_LISTINGS_BELIEVED = 3


def due_at(account: ConnectedAccount, now: datetime) -> datetime:
    """Return when an account is worth looking at, apart from wishes."""
    watch = SystemsWatch.objects.get(pk=account.pk)
    if watch.listed_at is None or watch.next_listing_at is None:
        return now
    return now if _unread(account).exists() else watch.next_listing_at


def look(
    account: ConnectedAccount, driver: AccessSystems, check: Callable[[], None]
) -> Iterator[None]:
    """List what is due, a call at a time: after each it yields. Raises ProviderError.

    `check` is called before anything is stored, and raises where that is not ours to do.
    """
    now = timezone.now()
    watch = SystemsWatch.objects.get(pk=account.pk)
    is_reading = watch.listed_at is not None and watch.listed_at > now - _FIRST_READING
    if is_reading and _unread(account).exists():
        yield from _read_groups(account, driver, check, again=0)
    else:
        yield from _list_all(account, driver, check)
        yield from _read_groups(account, driver, check, again=GROUPS_IN_ROTATION)


def _unread(account: ConnectedAccount) -> QuerySet[AcsAccessGroup]:
    return AcsAccessGroup.objects.filter(
        system__account=account, system__removed_at=None, removed_at=None, read_at=None
    )


def _list_all(
    account: ConnectedAccount, driver: AccessSystems, check: Callable[[], None]
) -> Iterator[None]:
    asked_at, clock = timezone.now(), _Clock()
    listed = clock.timed(driver.list_systems)
    check()
    found = systems.take(account, listed, at=asked_at)
    yield
    for system in found:
        try:
            yield from _list_system(system, driver, check, clock)
            systems.note_closed(system, is_closed=False, at=timezone.now())
        except ProviderError as error:
            if error.reach != Reach.REFUSED or isinstance(error, AuthError | RateLimitError):
                raise
            # One system that is closed to us keeps no other from being seen, nor wishes back.
            logger.warning("a system could not be listed: %s", error.code)
            systems.note_closed(system, is_closed=True, at=timezone.now())
    _note_listed(account, asked_at, clock.seconds)
    health.note_ok(account, Operation.SYSTEMS, at=timezone.now())


def _note_listed(account: ConnectedAccount, asked_at: datetime, seconds: float) -> None:
    watch = SystemsWatch.objects.get(pk=account.pk)
    watch.listed_at, watch.listing_seconds = asked_at, seconds
    watch.next_listing_at = asked_at + timedelta(seconds=max(EVERY_SECONDS, seconds * _SHARE))
    watch.passes += 1
    watch.save(update_fields=["listed_at", "listing_seconds", "next_listing_at", "passes"])


@dataclass(frozen=True, kw_only=True)
class _Answer:
    rows: Sequence[Any]
    asked_at: datetime


def _ask(call: Callable[[str], Sequence[Any]], system: AcsSystem) -> _Answer:
    asked_at = timezone.now()
    return _Answer(rows=call(system.remote_id), asked_at=asked_at)


class _Clock:
    """How long the calls of a listing took: whatever is done between them is not its share."""

    seconds = 0.0

    def timed(self, call: Callable[..., _T], *arguments: Any) -> _T:
        began = time.monotonic()
        try:
            return call(*arguments)
        finally:
            self.seconds += time.monotonic() - began


def _list_system(
    system: AcsSystem, driver: AccessSystems, check: Callable[[], None], clock: _Clock
) -> Iterator[None]:
    """List the five kinds of a system, then store them: half of it looks like removed things."""
    answers: dict[str, _Answer] = {}
    for name, call in (
        ("encoders", driver.list_encoders),
        ("groups", driver.list_groups),
        ("entrances", driver.list_entrances),
        ("users", driver.list_acs_users),
        ("credentials", driver.list_credentials),
    ):
        answers[name] = clock.timed(_ask, call, system)
        yield
    check()
    _store(system, answers)


def _store(system: AcsSystem, answers: dict[str, _Answer]) -> None:
    is_believed = not _is_thin(system, {name: len(each.rows) for name, each in answers.items()})
    changes = []
    takers: Any = (
        ("encoders", parts.take_encoders),
        ("groups", parts.take_groups),
        ("entrances", parts.take_entrances),
    )
    for name, take in takers:
        each = answers[name]
        changes.append(take(system, each.rows, at=each.asked_at, is_believed=is_believed))
    users, credentials = answers["users"], answers["credentials"]
    changes.append(
        people.take(system, users.rows, asked_at=users.asked_at, is_believed=is_believed)
    )
    changes.append(
        cards.take(
            system,
            credentials.rows,
            user_ids=members.ids_of_users(system),
            asked_at=credentials.asked_at,
            is_believed=is_believed,
        )
    )
    changes.append(leftovers.withdraw(system, timezone.now()))
    is_first = system.listed_at is None
    system.listed_at = users.asked_at
    AcsSystem.objects.filter(pk=system.pk).update(listed_at=system.listed_at)
    if is_first:
        _note_found(system, answers)
    if is_first or any(changes):
        waking.tell(system)


def _note_found(system: AcsSystem, answers: dict[str, _Answer]) -> None:
    record(
        Verb.SYSTEM_FOUND,
        workspace_id=system.workspace_id,
        at=timezone.now(),
        place=system.as_place(),
        subject=system.name,
        system=system.name,
        counts={name: len(each.rows) for name, each in answers.items()},
    )


def _is_thin(system: AcsSystem, seen: dict[str, int]) -> bool:
    """Tell whether a listing is empty or has shrunk by half, and is not believed yet."""
    known = _known(system)
    if not any(seen[name] < known[name] * _SHRUNK_BELOW for name in known):
        if system.thin_listings:
            system.thin_listings = 0
            AcsSystem.objects.filter(pk=system.pk).update(thin_listings=0)
        return False
    system.thin_listings += 1
    AcsSystem.objects.filter(pk=system.pk).update(thin_listings=system.thin_listings)
    return system.thin_listings < _THIN_LISTINGS_BELIEVED


def _known(system: AcsSystem) -> dict[str, int]:
    """Return how many of each we expect: what we asked to delete may be gone."""
    users = AcsUser.objects.filter(system=system, delete_asked_at=None)
    credentials = AcsCredential.objects.filter(system=system, delete_asked_at=None)
    credentials = credentials.exclude(user__phase__in=(Phase.DELETING, Phase.GONE))
    return {
        "encoders": system.encoders.filter(removed_at=None).count(),
        "groups": system.groups.filter(removed_at=None).count(),
        "entrances": system.entrances.filter(removed_at=None).count(),
        "users": users.exclude(remote_id="").exclude(phase=Phase.GONE).count(),
        "credentials": credentials.exclude(remote_id="").exclude(phase=Phase.GONE).count(),
    }


# --- groups ---------------------------------------------------------------------------------


def _read_groups(
    account: ConnectedAccount, driver: AccessSystems, check: Callable[[], None], *, again: int
) -> Iterator[None]:
    """Read all groups that never were, and some of the others `again`."""
    here = AcsAccessGroup.objects.filter(
        system__account=account, system__removed_at=None, removed_at=None
    )
    ids = _Ids()
    for pk in [*_unread(account).values_list("pk", flat=True), *_in_turn(here, again)]:
        group = here.select_related("system__property", "system__account").filter(pk=pk).first()
        if group is None:
            continue
        try:
            yield from _read_group(group, driver, ids, check)
        except ProviderError as error:
            if error.reach != Reach.REFUSED or isinstance(error, AuthError | RateLimitError):
                raise
            # Gone since it was listed, or closed to us: no other group waits for it.
            logger.warning("a group could not be read: %s", error.code)
            _note_read(pk, timezone.now())


def _in_turn(here: QuerySet[AcsAccessGroup], count: int) -> list[UUID]:
    """Return which groups are read again: those somebody looks at for up to half, then by age."""
    read = here.exclude(read_at=None)
    wanted = read.filter(news_wanted_at__isnull=False).order_by("news_wanted_at", "pk")
    chosen = list(wanted.values_list("pk", flat=True)[: count // 2])
    is_moving = Case(When(mutations=[], then=Value(1)), default=Value(0))
    others = read.exclude(pk__in=chosen).annotate(is_moving=is_moving)
    by_age = others.order_by("is_moving", "read_at").values_list("pk", flat=True)
    return [*chosen, *by_age[: count - len(chosen)]]


def _note_read(group_id: UUID, at: datetime) -> None:
    AcsAccessGroup.objects.filter(pk=group_id).update(read_at=at, news_wanted_at=None)


class _Ids:
    """Our ids by the provider's, of the systems that one reading comes across."""

    def __init__(self) -> None:
        self._users: dict[Any, Any] = {}
        self._entrances: dict[Any, Any] = {}

    def users(self, system: AcsSystem, listed: Sequence[str]) -> Any:
        """Return them with those of people who were made since the reading began."""
        if system.pk not in self._users:
            self._users[system.pk] = members.ids_of_users(system)
        known = self._users[system.pk]
        if strangers := set(listed) - known.keys():
            known |= members.ids_of_users(system, strangers)
        return known

    def entrances(self, system: AcsSystem) -> Any:
        if system.pk not in self._entrances:
            self._entrances[system.pk] = members.ids_of_entrances(system)
        return self._entrances[system.pk]


def _read_group(
    group: AcsAccessGroup, driver: AccessSystems, ids: _Ids, check: Callable[[], None]
) -> Iterator[None]:
    asked_at = timezone.now()
    people_in = driver.group_user_ids(group.remote_id)
    yield
    entrances = driver.group_entrance_ids(group.remote_id)
    if members.has_lost_entrances(group, entrances):
        yield
        entrances = driver.group_entrance_ids(group.remote_id)
    system = group.system
    if person := members.witness(group, people_in):
        yield
        if group.remote_id in driver.user_group_ids(system.remote_id, person):
            _note_read(group.pk, asked_at)
            return
    check()
    user_ids = ids.users(system, people_in)
    taken = members.take_people(group, people_in, user_ids=user_ids, asked_at=asked_at)
    has_changed = members.take_entrances(group, entrances, entrance_ids=ids.entrances(system))
    _note_read(group.pk, asked_at)
    if taken.has_changed or has_changed:
        waking.tell(system)
    yield
    for pk in taken.doubtful:
        _look_again(pk, driver, check)
        yield


def _look_again(user_id: UUID, driver: AccessSystems, check: Callable[[], None]) -> None:
    """Ask for the groups of somebody whom a group's list has or lacks against our last call."""
    user = AcsUser.objects.select_related("system").get(pk=user_id)
    asked_at = timezone.now()
    groups = driver.user_group_ids(user.system.remote_id, user.remote_id)
    check()

    def take(row: AcsUser) -> None:
        if row.phase != Phase.GONE:
            storing.take_groups_of(row, groups, asked_at=asked_at, is_second_look=True)

    making.change_user(user_id, take, now=timezone.now())


# --- lost answers ---------------------------------------------------------------------------


def find_users(system: AcsSystem, driver: AccessSystems, check: Callable[[], None]) -> None:
    """List a system's users to see whom calls with lost answers have made. Raises ProviderError.

    Whoever is not settled by it waits for the next one.
    """
    answer = _ask(driver.list_acs_users, system)
    check()
    known = _known(system)["users"]
    is_believed = len(answer.rows) >= known * _SHRUNK_BELOW
    people.take(system, answer.rows, asked_at=answer.asked_at, is_believed=is_believed)
    waking.tell(system)
    lost = AcsUser.objects.filter(system=system, remote_id="", ambiguous_since__isnull=False)
    for row in lost.filter(next_run_at__lte=timezone.now()):
        step = steps.user_step(row, [], now=timezone.now())
        soon = timezone.now() + timedelta(seconds=1)
        at = max(step.at, soon) if step else None
        AcsUser.objects.filter(pk=row.pk, remote_id="").update(next_run_at=at)
