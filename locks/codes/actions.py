"""What the reconciler may do: change rows, or make one call."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from accounts.providers.codes import CodeWish, ListedCode
from audit.words import Verb
from locks.codes.known import KnownCode, KnownDoor


class Shares(StrEnum):
    """What of a change is true of every code of a shared guest (`family`)."""

    NOTHING = ""
    #: The guest itself: who it is there, what was seen of it, its digits.
    GUEST = "guest"
    #: A call for the guest failed: it is tried again once, not once a door.
    FAILURE = "failure"
    #: The guest's removal was accepted, and so that of all who shall be gone with it.
    REMOVAL = "removal"


@dataclass(frozen=True, kw_only=True)
class Change:
    """New values for the reported columns of one code, and what to write about it.

    `facts` are true whatever is wished by now. `marks` say how far the wish of `generation`
    is, and are dropped when the wish has changed meanwhile (reliability CODE-15); so are
    `moment` and `verb`, unless there are no marks.
    """

    code: KnownCode
    facts: Mapping[str, Any] = field(default_factory=dict)
    marks: Mapping[str, Any] = field(default_factory=dict)
    #: A line of the time line: a stable word, and a sentence.
    moment: tuple[str, str] | None = None
    #: When that happened, where it was before it was noticed.
    happened_at: datetime | None = None
    #: A line of the log.
    verb: Verb | None = None
    #: Digits that the provider made: stored with the rest, or lost for ever.
    digits: str = field(default="", repr=False)
    #: The moment of the intent that this answers. Dropped as a whole if another stands there:
    #: somebody else has taken over meanwhile.
    answers: datetime | None = None
    #: A mail to the people who look after the building.
    escalates: bool = False
    #: Written to the other codes of the same guest too, in the same transaction.
    shares: Shares = Shares.NOTHING
    #: Digits are those of this code of the same guest.
    digits_of: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class DoorChange:
    door: KnownDoor
    columns: Mapping[str, Any]
    #: As in Change.
    answers: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class SiteChange:
    columns: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class NoteUnmanaged:
    """A code that nobody made here, on one lock."""

    listed: ListedCode = field(repr=False)
    lock_id: str


@dataclass(frozen=True, kw_only=True)
class TakeStep:
    """Make the one call that brings a code nearer to its wish."""

    code: KnownCode
    door: KnownDoor
    wish: CodeWish = field(repr=False)
    step: str
    creates: bool
    is_of_door: bool
    #: It is about the guest that several codes share.
    is_of_guest: bool = False


@dataclass(frozen=True, kw_only=True)
class Remove:
    """Make the one call that takes a code away, or a second copy of one (`is_extra`).

    `only_here`: from this door; its guest stays for the other codes.
    """

    code: KnownCode
    door: KnownDoor
    remote_id: str
    is_extra: bool = False
    only_here: bool = False


Noted = Change | DoorChange | SiteChange | NoteUnmanaged
Call = TakeStep | Remove
Action = Noted | Call

#: Which code and door an id belongs to.
Codes = Mapping[UUID, KnownCode]
Doors = Mapping[UUID, KnownDoor]
