"""Sign-ins and sign-outs reach the log, and end what an open stream may show."""

from typing import Any

from allauth.account.signals import (
    authentication_step_completed,
    password_changed,
    password_reset,
)
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models import F
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from accounts.middleware import ACTIVE_AT, SIGNED_IN_AT
from accounts.models import Membership, User, Workspace
from audit.services import record
from audit.who import Who
from audit.words import How, Result, Verb


@receiver(user_logged_in)
def note_sign_in(request: HttpRequest, user: User, **_: Any) -> None:
    now = timezone.now()
    request.session[ACTIVE_AT] = request.session[SIGNED_IN_AT] = now.timestamp()
    _record_everywhere(Verb.SIGNED_IN, user, Result.GRANTED)


@receiver(user_logged_out)
def note_sign_out(user: User | None, **_: Any) -> None:
    if user is not None:
        _record_everywhere(Verb.SIGNED_OUT, user)
        access_changed(user)


@receiver(user_login_failed)
def note_failed_sign_in(credentials: dict[str, Any], **_: Any) -> None:
    """Only for people we know: a stranger's typing belongs to nobody's log."""
    email = str(credentials.get("email") or credentials.get("username") or "")[:254]
    if user := User.objects.filter(email__iexact=email).first():
        _record_everywhere(Verb.SIGN_IN_FAILED, user, Result.DENIED)


@receiver(authentication_step_completed)
def renew_session(request: HttpRequest, **facts: Any) -> None:
    """A session that may do more gets a new key: one that leaked before does not gain by it."""
    if facts.get("reauthenticated"):
        request.session.cycle_key()


@receiver([password_changed, password_reset])
def note_password(user: User, **_: Any) -> None:
    _record_everywhere(Verb.PASSWORD_CHANGED, user)
    access_changed(user)


def access_changed(user: User) -> None:
    """Make open streams look again at who may see what."""
    Workspace.objects.filter(memberships__user=user).update(access_version=F("access_version") + 1)


def _record_everywhere(verb: Verb, user: User, result: Result = Result.NONE) -> None:
    workspaces = Membership.objects.filter(user=user).values_list("workspace_id", flat=True)
    for workspace_id in set(workspaces):
        record(
            verb,
            workspace_id=workspace_id,
            at=timezone.now(),
            who=Who(kind="user", id=str(user.pk), name=str(user)),
            subject=user.email,
            how=How.WEB,
            result=result,
        )
