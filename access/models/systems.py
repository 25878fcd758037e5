"""Systems and what is synced from them, never invented: groups, entrances, encoders."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models.functions import Lower
from django.urls import reverse

from accounts.models import ConnectedAccount, Space
from accounts.permissions import Permission
from accounts.providers.systems import SystemType
from audit.ids import new_id
from audit.who import Place

if TYPE_CHECKING:
    from accounts.actors import Actor


class InSystemQuerySet(models.QuerySet[Any]):
    """Rows that belong to a system, and are seen where the system is."""

    def for_actor(self, actor: Actor) -> Self:
        rows = self.filter(
            system__workspace_id=actor.workspace.pk,
            system__removed_at=None,
            system__is_placed=True,
        )
        if actor.property_ids is None:
            return rows
        return rows.filter(system__property_id__in=actor.property_ids)


class SystemsWatch(models.Model):
    """When the systems of an account are next looked at, and by whom alone.

    A row of its own, so that neither polls nor codes wait for it. An account without one has
    not been looked at yet.
    """

    account = models.OneToOneField(
        ConnectedAccount, models.CASCADE, primary_key=True, related_name="systems_watch"
    )
    next_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    #: When everything was last listed without a fault.
    listed_at = models.DateTimeField(null=True)
    #: When everything is worth listing again, and how long that took: large systems less often.
    next_listing_at = models.DateTimeField(null=True)
    listing_seconds = models.FloatField(default=0)
    #: Rises by one with each full listing.
    passes = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["next_at"], name="systems_due")]

    def __str__(self) -> str:
        return f"systems of {self.account_id}"


class AcsSystemQuerySet(models.QuerySet["AcsSystem"]):
    def for_actor(self, actor: Actor) -> Self:
        systems = self.filter(workspace_id=actor.workspace.pk, removed_at=None, is_placed=True)
        if actor.property_ids is None:
            return systems
        return systems.filter(property_id__in=actor.property_ids)

    def to_place_by(self, actor: Actor) -> Self:
        """Keep those of which nobody has said where they belong, and this person may say it.

        That is who looks after systems in every property of the workspace: anybody else could
        take the people of a neighbour's to look at them.
        """
        ids = actor.property_ids_with(Permission.MANAGE_SYSTEMS)
        systems = self.filter(workspace_id=actor.workspace.pk, removed_at=None, is_placed=False)
        if ids is None:
            return systems
        others = Space.objects.properties().filter(workspace_id=actor.workspace.pk)
        return systems.filter(~models.Exists(others.exclude(pk__in=ids)))


class AcsSystem(models.Model):
    """One installation (Salto Space) or site (Salto KS) behind a connected account.

    Until it is placed, `property` is a guess that nobody is to see it by.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey("accounts.Workspace", models.PROTECT, related_name="+")
    account = models.ForeignKey(ConnectedAccount, models.PROTECT, related_name="acs_systems")
    property = models.ForeignKey(Space, models.PROTECT, related_name="acs_systems")
    #: Whether it is known to belong to that property. Once true, it stays so.
    is_placed = models.BooleanField(default=False)
    remote_id = models.CharField(max_length=200)
    name = models.CharField(max_length=200)
    external_type = models.CharField(max_length=60, blank=True)
    #: As the provider says; the property's zone is what pages show.
    time_zone = models.CharField(max_length=64, blank=True)
    #: [{"code", "message"}], as the provider tells them now.
    errors: models.JSONField[Any] = models.JSONField(default=list)
    warnings: models.JSONField[Any] = models.JSONField(default=list)
    #: Since when there have been errors without a break.
    trouble_since = models.DateTimeField(null=True)
    seats_used = models.IntegerField(null=True)
    seats_total = models.IntegerField(null=True)
    #: When it was last listed whole.
    listed_at = models.DateTimeField(null=True)
    #: Listings in a row that were empty or had shrunk by half, and are not believed yet.
    thin_listings = models.PositiveIntegerField(default=0)
    missing_listings = models.PositiveIntegerField(default=0)
    removed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AcsSystemQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "remote_id"], name="acs_system_once_per_account"
            )
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("acs-system", args=[self.pk])

    @builtins.property
    def type(self) -> SystemType:
        try:
            return SystemType(self.external_type)
        except ValueError:
            return SystemType.OTHER

    @builtins.property
    def writes_cards(self) -> bool:
        """Rights are on the card: it must be encoded, and again after every change."""
        return self.type == SystemType.SALTO_SPACE

    @builtins.property
    def assigns_tags(self) -> bool:
        return self.type == SystemType.SALTO_KS

    @builtins.property
    def gives_mobile_keys(self) -> bool:
        """Those of whose mobile keys the facts say how they are made (facts/seam.md 7.10)."""
        return self.type in (SystemType.SALTO_SPACE, SystemType.SALTO_KS)

    @builtins.property
    def is_bridge_down(self) -> bool:
        return any("bridge" in each["code"] for each in self.errors)

    def as_place(self) -> Place:
        """Return where lines of the log belong: of one not placed, to no property."""
        if not self.is_placed:
            return self.account.as_place()
        return Place(
            property_id=self.property_id,
            property_name=self.property.name,
            account_id=self.account_id,
            account_name=self.account.name,
        )


class _Synced(models.Model):
    """What every part of a system has."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    remote_id = models.CharField(max_length=200)
    name = models.CharField(max_length=200)
    errors: models.JSONField[Any] = models.JSONField(default=list)
    warnings: models.JSONField[Any] = models.JSONField(default=list)
    #: Complete listings in a row without it; at two it is removed here.
    missing_listings = models.PositiveIntegerField(default=0)
    removed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = InSystemQuerySet.as_manager()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name


class AcsEntrance(_Synced):
    """A door of a system. Rights to it come by groups."""

    system = models.ForeignKey(AcsSystem, models.CASCADE, related_name="entrances")
    #: The room or area of ours it leads to, if somebody linked it.
    space = models.ForeignKey(Space, models.SET_NULL, null=True, related_name="acs_entrances")
    room_name = models.CharField(max_length=200, blank=True)
    description = models.CharField(max_length=300, blank=True)
    #: Whether it hears of changes by itself: told by the provider (Salto KS), else by people
    #: here, as Salto Space does not say. None: not known, so take it for offline.
    is_wired = models.BooleanField(null=True)
    is_online = models.BooleanField(null=True)
    battery = models.CharField(max_length=40, blank=True)
    privacy_mode = models.BooleanField(null=True)
    takes_code = models.BooleanField(null=True)
    takes_card = models.BooleanField(null=True)
    takes_mobile_key = models.BooleanField(null=True)
    #: A guest's card there overrides those of earlier stays (facts/seam.md 7.6).
    can_belong_to_reservation = models.BooleanField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["system", "remote_id"], name="acs_entrance_once")
        ]
        indexes = [
            # The entrances of a system by name, page by page.
            models.Index("system", Lower("name"), "id", name="acs_entrance_name")
        ]

    def get_absolute_url(self) -> str:
        return reverse("acs-entrance", args=[self.pk])


class AcsAccessGroup(_Synced):
    """An access group (Salto Space: user access level): whoever is in it opens its entrances."""

    system = models.ForeignKey(AcsSystem, models.CASCADE, related_name="groups")
    entrances: models.ManyToManyField[AcsEntrance, Any] = models.ManyToManyField(
        AcsEntrance, related_name="groups"
    )
    mutations: models.JSONField[Any] = models.JSONField(default=list)
    #: When its people and its entrances were last read.
    read_at = models.DateTimeField(null=True)
    #: Since when somebody has waited for it to be read, with its page open; None once it was.
    news_wanted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["system", "remote_id"], name="acs_group_once")
        ]
        indexes = [
            # The groups of a system by name, page by page.
            models.Index("system", Lower("name"), "id", name="acs_group_name")
        ]

    def get_absolute_url(self) -> str:
        return reverse("acs-group", args=[self.pk])


class AcsEncoder(_Synced):
    """A card writer on a desk. Nobody says whether it is online: only attempts show it."""

    system = models.ForeignKey(AcsSystem, models.CASCADE, related_name="encoders")
    last_used_at = models.DateTimeField(null=True)
    last_ok_at = models.DateTimeField(null=True)
    #: A CardFailure that speaks against the encoder, until it works again.
    last_error = models.CharField(max_length=40, blank=True)
    last_error_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["system", "remote_id"], name="acs_encoder_once")
        ]
