"""Access methods: the ways in that grants produced, door by door."""

from __future__ import annotations

import builtins
from datetime import datetime
from typing import TYPE_CHECKING, Self
from uuid import UUID

from django.db import models
from django.db.models import Q

from access.models.grants import AccessGrant
from access.models.identities import UserIdentity
from access.models.people import AcsUser
from access.models.systems import AcsEntrance, AcsSystem
from accounts import sealing
from accounts.models import ConnectedSite
from accounts.providers.systems import AccessMethod as Mode
from audit.ids import new_id
from locks.codes.rules import Window
from locks.models import AccessCode

if TYPE_CHECKING:
    from accounts.actors import Actor


class AccessMethodQuerySet(models.QuerySet["AccessMethod"]):
    def for_actor(self, actor: Actor) -> Self:
        methods = self.filter(workspace_id=actor.workspace.pk)
        if actor.property_ids is None:
            return methods
        return methods.filter(property_id__in=actor.property_ids)

    def of_grant(self, grant: AccessGrant) -> Self:
        """Keep those that the grant has or had."""
        shares = DoorShare.objects.filter(grant=grant)
        return self.filter(pk__in=shares.values("door__method"))


class AccessMethod(models.Model):
    """One PIN, one card, one mobile key or one web key of one person; for one door or many.

    It only points at what is kept true elsewhere: the access codes of its doors, or a user of
    an access control system with their groups and credentials. How far it is, is read there.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey("accounts.Workspace", models.PROTECT, related_name="+")
    property = models.ForeignKey("accounts.Space", models.PROTECT, related_name="+")
    identity = models.ForeignKey(UserIdentity, models.PROTECT, related_name="methods")
    mode = models.CharField(max_length=12, choices=[(each.value, each.value) for each in Mode])
    #: Where PINs, cards and seats are; neither for a web key.
    site = models.ForeignKey(ConnectedSite, models.PROTECT, null=True, related_name="+")
    system = models.ForeignKey(AcsSystem, models.PROTECT, null=True, related_name="+")
    #: The provider makes its digits.
    by_provider = models.BooleanField(default=False)
    #: The digits that were asked for when these were chosen.
    asked_sealed = models.TextField(blank=True)
    #: The digits it was planned with; empty where the provider makes them.
    digits_sealed = models.TextField(blank=True)
    #: For cards, and PINs and mobile keys of a system: who it is there. Made for this method.
    acs_user = models.ForeignKey(AcsUser, models.PROTECT, null=True, related_name="methods")
    instant_key_max_use_count = models.PositiveSmallIntegerField(null=True)
    created_at = models.DateTimeField()
    #: When it was first ready for its person.
    issued_at = models.DateTimeField(null=True)
    #: When no grant wanted it any more.
    revoked_at = models.DateTimeField(null=True)

    objects = AccessMethodQuerySet.as_manager()

    class Meta:
        indexes = [
            # What somebody has, newest first.
            models.Index(fields=["identity", "-created_at"], name="method_identity"),
            # What is not ready for its person yet? Asked every two seconds.
            models.Index(
                fields=["mode"],
                name="method_not_issued",
                condition=Q(issued_at=None, revoked_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.mode} of {self.identity_id}"

    @builtins.property
    def system_key(self) -> UUID | None:
        """What the planner calls `system_id`."""
        return self.site_id or self.system_id

    def seal_asked(self, digits: str) -> None:
        self.asked_sealed = sealing.seal(digits, self._bound_to) if digits else ""

    def unseal_asked(self) -> str:
        """Return the digits asked for, or "". Raises sealing.UnreadableError."""
        return sealing.unseal(self.asked_sealed, self._bound_to) if self.asked_sealed else ""

    def seal_digits(self, digits: str) -> None:
        self.digits_sealed = sealing.seal(digits, self._digits_bound_to) if digits else ""

    def unseal_digits(self) -> str:
        """Return the digits it was planned with, or "". Raises sealing.UnreadableError."""
        if not self.digits_sealed:
            return ""
        return sealing.unseal(self.digits_sealed, self._digits_bound_to)

    @builtins.property
    def _bound_to(self) -> str:
        return f"access_method:{self.pk}:asked"

    @builtins.property
    def _digits_bound_to(self) -> str:
        return f"access_method:{self.pk}:digits"


class MethodDoor(models.Model):
    """One door of a method, and when the method opens it: the hull of its shares."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    method = models.ForeignKey(AccessMethod, models.CASCADE, related_name="doors")
    device = models.ForeignKey("locks.Device", models.PROTECT, null=True, related_name="+")
    entrance = models.ForeignKey(AcsEntrance, models.PROTECT, null=True, related_name="+")
    #: For PINs of locks. None while it waits: a code without an end is made when it begins.
    code = models.OneToOneField(AccessCode, models.PROTECT, null=True, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    #: When no grant wanted it any more.
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(device__isnull=False, entrance=None)
                | Q(device=None, entrance__isnull=False),
                name="method_door_is_one_thing",
            ),
            models.UniqueConstraint(
                fields=["method", "device", "entrance"],
                name="method_door_once",
                condition=Q(ended_at=None),
                nulls_distinct=False,
            ),
        ]
        indexes = [
            # What opens this lock, or this entrance, for people with grants?
            models.Index(
                fields=["device"],
                name="method_door_device",
                condition=Q(device__isnull=False, ended_at=None),
            ),
            models.Index(
                fields=["entrance"],
                name="method_door_entrance",
                condition=Q(entrance__isnull=False, ended_at=None),
            ),
            # Which PINs without an end wait for their start? Asked every two seconds.
            models.Index(
                fields=["starts_at"],
                name="method_door_waits",
                condition=Q(code=None, device__isnull=False, ended_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.method_id} at {self.door_id}"

    @property
    def door_id(self) -> UUID:
        found = self.device_id or self.entrance_id
        assert found is not None
        return found

    @property
    def window(self) -> Window:
        return Window(self.starts_at, self.ends_at)


class DoorShare(models.Model):
    """What one grant wants of a method at one door. Kept after it ends, for what was."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    door = models.ForeignKey(MethodDoor, models.CASCADE, related_name="shares")
    grant = models.ForeignKey(AccessGrant, models.CASCADE, related_name="shares")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    #: When the grant gave it up.
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["door", "grant"], name="share_once", condition=Q(ended_at=None)
            )
        ]

    def __str__(self) -> str:
        return f"{self.grant_id} at {self.door_id}"

    @property
    def window(self) -> Window:
        return Window(self.starts_at, self.ends_at)

    def is_wanted(self, at: datetime) -> bool:
        return self.ended_at is None and (self.ends_at is None or at < self.ends_at)
