"""How often, and how well: turns taken, and kinds of asking that fail."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models

from accounts.models.connections import ConnectedAccount


class Allowance(models.Model):
    """When all that was taken under a key would be due at an even pace (accounts.limits).

    A moment in the past is as good as no row. The table is unlogged: a crash empties it, which
    costs nothing but a few requests more, and a turn costs no write to the disk.
    """

    key = models.CharField(max_length=100, primary_key=True)
    due_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.key


class Operation(models.TextChoices):
    """What an account is asked. Each fails, rests and heals by itself (reliability ACC-05)."""

    STATUS = "status"
    EVENTS = "events"
    #: Single doors, shortly after a command or an event.
    DOORS = "doors"
    #: What must stay true at the provider: access codes, people, groups.
    CODES = "codes"
    #: Access control systems: listings, and what is wished of their people.
    SYSTEMS = "systems"


class TroubleQuerySet(models.QuerySet["Trouble"]):
    def resting(self, operation: Operation, at: datetime) -> Self:
        return self.filter(operation=operation, retry_at__gt=at)


class Trouble(models.Model):
    """One kind of asking that fails for one account. There is no row while it works."""

    account = models.ForeignKey(ConnectedAccount, models.CASCADE, related_name="troubles")
    operation = models.CharField(max_length=10, choices=Operation)
    failures_in_a_row = models.PositiveIntegerField(default=0)
    #: Not asked again before this; then once, to see whether it works again.
    retry_at = models.DateTimeField(null=True)

    objects = TroubleQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "operation"], name="trouble_once_per_operation"
            )
        ]

    def __str__(self) -> str:
        return f"{self.operation}: {self.failures_in_a_row}"
