"""Reservations that come in: calendars, tables, and the stays they told of."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import Q

from access.models.grants import AccessGrant
from accounts import sealing
from accounts.models import Space
from audit.ids import new_id

if TYPE_CHECKING:
    from accounts.actors import Actor


class FeedQuerySet(models.QuerySet["ReservationFeed"]):
    def for_actor(self, actor: Actor) -> Self:
        feeds = self.filter(workspace_id=actor.workspace.pk, removed_at=None)
        if actor.property_ids is None:
            return feeds
        return feeds.filter(property_id__in=actor.property_ids)


class FeedKind(models.TextChoices):
    CALENDAR = "calendar"
    TABLE = "table"


class ReservationFeed(models.Model):
    """A calendar of one space that is read again and again, or the tables of a property.

    The address of a calendar is a secret: whoever has it reads who comes when.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey("accounts.Workspace", models.PROTECT, related_name="+")
    property = models.ForeignKey(Space, models.PROTECT, related_name="feeds")
    #: What a stay of it opens; a table names rooms itself.
    space = models.ForeignKey(Space, models.PROTECT, null=True, related_name="+")
    kind = models.CharField(max_length=10, choices=FeedKind)
    name = models.CharField(max_length=100)
    address_sealed = models.TextField(blank=True)
    #: For pages: whose calendar it is, without the secret.
    host = models.CharField(max_length=200, blank=True)
    #: The ways in that each stay gets, in order; "code", "card" …
    modes: models.JSONField[Any] = models.JSONField(default=list)
    policy = models.CharField(max_length=10, default="all")
    #: Write to guests whose e-mail it tells.
    sends = models.BooleanField(default=True)
    #: Take `CLOSED - Not available` for a guest.
    unclear_are_stays = models.BooleanField(default=False)
    created_by = models.ForeignKey("accounts.User", models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)
    paused_at = models.DateTimeField(null=True)

    # --- reading ---
    #: {"etag", "last_modified"}
    validators: models.JSONField[Any] = models.JSONField(default=dict)
    next_read_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)
    read_whole_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)
    error_since = models.DateTimeField(null=True)

    objects = FeedQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["next_read_at"],
                name="feed_due",
                condition=Q(next_read_at__isnull=False, removed_at=None),
            )
        ]

    def __str__(self) -> str:
        return self.name

    def seal_address(self, address: str) -> None:
        self.address_sealed = sealing.seal(address, self._bound_to) if address else ""

    def unseal_address(self) -> str:
        """Return the address, or "". Raises sealing.UnreadableError."""
        return sealing.unseal(self.address_sealed, self._bound_to) if self.address_sealed else ""

    @builtins.property
    def _bound_to(self) -> str:
        return f"reservation_feed:{self.pk}:address"


class FeedStay(models.Model):
    """One stay that a feed told of: `known` is matching.Known as JSON."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    feed = models.ForeignKey(ReservationFeed, models.CASCADE, related_name="stays")
    uid = models.CharField(max_length=500)
    known: models.JSONField[Any] = models.JSONField()
    grant = models.ForeignKey(AccessGrant, models.PROTECT, null=True, related_name="stays")
    #: Why it has no grant, or why its grant is not as told: a sentence.
    error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["feed", "uid"], name="stay_once_per_feed"),
        ]

    def __str__(self) -> str:
        return self.uid


class FeedReading(models.Model):
    """What became of one reading or upload: a line per row."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    feed = models.ForeignKey(ReservationFeed, models.CASCADE, related_name="readings")
    at = models.DateTimeField()
    by = models.ForeignKey("accounts.User", models.PROTECT, null=True, related_name="+")
    warning = models.CharField(max_length=300, blank=True)
    error = models.CharField(max_length=300, blank=True)
    created = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    ended = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    #: [{"row", "uid", "do", "sentence", "grant_id", "needs_look"}], without addresses.
    lines: models.JSONField[Any] = models.JSONField(default=list)

    class Meta:
        indexes = [models.Index(fields=["feed", "-at"], name="reading_newest")]

    def __str__(self) -> str:
        return f"{self.feed_id} at {self.at:%Y-%m-%d %H:%M}"
