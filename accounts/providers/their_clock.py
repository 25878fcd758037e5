"""What a provider's clock says, by the replies it gives anyway."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from accounts.providers.http import Reply
from accounts.providers.retry_after import http_date

#: A reply that took longer tells too little.
_WITHIN_SECONDS = 4.0


@dataclass
class TheirClock:
    """The provider's clock minus ours, from the reply that came quickest; None before one told."""

    now: Callable[[], datetime]
    offset_seconds: float | None = field(default=None, init=False)
    _quickest_seconds: float = field(default=_WITHIN_SECONDS, init=False)

    def read(self, reply: Reply, took_seconds: float) -> None:
        """Compare clocks by the `Date` of a reply. A cache's is as old as its copy (`Age`)."""
        if took_seconds > self._quickest_seconds or "Age" in reply.headers:
            return
        if theirs := http_date(reply.headers.get("Date", "")):
            # Written without its fraction of a second, somewhere on the way there and back.
            ahead = theirs - self.now()
            self.offset_seconds = ahead.total_seconds() + 0.5 + took_seconds / 2
            self._quickest_seconds = took_seconds
