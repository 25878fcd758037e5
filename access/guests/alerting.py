"""Mail to the people of a property when a guest's link is used in an odd way."""

from __future__ import annotations

import logging

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db.models import Q
from django.urls import NoReverseMatch

from access.models import AccessGrant
from accounts.models import Membership, Role

logger = logging.getLogger(__name__)

_MAIL_SECONDS = 5


def tell_of_locked_link(grant: AccessGrant) -> None:
    _send(
        grant,
        f"The link of {grant.identity} is locked",
        f"Wrong codes were typed too often on the guest page of {grant.identity}"
        f" ({grant.property}). The link opens nothing any more.\n\n"
        "If it was the guest, make a new link and tell them its code.",
    )


def tell_of_many_devices(grant: AccessGrant, count: int) -> None:
    _send(
        grant,
        f"The link of {grant.identity} is used on {count} phones or browsers",
        f"The guest page of {grant.identity} ({grant.property}) can open doors from {count}"
        " phones or browsers now.\n\nIf that is not what you expect, revoke the stay or its link.",
    )


def _send(grant: AccessGrant, subject: str, text: str) -> None:
    people = Membership.objects.of_active_users().filter(
        Q(property=None) | Q(property=grant.property_id),
        workspace_id=grant.workspace_id,
        role__in=[Role.ADMIN, Role.MANAGER],
    )
    addresses = sorted(set(people.values_list("user__email", flat=True)))
    if not addresses:
        return
    mail = EmailMessage(
        subject=" ".join(subject.split()),
        body=f"{text}\n\n{_address(grant)}\n",
        bcc=addresses,
        connection=get_connection(timeout=_MAIL_SECONDS),
    )
    try:
        mail.send()
    except OSError:
        logger.warning("the mail about a guest's link could not be sent")


def _address(grant: AccessGrant) -> str:
    try:
        path = grant.get_absolute_url()
    except NoReverseMatch:
        path = "/"
    return f"{settings.LOCKBOARD_ORIGIN}{path}"
