"""Users of access control systems: what we wish of them, and what was last seen."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.urls import reverse

from access.models.searching import Matches, Words, prefixes
from access.models.systems import AcsAccessGroup, AcsSystem, InSystemQuerySet
from access.states import Phase
from audit.ids import new_id


class AcsUserQuerySet(InSystemQuerySet):
    def like(self, text: str) -> AcsUserQuerySet:
        """Keep those of whom every word of a search begins a word (name, e-mail, number …)."""
        return self.filter(Matches(F("words"), prefixes(text)))

    def not_gone(self) -> AcsUserQuerySet:
        return self.exclude(phase=Phase.GONE)


#: Our wish is refused, or the provider tells of something wrong.
IN_TROUBLE = ~Q(error_code="") | ~Q(errors=[])
#: Something of our wish was not yet seen true. Memberships are apart: they have rows.
UNSETTLED = Q(phase__in=[Phase.CREATING, Phase.DELETING]) | ~Q(pending=[]) | ~Q(mutations=[])


class AcsUser(models.Model):
    """One cardholder of one system.

    Columns hold the wish. `pending` names the parts we changed and have not yet seen changed;
    every other part follows the provider, where people also work. Deleting is a wish: they
    are gone when they were seen gone (reliability CARD-05, CODE-02).
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    system = models.ForeignKey(AcsSystem, models.PROTECT, related_name="users")
    remote_id = models.CharField(max_length=200, blank=True)
    #: False: made past the provider's API; shown, never changed.
    is_managed = models.BooleanField(default=True)
    created_by = models.ForeignKey("accounts.User", models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()

    # --- desired ---
    full_name = models.CharField(max_length=100)
    email = models.CharField(max_length=254, blank=True)
    phone = models.CharField(max_length=20, blank=True)
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    is_suspended = models.BooleanField(default=False)
    groups: models.ManyToManyField[AcsAccessGroup, Any] = models.ManyToManyField(
        AcsAccessGroup, through="access.AcsMembership", related_name="users"
    )
    #: Parts (states.Part) not yet seen as wished.
    pending: models.JSONField[Any] = models.JSONField(default=list)
    delete_asked_at = models.DateTimeField(null=True)
    #: Who they are across systems at the provider, which holds mobile keys; "": not known.
    identity_remote_id = models.CharField(max_length=200, blank=True)
    #: Whether the provider was told, or says, that they are that person.
    is_identity_linked = models.BooleanField(default=False)
    #: Rises with every change of the wish.
    generation = models.IntegerField(default=1)

    # --- reported ---
    phase = models.CharField(max_length=10, choices=Phase, default=Phase.CREATING)
    #: As last listed: name, e-mail, phone, schedule, suspension; JSON of providers.systems.
    reported: models.JSONField[Any] = models.JSONField(default=dict)
    external_number = models.CharField(max_length=100, blank=True)
    #: Salto KS: whether they have a seat.
    is_subscribed = models.BooleanField(null=True)
    #: What the provider has taken and not carried out: [{"code", "group_id", "scheduled_at"}].
    mutations: models.JSONField[Any] = models.JSONField(default=list)
    errors: models.JSONField[Any] = models.JSONField(default=list)
    warnings: models.JSONField[Any] = models.JSONField(default=list)
    #: When a listing last showed something new of them; `system.listed_at` says when it was asked.
    seen_at = models.DateTimeField(null=True)
    #: Committed before a call that makes them; cleared by its answer, or by a listing.
    ambiguous_since = models.DateTimeField(null=True)
    #: When a call last changed them. A listing that was asked before it says nothing.
    written_at = models.DateTimeField(null=True)
    #: What of the wish was told to the provider, by the reconciler only (reconciling.telling).
    told: models.JSONField[Any] = models.JSONField(default=dict)
    missing_listings = models.PositiveIntegerField(default=0)
    gone_at = models.DateTimeField(null=True)

    #: What they are found by. Kept, as making it costs more than reading the row.
    words = models.GeneratedField(
        expression=Words("full_name", "email", "phone", "external_number"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    #: When the reconciler looks at them next; the row is the work.
    next_run_at = models.DateTimeField(null=True)
    attempts = models.IntegerField(default=0)
    #: Why our wish is not true yet: a stable word, and a sentence.
    error_code = models.CharField(max_length=60, blank=True)
    error = models.CharField(max_length=300, blank=True)

    objects = AcsUserQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["system", "remote_id"], name="acs_user_once", condition=~Q(remote_id="")
            ),
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(starts_at=None) | Q(starts_at__lt=F("ends_at")),
                name="acs_user_window",
            ),
        ]
        indexes = [
            # The users of a system by name, page by page.
            models.Index("system", Lower("full_name"), "id", name="acs_user_name"),
            # … whose name, e-mail, phone or number begins like this. Without a list of entries
            # not yet sorted in, which each search would have to read.
            GinIndex(fields=["words"], name="acs_user_words", fastupdate=False),
            # … who are suspended, in trouble, or not yet as wished: few of many.
            models.Index(
                "system",
                Lower("full_name"),
                "id",
                name="acs_user_suspended",
                condition=Q(is_suspended=True),
            ),
            models.Index(
                "system", Lower("full_name"), "id", name="acs_user_trouble", condition=IN_TROUBLE
            ),
            models.Index(
                "system", Lower("full_name"), "id", name="acs_user_unsettled", condition=UNSETTLED
            ),
            # Who arrives: schedules that begin or lie around now.
            models.Index(fields=["system", "starts_at"], name="acs_user_starts"),
            # Whose wish is due?
            models.Index(
                fields=["next_run_at"], name="acs_user_due", condition=Q(next_run_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.full_name

    def get_absolute_url(self) -> str:
        return reverse("acs-user", args=[self.pk])

    def is_over(self, at: datetime) -> bool:
        return self.ends_at is not None and self.ends_at <= at


class AcsMembership(models.Model):
    """One user in one group: wished, seen, or both.

    Wished and not seen: pending. Seen and not wished: being taken out; it still opens doors.
    A row that is neither is deleted.
    """

    user = models.ForeignKey(AcsUser, models.CASCADE, related_name="memberships")
    group = models.ForeignKey(AcsAccessGroup, models.CASCADE, related_name="memberships")
    is_wanted = models.BooleanField(default=True)
    is_seen = models.BooleanField(default=False)
    #: When we last changed the wish, and when a call last told the provider.
    wanted_at = models.DateTimeField(null=True)
    written_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "group"], name="acs_membership_once")
        ]
        indexes = [
            # Whose groups are not yet as wished?
            models.Index(
                fields=["user"],
                name="acs_membership_unsettled",
                condition=~Q(is_wanted=F("is_seen")),
            )
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.group_id}"

    @property
    def is_pending(self) -> bool:
        return self.is_wanted != self.is_seen
