"""Headers and manners that no view should have to think of."""

import uuid
from collections.abc import Callable
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import is_valid_path

from audit.context import RequestFacts, set_request_facts

GetResponse = Callable[[HttpRequest], HttpResponse]


def security_headers(get_response: GetResponse) -> GetResponse:
    """Set what Django has no setting for, and name the request for logs and the audit log."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request_id = uuid.uuid4().hex
        set_request_facts(RequestFacts(ip=client_ip(request), request_id=request_id))
        response = get_response(request)
        response["X-Request-Id"] = request_id
        response["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
        response["Cross-Origin-Resource-Policy"] = "same-origin"
        if not response.has_header("Cache-Control"):
            response["Cache-Control"] = "no-store"
        return response

    return middleware


def client_ip(request: HttpRequest) -> str:
    """Return the caller's address; forwarded ones only through as many proxies as are ours.

    Empty if what was told is none: the log's column takes nothing else, and must never be
    the reason why a door cannot be opened.
    """
    told = str(request.META.get("REMOTE_ADDR") or "")
    if settings.TRUSTED_PROXIES:
        forwarded = request.headers.get("X-Forwarded-For", "").split(",")
        if forwarded != [""] and len(forwarded) >= settings.TRUSTED_PROXIES:
            told = forwarded[-settings.TRUSTED_PROXIES].strip()
    try:
        return str(ip_address(told.partition("%")[0]))
    except ValueError:
        return ""


def htmx_manners(get_response: GetResponse) -> GetResponse:
    """Turn a redirect into one that htmx follows as a page, so no view needs to know.

    Without this a sign-in page would be swapped into a lock's tile (reliability WEB-03).
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        is_htmx = request.headers.get("HX-Request") == "true"
        if is_htmx and response.status_code in (301, 302, 303):
            location = response["Location"]
            response = HttpResponse(status=204)
            response["HX-Redirect"] = location
        if is_htmx:
            response["Vary"] = ", ".join(filter(None, [response.get("Vary"), "HX-Request"]))
        return response

    return middleware


def page_for_wrong_method(get_response: GetResponse) -> GetResponse:
    """Give people who opened a form's address by hand a page with a way back."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        is_bare = response.status_code == 405 and not response.content
        if is_bare and request.headers.get("HX-Request") != "true" and request.accepts("text/html"):
            page = render(request, "405.html", {"back_url": _page_above(request.path)}, status=405)
            page["Allow"] = response["Allow"]
            return page
        return response

    return middleware


def _page_above(path: str) -> str:
    """Return the nearest address above this one that leads somewhere: the page with the form."""
    while path.count("/") > 2:
        path = path.rstrip("/").rpartition("/")[0] + "/"
        if is_valid_path(path):
            return path
    return "/"
