"""What a simulated Salto Space installation consists of, cards in people's pockets included."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.things import Thing


@dataclass(kw_only=True)
class SpaceSystem(Thing):
    """One installation: its server, reached through a bridge, and its denylist.

    Or, with `kind` salto_ks, a site in Salto's cloud: no bridge, no cards, but seats.
    `denylist` holds key numbers in the order they were cancelled; `version` counts them.
    """

    account_id: str
    name: str
    time_zone: str
    created_at: datetime
    kind: str = "salto_space"  # or salto_ks
    seats: int = 0  # Salto KS: of its subscription
    is_bridge_up: bool = True
    is_server_up: bool = True
    has_database: bool = True
    has_licence: bool = True
    revalidation_days: int = 30
    structure_version: int = 1
    denylist: list[int] = field(default_factory=list)
    denylist_size: int = 65_535
    latest_key_number: int = 1000


@dataclass(kw_only=True)
class SpaceUser(Thing):
    """A cardholder. The fields are what Seam wishes; `known` is what Space was told of it."""

    system_id: str
    ext_id: str
    full_name: str
    created_at: datetime
    email_address: str | None = None
    phone_number: str | None = None
    user_identity_id: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    is_suspended: bool = False
    group_ids: list[str] = field(default_factory=list)
    door_ids: list[str] = field(default_factory=list)
    known: dict[str, Any] | None = None
    synced_at: datetime | None = None
    is_locked: bool = False  # somebody edits them in Space right now
    deleted_at: datetime | None = None
    key_id: str | None = None  # the credential on their current card
    is_subscribed: bool = False  # Salto KS: has a seat


@dataclass(kw_only=True)
class SpaceGroup(Thing):
    system_id: str
    name: str
    created_at: datetime
    door_ids: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class SpaceDoor(Thing):
    """An access point. An offline one decides by the card, its clock and its own denylist."""

    system_id: str
    name: str
    created_at: datetime
    description: str = ""
    is_online: bool = False
    is_updater: bool = False
    room_name: str | None = None
    is_being_edited: bool = False  # by another station, right now
    has_bluetooth: bool = True  # takes phones
    denylist: list[int] = field(default_factory=list)


@dataclass(kw_only=True)
class SpaceKey(Thing):
    """A card credential. `written` is what its card carried when it was last written."""

    system_id: str
    user_id: str
    created_at: datetime
    assign_new_key: bool
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    key_number: int | None = None
    card_id: str | None = None
    card_number: str | None = None
    issued_at: datetime | None = None  # as Seam knows it
    written_at: datetime | None = None  # as Space knows it
    written: dict[str, Any] | None = None
    is_reported: bool = True  # False: written, and Seam has not heard of it
    is_invalid: bool = False  # its card carries something else now
    deleted_at: datetime | None = None


@dataclass(kw_only=True)
class Encoder(Thing):
    """An encoder on a desk: one job at a time, at most one card on it."""

    system_id: str
    name: str
    created_at: datetime
    state: str = "idle"  # waiting | processing | ok | error
    mode: str = "ready"  # offline | uninitialised | auto_update | dongle | desktop_reader | stalled
    wait_seconds: float = 30.0
    write_seconds: float = 1.0
    attempt_id: str | None = None
    started_at: datetime | None = None
    card_id: str | None = None
    is_misplaced: bool = False
    is_removed: bool = False
    door_id: str | None = None  # Salto KS: the lock that it is
    latest_error: str | None = None


@dataclass(kw_only=True)
class Card(Thing):
    """A piece of plastic. It exists by itself and remembers what was written on it."""

    label: str
    serial: str
    technology: str = "DESFire EV3"
    capacity: int = 200  # doors that fit
    is_damaged: bool = False
    is_half_written: bool = False
    #: {} is blank; else kind user | guest | staff | foreign, key_number, doors, dates …
    content: dict[str, Any] = field(default_factory=dict)
    encoder_id: str | None = None
    trail: list[dict[str, Any]] = field(default_factory=list)
