"""What guests of a property are told, for the people who decide it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from access.guests import languages, wording
from access.guests.forms import HouseForm
from access.guests.houses import PLAIN, change, house_of
from access.guests.stay import Phase, Progress, Stay, Way, WebDoor
from access.guests.visits import frame_of
from accounts.actors import Request, requires
from accounts.models import Space
from accounts.permissions import Permission
from accounts.providers.systems import AccessMethod as Mode
from audit.ids import new_id

_manages = requires(Permission.MANAGE_RESERVATIONS)

PHASES = {
    Phase.BEFORE: "Before the stay",
    Phase.DURING: "During the stay",
    Phase.AFTER: "After the stay",
}


def _property(request: Request, pk: UUID) -> Space:
    found = get_object_or_404(Space.objects.for_actor(request.actor).properties(), pk=pk)
    request.actor.require(Permission.MANAGE_RESERVATIONS, found.pk)
    return found


@require_http_methods(["GET", "HEAD", "POST"])
@_manages
def edit(request: Request, pk: UUID) -> HttpResponse:
    place = _property(request, pk)
    house = house_of(place)
    form = HouseForm(request.POST or None, initial={name: getattr(house, name) for name in PLAIN})
    if not house.wifi_password:
        form.fields["drops_wifi_password"].widget = form.fields[
            "drops_wifi_password"
        ].hidden_widget()
        form.fields["wifi_password"].help_text = "Guests see it while they stay."
    if request.method == "POST" and form.is_valid():
        has_changed = change(place, form.told(house), by=request.actor, at=timezone.now())
        messages.success(request, "Saved." if has_changed else "Nothing was changed.")
        return redirect("guest-page", place.pk)
    context = {
        "place": place,
        "form": form,
        "phases": [(phase.value, label) for phase, label in PHASES.items()],
        "has_password": bool(house.wifi_password),
    }
    return render(request, "access/guest_page.html", context)


@require_safe
@_manages
def preview(request: Request, pk: UUID) -> HttpResponse:
    """The guest page with an invented stay: its buttons do nothing."""
    place = _property(request, pk)
    wanted = request.GET.get("phase", "")
    phase = next((each for each in Phase if each == wanted), Phase.DURING)
    language = languages.choose(request.GET.get("language", ""))
    now = timezone.now()
    with languages.speaking(language):
        stay = _invented(place, phase, now)
        context: dict[str, Any] = frame_of(place.name, house_of(place), language)
        context |= wording.context_of(stay, now) | {
            "is_preview": True,
            "is_proven": True,
            "phase": phase.value,
            "phases": [(each.value, label) for each, label in PHASES.items()],
            "back_pk": place.pk,
        }
        return render(request, "guest/page.html", context)


def _invented(place: Space, phase: Phase, now: datetime) -> Stay:
    days = {Phase.BEFORE: (2, 4), Phase.DURING: (-1, 2), Phase.AFTER: (-4, -1)}[phase]
    arrival, leaving = (now.astimezone(place.zone) + timedelta(days=n) for n in days)
    is_during = phase == Phase.DURING
    doors = ("Front gate", "Lobby", "Room 204")
    return Stay(
        place=place,
        guest_name="Jane Doe",
        starts_at=datetime.combine(arrival.date(), place.check_in, place.zone),
        ends_at=datetime.combine(leaving.date(), place.check_out, place.zone),
        phase=phase,
        modes=() if phase == Phase.AFTER else (Mode.CODE, Mode.CLOUD_KEY),
        ways=(Way(mode=Mode.CODE, progress=Progress.READY, doors=doors, digits="123456"),)
        if is_during
        else (),
        web_doors=tuple(WebDoor(id=new_id(), name=name) for name in doors) if is_during else (),
        doors=doors if is_during else (),
    )
