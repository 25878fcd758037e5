"""The walk: what is looked at, in which order, until the first link that is broken. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from access.grants.standing import DoorStanding, GrantStanding
from access.models import AccessGrant, AcsEntrance, Delivery
from accounts.models import ConnectedAccount
from audit.models import Event
from locks.models import AccessCode, Device

#: A denial so long ago is not why they stand there now.
LOOKS_BACK = timedelta(hours=2)


class Mark(StrEnum):
    OK = "ok"
    #: Fine as far as is known, and that is not far enough to be sure.
    UNSURE = "unsure"
    BROKEN = "broken"
    UNCHECKED = "unchecked"


class Remedy(StrEnum):
    """What may mend a link. Where it leads is said in `remedies`."""

    CHANGE = "change"
    EXTEND = "extend"
    NEW = "new"
    UNDO = "undo"
    ENCODE = "encode"
    MESSAGE = "message"
    PUSH = "push"
    SYNC = "sync"
    LOOK = "look"
    DOOR = "door"
    HOLDER = "holder"
    RECONNECT = "reconnect"
    LOG = "log"


@dataclass(frozen=True)
class Fix:
    remedy: Remedy
    #: What it is done to: a code, a door, an account, somebody in a system.
    thing: Any = None
    more: str = ""


@dataclass(frozen=True)
class Finding:
    mark: Mark
    sentence: str
    fixes: tuple[Fix, ...] = ()


@dataclass(frozen=True)
class Step:
    key: str
    title: str
    finding: Finding

    @property
    def mark(self) -> Mark:
        return self.finding.mark


@dataclass(frozen=True, kw_only=True)
class Case:
    """A stay, the doors of it that are looked at, and all that is known of them."""

    standing: GrantStanding
    #: Ways in that are wanted, at the doors looked at.
    ways: Sequence[DoorStanding]
    #: Doors looked at that nothing opens: name and why.
    left_out: Sequence[tuple[str, str]]
    #: Newest first.
    deliveries: Sequence[Delivery]
    #: Newest first: denials at these doors within `LOOKS_BACK`.
    denied: Sequence[Event]
    now: datetime

    @property
    def grant(self) -> AccessGrant:
        return self.standing.grant

    @property
    def codes(self) -> list[AccessCode]:
        return [each.door.code for each in self.ways if each.door.code is not None]

    @property
    def things(self) -> list[Device | AcsEntrance]:
        """The doors themselves, each once."""
        found = {each.door.door_id: each.door.device or each.door.entrance for each in self.ways}
        return [each for each in found.values() if each is not None]

    @property
    def accounts(self) -> list[ConnectedAccount]:
        found = [
            each.account if isinstance(each, Device) else each.system.account
            for each in self.things
        ]
        return list({each.pk: each for each in found}.values())


Check = Callable[[Case], Finding]


def ok(sentence: str) -> Finding:
    return Finding(Mark.OK, sentence)


def unsure(sentence: str, *fixes: Fix) -> Finding:
    return Finding(Mark.UNSURE, sentence, fixes)


def broken(sentence: str, *fixes: Fix) -> Finding:
    return Finding(Mark.BROKEN, sentence, fixes)


def worst(found: Sequence[Finding], fine: str) -> Finding:
    """Return the first that is broken, else the first that is unsure, else that all is fine."""
    for mark in (Mark.BROKEN, Mark.UNSURE):
        if bad := [each for each in found if each.mark == mark]:
            return bad[0]
    return ok(fine)


_NOT_CHECKED = Finding(Mark.UNCHECKED, "Not checked: mend the link above first.")


def walk(case: Case, links: Sequence[tuple[str, str, Check]]) -> list[Step]:
    """Look at link after link; what comes after the first broken one is not looked at."""
    steps: list[Step] = []
    is_broken = False
    for key, title, check in links:
        finding = _NOT_CHECKED if is_broken else check(case)
        steps.append(Step(key, title, finding))
        is_broken = is_broken or finding.mark == Mark.BROKEN
    return steps
