"""Methods that a person has already."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from accounts.providers.systems import AccessMethod
from locks.codes.rules import Window


@dataclass(frozen=True, kw_only=True)
class HeldDoor:
    """One door of a method, as it was last planned."""

    door_id: UUID
    door_name: str
    zone: ZoneInfo
    window: Window
    #: What other grants of the same person want of this method here; None: nothing.
    also: Window | None = None
    is_device: bool = True
    is_online: bool | None = None
    #: Cards carry their rights: this door asks the card, and hears of changes late.
    writes_cards: bool = False


@dataclass(frozen=True, kw_only=True)
class HeldMethod:
    """One way in that exists: one PIN, one card or one key, for one door or many."""

    id: UUID
    mode: AccessMethod
    doors: tuple[HeldDoor, ...]
    created_at: datetime
    system_id: UUID | None = None
    #: "" where only the provider ever knew them, or does not yet.
    digits: str = field(default="", repr=False)
    #: The provider makes them.
    by_provider: bool = False
    #: What was asked for when these were chosen.
    asked_digits: str = field(default="", repr=False)
    #: The provider ends these digits then, whatever the window.
    digits_end_at: datetime | None = None
    #: Ready for its person: on the lock, written, or sent.
    is_issued: bool = False
    #: Somebody was told these digits.
    is_delivered: bool = False
    #: It has opened a door: its digits are not changed any more.
    is_used: bool = False

    def at(self, door_id: UUID) -> HeldDoor | None:
        return next((each for each in self.doors if each.door_id == door_id), None)

    @property
    def is_shared(self) -> bool:
        """Other grants of the person want it, too."""
        return any(each.also for each in self.doors)

    @property
    def has_one_schedule(self) -> bool:
        """One window counts for all doors: of a card, and of a PIN the provider makes."""
        return self.by_provider or self.mode == AccessMethod.CARD

    @property
    def door_ids(self) -> frozenset[UUID]:
        return frozenset(each.door_id for each in self.doors)


class Holding:
    """The methods of the grant that is planned, by mode and door."""

    def __init__(self, methods: Iterable[HeldMethod]) -> None:
        self.methods = tuple(sorted(methods, key=lambda each: (each.created_at, each.id)))
        self._by_door = {
            (method.mode, door.door_id): method for method in self.methods for door in method.doors
        }

    def of(self, mode: AccessMethod, door_id: UUID) -> HeldMethod | None:
        return self._by_door.get((mode, door_id))

    def at(self, mode: AccessMethod, door_id: UUID) -> HeldDoor | None:
        method = self.of(mode, door_id)
        return method.at(door_id) if method else None

    def in_system(self, mode: AccessMethod, system_id: UUID | None) -> list[HeldMethod]:
        return [each for each in self.methods if each.mode == mode and each.system_id == system_id]
