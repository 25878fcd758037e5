"""Access codes: what shall be true on a lock, what was last seen there, and what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from accounts import sealing
from accounts.models import ConnectedAccount, ConnectedSite
from audit.ids import new_id
from locks.codes.states import GONE_PHASES, CodePhase, CodeStatus, SecretState

if TYPE_CHECKING:
    from datetime import datetime

    from accounts.actors import Actor


class AccessCodeQuerySet(models.QuerySet["AccessCode"]):
    def for_actor(self, actor: Actor) -> Self:
        codes = self.filter(workspace_id=actor.workspace.pk)
        if actor.property_ids is None:
            return codes
        return codes.filter(device__property_id__in=actor.property_ids)

    def managed(self) -> Self:
        return self.filter(is_managed=True)

    def not_gone(self) -> Self:
        """Keep what may still open a door, or is meant to."""
        return self.exclude(phase__in=GONE_PHASES)

    def wanted(self) -> Self:
        return self.filter(revoked_at=None)


class AccessCode(models.Model):
    """One PIN on one door: a wish, and beside it what was last seen of it.

    The wish is written by people and raises `generation`; everything reported is written by
    the reconciler, for the generation it looked at. A code is never deleted: revoking is a
    wish too, and it is gone only when it was seen gone (reliability CODE-01 … CODE-05).
    Unmanaged codes were found at the provider; we only show them.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey("accounts.Workspace", models.PROTECT, related_name="+")
    account = models.ForeignKey(ConnectedAccount, models.PROTECT, related_name="access_codes")
    site = models.ForeignKey(ConnectedSite, models.PROTECT, related_name="access_codes")
    device = models.ForeignKey("locks.Device", models.PROTECT, related_name="access_codes")
    is_managed = models.BooleanField(default=True)
    created_by = models.ForeignKey("accounts.User", models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    #: Codes made together share it (Seam: common_code_key).
    common_key = models.CharField(max_length=64, blank=True)
    #: The access grant it was made for; such a code changes with its grant only.
    grant_id = models.UUIDField(null=True)
    #: Codes of several doors of a site that are one guest at the provider share it, and with it
    #: the ref, digits, name and window (locks.codes.family). Empty for a code of its own.
    shared_key = models.CharField(max_length=64, blank=True)

    # --- desired ---
    name = models.CharField(max_length=60)
    #: Both empty: an ongoing code. Half-open: [starts_at, ends_at).
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    #: Empty until there are digits: chosen by us, or as the provider made them.
    digits_sealed = models.TextField(blank=True)
    #: HMAC of the digits, for "are these in use on this door?". Empty without digits.
    digits_index = models.CharField(max_length=64, blank=True)
    secret_state = models.CharField(max_length=10, choices=SecretState, default=SecretState.NONE)
    #: When the digits were first shown to somebody: from then on they never change silently.
    delivered_at = models.DateTimeField(null=True)
    is_backup = models.BooleanField(default=False)
    #: Somebody else's changes at the provider are left alone.
    allows_external_modification = models.BooleanField(default=False)
    #: The wish that it shall be gone; by a person, or null while its window decides.
    revoked_at = models.DateTimeField(null=True)
    generation = models.IntegerField(default=1)

    # --- reported ---
    status = models.CharField(max_length=10, choices=CodeStatus, default=CodeStatus.UNSET)
    phase = models.CharField(max_length=20, choices=CodePhase, default=CodePhase.WAITING)
    observed_generation = models.IntegerField(default=0)
    #: Our mark at the provider: the first 8 characters of the name there.
    ref = models.CharField(max_length=8)
    remote_id = models.CharField(max_length=200, blank=True)
    #: Who it belongs to in the provider's feed.
    person_id = models.CharField(max_length=200, blank=True)
    #: What the driver knows about it (providers.codes, `seen`).
    seen: models.JSONField[Any] = models.JSONField(default=dict)
    #: Committed before a call that makes something; cleared by its answer, or by a listing.
    ambiguous_since = models.DateTimeField(null=True)
    #: When a step last changed it at the provider. A listing soon after may not know of that.
    written_at = models.DateTimeField(null=True)
    #: From when it is being set, while it is.
    setting_since = models.DateTimeField(null=True)
    #: When the provider had all of it; from when a lock that is online has it.
    accepted_at = models.DateTimeField(null=True)
    effective_at = models.DateTimeField(null=True)
    #: How we know that it is on the lock: "listing", "time" (the provider's usual delay went by
    #: with the lock online), "used" (it opened the door).
    effective_evidence = models.CharField(max_length=10, blank=True)
    #: Whether the lock ends it at `reported_ends_at` without us.
    has_native_end = models.BooleanField(default=False)
    reported_starts_at = models.DateTimeField(null=True)
    reported_ends_at = models.DateTimeField(null=True)
    reported_name = models.CharField(max_length=200, blank=True)
    last_seen_at = models.DateTimeField(null=True)
    #: Complete listings in a row without it, and since when.
    missing_listings = models.IntegerField(default=0)
    missing_since = models.DateTimeField(null=True)
    #: When the provider last said yes to its removal; only a later listing proves it.
    removal_accepted_at = models.DateTimeField(null=True)
    removed_in_cloud_at = models.DateTimeField(null=True)
    #: Confirmed gone from the lock. Set only by evidence.
    removed_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    #: When the reconciler looks at it next; the row is the work.
    next_run_at = models.DateTimeField(null=True)
    attempts = models.IntegerField(default=0)
    #: Seam's word, and a sentence. Empty while all is well.
    error_code = models.CharField(max_length=60, blank=True)
    error = models.CharField(max_length=300, blank=True)
    #: Seam's words for what is odd but not wrong, with sentences: [{"code", "message", "at"}].
    warnings: models.JSONField[Any] = models.JSONField(default=list)
    #: From when it should have been gone, while it is not; and who was told.
    overdue_since = models.DateTimeField(null=True)
    alerted_at = models.DateTimeField(null=True)
    escalated_at = models.DateTimeField(null=True)

    objects = AccessCodeQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "ref"],
                name="code_ref_once_per_account",
                condition=Q(is_managed=True, shared_key=""),
            ),
            models.UniqueConstraint(
                fields=["account", "ref", "device"],
                name="code_shared_once_per_door",
                condition=Q(is_managed=True, revoked_at=None) & ~Q(shared_key=""),
            ),
            models.UniqueConstraint(
                fields=["device", "remote_id"],
                name="code_unmanaged_once_per_door",
                condition=Q(is_managed=False),
            ),
            models.CheckConstraint(
                condition=Q(starts_at__isnull=True, ends_at__isnull=True)
                | Q(starts_at__lt=F("ends_at")),
                name="code_window_has_both_ends",
            ),
        ]
        indexes = [
            # What is due in this account?
            models.Index(
                fields=["account", "next_run_at"],
                name="code_due",
                condition=Q(next_run_at__isnull=False),
            ),
            # The codes of a door, newest first; are these digits in use on it?
            models.Index(fields=["device", "-created_at"], name="code_device"),
            models.Index(
                fields=["device", "digits_index"],
                name="code_digits",
                condition=~Q(digits_index=""),
            ),
            # Whose code opened this door?
            models.Index(
                fields=["account", "person_id"],
                name="code_person",
                condition=~Q(person_id=""),
            ),
            # The codes of a grant.
            models.Index(
                fields=["grant_id"], name="code_grant", condition=Q(grant_id__isnull=False)
            ),
            # Which codes are one guest?
            models.Index(
                fields=["account", "ref"],
                name="code_shared",
                condition=~Q(shared_key=""),
            ),
            # The list of all codes of a workspace.
            models.Index(fields=["workspace", "-created_at"], name="code_workspace"),
            # What should have been gone by now?
            models.Index(
                fields=["overdue_since"],
                name="code_overdue",
                condition=Q(overdue_since__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.ref})"

    def get_absolute_url(self) -> str:
        return reverse("code", args=[self.pk])

    @property
    def is_ongoing(self) -> bool:
        return self.ends_at is None

    @property
    def is_gone(self) -> bool:
        return self.phase in GONE_PHASES

    def is_wanted(self, at: datetime) -> bool:
        """Whether it shall be at the provider at this moment or later."""
        return self.revoked_at is None and (self.ends_at is None or at < self.ends_at)

    def is_active(self, at: datetime) -> bool:
        """Whether it opens the door now, as far as we know."""
        began = self.starts_at is None or self.starts_at <= at
        return self.status == CodeStatus.SET and began and self.is_wanted(at)

    def is_dangerous(self, at: datetime) -> bool:
        """Whether it may still open the door although it shall not."""
        return not self.is_wanted(at) and not self.is_gone

    def seal_digits(self, digits: str) -> None:
        """Encrypt digits into the row. Does not save."""
        self.digits_sealed = sealing.seal(digits, self._bound_to) if digits else ""

    def unseal_digits(self) -> str:
        """Return the digits, or "". Raises sealing.UnreadableError."""
        return sealing.unseal(self.digits_sealed, self._bound_to) if self.digits_sealed else ""

    @property
    def _bound_to(self) -> str:
        return f"access_code:{self.pk}:digits"


class CodeDoor(models.Model):
    """What has to exist at the provider before a door takes codes, and what it takes.

    Salto KS: an access group with the lock and an all-hours time schedule; others need nothing.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    device = models.OneToOneField("locks.Device", models.PROTECT, related_name="code_door")
    #: Our mark in the group's name.
    ref = models.CharField(max_length=8)
    seen: models.JSONField[Any] = models.JSONField(default=dict)
    ambiguous_since = models.DateTimeField(null=True)
    written_at = models.DateTimeField(null=True)
    #: When the set-up was complete; a fresh one takes minutes to reach the lock.
    ready_at = models.DateTimeField(null=True)
    #: When its members were last compared.
    looked_at = models.DateTimeField(null=True)
    #: An admin's word: this lock has a keypad, or has none; null: as the provider says.
    keypad_override = models.BooleanField(null=True)
    #: The provider refused a code because there is no keypad: proposed to an admin.
    keypad_doubted_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"codes on {self.device_id}"


class CodeMoment(models.Model):
    """One line of a code's time line: what we asked, what was answered, what was seen.

    Never holds digits. The audit log has the acts of people; this has every step besides.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    code = models.ForeignKey(AccessCode, models.CASCADE, related_name="moments")
    at = models.DateTimeField()
    #: A stable word: "asked", "accepted", "on_lock", "refused", "missing", "drifted" …
    what = models.CharField(max_length=40)
    #: A sentence for people.
    text = models.CharField(max_length=300)
    #: Empty for the reconciler.
    who = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes = [
            # The time line of one code.
            models.Index(fields=["code", "at"], name="moment_code")
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.what}"


__all__ = [
    "GONE_PHASES",
    "AccessCode",
    "AccessCodeQuerySet",
    "CodeDoor",
    "CodeMoment",
    "CodePhase",
    "CodeStatus",
    "SecretState",
]
