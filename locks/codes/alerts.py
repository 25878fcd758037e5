"""Codes that are still alive although they should not be: who sees it, who gets mail."""

import logging

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from accounts.actors import Actor
from accounts.models import Membership, Role
from locks.code_models import AccessCodeQuerySet
from locks.codes.states import GONE_PHASES
from locks.models import AccessCode

logger = logging.getLogger(__name__)

_MAIL_SECONDS = 5


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
    admins = Membership.objects.filter(
        workspace_id=code.workspace_id, role=Role.ADMIN, user__is_active=True
    )
    addresses = sorted(set(admins.values_list("user__email", flat=True)))
    if not addresses:
        return
    since = code.overdue_since
    mail = EmailMessage(
        subject=f"A code may still open {code.device.name}",
        body=(
            f"“{code.name}” on {code.device.name} should have been gone since "
            f"{since:%d %b %Y %H:%M} UTC, and may still open the door.\n\n"
            "Lockboard keeps trying to remove it, at least once a minute.\n\n"
            f"{settings.LOCKBOARD_ORIGIN}{code.get_absolute_url()}\n"
        ),
        bcc=addresses,
        connection=get_connection(timeout=_MAIL_SECONDS),
    )
    try:
        mail.send()
    except OSError:
        logger.warning("the mail about an overdue code could not be sent")
