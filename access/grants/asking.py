"""A grant as somebody wants it, before anything is planned."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from access.models.grants import Source
from access.planning.asked import Policy, Request
from audit.who import Who

if TYPE_CHECKING:
    from accounts.models import Space, User
    from accounts.permissions import Permission


@dataclass(frozen=True, kw_only=True)
class Guest:
    """Who gets in: somebody known, by `id`; else details of somebody to be found or made.

    Somebody is found by e-mail, else by phone: both are unique in a workspace.
    """

    id: UUID | None = None
    full_name: str = ""
    email: str = ""
    phone: str = ""
    language: str = ""
    #: Seam: user_identity_key.
    key: str = ""
    is_staff: bool = False


class TargetKind(StrEnum):
    DEVICE = "device"
    #: All doors inside, now and later.
    SPACE = "space"
    ENTRANCE = "entrance"


@dataclass(frozen=True)
class Target:
    kind: TargetKind
    id: UUID

    @property
    def key(self) -> str:
        """`space:6ba7…`, as forms have it."""
        return f"{self.kind}:{self.id}"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Who, where, when and how."""

    property: Space
    guest: Guest
    #: In walking order.
    targets: tuple[Target, ...]
    starts_at: datetime
    #: None: no end.
    ends_at: datetime | None
    requests: tuple[Request, ...]
    policy: Policy = Policy.ALL
    name: str = ""
    note: str = ""
    #: Seam: access_grant_key.
    key: str = ""
    reservation_key: str = ""
    source: Source = Source.DESK


class By(Protocol):
    """Whoever acts. An Actor is one."""

    @property
    def who(self) -> Who: ...

    @property
    def user(self) -> User | None: ...

    def require(self, permission: Permission, property_id: UUID | None = None) -> None: ...


@dataclass(frozen=True)
class Ours:
    """The system itself, acting for a calendar or for a rule of its own."""

    name: str = "Lockboard"
    user: None = None

    @property
    def who(self) -> Who:
        return Who(kind="system", name=self.name)

    def require(self, permission: Permission, property_id: UUID | None = None) -> None:
        """Whoever set the rule up had the permission."""
