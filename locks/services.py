"""What people decide about doors."""

import math
from datetime import datetime

from django.db import transaction

from accounts.actors import Actor
from accounts.limits import Limit, take
from accounts.models import Space, UnlockPolicy
from accounts.permissions import Permission
from audit.services import record
from audit.who import Place
from audit.words import How, Verb
from locks import live
from locks.models import Device

#: A burst and what comes after it: 6 in any minute at one door, 30 by one person.
LOOKS_AT_A_DOOR = Limit(per_second=3 / 60, burst=3)
LOOKS_OF_A_PERSON = Limit(per_second=15 / 60, burst=15)


def set_door_policy(device: Device, policy: str, *, by: Actor, at: datetime) -> None:
    """Change what is asked before one door opens; "" goes back to the property's."""
    by.require(Permission.MANAGE_DOORS, device.property_id)
    with transaction.atomic():
        before = device.unlock_policy
        Device.objects.filter(pk=device.pk).update(unlock_policy=policy)
        device.unlock_policy = policy
        record(
            Verb.POLICY_CHANGED,
            workspace_id=device.workspace_id,
            at=at,
            who=by.who,
            place=device.as_place(),
            how=How.WEB,
            before=before,
            after=policy,
        )
        live.announce(device.workspace_id, device.pk)


def set_property_policy(space: Space, policy: UnlockPolicy, *, by: Actor, at: datetime) -> None:
    """Change what is asked before the doors of a property open, where a door has no own rule."""
    by.require(Permission.MANAGE_DOORS, space.pk)
    with transaction.atomic():
        before = space.unlock_policy
        Space.objects.filter(pk=space.pk).update(unlock_policy=policy)
        record(
            Verb.POLICY_CHANGED,
            workspace_id=space.workspace_id,
            at=at,
            who=by.who,
            place=Place(property_id=space.pk, property_name=space.name),
            how=How.WEB,
            before=before,
            after=policy,
        )
        doors = Device.objects.filter(property=space, removed_at=None)
        doors.update(changed_at=at)  # their tiles show the policy
        live.announce(space.workspace_id, *doors.values_list("pk", flat=True))


class TooOftenError(Exception):
    """Somebody wants a door looked at again too soon. `str()` is the sentence for people."""

    def __init__(self, wait_seconds: float) -> None:
        self.retry_after_seconds = math.ceil(wait_seconds)
        super().__init__(f"Too many requests; try again in {self.retry_after_seconds} s.")


def look_now(device: Device, *, by: Actor, at: datetime) -> None:
    """Have one door looked at soon. Returns before anybody looked. Raises TooOftenError.

    Whoever sees a door may ask, and each look costs requests that clicks and polls need too.
    """
    wait = take(f"look:door:{device.pk}", LOOKS_AT_A_DOOR) or take(
        f"look:person:{by.user.pk}", LOOKS_OF_A_PERSON
    )
    if wait:
        raise TooOftenError(wait)
    Device.objects.filter(pk=device.pk).update(next_poll_at=at)
