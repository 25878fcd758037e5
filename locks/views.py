"""The board, a door, and the buttons on it."""

import json
from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.db import Error
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.actors import Request, requires
from accounts.models import Space, UnlockPolicy
from accounts.permissions import Permission
from audit.models import Event
from audit.presenting import lines_of
from audit.words import How
from locks import actuation, door, services
from locks.board import Filters, audience_of, board_for
from locks.codes import listing
from locks.forms import OrderForm, PolicyForm, SettleForm
from locks.models import ActionAttempt, Device
from locks.states import Action
from locks.tiles import render as render_tile

CANNOT_RECORD = "Cannot record actions – unlocking is off. Use keys or the Salto app."


def wants_fragment(request: Request) -> bool:
    """Tell whether htmx asks for a part. Going back in history, it asks for the whole page."""
    return bool(request.htmx) and not request.htmx.history_restore_request


@require_safe
@requires(Permission.VIEW_BOARD)
def board(request: Request) -> HttpResponse:
    filters = Filters.from_query(request.GET.dict())
    shown = board_for(request.actor, filters)
    is_part = wants_fragment(request)
    template = "locks/board.html#doors" if is_part else "locks/board.html"
    response = render(
        request,
        template,
        {
            "board": shown,
            "groups": shown.groups,
            "bare": [] if filters.is_on else shown.bare,
            "pills": shown.pills,
            "banners": shown.banners,
            "query": filters.query,
            "show": filters.show,
            "layout": filters.layout,
            "grid_url": filters.url(layout="grid"),
            "list_url": filters.url(layout="list"),
            "all_url": filters.url(show="", q=""),
            "is_filtered": filters.is_on,
            "total": shown.total,
            "shown": shown.shown,
            "problem_count": shown.problem_count,
            "cursor": shown.cursor,
            "polled": shown.polled,
        },
    )
    if is_part:  # the form sends its empty fields too; the address says only what was asked
        response["HX-Push-Url"] = filters.url()
    return response


@require_safe
@requires(Permission.VIEW_BOARD)
def show_door(request: Request, pk: UUID) -> HttpResponse:
    doors = Device.objects.for_actor(request.actor).with_tile()
    device = doors.select_related("account__workspace", "site", "code_door").filter(pk=pk).first()
    if device is None:
        return _show_removed_door(request, pk)
    is_admin = request.actor.may(Permission.VIEW_RAW, device.property_id)
    may_manage = request.actor.may(Permission.MANAGE_DOORS, device.property_id)
    return render(
        request,
        "locks/door.html",
        {
            "device": device,
            "zone": device.property.zone,
            "tile": render_tile(device, audience_of(request.actor, device.property_id)),
            "cursor": timezone.now().isoformat(),
            "facts": door.facts(device),
            "capabilities": door.capabilities(device),
            "codes": listing.of_door(request.actor, device, now=timezone.now()),
            **_history(request, device),
            "raw": json.dumps(device.raw, indent=2, ensure_ascii=False) if is_admin else None,
            "policy_forms": _policy_forms(device) if may_manage else None,
        },
    )


def _history(request: Request, device: Device) -> dict[str, Any]:
    events = Event.objects.in_sight(request.actor.sight).filter(device_id=device.pk)
    return {
        "attempts": device.attempts.order_by("-created_at")[:20],
        "lines": lines_of(
            events.newest_first()[:50],
            device.property.zone,
            ours=lambda: request.actor.provider_persons,
        ),
    }


def _show_removed_door(request: Request, pk: UUID) -> HttpResponse:
    """A door that is off the board has its history still, and nothing to press."""
    doors = Device.objects.removed_for(request.actor).select_related("account", "property", "site")
    device = get_object_or_404(doors, pk=pk)
    context = {
        "device": device,
        "zone": device.property.zone,
        "successor": Device.objects.for_actor(request.actor).same_lock_as(device).first(),
        **_history(request, device),
    }
    return render(request, "locks/removed_door.html", context)


def _policy_forms(device: Device) -> dict[str, PolicyForm]:
    return {
        "door": PolicyForm(
            initial={"unlock_policy": device.unlock_policy},
            may_inherit=True,
            label="This door",
            auto_id="door_%s",
        ),
        "property": PolicyForm(
            initial={"unlock_policy": device.property.unlock_policy},
            label=f"All doors of {device.property}",
            auto_id="property_%s",
        ),
    }


@require_POST
@requires(Permission.MANAGE_DOORS)
def set_policy(request: Request, pk: UUID) -> HttpResponse:
    device = _door(request, pk)
    form = PolicyForm(request.POST, may_inherit=True)
    if form.is_valid():
        services.set_door_policy(
            device, form.cleaned_data["unlock_policy"], by=request.actor, at=timezone.now()
        )
        messages.success(request, f"Saved what is asked before {device} opens.")
    else:
        messages.error(request, "Choose one of the three.")
    return redirect(device)


@require_POST
@requires(Permission.MANAGE_DOORS)
def set_property_policy(request: Request, pk: UUID) -> HttpResponse:
    space = get_object_or_404(Space.objects.for_actor(request.actor).properties(), pk=pk)
    form = PolicyForm(request.POST)
    if form.is_valid() and form.cleaned_data["unlock_policy"]:
        services.set_property_policy(
            space,
            UnlockPolicy(form.cleaned_data["unlock_policy"]),
            by=request.actor,
            at=timezone.now(),
        )
        messages.success(request, f"Saved what is asked before doors of {space} open.")
    else:
        messages.error(request, "Choose one of the three.")
    return redirect(_door_they_came_from(request, space) or "board")


def _door_they_came_from(request: Request, space: Space) -> Device | None:
    """The form says which door's page it stood on: by its id, so that nobody is led elsewhere."""
    try:
        pk = UUID(request.POST.get("door", ""))
    except ValueError:
        return None
    return Device.objects.for_actor(request.actor).filter(pk=pk, property=space).first()


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.UNLOCK)
def unlock(request: Request, pk: UUID) -> HttpResponse:
    """GET asks for confirmation, for browsers without scripts; POST is the second click."""
    if request.method == "POST":
        return _act(request, pk, Action.UNLOCK)
    device = _door(request, pk)
    request.actor.require(Permission.UNLOCK, device.property_id)
    again = bool(request.GET.get("again"))
    form = OrderForm(initial={"idempotency_key": uuid4(), "again": again})
    return render(request, "locks/confirm.html", {"device": device, "form": form})


@require_POST
@requires(Permission.UNLOCK)
def lock(request: Request, pk: UUID) -> HttpResponse:
    return _act(request, pk, Action.LOCK)


def _act(request: Request, pk: UUID, action: Action) -> HttpResponse:
    # Only whether they see it: the door itself is read once more when it is locked to decide.
    known = Device.objects.for_actor(request.actor).only("pk", "property_id", "workspace_id")
    device = get_object_or_404(known, pk=pk)
    request.actor.require(Permission.UNLOCK, device.property_id)
    form = OrderForm(request.POST)
    if not form.is_valid():
        sentence = " ".join(str(error) for errors in form.errors.values() for error in errors)
        return _refused(request, device, sentence, 400, form)
    try:
        actuation.request(device, _order(request, form, action))
    except actuation.TooManyError as error:
        response = _refused(request, device, str(error), error.status, form)
        response["Retry-After"] = str(error.retry_after_seconds)
        return response
    except actuation.RefusedHere as error:
        return _refused(request, device, str(error), error.status, form)
    except Error:
        return _refused(request, device, CANNOT_RECORD, 503, form)
    return _answer(request, _door(request, device.pk))


def _order(request: Request, form: OrderForm, action: Action) -> actuation.Order:
    return actuation.Order(
        action=action,
        idempotency_key=form.cleaned_data["idempotency_key"],
        who=request.actor.who,
        how=How.WEB,
        actor=request.actor,
        reason=form.cleaned_data["reason"],
        seconds=form.cleaned_data["seconds"],
        again=form.cleaned_data["again"],
    )


def _refused(
    request: Request, device: Device, sentence: str, status: int, form: OrderForm
) -> HttpResponse:
    """Say it where the button was. Without scripts: on the page where it was typed."""
    device = _door(request, device.pk)
    if _is_scripted(request):
        return _answer(request, device, notice=sentence, status=status)
    if request.resolver_match and request.resolver_match.url_name == "door-lock":
        messages.error(request, sentence)  # the page below would open it
        return redirect(device)
    context = {"device": device, "form": form, "notice": sentence}
    return render(request, "locks/confirm.html", context, status=status)


def _answer(
    request: Request, device: Device, *, notice: str = "", status: int = 200
) -> HttpResponse:
    """Answer with the tile, and in it what to say to this one reader."""
    if not _is_scripted(request):
        if notice:
            (messages.success if status == 200 else messages.error)(request, notice)
        return redirect(device)
    audience = audience_of(request.actor, device.property_id)
    tile = render_tile(device, audience, notice=notice, is_good=status == 200)
    response = HttpResponse(tile, status=status)
    response["X-Lockboard-Tile"] = "1"
    return response


def _is_scripted(request: Request) -> bool:
    return request.headers.get("X-Requested-With") == "XMLHttpRequest" or bool(request.htmx)


@require_POST
@requires(Permission.UNLOCK)
def settle(request: Request, pk: UUID) -> HttpResponse:
    attempt = get_object_or_404(
        ActionAttempt.objects.for_actor(request.actor).select_related("device"), pk=pk
    )
    form = SettleForm(request.POST)
    opened = form.is_valid() and form.cleaned_data["outcome"] == "opened"
    if not form.is_valid():
        notice = "Say whether it opened."
    elif actuation.settle_by_person(attempt, opened=opened, actor=request.actor, at=timezone.now()):
        notice = "Thank you. It stands in the log with your name."
    else:
        notice = "That was settled already."
    status = 400 if form.errors else 200
    return _answer(request, _door(request, attempt.device_id), notice=notice, status=status)


@require_POST
@requires(Permission.VIEW_BOARD)
def refresh(request: Request, pk: UUID) -> HttpResponse:
    device = _door(request, pk)
    try:
        services.look_now(device, by=request.actor, at=timezone.now())
    except services.TooOftenError as error:
        return _too_often(request, device, error)
    return _answer(request, device, notice="We are asking the lock again.")


def _too_often(request: Request, device: Device, error: services.TooOftenError) -> HttpResponse:
    if _is_scripted(request):
        response = _answer(request, device, notice=str(error), status=429)
    else:  # the button is there for scripts only: this is a program
        response = HttpResponse(str(error), status=429, content_type="text/plain; charset=utf-8")
    response["Retry-After"] = str(error.retry_after_seconds)
    return response


@require_POST
@requires(Permission.VIEW_BOARD)
def stay(request: Request) -> HttpResponse:
    """The person said they are still here; the middleware has written it down."""
    return HttpResponse(status=204)


def _door(request: Request, pk: UUID) -> Device:
    return get_object_or_404(Device.objects.for_actor(request.actor).with_tile(), pk=pk)
