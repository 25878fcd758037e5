"""Mobile keys on the page of one person."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from access.models import AcsCredential, AcsUser
from access.people import mobile
from access.states import Phase
from accounts import sealing
from accounts.actors import Request, requires
from accounts.permissions import Permission
from accounts.providers.systems import AccessMethod
from locks.codes.services import RefusedError
from locks.codes.views import UNREADABLE, shown_once

_manages = requires(Permission.MANAGE_CARDHOLDERS)


def _find(request: Request, pk: UUID) -> AcsCredential:
    """Return the mobile key of somebody who is still there."""
    rows = AcsCredential.objects.for_actor(request.actor).filter(user__isnull=False)
    rows = rows.select_related("system__property", "system__account", "user")
    rows = rows.exclude(phase=Phase.GONE).exclude(user__phase=Phase.GONE)
    found: AcsCredential = get_object_or_404(
        rows.filter(access_method=AccessMethod.MOBILE_KEY), pk=pk
    )
    return found


def _managed(request: Request, pk: UUID) -> tuple[AcsCredential, AcsUser]:
    found = _find(request, pk)
    request.actor.require(Permission.MANAGE_CARDHOLDERS, found.system.property_id)
    assert found.user is not None
    found.user.system = found.system
    return found, found.user


@require_POST
@_manages
def ask(request: Request, pk: UUID) -> HttpResponse:
    rows = AcsUser.objects.for_actor(request.actor).select_related("system__property")
    user: AcsUser = get_object_or_404(rows, pk=pk)
    request.actor.require(Permission.MANAGE_CARDHOLDERS, user.system.property_id)
    try:
        made = mobile.ask_for_mobile_key(user, by=request.actor, at=timezone.now())
    except RefusedError as refusal:
        messages.error(request, f"Not done: {refusal}")
    else:
        text = "Asked for. The link appears here once the key is ready."
        messages.success(request, text if made else "They have a mobile key already.")
    return redirect(user)


@require_POST
@_manages
def ask_for_link(request: Request, pk: UUID) -> HttpResponse:
    key, user = _managed(request, pk)
    try:
        asked = mobile.ask_for_link(key, by=request.actor, at=timezone.now())
    except RefusedError as refusal:
        messages.error(request, f"Not done: {refusal}")
    else:
        text = "Asked for. The new link appears here in a moment."
        messages.success(request, text if asked else "A link is being made already.")
    return redirect(user)


@require_http_methods(["GET", "HEAD", "POST"])
@_manages
def take_back(request: Request, pk: UUID) -> HttpResponse:
    """Ask once more, then take a mobile key back."""
    key, user = _managed(request, pk)
    if key.delete_asked_at:
        messages.info(request, "It is being taken back already.")
        return redirect(user)
    if request.method == "POST":
        mobile.take_back(key, by=request.actor, at=timezone.now())
        messages.success(request, "Asked for. This page says when it is gone.")
        return redirect(user)
    return render(request, "access/take_back.html", {"person": user, "key": key})


@require_POST
@requires(Permission.REVEAL_CODES)
def reveal(request: Request, pk: UUID) -> HttpResponse:
    """Answer with the link to a mobile key. Without scripts: a page that goes by itself."""
    key, problem = _find(request, pk), ""
    try:
        url = mobile.reveal_link(key, by=request.actor, at=timezone.now())
        problem = "" if url else "The link is not made yet."
    except sealing.UnreadableError:
        url, problem = "", UNREADABLE
    assert key.user is not None
    told, back = {"digits": url, "problem": problem}, key.user.get_absolute_url()
    return shown_once(request, told, "access/key_link.html", {"person": key.user}, back=back)
