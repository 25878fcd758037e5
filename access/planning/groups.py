"""Doors that get one method together, while a plan is being made."""

from dataclasses import dataclass, field
from uuid import UUID

from access.planning.doors import Door
from access.planning.held import HeldMethod
from access.planning.outcome import Source
from accounts.providers.systems import AccessMethod
from locks.codes.rules import Window


@dataclass(frozen=True)
class Spot:
    """One door of a method, and when it opens it."""

    door: Door
    window: Window
    #: What other grants of the person go on wanting here.
    also: Window | None = None


@dataclass(kw_only=True)
class Group:
    """One method in the making. `method`: the one that exists, of this grant or joined."""

    mode: AccessMethod
    method: HeldMethod | None = None
    is_joined: bool = False
    system_id: UUID | None = None
    digits: str = field(default="", repr=False)
    source: Source | None = None
    source_id: UUID | None = None
    wants_new_digits: bool = False
    spots: dict[UUID, Spot] = field(default_factory=dict)

    def add(self, spot: Spot) -> None:
        self.spots[spot.door.id] = spot

    @classmethod
    def of_held(cls, method: HeldMethod, *, is_joined: bool = False) -> "Group":
        source = None
        if method.mode == AccessMethod.CODE:
            source = Source.PROVIDER if method.by_provider else Source.KEPT
            if is_joined:
                source = Source.REUSED
        return cls(
            mode=method.mode,
            method=method,
            is_joined=is_joined,
            system_id=method.system_id,
            digits=method.digits,
            source=source,
            source_id=method.id if is_joined else None,
        )
