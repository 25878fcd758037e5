"""Providers that tell us of changes: where they tell it, and what was told already."""

from __future__ import annotations

from uuid import uuid4

from django.db import models

from accounts import sealing


class IncomingHook(models.Model):
    """The address at which one account's provider tells of changes.

    Its id is in the address. It is there before the provider knows it, so that one whose
    making got lost on the way is found again; without a secret nothing is believed.
    """

    #: Of no use without the secret, and still nobody's to guess.
    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    account = models.OneToOneField("accounts.ConnectedAccount", models.CASCADE, related_name="hook")
    #: The provider's id of it; empty while it is being made.
    remote_id = models.CharField(max_length=200, blank=True)
    secret_sealed = models.TextField(blank=True)
    made_at = models.DateTimeField()
    last_message_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"hook {self.pk}"

    @property
    def is_made(self) -> bool:
        return bool(self.remote_id and self.secret_sealed)

    def seal_secret(self, text: str) -> None:
        self.secret_sealed = sealing.seal(text, self._bound_to)

    def unseal_secret(self) -> str:
        """Return the secret. Raises sealing.UnreadableError."""
        return sealing.unseal(self.secret_sealed, self._bound_to)

    @property
    def _bound_to(self) -> str:
        return f"incoming_hook:{self.pk}:secret"


class HookMessage(models.Model):
    """A message that was taken, so that a copy of it is known (reliability HOOK-05)."""

    hook = models.ForeignKey(IncomingHook, models.CASCADE, related_name="messages")
    message_id = models.CharField(max_length=200)
    received_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hook", "message_id"], name="hook_message_once")
        ]
        indexes = [
            # Which are old enough to forget?
            models.Index(fields=["received_at"], name="hook_message_age")
        ]

    def __str__(self) -> str:
        return self.message_id
