"""What the simulated world consists of: one class per kind of row, all plain data.

Every field is JSON or an aware datetime, so that `store` can keep any of them. Where a name
is the provider's own (`customer_reference`, `locked_state` …) the meaning is too.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(kw_only=True)
class Thing:
    id: str


@dataclass(kw_only=True)
class Person(Thing):
    """A platform user. With a password it is an account that can sign in."""

    first_name: str
    last_name: str
    email: str | None = None
    password: str | None = None
    phone: str | None = None
    tag_number: str | None = None
    environment: str = "production"  # or accept
    disabled: bool = False

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()

    @property
    def account(self) -> str:
        return self.email or self.name


@dataclass(kw_only=True)
class Client(Thing):
    """An OAuth client; `id` is the client_id. Legacy ones are accounts of their own."""

    secret: str
    dialect: str = "connect"  # or legacy, keypad, seam
    grants: list[str] = field(default_factory=list)
    scopes: list[str] = field(default_factory=list)
    is_public: bool = False
    site_ids: list[str] = field(default_factory=list)
    addon_enabled: bool = True
    audit_route: str = "audit-trails"  # or audit/log
    workspace_id: str = ""  # Seam: whose key it is
    disabled: bool = False


@dataclass(kw_only=True)
class Site(Thing):
    site_uid: str
    customer_reference: str
    country_code: str
    time_zone: str
    owner_id: str
    subscribed_user_amount: int = 50
    pin_enabled: bool = True
    subscription_valid: bool = True
    installation_state: str = "released"
    features: list[str] = field(default_factory=list)
    brand: str = "salto_ks"  # or keypad, seam: then its doors keep codes of their own


@dataclass(kw_only=True)
class Member(Thing):
    """A site user: one person on one site. Its id is not the person's id."""

    site_id: str
    person_id: str
    role_codes: list[str]
    alias: str = ""
    toggle_easy_office_mode: bool = False
    toggle_manual_office_mode: bool = False
    remote_access: bool = False
    blocked: bool = False
    tag_owned_by_this_site: bool = False
    subscription_state: str = "subscribed"
    override_privacy_mode: bool = False
    use_pin: bool = False
    expires_at: datetime | None = None
    pin: str | None = None
    pin_expires_at: datetime | None = None
    replicated_at: datetime | None = None  # before it the cloud does not quite know them
    gone_at: datetime | None = None  # deleted; still readable until then


@dataclass(kw_only=True)
class Iq(Thing):
    """A hub. `reachable` is the truth, `online` what the cloud believes."""

    site_id: str
    customer_reference: str
    mac: str
    time_zone: str
    otp_enabled: bool = False
    revision: str = "2.0"
    reachable: bool = True
    online: bool = True
    clock_skew_seconds: float = 0.0
    #: What this hub was told about users, groups and schedules, by key; see `knowledge`.
    known: dict[str, Any] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class Lock(Thing):
    """A door. `bolt` is the truth, `locked_state` what the cloud last heard of it."""

    site_id: str
    iq_id: str
    customer_reference: str
    mac: str
    lock_type: str
    floor: str | None = None
    bolt: str = "locked"  # locked | unlocked | office_mode
    locked_state: str = "locked"
    reachable: bool = True
    online: bool = True
    iq_link_state: str = "attached"
    battery_level: str = "fresh"
    battery_percent: int = 92  # the legacy dialect's number
    left_open_alarm: bool = False
    intrusion_alarm: bool = False
    privacy_mode: bool = False
    open_seconds: float = 7.0
    relocks: bool = True  # by itself, after open_seconds
    easy_office_mode_schedule: dict[str, Any] | None = None
    offline_key_ids: list[str] = field(default_factory=list)
    offline_answer: str | None = None  # 422 | 3102 | 503 | timeout; None: the setting's
    supports_lock: bool = True  # the legacy lock command; older strikes answer 422
    code_lengths: list[int] = field(default_factory=list)  # Keypad Cloud: what digits it takes
    code_constraints: list[str] = field(default_factory=list)
    code_slots: int = 0

    @property
    def has_keypad(self) -> bool:
        return self.lock_type.endswith("_pin")


@dataclass(kw_only=True)
class Group(Thing):
    site_id: str
    customer_reference: str
    lock_ids: list[str] = field(default_factory=list)
    person_ids: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class Schedule(Thing):
    """When a group may pass. `body` is the provider's shape without the id."""

    group_id: str
    body: dict[str, Any]


@dataclass(kw_only=True)
class Tag(Thing):
    site_id: str
    number: str
    person_id: str | None = None
    offline_access: bool = False


@dataclass(kw_only=True)
class KeypadCode(Thing):
    """A code at Keypad Cloud: one set of digits on one lock. Its id is a person's too.

    `on_lock` is the truth; listings show it as it was a while ago.
    """

    site_id: str
    lock_id: str
    name: str
    digits: str
    created_at: datetime
    on_lock: bool = False
    is_waiting: bool = False  # for a lock that cannot be reached
    former_name: str = ""  # shown until the listing has caught up
    renamed_at: datetime | None = None
    deleted_at: datetime | None = None
    gone_at: datetime | None = None  # from the lock; still listed for a while


@dataclass(kw_only=True)
class Activation(Thing):
    """One person's right to open remotely through one IQ; `id` is `iq:person`."""

    iq_id: str
    person_id: str
    state: str = "secret_issued"  # then pin_sent, activated
    secret: str = ""
    pin: str = ""
    activated_at: datetime | None = None
    failures: dict[str, int] = field(default_factory=dict)
    blocked_until: dict[str, datetime] = field(default_factory=dict)


@dataclass(kw_only=True)
class Entry(Thing):
    """A line of the audit trail (or, with `is_incident`, of the incidents).

    `row` is what clients read, without the two fields that depend on the arrival.
    `arrived_at` None: still inside a lock or IQ that cannot be reached.
    """

    n: int
    site_id: str
    lock_id: str
    at: datetime
    row: dict[str, Any]
    arrived_at: datetime | None = None
    is_incident: bool = False


@dataclass(kw_only=True)
class Token(Thing):
    """A bearer token; `id` is its SHA-256, the text itself is not kept."""

    kind: str  # connect | legacy | refresh
    client_id: str
    person_id: str | None
    scopes: list[str]
    expires_at: datetime


@dataclass(kw_only=True)
class SignIn(Thing):
    """One authorization request on its way from login through consent to its code."""

    client_id: str
    redirect_uri: str
    state: str
    scopes: list[str]
    challenge: str
    nonce: str
    environment: str
    expires_at: datetime
    person_id: str | None = None
    #: The one that was typed with a password that did not fit.
    wrong_email: str = ""
    code: str | None = None


@dataclass(kw_only=True)
class Effect(Thing):
    """Something that really happened. `n` only grows, over resets and restarts too."""

    n: int
    at: datetime
    kind: str
    cause: str
    account: str | None = None
    lock_id: str | None = None
    lock_name: str | None = None
    request_id: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class RequestRow(Thing):
    """One request to a simulated cloud. `status` None: unanswered so far, or for ever."""

    n: int
    at: datetime
    method: str
    path: str
    query: str
    route: str
    account: str | None
    request_id: str | None
    status: int | None = None
    fault: str | None = None


@dataclass(kw_only=True)
class Fault(Thing):
    match: dict[str, str]
    effect: str
    options: dict[str, Any]
    times: int | None = None  # left; None: until deleted
    after: int = 0  # matching requests still to let through
    hits: int = 0


@dataclass(kw_only=True)
class Mail(Thing):
    """Something the cloud sent to a person by mail or SMS."""

    n: int
    at: datetime
    kind: str  # iq_pin | invite
    channel: str  # email | sms
    to: str
    subject: str
    text: str
    pin: str | None = None


@dataclass(kw_only=True)
class Timer(Thing):
    """Something that will happen at `due_at`. Putting one with the same id replaces it."""

    due_at: datetime
    kind: str
    payload: dict[str, Any]


@dataclass(kw_only=True)
class Settings(Thing):
    """How the simulated clouds behave. Defaults: quick enough that a demo feels live."""

    entry_lag_min_seconds: float = 0.3
    entry_lag_max_seconds: float = 1.5
    replication_min_seconds: float = 0.0
    replication_max_seconds: float = 0.0
    member_sync_seconds: float = 0.0
    schedule_sync_seconds: float = 0.0
    user_delete_seconds: float = 0.0
    lock_flag_delay_seconds: float = 0.0
    iq_flag_delay_seconds: float = 0.0
    token_lifetime_seconds: float = 3600.0
    refresh_lifetime_seconds: float = 30 * 86400.0
    refresh_rotation: bool = True
    otp_block_after: int = 8
    otp_block_seconds: float = 1200.0
    offline_answer: str = "422"
    locking_body: str = "empty"  # or state
    page_size: int = 20
    bare_arrays: bool = False
    empty_page_every: int = 0
    duplicate_every: int = 0
    retention_days: int = 90
    rate_limit_per_second: int = 0
    keypad_set_seconds: float = 0.0
    keypad_removal_seconds: float = 0.0
    keypad_listing_lag_seconds: float = 0.0
    seam_attempt_seconds: float = 0.3
    seam_code_seconds: float = 0.3
    instant_key_seconds: float = 7 * 86400.0
    space_sync_seconds: float = 0.3
    space_report_seconds: float = 5.0
    attempt_expires_seconds: float = 60.0


@dataclass(kw_only=True)
class Keepsake(Thing):
    """A single value that outlives restarts: counters, the clock, the signing key."""

    value: Any
