"""Who acts and who may read, in words that know no app above."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class Who:
    """Whoever did something: a user, an API key, a guest, a person at a lock, or the system."""

    kind: str
    id: str = ""
    name: str = ""


SYSTEM = Who(kind="system", name="Lockboard")


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What somebody may see: a workspace, and its properties (None: all)."""

    workspace_id: UUID
    property_ids: AbstractSet[UUID] | None


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where something happened, with the names of that moment."""

    property_id: UUID | None = None
    property_name: str = ""
    device_id: UUID | None = None
    device_name: str = ""
    account_id: UUID | None = None
    account_name: str = ""


NOWHERE = Place()
