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
from locks.models import Device
from locks.states import LockState


@receiver(events_ingested)
def move_doors(entries: list[Entry], at: datetime, **_: Any) -> None:
    """Let what the feed tells reach the doors, oldest first, our attempts, and our codes."""
    touched: set[UUID] = set()
    for entry in entries:
        device_id = entry.place.device_id
        if device_id is not None:
            _move(device_id, entry, at)
            touched.add(device_id)
    evidence.take(entries, at=at)
    for pk, workspace_id in Device.objects.filter(pk__in=touched).values_list("pk", "workspace_id"):
        live.announce(workspace_id, pk)


def _move(device_id: UUID, entry: Entry, at: datetime) -> None:
    when = min(entry.occurred_at, at)
    match entry.verb:
        case Verb.OPENED:
            ours = entry.how == How.REMOTE and actuation.settle_from_feed(
                device_id, person_id=entry.who.id, occurred_at=when, at=at
            )
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
        person = entry.who.name if entry.result == Result.GRANTED else ""
        observing.take_last_event(device_id, word=entry.verb, person=person, occurred_at=when)


@receiver(account_changed)
def redraw_doors(account: ConnectedAccount, at: datetime, **_: Any) -> None:
    """Every tile of an account tells how it is doing: raise their revisions."""
    doors = Device.objects.filter(account=account, removed_at=None)
    doors.update(changed_at=at)
    live.announce(account.workspace_id, *doors.values_list("pk", flat=True))
    live.announce_account(account.workspace_id, account.pk)
