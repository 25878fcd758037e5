"""The pages on which grants are made and changed, and what they ask while one types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access.grants import services
from access.grants.pages import answers, people, places, sending, showing, times
from access.grants.pages.forms import GrantForm
from access.grants.pages.sheet import Sheet
from access.models import AccessGrant, AccessMethod
from accounts.actors import Request, requires
from accounts.models import Space
from accounts.permissions import Permission
from accounts.providers.systems import AccessMethod as Mode
from accounts.sealing import UnreadableError
from locks.codes.rules import clock

_manages = requires(Permission.MANAGE_GRANTS)
_get_or_post = require_http_methods(["GET", "HEAD", "POST"])
UNREADABLE = (
    "The digits that were asked for cannot be read any more: they were sealed with a key that is"
    " not here. Revoke this stay and make a new one."
)
#: So many properties are searched for a room while none is chosen.
_MOST_PROPERTIES = 10
#: Where a browser let somebody in last.
_PLACE = "grants_property"
STALE = (
    "Somebody changed this stay while it was open here. Nothing was saved: this is how it is now,"
    " change it again."
)
#: The fields beside which something can be wrong, by what a form shows.
_SLOTS = {
    "all": (
        *("full_name", "email", "phone", "place", "doors", "starts", "ends"),
        *("methods", "digits", "reservation_key"),
    ),
    "change": ("place", "doors", "starts", "ends", "methods", "digits"),
    "end": ("ends",),
    "where": ("place", "doors"),
    "move": ("place", "doors"),
}


# --- a new one ------------------------------------------------------------------------


@_get_or_post
@_manages
def new(request: Request) -> HttpResponse:
    """GET with ?where=space:6ba7… or ?person= begins with them chosen."""
    offered = places.properties(request.actor)
    if not offered:
        return render(request, "access/grants/form.html", {"offered": []})
    if request.method == "POST":
        return _posted(request, request.POST.copy(), None, offered, "access/grants/form.html")
    given = _begun(request, offered)
    sheet = _sheet(request, given, None, offered)
    sheet.forgive()
    context = _context(sheet, request) | {"is_fresh": True}
    return render(request, "access/grants/form.html", context)


def _begun(request: Request, offered: list[Space]) -> QueryDict:
    where = [key for key in request.GET.getlist("where") if places.target_of(key)]
    found = places.chosen([t for key in where if (t := places.target_of(key))], request.actor)
    home = {each.property_id for each in found}
    latest = request.session.get(_PLACE, "")
    place = next((each for each in offered if str(each.pk) == latest), offered[0])
    place = next((each for each in offered if each.pk in home), place)
    given = answers.fresh(place, timezone.now())
    given.setlist("targets", [each.key for each in found])
    given["person"] = request.GET.get("person", "")
    return given


# --- one that is there ----------------------------------------------------------------


@_get_or_post
@_manages
def change(request: Request, pk: UUID) -> HttpResponse:
    return _change(request, pk, "access/grants/form.html", lambda given, grant: None)


@_get_or_post
@_manages
def extend(request: Request, pk: UUID) -> HttpResponse:
    """GET already shows what one more night does; with ?late, a late check-out."""

    def begin(given: QueryDict, grant: AccessGrant) -> None:
        if "late" in request.GET:
            usual = times.usual(grant.property, timezone.now())
            given["ends"] = times.at_clock(given.get("ends", ""), usual.late)
        else:
            given["ends"] = times.later(given.get("ends", ""), 1)
        given.pop("ends_fold", None)

    return _change(request, pk, "access/grants/extend.html", begin)


@_get_or_post
@_manages
def move(request: Request, pk: UUID) -> HttpResponse:
    """GET begins without the room they have, the last on their way; with ?add, with all of it."""

    def begin(given: QueryDict, grant: AccessGrant) -> None:
        given["shows"] = "where" if "add" in request.GET else "move"
        if given["shows"] == "move":
            given.setlist("targets", given.getlist("targets")[:-1])

    return _change(request, pk, "access/grants/move.html", begin)


def _change(
    request: Request, pk: UUID, template: str, begin: Callable[[QueryDict, AccessGrant], None]
) -> HttpResponse:
    grant = _find(request, pk)
    if grant.is_over(timezone.now()):
        messages.error(request, services.IS_REVOKED if grant.revoked_at else services.IS_OVER)
        return redirect(grant)
    try:
        if request.method == "POST":
            return _posted(request, request.POST.copy(), grant, [grant.property], template)
        given = answers.of_grant(grant)
        begin(given, grant)
        sheet = _sheet(request, given, grant, [grant.property])
    except UnreadableError:
        messages.error(request, UNREADABLE)
        return redirect(grant)
    sheet.forgive()
    return render(request, template, _context(sheet, request))


def _find(request: Request, pk: UUID) -> AccessGrant:
    rows = AccessGrant.objects.for_actor(request.actor).select_related("property", "identity")
    found = get_object_or_404(rows.prefetch_related("targets", "requests"), pk=pk)
    request.actor.require(Permission.MANAGE_GRANTS, found.property_id)
    return found


# --- what is posted -------------------------------------------------------------------


def _posted(
    request: Request,
    given: QueryDict,
    grant: AccessGrant | None,
    offered: list[Space],
    template: str,
) -> HttpResponse:
    do = given.get("do", "")
    wish = given.get("save", "")
    if do and not wish:
        place = GrantForm(given, places=offered).chosen_place
        answers.pressed(given, do, place, timezone.now())
        sheet = _sheet(request, given, grant, offered)
        sheet.forgive()
        return render(request, template, _context(sheet, request, do=do))
    if grant is not None and given.get("generation_seen") != str(grant.generation):
        # Saved over it, this page would undo what it never showed.
        messages.warning(request, STALE)
        return redirect(request.get_full_path())
    sheet = _sheet(request, given, grant, offered)
    saved = sheet.save()
    if saved is not None:
        request.session[_PLACE] = str(saved.property_id)
        return _saved(request, sheet, saved, wish)
    return render(request, template, _context(sheet, request, is_refused=True))


def _saved(request: Request, sheet: Sheet, grant: AccessGrant, wish: str) -> HttpResponse:
    name = str(grant.identity)
    if sheet.grant:
        told = sending.tell_change(sheet.grant, grant, by=request.actor, at=sheet.now)
        also = f" {name} gets an e-mail about it." if told else ""
        messages.success(request, f"Saved. The doors hear of it now.{also}")
        return redirect(grant)
    is_sent = wish == "send" and sending.send(grant, by=request.actor, at=sheet.now)
    if grant.created_at != sheet.now:
        messages.info(request, "This form was sent before: this is what it made.")
    elif wish != "send":
        messages.success(request, f"{name} can get in. Nothing was sent.")
    elif is_sent:
        messages.success(request, f"{name} can get in, and gets an e-mail when all is ready.")
    else:
        messages.success(request, f"{name} can get in. Nothing could be sent: tell them yourself.")
    if wish == "card":
        return _to_encoder(request, grant)
    return redirect(grant)


def _to_encoder(request: Request, grant: AccessGrant) -> HttpResponse:
    """Go to the station with this person chosen; to their stay where no card is to be made."""
    cards = AccessMethod.objects.of_grant(grant).filter(
        mode=Mode.CARD, acs_user__isnull=False, revoked_at=None
    )
    user_id = cards.order_by("created_at").values_list("acs_user_id", flat=True).first()
    if user_id is None or not request.actor.may(Permission.MAKE_CARDS, grant.property_id):
        messages.warning(request, "There is no card to make here.")
        return redirect(grant)
    return redirect(f"{reverse('cards')}?{urlencode({'user': user_id})}")


# --- while somebody fills in ----------------------------------------------------------


@require_POST
@_manages
def plan(request: Request) -> HttpResponse:
    """The plan of what the form says now, and what is wrong beside each field."""
    grant, offered = None, places.properties(request.actor)
    if pk := request.POST.get("grant", ""):
        grant = _find(request, _uuid(pk))
        offered = [grant.property]
    if not offered:
        return _no_plan("There is no property any more to let somebody into.")
    try:
        sheet = _sheet(request, request.POST.copy(), grant, offered)
    except UnreadableError:
        return _no_plan(UNREADABLE)
    sheet.forgive()
    return render(request, "access/grants/form_live.html", _context(sheet, request))


def _no_plan(sentence: str) -> HttpResponse:
    """Say why nothing can be planned. Not 204: a press that waits for the plan would wait on."""
    return HttpResponse(sentence, status=409, content_type="text/plain; charset=utf-8")


@require_safe
@_manages
def find_people(request: Request) -> HttpResponse:
    found = people.search(request.actor, request.GET.get("q", ""))
    return render(request, "access/grants/form_people.html", {"people": found})


@require_safe
@_manages
def find_places(request: Request) -> HttpResponse:
    offered = places.properties(request.actor)
    asked, text = request.GET.get("place", ""), request.GET.get("q", "")
    here = [each for each in offered if str(each.pk) == asked]
    found = [hit for each in here for hit in places.search(request.actor, each, text)]
    if not found and here and "alone" in request.GET:
        found = _elsewhere(request, [each for each in offered if each not in here], text)
    return render(request, "access/grants/form_places.html", {"places": found})


def _elsewhere(request: Request, offered: list[Space], text: str) -> list[places.Place]:
    """Return what fits in the first other property that has something: it is chosen with it."""
    for place in offered[:_MOST_PROPERTIES]:
        if found := places.search(request.actor, place, text):
            return [replace(each, note=f"{each.note} · {place.name}") for each in found]
    return []


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)


# --- showing --------------------------------------------------------------------------


def _sheet(
    request: Request, given: QueryDict, grant: AccessGrant | None, offered: list[Space]
) -> Sheet:
    return Sheet(given, actor=request.actor, offered=offered, now=timezone.now(), grant=grant)


def _context(
    sheet: Sheet, request: Request, *, do: str = "", is_refused: bool = False
) -> dict[str, Any]:
    form, given = sheet.form, sheet.given
    is_live = request.resolver_match is not None and request.resolver_match.url_name == "grant-plan"
    shows = given.get("shows", "") or ("change" if sheet.grant else "all")
    return {
        "sheet": sheet,
        "form": form,
        "grant": sheet.grant,
        "offered": list(form.places.values()),
        "shown": showing.shown(sheet),
        "options": showing.options(form, sheet.scene.found.doors),
        "usual": times.usual(sheet.place, sheet.now),
        # While one fills in, what is chosen is the browser's.
        "chosen": [] if is_live else places.counted(sheet.chosen),
        "shows": shows,
        "slots": [(name, form.problems_at(name)) for name in _SLOTS.get(shows, ())],
        "is_refused": is_refused,
        "found_people": people.search(request.actor, given.get("full_name", ""))
        if do == "who"
        else None,
        "found_places": places.search(request.actor, sheet.place, given.get("where_q", ""))
        if do == "find"
        else None,
        "may_make_cards": request.actor.may(Permission.MAKE_CARDS, sheet.place.pk),
        "back": sheet.grant.get_absolute_url() if sheet.grant else reverse("grants"),
        **(_of_change(sheet) if sheet.grant and not is_live else {}),
    }


def _of_change(sheet: Sheet) -> dict[str, Any]:
    """What the small forms tell of the stay as it is, and keep of it."""
    grant, given = sheet.grant, sheet.given
    assert grant is not None
    kept = ("starts", "starts_fold", "ends", "ends_fold", "has_no_end")
    chosen = {each.target for each in sheet.chosen}
    before = places.chosen(map(services.target_of, grant.targets.all()), sheet.actor)
    return {
        "was": clock(grant.ends_at, grant.property.zone, sheet.now) if grant.ends_at else "",
        "kept": [(name, given[name]) for name in kept if given.get(name)],
        "leaves": [each.name for each in before if each.target not in chosen],
    }
