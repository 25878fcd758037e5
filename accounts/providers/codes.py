"""Access codes in the driver contract: what a lock accepts, what is there, and the next step.

Codes are desired state. A driver never decides whether a code should exist; it says which one
call would bring a provider nearer to a wish (`next_step`, pure) and makes that call
(`take_step`). What it then knows goes into `seen`, a JSON mapping that the caller stores with
the code and hands in again; a listing renews it. So a crash after any step costs a look at the
listing and nothing else.

Two kinds of provider fit: those that make the digits (Salto KS: guest, PIN, membership), and
those that take ours (most keypads behind Seam).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from accounts.providers.base import LockSnapshot, Site

#: Characters of a ref: capital letters and digits that are not taken for one another.
REF_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
REF_LENGTH = 8


class CodeConstraint(StrEnum):
    """What digits or names a lock refuses. Seam's words (facts/seam.md, code_constraints)."""

    CANNOT_SPECIFY_PIN_CODE = "cannot_specify_pin_code"
    NO_ZEROS = "no_zeros"
    CANNOT_START_WITH_12 = "cannot_start_with_12"
    NO_TRIPLE_CONSECUTIVE_INTS = "no_triple_consecutive_ints"
    NO_ASCENDING_OR_DESCENDING_SEQUENCE = "no_ascending_or_descending_sequence"
    AT_LEAST_THREE_UNIQUE_DIGITS = "at_least_three_unique_digits"
    CANNOT_CONTAIN_089 = "cannot_contain_089"
    CANNOT_CONTAIN_0789 = "cannot_contain_0789"
    UNIQUE_FIRST_FOUR_DIGITS = "unique_first_four_digits"
    NO_ALL_SAME_DIGITS = "no_all_same_digits"
    NAME_MUST_BE_UNIQUE = "name_must_be_unique"
    #: The brand hands out codes from a list of its own.
    PIN_CODE_MATCHES_EXISTING_SET = "pin_code_matches_existing_set"
    START_DATE_IN_FUTURE = "start_date_in_future"


@dataclass(frozen=True, kw_only=True)
class CodeRules:
    """What one lock accepts, and how its provider behaves."""

    #: Supported numbers of digits.
    lengths: tuple[int, ...]
    constraints: frozenset[CodeConstraint] = frozenset()
    #: The provider starts the code at `starts_at` by itself, and may be told long before.
    native_start: bool = False
    #: The provider or lock ends it at `ends_at` without us.
    native_end: bool = False
    #: How long before `starts_at` a code is put there.
    lead: timedelta = timedelta(0)
    #: A listing may lag by this much. Nothing ambiguous is believed absent before it is over.
    settle: timedelta = timedelta(seconds=60)
    #: After the provider accepted it, until a lock that is online has it. None: the listing tells.
    propagation: timedelta | None = None
    #: Characters of a name the lock keeps, our ref included.
    name_length: int = 60
    #: Codes one lock holds, and None where the provider names no number.
    slots: int | None = None
    #: Each code takes one of the site's seats.
    takes_seat: bool = False
    #: One code may open several doors of the site, with one ref, one seat and the same digits:
    #: the driver is SharedCodes as well.
    can_share: bool = False
    #: The digits may be changed in place; else a change is a new code.
    can_change_digits: bool = False
    has_backup_pool: bool = False
    #: Times are kept to this many seconds: starts are rounded down, ends up.
    granularity_seconds: int = 60

    @property
    def digits_by_provider(self) -> bool:
        return CodeConstraint.CANNOT_SPECIFY_PIN_CODE in self.constraints


@dataclass(frozen=True, kw_only=True)
class CodeWish:
    """One code as it shall be at the provider. `name` begins with the ref and fits the lock."""

    ref: str
    name: str
    lock_id: str
    lock_name: str
    starts_at: datetime | None
    ends_at: datetime | None
    #: Empty where the provider makes them.
    digits: str = field(default="", repr=False)
    #: True once the moment has come at which the lock may know it (`starts_at` minus `lead`).
    is_due: bool = True
    #: True where the provider's digits were lost before anybody was told: make new ones.
    wants_new_digits: bool = False


class ListedState(StrEnum):
    """How far a listed code is on its lock, where the provider says so."""

    PENDING = "pending"
    SET = "set"
    REMOVING = "removing"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class ListedCode:
    """One code (Salto KS: one user with a PIN) as a listing showed it."""

    remote_id: str
    name: str
    #: Read from the name; empty where it does not begin with one.
    ref: str = ""
    #: Who it belongs to in the event feed (`FeedEntry.person_id`).
    person_id: str = ""
    #: The locks it opens among those looked at; None where none of them was looked at. For
    #: codes with a ref of ours: by the doors' own set-up only, which is ours to change.
    lock_ids: tuple[str, ...] | None = None
    state: ListedState = ListedState.UNKNOWN
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    #: Salto KS: it has no seat and opens nothing, although every call said yes.
    is_suspended: bool = False
    #: Only where the provider shows digits.
    digits: str = field(default="", repr=False)
    error_code: str = ""
    error: str = ""
    #: Whether it has digits that only their maker was ever told. None: not looked.
    has_digits: bool | None = None
    #: More than a code: somebody's account at the provider, which goes with it.
    is_person: bool = False
    #: What is true about it, for `next_step`. JSON; goes over what was stored, key by key.
    seen: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class CodeListing:
    """All codes of a site at one moment."""

    codes: tuple[ListedCode, ...]
    #: When it was asked for. What was written after this may be missing.
    asked_at: datetime
    #: False where pages are missing: nothing may be concluded from an absence.
    is_complete: bool = True
    #: Lines that could not be read.
    unreadable: int = 0
    #: All lines the provider sent, those included that are no codes: an answer without any is
    #: no proof that there are none.
    lines: int = 0
    seats_used: int | None = None
    seats_total: int | None = None
    #: What is true about the doors' own set-up, by lock id, where looked at. JSON; replaces
    #: what was stored.
    doors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class StepDone:
    """What a step brought. Store `seen` and `digits` in one transaction."""

    #: Replaces what was seen of the code.
    seen: Mapping[str, Any] = field(repr=False)
    #: Replaces what was seen of its door.
    door: Mapping[str, Any] = field(repr=False)
    #: Which code at the provider it is, and whose in its feed; empty where the step made none.
    remote_id: str = ""
    person_id: str = ""
    #: Digits the provider made in this step: shown once, never again.
    digits: str = field(default="", repr=False)
    #: The step looked whether there are digits that only their maker was told. None: it did not.
    has_digits: bool | None = None
    #: The provider said yes, but gave it no seat: it opens nothing.
    is_suspended: bool = False


@runtime_checkable
class AccessCodes(Protocol):
    """Codes on locks. One call per method, but for `list_codes`, which pages.

    Raises ProviderError. A code that is already gone counts as removed. `Code.NOT_READY` means:
    the provider has not caught up with an earlier step, try again in some seconds.
    """

    def code_rules(self, lock: LockSnapshot, site: Site | None = None) -> CodeRules | None:
        """Return what this lock accepts, or None if it takes no codes. Pure."""

    def why_no_codes(self, lock: LockSnapshot, site: Site | None = None) -> str:
        """Return in a sentence why this lock takes no codes, or "" if it does. Pure."""

    def list_codes(
        self,
        site_id: str,
        *,
        doors: Mapping[str, Mapping[str, Any]],
        unsure: Collection[str] = (),
        is_deep: bool = False,
    ) -> CodeListing:
        """Return all codes of a site.

        `doors`: locks whose own set-up shall be looked at too, with what was last seen of each.
        A new door's is `{"ref": CodeDoor.ref}`. `unsure`: refs of codes whose last step had no
        clear answer, to be looked at closely. `is_deep`: look wherever codes that are not ours
        may be, to learn which doors they open; costs many calls, for now and then.
        """

    def next_step(self, wish: CodeWish, seen: Mapping[str, Any], door: Mapping[str, Any]) -> str:
        """Return the name of the call that is next for this wish, or "" if nothing is. Pure."""

    def creates(self, step: str) -> bool:
        """Tell whether a step must not be repeated before a listing showed what came of it."""

    def is_of_door(self, step: str) -> bool:
        """Tell whether a step sets up the door, for all its codes, and not this one."""

    def digits_end(self, seen: Mapping[str, Any]) -> datetime | None:
        """Return when a code's digits end, however long its window. None: not known, or never.

        A window beyond it needs new digits. Pure.
        """

    def take_step(
        self,
        step: str,
        site_id: str,
        wish: CodeWish,
        seen: Mapping[str, Any],
        door: Mapping[str, Any],
        *,
        budget_seconds: float,
        request_id: str,
    ) -> StepDone:
        """Make that one call."""

    def remove_code(
        self,
        site_id: str,
        lock_id: str,
        remote_id: str,
        *,
        budget_seconds: float,
        request_id: str,
    ) -> None:
        """Make the one call that takes a code away. Gone already is as good."""


@runtime_checkable
class SharedCodes(AccessCodes, Protocol):
    """Codes that open several doors of a site (`CodeRules.can_share`).

    Each door has a wish of its own, with the ref, name, times and `seen` of the others. The code
    is made by whichever comes first; `remove_code` takes it from all doors.
    """

    def is_shared(self, step: str) -> bool:
        """Tell whether a step is about the code, once for all its doors. Pure."""

    def leave_door(
        self,
        site_id: str,
        seen: Mapping[str, Any],
        door: Mapping[str, Any],
        *,
        budget_seconds: float,
        request_id: str,
    ) -> Mapping[str, Any]:
        """Make the one call that takes a code off one door, and return what is seen of the door.

        It stays at its other doors. Off already is as good. What came of it, a listing of that
        door tells (`ListedCode.lock_ids`).
        """


def ref_of(name: str) -> str:
    """Return the ref a name begins with, or ""."""
    ref, _, rest = name.partition(" ")
    is_ref = len(ref) == REF_LENGTH and not set(ref) - set(REF_ALPHABET)
    return ref if is_ref and (rest or len(name) == REF_LENGTH) else ""


def named(ref: str, name: str, length: int) -> str:
    """Return the name to send: the ref, then as much of the name as the lock keeps."""
    return f"{ref} {name}"[:length].strip()
