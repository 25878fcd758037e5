"""What the simulated Seam keeps beside the locks themselves: one class per kind of row."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.things import Thing


@dataclass(kw_only=True)
class Workspace(Thing):
    name: str
    created_at: datetime


@dataclass(kw_only=True)
class SeamAccount(Thing):
    """A connected account: somebody's login at a brand of locks."""

    workspace_id: str
    account_type: str
    type_name: str
    display_name: str
    created_at: datetime
    is_connected: bool = True
    custom_metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class SeamDevice(Thing):
    """How Seam sees one lock; `id` is the lock's. What the lock does is in `things.Lock`."""

    account_id: str
    device_type: str
    manufacturer: str
    manufacturer_name: str
    model: str
    created_at: datetime
    has_native_scheduling: bool = False
    has_backup_pool: bool = False
    is_backup_pool_on: bool = False
    is_managed: bool = True
    name: str | None = None  # chosen at Seam; None: the lock's own
    custom_metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class SeamCode(Thing):
    """An access code on one lock. `on_lock` is the truth: the digits the lock would take now.

    `lock_starts_at` and `lock_ends_at` are what a lock that knows a calendar was told.
    """

    lock_id: str
    name: str | None
    digits: str
    created_at: datetime
    asked_at: datetime  # of the latest change of wishes
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    is_native: bool = False
    is_managed: bool = True
    is_external_modification_allowed: bool = False
    common_code_key: str | None = None
    is_backup: bool = False  # of the pool; `backs_up` is the code it was pulled for
    backs_up: str | None = None
    pulled_backup_id: str | None = None
    wants_backup: bool = False
    on_lock: str | None = None
    lock_starts_at: datetime | None = None
    lock_ends_at: datetime | None = None
    was_set: bool = False
    is_waiting: bool = False  # for a lock that cannot be reached
    wrong: str = ""  # the error_code that keeps it off the lock
    deleted_at: datetime | None = None
    changes: list[dict[str, Any]] = field(default_factory=list)  # pending mutations

    @property
    def is_time_bound(self) -> bool:
        return self.ends_at is not None


@dataclass(kw_only=True)
class Attempt(Thing):
    """An action attempt, as Seam shows it; `payload` is what was asked."""

    workspace_id: str
    action_type: str
    created_at: datetime
    status: str = "pending"  # success | error
    result: dict[str, Any] | None = None
    error: dict[str, str] | None = None
    lock_id: str | None = None
    account: str | None = None
    request_id: str | None = None
    payload: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class SeamEvent(Thing):
    n: int
    workspace_id: str
    event_type: str
    occurred_at: datetime
    created_at: datetime
    fields: dict[str, Any]


@dataclass(kw_only=True)
class Webhook(Thing):
    """Where events are sent to. `sent_until` is the created_at of the latest that was."""

    workspace_id: str
    url: str
    secret: str
    event_types: list[str]
    sent_until: datetime
    sent: list[dict[str, Any]] = field(default_factory=list)  # the latest deliveries


@dataclass(kw_only=True)
class Script(Thing):
    """What is to happen to coming attempts: docs/sandbox.md, "Scripts"."""

    action_type: str | None
    match: dict[str, str]
    phase: str  # before | during | after
    error: dict[str, str] | None
    scenario: str | None = None
    seconds: float = 0.0
    times: int | None = 1
    chance_percent: float = 100.0
    seed: int = 0
    hits: int = 0
    tries: int = 0
    options: dict[str, Any] = field(default_factory=dict)
