"""Who may watch which doors right now. A stream outlives its request, so it asks again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts.actors import Actor
from accounts.middleware import ACTIVE_AT, SIGNED_IN_AT, is_over
from accounts.models import Membership, User
from locks.board import audience_of
from locks.tiles import Audience, Tile


@dataclass(frozen=True)
class Watch:
    """What one session may see, as of the moment it was looked up."""

    actor: Actor

    @property
    def workspace_id(self) -> UUID:
        return self.actor.workspace.pk

    def audience(self, tile: Tile) -> Audience | None:
        """Return for whom to show this tile, or None where it may not be seen."""
        if not self.sees(tile.workspace_id, tile.property_id):
            return None
        return audience_of(self.actor, tile.property_id)

    def sees(self, workspace_id: UUID, property_id: UUID) -> bool:
        ids = self.actor.property_ids
        return workspace_id == self.workspace_id and (ids is None or property_id in ids)


def watches(session_keys: Collection[str]) -> dict[str, Watch]:
    """Look sessions up, all at once. A session that ended, or may see nothing, is left out.

    Three queries however many: sessions, people, memberships. Nothing here counts as
    somebody being active.
    """
    alive = _alive(session_keys)
    people = {
        str(u.pk): u
        for u in User.objects.filter(
            pk__in={d[SESSION_KEY] for d in alive.values()}, is_active=True
        )
    }
    roles: dict[str, list[Membership]] = {}
    for membership in (
        Membership.objects.filter(user__in=people.values())
        .select_related("workspace")
        .order_by("workspace_id", "id")
    ):
        roles.setdefault(str(membership.user_id), []).append(membership)
    found = {}
    for key, stored in alive.items():
        user = people.get(stored[SESSION_KEY])
        if user and _hash_matches(user, stored.get(HASH_SESSION_KEY, "")):
            actor = _actor(user, roles.get(str(user.pk), []), stored.get("workspace_id"))
            if actor:
                found[key] = Watch(actor)
    return found


def _alive(session_keys: Collection[str]) -> dict[str, dict[str, str]]:
    now = timezone.now()
    rows = Session.objects.filter(session_key__in=session_keys, expire_date__gt=now)
    decoded = {row.session_key: row.get_decoded() for row in rows}
    return {
        key: stored
        for key, stored in decoded.items()
        if SESSION_KEY in stored
        and not is_over(
            float(stored.get(ACTIVE_AT, 0)), float(stored.get(SIGNED_IN_AT, 0)), now.timestamp()
        )
    }


def _hash_matches(user: User, stored: str) -> bool:
    return constant_time_compare(stored, user.get_session_auth_hash())


def _actor(user: User, memberships: list[Membership], chosen: str | None) -> Actor | None:
    if not memberships:
        return None
    ids = {str(membership.workspace_id) for membership in memberships}
    workspace_id = chosen if chosen in ids else str(memberships[0].workspace_id)
    mine = tuple(m for m in memberships if str(m.workspace_id) == workspace_id)
    return Actor(user=user, workspace=mine[0].workspace, memberships=mine)
