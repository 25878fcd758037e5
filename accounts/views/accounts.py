"""The Accounts page: how each login is doing, and what can be done about it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Prefetch, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import upkeep
from accounts.actors import Request, requires
from accounts.forms import SettingsForm, TypedNameForm
from accounts.models import (
    AccountState,
    ConnectedAccount,
    ConnectedSite,
    ConnectWebview,
    Hub,
    WebviewStep,
)
from accounts.onboarding import webviews
from accounts.permissions import Permission
from accounts.providers import PROVIDERS
from accounts.providers.base import Advice
from accounts.views.connect import account_link, hub_rows, take_activation

_manages = requires(Permission.MANAGE_ACCOUNTS)

_FINE, _PASSING, _BROKEN = "ok", "warn", "danger"

#: How a state is shown: a word for people, a chip's colour.
STATES = {
    AccountState.CONNECTED: ("Connected", _FINE),
    AccountState.DEGRADED: ("Not answering well", _PASSING),
    AccountState.THROTTLED: ("Asked to slow down", _PASSING),
    AccountState.RECONNECT_REQUIRED: ("Reconnect required", _BROKEN),
    AccountState.ACTUATION_BLOCKED: ("Remote opening blocked", _BROKEN),
    AccountState.SECRET_UNREADABLE: ("Secret unreadable", _BROKEN),
    AccountState.DISCONNECTED: ("Disconnected", _PASSING),
}
_UNREADABLE = Advice(
    title="The stored secret cannot be opened with the keys this server has",
    fix="Put the old key back into FIELD_KEYS, or reconnect the account to enter the secret again.",
)


@dataclass(frozen=True)
class Health:
    """How an account is doing, in words."""

    word: str
    tone: str
    trouble: Advice | None

    @classmethod
    def of(cls, account: ConnectedAccount) -> Health:
        word, tone = STATES[AccountState(account.state)]
        if account.state == AccountState.SECRET_UNREADABLE:
            return cls(word, tone, _UNREADABLE)
        if account.trouble_code:
            advice = PROVIDERS[account.provider].advice
            found = advice(account.trouble_code, dialect=account.dialect)
            return cls(word, _PASSING if tone == _FINE else tone, found)
        return cls(word, tone, None)


@require_safe
@_manages
def accounts(request: Request) -> HttpResponse:
    rows = _visible(request)
    context = {
        "rows": [(account, Health.of(account)) for account in rows],
        "unfinished": [(webview, *_place_of(webview)) for webview in _unfinished(request)],
    }
    return render(request, "accounts/list.html", context)


def _visible(request: Request) -> list[ConnectedAccount]:
    sites = ConnectedSite.objects.select_related("property").order_by("name")
    # Two counts over two joins would multiply; the sites are few and fetched in any case.
    return list(
        ConnectedAccount.objects.for_actor(request.actor)
        .annotate(doors=Count("devices", filter=Q(devices__removed_at=None), distinct=True))
        .prefetch_related(Prefetch("sites", sites))
        .order_by("name")
    )


def _unfinished(request: Request) -> list[ConnectWebview]:
    """Attempts to take up again: those of one's own; for whoever sees all, everybody's."""
    rows = ConnectWebview.objects.for_actor(request.actor).unfinished(timezone.now())
    if request.actor.property_ids is not None:
        rows = rows.filter(created_by=request.actor.user)
    return list(rows.select_related("created_by", "reconnects").order_by("-created_at"))


def _place_of(webview: ConnectWebview) -> tuple[str, int]:
    """Return the brand an attempt is about, and the number of the step it stands at."""
    provider = PROVIDERS.get(webview.provider)
    step = WebviewStep(webview.step)
    return provider.label if provider else "", webviews.steps_of(webview).index(step) + 1


def _find(request: Request, pk: UUID) -> ConnectedAccount:
    found = ConnectedAccount.objects.for_actor(request.actor).filter(pk=pk)
    return get_object_or_404(
        found.select_related("workspace")
        .annotate(doors=Count("devices", filter=Q(devices__removed_at=None), distinct=True))
        .prefetch_related(Prefetch("sites", ConnectedSite.objects.select_related("property")))
    )


def _find_to_change(request: Request, pk: UUID) -> ConnectedAccount:
    """404 for what one does not see; 403 for what one does not manage in full."""
    account = _find(request, pk)
    if not upkeep.may_change(request.actor, account):
        raise PermissionDenied("account of several properties")
    return account


@require_safe
@_manages
def account(request: Request, pk: UUID) -> HttpResponse:
    return _page(request, _find(request, pk))


def _page(
    request: Request, row: ConnectedAccount, form: SettingsForm | None = None
) -> HttpResponse:
    context = {
        "account": row,
        "health": Health.of(row),
        "label": PROVIDERS[row.provider].label,
        "form": form or SettingsForm(account=row),
        "may_change": upkeep.may_change(request.actor, row),
        "hubs": hub_rows(Hub.objects.filter(site__account=row)),
        "is_blocked": row.state == AccountState.ACTUATION_BLOCKED,
    }
    return render(request, "accounts/detail.html", context)


@require_POST
@_manages
def account_settings(request: Request, pk: UUID) -> HttpResponse:
    row = _find_to_change(request, pk)
    form = SettingsForm(request.POST, account=row)
    if not form.is_valid():
        form.fill_in_clamped()
        return _page(request, row, form)
    changed = upkeep.change_settings(row, form.settings(), by=request.actor.who, at=timezone.now())
    messages.success(request, "Saved." if changed else "Nothing was changed.")
    return redirect("account", pk)


@require_POST
@_manages
def account_sync(request: Request, pk: UUID) -> HttpResponse:
    row = _find_to_change(request, pk)
    if upkeep.sync_now(row, at=timezone.now()):
        messages.success(request, f"{row.name} is being asked now.")
    elif row.is_silent:
        messages.error(request, f"{row.name} needs to be reconnected first.")
    else:
        messages.warning(request, f"{PROVIDERS[row.provider].label} asked us to wait; we will.")
    return redirect("account", pk)


@require_POST
@_manages
def account_allow_opening(request: Request, pk: UUID) -> HttpResponse:
    row = _find_to_change(request, pk)
    upkeep.allow_opening_again(row, by=request.actor.who, at=timezone.now())
    messages.success(request, "Remote opening is allowed again.")
    return redirect("account", pk)


@require_POST
@_manages
def account_reconnect(request: Request, pk: UUID) -> HttpResponse:
    row = _find_to_change(request, pk)
    _, token = webviews.create(request.actor, at=timezone.now(), reconnects=row)
    return redirect("connect", token)


@require_http_methods(["GET", "HEAD", "POST"])
@_manages
def account_disconnect(request: Request, pk: UUID) -> HttpResponse:
    row = _find_to_change(request, pk)
    form = TypedNameForm(request.POST or None, account=row)
    if request.method == "POST" and form.is_valid():
        upkeep.disconnect(row, by=request.actor.who, at=timezone.now())
        messages.success(request, f"{row.name} is disconnected. Its secrets are erased.")
        return redirect("accounts")
    return render(request, "accounts/disconnect.html", {"account": row, "form": form})


@require_POST
@_manages
def account_activate_hub(request: Request, pk: UUID, hub_pk: UUID) -> HttpResponse:
    row = _find_to_change(request, pk)
    hub = get_object_or_404(
        Hub.objects.select_related("site__account__workspace", "site__property"),
        pk=hub_pk,
        site__account=row,
    )
    take_activation(request, hub, request.actor.who)
    return redirect("account", pk)


# --- onboarding attempts ------------------------------------------------------------------------


@require_POST
@_manages
def connect_new(request: Request) -> HttpResponse:
    """Begin an attempt: go into it, or show its link to send to somebody, once."""
    webview, token = webviews.create(request.actor, at=timezone.now())
    if request.POST.get("for") == "somebody":
        return _link_page(request, webview, token)
    return redirect("connect", token)


@require_POST
@_manages
def webview_resume(request: Request, pk: UUID) -> HttpResponse:
    webview = _find_webview(request, pk)
    token = webviews.renew_link(webview, by=request.actor.who, at=timezone.now())
    if request.POST.get("for") == "somebody":
        return _link_page(request, webview, token)
    messages.info(request, "Here you left off. The earlier link to this no longer works.")
    return redirect("connect", token)


@require_POST
@_manages
def webview_cancel(request: Request, pk: UUID) -> HttpResponse:
    webviews.cancel(_find_webview(request, pk), by=request.actor.who, at=timezone.now())
    messages.success(request, "Cancelled. The link no longer works, and nothing was added.")
    return redirect("accounts")


def _find_webview(request: Request, pk: UUID) -> ConnectWebview:
    for webview in _unfinished(request):
        if webview.pk == pk:
            return webview
    return get_object_or_404(ConnectWebview.objects.none())


def _link_page(request: Request, webview: ConnectWebview, token: str) -> HttpResponse:
    context = {"webview": webview, "link": account_link(token)}
    return render(request, "accounts/link.html", context)
