"""Credentials: cards, PINs and mobile keys of users."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Right, Upper

from access.models.people import AcsUser
from access.models.systems import AcsSystem, InSystemQuerySet
from access.states import CardState, Phase
from accounts import sealing
from audit.ids import new_id

#: So much of the end of a card's number is shown.
LAST_SHOWN = 4
#: The provider said that it was written, once, and perhaps says it no more.
_TOLD = Q(is_issued=True) | ~Q(card_number="") | Q(issued_at__isnull=False)
#: Some card carries it, or has carried it; also where the provider never said so, and the card
#: was read and is good.
WAS_WRITTEN = Q(access_method="card") & (_TOLD | Q(card_state=CardState.IN_USE))
#: A card that somebody walks around with, unless it was lost or given back. Also where the
#: provider says no more that it is issued: the card is still there.
ON_A_CARD = Q(phase=Phase.LIVE, delete_asked_at=None) & WAS_WRITTEN
_REISSUE = "needs_to_be_reissued"
#: Of what is on a card: it does not carry its person's rights of now, or nobody knows yet
#: whether it does. "Not issued" of a card that was written once says so, too.
OUT_OF_DATE = (
    Q(warnings__contains=[{"code": _REISSUE}])
    | Q(rights_changed_at__isnull=False)
    | (Q(is_issued=False) & _TOLD)
)


class AcsCredential(models.Model):
    """One way in of one user. A card's number is personal data: shown masked, never logged.

    `is_issued` is written from the provider's own word only (reliability CARD-01). Deleting is
    a wish; a card whose credential is gone may still open offline doors for a while.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    system = models.ForeignKey(AcsSystem, models.PROTECT, related_name="credentials")
    #: None: found at the provider, of nobody we know.
    user = models.ForeignKey(AcsUser, models.PROTECT, null=True, related_name="credentials")
    remote_id = models.CharField(max_length=200, blank=True)
    access_method = models.CharField(max_length=20)
    external_type = models.CharField(max_length=60, blank=True)
    is_managed = models.BooleanField(default=True)
    created_by = models.ForeignKey("accounts.User", models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()

    # --- desired ---
    #: Salto Space, assign_new_key: a new key, or the current one written again.
    is_new_key = models.BooleanField(default=True)
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    delete_asked_at = models.DateTimeField(null=True)
    #: Why it was taken back: "lost", "returned", "replaced", "cancelled", "unused".
    delete_reason = models.CharField(max_length=20, blank=True)
    #: Of a mobile key: a link is to be made, which brings it onto so many phones.
    wants_instant_key = models.BooleanField(default=False)
    instant_key_max_use_count = models.PositiveSmallIntegerField(default=1)

    # --- reported ---
    phase = models.CharField(max_length=10, choices=Phase, default=Phase.CREATING)
    is_issued = models.BooleanField(null=True)
    issued_at = models.DateTimeField(null=True)
    card_number = models.CharField(max_length=64, blank=True)
    #: The PIN the provider made, sealed.
    code_sealed = models.TextField(blank=True)
    card_state = models.CharField(max_length=10, choices=CardState, default=CardState.NONE)
    errors: models.JSONField[Any] = models.JSONField(default=list)
    warnings: models.JSONField[Any] = models.JSONField(default=list)
    seen_at = models.DateTimeField(null=True)
    ambiguous_since = models.DateTimeField(null=True)
    written_at = models.DateTimeField(null=True)
    #: When a call of ours changed what a written card should carry; None once a look that came
    #: after the change has told how the card is.
    rights_changed_at = models.DateTimeField(null=True)
    #: The entrances (ids) it was written for; None: not known here.
    written_doors: models.JSONField[Any] = models.JSONField(null=True)
    #: The schedule it was written for ("starts_at", "ends_at"), while another is wished; None:
    #: not known here.
    written_schedule: models.JSONField[Any] = models.JSONField(null=True)
    missing_listings = models.PositiveIntegerField(default=0)
    gone_at = models.DateTimeField(null=True)

    #: The link, as the provider made it. One without an address here is to be deleted there.
    instant_key_id = models.CharField(max_length=200, blank=True)
    #: Its address, sealed: whoever has it has the key.
    instant_key_sealed = models.TextField(blank=True)
    instant_key_expires_at = models.DateTimeField(null=True)
    #: Committed before the call that makes it; cleared by its answer, or by a listing.
    instant_key_asked_at = models.DateTimeField(null=True)

    next_run_at = models.DateTimeField(null=True)
    attempts = models.IntegerField(default=0)
    error_code = models.CharField(max_length=60, blank=True)
    error = models.CharField(max_length=300, blank=True)

    objects = InSystemQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["system", "remote_id"],
                name="acs_credential_once",
                condition=~Q(remote_id=""),
            )
        ]
        indexes = [
            # The credentials of a system, newest first.
            models.Index(fields=["system", "-created_at", "id"], name="acs_credential_newest"),
            # Whose card is this?
            models.Index(
                fields=["system", "card_number"],
                name="acs_credential_card",
                condition=~Q(card_number=""),
            ),
            # Whose card ends like this?
            models.Index(
                Upper(Right("card_number", LAST_SHOWN)),
                name="acs_credential_last_four",
                condition=~Q(card_number=""),
            ),
            # Who holds a card?
            models.Index(
                fields=["system", "user"], name="acs_credential_held", condition=ON_A_CARD
            ),
            models.Index(
                fields=["next_run_at"],
                name="acs_credential_due",
                condition=Q(next_run_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.access_method} of {self.user_id}"

    @property
    def last_four(self) -> str:
        """The end of the card's number: all of it that pages show."""
        return self.card_number[-LAST_SHOWN:]

    @property
    def needs_to_be_reissued(self) -> bool:
        return self.rights_changed_at is not None or any(
            each["code"] == _REISSUE for each in self.warnings
        )

    @property
    def was_written(self) -> bool:
        """Whether some card carries it, though the provider may want it written again."""
        is_told = self.is_issued is True or bool(self.card_number) or self.issued_at is not None
        return is_told or self.card_state == CardState.IN_USE  # read, and good

    def is_over(self, at: datetime) -> bool:
        return self.ends_at is not None and self.ends_at <= at

    def seal_code(self, digits: str) -> None:
        self.code_sealed = sealing.seal(digits, self._bound_to) if digits else ""

    def unseal_code(self) -> str:
        """Return the PIN, or "". Raises sealing.UnreadableError."""
        return sealing.unseal(self.code_sealed, self._bound_to) if self.code_sealed else ""

    @property
    def _bound_to(self) -> str:
        return f"acs_credential:{self.pk}:code"

    def seal_instant_key(self, url: str) -> None:
        self.instant_key_sealed = sealing.seal(url, self._link_bound_to) if url else ""

    def unseal_instant_key(self) -> str:
        """Return the address of the link, or "". Raises sealing.UnreadableError."""
        sealed = self.instant_key_sealed
        return sealing.unseal(sealed, self._link_bound_to) if sealed else ""

    @property
    def _link_bound_to(self) -> str:
        return f"acs_credential:{self.pk}:instant_key"

    def is_link_over(self, at: datetime) -> bool:
        """Tell whether the link brings the key onto no phone any more."""
        return self.instant_key_expires_at is not None and self.instant_key_expires_at <= at
