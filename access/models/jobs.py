"""Every try to write or read a card: an action attempt at an encoder."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q

from access.models.credentials import AcsCredential
from access.models.people import AcsUser
from access.models.systems import AcsEncoder, AcsSystem, InSystemQuerySet
from access.states import OPEN_STATES, Intent, JobKind, JobState
from audit.ids import new_id
from audit.who import Who


class EncodeJob(models.Model):
    """One card, one encoder, one person at the desk (reliability CARD-01 … CARD-03).

    The row is the command. At most one call starts the attempt at the provider; its id is
    stored before anything else. While an attempt may be under way the job holds its encoder,
    and until it is known what became of the card it holds its user: each by a partial unique
    index, so that two desks cannot write each other's guest.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey("accounts.Workspace", models.PROTECT, related_name="+")
    system = models.ForeignKey(AcsSystem, models.PROTECT, related_name="jobs")
    encoder = models.ForeignKey(AcsEncoder, models.PROTECT, related_name="jobs")
    #: None for reading a card.
    user = models.ForeignKey(AcsUser, models.PROTECT, null=True, related_name="jobs")
    credential = models.ForeignKey(AcsCredential, models.PROTECT, null=True, related_name="jobs")
    kind = models.CharField(max_length=10, choices=JobKind)
    intent = models.CharField(max_length=10, choices=Intent)
    #: Salto KS: the reader also takes tags that were never registered (120 s).
    detects_new_tags = models.BooleanField(default=False)
    #: The card that stops working by this job.
    replaces = models.ForeignKey(AcsCredential, models.PROTECT, null=True, related_name="+")
    #: For reading: the job whose card is in doubt.
    settles = models.ForeignKey("self", models.PROTECT, null=True, related_name="scans")
    #: The job that this one tries again.
    retries = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")
    tries = models.PositiveSmallIntegerField(default=1)

    # --- who ---
    created_by = models.ForeignKey("accounts.User", models.PROTECT, null=True, related_name="+")
    actor_kind = models.CharField(max_length=10)
    actor_name = models.CharField(max_length=200)
    #: The browser it was begun at: shows it again after a reload.
    station = models.CharField(max_length=64, blank=True)
    idempotency_key = models.CharField(max_length=64)

    # --- how it goes ---
    state = models.CharField(max_length=12, choices=JobState, default=JobState.PREPARING)
    holds_encoder = models.BooleanField(default=False)
    holds_user = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    #: Not sent after this; what is not ready by then is blocked.
    send_by = models.DateTimeField()
    #: When the one call was begun, and when the provider took it.
    requested_at = models.DateTimeField(null=True)
    waiting_since = models.DateTimeField(null=True)
    #: When the encoder stops waiting for a card, as far as we know; the ring on the page.
    card_by = models.DateTimeField(null=True)
    #: After this a pending attempt is *unknown*; it is looked at until `watched_until`.
    deadline = models.DateTimeField(null=True)
    watched_until = models.DateTimeField(null=True)
    #: The provider's action attempt.
    attempt_id = models.CharField(max_length=200, blank=True)
    #: Until when one process alone works on it, and which.
    lease_until = models.DateTimeField(null=True)
    #: Whoever asked does not wait for it any more.
    stopped_watching_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    #: providers.systems.CardFailure, while it went wrong or is in doubt.
    failure = models.CharField(max_length=20, blank=True)
    provider_message = models.CharField(max_length=300, blank=True)
    #: What a reading found, or of a card that was written: JSON without the full number.
    result: models.JSONField[Any] = models.JSONField(default=dict)
    #: How an unknown one was settled: "attempt", "credential", "scan", "person".
    evidence = models.CharField(max_length=12, blank=True)

    objects = InSystemQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["encoder"], name="job_one_per_encoder", condition=Q(holds_encoder=True)
            ),
            models.UniqueConstraint(
                fields=["user"],
                name="job_one_per_user",
                condition=Q(holds_user=True, user__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["created_by", "idempotency_key"], name="job_key_once_per_person"
            ),
        ]
        indexes = [
            # What is under way, and what became of doubtful cards? Swept each second.
            models.Index(
                fields=["state", "lease_until"],
                name="job_open",
                condition=~Q(state__in=["issued", "done", "mismatch", "failed"])
                & ~Q(state__in=["cancelled", "blocked"]),
            ),
            # What was done at this desk; what an encoder did last.
            models.Index(fields=["created_by", "-created_at"], name="job_of_person"),
            models.Index(fields=["encoder", "-created_at"], name="job_of_encoder"),
        ]

    def __str__(self) -> str:
        return f"{self.intent} at {self.encoder_id}: {self.state}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def reference(self) -> str:
        """What a person reads out to support."""
        return str(self.pk).replace("-", "")[-6:].upper()

    @property
    def who(self) -> Who:
        id_ = str(self.created_by_id) if self.created_by_id else ""
        return Who(kind=self.actor_kind, id=id_, name=self.actor_name)
