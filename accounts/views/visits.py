"""Opening an onboarding link: who comes, to which attempt, and how its pages are framed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from accounts.actors import Actor, Request
from accounts.models import ConnectWebview, WebviewStep
from accounts.onboarding import webviews
from accounts.onboarding.webviews import CompletedElsewhereError
from accounts.providers import PROVIDERS
from audit.who import Who

COMPLETED = "This step was completed in another tab. Here is where it stands."

_URL_OF = {step: f"connect-{step.value.replace('_', '-')}" for step in WebviewStep}


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One request to one attempt, by its maker or by whoever was sent the link."""

    webview: ConnectWebview
    token: str
    at: datetime
    #: Set for its maker, who sees the pages inside the dashboard.
    actor: Actor | None

    @property
    def who(self) -> Who:
        return self.actor.who if self.actor else webviews.visitor(self.webview)

    def url(self, step: WebviewStep | str) -> str:
        return reverse(_URL_OF[WebviewStep(step)], args=[self.token])

    def go(self, step: WebviewStep) -> HttpResponse:
        return redirect(self.url(step))

    def go_on(self) -> HttpResponse:
        """Lead to where the attempt stands now, whatever another tab has done."""
        self.webview.refresh_from_db(fields=["step"])
        return self.go(WebviewStep(self.webview.step))

    def render(
        self,
        request: Request,
        step: WebviewStep,
        context: dict[str, Any],
        *,
        status: int = 200,
        page: str = "",
    ) -> HttpResponse:
        """Show a step's page: the one named after it, unless it has another."""
        name = page or step.value
        return render(request, f"connect/{name}.html", self._frame(step) | context, status=status)

    def _frame(self, step: WebviewStep) -> dict[str, Any]:
        steps = [each for each in webviews.steps_of(self.webview) if each != WebviewStep.DONE]
        number = steps.index(step) + 1 if step in steps else 0
        provider = PROVIDERS.get(self.webview.provider)
        label = provider.label if provider else ""
        frame: dict[str, Any] = {
            "visit": self,
            "webview": self.webview,
            "step_number": number,
            "step_count": len(steps),
            # Once the account is added there is nothing to go back to.
            "back_url": self.url(steps[number - 2])
            if number > 1 and not self.webview.account_id
            else "",
            "brand": label.removesuffix(" KS"),
            "brand_whole": label,
            "is_sandbox": self.webview.workspace.is_sandbox,
            "sandbox_url": settings.SANDBOX_URL if self.webview.workspace.is_sandbox else "",
        }
        # Whoever was sent the link sees no dashboard around it, signed in here or not.
        return frame if self.actor else frame | {"actor": None}


P = ParamSpec("P")
Page = Callable[Concatenate[Request, Visit, P], HttpResponse]


def by_link(page: Page[P]) -> Callable[..., HttpResponse]:
    """Let in whoever holds a valid link. No sign-in here is asked for: the link is enough.

    Exempt from CSRF because no cookie gives any right here: who knows the link may do all of
    this, and who does not cannot make a browser send it. Browsers send `Origin: null` from a
    page without referrers, so Django's check would refuse every form without scripts.
    """

    @wraps(page)
    def opened(request: Request, token: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        at = timezone.now()
        webview = webviews.find(token, at)
        if webview is None:
            return private(not_valid(request), framed=False)
        visit = Visit(webview=webview, token=token, at=at, actor=_maker(request, webview))
        try:
            response = page(request, visit, *args, **kwargs)
        except CompletedElsewhereError:
            messages.info(request, COMPLETED)
            response = visit.go_on()
        return private(response, framed=visit.actor is not None)

    return csrf_exempt(opened)


def not_valid(request: Request) -> HttpResponse:
    """Say the same of every link that does not work, to everybody."""
    context = {"actor": None, "sandbox_url": ""}
    return render(request, "connect/not_valid.html", context, status=404)


def private(response: HttpResponse, *, framed: bool) -> HttpResponse:
    """Keep the link out of caches and of other sites' logs.

    Inside the dashboard the referrer goes to ourselves only: a page without any would make
    the sign-out form beside it fail (see `by_link`).
    """
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "same-origin" if framed else "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return response


def _maker(request: Request, webview: ConnectWebview) -> Actor | None:
    actor: Actor | None = getattr(request, "actor", None)
    if actor is None or actor.user.pk != webview.created_by_id:
        return None
    return actor if actor.workspace.pk == webview.workspace_id else None


def at_step(step: WebviewStep) -> Callable[[Page[[]]], Page[[]]]:
    """Show a step only if it was reached and the account is not added yet; else the right one."""

    def decorate(page: Page[[]]) -> Page[[]]:
        @wraps(page)
        def guarded(request: Request, visit: Visit) -> HttpResponse:
            webview = visit.webview
            if webview.finished_at or webview.account_id:
                if request.method == "POST":
                    messages.info(request, COMPLETED)
                return visit.go_on()
            if step not in webviews.steps_of(webview) or not webviews.has_reached(webview, step):
                return visit.go_on()
            return page(request, visit)

        return guarded

    return decorate
