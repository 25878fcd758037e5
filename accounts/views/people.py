"""The People page, and the page an invitation leads to."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.core.mail import EmailMessage, get_connection
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import demo_mail, people, stepup
from accounts.actors import Request, requires
from accounts.forms import AcceptForm, AccessForm, InviteForm, initial_access
from accounts.middleware import CHOSEN_WORKSPACE
from accounts.models import Invitation, Membership, Role, Space, User
from accounts.people import RefusedError
from accounts.permissions import Permission
from accounts.views.visits import not_valid

logger = logging.getLogger(__name__)

_manages = requires(Permission.MANAGE_PEOPLE)
_get_or_post = require_http_methods(["GET", "HEAD", "POST"])

#: Seconds. A mail server that hangs must not hold the page.
_MAIL_TIMEOUT = 8


@require_safe
@_manages
def people_list(request: Request) -> HttpResponse:
    invitations = (
        Invitation.objects.filter(
            workspace=request.actor.workspace, accepted_at=None, withdrawn_at=None
        )
        .select_related("invited_by")
        .prefetch_related("properties")
        .order_by("-created_at")
    )
    context = {
        "people": _people(request).order_by("-is_active", "name", "email"),
        "invitations": invitations,
        "now": timezone.now(),
        "has_outbox": demo_mail.is_on_for(request.actor.workspace),
    }
    return render(request, "people/list.html", context)


def _people(request: Request) -> QuerySet[User]:
    here = Membership.objects.filter(workspace=request.actor.workspace).select_related("property")
    return (
        User.objects.filter(memberships__workspace=request.actor.workspace)
        .distinct()
        .prefetch_related(Prefetch("memberships", here, to_attr="here"))
    )


def _find(request: Request, pk: UUID) -> User:
    return get_object_or_404(_people(request), pk=pk)


def _properties(request: Request) -> QuerySet[Space]:
    return Space.objects.for_actor(request.actor).properties().order_by("name")


@_get_or_post
@_manages
def person(request: Request, pk: UUID) -> HttpResponse:
    who = _find(request, pk)
    here: list[Membership] = getattr(who, "here")  # noqa: B009  set by the prefetch
    form = AccessForm(
        request.POST or None, properties=_properties(request), initial=initial_access(here)
    )
    if request.method == "POST" and form.is_valid():
        if form.makes_admin and not stepup.is_recent(request):
            return stepup.ask(request)
        try:
            people.change_access(
                request.actor.workspace,
                who,
                role=form.cleaned_data["role"],
                properties=list(form.cleaned_data["properties"]),
                by=request.user,
                at=timezone.now(),
            )
        except RefusedError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"Saved. It counts from {who}’s next click.")
            return redirect("people")
    context = {
        "person": who,
        "memberships": here,
        "form": form,
        "is_self": who.pk == request.user.pk,
        "is_mixed": len({membership.role for membership in here}) > 1,
    }
    return render(request, "people/person.html", context)


@_get_or_post
@_manages
def person_deactivate(request: Request, pk: UUID) -> HttpResponse:
    who = _find(request, pk)
    if request.method == "POST":
        try:
            people.deactivate(request.actor.workspace, who, by=request.user, at=timezone.now())
        except RefusedError as error:
            messages.error(request, str(error))
            return redirect("person", pk)
        messages.success(request, f"{who} is deactivated and signed out everywhere.")
        return redirect("people")
    context = {"person": who, "is_self": who.pk == request.user.pk}
    return render(request, "people/deactivate.html", context)


@require_POST
@_manages
def person_reactivate(request: Request, pk: UUID) -> HttpResponse:
    who = _find(request, pk)
    here: list[Membership] = getattr(who, "here")  # noqa: B009  set by the prefetch
    if any(each.role == Role.ADMIN for each in here) and not stepup.is_recent(request):
        return stepup.ask(request)
    people.reactivate(request.actor.workspace, who, by=request.user, at=timezone.now())
    messages.success(request, f"{who} can sign in again.")
    return redirect("people")


# --- inviting ---------------------------------------------------------------------------------


@_get_or_post
@_manages
def person_invite(request: Request) -> HttpResponse:
    form = InviteForm(request.POST or None, properties=_properties(request))
    if request.method == "POST" and form.is_valid():
        if form.makes_admin and not stepup.is_recent(request):
            return stepup.ask(request)
        given = form.cleaned_data
        try:
            invitation, token = people.invite(
                request.actor.workspace,
                email=given["email"].lower(),
                name=given["name"],
                role=given["role"],
                properties=list(given["properties"]),
                by=request.user,
                at=timezone.now(),
            )
        except RefusedError as error:
            form.add_error("email", str(error))
        else:
            return _sent(request, invitation, token)
    return render(request, "people/invite.html", {"form": form})


@require_POST
@_manages
def invitation_again(request: Request, pk: UUID) -> HttpResponse:
    earlier = _find_invitation(request, pk)
    if earlier.role == Role.ADMIN and not stepup.is_recent(request):
        return stepup.ask(request)
    try:
        invitation, token = people.invite_again(earlier, by=request.user, at=timezone.now())
    except RefusedError as error:
        messages.error(request, str(error))
        return redirect("people")
    return _sent(request, invitation, token)


@require_POST
@_manages
def invitation_withdraw(request: Request, pk: UUID) -> HttpResponse:
    invitation = _find_invitation(request, pk)
    people.withdraw(invitation, by=request.user, at=timezone.now())
    messages.success(request, f"The invitation of {invitation.email} is withdrawn.")
    return redirect("people")


@require_safe
@_manages
def outbox(request: Request) -> HttpResponse:
    """Show the invitations that a demo wrote down instead of mailing them."""
    if not demo_mail.is_on_for(request.actor.workspace):
        raise Http404
    return render(request, "people/outbox.html", {"mails": demo_mail.invitations_of(request.actor)})


def _find_invitation(request: Request, pk: UUID) -> Invitation:
    return get_object_or_404(
        Invitation.objects.filter(workspace=request.actor.workspace, accepted_at=None),
        pk=pk,
        withdrawn_at=None,
    )


def _sent(request: Request, invitation: Invitation, token: str) -> HttpResponse:
    """Mail the link; where mail fails, show it once so that it can be sent another way."""
    link = f"{settings.LOCKBOARD_ORIGIN}{reverse('invitation', args=[token])}"
    if _mail(invitation, link):
        if demo_mail.is_on_for(invitation.workspace):
            messages.success(
                request,
                f"{invitation.email} is invited. This demo sends no mail: here is what they "
                "would have got.",
            )
            return redirect("outbox")
        messages.success(request, f"An invitation is on its way to {invitation.email}.")
        return redirect("people")
    return render(request, "people/link.html", {"invitation": invitation, "link": link})


def _mail(invitation: Invitation, link: str) -> bool:
    context = {"invitation": invitation, "link": link}
    mail = EmailMessage(
        subject=f"Invitation to {invitation.workspace.name} on Lockboard",
        body=render_to_string("people/invitation.txt", context),
        to=[invitation.email],
        headers={demo_mail.HEADER: str(invitation.pk)},
        connection=get_connection(timeout=_MAIL_TIMEOUT),
    )
    try:
        return mail.send() == 1
    except OSError:  # smtplib's errors are OSErrors too
        logger.warning("an invitation could not be mailed")
        return False


# --- accepting --------------------------------------------------------------------------------


@_get_or_post
def invitation(request: Request, token: str) -> HttpResponse:
    """Let an invited person in. Opening the link changes nothing: mail scanners open links."""
    found = people.find_invitation(token, timezone.now())
    if found is None:
        return _private(not_valid(request))
    known = people.known_user(found)
    page = _join_known(request, found, known) if known else _join_new(request, found)
    return _private(page)


def _join_new(request: Request, found: Invitation) -> HttpResponse:
    form = AcceptForm(request.POST or None, invitation=found)
    if request.method == "POST" and form.is_valid():
        user = people.accept_as_new(
            found,
            name=form.cleaned_data["name"],
            password=form.cleaned_data["password"],
            at=timezone.now(),
        )
        if user is None:
            return not_valid(request)
        login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
        return redirect("board")
    return _page(request, found, {"form": form})


def _join_known(request: Request, found: Invitation, known: User) -> HttpResponse:
    """Somebody with an account here proves it by signing in; a link gives no second password."""
    is_them = request.user.pk == known.pk
    if request.method == "POST" and is_them:
        if people.accept_as_known(found, known, at=timezone.now()):
            request.session[CHOSEN_WORKSPACE] = str(found.workspace_id)
        return redirect("board")
    sign_in = f"{reverse('account_login')}?{urlencode({'next': request.path})}"
    return _page(request, found, {"is_known": True, "is_them": is_them, "sign_in_url": sign_in})


def _page(request: Request, found: Invitation, context: dict[str, Any]) -> HttpResponse:
    frame = {"invitation": found, "actor": None}
    return render(request, "people/accept.html", frame | context)


def _private(response: HttpResponse) -> HttpResponse:
    # Not `no-referrer`: browsers would then send `Origin: null`, and the form would be refused.
    response["Referrer-Policy"] = "same-origin"
    response["Cache-Control"] = "no-store"
    response["X-Robots-Tag"] = "noindex"
    return response
