"""User identities: the people who open doors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from access.models.searching import Matches, Words, prefixes
from audit.ids import new_id

if TYPE_CHECKING:
    from accounts.actors import Actor


class UserIdentityQuerySet(models.QuerySet["UserIdentity"]):
    def for_actor(self, actor: Actor) -> Self:
        """Keep those with a grant in a property that this person sees.

        Whoever sees all properties also sees those with none.
        """
        people = self.filter(workspace_id=actor.workspace.pk, merged_into=None)
        if actor.property_ids is None:
            return people
        here = self.model.objects.filter(grants__property_id__in=actor.property_ids)
        return people.filter(pk__in=here.values("pk"))

    def like(self, text: str) -> UserIdentityQuerySet:
        """Keep those of whom every word of a search begins a word (name, e-mail, phone)."""
        return self.filter(Matches(F("words"), prefixes(text)))


class UserIdentity(models.Model):
    """A person who opens doors: guest, tenant, staff. Known by their e-mail and their phone.

    One that was merged into another stays as a signpost, so that its id and key go on leading
    to the person (facts/seam.md 7.7).
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey("accounts.Workspace", models.PROTECT, related_name="+")
    #: What an integrator calls them (Seam: user_identity_key).
    key = models.CharField(max_length=255, blank=True)
    full_name = models.CharField(max_length=100, blank=True)
    email = models.CharField(max_length=254, blank=True)
    phone = models.CharField(max_length=20, blank=True)
    #: The language that they are written to in; empty: the property's usual one.
    language = models.CharField(max_length=5, blank=True)
    #: Staff belong to no reservation.
    is_staff = models.BooleanField(default=False)
    merged_into = models.ForeignKey("self", models.PROTECT, null=True, related_name="merged")
    created_by = models.ForeignKey("accounts.User", models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    #: What they are found by.
    words = models.GeneratedField(
        expression=Words("full_name", "email", "phone"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = UserIdentityQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "workspace",
                Lower("email"),
                name="identity_email_once",
                condition=~Q(email="") & Q(merged_into=None),
            ),
            models.UniqueConstraint(
                fields=["workspace", "phone"],
                name="identity_phone_once",
                condition=~Q(phone="") & Q(merged_into=None),
            ),
            models.UniqueConstraint(
                fields=["workspace", "key"], name="identity_key_once", condition=~Q(key="")
            ),
        ]
        indexes = [
            # Who is called like this? Sorted in at once, as people search while others type.
            GinIndex(fields=["words"], name="identity_words", fastupdate=False)
        ]

    def __str__(self) -> str:
        return self.full_name or self.email or self.phone
