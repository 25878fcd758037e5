"""Who may sign in, and as what: invited, changed, deactivated. Effective at the next request."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import transaction

from accounts.links import hash_token, new_token
from accounts.models import Invitation, Membership, Role, Space, User, Workspace
from accounts.receivers import access_changed
from audit.services import record
from audit.who import Who
from audit.words import How, Verb

INVITATION_LIFETIME = timedelta(days=7)
#: Invitations are mail in our name to addresses somebody typed.
INVITATIONS_PER_HOUR = 30

ALL_PROPERTIES = "all properties"


class RefusedError(Exception):
    """It is not allowed. `str()` is the sentence for people."""


# --- inviting ---------------------------------------------------------------------------------


def invite(
    workspace: Workspace,
    *,
    email: str,
    name: str,
    role: str,
    properties: Sequence[Space],
    by: User,
    at: datetime,
) -> tuple[Invitation, str]:
    """Invite somebody. Return the invitation with the token of its link; sends no mail.

    An earlier invitation of the same address is withdrawn: its link stops working.
    Raises RefusedError.
    """
    _refuse_known(workspace, email)
    _refuse_too_many(by, at)
    token = new_token()
    with transaction.atomic():
        Invitation.objects.filter(
            workspace=workspace, email__iexact=email, accepted_at=None, withdrawn_at=None
        ).update(withdrawn_at=at)
        invitation = Invitation.objects.create(
            workspace=workspace,
            email=email,
            name=name,
            role=role,
            token_hash=hash_token(token),
            invited_by=by,
            created_at=at,
            expires_at=at + INVITATION_LIFETIME,
        )
        invitation.properties.set(properties)
        _record(
            Verb.PERSON_INVITED,
            workspace,
            email,
            by.as_who(),
            at,
            role=role,
            where=_names(properties),
        )
    return invitation, token


def invite_again(invitation: Invitation, *, by: User, at: datetime) -> tuple[Invitation, str]:
    return invite(
        invitation.workspace,
        email=invitation.email,
        name=invitation.name,
        role=invitation.role,
        properties=list(invitation.properties.all()),
        by=by,
        at=at,
    )


def withdraw(invitation: Invitation, *, by: User, at: datetime) -> None:
    with transaction.atomic():
        withdrawn = Invitation.objects.filter(
            pk=invitation.pk, accepted_at=None, withdrawn_at=None
        ).update(withdrawn_at=at)
        if withdrawn:
            _record(
                Verb.INVITATION_WITHDRAWN,
                invitation.workspace,
                invitation.email,
                by.as_who(),
                at,
            )


def find_invitation(token: str, at: datetime) -> Invitation | None:
    return (
        Invitation.objects.open(at)
        .filter(token_hash=hash_token(token))
        .select_related("workspace", "invited_by")
        .first()
    )


def known_user(invitation: Invitation) -> User | None:
    """Return whoever has this address already, from another workspace."""
    return User.objects.filter(email__iexact=invitation.email).first()


def accept_as_new(invitation: Invitation, *, name: str, password: str, at: datetime) -> User | None:
    """Make the invited person. Return None where the invitation was used a moment ago."""
    with transaction.atomic():
        if not _take(invitation, at):
            return None
        user = User.objects.create_user(invitation.email, password, name=name)
        _join(invitation, user, at)
    return user


def accept_as_known(invitation: Invitation, user: User, *, at: datetime) -> bool:
    """Give somebody who signs in elsewhere here the invited roles. Their password stays."""
    with transaction.atomic():
        if not _take(invitation, at):
            return False
        _join(invitation, user, at)
    return True


def _take(invitation: Invitation, at: datetime) -> bool:
    """One UPDATE decides, so a link opened twice makes one person."""
    return Invitation.objects.open(at).filter(pk=invitation.pk).update(accepted_at=at) == 1


def _join(invitation: Invitation, user: User, at: datetime) -> None:
    properties = list(invitation.properties.all())
    _give(invitation.workspace, user, invitation.role, properties)
    access_changed(user)
    _record(
        Verb.INVITATION_ACCEPTED,
        invitation.workspace,
        user.email,
        user.as_who(),
        at,
        role=invitation.role,
        where=_names(properties),
    )


def _refuse_known(workspace: Workspace, email: str) -> None:
    user = User.objects.filter(email__iexact=email).first()
    if user and user.memberships.filter(workspace=workspace).exists():
        if user.is_active:
            raise RefusedError(f"{email} is among your people already.")
        raise RefusedError(f"{email} is deactivated here. Reactivate them instead.")
    if user and not user.is_active:
        raise RefusedError(f"{email} cannot be invited.")


def _refuse_too_many(by: User, at: datetime) -> None:
    recent = Invitation.objects.filter(invited_by=by, created_at__gt=at - timedelta(hours=1))
    if recent.count() >= INVITATIONS_PER_HOUR:
        raise RefusedError(
            f"You have sent {INVITATIONS_PER_HOUR} invitations in an hour. Try again later."
        )


# --- changing ---------------------------------------------------------------------------------


def change_access(
    workspace: Workspace,
    user: User,
    *,
    role: str,
    properties: Sequence[Space],
    by: User,
    at: datetime,
) -> None:
    """Give a person this one role, for these properties or (none) for all. Raises RefusedError."""
    _refuse_own(user, by, "change your own role")
    with transaction.atomic():
        _lock(workspace)
        if role != Role.ADMIN or properties:
            _refuse_last_admin(workspace, user)
        before = _access(workspace, user)
        Membership.objects.filter(workspace=workspace, user=user).delete()
        _give(workspace, user, role, properties)
        after = _access(workspace, user)
        if before == after:
            return
        access_changed(user)
        _record(
            Verb.PERSON_CHANGED, workspace, user.email, by.as_who(), at, before=before, after=after
        )


def deactivate(workspace: Workspace, user: User, *, by: User, at: datetime) -> None:
    """End a person's access here, their sessions and open boards included. Raises RefusedError.

    Somebody who also belongs to another workspace leaves this one and can be invited again;
    everybody else keeps their roles and can be reactivated.
    """
    _refuse_own(user, by, "deactivate yourself")
    with transaction.atomic():
        _lock(workspace)
        _refuse_last_admin(workspace, user)
        access_changed(user)
        if user.memberships.exclude(workspace=workspace).exists():
            user.memberships.filter(workspace=workspace).delete()
        else:
            User.objects.filter(pk=user.pk).update(is_active=False)
        end_sessions(user, at)
        _record(Verb.PERSON_DEACTIVATED, workspace, user.email, by.as_who(), at)


def reactivate(workspace: Workspace, user: User, *, by: User, at: datetime) -> None:
    with transaction.atomic():
        if not User.objects.filter(pk=user.pk, is_active=False).update(is_active=True):
            return
        access_changed(user)
        _record(Verb.PERSON_REACTIVATED, workspace, user.email, by.as_who(), at)


def change_yourself(user: User, *, name: str, confirms_in_dialog: bool, at: datetime) -> None:
    """Store what somebody set for themselves. A new name stands in the log of every workspace."""
    before = str(user)
    with transaction.atomic():
        user.name, user.confirms_in_dialog = name, confirms_in_dialog
        user.save(update_fields=["name", "confirms_in_dialog"])
        if str(user) == before:
            return
        for workspace in Workspace.objects.of(user):
            _record(Verb.NAME_CHANGED, workspace, before, user.as_who(), at)


def end_sessions(user: User, at: datetime) -> int:
    """Delete every session of a person. Return how many there were.

    Sessions do not say whose they are without being opened, so all live ones are: there is
    one per signed-in browser, and people are seldom deactivated.
    """
    theirs = [
        session.pk
        for session in Session.objects.filter(expire_date__gt=at).iterator()
        if session.get_decoded().get(SESSION_KEY) == str(user.pk)
    ]
    Session.objects.filter(pk__in=theirs).delete()
    return len(theirs)


def _give(workspace: Workspace, user: User, role: str, properties: Sequence[Space]) -> None:
    places: Sequence[Space | None] = properties if properties and role != Role.ADMIN else [None]
    Membership.objects.bulk_create(
        Membership(workspace=workspace, user=user, role=role, property=place) for place in places
    )


def _lock(workspace: Workspace) -> None:
    """Two admins who demote each other at once must not leave nobody."""
    Workspace.objects.select_for_update().get(pk=workspace.pk)


def _refuse_own(user: User, by: User, what: str) -> None:
    if user.pk == by.pk:
        raise RefusedError(f"You cannot {what}. Ask another admin.")


def _refuse_last_admin(workspace: Workspace, user: User) -> None:
    admins = Membership.objects.of_active_users().filter(workspace=workspace, role=Role.ADMIN)
    ids = set(admins.values_list("user_id", flat=True))
    if ids == {user.pk}:
        raise RefusedError(f"{user} is the last admin. Make somebody else an admin first.")


def _access(workspace: Workspace, user: User) -> list[str]:
    rows = Membership.objects.filter(workspace=workspace, user=user).select_related("property")
    return sorted(
        f"{row.get_role_display()}: {row.property.name if row.property else ALL_PROPERTIES}"
        for row in rows
    )


def _names(properties: Sequence[Space]) -> str:
    return ", ".join(space.name for space in properties)[:300] or ALL_PROPERTIES


def _record(
    verb: Verb,
    workspace: Workspace,
    subject: str,
    who: Who,
    at: datetime,
    **detail: Any,
) -> None:
    record(verb, workspace_id=workspace.pk, at=at, who=who, how=How.WEB, subject=subject, **detail)
