"""Mail to the people of a property when a guest's link is used in an odd way."""

from __future__ import annotations

from django.db.models import Q

from access.models import AccessGrant
from accounts import staff_mail
from accounts.models import Membership, Role


def tell_of_locked_link(grant: AccessGrant) -> None:
    _send(
        grant,
        f"The link of {grant.identity} is locked",
        f"Wrong codes were typed too often on the guest page of {grant.identity}"
        f" ({grant.property}). No further phone or browser gets in by this link; one that typed"
        " the right code before still does.\n\n"
        "If it was the guest, send the message again and tell them the new link code.",
    )


def tell_of_many_devices(grant: AccessGrant, count: int) -> None:
    _send(
        grant,
        f"The link of {grant.identity} is used on {count} phones or browsers",
        f"The guest page of {grant.identity} ({grant.property}) can open doors from {count}"
        " phones or browsers now.\n\nIf that is not what you expect, revoke the stay or its link.",
    )


def _send(grant: AccessGrant, subject: str, text: str) -> None:
    people = Membership.objects.filter(
        Q(property=None) | Q(property=grant.property_id),
        workspace_id=grant.workspace_id,
        role__in=[Role.ADMIN, Role.MANAGER],
    )
    staff_mail.write(people, subject=subject, text=text, path=grant.get_absolute_url())
