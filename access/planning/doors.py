"""What is known of the doors: what they take, and what room is left."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from accounts.providers.codes import CodeRules
from accounts.providers.systems import AccessMethod


class DoorKind(StrEnum):
    DEVICE = "device"
    ENTRANCE = "entrance"


@dataclass(frozen=True, kw_only=True)
class TimeLimits:
    """What windows a lock's codes may have (Seam: online_time_frame_options)."""

    longest: timedelta | None = None
    takes_ongoing: bool = True
    #: Start and end must be at one of these pairs of local times, as (hour, minute).
    slots: tuple[tuple[tuple[int, int], tuple[int, int]], ...] = ()
    #: Start and end must be at the same local time.
    same_time: bool = False


@dataclass(frozen=True, kw_only=True)
class Slots:
    """Codes that one lock holds."""

    free: int
    total: int


@dataclass(frozen=True, kw_only=True)
class Seats:
    """Seats of a site's subscription."""

    free: int
    total: int
    #: One seat serves this person at every door of the site. False: each code takes one.
    is_shared: bool = True
    #: The person sits there already.
    is_held: bool = False


@dataclass(frozen=True, kw_only=True)
class Door:
    """A lock or an entrance, and what opens it.

    `system_id`: where PINs, cards and seats are: the site of a lock, the system of an entrance.
    """

    id: UUID
    name: str
    kind: DoorKind
    property_id: UUID
    zone: ZoneInfo
    provider: str
    brand: str
    system_id: UUID
    system_name: str = ""
    is_online: bool | None = None

    # --- codes ---
    codes: CodeRules | None = None
    limits: TimeLimits = TimeLimits()
    slots: Slots | None = None
    seats: Seats | None = None
    #: A lock of Salto: several of them share one PIN, and never one that was asked for.
    is_salto: bool = False

    # --- other ways in ---
    takes_card: bool = False
    takes_mobile_key: bool = False
    takes_cloud_key: bool = False
    #: Cards carry their rights and are written at an encoder; else a tag is assigned.
    writes_cards: bool = False
    #: What a mobile key here cannot do without: "email", "phone" or nothing.
    mobile_key_needs: str = ""
    #: Why a method does not work here, in a sentence, where somebody knows.
    why_not: Mapping[AccessMethod, str] = field(default_factory=dict, hash=False)

    # --- reservations ---
    can_belong_to_reservation: bool = False
    #: Other reservations that hold this door in the window asked for.
    held_by: frozenset[str] = frozenset()

    @property
    def is_device(self) -> bool:
        return self.kind == DoorKind.DEVICE

    @property
    def makes_digits(self) -> bool:
        return self.codes is not None and self.codes.digits_by_provider

    def takes(self, mode: AccessMethod) -> bool:
        return {
            AccessMethod.CODE: self.codes is not None,
            AccessMethod.CARD: self.takes_card,
            AccessMethod.MOBILE_KEY: self.takes_mobile_key,
            AccessMethod.CLOUD_KEY: self.takes_cloud_key,
        }[mode]
