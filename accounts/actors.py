"""A person at work: who they are, in which workspace, what they may do and see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, update_wrapper
from typing import Concatenate, ParamSpec
from uuid import UUID

from django.contrib.auth import SESSION_KEY
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.utils.http import urlencode
from django_htmx.middleware import HtmxDetails

from accounts.models.people import Membership, User, Workspace
from accounts.permissions import PERMISSIONS_OF, Permission
from audit.who import Sight, Who


@dataclass(frozen=True)
class Actor:
    """A signed-in person in one workspace. Built once per request; never kept longer."""

    user: User
    workspace: Workspace
    memberships: tuple[Membership, ...]

    def may(self, permission: Permission, property_id: UUID | None = None) -> bool:
        """Tell whether some role of theirs holds the permission there.

        Without a property: whether anywhere. Tells nothing about sight.
        """
        return any(
            permission in PERMISSIONS_OF[membership.role]
            and (
                property_id is None
                or membership.property_id is None
                or membership.property_id == property_id
            )
            for membership in self.memberships
        )

    def require(self, permission: Permission, property_id: UUID | None = None) -> None:
        """Raise PermissionDenied unless `may`."""
        if not self.may(permission, property_id):
            raise PermissionDenied(permission)

    @cached_property
    def property_ids(self) -> frozenset[UUID] | None:
        """The properties they may see; None for all."""
        ids = [membership.property_id for membership in self.memberships]
        return None if None in ids else frozenset(pk for pk in ids if pk)

    @cached_property
    def unlockable_property_ids(self) -> frozenset[UUID] | None:
        """The properties where they may open doors; None for all."""
        return self.property_ids_with(Permission.UNLOCK)

    def property_ids_with(self, permission: Permission) -> frozenset[UUID] | None:
        """The properties where some role of theirs holds the permission; None for all."""
        ids = [m.property_id for m in self.memberships if permission in PERMISSIONS_OF[m.role]]
        return None if None in ids else frozenset(pk for pk in ids if pk)

    @cached_property
    def zone_name(self) -> str:
        """The zone this person's pages show times in: their property's, or the first one's."""
        spaces = self.workspace.spaces.filter(parent=None).order_by("name")
        if self.property_ids is not None:
            spaces = spaces.filter(pk__in=self.property_ids)
        return spaces.values_list("time_zone", flat=True).first() or "UTC"

    @cached_property
    def provider_persons(self) -> frozenset[tuple[UUID, str]]:
        """Accounts, and the person each acts as there; "" where the provider names nobody."""
        accounts = self.workspace.accounts.values_list("pk", "remote_id", "dialect")
        known = {(pk, remote_id) for pk, remote_id, _ in accounts}
        return frozenset(known | {(pk, "") for pk, _, dialect in accounts if dialect == "legacy"})

    @property
    def sight(self) -> Sight:
        return Sight(workspace_id=self.workspace.pk, property_ids=self.property_ids)

    @property
    def who(self) -> Who:
        return self.user.as_who()

    @property
    def role_words(self) -> str:
        return ", ".join(sorted({membership.get_role_display() for membership in self.memberships}))


def actor_of(user: User, workspace_id: UUID | None = None) -> Actor | None:
    """Return the person as an actor in a workspace (theirs if None), or None if they have none.

    Always asks the database, so a role withdrawn a moment ago is gone.
    """
    memberships = list(
        Membership.objects.of_active_users()
        .filter(user=user)
        .select_related("workspace")
        .order_by("workspace_id", "id")
    )
    if workspace_id and any(m.workspace_id == workspace_id for m in memberships):
        memberships = [m for m in memberships if m.workspace_id == workspace_id]
    elif memberships:
        memberships = [m for m in memberships if m.workspace_id == memberships[0].workspace_id]
    if not memberships:
        return None
    return Actor(user=user, workspace=memberships[0].workspace, memberships=tuple(memberships))


class Request(HttpRequest):
    """A request as our views get it. `actor` is set by accounts.middleware."""

    actor: Actor
    htmx: HtmxDetails
    user: User


P = ParamSpec("P")
View = Callable[Concatenate[Request, P], HttpResponse]


def requires(permission: Permission) -> Callable[[View[P]], View[P]]:
    """Let only signed-in people with the permission through: others sign in, or get a 403."""

    def decorate(view: View[P]) -> View[P]:
        def guarded(request: Request, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if getattr(request, "actor", None) is None:
                return _to_sign_in(request)
            request.actor.require(permission)
            return view(request, *args, **kwargs)

        update_wrapper(guarded, view)
        return guarded

    return decorate


def _to_sign_in(request: Request) -> HttpResponse:
    if request.session.get(SESSION_KEY):  # somebody, but with no role anywhere
        raise PermissionDenied("no membership")
    if request.method == "GET":
        query = urlencode({"next": request.get_full_path()})
        return redirect(f"{resolve_url('account_login')}?{query}")
    return redirect("account_login")
