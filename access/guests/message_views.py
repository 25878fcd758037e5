"""What staff do with messages to a guest."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import Http404, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access.guests import deliveries, handing, languages, letters, message_words, writing
from access.guests.handing import Handed
from access.guests.letters import Kind
from access.guests.message_forms import MessageForm
from access.models import AccessGrant, Delivery
from access.models.guests import Channel
from accounts import demo_mail, sealing
from accounts.actors import Request, requires
from accounts.permissions import Permission
from locks.codes.services import RefusedError
from locks.codes.views import SHOWN_FOR, UNREADABLE
from locks.views import wants_fragment

_views = requires(Permission.VIEW_GRANTS)
_manages = requires(Permission.MANAGE_GRANTS)
_get_or_post = require_http_methods(["GET", "HEAD", "POST"])


def find_grant(request: Request, pk: UUID) -> AccessGrant:
    """Return a stay that this person sees, or answer that there is none."""
    found = AccessGrant.objects.for_actor(request.actor)
    return get_object_or_404(found.select_related("property", "identity", "workspace"), pk=pk)


def _managed(request: Request, pk: UUID) -> AccessGrant:
    grant = find_grant(request, pk)
    request.actor.require(Permission.MANAGE_GRANTS, grant.property_id)
    return grant


def _delivery(request: Request, pk: UUID) -> Delivery:
    found = Delivery.objects.filter(grant__in=AccessGrant.objects.for_actor(request.actor))
    delivery = get_object_or_404(
        found.select_related("grant__property", "grant__identity", "link"), pk=pk
    )
    request.actor.require(Permission.MANAGE_GRANTS, delivery.grant.property_id)
    return delivery


def context_of(request: Request, grant: AccessGrant) -> dict[str, Any]:
    """Return what `access/grants/_messages.html` shows: for the page of a stay, too."""
    may = request.actor.may(Permission.MANAGE_GRANTS, grant.property_id)
    at = timezone.now()
    rows = message_words.rows_of(grant, at=at)
    return {
        "grant": grant,
        "message_rows": rows,
        "locked": None if grant.is_over(at) else message_words.locked_of(rows),
        "may_message": may,
        "zone": grant.property.zone,
        "shows_mails": may and demo_mail.is_on_for(grant.workspace),
    }


@require_safe
@_views
def message_list(request: Request, pk: UUID) -> HttpResponse:
    grant = find_grant(request, pk)
    template = "access/messages/list.html"
    part = f"{template}#live" if wants_fragment(request) else template
    return render(request, part, context_of(request, grant))


# --- a new one --------------------------------------------------------------------------------


@_get_or_post
@_manages
def message_new(request: Request, pk: UUID) -> HttpResponse:
    """Show a message before it goes, and send it."""
    grant = _managed(request, pk)
    form = MessageForm(_posted(request), grant=grant)
    if request.method == "POST" and "look" not in request.GET and _send(request, form, grant):
        return redirect("grant-messages", grant.pk)
    return _form_page(request, form, grant)


def _posted(request: Request) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


def _send(request: Request, form: MessageForm, grant: AccessGrant) -> bool:
    wanted = form.wanted()
    if wanted is None:
        return False
    try:
        deliveries.send(grant, wanted, pk=form.pk, by=request.actor, at=timezone.now())
    except RefusedError as refusal:
        form.add_refusal(refusal)
        return False
    messages.success(request, "Asked for. Here it says when it was sent.")
    return True


def _form_page(request: Request, form: MessageForm, grant: AccessGrant) -> HttpResponse:
    is_part = wants_fragment(request) and "look" in request.GET
    template = "access/messages/new.html"
    context = {"grant": grant, "form": form, "preview": _preview(form, grant)}
    return render(request, f"{template}#preview" if is_part else template, context)


def _preview(form: MessageForm, grant: AccessGrant) -> dict[str, str]:
    chosen = form.data if form.is_bound else form.initial
    kinds = [Kind(kind) for kind, _ in form.fields["kind"].choices]  # type: ignore[attr-defined]
    kind = next((each for each in kinds if each == chosen.get("kind")), kinds[0])
    language = languages.choose(chosen.get("language") or "")
    body = writing.preview(
        grant, kind=kind, language=language, has_digits=bool(chosen.get("has_digits"))
    )
    letter = letters.as_mail(body)
    return {"subject": letter.subject, "text": letter.text, "lang": body.language}


# --- carried by people ------------------------------------------------------------------------


@require_POST
@_manages
def message_copy(request: Request, pk: UUID) -> HttpResponse:
    return _hand(request, pk, Channel.COPIED, "access/messages/copy.html")


@require_POST
@_manages
def message_print(request: Request, pk: UUID) -> HttpResponse:
    return _hand(request, pk, Channel.PRINTED, "access/messages/print.html")


def _hand(request: Request, pk: UUID, channel: Channel, template: str) -> HttpResponse:
    grant = _managed(request, pk)
    form = MessageForm(request.POST, grant=grant)
    handed = _handed(request, form, grant, channel)
    if handed is None:
        return _form_page(request, form, grant)
    return render(request, template, {"grant": grant, "handed": handed})


def _handed(
    request: Request, form: MessageForm, grant: AccessGrant, channel: Channel
) -> Handed | None:
    wanted = form.wanted()
    if wanted is None:
        return None
    try:
        return handing.hand(grant, wanted, channel, by=request.actor, at=timezone.now())
    except RefusedError as refusal:
        form.add_refusal(refusal)
    except sealing.UnreadableError:
        form.add_error(None, UNREADABLE)
    return None


# --- with one of them -------------------------------------------------------------------------


@require_POST
@_manages
def message_again(request: Request, pk: UUID) -> HttpResponse:
    delivery = _delivery(request, pk)
    try:
        deliveries.again(delivery, pk=uuid4(), by=request.actor, at=timezone.now())
        messages.success(request, "Asked for. Here it says when it was sent.")
    except RefusedError as refusal:
        messages.error(request, _said(refusal))
    return redirect("grant-messages", delivery.grant_id)


@require_POST
@_manages
def message_now(request: Request, pk: UUID) -> HttpResponse:
    delivery = _delivery(request, pk)
    if deliveries.send_now(delivery, by=request.actor, at=timezone.now()):
        messages.success(request, "It waits no longer.")
    else:
        messages.info(request, "It was not waiting any more.")
    return redirect("grant-messages", delivery.grant_id)


@require_POST
@_manages
def message_cancel(request: Request, pk: UUID) -> HttpResponse:
    delivery = _delivery(request, pk)
    if deliveries.cancel(delivery, by=request.actor, at=timezone.now()):
        messages.success(request, "It is not sent.")
    else:
        messages.info(request, "It was not waiting any more.")
    return redirect("grant-messages", delivery.grant_id)


@require_POST
@_manages
def message_link_code(request: Request, pk: UUID) -> HttpResponse:
    """Answer with the link code, to be told to the guest on another way than the link."""
    delivery = _delivery(request, pk)
    code = handing.link_code_of(delivery)
    problem = "" if code else "There is no link code for this message."
    if request.headers.get("X-Requested-With") == "XMLHttpRequest":
        told = {"digits": code, "problem": problem, "seconds": SHOWN_FOR}
        answer: HttpResponse = JsonResponse(told)
    else:
        context = {"grant": delivery.grant, "code": code, "problem": problem}
        answer = render(request, "access/messages/link_code.html", context)
    answer["Cache-Control"] = "no-store"
    return answer


@require_safe
@_manages
def message_mail(request: Request, pk: UUID) -> HttpResponse:
    """Show a mail that a demo wrote down instead of sending it."""
    delivery = _delivery(request, pk)
    if not demo_mail.is_on_for(request.actor.workspace):
        raise Http404
    mail = demo_mail.find(writing.HEADER, str(delivery.pk))
    context = {"grant": delivery.grant, "delivery": delivery, "mail": mail}
    return render(request, "access/messages/mail.html", context)


def _said(refusal: RefusedError) -> str:
    sentences = (problem.sentence for problem in refusal.problems)
    return " ".join(each[:1].upper() + each[1:] for each in sentences)
