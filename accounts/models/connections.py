"""Our logins at providers: connected accounts, their sites and hubs, and onboarding."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from django.db import models

from accounts import sealing
from accounts.clocks import ClockTrouble
from audit.ids import new_id
from audit.who import Place

if TYPE_CHECKING:
    from accounts.actors import Actor


class Dialect(models.TextChoices):
    CONNECT = "connect", "Connect API"
    LEGACY = "legacy", "Legacy API (clp.my-clay.com)"


class Grant(models.TextChoices):
    AUTHORIZATION_CODE = "authorization_code", "Sign in with Salto"
    PASSWORD = "password", "Back-end credentials"
    CLIENT_CREDENTIALS = "client_credentials", "Client id and secret"
    API_KEY = "api_key", "API key"


class AccountState(models.TextChoices):
    CONNECTED = "connected"
    #: Passing trouble: old data is shown, polls back off, unlock and revoke are still tried.
    DEGRADED = "degraded"
    THROTTLED = "throttled"
    #: The provider refuses our credential; only a person can mend it.
    RECONNECT_REQUIRED = "reconnect_required", "reconnect required"
    #: Reading works; opening is stopped until a person acts (one-time codes refused).
    ACTUATION_BLOCKED = "actuation_blocked", "opening blocked"
    SECRET_UNREADABLE = "secret_unreadable", "secret unreadable"
    DISCONNECTED = "disconnected"


#: States in which nothing is asked of the provider.
SILENT_STATES = (
    AccountState.RECONNECT_REQUIRED,
    AccountState.SECRET_UNREADABLE,
    AccountState.DISCONNECTED,
)


class ConnectedAccountQuerySet(models.QuerySet["ConnectedAccount"]):
    def for_actor(self, actor: Actor) -> Self:
        accounts = self.filter(workspace_id=actor.workspace.pk).live()
        if actor.property_ids is None:
            return accounts
        return accounts.filter(sites__property_id__in=actor.property_ids).distinct()

    def live(self) -> Self:
        return self.exclude(state=AccountState.DISCONNECTED)

    def speaking(self) -> Self:
        return self.exclude(state__in=SILENT_STATES)


class ConnectedAccount(models.Model):
    """Our login at one provider, how it is doing, and when it is next asked.

    Its secrets are sealed with the account's id and hosts, so neither a changed address nor
    a copied column gives them to anybody else (reliability ACC-01, SEC-01).
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey("accounts.Workspace", models.PROTECT, related_name="accounts")
    provider = models.CharField(max_length=20)
    dialect = models.CharField(max_length=10, choices=Dialect, default=Dialect.CONNECT)
    grant = models.CharField(max_length=20, choices=Grant)
    name = models.CharField(max_length=200)
    #: Who we are there, to recognise the same login twice.
    remote_id = models.CharField(max_length=200)
    api_base = models.URLField()
    auth_url = models.URLField()
    client_id = models.CharField(max_length=200, blank=True)
    username = models.CharField(max_length=254, blank=True)
    client_secret_sealed = models.TextField(blank=True)
    password_sealed = models.TextField(blank=True)
    secret_set_at = models.DateTimeField(null=True)

    token_sealed = models.TextField(blank=True)
    token_expires_at = models.DateTimeField(null=True)
    token_version = models.IntegerField(default=0)
    #: Until when one process alone may renew the token.
    token_lease_until = models.DateTimeField(null=True)

    state = models.CharField(max_length=20, choices=AccountState, default=AccountState.CONNECTED)
    state_since = models.DateTimeField()
    #: A stable word (accounts.providers.base.Code) and a sentence for people.
    trouble_code = models.CharField(max_length=40, blank=True)
    trouble = models.CharField(max_length=300, blank=True)
    #: One-time codes refused in a row; two stop opening until a person acts.
    otp_refusals = models.IntegerField(default=0)

    # Milliseconds, as in the provider's own driver documentation; 0 turns the feed off.
    status_interval_ms = models.PositiveIntegerField(default=60_000)
    event_poll_interval_ms = models.PositiveIntegerField(default=30_000)
    unlock_seconds = models.PositiveSmallIntegerField(default=5)
    released_state_ms = models.PositiveIntegerField(default=5_000)

    next_status_poll_at = models.DateTimeField(null=True)
    next_event_poll_at = models.DateTimeField(null=True)
    #: When its access codes are next compared with the provider's, and until when one worker
    #: alone does so.
    next_codes_at = models.DateTimeField(null=True)
    codes_lease_until = models.DateTimeField(null=True)
    #: When a complete listing of codes last came.
    codes_listed_at = models.DateTimeField(null=True)
    #: When a poll last succeeded. Every door not marked missing was in it.
    status_polled_at = models.DateTimeField(null=True)
    events_polled_at = models.DateTimeField(null=True)
    #: Until when one worker alone polls this account.
    poll_lease_until = models.DateTimeField(null=True)
    throttled_until = models.DateTimeField(null=True)
    #: Which route answered for events; empty to probe again.
    feed_route = models.CharField(max_length=20, blank=True)
    #: The provider's clock minus ours, in seconds, as last seen.
    clock_skew_seconds = models.FloatField(null=True)

    connected_at = models.DateTimeField()
    disconnected_at = models.DateTimeField(null=True)

    objects = ConnectedAccountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "provider", "dialect", "api_base", "remote_id"],
                condition=~models.Q(state=AccountState.DISCONNECTED),
                name="account_connected_once",
            ),
            models.CheckConstraint(
                condition=models.Q(unlock_seconds__range=(1, 60)),
                name="account_unlock_seconds_1_to_60",
            ),
        ]
        indexes = [
            # Which accounts are due?
            models.Index(fields=["next_status_poll_at"], name="account_due_status"),
            models.Index(fields=["next_event_poll_at"], name="account_due_events"),
            models.Index(
                fields=["next_codes_at"],
                name="account_due_codes",
                condition=models.Q(next_codes_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_silent(self) -> bool:
        return self.state in SILENT_STATES

    @property
    def clock_trouble(self) -> ClockTrouble | None:
        """What is wrong between the provider's clock and ours, if anything."""
        return ClockTrouble.of(self.clock_skew_seconds)

    def seal(self, column: str, text: str) -> None:
        """Encrypt `text` into `<column>_sealed`. Does not save."""
        setattr(
            self, f"{column}_sealed", sealing.seal(text, self._bound_to(column)) if text else ""
        )

    def unseal(self, column: str) -> str:
        """Return the text sealed in a column, or "". Raises sealing.UnreadableError."""
        sealed = getattr(self, f"{column}_sealed")
        return sealing.unseal(sealed, self._bound_to(column)) if sealed else ""

    def _bound_to(self, column: str) -> str:
        hosts = f"{urlsplit(self.api_base).netloc}:{urlsplit(self.auth_url).netloc}"
        return f"connected_account:{self.pk}:{column}:{hosts}"

    def as_place(self) -> Place:
        return Place(account_id=self.pk, account_name=self.name)


class ConnectedSite(models.Model):
    """One site of an account that somebody chose to operate, and the property it is."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(ConnectedAccount, models.CASCADE, related_name="sites")
    remote_id = models.CharField(max_length=200)
    name = models.CharField(max_length=200)
    property = models.ForeignKey("accounts.Space", models.PROTECT, related_name="sites")
    seats_used = models.IntegerField(null=True)
    seats_total = models.IntegerField(null=True)
    #: Codes in its last good listing; a sudden drop is not believed at once (reliability CODE-06).
    codes_listed = models.IntegerField(null=True)
    #: Listings in a row that were empty or had shrunk by half, and since when.
    thin_code_listings = models.IntegerField(default=0)
    thin_codes_since = models.DateTimeField(null=True)
    #: Events up to here are stored; the next poll starts some way before it.
    event_watermark = models.DateTimeField(null=True)
    #: Polls in a row whose listing was empty or had shrunk by half (reliability CODE-06).
    thin_listings = models.IntegerField(default=0)
    full_rescan_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "remote_id"], name="site_once_per_account")
        ]

    def __str__(self) -> str:
        return self.name


class Hub(models.Model):
    """What connects a site's locks to the provider's cloud (Salto: an IQ)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    site = models.ForeignKey(ConnectedSite, models.CASCADE, related_name="hubs")
    remote_id = models.CharField(max_length=200)
    name = models.CharField(max_length=200)
    is_online = models.BooleanField(null=True)
    otp_enabled = models.BooleanField(null=True)
    #: The one-time-code secret and PIN, once remote opening is activated for our user.
    otp_sealed = models.TextField(blank=True)
    activated_at = models.DateTimeField(null=True)
    raw = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "remote_id"], name="hub_once_per_site")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def needs_activation(self) -> bool:
        return bool(self.otp_enabled) and not self.activated_at

    def seal_otp(self, text: str) -> None:
        self.otp_sealed = sealing.seal(text, f"hub:{self.pk}:otp")

    def unseal_otp(self) -> str:
        return sealing.unseal(self.otp_sealed, f"hub:{self.pk}:otp") if self.otp_sealed else ""


class WebviewStep(models.TextChoices):
    """Where an onboarding attempt stands. The order is the order of the screens."""

    INTRO = "intro"
    BRAND = "brand"
    SIGN_IN = "sign_in"
    CHECKS = "checks"
    SITES = "sites"
    CONFIRM = "confirm"
    SYNC = "sync"
    DONE = "done"


class ConnectWebviewQuerySet(models.QuerySet["ConnectWebview"]):
    def for_actor(self, actor: Actor) -> Self:
        return self.filter(workspace_id=actor.workspace.pk)

    def unfinished(self, at: datetime) -> Self:
        return self.filter(finished_at=None, cancelled_at=None, expires_at__gt=at)


class ConnectWebview(models.Model):
    """One onboarding attempt: a link with a token, opened by whoever owns the provider account.

    Every step is saved in `answers` (never a secret) so that it can be resumed; secrets wait
    sealed until the account exists. The link works without a login here.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey("accounts.Workspace", models.CASCADE, related_name="webviews")
    token_hash = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey("accounts.User", models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    step = models.CharField(max_length=10, choices=WebviewStep, default=WebviewStep.INTRO)
    provider = models.CharField(max_length=20, blank=True)
    answers: models.JSONField[Any] = models.JSONField(default=dict)
    #: Sealed JSON: client secret, password, token, PKCE verifier of the sign-in under way.
    secrets_sealed = models.TextField(blank=True)
    #: SHA-256 of the OAuth state of the sign-in under way; single use.
    state_hash = models.CharField(max_length=64, blank=True)
    #: Set when this attempt renews the login of an existing account.
    reconnects = models.ForeignKey(
        ConnectedAccount, models.CASCADE, null=True, related_name="webviews"
    )
    #: The account it made.
    account = models.ForeignKey(ConnectedAccount, models.SET_NULL, null=True, related_name="+")

    objects = ConnectWebviewQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["state_hash"],
                name="webview_state",
                condition=~models.Q(state_hash=""),
            )
        ]

    def __str__(self) -> str:
        return f"{self.provider or 'new'} ({self.step})"

    def seal_secrets(self, text: str) -> None:
        self.secrets_sealed = sealing.seal(text, f"connect_webview:{self.pk}") if text else ""

    def unseal_secrets(self) -> str:
        if not self.secrets_sealed:
            return ""
        return sealing.unseal(self.secrets_sealed, f"connect_webview:{self.pk}")
