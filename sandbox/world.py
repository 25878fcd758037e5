"""The simulated world: its tables, its timers, its log of side effects.

Nothing here knows HTTP. Whoever changes a thing puts it back into its table; `commit` then
writes everything that changed to the store in one transaction.
"""

import asyncio
import heapq
import random
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from sandbox import things
from sandbox.booking import things as booking
from sandbox.clock import Clock, parse_moment
from sandbox.ks_system import things as ks
from sandbox.phones import things as phones
from sandbox.seam import things as seam
from sandbox.space import things as space
from sandbox.store import Store

T = TypeVar("T", bound=things.Thing)

LOGS_KEPT = 20_000  # rows of the request log; it is read by tests, not by historians


@dataclass
class Call:
    """What is known of the request being answered, wherever the code happens to be."""

    method: str
    path: str
    route: str
    account: str | None = None
    lock_id: str | None = None
    request_id: str | None = None


#: The request being answered; None while a timer fires.
CALL: ContextVar[Call | None] = ContextVar("call", default=None)


class Table(Generic[T]):
    """All things of one kind, in order of creation."""

    def __init__(self, kind: type[T]) -> None:
        self.kind = kind
        self.rows: dict[str, T] = {}
        self.changed: dict[str, None] = {}  # a set that remembers the order
        self.gone: set[str] = set()

    def __iter__(self) -> Iterator[T]:
        return iter(list(self.rows.values()))

    def __len__(self) -> int:
        return len(self.rows)

    def get(self, key: str | None) -> T | None:
        return self.rows.get(key) if key else None

    def __getitem__(self, key: str) -> T:
        return self.rows[key]

    def put(self, row: T) -> T:
        """Add `row`, or note that it was changed."""
        self.rows[row.id] = row
        self.changed[row.id] = None
        self.gone.discard(row.id)
        return row

    def drop(self, key: str) -> T | None:
        self.changed.pop(key, None)
        row = self.rows.pop(key, None)
        if row:
            self.gone.add(key)
        return row

    def clear(self) -> None:
        for key in list(self.rows):
            self.drop(key)

    def where(self, **wanted: Any) -> list[T]:
        return [
            row
            for row in self.rows.values()
            if all(getattr(row, name) == value for name, value in wanted.items())
        ]


class World:
    """Everything the simulated clouds know, and everything that is really so."""

    def __init__(self, store: Store) -> None:  # noqa: PLR0915 - a table for each kind
        self.store = store
        self.clock = Clock()
        self.people = Table(things.Person)
        self.clients = Table(things.Client)
        self.sites = Table(things.Site)
        self.members = Table(things.Member)
        self.iqs = Table(things.Iq)
        self.locks = Table(things.Lock)
        self.groups = Table(things.Group)
        self.schedules = Table(things.Schedule)
        self.tags = Table(things.Tag)
        self.keypad_codes = Table(things.KeypadCode)
        self.activations = Table(things.Activation)
        self.workspaces = Table(seam.Workspace)
        self.seam_accounts = Table(seam.SeamAccount)
        self.seam_devices = Table(seam.SeamDevice)
        self.seam_codes = Table(seam.SeamCode)
        self.seam_events = Table(seam.SeamEvent)
        self.webhooks = Table(seam.Webhook)
        self.attempts = Table(seam.Attempt)
        self.scripts = Table(seam.Script)
        self.space_systems = Table(space.SpaceSystem)
        self.space_users = Table(space.SpaceUser)
        self.space_groups = Table(space.SpaceGroup)
        self.space_doors = Table(space.SpaceDoor)
        self.space_keys = Table(space.SpaceKey)
        self.encoders = Table(space.Encoder)
        self.cards = Table(space.Card)
        self.ks_locks = Table(ks.KsLock)
        self.ks_tags = Table(ks.KsTag)
        self.ks_credentials = Table(ks.KsCredential)
        self.user_identities = Table(phones.UserIdentity)
        self.mobile_keys = Table(phones.MobileKey)
        self.instant_keys = Table(phones.InstantKey)
        self.phones = Table(phones.Phone)
        self.calendars = Table(booking.Calendar)
        self.bookings = Table(booking.Booking)
        self.entries = Table(things.Entry)
        self.tokens = Table(things.Token)
        self.sign_ins = Table(things.SignIn)
        self.effects = Table(things.Effect)
        self.requests = Table(things.RequestRow)
        self.faults = Table(things.Fault)
        self.mails = Table(things.Mail)
        self.timers = Table(things.Timer)
        self.keepsakes = Table(things.Keepsake)
        self.settings_table = Table(things.Settings)
        self.tables: list[Table[Any]] = [t for t in vars(self).values() if isinstance(t, Table)]
        #: What to do when a timer of a kind is due; filled by `app`.
        self.on_timer: dict[str, Callable[[World, things.Timer], None]] = {}
        #: Set when somebody who waits for the next timer should look again.
        self.wake = asyncio.Event()
        self._due: list[tuple[datetime, str]] = []
        self._moment: datetime | None = None
        self.chance = random.SystemRandom()

    @property
    def settings(self) -> things.Settings:
        return self.settings_table["settings"]

    # --- time -------------------------------------------------------------------------

    def now(self) -> datetime:
        """Return the sandbox's time; inside a timer, the moment the timer was due."""
        return self._moment or self.clock.now()

    def schedule(self, key: str, kind: str, after_seconds: float, **payload: Any) -> None:
        """Let something happen later; replaces a timer of the same key. Not before `settle`."""
        due_at = self.now() + timedelta(seconds=max(after_seconds, 0.0))
        self.timers.put(things.Timer(id=key, due_at=due_at, kind=kind, payload=payload))
        heapq.heappush(self._due, (due_at, key))
        self.wake.set()

    def settle(self) -> None:
        """Let everything happen that is due by now, in order, each at its own moment."""
        while self._due and self._due[0][0] <= self.clock.now():
            due_at, key = heapq.heappop(self._due)
            timer = self.timers.get(key)
            if timer is None or timer.due_at != due_at:
                continue  # cancelled or replaced meanwhile
            self.timers.drop(key)
            with self._at(due_at):
                self.on_timer[timer.kind](self, timer)

    def seconds_to_next(self) -> float | None:
        """Return how long until the next timer in real seconds; None if there is none."""
        if not self._due or self.clock.frozen_at:
            return None
        return max((self._due[0][0] - self.clock.now()).total_seconds(), 0.0)

    def move_clock(self, move: Callable[[], None]) -> None:
        """Move the clock and let happen what that made due.

        Timers are hardware counting seconds: when time jumps back they keep the seconds
        they had left, as a relock motor does.
        """
        before = self.clock.now()
        move()
        back = before - self.clock.now()
        if back > timedelta(seconds=1):
            for timer in self.timers:
                timer.due_at -= back
                self.timers.put(timer)
            self._rebuild_due()
        self.keep("clock", _clock_state(self.clock))
        self.settle()
        self.wake.set()

    @contextmanager
    def _at(self, moment: datetime) -> Iterator[None]:
        token = CALL.set(None)
        self._moment = moment
        try:
            yield
        finally:
            self._moment = None
            CALL.reset(token)

    def _rebuild_due(self) -> None:
        self._due = [(timer.due_at, timer.id) for timer in self.timers]
        heapq.heapify(self._due)

    # --- logs -------------------------------------------------------------------------

    def effect(
        self,
        kind: str,
        *,
        cause: str,
        lock: things.Lock | None = None,
        account: str | None = None,
        **detail: Any,
    ) -> None:
        """Log something that really happened, for tests to read as the oracle.

        Without `account` it is the one of the request being answered, if any.
        """
        call = CALL.get()
        n = self.count("effects")
        self.effects.put(
            things.Effect(
                id=str(n),
                n=n,
                at=self.now(),
                kind=kind,
                cause=cause,
                account=account or (call.account if call else None),
                lock_id=lock.id if lock else None,
                lock_name=lock.customer_reference if lock else None,
                request_id=call.request_id if call else None,
                detail=detail,
            )
        )

    def log_request(self, call: Call, query: str) -> things.RequestRow:
        n = self.count("requests")
        if n > LOGS_KEPT:
            self.requests.drop(str(n - LOGS_KEPT))
        return self.requests.put(
            things.RequestRow(
                id=str(n),
                n=n,
                at=self.now(),
                method=call.method,
                path=call.path,
                query=query,
                route=call.route,
                account=call.account,
                request_id=call.request_id,
            )
        )

    def mail(self, **message: Any) -> None:
        n = self.count("mails")
        self.mails.put(things.Mail(id=str(n), n=n, at=self.now(), **message))

    # --- keeping ----------------------------------------------------------------------

    def keep(self, key: str, value: Any) -> None:
        self.keepsakes.put(things.Keepsake(id=key, value=value))

    def kept(self, key: str) -> Any:
        keepsake = self.keepsakes.get(key)
        return keepsake.value if keepsake else None

    def count(self, what: str) -> int:
        """Return the next number of a log. Numbers are never used twice, resets included."""
        n = (self.kept(f"count:{what}") or 0) + 1
        self.keep(f"count:{what}", n)
        return n

    def load(self) -> None:
        """Read everything back. What an older version wrote and this one has no name for is
        left out, so that a new field needs a default and nothing else.
        """
        tables = {table.kind.__name__: table for table in self.tables}
        for kind, stored in self.store.rows():
            table = tables.get(kind)
            if table is not None:  # an empty table is falsy
                known = {field.name for field in fields(table.kind)}
                row = table.kind(**{name: stored[name] for name in known & set(stored)})
                table.rows[row.id] = row
        _restore_clock(self.clock, self.kept("clock") or {})
        self._rebuild_due()

    def commit(self) -> None:
        """Write what changed since the last commit."""
        dirty = [table for table in self.tables if table.changed or table.gone]
        if not dirty:
            return
        self.store.write(
            [
                (table.kind.__name__, key, vars(table.rows[key]))
                for table in dirty
                for key in table.changed
            ],
            [(table.kind.__name__, key) for table in dirty for key in table.gone],
        )
        for table in dirty:
            table.changed.clear()
            table.gone.clear()


def new_id() -> str:
    return str(uuid.uuid4())


def _clock_state(clock: Clock) -> dict[str, Any]:
    frozen = clock.frozen_at.isoformat() if clock.frozen_at else None
    return {"offset_seconds": clock.offset_seconds, "frozen_at": frozen}


def _restore_clock(clock: Clock, state: dict[str, Any]) -> None:
    clock.offset_seconds = state.get("offset_seconds", 0.0)
    if state.get("frozen_at"):
        clock.frozen_at = parse_moment(state["frozen_at"])
