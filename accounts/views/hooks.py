"""The address at which providers tell of changes, and the two buttons about it."""

from __future__ import annotations

import logging
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from accounts.actors import Request, requires
from accounts.hooks import managing, receiving
from accounts.hooks.receiving import Outcome
from accounts.permissions import Permission
from accounts.providers import PROVIDERS
from accounts.providers.base import ProviderError
from accounts.sealing import UnreadableError
from accounts.views.accounts import find_to_change

logger = logging.getLogger(__name__)

MAX_BYTES = 1024 * 1024

_STATUS = {
    Outcome.TAKEN: 200,
    Outcome.REPEATED: 200,
    Outcome.UNKNOWN: 404,
    Outcome.MALFORMED: 400,
    Outcome.NOT_SIGNED: 401,
    Outcome.TOO_MANY: 429,
}


@csrf_exempt
@require_POST
def hook(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take a message. The signature is the authority; the answer is a status and no more."""
    body = request.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        return HttpResponse(status=413)
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        outcome = receiving.receive(pk, headers, body, at=timezone.now())
    except UnreadableError:
        # The sender tries again later; by then the key may be back.
        logger.warning("the secret of a webhook cannot be opened")
        return HttpResponse(status=503)
    response = HttpResponse(status=_STATUS[outcome])
    if outcome is Outcome.TOO_MANY:
        response["Retry-After"] = "1"
    return response


_manages = requires(Permission.MANAGE_ACCOUNTS)


@require_POST
@_manages
def account_hook_add(request: Request, pk: UUID) -> HttpResponse:
    row = find_to_change(request, pk)
    label = PROVIDERS[row.provider].label
    try:
        managing.add(row, by=request.actor.who, at=timezone.now())
    except (managing.CannotBeToldError, ProviderError) as error:
        messages.error(request, f"{label} was not asked to tell us. {_sentence(error)}")
    except UnreadableError:
        messages.error(request, f"{label} was not asked to tell us: reconnect the account first.")
    else:
        messages.success(request, f"{label} tells us of changes at once now.")
    return redirect("account", pk)


@require_POST
@_manages
def account_hook_remove(request: Request, pk: UUID) -> HttpResponse:
    row = find_to_change(request, pk)
    label = PROVIDERS[row.provider].label
    try:
        managing.remove(row, by=request.actor.who, at=timezone.now())
    except ProviderError as error:
        messages.error(request, f"{label} still tells us of changes. {_sentence(error)}")
    except UnreadableError:
        messages.error(request, f"{label} still tells us of changes: reconnect the account first.")
    else:
        messages.success(request, f"{label} no longer tells us; it is asked as before.")
    return redirect("account", pk)


def _sentence(error: Exception) -> str:
    said = str(error)
    return said if said.endswith(".") else f"{said}."
