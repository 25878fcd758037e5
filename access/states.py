"""The words of access control: stored as they are, never renamed."""

from django.db import models


class Phase(models.TextChoices):
    """Where a user or a credential stands between our wish and the provider."""

    #: Wished, and not yet known to be there.
    CREATING = "creating"
    LIVE = "live"
    #: Shall go; it may still open doors.
    DELETING = "deleting"
    #: Seen gone.
    GONE = "gone"


class Part(models.TextChoices):
    """A part of a user that we changed and have not yet seen changed."""

    INFORMATION = "information"
    SCHEDULE = "schedule"
    SUSPENSION = "suspension"


class CardState(models.TextChoices):
    """What we know about the piece of plastic."""

    #: Nothing was written yet, or nobody said anything about it.
    NONE = "", "–"
    IN_USE = "in_use", "in use"
    #: A write was broken off, or its answer lost: read it before it is handed out.
    SUSPECT = "suspect"
    LOST = "lost"
    RETURNED = "returned"


class JobKind(models.TextChoices):
    ENCODE = "encode"
    SCAN = "scan"
    #: Salto KS: read a registered tag and give it to somebody.
    ASSIGN = "assign"


class Intent(models.TextChoices):
    """What the person at the desk wants."""

    FIRST = "first", "first card"
    UPDATE = "update", "update"
    REPLACE = "replace", "replace"
    READ = "read", "read card"
    TAG = "tag", "assign tag"


class JobState(models.TextChoices):
    """facts/salto_space.md §6. With Seam, waiting and writing look the same."""

    #: The provider is being made ready: user, groups, credential.
    PREPARING = "preparing"
    #: May be sent once its encoder is free.
    READY = "ready"
    #: Claimed: the one call that starts the attempt is being made.
    REQUESTING = "requesting"
    WAITING = "waiting"
    VERIFYING = "verifying"
    ISSUED = "issued"
    #: A scan's or an assignment's good end.
    DONE = "done"
    MISMATCH = "mismatch"
    FAILED = "failed"
    #: Nobody knows whether the card was written. Only evidence or a person leads out.
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"
    #: Never sent: something stood in the way.
    BLOCKED = "blocked"


#: An attempt may be under way at the encoder.
MOVING = (JobState.REQUESTING, JobState.WAITING)
OPEN_STATES = (JobState.PREPARING, JobState.READY, *MOVING, JobState.VERIFYING)
