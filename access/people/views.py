"""The pages of one person: what is known, and what can be wished of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access import waking
from access.cards import cards_back, stays
from access.models import (
    AcsAccessGroup,
    AcsCredential,
    AcsEntrance,
    AcsMembership,
    AcsSystem,
    AcsUser,
)
from access.people import foretelling, opening, services, wishes, words
from access.people.forms import PersonForm, initial_of
from access.places.credentials import row_of
from access.places.views import answer, find_system, frame
from access.states import Phase
from accounts import sealing
from accounts.actors import Actor, Request, requires
from accounts.permissions import Permission
from accounts.providers.systems import AccessMethod
from locks.codes import planning
from locks.codes.listing import uuid_of
from locks.codes.planning import Preset
from locks.codes.services import RefusedError
from locks.codes.views import UNREADABLE, shown_once

_views = requires(Permission.VIEW_ACCESS)
_manages = requires(Permission.MANAGE_CARDHOLDERS)
_get_or_post = require_http_methods(["GET", "HEAD", "POST"])


def _users(actor: Actor) -> QuerySet[AcsUser]:
    rows: QuerySet[AcsUser] = AcsUser.objects.for_actor(actor).select_related(
        "system__property", "system__account", "created_by"
    )
    return rows


def _find(request: Request, pk: UUID) -> AcsUser:
    return get_object_or_404(_users(request.actor), pk=pk)


def _managed(request: Request, pk: UUID) -> AcsUser:
    """Return somebody whom this person may change. Raises PermissionDenied."""
    found = _find(request, pk)
    request.actor.require(Permission.MANAGE_CARDHOLDERS, found.system.property_id)
    return found


# --- a new one, and changes -----------------------------------------------------------


@_get_or_post
@_manages
def new(request: Request, pk: UUID) -> HttpResponse:
    system = find_system(request, pk)
    request.actor.require(Permission.MANAGE_CARDHOLDERS, system.property_id)
    groups = _groups(system)
    form = PersonForm(_posted(request), system=system, groups=groups)
    if request.method == "POST":
        made = _make(request, form, system)
        if made:
            messages.success(request, _asked_for(system))
            return redirect(made)
    return render(request, "access/form.html", _form_context(request, system, form, groups))


def _posted(request: Request) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


def _asked_for(system: AcsSystem) -> str:
    """The message stays while the state below it moves on, so it is true before and after."""
    return f"Asked for. This page says when {words.brand_of(system)} has it."


def _make(request: Request, form: PersonForm, system: AcsSystem) -> AcsUser | None:
    """Add them, or put on the form what is wrong."""
    form.full_clean()
    wish = form.wish()
    if wish is None:
        return None
    try:
        return services.create(
            system,
            wish,
            form.chosen(),
            key=form.make_key(),
            by=request.actor,
            at=timezone.now(),
        )
    except RefusedError as refusal:
        form.add_refusal(refusal)
        return None


@_get_or_post
@_manages
def edit(request: Request, pk: UUID) -> HttpResponse:
    found = _managed(request, pk)
    if not _may_change(found):
        messages.error(request, "This person cannot be changed from here.")
        return redirect(found)
    held = wishes.wanted_ids(found)
    groups = _groups(found.system, held)
    form = PersonForm(
        _posted(request),
        system=found.system,
        groups=groups,
        user=found,
        initial=initial_of(found, held, wishes.version_of(found, held)),
    )
    if request.method == "POST" and _change(request, form, found):
        messages.success(request, "Saved.")
        return redirect(found)
    context = _form_context(request, found.system, form, groups)
    return render(request, "access/form.html", context | {"person": found})


def _change(request: Request, form: PersonForm, found: AcsUser) -> bool:
    form.full_clean()
    wish = form.wish()
    if wish is None:
        return False
    try:
        services.edit(
            found,
            wish,
            form.chosen(),
            version=form.cleaned_data.get("version", ""),
            by=request.actor,
            at=timezone.now(),
        )
    except RefusedError as refusal:
        form.add_refusal(refusal)
        return False
    return True


def _may_change(user: AcsUser) -> bool:
    return user.is_managed and user.delete_asked_at is None and user.phase != Phase.GONE


def _groups(system: AcsSystem, held: set[UUID] | None = None) -> list[AcsAccessGroup]:
    """The groups there are to choose; one somebody is in is offered though it went away."""
    rows = AcsAccessGroup.objects.filter(system=system)
    kept = [each for each in rows if each.removed_at is None or each.pk in (held or ())]
    return sorted(kept, key=lambda group: group.name.casefold())


def _form_context(
    request: Request, system: AcsSystem, form: PersonForm, groups: Sequence[AcsAccessGroup]
) -> dict[str, Any]:
    now = timezone.now()
    chosen = form.chosen()
    return frame(request, system, "people") | {
        "form": form,
        "groups": groups,
        "doors": opening.doors_of(system, [group.pk for group in chosen]),
        "plan": {"presets": _presets(system), "place": system.property},
        "chosen": chosen,
        "seats": _seats_left(system),
        "now": now,
    }


def _presets(system: AcsSystem) -> list[Preset]:
    found = planning.presets(system.property, timezone.now())
    return [*found, Preset("From now, no end", found[0].starts, "")]


def _seats_left(system: AcsSystem) -> int | None:
    if system.seats_total is None or system.seats_used is None:
        return None
    return max(0, system.seats_total - system.seats_used)


@require_POST
@_views
def opens(request: Request, pk: UUID) -> HttpResponse:
    """Say which doors the groups ticked so far open."""
    system = find_system(request, pk)
    asked = [found for text in request.POST.getlist("groups")[:500] if (found := uuid_of(text))]
    context = {"system": system, "doors": opening.doors_of(system, asked), "is_any": bool(asked)}
    return render(request, "access/doors.html", context)


# --- one ------------------------------------------------------------------------------


@require_safe
@_views
def user(request: Request, pk: UUID) -> HttpResponse:
    groups = AcsMembership.objects.select_related("group").order_by("group__name")
    cards = AcsCredential.objects.select_related("system__property").order_by("-created_at", "pk")
    rows = _users(request.actor).prefetch_related(
        Prefetch("memberships", groups, to_attr="held"),
        Prefetch("credentials", cards, to_attr="all_credentials"),
    )
    found, now = get_object_or_404(rows, pk=pk), timezone.now()
    held: list[AcsMembership] = found.held  # type: ignore[attr-defined]  # prefetched
    waking.want_news([each.group_id for each in held], at=now)
    return answer(request, "access/person.html", _shown(request, found, now))


def _shown(request: Request, found: AcsUser, now: Any) -> dict[str, Any]:
    system, may = found.system, request.actor.may
    held: list[AcsMembership] = found.held  # type: ignore[attr-defined]  # prefetched
    credentials: list[AcsCredential] = found.all_credentials  # type: ignore[attr-defined]
    shown = [each for each in held if each.is_wanted or each.is_seen]
    may_change = may(Permission.MANAGE_CARDHOLDERS, system.property_id) and _may_change(found)
    is_moving = any(each.is_pending for each in held)
    needs = any(each.needs_to_be_reissued for each in credentials if each.phase == Phase.LIVE)
    is_out = bool(found.is_suspended or found.delete_asked_at or found.phase == Phase.GONE)
    wrong_stays = [] if is_out else stays.of(credentials, now)
    holds = words.holds_card(credentials, now)
    credentials = [each for each in credentials if not words.is_left_over(each, credentials)]
    every = [row_of(each, system, now) for each in credentials]
    rows = [row for row in every if row.state.key != "gone"]
    return frame(request, system, "people") | {
        "person": found,
        "state": words.state_of(found, now, is_moving=is_moving),
        "next_try": words.next_try(found, now),
        "may_try_again": bool(found.error_code)
        and found.is_managed
        and may(Permission.MANAGE_CARDHOLDERS, system.property_id),
        "window": words.window(found, now),
        "memberships": shown,
        "doors": opening.doors_of(system, [each.group_id for each in shown]),
        "under_way": words.under_way(found, held),
        "troubles": [words.trouble([each]) for each in [*found.errors, *_warnings(found)]],
        "rows": rows,
        "past": [row for row in every if row.state.key == "gone"],
        "still_opening": cards_back.still_opening(credentials, now),
        "card": words.card_word(system, credentials, now),
        "holds_card": holds,
        "must_update": system.writes_cards
        and holds
        and (needs or is_moving or bool(wrong_stays))
        and not (is_out or found.is_over(now)),
        "stays": wrong_stays,
        "what_to_do": words.WHAT_TO_DO,
        "may_change": may_change,
        "may_reveal": may(Permission.REVEAL_CODES, system.property_id),
        "may_make_cards": may(Permission.MAKE_CARDS, system.property_id) and _may_change(found),
        "may_cancel_cards": may(Permission.CANCEL_CARDS, system.property_id),
        "may_ask_for_pin": may_change
        and system.assigns_tags
        and not any(row.is_pin and row.credential.delete_asked_at is None for row in rows),
        "may_give_mobile_key": may_change
        and system.gives_mobile_keys
        and not any(row.is_mobile_key and not row.credential.delete_asked_at for row in rows),
        "thing": words.thing(system),
        "is_subscribed": found.is_subscribed,
    }


def _warnings(user: AcsUser) -> list[dict[str, str]]:
    """Return what is not said already: a deletion by the state, no seat by that all are taken."""
    said = {"being_deleted"}
    if any(each["code"] == "salto_ks_subscription_limit_exceeded" for each in user.errors):
        said.add("salto_ks_user_not_subscribed")
    return [each for each in user.warnings if each["code"] not in said]


# --- suspending, deleting -------------------------------------------------------------


@_get_or_post
@_manages
def suspend(request: Request, pk: UUID) -> HttpResponse:
    found, now = _managed(request, pk), timezone.now()
    if found.is_suspended:
        messages.info(request, "They are suspended already.")
        return redirect(found)
    return _ask(
        request,
        found,
        Act(
            "Suspend",
            "ban",
            lambda: services.suspend(found, by=request.actor, at=now),
            foretelling.of_suspending(found, _cards(found), _doors(found), now),
        ),
    )


@_get_or_post
@_manages
def unsuspend(request: Request, pk: UUID) -> HttpResponse:
    found, now = _managed(request, pk), timezone.now()
    if not found.is_suspended:
        messages.info(request, "They are not suspended.")
        return redirect(found)
    return _ask(
        request,
        found,
        Act(
            "Let",
            "check",
            lambda: services.unsuspend(found, by=request.actor, at=now),
            foretelling.of_unsuspending(found, _cards(found), now),
            rest=" in again",
        ),
    )


@_get_or_post
@_manages
def delete(request: Request, pk: UUID) -> HttpResponse:
    found, now = _managed(request, pk), timezone.now()
    if found.delete_asked_at or found.phase == Phase.GONE:
        messages.info(request, "They are being deleted already.")
        return redirect(found)
    return _ask(
        request,
        found,
        Act(
            "Delete",
            "trash",
            lambda: services.delete(found, by=request.actor, at=now),
            foretelling.of_deleting(found, _cards(found), _doors(found), now),
        ),
    )


class Act:
    """Something that is asked once more before it is done."""

    def __init__(
        self,
        verb: str,
        icon: str,
        do: Callable[[], object],
        consequences: list[foretelling.Consequence],
        *,
        rest: str = "",
    ) -> None:
        self.verb, self.rest, self.icon, self.do = verb, rest, icon, do
        self.consequences, self.is_harmless = consequences, bool(rest)


def _ask(request: Request, found: AcsUser, act: Act) -> HttpResponse:
    if request.method == "POST":
        try:
            act.do()
        except RefusedError as refusal:
            messages.error(request, f"Not done: {refusal}")
        else:
            messages.success(request, _asked_for(found.system))
        return redirect(found)
    return render(request, "access/confirm.html", {"person": found, "act": act})


def _cards(user: AcsUser) -> list[AcsCredential]:
    return list(AcsCredential.objects.filter(user=user).select_related("system", "user"))


def _doors(user: AcsUser) -> list[AcsEntrance]:
    """The doors somebody may open now: groups they are being taken out of count."""
    kept = Q(removed_at=None, groups__memberships__user=user)
    for card in _cards(user):
        kept |= Q(pk__in=card.written_doors or ())  # a card opens what was written on it
    rows = AcsEntrance.objects.filter(kept, system_id=user.system_id)
    return sorted(set(rows), key=lambda door: door.name.casefold())


@require_POST
@_manages
def again(request: Request, pk: UUID) -> HttpResponse:
    found = _managed(request, pk)
    if services.try_again(found, by=request.actor, at=timezone.now()):
        messages.success(request, "It is tried again now.")
    else:
        messages.info(request, "There is nothing to try again.")
    return redirect(found)


# --- PINs -----------------------------------------------------------------------------


@require_POST
@_manages
def ask_for_pin(request: Request, pk: UUID) -> HttpResponse:
    found = _managed(request, pk)
    try:
        made = services.ask_for_pin(found, by=request.actor, at=timezone.now())
    except RefusedError as refusal:
        messages.error(request, f"Not done: {refusal}")
    else:
        text = "Asked for. Salto KS chooses the digits." if made else "They have a PIN already."
        messages.success(request, text)
    return redirect(found)


@require_POST
@requires(Permission.REVEAL_CODES)
def reveal(request: Request, pk: UUID) -> HttpResponse:
    """Answer with the digits of a PIN. Without scripts: a page that goes by itself."""
    rows = AcsCredential.objects.for_actor(request.actor).filter(user__isnull=False)
    rows = rows.select_related("system__property", "system__account", "user")
    rows = rows.exclude(phase=Phase.GONE).exclude(user__phase=Phase.GONE)
    pin = get_object_or_404(rows.filter(access_method=AccessMethod.CODE), pk=pk)
    problem = ""
    try:
        digits = services.reveal_pin(pin, by=request.actor, at=timezone.now())
        problem = "" if digits else "Salto KS has not made the digits yet."
    except sealing.UnreadableError:
        digits, problem = "", UNREADABLE
    assert pin.user is not None
    told, back = {"digits": digits, "problem": problem}, pin.user.get_absolute_url()
    return shown_once(request, told, "access/digits.html", {"person": pin.user}, back=back)
