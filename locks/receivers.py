"""What the apps below tell us: events that were stored, accounts that changed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.dispatch import receiver

from accounts.health import account_changed
from accounts.models import ConnectedAccount
from audit.services import Entry
from audit.signals import events_ingested
from audit.words import How, Result, Verb
from locks import actuation, live, observing
from locks.codes import evidence
from locks.models import ActionAttempt, Device
from locks.states import LockState


@receiver(events_ingested)
def move_doors(entries: list[Entry], at: datetime, **_: Any) -> None:
    """Let what the feed tells reach the doors, oldest first, our attempts, and our codes."""
    touched: set[UUID] = set()
    openings = _Openings(entries)
    for entry in entries:
        device_id = entry.place.device_id
        if device_id is not None:
            _move(device_id, entry, openings, at)
            touched.add(device_id)
    evidence.take(entries, at=at)
    for pk, workspace_id in Device.objects.filter(pk__in=touched).values_list("pk", "workspace_id"):
        live.announce(workspace_id, pk)


class _Openings:
    """The remote openings that were told together, and which of them are credited."""

    def __init__(self, entries: list[Entry]) -> None:
        self._open: dict[tuple[UUID | None, str], list[Entry]] = {}
        for entry in entries:
            if entry.verb == Verb.OPENED and entry.how == How.REMOTE:
                self._at(entry).append(entry)

    def _at(self, entry: Entry) -> list[Entry]:
        return self._open.setdefault((entry.place.device_id, entry.who.id), [])

    def settle(self, device_id: UUID, entry: Entry, at: datetime) -> ActionAttempt | None:
        """Let one of them confirm an attempt of ours. Return the attempt, if there is one."""
        there = self._at(entry)
        attempt = actuation.settle_from_feed(
            device_id,
            person_id=entry.who.id,
            occurred_at=min(entry.occurred_at, at),
            at=at,
            others=[min(each.occurred_at, at) for each in there if each is not entry],
        )
        if attempt:
            self._open[device_id, entry.who.id] = [each for each in there if each is not entry]
        return attempt


def _move(device_id: UUID, entry: Entry, openings: _Openings, at: datetime) -> None:
    when = min(entry.occurred_at, at)
    person = entry.who.name if entry.result == Result.GRANTED else ""
    match entry.verb:
        case Verb.OPENED:
            ours = openings.settle(device_id, entry, at) if entry.how == How.REMOTE else None
            if ours:
                person = ours.actor_name
            # What we opened ourselves is counted down already. A stamp in our future says when
            # the provider's clock is wrong, not when the door closes.
            if not ours and entry.occurred_at <= at:
                observing.take_opening(device_id, occurred_at=when, at=at)
        case Verb.OFFICE_MODE_STARTED:
            observing.take_mode(
                device_id, occurred_at=when, office_mode=True, state=LockState.UNLOCKED
            )
        case Verb.OFFICE_MODE_ENDED:
            observing.take_mode(
                device_id, occurred_at=when, office_mode=False, state=LockState.LOCKED
            )
        case Verb.PRIVACY_STARTED | Verb.PRIVACY_ENDED:
            observing.take_mode(
                device_id,
                occurred_at=when,
                privacy_mode=entry.verb == Verb.PRIVACY_STARTED,
            )
    if entry.result in (Result.GRANTED, Result.DENIED):
        observing.take_last_event(device_id, word=entry.verb, person=person, occurred_at=when)


@receiver(account_changed)
def redraw_doors(account: ConnectedAccount, at: datetime, **_: Any) -> None:
    """Every tile of an account tells how it is doing: raise their revisions."""
    doors = Device.objects.filter(account=account, removed_at=None)
    doors.update(changed_at=at)
    live.announce(account.workspace_id, *doors.values_list("pk", flat=True))
    live.announce_account(account.workspace_id, account.pk)
