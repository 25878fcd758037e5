"""Walking through onboarding as a browser does, with the simulated identity host's pages."""

import re
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpResponse
from django.test import Client as Browser
from django.urls import reverse

from accounts.models import ConnectWebview
from tests.sandbox.client import BASE, Client

BACK_END = {
    "dialect": "connect",
    "api_base": f"{BASE}/connect",
    "auth_url": f"{BASE}/identity/connect/token",
    "client_id": "lockboard-backend",
    "client_secret": "lockboard-backend-secret",
    "username": "jane@example.com",
    "password": "1234",
}
LEGACY = {
    "dialect": "legacy",
    "api_base": f"{BASE}/legacy/v1.1",
    "auth_url": f"{BASE}/legacy/oauth2/token",
    "client_id": "legacy-client",
    "client_secret": "legacy-secret",
}


class Walk:
    """One browser on one onboarding link."""

    def __init__(self, browser: Browser, cloud: Client, token: str) -> None:
        self.browser, self.cloud, self.token = browser, cloud, token

    @classmethod
    def begin(cls, browser: Browser, cloud: Client) -> "Walk":
        answer = browser.post(reverse("connect-new"))
        return cls(browser, cloud, answer["Location"].split("/")[2])

    @property
    def webview(self) -> ConnectWebview:
        return ConnectWebview.objects.order_by("-created_at")[0]

    def url(self, step: str) -> str:
        return reverse(f"connect-{step}", args=[self.token])

    def get(self, step: str, **query: str) -> HttpResponse:
        return self.browser.get(self.url(step), query)

    def post(self, step: str, posted: dict[str, Any] | None = None) -> HttpResponse:
        return self.browser.post(self.url(step), posted or {})

    def to_sign_in(self) -> "Walk":
        self.post("intro")
        self.post("brand", {"provider": "salto_ks"})
        return self

    def leave(self) -> str:
        """Press the button; return the address of the provider's page."""
        return self.post("sign-in-go")["Location"]

    def sign_in(self, email: str = "jane@example.com", *, allow: bool = True) -> HttpResponse:
        return self.come_back(sign_in_at(self.cloud, self.leave(), email, allow=allow))

    def come_back(self, address: str) -> HttpResponse:
        parts = urlsplit(address)
        return self.browser.get(f"{parts.path}?{parts.query}")

    def to_checks(self, email: str = "jane@example.com") -> "Walk":
        self.to_sign_in().sign_in(email)
        self.post("checks")
        return self

    def to_confirm(self, email: str = "jane@example.com", name: str = "Mill Lane") -> "Walk":
        self.to_checks(email)
        site = self.webview.answers["sites"][0]
        self.post("sites", new_property(site["remote_id"], name))
        return self

    def to_sync(self, email: str = "jane@example.com", name: str = "Mill Lane") -> "Walk":
        self.to_confirm(email, name).post(
            "confirm", {"name": f"Salto KS {name}", "understood": "on"}
        )
        return self


def new_property(site_id: str, name: str, zone: str = "Europe/London") -> dict[str, str]:
    return {"site": site_id, "s0-property": "new", "s0-name": name, "s0-time_zone": zone}


def sign_in_at(cloud: Client, address: str, email: str, *, allow: bool = True) -> str:
    """Sign in and answer the question at the provider; return where it sends the browser."""
    page = cloud.request("GET", address.removeprefix(BASE))
    attempt = re.search(r'name="sign_in" value="([^"]+)"', page.text)
    assert attempt, page.text
    form = {"sign_in": attempt[1], "email": email, "password": "1234"}
    cloud.request("POST", "/identity/login", form=form)
    decision = {"sign_in": attempt[1], "decision": "allow" if allow else "deny"}
    return cloud.request("POST", "/identity/consent", form=decision).headers["location"]
