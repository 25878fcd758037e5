"""Asking providers how the doors are and what happened. Rules: reliability POLL-01 to POLL-09.

Every account's row says when it is next asked. A tick each second claims what is due and
queues one hint per account; a lost hint only means the account is asked one interval later.
"""

from __future__ import annotations

import logging
import random
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now
from django.utils import timezone

from accounts import health
from accounts.driving import driver_for
from accounts.models import ConnectedAccount, ConnectedSite, Operation, Trouble
from accounts.providers.base import (
    EntryHow,
    EntryKind,
    EventFeed,
    Feed,
    FeedEntry,
    LockDriver,
    NotYetError,
    ProviderError,
    RefusedError,
    TellsTime,
    UnreadableEntry,
)
from accounts.sealing import UnreadableError
from accounts.turns import Work
from audit import services as audit
from audit.who import Place, Who
from audit.words import How, Result, Source, Verb
from locks import live, observing, tasks
from locks.codes import evidence
from locks.models import Device
from locks.states import AttemptStatus

logger = logging.getLogger(__name__)

STATUS, EVENTS, DOORS = Operation.STATUS, Operation.EVENTS, Operation.DOORS

#: Nobody else polls the account for this long; longer than any poll may take.
_LEASE = timedelta(seconds=90)
#: How far before the watermark a poll begins: Salto's rows were measured up to 79 s late.
OVERLAP = timedelta(minutes=10)
#: Offline locks tell days later (SKS-07): look back further now and then.
HOURLY_LOOK_BACK = timedelta(hours=24)
NIGHTLY_LOOK_BACK = timedelta(days=7)
FIRST_LOOK_BACK = timedelta(hours=24)
_JITTER = 0.1
#: Salto's rows were measured up to 79 s late; until then an unconfirmed opening may be told.
UNSURE_FOR = timedelta(seconds=90)
LOOK_AGAIN_AFTER = timedelta(seconds=3)


def queue_due() -> int:
    """Claim what is due and have it polled. Return how many polls were queued.

    Two beats, or ten, only find nothing left to claim (POLL-01).
    """
    due = [(pk, STATUS) for pk in _claim("next_status_poll_at", "status_interval_ms")]
    due += [(pk, EVENTS) for pk in _claim("next_event_poll_at", "event_poll_interval_ms")]
    due += [(pk, DOORS) for pk in _accounts_with_due_doors()]
    for account_id, what in due:
        if not live.send(tasks.poll_account, expires=30, account_id=str(account_id), what=what):
            poll(account_id, what)
    return len(due)


def _claim(column: str, interval: str) -> list[UUID]:
    """Move due accounts one interval on, and return them. Back-off is applied by the poll."""
    spread = 1 + random.uniform(-_JITTER, _JITTER)  # noqa: S311  spreads load, guards nothing
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE accounts_connectedaccount AS a
               SET {column} = now() + a.{interval} * %s * interval '1 millisecond'
             WHERE a.id IN (
                   SELECT id FROM accounts_connectedaccount
                    WHERE {column} <= now() AND {interval} > 0
                      AND state NOT IN ('reconnect_required', 'secret_unreadable', 'disconnected')
                      AND (throttled_until IS NULL OR throttled_until <= now())
                    ORDER BY {column} FOR UPDATE SKIP LOCKED LIMIT 200)
            RETURNING a.id
            """,  # noqa: S608  two column names of ours
            [spread],
        )
        return [row[0] for row in cursor.fetchall()]


def _accounts_with_due_doors() -> list[UUID]:
    """Accounts with doors to be looked at soon, after a command or an event."""
    due = Device.objects.filter(next_poll_at__lte=Now(), removed_at=None)
    resting = Trouble.objects.resting(DOORS, timezone.now())
    return list(
        ConnectedAccount.objects.speaking()
        .filter(pk__in=due.values("account_id"))
        .exclude(pk__in=resting.values("account_id"))
        .filter(Q(throttled_until=None) | Q(throttled_until__lte=Now()))
        .values_list("pk", flat=True)
    )


def poll(account_id: UUID, what: str) -> bool:
    """Poll one account for `status`, `events` or its due `doors`. Return whether it went well.

    One poll at a time per account: another one under way means nothing is done here. A
    failing provider is an expected outcome: it is written to the account's health.
    """
    account = _take_lease(account_id)
    if account is None:
        _wait_for_the_other(account_id, Operation(what))
        return False
    try:
        if what == DOORS:
            # What the feed tells settles an attempt even where a door cannot be looked at.
            return all([_try(account, DOORS), _feed_rests(account) or _try(account, EVENTS)])
        return _try(account, Operation(what))
    except UnreadableError:
        health.note_unreadable(account)
        return False
    finally:
        ConnectedAccount.objects.filter(pk=account_id).update(poll_lease_until=None)


def _try(account: ConnectedAccount, operation: Operation) -> bool:
    """Ask once, unless this account must not be asked any more. Failures go to its health."""
    if account.is_silent or (account.throttled_until and account.throttled_until > timezone.now()):
        return False
    interval_ms = {
        STATUS: account.status_interval_ms,
        EVENTS: account.event_poll_interval_ms,
    }.get(operation, 0)
    try:
        _POLLS[operation](account)
    except NotYetError as error:
        _ask_at(account, operation, timezone.now() + timedelta(seconds=error.retry_after_seconds))
        return False
    except ProviderError as error:
        later = health.note_failure(
            account, error, at=timezone.now(), operation=operation, interval_ms=interval_ms
        )
        if later and interval_ms:
            _ask_at(account, operation, later)
        return False
    health.note_ok(account, operation, at=timezone.now())
    return True


def _feed_rests(account: ConnectedAccount) -> bool:
    return health.is_resting(account.pk, EVENTS, at=timezone.now())


_NEXT = {STATUS: "next_status_poll_at", EVENTS: "next_event_poll_at"}


def _wait_for_the_other(account_id: UUID, operation: Operation) -> None:
    """Another poll is under way: what was due now must not wait for its next interval."""
    if column := _NEXT.get(operation):
        soon = timezone.now() + LOOK_AGAIN_AFTER
        ConnectedAccount.objects.speaking().filter(
            pk=account_id, poll_lease_until__gt=Now(), **{f"{column}__gt": soon}
        ).update(**{column: soon})


def _ask_at(account: ConnectedAccount, operation: Operation, at: datetime) -> None:
    if column := _NEXT.get(operation):
        ConnectedAccount.objects.filter(pk=account.pk).update(**{column: at})


def _take_lease(account_id: UUID) -> ConnectedAccount | None:
    free = Q(poll_lease_until=None) | Q(poll_lease_until__lt=Now())
    taken = (
        ConnectedAccount.objects.speaking()
        .filter(free, pk=account_id)
        .update(poll_lease_until=Now() + _LEASE)
    )
    if not taken:
        return None
    return ConnectedAccount.objects.select_related("workspace").get(pk=account_id)


# --- status --------------------------------------------------------------------------------------


def _poll_status(account: ConnectedAccount) -> None:
    driver = driver_for(account, work=Work.POLL)
    asked_at = timezone.now()
    for site in account.sites.select_related("property", "account"):
        poll_site(driver, site)
    _note_status(account, driver, asked_at)
    live.announce_account(account.workspace_id, account.pk)


def _note_status(account: ConnectedAccount, driver: LockDriver, asked_at: datetime) -> None:
    columns: dict[str, Any] = {"status_polled_at": asked_at}
    if isinstance(driver, TellsTime) and driver.clock_offset_seconds is not None:
        # The driver compared with this machine's clock; deadlines are counted on the database's.
        columns["clock_skew_seconds"] = RawSQL(
            "%s + extract(epoch FROM %s - clock_timestamp())",
            [driver.clock_offset_seconds, timezone.now()],
        )
    ConnectedAccount.objects.filter(pk=account.pk).update(**columns)


def poll_site(driver: LockDriver, site: ConnectedSite) -> int:
    """Fetch one site's hubs and locks and store what changed. Return how many locks were listed."""
    hubs = driver.list_hubs(site.remote_id)
    seen = driver.list_locks(site.remote_id)
    with transaction.atomic():
        observing.take_hubs(site, hubs)
        observing.take_listing(site, seen, at=timezone.now())
    return len(seen)


def _poll_doors(account: ConnectedAccount) -> None:
    """Look at the few doors that something just happened to, one cheap call each."""
    driver = driver_for(account, work=Work.POLL)
    due = (
        Device.objects.filter(account=account, removed_at=None, next_poll_at__lte=Now())
        .select_related("site", "hub", "account", "property", "attempt")
        .order_by("next_poll_at")[:10]
    )
    for device in due:
        # Cleared first: a door the provider cannot show must not be asked for every second.
        device.next_poll_at = _look_again_at(device, timezone.now())
        Device.objects.filter(pk=device.pk).update(next_poll_at=device.next_poll_at)
        try:
            snapshot = driver.get_lock(device.site.remote_id, device.remote_id)
        except NotYetError as error:
            later = timezone.now() + timedelta(seconds=error.retry_after_seconds)
            Device.objects.filter(pk=device.pk).update(next_poll_at=later)
            raise
        except RefusedError as error:
            # An answer about this door, not trouble of the account; the others wait.
            logger.info("a door could not be looked at: %s", error)
            continue
        observing.take_snapshot(device, snapshot, device.hub, at=timezone.now())


def _look_again_at(device: Device, now: datetime) -> datetime | None:
    """While nobody knows whether a door opened, the feed is asked often, for a minute and a half."""
    attempt = device.attempt
    if attempt is None or attempt.status != AttemptStatus.UNCONFIRMED or not attempt.sent_at:
        return None
    return now + LOOK_AGAIN_AFTER if now - attempt.sent_at < UNSURE_FOR else None


# --- events ----------------------------------------------------------------------------------------


def _poll_events(account: ConnectedAccount) -> None:
    if not account.event_poll_interval_ms:
        return
    driver = driver_for(account, work=Work.POLL)
    if isinstance(driver, EventFeed):
        for site in account.sites.select_related("property", "account"):
            since, is_rescan = _since(site, timezone.now())
            feed = driver.list_entries(site.remote_id, since=since)
            take_feed(site, feed, at=timezone.now(), is_rescan=is_rescan)
    ConnectedAccount.objects.filter(pk=account.pk).update(events_polled_at=Now())


def _since(site: ConnectedSite, now: datetime) -> tuple[datetime, bool]:
    """Where to begin: inclusive, with overlap; further back once an hour and once a night.

    Never after the watermark: a feed that was away for a fortnight is read from there.
    """
    if site.event_watermark is None:
        return now - FIRST_LOOK_BACK, True
    since = min(site.event_watermark, now) - OVERLAP
    if site.full_rescan_at is None or now - site.full_rescan_at > timedelta(hours=1):
        is_night = site.full_rescan_at is not None and site.full_rescan_at.date() < now.date()
        return min(since, now - (NIGHTLY_LOOK_BACK if is_night else HOURLY_LOOK_BACK)), True
    return since, False


def take_feed(site: ConnectedSite, feed: Feed, *, at: datetime, is_rescan: bool = False) -> int:
    """Store a stretch of the feed and move the watermark, in one transaction. Return new rows.

    The site's row is locked, so two polls of one feed cannot store a line twice.
    """
    with transaction.atomic():
        locked = ConnectedSite.objects.select_for_update().get(pk=site.pk)
        doors = _doors_of(site)
        codes = evidence.codes_of(site, feed.entries)
        entries = [evidence.named(_entry(site, e, doors), e, codes) for e in feed.entries]
        entries += [_unreadable(site, line, at) for line in feed.unreadable]
        if feed.gap_reason:
            entries.append(_gap(site, feed.gap_reason, locked.event_watermark or at, at))
        new = audit.ingest(
            entries,
            workspace_id=site.account.workspace_id,
            account_id=site.account_id,
            source=Source(site.account.provider),
            at=at,
        )
        watermark = _watermark(feed, locked.event_watermark, at)
        columns = {"event_watermark": watermark} | ({"full_rescan_at": at} if is_rescan else {})
        ConnectedSite.objects.filter(pk=site.pk).update(**columns)
        if feed.route and feed.route != site.account.feed_route:
            ConnectedAccount.objects.filter(pk=site.account_id).update(feed_route=feed.route)
    return len(new)


def _watermark(feed: Feed, before: datetime | None, at: datetime) -> datetime:
    """Up to when everything is stored. A feed that was cut short is asked again from its end."""
    # A stamp in the future must not make us skip what comes before it (POLL-07).
    newest = max((min(entry.occurred_at, at) for entry in feed.entries), default=None)
    if not feed.is_complete and newest is not None:
        return newest
    return max(filter(None, [before and min(before, at), newest, at - OVERLAP]))


def _doors_of(site: ConnectedSite) -> dict[str, Place]:
    devices = Device.objects.filter(site=site).select_related("property", "account")
    return {device.remote_id: device.as_place() for device in devices}


def _entry(site: ConnectedSite, entry: FeedEntry, doors: dict[str, Place]) -> audit.Entry:
    place = doors.get(entry.lock_id) or observing.place_of(site, entry.lock_name)
    return audit.Entry(
        external_id=entry.remote_id,
        occurred_at=entry.occurred_at,
        verb=_VERBS[entry.kind],
        how=_HOWS[entry.how],
        result=_RESULTS.get(entry.kind, Result.NONE),
        who=Who(kind="person", id=entry.person_id, name=entry.person_name),
        place=place,
        detail={"detail": entry.detail} if entry.detail else {},
        raw=entry.raw,
    )


#: The contract's words and the log's are the same; a test keeps them so.
_VERBS = {kind: Verb(kind.value) for kind in EntryKind}
_HOWS = {how: How(how.value) for how in EntryHow}
_RESULTS = {EntryKind.OPENED: Result.GRANTED, EntryKind.REJECTED: Result.DENIED}


def _unreadable(site: ConnectedSite, line: UnreadableEntry, at: datetime) -> audit.Entry:
    return audit.Entry(
        external_id=f"unreadable:{line.fingerprint}"[:200],
        occurred_at=at,
        verb=Verb.UNREADABLE,
        place=observing.place_of(site, ""),
        detail={"reason": line.reason[:300]},
    )


def _gap(site: ConnectedSite, reason: str, since: datetime, at: datetime) -> audit.Entry:
    return audit.Entry(
        external_id=f"gap:{since.isoformat()}",
        occurred_at=at,
        verb=Verb.FEED_GAP,
        place=observing.place_of(site, ""),
        detail={"reason": reason[:300], "since": since.isoformat(), "until": at.isoformat()},
    )


_POLLS = {STATUS: _poll_status, EVENTS: _poll_events, DOORS: _poll_doors}
