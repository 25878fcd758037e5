"""Mail to the people of a workspace, of what they should look at."""

from __future__ import annotations

import logging

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from accounts.models.people import MembershipQuerySet

logger = logging.getLogger(__name__)

_MAIL_SECONDS = 5


def write(people: MembershipQuerySet, *, subject: str, text: str, path: str) -> None:
    """Write to these people, none of whom sees the others, with a link to a page of ours.

    A mail that cannot be sent is logged only: pages say the same.
    """
    addresses = sorted(set(people.of_active_users().values_list("user__email", flat=True)))
    if not addresses:
        return
    mail = EmailMessage(
        subject=" ".join(subject.split()),  # names come from people, and may hold line ends
        body=f"{text}\n\n{settings.LOCKBOARD_ORIGIN}{path}\n",
        bcc=addresses,
        connection=get_connection(timeout=_MAIL_SECONDS),
    )
    try:
        mail.send()
    except OSError:  # smtplib's errors are OSErrors too
        logger.warning("a mail to the people of a workspace could not be sent")
