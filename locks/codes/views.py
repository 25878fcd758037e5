"""The pages of access codes: the list, a new one, one code and what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.signing import Signer
from django.http import HttpResponse, HttpResponseBadRequest, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import sealing
from accounts.actors import Request, requires
from accounts.permissions import Permission
from locks.codes import exporting, foretelling, ladder, listing, overdue, pins, planning, services
from locks.codes import words as say
from locks.codes.capability import capability_of
from locks.codes.forms import EditForm, ExtendForm, NewCodeForm
from locks.codes.listing import Filters
from locks.codes.rules import RuleError
from locks.codes.services import RefusedError, Wish
from locks.models import AccessCode, Device
from locks.paging import CursorError
from locks.views import wants_fragment

_views = requires(Permission.VIEW_CODES)
_manages = requires(Permission.MANAGE_CODES)
_get_or_post = require_http_methods(["GET", "HEAD", "POST"])

#: Seconds. As long as digits stay on a page.
SHOWN_FOR = 20
UNREADABLE = "These digits cannot be read any more: they were sealed with a key that is not here."


# --- lists ----------------------------------------------------------------------------


@require_safe
@_views
def codes(request: Request) -> HttpResponse:
    filters, now = Filters.from_query(request.GET.dict()), timezone.now()
    try:
        found = listing.listing(
            request.actor, filters, before=request.GET.get("before", ""), now=now
        )
    except CursorError as error:
        return HttpResponseBadRequest(str(error))
    template = "codes/list.html#list" if wants_fragment(request) else "codes/list.html"
    context = {
        "listing": found,
        "rows": found.rows,
        "filters": filters,
        "when_choices": listing.WHEN.items(),
        "may_manage": request.actor.may(Permission.MANAGE_CODES),
        "can_extend": any(row.can_extend for row in found.rows),
        "before": request.GET.get("before", ""),
    }
    return render(request, template, context)


@require_POST
@_views
def export(request: Request) -> HttpResponse:
    filters = Filters.from_query(request.POST.dict())
    now = timezone.now()
    text = exporting.export(request.actor, filters, at=now)
    response = HttpResponse("\ufeff" + text, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="codes-{now:%Y-%m-%d}.csv"'
    return response


@require_safe
@_views
def door_codes(request: Request, pk: UUID) -> HttpResponse:
    """The codes of one door, as its page holds them: asked for again when they change."""
    device = get_object_or_404(listing.doors_for(request.actor, Permission.VIEW_CODES), pk=pk)
    template = "codes/door.html#live" if wants_fragment(request) else "codes/door_page.html"
    part = listing.of_door(request.actor, device, now=timezone.now())
    return render(request, template, {"device": device, "codes": part})


# --- a new one ------------------------------------------------------------------------


@_get_or_post
@_manages
def new(request: Request) -> HttpResponse:
    """GET shows the form; POST makes codes; POST with ?look only says what the doors take."""
    doors = sorted(
        listing.doors_for(request.actor, Permission.MANAGE_CODES),
        key=lambda door: (door.property.name, door.name.casefold()),
    )
    if request.method == "POST" and "look" in request.GET:
        return _look(request, doors)
    asked = request.GET.getlist("door")
    data = request.POST if request.method == "POST" else None
    form = NewCodeForm(data, doors=doors, initial={"doors": asked})
    if request.method == "POST" and (made := _make(request, form)):
        if len(made) > 1:
            messages.success(
                request, f"{len(made)} codes asked for. Their states change as they are set."
            )
            return redirect(Filters(together=made[0].common_key).url())
        messages.success(request, f"Asked for. {made[0].device} has it when it says “On the lock”.")
        return redirect(made[0])
    context = _new_context(form, doors)
    context["is_door_missing"] = not {str(door.pk) for door in doors}.issuperset(asked)
    return render(request, "codes/new.html", context)


def _look(request: Request, doors: Sequence[Device]) -> HttpResponse:
    given = request.POST.copy()
    form = NewCodeForm(given, doors=doors)
    plan = planning.plan_of(form.chosen(), now=timezone.now())
    if request.GET["look"] == "generate":
        given["digits"] = _generated(plan)
    form = NewCodeForm(initial=given.dict(), doors=doors)
    return render(request, "codes/plan.html", {"form": form, "plan": plan, "is_part": True})


def _generated(plan: planning.Plan) -> str:
    accepts = [each for door in plan.doors if (each := capability_of(door).rules)]
    ours = [each for each in accepts if not each.digits_by_provider]
    try:
        return pins.make(services.combined(ours)) if ours else ""
    except (RefusedError, RuleError):
        return ""


def _make(request: Request, form: NewCodeForm) -> list[AccessCode]:
    """Make the codes, or put on the form what is wrong and return none."""
    form.full_clean()
    wish = form.wish(form.zone(), form.chosen())
    if wish is None:
        return []
    try:
        return services.create(form.chosen(), wish, by=request.actor, at=timezone.now())
    except RefusedError as refusal:
        form.add_refusal(refusal)
        return []


def _new_context(form: NewCodeForm, doors: Sequence[Device]) -> dict[str, Any]:
    offers = [(door, capability_of(door)) for door in doors]
    chosen = {door.pk for door in form.chosen()}
    return {
        "form": form,
        "plan": planning.plan_of(form.chosen(), now=timezone.now()),
        "offers": [
            {"door": door, "is_chosen": door.pk in chosen, "can": each.rules, "why": each.reason}
            for door, each in offers
        ],
        "choices": sum(each.rules is not None for _, each in offers),
    }


# --- one ------------------------------------------------------------------------------


@require_safe
@_views
def code(request: Request, pk: UUID) -> HttpResponse:
    found, now = _find(request, pk), timezone.now()
    place, device = found.device.property_id, found.device
    is_wanted, actor = found.is_wanted(now), request.actor
    may_manage = actor.may(Permission.MANAGE_CODES, place)
    is_of_stay = found.grant_id is not None
    state = say.state_of(found, now)
    context = {
        "code": found,
        "state": state,
        "span": say.span(found, now=now),
        "zone": device.property.zone,
        "next": say.next_step(found, now),
        "digits_note": say.digits_note(found),
        "may_reveal": actor.may(Permission.REVEAL_CODES, place),
        "may_manage": may_manage,
        "is_of_stay": is_of_stay,
        "may_try": may_manage and found.is_managed and is_wanted and not found.is_gone,
        "may_change": may_manage
        and found.is_managed
        and is_wanted
        and not (found.is_gone or is_of_stay),
        "may_revoke": may_manage and found.revoked_at is None and not (found.is_gone or is_of_stay),
        "may_adopt": may_manage and not found.is_managed and is_wanted and not found.is_gone,
        "is_person": services.is_person(found),
        "needs_ladder": state.key in {"failed", "ambiguous", "setting", "accepted", "unknown"},
        # The state says by itself that a removal takes long.
        "warnings": [each for each in found.warnings if each["code"] != overdue.DELAY],
        "may_try_removal": may_manage and say.is_stuck(found, now),
        "backup": ladder.backup_for(found) if may_manage and not is_of_stay else None,
        "adopting": foretelling.of_adopting(found) if not found.is_managed else [],
        "moments": found.moments.order_by("-at", "-pk")[:100],
        "is_adopted": found.moments.filter(what="adopted").exists(),
    }
    template = "codes/code.html#live" if wants_fragment(request) else "codes/code.html"
    return render(request, template, context)


@_get_or_post
@_manages
def edit(request: Request, pk: UUID) -> HttpResponse:
    """The first POST tells what will happen; the second, with the same values, does it."""
    found = _managed(request, pk)
    if not found.is_managed or not found.is_wanted(timezone.now()):
        messages.error(request, "This code can no longer be changed. Make a new one.")
        return redirect(found)
    if found.grant_id is not None:
        messages.error(request, services.OF_A_STAY)
        return redirect(found)
    form = EditForm(request.POST if request.method == "POST" else None, code=found)
    consequences: list[str] = []
    confirmed = ""
    if request.method == "POST":
        form.full_clean()
        wish = form.wish(found.device.property.zone, [found.device])
        if wish and request.POST.get("confirmed") == _seal_of(wish):
            if _change(request, form, found, wish):
                messages.success(request, "Saved.")
                return redirect(found)
        elif wish and (after := _rehearse(request, form, found, wish)):
            consequences = foretelling.of_change(found, after, wish, at=timezone.now())
            confirmed = _seal_of(wish)
    context = {
        "code": found,
        "form": form,
        "zone": found.device.property.time_zone,
        "consequences": consequences,
        "confirmed": confirmed,
    }
    return render(request, "codes/edit.html", context)


def _seal_of(wish: Wish) -> str:
    """Return what proves that the consequences of exactly this wish were shown."""
    text = f"{wish.name}|{wish.starts_at}|{wish.ends_at}|{wish.digits}"
    return Signer(salt="codes.edit").signature(text)


def _change(request: Request, form: EditForm, found: AccessCode, wish: Wish) -> bool:
    try:
        services.change(
            found, wish, generation=form.generation, by=request.actor, at=timezone.now()
        )
    except RefusedError as refusal:
        form.add_refusal(refusal)
        return False
    return True


def _rehearse(request: Request, form: EditForm, found: AccessCode, wish: Wish) -> AccessCode | None:
    try:
        return services.rehearse(
            found, wish, generation=form.generation, by=request.actor, at=timezone.now()
        )
    except RefusedError as refusal:
        form.add_refusal(refusal)
        return None


@_get_or_post
@_manages
def revoke(request: Request, pk: UUID) -> HttpResponse:
    found = _managed(request, pk)
    if found.revoked_at or found.is_gone:
        messages.info(request, "This code was revoked already.")
        return redirect(found)
    if services.is_person(found):
        messages.error(request, services.PERSON)
        return redirect(found)
    if found.grant_id is not None:
        messages.error(request, services.OF_A_STAY)
        return redirect(found)
    if request.method == "POST":
        services.revoke([found], by=request.actor, at=timezone.now())
        messages.success(request, "Asked for. The page says when it was seen gone.")
        return redirect(found)
    context = {"code": found, "consequences": foretelling.of_revoking(found)}
    return render(request, "codes/revoke.html", context)


@require_POST
@requires(Permission.REVEAL_CODES)
def reveal(request: Request, pk: UUID) -> HttpResponse:
    """Answer with the digits, to be kept by nobody. Without scripts: a page that goes by itself."""
    found = _find(request, pk)
    digits, problem = "", ""
    try:
        digits = pins.reveal(found, by=request.actor, at=timezone.now())
        problem = "" if digits else say.digits_note(found)
    except sealing.UnreadableError:
        problem = UNREADABLE
    told = {"digits": digits, "problem": problem}
    back = found.get_absolute_url()
    return shown_once(request, told, "codes/digits.html", {"code": found}, back=back)


def shown_once(
    request: Request, told: dict[str, str], template: str, about: dict[str, Any], *, back: str
) -> HttpResponse:
    """Answer with digits, to be kept by nobody. Without scripts: a page that goes by itself."""
    told_for = told | {"seconds": SHOWN_FOR}
    if request.headers.get("X-Requested-With") == "XMLHttpRequest":
        answer: HttpResponse = JsonResponse(told_for)
    else:
        answer = render(request, template, about | told_for)
        answer["Refresh"] = f"{SHOWN_FOR}; url={back}"
    answer["Cache-Control"] = "no-store"
    return answer


@require_POST
@_manages
def again(request: Request, pk: UUID) -> HttpResponse:
    """One rung of the ladder."""
    found, at = _managed(request, pk), timezone.now()
    by = request.actor
    try:
        match request.POST.get("step", ""):
            case ladder.Rung.SYNC:
                ladder.look_now(found, by=by, at=at)
                messages.success(request, "The list is looked at now.")
            case ladder.Rung.PUSH:
                ladder.push_again(found, by=by, at=at)
                messages.success(request, "It is tried again now.")
            case ladder.Rung.NEW:
                found = ladder.replace(found, by=by, at=at)
                messages.success(request, "This is the new code. The old one is being removed.")
            case ladder.Rung.REMOVE:
                ladder.remove_now(found, by=by, at=at)
                messages.success(request, "The removal is tried again now.")
            case ladder.Rung.BACKUP:
                found = ladder.use_backup(found, by=by, at=at)
                messages.success(request, "This backup code is on the lock already.")
            case _:
                messages.error(request, "Choose one of the steps.")
    except RefusedError as refusal:
        messages.error(request, f"Not done: {refusal}.")
    return redirect(found)


@require_POST
@_manages
def adopt(request: Request, pk: UUID) -> HttpResponse:
    found = _managed(request, pk)
    try:
        services.adopt(found, by=request.actor, at=timezone.now())
    except RefusedError as refusal:
        messages.error(request, f"Not done: {refusal}")
    else:
        messages.success(request, "Adopted. From now on it is changed and revoked here.")
    return redirect(found)


@_get_or_post
@_manages
def extend(request: Request) -> HttpResponse:
    """GET with the chosen codes asks for the new end; POST gives it to all of them."""
    given = request.POST if request.method == "POST" else request.GET
    ids = [pk for text in given.getlist("codes")[:200] if (pk := listing.uuid_of(text))]
    rows = listing.with_all(AccessCode.objects.for_actor(request.actor).managed())
    found = [
        each
        for each in rows.filter(pk__in=ids, revoked_at=None, ends_at__isnull=False, grant_id=None)
        if not each.is_gone and request.actor.may(Permission.MANAGE_CODES, each.device.property_id)
    ]
    form = ExtendForm(request.POST or None, codes=found)
    if request.method == "POST" and found and form.is_valid() and _extend(request, form, found):
        messages.success(request, f"{len(found)} code{'s'[: len(found) > 1]} extended.")
        return redirect("codes")
    now = timezone.now()
    context = {
        "form": form,
        "rows": listing.rows_of(found, request.actor, now),
        "zones": sorted({each.device.property.time_zone for each in found}),
    }
    return render(request, "codes/extend.html", context)


def _extend(request: Request, form: ExtendForm, found: Sequence[AccessCode]) -> bool:
    ends = [(each, form.moment("ends", each.device.property.zone)) for each in found]
    if form.is_empty("ends"):
        form.add_error("ends", "choose the new end")
    if form.errors:
        return False
    try:
        services.extend(
            [(each, at) for each, at in ends if at], by=request.actor, at=timezone.now()
        )
    except RefusedError as refusal:
        for problem in refusal.problems:
            form.add_error(None, problem.sentence)
        return False
    return True


@require_POST
@requires(Permission.MANAGE_DOORS)
def set_keypad(request: Request, pk: UUID) -> HttpResponse:
    """An admin says whether a lock has a keypad."""
    device = get_object_or_404(listing.doors_for(request.actor, Permission.VIEW_CODES), pk=pk)
    said = {"yes": True, "no": False, "provider": None}
    word = request.POST.get("keypad", "")
    if word in said:
        services.override_keypad(device, has_keypad=said[word], by=request.actor, at=timezone.now())
        messages.success(request, f"Saved what keypad {device} has.")
    else:
        messages.error(request, "Choose one of the three.")
    return redirect(device)


def _find(request: Request, pk: UUID) -> AccessCode:
    rows = listing.with_all(AccessCode.objects.for_actor(request.actor))
    return get_object_or_404(rows, pk=pk)


def _managed(request: Request, pk: UUID) -> AccessCode:
    """Return a code that this person may change. Raises PermissionDenied."""
    found = _find(request, pk)
    request.actor.require(Permission.MANAGE_CODES, found.device.property_id)
    return found
