"""Access control systems in the driver contract: people, groups, entrances, cards, encoders.

Users, their groups, their suspension and their credentials are desired state: each write below
is one call, and a listing tells what came of it. Encoding and scanning are physical: one call
starts an attempt, and looking at the attempt moves nothing.

The words are Seam's (facts/seam.md 7.9), as integrators know them.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from accounts.providers.base import ProviderError, Reach


@dataclass(frozen=True, kw_only=True)
class Problem:
    """An error or a warning the provider tells of something. `code` is its word."""

    code: str
    message: str = ""


class AccessMethod(StrEnum):
    CODE = "code"
    CARD = "card"
    MOBILE_KEY = "mobile_key"
    CLOUD_KEY = "cloud_key"


class SystemType(StrEnum):
    """What a system can do with plastic; anything we have no word for is OTHER."""

    #: Rights are written on cards.
    SALTO_SPACE = "salto_space_system"
    #: Rights are in the cloud; a registered tag is assigned to somebody.
    SALTO_KS = "salto_ks_site"
    OTHER = ""


@dataclass(frozen=True, kw_only=True)
class ListedSystem:
    """One installation or site."""

    remote_id: str
    name: str
    #: The provider's own word (`salto_space_system`).
    external_type: str
    time_zone: str = ""
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    #: Seats of a subscription, where the provider says.
    seats_used: int | None = None
    seats_total: int | None = None

    @property
    def type(self) -> SystemType:
        try:
            return SystemType(self.external_type)
        except ValueError:
            return SystemType.OTHER


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """A change that the provider has taken and not yet carried to the system."""

    code: str
    #: For a membership: the group it is about.
    group_id: str = ""
    scheduled_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ListedUser:
    """One cardholder (acs_user)."""

    remote_id: str
    full_name: str
    created_at: datetime | None = None
    email: str = ""
    phone: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    is_suspended: bool = False
    #: Salto KS: whether they have a seat. None: the provider does not say.
    is_subscribed: bool | None = None
    #: The system's own number of them (Salto Space: ExtUserID).
    external_number: str = ""
    #: The person they are linked to across systems (`Identity`); "" for none.
    identity_id: str = ""
    #: False: made past the provider's API; may be shown, not changed.
    is_managed: bool = True
    mutations: tuple[Mutation, ...] = ()
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    @property
    def is_being_deleted(self) -> bool:
        return any(each.code == "being_deleted" for each in self.warnings)


@dataclass(frozen=True, kw_only=True)
class ListedGroup:
    remote_id: str
    name: str
    mutations: tuple[Mutation, ...] = ()
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ListedEntrance:
    remote_id: str
    name: str
    #: The room it is the door of, and what the system's people wrote about it.
    room_name: str = ""
    description: str = ""
    #: None: the provider does not say.
    is_online: bool | None = None
    battery: str = ""
    privacy_mode: bool | None = None
    takes_code: bool | None = None
    takes_card: bool | None = None
    takes_mobile_key: bool | None = None
    #: A guest's card there overrides those of earlier stays (facts/seam.md 7.6).
    can_belong_to_reservation: bool | None = None
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ListedCredential:
    """One way in of one user: a card, a PIN, a mobile key."""

    remote_id: str
    #: An AccessMethod, or the provider's own word.
    access_method: str
    user_id: str = ""
    created_at: datetime | None = None
    display_name: str = ""
    external_type: str = ""
    #: Personal data: shown masked, never logged.
    card_number: str = field(default="", repr=False)
    #: The PIN, where the provider shows it.
    code: str = field(default="", repr=False)
    is_issued: bool | None = None
    issued_at: datetime | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    is_managed: bool = True
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    @property
    def needs_to_be_reissued(self) -> bool:
        return any(each.code == "needs_to_be_reissued" for each in self.warnings)

    @property
    def is_being_deleted(self) -> bool:
        return any(each.code == "being_deleted" for each in self.warnings)


@dataclass(frozen=True, kw_only=True)
class ListedEncoder:
    """A card writer, or in Salto KS a lock or wall reader that reads tags.

    Whether it is online is not told: only attempts show it.
    """

    remote_id: str
    name: str
    is_removed: bool = False
    errors: tuple[Problem, ...] = ()


# --- what goes in -------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class UserWish:
    """A user as they shall be at the provider. Empty texts are not sent."""

    full_name: str
    email: str = ""
    phone: str = ""
    #: Both None: no schedule. `ends_at` None: open-ended.
    starts_at: datetime | None = None
    ends_at: datetime | None = None


# --- encoders -----------------------------------------------------------------------------


class CardFailure(StrEnum):
    """Why a card could not be made or read: the rows of facts/salto_space.md 6.1."""

    NO_CARD = "no_card"
    MISPLACED = "misplaced"
    INTERRUPTED = "interrupted"
    BAD_CARD = "bad_card"
    CARD_FULL = "card_full"
    CARD_OF_OTHER = "card_of_other"
    STAFF_CARD = "staff_card"
    HAS_KEY = "has_key"
    NO_KEY_TO_UPDATE = "no_key_to_update"
    #: The credential is on another card already.
    OTHER_CARD = "other_card"
    CREDENTIAL_GONE = "credential_gone"
    ENCODER_OFFLINE = "encoder_offline"
    ENCODER_UNINIT = "encoder_uninit"
    ENCODER_MISSING = "encoder_missing"
    ENCODER_BUSY = "encoder_busy"
    COMMS_TIMEOUT = "comms_timeout"
    BRIDGE_DOWN = "bridge_down"
    USER_LOCKED = "user_locked"
    ROOM_LOCKED = "room_locked"
    ROOM_BAD = "room_bad"
    RULE = "rule"
    LICENCE = "licence"
    POOL_FULL = "pool_full"
    SERVER_DB = "server_db"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    PROTOCOL = "protocol"
    UNKNOWN_ERROR = "unknown_error"
    NOT_FOUND = "not_found"
    WAIT_OVER = "wait_over"
    VERIFY_FAIL = "verify_fail"
    FOREIGN_ON_SCAN = "foreign_on_scan"
    BLANK_ON_SCAN = "blank_on_scan"


def failure_of(error: ProviderError) -> CardFailure:
    """Return which row of the failure table an error of starting an attempt is.

    Drivers refuse with a CardFailure as the error's code where they know one; a Code of the
    same letters ("not_found") is none. Whatever else kept an attempt from starting is
    UNKNOWN_ERROR, with the error's sentence for people; whether anything may have happened
    tells the error's `reach`, not this.
    """
    if error.reach is Reach.UNCERTAIN:
        return CardFailure.WAIT_OVER
    return error.code if isinstance(error.code, CardFailure) else CardFailure.UNKNOWN_ERROR


class AttemptState(StrEnum):
    PENDING = "pending"
    SUCCESS = "success"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True)
class CardOnEncoder:
    """What a scanned card itself tells."""

    card_number: str = field(default="", repr=False)
    is_issued: bool | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ScanResult:
    """What a scan found. Both halves None: a blank card."""

    card: CardOnEncoder | None
    credential: ListedCredential | None
    warnings: tuple[Problem, ...] = ()

    @property
    def is_out_of_sync(self) -> bool:
        return any("out_of_sync" in each.code for each in self.warnings)


@dataclass(frozen=True, kw_only=True)
class EncoderAttempt:
    """One try at an encoder, as of one look at it."""

    remote_id: str
    state: AttemptState
    #: Set with ERROR.
    failure: CardFailure | None = None
    #: The provider's own word and sentence, kept for support.
    error_type: str = ""
    message: str = ""
    #: Set by a successful encode or assignment.
    credential: ListedCredential | None = None
    #: Set by a successful scan.
    scan: ScanResult | None = None


@runtime_checkable
class AccessSystems(Protocol):
    """Access control systems behind one connected account.

    Listings page to their end or raise: half a listing looks like removed things. Everything
    else is one call. Raises ProviderError; `reach` tells a refusal from a lost answer. What is
    gone already counts as deleted, as removed, as suspended; what is there as added. Only the
    provider's word about the very thing asked for makes it gone.
    `system_id` and all other ids are the provider's.
    """

    def list_systems(self) -> list[ListedSystem]: ...
    def list_acs_users(self, system_id: str) -> list[ListedUser]: ...
    def list_groups(self, system_id: str) -> list[ListedGroup]: ...
    def list_entrances(self, system_id: str) -> list[ListedEntrance]: ...
    def list_credentials(self, system_id: str, *, user_id: str = "") -> list[ListedCredential]:
        """Return all credentials of a system, or of one user of it."""

    def list_encoders(self, system_id: str) -> list[ListedEncoder]: ...

    def get_acs_user(self, user_id: str) -> ListedUser | None:
        """Return one user, or None where the provider says that there is none."""

    def get_credential(self, credential_id: str) -> ListedCredential | None: ...

    def group_user_ids(self, group_id: str) -> list[str]: ...
    def group_entrance_ids(self, group_id: str) -> list[str]: ...

    def user_group_ids(self, system_id: str, user_id: str) -> list[str]:
        """Return the groups of one user."""

    # --- desired state: one call each ---

    def create_acs_user(
        self,
        system_id: str,
        wish: UserWish,
        *,
        group_ids: tuple[str, ...] = (),
        budget_seconds: float,
        request_id: str,
    ) -> ListedUser: ...

    def update_acs_user(
        self, user_id: str, wish: UserWish, *, budget_seconds: float, request_id: str
    ) -> None:
        """Set all of a user. No schedule in the wish takes the user's away.

        An empty e-mail or phone leaves what is there: Seam's schema cannot empty them.
        """

    def set_suspended(
        self, user_id: str, *, is_suspended: bool, budget_seconds: float, request_id: str
    ) -> None: ...

    def delete_acs_user(self, user_id: str, *, budget_seconds: float, request_id: str) -> None: ...

    def add_to_group(
        self, group_id: str, user_id: str, *, budget_seconds: float, request_id: str
    ) -> None: ...

    def remove_from_group(
        self, group_id: str, user_id: str, *, budget_seconds: float, request_id: str
    ) -> None: ...

    def create_credential(
        self,
        user_id: str,
        *,
        access_method: AccessMethod,
        is_new_key: bool = True,
        starts_at: datetime | None = None,
        ends_at: datetime | None = None,
        budget_seconds: float,
        request_id: str,
    ) -> ListedCredential:
        """Make a credential. Salto Space: `is_new_key` is `assign_new_key`; False writes the
        user's current key again. A mobile key wants a user who is linked to an identity (see
        MobileKeys), and is issued by itself some time later.
        """

    def delete_credential(
        self, credential_id: str, *, budget_seconds: float, request_id: str
    ) -> None: ...

    # --- physical: started once, never repeated ---

    def start_encode(
        self, encoder_id: str, credential_id: str, *, budget_seconds: float, request_id: str
    ) -> EncoderAttempt:
        """Have a card written. As with the two below, one call on a connection of its own.

        Raises RefusedError where nothing was begun, with a CardFailure as code where the
        cause is known (see `failure_of`); UncertainError where an attempt may be under way.
        """

    def start_scan(
        self,
        encoder_id: str,
        *,
        detect_new_tags: bool = False,
        budget_seconds: float,
        request_id: str,
    ) -> EncoderAttempt:
        """Read what lies on an encoder. `detect_new_tags` puts a Salto KS reader into
        registration mode (120 s)."""

    def start_assign(
        self,
        encoder_id: str,
        user_id: str,
        *,
        detect_new_tags: bool = False,
        budget_seconds: float,
        request_id: str,
    ) -> EncoderAttempt:
        """Read a tag and give it to somebody (Salto KS)."""

    def get_encoder_attempt(self, attempt_id: str, *, budget_seconds: float) -> EncoderAttempt: ...


# --- mobile keys --------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A person across systems: what holds mobile keys (Seam: user identity)."""

    remote_id: str
    full_name: str = ""


@dataclass(frozen=True, kw_only=True)
class InstantKey:
    """A link that puts all mobile keys of an identity on the phone of whoever opens it."""

    remote_id: str
    #: A secret: whoever has it has the keys.
    url: str = field(repr=False)
    created_at: datetime | None = None
    expires_at: datetime | None = None


@runtime_checkable
class MobileKeys(Protocol):
    """Handing out mobile keys, where AccessSystems makes and deletes their credentials.

    Identity, link to the user, credential, and then an instant key: each is one call, and
    raises ProviderError as there. An identity is known by a key of our choosing, which the
    provider takes once; so after a lost answer `find_identity` tells. Linking may be repeated.
    An instant key has no such key: after a lost answer its listing tells.
    """

    def find_identity(self, key: str) -> Identity | None:
        """Return the identity of a key, or None where the provider says that there is none."""

    def create_identity(
        self,
        key: str,
        *,
        full_name: str,
        email: str = "",
        phone: str = "",
        budget_seconds: float,
        request_id: str,
    ) -> Identity: ...

    def link_identity(
        self, identity_id: str, user_id: str, *, budget_seconds: float, request_id: str
    ) -> None: ...

    def list_instant_keys(self, identity_id: str) -> list[InstantKey]: ...

    def create_instant_key(
        self,
        identity_id: str,
        *,
        max_use_count: int = 1,
        budget_seconds: float,
        request_id: str,
    ) -> InstantKey:
        """Make a link that may be used so many times. It shows the keys of now and of later."""

    def delete_instant_key(
        self, instant_key_id: str, *, budget_seconds: float, request_id: str
    ) -> None: ...
