"""The words for how far an access code is."""

from django.db import models


class CodeStatus(models.TextChoices):
    """How far a code is on its lock, in Seam's words. Reported, never wished."""

    UNSET = "unset"
    SETTING = "setting"
    SET = "set"
    REMOVING = "removing"
    #: The account cannot be asked.
    UNKNOWN = "unknown"


class CodePhase(models.TextChoices):
    """The finer steps of reliability E2, which the words on the page come from."""

    #: Nothing sent: before its time, or just made.
    WAITING = "waiting"
    #: Being built up at the provider, step by step.
    SETTING = "setting"
    #: A call that makes something had no clear answer: wait, list, adopt.
    AMBIGUOUS = "ambiguous"
    #: The provider has all of it; the lock may not.
    ACCEPTED = "accepted"
    ON_LOCK = "on_lock"
    #: Only a person can mend it: limit, conflict, unsupported.
    BLOCKED = "blocked"
    REMOVING = "removing"
    #: The call said yes; a listing has yet to show its absence.
    VERIFYING_ABSENT = "verifying_absent"
    #: Gone at the provider; the lock has yet to hear of it.
    REMOVED_IN_CLOUD = "removed_in_cloud"
    REMOVED = "removed"
    #: Its window was over before it was ever set.
    SKIPPED = "skipped"


#: Phases in which nothing of a code can be alive at the provider.
GONE_PHASES = (CodePhase.REMOVED, CodePhase.SKIPPED)


class SecretState(models.TextChoices):
    NONE = "none"
    STORED = "stored"
    #: The provider made digits and the answer was lost; nobody can read them again.
    LOST = "lost"
