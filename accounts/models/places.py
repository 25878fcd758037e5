"""Where doors are: properties, and the floors and rooms inside them."""

from __future__ import annotations

import builtins
from datetime import time
from typing import TYPE_CHECKING, Self
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError
from django.db import models

from audit.ids import new_id

if TYPE_CHECKING:
    from accounts.actors import Actor


class SpaceKind(models.TextChoices):
    PROPERTY = "property"
    BUILDING = "building"
    FLOOR = "floor"
    AREA = "area"
    ROOM = "room"


class UnlockPolicy(models.TextChoices):
    """What a person is asked before a door opens from afar."""

    NONE = "none", "Open at the first click"
    CONFIRM = "confirm", "Ask to confirm"
    REASON = "reason", "Ask for a reason"


def validate_time_zone(name: str) -> None:
    if name not in available_timezones() or "/" not in name:
        raise ValidationError(
            "Enter the time zone by its full name (timezone: IANA name such as Europe/Paris)."
        )


class SpaceQuerySet(models.QuerySet["Space"]):
    def properties(self) -> Self:
        return self.filter(parent=None)

    def for_actor(self, actor: Actor) -> Self:
        """Keep the spaces this person may see."""
        spaces = self.filter(workspace_id=actor.workspace.pk)
        if actor.property_ids is None:
            return spaces
        return spaces.filter(
            models.Q(pk__in=actor.property_ids) | models.Q(property_id__in=actor.property_ids)
        )


class Space(models.Model):
    """A place with doors. One without a parent is a property and decides time and policy."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey("accounts.Workspace", models.CASCADE, related_name="spaces")
    parent = models.ForeignKey("self", models.CASCADE, null=True, related_name="children")
    #: The top of the tree; empty where this is the top.
    property = models.ForeignKey("self", models.CASCADE, null=True, related_name="inside")
    kind = models.CharField(max_length=20, choices=SpaceKind)
    name = models.CharField(max_length=100)
    time_zone = models.CharField(
        max_length=64, default="UTC", validators=[validate_time_zone], blank=True
    )
    check_in = models.TimeField(default=time(15))
    check_out = models.TimeField(default=time(11))
    unlock_policy = models.CharField(
        max_length=10, choices=UnlockPolicy, default=UnlockPolicy.CONFIRM
    )

    objects = SpaceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "parent", "name"],
                name="space_name_once_per_parent",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=models.Q(kind=SpaceKind.PROPERTY, parent=None, property=None)
                | models.Q(
                    ~models.Q(kind=SpaceKind.PROPERTY),
                    parent__isnull=False,
                    property__isnull=False,
                ),
                name="space_properties_are_the_top",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @builtins.property  # `property` is a column here
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)
