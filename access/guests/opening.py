"""A guest opens a door by their page: two steps a second apart, and one attempt."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.core import signing
from django.db import transaction

from access.guests import authority
from access.guests.noting import who_of
from access.models import GuestDevice, GuestLink
from audit.words import How
from locks import actuation
from locks.actuation.rows import database_now
from locks.models import ActionAttempt, Device
from locks.states import Action

#: Between the two steps. A press is held for a second in the browser, on its own clock.
SHORTEST_HOLD_SECONDS = 0.9
LONGEST_HOLD_SECONDS = 30.0
MOST_PER_HOUR, MOST_PER_DAY = 10, 40
_SALT = "access.guests.hold"


class NotHeldError(Exception):
    """The two steps were not made, in time, by this browser for this door."""


class OpenedOftenError(Exception):
    """This link has opened doors too often. `until`: when it may again."""

    def __init__(self, until: datetime) -> None:
        super().__init__("too often")
        self.until = until


@dataclass(frozen=True, kw_only=True)
class Press:
    """Who presses: a browser that proved itself, and the door."""

    link: GuestLink
    device: GuestDevice
    door: Device

    @property
    def _whose(self) -> str:
        return f"{self.link.pk}:{self.device.pk}:{self.door.pk}"

    def begin(self) -> str:
        """Return the nonce of a press that begins now."""
        return signing.dumps(
            [self._whose, database_now().timestamp(), secrets.token_hex(8)], salt=_SALT
        )

    def check_held(self, nonce: str) -> str:
        """Return the press's own key if the button was held long enough. Raises NotHeldError."""
        try:
            whose, began, key = signing.loads(nonce, salt=_SALT)
        except (signing.BadSignature, ValueError, TypeError):
            raise NotHeldError from None
        held = database_now().timestamp() - began
        if whose != self._whose or not SHORTEST_HOLD_SECONDS <= held <= LONGEST_HOLD_SECONDS:
            raise NotHeldError
        return str(key)

    def finish(self, nonce: str) -> ActionAttempt:
        """Have the door opened. Return the attempt; pressed twice it is the same one.

        Raises NotHeldError, OpenedOftenError, and locks.actuation.RefusedHere and its kin.
        """
        key = self.check_held(nonce)
        with transaction.atomic():
            # One press of a link at a time, so that its limits count every other one.
            GuestLink.objects.select_for_update().get(pk=self.link.pk)
            if not ActionAttempt.objects.filter(user=None, idempotency_key=f"guest:{key}").exists():
                _refuse_too_often(self.link)
            return actuation.request(
                self.door,
                actuation.Order(
                    action=Action.UNLOCK,
                    idempotency_key=f"guest:{key}",
                    who=who_of(self.link),
                    how=How.GUEST,
                    actor=None,
                    authority=authority.of(self.link),
                    agent_hash=self.device.agent_hash,
                ),
            )


def _refuse_too_often(link: GuestLink) -> None:
    now = database_now()
    for most, span in ((MOST_PER_HOUR, timedelta(hours=1)), (MOST_PER_DAY, timedelta(days=1))):
        recent = ActionAttempt.objects.filter(
            authority=authority.KIND, authority_id=link.pk, created_at__gt=now - span
        ).order_by("-created_at")
        over = recent.values_list("created_at", flat=True)[most - 1 : most]
        for oldest in over:
            raise OpenedOftenError(oldest + span)


def find_attempt(door_ids: set[UUID], pk: UUID) -> ActionAttempt | None:
    """Return a recent attempt at one of a guest's doors: theirs, or one that was under way."""
    recent = database_now() - timedelta(minutes=10)
    return (
        ActionAttempt.objects.select_related("device")
        .filter(pk=pk, device_id__in=door_ids, created_at__gt=recent)
        .first()
    )
