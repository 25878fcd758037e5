"""The pages of all grants: the list, the calendar, who arrives."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from access.grants import arrivals, calendar, listing
from access.grants.finding import LINGERING, Filters
from accounts.actors import Request, requires
from accounts.models import Space
from accounts.permissions import Permission
from locks.paging import CursorError
from locks.views import wants_fragment

_views = requires(Permission.VIEW_GRANTS)
#: Whose calendar a browser showed last.
_PLACE = "calendar_property"


@require_safe
@_views
def grants(request: Request) -> HttpResponse:
    filters, now = Filters.from_query(request.GET.dict()), timezone.now()
    after = request.GET.get("after", "")
    try:
        found = listing.listing(request.actor, filters, after=after, now=now)
    except CursorError as error:
        return HttpResponseBadRequest(str(error))
    filters = found.filters
    template = (
        "access/grants/list.html#list" if wants_fragment(request) else "access/grants/list.html"
    )
    context: dict[str, Any] = {
        "tab": "list",
        "listing": found,
        "rows": found.rows,
        "filters": filters,
        "after": after,
        "first_url": filters.url() if after else "",
        "next_url": filters.url(after=found.after) if found.after else "",
        "lingering_url": filters.to("ended", "" if filters.state == LINGERING else LINGERING),
        "may_manage": request.actor.may(Permission.MANAGE_GRANTS),
        "can_revoke": any(row.can_revoke for row in found.rows),
    }
    return render(request, template, context)


@require_safe
@_views
def grants_calendar(request: Request) -> HttpResponse:
    now, places = timezone.now(), _properties(request)
    filters = calendar.filters_of(request.GET.dict(), _latest_first(request, places), now)
    try:
        found = calendar.calendar(request.actor, filters, now)
    except CursorError as error:
        return HttpResponseBadRequest(str(error))
    part = "access/grants/calendar.html#live" if wants_fragment(request) else None
    context = {
        "tab": "calendar",
        "filters": filters,
        "places": places,
        "calendar": found,
        "around": calendar.around(filters),
        "more_url": filters.url(after=found.after) if found.after else "",
        "first_url": filters.url() if filters.after else "",
        "may_manage": request.actor.may(
            Permission.MANAGE_GRANTS, filters.place.pk if filters.place else None
        ),
    }
    return render(request, part or "access/grants/calendar.html", context)


def _latest_first(request: Request, places: list[Space]) -> list[Space]:
    """Return properties with the one first that was looked at last, else one with stays."""
    ids, chosen = {str(place.pk) for place in places}, request.GET.get("property", "")
    if chosen in ids:
        # News of a page that stands open in another tab is nobody looking.
        if not wants_fragment(request) and request.session.get(_PLACE) != chosen:
            request.session[_PLACE] = chosen
        return places
    latest = request.session.get(_PLACE, "")
    if latest in ids:
        return sorted(places, key=lambda place: str(place.pk) != latest)
    return calendar.busy_first(places, request.actor, timezone.now())


def _properties(request: Request) -> list[Space]:
    return list(Space.objects.for_actor(request.actor).properties().order_by("name"))


@require_safe
@_views
def grants_arrivals(request: Request) -> HttpResponse:
    now, places = timezone.now(), _properties(request)
    filters = arrivals.Filters.from_query(request.GET.dict(), places)
    found = arrivals.arrivals(request.actor, filters, places, now)
    part = "access/grants/arrivals.html#live" if wants_fragment(request) else None
    context = {
        "tab": "arrivals",
        "filters": filters,
        "places": places,
        "arrivals": found,
        "now": now,
        "more_url": filters.url(filters.page + 1) if found.has_more else "",
        "first_url": filters.url(1) if filters.page > 1 else "",
    }
    return render(request, part or "access/grants/arrivals.html", context)
