"""“Why can’t they get in?”: find the stay, then walk from it to the door."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from access.grants import row_words
from access.grants.finding import ACTIVE, ENDED, UPCOMING, Filters, in_tab
from access.grants.stay import when
from access.grants.stay.views import find
from access.grants.why import cases, links, remedies
from access.grants.why.walking import Mark, Step
from access.models import AccessGrant
from accounts.actors import Actor, Request, requires
from accounts.permissions import Permission
from locks.codes.words import State
from locks.views import wants_fragment

_views = requires(Permission.VIEW_GRANTS)
_MOST = 30
_ICONS = {
    Mark.OK: "check-circle",
    Mark.UNSURE: "question",
    Mark.BROKEN: "x-circle",
    Mark.UNCHECKED: "dashed",
}
_WORDS = {
    Mark.OK: "Fine",
    Mark.UNSURE: "Not sure",
    Mark.BROKEN: "Broken",
    Mark.UNCHECKED: "Not checked",
}


@require_safe
@_views
def why(request: Request, pk: UUID) -> HttpResponse:
    grant, now = find(request, pk), timezone.now()
    asked = cases.Asked(door=request.GET.get("door", ""), way=request.GET.get("way", ""))
    opened = cases.open_case(grant.pk, asked, request.actor, now)
    steps = links.look(opened.case)
    broken = next((each for each in steps if each.mark == Mark.BROKEN), None)
    context = {
        "grant": opened.case.grant,
        "opened": opened,
        "asked": asked,
        "steps": [_shown(each, opened.case.grant, request.actor) for each in steps],
        "broken": broken,
        "unsure": [each for each in steps if each.mark == Mark.UNSURE],
        "doors": [each for each in opened.case.things if each.removed_at is None],
        "span": row_words.span(opened.case.grant, now),
        "far": when.far(opened.case.grant, now),
    }
    part = "#live" if wants_fragment(request) else ""
    return render(request, f"access/grants/why.html{part}", context)


def _shown(step: Step, grant: AccessGrant, actor: Actor) -> dict[str, Any]:
    found = [remedies.way_out(fix, grant, actor) for fix in step.finding.fixes]
    return {
        "key": step.key,
        "title": step.title,
        "mark": step.mark.value,
        "word": _WORDS[step.mark],
        "icon": _ICONS[step.mark],
        "sentence": step.finding.sentence,
        "ways": [each for each in found if each],
    }


# --- finding the stay -----------------------------------------------------------------


@require_safe
@_views
def search(request: Request) -> HttpResponse:
    """Ask for a guest, a room or a door; one stay that fits is walked at once."""
    filters, now = Filters.from_query({"q": request.GET.get("q", "")}), timezone.now()
    found = _stays(request, filters, now) if filters.query else []
    if len(found) == 1 and not wants_fragment(request):
        return redirect("grant-why", found[0][0].pk)
    part = "#found" if wants_fragment(request) else ""
    context = {
        "query": filters.query,
        "found": found,
        "tab": "why",
        "may_manage": request.actor.may(Permission.MANAGE_GRANTS),
    }
    return render(request, f"access/grants/why_search.html{part}", context)


def _stays(
    request: Request, filters: Filters, now: datetime
) -> list[tuple[AccessGrant, State, str]]:
    """Return stays that fit: those of now first, then those to come, then what is over."""
    kept = filters.kept(request.actor).select_related("property", "identity")
    found: dict[UUID, AccessGrant] = {}
    for tab, order in ((ACTIVE, "ends_at"), (UPCOMING, "starts_at"), (ENDED, "-starts_at")):
        for each in in_tab(kept, tab, now).order_by(order, "pk")[: _MOST - len(found)]:
            found[each.pk] = each
    return [(each, row_words.life(each, now), row_words.span(each, now)) for each in found.values()]
