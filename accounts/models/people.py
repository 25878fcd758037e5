"""Workspaces, the people who sign in, and what each may do where."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Self

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower

from audit.ids import new_id
from audit.who import Who


class WorkspaceQuerySet(models.QuerySet["Workspace"]):
    def of(self, user: User) -> Self:
        """Keep those the person belongs to."""
        return self.filter(memberships__user=user).distinct()


class Workspace(models.Model):
    """The tenant. Everything belongs to one; a sandbox workspace holds only simulated things."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=100)
    is_sandbox = models.BooleanField(default=False)
    #: Rises whenever somebody's right to see or do something changes; open streams compare it.
    access_version = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = WorkspaceQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save()
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)


class User(AbstractBaseUser):
    """A person who signs in here. What they may do is in their memberships."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField("e-mail address", unique=True)
    name = models.CharField(max_length=100, blank=True)
    is_active = models.BooleanField(default=True)
    #: Asks before opening in a dialog instead of a button that times out (WCAG 2.2.1).
    confirms_in_dialog = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_any_case")]

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return str(self)

    def as_who(self) -> Who:
        return Who(kind="user", id=str(self.pk), name=str(self))


class Role(models.TextChoices):
    ADMIN = "admin"
    MANAGER = "manager"
    FRONT_DESK = "front_desk", "front desk"
    AUDITOR = "auditor"


class MembershipQuerySet(models.QuerySet["Membership"]):
    def of_active_users(self) -> Self:
        return self.filter(user__is_active=True)


class Membership(models.Model):
    """One role of one person in a workspace: for one property, or for all (no property).

    Admins are always for all: what they change has no property.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role)
    property = models.ForeignKey(
        "accounts.Space", models.CASCADE, null=True, blank=True, related_name="memberships"
    )

    objects = MembershipQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "user", "property"],
                name="membership_once_per_property",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=~models.Q(role=Role.ADMIN) | models.Q(property__isnull=True),
                name="membership_admins_are_for_all",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.role}"


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self, at: datetime) -> Self:
        return self.filter(accepted_at=None, withdrawn_at=None, expires_at__gt=at)


class Invitation(models.Model):
    """A mailed link by which somebody gets a password and the memberships listed here."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="invitations")
    email = models.EmailField("e-mail address")
    name = models.CharField(max_length=100, blank=True)
    role = models.CharField(max_length=20, choices=Role)
    #: Empty: all properties.
    properties = models.ManyToManyField("accounts.Space", blank=True)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "workspace",
                Lower("email"),
                condition=models.Q(accepted_at=None, withdrawn_at=None),
                name="invitation_one_open_per_address",
            ),
        ]

    def __str__(self) -> str:
        return self.email
