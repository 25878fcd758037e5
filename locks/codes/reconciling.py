"""Making providers agree with what is wished of access codes, for ever (reliability A2).

One pass per account: look (a listing, when it is worth its calls), decide (`decide`, pure),
and make one call after the other, each with its intent committed before and its answer stored
after it. Any worker may do a pass; a lease in the account's row lets only one at a time. The
rows are the work: a pass that dies is continued by the next one, from what a listing shows.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, cast
from uuid import UUID, uuid4

from django.db import DatabaseError, InterfaceError, connection, transaction
from django.db.models import Case, F, Min, Q, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts import health
from accounts.driving import driver_for
from accounts.models import ConnectedAccount, ConnectedSite, Operation
from accounts.providers import PROVIDERS
from accounts.providers.base import (
    AuthError,
    ProviderError,
    RateLimitError,
    Reach,
    UnsupportedError,
)
from accounts.providers.codes import AccessCodes, CodeListing, SharedCodes
from accounts.sealing import UnreadableError
from accounts.turns import Work
from locks import live, tasks
from locks.codes import decide, family, outcomes, sighting, storing, timing, unmanaged
from locks.codes.actions import (
    Action,
    Call,
    Change,
    DoorChange,
    NoteUnmanaged,
    Remove,
    SiteChange,
    TakeStep,
)
from locks.codes.known import CALL_SECONDS, KnownCode, KnownDoor, KnownSite
from locks.codes.states import GONE_PHASES, CodePhase, CodeStatus
from locks.insisting import insist
from locks.models import AccessCode, Device

logger = logging.getLogger(__name__)

#: Nobody else works on the account for so long; renewed while a pass lasts.
LEASE = timedelta(seconds=30)
_RENEW_AFTER_SECONDS = 5.0
#: A pass lasts no longer, so that the workers come round to every account.
PASS_SECONDS = 25.0
#: An intent so old is not followed by its call: this process was stopped in between.
STALE_SECONDS = 5.0
#: Codes looked at before asking again what is most urgent.
BATCH = 20
#: Calls in a row that reached nobody; then the provider is given a rest.
GIVE_UP_AFTER = 2
REST = timedelta(seconds=15)
EVERY = timedelta(seconds=60)
#: Doors whose set-up is compared in each listing although nothing is pending there.
DOORS_IN_ROTATION = 1
#: Where codes that are not ours may be is looked at in full once in so many minutes.
DEEP_EVERY_MINUTES = 15


def queue_due() -> int:
    """Have every account whose codes are due looked at. Return how many.

    Two beats, or ten, only find nothing left to claim.
    """
    claimed = _claim()
    for account_id in claimed:
        if not live.send(tasks.reconcile_codes, expires=30, account_id=str(account_id)):
            run(account_id)
    return len(claimed)


def _claim() -> list[UUID]:
    """Put due accounts off by a minute, and return them. A pass brings its own next time.

    A time far ahead was written while the clock was wrong.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE accounts_connectedaccount AS a
               SET next_codes_at = now() + interval '60 seconds'
             WHERE a.id IN (
                   SELECT id FROM accounts_connectedaccount
                    WHERE state <> 'disconnected'
                      AND (next_codes_at IS NULL OR next_codes_at <= now()
                           OR next_codes_at > now() + interval '2 hours')
                    ORDER BY next_codes_at FOR UPDATE SKIP LOCKED LIMIT 200)
            RETURNING a.id
            """
        )
        return [row[0] for row in cursor.fetchall()]


def run(account_id: UUID) -> None:
    """Do one pass for an account, if nobody else is at it. Safe to call at any time."""
    until = _take_lease(account_id)
    if until is None:
        return
    account = ConnectedAccount.objects.select_related("workspace").get(pk=account_id)
    work = _Pass(account, until)
    try:
        work.do()
    except UnreadableError:
        health.note_unreadable(account)
    finally:
        _release(work)
    if work.is_unfinished:
        live.send(tasks.reconcile_codes, expires=30, account_id=str(account_id))


def _take_lease(account_id: UUID) -> datetime | None:
    """Return until when the account is ours, or None. A lease too long is none: a wrong clock."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE accounts_connectedaccount
               SET codes_lease_until = clock_timestamp() + %(lease)s * interval '1 second'
             WHERE id = %(id)s AND state <> 'disconnected'
               AND (codes_lease_until IS NULL OR codes_lease_until < clock_timestamp()
                    OR codes_lease_until > clock_timestamp() + %(lease)s * interval '2 seconds')
            RETURNING codes_lease_until
            """,
            {"id": account_id, "lease": LEASE.total_seconds()},
        )
        row = cursor.fetchone()
    return row[0] if row else None


def _release(work: _Pass) -> None:
    """Give the account back, with the time of its next pass.

    The row is locked before the codes are asked: whoever wakes one writes both.
    """
    with transaction.atomic():
        mine = ConnectedAccount.objects.select_for_update().filter(
            pk=work.account.pk, codes_lease_until=work.lease_until
        )
        if not mine.exists():
            return
        ConnectedAccount.objects.filter(pk=work.account.pk).update(
            codes_lease_until=None, next_codes_at=work.next_at()
        )


class _Clock:
    """The database's clock, read once and counted on from there."""

    def __init__(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            self._read_at: datetime = cursor.fetchone()[0]
        self._began = time.monotonic()

    def now(self) -> datetime:
        return self._read_at + timedelta(seconds=time.monotonic() - self._began)


class _LeaseLostError(Exception):
    """Somebody else has taken the account over."""


class _Pass:
    """One pass over one account. `do` it once."""

    def __init__(self, account: ConnectedAccount, lease_until: datetime) -> None:
        self.account = account
        self.lease_until = lease_until
        self._renewed = self._began = time.monotonic()
        self._clock = _Clock()
        self._doors: dict[UUID, KnownDoor] = {}
        self._sites: dict[UUID, KnownSite] = {}
        self._remote_sites: dict[UUID, UUID] = {}
        self._driver: AccessCodes | None = None
        self._failures = 0
        self._rests_until: datetime | None = None
        #: Listing keeps failing and rests: only removals are tried (reliability ACC-05).
        self._is_resting = health.is_resting(account.pk, Operation.CODES, at=self.now)
        #: Set where there was more to do than time.
        self.is_unfinished = False

    @property
    def now(self) -> datetime:
        return self._clock.now()

    def do(self) -> None:
        is_silent = self.account.is_silent
        label = PROVIDERS[self.account.provider].label
        for site in self.account.sites.all():
            self._sites[site.pk] = storing.known_site(site, label=label, is_silent=is_silent)
        if not is_silent:
            driver: object = driver_for(self.account, work=Work.RECONCILE, before_each=self._renew)
            if not isinstance(driver, AccessCodes):
                return
            self._driver = driver
        self._load_doors()
        try:
            self._work()
        except _LeaseLostError:
            logger.warning("another worker took over the codes of an account")

    @cached_property
    def _revoker(self) -> AccessCodes:
        """The same driver, with the share of requests that is kept for revocations."""
        return cast("AccessCodes", driver_for(self.account, work=Work.REVOKE))

    def next_at(self) -> datetime:
        """Return when the account is worth another pass."""
        now = self.now
        if self._rests_until is not None:
            return max(self._rests_until, now + timedelta(seconds=1))
        codes = AccessCode.objects.filter(account=self.account, next_run_at__isnull=False)
        if self._is_resting:
            codes = codes.filter(_unwanted(now))
        due: datetime | None = codes.aggregate(at=Min("next_run_at"))["at"]
        if self._driver is None or self._is_resting:
            return max(min(filter(None, [due, now + EVERY])), now + timedelta(seconds=1))
        return min(filter(None, [due, now + EVERY, self._listing_at()]))

    # --- looking ---

    def _load_doors(self) -> None:
        devices = Device.objects.filter(
            Q(removed_at=None) | Q(access_codes__phase__in=_NOT_GONE), account=self.account
        )
        devices = devices.select_related("account", "site", "hub").distinct()
        found = list(devices)
        self._doors = storing.known_doors(found, self._driver)
        self._remote_sites = {device.pk: device.site_id for device in found}

    def _listing_at(self) -> datetime:
        """Return when a listing is due, from the codes that wait for one."""
        waiting = AccessCode.objects.filter(account=self.account).filter(_WAITS_FOR_LISTING)
        codes = [storing.known_code(row, None) for row in waiting]
        listed_at = self.account.codes_listed_at
        return timing.listing_due_at(codes, self._doors, listed_at, self.now)

    def _list_all(self) -> None:
        """List every site of the account, and write down what follows."""
        is_first = self.account.codes_listed_at is None
        asked_at = self.now
        for site_id in self._sites:
            if self._has_codes(site_id):
                self._list(site_id, is_deep=is_first or not asked_at.minute % DEEP_EVERY_MINUTES)
        self._note_answered()
        self.account.codes_listed_at = asked_at
        ConnectedAccount.objects.filter(pk=self.account.pk).update(codes_listed_at=asked_at)

    def _has_codes(self, site_id: UUID) -> bool:
        """Whether a site has codes, or a door that takes some."""
        if any(door.rules is not None for door in self._doors_of(site_id).values()):
            return True
        here = AccessCode.objects.filter(site_id=site_id)
        return here.exclude(phase__in=GONE_PHASES).exists()

    def _doors_of(self, site_id: UUID) -> dict[UUID, KnownDoor]:
        return {pk: d for pk, d in self._doors.items() if self._remote_sites[pk] == site_id}

    def _list(self, site_id: UUID, *, is_deep: bool) -> None:
        site, doors = self._sites[site_id], self._doors_of(site_id)
        codes = self._codes_of(site_id, doors)
        unsure = [code.ref for code in codes.values() if code.ambiguous_since is not None]
        looked_at = self._doors_to_look_at(codes, doors)
        asked_at = self.now
        assert self._driver is not None
        listing = self._driver.list_codes(
            site.remote_id, doors=looked_at, unsure=unsure, is_deep=is_deep
        )
        # By the database's clock, like all that it is compared with.
        listing = replace(listing, asked_at=asked_at)
        codes |= self._gone_but_listed(site_id, codes, listing, doors)
        self._take_in(site, family.gather(codes), doors, listing)

    def _codes_of(self, site_id: UUID, doors: Mapping[UUID, KnownDoor]) -> dict[UUID, KnownCode]:
        rows = AccessCode.objects.filter(site_id=site_id).exclude(phase__in=GONE_PHASES)
        return {row.pk: storing.known_code(row, doors.get(row.device_id)) for row in rows}

    def _gone_but_listed(
        self,
        site_id: UUID,
        codes: Mapping[UUID, KnownCode],
        listing: CodeListing,
        doors: Mapping[UUID, KnownDoor],
    ) -> dict[UUID, KnownCode]:
        """Return codes that count as gone, and whose mark or id is listed all the same."""
        known = {code.ref for code in codes.values()} | {c.remote_id for c in codes.values()}
        odd = {w for each in listing.codes for w in (each.ref, each.remote_id) if w} - known
        at_odds = Q(ref__in=odd) | Q(remote_id__in=odd)
        for ref, device_ids in _left_at(codes.values(), listing, doors).items():
            at_odds |= ~Q(shared_key="") & Q(ref=ref, device_id__in=device_ids)
        rows = AccessCode.objects.filter(at_odds, site_id=site_id, phase__in=GONE_PHASES)
        return {row.pk: storing.known_code(row, doors.get(row.device_id)) for row in rows}

    def _doors_to_look_at(
        self, codes: Mapping[UUID, KnownCode], doors: Mapping[UUID, KnownDoor]
    ) -> dict[str, Mapping[str, Any]]:
        """Return the doors whose set-up is unsure, and the next ones in rotation."""
        used = {code.device_id for code in codes.values() if code.is_managed}
        set_up = [d for d in doors.values() if d.seen and d.id in used]
        never = datetime.min.replace(tzinfo=self.now.tzinfo)
        by_age = sorted(set_up, key=lambda door: door.looked_at or never)
        left = {code.device_id for code in codes.values() if _waits_for_its_door(code)}
        chosen = [d for d in set_up if d.ambiguous_since or d.id in left]
        chosen += by_age[:DOORS_IN_ROTATION]
        return {door.lock_id: door.seen for door in chosen}

    def _take_in(
        self,
        site: KnownSite,
        codes: Mapping[UUID, KnownCode],
        doors: Mapping[UUID, KnownDoor],
        listing: CodeListing,
    ) -> None:
        driver = self._driver
        assert driver is not None
        now = self.now
        known = {pk: code for pk, code in codes.items() if code.device_id in doors}
        actions = list(sighting.take_in(known, doors, listing, site=site, now=now, planner=driver))
        for action in storing.store_sights(actions):
            if not isinstance(action, TakeStep | Remove):
                self._write(action, site)
        for action in actions:
            if isinstance(action, Remove) and not self._is_over():
                self._make(action)
        self._wake_overlooked(codes, now)

    def _wake_overlooked(self, codes: Mapping[UUID, KnownCode], now: datetime) -> None:
        for code in codes.values():
            if change := decide.put_right(code, now):
                storing.store(change, at=now)
        overlooked = [pk for pk, code in codes.items() if decide.is_overlooked(code, now)]
        storing.put_right(codes, overlooked, now)

    # --- writing ---

    def _write(self, action: Action, site: KnownSite) -> None:
        if isinstance(action, Change):
            storing.store(action, at=self.now)
        elif isinstance(action, DoorChange):
            if storing.store_door(action):
                self._doors[action.door.id] = replace(self._doors[action.door.id], **action.columns)
        elif isinstance(action, SiteChange):
            if action.columns:
                ConnectedSite.objects.filter(pk=site.id).update(**action.columns)
                self._sites[site.id] = replace(self._sites[site.id], **action.columns)
        elif isinstance(action, NoteUnmanaged):
            unmanaged.note(self.account, site.id, action, at=self.now)

    # --- doing ---

    def _work(self) -> None:
        self._wake_silenced()
        while not self._is_over():
            try:
                if self._may_call() and not self._is_resting and self._listing_at() <= self.now:
                    self._list_all()
                elif not self._do_batch(only_removals=self._is_resting):
                    return
            except UnsupportedError:
                self._rests_until = self.now + timedelta(hours=1)
                return
            except ProviderError as error:  # a listing that failed: known as such, no news
                self._note_failure(error)
                self._note_no_listing(error)
                self._failures = max(self._failures, GIVE_UP_AFTER)
                self._rests_until = self._rest_until(error)
                if not isinstance(error, AuthError | RateLimitError):
                    self._remove_all_the_same()
                return
        self.is_unfinished = self._rests_until is None

    def _remove_all_the_same(self) -> None:
        """Where listing fails, removals are tried even so."""
        self._failures = 0
        while not self._is_over() and self._do_batch(only_removals=True):
            pass

    def _wake_silenced(self) -> None:
        """Codes of an account that speaks again are known again once they are looked at."""
        if self._driver is not None:
            AccessCode.objects.filter(account=self.account, status=CodeStatus.UNKNOWN).update(
                next_run_at=self.now
            )
        else:
            AccessCode.objects.filter(account=self.account).exclude(phase__in=GONE_PHASES).exclude(
                status=CodeStatus.UNKNOWN
            ).update(next_run_at=self.now)

    def _may_call(self) -> bool:
        until = self.account.throttled_until
        return (
            self._driver is not None
            and self._failures < GIVE_UP_AFTER
            and (until is None or until <= self.now)
        )

    def _is_over(self) -> bool:
        if time.monotonic() - self._began > PASS_SECONDS:
            return True
        if self._failures >= GIVE_UP_AFTER:
            return True
        self._renew()
        return False

    def _renew(self) -> None:
        if time.monotonic() - self._renewed < _RENEW_AFTER_SECONDS:
            return
        until = self.now + LEASE
        mine = ConnectedAccount.objects.filter(
            pk=self.account.pk, codes_lease_until=self.lease_until
        )
        if not mine.update(codes_lease_until=until):
            raise _LeaseLostError
        self.lease_until, self._renewed = until, time.monotonic()

    def _do_batch(self, *, only_removals: bool = False) -> bool:
        """Bring the most urgent codes one step nearer. Return whether anything was done."""
        did = False
        for row in self._most_urgent(only_removals=only_removals):
            if self._is_over():
                return True
            did = True
            try:
                if not self._do_one(row):
                    return True
            except (DatabaseError, InterfaceError, _LeaseLostError):
                raise
            except Exception:  # one code that we cannot handle must not keep others alive
                logger.exception("a code could not be handled; it is put off")
                self._put_off(row.pk, self.now + EVERY)
        return did

    def _do_one(self, row: AccessCode) -> bool:
        """Do what is next for one code. Return False if something more urgent has come up."""
        if row.shared_key:  # what was done for another code of its guest was done for it
            row.refresh_from_db()
            if row.next_run_at is None or row.next_run_at > self.now:
                return True
        call = self._decide(storing.known_with_others(row, self._doors.get(row.device_id)))
        if call is None:
            return True
        if isinstance(call, TakeStep) and self._is_removal_due():
            return False
        if self._may_call():
            self._make(call)
        else:  # nobody may be asked now, which is nobody's failure
            until = self.account.throttled_until or self.now
            self._put_off(row.pk, max(until, self.now + REST))
        return True

    def _most_urgent(self, *, only_removals: bool = False) -> list[AccessCode]:
        """Return codes that are due: removals first, then what starts soonest."""
        now = self.now
        due = AccessCode.objects.filter(account=self.account, next_run_at__lte=now)
        unwanted = _unwanted(now)
        if only_removals:
            due = due.filter(unwanted)
        order = Case(When(unwanted, then=Value(0)), default=Value(1))
        return list(due.order_by(order, Coalesce("revoked_at", "starts_at", "created_at"))[:BATCH])

    def _is_removal_due(self) -> bool:
        now = self.now
        due = AccessCode.objects.filter(account=self.account, next_run_at__lte=now)
        return due.filter(_unwanted(now)).exclude(phase__in=GONE_PHASES).exists()

    def _decide(self, code: KnownCode) -> Call | None:
        """Write down what needs no call, and return the call that is next, if one is."""
        door, site = self._doors.get(code.device_id), self._site_of(code)
        if door is None or site is None:
            AccessCode.objects.filter(pk=code.id).update(next_run_at=None)
            return None
        if not door.seen and door.rules is not None and code.is_managed:
            door = self._doors[door.id] = storing.set_up_row(door)
        planner = cast("AccessCodes", self._driver)
        actions = decide.next_for(code, door, site=site, now=self.now, planner=planner)
        if not actions:  # due, and nothing to do: never asked in a circle
            AccessCode.objects.filter(pk=code.id).update(next_run_at=self.now + EVERY)
        for action in actions:
            if isinstance(action, TakeStep | Remove):
                return action
            self._write(action, site)
        return None

    def _site_of(self, code: KnownCode) -> KnownSite | None:
        return self._sites.get(self._remote_sites.get(code.device_id, code.id))

    def _put_off(self, code_id: UUID, until: datetime) -> None:
        due = AccessCode.objects.filter(pk=code_id, next_run_at__lte=self.now)
        due.update(next_run_at=until)

    # --- calls ---

    def _make(self, call: Call) -> None:
        try:
            if isinstance(call, Remove):
                self._remove(call)
            else:
                self._take_step(call)
        except ProviderError as error:
            self._note_failure(error)
            if self._failures >= GIVE_UP_AFTER:
                self._rests_until = self._rest_until(error)
        else:
            self._failures = 0
            if self._is_resting:  # it answers again: no need to rest any longer
                self._note_answered()

    def _remove(self, call: Remove) -> None:
        intended = outcomes.intend_removal(call, self.now)
        if not call.is_extra:
            storing.store(intended, at=self.now)
            call = replace(call, code=sighting.after(call.code, intended))
        site = self._site_of(call.code)
        assert site is not None
        try:
            left = self._ask_for_removal(call, site)
        except ProviderError as error:
            storing.store(outcomes.removal_failed(call, error, self.now), at=self.now)
            raise
        self._keep(outcomes.removal_accepted(call, self.now))
        if left is not None:
            self._write(outcomes.left_door(call, left, self.now), site)

    def _ask_for_removal(self, call: Remove, site: KnownSite) -> Mapping[str, Any] | None:
        """Make the call. Return what is seen of the door where only that was left."""
        options: dict[str, Any] = {
            "budget_seconds": CALL_SECONDS,
            "request_id": str(uuid4()),
        }
        if call.only_here:
            sharing = cast("SharedCodes", self._revoker)
            seen, door = call.code.seen, call.door.seen
            return sharing.leave_door(site.remote_id, seen, door, **options)
        self._revoker.remove_code(site.remote_id, call.door.lock_id, call.remote_id, **options)
        return None

    def _take_step(self, call: TakeStep) -> None:
        site, driver = self._site_of(call.code), self._driver
        assert site is not None
        assert driver is not None
        intended_at, began = self.now, time.monotonic()
        intents = outcomes.intend(call, intended_at)
        if not storing.intend(intents, at=intended_at):
            # The wish has changed, or somebody set up the door: looked at afresh, not in a circle.
            self._put_off(call.code.id, self.now + timedelta(seconds=2))
            return
        call = replace(call, code=_intended(call.code, intents))
        if time.monotonic() - began > STALE_SECONDS:
            return
        try:
            done = driver.take_step(
                call.step,
                site.remote_id,
                call.wish,
                call.code.seen,
                call.door.seen,
                budget_seconds=CALL_SECONDS,
                request_id=str(uuid4()),
            )
        except ProviderError as error:
            failed = outcomes.step_failed(call, error, intended_at=intended_at, now=self.now)
            self._write_all(failed, site)
            raise
        changes = outcomes.stepped(
            call, done, intended_at=intended_at, now=self.now, planner=driver
        )
        self._write_all(changes, site, lost=bool(done.digits) and call)
        if done.remote_id and call.door.lives_by.takes_seat:
            self._count_seat(site)

    def _write_all(
        self,
        changes: Iterable[Change | DoorChange],
        site: KnownSite,
        lost: TakeStep | bool = False,  # noqa: FBT001, FBT002  the step whose digits these are
    ) -> None:
        for change in changes:
            if isinstance(change, DoorChange):
                self._write(change, site)
            elif not self._keep(change):
                if isinstance(lost, TakeStep) and not change.code.was_told:
                    storing.store(outcomes.lost_digits(lost, self.now), at=self.now)
                return

    def _keep(self, change: Change) -> bool:
        """Store an answer, which may hold digits that nobody is ever told again."""
        kept: list[bool] = []
        insist(lambda: kept.append(storing.store(change, at=self.now)))
        return kept[-1]

    def _count_seat(self, site: KnownSite) -> None:
        """A seat is taken now; the next listing says how many are."""
        if site.seats_used is not None:
            self._sites[site.id] = replace(site, seats_used=site.seats_used + 1)
            ConnectedSite.objects.filter(pk=site.id).update(seats_used=F("seats_used") + 1)

    def _note_failure(self, error: ProviderError) -> None:
        """What a call's failure says about the account; what it says about a code is stored."""
        if isinstance(error, AuthError | RateLimitError):
            health.note_failure(self.account, error, at=timezone.now())
            self.account.refresh_from_db(fields=["throttled_until", "state"])
            self._failures = GIVE_UP_AFTER
        elif error.reach != Reach.REFUSED:
            self._failures += 1
        else:
            self._failures = 0

    def _note_no_listing(self, error: ProviderError) -> None:
        if not isinstance(error, AuthError | RateLimitError):
            health.note_failure(
                self.account,
                error,
                at=timezone.now(),
                operation=Operation.CODES,
                interval_ms=int(EVERY.total_seconds() * 1000),
            )

    def _note_answered(self) -> None:
        self._is_resting = False
        health.note_ok(self.account, Operation.CODES, at=timezone.now())

    def _rest_until(self, error: ProviderError) -> datetime:
        if isinstance(error, RateLimitError):
            return self.now + timedelta(seconds=error.retry_after_seconds)
        return self.now + REST


_NOT_GONE = [phase for phase in CodePhase if phase not in GONE_PHASES]

#: Codes that a listing may settle (timing.listing_due_at).
_WAITS_FOR_LISTING = (
    Q(ambiguous_since__isnull=False)
    | Q(missing_since__isnull=False)
    | Q(phase__in=[CodePhase.VERIFYING_ABSENT, CodePhase.ACCEPTED])
) & ~Q(phase__in=GONE_PHASES)


def _waits_for_its_door(code: KnownCode) -> bool:
    """Whether only the list of its door's members shows that it is gone."""
    return bool(code.shared_key) and code.phase == CodePhase.VERIFYING_ABSENT


def _left_at(
    codes: Iterable[KnownCode], listing: CodeListing, doors: Mapping[UUID, KnownDoor]
) -> dict[str, list[UUID]]:
    """Return doors at which a shared guest is listed although no code wants it there, by ref."""
    known = {(code.ref, code.device_id) for code in codes}
    refs = {code.ref for code in codes if code.shared_key}
    devices = {door.lock_id: door.id for door in doors.values()}
    found: dict[str, list[UUID]] = {}
    for listed in listing.codes:
        for lock_id in listed.lock_ids or () if listed.ref in refs else ():
            device_id = devices.get(lock_id)
            if device_id and (listed.ref, device_id) not in known:
                found.setdefault(listed.ref, []).append(device_id)
    return found


def _unwanted(now: datetime) -> Q:
    return Q(revoked_at__isnull=False) | Q(ends_at__lte=now)


def _intended(code: KnownCode, intents: Iterable[Change | DoorChange]) -> KnownCode:
    for change in intents:
        if isinstance(change, Change):
            code = sighting.after(code, change)
    return code
