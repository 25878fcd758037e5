"""What is known at one moment: the reconciler's rows, without the database.

Everything that is decided about codes is decided from these, so that the same rules run in
production and, thousands of times faster, in the simulator (tests/locks/codes/sim).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from accounts.providers.codes import CodeRules, CodeWish, named
from locks.codes.states import GONE_PHASES, CodePhase, CodeStatus, SecretState

#: How long one call to a provider may take.
CALL_SECONDS = 10.0
CALL = timedelta(seconds=CALL_SECONDS)

#: For a door whose lock takes no codes (any more), while some are taken away.
NO_RULES = CodeRules(lengths=())


@dataclass(frozen=True, kw_only=True)
class KnownCode:
    """One row of AccessCode; the columns are explained there."""

    id: UUID
    device_id: UUID
    is_managed: bool = True
    created_at: datetime
    # --- desired ---
    name: str
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    revoked_at: datetime | None = None
    #: Only where the caller chooses them.
    digits: str = field(default="", repr=False)
    secret_state: str = SecretState.NONE
    delivered_at: datetime | None = None
    allows_external_modification: bool = False
    generation: int = 1
    # --- reported ---
    status: str = CodeStatus.UNSET
    phase: str = CodePhase.WAITING
    observed_generation: int = 0
    ref: str
    remote_id: str = ""
    person_id: str = ""
    seen: Mapping[str, Any] = field(default_factory=dict, repr=False)
    ambiguous_since: datetime | None = None
    written_at: datetime | None = None
    setting_since: datetime | None = None
    accepted_at: datetime | None = None
    effective_at: datetime | None = None
    effective_evidence: str = ""
    has_native_end: bool = False
    reported_starts_at: datetime | None = None
    reported_ends_at: datetime | None = None
    reported_name: str = ""
    last_seen_at: datetime | None = None
    missing_listings: int = 0
    missing_since: datetime | None = None
    removal_accepted_at: datetime | None = None
    removed_in_cloud_at: datetime | None = None
    removed_at: datetime | None = None
    next_run_at: datetime | None = None
    attempts: int = 0
    error_code: str = ""
    error: str = ""
    warnings: tuple[Mapping[str, str], ...] = ()
    overdue_since: datetime | None = None
    alerted_at: datetime | None = None
    escalated_at: datetime | None = None
    #: Empty, or one guest at the provider for all codes of the site with this key.
    shared_key: str = ""
    #: The other codes of its guest, those that are gone left out unless it is gone too.
    others: tuple["KnownCode", ...] = field(default=(), repr=False, compare=False)

    @property
    def is_gone(self) -> bool:
        return self.phase in GONE_PHASES

    def is_wanted(self, at: datetime) -> bool:
        return self.revoked_at is None and (self.ends_at is None or at < self.ends_at)

    @property
    def is_ours_to_change(self) -> bool:
        """Codes found at the provider are left alone until a person wants them gone."""
        return self.is_managed or self.revoked_at is not None

    @property
    def unwanted_since(self) -> datetime | None:
        """From when it shall be gone: revoked, or its window over; None for never."""
        return min(filter(None, [self.revoked_at, self.ends_at]), default=None)

    @property
    def was_told(self) -> bool:
        """Whether somebody has its digits, from whichever door's code."""
        return any(each.delivered_at is not None for each in (self, *self.others))

    def is_kept_for_others(self, at: datetime) -> bool:
        """Whether its guest stays at the provider when this code goes."""
        return any(other.is_wanted(at) for other in self.others)

    def is_outlived(self, at: datetime) -> bool:
        """Whether another code sees to it that the guest goes, if it shall. False for one.

        Of those that shall all be gone, it is the one that was wanted longest.
        """
        mine = self.unwanted_since, self.id
        return self.is_kept_for_others(at) or any(
            (other.unwanted_since, other.id) > mine
            for other in self.others
            if self.is_gone or not other.is_gone
        )

    def ended_by_itself(self, at: datetime) -> bool:
        """Whether the lock itself no longer takes it, whatever the provider lists."""
        ends_at = self.reported_ends_at if self.has_native_end else None
        return ends_at is not None and ends_at <= at


@dataclass(frozen=True, kw_only=True)
class KnownDoor:
    """One door as far as codes go: what its lock accepts, what is set up, whether it is heard."""

    id: UUID
    lock_id: str
    lock_name: str
    rules: CodeRules | None
    #: In a sentence, where `rules` is None.
    why_no_codes: str = ""
    seen: Mapping[str, Any] = field(default_factory=dict, repr=False)
    ambiguous_since: datetime | None = None
    written_at: datetime | None = None
    ready_at: datetime | None = None
    looked_at: datetime | None = None
    #: Of the lock and its hub together; None: the provider does not say.
    is_online: bool | None = None
    online_since: datetime | None = None
    #: When the provider was last asked whether it is online.
    polled_at: datetime | None = None
    #: Codes known to be on the lock, for those that hold a number of them only.
    codes_on_it: int = 0

    @property
    def lives_by(self) -> CodeRules:
        return self.rules or NO_RULES


@dataclass(frozen=True, kw_only=True)
class KnownSite:
    """One site of the account, and how the account is doing."""

    id: UUID
    remote_id: str = ""
    #: The provider's name, as people know it.
    label: str = ""
    #: Nothing may be asked: a person has to sign in again first.
    is_silent: bool = False
    seats_used: int | None = None
    seats_total: int | None = None
    #: Lines of the last good listing, and the thin ones since (reliability CODE-06).
    codes_listed: int | None = None
    thin_code_listings: int = 0
    thin_codes_since: datetime | None = None

    @property
    def is_full(self) -> bool:
        known = self.seats_used is not None and self.seats_total is not None
        return known and (self.seats_used or 0) >= (self.seats_total or 0)

    @property
    def is_nearly_full(self) -> bool:
        total = self.seats_total
        return total is not None and (self.seats_used or 0) >= total * NEARLY_FULL


#: From so many taken seats on people are warned (reliability CODE-12).
NEARLY_FULL = 0.8


class Planner(Protocol):
    """The pure part of a driver's AccessCodes."""

    def next_step(self, wish: CodeWish, seen: Mapping[str, Any], door: Mapping[str, Any]) -> str:
        """Return the call that is next, or ""."""

    def creates(self, step: str) -> bool:
        """Tell whether a step must not be repeated before a listing was seen."""

    def is_of_door(self, step: str) -> bool:
        """Tell whether a step sets up the door."""


def wish_of(code: KnownCode, door: KnownDoor, now: datetime) -> CodeWish:
    rules = door.lives_by
    is_lost = code.secret_state == SecretState.LOST and not code.was_told
    return CodeWish(
        ref=code.ref,
        name=named(code.ref, code.name, rules.name_length),
        lock_id=door.lock_id,
        lock_name=door.lock_name,
        starts_at=code.starts_at,
        ends_at=code.ends_at,
        digits="" if rules.digits_by_provider else code.digits,
        is_due=code.starts_at is None or now >= code.starts_at - rules.lead,
        # Nobody was told the digits that were lost, so new ones surprise nobody.
        wants_new_digits=rules.digits_by_provider and is_lost,
    )
