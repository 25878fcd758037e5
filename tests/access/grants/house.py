"""A house with doors of three kinds, for tests of grants."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from access.grants import services
from access.grants.asking import Asked, Guest, Target, TargetKind
from access.models import AccessGrant, AcsEntrance, AcsSystem
from access.planning.asked import Request
from accounts.models import Role, Space, SpaceKind
from accounts.providers.systems import AccessMethod as Mode
from audit.ids import new_id
from locks.models import Device
from tests.make import (
    actor,
    make_account,
    make_device,
    make_entrance,
    make_group,
    make_property,
    make_site,
    make_system,
    make_user,
)

NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)
ARRIVES = datetime(2026, 11, 23, 15, tzinfo=UTC)
LEAVES = datetime(2026, 11, 26, 11, tzinfo=UTC)
DAY = timedelta(days=1)
RAW = {"code_lengths": [4, 5, 6], "code_slots": 10}


@dataclass
class House:
    """Harbour House: a keypad gate, two Salto KS doors, and Salto Space rooms."""

    place: Space = field(default_factory=lambda: make_property(name="Harbour House"))

    def __post_init__(self) -> None:
        self.workspace = self.place.workspace
        self.by = actor(make_user(Role.FRONT_DESK, workspace=self.workspace, name="Ana"))
        keypads = make_account(self.workspace, provider="keypad", dialect="", name="Keypads")
        salto = make_account(self.workspace, name="Salto")
        self.keypad_site = make_site(keypads, property=self.place, name="Gates")
        self.salto_site = make_site(salto, property=self.place, name="Lobby")
        self.gate = self.keypad("Gate")
        self.shed = self.keypad("Shed")
        self.lobby = self.salto("Lobby")
        self.back = self.salto("Back Door")
        self.spaces: dict[str, Space] = {}

    def keypad(self, name: str, **fields: Any) -> Device:
        defaults = {"has_keypad": True, "raw": RAW}
        return make_device(self.keypad_site, name=name, **defaults | fields)

    def salto(self, name: str, **fields: Any) -> Device:
        return make_device(self.salto_site, name=name, **{"has_keypad": True} | fields)

    def room(self, name: str) -> Space:
        return Space.objects.create(
            workspace=self.workspace,
            parent=self.place,
            property=self.place,
            kind=SpaceKind.ROOM,
            name=name,
            time_zone="",
        )

    def system(self, *rooms: str) -> tuple[AcsSystem, list[AcsEntrance]]:
        """A Salto Space with a door per room, and a group for each."""
        account = make_account(self.workspace, provider="seam", dialect="")
        system = make_system(account, property=self.place, name="Harbour Annex")
        doors = [make_entrance(system, name=name, takes_card=True) for name in rooms]
        for door in doors:
            make_group(system, name=f"Only {door.name}", entrances=[door])
        return system, doors


def target(thing: Device | Space | AcsEntrance) -> Target:
    kinds = {Device: TargetKind.DEVICE, Space: TargetKind.SPACE, AcsEntrance: TargetKind.ENTRANCE}
    return Target(kinds[type(thing)], thing.pk)


def asked(house: House, *things: Device | Space | AcsEntrance, **fields: Any) -> Asked:
    guest = {"full_name": "Jane Doe", "email": "jane@example.com"}
    guest |= {key: fields.pop(key) for key in ("full_name", "email", "phone") if key in fields}
    modes = fields.pop("modes", (Mode.CODE,))
    digits = fields.pop("digits", "")
    requests = tuple(
        Request(mode=mode, digits=digits if mode == Mode.CODE else "") for mode in modes
    )
    defaults = {
        "property": house.place,
        "guest": Guest(**guest),
        "targets": tuple(map(target, things)),
        "starts_at": ARRIVES,
        "ends_at": LEAVES,
        "requests": requests,
    }
    return Asked(**defaults | fields)


def create(
    house: House, *things: Device | Space | AcsEntrance, at: datetime = NOW, **fields: Any
) -> AccessGrant:
    pk: UUID = fields.pop("pk", None) or new_id()
    wish = asked(house, *things, **fields)
    return services.create(wish, pk=pk, outline=None, by=house.by, at=at)
