"""A guest's request: by which link they came, in which language, from which browser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, wraps
from typing import Any, Concatenate, ParamSpec
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from access.guests import languages, links, proving
from access.guests.houses import House, house_of
from access.models import Delivery, GuestDevice, GuestLink

#: How long a browser remembers the link it came by. The link itself may end sooner.
_REMEMBERED_SECONDS = 30 * 24 * 3600
#: How long a page may stay open before its forms are too old.
_FORMS_SECONDS = 24 * 3600
_VISIT, _FORM = "access.guests.visit", "access.guests.form"


@dataclass(frozen=True, kw_only=True)
class Visit:
    link: GuestLink
    language: str
    at: datetime
    #: The browser, once it proved itself by the link code.
    device: GuestDevice | None

    @cached_property
    def house(self) -> House:
        return house_of(self.link.grant.property)

    @property
    def key(self) -> str:
        """What the page's forms carry: only a page of this link can have it."""
        return signing.dumps(str(self.link.pk), salt=_FORM)

    def render(
        self, request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200
    ) -> HttpResponse:
        frame = frame_of(self.link.grant.property.name, self.house, self.language)
        own = {"visit": self, "key": self.key, "grant": self.link.grant}
        return render(request, f"guest/{template}.html", frame | own | context, status=status)


def frame_of(name: str, house: House, language: str) -> dict[str, Any]:
    """What every page of a guest shows, whoever looks at it."""
    return {
        "place": name,
        "house": house,
        "language": language,
        "languages": languages.LANGUAGES.items(),
    }


P = ParamSpec("P")
Page = Callable[Concatenate[HttpRequest, Visit, P], HttpResponse]


def by_visit(page: Page[P]) -> Callable[..., HttpResponse]:
    """Let in whoever came by a link that still leads somewhere; nobody signs in.

    Exempt from Django's check against forged forms, for browsers send `Origin: null` from a
    page without referrers. Instead each form carries a key that only a page of the link has.
    """

    @wraps(page)
    def opened(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        at = timezone.now()
        link, chosen = _remembered(request, at)
        accepts = request.headers.get("Accept-Language", "")
        if link is None:
            return private(not_valid(request, languages.choose(accepts=accepts)))
        language = languages.choose(chosen, *_written_in(link), accepts=accepts)
        cookie = request.COOKIES.get(settings.GUEST_DEVICE_COOKIE_NAME, "")
        device = proving.find_device(link, cookie)
        visit = Visit(link=link, language=language, at=at, device=device)
        with languages.speaking(language):
            if link.locked_at and device is None:
                return private(visit.render(request, "locked", {}, status=403))
            if request.method == "POST" and not _has_key(request, link):
                return private(visit.render(request, "too_old", {}, status=403))
            try:
                return private(page(request, visit, *args, **kwargs))
            except Http404:
                return private(not_valid(request, language))

    return csrf_exempt(opened)


def _remembered(request: HttpRequest, at: datetime) -> tuple[GuestLink | None, str]:
    """Return the link of this browser's cookie, and the language that was chosen with it."""
    cookie = request.COOKIES.get(settings.GUEST_LINK_COOKIE_NAME, "")
    try:
        pk, language = signing.loads(cookie, salt=_VISIT, max_age=_REMEMBERED_SECONDS)
        return links.find(UUID(pk), at=at), str(language)
    except (signing.BadSignature, ValueError, TypeError):
        return None, ""


def remember(response: HttpResponse, link: GuestLink, *, language: str = "") -> None:
    """Have the browser come back by this link, in that language."""
    value = signing.dumps([str(link.pk), language], salt=_VISIT)
    _set_cookie(response, settings.GUEST_LINK_COOKIE_NAME, value)


def remember_device(response: HttpResponse, cookie: str) -> None:
    _set_cookie(response, settings.GUEST_DEVICE_COOKIE_NAME, cookie)


def _set_cookie(response: HttpResponse, name: str, value: str) -> None:
    response.set_cookie(
        name,
        value,
        max_age=_REMEMBERED_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",  # people come from their mail's page
    )


def _written_in(link: GuestLink) -> list[str]:
    """Return the languages their message was in, and the one they are known to speak."""
    sent = Delivery.objects.filter(link=link).values_list("language", flat=True)
    return [*sent[:1], link.grant.identity.language]


def _has_key(request: HttpRequest, link: GuestLink) -> bool:
    try:
        found = signing.loads(request.POST.get("key", ""), salt=_FORM, max_age=_FORMS_SECONDS)
    except signing.BadSignature:
        return False
    return bool(found == str(link.pk))


def not_valid(request: HttpRequest, language: str) -> HttpResponse:
    """Say the same of every link that leads nowhere: unknown, over, revoked."""
    with languages.speaking(language):
        context = {"language": language, "house": House()}
        return render(request, "guest/not_valid.html", context, status=404)


def private(response: HttpResponse) -> HttpResponse:
    """Keep the page out of caches, search engines, and the link out of others' logs."""
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Vary"] = "Cookie, Accept-Language"
    return response
