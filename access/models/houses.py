"""What guests are told about a property."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models

from accounts import sealing
from accounts.models import Space
from audit.ids import new_id

if TYPE_CHECKING:
    from accounts.actors import Actor


class GuestHouseQuerySet(models.QuerySet["GuestHouse"]):
    def for_actor(self, actor: Actor) -> Self:
        houses = self.filter(house__workspace_id=actor.workspace.pk)
        if actor.property_ids is None:
            return houses
        return houses.filter(house_id__in=actor.property_ids)


class GuestHouse(models.Model):
    """What the pages of a property's guests say besides the way in. No row: nothing yet.

    The Wi-Fi's password is sealed, and shown to guests while they stay.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    house = models.OneToOneField(Space, models.CASCADE, related_name="guest_house")
    phone = models.CharField(max_length=40, blank=True)
    #: Where answers to messages go, too.
    email = models.CharField(max_length=254, blank=True)
    address = models.CharField(max_length=300, blank=True)
    directions = models.CharField(max_length=1500, blank=True)
    wifi_name = models.CharField(max_length=64, blank=True)
    wifi_password_sealed = models.TextField(blank=True)
    notes = models.CharField(max_length=1500, blank=True)
    changed_at = models.DateTimeField()

    objects = GuestHouseQuerySet.as_manager()

    def __str__(self) -> str:
        return f"guests of {self.house_id}"

    def seal_wifi_password(self, password: str) -> None:
        self.wifi_password_sealed = sealing.seal(password, self._bound_to) if password else ""

    def unseal_wifi_password(self) -> str:
        """Return the password, or "". Raises sealing.UnreadableError."""
        sealed = self.wifi_password_sealed
        return sealing.unseal(sealed, self._bound_to) if sealed else ""

    @property
    def _bound_to(self) -> str:
        return f"guest_house:{self.pk}:wifi_password"
