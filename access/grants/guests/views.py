"""Guests: who they are, the stays they have, and making two of them one."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_safe

from access.grants import identities, row_words
from access.grants.guests import listing, merging
from access.grants.guests.forms import LANGUAGES, GuestForm
from access.models import AccessGrant, UserIdentity
from accounts.actors import Request, requires
from accounts.permissions import Permission
from locks.codes.listing import uuid_of
from locks.codes.services import RefusedError
from locks.paging import CursorError
from locks.views import wants_fragment

_views = requires(Permission.VIEW_GRANTS)
_manages = requires(Permission.MANAGE_GRANTS)
_get_or_post = require_http_methods(["GET", "HEAD", "POST"])
_MOST_STAYS = 100
_MOST_OTHERS = 12


def _find(request: Request, pk: UUID) -> UserIdentity:
    """Return a guest in sight, or answer that there is none."""
    people = UserIdentity.objects.for_actor(request.actor)
    found: UserIdentity = get_object_or_404(people.select_related("created_by"), pk=pk)
    return found


def _query(request: Request) -> str:
    return request.GET.get("q", "").replace("\0", "").strip()[:100]


@require_safe
@_views
def guests(request: Request) -> HttpResponse:
    query, after = _query(request), request.GET.get("after", "")
    try:
        page = listing.listing(request.actor, query, after=after, now=timezone.now())
    except CursorError as error:
        return HttpResponseBadRequest(str(error))
    url = reverse("guests")
    told = {"q": query} if query else {}
    context = {
        "tab": "guests",
        "page": page,
        "query": query,
        "next_url": f"{url}?{urlencode(told | {'after': page.after})}" if page.after else "",
        "first_url": f"{url}?{urlencode(told)}" if after else "",
    }
    part = "#list" if wants_fragment(request) else ""
    return render(request, f"access/grants/guests.html{part}", context)


@require_safe
@_views
def guest(request: Request, pk: UUID) -> HttpResponse:
    """One guest. The id of somebody merged leads to who they are now."""
    merged = UserIdentity.objects.filter(
        workspace_id=request.actor.workspace.pk, pk=pk, merged_into__isnull=False
    ).first()
    if merged is not None and merged.merged_into_id is not None:
        return redirect("known-guest", _find(request, merged.merged_into_id).pk)
    person, now = _find(request, pk), timezone.now()
    rows = AccessGrant.objects.for_actor(request.actor).filter(identity=person)
    stays = rows.select_related("property").order_by("-starts_at", "pk")[:_MOST_STAYS]
    context = {
        "person": person,
        "language": dict(LANGUAGES).get(person.language) or person.language,
        "stays": [(each, row_words.life(each, now), row_words.span(each, now)) for each in stays],
        "zone": request.actor.zone_name,
        "may_manage": request.actor.may(Permission.MANAGE_GRANTS),
    }
    return render(request, "access/grants/guest.html", context)


@_get_or_post
@_manages
def edit(request: Request, pk: UUID) -> HttpResponse:
    person = _find(request, pk)
    form = GuestForm(request.POST if request.method == "POST" else None, person=person)
    details = form.guest() if request.method == "POST" else None
    if details is not None:
        try:
            identities.edit(person, details, by=request.actor, at=timezone.now())
        except RefusedError as refusal:
            form.add_refusal(refusal)
        else:
            messages.success(request, "Saved. Messages to come use it.")
            return redirect("known-guest", person.pk)
    return render(request, "access/grants/guest_edit.html", {"person": person, "form": form})


@_get_or_post
@_manages
def merge(request: Request, pk: UUID) -> HttpResponse:
    """Search for the other one; see what happens; make them one."""
    person = _find(request, pk)
    other = _other(request, person)
    if request.method == "POST" and other is not None:
        try:
            identities.merge(person, [other], by=request.actor, at=timezone.now())
        except RefusedError as refusal:
            messages.error(request, f"Not done: {refusal}.")
        else:
            messages.success(request, f"{other} and {person} are one person now.")
        return redirect("known-guest", person.pk)
    if request.method == "POST":
        messages.error(request, "That person is not there any more.")
        return redirect("guest-merge", person.pk)
    context = {
        "person": person,
        "other": other,
        "will": merging.foretold(person, other) if other else [],
        "query": _query(request),
        "found": [] if other else _others(request, person),
    }
    part = "#found" if wants_fragment(request) else ""
    return render(request, f"access/grants/guest_merge.html{part}", context)


def _other(request: Request, person: UserIdentity) -> UserIdentity | None:
    given = request.POST if request.method == "POST" else request.GET
    pk = uuid_of(given.get("other", ""))
    people = UserIdentity.objects.for_actor(request.actor).exclude(pk=person.pk)
    return people.filter(pk=pk).first() if pk else None


def _others(request: Request, person: UserIdentity) -> list[UserIdentity]:
    """Return people who fit what is typed; at first, those of the same name."""
    text = _query(request) or person.full_name
    if not text:
        return []
    people = UserIdentity.objects.for_actor(request.actor).exclude(pk=person.pk)
    return list(people.like(text).order_by("full_name", "pk")[:_MOST_OTHERS])
