import threading
from dataclasses import replace

from accounts.providers.base import NotYetError


class MemoryTokens:
    """A TokenKeeper for the threads of one test; counts what it was asked to renew."""

    def __init__(self, token=None):
        self.token = token
        self.renewals = 0
        self._lock = threading.Lock()

    def current(self):
        return self.token

    def renew(self, stale, fetch):
        with self._lock:
            latest = self.token
            if latest is not None and latest.version > (stale.version if stale else 0):
                return latest
            self.renewals += 1
            self.token = replace(fetch(latest), version=latest.version + 1 if latest else 1)
            return self.token


class CountedTurns:
    """Turns for one test: as many as it says, then none. Remembers the budgets it was told."""

    def __init__(self, number=1000):
        self.left = number
        self.budgets = []

    def take(self, *, budget_seconds):
        self.budgets.append(budget_seconds)
        if not self.left:
            raise NotYetError(retry_after_seconds=0.4)
        self.left -= 1
