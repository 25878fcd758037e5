"""What every page's frame shows."""

from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest

from accounts.actors import Actor
from accounts.permissions import Permission


def chrome(request: HttpRequest) -> dict[str, Any]:
    actor: Actor | None = getattr(request, "actor", None)
    return {
        "actor": actor,
        "may_manage_accounts": actor is not None and actor.may(Permission.MANAGE_ACCOUNTS),
        "may_manage_people": actor is not None and actor.may(Permission.MANAGE_PEOPLE),
        "may_use_cards": actor is not None and actor.may(Permission.MAKE_CARDS),
        "may_unlock": actor is not None and actor.may(Permission.UNLOCK),
        "sandbox_url": settings.SANDBOX_URL if actor and actor.workspace.is_sandbox else "",
        "idle_seconds": settings.SESSION_IDLE_SECONDS,
        # Asked of the database only by pages that show a time.
        "reader_zone": lambda: ZoneInfo(actor.zone_name if actor else "UTC"),
    }
