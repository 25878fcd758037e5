"""The words of doors and of commands to them."""

from django.db import models


class LockState(models.TextChoices):
    LOCKED = "locked"
    UNLOCKED = "unlocked"
    #: The provider has no word for it, or cannot be reached.
    UNKNOWN = "unknown"


class Evidence(models.TextChoices):
    """How we know a state."""

    EVENT = "event"
    POLL = "poll"
    #: Nobody said so: it follows from a command that the provider accepted.
    ASSUMED = "assumed"
    NONE = "", "–"


class Action(models.TextChoices):
    UNLOCK = "unlock"
    LOCK = "lock"


class AttemptStatus(models.TextChoices):
    """See reliability E1. Nothing ever leads back to queued or sending."""

    QUEUED = "queued"
    SENDING = "sending"
    SUCCESS = "success"
    #: Provably nothing happened.
    FAILED = "failed"
    #: Never sent.
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    #: Sent; the door may have opened. Only evidence settles it.
    UNCONFIRMED = "unconfirmed"


OPEN_STATUSES = (AttemptStatus.QUEUED, AttemptStatus.SENDING)


class AttemptEvidence(models.TextChoices):
    """What settled an attempt."""

    NONE = "", "–"
    REPLY = "reply"
    FEED = "feed"
    HUMAN = "human"
