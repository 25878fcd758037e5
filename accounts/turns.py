"""Each account's share of requests: polls never use up what clicks and revocations need.

Salto publishes no limit; at 8 requests a second somebody was refused now and then, and advises
5 (facts: salto_ks 2.3). So: 4 a second, of which background work gets 3, and never the last
few of a burst (reliability ACC-06, SKS-08).
"""

from __future__ import annotations

import logging
import threading
import time
from enum import StrEnum
from uuid import UUID

from django.conf import settings
from django.db import Error, connection

from accounts.limits import Limit, take
from accounts.providers.base import NotYetError

logger = logging.getLogger(__name__)


class Work(StrEnum):
    """What a request is for."""

    #: Somebody waits for it: a click, an activation, a command by hand.
    ACTUATE = "actuate"
    #: Access that has ended must go away.
    REVOKE = "revoke"
    POLL = "poll"
    RECONCILE = "reconcile"

    @property
    def is_background(self) -> bool:
        return self in (Work.POLL, Work.RECONCILE)


#: Of a burst, this many are kept for clicks and revocations.
RESERVE = 3
BURST = 6
BACKGROUND_SHARE = 0.75
#: A call that has less left than this is not begun.
_CALL_SECONDS = 1.0


def next_turn(account_id: UUID, work: Work) -> float:
    """Take a turn at an account. Return 0.0, or in how many seconds there is one. Never waits."""
    rate = settings.PROVIDER_REQUESTS_PER_SECOND
    if work.is_background:
        share = Limit(per_second=rate * BACKGROUND_SHARE, burst=BURST - RESERVE)
        if wait := take(f"account:{account_id}:background", share):
            return wait
    leave = RESERVE if work.is_background else 0
    return take(f"account:{account_id}", Limit(per_second=rate, burst=BURST), leave=leave)


class AccountTurns:
    """One account's turns for a driver: waits in its place, in the thread of who called it."""

    def __init__(self, account_id: UUID, work: Work) -> None:
        self._account_id = account_id
        self._work = work

    def take(self, *, budget_seconds: float) -> None:
        until = time.monotonic() + budget_seconds - _CALL_SECONDS
        while wait := self._ask():
            if time.monotonic() + wait > until:
                raise NotYetError(retry_after_seconds=wait)
            _pause(wait)

    def _ask(self) -> float:
        # A command is sent with no connection of ours held; it goes back at once (DB-01).
        was_closed = connection.connection is None
        try:
            return next_turn(self._account_id, self._work)
        except Error:
            if self._work.is_background:
                raise
            logger.warning("requests cannot be counted; a command goes out uncounted")
            return 0.0
        finally:
            if was_closed:
                connection.close()


def _pause(seconds: float) -> None:
    threading.Event().wait(seconds)
