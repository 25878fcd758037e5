"""Doors, wishes and digits in use, without a database; and a plan carried out."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5
from zoneinfo import ZoneInfo

from access.planning.asked import Person, Request, Wish
from access.planning.doors import Door, DoorKind
from access.planning.held import HeldDoor, HeldMethod
from access.planning.outcome import Action, Line, Plan, Row
from access.planning.planner import World, plan
from accounts.providers.codes import CodeConstraint, CodeRules
from accounts.providers.systems import AccessMethod
from locks.codes import rules
from locks.codes.rules import RuleError, Window

#: The eve of summer time in Amsterdam.
NOW = datetime(2027, 3, 27, 12, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Amsterdam")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ALWAYS = Window()
HOUSE, SITE, SPACE = (UUID(int=each) for each in (1, 2, 3))
CODE, CARD, MOBILE, CLOUD = AccessMethod

KEYPAD = CodeRules(lengths=(4, 6), native_end=True, native_start=True)
SALTO = CodeRules(
    lengths=(6,), constraints=frozenset([CodeConstraint.CANNOT_SPECIFY_PIN_CODE]), native_end=True
)


def id_of(name: str) -> UUID:
    return uuid5(HOUSE, name)


def lock(name: str = "Room 1", **fields: Any) -> Door:
    """A keypad lock that takes our digits."""
    usual = {
        "id": id_of(name),
        "name": name,
        "kind": DoorKind.DEVICE,
        "property_id": HOUSE,
        "zone": ZONE,
        "provider": "seam",
        "brand": "August",
        "system_id": id_of("locks"),
        "codes": KEYPAD,
        "is_online": True,
        "takes_cloud_key": True,
    }
    return Door(**usual | fields)


def salto(name: str = "Lobby", **fields: Any) -> Door:
    """A lock of a Salto KS site: Salto makes the PIN."""
    usual = {
        "provider": "salto_ks",
        "brand": "Salto",
        "system_id": SITE,
        "system_name": "Canal House",
        "codes": SALTO,
        "is_salto": True,
    }
    return lock(name, **usual | fields)


def room(name: str = "Room 101", **fields: Any) -> Door:
    """An entrance of Salto Space: opened by cards that are written."""
    usual = {
        "kind": DoorKind.ENTRANCE,
        "brand": "Salto",
        "system_id": SPACE,
        "system_name": "Hotel",
        "codes": None,
        "takes_card": True,
        "takes_mobile_key": True,
        "takes_cloud_key": False,
        "writes_cards": True,
    }
    return lock(name, **usual | fields)


def wish(*modes: AccessMethod, digits: str = "", **fields: Any) -> Wish:
    requests = tuple(
        Request(mode=mode, digits=digits if mode == CODE else "") for mode in modes or (CODE,)
    )
    usual = {
        "person": Person(id=UUID(int=9), has_email=True),
        "starts_at": NOW + DAY,
        "ends_at": NOW + 3 * DAY,
        "requests": requests,
    }
    return Wish(**usual | fields)


class Town:
    """Whose digits open what, and an endless supply of new ones."""

    def __init__(self, *, seed: int = 1) -> None:
        self.random = random.Random(seed)  # noqa: S311  the same each time
        self.taken: dict[tuple[UUID, str], list[Window]] = {}
        self.asked = 0

    def take(self, door: Door, digits: str, window: Window = ALWAYS) -> None:
        self.taken.setdefault((door.id, digits), []).append(window)

    def is_free(self, door_id: UUID, digits: str, window: Window) -> bool:
        self.asked += 1
        return not any(
            rules.overlap(each, window) for each in self.taken.get((door_id, digits), ())
        )

    def make(self, accepted: CodeRules) -> str:
        while True:
            length = 6 if 6 in accepted.lengths else accepted.lengths[0]
            digits = "".join(self.random.choice("0123456789") for _ in range(length))
            try:
                rules.check_digits(digits, accepted)
            except RuleError:
                continue
            return digits

    def plan(
        self,
        asked: Wish,
        *doors: Door,
        held: list[HeldMethod] | None = None,
        others: list[HeldMethod] | None = None,
        now: datetime = NOW,
    ) -> Plan:
        world = World(
            doors=doors,
            held=held or [],
            others=others or [],
            is_free=self.is_free,
            make_digits=self.make,
        )
        return plan(asked, world, now=now)


def carried_out(
    done: Plan, asked: Wish, doors: list[Door], held: list[HeldMethod] | None = None, **fields: Any
) -> list[HeldMethod]:
    """Return the grant's methods once a plan was stored and came true."""
    known = {method.id: method for method in held or []}
    by_id = {door.id: door for door in doors}
    return [replace(_made(row, asked, by_id, known), **fields) for row in done.rows if row.door_ids]


def _made(
    row: Row, asked: Wish, doors: dict[UUID, Door], known: dict[UUID, HeldMethod]
) -> HeldMethod:
    was = known.get(row.method_id) if row.method_id else None
    lines = [line for line in row.lines if line.opens]
    by_provider = any(doors[line.door_id].makes_digits for line in lines) and row.mode == CODE
    return HeldMethod(
        id=row.method_id or uuid4(),
        mode=row.mode,
        doors=tuple(_held(line, doors[line.door_id]) for line in lines),
        created_at=was.created_at if was else NOW,
        system_id=row.system_id,
        digits=row.digits,
        by_provider=by_provider,
        asked_digits=asked.digits if row.mode == CODE else "",
        is_issued=was.is_issued if was else False,
        is_delivered=was.is_delivered if was else False,
        is_used=was.is_used if was else False,
    )


def _held(line: Line, door: Door) -> HeldDoor:
    return HeldDoor(
        door_id=line.door_id,
        door_name=line.door_name,
        zone=door.zone,
        window=line.window,
        also=line.also,
        is_online=door.is_online,
        is_device=door.is_device,
        writes_cards=door.writes_cards,
    )


def told(done: Plan) -> dict[tuple[str, AccessMethod], Action]:
    return {(line.door_name, line.mode): line.action for line in done.lines}


def digits_at(done: Plan, door: Door) -> str:
    return next(row.digits for row in done.rows if row.mode == CODE and door.id in row.door_ids)
