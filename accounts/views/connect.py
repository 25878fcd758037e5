"""Connecting an account, screen by screen. What each does is in accounts.onboarding."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from csp.decorators import csp_update
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import activation, stepup, upkeep
from accounts.actors import Request
from accounts.forms import ConfirmForm, CredentialsForm, PinForm, SitesForm, time_zones
from accounts.links import hash_token
from accounts.models import ConnectedAccount, Dialect, Hub, Space, WebviewStep
from accounts.onboarding import (
    checking,
    choosing,
    connecting,
    credentials,
    progress,
    sign_in,
    webviews,
)
from accounts.onboarding.connecting import (
    AlreadyConnectedError,
    CannotConnectError,
    UnavailableSiteError,
)
from accounts.onboarding.sign_in import SignInError
from accounts.providers import PROVIDERS
from accounts.sealing import UnreadableError
from accounts.views.connect_key import sign_in_by_key
from accounts.views.visits import Visit, at_step, by_link, private

_get_or_post = require_http_methods(["GET", "HEAD", "POST"])

_KNOWN = {
    "salto_ks": "Salto's cloud-managed locks",
    "keypad": "An invented brand: keypads that take digits of your choosing",
    "seam": "Salto Space, and locks of many brands: August, Schlage, Yale, Nuki and more",
}


@require_safe
@by_link
def connect(request: Request, visit: Visit) -> HttpResponse:
    """Lead to the step the attempt stands at: a link can be opened again at any time."""
    return visit.go_on()


@_get_or_post
@by_link
@at_step(WebviewStep.INTRO)
def intro(request: Request, visit: Visit) -> HttpResponse:
    if request.method == "POST":
        webviews.begin_brand(visit.webview)
        return visit.go(WebviewStep.BRAND)
    return visit.render(request, WebviewStep.INTRO, {})


@_get_or_post
@by_link
@at_step(WebviewStep.BRAND)
def brand(request: Request, visit: Visit) -> HttpResponse:
    offered = webviews.brands_for(visit.webview.workspace)
    if request.method == "POST" and request.POST.get("provider") in offered:
        webviews.choose_brand(visit.webview, request.POST["provider"])
        return visit.go(WebviewStep.SIGN_IN)
    query = request.GET.get("q", "")[:100]
    known = [(name, PROVIDERS[name].label, _KNOWN[name]) for name in offered]
    context = {
        "query": query,
        "brands": [row for row in known if _is_meant(query, *row[1:])],
    }
    return visit.render(request, WebviewStep.BRAND, context)


def _is_meant(query: str, *words: str) -> bool:
    text = " ".join(words).lower()
    return all(part in text for part in query.lower().split())


# --- signing in -------------------------------------------------------------------------------


@_get_or_post
@by_link
@at_step(WebviewStep.SIGN_IN)
def sign_in_step(request: Request, visit: Visit) -> HttpResponse:
    """Show both ways in; a POST is back-end credentials."""
    if PROVIDERS[visit.webview.provider].signs_in_by_key:
        return sign_in_by_key(request, visit)
    dialect = request.POST.get("dialect") or request.GET.get("dialect") or _dialect_of(visit)
    if dialect not in Dialect.values:
        dialect = Dialect.CONNECT
    form = CredentialsForm(
        request.POST or None,
        workspace=visit.webview.workspace,
        dialect=dialect,
        account=visit.webview.reconnects,
        initial=_typed_before(visit, dialect),
    )
    if request.method == "POST" and form.is_valid():
        try:
            sign_in.with_credentials(visit.webview, form.credentials())
        except (SignInError, UnreadableError) as error:
            form.add_error(None, _sentence(error))
        else:
            for notice in form.notices:
                messages.info(request, notice)
            return visit.go(WebviewStep.CHECKS)
    is_shown = request.method == "POST" or "dialect" in request.GET or _was_back_end(visit)
    return _sign_in_page(request, visit, form, dialect, is_shown=is_shown)


def _sign_in_page(
    request: Request, visit: Visit, form: CredentialsForm, dialect: str, *, is_shown: bool
) -> HttpResponse:
    context = {
        "form": form,
        "dialect": dialect,
        "dialects": Dialect.choices,
        "is_form_shown": is_shown,
        "unavailable": sign_in.why_unavailable(visit.webview),
        "account": visit.webview.reconnects,
        "sandbox_site": settings.SANDBOX_URL,
    }
    page = visit.render(request, WebviewStep.SIGN_IN, context)
    environment = credentials.environment_for(visit.webview.workspace)
    if environment is None:
        return page
    # The button's form is answered by a redirect to Salto, which browsers count as its target.
    parts = urlsplit(environment.authorize_url)
    allow = csp_update({"form-action": [f"{parts.scheme}://{parts.netloc}"]})
    return allow(lambda _: page)(request)  # type: ignore[return-value]


def _sentence(error: Exception) -> str:
    if isinstance(error, UnreadableError):
        return "The stored secret cannot be read any more: enter it again."
    return str(error)


def _dialect_of(visit: Visit) -> str:
    if visit.webview.reconnects:
        return visit.webview.reconnects.dialect
    given: dict[str, Any] = visit.webview.answers.get("credentials", {})
    return str(given.get("dialect", Dialect.CONNECT))


def _was_back_end(visit: Visit) -> bool:
    given = visit.webview.answers.get("credentials", {})
    account = visit.webview.reconnects
    grant = given.get("grant") or (account.grant if account else "")
    return bool(grant) and grant != "authorization_code"


def _typed_before(visit: Visit, dialect: str) -> dict[str, Any]:
    """What was typed in an earlier go comes back, but for the secrets."""
    given: dict[str, Any] = visit.webview.answers.get("credentials", {})
    if given.get("dialect") != dialect or given.get("grant") == "authorization_code":
        return {}
    return {name: given[name] for name in ("client_id", "username", "api_base", "auth_url")}


@require_POST
@by_link
@at_step(WebviewStep.SIGN_IN)
def sign_in_go(request: Request, visit: Visit) -> HttpResponse:
    """Send the browser to the provider's own sign-in page."""
    try:
        begun = sign_in.begin(visit.webview, at=visit.at)
    except SignInError as error:
        messages.error(request, str(error))
        return visit.go(WebviewStep.SIGN_IN)
    response = redirect(begun.url)
    response.set_cookie(
        _cookie_name(begun.state),
        visit.token,
        max_age=sign_in.SIGN_IN_LIFETIME,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


def _cookie_name(state: str) -> str:
    """One cookie per sign-in, so that two tabs do not take each other's."""
    prefix = "__Host-" if settings.SESSION_COOKIE_SECURE else ""
    return f"{prefix}sign-in-{hash_token(state)[:16]}"


@require_safe
def connect_return(request: Request) -> HttpResponse:
    """Take the browser back from the provider, in the attempt it left from."""
    state = request.GET.get("state", "")[:200]
    webview = webviews.find_by_state(state)
    token = request.COOKIES.get(_cookie_name(state), "")
    theirs = webviews.find(token, timezone.now()) if token else None
    if theirs is None:
        sentence = sign_in.OTHER_BROWSER if webview else sign_in.USED
        context = {"sentence": sentence}
        return private(render(request, "connect/lost.html", context, status=400), framed=False)
    answer = {
        name: request.GET[name][:2000] for name in ("state", "code", "error") if name in request.GET
    }
    return returned(request, token, answer)


@by_link
def returned(request: Request, visit: Visit, answer: dict[str, str]) -> HttpResponse:
    try:
        sign_in.finish(visit.webview, answer, at=visit.at)
    except SignInError as error:
        has_gone_on = webviews.has_reached(visit.webview, WebviewStep.CHECKS)
        if str(error) == sign_in.USED and has_gone_on:
            return visit.go_on()  # the same answer a second time: a reload, or another tab
        if str(error) == sign_in.DENIED_EARLIER:
            messages.info(request, str(error))
            return visit.go_on()
        messages.error(request, str(error))
        return visit.go(WebviewStep.SIGN_IN)
    return visit.go(WebviewStep.CHECKS)


# --- checks -----------------------------------------------------------------------------------


@_get_or_post
@by_link
@at_step(WebviewStep.CHECKS)
def checks(request: Request, visit: Visit) -> HttpResponse:
    """Show the lines; a POST makes the checks (again)."""
    if request.method == "POST":
        if checking.run(visit.webview, at=visit.at):
            return visit.go(WebviewStep.CHECKS)
        messages.error(request, "Sign in again first.")
        return visit.go(WebviewStep.SIGN_IN)
    context = {
        "was_run": checking.was_run(visit.webview),
        "lines": checking.lines(visit.webview),
        "identity": visit.webview.answers.get("identity"),
        "account": visit.webview.reconnects,
        "next_url": visit.url(WebviewStep.SITES),
        "label": PROVIDERS[visit.webview.provider].label,
        "brand": PROVIDERS[visit.webview.provider].brand,
    }
    return visit.render(request, WebviewStep.CHECKS, context | _decision(visit))


def _decision(visit: Visit) -> dict[str, Any]:
    """What there is to decide after the checks."""
    webview = visit.webview
    account = webview.reconnects
    twin = checking.twin_of(webview)
    is_other = checking.is_other_account(webview)
    return {
        "may_go_on": checking.may_go_on(webview),
        "obstacle": checking.obstacle(webview),
        "is_other": is_other,
        "twin": twin if twin != account else None,
        # Who was to sign in: a person, or a client that stands for nobody.
        "expected": (account.username or account.client_id) if account else "",
        "missing": connecting.missing_sites(webview, account) if account and is_other else [],
        "takeovers": [] if twin or account else _takeovers(visit),
        "blocked": [site for site in checking.sites(webview) if site.get("blocked")],
        "has_free_site": bool(checking.free_sites(webview)),
    }


def _takeovers(visit: Visit) -> list[dict[str, Any]]:
    """Return the accounts that operate sites of this login already, and whether it may replace
    their logins."""
    found: dict[UUID, dict[str, Any]] = {}
    for site_id, account in checking.operators(visit.webview).items():
        row = found.setdefault(account.pk, {"account": account, "sites": []})
        row["sites"] += [
            site["name"] for site in checking.sites(visit.webview) if site["remote_id"] == site_id
        ]
    return [
        row
        | {
            "name": checking.name_for(visit.actor, row["account"]),
            "missing": connecting.missing_sites(visit.webview, row["account"]),
            "may_replace": _may_replace(visit, row["account"]),
        }
        for row in found.values()
    ]


def _may_replace(visit: Visit, account: ConnectedAccount) -> bool:
    """A link alone reaches no account that it was not made for."""
    return visit.actor is not None and upkeep.may_change(visit.actor, account)


@require_POST
@by_link
@at_step(WebviewStep.CHECKS)
def settle(request: Request, visit: Visit) -> HttpResponse:
    """Decide about an account that is there already: reconnect, replace, or add another."""
    decision = request.POST.get("decision")
    if decision in ("reconnect", "replace") and visit.actor and not stepup.is_recent(request):
        return stepup.ask_first(request, visit.url(WebviewStep.CHECKS))
    try:
        _settle(request, visit, decision)
    except AlreadyConnectedError:
        messages.error(request, "This account is already connected: reconnect it instead.")
    except CannotConnectError as error:
        messages.error(request, str(error))
    return visit.go_on()


def _settle(request: Request, visit: Visit, decision: str | None) -> None:
    webview = visit.webview
    match decision:
        case "reconnect":
            account = checking.twin_of(webview) or webview.reconnects
            if account is None:
                raise Http404
            connecting.reconnect(webview, account, by=visit.who, at=visit.at)
            messages.success(request, f"{account.name} is connected again.")
        case "replace":
            account = webview.reconnects or _operator(visit, request.POST.get("account", ""))
            connecting.replace(webview, account, by=visit.who, at=visit.at)
            messages.success(request, f"{account.name} now uses this login.")
        case "add":
            connecting.add_instead(webview)


def _operator(visit: Visit, pk: str) -> ConnectedAccount:
    for account in checking.operators(visit.webview).values():
        if str(account.pk) == pk and _may_replace(visit, account):
            return account
    raise Http404


# --- sites and confirmation -------------------------------------------------------------------


@_get_or_post
@by_link
@at_step(WebviewStep.SITES)
def sites(request: Request, visit: Visit) -> HttpResponse:
    if not checking.free_sites(visit.webview):
        return visit.go(WebviewStep.CHECKS)  # says why there is nothing to choose
    form = _sites_form(request, visit)
    if request.method == "POST" and form.is_valid():
        choosing.choose(visit.webview, form.choices())
        return visit.go(WebviewStep.CONFIRM)
    context = {"form": form, "time_zones": time_zones()}
    return visit.render(request, WebviewStep.SITES, context)


def _sites_form(request: Request, visit: Visit) -> SitesForm:
    webview = visit.webview
    actor = webviews.authority(webview)
    assert actor is not None  # `by_link` has asked
    properties = webviews.properties_for(actor)
    known = checking.sites(webview)
    free = [site["remote_id"] for site in checking.free_sites(webview)]
    before = {choice.remote_id: choice for choice in choosing.chosen(webview)}
    suggested = {site["remote_id"]: choosing.suggestion(site, properties) for site in known}
    return SitesForm(
        request.POST if request.method == "POST" else None,
        sites=known,
        initial=suggested | before,
        # One site is most people's whole account: it is chosen already.
        chosen_ids=set(before) & set(free) or (set(free) if len(free) == 1 else set()),
        unavailable=checking.unavailable(known, checking.operators(webview), visit.actor),
        properties=properties,
        may_add=webviews.may_add_properties(actor),
    )


@_get_or_post
@by_link
@at_step(WebviewStep.CONFIRM)
def confirm(request: Request, visit: Visit) -> HttpResponse:
    rows = _rows(visit)
    site_ids = {row["site"]["remote_id"] for row in rows}
    if site_ids - {site["remote_id"] for site in checking.free_sites(visit.webview)}:
        messages.error(request, "A site you chose cannot be connected any more: see below.")
        return visit.go(WebviewStep.CHECKS)  # asks what to do about it
    problems = told(checking.problems(visit.webview, site_ids), rows)
    form = ConfirmForm(
        request.POST or None,
        initial={"name": _account_name(visit)},
        is_broken=any(line["has_failed"] for line in problems),
    )
    if request.method == "POST" and form.is_valid():
        try:
            connecting.confirm(
                visit.webview, name=form.cleaned_data["name"], by=visit.who, at=visit.at
            )
        except AlreadyConnectedError:
            return visit.go(WebviewStep.CHECKS)  # asks whether to reconnect it instead
        except UnavailableSiteError as error:
            messages.error(request, str(error))
            return visit.go(WebviewStep.CHECKS)
        except CannotConnectError as error:
            messages.error(request, str(error))
            return visit.go(WebviewStep.SITES)
        return visit.go(WebviewStep.SYNC)
    brand = PROVIDERS[visit.webview.provider].brand
    context = {"form": form, "rows": rows, "problems": problems, "brand": brand}
    return visit.render(request, WebviewStep.CONFIRM, context)


def told(problems: list[dict[str, Any]], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the problems as they are shown for these sites: where each is, not all it named."""
    names = {row["site"]["remote_id"]: row["site"]["name"] for row in rows}
    return [
        line
        | {
            "has_failed": checking.has_failed(line),
            # What the line says names every site it is about, chosen or not.
            "detail": "" if set(line["site_ids"]) - set(names) else line["detail"],
            "where": [names[pk] for pk in line["site_ids"] if pk in names and len(names) > 1],
        }
        for line in problems
    ]


def _account_name(visit: Visit) -> str:
    label = PROVIDERS[visit.webview.provider].label
    chosen = choosing.chosen(visit.webview)
    names = {site["remote_id"]: site["name"] for site in checking.sites(visit.webview)}
    if len(chosen) == 1:
        name = choosing.property_name(names[chosen[0].remote_id])
        return (name if name.startswith(label) else f"{label} {name}")[:100]
    identity = visit.webview.answers.get("identity") or {}
    return f"{label} {identity.get('name') or identity.get('email') or ''}".strip()[:100]


def _rows(visit: Visit) -> list[dict[str, Any]]:
    """Return what will be added, a site a row."""
    actor = webviews.authority(visit.webview)
    places = {space.pk: space for space in webviews.properties_for(actor)} if actor else {}
    sites_by_id = {site["remote_id"]: site for site in checking.sites(visit.webview)}
    rows, chosen = [], list(choosing.chosen(visit.webview))
    more = sum(choice.property_id is None for choice in chosen)
    for choice in chosen:
        place = places.get(choice.property_id) if choice.property_id else None
        rows.append(
            {
                "site": sites_by_id[choice.remote_id],
                "property": place.name if place else choice.name,
                "time_zone": place.time_zone if place else choice.time_zone,
                "is_new": choice.property_id is None,
                "asks_where": _asks_where(visit, sites_by_id[choice.remote_id], more=more),
            }
        )
    return rows


def _asks_where(visit: Visit, *sites: dict[str, Any], more: int = 0) -> bool:
    """Tell whether somebody must say to which property each access control system belongs.

    One system of a new account is placed where its doors are, and all are where there is one
    property only. `more`: properties that are still to be made.
    """
    systems = [name for site in sites for name in site.get("systems") or ()]
    places = Space.objects.properties().filter(workspace=visit.webview.workspace)
    return len(systems) > 1 and places.count() + more > 1


# --- first sync and the end -------------------------------------------------------------------


@require_safe
@by_link
def sync(request: Request, visit: Visit) -> HttpResponse:
    """Show how far the first sync is; asked again every second by the page itself."""
    webview = visit.webview
    if webview.step != WebviewStep.SYNC:
        return visit.go_on()
    progress.nudge(webview, at=visit.at)
    return visit.render(request, WebviewStep.SYNC, {"sync": webview.answers.get("sync", {})})


@require_safe
@by_link
def done(request: Request, visit: Visit) -> HttpResponse:
    return _done_page(request, visit)


def _done_page(
    request: Request, visit: Visit, refused: dict[UUID, PinForm] | None = None
) -> HttpResponse:
    webview = visit.webview
    if webview.step != WebviewStep.DONE or webview.account is None:
        return visit.go_on()
    context = {
        "account": webview.account,
        "sync": webview.answers.get("sync", {}),
        "hubs": hub_rows(Hub.objects.filter(site__account=webview.account), refused),
        "systems": [name for site in checking.sites(webview) for name in site.get("systems") or ()],
        "asks_where": _asks_where(visit, *checking.sites(webview)),
        "is_refused": bool(refused),
        "is_reconnect": webview.reconnects_id is not None or "sync" not in webview.answers,
    }
    return visit.render(request, WebviewStep.DONE, context)


def hub_rows(hubs: Any, refused: dict[UUID, PinForm] | None = None) -> list[dict[str, Any]]:
    """Return the hubs that demand one-time codes, and how far each is.

    `refused`: forms whose PIN was not good, by the hub's id.
    """
    wanting = hubs.filter(otp_enabled=True).select_related("site").order_by("name")
    return [
        {
            "hub": hub,
            "is_under_way": activation.is_under_way(hub),
            "form": (refused or {}).get(hub.pk) or PinForm(prefix=f"h{hub.pk}"),
        }
        for hub in wanting
    ]


@require_POST
@by_link
def activate_hub(request: Request, visit: Visit, pk: UUID) -> HttpResponse:
    account = visit.webview.account
    if account is None:
        raise Http404
    hub = get_object_or_404(
        Hub.objects.select_related("site__account__workspace", "site__property"),
        pk=pk,
        site__account=account,
    )
    if refused := take_activation(request, hub, visit.who):
        return _done_page(request, visit, refused)
    return visit.go(WebviewStep.DONE)


def take_activation(request: Request, hub: Hub, who: Any) -> dict[UUID, PinForm]:
    """Ask for the PIN, or take it if one was typed; say how it went.

    Return the form of a PIN that was not good, by the hub's id: what is wrong stands in it.
    """
    at = timezone.now()
    pin = PinForm(request.POST, prefix=f"h{hub.pk}")
    try:
        if request.POST.get("act") == "confirm":
            activation.confirm(
                hub, pin.cleaned_data["pin"] if pin.is_valid() else "", by=who, at=at
            )
            messages.success(request, f"Remote opening works on {hub.name}.")
        else:
            activation.begin(hub, by=who, at=at)
            messages.info(request, f"Salto has mailed a 4-digit PIN for {hub.name}. Type it here.")
    except activation.PinError as error:
        pin.add_error("pin", str(error))
        pin.fields["pin"].widget.attrs["autofocus"] = True
        return {hub.pk: pin}
    except activation.ActivationError as error:
        messages.error(request, str(error))
    return {}


def account_link(token: str) -> str:
    return f"{settings.LOCKBOARD_ORIGIN}{reverse('connect', args=[token])}"
