"""What is asked for: who, when, how, and under which reservation."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from accounts.providers.codes import CodeRules
from accounts.providers.systems import AccessMethod
from locks.codes.rules import Window

#: Tells whether nobody else opens this door with these digits around this window. Codes of this
#: person do not count (the planner knows them), unless their removal is not confirmed yet.
IsFree = Callable[[UUID, str, Window], bool]
#: Makes new digits that fit these rules. Raises RuleError where none do.
MakeDigits = Callable[[CodeRules], str]


class Policy(StrEnum):
    """How many of the methods asked for each door gets, in their order."""

    FIRST = "first"
    TWO = "two"
    ALL = "all"

    @property
    def most(self) -> int:
        return {Policy.FIRST: 1, Policy.TWO: 2, Policy.ALL: len(AccessMethod)}[self]


@dataclass(frozen=True, kw_only=True)
class Request:
    """One method asked for. Digits are a wish, and only for codes."""

    mode: AccessMethod
    digits: str = field(default="", repr=False)
    #: How often an instant key may be opened; for mobile keys.
    instant_key_max_use_count: int = 1


@dataclass(frozen=True, kw_only=True)
class Person:
    """Who gets in. `id` is None for somebody who is made with the grant."""

    id: UUID | None = None
    has_email: bool = False
    phone: str = field(default="", repr=False)
    #: Staff belong to no reservation.
    is_staff: bool = False


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """What other grants have made of a reservation key so far."""

    #: The doors its first grant fixed.
    door_ids: frozenset[UUID] = frozenset()
    #: Whether that first grant is the one being planned.
    is_first: bool = False
    #: When its other grants are valid.
    windows: tuple[Window, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A grant as somebody wants it. `ends_at` None: with no end."""

    person: Person
    starts_at: datetime
    ends_at: datetime | None
    requests: tuple[Request, ...]
    policy: Policy = Policy.ALL
    #: The grant that is changed; None for a new one.
    grant_id: UUID | None = None
    #: Which other grant has the same access_grant_key already.
    key_taken_by: UUID | None = None
    reservation_key: str = ""
    #: None where no grant has this key.
    reservation: Reservation | None = None

    def request(self, mode: AccessMethod) -> Request | None:
        return next((each for each in self.requests if each.mode == mode), None)

    @property
    def window(self) -> Window:
        return Window(self.starts_at, self.ends_at)

    @property
    def digits(self) -> str:
        request = self.request(AccessMethod.CODE)
        return request.digits if request else ""
