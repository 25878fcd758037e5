"""The log, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import render
from django.views.decorators.http import require_safe

from audit.ids import moment_of
from audit.models import Event
from audit.presenting import lines_of
from audit.words import Kind

if TYPE_CHECKING:
    from accounts.actors import Request

PAGE = 50
_TABS = (("", "All"), (Kind.DOOR.value, "Door events"), (Kind.CHANGE.value, "Changes"))


@require_safe
def log(request: Request) -> HttpResponse:
    """Show a page of the log. `config.urls` puts the permission in front of it."""
    kind = request.GET.get("kind", "")
    events = Event.objects.in_sight(request.actor.sight)
    if kind in Kind.values:
        events = events.filter(kind=kind)
    cursor = None
    if before := request.GET.get("before", ""):
        try:
            cursor = UUID(before)
        except ValueError:
            return HttpResponseBadRequest("invalid cursor")
        events = events.older_than(cursor)
    found = list(events.newest_first()[: PAGE + 1])
    page = found[:PAGE]
    older = f"?{urlencode({'kind': kind, 'before': page[-1].pk})}" if found[PAGE:] else None
    # Going back in history, htmx asks for the whole page.
    is_part = request.htmx and not request.htmx.history_restore_request
    template = "audit/log.html#rows" if is_part else "audit/log.html"
    context = {
        "lines": lines_of(
            page,
            ZoneInfo(request.actor.zone_name),
            # A part goes on below lines whose day is named; a page begins with its own.
            after=moment_of(cursor) if cursor and is_part else None,
            ours=lambda: request.actor.provider_persons,
        ),
        "older_url": older,
        "tabs": [
            {"label": label, "url": f"?kind={key}" if key else "?", "is_on": key == kind}
            for key, label in _TABS
        ],
        "zone_name": request.actor.zone_name,
    }
    return render(request, template, context)
