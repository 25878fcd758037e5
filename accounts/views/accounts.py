"""The Accounts page: how each login is doing, and what can be done about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Prefetch, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import stepup, upkeep
from accounts.actors import Request, requires
from accounts.forms import PinForm, SettingsForm, SitesForm, TypedNameForm, time_zones
from accounts.hooks import managing
from accounts.models import (
    AccountState,
    ConnectedAccount,
    ConnectedSite,
    ConnectWebview,
    Dialect,
    Hub,
    WebviewStep,
)
from accounts.onboarding import adding, checking, choosing, webviews
from accounts.onboarding.connecting import CannotConnectError
from accounts.permissions import Permission
from accounts.providers import PROVIDERS
from accounts.providers.base import Advice, ProviderError
from accounts.sealing import UnreadableError
from accounts.views.connect import account_link, hub_rows, take_activation, told

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
        "rows": [(account, Health.of(account), zone_of(request, account)) for account in rows],
        "unfinished": [Unfinished.of(webview) for webview in _unfinished(request)],
    }
    return render(request, "accounts/list.html", context)


def _visible(request: Request) -> list[ConnectedAccount]:
    # Two counts over two joins would multiply; the sites are few and fetched in any case.
    return list(
        ConnectedAccount.objects.for_actor(request.actor)
        .annotate(doors=Count("devices", filter=Q(devices__removed_at=None), distinct=True))
        .prefetch_related(Prefetch("sites", _sites()))
        .order_by("name")
    )


def _sites() -> QuerySet[ConnectedSite]:
    return ConnectedSite.objects.select_related("property").order_by("name")


def _unfinished(request: Request) -> list[ConnectWebview]:
    """Attempts to take up again: those of one's own; for whoever sees all, everybody's."""
    rows = ConnectWebview.objects.for_actor(request.actor).unfinished(timezone.now())
    if request.actor.property_ids is not None:
        rows = rows.filter(created_by=request.actor.user)
    return list(rows.select_related("created_by", "reconnects").order_by("-created_at"))


#: What a person does next, by the step an attempt stands at.
_NEXT = {
    WebviewStep.INTRO: "Read what will happen",
    WebviewStep.BRAND: "Select the brand",
    WebviewStep.SIGN_IN: "Sign in",
    WebviewStep.CHECKS: "See the live checks",
    WebviewStep.SITES: "Choose sites",
    WebviewStep.CONFIRM: "Confirm what will be added",
    WebviewStep.SYNC: "Watch the doors being fetched",
    WebviewStep.DONE: "See what was found",
}


@dataclass(frozen=True)
class Unfinished:
    """An attempt to take up again, told apart from others like it."""

    webview: ConnectWebview
    #: What it is about: a brand and, as far as known, whose login and which sites.
    title: str
    signed_in_as: str
    sites: str
    step: int
    steps: int
    next: str

    @classmethod
    def of(cls, webview: ConnectWebview) -> Unfinished:
        provider = PROVIDERS.get(webview.provider)
        label = provider.label if provider else "A new account"
        step = WebviewStep(webview.step)
        steps = [each for each in webviews.steps_of(webview) if each != WebviewStep.DONE]
        return cls(
            webview=webview,
            title=f"Reconnect {webview.reconnects.name}" if webview.reconnects else label,
            signed_in_as=_signed_in_as(webview),
            sites=", ".join(_sites_of(webview)),
            step=steps.index(step) + 1 if step in steps else len(steps),
            steps=len(steps),
            next=_NEXT[WebviewStep.CHECKS if _is_blocked(webview) else step],
        )


def _signed_in_as(webview: ConnectWebview) -> str:
    """Return who signed in: a person, or a client that stands for nobody."""
    identity = webview.answers.get("identity") or {}
    given = webview.answers.get("credentials") or {}
    client_id = given.get("client_id") if given.get("dialect") == Dialect.LEGACY else ""
    return str(identity.get("email") or identity.get("name") or client_id or "")


def _is_blocked(webview: ConnectWebview) -> bool:
    """Whether every site it saw lacks something, so that there is nothing to choose."""
    sites = webview.answers.get("sites", [])
    return bool(sites) and all(site.get("blocked") for site in sites)


def _sites_of(webview: ConnectWebview) -> list[str]:
    """Return the names of the sites that were chosen; before that, of those the login sees."""
    names = {site["remote_id"]: site["name"] for site in webview.answers.get("sites", [])}
    chosen = [
        names[row["remote_id"]]
        for row in webview.answers.get("chosen", [])
        if row["remote_id"] in names
    ]
    return chosen or list(names.values())[:3]


def zone_of(request: Request, account: ConnectedAccount) -> ZoneInfo:
    """The zone to show an account's times in: its first property's, or else the reader's."""
    for site in account.sites.all():
        return site.property.zone
    return ZoneInfo(request.actor.zone_name)


def _find(request: Request, pk: UUID) -> ConnectedAccount:
    found = ConnectedAccount.objects.for_actor(request.actor).filter(pk=pk)
    return get_object_or_404(
        found.select_related("workspace")
        .annotate(doors=Count("devices", filter=Q(devices__removed_at=None), distinct=True))
        .prefetch_related(Prefetch("sites", _sites()))
    )


def find_to_change(request: Request, pk: UUID) -> ConnectedAccount:
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
    request: Request,
    row: ConnectedAccount,
    form: SettingsForm | None = None,
    refused: dict[UUID, PinForm] | None = None,
) -> HttpResponse:
    context = {
        "account": row,
        "zone": zone_of(request, row),
        "health": Health.of(row),
        "label": PROVIDERS[row.provider].label,
        "form": form or SettingsForm(account=row),
        "may_change": upkeep.may_change(request.actor, row),
        "hubs": hub_rows(Hub.objects.filter(site__account=row), refused),
        "is_blocked": row.state == AccountState.ACTUATION_BLOCKED,
        **_hook(row),
    }
    return render(request, "accounts/detail.html", context)


def _hook(row: ConnectedAccount) -> dict[str, Any]:
    """What the page says about being told of changes; nothing for providers that tell none."""
    if not managing.can_tell(row):
        return {}
    hook = managing.hook_of(row)
    return {"can_tell": True, "hook": hook, "why_not_told": "" if hook else managing.why_not(row)}


@require_POST
@_manages
def account_settings(request: Request, pk: UUID) -> HttpResponse:
    row = find_to_change(request, pk)
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
    row = find_to_change(request, pk)
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
    row = find_to_change(request, pk)
    upkeep.allow_opening_again(row, by=request.actor.who, at=timezone.now())
    messages.success(request, "Remote opening is allowed again.")
    return redirect("account", pk)


@require_POST
@_manages
def account_reconnect(request: Request, pk: UUID) -> HttpResponse:
    row = find_to_change(request, pk)
    if not stepup.is_recent(request):
        return stepup.ask(request)
    _, token = webviews.create(request.actor, at=timezone.now(), reconnects=row)
    return redirect("connect", token)


@require_http_methods(["GET", "HEAD", "POST"])
@_manages
def account_sites(request: Request, pk: UUID) -> HttpResponse:
    """Choose more sites among those the login sees now. What is operated already stays."""
    row = find_to_change(request, pk)
    try:
        seen = adding.visible_sites(row)
        form = _more_sites_form(request, row, seen)
        if request.method == "POST" and form.is_valid():
            return _add_sites(request, row, seen, form)
    except (ProviderError, UnreadableError) as error:
        return _sites_page(request, row, trouble=_cannot_ask(row, error))
    return _sites_page(request, row, form)


def _more_sites_form(
    request: Request, row: ConnectedAccount, seen: list[dict[str, Any]]
) -> SitesForm:
    ours = {site.remote_id for site in row.sites.all()}
    others = [site for site in seen if site["remote_id"] not in ours]
    properties = webviews.properties_for(request.actor)
    ids = [site["remote_id"] for site in others]
    taken = checking.operators_of(row.workspace_id, row.provider, ids)
    return SitesForm(
        request.POST if request.method == "POST" else None,
        sites=others,
        initial={site["remote_id"]: choosing.suggestion(site, properties) for site in others},
        chosen_ids=set(),
        unavailable=checking.unavailable(others, taken, request.actor),
        properties=properties,
        may_add=webviews.may_add_properties(request.actor),
    )


def _add_sites(
    request: Request, row: ConnectedAccount, seen: list[dict[str, Any]], form: SitesForm
) -> HttpResponse:
    rows = [{"site": site} for site in seen if site["remote_id"] in form.chosen_ids]
    problems = told(adding.problems(row, form.chosen_ids), rows)
    if any(line["has_failed"] for line in problems) and "understood" not in request.POST:
        return _sites_page(request, row, form, problems)
    try:
        adding.add(row, seen, form.choices(), actor=request.actor, at=timezone.now())
    except CannotConnectError as error:
        messages.error(request, str(error))
        return redirect("account-sites", row.pk)
    names = ", ".join(each["site"]["name"] for each in rows)
    messages.success(request, f"{names}: added. The doors appear on the board in a moment.")
    return redirect("account", row.pk)


def _sites_page(
    request: Request,
    row: ConnectedAccount,
    form: SitesForm | None = None,
    problems: list[dict[str, Any]] | None = None,
    trouble: Advice | None = None,
) -> HttpResponse:
    context = {
        "trouble": trouble,
        "account": row,
        "label": PROVIDERS[row.provider].label,
        "form": form,
        "problems": problems,
        "time_zones": time_zones(),
    }
    return render(request, "accounts/sites.html", context)


def _cannot_ask(row: ConnectedAccount, error: Exception) -> Advice:
    if isinstance(error, ProviderError):
        return PROVIDERS[row.provider].advice(error.code, dialect=row.dialect)
    return _UNREADABLE


@require_http_methods(["GET", "HEAD", "POST"])
@_manages
def account_disconnect(request: Request, pk: UUID) -> HttpResponse:
    row = find_to_change(request, pk)
    form = TypedNameForm(request.POST or None, account=row)
    if request.method == "POST" and form.is_valid():
        upkeep.disconnect(row, by=request.actor.who, at=timezone.now())
        messages.success(request, f"{row.name} is disconnected. Its secrets are erased.")
        return redirect("accounts")
    context = {"account": row, "form": form, "more": upkeep.foretell_disconnection(row)}
    return render(request, "accounts/disconnect.html", context)


@require_POST
@_manages
def account_activate_hub(request: Request, pk: UUID, hub_pk: UUID) -> HttpResponse:
    row = find_to_change(request, pk)
    hub = get_object_or_404(
        Hub.objects.select_related("site__account__workspace", "site__property"),
        pk=hub_pk,
        site__account=row,
    )
    if refused := take_activation(request, hub, request.actor.who):
        return _page(request, _find(request, pk), refused=refused)
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
    # Its link can change an account's secret.
    if webview.reconnects_id and not stepup.is_recent(request):
        return stepup.ask(request)
    token = webviews.renew_link(webview, by=request.actor.who, at=timezone.now())
    if request.POST.get("for") == "somebody":
        return _link_page(request, webview, token)
    messages.info(request, "This is the step where it was left. The earlier link no longer works.")
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
