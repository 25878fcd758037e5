"""Links to a guest's page: made, found, taken back. Only hashes of them are kept."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.urls import reverse

from access.models import AccessGrant, GuestLink
from accounts.links import hash_token, new_token
from accounts.sealing import UnreadableError
from audit.services import record
from audit.who import SYSTEM, Who
from audit.words import Verb

#: So long after a stay its link still thanks; then nobody knows it any more.
OUTLIVES_STAY = timedelta(days=7)
_CODE_DIGITS = 6


def make(grant: AccessGrant, *, by_name: str, at: datetime) -> tuple[GuestLink, str]:
    """Make one more link to a grant's page. Return it with its address, shown only this once.

    All links of a grant share one link code, as its guest cannot tell them apart. `by_name` is
    empty where the system makes it.
    """
    token = new_token()
    link = GuestLink(grant=grant, token_hash=hash_token(token), created_at=at)
    link.seal_code(_code_of(grant) or f"{secrets.randbelow(10**_CODE_DIGITS):0{_CODE_DIGITS}}")
    with transaction.atomic():
        link.save()
        record(
            Verb.GUEST_LINK_MADE,
            workspace_id=grant.workspace_id,
            at=at,
            who=Who(kind="user", name=by_name) if by_name else SYSTEM,
            place=grant.as_place(),
            subject=str(grant.identity),
            grant_id=str(grant.pk),
        )
    return link, f"{settings.LOCKBOARD_ORIGIN}{reverse('guest-link', args=[token])}"


def _code_of(grant: AccessGrant) -> str:
    """Return the link code of the grant's other links, or "": one that was guessed at is over."""
    links = GuestLink.objects.filter(grant=grant, revoked_at=None, locked_at=None)
    locked = GuestLink.objects.filter(grant=grant).aggregate(at=Max("locked_at"))["at"]
    if locked:
        links = links.filter(created_at__gt=locked)
    link = links.order_by("-created_at").first()
    try:
        return link.unseal_code() if link else ""
    except UnreadableError:
        return ""


def code_for_staff(link: GuestLink) -> str:
    """Return the link code as it is told to a guest ("482 913"), or "" if it cannot be read.

    For people who may let guests in; never in the message that carries the link.
    """
    try:
        digits = link.unseal_code()
    except UnreadableError:
        return ""
    return " ".join(digits[n : n + 3] for n in range(0, len(digits), 3))


def revoke(links: Iterable[GuestLink], *, at: datetime) -> int:
    """Let links lead nowhere from now on; their browsers and open attempts with them."""
    standing = GuestLink.objects.filter(pk__in=[link.pk for link in links], revoked_at=None)
    return standing.update(revoked_at=at)


def exchange(token: str, *, at: datetime) -> GuestLink | None:
    """Return the link of a token that still leads somewhere. Whoever fetches it, once is noted."""
    link = _standing(at).filter(token_hash=hash_token(token)).first()
    if link and link.fetched_at is None:
        GuestLink.objects.filter(pk=link.pk, fetched_at=None).update(fetched_at=at)
        link.fetched_at = at
    return link


def find(pk: UUID, *, at: datetime) -> GuestLink | None:
    return _standing(at).filter(pk=pk).first()


def _standing(at: datetime) -> QuerySet[GuestLink]:
    is_known = Q(grant__ends_at=None) | Q(grant__ends_at__gt=at - OUTLIVES_STAY)
    return GuestLink.objects.select_related(
        "grant__identity", "grant__property", "grant__workspace"
    ).filter(is_known, revoked_at=None, grant__revoked_at=None)
