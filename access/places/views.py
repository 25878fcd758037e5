"""The pages of systems, and of what is synced from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access import waking
from access.models import (
    AcsAccessGroup,
    AcsEncoder,
    AcsEntrance,
    AcsSystem,
)
from access.people import listing, words
from access.people.opening import doors_of
from access.places import counting, credentials, encoders, services
from access.places.health import health_of
from access.places.paging import page_by_name
from accounts.actors import Request, requires
from accounts.models import Space
from accounts.permissions import Permission
from locks.codes.listing import uuid_of
from locks.codes.services import RefusedError
from locks.paging import CursorError
from locks.views import wants_fragment

_views = requires(Permission.VIEW_ACCESS)
_manages = requires(Permission.MANAGE_SYSTEMS)
_get_or_post = require_http_methods(["GET", "HEAD", "POST"])

#: Doors of a group on its page, and groups of a door.
MOST_NAMED = 200


def find_system(request: Request, pk: UUID) -> AcsSystem:
    found: AcsSystem = get_object_or_404(
        AcsSystem.objects.for_actor(request.actor).select_related("property", "account"), pk=pk
    )
    return found


def frame(request: Request, system: AcsSystem, tab: str) -> dict[str, Any]:
    """What every page of a system shows around it."""
    may, has_place = request.actor.may, system.is_placed
    return {
        "system": system,
        "health": health_of(system),
        "zone": system.property.zone if has_place else ZoneInfo(request.actor.zone_name),
        "tab": tab,
        "after": "",
        "before": "",
        "may_make_cards_here": may(Permission.MAKE_CARDS, system.property_id),
        "may_manage_cardholders": may(Permission.MANAGE_CARDHOLDERS, system.property_id),
        "may_manage_system": may(Permission.MANAGE_SYSTEMS, system.property_id),
    }


def answer(request: Request, template: str, context: dict[str, Any]) -> HttpResponse:
    """Answer with a page, or with the part of it that lives."""
    return render(request, f"{template}#live" if wants_fragment(request) else template, context)


# --- systems --------------------------------------------------------------------------


@require_safe
@_views
def systems(request: Request) -> HttpResponse:
    found = AcsSystem.objects.for_actor(request.actor)
    if request.actor.may(Permission.MANAGE_SYSTEMS):
        found = found | AcsSystem.objects.to_place_by(request.actor)
    rows = list(found.select_related("property", "account").order_by("is_placed", "name", "pk"))
    counts = counting.counts_of(rows)
    context = {
        "rows": [(system, health_of(system), counts[system.pk]) for system in rows],
        "may_connect": request.actor.may(Permission.MANAGE_ACCOUNTS),
    }
    return answer(request, "access/systems.html", context)


@require_safe
@_views
def system(request: Request, pk: UUID) -> HttpResponse:
    """The people of a system."""
    found, now = find_system(request, pk), timezone.now()
    filters = listing.Filters.from_query(request.GET.dict())
    after, base = request.GET.get("after", ""), found.get_absolute_url()
    try:
        users, is_narrow = filters.rows(found, now), bool(filters.query)
        people = listing.people(users, found, after=after, now=now, is_narrow=is_narrow)
    except CursorError as error:
        return HttpResponseBadRequest(str(error))
    context = frame(request, found, "people") | {
        "filters": filters,
        "people": people,
        "thing": words.thing(found),
        "shows": [
            (key, label, filters.show == key, _toggled(filters, key, base))
            for key, label in listing.shows_of(found).items()
        ],
        "first_url": filters.url(base),
        "next_url": filters.url(base, after=people.after) if people.after else "",
        "after": after,
    }
    return answer(request, "access/people.html", context)


def _toggled(filters: listing.Filters, key: str, base: str) -> str:
    show = "" if filters.show == key else key
    return listing.Filters(query=filters.query, show=show).url(base)


@_get_or_post
@_manages
def system_settings(request: Request, pk: UUID) -> HttpResponse:
    found = _find_to_place(request, pk) or find_system(request, pk)
    if found.is_placed:
        request.actor.require(Permission.MANAGE_SYSTEMS, found.property_id)
    properties = _properties(request)
    if request.method == "POST":
        asked = uuid_of(request.POST.get("property", ""))
        place = properties.filter(pk=asked).first() if asked else None
        if place is None:
            messages.error(request, "Choose a property.")
        elif services.move_system(found, place, by=request.actor, at=timezone.now()):
            messages.success(request, f"Saved. It belongs to {place.name} now.")
            return redirect(found)
        else:
            return redirect(found)
    context = frame(request, found, "settings") | {
        "properties": properties,
        "counts": None if found.is_placed else counting.counts_of([found])[found.pk],
    }
    return render(request, "access/settings.html", context)


def _find_to_place(request: Request, pk: UUID) -> AcsSystem | None:
    rows = AcsSystem.objects.to_place_by(request.actor).select_related("property", "account")
    return rows.filter(pk=pk).first()


def _properties(request: Request) -> QuerySet[Space]:
    """The properties a system can be given to by this person."""
    ids = request.actor.property_ids_with(Permission.MANAGE_SYSTEMS)
    places = Space.objects.for_actor(request.actor).properties().order_by("name")
    return places if ids is None else places.filter(pk__in=ids)


# --- groups ---------------------------------------------------------------------------


@require_safe
@_views
def groups(request: Request, pk: UUID) -> HttpResponse:
    found = find_system(request, pk)
    return _list(request, found, AcsAccessGroup, "groups", counting.of_groups)


@require_safe
@_views
def group(request: Request, pk: UUID) -> HttpResponse:
    rows = AcsAccessGroup.objects.for_actor(request.actor).filter(removed_at=None)
    found = get_object_or_404(rows.select_related("system__property", "system__account"), pk=pk)
    waking.want_news([found.pk], at=timezone.now())
    context = frame(request, found.system, "groups") | {
        "group": found,
        "doors": doors_of(found.system, [found.pk]),
    }
    return _with_people(request, "access/group.html", found, [found.pk], context)


def _with_people(
    request: Request,
    template: str,
    thing: AcsAccessGroup | AcsEntrance,
    group_ids: Sequence[UUID],
    context: dict[str, Any],
) -> HttpResponse:
    """Answer with a page that ends in the people of some groups."""
    after, now = request.GET.get("after", ""), timezone.now()
    users = listing.in_groups(group_ids)
    try:
        people = listing.people(users, thing.system, after=after, now=now, is_narrow=True)
    except CursorError as error:
        return HttpResponseBadRequest(str(error))
    base = thing.get_absolute_url()
    context |= {
        "people": people,
        "next_url": f"{base}?after={people.after}" if people.after else "",
        "after": after,
    }
    return answer(request, template, context)


def _list(
    request: Request,
    found: AcsSystem,
    model: type[AcsAccessGroup] | type[AcsEntrance],
    tab: str,
    told_of: Any,
) -> HttpResponse:
    """Answer with one page of groups or of doors, by name."""
    query = request.GET.get("q", "").replace("\0", "").strip()[:100]
    after = request.GET.get("after", "")
    rows = model.objects.filter(system=found, removed_at=None)
    for word in query.split():
        rows = rows.filter(name__icontains=word)
    try:
        page = page_by_name(rows, found, after)
    except CursorError as error:
        return HttpResponseBadRequest(str(error))
    context = frame(request, found, tab) | {
        "rows": told_of(page.rows),
        "query": query,
        "after": after,
        "next_after": page.after,
        "picks": model is AcsEntrance
        and found.writes_cards
        and request.actor.may(Permission.MANAGE_SYSTEMS, found.property_id),
    }
    return answer(request, f"access/{tab}.html", context)


# --- entrances ------------------------------------------------------------------------


@require_safe
@_views
def entrances(request: Request, pk: UUID) -> HttpResponse:
    found = find_system(request, pk)
    return _list(request, found, AcsEntrance, "entrances", counting.of_entrances)


@require_POST
@_manages
def set_wired_many(request: Request, pk: UUID) -> HttpResponse:
    """Say it of all doors ticked in the list, and go back to where that list was."""
    found = find_system(request, pk)
    request.actor.require(Permission.MANAGE_SYSTEMS, found.property_id)
    ticked = [asked for text in request.POST.getlist("doors")[:500] if (asked := uuid_of(text))]
    if ticked:
        _say_wired(request, found, ticked)
    else:
        messages.error(request, "Tick the doors first.")
    kept = {key: value for key in ("q", "after") if (value := request.POST.get(key, "")[:100])}
    url = reverse("acs-entrances", args=[found.pk])
    return redirect(f"{url}?{urlencode(kept)}" if kept else url)


def _say_wired(request: Request, found: AcsSystem, ids: Sequence[UUID]) -> None:
    said = {"yes": True, "no": False, "unknown": None}
    word = request.POST.get("wired", "")
    if word not in said:
        messages.error(request, "Choose one of the three.")
        return
    try:
        changed = services.set_wired(found, ids, said[word], by=request.actor, at=timezone.now())
    except RefusedError as refusal:
        messages.error(request, f"Not done: {refusal}")
    else:
        doors = f"{changed} door{'' if changed == 1 else 's'}"
        messages.success(request, f"Saved for {doors}." if changed else "It was so already.")


@require_safe
@_views
def entrance(request: Request, pk: UUID) -> HttpResponse:
    found = _find_entrance(request, pk)
    opened_by = list(found.groups.filter(removed_at=None).order_by("name"))
    context = frame(request, found.system, "entrances") | {
        "entrance": found,
        "groups": opened_by[:MOST_NAMED],
        "spaces": _spaces(found.system),
        "may_say_wired": found.system.writes_cards,
    }
    return _with_people(
        request, "access/entrance.html", found, [each.pk for each in opened_by], context
    )


def _find_entrance(request: Request, pk: UUID) -> AcsEntrance:
    rows = AcsEntrance.objects.for_actor(request.actor).filter(removed_at=None)
    found: AcsEntrance = get_object_or_404(
        rows.select_related("system__property", "system__account", "space__parent"), pk=pk
    )
    return found


def _spaces(found: AcsSystem) -> Sequence[Space]:
    """The places of the system's property, as a tree is read."""
    rows = Space.objects.filter(Q(pk=found.property_id) | Q(property_id=found.property_id))
    below: dict[UUID | None, list[Space]] = {}
    for space in rows.order_by("name"):
        below.setdefault(space.parent_id, []).append(space)
    ordered: list[Space] = []

    def walk(parent: UUID | None, depth: int) -> None:
        for space in below.get(parent, []):
            space.indent = "\u2003" * depth  # type: ignore[attr-defined]  # for the list
            ordered.append(space)
            walk(space.pk, depth + 1)

    walk(None, 0)
    return ordered


@require_POST
@_manages
def link_entrance(request: Request, pk: UUID) -> HttpResponse:
    found = _find_entrance(request, pk)
    request.actor.require(Permission.MANAGE_SYSTEMS, found.system.property_id)
    chosen = request.POST.get("space", "")
    places = {str(space.pk): space for space in _spaces(found.system)}
    if chosen and chosen not in places:
        messages.error(request, "Choose a place of this property.")
        return redirect(found)
    services.link_entrance(found, places.get(chosen), by=request.actor, at=timezone.now())
    messages.success(request, "Saved where the door leads.")
    return redirect(found)


@require_POST
@_manages
def set_wired(request: Request, pk: UUID) -> HttpResponse:
    found = _find_entrance(request, pk)
    request.actor.require(Permission.MANAGE_SYSTEMS, found.system.property_id)
    _say_wired(request, found.system, [found.pk])
    return redirect(found)


# --- credentials, encoders ------------------------------------------------------------


@require_safe
@_views
def credential_list(request: Request, pk: UUID) -> HttpResponse:
    found, now = find_system(request, pk), timezone.now()
    show = credentials.known(request.GET.get("show", ""), found)
    before = request.GET.get("before", "")
    try:
        page = credentials.page(found, show, before=before, now=now)
    except CursorError as error:
        return HttpResponseBadRequest(str(error))
    context = frame(request, found, "credentials") | {
        "page": page,
        "show": show,
        "shows": credentials.shows_of(found).items(),
        "before": before,
    }
    return answer(request, "access/credentials.html", context)


@require_safe
@_views
def encoder_list(request: Request, pk: UUID) -> HttpResponse:
    found = find_system(request, pk)
    rows = AcsEncoder.objects.filter(system=found, removed_at=None).order_by("name", "pk")
    context = frame(request, found, "encoders") | {"rows": encoders.rows_of(rows)}
    return answer(request, "access/encoders.html", context)
