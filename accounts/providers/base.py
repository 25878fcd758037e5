"""The driver contract: what Lockboard asks of a provider, and what comes back.

A driver speaks to one provider on behalf of one connected account. It never touches the
database, never sleeps but between looks at a command, never repeats a physical command. It returns the frozen classes
below and raises `ProviderError` and its kin, and nothing else.

`None` means *the provider does not say*; an `unknown` member means *it says something we
have no word for*, and the raw word is kept in `raw`.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

# --- errors -------------------------------------------------------------------------


class Reach(StrEnum):
    """How far a request provably got. Decides what a failed command is called."""

    #: No byte of the request left: name, connection or TLS failed, or no time was left.
    NOT_SENT = "not_sent"
    #: The provider answered and said no before acting.
    REFUSED = "refused"
    #: It may have been carried out: timeout after sending, 5xx, reset, unreadable answer.
    UNCERTAIN = "uncertain"


class ProviderError(Exception):
    """Anything a provider or the way to it did wrong.

    `str(error)` is a sentence for people: no secret, no raw body. `code` is a stable word
    for programs (see `Code`).
    """

    reach: Reach = Reach.REFUSED
    default_code = "provider_error"

    def __init__(self, message: str, *, code: str = "", status: int | None = None) -> None:
        super().__init__(message)
        self.code = code or self.default_code
        self.status = status


class UnreachableError(ProviderError):
    """No byte of the request left this machine."""

    reach = Reach.NOT_SENT
    default_code = "unreachable"


class UncertainError(ProviderError):
    """Sent, and nobody can say whether it was carried out."""

    reach = Reach.UNCERTAIN
    default_code = "no_answer"


class UnexpectedReplyError(UncertainError):
    """An answer in a shape we do not know."""

    default_code = "unexpected_reply"


class AuthError(ProviderError):
    """The credentials are refused; only a person can mend it (`reconnect_required`)."""

    default_code = "unauthorized"


class MissingScopeError(ProviderError):
    """The credentials are good, but not for this."""

    default_code = "missing_scope"

    def __init__(self, message: str, *, scope: str = "", status: int | None = 403) -> None:
        super().__init__(message, status=status)
        self.scope = scope


class RateLimitError(ProviderError):
    default_code = "rate_limited"

    def __init__(self, message: str, *, retry_after_seconds: float) -> None:
        super().__init__(message, status=429)
        self.retry_after_seconds = retry_after_seconds


class NotYetError(RateLimitError):
    """We hold the request back ourselves: the account's share of requests is used up for now.

    The provider was not asked, so this says nothing about its health.
    """

    reach = Reach.NOT_SENT
    default_code = "held_back"

    def __init__(self, *, retry_after_seconds: float) -> None:
        seconds = max(1, math.ceil(retry_after_seconds))
        super().__init__(
            f"Too many requests at once, try again in {seconds} s", retry_after_seconds=seconds
        )
        self.status = None


class RefusedError(ProviderError):
    """The provider said no. `code` says why: see `Code`."""

    default_code = "refused"


class UnsupportedError(RefusedError):
    """This provider, dialect or lock cannot do that."""

    default_code = "not_supported"


class Code(StrEnum):
    """The words drivers use in `ProviderError.code` where the cause matters to a reader."""

    UNREACHABLE = "unreachable"
    NO_ANSWER = "no_answer"
    UNEXPECTED_REPLY = "unexpected_reply"
    UNAUTHORIZED = "unauthorized"
    ADDON_OFF = "addon_off"  # token endpoint said 400: the Connect API add-on is off
    MISSING_SCOPE = "missing_scope"
    RATE_LIMITED = "rate_limited"
    HELD_BACK = "held_back"  # by ourselves; see NotYetError
    OFFLINE_OR_UNSUPPORTED = "device_offline"  # 422 and its like
    NOT_SUPPORTED = "not_supported"
    NOT_FOUND = "not_found"
    OTP_REQUIRED = "otp_required"
    OTP_INVALID = "otp_invalid"
    OTP_BLOCKED = "otp_blocked"
    NOT_ACTIVATED = "otp_not_activated"
    ALREADY_ACTIVATED = "otp_already_activated"  # its secret cannot be shown a second time
    COMMAND_FORBIDDEN = "command_forbidden"
    PRIVACY_MODE = "privacy_mode"
    SUBSCRIPTION_ENDED = "subscription_ended"
    SITE_NOT_RELEASED = "site_not_released"
    REFUSED = "refused"
    # access codes
    NOT_READY = "not_ready"  # an earlier step has not reached everywhere yet
    NO_SEAT = "salto_ks_subscription_limit_exceeded"
    NO_SPACE = "no_space_for_access_code_on_device"
    DUPLICATE_CODE = "duplicate_code_on_device"
    CONSTRAINTS_VIOLATED = "code_constraints_violated"
    NO_KEYPAD = "no_keypad"
    NOT_UPDATED = "failed_to_update"  # it said yes, and shows the old value
    # users of access control systems
    WRONG_NAME = "name_not_accepted"
    WRONG_EMAIL = "email_not_accepted"  # the usual cause: another user has it
    WRONG_PHONE = "phone_not_accepted"
    WRONG_TIMES = "times_not_accepted"


@dataclass(frozen=True, kw_only=True)
class Advice:
    """What the account page says about a trouble: what it is, and what a person can do."""

    title: str
    fix: str


# --- what comes back ------------------------------------------------------------------


class LockState(StrEnum):
    LOCKED = "locked"
    UNLOCKED = "unlocked"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Site:
    """A building or group of doors at the provider that is operated as one."""

    remote_id: str
    name: str
    uid: str = ""
    time_zone: str = ""
    country_code: str = ""
    is_released: bool | None = None
    subscription_valid: bool | None = None
    pin_enabled: bool | None = None
    seats_used: int | None = None
    seats_total: int | None = None


@dataclass(frozen=True, kw_only=True)
class Hub:
    """What connects locks to the cloud (Salto: an IQ)."""

    remote_id: str
    name: str
    is_online: bool | None
    otp_enabled: bool | None
    raw: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class LockTrouble:
    """Something the provider says is wrong with a lock, besides what has a field of its own."""

    #: The provider's word.
    code: str
    #: A sentence for people.
    text: str
    #: With this, opening from afar is likely to be refused.
    hinders_opening: bool = False


@dataclass(frozen=True, kw_only=True)
class LockSnapshot:
    """One lock as the provider described it at `observed_at`."""

    remote_id: str
    name: str
    model: str
    state: LockState
    is_online: bool | None
    battery_percent: int | None
    observed_at: datetime
    office_mode: bool | None = None
    privacy_mode: bool | None = None
    door_open: bool | None = None
    left_open_alarm: bool | None = None
    intrusion_alarm: bool | None = None
    has_keypad: bool = False
    can_unlock: bool = True
    #: True where a command makes it locked now: ends office mode, or the legacy dialect's lock.
    can_lock: bool = False
    can_office_mode: bool = False
    hub_remote_id: str = ""
    hub_name: str = ""
    floor: str = ""
    troubles: tuple[LockTrouble, ...] = ()
    #: Words the provider used that we have no member for, by field.
    unknown_words: dict[str, str] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class RemoteUser:
    """A person known to the provider's site. Read only."""

    remote_id: str
    person_id: str
    name: str
    email: str = ""
    roles: tuple[str, ...] = ()
    subscription_state: str = ""
    is_blocked: bool | None = None
    can_open_remotely: bool | None = None
    raw: dict[str, Any] = field(default_factory=dict, repr=False)


class EntryKind(StrEnum):
    """What a feed row tells. The provider's own word stays in `raw`."""

    OPENED = "opened"
    REJECTED = "rejected"
    OFFICE_MODE_STARTED = "office_mode_started"
    OFFICE_MODE_ENDED = "office_mode_ended"
    PRIVACY_STARTED = "privacy_started"
    PRIVACY_ENDED = "privacy_ended"
    LOCKED = "locked"
    ALARM = "alarm"
    ALARM_ENDED = "alarm_ended"
    CONNECTION_LOST = "connection_lost"
    CONNECTION_RESTORED = "connection_restored"
    LOW_BATTERY = "low_battery"
    NOTICE = "notice"  # worth a line, asks for nothing: a lock's clock was set
    UNKNOWN = "unknown"


class EntryHow(StrEnum):
    CODE = "code"
    CARD = "card"
    MOBILE_KEY = "mobile_key"
    INSIDE = "inside"
    REMOTE = "remote"
    SCHEDULE = "schedule"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class FeedEntry:
    """One readable line of the provider's audit feed."""

    remote_id: str
    occurred_at: datetime
    lock_id: str
    lock_name: str
    kind: EntryKind
    how: EntryHow
    person_id: str = ""
    person_name: str = ""
    detail: str = ""
    raw: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class UnreadableEntry:
    """A line of the feed that could not be read. `fingerprint` recognises it next time."""

    fingerprint: str
    reason: str
    raw_text: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Feed:
    """The lines since a moment, oldest first, and what could not be read or reached."""

    entries: tuple[FeedEntry, ...]
    unreadable: tuple[UnreadableEntry, ...] = ()
    #: Set where lines between two moments may be missing; tells why.
    gap_reason: str = ""
    #: The route that answered (`entries`, `audit-trails`, `audit/log`); kept on the account.
    route: str = ""
    #: False where newer lines wait: ask again from the newest one. No line is lost by that.
    is_complete: bool = True


@dataclass(frozen=True, kw_only=True)
class AccountIdentity:
    """Who an account is at the provider, so that the same one connected twice is noticed."""

    remote_id: str
    name: str = ""
    email: str = ""


class CheckResult(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    #: Nobody looked, or the provider does not say: neither good nor bad. `detail` says why.
    NOT_CHECKED = "not_checked"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One line of the live checks after a sign-in: what was looked at, and the fix in words."""

    key: str
    label: str
    result: CheckResult
    detail: str = ""
    fix: str = ""
    #: What will not work while it stays like this: a sentence.
    consequence: str = ""
    #: The sites it is about; none where it is about the login as a whole.
    site_ids: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Opening:
    """The provider's yes to a command."""

    #: How long the door stays released, where the provider or the dialect says; else None.
    released_seconds: float | None = None
    provider_ref: str = ""


# --- what goes in -----------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Token:
    """A bearer token. Its text never appears in a repr."""

    access_token: str = field(repr=False)
    expires_at: datetime
    refresh_token: str = field(default="", repr=False)
    scope: str = ""
    #: Counts renewals, so that a caller can tell whether somebody else renewed meanwhile.
    version: int = 0
    #: When it was fetched, where known: a short-lived token is renewed later in its life.
    issued_at: datetime | None = None


class TokenKeeper(Protocol):
    """Where a driver keeps its bearer token: shared by all processes, one renewal at a time."""

    def current(self) -> Token | None:
        """Return the stored token, whatever its age."""

    def renew(self, stale: Token | None, fetch: Callable[[Token | None], Token]) -> Token:
        """Return a token newer than `stale`, calling `fetch` in at most one process.

        If another process renewed meanwhile, its token comes back and `fetch` is not called.
        `fetch` gets the newest stored token, for its refresh token.
        Raises what `fetch` raises; UnreachableError if another process's renewal takes too long.
        """


class Turns(Protocol):
    """The account's share of requests, counted over all processes (reliability ACC-06)."""

    def take(self, *, budget_seconds: float) -> None:
        """Take one turn; call it before each request. It may wait for its turn in our place.

        Raises NotYetError, as soon as it is known, where there is none in `budget_seconds`.
        """


@dataclass(frozen=True, kw_only=True)
class OtpSecret:
    """What one user needs to open through one hub that wants one-time codes."""

    hub_id: str
    secret: str = field(repr=False)
    pin: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Connection:
    """Everything a driver is told about the connected account it works for."""

    dialect: str
    grant: str  # password | authorization_code | client_credentials
    api_base: str
    auth_url: str
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    scope: str = ""
    otp_secrets: tuple[OtpSecret, ...] = ()
    #: The feed route that worked last time; empty to probe.
    feed_route: str = ""


class Http(Protocol):
    """The one door out (`accounts.providers.http`). Named here for drivers' signatures."""


@runtime_checkable
class LockDriver(Protocol):
    """Sees locks and their sites."""

    label: str

    def refresh_token(self) -> Token: ...
    def identity(self) -> AccountIdentity: ...
    def checks(self, site_ids: Iterable[str] | None = None) -> Iterator[Check]: ...
    def list_sites(self) -> list[Site]: ...
    def list_hubs(self, site_id: str) -> list[Hub]: ...
    def list_locks(self, site_id: str) -> list[LockSnapshot]: ...
    def get_lock(self, site_id: str, lock_id: str) -> LockSnapshot: ...
    def list_users(self, site_id: str) -> list[RemoteUser]: ...


@runtime_checkable
class RemoteUnlock(Protocol):
    """Opens and locks doors from afar. One call each, never repeated by the driver.

    `budget_seconds` bounds the whole call; `request_id` goes out as `X-Request-Id`.
    Raises ProviderError; its `reach` decides between *failed* and *unconfirmed*.
    """

    def ensure_token(self, *, budget_seconds: float = ...) -> None:
        """Have a good token at hand, so that a command's time is spent on the command."""

    def unlock(
        self,
        site_id: str,
        lock_id: str,
        *,
        hub_id: str,
        seconds: int | None,
        budget_seconds: float,
        request_id: str,
    ) -> Opening: ...

    def lock(
        self,
        site_id: str,
        lock_id: str,
        *,
        hub_id: str,
        budget_seconds: float,
        request_id: str,
    ) -> Opening: ...


@runtime_checkable
class OfficeMode(Protocol):
    """Keeps a door open until told otherwise. Calls and errors as in RemoteUnlock."""

    def set_office_mode(
        self,
        site_id: str,
        lock_id: str,
        *,
        on: bool,
        hub_id: str,
        budget_seconds: float,
        request_id: str,
    ) -> Opening: ...


@runtime_checkable
class EventFeed(Protocol):
    def list_entries(self, site_id: str, *, since: datetime, limit: int = 200) -> Feed:
        """Return what the feed holds from `since` (inclusive) on, oldest first."""


@dataclass(frozen=True, kw_only=True)
class MadeWebhook:
    """An address that the provider now sends to, and what its messages are signed with."""

    remote_id: str
    secret: str = field(repr=False)


@runtime_checkable
class TellsChanges(Protocol):
    """A provider that sends a signed message whenever something changed."""

    def create_webhook(self, url: str) -> MadeWebhook:
        """Have every change told to `url`. One that is told already is replaced."""

    def delete_webhook(self, remote_id: str) -> None:
        """End it. One that is gone counts as ended."""


@runtime_checkable
class TellsTime(Protocol):
    """A driver that reads the provider's clock from the replies it gets anyway."""

    #: The provider's clock minus this machine's, to about a second; None before a reply told.
    clock_offset_seconds: float | None
