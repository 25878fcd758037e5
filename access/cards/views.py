"""The encoding station: one page, one job in the middle of it."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access.cards import (
    asking,
    batches,
    cards_back,
    doors,
    failures,
    intents,
    presenting,
    settling,
    station,
    stays,
    stopping,
    told,
)
from access.cards.cards_back import LostReport
from access.cards.forms import AgainForm, OrderForm, picked, uuids
from access.cards.job_view import Stage
from access.cards.refusals import RefusedError
from access.models import AcsCredential, AcsUser, EncodeJob
from access.states import CardState, Intent
from accounts.actors import Request, requires
from accounts.permissions import Permission
from accounts.providers.systems import AccessMethod
from locks.codes.listing import uuid_of
from locks.views import wants_fragment

_makes = requires(Permission.MAKE_CARDS)
_cancels = requires(Permission.CANCEL_CARDS)
_get_or_post = require_http_methods(["GET", "HEAD", "POST"])

#: The browser at the desk: a name of its own, and the encoders it used, the last one first.
_STATION, _ENCODERS = "lockboard_station", "lockboard_encoders"
_COOKIE_SECONDS = 400 * 24 * 3600
_MOST_ENCODERS = 6
_NAME = re.compile(r"[0-9a-f]{32}")


# --- the page -------------------------------------------------------------------------


@require_safe
@_makes
def desk(request: Request) -> HttpResponse:
    """The station; with ?user= somebody's cards, else what runs at this browser.

    ?encoder= is remembered by the browser from now on.
    """
    if "user" in request.GET:
        return _show_person(request, _find_user(request, request.GET["user"]))
    running = station.running(request.actor, _station_of(request), now=timezone.now())
    if running is not None and "new" not in request.GET:
        return _show_job(request, running)
    return _show(request, {"kind": "empty", **_encoders(request)})


@require_safe
@_makes
def people(request: Request) -> HttpResponse:
    """The list beside the desk, as letters are typed and cards are made."""
    found = _people(request, request.GET.get("q", ""))
    if wants_fragment(request):
        return render(request, "cards/people.html", {"people": found})
    return _show(request, {"kind": "empty", "people": found, **_encoders(request)})


@require_safe
@_makes
def job(request: Request, pk: UUID) -> HttpResponse:
    """One job; with ?seen= nothing, while there is nothing new to see."""
    return _show_job(request, _found(request, station.jobs_to_see(request.actor), pk))


# --- doing ----------------------------------------------------------------------------


@require_POST
@_makes
def ask(request: Request) -> HttpResponse:
    form = OrderForm(request.POST, actor=request.actor)
    if problem := form.problem():
        return _refuse(request, form, problem)
    if form.intent_now == Intent.REPLACE and not form.cleaned_data["confirmed"]:
        return _show_person(request, form.cleaned_data["user"], intent=Intent.REPLACE)
    order = form.order(station=_station_of(request))
    try:
        made = asking.ask(order, by=request.actor, at=timezone.now())
    except RefusedError as refusal:
        return _refuse(request, form, refusal.sentence)
    return _begun(request, made)


@require_POST
@_makes
def again(request: Request, pk: UUID) -> HttpResponse:
    found = _find_job(request, pk)
    form = AgainForm(request.POST, actor=request.actor)
    if not form.is_valid():
        return _show_job(request, found, problem="Choose an encoder.")
    try:
        made = asking.try_again(
            found,
            by=request.actor,
            key=form.cleaned_data["key"],
            station=_station_of(request),
            encoder=form.cleaned_data["encoder"],
            at=timezone.now(),
        )
    except RefusedError as refusal:
        return _show_job(request, found, problem=refusal.sentence)
    return _begun(request, made)


@require_POST
@_makes
def stop(request: Request, pk: UUID) -> HttpResponse:
    found = stopping.stop(_find_job(request, pk), by=request.actor, at=timezone.now())
    return _after_post(request, found)


@require_POST
@_makes
def discard(request: Request, pk: UUID) -> HttpResponse:
    found = _find_job(request, pk)
    try:
        found = settling.discard(found, by=request.actor, at=timezone.now())
    except RefusedError as refusal:
        return _show_job(request, found, problem=refusal.sentence)
    return _after_post(request, found)


@require_POST
@_makes
def batch(request: Request) -> HttpResponse:
    """Choose several people, or let the batch go."""
    chosen = station.in_order(request.actor, picked(request.POST))
    if not chosen:
        batches.end(request.session)
        return redirect("cards")
    batches.begin(request.session, chosen, at=timezone.now())
    return redirect(f"{reverse('cards')}?{urlencode({'user': chosen[0]})}")


# --- cards that come back, or do not --------------------------------------------------


@_get_or_post
@_cancels
def lost(request: Request, pk: UUID) -> HttpResponse:
    found = _find_card(request, pk)
    if request.method == "POST":
        report = _take_back(request, found, cards_back.lost, say_more=messages.warning)
        if report is None:
            return redirect("card-lost", pk=found.pk)
        return _to_person(found, intent=Intent.FIRST if report.can_replace else None)
    context = {"card": found, "report": cards_back.consequences(found)}
    return render(request, "cards/lost.html", context)


@_get_or_post
@_cancels
def returned(request: Request, pk: UUID) -> HttpResponse:
    found = _find_card(request, pk)
    if request.method == "POST":
        if _take_back(request, found, cards_back.returned, say_more=messages.info) is None:
            return redirect("card-returned", pk=found.pk)
        return _to_person(found, intent=None)
    context = {"card": found, "report": cards_back.consequences(found, returned=True)}
    return render(request, "cards/returned.html", context)


def _take_back(
    request: Request,
    card: AcsCredential,
    act: Callable[..., LostReport],
    *,
    say_more: Callable[[Request, str], None],
) -> LostReport | None:
    """Do it, and say what it brought. None, and why, where it is refused."""
    try:
        report = act(card, by=request.actor, at=timezone.now())
    except RefusedError as refusal:
        messages.error(request, refusal.sentence)
        return None
    done, *more = report.sentences
    messages.success(request, done)
    if more:
        say_more(request, " ".join(more))
    return report


# --- finding --------------------------------------------------------------------------


def _find_user(request: Request, text: str) -> AcsUser:
    pk = uuid_of(text)
    users = station.with_groups(station.users_for(request.actor))
    return get_object_or_404(users.select_related("system__property", "system__account"), pk=pk)


def _find_job(request: Request, pk: UUID) -> EncodeJob:
    return _found(request, station.jobs_for(request.actor), pk)


def _found(request: Request, jobs: QuerySet[EncodeJob], pk: UUID) -> EncodeJob:
    found = get_object_or_404(jobs, pk=pk)
    request.actor.require(Permission.MAKE_CARDS, found.system.property_id)
    return found


def _find_card(request: Request, pk: UUID) -> AcsCredential:
    cards = AcsCredential.objects.for_actor(request.actor).select_related(
        "system__property", "user"
    )
    found: AcsCredential = get_object_or_404(cards, pk=pk, access_method=AccessMethod.CARD)
    request.actor.require(Permission.CANCEL_CARDS, found.system.property_id)
    return found


# --- showing --------------------------------------------------------------------------


def _new_key() -> str:
    """Called by each form of a page: a key stands for one wish, so no two forms share one."""
    return uuid4().hex


def _show(request: Request, context: dict[str, Any]) -> HttpResponse:
    """Answer with the desk alone, or with the page around it."""
    context["new_key"] = _new_key
    context["now"] = timezone.now()
    if wants_fragment(request):
        return render(request, "cards/desk.html", context)
    if "people" not in context:
        context["people"] = _people(request)
    response = render(request, "cards/station.html", context)
    if not _station_of(request):
        _keep(response, _STATION, uuid4().hex)
    if chosen := _encoder_in(request):
        _remember(request, response, chosen)
    return response


def _people(request: Request, query: str = "") -> station.People:
    now = timezone.now()
    chosen = batches.load(request.session, now=now)
    return station.people(
        request.actor, query, now=now, batch=chosen, told=told.load(request.session)
    )


def _show_person(
    request: Request, user: AcsUser, *, intent: Intent | None = None, problem: str = ""
) -> HttpResponse:
    now = timezone.now()
    offers = intents.offers(user, now)
    wanted = intent or _intent_in(request)
    if wanted is None or wanted == Intent.READ or not offers.of(wanted).is_offered:
        wanted = offers.best
    may_cancel = request.actor.may(Permission.CANCEL_CARDS, user.system.property_id)
    chosen, doubt = batches.load(request.session, now=now), station.doubt_about(user)
    is_replacing = wanted == Intent.REPLACE and may_cancel
    context = {
        "kind": "replace" if is_replacing else "person",
        "wiring_note": doors.wiring_note(user.system) if is_replacing else "",
        "person": user,
        "groups": station.groups_of(user),
        "window": station.window_of(user),
        "offers": offers,
        "stays": stays.of_user(user, now),
        "still_opening": cards_back.still_opening(station.cards_of(user), now),
        "doubt": doubt,
        "choices": [
            each
            for each in (offers.first, offers.update, offers.replace, offers.tag)
            if each.is_offered and (may_cancel or each.intent != Intent.REPLACE)
        ],
        "whys": [offers.replace.why_not]
        if offers.replace.credential and not offers.replace.is_offered
        else [],
        "intent": wanted,
        # While one is in doubt that is looked at first, and nothing else is offered at a key.
        "main": None if doubt else wanted,
        "problem": problem,
        "progress": station.progress(chosen, user.pk, request.actor),
        **_encoders(request, user),
    }
    return _show(request, context)


def _show_job(request: Request, found: EncodeJob, *, problem: str = "") -> HttpResponse:
    now = timezone.now()
    view = presenting.view_of(found, request.actor, now)
    version = f"{zlib.crc32(repr(view).encode()):x}"
    if request.GET.get("seen") == version and not problem:
        return HttpResponse(status=204)
    if found.evidence in station.HEARD and not view.is_moving:
        told.note(request.session, found.pk)
    chosen = batches.load(request.session, now=now)
    is_over = view.stage in {Stage.DONE, Stage.FAILED, Stage.CANCELLED, Stage.UNKNOWN}
    is_suspect = view.stage == Stage.DONE and _is_suspect(found)
    progress = station.progress(chosen, found.user_id, request.actor)
    wants_next = view.stage == Stage.DONE or (is_over and progress is not None)
    following = station.following(found, chosen, request.actor, now=now) if wants_next else None
    context = {
        "kind": "job",
        "job": found,
        "view": view,
        "picture": station.picture_of(found, view, is_suspect=is_suspect),
        "is_suspect": is_suspect,
        "is_good": view.stage == Stage.DONE and not is_suspect,
        "version": version,
        "problem": problem,
        "about_the_old": station.about_the_old(found, view),
        "next": following,
        "progress": progress,
        "is_batch_stopped": bool(progress)
        and view.stage == Stage.FAILED
        and failures.row_of(view.failure).stops_batch,
        "is_at_other_system": following is not None and following.system_id != found.system_id,
    }
    return _show(request, context)


def _is_suspect(found: EncodeJob) -> bool:
    return found.credential is not None and found.credential.card_state == CardState.SUSPECT


def _refuse(request: Request, form: OrderForm, problem: str) -> HttpResponse:
    """Show the desk again with what stands in the way."""
    user = form.cleaned_data.get("user")
    if user is None:
        return _show(request, {"kind": "empty", "problem": problem, **_encoders(request)})
    intent = form.cleaned_data.get("intent")
    return _show_person(request, user, intent=Intent(intent) if intent else None, problem=problem)


def _begun(request: Request, made: EncodeJob) -> HttpResponse:
    response = _after_post(request, made)
    _remember(request, response, made.encoder_id)
    return response


def _after_post(request: Request, found: EncodeJob) -> HttpResponse:
    address = reverse("card-job", args=[found.pk])
    if not wants_fragment(request):
        return redirect(address)
    response = _show_job(request, _find_job(request, found.pk))
    response["HX-Replace-Url"] = address
    return response


def _to_person(card: AcsCredential, *, intent: Intent | None) -> HttpResponse:
    if card.user is None:
        return redirect("cards")
    if intent is None:
        return redirect(card.user)
    query = urlencode({"user": card.user_id, "intent": intent})
    return redirect(f"{reverse('cards')}?{query}")


def _intent_in(request: Request) -> Intent | None:
    asked = request.GET.get("intent", "")
    return Intent(asked) if asked in Intent.values else None


# --- this browser ---------------------------------------------------------------------


def _encoders(request: Request, user: AcsUser | None = None) -> dict[str, Any]:
    asked = _encoder_in(request)
    choices = station.encoders(
        request.actor,
        user.system if user else None,
        remembered=[*([asked] if asked else []), *_remembered(request)],
    )
    return {
        "encoders": choices,
        "has_several_places": len({each.encoder.system_id for each in choices}) > 1,
        "cut_off": sorted({each.encoder.system.name for each in choices if each.is_cut_off}),
        "is_encoder_chosen": any(each.is_chosen for each in choices),
    }


def _station_of(request: Request) -> str:
    name = request.COOKIES.get(_STATION, "")
    return name if _NAME.fullmatch(name) else ""


def _remembered(request: Request) -> list[UUID]:
    return uuids(request.COOKIES.get(_ENCODERS, "").split(".")[:_MOST_ENCODERS])


def _encoder_in(request: Request) -> UUID | None:
    """Return the encoder just chosen: posted, or named by the address."""
    asked = uuids([request.POST.get("encoder") or request.GET.get("encoder", "")])
    return asked[0] if asked else None


def _remember(request: Request, response: HttpResponse, encoder_id: UUID) -> None:
    kept = [encoder_id, *(pk for pk in _remembered(request) if pk != encoder_id)]
    _keep(response, _ENCODERS, ".".join(pk.hex for pk in kept[:_MOST_ENCODERS]))


def _keep(response: HttpResponse, name: str, value: str) -> None:
    response.set_cookie(
        name,
        value,
        max_age=_COOKIE_SECONDS,
        path=reverse("cards"),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
