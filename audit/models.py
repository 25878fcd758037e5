"""The log: one append-only table of what happened at doors and in settings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Self
from uuid import UUID

from django.db import models

from audit.ids import new_id
from audit.words import How, Kind, Result, Source

if TYPE_CHECKING:
    from audit.who import Sight


class EventQuerySet(models.QuerySet["Event"]):
    def in_sight(self, sight: Sight) -> Self:
        """Keep what somebody with this sight may read."""
        events = self.filter(workspace_id=sight.workspace_id)
        if sight.property_ids is None:
            return events
        return events.filter(property_id__in=sight.property_ids)

    def newest_first(self) -> Self:
        # The id begins with the time of what happened.
        return self.order_by("-id")

    def of_grant(self, grant_id: UUID) -> Self:
        """Keep what was done to one access grant."""
        return self.filter(detail__has_key="grant_id", detail__grant_id=str(grant_id))

    def of_codes(self, code_ids: Iterable[UUID]) -> Self:
        """Keep what feeds tell of access codes that were typed at doors."""
        ids = [str(pk) for pk in code_ids]
        told = self.filter(detail__has_key="code_id", detail__code_id__in=ids)
        return told.filter(kind=Kind.DOOR)

    def older_than(self, event_id: UUID) -> Self:
        return self.filter(id__lt=event_id)


class Event(models.Model):
    """One line of what happened. Never changed, never deleted but by its month's retention.

    Names are copied as they were, so the line reads the same after a door is renamed or a
    person leaves. The id carries `occurred_at`, so sorting by id is sorting by time. The
    table is partitioned by kind and month (audit.migrations.0001), which is why no other
    column is unique.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=10, choices=Kind)
    #: One of audit.words.Verb; no choices, so that a new word needs no migration.
    verb = models.CharField(max_length=40)
    workspace_id = models.UUIDField()
    #: When it happened, as told by whoever saw it; never in our future.
    occurred_at = models.DateTimeField()
    #: When we heard.
    recorded_at = models.DateTimeField()

    actor_kind = models.CharField(max_length=10, blank=True)
    actor_id = models.CharField(max_length=200, blank=True)
    actor_name = models.CharField(max_length=200, blank=True)

    property_id = models.UUIDField(null=True)
    property_name = models.CharField(max_length=200, blank=True)
    device_id = models.UUIDField(null=True)
    device_name = models.CharField(max_length=200, blank=True)
    account_id = models.UUIDField(null=True)
    account_name = models.CharField(max_length=200, blank=True)
    attempt_id = models.UUIDField(null=True)
    #: What a change was made to, where it is neither a door nor an account.
    subject = models.CharField(max_length=200, blank=True)

    how = models.CharField(max_length=20, choices=How, blank=True)
    result = models.CharField(max_length=20, choices=Result, blank=True)
    source = models.CharField(max_length=20, choices=Source, default=Source.LOCKBOARD)
    reason = models.CharField(max_length=300, blank=True)
    #: The provider's id of its line; empty for ours.
    external_id = models.CharField(max_length=200, blank=True)
    #: It reached us later than its feed usually does.
    is_late = models.BooleanField(default=False)

    ip = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64, blank=True)
    #: At most about a kilobyte: error words, before and after, what a sentence needs.
    detail = models.JSONField(default=dict)
    #: The provider's line as it came.
    raw = models.JSONField(null=True)

    objects = EventQuerySet.as_manager()

    class Meta:
        indexes = [
            # The log of a workspace, newest first.
            models.Index(fields=["workspace_id", "-id"], name="audit_event_workspace"),
            # The log of somebody who sees some properties only; a property's history.
            models.Index(fields=["property_id", "-id"], name="audit_event_property"),
            # The history of one door.
            models.Index(fields=["device_id", "-id"], name="audit_event_device"),
            # Has this line of the feed been stored?
            models.Index(
                fields=["account_id", "external_id"],
                name="audit_event_external",
                condition=~models.Q(external_id=""),
            ),
            # What became of this attempt?
            models.Index(
                fields=["attempt_id"],
                name="audit_event_attempt",
                condition=models.Q(attempt_id__isnull=False),
            ),
            # What happened to this access grant?
            models.Index(
                models.F("detail__grant_id"),
                name="audit_event_grant",
                condition=models.Q(detail__has_key="grant_id"),
            ),
            # Which doors were opened, or not, with this access code?
            models.Index(
                models.F("detail__code_id"),
                name="audit_event_code",
                condition=models.Q(detail__has_key="code_id"),
            ),
        ]

    def __str__(self) -> str:
        return (
            f"{self.occurred_at:%Y-%m-%d %H:%M:%S} {self.verb} {self.device_name or self.subject}"
        )
