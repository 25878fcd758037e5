"""The demo sends no mail: it writes mails to a folder, and this reads some back.

Never in production: the folder is named by `bin/run` alone, and a deployment check refuses it.
Of all the mails there only those of the reader's own workspace are shown, that invite
people or are for guests; never somebody's link to a new password.
"""

from __future__ import annotations

import email
import email.policy
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from accounts.actors import Actor
from accounts.models import Invitation, Workspace

#: Says which invitation a mail carries.
HEADER = "X-Lockboard-Invitation"

_SHOWN = 50
_LARGEST_BYTES = 100_000
#: Django's file backend ends every mail with a line of these.
_END = b"\n" + b"-" * 79


@dataclass(frozen=True)
class Mail:
    """A mail nobody sent."""

    invitation: Invitation
    to: str
    subject: str
    text: str
    at: datetime
    #: Whether its link was used, replaced or withdrawn, or is too old.
    is_over: bool


def is_on_for(workspace: Workspace) -> bool:
    return bool(settings.DEMO_MAIL_FOLDER) and workspace.is_sandbox


def invitations_of(actor: Actor) -> list[Mail]:
    """Return the newest invitations of the actor's workspace, newest first."""
    if not is_on_for(actor.workspace):
        return []
    ours = {str(each.pk): each for each in Invitation.objects.filter(workspace=actor.workspace)}
    found = []
    for message in _messages(Path(settings.DEMO_MAIL_FOLDER)):
        invitation = ours.get(str(message[HEADER] or "").strip())
        if invitation is not None:
            found.append(_read(message, invitation))
    return sorted(found, key=lambda mail: mail.at, reverse=True)[:_SHOWN]


@dataclass(frozen=True)
class Unsent:
    """What a mail that nobody sent says."""

    to: str
    subject: str
    text: str


def find(header: str, value: str) -> Unsent | None:
    """Return the newest mail with this in a header, or None. For a demo's own pages only."""
    for message in _messages(Path(settings.DEMO_MAIL_FOLDER)):
        if str(message[header] or "").strip() == value:
            return Unsent(str(message["To"]), str(message["Subject"]), _text(message))
    return None


def _messages(folder: Path) -> list[EmailMessage]:
    files = sorted(folder.glob("*.log"), reverse=True)[: 4 * _SHOWN]
    texts = [file.read_bytes()[:_LARGEST_BYTES] for file in files]
    return [
        email.message_from_bytes(part.strip() + b"\n", policy=email.policy.default)
        for text in texts
        for part in text.split(_END)
        if part.strip()
    ]


def _read(message: EmailMessage, invitation: Invitation) -> Mail:
    has_ended = invitation.accepted_at or invitation.withdrawn_at
    return Mail(
        invitation=invitation,
        to=str(message["To"]),
        subject=str(message["Subject"]),
        text=_text(message),
        at=invitation.created_at,
        is_over=bool(has_ended) or invitation.expires_at <= timezone.now(),
    )


def _text(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    return str(body.get_content()) if body else ""
