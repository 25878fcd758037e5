"""Codes that are still alive although they should not be: who sees it, who gets mail."""

from accounts import staff_mail
from accounts.actors import Actor
from accounts.models import Membership, Role
from locks.code_models import AccessCodeQuerySet
from locks.codes.states import GONE_PHASES
from locks.models import AccessCode


def overdue_for(actor: Actor) -> AccessCodeQuerySet:
    """Return the codes a board must warn this person of, the oldest first."""
    return (
        AccessCode.objects.for_actor(actor)
        .filter(overdue_since__isnull=False)
        .exclude(phase__in=GONE_PHASES)
        .select_related("device")
        .order_by("overdue_since")
    )


def escalate(code: AccessCode) -> None:
    """Write to the admins that a code may still open a door. The board says it as well."""
    since = code.overdue_since
    staff_mail.write(
        Membership.objects.filter(workspace_id=code.workspace_id, role=Role.ADMIN),
        subject=f"A code may still open {code.device.name}",
        text=(
            f"“{code.name}” on {code.device.name} should have been gone since "
            f"{since:%d %b %Y %H:%M} UTC, and may still open the door.\n\n"
            "Lockboard keeps trying to remove it, at least once a minute."
        ),
        path=code.get_absolute_url(),
    )
