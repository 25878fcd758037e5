import re
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import path, reverse

from accounts.models import Role
from config import urls
from config.middleware import client_ip, htmx_manners, security_headers
from tests.make import client_of, make_device, make_user

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self';"
    " base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
)


def fail(request: Any) -> HttpResponse:
    raise RuntimeError("a secret of the inside")


urlpatterns = [path("fail/", fail), *urls.urlpatterns]


def directives(policy: str) -> set[str]:
    return {each.strip() for each in policy.split(";")}


@pytest.mark.django_db
@pytest.mark.urls("tests.config.test_middleware")
@pytest.mark.parametrize(
    ("address", "role", "status"),
    [
        ("/", Role.MANAGER, 200),
        ("/user/login/", None, 200),
        ("/nowhere/", Role.MANAGER, 404),
        ("/people/", Role.AUDITOR, 403),
        ("/log/?before=x", Role.MANAGER, 400),
        ("/stay/", Role.MANAGER, 405),
        ("/fail/", Role.MANAGER, 500),
        ("/", None, 302),
        ("/livez", None, 200),
    ],
)
def test_web_01_every_answer_carries_the_policy_and_tells_nothing_of_the_inside(
    address: str, role: str | None, status: int
) -> None:
    make_device()
    client = client_of(make_user(role)) if role else Client()
    client.raise_request_exception = False

    response = client.get(address)

    assert response.status_code == status
    assert directives(response["Content-Security-Policy"]) == directives(CSP)
    assert response["X-Frame-Options"] == "DENY"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"
    assert response["Cross-Origin-Resource-Policy"] == "same-origin"
    assert response["Permissions-Policy"] == "camera=(), geolocation=(), microphone=()"
    assert "no-store" in response["Cache-Control"]
    assert re.fullmatch(r"[0-9a-f]{32}", response["X-Request-Id"])
    assert "a secret of the inside" not in response.content.decode()


@pytest.mark.parametrize(
    ("proxies", "forwarded", "ip"),
    [
        (0, "203.0.113.9", "192.0.2.1"),
        (1, "", "192.0.2.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (2, "198.51.100.1, 203.0.113.9", "198.51.100.1"),
        (2, "203.0.113.9", "192.0.2.1"),
        (1, "2001:db8::1", "2001:db8::1"),
        (1, "garbage", ""),
        (1, "' OR 1=1", ""),
    ],
)
def test_only_our_own_proxies_are_believed(
    settings: Any, proxies: int, forwarded: str, ip: str
) -> None:
    settings.TRUSTED_PROXIES = proxies
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = RequestFactory().get("/", headers=headers, REMOTE_ADDR="192.0.2.1")

    assert client_ip(request) == ip


@pytest.mark.parametrize(
    ("address", "ip"), [("", ""), ("fe80::1%eth0", "fe80::1"), ("::1", "::1"), ("unix:", "")]
)
def test_an_address_is_stored_only_if_it_is_one(address: str, ip: str) -> None:
    assert client_ip(RequestFactory().get("/", REMOTE_ADDR=address)) == ip


@pytest.mark.parametrize("status", [301, 302, 303])
def test_web_03_htmx_follows_a_redirect_as_a_page(status: int) -> None:
    def answer(_: Any) -> HttpResponse:
        return HttpResponse(status=status, headers={"Location": "/user/login/"})

    request = RequestFactory().get("/", headers={"HX-Request": "true"})

    response = htmx_manners(answer)(request)

    assert (response.status_code, response["HX-Redirect"]) == (204, "/user/login/")
    assert "Location" not in response


def test_a_redirect_for_a_browser_stays_one() -> None:
    def answer(_: Any) -> HttpResponse:
        return HttpResponse(status=302, headers={"Location": "/"})

    response = htmx_manners(answer)(RequestFactory().get("/"))

    assert (response.status_code, response["Location"]) == (302, "/")


def test_a_page_may_ask_to_be_kept() -> None:
    def answer(_: Any) -> HttpResponse:
        return HttpResponse(headers={"Cache-Control": "max-age=60"})

    assert security_headers(answer)(RequestFactory().get("/"))["Cache-Control"] == "max-age=60"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "of", "back"),
    [
        ("account-settings", True, "account"),
        ("account-hubs", True, "account"),
        ("connect-new", False, "accounts"),
        ("stay", False, "board"),
    ],
)
def test_a_forms_address_opened_by_hand_has_a_page_with_a_way_back(
    name: str, of: bool, back: str
) -> None:
    device = make_device()
    args = [device.account_id] if of else []
    address = (
        f"/accounts/{device.account_id}/hubs/{device.pk}/activate/"
        if name == "account-hubs"
        else reverse(name, args=args)
    )

    page = client_of(make_user(Role.MANAGER, workspace=device.workspace)).get(address)

    assert page.status_code == 405
    assert page["Allow"] == "POST"
    assert f'href="{reverse(back, args=args)}"' in page.content.decode()
    assert "default-src 'none'" in page["Content-Security-Policy"]


@pytest.mark.django_db
@pytest.mark.parametrize("headers", [{"HX-Request": "true"}, {"Accept": "application/json"}])
def test_who_wants_no_page_gets_none(headers: dict[str, str]) -> None:
    answer = client_of(make_user(Role.MANAGER)).get(reverse("connect-new"), headers=headers)

    assert (answer.status_code, answer.content) == (405, b"")


@pytest.mark.django_db
def test_who_has_no_role_anywhere_is_not_sent_round_in_circles() -> None:
    page = client_of(make_user(None)).get("/")

    assert page.status_code == 403
    assert reverse("account_logout") in page.content.decode()
