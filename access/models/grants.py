"""Access grants: who gets in where, when and how."""

from __future__ import annotations

import builtins
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Least
from django.urls import reverse

from access.models.identities import UserIdentity
from access.models.systems import AcsEntrance
from access.planning.asked import Policy
from accounts import sealing
from accounts.models import Space
from accounts.providers.systems import AccessMethod as Mode
from audit.ids import new_id
from audit.who import Place
from locks.codes.rules import Window

if TYPE_CHECKING:
    from accounts.actors import Actor


class Source(models.TextChoices):
    """Who asked for a grant."""

    DESK = "desk"
    #: A calendar of a booking site.
    FEED = "feed"
    #: A table of reservations.
    FILE = "file"
    API = "api"


class GrantState(models.TextChoices):
    """Where a stay stands, in the words of its list. Worked out, never stored."""

    UPCOMING = "upcoming"
    ACTIVE = "active"
    #: Active, and something was opened.
    ARRIVED = "arrived"
    ENDED = "ended"
    #: Ended, and nothing was ever opened.
    NO_SHOW = "no_show", "no-show"
    CANCELLED = "cancelled"


class AccessGrantQuerySet(models.QuerySet["AccessGrant"]):
    def for_actor(self, actor: Actor) -> Self:
        grants = self.filter(workspace_id=actor.workspace.pk)
        if actor.property_ids is None:
            return grants
        return grants.filter(property_id__in=actor.property_ids)

    def in_state(self, state: GrantState, at: datetime) -> Self:
        has_begun = Q(starts_at__lte=at)
        is_over = Q(ends_at__lte=at)
        found = {
            GrantState.UPCOMING: ~has_begun,
            GrantState.ACTIVE: has_begun & ~is_over & Q(arrived_at=None),
            GrantState.ARRIVED: has_begun & ~is_over & Q(arrived_at__isnull=False),
            GrantState.ENDED: is_over & Q(arrived_at__isnull=False),
            GrantState.NO_SHOW: is_over & Q(arrived_at=None),
            GrantState.CANCELLED: Q(),
        }[state]
        return self.filter(found, revoked_at__isnull=state != GrantState.CANCELLED)

    def wanted(self, at: datetime) -> Self:
        """Keep those that shall open something now or later."""
        return self.filter(Q(ends_at=None) | Q(ends_at__gt=at), revoked_at=None)


class AccessGrant(models.Model):
    """One stay, or one job: a person, doors of one property, a window, and ways in.

    The row is a wish. What it produced are its access methods; they share rows with other
    grants of the same person where those follow one another (`access.models.methods`).
    A grant is never deleted.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey("accounts.Workspace", models.PROTECT, related_name="+")
    property = models.ForeignKey(Space, models.PROTECT, related_name="grants")
    identity = models.ForeignKey(UserIdentity, models.PROTECT, related_name="grants")
    #: What an integrator calls it (Seam: access_grant_key).
    key = models.CharField(max_length=255, blank=True)
    name = models.CharField(max_length=100, blank=True)
    #: Half-open: [starts_at, ends_at). No end: until somebody revokes it.
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    policy = models.CharField(
        max_length=10,
        choices=[(each.value, each.value) for each in Policy],
        default=Policy.ALL.value,
    )
    reservation_key = models.CharField(max_length=255, blank=True)
    source = models.CharField(max_length=10, choices=Source, default=Source.DESK)
    note = models.CharField(max_length=500, blank=True)
    created_by = models.ForeignKey("accounts.User", models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    #: Rises with every change of the wish.
    generation = models.IntegerField(default=1)

    # --- what its plan said ---
    #: GrantWarning as JSON, without digits: {"code", "message", "device_id", "reason", "at"}.
    warnings: models.JSONField[Any] = models.JSONField(default=list)
    #: Doors that nothing asked for opens: {"door_id", "name", "message", "is_device"}.
    left_out: models.JSONField[Any] = models.JSONField(default=list)
    #: The doors (ids) its targets had when it was last planned, to notice new ones.
    doors_planned: models.JSONField[Any] = models.JSONField(default=list)
    #: Why the doors that were added since could not be planned; "" where they were.
    plan_error = models.CharField(max_length=300, blank=True)

    # --- its life ---
    #: The wish that it shall be over, and when that is carried out: within seconds, so that a
    #: slip can be taken back. Links of its guest stop at once.
    revoked_at = models.DateTimeField(null=True)
    revoke_due_at = models.DateTimeField(null=True)
    revoked_by_name = models.CharField(max_length=200, blank=True)
    revoke_reason = models.CharField(max_length=300, blank=True)
    #: When its methods were given up; and when all of them were seen gone.
    given_up_at = models.DateTimeField(null=True)
    gone_at = models.DateTimeField(null=True)
    #: When the log was told that something of it should have been gone, and was not.
    overdue_at = models.DateTimeField(null=True)
    #: The first opening by one of its methods.
    arrived_at = models.DateTimeField(null=True)

    objects = AccessGrantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "key"], name="grant_key_once", condition=~Q(key="")
            ),
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(starts_at__lt=F("ends_at")), name="grant_window"
            ),
        ]
        indexes = [
            # Upcoming and arriving grants of a workspace, by start.
            models.Index(fields=["workspace", "starts_at", "id"], name="grant_starts"),
            # Who leaves, and who left last.
            models.Index(
                fields=["workspace", "ends_at", "id"],
                name="grant_ends",
                condition=Q(revoked_at=None),
            ),
            # What was cancelled last.
            models.Index(
                fields=["workspace", "-revoked_at", "id"],
                name="grant_revoked",
                condition=Q(revoked_at__isnull=False),
            ),
            # What ended last, by itself or by being revoked.
            models.Index(
                F("workspace"), Least("ends_at", "revoked_at").desc(), F("id"), name="grant_over"
            ),
            # The grants of one reservation.
            models.Index(
                fields=["workspace", "reservation_key"],
                name="grant_reservation",
                condition=~Q(reservation_key=""),
            ),
            # What was revoked and not carried out?
            models.Index(
                fields=["revoke_due_at"],
                name="grant_revoke_due",
                condition=Q(revoke_due_at__isnull=False, given_up_at=None),
            ),
            # What has ended and was not seen gone?
            models.Index(fields=["ends_at"], name="grant_not_gone", condition=Q(gone_at=None)),
        ]

    def __str__(self) -> str:
        return self.name or str(self.identity)

    def get_absolute_url(self) -> str:
        return reverse("grant", args=[self.pk])

    @builtins.property
    def window(self) -> Window:
        return Window(self.starts_at, self.ends_at)

    def is_over(self, at: datetime) -> bool:
        return self.revoked_at is not None or (self.ends_at is not None and self.ends_at <= at)

    def state(self, at: datetime) -> GrantState:
        if self.revoked_at is not None:
            return GrantState.CANCELLED
        if at < self.starts_at:
            return GrantState.UPCOMING
        has_arrived = self.arrived_at is not None
        if self.is_over(at):
            return GrantState.ENDED if has_arrived else GrantState.NO_SHOW
        return GrantState.ARRIVED if has_arrived else GrantState.ACTIVE

    def as_place(self) -> Place:
        return Place(property_id=self.property_id, property_name=self.property.name)


class GrantTarget(models.Model):
    """Where a grant leads: one lock, one entrance, or all that a space has, now and later."""

    grant = models.ForeignKey(AccessGrant, models.CASCADE, related_name="targets")
    position = models.PositiveSmallIntegerField()
    device = models.ForeignKey("locks.Device", models.PROTECT, null=True, related_name="+")
    space = models.ForeignKey(Space, models.PROTECT, null=True, related_name="+")
    entrance = models.ForeignKey(AcsEntrance, models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ("position",)
        constraints = [
            models.CheckConstraint(
                condition=Q(device__isnull=False, space=None, entrance=None)
                | Q(device=None, space__isnull=False, entrance=None)
                | Q(device=None, space=None, entrance__isnull=False),
                name="target_is_one_thing",
            ),
            models.UniqueConstraint(
                fields=["grant", "device", "space", "entrance"],
                name="target_once_per_grant",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return str(self.device or self.space or self.entrance)


class RequestedMethod(models.Model):
    """One way in that was asked for. Digits are a wish (facts/seam.md 7.5, rule 2)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    grant = models.ForeignKey(AccessGrant, models.CASCADE, related_name="requests")
    position = models.PositiveSmallIntegerField()
    mode = models.CharField(max_length=12, choices=[(each.value, each.value) for each in Mode])
    digits_sealed = models.TextField(blank=True)
    instant_key_max_use_count = models.PositiveSmallIntegerField(default=1)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("position",)
        constraints = [
            models.UniqueConstraint(fields=["grant", "mode"], name="request_mode_once_per_grant")
        ]

    def __str__(self) -> str:
        return self.mode

    def seal_digits(self, digits: str) -> None:
        self.digits_sealed = sealing.seal(digits, self._bound_to) if digits else ""

    def unseal_digits(self) -> str:
        """Return the digits asked for, or "". Raises sealing.UnreadableError."""
        return sealing.unseal(self.digits_sealed, self._bound_to) if self.digits_sealed else ""

    @property
    def _bound_to(self) -> str:
        return f"requested_method:{self.pk}:digits"
