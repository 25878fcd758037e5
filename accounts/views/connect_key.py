"""Signing in at a brand that asks for an API key and nothing else."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpResponse

from accounts.actors import Request
from accounts.fields import PastedField
from accounts.models import Dialect, Grant, WebviewStep
from accounts.onboarding import credentials, sign_in
from accounts.onboarding.credentials import Credentials
from accounts.onboarding.sign_in import SignInError
from accounts.providers import PROVIDERS
from accounts.providers.base import ProviderError
from accounts.views.visits import Visit


class ApiKeyForm(forms.Form):
    """The key is never shown again, not even as typed."""

    api_key = PastedField(
        label="API key",
        noun="API key",
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )


def sign_in_by_key(request: Request, visit: Visit) -> HttpResponse:
    """Take an API key and keep it if the provider knows it."""
    form = ApiKeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        refused = _try(visit, form.cleaned_data["api_key"])
        if not refused:
            return visit.go(WebviewStep.CHECKS)
        form.add_error("api_key", refused)
    context: dict[str, Any] = {
        "form": form,
        "provider": PROVIDERS[visit.webview.provider],
        "account": visit.webview.reconnects,
        "is_sandbox": visit.webview.workspace.is_sandbox,
        "sandbox_site": settings.SANDBOX_URL,
    }
    return visit.render(request, WebviewStep.SIGN_IN, context, page="api_key")


def _try(visit: Visit, key: str) -> str:
    """Keep the key, or return in a sentence why it is not good."""
    base = _address(visit)
    given = Credentials(
        dialect=Dialect.CONNECT,
        grant=Grant.API_KEY,
        api_base=base,
        auth_url=base,
        client_secret=key,
    )
    webview = visit.webview
    driver, _ = credentials.driver_for(webview.workspace, webview.provider, given, None)
    try:
        driver.refresh_token()
        sign_in.with_credentials(webview, given)
    except ProviderError as error:
        found = PROVIDERS[webview.provider].advice(error.code)
        return f"{found.title}. {found.fix}"
    except SignInError as error:
        return str(error)
    return ""


def _address(visit: Visit) -> str:
    """Return where the key is tried: a sandbox workspace speaks to the sandbox, and no other."""
    provider = PROVIDERS[visit.webview.provider]
    if visit.webview.workspace.is_sandbox:
        return f"{settings.SANDBOX_URL}/{provider.name}"
    return provider.api_base
