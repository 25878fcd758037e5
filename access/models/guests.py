"""What a guest gets: links to their page, and the messages that carry them."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q

from access.models.grants import AccessGrant
from accounts import sealing
from audit.ids import new_id


class GuestLink(models.Model):
    """One link to a guest's page, of which only a hash is kept (reliability GST-01 … GST-05).

    Each message has a link of its own, as none can be shown twice. The link code is what a
    mail scanner lacks: it is told on another channel, by people, so it can be shown to them.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    grant = models.ForeignKey(AccessGrant, models.CASCADE, related_name="links")
    token_hash = models.CharField(max_length=64, unique=True)
    code_sealed = models.TextField(blank=True)
    wrong_codes = models.PositiveSmallIntegerField(default=0)
    locked_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    #: First fetched, by whatever: often a mail scanner.
    fetched_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"link of {self.grant_id}"

    def seal_code(self, digits: str) -> None:
        self.code_sealed = sealing.seal(digits, self._bound_to) if digits else ""

    def unseal_code(self) -> str:
        """Return the link code, or "". Raises sealing.UnreadableError."""
        return sealing.unseal(self.code_sealed, self._bound_to) if self.code_sealed else ""

    @property
    def _bound_to(self) -> str:
        return f"guest_link:{self.pk}:code"


class GuestDevice(models.Model):
    """A phone or browser that proved itself with the link code, bound by a cookie."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    link = models.ForeignKey(GuestLink, models.CASCADE, related_name="devices")
    cookie_hash = models.CharField(max_length=64, unique=True)
    #: SHA-256 of what the browser calls itself.
    agent_hash = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"device of {self.link_id}"


class Channel(models.TextChoices):
    EMAIL = "email", "e-mail"
    #: Copied here, and sent by somebody with a messenger of their own.
    COPIED = "copied"
    PRINTED = "printed"


class DeliveryState(models.TextChoices):
    #: Until everything is ready, or its time comes.
    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Delivery(models.Model):
    """One message to a guest. The row is the work; a message to the worker is a hint."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    grant = models.ForeignKey(AccessGrant, models.CASCADE, related_name="deliveries")
    #: Made when it is sent.
    link = models.ForeignKey(GuestLink, models.PROTECT, null=True, related_name="+")
    channel = models.CharField(max_length=10, choices=Channel)
    address = models.CharField(max_length=254, blank=True)
    language = models.CharField(max_length=5)
    #: "invitation", "changed", "reminder", "revoked".
    kind = models.CharField(max_length=20, default="invitation")
    #: By somebody's wish it carries the digits, too.
    has_digits = models.BooleanField(default=False)
    #: Not before everything in the grant is ready, and not before this moment.
    waits_until_ready = models.BooleanField(default=True)
    not_before = models.DateTimeField(null=True)
    created_by = models.ForeignKey("accounts.User", models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()

    state = models.CharField(max_length=10, choices=DeliveryState, default=DeliveryState.WAITING)
    next_run_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    #: When a person seems to have looked at the page behind its link.
    opened_at = models.DateTimeField(null=True)
    #: Why it failed, in a sentence; or why it still waits.
    error = models.CharField(max_length=300, blank=True)
    detail: models.JSONField[Any] = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=["grant", "-created_at"], name="delivery_grant"),
            models.Index(
                fields=["next_run_at"],
                name="delivery_due",
                condition=Q(next_run_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} for {self.grant_id}: {self.state}"
