"""Who is asking: sessions that end, and the actor of a request."""

from collections.abc import Callable
from uuid import UUID

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.actors import actor_of

GetResponse = Callable[[HttpRequest], HttpResponse]

#: Session key: when the person last did something themselves, in seconds since 1970.
ACTIVE_AT = "active_at"
SIGNED_IN_AT = "signed_in_at"
#: Session key: which workspace somebody of several has chosen, as text.
CHOSEN_WORKSPACE = "workspace_id"
#: A session row is written at most this often for a person who is busy.
_WRITE_EVERY_SECONDS = 30
#: Requests that pages make by themselves; they keep nobody signed in (reliability AUTH-04).
AUTOMATIC_HEADER = "HX-Automatic"


def idle_sessions(get_response: GetResponse) -> GetResponse:
    """End sessions after half an hour without a person, and after twelve hours in any case."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            now = timezone.now().timestamp()
            active_at = request.session.get(ACTIVE_AT, now)
            if is_over(active_at, request.session.setdefault(SIGNED_IN_AT, now), now):
                logout(request)
            elif AUTOMATIC_HEADER not in request.headers and (
                ACTIVE_AT not in request.session or now - active_at > _WRITE_EVERY_SECONDS
            ):
                request.session[ACTIVE_AT] = now
        return get_response(request)

    return middleware


def is_over(active_at: float, signed_in_at: float, now: float) -> bool:
    """Tell whether a session with these times (seconds since 1970) has ended at `now`."""
    idle: float = settings.SESSION_IDLE_SECONDS
    longest: float = settings.SESSION_COOKIE_AGE
    return now - active_at > idle or now - signed_in_at > longest


def actor(get_response: GetResponse) -> GetResponse:
    """Set `request.actor` to the signed-in person in their workspace, or None."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.actor = None  # type: ignore[attr-defined]
        if request.user.is_authenticated:
            chosen = request.session.get(CHOSEN_WORKSPACE)
            request.actor = actor_of(request.user, UUID(chosen) if chosen else None)  # type: ignore[attr-defined]
        return get_response(request)

    return middleware
