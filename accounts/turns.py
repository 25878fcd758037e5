"""Each account's share of requests: polls never use up what clicks and revocations need.

Salto publishes no limit; at 8 requests a second somebody was refused now and then, and advises
5 (facts: salto_ks 2.3). So: 4 a second where a provider's own number is not given, of which
background work gets 3, and never the last few of a burst (reliability ACC-06, SKS-08). An
operator's number counts for every account.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from django.conf import settings
from django.db import Error, connection

from accounts.limits import Limit, take
from accounts.providers import PROVIDERS
from accounts.providers.base import NotYetError

logger = logging.getLogger(__name__)


class Work(StrEnum):
    """What a request is for."""

    #: Somebody waits for it: a click, an activation, a command by hand.
    ACTUATE = "actuate"
    #: Looking, several times a second, at what became of what somebody waits for.
    WATCH = "watch"
    #: Access that has ended must go away.
    REVOKE = "revoke"
    POLL = "poll"
    RECONCILE = "reconcile"

    @property
    def is_background(self) -> bool:
        return self in (Work.POLL, Work.RECONCILE)

    @property
    def leaves_reserve(self) -> bool:
        """A look that comes late costs a moment; a click that waits for looks costs patience."""
        return self.is_background or self == Work.WATCH


USUAL_PER_SECOND = 4.0
BACKGROUND_SHARE = 0.75
#: A call that has less left than this is not begun.
_CALL_SECONDS = 1.0


@dataclass(frozen=True)
class Share:
    """What an account is asked at most."""

    per_second: float = USUAL_PER_SECOND

    @property
    def burst(self) -> int:
        """A second and a half of it: six at the usual pace, and never more than fifteen."""
        return max(6, min(15, round(self.per_second * 1.5)))

    @property
    def reserve(self) -> int:
        """Of a burst, this many are kept for clicks and revocations."""
        return self.burst // 2


def share_of(provider: str) -> Share:
    """Return the share of an account of this provider: the operator's word, or its own."""
    its_own = PROVIDERS[provider].requests_per_second if provider in PROVIDERS else None
    return Share(settings.PROVIDER_REQUESTS_PER_SECOND or its_own or USUAL_PER_SECOND)


def next_turn(account_id: UUID, work: Work, share: Share) -> float:
    """Take a turn at an account. Return 0.0, or in how many seconds there is one. Never waits."""
    if work.is_background:
        limit = Limit(
            per_second=share.per_second * BACKGROUND_SHARE, burst=share.burst - share.reserve
        )
        if wait := take(f"account:{account_id}:background", limit):
            return wait
    leave = share.reserve if work.leaves_reserve else 0
    whole = Limit(per_second=share.per_second, burst=share.burst)
    return take(f"account:{account_id}", whole, leave=leave)


class AccountTurns:
    """One account's turns for a driver: waits in its place, in the thread of who called it."""

    def __init__(
        self,
        account_id: UUID,
        work: Work,
        share: Share | None = None,
        *,
        before_each: Callable[[], None] | None = None,
    ) -> None:
        self._account_id = account_id
        self._work = work
        self._share = share or Share()
        self._before_each = before_each

    def take(self, *, budget_seconds: float) -> None:
        if self._before_each:
            with _no_connection_more():
                self._before_each()
        until = time.monotonic() + budget_seconds - _CALL_SECONDS
        while wait := self._ask():
            if time.monotonic() + wait > until:
                raise NotYetError(retry_after_seconds=wait)
            _pause(wait)

    def _ask(self) -> float:
        with _no_connection_more():
            try:
                return next_turn(self._account_id, self._work, self._share)
            except Error:
                if self._work.is_background:
                    raise
                logger.warning("requests cannot be counted; a command goes out uncounted")
                return 0.0


@contextmanager
def _no_connection_more() -> Iterator[None]:
    """A command is sent with no connection of ours held; one taken here goes back at once (DB-01)."""
    was_closed = connection.connection is None
    try:
        yield
    finally:
        if was_closed:
            connection.close()


def _pause(seconds: float) -> None:
    threading.Event().wait(seconds)
