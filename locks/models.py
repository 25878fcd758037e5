"""Doors, and every try to make one move."""

from __future__ import annotations

import builtins
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.db import models
from django.urls import reverse

from accounts.models import ConnectedAccount, ConnectedSite, Hub, Space, SpaceKind, UnlockPolicy
from accounts.providers.base import Code
from audit.ids import new_id
from audit.who import Place, Who
from locks.states import (
    OPEN_STATUSES,
    Action,
    AttemptEvidence,
    AttemptStatus,
    Evidence,
    LockState,
)

if TYPE_CHECKING:
    from accounts.actors import Actor

#: An answer that takes longer does not tell when the door opened: at once, or just now.
PROMPT = timedelta(seconds=2)


class DeviceQuerySet(models.QuerySet["Device"]):
    def for_actor(self, actor: Actor) -> Self:
        """Keep the doors this person may see, in their workspace."""
        return self._in_sight(actor).filter(removed_at=None)

    def removed_for(self, actor: Actor) -> Self:
        """Keep the doors that are off the board, of those this person might see."""
        return self._in_sight(actor).exclude(removed_at=None)

    def _in_sight(self, actor: Actor) -> Self:
        devices = self.filter(workspace_id=actor.workspace.pk)
        if actor.property_ids is None:
            return devices
        return devices.filter(property_id__in=actor.property_ids)

    def same_lock_as(self, device: Device) -> Self:
        """Keep the rows of the same lock, through whichever login it was known."""
        return self.filter(
            workspace_id=device.workspace_id,
            account__provider=device.account.provider,
            site__remote_id=device.site.remote_id,
            remote_id=device.remote_id,
        )

    def with_tile(self) -> Self:
        """Fetch along what a tile shows."""
        return self.select_related("account", "property", "space__parent", "hub", "attempt")


class Device(models.Model):
    """One lock (or door device) of a connected account, as it was last seen.

    State is only ever observed: by event, by poll, or assumed after a command, each with its
    time; older knowledge never overwrites newer. `revision` rises with every change that a
    board shows (a trigger in the database sees to it), so a board can tell what it missed.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey("accounts.Workspace", models.PROTECT, related_name="devices")
    account = models.ForeignKey(ConnectedAccount, models.PROTECT, related_name="devices")
    site = models.ForeignKey(ConnectedSite, models.PROTECT, related_name="devices")
    property = models.ForeignKey(Space, models.PROTECT, related_name="devices")
    #: The floor or room inside the property, where known.
    space = models.ForeignKey(Space, models.SET_NULL, null=True, related_name="doors")
    hub = models.ForeignKey(Hub, models.SET_NULL, null=True, related_name="devices")
    remote_id = models.CharField(max_length=200)
    name = models.CharField(max_length=200)
    model = models.CharField(max_length=100, blank=True)

    state = models.CharField(max_length=10, choices=LockState, default=LockState.UNKNOWN)
    state_at = models.DateTimeField(null=True)
    state_evidence = models.CharField(max_length=10, choices=Evidence, blank=True)
    #: While a momentary opening lasts, as far as we know.
    released_until = models.DateTimeField(null=True)
    is_online = models.BooleanField(null=True)
    online_since = models.DateTimeField(null=True)
    #: One look found it offline, the next one decides; its state is not confirmed meanwhile.
    unheard_since = models.DateTimeField(null=True)
    battery_percent = models.PositiveSmallIntegerField(null=True)
    battery_at = models.DateTimeField(null=True)
    door_open = models.BooleanField(null=True)
    office_mode = models.BooleanField(null=True)
    privacy_mode = models.BooleanField(null=True)
    left_open_alarm = models.BooleanField(null=True)
    intrusion_alarm = models.BooleanField(null=True)
    #: Polls in a row without this door in an otherwise good listing.
    missing_polls = models.PositiveIntegerField(default=0)
    missing_since = models.DateTimeField(null=True)

    has_keypad = models.BooleanField(default=False)
    can_unlock = models.BooleanField(default=True)
    can_lock = models.BooleanField(default=False)
    #: Learned from a refusal: the provider said this lock cannot be locked remotely.
    lock_refused_at = models.DateTimeField(null=True)
    #: Empty: as the property says.
    unlock_policy = models.CharField(max_length=10, choices=UnlockPolicy, blank=True)

    last_event = models.CharField(max_length=40, blank=True)
    last_event_at = models.DateTimeField(null=True)
    last_event_user = models.CharField(max_length=200, blank=True)
    #: The latest command, while a board has something to say about it.
    attempt = models.ForeignKey(
        "locks.ActionAttempt", models.DO_NOTHING, null=True, related_name="+", db_constraint=False
    )

    #: When to look at this one door again, soon after something happened to it.
    next_poll_at = models.DateTimeField(null=True)
    #: What the provider says is wrong with it: `{"code", "text", "hinders_opening"}` each.
    troubles = models.JSONField(default=list)
    #: Words the provider used that we have none for, by field.
    unknown_words = models.JSONField(default=dict)
    raw = models.JSONField(default=dict)
    removed_at = models.DateTimeField(null=True)
    revision = models.BigIntegerField(default=0, editable=False)
    changed_at = models.DateTimeField(auto_now_add=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = DeviceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "remote_id"], name="device_once_per_account")
        ]
        indexes = [
            # What changed since a board last looked?
            models.Index(fields=["workspace", "changed_at"], name="device_changed"),
            # Which doors are to be looked at soon? Which are released?
            models.Index(
                fields=["next_poll_at"],
                name="device_due",
                condition=models.Q(next_poll_at__isnull=False),
            ),
            models.Index(
                fields=["released_until"],
                name="device_released",
                condition=models.Q(released_until__isnull=False),
            ),
            models.Index(
                fields=["attempt"],
                name="device_attempt",
                condition=models.Q(attempt__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("door", args=[self.pk])

    @builtins.property  # `property` is a column here
    def policy(self) -> str:
        return self.unlock_policy or self.property.unlock_policy

    @builtins.property  # `property` is a column here
    def is_lockable(self) -> bool:
        """Whether a command can make it locked now: the brand can, or office mode can end."""
        return (self.can_lock and self.lock_refused_at is None) or self.office_mode is True

    @builtins.property  # `property` is a column here
    def floor_name(self) -> str:
        """The floor it is on, also where it leads to a room of its own; "" where none is known."""
        space = self.space
        if space is not None and space.kind == SpaceKind.ROOM:
            space = space.parent if space.parent_id != self.property_id else None
        return space.name if space is not None else ""

    def as_place(self) -> Place:
        return Place(
            property_id=self.property_id,
            property_name=self.property.name,
            device_id=self.pk,
            device_name=self.name,
            account_id=self.account_id,
            account_name=self.account.name,
        )


class ActionAttemptQuerySet(models.QuerySet["ActionAttempt"]):
    def for_actor(self, actor: Actor) -> Self:
        attempts = self.filter(workspace_id=actor.workspace.pk)
        if actor.property_ids is None:
            return attempts
        return attempts.filter(device__property_id__in=actor.property_ids)

    def open(self) -> Self:
        return self.filter(status__in=OPEN_STATUSES)


class ActionAttempt(models.Model):
    """One try to make one door move. The row is the command; messages about it are hints.

    At most one provider call is ever made for it: only the UPDATE from queued to sending lets
    somebody call, and nothing leads back (a trigger refuses it). Never deleted.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey("accounts.Workspace", models.PROTECT, related_name="+")
    device = models.ForeignKey(Device, models.PROTECT, related_name="attempts")
    action = models.CharField(max_length=10, choices=Action)
    #: How long to release, where the provider takes that; None: the lock's own time.
    seconds = models.PositiveSmallIntegerField(null=True)
    reason = models.CharField(max_length=300, blank=True)

    #: Empty for the command line.
    user = models.ForeignKey("accounts.User", models.PROTECT, null=True, related_name="+")
    actor_kind = models.CharField(max_length=10)
    actor_name = models.CharField(max_length=200)
    #: Who it was, for people who have no user: a guest's id in the app above.
    actor_id = models.CharField(max_length=200, blank=True)
    #: On what authority, where no role gives it (actuation.authorities); empty for users.
    authority = models.CharField(max_length=20, blank=True)
    authority_id = models.UUIDField(null=True)
    how = models.CharField(max_length=20)
    idempotency_key = models.CharField(max_length=255)
    #: SHA-256 of what was asked under that key.
    request_hash = models.CharField(max_length=64)

    status = models.CharField(max_length=20, choices=AttemptStatus, default=AttemptStatus.QUEUED)
    created_at = models.DateTimeField()
    #: After this moment it is never sent. Database time.
    deadline = models.DateTimeField()
    claimed_by = models.CharField(max_length=64, blank=True)
    sent_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    evidence = models.CharField(max_length=10, choices=AttemptEvidence, blank=True)
    #: When evidence settled what nobody could vouch for.
    settled_at = models.DateTimeField(null=True)
    #: When the door opened, where the feed told; never before it was asked to.
    opened_at = models.DateTimeField(null=True)
    #: accounts.providers.base.Code, and the sentence people read.
    error_code = models.CharField(max_length=40, blank=True)
    error = models.CharField(max_length=300, blank=True)
    retry_after_seconds = models.PositiveIntegerField(null=True)
    #: How long the door stays open, from the provider or the account's settings.
    released_seconds = models.FloatField(null=True)

    objects = ActionAttemptQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["device"],
                condition=models.Q(status__in=["queued", "sending"]),
                name="attempt_one_open_per_device",
            ),
            models.UniqueConstraint(
                fields=["user", "idempotency_key"],
                name="attempt_key_once_per_user",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=models.Q(seconds__isnull=True) | models.Q(seconds__range=(1, 60)),
                name="attempt_seconds_1_to_60",
            ),
        ]
        indexes = [
            # The history of one door's commands; the last one a cool-down looks at.
            models.Index(fields=["device", "-created_at"], name="attempt_device"),
            # What is waiting, being sent, or without an answer?
            models.Index(
                fields=["status", "deadline"],
                name="attempt_unsettled",
                condition=models.Q(status__in=["queued", "sending", "unconfirmed"]),
            ),
            # How often was an authority used lately?
            models.Index(
                fields=["authority_id", "-created_at"],
                name="attempt_authority",
                condition=models.Q(authority_id__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.device_id} {self.status}"

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_STATUSES

    @property
    def who(self) -> Who:
        return Who(
            kind=self.actor_kind,
            id=str(self.user_id) if self.user_id else self.actor_id,
            name=self.actor_name,
        )

    @property
    def is_slow(self) -> bool:
        """Whether the answer, a yes, came too late to tell when the door opened."""
        if self.status != AttemptStatus.SUCCESS or self.settled_at:
            return False
        if self.sent_at is None or self.finished_at is None:
            return False
        return self.finished_at - self.sent_at > PROMPT

    @property
    def is_vague(self) -> bool:
        """Whether all we know is that the door opened between two moments."""
        return self.is_slow and self.action == Action.UNLOCK and self.opened_at is None

    @property
    def moved_about(self) -> datetime:
        """When the door moved, if it did: as the feed says, else as late as we know of it.

        Where no answer came, that is when it was sent: nothing later is known.
        """
        told = self.opened_at or (self.settled_at and self.sent_at) or self.finished_at
        return told or self.created_at

    @property
    def says_it_all(self) -> bool:
        """Whether `error` already says that the door did not move."""
        return self.error_code == Code.PRIVACY_MODE

    @property
    def ends_within(self) -> timedelta:
        return self.deadline - self.created_at

    def took_seconds(self) -> float | None:
        """Seconds from the click to the outcome, or None while there is none."""
        if self.finished_at is None:
            return None
        return (self.finished_at - self.created_at).total_seconds()


from locks.code_models import (  # noqa: E402  Django looks for models here
    AccessCode,
    CodeDoor,
    CodeMoment,
)

__all__ = ["AccessCode", "ActionAttempt", "CodeDoor", "CodeMoment", "Device"]
