"""Asking for the password once more before what would hurt most (reliability AUTH-06).

A sign-in counts for as long as a confirmation. The page that asks, its form and its limits
are allauth's; what was being done waits in the session meanwhile. Never call `ask` for a
form that holds a secret.
"""

from __future__ import annotations

import time
from typing import Any

from allauth.account.internal.flows import login, reauthentication
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import resolve, reverse
from django.utils.http import urlencode

from accounts.middleware import SIGNED_IN_AT

RECENT_SECONDS = 5 * 60
#: What waits longer was given up: it must not be done by a password typed for something else.
_WAITS_SECONDS = 10 * 60


def is_recent(request: HttpRequest) -> bool:
    """Tell whether the person signed in or confirmed it was them in the last five minutes."""
    records = login.get_authentication_records(request, request.user)
    confirmed = [each["at"] for each in records if each.get("reauthenticated")]
    latest = max([request.session.get(SIGNED_IN_AT, 0.0), *confirmed])
    return 0 <= time.time() - float(latest) < RECENT_SECONDS


def ask(request: HttpRequest) -> HttpResponse:
    """Ask for the password, then do what this POST wanted."""
    waiting = {"path": request.path, "post": request.POST.urlencode(), "at": time.time()}
    answer: HttpResponse = reauthentication.stash_and_reauthenticate(
        request, waiting, f"{__name__}.{go_on.__name__}"
    )
    return answer


def ask_first(request: HttpRequest, then: str) -> HttpResponse:
    """Ask for the password, then lead to a page, for what is quickly pressed again."""
    request.session.pop(reauthentication.STATE_SESSION_KEY, None)
    return redirect(f"{reverse('account_reauthenticate')}?{urlencode({'next': then})}")


def go_on(request: HttpRequest, waiting: dict[str, Any]) -> HttpResponse:
    """Do what waited. Called by allauth once the password was right; all checks are made anew."""
    if time.time() - waiting["at"] > _WAITS_SECONDS:
        return redirect("board")
    request.path = request.path_info = waiting["path"]
    request.POST = QueryDict(waiting["post"])
    found = resolve(waiting["path"])
    answer: HttpResponse = found.func(request, *found.args, **found.kwargs)
    return answer
