"""What a plan says: a row per method, a line per door of it, warnings, and what is wrong."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from accounts.providers.systems import AccessMethod
from locks.codes.rules import Window


class Action(StrEnum):
    CREATE = "create"
    KEEP = "keep"
    #: Changed where nobody was given it yet: nothing is taken back.
    CHANGE = "change"
    #: Revoked and given out again, as Seam does with new times (facts/seam.md 7.5, rule 8).
    REISSUE = "reissue"
    REVOKE = "revoke"


class Source(StrEnum):
    """Where digits come from."""

    ASKED = "asked"
    #: Of this very grant.
    KEPT = "kept"
    #: Of another grant of the same person.
    REUSED = "reused"
    MADE = "made"
    PROVIDER = "provider"


class Need(StrEnum):
    """What a person at the desk has to do."""

    NOTHING = ""
    ENCODING = "encoding"
    ASSIGNMENT = "assignment"


class WarningCode(StrEnum):
    """Seam's words (facts/seam.md 8)."""

    REQUESTED_CODE_UNAVAILABLE = "requested_code_unavailable"
    DEVICE_DOES_NOT_SUPPORT_ACCESS_CODES = "device_does_not_support_access_codes"
    DEVICE_TIME_CONSTRAINTS_VIOLATED = "device_time_constraints_violated"
    UPDATING_ACCESS_TIMES = "updating_access_times"
    #: Of a method, not of the grant.
    MISSING_EMAIL = "user_identity_missing_email_address"
    MISSING_PHONE = "user_identity_missing_phone_number"


class TimeReason(StrEnum):
    """Why a device refuses a window. Seam's words."""

    DURATION_EXCEEDS_MAX = "duration_exceeds_max"
    TIMES_DO_NOT_MATCH_SLOTS = "times_do_not_match_slots"
    ONGOING_NOT_SUPPORTED = "ongoing_not_supported"


@dataclass(frozen=True, kw_only=True)
class GrantWarning:
    """Something the grant will not do as asked. It does not prevent saving."""

    code: WarningCode
    sentence: str
    #: Seam's fields of this warning, beside code and message. Digits are among them.
    fields: tuple[tuple[str, str | tuple[str, ...]], ...] = field(default=(), repr=False)
    #: `new_code` is empty until the provider has made it: tell the API no sooner.
    awaits_digits: bool = False

    @property
    def device_id(self) -> str:
        return str(dict(self.fields).get("device_id", ""))

    def as_seam(self) -> dict[str, object]:
        """Return it as Seam does, but for `created_at`."""
        told = {k: list(v) if isinstance(v, tuple) else v for k, v in self.fields}
        return {"warning_code": self.code.value, "message": self.sentence, **told}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What prevents saving. `status`: what the API answers."""

    field: str
    sentence: str
    status: int = 400


@dataclass(frozen=True, kw_only=True)
class Line:
    """What happens at one door by one method."""

    door_id: UUID
    door_name: str
    mode: AccessMethod
    action: Action
    #: As it will be stored, rounded; of a revoked one: as it was.
    window: Window
    was: Window | None = None
    #: What other grants of the person go on wanting here.
    also: Window | None = None
    #: This grant gives it up; it goes on for those others.
    is_left: bool = False
    #: For people, in the property's time.
    sentence: str = ""
    notes: tuple[str, ...] = ()

    @property
    def opens(self) -> bool:
        """Whether this grant opens the door by it from now on."""
        return self.action != Action.REVOKE and not self.is_left


@dataclass(frozen=True, kw_only=True)
class Row:
    """One access method as it will be stored."""

    mode: AccessMethod
    action: Action
    #: None: to be made.
    method_id: UUID | None
    lines: tuple[Line, ...]
    system_id: UUID | None = None
    #: Empty where the provider makes them, or it is no code.
    digits: str = field(default="", repr=False)
    source: Source | None = None
    #: The method of another grant these digits are from.
    source_id: UUID | None = None
    #: The provider makes new digits for an existing method.
    wants_new_digits: bool = False
    need: Need = Need.NOTHING
    #: It belongs to another grant of the same person, which keeps it.
    is_joined: bool = False
    instant_key_max_use_count: int | None = None

    @property
    def door_ids(self) -> frozenset[UUID]:
        """The doors it opens for this grant; none where the grant gives it up."""
        return frozenset(each.door_id for each in self.lines if each.opens)


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A door that nothing asked for opens."""

    door_id: UUID
    door_name: str
    sentence: str
    is_device: bool


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything a grant, or a change of one, will do."""

    rows: tuple[Row, ...] = ()
    warnings: tuple[GrantWarning, ...] = ()
    problems: tuple[Problem, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    #: What to know besides, a sentence each.
    notes: tuple[str, ...] = ()
    #: Devices before and after, where these change (Seam: updating_spaces).
    devices_before: frozenset[UUID] = frozenset()
    devices_after: frozenset[UUID] = frozenset()

    @property
    def lines(self) -> Iterator[Line]:
        return (line for row in self.rows for line in row.lines)

    @property
    def is_savable(self) -> bool:
        return not self.problems

    @property
    def status(self) -> int:
        """What the API answers: 200, 400, or 409 where all that is wrong is a conflict."""
        return min((each.status for each in self.problems), default=200)

    @property
    def missing_device_ids(self) -> tuple[UUID, ...]:
        """Devices that nothing opens (Seam: cannot_create_requested_access_methods)."""
        return tuple(each.door_id for each in self.left_out if each.is_device)

    @property
    def changes_nothing(self) -> bool:
        return all(line.action == Action.KEEP and line.opens for line in self.lines)
