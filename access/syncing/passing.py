"""One pass over the systems of one account: wishes first, revocations before all, then looking.

Calls are made one at a time. Between two of them whatever has to end is looked for again, so
that a listing of 10,000 users holds up no suspension.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from django.db import DatabaseError, InterfaceError, transaction
from django.db.models import Min
from django.utils import timezone

from access import tasks
from access.models import AcsCredential, AcsUser, SystemsWatch
from access.reconciling import steps
from access.reconciling.making import Maker
from access.reconciling.mobile import KeyMaker
from access.reconciling.steps import LOOKS, OF_MOBILE_KEYS, Kind, Step
from access.syncing import due, listing
from access.syncing.claiming import Lease
from accounts import health
from accounts.driving import driver_for
from accounts.models import ConnectedAccount, Operation
from accounts.models.connections import SILENT_STATES
from accounts.providers.base import AuthError, ProviderError, RateLimitError, Reach
from accounts.providers.systems import AccessSystems
from accounts.sealing import UnreadableError
from accounts.turns import Work
from locks import live

logger = logging.getLogger(__name__)

#: A pass lasts no longer, so that the workers come round to every account.
PASS_SECONDS = 25.0
_RENEW_AFTER_SECONDS = 5.0
#: Calls in a row that reached nobody; then the provider is given a rest.
GIVE_UP_AFTER = 2
REST = timedelta(seconds=15)
EVERY = timedelta(seconds=60)


def run(account_id: UUID) -> None:
    """Do one pass for an account, if nobody else is at it. Safe to call at any time."""
    account = ConnectedAccount.objects.select_related("workspace").filter(pk=account_id).first()
    lease = Lease(account_id)
    if account is None or account.is_silent or not lease.take():
        return
    work = _Pass(account, lease)
    try:
        work.do()
    except UnreadableError:
        health.note_unreadable(account)
    except _LeaseLostError:
        logger.warning("another worker took over the systems of an account")
    except _SilentError:
        logger.info("an account fell silent while its systems were looked at")
    finally:
        work.release()
    if work.is_unfinished:
        live.send(tasks.look_at_systems, expires=30, account_id=str(account_id))


class _NotOursError(Exception):
    """The account is not ours to work on any more."""


class _LeaseLostError(_NotOursError):
    """Somebody else has taken the account over."""


class _SilentError(_NotOursError):
    """It was disconnected, or its key is no good: nothing is asked with that, nor stored."""


class _Pass:
    """One pass over one account. `do` it once."""

    def __init__(self, account: ConnectedAccount, lease: Lease) -> None:
        self.account = account
        self._lease = lease
        self._renewed = self._began = time.monotonic()
        self._failures = 0
        self._rests_until: datetime | None = None
        #: Listing keeps failing and rests: only revocations are tried (reliability ACC-05).
        self._is_resting = health.is_resting(account.pk, Operation.SYSTEMS, at=self.now)
        self._has_systems = True
        self._looking: Iterator[None] | None = None
        #: A call of a listing is under way.
        self._is_listing = False
        #: Set where there was more to do than time.
        self.is_unfinished = False

    @property
    def now(self) -> datetime:
        return timezone.now()

    def do(self) -> None:
        until = self.account.throttled_until
        if until is not None and until > self.now:
            self._rests_until = until
            return
        driver: object = driver_for(self.account, work=Work.RECONCILE, before_each=self._hold_on)
        if not isinstance(driver, AccessSystems):
            self._has_systems = False
            return
        self._driver = driver
        revoker = cast(
            "AccessSystems",
            driver_for(self.account, work=Work.REVOKE, before_each=self._hold_on),
        )
        self._maker = Maker(driver=driver, revoker=revoker, now=lambda: self.now)
        while not self._is_over():
            if not self._do_batch() and not self._look_on():
                return
        self.is_unfinished = self._rests_until is None

    def release(self) -> None:
        """Give the account back with the time of its next pass; whoever wakes it writes both."""
        with transaction.atomic():
            SystemsWatch.objects.select_for_update().get(pk=self.account.pk)
            self._lease.release(next_at=self._next_at())

    def _next_at(self) -> datetime:
        now = self.now
        if self._rests_until is not None:
            return max(self._rests_until, now + timedelta(seconds=1))
        if not self._has_systems:
            return now + EVERY
        times: list[datetime | None] = []
        for model in (AcsUser, AcsCredential):
            rows = due.rows(model, self.account)
            if self._is_resting:
                rows = rows.filter(due.unwanted(model))
            times.append(rows.aggregate(at=Min("next_run_at"))["at"])
        if self._is_resting:
            return max(min(filter(None, [*times, now + REST])), now + timedelta(seconds=1))
        times.append(listing.due_at(self.account, now))
        return min(filter(None, [*times, now + EVERY]))

    # --- time ---

    def _is_over(self) -> bool:
        if time.monotonic() - self._began > PASS_SECONDS or self._failures >= GIVE_UP_AFTER:
            return True
        if time.monotonic() - self._renewed > _RENEW_AFTER_SECONDS:
            self._renew()
        return False

    def _renew(self) -> None:
        if not self._lease.renew():
            raise _LeaseLostError
        self._renewed = time.monotonic()

    # --- looking ---

    def _look_on(self) -> bool:
        """Make the next call of a listing that is due. Return False if none is."""
        if self._is_resting and not self._is_worth_a_try():
            return False
        if self._looking is None:
            if listing.due_at(self.account, self.now) > self.now:
                return False
            self._looking = listing.look(self.account, self._driver, self._check)
        try:
            self._is_listing = True
            next(self._looking)
        except StopIteration:
            self._looking, self._is_resting = None, False
        except ProviderError as error:
            self._looking = None
            self._is_listing = False
            self._note_no_listing(error)
        finally:
            self._is_listing = False
        return True

    def _is_worth_a_try(self) -> bool:
        return not health.is_resting(self.account.pk, Operation.SYSTEMS, at=self.now)

    def _check(self) -> None:
        """Before something is stored that took long to ask: is it still our business?"""
        self._renew()
        if self._is_silent():
            raise _SilentError

    def _hold_on(self) -> None:
        """Before each request: a list of many pages outlives neither lease nor account."""
        if time.monotonic() - self._renewed > _RENEW_AFTER_SECONDS:
            self._renew()
        if self._is_silent():
            raise _SilentError
        if self._is_listing:
            self._is_listing = False
            self._end_meanwhile()
            self._is_listing = True

    def _end_meanwhile(self) -> None:
        """Tell what has to end between two pages of a list, which may be many."""
        for row in due.most_urgent(self.account, self.now, only_revocations=True):
            if not self._failures:
                self._try(row, only_revocations=True)

    def _is_silent(self) -> bool:
        rows = ConnectedAccount.objects.filter(pk=self.account.pk)
        return rows.filter(state__in=SILENT_STATES).exists()

    def _note_no_listing(self, error: ProviderError) -> None:
        """A listing failed: known as such, no news. What has to end is tried even so."""
        self._rests_until = self._rest_until(error)
        if isinstance(error, AuthError | RateLimitError):
            health.note_failure(self.account, error, at=self.now)
            self._failures = GIVE_UP_AFTER
            return
        health.note_failure(
            self.account,
            error,
            at=self.now,
            operation=Operation.SYSTEMS,
            interval_ms=int(EVERY.total_seconds() * 1000),
        )
        self._is_resting, self._failures = True, 0
        while not self._is_over() and self._do_batch():
            pass
        self._failures = GIVE_UP_AFTER

    def _rest_until(self, error: ProviderError) -> datetime:
        if isinstance(error, RateLimitError):
            return self.now + timedelta(seconds=error.retry_after_seconds)
        return self.now + REST

    # --- doing ---

    def _do_batch(self) -> bool:
        """Bring the most urgent rows one step nearer. Return whether there were any."""
        found = due.most_urgent(self.account, self.now, only_revocations=self._is_resting)
        for row in found:
            if self._is_over():
                return True
            if not self._try(row, only_revocations=self._is_resting):
                return True
        return bool(found)

    def _try(self, row: Any, *, only_revocations: bool) -> bool:
        """Do what is next for one row, whatever comes of it. False: something is more urgent."""
        try:
            return self._do_one(row, only_revocations=only_revocations)
        except (DatabaseError, InterfaceError, _NotOursError):
            raise
        except ProviderError as error:
            self._put_off(row, REST)  # unless its failure is stored, with a time of its own
            self._note_failure(error)
        except Exception:  # one row that we cannot handle must not keep others alive
            logger.exception("a cardholder could not be handled; they are put off")
            self._put_off(row, EVERY)
        return True

    def _do_one(self, row: Any, *, only_revocations: bool) -> bool:
        """Do what is next for one row. Return False if something more urgent has come up."""
        step = self._step_of(row)
        if step is None:
            type(row).objects.filter(pk=row.pk, next_run_at=row.next_run_at).update(
                next_run_at=None
            )
            return True
        if step.at > self.now and step.kind not in LOOKS:
            self._put_off(row, step.at - self.now)
            return True
        # Of two rows that both have to end, neither waits for the other.
        if not row.has_to_end and due.is_revocation_due(self.account, self.now, but=row):
            return False
        if only_revocations and not step.is_revocation and step.kind != Kind.LOOK:
            if self._is_resting:
                self._put_off(row, EVERY)
            return True
        self._make(row, step)
        self._failures = 0
        return True

    def _step_of(self, row: AcsUser | AcsCredential) -> Step | None:
        if isinstance(row, AcsCredential):
            return steps.credential_step(row, now=self.now)
        memberships = list(row.memberships.select_related("group"))
        return steps.user_step(row, memberships, now=self.now)

    def _make(self, row: AcsUser | AcsCredential, step: Step) -> None:
        if isinstance(row, AcsCredential) and step.kind in OF_MOBILE_KEYS:
            KeyMaker(self._maker).make(row, step)
        elif isinstance(row, AcsCredential):
            self._maker.make_credential(row, step)
        elif step.kind == Kind.FIND:
            listing.find_users(row.system, self._driver, self._check)
        else:
            self._maker.make_user(row, step)

    def _put_off(self, row: Any, wait: timedelta) -> None:
        mine = type(row).objects.filter(pk=row.pk, next_run_at=row.next_run_at)
        mine.update(next_run_at=self.now + wait)

    def _note_failure(self, error: ProviderError) -> None:
        """What a call's failure says about the account; what it says about a row is stored."""
        if isinstance(error, AuthError | RateLimitError):
            health.note_failure(self.account, error, at=self.now)
            self._failures = GIVE_UP_AFTER
        elif error.reach != Reach.REFUSED:
            self._failures += 1
        else:
            self._failures = 0
        if self._failures >= GIVE_UP_AFTER:
            self._rests_until = self._rest_until(error)
