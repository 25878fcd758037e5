"""Who is known already, found as their name is typed."""

from __future__ import annotations

from uuid import UUID

from access.models import UserIdentity
from accounts.actors import Actor

_MOST = 8
_LONGEST = 100


def search(actor: Actor, text: str) -> list[UserIdentity]:
    """Return people of whom every word of this begins a word; nobody for no words."""
    words = text[:_LONGEST].replace("\x00", "")
    if not words.split():
        return []
    found = UserIdentity.objects.for_actor(actor).like(words)
    return list(found.order_by("full_name", "pk")[:_MOST])


def known(actor: Actor, text: str) -> UserIdentity | None:
    """Return somebody by their id, where this person may see them."""
    try:
        pk = UUID(text)
    except ValueError:
        return None
    return UserIdentity.objects.for_actor(actor).filter(pk=pk).first()
