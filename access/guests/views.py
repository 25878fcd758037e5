"""The page behind a guest's link. Nobody signs in: the link and its code are the authority."""

from __future__ import annotations

import math
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access.guests import (
    deliveries,
    diary,
    helping,
    languages,
    links,
    proving,
    seeing,
    visits,
    wording,
)
from access.guests.opening import NotHeldError, OpenedOftenError, Press, find_attempt
from access.guests.stay import Phase, phase_of, stay_of, web_doors_of
from access.guests.visits import Visit, by_visit, private
from accounts.limits import Limit, take
from audit.context import request_facts
from locks import actuation
from locks.codes.listing import uuid_of

#: Links that lead nowhere, of one address: a person mistypes none.
_UNKNOWN = Limit(per_second=0.5, burst=30)


@require_safe
def enter(request: HttpRequest, token: str) -> HttpResponse:
    """Exchange a link for a cookie and an address without the token. Nothing else happens."""
    link = links.exchange(token, at=timezone.now())
    if link is None:
        language = languages.choose(accepts=request.headers.get("Accept-Language", ""))
        page = visits.not_valid(request, language)
        if take(f"guest-link:{request_facts().ip}", _UNKNOWN):
            page.status_code = 429
        return private(page)
    response = redirect("guest")
    response.status_code = 303
    visits.remember(response, link)
    return private(response)


@require_safe
@by_visit
def page(request: HttpRequest, visit: Visit) -> HttpResponse:
    chosen = request.GET.get("language", "")
    if chosen in languages.LANGUAGES:
        back = redirect("guest")
        visits.remember(back, visit.link, language=chosen)
        return back
    return _page(request, visit)


def _page(
    request: HttpRequest, visit: Visit, *, wrong: str = "", status: int = 200
) -> HttpResponse:
    stay = stay_of(visit.link.grant, at=visit.at)
    if request.method != "HEAD":
        seeing.note_digits(visit.link, stay, at=visit.at)
    context = wording.context_of(stay, visit.at) | {
        "wrong": wrong,
        "is_proven": visit.device is not None,
        "takes_phone": proving.takes_phone(visit.link),
    }
    return visit.render(request, "page", context, status=status)


@require_POST
@by_visit
def prove(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Take the link code. From the right one on, this browser may open doors."""
    typed = request.POST.get("code", "")[:40]
    agent = request.headers.get("User-Agent", "")
    proof = proving.prove(visit.link, typed, agent=agent, at=visit.at)
    if proof.cookie:
        on = redirect(f"{reverse('guest')}#open")
        visits.remember_device(on, proof.cookie)
        return on
    if proof.is_locked:
        return visit.render(request, "locked", {}, status=403)
    if proof.wait_seconds:
        wrong = wording.too_many_tries(proof.wait_seconds)
        response = _page(request, visit, wrong=wrong, status=429)
        response["Retry-After"] = str(math.ceil(proof.wait_seconds))
        return response
    if proof.is_malformed:
        return _page(request, visit, wrong=wording.not_a_code(), status=400)
    return _page(request, visit, wrong=wording.wrong_code(proof.tries_left), status=400)


@require_POST
@by_visit
def hold(request: HttpRequest, visit: Visit) -> HttpResponse:
    """A press begins: answer with its nonce, as text."""
    press = _press(request, visit)
    if press is None:
        return _outcome(request, _why_not(visit), status=403)
    return HttpResponse(press.begin(), content_type="text/plain; charset=utf-8")


@require_POST
@by_visit
def unlock(request: HttpRequest, visit: Visit) -> HttpResponse:
    """A press was held: have the door opened. Answers with what became of it so far."""
    press = _press(request, visit)
    if press is None:
        return _outcome(request, _why_not(visit), status=403)
    try:
        attempt = press.finish(request.POST.get("nonce", "")[:400])
    except NotHeldError:
        return _outcome(request, _("Not sent: hold the button for a second."), status=400)
    except OpenedOftenError as error:
        zone = visit.link.grant.property.zone
        often = wording.opened_often(error.until, zone, at=visit.at)
        return _outcome(request, often, status=429)
    except actuation.RefusedHere as error:
        return _outcome(request, wording.refused(error), status=error.status)
    return _told(request, visit, attempt.pk)


def _press(request: HttpRequest, visit: Visit) -> Press | None:
    """Return who presses what; None where this browser may not, or not now."""
    if visit.device is None:
        return None
    pk = uuid_of(request.POST.get("door", ""))
    door = web_doors_of(visit.link.grant, at=visit.at).get(pk) if pk else None
    return Press(link=visit.link, device=visit.device, door=door) if door else None


def _why_not(visit: Visit) -> str:
    grant = visit.link.grant
    phase = phase_of(grant, visit.at)
    if phase != Phase.DURING:
        return wording.outside(phase, grant, at=visit.at)
    if visit.device is None:
        return _("Type your link code first.")
    return _("Your stay does not open this door.")


@require_safe
@by_visit
def attempt(request: HttpRequest, visit: Visit, pk: UUID) -> HttpResponse:
    if visit.device is None:
        raise Http404
    return _told(request, visit, pk)


def _told(request: HttpRequest, visit: Visit, pk: UUID) -> HttpResponse:
    doors = web_doors_of(visit.link.grant, at=visit.at)
    found = find_attempt(set(doors), pk)
    if found is None:
        return _outcome(request, _why_not(visit), status=404)
    return _part(request, wording.outcome_of(found, visit.link.grant.property.zone))


def _outcome(request: HttpRequest, sentence: str, *, status: int) -> HttpResponse:
    return _part(request, wording.Outcome(tone="warn", sentence=sentence), status=status)


def _part(request: HttpRequest, outcome: wording.Outcome, *, status: int = 200) -> HttpResponse:
    """Answer with the outcome alone: it is asked for several times a second."""
    return render(request, "guest/outcome.html", {"outcome": outcome}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@by_visit
def help_page(request: HttpRequest, visit: Visit) -> HttpResponse:
    """What to try, and whom to call. A POST says that nothing helped."""
    stay = stay_of(visit.link.grant, at=visit.at)
    is_told = request.method == "POST"
    if is_told:
        helping.take_down(visit.link, request.POST.get("what", "")[:200], at=visit.at)
    context: dict[str, Any] = wording.context_of(stay, visit.at) | {
        "advice": wording.advice_of(stay),
        "is_told": is_told,
        "troubles": wording.troubles(),
    }
    return visit.render(request, "help", context)


@require_safe
@by_visit
def calendar(request: HttpRequest, visit: Visit) -> HttpResponse:
    if phase_of(visit.link.grant, visit.at) == Phase.AFTER:
        raise Http404
    written = diary.calendar_of(visit.link.grant, visit.house, at=visit.at)
    response = HttpResponse(written, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="stay.ics"'
    return response


@require_safe
@by_visit
def offline(request: HttpRequest, visit: Visit) -> HttpResponse:
    """What a phone keeps for when it has no connection: nothing that opens anything."""
    grant = visit.link.grant
    told = {
        "times": wording.times_of(grant.property, grant.starts_at, grant.ends_at, at=visit.at),
        "is_over": phase_of(grant, visit.at) == Phase.AFTER,
    }
    return visit.render(request, "offline", told)


@require_POST
@by_visit
def seen(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The page's script saw a hand at work: a person, most likely."""
    deliveries.note_opened(visit.link, visit.at)
    return HttpResponse(status=204)


@require_safe
def worker(request: HttpRequest) -> HttpResponse:
    """The script that keeps the offline page. Served here, as its place is what it may touch."""
    response = render(request, "guest/worker.js", content_type="text/javascript; charset=utf-8")
    response["Referrer-Policy"] = "no-referrer"
    return response
