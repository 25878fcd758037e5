"""The page of one stay, and what ends stays: revoke, undo, try again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access.grants import listing, services
from access.grants.stay import digits as showing_digits
from access.grants.stay import ending, lines, showing
from access.guests import deliveries
from access.guests.message_views import context_of
from access.models import AccessGrant, AccessMethod, DoorShare
from accounts import sealing
from accounts.actors import Request, requires
from accounts.permissions import Permission
from audit.ids import new_id
from locks.codes import ladder
from locks.codes.listing import uuid_of
from locks.codes.services import RefusedError
from locks.codes.views import UNREADABLE, shown_once
from locks.models import AccessCode, Device
from locks.services import TooOftenError, look_now
from locks.views import wants_fragment

_views = requires(Permission.VIEW_GRANTS)
_manages = requires(Permission.MANAGE_GRANTS)
_get_or_post = require_http_methods(["GET", "HEAD", "POST"])

#: So many stays are ended at once: what one page of a list shows, some times over.
_MOST_AT_ONCE = 200
TOO_LATE = "Too late: it is being carried out already. Make a new stay."
NOT_ALL_THERE = "One of these stays is not there any more. Nothing was revoked."
NONE_CHOSEN = "Choose at least one stay."
#: A step besides those of the code ladder: the lock itself is asked again.
LOOK = "look"
#: A reason is told in the log; longer ones are cut there.
REASON_LONGEST = 300


def find(request: Request, pk: UUID) -> AccessGrant:
    """Return a stay that this person sees, or answer that there is none."""
    rows = AccessGrant.objects.for_actor(request.actor).select_related("property", "identity")
    found: AccessGrant = get_object_or_404(rows, pk=pk)
    return found


def managed(request: Request, pk: UUID) -> AccessGrant:
    """Return a stay that this person may change. Raises PermissionDenied."""
    found = find(request, pk)
    request.actor.require(Permission.MANAGE_GRANTS, found.property_id)
    return found


# --- the page -------------------------------------------------------------------------


@require_safe
@_views
def grant(request: Request, pk: UUID) -> HttpResponse:
    if not AccessGrant.objects.for_actor(request.actor).filter(pk=pk).exists():
        raise Http404
    [found], now = listing.by_id([pk]), timezone.now()
    page = showing.page_of(found, request.actor, now)
    context = {
        "page": page,
        "grant": found,
        "state": page.standing.state,
        "zone": found.property.zone,
        "lines": lines.of(found, page.code_ids, request.actor),
    }
    context |= context_of(request, found)  # the messages
    part = "#live" if wants_fragment(request) else ""
    return render(request, f"access/grants/grant.html{part}", context)


@require_POST
@requires(Permission.REVEAL_CODES)
def reveal(request: Request, pk: UUID, method_pk: UUID) -> HttpResponse:
    """Answer with the digits of a PIN, to be kept by nobody."""
    found = find(request, pk)
    request.actor.require(Permission.REVEAL_CODES, found.property_id)
    rows = AccessMethod.objects.for_actor(request.actor).of_grant(found)
    method = get_object_or_404(rows, pk=method_pk)
    digits, problem = "", ""
    try:
        digits = showing_digits.reveal(found, method, by=request.actor, at=timezone.now())
        problem = "" if digits else "Its digits are not known here, or not any more."
    except sealing.UnreadableError:
        problem = UNREADABLE
    told, back = {"digits": digits, "problem": problem}, found.get_absolute_url()
    template = "access/grants/grant_digits.html"
    return shown_once(request, told, template, {"grant": found}, back=back)


@require_POST
@_manages
def again(request: Request, pk: UUID) -> HttpResponse:
    """Try again what failed at one door of a stay: a rung of the code ladder."""
    found, at, by = managed(request, pk), timezone.now(), request.actor
    step = request.POST.get("step", "")
    if step == LOOK:
        _look(request, found)
    elif step in _SAID:
        code = _code(request, found)
        try:
            _DO[step](code, by=by, at=at)
        except RefusedError as refusal:
            messages.error(request, f"Not done: {refusal}.")
        else:
            messages.success(request, f"{code.device}: {_SAID[step]}")
    else:
        messages.error(request, "Choose one of the steps.")
    return redirect(_back(request, found))


_DO: dict[str, Callable[..., object]] = {
    ladder.Rung.PUSH: ladder.push_again,
    ladder.Rung.REMOVE: ladder.remove_now,
    ladder.Rung.SYNC: ladder.look_now,
}
_SAID: dict[str, str] = {
    ladder.Rung.PUSH: "it is tried again now.",
    ladder.Rung.REMOVE: "the removal is tried again now.",
    ladder.Rung.SYNC: "the list is looked at now.",
}


def _look(request: Request, found: AccessGrant) -> None:
    """Have the state of a door of this stay asked for again."""
    pk = uuid_of(request.POST.get("device", ""))
    here = DoorShare.objects.filter(grant=found).values("door__device")
    device = get_object_or_404(Device.objects.for_actor(request.actor).filter(pk__in=here), pk=pk)
    try:
        look_now(device, by=request.actor, at=timezone.now())
    except TooOftenError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"{device}: the lock is asked again.")


def _code(request: Request, found: AccessGrant) -> AccessCode:
    pk = uuid_of(request.POST.get("code", ""))
    methods = AccessMethod.objects.of_grant(found)
    rows = AccessCode.objects.for_actor(request.actor).filter(
        pk__in=methods.filter(doors__code=pk).values("doors__code")
    )
    code: AccessCode = get_object_or_404(rows.select_related("device__property", "account"), pk=pk)
    return code


def _back(request: Request, found: AccessGrant) -> str:
    """Return where a button was pressed: the page of the stay, or the walk to its door."""
    if request.POST.get("back") == "why":
        return reverse("grant-why", args=[found.pk])
    return found.get_absolute_url()


# --- revoking one ---------------------------------------------------------------------


@_get_or_post
@_manages
def revoke(request: Request, pk: UUID) -> HttpResponse:
    """GET says what ends; POST ends it, and the page of the stay offers to take it back."""
    found, now = managed(request, pk), timezone.now()
    if found.is_over(now):
        messages.info(request, "This stay is over already.")
        return redirect(found)
    if request.method == "POST":
        _revoke(request, [found], now)
        return redirect(found)
    context = {
        "grant": found,
        "ending": ending.endings([found], now)[0],
        "told": deliveries.were_told([found]),
    }
    return render(request, "access/grants/grant_revoke.html", context)


def _revoke(request: Request, grants: Sequence[AccessGrant], now: datetime) -> None:
    """Revoke, and write to those who were written to, if that is wished."""
    with transaction.atomic():
        services.revoke(grants, by=request.actor, at=now, reason=_reason(request))
        if "tell" in request.POST:
            for grant in deliveries.were_told(grants):
                grant.refresh_from_db()
                with suppress(RefusedError):
                    deliveries.tell_revoked(grant, pk=new_id(), by=request.actor, at=now)


def _reason(request: Request) -> str:
    """Return the reason as it is told within sentences: without a full stop of its own."""
    text = " ".join(request.POST.get("reason", "").replace("\0", "").split())[:REASON_LONGEST]
    return text if text.endswith("..") else text.removesuffix(".")


@require_POST
@_manages
def undo(request: Request, pk: UUID) -> HttpResponse:
    found = managed(request, pk)
    if services.undo([found], by=request.actor, at=timezone.now()):
        messages.success(request, "Taken back. Nothing changed at any door.")
    elif found.revoked_at is None:
        messages.info(request, "This stay is not revoked.")
    else:
        messages.error(request, TOO_LATE)
    return redirect(_back(request, found))


# --- revoking several -----------------------------------------------------------------


@require_POST
@_manages
def revoke_many(request: Request) -> HttpResponse:
    """The first POST shows what ends; the one from that page ends all of it, or none."""
    ids = _ids(request.POST.getlist("ids"))
    if not ids or len(ids) > _MOST_AT_ONCE:
        limit = f"At most {_MOST_AT_ONCE} stays at once."
        messages.error(request, limit if ids else NONE_CHOSEN)
        return redirect("grants")
    found, now = _all(request, ids), timezone.now()
    if found is None:
        messages.error(request, NOT_ALL_THERE)
        return redirect("grants")
    standing = [each for each in found if not each.is_over(now)]
    if not standing:
        messages.info(request, "These stays are over already.")
        return redirect("grants")
    if "confirmed" in request.POST:
        _revoke(request, standing, now)
        query = urlencode([("ids", str(each.pk)) for each in standing])
        return redirect(f"{reverse('grants-revoked')}?{query}")
    endings = ending.endings(standing, now)
    late = dict.fromkeys(name for each in endings for name in each.late)
    context = {
        "endings": endings,
        "over": len(found) - len(standing),
        "late": list(late),
        "told": deliveries.were_told(standing),
    }
    return render(request, "access/grants/revoke_many.html", context)


def _ids(given: Sequence[str]) -> list[UUID]:
    """Return what was chosen. A thing that is no id is one that is not there."""
    return list(dict.fromkeys(uuid_of(text) or UUID(int=0) for text in given))


def _all(request: Request, ids: Sequence[UUID]) -> list[AccessGrant] | None:
    """Return these stays, or None where one is not in sight. Raises PermissionDenied."""
    rows = AccessGrant.objects.for_actor(request.actor).filter(pk__in=ids)
    found = list(rows.select_related("property", "identity").order_by("starts_at", "pk"))
    if len(found) != len(ids):
        return None
    for place in {each.property_id for each in found}:
        request.actor.require(Permission.MANAGE_GRANTS, place)
    return found


@require_safe
@_manages
def revoked(request: Request) -> HttpResponse:
    """What was revoked together, and for some seconds a button that takes all of it back."""
    ids = _ids(request.GET.getlist("ids")[:_MOST_AT_ONCE])
    try:
        found = _all(request, ids)
    except PermissionDenied:
        raise Http404 from None
    if found is None:
        raise Http404
    due = [each.revoke_due_at for each in found if each.given_up_at is None and each.revoke_due_at]
    context = {"grants": found, "due": min(due, default=None)}
    return render(request, "access/grants/revoked.html", context)


@require_POST
@_manages
def undo_many(request: Request) -> HttpResponse:
    ids = _ids(request.POST.getlist("ids")[:_MOST_AT_ONCE])
    found = _all(request, ids) if ids else None
    if found is None:
        messages.error(request, "One of these stays is not there any more. Nothing was done.")
        return redirect("grants")
    done = services.undo(found, by=request.actor, at=timezone.now())
    _say(request, done, len(found))
    return redirect("grants")


def _say(request: Request, done: int, asked: int) -> None:
    stays = f"{done} stay{'' if done == 1 else 's'}"
    if done == asked:
        messages.success(request, f"Taken back: {stays}. Nothing changed at any door.")
    elif done:
        late = asked - done
        messages.warning(request, f"Taken back: {stays}. For {late} it was too late.")
    else:
        messages.error(request, TOO_LATE)
