"""The pages of reservations: calendars, their reports, and tables to import."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access.models import ReservationFeed
from access.models.feeds import FeedKind
from access.reservations import feeds, importing, presenting, reporting, trying
from access.reservations.dates import DayOrder
from access.reservations.feeds import Settings
from access.reservations.forms import (
    CalendarSettingsForm,
    NewCalendarForm,
    Place,
    TableForm,
    places_of,
)
from access.reservations.importing import ImportRefusedError, Upload
from access.reservations.tables import MAX_BYTES
from access.reservations.trying import Tried
from accounts.actors import Request, requires
from accounts.models import Space
from accounts.permissions import Permission
from locks.codes.services import RefusedError
from locks.views import wants_fragment

_views = requires(Permission.VIEW_GRANTS)
_manages = requires(Permission.MANAGE_RESERVATIONS)
_imports = requires(Permission.MANAGE_GRANTS)
_get_or_post = require_http_methods(["GET", "HEAD", "POST"])

TOO_LARGE = "The file is larger than 5 MB. Nothing was imported."


def _find(request: Request, pk: UUID, *, kind: str = "") -> ReservationFeed:
    rows = ReservationFeed.objects.for_actor(request.actor)
    if kind:
        rows = rows.filter(kind=kind)
    found: ReservationFeed = get_object_or_404(
        rows.select_related("property", "space", "workspace"), pk=pk
    )
    return found


def _properties(request: Request, permission: Permission) -> list[Space]:
    """Return the properties where this person may do something."""
    mine = request.actor.property_ids_with(permission)
    rows = Space.objects.for_actor(request.actor).properties().order_by("name")
    return list(rows if mine is None else rows.filter(pk__in=mine))


# --- calendars ------------------------------------------------------------------------


@require_safe
@_views
def reservations(request: Request) -> HttpResponse:
    found = ReservationFeed.objects.for_actor(request.actor).select_related("property", "space")
    now = timezone.now()
    context = {
        "rows": presenting.rows_of(
            list(found.order_by("kind", "property__name", "name", "pk")), now
        ),
        "may_manage": request.actor.may(Permission.MANAGE_RESERVATIONS),
        "may_import": request.actor.may(Permission.MANAGE_GRANTS),
    }
    return _answer(request, "reservations/list.html", context)


def _answer(request: Request, template: str, context: dict[str, Any]) -> HttpResponse:
    return render(request, f"{template}#live" if wants_fragment(request) else template, context)


@require_safe
@_views
def feed(request: Request, pk: UUID) -> HttpResponse:
    found, now = _find(request, pk), timezone.now()
    readings = list(found.readings.order_by("-at")[:50])
    chosen = request.GET.get("report", "")
    shown = next((each for each in readings if str(each.pk) == chosen), None)
    shown = shown or next(iter(readings), None)
    is_table = found.kind == FeedKind.TABLE
    context = _frame(request, found) | {
        "row": presenting.rows_of([found], now)[0],
        "unsettled": presenting.unsettled_of(found, now),
        "readings": [(each, reporting.in_words(each)) for each in readings],
        "report": shown,
        "lines": presenting.lines_of(shown.lines, is_table=is_table) if shown else [],
        "more": max(len(shown.lines) - presenting.MOST_LINES, 0) if shown else 0,
        "is_latest": not readings or shown == readings[0],
    }
    return _answer(request, "reservations/feed.html", context)


def _frame(request: Request, found: ReservationFeed) -> dict[str, Any]:
    return {
        "feed": found,
        "zone": found.property.zone,
        "is_calendar": found.kind == FeedKind.CALENDAR,
        "may_manage": request.actor.may(Permission.MANAGE_RESERVATIONS, found.property_id),
    }


@_get_or_post
@_manages
def new_feed(request: Request) -> HttpResponse:
    """Connect a calendar: looked at first, and what would happen is shown before it does."""
    places = places_of(_properties(request, Permission.MANAGE_RESERVATIONS))
    form = NewCalendarForm(request.POST or None, places=places)
    context: dict[str, Any] = {"form": form, "has_rooms": bool(places)}
    if request.method == "POST" and form.is_valid():
        place, now = form.place(), timezone.now()
        address, settings = form.cleaned_data["address"], form.settings(place.name)
        try:
            if _was_shown(request, place, address, settings):
                added = feeds.add(place.space(), address, settings, by=request.actor, at=now)
                messages.success(request, "Connected. Its stays appear here in a moment.")
                return redirect("reservation-feed", added.pk)
            context |= _tried(request, place, address, settings, now)
        except RefusedError as refusal:
            form.add_refusal(refusal)
    return render(request, "reservations/new.html", context)


def _was_shown(request: Request, place: Place, address: str, settings: Settings) -> bool:
    """Tell whether this is the confirmation of what this person was shown."""
    mark = _mark(request, place, address, settings)
    return constant_time_compare(request.POST.get("shown", ""), mark)


def _mark(request: Request, place: Place, address: str, settings: Settings) -> str:
    told = repr((str(request.actor.user.pk), place.key, address, settings))
    return salted_hmac("reservations.new_feed", told).hexdigest()


def _tried(
    request: Request, place: Place, address: str, settings: Settings, now: datetime
) -> dict[str, Any]:
    """Read the calendar once, and return what a page shows of it. Raises RefusedError."""
    clean = feeds.cleaned_address(address, request.actor.workspace)
    unsaved = feeds.unsaved(place.unsaved_space(), settings, workspace=request.actor.workspace)
    tried = trying.try_calendar(clean, unsaved, (), at=now, door=place.door)
    return {
        "tried": tried,
        "place": place,
        "host": feeds.host_of(clean),
        "shown": "" if tried.error else _mark(request, place, address, settings),
    } | _lines(tried)


def _lines(tried: Tried, *, is_table: bool = False) -> dict[str, Any]:
    told = [each.as_json() for each in tried.lines]
    lines = presenting.lines_of(told, is_done=False, is_table=is_table)
    return {"lines": lines, "more": max(len(tried.lines) - presenting.MOST_LINES, 0)}


@_get_or_post
@_manages
def edit_feed(request: Request, pk: UUID) -> HttpResponse:
    found = _find(request, pk, kind=FeedKind.CALENDAR)
    request.actor.require(Permission.MANAGE_RESERVATIONS, found.property_id)
    form = CalendarSettingsForm(request.POST or None, initial=asdict(Settings.of(found)))
    if request.method == "POST" and form.is_valid():
        address = form.cleaned_data["address"].strip()
        try:
            feeds.change(
                found,
                form.settings(found.name),
                address=address,
                by=request.actor,
                at=timezone.now(),
            )
        except RefusedError as refusal:
            form.add_refusal(refusal)
        else:
            messages.success(request, "Saved.")
            return redirect("reservation-feed", found.pk)
    return render(request, "reservations/edit.html", _frame(request, found) | {"form": form})


@require_POST
@_manages
def read_feed(request: Request, pk: UUID) -> HttpResponse:
    found = _find(request, pk, kind=FeedKind.CALENDAR)
    if feeds.read_now(found, by=request.actor, at=timezone.now()):
        messages.success(request, "It is being read. What it says appears here in a moment.")
    else:
        messages.error(request, "It is paused. Let it be read again first.")
    return redirect("reservation-feed", found.pk)


@require_POST
@_manages
def pause_feed(request: Request, pk: UUID) -> HttpResponse:
    found = _find(request, pk, kind=FeedKind.CALENDAR)
    is_paused = request.POST.get("pause") == "yes"
    feeds.set_paused(found, is_paused, by=request.actor, at=timezone.now())
    said = "Paused. Its stays go on as they are." if is_paused else "It is read again."
    messages.success(request, said)
    return redirect("reservation-feed", found.pk)


@_get_or_post
@_manages
def remove_feed(request: Request, pk: UUID) -> HttpResponse:
    found, now = _find(request, pk, kind=FeedKind.CALENDAR), timezone.now()
    request.actor.require(Permission.MANAGE_RESERVATIONS, found.property_id)
    if request.method == "POST":
        feeds.remove(found, by=request.actor, at=now)
        messages.success(request, f"{found.name} is disconnected. Its stays go on until they end.")
        return redirect("feeds")
    left = feeds.going_on(found, now)
    context = _frame(request, found) | {"left": left[:20], "count": len(left)}
    return render(request, "reservations/remove.html", context)


# --- tables ---------------------------------------------------------------------------


@_get_or_post
@_imports
def import_table(request: Request) -> HttpResponse:
    """Show what a table would do; then do what was shown, whole or not at all."""
    properties = _properties(request, Permission.MANAGE_GRANTS)
    is_second = bool(request.POST.get("packed"))
    form = TableForm(
        request.POST or None, request.FILES or None, properties=properties, has_file=not is_second
    )
    context: dict[str, Any] = {"form": form, "has_properties": bool(properties)}
    if request.method == "POST" and form.is_valid():
        now = timezone.now()
        try:
            upload = _upload(request, form, now)
            if is_second:
                reading = importing.do(upload, by=request.actor, at=now)
                messages.success(request, f"Imported: {reporting.in_words(reading)}.")
                return redirect("reservation-feed", reading.feed_id)
            context |= _looked_at(request, upload, now)
        except ImportRefusedError as refusal:
            if refusal.tried:
                context |= {"tried": refusal.tried} | _lines(refusal.tried, is_table=True)
            else:
                form.add_error(None, str(refusal))
    return render(request, "reservations/import.html", context)


def _upload(request: Request, form: TableForm, now: datetime) -> Upload:
    """Return the table of this step. Raises ImportRefusedError."""
    told, place = form.cleaned_data, form.chosen()
    if "table" in told:
        if told["table"].size > MAX_BYTES:
            raise ImportRefusedError(TOO_LARGE)
        content = told["table"].read()
    else:
        content = importing.unpacked(request.POST["packed"], place, by=request.actor, at=now)
    return Upload(
        place=place,
        content=content,
        order=DayOrder(told["order"]) if told["order"] else None,
        usual=told["usual"].strip(),
        modes=tuple(told["modes"]),
        sends=told["sends"],
    )


def _looked_at(request: Request, upload: Upload, now: datetime) -> dict[str, Any]:
    tried = importing.look(upload, by=request.actor, at=now)
    packed = "" if tried.error else importing.packed(upload, by=request.actor, at=now)
    told = {"tried": tried, "packed": packed, "place": upload.place}
    return told | _lines(tried, is_table=True)


@require_safe
@_imports
def sample_table(request: Request) -> HttpResponse:
    """A table to fill in, with days to come."""
    today = timezone.now().date()
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["Name", "E-mail", "Phone", "Room", "Arrival", "Departure", "Booking number"])
    for name, mail, days, nights, number in (
        ("Jane Doe", "jane@example.com", 7, 2, "A-1001"),
        ("Max Mustermann", "", 9, 3, "A-1002"),
    ):
        arrival = today + timedelta(days=days)
        leaving = arrival + timedelta(days=nights)
        row = [name, mail, "", "Room 204", arrival.isoformat(), leaving.isoformat(), number]
        writer.writerow(row)
    # With a byte order mark: Excel takes it for another encoding otherwise.
    answer = HttpResponse("\ufeff" + text.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="reservations.csv"'
    return answer
