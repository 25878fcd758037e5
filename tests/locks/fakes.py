"""A provider that does what a test says, and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from django.utils import timezone

from accounts.providers.base import (
    AccountIdentity,
    Check,
    EntryHow,
    EntryKind,
    Feed,
    FeedEntry,
    Hub,
    LockSnapshot,
    LockState,
    Opening,
    ProviderError,
    RemoteUser,
    Site,
    Token,
)


class FakeDriver:
    """Answers from lists. An exception in place of an answer is raised."""

    label = "Fake"

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.locks: list[LockSnapshot] | ProviderError = []
        self.hubs: list[Hub] = []
        self.feed: Feed | ProviderError = Feed(entries=())
        self.opening: Opening | Exception = Opening()
        self.token: ProviderError | None = None
        self.during: Callable[[], None] = lambda: None
        self.clock_offset_seconds: float | None = None

    def _answer(self, answer: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    def names(self) -> list[str]:
        return [call[0] for call in self.calls]

    def ensure_token(self, *, budget_seconds: float = 5) -> None:
        self._answer(self.token)

    def refresh_token(self) -> Token:
        self.calls.append(("refresh_token",))
        return Token(
            access_token="never shown",
            expires_at=datetime.fromisoformat("2027-01-01T00:00:00+00:00"),
            scope="all",
        )

    def identity(self) -> AccountIdentity:
        return AccountIdentity(remote_id="us")

    def checks(self, site_ids: Iterable[str] | None = None) -> Iterator[Check]:
        return iter(())

    def list_sites(self) -> list[Site]:
        return [Site(remote_id="site-1", name="Harbour")]

    def list_hubs(self, site_id: str) -> list[Hub]:
        return self.hubs

    def list_locks(self, site_id: str) -> list[LockSnapshot]:
        self.calls.append(("list_locks", site_id))
        self.during()
        locks: list[LockSnapshot] = self._answer(self.locks)
        return locks

    def get_lock(self, site_id: str, lock_id: str) -> LockSnapshot:
        self.calls.append(("get_lock", site_id, lock_id))
        locks = self._answer(self.locks)
        return next(lock for lock in locks if lock.remote_id == lock_id)

    def list_users(self, site_id: str) -> list[RemoteUser]:
        return [RemoteUser(remote_id="u1", person_id="p1", name="Jane")]

    def list_entries(self, site_id: str, *, since: datetime, limit: int = 200) -> Feed:
        self.calls.append(("list_entries", site_id, since))
        feed: Feed = self._answer(self.feed)
        return feed

    def unlock(self, site_id: str, lock_id: str, **options: Any) -> Opening:
        self.calls.append(("unlock", lock_id, options))
        self.during()
        opening: Opening = self._answer(self.opening)
        return opening

    def lock(self, site_id: str, lock_id: str, **options: Any) -> Opening:
        self.calls.append(("lock", lock_id, options))
        self.during()
        opening: Opening = self._answer(self.opening)
        return opening


def snapshot(remote_id: str = "lock-1", **fields: Any) -> LockSnapshot:
    return LockSnapshot(
        **{
            "remote_id": remote_id,
            "name": "Room 204",
            "model": "",
            "state": LockState.LOCKED,
            "is_online": True,
            "battery_percent": 100,
            "observed_at": timezone.now(),
        }
        | fields
    )


def entry(remote_id: str = "e1", **fields: Any) -> FeedEntry:
    return FeedEntry(
        **{
            "remote_id": remote_id,
            "occurred_at": timezone.now(),
            "lock_id": "lock-1",
            "lock_name": "Room 204",
            "kind": EntryKind.OPENED,
            "how": EntryHow.CARD,
            "person_id": "p1",
            "person_name": "Jane",
        }
        | fields
    )
